/* test_truth.c - what benchctl counted against what really flowed, and the exponent of the contact
 * against the one of the model.
 *
 * One rehearsal of truth.yaml per seed. The seed draws offset, gain, noise and quantisation of
 * every instrument; the world's clock runs 100 ppm faster or slower than ours, which is never part
 * of the allowance. 20 seeds; 200 with BENCHCTL_LONG=1.
 *
 * Truth is taken from the world when an act's sets go out and when its end has been confirmed: at
 * both the cell is at rest, so that neither instant needs to be known better than to a second.
 */
#include "tests/support/sim.h"

#include "analysis/contact.h"
#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS_MAX = 200,
    PULSES_MAX = 16
};

#define DRIFT    1e-4
#define SHARE    0.95
#define M_TRUE   0.67
#define M_WITHIN 0.05

/* The SMU's accuracy over one year, of reading and absolute, from the fact sheet. Rest is a source
 * of 0 A on the 1 mA range. */
struct accuracy {
    double reading, offset_a;
};
static const struct accuracy range_1ma = {2e-4, 200e-9}, range_10ma = {2e-4, 2.5e-6};

enum kind {
    RUN_IN,
    RUN_OUT,
    CHARGES,
    TAILS,
    DISCHARGES,
    PULSES,
    KINDS
};
static const char *const kind_names[KINDS] = {
    "run, charge in", "run, charge out", "charges", "CV tails", "discharges", "pulses of 10 s"};

struct truth {
    double in_c, out_c;
};

struct probe {
    struct accuracy charging; /* of the range that the charging rate uses */
    bool entering, in_tail;
    bool running;
    struct truth start; /* of the run: until its first set the SMU drains the cell, as
                         * its hazard card says, and nobody can count that */
    struct truth begin; /* of the act */
    struct truth tail;
    double tail_counted_c;
    nsec tail_at;
    double allowed_in_c, allowed_out_c; /* of the run */
    double worst[KINDS];                /* of this seed, in units of the allowance */
    unsigned n[KINDS];
    struct contact_point point[PULSES_MAX];
    size_t n_points;
};

/* The world is behind: it moves only when an instrument looks. A copy is brought up to `now`. */
static struct truth truth_now(const struct session *s)
{
    struct world w = *s->rig->world;
    world_advance(&w, s->rig->s.now);
    return (struct truth){w.station[s->station].charge_in_c, w.station[s->station].charge_out_c};
}

static void judge(struct probe *p, enum kind k, double counted_c, double true_c, double allowed_c)
{
    double error = fabs(counted_c - true_c) / allowed_c;
    if (!(error <= p->worst[k])) {
        p->worst[k] = error;
    }
    p->n[k]++;
}

static double allowed_c(struct accuracy a, double charge_c, nsec t)
{
    return a.reading * charge_c + a.offset_a * nsec_to_s(t);
}

static const struct act *act_of(const struct session *s, step_id step)
{
    return &s->program->acts[s->program->steps[step].a];
}

static void charge_ended(struct probe *p, const struct run_summary *sum, struct truth end)
{
    double true_c = end.in_c - p->begin.in_c;
    double a = allowed_c(p->charging, true_c, sum->ended - sum->began);

    judge(p, CHARGES, sum->in_c, true_c, a);
    p->allowed_in_c += a;
    ck_assert_msg(p->in_tail, "a charge without a CV tail");
    true_c = end.in_c - p->tail.in_c;
    judge(p, TAILS, sum->in_c - p->tail_counted_c, true_c,
          allowed_c(p->charging, true_c, sum->ended - p->tail_at));
}

static void pulse_point(struct probe *p, const struct session *s, const struct act *a)
{
    ck_assert_uint_lt(p->n_points, PULSES_MAX);
    p->point[p->n_points++] =
        (struct contact_point){.pressure_pa = s->run->summary.p_mean_pa,
                               .r_ohm = s->run->reg[s->program->saves[a->first_save].reg],
                               .sigma_ohm = NAN,
                               .t_s = nsec_to_s(s->run->summary.ended),
                               .cycle = s->run->summary.cycle};
}

