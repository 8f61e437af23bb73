/* drivers/keysight_daq970a_scan.c - the scanner's channels out of the bench file: number, what is
 * measured there and in which range. */
#include "drivers/keysight_daq970a_priv.h"

#include "base/conf.h"
#include "base/str.h"
#include "drivers/generic_priv.h"

#include <math.h>
#include <string.h>

enum {
    SLOTS = 3,
    SLOT_CHANNELS = 40, /* of the largest multiplexer */
    NUMBER_MIN = 101,
    NUMBER_MAX = 100 * SLOTS + SLOT_CHANNELS
};

static const char *const measures[] = {
    "voltage",        "thermocouple B", "thermocouple E", "thermocouple J", "thermocouple K",
    "thermocouple N", "thermocouple R", "thermocouple S", "thermocouple T", NULL,
};

/* Readings of one year with the internal reference junction, and what each type reaches; the
 * sheet has none of these figures. */
static const struct {
    const char *command;
    double min_c, max_c, accuracy_k;
} thermocouples[] = {
    {"CONF:TEMP TC,B", 0,    1820, 1.2},
    {"CONF:TEMP TC,E", -270, 1000, 1.0},
    {"CONF:TEMP TC,J", -210, 1200, 1.0},
    {"CONF:TEMP TC,K", -270, 1372, 1.0},
    {"CONF:TEMP TC,N", -270, 1300, 1.0},
    {"CONF:TEMP TC,R", -50,  1768, 1.2},
    {"CONF:TEMP TC,S", -50,  1768, 1.2},
    {"CONF:TEMP TC,T", -270, 400,  1.0},
};
_Static_assert(ARRAY_LEN(measures) == ARRAY_LEN(thermocouples) + 2, "a word for each type");

/* A fifth more than the range can be read, but for the largest. */
static const struct chan_range voltage_ranges[] = {
    {0.12,    50e-6, 4e-6, 100e-9, 100e-9},
    {1.2,   40e-6, 7e-6, 1e-6, 1e-6},
    {12, 35e-6, 50e-6, 10e-6, 10e-6},
    {120,     45e-6, 600e-6, 100e-6, 100e-6},
    {300,   45e-6, 9e-3, 1e-3, 1e-3},
    {.full_scale = 0  },
};
static const struct {
    const char *command;
    double range_v;
} voltages[] = {
    {"CONF:VOLT:DC 0.1", 0.1},
    {"CONF:VOLT:DC 1",   1  },
    {"CONF:VOLT:DC 10",  10 },
    {"CONF:VOLT:DC 100", 100},
    {"CONF:VOLT:DC 300", 300},
};

struct entry_conf {
    struct generic_conf g;
    int32_t channel, measure;
    double range_v;
};

/* clang-format off */
static const struct conf_key entry_keys[] = {
    {.name = "name", .type = CONF_NAME, .required = true, .offset = CONF_OFFSET(entry_conf, g.name),
     .help = "what the channel is called: letters, digits, - and _"},
    {.name = "channel", .type = CONF_INT, .required = true, .min = NUMBER_MIN, .max = NUMBER_MAX,
     .offset = CONF_OFFSET(entry_conf, channel),
     .help = "of the scanner: 101 is channel 1 of slot 1"},
    {.name = "measure", .type = CONF_ENUM, .required = true, .choices = measures,
     .offset = CONF_OFFSET(entry_conf, measure), .help = "voltage, or thermocouple and its type"},
    {.name = "range", .type = CONF_QTY, .dims = DIM_VOLTAGE, .min = 1e-6, .max = 300,
     .offset = CONF_OFFSET(entry_conf, range_v),
     .help = "largest voltage that is expected: 100 mV, 1 V, 10 V, 100 V or 300 V; absent: auto"},
    {.name = "accuracy", .type = CONF_NODE, .offset = CONF_OFFSET(entry_conf, g.accuracy),
     .help = "largest error, sensor and wiring included; absent: the instrument's own"},
    {0},
};
/* clang-format on */
static const struct schema entry_schema = {.name = "scan", .keys = entry_keys};

static int say(const struct conf_node *entry, const char *key, const char *text, const char *hint,
               struct diag *reterr)
{
    diag_at(reterr, E_INVALID, generic_pos(entry, key), "%s", text);
    diag_hint(reterr, "%s", hint);
    return E_INVALID;
}

static int measure_voltage(const struct conf_node *entry, const struct entry_conf *e,
                           struct chan *chan, struct daq_row *row, struct diag *reterr)
{
    size_t i = 0;

