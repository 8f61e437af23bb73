/* benchctl/safefile.c - reading the safe sequences of a bench file.
 *
 *   A: {overpressure: [output smu off, set air 0 MPa], any: [output smu off, keep air]}
 *   shared: {oven: {when: [every station ended, overtemperature], do: [safe oven]}}
 *
 * First match by cause; `any` is compulsory and last. An instrument that can carry current, press or heat and has no line in its station's `any` is
 * refused: what is not named is not safe.
 */
#include "benchctl/bench_priv.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const safe_cause_names[] = {"any", "overpressure", "overtemperature", "fire", "gas", "interlock", NULL};

void heap_free(void *p)
{
    free(p);
}

const char *path_beside(struct arena *a, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash) {
        return arena_dup(a, path);
    }
    return arena_fmt(a, "%.*s/%s", (int)(slash - file), file, path);
}

static int cause_named(const char *name)
{
    for (int c = 0; safe_cause_names[c]; c++) {
        if (strcmp(safe_cause_names[c], name) == 0) {
            return c;
        }
    }
    return -1;
}

/* ---- Actions ---------------------------------------------------------------------------------------------------- */

enum { WORDS_MAX = 8, WORD_LEN = 40 };
struct words {
    int n;
    char word[WORDS_MAX][WORD_LEN];
};

static int split_words(const char *text, struct words *ret)
{
    ret->n = 0;
    while (*text) {
        while (*text == ' ') {
            text++;
        }
        size_t len = strcspn(text, " ");
        if (len == 0) {
            break;
        }
        if (ret->n == WORDS_MAX || len >= WORD_LEN) {
            return E_FULL;
        }
        memcpy(ret->word[ret->n], text, len);
        ret->word[ret->n][len] = '\0';
        ret->n++;
        text += len;
    }
    return 0;
}

/* The channel a `set X v` means: the instrument's settable one of that quantity. */
static int settable_of(const struct bench_inst *inst, struct dims dims)
{
    for (int c = 0; c < inst->inst.n_chans; c++) {
        const struct chan *chan = &inst->chans[c];
        if ((chan->access & CHAN_SET) && dims_equal(chan_kind_info(chan->kind)->dims, dims) && !strstr(chan->name, "limit")) {
            return c;
        }
    }
    return -1;
}

static int action_value(const struct bench *b, const struct conf_node *n, const char *text, struct safe_action *a, struct diag *reterr)
{
    struct qty q;
    if (qty_parse(text, strlen(text), &n->pos, &q, reterr) < 0) {
        return E_UNIT;
    }
    const struct bench_inst *inst = &b->inst[a->inst];
    int c = settable_of(inst, q.dims);
    if (c < 0) {
        char what[48];
        diag_at(reterr, E_UNIT, &n->pos, "`%s` sets no %s", inst->name, dims_name(q.dims, what, sizeof what));
        return E_UNIT;
    }
    a->chan = (uint16_t)c;
    /* A press is spoken of in stack pressure; its regulator in gauge pressure. */
    a->value = q.si;
    for (int s = 0; s < b->n_stations; s++) {
        const struct bench_station *st = &b->station[s];
        if (st->regulator == a->inst) {
            a->value = q.si / station_press_ratio(st);
        }
    }
    if (a->value < inst->chans[c].min || a->value > inst->chans[c].max) {
        return diag_at(reterr, E_RANGE, &n->pos, "`%s` is outside the limits of `%s`", text, inst->name);
    }
    return 0;
}

static int bad_action(const struct conf_node *n, struct diag *reterr)
{
    diag_at(reterr, E_SYNTAX, &n->pos, "`%s` is not an action of a safe sequence", n->text);
    diag_hint(reterr, "output X off, safe X, set X VALUE, ramp X to VALUE at RATE, keep X");
    return E_SYNTAX;
}