static void act_ended(struct probe *p, const struct session *s, step_id step)
{
    const struct run_summary *sum = &s->run->summary;
    const struct act *a = act_of(s, step);
    struct truth end = truth_now(s);
    double true_c = end.out_c - p->begin.out_c, allowed;

    if (a->verb == VERB_CHARGE) {
        charge_ended(p, sum, end);
    } else if (a->verb == VERB_DISCHARGE || a->verb == VERB_PULSE) {
        allowed = allowed_c(range_10ma, true_c, sum->ended - sum->began);
        judge(p, a->verb == VERB_PULSE ? PULSES : DISCHARGES, sum->out_c, true_c, allowed);
        p->allowed_out_c += allowed;
    } else {
        /* What the source leaks at 0 A may go either way. */
        allowed = allowed_c(range_1ma, 0.0, sum->ended - sum->began);
        p->allowed_in_c += allowed;
        p->allowed_out_c += allowed;
    }
    if (a->verb == VERB_PULSE && a->n_saves > 0) {
        pulse_point(p, s, a);
    }
}

/* The first sample of a charge that finds the voltage held. The counter stands at the sample's
 * stamp. */
static void look_for_tail(struct probe *p, const struct session *s)
{
    const struct run *r = s->run;
    const struct world_station *st = &s->rig->world->station[s->station];

    if (p->in_tail || r->acting != ACTING_ON || act_of(s, r->step)->verb != VERB_CHARGE ||
        st->limit != 'V' || r->count.last_at <= r->act_began) {
        return;
    }
    p->in_tail = true;
    p->tail_at = r->count.last_at;
    p->tail_counted_c = r->count.in_c.sum - r->base.in_c.sum;
    p->tail = truth_now(s);
    p->tail.in_c -= st->current_a * nsec_to_s(session_run_time(s) - p->tail_at);
}

static int after_event(void *ctx, struct session *s)
{
    struct probe *p = ctx;

    if (!p->running && s->run->state == RUN_RUNNING) {
        p->running = true;
        p->start = truth_now(s);
    }
    for (unsigned k = 0; k < s->fx.n; k++) {
        if (s->fx.fx[k].kind == FX_STEP_END) {
            act_ended(p, s, s->fx.fx[k].step);
            p->entering = false;
        }
    }
    if (s->run->acting == ACTING_ENTERING && !p->entering) {
        p->begin = truth_now(s);
        p->in_tail = false;
    }
    p->entering = s->run->acting == ACTING_ENTERING;
    look_for_tail(p, s);
    return 0;
}

/* ---- All seeds ------------------------------------------------------------------------------- */

static struct sim_case sim;
static double worst[KINDS][SEEDS_MAX], m_error[SEEDS_MAX];

static int seeds(void)
{
    const char *is_long = getenv("BENCHCTL_LONG");
    return is_long && strcmp(is_long, "1") == 0 ? SEEDS_MAX : 20;
}

/* Every fourth seed charges on the 1 mA range, the others on the 10 mA range. Seed 0: instruments
 * and clocks without any error. */
