/* test_import.c - what recordings of other cyclers look like, in small made-up files: each dialect,
 * each trap, each way to be wrong.
 */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "db/read.h"
#include "db/store.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* within 0: the same number */
#define NEAR(x, expected, within) ck_assert_double_eq_tol(x, expected, (within) + 1e-300)

enum {
    ROWS_KEPT = 64
};

/* What came, and the last error. */
static struct {
    struct import_report report;
    struct import_row row[ROWS_KEPT];
    double extra[ROWS_KEPT][RECORDING_EXTRA_MAX];
    struct import_step step[ROWS_KEPT];
    size_t n, n_steps;
    struct import_shape shape;
    struct diag diag;
    char story[16384];
} got;

static int keep_shape(void *ctx, const struct import_shape *shape, struct diag *reterr)
{
    (void)ctx;
    (void)reterr;
    got.shape = *shape;
    return 0;
}

static int keep_row(void *ctx, const struct import_row *row, struct diag *reterr)
{
    (void)ctx;
    (void)reterr;
    if (got.n < ROWS_KEPT) {
        got.row[got.n] = *row;
        memcpy(got.extra[got.n], row->extra, got.shape.n_extra * sizeof(double));
    }
    got.n++;
    return 0;
}

static int keep_step(void *ctx, const struct import_step *step, struct diag *reterr)
{
    (void)ctx;
    (void)reterr;
    if (got.n_steps < ROWS_KEPT)
        got.step[got.n_steps] = *step;
    got.n_steps++;
    return 0;
}

static int read_n(const char *text, size_t n, const struct import_options *opt)
{
    const struct import_sink sink = {.begin = keep_shape, .row = keep_row, .step_end = keep_step};
    int rc;

    memset(&got, 0, sizeof(got));
    diag_init(&got.diag);
    rc = import_text("f", text, n, opt, &sink, &got.report, &got.diag);
    (void)diag_format(&got.diag, got.story, sizeof(got.story), false);
    return rc;
}

static int read_text(const char *text, const struct import_options *opt)
{
    return read_n(text, strlen(text), opt);
}

static void read_well(const char *text, const struct import_options *opt)
{
    int rc = read_text(text, opt);

    ck_assert_msg(rc == 0, "%s", got.story);
}

static void refused(const char *text, const struct import_options *opt, const char *words)
{
    int rc = read_text(text, opt);

    ck_assert_msg(rc < 0, "taken: %s", text);
    ck_assert_msg(strstr(got.story, words) != NULL, "`%s` is not in: %s", words, got.story);
}

static bool told(const char *words)
{
    for (unsigned i = 0; i < got.report.n_why; i++) {
        if (strstr(got.report.why[i], words))
            return true;
    }
    return false;
}

static double extra(const char *name, size_t row)
{
    for (unsigned i = 0; i < got.shape.n_extra; i++) {
        if (strcmp(got.shape.extra[i].name, name) == 0)
            return got.extra[row][i];
    }
    ck_abort_msg("no column %s", name);
    return (double)NAN;
}

/* ---- Numbers ---- */

static double number_of(const char *text, char decimal)
{
    char line[128];
    double v;
    int n = snprintf(line, sizeof(line), "%s\n", text);
    const char *end = import_number(line, line + n - 1, decimal, &v);

    ck_assert_msg(end == line + n - 1, "`%s`", text);
    return v;
}

START_TEST(numbers_are_the_nearest)
{
    static const char *const text[] = {"0",
                                       "-0",
                                       ".1",
                                       "-.5",
                                       "5.",
                                       "1e3",
                                       "1E-3",
                                       "30.01555243722817",
                                       "3.37957763671875",
                                       "9007199254740993",
                                       "9007199254740993.5",
                                       "3.1415926535897932384626",
                                       "4.35",
                                       "0.1e-5",
                                       "123456789012345678",
                                       "1234567890123456789",
                                       "0.1234567890123456789",
                                       "1e22",
                                       "1e23",
                                       "8.98846567431158e307",
                                       "2.2250738585072014e-308",
                                       "4.20390e-042",
                                       "1.000000000000000000000",
                                       "00000000000000000000000012.5",
                                       "0.000000000000000000000000125"};

    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        double expected;

        ck_assert_int_eq(str_to_double(text[i], strlen(text[i]), &expected), 0);
        ck_assert_msg(!(number_of(text[i], '.') < expected) &&
                          !(number_of(text[i], '.') > expected),
                      "%s", text[i]);
    }
    NEAR(number_of("-3,0000001E-002", ','), -0.030000001, 0);
}
END_TEST

