/* analysis/bdf_terms.c - the columns of the Battery Data Format, ontology 1.3.0. */
#include "analysis/bdf.h"

#include "base/str.h"

#include <string.h>

const struct bdf_term bdf_terms[] = {
    {"Current / A",                        "current_ampere",                   BDF_REQUIRED   },
    {"Test Time / s",                      "test_time_second",                 BDF_REQUIRED   },
    {"Voltage / V",                        "voltage_volt",                     BDF_REQUIRED   },
    {"Ambient Temperature / degC",         "ambient_temperature_celsius",      BDF_RECOMMENDED},
    {"Cycle Count / 1",                    "cycle_count",                      BDF_RECOMMENDED},
    {"Step Count / 1",                     "step_count",                       BDF_RECOMMENDED},
    {"Unix Time / s",                      "unix_time_second",                 BDF_RECOMMENDED},
    {"AC Internal Resistance / ohm",       "ac_internal_resistance_ohm",       BDF_OPTIONAL   },
    {"Absolute Impedance / ohm",           "absolute_impedance_ohm",           BDF_OPTIONAL   },
    {"Ambient Pressure / Pa",              "ambient_pressure_pa",              BDF_OPTIONAL   },
    {"Applied Pressure / Pa",              "applied_pressure_pa",              BDF_OPTIONAL   },
    {"Charging Capacity / Ah",             "charging_capacity_ah",             BDF_OPTIONAL   },
    {"Charging Energy / Wh",               "charging_energy_wh",               BDF_OPTIONAL   },
    {"Cumulative Capacity / Ah",           "cumulative_capacity_ah",           BDF_OPTIONAL   },
    {"Cumulative Energy / Wh",             "cumulative_energy_wh",             BDF_OPTIONAL   },
    {"Cycle Charging Capacity / Ah",       "cycle_charging_capacity_ah",       BDF_OPTIONAL   },
    {"Cycle Charging Energy / Wh",         "cycle_charging_energy_wh",         BDF_OPTIONAL   },
    {"Cycle Cumulative Capacity / Ah",     "cycle_cumulative_capacity_ah",     BDF_OPTIONAL   },
    {"Cycle Cumulative Energy / Wh",       "cycle_cumulative_energy_wh",       BDF_OPTIONAL   },
    {"Cycle Discharging Capacity / Ah",    "cycle_discharging_capacity_ah",    BDF_OPTIONAL   },
    {"Cycle Discharging Energy / Wh",      "cycle_discharging_energy_wh",      BDF_OPTIONAL   },
    {"Cycle Net Capacity / Ah",            "cycle_net_capacity_ah",            BDF_OPTIONAL   },
    {"Cycle Net Energy / Wh",              "cycle_net_energy_wh",              BDF_OPTIONAL   },
    {"DC Internal Resistance / ohm",       "dc_internal_resistance_ohm",       BDF_OPTIONAL   },
    {"Discharging Capacity / Ah",          "discharging_capacity_ah",          BDF_OPTIONAL   },
    {"Discharging Energy / Wh",            "discharging_energy_wh",            BDF_OPTIONAL   },
    {"Frequency / Hz",                     "frequency_hertz",                  BDF_OPTIONAL   },
    {"Imaginary Impedance / ohm",          "imaginary_impedance_ohm",          BDF_OPTIONAL   },
    {"Internal Resistance / ohm",          "internal_resistance_ohm",          BDF_OPTIONAL   },
    {"Net Capacity / Ah",                  "net_capacity_ah",                  BDF_OPTIONAL   },
    {"Net Energy / Wh",                    "net_energy_wh",                    BDF_OPTIONAL   },
    {"Phase / deg",                        "phase_degree",                     BDF_OPTIONAL   },
    {"Power / W",                          "power_watt",                       BDF_OPTIONAL   },
    {"Real Impedance / ohm",               "real_impedance_ohm",               BDF_OPTIONAL   },
    {"Record Index / 1",                   "record_index",                     BDF_OPTIONAL   },
    {"Schedule Charging Capacity / Ah",    "schedule_charging_capacity_ah",    BDF_OPTIONAL   },
    {"Schedule Charging Energy / Wh",      "schedule_charging_energy_wh",      BDF_OPTIONAL   },
    {"Schedule Discharging Capacity / Ah", "schedule_discharging_capacity_ah", BDF_OPTIONAL   },
    {"Schedule Discharging Energy / Wh",   "schedule_discharging_energy_wh",   BDF_OPTIONAL   },
    {"Step Charging Capacity / Ah",        "step_charging_capacity_ah",        BDF_OPTIONAL   },
    {"Step Charging Energy / Wh",          "step_charging_energy_wh",          BDF_OPTIONAL   },
    {"Step Cumulative Capacity / Ah",      "step_cumulative_capacity_ah",      BDF_OPTIONAL   },
    {"Step Cumulative Energy / Wh",        "step_cumulative_energy_wh",        BDF_OPTIONAL   },
    {"Step Discharging Capacity / Ah",     "step_discharging_capacity_ah",     BDF_OPTIONAL   },
    {"Step Discharging Energy / Wh",       "step_discharging_energy_wh",       BDF_OPTIONAL   },
    {"Step ID",                            "step_id",                          BDF_OPTIONAL   },
    {"Step Net Capacity / Ah",             "step_net_capacity_ah",             BDF_OPTIONAL   },
    {"Step Net Energy / Wh",               "step_net_energy_wh",               BDF_OPTIONAL   },
    {"Step Record Index / 1",              "step_record_index",                BDF_OPTIONAL   },
    {"Step Time / s",                      "step_time_second",                 BDF_OPTIONAL   },
    {"Step Type",                          "step_type",                        BDF_OPTIONAL   },
    {"Surface Pressure / Pa",              "surface_pressure_pa",              BDF_OPTIONAL   },
    {"Surface Temperature / degC",         "surface_temperature_celsius",      BDF_OPTIONAL   },
    {"Temperature T1 / degC",              "temperature_t1_celsius",           BDF_OPTIONAL   },
    {"Temperature T2 / degC",              "temperature_t2_celsius",           BDF_OPTIONAL   },
    {"Temperature T3 / degC",              "temperature_t3_celsius",           BDF_OPTIONAL   },
    {"Temperature T4 / degC",              "temperature_t4_celsius",           BDF_OPTIONAL   },
    {"Temperature T5 / degC",              "temperature_t5_celsius",           BDF_OPTIONAL   },
    {NULL,                                 NULL,                               BDF_OPTIONAL   },
};

