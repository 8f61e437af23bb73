/* procedures/engine/ends.c - how an act ends, and what it keeps.
 *
 * Ends stand in the order of the file: `until`, `taper`, `stop`, and last the limit; when two come
 * true in one sample the first wins. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static void end_put(struct comp *c, struct act *a, struct end e, const struct diag_pos *pos)
{
    uint32_t i;

    if (a->n_ends >= PROG_ENDS_MAX) {
        FAIL(c, E_FULL, pos, "one step has at most %d ends", PROG_ENDS_MAX);
        return;
    }
    i = TABLE_ADD(c, ends, TABLE_MAX);
    c->p->ends[i] = e;
    c->p->n_ends = (uint16_t)(i + 1);
    if (a->n_ends++ == 0)
        a->first_end = (uint16_t)i;
}

/* ---- What a condition says of the voltage and the current ---- */

static bool is_chan(const struct comp *c, int n, chan_id chan)
{
    return n != NODE_NONE && chan != CHAN_NONE && c->node[n].op == INSN_CHAN &&
           c->node[n].a == chan;
}

/* X of `cell.voltage >= X` (charge) or `<= X` (discharge) at the top of a condition; NODE_NONE: it
 * says nothing. */
static int end_voltage(const struct comp *c, int n, int direction)
{
    const struct node *x = &c->node[n];
    bool up;
    int found;

    switch (x->op) {
    case INSN_HOLD: return end_voltage(c, x->l, direction);
    case INSN_OR:
    case INSN_AND:
        found = end_voltage(c, x->l, direction);
        return found != NODE_NONE ? found : end_voltage(c, x->r, direction);
    case INSN_GE:
    case INSN_GT:
    case INSN_LE:
    case INSN_LT: break;
    default: return NODE_NONE;
    }
    up = x->op == INSN_GE || x->op == INSN_GT;
    if (is_chan(c, x->l, c->p->role.voltage) && up == (direction > 0))
        return x->r;
    if (is_chan(c, x->r, c->p->role.voltage) && up != (direction > 0))
        return x->l;
    return NODE_NONE;
}

static bool is_current(const struct comp *c, int n)
{
    return n != NODE_NONE &&
           (is_chan(c, n, c->p->role.current) ||
            (c->node[n].op == INSN_ABS && is_chan(c, c->node[n].l, c->p->role.current)));
}

/* The comparison `current < X` anywhere in a condition. */
static int bare_taper(const struct comp *c, int n)
{
    const struct node *x = &c->node[n];
    int found;

    if ((x->op == INSN_LT || x->op == INSN_LE) && is_current(c, x->l))
        return n;
    if ((x->op == INSN_GT || x->op == INSN_GE) && is_current(c, x->r))
        return n;
    if (x->op != INSN_AND && x->op != INSN_OR && x->op != INSN_NOT && x->op != INSN_HOLD)
        return NODE_NONE;
    found = x->l != NODE_NONE ? bare_taper(c, x->l) : NODE_NONE;
    return found != NODE_NONE || x->r == NODE_NONE ? found : bare_taper(c, x->r);
}

/* ---- until, stop ---- */

