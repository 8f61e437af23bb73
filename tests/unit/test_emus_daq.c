/* The Keysight DAQ970A / 34970A emulator against its fact sheet: its language. */
#include "base/attr.h"
#include "base/str.h"
#include "tests/support/daq_fixture.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The sheet ---- */

START_TEST(test_identity)
{
    begin();
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "*IDN?\n"), "Keysight Technologies,DAQ970A,MY"));
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "*IDN?\n"), ",A.02.04-"));
    ck_assert_int_eq(count_of(emu_rig_say(&r, "*IDN?\r\n"), ','), 3);
    r.param.serial = "MY1";
    emu_rig_power(&r);
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "*IDN?\n"), ",DAQ970A,MY1,"));
    model.is_34970a = true;
    emu_rig_power(&r);
    SAYS(&r, "*IDN?\n", "HEWLETT-PACKARD,34970A,0,13-2-2\r\n");
    SAYS(&r, "SYST:CTYP? 100\n", "HEWLETT-PACKARD,34901A,0,2.3\r\n");
    model.no_module[1] = true;
    r.param.model = &model;
    model.n_wires = 9;
    emu_rig_power(&r);
    SAYS(&r, "SYST:CTYP? 200\n", "HEWLETT-PACKARD,0,0,0\r\n");
    SAYS(&r, "ROUT:SCAN (@201)\n", "");
    SAYS(&r, "SYST:ERR?\n", "+112,\"Channel list: channel number out of range\"\r\n");
}
END_TEST

START_TEST(test_sheet_examples)
{
    begin();
    SAYS(&r, "CONF:TEMP TC,K,(@101:110)\n", "");
    SAYS(&r, "CONF:TEMP TCouple,K,(@101:110)\n", "");
    SAYS(&r, "ROUT:SCAN:SIZE?\n", "+10\n");
    SAYS(&r, "CONF:VOLT:DC AUTO,(@111)\n", "");
    SAYS(&r, "ROUT:SCAN?\n", "#16(@111)\n"); /* CONFigure makes its channels the scan list */
    SAYS(&r, "SENS:TEMP:TRAN:TC:RJUN:TYPE INT,(@101)\n", "");
    SAYS(&r, "SENS:TEMP:TRAN:TC:RJUN:TYPE? (@101)\n", "INT\n");
    SAYS(&r, "ROUT:SCAN (@101:103)\n", "");
    SAYS(&r, "ROUT:SCAN?\n", "#214(@101,102,103)\n");
    SAYS(&r, "ROUT:SCAN (@)\n", "");
    SAYS(&r, "ROUT:SCAN?\n", "#13(@)\n");
    SAYS(&r, "TRIG:SOUR TIMER;COUN 1;SOUR?\n", "TIM\n");
    SAYS(&r, "TRIG:SOUR BUS;SOUR?;SOUR IMM;SOUR?\n", "BUS;IMM\n");
    SAYS(&r, "TRIG:COUN?\n", "+1.00000000E+00\n");
    NO_ERROR();
    at_port[11].value = 273.15 + 26.195;
    SAYS(&r, "CONF:TEMP TC,K,(@107)\n", "");
    GIVES("READ?\n", "+2.61950000E+01\n");
}
END_TEST

