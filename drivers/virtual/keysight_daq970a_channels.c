/* drivers/virtual/keysight_daq970a_channels.c - channel lists, and how channels are set up. What is
 * not confirmed is listed in keysight_daq970a.c.
 */
#include "drivers/virtual/keysight_daq970a_priv.h"

#include "base/attr.h"
#include "base/str.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

static const char *const transducer_words[] = {"TCouple", "RTD", "FRTD", "THERmistor", "DEFault"};
static const char *const transducer_replies[TRANSDUCERS] = {"TC", "RTD", "FRTD", "THER"};
static const char *const rtd_words[] = {"85", "91"};
static const char *const thermistor_words[] = {"2252", "5000", "10000"};

enum {
    NPLC_DEFAULT = 2, /* one cycle */
    TC_DEFAULT = 2,   /* J */
    THERMISTOR_DEFAULT = 1
};

/* ---- Lists ---- */

int daq_channel_number(int channel)
{
    return 100 * (channel / DAQ_PER_SLOT + 1) + channel % DAQ_PER_SLOT + 1;
}

/* Index of the channel; negative: the error is queued. */
static int channel_read(struct call *c, const char *p, size_t n)
{
    int64_t number;
    int slot, at;

    if (str_to_int(p, n, &number) != 0 || number < 0) {
        daq_error(c->d, -171);
        return -1;
    }
    if (number < 100 || number >= 100 * (DAQ_SLOTS + 1)) {
        daq_error(c->d, ERR_SLOT);
        return -1;
    }
    slot = (int)(number / 100) - 1;
    at = (int)(number % 100);
    if (at < 1 || at > DAQ_PER_SLOT || c->d->no_module[slot]) {
        daq_error(c->d, ERR_CHANNEL);
        return -1;
    }
    return slot * DAQ_PER_SLOT + at - 1;
}

static bool list_add(struct call *c, int from, int to)
{
    int step = from <= to ? 1 : -1;

    for (int at = from;; at += step) {
        bool twice = false;

        for (int i = 0; i < c->n_list; i++)
            twice = twice || c->list[i] == at;
        if (!twice && !c->d->no_module[at / DAQ_PER_SLOT])
            c->list[c->n_list++] = (uint8_t)at;
        if (at == to)
            return true;
    }
}

static bool part_read(struct call *c, const char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    size_t n_first = colon ? (size_t)(colon - p) : n;
    int from = channel_read(c, p, n_first), to = from;

    if (from >= 0 && colon)
        to = channel_read(c, colon + 1, n - n_first - 1);
    return from >= 0 && to >= 0 && list_add(c, from, to);
}

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t';
}

bool daq_list_read(struct call *c, const struct param *p)
{
    char text[LINE_MAX_BYTES];
    size_t n = 0;
    const char *inside = text + 2;

    c->has_list = true;
    c->n_list = 0;
    for (size_t i = 0; i < p->n && n < sizeof text; i++)
        if (!is_blank(p->p[i]))
            text[n++] = p->p[i];
    if (n < 3 || text[1] != '@' || text[n - 1] != ')') {
        daq_error(c->d, -171);
        return false;
    }
    n -= 3;
    while (n > 0) {
        const char *comma = memchr(inside, ',', n);
        size_t n_part = comma ? (size_t)(comma - inside) : n;

        if (!part_read(c, inside, n_part))
            return false;
        inside += n_part + (comma ? 1 : 0);
        n -= n_part + (comma ? 1 : 0);
        if (comma && n == 0) {
            daq_error(c->d, -171);
            return false;
        }
    }
    return true;
}

/* ---- CONFigure ---- */

void daq_channel_default(struct channel *ch, enum quantity q)
{
    memset(ch, 0, sizeof *ch);
    ch->quantity = (uint8_t)q;
    ch->nplc = NPLC_DEFAULT;
    ch->type[TRAN_TC] = TC_DEFAULT;
    ch->type[TRAN_THER] = THERMISTOR_DEFAULT;
}

