/* drivers/keysight_daq970a.c - Keysight 34970A, 34972A and DAQ970A scanners: one scan a poll, all
 * values in one reply.
 *
 * Asking who it is changes nothing. The first poll after that sets the scan up (measurements before
 * the reading format, for CONF switches the channel numbers off), looks at its error queue and asks
 * what it will scan; only then it is read. Each value comes with its channel number: a scan that a
 * hand at the panel has changed is not mistaken for ours. Messages are answered in order and *IDN?
 * begins with a letter, so that a late scan is over before the next one is asked for.
 */
#include "drivers/keysight_daq970a_priv.h"

#include "base/conf.h"
#include "base/str.h"
#include "drivers/wire/line.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    SCAN_MS = 10000, /* of any scan, and for each of its channels: */
    SCAN_CHANNEL_MS = 500,
    ASK_MS = 5000 /* a scan that still runs is finished first */
};

enum {
    TAG_IDN = 1,
    TAG_FOUND,
    TAG_COMMAND,
    TAG_ERROR,
    TAG_PROOF,
    TAG_READ
};

/* How far it has come; each poll goes on from there. */
enum stage {
    STAGE_SET_UP,
    STAGE_PROVE,
    STAGE_READ
};

struct daq_state {
    uint8_t stage;
    bool complained; /* its no was passed on */
    char idn[NOTICE_TEXT_MAX];
};

static const struct daq_param param_defaults = {.serial = ""};

/* clang-format off */
static const struct conf_key param_keys[] = {
    {.name = "scan", .type = CONF_NODE, .required = true, .offset = CONF_OFFSET(daq_param, scan),
     .help = "list of {name, channel, measure, range, accuracy}, or a file with it; up to 12"},
    {.name = "serial", .type = CONF_TEXT, .offset = CONF_OFFSET(daq_param, serial),
     .help = "serial number, compared with the third field of *IDN?; absent: any"},
    {0},
};
/* clang-format on */

static const struct schema params = {
    .name = "keysight-daq970a",
    .about = "Keysight 34970A, 34972A and DAQ970A scanner",
    .keys = param_keys,
};

static const struct daq_row *row_of(const struct inst *inst, uint16_t chan)
{
    const struct daq_param *p = inst->param;

    return &p->row[chan];
}

/* The i-th of the scan. */
static uint16_t scanned(const struct inst *inst, uint16_t i)
{
    const struct daq_param *p = inst->param;

    return p->order[i];
}

/* ---- Requests ---- */

static void ask(struct plan *plan, uint16_t tag, const char *text)
{
    struct xfer *x = plan_line(plan, tag, "%s", text);

    if (x != NULL)
        x->timeout_ms = ASK_MS;
}

static void tell(struct plan *plan, const char *text)
{
    struct xfer *x = plan_line(plan, TAG_COMMAND, "%s", text);

    if (x != NULL)
        x->no_reply = true;
}

enum which {
    EVERY,
    THERMOCOUPLES,
    SAME_COMMAND
};

/* "(@101,107)" of those that are meant. Returns whether there are any. */
static bool put_list(const struct inst *inst, enum which which, const char *command, char *buf,
                     size_t size)
{
    size_t n = strlen(buf);
    bool any = false;
    int r;

    for (uint16_t i = 0; i < inst->n_chans; i++) {
        const struct daq_row *row = row_of(inst, scanned(inst, i));

        if ((which == THERMOCOUPLES && !row->thermocouple) ||
            (which == SAME_COMMAND && strcmp(row->command, command) != 0))
            continue;
        r = str_fmt(buf + n, size - n, "%s%u", any ? "," : "(@", (unsigned)row->number);
        ASSERT(r == 0);
        n += strlen(buf + n);
        any = true;
    }
    r = str_fmt(buf + n, size - n, "%s", any ? ")" : "");
    ASSERT(r == 0);
    return any;
}

