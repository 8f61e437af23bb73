/* analysis/import_priv.h - the inside of the importer: a file's beginning becomes a plan, the plan
 * turns lines into numbers, the flow turns numbers into rows and steps.
 */
#ifndef ANALYSIS_IMPORT_PRIV_H
#define ANALYSIS_IMPORT_PRIV_H

#include "analysis/import.h"

enum {
    IMPORT_BUFFER = 1 << 20, /* also what is looked at before the first row is read */
    IMPORT_MARKS_MAX = 4,
    HEADER_LINES_MAX = 1000,
    GUESS_ROWS_MAX = 4000
};

/* Where a parsed number goes. */
enum slot_id {
    SLOT_TIME,
    SLOT_STEP_TIME,
    SLOT_VOLTAGE,
    SLOT_CURRENT,
    SLOT_CYCLE,
    SLOT_STEP,
    SLOT_EXTRA,
    SLOTS_MAX = SLOT_EXTRA + RECORDING_EXTRA_MAX
};

/* ---- Units (import_units.c) ---- */

enum unit_class {
    UNIT_NONE,
    UNIT_TIME,
    UNIT_VOLTAGE,
    UNIT_CURRENT,
    UNIT_CHARGE,
    UNIT_ENERGY,
    UNIT_TEMPERATURE,
    UNIT_RESISTANCE,
    UNIT_PRESSURE
};
/* value here = value there * mul / div + offset: a division by 1000 rounds once, a product with
 * 0.001 twice. */
struct scale {
    double mul, div, offset;
};
/* 0 or E_UNIT. Text as it stands in headers: "mA.h", "(degrees sign)C" in any encoding. */
int import_unit(enum unit_class class, const char *text, struct scale *ret);
/* As it is shown: plain ASCII, "degC". */
void import_unit_text(enum unit_class class, const char *text, char ret[16]);
/* "Chg. Cap.(mAh)" is chgcap and mAh; "<I>/mA" is i and mA. The name: lower-case letters, digits.
 * Level 0: unit taken off; 1: nothing taken off, unit "". */
void import_header(const char *header, int level, char name[IMPORT_HEADER_MAX], char unit[16]);

/* ---- Dialects (import_dialect.c) ---- */

enum what {
    WHAT_TIME,
    WHAT_STEP_TIME,
    WHAT_WALL,
    WHAT_VOLTAGE,
    WHAT_CURRENT,
    WHAT_CYCLE,
    WHAT_STEP,
    WHAT_STATE,
    WHAT_EXTRA,
    WHAT_UNITS, /* the unit of the column before it */
    WHAT_KNOWN, /* of this dialect, not wanted */
};
/* pattern: a name as import_header makes it; '@' stands for a number, in `name` too. unit:
 * what it has where the header does not say. A rule that comes first wins where two columns would
 * get one name. */
struct rule {
    const char *pattern;
    enum what what;
    enum unit_class class;
    const char *unit, *name;
    enum recording_resets resets;
    bool declares; /* the name says when it is set back */
};
struct dialect {
    const char *name, *title;
    const char *mark[IMPORT_MARKS_MAX]; /* texts above its header */
    const char *start;                  /* what stands before the date of the start */
    enum import_sign sign;              /* where the rows do not tell */
    const struct rule *rules;           /* ends with pattern NULL */
};
extern const struct dialect import_dialect_table[];
const struct dialect *import_dialect_find(const char *name);
/* Which of two rules for one place is the better: the lower. */
int import_rule_rank(const struct dialect *d, const struct rule *rule);
/* The rule for a header cell: NULL when there is none. unit: what the header states, or "".
 * name: of the extra column, or of the slot. */
const struct rule *import_rule(const struct dialect *d, const char *header, char unit[16],
                               char name[RECORDING_NAME_MAX]);

/* ---- The plan (import_head.c, import_guess.c) ---- */

enum cell_do {
    CELL_SKIP,
    CELL_NUMBER,
    CELL_CLOCK, /* 1d 02:18:47.40 */
    CELL_STATE,
    CELL_WALL
};
struct cell_plan {
    uint8_t what, slot;
};
struct slot {
    struct scale scale;
    bool plain;    /* the scale changes nothing */
    double lo, hi; /* outside: no measured value */
    uint16_t column;
};
struct plan {
    const struct dialect *dialect;
    char separator, decimal;
    unsigned n_cells; /* up to the last that is wanted */
    struct cell_plan cell[IMPORT_CELLS_MAX];
    struct slot slot[SLOTS_MAX];
    bool has[SLOTS_MAX], has_state, has_wall;
    bool averaged;     /* the current is the mean since the row before */
    bool accumulate;   /* no test time: step times are strung together */
    uint8_t time_slot; /* the one of the two that gives the run time */
    unsigned n_extra;
    struct import_extra extra[RECORDING_EXTRA_MAX];
    int counter_in, counter_out, counter_net; /* slots; -1: none */
    bool resets_declared;
    enum import_sign sign;
    enum import_date date;
    double rest_a; /* below it no current flows, by the first rows */
    nsec start;    /* from the lines above the header; NSEC_NEVER */
    const char *header;
    size_t n_header_text;
    const char *rows; /* first byte behind the header, in the head */
    int rows_line;
};

