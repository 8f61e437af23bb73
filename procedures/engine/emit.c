/* procedures/engine/emit.c - nodes, their types, and the stack code they become. Constants are
 * folded when nodes are made, so that bounds can be seen. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* ---- Nodes ---- */

int node_add(struct comp *c, struct node n)
{
    if (c->n_nodes >= NODES_MAX) {
        FAIL(c, E_FULL, &c->place, "one step holds too many expressions");
        c->n_nodes = 0;
        return NODE_NONE;
    }
    c->node[c->n_nodes] = n;
    return (int)c->n_nodes++;
}

int node_const(struct comp *c, double v, struct type t)
{
    return node_add(
        c, (struct node){.op = INSN_CONST, .l = NODE_NONE, .r = NODE_NONE, .v = v, .t = t});
}

int node_chan(struct comp *c, chan_id chan)
{
    const struct chan_kind_info *k = chan_kind_info(c->p->station.chan[chan].kind);

    return node_add(c, (struct node){
                           .op = INSN_CHAN,
                           .a = chan,
                           .l = NODE_NONE,
                           .r = NODE_NONE,
                           .t = {.dims = k->dims, .point = k->point}
    });
}

bool node_is_const(const struct comp *c, int n)
{
    return n != NODE_NONE && c->node[n].op == INSN_CONST && !c->node[n].t.any;
}

static bool fold1(enum insn_op op, double x, double *ret)
{
    if (op == INSN_NEG)
        *ret = -x;
    else if (op == INSN_ABS)
        *ret = fabs(x);
    else
        return false;
    return true;
}

static bool fold2(enum insn_op op, double x, double y, double *ret)
{
    if (op == INSN_ADD)
        *ret = x + y;
    else if (op == INSN_SUB)
        *ret = x - y;
    else if (op == INSN_MUL)
        *ret = x * y;
    else if (op == INSN_DIV)
        *ret = fabs(y) > 0.0 ? x / y : (double)NAN;
    else if (op == INSN_MIN)
        *ret = y < x ? y : x;
    else if (op == INSN_MAX)
        *ret = y > x ? y : x;
    else
        return false;
    return true;
}

int node_op1(struct comp *c, enum insn_op op, int l, struct type t)
{
    double v;

    if (node_is_const(c, l) && fold1(op, c->node[l].v, &v))
        return node_const(c, v, t);
    return node_add(c, (struct node){.op = (uint8_t)op,
                                     .l = (int16_t)l,
                                     .r = NODE_NONE,
                                     .t = t,
                                     .at = c->node[l].at,
                                     .n = c->node[l].n});
}

int node_op2(struct comp *c, enum insn_op op, int l, int r, struct type t)
{
    double v;

    if (node_is_const(c, l) && node_is_const(c, r) && fold2(op, c->node[l].v, c->node[r].v, &v))
        return node_add(c, (struct node){.op = INSN_CONST,
                                         .l = NODE_NONE,
                                         .r = NODE_NONE,
                                         .v = v,
                                         .t = t,
                                         .at = c->node[l].at,
                                         .n = c->node[l].n});
    return node_add(c, (struct node){.op = (uint8_t)op,
                                     .l = (int16_t)l,
                                     .r = (int16_t)r,
                                     .t = t,
                                     .at = c->node[l].at,
                                     .n = c->node[l].n});
}

int node_window(struct comp *c, enum window_kind kind, int l, bool over_step, double span_s,
                struct type t)
{
    return node_add(c, (struct node){.op = INSN_WINDOW,
                                     .window = (uint8_t)kind,
                                     .over_step = over_step,
                                     .l = (int16_t)l,
                                     .r = NODE_NONE,
                                     .v = span_s,
                                     .t = t});
}

int node_hold(struct comp *c, int l, double hold_s)
{
    return node_add(c, (struct node){.op = INSN_HOLD,
                                     .l = (int16_t)l,
                                     .r = NODE_NONE,
                                     .v = hold_s,
                                     .t = TYPE_BOOL,
                                     .at = c->node[l].at,
                                     .n = c->node[l].n});
}

