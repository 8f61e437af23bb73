/* benchctl/stations.c - a station of the bench file as the engine sees it: channels by name, with scales.
 *
 * Stack pressure is force / cell area when it is read, and gauge pressure * piston area / cell area when it is set: both are press.* for the procedure. The
 * chamber's air stands for cell.temperature until an instrument measures the cell. Group voltages and temperatures may come from several scanners.
 */
#include "benchctl/bench.h"
#include "benchctl/safe.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define LOST_AFTER_LEAST_S 5.0
#define SAFE_WAIT_S        0.2 /* of the bus, for a safe job */

struct builder {
    const struct bench *bench;
    struct station_map *map;
    double current_a;
};

double station_press_ratio(const struct bench_station *s)
{
    static const double pi = 3.14159265358979323846;
    return pi * s->piston_m * s->piston_m / 4.0 / s->cell_area_m2;
}

static void put_name(char *buf, const char *name)
{
    bool fits = str_copy(buf, CHAN_NAME_MAX, name);
    ASSERT(fits);
}

/* Three polls and a deadline, unless the driver knows that a late reply takes longer to get over. */
static double stale_after_s(const struct bench_inst *i, double deadline_s)
{
    double s = 3.0 * i->poll_s + deadline_s;
    for (int c = 0; c < i->inst.n_chans; c++) {
        const struct chan *chan = &i->chans[c];
        s = chan->polled ? fmax(s, (double)chan->stale_ms / 1000.0) : s;
    }
    return s;
}

static double deadline_of(const struct bench_inst *i, const struct bench_bus *bus)
{
    return fmax((double)i->driver->timeout_ms / 1000.0, bus->timeout_s);
}

/* One request of a set. */
static double set_deadline_of(const struct bench_inst *i, const struct bench_bus *bus)
{
    return fmax((double)i->driver->set_ms / 1000.0, deadline_of(i, bus));
}

/* Everybody else on the line may just be asked in vain, and the line then rests. */
static double queue_for(const struct bench *b, uint8_t inst)
{
    double s = 0.0;
    for (uint8_t k = 0; k < b->n_insts; k++) {
        const struct bench_inst *i = &b->inst[k];
        if (k != inst && i->bus == b->inst[inst].bus) {
            s += set_deadline_of(i, &b->bus[i->bus]) + (double)(i->driver->late_ms + i->driver->gap_ms) / 1000.0;
        }
    }
    return s;
}

double bus_lost_after_s(const struct bench *b, uint8_t bus)
{
    double s = LOST_AFTER_LEAST_S;
    for (uint8_t k = 0; k < b->n_insts; k++) {
        if (b->inst[k].bus == bus) {
            s = fmax(s, 4.0 * (double)b->inst[k].driver->timeout_ms / 1000.0);
        }
    }
    return s;
}

static uint8_t group_of(struct builder *bl, uint8_t inst, const char *table)
{
    struct station_desc *d = &bl->map->desc;
    for (uint8_t g = 0; g < d->n_groups; g++) {
        if (bl->map->group_inst[g] == inst) {
            return g;
        }
    }
    ASSERT(d->n_groups < STATION_GROUPS_MAX);
    const struct bench_inst *i = &bl->bench->inst[inst];
    const struct bench_bus *bus = &bl->bench->bus[i->bus];
    struct station_group *g = &d->group[d->n_groups];
    put_name(g->name, table);
    put_name(g->inst, i->name);
    double deadline_s = deadline_of(i, bus), late_s = (double)i->driver->late_ms / 1000.0;
    /* A serial request and reply are some 40 bytes; the instrument thinks within half its time-out. */
    double wire_s = bus->baud ? 40.0 * 10.0 / bus->baud : 0.0;
    g->period_s = i->poll_s;
    g->fastest_s = fmax(0.05, wire_s + (double)i->driver->gap_ms / 1000.0);
    g->stale_s = stale_after_s(i, deadline_s);
    /* One that has lost its power is silent while it boots, and is asked with growing pauses: it shall have the time to come back and be known as restarted. */
    g->trip_s = fmax(4.0 * g->stale_s, g->stale_s + 2.0 * (double)i->driver->boot_ms / 1000.0);
    g->queue_s = queue_for(bl->bench, inst);
    /* Two tries that fail; after each the line rests, everybody else has a turn, and who it is is asked first. */
    g->latency_s = 3.0 * deadline_s + 2.0 * (late_s + g->queue_s + deadline_s);
    bl->map->group_inst[d->n_groups] = inst;
    return (uint8_t)d->n_groups++;
}

