/* tests/sim/edits.h - single edits of a text file, and the limits of edited files, read without the
 * program's own readers of units and ranges. */
#ifndef TESTS_SIM_EDITS_H
#define TESTS_SIM_EDITS_H

#include "base/conf.h"

#include <stddef.h>
#include <stdint.h>

enum {
    EDIT_FILES = 5,
    EDIT_BYTES = 16384
};

enum edit_kind {
    EDIT_DIGIT,
    EDIT_UNIT,
    EDIT_SIGN,
    EDIT_KEY,
    EDIT_LINE_REMOVED,
    EDIT_LINE_DOUBLED,
    EDIT_BRACKET,
    EDIT_BYTE,
    EDIT_KINDS
};
extern const char *const edit_kind_names[EDIT_KINDS];

struct edit_file {
    size_t n;
    char text[EDIT_BYTES];
};
struct edit {
    struct edit_file file;
    int kind;
    int first, last;        /* lines of the edited file in which the edit is */
    char was[130], is[130]; /* the line, without its comment */
    char what[400];         /* "demo.yaml:14: `old line` -> `new line`" */
};

/* The same edit for the same seed, for ever. */
void edit_make(struct edit *ret, const struct edit_file *from, const char *name, uint64_t seed,
               int kind);

/* One text replaced by another, by hand. */
void edit_put(struct edit *ret, const struct edit_file *from, const char *name, const char *old,
              const char *by);

#define EDIT_WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
bool edit_has_word(const char *text, const char *word);

/* Narrowest of article, bench and guards; SI. */
struct edit_limits {
    double charge_a, discharge_a, v_lo, v_hi, pressure_pa, gauge_pa, t_lo_k, t_hi_k;
    char unread[120]; /* a text that is not understood; empty: none */
};
void edit_limits_read(struct edit_limits *ret, const struct conf_node *article,
                      const struct conf_node *bench, const struct conf_node *procedure);

#endif