/* ---- Types ---- */

const char *type_name(const struct type *t, char *buf, size_t size)
{
    const bool temperature = dims_equal(t->dims, DIMS_TEMPERATURE);

    if (t->boolean)
        str_copy(buf, size, "a condition");
    else if (t->words || t->text)
        str_copy(buf, size, "a word");
    else if (t->any)
        str_copy(buf, size, "anything");
    else if (dims_equal(t->dims, DIMS_TIME))
        str_copy(buf, size, "a time");
    else if (temperature)
        str_copy(buf, size, t->point ? "temperature (degC)" : "temperature difference (K)");
    else
        dims_name(t->dims, buf, size);
    return buf;
}

int convert_current(struct comp *c, int root)
{
    const struct type current = TYPE_OF(DIMS_CURRENT);
    struct node x;
    int k = NODE_NONE;

    if (root == NODE_NONE)
        return root;
    x = c->node[root];
    if (dims_equal(x.t.dims, DIMS_CRATE))
        k = node_add(c, (struct node){.op = INSN_ONE_C,
                                      .l = NODE_NONE,
                                      .r = NODE_NONE,
                                      .t = {.dims = {.a = 1, .crate = -1}}});
    else if (dims_equal(x.t.dims, DIMS_CURRENT_DENSITY) && !isnan(c->p->area_m2))
        k = node_const(c, c->p->area_m2, TYPE_OF(DIMS_AREA));
    else if (dims_equal(x.t.dims, DIMS_CURRENT_DENSITY) && c->open_article)
        k = node_const(c, NAN, TYPE_OF(DIMS_AREA));
    if (k == NODE_NONE)
        return root;
    root = node_op2(c, INSN_MUL, root, k, current);
    if (root != NODE_NONE) {
        c->node[root].at = x.at;
        c->node[root].n = x.n;
    }
    return root;
}

bool base_known(struct comp *c, int root, const struct diag_pos *pos)
{
    struct dims d = c->node[root].t.dims;
    bool rate = dims_equal(d, DIMS_CRATE) && isnan(c->p->capacity_c),
         density = dims_equal(d, DIMS_CURRENT_DENSITY) && isnan(c->p->area_m2);
    const char *what = rate ? "capacity" : "area";

    if (!rate && !density)
        return true;
    if (c->open_article) {
        comp_open(c, "article.%s", what);
        return true;
    }
    FAIL(c, E_INVALID, pos, "a %s needs the %s of the article, and %s does not say it",
         rate ? "C-rate" : "current density", what, c->in->article ? c->in->article->name : "it");
    HINT(c, "add %s to the article, or write a current",
         rate ? "capacity: 9.6 mAh" : "area: 2 cm^2");
    return false;
}

static const char *example_unit(struct type t)
{
    static const struct {
        struct dims dims;
        const char *unit;
    } units[] = {
        {DIM_VOLTAGE,    "V"  },
        {DIM_CURRENT,    "mA" },
        {DIM_TIME,       "s"  },
        {DIM_PRESSURE,   "MPa"},
        {DIM_CHARGE,     "mAh"},
        {DIM_FORCE,      "N"  },
        {DIM_RESISTANCE, "ohm"},
        {DIM_POWER,      "W"  }
    };

    if (dims_equal(t.dims, DIMS_TEMPERATURE))
        return t.point ? "degC" : "K";
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (dims_equal(units[i].dims, t.dims))
            return units[i].unit;
    return NULL;
}

/* The unit of a single number; NULL when this is anything else. */
static const char *given_unit(const struct src *s, const struct node *x, size_t digits,
                              size_t *ret_n)
{
    size_t at = x->at + digits, end = x->at + x->n;

    while (digits > 0 && at < end && s->text[at] == ' ')
        at++;
    *ret_n = end > at ? end - at : 0;
    if (x->op != INSN_CONST || digits == 0 || *ret_n == 0 || *ret_n > 24 ||
        strcspn(s->text + at, " +-*()<>=") < *ret_n)
        return NULL;
    return s->text + at;
}

