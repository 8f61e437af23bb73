/* benchctl/foreign_priv.h - between the readers and writers of other programs' procedures. */
#ifndef BENCHCTL_FOREIGN_PRIV_H
#define BENCHCTL_FOREIGN_PRIV_H

#include "benchctl/foreign.h"

/* ---- A text with places (foreign_source.c) ---- */

struct foreign_source {
    const char *file, *text;
    size_t n;
    struct arena *arena; /* lines are kept there */
    unsigned n_lines;
    size_t *line_start;
    const char **line_text;
};
void foreign_source_init(struct foreign_source *s, const char *file, const char *text, size_t n,
                         struct arena *arena);
/* Place of bytes [from, to). */
struct diag_pos foreign_pos(struct foreign_source *s, size_t from, size_t to);
/* A place inside a text: bytes [at, at + n) of it; not exact: it does not stand in the file as it
 * is, then the whole is meant. */
struct diag_pos foreign_inside(const struct diag_pos *pos, bool exact, const char *text, size_t at,
                               size_t n);

/* JSON, as our YAML reads it: null is an empty text. */
int foreign_json(const char *file, const char *text, size_t n, struct foreign *f,
                 struct conf_doc *ret, struct diag *reterr) MUST_USE;

/* ---- Sentences (foreign_sentence.c) ---- */

struct sentence {
    const char *text;
    struct diag_pos pos; /* of its first character */
    bool exact;          /* stands in the file as it is */
};
/* "Discharge at C/10 for 10 hours or until 3.3 V (1 minute period)" */
int sentence_read(const struct sentence *in, struct foreign_step *ret,
                  struct diag *reterr) MUST_USE;
/* One part alone, for steps that are not sentences: "10 hours"; "25 oC", "298.15 K"; "4.2 V". */
int sentence_time(const struct sentence *in, const char *what, double *ret,
                  struct diag *reterr) MUST_USE;
int sentence_temperature(const struct sentence *in, double *ret, struct diag *reterr) MUST_USE;
/* The nearest kelvin value that a place in degC with 9 digits says. */
double sentence_kelvin(double v);
int sentence_end(const struct sentence *in, struct foreign_step *s, struct diag *reterr) MUST_USE;
/* What all of a step together must be. */
int sentence_whole(const struct sentence *in, const struct foreign_step *s,
                   struct diag *reterr) MUST_USE;

/* ---- Literals of Python and JSON (foreign_literal.c) ---- */

enum lit_kind {
    LIT_TEXT,
    LIT_NUMBER,
    LIT_SEQ,  /* list or tuple; of `+` a list of both sides */
    LIT_CALL, /* text: the name; children with their keywords */
    LIT_MAP,  /* children with their keys */
    LIT_WORD, /* None, True, False, null, true, false */
};
struct lit {
    enum lit_kind kind;
    struct diag_pos pos; /* of a text: of its first character */
    const char *text;
    const char *key;
    double number;
    unsigned times; /* `* N` */
    bool exact;
    struct lit *first, *next;
};
enum {
    LIT_VARS_MAX = 32,
    LIT_NODES_MAX = 20000,
    LIT_NEST_MAX = 24
};
struct lit_reader {
    struct foreign_source src;
    size_t at;
    unsigned depth, nodes;
    struct arena *arena;
    struct diag *d; /* NULL while something is only tried */
    struct {
        const char *name;
        const struct lit *value;
    } var[LIT_VARS_MAX];
    unsigned n_vars;
};
/* One expression; NULL after a finding. */
struct lit *lit_expression(struct lit_reader *r);
/* The call of pybamm.Experiment in a script, names resolved; NULL after a finding. found: there is
 * one. */
struct lit *lit_experiment(struct lit_reader *r, bool *ret_found);
void lit_blank(struct lit_reader *r);  /* over blanks, line ends and comments */
bool lit_at_end(struct lit_reader *r); /* else a finding */

/* ---- The readers and writers of each form ---- */

int pybamm_read(const char *file, const char *text, size_t n, struct foreign *f,
                struct diag *reterr) MUST_USE;
int unicycler_read(const char *file, const char *text, size_t n, struct foreign *f,
                   struct diag *reterr) MUST_USE;
int pybamm_write(const struct foreign *f, const char *name, struct text *out,
                 struct diag *reterr) MUST_USE;
int unicycler_write(const struct foreign *f, struct text *out, struct diag *reterr) MUST_USE;

/* ---- Of a compiled program (foreign_program.c, foreign_act.c) ---- */

/* What an expression is before the run; crate: a multiple of the C of the article. */
struct known {
    double v;
    bool ok, crate;
};
/* What is only watched, kept or said: left out, and told once with the number of places. */
enum export_lost {
    LOST_SAVE,
    LOST_NOTE,
    LOST_RECORD,
    LOST_TIMEOUT,
    LOST_OUTPUT,
    LOST_GUARD,
    LOST_WATCH,
    LOST_POWER,
    LOST_SOAK,
    LOST_LIMIT,
    LOST_MODEL,
    LOST_COUNT
};
struct exporter {
    const struct program *p;
    const struct conf_doc *doc;
    enum foreign_form form;
    bool lossy;
    struct foreign *f;
    struct diag *d;
    int code;             /* of the first error */
    double temperature_k; /* of the last soak */
    struct {
        reg_id reg;
        struct known v;
    } bound[PROG_DEPTH_MAX]; /* variables of loops that are written out */
    unsigned n_bound;
    struct diag_pos pos; /* of the step under way */
    struct {
        unsigned n;
        struct diag_pos first;
    } lost[LOST_COUNT];
};
struct known export_value(const struct exporter *x, uint32_t start, unsigned n);
struct known export_expr(const struct exporter *x, expr_id e);
/* cell.voltage < > <= >= CONSTANT, in either order; equal: of <= and >=. */
bool export_comparison(const struct exporter *x, expr_id e, char *ret_sign, bool *ret_equal,
                       double *ret_v);
void export_act(struct exporter *x, const struct act *a);
/* It cannot be said, and it would change what the article goes through. */
void export_refuse(struct exporter *x, const char *fmt, ...) PRINTF(2, 3);
/* It cannot be said; refused, or with lossy a warning. */
void export_lose(struct exporter *x, const char *fmt, ...) PRINTF(2, 3);
void export_count(struct exporter *x, enum export_lost what);

#endif
