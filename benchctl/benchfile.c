/* benchctl/benchfile.c - reading a bench file: lines, instruments, stations, guards.
 *
 * Each map of the file has a schema table; what a schema cannot say (names that refer to one another, addresses that clash) is checked here. Safe sequences are read by safefile.c,
 * the virtual world by worldfile.c.
 */
#include "benchctl/bench_priv.h"

#include "base/str.h"
#include "drivers/bus/link.h"
#include "drivers/virtual/emu.h"

#include <math.h>
#include <string.h>

/* ---- Schemas ---------------------------------------------------------------------------------------------- */

struct bench_top {
    const char *name;
    const struct conf_node *buses, *instruments, *stations, *guards, *interlocks, *watchdog, *safe, *world;
    const struct conf_node *pause;
};

static const struct conf_key bench_keys[] = {
    {.name = "bench", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(bench_top, name), .help = "name of the bench; it goes into every run file"},
    {.name = "buses", .type = CONF_NODE, .required = true, .offset = CONF_OFFSET(bench_top, buses), .help = "lines: {link, baud, parity, gap, timeout}"},
    {.name = "instruments", .type = CONF_NODE, .required = true, .offset = CONF_OFFSET(bench_top, instruments), .help = "devices: {driver, bus, address, limits, poll, ...}"},
    {.name = "stations", .type = CONF_NODE, .required = true, .offset = CONF_OFFSET(bench_top, stations), .help = "places where an article sits: {cycler, press, chamber}"},
    {.name = "guards", .type = CONF_NODE, .offset = CONF_OFFSET(bench_top, guards), .help = "limits watched in every run"},
    {.name = "interlocks", .type = CONF_NODE, .offset = CONF_OFFSET(bench_top, interlocks), .help = "contacts that trip: {input, healthy, scope, cause, needed_above}"},
    {.name = "watchdog", .type = CONF_NODE, .offset = CONF_OFFSET(bench_top, watchdog), .help = "{output, period, about}: holds a relay that cuts the outputs when we stop"},
    {.name = "safe", .type = CONF_NODE, .required = true, .offset = CONF_OFFSET(bench_top, safe), .help = "safe sequences per station and by cause, and for shared instruments"},
    {.name = "pause", .type = CONF_NODE, .offset = CONF_OFFSET(bench_top, pause), .help = "{max: longest pause, then the safe sequence}"},
    {.name = "world", .type = CONF_NODE, .offset = CONF_OFFSET(bench_top, world), .help = "what a virtual bench is wired to"},
    {0},
};
const struct schema bench_schema = {.name = "bench", .about = "A bench: lines, instruments, stations, safe sequences.", .keys = bench_keys};

static const char *const parities[] = {"none", "even", "odd", NULL};
static const struct conf_key bus_keys[] = {
    {.name = "link", .type = CONF_TEXT, .required = true, .offset = CONF_OFFSET(bench_bus, link), .help = "sim: (an emulator in memory); serial:, tcp: and pty: come with real wires"},
    {.name = "baud", .type = CONF_INT, .min = 300, .max = 4000000, .offset = CONF_OFFSET(bench_bus, baud), .help = "of a serial line; absent: no pacing (TCP)"},
    {.name = "parity", .type = CONF_ENUM, .choices = parities, .offset = CONF_OFFSET(bench_bus, parity), .help = "none, even or odd"},
    {.name = "gap", .type = CONF_QTY, .dims = DIM_TIME, .min = 0, .max = 10, .offset = CONF_OFFSET(bench_bus, gap_s), .help = "rest between requests, at least the driver's"},
    {.name = "timeout", .type = CONF_QTY, .dims = DIM_TIME, .min = 0.01, .max = 60, .offset = CONF_OFFSET(bench_bus, timeout_s), .help = "for a whole reply, at least the driver's"},
    {0},
};
const struct schema bus_schema = {.name = "buses", .about = "A line and how it is spoken on.", .keys = bus_keys};

