/* procedures/engine/program.h - a compiled procedure: flat, immutable, finite.
 *
 * The compiler (compile.c, verbs.c, expr.c) makes it from YAML, an article and a station; the run (run.c ...) executes it; check.c proves bounds. Everything is tables and indices;
 * expressions are stack code with dimensions already checked. Calls are inlined. All values SI.
 */
#ifndef PROCEDURES_ENGINE_PROGRAM_H
#define PROCEDURES_ENGINE_PROGRAM_H

#include "base/diag.h"
#include "base/mem.h"
#include "procedures/engine/article.h"
#include "procedures/engine/station.h"

enum {
    PROG_STEPS_MAX = 4096,
    PROG_REGS_MAX = 96,
    PROG_HOLDS_MAX = 64,    /* conditions with `for T` */
    PROG_WINDOWS_MAX = 24,  /* rate(), mean(), max() ... */
    PROG_GUARDS_MAX = 48,
    PROG_WATCHES_MAX = 16,
    PROG_DEPTH_MAX = 16,    /* nesting of blocks */
    PROG_SETS_MAX = 4,      /* of one act */
    PROG_ENDS_MAX = 16,     /* of one act */
    PROG_SAVES_MAX = 32,    /* of one act */
    PROG_DRIVES_MAX = 64,
    PROG_DRIVE_ROWS_MAX = 200000, /* of one profile */
    PROG_STACK_MAX = 32,    /* no expression needs a deeper stack */
    PROG_NONE = 0xFFFF,     /* no expression, block, text, register */
};

typedef uint16_t step_id, expr_id, text_id, reg_id, block_id;

/* ---- Expressions: stack code. Booleans are 1, 0 or NaN = unknown (a channel without a fresh value); unknown never fires. ------------------- */

enum insn_op {
    INSN_CONST,     /* push v */
    INSN_CHAN,      /* push latest good value of channel a, else NaN */
    INSN_SETPOINT,  /* push the target of set channel a (of a ramp: its end) */
    INSN_REG,       /* push register a */
    INSN_STEP_CHARGE, INSN_STEP_ENERGY, INSN_STEP_TIME, INSN_RUN_TIME, /* |charge| in C, |energy| in J of the step; s */
    INSN_ONE_C,     /* the base of C-rates: A per 1C (article capacity, or a `one_c` measured by the procedure) */
    INSN_SOC,
    INSN_CYCLE,
    INSN_CAUSE,     /* text_id of the name of how the last act ended */
    INSN_ADD, INSN_SUB, INSN_MUL, INSN_DIV, INSN_MOD, INSN_NEG, INSN_ABS, INSN_MIN, INSN_MAX,
    INSN_LT, INSN_LE, INSN_GT, INSN_GE, INSN_EQ, INSN_NE, INSN_AND, INSN_OR, INSN_NOT, /* Kleene */
    INSN_HOLD,      /* pop condition; true when it has held without a break for v seconds; timer a */
    INSN_WINDOW,    /* push the value of window a (NaN until it is filled; extremes and means over a step: from its first sample) */
    INSN_ENDED_BY,  /* 1 when the last act ended by text a, else 0 */
    INSN_IN_CV,     /* 1 when the cycler is at its voltage limit: |V - voltage_set| <= tolerance v */
    INSN_RESISTANCE, /* |V - V0| / |I - I0|, V0 and I0 the last good sample before the act began */
    INSN_KNOWN,     /* 1 when channel a has a good value: count(x ok) is a sum of these */
};
struct insn {
    uint16_t op, a;
    double v;
};
struct expr {
    uint32_t start;
    uint16_t n;
    bool point;        /* a temperature on the scale */
    bool boolean;
    struct dims dims;
    uint64_t groups;   /* bit g: reads a channel of group g */
    text_id source;    /* as written, for messages */
    struct diag_pos place; /* in the file; its line of text is kept in the arena */
};

enum window_kind { WINDOW_RATE, WINDOW_MEAN, WINDOW_MAX, WINDOW_MIN };
struct window {
    uint8_t kind;
    bool over_step;    /* else over span_s */
    expr_id expr;
    double span_s;
};

/* ---- Steps ---------------------------------------------------------------------------------------------------- */

