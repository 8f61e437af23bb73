/* tests/unit/test_pairs_dialogues.c - random dialogues of every driver with its emulator over a
 * line that spoils replies in every way the host has, up to three at once, while the instrument
 * itself fails too. What must hold in each is said in pair_stage.h and below.
 *
 * 150 dialogues a driver; BENCHCTL_LONG=1: 10,000. BENCHCTL_DIALOGUE=ea-psb:4711 plays a single one
 * again, as the message of a failed check names it.
 */
#include "tests/support/pair_fixture.h"
#include "tests/support/pair_stage.h"

#include "base/str.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    QUICK = 150,
    LONG = 10000,
};
/* Of the bus: its longest back-off, then the identification; and a poll on both units. */
#define BACK_MOST (40 * NSEC_S)

static bool is_long(void)
{
    return getenv("BENCHCTL_LONG") != NULL;
}

/* ---- What is done ---- */

static double draw_value(struct stage *s, const struct chan *c)
{
    double v = gentle(c);

    if (c->kind == KIND_STATE || c->kind == KIND_SWITCH)
        return c->min + rng_below(&s->rng, (uint32_t)(c->max - c->min) + 1);
    switch (rng_below(&s->rng, 6)) {
    case 0: return c->min;
    case 1: return c->max;
    case 2: return c->min + (c->max - c->min) * rng_uniform(&s->rng);
    default: v *= 1 + 0.002 * rng_below(&s->rng, 40); break;
    }
    return v > c->max ? c->max : v < c->min ? c->min : v;
}

/* Beyond the range: refused at once, and nothing of it is ever sent. */
static void set_beyond(struct stage *s, int unit, int chan)
{
    const struct chan *c = &s->rig.inst[unit].chans[chan];
    double beyond = (c->max - c->min) * 1e-3 + c->resolution;
    double v = rng_below(&s->rng, 2) ? c->max + beyond : c->min - beyond;
    int64_t t = rig_submit(&s->rig, JOB_SET, JOBKIND_SET, unit, chan, v);

    RIG_CHECK(t == E_RANGE);
    s->stats->refused++;
}

static void set_any(struct stage *s, int unit)
{
    const struct inst *inst = &s->rig.inst[unit];
    int chan = (int)rng_below(&s->rng, inst->n_chans);
    const struct chan *c = &inst->chans[chan];
    int64_t t;

    if (!(c->access & CHAN_SET) && rng_below(&s->rng, 4) > 0) {
        chan = standing_chan(inst) >= 0 ? standing_chan(inst) : chan;
        c = &inst->chans[chan];
    }
    if ((c->access & CHAN_SET) && rng_below(&s->rng, 8) == 0) {
        set_beyond(s, unit, chan);
        return;
    }
    t = rig_submit(&s->rig, JOB_SET, JOBKIND_SET, unit, chan, draw_value(s, c));
    if (t < 0) {
        RIG_CHECK(t == (c->access & CHAN_SET ? E_STATE : E_UNSUPPORTED));
        s->stats->refused++;
    } else {
        s->stats->jobs++;
    }
}

/* All that makes it dangerous, so that safe has something to do: set-points, then the output. */
static void set_at_work(struct stage *s, int unit)
{
    const struct inst *inst = &s->rig.inst[unit];

    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < inst->n_chans; i++) {
            const struct chan *c = &inst->chans[i];
            double v = pass == 1 && c->max < 2 ? c->max : pass == 1 ? 2 : gentle(c);

            if (settable(inst, i, pass == 1))
                s->stats->jobs += rig_submit(&s->rig, JOB_SET, JOBKIND_SET, unit, i, v) > 0;
        }
    }
    rig_run(&s->rig, s->rig.now + 2 * NSEC_S);
}

static void turn_mind(struct stage *s, int unit)
{
    enum emu_fault f = FAULT_NONE;

    if (s->mind[unit] == FAULT_NONE)
        f = (enum emu_fault)(1 + rng_below(&s->rng, FAULT_COUNT - 1));
    if (f == FAULT_NONE || (s->emu->faults & 1U << f) != 0)
        stage_mind(s, unit, f);
}

static void wish(struct stage *s, enum job_class class, enum job_kind kind, int unit)
{
    int64_t t = rig_submit(&s->rig, class, kind, unit, 0, 0);

    RIG_CHECK(t > 0);
    s->stats->jobs++;
}

