/* benchctl/foreign_unicycler.c - unicycler protocols: JSON with one object a step.
 *
 * The JSON library says whether it is JSON; the places of its values come from the reader of our
 * own YAML, of which JSON is a part. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <limits.h>
#include <math.h>
#include <string.h>

struct protocol {
    struct foreign *f;
    struct diag *d;
    int code;
};

static int note(struct protocol *p, int code)
{
    p->code = p->code == 0 ? code : p->code;
    return code;
}
#define REFUSE(p, code, pos, ...) note((p), diag_at((p)->d, (code), (pos), __VA_ARGS__))

/* ---- Values ---- */

static bool is_empty(const struct conf_node *n)
{
    return !n || (n->kind == CONF_SCALAR && strspn(n->text, " ") == strlen(n->text));
}

/* NaN when it is absent or empty, or after a finding. */
static double number(struct protocol *p, const struct conf_node *map, const char *key)
{
    const struct conf_node *n = conf_get(map, key);
    double v;

    if (is_empty(n))
        return NAN;
    if (n->kind != CONF_SCALAR || str_to_double(n->text, strlen(n->text), &v) < 0 ||
        fabs(v) > 1e9) {
        REFUSE(p, E_SYNTAX, &n->pos, "`%s` is a number", key);
        return NAN;
    }
    return v;
}

/* In SI, read as our language reads it: 4.2 mA is 0.0042 A to the last bit. */
static double value(struct protocol *p, const struct conf_node *map, const char *key,
                    const char *unit)
{
    const struct conf_node *n = conf_get(map, key);
    struct qty q;
    char text[64];

    if (isnan(number(p, map, key)))
        return NAN;
    if (str_fmt(text, sizeof(text), "%s %s", n->text, unit) < 0 ||
        qty_parse(text, strlen(text), NULL, &q, NULL) < 0) {
        REFUSE(p, E_RANGE, &n->pos, "`%s` is out of range", key);
        return NAN;
    }
    return q.si;
}

/* The same, and zero is as good as absent. */
static double value_or_none(struct protocol *p, const struct conf_node *map, const char *key,
                            const char *unit)
{
    const double v = value(p, map, key, unit);

    return fabs(v) > 0.0 ? v : (double)NAN;
}

static double positive(struct protocol *p, const struct conf_node *map, const char *key,
                       const char *unit)
{
    double v = value(p, map, key, unit);

    if (v <= 0.0) {
        REFUSE(p, E_RANGE, &conf_get(map, key)->pos, "`%s` is above zero", key);
        return NAN;
    }
    return v;
}

/* 0.2, "0.2", "1/5", "C/5"; "D/5" is a discharge. */
static double rate(struct protocol *p, const struct conf_node *map, const char *key)
{
    const struct conf_node *n = conf_get(map, key);
    double above = 1.0, below = 1.0, sign = 1.0;
    const char *slash;
    char top[32], *letter;
    bool good;

    if (is_empty(n))
        return NAN;
    slash = n->kind == CONF_SCALAR ? strchr(n->text, '/') : NULL;
    if (!slash)
        return number(p, map, key);
    good = (size_t)(slash - n->text) < sizeof(top) &&
           str_to_double(slash + 1, strlen(slash + 1), &below) == 0 && fabs(below) > 0.0;
    if (good) {
        memcpy(top, n->text, (size_t)(slash - n->text));
        top[slash - n->text] = '\0';
        letter = strpbrk(top, "CD");
        if (letter) {
            sign = *letter == 'D' ? -1.0 : 1.0;
            *letter = '\0';
        }
        good = (letter && top[0] == '\0') || str_to_double(top, strlen(top), &above) == 0;
    }
    if (!good || !isfinite(above / below)) {
        REFUSE(p, E_SYNTAX, &n->pos, "`%s` is a C-rate", key);
        diag_hint(p->d, "0.2, \"1/5\", \"C/5\"; \"D/5\" or -0.2 is a discharge");
        return NAN;
    }
    return fabs(above / below) > 0.0 ? sign * above / below : (double)NAN;
}

static void check_keys(struct protocol *p, const struct conf_node *map, const char *const *keys,
                       const char *what)
{
    for (const struct conf_node *n = map->first; n; n = n->next) {
        bool known = false;

        for (size_t i = 0; keys[i]; i++)
            known |= strcmp(keys[i], n->key) == 0;
        if (known)
            continue;
        REFUSE(p, E_NOENT, &n->key_pos, "%s has no key '%s'", what, n->key);
        if (str_nearest(n->key, keys))
            diag_hint(p->d, "did you mean %s?", str_nearest(n->key, keys));
    }
}

