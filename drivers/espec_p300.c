/* drivers/espec_p300.c - ESPEC P-300 chamber controller: one ASCII line per request, one per
 * reply.
 *
 * MON? is the poll; every TEMP_EVERY polls TEMP? reads the standing set-point and limits too, so
 * that a hand at the panel is seen. Sets are proven by a read-back: OK: alone says only that the
 * line was understood.
 */
#include "drivers/driver.h"

#include "base/str.h"
#include "drivers/wire/line.h"

#include <math.h>
#include <string.h>

enum {
    CH_TEMPERATURE,
    CH_SET,
    CH_MODE,
    CH_ALARM,
    CH_HIGH,
    CH_LOW,
    CH_COUNT
};

enum {
    TEMP_EVERY = 5
};
enum {
    WRITE_MS = 10000,
    WRITE_GAP_MS = 300
}; /* MODE writes are slow (sheet: 10 s) */

static const char *const mode_names[] = {"off", "standby", "constant", "program", NULL};
static const char *const mode_words[] = {"OFF", "STANDBY", "CONSTANT", "RUN"};

/* A late reply costs 3 s of waiting and 3 s of quiet, hence stale_ms. -45 .. 155 degC; accuracy,
 * fluctuation and resolution are the sheet's unconfirmed figures. */
/* clang-format off */
static const struct chan channels[] = {
    [CH_TEMPERATURE] = {
        .name = "temperature", .kind = KIND_TEMPERATURE_K, .access = CHAN_READ, .min = 228.15,
        .max = 428.15, .accuracy_offset = 0.5, .noise_rms = 0.1, .resolution = 0.1,
        .stale_ms = 10000, .polled = true,
    },
    [CH_SET] = {
        .name = "temperature_set", .kind = KIND_TEMPERATURE_K, .access = CHAN_READ_SET,
        .min = 228.15, .max = 428.15, .resolution = 0.1, .stale_ms = 60000, .safety = true,
    },
    [CH_MODE] = {
        .name = "mode", .states = mode_names, .kind = KIND_STATE, .access = CHAN_READ_SET,
        .min = CHAMBER_OFF, .max = CHAMBER_PROGRAM, .resolution = 1, .stale_ms = 10000,
        .polled = true, .safety = true,
    },
    [CH_ALARM] = {
        .name = "alarm", .kind = KIND_STATE, .access = CHAN_READ, .max = 99, .resolution = 1,
        .stale_ms = 10000, .polled = true,
    },
    [CH_HIGH] = {
        .name = "limit_high", .kind = KIND_TEMPERATURE_K, .access = CHAN_READ_SET, .min = 228.15,
        .max = 428.15, .resolution = 0.1, .stale_ms = 60000, .safety = true,
    },
    [CH_LOW] = {
        .name = "limit_low", .kind = KIND_TEMPERATURE_K, .access = CHAN_READ_SET, .min = 228.15,
        .max = 428.15, .resolution = 0.1, .stale_ms = 60000, .safety = true,
    },
    {0},
};
/* clang-format on */

enum {
    TAG_TYPE = 1, /* identify: TYPE?, ROM?, MODE?, TEMP? */
    TAG_ROM,
    TAG_ID_MODE,
    TAG_ID_TEMP,
    TAG_MON,
    TAG_TEMP, /* every few polls, and when the mode fell */
    TAG_ALARM,
    TAG_SET_TEMP,  /* TEMP,S H L */
    TAG_BACK_TEMP, /* TEMP? after it */
    TAG_SET_MODE,
    TAG_BACK_MODE,
    TAG_SAFE,
    TAG_SAFE_BACK,
};

/* All known to be so by a reply since the last identify. */
struct espec_state {
    bool mode_known, temp_known;
    bool fell;                       /* the mode fell unasked; the next TEMP? says why */
    uint8_t mode;                    /* enum chamber_mode */
    uint8_t since_temp;              /* polls since TEMP? */
    uint16_t alarms;                 /* last count */
    int16_t set_dk, high_dk, low_dk; /* tenths of a degree Celsius, as on the wire */
    char version[24];
};

/* ---- Words and numbers ---- */

static int16_t tenths(double k)
{
    return (int16_t)lround((k - 273.15) * 10.0);
}

