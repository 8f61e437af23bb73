/* test_analysis_recording.c - a run file as columns: every row, what others said beside it, and
 * what the instruments are good for; of a run that has ended and of one that goes on.
 */
#include "analysis/cycles.h"
#include "analysis/recording.h"
#include "base/diag.h"
#include "base/err.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

enum {
    ROWS = 40000 /* more than one short transaction */
};

static char dir[256];

static void setup(void)
{
    rig_folder(dir);
}

static void teardown(void)
{
    rig_remove(dir);
}

static void open_read(struct recording *r)
{
    struct run_file *f;

    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    ck_assert_int_eq(recording_read(f, r, NULL), 0);
    run_close(f);
}

/* What rig_play put, from its index. */
static void check_rows(const struct recording *r, size_t n)
{
    const double *pressure = recording_extra(r, "pressure_pa");
    const double *temperature = recording_extra(r, "temperature_k");
    const double *step_time = recording_extra(r, "step_time_s");
    const double *count = recording_extra(r, "counter_ah");
    size_t wrong = 0;

    ck_assert_uint_eq(r->n, n);
    ck_assert(pressure && temperature && step_time && count);
    ck_assert_ptr_null(recording_extra(r, "voltage_v"));
    for (uint32_t i = 0; i < n; i++) {
        double v = rig_voltage(i);

        wrong += r->t_s[i] != rig_time_s(i);
        wrong += isnan(v) ? (size_t)!isnan(r->voltage_v[i]) : (size_t)(r->voltage_v[i] != v);
        wrong += r->current_a[i] != i % 3 / 1024.0;
        wrong += r->step[i] != i / 500 + 1 || r->cycle[i] != (i / 500 + 1) / 4;
        wrong += pressure[i] != 5e6 + (i - i % 4) % 11;
        wrong += temperature[i] != 333 + (i - i % 16) % 5 / 8.0;
        wrong += step_time[i] != (i % 500) * 0.25;
        wrong += count[i] != i / 4096.0;
    }
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(reads_every_row)
{
    struct store *s = rig_lab(dir);
    struct recording r;
    char sha[65];

    rig_begin(s);
    rig_play(s, 0, ROWS, 5000);
    rig_end(s, ROWS, sha);
    lab_close(s);
    open_read(&r);
    check_rows(&r, ROWS);
    ck_assert_double_eq_tol(r.capacity_ah, 34.56 / 3600.0, 1e-15);
    ck_assert_double_eq(r.voltage.reading, 1e-4);
    ck_assert_double_eq(r.voltage.offset, 2e-4);
    ck_assert_double_eq(r.current.resolution, 1e-9);
    ck_assert_uint_eq(r.n_steps, ROWS / 500);
    ck_assert_int_eq(r.counter_resets, RECORDING_PER_STEP);
    recording_done(&r);
    recording_done(&r); /* a zeroed one too */
}
END_TEST

/* What is committed is there, the rest is not; the writer is not held up, and goes on. */
START_TEST(reads_a_run_that_goes_on)
{
    struct store *s = rig_lab(dir);
    struct recording r;
    struct cycles c;
    char sha[65];

    rig_begin(s);
    rig_play(s, 0, 20000, 5000);
    rig_play(s, 20000, 21000, 0);
    open_read(&r);
    check_rows(&r, 20000);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, NULL), 0);
    ck_assert_uint_eq(c.n_steps, 40);
    cycles_done(&c);
    recording_done(&r);
    rig_commit(s, 21000);
    open_read(&r);
    check_rows(&r, 21000);
    recording_done(&r);
    rig_end(s, 21000, sha);
    lab_close(s);
}
END_TEST

START_TEST(a_run_without_rows)
{
    struct store *s = rig_lab(dir);
    struct recording r;
    struct cycles c;
    struct diag d;
    char sha[65];

    diag_init(&d);
    rig_begin(s);
    rig_end(s, 0, sha);
    lab_close(s);
    open_read(&r);
    ck_assert_uint_eq(r.n, 0);
    ck_assert_uint_eq(r.n_steps, 0);
    ck_assert_int_eq(cycles_of(&r, CYCLE_ORDER_FOUND, &c, &d), E_NOENT);
    recording_done(&r);
}
END_TEST

/* Columns as they come from the file: units, and the end of the walk over the tables. */
START_TEST(columns_of_a_table)
{
    struct store *s = rig_lab(dir);
    struct number_columns c;
    struct run_file *f;
    char sha[65];

    rig_begin(s);
    rig_play(s, 0, 100, 50);
    rig_end(s, 100, sha);
    lab_close(s);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    ck_assert_int_eq(run_columns(f, RIG_CYCLER, &c, NULL), 0);
    ck_assert_str_eq(c.table, "cycler");
    ck_assert(c.counts);
    ck_assert_uint_eq(c.n_columns, 4);
    ck_assert_str_eq(c.column[0].unit, "V");
    ck_assert_str_eq(c.column[3].name, "energy_wh");
    ck_assert_double_eq(c.column[3].v[99], 99 / 1024.0);
    number_columns_done(&c);
    ck_assert_int_eq(run_columns(f, RIG_PRESS, &c, NULL), 0);
    ck_assert_uint_eq(c.n, 25);
    ck_assert(!c.counts);
    number_columns_done(&c);
    ck_assert_int_eq(run_columns(f, RIG_TABLES, &c, NULL), E_NOENT);
    run_close(f);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("recordings");
    TCase *t = tcase_create("read");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reads_every_row);
    tcase_add_test(t, reads_a_run_that_goes_on);
    tcase_add_test(t, a_run_without_rows);
    tcase_add_test(t, columns_of_a_table);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    int failed;

    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
