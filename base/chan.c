/* base/chan.c - the table of channel kinds. */
#include "base/chan.h"

#include "base/attr.h"
#include "base/err.h"

const struct chan_kind_info *chan_kind_info(enum chan_kind kind)
{
    static const struct chan_kind_info table[] = {
        [KIND_VOLTAGE_V] = {"voltage",     "v",     "V",     {.m = 2, .kg = 1, .s = -3, .a = -1}, false},
        [KIND_CURRENT_A] = {"current",     "a",     "A",     {.a = 1},                            false},
        [KIND_POWER_W] = {"power",       "w",     "W",     {.m = 2, .kg = 1, .s = -3},          false},
        [KIND_TEMPERATURE_K] = {"temperature", "k",     "K",     {.k = 1},                            true },
        [KIND_PRESSURE_PA] = {"pressure",    "pa",    "Pa",    {.m = -1, .kg = 1, .s = -2},         false},
        [KIND_FORCE_N] = {"force",       "n",     "N",     {.m = 1, .kg = 1, .s = -2},          false},
        [KIND_FLOW_MOL_S] = {"flow",        "mol_s", "mol/s", {.mol = 1, .s = -1},                 false},
        [KIND_FRACTION] = {"fraction",    "frac",  "",      {0},                                 false},
        [KIND_SWITCH] = {"switch",      "on",    "",      {0},                                 false},
        [KIND_STATE] = {"state",       "state", "",      {0},                                 false},
        [KIND_CHARGE_C] = {"charge",      "c",     "A s",   {.a = 1, .s = 1},                    false},
        [KIND_ENERGY_J] = {"energy",      "j",     "J",     {.m = 2, .kg = 1, .s = -2},          false},
        [KIND_RESISTANCE_OHM] =
            {"resistance",  "ohm",   "ohm",   {.m = 2, .kg = 1, .s = -3, .a = -2}, false},
        [KIND_COUNT] = {"count",       "count", "",      {0},                                 false},
    };

    ASSERT((unsigned)kind < ARRAY_LEN(table));
    return &table[kind];
}

const char *quality_text(enum quality q)
{
    static const char *const words[] = {
        [Q_OK] = "ok",           [Q_STALE] = "stale",     [Q_OVER] = "over",
        [Q_INVALID] = "invalid", [Q_CLAMPED] = "clamped",
    };

    return (unsigned)q < ARRAY_LEN(words) ? words[q] : "unknown";
}
