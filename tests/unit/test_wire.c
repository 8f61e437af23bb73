/* Lines and messages from the specifications and from the instruments' fact sheets. */
#include "base/attr.h"
#include "base/err.h"
#include "drivers/wire/line.h"
#include "drivers/wire/scpi.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Lines ---- */

/* Feed n bytes; the number of lines that came, the last one in ret (may be NULL). */
static unsigned feed(struct line_reader *r, const char *terminator, const char *bytes, size_t n,
                     char *ret)
{
    unsigned lines = 0;

    for (size_t i = 0; i < n; i++) {
        if (line_take(r, terminator, (uint8_t)bytes[i])) {
            lines++;
            ck_assert_uint_eq(r->n, strlen(r->buf));
            if (ret != NULL)
                memcpy(ret, r->buf, r->n + 1U);
        }
    }
    return lines;
}

START_TEST(test_line_every_split)
{
    static const struct {
        const char *terminator, *bytes;
        const char *line[3];
    } row[] = {
        {"\r\n", "OK:TEMP,S23.0\r\n24.1,,CONSTANT,0\r\n\r\n",
         {"OK:TEMP,S23.0", "24.1,,CONSTANT,0", ""}},
        {"\r", "A +014.70 +014.70\rA +20.00 +20.00 EXH HLD\r?\r",
         {"A +014.70 +014.70", "A +20.00 +20.00 EXH HLD", "?"}},
        {"\n", "0,\"No error\"\n+1.234567E-03\n1\n", {"0,\"No error\"", "+1.234567E-03", "1"}},
        /* half a terminator inside a line is text */
        {"\r\n", "a\rb\r\nc\nd\r\ne\r\r\n", {"a\rb", "c\nd", "e\r"}},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        size_t n = strlen(row[i].bytes);

        for (size_t cut = 0; cut <= n; cut++) {
            struct line_reader r = {0};
            unsigned lines = 0;

            for (size_t k = 0; k < n; k++) {
                if (k == cut) { /* what a checkpoint does between two bytes */
                    struct line_reader copy = r;

                    memset(&r, 0xA5, sizeof(r));
                    r = copy;
                }
                if (line_take(&r, row[i].terminator, (uint8_t)row[i].bytes[k])) {
                    ck_assert_uint_lt(lines, 3);
                    ck_assert_str_eq(r.buf, row[i].line[lines]);
                    ck_assert_uint_eq(r.n, strlen(row[i].line[lines]));
                    lines++;
                }
            }
            ck_assert_uint_eq(lines, 3);
            ck_assert_uint_eq(r.overruns, 0);
        }
    }
}
END_TEST

START_TEST(test_line_padding)
{
    struct line_reader r = {0};
    char line[LINE_MAX_BYTES + 2] = "";

    /* old Alicats pad with NUL and backspace */
    ck_assert_uint_eq(feed(&r, "\r", "\0\bA\0 +014.62\b\r\0", 15, line), 1);
    ck_assert_str_eq(line, "A +014.62");
    ck_assert_uint_eq(feed(&r, "\r", "B\r", 2, line), 1);
    ck_assert_str_eq(line, "B");
}
END_TEST

START_TEST(test_line_overrun)
{
    static const char *const terminators[] = {"\r", "\r\n"};

    for (size_t t = 0; t < 2; t++) {
        for (size_t length = LINE_MAX_BYTES - 2; length < 3 * LINE_MAX_BYTES; length++) {
            struct line_reader r = {0};
            char line[LINE_MAX_BYTES + 2] = "";
            bool fits = length <= LINE_MAX_BYTES;
            unsigned lines = 0;

            for (size_t i = 0; i < length; i++)
                lines += feed(&r, terminators[t], "x", 1, line);
            ck_assert_uint_eq(lines, 0);
            lines = feed(&r, terminators[t], terminators[t], strlen(terminators[t]), line);
            ck_assert_uint_eq(lines, fits ? 1 : 0);
            ck_assert_uint_eq(r.overruns, fits ? 0 : 1);
            if (fits)
                ck_assert_uint_eq(strlen(line), length);
            /* the next line is whole again */
            ck_assert_uint_eq(feed(&r, terminators[t], "24.1", 4, line), 0);
            lines = feed(&r, terminators[t], terminators[t], strlen(terminators[t]), line);
            ck_assert_uint_eq(lines, 1);
            ck_assert_str_eq(line, "24.1");
        }
    }
}
END_TEST

