/* analysis/recording.c - a run as columns in memory: the cycler's rows, and beside each what the
 * other instruments had said last.
 */
#include "analysis/recording.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLES_MAX = 16
};

struct reading {
    unsigned n_tables, main; /* main: the cycler's */
    struct number_columns table[TABLES_MAX];
    int voltage, current; /* columns of main */
    struct recording r;
    size_t n_began, size_began; /* of the run's steps, in order of their numbers */
    struct {
        uint32_t number;
        double t_s;
    } * began;
};

/* ---- What the file has ---- */

static int column_in(const struct number_columns *c, const char *unit)
{
    for (unsigned i = 0; i < c->n_columns; i++) {
        if (strcmp(c->column[i].unit, unit) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The table that counts charge; in a run without one the first that has voltage and current. */
static int find_main(struct reading *x, struct diag *reterr)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < x->n_tables; i++) {
            int v = column_in(&x->table[i], "V"), a = column_in(&x->table[i], "A");

            if (v >= 0 && a >= 0 && (pass == 1 || x->table[i].counts)) {
                x->main = i;
                x->voltage = v;
                x->current = a;
                return 0;
            }
        }
    }
    return diag_add(reterr, E_NOENT,
                    "no table of the run has a voltage and a current: nothing to analyse");
}

static int read_tables(struct run_file *f, struct reading *x, struct diag *reterr)
{
    int rc = 0;

    while (x->n_tables < TABLES_MAX) {
        rc = run_columns(f, x->n_tables, &x->table[x->n_tables], reterr);
        if (rc < 0) {
            break;
        }
        x->n_tables++;
    }
    return rc == E_NOENT ? 0 : rc;
}

static int on_step(void *ctx, const struct step_row *s)
{
    struct reading *x = ctx;

    if (x->n_began == x->size_began) {
        size_t size = 2 * x->size_began + 64;
        void *p = realloc(x->began, size * sizeof(x->began[0]));

        if (!p) {
            return E_NOMEM;
        }
        x->began = p;
        x->size_began = size;
    }
    x->began[x->n_began].number = s->number;
    x->began[x->n_began++].t_s = nsec_to_s(s->began);
    return 0;
}

/* ---- Making the columns ---- */

static int add_extra(struct recording *r, double *p, const char *table, const char *name,
                     bool with_table)
{
    struct recording_column *c;

    if (r->n_extra == RECORDING_EXTRA_MAX) {
        return E_FULL;
    }
    c = &r->extra[r->n_extra];
    if (str_fmt(c->name, sizeof(c->name), "%s%s%s", with_table ? table : "", with_table ? "_" : "",
                name) < 0) {
        return E_FULL;
    }
    c->v = p;
    r->n_extra++;
    return 0;
}

static size_t extras_wanted(const struct reading *x)
{
    size_t n = 1; /* step_time_s */

    for (unsigned i = 0; i < x->n_tables; i++) {
        n += x->table[i].n_columns;
    }
    return n - 2 < RECORDING_EXTRA_MAX ? n - 2 : RECORDING_EXTRA_MAX;
}

static int make_room(struct reading *x, struct diag *reterr)
{
    const struct number_columns *m = &x->table[x->main];
    size_t n = m->n, doubles = 3 + extras_wanted(x);
    size_t each = doubles * sizeof(double) + 2 * sizeof(uint32_t);
    double *p = n < SIZE_MAX / each ? malloc(n > 0 ? n * each : 1) : NULL;
    struct recording *r = &x->r;

    if (!p) {
        return diag_add(reterr, E_NOMEM, "no memory for %zu rows", n);
    }
    *r = (struct recording){
        .n = n, .t_s = p, .voltage_v = p + n, .current_a = p + 2 * n, .block = p};
    r->step = (uint32_t *)(void *)(p + doubles * n);
    r->cycle = r->step + n;
    return 0;
}

static struct recording_accuracy accuracy_of(const struct number_column *c)
{
    return (struct recording_accuracy){c->accuracy_reading, c->accuracy_offset, c->resolution};
}

/* Our own count of a step is a counter like an instrument's: it saw every sample, not only those
 * that were recorded. An imported run brings its instrument's own beside it. */
static const char *extra_name(const struct number_columns *m, unsigned i, bool has_counter)
{
    bool count = m->counts && i + 2 >= m->n_columns;

    if (!count || has_counter) {
        return m->column[i].name;
    }
    return i + 2 == m->n_columns ? "counter_ah" : "counter_wh";
}

static bool brings_counter(const struct number_columns *m)
{
    for (unsigned i = 0; i < m->n_columns; i++) {
        if (str_starts(m->column[i].name, "counter_")) {
            return true;
        }
    }
    return false;
}