bool type_want(struct comp *c, const struct src *s, int root, struct type want, const char *what)
{
    const struct node *x = &c->node[root];
    struct diag_pos pos;
    char a[48], b[48];

    if (x->t.any || (want.boolean && x->t.boolean))
        return true;
    if (!want.boolean && !x->t.boolean && !x->t.words && !x->t.text &&
        dims_equal(x->t.dims, want.dims) && x->t.point == want.point)
        return true;
    const char *unit = example_unit(want), *number = s->text + x->at;
    size_t digits = x->at < s->n ? strspn(number, "-.0123456789") : 0, n_given;
    const char *given = given_unit(s, x, digits, &n_given);

    if (given && !want.boolean)
        FAIL(c, E_UNIT, src_pos(s, x->at, x->n, &pos), "%s is given in %.*s", what, (int)n_given,
             given);
    else
        FAIL(c, E_UNIT, src_pos(s, x->at, x->n, &pos), "%s is %s, but this is %s", what,
             type_name(&want, a, sizeof(a)), type_name(&x->t, b, sizeof(b)));
    if (digits > 0 && digits < 24 && unit && x->op == INSN_CONST && x->n < 40)
        HINT(c, "did you mean %.*s %s?", (int)digits, number, unit);
    else if (given && !want.boolean)
        HINT(c, "it is %s", type_name(&want, a, sizeof(a)));
    return false;
}

/* ---- Code ---- */

struct emitter {
    struct comp *c;
    uint64_t groups;
    unsigned depth, deepest, level;
};

static void put(struct emitter *e, enum insn_op op, uint16_t a, double v, int change)
{
    struct program *p = e->c->p;
    uint32_t i = TABLE_ADD(e->c, code, CODE_MAX);

    p->code[i] = (struct insn){.op = (uint16_t)op, .a = a, .v = v};
    p->n_code = i + 1;
    e->depth = (unsigned)((int)e->depth + change);
    if (e->depth > e->deepest)
        e->deepest = e->depth;
}

static uint64_t group_bit(const struct program *p, chan_id chan)
{
    return chan != CHAN_NONE && p->station.chan[chan].group < 64
               ? UINT64_C(1) << p->station.chan[chan].group
               : 0;
}

static uint64_t insn_groups(const struct emitter *e, enum insn_op op, uint16_t a)
{
    const struct program *p = e->c->p;

    switch (op) {
    case INSN_CHAN:
    case INSN_KNOWN: return group_bit(p, a);
    case INSN_STEP_CHARGE:
    case INSN_SOC: return group_bit(p, p->role.current);
    case INSN_STEP_ENERGY:
    case INSN_RESISTANCE: return group_bit(p, p->role.current) | group_bit(p, p->role.voltage);
    case INSN_IN_CV: return group_bit(p, p->role.voltage);
    case INSN_WINDOW: return p->exprs[p->windows[a].expr].groups;
    case INSN_CONST:
    case INSN_SETPOINT:
    case INSN_REG:
    case INSN_STEP_TIME:
    case INSN_RUN_TIME:
    case INSN_ONE_C:
    case INSN_CYCLE:
    case INSN_CAUSE:
    case INSN_ADD:
    case INSN_SUB:
    case INSN_MUL:
    case INSN_DIV:
    case INSN_MOD:
    case INSN_NEG:
    case INSN_ABS:
    case INSN_MIN:
    case INSN_MAX:
    case INSN_LT:
    case INSN_LE:
    case INSN_GT:
    case INSN_GE:
    case INSN_EQ:
    case INSN_NE:
    case INSN_AND:
    case INSN_OR:
    case INSN_NOT:
    case INSN_HOLD:
    case INSN_ENDED_BY: break;
    }
    return 0;
}