/* Value and unit, time, channel, alarm. */
START_TEST(test_fields)
{
    begin();
    at_port[11].value = 273.15 + 26.195;
    SAYS(&r, "CONF:TEMP TC,K,(@107)\nTRIG:COUN 2\n", "");
    SAYS(&r, "FORM:READ:CHAN ON;UNIT 1;TIME ON;ALAR ON\n", "");
    GIVES("READ?\n", "+2.61950000E+01 C,0000000"
                     "00.116,107,0,+2.61950000E+01 C,000000000.232,107,0\n");
    SAYS(&r, "TRIG:COUN 1;:FORM:READ:TIME OFF;UNIT OFF\n", "");
    GIVES("READ?\n", "+2.61950000E+01,107,0\n");
    SAYS(&r, "FORM:READ:TIME?;CHAN?;UNIT?;ALAR?;TIME:TYPE?\n", "0;1;0;1;REL\n");
    /* CONFigure switches them off */
    SAYS(&r, "CONF:VOLT:DC AUTO,(@101);:FORM:READ:TIME?;CHAN?;UNIT?;ALAR?\n", "0;0;0;0\n");
    SAYS(&r, "FORM:READ:UNIT ON\n", "");
    GIVES("READ?\n", "+3.61000000E+00 VDC\n");
    SAYS(&r, "SYST:DATE 2024,2,29;TIME 15,30,22.5\n", "");
    SAYS(&r, "FORM:READ:TIME ON;TIME:TYPE ABS;:FORM:READ:UNIT OFF\n", "");
    GIVES("READ?\n", "+3.61000000E+00,2024,02,29,15,30,22.558\n");
    SAYS(&r, "SYST:TIME:SCAN?\n", "2024,02,29,15,30,22.500\n");
    NO_ERROR();
}
END_TEST

START_TEST(test_grammar)
{
    begin();
    SAYS(&r, "configure:voltage:dc 10,(@101,102)\n", "");
    SAYS(&r, ":ROUTE:SCAN?;:rout:scan:size?\n", "#210(@101,102);+2\n");
    SAYS(&r, "SENSE:VOLTAGE:DC:NPLCYCLES 10,(@101);NPLC? (@101,102)\n",
         "+1.00000000E+01,+1.00000000E+00\n");
    SAYS(&r, "VOLT:NPLC 3,(@101);NPLC? (@101)\n", "+1.00000000E+01\n"); /* the next that there is */
    SAYS(&r, "VOLT:NPLC MAX;NPLC?\n", "+2.00000000E+02,+2.00000000E+02\n");
    SAYS(&r, "VOLT:RANG?;RANG:AUTO?\n", "+1.00000000E+01,+1.00000000E+01;0,0\n");
    SAYS(&r, "ROUT:SCAN (@ 103 , 101:102 )\n", "");
    SAYS(&r, "ROUT:SCAN?\n", "#214(@101,102,103)\n"); /* ascending */
    SAYS(&r, "ROUT:CHAN:DEL 0.1,(@101);DEL? (@101);DEL:AUTO? (@101)\n", "+1.00000000E-01;0\n");
    SAYS(&r, "VOLT:NPLC? (@101,102:101,101:102)\n", "+2.00000000E+02,+2.00000000E+02\n");
    SAYS(&r, "UNIT:TEMP K,(@107);TEMP? (@107,108)\n", "K,C\n");
    SAYS(&r, "CONF:TEMP RTD,85,(@201);:CONF:TEMP THER,10000,(@202)\n", "");
    SAYS(&r, "TEMP:TRAN:TYPE? (@201,202);THER:TYPE? (@202)\n", "RTD,THER;10000\n");
    SAYS(&r, "CONF:TEMP DEF,DEF,(@107);:TEMP:TRAN:TC:TYPE?\n", "J\n");
    SAYS(&r, "FUNC? (@101,107)\n", "\"VOLT\",\"TEMP\"\n");
    SAYS(&r, "FUNC \"VOLT:DC\",(@107);FUNC? (@107)\n", "\"VOLT\"\n");
    SAYS(&r, "CONF:VOLT:DC 1,1e-6,(@101);:VOLT:NPLC?\n", "+1.00000000E+01\n");
    SAYS(&r, "CONF? (@101)\n", "\"VOLT +1.00000000E+00,+1.00000000E-06\"\n");
    SAYS(&r, "*OPC?;*TST?;*ESE 4;*ESE?;*SRE?\n", "1;+0;+4;+0\n");
    NO_ERROR();
    SAYS(&r, "TRIG:COUN INF;COUN?\n", "+9.90000200E+37\n");
}
END_TEST

