/* The Keithley 2461 emulator against its fact sheet. */
#include "drivers/virtual/emu.h"
#include "tests/support/emu_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Keithley 2461 ---- */

START_TEST(test_keithley_common)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    SAYS(&r, "*IDN?\n", "KEITHLEY INSTRUMENTS,MODEL 2461,04000001,1.7.12b\n");
    SAYS(&r, "*LANG?\n", "SCPI\n");
    SAYS(&r, "*OPC?\r\n", "1\n");
    SAYS(&r, "SYST:ERR?\n", "0,\"No error;0;0 0\"\n");
    SAYS(&r, "*CLS\n", "");
    SAYS(&r, "OUTP?;*OPC?;:SOUR:VOLT?\n", "0;1;+0.000000E+00\n");
    SAYS(&r, "SOUR:VOLT 4.25;:SOUR:VOLT?\n", "+4.250000E+00\n");
    SAYS(&r, "SOUR:VOLT:ILIM 0.5;READ:BACK?\n", "1\n"); /* the path goes on */
    SAYS(&r, ":SOURCE1:VOLTAGE:ILIMIT:LEVEL?\n", "+5.000000E-01\n");
    SAYS(&r, "*STB?\n", "0\n");
    emu_rig_near(r.emu->standing(r.state), 4.25, 0);
    r.now += NSEC_S;
    emu_rig_bytes(&r, NSEC_S, "*IDN?\n", 6);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 2 * NSEC_MS);
}
END_TEST

START_TEST(test_keithley_errors)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    SAYS(&r, "HELLO 3\n", "");
    SAYS(&r, "SYST:ERR?\n", "-113,\"Undefined header;1;0 0\"\n");
    SAYS(&r, "SOUR:VOLT 106\n", "");
    SAYS(&r, "SYST:ERR?\n", "-222,\"Parameter data out of range;1;0 0\"\n");
    SAYS(&r, "SOUR:VOLT 1,2\n", "");
    SAYS(&r, "SOUR:VOLT\n", "");
    SAYS(&r, "SOUR:VOLT x\n", "");
    SAYS(&r, "SOUR:FUNC RES\n", "");
    SAYS(&r, "*STB?\n", "4\n");
    SAYS(&r, "SYST:ERR:COUN?\n", "4\n");
    SAYS(&r, "SYST:ERR?\n", "-108,\"Parameter not allowed;1;0 0\"\n");
    SAYS(&r, "SYST:ERR?\n", "-109,\"Missing parameter;1;0 0\"\n");
    SAYS(&r, "SYST:ERR?\n", "-104,\"Data type error;1;0 0\"\n");
    SAYS(&r, "SYST:ERR?\n", "-224,\"Illegal parameter value;1;0 0\"\n");
    SAYS(&r, "SYST:ERR?\n", "0,\"No error;0;0 0\"\n");
    SAYS(&r, "*ESR?\n", "176\n");   /* power on, command and execution error */
    SAYS(&r, "HELLO?;*OPC?\n", ""); /* a command error ends its message */
    for (int i = 0; i < 15; i++)
        SAYS(&r, "X\n", "");
    for (int i = 0; i < 9; i++)
        SAYS(&r, "SYST:ERR?\n", "-113,\"Undefined header;1;0 0\"\n");
    SAYS(&r, "SYST:ERR?\n", "-350,\"Queue overflow;1;0 0\"\n");
    SAYS(&r, "SYST:ERR?\n", "0,\"No error;0;0 0\"\n");
}
END_TEST

static void to_battery(struct emu_rig *r)
{
    SAYS(r, "*RST;*CLS\n", "");
    SAYS(r, "OUTP:SMOD HIMP\n", "");
    SAYS(r, "SENS:FUNC \"CURR\"\n", "");
    SAYS(r, "SOUR:FUNC VOLT\n", "");
    SAYS(r, "SOUR:VOLT 4.25;:SOUR:VOLT:RANG 20;:SOUR:VOLT:ILIM 0.00096\n", "");
    SAYS(r, "SENS:CURR:RANG 0.001;:SENS:CURR:RSEN ON\n", "");
    SAYS(r, "SYST:ERR?\n", "0,\"No error;0;0 0\"\n");
}