/* Range 0 is automatic. */
static bool range_read(struct call *c, int i, uint8_t *ret_range)
{
    double v;

    if (scpi_match("AUTO", c->param[i].p, c->param[i].n) ||
        scpi_match("DEFault", c->param[i].p, c->param[i].n)) {
        *ret_range = 0;
        return true;
    }
    if (!daq_number(c, i, daq_range_v[0], daq_range_v[RANGES - 1], 0.0, &v))
        return false;
    *ret_range = 1;
    while (daq_range_v[*ret_range - 1] < fabs(v))
        (*ret_range)++;
    return true;
}

static bool volt_resolution_read(struct call *c, struct channel *ch)
{
    double v;
    int nplc;

    if (scpi_match("DEFault", c->param[1].p, c->param[1].n))
        return true;
    if (scpi_match("MINimum", c->param[1].p, c->param[1].n)) {
        ch->nplc = NPLCS - 1;
        return true;
    }
    if (scpi_match("MAXimum", c->param[1].p, c->param[1].n)) {
        ch->nplc = 0;
        return true;
    }
    if (!daq_number(c, 1, 0.0, daq_range_v[RANGES - 1], 0.0, &v))
        return false;
    nplc = ch->range > 0 ? daq_nplc_for(v / daq_range_v[ch->range - 1]) : -1;
    if (nplc < 0)
        daq_error(c->d, ERR_RESOLUTION);
    else
        ch->nplc = (uint8_t)nplc;
    return nplc >= 0;
}

static int type_read(struct call *c, int i, int transducer)
{
    const struct param *p = &c->param[i];
    const char *letter;

    if (transducer == TRAN_THER)
        return daq_word(c, i, thermistor_words, ARRAY_LEN(thermistor_words));
    if (transducer != TRAN_TC)
        return daq_word(c, i, rtd_words, ARRAY_LEN(rtd_words));
    letter = p->n == 1 ? strchr(daq_tc_letters, p->p[0] & ~0x20) : NULL;
    if (letter && *letter != '\0')
        return (int)(letter - daq_tc_letters);
    daq_error(c->d, -224);
    return -1;
}

static void put_type(struct call *c, const struct channel *ch, int transducer)
{
    int type = ch->type[transducer];

    if (transducer == TRAN_TC)
        emu_put_char(&c->reply, daq_tc_letters[type]);
    else
        emu_put(&c->reply, transducer == TRAN_THER ? thermistor_words[type] : rtd_words[type]);
}

/* <transducer>, <type>[, 1[, <resolution>]] */
static bool temp_read(struct call *c, struct channel *ch)
{
    int transducer, type = -1;
    double v;

    if (c->n_params < 2) {
        daq_error(c->d, -109);
        return false;
    }
    transducer = daq_word(c, 0, transducer_words, ARRAY_LEN(transducer_words));
    if (transducer < 0)
        return false;
    if (transducer == TRANSDUCERS)
        transducer = TRAN_TC;
    if (!scpi_match("DEFault", c->param[1].p, c->param[1].n)) {
        type = type_read(c, 1, transducer);
        if (type < 0)
            return false;
        ch->type[transducer] = (uint8_t)type;
        if (transducer != TRAN_TC && transducer != TRAN_THER)
            ch->type[TRAN_RTD] = ch->type[TRAN_FRTD] = (uint8_t)type;
    }
    ch->transducer = (uint8_t)transducer;
    return (c->n_params < 3 || daq_number(c, 2, 1.0, 1.0, 1.0, &v)) &&
           (c->n_params < 4 || daq_number(c, 3, 1e-3, 1.0, 0.1, &v));
}