static void check_fields(const char *text, char sep, const char *const *expected)
{
    const char *field = NULL;
    size_t n = 0;

    for (; *expected != NULL; expected++) {
        ck_assert(line_field(&text, sep, &field, &n));
        ck_assert_uint_eq(n, strlen(*expected));
        ck_assert_mem_eq(field, *expected, n);
    }
    ck_assert(!line_field(&text, sep, &field, &n));
    ck_assert_int_eq(*text, '\0');
}

START_TEST(test_line_fields)
{
    check_fields("24.1,,CONSTANT,0", ',',
                 (const char *const[]){"24.1", "", "CONSTANT", "0", NULL});
    check_fields("A +014.62 +021.89 +000.00 +000.00 +078.95     N2", ' ',
                 (const char *const[]){"A", "+014.62", "+021.89", "+000.00", "+000.00", "+078.95",
                                       "N2", NULL});
    check_fields("  A   10v20.0-R24 ", ' ', (const char *const[]){"A", "10v20.0-R24", NULL});
    check_fields(",a,", ',', (const char *const[]){"", "a", NULL});
    check_fields("12.50 V, 1.000 A, 12 W", ',',
                 (const char *const[]){"12.50 V", " 1.000 A", " 12 W", NULL});
    check_fields("", ',', (const char *const[]){NULL});
    check_fields("   ", ' ', (const char *const[]){NULL});
}
END_TEST

START_TEST(test_line_numbers)
{
    const char *text = "24.1, 23.0 ,+155.0,-45.0";
    double v = 0;

    ck_assert_int_eq(line_number(&text, ',', &v), 0);
    ck_assert_double_eq(v, 24.1);
    ck_assert_int_eq(line_number(&text, ',', &v), 0);
    ck_assert_double_eq(v, 23.0);
    ck_assert_int_eq(line_number(&text, ',', &v), 0);
    ck_assert_double_eq(v, 155.0);
    ck_assert_int_eq(line_number(&text, ',', &v), 0);
    ck_assert_double_eq(v, -45.0);
    ck_assert_int_eq(line_number(&text, ',', &v), E_SYNTAX);
    ck_assert_double_eq(v, -45.0);

    text = "+014.62 N2";
    ck_assert_int_eq(line_number(&text, ' ', &v), 0);
    ck_assert_double_eq(v, 14.62);
    ck_assert_int_eq(line_number(&text, ' ', &v), E_SYNTAX);
    ck_assert_str_eq(text, "N2"); /* still there to be read as a word */

    static const char *const bad[] = {"", ",1", "--", "OFF,1", "1.2.3", "1 2,3", "nan", "0x10"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        text = bad[i];
        v = 7;
        ck_assert_msg(line_number(&text, ',', &v) == E_SYNTAX, "'%s' was read", bad[i]);
        ck_assert_ptr_eq(text, bad[i]);
        ck_assert_double_eq(v, 7);
    }
}
END_TEST

/* ---- SCPI ---- */

