/* drivers/virtual/emu.h - a virtual instrument: bytes in, bytes out, on a borrowed clock.
 *
 * An emulator is written from the fact sheet, not from the driver; the two share drivers/wire/ and nothing else. It is a pure state machine:
 * the host (memory; pty and TCP later) owns bytes, time and pacing and calls it; physics lives in the world, reached only through the ports of emu_env.
 *
 * Everything an emulator does is a function of its state, the bytes and `now`: the same calls give the same bytes for ever. Chance comes from env->rng
 * and from nowhere else. State is flat (no pointers): it is copied into checkpoints.
 *
 * Several emulators may sit on one line (RS-485): the host gives every byte of the controller to each of them, and each must stay silent unless addressed.
 */
#ifndef DRIVERS_VIRTUAL_EMU_H
#define DRIVERS_VIRTUAL_EMU_H

#include "base/attr.h"
#include "base/nsec.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct schema;

enum { EMU_STATE_MAX = 4096, EMU_OUT_BYTES_MAX = 1024, EMU_OUT_PIECES_MAX = 16, EMU_PORTS_MAX = 4 };

/* ---- The world behind the terminals ---------------------------------------------------------- */

/* A port is one physical quantity between an instrument and what it is wired to. The emulator drives some and senses others; the world
 * (drivers/virtual/world.h) couples them through models/.
 *
 * A source gives its limits, not its result: "at most 4.2 V, at most 2 A, output on". Which limit holds is decided by the cell in the world; the
 * emulator reads back what flows. */
enum port_kind {
    PORT_SOURCE,   /* two-quadrant supply or SMU: drive limits, sense v, i */
    PORT_CHAMBER,  /* drive set-point and on, sense air temperature_k */
    PORT_PRESSURE, /* drive regulator set-point (gauge Pa), sense gauge pressure_pa */
    PORT_FORCE,    /* sense force_n */
    PORT_SENSE,    /* sense the temperature of a station's cell */
    PORT_RELAY,    /* drive on: the bench's watchdog relay is held; off: it has dropped */
    PORT_PROBE,    /* sense one measuring point: a voltage, a temperature, a fixed value (world_add_probe) */
};

struct port_drive {
    bool on;                           /* PORT_SOURCE: relay closed; PORT_CHAMBER: running; PORT_RELAY: held */
    double v_max, v_min, i_max, i_min; /* PORT_SOURCE: compliance box; charge positive. A voltage source at V with current limit I: v_max = v_min = V, i = -I..I.
                                          A current source at I with voltage limit L: i_max = i_min = I, v = -L..L */
    double set;                        /* all others, SI */
};

struct port_sense {
    double value;     /* what a perfect instrument would read, SI */
    double voltage_v; /* PORT_SOURCE: at the terminals, whether the relay is open or not */
    double current_a; /* PORT_SOURCE: charge positive */
    uint8_t limit;    /* PORT_SOURCE: 0 none, 'V' voltage held, 'I' current held */
    bool open;        /* broken sensor, no cell, cable off */
};

/* What an emulator may reach. Port numbers come from the bench file. The world integrates up to `now` on demand, so a fast poll and a slow poll
 * see the same physics. */
struct emu_env {
    void *world;
    void (*drive)(void *world, uint16_t port, nsec now, const struct port_drive *);
    void (*sense)(void *world, uint16_t port, nsec now, struct port_sense *ret_sense);
    struct rng *rng;
};

/* Errors of one physical instrument, drawn once per seed from its stated accuracy; all zero: a perfect one (noise and quantisation off too when ideal). */
struct emu_error {
    bool ideal;    /* no noise, no quantisation beyond the wire's digits, no gain and offset error */
    double gain;   /* in units of the accuracy's reading part: -1 .. 1 */
    double offset; /* in units of the accuracy's offset part: -1 .. 1 */
};

/* ---- Bytes ------------------------------------------------------------------------------------- */

/* Replies are queued with the instant at which their first byte leaves. Pacing on the wire (baud, bits) is the host's business; thinking time is the
 * instrument's. Appending never fails: what does not fit is dropped and counted, as in a real UART. */
struct emu_piece {
    nsec at;
    uint16_t start, n;
};
struct emu_out {
    uint16_t n_bytes, n_pieces;
    uint32_t dropped;
    struct emu_piece piece[EMU_OUT_PIECES_MAX];
    uint8_t bytes[EMU_OUT_BYTES_MAX];
};
void emu_send(struct emu_out *, nsec at, const void *bytes, size_t n);

/* ---- Faults ------------------------------------------------------------------------------------ */

/* Line faults (late, lost, garbled, duplicated, split, wrong unit, noise first) are made by the host for every emulator alike. Only faults that need
 * the instrument's mind are asked of it. */