/* ---- Steps ---- */

static struct foreign_step begin(const struct conf_node *n, enum foreign_kind kind)
{
    struct foreign_step s = foreign_blank(kind);

    s.pos = n->pos;
    return s;
}

static void add(struct protocol *p, struct foreign_step s)
{
    note(p, foreign_add(p->f, s, p->d));
}

static void check_time(struct protocol *p, const struct conf_node *n, double *t)
{
    if (*t > 0.0 && *t <= 1e9)
        return;
    if (!isnan(*t))
        REFUSE(p, E_RANGE, &n->pos, "`until_time_s` is above zero and not longer than 30 years");
    *t = NAN;
}

static void take_rest(struct protocol *p, const struct conf_node *n, const char *origin)
{
    static const char *const keys[] = {"step", "id", "until_time_s", NULL};
    struct foreign_step s = begin(n, FOREIGN_REST);

    check_keys(p, n, keys, "open_circuit_voltage");
    s.for_s = positive(p, n, "until_time_s", "s");
    check_time(p, n, &s.for_s);
    if (is_empty(conf_get(n, "until_time_s")))
        REFUSE(p, E_INVALID, &n->pos, "a rest needs `until_time_s`");
    s.origin = origin;
    add(p, s);
}

static void take_current(struct protocol *p, const struct conf_node *n, const char *origin)
{
    static const char *const keys[] = {
        "step", "id", "rate_C", "current_mA", "until_time_s", "until_voltage_V", NULL};
    struct foreign_step s = begin(n, FOREIGN_CHARGE);
    double c = rate(p, n, "rate_C"), a = value_or_none(p, n, "current_mA", "mA");
    bool by_rate = fabs(c) > 0.0;

    check_keys(p, n, keys, "constant_current");
    s.at = by_rate ? c : a;
    s.dims = by_rate ? DIMS_CRATE : DIMS_CURRENT;
    if (by_rate && !isnan(a))
        diag_warn_at(p->d, &conf_get(n, "current_mA")->pos,
                     "`current_mA` is not used: `rate_C` is given");
    if (isnan(s.at) && p->code == 0)
        REFUSE(p, E_INVALID, &n->pos, "a constant current needs `rate_C` or `current_mA`");
    if (s.at < 0.0)
        s.kind = FOREIGN_DISCHARGE;
    s.at = fabs(s.at);
    s.for_s = value_or_none(p, n, "until_time_s", "s");
    check_time(p, n, &s.for_s);
    s.end_v = value_or_none(p, n, "until_voltage_V", "V");
    if (isnan(s.for_s) && isnan(s.end_v) && p->code == 0)
        REFUSE(p, E_INVALID, &n->pos, "a step needs `until_time_s` or `until_voltage_V`");
    s.origin = origin;
    add(p, s);
}

static void take_voltage(struct protocol *p, const struct conf_node *n, const char *origin)
{
    static const char *const keys[] = {
        "step", "id", "voltage_V", "until_time_s", "until_rate_C", "until_current_mA", NULL};
    struct foreign_step s = begin(n, FOREIGN_HOLD);
    double c = rate(p, n, "until_rate_C"), a = value_or_none(p, n, "until_current_mA", "mA");
    bool by_rate = fabs(c) > 0.0;

    check_keys(p, n, keys, "constant_voltage");
    s.at = value(p, n, "voltage_V", "V");
    s.dims = DIMS_VOLTAGE;
    if (isnan(s.at) && p->code == 0)
        REFUSE(p, E_INVALID, &n->pos, "a constant voltage needs `voltage_V`");
    s.for_s = value_or_none(p, n, "until_time_s", "s");
    check_time(p, n, &s.for_s);
    s.taper = fabs(by_rate ? c : a);
    s.taper_dims = by_rate ? DIMS_CRATE : DIMS_CURRENT;
    if (by_rate && !isnan(a))
        diag_warn_at(p->d, &conf_get(n, "until_current_mA")->pos,
                     "`until_current_mA` is not used: `until_rate_C` is given");
    if (isnan(s.for_s) && isnan(s.taper) && p->code == 0)
        REFUSE(p, E_INVALID, &n->pos,
               "a step needs `until_time_s`, `until_rate_C` or `until_current_mA`");
    s.origin = origin;
    add(p, s);
}

/* ---- Loops: `loop` goes back to a step, so what is between becomes a repetition ---- */

