/* drivers/driver.h - the contract between an instrument and the house, on one page.
 *
 * A driver is one const table. It turns wishes ("poll", "set channel 2 to 333.15 K") into requests and replies into samples. It
 * never talks to a wire: the bus sends what it plans, in order, and hands each reply, or the reason there is none, back to absorb().
 *
 * A driver must never: do I/O, read a clock, allocate, log, keep static variables, clamp a value, sleep, retry (the bus does), or count on a call
 * having happened before plan_safe(). plan_*() may be called at any time and twice: the bus keeps only the wish and plans when its turn comes.
 *
 * State lives in a flat block of state_size bytes (no pointers: it is copied into checkpoints), zeroed at open and whenever the instrument was
 * lost: whatever is in it was learnt since the last successful identify.
 */
#ifndef DRIVERS_DRIVER_H
#define DRIVERS_DRIVER_H

#include "base/attr.h"
#include "base/chan.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf_doc;
struct conf_node;
struct diag;
struct schema;

enum {
    XFER_BYTES_MAX = 264,    /* largest request or reply kept in place (Modbus ADU 260) */
    PLAN_XFERS_MAX = 16,     /* most requests of one plan */
    CHANNELS_MAX = 16,       /* of one instrument */
    OUTCOME_SAMPLES_MAX = 16, /* of one reply */
    OUTCOME_NOTICES_MAX = 4,
    DRIVER_STATE_MAX = 512,  /* bytes; asserted at open */
    NOTICE_TEXT_MAX = 96,
};

/* ---- Channels ------------------------------------------------------------------------------- */

enum chan_access { CHAN_READ = 1, CHAN_SET = 2, CHAN_READ_SET = 3 };

/* Accuracy of one range; the channel's rows end with full_scale 0. A channel without rows uses its own two numbers. */
struct chan_range {
    double full_scale;                         /* SI */
    double accuracy_reading, accuracy_offset;  /* +-(fraction of reading + SI offset), one year */
    double resolution, noise_rms;              /* SI */
};

struct chan {
    const char *name;               /* "temperature", "voltage_set", "mode" */
    const char *const *states;      /* names of a KIND_STATE, NULL-terminated; else NULL */
    const struct chan_range *ranges; /* NULL: one range, described by the fields below */
    double min, max;                /* SI, of this model; setup() or the bench may tighten, never widen */
    double accuracy_reading, accuracy_offset, noise_rms;
    double resolution;              /* SI, one step of the wire; 0 where learnt at identify */
    uint32_t stale_ms;              /* older than this is stale; 0: three poll periods plus the deadline */
    uint32_t refresh_ms;            /* re-send a standing set-point this often; 0: on change */
    uint32_t writes_max_day;        /* 0: volatile register; else EEPROM: the bus counts and refuses */
    enum chan_kind kind;
    enum chan_access access;
    bool polled;                    /* read by the ordinary poll */
    bool safety;                    /* a set of this channel changes power, heat, pressure or gas */
};

/* One reading. quality other than Q_OK: value is NaN (driver_emit sees to it). */
struct sample {
    double value;
    uint16_t chan; /* index into driver.chans */
    uint8_t quality;
};

/* ---- Requests ------------------------------------------------------------------------------- */

enum xfer_outcome {
    XFER_REPLY,    /* request matched, frame intact */
    XFER_REFUSED,  /* the instrument said no at the level of the wire (Modbus exception); code in refusal */
    XFER_TIMEOUT,  /* nothing, after all retries of the bus */
    XFER_GARBLED,  /* bytes, but no valid frame or not ours */
    XFER_LOST,     /* link down */
    XFER_DROPPED,  /* never sent: cancelled by SAFE or by a newer set */
};

/* What may be done again after silence. A read may; a write with side effects may not. */
enum xfer_retry { RETRY_FREELY, RETRY_AFTER_READBACK, RETRY_NEVER };

