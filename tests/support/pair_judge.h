/* tests/support/pair_judge.h - looks at each report of a stage as it comes. */
#ifndef TESTS_SUPPORT_PAIR_JUDGE_H
#define TESTS_SUPPORT_PAIR_JUDGE_H

#include "tests/support/bus_rig.h"

/* Hook of a rig whose user is a stage. */
void judge_report(struct rig *r, const struct bus_report *report);

#endif
