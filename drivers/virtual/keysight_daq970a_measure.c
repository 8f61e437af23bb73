/* drivers/virtual/keysight_daq970a_measure.c - the analogue side of the DAQ970A: sensors, ranges,
 * errors, and how long a reading takes. What is not confirmed is listed in keysight_daq970a.c.
 */
#include "drivers/virtual/keysight_daq970a_priv.h"

#include "base/attr.h"

#include <math.h>
#include <string.h>

/* One year: +-(reading * of_reading + range * of_range). */
static const struct range {
    double full_v, most_v, of_reading, of_range;
} ranges[RANGES] = {
    {0.1,   0.12,  50e-6, 40e-6},
    {1.0,   1.2,   40e-6, 7e-6 },
    {10.0,  12.0,  35e-6, 5e-6 },
    {100.0, 120.0, 45e-6, 6e-6 },
    {300.0, 300.0, 45e-6, 30e-6},
};
const double daq_range_v[RANGES] = {0.1, 1.0, 10.0, 100.0, 300.0};

const double daq_nplc[NPLCS] = {0.02, 0.2, 1.0, 2.0, 10.0, 20.0, 100.0, 200.0};
/* Parts of the range. The noise is what the maker adds to the accuracy, as three standard
 * deviations; above 10 cycles, where that is none, a third of the resolution. */
static const double resolution[NPLCS] = {1e-4, 1e-5, 3e-6, 2.2e-6, 1e-6, 8e-7, 3e-7, 2.2e-7};
static const double noise[NPLCS] = {33e-6, 3.3e-6, 3.3e-6, 2.3e-6, 3.3e-7, 2.7e-7, 1e-7, 0.7e-7};

/* Sensitivity at room temperature, where the table is left, and the one-year error, reference
 * junction included. */
static const struct thermocouple {
    double v_per_k, lo_c, hi_c, error_k;
} thermocouples[] = {
    {0.3e-6, 0.0,    1820.0, 1.2},
    {61e-6,  -270.0, 1000.0, 1.0},
    {52e-6,  -210.0, 1200.0, 1.0},
    {41e-6,  -270.0, 1372.0, 1.0},
    {27e-6,  -270.0, 1300.0, 1.0},
    {6e-6,   -50.0,  1760.0, 1.2},
    {6e-6,   -50.0,  1760.0, 1.2},
    {41e-6,  -270.0, 400.0,  1.0},
};
const char daq_tc_letters[] = "BEJKNRST";
_Static_assert(ARRAY_LEN(thermocouples) == sizeof(daq_tc_letters) - 1, "thermocouples");

static const double rtd_error_k = 0.06, thermistor_error_k = 0.08;
static const double resistive_noise_k = 1500.0; /* 5 mK at one cycle */
static const double step_k = 1e-3;
static const double junction_c = 24.0; /* the terminal block in a warm box */
/* An open pair of leads is charged by the bias current, through the input resistance. */
static const double open_v = 30e-12 * 10e6;

static const nsec relay_time = 17 * NSEC_MS; /* 60 channels a second at most */
static const double kelvin = 273.15;

enum {
    Q_VOLT_OVERLOAD = 1 << 0,
    Q_TEMP_OVERLOAD = 1 << 10
};

double daq_resolution(int nplc)
{
    return resolution[nplc];
}

int daq_nplc_for(double wanted)
{
    for (int i = 0; i < NPLCS; i++)
        if (resolution[i] <= wanted * (1.0 + 1e-9))
            return i;
    return -1;
}

double daq_junction_c(const struct daq *d)
{
    (void)d;
    return junction_c;
}

/* ---- Time ---- */

/* From one cycle on the converter's zero is measured with every reading; the internal reference
 * junction is measured like a channel of its own. */
nsec daq_channel_time(const struct daq *d, int channel)
{
    const struct channel *ch = &d->channel[channel];
    double nplc = daq_nplc[ch->nplc];
    double s = nplc / d->mains_hz * (nplc >= 1.0 ? 2.0 : 1.0);
    double delay_s = ch->own_delay ? ch->delay_ms / 1000.0 : nplc > 1.0 ? 2e-3 : 1e-3;
    nsec once = relay_time + nsec_from_s(s);

    if (ch->quantity == TEMP && ch->transducer == TRAN_TC && ch->junction == JUNCTION_INT)
        return 2 * once + 2 * nsec_from_s(delay_s);
    return once + nsec_from_s(delay_s);
}

/* ---- What the leads carry ---- */

static bool senses(const struct daq *d, const struct emu_env *env, nsec now, uint16_t port,
                   double *ret_value)
{
    struct port_sense sensed = {0};

    if (port == PORT_NONE || daq_has(d, FAULT_SENSOR_OPEN))
        return false;
    env->sense(env->world, port, now, &sensed);
    *ret_value = sensed.value;
    return !sensed.open;
}

/* Voltage between the leads; false: they are open. */
static bool leads_v(const struct daq *d, const struct emu_env *env, nsec now, int channel,
                    double *ret_v)
{
    const struct leads *l = &d->leads[channel];
    double k;

    if (l->volt_port != PORT_NONE)
        return senses(d, env, now, l->volt_port, ret_v);
    if (!senses(d, env, now, l->temp_port, &k))
        return false;
    *ret_v = 0.0; /* nothing drives a resistor */
    if (l->sensor == DAQ_THERMOCOUPLE)
        *ret_v = thermocouples[l->type].v_per_k * (k - kelvin - junction_c);
    return true;
}