static void take_main(struct reading *x)
{
    const struct number_columns *m = &x->table[x->main];
    struct recording *r = &x->r;
    bool has_counter = brings_counter(m);
    size_t bytes = r->n * sizeof(double);
    double *p = r->t_s + 3 * r->n;

    memcpy(r->t_s, m->t_s, bytes);
    memcpy(r->voltage_v, m->column[x->voltage].v, bytes);
    memcpy(r->current_a, m->column[x->current].v, bytes);
    memcpy(r->step, m->step, r->n * sizeof(*r->step));
    memcpy(r->cycle, m->cycle, r->n * sizeof(*r->cycle));
    r->voltage = accuracy_of(&m->column[x->voltage]);
    r->current = accuracy_of(&m->column[x->current]);
    r->counter_resets = has_counter ? RECORDING_NEVER : RECORDING_PER_STEP;
    for (unsigned i = 0; i < m->n_columns; i++) {
        if ((int)i == x->voltage || (int)i == x->current) {
            continue;
        }
        if (add_extra(r, p, m->table, extra_name(m, i, has_counter), false) < 0) {
            continue;
        }
        memcpy(p, m->column[i].v, bytes);
        p += r->n;
    }
}

static void take_step_time(struct reading *x)
{
    struct recording *r = &x->r;
    double *p = r->t_s + (3 + r->n_extra) * r->n;
    size_t s = 0;

    if (x->n_began == 0 || recording_extra(r, "step_time_s") ||
        add_extra(r, p, "", "step_time_s", false) < 0) {
        return;
    }
    for (size_t k = 0; k < r->n; k++) {
        while (s < x->n_began && x->began[s].number < r->step[k]) {
            s++;
        }
        p[k] = s < x->n_began && x->began[s].number == r->step[k] ? r->t_s[k] - x->began[s].t_s
                                                                  : (double)NAN;
    }
}

/* The last value at or before each of our rows. */
static void take_other(struct reading *x, const struct number_columns *c)
{
    struct recording *r = &x->r;

    for (unsigned i = 0; i < c->n_columns; i++) {
        double *p = r->t_s + (3 + r->n_extra) * r->n;
        size_t k = 0;

        if (add_extra(r, p, c->table, c->column[i].name,
                      recording_extra(r, c->column[i].name) != NULL) < 0) {
            continue;
        }
        for (size_t row = 0; row < r->n; row++) {
            while (k < c->n && c->t_s[k] <= r->t_s[row]) {
                k++;
            }
            p[row] = k > 0 ? c->column[i].v[k - 1] : (double)NAN;
        }
    }
}

static int assemble(struct run_file *f, struct reading *x, struct diag *reterr)
{
    struct run_info info;
    int rc = find_main(x, reterr);

    if (rc == 0) {
        rc = run_info(f, &info, reterr);
    }
    if (rc == 0) {
        rc = run_steps(f, on_step, x, reterr);
    }
    if (rc == 0) {
        rc = make_room(x, reterr);
    }
    if (rc < 0) {
        return rc;
    }
    x->r.capacity_ah = info.capacity_c > 0.0 ? info.capacity_c / 3600.0 : (double)NAN;
    take_main(x);
    take_step_time(x);
    for (unsigned i = 0; i < x->n_tables; i++) {
        if (i != x->main) {
            take_other(x, &x->table[i]);
        }
    }
    return recording_split(&x->r, reterr);
}

/* An imported run says when its source's counters begin anew. */
static int take_resets(void *ctx, const struct measure_row *row)
{
    struct recording *r = ctx;

    if (strcmp(row->name, "counter_resets") == 0 && row->value >= RECORDING_NEVER &&
        row->value <= RECORDING_PER_CYCLE) {
        r->counter_resets = (enum recording_resets)row->value;
    }
    return 0;
}

int recording_read(struct run_file *f, struct recording *ret, struct diag *reterr)
{
    struct reading *x = calloc(1, sizeof(*x));
    int rc;

    if (!x) {
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    rc = read_tables(f, x, reterr);
    if (rc == 0) {
        rc = assemble(f, x, reterr);
    }
    if (rc == 0) {
        rc = run_registers(f, take_resets, &x->r, reterr);
    }
    for (unsigned i = 0; i < x->n_tables; i++) {
        number_columns_done(&x->table[i]);
    }
    if (rc == 0) {
        *ret = x->r;
    } else {
        recording_done(&x->r);
    }
    free(x->began);
    free(x);
    return rc;
}

void recording_done(struct recording *r)
{
    free(r->block);
    free(r->steps);
    *r = (struct recording){0};
}

const double *recording_extra(const struct recording *r, const char *name)
{
    for (unsigned i = 0; i < r->n_extra; i++) {
        if (strcmp(r->extra[i].name, name) == 0) {
            return r->extra[i].v;
        }
    }
    return NULL;
}
