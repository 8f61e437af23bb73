/* The four drivers one by one: what their transcripts do not show. */
#include "base/diag.h"
#include "base/str.h"
#include "tests/unit/driver_rig.h"

#include <stdlib.h>

/* ---- ESPEC P-300 ---- */

static void espec_learn(struct rig *r)
{
    ck_assert_int_eq(rig_identify(r), 0);
    ck_assert_int_eq(rig_reply(r, "T,P300,150.0"), 0);
    ck_assert_int_eq(rig_reply(r, "JLC1.10"), 0);
    ck_assert_int_eq(rig_reply(r, "CONSTANT"), 0);
    ck_assert_int_eq(rig_reply(r, "24.1,60.0,90.0,-20.0"), 0);
    ck_assert_uint_eq(r->out.notice[0].notice, NOTICE_IDENTIFIED);
}

START_TEST(test_espec_address)
{
    struct rig r;

    rig_named(&r, "espec-p300");
    r.inst.addressed = true;
    r.inst.unit = 12;
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_str_eq(rig_sent(&r), "12,MON?");
    ck_assert_int_eq(rig_set(&r, "temperature_set", 233.15), 0);
    ck_assert_str_eq(rig_sent(&r), "12,TEMP,S-40.0");
    ck_assert_int_eq(rig_reply(&r, "OK:13,TEMP,S-40.0"), E_GARBLED); /* a neighbour's */
    r.at = 0;
    ck_assert_int_eq(rig_reply(&r, "OK:TEMP,S-40.0"), E_GARBLED);
    r.at = 0;
    ck_assert_int_eq(rig_reply(&r, "OK:12,TEMP,S-40.0"), 0);
    ck_assert_str_eq(rig_sent(&r), "12,TEMP?");
}
END_TEST

START_TEST(test_espec_set_points_are_tenths)
{
    static const struct {
        double k;
        const char *sent;
    } row[] = {
        {273.15, "TEMP,S0.0"  },
        {273.11, "TEMP,S0.0"  },
        {333.16, "TEMP,S60.0" },
        {263.05, "TEMP,S-10.1"},
        {428.15, "TEMP,S155.0"},
        {228.15, "TEMP,S-45.0"},
    };
    struct rig r;

    rig_named(&r, "espec-p300");
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        ck_assert_int_eq(rig_set(&r, "temperature_set", row[i].k), 0);
        ck_assert_str_eq(rig_sent(&r), row[i].sent);
    }
    ck_assert_int_eq(rig_set(&r, "mode", CHAMBER_PROGRAM), E_UNSUPPORTED);
    ck_assert_int_eq(rig_set(&r, "alarm", 0), E_UNSUPPORTED);
}
END_TEST

/* A set that got no answer may have been obeyed: what is found then is nobody's hand. */
START_TEST(test_espec_lost_set)
{
    struct rig r;

    rig_named(&r, "espec-p300");
    espec_learn(&r);
    ck_assert_int_eq(rig_set(&r, "temperature_set", 303.15), 0);
    ck_assert_int_eq(rig_absorb(&r, XFER_TIMEOUT, "", 0), 0);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "24.1,,CONSTANT,0"), 0);
    ck_assert_str_eq(rig_sent(&r), "TEMP?");
    ck_assert_int_eq(rig_reply(&r, "24.1,30.0,90.0,-20.0"), 0);
    ck_assert_uint_eq(r.out.n_notices, 0);
}
END_TEST

/* While the bus tries a set again it identifies in between: only the poll after it may judge. */
START_TEST(test_espec_identify_does_not_judge)
{
    struct rig r;

    rig_named(&r, "espec-p300");
    espec_learn(&r);
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "T,P300,150.0"), 0);
    ck_assert_int_eq(rig_reply(&r, "JLC1.10"), 0);
    ck_assert_int_eq(rig_reply(&r, "OFF"), 0);
    ck_assert_int_eq(rig_reply(&r, "24.1,23.0,155.0,-45.0"), 0);
    ck_assert_uint_eq(r.out.n_notices, 1);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_uint_eq(r.plan.n, 2);
    ck_assert_int_eq(rig_reply(&r, "24.1,,OFF,0"), 0);
    ck_assert_uint_eq(r.out.n_notices, 0);
    ck_assert_int_eq(rig_reply(&r, "24.1,23.0,155.0,-45.0"), 0);
    expect_notice(&r, 0, NOTICE_REBOOTED, CHAMBER_OFF);
}
END_TEST

