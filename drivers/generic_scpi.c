/* drivers/generic_scpi.c - any instrument that speaks SCPI lines, its commands listed in the bench
 * file.
 *
 * A command that sets has no reply, so each set is: clear the error queue, the command, the error
 * queue, and a query that proves the value. `off` commands are the safe sequence; each is followed
 * by the query of its channel. The first request of all is *IDN?, whose reply (letters, commas) has
 * the shape of no number.
 */
#include "drivers/generic_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "drivers/wire/line.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    COMMAND_MAX = 200,
    OFFS_MAX = PLAN_XFERS_MAX / 2
};
enum {
    TAG_IDN = 1,
    TAG_CLEAR,
    TAG_SET,
    TAG_ERROR,
    TAG_CHECK,
    TAG_OFF = 0x100, /* and the index of the channel, as all that follow */
    TAG_OFF_CHECK = 0x200,
    TAG_STANDING = 0x300,
    TAG_GET = 0x400,
    TAG_INDEX = 0xFF
};

static const char *const type_names[] = {"number", "switch", NULL};

struct command {
    const char *get, *set, *check, *off;
    const char *unit; /* as it may stand behind a number */
    int32_t field;    /* of get's reply, from 1; 0: the whole reply */
    double scale, offset;
    double off_value;
};

struct scpi_param {
    const char *identity, *errors;
    const struct conf_node *channels;
    const struct command *command; /* made from the channels, same order */
    uint16_t n_off;
};

static const struct scpi_param param_defaults = {.identity = "", .errors = "SYST:ERR?"};

/* clang-format off */
static const struct conf_key param_keys[] = {
    {.name = "channels", .type = CONF_NODE, .required = true,
     .offset = CONF_OFFSET(scpi_param, channels),
     .help = "list of {name, get, set, ...}, or the name of a file that holds it"},
    {.name = "identity", .type = CONF_TEXT, .offset = CONF_OFFSET(scpi_param, identity),
     .help = "what the answer to *IDN? must contain; absent: anything"},
    {.name = "errors", .type = CONF_TEXT, .offset = CONF_OFFSET(scpi_param, errors),
     .help = "query of the error queue after each set: SYST:ERR? if absent; none: there is none"},
    {0},
};
/* clang-format on */

static const struct schema params = {
    .name = "generic-scpi",
    .about = "Any instrument that speaks SCPI lines, its commands listed in the bench file",
    .keys = param_keys,
};

struct channel_conf {
    struct generic_conf g;
    const char *get, *set, *check, *off;
    int32_t field, type;
    const struct conf_node *off_value;
};

/* clang-format off */
static const struct conf_key channel_keys[] = {
    GENERIC_KEYS(struct channel_conf),
    {.name = "get", .type = CONF_TEXT, .offset = CONF_OFFSET(channel_conf, get),
     .help = "query that reads it: \"MEAS:VOLT?\"; channels with the same one share a request"},
    {.name = "set", .type = CONF_TEXT, .offset = CONF_OFFSET(channel_conf, set),
     .help = "command that sets it, {} for the value: \"SOUR:VOLT {}\""},
    {.name = "check", .type = CONF_TEXT, .offset = CONF_OFFSET(channel_conf, check),
     .help = "query that proves what was set: \"SOUR:VOLT?\"; absent: get"},
    {.name = "off", .type = CONF_TEXT, .offset = CONF_OFFSET(channel_conf, off),
     .help = "command that makes it harmless: \"OUTP OFF\"; sent by every safe"},
    {.name = "off_value", .type = CONF_NODE, .offset = CONF_OFFSET(channel_conf, off_value),
     .help = "what check must answer then; 0 if absent"},
    {.name = "field", .type = CONF_INT, .min = 1, .max = 32,
     .offset = CONF_OFFSET(channel_conf, field),
     .help = "which number of get's reply, between commas, from 1; absent: the only one"},
    {.name = "type", .type = CONF_ENUM, .choices = type_names,
     .offset = CONF_OFFSET(channel_conf, type),
     .help = "number if absent, or switch (0, 1, ON, OFF)"},
    {0},
};
/* clang-format on */
static const struct schema channel_schema = {.name = "channels", .keys = channel_keys};