enum step_op {
    OP_ACT,      /* a: act. Waits until it ends */
    OP_LET,      /* a: register, b: expression. A register named one_c changes the base of C */
    OP_MEASURE,  /* a: first of measures, b: how many */
    OP_NOTE,     /* a: template */
    OP_ALARM,    /* a: template, b: enum alarm_level */
    OP_IF,       /* a: expression; not true: go to b */
    OP_JUMP,     /* a: target */
    OP_ENTER,    /* a: block: counters begin; nothing to do: go to its end */
    OP_NEXT,     /* a: block: next turn (back to its first step), or on */
    OP_LEAVE,    /* a: block: to its end */
    OP_CONTINUE, /* a: block: to its OP_NEXT */
    OP_ASK,      /* a: question. Waits for the answer */
    OP_CHECK,    /* a: expression, b: text; not true: before the run READY refuses, later the run aborts */
    OP_END,      /* a: ending */
    OP_DONE,     /* end of `steps`: at_end follows */
    OP_FINISH,   /* end of `at_end` */
};
struct step {
    uint8_t op;
    uint8_t depth;     /* blocks open here */
    uint16_t a, b;
    block_id block;    /* innermost block, PROG_NONE at top */
    uint16_t file;     /* index into files */
    int line;
};

enum verb { VERB_CHARGE, VERB_DISCHARGE, VERB_HOLD, VERB_REST, VERB_OCV, VERB_CURRENT, VERB_PULSE, VERB_SOAK, VERB_SQUEEZE, VERB_SET, VERB_WAIT, VERB_DRIVE, VERB_COUNT };
const char *verb_name(enum verb v);

enum at_kind { AT_NONE, AT_CURRENT, AT_POWER, AT_RESISTANCE };
enum at_limit { LIMIT_CLIP, LIMIT_SKIP, LIMIT_END };
enum timeout_action { TIMEOUT_NONE, TIMEOUT_PAUSE, TIMEOUT_ABORT, TIMEOUT_NEXT, TIMEOUT_END, TIMEOUT_SAFE };
enum alarm_level { ALARM_INFO, ALARM_WARN, ALARM_SEVERE };

struct act_set {
    chan_id chan;
    expr_id value;
    expr_id rate;      /* per second; PROG_NONE: a jump */
};
/* An act that has no end, no for_s and no timeout_s ends at once (CAUSE_AT_ONCE): when its sets are confirmed and, but for VERB_SET, its ramps have arrived.
 * at_limit END and SKIP are compiled into an end (CAUSE_LIMIT, CAUSE_SKIP); for the run they need nothing more. Names of ends that were not given by the file
 * (for, timeout, skip ...) are the texts 0..CAUSE_COUNT-1: text_id c is cause_text(c), so `ended by timeout` is INSN_ENDED_BY CAUSE_TIMEOUT. */
struct act {
    uint8_t verb, at_kind, at_limit, timeout_action;
    int8_t direction;  /* +1 charging, -1 discharging, 0 none or signed by `at` */
    bool output_off;   /* rest with the output open */
    bool restart_block; /* resume: restart-block */
    expr_id at;        /* A (magnitude; verb current: signed), W or ohm */
    expr_id v_set;     /* voltage source level: cv, or end voltage with margin, or a limit */
    expr_id v_lo, v_hi; /* limits of current and pulse; PROG_NONE: the article's */
    uint8_t n_sets;
    struct act_set set[PROG_SETS_MAX];
    expr_id for_s, at_least_s, timeout_s;
    uint16_t first_end, n_ends;
    uint16_t first_save, n_saves;
    uint16_t first_record, n_records; /* phases; none: the program's */
    uint16_t drive;    /* of VERB_DRIVE; PROG_NONE: an open check did not find it */
    text_id name;      /* `as:` or a short description for tables: "charge C/10 to 4.25 V" */
};

