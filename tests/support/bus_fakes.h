/* tests/support/bus_fakes.h - two small instruments, one of lines and one of registers, whose
 * replies carry the number of the request that they answer.
 *
 * Lines: "ID?" "M?" (three lines) | "P?" "Q?" polls | "S chan value" sets | "T" counts (never to be
 * repeated) | "Z k" safe, all answered alike, k = 0..2. Addressed lines put the unit's letter
 * before requests and replies. Registers: 100..102 identity | 0..1 and 10..14 polls | 20 + chan
 * sets | 30..32 safe: written 0.
 */
#ifndef TESTS_SUPPORT_BUS_FAKES_H
#define TESTS_SUPPORT_BUS_FAKES_H

#include "drivers/driver.h"
#include "drivers/virtual/emu.h"
#include "drivers/wire/line.h"

enum {
    FAKE_LEVEL,
    FAKE_MODE,
    FAKE_COUNT,
    FAKE_P,
    FAKE_Q,
    FAKE_CHANS
};
enum {
    FAKE_SAFE_REQUESTS = 3,
    FAKE_TIMEOUT_MS = 50,
    FAKE_SLOW_MS = 2000
};

extern const struct driver fake_line_crlf, fake_line_cr, fake_line_lf, fake_modbus;
/* The same with a late_ms shorter than replies can be late. */
extern const struct driver fake_line_hasty, fake_modbus_hasty;
/* And with a time-out and late_ms of FAKE_SLOW_MS. */
extern const struct driver fake_line_slow, fake_modbus_slow;
extern const struct emu fake_line_emu, fake_modbus_emu;

struct fake_model { /* emu_param.model */
    const char *line_end;
    nsec think;
    bool tcp;
};

struct fake_state { /* of both emulators */
    char end[3];
    uint8_t unit;
    bool addressed, wrong_model, refuse, ignore;
    nsec think;
    uint32_t n_p, n_q, n_t; /* requests seen */
    uint32_t safe_seen[FAKE_SAFE_REQUESTS];
    uint8_t deaf[FAKE_SAFE_REQUESTS]; /* so many of that safe request go unheard */
    double value[3];
    uint32_t n_writes;
    struct line_reader reader;
    struct modbus_slave slave;
};

#endif