START_TEST(test_espec_sensor)
{
    struct rig r;

    rig_named(&r, "espec-p300");
    espec_learn(&r);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "----,,CONSTANT,0"), 0);
    ck_assert_uint_eq(r.out.sample[0].quality, Q_INVALID);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "999.9,,CONSTANT,0"), 0);
    ck_assert_uint_eq(r.out.sample[0].quality, Q_OVER);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "24.1,,RUN,0"), 0);
    expect_notice(&r, 0, NOTICE_LOCAL, CHAMBER_PROGRAM);
}
END_TEST

/* ---- Alicat ---- */

START_TEST(test_alicat_full_scale)
{
    static const struct {
        const char *text;
        int code;
    } row[] = {
        {"150 psi gauge",    0            },
        {"100 psi gauge",    0            },
        {"150 psi absolute", E_UNSUPPORTED},
        {"150 psi",          E_UNSUPPORTED},
        {"10 bar gauge",     E_UNIT       },
        {"psi gauge",        E_UNIT       },
        {"500 psi gauge",    E_RANGE      },
        {"150 psi gauge x",  E_UNSUPPORTED},
        {"-5 psi gauge",     E_RANGE      },
    };
    const struct driver *d = driver_find("alicat-pcd");
    struct rig r;

    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        ck_assert_msg(rig_open(&r, d, 'A', &row[i].text) == row[i].code, "%s", row[i].text);
    ck_assert_int_eq(rig_open(&r, d, 'A', &row[1].text), 0);
    ck_assert_double_eq_tol(r.chans[rig_chan(&r, "pressure_set")].max, 100 * PSI_PA, 1e-6);
    ck_assert_int_eq(rig_open(&r, d, 3, NULL), E_INVALID);
}
END_TEST

static void alicat_learn(struct rig *r, const char *frame)
{
    ck_assert_int_eq(rig_identify(r), 0);
    ck_assert_int_eq(rig_reply(r, "A   10v20.0-R24 Jan  9 2025,15:04:07"), 0);
    ck_assert_int_eq(rig_reply(r, "A 38"), 0);
    ck_assert_int_eq(rig_reply(r, "A +150.00 10 PSIG"), 0);
    ck_assert_int_eq(rig_reply(r, "A S"), 0);
    ck_assert_int_eq(rig_reply(r, frame), 0);
    ck_assert_uint_eq(r->out.n_notices, 1);
    ck_assert_uint_eq(r->out.notice[0].notice, NOTICE_IDENTIFIED);
}

START_TEST(test_alicat_identify_refuses)
{
    struct rig r;

    rig_named(&r, "alicat-pcd");
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "A   10v20.0-R24 Jan  9 2025,15:04:07"), 0);
    ck_assert_int_eq(rig_reply(&r, "A 38"), 0);
    r.plan.n = 3; /* the same question twice */
    ck_assert_int_eq(rig_reply(&r, "A +150.00 07 BARG"), 0);
    ck_assert_uint_eq(r.out.notice[0].notice, NOTICE_WRONG_DEVICE);
    r.at = 2;
    ck_assert_int_eq(rig_reply(&r, "A +150.00 10 PSIG"), 0);
    ck_assert_str_eq(rig_sent(&r), "ALSS");
    /* the right unit in a foreign hand: said, but never called wrong, since a wrong one is not made safe */
    ck_assert_int_eq(rig_reply(&r, "A A"), 0);
    ck_assert_uint_eq(r.out.notice[0].notice, NOTICE_LOCAL);
    ck_assert_uint_gt(r.plan.n, r.at);
}
END_TEST

