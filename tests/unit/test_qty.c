/* Unit tests of base/num.c, qty.c, unit.c, qty_print.c and chan.c: numbers and quantities, in and
 * out. */
#include "base/chan.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/qty.h"
#include "base/rng.h"
#include "base/str.h"

#include <check.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* ---- str: numbers ---- */

static double number(const char *text)
{
    double v = -99;

    ck_assert_int_eq(str_to_double(text, strlen(text), &v), 0);
    return v;
}

START_TEST(numbers_read_exactly)
{
    ck_assert(same(number("0.1"), 0.1));
    ck_assert(same(number("-0"), -0.0));
    ck_assert(same(number("+3."), 3.0));
    ck_assert(same(number(".5"), 0.5));
    ck_assert(same(number("1e22"), 1e22));
    ck_assert(same(number("1e23"), 1e23));
    ck_assert(same(number("8.5e-23"), 8.5e-23));
    ck_assert(same(number("123456789012345678901234567890"), 123456789012345678901234567890.0));
    ck_assert(same(number("9007199254740993"), 9007199254740992.0)); /* a tie, to even */
    ck_assert(same(number("9007199254740993.00000000000000000001"), 9007199254740994.0));
    ck_assert(same(number("1.7976931348623157e308"), DBL_MAX));
    ck_assert(same(number("4.9406564584124654e-324"), 0x1p-1074));
    ck_assert(same(number("2.2250738585072011e-308"), 2.2250738585072011e-308));
    ck_assert(same(number("0e999999999999"), 0.0));
    ck_assert(same(number("0.000000000000000000000000000000000000001234"), 1.234e-39));
}
END_TEST

START_TEST(numbers_refused)
{
    static const char *const bad[] = {"",     "+",    "-",   ".",   "e5",  "1e",    "1e+",
                                      "0x10", "inf",  "nan", " 1",  "1 ",  "1.2.3", "1,5",
                                      "--1",  "1e5.", "1_0", "+-1", "1d5", "\t1"};
    double v = 7;
    int64_t i = 7;

    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        ck_assert_msg(str_to_double(bad[k], strlen(bad[k]), &v) == E_SYNTAX, "'%s' was read",
                      bad[k]);
    ck_assert_int_eq(str_to_double("1\0002", 3, &v), E_SYNTAX);
    ck_assert_int_eq(str_to_double("1e309", 5, &v), E_RANGE);
    ck_assert_int_eq(str_to_double("-1e99999999999", 14, &v), E_RANGE);
    ck_assert_int_eq(str_to_double("1e-400", 6, &v), E_RANGE);
    ck_assert(same(v, 7.0));
    ck_assert_int_eq(str_to_int("9223372036854775808", 19, &i), E_RANGE);
    ck_assert_int_eq(str_to_int("-9223372036854775809", 20, &i), E_RANGE);
    ck_assert_int_eq(str_to_int("99999999999999999999999", 23, &i), E_RANGE);
    ck_assert_int_eq(str_to_int("12a", 3, &i), E_SYNTAX);
    ck_assert_int_eq(str_to_int("-", 1, &i), E_SYNTAX);
    ck_assert_int_eq(i, 7);
    ck_assert_int_eq(str_to_int("-9223372036854775808", 20, &i), 0);
    ck_assert(i == INT64_MIN);
    ck_assert_int_eq(str_to_int("+0042", 5, &i), 0);
    ck_assert_int_eq(i, 42);
}
END_TEST

static const char *shortest(double v)
{
    static char buf[40];
    size_t n = str_from_double(v, buf, sizeof(buf));

    ck_assert_uint_eq(n, strlen(buf));
    return buf;
}

START_TEST(numbers_print_shortest)
{
    ck_assert_str_eq(shortest(0.1), "0.1");
    ck_assert_str_eq(shortest(1e-6), "1e-06");
    ck_assert_str_eq(shortest(NAN), "nan");
    ck_assert_str_eq(shortest(-INFINITY), "-inf");
    ck_assert_str_eq(shortest(-0.0), "-0");
    ck_assert_str_eq(shortest(100000), "100000");
    ck_assert_str_eq(shortest(-4.25), "-4.25");
    ck_assert_str_eq(shortest(0.1 + 0.2), "0.30000000000000004");
    ck_assert_str_eq(shortest(1e15), "1e+15");
    ck_assert_str_eq(shortest(5e-324), "5e-324");
    ck_assert_str_eq(shortest(1.0 / 3.0), "0.3333333333333333");
}
END_TEST

