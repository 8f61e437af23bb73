/* drivers/generic_modbus_rows.c - from the bench file to the rows of generic-modbus: how each is
 * read and written, and the identify request, chosen so that its reply has the shape of no poll's.
 */
#include "drivers/generic_modbus_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

const char *const modbus_order_names[] = {"ABCD", "CDAB", "BADC", "DCBA", NULL};
static const uint8_t order_flags[] = {0, ROW_WORDS_SWAPPED, ROW_BYTES_SWAPPED,
                                      ROW_WORDS_SWAPPED | ROW_BYTES_SWAPPED};
static const char *const type_names[] = {"u16", "i16", "u32", "i32", "f32", "bit", "coil", NULL};
static const char *const access_names[] = {"read", "set", "read-set", NULL};
static const enum chan_access accesses[] = {CHAN_READ, CHAN_SET, CHAN_READ_SET};

struct row_conf {
    struct generic_conf g;
    int32_t type, reg, function, write, write_register, bit, word_order, access;
    double scale, offset, over;
    bool readback;
    struct conf_texts states;
    const struct conf_node *off;
};

/* clang-format off */
static const struct conf_key row_keys[] = {
    GENERIC_KEYS(struct row_conf),
    {.name = "type", .type = CONF_ENUM, .required = true, .choices = type_names,
     .offset = CONF_OFFSET(row_conf, type),
     .help = "u16, i16, u32, i32, f32, bit (of a register) or coil"},
    {.name = "register", .type = CONF_INT, .required = true, .min = 0, .max = 65535,
     .offset = CONF_OFFSET(row_conf, reg),
     .help = "its number, or that of the coil"},
    {.name = "function", .type = CONF_INT, .min = 1, .max = 4,
     .offset = CONF_OFFSET(row_conf, function),
     .help = "that reads it: 3 or 4; of a coil 1 or 2; 3 and 1 if absent"},
    {.name = "write", .type = CONF_INT, .min = 5, .max = 23,
     .offset = CONF_OFFSET(row_conf, write),
     .help = "function that writes it: 6, 16 or 23; of a coil 5 or 15; 6 (two words: 16) and "
             "5 if absent"},
    {.name = "write_register", .type = CONF_INT, .min = 0, .max = 65535,
     .offset = CONF_OFFSET(row_conf, write_register),
     .help = "where it is written, if not where it is read"},
    {.name = "bit", .type = CONF_INT, .min = 0, .max = 15, .offset = CONF_OFFSET(row_conf, bit),
     .help = "type bit: which, 0 is the lowest"},
    {.name = "word_order", .type = CONF_ENUM, .choices = modbus_order_names,
     .offset = CONF_OFFSET(row_conf, word_order),
     .help = "of the four bytes of 32 bits; of 16 bits BADC means low byte first"},
    {.name = "access", .type = CONF_ENUM, .choices = access_names,
     .offset = CONF_OFFSET(row_conf, access),
     .help = "read, set (read back only), read-set; read if absent"},
    {.name = "scale", .type = CONF_QTY, .dims = DIM_NONE, .offset = CONF_OFFSET(row_conf, scale),
     .help = "value = raw x scale + offset, in the row's unit; 1 if absent"},
    {.name = "offset", .type = CONF_QTY, .dims = DIM_NONE, .offset = CONF_OFFSET(row_conf, offset),
     .help = "0 if absent"},
    {.name = "over", .type = CONF_QTY, .dims = DIM_NONE, .offset = CONF_OFFSET(row_conf, over),
     .help = "raw value that stands for a broken sensor"},
    {.name = "readback", .type = CONF_BOOL, .offset = CONF_OFFSET(row_conf, readback),
     .help = "no: a set is not read back, its acknowledgement is taken for the proof"},
    {.name = "states", .type = CONF_TEXTS, .offset = CONF_OFFSET(row_conf, states),
     .help = "names of the values 0, 1, 2 ..."},
    {.name = "off", .type = CONF_NODE, .offset = CONF_OFFSET(row_conf, off),
     .help = "value that makes it harmless: written, in the order of the rows, by every safe"},
    {0},
};
/* clang-format on */
static const struct schema row_schema = {.name = "rows", .keys = row_keys};

