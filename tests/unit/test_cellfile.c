/* test_cellfile.c - the parameter file of a cell: what is written is read again, and what is wrong
 * in it is said with its line.
 */
#include "analysis/cell_fit.h"
#include "base/err.h"
#include "benchctl/cellfile.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, within)

static struct cell_fit fit;
static struct diag d;

static void make(void)
{
    memset(&fit, 0, sizeof(fit));
    diag_init(&d);
    fit.param = (struct cell_param){.capacity_c = 30.5 * 3600.0,
                                    .charge_efficiency = 1.0,
                                    .n_ocv = 11,
                                    .n_rows = 2,
                                    .hysteresis_rate = 45.0,
                                    .activation_j_mol = 30e3,
                                    .reference_k = 298.15,
                                    .heat_j_k = 800.0,
                                    .loss_w_k = 1.25};
    for (unsigned k = 0; k < 11; k++) {
        fit.param.ocv_v[k] = 3.0 + 0.1 * k;
    }
    fit.param.row[0] = (struct cell_row){0.1, 1.7e-3, 0.5e-3, 9.0, 2e-3, 110.0, 0.008};
    fit.param.row[1] = (struct cell_row){0.9, 1.5e-3, 0.4e-3, 8.0, 1e-3, 100.0, 0.006};
    for (unsigned k = 0; k < 2; k++) {
        const struct cell_row *r = &fit.param.row[k];
        double v[CELL_FIT_VALUES] = {r->r0_ohm, r->r1_ohm, r->tau1_s, r->r2_ohm, r->tau2_s};

        for (unsigned n = 0; n < CELL_FIT_VALUES; n++) {
            fit.value[k][n] =
                (struct cell_fit_value){.value = v[n], .half95 = 0.1 * v[n], .identified = true};
        }
    }
    fit.value[1][2].identified = false;
    fit.value[1][4].half95 = NAN;
    str_copy(fit.value[1][2].why, sizeof(fit.value[1][2].why), "interval wider than the value");
    fit.lead.lead_ohm = 0.105;
    fit.lead.half95_ohm = 0.002;
    fit.slow_offset_v.value = 0.0115;
    fit.slow_start_ah.value = -0.08;
    fit.slow_factor.value = 2.4;
    fit.ocv_half95_v = 1e-3;
}

START_TEST(written_and_read)
{
    struct cell_file_about about = {
        .name = "a-cell",
        .about = "with \"quotes\"",
        .source = {"one, two", "three: four"},
        .n_sources = 2
    };
    struct text text = {0};
    struct cell_file f;

    make();
    cell_file_write(&fit, &about, &text);
    ck_assert_int_eq(cell_file_text("a.yaml", text.p, text.n, &f, &d), 0);
    ck_assert_str_eq(f.name, "a-cell");
    ck_assert_str_eq(f.about, "with quotes");
    ck_assert_uint_eq(f.sources.n, 2);
    ck_assert_str_eq(f.sources.text[1], "three: four");
    NEAR(f.param.capacity_c, 30.5 * 3600.0, 1e-6);
    NEAR(f.param.activation_j_mol, 30e3, 1e-6);
    NEAR(f.param.reference_k, 298.15, 1e-9);
    NEAR(f.param.loss_w_k, 1.25, 1e-12);
    ck_assert_uint_eq(f.param.n_ocv, 11);
    NEAR(f.param.ocv_v[7], 3.7, 1e-9);
    ck_assert_uint_eq(f.param.n_rows, 2);
    NEAR(f.param.row[1].r2_ohm, 1e-3, 1e-12);
    NEAR(f.param.row[1].tau2_s, 100.0, 1e-9);
    NEAR(f.param.row[0].hysteresis_v, 0.008, 1e-12);
    ck_assert_uint_eq(f.n95, 2);
    NEAR(f.row95[0].r0_ohm, 0.17e-3, 1e-12);
    ck_assert(isnan(f.row95[1].tau2_s));
    ck_assert_uint_eq(f.not_identified.n, 1);
    ck_assert_str_eq(f.not_identified.text[0], "tau1 at 90.0 %: interval wider than the value");
    ck_assert(f.has_setup);
    NEAR(f.setup.lead_ohm, 0.105, 1e-12);
    NEAR(f.setup.offset_v, 0.0115, 1e-12);
    NEAR(f.setup.start_c, -288.0, 1e-9);
    cell_file_done(&f);
    text_done(&text);
}
END_TEST

#define HEAD "cell: c\ncapacity: 10 Ah\nreference: 25 degC\n"
#define ROW  "{soc: 0.5, r0: 1 mohm, r1: 1 mohm, tau1: 9 s, r2: 1 mohm, tau2: 90 s}"
#define OCV  "ocv: [3.0 V, 4.0 V]\n"

#define NO_R0 "{soc: 0.5, r0: 0 mohm, r1: 1 mohm, tau1: 9 s, r2: 1 mohm, tau2: 90 s}"

static const struct {
    int line;
    const char *says, *text;
} wrong[] = {
    {5, "2 to 401", HEAD "rows: [" ROW "]\nocv: [3.0 V]\n"},
    {5, "rise", HEAD "rows: [" ROW "]\nocv: [4.0 V, 3.0 V]\n"},
    {5, "A", HEAD "rows: [" ROW "]\nocv: [3.0 V, 4.0 A]\n"},
    {4, "1 to 24", HEAD "rows: []\n" OCV},
    {6, "rise in soc", HEAD "rows:\n  - " ROW "\n  - " ROW "\n" OCV},
    {4, "outside", HEAD "rows: [" NO_R0 "]\n" OCV},
    {4, "r1", HEAD "rows: [{soc: 0.5, r0: 1 mohm}]\n" OCV},
    {6, "half95", HEAD "rows: [" ROW "]\n" OCV "half95: [{r0: 1 mohm}, {r0: 1 mohm}]\n"},
    {0, "capacity", "cell: c\nreference: 25 degC\nrows: [" ROW "]\n" OCV},
    {4, "capacitance", HEAD "capacitance: 1\nrows: [" ROW "]\n" OCV},
    {0, "", ""},
};

START_TEST(wrong_file)
{
    struct cell_file f;
    bool said = false;

    diag_init(&d);
    ck_assert_int_lt(cell_file_text("a.yaml", wrong[_i].text, strlen(wrong[_i].text), &f, &d), 0);
    ck_assert(diag_has_errors(&d));
    for (size_t k = 0; k < d.n; k++) {
        said = said || (strstr(d.finding[k].text, wrong[_i].says) &&
                        (wrong[_i].line == 0 || d.finding[k].line == wrong[_i].line));
    }
    ck_assert_msg(said, "line %d: %s", d.finding[0].line, d.finding[0].text);
}
END_TEST

START_TEST(shipped)
{
    const char *top = getenv("top_srcdir");
    char path[1000];
    struct cell_file f;

    diag_init(&d);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/models/leaf-cell.yaml", top ? top : "."), 0);
    ck_assert_int_eq(cell_file_read(path, &f, &d), 0);
    ck_assert_str_eq(f.name, "leaf-2013");
    /* what the cycler of the pulses counted, by the rule of intervals, is 30.50 Ah net */
    NEAR(f.param.capacity_c / 3600.0, 30.50, 0.1);
    ck_assert_uint_ge(f.sources.n, 4);
    ck_assert_uint_eq(f.n95, f.param.n_rows);
    cell_file_done(&f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cellfile");
    TCase *t = tcase_create("file");
    SRunner *runner;
    int failed;

    tcase_add_test(t, written_and_read);
    tcase_add_loop_test(t, wrong_file, 0, (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(t, shipped);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
