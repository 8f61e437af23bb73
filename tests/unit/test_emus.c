/* What all emulators share, and the ESPEC P-300 against the example frames of its fact sheet. */
#include "base/attr.h"
#include "base/diag.h"
#include "base/rng.h"
#include "drivers/virtual/emu.h"
#include "tests/support/emu_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- What all share ---- */

START_TEST(test_send)
{
    struct emu_out out = {0};
    static const char filler[EMU_OUT_BYTES_MAX];

    emu_send(&out, 5, "ab", 2);
    emu_send(&out, 6, "", 0);
    emu_send(&out, 7, "cde", 3);
    ck_assert_uint_eq(out.n_pieces, 2);
    ck_assert_uint_eq(out.n_bytes, 5);
    ck_assert_int_eq(out.piece[1].at, 7);
    ck_assert_uint_eq(out.piece[1].start, 2);
    ck_assert_uint_eq(out.piece[1].n, 3);
    ck_assert_mem_eq(out.bytes, "abcde", 5);
    emu_send(&out, 8, filler, sizeof(filler));
    ck_assert_uint_eq(out.n_bytes, EMU_OUT_BYTES_MAX);
    ck_assert_uint_eq(out.dropped, 5);
    out = (struct emu_out){0};
    for (int i = 0; i < EMU_OUT_PIECES_MAX + 2; i++)
        emu_send(&out, i, "x", 1);
    ck_assert_uint_eq(out.n_pieces, EMU_OUT_PIECES_MAX);
    ck_assert_uint_eq(out.dropped, 2);
}
END_TEST

START_TEST(test_registry)
{
    static const char *const names[] = {"alicat-pcd",       "ea-psb",        "espec-p300",
                                        "generic-modbus",   "generic-scpi",  "keithley-2461",
                                        "keysight-daq970a", "pavone-dat1400"};
    size_t n = 0;

    for (; emus_all[n] != NULL; n++) {
        ck_assert_str_eq(emus_all[n]->name, names[n]);
        ck_assert_uint_le(emus_all[n]->state_size, EMU_STATE_MAX);
        ck_assert_ptr_eq(emu_find(names[n]), emus_all[n]);
    }
    ck_assert_uint_eq(n, ARRAY_LEN(names));
    ck_assert_ptr_null(emu_find("espec"));
    ck_assert_str_eq(emu_fault_name(FAULT_SILENT_IGNORE), "silent-ignore");
    ck_assert_str_eq(emu_fault_name(FAULT_WRONG_MODEL), "wrong-model");
    ck_assert_str_eq(emu_fault_name(FAULT_COUNT), "unknown");
}
END_TEST

START_TEST(test_refuses_wiring)
{
    for (size_t i = 0; emus_all[i] != NULL; i++) {
        uint8_t state[EMU_STATE_MAX] __attribute__((aligned(16))) = {0};
        struct emu_param param = {.unit = 0x30F};
        struct diag diag;

        diag_init(&diag);
        ck_assert_int_lt(emus_all[i]->power_on(state, &param, &(struct emu_env){0}, 0, &diag), 0);
        ck_assert(diag_has_errors(&diag));
    }
}
END_TEST

/* ---- ESPEC P-300 ---- */

START_TEST(test_espec_monitor)
{
    struct emu_rig r;

    emu_rig_begin(&r, "espec-p300", 0, false, emu_rig_ideal);
    ck_assert(!r.drive.on);
    r.sense.value = 273.15 + 24.1;
    SAYS(&r, "MODE,CONSTANT\r\n", "OK:MODE,CONSTANT\r\n");
    SAYS(&r, "MON?\r\n", "24.1,,CONSTANT,0\r\n");
    SAYS(&r, "TEMP?\r\n", "24.1,23.0,155.0,-45.0\r\n");
    SAYS(&r, "MODE?\r\n", "CONSTANT\r\n");
    SAYS(&r, "MODE?,DETAIL\r\n", "CONSTANT\r\n");
    SAYS(&r, "TYPE?\r\n", "T,P300,150.0\r\n");
    SAYS(&r, "ROM?\r\n", "JLC1.10\r\n");
    SAYS(&r, "ALARM?\r\n", "0\r\n");
    SAYS(&r, "SET?\r\n", "REF9\r\n");
    SAYS(&r, "CONSTANT SET?,TEMP\r\n", "23.0,ON\r\n");
    r.sense.value = 273.15 - 0.04;
    SAYS(&r, "MON?\r\n", "0.0,,CONSTANT,0\r\n");
    emu_rig_bytes(&r, NSEC_S, "MON?\r\n", 6);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 50 * NSEC_MS);
}
END_TEST