START_TEST(test_scpi_match)
{
    static const struct {
        const char *pattern, *got;
        bool expected;
    } row[] = {
        {"*IDN?", "*IDN?", true},
        {"*IDN?", "*idn?", true},
        {"*IDN?", "*IDN", false},
        {"*RST", "*RST?", false},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLT:ILIM?", true},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", ":source:voltage:level:ilimit?", true},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLT:LEV:ILIM?", true},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLT:ILIM", false},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLTA:ILIM?", false},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLT:LEV?", false},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:ILIM?", false},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLT:ILIM?X", false},
        {"SOURce:VOLTage[:LEVel]:ILIMit?", "SOUR:VOLT:ILIM:TRIP?", false},
        {"SOURce:VOLTage:ILIMit[:LEVel]:TRIPped?", "SOUR:VOLT:ILIM:TRIP?", true},
        {"OUTPut[1]:SMODe", "OUTP:SMOD", true},
        {"OUTPut[1]:SMODe", "OUTP1:SMOD", true},
        {"OUTPut[1]:SMODe", "OUTPUT1:SMODE", true},
        {"OUTPut[1]:SMODe", "OUTP2:SMOD", false},
        {"OUTPut[1]:SMODe", "OUTP11:SMOD", false},
        {"OUTPut:SMODe", "OUTP1:SMOD", false},
        {"OUTPut[1][:STATe]", "OUTP", true},
        {"OUTPut[1][:STATe]", "OUTP1:STAT", true},
        {"OUTPut[1][:STATe]", "OUTP:", false},
        {"[:SOURce[1]]:VOLTage[:LEVel][:IMMediate]", "VOLT", true},
        {"[:SOURce[1]]:VOLTage[:LEVel][:IMMediate]", "SOUR1:VOLT", true},
        {"[:SOURce[1]]:VOLTage[:LEVel][:IMMediate]", "SOUR:VOLT:IMM", true},
        {"[:SOURce[1]]:VOLTage[:LEVel][:IMMediate]", "SOUR", false},
        {"[SOURce:]CURRent?", "CURR?", true},
        {"[SOURce:]CURRent?", "SOURCE:CURRENT?", true},
        {"SENSe:CURRent:RSENse?", "SENS:CURR:RSEN?", true},
        {"SYSTem:ERRor[:NEXT]?", "SYST:ERR?", true},
        {"SYSTem:ERRor[:NEXT]?", "SYST:ERR:NEXT?", true},
        {"SYSTem:ERRor[:NEXT]?", "SYST:ERR:ALL?", false},
        {"SYSTem:LOCK:OWNer?", "SYST:LOCK:OWN?", true},
        {"READ?", "READ", false},
        {"READ?", "", false},
        {"READ?", ":", false},
        {"READ?", "?", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        ck_assert_msg(scpi_match(row[i].pattern, row[i].got, strlen(row[i].got)) ==
                          row[i].expected,
                      "%s against %s", row[i].got, row[i].pattern);
    /* only n bytes count */
    ck_assert(scpi_match("VOLTage?", "VOLT? MIN", 5));
    ck_assert(!scpi_match("VOLTage?", "VOLT?", 4));
}
END_TEST

static void check_unit(struct scpi_parser *p, const char *header, const char *params)
{
    struct scpi_unit unit = {0};

    ck_assert_int_eq(scpi_next(p, &unit), 1);
    ck_assert_str_eq(unit.header, header);
    ck_assert_uint_eq(unit.n_params, strlen(params));
    ck_assert_mem_eq(unit.params, params, unit.n_params);
    ck_assert_int_eq(unit.query, header[strlen(header) - 1] == '?');
}

static void check_end(struct scpi_parser *p)
{
    struct scpi_unit unit = {0};

    ck_assert_int_eq(scpi_next(p, &unit), 0);
    ck_assert_int_eq(scpi_next(p, &unit), 0);
}

START_TEST(test_scpi_units)
{
    struct scpi_parser p;

    scpi_begin(&p, "*RST; *CLS");
    check_unit(&p, "*RST", "");
    check_unit(&p, "*CLS", "");
    check_end(&p);

    scpi_begin(&p, "READ? \"defbuffer1\",READ,SOUR,REL,STAT\n");
    check_unit(&p, "READ?", "\"defbuffer1\",READ,SOUR,REL,STAT");
    check_end(&p);

    /* A unit goes on at the path of the one before; '*' units do not change it, ':' starts anew. */
    scpi_begin(&p, "sour:volt:rang 2;ilim 2.5 ; *WAI;ILIM?;:OUTP ON;SMOD HIMP");
    check_unit(&p, "SOUR:VOLT:RANG", "2");
    check_unit(&p, "SOUR:VOLT:ILIM", "2.5");
    check_unit(&p, "*WAI", "");
    check_unit(&p, "SOUR:VOLT:ILIM?", "");
    check_unit(&p, "OUTP", "ON");
    check_unit(&p, "SMOD", "HIMP");
    check_end(&p);

    scpi_begin(&p, "SENS:FUNC \"CU;RR\";RANG 'a;''b';DATA #13;;;;NEXT #0;x");
    check_unit(&p, "SENS:FUNC", "\"CU;RR\"");
    check_unit(&p, "SENS:RANG", "'a;''b'");
    check_unit(&p, "SENS:DATA", "#13;;;");
    check_unit(&p, "SENS:NEXT", "#0;x");
    check_end(&p);

    scpi_begin(&p, " ;; ");
    check_end(&p);
    scpi_begin(&p, "");
    check_end(&p);
}
END_TEST