static double kelvin(int16_t dk)
{
    return 273.15 + dk / 10.0;
}

static const char *text_of(const struct xfer *x)
{
    return (const char *)x->rx;
}

/* On RS-485 each command begins with the address. The argument is the end of the command. */
static struct xfer *plan_command(const struct inst *inst, struct plan *plan, uint16_t tag,
                                 const char *command, const char *argument)
{
    if (inst->addressed)
        return plan_line(plan, tag, "%u,%s%s", (unsigned)inst->unit, command, argument);
    return plan_line(plan, tag, "%s%s", command, argument);
}

static int mode_of(const char *word, size_t n)
{
    for (int i = 0; i < (int)ARRAY_LEN(mode_words); i++)
        if (strlen(mode_words[i]) == n && memcmp(mode_words[i], word, n) == 0)
            return i;
    return E_GARBLED;
}

/* "OK:" and the command as it was sent; blanks may have come in. */
static bool is_echo(const struct xfer *x)
{
    const char *got = text_of(x);
    size_t i = 0;

    if (!str_starts(got, "OK:"))
        return false;
    for (got += 3; *got != '\0'; got++) {
        if (*got == ' ')
            continue;
        if (i >= x->tx_len || (uint8_t)*got != x->tx[i])
            return false;
        i++;
    }
    return i == x->tx_len;
}

/* n numbers between commas and nothing else. */
static int numbers(const char *text, double *ret, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (line_number(&text, ',', &ret[i]) != 0)
            return E_GARBLED;
    return *text == '\0' ? 0 : E_GARBLED;
}

/* ---- Identify ---- */

/* Letters first: no reply to a poll or a set begins with "T,". */
static int espec_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    plan_command(inst, ret_plan, TAG_TYPE, "TYPE?", "");
    return 0;
}

/* "T,P300,150.0", or with a humidity sensor "T,T,P300,150.0". */
static int absorb_type(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const char *rest = text_of(x);
    const char *field, *controller;
    size_t n, n_controller;
    double most;

    if (!line_field(&rest, ',', &field, &n) || n != 1 || field[0] != 'T')
        return E_GARBLED;
    if (!line_field(&rest, ',', &controller, &n_controller))
        return E_GARBLED;
    if (n_controller == 1 && !line_field(&rest, ',', &controller, &n_controller))
        return E_GARBLED;
    if (n_controller == 0 || line_number(&rest, ',', &most) != 0 || *rest != '\0')
        return E_GARBLED;
    if ((n_controller == 4 && memcmp(controller, "P300", 4) == 0) ||
        (n_controller == 5 && memcmp(controller, "P-300", 5) == 0)) {
        plan_command(inst, out->plan, TAG_ROM, "ROM?", "");
        return 0;
    }
    driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, text_of(x));
    return 0;
}

static int absorb_rom(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    const char *text = text_of(x);

    /* A version is letters and digits, no list and no OK: or NA: */
    if (text[0] == '\0' || strpbrk(text, ",:") != NULL)
        return E_GARBLED;
    (void)str_copy(s->version, sizeof(s->version), text);
    plan_command(inst, out->plan, TAG_ID_MODE, "MODE?", "");
    return 0;
}

/* ---- What is seen ---- */

/* A mode that nobody here asked for. Alone it may be a hand or a power cut; TEMP? tells: a
 * restart forgets. With an alarm the alarm is the reason. */
static void see_mode(struct inst *inst, uint8_t mode, bool alarm, struct outcome *out)
{
    struct espec_state *s = inst->state;

    if (s->mode_known && mode != s->mode && !alarm) {
        if (s->mode >= CHAMBER_CONSTANT && mode <= CHAMBER_STANDBY) {
            s->fell = true;
            plan_command(inst, out->plan, TAG_TEMP, "TEMP?", "");
        } else {
            driver_notice(out, NOTICE_LOCAL, CH_MODE, mode, "mode changed at the panel");
        }
    }
    s->mode = mode;
    s->mode_known = true;
}

struct espec_temp {
    double pv_k;
    int16_t set_dk, high_dk, low_dk;
};

