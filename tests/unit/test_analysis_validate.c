/* The eight checks of a BDF table: a sound table is made, one thing in it is spoilt, and the
 * validator has to find that, in that row, and nothing else. */
#include "analysis/validate.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 60,
    STEP_ROWS = 20
};

/* A charge of 1 A, a row each second, in three steps of a cycle each. Columns as they are spoilt.
 */
enum column {
    TIME,
    VOLTAGE,
    CURRENT,
    UNIX,
    CYCLE,
    RECORD,
    IN_AH,
    OUT_AH,
    SUM_AH,
    NET_AH,
    IN_WH,
    OUT_WH,
    SUM_WH,
    NET_WH,
    COLUMNS
};
static const char *const labels[COLUMNS] = {"Test Time / s",
                                            "Voltage / V",
                                            "Current / A",
                                            "Unix Time / s",
                                            "Cycle Count / 1",
                                            "Step Record Index / 1",
                                            "Charging Capacity / Ah",
                                            "Discharging Capacity / Ah",
                                            "Cumulative Capacity / Ah",
                                            "Net Capacity / Ah",
                                            "Charging Energy / Wh",
                                            "Discharging Energy / Wh",
                                            "Cumulative Energy / Wh",
                                            "Net Energy / Wh"};

static double cell[ROWS][COLUMNS];
static const char *header[COLUMNS];
static struct validate_report report;

static void sound(void)
{
    for (int i = 0; i < ROWS; i++) {
        double in = i / 3600.0, out = 0.25 * in;
        const double row[COLUMNS] = {i,
                                     3.5,
                                     1.0,
                                     1.7e9 + i,
                                     i / STEP_ROWS,
                                     i % STEP_ROWS + 1,
                                     in,
                                     out,
                                     in + out,
                                     in - out,
                                     3.5 * in,
                                     3.0 * out,
                                     3.5 * in + 3.0 * out,
                                     3.5 * in - 3.0 * out};

        memcpy(cell[i], row, sizeof(row));
    }
    memcpy(header, labels, sizeof(labels));
}

static void to_text(struct text *t)
{
    char buf[32];

    for (int i = -1; i < ROWS; i++) {
        for (int k = 0; k < COLUMNS; k++) {
            str_from_double(i >= 0 ? cell[i][k] : 0.0, buf, sizeof(buf));
            text_add(t, "%s%s", k > 0 ? "," : "", i < 0 ? header[k] : isnan(cell[i][k]) ? "" : buf);
        }
        text_add(t, "\n");
    }
}

static int run_text(const char *text, size_t n, size_t piece, struct diag *d)
{
    struct validator *v = NULL;
    int rc = validate_begin(&v, d);

    for (size_t at = 0; at < n && rc == 0; at += piece) {
        rc = validate_feed(v, text + at, n - at < piece ? n - at : piece, d);
    }
    rc = rc == 0 ? validate_end(v, &report, d) : rc;
    validate_done(v);
    return rc;
}

static void check_table(void)
{
    struct text t = {0};

    to_text(&t);
    ck_assert_int_eq(run_text(t.p, t.n, t.n, NULL), 0);
    text_done(&t);
    ck_assert_uint_eq(report.rows, ROWS);
    ck_assert_uint_eq(report.columns, COLUMNS);
}

/* One finding and no other: of this check, first seen in this row (from 1), in so many rows. */
static const struct validate_finding *only(enum validate_check check, enum diag_level level,
                                           uint64_t row, uint64_t count)
{
    const struct validate_finding *f = &report.finding[0];

    ck_assert_msg(report.n == 1, "%u findings, the second: %s %s", report.n,
                  report.finding[1].column, report.finding[1].text);
    ck_assert_int_eq(f->check, check);
    ck_assert_int_eq(f->level, level);
    ck_assert_uint_eq(f->row, row);
    ck_assert_uint_eq(f->line, row + 1);
    ck_assert_uint_eq(f->count, count);
    ck_assert_uint_gt(strlen(f->text), 5);
    ck_assert_uint_eq(report.errors, level == DIAG_ERROR);
    ck_assert_uint_eq(report.warnings, level == DIAG_WARN);
    return f;
}

