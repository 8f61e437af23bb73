/* tests/unit/test_run.c - the run engine on a small bench: the way through a program, acts, saves, loops, ends. */
#include "tests/support/run_rig.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;

static void say_log(const struct rig_bench *s)
{
    for (size_t i = 0; i < s->n_log; i++) {
        const struct effect *x = &s->log[i].fx;
        printf("%9.3f fx %d step %u code %u chan %u tok %u val %g text %s\n", nsec_to_s(s->log[i].at), x->kind, x->step, x->code, x->chan, x->token, x->value, program_text(&s->b->p, x->text));
    }
}

START_TEST(test_happy_path)
{
    block_id k;

    rig_open(&prog);
    rig_guards(&prog);
    k = rig_block(&prog, LOOP_REPEAT, "cycles");
    prog.blocks[k].count = rig_const(&prog, 3.0);
    (void)rig_charge(&prog, 0.02, 4.0, 0.002);
    (void)rig_rest(&prog, 60.0);
    (void)rig_discharge(&prog, 0.02, 3.2);
    (void)rig_rest(&prog, 30.0);
    rig_block_end(&prog);
    rig_close(&prog);
    rig_start(&bench, &prog);
    bool ok = rig_until(&bench, RUN_ENDED, 1e6);
    say_log(&bench);
    printf("in %.9g %.9g out %.9g %.9g guards %llu feeds %u\n", bench.in_c, bench.run.count.in_c.sum, bench.out_c, bench.run.count.out_c.sum, (unsigned long long)bench.run.guard_evaluations, bench.feeds);
    ck_assert(ok);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run");
    TCase *t = tcase_create("path");
    SRunner *r;
    int bad;

    tcase_add_test(t, test_happy_path);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
