/* benchctl/show_priv.h - what the files of the subcommand show share. */
#ifndef BENCHCTL_SHOW_PRIV_H
#define BENCHCTL_SHOW_PRIV_H

#include "benchctl/story.h"

/* all: no list is shortened. ends: rows shown at each end of a long list, 0: the usual number. */
int show_text(const struct args *a, const struct story *s, bool all, size_t ends);

#endif
