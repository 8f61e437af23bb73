/* drivers/driver.c - what every driver shares: filling plans, saying things, accuracy, and the
 * rows of simple Modbus instruments. */
#include "drivers/driver.h"

#include "base/str.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Plans ---- */

/* rx and tx are not cleared: they are long, and their lengths say what counts. */
struct xfer *plan_add(struct plan *plan, uint16_t tag)
{
    struct xfer *x;

    if (plan->n >= PLAN_XFERS_MAX) {
        plan->overflow = true;
        return NULL;
    }
    x = &plan->x[plan->n++];
    x->tag = tag;
    x->chan = 0;
    x->retry = RETRY_FREELY;
    x->outcome = XFER_REPLY;
    x->refusal = 0;
    x->no_reply = false;
    x->expect_quiet = false;
    x->timeout_ms = 0;
    x->gap_ms = 0;
    x->want = 0;
    x->tx_len = 0;
    x->rx_len = 0;
    x->rx[0] = 0;
    return x;
}

struct xfer *plan_line(struct plan *plan, uint16_t tag, const char *fmt, ...)
{
    struct xfer *x = plan_add(plan, tag);
    va_list args;
    int n;

    if (x == NULL)
        return NULL;
    va_start(args, fmt);
    n = vsnprintf((char *)x->tx, sizeof(x->tx), fmt, args);
    va_end(args);
    ASSERT(n >= 0 && (size_t)n < sizeof(x->tx));
    x->tx_len = (uint16_t)n;
    return x;
}

static struct xfer *plan_read(struct plan *plan, const struct inst *inst, uint16_t tag,
                              uint8_t function, uint16_t addr, uint16_t n)
{
    struct xfer *x = plan_add(plan, tag);

    if (x != NULL)
        x->tx_len = (uint16_t)modbus_read_request((uint8_t)inst->unit, function, addr, n, x->tx);
    return x;
}

struct xfer *plan_modbus_read(struct plan *plan, const struct inst *inst, uint16_t tag,
                              uint16_t addr, uint16_t n)
{
    return plan_read(plan, inst, tag, 3, addr, n);
}

struct xfer *plan_modbus_write(struct plan *plan, const struct inst *inst, uint16_t tag,
                               uint16_t addr, const uint16_t *words, uint16_t n)
{
    struct xfer *x = plan_add(plan, tag);

    if (x != NULL) {
        x->tx_len = (uint16_t)modbus_write_request((uint8_t)inst->unit, addr, words, n, x->tx);
        x->retry = RETRY_AFTER_READBACK;
    }
    return x;
}

struct xfer *plan_modbus_coil(struct plan *plan, const struct inst *inst, uint16_t tag,
                              uint16_t addr, bool on)
{
    struct xfer *x = plan_read(plan, inst, tag, 5, addr, on ? 0xFF00 : 0);

    if (x != NULL)
        x->retry = RETRY_AFTER_READBACK;
    return x;
}

/* ---- Outcomes ---- */

void driver_emit(struct outcome *out, uint16_t chan, double value, enum quality quality)
{
    struct sample *s;

    if (out->n_samples >= OUTCOME_SAMPLES_MAX) {
        out->overflow = true;
        return;
    }
    s = &out->sample[out->n_samples++];
    s->chan = chan;
    s->quality = (uint8_t)quality;
    s->value = quality == Q_OK ? value : (double)NAN;
}

void driver_notice(struct outcome *out, enum notice notice, uint16_t chan, double value,
                   const char *text)
{
    struct notice_said *said;

    if (out->n_notices >= OUTCOME_NOTICES_MAX) {
        out->overflow = true;
        return;
    }
    said = &out->notice[out->n_notices++];
    said->notice = (uint16_t)notice;
    said->chan = chan;
    said->value = value;
    (void)str_copy(said->text, sizeof(said->text), text == NULL ? "" : text);
}

void driver_notice_fmt(struct outcome *out, enum notice notice, uint16_t chan, double value,
                       const char *fmt, ...)
{
    char text[NOTICE_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    driver_notice(out, notice, chan, value, text);
}

/* One step of the wire at this value: where the channel has ranges, that of the range in use. */
static double step_at(const struct chan *chan, double value)
{
    const struct chan_range *range = chan_range_for(chan, value);

    return range != NULL ? range->resolution : chan->resolution;
}

bool chan_agrees(const struct chan *chan, double want, double got)
{
    /* NaN agrees with nothing: the comparison is false then. */
    return fabs(got - want) <= 0.5 * step_at(chan, want) + 1e-9 * fabs(want);
}

void driver_set_result(struct outcome *out, const struct inst *inst, const struct xfer *x,
                       double readback)
{
    bool agrees = chan_agrees(&inst->chans[x->chan], x->want, readback);

    driver_notice(out, agrees ? NOTICE_SET_DONE : NOTICE_SET_MISMATCH, x->chan, readback, "");
}

/* ---- Accuracy ---- */

const struct chan_range *chan_range_for(const struct chan *chan, double value)
{
    const struct chan_range *r = chan->ranges;

    if (r == NULL)
        return NULL;
    for (; r->full_scale > 0; r++)
        if (fabs(value) <= r->full_scale)
            return r;
    return NULL;
}

double chan_accuracy(const struct chan *chan, double full_scale, double reading)
{
    const struct chan_range *r = chan_range_for(chan, full_scale);

    if (r == NULL && chan->ranges != NULL) {
        /* Beyond the largest range: what that one promises is the least that must be assumed. */
        r = chan->ranges;
        while (r->full_scale > 0 && r[1].full_scale > 0)
            r++;
    }
    if (r != NULL)
        return fabs(reading) * r->accuracy_reading + r->accuracy_offset;
    return fabs(reading) * chan->accuracy_reading + chan->accuracy_offset;
}