START_TEST(test_espec_set)
{
    struct emu_rig r;

    emu_rig_begin(&r, "espec-p300", 0, false, emu_rig_ideal);
    SAYS(&r, "TEMP,S60.0\r\n", "OK:TEMP,S60.0\r\n");
    emu_rig_near(r.drive.set, 333.15, 1e-9);
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    emu_rig_near(r.emu->standing(r.state), 333.15, 1e-9);
    SAYS(&r, "POWER,ON\r\n", "OK:POWER,ON\r\n");
    ck_assert(r.drive.on && r.emu->energized(r.state));
    SAYS(&r, "TEMP, S25.0\r\n", "OK:TEMP, S25.0\r\n");
    emu_rig_near(r.drive.set, 298.15, 1e-9);
    /* limits of the same command come first, and it is all or nothing */
    SAYS(&r, "TEMP, H80.0 L-20.0\r\n", "OK:TEMP, H80.0 L-20.0\r\n");
    SAYS(&r, "TEMP,S90.0\r\n", "NA:DATA OUT OF RANGE\r\n");
    SAYS(&r, "TEMP,S90.0 H200.0\r\n", "NA:DATA OUT OF RANGE\r\n");
    SAYS(&r, "TEMP,H20.0\r\n", "NA:DATA OUT OF RANGE\r\n");
    SAYS(&r, "TEMP,L30.0\r\n", "NA:DATA OUT OF RANGE\r\n");
    SAYS(&r, "TEMP,S90.0 H100.0\r\n", "OK:TEMP,S90.0 H100.0\r\n");
    SAYS(&r, "CONSTANT SET?,TEMP\r\n", "90.0,ON\r\n");
    SAYS(&r, "TEMP?\r\n", "-273.1,90.0,100.0,-20.0\r\n");
    SAYS(&r, "MODE,STANDBY\r\n", "OK:MODE,STANDBY\r\n");
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
}
END_TEST

START_TEST(test_espec_refusals)
{
    struct emu_rig r;

    emu_rig_begin(&r, "espec-p300", 0, false, emu_rig_ideal);
    SAYS(&r, "HELLO?\r\n", "NA:CMD ERR\r\n");
    SAYS(&r, "mon?\r\n", "NA:CMD ERR\r\n");
    SAYS(&r, "\r\n", "NA:CMD ERR\r\n");
    SAYS(&r, "1,MON?\r\n", "NA:ADDR ERR\r\n");
    SAYS(&r, "TEMP\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "TEMP,\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "TEMP,S\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "TEMP,Sx\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "TEMP,X5.0\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "MODE,FULL\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "MODE,RUN1\r\n", "NA:DATA NOT READY\r\n");
    SAYS(&r, "HUMI?\r\n", "NA:CONT NOT READY-1\r\n");
    SAYS(&r, "PRGM MON?\r\n", "NA:CONT NOT READY-2\r\n");
    SAYS(&r, "KEYPROTECT,ON\r\n", "NA:CONT NOT READY-4\r\n");
    SAYS(&r, "SET,REF5\r\n", "NA:PARA ERR\r\n");
    SAYS(&r, "SET,REF6\r\n", "OK:SET,REF6\r\n");
    SAYS(&r, "SET?\r\n", "REF6\r\n");
    SAYS(&r, "DATE?\r\n", "NA:INVALID REQ\r\n");
}
END_TEST

START_TEST(test_espec_addressed)
{
    struct emu_rig r;

    emu_rig_begin(&r, "espec-p300", 1, true, emu_rig_ideal);
    r.sense.value = 273.15 + 24.1;
    SAYS(&r, "1,MON?\r\n", "24.1,,OFF,0\r\n"); /* a monitor reply carries no address */
    SAYS(&r, "1,MODE,OFF\r\n", "OK:1,MODE,OFF\r\n");
    SAYS(&r, "1,TEMP,S23.0\r\n", "OK:1,TEMP,S23.0\r\n");
    SAYS(&r, "2,MON?\r\n", "");
    SAYS(&r, "MON?\r\n", "");
    SAYS(&r, "1,X\r\n", "NA:CMD ERR\r\n");
}
END_TEST

