/* procedures/engine/verbs.c - one act: its verb, what it asks of the cycler, what it sets, how it
 * ends, what it keeps.
 *
 * How current is asked for (HOUSE.md): charge and discharge are a voltage source whose current
 * limit is the rate. So each electrical act has a v_set. It is, in this order: `cv`; the X of an
 * end `cell.voltage >= X` plus 10 mV (discharge: `<= X` minus 10 mV), so that the condition and not
 * the instrument ends the step; the end of `limits` in that direction; the article's. What is
 * derived here never leaves the article's window; what the file says is left as it is and refused
 * by the check when it does. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

#define B(v) (1u << VERB_##v)
#define ALL                                                                                    \
    (B(CHARGE) | B(DISCHARGE) | B(HOLD) | B(REST) | B(OCV) | B(CURRENT) | B(PULSE) | B(SOAK) | \
     B(SQUEEZE) | B(WAIT) | B(DRIVE))
#define ELECTRIC (B(CHARGE) | B(DISCHARGE) | B(HOLD) | B(CURRENT) | B(PULSE) | B(DRIVE))

/* clang-format off */
const struct verb_key verb_keys[] = {
    {"at",        B(CHARGE) | B(DISCHARGE) | B(HOLD) | B(CURRENT),
     "current, C-rate, current density, power or resistance; of hold: the voltage; of current: "
     "signed, charging positive"                                                                                                     },
    {"cv",        B(CHARGE) | B(DISCHARGE),                         "voltage that is held when it is reached"                        },
    {"taper",     B(CHARGE) | B(DISCHARGE) | B(HOLD),
     "ends when the current at the held voltage has been below this for 3 s"                                                         },
    {"at_most",   B(HOLD),                                          "largest current of a hold; the article's when absent"           },
    {"charge",    B(PULSE),                                         "magnitude of a charging pulse"                                  },
    {"discharge", B(PULSE),                                         "magnitude of a discharging pulse"                               },
    {"profile",   B(DRIVE),                                         "CSV file beside the procedure: `time s, current A`"             },
    {"column",    B(DRIVE),                                         "name of the column that is driven, where there are several"     },
    {"time",      B(DRIVE),                                         "name of the column of times, where there are several"           },
    {"every",     B(DRIVE),                                         "how long each row lasts, where the file has no times"           },
    {"sign",      B(DRIVE),                                         "charge positive or discharge positive, where the header does not say it"},
    {"scale",     B(DRIVE),                                         "factor of all values"                                           },
    {"limits",    B(CHARGE) | B(DISCHARGE) | B(CURRENT) | B(PULSE) | B(DRIVE),
     "voltage limits of the instrument, `2.2 V .. 4.3 V`"                                                                            },
    {"at_limit",  B(CHARGE) | B(DISCHARGE) | B(CURRENT) | B(PULSE) | B(DRIVE),
     "clip (go on at the limit), skip or end; default: end for pulse, current and drive, clip for "
     "charge and discharge"                                                                                                                 },
    {"output",    B(REST) | B(OCV),                                 "off: the output is open"                                        },
    {"chamber",   B(SOAK),                                          "set-point of the chamber"                                       },
    {"to",        B(SQUEEZE),                                       "stack pressure"                                                 },
    {"rate",      B(SOAK) | B(SQUEEZE),                             "ramp of the set-point"                                          },
    {"until",     ALL,                                              "condition that ends the step, or a list of them: any"           },
    {"for",       ALL,                                              "duration"                                                       },
    {"at_least",  ALL,                                              "no `until` and no taper ends the step before this"                           },
    {"stop",      ALL,                                              "other ends, `CONDITION as NAME`, or a list of {when, after, as}"},
    {"timeout",   ALL,                                              "`6 h else pause`, abort, next, end or safe"                     },
    {"record",    ALL | B(SET),                                     "when rows are written: `every 100 ms for 5 s then every 1 s`"   },
    {"save",      ALL,                                              "registers: {q: charge, r: resistance at 10 s}"                  },
    {"resume",    ELECTRIC,                                         "restart-block: after a restart the block begins again"          },
    {"as",        ALL,                                              "name of the step and of its natural end"                        },
    {"about",     ALL | B(SET),                                     "for the reader"                                                 },
    {NULL,        0,                                                NULL                                                             },
};
/* clang-format on */

