/* drivers/virtual/keysight_daq970a_scan.c - stepping through the scan list of the DAQ970A, and what
 * becomes of the readings. What is not confirmed is listed in keysight_daq970a.c.
 */
#include "drivers/virtual/keysight_daq970a_priv.h"

#include "base/attr.h"
#include "base/clock.h"
#include "base/str.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    Q_MEMORY_OVERFLOW = 1 << 12,
    SWEEPS_MAX = 50000
};

/* ---- Stepping ---- */

static int channel_from(const struct daq *d, int from)
{
    while (from < CHANNELS && (d->scan >> from & 1U) == 0)
        from++;
    return from;
}

static void sweep_begin(struct daq *d, nsec at)
{
    d->waits_trigger = false;
    d->sweep_at = at;
    d->next = (uint8_t)channel_from(d, 0);
    d->due = at + daq_channel_time(d, d->next);
}

void daq_scan_stop(struct daq *d)
{
    d->scans = d->waits_trigger = false;
    d->due = NSEC_NEVER;
    if (d->opc_due)
        d->esr |= 1U;
    d->opc_due = false;
}

static void sweep_end(struct daq *d, nsec now)
{
    nsec again = d->sweep_at + nsec_from_s(d->timer_s);

    d->sweeps += 1.0;
    if (d->sweeps >= d->count) {
        daq_scan_stop(d);
    } else if (d->trigger == TRIG_IMM || (d->trigger == TRIG_TIMER && again <= now)) {
        sweep_begin(d, now);
    } else if (d->trigger == TRIG_TIMER) {
        d->next = CHANNELS;
        d->due = again;
    } else {
        d->waits_trigger = true;
        d->due = NSEC_NEVER;
    }
}

/* The newest readings stay. */
static void keep(struct daq *d, int channel, double value)
{
    const struct channel *ch = &d->channel[channel];
    struct reading *r;

    if (d->n_kept == KEPT_MAX) {
        d->ques |= Q_MEMORY_OVERFLOW;
        memmove(d->kept, d->kept + 1, sizeof d->kept - sizeof d->kept[0]);
        d->n_kept--;
    }
    r = &d->kept[d->n_kept++];
    r->value = value;
    r->at_ms = (uint32_t)((d->due - d->begun_at) / NSEC_MS);
    r->channel = (uint8_t)channel;
    r->unit = ch->quantity == TEMP ? ch->unit : UNITS;
}

bool daq_scan_step(struct daq *d, const struct emu_env *env, nsec now)
{
    bool did = d->scans;

    while (d->scans && d->due <= now) {
        if (d->next == CHANNELS) {
            sweep_begin(d, d->due);
            continue;
        }
        keep(d, d->next, daq_measure(d, env, now, d->next));
        d->next = (uint8_t)channel_from(d, d->next + 1);
        if (d->next < CHANNELS)
            d->due += daq_channel_time(d, d->next);
        else
            sweep_end(d, d->due);
    }
    return did && !d->scans;
}

/* ---- Readings as text ---- */

static void put_time(struct call *c, const struct daq *d, const struct reading *r)
{
    char text[32], wall[32];
    nsec at = d->wall_at_zero + d->begun_at + r->at_ms * NSEC_MS;

    if (!d->absolute) {
        (void)str_fixed((double)r->at_ms / 1000.0, 3, 13, false, true, text, sizeof text);
        emu_put(&c->reply, text);
        return;
    }
    (void)wall_format(at, true, wall, sizeof wall);
    for (char *p = wall; *p != '\0'; p++)
        *p = *p >= '0' && *p <= '9' ? *p : ',';
    emu_put(&c->reply, wall);
    if (str_fmt(text, sizeof text, ".%03d", (int)(at / NSEC_MS % 1000)) == 0)
        emu_put(&c->reply, text);
}

static void put_reading(struct call *c, const struct reading *r)
{
    static const char *const units[UNITS + 1] = {" C", " F", " K", " VDC"};
    const struct daq *d = c->d;
    char number[8];

    daq_put_number(c, r->value);
    if (d->fields & FIELD_UNIT)
        emu_put(&c->reply, units[r->unit]);
    if (d->fields & FIELD_TIME) {
        emu_put(&c->reply, ",");
        put_time(c, d, r);
    }
    if ((d->fields & FIELD_CHANNEL) &&
        str_fmt(number, sizeof number, ",%d", daq_channel_number(r->channel)) == 0)
        emu_put(&c->reply, number);
    if (d->fields & FIELD_ALARM)
        emu_put(&c->reply, ",0");
}

/* Readings of memory from the oldest on. A reply that is too long for the output is none. */
static void put_readings(struct call *c, int n)
{
    size_t before = c->reply.n;

    for (int i = 0; i < n; i++) {
        if (i > 0)
            emu_put(&c->reply, ",");
        put_reading(c, &c->d->kept[i]);
    }
    if (c->reply.n >= sizeof c->reply.text - 2) {
        c->reply.n = before;
        daq_error(c->d, -430);
    }
}