START_TEST(numbers_survive_the_round_trip)
{
    struct rng r;

    rng_seed(&r, 5, 0);
    for (int i = 0; i < 4000; i++) {
        uint64_t bits = rng_u64(&r);
        double v, w = (double)rng_below(&r, 2000000) / 1000.0;

        memcpy(&v, &bits, sizeof(v));
        if (isfinite(v))
            ck_assert(same(number(shortest(v)), v));
        ck_assert(same(number(shortest(w)), w));
        ck_assert_uint_le(strlen(shortest(w)), 8);
    }
}
END_TEST

/* The C library's first of 15, 16 and 17 digits that reads back. */
static void as_c_library(double v, char *buf, size_t size)
{
    for (int precision = 15;; precision++) {
        snprintf(buf, size, "%.*g", precision, v);
        if (precision == 17 || same(strtod(buf, NULL), v))
            return;
    }
}

START_TEST(numbers_print_as_the_c_library)
{
    struct rng r;

    rng_seed(&r, 6, 0);
    for (int i = 0; i < 60000; i++) {
        int scale = (int)rng_below(&r, 100) - 45, near = (int)rng_below(&r, 5) - 2;
        double kinds[] = {ldexp((double)(rng_u64(&r) >> 11), scale - 52), ldexp(1.0, scale),
                          number(scale > 0 ? "1e14" : "1e-05") * (1 + rng_uniform(&r)),
                          (double)(1 + rng_below(&r, 100000000)) * 0.1 / 3600.0,
                          (double)(1 + rng_below(&r, 1000)) / (double)(1 + rng_below(&r, 997))};
        double v = kinds[i % 5];
        char want[40];

        for (int k = 0; k < abs(near); k++) /* also beside powers of two and round numbers */
            v = nextafter(v, near < 0 ? 0.0 : (double)INFINITY);
        v = i % 2 ? v : -v;
        as_c_library(v, want, sizeof(want));
        ck_assert_str_eq(shortest(v), want);
    }
    ck_assert_str_eq(shortest(999999999999999.9), "999999999999999.9");
    ck_assert_str_eq(shortest(9.999999999999999e-5), "9.999999999999999e-05");
    ck_assert_str_eq(shortest(0.0001234567890123457), "0.0001234567890123457");
}
END_TEST

START_TEST(numbers_fixed_as_printf)
{
    static const double values[] = {
        0,        -0.0,    0.5,      1.5,       2.5,      0.125,  0.375,
        1.005,    2.675,   -1.0,     999.9995,  1e14,     1e16,   1e300,
        -3.87123, 0.00096, INFINITY, -INFINITY, 123456.5, 0.0005, 4503599627370497.5 / 2,
        8.5,      1e-300};
    struct rng r;
    char want[400], got[400];

    rng_seed(&r, 6, 0);
    for (int i = 0; i < 3000; i++) {
        double v = i < (int)ARRAY_LEN(values) * 40
                       ? values[i / 40]
                       : (rng_uniform(&r) - 0.5) * (double)(1 << (i % 30));
        int decimals = (int)rng_below(&r, 9), width = (int)rng_below(&r, 14);
        bool plus = rng_below(&r, 2), zero = rng_below(&r, 2);
        char fmt[16];

        snprintf(fmt, sizeof(fmt), "%%%s%s*.*f", plus ? "+" : "", zero ? "0" : "");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(want, sizeof(want), fmt, width, decimals, v);
#pragma GCC diagnostic pop
        size_t n = str_fixed(v, decimals, width, plus, zero, got, sizeof(got));

        ck_assert_str_eq(got, want);
        ck_assert_uint_eq(n, strlen(want));
    }
    ck_assert_uint_eq(str_fixed(123.456, 2, 0, false, false, got, 4), 6);
    ck_assert_str_eq(got, "123");
}
END_TEST

/* Whatever the process's locale is: where one with a decimal comma is installed, it is used. */
START_TEST(numbers_know_no_locale)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"};
    char buf[64];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (setlocale(LC_ALL, names[i]))
            break;
    ck_assert(same(number("1.2345678901234567890123"), 1.2345678901234567890123));
    ck_assert_str_eq(shortest(1.0 / 3.0), "0.3333333333333333");
    str_fixed(1e17 + 0.5, 2, 0, false, false, buf, sizeof(buf));
    ck_assert_str_eq(buf, "100000000000000000.00");
    ck_assert_str_eq(qty_print(0.5, DIMS_NONE, false, buf, sizeof(buf)), "0.5");
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- qty ---- */

