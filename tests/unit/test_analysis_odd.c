/* test_analysis_odd.c - recordings that nobody should have: gaps, times that stand still, currents
 * that jump about, one row. Every analysis answers or refuses, and no answer is infinite.
 */
#include "analysis/cycles.h"
#include "analysis/groups.h"
#include "analysis/heat.h"
#include "analysis/ica.h"
#include "analysis/resistance.h"
#include "base/attr.h"
#include "base/rng.h"
#include "tests/support/rec_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum {
    RECORDINGS = 300,
    ROWS_MAX = 1500
};

static unsigned wrong;

static void look(struct figure f)
{
    wrong += isinf(f.v) || isinf(f.u);
    wrong += isnan(f.v) && !f.why; /* no answer without a reason */
    wrong += f.u < 0.0;
}

static double odd_value(struct rng *r, double usual, double spread)
{
    switch (rng_below(r, 40)) {
    case 0: return NAN;
    case 1: return 0.0;
    case 2: return usual * 1e6;
    case 3: return -usual;
    default: return usual + spread * (rng_uniform(r) - 0.5);
    }
}

static void make(struct recording *r, struct rng *g)
{
    static const char *const names[] = {"voltage_1_v",     "voltage_2_v", "voltage_3_v",
                                        "temperature_1_k", "counter_ah",  "step_time_s"};
    size_t rows = 1 + rng_below(g, ROWS_MAX);
    bool tame = rng_below(g, 2) == 0;
    double t = 0.0, i = 0.0;
    uint32_t step = 1, cycle = 1;

    rec_begin(r, rows, ARRAY_LEN(names), names);
    for (size_t k = 0; k < rows; k++) {
        t += rng_below(g, 5) == 0 ? 0.0 : 10.0 * rng_uniform(g);
        if (rng_below(g, tame ? 300 : 20) == 0) {
            i = rng_below(g, 3) == 0 ? 0.0 : 4.0 * (rng_uniform(g) - 0.5);
            step++;
            cycle += rng_below(g, 5) == 0;
        }
        rec_row(r, t, tame ? 3.7 + 1e-4 * i * (double)k : odd_value(g, 3.7, 0.5),
                tame ? i : odd_value(g, i, 0.1), step, cycle);
        for (unsigned x = 0; x < ARRAY_LEN(names); x++) {
            rec_set(r, x, tame ? 3.0 + 1e-3 * (double)(k % 500) : odd_value(g, 3.0, 1.0));
        }
    }
    rec_end(r);
}

static void look_at_cycles(const struct recording *r)
{
    struct cycles c;
    struct heat h;

    if (cycles_of(r, CYCLE_ORDER_FOUND, &c, NULL) < 0) {
        wrong++;
        return;
    }
    for (size_t i = 0; i < c.n; i++) {
        look(c.cycle[i].charge_ah);
        look(c.cycle[i].discharge_ah);
        look(c.cycle[i].charge_wh);
        look(c.cycle[i].ce);
        look(c.cycle[i].ee);
        look(c.cycle[i].v_discharge);
    }
    for (int kind = ICA_DQ_DV; kind <= ICA_DV_DQ; kind++) {
        struct ica_options o = {.kind = (enum ica_kind)kind};
        struct ica a;

        if (ica_of(r, &c, &o, &a, NULL) == 0) {
            for (size_t i = 0; i < a.n; i++) {
                wrong += !a.half[i].why && a.half[i].curve.n == 0;
            }
            ica_done(&a);
        }
    }
    if (heat_of(r, &c, &h, NULL) == 0) {
        for (size_t i = 0; i < h.n; i++) {
            look(h.row[i].rise_k);
            look(h.row[i].k_per_ah);
        }
        heat_done(&h);
    }
    cycles_done(&c);
}

static void look_at_pulses(const struct recording *r)
{
    struct pulses p;
    struct groups g;

    if (pulses_of(r, NULL, &p, NULL) == 0) {
        for (size_t i = 0; i < p.n; i++) {
            for (unsigned k = 0; k < RESISTANCE_TIMES; k++) {
                look(p.row[i].r_ohm[k]);
            }
            look(p.row[i].power_w);
        }
        pulses_done(&p);
    }
    if (groups_of(r, &g, NULL) == 0) {
        for (unsigned i = 0; i < g.n; i++) {
            look(g.group[i].missing_ah);
            look(g.group[i].capacity_ratio);
            look(g.group[i].v_end_v);
        }
    }
}

START_TEST(odd_recordings)
{
    struct rng g;

    rng_seed(&g, 11, 0);
    for (unsigned n = 0; n < RECORDINGS; n++) {
        struct recording r;

        make(&r, &g);
        look_at_cycles(&r);
        look_at_pulses(&r);
        recording_done(&r);
        ck_assert_msg(wrong == 0, "recording %u: %u answers are no answers", n, wrong);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("odd recordings");
    TCase *t = tcase_create("all analyses");
    SRunner *r;
    int failed;

    tcase_add_test(t, odd_recordings);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
