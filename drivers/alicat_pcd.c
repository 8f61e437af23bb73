/* drivers/alicat_pcd.c - Alicat PC/PCD pressure controller with firmware 9v00 or newer, ASCII,
 * unit letter first.
 *
 * Gauge pressure in psi on the wire. Gauge and absolute differ by 1 bar, which a press
 * multiplies: identify refuses a unit whose loop variable, unit or full scale is not what the
 * bench file says.
 */
#include "drivers/driver.h"

#include "base/conf.h"
#include "base/str.h"
#include "drivers/wire/line.h"

#include <math.h>
#include <string.h>

enum {
    CH_PRESSURE,
    CH_SET,
    CH_COUNT
};

/* 1 psi exactly: 0.45359237 kg * 9.80665 m/s2 / (0.0254 m)2 */
#define PSI_PA 6894.757293168361

enum {
    UNIT_CODE_PSI = 10,
    STAT_GAUGE = 6,
    STAT_GAUGE_SET = 38
};
enum {
    SOURCE_EVERY = 8
}; /* polls between two looks at the set-point source */

/* clang-format off */
static const struct chan channels[] = {
    [CH_PRESSURE] = {
        .name = "pressure", .kind = KIND_PRESSURE_PA, .access = CHAN_READ, .min = -15 * PSI_PA,
        .max = 150 * PSI_PA, .accuracy_offset = 0.0025 * 150 * PSI_PA, .noise_rms = 0.01 * PSI_PA,
        .resolution = 0.01 * PSI_PA, .polled = true,
    },
    [CH_SET] = {
        .name = "pressure_set", .kind = KIND_PRESSURE_PA, .access = CHAN_READ_SET, .min = 0,
        .max = 150 * PSI_PA, .resolution = 0.01 * PSI_PA, .polled = true, .safety = true,
    },
    {0},
};
/* clang-format on */

struct alicat_param {
    const char *full_scale;
};

static const struct alicat_param param_defaults = {.full_scale = "150 psi gauge"};

static const struct conf_key param_keys[] = {
    {.name = "full_scale",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(alicat_param, full_scale),
     .help = "largest pressure with unit and frame, \"150 psi gauge\"; compared with the unit"},
    {0},
};

static const struct schema params = {
    .name = "alicat-pcd",
    .about = "Alicat pressure controller",
    .keys = param_keys,
};

enum {
    TAG_VE = 1, /* identify: VE, LV, FPF, LSS, LS */
    TAG_LV,
    TAG_FPF,
    TAG_SOURCE,
    TAG_LS,
    TAG_FRAME,
    TAG_POLL_SOURCE,
    TAG_SET, /* LS with a value, and the frame that proves it */
    TAG_BACK,
    TAG_SAFE_SOURCE,
    TAG_SAFE,
    TAG_SAFE_BACK,
};

/* Conditions that a frame may carry. */
enum {
    WORD_ADC = 1,  /* converter fault: the reading means nothing */
    WORD_POV = 2,  /* pressure over range */
    WORD_OPL = 4,  /* over-pressure limit has acted */
    WORD_HOLD = 8, /* valve held or exhausting: the loop is open */
    WORD_OTHER = 16,
};
static const struct {
    char word[4];
    uint8_t bit;
} words[] = {
    {"ADC", WORD_ADC  },
    {"POV", WORD_POV  },
    {"OPL", WORD_OPL  },
    {"HLD", WORD_HOLD },
    {"EXH", WORD_HOLD },
    {"LCK", WORD_OTHER},
    {"MOV", WORD_OTHER},
    {"OVR", WORD_OTHER},
    {"TMF", WORD_OTHER},
    {"TOV", WORD_OTHER},
    {"VOV", WORD_OTHER},
    {"P2O", WORD_OTHER},
    {"COM", WORD_OTHER},
    {"GTA", WORD_OTHER},
};

struct alicat_state {
    bool set_known;
    bool foreign;   /* set-point source is not serial: said once */
    uint8_t words;  /* conditions already reported */
    uint8_t polls;  /* since the source was asked for */
    double set_psi; /* what it was told, or held at identify */
    char version[32];
};

/* ---- Words and numbers ---- */