static struct qty quantity(const char *text)
{
    struct diag d;
    struct qty q = {0};
    char story[400];

    diag_init(&d);
    if (qty_parse(text, strlen(text), NULL, &q, &d) < 0) {
        diag_format(&d, story, sizeof(story), false);
        ck_abort_msg("'%s': %s", text, story);
    }
    return q;
}

START_TEST(quantities_read)
{
    static const struct {
        const char *text;
        double si;
        struct dims dims;
    } table[] = {
        {"4.25 V",        4.25,         DIM_VOLTAGE                          },
        {"4.2mA",         0.0042,       DIM_CURRENT                          },
        {"-20 degC",      253.15,       DIM_TEMPERATURE                      },
        {"0.5 K",         0.5,          DIM_TEMPERATURE                      },
        {"60 \xC2\xB0"
         "C",    333.15,       DIM_TEMPERATURE                      },
        {"32 degF",       273.15,       DIM_TEMPERATURE                      },
        {"C/10",          0.1,          DIM_CRATE                            },
        {"2C",            2,            DIM_CRATE                            },
        {"0.75 C",        0.75,         DIM_CRATE                            },
        {"-C/4",          -0.25,        DIM_CRATE                            },
        {"9.6 mAh",       34.56,        DIM_CHARGE                           },
        {"5 A h",         18000,        DIM_CHARGE                           },
        {"24 kWh",        86.4e6,       DIM_ENERGY                           },
        {"62 kWh",        223.2e6,      DIM_ENERGY                           },
        {"1 mohm",        1e-3,         DIM_RESISTANCE                       },
        {"100 Mohm",      1e8,          DIM_RESISTANCE                       },
        {"5 k\xCE\xA9",   5e3,          DIM_RESISTANCE                       },
        {"2 cm^2",        2e-4,         DIM_AREA                             },
        {"2 cm2",         2e-4,         DIM_AREA                             },
        {"63 mm",         0.063,        DIM_LENGTH                           },
        {"600 \xC2\xB5m", 600e-6,       DIM_LENGTH                           },
        {"21.3 mg",       21.3e-6,      DIM_MASS                             },
        {"5 MPa",         5e6,          DIM_PRESSURE                         },
        {"5 bar",         5e5,          DIM_PRESSURE                         },
        {"150 psi",       1034213.594,  DIM_PRESSURE                         }, /* lbf/in2 = 4.4482216 N / (0.0254 m)^2 */
        {"0.5 MPa/min",   8333.3333333, {.m = -1, .kg = 1, .s = -3}          },
        {"3 degC/min",    0.05,         {.k = 1, .s = -1}                    },
        {"500 ohm/V",     500,          {.a = -1}                            },
        {"0.1 mA/cm^2",   1.0,          DIM_CURRENT_DENSITY                  },
        {"0.5 mAh/cm^2",  18000,        {.a = 1, .s = 1, .m = -2}            },
        {"30 l/min",      5e-4,         {.m = 3, .s = -1}                    },
        {"600 sccm",      1e-5,         {.m = 3, .s = -1}                    },
        {"30 kJ/mol",     3e4,          {.m = 2, .kg = 1, .s = -2, .mol = -1}},
        {"12 h",          43200,        DIM_TIME                             },
        {"20 min",        1200,         DIM_TIME                             },
        {"2 d",           172800,       DIM_TIME                             },
        {"90 %",          0.9,          DIM_NONE                             },
        {"0.05",          0.05,         DIM_NONE                             },
        {" 1e3 V ",       1000,         DIM_VOLTAGE                          },
        {"5.1 kW",        5100,         DIM_POWER                            },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct qty q = quantity(table[i].text);

        ck_assert_msg(dims_equal(q.dims, table[i].dims), "%s: dimension", table[i].text);
        ck_assert_msg(fabs(q.si - table[i].si) <= 1e-9 * fabs(table[i].si), "%s: %.17g",
                      table[i].text, q.si);
    }
    /* what is written in decimals is the nearest double, not the product of two rounded ones */
    ck_assert(same(quantity("4.2 mA").si, 0.0042));
    ck_assert(same(quantity("1 mA/cm^2").si, 10.0));
    ck_assert(quantity("-20 degC").point && !quantity("0.5 K").point &&
              !quantity("3 degC/min").point);
    ck_assert_str_eq(quantity("0.5 MPa/min").unit, "MPa/min");
    ck_assert_str_eq(quantity("0.5").unit, "");
}
END_TEST