/* CONDITION [as NAME]. False after a finding. */
static bool end_condition(struct comp *c, const struct act *a, const struct conf_node *n,
                          struct end *e)
{
    struct src s = src_value(n);
    struct parser ps;
    struct diag_pos pos;
    size_t cut;
    int root, bare;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "a condition stands here");
        return false;
    }
    parse_begin(&ps, c, &s, USE_ALL);
    root = parse_condition(&ps);
    if (root == NODE_NONE || (!parse_is_word(&ps, "as") && !parse_end(&ps)) ||
        !type_want(c, &s, root, TYPE_BOOL, "an end"))
        return false;
    cut = ps.tok.at;
    while (cut > 0 && s.text[cut - 1] == ' ')
        cut--;
    if (e->name == PROG_NONE)
        e->name = text_intern(c, s.text, cut);
    if (parse_word(&ps, "as")) {
        e->name = parse_name(&ps);
        if (e->name == PROG_NONE)
            return false;
    }
    if (!parse_end(&ps))
        return false;
    bare = a->verb == VERB_CHARGE || a->verb == VERB_DISCHARGE || a->verb == VERB_HOLD
               ? bare_taper(c, root)
               : NODE_NONE;
    if (bare != NODE_NONE) {
        const struct node *x = &c->node[bare], *limit = &c->node[is_current(c, x->l) ? x->r : x->l];

        FAIL(c, E_INVALID, src_pos(&s, x->at, x->n, &pos),
             "a bare current is below this before the step has begun");
        HINT(c, "write taper: %.*s", (int)(limit->n < 40 ? limit->n : 40), s.text + limit->at);
        return false;
    }
    if (c->end_v == NODE_NONE && a->direction != 0)
        c->end_v = end_voltage(c, root, a->direction);
    s.n = cut;
    e->cond = expr_emit_src(c, root, &s);
    return true;
}

static void compile_until(struct comp *c, struct act *a, const struct conf_node *n, text_id as)
{
    bool list = n->kind == CONF_SEQ;

    if (list && !n->first)
        FAIL(c, E_INVALID, &n->pos, "the list is empty");
    for (const struct conf_node *i = list ? n->first : n; i; i = list ? i->next : NULL) {
        struct end e = {.name = as, .cause = CAUSE_UNTIL};

        if (!end_condition(c, a, i, &e))
            continue;
        end_name_add(c, e.name);
        end_put(c, a, e, &i->pos);
    }
}

static void compile_stop(struct comp *c, struct act *a, const struct conf_node *n)
{
    static const char *const keys[] = {"when", "after", "as", NULL};
    const struct conf_node *when = n, *after, *as;
    struct end e = {.name = PROG_NONE, .cause = CAUSE_STOP};

    c->own_after_s = 0.0;
    if (n->kind == CONF_MAP) {
        check_keys(c, n, keys, "stop");
        when = conf_get(n, "when");
        after = conf_get(n, "after");
        as = conf_get(n, "as");
        if (!when) {
            FAIL(c, E_INVALID, &n->pos, "a stop rule needs `when`");
            return;
        }
        if (after && const_of(c, after, TYPE_OF(DIMS_TIME), "after", &e.after_s) &&
            !(e.after_s >= 0.0 && e.after_s < 1e9))
            FAIL(c, E_RANGE, &after->pos, "the time is out of range");
        if (as && as->kind == CONF_SCALAR)
            e.name = text_str(c, as->text);
        c->own_after_s = e.after_s;
    }
    if (end_condition(c, a, when, &e)) {
        end_name_add(c, e.name);
        end_put(c, a, e, &when->pos);
    }
    c->own_after_s = NAN;
}

/* ---- taper, limit ---- */

/* How far from its set voltage an instrument that holds it may read. */
static double cv_tolerance(const struct comp *c)
{
    const struct station_chan *s;

    if (c->p->role.voltage == CHAN_NONE)
        return 2e-3;
    s = &c->p->station.chan[c->p->role.voltage];
    return 2e-3 + 3.0 * (s->accuracy_offset + 5.0 * s->accuracy_reading) + s->resolution;
}

static int in_cv(struct comp *c)
{
    return node_add(c, (struct node){.op = INSN_IN_CV,
                                     .l = NODE_NONE,
                                     .r = NODE_NONE,
                                     .v = cv_tolerance(c),
                                     .t = TYPE_BOOL});
}