const char *const refused_verbs[] = {"eis",     "heat",       "gas",        "load",    "connect",
                                     "disconnect", "offstation", "barrier", NULL};

bool verb_find(const char *word, enum verb *ret)
{
    for (int v = 0; v < VERB_COUNT; v++)
        if (strcmp(verb_name((enum verb)v), word) == 0) {
            *ret = (enum verb)v;
            return true;
        }
    return false;
}

const char *verb_refused(const char *word)
{
    for (size_t i = 0; refused_verbs[i]; i++)
        if (strcmp(refused_verbs[i], word) == 0)
            return refused_verbs[i];
    return NULL;
}

static void check_verb_keys(struct comp *c, const struct conf_node *map, enum verb verb)
{
    const char *known[ARRAY_LEN(verb_keys) + 1];
    size_t n = 0;

    for (size_t i = 0; verb_keys[i].name; i++)
        if (verb_keys[i].verbs >> verb & 1u)
            known[n++] = verb_keys[i].name;
    known[n] = NULL;
    for (const struct conf_node *i = map->first; i; i = i->next) {
        bool found = false;

        for (size_t k = 0; k < n && !found; k++)
            found = strcmp(known[k], i->key) == 0;
        if (found)
            continue;
        if (strcmp(i->key, "quality") == 0) {
            refuse_word(c, &i->key_pos, "quality");
            continue;
        }
        FAIL(c, E_NOENT, &i->key_pos, "%s has no key '%s'", verb_name(verb), i->key);
        if (str_nearest(i->key, known))
            HINT(c, "did you mean %s?", str_nearest(i->key, known));
    }
}

/* ---- Source ---- */

/* The unit says what is meant. */
static void compile_at(struct comp *c, struct act *a, const struct conf_node *n)
{
    struct src s = src_value(n);
    struct parser ps;
    struct diag_pos pos;
    int root;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "`%s` is one value", n->key);
        return;
    }
    parse_begin(&ps, c, &s, USE_REGS);
    root = parse_sum(&ps);
    if (root == NODE_NONE || !parse_end(&ps))
        return;
    if (!base_known(c, root, &n->pos))
        return;
    const struct node written = c->node[root];

    root = convert_current(c, root);
    if (root == NODE_NONE)
        return;
    const struct node x = c->node[root];

    if (x.t.any || dims_equal(x.t.dims, DIMS_CURRENT))
        a->at_kind = AT_CURRENT;
    else if (dims_equal(x.t.dims, DIMS_POWER))
        a->at_kind = AT_POWER;
    else if (dims_equal(x.t.dims, DIMS_RESISTANCE) && a->verb == VERB_DISCHARGE)
        a->at_kind = AT_RESISTANCE;
    else if (!dims_equal(x.t.dims, DIMS_CRATE) && !dims_equal(x.t.dims, DIMS_CURRENT_DENSITY))
        type_want(c, &s, root, TYPE_OF(DIMS_CURRENT), "what is charged or discharged with");
    if (a->verb != VERB_CURRENT && written.op == INSN_CONST && !written.t.any &&
        !(written.v > 0.0) && !isnan(written.v)) {
        FAIL(c, E_RANGE, src_pos(&s, x.at, x.n, &pos), "a %s is given as a magnitude above zero",
             verb_name((enum verb)a->verb));
        HINT(c, "the verb says the direction");
    }
    if (a->verb == VERB_CURRENT && a->at_kind != AT_CURRENT && a->at_kind != AT_NONE)
        FAIL(c, E_UNIT, src_pos(&s, x.at, x.n, &pos), "the verb current takes a current");
    a->at = expr_emit_node(c, root, n);
}

static int voltage_const(struct comp *c, double v)
{
    return node_const(c, v, TYPE_OF(DIMS_VOLTAGE));
}

/* The end of `limits` or the article's, in the direction of the act. */
static int limit_node(struct comp *c, const struct act_parts *parts, bool upper)
{
    int n = upper ? parts->limit_hi : parts->limit_lo;

    return n != NODE_NONE ? n : voltage_const(c, upper ? c->p->v_hi : c->p->v_lo);
}

