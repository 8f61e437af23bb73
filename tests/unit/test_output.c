/* test_output.c - tables and values as they stand on the terminal, in CSV and in plots. */
#include "benchctl/plot_priv.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *printed;
static size_t printed_n;

static void expect(struct table *t, const char *text)
{
    FILE *to = open_memstream(&printed, &printed_n);

    ck_assert_ptr_nonnull(to);
    table_print(t, to);
    fclose(to);
    ck_assert_str_eq(printed, text);
    free(printed);
}

START_TEST(columns_align)
{
    static const char *const headers[] = {"run", "procedure", "took", "verdict"};
    struct table t;

    table_begin(&t, 4, 1U | 1U << 2, headers);
    table_cell(&t, "%d", 7);
    table_cell(&t, "formation");
    table_cell(&t, "1 h 12");
    table_cell(&t, "done");
    table_cell(&t, "%d", 1234);
    table_cell(&t, "soak");
    table_cell(&t, "35 s");
    table_cell(&t, "tripped");
    expect(&t, " run  procedure    took  verdict\n"
               "   7  formation  1 h 12  done\n"
               "1234  soak         35 s  tripped\n");
}
END_TEST

/* Nothing follows the last text of a line, and a row that was begun is shown. */
START_TEST(no_blanks_at_the_end)
{
    struct table t;

    table_begin(&t, 3, 1U << 2, NULL);
    table_cell(&t, "a");
    table_cell(&t, "%s", "");
    table_cell(&t, "%s", "");
    table_cell(&t, "long word");
    table_cell(&t, "b");
    table_cell(&t, "%d", 5);
    table_cell(&t, "c");
    expect(&t, "a\nlong word  b  5\nc\n");
    table_begin(&t, 3, 0, NULL);
    expect(&t, "");
}
END_TEST

/* A colour takes no room, a letter of two bytes takes one. */
START_TEST(width_is_what_is_seen)
{
    struct table t;

    table_begin(&t, 2, 0, NULL);
    table_cell(&t, "\033[31mtripped\033[0m");
    table_cell(&t, "x");
    table_cell(&t, "\302\265A");
    table_cell(&t, "y");
    expect(&t, "\033[31mtripped\033[0m  x\n\302\265A       y\n");
}
END_TEST

START_TEST(long_cells_are_whole)
{
    char word[1001], line[1003];
    struct table t;

    memset(word, 'w', 1000);
    word[1000] = '\0';
    snprintf(line, sizeof(line), "%s\n", word);
    table_begin(&t, 1, 0, NULL);
    for (int i = 0; i < 1; i++) {
        table_cell(&t, "%s", word);
    }
    expect(&t, line);
}
END_TEST

START_TEST(values)
{
    char buf[64];

    ck_assert_str_eq(duration_text(4320.0, buf, sizeof(buf)), "1 h 12");
    ck_assert_str_eq(duration_text(35.0, buf, sizeof(buf)), "35 s");
    ck_assert_str_eq(duration_text(NAN, buf, sizeof(buf)), "-");
    ck_assert_str_eq(duration_text(INFINITY, buf, sizeof(buf)), "-");
    ck_assert_str_eq(value_text(NAN, DIMS_VOLTAGE, false, buf, sizeof(buf)), "-");
    ck_assert_str_eq(value_text(5e6, DIMS_PRESSURE, false, buf, sizeof(buf)), "5.00 MPa");
    ck_assert_str_eq(value_text(333.15, DIMS_TEMPERATURE, true, buf, sizeof(buf)), "60.0 degC");
}
END_TEST

/* One unit and one number of decimals for a column: 10.278 mAh beside 9.605 mAh. */
START_TEST(columns_share_a_unit)
{
    struct shown s;
    char buf[64];

    shown_for(10.278e-3 * 3600.0, DIMS_CHARGE, false, 4, &s);
    ck_assert_str_eq(shown_text(&s, 10.2784e-3 * 3600.0, buf, sizeof(buf)), "10.278 mAh");
    ck_assert_str_eq(shown_text(&s, 9.6054e-3 * 3600.0, buf, sizeof(buf)), "9.605 mAh");
    ck_assert_str_eq(shown_text(&s, 0.5e-3 * 3600.0, buf, sizeof(buf)), "0.500 mAh");
    ck_assert_str_eq(shown_text(&s, NAN, buf, sizeof(buf)), "-");
    shown_for(5.09e6, DIMS_PRESSURE, false, 3, &s);
    ck_assert_str_eq(shown_text(&s, 1.0e6, buf, sizeof(buf)), "1.00 MPa");
    shown_for(333.15, DIMS_TEMPERATURE, true, 3, &s);
    ck_assert_str_eq(s.unit, "degC");
    ck_assert_double_eq_tol(shown_value(&s, 333.15), 60.0, 1e-9);
    shown_for(NAN, DIMS_RESISTANCE, false, 3, &s);
    ck_assert_str_eq(s.unit, "ohm");
}
END_TEST

/* RFC 4180: a cell with a comma, quote or line end is quoted, a quote doubled. */
START_TEST(csv_is_quoted)
{
    FILE *to = open_memstream(&printed, &printed_n);

    ck_assert_ptr_nonnull(to);
    csv_cell(to, "plain", true);
    csv_cell(to, "a,b", false);
    csv_cell(to, "say \"x\"", false);
    csv_number(to, 0.1, false);
    csv_number(to, NAN, false);
    fclose(to);
    ck_assert_str_eq(printed, "plain,\"a,b\",\"say \"\"x\"\"\",0.1,");
    free(printed);
}
END_TEST

/* An article's name comes from a file: it may not become a command of gnuplot. */
START_TEST(script_quotes_what_it_is_given)
{
    static const struct plot_target svg = {.as = PLOT_SVG, .file = "it's.svg"};
    struct run_info info = {.number = 3, .procedure = "p", .article = "x'\nsystem 'rm"};
    struct picture picture = {.n = 0};
    struct text script = {0};

    picture_title(&picture, &info);
    plot_script(&picture, &svg, &script);
    text_add_n(&script, "", 1);
    ck_assert_ptr_null(strstr(script.p, "\nsystem"));
    ck_assert_ptr_nonnull(strstr(script.p, "set output 'it''s.svg'\n"));
    ck_assert_ptr_nonnull(strstr(script.p, "article x'' system ''rm"));
    text_done(&script);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *all = tcase_create("output");
    SRunner *runner;
    int failed;

    tcase_add_test(all, columns_align);
    tcase_add_test(all, no_blanks_at_the_end);
    tcase_add_test(all, width_is_what_is_seen);
    tcase_add_test(all, long_cells_are_whole);
    tcase_add_test(all, values);
    tcase_add_test(all, columns_share_a_unit);
    tcase_add_test(all, csv_is_quoted);
    tcase_add_test(all, script_quotes_what_it_is_given);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
