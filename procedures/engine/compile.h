/* procedures/engine/compile.h - from a procedure file to a program, or to a list of findings with places. */
#ifndef PROCEDURES_ENGINE_COMPILE_H
#define PROCEDURES_ENGINE_COMPILE_H

#include "procedures/engine/program.h"

struct compile_input {
    const struct conf_doc *procedure;
    const struct article *article;       /* NULL: open (`check FILE`): article keys are listed */
    const struct station_desc *station;  /* NULL: open: roles are listed */
    const struct conf_node *bench_guards; /* map of expression -> range from the bench file; NULL: none */
    const char *const *sets;             /* "rate=C/5", "pressures=[3 MPa, 1 MPa]" from --set */
    size_t n_sets;
    /* call: {file: ...}: load another procedure; NULL: calls are listed as open. The doc is kept until the program is done by the caller. */
    /* E_NOENT in an open check (no station) is listed as open too, and adds no finding then. */
    int (*load)(void *ctx, const char *name, const struct conf_doc **ret, struct diag *reterr);
    /* drive: {profile: ...}: the text of a file beside the procedure file `from`, and where it was found; kept by the caller until the compile is over. E_NOENT and other
     * failures are said by the compiler. NULL: profiles are listed as open. */
    int (*read)(void *ctx, const char *from, const char *name, const char **ret_text, size_t *ret_n, const char **ret_path);
    void *load_ctx;
};

/* What an open check could not resolve: roles, article keys, files. For printing. */
enum { OPEN_MAX = 32 };
struct open_list {
    size_t n;
    char what[OPEN_MAX][80];
};

/* Every finding is reported, not only the first. Words of LANGUAGE.md that this version has not (eis, heat, gas, load, connect, disconnect, offstation, barrier, clock waits, scan, photo,
 * insulation, sign: 2) are refused each with its line: "`eis` is not there yet". ret_open may be NULL. */
int program_compile(const struct compile_input *in, struct program *ret, struct open_list *ret_open, struct diag *reterr) MUST_USE;

/* One expression in a program's terms (tests, `check:` of the command line). */
int program_expr(struct program *p, const char *text, expr_id *ret, struct diag *reterr) MUST_USE;

/* Verbs, keys and functions as a reference page in Markdown (docs/GRAMMAR.md is made from it). */
struct text;
void grammar_reference(struct text *out);

#endif