/* A profile: what VERB_DRIVE asks of the cycler, row after row; a row holds until the next one begins. */
enum drive_kind { DRIVE_CURRENT, DRIVE_CRATE, DRIVE_POWER };
struct drive {
    uint8_t kind;
    uint32_t n;
    const double *at_s;  /* n + 1: begin of each row from 0 on, and the end of the last */
    const double *value; /* A, 1/h or W; charging positive */
    expr_id scale;       /* PROG_NONE: 1 */
    double shortest_s;   /* row */
    const char *file, *text; /* for messages: the file and its lines; not part of the identity */
    const int *line;     /* of each row */
};

enum cause {
    /* Why a step or a run ended. Stored by number: append only. */
    CAUSE_NONE, CAUSE_UNTIL, CAUSE_FOR, CAUSE_TAPER, CAUSE_STOP, CAUSE_LIMIT, CAUSE_TIMEOUT, CAUSE_STOP_WHEN, CAUSE_SKIP, CAUSE_AT_ONCE, CAUSE_END, CAUSE_DONE,
    CAUSE_ABORT, CAUSE_CHECK, CAUSE_PAUSE_MAX, CAUSE_GUARD_HIGH, CAUSE_GUARD_LOW, CAUSE_GUARD_STALE, CAUSE_GUARD_INVALID, CAUSE_SET_MISMATCH, CAUSE_SET_REFUSED,
    CAUSE_SET_RANGE, CAUSE_SET_TIMEOUT, CAUSE_INST_LOST, CAUSE_INST_ALARM, CAUSE_INST_LOCAL, CAUSE_INST_REBOOT, CAUSE_INST_WRONG, CAUSE_STUCK, CAUSE_STORE,
    CAUSE_POWER_LOSS, CAUSE_INTERLOCK, CAUSE_OPERATOR,
    /* What the pre-flight found (preflight.c). */
    CAUSE_REVERSED, CAUSE_NO_CELL, CAUSE_OCV, CAUSE_SENSE_LEAD, CAUSE_CURRENT_LEAD, CAUSE_FORCE_ZERO, CAUSE_PRESS_RATIO, CAUSE_TEMPERATURE, CAUSE_COUNT
};
const char *cause_text(enum cause c); /* "guard, too high" */

struct end {
    expr_id cond;
    double after_s;    /* blanking */
    text_id name;      /* "soft short"; for `until` the condition as written */
    uint8_t cause;     /* CAUSE_UNTIL, _TAPER, _STOP, _LIMIT */
};
struct save {
    reg_id reg;        /* named one_c: changes the base of C, as OP_LET does */
    expr_id expr;
    double at_s;       /* in the step; NaN: at its end. A step that ends before at_s leaves the register NaN */
};
struct record_phase {
    double period_s;   /* INFINITY: none */
    double for_s;      /* then the next phase; INFINITY: the last */
    double delta_v, delta_a, delta_pa, delta_k; /* INFINITY: none */
};
struct measure {
    text_id name;
    expr_id expr;
};
struct template_text {
    text_id text;      /* with {} where values go */
    uint8_t n;
    expr_id expr[4];
};

enum loop_kind { LOOP_ONCE, LOOP_REPEAT, LOOP_LIST, LOOP_RANGE };
struct block {
    text_id name;      /* PROG_NONE: nameless */
    block_id parent;
    uint8_t kind;
    uint8_t depth;     /* 0 at top: slot of its counters */
    step_id enter, first, next, end; /* end: first step after it */
    expr_id stop_when;
    expr_id count;     /* LOOP_REPEAT */
    reg_id reg;        /* loop variable, set at the begin of each turn; of LOOP_REPEAT the number of the turn, from 1; PROG_NONE: none */
    expr_id from, to, by; /* LOOP_RANGE */
    uint16_t list_first, list_n; /* LOOP_LIST: in list_exprs */
    uint32_t count_max; /* proven bound of turns */
};

enum ask_kind { ASK_YES, ASK_CHOICE, ASK_NUMBER, ASK_TEXT };
struct question {
    text_id text;
    uint8_t kind;
    text_id options[12];
    uint8_t n_options;
    double lo, hi;     /* SI */
    text_id unit;
    reg_id save;       /* PROG_NONE */
    expr_id timeout_s;
};

enum end_verdict { END_DONE, END_ACCEPTED, END_REJECTED, END_QUARANTINE };
struct ending {
    uint8_t verdict;
    struct template_text reason; /* text PROG_NONE: none */
    uint16_t first_measure, n_measures;
};

