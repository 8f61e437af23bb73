/* procedures/engine/guards.c - what is watched all the time: guards of bench, article and
 * procedure, watch rules; and what happens after a loss of power.
 *
 * Guards add up: the strictest wins because all are watched. The article's window is turned into
 * guards here, with a margin on currents so that a set exactly at the limit does not trip: 1 % and
 * three times the instrument's accuracy. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static const char *const source_names[] = {"bench", "article", "procedure"};

static double accuracy_at(const struct comp *c, chan_id chan, double v)
{
    const struct station_chan *s;

    if (chan == CHAN_NONE)
        return 0.0;
    s = &c->p->station.chan[chan];
    return s->accuracy_offset + s->accuracy_reading * (isfinite(v) ? fabs(v) : 0.0);
}

static void guard_put(struct comp *c, struct guard g)
{
    uint32_t i = TABLE_ADD(c, guards, PROG_GUARDS_MAX);

    c->p->guards[i] = g;
    c->p->n_guards = (uint16_t)(i + 1);
}

/* ---- Guards as people write them ---- */

/* A bench serves several stations: its guard on the press says nothing to one without a press. */
static bool concerns_station(const struct comp *c, const struct src *key)
{
    struct lexer lx = {.src = key};
    struct token t;

    while (lex_next(&lx, &t, NULL) == 0 && t.kind != TOK_END) {
        const char *word = key->text + t.at, *dot;
        bool found = false;

        if (t.kind != TOK_WORD || !(dot = memchr(word, '.', t.n)))
            continue;
        for (uint16_t i = 0; i < c->p->station.n_chans && !found; i++)
            found = strncmp(c->p->station.chan[i].name, word, (size_t)(dot + 1 - word)) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* The key: VALUE [where CONDITION]. False after a finding. */
static bool guard_key(struct comp *c, const struct conf_node *n, struct guard *g,
                      struct type *ret_t)
{
    struct src s = src_key(n);
    struct parser ps;
    int root, where = NODE_NONE;

    parse_begin(&ps, c, &s, 0);
    root = parse_sum(&ps);
    if (root == NODE_NONE)
        return false;
    if (parse_word(&ps, "where")) {
        where = parse_condition(&ps);
        if (where == NODE_NONE || !type_want(c, &s, where, TYPE_BOOL, "where"))
            return false;
    }
    if (!parse_end(&ps))
        return false;
    *ret_t = c->node[root].t;
    if (ret_t->boolean) {
        FAIL(c, E_UNIT, &n->key_pos, "a guard watches a value; this is a condition");
        return false;
    }
    g->value = expr_emit_src(c, root, &s);
    g->where = where == NODE_NONE ? PROG_NONE : expr_emit_src(c, where, &s);
    return true;
}

/* The value: RANGE [for TIME]. */
static bool guard_range(struct comp *c, const struct conf_node *n, struct type t, struct guard *g)
{
    struct src s = src_value(n);
    struct parser ps;
    struct range r;
    char what[64], name[48];
    int hold;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "a guard is a range: 2.0 V .. 4.4 V");
        return false;
    }
    if (str_fmt(what, sizeof(what), "a guard on %s", type_name(&t, name, sizeof(name))) < 0)
        return false;
    parse_begin(&ps, c, &s, 0);
    if (!parse_range(&ps, t, what, &r))
        return false;
    if (parse_word(&ps, "for")) {
        hold = parse_sum(&ps);
        if (hold == NODE_NONE ||
            !type_want(c, &s, hold, TYPE_OF(DIMS_TIME), "how long it has to last"))
            return false;
        g->hold_s = c->node[hold].v;
    }
    if (!parse_end(&ps))
        return false;
    if (r.lo >= r.hi) {
        FAIL(c, E_RANGE, &n->pos, "the lower end of the guard is not below its upper end");
        return false;
    }
    g->lo = r.lo;
    g->hi = r.hi;
    return true;
}