START_TEST(test_errors)
{
    static const struct {
        const char *say;
        int code;
    } wrong[] = {
        {"HELLO 3\n",                            -113},
        {"ROUT:SCAN:SIZE 3\n",                   -113},
        {"CONF:TEMP TC,K,(@100)\n",              112 },
        {"CONF:TEMP TC,K,(@121)\n",              112 },
        {"CONF:TEMP TC,K,(@401)\n",              111 },
        {"ROUT:SCAN (@101:4x)\n",                -171},
        {"ROUT:SCAN (@101,)\n",                  -171},
        {"ROUT:SCAN (101)\n",                    -171},
        {"ROUT:SCAN 101\n",                      -108},
        {"ROUT:SCAN\n",                          -109},
        {"CONF:TEMP TC,K\n",                     -109},
        {"CONF:TEMP TC,(@101)\n",                -109},
        {"CONF:TEMP TC,Q,(@101)\n",              -224},
        {"CONF:TEMP TC,K,2,(@101)\n",            -222},
        {"CONF:VOLT:DC 301,(@101)\n",            -222},
        {"CONF:VOLT:DC 10,1e-9,(@101)\n",        532 },
        {"CONF:VOLT:DC (@)\n",                   113 },
        {"CONF:VOLT:DC 1,1,1,(@101)\n",          -108},
        {"CONF:VOLT:DC 1,1,1,1,1,1,1,,(@101)\n", -108},
        {"CONF:VOLT:DC 1,(@101),1\n",            -108},
        {"SENS:TEMP:NPLC 1,(@101)\n",            -221},
        {"VOLT:NPLC x,(@101)\n",                 -104},
        {"VOLT:NPLC 201,(@101)\n",               -222},
        {"VOLT:NPLC?\n",                         113 },
        {"READ?\n",                              113 },
        {"INIT\n",                               113 },
        {"FETC?\n",                              -230},
        {"*TRG\n",                               -211},
        {"TRIG:SOUR ALAR\n",                     -224},
        {"TRIG:TIM -1\n",                        -222},
        {"TRIG:COUN 50001\n",                    -222},
        {"FORM:READ:CHAN MAYBE\n",               -104},
        {"FORM:READ:CHAN\n",                     -109},
        {"ROUT:MON (@101,102)\n",                281 },
        {"ROUT:MON:DATA?\n",                     -230},
        {"DATA:REM? 1\n",                        -222},
        {"SYST:CTYP? 150\n",                     111 },
        {"OUTP:\"X\n",                           -102},
    };
    char code[16];

    begin();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        SAYS(&r, wrong[i].say, "");
        ck_assert_int_eq(str_fmt(code, sizeof code, "%+d,\"", wrong[i].code), 0);
        ck_assert_msg(str_starts(emu_rig_say(&r, "SYST:ERR?\n"), code), "%s: %s", wrong[i].say,
                      r.reply);
        NO_ERROR();
    }
    SAYS(&r, "ROUT:SCAN?\n", "#13(@)\n"); /* none of them did anything */
    ck_assert_uint_eq(n_sensed, 0);
}
END_TEST

START_TEST(test_error_queue)
{
    begin();
    SAYS(&r, "*ESR?\n", "+128\n");
    for (int i = 0; i < 25; i++)
        SAYS(&r, "X\n", "");
    SAYS(&r, "*STB?\n", "+4\n");
    SAYS(&r, "*ESR?\n", "+32\n");
    for (int i = 0; i < 19; i++)
        ERROR("-113", "Undefined header");
    ERROR("-350", "Error queue overflow");
    NO_ERROR();
    SAYS(&r, "X;*OPC?\n", "");                        /* a command error ends its message */
    SAYS(&r, "VOLT:NPLC 7000,(@101);*OPC?\n", "1\n"); /* others do not */
    SAYS(&r, "*RST\n", "");
    ERROR("-113", "Undefined header"); /* *RST leaves the queue alone */
    SAYS(&r, "*CLS\n", "");
    NO_ERROR();
    model.is_34970a = true;
    emu_rig_power(&r);
    for (int i = 0; i < 25; i++)
        SAYS(&r, "X\n", "");
    for (int i = 0; i < 9; i++)
        SAYS(&r, "SYST:ERR?\n", "-113,\"Undefined header\"\r\n");
    SAYS(&r, "SYST:ERR?\n", "-350,\"Error queue overflow\"\r\n");
}
END_TEST

