/* benchctl/export_priv.h - what the files of the subcommand export share. */
#ifndef BENCHCTL_EXPORT_PRIV_H
#define BENCHCTL_EXPORT_PRIV_H

#include "base/attr.h"

#include <stdio.h>

struct diag;
struct run_file;

/* export_ndjson.c: the whole run, one JSON object a line. */
int export_ndjson(struct run_file *f, FILE *to, struct diag *reterr) MUST_USE;

#endif