void daq_put_kept(struct call *c)
{
    struct daq *d = c->d;

    put_readings(c, d->n_kept);
    if (!d->keeps)
        d->n_kept = 0;
}

/* ---- Starting and asking ---- */

static bool scan_begin(struct call *c, bool keeps)
{
    struct daq *d = c->d;

    if (d->scans) {
        daq_error(d, -213);
        return false;
    }
    if (d->scan == 0) {
        daq_error(d, ERR_EMPTY);
        return false;
    }
    d->scans = true;
    d->keeps = keeps;
    d->n_kept = 0;
    d->sweeps = 0.0;
    d->begun_at = c->now;
    if (d->trigger == TRIG_IMM || d->trigger == TRIG_TIMER) {
        sweep_begin(d, c->now);
    } else {
        d->waits_trigger = true;
        d->due = NSEC_NEVER;
    }
    return true;
}

void daq_do_initiate(struct call *c, int which)
{
    (void)which;
    (void)scan_begin(c, true);
}

void daq_do_bus_trigger(struct call *c, int which)
{
    (void)which;
    if (c->d->waits_trigger && c->d->trigger == TRIG_BUS) {
        if (c->d->sweeps <= 0.0)
            c->d->begun_at = c->now;
        sweep_begin(c->d, c->now);
    } else {
        daq_error(c->d, -211);
    }
}

void daq_do_abort(struct call *c, int which)
{
    (void)which;
    daq_scan_stop(c->d);
}

/* Nothing that this message could wait for would ever come. */
static bool is_deadlock(const struct daq *d)
{
    return d->trigger == TRIG_BUS || d->trigger == TRIG_EXT || isinf(d->count);
}

void daq_do_read(struct call *c, int which)
{
    (void)which;
    if (is_deadlock(c->d))
        daq_error(c->d, -214);
    else if (scan_begin(c, !c->d->is_34970a))
        c->d->wait = WAIT_READ;
}

void daq_do_fetch(struct call *c, int which)
{
    (void)which;
    if (!c->d->scans && c->d->n_kept == 0)
        daq_error(c->d, -230);
    else if (c->d->scans && is_deadlock(c->d))
        daq_error(c->d, -214);
    else if (c->d->scans)
        c->d->wait = WAIT_FETCH;
    else
        daq_put_kept(c);
}

/* Sets up, triggers at once and reads. */
void daq_do_measure(struct call *c, int quantity)
{
    if (c->d->scans) {
        daq_error(c->d, ERR_SCANNING);
        return;
    }
    if (!daq_configure(c, (enum quantity)quantity))
        return;
    c->d->trigger = TRIG_IMM;
    c->d->count = 1.0;
    daq_do_read(c, 0);
}

/* R? [most] and DATA:REMove? n: they leave memory. */
void daq_do_take(struct call *c, int as_block)
{
    struct daq *d = c->d;
    double v = KEPT_MAX;
    size_t at = c->reply.n, length;
    char header[16], digits[12];
    int n;

    if ((c->n_params > 0 || !as_block) && !daq_number(c, 0, 1.0, 1e6, 1e6, &v))
        return;
    n = v < d->n_kept ? (int)v : d->n_kept;
    if (!as_block && v > d->n_kept) {
        daq_error(d, -222);
        return;
    }
    put_readings(c, n);
    length = c->reply.n - at;
    if (n > 0 && length == 0)
        return;
    d->n_kept = (uint8_t)(d->n_kept - n);
    memmove(d->kept, d->kept + n, d->n_kept * sizeof d->kept[0]);
    if (!as_block || str_fmt(digits, sizeof digits, "%zu", length) != 0 ||
        str_fmt(header, sizeof header, "#%zu%s", strlen(digits), digits) != 0)
        return;
    c->reply.n = c->reply.n < sizeof c->reply.text - 18 ? c->reply.n : sizeof c->reply.text - 18;
    memmove(c->reply.text + at + strlen(header), c->reply.text + at, c->reply.n - at);
    memcpy(c->reply.text + at, header, strlen(header));
    c->reply.n += strlen(header);
}

void daq_do_points(struct call *c, int which)
{
    (void)which;
    daq_put_int(c, c->d->n_kept);
}

void daq_do_scan_time(struct call *c, int which)
{
    struct reading begin = {0};
    bool absolute = c->d->absolute;

    (void)which;
    c->d->absolute = true;
    put_time(c, c->d, &begin);
    c->d->absolute = absolute;
}

/* ---- Scan list and trigger ---- */

