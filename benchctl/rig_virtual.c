/* benchctl/rig_virtual.c - what only a virtual bench has: faults on order, hands at its contacts, and what its emulators know to be true. */
#include "benchctl/rig.h"

#include <math.h>

int rig_wire_up(struct rig *r, struct diag *reterr)
{
    int e = 0;
    for (uint8_t k = 0; k < r->bench->n_buses && e == 0; k++) {
        if (r->bus_wiring[k].wire == WIRE_MODBUS) {
            e = modbus_lib_open(r->bus_wiring[k].modbus_tcp, &r->lib[k], reterr);
            r->bus_wiring[k].lib = r->lib[k];
        }
    }
    return e;
}

void rig_line_fault(struct rig *r, uint8_t inst, enum line_fault kind, uint32_t count, double late_s)
{
    if (!r->host) {
        return; /* faults of real instruments are made by hand */
    }
    const struct bench_inst *in = &r->bench->inst[inst];
    struct host_fault f = {.kind = (uint8_t)kind, .emu = in->slot, .left = count, .late_by = nsec_from_s(late_s)};
    host_fault(&r->host[in->bus], &f);
}

/* Nobody changes an instrument for its sibling without unplugging it: the newcomer boots and knows nothing of what the other was told. */
void rig_mind_fault(struct rig *r, uint8_t inst, enum emu_fault f, bool on)
{
    if (!r->host) {
        return; /* faults of real instruments are made by hand */
    }
    const struct bench_inst *in = &r->bench->inst[inst];
    if (f == FAULT_WRONG_MODEL) {
        host_mind_fault(&r->host[in->bus], &r->host_wiring[in->bus], in->slot, r->s.now, FAULT_REBOOT, true);
    }
    host_mind_fault(&r->host[in->bus], &r->host_wiring[in->bus], in->slot, r->s.now, f, on);
}

void rig_hand(struct rig *r, uint8_t inst, uint16_t chan, bool closed)
{
    uint32_t what;
    const struct bench_inst *in = &r->bench->inst[inst];
    if (!r->host || box_terminal(in, chan, &what) < 0) {
        return;
    }
    int e = host_hand(&r->host[in->bus], &r->host_wiring[in->bus], in->slot, r->s.now, what, closed);
    ASSERT(e == 0);
}

bool rig_energized(const struct rig *r, uint8_t inst)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    return r->host && in->emu->energized && in->emu->energized(r->host[in->bus].state[in->slot]);
}

double rig_standing(const struct rig *r, uint8_t inst)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    return r->host && in->emu->standing ? in->emu->standing(r->host[in->bus].state[in->slot]) : (double)NAN;
}

uint64_t rig_exchanges(const struct rig *r)
{
    uint64_t n = 0;
    for (uint8_t k = 0; k < r->bench->n_buses; k++) {
        for (uint8_t i = 0; i < r->bus[k].n_insts; i++) {
            n += r->bus[k].inst[i].stats.replies;
        }
    }
    return n;
}
