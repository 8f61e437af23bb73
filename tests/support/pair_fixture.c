/* tests/support/pair_fixture.c - a driver and its emulator on a line, brought to work. */
#include "tests/support/pair_fixture.h"

#include "drivers/virtual/generic_modbus.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum {
    AT_WORK = 2
};
_Static_assert((int)CYCLER_VOLTAGE == AT_WORK && (int)CHAMBER_CONSTANT == AT_WORK, "AT_WORK");

struct world pair_world;
unsigned n_not_ok;
static struct rig rig;

/* The scanner measures what a bench wires to each of its channels: test_pairs_daq. */
const struct driver *pair_driver(int i)
{
    for (const struct driver *const *d = drivers_all; *d; d++) {
        if (strcmp((*d)->name, "keysight-daq970a") != 0 && i-- == 0)
            return *d;
    }
    return NULL;
}

/* The generic drivers are what a bench file makes of them: their channels stand in tests/pairs. */
const void *pair_model(const struct driver *d)
{
    static const struct generic_modbus_model box = {
        .hot_first = 8, .n_hot = 1, .standing = 30, .standing_scale = 100};

    return strcmp(d->name, "generic-modbus") == 0 ? &box : NULL;
}

int n_drivers(void)
{
    int n = 0;

    while (pair_driver(n))
        n++;
    return n;
}

static uint16_t unit_of(const struct driver *d)
{
    return strncmp(d->name, "alicat", 6) == 0 ? 'A' : 1;
}

/* Set-points that a bench could live with; all others stand in the middle of their range. */
static const struct gentle {
    const char *chan;
    double value;
} gentle_values[] = {
    {"voltage_set",      3.6   },
    {"current_limit",    1e-3  },
    {"limit_charge",     5e-3  },
    {"limit_discharge",  0     },
    {"current_set",      1e-3  },
    {"voltage_limit",    4.2   },
    {"window_v_high",    5     },
    {"window_v_low",     0     },
    {"window_charge",    1     },
    {"window_discharge", 1     },
    {"temperature_set",  313.15},
    {"limit_high",       373.15},
    {"limit_low",        253.15},
    {"pressure_set",     200e3 },
};

double gentle(const struct chan *c)
{
    for (size_t i = 0; i < ARRAY_LEN(gentle_values); i++) {
        if (strcmp(c->name, gentle_values[i].chan) == 0)
            return gentle_values[i].value;
    }
    return (c->min + c->max) / 2;
}

int standing_chan(const struct inst *inst)
{
    for (int i = 0; i < inst->n_chans; i++) {
        const struct chan *c = &inst->chans[i];

        if ((c->access & CHAN_SET) && c->kind != KIND_STATE && c->kind != KIND_SWITCH)
            return i;
    }
    return -1;
}

double standing(const struct rig *r, int inst)
{
    return r->host_w.emu[inst]->standing(r->host.state[inst]);
}

bool stands(const struct rig *r, int inst, double value)
{
    const struct chan *c = &r->inst[inst].chans[standing_chan(&r->inst[inst])];

    return fabs(value - standing(r, inst)) <= c->resolution / 2 + 1e-6 * fabs(value) + 1e-9;
}

void pair_judge(struct rig *r, const struct bus_report *report)
{
    const struct outcome *o = report->outcome;
    int chan;

    if (report->kind != BUS_SAMPLES)
        return;
    chan = standing_chan(&r->inst[report->inst]);
    for (int i = 0; i < o->n_samples; i++) {
        const struct sample *s = &o->sample[i];

        n_not_ok += s->quality != Q_OK;
        RIG_CHECK(s->quality != Q_OK || isfinite(s->value));
        RIG_CHECK(s->quality == Q_OK || isnan(s->value));
        RIG_CHECK(s->chan != chan || s->quality != Q_OK || stands(r, report->inst, s->value));
    }
    for (int i = 0; i < o->n_notices; i++) {
        const struct notice_said *n = &o->notice[i];

        if (n->chan == chan && (n->notice == NOTICE_SET_DONE || n->notice == NOTICE_SET_MISMATCH))
            RIG_CHECK(stands(r, report->inst, n->value));
    }
}

static void add_ports(struct emu_param *p, const struct emu *emu, int station, int chamber)
{
    for (int i = 0; i < emu->n_ports; i++) {
        int at = emu->ports[i] == PORT_CHAMBER ? chamber : station;

        p->ports[i] = (uint16_t)world_add_port(&pair_world, emu->ports[i], at);
    }
    p->n_ports = emu->n_ports;
    p->error.ideal = true;
}