/* Headers that earlier ontologies had, and what they are called now. */
static const struct {
    const char *label, *name, *now;
} old[] = {
    {"Step Index / 1",     "step_index",            "step_record_index"          },
    {"Test Time / ms",     "test_time_millisecond", "test_time_second"           },
    {"Unix Time / ms",     "unix_time_millisecond", "unix_time_second"           },
    {"Step Capacity / Ah", "step_capacity_ah",      "step_cumulative_capacity_ah"},
    {"Step Energy / Wh",   "step_energy_wh",        "step_cumulative_energy_wh"  },
};

static const struct bdf_term *named(const char *name)
{
    const struct bdf_term *t = bdf_terms;

    while (t->label && strcmp(t->name, name) != 0) {
        t++;
    }
    return t->label ? t : NULL;
}

const struct bdf_term *bdf_find(const char *header, enum bdf_spelling *ret_spelling)
{
    for (const struct bdf_term *t = bdf_terms; t->label; t++) {
        if (strcmp(t->label, header) == 0) {
            *ret_spelling = BDF_LABEL;
            return t;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        if (strcmp(old[i].label, header) == 0 || strcmp(old[i].name, header) == 0) {
            *ret_spelling = BDF_DEPRECATED;
            return named(old[i].now);
        }
    }
    *ret_spelling = BDF_NAME;
    return named(header);
}