/* One station channel over one instrument channel. scale: station = instrument * scale. */
static void add_chan(struct builder *bl, const char *name, uint8_t inst, const char *chan, double scale, enum chan_kind kind, int group)
{
    int c = inst_find_chan(&bl->bench->inst[inst], chan);
    if (c < 0) {
        return;
    }
    struct station_desc *d = &bl->map->desc;
    ASSERT(d->n_chans < STATION_CHANS_MAX);
    const struct chan *from = &bl->bench->inst[inst].chans[c];
    struct station_chan *to = &d->chan[d->n_chans];
    put_name(to->name, name);
    to->kind = kind;
    to->read = group >= 0;
    to->set = (from->access & CHAN_SET) != 0 && group < 0;
    to->group = group >= 0 ? (uint8_t)group : 255;
    to->min = from->min * scale;
    to->max = from->max * scale;
    const struct chan_range *range = from->ranges ? chan_range_for(from, from->kind == KIND_CURRENT_A ? bl->current_a : from->max) : NULL;
    to->accuracy_reading = range ? range->accuracy_reading : from->accuracy_reading;
    to->accuracy_offset = (range ? range->accuracy_offset : from->accuracy_offset) * scale;
    for (size_t k = 0; from->ranges && from->ranges[k].full_scale > 0.0 && to->n_ranges < STATION_RANGES_MAX; k++) {
        const struct chan_range *r = &from->ranges[k];
        to->range[to->n_ranges++] = (struct station_range){r->full_scale * scale, r->accuracy_reading, r->accuracy_offset * scale};
    }
    to->resolution = (range ? range->resolution : from->resolution) * scale;
    bl->map->chan[d->n_chans] = (struct chan_map){.inst = inst, .chan = (uint16_t)c, .scale = scale};
    if (group >= 0) {
        struct station_group *g = &d->group[group];
        ASSERT(g->n < GROUP_CHANS_MAX);
        g->chan[g->n++] = d->n_chans;
    }
    d->n_chans++;
}

static void add_cycler(struct builder *bl, uint8_t inst)
{
    uint8_t g = group_of(bl, inst, "cycler");
    add_chan(bl, "cell.voltage", inst, "voltage", 1.0, KIND_VOLTAGE_V, g);
    add_chan(bl, "cell.current", inst, "current", 1.0, KIND_CURRENT_A, g);
    static const char *const sets[][2] = {
        {"cycler.voltage_set", "voltage_set"},       {"cycler.current_limit", "current_limit"}, {"cycler.limit_charge", "limit_charge"},
        {"cycler.limit_discharge", "limit_discharge"}, {"cycler.current_set", "current_set"},     {"cycler.voltage_limit", "voltage_limit"},
        {"cycler.mode", "mode"},                     {"cycler.window_v_high", "window_v_high"}, {"cycler.window_v_low", "window_v_low"},
        {"cycler.window_charge", "window_charge"},   {"cycler.window_discharge", "window_discharge"},
    };
    for (size_t k = 0; k < ARRAY_LEN(sets); k++) {
        int c = inst_find_chan(&bl->bench->inst[inst], sets[k][1]);
        if (c >= 0) {
            add_chan(bl, sets[k][0], inst, sets[k][1], 1.0, bl->bench->inst[inst].chans[c].kind, -1);
        }
    }
}

static void add_press(struct builder *bl, const struct bench_station *s)
{
    double ratio = station_press_ratio(s);
    uint8_t g = group_of(bl, s->force, "press");
    add_chan(bl, "press.pressure", s->force, "force", 1.0 / s->cell_area_m2, KIND_PRESSURE_PA, g);
    add_chan(bl, "press.force", s->force, "force", 1.0, KIND_FORCE_N, g);
    uint8_t r = group_of(bl, s->regulator, "press_regulator");
    add_chan(bl, "press.regulator", s->regulator, "pressure", ratio, KIND_PRESSURE_PA, r);
    add_chan(bl, "press.pressure_set", s->regulator, "pressure_set", ratio, KIND_PRESSURE_PA, -1);
}

static void add_chamber(struct builder *bl, const struct bench_station *s)
{
    uint8_t g = group_of(bl, s->chamber, "chamber");
    add_chan(bl, "chamber.temperature", s->chamber, "temperature", 1.0, KIND_TEMPERATURE_K, g);
    add_chan(bl, "chamber.temperature_set", s->chamber, "temperature_set", 1.0, KIND_TEMPERATURE_K, -1);
    add_chan(bl, "chamber.mode", s->chamber, "mode", 1.0, KIND_STATE, -1);
    add_chan(bl, "chamber.limit_high", s->chamber, "limit_high", 1.0, KIND_TEMPERATURE_K, -1);
    add_chan(bl, "chamber.limit_low", s->chamber, "limit_low", 1.0, KIND_TEMPERATURE_K, -1);
}

/* Each scanner has a table of its own in the run file: daq, daq_2 ... */
static uint8_t scan_group(struct builder *bl, uint8_t inst)
{
    char table[CHAN_NAME_MAX];
    unsigned n = 1;
    for (uint16_t g = 0; g < bl->map->desc.n_groups; g++) {
        n += str_starts(bl->map->desc.group[g].name, "daq");
    }
    int r = n > 1 ? str_fmt(table, sizeof table, "daq_%u", n) : str_fmt(table, sizeof table, "daq");
    ASSERT(r == 0);
    return group_of(bl, inst, table);
}

