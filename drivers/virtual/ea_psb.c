/* drivers/virtual/ea_psb.c - EA PSB 9000/10000 bidirectional supply, Modbus RTU and TCP, from the
 * fact sheet ea-psb.
 *
 * Port 0: PORT_SOURCE, a two-quadrant box: the set voltage, the source current above and the sink
 * current below; with the output off the terminals are open and still measured.
 *
 * Not confirmed by a source, chosen here: accuracy 0.05 % of nominal voltage and 0.1 % of nominal
 * current, noise 0.002 % and 0.004 % of nominal RMS; readings are fresh at each request; actual
 * current is 0 while the output is off; a set limit of 0 is a true 0; the device regulates what it
 * shows. The sink bit follows the measured current. After power-up the output is off, all sets are
 * 0, limits and protections at their ends, whatever 408 says. A write without remote is refused
 * with exception 7, also to 408, 411, 10013 and the limits; values above 102 % (protections 110 %)
 * or outside the limits, and limits that would exclude the standing set value, with 3; switching on
 * during an alarm with 4. Leaving remote leaves output and sets as they are. Location 6 is
 * Ethernet. 550/553/556 trip on what is shown and need 411 to be forgotten; over-temperature
 * (FAULT_ALARM) switches off and its bit goes by itself. 503/504 (option) and registers that the
 * sheet does not name answer exception 2. 10013 holds 0 for Limited, 1 for Full and needs no
 * restart; address 0 is answered under both, also over TCP. Any address is taken, so that two may
 * share a line in tests. LOCAL at the panel ends remote and refuses it until it is released. Boot
 * takes 8 s. No SCPI. An open sense lead is not reported by this device.
 */
#include "drivers/virtual/ea_psb.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/virtual/ea_psb_priv.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

static const nsec think = 50 * NSEC_MS;
static const nsec regulating_period = 20 * NSEC_MS; /* while power or a protection may bind */
static const double accuracy[PSB_QUANTITIES] = {5e-4, 1e-3, 0.0}; /* of nominal */
static const double noise[PSB_QUANTITIES] = {2e-5, 4e-5, 0.0};

bool psb_has(const struct psb *s, enum emu_fault f)
{
    return (s->faults & 1U << f) != 0;
}

double psb_si(const struct psb *s, enum psb_quantity q, uint16_t raw)
{
    return s->nominal[q] * raw / PSB_FULL;
}

static uint16_t psb_raw(const struct psb *s, enum psb_quantity q, double si)
{
    double raw = nearbyint(si * PSB_FULL / s->nominal[q]);

    return (uint16_t)fmin(fmax(raw, 0.0), UINT16_MAX);
}

/* What it shows is the truth and this; two independent numbers are drawn for each instrument, one
 * for each quantity here. */
static double shown_error(const struct psb *s, enum psb_quantity q)
{
    double part = q == PSB_U ? s->error.offset : s->error.gain;

    return s->error.ideal ? 0.0 : part * accuracy[q] * s->nominal[q];
}

static double shown(const struct psb *s, const struct emu_env *env, enum psb_quantity q, double si)
{
    if (s->error.ideal)
        return si;
    return si + shown_error(s, q) + noise[q] * s->nominal[q] * rng_normal(env->rng);
}

/* ---- Out of the terminals ---- */

/* The current that a set of current and one of power leave at this voltage. */
static double current_limit(const struct psb *s, uint16_t current, uint16_t power, double v_v,
                            bool *ret_by_power)
{
    double limit_a = psb_si(s, PSB_I, current), limit_w = psb_si(s, PSB_P, power);

    *ret_by_power = limit_w < limit_a * v_v;
    return *ret_by_power ? limit_w / v_v : limit_a;
}

/* A limit in what it shows, turned into what flows. Errors never turn a direction on that is off.
 */
static double true_limit(const struct psb *s, double shown_a, double error_a)
{
    return shown_a > 0.0 && !s->error.ideal ? fmax(0.0, shown_a - error_a) : shown_a;
}