START_TEST(random_numbers_are_the_nearest)
{
    struct rng rng;

    rng_seed(&rng, 4, 0);
    for (int i = 0; i < 20000; i++) {
        char digits[32], text[40];
        uint64_t m = rng_u64(&rng) >> (rng_u64(&rng) % 50);
        int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)m);
        int point = (int)(rng_u64(&rng) % (unsigned)(n + 1));
        double expected, v;

        (void)snprintf(text, sizeof(text), "%.*s.%s", point, digits, digits + point);
        ck_assert_int_eq(str_to_double(text, strlen(text), &expected), 0);
        v = number_of(text, '.');
        ck_assert_msg(!(v < expected) && !(v > expected), "%s", text);
    }
}
END_TEST

START_TEST(clocks_are_seconds)
{
    static const struct {
        const char *text;
        double s;
    } rows[] = {
        {"00:00:05",                  5        },
        {"144:02:18",                 518538   },
        {"0d 01:16:37.1500015258789", 4597.15  },
        {"1d 10:10:12.7500000000000", 123012.75},
        {"00:30:00.000",              1800     },
        {"1 02:00:00",                93600    },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char line[64];
        double s = 0;
        int n = snprintf(line, sizeof(line), "%s\n", rows[i].text);

        ck_assert_ptr_eq(import_clock(line, line + n - 1, '.', &s), line + n - 1);
        NEAR(s, rows[i].s, 1e-5);
    }
}
END_TEST

START_TEST(dates_of_all_kinds)
{
    /* 2020-12-11 12:22:12 UTC is 18607 days and 44532 s after the epoch */
    const nsec at = (INT64_C(18607) * 86400 + 44532) * NSEC_S;
    static const char *const text[] = {"2020-12-11 12:22:12", "11 December 2020, 12:22:12 PM",
                                       "11.12.2020 12:22:12", "11-Dec-20 12:22:12 PM",
                                       "1607689332",          "2020-12-11T12:22:12.000"};
    bool ambiguous;
    nsec t;

    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        ck_assert_msg(import_wall(text[i], strlen(text[i]), IMPORT_DATE_GUESS, &t, &ambiguous) == 0,
                      "%s", text[i]);
        ck_assert_msg(t == at && !ambiguous, "%s: %lld", text[i], (long long)t);
    }
    ck_assert_int_eq(import_wall("12/11/2020 12:22:12", 19, IMPORT_DATE_MDY, &t, &ambiguous), 0);
    ck_assert(t == at && ambiguous);
    ck_assert_int_eq(import_wall("11/12/2020 12:22:12", 19, IMPORT_DATE_DMY, &t, &ambiguous), 0);
    ck_assert(t == at && ambiguous);
    ck_assert_int_eq(import_wall("12/11/2020 0:22:12 PM", 21, IMPORT_DATE_MDY, &t, &ambiguous), 0);
    ck_assert(t == at);
    ck_assert_int_lt(import_wall("45/11/2020 12:22:12", 19, IMPORT_DATE_MDY, &t, &ambiguous), 0);
}
END_TEST

/* ---- Dialects ---- */

#define BITRODE                                                                    \
    "Exclude,Time(s),Cycle,Loop,Loop,Loop,Step,StepTime(s),Current(A),Voltage(V)," \
    "Power(W),Capacity(Ah),Energy(Wh),Mode,Data,\n"

