/* procedures/engine/station.c - looking channels up, and the station of an open check. */
#include "procedures/engine/station.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

chan_id station_find(const struct station_desc *s, const char *name)
{
    for (chan_id i = 0; i < s->n_chans; i++)
        if (strcmp(s->chan[i].name, name) == 0)
            return i;
    return CHAN_NONE;
}

double station_accuracy(const struct station_chan *c, double full_scale, double reading)
{
    double v = isfinite(reading) ? fabs(reading) : 0.0;

    for (uint8_t i = 0; i < c->n_ranges && isfinite(full_scale); i++)
        if (c->range[i].full_scale >= fabs(full_scale))
            return c->range[i].accuracy_offset + c->range[i].accuracy_reading * v;
    return c->accuracy_offset + c->accuracy_reading * v;
}

static void add_group(struct station_desc *s, const char *name)
{
    struct station_group *g = &s->group[s->n_groups++];

    str_copy(g->name, sizeof(g->name), name);
    str_copy(g->inst, sizeof(g->inst), name);
    g->period_s = 1.0;
    g->fastest_s = 0.01;
    g->stale_s = 4.0;
    g->latency_s = 1.0;
}

static void add_read(struct station_desc *s, const char *name, enum chan_kind kind)
{
    struct station_group *g = &s->group[s->n_groups - 1];
    struct station_chan *c = &s->chan[s->n_chans];

    str_copy(c->name, sizeof(c->name), name);
    c->kind = kind;
    c->read = true;
    c->group = (uint8_t)(s->n_groups - 1);
    c->min = -INFINITY;
    c->max = INFINITY;
    g->chan[g->n++] = s->n_chans++;
}

static void add_set(struct station_desc *s, const char *name, enum chan_kind kind)
{
    struct station_chan *c = &s->chan[s->n_chans++];

    str_copy(c->name, sizeof(c->name), name);
    c->kind = kind;
    c->set = true;
    c->group = 255;
    c->min = -INFINITY;
    c->max = INFINITY;
}

void station_open(struct station_desc *ret)
{
    memset(ret, 0, sizeof(*ret));
    str_copy(ret->bench, sizeof(ret->bench), "open");
    str_copy(ret->station, sizeof(ret->station), "open");
    ret->pause_max_s = 12.0 * 3600.0;
    ret->safe_s = 1.0;
    add_group(ret, "cycler");
    add_read(ret, "cell.voltage", KIND_VOLTAGE_V);
    add_read(ret, "cell.current", KIND_CURRENT_A);
    add_set(ret, "cycler.mode", KIND_STATE);
    add_set(ret, "cycler.voltage_set", KIND_VOLTAGE_V);
    add_set(ret, "cycler.limit_charge", KIND_CURRENT_A);
    add_set(ret, "cycler.limit_discharge", KIND_CURRENT_A);
    add_set(ret, "cycler.current_set", KIND_CURRENT_A);
    add_set(ret, "cycler.voltage_limit", KIND_VOLTAGE_V);
    add_group(ret, "daq");
    add_read(ret, "cell.temperature", KIND_TEMPERATURE_K);
    add_group(ret, "press");
    add_read(ret, "press.pressure", KIND_PRESSURE_PA);
    add_read(ret, "press.force", KIND_FORCE_N);
    add_group(ret, "press_regulator");
    add_read(ret, "press.regulator", KIND_PRESSURE_PA);
    add_set(ret, "press.pressure_set", KIND_PRESSURE_PA);
    add_group(ret, "chamber");
    add_read(ret, "chamber.temperature", KIND_TEMPERATURE_K);
    add_set(ret, "chamber.temperature_set", KIND_TEMPERATURE_K);
    add_set(ret, "chamber.mode", KIND_STATE);
    add_set(ret, "chamber.limit_high", KIND_TEMPERATURE_K);
    add_set(ret, "chamber.limit_low", KIND_TEMPERATURE_K);
}

int station_add_model(struct station_desc *s)
{
    chan_id v = station_find(s, "cell.voltage"), i = station_find(s, "cell.current");
    uint8_t of = v == CHAN_NONE ? 255 : s->chan[v].group;
    struct station_group *g;

    if (i == CHAN_NONE || of >= s->n_groups || s->chan[i].group != of)
        return E_NOENT;
    if (s->n_groups == STATION_GROUPS_MAX || s->n_chans + 2 > STATION_CHANS_MAX)
        return E_FULL;
    add_group(s, "model");
    g = &s->group[s->n_groups - 1];
    g->period_s = s->group[of].period_s;
    g->fastest_s = s->group[of].fastest_s;
    g->stale_s = s->group[of].stale_s;
    g->trip_s = s->group[of].trip_s;
    g->queue_s = s->group[of].queue_s;
    g->latency_s = s->group[of].latency_s;
    add_read(s, MODEL_VOLTAGE, KIND_VOLTAGE_V);
    add_read(s, MODEL_RESIDUAL, KIND_VOLTAGE_V);
    /* What the residual is known to is what the measured voltage is known to. */
    s->chan[s->n_chans - 1].accuracy_reading = s->chan[v].accuracy_reading;
    s->chan[s->n_chans - 1].accuracy_offset = s->chan[v].accuracy_offset;
    s->chan[s->n_chans - 1].resolution = s->chan[v].resolution;
    return s->n_groups - 1;
}
