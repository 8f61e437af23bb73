/* procedures/engine/expr.c - recursive descent over one expression, making typed nodes.
 *
 *     condition: or [for TIME]         or: and {or and}       and: not {and not}        not: [not]
 * comparison comparison: sum [< <= > >= == != sum | within sum [of sum] | is WORD | ended by NAME]
 *     sum: product {+ - product}       product: unary {* / mod unary}                   unary: [-]
 * primary
 *
 * Dimensions are settled here, node by node, so that a message can point at the two sides that do
 * not fit. A place on the temperature scale and a difference of temperatures are two types: point -
 * point is a difference, point + difference a point, and nothing else is allowed with a point. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* ---- Types of operations ---- */

static const struct node *node_at(const struct parser *ps, int n)
{
    return &ps->c->node[n];
}

static bool is_temperature(const struct type *t)
{
    return dims_equal(t->dims, DIMS_TEMPERATURE) && !t->boolean && !t->words && !t->text;
}

/* "compares voltage with current", and what may have been meant. */
static int clash(struct parser *ps, int l, int r, const char *verb)
{
    const struct node *left = node_at(ps, l), *right = node_at(ps, r);
    char a[48], b[48];
    bool scale = is_temperature(&left->t) && is_temperature(&right->t);

    parse_fail(ps, E_UNIT, right->at, right->n, "%s %s and %s", verb,
               type_name(&left->t, a, sizeof(a)), type_name(&right->t, b, sizeof(b)));
    if (scale)
        HINT(ps->c, "a place on the scale is written in degC, a difference in K");
    else if (right->op == INSN_CONST && !right->t.boolean) {
        static const struct {
            struct dims dims;
            const char *unit;
        } units[] = {
            {DIM_VOLTAGE,     "V"   },
            {DIM_CURRENT,     "A"   },
            {DIM_TIME,        "s"   },
            {DIM_PRESSURE,    "MPa" },
            {DIM_CHARGE,      "mAh" },
            {DIM_TEMPERATURE, "degC"},
            {DIM_FORCE,       "N"   }
        };
        size_t digits = strspn(ps->src->text + right->at, "-.0123456789");

        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            if (digits > 0 && digits < 24 && dims_equal(units[i].dims, left->t.dims))
                HINT(ps->c, "did you mean %.*s %s?", (int)digits, ps->src->text + right->at,
                     i == 5 && !left->t.point ? "K" : units[i].unit);
    }
    return NODE_NONE;
}

static bool is_number(struct parser *ps, int n, const char *what)
{
    const struct node *x = node_at(ps, n);

    if (!x->t.boolean && !x->t.words && !x->t.text)
        return true;
    parse_fail(ps, E_UNIT, x->at, x->n, "%s needs a number; this is %s", what,
               x->t.boolean ? "a condition" : "a word");
    return false;
}

static bool is_condition(struct parser *ps, int n, const char *what)
{
    const struct node *x = node_at(ps, n);

    if (x->t.boolean || x->t.any)
        return true;
    parse_fail(ps, E_UNIT, x->at, x->n, "%s needs a condition; this is a value", what);
    HINT(ps->c, "compare it, as in cell.voltage >= 4.2 V");
    return false;
}

static int spanned(struct parser *ps, int n, int l, int r)
{
    struct node *x;

    if (n == NODE_NONE)
        return n;
    x = &ps->c->node[n];
    x->at = node_at(ps, l)->at;
    x->n = node_at(ps, r)->at + node_at(ps, r)->n - x->at;
    return n;
}

/* A C-rate beside a current becomes one. */
static bool match_rates(struct parser *ps, int *l, int *r)
{
    struct dims dl = node_at(ps, *l)->t.dims, dr = node_at(ps, *r)->t.dims;
    int *rate = dims_equal(dl, DIMS_CRATE) && dims_equal(dr, DIMS_CURRENT)   ? l
                : dims_equal(dr, DIMS_CRATE) && dims_equal(dl, DIMS_CURRENT) ? r
                                                                             : NULL;
    struct diag_pos pos;

    if (!rate)
        return true;
    if (!base_known(ps->c, *rate,
                    src_pos(ps->src, node_at(ps, *rate)->at, node_at(ps, *rate)->n, &pos))) {
        ps->failed = true;
        return false;
    }
    *rate = convert_current(ps->c, *rate);
    return *rate != NODE_NONE;
}