/* "150 psi gauge" into psi. */
static int full_scale_psi(const char *text, double *ret_psi, struct diag *reterr)
{
    const char *rest = text;
    const char *unit = "", *frame = "";
    size_t n_unit = 0, n_frame = 0;
    double psi;

    if (line_number(&rest, ' ', &psi) != 0 || !line_field(&rest, ' ', &unit, &n_unit) ||
        n_unit != 3 || memcmp(unit, "psi", 3) != 0)
        return diag_add(reterr, E_UNIT, "full_scale is \"%s\", expected as \"150 psi gauge\"",
                        text);
    if (!line_field(&rest, ' ', &frame, &n_frame) || n_frame != 5 ||
        memcmp(frame, "gauge", 5) != 0 || *rest != '\0')
        return diag_add(reterr, E_UNSUPPORTED,
                        "full_scale is \"%s\": only gauge controllers are driven", text);
    if (!(psi > 0 && psi <= 150))
        return diag_add(reterr, E_RANGE, "full_scale is \"%s\", known up to 150 psi", text);
    *ret_psi = psi;
    return 0;
}

static const char *text_of(const struct xfer *x)
{
    return (const char *)x->rx;
}

/* Past the unit letter and the blanks behind it. */
static int own_text(const struct inst *inst, const struct xfer *x, const char **ret_rest)
{
    const char *text = text_of(x);

    if (x->rx_len < 3 || (unsigned char)text[0] != inst->unit || text[1] != ' ')
        return E_GARBLED;
    for (text++; *text == ' '; text++)
        ;
    *ret_rest = text;
    return 0;
}

/* "?" with or without the letter: it does not want to. */
static bool is_refusal(const struct inst *inst, const struct xfer *x)
{
    const char *text = text_of(x);

    if ((unsigned char)text[0] == inst->unit)
        text++;
    while (*text == ' ')
        text++;
    return text[0] == '?' && text[1] == '\0';
}

static uint8_t word_bit(const char *word, size_t n)
{
    for (size_t i = 0; n == 3 && i < ARRAY_LEN(words); i++)
        if (memcmp(words[i].word, word, 3) == 0)
            return words[i].bit;
    return 0;
}

static struct xfer *plan_letter(const struct inst *inst, struct plan *plan, uint16_t tag,
                                const char *command)
{
    return plan_line(plan, tag, "%c%s", (int)inst->unit, command);
}

static struct xfer *plan_frame(const struct inst *inst, struct plan *plan, uint16_t tag)
{
    struct xfer *x = plan_add(plan, tag);

    if (x != NULL) {
        x->tx[0] = (uint8_t)inst->unit;
        x->tx_len = 1;
    }
    return x;
}

/* ---- Identify ---- */

static int alicat_setup(struct inst *inst, struct diag *reterr)
{
    const struct alicat_param *p = inst->param;
    double psi;
    int r = full_scale_psi(p->full_scale, &psi, reterr);

    if (r != 0)
        return r;
    if (inst->unit < 'A' || inst->unit > 'Z')
        return diag_add(reterr, E_INVALID, "address of %s must be a letter A to Z", inst->name);
    inst->chans[CH_PRESSURE].max = fmin(inst->chans[CH_PRESSURE].max, psi * PSI_PA);
    inst->chans[CH_PRESSURE].accuracy_offset = 0.0025 * psi * PSI_PA;
    inst->chans[CH_SET].max = fmin(inst->chans[CH_SET].max, psi * PSI_PA);
    return 0;
}

static int alicat_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    plan_letter(inst, ret_plan, TAG_VE, "VE");
    return 0;
}

/* "A   10v20.0-R24 Jan  9 2025,15:04:07" */
static int absorb_version(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    const char *text, *field, *v;
    size_t n;
    int64_t major;

    if (own_text(inst, x, &text) != 0 || !line_field(&text, ' ', &field, &n))
        return E_GARBLED;
    v = memchr(field, 'v', n);
    if (v == NULL || str_to_int(field, (size_t)(v - field), &major) != 0) {
        if (!str_starts(field, "GP"))
            return E_GARBLED;
        major = 0;
    }
    if (major < 9) { /* no LS: a set-point could not be proven */
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, "firmware older than 9v00");
        return 0;
    }
    memcpy(s->version, field, n < sizeof(s->version) ? n : sizeof(s->version) - 1);
    s->version[n < sizeof(s->version) ? n : sizeof(s->version) - 1] = '\0';
    plan_letter(inst, out->plan, TAG_LV, "LV");
    return 0;
}