START_TEST(test_keithley_output_off)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    /* power-on: NORMal, a short */
    ck_assert(r.drive.on);
    emu_rig_near(r.drive.v_max, 0.0, 0);
    emu_rig_near(r.drive.v_min, 0.0, 0);
    ck_assert(r.drive.i_max > 0.0);
    ck_assert(!r.emu->energized(r.state));
    to_battery(&r);
    ck_assert(!r.drive.on); /* relay open */
    SAYS(&r, "OUTP:SMOD?\n", "HIMP\n");
    SAYS(&r, "OUTP:VOLT:SMOD?;:OUTP:CURR:SMOD?\n", "HIMP;HIMP\n");
    SAYS(&r, "OUTP ON\n", "");
    ck_assert(r.drive.on && r.emu->energized(r.state));
    emu_rig_near(r.drive.v_max, 4.25, 0);
    emu_rig_near(r.drive.v_min, 4.25, 0);
    emu_rig_near(r.drive.i_max, 0.00096, 0);
    emu_rig_near(r.drive.i_min, -0.00096, 0);
    SAYS(&r, "SENS:CURR:RSEN?\n", "1\n");
    SAYS(&r, "OUTP OFF\n", "");
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    SAYS(&r, "SENS:CURR:RSEN?\n", "0\n"); /* forgotten */
    SAYS(&r, "OUTP:SMOD NORM\n", "");
    ck_assert(r.drive.on);
    emu_rig_near(r.drive.v_max, 0.0, 0);
}
END_TEST

START_TEST(test_keithley_functions)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    to_battery(&r);
    SAYS(&r, "OUTP ON\n", "");
    SAYS(&r, "SOUR:FUNC VOLT\n", ""); /* no change */
    SAYS(&r, "OUTP?\n", "1\n");
    SAYS(&r, "SOUR:FUNC CURR\n", "");
    SAYS(&r, "OUTP?;:SOUR:FUNC?\n", "0;CURR\n"); /* switched off by itself */
    ck_assert(!r.drive.on);
    SAYS(&r, "SOUR:CURR 0;:SOUR:CURR:VLIM 4.4;:OUTP ON\n", "");
    ck_assert(r.drive.on && !r.emu->energized(r.state)); /* a voltmeter */
    emu_rig_near(r.drive.i_max, 0.0, 0);
    emu_rig_near(r.drive.i_min, 0.0, 0);
    emu_rig_near(r.drive.v_max, 4.4, 0);
    emu_rig_near(r.drive.v_min, -4.4, 0);
    SAYS(&r, "SOUR:CURR -0.001\n", "");
    emu_rig_near(r.drive.i_max, -0.001, 0);
    ck_assert(r.emu->energized(r.state));
    SAYS(&r, "SENS:FUNC \"VOLT\"\n", "");
    SAYS(&r, "OUTP?;:SENS:FUNC?\n", "0;\"VOLT:DC\"\n");
    /* the off-state is kept with the source function */
    SAYS(&r, "OUTP:CURR:SMOD NORM;:OUTP:SMOD?;:SOUR:FUNC VOLT;:OUTP:SMOD?\n", "NORM;HIMP\n");
}
END_TEST

START_TEST(test_keithley_limits)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    to_battery(&r);
    SAYS(&r, "SENS:CURR:RANG?\n", "+1.000000E-03\n");
    SAYS(&r, "SENS:CURR:RANG 0.0096;:SENS:CURR:RANG?\n", "+1.000000E-02\n");
    SAYS(&r, "SENS:CURR:RANG 2.5;:SENS:CURR:RANG?\n", "+4.000000E+00\n");
    SAYS(&r, "SOUR:VOLT:ILIM?\n", "+4.000000E-02\n"); /* lifted to 1 % of the range */
    SAYS(&r, "SOUR:VOLT:ILIM 0.03\n", "");
    SAYS(&r, "SYST:ERR?\n", "-222,\"Parameter data out of range;1;0 0\"\n");
    SAYS(&r, "SOUR:VOLT:ILIM -1\n", "");
    SAYS(&r, "SYST:ERR?\n", "-222,\"Parameter data out of range;1;0 0\"\n");
    SAYS(&r, "SOUR:VOLT:ILIM 0.04;:SOUR:VOLT:ILIM?\n", "+4.000000E-02\n");
    SAYS(&r, "SOUR:VOLT:ILIM MAX;ILIM?\n", "+7.350000E+00\n");
    SAYS(&r, "SOUR:VOLT 22\n", "");
    SAYS(&r, "SYST:ERR?\n", "-222,\"Parameter data out of range;1;0 0\"\n"); /* above its range */
    SAYS(&r, "SOUR:VOLT:RANG 2\n", "");
    SAYS(&r, "SYST:ERR?\n", "-221,\"Settings conflict;1;0 0\"\n");
    SAYS(&r, "SENS:CURR:RANG:AUTO?;:SENS:CURR:RANG:AUTO ON;:SENS:CURR:RANG:AUTO?\n", "0;1\n");
}
END_TEST

