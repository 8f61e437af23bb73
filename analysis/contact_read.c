/* analysis/contact_read.c - the resistances that a run has measured, with the pressure at each. */
#include "analysis/contact.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct collect {
    const char *wanted; /* NULL: by the rule of contact.h */
    struct contact_rows rows;
    size_t size;
    uint32_t *step;  /* of each row */
    size_t n_joined; /* rows that have met their step */
};

/* r_10 beats what came before it; any other name is kept when it was the first. */
static bool takes(struct collect *c, const struct measure_row *m)
{
    if (strcmp(m->unit, "ohm") != 0 || !isfinite(m->value)) {
        return false;
    }
    if (c->wanted) {
        str_copy(c->rows.name, sizeof(c->rows.name), c->wanted);
        return strcmp(m->name, c->wanted) == 0;
    }
    if (strcmp(m->name, "r_10") == 0 && strcmp(c->rows.name, "r_10") != 0) {
        c->rows.n = 0;
        str_copy(c->rows.name, sizeof(c->rows.name), m->name);
    } else if (c->rows.name[0] == '\0') {
        str_copy(c->rows.name, sizeof(c->rows.name), m->name);
    }
    return strcmp(m->name, c->rows.name) == 0;
}

static int grow(struct collect *c)
{
    size_t size = 2 * c->size + 64;
    struct contact_point *row = realloc(c->rows.row, size * sizeof(*row));
    uint32_t *step;

    if (!row) {
        return E_NOMEM;
    }
    c->rows.row = row;
    step = realloc(c->step, size * sizeof(*step));
    if (!step) {
        return E_NOMEM;
    }
    c->step = step;
    c->size = size;
    return 0;
}

static int on_measure(void *ctx, const struct measure_row *m)
{
    struct collect *c = ctx;

    if (!takes(c, m)) {
        return 0;
    }
    if (c->rows.n == c->size && grow(c) < 0) {
        return E_NOMEM;
    }
    c->step[c->rows.n] = m->step;
    c->rows.row[c->rows.n++] = (struct contact_point){.pressure_pa = NAN,
                                                      .r_ohm = m->value,
                                                      .sigma_ohm = NAN,
                                                      .t_s = nsec_to_s(m->t),
                                                      .cycle = m->cycle};
    return 0;
}

/* Steps and rows both come oldest first. */
static int on_step(void *ctx, const struct step_row *s)
{
    struct collect *c = ctx;

    while (c->n_joined < c->rows.n && c->step[c->n_joined] < s->number) {
        c->n_joined++;
    }
    for (; c->n_joined < c->rows.n && c->step[c->n_joined] == s->number; c->n_joined++) {
        c->rows.row[c->n_joined].pressure_pa = s->pressure_mean_pa;
    }
    return 0;
}

int contact_read(struct run_file *f, const char *name, struct contact_rows *ret,
                 struct diag *reterr)
{
    struct collect c = {.wanted = name};
    int rc = run_registers(f, on_measure, &c, reterr);

    if (rc == 0 && c.rows.n == 0) {
        c.rows.name[0] = '\0';
        rc = run_measures(f, on_measure, &c, reterr);
    }
    if (rc == 0 && c.rows.n > 0) {
        rc = run_steps(f, on_step, &c, reterr);
    }
    free(c.step);
    if (rc != 0) {
        free(c.rows.row);
        return rc < 0 ? rc : E_NOMEM;
    }
    if (c.rows.n == 0) {
        c.rows.name[0] = '\0';
    }
    *ret = c.rows;
    return 0;
}

void contact_rows_done(struct contact_rows *rows)
{
    free(rows->row);
    *rows = (struct contact_rows){0};
}