/* Windows over the same thing share one, so that a loop over steps does not use them up. Their code
 * was emitted before. */
static uint16_t window_index(struct comp *c, const struct node *n, expr_id inner)
{
    struct program *p = c->p;
    const struct expr *a = &p->exprs[inner];
    uint32_t i;

    for (uint16_t w = 0; w < p->n_windows; w++) {
        const struct window *old = &p->windows[w];
        const struct expr *b = &p->exprs[old->expr];
        bool same = old->kind == n->window && old->over_step == n->over_step &&
                    old->span_s <= n->v && old->span_s >= n->v && a->n == b->n;

        for (uint16_t k = 0; same && k < a->n; k++) {
            const struct insn *x = &p->code[a->start + k], *y = &p->code[b->start + k];

            same = x->op == y->op && x->a == y->a && memcmp(&x->v, &y->v, sizeof(x->v)) == 0;
        }
        if (same)
            return w;
    }
    i = TABLE_ADD(c, windows, PROG_WINDOWS_MAX);
    p->windows[i] = (struct window){
        .kind = n->window, .over_step = n->over_step, .expr = inner, .span_s = n->v};
    p->n_windows = (uint16_t)(i + 1);
    return (uint16_t)i;
}

static uint16_t hold_index(struct comp *c)
{
    if (c->p->n_holds >= PROG_HOLDS_MAX) {
        if (!c->full)
            FAIL(c, E_FULL, &c->place, "too many conditions with `for` (%d at most)",
                 PROG_HOLDS_MAX);
        c->full = true;
        return 0;
    }
    return c->p->n_holds++;
}

/* Windows inside a tree are emitted first, as expressions of their own. */
static void emit_windows(struct comp *c, int n, unsigned level)
{
    struct node *x = &c->node[n];

    if (level > NODES_MAX)
        return;
    if (x->l != NODE_NONE)
        emit_windows(c, x->l, level + 1);
    if (x->r != NODE_NONE)
        emit_windows(c, x->r, level + 1);
    if (x->op != INSN_WINDOW || x->l == NODE_NONE)
        return;
    x->a = window_index(c, x, expr_emit(c, x->l, NULL));
    x->l = NODE_NONE;
}

static void emit_node(struct emitter *e, int n)
{
    const struct node x = e->c->node[n];
    uint16_t a = x.a;
    int change = 1;

    if (x.l != NODE_NONE) {
        emit_node(e, x.l);
        change--;
    }
    if (x.r != NODE_NONE) {
        emit_node(e, x.r);
        change--;
    }
    if (x.op == INSN_HOLD)
        a = hold_index(e->c);
    e->groups |= insn_groups(e, (enum insn_op)x.op, a);
    put(e, (enum insn_op)x.op, a, x.v, change);
}

/* The source line of a place, kept for messages about bounds: neighbouring expressions share it. */
static const char *keep_line(struct comp *c, const char *text)
{
    const struct program *p = c->p;
    size_t n;

    if (!text)
        return NULL;
    n = strcspn(text, "\n");
    for (uint16_t i = p->n_exprs; i > 0 && i + 4 > p->n_exprs; i--) {
        const char *old = p->exprs[i - 1].place.text;

        if (old && strlen(old) == n && memcmp(old, text, n) == 0)
            return old;
    }
    return arena_dup_n(&c->p->arena, text, n);
}

/* Not among the texts: those are part of the program's identity, the place of a file is not. */
static const char *keep_file(struct comp *c, const char *file)
{
    const struct program *p = c->p;

    for (uint16_t i = 0; i < p->n_files; i++)
        if (strcmp(p->files[i], file) == 0)
            return p->files[i];
    for (uint16_t i = p->n_exprs; i > 0 && i + 4 > p->n_exprs; i--)
        if (p->exprs[i - 1].place.file && strcmp(p->exprs[i - 1].place.file, file) == 0)
            return p->exprs[i - 1].place.file;
    return arena_dup(&c->p->arena, file);
}

