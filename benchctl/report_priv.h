/* benchctl/report_priv.h - a report between a run and paper: blocks of text, tables and pictures,
 * the same for HTML, plain text and Markdown.
 *
 *     run file -> report_run.c, report_setup.c, report_analysis.c -> struct report
 *              -> report_html.c, report_text.c
 */
#ifndef BENCHCTL_REPORT_PRIV_H
#define BENCHCTL_REPORT_PRIV_H

#include "base/mem.h"
#include "benchctl/plot_priv.h"
#include "benchctl/story.h"

enum report_form {
    REPORT_HTML,
    REPORT_TEXT,
    REPORT_MARKDOWN
};

enum block_kind {
    BLOCK_HEADING,
    BLOCK_TEXT,
    BLOCK_SMALL, /* a note below a table */
    BLOCK_LOUD,  /* a text that must not be overlooked: trips, alarms */
    BLOCK_TABLE, /* cells row by row; the first row is the header */
    BLOCK_KEYS,  /* a table of two columns without a header */
    BLOCK_PICTURE
};

struct report_block {
    enum block_kind kind;
    const char *text; /* heading, paragraph, caption; may be NULL for tables */
    unsigned n_columns, right;
    struct list cells; /* const char * */
    const char
        *drawing; /* of a picture: SVG for HTML, characters for the others; NULL: not drawn */
};

struct report {
    enum report_form form;
    struct arena arena; /* owns all texts */
    const char *title;
    struct list blocks; /* struct report_block */
    unsigned n_pictures;
    char not_drawn[DIAG_TEXT_MAX]; /* why pictures are missing; "" */
};

void report_begin(struct report *r, enum report_form form);
void report_done(struct report *r);

void report_heading(struct report *r, const char *fmt, ...) PRINTF(2, 3);
void report_text(struct report *r, const char *fmt, ...) PRINTF(2, 3);
void report_small(struct report *r, const char *fmt, ...) PRINTF(2, 3);
void report_loud(struct report *r, const char *fmt, ...) PRINTF(2, 3);
/* Cells follow, row by row. right: bit per column that is right-aligned. */
void report_table(struct report *r, const char *caption, unsigned n_columns, unsigned right,
                  const char *const *headers);
void report_cell(struct report *r, const char *fmt, ...) PRINTF(2, 3);
/* A list of names and values; the first call after another block begins it. */
void report_key(struct report *r, const char *name, const char *fmt, ...) PRINTF(3, 4);
/* Draws it, at this size on the paper, with its panels one above the other. A picture without
 * points is left out. */
void report_picture(struct report *r, const char *caption, struct picture *p, unsigned width,
                    unsigned height);

/* report_analysis.c: what the rows say. */
struct insight {
    struct recording recording;
    bool has_cycles; /* else there is nothing to be told */
    struct cycles cycles;
};
int insight_read(struct run_file *f, struct insight *ret, struct diag *reterr) MUST_USE;
void insight_done(struct insight *in);
int report_analyses(struct report *r, const struct insight *in, bool all,
                    struct diag *reterr) MUST_USE;
/* A line of the summary each, where there is something. */
void report_groups_key(struct report *r, const struct insight *in);
void report_capacity_key(struct report *r, const struct insight *in);

/* report_setup.c: what the run was made with, from the texts that are kept in it. */
int report_setup(struct report *r, struct run_file *f, const struct story *s,
                 struct diag *reterr) MUST_USE;
int report_provenance(struct report *r, struct run_file *f, const struct story *s,
                      struct diag *reterr) MUST_USE;
/* report_run.c: the whole of it. all: no table is shortened. */
int report_run(struct report *r, struct run_file *f, const struct story *s, bool all,
               struct diag *reterr) MUST_USE;

void report_html(const struct report *r, FILE *to);
void report_plain(const struct report *r, FILE *to);
void report_markdown(const struct report *r, FILE *to);

#endif
