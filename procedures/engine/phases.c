/* procedures/engine/phases.c - `record:`: every 10 s or 2 mV, or phases: every 100 ms for 5 s then
 * every 1 s. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* ---- Ranges ---- */

/* The end of a range may be a C-rate of the article's capacity, which the run never changes. */
static int range_current(struct parser *ps, int n)
{
    struct comp *c = ps->c;
    const struct node x = c->node[n];
    struct diag_pos pos;
    int amperes;

    if (!dims_equal(x.t.dims, DIMS_CRATE) || x.op != INSN_CONST)
        return convert_current(c, n);
    if (!base_known(c, n, src_pos(ps->src, x.at, x.n, &pos))) {
        ps->failed = true;
        return NODE_NONE;
    }
    amperes = node_const(c, x.v * c->p->one_c_a, TYPE_OF(DIMS_CURRENT));
    if (amperes != NODE_NONE) {
        c->node[amperes].at = x.at;
        c->node[amperes].n = x.n;
    }
    return amperes;
}

static bool range_side(struct parser *ps, struct type want, const char *what, double *ret)
{
    struct comp *c = ps->c;
    int n = parse_sum(ps);

    if (n == NODE_NONE)
        return false;
    if (dims_equal(want.dims, DIMS_CURRENT))
        n = range_current(ps, n);
    if (n == NODE_NONE)
        return false;
    const struct node x = c->node[n];

    if (!x.t.any && !want.any && dims_equal(x.t.dims, DIMS_NONE) &&
        !dims_equal(want.dims, DIMS_NONE) && x.op == INSN_CONST && !x.t.boolean) {
        char buf[48];

        parse_fail(ps, E_UNIT, x.at, x.n, "%s: %.*s has no unit; it is %s", what,
                   (int)(x.n < 30 ? x.n : 30), ps->src->text + x.at,
                   type_name(&want, buf, sizeof(buf)));
        HINT(c, "both ends carry their unit, as in 2 V .. 4 V");
        return false;
    }
    if (!want.any && !type_want(c, ps->src, n, want, what)) {
        ps->failed = true;
        return false;
    }
    if (x.op != INSN_CONST && !(x.op == INSN_MUL && c->open_article)) {
        parse_fail(ps, E_INVALID, x.at, x.n, "the ends of a range are known before the run");
        return false;
    }
    *ret = x.op == INSN_CONST ? x.v : (double)NAN;
    return true;
}

bool parse_range(struct parser *ps, struct type want, const char *what, struct range *ret)
{
    struct range r = {-INFINITY, INFINITY};
    size_t at = ps->tok.at;
    bool lower = false, upper;

    if (!(ps->tok.kind == TOK_OP && strcmp(ps->tok.op, "..") == 0)) {
        lower = true;
        if (!range_side(ps, want, what, &r.lo))
            return false;
    }
    if (!parse_op(ps, "..")) {
        parse_fail(ps, E_SYNTAX, at, ps->src->n - at, "%s is a range", what);
        HINT(ps->c, "write A .. B, `.. B` or `A ..`");
        return false;
    }
    upper = ps->tok.kind != TOK_END && !parse_is_word(ps, "for") && !parse_is_word(ps, "by");
    if (upper && !range_side(ps, want, what, &r.hi))
        return false;
    if (!lower && !upper) {
        parse_fail(ps, E_SYNTAX, at, 2, "a range needs at least one end");
        return false;
    }
    *ret = r;
    return true;
}

/* ---- record ---- */

static const struct record_phase nothing = {INFINITY, INFINITY, INFINITY,
                                            INFINITY, INFINITY, INFINITY};