void psb_drive(struct psb *s, const struct emu_env *env, nsec now)
{
    double error_a = shown_error(s, PSB_I), source_a, sink_a;
    struct port_sense sensed = {0};
    struct port_drive d = {.on = s->output};

    env->sense(env->world, s->port, now, &sensed);
    source_a =
        current_limit(s, s->set[SET_I], s->set[SET_P], sensed.voltage_v, &s->source_by_power);
    sink_a = current_limit(s, s->set[SET_SINK_I], s->set[SET_SINK_P], sensed.voltage_v,
                           &s->sink_by_power);
    d.v_max = d.v_min = fmax(0.0, psb_si(s, PSB_U, s->set[SET_U]) - shown_error(s, PSB_U));
    d.i_max = true_limit(s, source_a, error_a);
    d.i_min = 0.0 - true_limit(s, sink_a, -error_a);
    env->drive(env->world, s->port, now, &d);
    s->seen = false;
}

void psb_output(struct psb *s, const struct emu_env *env, nsec now, bool on)
{
    s->output = on;
    psb_drive(s, env, now);
}

/* ---- Measuring and protecting ---- */

static uint8_t regulation_now(const struct psb *s, const struct port_sense *sensed)
{
    if (!s->output || sensed->limit != 'I')
        return REGULATION_CV;
    return (sensed->current_a < 0.0 ? s->sink_by_power : s->source_by_power) ? REGULATION_CP
                                                                             : REGULATION_CC;
}

static void measure(struct psb *s, const struct emu_env *env, nsec now)
{
    struct port_sense sensed = {0};
    double v_v, i_a;

    env->sense(env->world, s->port, now, &sensed);
    v_v = fmax(0.0, shown(s, env, PSB_U, sensed.voltage_v));
    i_a = s->output ? shown(s, env, PSB_I, sensed.current_a) : 0.0;
    s->actual[PSB_U] = psb_raw(s, PSB_U, v_v);
    s->actual[PSB_I] = psb_raw(s, PSB_I, fabs(i_a));
    s->actual[PSB_P] = psb_raw(s, PSB_P, fabs(v_v * i_a));
    s->sink = i_a < 0.0 && s->actual[PSB_I] > 0;
    s->regulation = regulation_now(s, &sensed);
}

static void protect(struct psb *s, const struct emu_env *env, nsec now)
{
    static const uint8_t alarm[PSB_QUANTITIES] = {ALARM_OVP, ALARM_OCP, ALARM_OPP};
    uint32_t tripped = 0;

    for (int q = 0; q < PSB_QUANTITIES; q++)
        if (s->output && s->actual[q] > s->trip[q])
            tripped |= 1U << alarm[q];
    if (tripped == 0)
        return;
    s->alarms |= tripped;
    psb_output(s, env, now, false);
    measure(s, env, now);
}

void psb_refresh(struct psb *s, const struct emu_env *env, nsec now)
{
    if (s->seen && s->seen_at == now)
        return;
    if (s->output && (s->source_by_power || s->sink_by_power))
        psb_drive(s, env, now);
    measure(s, env, now);
    protect(s, env, now);
    s->seen = true;
    s->seen_at = now;
}

/* Can power or a protection come to bind before anybody asks again? With the output on the voltage
 * stays below the higher of what is set and what is there. */
static bool is_watchful(const struct psb *s)
{
    uint16_t u_raw = s->actual[PSB_U] > s->set[SET_U] ? s->actual[PSB_U] : s->set[SET_U];
    double v_v = 1.02 * psb_si(s, PSB_U, u_raw);
    uint16_t i_raw = s->set[SET_I] > s->set[SET_SINK_I] ? s->set[SET_I] : s->set[SET_SINK_I];
    double i_a = psb_si(s, PSB_I, i_raw);
    bool by_power =
        psb_si(s, PSB_P, s->set[SET_P]) < v_v * psb_si(s, PSB_I, s->set[SET_I]) ||
        psb_si(s, PSB_P, s->set[SET_SINK_P]) < v_v * psb_si(s, PSB_I, s->set[SET_SINK_I]);

    return by_power || psb_si(s, PSB_U, s->trip[PSB_U]) < v_v ||
           psb_si(s, PSB_I, s->trip[PSB_I]) < 1.02 * i_a ||
           psb_si(s, PSB_P, s->trip[PSB_P]) < v_v * i_a;
}

static nsec psb_tick(void *state, const struct emu_env *env, nsec now, struct emu_out *out)
{
    struct psb *s = state;

    (void)out;
    if (s->output && (!s->seen || is_watchful(s)))
        psb_refresh(s, env, now);
    return s->output && is_watchful(s) ? now + regulating_period : NSEC_NEVER;
}

/* ---- The table ---- */