static void do_something(struct stage *s)
{
    int unit = (int)rng_below(&s->rng, (uint32_t)s->n_units);
    uint32_t most_ms = 2 * s->driver->timeout_ms;

    switch (rng_below(&s->rng, 12)) {
    case 0:
    case 1: wish(s, JOB_POLL, JOBKIND_POLL, unit); break;
    case 2: wish(s, JOB_PROBE, JOBKIND_IDENTIFY, unit); break;
    case 3: wish(s, JOB_SAFE, JOBKIND_SAFE_ALL, unit); break;
    case 4: wish(s, JOB_SAFE, JOBKIND_SAFE_OUTPUT, unit); break;
    case 5: set_at_work(s, unit); break;
    case 6: turn_mind(s, unit); break;
    case 7:
        set_any(s, unit); /* and another at once */
        break;
    default: break;
    }
    set_any(s, unit);
    rig_run(&s->rig, s->rig.now + (nsec)(1 + rng_below(&s->rng, most_ms)) * NSEC_MS);
}

/* ---- What must be so afterwards ---- */

static bool all_back(const struct stage *s, nsec since)
{
    for (int i = 0; i < s->n_units; i++)
        if (s->polled_at[i] < since || !s->rig.bus.inst[i].identified)
            return false;
    return true;
}

static void come_back(struct stage *s)
{
    struct rig *r = &s->rig;
    nsec most = BACK_MOST + s->emu->boot_ms * NSEC_MS, healed;

    if (r->host.line_free_at > r->now)
        rig_run(r, r->host.line_free_at); /* the last late reply */
    healed = r->now;
    while (!all_back(s, healed + NSEC_MS) && r->now < healed + most)
        rig_run(r, r->now + 100 * NSEC_MS);
    RIG_CHECK(all_back(s, healed + NSEC_MS));
    if (r->now - healed > s->stats->back_max)
        s->stats->back_max = r->now - healed;
}

static void end_well(struct stage *s)
{
    struct rig *r = &s->rig;
    unsigned n_jobs = r->next_token;

    for (int i = 0; i < s->n_units; i++) {
        RIG_CHECK(rig_do(r, JOB_POLL, JOBKIND_POLL, i, 0, 0, 60 * NSEC_S) == RIG_DONE);
        RIG_CHECK(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, i, 0, 0, 60 * NSEC_S) == RIG_DONE);
        RIG_CHECK(!stage_energized(s, i));
        RIG_CHECK(r->bus.inst[i].identified && !r->bus.inst[i].lost);
        s->stats->retried += r->bus.inst[i].stats.retries;
    }
    RIG_CHECK(r->n_open == 0);
    for (unsigned t = 1; t < n_jobs; t++)
        RIG_CHECK(s->answers[t] <= 1);
}

static void begin(struct stage *s, const struct driver *d, uint64_t seed, struct stage_stats *stats)
{
    stage_begin(s, d, seed, stats);
    for (int i = 0; i < s->n_units; i++) {
        wish(s, JOB_PROBE, JOBKIND_IDENTIFY, i);
        bus_poll_period(&s->rig.bus, (uint8_t)i, (300 + rng_below(&s->rng, 1200)) * NSEC_MS, 0);
    }
}

static void dialogue(struct stage *s, const struct driver *d, uint64_t seed,
                     struct stage_stats *stats)
{
    int n;

    begin(s, d, seed, stats);
    s->often = rng_below(&s->rng, 4) == 0 ? 20 + rng_below(&s->rng, 60) : 0;
    rig_run(&s->rig, s->rig.now + NSEC_S);
    for (int i = 0; i < s->n_units && rng_below(&s->rng, 2) == 0; i++)
        set_at_work(s, i);
    s->often = 10 + rng_below(&s->rng, 70);
    n = 3 + (int)rng_below(&s->rng, 5);
    for (int i = 0; i < n; i++)
        do_something(s);
    stage_heal(s);
    come_back(s);
    end_well(s);
}

/* ---- The test ---- */

static void print_stats(const struct driver *d, const struct stage_stats *t, double took_s)
{
    printf("%s: %" PRIu64 " dialogues, %" PRIu64 " exchanges, %" PRIu64 " jobs, %" PRIu64
           " replies spoilt (%" PRIu64 " by two or more), %.1f s\n ",
           d->name, t->dialogues, t->exchanges, t->jobs, t->spoilt, t->two, took_s);
    for (int f = 1; f < LINE_COUNT; f++)
        printf(" %s %" PRIu64, line_fault_name((enum line_fault)f), t->kinds[f]);
    printf("\n ");
    for (int f = 1; f < FAULT_COUNT; f++)
        if (t->minds[f] > 0)
            printf(" %s %" PRIu64, emu_fault_name((enum emu_fault)f), t->minds[f]);
    printf("\n  sets done %" PRIu64 ", refused by the instrument %" PRIu64 ", mismatch %" PRIu64
           ", refused at once %" PRIu64 ", safe done %" PRIu64 ", retries %" PRIu64
           ", lost %" PRIu64 "\n",
           t->sets_done, t->sets_refused, t->sets_other, t->refused, t->safe_done, t->retried,
           t->lost);
    printf("  samples %" PRIu64 ", compared with the world %" PRIu64
           ", with the instrument %" PRIu64 ", not ok %" PRIu64 ", not judged %" PRIu64
           "; back within %.1f s\n",
           t->samples, t->samples_true, t->samples_held, t->samples_not_ok, t->beyond,
           nsec_to_s(t->back_max));
    (void)fflush(stdout);
}