static int read_action(const struct bench *b, const struct conf_node *n, struct safe_action *ret, struct diag *reterr)
{
    struct words w;
    if (n->kind != CONF_SCALAR || split_words(n->text, &w) < 0 || w.n < 2) {
        return bad_action(n, reterr);
    }
    struct safe_action a = {.pos = n->pos};
    const char *verb = w.word[0];
    int i = inst_named(b, w.word[1], &n->pos, reterr);
    if (i < 0) {
        return E_NOENT;
    }
    a.inst = (uint8_t)i;
    char text[2 * WORD_LEN];
    if (strcmp(verb, "output") == 0 && w.n == 3 && strcmp(w.word[2], "off") == 0) {
        a.kind = ACTION_OUTPUT_OFF;
    } else if (strcmp(verb, "safe") == 0 && w.n == 2) {
        a.kind = ACTION_SAFE;
    } else if (strcmp(verb, "keep") == 0 && w.n == 2) {
        a.kind = ACTION_KEEP;
    } else if (strcmp(verb, "set") == 0 && (w.n == 3 || w.n == 4)) {
        a.kind = ACTION_SET;
        if (str_fmt(text, sizeof text, "%s %s", w.word[2], w.n == 4 ? w.word[3] : "") < 0 || action_value(b, n, text, &a, reterr) < 0) {
            return E_INVALID;
        }
    } else if (strcmp(verb, "ramp") == 0 && w.n == 8 && strcmp(w.word[2], "to") == 0 && strcmp(w.word[5], "at") == 0) {
        a.kind = ACTION_RAMP;
        struct qty rate;
        if (str_fmt(text, sizeof text, "%s %s", w.word[3], w.word[4]) < 0 || action_value(b, n, text, &a, reterr) < 0) {
            return E_INVALID;
        }
        if (str_fmt(text, sizeof text, "%s %s", w.word[6], w.word[7]) < 0 || qty_parse(text, strlen(text), &n->pos, &rate, reterr) < 0) {
            return E_INVALID;
        }
        struct dims want = dims_div(chan_kind_info(b->inst[i].chans[a.chan].kind)->dims, DIMS_TIME);
        if (!dims_equal(rate.dims, want) || rate.si <= 0.0) {
            return diag_at(reterr, E_UNIT, &n->pos, "`%s` is not a rate for `%s`", text, b->inst[i].name);
        }
        a.per_s = rate.si;
        for (int s = 0; s < b->n_stations; s++) {
            const struct bench_station *st = &b->station[s];
            if (st->regulator == a.inst) {
                a.per_s /= station_press_ratio(st);
            }
        }
    } else {
        return bad_action(n, reterr);
    }
    *ret = a;
    return 0;
}

static void read_actions(const struct bench *b, const struct conf_node *list, struct safe_rule *rule, struct diag *reterr)
{
    if (list->kind != CONF_SEQ || list->n == 0) {
        diag_at(reterr, E_INVALID, &list->pos, "a safe sequence is a list of actions");
        diag_hint(reterr, "[output smu off, keep air]");
        return;
    }
    for (const struct conf_node *n = list->first; n; n = n->next) {
        if (rule->n == BENCH_ACTIONS_MAX) {
            diag_at(reterr, E_FULL, &n->pos, "more than %d actions", BENCH_ACTIONS_MAX);
            return;
        }
        if (read_action(b, n, &rule->action[rule->n], reterr) == 0) {
            rule->n++;
        }
    }
}

static struct safe_rule *new_rule(struct bench *b, const struct conf_node *n, struct diag *reterr)
{
    if (b->n_rules == BENCH_RULES_MAX) {
        diag_at(reterr, E_FULL, &n->key_pos, "more than %d safe sequences", BENCH_RULES_MAX);
        return NULL;
    }
    struct safe_rule *rule = &b->rule[b->n_rules++];
    *rule = (struct safe_rule){.pos = n->key_pos};
    return rule;
}

/* ---- Stations and what they share ------------------------------------------------------------------------------------ */

static void read_station_rules(struct bench *b, int station, const struct conf_node *map, struct diag *reterr)
{
    bool any = false;
    for (const struct conf_node *n = map->first; n; n = n->next) {
        int cause = cause_named(n->key);
        if (cause < 0) {
            diag_at(reterr, E_NOENT, &n->key_pos, "`%s` is not a cause", n->key);
            const char *near = str_nearest(n->key, safe_cause_names);
            diag_hint(reterr, near ? "did you mean %s?" : "overpressure, overtemperature, fire, gas, interlock, any%s", near ? near : "");
            continue;
        }
        if (any) {
            diag_at(reterr, E_INVALID, &n->key_pos, "`any` matches first: it stands last");
            continue;
        }
        struct safe_rule *rule = new_rule(b, n, reterr);
        if (!rule) {
            return;
        }
        rule->station = (int8_t)station;
        rule->cause = (uint8_t)cause;
        read_actions(b, n, rule, reterr);
        any = cause == SAFE_ANY;
    }
    if (!any) {
        diag_at(reterr, E_INVALID, &map->key_pos, "station `%s` has no safe sequence for `any` cause", map->key);
        diag_hint(reterr, "any: [output ... off, keep ...] stands last");
    }
}

static void read_shared_rule(struct bench *b, const struct conf_node *n, struct diag *reterr)
{
    int inst = inst_named(b, n->key, &n->key_pos, reterr);
    const struct conf_node *when = conf_get(n, "when"), *act = conf_get(n, "do");
    if (inst < 0) {
        return;
    }
    if (!when || !act || when->kind != CONF_SEQ || n->n != 2) {
        diag_at(reterr, E_INVALID, &n->pos, "a shared instrument needs `when: [...]` and `do: [...]`");
        return;
    }
    struct safe_rule *rule = new_rule(b, n, reterr);
    if (!rule) {
        return;
    }
    rule->station = -1;
    rule->shared_inst = (uint8_t)inst;
    for (const struct conf_node *w = when->first; w; w = w->next) {
        int cause = w->kind == CONF_SCALAR ? cause_named(w->text) : -1;
        if (w->kind == CONF_SCALAR && strcmp(w->text, "every station ended") == 0) {
            rule->when_all_ended = true;
        } else if (cause > 0) {
            rule->causes |= 1U << cause;
        } else {
            diag_at(reterr, E_NOENT, &w->pos, "not a condition of a shared instrument");
            diag_hint(reterr, "every station ended, or a cause: overpressure, overtemperature, fire, gas, interlock");
        }
    }
    read_actions(b, act, rule, reterr);
}