static void compile_v_set(struct comp *c, struct act *a, const struct conf_node *map,
                          const struct act_parts *parts)
{
    const struct conf_node *cv = conf_get(map, "cv");
    bool up = a->direction > 0;
    int n;

    if (a->direction == 0)
        return;
    if (cv) {
        a->v_set = expr_of(c, cv, TYPE_OF(DIMS_VOLTAGE), USE_REGS, "cv");
        return;
    }
    n = c->end_v;
    if (n != NODE_NONE && a->verb != VERB_PULSE) {
        int margin = voltage_const(c, up ? 0.01 : -0.01),
            edge = voltage_const(c, up ? c->p->v_hi : c->p->v_lo);

        if (margin == NODE_NONE || edge == NODE_NONE)
            return;
        n = node_op2(c, INSN_ADD, n, margin, TYPE_OF(DIMS_VOLTAGE));
        if (n != NODE_NONE && isfinite(c->node[edge].v))
            n = node_op2(c, up ? INSN_MIN : INSN_MAX, n, edge, TYPE_OF(DIMS_VOLTAGE));
    } else {
        n = limit_node(c, parts, up);
    }
    a->v_set = expr_emit(c, n, "end voltage");
}

static void compile_limits(struct comp *c, struct act *a, const struct conf_node *n,
                           struct act_parts *parts)
{
    struct src s = src_value(n);
    struct parser ps;
    struct range r;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "`limits` is a range of voltage: 2.2 V .. 4.3 V");
        return;
    }
    parse_begin(&ps, c, &s, 0);
    if (!parse_range(&ps, TYPE_OF(DIMS_VOLTAGE), "limits", &r) || !parse_end(&ps))
        return;
    if (r.lo >= r.hi) {
        FAIL(c, E_RANGE, &n->pos, "the lower limit is not below the upper one");
        return;
    }
    if (isfinite(r.lo)) {
        parts->limit_lo = voltage_const(c, r.lo);
        a->v_lo = expr_emit_src(c, parts->limit_lo, &s);
    }
    if (isfinite(r.hi)) {
        parts->limit_hi = voltage_const(c, r.hi);
        a->v_hi = expr_emit_src(c, parts->limit_hi, &s);
    }
}

static void compile_at_limit(struct comp *c, struct act *a, const struct conf_node *n)
{
    static const char *const words[] = {"clip", "skip", "end", NULL};

    a->at_limit = a->verb == VERB_PULSE || a->verb == VERB_CURRENT || a->verb == VERB_DRIVE
                      ? LIMIT_END
                      : LIMIT_CLIP;
    if (!n)
        return;
    for (uint8_t i = 0; words[i] && n->kind == CONF_SCALAR; i++)
        if (strcmp(words[i], n->text) == 0) {
            a->at_limit = i;
            return;
        }
    FAIL(c, E_NOENT, &n->pos, "at the limit a step can clip, skip or end");
}

static void compile_pulse(struct comp *c, struct act *a, const struct conf_node *n)
{
    const struct conf_node *in = conf_get(n, "charge"), *out = conf_get(n, "discharge");

    if (!in == !out) {
        FAIL(c, E_INVALID, &n->key_pos, "a pulse is either `charge` or `discharge`");
        HINT(c, "pulse: {discharge: C/2, for: 10 s}");
        return;
    }
    a->direction = in ? 1 : -1;
    compile_at(c, a, in ? in : out);
}

/* Without `at_most`: what the article and the cycler allow in both directions. */
static double hold_current(const struct comp *c)
{
    const struct prog_roles *r = &c->p->role;
    const chan_id chans[] = {r->current_limit, r->limit_charge, r->limit_discharge};
    double least = fmin(c->p->charge_max_a, c->p->discharge_max_a);

    for (size_t i = 0; i < ARRAY_LEN(chans); i++)
        if (chans[i] != CHAN_NONE)
            least = fmin(least, fabs(c->p->station.chan[chans[i]].max));
    return least;
}

static void compile_hold(struct comp *c, struct act *a, const struct conf_node *n)
{
    const struct conf_node *at = conf_get(n, "at"), *most = conf_get(n, "at_most");

    a->at_kind = AT_CURRENT;
    if (!at)
        FAIL(c, E_INVALID, &n->key_pos, "a hold needs its voltage, `at`");
    else
        a->v_set = expr_of(c, at, TYPE_OF(DIMS_VOLTAGE), USE_REGS, "the voltage of a hold");
    if (most)
        compile_at(c, a, most);
    else
        a->at =
            expr_emit(c, node_const(c, hold_current(c), TYPE_OF(DIMS_CURRENT)), "largest current");
}

