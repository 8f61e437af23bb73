/* test_replay.c - the capacity that a real cycler counted, found again.
 *
 * cell/capacity.yaml on a replay cell made from a recording of a LEAF cell, cycle 5: 2.17 A down to
 * 3.0 V, 2.17 A up to 4.2 V held down to 0.20 A. Its cycler's own counter says 29.86 Ah out and
 * 29.79 Ah in. Skipped where the recording is absent.
 */
#include "tests/support/sim.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEEDS = 4,
    SEEDS_LONG = 40,
    SKIPPED = 77
};

#define BENCH     "benches/replay.yaml"
#define RECORDING "../shared/data/01_leaf_cell/cell-cycling-10c-24c-40c.csv"
#define OUT_AH    29.86
#define IN_AH     29.79
#define RATE_A    2.17
#define CV_V      4.2
#define TAPER_A   0.20
#define LOWER_V   3.0
#define LEADS_OHM 0.11

/* The SMU over one year, from the fact sheet: 4 A range, 20 V range. */
#define CURRENT_READING  1e-3
#define CURRENT_OFFSET_A 3e-3
#define VOLTAGE_READING  1.5e-4
#define VOLTAGE_OFFSET_V 1e-3

static struct sim_case sim;

struct result {
    double out_ah, in_ah, first_ah;
    double out_s, in_s; /* how long they took */
    double allowed_out_ah, allowed_in_ah;
};

static double reg_ah(const struct session *s, const char *name)
{
    const struct program *p = s->program;

    for (reg_id k = 0; k < p->n_regs; k++) {
        if (strcmp(program_text(p, p->regs[k].name), name) == 0) {
            return s->run->reg[k] / 3600.0;
        }
    }
    ck_abort_msg("no register %s", name);
    return NAN;
}

/* The last charge and the discharge. */
static int after_event(void *ctx, struct session *s)
{
    struct result *r = ctx;

    for (unsigned k = 0; k < s->fx.n; k++) {
        if (s->fx.fx[k].kind != FX_STEP_END) {
            continue;
        }
        const struct run_summary *sum = &s->run->summary;
        enum verb verb = s->program->acts[s->program->steps[s->fx.fx[k].step].a].verb;
        if (verb == VERB_DISCHARGE) {
            r->out_s = nsec_to_s(sum->ended - sum->began);
        } else if (verb == VERB_CHARGE) {
            r->in_s = nsec_to_s(sum->ended - sum->began);
        }
    }
    return 0;
}

/* ---- What the SMU is allowed -------------------------------------------------------------------
 */

static double current_error_a(double a)
{
    return CURRENT_READING * a + CURRENT_OFFSET_A;
}

static double voltage_error_v(double v)
{
    return VOLTAGE_READING * v + VOLTAGE_OFFSET_V;
}

/* Charge passed on the branch when E first gets to e_v, in Ah. */
static double reach_ah(const struct replay_table *t, int8_t direction, double e_v)
{
    size_t n = direction > 0 ? t->n_charge : t->n_discharge;
    double end_c = (direction > 0 ? t->charge_q_c : t->discharge_q_c)[n - 1];
    struct replay_state s = {.direction = direction};

    for (s.q_c = 0.0; s.q_c < 1.1 * end_c; s.q_c += 1.0) {
        if (direction * (replay_e_v(&s, t) - e_v) >= 0.0) {
            break;
        }
    }
    return s.q_c / 3600.0;
}

/* A half cycle ends where the cell's own E is v - i R. When the SMU is wrong about v and i it ends
 * elsewhere on the curve, and what it counts until there is wrong by its current. */
static double allowed_ah(const struct replay_table *t, int8_t direction, double v_v, double i_a,
                         double counted_ah, double took_s)
{
    double end_v = v_v - direction * i_a * LEADS_OHM;
    double off_v = voltage_error_v(v_v) + LEADS_OHM * current_error_a(i_a);
    double at = reach_ah(t, direction, end_v);
    double early = at - reach_ah(t, direction, end_v - direction * off_v);
    double late = reach_ah(t, direction, end_v + direction * off_v) - at;

    return CURRENT_READING * counted_ah + CURRENT_OFFSET_A * took_s / 3600.0 + fmax(early, late);
}

/* ---- Rehearsals
 * ---------------------------------------------------------------------------------- */