START_TEST(test_keithley_read)
{
    struct emu_rig r;
    nsec at;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    to_battery(&r);
    SAYS(&r, "OUTP ON\n", "");
    r.sense = (struct port_sense){.voltage_v = 3.9, .current_a = 0.00096, .limit = 'I'};
    SAYS(&r, "READ?\n", "+9.600000E-04\n");
    r.now += NSEC_S;
    SAYS(&r, "READ? \"defbuffer1\",READ,SOUR,REL,STAT\n",
         "+9.600000E-04,+3.900000E+00,1.000000,8\n");
    /* on, four wires, limited, read back: 128 + 64 + 32 + 8 */
    SAYS(&r, "READ? \"defbuffer1\",SOUR,SOURSTAT,UNIT\n", "+3.900000E+00,232,Amp DC\n");
    SAYS(&r, "SOUR:VOLT:ILIM:TRIP?;:SOUR:CURR:VLIM:TRIP?\n", "1;0\n");
    SAYS(&r, "TRAC:ACT?\n", "3\n");
    SAYS(&r, "TRAC:DATA? 1,2,\"defbuffer1\",READ,SOUR\n",
         "+9.600000E-04,+3.900000E+00,+9.600000E-04,+3.900000E+00\n");
    SAYS(&r, "FETC?\n", "+9.600000E-04\n");
    SAYS(&r, "TRAC:CLE \"defbuffer1\";:TRAC:ACT?\n", "0\n");
    SAYS(&r, "READ? \"mine\"\n", "");
    SAYS(&r, "SYST:ERR?\n", "-224,\"Illegal parameter value;1;0 0\"\n");
    /* read-back doubles one power line cycle of 20 ms */
    r.now += NSEC_S;
    emu_rig_bytes(&r, NSEC_S, "READ?\n*OPC?\n", 12);
    at = r.out.piece[0].at;
    ck_assert_int_eq(at, r.now + 42 * NSEC_MS);
    ck_assert_int_eq(r.out.piece[1].at, at + 2 * NSEC_MS); /* one after the other */
    (void)emu_rig_collect(&r);
    r.now += NSEC_S;
    SAYS(&r, "SOUR:VOLT:READ:BACK OFF;:SENS:CURR:NPLC 5\n", "");
    r.now += NSEC_S;
    emu_rig_bytes(&r, NSEC_S, "READ? \"defbuffer1\",SOUR\n", 24);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 102 * NSEC_MS);
    ck_assert_str_eq(emu_rig_collect(&r), "+4.250000E+00\n"); /* the programmed one */
    /* a fixed range is exceeded above 105 % */
    r.sense.current_a = 0.00106;
    SAYS(&r, "READ? \"defbuffer1\",READ,STAT\n", "+9.900000E+37,9\n");
}
END_TEST

START_TEST(test_keithley_off_reads_nothing)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    to_battery(&r);
    SAYS(&r, "SENS:FUNC \"VOLT\"\n", "");
    r.sense = (struct port_sense){.voltage_v = 3.9};
    SAYS(&r, "READ? \"defbuffer1\",READ,SOURSTAT\n", "+0.000000E+00,8\n"); /* relay open, says so */
    SAYS(&r, "SOUR:FUNC CURR;:SOUR:CURR 0;:SOUR:CURR:VLIM 4.4;:OUTP ON\n", "");
    SAYS(&r, "READ? \"defbuffer1\",READ,SOUR\n", "+3.900000E+00,+0.000000E+00\n");
}
END_TEST