struct probe_conf {
    int32_t reg, function, count;
    struct conf_texts words;
};
/* clang-format off */
static const struct conf_key probe_keys[] = {
    {.name = "register", .type = CONF_INT, .required = true, .min = 0, .max = 65535,
     .offset = CONF_OFFSET(probe_conf, reg),
     .help = "first one"},
    {.name = "function", .type = CONF_INT, .min = 1, .max = 4,
     .offset = CONF_OFFSET(probe_conf, function),
     .help = "3 if absent"},
    {.name = "count", .type = CONF_INT, .min = 1, .max = MODBUS_READ_MAX,
     .offset = CONF_OFFSET(probe_conf, count),
     .help = "how many; as many as words if absent"},
    {.name = "words", .type = CONF_TEXTS, .offset = CONF_OFFSET(probe_conf, words),
     .help = "what must stand there; absent: anything"},
    {0},
};
/* clang-format on */
static const struct schema probe_schema = {.name = "identify", .keys = probe_keys};

/* ---- Rows ---- */

/* What the raw numbers of this type can say. */
static void type_range(const struct map_row *row, struct chan *chan)
{
    static const double most[][2] = {
        [ROW_U16] = {0,           65535     },
          [ROW_I16] = {-32768,      32767     },
        [ROW_U32] = {0,           4294967295},
          [ROW_I32] = {-2147483648, 2147483647},
        [ROW_F32] = {-3e38,       3e38      },
          [ROW_BIT] = {0,           1         },
        [ROW_COIL] = {0,           1         },
    };
    double a = most[row->type][0] * row->scale + row->offset;
    double b = most[row->type][1] * row->scale + row->offset;

    chan->min = fmin(a, b);
    chan->max = fmax(a, b);
    chan->resolution = row->type == ROW_F32 ? 0 : fabs(row->scale);
}

static int say(const struct conf_node *entry, const char *key, const char *text, const char *hint,
               struct diag *reterr)
{
    diag_at(reterr, E_INVALID, generic_pos(entry, key), "%s", text);
    if (hint != NULL)
        diag_hint(reterr, "%s", hint);
    return E_INVALID;
}

/* How it is read. */
static int take_function(const struct conf_node *entry, const struct row_conf *c,
                         struct map_row *row, struct diag *reterr)
{
    bool coil = row->type == ROW_COIL;
    int32_t function = c->function != 0 ? c->function : coil ? 1 : 3;

    if (coil != (function <= 2))
        return say(entry, "function", "this function does not read this type",
                   "1 or 2 for a coil, 3 or 4 for registers", reterr);
    if (function == 2 || function == 4)
        row->flags |= ROW_INPUT_REGISTER;
    if ((row->type == ROW_BIT) != (conf_get(entry, "bit") != NULL))
        return say(entry, "bit", "type bit and key bit belong together", "bit: 0 is the lowest",
                   reterr);
    row->bit = (uint8_t)c->bit;
    return 0;
}

/* How it is written. */
static int take_write(const struct conf_node *entry, const struct row_conf *c, struct map_row *row,
                      struct diag *reterr)
{
    bool coil = row->type == ROW_COIL, two = row_words(row) == 2;
    int32_t usual = coil ? 5 : two ? 16 : 6;
    int32_t fn = c->write != 0 ? c->write : usual;

    if (accesses[c->access] == CHAN_READ) {
        if (c->write != 0 || c->write_register >= 0 || c->off != NULL || !c->readback)
            return say(entry, "access", "it is read only, and keys of writing are given",
                       "access: set or read-set", reterr);
        return 0;
    }
    if (row->type == ROW_BIT)
        return say(entry, "type", "a bit cannot be set: its fifteen neighbours are not known", NULL,
                   reterr);
    if (coil ? fn != 5 && fn != 15 : fn != 16 && fn != 23 && (fn != 6 || two))
        return say(entry, "write", "this function does not write this type",
                   "5 or 15 for a coil, 6 or 16 or 23 for a register, 16 or 23 for two", reterr);
    if ((row->flags & ROW_INPUT_REGISTER) != 0 && c->write_register < 0)
        return say(entry, "function", "an input cannot be written",
                   "write_register: where its output lies", reterr);
    if (fn == 23 && ((row->flags & ROW_INPUT_REGISTER) != 0 || !c->readback))
        return say(entry, "write",
                   "function 23 reads back what it writes, from function 3's registers", NULL,
                   reterr);
    if (fn == 15 || fn == 16)
        row->flags |= ROW_WRITE_MANY;
    if (fn == 23)
        row->flags |= ROW_READ_WRITE;
    if (!c->readback)
        row->flags |= ROW_NO_READBACK;
    return 0;
}