/* ---- From the bench file ---- */

static int say(const struct conf_node *entry, const char *key, const char *text, const char *hint,
               struct diag *reterr)
{
    diag_at(reterr, E_INVALID, generic_pos(entry, key), "%s", text);
    if (hint != NULL)
        diag_hint(reterr, "%s", hint);
    return E_INVALID;
}

/* A line that can be sent: printable, not too long, a query or not. */
static int check_command(const struct conf_node *entry, const char *key, const char *text,
                         bool query, struct diag *reterr)
{
    size_t n = text == NULL ? 1 : strlen(text);

    if (text == NULL)
        return 0;
    if (n == 0 || n > COMMAND_MAX)
        return say(entry, key, "a command of 1 to 200 characters is expected", NULL, reterr);
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] > 0x7E)
            return say(entry, key, "a command is printable ASCII", NULL, reterr);
    if ((strchr(text, '?') != NULL) != query)
        return say(entry, key,
                   query ? "a query has a question mark"
                         : "a query is given where a command is expected",
                   NULL, reterr);
    return 0;
}

static int check_texts(const struct conf_node *entry, const struct channel_conf *c,
                       struct diag *reterr)
{
    const char *braces = c->set == NULL ? NULL : strstr(c->set, "{}");
    int r;

    if (c->get == NULL && c->set == NULL && c->off == NULL)
        return say(entry, "name", "neither get nor set nor off", "get: \"MEAS:VOLT?\"", reterr);
    if ((r = check_command(entry, "get", c->get, true, reterr)) < 0 ||
        (r = check_command(entry, "set", c->set, false, reterr)) < 0 ||
        (r = check_command(entry, "check", c->check, true, reterr)) < 0 ||
        (r = check_command(entry, "off", c->off, false, reterr)) < 0)
        return r;
    if (c->set != NULL && (braces == NULL || strstr(braces + 2, "{}") != NULL))
        return say(entry, "set", "the place of the value is not marked, or twice",
                   "set: \"SOUR:VOLT {}\"", reterr);
    if ((c->set != NULL || c->off != NULL) && c->get == NULL && c->check == NULL)
        return say(entry, c->set != NULL ? "set" : "off", "what is set must be proven",
                   "check: a query that answers with what stands", reterr);
    if (c->field != 0 && c->get == NULL)
        return say(entry, "field", "field belongs to get", NULL, reterr);
    if (c->off_value != NULL && c->off == NULL)
        return say(entry, "off_value", "off_value belongs to off", NULL, reterr);
    return 0;
}

static int make_channel(const struct inst *inst, struct scpi_param *p,
                        const struct conf_node *entry, struct conf_doc *doc,
                        struct command *ret_command, struct chan *ret_chan, struct diag *reterr)
{
    struct channel_conf c = {.g.poll = true};
    struct command m = {.get = NULL};
    struct generic_unit unit;
    struct chan chan;
    int r = conf_apply(entry, &channel_schema, &c, doc, reterr);

    if (r == 0)
        r = check_texts(entry, &c, reterr);
    if (r == 0)
        r = generic_begin(inst, entry, &c.g, &chan, &unit, reterr);
    if (r < 0)
        return r;
    if (c.type == 1 && c.g.unit != NULL)
        return say(entry, "unit", "a switch has no unit", NULL, reterr);
    m = (struct command){c.get,   c.set,      c.check,     c.off, c.g.unit,
                         c.field, unit.scale, unit.offset, 0};
    chan.access = (enum chan_access)((c.set != NULL ? CHAN_SET : 0) |
                                     (c.get != NULL || c.set == NULL ? CHAN_READ : 0));
    chan.polled = c.g.poll && c.get != NULL;
    chan.kind = c.type == 1 ? KIND_SWITCH : chan.kind;
    chan.min = c.type == 1 ? 0 : -1e30;
    chan.max = c.type == 1 ? 1 : 1e30;
    chan.resolution = c.type == 1 ? 1 : 0;
    r = generic_finish(entry, &c.g, &chan, reterr);
    if (r == 0 && c.off_value != NULL)
        r = generic_value(c.off_value, &chan, &m.off_value, reterr);
    if (r < 0)
        return r;
    if (c.off != NULL && p->n_off++ == OFFS_MAX)
        return say(entry, "off", "too many channels with off", "eight at most", reterr);
    chan.safety = c.off != NULL && c.set != NULL;
    *ret_command = m;
    *ret_chan = chan;
    return 0;
}