START_TEST(test_keithley_faults)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    to_battery(&r);
    SAYS(&r, "OUTP ON\n", "");
    r.sense = (struct port_sense){.voltage_v = 3.9, .current_a = 0.0005};

    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    SAYS(&r, "SOUR:VOLT 2.5;:SOUR:VOLT?;:SYST:ERR?\n", "+4.250000E+00;0,\"No error;0;0 0\"\n");
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);

    emu_rig_fault(&r, FAULT_REFUSE, true);
    SAYS(&r, "SOUR:VOLT 2.5;:SOUR:VOLT?\n", "+4.250000E+00\n");
    SAYS(&r, "SYST:ERR?\n", "-221,\"Settings conflict;1;0 0\"\n");
    emu_rig_fault(&r, FAULT_REFUSE, false);

    SAYS(&r, "READ?\n", "+5.000000E-04\n");
    emu_rig_fault(&r, FAULT_STUCK, true);
    r.sense.current_a = 0.0001;
    SAYS(&r, "READ?\n", "+5.000000E-04\n");
    emu_rig_fault(&r, FAULT_STUCK, false);
    SAYS(&r, "READ?\n", "+1.000000E-04\n");

    emu_rig_fault(&r, FAULT_SENSOR_OPEN, true);
    SAYS(&r, "READ? \"defbuffer1\",READ,SOUR\n", "+1.000000E-04,+9.900000E+37\n");
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, false);

    emu_rig_fault(&r, FAULT_LOCAL, true);
    SAYS(&r, "SOUR:VOLT?;:SOUR:VOLT:ILIM?\n", "+4.150000E+00;+8.640000E-04\n");
    emu_rig_near(r.drive.v_max, 4.15, 1e-12);
    emu_rig_fault(&r, FAULT_LOCAL, false);

    emu_rig_fault(&r, FAULT_WRONG_MODEL, true);
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "*IDN?\n"), "MODEL 2450"));
    emu_rig_fault(&r, FAULT_WRONG_MODEL, false);

    emu_rig_fault(&r, FAULT_ALARM, true);
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    SAYS(&r, "OUTP?\n", "0\n");
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "SYST:ERR?\n"), "over temperature"));
    SAYS(&r, "READ? \"defbuffer1\",SOURSTAT\n", "24\n");
    SAYS(&r, "OUTP ON;:OUTP?\n", "0\n");
    emu_rig_fault(&r, FAULT_ALARM, false);

    emu_rig_power(&r); /* reboot: the short is back */
    ck_assert(r.drive.on);
    emu_rig_near(r.drive.v_max, 0.0, 0);
}
END_TEST

START_TEST(test_keithley_off_always)
{
    struct emu_rig r;

    emu_rig_begin(&r, "keithley-2461", 0, false, emu_rig_ideal);
    for (int f = FAULT_NONE + 1; f < FAULT_COUNT; f++) {
        if ((r.emu->faults & 1U << f) == 0 || f == FAULT_REBOOT)
            continue;
        emu_rig_power(&r);
        to_battery(&r);
        SAYS(&r, "OUTP ON\n", "");
        emu_rig_fault(&r, (enum emu_fault)f, true);
        SAYS(&r, "OUTP OFF\n", "");
        ck_assert(!r.emu->energized(r.state) && !r.drive.on);
    }
}
END_TEST

START_TEST(test_keithley_error)
{
    struct emu_rig r;
    double sum = 0.0, square = 0.0;

    emu_rig_begin(&r, "keithley-2461", 0, false, (struct emu_error){.gain = 1.0, .offset = -0.5});
    to_battery(&r);
    SAYS(&r, "OUTP ON\n", "");
    /* the set-point is off by its range's accuracy, the limit by that of its own */
    emu_rig_near(r.drive.v_max, (4.25 + 0.0005) / 1.00015, 1e-9);
    emu_rig_near(r.drive.i_max, (0.00096 + 100e-9) / 1.0002, 1e-12);
    r.sense = (struct port_sense){.voltage_v = 4.0, .current_a = -0.0005};
    for (int i = 0; i < 1000; i++) {
        const char *reply = emu_rig_say(&r, "READ? \"defbuffer1\",READ,SOUR\n");
        double i_a = emu_rig_number(reply);

        emu_rig_near(emu_rig_number(strchr(reply, ',') + 1), 4.0 * 1.00015 - 0.0005, 2e-4);
        sum += i_a;
        square += (i_a + 0.0005002) * (i_a + 0.0005002);
    }
    emu_rig_near(sum / 1000, -0.0005 * 1.0002 - 100e-9, 2e-10);
    emu_rig_near(sqrt(square / 1000), 1.04e-9, 0.1e-9); /* noise and steps of 1e-6 of the range */
    /* what it sources it shows as it was asked for */
    r.sense.voltage_v = r.drive.v_max;
    emu_rig_near(emu_rig_number(emu_rig_say(&r, "READ? \"defbuffer1\",SOUR\n")), 4.25, 2e-4);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-keithley");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_keithley_common);
    tcase_add_test(t, test_keithley_errors);
    tcase_add_test(t, test_keithley_output_off);
    tcase_add_test(t, test_keithley_functions);
    tcase_add_test(t, test_keithley_limits);
    tcase_add_test(t, test_keithley_read);
    tcase_add_test(t, test_keithley_off_reads_nothing);
    tcase_add_test(t, test_keithley_faults);
    tcase_add_test(t, test_keithley_off_always);
    tcase_add_test(t, test_keithley_error);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