/* Groups and places: an array, or where it is none the channel itself. */
static void add_scan(struct builder *bl, const struct bench_chan *list, uint8_t n, const char *path, enum chan_kind kind, bool array)
{
    for (uint8_t k = 0; k < n; k++) {
        const struct bench_inst *in = &bl->bench->inst[list[k].inst];
        char name[CHAN_NAME_MAX];
        int r = array ? str_fmt(name, sizeof name, "%s.%d", path, k + 1) : str_fmt(name, sizeof name, "%s", path);
        ASSERT(r == 0);
        add_chan(bl, name, list[k].inst, in->chans[list[k].chan].name, 1.0, kind, scan_group(bl, list[k].inst));
    }
}

/* How long it takes until the output of the cycler is off or at rest. Off is the second request of a plan at the latest (off-state, then off); to rest a plan of a limit may
 * go before. A safe job waits no longer than SAFE_WAIT_S for the line; a set waits for its turn, and for the poll under way. */
static void cycler_bounds(const struct bench *b, int station, struct station_desc *d)
{
    uint8_t c = b->station[station].cycler;
    const struct bench_inst *i = &b->inst[c];
    const struct bench_bus *bus = &b->bus[i->bus];
    const struct station_group *g = &d->group[0]; /* the cycler is the first to be added */
    double one_s = set_deadline_of(i, bus) + (double)i->driver->gap_ms / 1000.0;
    double asked_s = g->period_s + g->queue_s;
    d->safe_s = SAFE_WAIT_S + 2.0 * one_s;
    d->rest_s = g->queue_s + deadline_of(i, bus) + 4.0 * one_s;
    /* called lost by the first exchange that fails after so long a silence */
    d->blind_s = asked_s + bus_lost_after_s(b, i->bus) + deadline_of(i, bus) + (double)i->driver->late_ms / 1000.0 + asked_s + d->safe_s;
    /* trip of the missing value, the safe action given up, the relay no longer held; its last word may have waited for a poll and for the others on its line */
    d->cut_s = (double)INFINITY;
    if (b->watchdog.there && b->n_stations == 1) {
        const struct bench_inst *w = &b->inst[b->watchdog.inst];
        double word_s = queue_for(b, b->watchdog.inst) + deadline_of(w, &b->bus[w->bus]);
        d->cut_s = g->trip_s + SAFE_ACTION_S + WATCHDOG_PERIODS * b->watchdog.period_s + word_s;
    }
}

int station_map_build(const struct bench *b, int station, double current_a, struct station_map *ret, struct diag *reterr)
{
    const struct bench_station *s = &b->station[station];
    memset(ret, 0, sizeof *ret);
    struct builder bl = {.bench = b, .map = ret, .current_a = current_a};
    if (!str_copy(ret->desc.bench, sizeof ret->desc.bench, b->name) || !str_copy(ret->desc.station, sizeof ret->desc.station, s->name)) {
        return diag_at(reterr, E_RANGE, &s->pos, "the name of the bench or the station is too long");
    }
    ret->desc.pause_max_s = b->pause_max_s;
    if (s->cycler != INST_NONE) {
        add_cycler(&bl, s->cycler);
        cycler_bounds(b, station, &ret->desc);
    }
    if (s->force != INST_NONE && s->regulator != INST_NONE) {
        add_press(&bl, s);
    }
    if (s->chamber != INST_NONE) {
        add_chamber(&bl, s);
    }
    add_scan(&bl, s->group, s->n_groups, "group.voltage", KIND_VOLTAGE_V, true);
    add_scan(&bl, s->place, s->n_places, "cell.temperature", KIND_TEMPERATURE_K, s->n_places > 1);
    return 0;
}

void station_map_model(struct station_map *m)
{
    uint16_t first = m->desc.n_chans;
    int g = station_add_model(&m->desc);
    if (g < 0) {
        return;
    }
    m->group_inst[g] = INST_NONE;
    for (chan_id c = first; c < m->desc.n_chans; c++) {
        m->chan[c] = (struct chan_map){.inst = INST_NONE, .scale = 1.0};
    }
}

int station_map_speed(struct station_map *m, double speed, struct diag *reterr)
{
    for (uint16_t k = 0; k < m->desc.n_groups; k++) {
        struct station_group *g = &m->desc.group[k];
        char most[32];
        if (g->period_s / speed < g->fastest_s) {
            str_fixed(floor(g->period_s / g->fastest_s), 0, 0, false, false, most, sizeof most);
            diag_add(reterr, E_RANGE, "`%s` cannot be polled so often: --speed at most %s", g->inst, most);
            diag_hint(reterr, "a longer `poll:` in the bench file allows more");
            return E_RANGE;
        }
        g->fastest_s *= speed;
        g->stale_s *= speed;
        g->trip_s *= speed;
        g->latency_s *= speed;
        g->queue_s *= speed;
    }
    m->desc.safe_s *= speed;
    m->desc.rest_s *= speed;
    m->desc.blind_s *= speed;
    m->desc.cut_s *= speed;
    m->desc.speed = speed;
    return 0;
}
