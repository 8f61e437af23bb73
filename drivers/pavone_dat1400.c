/* drivers/pavone_dat1400.c - Pavone DAT 1400 load-cell transmitter, Modbus RTU.
 *
 * The instrument has neither a name nor a unit in its registers: identify compares its
 * calibration (1101..1105) with the bench file, and the bench says what a display division is.
 * Nothing is ever written to it.
 */
#include "drivers/driver.h"

#include "base/conf.h"
#include "drivers/wire/modbus.h"

#include <math.h>

enum {
    CH_FORCE,
    CH_STATUS,
    CH_COUNT
};

/* Register numbers minus one. */
enum {
    REG_STATUS = 0,
    REG_GROSS = 1,
    POLL_WORDS = 5,
    REG_DIVISION = 1100,
    CALIBRATION_WORDS = 7
};
enum {
    AT_DIVISION,
    AT_DECIMALS,
    AT_CAPACITY,
    AT_SENSITIVITY = 4
};

enum {
    BIT_UNDER = 1 << 4,
    BIT_OVER = 1 << 5,
    BIT_WRONG = 1 << 6
};

/* clang-format off */
static const struct chan channels[] = {
    [CH_FORCE] = {
        .name = "force", .kind = KIND_FORCE_N, .access = CHAN_READ, .min = -50e3, .max = 50e3,
        .accuracy_offset = 3e-4 * 5000 + 0.5, .noise_rms = 0.2, .resolution = 0.1, .polled = true,
    },
    [CH_STATUS] = {
        .name = "status", .kind = KIND_STATE, .access = CHAN_READ, .max = 65535, .resolution = 1,
        .polled = true,
    },
    {0},
};
/* clang-format on */

static const char *const unit_names[] = {"N", "kN", "kg", NULL};
static const double unit_n[] = {1, 1000, 9.80665};

struct pavone_param {
    double capacity_n;
    int32_t unit;        /* index into unit_names */
    int32_t decimals;    /* register 1102 */
    int32_t division;    /* register 1101 as it stands there; -1: not compared */
    int32_t sensitivity; /* register 1105 as it stands there; -1: not compared */
    const char *calibration;
};

static const struct pavone_param param_defaults = {
    .capacity_n = 5000, .decimals = 1, .division = -1, .sensitivity = -1, .calibration = ""};

static const struct conf_key param_keys[] = {
    {.name = "unit",
     .type = CONF_ENUM,
     .choices = unit_names,
     .offset = CONF_OFFSET(pavone_param, unit),
     .help = "what the display counts; the transmitter cannot tell"},
    {.name = "capacity",
     .type = CONF_QTY,
     .dims = {.m = 1, .kg = 1, .s = -2},
     .min = 1,
     .max = 50e3,
     .offset = CONF_OFFSET(pavone_param, capacity_n),
     .help = "of the load cell; compared with registers 1103, 1104"},
    {.name = "decimals",
     .type = CONF_INT,
     .min = 0,
     .max = 4,
     .offset = CONF_OFFSET(pavone_param, decimals),
     .help = "of the display; compared with register 1102"},
    {.name = "division",
     .type = CONF_INT,
     .min = -1,
     .max = 65535,
     .offset = CONF_OFFSET(pavone_param, division),
     .help = "register 1101 as it stands there; -1 or absent: not compared"},
    {.name = "sensitivity",
     .type = CONF_INT,
     .min = -1,
     .max = 65535,
     .offset = CONF_OFFSET(pavone_param, sensitivity),
     .help = "register 1105 as it stands there; -1 or absent: not compared"},
    {.name = "calibration",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(pavone_param, calibration),
     .help = "number of the certificate, kept with the run"},
    {0},
};

static const struct schema params = {
    .name = "pavone-dat1400",
    .about = "Pavone DAT 1400 load-cell transmitter",
    .keys = param_keys,
};

enum {
    TAG_CALIBRATION = 1,
    TAG_POLL
};

struct pavone_state {
    double division_n; /* newton per count, learnt at identify; 0: not yet */
    uint16_t alarms;   /* under- and overload already told */
};

static int pavone_setup(struct inst *inst, struct diag *reterr)
{
    const struct pavone_param *p = inst->param;
    struct chan *force = &inst->chans[CH_FORCE];

    if (inst->unit < 1 || inst->unit > 247)
        return diag_add(reterr, E_RANGE, "address of %s must be 1 to 247", inst->name);
    force->max = fmin(force->max, p->capacity_n);
    force->min = fmax(force->min, -p->capacity_n);
    force->accuracy_offset = 3e-4 * p->capacity_n + 0.5;
    force->resolution = unit_n[p->unit] * pow(10, -p->decimals);
    return 0;
}

/* Five are compared, seven are read: the poll reads five, and only the count tells two replies
 * apart. */
static int pavone_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    plan_modbus_read(ret_plan, inst, TAG_CALIBRATION, REG_DIVISION, CALIBRATION_WORDS);
    return 0;
}

/* Status and weights in one request, so that they belong together. */
static int pavone_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    plan_modbus_read(ret_plan, inst, TAG_POLL, REG_STATUS, POLL_WORDS);
    return 0;
}