static double gauss(const struct emu_env *env, double sigma)
{
    return sigma * rng_normal(env->rng);
}

static double step_to(double v, double step)
{
    return nearbyint(v / step) * step;
}

/* ---- Voltage ---- */

static const struct range *range_for(const struct channel *ch, double v)
{
    const struct range *r = &ranges[0];

    if (ch->range > 0)
        return &ranges[ch->range - 1];
    while (r < &ranges[RANGES - 1] && fabs(v) > r->most_v)
        r++;
    return r;
}

static double measure_volt(struct daq *d, const struct emu_env *env, nsec now, int channel)
{
    const struct channel *ch = &d->channel[channel];
    const struct range *r;
    double v;

    if (!leads_v(d, env, now, channel, &v))
        v = open_v;
    r = range_for(ch, v);
    if (fabs(v) > r->most_v)
        return copysign((double)INFINITY, v);
    if (d->error.ideal)
        return v;
    v += v * r->of_reading * d->error.gain + r->full_v * r->of_range * d->error.offset;
    v += gauss(env, r->full_v * noise[ch->nplc]);
    return step_to(v, r->full_v * resolution[ch->nplc]);
}

/* ---- Temperature ---- */

/* degC; infinite: overload. The converter's own error and noise come behind. */
static double thermocouple_c(struct daq *d, const struct emu_env *env, nsec now, int channel)
{
    const struct channel *ch = &d->channel[channel];
    const struct thermocouple *t = &thermocouples[ch->type[TRAN_TC]];
    const struct leads *l = &d->leads[channel];
    double reference_c = ch->junction == JUNCTION_FIX ? ch->junction_cc / 100.0 : junction_c;
    double k = 0.0, v = open_v, c;

    if (ch->junction == JUNCTION_EXT)
        return (double)INFINITY; /* no external reference has been measured */
    if (d->any_sensor) {
        bool there = senses(d, env, now, l->temp_port, &k);

        if (there)
            v = t->v_per_k * (k - kelvin - junction_c);
        else if (ch->check)
            return (double)INFINITY;
    } else if (!leads_v(d, env, now, channel, &v)) {
        if (ch->check)
            return (double)INFINITY;
        v = open_v;
    }
    if (fabs(v) > ranges[0].most_v)
        return copysign((double)INFINITY, v);
    c = reference_c + v / t->v_per_k;
    return c >= t->lo_c && c <= t->hi_c ? c : copysign((double)INFINITY, v);
}

/* What is no resistor of this kind is out of its range. */
static double resistor_c(struct daq *d, const struct emu_env *env, nsec now, int channel)
{
    const struct channel *ch = &d->channel[channel];
    const struct leads *l = &d->leads[channel];
    enum daq_sensor wanted = ch->transducer == TRAN_THER ? DAQ_THERMISTOR : DAQ_RTD;
    double k, c;

    if (!d->any_sensor && l->sensor != wanted)
        return (double)INFINITY;
    if (!senses(d, env, now, l->temp_port, &k))
        return (double)INFINITY;
    c = k - kelvin;
    if (wanted == DAQ_THERMISTOR)
        return c >= -80.0 && c <= 150.0 ? c : (double)INFINITY;
    return c >= -200.0 && c <= 600.0 ? c : (double)INFINITY;
}

static double measure_temp(struct daq *d, const struct emu_env *env, nsec now, int channel)
{
    const struct channel *ch = &d->channel[channel];
    double c, error_k, noise_k;

    if (ch->transducer == TRAN_TC) {
        const struct thermocouple *t = &thermocouples[ch->type[TRAN_TC]];

        c = thermocouple_c(d, env, now, channel);
        error_k = t->error_k;
        noise_k = noise[ch->nplc] * ranges[0].full_v / t->v_per_k;
    } else {
        c = resistor_c(d, env, now, channel);
        error_k = ch->transducer == TRAN_THER ? thermistor_error_k : rtd_error_k;
        noise_k = noise[ch->nplc] * resistive_noise_k;
    }
    if (isinf(c))
        return c;
    if (!d->error.ideal)
        c = step_to(c + error_k * d->error.offset + gauss(env, noise_k), step_k);
    return ch->unit == UNIT_F ? c * 1.8 + 32.0 : ch->unit == UNIT_K ? c + kelvin : c;
}

double daq_measure(struct daq *d, const struct emu_env *env, nsec now, int channel)
{
    uint8_t quantity = d->channel[channel].quantity;
    double v;

    if (d->closures[channel] < UINT16_MAX)
        d->closures[channel]++;
    if (daq_has(d, FAULT_STUCK) && !isnan(d->last[channel]))
        return d->last[channel];
    v = quantity == VOLT ? measure_volt(d, env, now, channel) : measure_temp(d, env, now, channel);
    if (isinf(v))
        d->ques |= quantity == VOLT ? Q_VOLT_OVERLOAD : Q_TEMP_OVERLOAD;
    d->last[channel] = v;
    return v;
}
