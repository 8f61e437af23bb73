/* base/diag.h - the human story of a failure.
 *
 * A diag is a list of findings, each with an optional place in a file (source line and caret are
 * copied into it, so that it outlives the file), a hint, and a chain of contexts ("cannot arm run
 * 12" <- "chamber did not identify" <- "time-out after 500 ms"). Fixed size, no allocation: it may
 * be used on any path. Library rooms only add; cmd_*.c print.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DIAG_FINDINGS_MAX = 24,
    DIAG_TEXT_MAX = 240,
    DIAG_LINE_MAX = 160
};

enum diag_level {
    DIAG_ERROR,
    DIAG_WARN,
    DIAG_NOTE
};

/* A place: line and column from 1; columns count characters. len: characters to underline, 0 or 1:
 * one caret. text: the source line without its newline, may be NULL. */
struct diag_pos {
    const char *file;
    int line, column, length;
    const char *text;
};

struct diag_finding {
    int code; /* E_... */
    enum diag_level level;
    char file[DIAG_LINE_MAX];
    int line, column, length;   /* 0: no place */
    char source[DIAG_LINE_MAX]; /* the line, or its part around the place */
    int cut;                    /* characters of the line left out before source */
    char text[DIAG_TEXT_MAX];   /* "a guard on voltage is given in A"; contexts are put before it:
                                   "outer <- inner" */
    char hint[DIAG_LINE_MAX];   /* "did you mean 4.4 V?"; empty: none */
};

struct diag {
    size_t n, dropped; /* dropped: more than fit */
    struct diag_finding finding[DIAG_FINDINGS_MAX];
};

void diag_init(struct diag *d);

/* Each returns `code`, so that an error path is one line. d may be NULL. */
int diag_add(struct diag *d, int code, const char *fmt, ...) PRINTF(3, 4);
int diag_at(struct diag *d, int code, const struct diag_pos *pos, const char *fmt, ...)
    PRINTF(4, 5);
int diag_warn_at(struct diag *d, const struct diag_pos *pos, const char *fmt, ...) PRINTF(3, 4);
/* Hint of the newest finding. */
void diag_hint(struct diag *d, const char *fmt, ...) PRINTF(2, 3);
/* Put "context <- " before the newest finding's text. Returns its code (E_INVALID when there is
 * none). */
int diag_wrap(struct diag *d, const char *fmt, ...) PRINTF(2, 3);

bool diag_has_errors(const struct diag *d);
/* Code of the first error, 0 when there is none. */
int diag_code(const struct diag *d);

/* The whole story as the terminal shows it (LANGUAGE.md par. 4), truncated to size; returns the
 * length needed. colour: ANSI for the word error/warn only. With a place: bad.yaml:21:26: error: a
 * guard on voltage is given in A 21 |   cell.voltage: 2.0 V .. 4.4 A | ^~~~~ did you mean 4.4 V?
 * without: "error: text" and an indented hint line. Tabs in source lines print as one blank. */
size_t diag_format(const struct diag *d, char *buf, size_t size, bool colour);

#endif
