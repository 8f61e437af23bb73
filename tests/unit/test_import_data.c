/* test_import_data.c - known answers of real recordings (rows, counters, end times), read from
 * ../shared/data beside the tree; skipped where it is absent.
 */
#include "analysis/import.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SKIPPED = 77
};
/* 0.05 % where nothing else is said, but not less than half of the last digit that is written. */
#define ABOUT(x, expected, digit) \
    ck_assert_double_eq_tol(x, expected, fabs((double)(expected)) * 5e-4 + 0.5 * (digit))

static char folder[1024];
static struct import_report report;

static void path_of(const char *file, char *buf, size_t size)
{
    ck_assert_int_eq(str_fmt(buf, size, "%s/%s", folder, file), 0);
}

static void load(const char *file, struct recording *ret)
{
    char path[1200], story[4096];
    struct diag d;
    int rc;

    path_of(file, path, sizeof(path));
    diag_init(&d);
    rc = import_recording(path, NULL, ret, &d);
    (void)diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(rc == 0, "%s", story);
    rc = import_file(path, NULL, &import_null_sink, &report, NULL);
    ck_assert_int_eq(rc, 0);
    ck_assert_uint_eq(report.rows, ret->n);
}

static const double *column(const struct recording *r, const char *name)
{
    const double *v = recording_extra(r, name);

    ck_assert_msg(v != NULL, "no column %s", name);
    return v;
}

static size_t last_row(const struct recording_step *s)
{
    return s->first + s->n - 1;
}

/* The counter at the end of the n-th step of a cycle that has this number. */
static double step_end(const struct recording *r, uint32_t cycle, uint32_t number, unsigned nth,
                       const char *counter)
{
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct recording_step *s = &r->steps[i];

        if (s->cycle == cycle && s->number == number && nth-- == 1)
            return column(r, counter)[last_row(s)];
    }
    ck_abort_msg("cycle %u has no such step %u", cycle, number);
    return (double)NAN;
}

/* ---- 01: LEAF cell, Bitrode ---- */

START_TEST(leaf_cycling)
{
    static const double out_ah[] = {30.09, 30.04, 30.01, 29.86, 29.87, 29.90, 29.37};
    static const double in_ah[] = {29.99, 29.95, 29.80, 29.79, 29.78, 29.84, 29.63};
    static const double out_wh[] = {108.56, 108.37, 108.22, 107.86, 107.90, 107.79, 105.29};
    struct recording r;

    load("01_leaf_cell/cell-cycling-10c-24c-40c.csv", &r);
    ABOUT((double)r.n, 22595, 2);
    ck_assert_str_eq(report.dialect, "bitrode");
    ck_assert_uint_eq(report.cycles, 7);
    for (unsigned i = 0; i < 7; i++) {
        uint32_t cycle = i < 6 ? i + 2 : 7;
        unsigned nth = i < 6 ? 1 : 2; /* cycle 7 comes twice */

        ABOUT(step_end(&r, cycle, 2, nth, "counter_ah"), -out_ah[i], 0);
        ABOUT(step_end(&r, cycle, 2, nth, "counter_wh"), -out_wh[i], 0);
        ABOUT(step_end(&r, cycle, 4, nth, "counter_ah"), in_ah[i], 0);
    }
    ck_assert_int_eq(r.counter_resets, RECORDING_PER_STEP);
    recording_done(&r);
}
END_TEST

/* What the log's V * I gives is 0.64 % more than the watt-hours the cycler counted, while the
 * ampere-hours agree: both are there to be told. */
START_TEST(leaf_watt_hours_differ)
{
    struct recording r;
    double ah = 0, wh = 0;

    load("01_leaf_cell/cell-cycling-10c-24c-40c.csv", &r);
    for (size_t k = 1; k < r.n; k++) {
        double dt = r.t_s[k] - r.t_s[k - 1];

        if (r.cycle[k] != 2 || r.step[k] != 2)
            continue;
        ah -= r.current_a[k] * dt / 3600;
        wh -= r.current_a[k] * r.voltage_v[k] * dt / 3600;
    }
    ck_assert_double_eq_tol(ah / 30.09, 1.0, 5e-4);
    ck_assert_double_eq_tol(wh / 108.56, 1.0064, 5e-4);
    recording_done(&r);
}
END_TEST

START_TEST(leaf_one_c)
{
    static const double out_ah[] = {30.33, 30.34, 30.30, 30.29};
    static const double out_wh[] = {113.84, 113.85, 113.70, 113.66};
    static const double in_ah[] = {30.35, 30.37, 30.33, 30.32, 30.32};
    struct recording r;

    load("01_leaf_cell/cell-discharge-bitrode-1c.csv", &r);
    for (uint32_t i = 0; i < 4; i++) {
        ABOUT(step_end(&r, i + 2, 2, 1, "counter_ah"), -out_ah[i], 0);
        ABOUT(step_end(&r, i + 2, 2, 1, "counter_wh"), -out_wh[i], 0);
    }
    for (uint32_t i = 0; i < 5; i++)
        ABOUT(step_end(&r, i + 1, 4, 1, "counter_ah"), in_ah[i], 0);
    recording_done(&r);
}
END_TEST