struct inst_conf {
    const char *driver, *bus, *address, *calibration;
    const struct conf_node *limits, *driver_node, *bus_node, *address_node;
    double poll_s;
};
static const struct conf_key inst_keys[] = {
    {.name = "driver", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(inst_conf, driver), .help = "see `benchctl drivers`"},
    {.name = "bus", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(inst_conf, bus), .help = "name of its line"},
    {.name = "address", .type = CONF_TEXT, .offset = CONF_OFFSET(inst_conf, address), .help = "unit number, or the letter of an Alicat"},
    {.name = "limits", .type = CONF_NODE, .offset = CONF_OFFSET(inst_conf, limits), .help = "{voltage, current, temperature, pressure}: the bench's own window"},
    {.name = "poll", .type = CONF_QTY, .dims = DIM_TIME, .min = 0.01, .max = 60, .offset = CONF_OFFSET(inst_conf, poll_s), .help = "poll period, 1 s if absent"},
    {0},
};
const struct schema inst_schema = {.name = "instruments", .about = "A device on a line.", .keys = inst_keys};

struct station_conf {
    const char *cycler;
    const struct conf_node *press, *chamber, *groups, *temperatures;
};
static const struct conf_key station_keys[] = {
    {.name = "cycler", .type = CONF_NAME, .offset = CONF_OFFSET(station_conf, cycler), .help = "instrument that carries the cell's current"},
    {.name = "press", .type = CONF_NODE, .offset = CONF_OFFSET(station_conf, press), .help = "{regulator, force, area, piston}"},
    {.name = "chamber", .type = CONF_NODE, .offset = CONF_OFFSET(station_conf, chamber), .help = "{of: instrument, shared: true}"},
    {.name = "groups", .type = CONF_NODE, .offset = CONF_OFFSET(station_conf, groups), .help = "voltages of the groups of a string, in their order: [daq.group_1, ...]"},
    {.name = "temperatures", .type = CONF_NODE, .offset = CONF_OFFSET(station_conf, temperatures), .help = "sensors on the article: [daq.temperature_1, ...]"},
    {0},
};
const struct schema station_schema = {.name = "stations", .about = "A place where an article sits and the roles it offers.", .keys = station_keys};

struct press_conf {
    const char *regulator, *force;
    double area_m2, piston_m;
};
static const struct conf_key press_keys[] = {
    {.name = "regulator", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(press_conf, regulator), .help = "pressure controller that feeds the piston"},
    {.name = "force", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(press_conf, force), .help = "load cell under the stack"},
    {.name = "area", .type = CONF_QTY, .required = true, .dims = {.m = 2}, .min = 1e-7, .max = 1, .offset = CONF_OFFSET(press_conf, area_m2), .help = "area of the cell that carries the force"},
    {.name = "piston", .type = CONF_QTY, .required = true, .dims = {.m = 1}, .min = 1e-3, .max = 1, .offset = CONF_OFFSET(press_conf, piston_m), .help = "diameter of the piston"},
    {0},
};
static const struct schema press_schema = {.name = "press", .keys = press_keys};

struct chamber_conf {
    const char *of;
    bool shared;
};
static const struct conf_key chamber_keys[] = {
    {.name = "of", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(chamber_conf, of), .help = "the chamber's instrument"},
    {.name = "shared", .type = CONF_BOOL, .offset = CONF_OFFSET(chamber_conf, shared), .help = "other stations sit in it too"},
    {0},
};
static const struct schema chamber_schema = {.name = "chamber", .keys = chamber_keys};

static const struct conf_key pause_keys[] = {
    {.name = "max", .type = CONF_QTY, .dims = DIM_TIME, .min = 60, .max = 30 * 86400.0, .offset = 0, .help = "longest pause; then the safe sequence"},
    {0},
};
static const struct schema pause_schema = {.name = "pause", .keys = pause_keys};

/* ---- Names ------------------------------------------------------------------------------------------------------ */