static void compile_taper(struct comp *c, struct act *a, const struct conf_node *map,
                          const struct conf_node *n)
{
    const struct type current = TYPE_OF(DIMS_CURRENT);
    struct end e = {.name = CAUSE_TAPER, .cause = CAUSE_TAPER};
    int limit = node_of(c, n, current, USE_REGS, "taper"), i, cv, below;

    if (limit == NODE_NONE)
        return;
    if (a->verb != VERB_HOLD && !conf_get(map, "cv")) {
        FAIL(c, E_INVALID, &n->key_pos, "taper needs the voltage that is held, `cv`");
        return;
    }
    if (node_is_const(c, limit) && !(c->node[limit].v > 0.0) && !isnan(c->node[limit].v)) {
        FAIL(c, E_RANGE, &n->pos, "taper is a magnitude above zero");
        return;
    }
    if (c->p->role.current == CHAN_NONE)
        return;
    i = node_chan(c, c->p->role.current);
    i = i == NODE_NONE ? i : node_op1(c, INSN_ABS, i, current);
    below = i == NODE_NONE ? i : node_op2(c, INSN_LT, i, limit, TYPE_BOOL);
    cv = in_cv(c);
    if (below == NODE_NONE || cv == NODE_NONE)
        return;
    below = node_op2(c, INSN_AND, cv, below, TYPE_BOOL);
    below = below == NODE_NONE ? below : node_hold(c, below, 3.0);
    e.cond = expr_emit_node(c, below, n);
    end_put(c, a, e, &n->pos);
}

/* The signed current verb has limits on both sides. */
static int at_either_limit(struct comp *c, const struct act_limits *limits)
{
    int n = NODE_NONE;

    for (int side = 0; side < 2; side++) {
        double limit = side ? limits->hi : limits->lo, tol = cv_tolerance(c);
        int v, x;

        if (!isfinite(limit))
            continue;
        v = node_chan(c, c->p->role.voltage);
        x = node_const(c, side ? limit - tol : limit + tol, TYPE_OF(DIMS_VOLTAGE));
        x = v == NODE_NONE || x == NODE_NONE
                ? NODE_NONE
                : node_op2(c, side ? INSN_GE : INSN_LE, v, x, TYPE_BOOL);
        n = n == NODE_NONE ? x : x == NODE_NONE ? n : node_op2(c, INSN_OR, n, x, TYPE_BOOL);
    }
    return n;
}

static double limit_value(const struct program *p, expr_id e, double other)
{
    return e == PROG_NONE ? other : p->code[p->exprs[e].start].v;
}

static void compile_limit_end(struct comp *c, struct act *a, const struct conf_node *map)
{
    const struct act_limits limits = {limit_value(c->p, a->v_lo, c->p->v_lo),
                                      limit_value(c->p, a->v_hi, c->p->v_hi)};
    bool skip = a->at_limit == LIMIT_SKIP;
    struct end e = {.name = skip ? CAUSE_SKIP : CAUSE_LIMIT,
                    .cause = skip ? CAUSE_SKIP : CAUSE_LIMIT};
    int n;

    if (a->at_limit == LIMIT_CLIP ||
        (!conf_get(map, "limits") && a->verb != VERB_PULSE && a->verb != VERB_CURRENT &&
         a->verb != VERB_DRIVE) ||
        c->p->role.voltage == CHAN_NONE)
        return;
    n = a->verb == VERB_CURRENT ? at_either_limit(c, &limits) : in_cv(c);
    if (n == NODE_NONE)
        return;
    e.cond = expr_emit(c, n, "limits");
    end_put(c, a, e, &map->pos);
}

void compile_ends(struct comp *c, struct act *a, const struct conf_node *map, text_id as)
{
    const struct conf_node *until = conf_get(map, "until"), *taper = conf_get(map, "taper"),
                           *stop = conf_get(map, "stop");
    bool list = stop && stop->kind == CONF_SEQ;

    if (as != PROG_NONE)
        end_name_add(c, as);
    if (until)
        compile_until(c, a, until, as);
    if (taper)
        compile_taper(c, a, map, taper);
    for (const struct conf_node *i = list ? stop->first : stop; i; i = list ? i->next : NULL)
        compile_stop(c, a, i);
    if (a->verb == VERB_CHARGE || a->verb == VERB_DISCHARGE || a->verb == VERB_PULSE ||
        a->verb == VERB_CURRENT || a->verb == VERB_DRIVE)
        compile_limit_end(c, a, map);
}

/* ---- save ---- */