struct loops {
    const struct conf_node **step; /* method[], from 0 */
    unsigned n;
    unsigned *target; /* of a loop: where it goes back to; of all else UINT_MAX */
    unsigned *turns;
};

static bool text_is(const struct conf_node *n, const char *key, const char *text)
{
    const struct conf_node *k = conf_get(n, key);

    return k && k->kind == CONF_SCALAR && strcmp(k->text, text) == 0;
}

/* The step that a loop goes back to: its number from 1, or the tag before it. -1: neither. */
static int64_t target_index(const struct loops *l, const struct conf_node *to, bool *ret_tag)
{
    int64_t index = 1;

    *ret_tag = false;
    if (!to || (to->kind == CONF_SCALAR && str_to_int(to->text, strlen(to->text), &index) == 0))
        return index - 1;
    *ret_tag = to->kind == CONF_SCALAR;
    for (unsigned i = 0; i < l->n && *ret_tag; i++)
        if (text_is(l->step[i], "step", "tag") && text_is(l->step[i], "tag", to->text))
            return i;
    return -1;
}

static unsigned find_target(struct protocol *p, const struct loops *l, unsigned at)
{
    static const char *const keys[] = {"step", "id", "loop_to", "start_step", "cycle_count", NULL};
    const struct conf_node *n = l->step[at], *to = conf_get(n, "loop_to"),
                           *older = conf_get(n, "start_step");
    int64_t index;
    bool tag;

    check_keys(p, n, keys, "loop");
    if (older)
        diag_warn_at(p->d, &older->key_pos,
                     "`start_step` is read as `loop_to`: an older unicycler wrote it");
    to = to ? to : older;
    index = target_index(l, to, &tag);
    if (index >= 0 && index < (int64_t)at && !(tag && index + 1 == (int64_t)at))
        return (unsigned)index;
    if (tag && index < 0)
        REFUSE(p, E_NOENT, &to->pos, "there is no tag '%s'", to->text);
    else
        REFUSE(p, E_RANGE, to ? &to->pos : &n->pos, "a loop goes back, over one step at least");
    return UINT_MAX;
}

static void find_loops(struct protocol *p, struct loops *l)
{
    for (unsigned i = 0; i < l->n; i++) {
        const struct conf_node *n = l->step[i], *count = conf_get(n, "cycle_count");
        int64_t turns = 0;

        l->target[i] = UINT_MAX;
        if (!text_is(n, "step", "loop"))
            continue;
        l->target[i] = find_target(p, l, i);
        if (!count || conf_int(count, 1, FOREIGN_TURNS_MAX, &turns, p->d) < 0)
            note(p,
                 count ? E_RANGE : diag_at(p->d, E_INVALID, &n->pos, "a loop needs `cycle_count`"));
        l->turns[i] = (unsigned)turns;
    }
    for (unsigned i = 0; i < l->n; i++)
        for (unsigned k = i + 1; k < l->n && l->target[i] != UINT_MAX; k++)
            if (l->target[k] != UINT_MAX && l->target[k] > l->target[i] && l->target[k] <= i)
                REFUSE(p, E_UNSUPPORTED, &l->step[k]->pos,
                       "this loop overlaps that of line %d without holding it",
                       l->step[i]->pos.line);
}

static bool is_name(const char *t)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

    return t[0] && strchr(letters, t[0]) && strlen(t) <= 40 &&
           strspn(t, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
               strlen(t);
}

/* A tag names the outermost repetition that begins there. With loop_ before it, it is no word of
 * our language. */
static const char *tag_name(const struct protocol *p, const struct loops *l, unsigned target)
{
    const struct conf_node *tag = conf_get(l->step[target], "tag");

    if (!text_is(l->step[target], "step", "tag") || !tag || tag->kind != CONF_SCALAR ||
        !is_name(tag->text))
        return NULL;
    return arena_fmt(&p->f->arena, "%s%s", str_starts(tag->text, "loop_") ? "" : "loop_",
                     tag->text);
}

/* The repetitions that begin at step i, the longest outside. */
static void open_loops(struct protocol *p, const struct loops *l, unsigned i, unsigned *depth)
{
    const char *name = tag_name(p, l, i);

    for (unsigned k = l->n; k > i + 1; k--) {
        struct foreign_step s = begin(l->step[k - 1], FOREIGN_REPEAT);

        if (l->target[k - 1] != i)
            continue;
        if (++*depth > FOREIGN_DEPTH_MAX)
            REFUSE(p, E_FULL, &s.pos, "too many loops in each other");
        s.turns = l->turns[k - 1];
        s.name = name;
        name = NULL;
        add(p, s);
    }
}