static void compile_electric(struct comp *c, struct act *a, const struct conf_node *n,
                             struct act_parts *parts)
{
    const struct conf_node *at = conf_get(n, "at"), *limits = conf_get(n, "limits");

    if (c->p->role.mode == CHAN_NONE || c->p->role.voltage_set == CHAN_NONE) {
        FAIL(c, E_NOENT, &n->key_pos, "station %s has no cycler", c->p->station.station);
        return;
    }
    if (limits)
        compile_limits(c, a, limits, parts);
    compile_at_limit(c, a, conf_get(n, "at_limit"));
    if (a->verb == VERB_PULSE) {
        compile_pulse(c, a, n);
        return;
    }
    if (a->verb == VERB_HOLD) {
        compile_hold(c, a, n);
        return;
    }
    if (a->verb == VERB_DRIVE) {
        compile_drive(c, a, n);
        return;
    }
    a->direction = a->verb == VERB_CHARGE ? 1 : a->verb == VERB_DISCHARGE ? -1 : 0;
    if (at)
        compile_at(c, a, at);
    else
        FAIL(c, E_INVALID, &n->key_pos,
             "%s needs `at`: a current, a C-rate, a current density or a power",
             verb_name((enum verb)a->verb));
}

/* ---- Set-points ---- */

static void set_put(struct comp *c, struct act *a, chan_id chan, expr_id value, expr_id rate,
                    const struct diag_pos *pos)
{
    if (a->n_sets >= PROG_SETS_MAX) {
        FAIL(c, E_FULL, pos, "one step sets at most %d values", PROG_SETS_MAX);
        return;
    }
    a->set[a->n_sets++] = (struct act_set){chan, value, rate};
}

static void compile_setpoint(struct comp *c, struct act *a, const struct conf_node *n,
                             const char *key, chan_id chan, const char *role)
{
    const struct conf_node *value = conf_get(n, key), *rate = conf_get(n, "rate");
    const struct chan_kind_info *k;
    struct type t;
    expr_id e, r = PROG_NONE;

    if (!value) {
        FAIL(c, E_INVALID, &n->key_pos, "%s needs `%s`", n->key, key);
        return;
    }
    if (chan == CHAN_NONE) {
        FAIL(c, E_NOENT, &n->key_pos, "station %s has no %s", c->p->station.station, role);
        return;
    }
    k = chan_kind_info(c->p->station.chan[chan].kind);
    t = (struct type){.dims = k->dims, .point = k->point};
    e = expr_of(c, value, t, USE_REGS, key);
    if (rate) {
        const struct type per_s = {.dims = dims_div(k->dims, DIMS_TIME)};
        int root = node_of(c, rate, per_s, USE_REGS, "rate");

        if (node_is_const(c, root) && !(c->node[root].v > 0.0))
            FAIL(c, E_RANGE, &rate->pos, "a rate is above zero; the set-point says the direction");
        r = expr_emit_node(c, root, rate);
    }
    set_put(c, a, chan, e, r, &value->pos);
}

static void compile_soak(struct comp *c, struct act *a, const struct conf_node *n)
{
    chan_id mode = c->p->role.chamber_mode;

    compile_setpoint(c, a, n, "chamber", c->p->role.temperature_set, "chamber");
    if (mode != CHAN_NONE)
        set_put(c, a, mode,
                expr_emit(c, node_const(c, CHAMBER_CONSTANT, TYPE_OF(DIMS_NONE)), "constant"),
                PROG_NONE, &n->pos);
}

static void compile_set(struct comp *c, struct act *a, const struct conf_node *n)
{
    for (const struct conf_node *i = n->first; i; i = i->next) {
        const struct station_desc *s = &c->p->station;
        char name[CHAN_NAME_MAX + 8];
        chan_id chan;

        if (strcmp(i->key, "record") == 0 || strcmp(i->key, "about") == 0)
            continue;
        if (str_starts(i->key, "cycler.")) {
            FAIL(c, E_INVALID, &i->key_pos,
                 "the cycler is moved by charge, discharge, hold, current and pulse only");
            continue;
        }
        chan = station_find(s, i->key);
        if ((chan == CHAN_NONE || !s->chan[chan].set) &&
            str_fmt(name, sizeof(name), "%s_set", i->key) == 0)
            chan = station_find(s, name);
        if (chan == CHAN_NONE && c->open_station) {
            comp_open(c, "channel %s", i->key);
            continue;
        }
        if (chan == CHAN_NONE || !s->chan[chan].set) {
            FAIL(c, E_NOENT, &i->key_pos, "the station cannot set '%s'", i->key);
            if (str_nearest(i->key, channel_names(c, true)))
                HINT(c, "did you mean %s?", str_nearest(i->key, channel_names(c, true)));
            continue;
        }
        const struct chan_kind_info *k = chan_kind_info(s->chan[chan].kind);

        set_put(c, a, chan,
                expr_of(c, i, (struct type){.dims = k->dims, .point = k->point}, USE_REGS, i->key),
                PROG_NONE, &i->pos);
    }
}

