/* drivers/virtual/keithley_2461_priv.h - what the three files of the Keithley 2461 emulator share.
 *
 * keithley_2461.c takes messages apart, keithley_2461_commands.c is the table of commands and their
 * settings, keithley_2461_measure.c is the analogue side: ranges, errors, readings.
 */
#ifndef DRIVERS_VIRTUAL_KEITHLEY_2461_PRIV_H
#define DRIVERS_VIRTUAL_KEITHLEY_2461_PRIV_H

#include "drivers/virtual/emu.h"
#include "drivers/wire/line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VOLT,
    CURR,
    QUANTITIES
};
enum {
    SMOD_NORMAL,
    SMOD_ZERO,
    SMOD_HIMP,
    SMOD_GUARD,
    SMODS
};
enum {
    READINGS_KEPT = 16,
    ERRORS_MAX = 10
};
enum {
    ERR_HOT = 5040
};

/* One year: +-(reading * this + offset). */
struct range {
    double full, reading, offset;
};

struct reading {
    double value, source;
    nsec at;
    uint8_t status, source_status, quantity;
};

struct smu {
    struct line_reader line;
    char serial[16];
    uint16_t port;
    bool output, front;
    uint8_t source, measure;  /* VOLT, CURR */
    uint8_t smod[QUANTITIES]; /* kept with the source function */
    bool rsen[QUANTITIES], readback[QUANTITIES];
    uint32_t faults, overruns;
    struct emu_error error;
    double level[QUANTITIES], delay[QUANTITIES];
    double limit[QUANTITIES]; /* [VOLT]: of the voltage source, so ampere; [CURR]: volt */
    double source_range[QUANTITIES], sense_range[QUANTITIES]; /* full scale; 0: automatic */
    double nplc[QUANTITIES], count;
    nsec busy_until;
    uint8_t esr, n_errors;
    double ese, sre;
    int16_t errors[ERRORS_MAX];
    uint32_t n_readings;
    nsec first_at;
    struct reading ring[READINGS_KEPT];
};

enum {
    ASK = 1,
    TELL = 2,
    BOTH = 3
};

struct call;
struct command {
    const char *pattern;
    void (*run)(struct call *);
    uint8_t can; /* ASK, TELL */
    uint8_t q;   /* VOLT, CURR; QUANTITIES: both */
    uint16_t offset;
    double lo, hi, def; /* numbers */
};

struct call {
    struct smu *s;
    const struct emu_env *env;
    nsec now, cost;
    const struct command *command;
    const char *params;
    size_t n_params;
    bool query, stop;
    struct emu_reply reply;
};

/* ---- keithley_2461.c ---- */
bool smu_has(const struct smu *s, enum emu_fault f);
void smu_error_push(struct smu *s, int code);
const char *smu_error_text(int code);
/* An error of the unit under way; a command error also ends its message. */
void smu_fail(struct call *c, int code);
/* May a set that is well formed take effect? */
bool smu_obeys(struct call *c);
void smu_put(struct call *c, const char *text);
void smu_put_number(struct call *c, double v);
void smu_put_fixed(struct call *c, double v, int decimals);
void smu_put_bool(struct call *c, bool v);
/* The only parameter of the unit under way; false (and the error is queued) when it is not one. */
bool smu_param_number(struct call *c, double *ret_v);
bool smu_param_bool(struct call *c, bool *ret_v);
/* Index of the word, quotes do not count; negative: none of them. */
int smu_param_word(struct call *c, const char *const *words, int n_words);

/* ---- keithley_2461_measure.c ---- */
/* The range of this full scale, or the smallest that holds v when it is automatic (0). */
const struct range *smu_range_in_use(int q, double full, double v);
void smu_drive(const struct smu *s, const struct emu_env *env, nsec now);
void smu_sense(const struct call *c, struct port_sense *ret);
bool smu_is_limited(const struct smu *s, const struct port_sense *sensed);
double smu_limit_least(const struct smu *s); /* of the voltage source, 0 with an automatic range */
void smu_do_read(struct call *c);
void smu_do_fetch(struct call *c);
void smu_do_trace(struct call *c);
void smu_do_trace_clear(struct call *c);
void smu_do_trace_actual(struct call *c);

/* ---- keithley_2461_commands.c ---- */
const struct command *smu_command_find(const char *header, size_t n); /* without '?' */
void smu_defaults(struct smu *s);
void smu_output_set(struct smu *s, const struct emu_env *env, nsec now, bool on);

#endif