static int scpi_make_chans(struct inst *inst, void *param, const struct conf_node *node,
                           struct conf_doc *doc, struct diag *reterr)
{
    struct scpi_param *p = param;
    const struct conf_node *list = generic_list(node, "channels", reterr);
    struct command *command;
    int r = 0;

    if (list == NULL)
        return E_INVALID;
    command = arena_alloc(&doc->arena, list->n * sizeof(*command));
    inst->n_chans = 0;
    p->n_off = 0;
    for (const struct conf_node *e = list->first; e != NULL; e = e->next) {
        int one = make_channel(inst, p, e, doc, &command[inst->n_chans],
                               &inst->chans[inst->n_chans], reterr);

        if (one == 0)
            inst->n_chans++;
        r = r < 0 ? r : one;
    }
    p->command = command;
    if (r == 0)
        r = check_command(node, "errors", strcmp(p->errors, "none") == 0 ? NULL : p->errors, true,
                          reterr);
    return r;
}

/* ---- Requests ---- */

static struct xfer *plan_text(struct plan *plan, uint16_t tag, const char *text)
{
    return plan_line(plan, tag, "%s", text);
}

static const struct command *command_of(const struct inst *inst, uint16_t chan)
{
    const struct scpi_param *p = inst->param;

    return &p->command[chan];
}

static const char *proof_of(const struct command *m)
{
    return m->check != NULL ? m->check : m->get;
}

static int scpi_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    (void)inst;
    plan_text(ret_plan, TAG_IDN, "*IDN?");
    return 0;
}

static bool shares_get(const struct inst *inst, uint16_t a, uint16_t b)
{
    return inst->chans[a].polled && inst->chans[b].polled &&
           strcmp(command_of(inst, a)->get, command_of(inst, b)->get) == 0;
}

/* Each query once, at the first channel that has it. */
static int scpi_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    for (uint16_t i = 0; i < inst->n_chans; i++) {
        uint16_t first = 0;

        while (first < i && !shares_get(inst, first, i))
            first++;
        if (inst->chans[i].polled && first == i)
            plan_text(ret_plan, (uint16_t)(TAG_GET + i), command_of(inst, i)->get);
    }
    return 0;
}

static void plan_command(const struct inst *inst, uint16_t chan, double value, struct plan *plan)
{
    const struct command *m = command_of(inst, chan);
    const char *braces = strstr(m->set, "{}");
    char number[24];
    struct xfer *x;

    if (inst->chans[chan].kind == KIND_SWITCH)
        (void)str_copy(number, sizeof(number), value > 0.5 ? "1" : "0");
    else
        (void)scpi_print((value - m->offset) / m->scale, number, sizeof(number));
    x = plan_line(plan, TAG_SET, "%.*s%s%s", (int)(braces - m->set), m->set, number, braces + 2);
    if (x != NULL) {
        x->no_reply = true;
        x->retry = RETRY_AFTER_READBACK;
    }
}

static int scpi_plan_set(const struct inst *inst, uint16_t chan, double value,
                         struct plan *ret_plan)
{
    const struct scpi_param *p = inst->param;
    bool errors = strcmp(p->errors, "none") != 0;
    uint16_t from = ret_plan->n;
    struct xfer *x;

