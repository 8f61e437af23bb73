/* tests/fault/test_resume.c - a run is what its checkpoint says: after every event it is replaced by its decoded self, and nothing changes.
 *
 * The undisturbed run and the disturbed one write a run file each; every cell of both is compared, so are the counts of events and guard evaluations and the hash of the last state.
 */
#include "tests/support/eventful.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sim_case sim;
static uint8_t buf[RUN_ENCODED_MAX], again[RUN_ENCODED_MAX];

struct disturbed {
    uint64_t times, compare_every; /* replaced at each event; the bytes of its next encoding looked at every so often */
    int largest;
};

/* What is not in the bytes is gone: the memory that is decoded into is full of something else. */
static int replace(void *ctx, struct session *s)
{
    static struct run fresh;
    struct disturbed *d = ctx;
    struct diag diag;
    diag_init(&diag);
    int n = run_encode(s->run, s->program, buf, sizeof buf);
    ck_assert_int_gt(n, 0);
    memset(&fresh, 0xa5, sizeof fresh);
    int r = run_decode(&fresh, s->program, buf, (size_t)n, &diag);
    if (r < 0) {
        static char text[2000];
        diag_format(&diag, text, sizeof text, false);
        ck_abort_msg("after event %llu in state %s: %s", (unsigned long long)s->s.events, run_state_name(s->run->state), text);
    }
    if (d->times % d->compare_every == 0) {
        ck_assert_int_eq(run_encode(&fresh, s->program, again, sizeof again), n);
        ck_assert_mem_eq(again, buf, (size_t)n);
    }
    *s->run = fresh;
    d->times++;
    d->largest = n > d->largest ? n : d->largest;
    return 0;
}

struct run_end {
    char *dump;
    char rows_sha256[65];
    uint64_t events, guard_evaluations, hash;
    int exit_code;
};

static void run_once(struct session_options opt, struct run_end *ret)
{
    char lab[200], path[300];
    sim_folder(lab, sizeof lab);
    ck_assert_int_eq(lab_open(lab, &opt.store, &sim.diag), 0);
    ck_assert_int_eq(sim_run(&sim, &opt), 1);
    const struct session *s = &sim.session;
    *ret = (struct run_end){.events = s->s.events, .guard_evaluations = s->run->guard_evaluations, .hash = run_hash(s->run, s->program), .exit_code = session_exit_code(s)};
    memcpy(ret->rows_sha256, s->rows_sha256, sizeof ret->rows_sha256);
    run_path(path, sizeof path, lab, s->number);
    session_close(&sim.session);
    lab_close(opt.store);
    ret->dump = run_dump(path);
    sim_remove(lab);
}

static void compare(const char *what, const struct session_options *opt, uint64_t compare_every, int exit_code)
{
    struct run_end plain, other;
    struct disturbed d = {.compare_every = compare_every};
    struct session_options disturbed = *opt;
    disturbed.after_event = replace;
    disturbed.ctx = &d;
    run_once(*opt, &plain);
    run_once(disturbed, &other);
    printf("%s: replaced after each of %llu events, %d bytes at most\n", what, (unsigned long long)d.times, d.largest);
    ck_assert_int_eq(plain.exit_code, exit_code);
    ck_assert_uint_eq(d.times, plain.events);
    ck_assert_uint_eq(other.events, plain.events);
    ck_assert_uint_eq(other.guard_evaluations, plain.guard_evaluations);
    ck_assert_uint_eq(other.hash, plain.hash);
    ck_assert_str_eq(other.rows_sha256, plain.rows_sha256);
    ck_assert_int_eq(other.exit_code, plain.exit_code);
    dump_same(what, other.dump, plain.dump);
    free(plain.dump);
    free(other.dump);
}

/* The shipped formation is 1.8 million events; `make check` forms at C/10 over part of the window, which takes the same way through the procedure. */
static const char *const quick[] = {"slow=C/10", "fast=C/2", "upper=3.73 V", "lower=3.2 V", "agree=50 %", NULL};

START_TEST(test_formation)
{
    bool whole = getenv("BENCHCTL_LONG") != NULL;
    struct session_options opt = {0};
    sim_load(&sim, "benches/demo.yaml", "procedures/assb/formation.yaml", "articles/ASSB-017.yaml", whole ? NULL : quick);
    compare(whole ? "formation" : "shortened formation", &opt, whole ? 1 : 16, EXIT_DONE);
    cli_unload(&sim.loaded);
}
END_TEST

START_TEST(test_eventful)
{
    struct session_options opt;
    eventful_load(&sim);
    eventful_options(&opt);
    compare("eventful", &opt, 1, EXIT_TRIP);
    cli_unload(&sim.loaded);
}
END_TEST

/* The procedure is only worth its name while all of it happens. */
START_TEST(test_eventful_is)
{
    static const char *const expected[] = {"|tpaused", "|tsafing", "|tinstrument lost", "|tinstrument back", "|tvalue does not move", "|tit warms up", "|tnearly full", "left in turn 3", "stopped in mid-step", "|tstop_when", "|tr_10", "|tpressed", "guard, too high"};
    struct session_options opt;
    struct run_end end;
    eventful_load(&sim);
    eventful_options(&opt);
    run_once(opt, &end);
    for (size_t k = 0; k < ARRAY_LEN(expected); k++) {
        ck_assert_msg(strstr(end.dump, expected[k]) != NULL, "`%s` does not happen", expected[k]);
    }
    ck_assert_ptr_null(strstr(end.dump, "run_state|"));
    free(end.dump);
    cli_unload(&sim.loaded);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("resume");
    TCase *eventful = tcase_create("eventful"), *formation = tcase_create("formation");
    tcase_set_timeout(formation, 600);
    tcase_add_test(eventful, test_eventful_is);
    tcase_add_test(eventful, test_eventful);
    tcase_add_test(formation, test_formation);
    suite_add_tcase(s, eventful);
    suite_add_tcase(s, formation);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