bool daq_configure(struct call *c, enum quantity quantity)
{
    struct channel ch;

    daq_channel_default(&ch, quantity);
    if (quantity == TEMP ? !temp_read(c, &ch)
                         : (c->n_params > 0 && !range_read(c, 0, &ch.range)) ||
                               (c->n_params > 1 && !volt_resolution_read(c, &ch)))
        return false;
    if (c->n_list == 0)
        daq_error(c->d, ERR_EMPTY);
    if (c->n_list == 0 || !daq_obeys(c))
        return c->n_list > 0 && !daq_has(c->d, FAULT_REFUSE);
    c->d->scan = 0;
    for (int i = 0; i < c->n_list; i++) {
        ch.unit = c->d->channel[c->list[i]].unit;
        c->d->channel[c->list[i]] = ch;
        c->d->scan |= UINT64_C(1) << c->list[i];
    }
    c->d->fields = 0;
    return true;
}

void daq_do_configure(struct call *c, int quantity)
{
    (void)daq_configure(c, (enum quantity)quantity);
}

/* ---- One answer for each channel ---- */

static void put_comma(struct call *c, int i)
{
    if (i > 0)
        emu_put(&c->reply, ",");
}

void daq_do_configured(struct call *c, int which)
{
    (void)which;
    for (int i = 0; i < c->n_list; i++) {
        const struct channel *ch = &c->d->channel[c->list[i]];
        double range_v = daq_range_v[ch->range > 0 ? ch->range - 1 : 2];

        put_comma(c, i);
        if (ch->quantity == TEMP) {
            emu_put(&c->reply, "\"TEMP ");
            emu_put(&c->reply, transducer_replies[ch->transducer]);
            emu_put(&c->reply, ",");
            put_type(c, ch, ch->transducer);
            emu_put(&c->reply, "\"");
            continue;
        }
        emu_put(&c->reply, "\"VOLT ");
        daq_put_number(c, range_v);
        emu_put(&c->reply, ",");
        daq_put_number(c, range_v * daq_resolution(ch->nplc));
        emu_put(&c->reply, "\"");
    }
}

void daq_do_function(struct call *c, int which)
{
    static const char *const words[] = {"VOLTage[:DC]", "TEMPerature"};
    int q;

    (void)which;
    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        emu_put(&c->reply, c->d->channel[c->list[i]].quantity == TEMP ? "\"TEMP\"" : "\"VOLT\"");
    }
    if (c->query)
        return;
    q = daq_word(c, 0, words, ARRAY_LEN(words));
    if (q < 0 || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].quantity = (uint8_t)q;
}

/* All channels of the list are set up for this; else the error is queued. */
static bool all_are(struct call *c, enum quantity q)
{
    for (int i = 0; i < c->n_list; i++) {
        if (c->d->channel[c->list[i]].quantity != q) {
            daq_error(c->d, -221);
            return false;
        }
    }
    return true;
}

void daq_do_nplc(struct call *c, int quantity)
{
    double v;
    uint8_t nplc = 0;

    if (!all_are(c, (enum quantity)quantity))
        return;
    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        daq_put_number(c, daq_nplc[c->d->channel[c->list[i]].nplc]);
    }
    if (c->query || !daq_number(c, 0, daq_nplc[0], daq_nplc[NPLCS - 1], 1.0, &v))
        return;
    while (daq_nplc[nplc] < v)
        nplc++;
    if (!daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].nplc = nplc;
}

void daq_do_range(struct call *c, int which)
{
    uint8_t range;

    (void)which;
    if (!all_are(c, VOLT))
        return;
    for (int i = 0; c->query && i < c->n_list; i++) {
        uint8_t at = c->d->channel[c->list[i]].range;

        put_comma(c, i);
        daq_put_number(c, daq_range_v[at > 0 ? at - 1 : 2]);
    }
    if (c->query || !range_read(c, 0, &range) || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].range = range;
}

static void put_bools(struct call *c, bool (*get)(const struct channel *))
{
    for (int i = 0; i < c->n_list; i++) {
        put_comma(c, i);
        emu_put(&c->reply, get(&c->d->channel[c->list[i]]) ? "1" : "0");
    }
}

static bool ranges_itself(const struct channel *ch)
{
    return ch->range == 0;
}

static bool checks(const struct channel *ch)
{
    return ch->check;
}