static int make_sum(struct parser *ps, bool minus, int l, int r)
{
    struct type a, b, t;

    if (!is_number(ps, l, minus ? "a difference" : "a sum") ||
        !is_number(ps, r, minus ? "a difference" : "a sum"))
        return NODE_NONE;
    if (!match_rates(ps, &l, &r))
        return NODE_NONE;
    a = node_at(ps, l)->t;
    b = node_at(ps, r)->t;
    t = a.any ? b : a;
    if (!a.any && !b.any) {
        if (!dims_equal(a.dims, b.dims))
            return clash(ps, l, r, minus ? "a difference of" : "a sum of");
        if (b.point && (!minus ? a.point : !a.point))
            return clash(ps, l, r, minus ? "a difference of" : "a sum of");
        t.point = minus ? a.point && !b.point : a.point || b.point;
    }
    t.any = a.any || b.any;
    return spanned(ps, node_op2(ps->c, minus ? INSN_SUB : INSN_ADD, l, r, t), l, r);
}

static int make_product(struct parser *ps, enum insn_op op, int l, int r)
{
    struct type t = {0};
    const int side[2] = {l, r};

    for (int i = 0; i < 2; i++) {
        const struct node *x = node_at(ps, side[i]);

        if (!is_number(ps, side[i], op == INSN_DIV ? "a quotient" : "a product"))
            return NODE_NONE;
        if (x->t.point && !x->t.any) {
            parse_fail(ps, E_UNIT, x->at, x->n,
                       "a place on the temperature scale cannot be multiplied or divided");
            HINT(ps->c, "differences are in K");
            return NODE_NONE;
        }
        t.any |= x->t.any;
    }
    t.dims = op == INSN_MUL ? dims_mul(node_at(ps, l)->t.dims, node_at(ps, r)->t.dims)
                            : dims_div(node_at(ps, l)->t.dims, node_at(ps, r)->t.dims);
    if (op == INSN_MOD) {
        if (!t.any && !dims_equal(node_at(ps, l)->t.dims, node_at(ps, r)->t.dims))
            return clash(ps, l, r, "a remainder of");
        t.dims = node_at(ps, l)->t.dims;
    }
    if (op != INSN_MUL && node_is_const(ps->c, r) && !(fabs(node_at(ps, r)->v) > 0.0) &&
        !isnan(node_at(ps, r)->v))
        return parse_fail(ps, E_RANGE, node_at(ps, r)->at, node_at(ps, r)->n, "division by zero");
    return spanned(ps, node_op2(ps->c, op, l, r, t), l, r);
}

static int make_comparison(struct parser *ps, enum insn_op op, int l, int r)
{
    struct type a, b;

    if (!match_rates(ps, &l, &r))
        return NODE_NONE;
    a = node_at(ps, l)->t;
    b = node_at(ps, r)->t;
    if (!a.any && !b.any) {
        if (!is_number(ps, l, "a comparison") || !is_number(ps, r, "a comparison"))
            return NODE_NONE;
        if (!dims_equal(a.dims, b.dims) || a.point != b.point)
            return clash(ps, l, r, "a comparison of");
    }
    return spanned(ps, node_op2(ps->c, op, l, r, TYPE_BOOL), l, r);
}

/* ---- The grammar ---- */

