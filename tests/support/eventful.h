/* tests/support/eventful.h - the run of tests/fault/eventful.yaml, and run files compared cell by cell. */
#ifndef TESTS_SUPPORT_EVENTFUL_H
#define TESTS_SUPPORT_EVENTFUL_H

#include "tests/support/sim.h"

/* With a script: a sensor that is open, one that is stuck, an instrument that is lost and back, a pause by the operator in mid-act, and resume after each. */
void eventful_load(struct sim_case *c);
/* For the case that was loaded last: its script, and yes to the question. */
void eventful_options(struct session_options *ret);

/* Schema and every cell of every table of a run file, with its type and exact bits; heap. The number of the run is left out: a run that is started anew gets
 * another one. */
char *run_dump(const char *path);
/* Fails with the first line that differs. */
void dump_same(const char *what, const char *is, const char *expected);
void run_path(char *buf, size_t size, const char *lab, int64_t number);

#endif