struct rig *pair_make_shared(const struct driver *d, int units, bool addressed)
{
    const struct emu *emu = emu_find(d->name);
    int station, chamber;

    ck_assert_msg(emu != NULL, "%s has no emulator", d->name);
    world_init(&pair_world, 298.15);
    chamber = world_add_chamber(&pair_world, NULL, 298.15);
    station = world_add_station(&pair_world, chamber);
    world_put_assb(&pair_world, station, NULL);
    world_put_press(&pair_world, station, NULL);
    rig_init(&rig, d->baud ? 10 * NSEC_S / d->baud : 0);
    rig.on_report = pair_judge;
    rig.rows = PAIR_ROWS;
    n_not_ok = 0;
    for (int i = 0; i < units; i++) {
        struct emu_param p = {.addressed = addressed, .model = pair_model(d)};

        add_ports(&p, emu, station, chamber);
        rig_add(&rig, d, emu, (uint16_t)(unit_of(d) + i), &p, &pair_world);
    }
    return &rig;
}

struct rig *pair_make(int i)
{
    return pair_make_shared(pair_driver(i), 1, false);
}

void pair_identify(struct rig *r)
{
    for (int i = 0; i < r->bus.n_insts; i++) {
        int64_t t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, i, 0, 0);

        ck_assert_int_eq(rig_await(r, t, 20 * NSEC_S), RIG_DONE);
        ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_IDENTIFIED));
    }
}

bool settable(const struct inst *inst, int chan, bool states)
{
    const struct chan *c = &inst->chans[chan];
    bool state = c->kind == KIND_STATE || c->kind == KIND_SWITCH;

    return (c->access & CHAN_SET) && state == states;
}

void one_answer(const struct rig *r, int64_t t)
{
    unsigned n = rig_count_notices(r, t, NOTICE_SET_DONE, NOTICE_SET_REFUSED);

    ck_assert_int_ne(r->end[t], RIG_OPEN);
    ck_assert_uint_le(n, 1);
    if (r->end[t] == RIG_DONE)
        ck_assert_uint_eq(n, 1);
}

int64_t pair_set(struct rig *r, int inst, int chan, double value)
{
    int64_t t = rig_submit(r, JOB_SET, JOBKIND_SET, inst, chan, value);

    ck_assert_msg(t > 0, "%s %s: %d", r->inst[inst].name, r->inst[inst].chans[chan].name, (int)t);
    (void)rig_await(r, t, 120 * NSEC_S);
    one_answer(r, t);
    return t;
}

void pair_set_well(struct rig *r, int inst, int chan, double value)
{
    int64_t t = pair_set(r, inst, chan, value);
    const struct notice_said *no = rig_notice(r, t, NOTICE_SET_REFUSED);
    const struct notice_said *other = rig_notice(r, t, NOTICE_SET_MISMATCH);

    ck_assert_msg(rig_notice(r, t, NOTICE_SET_DONE) != NULL, "%s.%s = %g: %s%s", r->inst[inst].name,
                  r->inst[inst].chans[chan].name, value, no ? no->text : "",
                  other ? other->text : "");
    if (chan == standing_chan(&r->inst[inst]))
        ck_assert(stands(r, inst, value) ||
                  fabs(standing(r, inst) - value) <= r->inst[inst].chans[chan].resolution);
}

static void set_gently(struct rig *r, int inst)
{
    for (int i = 0; i < r->inst[inst].n_chans; i++) {
        if (settable(&r->inst[inst], i, false))
            pair_set_well(r, inst, i, gentle(&r->inst[inst].chans[i]));
    }
}

int state_chan(const struct inst *inst)
{
    for (int i = 0; i < inst->n_chans; i++) {
        if (settable(inst, i, true))
            return i;
    }
    return -1;
}

bool energized(const struct rig *r, int inst)
{
    return r->host_w.emu[inst]->energized(r->host.state[inst]);
}

/* At work: a chamber in CONSTANT, a cycler in VOLTAGE, switches on. Polls run. */
static void operate(struct rig *r)
{
    for (int i = 0; i < r->bus.n_insts; i++) {
        set_gently(r, i);
        for (int chan = 0; chan < r->inst[i].n_chans; chan++) {
            if (settable(&r->inst[i], chan, true))
                pair_set_well(r, i, chan, fmin(AT_WORK, r->inst[i].chans[chan].max));
        }
        bus_poll_period(&r->bus, (uint8_t)i, NSEC_S, r->now);
    }
    rig_run(r, r->now + 10 * NSEC_S);
}

struct rig *pair_operating(int i)
{
    struct rig *r = pair_make(i);

    pair_identify(r);
    operate(r);
    return r;
}