/* 0.2500 + 3.0003 Ah out of each tenth of the charge, 0.0625 back (0.0548 the first time). */
struct hppc {
    unsigned pulses;
    double out_ah[64], back_ah[64];
};

static int on_hppc(void *ctx, const struct import_step *s, struct diag *reterr)
{
    struct hppc *h = ctx;

    (void)reterr;
    if (s->number == 6)
        h->out_ah[h->pulses++] = s->out_ah;
    if (s->number == 8)
        h->back_ah[h->pulses - 1] = s->in_ah;
    if (s->number == 9)
        h->out_ah[h->pulses - 1] += s->out_ah;
    return h->pulses < 64 ? 0 : E_FULL;
}

START_TEST(leaf_hppc)
{
    struct hppc h = {0};
    const struct import_sink sink = {.ctx = &h, .step_end = on_hppc};
    char path[1200];

    path_of("01_leaf_cell/cell-low-current-hppc-25c-2.csv", path, sizeof(path));
    ck_assert_int_eq(import_file(path, NULL, &sink, &report, NULL), 0);
    ck_assert_uint_eq(h.pulses, 10);
    for (unsigned i = 0; i < 9; i++) { /* the tenth ends at 3 V */
        ABOUT(h.out_ah[i], 3.2503, 0);
        /* the first is held at 4.2 V: by right rectangles 0.05477, by trapezia 0.05468 */
        ABOUT(h.back_ah[i], i ? 0.0625 : 0.0548, i ? 1e-4 : 3e-4);
    }
}
END_TEST

/* ---- 02: module string, FTV ---- */

START_TEST(leaf_module)
{
    static const double end_v[] = {3.000, 3.474, 3.478, 3.206, 3.435, 3.429};
    struct recording r;

    load("02_leaf_module/module123-irdischarge-65ah-1_0c.csv", &r);
    ck_assert_str_eq(report.dialect, "ftv");
    ABOUT(column(&r, "counter_out_ah")[r.n - 1], 55.30, 0);
    ABOUT(column(&r, "counter_out_wh")[r.n - 1], 1253.75, 0);
    ABOUT(report.out_ah, 55.298, 0);
    ABOUT(report.out_wh, 1254.13, 0);
    for (unsigned i = 0; i < 6; i++) {
        char name[32];

        ck_assert_int_eq(str_fmt(name, sizeof(name), "voltage_%u_v", i + 1), 0);
        ck_assert_double_eq_tol(column(&r, name)[r.n - 1], end_v[i], 5e-4);
    }
    ck_assert_double_eq_tol(column(&r, "temperature_3_k")[r.n - 1], 28 + 273.15, 1e-9);
    ck_assert_int_eq(r.steps[0].mode, RECORDING_REST);
    ck_assert_int_eq(r.steps[1].mode, RECORDING_DISCHARGE);
    /* 2017-04-13 07:47:35 UTC, a second before the first row */
    ck_assert(report.wall_start == INT64_C(1492069655) * NSEC_S);
    recording_done(&r);
}
END_TEST

/* ---- 03: Arbin ---- */

/* What a counter that is never set back gained in a cycle. */
static double gained(const struct recording *r, uint32_t cycle, const char *counter)
{
    const double *v = column(r, counter);
    double before = 0, last = (double)NAN;

    for (size_t k = 0; k < r->n; k++) {
        if (r->cycle[k] < cycle)
            before = v[k];
        if (r->cycle[k] == cycle)
            last = v[k];
    }
    return last - before;
}

START_TEST(arbin_cycles)
{
    static const struct {
        uint32_t cycle;
        double out_ah, ce, ee;
    } rows[] = {
        {2,  1.1282, .99913,  .9459},
        {10, 1.1127, .99945,  .9416},
        {30, 1.1002, 1.00000, .9424}
    };
    struct recording r;

    load("03_arbin_calce/CS2_33_9_7_10.csv", &r);
    ck_assert_uint_eq(r.n, 16121);
    ck_assert_uint_eq(report.cycles, 33);
    ck_assert_int_eq(r.counter_resets, RECORDING_NEVER);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double out = gained(&r, rows[i].cycle, "counter_out_ah");

        ABOUT(out, rows[i].out_ah, 0);
        ck_assert_double_eq_tol(out / gained(&r, rows[i].cycle, "counter_in_ah"), rows[i].ce, 2e-4);
        ck_assert_double_eq_tol(gained(&r, rows[i].cycle, "counter_out_wh") /
                                    gained(&r, rows[i].cycle, "counter_in_wh"),
                                rows[i].ee, 2e-4);
    }
    /* by the rule of methods.md the constant-current part agrees to 0.002 % */
    ck_assert_double_eq_tol(report.out_ah / report.their_out_ah, 1.0, 2e-5);
    recording_done(&r);
    load("03_arbin_calce/CS2_33_8_17_10.csv", &r);
    ABOUT(column(&r, "counter_in_ah")[r.n - 1], 1.1586, 0);
    ABOUT(column(&r, "counter_out_ah")[r.n - 1], 1.1617, 0);
    recording_done(&r);
}
END_TEST

