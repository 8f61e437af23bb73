/* analysis/sheet.h - all sample tables of a run as one wide sheet, row by row, for export.
 *
 * The rows are those of the leading table (the cycler's; without one the first), never resampled.
 * What other instruments measured stands beside them as their last row at or before that time.
 * Cells are text that reads back to the very number in the file; a value that was not valid is an
 * empty cell. The leading table is streamed; of the others the numbers are kept in memory.
 */
#ifndef ANALYSIS_SHEET_H
#define ANALYSIS_SHEET_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct run_file;

enum {
    SHEET_COLUMNS_MAX = 96,
    SHEET_TABLES_MAX = 16,
    SHEET_CELL_MAX = 32
};

struct sheet_column {
    char name[96];    /* "voltage_v" of the leading table, "press.pressure_pa" of another */
    char table[40];   /* "cycler" */
    char column[48];  /* "voltage_v" */
    char channel[64]; /* "cell.voltage" */
    char unit[16];    /* as in the file: SI, Ah and Wh; "" */
    char instrument[64];
    double accuracy_reading, accuracy_offset, resolution; /* NaN: not stated */
    unsigned of, at;                                      /* table; its column */
};

struct sheet {
    unsigned n, n_tables;
    struct sheet_column column[SHEET_COLUMNS_MAX];
    char table[SHEET_TABLES_MAX][40]; /* 0: the leading one */
    bool counts;                      /* it has charge_ah and energy_wh of the step so far */
    size_t beside;                    /* bytes of the other tables in memory */
    struct sheet_aside *aside;        /* of each other table, heap */
};

struct sheet_row {
    uint64_t index; /* from 1 */
    const char *t_s, *step, *cycle;
    const char *const *cell; /* one a column */
    const char *quality;     /* of the leading table: "voltage_v:over"; "" when all is well */
};

/* E_NOENT: the run has no sample tables. sheet_done() takes a zeroed one too. */
int sheet_open(struct run_file *f, struct sheet *ret, struct diag *reterr) MUST_USE;
void sheet_done(struct sheet *s);

/* Nonzero from each() ends it; 0 is returned then too, unless it is negative: that is handed on. */
int sheet_rows(struct run_file *f, struct sheet *s,
               int (*each)(void *ctx, const struct sheet_row *row), void *ctx,
               struct diag *reterr) MUST_USE;

/* The column of a channel, by its whole name; NULL. */
const struct sheet_column *sheet_channel(const struct sheet *s, const char *channel);

#endif