static bool rule_names(const struct safe_rule *rule, uint8_t inst)
{
    for (int k = 0; k < rule->n; k++) {
        if (rule->action[k].inst == inst) {
            return true;
        }
    }
    return false;
}

/* Every instrument that carries energy stands in each of its station's rules, or in a shared one. */
static void check_energy(const struct bench *b, int s, uint8_t i, struct diag *reterr)
{
    const char *name = b->inst[i].name;
    for (int r = 0; r < b->n_rules; r++) {
        if (b->rule[r].station < 0 && rule_names(&b->rule[r], i)) {
            return;
        }
    }
    for (int r = 0; r < b->n_rules; r++) {
        if (b->rule[r].station == s && !rule_names(&b->rule[r], i)) {
            diag_at(reterr, E_INVALID, &b->rule[r].pos,
                    "station `%s`: this safe sequence does not name `%s`, which can carry energy",
                    b->station[s].name, name);
            diag_hint(reterr, "output %s off, safe %s or keep %s", name, name, name);
        }
    }
}

/* No sequence leaves the output of the cycler on. */
static void check_output(const struct bench *b, int s, uint8_t cycler, struct diag *reterr)
{
    const char *name = b->inst[cycler].name;
    for (int r = 0; r < b->n_rules; r++) {
        const struct safe_rule *rule = &b->rule[r];
        bool off = false, named = false;
        for (int k = 0; k < rule->n && rule->station == s; k++) {
            const struct safe_action *a = &rule->action[k];
            if (a->inst != cycler) {
                continue;
            }
            named = true;
            off = off || a->kind == ACTION_OUTPUT_OFF || a->kind == ACTION_SAFE;
            if (a->kind == ACTION_KEEP) {
                diag_at(reterr, E_INVALID, &a->pos,
                        "station `%s` keeps the output of `%s` on in a safe sequence",
                        b->station[s].name, name);
                diag_hint(reterr, "output %s off", name);
                off = true; /* said */
            }
        }
        if (named && !off) {
            diag_at(reterr, E_INVALID, &rule->pos,
                    "this safe sequence of station `%s` does not open the output of `%s`",
                    b->station[s].name, name);
            diag_hint(reterr, "output %s off", name);
        }
    }
}

static void check_named(const struct bench *b, struct diag *reterr)
{
    for (int s = 0; s < b->n_stations; s++) {
        const uint8_t energy[] = {b->station[s].cycler, b->station[s].regulator,
                                  b->station[s].chamber};
        for (size_t k = 0; k < ARRAY_LEN(energy); k++) {
            if (energy[k] != INST_NONE) {
                check_energy(b, s, energy[k], reterr);
            }
        }
        if (b->station[s].cycler != INST_NONE) {
            check_output(b, s, b->station[s].cycler, reterr);
        }
    }
}

void safe_read(struct bench *b, const struct conf_node *map, struct diag *reterr)
{
    bool has[BENCH_STATIONS_MAX] = {false};
    for (const struct conf_node *n = map->first; n; n = n->next) {
        if (n->kind != CONF_MAP) {
            diag_at(reterr, E_INVALID, &n->pos, "`%s` is a map", n->key);
            continue;
        }
        int s = bench_find_station(b, n->key);
        if (strcmp(n->key, "shared") == 0) {
            for (const struct conf_node *k = n->first; k; k = k->next) {
                read_shared_rule(b, k, reterr);
            }
        } else if (s >= 0) {
            has[s] = true;
            read_station_rules(b, s, n, reterr);
        } else {
            diag_at(reterr, E_NOENT, &n->key_pos, "there is no station `%s`", n->key);
        }
    }
    for (int s = 0; s < b->n_stations; s++) {
        if (!has[s]) {
            diag_at(reterr, E_INVALID, &b->station[s].pos, "station `%s` has no safe sequence", b->station[s].name);
        }
    }
    if (!diag_has_errors(reterr)) {
        check_named(b, reterr);
    }
}

const struct safe_rule *safe_rule_for(const struct bench *b, int station, enum safe_cause cause)
{
    for (int r = 0; r < b->n_rules; r++) {
        const struct safe_rule *rule = &b->rule[r];
        if (rule->station == station && (rule->cause == cause || rule->cause == SAFE_ANY)) {
            return rule;
        }
    }
    return NULL;
}