START_TEST(a_sound_table_has_no_findings)
{
    check_table();
    ck_assert_msg(report.n == 0, "%s %s", report.finding[0].column, report.finding[0].text);
}
END_TEST

START_TEST(one_required_column_is_missing)
{
    header[CURRENT] = "Current / mA";
    check_table();
    ck_assert_uint_eq(report.n, 2);
    ck_assert_int_eq(report.finding[0].check, VALIDATE_REQUIRED);
    ck_assert_int_eq(report.finding[0].level, DIAG_ERROR);
    ck_assert_str_eq(report.finding[0].column, "Current / A");
    ck_assert_ptr_nonnull(strstr(report.finding[0].text, "`Current / mA`"));
    ck_assert_uint_eq(report.errors, 1);
    ck_assert_int_eq(report.finding[1].level, DIAG_NOTE);
}
END_TEST

START_TEST(names_unknown_and_old)
{
    header[VOLTAGE] = "voltage_volt"; /* as good as the label */
    header[RECORD] = "step_index";
    header[NET_WH] = "Colour / 1";
    check_table();
    ck_assert_uint_eq(report.n, 2);
    ck_assert_int_eq(report.finding[0].check, VALIDATE_NAMES);
    ck_assert_int_eq(report.finding[0].level, DIAG_WARN);
    ck_assert_str_eq(report.finding[0].column, "step_index");
    ck_assert_int_eq(report.finding[1].check, VALIDATE_NAMES);
    ck_assert_int_eq(report.finding[1].level, DIAG_NOTE);
    ck_assert_ptr_nonnull(strstr(report.finding[1].text, "Colour / 1"));
}
END_TEST

START_TEST(time_falls)
{
    const struct validate_finding *f;

    cell[16][TIME] = 13.5; /* row 17: 15 before it, 17 after it */
    cell[40][TIME] = 38.0;
    cell[16][UNIX] = cell[40][UNIX] = NAN;
    check_table();
    f = only(VALIDATE_TIME, DIAG_WARN, 17, 2);
    ck_assert_double_eq_tol(f->worst, 1.5, 1e-12);
}
END_TEST

START_TEST(sums_do_not_add_up)
{
    static const enum column spoilt[] = {SUM_AH, NET_AH, SUM_WH, NET_WH};

    for (size_t i = 0; i < ARRAY_LEN(spoilt); i++) {
        const struct validate_finding *f;

        sound();
        cell[29][spoilt[i]] += 2e-5; /* less than the sum rises from row to row */
        check_table();
        f = only(VALIDATE_IDENTITY, DIAG_WARN, 30, 1);
        ck_assert_str_eq(f->column, labels[spoilt[i]]);
        ck_assert_double_eq_tol(f->worst, 2e-5, 1e-12);
        sound();
        cell[29][spoilt[i]] *= 1.0 + 5e-9; /* the eighth digit is rounded */
        check_table();
        ck_assert_uint_eq(report.n, 0);
    }
}
END_TEST

START_TEST(a_counter_falls)
{
    const struct validate_finding *f;

    cell[30][IN_AH] = cell[28][IN_AH]; /* row 31 */
    header[SUM_AH] = "a / 1";
    header[NET_AH] = "b / 1";
    check_table();
    ck_assert_uint_eq(report.n, 2); /* and a note on a and b */
    f = &report.finding[report.finding[0].check == VALIDATE_NAMES];
    ck_assert_int_eq(f->check, VALIDATE_MONOTONE);
    ck_assert_uint_eq(f->row, 31);
    ck_assert_uint_eq(f->count, 1);
    ck_assert_double_eq_tol(f->worst, 1.0 / 3600.0, 1e-12);
}
END_TEST

