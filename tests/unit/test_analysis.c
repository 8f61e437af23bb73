/* test_analysis.c - the contact fit against the law that made its points, and its own error bars
 * against the share of draws they should hold.
 */
#include "analysis/contact.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "db/read.h"
#include "db/store.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)

enum {
    PRESSURES = 5,
    PULSES = 3,
    POINTS = PRESSURES * PULSES
};

/* 12 ohm + 10 ohm * (P / 5 MPa)^-0.67, three pulses at each of 5 .. 1 MPa. */
static void law(struct contact_point *p)
{
    for (unsigned i = 0; i < POINTS; i++) {
        double pressure_pa = (5.0 - (double)(i / PULSES)) * 1e6;

        p[i] = (struct contact_point){.pressure_pa = pressure_pa,
                                      .r_ohm = 12.0 + 10.0 * pow(pressure_pa / 5e6, -0.67),
                                      .sigma_ohm = NAN,
                                      .cycle = i + 1};
    }
}

START_TEST(finds_the_law)
{
    struct contact_point p[POINTS];
    struct contact_fit f;

    law(p);
    ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), 0);
    ck_assert(f.identifiable);
    ck_assert_str_eq(f.why, "");
    NEAR(f.a_ohm, 12.0, 1e-6);
    NEAR(f.b_ohm, 10.0, 1e-6);
    NEAR(f.m, 0.67, 1e-7);
    ck_assert_double_lt(f.se_m, 1e-6);
    ck_assert_uint_eq(f.n, POINTS);
    ck_assert_uint_eq(f.n_pressures, PRESSURES);
    /* 12 + 10 * 2.5^-0.67, by hand: ln 2.5 = 0.9162907, times 0.67 = 0.6139148, exp(-) = 0.541228
     */
    NEAR(contact_resistance_ohm(&f, 12.5e6), 17.41228, 1e-4);
}
END_TEST

/* With 12 degrees of freedom, 2.179 standard errors hold 95 % of the draws. */
START_TEST(error_bars_are_honest)
{
    unsigned inside_m = 0, inside_a = 0, inside_b = 0;

    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct contact_point p[POINTS];
        struct contact_fit f;
        struct rng rng;

        rng_seed(&rng, seed, 1);
        law(p);
        for (unsigned i = 0; i < POINTS; i++) {
            p[i].r_ohm += 0.05 * rng_normal(&rng);
        }
        ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), 0);
        ck_assert(f.identifiable);
        inside_m += fabs(f.m - 0.67) < 2.179 * f.se_m;
        inside_a += fabs(f.a_ohm - 12.0) < 2.179 * f.se_a_ohm;
        inside_b += fabs(f.b_ohm - 10.0) < 2.179 * f.se_b_ohm;
    }
    /* 380 of 400 expected, standard deviation 4.4 */
    ck_assert_uint_ge(inside_m, 362);
    ck_assert_uint_le(inside_m, 396);
    ck_assert_uint_ge(inside_a, 362);
    ck_assert_uint_ge(inside_b, 362);
}
END_TEST

START_TEST(weights_count)
{
    struct contact_point p[POINTS];
    struct contact_fit f;

    law(p);
    for (unsigned i = 0; i < POINTS; i++) {
        p[i].sigma_ohm = 0.01;
    }
    p[4].r_ohm += 5.0;
    p[4].sigma_ohm = 5e3;
    ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), 0);
    NEAR(f.m, 0.67, 1e-4);
    /* sigma is known: the error does not vanish with the scatter */
    ck_assert_double_gt(f.se_m, 1e-4);
    ck_assert_double_gt(f.rms_ohm, 1.0);
}
END_TEST

START_TEST(says_when_it_cannot_tell)
{
    struct contact_point p[POINTS];
    struct contact_fit f;
    struct rng rng;

    rng_seed(&rng, 7, 1);
    law(p);
    for (unsigned i = 0; i < POINTS; i++) { /* 5.0 .. 4.4 MPa: too narrow for this noise */
        p[i].pressure_pa = 5e6 - 0.15e6 * (double)(i / PULSES);
        p[i].r_ohm = 12.0 + 10.0 * pow(p[i].pressure_pa / 5e6, -0.67) + 0.2 * rng_normal(&rng);
    }
    ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), 0);
    ck_assert(!f.identifiable);
    ck_assert_str_ne(f.why, "");

    for (unsigned i = 0; i < POINTS; i++) { /* rises with pressure */
        p[i].r_ohm = 12.0 + p[i].pressure_pa / 1e6;
    }
    ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), 0);
    ck_assert(!f.identifiable);

    for (unsigned i = 0; i < POINTS; i++) { /* does not change */
        p[i].r_ohm = 22.0;
    }
    ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), 0);
    ck_assert(!f.identifiable);
}
END_TEST

START_TEST(refuses_too_few)
{
    struct contact_point p[POINTS];
    struct contact_fit f = {.m = 42.0};
    struct diag d;

    diag_init(&d);
    law(p);
    ck_assert_int_eq(contact_fit(p, 3, &f, &d), E_RANGE);
    ck_assert(diag_has_errors(&d));
    ck_assert_int_eq(contact_fit(p, 6, &f, NULL), E_RANGE); /* two pressures only */
    for (unsigned i = 3; i < POINTS; i++) {
        p[i].pressure_pa = NAN;
    }
    ck_assert_int_eq(contact_fit(p, POINTS, &f, NULL), E_RANGE);
    ck_assert_int_eq(contact_fit(p, 0, &f, NULL), E_RANGE);
    ck_assert_double_eq(f.m, 42.0); /* untouched */
}
END_TEST

