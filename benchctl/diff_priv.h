/* benchctl/diff_priv.h - what the files of the subcommand diff share. */
#ifndef BENCHCTL_DIFF_PRIV_H
#define BENCHCTL_DIFF_PRIV_H

#include "benchctl/story.h"

/* ---- Two lists side by side (diff_align.c) ---- */

enum {
    ALIGN_OTHER = 0, /* they have nothing to do with one another */
    ALIGN_KIND = 1,  /* of one kind */
    ALIGN_SAME = 4
};
struct aligned {
    int a, b; /* -1: only the other list has it */
};
/* In the order of both lists, so that as much as possible stands beside its like. Heap; the number
 * of pairs, or E_FULL, E_NOMEM. */
int align(int n_a, int n_b, int (*score)(const void *ctx, int a, int b), const void *ctx,
          struct aligned **ret) MUST_USE;

/* ---- A program in words (diff_words.c, diff_steps.c) ---- */

enum {
    FIELDS_MAX = 48,
    FIELD_NAME_MAX = 24
};
struct field {
    char name[FIELD_NAME_MAX];
    const char *text;
};
/* A step, a guard or a setting of the program: what it does, in one spelling. */
struct item {
    uint8_t kind; /* steps: enum step_op; what can be a pair */
    uint8_t verb;
    char head[96];  /* "charge", "repeat 3 times" */
    char place[64]; /* "formation.yaml:31" */
    unsigned n;
    struct field field[FIELDS_MAX];
};
struct words {
    struct arena arena;
    const struct program *program;
    struct list items; /* struct item */
};
/* An expression in infix, with units where they are known. In the arena. */
const char *words_expr(struct words *w, expr_id x);
void words_field(struct words *w, struct item *it, const char *name, const char *fmt, ...)
    PRINTF(4, 5);
void words_steps(struct words *w);
void words_settings(struct words *w);
void words_done(struct words *w);

int diff_runs(const struct args *a, double within, struct diag *reterr) MUST_USE;
int diff_programs(const struct args *a, struct diag *reterr) MUST_USE;

#endif