START_TEST(cycle_counts_are_wrong)
{
    cell[9][CYCLE] = -1.0; /* row 10: negative, and a fall from 0 */
    check_table();
    ck_assert_uint_eq(report.n, 2);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_int_eq(report.finding[i].check, VALIDATE_CYCLE);
        ck_assert_uint_eq(report.finding[i].row, 10);
    }
    sound();
    cell[25][CYCLE] = 6.283185307179586; /* of a public data set: two pi */
    for (int i = 26; i < ROWS; i++) {
        cell[i][CYCLE] = 7;
    }
    check_table();
    only(VALIDATE_CYCLE, DIAG_WARN, 26, 1);
    sound();
    for (int i = 40; i < ROWS; i++) {
        cell[i][CYCLE] = 0; /* numbered anew */
    }
    check_table();
    only(VALIDATE_CYCLE, DIAG_WARN, 41, 1);
}
END_TEST

START_TEST(record_numbers_are_wrong)
{
    cell[11][RECORD] = 14; /* row 12: 11 before it, 13 after it */
    check_table();
    only(VALIDATE_RECORD_INDEX, DIAG_WARN, 12, 2);
    for (int i = 0; i < ROWS; i++) {
        cell[i][RECORD] = i + 5; /* counted from 5, as a program's step may be */
    }
    check_table();
    only(VALIDATE_RECORD_INDEX, DIAG_WARN, 1, 1);
}
END_TEST

START_TEST(time_is_in_milliseconds)
{
    const struct validate_finding *f;

    for (int i = 0; i < ROWS; i++) {
        cell[i][TIME] *= 1000.0;
    }
    check_table();
    f = only(VALIDATE_TIME_SCALE, DIAG_WARN, 2, 1);
    ck_assert_double_eq(f->worst, 1000.0);
    ck_assert_ptr_nonnull(strstr(f->text, "milliseconds"));
}
END_TEST

START_TEST(a_coarse_clock_is_no_other_unit)
{
    for (int i = 0; i < ROWS; i++) {
        cell[i][TIME] = 0.25 * i;
        cell[i][UNIX] = 1.7e9 + floor(0.25 * i); /* whole seconds */
    }
    check_table();
    ck_assert_uint_eq(report.n, 0);
}
END_TEST

/* ---- Form ---- */

#define HEAD "Test Time / s,Voltage / V,Current / A\n"

static void check_text(const char *text, size_t piece)
{
    ck_assert_int_eq(run_text(text, strlen(text), piece, NULL), 0);
}

