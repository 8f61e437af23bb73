/* tests/support/station_demo.c - a lab cell on a source-measure unit, a press and a chamber, all
 * polled once a second. */
#include "tests/support/station_demo.h"

#include "base/str.h"

#include <string.h>

static void group(struct station_desc *s, const char *name)
{
    struct station_group *g = &s->group[s->n_groups++];

    str_copy(g->name, sizeof(g->name), name);
    str_copy(g->inst, sizeof(g->inst), name);
    g->period_s = 1.0;
    g->fastest_s = 0.05;
    g->stale_s = 3.5;
    g->latency_s = 0.5;
}

static struct station_chan *chan(struct station_desc *s, const char *name, enum chan_kind kind,
                                 bool set, double min, double max)
{
    struct station_chan *c = &s->chan[s->n_chans];
    struct station_group *g = &s->group[s->n_groups - 1];

    str_copy(c->name, sizeof(c->name), name);
    c->kind = kind;
    c->read = !set;
    c->set = set;
    c->min = min;
    c->max = max;
    c->group = set ? 255 : (uint8_t)(s->n_groups - 1);
    if (!set)
        g->chan[g->n++] = s->n_chans;
    s->n_chans++;
    return c;
}

void station_demo(struct station_desc *ret)
{
    struct station_desc *s = ret;
    struct station_chan *c;

    memset(s, 0, sizeof(*s));
    str_copy(s->bench, sizeof(s->bench), "demo");
    str_copy(s->station, sizeof(s->station), "A");
    s->pause_max_s = 12.0 * 3600.0;
    s->safe_s = 0.3;
    group(s, "cycler");
    c = chan(s, "cell.voltage", KIND_VOLTAGE_V, false, -1.0, 5.0);
    c->accuracy_reading = 1.2e-4;
    c->accuracy_offset = 3e-4;
    c->resolution = 1e-6;
    c = chan(s, "cell.current", KIND_CURRENT_A, false, -0.05, 0.05);
    c->accuracy_reading = 3e-4;
    c->accuracy_offset = 2.5e-6;
    c->resolution = 1e-8;
    chan(s, "cycler.mode", KIND_STATE, true, 0.0, 3.0);
    chan(s, "cycler.voltage_set", KIND_VOLTAGE_V, true, 0.0, 5.0);
    chan(s, "cycler.current_limit", KIND_CURRENT_A, true, 0.0, 0.05);
    chan(s, "cycler.current_set", KIND_CURRENT_A, true, -0.05, 0.05);
    chan(s, "cycler.voltage_limit", KIND_VOLTAGE_V, true, 0.0, 5.0);
    group(s, "press");
    chan(s, "press.pressure", KIND_PRESSURE_PA, false, 0.0, 25e6);
    chan(s, "press.force", KIND_FORCE_N, false, 0.0, 5000.0);
    group(s, "press_regulator");
    chan(s, "press.regulator", KIND_PRESSURE_PA, false, 0.0, 10e6);
    chan(s, "press.pressure_set", KIND_PRESSURE_PA, true, 0.0, 10e6);
    group(s, "chamber");
    chan(s, "chamber.temperature", KIND_TEMPERATURE_K, false, 253.15, 393.15);
    chan(s, "chamber.temperature_set", KIND_TEMPERATURE_K, true, 253.15, 393.15);
    chan(s, "chamber.mode", KIND_STATE, true, 0.0, 3.0);
    chan(s, "chamber.limit_high", KIND_TEMPERATURE_K, true, 253.15, 433.15);
    chan(s, "chamber.limit_low", KIND_TEMPERATURE_K, true, 203.15, 393.15);
}