    if (chan >= inst->n_chans || command_of(inst, chan)->set == NULL)
        return E_UNSUPPORTED;
    if (errors) {
        x = plan_text(ret_plan, TAG_CLEAR, "*CLS");
        if (x != NULL)
            x->no_reply = true;
    }
    plan_command(inst, chan, value, ret_plan);
    if (errors)
        plan_text(ret_plan, TAG_ERROR, p->errors);
    plan_text(ret_plan, TAG_CHECK, proof_of(command_of(inst, chan)));
    for (uint16_t i = from; i < ret_plan->n; i++) {
        ret_plan->x[i].chan = chan;
        ret_plan->x[i].want = value;
    }
    return 0;
}

static int scpi_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    (void)want;
    for (uint16_t i = 0; i < inst->n_chans; i++) {
        const struct command *m = command_of(inst, i);
        struct xfer *x;

        if (m->off == NULL)
            continue;
        x = plan_text(ret_plan, (uint16_t)(TAG_OFF + i), m->off);
        if (x != NULL)
            x->no_reply = true;
        plan_text(ret_plan, (uint16_t)(TAG_OFF_CHECK + i), proof_of(m));
    }
    return 0;
}

/* ---- Replies ---- */

/* "12.50", or "12.50 V" where V is the channel's own unit. */
static int number_with_unit(const char *text, size_t n, const char *unit, double *ret_value)
{
    size_t n_unit = unit == NULL ? 0 : strlen(unit);

    while (n > 0 && text[n - 1] == ' ')
        n--;
    if (n_unit > 0 && n > n_unit && memcmp(text + n - n_unit, unit, n_unit) == 0)
        n -= n_unit;
    return scpi_number(text, n, ret_value) == 0 ? 0 : E_GARBLED;
}

/* The channel's value in a reply: field 0 is all of it. NaN: not a number; infinity: over. */
static int value_in(const struct inst *inst, uint16_t chan, const struct xfer *x, int32_t field,
                    double *ret_value)
{
    const struct command *m = command_of(inst, chan);
    const char *rest = (const char *)x->rx;
    const char *text = rest;
    size_t left = x->rx_len, n = left;
    double v;
    bool on;

    for (int32_t i = 0; i < field; i++)
        if (!scpi_param(&rest, &left, &text, &n))
            return E_GARBLED;
    if (inst->chans[chan].kind == KIND_SWITCH) {
        if (scpi_bool(text, n, &on) != 0)
            return E_GARBLED;
        *ret_value = on;
        return 0;
    }
    if (number_with_unit(text, n, m->unit, &v) != 0)
        return E_GARBLED;
    *ret_value = v * m->scale + m->offset;
    return 0;
}

static int32_t proof_field(const struct command *m)
{
    return m->check != NULL ? 0 : m->field;
}

static void emit(struct outcome *out, uint16_t chan, double v)
{
    driver_emit(out, chan, v, isnan(v) ? Q_INVALID : isinf(v) ? Q_OVER : Q_OK);
}

static int absorb_get(const struct inst *inst, const struct xfer *x, struct outcome *out)
{
    uint16_t first = x->tag & TAG_INDEX;
    double v[CHANNELS_MAX];

    for (uint16_t i = first; i < inst->n_chans; i++)
        if (shares_get(inst, first, i) &&
            value_in(inst, i, x, command_of(inst, i)->field, &v[i]) != 0)
            return E_GARBLED;
    for (uint16_t i = first; i < inst->n_chans; i++)
        if (shares_get(inst, first, i))
            emit(out, i, v[i]);
    return 0;
}

/* The set channels as they stand, one after the other; then it is known. */
static void ask_standing(const struct inst *inst, uint16_t from, const char *idn,
                         struct outcome *out)
{
    for (uint16_t i = from; i < inst->n_chans && out->plan->n < PLAN_XFERS_MAX; i++)
        if ((inst->chans[i].access & CHAN_SET) != 0) {
            plan_text(out->plan, (uint16_t)(TAG_STANDING + i), proof_of(command_of(inst, i)));
            return;
        }
    driver_notice(out, NOTICE_IDENTIFIED, 0, 0, idn);
}