static bool waits_itself(const struct channel *ch)
{
    return !ch->own_delay;
}

/* Off: it stays on the 10 V range, or where it is. */
void daq_do_range_auto(struct call *c, int which)
{
    bool on;

    (void)which;
    if (!all_are(c, VOLT))
        return;
    if (c->query)
        put_bools(c, ranges_itself);
    if (c->query || !daq_bool(c, 0, &on) || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++) {
        struct channel *ch = &c->d->channel[c->list[i]];

        ch->range = on ? 0 : ch->range > 0 ? ch->range : 3;
    }
}

/* ---- Temperature sensors ---- */

void daq_do_transducer(struct call *c, int which)
{
    int t;

    (void)which;
    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        emu_put(&c->reply, transducer_replies[c->d->channel[c->list[i]].transducer]);
    }
    if (c->query)
        return;
    t = daq_word(c, 0, transducer_words, TRANSDUCERS);
    if (t < 0 || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].transducer = (uint8_t)t;
}

void daq_do_type(struct call *c, int transducer)
{
    int type;

    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        put_type(c, &c->d->channel[c->list[i]], transducer);
    }
    if (c->query)
        return;
    type = type_read(c, 0, transducer);
    if (type < 0 || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].type[transducer] = (uint8_t)type;
}

void daq_do_check(struct call *c, int which)
{
    bool on;

    (void)which;
    if (c->query)
        put_bools(c, checks);
    if (c->query || !daq_bool(c, 0, &on) || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].check = on;
}

void daq_do_junction(struct call *c, int which)
{
    static const char *const words[JUNCTIONS] = {"INTernal", "EXTernal", "FIXed"};
    static const char *const replies[JUNCTIONS] = {"INT", "EXT", "FIX"};
    int j;

    (void)which;
    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        emu_put(&c->reply, replies[c->d->channel[c->list[i]].junction]);
    }
    if (c->query)
        return;
    j = daq_word(c, 0, words, JUNCTIONS);
    if (j < 0 || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].junction = (uint8_t)j;
}

void daq_do_junction_fixed(struct call *c, int which)
{
    double v;

    (void)which;
    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        daq_put_number(c, c->d->channel[c->list[i]].junction_cc / 100.0);
    }
    if (c->query || !daq_number(c, 0, -20.0, 80.0, 0.0, &v) || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].junction_cc = (int16_t)nearbyint(v * 100.0);
}

void daq_do_unit(struct call *c, int which)
{
    static const char *const words[UNITS] = {"C", "F", "K"};
    int unit;

    (void)which;
    for (int i = 0; c->query && i < c->n_list; i++) {
        put_comma(c, i);
        emu_put(&c->reply, words[c->d->channel[c->list[i]].unit]);
    }
    if (c->query)
        return;
    unit = daq_word(c, 0, words, UNITS);
    if (unit < 0 || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].unit = (uint8_t)unit;
}

/* ---- Settling ---- */

void daq_do_delay(struct call *c, int which)
{
    double v;

    (void)which;
    for (int i = 0; c->query && i < c->n_list; i++) {
        const struct channel *ch = &c->d->channel[c->list[i]];

        put_comma(c, i);
        daq_put_number(c, ch->own_delay ? ch->delay_ms / 1000.0 : 1e-3);
    }
    if (c->query || !daq_number(c, 0, 0.0, 60.0, 0.0, &v) || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++) {
        c->d->channel[c->list[i]].own_delay = true;
        c->d->channel[c->list[i]].delay_ms = (uint16_t)nearbyint(v * 1000.0);
    }
}

void daq_do_delay_auto(struct call *c, int which)
{
    bool on;

    (void)which;
    if (c->query)
        put_bools(c, waits_itself);
    if (c->query || !daq_bool(c, 0, &on) || !daq_obeys(c))
        return;
    for (int i = 0; i < c->n_list; i++)
        c->d->channel[c->list[i]].own_delay = !on;
}