struct xfer {
    uint16_t tag;        /* the driver's own word: which row, which state of a dialogue */
    uint16_t chan;       /* channel this set is about; ignored else */
    uint8_t retry;       /* enum xfer_retry */
    uint8_t outcome;     /* enum xfer_outcome, filled by the bus */
    uint8_t refusal;     /* exception code, filled by the bus where it has one */
    bool no_reply;       /* fire-and-forget: succeeds when sent */
    bool expect_quiet;   /* text: lines until silence, not one line (Alicat ??M*) */
    uint32_t timeout_ms; /* for the whole reply; 0: the driver's default */
    uint32_t gap_ms;     /* rest before the next request to this instrument; 0: the default */
    double want;         /* value of a set, for comparison with the read-back */
    uint16_t tx_len, rx_len;
    uint8_t tx[XFER_BYTES_MAX]; /* Modbus: unit id + PDU, no CRC and no MBAP; text: without terminator, a line */
    uint8_t rx[XFER_BYTES_MAX + 1]; /* same form, NUL added; several lines (expect_quiet) are joined by '\n' */
};

/* A plan is filled by plan_*() and consumed by the bus in order; the first failure ends it, except in plan_safe(), where every request is
 * sent whatever became of the one before. */
struct plan {
    struct xfer x[PLAN_XFERS_MAX];
    uint16_t n;
    bool overflow; /* more than fits: a bug of the driver, asserted by the pair test */
};

/* ---- What absorb() tells the house ------------------------------------------------------------ */

enum notice {
    NOTICE_IDENTIFIED,   /* text: model, serial, firmware; state is filled, polling may start */
    NOTICE_WRONG_DEVICE, /* text: what was found; nothing will be written to it */
    NOTICE_SET_DONE,     /* chan, value: acknowledged or read back within resolution. Exactly one answer to each set */
    NOTICE_SET_MISMATCH, /* chan, value: what the instrument has instead */
    NOTICE_SET_REFUSED,  /* chan, text: the instrument's own no */
    NOTICE_EDGE,         /* chan (a current), value 0: the output has just opened; 1: it has just closed or changed. Stamped
                            like a sample: it tells the accumulators when the current really changed */
    NOTICE_ALARM,        /* text: the instrument's own alarm, code kept in value */
    NOTICE_LOCAL,        /* somebody has taken it to local or changed a set-point at the panel; text */
    NOTICE_REBOOTED,     /* it has forgotten what it was told */
};

struct notice_said {
    uint16_t notice; /* enum notice */
    uint16_t chan;
    double value;
    char text[NOTICE_TEXT_MAX];
};

/* What one absorb() said. The bus empties it before each call and passes it on. */
struct outcome {
    uint16_t n_samples, n_notices;
    bool overflow; /* a bug of the driver */
    struct sample sample[OUTCOME_SAMPLES_MAX];
    struct notice_said notice[OUTCOME_NOTICES_MAX];
    struct plan *plan; /* the running plan; follow-ups are appended to it */
};

/* ---- The instrument as the driver sees it ------------------------------------------------------ */

struct driver;
struct map_row; /* below */
struct inst {
    const struct driver *driver;
    void *state;         /* driver->state_size bytes, flat */
    const void *param;   /* driver->param_size bytes, filled from the bench file by the schema */
    struct chan *chans;  /* the driver's rows, copied; setup() and the bench narrow ranges */
    uint16_t n_chans;
    const struct map_row *rows; /* of the bench file (make_chans()); NULL: the driver's own */
    uint16_t unit;       /* bus address: a number, or the letter of an Alicat */
    bool addressed;      /* on a shared line (RS-485): ESPEC puts its address before each command */
    const char *name;    /* in the bench file */
};

enum wire_kind { WIRE_LINE, WIRE_MODBUS, WIRE_FRAME, WIRE_USBTMC, WIRE_CAN };
enum driver_status { DRIVER_DRAFT, DRIVER_EMULATED, DRIVER_BENCH, DRIVER_FIELD };
enum safe_want { SAFE_OUTPUT_OFF, SAFE_ALL }; /* `output X off` and `safe X` of a safe sequence */