/* Maker, model, serial number, firmware: letters first, three commas at least. */
static int absorb_idn(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct scpi_param *p = inst->param;
    char *known = inst->state;
    const char *text = (const char *)x->rx;
    unsigned commas = 0;

    for (const char *c = text; *c != '\0'; c++)
        commas += *c == ',';
    if (!((text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z')) || commas < 3)
        return E_GARBLED;
    if (strstr(text, p->identity) == NULL) {
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, text);
        return 0;
    }
    (void)str_copy(known, NOTICE_TEXT_MAX, text);
    ask_standing(inst, 0, known, out);
    return 0;
}

static int absorb_standing(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    uint16_t chan = x->tag & TAG_INDEX;
    double v;

    if (value_in(inst, chan, x, proof_field(command_of(inst, chan)), &v) != 0)
        return E_GARBLED;
    emit(out, chan, v);
    ask_standing(inst, (uint16_t)(chan + 1), inst->state, out);
    return 0;
}

static int absorb_check(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    double v;

    if (value_in(inst, x->chan, x, proof_field(command_of(inst, x->chan)), &v) != 0)
        return E_GARBLED;
    driver_set_result(out, inst, x, v);
    return 0;
}

/* 0,"No error" or -222,"Data out of range". */
static int absorb_error(const struct xfer *x, struct outcome *out)
{
    const char *text = (const char *)x->rx;
    const char *comma = strchr(text, ',');
    int64_t code;

    if (comma == NULL)
        return E_GARBLED;
    if (text[0] == '+' && comma > text + 1)
        text++;
    if (str_to_int(text, (size_t)(comma - text), &code) != 0)
        return E_GARBLED;
    if (code != 0)
        driver_notice(out, NOTICE_SET_REFUSED, x->chan, x->want, text);
    return 0;
}

/* Anything but off is no proof, whatever it answers. */
static int absorb_off_check(struct inst *inst, const struct xfer *x)
{
    uint16_t chan = x->tag & TAG_INDEX;
    const struct command *m = command_of(inst, chan);
    double v;

    if (value_in(inst, chan, x, proof_field(m), &v) != 0 ||
        !chan_agrees(&inst->chans[chan], m->off_value, v))
        return E_GARBLED;
    return 0;
}

static int scpi_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    if (x->outcome != XFER_REPLY || x->no_reply)
        return 0;
    switch (x->tag) {
    case TAG_IDN: return absorb_idn(inst, x, out);
    case TAG_ERROR: return absorb_error(x, out);
    case TAG_CHECK: return absorb_check(inst, x, out);
    default: break;
    }
    if (x->tag >= TAG_GET)
        return absorb_get(inst, x, out);
    if (x->tag >= TAG_STANDING)
        return absorb_standing(inst, x, out);
    return x->tag >= TAG_OFF_CHECK ? absorb_off_check(inst, x) : E_NOT_MINE;
}

static const struct chan no_channels[] = {{0}};

extern const struct driver driver_generic_scpi;
const struct driver driver_generic_scpi = {
    .name = "generic-scpi",
    .title = "Any SCPI instrument, commands listed in the bench file",
    .status = DRIVER_EMULATED,
    .wire = WIRE_LINE,
    .line_end = "\n",
    .timeout_ms = 1000,
    .gap_ms = 5,
    .late_ms = 1000,
    .chans = no_channels,
    .params = &params,
    .state_size = NOTICE_TEXT_MAX,
    .param_size = sizeof(struct scpi_param),
    .param_defaults = &param_defaults,
    .hazard = GENERIC_HAZARD,
    .chans_key = "channels",
    .make_chans = scpi_make_chans,
    .plan_identify = scpi_plan_identify,
    .plan_poll = scpi_plan_poll,
    .plan_set = scpi_plan_set,
    .plan_safe = scpi_plan_safe,
    .absorb = scpi_absorb,
};
