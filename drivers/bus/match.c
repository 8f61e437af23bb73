/* drivers/bus/match.c - requests into frames, and finding the reply among the bytes that came.
 *
 * Modbus frames carry address, function, length and check sum, so the reply is searched for behind
 * noise and behind frames of others. On real lines libmodbus builds the request and has to accept
 * the reply, but where a reply ends, and whether it answers this request, is found out here: it
 * checks hardly more than the check sum. A text line carries nothing of that kind: whatever is not
 * printable spoils it, but for the bytes that a glitch on an idle line leaves before the first
 * character: a low pulse on an idle-high line is read as zeros, then ones.
 */
#include "drivers/bus/bus_priv.h"
#include "drivers/bus/modbus_lib.h"
#include "drivers/wire/modbus.h"

#include <string.h>

enum {
    MBAP_BYTES = 6,
    CRC_BYTES = 2
};

int bus_frame_request(const struct bus *b, const struct bus_wiring *w, const struct xfer *x,
                      uint8_t *ret_frame, size_t size)
{
    size_t n_end;

    if (x->tx_len > XFER_BYTES_MAX)
        return E_FULL;
    if (w->wire == WIRE_MODBUS) {
        if (x->tx_len < 2)
            return E_INVALID;
        if (w->lib)
            return modbus_lib_wrap(w->lib, b->transaction, x->tx, x->tx_len, ret_frame, size);
        if (w->modbus_tcp)
            return modbus_tcp_wrap(b->transaction, x->tx, x->tx_len, ret_frame, size);
        return modbus_rtu_wrap(x->tx, x->tx_len, ret_frame, size);
    }
    n_end = strlen(w->line_end);
    if (x->tx_len + n_end > size)
        return E_FULL;
    memcpy(ret_frame, x->tx, x->tx_len);
    memcpy(ret_frame + x->tx_len, w->line_end, n_end);
    return (int)(x->tx_len + n_end);
}

/* ---- Modbus ---- */

/* A whole frame, its check sum or the number of its transaction apart: does it answer us? */
static enum match take_frame(const struct bus_wiring *w, struct xfer *x, const uint8_t *frame,
                             size_t n)
{
    const uint8_t *msg = w->modbus_tcp ? frame + MBAP_BYTES : frame;
    size_t n_msg = n - (w->modbus_tcp ? MBAP_BYTES : CRC_BYTES);
    uint8_t exception = 0;
    int rc = modbus_answers(x->tx, x->tx_len, msg, n_msg, &exception);

    if (rc != 0 && rc != E_REFUSED)
        return MATCH_GARBLED;
    if (w->lib && modbus_lib_check(w->lib, x->tx[0], frame, n) != 0)
        return MATCH_GARBLED;
    x->refusal = exception;
    memcpy(x->rx, msg, n_msg);
    x->rx[n_msg] = 0;
    x->rx_len = (uint16_t)n_msg;
    return rc == 0 ? MATCH_REPLY : MATCH_REFUSED;
}

/* An exception has no shape that tells one request of its function from another: until a resync has
 * had its first reply it may be the late answer to what was asked before. Over TCP it carries a
 * number. */
static bool exception_is_doubtful(const struct bus *b)
{
    bool identify = b->prefix || b->current.kind == JOBKIND_IDENTIFY;

    return identify && b->at_xfer == 0 && b->inst[b->current.inst].resync;
}

static enum match match_rtu(const struct bus *b, const struct bus_wiring *w, struct xfer *x,
                            size_t *ret_start, size_t *ret_n)
{
    enum match best = MATCH_MORE;

    for (size_t at = 0; at + 2 <= b->rx_n; at++) {
        const uint8_t *p = b->rx + at;
        enum match m;
        int length;

        /* Only our unit's answer to our function can be it: cheap, and the check sum is rarely
         * needed twice. */
        if (p[0] != x->tx[0] || (p[1] & 0x7F) != (x->tx[1] & 0x7F))
            continue;
        length = modbus_rtu_reply_length(p, b->rx_n - at);
        if (length <= 0 || (size_t)length > b->rx_n - at)
            continue;
        if (!modbus_rtu_intact(p, (size_t)length)) {
            if (at == 0 && (size_t)length == b->rx_n)
                best = MATCH_SPOILT;
            continue;
        }
        m = take_frame(w, x, p, (size_t)length);
        if (m == MATCH_GARBLED || (m == MATCH_REFUSED && exception_is_doubtful(b)))
            continue;
        *ret_start = at;
        *ret_n = (size_t)length;
        return m;
    }
    return best;
}