/* "A 38": what the loop controls. */
static int absorb_loop(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const char *text;
    int64_t stat;

    if (own_text(inst, x, &text) != 0 || str_to_int(text, strlen(text), &stat) != 0)
        return E_GARBLED;
    if (stat != STAT_GAUGE_SET) {
        driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, (double)stat,
                          "controls statistic %d (34 absolute, 39 differential), "
                          "bench says gauge (38)",
                          (int)stat);
        return 0;
    }
    plan_line(out->plan, TAG_FPF, "%cFPF %d", (int)inst->unit, STAT_GAUGE);
    return 0;
}

/* "A +150.00 10 PSIG": full scale, unit code, unit. */
static int absorb_full_scale(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct alicat_param *p = inst->param;
    const char *text;
    double full, code, want = 0;

    if (own_text(inst, x, &text) != 0 || line_number(&text, ' ', &full) != 0 ||
        line_number(&text, ' ', &code) != 0 || *text == '\0')
        return E_GARBLED;
    (void)full_scale_psi(p->full_scale, &want, NULL);
    if (lround(code) != UNIT_CODE_PSI || fabs(full - want) > 0.005) {
        driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, full, "full scale is %s, bench says %s",
                          text_of(x) + 2, p->full_scale);
        return 0;
    }
    plan_letter(inst, out->plan, TAG_SOURCE, "LSS");
    return 0;
}

/* "A S": who gives the set-point. */
static int parse_source(const struct inst *inst, const struct xfer *x, char *ret_source)
{
    const char *text;

    if (own_text(inst, x, &text) != 0 || text[1] != '\0' || strchr("SAU", text[0]) == NULL ||
        text[0] == '\0')
        return E_GARBLED;
    *ret_source = text[0];
    return 0;
}

static int absorb_source(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    char source;

    if (parse_source(inst, x, &source) != 0)
        return E_GARBLED;
    /* The right unit all the same: a wrong one would never be made safe, and plan_safe takes the source back. */
    if (source != 'S' && !s->foreign)
        driver_notice(out, NOTICE_LOCAL, CH_SET, s->set_psi * PSI_PA,
                      source == 'A' ? "set-point source is analog (LSS A), must be LSS S"
                                    : "set-point source is the panel (LSS U), must be LSS S");
    s->foreign = source != 'S';
    s->polls = 0;
    if (x->tag == TAG_SOURCE)
        plan_letter(inst, out->plan, TAG_LS, "LS");
    return 0;
}

/* The safe sequence takes the set-point back from whoever has it. */
static int absorb_safe_source(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    char source;

    if (is_refusal(inst, x)) {
        driver_notice(out, NOTICE_SET_REFUSED, CH_SET, 0, "set-point source rejected with ?");
        return 0;
    }
    if (parse_source(inst, x, &source) != 0 || source != 'S')
        return E_GARBLED;
    s->foreign = false;
    return 0;
}

/* ---- Set-point ---- */

/* The set-point is not the one it was told. LS values are volatile: zero is what a restart
 * leaves. */
static void see_set(struct inst *inst, double psi, struct outcome *out)
{
    struct alicat_state *s = inst->state;

    if (s->set_known && fabs(psi - s->set_psi) > 0.0051) {
        if (fabs(psi) < 0.005)
            driver_notice(out, NOTICE_REBOOTED, CH_SET, psi * PSI_PA,
                          "set-point is back at its power-on value 0");
        else
            driver_notice(out, NOTICE_LOCAL, CH_SET, psi * PSI_PA,
                          "set-point changed at the panel");
    }
    s->set_psi = psi;
    s->set_known = true;
}

