/* benchctl/interlocks.c - reading the interlocks and the watchdog of a bench file, and what a bench of 60 V and more must have.
 *
 *   interlocks: {estop: {input: dio.1, healthy: closed, scope: bench}}
 *   watchdog: {output: dio.9, period: 500 ms}
 *
 * An interlock is a contact that everything hangs on, so it has a box of its own: no instrument whose poll period a run may change.
 */
#include "benchctl/bench_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define INTERLOCK_POLL_MOST_S 1.0 /* slower is no interlock */
#define DANGEROUS_V 60.0          /* extra-low voltage ends here */

/* ---- Schemas ---- */

struct interlock_conf {
    const char *input, *scope, *about;
    int32_t healthy, cause;
    double needed_above_v;
};
enum { HEALTHY_CLOSED, HEALTHY_OPEN };
static const char *const healthy_names[] = {"closed", "open", NULL};
static const struct conf_key interlock_keys[] = {
    {.name = "input", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(interlock_conf, input), .help = "INSTRUMENT.CHANNEL of a contact that is polled"},
    {.name = "healthy", .type = CONF_ENUM, .required = true, .choices = healthy_names, .offset = CONF_OFFSET(interlock_conf, healthy), .help = "closed (a broken wire trips) or open"},
    {.name = "scope", .type = CONF_TEXT, .required = true, .offset = CONF_OFFSET(interlock_conf, scope), .help = "bench, or `station NAME`: what it trips"},
    {.name = "cause", .type = CONF_ENUM, .choices = safe_cause_names, .offset = CONF_OFFSET(interlock_conf, cause), .help = "which safe sequence it calls for; interlock if absent"},
    {.name = "needed_above", .type = CONF_QTY, .dims = DIM_VOLTAGE, .min = 0, .max = 10000, .offset = CONF_OFFSET(interlock_conf, needed_above_v),
     .help = "counts only in runs whose article may go above; absent: in all"},
    {.name = "about", .type = CONF_TEXT, .offset = CONF_OFFSET(interlock_conf, about), .help = "in words"},
    {0},
};
static const struct schema interlock_schema = {.name = "interlocks", .about = "A contact that trips when it is not healthy, silent or stale.", .keys = interlock_keys};

struct watchdog_conf {
    const char *output, *about;
    double period_s;
};
static const struct conf_key watchdog_keys[] = {
    {.name = "output", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(watchdog_conf, output), .help = "INSTRUMENT.CHANNEL of the switch that holds the relay"},
    {.name = "period", .type = CONF_QTY, .required = true, .dims = DIM_TIME, .min = 0.1, .max = 60, .offset = CONF_OFFSET(watchdog_conf, period_s),
     .help = "set again so often; the relay drops after two of them"},
    {.name = "about", .type = CONF_TEXT, .offset = CONF_OFFSET(watchdog_conf, about), .help = "what the relay cuts, in words"},
    {0},
};
static const struct schema watchdog_schema = {.name = "watchdog", .about = "An output that holds a relay while it is set again and again.", .keys = watchdog_keys};

/* ---- Names ---- */

/* "dio.1" -> instrument and switch. */
static int switch_named(const struct bench *b, const struct conf_node *n, uint8_t *ret_inst, uint16_t *ret_chan, struct diag *reterr)
{
    struct bench_chan c;
    int r = chan_named(b, n, &c, reterr);
    if (r < 0) {
        return r;
    }
    if (b->inst[c.inst].chans[c.chan].kind != KIND_SWITCH) {
        return diag_at(reterr, E_INVALID, &n->pos, "`%s` is no switch, which is on or off", n->text);
    }
    *ret_inst = c.inst;
    *ret_chan = c.chan;
    return 0;
}

static bool serves(const struct bench *b, uint8_t inst)
{
    for (int s = 0; s < b->n_stations; s++) {
        if (station_uses(&b->station[s], inst)) {
            return true;
        }
    }
    return false;
}

