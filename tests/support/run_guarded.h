/* tests/support/run_guarded.h - what the tests of guards and of states begin from: a long guarded
 * charge, then a rest, on one bench.
 */
#ifndef TESTS_SUPPORT_RUN_GUARDED_H
#define TESTS_SUPPORT_RUN_GUARDED_H

#include "tests/support/run_rig.h"

extern struct rig_program prog;
extern struct rig_bench bench;

/* A charge at 20 mA to 4.1 V, guarded; then a minute of rest. Started. */
void begin(void);
/* ... and 10 s into the charge. */
void begin_charge(void);
void op(enum op what);
/* The run ends so: once, made safe once, every step that began has ended. */
void ends_as(enum verdict v, enum cause c);

#endif