void daq_do_scan_list(struct call *c, int which)
{
    char number[16], list[4 * CHANNELS + 4] = "(@";
    size_t n = 2;

    (void)which;
    if (!c->query) {
        if (!daq_obeys(c))
            return;
        c->d->scan = 0;
        for (int i = 0; i < c->n_list; i++)
            c->d->scan |= UINT64_C(1) << c->list[i];
        return;
    }
    for (int ch = channel_from(c->d, 0); ch < CHANNELS; ch = channel_from(c->d, ch + 1)) {
        if (str_fmt(list + n, sizeof list - n, "%s%d", n > 2 ? "," : "", daq_channel_number(ch)) !=
            0)
            return;
        n += strlen(list + n);
    }
    list[n++] = ')';
    list[n] = '\0';
    if (str_fmt(number, sizeof number, "#%d%zu", n > 99 ? 3 : n > 9 ? 2 : 1, n) == 0)
        emu_put(&c->reply, number);
    emu_put(&c->reply, list);
}

void daq_do_scan_size(struct call *c, int which)
{
    int n = 0;

    (void)which;
    for (int ch = channel_from(c->d, 0); ch < CHANNELS; ch = channel_from(c->d, ch + 1))
        n++;
    daq_put_int(c, n);
}

void daq_do_trigger(struct call *c, int which)
{
    static const char *const words[TRIGS] = {"IMMediate", "BUS", "TIMer", "EXTernal"};
    static const char *const replies[TRIGS] = {"IMM", "BUS", "TIM", "EXT"};
    int t;

    (void)which;
    if (c->query) {
        emu_put(&c->reply, replies[c->d->trigger]);
        return;
    }
    t = daq_word(c, 0, words, TRIGS);
    if (t >= 0 && daq_obeys(c))
        c->d->trigger = (uint8_t)t;
}

void daq_do_timer(struct call *c, int which)
{
    double v;

    (void)which;
    if (c->query)
        daq_put_number(c, c->d->timer_s);
    else if (daq_number(c, 0, 0.0, 359999.0, 10.0, &v) && daq_obeys(c))
        c->d->timer_s = nearbyint(v * 1000.0) / 1000.0;
}

void daq_do_count(struct call *c, int which)
{
    double v;

    (void)which;
    if (c->query) {
        if (isinf(c->d->count))
            emu_put(&c->reply, "+9.90000200E+37");
        else
            daq_put_number(c, c->d->count);
        return;
    }
    if (scpi_match("INFinity", c->param[0].p, c->param[0].n))
        v = (double)INFINITY;
    else if (!daq_number(c, 0, 1.0, SWEEPS_MAX, 1.0, &v))
        return;
    if (daq_obeys(c))
        c->d->count = isinf(v) ? v : nearbyint(v);
}

/* ---- What a reading brings along ---- */

void daq_do_field(struct call *c, int field)
{
    bool on;

    if (c->query) {
        emu_put(&c->reply, c->d->fields & field ? "1" : "0");
        return;
    }
    if (!daq_bool(c, 0, &on) || !daq_obeys(c))
        return;
    c->d->fields = (uint8_t)(on ? c->d->fields | field : c->d->fields & ~field);
}

void daq_do_time_type(struct call *c, int which)
{
    static const char *const words[] = {"RELative", "ABSolute"};
    int t;

    (void)which;
    if (c->query) {
        emu_put(&c->reply, c->d->absolute ? "ABS" : "REL");
        return;
    }
    t = daq_word(c, 0, words, ARRAY_LEN(words));
    if (t >= 0 && daq_obeys(c))
        c->d->absolute = t == 1;
}

/* ---- Monitor ---- */

void daq_do_monitor(struct call *c, int which)
{
    char text[32];

    (void)which;
    if (c->query) {
        if (str_fmt(text, sizeof text, "#16(@%d)", daq_channel_number(c->d->monitored)) == 0)
            emu_put(&c->reply, text);
        return;
    }
    if (c->n_list != 1)
        daq_error(c->d, ERR_SINGLE);
    else if (daq_obeys(c))
        c->d->monitored = c->list[0];
}

void daq_do_monitor_state(struct call *c, int which)
{
    bool on;

    (void)which;
    if (c->query)
        emu_put(&c->reply, c->d->monitors ? "1" : "0");
    else if (daq_bool(c, 0, &on) && daq_obeys(c))
        c->d->monitors = on;
}

/* The relay stays closed, so that a reading takes its integration only. */
void daq_do_monitor_data(struct call *c, int which)
{
    const struct channel *ch = &c->d->channel[c->d->monitored];
    struct reading r = {0};

    (void)which;
    if (!c->d->monitors) {
        daq_error(c->d, -230);
        return;
    }
    c->cost += nsec_from_s(daq_nplc[ch->nplc] / c->d->mains_hz);
    r.value = daq_measure(c->d, c->env, c->now, c->d->monitored);
    r.channel = c->d->monitored;
    r.unit = ch->quantity == TEMP ? ch->unit : UNITS;
    put_reading(c, &r);
}