START_TEST(rows_that_cannot_be_read)
{
    static const struct {
        const char *text;
        uint64_t row;
        const char *says;
    } rows[] = {
        {HEAD "0,3,1\n1,3\n2,3,1\n",       2, "2 cells" },
        {HEAD "0,3,1\n1,3,1,7\n",          2, "4 cells" },
        {HEAD "0,3,1\n1,3",                2, "mid-line"},
        {HEAD "0,3,1\n1,three,1\n",        2, "`three`" },
        {HEAD "0,3,1\n1,3.5 V,1\n",        2, "`3.5 V`" },
        {HEAD "0,3,1\n1,inf,1\n",          2, "`inf`"   },
        {HEAD "0,3,1\n1,0x10,1\n",         2, "`0x10`"  },
        {HEAD "0,3,1\n\n1,3,\"1\n2,3,1\n", 2, "quote"   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool found = false;

        check_text(rows[i].text, 3);
        ck_assert_uint_ge(report.errors, 1);
        for (unsigned k = 0; k < report.n; k++) {
            const struct validate_finding *f = &report.finding[k];

            found = found || (f->level == DIAG_ERROR && f->check == VALIDATE_FORM &&
                              f->row == rows[i].row && strstr(f->text, rows[i].says));
        }
        ck_assert_msg(found, "%s: %s", rows[i].text, report.finding[0].text);
    }
}
END_TEST

START_TEST(what_a_reader_takes)
{
    check_text("\xef\xbb\xbf" HEAD "0,3,1\r\n1, 3.5 ,-1e-3\r\n\r\n2,\"3.5\",NaN\r\n", 1);
    ck_assert_uint_eq(report.rows, 3);
    ck_assert_uint_eq(report.errors + report.warnings, 0);
    ck_assert_uint_eq(report.notes, 1); /* the current that is not there */
    ck_assert_uint_eq(report.finding[0].row, 3);
    ck_assert_uint_eq(report.finding[0].line, 5);
    check_text(
        "\"Test Time / s\",Voltage / V,Current / A,\"a \"\"b\"\", c\"\n0,3,1,\"x,\ny\"\n1,3,1,\n",
        2);
    ck_assert_uint_eq(report.rows, 2);
    ck_assert_uint_eq(report.columns, 4);
    ck_assert_uint_eq(report.errors + report.warnings, 0);
    check_text(HEAD, 1000);
    ck_assert_uint_eq(report.warnings, 1); /* no rows */
}
END_TEST

START_TEST(what_is_no_table)
{
    static const char binary[] = "\x7f"
                                 "ELF\0\0\0";
    static const struct {
        const char *text;
        size_t n;
        int code;
    } rows[] = {
        {"",               0,              E_SYNTAX },
        {"\n\n",           2,              E_SYNTAX },
        {binary,           sizeof(binary), E_GARBLED},
        {"t;V;I\n1;2;3\n", 12,             E_SYNTAX },
        {"t\tV\tI\n",      6,              E_SYNTAX },
    };
    struct text longer = {0};
    struct diag d;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        diag_init(&d);
        ck_assert_int_eq(run_text(rows[i].text, rows[i].n, 4096, &d), rows[i].code);
        ck_assert_uint_eq(d.n, 1);
    }
    for (int i = 0; i < 300; i++) {
        text_add(&longer, "%sc%d", i > 0 ? "," : "", i);
    }
    ck_assert_int_eq(run_text(longer.p, longer.n, 4096, NULL), E_FULL);
    longer.n = 0;
    for (int i = 0; i < 70000; i++) {
        text_add_n(&longer, "x", 1);
    }
    ck_assert_int_eq(run_text(longer.p, longer.n, 4096, NULL), E_GARBLED);
    text_done(&longer);
}
END_TEST

START_TEST(pieces_do_not_matter)
{
    struct validate_report whole;
    struct text t = {0};

    cell[16][TIME] = 3.0;
    cell[30][SUM_AH] = 9.0;
    to_text(&t);
    ck_assert_int_eq(run_text(t.p, t.n, t.n, NULL), 0);
    whole = report;
    for (size_t piece = 1; piece < 40; piece += 6) {
        ck_assert_int_eq(run_text(t.p, t.n, piece, NULL), 0);
        ck_assert_uint_eq(report.n, whole.n);
        for (unsigned i = 0; i < report.n; i++) {
            ck_assert_uint_eq(report.finding[i].row, whole.finding[i].row);
            ck_assert_str_eq(report.finding[i].text, whole.finding[i].text);
        }
    }
    text_done(&t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("validate");
    TCase *tc = tcase_create("tables");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, sound, NULL);
    tcase_add_test(tc, a_sound_table_has_no_findings);
    tcase_add_test(tc, one_required_column_is_missing);
    tcase_add_test(tc, names_unknown_and_old);
    tcase_add_test(tc, time_falls);
    tcase_add_test(tc, sums_do_not_add_up);
    tcase_add_test(tc, a_counter_falls);
    tcase_add_test(tc, cycle_counts_are_wrong);
    tcase_add_test(tc, record_numbers_are_wrong);
    tcase_add_test(tc, time_is_in_milliseconds);
    tcase_add_test(tc, a_coarse_clock_is_no_other_unit);
    tcase_add_test(tc, rows_that_cannot_be_read);
    tcase_add_test(tc, what_a_reader_takes);
    tcase_add_test(tc, what_is_no_table);
    tcase_add_test(tc, pieces_do_not_matter);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
