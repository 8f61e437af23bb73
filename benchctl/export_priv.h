/* benchctl/export_priv.h - what the files of the subcommand export share. */
#ifndef BENCHCTL_EXPORT_PRIV_H
#define BENCHCTL_EXPORT_PRIV_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdio.h>

struct diag;
struct run_file;

/* export_ndjson.c: rows of a table as lines of JSON. ctx of ndjson_line, which is called with the
 * names of the columns first. */
enum {
    NDJSON_COLUMNS = 64,
    NDJSON_NAME = 64
};
struct ndjson {
    FILE *to;
    const char *kind, *table; /* table: of sample rows; NULL */
    bool header;              /* true at first */
    char name[NDJSON_COLUMNS][NDJSON_NAME];
    bool is_text[NDJSON_COLUMNS], left_out[NDJSON_COLUMNS];
};
int ndjson_line(void *ctx, unsigned n, const char *const *cells);

/* The whole run, one JSON object a line. */
int export_ndjson(struct run_file *f, FILE *to, struct diag *reterr) MUST_USE;

#endif
