/* drivers/virtual/keysight_daq970a.c - Keysight DAQ970A and 34970A, a multimeter behind three
 * multiplexers of 20 channels, from the fact sheets keysight-34970a-daq970a and scpi-4882.
 *
 * It only senses. What its channels are wired to is in keysight_daq970a.h; without a model port 0
 * is a PORT_PROBE (volts) and port 1, if there is one, a PORT_SENSE (kelvin).
 *
 * Its traps: CONFigure and MEASure? make their channels the scan list and
 * switch off unit, time, channel and alarm; the scan goes in ascending order, however the list was
 * written; a thermocouple that is off reads about the terminal block's temperature unless
 * TRANsducer:TCouple:CHECk is on, and an open pair of leads about 0 V; R? and DATA:REMove? take
 * what they return out of memory, INITiate empties it; READ? of the 34970A leaves nothing there.
 *
 * Beyond the sheet, from the maker's published manuals: CONFigure's side effects, the fields of a
 * reading and their order, one-year accuracy of the 10 V range, noise at 1 cycle and below, 20 %
 * above a range, 30 pA and 10 Mohm, the thermocouple check (5 kohm, to be switched on), limits of
 * delay, interval and count, an external reference that reads overload until it is measured.
 *
 * Not confirmed, chosen here: accuracy of the other ranges and of the temperature sensors, the
 * resolutions, 17 ms for a relay, delays of 1 and 2 ms, an error queue of 20 (10 in the 34970A); 2
 * ms for a message; a channel takes relay, delay and integration, twice that with the internal
 * reference junction (10 thermocouples at one cycle: 1.2 s, of the sheet's 1 to 2); thermocouples
 * are straight lines through a terminal block at 24 degC; readings are of the instant at which a
 * channel's time ends; memory of 60 readings (the real one has
 * 100000), the newest stay; a reply beyond 1022 bytes is refused (-430); ascending order; *RST
 * state when power comes; *OPC?, *WAI, READ? and FETCh? hold up all that follows until the scan has
 * ended, or for ever (Ctrl-C clears), -214 where it could not end; a setting while a scan goes on
 * is +261; the texts of CONFigure? and SYSTem:CTYPe?, the numbers of the positive errors; a command
 * error ends its message, other errors do not. Alarm limits, scaling, other functions, *SAV, -410
 * and USBTMC are not built.
 */
#include "drivers/virtual/keysight_daq970a_priv.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

static const nsec think = 2 * NSEC_MS;
static const nsec wall_at_zero = 946684800 * NSEC_S; /* 2000-01-01 */

bool daq_has(const struct daq *d, enum emu_fault f)
{
    return (d->faults & 1U << f) != 0;
}

/* ---- Errors ---- */

void daq_error(struct daq *d, int code)
{
    int most = d->is_34970a ? 10 : ERRORS_MAX;

    d->esr |= code <= -400 ? 4U : code <= -300 || code > 0 ? 8U : code <= -200 ? 16U : 32U;
    d->command_failed = code <= -100 && code > -200;
    if (d->n_errors == most)
        d->errors[most - 1] = -350;
    else
        d->errors[d->n_errors++] = (int16_t)code;
}

const char *daq_error_text(int code)
{
    switch (code) {
    case 0: return "No error";
    case -102: return "Syntax error";
    case -104: return "Data type error";
    case -108: return "Parameter not allowed";
    case -109: return "Missing parameter";
    case -113: return "Undefined header";
    case -171: return "Invalid expression";
    case -211: return "Trigger ignored";
    case -213: return "Init ignored";
    case -214: return "Trigger deadlock";
    case -221: return "Settings conflict";
    case -222: return "Data out of range";
    case -224: return "Illegal parameter value";
    case -230: return "Data stale";
    case -350: return "Error queue overflow";
    case -363: return "Input buffer overrun";
    case -430: return "Query DEADLOCKED";
    case ERR_SLOT: return "Channel list: slot number out of range";
    case ERR_CHANNEL: return "Channel list: channel number out of range";
    case ERR_EMPTY: return "Channel list: empty scan list";
    case ERR_SCANNING: return "Not able to execute while scan initiated";
    case ERR_SINGLE: return "Not able to perform on more than one channel";
    case ERR_RESOLUTION: return "Not able to achieve requested resolution";
    default: return "Error";
    }
}

bool daq_obeys(struct call *c)
{
    if (daq_has(c->d, FAULT_REFUSE)) {
        daq_error(c->d, -221);
        return false;
    }
    return !daq_has(c->d, FAULT_SILENT_IGNORE);
}

/* ---- Numbers ---- */

