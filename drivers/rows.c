/* drivers/rows.c - the register map of a simple Modbus instrument at work. */
#include "drivers/driver.h"

#include "base/str.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

/* What a tag with ROW_TAG says beside the index of its (first) row. */
enum {
    ROW_WRITE = 0x4000,
    ROW_READBACK = 0x2000,
    ROW_INDEX = 0x0FFF
};
enum {
    WORDS_MAX = 125
};
enum {
    FN_COILS = 1,
    FN_INPUTS = 2,
    FN_HOLDING = 3,
    FN_INPUT = 4,
    FN_WRITE_COILS = 15,
    FN_WRITE_REGISTERS = 16,
    FN_READ_WRITE = 23
};

static const struct map_row *rows_of(const struct inst *inst)
{
    return inst->rows != NULL ? inst->rows : inst->driver->rows;
}

uint16_t modbus_word(const struct xfer *x, uint16_t i)
{
    size_t at = 3 + 2 * (size_t)i;

    ASSERT(at + 2 <= x->rx_len);
    return modbus_get_u16(x->rx + at);
}

uint8_t row_function(const struct map_row *row)
{
    bool input = (row->flags & ROW_INPUT_REGISTER) != 0;

    if (row->type == ROW_COIL)
        return input ? FN_INPUTS : FN_COILS;
    return input ? FN_INPUT : FN_HOLDING;
}

uint16_t row_words(const struct map_row *row)
{
    switch (row->type) {
    case ROW_U32:
    case ROW_I32:
    case ROW_F32: return 2;
    case ROW_U16:
    case ROW_I16:
    case ROW_BIT:
    case ROW_COIL: break;
    }
    return 1;
}

static uint16_t row_chan(const struct inst *inst, const struct map_row *row)
{
    for (uint16_t i = 0; i < inst->n_chans; i++)
        if (inst->chans[i].name == row->chan || strcmp(inst->chans[i].name, row->chan) == 0)
            return i;
    ASSERT(!"a row names a channel of its driver");
    return 0;
}

static bool row_polled(const struct inst *inst, const struct map_row *row)
{
    return inst->chans[row_chan(inst, row)].polled;
}

/* ---- Values ---- */

/* The bytes of a register in the order of the row, both ways. */
static uint16_t order_bytes(const struct map_row *row, uint16_t w)
{
    if ((row->flags & ROW_BYTES_SWAPPED) != 0)
        w = (uint16_t)(w << 8 | w >> 8);
    return w;
}

static uint16_t row_word(const struct map_row *row, const uint8_t *p)
{
    return order_bytes(row, modbus_get_u16(p));
}

static uint32_t row_raw32(const struct map_row *row, const uint8_t *p)
{
    uint32_t first = row_word(row, p), second = row_word(row, p + 2);

    return (row->flags & ROW_WORDS_SWAPPED) != 0 ? second << 16 | first : first << 16 | second;
}

/* p: the row's own bytes; for a coil the byte that holds it and `bit` its place there. */
static double row_raw(const struct map_row *row, const uint8_t *p, unsigned bit)
{
    uint32_t raw;
    float f;

    switch (row->type) {
    case ROW_U16: return row_word(row, p);
    case ROW_I16: return (int16_t)row_word(row, p);
    case ROW_U32: return row_raw32(row, p);
    case ROW_I32: return (int32_t)row_raw32(row, p);
    case ROW_F32:
        raw = row_raw32(row, p);
        memcpy(&f, &raw, sizeof(f));
        return (double)f;
    case ROW_BIT: return (row_word(row, p) >> row->bit) & 1;
    case ROW_COIL: return (*p >> bit) & 1;
    }
    return (double)NAN;
}

/* Where the row stands in a reply whose first register or coil is `start`. */
static double row_raw_at(const struct map_row *row, const struct xfer *x, uint16_t start)
{
    unsigned at = (unsigned)row->addr - start;

    if (row->type == ROW_COIL)
        return row_raw(row, x->rx + 3 + at / 8, at % 8);
    return row_raw(row, x->rx + 3 + 2 * (size_t)at, 0);
}

static void row_emit(const struct inst *inst, const struct map_row *row, double raw,
                     struct outcome *out)
{
    uint16_t chan = row_chan(inst, row);
    const struct chan *c = &inst->chans[chan];

    /* A state without a name is none. */
    if (!isfinite(raw) || (c->states != NULL && !(raw >= c->min && raw <= c->max)))
        driver_emit(out, chan, raw, Q_INVALID);
    else if (!isnan(row->over) && raw >= row->over && raw <= row->over)
        driver_emit(out, chan, raw, Q_OVER);
    else
        driver_emit(out, chan, raw * row->scale + row->offset, Q_OK);
}

/* ---- Polling ---- */

/* Rows that one request reads. */
struct row_group {
    uint16_t start, words; /* first address, count */
    uint16_t last;         /* index of the last row in it */
};