START_TEST(test_scpi_broken)
{
    static const char *const bad[] = {
        "VOLT::LEV 1", "VOLT: 1", "VOLT?MIN",  "VO-LT 1",    "1VOLT",       "*",   "?",
        ":",           "::VOLT",  "*SOUR:V 1", "VOLT,1",     "SENS \"CURR", "A 'b", "D #15abc",
        "D #9",        "@1",      ":*IDN?",    "D #2a1qqqq", "A? ?B;C\"",
    };
    char longest[] = "A234567890123456789012345678901234567890123456789012345678901234567890"
                     "1234567890123456789012345678901234567890";
    struct scpi_parser p;
    struct scpi_unit unit = {0};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int error = 0;

        scpi_begin(&p, bad[i]);
        for (int k = 0; k < 4 && error == 0; k++) {
            error = scpi_next(&p, &unit);
            if (error == 1)
                error = 0;
        }
        ck_assert_msg(error == E_SYNTAX, "'%s' was taken", bad[i]);
        ck_assert_int_eq(scpi_next(&p, &unit), 0);
    }
    /* the message goes on behind a bad unit */
    scpi_begin(&p, "VOLT::1;*IDN?");
    ck_assert_int_eq(scpi_next(&p, &unit), E_SYNTAX);
    check_unit(&p, "*IDN?", "");

    scpi_begin(&p, longest);
    ck_assert_int_eq(scpi_next(&p, &unit), E_SYNTAX);
    longest[95] = '\0'; /* 95 characters and the NUL fit */
    scpi_begin(&p, longest);
    check_unit(&p, longest, "");
}
END_TEST

static void check_params(const char *text, const char *const *expected)
{
    size_t n = strlen(text);
    const char *param = NULL;
    size_t n_param = 0;

    for (; *expected != NULL; expected++) {
        ck_assert(scpi_param(&text, &n, &param, &n_param));
        ck_assert_uint_eq(n_param, strlen(*expected));
        ck_assert_mem_eq(param, *expected, n_param);
    }
    ck_assert(!scpi_param(&text, &n, &param, &n_param));
    ck_assert_uint_eq(n, 0);
}

START_TEST(test_scpi_params)
{
    check_params("1, 1 ,\"def,buffer1\",SOUR",
                 (const char *const[]){"1", "1", "\"def,buffer1\"", "SOUR", NULL});
    check_params("-113,\"Undefined header\"",
                 (const char *const[]){"-113", "\"Undefined header\"", NULL});
    check_params("KEITHLEY INSTRUMENTS,MODEL 2461,04123456,1.7.12b",
                 (const char *const[]){"KEITHLEY INSTRUMENTS", "MODEL 2461", "04123456",
                                       "1.7.12b", NULL});
    check_params("(@1,2:5),10", (const char *const[]){"(@1,2:5)", "10", NULL});
    check_params("a,,#13,,,,b", (const char *const[]){"a", "", "#13,,,", "b", NULL});
    check_params("", (const char *const[]){NULL});
}
END_TEST

static double number(const char *text)
{
    double v = 0;

    ck_assert_msg(scpi_number(text, strlen(text), &v) == 0, "'%s' was refused", text);
    return v;
}