/* Is there a step since the begin of the innermost repetition? */
static void close_loop(struct protocol *p, const struct conf_node *n)
{
    unsigned i = p->f->n;

    while (i > 0 && p->f->step[i - 1].kind == FOREIGN_REMARK)
        i--;
    if (i > 0 && p->f->step[i - 1].kind == FOREIGN_REPEAT)
        REFUSE(p, E_INVALID, &n->pos, "nothing is done again in this loop");
    add(p, begin(n, FOREIGN_END));
}

/* ---- The method ---- */

/* The step as one line, for the comment. */
static const char *origin_of(const struct protocol *p, const struct conf_node *n)
{
    struct text t = {0};
    const char *kept;

    for (const struct conf_node *k = n->first; k; k = k->next)
        if (!is_empty(k) && k->kind == CONF_SCALAR)
            text_add(&t, "%s%s %s", t.n ? ", " : "", k->key, k->text);
    kept = arena_dup_n(&p->f->arena, t.p ? t.p : "", t.n);
    text_done(&t);
    return kept;
}

static void take_step(struct protocol *p, const struct conf_node *n)
{
    static const char *const names[] = {"open_circuit_voltage",
                                        "constant_current",
                                        "constant_voltage",
                                        "impedance_spectroscopy",
                                        "voltage_scan",
                                        "loop",
                                        "tag",
                                        NULL};
    const struct conf_node *step = conf_get(n, "step");
    const char *origin = origin_of(p, n),
               *name = step && step->kind == CONF_SCALAR ? step->text : "";

    if (strcmp(name, names[0]) == 0)
        take_rest(p, n, origin);
    else if (strcmp(name, names[1]) == 0)
        take_current(p, n, origin);
    else if (strcmp(name, names[2]) == 0)
        take_voltage(p, n, origin);
    else if (strcmp(name, names[3]) == 0)
        REFUSE(p, E_UNSUPPORTED, &step->pos, "impedance is not there yet (`eis`)");
    else if (strcmp(name, names[4]) == 0)
        REFUSE(p, E_UNSUPPORTED, &step->pos, "our language has no scan of the voltage");
    else if (!step)
        REFUSE(p, E_INVALID, &n->pos, "the object has no `step`");
    else {
        REFUSE(p, E_NOENT, &step->pos, "there is no step '%s'", name);
        if (str_nearest(name, names))
            diag_hint(p->d, "did you mean %s?", str_nearest(name, names));
    }
}

static void take_tag(struct protocol *p, const struct conf_node *n)
{
    static const char *const keys[] = {"step", "id", "tag", NULL};
    struct foreign_step s = begin(n, FOREIGN_REMARK);

    check_keys(p, n, keys, "tag");
    if (is_empty(conf_get(n, "tag")))
        REFUSE(p, E_INVALID, &n->pos, "a tag needs its `tag`");
    s.origin = origin_of(p, n);
    add(p, s);
}

static void take_method(struct protocol *p, const struct conf_node *method)
{
    struct loops l = {.n = method->n};
    unsigned i = 0, depth = 0;

    l.step = arena_alloc(&p->f->arena, l.n * sizeof(struct conf_node *));
    l.target = arena_alloc(&p->f->arena, l.n * sizeof(*l.target));
    l.turns = arena_alloc(&p->f->arena, l.n * sizeof(*l.turns));
    for (const struct conf_node *n = method->first; n; n = n->next) {
        if (n->kind != CONF_MAP) {
            REFUSE(p, E_SYNTAX, &n->pos, "a step is an object");
            return;
        }
        l.step[i++] = n;
    }
    find_loops(p, &l);
    for (i = 0; i < l.n && p->code != E_FULL; i++) {
        open_loops(p, &l, i, &depth);
        if (text_is(l.step[i], "step", "tag")) {
            take_tag(p, l.step[i]);
        } else if (!text_is(l.step[i], "step", "loop")) {
            take_step(p, l.step[i]);
        } else if (l.target[i] != UINT_MAX) {
            close_loop(p, l.step[i]);
            depth--;
        }
    }
}

/* ---- The protocol ---- */

