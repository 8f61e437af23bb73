/* drivers/virtual/generic_modbus.h - what a bench may choose about a virtual register box
 * (emu_param.model), and the terminals that emu.hand may touch. */
#ifndef DRIVERS_VIRTUAL_GENERIC_MODBUS_H
#define DRIVERS_VIRTUAL_GENERIC_MODBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BOX_SIZE = 256 /* coils, contacts and registers of each table */
};

enum box_table {
    BOX_COIL,          /* functions 1, 5, 15 */
    BOX_INPUT,         /* 2 */
    BOX_HOLDING,       /* 3, 6, 16, 22, 23 */
    BOX_INPUT_REGISTER /* 4 */
};

struct box_preset {
    enum box_table table;
    uint16_t addr, word;
};

/* Constant while the emulator lives. NULL: all contacts closed (1), all words 0, no watchdog. */
struct generic_modbus_model {
    const struct box_preset *preset;
    size_t n_presets;
    bool watchdog; /* port 0 is wired to the relay behind watchdog_coil */
    bool latching; /* what has dropped stays so until somebody resets it (BOX_HAND_RESET) */
    uint16_t watchdog_coil;
    uint32_t watchdog_period_ms; /* drops when not retriggered for twice as long */
    uint16_t hot_first, n_hot;   /* coils that can hurt: energized() while one of them is on */
    uint16_t standing;           /* the holding register that standing() is about */
    double standing_scale;       /* SI of one count; 0: 1 */
};

/* emu.hand: `what` is one of these plus the address. */
enum {
    BOX_HAND_INPUT = 0,       /* value 0: the contact opens, else it closes */
    BOX_HAND_WORD = 0x10000,  /* input register */
    BOX_HAND_RESET = 0x20000, /* somebody presses the reset of the watchdog relay */
};

#endif