START_TEST(test_power_on_and_reset)
{
    begin();
    for (int i = 0; i < 2; i++) {
        SAYS(&r, "ROUT:SCAN?;:TRIG:SOUR?;COUN?;TIM?;:FORM:READ:CHAN?\n",
             "#13(@);IMM;+1.00000000E+00;+1.00000000E+01;0\n");
        SAYS(&r, "FUNC? (@320);:UNIT:TEMP? (@107);:DATA:POIN?\n", "\"VOLT\";C;+0\n");
        SAYS(&r, "VOLT:NPLC? (@101);RANG:AUTO? (@101)\n", "+1.00000000E+00;1\n");
        SAYS(&r, "CONF:TEMP TC,K,(@107:109);:TRIG:SOUR TIM;COUN 3;TIM 5;:FORM:READ:CHAN 1\n", "");
        SAYS(&r, "UNIT:TEMP F\n", "");
        SAYS(&r, "INIT\n", "");
        run(r.now + NSEC_S);
        SAYS(&r, "DATA:POIN?\n", "+3\n");
        SAYS(&r, "*RST\n", "");
        NO_ERROR();
    }
    ck_assert(!r.emu->energized(r.state));
    ck_assert_double_eq(r.emu->standing(r.state), 10.0);
    SAYS(&r, "TRIG:TIM 60\n", "");
    ck_assert_double_eq(r.emu->standing(r.state), 60.0);
}
END_TEST

/* ---- Faults ---- */

START_TEST(test_faults)
{
    begin();
    SAYS(&r, "CONF:TEMP TC,K,(@107);:CONF:VOLT:DC 10,(@101,102);:ROUT:SCAN (@101,102,107)\n", "");

    emu_rig_fault(&r, FAULT_SILENT_IGNORE, true);
    SAYS(&r, "ROUT:SCAN (@103);SCAN?;:VOLT:NPLC 10,(@101);NPLC? (@101)\n",
         "#214(@101,102,107);+1.00000000E+00\n");
    NO_ERROR();
    emu_rig_fault(&r, FAULT_SILENT_IGNORE, false);

    emu_rig_fault(&r, FAULT_REFUSE, true);
    SAYS(&r, "ROUT:SCAN (@103)\n", "");
    ERROR("-221", "Settings conflict");
    SAYS(&r, "MEAS:VOLT:DC? (@103)\n", "");
    ERROR("-221", "Settings conflict");
    emu_rig_fault(&r, FAULT_REFUSE, false);

    GIVES("READ?\n", "+3.61000000E+00,+3.62000000E+00,+3.10000000E+01\n");
    emu_rig_fault(&r, FAULT_STUCK, true);
    at_port[1].value = 2.0;
    GIVES("READ?\n", "+3.61000000E+00,+3.62000000E+00,+3.10000000E+01\n");
    emu_rig_fault(&r, FAULT_STUCK, false);
    GIVES("READ?\n", "+2.00000000E+00,+3.62000000E+00,+3.10000000E+01\n");

    SAYS(&r, "TEMP:TRAN:TC:CHEC ON,(@107)\n", "");
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, true);
    emu_rig_near(nth(ask("READ?\n", 10.0), 2), 9.9e37, 0.0);
    emu_rig_fault(&r, FAULT_SENSOR_OPEN, false);

    emu_rig_fault(&r, FAULT_LOCAL, true); /* a channel fewer */
    GIVES("READ?\n", "+2.00000000E+00,+3.62000000E+00\n");
    emu_rig_fault(&r, FAULT_LOCAL, false);

    emu_rig_fault(&r, FAULT_WRONG_MODEL, true);
    ck_assert_ptr_nonnull(strstr(emu_rig_say(&r, "*IDN?\n"), "DAQ6510"));
    emu_rig_fault(&r, FAULT_WRONG_MODEL, false);

    emu_rig_power(&r); /* reboot: what was set up is gone */
    SAYS(&r, "READ?\n", "");
    ERROR("+113", "Channel list: empty scan list");
}
END_TEST