/* ---- The rest of an act ---- */

static expr_id duration(struct comp *c, const struct conf_node *map, const char *key)
{
    const struct conf_node *n = conf_get(map, key);
    int root;

    if (!n)
        return PROG_NONE;
    root = node_of(c, n, TYPE_OF(DIMS_TIME), USE_REGS, key);
    if (root != NODE_NONE && node_is_const(c, root) &&
        (!(c->node[root].v >= 0.0) || c->node[root].v > 1e9) && !isnan(c->node[root].v)) {
        FAIL(c, E_RANGE, &n->pos, "the time is out of range");
        return PROG_NONE;
    }
    return expr_emit_node(c, root, n);
}

static void compile_timeout(struct comp *c, struct act *a, const struct conf_node *n)
{
    struct src s = src_value(n);
    struct parser ps;
    int root;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "written `timeout: 6 h else pause`");
        return;
    }
    parse_begin(&ps, c, &s, USE_REGS);
    root = parse_sum(&ps);
    if (root == NODE_NONE || !type_want(c, &s, root, TYPE_OF(DIMS_TIME), "a timeout"))
        return;
    if (node_is_const(c, root) && (!(c->node[root].v > 0.0) || c->node[root].v > 1e9)) {
        FAIL(c, E_RANGE, &n->pos, "the time is out of range");
        return;
    }
    if (!parse_word(&ps, "else")) {
        if (!ps.failed)
            FAIL(c, E_SYNTAX, &n->pos, "a timeout says what is done then");
        HINT(c, "timeout: %.40s else pause", n->text);
        return;
    }
    a->timeout_s = expr_emit_src(c, root, &s);
    for (uint8_t i = TIMEOUT_PAUSE; timeout_words[i]; i++)
        if (parse_is_word(&ps, timeout_words[i])) {
            a->timeout_action = i;
            parse_next(&ps);
            parse_end(&ps);
            return;
        }
    if (ps.failed)
        return;
    FAIL(c, E_NOENT, &n->pos,
         "after a timeout the run can pause, abort, go to the next step, end or go to safe");
    HINT(c, "else pause, abort, next, end or safe");
}
const char *const timeout_words[] = {"none", "pause", "abort", "next", "end", "safe", NULL};

static void word_key(struct comp *c, const struct conf_node *map, const char *key, const char *word,
                     bool *ret)
{
    const struct conf_node *n = conf_get(map, key);

    if (!n)
        return;
    if (n->kind == CONF_SCALAR && strcmp(n->text, word) == 0)
        *ret = true;
    else
        FAIL(c, E_NOENT, &n->pos, "`%s` can only be `%s`", key, word);
}

/* A value as written; the name of a parameter is replaced by what it stands for. */
static const char *shown(struct comp *c, const struct conf_node *n, char *buf, size_t size)
{
    const struct symbol *s;

    if (!n || n->kind != CONF_SCALAR)
        return "";
    s = symbol_find(c, n->text, strlen(n->text));
    if (!s || s->kind != SYM_CONST || s->t.any || s->t.words)
        return n->text;
    return qty_print(s->v, s->t.dims, s->t.point, buf, size);
}

/* What tables and progress show: "charge C/10 to 4.25 V". */
static text_id describe(struct comp *c, const struct act *a, const struct conf_node *map)
{
    static const char *const whats[] = {"at", "charge", "discharge", "chamber", "to", "profile", NULL};
    const char *what = "", *to;
    char text[96], first[40], second[40];
    int rc;

    for (int i = 0; whats[i] && what[0] == '\0'; i++)
        what = shown(c, conf_get(map, whats[i]), first, sizeof(first));
    if (what[0] == '\0')
        what = shown(c, conf_get(map, "for"), first, sizeof(first));
    to = shown(c, conf_get(map, "cv"), second, sizeof(second));
    rc = str_fmt(text, sizeof(text), "%s%s%s%s%s%s", verb_name((enum verb)a->verb),
                 a->verb == VERB_PULSE ? (a->direction > 0 ? " charge" : " discharge") : "",
                 what[0] ? " " : "", what, to[0] ? " to " : "", to);
    return text_str(c, rc == 0 ? text : verb_name((enum verb)a->verb));
}