/* One guard; of a bare array the guard of its member c->member. */
static void guard_one(struct comp *c, const struct conf_node *n, enum guard_source source)
{
    struct guard g = {
        .where = PROG_NONE, .source = (uint8_t)source, .file = c->file, .line = n->key_pos.line};
    struct type t;
    bool charge = strncmp(n->key, "charge_current", 14) == 0,
         discharge = strncmp(n->key, "discharge_current", 17) == 0;
    char text[160];

    c->n_nodes = 0;
    c->place = n->key_pos;
    if (!guard_key(c, n, &g, &t))
        return;
    if (t.any)
        return; /* open check: named there */
    if (!guard_range(c, n, t, &g))
        return;
    /* `charge_current: .. 0 A` is meant, not the noise around zero. */
    if ((charge || discharge) && isfinite(g.hi))
        g.hi += 0.01 * fabs(g.hi) + 3.0 * accuracy_at(c, c->p->role.current, g.hi);
    if (c->n_members > 1
            ? str_fmt(text, sizeof(text), "%s %s (%s), number %u", n->key, n->text,
                      source_names[source], c->member) < 0
            : str_fmt(text, sizeof(text), "%s %s (%s)", n->key, n->text, source_names[source]) < 0)
        text[sizeof(text) - 1] = '\0';
    g.text = text_str(c, text);
    guard_put(c, g);
}

/* On a bare array: one for each of its channels. */
static void guard_compile(struct comp *c, const struct conf_node *n, enum guard_source source)
{
    unsigned errors = c->errors;

    c->n_members = 1;
    for (c->member = 1; c->member <= c->n_members && c->errors == errors; c->member++)
        guard_one(c, n, source);
    c->member = c->n_members = 0;
}

void compile_guards(struct comp *c, const struct conf_node *map, enum guard_source source)
{
    uint16_t file = c->file;

    if (map->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &map->pos, "`guards` is a map: {cell.voltage: 2.0 V .. 4.4 V}");
        return;
    }
    if (source == GUARD_BENCH)
        c->file = PROG_NONE;
    for (const struct conf_node *n = map->first; n; n = n->next) {
        struct src key = src_key(n);

        if (source == GUARD_BENCH && !concerns_station(c, &key))
            continue;
        guard_compile(c, n, source);
    }
    c->file = file;
}

/* ---- The article's window ---- */

static void window_guard(struct comp *c, enum guard_source source, chan_id chan, double lo,
                         double hi, const char *what, int where)
{
    struct guard g = {
        .where = PROG_NONE, .lo = lo, .hi = hi, .source = (uint8_t)source, .file = PROG_NONE};
    const struct chan_kind_info *k;
    char text[128], a[32], b[32];

    if (chan == CHAN_NONE || (!isfinite(lo) && !isfinite(hi)))
        return;
    k = chan_kind_info(c->p->station.chan[chan].kind);
    if (str_fmt(text, sizeof(text), "%s %s%s..%s%s (%s)", what,
                isfinite(lo) ? qty_print(lo, k->dims, k->point, a, sizeof(a)) : "",
                isfinite(lo) ? " " : "", isfinite(hi) ? " " : "",
                isfinite(hi) ? qty_print(hi, k->dims, k->point, b, sizeof(b)) : "",
                source_names[source]) < 0)
        text[sizeof(text) - 1] = '\0';
    g.text = text_str(c, text);
    g.value = expr_emit(c, node_chan(c, chan), what);
    if (where != NODE_NONE)
        g.where = expr_emit(c, where, what);
    guard_put(c, g);
}

static void article_guard(struct comp *c, chan_id chan, double lo, double hi, const char *what,
                          int where)
{
    window_guard(c, GUARD_ARTICLE, chan, lo, hi, what, where);
}

/* What the regulator says of itself: beyond what it could have been told it has failed, and silent
 * it cannot be made safe. */
static void regulator_guard(struct comp *c)
{
    const struct prog_roles *r = &c->p->role;
    double hi;

    if (r->regulator == CHAN_NONE || r->pressure_set == CHAN_NONE)
        return;
    hi = c->p->station.chan[r->pressure_set].max;
    window_guard(c, GUARD_BENCH, r->regulator, (double)-INFINITY,
                 hi + 3.0 * accuracy_at(c, r->regulator, hi), "press.regulator", NODE_NONE);
}