static int choose_model(struct psb *s, const struct ea_psb_model *m, struct diag *reterr)
{
    static const double usual[PSB_QUANTITIES] = {60.0, 60.0, 1200.0};
    const double chosen[PSB_QUANTITIES] = {m ? m->nominal_v : 0.0, m ? m->nominal_a : 0.0,
                                           m ? m->nominal_w : 0.0};
    const char *type = m && m->type ? m->type : "PSB 10060-60";

    for (int q = 0; q < PSB_QUANTITIES; q++) {
        if (!(chosen[q] >= 0.0 && chosen[q] < 1e6))
            return diag_add(reterr, E_RANGE, "a nominal value of ea-psb is positive");
        s->nominal[q] = chosen[q] > 0.0 ? chosen[q] : usual[q];
    }
    if (!str_copy(s->type, sizeof s->type, type))
        return diag_add(reterr, E_RANGE, "a device type has at most 39 characters");
    return 0;
}

static int psb_power_on(void *state, const struct emu_param *p, const struct emu_env *env, nsec now,
                        struct diag *reterr)
{
    static const uint16_t limits[LIMITS] = {
        [LIMIT_U_MAX] = PSB_SET_MAX,      [LIMIT_I_MAX] = PSB_SET_MAX,
        [LIMIT_P_MAX] = PSB_SET_MAX,      [LIMIT_SINK_P_MAX] = PSB_SET_MAX,
        [LIMIT_SINK_I_MAX] = PSB_SET_MAX,
    };
    struct psb *s = state;
    int rc = choose_model(s, p->model, reterr);

    if (rc != 0)
        return rc;
    if (p->n_ports < 1 || p->unit > 247)
        return diag_add(reterr, E_INVALID, "ea-psb needs one source port and an address of 0..247");
    if (!str_copy(s->serial, sizeof s->serial, p->serial ? p->serial : "2400260001"))
        return diag_add(reterr, E_RANGE, "a serial number has at most 39 characters");
    s->line = (struct modbus_slave){
        .tcp = p->tcp,
        .answers_zero = true,
        .unit = (uint8_t)p->unit,
        .max_words = MODBUS_READ_MAX,
        .functions = 1U << 1 | 1U << 3 | 1U << 5 | 1U << 6 | 1U << 16,
        .think = think,
    };
    s->own_unit = p->unit == 0 ? 1 : p->unit;
    s->port = p->ports[0];
    s->error = p->error;
    memcpy(s->limit, limits, sizeof(limits));
    for (int q = 0; q < PSB_QUANTITIES; q++)
        s->trip[q] = PSB_TRIP_MAX;
    psb_drive(s, env, now);
    return 0;
}

static void psb_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                      const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct psb *s = state;

    modbus_slave_bytes(&s->line, s, env, now, idle_ns, bytes, n, psb_get, psb_put, out);
}

static void psb_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct psb *s = state;

    if (f == FAULT_STUCK && on) {
        psb_refresh(s, env, now);
        memcpy(s->stuck, s->actual, sizeof(s->stuck));
        s->stuck_sink = s->sink;
    }
    s->faults = on ? s->faults | 1U << f : s->faults & ~(1U << f);
    if (f == FAULT_LOCAL) {
        s->panel_local = on;
        s->remote = s->remote && !on;
    }
    if (f == FAULT_ALARM && on) {
        s->alarms |= 1U << ALARM_OT;
        psb_output(s, env, now, false);
    } else if (f == FAULT_ALARM) {
        s->alarms &= ~(1U << ALARM_OT);
    }
}

static bool psb_energized(const void *state)
{
    const struct psb *s = state;

    return s->output && (s->set[SET_I] > 0 || s->set[SET_SINK_I] > 0);
}

static double psb_standing(const void *state)
{
    const struct psb *s = state;

    return psb_si(s, PSB_U, s->set[SET_U]);
}

_Static_assert(sizeof(struct psb) <= EMU_STATE_MAX, "state of the PSB");

extern const struct emu emu_ea_psb;
const struct emu emu_ea_psb = {
    .name = "ea-psb",
    .sheet = "ea-psb",
    .ports = {PORT_SOURCE},
    .n_ports = 1,
    .state_size = sizeof(struct psb),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_REFUSE |
              1U << FAULT_LOCAL | 1U << FAULT_REBOOT | 1U << FAULT_ALARM | 1U << FAULT_WRONG_MODEL,
    .boot_ms = 8000,
    .power_on = psb_power_on,
    .bytes = psb_bytes,
    .tick = psb_tick,
    .fault = psb_fault,
    .energized = psb_energized,
    .standing = psb_standing,
};
