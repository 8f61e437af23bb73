/* drivers/ea_psb_priv.h - between the two files of the EA PSB: what it is, reads and has seen
 * (ea_psb.c), how it is set and switched (ea_psb_set.c). */
#ifndef DRIVERS_EA_PSB_PRIV_H
#define DRIVERS_EA_PSB_PRIV_H

#include "drivers/driver.h"

enum {
    CH_VOLTAGE,
    CH_CURRENT,
    CH_POWER,
    CH_VOLTAGE_SET,
    CH_LIMIT_CHARGE,
    CH_LIMIT_DISCHARGE,
    CH_WINDOW_V_HIGH,
    CH_WINDOW_V_LOW,
    CH_WINDOW_CHARGE,
    CH_WINDOW_DISCHARGE,
    CH_MODE,
    CH_COUNT
};

enum {
    COIL_REMOTE = 402,
    COIL_OUTPUT = 405,

    REG_CLASS = 0, /* class, then 20 words of type */
    CLASS_WORDS = 21,
    REG_NOMINAL = 121,
    NOMINAL_WORDS = 6,
    REG_SERIAL = 151,
    SERIAL_WORDS = 20,

    REG_SINK_POWER = 498,
    REG_SINK_CURRENT = 499, /* and voltage, source current, source power behind it */
    REG_VOLTAGE = 500,
    REG_CURRENT = 501,
    REG_POWER = 502,
    SET_WORDS = 4,

    REG_STATE = 505, /* two words; behind them actual voltage, current, power */
    STATE_WORDS = 2,
    POLL_WORDS = 5,

    REG_V_MAX = 9000, /* V min and I max behind it */
    REG_V_MIN = 9001,
    REG_I_MAX = 9002,
    REG_I_MIN = 9003,
    WINDOW_WORDS = 3,
    REG_SINK_I_MAX = 9008,
    REG_SINK_I_MIN = 9009,
};

/* Device state, both words as one number. */
enum {
    STATE_PLACE = 0x1F, /* who controls: 0 nobody, 1 the panel, 3 USB, ... */
    PLACE_NOBODY = 0,
    PLACE_PANEL = 1,
    STATE_ON = 1 << 7,
    STATE_REMOTE = 1 << 11,
    STATE_SINK = 1 << 12,
    STATE_ALARM = 1 << 15,
};

/* 100 % of a nominal value, on the wire. */
enum {
    EA_FULL = 52428
};

/* Every read has a length of its own, so that no reply can pass for another's: 21, 6, 20, 4, 3, 1,
 * 2 words at identify, 5 words in a poll. */
enum {
    TAG_CLASS = 1,
    TAG_NOMINAL,
    TAG_SERIAL,
    TAG_ID_SETS,
    TAG_ID_WINDOW,
    TAG_ID_SINK_MAX,
    TAG_ID_STATE,
    TAG_POLL,
    TAG_SETS, /* from here on: something was written */
    TAG_REMOTE = TAG_SETS,
    TAG_LEAST, /* the lower end of a window, always zero */
    TAG_WRITE,
    TAG_BACK,
    TAG_MODE_REMOTE, /* the dialogue of mode */
    TAG_MODE_OFF,
    TAG_MODE_STATE,
    TAG_MODE_POWER,
    TAG_MODE_SETS,
    TAG_MODE_WRITE,
    TAG_MODE_POWER_BACK,
    TAG_MODE_SETS_BACK,
    TAG_MODE_ON,
    TAG_MODE_VERIFY,
    TAG_MODE_LOOK, /* it stands already */
    TAG_ABORT_OFF, /* it went wrong with the output on */
    TAG_ABORT_STATE,
    TAG_SAFE_OFF,
    TAG_SAFE_REMOTE,
    TAG_SAFE_STATE,
};

struct ea_state {
    double v_nom, a_nom, w_nom; /* learnt at identify, all scaling comes from them; 0: not yet */
    bool seen;                  /* identified before */
    bool known;                 /* mode, remote and set-points are the instrument's own */
    bool remote;                /* it obeys us */
    bool panel;                 /* it obeys the panel */
    bool alarm;                 /* already told */
    uint8_t mode;               /* enum cycler_mode; rest and off are both an open output */
    uint16_t sink_power;        /* register 498 as the dialogue found it */
    uint16_t have;              /* which of set[] were given since the last identify, by bit */
    double set[CH_COUNT];
    char type[41], serial[41];
    char why[72]; /* what ended the dialogue whose output is being switched off */
};

/* Nominal value that scales this channel. */
double ea_nominal(const struct inst *inst, uint16_t chan);
double ea_value(const struct inst *inst, uint16_t chan, uint16_t raw);
/* State words of a reply, the first of them `at` words into it. */
uint32_t ea_state_word(const struct xfer *x, uint16_t at);
/* NOTICE_EDGE on the current. */
void ea_edge(struct outcome *out, bool closed);
bool ea_is_on(const struct ea_state *s);

/* ---- ea_psb_set.c ---- */

int ea_plan_set(const struct inst *inst, uint16_t chan, double value,
                struct plan *ret_plan) MUST_USE;
/* Tags TAG_SETS to TAG_ABORT_STATE. */
int ea_absorb_set(struct inst *inst, const struct xfer *x, struct outcome *out) MUST_USE;
/* The instrument's own no to one of them. */
void ea_set_refused(const struct xfer *x, struct outcome *out);

#endif
