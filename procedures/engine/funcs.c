/* procedures/engine/funcs.c - functions in expressions: over time they become windows, over arrays
 * plain arithmetic on the members. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

enum func {
    FUNC_ABS,
    FUNC_RATE,
    FUNC_MEAN,
    FUNC_MAX,
    FUNC_MIN,
    FUNC_LOWEST,
    FUNC_HIGHEST,
    FUNC_SPREAD,
    FUNC_SUM,
    FUNC_COUNT,
    FUNC_NONE
};
static const char *const func_names[] = {"abs",     "rate",   "mean", "max",   "min", "lowest",
                                         "highest", "spread", "sum",  "count", NULL};

static bool close_call(struct parser *ps, size_t at, size_t n)
{
    if (parse_op(ps, ")"))
        return true;
    parse_fail(ps, E_SYNTAX, at, n, "the call is not closed");
    HINT(ps->c, "a parenthesis is missing");
    return false;
}

static enum func func_find(const struct parser *ps, const struct token *name)
{
    for (int i = 0; func_names[i]; i++)
        if (strlen(func_names[i]) == name->n &&
            memcmp(func_names[i], ps->src->text + name->at, name->n) == 0)
            return (enum func)i;
    return FUNC_NONE;
}

/* ---- Over arrays ---- */

static int fold(struct comp *c, enum insn_op op, const struct members *m, struct type t)
{
    int n = node_chan(c, m->chan[0]);

    for (unsigned i = 1; i < m->n && n != NODE_NONE; i++) {
        int x = node_chan(c, m->chan[i]);

        n = x == NODE_NONE ? NODE_NONE : node_op2(c, op, n, x, t);
    }
    return n;
}

static int fold_known(struct comp *c, const struct members *m)
{
    const struct type t = TYPE_OF(DIMS_NONE);
    int n = NODE_NONE;

    for (unsigned i = 0; i < m->n; i++) {
        int x = node_add(
            c, (struct node){
                   .op = INSN_KNOWN, .a = m->chan[i], .l = NODE_NONE, .r = NODE_NONE, .t = t});

        n = i == 0                             ? x
            : x == NODE_NONE || n == NODE_NONE ? NODE_NONE
                                               : node_op2(c, INSN_ADD, n, x, t);
    }
    return n;
}

/* Sums of temperatures are done on the numbers; only the result has a type. */
static int array_value(struct parser *ps, enum func f, const struct members *m)
{
    struct comp *c = ps->c;
    const struct chan_kind_info *info = chan_kind_info(c->p->station.chan[m->chan[0]].kind);
    const struct type t = {.dims = info->dims, .point = info->point}, diff = {.dims = info->dims};
    int a, b;

    switch (f) {
    case FUNC_LOWEST: return fold(c, INSN_MIN, m, t);
    case FUNC_HIGHEST: return fold(c, INSN_MAX, m, t);
    case FUNC_SPREAD:
        a = fold(c, INSN_MAX, m, t);
        b = fold(c, INSN_MIN, m, t);
        return a == NODE_NONE || b == NODE_NONE ? NODE_NONE : node_op2(c, INSN_SUB, a, b, diff);
    case FUNC_SUM: return fold(c, INSN_ADD, m, diff);
    case FUNC_MEAN:
        a = fold(c, INSN_ADD, m, t);
        b = node_const(c, (double)m->n, TYPE_OF(DIMS_NONE));
        return a == NODE_NONE || b == NODE_NONE ? NODE_NONE : node_op2(c, INSN_DIV, a, b, t);
    case FUNC_COUNT: return fold_known(c, m);
    case FUNC_ABS:
    case FUNC_RATE:
    case FUNC_MAX:
    case FUNC_MIN:
    case FUNC_NONE: break;
    }
    return NODE_NONE;
}

/* Reads the path of an array up to the closing parenthesis. False: not a path, or unknown; *ret_any
 * in an open check. */
static bool parse_path(struct parser *ps, struct members *ret, bool *ret_any)
{
    char path[CHAN_NAME_MAX];

    *ret_any = false;
    if (ps->tok.kind != TOK_WORD || ps->tok.n >= sizeof(path))
        return false;
    memcpy(path, ps->src->text + ps->tok.at, ps->tok.n);
    path[ps->tok.n] = '\0';
    if (!array_find(ps->c, path, ret)) {
        chan_id air = air_for_cell(ps, path, ps->tok.at);

        if (air != CHAN_NONE)
            ret->chan[ret->n++] = air;
    }
    if (ret->n == 0 && ps->c->open_station && strchr(path, '.')) {
        comp_open(ps->c, "channel %s", path);
        *ret_any = true;
    }
    return ret->n > 0 || *ret_any;
}

