/* analysis/import.h - recordings of other cyclers, read as they are.
 *
 * A dialect is a table of column names (import_dialect.c). The beginning of a file decides: which
 * line is the header, which column is what, units, decimal sign, time base, sign of the current.
 * import_why() tells on what evidence; what a person states (struct import_options) goes before
 * what was found. Rows are never resampled, filled in or put in another order.
 *
 * Charge is counted beside the instrument's own counters by the rule of the project: the interval
 * before a row belongs to the row's step; the first row of a step brings its step time, not what
 * passed since the row before it.
 */
#ifndef ANALYSIS_IMPORT_H
#define ANALYSIS_IMPORT_H

#include "analysis/recording.h"
#include "base/attr.h"
#include "base/chan.h"
#include "base/nsec.h"
#include "base/str.h"

struct diag;
struct store;

enum {
    IMPORT_CELLS_MAX = 160, /* columns of a file */
    IMPORT_HEADER_MAX = 64,
    IMPORT_WORD_MAX = 48,
    IMPORT_WHY_MAX = 24,
    IMPORT_SET_MAX = 16
};

enum import_sign {
    IMPORT_SIGN_GUESS,
    IMPORT_SIGN_CHARGE,    /* positive is charge */
    IMPORT_SIGN_DISCHARGE, /* positive is discharge */
    IMPORT_SIGN_STATE      /* a magnitude: the state column has the direction */
};
enum import_date {
    IMPORT_DATE_GUESS,
    IMPORT_DATE_DMY,
    IMPORT_DATE_MDY
};
enum import_back { /* rows whose time is before that of the row above */
    IMPORT_BACK_REFUSE,
    IMPORT_BACK_SKIP, /* leave them out, counted */
    IMPORT_BACK_JOIN  /* the clock was started anew: go on from where it was */
};

/* All zero: everything is found out. */
struct import_options {
    const char *dialect; /* a name of import_dialect() */
    char separator;      /* ',' ';' or tab */
    char decimal;        /* '.' or ',' */
    const char *time_unit, *voltage_unit, *current_unit, *charge_unit, *energy_unit;
    enum import_sign sign;
    enum import_date date;
    enum import_back back;
    unsigned n_set; /* "voltage=Ecell/V": this header is that column */
    const char *set[IMPORT_SET_MAX];
    double capacity_ah; /* of the article; 0: not known */
};

/* A column of the file and what became of it. */
struct import_column {
    char header[IMPORT_HEADER_MAX];
    char name[RECORDING_NAME_MAX]; /* "voltage_v", "counter_in_ah", "step" ...; "": left out */
    char unit[16];                 /* as read: "mA"; "": a plain number */
    bool unit_stated;              /* in the file; else the dialect's, or found */
    double factor, offset;         /* value here = factor * value there + offset */
    enum chan_kind kind;           /* of values */
    uint64_t invalid;              /* cells that were no measured value */
    const char *why;               /* why it was left out; NULL */
};

struct import_report {
    char dialect[24], title[IMPORT_HEADER_MAX];
    int header_line;
    char separator, decimal;
    unsigned n_columns;
    struct import_column column[IMPORT_CELLS_MAX];
    unsigned n_why; /* the evidence, in sentences */
    char why[IMPORT_WHY_MAX][200];
    /* What there was. */
    uint64_t rows, bytes, steps, cycles, lines;
    double from_s, to_s;
    nsec wall_start; /* of run time 0, read as UTC; NSEC_NEVER: the file does not say */
    double in_ah, out_ah, in_wh, out_wh; /* ours */
    double their_in_ah, their_out_ah;    /* the instrument's, NaN: it has none */
    enum recording_resets resets;        /* of its counters, as they behaved */
    uint64_t repeated_headers, blank_lines, skipped_rows, joins, clamped_times, against_state;
    bool cut;        /* the last line was incomplete and was left out */
    char sha256[65]; /* of the file's bytes; "": not asked for */
};