static int parse_parenthesis(struct parser *ps)
{
    size_t at = ps->tok.at;
    int n;

    parse_next(ps);
    n = parse_condition(ps);
    if (n == NODE_NONE)
        return n;
    if (!parse_is_op(ps, ")"))
        return parse_fail(ps, E_SYNTAX, at, 1, "the parenthesis is not closed");
    ps->c->node[n].n = (uint32_t)(ps->tok.at + 1 - at);
    ps->c->node[n].at = (uint32_t)at;
    parse_next(ps);
    return n;
}

static int parse_primary(struct parser *ps)
{
    struct token t = ps->tok;
    int n;

    if (t.kind == TOK_QTY) {
        n = node_const(ps->c, t.q.si, (struct type){.dims = t.q.dims, .point = t.q.point});
        if (n == NODE_NONE)
            return n;
        ps->c->node[n].at = (uint32_t)t.at;
        ps->c->node[n].n = (uint32_t)t.n;
        parse_next(ps);
        return n;
    }
    if (parse_is_op(ps, "("))
        return parse_parenthesis(ps);
    if (t.kind == TOK_WORD &&
        (!is_keyword(ps->src->text + t.at, t.n) || parse_is_word(ps, "ended")))
        return parse_primary_word(ps);
    if (t.kind == TOK_END)
        return parse_fail(ps, E_SYNTAX, ps->src->n > 0 ? ps->src->n - 1 : 0, 1,
                          "a value is missing at the end");
    return parse_fail(ps, E_SYNTAX, t.at, t.n, "a value is missing before '%.*s'",
                      (int)(t.n < 40 ? t.n : 40), ps->src->text + t.at);
}

static int parse_unary(struct parser *ps)
{
    size_t at = ps->tok.at;
    struct type t;
    int n;

    if (ps->depth >= NEST_MAX)
        return parse_fail(ps, E_FULL, at, 1, "the expression is nested too deeply");
    if (!parse_op(ps, "-"))
        return parse_primary(ps);
    ps->depth++;
    n = parse_unary(ps);
    ps->depth--;
    if (n == NODE_NONE || !is_number(ps, n, "a minus"))
        return NODE_NONE;
    t = node_at(ps, n)->t;
    if (t.point && !t.any)
        return parse_fail(ps, E_UNIT, node_at(ps, n)->at, node_at(ps, n)->n,
                          "a place on the temperature scale has no negative");
    n = node_op1(ps->c, INSN_NEG, n, t);
    if (n != NODE_NONE) {
        ps->c->node[n].at = (uint32_t)at;
        ps->c->node[n].n = (uint32_t)(ps->lx.at - at);
    }
    return n;
}

static int parse_product(struct parser *ps)
{
    int l = parse_unary(ps), r;

    while (l != NODE_NONE) {
        enum insn_op op = parse_is_op(ps, "*")   ? INSN_MUL
                          : parse_is_op(ps, "/") ? INSN_DIV
                                                 : INSN_MOD;

        if (op == INSN_MOD && !parse_is_word(ps, "mod"))
            return l;
        parse_next(ps);
        r = parse_unary(ps);
        l = r == NODE_NONE ? NODE_NONE : make_product(ps, op, l, r);
    }
    return l;
}

int parse_sum(struct parser *ps)
{
    int l = parse_product(ps), r;

    while (l != NODE_NONE && (parse_is_op(ps, "+") || parse_is_op(ps, "-"))) {
        bool minus = parse_is_op(ps, "-");

        parse_next(ps);
        r = parse_product(ps);
        l = r == NODE_NONE ? NODE_NONE : make_sum(ps, minus, l, r);
    }
    return l;
}