START_TEST(quantities_refused)
{
    static const struct {
        const char *text;
        int code, column, length;
        const char *hint;
    } table[] = {
        {"",               E_SYNTAX, 5, 0,  ""                                                          },
        {"abc",            E_SYNTAX, 5, 3,  ""                                                          },
        {"5 mpa",          E_UNIT,   7, 3,  "did you mean MPa?"                                         },
        {"5 Mpa",          E_UNIT,   7, 3,  "did you mean MPa?"                                         },
        {"5 hrs",          E_UNIT,   7, 3,  "did you mean h?"                                           },
        {"4,2 V",          E_UNIT,   6, 4,  "decimals are written with a point"                         },
        {"1 h 30 min",     E_UNIT,   7, 8,  "one number and one unit, as in 90 min"                     },
        {"2 V .. 4 V",     E_UNIT,   7, 8,  "one number and one unit; a range is written A .. B"        },
        {"5 C/h",          E_UNIT,   7, 3,  "C is the C-rate here; coulomb is written A s, degrees degC"},
        {"10 5 V",         E_UNIT,   8, 3,  NULL                                                        },
        {"3 s since 2000", E_UNIT,   7, 12, NULL                                                        },
        {"3 dB",           E_UNIT,   7, 2,  NULL                                                        },
        {"1 V^22",         E_UNIT,   7, 4,  NULL                                                        },
        {"1e999 V",        E_RANGE,  5, 5,  ""                                                          },
        {"C/0",            E_SYNTAX, 5, 3,  ""                                                          },
        {"5 V @ 3",        E_UNIT,   7, 5,  NULL                                                        },
        {"5 lg(re 1 mW)",  E_UNIT,   7, 11, NULL                                                        },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct diag d;
        struct qty q;
        const struct diag_pos pos = {"f", 1, 5, 0, NULL};

        diag_init(&d);
        ck_assert_msg(qty_parse(table[i].text, strlen(table[i].text), &pos, &q, &d) ==
                          table[i].code,
                      "%s: code %d", table[i].text, diag_code(&d));
        ck_assert_uint_eq(d.n, 1);
        ck_assert_msg(d.finding[0].column == table[i].column &&
                          d.finding[0].length == table[i].length,
                      "%s: %d+%d", table[i].text, d.finding[0].column, d.finding[0].length);
        if (table[i].hint)
            ck_assert_str_eq(d.finding[0].hint, table[i].hint);
    }
}
END_TEST

