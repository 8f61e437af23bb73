/* analysis/validate_priv.h - a validator inside: the reader of the text (validate.c) and the checks
 * of a row (validate_rows.c). */
#ifndef ANALYSIS_VALIDATE_PRIV_H
#define ANALYSIS_VALIDATE_PRIV_H

#include "analysis/bdf.h"
#include "analysis/validate.h"
#include "base/str.h"

#include <stdbool.h>

enum {
    COLUMNS_MAX = 256,
    SCALE_BINS = 1600 /* of a ratio: 100 a decade from 1e-6 */
};

/* The columns that some check looks at. */
enum known {
    KNOWN_TIME,
    KNOWN_UNIX,
    KNOWN_STEP_TIME,
    KNOWN_CYCLE,
    KNOWN_RECORD,
    KNOWN_IN_AH,
    KNOWN_OUT_AH,
    KNOWN_SUM_AH,
    KNOWN_NET_AH,
    KNOWN_IN_WH,
    KNOWN_OUT_WH,
    KNOWN_SUM_WH,
    KNOWN_NET_WH,
    KNOWN_COUNT
};

struct validate_column {
    char header[VALIDATE_COLUMN_MAX];
    const struct bdf_term *term; /* NULL: unknown */
    bool number;
    double scale; /* milliseconds of an earlier ontology */
};

/* Steps of a clock against steps of the wall clock: the ratio in the middle of all of them. */
struct scale_check {
    bool begun, parted;
    double t, unix_s;   /* where the step under way began */
    uint64_t row, line; /* the first that did not agree */
    uint64_t n, bin[SCALE_BINS];
};

enum cell_state {
    CELL_BEGINS,
    CELL_PLAIN,
    CELL_QUOTED,
    CELL_QUOTE /* a quote inside quotes: its end or the first of two */
};

struct validator {
    struct validate_report report;
    /* the reader */
    enum cell_state state;
    struct text cell;
    bool header_done, cr, some; /* some: the line has something in it */
    bool unread;                /* a cell of the line is no number, and that is told */
    uint64_t line, row_line;
    unsigned bom, n_cells;
    /* the table */
    unsigned n;
    struct validate_column column[COLUMNS_MAX];
    int at[KNOWN_COUNT]; /* column; -1: not there */
    /* rows */
    double value[COLUMNS_MAX];
    double before[KNOWN_COUNT], top[KNOWN_COUNT]; /* of the last row that had one; largest so far */
    double record_low;
    uint64_t first_line; /* of row 1 */
    struct scale_check scale[2];
};

/* One more row of this kind; its finding, or NULL when there is no room. why: its text, a literal
 * that tells findings of one column apart; NULL: given by the caller or made at the end. */
struct validate_finding *validate_hit(struct validator *v, enum validate_check check,
                                      enum diag_level level, const char *column, const char *why,
                                      double size);
void validate_text(struct validate_finding *f, const char *fmt, ...) PRINTF(2, 3);

/* validate_rows.c */
void validate_columns(struct validator *v); /* the header is complete */
void validate_row(struct validator *v);     /* values of a whole row */
void validate_close(struct validator *v);   /* after the last row */

#endif