static void rehearse(unsigned seed, struct probe *p)
{
    static const char *const slow[] = {"rate=C/10", NULL};
    bool fast = seed % 4 != 0;
    struct rng rng;

    *p = (struct probe){.charging = fast ? range_10ma : range_1ma};
    sim_load(&sim, "benches/demo.yaml", "tests/sim/truth.yaml", "articles/ASSB-017.yaml",
             fast ? NULL : slow);
    struct world_station_conf *world = &sim.loaded.bench.world[sim.loaded.station];
    rng_seed(&rng, seed, 20261125);
    world->drift = seed == 0 ? 0.0 : rng_below(&rng, 2) ? DRIFT : -DRIFT;
    world->errors = seed == 0;

    struct session_options opt = {.seed = seed, .after_event = after_event, .ctx = p};
    ck_assert_int_eq(sim_run(&sim, &opt), 1);
    ck_assert_msg(sim.session.s.verdict == VERDICT_DONE, "seed %u ended as %s: %s", seed,
                  verdict_text((enum verdict)sim.session.s.verdict), sim.session.s.text);

    struct truth all = truth_now(&sim.session);
    const struct run *r = sim.session.run;
    double rest_a = range_1ma.offset_a; /* before the first act and after the last */
    judge(p, RUN_IN, r->count.in_c.sum, all.in_c - p->start.in_c, p->allowed_in_c + rest_a);
    judge(p, RUN_OUT, r->count.out_c.sum, all.out_c - p->start.out_c, p->allowed_out_c + rest_a);
    sim_close(&sim);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* values are sorted after this. Returns the share inside 1. */
static double print_row(const char *name, double *values, int n, double unit)
{
    int inside = 0;

    for (int k = 0; k < n; k++) {
        inside += values[k] <= 1.0;
    }
    qsort(values, (size_t)n, sizeof *values, by_size);
    printf("%-18s %5.1f %%   %6.3f   %6.3f\n", name, 100.0 * inside / n, values[n / 2] * unit,
           values[n - 1] * unit);
    return (double)inside / n;
}

START_TEST(counted_is_true)
{
    int n = seeds();

    for (int k = 0; k < n; k++) {
        struct probe p;
        struct contact_fit fit;
        struct diag d;

        rehearse((unsigned)k + 1, &p);
        ck_assert_uint_eq(p.n[TAILS], 5);
        ck_assert_uint_eq(p.n[PULSES], 10);
        for (int kind = 0; kind < KINDS; kind++) {
            worst[kind][k] = p.worst[kind];
        }
        diag_init(&d);
        ck_assert_uint_eq(p.n_points, 5);
        ck_assert_int_eq(contact_fit(p.point, p.n_points, &fit, &d), 0);
        m_error[k] = fabs(fit.m - M_TRUE) / M_WITHIN;
        if (getenv("BENCHCTL_TRUTH_EACH")) {
            printf("seed %d", k + 1);
            for (int kind = 0; kind < KINDS; kind++) {
                printf("  %.3f", p.worst[kind]);
            }
            printf("  m %.4f a %.3f b %.3f\n", fit.m, fit.a_ohm, fit.b_ohm);
        }
    }

    double share[KINDS];
    printf("truth, %d seeds, clock +-100 ppm; error over allowance, the worst of each seed\n", n);
    printf("%-18s inside     median    worst\n", "");
    for (int kind = 0; kind < KINDS; kind++) {
        share[kind] = print_row(kind_names[kind], worst[kind], n, 1.0);
    }
    double share_m = print_row("m, off by", m_error, n, M_WITHIN);
    for (int kind = 0; kind < KINDS; kind++) {
        ck_assert_msg(share[kind] >= SHARE, "%s: inside in %.1f %% of the seeds only",
                      kind_names[kind], 100.0 * share[kind]);
    }
    ck_assert_double_ge(share_m, SHARE);
}
END_TEST

/* What is left is our own. A reading is stamped when it arrives, 40 ms of integration after it was
 * true: in a CV tail, where the current falls, that is 40 ms times the fall, some tenth of what the
 * SMU is allowed. Where the current stands still only the edges matter, and nothing may be left. */
START_TEST(counted_without_errors)
{
    static const double most[KINDS] = {[RUN_IN] = 0.05, [RUN_OUT] = 1e-3,    [CHARGES] = 0.1,
                                       [TAILS] = 0.2,   [DISCHARGES] = 1e-3, [PULSES] = 1e-3};
    struct probe p;

    rehearse(0, &p);
    printf("truth, no errors; worst error over allowance\n");
    for (int kind = 0; kind < KINDS; kind++) {
        printf("%-18s %.6f\n", kind_names[kind], p.worst[kind]);
        ck_assert_double_le(p.worst[kind], most[kind]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("truth");
    TCase *t = tcase_create("truth");
    tcase_set_timeout(t, 1800);
    tcase_add_test(t, counted_without_errors);
    tcase_add_test(t, counted_is_true);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
