/* benchctl/twin.c - see twin.h. */
#include "benchctl/twin.h"

#include "base/str.h"
#include "drivers/ea_psb_priv.h"
#include "drivers/keysight_daq970a_priv.h"

#include <string.h>

/* Index from 1 of the channel in the list; 0: it is not there. */
static uint16_t index_of(const struct bench_chan *list, uint8_t n, int inst, uint16_t chan)
{
    for (uint8_t k = 0; k < n; k++) {
        if (list[k].inst == inst && list[k].chan == chan) {
            return (uint16_t)(k + 1);
        }
    }
    return 0;
}

/* Stations of the world are numbered as those of the bench. */
static bool probe_of(const struct bench *b, int inst, uint16_t chan, bool thermocouple,
                     struct world_probe *ret)
{
    for (uint8_t s = 0; s < b->n_stations; s++) {
        const struct bench_station *st = &b->station[s];
        uint16_t group = index_of(st->group, st->n_groups, inst, chan);
        uint16_t place = index_of(st->place, st->n_places, inst, chan);

        if (group || place) {
            *ret = (struct world_probe){.kind = group ? PROBE_VOLTAGE : PROBE_TEMPERATURE,
                                        .of = s,
                                        .index = group ? group : place};
            return true;
        }
    }
    *ret = (struct world_probe){.kind = PROBE_AMBIENT};
    return thermocouple;
}

static int wire_scanner(const struct bench *b, int inst, struct world *w, struct twin *ret,
                        struct diag *reterr)
{
    const struct bench_inst *in = &b->inst[inst];
    const struct daq_param *p = in->inst.param;

    for (uint16_t c = 0; c < in->inst.n_chans; c++) {
        const struct daq_row *row = &p->row[c];
        struct world_probe probe;
        struct daq_wire *wire = &ret->wire[ret->scanner.n_wires];

        if (!probe_of(b, inst, c, row->thermocouple, &probe)) {
            continue;
        }
        int port = world_add_probe(w, &probe);
        if (port < 0) {
            return diag_at(reterr, port, &in->pos, "the world has no room for `%s.%s`", in->name,
                           in->chans[c].name);
        }
        *wire = (struct daq_wire){.channel = row->number,
                                  .port = (uint16_t)port,
                                  .sensor = row->thermocouple ? DAQ_THERMOCOUPLE : DAQ_LEADS};
        if (row->thermocouple) { /* "CONF:TEMP TC,K" */
            wire->type = row->command[strlen(row->command) - 1];
        }
        ret->scanner.n_wires++;
    }
    ret->scanner.wire = ret->wire;
    return 0;
}

int twin_model(const struct bench *b, int inst, struct world *w, struct twin *ret,
               const void **ret_model, struct diag *reterr)
{
    const struct bench_inst *in = &b->inst[inst];

    memset(ret, 0, sizeof *ret);
    *ret_model = NULL;
    if (strcmp(in->driver->name, "keysight-daq970a") == 0) {
        *ret_model = &ret->scanner;
        return wire_scanner(b, inst, w, ret, reterr);
    }
    if (strcmp(in->driver->name, "ea-psb") == 0) {
        *ret_model = &ret->supply;
        /* what the driver was set up for: the instrument itself says it only when it is asked */
        ret->supply.nominal_v = in->chans[CH_VOLTAGE].resolution * EA_FULL;
        ret->supply.nominal_a = in->chans[CH_CURRENT].resolution * EA_FULL;
        ret->supply.nominal_w = in->chans[CH_POWER].resolution * EA_FULL;
        int r = str_fmt(ret->type, sizeof ret->type, "PSB 10%03.0f-%.0f", ret->supply.nominal_v,
                        ret->supply.nominal_a);
        ASSERT(r == 0);
        ret->supply.type = ret->type;
    }
    return 0;
}