static void check_can_end(struct comp *c, const struct act *a, const struct conf_node *n)
{
    bool electric = (ELECTRIC >> a->verb & 1u) != 0,
         sets = a->verb == VERB_SET || a->verb == VERB_SOAK || a->verb == VERB_SQUEEZE;

    if (a->for_s != PROG_NONE || a->timeout_s != PROG_NONE)
        return;
    if (a->n_ends == 0 && sets)
        return;
    if (a->n_ends > 0) {
        FAIL(c, E_INVALID, &n->key_pos, "this step may never end: its condition may not come");
        HINT(c, "add timeout: 6 h else pause");
    } else {
        FAIL(c, E_INVALID, &n->key_pos, "this step cannot end");
        HINT(c, electric ? "add for, until or taper, and a timeout"
                         : "add for, or until and a timeout");
    }
}

static void act_put(struct comp *c, const struct act *a, const struct conf_node *n)
{
    uint32_t i = TABLE_ADD(c, acts, PROG_STEPS_MAX);

    c->p->acts[i] = *a;
    c->p->n_acts = (uint16_t)(i + 1);
    step_add(c, OP_ACT, (uint16_t)i, 0, n);
}

void compile_act(struct comp *c, const struct conf_node *n, enum verb verb)
{
    const struct conf_node *as = n->kind == CONF_MAP ? conf_get(n, "as") : NULL, *record;
    struct act a = {.verb = (uint8_t)verb,
                    .at = PROG_NONE,
                    .v_set = PROG_NONE,
                    .v_lo = PROG_NONE,
                    .v_hi = PROG_NONE,
                    .first_record = c->first_record};
    struct act_parts parts = {NODE_NONE, NODE_NONE};
    unsigned errors = c->errors;

    c->n_nodes = 0;
    c->end_v = NODE_NONE;
    c->place = n->key_pos;
    if (n->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &n->pos, "%s takes its words in braces", verb_name(verb));
        HINT(c, verb == VERB_REST || verb == VERB_OCV ? "rest: {for: 30 min}"
                                                      : "{at: C/10, until: ..., timeout: ...}");
        return;
    }
    if (as && as->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &as->pos, "`as` is one name");
        return;
    }
    if (verb == VERB_SET)
        compile_set(c, &a, n);
    else
        check_verb_keys(c, n, verb);
    if (verb == VERB_SOAK)
        compile_soak(c, &a, n);
    if (verb == VERB_SQUEEZE)
        compile_setpoint(c, &a, n, "to", c->p->role.pressure_set, "press");
    if (ELECTRIC >> verb & 1u)
        compile_electric(c, &a, n, &parts);
    a.for_s = verb == VERB_DRIVE ? drive_duration(c, &a, n) : duration(c, n, "for");
    a.at_least_s = duration(c, n, "at_least");
    a.timeout_s = PROG_NONE;
    if (conf_get(n, "timeout"))
        compile_timeout(c, &a, conf_get(n, "timeout"));
    word_key(c, n, "output", "off", &a.output_off);
    word_key(c, n, "resume", "restart-block", &a.restart_block);
    c->n_own = 0;
    if (conf_get(n, "save"))
        compile_saves(c, &a, conf_get(n, "save"));
    compile_ends(c, &a, n, as ? text_str(c, as->text) : PROG_NONE);
    compile_v_set(c, &a, n, &parts);
    record = conf_get(n, "record");
    if (record)
        compile_record(c, record, &a.first_record, &a.n_records);
    else if (c->n_calls > 1)
        a.n_records = c->n_records; /* a called procedure brings its own default */
    a.name = as ? text_str(c, as->text) : describe(c, &a, n);
    if (c->errors == errors)
        check_can_end(c, &a, n);
    act_put(c, &a, n);
    if (a.timeout_action == TIMEOUT_END)
        flow_meet(&c->at_end_flow, &c->flow);
    for (unsigned i = 0; i < c->n_own; i++)
        flow_set(&c->flow, c->own[i].reg);
    c->n_own = 0;
}
