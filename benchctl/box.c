/* benchctl/box.c - see box.h. */
#include "benchctl/box.h"

#include "drivers/generic_modbus_priv.h"

#include <string.h>

bool box_is(const struct bench_inst *in)
{
    return strcmp(in->driver->name, "generic-modbus") == 0;
}

static const struct map_row *row_of(const struct bench_inst *in, uint16_t chan)
{
    for (uint16_t i = 0; i < in->inst.n_chans; i++) {
        if (strcmp(in->inst.rows[i].chan, in->chans[chan].name) == 0) {
            return &in->inst.rows[i];
        }
    }
    return NULL;
}

static struct box_preset *preset_at(struct box *box, enum box_table table, uint16_t addr)
{
    for (size_t k = 0; k < box->model.n_presets; k++) {
        if (box->preset[k].table == table && box->preset[k].addr == addr) {
            return &box->preset[k];
        }
    }
    ASSERT(box->model.n_presets < BOX_PRESETS_MAX);
    struct box_preset *p = &box->preset[box->model.n_presets++];
    *p = (struct box_preset){.table = table, .addr = addr};
    return p;
}

static void preset_contact(struct box *box, const struct bench_inst *in, const struct bench_interlock *k)
{
    const struct map_row *row = row_of(in, k->chan);
    bool input = row && (row->flags & ROW_INPUT_REGISTER) != 0;
    if (row && row->type == ROW_COIL) {
        preset_at(box, input ? BOX_INPUT : BOX_COIL, row->addr)->word = k->healthy_on;
    } else if (row && k->healthy_on) {
        struct box_preset *p = preset_at(box, input ? BOX_INPUT_REGISTER : BOX_HOLDING, row->addr);
        p->word = (uint16_t)(p->word | 1U << row->bit);
    }
}

static void preset_identity(struct box *box, const struct bench_inst *in)
{
    static const enum box_table tables[] = {[1] = BOX_COIL, [2] = BOX_INPUT, [3] = BOX_HOLDING, [4] = BOX_INPUT_REGISTER};
    const struct modbus_param *p = in->inst.param;
    for (uint16_t i = 0; p->probe && i < p->probe->n_words; i++) {
        preset_at(box, tables[p->probe->function], (uint16_t)(p->probe->addr + i))->word = p->probe->word[i];
    }
}

int box_model(const struct bench *b, int inst, struct box *ret, struct diag *reterr)
{
    const struct bench_inst *in = &b->inst[inst];
    memset(ret, 0, sizeof *ret);
    for (int k = 0; k < b->n_interlocks; k++) {
        if (b->interlock[k].inst == inst) {
            preset_contact(ret, in, &b->interlock[k]);
        }
    }
    preset_identity(ret, in);
    ret->model.preset = ret->preset;
    if (!b->watchdog.there || b->watchdog.inst != inst) {
        return 0;
    }
    const struct map_row *row = row_of(in, b->watchdog.chan);
    if (!row || row->type != ROW_COIL) {
        return diag_at(reterr, E_UNSUPPORTED, &b->watchdog.pos, "the watchdog of a virtual bench is a coil");
    }
    ret->model.watchdog = true;
    ret->model.watchdog_coil = row->flags & ROW_SET_ELSEWHERE || row->set_addr ? row->set_addr : row->addr;
    ret->model.watchdog_period_ms = (uint32_t)(b->watchdog.period_s * 1000.0);
    return 0;
}

int box_terminal(const struct bench_inst *in, uint16_t chan, uint32_t *ret_what)
{
    const struct map_row *row = box_is(in) ? row_of(in, chan) : NULL;
    if (!row || row->type != ROW_COIL || !(row->flags & ROW_INPUT_REGISTER)) {
        return E_UNSUPPORTED;
    }
    *ret_what = BOX_HAND_INPUT + (uint32_t)row->addr;
    return 0;
}