/* a > 0 as digits * 10^(exponent - 8), digits with 9 places. */
static int64_t nine_digits(double a, int *ret_exponent)
{
    int e = (int)floor(log10(a));
    int64_t digits = llround(e <= 8 ? a * pow(10.0, 8 - e) : a / pow(10.0, e - 8));

    if (digits >= 1000000000) {
        digits /= 10;
        e++;
    } else if (digits < 100000000) {
        digits *= 10;
        e--;
    }
    *ret_exponent = e;
    return digits;
}

void daq_put_number(struct call *c, double v)
{
    double a = isinf(v) ? 9.9e37 : fabs(v);
    int e = 0;
    int64_t digits = a > 0.0 ? nine_digits(a, &e) : 0;
    char text[32];

    if (str_fmt(text, sizeof text, "%c%d.%08dE%c%02d", v < 0.0 ? '-' : '+',
                (int)(digits / 100000000), (int)(digits % 100000000), e < 0 ? '-' : '+',
                e < 0 ? -e : e) == 0)
        emu_put(&c->reply, text);
}

void daq_put_int(struct call *c, int64_t v)
{
    char text[24];

    if (str_fmt(text, sizeof text, "%+lld", (long long)v) == 0)
        emu_put(&c->reply, text);
}

bool daq_number(struct call *c, int i, double lo, double hi, double def, double *ret_v)
{
    double v;

    if (i >= c->n_params || c->param[i].n == 0) {
        daq_error(c->d, -109);
        return false;
    }
    if (scpi_match("MINimum", c->param[i].p, c->param[i].n)) {
        v = lo;
    } else if (scpi_match("MAXimum", c->param[i].p, c->param[i].n)) {
        v = hi;
    } else if (scpi_match("DEFault", c->param[i].p, c->param[i].n)) {
        v = def;
    } else if (scpi_number(c->param[i].p, c->param[i].n, &v) != 0) {
        daq_error(c->d, -104);
        return false;
    }
    if (!(v >= lo && v <= hi)) {
        daq_error(c->d, -222);
        return false;
    }
    *ret_v = v;
    return true;
}

bool daq_bool(struct call *c, int i, bool *ret_v)
{
    if (scpi_bool(c->param[i].p, c->param[i].n, ret_v) == 0)
        return true;
    daq_error(c->d, -104);
    return false;
}

int daq_word(struct call *c, int i, const char *const *words, int n_words)
{
    const char *p = c->param[i].p;
    size_t n = c->param[i].n;

    if (n >= 2 && (p[0] == '"' || p[0] == '\'')) {
        p++;
        n -= 2;
    }
    for (int k = 0; k < n_words; k++)
        if (scpi_match(words[k], p, n))
            return k;
    daq_error(c->d, -224);
    return -1;
}

/* ---- Units of a message ---- */

/* Parameters, the last of which may be a channel list. */
static bool params_split(struct call *c, const struct scpi_unit *unit)
{
    const char *params = unit->params;
    size_t n = unit->n_params;
    struct param p;

    c->n_params = c->n_list = 0;
    c->has_list = false;
    while (scpi_param(&params, &n, &p.p, &p.n)) {
        bool is_list = p.n > 0 && p.p[0] == '(';

        if (c->has_list || (!is_list && c->n_params == PARAMS_MAX)) {
            daq_error(c->d, -108);
            return false;
        }
        if (is_list) {
            if (!daq_list_read(c, &p))
                return false;
        } else {
            c->param[c->n_params++] = p;
        }
    }
    return true;
}

static void list_of_scan(struct call *c)
{
    for (int i = 0; i < CHANNELS; i++)
        if (c->d->scan >> i & 1U)
            c->list[c->n_list++] = (uint8_t)i;
}

/* Does the unit have what its command wants? */
static bool params_fit(struct call *c, const struct command *k)
{
    bool both = (k->can & BOTH) == BOTH;
    int least = c->query ? 0 : k->tell_least, most = c->query ? k->ask_most : k->tell_most;
    int code = 0;

    if (c->n_params > most || (c->has_list && k->list == LIST_NONE))
        code = -108;
    else if (c->n_params < least)
        code = -109;
    else if (k->list == LIST_MUST && !c->has_list && !(both && c->query))
        code = -109;
    for (int i = 0; code == 0 && i < c->n_params; i++)
        code = c->param[i].n == 0 ? -109 : 0;
    if (code == 0 && k->list == LIST_MAY && !c->has_list) {
        list_of_scan(c);
        code = c->n_list == 0 ? ERR_EMPTY : 0;
    }
    if (code == 0 && (k->can & STILL) && !c->query && c->d->scans)
        code = ERR_SCANNING;
    if (code != 0)
        daq_error(c->d, code);
    return code == 0;
}

