/* base/chan.h - what a channel measures or sets: the registry of quantities that channels carry. */
#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include "base/qty.h"

#include <stdint.h>

enum chan_kind {
    KIND_VOLTAGE_V,
    KIND_CURRENT_A,
    KIND_POWER_W,
    KIND_TEMPERATURE_K,
    KIND_PRESSURE_PA,
    KIND_FORCE_N,
    KIND_FLOW_MOL_S,
    KIND_FRACTION,
    KIND_SWITCH, /* 0 or 1 */
    KIND_STATE,  /* small integer with names */
    KIND_CHARGE_C,
    KIND_ENERGY_J,
    KIND_RESISTANCE_OHM,
    KIND_COUNT,
};

struct chan_kind_info {
    const char *word;    /* "voltage" */
    const char *suffix;  /* column suffix in tables: "v", "a", "pa", "k" */
    const char *si_unit; /* "V" */
    struct dims dims;
    bool point; /* printed as a temperature on the scale */
};
const struct chan_kind_info *chan_kind_info(enum chan_kind kind);

enum quality {
    Q_OK,
    Q_STALE,
    Q_OVER,
    Q_INVALID,
    Q_CLAMPED
};
const char *quality_text(enum quality q);

/* The modes of a cycler's output, the same for every power driver (HOUSE.md par. 3, how current is
 * asked for). */
enum cycler_mode {
    CYCLER_OFF,     /* output open */
    CYCLER_REST,    /* 0 A, terminal voltage measured */
    CYCLER_VOLTAGE, /* voltage source at voltage_set, current limits are the rate: charge,
                       discharge, hold */
    CYCLER_CURRENT, /* signed current source with voltage limits: the verb current */
};
enum chamber_mode {
    CHAMBER_OFF,
    CHAMBER_STANDBY,
    CHAMBER_CONSTANT,
    CHAMBER_PROGRAM
};

#endif