/* cell.current beyond what a resting instrument may show, in one direction. */
static int flowing(struct comp *c, bool charging)
{
    const struct type t = TYPE_OF(DIMS_CURRENT);
    double least = 3.0 * accuracy_at(c, c->p->role.current, 0.0);
    int i, limit;

    if (c->p->role.current == CHAN_NONE)
        return NODE_NONE;
    least = least > 1e-9 ? least : 1e-9;
    i = node_chan(c, c->p->role.current);
    limit = node_const(c, charging ? least : -least, t);
    return i == NODE_NONE || limit == NODE_NONE
               ? NODE_NONE
               : node_op2(c, charging ? INSN_GT : INSN_LT, i, limit, TYPE_BOOL);
}

/* A string is as good as its worst group: where the article says what a group may be at, each is
 * watched. */
static void group_guards(struct comp *c, const struct article *a)
{
    struct members m;
    char what[48];

    if (!isfinite(a->group_voltage_v.lo) && !isfinite(a->group_voltage_v.hi))
        return;
    if (!array_find(c, "group.voltage", &m)) {
        if (c->open_station)
            return;
        FAIL(c, E_NOENT, &conf_get(conf_get(a->node, "limits"), "group_voltage")->key_pos,
             "the article has a window for its groups, and station %s measures none",
             c->p->station.station);
        HINT(c, "groups: [...] of the station in the bench file");
        return;
    }
    for (unsigned i = 0; i < m.n; i++) {
        int r = m.n > 1 ? str_fmt(what, sizeof(what), "group.voltage.%u", i + 1)
                        : str_fmt(what, sizeof(what), "group.voltage");

        ASSERT(r == 0);
        article_guard(c, m.chan[i], a->group_voltage_v.lo, a->group_voltage_v.hi, what, NODE_NONE);
    }
}

void compile_article_guards(struct comp *c)
{
    const struct article *a = c->in->article;
    const struct prog_roles *r = &c->p->role;
    double in, out;

    if (!a)
        return;
    c->n_nodes = 0;
    c->place = (struct diag_pos){0};
    in = 1.01 * a->charge_current_a + 3.0 * accuracy_at(c, r->current, a->charge_current_a);
    out = 1.01 * a->discharge_current_a + 3.0 * accuracy_at(c, r->current, a->discharge_current_a);
    article_guard(c, r->voltage, a->voltage_v.lo, a->voltage_v.hi, "cell.voltage", NODE_NONE);
    article_guard(c, r->current, -out, in, "cell.current", NODE_NONE);
    group_guards(c, a);
    article_guard(c, r->pressure, a->pressure_pa.lo > 0.0 ? a->pressure_pa.lo : (double)-INFINITY,
                  a->pressure_pa.hi, "press.pressure", NODE_NONE);
    regulator_guard(c);
    if (r->current == CHAN_NONE)
        return;
    for (uint16_t i = 0; r->temperature != CHAN_NONE && i <= c->p->more_temperatures; i++) {
        chan_id t = (chan_id)(r->temperature + i);
        char which[16] = "", what[64];
        int named = c->p->more_temperatures ? str_fmt(which, sizeof(which), " %u", i + 1u) : 0;

        named |= str_fmt(what, sizeof(what), "temperature%s while charging", which);
        article_guard(c, t, a->charge_temperature_k.lo, a->charge_temperature_k.hi, what,
                      flowing(c, true));
        named |= str_fmt(what, sizeof(what), "temperature%s while discharging", which);
        article_guard(c, t, a->discharge_temperature_k.lo, a->discharge_temperature_k.hi, what,
                      flowing(c, false));
        ASSERT(named == 0);
    }
}

/* A guard may be wider than the chamber: then the chamber is not told of it. */
static void forget_unless_settable(const struct program *p, chan_id chan, double *k)
{
    if (chan != CHAN_NONE && !(*k >= p->station.chan[chan].min && *k <= p->station.chan[chan].max))
        *k = NAN;
}