static void take_record(struct protocol *p, const struct conf_node *root)
{
    static const char *const keys[] = {"time_s", "current_mA", "voltage_V", NULL};
    const struct conf_node *n = conf_get(root, "record");

    if (n && conf_get(root, "measurement"))
        REFUSE(p, E_EXISTS, &conf_get(root, "measurement")->key_pos, "`record` is given already");
    if (!n && conf_get(root, "measurement")) {
        n = conf_get(root, "measurement");
        diag_warn_at(p->d, &n->key_pos,
                     "`measurement` is read as `record`: an older unicycler wrote it");
    }
    if (!n || n->kind != CONF_MAP) {
        REFUSE(p, E_INVALID, &root->pos, "the protocol has no `record`");
        return;
    }
    check_keys(p, n, keys, "record");
    p->f->period_s = positive(p, n, "time_s", "s");
    p->f->delta_a = positive(p, n, "current_mA", "mA");
    p->f->delta_v = positive(p, n, "voltage_V", "V");
    if (p->code == 0 && !(p->f->period_s >= 1e-3))
        REFUSE(p, E_INVALID, &n->pos, "a record needs `time_s`, 1 ms at least");
}

/* False: it is absent, empty, or refused here. */
static bool is_object(struct protocol *p, const struct conf_node *n)
{
    if (!is_empty(n) && n->kind != CONF_MAP)
        REFUSE(p, E_SYNTAX, &n->pos, "`%s` is an object", n->key);
    return n && n->kind == CONF_MAP;
}

static double or_open(double v, double open)
{
    return isnan(v) ? open : v;
}

static void take_safety(struct protocol *p, const struct conf_node *n)
{
    static const char *const keys[] = {"max_voltage_V",
                                       "min_voltage_V",
                                       "max_current_mA",
                                       "min_current_mA",
                                       "max_capacity_mAh",
                                       "delay_s",
                                       NULL};
    struct foreign *f = p->f;
    const struct conf_node *q;

    if (!is_object(p, n))
        return;
    check_keys(p, n, keys, "safety");
    f->guard_v = (struct range){or_open(value(p, n, "min_voltage_V", "V"), -INFINITY),
                                or_open(value(p, n, "max_voltage_V", "V"), INFINITY)};
    f->guard_a = (struct range){or_open(value(p, n, "min_current_mA", "mA"), -INFINITY),
                                or_open(value(p, n, "max_current_mA", "mA"), INFINITY)};
    f->guard_s = or_open(value(p, n, "delay_s", "s"), 0.0);
    if (!(f->guard_v.lo < f->guard_v.hi) || !(f->guard_a.lo < f->guard_a.hi))
        REFUSE(p, E_RANGE, &n->pos, "a lower limit is not below its upper one");
    if (!(f->guard_s >= 0.0))
        REFUSE(p, E_RANGE, &n->pos, "`delay_s` is not below zero");
    q = conf_get(n, "max_capacity_mAh");
    if (is_empty(q))
        return;
    REFUSE(p, E_UNSUPPORTED, &q->pos, "our guards do not watch the charge of a step");
    diag_hint(p->d, "take it out here, and add `stop: charge > X as too_much` to steps");
}

static void take_sample(struct protocol *p, const struct conf_node *n)
{
    static const char *const keys[] = {"name", "capacity_mAh", NULL};
    const struct conf_node *name;

    if (!is_object(p, n))
        return;
    check_keys(p, n, keys, "sample");
    p->f->capacity_c = positive(p, n, "capacity_mAh", "mAh");
    name = conf_get(n, "name");
    if (!is_empty(name) && strcmp(name->text, "$NAME") != 0)
        diag_warn_at(p->d, &name->pos,
                     "the sample is not carried over: a run is given its article");
}

int unicycler_read(const char *file, const char *text, size_t n, struct foreign *f,
                   struct diag *reterr)
{
    static const char *const keys[] = {"unicycler", "sample", "record", "measurement",
                                       "safety",    "method", NULL};
    struct protocol p = {.f = f, .d = reterr};
    struct conf_doc *doc = &f->doc;
    const struct conf_node *method;
    int rc = foreign_json(file, text, n, f, doc, reterr);

    if (rc < 0)
        return rc;
    if (!doc->root || doc->root->kind != CONF_MAP) {
        diag_add(reterr, E_SYNTAX, "%s: a protocol is an object with `record` and `method`", file);
        return E_SYNTAX;
    }
    check_keys(&p, doc->root, keys, "a protocol");
    take_record(&p, doc->root);
    take_safety(&p, conf_get(doc->root, "safety"));
    take_sample(&p, conf_get(doc->root, "sample"));
    method = conf_get(doc->root, "method");
    if (method && method->kind == CONF_SEQ && method->first)
        take_method(&p, method);
    else
        REFUSE(&p, E_INVALID, &doc->root->pos, "the protocol has no `method`");
    return p.code;
}