/* The box is asked often, and at its own pace. */
static int take_box(struct bench *b, uint8_t inst, const struct diag_pos *pos, struct diag *reterr)
{
    struct bench_inst *in = &b->inst[inst];
    if (serves(b, inst)) {
        diag_at(reterr, E_INVALID, pos, "`%s` serves a station: interlocks and watchdog need a box of their own", in->name);
        diag_hint(reterr, "digital inputs and outputs on a line that nothing else slows down");
        return E_INVALID;
    }
    in->guards_bench = true;
    return 0;
}

/* ---- Interlocks ---- */

static int scope_of(const struct bench *b, const struct conf_node *n, int8_t *ret_station, struct diag *reterr)
{
    if (strcmp(n->text, "bench") == 0) {
        *ret_station = -1;
        return 0;
    }
    if (!str_starts(n->text, "station ")) {
        diag_at(reterr, E_SYNTAX, &n->pos, "`%s` is not a scope", n->text);
        diag_hint(reterr, "bench, or station NAME");
        return E_SYNTAX;
    }
    int s = bench_find_station(b, n->text + strlen("station "));
    if (s < 0) {
        return diag_at(reterr, E_NOENT, &n->pos, "there is no station `%s`", n->text + strlen("station "));
    }
    *ret_station = (int8_t)s;
    return 0;
}

static void check_input(struct bench *b, const struct bench_interlock *k, const struct conf_node *n, struct diag *reterr)
{
    struct bench_inst *in = &b->inst[k->inst];
    const struct diag_pos *pos = value_pos(n, "input");
    if (!in->chans[k->chan].polled) {
        diag_at(reterr, E_INVALID, pos, "`%s.%s` is not polled: nobody would see it open", in->name, in->chans[k->chan].name);
        return;
    }
    for (int i = 0; i < b->n_interlocks; i++) {
        if (b->interlock[i].inst == k->inst && b->interlock[i].chan == k->chan) {
            diag_at(reterr, E_EXISTS, pos, "interlock `%s` has this input already", b->interlock[i].name);
            return;
        }
    }
    if (!in->poll_said) {
        in->poll_s = INTERLOCK_POLL_MS / 1000.0;
    }
    if (in->poll_s > INTERLOCK_POLL_MOST_S) {
        diag_at(reterr, E_RANGE, pos, "`%s` is polled too slowly for an interlock", in->name);
        diag_hint(reterr, "poll: 200 ms, at most 1 s");
        return;
    }
    if (take_box(b, k->inst, pos, reterr) == 0) {
        b->interlock[b->n_interlocks++] = *k;
    }
}

void interlocks_read(struct bench *b, const struct conf_node *map, struct diag *reterr)
{
    for (const struct conf_node *n = map->first; n; n = n->next) {
        struct interlock_conf c = {.cause = SAFE_INTERLOCK};
        struct bench_interlock k = {.name = n->key, .pos = n->key_pos};
        if (b->n_interlocks == BENCH_INTERLOCKS_MAX) {
            diag_at(reterr, E_FULL, &n->key_pos, "more than %d interlocks", BENCH_INTERLOCKS_MAX);
            return;
        }
        if (conf_apply(n, &interlock_schema, &c, &b->doc, reterr) < 0 || scope_of(b, conf_get(n, "scope"), &k.station, reterr) < 0 ||
            switch_named(b, conf_get(n, "input"), &k.inst, &k.chan, reterr) < 0) {
            continue;
        }
        k.healthy_on = c.healthy == HEALTHY_CLOSED;
        k.cause = (uint8_t)c.cause;
        k.needed_above_v = c.needed_above_v;
        check_input(b, &k, n, reterr);
    }
}

bool interlock_counts(const struct bench_interlock *k, int station, double volts)
{
    return (k->station < 0 || k->station == station) && (k->needed_above_v <= 0.0 || !(volts <= k->needed_above_v));
}