static int number_of(const struct modbus_param *p, const struct conf_node *entry, const char *key,
                     int32_t reg, uint16_t *ret_addr, struct diag *reterr)
{
    if (reg < p->registers_from)
        return say(entry, key, "registers are counted from 1 here", "registers_from: 0", reterr);
    *ret_addr = (uint16_t)(reg - p->registers_from);
    return 0;
}

static int take_place(const struct modbus_param *p, const struct conf_node *entry,
                      const struct row_conf *c, struct map_row *row, struct diag *reterr)
{
    int r = number_of(p, entry, "register", c->reg, &row->addr, reterr);

    if (r == 0 && c->write_register >= 0) {
        row->flags |= ROW_SET_ELSEWHERE;
        r = number_of(p, entry, "write_register", c->write_register, &row->set_addr, reterr);
    }
    if (r == 0 && row->addr + row_words(row) > 65536)
        r = say(entry, "register", "its second word lies beyond the last register", NULL, reterr);
    return r;
}

static int take_order(const struct modbus_param *p, const struct conf_node *entry,
                      const struct row_conf *c, struct map_row *row, struct diag *reterr)
{
    bool said = c->word_order >= 0;
    uint8_t flags = order_flags[said ? c->word_order : p->word_order];

    if (row_words(row) == 2) {
        row->flags |= flags;
        return 0;
    }
    if (said && (row->type == ROW_COIL || (flags & ROW_WORDS_SWAPPED) != 0))
        return say(entry, "word_order", "there is only one word",
                   "BADC where its low byte comes first", reterr);
    if (said)
        row->flags |= flags;
    return 0;
}

static int take_kind(const struct conf_node *entry, const struct row_conf *c,
                     const struct map_row *row, struct conf_doc *doc, struct chan *chan,
                     struct diag *reterr)
{
    const char **names;

    if (row->type == ROW_COIL || row->type == ROW_BIT)
        chan->kind = KIND_SWITCH;
    if (c->states.n == 1)
        return say(entry, "states", "one state alone is none", NULL, reterr);
    if (c->states.n > 0) {
        names = arena_alloc(&doc->arena, (c->states.n + 1) * sizeof(*names));
        memcpy(names, c->states.text, c->states.n * sizeof(*names));
        chan->states = names;
        chan->kind = KIND_STATE;
    }
    if ((chan->kind == KIND_SWITCH || chan->kind == KIND_STATE) &&
        (c->g.unit != NULL || conf_get(entry, "scale") != NULL ||
         conf_get(entry, "offset") != NULL))
        return say(entry, "unit", "a switch or a state has neither unit nor scale", NULL, reterr);
    if (chan->kind == KIND_STATE && row->type != ROW_U16 && row->type != ROW_I16)
        return say(entry, "states", "states belong to u16 and i16", NULL, reterr);
    return 0;
}

/* Value of `off`, and what hangs on it. */
static int take_off(const struct conf_node *node, const struct map_row *row, uint16_t index,
                    struct chan *chan, struct modbus_param *p, struct diag *reterr)
{
    double value;
    int r;

    if (node == NULL)
        return 0;
    r = generic_value(node, chan, &value, reterr);
    if (r < 0)
        return r;
    if (row_holds(row, value) != 0 || (row->flags & ROW_NO_READBACK) != 0)
        return diag_at(reterr, E_RANGE, &node->pos, "%s",
                       row_holds(row, value) != 0
                           ? "the register cannot hold this value"
                           : "an off that cannot be read back proves nothing");
    if (p->n_off == OFFS_MAX)
        return diag_at(reterr, E_FULL, &node->pos, "more than %d channels with off", OFFS_MAX);
    chan->safety = true;
    p->off[p->n_off++] = (struct off){index, value};
    return 0;
}