START_TEST(test_alicat_lost_set)
{
    struct rig r;

    rig_named(&r, "alicat-pcd");
    alicat_learn(&r, "A +050.00 +050.00 10 PSIG");
    /* tried again by the bus: identify finds the new value and keeps its peace */
    alicat_learn(&r, "A +050.00 +060.00 10 PSIG");
    ck_assert_int_eq(rig_set(&r, "pressure_set", 60 * PSI_PA), 0);
    ck_assert_int_eq(rig_reply(&r, "A +050.00 +060.00 10 PSIG"), 0);
    ck_assert_int_eq(rig_reply(&r, "A +050.00 +060.00"), 0);
    expect_notice(&r, 0, NOTICE_SET_DONE, 60 * PSI_PA);
    /* given up */
    ck_assert_int_eq(rig_set(&r, "pressure_set", 70 * PSI_PA), 0);
    ck_assert_int_eq(rig_absorb(&r, XFER_TIMEOUT, "", 0), 0);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "A +050.00 +070.00"), 0);
    ck_assert_uint_eq(r.out.n_notices, 0);
    /* what identify left alone is judged by the next frame */
    alicat_learn(&r, "A +050.00 +080.00 10 PSIG");
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "A +050.00 +080.00"), 0);
    expect_notice(&r, 0, NOTICE_LOCAL, 80 * PSI_PA);
}
END_TEST

/* A set-point that stays is not the answer to 0. */
START_TEST(test_alicat_safe_is_proven)
{
    struct rig r;

    rig_named(&r, "alicat-pcd");
    ck_assert_int_eq(rig_safe(&r, SAFE_ALL), 0);
    ck_assert_int_eq(rig_reply(&r, "A U"), E_GARBLED);
    ck_assert_str_eq(rig_sent(&r), "ALS 0.00");
    ck_assert_int_eq(rig_reply(&r, "A +093.10 +093.10 10 PSIG"), E_GARBLED);
    ck_assert_int_eq(rig_reply(&r, "A +093.10 +093.10"), E_GARBLED);
    for (r.at = 0; r.at < 2;) {
        ck_assert_int_eq(rig_reply(&r, "?"), 0);
        ck_assert_uint_eq(r.out.notice[0].notice, NOTICE_SET_REFUSED);
    }
}
END_TEST

/* ---- Pavone ---- */

START_TEST(test_pavone_before_identify)
{
    static const uint8_t reply[] = {1, 3, 10, 0, 2, 0, 0, 0x5D, 0xC0, 0, 0, 0x5D, 0xC0};
    struct rig r;

    rig_named(&r, "pavone-dat1400");
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, reply, sizeof(reply)), 0);
    ck_assert_uint_eq(r.out.sample[0].quality, Q_INVALID); /* a division of unknown size */
    ck_assert_int_eq(rig_set(&r, "status", 0), E_UNSUPPORTED);
    ck_assert_int_eq(rig_open(&r, driver_find("pavone-dat1400"), 248, NULL), E_RANGE);
    ck_assert_int_eq(rig_open(&r, driver_find("pavone-dat1400"), 0, NULL), E_RANGE);
}
END_TEST

/* ---- Keithley ---- */

/* `sour`: what stands at the source; on with high impedance as off-state. */
static void smu_learn(struct rig *r, const char *state)
{
    ck_assert_int_eq(rig_identify(r), 0);
    ck_assert_int_eq(rig_reply(r, "KEITHLEY INSTRUMENTS,MODEL 2461,04512345,1.7.12b"), 0);
    ck_assert_int_eq(rig_reply(r, "SCPI"), 0);
    ck_assert_int_eq(rig_reply(r, state), 0);
}

#define SMU_CHARGING                                                                              \
    "1;HIMP;\"CURR:DC\";VOLT;+4.250000E+00;+9.600000E-04;+1.000000E-03;+0.000000E+00;+5.000000E+" \
    "00"
#define SMU_FRESH                                                                                 \
    "0;NORM;\"CURR:DC\";VOLT;+0.000000E+00;+1.050000E-04;+1.000000E-04;+0.000000E+00;+2.100000E+" \
    "01"