/* Every function may be NULL when the rows do its work. All return 0 or a negative E_... */
struct driver {
    const char *name;  /* "espec-p300": the word in the bench file; file name with - as _ */
    const char *title; /* "ESPEC P-300 / SCP-220 chamber controller" */
    const char *role;  /* what it usually serves as: "chamber" */
    enum driver_status status;
    enum wire_kind wire;
    const char *line_end; /* WIRE_LINE: terminator both ways */
    uint32_t baud;        /* the sheet's default; 0: not a serial line */
    uint32_t timeout_ms;  /* from the fact sheet, times two; the bench file may raise it */
    uint32_t set_ms;      /* the longest that the reply to a request of a set or a safe plan may take; 0: timeout_ms */
    uint32_t gap_ms;      /* between requests */
    uint32_t late_ms;     /* longest a late reply was ever seen: quiet time after a time-out */
    uint32_t boot_ms;     /* silent for so long after power-up, where that is longer than it takes to call it lost; 0: shorter */
    const struct chan *chans; /* ends with name == NULL; empty where the bench file gives them */
    const struct map_row *rows; /* optional register map, ends with chan == NULL */
    uint16_t rows_max_gap;      /* registers that may lie between two rows of one request */
    const struct schema *params; /* keys the bench file may give this driver */
    size_t state_size, param_size;
    const void *param_defaults;  /* param_size bytes; NULL: zero */
    const char *const hazard[6]; /* the hazard card: lost link, power-up, front panel, off-state, kind of limit, own watchdog; NULL: carries no energy */

    /* A driver without channels of its own: the bench file lists them under chans_key. Fills inst->chans (room for CHANNELS_MAX), n_chans, rows and
     * its own part of param; what it needs to keep goes into doc->arena, which lives as long as the bench. Runs after params were read, before limits
     * and setup(). The only call that may allocate. */
    const char *chans_key;
    int (*make_chans)(struct inst *, void *param, const struct conf_node *list, struct conf_doc *doc, struct diag *reterr);

    /* Check parameters against each other; narrow ranges. No plan: nothing is known of the device. */
    int (*setup)(struct inst *, struct diag *reterr);

    /* Ask who it is. Read only. Also used to resynchronise after a time-out: its first request must have a reply of another shape than a
     * poll's, so that a late reply cannot be taken for it. Reading the standing set-points belongs here. The last absorb() of the plan says NOTICE_IDENTIFIED or NOTICE_WRONG_DEVICE. */
    int (*plan_identify)(const struct inst *, struct plan *ret_plan);

    /* Read all polled channels with as few requests as possible. */
    int (*plan_poll)(const struct inst *, struct plan *ret_plan);

    /* One set, value within range and already rounded to resolution; ends in a request whose reply proves it (acknowledgement with the
     * value, or a read-back): NOTICE_SET_DONE, _MISMATCH or _REFUSED. */
    int (*plan_set)(const struct inst *, uint16_t chan, double value, struct plan *ret_plan);

    /* Make it harmless. From state alone or from nothing at all; repeatable; every request stands alone. */
    int (*plan_safe)(const struct inst *, enum safe_want, struct plan *ret_plan);

    /* Take a reply or its failure: emit samples and notices, append follow-ups for dialogues. E_GARBLED: this reply has not the shape that the
     * request asks for (the bus then resynchronises). A failed xfer (outcome not XFER_REPLY) needs no answer: the bus reports it.
     * Reads are told when they have failed for good; sets and safe requests at each failed attempt and when SAFE cuts them short, for what was
     * lost on the way may have been obeyed (what is said to those is not passed on). */
    int (*absorb)(struct inst *, const struct xfer *, struct outcome *);
};

/* ---- Rows: the map of a simple Modbus instrument ------------------------------------------------- */

enum row_type { ROW_U16, ROW_I16, ROW_U32, ROW_I32, ROW_F32, ROW_BIT, ROW_COIL };
enum row_flag {
    ROW_WORDS_SWAPPED = 1,   /* low word first: CDAB */
    ROW_INPUT_REGISTER = 2,  /* read with function 4; a coil with function 2 */
    ROW_NO_READBACK = 4,
    ROW_BYTES_SWAPPED = 8,   /* low byte first in each word: BADC; with ROW_WORDS_SWAPPED: DCBA */
    ROW_WRITE_MANY = 16,     /* written with function 16 or 15 even when it is a single one */
    ROW_READ_WRITE = 32,     /* written and read back with function 23, registers only */
    ROW_SET_ELSEWHERE = 64,  /* set_addr counts even when it is 0 */
};