START_TEST(quantities_print)
{
    static const struct {
        double si;
        struct dims dims;
        bool point;
        const char *text;
    } table[] = {
        {34.596,     DIM_CHARGE,                            false, "9.61 mAh"             },
        {107484,     DIM_CHARGE,                            false, "29.86 Ah"             },
        {333.15,     DIM_TEMPERATURE,                       true,  "60.0 degC"            },
        {253.15,     DIM_TEMPERATURE,                       true,  "-20.0 degC"           },
        {0.5,        DIM_TEMPERATURE,                       false, "500 mK"               },
        {5e6,        DIM_PRESSURE,                          false, "5.00 MPa"             },
        {22.4,       DIM_RESISTANCE,                        false, "22.4 ohm"             },
        {3.871,      DIM_VOLTAGE,                           false, "3.871 V"              },
        {0.99996e-3, DIM_CURRENT,                           false, "1.00 mA"              },
        {-192e-6,    DIM_CURRENT,                           false, "-192 uA"              },
        {0,          DIM_PRESSURE,                          false, "0 MPa"                },
        {3600,       DIM_ENERGY,                            false, "1.00 Wh"              },
        {NAN,        DIM_CHARGE,                            false, "unknown"              },
        {4320,       DIM_TIME,                              false, "1 h 12"               },
        {35,         DIM_TIME,                              false, "35 s"                 },
        {273600,     DIM_TIME,                              false, "3 d 4 h"              },
        {3599.7,     DIM_TIME,                              false, "1 h"                  },
        {59.999,     DIM_TIME,                              false, "1 min"                },
        {90,         DIM_TIME,                              false, "1 min 30 s"           },
        {0.0124,     DIM_TIME,                              false, "12.4 ms"              },
        {0,          DIM_TIME,                              false, "0 s"                  },
        {0.1,        DIM_CRATE,                             false, "C/10"                 },
        {2,          DIM_CRATE,                             false, "2C"                   },
        {0.75,       DIM_CRATE,                             false, "0.75C"                },
        {0.85,       DIM_NONE,                              false, "0.85"                 },
        {3e4,        {.m = 2, .kg = 1, .s = -2, .mol = -1}, false, "30000 m2 kg s-2 mol-1"},
    };
    char buf[64];

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        ck_assert_str_eq(qty_print(table[i].si, table[i].dims, table[i].point, buf, sizeof(buf)),
                         table[i].text);
    ck_assert_int_eq(qty_print_in(34.596, "mAh", 3, buf, sizeof(buf)), 0);
    ck_assert_str_eq(buf, "9.61 mAh");
    ck_assert_int_eq(qty_print_in(0.9865, "%", 4, buf, sizeof(buf)), 0);
    ck_assert_str_eq(buf, "98.65 %");
    ck_assert_int_eq(qty_print_in(333.25, "degC", 3, buf, sizeof(buf)), 0);
    ck_assert_str_eq(buf, "60.1 degC");
    ck_assert_int_eq(qty_print_in(1, "furlongish", 3, buf, sizeof(buf)), E_UNIT);
}
END_TEST

START_TEST(dimensions_named)
{
    char buf[64];

    ck_assert_str_eq(dims_name(DIMS_VOLTAGE, buf, sizeof(buf)), "voltage");
    ck_assert_str_eq(dims_name(dims_div(DIMS_PRESSURE, DIMS_TIME), buf, sizeof(buf)),
                     "pressure rate");
    ck_assert_str_eq(dims_name(dims_mul(DIMS_VOLTAGE, DIMS_VOLTAGE), buf, sizeof(buf)),
                     "m4 kg2 s-6 A-2");
    ck_assert(dims_equal(dims_mul(DIMS_VOLTAGE, DIMS_CURRENT), DIMS_POWER));
    ck_assert(dims_equal(dims_div(DIMS_VOLTAGE, DIMS_CURRENT), DIMS_RESISTANCE));
    ck_assert(!dims_equal(DIMS_CRATE, DIMS_NONE));
}
END_TEST

START_TEST(channels_agree_with_units)
{
    for (int kind = KIND_VOLTAGE_V; kind <= KIND_COUNT; kind++) {
        const struct chan_kind_info *info = chan_kind_info((enum chan_kind)kind);
        double scale, offset;
        struct dims dims;

        ck_assert_int_eq(unit_parse(info->si_unit, strlen(info->si_unit), &scale, &offset, &dims),
                         0);
        ck_assert_msg(same(scale, 1.0) && same(offset, 0.0) && dims_equal(dims, info->dims), "%s",
                      info->word);
        for (int other = KIND_VOLTAGE_V; other < kind; other++)
            ck_assert_str_ne(info->suffix, chan_kind_info((enum chan_kind)other)->suffix);
    }
    ck_assert_str_eq(quality_text(Q_STALE), "stale");
    ck_assert_str_eq(quality_text(Q_CLAMPED), "clamped");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("quantities");
    TCase *c;
    SRunner *runner;
    int failed;

    c = tcase_create("numbers");
    suite_add_tcase(s, c);
    tcase_add_test(c, numbers_read_exactly);
    tcase_add_test(c, numbers_refused);
    tcase_add_test(c, numbers_print_shortest);
    tcase_add_test(c, numbers_survive_the_round_trip);
    tcase_add_test(c, numbers_print_as_the_c_library);
    tcase_add_test(c, numbers_fixed_as_printf);
    tcase_add_test(c, numbers_know_no_locale);
    c = tcase_create("quantities");
    suite_add_tcase(s, c);
    tcase_add_test(c, quantities_read);
    tcase_add_test(c, quantities_refused);
    tcase_add_test(c, quantities_print);
    tcase_add_test(c, dimensions_named);
    tcase_add_test(c, channels_agree_with_units);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
