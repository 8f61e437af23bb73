/* tests/support/run_guarded.c - see run_guarded.h. */
#include "tests/support/run_guarded.h"

#include <check.h>

struct rig_program prog;
struct rig_bench bench;

/* A long charge at 20 mA, guarded; then a rest. */
void begin(void)
{
    rig_open(&prog);
    rig_guards(&prog);
    (void)rig_charge(&prog, 0.02, 4.1, 0.002);
    (void)rig_rest(&prog, 60.0);
    rig_close(&prog);
    rig_start(&bench, &prog);
}

void begin_charge(void)
{
    begin();
    ck_assert(rig_until_act(&bench, 1, 100.0));
    rig_for(&bench, 10.0);
    ck_assert_uint_eq(bench.run.state, RUN_RUNNING);
}

void op(enum op what)
{
    ck_assert(rig_event(&bench, EV_OPERATOR, (uint16_t)what, 0.0) == 0);
}

void ends_as(enum verdict v, enum cause c)
{
    ck_assert(rig_until(&bench, RUN_ENDED, 500.0));
    ck_assert_str_eq(verdict_text((enum verdict)bench.run.verdict), verdict_text(v));
    ck_assert_str_eq(cause_text((enum cause)bench.run.cause), cause_text(c));
    ck_assert_uint_eq(bench.ends, 1);
    ck_assert_uint_eq(rig_count(&bench, FX_SAFE), 1);
    ck_assert_uint_eq(rig_count(&bench, FX_STEP_BEGIN), rig_count(&bench, FX_STEP_END));
}