static int32_t word_pair(const struct xfer *x, uint16_t at)
{
    return (int32_t)((uint32_t)modbus_word(x, at) << 16 | modbus_word(x, (uint16_t)(at + 1)));
}

static void say_wrong(struct outcome *out, const char *what, long has, long bench)
{
    driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, (double)has, "%s is %ld, bench says %ld", what,
                      has, bench);
}

static void absorb_calibration(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct pavone_param *p = inst->param;
    struct pavone_state *s = inst->state;
    long division = modbus_word(x, AT_DIVISION), decimals = modbus_word(x, AT_DECIMALS);
    long capacity = word_pair(x, AT_CAPACITY), sensitivity = modbus_word(x, AT_SENSITIVITY);
    double count_n = unit_n[p->unit] * pow(10, -p->decimals);
    long want = lround(p->capacity_n / count_n);

    if (decimals != p->decimals)
        say_wrong(out, "decimals (1102)", decimals, p->decimals);
    else if (capacity != want)
        say_wrong(out, "capacity in divisions (1103)", capacity, want);
    else if (p->division >= 0 && division != p->division)
        say_wrong(out, "division code (1101)", division, p->division);
    else if (p->sensitivity >= 0 && sensitivity != p->sensitivity)
        say_wrong(out, "sensitivity (1105)", sensitivity, p->sensitivity);
    if (out->n_notices > 0)
        return;
    s->division_n = count_n;
    driver_notice_fmt(out, NOTICE_IDENTIFIED, 0, 0,
                      "DAT 1400: division code %ld, decimals %ld, capacity %ld, sensitivity %ld",
                      division, decimals, capacity, sensitivity);
}

/* A cell that is off is no overload, whatever else the status says. */
static void see_overload(struct pavone_state *s, uint16_t status, struct outcome *out)
{
    uint16_t now = (status & BIT_WRONG) != 0 ? 0 : status & (BIT_UNDER | BIT_OVER);
    uint16_t new_ones = (uint16_t)(now & ~s->alarms);

    if ((new_ones & BIT_OVER) != 0)
        driver_notice(out, NOTICE_ALARM, CH_FORCE, BIT_OVER, "load cell overloaded");
    if ((new_ones & BIT_UNDER) != 0)
        driver_notice(out, NOTICE_ALARM, CH_FORCE, BIT_UNDER, "load cell underloaded");
    s->alarms = now;
}

static void absorb_weight(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct pavone_state *s = inst->state;
    uint16_t status = modbus_word(x, REG_STATUS);
    enum quality q = Q_OK;

    /* Before identify the size of a division is not known: no number is better than a wrong one. */
    if ((status & BIT_WRONG) != 0 || !(s->division_n > 0))
        q = Q_INVALID;
    else if ((status & (BIT_UNDER | BIT_OVER)) != 0)
        q = Q_OVER;
    driver_emit(out, CH_FORCE, word_pair(x, REG_GROSS) * s->division_n, q);
    driver_emit(out, CH_STATUS, status, Q_OK);
    see_overload(s, status, out);
}

/* Read-only: no energy, nothing to set, nothing to make safe. */
static int pavone_plan_set(const struct inst *inst, uint16_t chan, double value,
                           struct plan *ret_plan)
{
    (void)inst;
    (void)chan;
    (void)value;
    (void)ret_plan;
    return E_UNSUPPORTED;
}

static int pavone_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    (void)inst;
    (void)want;
    (void)ret_plan;
    return 0;
}

static int pavone_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    uint8_t exception;

    if (x->tag != TAG_CALIBRATION && x->tag != TAG_POLL)
        return E_NOT_MINE;
    if (x->outcome == XFER_REFUSED && x->tag == TAG_CALIBRATION)
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, x->refusal, "has no registers 1101 to 1107");
    if (x->outcome != XFER_REPLY)
        return 0;
    if (modbus_answers(x->tx, x->tx_len, x->rx, x->rx_len, &exception) != 0)
        return E_GARBLED;
    if (x->tag == TAG_CALIBRATION)
        absorb_calibration(inst, x, out);
    else
        absorb_weight(inst, x, out);
    return 0;
}

extern const struct driver driver_pavone_dat1400;
const struct driver driver_pavone_dat1400 = {
    .name = "pavone-dat1400",
    .title = "Pavone DAT 1400 load-cell transmitter",
    .role = "load cell",
    .status = DRIVER_EMULATED,
    .wire = WIRE_MODBUS,
    .baud = 9600,
    .timeout_ms = 1000,
    .gap_ms = 5,
    .late_ms = 1000,
    .chans = channels,
    .params = &params,
    .state_size = sizeof(struct pavone_state),
    .param_size = sizeof(struct pavone_param),
    .param_defaults = &param_defaults,
    .setup = pavone_setup,
    .plan_identify = pavone_plan_identify,
    .plan_poll = pavone_plan_poll,
    .plan_set = pavone_plan_set,
    .plan_safe = pavone_plan_safe,
    .absorb = pavone_absorb,
};