START_TEST(test_smu_serial)
{
    const char *serial = "04512346";
    struct rig r;

    ck_assert_int_eq(rig_open(&r, driver_find("keithley-2461"), 1, &serial), 0);
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(rig_reply(&r, "KEITHLEY INSTRUMENTS,MODEL 2461,04512345,1.7.12b"), 0);
    ck_assert_uint_eq(r.out.notice[0].notice, NOTICE_WRONG_DEVICE);
    ck_assert_uint_eq(r.plan.n, 1);
}
END_TEST

/* What it shall source must have been said since the last identify, or stand under current. */
START_TEST(test_smu_mode_needs_values)
{
    struct rig r;

    rig_named(&r, "keithley-2461");
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_OFF), 0);
    smu_learn(&r, SMU_FRESH);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), E_STATE);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), E_STATE);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_CURRENT), E_STATE);
    ck_assert_int_eq(rig_set(&r, "mode", 4), E_RANGE);
    rig_named(&r, "keithley-2461");
    smu_learn(&r, SMU_CHARGING);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), 0);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_CURRENT), E_STATE);
    ck_assert_int_eq(rig_set(&r, "voltage", 1), E_UNSUPPORTED);
}
END_TEST

/* The way down from the largest range, the longest message. */
START_TEST(test_smu_ladder)
{
    struct rig r;

    rig_named(&r, "keithley-2461");
    ck_assert_int_eq(rig_set(&r, "current_limit", 10e-6), 0);
    ck_assert_str_eq(rig_sent(&r),
                     "*CLS;:SOUR:VOLT:ILIM +7.000000E-02;:SENS:CURR:RANG +1.000000E-01"
                     ";:SOUR:VOLT:ILIM +1.000000E-03;:SENS:CURR:RANG +1.000000E-03"
                     ";:SOUR:VOLT:ILIM +1.000000E-05;:SENS:CURR:RANG +1.000000E-03"
                     ";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SYST:ERR?");
    ck_assert_int_eq(rig_set(&r, "current_limit", 2.17), 0);
    ck_assert_str_eq(rig_sent(&r),
                     "*CLS;:SOUR:VOLT:ILIM +2.170000E+00;:SENS:CURR:RANG +4.000000E+00"
                     ";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SYST:ERR?");
    /* the range did not follow */
    ck_assert_int_eq(rig_reply(&r, "+2.170000E+00;+7.000000E+00;0,\"No error\""), 0);
    expect_notice(&r, 0, NOTICE_SET_MISMATCH, 2.17);
    /* with the output on no step is above what stands */
    smu_learn(&r, SMU_CHARGING);
    ck_assert_int_eq(rig_set(&r, "current_limit", 12e-6), 0);
    ck_assert_str_eq(rig_sent(&r),
                     "*CLS;:SOUR:VOLT:ILIM +1.200000E-05;:SENS:CURR:RANG +1.000000E-03"
                     ";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SYST:ERR?");
}
END_TEST

/* A low voltage limit under a large range that may stand, and a dialogue that ends before the relay
 * closes. */
START_TEST(test_smu_limit_is_another)
{
    struct rig r;

    rig_named(&r, "keithley-2461");
    smu_learn(&r, SMU_FRESH);
    ck_assert_int_eq(rig_set(&r, "voltage_limit", 0.5), 0);
    ck_assert_int_eq(rig_reply(&r, "+5.000000E-01;0,\"No error\""), 0);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), 0);
    ck_assert_int_eq(rig_reply(&r, "HIMP"), 0);
    ck_assert_int_eq(rig_reply(&r, "0;0,\"No error\""), 0);
    ck_assert_int_eq(rig_reply(&r, "\"VOLT:DC\";CURR;HIMP;+0.000000E+00;0,\"No error\""), 0);
    ck_assert(str_starts(rig_sent(&r), ":SOUR:CURR:VLIM +1.000000E+00;:SENS:VOLT:RANG 20"
                                       ";:SOUR:CURR:VLIM +5.000000E-01;"));
    ck_assert_int_eq(rig_reply(&r, "+0.000000E+00;+1.000000E+00;+2.000000E+01;0,\"No error\""), 0);
    expect_notice(&r, 0, NOTICE_SET_MISMATCH, CYCLER_OFF);
    ck_assert_uint_eq(r.plan.n, r.at); /* OUTP ON is not planned */
}
END_TEST