/* ---- Reading from a run file ---- */

static void put_step(struct store *lab, uint32_t number, double from_s, double to_s, uint32_t cycle,
                     const char *verb, double pressure_pa)
{
    struct store_step step = {.number = number,
                              .began = nsec_from_s(from_s),
                              .cycle = cycle,
                              .name = verb,
                              .verb = verb,
                              .file = "p.yaml",
                              .line = 1};
    struct store_summary end = {.number = number,
                                .cycle = cycle,
                                .ended = nsec_from_s(to_s),
                                .cause = "for",
                                .end_name = "",
                                .pressure_mean_pa = pressure_pa};

    ck_assert_int_eq(store_step_begin(lab, &step), 0);
    ck_assert_int_eq(store_step_end(lab, &end), 0);
}

static void make_run(const char *dir)
{
    const struct store_table table = {
        .name = "cycler",
        .instrument = "smu",
        .driver = "d",
        .identity = "",
        .n = 1,
        .counts = true,
        .column = {{.name = "voltage_v", .channel = "cell.voltage", .kind = KIND_VOLTAGE_V}}};
    const struct store_run run = {.procedure = "p",
                                  .version = "1",
                                  .title = "",
                                  .article = "A",
                                  .bench = "b",
                                  .station = "s",
                                  .program_hash = "",
                                  .build = "0",
                                  .capacity_c = NAN,
                                  .area_m2 = NAN};
    const struct store_end end = {
        .t = nsec_from_s(400), .verdict = "done", .cause = "end", .text = "", .virtual_speed = NAN};
    struct store *lab = NULL;
    int64_t number = 0;
    char hash[65];

    ck_assert_int_eq(lab_open(dir, &lab, NULL), 0);
    ck_assert_int_eq(store_begin(lab, &run, &table, 1, NULL, 0, &number, NULL), 0);
    put_step(lab, 1, 0, 100, 1, "charge", 5.0e6);
    put_step(lab, 2, 100, 110, 1, "pulse", 5.2e6);
    ck_assert_int_eq(store_register(lab, nsec_from_s(100.5), "r_0", 9.0, "ohm"), 0);
    ck_assert_int_eq(store_register(lab, nsec_from_s(110), "r_10", 22.0, "ohm"), 0);
    ck_assert_int_eq(store_register(lab, nsec_from_s(110), "q", 0.01, "Ah"), 0);
    put_step(lab, 3, 110, 200, 2, "rest", 4.0e6);
    put_step(lab, 4, 200, 220, 2, "pulse", 4.1e6);
    ck_assert_int_eq(store_register(lab, nsec_from_s(210), "r_10", 24.0, "ohm"), 0);
    ck_assert_int_eq(store_end(lab, &end, hash, NULL), 0);
    lab_close(lab);
}

/* r_10 beats the resistance that came first; the pressure is that of the pulse, also when it was
 * saved at the instant at which the next step began. */
START_TEST(resistances_meet_their_steps)
{
    char dir[] = "/tmp/benchctl-analysis-XXXXXX", path[96];
    struct contact_rows rows = {0};
    struct run_file *f = NULL;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    make_run(dir);
    ck_assert_int_eq(run_open(dir, 0, &f, NULL), 0);
    ck_assert_int_eq(contact_read(f, NULL, &rows, NULL), 0);
    ck_assert_str_eq(rows.name, "r_10");
    ck_assert_uint_eq(rows.n, 2);
    NEAR(rows.row[0].r_ohm, 22.0, 1e-12);
    NEAR(rows.row[0].pressure_pa, 5.2e6, 1e-3);
    ck_assert_uint_eq(rows.row[0].cycle, 1);
    NEAR(rows.row[1].pressure_pa, 4.1e6, 1e-3);
    ck_assert_uint_eq(rows.row[1].cycle, 2);
    contact_rows_done(&rows);
    ck_assert_int_eq(contact_read(f, "r_0", &rows, NULL), 0);
    ck_assert_uint_eq(rows.n, 1);
    NEAR(rows.row[0].r_ohm, 9.0, 1e-12);
    contact_rows_done(&rows);
    ck_assert_int_eq(contact_read(f, "r_7", &rows, NULL), 0);
    ck_assert_uint_eq(rows.n, 0);
    contact_rows_done(&rows);
    run_close(f);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/runs/000001.run", dir), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/runs", dir), 0);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/lab.db", dir), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("analysis");
    TCase *contact = tcase_create("contact");
    SRunner *runner;
    int failed;

    tcase_add_test(contact, finds_the_law);
    tcase_add_test(contact, error_bars_are_honest);
    tcase_add_test(contact, weights_count);
    tcase_add_test(contact, says_when_it_cannot_tell);
    tcase_add_test(contact, refuses_too_few);
    tcase_add_test(contact, resistances_meet_their_steps);
    suite_add_tcase(suite, contact);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