/* seed 0: ideal instruments, as the bench file says. */
static struct result rehearse(unsigned seed)
{
    static const char *const sets[] = {"rate=2.17 A", "cv=4.2 V", "taper=0.20 A", "lower=3.0 V",
                                       NULL};
    struct result r = {0};

    sim_load(&sim, BENCH, "procedures/cell/capacity.yaml", "articles/LEAF-CELL-DEMO.yaml", sets);
    struct world_station_conf *world = &sim.loaded.bench.world[sim.loaded.station];
    ck_assert_double_eq(world->resistance_ohm, LEADS_OHM);
    ck_assert_int_eq(world->errors, 1);
    world->errors = seed == 0;

    struct session_options opt = {.seed = seed, .after_event = after_event, .ctx = &r};
    ck_assert_int_eq(sim_run(&sim, &opt), 1);
    ck_assert_msg(sim.session.s.verdict == VERDICT_DONE, "seed %u ended as %s: %s", seed,
                  verdict_text((enum verdict)sim.session.s.verdict), sim.session.s.text);
    r.first_ah = reg_ah(&sim.session, "q_first");
    r.out_ah = reg_ah(&sim.session, "q");
    r.in_ah = reg_ah(&sim.session, "q_in");

    const struct replay_table *t = &sim.loaded.bench.replay[sim.loaded.station];
    r.allowed_out_ah = allowed_ah(t, -1, LOWER_V, RATE_A, r.out_ah, r.out_s);
    r.allowed_in_ah = allowed_ah(t, 1, CV_V, TAPER_A, r.in_ah, r.in_s);
    sim_close(&sim);
    return r;
}

START_TEST(without_errors)
{
    struct result r = rehearse(0);

    printf("replay, no errors: out %.4f Ah (%+.3f %%) in %.2f h, in %.4f Ah (%+.3f %%) in %.2f h\n",
           r.out_ah, 100.0 * (r.out_ah / OUT_AH - 1.0), r.out_s / 3600.0, r.in_ah,
           100.0 * (r.in_ah / IN_AH - 1.0), r.in_s / 3600.0);
    ck_assert_double_eq_tol(r.out_ah, OUT_AH, 1e-3 * OUT_AH);
    ck_assert_double_eq_tol(r.in_ah, IN_AH, 1e-3 * IN_AH);
    /* The model's rule: a charge always begins at the head of its branch, even on the full cell. */
    ck_assert_double_eq_tol(r.first_ah, r.in_ah, 1e-3 * IN_AH);
    /* The recorded steps took 49 538 s and 70 502 s. */
    ck_assert_double_eq_tol(r.out_s, 49537.7, 1e-3 * 49537.7);
    ck_assert_double_eq_tol(r.in_s, 70502.3, 1e-2 * 70502.3);
}
END_TEST

START_TEST(with_drawn_errors)
{
    const char *is_long = getenv("BENCHCTL_LONG");
    unsigned n = is_long && strcmp(is_long, "1") == 0 ? SEEDS_LONG : SEEDS;

    printf("replay, errors drawn; Ah off, share of what the SMU is allowed\n");
    for (unsigned seed = 1; seed <= n; seed++) {
        struct result r = rehearse(seed);
        double out = (r.out_ah - OUT_AH) / r.allowed_out_ah;
        double in = (r.in_ah - IN_AH) / r.allowed_in_ah;

        printf("seed %2u  out %+.4f (%+.2f of %.3f)  in %+.4f (%+.2f of %.3f)\n", seed,
               r.out_ah - OUT_AH, out, r.allowed_out_ah, r.in_ah - IN_AH, in, r.allowed_in_ah);
        ck_assert_msg(fabs(out) <= 1.0, "seed %u: discharge %.4f Ah", seed, r.out_ah);
        ck_assert_msg(fabs(in) <= 1.0, "seed %u: charge %.4f Ah", seed, r.in_ah);
        ck_assert_msg(fabs(r.out_ah - OUT_AH) > 1e-6, "seed %u: no error was drawn", seed);
    }
}
END_TEST

int main(void)
{
    FILE *f = fopen(source_path(RECORDING), "r");

    if (!f) {
        printf("skipped: the recording %s is not here\n", RECORDING);
        return SKIPPED;
    }
    fclose(f);
    Suite *s = suite_create("replay");
    TCase *t = tcase_create("replay");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, without_errors);
    tcase_add_test(t, with_drawn_errors);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