static int parse_temp(const struct xfer *x, struct espec_temp *ret)
{
    double v[4];

    if (numbers(text_of(x), v, 4) != 0)
        return E_GARBLED;
    for (size_t i = 0; i < 4; i++)
        if (fabs(v[i]) > 999.9)
            return E_GARBLED;
    ret->pv_k = 273.15 + v[0];
    ret->set_dk = (int16_t)lround(v[1] * 10);
    ret->high_dk = (int16_t)lround(v[2] * 10);
    ret->low_dk = (int16_t)lround(v[3] * 10);
    return 0;
}

static bool temp_differs(const struct espec_state *s, const struct espec_temp *t)
{
    return s->temp_known &&
           (t->set_dk != s->set_dk || t->high_dk != s->high_dk || t->low_dk != s->low_dk);
}

static void keep_temp(struct espec_state *s, const struct espec_temp *t)
{
    s->temp_known = true;
    s->since_temp = 0;
    s->set_dk = t->set_dk;
    s->high_dk = t->high_dk;
    s->low_dk = t->low_dk;
}

static void emit_temp(const struct espec_temp *t, struct outcome *out)
{
    driver_emit(out, CH_SET, kelvin(t->set_dk), Q_OK);
    driver_emit(out, CH_HIGH, kelvin(t->high_dk), Q_OK);
    driver_emit(out, CH_LOW, kelvin(t->low_dk), Q_OK);
}

static int absorb_temp(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    struct espec_temp t;
    bool differs;

    if (parse_temp(x, &t) != 0)
        return E_GARBLED;
    differs = temp_differs(s, &t);
    if (s->fell && differs)
        driver_notice(out, NOTICE_REBOOTED, CH_MODE, s->mode, "stopped and forgot its set-points");
    else if (s->fell)
        driver_notice(out, NOTICE_LOCAL, CH_MODE, s->mode, "stopped at the panel");
    else if (differs)
        driver_notice(out, NOTICE_LOCAL, CH_SET, kelvin(t.set_dk),
                      "set-point or limit changed at the panel");
    s->fell = false;
    keep_temp(s, &t);
    emit_temp(&t, out);
    return 0;
}

static int absorb_id_mode(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    int mode = mode_of(text_of(x), x->rx_len);

    if (mode < 0)
        return E_GARBLED;
    /* A set that is being tried again may explain what identify finds: only the next poll judges
     * it. */
    if (!s->mode_known) {
        s->mode = (uint8_t)mode;
        s->mode_known = true;
    }
    driver_emit(out, CH_MODE, mode, Q_OK);
    plan_command(inst, out->plan, TAG_ID_TEMP, "TEMP?", "");
    return 0;
}

static int absorb_id_temp(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    struct espec_temp t;

    if (parse_temp(x, &t) != 0)
        return E_GARBLED;
    if (!s->temp_known)
        keep_temp(s, &t);
    s->since_temp = TEMP_EVERY;
    emit_temp(&t, out);
    driver_notice_fmt(out, NOTICE_IDENTIFIED, 0, 0, "ESPEC P-300, version %s", s->version);
    return 0;
}

/* ---- Poll ---- */

static int espec_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    const struct espec_state *s = inst->state;

    plan_command(inst, ret_plan, TAG_MON, "MON?", "");
    if (!s->temp_known || s->since_temp + 1 >= TEMP_EVERY)
        plan_command(inst, ret_plan, TAG_TEMP, "TEMP?", "");
    return 0;
}

/* A text in the temperature's place ("----") and a number no chamber reaches are both a broken
 * sensor. */
static void emit_air(const char *field, size_t n, struct outcome *out)
{
    double c;

    if (str_to_double(field, n, &c) != 0)
        driver_emit(out, CH_TEMPERATURE, 0, Q_INVALID);
    else
        driver_emit(out, CH_TEMPERATURE, 273.15 + c, c > -100 && c < 250 ? Q_OK : Q_OVER);
}