static double deadline_s(const struct bench *b, uint8_t inst)
{
    const struct bench_inst *in = &b->inst[inst];
    return fmax((double)in->driver->timeout_ms / 1000.0, b->bus[in->bus].timeout_s);
}

double interlock_stale_s(const struct bench *b, const struct bench_interlock *k)
{
    return 3.0 * b->inst[k->inst].poll_s + deadline_s(b, k->inst);
}

/* Asked just before it opened, and the next answer takes as long as it may: then it is stale anyway. */
double interlock_trip_s(const struct bench *b, const struct bench_interlock *k)
{
    return fmin(b->inst[k->inst].poll_s + deadline_s(b, k->inst), interlock_stale_s(b, k));
}

/* ---- Watchdog ---- */

void watchdog_read(struct bench *b, const struct conf_node *map, struct diag *reterr)
{
    struct watchdog_conf c = {0};
    struct bench_watchdog w = {.there = true, .pos = map->key_pos};
    if (conf_apply(map, &watchdog_schema, &c, &b->doc, reterr) < 0 || switch_named(b, conf_get(map, "output"), &w.inst, &w.chan, reterr) < 0) {
        return;
    }
    if (!(b->inst[w.inst].chans[w.chan].access & CHAN_SET)) {
        diag_at(reterr, E_INVALID, value_pos(map, "output"), "`%s` cannot be set", c.output);
        return;
    }
    w.period_s = c.period_s;
    w.about = c.about;
    if (take_box(b, w.inst, value_pos(map, "output"), reterr) == 0) {
        b->watchdog = w;
    }
}

/* ---- What a dangerous bench must have ---- */

double station_volts(const struct bench *b, int station)
{
    uint8_t cycler = b->station[station].cycler;
    int c = cycler == INST_NONE ? -1 : inst_find_chan(&b->inst[cycler], "voltage_set");
    return c < 0 ? 0.0 : fmax(fabs(b->inst[cycler].chans[c].min), fabs(b->inst[cycler].chans[c].max));
}

static bool has_interlock(const struct bench *b, int station, const char *word)
{
    for (int k = 0; k < b->n_interlocks; k++) {
        if (interlock_counts(&b->interlock[k], station, INFINITY) && str_starts(b->interlock[k].name, word) && b->interlock[k].needed_above_v <= DANGEROUS_V) {
            return true;
        }
    }
    return false;
}

/* Its lost link and its dead host leave it as it is, and no watchdog of its own is promised. */
static bool own_watchdog(const struct driver *d)
{
    return d->hazard[5] && !strstr(d->hazard[5], "none");
}

int bench_guarded(const struct bench *b, int station, struct diag *reterr)
{
    const struct bench_station *st = &b->station[station];
    double volts = station_volts(b, station);
    if (volts < DANGEROUS_V) {
        return 0;
    }
    char text[40];
    const char *name = b->inst[st->cycler].name;
    int r = 0;
    qty_print(volts, DIMS_VOLTAGE, false, text, sizeof text);
    static const char *const needed[] = {"estop", "door"};
    for (size_t k = 0; k < ARRAY_LEN(needed); k++) {
        if (!has_interlock(b, station, needed[k])) {
            r = diag_at(reterr, E_INVALID, &st->pos, "station `%s` goes up to %s (`%s`) and has no interlock `%s`", st->name, text, name, needed[k]);
            diag_hint(reterr, "interlocks: {%s: {input: dio.1, healthy: closed, scope: %s}}; or limits below 60 V", needed[k], k ? "station NAME" : "bench");
        }
    }
    if (!b->watchdog.there && !own_watchdog(b->inst[st->cycler].driver)) {
        r = diag_at(reterr, E_INVALID, &st->pos, "station `%s` goes up to %s, and `%s` stays as it is when the host dies", st->name, text, name);
        diag_hint(reterr, "watchdog: {output: dio.9, period: 500 ms}; or limits below 60 V");
    }
    return r;
}
