/* tests/unit/test_pairs.c - every driver against its emulator, over bus, host and world: what
 * works. */
#include "tests/support/pair_fixture.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Allocations, counted ---- */

static volatile unsigned long n_allocations; /* the compiler takes malloc() for pure */

#ifdef __SANITIZE_ADDRESS__
/* Of sanitizer/allocator_interface.h, which not every compiler brings along. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    (void)n;
    n_allocations++;
}

static void on_free(const volatile void *p)
{
    (void)p;
}

static void count_allocations(void)
{
    (void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    n_allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    n_allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    n_allocations++;
    return __libc_realloc(p, n);
}

static void count_allocations(void)
{
}
#endif

/* ---- What works ---- */

START_TEST(identify_and_poll)
{
    struct rig *r = pair_make(_i);
    const struct inst *inst = &r->inst[0];

    pair_identify(r);
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
    bus_poll_period(&r->bus, 0, NSEC_S, r->now);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 59);
    for (int i = 0; i < inst->n_chans; i++) {
        if (inst->chans[i].polled)
            ck_assert_msg(r->last_at[0][i] > r->now - 10 * NSEC_S, "%s is not polled",
                          inst->chans[i].name);
    }
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.noise_bytes, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.refused, 0);
}
END_TEST

/* A limit may be refused where it would cross the set-point that stands; all others are obeyed. */
static bool is_limit(const struct chan *c)
{
    return strcmp(c->name, "limit_high") == 0 || strcmp(c->name, "limit_low") == 0 ||
           strncmp(c->name, "window_", 7) == 0;
}

START_TEST(sets_at_both_ends_and_in_the_middle)
{
    struct rig *r = pair_make(_i);
    const struct inst *inst = &r->inst[0];

    pair_identify(r);
    bus_poll_period(&r->bus, 0, NSEC_S, r->now);
    for (int i = 0; i < inst->n_chans; i++) {
        const struct chan *c = &inst->chans[i];
        double values[] = {c->min, (c->min + c->max) / 2, c->max};

        if (!settable(inst, i, false))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            if (is_limit(c))
                pair_set(r, 0, i, values[k]);
            else
                pair_set_well(r, 0, i, values[k]);
        }
        pair_set_well(r, 0, i, gentle(c));
    }
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
}
END_TEST

static int n_states(const struct chan *c)
{
    int n = c->kind == KIND_SWITCH ? 2 : 0;

    while (c->states && c->states[n])
        n++;
    return n;
}

/* Each state that can be set, from each other; then safe, twice, from each. */
START_TEST(every_state_and_safe_from_it)
{
    struct rig *r = pair_operating(_i);
    int chan = state_chan(&r->inst[0]);
    unsigned reached = 0;

    for (int from = 0; chan >= 0 && from < n_states(&r->inst[0].chans[chan]); from++) {
        for (int to = 0; to < n_states(&r->inst[0].chans[chan]); to++) {
            int64_t t;

            if (rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, from) < 0)
                continue;
            rig_run(r, r->now + 15 * NSEC_S);
            t = pair_set(r, 0, chan, to);
            if (!rig_notice(r, t, NOTICE_SET_DONE))
                continue;
            reached++;
            rig_run(r, r->now + 3 * NSEC_S);
            for (int twice = 0; twice < 2; twice++) {
                ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 10 * NSEC_S),
                                 RIG_DONE);
                ck_assert(!energized(r, 0));
            }
            rig_run(r, r->now + 3 * NSEC_S);
            ck_assert(!energized(r, 0));
        }
    }
    ck_assert(chan < 0 || reached >= 4);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_OUTPUT, 0, 0, 0, 10 * NSEC_S), RIG_DONE);
    ck_assert(!energized(r, 0));
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
}
END_TEST

START_TEST(safe_needs_nothing_before_it)
{
    struct rig *r = pair_operating(_i);
    struct bus_wiring *w = &r->bus_w;

    /* A controller that has just come up knows nothing of the instrument that is at work. */
    r->bus.n_insts = 0;
    bus_init(&r->bus, w);
    ck_assert_int_eq(bus_add(&r->bus, w, &r->inst[0]), 0);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 10 * NSEC_S), RIG_DONE);
    ck_assert(!energized(r, 0));
}
END_TEST