/* "24.1,,CONSTANT,0": temperature, humidity (empty without), mode, number of alarms. */
static int absorb_mon(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    const char *rest = text_of(x);
    const char *air, *humidity, *word;
    size_t n_air, n_humidity, n_word;
    int64_t alarms;
    int mode;

    if (!line_field(&rest, ',', &air, &n_air) || !line_field(&rest, ',', &humidity, &n_humidity) ||
        !line_field(&rest, ',', &word, &n_word))
        return E_GARBLED;
    mode = mode_of(word, n_word);
    if (mode < 0 || str_to_int(rest, strlen(rest), &alarms) != 0 || alarms < 0 || alarms > 99 ||
        n_air > 6 || memchr(air, ':', n_air) != NULL)
        return E_GARBLED;
    emit_air(air, n_air, out);
    driver_emit(out, CH_MODE, mode, Q_OK);
    driver_emit(out, CH_ALARM, (double)alarms, Q_OK);
    see_mode(inst, (uint8_t)mode, alarms > 0, out);
    if (alarms > 0 && alarms != s->alarms)
        plan_command(inst, out->plan, TAG_ALARM, "ALARM?", "");
    s->alarms = (uint16_t)alarms;
    s->since_temp = (uint8_t)(s->since_temp < TEMP_EVERY ? s->since_temp + 1 : TEMP_EVERY);
    return 0;
}

/* "2,1,14": how many, then the codes. */
static int absorb_alarm(const struct xfer *x, struct outcome *out)
{
    const char *rest = text_of(x);
    double n, code = 0, first = 0;
    unsigned count = 0;

    if (line_number(&rest, ',', &n) != 0 || n < 0 || n > 99)
        return E_GARBLED;
    for (; *rest != '\0'; count++) {
        if (line_number(&rest, ',', &code) != 0)
            return E_GARBLED;
        if (count == 0)
            first = code;
    }
    if (count != (unsigned)n)
        return E_GARBLED;
    if (count > 0)
        driver_notice_fmt(out, NOTICE_ALARM, CH_ALARM, first, "chamber alarm, number and codes %s",
                          text_of(x));
    return 0;
}

/* ---- Sets ---- */

static int espec_plan_set(const struct inst *inst, uint16_t chan, double value,
                          struct plan *ret_plan)
{
    char number[32];
    struct xfer *x;

    switch (chan) {
    case CH_MODE:
        /* A program is started with its number at the panel; here only to be seen. */
        if (value > CHAMBER_CONSTANT + 0.5)
            return E_UNSUPPORTED;
        x = plan_command(inst, ret_plan, TAG_SET_MODE, "MODE,", mode_words[lround(value)]);
        if (x != NULL)
            x->timeout_ms = WRITE_MS;
        break;
    case CH_SET:
    case CH_HIGH:
    case CH_LOW:
        (void)str_fixed(tenths(value) / 10.0, 1, 0, false, false, number, sizeof(number));
        x = plan_command(inst, ret_plan, TAG_SET_TEMP,
                         chan == CH_SET    ? "TEMP,S"
                         : chan == CH_HIGH ? "TEMP,H"
                                           : "TEMP,L",
                         number);
        value = kelvin(tenths(value)); /* the wire's own step */
        break;
    default: return E_UNSUPPORTED;
    }
    if (x != NULL) {
        x->chan = chan;
        x->want = value;
        x->gap_ms = WRITE_GAP_MS;
    }
    return 0;
}

/* The read-back follows only an OK. */
static int absorb_set(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    bool is_mode = x->tag == TAG_SET_MODE;
    struct xfer *back;

    if (str_starts(text_of(x), "NA:")) {
        driver_notice(out, NOTICE_SET_REFUSED, x->chan, x->want, text_of(x));
        return 0;
    }
    if (!is_echo(x))
        return E_GARBLED;
    back = plan_command(inst, out->plan, is_mode ? TAG_BACK_MODE : TAG_BACK_TEMP,
                        is_mode ? "MODE?" : "TEMP?", "");
    if (back != NULL) {
        back->chan = x->chan;
        back->want = x->want;
    }
    return 0;
}

static int absorb_back_temp(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    struct espec_temp t;
    int16_t dk;

    if (parse_temp(x, &t) != 0)
        return E_GARBLED;
    dk = x->chan == CH_SET ? t.set_dk : x->chan == CH_HIGH ? t.high_dk : t.low_dk;
    driver_set_result(out, inst, x, kelvin(dk));
    keep_temp(s, &t);
    emit_temp(&t, out);
    return 0;
}

