/* benchctl/page.h - rows of figures with their uncertainty, once for the terminal, CSV and JSON.
 *
 * On the terminal a figure reads 30.090(36): 30.090 with a standard uncertainty of 0.036, the
 * digits in brackets being those of the last places; "-" where nothing is identifiable, with the
 * reasons below the table. CSV and JSON have SI units, charge in Ah and energy in Wh: KEY, KEY_u,
 * why.
 */
#ifndef BENCHCTL_PAGE_H
#define BENCHCTL_PAGE_H

#include "analysis/figure.h"
#include "benchctl/look.h"

enum page_kind {
    SHEET_COUNT,
    SHEET_NUMBER,
    SHEET_FIGURE,
    SHEET_TEXT,
    SHEET_ROWS /* the recording's rows, from 1 */
};

struct page_column {
    const char *key;   /* "discharge_ah" */
    const char *title; /* NULL: not on the terminal */
    const char *unit; /* of the value, put behind the title, with m or u by the largest value; NULL:
                         none, and scale as it is */
    enum page_kind kind;
    double scale; /* shown = (value - offset) * scale; 0: 1 */
    int decimals; /* of numbers, and of figures without uncertainty; of the unit without m or u */
    double offset;
};

struct page {
    const struct page_column *column;
    unsigned n_columns;
    struct list cells; /* row by row */
    struct text notes; /* lines below the table */
};

void page_begin(struct page *s, const struct page_column *columns, unsigned n);
/* Cells in the order of the columns. */
void page_count(struct page *s, uint64_t n);
void page_number(struct page *s, double v);
void page_figure(struct page *s, struct figure f);
void page_text(struct page *s, const char *text);
void page_rows(struct page *s, struct rows rows);
void page_note(struct page *s, const char *fmt, ...) PRINTF(2, 3);
/* Where a sheet is told in words: its table, then why something is missing, then its notes. */
struct page_told {
    void *ctx;
    /* right: bit per column that is right-aligned. Not called when there are no rows. */
    void (*table)(void *ctx, unsigned n_columns, unsigned right, const char *const *titles);
    void (*cell)(void *ctx, const char *text);
    void (*end)(void *ctx); /* of the table */
    void (*reason)(void *ctx, bool first, const char *text);
    void (*note)(void *ctx, const char *text);
};
/* keys: the columns that are told, up to NULL; NULL: all that have a title. most: of more rows the
 * first and the last ones; 0: all. */
void page_tell(const struct page *s, const char *const *keys, size_t most,
               const struct page_told *to);
void page_done(struct page *s);
/* Prints and frees. JSON: an object with `analysis`, `notes` and `rows`. Exit code. */
int page_out(struct page *s, const struct args *a, const char *analysis);
/* "30.090(36)" or "-". */
const char *figure_text(struct figure f, double scale, int decimals, char *buf, size_t size);

#endif