START_TEST(bitrode_counts_by_steps)
{
    read_well(BITRODE "No,3600,1,1,1,1,4,3600,2,4.0,8,2.00,8.00,CHRG, ,\n"
                      "No,7200,1,1,1,1,4,7200,2,4.2,8.4,4.00,16.20,CHRG,S,\n"
                      "No,7201,1,1,1,1,5,1,0,4.1,0,4.00,16.20,REST, ,\n"
                      "No,7261,1,1,1,1,5,61,0,4.0,0,4.00,16.20,REST,S,\n"
                      "No,9061,2,1,1,1,2,1800,-2,3.5,-7,-1.00,-3.50,DCHG, ,\n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "bitrode");
    ck_assert_uint_eq(got.report.rows, 5);
    ck_assert_uint_eq(got.n_steps, 3);
    ck_assert_uint_eq(got.report.cycles, 2);
    /* 2 A * 3600 s of the first row's step time, then 2 A * 3600 s; V by trapezoid inside */
    NEAR(got.step[0].in_ah, 4.0, 1e-12);
    NEAR(got.step[0].in_wh, 8.0 + 8.2, 1e-12);
    NEAR(got.step[2].out_ah, 1.0, 1e-12);
    NEAR(got.step[2].out_wh, 3.5, 1e-12);
    ck_assert_int_eq(got.step[0].mode, RECORDING_CHARGE);
    ck_assert_int_eq(got.step[1].mode, RECORDING_REST);
    ck_assert_int_eq(got.step[2].mode, RECORDING_DISCHARGE);
    NEAR(got.report.their_in_ah, 4.0, 1e-12);
    NEAR(got.report.their_out_ah, 1.0, 1e-12);
    ck_assert_int_eq(got.report.resets, RECORDING_PER_CYCLE);
    NEAR(extra("counter_ah", 4), -1.0, 0);
    ck_assert_uint_eq(got.row[3].step, 5);
    ck_assert_uint_eq(got.row[3].execution, 2);
    NEAR(got.row[4].step_time_s, 1800, 1e-9);
    ck_assert_uint_eq(got.diag.n, 0);
}
END_TEST

START_TEST(a_loop_of_one_step_is_many_steps)
{
    read_well(BITRODE "No,1,1,1,1,1,4,1,2,4.0,8,0,0,CHRG, ,\n"
                      "No,10,1,1,1,1,4,10,2,4.0,8,0,0,CHRG, ,\n"
                      "No,11,1,1,1,1,4,1,2,4.0,8,0,0,CHRG, ,\n"
                      "No,20,1,1,1,1,4,10,2,4.0,8,0,0,CHRG, ,\n",
              NULL);
    ck_assert_uint_eq(got.n_steps, 2);
    NEAR(got.step[1].in_ah, 2.0 * 10 / 3600, 1e-12);
}
END_TEST

#define MACCOR                                                                            \
    "Date of Test:\t11 December 2020, 12:22:12 PM\n"                                      \
    "Rec#\tCyc#\tStep\tTestTime\tStepTime\tAmp-hr\tWatt-hr\tAmps\tVolts\tState\tES\tDPt " \
    "Time\tAux #1\t Units\n"

START_TEST(maccor_writes_magnitudes_and_open_sensors)
{
    read_well(MACCOR "1\t0\t1\t  0d 00:00:00\t  0d 00:00:00\t0\t0\t0\t3.5\tR\t0\t12/11/2020 "
                     "12:22:12\t-2501.7\t C  \n"
                     "2\t0\t2\t  0d 00:30:00\t  0d 00:30:00\t0.5\t1.7\t1.0\t3.4\tD\t1\t12/11/2020 "
                     "12:52:12\t25.0\t C  \n"
                     "3\t0\t3\t  0d 00:30:00\t  0d 00:00:00\t0.0\t0.0\t2.0\t3.6\tC\t0\t12/11/2020 "
                     "12:52:12\t26.0\t C  \n"
                     "4\t0\t3\t  0d 01:00:00\t  0d 00:30:00\t1.0\t1.8\t2.0\t3.6\tC\t1\t12/11/2020 "
                     "13:22:12\t26.0\t C  \n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "maccor");
    NEAR(got.row[1].current_a, -1.0, 0);
    NEAR(got.row[2].current_a, 2.0, 0);
    NEAR(got.step[1].out_ah, 0.5, 1e-12);
    ck_assert(isnan(extra("temperature_1_k", 0)));
    NEAR(extra("temperature_1_k", 1), 298.15, 1e-9);
    ck_assert(told("month first"));
    ck_assert(got.report.wall_start == (INT64_C(18607) * 86400 + 44532) * NSEC_S);
    ck_assert_uint_eq(got.diag.n, 1); /* the open sensor is told */
}
END_TEST

START_TEST(maccor_in_milli)
{
    read_well("Rec#\tCyc#\tStep\tTestTime\tStepTime\tmAmp-hr\tmWatt-hr\tmAmps\tVolts\tState\n"
              "1\t0\t1\t0d 00:00:00.00\t0d 00:00:00.00\t0\t0\t0\t3853.8186\tR\n"
              "2\t0\t2\t0d 01:00:00.00\t0d 01:00:00.00\t896.0\t2690\t-896.0\t1300.5\tD\n",
              NULL);
    NEAR(got.row[0].voltage_v, 3.8538186, 1e-15);
    NEAR(got.row[1].current_a, -0.896, 1e-15);
    NEAR(extra("counter_ah", 1), 0.896, 1e-15);
    NEAR(got.step[1].out_ah, 0.896, 1e-12);
    ck_assert(told("voltage in mV"));
    read_well("Rec#\tCyc#\tStep\tTestTime\tStepTime\tmAmp-hr\tmWatt-hr\tmAmps\tVolts\tState\n"
              "1\t0\t1\t0\t0\t0\t0\t0\t385.5\tR\n2\t0\t2\t1\t1\t0\t0\t0\t380.1\tR\n",
              &(struct import_options){.voltage_unit = "V"});
    NEAR(got.row[0].voltage_v, 385.5, 0);
}
END_TEST

START_TEST(decimal_commas_and_minutes)
{
    /* the header states no unit of time; the wall clock says that one unit is a minute */
    const char *text =
        "Tester\tMaccor #4\n\n"
        "Rec\tCycle P\tCycle C\tStep\tTestTime\tStepTime\tCap. [Ah]\tCurrent [A]\tVoltage "
        "[V]\tMd\tDPT Time\n\n"
        "1\t0\t1\t1\t0,000000\t0,000000\t0,0\t0,50000000\t3,1377\tC\t06/05/2021 11:23:46\n"
        "2\t0\t1\t1\t1,000000\t1,000000\t0,0\t0,50000000\t3,1385\tC\t06/05/2021 11:24:46\n"
        "3\t0\t1\t1\t2,000000\t2,000000\t0,0\t0,50000000\t3,1394\tC\t06/05/2021 11:25:46\n"
        "4\t0\t1\t1\t60,000000\t60,000000\t0,5\t0,50000000\t3,1403\tC\t06/05/2021 12:23:46\n";

    read_well(text, NULL);
    ck_assert_int_eq(got.report.decimal, ',');
    ck_assert(told("time in min"));
    NEAR(got.row[3].t_s, 3600, 0);
    NEAR(got.row[3].voltage_v, 3.1403, 0);
    NEAR(got.report.in_ah, 0.5, 1e-12);
    ck_assert_int_eq(got.report.resets, RECORDING_NEVER);
    read_well(text, &(struct import_options){.time_unit = "s"});
    NEAR(got.row[3].t_s, 60, 0);
    refused(text, &(struct import_options){.decimal = '.'}, "f:5:");
}
END_TEST

START_TEST(arbin_with_mark_and_tab)
{
    read_well("\xef\xbb\xbf"
              "Data_Point,Test_Time(s),Date_Time,Step_Time(s),Step_Index,Cycle_Index,Current(A),"
              "Voltage(V),Charge_Capacity(Ah),Discharge_Capacity(Ah)\r\n"
              "1,30.5,\t2010-08-16 13:44:13,30.5,1,1,0.0,3.37957763671875,0.0,0.0\r\n"
              "2,60.5,\t2010-08-16 13:44:43,30.0,2,1,1.2,3.5,0.01,0.0\r\n"
              "3,90.5,\t2010-08-16 13:45:13,60.0,2,1,1.2,3.6,0.02,0.0\r\n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "arbin");
    NEAR(got.row[0].voltage_v, 3.37957763671875, 0);
    NEAR(got.report.in_ah, 0.02, 1e-12);
    NEAR(extra("counter_in_ah", 2), 0.02, 0);
    ck_assert_uint_eq(got.diag.n, 0);
}
END_TEST

START_TEST(seconds_that_are_milliseconds)
{
    const char *text = "Test_Time(s),Date_Time,Step_Index,Cycle_Index,Current(A),Voltage(V)\n"
                       "0,2010-08-16 13:44:00,1,1,1,3.5\n"
                       "60000,2010-08-16 13:45:00,1,1,1,3.6\n"
                       "120000,2010-08-16 13:46:00,1,1,1,3.7\n";

    refused(text, NULL, "it is in ms");
    ck_assert_ptr_nonnull(strstr(got.story, "f:1:"));
    ck_assert_ptr_nonnull(strstr(got.story, "--time-unit ms"));
    read_well(text, &(struct import_options){.time_unit = "ms"});
    NEAR(got.report.to_s, 120, 0);
    read_well(text, &(struct import_options){.time_unit = "s"});
    NEAR(got.report.to_s, 120000, 0);
}
END_TEST

START_TEST(neware_without_a_total_time)
{
    read_well(
        "DataPoint,Cycle Index,Step Index,Step Type,Time,Current(mA),Voltage(V),Capacity(mAh)\n"
        "1,1,1,Rest,00:00:00,0,3.0,0\n"
        "2,1,1,Rest,00:01:00,0,3.0,0\n"
        "3,1,2,CC DChg,00:00:00,100,2.9,0\n"
        "4,1,2,CC DChg,01:00:00,100,2.8,100\n"
        "5,1,3,CC Chg,00:00:00,100,3.1,0\n"
        "6,1,3,CC Chg,00:30:00,100,3.2,50\n",
        NULL);
    ck_assert_str_eq(got.report.dialect, "neware");
    NEAR(got.row[3].t_s, 3660, 0);
    NEAR(got.row[5].t_s, 5460, 0);
    NEAR(got.row[3].current_a, -0.1, 1e-15); /* written as a magnitude */
    NEAR(got.report.out_ah, 0.1, 1e-12);
    NEAR(got.report.in_ah, 0.05, 1e-12);
    ck_assert_int_eq(got.report.resets, RECORDING_PER_STEP);
    ck_assert(told("strung together"));
}
END_TEST

START_TEST(sign_by_the_states)
{
    const char *text = "time,current,voltage,state\n"
                       "0,0,3.5,rest\n10,-1,3.6,charge\n20,-1,3.7,charge\n30,1,3.4,discharge\n";

    read_well(text, NULL);
    ck_assert_str_eq(got.report.dialect, "csv");
    NEAR(got.row[1].current_a, 1, 0);
    NEAR(got.row[3].current_a, -1, 0);
    ck_assert_uint_eq(got.n_steps, 3);
    ck_assert_str_eq(got.step[1].name, "charge, step 2");
    read_well(text, &(struct import_options){.sign = IMPORT_SIGN_CHARGE});
    NEAR(got.row[1].current_a, -1, 0);
    ck_assert_uint_eq(got.report.against_state, 3);
    ck_assert_ptr_nonnull(strstr(got.story, "other direction"));
}
END_TEST

START_TEST(ec_lab_averages)
{
    read_well(
        "EC-Lab ASCII FILE\nNb header lines : 4\nAcquisition started on : 01/25/2024 11:02:29.886\n"
        "Ns\ttime/s\tEwe/V\tstep time/s\t<I>/mA\tcycle number\tTemperature/\xb0"
        "C\t\n"
        "0\t1,0E+001\t3,4E+000\t1,0E+001\t0,0E+000\t0,0E+000\t2,5E+001\n"
        "1\t1,1E+001\t3,5E+000\t1,0E+000\t3,6E+001\t0,0E+000\t2,5E+001\n"
        "1\t1,2E+001\t3,5E+000\t2,0E+000\t7,2E+001\t1,0E+000\t2,5E+001\n",
        NULL);
    ck_assert_str_eq(got.report.dialect, "ec-lab");
    NEAR(got.row[2].current_a, 0.072, 1e-15);
    /* 36 mA and 72 mA, each for a second */
    NEAR(got.report.in_ah, 0.108 / 3600, 1e-15);
    ck_assert_uint_eq(got.report.cycles, 2);
    NEAR(extra("temperature_1_k", 0), 298.15, 1e-9);
    ck_assert(got.report.wall_start % (86400 * NSEC_S) ==
              (11 * 3600 + 2 * 60 + 29) * NSEC_S + 886 * NSEC_MS);
}
END_TEST

START_TEST(bdf_by_label_and_by_machine_name)
{
    read_well("Test Time / s,Voltage / V,Current / A,Step ID,Step Count / 1,Cycle Count / 1,"
              "Unix Time / s,Step Charging Capacity / Ah,Temperature T1 / degC\n"
              "0,3.5,1,7,1,0,1607689332.5,0,25\n10,3.6,1,7,1,0,1607689342.5,0.00277,25.5\n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "bdf");
    ck_assert_uint_eq(got.row[1].step, 7);
    ck_assert_uint_eq(got.row[1].cycle, 0);
    ck_assert_int_eq(got.report.resets, RECORDING_PER_STEP);
    NEAR(extra("temperature_1_k", 1), 298.65, 1e-9);
    ck_assert(got.report.wall_start == INT64_C(1607689332) * NSEC_S + 500 * NSEC_MS);
    read_well("test_time_second,voltage_volt,current_ampere,cycle_count,net_capacity_ah\n"
              "0,3.5,1,1,0\n10,3.6,1,1,0.00277\n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "bdf");
    NEAR(extra("counter_ah", 1), 0.00277, 0);
    ck_assert_int_eq(got.report.resets, RECORDING_NEVER);
}
END_TEST

/* Words of any language: no two of them are one step more than once. */
START_TEST(states_in_other_letters)
{
    read_well(
        "time,current,voltage,state\n"
        "0,0,3.5,\xe6\x90\x81\n1,0,3.5,\xe6\x90\x81\n2,1,3.6,\xe5\x85\x85\n3,1,3.6,\xe5\x85\x85\n",
        NULL);
    ck_assert_uint_eq(got.n_steps, 2);
    ck_assert_str_eq(got.step[0].name, "???, step 1");
    ck_assert_int_eq(got.step[0].mode, RECORDING_REST);
    ck_assert_int_eq(got.step[1].mode, RECORDING_CHARGE);
}
END_TEST

/* What our own export makes of an imported run. */
START_TEST(bdf_that_we_wrote)
{
    read_well(
        "Test Time / s,Voltage / V,Current / A,Unix Time / s,Cycle Count / 1,Step Count / 1,Step "
        "Type,Step Net Capacity / Ah,cycler.counter_ah / Ah,cell.voltage_2 / V,Applied Pressure / "
        "Pa,cell.temperature_7 / degC,cell.resistance / ohm\n"
        "0,3.5,1,1607689332,1,1,CHG,0,5,3.4,2e6,25,0.01\n"
        "10,3.6,1,1607689342,1,1,CHG,0.00277,5.003,3.41,2e6,25,0.01\n",
        NULL);
    NEAR(extra("counter_ah", 1), 5.003, 0);
    NEAR(extra("voltage_2_v", 1), 3.41, 0);
    NEAR(extra("pressure_pa", 1), 2e6, 0);
    NEAR(extra("temperature_7_k", 1), 298.15, 1e-9);
    NEAR(extra("resistance_ohm", 1), 0.01, 0);
    /* a step id that is a word is no number of a step: the count stands in */
    read_well("Test Time / s,Voltage / V,Current / A,Step ID,Step Count / 1\n"
              "0,3.5,1,formation,3\n10,3.6,1,formation,3\n",
              NULL);
    ck_assert_uint_eq(got.row[1].step, 3);
}
END_TEST

START_TEST(pec_basytec_novonix)
{
    read_well("TestRegime Name:,x\nStart Time:,01/19/2026 15:04:06\n"
              "Test,Cell,Step,Instruction Name,Cycle,Total Time (Hours in hh:mm:ss.xxx),Step Time "
              "(Seconds),"
              "Real Time,Voltage (V),Current (A),Charge Capacity (mAh),Discharge Capacity "
              "(mAh),Temp (\xc2\xb0"
              "C)\n"
              "1,1,0,Idle,0,00:00:00.000,0,01/19/2026 15:08:38,3.75,0,0,0,\n"
              "1,1,1,Charge,0,00:01:00.000,60,01/19/2026 15:09:38,3.76,6,100,0,21.02\n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "pec");
    NEAR(got.report.in_ah, 0.1, 1e-12);
    NEAR(extra("counter_in_ah", 1), 0.1, 1e-15);
    ck_assert(isnan(extra("temperature_1_k", 0)));
    read_well("~Resultfile from Basytec Battery Test System\n~Start of Test: 19.06.2023 17:56:53\n"
              "~Time[h]\tt-Step[h]\tLine\tCommand\tU[V]\tI[A]\tAh[Ah]\tT1[\xb0"
              "C]\tCyc-Count\n"
              "0\t0\t3\tPause\t3.5\t0\t0\t25\t1\n1.5\t1.5\t4\tCharge\t3.6\t2\t3\t25\t1\n",
              NULL);
    ck_assert_str_eq(got.report.dialect, "basytec");
    NEAR(got.report.to_s, 5400, 0);
    NEAR(got.report.in_ah, 3, 1e-12);
    read_well(
        "[Summary]\nNovonix UHPC data file\n[End Summary]\n[Data]\n"
        "Date and Time,Cycle Number,Step Type,Run Time (h),Step Time (h),Current (A),Potential (V),"
        "Capacity (Ah),Temperature (\xc2\xb0"
        "C),Energy (Wh),Step Number\n"
        "2025-07-19 15:26:20,1,7,0.0,0.0,0.5,3.84,0,24.6,0,1\n"
        "2025-07-19 15:56:20,1,7,0.5,0.5,0.5,3.85,0.25,24.6,0.96,1\n",
        NULL);
    ck_assert_str_eq(got.report.dialect, "novonix");
    NEAR(got.report.in_ah, 0.25, 1e-12);
    NEAR(got.report.in_wh, 0.25 * 3.845, 1e-12);
}
END_TEST

/* ---- Odd files ---- */

#define PLAIN "time,current,voltage\n"

START_TEST(odd_lines)
{
    read_well(PLAIN "0,1,3.5\n\n1,1,3.6\n" PLAIN "2,1,3.7\n,,\n3,1,3.8\n", NULL);
    ck_assert_uint_eq(got.report.rows, 4);
    ck_assert_uint_eq(got.report.repeated_headers, 1);
    ck_assert_uint_eq(got.report.blank_lines, 2);
    read_well("time,current,voltage,\"a, b\"\n0,1,3.5,\"x,y\"\n\"1\",\"1\", 3.6 ,z\n", NULL);
    NEAR(got.row[1].voltage_v, 3.6, 0);
}
END_TEST

START_TEST(a_file_that_was_cut)
{
    char many[1024];
    size_t n = strlen(PLAIN);

    read_well(PLAIN "0,1,3.5\n1,1,3.6\n2,1,3.7\n3,", NULL);
    ck_assert_uint_eq(got.report.rows, 3);
    ck_assert(got.report.cut);
    ck_assert_ptr_nonnull(strstr(got.story, "line 5 is cut"));
    read_well(PLAIN "0,1,3.5\n1,1,3.6\n2,1\n", NULL);
    ck_assert_uint_eq(got.report.rows, 2);
    ck_assert(got.report.cut);
    /* in the middle the same is wrong */
    refused(PLAIN "0,1,3.5\n1,1\n2,1,3.7\n", NULL, "f:3:");
    ck_assert_ptr_nonnull(strstr(got.story, "`voltage` is in column 3"));
    /* in the last number: the rows above have more digits */
    ck_assert_int_eq(str_fmt(many, sizeof(many), "%s", PLAIN), 0);
    for (int i = 0; i < 25; i++)
        n += (size_t)snprintf(many + n, sizeof(many) - n, "%d,1,3.5%02d\n", i, i);
    many[n - 2] = '\0';
    read_well(many, NULL);
    ck_assert_uint_eq(got.report.rows, 24);
    ck_assert(got.report.cut);
    /* no line end, but complete */
    read_well(PLAIN "0,1,3.5\n1,1,3.6", NULL);
    ck_assert_uint_eq(got.report.rows, 2);
    ck_assert(!got.report.cut);
}
END_TEST

START_TEST(values_that_are_none)
{
    read_well(PLAIN "0,1,NaN\n1,1,3.6\n2,,3.7\n3,1,3.8\n", NULL);
    ck_assert(isnan(got.row[0].voltage_v));
    ck_assert(isnan(got.row[2].current_a));
    /* rows 1 and 3 count a second each, row 2 none: nothing is made up for it */
    NEAR(got.report.in_ah, 2.0 / 3600, 1e-15);
    ck_assert_ptr_nonnull(strstr(got.story, "not valid"));
    refused(PLAIN "0,1,nan\n1,1,nan\n", NULL, "no row has a valid voltage");
    refused(PLAIN "0,nan,3\n1,nan,3\n", NULL, "no row has a valid current");
    refused(PLAIN "0,1,3.5\nnan,1,3.5\n", NULL, "f:3:1");
}
END_TEST

START_TEST(time_that_goes_back)
{
    const char *text = PLAIN "0,1,3.5\n10,1,3.6\n5,1,3.7\n15,1,3.8\n";

    refused(text, NULL, "f:4:");
    ck_assert_ptr_nonnull(strstr(got.story, "time goes back from 10 s to 5 s"));
    read_well(text, &(struct import_options){.back = IMPORT_BACK_SKIP});
    ck_assert_uint_eq(got.report.rows, 3);
    NEAR(got.report.in_ah, 15.0 / 3600, 1e-15);
    read_well(text, &(struct import_options){.back = IMPORT_BACK_JOIN});
    ck_assert_uint_eq(got.report.rows, 4);
    NEAR(got.report.to_s, 20, 0);
    /* a digit of rounding is no disorder */
    read_well(PLAIN "0,1,3.5\n10.01,1,3.6\n10.00,1,3.7\n", NULL);
    ck_assert_uint_eq(got.report.clamped_times, 1);
    NEAR(got.row[2].t_s, 10.01, 0);
}
END_TEST

START_TEST(cycles_that_are_no_counts)
{
    read_well("time,current,voltage,cycle\n0,1,3.5,6.283185307\n1,1,3.6,6.283185307\n", NULL);
    ck_assert_ptr_nonnull(strstr(got.story, "not whole"));
    ck_assert_uint_eq(got.row[0].cycle, 6);
}
END_TEST

START_TEST(wrong_files_are_told)
{
    char *big = malloc(2 << 20);

    refused("", NULL, "is empty");
    refused("hello\nworld\n", NULL, "no line names time, voltage and current");
    refused("time,current,temperature\n1,2,3\n", NULL, "f:1:");
    refused(PLAIN, NULL, "no row of data");
    refused(PLAIN "0,1,3.5\n", NULL, "one row of data");
    refused(PLAIN "0,1,3.5\n1,1,abc\n2,1,3\n", NULL, "`abc` is no number (column `voltage`)");
    ck_assert_ptr_nonnull(strstr(got.story, "f:3:5"));
    refused("PK\x03\x04xxxx", NULL, "spreadsheet");
    refused("\x1f\x8b\x08zzz", NULL, "gunzip");
    refused("\xff\xfet\1i\1", NULL, "UTF-16");
    ck_assert_int_lt(read_n("time,current\0,voltage\n", 22, NULL), 0);
    ck_assert_ptr_nonnull(strstr(got.story, "byte 13 is 0"));
    ck_assert_ptr_nonnull(big);
    memset(big, 'x', 2 << 20);
    memcpy(big, PLAIN "0,1,3.5\n", strlen(PLAIN) + 8);
    ck_assert_int_lt(read_n(big, 2 << 20, NULL), 0);
    ck_assert_ptr_nonnull(strstr(got.story, "f:3:"));
    free(big);
    refused(PLAIN "0,1,3\n1,1,3\n", &(struct import_options){.dialect = "arbn"}, "no dialect");
    refused(PLAIN "0,1,3\n1,1,3\n", &(struct import_options){.current_unit = "parsec"}, "no unit");
}
END_TEST

START_TEST(columns_by_hand)
{
    const struct import_options opt = {
        .n_set = 3,
        .set = {"time=zeit", "voltage=spannung (mV)", "current=strom"},
        .current_unit = "mA"
    };

    read_well("zeit,strom,spannung (mV)\n0,100,3500\n3600,100,3600\n", &opt);
    NEAR(got.row[1].voltage_v, 3.6, 0);
    NEAR(got.report.in_ah, 0.1, 1e-12);
    refused(PLAIN "0,1,3\n1,1,3\n", &(struct import_options){.n_set = 1, .set = {"volts=u"}},
            "which column is what");
}
END_TEST

START_TEST(a_sparse_file_ends_at_once)
{
    char path[] = "/tmp/import.XXXXXX";
    int fd = mkstemp(path);
    struct recording r = {0};
    struct diag d;
    char story[2048];

    diag_init(&d);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, INT64_C(10) << 30), 0);
    ck_assert_int_lt(import_recording(path, NULL, &r, &d), 0);
    (void)diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(strstr(story, "binary file or has a hole"), "%s", story);
    close(fd);
    unlink(path);
    diag_init(&d);
    ck_assert_int_eq(import_recording(path, NULL, &r, &d), E_NOENT);
    ck_assert_ptr_null(r.block);
}
END_TEST

/* ---- Into a run file ---- */

static int count_step(void *ctx, const struct step_row *s)
{
    double *out_ah = ctx;

    if (strcmp(s->verb, "discharge") == 0)
        *out_ah += s->charge_out_ah;
    return 0;
}

START_TEST(becomes_a_run)
{
    char dir[] = "/tmp/import.XXXXXX", path[64], lab[64], command[160];
    struct import_run about = {.article = "CELL-1", .build = "test", .capacity_ah = 2};
    struct import_report report;
    struct run_info info;
    struct run_file *f;
    struct trace trace;
    struct store *s;
    int64_t number = 0;
    double out_ah = 0;
    FILE *to;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/cell.csv", dir);
    (void)snprintf(lab, sizeof(lab), "%s/lab", dir);
    to = fopen(path, "w");
    ck_assert_ptr_nonnull(to);
    fputs(BITRODE "No,10,1,1,1,1,5,10,0,4.1,0,0,0,REST, ,\n"
                  "No,1810,1,1,1,1,2,1800,-2,3.5,-7,-1.00,-3.50,DCHG, ,\n"
                  "No,3610,1,1,1,1,2,3600,-2,3.4,-7,-2.00,-7.00,DCHG,S,\n",
          to);
    ck_assert_int_eq(fclose(to), 0);
    ck_assert_int_eq(lab_open(lab, &s, NULL), 0);
    ck_assert_int_eq(import_run(s, path, NULL, &about, &report, &number, NULL), 0);
    ck_assert_int_lt(import_run(s, dir, NULL, &about, &report, &number, NULL), 0);
    lab_close(s);
    ck_assert_int_eq(number, 1);
    ck_assert_uint_eq(strlen(report.sha256), 64);
    ck_assert_int_eq(run_open(lab, 0, &f, NULL), 0);
    ck_assert_int_eq(run_info(f, &info, NULL), 0);
    ck_assert_str_eq(info.procedure, "import");
    ck_assert_str_eq(info.article, "CELL-1");
    ck_assert_str_eq(info.verdict, "done");
    ck_assert_str_eq(info.hash, report.sha256);
    NEAR(info.capacity_c, 7200, 1e-9);
    ck_assert_int_eq(run_steps(f, count_step, &out_ah, NULL), 0);
    NEAR(out_ah, 2.0, 1e-12);
    ck_assert_int_eq(run_trace(f, "cycler.counter_ah", 0, 1e9, 100, &trace, NULL), 0);
    ck_assert_uint_eq(trace.n, 3);
    NEAR(trace.lo[2], -2.0, 0);
    trace_done(&trace);
    run_close(f);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {numbers_are_the_nearest,
                                  random_numbers_are_the_nearest,
                                  clocks_are_seconds,
                                  dates_of_all_kinds,
                                  bitrode_counts_by_steps,
                                  a_loop_of_one_step_is_many_steps,
                                  maccor_writes_magnitudes_and_open_sensors,
                                  maccor_in_milli,
                                  decimal_commas_and_minutes,
                                  arbin_with_mark_and_tab,
                                  seconds_that_are_milliseconds,
                                  neware_without_a_total_time,
                                  sign_by_the_states,
                                  ec_lab_averages,
                                  bdf_by_label_and_by_machine_name,
                                  pec_basytec_novonix,
                                  bdf_that_we_wrote,
                                  states_in_other_letters,
                                  odd_lines,
                                  a_file_that_was_cut,
                                  values_that_are_none,
                                  time_that_goes_back,
                                  cycles_that_are_no_counts,
                                  wrong_files_are_told,
                                  columns_by_hand,
                                  a_sparse_file_ends_at_once,
                                  becomes_a_run};
    Suite *suite = suite_create("import");
    TCase *c = tcase_create("import");
    SRunner *r;
    int failed;

    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