    if (conf_get(entry, "range") == NULL) {
        row->command = "CONF:VOLT:DC AUTO";
        chan->ranges = voltage_ranges;
        chan->max = 300;
    } else {
        while (i < ARRAY_LEN(voltages) && fabs(voltages[i].range_v - e->range_v) > 1e-9)
            i++;
        if (i == ARRAY_LEN(voltages))
            return say(entry, "range", "it has no such range", "100 mV, 1 V, 10 V, 100 V or 300 V",
                       reterr);
        row->command = voltages[i].command;
        chan->max = voltage_ranges[i].full_scale;
        chan->accuracy_reading = voltage_ranges[i].accuracy_reading;
        chan->accuracy_offset = voltage_ranges[i].accuracy_offset;
        chan->resolution = voltage_ranges[i].resolution;
        chan->noise_rms = voltage_ranges[i].noise_rms;
    }
    chan->min = -chan->max;
    return 0;
}

static int measure_thermocouple(const struct conf_node *entry, const struct entry_conf *e,
                                const struct generic_unit *unit, struct chan *chan,
                                struct daq_row *row, struct diag *reterr)
{
    size_t i = (size_t)e->measure - 1;

    if (conf_get(entry, "range") != NULL)
        return say(entry, "range", "a thermocouple has no range", "leave it out", reterr);
    row->thermocouple = true;
    row->command = thermocouples[i].command;
    chan->min = thermocouples[i].min_c + unit->offset;
    chan->max = thermocouples[i].max_c + unit->offset;
    chan->accuracy_offset = thermocouples[i].accuracy_k;
    chan->resolution = 0.01;
    return 0;
}

static int check_number(const struct inst *inst, const struct daq_row *rows,
                        const struct conf_node *entry, int32_t number, struct diag *reterr)
{
    if (number % 100 < 1 || number % 100 > SLOT_CHANNELS)
        return say(entry, "channel", "there is no such channel in a slot",
                   "slot 1 to 3, then 01 to 40: 101", reterr);
    for (uint16_t i = 0; i < inst->n_chans; i++)
        if (rows[i].number == number)
            return diag_at(reterr, E_EXISTS, generic_pos(entry, "channel"),
                           "channel %d is `%s` already", number, inst->chans[i].name);
    return 0;
}

static int make_entry(const struct inst *inst, const struct daq_row *rows,
                      const struct conf_node *entry, struct conf_doc *doc, struct daq_row *ret_row,
                      struct chan *ret_chan, struct diag *reterr)
{
    struct entry_conf e = {.g.poll = true};
    struct daq_row row = {.number = 0};
    struct generic_unit unit;
    struct chan chan;
    int r = conf_apply(entry, &entry_schema, &e, doc, reterr);

    e.g.unit = e.measure == 0 ? "V" : "degC";
    if (r == 0)
        r = check_number(inst, rows, entry, e.channel, reterr);
    if (r == 0)
        r = generic_begin(inst, entry, &e.g, &chan, &unit, reterr);
    if (r < 0)
        return r;
    row.number = (uint16_t)e.channel;
    row.scale = unit.scale;
    row.offset = unit.offset;
    chan.access = CHAN_READ;
    r = e.measure == 0 ? measure_voltage(entry, &e, &chan, &row, reterr)
                       : measure_thermocouple(entry, &e, &unit, &chan, &row, reterr);
    if (r == 0 && e.g.accuracy != NULL) {
        chan.ranges = NULL; /* one figure for all of them */
        chan.accuracy_reading = 0;
    }
    if (r == 0)
        r = generic_finish(entry, &e.g, &chan, reterr);
    if (r < 0)
        return r;
    *ret_row = row;
    *ret_chan = chan;
    return 0;
}

/* Channels by rising number. */
static uint8_t *order_of(const struct daq_row *row, uint16_t n, struct arena *arena)
{
    uint8_t *order = arena_alloc(arena, n > 0 ? n : 1);

    for (uint16_t i = 0; i < n; i++) {
        uint16_t at = i;

        for (; at > 0 && row[order[at - 1]].number > row[i].number; at--)
            order[at] = order[at - 1];
        order[at] = (uint8_t)i;
    }
    return order;
}

int daq_make_chans(struct inst *inst, void *param, const struct conf_node *node,
                   struct conf_doc *doc, struct diag *reterr)
{
    struct daq_param *p = param;
    const struct conf_node *list = generic_list(node, "scan", reterr);
    struct daq_row *row;
    int r = 0;

    if (list == NULL)
        return E_INVALID;
    if (list->n > DAQ_SCAN_MAX) {
        diag_at(reterr, E_FULL, &list->pos, "one scan has room for %d channels, these are %u",
                DAQ_SCAN_MAX, list->n);
        diag_hint(reterr, "leave out what no guard and no step needs");
        return E_FULL;
    }
    row = arena_alloc(&doc->arena, list->n * sizeof(*row));
    inst->n_chans = 0;
    for (const struct conf_node *e = list->first; e != NULL; e = e->next) {
        int one =
            make_entry(inst, row, e, doc, &row[inst->n_chans], &inst->chans[inst->n_chans], reterr);

        if (one == 0)
            inst->n_chans++;
        r = r < 0 ? r : one;
    }
    p->row = row;
    p->order = order_of(row, inst->n_chans, &doc->arena);
    return r;
}