/* `x within 0.5 K [of y]`: |x - y| <= 0.5 K; y is the set-point of x when it is not said. */
static int parse_within(struct parser *ps, int x)
{
    int tol = parse_sum(ps), of, diff;
    const struct node *nx, *nt;
    struct type t;
    chan_id set;

    if (tol == NODE_NONE)
        return tol;
    nx = node_at(ps, x);
    nt = node_at(ps, tol);
    t = nx->t;
    if (!nt->t.any && (nt->t.point || (!t.any && !dims_equal(nt->t.dims, t.dims))))
        return clash(ps, x, tol, "within compares");
    if (parse_word(ps, "of")) {
        of = parse_sum(ps);
        if (of == NODE_NONE)
            return of;
    } else if (t.any) {
        return spanned(ps, node_op2(ps->c, INSN_LE, x, tol, TYPE_BOOL), x, tol);
    } else {
        set = nx->op == INSN_CHAN ? setpoint_of(ps->c, nx->a) : CHAN_NONE;
        if (set == CHAN_NONE) {
            parse_fail(ps, E_INVALID, nx->at, nx->n,
                       "this has no set-point: say what it should be within");
            HINT(ps->c, "as in within 0.5 K of 60 degC");
            return NODE_NONE;
        }
        of = node_add(ps->c, (struct node){.op = INSN_SETPOINT,
                                           .a = set,
                                           .l = NODE_NONE,
                                           .r = NODE_NONE,
                                           .t = t,
                                           .at = nx->at,
                                           .n = nx->n});
        if (of == NODE_NONE)
            return of;
    }
    diff = make_sum(ps, true, x, of);
    if (diff == NODE_NONE)
        return diff;
    t = node_at(ps, diff)->t;
    if (t.point && !t.any)
        return clash(ps, x, of, "within compares");
    diff = array_within(ps, x, of, diff, tol);
    return diff == NODE_NONE ? diff : spanned(ps, diff, x, tol);
}

static int parse_is(struct parser *ps, int x)
{
    const struct words *words = node_at(ps, x)->t.words;
    size_t at = ps->tok.at;
    char word[NAME_TEXT_MAX + 1];
    int r;

    if (node_at(ps, x)->op == INSN_CAUSE) {
        text_id name = parse_name(ps);

        if (name == PROG_NONE)
            return NODE_NONE;
        end_name_ask(ps->c, name, ps->src, at, ps->lx.at - at);
        return node_add(
            ps->c,
            (struct node){
                .op = INSN_ENDED_BY, .a = name, .l = NODE_NONE, .r = NODE_NONE, .t = TYPE_BOOL});
    }
    if (ps->tok.kind != TOK_WORD || ps->tok.n > NAME_TEXT_MAX)
        return parse_fail(ps, E_SYNTAX, at, ps->tok.n, "`is` compares with one word");
    memcpy(word, ps->src->text + at, ps->tok.n);
    word[ps->tok.n] = '\0';
    parse_next(ps);
    if (node_at(ps, x)->t.any)
        return node_op1(ps->c, INSN_NOT, x, TYPE_BOOL);
    if (!words)
        return parse_fail(ps, E_UNIT, node_at(ps, x)->at, node_at(ps, x)->n,
                          "`is` compares the answer of a choice with a word; this is no choice");
    for (uint8_t i = 0; i < words->n; i++) {
        if (strcmp(words->word[i], word) != 0)
            continue;
        r = node_const(ps->c, i, TYPE_OF(DIMS_NONE));
        return r == NODE_NONE ? r : spanned(ps, node_op2(ps->c, INSN_EQ, x, r, TYPE_BOOL), x, x);
    }
    const char *list[WORDS_MAX + 1] = {0};

    memcpy(list, words->word, words->n * sizeof(list[0]));
    parse_fail(ps, E_NOENT, at, strlen(word), "'%s' is not one of the options", word);
    if (str_nearest(word, list))
        HINT(ps->c, "did you mean %s?", str_nearest(word, list));
    return NODE_NONE;
}

/* `contactor.main_plus closed` */
static int parse_switch(struct parser *ps, int x)
{
    const struct node *nx = node_at(ps, x);
    bool closed = parse_is_word(ps, "closed");
    int half;

    if (!nx->t.any && (nx->op != INSN_CHAN || ps->c->p->station.chan[nx->a].kind != KIND_SWITCH))
        return parse_fail(ps, E_UNIT, nx->at, nx->n, "only a switch is closed or open");
    parse_next(ps);
    half = node_const(ps->c, 0.5, TYPE_OF(DIMS_NONE));
    return half == NODE_NONE
               ? half
               : spanned(ps, node_op2(ps->c, closed ? INSN_GE : INSN_LT, x, half, TYPE_BOOL), x, x);
}