START_TEST(out_of_range_is_refused_without_a_byte)
{
    struct rig *r = pair_make(_i);
    uint64_t sent;

    pair_identify(r);
    sent = r->n_sent;
    for (int i = 0; i < r->inst[0].n_chans; i++) {
        const struct chan *c = &r->inst[0].chans[i];
        double beyond = fmax((c->max - c->min) * 1e-3, c->resolution);

        if (!(c->access & CHAN_SET)) {
            ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, i, c->min), E_UNSUPPORTED);
            continue;
        }
        ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, i, c->max + beyond), E_RANGE);
        ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, i, c->min - beyond), E_RANGE);
    }
    rig_run(r, r->now + 5 * NSEC_S);
    ck_assert_uint_eq(r->n_sent, sent);
}
END_TEST

/* ---- On one line with its like ---- */

START_TEST(two_units_share_a_line)
{
    const struct driver *d = pair_driver(_i);
    struct rig *r;
    int chan;

    if (d->baud == 0)
        return;
    r = pair_make_shared(d, 2, true);
    pair_identify(r);
    for (int i = 0; i < 2; i++)
        bus_poll_period(&r->bus, (uint8_t)i, NSEC_S, r->now);
    chan = standing_chan(&r->inst[0]);
    if (chan >= 0) {
        double v = gentle(&r->inst[0].chans[chan]);

        pair_set_well(r, 0, chan, v);
        pair_set_well(r, 1, chan, 1.02 * v);
        pair_set_well(r, 0, chan, v);
        ck_assert(stands(r, 0, v) && !stands(r, 1, v));
    }
    rig_fault(r, LINE_WRONG_UNIT, 1, 0);
    rig_run(r, r->now + 30 * NSEC_S);
    ck_assert_uint_eq(r->n_lost, 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_ge(r->last_at[i][0], r->now - 5 * NSEC_S);
        ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, i, 0, 0, 20 * NSEC_S), RIG_DONE);
        ck_assert(!energized(r, i));
    }
}
END_TEST

START_TEST(an_exchange_allocates_nothing)
{
    struct rig *r = pair_operating(_i);
    int chan = standing_chan(&r->inst[0]);
    unsigned long before;
    void *volatile p;

    before = n_allocations;
    p = malloc(16);
    free(p);
    ck_assert_uint_gt(n_allocations, before); /* the count counts */
    rig_run(r, r->now + 10 * NSEC_S);
    if (chan >= 0)
        (void)rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, gentle(&r->inst[0].chans[chan]));
    (void)rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    before = n_allocations;
    rig_run(r, r->now + 100 * NSEC_S);
    ck_assert_uint_eq(n_allocations, before);
}
END_TEST

START_TEST(a_copy_of_the_pair_lives_the_same_life)
{
    static struct rig copy;
    static struct world other;
    struct rig *r = pair_operating(_i);

    rig_run(r, r->now + 3 * NSEC_MS);
    other = pair_world;
    rig_copy(&copy, r);
    copy.host_w.env[0].world = &other;
    rig_run(r, r->now + 100 * NSEC_S);
    rig_run(&copy, copy.now + 100 * NSEC_S);
    ck_assert_uint_eq(r->hash, copy.hash);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pairs");
    TCase *c = tcase_create("pairs");
    SRunner *runner = srunner_create(s);
    int n = n_drivers();
    int failed;

    count_allocations();
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, identify_and_poll, 0, n);
    tcase_add_loop_test(c, sets_at_both_ends_and_in_the_middle, 0, n);
    tcase_add_loop_test(c, every_state_and_safe_from_it, 0, n);
    tcase_add_loop_test(c, safe_needs_nothing_before_it, 0, n);
    tcase_add_loop_test(c, out_of_range_is_refused_without_a_byte, 0, n);
    tcase_add_loop_test(c, two_units_share_a_line, 0, n);
    tcase_add_loop_test(c, an_exchange_allocates_nothing, 0, n);
    tcase_add_loop_test(c, a_copy_of_the_pair_lives_the_same_life, 0, n);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
