/* drivers/virtual/ea_psb_priv.h - what the two files of the EA PSB emulator share.
 *
 * ea_psb.c is the power stage: what it drives, measures and protects. ea_psb_registers.c is the map
 * of registers and coils, and who may write them.
 */
#ifndef DRIVERS_VIRTUAL_EA_PSB_PRIV_H
#define DRIVERS_VIRTUAL_EA_PSB_PRIV_H

#include "drivers/virtual/emu.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PSB_FULL = 0xCCCC,    /* 100 % of nominal */
    PSB_SET_MAX = 0xD0E5, /* 102 % */
    PSB_TRIP_MAX = 0xE147 /* 110 % */
};

enum psb_quantity {
    PSB_U,
    PSB_I,
    PSB_P,
    PSB_QUANTITIES
};

/* In the order of registers 498..502. */
enum psb_set {
    SET_SINK_P,
    SET_SINK_I,
    SET_U,
    SET_I,
    SET_P,
    SETS
};

/* In the order of registers 9000..9009; two of them are not there. */
enum psb_limit {
    LIMIT_U_MAX,
    LIMIT_U_MIN,
    LIMIT_I_MAX,
    LIMIT_I_MIN,
    LIMIT_P_MAX,
    LIMIT_SINK_P_MAX,
    LIMIT_SINK_I_MAX = 8,
    LIMIT_SINK_I_MIN = 9,
    LIMITS
};

enum psb_regulation {
    REGULATION_CV,
    REGULATION_CR,
    REGULATION_CC,
    REGULATION_CP
};

enum psb_alarm { /* bits of the device state */
    ALARM_OVP = 16,
    ALARM_OCP = 17,
    ALARM_OPP = 18,
    ALARM_OT = 19
};

struct psb {
    struct modbus_slave line;
    struct emu_error error;
    double nominal[PSB_QUANTITIES];
    char type[40], serial[40];
    nsec seen_at;
    uint32_t faults, alarms; /* alarms: bits of enum psb_alarm */
    uint16_t port;
    uint16_t own_unit; /* of compliance Full */
    uint16_t set[SETS], limit[LIMITS], trip[PSB_QUANTITIES], power_up;
    uint16_t actual[PSB_QUANTITIES], stuck[PSB_QUANTITIES];
    bool remote, panel_local, output, seen, sink, stuck_sink;
    bool source_by_power, sink_by_power; /* the current limit that stands comes from P */
    uint8_t regulation;                  /* enum psb_regulation */
};

/* ---- ea_psb.c ---- */
bool psb_has(const struct psb *s, enum emu_fault f);
double psb_si(const struct psb *s, enum psb_quantity q, uint16_t raw);
/* Measures, unless that was done at this instant, protects, and adapts the current to a power
 * limit. */
void psb_refresh(struct psb *s, const struct emu_env *env, nsec now);
void psb_drive(struct psb *s, const struct emu_env *env, nsec now);
void psb_output(struct psb *s, const struct emu_env *env, nsec now, bool on);

/* ---- ea_psb_registers.c ---- */
int psb_get(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
            uint16_t *ret_word);
int psb_put(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
            uint16_t word);

#endif
