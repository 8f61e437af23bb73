/* tests/support/emu_rig.h - one emulator on a world that the test holds in its hand. */
#ifndef TESTS_SUPPORT_EMU_RIG_H
#define TESTS_SUPPORT_EMU_RIG_H

#include "base/rng.h"
#include "drivers/virtual/emu.h"

struct emu_rig {
    const struct emu *emu;
    struct emu_param param;
    struct emu_env env;
    struct rng rng;
    struct port_drive drive; /* last one */
    struct port_sense sense; /* what it is told */
    unsigned drives;
    nsec now;
    struct emu_out out;
    char reply[EMU_OUT_BYTES_MAX + 1];
    uint8_t state[EMU_STATE_MAX] __attribute__((aligned(16)));
};

extern const struct emu_error emu_rig_ideal;

void emu_rig_power(struct emu_rig *r);
void emu_rig_begin(struct emu_rig *r, const char *name, uint16_t unit, bool addressed,
                   struct emu_error error);
void emu_rig_bytes(struct emu_rig *r, nsec idle, const void *p, size_t n);
const char *emu_rig_collect(struct emu_rig *r);
const char *emu_rig_say(struct emu_rig *r, const char *text);
void emu_rig_fault(struct emu_rig *r, enum emu_fault f, bool on);
double emu_rig_number(const char *text);
void emu_rig_near(double got, double want, double within);
void emu_rig_every_split(const char *name, uint16_t unit, bool addressed,
                         const struct port_sense *sense, const void *bytes, size_t n);

#define SAYS(r, text, reply) ck_assert_str_eq(emu_rig_say(r, text), reply)

#endif
