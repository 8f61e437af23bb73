/* benchctl/cli.h - what every subcommand is and shares: options, output, exit codes, loading of files.
 *
 * A subcommand is one cmd_NAME.c exporting a struct command; help is made from its table. Reading commands take --json and --csv. Exit: 0 done, 1 result outside limits, 2
 * usage, 3 file has errors, 4 bench unavailable, 5 tripped, 6 aborted, 7 equipment failed, 70 internal.
 */
#ifndef BENCHCTL_CLI_H
#define BENCHCTL_CLI_H

#include "base/diag.h"
#include "base/str.h"
#include "benchctl/bench.h"
#include "benchctl/model_band.h"
#include "procedures/engine/article.h"
#include "procedures/engine/compile.h"

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_LIMITS = 1, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_BENCH = 4, EXIT_TRIP = 5, EXIT_ABORT = 6, EXIT_FAIL = 7, EXIT_INTERNAL = 70 };
enum { OPTION_REPEAT_MAX = 64, ARGS_MAX = 16 };

struct option {
    const char *name;    /* "--article" */
    const char *value;   /* "ARTICLE": takes a value; NULL: a switch */
    bool repeat;         /* may be given more than once */
    const char *help;
};
struct args;
struct command {
    const char *name, *group; /* group of `benchctl --help`: look, try, act, use, intake, keep */
    const char *arguments;    /* "BENCH PROCEDURE" for the usage line */
    const char *help;         /* one line */
    const char *more;         /* a paragraph, examples; may be NULL */
    const struct option *options; /* ends with name NULL; --lab, --json, --csv, --help are common: named by `common` */
    unsigned common;
    int min_args, max_args;
    int (*run)(const struct args *);
};
enum { COMMON_LAB = 1, COMMON_JSON = 2, COMMON_CSV = 4 };

struct args {
    const struct command *command;
    int n;
    const char *arg[ARGS_MAX];
    const char *lab;     /* --lab, $BENCHCTL_LAB or ./lab */
    bool json, csv, colour; /* colour: stdout is a terminal and NO_COLOR is not set */
    bool err_colour;
    unsigned n_given;
    struct {
        const struct option *option;
        const char *value;
    } given[OPTION_REPEAT_MAX];
};
/* Value of an option, NULL when absent ("" for a switch that is given). */
const char *args_get(const struct args *a, const char *name);
/* All values of a repeated option. */
unsigned args_all(const struct args *a, const char *name, const char **ret, unsigned most);
/* An option that is a quantity of these dimensions, in SI; *ret stays where it is not given. EXIT_DONE, or EXIT_USAGE with what is wrong told; example: "3.0 V". */
int args_quantity(const struct args *a, const char *option, struct dims dims, const char *example, double *ret);

extern const struct command *const commands[]; /* NULL-terminated, in the order of help */

/* Prints findings to stderr; returns EXIT_FILE. */
int cli_findings(const struct args *a, const struct diag *d);
/* One error line to stderr; returns code. */
int cli_error(const struct args *a, int code, const char *fmt, ...) PRINTF(3, 4);

/* An article by file, by name in the lab, or from the articles/ folders (working folder, then the installed ones). */
int cli_article(const struct args *a, const char *name, struct article *ret, struct diag *reterr) MUST_USE;
/* A procedure file: as given, or in the procedures/ folders (working folder, then the installed ones): "assb/formation.yaml" is enough. */
int cli_find_procedure(const char *name, const char *beside, char *ret_path, size_t size, struct diag *reterr) MUST_USE;

/* Everything a check, plan or sim needs, loaded. */
struct loaded {
    struct bench bench;
    struct station_map map;
    struct article article;
    struct conf_doc procedure;
    struct program program;
    struct open_list open;
    struct { /* files that call: has pulled in */
        struct conf_doc doc;
        char name[160];
    } called[16];
    unsigned n_called;
    struct { /* files that drive: reads */
        char *text;
        size_t n;
        char path[512];
    } profile[16];
    unsigned n_profiles;
    struct model_band band; /* there: the program follows a model */
    bool has_bench, has_article, has_program;
    int station;
    double speed;
};
/* bench or article NULL: open check. 0, or negative with findings. loaded is big: static or heap. */
int cli_load(const struct args *a, const char *bench, const char *procedure, const char *article, const char *station, struct loaded *ret, struct diag *reterr) MUST_USE;
void cli_unload(struct loaded *l);

/* ---- Output helpers (output.c) --------------------------------------------------------------------------------------------- */

/* A table with aligned columns; cells are text. right: bit per column that is right-aligned. */
struct table {
    struct text out;
    unsigned n_columns, right;
    unsigned n_cells;
    char *cells; /* grown; owned */
    size_t used, size;
};
void table_begin(struct table *t, unsigned n_columns, unsigned right, const char *const *headers);
void table_cell(struct table *t, const char *fmt, ...) PRINTF(2, 3); /* row by row */
void table_print(struct table *t, FILE *to); /* and frees; to NULL: only frees */

/* "1 h 12", "35 s" */
const char *duration_text(double s, char *buf, size_t size);
/* Quantity or "-" when NaN. */
const char *value_text(double si, struct dims d, bool point, char *buf, size_t size);

#endif