/* ---- Lines ---- */

START_TEST(test_lines)
{
    static const char text[] = "*IDN?\nCONF:VOLT:DC 10,(@101:103);:ROUT:SCAN?\r\n\nX\nSYST:ERR?\n";
    struct port_sense any = {.value = 3.7};
    char line[700];

    emu_rig_every_split("keysight-daq970a", 0, false, &any, text, sizeof text - 1);
    begin();
    memset(line, 'A', sizeof line);
    line[sizeof line - 2] = '\n';
    line[sizeof line - 1] = '\0';
    SAYS(&r, line, "");
    ERROR("-363", "Input buffer overrun");
    SAYS(&r, "\n\r\n ;;\n", "");
    NO_ERROR();
    SAYS(&r, "(@\n((@101)\n(@101:\n#\n#9\n\"\n", "");
    SAYS(&r, "*CLS;ROUT:SCAN (@101:101,101);SCAN?\n", "#16(@101)\n");
    NO_ERROR();
}
END_TEST

/* Garbage, with time going on. */
START_TEST(test_garbage)
{
    static const char *const pieces[] = {
        "CONF:TEMP TC,K,(@101:106)",
        "CONF:VOLT:DC AUTO,(@107)",
        ":ROUT:SCAN ",
        "(@101:106)",
        "(@",
        ":READ?",
        ":INIT",
        ":FETC?",
        "*OPC?",
        "*TRG",
        ":TRIG:SOUR ",
        "BUS",
        "IMM",
        ":ABOR",
        ":R? 1",
        "9e99",
        ",",
        "\x03",
        "MEAS",
        "?",
        "*RST\n",
        ":TRIG:SOUR TIM",
        ":TRIG:COUN INF",
        ":FORM:READ:TIME ON",
        "\xFF",
        ":DATA:REM? 2",
        ":ROUT:MON:DATA?",
    };
    unsigned n_replies = 0;

    begin();
    for (int i = 0; i < 30000; i++) {
        const char *p = pieces[rng_below(&r.rng, ARRAY_LEN(pieces))];

        emu_rig_bytes(&r, 0, p, strlen(p));
        emu_rig_bytes(&r, 0, i % 3 == 0 ? ";" : "\n", i % 3 > 0 || i % 2 > 0);
        if (i % 4 == 0)
            run(r.now + rng_below(&r.rng, 300) * NSEC_MS);
        n_replies += r.out.n_pieces;
        if (r.out.n_pieces > 0)
            ck_assert_uint_eq(r.out.dropped, 0);
        r.out = (struct emu_out){0};
    }
    ck_assert_uint_gt(n_replies, 100);
    SAYS(&r, "\x03", "");
    SAYS(&r, "*RST;*CLS;*OPC?\n", "1\n");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-daq");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_identity);
    tcase_add_test(t, test_sheet_examples);
    tcase_add_test(t, test_fields);
    tcase_add_test(t, test_grammar);
    tcase_add_test(t, test_errors);
    tcase_add_test(t, test_error_queue);
    tcase_add_test(t, test_power_on_and_reset);
    tcase_add_test(t, test_faults);
    tcase_add_test(t, test_lines);
    tcase_add_test(t, test_garbage);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