/* false: a command error, which ends the message. */
static bool unit_serve(struct call *c, const struct scpi_unit *unit)
{
    size_t n = strlen(unit->header) - (unit->query ? 1 : 0), before = c->reply.n, start;
    const struct command *k = daq_command_find(unit->header, n);

    c->d->command_failed = false;
    c->query = unit->query;
    if (k == NULL || (k->can & (c->query ? ASK : TELL)) == 0) {
        daq_error(c->d, -113);
    } else if (params_split(c, unit) && params_fit(c, k)) {
        if (c->query && (before > 0 || c->d->has_sent))
            emu_put(&c->reply, ";");
        start = c->reply.n;
        k->run(c, k->which);
        if (c->reply.n == start)
            c->reply.n = before; /* no answer: no empty place for it */
    }
    return !c->d->command_failed;
}

/* ---- Messages ---- */

static void reply_leave(struct call *c, struct emu_out *out, bool ends)
{
    struct daq *d = c->d;

    if (ends && (c->reply.n > 0 || d->has_sent)) {
        const char *end = d->is_34970a ? "\r\n" : "\n";

        for (; *end != '\0'; end++)
            c->reply.text[c->reply.n++] = *end; /* emu_put keeps room for two */
    }
    if (c->reply.n > 0)
        emu_send(out, d->busy_until, c->reply.text, c->reply.n);
    d->has_sent = !ends && (d->has_sent || c->reply.n > 0);
    c->reply.n = 0;
}

/* Goes on with the message in the line reader, up to its end or to where it is held up. */
static void message_run(struct call *c, struct emu_out *out)
{
    struct daq *d = c->d;
    struct scpi_parser parser;
    struct scpi_unit unit;
    int got = 1;
    bool goes_on = true;

    scpi_begin(&parser, d->line.buf + d->resume);
    memcpy(parser.path, d->path, sizeof parser.path);
    while (goes_on && d->wait == WAIT_NONE && (got = scpi_next(&parser, &unit)) != 0) {
        if (got < 0)
            daq_error(d, -102);
        goes_on = got > 0 && unit_serve(c, &unit);
    }
    d->busy_until = (c->now > d->busy_until ? c->now : d->busy_until) + c->cost;
    if (d->wait != WAIT_NONE) {
        d->resume = (uint16_t)(parser.at - d->line.buf);
        memcpy(d->path, parser.path, sizeof d->path);
    }
    reply_leave(c, out, d->wait == WAIT_NONE);
}

static void call_begin(struct call *c, struct daq *d, const struct emu_env *env, nsec now)
{
    c->d = d;
    c->env = env;
    c->now = now;
    c->cost = think;
    c->reply.n = 0;
}

static void line_byte(struct daq *d, const struct emu_env *env, nsec now, uint8_t byte,
                      struct emu_out *out)
{
    if (line_take(&d->line, "\n", byte)) {
        struct call c;

        call_begin(&c, d, env, now);
        d->resume = 0;
        d->path[0] = '\0';
        message_run(&c, out);
    }
    if (d->line.overruns != d->overruns) {
        d->overruns = d->line.overruns;
        daq_error(d, -363);
    }
}

/* What came while a message was held up. */
static void pending_serve(struct daq *d, const struct emu_env *env, nsec now, struct emu_out *out)
{
    uint16_t n = 0;

    while (n < d->n_pending && d->wait == WAIT_NONE)
        line_byte(d, env, now, (uint8_t)d->pending[n++], out);
    d->n_pending = (uint16_t)(d->n_pending - n);
    memmove(d->pending, d->pending + n, d->n_pending);
}

/* The scan that a message waited for has ended. */
static void wake(struct daq *d, const struct emu_env *env, nsec now, struct emu_out *out)
{
    enum wait waited = (enum wait)d->wait;
    struct call c;
    size_t start;

    call_begin(&c, d, env, now);
    d->wait = WAIT_NONE;
    if (waited != WAIT_WAI && d->has_sent)
        emu_put(&c.reply, ";");
    start = c.reply.n;
    if (waited == WAIT_READ || waited == WAIT_FETCH)
        daq_put_kept(&c);
    else if (waited == WAIT_OPC)
        emu_put(&c.reply, "1");
    if (c.reply.n == start)
        c.reply.n = 0;
    message_run(&c, out);
    pending_serve(d, env, now, out);
}

/* Input, what is held up and its reply are gone; a scan that READ? began is not. */
static void device_clear(struct daq *d)
{
    memset(&d->line, 0, sizeof d->line);
    d->overruns = 0;
    d->wait = WAIT_NONE;
    d->has_sent = false;
    d->n_pending = 0;
}

static void daq_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                      const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct daq *d = state;

    (void)idle_ns;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == CLEAR_KEY) {
            device_clear(d);
        } else if (d->wait == WAIT_NONE) {
            line_byte(d, env, now, bytes[i], out);
        } else if (d->n_pending < PENDING_MAX) {
            d->pending[d->n_pending++] = (char)bytes[i];
        } else {
            daq_error(d, -363);
        }
    }
}

