/* benchctl/foreign.c - the list of steps that import and export share. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

const char *const foreign_names[] = {"pybamm", "unicycler", NULL};

void foreign_init(struct foreign *f)
{
    *f = (struct foreign){
        .period_s = NAN,
        .delta_v = NAN,
        .delta_a = NAN,
        .guard_v = {-INFINITY, INFINITY},
        .guard_a = {-INFINITY, INFINITY},
        .capacity_c = NAN,
        .stop_v = NAN,
        .stop_s = NAN,
    };
    arena_init(&f->arena);
}

void foreign_done(struct foreign *f)
{
    conf_done(&f->doc);
    arena_done(&f->arena);
    f->n = 0;
}

struct foreign_step foreign_blank(enum foreign_kind kind)
{
    return (struct foreign_step){
        .kind = kind,
        .at = NAN,
        .for_s = NAN,
        .end_v = NAN,
        .taper = NAN,
        .period_s = NAN,
        .temperature_k = NAN,
        .turns = 1,
        .origin = "",
    };
}

static bool beyond(double v, double least, double most)
{
    return !isnan(v) && !(fabs(v) <= most && fabs(v) >= least);
}

int foreign_add(struct foreign *f, struct foreign_step s, struct diag *reterr)
{
    bool source = s.kind == FOREIGN_CHARGE || s.kind == FOREIGN_DISCHARGE;

    if (beyond(s.at, source ? 1e-12 : 0.0, 1e6) || beyond(s.end_v, 0.0, 1e6) ||
        beyond(s.taper, 1e-12, 1e6) || beyond(s.for_s, 1e-6, 1e9))
        return diag_at(reterr, E_RANGE, &s.pos, "a value of this step is out of range");
    if (f->n == FOREIGN_STEPS_MAX) {
        diag_at(reterr, E_FULL, &s.pos, "more than %d steps", FOREIGN_STEPS_MAX);
        diag_hint(reterr, "what is done again is written as a repetition");
        return E_FULL;
    }
    if (f->n == f->room) {
        unsigned room = f->room ? 2 * f->room : 64;
        struct foreign_step *more = arena_alloc(&f->arena, room * sizeof(*more));

        if (f->n > 0)
            memcpy(more, f->step, f->n * sizeof(*more));
        f->step = more;
        f->room = room;
    }
    f->step[f->n++] = s;
    return 0;
}

/* ---- What both directions agree on ---- */

double foreign_timeout_s(const struct foreign_step *s)
{
    bool rate = (s->kind == FOREIGN_CHARGE || s->kind == FOREIGN_DISCHARGE) &&
                dims_equal(s->dims, DIMS_CRATE);

    return rate ? fmin(2.0 / s->at * 3600.0, 1e9) : 24.0 * 3600.0;
}

const struct foreign_step *foreign_lead_in(const struct foreign *f, unsigned i)
{
    const struct foreign_step *before = i > 0 ? &f->step[i - 1] : NULL;
    bool source = before && (before->kind == FOREIGN_CHARGE || before->kind == FOREIGN_DISCHARGE);

    if (!source || before->end_sign || !foreign_same(before->end_v, f->step[i].at))
        return NULL;
    return dims_equal(before->dims, DIMS_CRATE) || dims_equal(before->dims, DIMS_CURRENT) ? before
                                                                                          : NULL;
}

/* ---- Which form ---- */

enum foreign_form foreign_guess(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && text[i] && strchr(" \t\r\n", text[i]))
        i++;
    if (i == n || text[i] != '{')
        return FOREIGN_PYBAMM;
    /* PyBaMM's own JSON has cycles or steps */
    for (; i + 8 <= n; i++)
        if (memcmp(text + i, "\"method\"", 8) == 0 || memcmp(text + i, "\"record\"", 8) == 0)
            return FOREIGN_UNICYCLER;
    return FOREIGN_PYBAMM;
}

/* What is shown in messages must not steer a terminal. */
static int check_bytes(const char *file, const char *text, size_t n, struct foreign *f,
                       struct diag *reterr)
{
    struct foreign_source src;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i], before = i > 0 ? (unsigned char)text[i - 1] : 0;
        struct diag_pos pos;

        if ((c >= 0x20 && c != 0x7F && !(before == 0xC2 && c < 0xA0)) || c == '\t' || c == '\n' ||
            c == '\r')
            continue;
        foreign_source_init(&src, file, text, n, &f->arena);
        pos = foreign_pos(&src, i, i + 1);
        pos.text = NULL;
        return diag_at(reterr, E_INVALID, &pos,
                       "a control character (0x%02X): this is not a text file", c);
    }
    return 0;
}

int foreign_read(enum foreign_form form, const char *file, const char *text, size_t n,
                 struct foreign *ret, struct diag *reterr)
{
    size_t mark = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    struct foreign f;
    int rc;

    foreign_init(&f);
    rc = check_bytes(file, text, n, &f, reterr);
    if (rc == 0)
        rc = form == FOREIGN_PYBAMM ? pybamm_read(file, text + mark, n - mark, &f, reterr)
                                    : unicycler_read(file, text + mark, n - mark, &f, reterr);
    if (rc < 0) {
        foreign_done(&f);
        return rc;
    }
    *ret = f;
    return 0;
}

int foreign_write(const struct foreign *f, enum foreign_form form, const char *name,
                  struct text *out, struct diag *reterr)
{
    return form == FOREIGN_PYBAMM ? pybamm_write(f, name, out, reterr)
                                  : unicycler_write(f, out, reterr);
}
