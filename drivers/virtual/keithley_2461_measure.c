/* drivers/virtual/keithley_2461_measure.c - the analogue side of the Keithley 2461: ranges and
 * their errors, what stands at the terminals, readings and the buffer. What is not confirmed is
 * listed in keithley_2461.c.
 */
#include "drivers/virtual/keithley_2461_priv.h"

#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    STATUS_QUESTIONABLE = 1,
    STATUS_FRONT = 8
};
enum {
    SOURCE_READBACK = 8,
    SOURCE_HOT = 16,
    SOURCE_LIMITED = 32,
    SOURCE_4_WIRE = 64,
    SOURCE_ON = 128
};

static const double cycle_s = 0.02, noise_of_range = 1e-6, overflow = 9.9e37, over_range = 1.05;
static const double limit_least = 0.01; /* of the current range */

static const struct range volt_ranges[] = {
    {0.2,   1.5e-4, 1e-5},
    {2.0,   1.5e-4, 1e-4},
    {20.0,  1.5e-4, 1e-3},
    {100.0, 1.5e-4, 5e-3},
};
static const struct range curr_ranges[] = {
    {1e-6, 2e-4, 2e-10 },
    {1e-5, 2e-4, 2e-9  },
    {1e-4, 2e-4, 2e-8  },
    {1e-3, 2e-4, 200e-9},
    {1e-2, 2e-4, 2.5e-6},
    {0.1,  2e-4, 15e-6 },
    {1.0,  5e-4, 500e-6},
    {4.0,  1e-3, 3e-3  },
    {7.0,  1e-3, 3e-3  },
};

/* ---- Ranges and errors of the analogue side ---- */

const struct range *smu_range_in_use(int q, double full, double v)
{
    const struct range *r = q == VOLT ? volt_ranges : curr_ranges;
    size_t n = q == VOLT ? ARRAY_LEN(volt_ranges) : ARRAY_LEN(curr_ranges);
    double need = full > 0.0 ? full : fabs(v) / over_range;
    size_t i = 0;

    while (i + 1 < n && r[i].full < need * (1.0 - 1e-12))
        i++;
    return &r[i];
}

static double applied(const struct smu *s, const struct range *r, double v)
{
    if (s->error.ideal)
        return v;
    return (v - r->offset * s->error.offset) / (1.0 + r->reading * s->error.gain);
}

static double shown(const struct call *c, int q, const struct range *r, double v)
{
    const struct smu *s = c->s;
    double step = noise_of_range * r->full;

    if (fabs(v) > over_range * r->full)
        return overflow;
    if (s->error.ideal)
        return v;
    v += v * r->reading * s->error.gain + r->offset * s->error.offset;
    v += step / sqrt(s->nplc[q]) * rng_normal(c->env->rng);
    return nearbyint(v / step) * step;
}

double smu_limit_least(const struct smu *s)
{
    return limit_least * s->sense_range[CURR];
}

static void box_voltage(struct port_drive *d, double v, double i_limit)
{
    d->v_max = d->v_min = v;
    d->i_max = i_limit;
    d->i_min = -i_limit;
}

static void box_current(struct port_drive *d, double i, double v_limit)
{
    d->i_max = d->i_min = i;
    d->v_max = v_limit;
    d->v_min = -v_limit;
}

void smu_drive(const struct smu *s, const struct emu_env *env, nsec now)
{
    int q = s->source, other = q == VOLT ? CURR : VOLT;
    const struct range *r_level = smu_range_in_use(q, s->source_range[q], s->level[q]);
    const struct range *r_limit = smu_range_in_use(other, s->sense_range[other], s->limit[q]);
    double level = applied(s, r_level, s->level[q]);
    double limit = fmax(applied(s, r_limit, s->limit[q]), 0.0);
    struct port_drive d = {.on = true};

    if (s->output && q == VOLT)
        box_voltage(&d, level, limit);
    else if (s->output)
        box_current(&d, level, limit);
    else if (s->smod[q] == SMOD_HIMP)
        d.on = false;
    else if (s->smod[q] == SMOD_GUARD)
        box_current(&d, 0.0, q == VOLT ? fabs(s->level[VOLT]) : s->limit[CURR]);
    else
        box_voltage(&d, 0.0, q == VOLT ? limit : limit_least * r_level->full);
    env->drive(env->world, s->port, now, &d);
}

/* ---- Measuring ---- */

void smu_sense(const struct call *c, struct port_sense *ret)
{
    const struct smu *s = c->s;

    *ret = (struct port_sense){0};
    c->env->sense(c->env->world, s->port, c->now, ret);
    if (!s->output && s->smod[s->source] == SMOD_HIMP) {
        /* The relay is open: what stands at the terminals does not get in. */
        ret->voltage_v = ret->current_a = 0.0;
        ret->limit = 0;
    }
}

bool smu_is_limited(const struct smu *s, const struct port_sense *sensed)
{
    return s->output && sensed->limit == (s->source == VOLT ? 'I' : 'V');
}