/* The instrument ignores OUTP OFF, refuses a function, ignores OUTP ON. */
START_TEST(test_smu_dialogue_fails)
{
    struct rig r;

    rig_named(&r, "keithley-2461");
    smu_learn(&r, SMU_CHARGING);
    ck_assert_int_eq(rig_set(&r, "voltage_limit", 5), 0);
    ck_assert_int_eq(rig_reply(&r, "+5.000000E+00;0,\"No error\""), 0);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), 0);
    ck_assert_int_eq(rig_reply(&r, "HIMP"), 0);
    ck_assert_int_eq(rig_reply(&r, "1;0,\"No error\""), 0);
    expect_notice(&r, 0, NOTICE_SET_MISMATCH, CYCLER_VOLTAGE);
    ck_assert_uint_eq(r.plan.n, r.at);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), 0);
    ck_assert_int_eq(rig_reply(&r, "HIMP"), 0);
    ck_assert_int_eq(rig_reply(&r, "0;0,\"No error\""), 0);
    expect_notice(&r, 0, NOTICE_EDGE, 0);
    ck_assert_int_eq(rig_reply(&r, "\"VOLT:DC\";CURR;HIMP;+0.000000E+00;-113,\"Undefined header\""),
                     0);
    expect_notice(&r, 0, NOTICE_SET_REFUSED, CYCLER_REST);
    ck_assert_str_eq(r.out.notice[0].text, "-113,\"Undefined header\"");
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), 0);
    ck_assert_int_eq(rig_reply(&r, "HIMP"), 0);
    ck_assert_int_eq(rig_reply(&r, "0;0,\"No error\""), 0);
    ck_assert_int_eq(rig_reply(&r, "\"VOLT:DC\";CURR;HIMP;+0.000000E+00;0,\"No error\""), 0);
    ck_assert_int_eq(rig_reply(&r, "+0.000000E+00;+5.000000E+00;+2.000000E+01;0,\"No error\""), 0);
    ck_assert_int_eq(rig_reply(&r, "0;0,\"No error\""), 0);
    ck_assert_uint_eq(r.out.n_notices, 1);
    expect_notice(&r, 0, NOTICE_SET_MISMATCH, CYCLER_OFF);
}
END_TEST

START_TEST(test_smu_output_falls)
{
    static const struct {
        const char *why;
        enum notice notice;
    } row[] = {
        {"0;NORM", NOTICE_REBOOTED},
        {"0;HIMP", NOTICE_LOCAL   }
    };
    struct rig r;

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        rig_named(&r, "keithley-2461");
        smu_learn(&r, SMU_CHARGING);
        ck_assert_int_eq(rig_poll(&r), 0); /* after an identify the relay is looked at first */
        ck_assert_str_eq(rig_sent(&r), ":OUTP?;:OUTP:SMOD?");
        ck_assert_int_eq(rig_reply(&r, "1;HIMP"), 0);
        ck_assert_int_eq(rig_reply(&r, "+9.6E-04,+3.8E+00,200,0;+4.25E+00;+9.6E-04"), 0);
        ck_assert_uint_eq(r.out.n_samples, 2);
        ck_assert_uint_eq(r.out.n_notices, 0);
        ck_assert_int_eq(rig_poll(&r), 0);
        ck_assert_int_eq(rig_reply(&r, "+0.0E+00,+0.0E+00,8,0"), 0);
        ck_assert_uint_eq(r.out.sample[0].quality, Q_INVALID);
        expect_notice(&r, 0, NOTICE_EDGE, 0);
        ck_assert_int_eq(rig_reply(&r, row[i].why), 0);
        expect_notice(&r, 0, row[i].notice, CYCLER_OFF);
        ck_assert_int_eq(rig_poll(&r), 0);
        ck_assert_int_eq(rig_reply(&r, row[i].why), 0);
        ck_assert_uint_eq(r.out.n_notices, 0); /* once */
    }
    /* what was given before a restart is given no more */
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), 0);
    rig_named(&r, "keithley-2461");
    smu_learn(&r, SMU_CHARGING);
    smu_learn(&r, SMU_FRESH);
    ck_assert_uint_eq(r.out.notice[0].notice, NOTICE_EDGE);
    ck_assert_uint_eq(r.out.notice[1].notice, NOTICE_REBOOTED);
    ck_assert_uint_eq(r.out.notice[2].notice, NOTICE_IDENTIFIED);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), E_STATE);
}
END_TEST