static int make_row(const struct inst *inst, struct modbus_param *p, const struct conf_node *entry,
                    struct conf_doc *doc, struct map_row *ret_row, struct chan *ret_chan,
                    struct diag *reterr)
{
    struct row_conf c = {.g.poll = true,
                         .write_register = -1,
                         .word_order = -1,
                         .scale = 1,
                         .over = (double)NAN,
                         .readback = true};
    struct map_row row = {.flags = 0};
    struct chan chan;
    struct generic_unit unit;
    int r = conf_apply(entry, &row_schema, &c, doc, reterr);

    if (r == 0)
        r = generic_begin(inst, entry, &c.g, &chan, &unit, reterr);
    if (r < 0)
        return r;
    chan.access = accesses[c.access];
    chan.polled = c.g.poll && (chan.access & CHAN_READ) != 0;
    row.chan = chan.name;
    row.type = (enum row_type)c.type;
    row.over = c.over;
    row.scale = c.scale * unit.scale;
    row.offset = c.offset * unit.scale + unit.offset;
    if (!(fabs(row.scale) > 0))
        return say(entry, "scale", "a scale of zero", NULL, reterr);
    if ((r = take_place(p, entry, &c, &row, reterr)) < 0 ||
        (r = take_function(entry, &c, &row, reterr)) < 0 ||
        (r = take_write(entry, &c, &row, reterr)) < 0 ||
        (r = take_order(p, entry, &c, &row, reterr)) < 0 ||
        (r = take_kind(entry, &c, &row, doc, &chan, reterr)) < 0)
        return r;
    type_range(&row, &chan);
    if (chan.kind == KIND_STATE) {
        chan.min = 0;
        chan.max = c.states.n - 1.0;
    }
    r = generic_finish(entry, &c.g, &chan, reterr);
    r = r == 0 ? take_off(c.off, &row, inst->n_chans, &chan, p, reterr) : r;
    if (r == 0) {
        *ret_row = row;
        *ret_chan = chan;
    }
    return r;
}

/* Neighbours are read in one request: by function, then by register. The channels keep the order
 * of the file. */
static void sort_rows(struct map_row *row, uint16_t n)
{
    for (uint16_t i = 1; i < n; i++) {
        struct map_row one = row[i];
        uint16_t at = i;

        for (; at > 0; at--) {
            const struct map_row *before = &row[at - 1];
            int order = row_function(before) - row_function(&one);

            if (order < 0 || (order == 0 && before->addr <= one.addr))
                break;
            row[at] = *before;
        }
        row[at] = one;
    }
}

/* ---- The identify request ---- */

static unsigned reply_bytes(uint8_t function, uint16_t n)
{
    return function <= 2 ? (n + 7U) / 8U : 2U * n;
}

static bool same_shape(const struct xfer *x, uint8_t function, uint16_t n)
{
    return x->tx[1] == function &&
           reply_bytes(function, modbus_get_u16(x->tx + 4)) == reply_bytes(function, n);
}

/* Could a late reply to a poll pass for the answer? */
static bool looks_like_a_poll(const struct plan *poll, uint8_t function, uint16_t n)
{
    for (uint16_t i = 0; i < poll->n; i++)
        if (same_shape(&poll->x[i], function, n))
            return true;
    return false;
}

/* Any run of neighbouring rows that no poll reads as such. */
static bool find_probe(const struct map_row *row, uint16_t n, const struct plan *poll,
                       uint8_t flags_not, struct probe *ret)
{
    for (uint16_t i = 0; i < n; i++) {
        uint8_t function = row_function(&row[i]);
        unsigned end = row[i].addr;

        for (uint16_t k = i; k < n; k++) {
            unsigned words;

            if ((row[k].flags & flags_not) != 0 || row_function(&row[k]) != function ||
                row[k].addr > end)
                break;
            if ((unsigned)row[k].addr + row_words(&row[k]) > end)
                end = (unsigned)row[k].addr + row_words(&row[k]);
            words = end - row[i].addr;
            if (words > MODBUS_READ_MAX || looks_like_a_poll(poll, function, (uint16_t)words))
                continue;
            *ret = (struct probe){function, row[i].addr, (uint16_t)words, 0, {0}};
            return true;
        }
    }
    return false;
}