/* "A +093.10 +093.10 10 PSIG": at present, requested, unit code, unit. */
static int parse_requested(const struct inst *inst, const struct xfer *x, double *ret_psi)
{
    const char *text;
    double now, requested, code;

    if (own_text(inst, x, &text) != 0 || line_number(&text, ' ', &now) != 0 ||
        line_number(&text, ' ', &requested) != 0 || line_number(&text, ' ', &code) != 0 ||
        lround(code) != UNIT_CODE_PSI || !str_starts(text, "PSI"))
        return E_GARBLED;
    *ret_psi = requested;
    return 0;
}

/* The acknowledgement repeats what it heard; what it does is in the next frame. */
static void absorb_acknowledged(struct inst *inst, const struct xfer *x, double psi,
                                struct outcome *out)
{
    struct alicat_state *s = inst->state;
    struct xfer *back;

    if (!chan_agrees(&inst->chans[CH_SET], x->want, psi * PSI_PA)) {
        s->set_psi = psi;
        s->set_known = true;
        driver_set_result(out, inst, x, psi * PSI_PA);
        return;
    }
    back = plan_frame(inst, out->plan, TAG_BACK);
    if (back != NULL) {
        back->chan = x->chan;
        back->want = x->want;
    }
}

static int absorb_requested(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    double psi;

    if (x->tag != TAG_LS && is_refusal(inst, x)) {
        driver_notice(out, NOTICE_SET_REFUSED, CH_SET, x->want, "set-point rejected with ?");
        return 0;
    }
    if (parse_requested(inst, x, &psi) != 0)
        return E_GARBLED;
    if (x->tag == TAG_SAFE && fabs(psi) > 0.005)
        return E_GARBLED; /* not the answer to a 0, however late */
    if (x->tag == TAG_SAFE)
        return 0;
    if (x->tag == TAG_SET) {
        absorb_acknowledged(inst, x, psi, out);
        return 0;
    }
    driver_notice_fmt(out, NOTICE_IDENTIFIED, 0, 0, "Alicat PCD unit %c, firmware %s",
                      (int)inst->unit, s->version);
    /* A set that is being tried again may explain what identify finds: only the next frame
     * judges it. */
    if (!s->set_known) {
        s->set_psi = psi;
        s->set_known = true;
    }
    driver_emit(out, CH_SET, psi * PSI_PA, Q_OK);
    return 0;
}

static struct xfer *plan_requested(const struct inst *inst, struct plan *plan, uint16_t tag,
                                   double psi)
{
    char number[32];

    (void)str_fixed(floor(psi * 100 + 0.5) / 100, 2, 0, false, false, number, sizeof(number));
    return plan_line(plan, tag, "%cLS %s", (int)inst->unit, number);
}

static int alicat_plan_set(const struct inst *inst, uint16_t chan, double value,
                           struct plan *ret_plan)
{
    struct xfer *x;

    if (chan != CH_SET)
        return E_UNSUPPORTED;
    x = plan_requested(inst, ret_plan, TAG_SET, value / PSI_PA);
    if (x != NULL) {
        x->chan = chan;
        x->want = value;
    }
    return 0;
}

/* The dual valve vents at zero. Holding the valves closed would keep the pressure in. The source
 * first: a unit that listens to its panel acknowledges a set-point and does nothing. */
static int alicat_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    (void)want;
    plan_letter(inst, ret_plan, TAG_SAFE_SOURCE, "LSS S");
    plan_requested(inst, ret_plan, TAG_SAFE, 0);
    plan_frame(inst, ret_plan, TAG_SAFE_BACK);
    return 0;
}

/* ---- Poll ---- */

static int alicat_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    const struct alicat_state *s = inst->state;

    plan_frame(inst, ret_plan, TAG_FRAME);
    if (s->polls + 1 >= SOURCE_EVERY)
        plan_letter(inst, ret_plan, TAG_POLL_SOURCE, "LSS");
    return 0;
}

/* Each condition is told when it comes, not while it stays. */
static void see_words(struct inst *inst, uint8_t now, double pa, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    uint8_t new_ones = (uint8_t)(now & ~s->words);

    if ((new_ones & WORD_OPL) != 0)
        driver_notice(out, NOTICE_ALARM, CH_PRESSURE, WORD_OPL, "over-pressure limit (OPL)");
    if ((new_ones & WORD_HOLD) != 0)
        driver_notice(out, NOTICE_LOCAL, CH_PRESSURE, pa, "valve on hold or exhausting");
    s->words = now;
}