/* Those of one command at its first channel. */
static void plan_measures(const struct inst *inst, struct plan *plan)
{
    char text[DAQ_COMMAND_MAX];

    for (uint16_t i = 0; i < inst->n_chans; i++) {
        const char *command = row_of(inst, scanned(inst, i))->command;
        uint16_t first = 0;
        int r;

        while (strcmp(row_of(inst, scanned(inst, first))->command, command) != 0)
            first++;
        if (first < i)
            continue;
        r = str_fmt(text, sizeof(text), "%s,", command);
        ASSERT(r == 0);
        (void)put_list(inst, SAME_COMMAND, command, text, sizeof(text));
        tell(plan, text);
    }
}

static void plan_set_up(const struct inst *inst, struct plan *plan)
{
    char text[DAQ_COMMAND_MAX] = "SENS:TEMP:TRAN:TC:RJUN:TYPE INT,";

    tell(plan, "*CLS");
    plan_measures(inst, plan);
    if (put_list(inst, THERMOCOUPLES, NULL, text, sizeof(text))) {
        size_t n = strlen(text);
        /* Unchecked, an open one reads as the terminals' temperature: a guard would see a cool
         * cell. */
        bool fits = str_copy(text + n, sizeof(text) - n, ";:SENS:TEMP:TRAN:TC:CHEC ON,");

        ASSERT(fits);
        (void)put_list(inst, THERMOCOUPLES, NULL, text, sizeof(text));
        tell(plan, text);
    }
    (void)str_copy(text, sizeof(text), "FORM:READ:CHAN ON;:TRIG:SOUR IMM;:TRIG:COUN 1;:ROUT:SCAN ");
    (void)put_list(inst, EVERY, NULL, text, sizeof(text));
    tell(plan, text);
    ask(plan, TAG_ERROR, "SYST:ERR?");
}

/* One line, read when it is whole: it takes as long as the scan. */
static void plan_read(const struct inst *inst, struct plan *plan)
{
    struct xfer *x = plan_line(plan, TAG_READ, "READ?");

    if (x != NULL)
        x->timeout_ms = SCAN_MS + SCAN_CHANNEL_MS * (uint32_t)inst->n_chans;
}

static void plan_stage(const struct inst *inst, struct plan *plan)
{
    const struct daq_state *s = inst->state;

    if (s->stage == STAGE_SET_UP)
        plan_set_up(inst, plan);
    else if (s->stage == STAGE_PROVE)
        ask(plan, TAG_PROOF, "ROUT:SCAN?");
    else
        plan_read(inst, plan);
}

/* The next one too, where the plan has room; else it is the next poll's. */
static void next_stage(struct inst *inst, enum stage stage, struct plan *plan)
{
    struct daq_state *s = inst->state;

    s->stage = (uint8_t)stage;
    if (plan->n < PLAN_XFERS_MAX)
        plan_stage(inst, plan);
}

static int daq_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    (void)inst;
    ask(ret_plan, TAG_IDN, "*IDN?");
    return 0;
}

static int daq_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    plan_stage(inst, ret_plan);
    return 0;
}

static int daq_plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *ret_plan)
{
    (void)inst;
    (void)chan;
    (void)value;
    (void)ret_plan;
    return E_UNSUPPORTED;
}

/* It carries no energy: going on measuring is the safest that it can do. */
static int daq_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    (void)inst;
    (void)want;
    (void)ret_plan;
    return 0;
}

/* ---- Who it is ---- */

static bool same(const char *text, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(text, word, n) == 0;
}

static int absorb_idn(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct daq_param *p = inst->param;
    struct daq_state *s = inst->state;
    const char *rest = (const char *)x->rx;
    const char *field[4];
    size_t n[4];

    if (!((rest[0] >= 'A' && rest[0] <= 'Z') || (rest[0] >= 'a' && rest[0] <= 'z')))
        return E_GARBLED;
    for (size_t i = 0; i < 4; i++)
        if (!line_field(&rest, ',', &field[i], &n[i]))
            return E_GARBLED;
    (void)str_copy(s->idn, sizeof(s->idn), (const char *)x->rx);
    if (!same(field[1], n[1], "34970A") && !same(field[1], n[1], "34972A") &&
        !same(field[1], n[1], "DAQ970A")) {
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, s->idn);
        return 0;
    }
    if (p->serial != NULL && p->serial[0] != '\0' && !same(field[2], n[2], p->serial)) {
        driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, 0, "serial number is %.*s, bench says %s",
                          (int)n[2], field[2], p->serial);
        return 0;
    }
    ask(out->plan, TAG_FOUND, "ROUT:SCAN?");
    return 0;
}