enum guard_source { GUARD_BENCH, GUARD_ARTICLE, GUARD_PROCEDURE };
struct guard {
    expr_id value;
    expr_id where;     /* PROG_NONE: always */
    double lo, hi;     /* open: infinite */
    double hold_s;     /* debounce */
    uint8_t source;
    text_id text;      /* "cell.voltage 2.0 V .. 4.4 V (article)" */
    uint16_t file;
    int line;
};
struct watch {
    expr_id when;
    uint8_t level;
    text_id text;
};

/* A cell model that is followed while the run goes on (band.c). */
enum model_start { MODEL_FROM_OCV, MODEL_FRESH, MODEL_AT_SOC };
struct prog_model {
    text_id of;        /* its name; PROG_NONE: none is followed */
    uint8_t start;
    double band_v;     /* |model.residual| beyond it is an alarm */
    double soc;        /* MODEL_AT_SOC */
};

enum power_policy { POWER_RESUME, POWER_PAUSE, POWER_RESTART_STEP, POWER_SAFE, POWER_END, POWER_ASK };

struct reg {
    text_id name;
    struct dims dims;
    bool point;
    bool text;         /* a choice or free text: the value is an option number or NaN */
    bool returned;     /* part of what call: may save */
    double initial;    /* NaN: unset */
};

/* Channels that the verbs drive; CHAN_NONE where the station has none. */
struct prog_roles {
    chan_id voltage, current, mode, voltage_set, current_limit, limit_charge, limit_discharge, current_set, voltage_limit;
    chan_id pressure, force, pressure_set, regulator;
    chan_id temperature, temperature_set, chamber_mode, chamber_high, chamber_low;
    chan_id window_v_high, window_v_low, window_charge, window_discharge; /* limits inside the instrument, where it has them */
};

struct program {
    struct arena arena;
    text_id name, title, about, version;
    uint8_t hash[32];       /* over tables, code, article window and parameters: the identity */
    struct station_desc station;
    struct prog_roles role;
    uint16_t more_temperatures; /* sensors on the article behind role.temperature, in channels one after the other */
    /* article window, as the run enforces it on set values */
    double capacity_c, area_m2;
    double charge_max_a, discharge_max_a, v_lo, v_hi, p_lo_pa, p_hi_pa, ocv_lo_v, ocv_hi_v;
    double chamber_high_k, chamber_low_k; /* alarm limits put into the chamber at arm; NaN: none */
    double charge_lo_k, charge_hi_k, discharge_lo_k, discharge_hi_k; /* temperature of the article, by direction of the current; open sides infinite */
    double proof_a;         /* current of the pulse that proves the leads; 0: none is made */
    bool presses;           /* some act moves the press */
    double one_c_a;         /* initial base of C */
    step_id start;          /* first of steps */
    step_id before;         /* first of `before` (OP_CHECK, OP_ASK ... OP_DONE); PROG_NONE */
    step_id at_end;         /* first of at_end; ends with OP_FINISH */
    uint8_t on_power_loss, on_power_loss_else;
    double power_loss_within_s;
    struct prog_model model;
    uint16_t n_files, n_steps, n_blocks, n_acts, n_ends, n_saves, n_records, n_measures, n_templates, n_questions, n_endings, n_regs, n_exprs, n_windows, n_holds,
        n_guards, n_watches, n_texts, n_lists, n_drives;
    uint32_t n_code;
    uint16_t first_record, n_default_records;
    const char **files;     /* file names; 0: the procedure */
    struct step *steps;
    struct block *blocks;
    struct act *acts;
    struct end *ends;
    struct save *saves;
    struct record_phase *records;
    struct measure *measures;
    struct template_text *templates;
    struct question *questions;
    struct ending *endings;
    struct reg *regs;
    struct expr *exprs;
    struct insn *code;
    struct window *windows;
    struct guard *guards;
    struct watch *watches;
    expr_id *list_exprs;
    struct drive *drives;
    const char **texts;      /* the first CAUSE_COUNT are cause_text() */
};

const char *program_text(const struct program *p, text_id t); /* "" for PROG_NONE */
void program_done(struct program *p);

#endif