static nsec daq_tick(void *state, const struct emu_env *env, nsec now, struct emu_out *out)
{
    struct daq *d = state;

    while (daq_scan_step(d, env, now) && d->wait != WAIT_NONE)
        wake(d, env, now, out);
    return d->scans ? d->due : NSEC_NEVER;
}

/* ---- The table ---- */

static int wire_one(struct daq *d, const struct daq_wire *w, struct diag *reterr)
{
    int slot = w->channel / 100 - 1, at = w->channel % 100 - 1;
    const char *letter = strchr(daq_tc_letters, w->type != '\0' ? w->type : 'K');
    struct leads *l;

    if (slot < 0 || slot >= DAQ_SLOTS || at < 0 || at >= DAQ_PER_SLOT || d->no_module[slot])
        return diag_add(reterr, E_RANGE, "keysight-daq970a has no channel %u", w->channel);
    if (letter == NULL)
        return diag_add(reterr, E_INVALID, "channel %u: no thermocouple of type %c", w->channel,
                        w->type);
    l = &d->leads[slot * DAQ_PER_SLOT + at];
    l->sensor = (uint8_t)w->sensor;
    l->type = (uint8_t)(letter - daq_tc_letters);
    *(w->sensor == DAQ_LEADS ? &l->volt_port : &l->temp_port) = w->port;
    return 0;
}

static int wire_all(struct daq *d, const struct emu_param *p, struct diag *reterr)
{
    const struct keysight_daq970a_model *m = p->model;

    d->any_sensor = m == NULL || m->n_wires == 0;
    if (d->any_sensor && p->n_ports < 1)
        return diag_add(reterr, E_INVALID, "keysight-daq970a needs a port or a list of wires");
    for (int i = 0; i < CHANNELS; i++) {
        d->leads[i].volt_port = d->any_sensor ? p->ports[0] : PORT_NONE;
        d->leads[i].temp_port = d->any_sensor && p->n_ports > 1 ? p->ports[1] : PORT_NONE;
        d->last[i] = (double)NAN;
    }
    for (size_t i = 0; m != NULL && i < m->n_wires; i++) {
        int rc = wire_one(d, &m->wire[i], reterr);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int daq_power_on(void *state, const struct emu_param *p, const struct emu_env *env, nsec now,
                        struct diag *reterr)
{
    const struct keysight_daq970a_model *m = p->model;
    struct daq *d = state;

    (void)env;
    (void)now;
    if (!str_copy(d->serial, sizeof d->serial, p->serial ? p->serial : "MY58000001"))
        return diag_add(reterr, E_RANGE, "a serial number has at most 15 characters");
    d->error = p->error;
    d->is_34970a = m != NULL && m->is_34970a;
    d->mains_hz = m != NULL && m->mains_60_hz ? 60.0 : 50.0;
    for (int i = 0; m != NULL && i < DAQ_SLOTS; i++)
        d->no_module[i] = m->no_module[i];
    d->wall_at_zero = wall_at_zero;
    d->esr = 128;
    daq_reset(d);
    return wire_all(d, p, reterr);
}

/* Somebody takes the last channel out of the scan list at the panel. */
static void panel_turned(struct daq *d)
{
    for (int i = CHANNELS - 1; i >= 0; i--) {
        if (d->scan >> i & 1U) {
            d->scan &= ~(UINT64_C(1) << i);
            break;
        }
    }
}

static void daq_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct daq *d = state;

    (void)env;
    (void)now;
    d->faults = on ? d->faults | 1U << f : d->faults & ~(1U << f);
    if (f == FAULT_LOCAL && on)
        panel_turned(d);
}

static bool daq_energized(const void *state)
{
    (void)state;
    return false;
}

static double daq_standing(const void *state)
{
    const struct daq *d = state;

    return d->timer_s;
}

_Static_assert(sizeof(struct daq) <= EMU_STATE_MAX, "state of the DAQ970A");

extern const struct emu emu_keysight_daq970a;
const struct emu emu_keysight_daq970a = {
    .name = "keysight-daq970a",
    .sheet = "keysight-34970a-daq970a",
    .ports = {PORT_PROBE, PORT_SENSE},
    .n_ports = 2,
    .state_size = sizeof(struct daq),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_SENSOR_OPEN |
              1U << FAULT_REFUSE | 1U << FAULT_LOCAL | 1U << FAULT_REBOOT | 1U << FAULT_WRONG_MODEL,
    .boot_ms = 20000,
    .power_on = daq_power_on,
    .bytes = daq_bytes,
    .tick = daq_tick,
    .fault = daq_fault,
    .energized = daq_energized,
    .standing = daq_standing,
};