/* si = raw * scale + offset. A word whose raw value equals `over` is Q_OVER (sensor break). Adjacent rows are read in one request where the gap
 * between them is at most rows_max_gap. addr is the PDU address (register number - 1). */
struct map_row {
    const char *chan;
    enum row_type type;
    uint16_t addr;
    uint16_t set_addr; /* where it is written, if elsewhere */
    uint8_t bit;       /* ROW_BIT */
    uint8_t flags;
    double scale, offset;
    double over; /* NAN: none */
};

/* ---- Functions a driver may call (drivers/driver.c) --------------------------------------------- */

/* Append a request; NULL (and plan->overflow) when full. The caller fills tx. */
struct xfer *plan_add(struct plan *, uint16_t tag);
/* Modbus shapes of the same: unit id and PDU are written, retry class chosen (reads freely, writes after read-back). */
struct xfer *plan_modbus_read(struct plan *, const struct inst *, uint16_t tag, uint16_t addr, uint16_t n);
struct xfer *plan_modbus_write(struct plan *, const struct inst *, uint16_t tag, uint16_t addr, const uint16_t *words, uint16_t n);
/* Function 5. */
struct xfer *plan_modbus_coil(struct plan *, const struct inst *, uint16_t tag, uint16_t addr, bool on);
/* A text line, RETRY_FREELY. */
struct xfer *plan_line(struct plan *, uint16_t tag, const char *fmt, ...) PRINTF(3, 4);

/* What absorb() may say. Texts are copied. */
void driver_emit(struct outcome *, uint16_t chan, double value, enum quality);
void driver_notice(struct outcome *, enum notice, uint16_t chan, double value, const char *text);
void driver_notice_fmt(struct outcome *, enum notice, uint16_t chan, double value, const char *fmt, ...) PRINTF(5, 6);

/* Compare a read-back with what was asked for: says SET_DONE or SET_MISMATCH. Half a resolution step of tolerance, plus 1e-9 relative. */
void driver_set_result(struct outcome *, const struct inst *, const struct xfer *, double readback);
/* The same comparison by itself. A channel with ranges has the step of the smallest one that holds `want`. */
bool chan_agrees(const struct chan *, double want, double got);

/* Accuracy of a reading: +-(SI), of the smallest range that holds `full_scale` (or of the channel's only one). */
double chan_accuracy(const struct chan *, double full_scale, double reading);
/* Smallest range that holds |value|; NULL when the channel has no rows or none is large enough. */
const struct chan_range *chan_range_for(const struct chan *, double value);

/* Rows at work: what a NULL plan_poll, plan_set and absorb stand for; a driver calls them for the part it does not do itself. rows_absorb()
 * returns E_NOT_MINE for tags below ROW_TAG. */
enum { ROW_TAG = 0x8000 };
int rows_plan_poll(const struct inst *, struct plan *ret_plan);
int rows_plan_set(const struct inst *, uint16_t chan, double value, struct plan *ret_plan);
int rows_absorb(struct inst *, const struct xfer *, struct outcome *);
/* One row by itself, under the driver's own tag: ask for it, and say what came as a sample of its channel. */
void rows_plan_read(const struct inst *, uint16_t index, uint16_t tag, struct plan *);
void rows_absorb_read(const struct inst *, uint16_t index, const struct xfer *, struct outcome *);
/* Would rows_plan_set() have room for the value? 0, E_RANGE. */
int row_holds(const struct map_row *, double value);
uint16_t row_words(const struct map_row *); /* registers or coils it takes */
uint8_t row_function(const struct map_row *); /* that reads it: 1 to 4 */
uint16_t modbus_word(const struct xfer *, uint16_t i); /* i-th register of a read's reply */

/* The registry (drivers/registry.c): NULL-terminated, by name. */
extern const struct driver *const drivers_all[];
const struct driver *driver_find(const char *name);

#endif
