/* benchctl/look.h - what runs, show and plot share: opening a run, units that people expect, lists,
 * JSON and CSV cells.
 */
#ifndef BENCHCTL_LOOK_H
#define BENCHCTL_LOOK_H

#include "analysis/contact.h"
#include "benchctl/cli.h"
#include "db/read.h"

#include <jansson.h>
#include <stddef.h>

enum {
    LOOK_PATH_MAX = 1024
};

/* How a column or an axis shows a quantity: one unit and one number of decimals for all its values.
 */
struct shown {
    double scale, offset; /* si = shown * scale + offset */
    int decimals;
    char unit[24];
};
/* most_si: the largest value, which decides the prefix. significant: digits of that value. */
void shown_for(double most_si, struct dims d, bool point, int significant, struct shown *ret);
double shown_value(const struct shown *s, double si);
/* "9.605 mAh"; "-" for NaN. */
const char *shown_text(const struct shown *s, double si, char *buf, size_t size);

/* The run named on the command line: a number, a path of a run file, or NULL for the newest.
 * ret_base: its path without
 * ".run", LOOK_PATH_MAX bytes. 0, or an exit code after the message. */
int look_open(const struct args *a, const char *word, struct run_file **ret,
              struct run_info *ret_info, char *ret_base);

/* Whether it was recorded elsewhere, and read from a file. */
bool run_is_import(const struct run_info *r);
/* What was done, for a head line or a list: "assb-formation", "import of cell-7.csv". */
const char *run_what(const struct run_info *r, char *buf, size_t size);
/* "2026-11-20 18:02" or, iso, "2026-11-20T18:02:00Z": UTC both. */
const char *wall_text(nsec wall, bool iso, char *buf, size_t size);
/* "done", "tripped", ... or "not ended"; coloured when it should catch the eye. */
const char *verdict_shown(const struct args *a, const char *verdict, bool ended, char *buf,
                          size_t size);

/* A growing array of equal things. Reading callbacks fill one. */
struct list {
    size_t n, size, each;
    char *p;
};
void *list_add(struct list *l, const void *thing); /* copy; its place */
void list_done(struct list *l);

json_t *number_json(double v); /* null for NaN */
int json_out(json_t *owned);   /* to stdout; EXIT_DONE */
void csv_cell(FILE *to, const char *text, bool first);
void csv_number(FILE *to, double v, bool first); /* empty for NaN */

#endif