/* ---- What it will scan ---- */

/* A block: '#', how many digits, how many characters, "(@101,103:105)". */
static int block_of(const struct xfer *x, const char **ret, size_t *ret_n)
{
    const char *text = (const char *)x->rx;
    size_t digits = x->rx_len > 2 ? (size_t)(text[1] - '0') : 0;
    int64_t n;

    if (text[0] != '#' || digits < 1 || digits > 3 || x->rx_len < 2 + digits ||
        str_to_int(text + 2, digits, &n) != 0 || n < 3 || (size_t)n != x->rx_len - 2 - digits)
        return E_GARBLED;
    *ret = text + 2 + digits;
    *ret_n = (size_t)n;
    return (*ret)[0] == '(' && (*ret)[1] == '@' && (*ret)[n - 1] == ')' ? 0 : E_GARBLED;
}

/* Is it this number's turn? */
static bool comes_next(const struct inst *inst, int64_t number, uint16_t *at)
{
    bool yes = *at < inst->n_chans && row_of(inst, scanned(inst, *at))->number == number;

    *at = (uint16_t)(*at + 1);
    return yes;
}

/* "101" or "103:105". */
static int take_part(const struct inst *inst, const char *p, size_t n, uint16_t *at, bool *ours)
{
    const char *colon = memchr(p, ':', n);
    size_t n_first = colon == NULL ? n : (size_t)(colon - p);
    int64_t first, last;

    if (str_to_int(p, n_first, &first) != 0)
        return E_GARBLED;
    last = first;
    if (colon != NULL && str_to_int(colon + 1, n - n_first - 1, &last) != 0)
        return E_GARBLED;
    if (first < 101 || last < first || last > 399)
        return E_GARBLED;
    for (int64_t v = first; v <= last; v++)
        *ours = comes_next(inst, v, at) && *ours;
    return 0;
}

static int scan_of(const struct inst *inst, const struct xfer *x, bool *ret_ours)
{
    const char *p, *part;
    size_t n, n_part;
    uint16_t at = 0;
    bool ours = true;

    if (block_of(x, &p, &n) != 0)
        return E_GARBLED;
    p += 2;
    n -= 3;
    while (scpi_param(&p, &n, &part, &n_part))
        if (take_part(inst, part, n_part, &at, &ours) != 0)
            return E_GARBLED;
    *ret_ours = ours && at == inst->n_chans;
    return 0;
}

static void emit_all_invalid(const struct inst *inst, struct outcome *out)
{
    for (uint16_t i = 0; i < inst->n_chans; i++)
        driver_emit(out, i, 0, Q_INVALID);
}

/* At identify: what was set up ought to stand still. */
static int absorb_found(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct daq_state *s = inst->state;
    bool ours;

    if (scan_of(inst, x, &ours) != 0)
        return E_GARBLED;
    if (s->stage == STAGE_READ && !ours) {
        driver_notice(out, NOTICE_REBOOTED, 0, 0, "the scan list is no longer the bench's");
        s->stage = STAGE_SET_UP;
    }
    driver_notice(out, NOTICE_IDENTIFIED, 0, 0, s->idn);
    return 0;
}

/* Said once until it scans as it shall; each poll tries again. */
static void complain(struct inst *inst, double code, const char *why, struct outcome *out)
{
    struct daq_state *s = inst->state;

    emit_all_invalid(inst, out);
    if (!s->complained)
        driver_notice(out, NOTICE_ALARM, 0, code, why);
    s->complained = true;
    s->stage = STAGE_SET_UP;
}

static int absorb_error(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const char *text = (const char *)x->rx;
    const char *comma = strchr(text, ',');
    int64_t code;

    if (comma == NULL || comma[1] != '"')
        return E_GARBLED;
    if (text[0] == '+' && comma > text + 1)
        text++;
    if (str_to_int(text, (size_t)(comma - text), &code) != 0)
        return E_GARBLED;
    if (code != 0)
        complain(inst, (double)code, text, out);
    else
        next_stage(inst, STAGE_PROVE, out->plan);
    return 0;
}