/* The field that a quantity sets; NULL: none of them. */
static double *phase_field(struct record_phase *r, const struct type *t)
{
    const struct {
        struct dims dims;
        double *field;
    } table[] = {
        {DIM_TIME,        &r->period_s},
        {DIM_VOLTAGE,     &r->delta_v },
        {DIM_CURRENT,     &r->delta_a },
        {DIM_PRESSURE,    &r->delta_pa},
        {DIM_TEMPERATURE, &r->delta_k },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (dims_equal(table[i].dims, t->dims) && !t->point)
            return table[i].field;
    return NULL;
}

/* One positive constant. */
static bool phase_value(struct parser *ps, struct type *ret_t, double *ret)
{
    int n = parse_sum(ps);
    const struct node *x;

    if (n == NODE_NONE)
        return false;
    n = convert_current(ps->c, n);
    x = &ps->c->node[n];
    *ret_t = x->t;
    *ret = x->v;
    if (x->op == INSN_CONST && (x->v > 0.0 || (ps->c->open_article && isnan(x->v))))
        return true;
    parse_fail(ps, E_RANGE, x->at, x->n,
               "record takes times and differences above zero, known before the run");
    return false;
}

static bool parse_phase(struct parser *ps, struct record_phase *ret)
{
    struct record_phase r = nothing;
    struct type t;
    double v, *field;
    size_t at;

    if (!parse_word(ps, "every")) {
        parse_fail(ps, E_SYNTAX, ps->tok.at, ps->tok.n, "record is written `every 10 s or 2 mV`");
        return false;
    }
    do {
        at = ps->tok.at;
        if (!phase_value(ps, &t, &v))
            return false;
        field = phase_field(&r, &t);
        if (!field || isfinite(*field)) {
            parse_fail(ps, E_UNIT, at, ps->src->n - at,
                       field ? "this is given twice"
                             : "record takes a time, or a difference of voltage, current, pressure "
                               "or temperature (K)");
            return false;
        }
        *field = v;
    } while (parse_word(ps, "or"));
    if (isfinite(r.period_s) && r.period_s < 1e-3) {
        parse_fail(ps, E_RANGE, at, ps->src->n - at, "nothing is recorded faster than every 1 ms");
        return false;
    }
    if (parse_word(ps, "for")) {
        at = ps->tok.at;
        if (!phase_value(ps, &t, &r.for_s))
            return false;
        if (!dims_equal(t.dims, DIMS_TIME)) {
            parse_fail(ps, E_UNIT, at, ps->src->n - at, "a phase lasts a time");
            return false;
        }
    }
    *ret = r;
    return true;
}

static uint16_t phase_add(struct comp *c, struct record_phase r)
{
    uint32_t i = TABLE_ADD(c, records, TABLE_MAX);

    c->p->records[i] = r;
    c->p->n_records = (uint16_t)(i + 1);
    return (uint16_t)i;
}

uint16_t default_record(struct comp *c)
{
    struct record_phase r = nothing;

    r.period_s = 10.0;
    return phase_add(c, r);
}

bool compile_record(struct comp *c, const struct conf_node *n, uint16_t *ret_first, uint16_t *ret_n)
{
    struct src s = src_value(n);
    struct record_phase r;
    struct parser ps;
    uint16_t count = 0, first = 0, i;
    bool more = true;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "record is written `every 10 s or 2 mV`");
        return false;
    }
    parse_begin(&ps, c, &s, 0);
    while (more) {
        if (!parse_phase(&ps, &r))
            return false;
        if (count >= 8) {
            FAIL(c, E_FULL, &n->pos, "at most 8 phases");
            return false;
        }
        i = phase_add(c, r);
        first = count++ == 0 ? i : first;
        more = parse_word(&ps, "then");
        if (more && !isfinite(r.for_s)) {
            FAIL(c, E_SYNTAX, &n->pos, "a phase before `then` needs its `for`");
            return false;
        }
    }
    if (!parse_end(&ps))
        return false;
    if (isfinite(r.for_s)) {
        FAIL(c, E_SYNTAX, &n->pos, "the last phase goes on: it has no `for`");
        HINT(c, "add `then every ...`");
        return false;
    }
    *ret_first = first;
    *ret_n = count;
    return true;
}