static int absorb_back_mode(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct espec_state *s = inst->state;
    int mode = mode_of(text_of(x), x->rx_len);

    if (mode < 0 || (x->tag == TAG_SAFE_BACK && mode != CHAMBER_OFF))
        return E_GARBLED;
    s->mode = (uint8_t)mode;
    s->mode_known = true;
    s->fell = false;
    if (x->tag == TAG_BACK_MODE)
        driver_set_result(out, inst, x, mode);
    driver_emit(out, CH_MODE, mode, Q_OK);
    return 0;
}

/* Heater and compressor off. Set-points stay: off is off whatever they are. */
static int espec_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    struct xfer *x = plan_command(inst, ret_plan, TAG_SAFE, "MODE,OFF", "");

    (void)want;
    if (x != NULL) {
        x->timeout_ms = WRITE_MS;
        x->gap_ms = WRITE_GAP_MS;
    }
    plan_command(inst, ret_plan, TAG_SAFE_BACK, "MODE?", "");
    return 0;
}

static int absorb_safe(const struct xfer *x, struct outcome *out)
{
    if (str_starts(text_of(x), "NA:"))
        driver_notice(out, NOTICE_SET_REFUSED, CH_MODE, CHAMBER_OFF, text_of(x));
    else if (!is_echo(x))
        return E_GARBLED;
    return 0;
}

static int absorb_reply(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    switch (x->tag) {
    case TAG_TYPE: return absorb_type(inst, x, out);
    case TAG_ROM: return absorb_rom(inst, x, out);
    case TAG_ID_MODE: return absorb_id_mode(inst, x, out);
    case TAG_ID_TEMP: return absorb_id_temp(inst, x, out);
    case TAG_MON: return absorb_mon(inst, x, out);
    case TAG_TEMP: return absorb_temp(inst, x, out);
    case TAG_ALARM: return absorb_alarm(x, out);
    case TAG_SET_TEMP:
    case TAG_SET_MODE: return absorb_set(inst, x, out);
    case TAG_BACK_TEMP: return absorb_back_temp(inst, x, out);
    case TAG_BACK_MODE:
    case TAG_SAFE_BACK: return absorb_back_mode(inst, x, out);
    case TAG_SAFE: return absorb_safe(x, out);
    default: return E_NOT_MINE;
    }
}

/* A set that was lost on the way may have been obeyed: what it was about is not known until it
 * is read again, and a difference is nobody's hand. */
static void forget(struct espec_state *s, uint16_t tag)
{
    if (tag == TAG_SET_TEMP || tag == TAG_BACK_TEMP)
        s->temp_known = false;
    else if (tag == TAG_SET_MODE || tag == TAG_BACK_MODE || tag == TAG_SAFE || tag == TAG_SAFE_BACK)
        s->mode_known = s->fell = false;
}

static int espec_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    int r = x->outcome == XFER_REPLY ? absorb_reply(inst, x, out) : 0;

    if (x->outcome != XFER_REPLY || r != 0)
        forget(inst->state, x->tag);
    return r;
}

extern const struct driver driver_espec_p300;
const struct driver driver_espec_p300 = {
    .name = "espec-p300",
    .title = "ESPEC P-300 chamber controller",
    .role = "chamber",
    .status = DRIVER_EMULATED,
    .wire = WIRE_LINE,
    .line_end = "\r\n",
    .baud = 9600,
    .timeout_ms = 3000,
    .set_ms = WRITE_MS,
    .gap_ms = 100,
    .late_ms = 3000,
    .chans = channels,
    .state_size = sizeof(struct espec_state),
 /* clang-format off */
    .hazard = {
        "lost link: goes on controlling at its last set-point",
        "power-up: as set at the panel (off, standby or going on); unconfirmed",
        "front panel: stays live; seen within five polls; data protection refuses every set",
        "off-state: heater and compressor off, the air drifts to the room",
        "limits: its own high and low alarm limits, set and read back when a run is armed",
        "watchdog: none",
    },
  /* clang-format on */
    .plan_identify = espec_plan_identify,
    .plan_poll = espec_plan_poll,
    .plan_set = espec_plan_set,
    .plan_safe = espec_plan_safe,
    .absorb = espec_absorb,
};
