/* tests/support/pair_truth.c - see pair_truth.h. */
#include "tests/support/pair_truth.h"

#include "drivers/virtual/generic_modbus.h"
#include "drivers/wire/modbus.h"
#include "tests/support/pair_stage.h"

#include <math.h>
#include <string.h>

enum {
    STEPS = 60, /* of the world, before a value comes again */
    BOX_FIRST = 10,
    BOX_WORDS = 11,
    BOX_LEVEL = 5,
};

/* ---- The world ---- */

/* The neighbour stands half a step beside. */
double truth_step(int unit, uint32_t epoch)
{
    return epoch % STEPS + 0.5 * unit;
}

static double true_current(const struct stage *s, double step)
{
    double size_a = strcmp(s->driver->name, "keithley-2461") == 0 ? 1e-5 : 0.05;

    return size_a * (1 + step);
}

/* Each step is larger than what the drivers promise of their instruments. */
void truth_at(const struct stage *s, enum port_kind kind, int unit, uint32_t epoch,
              struct port_sense *ret)
{
    double step = truth_step(unit, epoch);

    *ret = (struct port_sense){0};
    switch (kind) {
    case PORT_SOURCE:
        ret->voltage_v = 0.3 + 0.2 * step;
        ret->current_a = true_current(s, step);
        break;
    case PORT_CHAMBER: ret->value = 235 + 2.8 * step; break;
    case PORT_PRESSURE: ret->value = 5e3 + 14e3 * step; break;
    case PORT_FORCE: ret->value = 20 + 60 * step; break;
    case PORT_SENSE: ret->value = 290 + 2 * step; break;
    case PORT_RELAY:
    case PORT_PROBE: break; /* the scanner has a test of its own: its channels come from a bench file */
    }
}

void truth_takes(void *world, uint16_t port, nsec now, const struct port_drive *drive)
{
    (void)world;
    (void)port;
    (void)now;
    (void)drive;
}

void truth_shows(void *world, uint16_t port, nsec now, struct port_sense *ret)
{
    struct stage *s = world;
    int unit = port / EMU_PORTS_MAX;

    s->seen_epoch[unit] = s->epoch;
    s->seen_at[unit] = now;
    truth_at(s, s->emu->ports[port % EMU_PORTS_MAX], unit, s->epoch, ret);
}

/* To the oracle's copy: as the instrument saw it last. */
void truth_remembered(void *world, uint16_t port, nsec now, struct port_sense *ret)
{
    const struct stage *s = world;
    int unit = port / EMU_PORTS_MAX;

    (void)now;
    truth_at(s, s->emu->ports[port % EMU_PORTS_MAX], unit, s->seen_epoch[unit], ret);
}

/* ---- The register box, which has no ports: another master writes its registers ---- */

static void put_f32(uint16_t *ret_high, uint16_t *ret_low, float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    *ret_high = (uint16_t)(bits >> 16);
    *ret_low = (uint16_t)bits;
}

static uint16_t turned(uint16_t w)
{
    return (uint16_t)(w << 8 | w >> 8);
}

/* What the rows of tests/pairs/generic_modbus.yaml make of a step. */
double truth_box(const char *chan, double step)
{
    static const struct {
        const char *name;
        double first, each;
    } values[] = {
        {"pressure", 10e3,  1e3 },
        {"abcd",     1.5,   0.25},
        {"cdab",     -1.5,  0.5 },
        {"badc",     70000, 2   },
        {"dcba",     -70.0, 0.01},
        {"level",    0.1,   0.01},
    };

    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (strcmp(values[i].name, chan) == 0)
            return values[i].first + values[i].each * step;
    return (double)NAN;
}

static void box_words(double step, uint16_t *ret)
{
    uint32_t badc = (uint32_t)lround(truth_box("badc", step));
    uint32_t dcba = (uint32_t)lround(truth_box("dcba", step) * 1000);

    memset(ret, 0, BOX_WORDS * sizeof(*ret));
    ret[0] = (uint16_t)lround(truth_box("pressure", step) / 100);
    put_f32(&ret[2], &ret[3], (float)truth_box("abcd", step));
    put_f32(&ret[5], &ret[4], (float)truth_box("cdab", step));
    ret[6] = turned((uint16_t)(badc >> 16));
    ret[7] = turned((uint16_t)badc);
    ret[8] = turned((uint16_t)dcba);
    ret[9] = turned((uint16_t)(dcba >> 16));
}

void truth_box_move(struct stage *s, int unit)
{
    struct host *h = &s->rig.host;
    struct host_wiring *w = &s->rig.host_w;
    double step = truth_step(unit, s->epoch);
    uint16_t words[BOX_WORDS];
    uint8_t msg[64], frame[72];
    struct emu_out out = {0};
    size_t n;
    int n_frame;

    box_words(step, words);
    n = modbus_write_request((uint8_t)w->param[unit].unit, BOX_FIRST, words, BOX_WORDS, msg);
    n_frame = s->tcp ? modbus_tcp_wrap(9, msg, n, frame, sizeof(frame))
                     : modbus_rtu_wrap(msg, n, frame, sizeof(frame));
    RIG_CHECK(n_frame > 0);
    s->emu->bytes(h->state[unit], &w->env[unit], s->rig.now, NSEC_S, frame, (size_t)n_frame, &out);
    RIG_CHECK(host_hand(h, w, (uint8_t)unit, s->rig.now, BOX_HAND_WORD + BOX_LEVEL,
                        truth_box("level", step) * 100) == 0);
    s->moved[unit] = s->mind[unit] == FAULT_NONE;
}