/* ---- 07: formats ---- */

START_TEST(maccor_texts)
{
    struct recording r;

    load("07_formats/maccor_one.txt", &r);
    ck_assert_uint_eq(r.n, 4459);
    ck_assert_double_eq_tol(r.t_s[r.n - 1], 123012.75, 1e-6);
    ABOUT(step_end(&r, 0, 7, 1, "counter_ah"), 4.5440, 0);
    ABOUT(step_end(&r, 0, 7, 1, "counter_wh"), 16.5637, 0);
    ABOUT(step_end(&r, 0, 4, 1, "counter_ah"), 3.3687, 0);
    ABOUT(step_end(&r, 0, 5, 1, "counter_ah"), 1.1539, 0);
    ABOUT(step_end(&r, 0, 12, 1, "counter_ah"), 4.3540, 0);
    ck_assert_double_lt(r.current_a[r.steps[6].first], 0); /* written as a magnitude */
    /* sixteen open thermocouples: no value, so no column */
    ck_assert_ptr_null(recording_extra(&r, "temperature_1_k"));
    recording_done(&r);
    load("07_formats/maccor_two.txt", &r);
    /* 214 records, the last of which breaks off before its voltage */
    ck_assert_uint_eq(r.n, 213);
    ck_assert(report.cut);
    ck_assert_int_eq(report.decimal, ',');
    ck_assert_double_eq_tol(r.voltage_v[0], 0.1377, 1e-12);
    recording_done(&r);
    load("07_formats/maccor_three.txt", &r);
    ck_assert_uint_eq(r.n, 4009);
    ck_assert_double_eq_tol(r.current_a[r.n - 1], -0.8960098, 1e-12);
    ck_assert_double_eq_tol(r.voltage_v[r.n - 1], 1.3000687, 1e-12);
    recording_done(&r);
}
END_TEST

START_TEST(neware)
{
    static const double out_ah[] = {.004680, .004065, .004030, .003315};
    struct recording r;

    load("07_formats/neware_uio.csv", &r);
    ck_assert_uint_eq(r.n, 9065);
    ck_assert_uint_eq(report.cycles, 4);
    for (uint32_t i = 0; i < 4; i++)
        ABOUT(step_end(&r, i + 1, i < 3 ? 2 : 11, 1, "counter_out_ah"), out_ah[i], 1e-6);
    /* 144:02:18 at the end */
    ck_assert_double_eq_tol(r.t_s[r.n - 1], 144 * 3600 + 2 * 60 + 18, 1e-9);
    recording_done(&r);
}
END_TEST

START_TEST(novonix_ec_lab_and_others)
{
    struct recording r;

    load("07_formats/sample_data_novonix.csv", &r);
    ck_assert_uint_eq(r.n, 207);
    ABOUT(column(&r, "counter_ah")[r.n - 1], 1.70652976, 0);
    ABOUT(column(&r, "counter_wh")[r.n - 1], 6.84854718, 0);
    ck_assert_double_eq_tol(r.t_s[r.n - 1], 3.4131889 * 3600, 1e-6);
    recording_done(&r);
    load("07_formats/gcpl.issue_149.mpt", &r);
    ck_assert_uint_eq(r.n, 132);
    ck_assert_int_eq(report.header_line, 81);
    ck_assert_int_eq(report.decimal, ',');
    /* the mean current of each interval: its sum is what was counted */
    ck_assert_double_eq_tol(report.in_ah / report.their_in_ah, 1.0, 5e-4);
    ck_assert_double_eq_tol(report.out_ah / report.their_out_ah, 1.0, 5e-4);
    recording_done(&r);
    load("07_formats/pec_Test25209.csv", &r);
    ck_assert_str_eq(report.dialect, "pec");
    ck_assert_double_eq_tol(r.t_s[r.n - 1], 8 * 3600 + 16 * 60 + 8.1, 1e-6);
    recording_done(&r);
    load("07_formats/sample_data_basytec.txt", &r);
    ck_assert_str_eq(report.dialect, "basytec");
    ck_assert_uint_eq(r.n, 74);
    ABOUT(report.in_ah, 0.001248916998009, 0);
    recording_done(&r);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {leaf_cycling,
                                  leaf_watt_hours_differ,
                                  leaf_one_c,
                                  leaf_hppc,
                                  leaf_module,
                                  arbin_cycles,
                                  maccor_texts,
                                  neware,
                                  novonix_ec_lab_and_others};
    const char *top = getenv("top_srcdir");
    Suite *suite = suite_create("import_data");
    TCase *c = tcase_create("data");
    SRunner *r;
    int failed;

    (void)snprintf(folder, sizeof(folder), "%s/../shared/data", top ? top : ".");
    if (access(folder, R_OK) != 0) {
        printf("skipped: no %s\n", folder);
        return SKIPPED;
    }
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