static struct row_group group_from(const struct inst *inst, uint16_t first)
{
    const struct map_row *rows = rows_of(inst);
    const struct map_row *head = &rows[first];
    struct row_group g = {.start = head->addr, .words = row_words(head), .last = first};

    for (uint16_t i = (uint16_t)(first + 1); rows[i].chan != NULL; i++) {
        unsigned addr = rows[i].addr;
        unsigned end = addr + row_words(&rows[i]);

        if (!row_polled(inst, &rows[i]))
            continue;
        if (row_function(&rows[i]) != row_function(head) || addr < g.start ||
            addr > (unsigned)g.start + g.words + inst->driver->rows_max_gap ||
            end - g.start > WORDS_MAX)
            break;
        if (end > (unsigned)g.start + g.words)
            g.words = (uint16_t)(end - g.start);
        g.last = i;
    }
    return g;
}

static void plan_group(const struct inst *inst, uint16_t first, const struct row_group *g,
                       struct plan *plan)
{
    struct xfer *x = plan_modbus_read(plan, inst, (uint16_t)(ROW_TAG | first), g->start, g->words);

    if (x != NULL)
        x->tx[1] = row_function(&rows_of(inst)[first]);
}

int rows_plan_poll(const struct inst *inst, struct plan *ret_plan)
{
    const struct map_row *rows = rows_of(inst);

    for (uint16_t i = 0; rows != NULL && rows[i].chan != NULL; i++) {
        struct row_group g;

        if (!row_polled(inst, &rows[i]))
            continue;
        g = group_from(inst, i);
        plan_group(inst, i, &g, ret_plan);
        i = g.last;
    }
    return 0;
}

static void absorb_group(const struct inst *inst, const struct xfer *x, uint16_t first,
                         struct outcome *out)
{
    const struct map_row *rows = rows_of(inst);
    struct row_group g = group_from(inst, first);

    for (uint16_t i = first; i <= g.last; i++)
        if (row_polled(inst, &rows[i]))
            row_emit(inst, &rows[i], row_raw_at(&rows[i], x, g.start), out);
}

void rows_plan_read(const struct inst *inst, uint16_t index, uint16_t tag, struct plan *plan)
{
    const struct map_row *row = &rows_of(inst)[index];
    struct xfer *x = plan_modbus_read(plan, inst, tag, row->addr, row_words(row));

    if (x != NULL)
        x->tx[1] = row_function(row);
}

void rows_absorb_read(const struct inst *inst, uint16_t index, const struct xfer *x,
                      struct outcome *out)
{
    const struct map_row *row = &rows_of(inst)[index];

    row_emit(inst, row, row_raw_at(row, x, row->addr), out);
}

/* ---- Setting ---- */

/* The number a register counts, as the bits of its type. E_RANGE: it has no room there. */
static int row_bits(const struct map_row *row, double raw, uint32_t *ret_bits)
{
    double least = 0, most = 65535;

    if (row->type == ROW_F32) {
        float f = (float)raw;

        if (!isfinite(f))
            return E_RANGE;
        memcpy(ret_bits, &f, sizeof(*ret_bits));
        return 0;
    }
    raw = floor(raw + 0.5);
    if (row->type == ROW_I16) {
        least = -32768;
        most = 32767;
    } else if (row->type == ROW_U32) {
        most = 4294967295.0;
    } else if (row->type == ROW_I32) {
        least = -2147483648.0;
        most = 2147483647.0;
    } else if (row->type == ROW_COIL || row->type == ROW_BIT) {
        most = 1;
    }
    if (!(raw >= least && raw <= most))
        return E_RANGE;
    *ret_bits = (uint32_t)(int64_t)raw;
    return 0;
}

/* The value as the register holds it. E_RANGE: it has no room there. */
static int row_encode(const struct map_row *row, double value, uint16_t ret_words[2])
{
    bool low_first = (row->flags & ROW_WORDS_SWAPPED) != 0;
    uint32_t bits;
    int r = row_bits(row, (value - row->offset) / row->scale, &bits);

    if (r != 0)
        return r;
    if (row_words(row) == 1) {
        ret_words[0] = order_bytes(row, (uint16_t)(bits & 0xFFFF));
        return 0;
    }
    ret_words[low_first ? 1 : 0] = order_bytes(row, (uint16_t)(bits >> 16));
    ret_words[low_first ? 0 : 1] = order_bytes(row, (uint16_t)(bits & 0xFFFF));
    return 0;
}

int row_holds(const struct map_row *row, double value)
{
    uint16_t words[2];

    return row_encode(row, value, words);
}

/* Functions 15 and 16, whatever the number of registers; 23 reads the row back in the same
 * request, for there the write comes first. */
