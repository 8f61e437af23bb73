/* benchctl/box.h - the virtual twin of a generic-modbus box: what stands in its tables when the bench begins, and which terminal a channel of the bench file is. */
#ifndef BENCHCTL_BOX_H
#define BENCHCTL_BOX_H

#include "benchctl/bench.h"
#include "drivers/virtual/generic_modbus.h"

enum { BOX_PRESETS_MAX = BENCH_INTERLOCKS_MAX + 16 };
struct box {
    struct generic_modbus_model model;
    struct box_preset preset[BOX_PRESETS_MAX];
};

bool box_is(const struct bench_inst *in);
/* Healthy contacts, the words that identify looks for, and the watchdog's coil. ret stays where it is while the emulator lives. */
int box_model(const struct bench *b, int inst, struct box *ret, struct diag *reterr) MUST_USE;
/* Terminal of a contact for emu.hand; E_UNSUPPORTED when no hand can reach it. */
int box_terminal(const struct bench_inst *in, uint16_t chan, uint32_t *ret_what) MUST_USE;

#endif