static int call_array(struct parser *ps, enum func f, const struct token *name)
{
    struct members m;
    bool any;

    if (!parse_path(ps, &m, &any)) {
        parse_fail(ps, E_NOENT, ps->tok.at, ps->tok.n,
                   "%s() is taken over the channels of an array; the station has no such channels",
                   func_names[f]);
        return NODE_NONE;
    }
    parse_next(ps);
    if (f == FUNC_COUNT && !parse_word(ps, "ok")) {
        parse_fail(ps, E_SYNTAX, name->at, name->n, "written count(CHANNEL ok)");
        return NODE_NONE;
    }
    if (!close_call(ps, name->at, name->n))
        return NODE_NONE;
    if (any)
        return node_const(ps->c, NAN, (struct type){.any = f != FUNC_COUNT});
    return array_value(ps, f, &m);
}

/* `which lowest(x)`: the number of the member, from 1. The smallest of i + (is it another?) * 1e6.
 */
static int which_of(struct parser *ps, const struct members *m, bool lowest)
{
    struct comp *c = ps->c;
    const struct type plain = TYPE_OF(DIMS_NONE);
    int n = NODE_NONE;

    for (unsigned i = 0; i < m->n; i++) {
        int x = node_chan(c, m->chan[i]),
            best = fold(c, lowest ? INSN_MIN : INSN_MAX, m, TYPE_OF(DIMS_NONE));
        int big = node_const(c, 1e6, plain), one = node_const(c, i + 1.0, plain);

        if (x == NODE_NONE || best == NODE_NONE || big == NODE_NONE || one == NODE_NONE)
            return NODE_NONE;
        x = node_op2(c, INSN_NE, x, best, plain);
        x = x == NODE_NONE ? x : node_op2(c, INSN_MUL, x, big, plain);
        x = x == NODE_NONE ? x : node_op2(c, INSN_ADD, one, x, plain);
        n = i == 0 || x == NODE_NONE ? x : node_op2(c, INSN_MIN, n, x, plain);
        if (n == NODE_NONE)
            return n;
    }
    return n;
}

int parse_which(struct parser *ps, const struct token *name)
{
    enum func f = func_find(ps, name);
    struct members m;
    bool any;

    if ((f != FUNC_LOWEST && f != FUNC_HIGHEST) || !parse_op(ps, "(")) {
        parse_fail(ps, E_SYNTAX, name->at, name->n,
                   "written `which lowest(CHANNEL)` or `which highest(CHANNEL)`");
        return NODE_NONE;
    }
    if (!parse_path(ps, &m, &any)) {
        parse_fail(ps, E_NOENT, ps->tok.at, ps->tok.n, "the station has no such channels");
        return NODE_NONE;
    }
    parse_next(ps);
    if (!close_call(ps, name->at, name->n))
        return NODE_NONE;
    return any ? node_const(ps->c, NAN, (struct type){.any = true})
               : which_of(ps, &m, f == FUNC_LOWEST);
}

/* ---- Over time ---- */

/* `over 30 s`, `over step`; false when there is none or after a finding. */
static bool parse_over(struct parser *ps, bool *ret_step, double *ret_span_s)
{
    int n;

    if (!parse_word(ps, "over"))
        return false;
    if (parse_word(ps, "step")) {
        *ret_step = true;
        *ret_span_s = 0.0;
        return true;
    }
    n = parse_sum(ps);
    if (n == NODE_NONE)
        return false;
    const struct node *x = &ps->c->node[n];

    if (!node_is_const(ps->c, n) || !dims_equal(x->t.dims, DIMS_TIME) || !(x->v > 0.0) ||
        x->v > 1e8) {
        parse_fail(ps, E_UNIT, x->at, x->n,
                   "`over` takes a time that is known before the run, or `step`");
        return false;
    }
    *ret_step = false;
    *ret_span_s = x->v;
    return true;
}

static int call_rate(struct parser *ps, const struct token *name, int x)
{
    struct type t = ps->c->node[x].t;
    bool step;
    double span_s;

    if (!parse_over(ps, &step, &span_s) || step) {
        parse_fail(ps, E_SYNTAX, name->at, name->n, "a rate needs a time: rate(x over 30 s)");
        return NODE_NONE;
    }
    t.point = false;
    t.dims = dims_div(t.dims, DIMS_TIME);
    return close_call(ps, name->at, name->n) ? node_window(ps->c, WINDOW_RATE, x, false, span_s, t)
                                             : NODE_NONE;
}

