/* base/conf_priv.h - a text by its bytes: lines, places, and what lies between the scalars. */
#ifndef BASE_CONF_PRIV_H
#define BASE_CONF_PRIV_H

#include "base/conf.h"

enum {
    CONF_BYTES_MAX = 1 << 20,
    CONF_DEPTH_MAX = 32
};

/* The bytes of one scalar in the file, quotes included. */
struct span {
    size_t from, to;
};

struct source {
    struct conf_doc *doc;
    struct arena scratch; /* dies with the load */
    size_t *line_start;
    const char **line_text; /* copied when first asked for, into the doc's arena */
    int n_lines;
    struct span *span; /* ascending */
    size_t n_spans, span_room;
    struct diag *reterr;
    int code; /* of the first refusal */
};

void source_init(struct source *s, struct conf_doc *doc, struct diag *reterr);
void source_done(struct source *s);
void source_add_span(struct source *s, size_t from, size_t to);
struct diag_pos source_pos(struct source *s, size_t from, size_t to);
/* A finding at bytes from..to; hint may be NULL. */
void source_refuse(struct source *s, int code, size_t from, size_t to, const char *hint,
                   const char *fmt, ...) PRINTF(6, 7);

/* Before YAML: bytes that are not text, tabs that indent, markers and directives. */
void source_check_bytes(struct source *s);
/* After YAML: comments, commas and indicators outside the scalars, up to byte `end`. */
void source_check_between(struct source *s, size_t end);

/* The next byte from `at` on that is neither blank nor comment. */
size_t source_skip_blanks(const struct source *s, size_t at);
/* The first bracket in from..to that its own line does not close; the length of the text when there
 * is none. */
size_t source_open_bracket(const struct source *s, size_t from, size_t to);

#endif