static void measure(struct call *c, struct reading *ret)
{
    struct smu *s = c->s;
    int q = s->measure, src = s->source;
    struct port_sense sensed;
    double v[QUANTITIES], full;

    smu_sense(c, &sensed);
    v[VOLT] = smu_has(s, FAULT_SENSOR_OPEN) ? overflow : sensed.voltage_v;
    v[CURR] = sensed.current_a;
    full = s->sense_range[q];
    if (q == src)
        full = smu_range_in_use(q, s->source_range[q], s->level[q])->full;
    ret->value = shown(c, q, smu_range_in_use(q, full, v[q]), v[q]);
    ret->source = s->level[src];
    if (s->readback[src])
        ret->source =
            q == src
                ? ret->value
                : shown(c, src, smu_range_in_use(src, s->source_range[src], s->level[src]), v[src]);
    ret->at = c->now;
    ret->quantity = (uint8_t)q;
    ret->status = (uint8_t)((s->front ? STATUS_FRONT : 0) |
                            (ret->value >= overflow ? STATUS_QUESTIONABLE : 0));
    ret->source_status = (uint8_t)((s->readback[src] ? SOURCE_READBACK : 0) |
                                   (smu_has(s, FAULT_ALARM) ? SOURCE_HOT : 0) |
                                   (smu_is_limited(s, &sensed) ? SOURCE_LIMITED : 0) |
                                   (s->rsen[q] ? SOURCE_4_WIRE : 0) | (s->output ? SOURCE_ON : 0));
}

static const struct reading *reading_take(struct call *c)
{
    struct smu *s = c->s;
    struct reading *r = &s->ring[s->n_readings % READINGS_KEPT];

    if (smu_has(s, FAULT_STUCK) && s->n_readings > 0) {
        *r = s->ring[(s->n_readings - 1) % READINGS_KEPT];
        r->at = c->now;
    } else {
        measure(c, r);
    }
    if (s->n_readings == 0)
        s->first_at = r->at;
    s->n_readings++;
    c->cost += nsec_from_s(s->count * s->nplc[s->measure] * cycle_s *
                           (s->readback[s->source] ? 2.0 : 1.0));
    return r;
}

enum element {
    EL_READ,
    EL_REL,
    EL_SEC,
    EL_SOUR,
    EL_SOURSTAT,
    EL_STAT,
    EL_UNIT,
    ELEMENTS
};
enum {
    ELEMENTS_MAX = 8
};

static void put_element(struct call *c, enum element e, const struct reading *r)
{
    switch (e) {
    case EL_REL: smu_put_fixed(c, nsec_to_s(r->at - c->s->first_at), 6); break;
    case EL_SEC: smu_put_fixed(c, nsec_to_s(r->at), 6); break;
    case EL_SOUR: smu_put_number(c, r->source); break;
    case EL_SOURSTAT: smu_put_fixed(c, r->source_status, 0); break;
    case EL_STAT: smu_put_fixed(c, r->status, 0); break;
    case EL_UNIT: smu_put(c, r->quantity == VOLT ? "Volt DC" : "Amp DC"); break;
    case EL_READ:
    case ELEMENTS: smu_put_number(c, r->value); break;
    }
}

/* What is left of the parameters: a buffer and the elements asked for. Returns their number, 0
 * after an error. */
static int param_elements(struct call *c, enum element *ret)
{
    static const char *const names[ELEMENTS] = {"READing",    "RELative", "SEConds", "SOURce",
                                                "SOURSTATus", "STATus",   "UNIT"};
    const char *p;
    size_t n_p;
    int n = 0;

    if (scpi_param(&c->params, &c->n_params, &p, &n_p) &&
        !(n_p == 12 && memcmp(p + 1, "defbuffer1", 10) == 0)) {
        smu_fail(c, -224);
        return 0;
    }
    while (scpi_param(&c->params, &c->n_params, &p, &n_p)) {
        int e = 0;

        while (e < ELEMENTS && !scpi_match(names[e], p, n_p))
            e++;
        if (e == ELEMENTS || n == ELEMENTS_MAX) {
            smu_fail(c, -224);
            return 0;
        }
        ret[n++] = (enum element)e;
    }
    if (n == 0)
        ret[n++] = EL_READ;
    return n;
}

static void put_reading(struct call *c, const struct reading *r, const enum element *e, int n)
{
    for (int i = 0; i < n; i++) {
        if (i > 0)
            smu_put(c, ",");
        put_element(c, e[i], r);
    }
}

void smu_do_read(struct call *c)
{
    enum element e[ELEMENTS_MAX];
    int n = param_elements(c, e);

    if (n > 0)
        put_reading(c, reading_take(c), e, n);
}

void smu_do_fetch(struct call *c)
{
    enum element e[ELEMENTS_MAX];
    int n = param_elements(c, e);

    if (n > 0 && c->s->n_readings == 0)
        smu_fail(c, -230);
    else if (n > 0)
        put_reading(c, &c->s->ring[(c->s->n_readings - 1) % READINGS_KEPT], e, n);
}

/* TRACe:DATA? first, last, "defbuffer1", elements: of the last sixteen. */
void smu_do_trace(struct call *c)
{
    const struct smu *s = c->s;
    enum element e[ELEMENTS_MAX];
    double end[2];
    int n;

    for (int i = 0; i < 2; i++) {
        const char *p;
        size_t n_p;

        if (!scpi_param(&c->params, &c->n_params, &p, &n_p) || scpi_number(p, n_p, &end[i]) != 0) {
            smu_fail(c, -109);
            return;
        }
    }
    n = param_elements(c, e);
    if (n == 0)
        return;
    if (!(end[0] >= 1.0 && end[0] <= end[1] && end[1] <= s->n_readings &&
          end[0] + READINGS_KEPT > s->n_readings)) {
        smu_fail(c, -222);
        return;
    }
    for (uint32_t k = (uint32_t)end[0]; k <= (uint32_t)end[1]; k++) {
        if (k > (uint32_t)end[0])
            smu_put(c, ",");
        put_reading(c, &s->ring[(k - 1) % READINGS_KEPT], e, n);
    }
}

void smu_do_trace_clear(struct call *c)
{
    c->s->n_readings = 0;
}

void smu_do_trace_actual(struct call *c)
{
    smu_put_fixed(c, c->s->n_readings, 0);
}