static int parse_comparison(struct parser *ps)
{
    static const struct {
        const char *op;
        enum insn_op insn;
    } ops[] = {
        {"<",  INSN_LT},
        {"<=", INSN_LE},
        {">",  INSN_GT},
        {">=", INSN_GE},
        {"==", INSN_EQ},
        {"!=", INSN_NE}
    };
    int l = parse_sum(ps), r;

    if (l == NODE_NONE)
        return l;
    if (parse_word(ps, "within"))
        return parse_within(ps, l);
    if (parse_word(ps, "is"))
        return parse_is(ps, l);
    if (parse_is_word(ps, "closed") || parse_is_word(ps, "open"))
        return parse_switch(ps, l);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (!parse_op(ps, ops[i].op))
            continue;
        r = parse_sum(ps);
        return r == NODE_NONE ? r : make_comparison(ps, ops[i].insn, l, r);
    }
    return l;
}

static int parse_not(struct parser *ps)
{
    int n;

    if (!parse_is_word(ps, "not"))
        return parse_comparison(ps);
    if (ps->depth >= NEST_MAX)
        return parse_fail(ps, E_FULL, ps->tok.at, 3, "the expression is nested too deeply");
    parse_next(ps);
    ps->depth++;
    n = parse_not(ps);
    ps->depth--;
    if (n == NODE_NONE || !is_condition(ps, n, "not"))
        return NODE_NONE;
    return spanned(ps, node_op1(ps->c, INSN_NOT, n, TYPE_BOOL), n, n);
}

static int parse_and(struct parser *ps)
{
    int l = parse_not(ps), r;

    while (l != NODE_NONE && parse_is_word(ps, "and")) {
        parse_next(ps);
        r = parse_not(ps);
        if (r == NODE_NONE || !is_condition(ps, l, "and") || !is_condition(ps, r, "and"))
            return NODE_NONE;
        l = spanned(ps, node_op2(ps->c, INSN_AND, l, r, TYPE_BOOL), l, r);
    }
    return l;
}

static int parse_or(struct parser *ps)
{
    int l = parse_and(ps), r;

    while (l != NODE_NONE && parse_is_word(ps, "or")) {
        parse_next(ps);
        r = parse_and(ps);
        if (r == NODE_NONE || !is_condition(ps, l, "or") || !is_condition(ps, r, "or"))
            return NODE_NONE;
        l = spanned(ps, node_op2(ps->c, INSN_OR, l, r, TYPE_BOOL), l, r);
    }
    return l;
}

int parse_condition(struct parser *ps)
{
    int n, t;
    double hold_s;

    if (ps->depth >= NEST_MAX)
        return parse_fail(ps, E_FULL, ps->tok.at, 1, "the expression is nested too deeply");
    ps->depth++;
    n = parse_or(ps);
    ps->depth--;
    if (n == NODE_NONE || !parse_is_word(ps, "for") || !is_condition(ps, n, "for"))
        return ps->failed ? NODE_NONE : n;
    parse_next(ps);
    t = parse_sum(ps);
    if (t == NODE_NONE)
        return t;
    if (!node_is_const(ps->c, t) || !dims_equal(node_at(ps, t)->t.dims, DIMS_TIME))
        return parse_fail(ps, E_UNIT, node_at(ps, t)->at, node_at(ps, t)->n,
                          "how long a condition has to hold is a time known before the run");
    hold_s = node_at(ps, t)->v;
    if (!(hold_s >= 0.0) || hold_s > 1e9)
        return parse_fail(ps, E_RANGE, node_at(ps, t)->at, node_at(ps, t)->n,
                          "the time is out of range");
    return spanned(ps, node_hold(ps->c, n, hold_s), n, t);
}