/* What comes with begin(), besides time, voltage, current, step and cycle. */
struct import_extra {
    char name[RECORDING_NAME_MAX];
    enum chan_kind kind;
};
struct import_shape {
    unsigned n_extra;
    struct import_extra extra[RECORDING_EXTRA_MAX];
    uint64_t rows_expected;             /* an estimate */
    nsec wall_start;                    /* of run time 0; NSEC_NEVER: not known */
    const struct import_report *report; /* filled up to the evidence */
};
struct import_row {
    double t_s, voltage_v, current_a; /* NaN: not valid; t_s always is */
    const double *extra;              /* in the order of the shape */
    uint32_t step, cycle;             /* as the source counts them */
    uint32_t execution;               /* steps that were begun, from 1 */
    double step_time_s;               /* since the step began */
    double charge_ah, energy_wh;      /* signed, of the step so far; ours */
};
/* At the begin of a step all but name, number, execution, cycle, mode, began_s and line is 0. */
struct import_step {
    char name[IMPORT_WORD_MAX]; /* as the source calls it: "CC DChg", or "step 4" */
    uint32_t number, execution, cycle;
    enum recording_mode mode; /* at the end: told from all its rows */
    double began_s, ended_s;
    int line;
    double in_ah, out_ah, in_wh, out_wh;
    double v_first, v_last, v_min, v_max, i_min, i_max; /* NaN: no valid one */
    double temperature_min_k, temperature_max_k, pressure_min_pa, pressure_max_pa, pressure_mean_pa;
};

/* Where rows go. Each returns 0 or negative (which ends the import). Any may be NULL. */
struct import_sink {
    void *ctx;
    bool hash; /* the report shall have the file's SHA-256 */
    int (*begin)(void *ctx, const struct import_shape *shape, struct diag *reterr);
    int (*step_begin)(void *ctx, const struct import_step *step, struct diag *reterr);
    int (*row)(void *ctx, const struct import_row *row, struct diag *reterr);
    int (*step_end)(void *ctx, const struct import_step *step, struct diag *reterr);
    int (*end)(void *ctx, const struct import_report *report, struct diag *reterr);
};
extern const struct import_sink import_null_sink;

/* The dialects, from 0: name and what it is; NULL after the last. */
const char *import_dialect(unsigned i, const char **ret_title);

/* Read a file from its first to its last row; memory does not grow with it. opt NULL: all is found
 * out. 0 with *ret filled, or negative with file and line in reterr; things that are odd but not
 * wrong are warnings in reterr. */
int import_file(const char *path, const struct import_options *opt, const struct import_sink *sink,
                struct import_report *ret, struct diag *reterr) MUST_USE;
/* The same from memory; `name` is for messages. */
int import_text(const char *name, const char *text, size_t n, const struct import_options *opt,
                const struct import_sink *sink, struct import_report *ret,
                struct diag *reterr) MUST_USE;
/* Only the beginning: what would be made of it. */
int import_explain(const char *path, const struct import_options *opt, struct import_report *ret,
                   struct diag *reterr) MUST_USE;
/* The evidence and the columns, for a person. */
void import_why(const struct import_report *r, struct text *to);

/* Into memory. ret is for recording_done(). */
int import_recording(const char *path, const struct import_options *opt, struct recording *ret,
                     struct diag *reterr) MUST_USE;

/* Into a run file of a lab (lab_open): procedure "import", one table `cycler`, step summaries. The
 * source text of the run has the file's name, hash, dialect and columns, not its rows. wall: for a
 * file that does not say when. Nothing is left in the lab on failure of the file's first lines; a
 * run that fails later stays, with verdict "failed". */
struct import_run {
    const char *article, *build;
    nsec wall;
    double capacity_ah; /* NaN: not known */
};
int import_run(struct store *s, const char *path, const struct import_options *opt,
               const struct import_run *about, struct import_report *ret, int64_t *ret_number,
               struct diag *reterr) MUST_USE;

#endif