/* A single set of the level moves its range in the order that never refuses. */
START_TEST(test_smu_current_source)
{
    struct rig r;

    rig_named(&r, "keithley-2461");
    smu_learn(&r, "1;HIMP;\"VOLT:DC\";CURR;+0.000000E+00;+1.050000E-04;+1.000000E-04;-2.000000E-03;"
                  "+5.000000E+00");
    ck_assert_int_eq(rig_set(&r, "current_set", 0.5e-3), 0);
    ck_assert_str_eq(rig_sent(&r), "*CLS;:SOUR:CURR +5.000000E-04;:SOUR:CURR:RANG +1.000000E-03"
                                   ";:SOUR:CURR?;:SYST:ERR?");
    ck_assert_int_eq(rig_reply(&r, "+5.000000E-04;0,\"No error\""), 0);
    expect_notice(&r, 0, NOTICE_EDGE, 1);
    expect_notice(&r, 1, NOTICE_SET_DONE, 0.5e-3);
    ck_assert_int_eq(rig_set(&r, "current_set", -50e-3), 0);
    ck_assert_str_eq(rig_sent(&r), "*CLS;:SOUR:CURR:RANG +1.000000E-01;:SOUR:CURR -5.000000E-02"
                                   ";:SOUR:CURR?;:SYST:ERR?");
    ck_assert_int_eq(rig_absorb(&r, XFER_TIMEOUT, "", 0), 0);
    ck_assert_int_eq(rig_poll(&r), 0); /* obeyed or not: ask, and blame nobody */
    ck_assert_int_eq(rig_reply(&r, "1;HIMP"), 0);
    ck_assert_int_eq(rig_reply(&r,
                               "1;HIMP;\"VOLT:DC\";CURR;+0.000000E+00;+1.050000E-04;+1.000000E-04;"
                               "-5.000000E-02;+5.000000E+00"),
                     0);
    ck_assert_uint_eq(r.out.n_notices, 0);
}
END_TEST

START_TEST(test_smu_safe_is_proven)
{
    struct rig r;

    rig_named(&r, "keithley-2461");
    ck_assert_int_eq(rig_safe(&r, SAFE_OUTPUT_OFF), 0);
    ck_assert_uint_eq(r.plan.n, 2);
    ck_assert_int_eq(rig_reply(&r, "NORM"), E_GARBLED);
    ck_assert_int_eq(rig_reply(&r, "1"), E_GARBLED);
    r.at = 0;
    ck_assert_int_eq(rig_reply(&r, "HIMP"), 0);
    ck_assert_int_eq(rig_reply(&r, "0"), 0);
    expect_notice(&r, 0, NOTICE_EDGE, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drivers one by one");
    TCase *tc = tcase_create("each");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, test_espec_address);
    tcase_add_test(tc, test_espec_set_points_are_tenths);
    tcase_add_test(tc, test_espec_lost_set);
    tcase_add_test(tc, test_espec_identify_does_not_judge);
    tcase_add_test(tc, test_espec_sensor);
    tcase_add_test(tc, test_alicat_full_scale);
    tcase_add_test(tc, test_alicat_identify_refuses);
    tcase_add_test(tc, test_alicat_lost_set);
    tcase_add_test(tc, test_alicat_safe_is_proven);
    tcase_add_test(tc, test_pavone_before_identify);
    tcase_add_test(tc, test_smu_serial);
    tcase_add_test(tc, test_smu_mode_needs_values);
    tcase_add_test(tc, test_smu_ladder);
    tcase_add_test(tc, test_smu_limit_is_another);
    tcase_add_test(tc, test_smu_dialogue_fails);
    tcase_add_test(tc, test_smu_output_falls);
    tcase_add_test(tc, test_smu_current_source);
    tcase_add_test(tc, test_smu_safe_is_proven);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
