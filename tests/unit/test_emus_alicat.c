/* The Alicat PCD emulator against the example frames of its fact sheet. */
#include "base/attr.h"
#include "drivers/virtual/emu.h"
#include "tests/support/emu_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* ---- Alicat ---- */

static const double psi = 6894.757293168;

START_TEST(test_alicat_frames)
{
    struct emu_rig r;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, emu_rig_ideal);
    r.sense.value = 14.70 * psi;
    SAYS(&r, "ALS 14.7\r", "A +014.70 +014.70 10 PSIG\r");
    SAYS(&r, "A\r", "A +014.70 +014.70\r");
    SAYS(&r, "a\r", "A +014.70 +014.70\r");
    emu_rig_near(r.drive.set, 14.7 * psi, 1e-6);
    SAYS(&r, "ALS\r", "A +014.70 +014.70 10 PSIG\r");
    SAYS(&r, "AS 93.1\r", "A +093.10 +093.10 10 PSIG\r");
    SAYS(&r, "as5.44\r", "A +005.44 +005.44 10 PSIG\r");
    emu_rig_near(r.emu->standing(r.state), 5.44 * psi, 1e-6);
    SAYS(&r, "ALSS\r", "A S\r");
    SAYS(&r, "ALV\r", "A 38\r");
    SAYS(&r, "AFPF 6\r", "A +150.00 10 PSIG\r");
    SAYS(&r, "ADCU 6\r", "A 10 PSIG\r");
    SAYS(&r, "AVE\r", "A   10v20.0-R24 Jan  9 2025,15:04:07\r");
    SAYS(&r, "ADV 10 6 38 5\r", "+014.70 +005.44 --\r"); /* no unit id */
    SAYS(&r, "A32000\r", "A +014.70 +075.00\r");
    r.sense.value = -0.12 * psi;
    SAYS(&r, "A\r", "A -000.12 +075.00\r");
    SAYS(&r, "ANCS 50\r", "A 50\r");
    emu_rig_bytes(&r, NSEC_S, "A\r", 2);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 5 * NSEC_MS);
}
END_TEST

START_TEST(test_alicat_pages)
{
    struct emu_rig r;
    const char *reply;
    int lines = 0;

    emu_rig_begin(&r, "alicat-pcd", 'B', true, emu_rig_ideal);
    reply = emu_rig_say(&r, "B??M*\r");
    ck_assert_ptr_nonnull(strstr(reply, "\rB M04 Model Number PCD-150PSIG-D\r"));
    ck_assert_ptr_nonnull(strstr(reply, "\rB M09 Software Revision 10v20"));
    for (const char *p = reply; (p = strchr(p, '\r')) != NULL; p++)
        lines++;
    ck_assert_int_eq(lines, 10);
    reply = emu_rig_say(&r, "B??D*\r");
    ck_assert_ptr_nonnull(strstr(reply, "B D00 ID_ NAME"));
    ck_assert_ptr_nonnull(strstr(reply, "\rB D01 006 Gauge Press s decimal 7/2 010 02 PSIG\r"));
    ck_assert_ptr_nonnull(
        strstr(reply, "\rB D02 038 Gauge Press Setpt s decimal 7/2 010 02 PSIG\r"));
    SAYS(&r, "A\r", "");
    SAYS(&r, "B\r", "B +000.00 +000.00\r");
}
END_TEST

START_TEST(test_alicat_refusals)
{
    static const char *const lines[] = {
        "AE\r",     "AXYZ\r",   "AS 150.5\r", "AS -1\r",  "AS 1 2\r",   "ALS x\r",
        "ALSS Q\r", "ALV 34\r", "AFPF\r",     "AFPF 5\r", "ADCU 6 7\r", "ADV 0 6\r",
        "ADV 10\r", "A70000\r", "A$$H\r",     "AT\r",     "AR122\r"};
    struct emu_rig r;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, emu_rig_ideal);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        ck_assert_msg(strcmp(emu_rig_say(&r, lines[i]), "?\r") == 0, "%s", lines[i]);
    SAYS(&r, "\r", "");
    SAYS(&r, "AS 150\r", "A +150.00 +150.00 10 PSIG\r");
}
END_TEST

START_TEST(test_alicat_hold)
{
    struct emu_rig r;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, emu_rig_ideal);
    ck_assert(!r.emu->energized(r.state));
    (void)emu_rig_say(&r, "AS 50\r");
    ck_assert(r.emu->energized(r.state));
    r.sense.value = 50.0 * psi;
    SAYS(&r, "AHC\r", "A +050.00 +050.00 HLD\r");
    SAYS(&r, "AS 0\r", "A +000.00 +000.00 10 PSIG\r");
    emu_rig_near(r.drive.set, 50.0 * psi, 1e-6); /* trapped */
    ck_assert(r.emu->energized(r.state));
    SAYS(&r, "AC\r", "A +050.00 +000.00\r");
    emu_rig_near(r.drive.set, 0.0, 1e-9);
    ck_assert(!r.emu->energized(r.state));
    SAYS(&r, "AL\r", "A +050.00 +000.00 LCK\r");
    SAYS(&r, "AU\r", "A +050.00 +000.00\r");
}
END_TEST