/* "ea-psb:4711" */
static bool one_chosen(const struct driver *d, uint64_t *ret_seed)
{
    const char *chosen = getenv("BENCHCTL_DIALOGUE");
    size_t n = strlen(d->name);
    int64_t seed;

    if (!chosen || strncmp(chosen, d->name, n) != 0 || chosen[n] != ':' ||
        str_to_int(chosen + n + 1, strlen(chosen + n + 1), &seed) != 0)
        return false;
    *ret_seed = (uint64_t)seed;
    return true;
}

START_TEST(spoilt_dialogues)
{
    static struct stage stage;
    const struct driver *d = pair_driver(_i);
    struct stage_stats stats = {0};
    uint64_t first = 1, n = is_long() ? LONG : QUICK;
    clock_t begun = clock();

    if (one_chosen(d, &first))
        n = 1;
    else if (getenv("BENCHCTL_DIALOGUE"))
        return;
    for (uint64_t seed = first; seed < first + n; seed++)
        dialogue(&stage, d, seed, &stats);
    if (is_long())
        print_stats(d, &stats, (double)(clock() - begun) / CLOCKS_PER_SEC);
    if (n == 1)
        return;
    /* What was to be tried was tried. */
    ck_assert_uint_gt(stats.samples_held, n);
    ck_assert_uint_gt(stats.samples_true, n / 4);
    ck_assert_uint_gt(stats.safe_done, n);
    ck_assert_uint_gt(stats.two, n / 2);
    for (int f = 1; f < LINE_COUNT; f++)
        ck_assert_uint_gt(stats.kinds[f], n / 10);
    for (int f = 1; f < FAULT_COUNT; f++)
        ck_assert(!(emu_find(d->name)->faults & 1U << f) || stats.minds[f] > 0);
    ck_assert(stats.sets_done > n / 2 || strcmp(d->name, "pavone-dat1400") == 0);
}
END_TEST

/* A reply that is no later than the driver knows its instrument to be falls into the rest of the
 * line: it costs one time-out and one retry, and no request ever meets it. */
START_TEST(a_late_reply_is_waited_for)
{
    static struct stage stage;
    struct stage *s = &stage;
    const struct driver *d = pair_driver(_i);
    struct stage_stats stats = {0};

    if (getenv("BENCHCTL_DIALOGUE"))
        return;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct bus_inst *in = s->rig.bus.inst;
        uint64_t timeouts, retries;

        begin(s, d, seed, &stats);
        rig_run(&s->rig, 5 * NSEC_S + (nsec)rng_below(&s->rng, 1000) * NSEC_MS);
        s->next.kind = LINE_LATE;
        s->next.emu = 255;
        s->next.left = 1;
        s->next.late_by = (d->timeout_ms + rng_below(&s->rng, d->late_ms - 200)) * NSEC_MS;
        rig_run(&s->rig, s->rig.now + 5 * (d->timeout_ms + d->late_ms) * NSEC_MS);
        RIG_CHECK(s->next.kind == LINE_NONE);
        timeouts = in[0].stats.timeouts + in[1].stats.timeouts;
        retries = in[0].stats.retries + in[1].stats.retries;
        RIG_CHECK(timeouts == 1 && retries == 1);
        RIG_CHECK(in[0].stats.garbled + in[1].stats.garbled == 0);
        RIG_CHECK(s->rig.n_poll_failed == 0);
        end_well(s);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pairs-dialogues");
    TCase *c = tcase_create("pairs-dialogues");
    SRunner *runner = srunner_create(s);
    int n = n_drivers();
    int failed;

    tcase_set_timeout(c, is_long() ? 7200 : 120);
    tcase_add_loop_test(c, spoilt_dialogues, 0, n);
    tcase_add_loop_test(c, a_late_reply_is_waited_for, 0, n);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