START_TEST(test_espec_faults)
{
    struct emu_rig r;

    emu_rig_begin(&r, "espec-p300", 0, false, emu_rig_ideal);
    r.sense.value = 273.15 + 60.0;
    SAYS(&r, "TEMP,S60.0\r\n", "OK:TEMP,S60.0\r\n");
    SAYS(&r, "MODE,CONSTANT\r\n", "OK:MODE,CONSTANT\r\n");

    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    SAYS(&r, "TEMP,S40.0\r\n", "OK:TEMP,S40.0\r\n");
    emu_rig_near(r.emu->standing(r.state), 333.15, 1e-9);
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);

    emu_rig_fault(&r, FAULT_REFUSE, true);
    SAYS(&r, "TEMP,S40.0\r\n", "NA:PROTECT ON\r\n");
    SAYS(&r, "MODE,CONSTANT\r\n", "NA:PROTECT ON\r\n");
    emu_rig_fault(&r, FAULT_REFUSE, false);

    SAYS(&r, "MON?\r\n", "60.0,,CONSTANT,0\r\n");
    emu_rig_fault(&r, FAULT_STUCK, true);
    r.sense.value = 273.15 + 70.0;
    SAYS(&r, "MON?\r\n", "60.0,,CONSTANT,0\r\n");
    emu_rig_fault(&r, FAULT_STUCK, false);
    SAYS(&r, "MON?\r\n", "70.0,,CONSTANT,0\r\n");

    emu_rig_fault(&r, FAULT_SENSOR_OPEN, true);
    SAYS(&r, "MON?\r\n", "999.9,,CONSTANT,0\r\n");
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, false);

    emu_rig_fault(&r, FAULT_WRONG_MODEL, true);
    SAYS(&r, "TYPE?\r\n", "T,T,S2,160.0\r\n");
    emu_rig_fault(&r, FAULT_WRONG_MODEL, false);

    emu_rig_fault(&r, FAULT_LOCAL, true);
    SAYS(&r, "CONSTANT SET?,TEMP\r\n", "23.0,ON\r\n");
    emu_rig_near(r.drive.set, 296.15, 1e-9);
    ck_assert(r.emu->energized(r.state));

    emu_rig_fault(&r, FAULT_ALARM, true);
    SAYS(&r, "MON?\r\n", "70.0,,OFF,1\r\n");
    SAYS(&r, "ALARM?\r\n", "1,1\r\n");
    SAYS(&r, "MODE,CONSTANT\r\n", "NA:CHB NOT READY\r\n");
    ck_assert(!r.drive.on && !r.emu->energized(r.state));
    emu_rig_fault(&r, FAULT_ALARM, false);

    SAYS(&r, "MODE,CONSTANT\r\n", "OK:MODE,CONSTANT\r\n");
    emu_rig_power(&r); /* reboot */
    ck_assert(!r.drive.on);
    SAYS(&r, "MON?\r\n", "70.0,,OFF,0\r\n");
}
END_TEST

/* Switching off works whatever is wrong. */
START_TEST(test_espec_off_always)
{
    struct emu_rig r;

    emu_rig_begin(&r, "espec-p300", 0, false, emu_rig_ideal);
    for (int f = FAULT_NONE + 1; f < FAULT_COUNT; f++) {
        if ((r.emu->faults & 1U << f) == 0 || f == FAULT_REBOOT)
            continue;
        emu_rig_power(&r);
        (void)emu_rig_say(&r, "MODE,CONSTANT\r\n");
        emu_rig_fault(&r, (enum emu_fault)f, true);
        SAYS(&r, "MODE,STANDBY\r\n", "OK:MODE,STANDBY\r\n");
        ck_assert(!r.emu->energized(r.state) && !r.drive.on);
    }
}
END_TEST