/* A charge that becomes the base of C: coulombs an hour. */
static int one_c_of(struct comp *c, const struct conf_node *n, int root)
{
    const struct type base = {
        .dims = {.a = 1, .crate = -1}
    };
    struct src s = src_value(n);
    int hour;

    if (c->node[root].t.any || dims_equal(c->node[root].t.dims, base.dims))
        return root;
    if (!type_want(c, &s, root, TYPE_OF(DIMS_CHARGE), "one_c"))
        return NODE_NONE;
    hour = node_const(c, 3600.0, TYPE_OF(DIMS_TIME));
    return hour == NODE_NONE ? hour : node_op2(c, INSN_DIV, root, hour, base);
}

/* EXPRESSION [at TIME] for a register; the root, or NODE_NONE. */
static int save_value(struct comp *c, const struct conf_node *n, unsigned use, double *ret_at_s)
{
    struct src s = src_value(n);
    struct parser ps;
    int root, t;

    *ret_at_s = NAN;
    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "a register gets one value");
        return NODE_NONE;
    }
    parse_begin(&ps, c, &s, use);
    root = parse_sum(&ps);
    if (root == NODE_NONE)
        return root;
    if (parse_word(&ps, "at")) {
        t = parse_sum(&ps);
        if (t == NODE_NONE || !type_want(c, &s, t, TYPE_OF(DIMS_TIME), "the time of a save"))
            return NODE_NONE;
        if (!node_is_const(c, t) || !(c->node[t].v > 0.0 && c->node[t].v < 1e9)) {
            FAIL(c, E_RANGE, &n->pos, "the time of a save is known before the run and above zero");
            return NODE_NONE;
        }
        *ret_at_s = c->node[t].v;
    }
    if (!parse_end(&ps))
        return NODE_NONE;
    return strcmp(n->key, "one_c") == 0 ? one_c_of(c, n, root) : root;
}

void compile_let_map(struct comp *c, const struct conf_node *map, unsigned use)
{
    if (map->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &map->pos, "written {NAME: VALUE, ...}");
        return;
    }
    for (const struct conf_node *i = map->first; i; i = i->next) {
        struct src name = src_key(i);
        double at_s;
        reg_id reg;
        int root;

        c->n_nodes = 0;
        root = save_value(c, i, use, &at_s);
        reg =
            reg_target(c, &name, root == NODE_NONE ? (struct type){.any = true} : c->node[root].t);
        if (!isnan(at_s))
            FAIL(c, E_INVALID, &i->pos, "`at` is for what a step saves");
        if (reg == PROG_NONE)
            continue;
        if (root != NODE_NONE)
            step_add(c, OP_LET, reg, expr_emit_node(c, root, i), i);
        flow_set(&c->flow, reg);
    }
}

void compile_saves(struct comp *c, struct act *a, const struct conf_node *map)
{
    if (map->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &map->pos, "`save` is written {NAME: VALUE, ...}");
        return;
    }
    for (const struct conf_node *i = map->first; i; i = i->next) {
        struct src name = src_key(i);
        double at_s;
        int root = save_value(c, i, USE_ALL, &at_s);
        reg_id reg =
            reg_target(c, &name, root == NODE_NONE ? (struct type){.any = true} : c->node[root].t);
        uint32_t k;

        if (reg == PROG_NONE)
            continue;
        if (a->n_saves >= PROG_SAVES_MAX) {
            FAIL(c, E_FULL, &i->key_pos, "one step saves at most %d values", PROG_SAVES_MAX);
            return;
        }
        c->own[c->n_own++] = (struct own_save){reg, isnan(at_s) ? (double)INFINITY : at_s};
        if (root == NODE_NONE)
            continue;
        k = TABLE_ADD(c, saves, TABLE_MAX);
        c->p->saves[k] = (struct save){reg, expr_emit_node(c, root, i), at_s};
        c->p->n_saves = (uint16_t)(k + 1);
        if (a->n_saves++ == 0)
            a->first_save = (uint16_t)k;
    }
}
