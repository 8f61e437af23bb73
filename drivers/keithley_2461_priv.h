/* drivers/keithley_2461_priv.h - between the three files of the Keithley 2461: what it is
 * (keithley_2461.c), how it is set (keithley_2461_set.c), words and numbers on the wire
 * (keithley_2461_wire.c). */
#ifndef DRIVERS_KEITHLEY_2461_PRIV_H
#define DRIVERS_KEITHLEY_2461_PRIV_H

#include "drivers/driver.h"
#include "drivers/wire/line.h"

enum { SMU_DIALOGUE_MS = 1500 }; /* one request of a dialogue */

enum {
    CH_VOLTAGE,
    CH_CURRENT,
    CH_VOLTAGE_SET,
    CH_CURRENT_LIMIT,
    CH_CURRENT_SET,
    CH_VOLTAGE_LIMIT,
    CH_MODE,
    CH_COUNT
};

enum {
    TAG_IDN = 1,
    TAG_LANG,
    TAG_ID_STATE, /* all that stands, at identify */
    TAG_STATE,    /* the same later */
    TAG_READ,
    TAG_READ_CHECK,       /* a reading and the standing set-points */
    TAG_OUTPUT,           /* relay and off-state: the poll while off, and after any doubt */
    TAG_SETS,             /* from here on: something was written */
    TAG_LEVEL = TAG_SETS, /* one set outside the dialogue */
    TAG_RANGED,           /* the same with a range: two values come back */
    TAG_KEEP,             /* current_set while no current source is on */
    TAG_SMOD,             /* the dialogue of mode */
    TAG_OFF,
    TAG_FUNC,
    TAG_LIMIT,
    TAG_ON,
    TAG_VERIFY,
    TAG_ABORT, /* it went wrong with the output on */
    TAG_SAFE_SMOD,
    TAG_SAFE,
};

/* Which of smu_state.set were given since the last identify, or stood while the output was on. */
enum {
    HAVE_VOLTAGE_SET = 1 << CH_VOLTAGE_SET,
    HAVE_CURRENT_LIMIT = 1 << CH_CURRENT_LIMIT,
    HAVE_CURRENT_SET = 1 << CH_CURRENT_SET,
    HAVE_VOLTAGE_LIMIT = 1 << CH_VOLTAGE_LIMIT,
};

struct smu_state {
    bool known;      /* mode and set-points are the instrument's own */
    bool himp;       /* off-state read back as high impedance */
    bool fell;       /* output went off unasked; the next look at the off-state says why */
    bool look;       /* after an identify: look at the relay before READ? */
    bool refused;    /* why[] is the instrument's own no */
    uint8_t mode;    /* enum cycler_mode, proven */
    uint8_t polls;   /* since the set-points were checked */
    uint16_t alarms; /* status bits already told */
    uint16_t have;
    double set[CH_COUNT];
    double range_a; /* measuring range of the voltage source's current */
    char idn[72];
    char why[72]; /* what ended the dialogue whose output is being switched off */
};

static inline bool smu_is_on(uint8_t mode)
{
    return mode != CYCLER_OFF;
}

/* ---- keithley_2461_wire.c ---- */

/* A request with this text. */
struct xfer *smu_plan(struct plan *plan, uint16_t tag, const char *text);

/* A message under construction. */
struct smu_message {
    size_t n;
    char text[LINE_MAX_BYTES];
};
void smu_say(struct smu_message *m, const char *words);
void smu_say_number(struct smu_message *m, const char *words, double v);

/* A reply in parts between semicolons: exactly n, the last takes the rest, for an error text may
 * hold semicolons. */
struct smu_part {
    const char *p;
    size_t n;
};
int smu_split(const struct xfer *x, struct smu_part *ret, size_t n) MUST_USE;
/* Each returns 0 or E_GARBLED. */
int smu_part_number(const struct smu_part *p, double *ret) MUST_USE;
int smu_part_bool(const struct smu_part *p, bool *ret) MUST_USE;
int smu_part_function(const struct smu_part *p, char *ret) MUST_USE; /* 'C' or 'V' */
int smu_part_smod(const struct smu_part *p, bool *ret_himp) MUST_USE;
int smu_part_error(const struct smu_part *p, int64_t *ret_code) MUST_USE; /* 0: no error */

/* NOTICE_EDGE on the current. */
void smu_edge(struct outcome *out, bool closed);

/* ---- keithley_2461_set.c ---- */

int smu_plan_set(const struct inst *inst, uint16_t chan, double value,
                 struct plan *ret_plan) MUST_USE;
/* Tags TAG_LEVEL to TAG_ABORT. */
int smu_absorb_set(struct inst *inst, const struct xfer *x, struct outcome *out) MUST_USE;

#endif