static int call_two(struct parser *ps, enum func f, const struct token *name, int l)
{
    const struct type *a = &ps->c->node[l].t;
    int r = parse_sum(ps);

    if (r == NODE_NONE || !close_call(ps, name->at, name->n))
        return NODE_NONE;
    const struct node *x = &ps->c->node[r];

    if (!a->any && !x->t.any &&
        (!dims_equal(a->dims, x->t.dims) || a->point != x->t.point || x->t.boolean)) {
        parse_fail(ps, E_UNIT, x->at, x->n, "both values of %s() are of one sort", func_names[f]);
        return NODE_NONE;
    }
    return node_op2(ps->c, f == FUNC_MAX ? INSN_MAX : INSN_MIN, l, r, a->any ? x->t : *a);
}

/* max, min and mean of an expression: over time, else over the step. */
static int call_extreme(struct parser *ps, enum func f, const struct token *name, int x)
{
    const enum window_kind kind = f == FUNC_MAX   ? WINDOW_MAX
                                  : f == FUNC_MIN ? WINDOW_MIN
                                                  : WINDOW_MEAN;
    struct type t = ps->c->node[x].t;
    bool step = true;
    double span_s = 0.0;

    if (f != FUNC_MEAN && parse_op(ps, ","))
        return call_two(ps, f, name, x);
    if (!parse_over(ps, &step, &span_s) && ps->failed)
        return NODE_NONE;
    if (step && !(ps->use & USE_STEP)) {
        parse_fail(ps, E_INVALID, name->at, name->n, "%s() over a step cannot be used here",
                   func_names[f]);
        HINT(ps->c, "give it a time: %s(x over 30 s)", func_names[f]);
        return NODE_NONE;
    }
    return close_call(ps, name->at, name->n) ? node_window(ps->c, kind, x, step, span_s, t)
                                             : NODE_NONE;
}

static int call_abs(struct parser *ps, const struct token *name, int x)
{
    struct type t = ps->c->node[x].t;

    if (t.point && !t.any) {
        parse_fail(ps, E_UNIT, ps->c->node[x].at, ps->c->node[x].n,
                   "a place on the temperature scale has no magnitude");
        return NODE_NONE;
    }
    return close_call(ps, name->at, name->n) ? node_op1(ps->c, INSN_ABS, x, t) : NODE_NONE;
}

/* mean(path) without `over` is a mean over the array. */
static bool is_array_mean(const struct parser *ps)
{
    struct parser ahead = *ps;
    struct token t;

    if (ps->tok.kind != TOK_WORD || !memchr(ps->src->text + ps->tok.at, '.', ps->tok.n))
        return false;
    return lex_next(&ahead.lx, &t, NULL) == 0 && t.kind == TOK_OP && strcmp(t.op, ")") == 0;
}

static int unknown_func(struct parser *ps, const struct token *name)
{
    char word[32];
    const char *near;

    parse_fail(ps, E_NOENT, name->at, name->n, "there is no function '%.*s'",
               (int)(name->n < 40 ? name->n : 40), ps->src->text + name->at);
    if (name->n < sizeof(word)) {
        memcpy(word, ps->src->text + name->at, name->n);
        word[name->n] = '\0';
        near = str_nearest(word, func_names);
        if (near)
            HINT(ps->c, "did you mean %s()?", near);
    }
    return NODE_NONE;
}

static int parse_func(struct parser *ps, enum func f, const struct token *name)
{
    const struct node *arg;
    int x;

    if ((f >= FUNC_LOWEST && f <= FUNC_COUNT) || (f == FUNC_MEAN && is_array_mean(ps)))
        return call_array(ps, f, name);
    x = parse_sum(ps);
    if (x == NODE_NONE)
        return x;
    arg = &ps->c->node[x];
    if (arg->t.boolean || arg->t.words || arg->t.text)
        return parse_fail(ps, E_UNIT, arg->at, arg->n, "%s() needs a number", func_names[f]);
    if (f == FUNC_ABS)
        return call_abs(ps, name, x);
    return f == FUNC_RATE ? call_rate(ps, name, x) : call_extreme(ps, f, name, x);
}

int parse_call(struct parser *ps, const struct token *name)
{
    enum func f = func_find(ps, name);
    int n;

    if (f == FUNC_NONE)
        return unknown_func(ps, name);
    if (ps->depth >= NEST_MAX)
        return parse_fail(ps, E_FULL, name->at, name->n, "the expression is nested too deeply");
    ps->depth++;
    parse_next(ps);
    n = parse_func(ps, f, name);
    ps->depth--;
    if (n == NODE_NONE)
        return n;
    ps->c->node[n].at = (uint32_t)name->at;
    ps->c->node[n].n = (uint32_t)((ps->failed ? ps->src->n : ps->tok.at) - name->at);
    while (ps->c->node[n].n > 0 && ps->src->text[ps->c->node[n].at + ps->c->node[n].n - 1] == ' ')
        ps->c->node[n].n--;
    return n;
}