START_TEST(test_scpi_numbers)
{
    static const char *const bad[] = {"", " ", "MIN", "1.0 V", "1,2",
                                      "0x1", "INF", "NAN", "1e", "+"};
    double v = 3;
    bool on = false;

    ck_assert_double_eq(number("1"), 1);
    ck_assert_double_eq(number("-017"), -17);
    ck_assert_double_eq(number("+0.250"), 0.25);
    ck_assert_double_eq(number("+1.234567E-03"), 1.234567e-3);
    ck_assert_double_eq(number(" 2.5e+00 "), 2.5);
    ck_assert_double_eq(number("9.8E37"), 9.8e37);
    ck_assert_double_eq(number("+9.9E+37"), (double)INFINITY);
    ck_assert_double_eq(number("9.900000E+37"), (double)INFINITY);
    ck_assert_double_eq(number("-9.9e37"), -(double)INFINITY);
    ck_assert_double_nan(number("9.91E37"));
    ck_assert_double_nan(number("+9.910000E+37"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(scpi_number(bad[i], strlen(bad[i]), &v) == E_SYNTAX, "'%s'", bad[i]);
    ck_assert_double_eq(v, 3);

    ck_assert(scpi_bool("ON", 2, &on) == 0 && on);
    ck_assert(scpi_bool("off", 3, &on) == 0 && !on);
    ck_assert(scpi_bool(" 1 ", 3, &on) == 0 && on);
    ck_assert(scpi_bool("0", 1, &on) == 0 && !on);
    ck_assert(scpi_bool("2", 1, &on) == E_SYNTAX && !on);
    ck_assert(scpi_bool("ONE", 3, &on) == E_SYNTAX);
    ck_assert(scpi_bool("", 0, &on) == E_SYNTAX);
}
END_TEST

START_TEST(test_scpi_print)
{
    static const struct {
        double v;
        const char *expected;
    } row[] = {
        {0.0, "+0.000000E+00"},
        {-0.0, "+0.000000E+00"},
        {1.0, "+1.000000E+00"},
        {-1.0, "-1.000000E+00"},
        {1.234567e-3, "+1.234567E-03"},
        {0.1, "+1.000000E-01"},
        {9.9999994, "+9.999999E+00"},
        {9.9999996, "+1.000000E+01"},
        {-0.99999996, "-1.000000E+00"},
        {3.6543214, "+3.654321E+00"},
        {123456789.0, "+1.234568E+08"},
        {2e-7, "+2.000000E-07"},
        {1e22, "+1.000000E+22"},
        {1e100, "+1.000000E+100"},
        {1.7976931348623157e308, "+1.797693E+308"},
        {2.2250738585072014e-308, "+2.225074E-308"},
        {4.9406564584124654e-324, "+4.940656E-324"},
        {(double)INFINITY, "+9.900000E+37"},
        {-(double)INFINITY, "-9.900000E+37"},
        {(double)NAN, "+9.910000E+37"},
    };
    char buf[16];

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        ck_assert_uint_eq(scpi_print(row[i].v, buf, sizeof(buf)), strlen(row[i].expected));
        ck_assert_str_eq(buf, row[i].expected);
    }
    for (int e = -307; e <= 308; e++) { /* each decade, read back by the C library */
        double v = 1.2345678 * pow(10, e);

        (void)scpi_print(-v, buf, sizeof(buf));
        ck_assert_double_eq_tol(strtod(buf, NULL) / v, -1, 5.1e-7 / 1.2345678);
        ck_assert_double_eq_tol(strtod(buf, NULL) / v, -1.234568 / 1.2345678, 1e-12);
    }
}
END_TEST

static Suite *wire_suite(void)
{
    Suite *s = suite_create("wire");
    TCase *line = tcase_create("line");
    TCase *scpi = tcase_create("scpi");

    tcase_add_test(line, test_line_every_split);
    tcase_add_test(line, test_line_padding);
    tcase_add_test(line, test_line_overrun);
    tcase_add_test(line, test_line_fields);
    tcase_add_test(line, test_line_numbers);
    suite_add_tcase(s, line);
    tcase_add_test(scpi, test_scpi_match);
    tcase_add_test(scpi, test_scpi_units);
    tcase_add_test(scpi, test_scpi_broken);
    tcase_add_test(scpi, test_scpi_params);
    tcase_add_test(scpi, test_scpi_numbers);
    tcase_add_test(scpi, test_scpi_print);
    suite_add_tcase(s, scpi);
    return s;
}

int main(void)
{
    SRunner *sr = srunner_create(wire_suite());
    int failed;

    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