/* The chamber's own alarm limits: the strictest unconditional guard on its temperature. */
void chamber_limits(struct comp *c)
{
    struct program *p = c->p;
    chan_id chan = station_find(&p->station, "chamber.temperature");

    for (uint16_t i = 0; i < p->n_guards; i++) {
        const struct guard *g = &p->guards[i];
        const struct expr *e = &p->exprs[g->value];

        if (g->where != PROG_NONE || e->n != 1 || p->code[e->start].op != INSN_CHAN ||
            p->code[e->start].a != chan)
            continue;
        if (isfinite(g->hi) && !(g->hi >= p->chamber_high_k))
            p->chamber_high_k = g->hi;
        if (isfinite(g->lo) && !(g->lo <= p->chamber_low_k))
            p->chamber_low_k = g->lo;
    }
    forget_unless_settable(p, p->role.chamber_high, &p->chamber_high_k);
    forget_unless_settable(p, p->role.chamber_low, &p->chamber_low_k);
}

/* ---- The pulse that proves the leads ---- */

#define PROOF_SHARE      0.01 /* of what the article allows */
#define PROOF_SHARE_MOST 0.1
#define PROOF_SEEN       5.0 /* times the accuracy of the current */
#define PROOF_SEEN_LEAST 3.0

static bool moves_press(const struct program *p, const struct act *a)
{
    for (uint8_t i = 0; i < a->n_sets; i++)
        if (p->role.pressure_set != CHAN_NONE && a->set[i].chan == p->role.pressure_set)
            return true;
    return false;
}

static bool can_prove(const struct program *p)
{
    const struct prog_roles *r = &p->role;
    bool two = r->limit_charge != CHAN_NONE && r->limit_discharge != CHAN_NONE;

    return r->mode != CHAN_NONE && r->voltage != CHAN_NONE && r->current != CHAN_NONE &&
           r->voltage_set != CHAN_NONE && (two || r->current_limit != CHAN_NONE) &&
           isfinite(p->v_lo) && isfinite(p->v_hi);
}

/* One percent of the smaller limit, or as much as the instrument can see; where that is more than a
 * tenth of the limit no pulse is made. */
void compile_proof(struct comp *c)
{
    struct program *p = c->p;
    double most = fmin(p->charge_max_a, p->discharge_max_a), seen, a;
    bool electrical = false;

    for (uint16_t i = 0; i < p->n_acts; i++) {
        const struct act *act = &p->acts[i];

        p->presses = p->presses || moves_press(p, act);
        electrical = electrical || act->verb == VERB_CHARGE || act->verb == VERB_DISCHARGE ||
                     act->verb == VERB_HOLD || act->verb == VERB_CURRENT ||
                     act->verb == VERB_PULSE || act->verb == VERB_DRIVE;
    }
    if (!electrical || !can_prove(p) || !isfinite(most))
        return;
    a = PROOF_SHARE * most;
    seen = station_accuracy(&p->station.chan[p->role.current], a, a);
    a = fmin(fmax(a, PROOF_SEEN * seen), PROOF_SHARE_MOST * most);
    p->proof_a = a < PROOF_SEEN_LEAST * seen ? 0.0 : a;
}

/* ---- Watch rules ---- */

bool parse_alarm(struct comp *c, const struct src *s, enum alarm_level *ret_level,
                 text_id *ret_text)
{
    static const char *const levels[] = {"info", "warn", "severe", NULL};
    size_t at = 0, from;

    if (strncmp(s->text, "alarm ", 6) == 0)
        at = 6;
    for (int i = 0; levels[i]; i++) {
        size_t len = strlen(levels[i]);

        if (strncmp(s->text + at, levels[i], len) != 0 || s->text[at + len] != ' ')
            continue;
        from = at + len + 1;
        if (s->n < from + 2 || s->text[from] != '"' || s->text[s->n - 1] != '"') {
            FAIL(c, E_SYNTAX, &s->pos, "the text of an alarm stands in double quotes");
            return false;
        }
        *ret_level = (enum alarm_level)i;
        *ret_text = text_intern(c, s->text + from + 1, s->n - from - 2);
        return true;
    }
    FAIL(c, E_SYNTAX, &s->pos, "an alarm has a level: info, warn or severe");
    HINT(c, "alarm warn \"stack relaxes\"");
    return false;
}

