/* drivers/generic.c - channels out of the bench file, for the generic drivers. */
#include "drivers/generic_priv.h"

#include "base/str.h"

#include <float.h>
#include <math.h>
#include <string.h>

const struct diag_pos *generic_pos(const struct conf_node *entry, const char *key)
{
    const struct conf_node *n = conf_get(entry, key);

    return n != NULL ? &n->pos : &entry->pos;
}

const struct conf_node *generic_list(const struct conf_node *node, const char *key,
                                     struct diag *reterr)
{
    const struct conf_node *list = node->kind == CONF_MAP ? conf_get(node, key) : node;

    if (list == NULL || list->kind != CONF_SEQ) {
        diag_at(reterr, E_INVALID, &node->pos, "`%s` is a list of channels", key);
        diag_hint(reterr, "- {name: ..., ...}, one entry a channel");
        return NULL;
    }
    if (list->n == 0 || list->n > CHANNELS_MAX) {
        diag_at(reterr, list->n == 0 ? E_INVALID : E_FULL, &list->pos,
                "an instrument has 1 to %d channels, these are %u", CHANNELS_MAX, list->n);
        if (list->n > 0)
            diag_hint(reterr, "make two instruments of it");
        return NULL;
    }
    return list;
}

/* ---- Unit and kind ---- */