static struct xfer *plan_many(struct plan *plan, const struct inst *inst, uint16_t tag,
                              const struct map_row *row, uint16_t addr, const uint16_t *words)
{
    uint16_t n = row_words(row);
    struct xfer *x = plan_add(plan, tag);
    uint8_t *p;

    if (x == NULL)
        return NULL;
    x->retry = RETRY_AFTER_READBACK;
    p = x->tx;
    *p++ = (uint8_t)inst->unit;
    if ((row->flags & ROW_READ_WRITE) != 0) {
        *p++ = FN_READ_WRITE;
        modbus_put_u16(p, row->addr);
        modbus_put_u16(p + 2, n);
        p += 4;
    } else {
        *p++ = row->type == ROW_COIL ? FN_WRITE_COILS : FN_WRITE_REGISTERS;
    }
    modbus_put_u16(p, addr);
    modbus_put_u16(p + 2, n);
    p += 4;
    if (row->type == ROW_COIL) {
        *p++ = 1;
        *p++ = words[0] != 0;
    } else {
        *p++ = (uint8_t)(2 * n);
        for (uint16_t i = 0; i < n; i++, p += 2)
            modbus_put_u16(p, words[i]);
    }
    x->tx_len = (uint16_t)(p - x->tx);
    return x;
}

static bool row_sets_elsewhere(const struct map_row *row)
{
    return row->set_addr != 0 || (row->flags & ROW_SET_ELSEWHERE) != 0;
}

static void plan_row_write(const struct inst *inst, uint16_t index, uint16_t chan, double value,
                           const uint16_t *words, struct plan *plan)
{
    const struct map_row *row = &rows_of(inst)[index];
    bool both = (row->flags & ROW_READ_WRITE) != 0;
    uint16_t addr = row_sets_elsewhere(row) ? row->set_addr : row->addr;
    uint16_t tag = (uint16_t)(ROW_TAG | ROW_WRITE | (both ? ROW_READBACK : 0) | index);
    struct xfer *x;

    if (both || (row->flags & ROW_WRITE_MANY) != 0)
        x = plan_many(plan, inst, tag, row, addr, words);
    else if (row->type == ROW_COIL)
        x = plan_modbus_coil(plan, inst, tag, addr, words[0] != 0);
    else
        x = plan_modbus_write(plan, inst, tag, addr, words, row_words(row));
    if (x != NULL) {
        x->chan = chan;
        x->want = value;
    }
}

int rows_plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *ret_plan)
{
    const struct map_row *rows = rows_of(inst);
    uint16_t words[2] = {0, 0};
    uint16_t i = 0, before = ret_plan->n;
    int r;

    while (rows != NULL && rows[i].chan != NULL &&
           strcmp(rows[i].chan, inst->chans[chan].name) != 0)
        i++;
    /* A bit cannot be written without knowing its fifteen neighbours; an input only where its
     * output lies elsewhere. */
    if (rows == NULL || rows[i].chan == NULL || rows[i].type == ROW_BIT ||
        ((rows[i].flags & ROW_INPUT_REGISTER) != 0 && !row_sets_elsewhere(&rows[i])))
        return E_UNSUPPORTED;
    r = row_encode(&rows[i], value, words);
    if (r != 0)
        return r;
    plan_row_write(inst, i, chan, value, words, ret_plan);
    if ((rows[i].flags & (ROW_NO_READBACK | ROW_READ_WRITE)) != 0)
        return 0;
    rows_plan_read(inst, i, (uint16_t)(ROW_TAG | ROW_READBACK | i), ret_plan);
    if (!ret_plan->overflow && ret_plan->n == before + 2) {
        ret_plan->x[before + 1].chan = chan;
        ret_plan->x[before + 1].want = value;
    }
    return 0;
}

static int absorb_failure(const struct xfer *x, struct outcome *out)
{
    if (x->outcome == XFER_REFUSED && (x->tag & ROW_WRITE) != 0)
        driver_notice_fmt(out, NOTICE_SET_REFUSED, x->chan, x->want, "refused with exception %u",
                          (unsigned)x->refusal);
    return 0;
}

int rows_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    uint16_t index = x->tag & ROW_INDEX;
    const struct map_row *row;
    uint8_t exception;

    if (x->tag < ROW_TAG)
        return E_NOT_MINE;
    if (x->outcome != XFER_REPLY)
        return absorb_failure(x, out);
    if (modbus_answers(x->tx, x->tx_len, x->rx, x->rx_len, &exception) != 0)
        return E_GARBLED;
    row = &rows_of(inst)[index];
    if ((x->tag & ROW_READBACK) != 0) {
        driver_set_result(out, inst, x, row_raw_at(row, x, row->addr) * row->scale + row->offset);
    } else if ((x->tag & ROW_WRITE) != 0) {
        if ((row->flags & ROW_NO_READBACK) != 0)
            driver_set_result(out, inst, x, x->want);
    } else {
        absorb_group(inst, x, index, out);
    }
    return 0;
}
