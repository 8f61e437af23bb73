/* tests/fault/test_alloc.c - nothing allocates per exchange: calls of malloc, calloc and realloc from the project's own objects are counted while a session works.
 *
 * Linked with -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc: every object of the archives calls the three functions below. What SQLite allocates inside itself at a commit
 * is its own and not seen here.
 */
#include "tests/support/eventful.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { EXCHANGES = 100000 };

static uint64_t calls;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
    calls++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    calls++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    calls++;
    return __real_realloc(p, size);
}

static struct sim_case sim;

struct span {
    uint64_t first_exchange, first_call, exchanges, calls, events;
    unsigned commits;
    bool open, done;
};

static void span_begin(struct span *w, const struct session *s)
{
    w->first_exchange = rig_exchanges(s->rig);
    w->first_call = calls;
    w->events = s->s.events;
    w->open = true;
}

static int span_end(struct span *w, const struct session *s)
{
    w->exchanges = rig_exchanges(s->rig) - w->first_exchange;
    w->calls = calls - w->first_call;
    w->events = s->s.events - w->events;
    w->done = true;
    return 1; /* enough */
}

/* From the first event on. */
static int measure_events(void *ctx, struct session *s)
{
    struct span *w = ctx;
    if (!w->open) {
        span_begin(w, s);
    }
    return rig_exchanges(s->rig) - w->first_exchange >= EXCHANGES ? span_end(w, s) : 0;
}

START_TEST(test_counts)
{
    uint64_t before = calls;
    struct store *lab = NULL;
    char folder[200];
    sim_folder(folder, sizeof folder);
    ck_assert_int_eq(lab_open(folder, &lab, &sim.diag), 0);
    lab_close(lab);
    sim_remove(folder);
    ck_assert_msg(calls > before, "the wrapping does not work: nothing was counted");
}
END_TEST

START_TEST(test_exchanges)
{
    struct span w = {0};
    struct session_options opt = {.after_event = measure_events, .ctx = &w};
    sim_load(&sim, "benches/demo.yaml", "procedures/assb/formation.yaml", "articles/ASSB-017.yaml", NULL);
    ck_assert_int_eq(sim_run(&sim, &opt), 0);
    printf("%llu exchanges, %llu events: %llu allocations\n", (unsigned long long)w.exchanges, (unsigned long long)w.events, (unsigned long long)w.calls);
    ck_assert(w.done);
    ck_assert_uint_ge(w.exchanges, EXCHANGES);
    ck_assert_uint_eq(w.calls, 0);
    sim_close(&sim);
}
END_TEST

static int measure_whole(void *ctx, struct session *s)
{
    struct span *w = ctx;
    if (!w->open) {
        span_begin(w, s);
    }
    span_end(w, s);
    w->events = s->s.events;
    return 0;
}

/* A run in which everything happens, to its last event: questions, pause, ends, the trip and its safe sequence. */
START_TEST(test_whole_run)
{
    struct span w = {0};
    struct session_options opt;
    eventful_load(&sim);
    eventful_options(&opt);
    opt.after_event = measure_whole;
    opt.ctx = &w;
    ck_assert_int_eq(sim_run(&sim, &opt), 1);
    ck_assert_int_eq(session_exit_code(&sim.session), EXIT_TRIP);
    ck_assert_uint_gt(w.events, 5000);
    ck_assert_uint_eq(w.calls, 0);
    sim_close(&sim);
}
END_TEST

/* With a store: once its batch has grown to what a commit takes, none either. The span begins behind the third commit. */
static int measure_commits(void *ctx, struct session *s)
{
    struct span *w = ctx;
    w->commits++;
    if (w->commits == 3) {
        span_begin(w, s);
    }
    return w->open && rig_exchanges(s->rig) - w->first_exchange >= EXCHANGES ? span_end(w, s) : 0;
}

START_TEST(test_store)
{
    char folder[200];
    struct span w = {0};
    struct session_options opt = {.after_commit = measure_commits, .commit_rows = 400, .ctx = &w};
    sim_load(&sim, "benches/demo.yaml", "procedures/assb/formation.yaml", "articles/ASSB-017.yaml", NULL);
    sim_folder(folder, sizeof folder);
    ck_assert_int_eq(lab_open(folder, &opt.store, &sim.diag), 0);
    ck_assert_int_eq(sim_run(&sim, &opt), 0);
    printf("with a store: %llu exchanges, %llu events, %u commits: %llu allocations\n", (unsigned long long)w.exchanges, (unsigned long long)w.events, w.commits - 3,
           (unsigned long long)w.calls);
    ck_assert(w.done);
    ck_assert_uint_ge(w.commits, 10);
    ck_assert_uint_eq(w.calls, 0);
    sim_close(&sim);
    lab_close(opt.store);
    sim_remove(folder);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("alloc");
    TCase *t = tcase_create("alloc");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, test_counts);
    tcase_add_test(t, test_exchanges);
    tcase_add_test(t, test_whole_run);
    tcase_add_test(t, test_store);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