static enum match match_tcp(const struct bus *b, const struct bus_wiring *w, struct xfer *x,
                            size_t *ret_start, size_t *ret_n)
{
    size_t at = 0;

    while (at < b->rx_n) {
        const uint8_t *p = b->rx + at;
        int length = modbus_tcp_length(p, b->rx_n - at);

        if (length < 0) {
            at++;
            continue;
        }
        if (length == 0 || (size_t)length > b->rx_n - at)
            return MATCH_MORE;
        if (modbus_get_u16(p) == b->transaction) {
            enum match m = take_frame(w, x, p, (size_t)length);

            if (m != MATCH_GARBLED) {
                *ret_start = at;
                *ret_n = (size_t)length;
                return m;
            }
        }
        at += (size_t)length; /* an older transaction's */
    }
    return MATCH_MORE;
}

/* ---- Lines ---- */

static bool is_glitch(uint8_t c)
{
    return c == 0x00 || c == 0x80 || c == 0xC0 || c == 0xE0 || c == 0xF0 || c == 0xF8 ||
           c == 0xFC || c == 0xFE || c == 0xFF;
}

static bool is_text(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((p[i] < 0x20 && p[i] != '\t') || p[i] > 0x7E)
            return false;
    }
    return true;
}

/* Offset of the terminator at or behind `from`, or rx_n. */
static size_t find_end(const struct bus *b, size_t from, const char *end, size_t n_end)
{
    size_t at = from;

    while (at + n_end <= b->rx_n) {
        const uint8_t *hit = memchr(b->rx + at, end[0], b->rx_n - at - n_end + 1);

        if (!hit)
            break;
        at = (size_t)(hit - b->rx);
        if (memcmp(hit, end, n_end) == 0)
            return at;
        at++;
    }
    return b->rx_n;
}

/* Bytes of noise before the first character. */
static size_t count_glitches(const uint8_t *p, size_t n)
{
    size_t i = 0;

    while (i < n && is_glitch(p[i]))
        i++;
    return i;
}

/* Put one line behind what is in x->rx; padding of old Alicats at its end and a CR before a bare LF
 * are dropped. */
static bool take_line(struct xfer *x, const uint8_t *p, size_t n)
{
    size_t joint = x->rx_len > 0 ? 1 : 0;

    while (n > 0 && (p[n - 1] == 0x00 || p[n - 1] == 0x08 || p[n - 1] == '\r'))
        n--;
    if (!is_text(p, n) || x->rx_len + joint + n > XFER_BYTES_MAX)
        return false;
    if (n == 0)
        return true;
    if (joint)
        x->rx[x->rx_len++] = '\n';
    memcpy(x->rx + x->rx_len, p, n);
    x->rx_len = (uint16_t)(x->rx_len + n);
    return true;
}

static enum match match_line(const struct bus *b, const char *end, struct xfer *x,
                             size_t *ret_start, size_t *ret_n)
{
    size_t n_end = strlen(end);
    size_t at = 0;

    for (;;) {
        size_t stop = find_end(b, at, end, n_end);

        if (stop == b->rx_n)
            return MATCH_MORE;
        x->rx_len = 0;
        at += count_glitches(b->rx + at, stop - at);
        if (!take_line(x, b->rx + at, stop - at))
            return MATCH_GARBLED;
        if (x->rx_len > 0) {
            x->rx[x->rx_len] = 0;
            *ret_start = at;
            *ret_n = stop + n_end - at;
            return MATCH_REPLY;
        }
        at = stop + n_end; /* an empty line is a left-over terminator */
    }
}

/* Lines that do not fit are left out whole: what is there can still be read. */
static enum match match_lines(const struct bus *b, const char *end, struct xfer *x,
                              size_t *ret_start, size_t *ret_n)
{
    size_t n_end = strlen(end);
    size_t at = 0;

    x->rx_len = 0;
    while (at < b->rx_n) {
        size_t stop = find_end(b, at, end, n_end);

        if (stop == b->rx_n)
            return MATCH_GARBLED; /* cut short */
        at += count_glitches(b->rx + at, stop - at);
        if (!take_line(x, b->rx + at, stop - at)) {
            if (x->rx_len == 0 || !is_text(b->rx + at, stop - at))
                return MATCH_GARBLED;
            break;
        }
        at = stop + n_end;
    }
    if (x->rx_len == 0)
        return MATCH_GARBLED;
    x->rx[x->rx_len] = 0;
    *ret_start = 0;
    *ret_n = b->rx_n;
    return MATCH_REPLY;
}

enum match match_reply(const struct bus *b, const struct bus_wiring *w, struct xfer *x, bool silent,
                       size_t *ret_start, size_t *ret_n)
{
    if (w->wire == WIRE_MODBUS)
        return w->modbus_tcp ? match_tcp(b, w, x, ret_start, ret_n)
                             : match_rtu(b, w, x, ret_start, ret_n);
    if (!x->expect_quiet)
        return match_line(b, w->line_end, x, ret_start, ret_n);
    return silent ? match_lines(b, w->line_end, x, ret_start, ret_n) : MATCH_MORE;
}