static void watch_compile(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"when", "do", NULL};
    const struct conf_node *when = conf_get(n, "when"), *action = conf_get(n, "do");
    enum alarm_level level;
    struct watch w;
    struct src s;
    uint32_t i;

    c->n_nodes = 0;
    if (n->kind != CONF_MAP || !when || !action || action->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "a watch rule is {when: CONDITION, do: alarm warn \"text\"}");
        return;
    }
    check_keys(c, n, keys, "a watch rule");
    s = src_value(action);
    if (!str_starts(s.text, "alarm ")) {
        FAIL(c, E_NOENT, &action->pos, "a watch rule can only raise an alarm");
        HINT(c, "do: alarm warn \"text\"");
        return;
    }
    w.when = expr_of(c, when, TYPE_BOOL, USE_REGS | USE_UNSET, "when");
    if (w.when == PROG_NONE || !parse_alarm(c, &s, &level, &w.text))
        return;
    w.level = (uint8_t)level;
    i = TABLE_ADD(c, watches, PROG_WATCHES_MAX);
    c->p->watches[i] = w;
    c->p->n_watches = (uint16_t)(i + 1);
}

void compile_watches(struct comp *c, const struct conf_node *list)
{
    if (list->kind != CONF_SEQ) {
        FAIL(c, E_SYNTAX, &list->pos, "`watch` is a list of rules");
        return;
    }
    for (const struct conf_node *n = list->first; n; n = n->next)
        watch_compile(c, n);
}

/* ---- Loss of power ---- */

static const char *const power_words[] = {"resume", "pause", "restart-step", "safe", "end",
                                          "ask",    NULL};

static bool power_word(struct comp *c, const char *word, const struct diag_pos *pos, uint8_t *ret)
{
    for (uint8_t i = 0; power_words[i]; i++)
        if (strcmp(word, power_words[i]) == 0) {
            *ret = i;
            return true;
        }
    FAIL(c, E_NOENT, pos, "'%s' is nothing to do after a loss of power", word);
    HINT(c, "resume, pause, restart-step, safe, end or ask");
    return false;
}

void compile_power(struct comp *c, const struct conf_node *n)
{
    struct program *p = c->p;

    p->on_power_loss = p->on_power_loss_else = POWER_PAUSE;
    p->power_loss_within_s = INFINITY;
    if (!n)
        return;
    if (n->kind == CONF_SCALAR) {
        if (power_word(c, n->text, &n->pos, &p->on_power_loss))
            p->on_power_loss_else = p->on_power_loss;
        return;
    }
    for (const struct conf_node *i = n->kind == CONF_MAP ? n->first : NULL; i; i = i->next) {
        struct src s = src_value(i);
        struct parser ps;
        int t;

        if (strcmp(i->key, "else") == 0) {
            if (i->kind == CONF_SCALAR)
                power_word(c, i->text, &i->pos, &p->on_power_loss_else);
            continue;
        }
        if (!power_word(c, i->key, &i->key_pos, &p->on_power_loss))
            continue;
        c->n_nodes = 0;
        parse_begin(&ps, c, &s, 0);
        if (!parse_word(&ps, "within")) {
            FAIL(c, E_SYNTAX, &i->pos, "written {%s: within 10 min, else: pause}", i->key);
            continue;
        }
        t = parse_sum(&ps);
        if (t != NODE_NONE && parse_end(&ps) && type_want(c, &s, t, TYPE_OF(DIMS_TIME), "within"))
            p->power_loss_within_s = c->node[t].v;
    }
    if (n->kind != CONF_MAP || !conf_get(n, "else")) {
        FAIL(c, E_SYNTAX, &n->pos, "`on_power_loss` says what else is done after that time");
        HINT(c, "{resume: within 10 min, else: pause}");
    }
}