static int read_words(const struct conf_node *entry, const struct conf_texts *words,
                      struct probe *ret, struct diag *reterr)
{
    const struct conf_node *node = conf_get(entry, "words");

    if (words->n > WORDS_MAX)
        return diag_at(reterr, E_FULL, &node->pos, "more than %d words", WORDS_MAX);
    for (unsigned i = 0; i < words->n; i++) {
        int64_t v;

        if (str_to_int(words->text[i], strlen(words->text[i]), &v) != 0 || v < 0 || v > 65535)
            return diag_at(reterr, E_RANGE, &node->pos, "`%s` is no register: 0 to 65535",
                           words->text[i]);
        ret->word[i] = (uint16_t)v;
    }
    ret->n_words = (uint16_t)words->n;
    return 0;
}

static int read_probe(const struct modbus_param *p, const struct plan *poll, struct conf_doc *doc,
                      struct probe *ret, struct diag *reterr)
{
    struct probe_conf c = {.function = 3};
    int r = conf_apply(p->identify, &probe_schema, &c, doc, reterr);

    if (r == 0)
        r = number_of(p, p->identify, "register", c.reg, &ret->addr, reterr);
    if (r == 0)
        r = read_words(p->identify, &c.words, ret, reterr);
    if (r < 0)
        return r;
    ret->function = (uint8_t)c.function;
    ret->n = (uint16_t)(c.count > 0 ? c.count : ret->n_words);
    if (ret->n == 0 || ret->n < ret->n_words || (ret->n_words > 0 && c.function <= 2))
        return say(p->identify, "count", "neither a count nor as many words of registers", NULL,
                   reterr);
    if (looks_like_a_poll(poll, ret->function, ret->n))
        return say(p->identify, "count", "a poll has a reply of the same length",
                   "a late one could pass for it: read more or fewer", reterr);
    return 0;
}

static int make_probe(const struct inst *inst, struct modbus_param *p, const struct conf_node *list,
                      struct conf_doc *doc, struct diag *reterr)
{
    struct probe *probe = arena_alloc(&doc->arena, sizeof(*probe));
    struct plan *poll = arena_alloc(&doc->arena, sizeof(*poll));

    p->probe = probe;
    (void)rows_plan_poll(inst, poll);
    if (p->identify != NULL)
        return read_probe(p, poll, doc, probe, reterr);
    /* What is not read back after a set can as a rule be read all the same. */
    if (find_probe(inst->rows, inst->n_chans, poll, ROW_NO_READBACK, probe) ||
        find_probe(inst->rows, inst->n_chans, poll, 0, probe))
        return 0;
    diag_at(reterr, E_INVALID, &list->pos,
            "whatever could be asked first has a reply of a poll's length");
    diag_hint(reterr, "identify: {register: N, count: M}, or a row with poll: no");
    return E_INVALID;
}

int modbus_make_chans(struct inst *inst, void *param, const struct conf_node *node,
                      struct conf_doc *doc, struct diag *reterr)
{
    struct modbus_param *p = param;
    const struct conf_node *list = generic_list(node, "rows", reterr);
    struct map_row *row;
    int r = 0;

    if (list == NULL)
        return E_INVALID;
    row = arena_alloc(&doc->arena, (list->n + 1) * sizeof(*row));
    inst->n_chans = 0;
    p->n_off = 0;
    for (const struct conf_node *e = list->first; e != NULL; e = e->next) {
        int one =
            make_row(inst, p, e, doc, &row[inst->n_chans], &inst->chans[inst->n_chans], reterr);

        if (one == 0)
            inst->n_chans++;
        r = r < 0 ? r : one;
    }
    if (r < 0)
        return r;
    sort_rows(row, inst->n_chans);
    inst->rows = row;
    p->n_rows = inst->n_chans;
    return make_probe(inst, p, list, doc, reterr);
}