int bench_find_inst(const struct bench *b, const char *name)
{
    for (int i = 0; i < b->n_insts; i++) {
        if (strcmp(b->inst[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int bench_find_station(const struct bench *b, const char *name)
{
    if (!name) {
        return b->n_stations == 1 ? 0 : -1;
    }
    for (int i = 0; i < b->n_stations; i++) {
        if (strcmp(b->station[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int inst_find_chan(const struct bench_inst *inst, const char *name)
{
    for (int c = 0; c < inst->inst.n_chans; c++) {
        if (strcmp(inst->chans[c].name, name) == 0) {
            return c;
        }
    }
    return -1;
}

int inst_named(const struct bench *b, const char *name, const struct diag_pos *pos, struct diag *reterr)
{
    int i = bench_find_inst(b, name);
    if (i < 0) {
        const char *names[BENCH_INSTS_MAX + 1] = {0};
        for (int k = 0; k < b->n_insts; k++) {
            names[k] = b->inst[k].name;
        }
        diag_at(reterr, E_NOENT, pos, "there is no instrument `%s`", name);
        const char *near = str_nearest(name, names);
        if (near) {
            diag_hint(reterr, "did you mean %s?", near);
        }
    }
    return i;
}

const struct diag_pos *value_pos(const struct conf_node *map, const char *key)
{
    const struct conf_node *n = conf_get(map, key);
    return n ? &n->pos : &map->key_pos;
}

/* ---- Lines ---------------------------------------------------------------------------------------------------- */

static void read_buses(struct bench *b, const struct conf_node *map, struct diag *reterr)
{
    for (const struct conf_node *n = map->first; n; n = n->next) {
        if (b->n_buses == BENCH_BUSES_MAX) {
            diag_at(reterr, E_FULL, &n->key_pos, "more than %d buses", BENCH_BUSES_MAX);
            return;
        }
        struct bench_bus *bus = &b->bus[b->n_buses];
        *bus = (struct bench_bus){.name = n->key, .link = ""};
        b->n_buses++;
        if (conf_apply(n, &bus_schema, bus, &b->doc, reterr) < 0) {
            continue;
        }
        struct diag why;
        diag_init(&why);
        if (strcmp(bus->link, "sim:") != 0 && link_parse(bus->link, &why) == LINK_NONE) {
            diag_at(reterr, E_INVALID, value_pos(n, "link"), "`%s` is not a link", bus->link);
            diag_hint(reterr, "serial:/dev/serial/by-id/..., tcp:HOST:PORT, pty:/dev/pts/N, or sim: for a rehearsal");
        }
    }
    if (b->n_buses == 0) {
        diag_at(reterr, E_INVALID, &map->key_pos, "a bench needs at least one bus");
    }
}

/* ---- Instruments ---------------------------------------------------------------------------------------------------- */

static bool is_common_key(const char *key)
{
    for (const struct conf_key *k = inst_keys; k->name; k++) {
        if (strcmp(k->name, key) == 0) {
            return true;
        }
    }
    return false;
}

/* The node without (or with only) the keys that every instrument has, so that two schemas can check one map. */
static struct conf_node *split_node(struct bench *b, const struct conf_node *map, bool common)
{
    struct conf_node *copy = arena_alloc(&b->arena, sizeof *copy);
    *copy = *map;
    copy->first = NULL;
    copy->n = 0;
    const struct conf_node **tail = &copy->first;
    for (const struct conf_node *n = map->first; n; n = n->next) {
        if (is_common_key(n->key) == common) {
            struct conf_node *c = arena_alloc(&b->arena, sizeof *c);
            *c = *n;
            c->next = NULL;
            *tail = c;
            tail = &c->next;
            copy->n++;
        }
    }
    return copy;
}

static void hint_range(struct diag *reterr, const struct chan_kind_info *info, const struct range *r)
{
    char lo[40], hi[40];
    diag_hint(reterr, "it can do %s .. %s", qty_print(r->lo, info->dims, info->point, lo, sizeof lo), qty_print(r->hi, info->dims, info->point, hi, sizeof hi));
}

/* Magnitudes of one direction: limit_charge, window_discharge. */
static int one_direction(const char *chan)
{
    if (strcmp(chan, "limit_discharge") == 0 || strcmp(chan, "window_discharge") == 0) {
        return -1;
    }
    return strcmp(chan, "limit_charge") == 0 || strcmp(chan, "window_charge") == 0;
}

/* `limits:` narrows every settable channel of that quantity. Limits of one direction take its side. Any other current limit holds for both directions and takes the smaller
 * side: a source that is told to charge discharges with the same limit when the cell stands above it. */
static void read_limits(struct bench_inst *inst, const struct conf_node *map, struct diag *reterr)
{
    for (const struct conf_node *n = map->first; n; n = n->next) {
        bool found = false;
        for (int c = 0; c < inst->inst.n_chans; c++) {
            struct chan *chan = &inst->chans[c];
            const struct chan_kind_info *info = chan_kind_info(chan->kind);
            if (!(chan->access & CHAN_SET) || strcmp(info->word, n->key) != 0) {
                continue;
            }
            struct range r;
            if (conf_range(n, info->dims, info->point, &r, reterr) < 0) {
                return;
            }
            found = true;
            const struct range can = {chan->min, chan->max};
            if (r.lo >= r.hi) {
                diag_at(reterr, E_RANGE, &n->pos, "the lower limit is not below the upper one");
                return;
            }
            bool magnitude = strstr(chan->name, "limit") && chan->min >= 0.0;
            if (magnitude && chan->kind == KIND_VOLTAGE_V) {
                chan->max = fmin(chan->max, fmax(fabs(r.lo), fabs(r.hi)));
            } else if (chan->kind == KIND_CURRENT_A && one_direction(chan->name) != 0) {
                chan->max = fmin(chan->max, fmax(one_direction(chan->name) > 0 ? r.hi : -r.lo, 0.0));
            } else if (magnitude && chan->kind == KIND_CURRENT_A) {
                if (r.lo >= 0.0 || r.hi <= 0.0) {
                    diag_at(reterr, E_RANGE, &n->pos, "the limits of %s hold for both directions", n->key);
                    diag_hint(reterr, "from a negative value to a positive one, as in -50 mA .. 50 mA");
                    return;
                }
                chan->max = fmin(chan->max, fmin(-r.lo, r.hi));
            } else {
                chan->min = fmax(chan->min, r.lo);
                chan->max = fmin(chan->max, r.hi);
            }
            if (chan->min > chan->max) {
                diag_at(reterr, E_RANGE, &n->pos, "outside what `%s` (%s) can do", inst->name, inst->driver->name);
                hint_range(reterr, info, &can);
                return;
            }
        }
        if (!found) {
            diag_at(reterr, E_NOENT, &n->key_pos, "a %s sets no %s", inst->driver->name, n->key);
            diag_hint(reterr, "limits: voltage, current, temperature or pressure, as the driver has them");
        }
    }
}

static int read_address(struct bench_inst *inst, const char *text, const struct diag_pos *pos, struct diag *reterr)
{
    int64_t unit;
    if (strlen(text) == 1 && text[0] >= 'A' && text[0] <= 'Z') {
        inst->unit = (uint16_t)text[0];
    } else if (str_to_int(text, strlen(text), &unit) == 0 && unit >= 0 && unit <= 255) {
        inst->unit = (uint16_t)unit;
    } else {
        diag_at(reterr, E_RANGE, pos, "`%s` is not an address", text);
        diag_hint(reterr, "a number from 0 to 255, or one capital letter");
        return E_RANGE;
    }
    inst->addressed = true;
    return 0;
}

/* A typo of a key may be meant for either of the two tables; it comes before what is then missing. */
static bool keys_known(const struct conf_node *map, struct diag *reterr)
{
    static const struct conf_key none[] = {{0}};
    const struct conf_node *driver = conf_get(map, "driver");
    const struct driver *d = driver ? driver_find(driver->text) : NULL;
    if (driver && !d) {
        return true; /* said elsewhere, and its keys are not known */
    }
    const struct conf_key *const tables[] = {inst_keys, d && d->params ? d->params->keys : none};
    const char *names[64] = {0};
    size_t n = 0;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct conf_key *k = tables[t]; k->name && n + 1 < ARRAY_LEN(names); k++) {
            names[n++] = k->name;
        }
    }
    bool known = true;
    for (const struct conf_node *c = map->first; c; c = c->next) {
        const char *near = str_nearest(c->key, names);
        if (near && strcmp(near, c->key) != 0) {
            diag_at(reterr, E_NOENT, &c->key_pos, "'%s' is not a key of an instrument", c->key);
            diag_hint(reterr, "did you mean %s?", near);
            known = false;
        }
    }
    return known;
}

static int init_channels(struct bench *b, struct bench_inst *inst)
{
    const struct driver *d = inst->driver;
    uint16_t n = 0;
    while (d->chans[n].name) {
        ASSERT(n < CHANNELS_MAX);
        inst->chans[n] = d->chans[n];
        n++;
    }
    void *param = arena_alloc(&b->arena, d->param_size + 1);
    if (d->param_defaults) {
        memcpy(param, d->param_defaults, d->param_size);
    }
    inst->inst = (struct inst){.driver = d, .param = param, .chans = inst->chans, .n_chans = n, .name = inst->name};
    return 0;
}

/* A driver knows no places: what it says is put at the value of the key that it names. */
static int set_up(struct bench_inst *inst, const struct conf_node *n, struct diag *reterr)
{
    struct diag said;
    diag_init(&said);
    int r = inst->driver->setup(&inst->inst, &said);
    for (size_t k = 0; k < said.n; k++) {
        const struct diag_finding *f = &said.finding[k];
        const struct diag_pos *pos = &n->key_pos;
        for (const struct conf_node *c = n->first; c; c = c->next) {
            size_t len = strlen(c->key);
            if (strncmp(f->text, c->key, len) == 0 && (f->text[len] == ' ' || f->text[len] == ':')) {
                pos = &c->pos;
            }
        }
        diag_at(reterr, f->code, pos, "`%s`: %s", n->key, f->text);
        if (f->hint[0]) {
            diag_hint(reterr, "%s", f->hint);
        }
    }
    if (r < 0 && said.n == 0) {
        diag_at(reterr, r, &n->key_pos, "`%s` cannot be set up so", n->key);
    }
    return r;
}

static void read_instrument(struct bench *b, const struct conf_node *n, struct diag *reterr)
{
    struct bench_inst *inst = &b->inst[b->n_insts];
    *inst = (struct bench_inst){.name = n->key, .poll_s = 1.0, .pos = n->key_pos};
    struct inst_conf c = {.poll_s = 1.0};
    if (n->kind == CONF_MAP && !keys_known(n, reterr)) {
        return;
    }
    if (conf_apply(split_node(b, n, true), &inst_schema, &c, &b->doc, reterr) < 0) {
        return;
    }
    inst->poll_s = c.poll_s;
    inst->poll_said = conf_get(n, "poll") != NULL;
    inst->driver = driver_find(c.driver);
    if (!inst->driver) {
        const char *names[64] = {0};
        for (size_t k = 0; drivers_all[k] && k + 1 < ARRAY_LEN(names); k++) {
            names[k] = drivers_all[k]->name;
        }
        diag_at(reterr, E_NOENT, value_pos(n, "driver"), "there is no driver `%s`", c.driver);
        const char *near = str_nearest(c.driver, names);
        diag_hint(reterr, near ? "did you mean %s?" : "`benchctl drivers` lists them%s", near ? near : "");
        return;
    }
    int bus = -1;
    for (int k = 0; k < b->n_buses; k++) {
        if (strcmp(b->bus[k].name, c.bus) == 0) {
            bus = k;
        }
    }
    if (bus < 0) {
        diag_at(reterr, E_NOENT, value_pos(n, "bus"), "there is no bus `%s`", c.bus);
        return;
    }
    inst->bus = (uint8_t)bus;
    inst->slot = (uint8_t)b->bus[bus].n++;
    if (inst->slot >= BUS_INSTS_MAX) {
        diag_at(reterr, E_FULL, value_pos(n, "bus"), "more than %d instruments on bus `%s`", BUS_INSTS_MAX, c.bus);
        return;
    }
    init_channels(b, inst);
    if (c.address && read_address(inst, c.address, value_pos(n, "address"), reterr) < 0) {
        return;
    }
    inst->inst.unit = inst->unit;
    inst->inst.addressed = inst->addressed;
    const struct conf_node *own = split_node(b, n, false);
    static const struct conf_key no_keys[] = {{0}};
    static const struct schema no_params = {.name = "instruments", .keys = no_keys};
    const struct schema *params = inst->driver->params ? inst->driver->params : &no_params;
    union {
        const void *in;
        void *out;
    } param = {.in = inst->inst.param};
    if (conf_apply(own, params, param.out, &b->doc, reterr) < 0 ||
        channels_read(b, inst, own, param.out, reterr) < 0) {
        return;
    }
    if (inst->driver->wire == WIRE_MODBUS && !c.address) {
        diag_at(reterr, E_INVALID, &n->key_pos, "`%s` speaks Modbus and needs an address", n->key);
        diag_hint(reterr, "address: 1");
        return;
    }
    if (c.limits) {
        read_limits(inst, c.limits, reterr);
    }
    const struct conf_node *calibration = conf_get(n, "calibration"), *serial = conf_get(n, "serial");
    inst->calibration = calibration ? calibration->text : NULL;
    inst->serial = serial ? serial->text : NULL;
    if (inst->driver->setup && set_up(inst, n, reterr) < 0) {
        return;
    }
    inst->emu = emu_find(inst->driver->name);
    b->n_insts++;
}

static void read_instruments(struct bench *b, const struct conf_node *map, struct diag *reterr)
{
    for (const struct conf_node *n = map->first; n; n = n->next) {
        if (b->n_insts == BENCH_INSTS_MAX) {
            diag_at(reterr, E_FULL, &n->key_pos, "more than %d instruments", BENCH_INSTS_MAX);
            return;
        }
        read_instrument(b, n, reterr);
    }
    for (int i = 0; i < b->n_insts; i++) {
        for (int k = 0; k < i; k++) {
            const struct bench_inst *x = &b->inst[i], *y = &b->inst[k];
            if (x->bus != y->bus) {
                continue;
            }
            if (x->driver->wire != y->driver->wire) {
                diag_at(reterr, E_INVALID, &x->pos, "`%s` and `%s` speak different protocols on one line", x->name, y->name);
            } else if (!x->addressed || !y->addressed || x->unit == y->unit) {
                diag_at(reterr, E_EXISTS, &x->pos, "`%s` and `%s` share a line and need different addresses", x->name, y->name);
            }
        }
    }
}

/* ---- Stations ------------------------------------------------------------------------------------------------------ */

static uint8_t role_inst(const struct bench *b, const char *name, const char *role, const char *const *needs, const struct diag_pos *pos, struct diag *reterr)
{
    int i = inst_named(b, name, pos, reterr);
    if (i < 0) {
        return INST_NONE;
    }
    for (; *needs; needs++) {
        if (inst_find_chan(&b->inst[i], *needs) < 0) {
            diag_at(reterr, E_UNSUPPORTED, pos, "`%s` (%s) cannot serve as %s: it has no channel %s", name, b->inst[i].driver->name, role, *needs);
            return INST_NONE;
        }
    }
    return (uint8_t)i;
}

static void read_station(struct bench *b, const struct conf_node *n, struct diag *reterr)
{
    struct bench_station *s = &b->station[b->n_stations];
    *s = (struct bench_station){.name = n->key, .cycler = INST_NONE, .regulator = INST_NONE, .force = INST_NONE, .chamber = INST_NONE, .pos = n->key_pos};
    struct station_conf c = {0};
    if (conf_apply(n, &station_schema, &c, &b->doc, reterr) < 0) {
        return;
    }
    b->n_stations++;
    static const char *const cycler_needs[] = {"voltage", "current", "voltage_set", "mode", NULL};
    static const char *const regulator_needs[] = {"pressure", "pressure_set", NULL};
    static const char *const force_needs[] = {"force", NULL};
    static const char *const chamber_needs[] = {"temperature", "temperature_set", "mode", NULL};
    if (c.cycler) {
        s->cycler = role_inst(b, c.cycler, "a cycler", cycler_needs, value_pos(n, "cycler"), reterr);
    }
    struct press_conf p = {0};
    if (c.press && conf_apply(c.press, &press_schema, &p, &b->doc, reterr) == 0) {
        s->regulator = role_inst(b, p.regulator, "a pressure regulator", regulator_needs, value_pos(c.press, "regulator"), reterr);
        s->force = role_inst(b, p.force, "a load cell", force_needs, value_pos(c.press, "force"), reterr);
        s->cell_area_m2 = p.area_m2;
        s->piston_m = p.piston_m;
    }
    struct chamber_conf ch = {0};
    if (c.chamber && conf_apply(c.chamber, &chamber_schema, &ch, &b->doc, reterr) == 0) {
        s->chamber = role_inst(b, ch.of, "a chamber", chamber_needs, value_pos(c.chamber, "of"), reterr);
        s->chamber_shared = ch.shared;
    }
    scan_read(b, s, c.groups, c.temperatures, reterr);
    if (!c.cycler && !c.press && !c.chamber) {
        diag_at(reterr, E_INVALID, &n->key_pos, "station `%s` offers nothing", n->key);
        diag_hint(reterr, "cycler, press or chamber");
    }
}

static void check_stations(const struct bench *b, struct diag *reterr)
{
    for (int i = 0; i < b->n_stations; i++) {
        for (int k = 0; k < i; k++) {
            const struct bench_station *x = &b->station[i], *y = &b->station[k];
            bool twice = (x->cycler != INST_NONE && x->cycler == y->cycler) || (x->regulator != INST_NONE && x->regulator == y->regulator);
            if (twice) {
                diag_at(reterr, E_EXISTS, &x->pos, "stations `%s` and `%s` use the same instrument", x->name, y->name);
            }
            if (x->chamber != INST_NONE && x->chamber == y->chamber && !(x->chamber_shared && y->chamber_shared)) {
                diag_at(reterr, E_EXISTS, &x->pos, "stations `%s` and `%s` share a chamber and must say so", x->name, y->name);
                diag_hint(reterr, "chamber: {of: ..., shared: true} in both");
            }
        }
    }
}

/* ---- The file -------------------------------------------------------------------------------------------------------------- */

static void expect_map(const struct conf_node **node, const char *what, struct diag *reterr)
{
    if (*node && (*node)->kind != CONF_MAP) {
        diag_at(reterr, E_INVALID, &(*node)->pos, "`%s` is a map of names", what);
        *node = NULL;
    }
}

static void read_top(struct bench *b, struct bench_top *t, struct diag *reterr)
{
    expect_map(&t->buses, "buses", reterr);
    expect_map(&t->instruments, "instruments", reterr);
    expect_map(&t->stations, "stations", reterr);
    expect_map(&t->guards, "guards", reterr);
    expect_map(&t->interlocks, "interlocks", reterr);
    expect_map(&t->watchdog, "watchdog", reterr);
    expect_map(&t->safe, "safe", reterr);
    expect_map(&t->world, "world", reterr);
    b->name = t->name;
    b->guards = t->guards;
    if (t->buses) {
        read_buses(b, t->buses, reterr);
    }
    if (t->instruments) {
        read_instruments(b, t->instruments, reterr);
    }
    if (diag_has_errors(reterr)) {
        return; /* what follows refers to names */
    }
    for (const struct conf_node *n = t->stations ? t->stations->first : NULL; n; n = n->next) {
        if (b->n_stations == BENCH_STATIONS_MAX) {
            diag_at(reterr, E_FULL, &n->key_pos, "more than %d stations", BENCH_STATIONS_MAX);
            break;
        }
        read_station(b, n, reterr);
    }
    if (diag_has_errors(reterr)) {
        return;
    }
    check_stations(b, reterr);
    scan_check(b, reterr);
    if (t->pause && conf_apply(t->pause, &pause_schema, &b->pause_max_s, &b->doc, reterr) < 0) {
        return;
    }
    if (t->safe) {
        safe_read(b, t->safe, reterr);
    }
    if (t->interlocks) {
        interlocks_read(b, t->interlocks, reterr);
    }
    if (t->watchdog) {
        watchdog_read(b, t->watchdog, reterr);
    }
    if (t->world) {
        world_read(b, t->world, reterr);
    }
}

int bench_load(const char *path, struct bench *ret, struct diag *reterr)
{
    memset(ret, 0, sizeof *ret);
    arena_init(&ret->arena);
    ret->pause_max_s = 12 * 3600.0;
    ret->ambient_k = 296.15;
    ret->chamber_start_k = NAN;
    struct diag found;
    diag_init(&found);
    struct diag *d = reterr ? reterr : &found;
    int r = conf_load_file(path, &ret->doc, d);
    if (r < 0) {
        bench_done(ret);
        return r;
    }
    struct bench_top top = {0};
    r = conf_apply(ret->doc.root, &bench_schema, &top, &ret->doc, d);
    if (r == 0) {
        read_top(ret, &top, d);
        r = diag_has_errors(d) ? diag_code(d) : 0;
    }
    if (r < 0) {
        bench_done(ret);
    }
    return r;
}

void bench_done(struct bench *b)
{
    conf_done(&b->doc);
    for (size_t k = 0; k < b->n_rows_docs; k++) {
        conf_done(&b->rows_doc[k]);
    }
    arena_done(&b->arena);
    memset(b, 0, sizeof *b);
}