/* "A +014.70 +014.70 HLD": pressure, set-point, status words. */
static int absorb_frame(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    const char *text, *word;
    double psi, set_psi;
    uint8_t now = 0, bit;
    size_t n;

    if (own_text(inst, x, &text) != 0 || line_number(&text, ' ', &psi) != 0 ||
        line_number(&text, ' ', &set_psi) != 0)
        return E_GARBLED;
    while (line_field(&text, ' ', &word, &n)) {
        bit = word_bit(word, n);
        if (bit == 0)
            return E_GARBLED;
        now |= bit;
    }
    if (x->tag == TAG_SAFE_BACK && fabs(set_psi) > 0.005)
        return E_GARBLED; /* not what a 0 leaves, however late */
    driver_emit(out, CH_PRESSURE, psi * PSI_PA,
                (now & WORD_ADC) != 0   ? Q_INVALID
                : (now & WORD_POV) != 0 ? Q_OVER
                                        : Q_OK);
    driver_emit(out, CH_SET, set_psi * PSI_PA, Q_OK);
    see_words(inst, now, psi * PSI_PA, out);
    if (x->tag != TAG_FRAME) {
        s->set_psi = set_psi;
        s->set_known = true;
        if (x->tag == TAG_BACK)
            driver_set_result(out, inst, x, set_psi * PSI_PA);
        return 0;
    }
    see_set(inst, set_psi, out);
    s->polls = (uint8_t)(s->polls < SOURCE_EVERY ? s->polls + 1 : SOURCE_EVERY);
    return 0;
}

static int absorb_reply(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    switch (x->tag) {
    case TAG_VE: return absorb_version(inst, x, out);
    case TAG_LV: return absorb_loop(inst, x, out);
    case TAG_FPF: return absorb_full_scale(inst, x, out);
    case TAG_SOURCE:
    case TAG_POLL_SOURCE: return absorb_source(inst, x, out);
    case TAG_LS:
    case TAG_SET:
    case TAG_SAFE: return absorb_requested(inst, x, out);
    case TAG_FRAME:
    case TAG_BACK:
    case TAG_SAFE_BACK: return absorb_frame(inst, x, out);
    case TAG_SAFE_SOURCE: return absorb_safe_source(inst, x, out);
    default: return E_NOT_MINE;
    }
}

/* A set that was lost on the way may have been obeyed: the next frame's set-point is nobody's
 * hand. */
static int alicat_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct alicat_state *s = inst->state;
    int r = x->outcome == XFER_REPLY ? absorb_reply(inst, x, out) : 0;

    if ((x->outcome != XFER_REPLY || r != 0) && x->tag >= TAG_SET)
        s->set_known = false;
    return r;
}

extern const struct driver driver_alicat_pcd;
const struct driver driver_alicat_pcd = {
    .name = "alicat-pcd",
    .title = "Alicat PC/PCD pressure controller (gauge)",
    .role = "press regulator",
    .status = DRIVER_EMULATED,
    .wire = WIRE_LINE,
    .line_end = "\r",
    .baud = 19200,
    .timeout_ms = 1000,
    .gap_ms = 5,
    .late_ms = 1000,
    .chans = channels,
    .params = &params,
    .state_size = sizeof(struct alicat_state),
    .param_size = sizeof(struct alicat_param),
    .param_defaults = &param_defaults,
 /* clang-format off */
    .hazard = {
        "lost link: holds its last set-point",
        "power-up: set-point 0 unless one was saved in the unit; this driver saves none",
        "front panel: a set-point seen in the next frame, its source within eight polls",
        "off-state: set-point 0, a PCD vents through its second valve; a PC keeps the pressure in",
        "limits: full scale of the unit, nothing tighter inside it",
        "watchdog: none",
    },
  /* clang-format on */
    .setup = alicat_setup,
    .plan_identify = alicat_plan_identify,
    .plan_poll = alicat_plan_poll,
    .plan_set = alicat_plan_set,
    .plan_safe = alicat_plan_safe,
    .absorb = alicat_absorb,
};