START_TEST(test_alicat_faults)
{
    struct emu_rig r;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, emu_rig_ideal);
    (void)emu_rig_say(&r, "AS 50\r");
    r.sense.value = 50.0 * psi;

    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    SAYS(&r, "AS 60\r", "A +050.00 +060.00 10 PSIG\r");
    SAYS(&r, "A\r", "A +050.00 +050.00\r");
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);

    emu_rig_fault(&r, FAULT_REFUSE, true);
    SAYS(&r, "ALS 60\r", "?\r");
    emu_rig_fault(&r, FAULT_REFUSE, false);

    emu_rig_fault(&r, FAULT_LOCAL, true);
    SAYS(&r, "ALSS\r", "A A\r");
    SAYS(&r, "ALS 60\r", "A +050.00 +050.00 10 PSIG\r");
    SAYS(&r, "ALSS S\r", "A S\r");
    SAYS(&r, "ALS 60\r", "A +060.00 +060.00 10 PSIG\r");
    emu_rig_fault(&r, FAULT_LOCAL, false);

    emu_rig_fault(&r, FAULT_STUCK, true);
    r.sense.value = 60.0 * psi;
    SAYS(&r, "A\r", "A +050.00 +060.00\r");
    emu_rig_fault(&r, FAULT_STUCK, false);
    SAYS(&r, "A\r", "A +060.00 +060.00\r");

    emu_rig_fault(&r, FAULT_SENSOR_OPEN, true);
    SAYS(&r, "A\r", "A +187.50 +060.00 ADC POV\r");
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, false);

    emu_rig_fault(&r, FAULT_WRONG_MODEL, true);
    SAYS(&r, "ALV\r", "A 34\r");
    SAYS(&r, "AFPF 2\r", "A +150.00 10 PSIA\r");
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "A??M*\r"), "PCD-150PSIA-D"));
    emu_rig_fault(&r, FAULT_WRONG_MODEL, false);

    emu_rig_fault(&r, FAULT_ALARM, true);
    SAYS(&r, "A\r", "A +060.00 +060.00 OPL\r");
    (void)emu_rig_say(&r, "AS 100\r");
    emu_rig_near(r.drive.set, 60.0 * psi, 1e-6); /* can only fall */
    SAYS(&r, "AS 0\r", "A +000.00 +000.00 10 PSIG\r");
    emu_rig_near(r.drive.set, 0.0, 1e-9);
}
END_TEST

/* Set-point zero is obeyed whatever is wrong, but for a source that is not ours: that is asked for
 * first. */
START_TEST(test_alicat_zero_always)
{
    struct emu_rig r;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, emu_rig_ideal);
    for (int f = FAULT_NONE + 1; f < FAULT_COUNT; f++) {
        if ((r.emu->faults & 1U << f) == 0 || f == FAULT_REBOOT)
            continue;
        emu_rig_power(&r);
        (void)emu_rig_say(&r, "AS 50\r");
        emu_rig_fault(&r, (enum emu_fault)f, true);
        (void)emu_rig_say(&r, "ALSS S\r");
        (void)emu_rig_say(&r, "AS 0\r");
        ck_assert(!r.emu->energized(r.state));
        emu_rig_near(r.drive.set, 0.0, 1e-9);
    }
}
END_TEST

START_TEST(test_alicat_stream)
{
    struct emu_rig r;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, emu_rig_ideal);
    ck_assert_int_eq(r.emu->tick(r.state, &r.env, r.now, &r.out), NSEC_NEVER);
    SAYS(&r, "A@ @\r", "");
    ck_assert_int_eq(r.emu->tick(r.state, &r.env, r.now, &r.out), r.now + 50 * NSEC_MS);
    r.now += 50 * NSEC_MS;
    ck_assert_int_eq(r.emu->tick(r.state, &r.env, r.now, &r.out), r.now + 50 * NSEC_MS);
    ck_assert_str_eq(emu_rig_collect(&r), "+000.00 +000.00\r"); /* no unit letter */
    SAYS(&r, "A\r", "");
    SAYS(&r, "@@ A\r", "");
    ck_assert_int_eq(r.emu->tick(r.state, &r.env, r.now, &r.out), NSEC_NEVER);
    SAYS(&r, "A\r", "A +000.00 +000.00\r");
}
END_TEST

START_TEST(test_alicat_error)
{
    struct emu_rig r;
    double sum = 0.0;

    emu_rig_begin(&r, "alicat-pcd", 'A', false, (struct emu_error){.offset = -1.0});
    r.sense.value = 100.0 * psi;
    for (int i = 0; i < 1000; i++)
        sum += emu_rig_number(emu_rig_say(&r, "A\r") + 2);
    emu_rig_near(sum / 1000, 100.0 - 0.375, 0.002); /* 0.25 % of 150 psi */
    (void)emu_rig_say(&r, "AS 80\r");
    emu_rig_near(r.drive.set, 80.375 * psi, 1e-6);
    (void)emu_rig_say(&r, "AS 0\r");
    emu_rig_near(r.drive.set, 0.0, 1e-9);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-alicat");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_alicat_frames);
    tcase_add_test(t, test_alicat_pages);
    tcase_add_test(t, test_alicat_refusals);
    tcase_add_test(t, test_alicat_hold);
    tcase_add_test(t, test_alicat_faults);
    tcase_add_test(t, test_alicat_zero_always);
    tcase_add_test(t, test_alicat_stream);
    tcase_add_test(t, test_alicat_error);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