START_TEST(test_espec_error)
{
    struct emu_rig r;
    double sum = 0.0, square = 0.0;

    emu_rig_begin(&r, "espec-p300", 0, false, (struct emu_error){.offset = 0.8});
    r.sense.value = 273.15 + 30.0;
    for (int i = 0; i < 2000; i++) {
        double v = emu_rig_number(emu_rig_say(&r, "TEMP?\r\n"));

        sum += v;
        square += (v - 30.4) * (v - 30.4);
    }
    emu_rig_near(sum / 2000, 30.4, 0.01);           /* 0.8 of 0.5 K */
    emu_rig_near(sqrt(square / 2000), 0.058, 0.01); /* 0.05 K and the rounding to 0.1 K */
    (void)emu_rig_say(&r, "TEMP,S60.0\r\n");
    emu_rig_near(r.drive.set, 333.15 - 0.4, 1e-9); /* it regulates what it shows */
}
END_TEST

/* ---- Splits and noise on the line ---- */

START_TEST(test_splits)
{
    static const char espec[] = "1,MON?\r\n2,MON?\r\n1,TEMP,S60.0\r\n1,TEMP?\r\n1,NONSENSE\r\n";
    static const char alicat[] = "A\rAS 93.1\rB\rA??D*\rALSS\rAXX\r";
    static const char keithley[] =
        "*IDN?\nSOUR:VOLT 4.25;:SOUR:VOLT?\nREAD? \"defbuffer1\",READ,SOUR\nX\nSYST:ERR?\n";
    static const uint8_t pavone[] = {0x01, 0x03, 0x00, 0x00, 0x00, 0x05, 0x85, 0xC9,
                                     0x02, 0x03, 0x00, 0x00, 0x00, 0x01, 0x84, 0x39,
                                     0x01, 0x03, 0x00, 0x00, 0x00, 0x05, 0x85, 0xC9};
    struct port_sense at_300 = {.value = 300.0, .voltage_v = 3.7, .current_a = 1e-5};

    emu_rig_every_split("espec-p300", 1, true, &at_300, espec, sizeof(espec) - 1);
    emu_rig_every_split("alicat-pcd", 'A', true, &at_300, alicat, sizeof(alicat) - 1);
    emu_rig_every_split("keithley-2461", 0, false, &at_300, keithley, sizeof(keithley) - 1);
    emu_rig_every_split("pavone-dat1400", 1, true, &at_300, pavone, sizeof(pavone));
}
END_TEST

START_TEST(test_any_bytes)
{
    static const char pieces[] = "AS?1,MON:;*\"#(@\r\n\r\nTEMP SOUR:VOLT \x01\x03\x10\xFF 9e99-.";

    for (size_t k = 0; emus_all[k] != NULL; k++) {
        struct emu_rig r;

        emu_rig_begin(&r, emus_all[k]->name, strcmp(emus_all[k]->name, "alicat-pcd") == 0 ? 'A' : 1,
                      false, (struct emu_error){0});
        for (int i = 0; i < 20000; i++) {
            uint8_t bytes[16];
            uint32_t n = 1 + rng_below(&r.rng, sizeof(bytes));

            for (uint32_t j = 0; j < n; j++)
                bytes[j] =
                    (uint8_t)(i % 3 == 0 ? rng_u64(&r.rng)
                                         : (uint64_t)pieces[rng_below(&r.rng, sizeof(pieces))]);
            r.now += NSEC_MS;
            emu_rig_bytes(&r, i % 2 == 0 ? NSEC_S : 0, bytes, n);
            if (r.out.n_pieces > 0) {
                ck_assert_int_ge(r.out.piece[0].at, r.now);
                r.out = (struct emu_out){0};
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_send);
    tcase_add_test(t, test_registry);
    tcase_add_test(t, test_refuses_wiring);
    tcase_add_test(t, test_espec_monitor);
    tcase_add_test(t, test_espec_set);
    tcase_add_test(t, test_espec_refusals);
    tcase_add_test(t, test_espec_addressed);
    tcase_add_test(t, test_espec_faults);
    tcase_add_test(t, test_espec_off_always);
    tcase_add_test(t, test_espec_error);
    tcase_add_test(t, test_splits);
    tcase_add_test(t, test_any_bytes);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