/* The first kind of that dimension; switch and state have none to be found by. */
static int kind_of(struct dims dims, enum chan_kind *ret_kind)
{
    static const enum chan_kind kinds[] = {
        KIND_VOLTAGE_V,   KIND_CURRENT_A, KIND_POWER_W,        KIND_TEMPERATURE_K,
        KIND_PRESSURE_PA, KIND_FORCE_N,   KIND_FLOW_MOL_S,     KIND_FRACTION,
        KIND_CHARGE_C,    KIND_ENERGY_J,  KIND_RESISTANCE_OHM,
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (dims_equal(chan_kind_info(kinds[i])->dims, dims)) {
            *ret_kind = kinds[i];
            return 0;
        }
    return E_UNIT;
}

static int take_unit(const struct conf_node *entry, const char *unit, struct chan *chan,
                     struct generic_unit *ret, struct diag *reterr)
{
    char name[64];
    int r;

    *ret = (struct generic_unit){.scale = 1};
    if (unit == NULL)
        return 0;
    r = unit_parse(unit, strlen(unit), &ret->scale, &ret->offset, &ret->dims);
    if (r < 0)
        return diag_at(reterr, r, generic_pos(entry, "unit"), "`%s` is not a known unit", unit);
    if (kind_of(ret->dims, &chan->kind) == 0)
        return 0;
    diag_at(reterr, E_UNIT, generic_pos(entry, "unit"), "there are no channels of %s",
            dims_name(ret->dims, name, sizeof(name)));
    diag_hint(reterr, "leave the unit out: then it is a plain number");
    return E_UNIT;
}

static int take_name(const struct inst *inst, const struct conf_node *entry, const char *name,
                     struct chan *chan, struct diag *reterr)
{
    if (strchr(name, '.') != NULL) {
        diag_at(reterr, E_INVALID, generic_pos(entry, "name"), "`%s` holds a point", name);
        diag_hint(reterr, "the point stands between instrument and channel");
        return E_INVALID;
    }
    for (uint16_t i = 0; i < inst->n_chans; i++)
        if (strcmp(inst->chans[i].name, name) == 0)
            return diag_at(reterr, E_EXISTS, generic_pos(entry, "name"),
                           "there is a channel `%s` already", name);
    chan->name = name;
    return 0;
}

int generic_begin(const struct inst *inst, const struct conf_node *entry,
                  const struct generic_conf *g, struct chan *ret_chan,
                  struct generic_unit *ret_unit, struct diag *reterr)
{
    struct chan chan = {.kind = KIND_COUNT, .polled = g->poll};
    int r = take_name(inst, entry, g->name, &chan, reterr);

    if (r == 0)
        r = take_unit(entry, g->unit, &chan, ret_unit, reterr);
    if (r == 0)
        *ret_chan = chan;
    return r;
}

/* ---- Values ---- */

static int value_state(const struct conf_node *node, const struct chan *chan, double *ret_value,
                       struct diag *reterr)
{
    int64_t number;
    const char *near;

    for (int i = 0; chan->states[i] != NULL; i++)
        if (strcmp(chan->states[i], node->text) == 0) {
            *ret_value = i;
            return 0;
        }
    if (str_to_int(node->text, strlen(node->text), &number) == 0 && number >= 0 &&
        (double)number <= chan->max) {
        *ret_value = (double)number;
        return 0;
    }
    near = str_nearest(node->text, chan->states);
    diag_at(reterr, E_INVALID, &node->pos, "`%s` is none of the states of `%s`", node->text,
            chan->name);
    if (near != NULL)
        diag_hint(reterr, "did you mean %s?", near);
    return E_INVALID;
}

static int value_switch(const struct conf_node *node, double *ret_value, struct diag *reterr)
{
    bool on = strcmp(node->text, "on") == 0 || strcmp(node->text, "1") == 0;

    if (!on && strcmp(node->text, "off") != 0 && strcmp(node->text, "0") != 0) {
        diag_at(reterr, E_INVALID, &node->pos, "`%s` is neither on nor off", node->text);
        diag_hint(reterr, "on, off, 1 or 0");
        return E_INVALID;
    }
    *ret_value = on;
    return 0;
}

int generic_value(const struct conf_node *node, const struct chan *chan, double *ret_value,
                  struct diag *reterr)
{
    const struct chan_kind_info *k = chan_kind_info(chan->kind);
    struct qty q;
    int r;

    if (node->kind == CONF_SCALAR && chan->states != NULL)
        return value_state(node, chan, ret_value, reterr);
    if (node->kind == CONF_SCALAR && chan->kind == KIND_SWITCH)
        return value_switch(node, ret_value, reterr);
    r = conf_qty(node, &k->dims, &q, reterr);
    if (r == 0)
        *ret_value = q.si;
    return r;
}

/* A step or an error: a temperature is a difference here. */
static int take_step(const struct conf_node *node, const struct chan *chan, double *ret_value,
                     struct diag *reterr)
{
    struct qty q;
    int r;

    if (node == NULL)
        return 0;
    r = conf_qty(node, &chan_kind_info(chan->kind)->dims, &q, reterr);
    if (r < 0)
        return r;
    if (q.point)
        return diag_at(reterr, E_UNIT, &node->pos, "a difference of temperature is given in K");
    if (!(q.si > 0))
        return diag_at(reterr, E_RANGE, &node->pos, "it must be above zero");
    *ret_value = q.si;
    return 0;
}

/* ---- Range ---- */

static int take_end(const struct conf_node *entry, const char *key, const struct conf_node *node,
                    const struct chan *chan, double *ret_end, struct diag *reterr)
{
    double v;
    int r;

    if (node == NULL && (chan->access & CHAN_SET) == 0)
        return 0;
    if (node == NULL) {
        diag_at(reterr, E_INVALID, &entry->pos, "`%s` is set and has no %s", chan->name, key);
        diag_hint(reterr, "min and max: values outside are refused");
        return E_INVALID;
    }
    r = generic_value(node, chan, &v, reterr);
    if (r < 0)
        return r;
    if (!(v >= chan->min && v <= chan->max))
        return diag_at(reterr, E_RANGE, &node->pos, "the wire cannot hold this value");
    *ret_end = v;
    return 0;
}

int generic_finish(const struct conf_node *entry, const struct generic_conf *g, struct chan *chan,
                   struct diag *reterr)
{
    bool named = chan->kind == KIND_SWITCH || chan->kind == KIND_STATE;
    double min = chan->min, max = chan->max;
    int r = 0;

    if (!named) {
        r = take_end(entry, "min", g->min, chan, &min, reterr);
        r = r == 0 ? take_end(entry, "max", g->max, chan, &max, reterr) : r;
    } else if (g->min != NULL || g->max != NULL) {
        return diag_at(reterr, E_INVALID, &entry->pos, "a switch or a state has no min and max");
    }
    if (r == 0 && !(min < max))
        r = diag_at(reterr, E_RANGE, generic_pos(entry, "max"), "max is not above min");
    if (r < 0)
        return r;
    chan->min = min;
    chan->max = max;
    r = take_step(g->resolution, chan, &chan->resolution, reterr);
    r = r == 0 ? take_step(g->accuracy, chan, &chan->accuracy_offset, reterr) : r;
    /* What is written in 7 digits or 24 bits is not read back to the last place. */
    if (r == 0 && !(chan->resolution > 0) && (chan->access & CHAN_SET) != 0)
        chan->resolution = 2e-6 * fmax(fabs(min), fabs(max));
    return r;
}