enum emu_fault {
    FAULT_NONE,
    FAULT_SILENT_IGNORE, /* acknowledges a set and keeps the old value */
    FAULT_STUCK,         /* repeats the last reading for ever */
    FAULT_SENSOR_OPEN,   /* reports what this instrument reports then */
    FAULT_REFUSE,        /* answers every set with its own kind of no */
    FAULT_LOCAL,         /* somebody pressed LOCAL, or changed the set-point at the panel */
    FAULT_REBOOT,        /* back to power-on defaults, silent for boot_ms (the host calls power_on) */
    FAULT_ALARM,         /* its most serious own alarm; output off if it would do so */
    FAULT_WRONG_MODEL,   /* answers identify as its nearest sibling */
    FAULT_COUNT
};
const char *emu_fault_name(enum emu_fault f); /* "silent-ignore" */

/* ---- The table ------------------------------------------------------------------------------------ */

struct emu_param {
    uint16_t unit;                  /* bus address, or letter */
    bool addressed;                 /* on a shared line */
    bool tcp;                       /* Modbus TCP frames instead of RTU (RTU over TCP: false) */
    uint16_t ports[EMU_PORTS_MAX];  /* of the world, in the order the emulator documents */
    uint16_t n_ports;
    const void *model;              /* emulator parameters filled by its schema from the bench file: range, variant, decimals; NULL: defaults */
    const char *serial;             /* serial number on its plate; NULL: the emulator's own */
    struct emu_error error;
};

struct emu {
    const char *name;      /* same as the driver's */
    const char *sheet;     /* the fact sheet it was written from: "espec-p300" */
    const enum port_kind ports[EMU_PORTS_MAX]; /* kinds, in order; n_ports of them */
    uint16_t n_ports;
    size_t state_size;
    uint32_t faults;       /* bit set of enum emu_fault it can do; the pair test tries each */
    uint32_t boot_ms;

    /* State is zeroed before. Power-on defaults; also called by the host for FAULT_REBOOT. */
    int (*power_on)(void *state, const struct emu_param *, const struct emu_env *, nsec now, struct diag *reterr);

    /* n bytes came in, the last of them at `now`. idle_ns: the silence before these bytes (t3.5 and the like). Must accept any split of any bytes. */
    void (*bytes)(void *state, const struct emu_env *, nsec now, nsec idle_ns, const uint8_t *, size_t n, struct emu_out *);

    /* Time passes without bytes: ramps that must act, watchdogs. Returns when it wants to be called next (NSEC_NEVER: never). May be NULL. */
    nsec (*tick)(void *state, const struct emu_env *, nsec now, struct emu_out *);

    void (*fault)(void *state, const struct emu_env *, nsec now, enum emu_fault, bool on);

    /* The plant at its other terminals, which no port of the world stands for: a contact opens, a signal changes. `what` is the emulator's own
     * number of the terminal. May be NULL. */
    void (*hand)(void *state, const struct emu_env *, nsec now, uint32_t what, double value);

    /* Is any output able to hurt on? Read from the emulator's own state, so that "safe" is judged at the instrument and not in the driver's belief. */
    bool (*energized)(const void *state);
    /* What its standing set-point is (SI), as the instrument holds it: "what is kept is unchanged" is judged by this. */
    double (*standing)(const void *state);
};

extern const struct emu *const emus_all[]; /* NULL-terminated (drivers/virtual/registry.c) */
const struct emu *emu_find(const char *name);

/* ---- Shared shape: a text instrument (drivers/virtual/emu.c) ------------------------------------- */

/* A reply under construction. What does not fit is left out, with room kept for a terminator of two. */
struct emu_reply {
    size_t n;
    char text[EMU_OUT_BYTES_MAX];
};
void emu_put(struct emu_reply *, const char *text);
void emu_put_char(struct emu_reply *, char c);
void emu_put_fixed(struct emu_reply *, double v, int decimals);
/* Adds the terminator (always fits) and sends; nothing when the reply is empty. */
void emu_reply_send(struct emu_reply *, struct emu_out *, nsec at, const char *terminator);

/* ---- Shared shape: a register instrument (drivers/virtual/modbus_slave.c) ------------------------ */

/* Framing, CRC or MBAP, unit filter, exceptions 1-3 and counts are done once. The emulator answers two questions. Both return 0 or an exception code.
 * Coils and inputs (functions 1, 2, 5, 15) are words of 0 and 1; function 22 is a get and a put of that word, 23 its puts, then its gets. */
struct modbus_slave {
    bool tcp;
    bool answers_zero;  /* RTU address 0 is no broadcast here: it is obeyed and answered with 0 */
    uint8_t unit;
    uint16_t max_words;
    uint32_t functions; /* bit set of the function codes it knows; 0: 3, 4, 6, 16 */
    nsec think;
    uint16_t have;
    uint8_t buf[264];
};
typedef int modbus_get(void *state, const struct emu_env *, nsec now, uint8_t fn, uint16_t addr, uint16_t *ret_word);
typedef int modbus_put(void *state, const struct emu_env *, nsec now, uint8_t fn, uint16_t addr, uint16_t word);
void modbus_slave_bytes(struct modbus_slave *, void *state, const struct emu_env *, nsec now, nsec idle_ns, const uint8_t *, size_t n, modbus_get *,
                        modbus_put *, struct emu_out *);

#endif