struct place {
    const char *file;
    int line;
};
/* A finding in a line of the file; column from 1, 0: none. */
int import_error(struct diag *d, int code, const struct place *at, const char *line, size_t n,
                 size_t column, const char *fmt, ...) PRINTF(7, 8);
void import_note_why(struct import_report *r, const char *fmt, ...) PRINTF(2, 3);

struct span {
    const char *p;
    size_t n;
};
/* The next line without its end; false: none, or (unless whole) one whose newline is not there. */
bool import_line(const char **p, const char *end, bool whole, struct span *ret);
/* Cells of a line, trimmed and out of their quotes; as many as fit. */
unsigned import_split(struct span line, char separator, struct span cell[IMPORT_CELLS_MAX]);

void import_cell_text(struct span cell, char out[IMPORT_HEADER_MAX]);
/* What a person said of this header, or else the dialect's rule. */
const struct rule *import_column_rule(const struct dialect *d, const struct import_options *opt,
                                      const char *header, char unit[16],
                                      char name[RECORDING_NAME_MAX]);
/* Cells of the plan, from the header and the first row. */
int import_plan_columns(struct plan *plan, struct span line, struct span row,
                        const struct import_options *opt, struct import_report *report,
                        struct diag *reterr) MUST_USE;

/* From the first bytes of a file (with a newline behind them). */
int import_plan(const char *file, const char *head, size_t n, bool whole,
                const struct import_options *opt, struct plan *ret, struct import_report *report,
                struct diag *reterr) MUST_USE;
/* What only the rows tell: decimal sign, time base, mV, sign of the current, order of dates. */
int import_plan_guess(const char *file, const char *head, size_t n, bool whole,
                      const struct import_options *opt, struct plan *plan,
                      struct import_report *report, struct diag *reterr) MUST_USE;

/* ---- Cells (import_cells.c) ---- */

struct cells {
    double value[SLOTS_MAX];
    struct span state, wall;
    unsigned n; /* cells there were, counted up to those wanted */
    size_t bad; /* column of the cell that could not be read, from 1 */
    unsigned bad_cell;
    uint64_t *invalid; /* per slot, counted up */
};
/* A line without its newline; *end must be '\n'. 0; E_SYNTAX: a cell that must be a number is none
 * (bad); E_AGAIN: too few cells. */
int import_cells(const struct plan *plan, const char *line, const char *end, struct cells *ret);
/* One number at p, at most to end (*end is no part of a number); returns where it ends, NULL:
 * there is none. The nearest double, as str_to_double. */
const char *import_number(const char *p, const char *end, char decimal, double *ret);
/* "1d 02:18:47.40", "144:02:18", "00:00:05". NULL: it is none. */
const char *import_clock(const char *p, const char *end, char decimal, double *ret_s);
/* A date with its time, as ns since the epoch in UTC. ambiguous: day and month could be changed
 * over. */
int import_wall(const char *p, size_t n, enum import_date order, nsec *ret, bool *ret_ambiguous);
/* What a word of a state column means; MIXED: not known. */
enum recording_mode import_state(const char *p, size_t n);

/* ---- The flow (import_flow.c) ---- */

struct flow {
    const struct plan *plan;
    const struct import_options *opt;
    const struct import_sink *sink;
    struct import_report *report;
    struct place at;
    bool first;
    double t_s, base_s, step_time_s; /* of the row before; base: added to the file's */
    double v, i;
    struct import_row row;
    struct import_step step;
    bool step_open;
    char state[IMPORT_WORD_MAX];
    size_t n_state;
    enum recording_mode mode, step_mode; /* of the row's state; of the step, MIXED: rows decide */
    uint64_t n_in, n_out, n_pressure;
    double pressure_sum_pa;
    int temperature, pressure;          /* extras that step summaries watch; -1 */
    bool directed[RECORDING_EXTRA_MAX]; /* counters of one direction */
    double rest_a;                      /* below it no current flows; grows with what flows */
    uint64_t valid_v, valid_i;
    double counter_in, counter_out, counter_net; /* at the last row */
    double began_in, began_out, began_net;       /* at the begin of the step */
    double their_in, their_out;
    uint64_t drops_step, drops_cycle;
    nsec wall_first;
    double wall_first_t_s;
    char wall_last[64];
    size_t n_wall_last;
    uint64_t odd_cycles;
    uint64_t invalid[SLOTS_MAX];
};
void import_flow_init(struct flow *f, const struct plan *plan, const struct import_options *opt,
                      const struct import_sink *sink, struct import_report *report,
                      const char *file);
/* A row; line: for messages. 0 or negative. */
int import_flow_row(struct flow *f, struct cells *c, const char *line, size_t n,
                    struct diag *reterr) MUST_USE;
/* The step under way is complete, if there is one. */
int import_flow_step_end(struct flow *f, struct diag *reterr) MUST_USE;
int import_flow_end(struct flow *f, struct diag *reterr) MUST_USE;

#endif