static struct diag_pos keep_place(struct comp *c, const struct diag_pos *pos)
{
    struct diag_pos kept = *pos;

    kept.text = keep_line(c, pos->text);
    kept.file = pos->file ? keep_file(c, pos->file) : NULL;
    return kept;
}

static expr_id emit_tree(struct comp *c, int root, const char *source, size_t n,
                         const struct diag_pos *pos)
{
    struct program *p = c->p;
    struct emitter e = {.c = c};
    struct diag_pos place;
    uint32_t start, i;

    if (root == NODE_NONE)
        return PROG_NONE;
    emit_windows(c, root, 0);
    place = keep_place(c, pos);
    start = p->n_code;
    emit_node(&e, root);
    if (e.deepest > PROG_STACK_MAX)
        FAIL(c, E_FULL, pos, "the expression is too deep");
    i = TABLE_ADD(c, exprs, TABLE_MAX);
    const struct type t = c->node[root].t;

    p->exprs[i] = (struct expr){.start = start,
                                .n = (uint16_t)(p->n_code - start),
                                .point = t.point,
                                .boolean = t.boolean,
                                .dims = t.dims,
                                .groups = e.groups,
                                .source = source ? text_intern(c, source, n) : PROG_NONE,
                                .place = place};
    p->n_exprs = (uint16_t)(i + 1);
    return (expr_id)i;
}

expr_id expr_emit(struct comp *c, int root, const char *source)
{
    return emit_tree(c, root, source, source ? strlen(source) : 0, &c->place);
}

expr_id expr_emit_src(struct comp *c, int root, const struct src *s)
{
    struct src part = src_part(s, 0, s->n);

    return emit_tree(c, root, s->text, s->n, &part.pos);
}

expr_id expr_emit_node(struct comp *c, int root, const struct conf_node *n)
{
    struct src s = src_value(n);

    return expr_emit_src(c, root, &s);
}

/* ---- Whole scalars ---- */

int node_of(struct comp *c, const struct conf_node *n, struct type want, unsigned use,
            const char *what)
{
    struct src s = src_value(n);
    struct parser ps;
    int root;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "%s is one value", what);
        return NODE_NONE;
    }
    parse_begin(&ps, c, &s, use);
    root = parse_condition(&ps);
    if (root == NODE_NONE || !parse_end(&ps))
        return NODE_NONE;
    if (dims_equal(want.dims, DIMS_CURRENT)) {
        if (!base_known(c, root, &n->pos))
            return NODE_NONE;
        root = convert_current(c, root);
    }
    return root != NODE_NONE && type_want(c, &s, root, want, what) ? root : NODE_NONE;
}

expr_id expr_of(struct comp *c, const struct conf_node *n, struct type want, unsigned use,
                const char *what)
{
    int root = node_of(c, n, want, use, what);

    return expr_emit_node(c, root, n);
}

expr_id expr_once(struct comp *c, const struct conf_node *n, const char *what)
{
    expr_id e = expr_of(c, n, TYPE_BOOL, USE_ALL, what);
    const struct program *p = c->p;

    for (uint16_t i = 0; e != PROG_NONE && i < p->exprs[e].n; i++) {
        if (p->code[p->exprs[e].start + i].op != INSN_HOLD)
            continue;
        FAIL(c, E_INVALID, &n->pos, "%s asks once, `for` takes time", what);
        HINT(c, "wait: {until: %.60s, timeout: 1 h else next}", n->text);
        return PROG_NONE;
    }
    return e;
}

bool const_of(struct comp *c, const struct conf_node *n, struct type want, const char *what,
              double *ret)
{
    int root = node_of(c, n, want, 0, what);

    if (root == NODE_NONE)
        return false;
    if (c->node[root].t.any) {
        *ret = NAN;
        return true;
    }
    if (!node_is_const(c, root)) {
        FAIL(c, E_INVALID, &n->pos, "%s has to be known before the run", what);
        return false;
    }
    *ret = c->node[root].v;
    return true;
}