static int absorb_proof(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    bool ours;

    if (scan_of(inst, x, &ours) != 0)
        return E_GARBLED;
    if (!ours)
        complain(inst, 0, "it will not scan what the bench says", out);
    else
        next_stage(inst, STAGE_READ, out->plan);
    return 0;
}

/* ---- Readings ---- */

static void emit(const struct inst *inst, uint16_t chan, double number, struct outcome *out)
{
    const struct daq_row *row = row_of(inst, chan);

    /* An open thermocouple reads as an overload. */
    if (isnan(number) || (isinf(number) && row->thermocouple))
        driver_emit(out, chan, 0, Q_INVALID);
    else if (isinf(number))
        driver_emit(out, chan, 0, Q_OVER);
    else
        driver_emit(out, chan, number * row->scale + row->offset, Q_OK);
}

/* "value,number,value,number". What is in it, and whether those are the scan's channels. */
static int readings_of(const struct inst *inst, const struct xfer *x, double *ret_value,
                       bool *ret_ours)
{
    const char *rest = (const char *)x->rx, *value, *number;
    size_t left = x->rx_len, n_value, n_number;
    uint16_t at = 0;
    bool ours = true;
    int64_t chan;
    double v;

    while (scpi_param(&rest, &left, &value, &n_value)) {
        if (!scpi_param(&rest, &left, &number, &n_number) || scpi_number(value, n_value, &v) != 0 ||
            str_to_int(number, n_number, &chan) != 0)
            return E_GARBLED;
        if (at < inst->n_chans)
            ret_value[at] = v;
        ours = comes_next(inst, chan, &at) && ours;
    }
    *ret_ours = ours && at == inst->n_chans;
    return at > 0 ? 0 : E_GARBLED;
}

static int absorb_read(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct daq_state *s = inst->state;
    double value[CHANNELS_MAX];
    bool ours;

    if (readings_of(inst, x, value, &ours) != 0) {
        s->stage = STAGE_SET_UP; /* the reading format may be another */
        return E_GARBLED;
    }
    if (!ours) {
        driver_notice(out, NOTICE_LOCAL, 0, 0, "the scan list was changed at the panel");
        emit_all_invalid(inst, out);
        s->stage = STAGE_SET_UP;
        return 0;
    }
    s->complained = false;
    for (uint16_t i = 0; i < inst->n_chans; i++)
        emit(inst, scanned(inst, i), value[i], out);
    return 0;
}

static int daq_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    if (x->outcome != XFER_REPLY || x->no_reply)
        return 0;
    switch (x->tag) {
    case TAG_IDN: return absorb_idn(inst, x, out);
    case TAG_FOUND: return absorb_found(inst, x, out);
    case TAG_ERROR: return absorb_error(inst, x, out);
    case TAG_PROOF: return absorb_proof(inst, x, out);
    case TAG_READ: return absorb_read(inst, x, out);
    default: return E_NOT_MINE;
    }
}

static const struct chan no_channels[] = {{0}};

extern const struct driver driver_keysight_daq970a;
const struct driver driver_keysight_daq970a = {
    .name = "keysight-daq970a",
    .title = "Keysight 34970A / 34972A / DAQ970A scanner",
    .role = "daq",
    .status = DRIVER_EMULATED,
    .wire = WIRE_LINE,
    .line_end = "\n",
    .baud = 9600,
    .timeout_ms = SCAN_MS + SCAN_CHANNEL_MS * DAQ_SCAN_MAX,
    .gap_ms = 5,
    .late_ms = 1000,
    .chans = no_channels,
    .params = &params,
    .state_size = sizeof(struct daq_state),
    .param_size = sizeof(struct daq_param),
    .param_defaults = &param_defaults,
    .chans_key = "scan",
    .make_chans = daq_make_chans,
    .plan_identify = daq_plan_identify,
    .plan_poll = daq_plan_poll,
    .plan_set = daq_plan_set,
    .plan_safe = daq_plan_safe,
    .absorb = daq_absorb,
};
