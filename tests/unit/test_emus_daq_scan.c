/* The Keysight DAQ970A / 34970A emulator against its fact sheet: scans, their time, readings. */
#include "base/attr.h"
#include "base/diag.h"
#include "base/str.h"
#include "drivers/virtual/host.h"
#include "drivers/virtual/world.h"
#include "tests/support/daq_fixture.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Time ---- */

static double read_s(const char *set_up)
{
    nsec before;

    SAYS(&r, set_up, "");
    r.now += 10 * NSEC_S;
    before = r.now;
    emu_rig_bytes(&r, NSEC_S, "READ?\n", 6);
    while (r.out.n_bytes == 0) {
        ck_assert_int_lt(r.now, before + 4000 * NSEC_S);
        nsec next = r.emu->tick(r.state, &r.env, r.now, &r.out);

        r.now = next < NSEC_NEVER ? next : r.now;
    }
    (void)emu_rig_collect(&r);
    return (double)(r.now - before) * 1e-9;
}

START_TEST(test_scan_time)
{
    double relay = 0.017;

    begin();
    /* the sheet: 10 thermocouples at one cycle take 1 to 2 s */
    ck_assert(read_s("CONF:TEMP TC,K,(@101:110)\n") >= 1.0);
    emu_rig_near(read_s("CONF:TEMP TC,K,(@101:110)\n"), 20.0 * (relay + 0.04 + 0.001), 1e-6);
    /* a fixed reference junction is not measured */
    emu_rig_near(read_s("TEMP:TRAN:TC:RJUN:TYPE FIX\n"), 10.0 * (relay + 0.04 + 0.001), 1e-6);
    emu_rig_near(read_s("CONF:VOLT:DC 10,(@101:106)\n"), 6.0 * (relay + 0.04 + 0.001), 1e-6);
    emu_rig_near(read_s("VOLT:NPLC 10\n"), 6.0 * (relay + 0.4 + 0.002), 1e-6);
    emu_rig_near(read_s("VOLT:NPLC 0.02\n"), 6.0 * (relay + 0.0004 + 0.001), 1e-6);
    emu_rig_near(read_s("ROUT:CHAN:DEL 0.5,(@101)\n"), 6.0 * (relay + 0.0004) + 0.505, 1e-6);
    emu_rig_near(read_s("ROUT:CHAN:DEL:AUTO ON\n"), 6.0 * (relay + 0.0004 + 0.001), 1e-6);
    model.mains_60_hz = true;
    emu_rig_power(&r);
    emu_rig_near(read_s("CONF:VOLT:DC 10,(@101)\n"), relay + 2.0 / 60.0 + 0.001, 1e-6);
}
END_TEST

/* Each channel is read when its time has come, and the world has moved on by then. */
START_TEST(test_scan_follows_the_world)
{
    nsec before;

    begin();
    SAYS(&r, "CONF:VOLT:DC 10,(@101:102)\n", "");
    before = r.now;
    SAYS(&r, "INIT\n", "");
    run(before + 57 * NSEC_MS);
    ck_assert_uint_eq(n_sensed, 0);
    run(before + 58 * NSEC_MS);
    ck_assert_uint_eq(n_sensed, 1);
    SAYS(&r, "STAT:OPER:COND?;:DATA:POIN?\n", "+16;+1\n");
    at_port[1].value = 1.0; /* too late */
    at_port[2].value = 2.0;
    GIVES("FETC?\n", "+3.61000000E+00,+2.00000000E+00\n"); /* waits for the end */
    ck_assert_int_eq(r.now, before + 2 * 58 * NSEC_MS);
    SAYS(&r, "STAT:OPER:COND?;EVEN?;EVEN?\n", "+0;+16;+0\n");
    GIVES("FETC?\n", "+3.61000000E+00,+2.00000000E+00\n"); /* they stay */
    SAYS(&r, "DIAG:REL:CYCL? (@101:103)\n", "+1,+1,+0\n");
}
END_TEST

START_TEST(test_timer)
{
    nsec before;

    begin();
    SAYS(&r, "CONF:VOLT:DC 10,(@101);:TRIG:SOUR TIM;TIM 60;COUN 3\n", "");
    SAYS(&r, "FORM:READ:TIME ON\n", "");
    before = r.now;
    GIVES("READ?\n", ""); /* not within 100 s */
    run(before + 121 * NSEC_S);
    ck_assert_str_eq(emu_rig_collect(&r), "+3.61000000E+00,000000000.058,+3.61000000E+00,"
                                          "000000060.058,+3.61000000E+00,000000120.058\n");
    /* too short an interval: one sweep after the other */
    SAYS(&r, "TRIG:TIM 0\n", "");
    GIVES("READ?\n", "+3.61000000E+00,000000000.058,+3.61000000E+00,000000000.116,"
                     "+3.61000000E+00,000000000.174\n");
}
END_TEST

START_TEST(test_bus_trigger)
{
    begin();
    SAYS(&r, "CONF:VOLT:DC 10,(@101);:TRIG:SOUR BUS;COUN 2\n", "");
    SAYS(&r, "READ?\n", "");
    ERROR("-214", "Trigger deadlock");
    SAYS(&r, "INIT\n", "");
    run(r.now + 10 * NSEC_S);
    ck_assert_uint_eq(n_sensed, 0);
    SAYS(&r, "FETC?\n", "");
    ERROR("-214", "Trigger deadlock");
    SAYS(&r, "INIT\n", "");
    ERROR("-213", "Init ignored");
    SAYS(&r, "*TRG\n", "");
    SAYS(&r, "*TRG\n", ""); /* while it measures */
    ERROR("-211", "Trigger ignored");
    run(r.now + NSEC_S);
    SAYS(&r, "*TRG;*OPC\n", "");
    SAYS(&r, "*ESR?\n", "+144\n"); /* power on, execution errors; not complete */
    run(r.now + NSEC_S);
    SAYS(&r, "*ESR?\n", "+1\n");
    SAYS(&r, "FETC?\n", "+3.61000000E+00,+3.61000000E+00\n");
    /* ABORt */
    SAYS(&r, "INIT;:ABOR;:TRIG:SOUR IMM;:FETC?\n", "");
    ERROR("-230", "Data stale");
}
END_TEST

START_TEST(test_settings_wait_for_the_scan)
{
    begin();
    SAYS(&r, "CONF:VOLT:DC 10,(@101);:INIT\n", "");
    SAYS(&r, "CONF:VOLT:DC 1,(@102)\n", "");
    ERROR("+261", "Not able to execute while scan initiated");
    SAYS(&r, "ROUT:SCAN (@102)\n", "");
    ERROR("+261", "Not able to execute while scan initiated");
    SAYS(&r, "MEAS:VOLT:DC? (@102)\n", "");
    ERROR("+261", "Not able to execute while scan initiated");
    SAYS(&r, "ROUT:SCAN?\n", "#16(@101)\n"); /* questions may be asked */
    GIVES("FETC?\n", "+3.61000000E+00\n");
    NO_ERROR();
}
END_TEST

/* What follows READ? waits with it, in its message and behind it. */
START_TEST(test_held_up)
{
    nsec before;

    begin();
    SAYS(&r, "CONF:VOLT:DC 10,(@101)\n", "");
    before = r.now;
    SAYS(&r, "*OPC?;READ?;*OPC?\nTRIG:SOUR BUS;SOUR?\n*IDN", "1"); /* the first is out */
    run(before + 57 * NSEC_MS);
    SAYS(&r, "?\n", "");
    run(before + 58 * NSEC_MS);
    ck_assert_uint_eq(r.out.n_pieces, 3);
    for (int i = 0; i < 3; i++) /* one after the other */
        ck_assert_int_eq(r.out.piece[i].at, before + 58 * NSEC_MS + (i + 1) * 2 * NSEC_MS);
    ck_assert_ptr_eq(strstr(emu_rig_collect(&r), ";+3.61000000E+00;1\nBUS\nKeysight"), r.reply);
    SAYS(&r, "TRIG:SOUR IMM\n", "");
    GIVES("INIT;*OPC?\n", "1\n");
    SAYS(&r, "DATA:POIN?\n", "+1\n");
    GIVES("INIT;*WAI;DATA:POIN?\n", "+1\n");
    GIVES("INIT;:DATA:POIN?;*WAI;POIN?\n", "+0;+1\n"); /* and the path goes on */
    GIVES("INIT;:FETC?\n", "+3.61000000E+00\n");
    GIVES("*OPC?;READ?\n", "1;+3.61000000E+00\n");
    NO_ERROR();
    /* Ctrl-C: what waits is forgotten */
    SAYS(&r, "*OPC?;READ?;*IDN?\n*IDN?\n\x03", "1");
    run(r.now + 10 * NSEC_S);
    SAYS(&r, "", "");
    SAYS(&r, "*OPC?\n", "1\n");
    NO_ERROR();
    /* more than can wait */
    SAYS(&r, "READ?\n", "");
    for (int i = 0; i < 300; i++)
        SAYS(&r, " ", "");
    run(r.now + NSEC_S);
    ck_assert_str_eq(emu_rig_collect(&r), "+3.61000000E+00\n");
    SAYS(&r, "\nSYST:ERR?\n", "-363,\"Input buffer overrun\"\n");
}
END_TEST

/* ---- Memory ---- */

START_TEST(test_memory)
{
    begin();
    SAYS(&r, "CONF:VOLT:DC 10,(@101:103);:INIT\n", "");
    run(r.now + NSEC_S);
    SAYS(&r, "R? 1\n", "#215+3.61000000E+00\n");
    SAYS(&r, "DATA:REM? 1\n", "+3.62000000E+00\n");
    SAYS(&r, "DATA:POIN?\n", "+1\n");
    SAYS(&r, "R?\n", "#215+3.63000000E+00\n");
    SAYS(&r, "R?\n", "#10\n");
    GIVES("READ?\n", "+3.61000000E+00,+3.62000000E+00,+3.63000000E+00\n");
    SAYS(&r, "FETC?\n", "+3.61000000E+00,+3.62000000E+00,+3.63000000E+00\n");
    NO_ERROR();
    /* the newest stay, and it says so in bit 12 */
    SAYS(&r, "TRIG:COUN 21;:INIT\n", "");
    run(r.now + 10 * NSEC_S);
    SAYS(&r, "DATA:POIN?;:STAT:QUES?;:STAT:QUES?\n", "+60;+4096;+0\n");
    ck_assert_int_eq(count_of(emu_rig_say(&r, "FETC?\n"), ','), 59);
    /* longer than its output */
    SAYS(&r, "FORM:READ:CHAN ON;TIME ON;UNIT ON;:FETC?\n", "");
    ERROR("-430", "Query DEADLOCKED");
    model.is_34970a = true;
    emu_rig_power(&r);
    SAYS(&r, "CONF:VOLT:DC 10,(@101)\n", "");
    GIVES("READ?\n", "+3.61000000E+00\r\n");
    SAYS(&r, "FETC?\n", ""); /* READ? leaves nothing */
    SAYS(&r, "SYST:ERR?\n", "-230,\"Data stale\"\r\n");
}
END_TEST

START_TEST(test_measure_and_monitor)
{
    begin();
    SAYS(&r, "TRIG:SOUR BUS;COUN 5\n", "");
    GIVES("MEAS:VOLT:DC? AUTO,(@102,101)\n", "+3.61000000E+00,+3.62000000E+00\n");
    SAYS(&r, "ROUT:SCAN?;:TRIG:SOUR?;COUN?\n", "#210(@101,102);IMM;+1.00000000E+00\n");
    GIVES("MEAS:TEMP? TC,K,(@107)\n", "+3.10000000E+01\n");
    SAYS(&r, "ROUT:MON (@106);MON:STAT ON;STAT?\n", "1\n");
    SAYS(&r, "ROUT:MON?\n", "#16(@106)\n");
    r.now += NSEC_S;
    emu_rig_bytes(&r, NSEC_S, "ROUT:MON:DATA?\n", 15);
    ck_assert_int_eq(r.out.piece[0].at, r.now + 22 * NSEC_MS);
    ck_assert_str_eq(emu_rig_collect(&r), "+3.66000000E+00\n");
    NO_ERROR();
}
END_TEST

/* ---- The analogue side ---- */

START_TEST(test_overload)
{
    begin();
    SAYS(&r, "CONF:VOLT:DC 1,(@101:103)\n", "");
    at_port[1].value = 1.19;
    at_port[2].value = 1.21;
    at_port[3].value = -1.21;
    GIVES("READ?\n", "+1.19000000E+00,+9.90000000E+37,-9.90000000E+37\n");
    SAYS(&r, "*SRE 8;:STAT:QUES:ENAB 1;*STB?\n", "+72\n");
    SAYS(&r, "STAT:QUES?\n", "+1\n");
    SAYS(&r, "CONF:VOLT:DC AUTO,(@101:103)\n", "");
    at_port[1].value = 299.0;
    at_port[2].value = 301.0;
    GIVES("READ?\n", "+2.99000000E+02,+9.90000000E+37,-1.21000000E+00\n");
    (void)emu_rig_say(&r, "*CLS\n");
    /* a thermocouple's range left, and a cell where a thermocouple should be */
    SAYS(&r, "CONF:TEMP TC,K,(@101,107)\n", "");
    at_port[1].value = 3.7;
    at_port[11].value = 273.15 + 1373.0;
    GIVES("READ?\n", "+9.90000000E+37,+9.90000000E+37\n");
    SAYS(&r, "STAT:QUES?\n", "+1024\n");
    /* neither a resistor where none should be, nor the other way */
    SAYS(&r, "CONF:TEMP RTD,85,(@107,201,202)\n", "");
    GIVES("READ?\n", "+9.90000000E+37,+3.40000000E+01,+9.90000000E+37\n");
    SAYS(&r, "CONF:TEMP THER,5000,(@202)\n", "");
    GIVES("READ?\n", "+3.50000000E+01\n");
}
END_TEST

START_TEST(test_thermocouples)
{
    begin();
    SAYS(&r, "CONF:TEMP TC,K,(@107,108,109)\n", "");
    at_port[11].value = at_port[12].value = at_port[13].value = 273.15 + 44.0;
    /* the J thermocouple at 109 sends 52/41 of what a K would */
    emu_rig_near(nth(ask("READ?\n", 10.0), 2), 24.0 + 20.0 * 52.0 / 41.0, 1e-6);
    SAYS(&r, "TEMP:TRAN:TC:TYPE J,(@109)\n", "");
    GIVES("READ?\n", "+4.40000000E+01,+4.40000000E+01,+4.40000000E+01\n");
    SAYS(&r, "UNIT:TEMP F,(@107);TEMP K,(@108)\n", "");
    GIVES("READ?\n", "+1.11200000E+02,+3.17150000E+02,+4.40000000E+01\n");
    SAYS(&r, "TEMP:TRAN:TC:RJUN:TYPE FIX,(@107:109);:TEMP:TRAN:TC:RJUN 0,(@107:109)\n", "");
    emu_rig_near(nth(ask("READ?\n", 10.0), 2), 20.0, 1e-6); /* over the reference */
    SAYS(&r, "TEMP:TRAN:TC:RJUN:TYPE EXT,(@109)\n", "");
    emu_rig_near(nth(ask("READ?\n", 10.0), 2), 9.9e37, 0.0); /* none has been measured */
    SAYS(&r, "TEMP:RJUN? (@107)\n", "+2.40000000E+01\n");
    /* volts of a thermocouple */
    SAYS(&r, "CONF:VOLT:DC 0.1,(@107)\n", "");
    GIVES("READ?\n", "+8.20000000E-04\n");
    NO_ERROR();
}
END_TEST

/* Leads that are off: told only where there is something to tell. */
START_TEST(test_open_leads)
{
    begin();
    at_port[1].open = at_port[11].open = at_port[14].open = true;
    SAYS(&r, "CONF:TEMP TC,K,(@107);:CONF:TEMP RTD,85,(@201);:CONF:VOLT:DC 10,(@101)\n", "");
    SAYS(&r, "ROUT:SCAN (@101,107,201)\n", "");
    (void)ask("READ?\n", 10.0);
    emu_rig_near(nth(r.reply, 0), 0.0, 1e-3);  /* 30 pA through 10 Mohm */
    emu_rig_near(nth(r.reply, 1), 24.0, 10.0); /* the terminal block, or nearly */
    emu_rig_near(nth(r.reply, 2), 9.9e37, 0.0);
    SAYS(&r, "TEMP:TRAN:TC:CHEC ON,(@107);CHEC? (@107)\n", "1\n");
    emu_rig_near(nth(ask("READ?\n", 10.0), 1), 9.9e37, 0.0);
    at_port[11].open = false;
    emu_rig_near(nth(ask("READ?\n", 10.0), 1), 31.0, 1e-6);
    /* a channel that no wire goes to */
    SAYS(&r, "CONF:VOLT:DC 10,(@120)\n", "");
    emu_rig_near(emu_rig_number(ask("READ?\n", 10.0)), 0.0, 1e-3);
}
END_TEST

static void spread(const char *set_up, double truth, double *ret_bias, double *ret_sigma)
{
    double sum = 0.0, square = 0.0;
    int n = 500;

    SAYS(&r, set_up, "");
    for (int i = 0; i < n; i++) {
        double v = emu_rig_number(ask("READ?\n", 1000.0)) - truth;

        sum += v;
        square += v * v;
    }
    *ret_bias = sum / n;
    *ret_sigma = sqrt(fmax(0.0, square / n - sum / n * sum / n));
}

START_TEST(test_accuracy)
{
    double bias, sigma;

    begin();
    begin_with((struct emu_error){.gain = 1.0, .offset = 1.0});
    at_port[1].value = 9.0;
    /* the maker's own example: 9 V on 10 V, one year: 365 uV */
    spread("CONF:VOLT:DC 10,(@101);:VOLT:NPLC 10\n", 9.0, &bias, &sigma);
    emu_rig_near(bias, 365e-6, 2e-6);
    emu_rig_near(sigma, 10.0 * hypot(3.3e-7, 1e-6 / sqrt(12.0)), 1e-6);
    /* 0.001 % of range, as three sigma, with steps of 30 uV */
    spread("VOLT:NPLC 1\n", 9.0, &bias, &sigma);
    emu_rig_near(sigma, 10.0 * hypot(3.3e-6, 3e-6 / sqrt(12.0)), 4e-6);
    spread("CONF:VOLT:DC 0.1,(@102)\n", 3.62, &bias, &sigma);
    ck_assert(isnan(sigma) || bias > 1e30); /* overload */
    begin_with((struct emu_error){.offset = -0.5});
    spread("CONF:TEMP TC,K,(@107)\n", 31.0, &bias, &sigma);
    emu_rig_near(bias, -0.5, 3e-3);
    emu_rig_near(sigma, 3.3e-7 / 41e-6, 1e-3);
    spread("CONF:TEMP RTD,85,(@201)\n", 34.0, &bias, &sigma);
    emu_rig_near(bias, -0.03, 1e-3);
    spread("CONF:TEMP THER,5000,(@202)\n", 35.0, &bias, &sigma);
    emu_rig_near(bias, -0.04, 1e-3);
}
END_TEST

START_TEST(test_repeatable)
{
    char first[256];

    for (int i = 0; i < 2; i++) {
        begin();
        begin_with((struct emu_error){.gain = 0.3});
        SAYS(&r, "CONF:VOLT:DC 10,(@101:106)\n", "");
        (void)ask("READ?\n", 10.0);
        if (i == 0)
            ck_assert(str_copy(first, sizeof first, r.reply));
    }
    ck_assert_str_eq(first, r.reply);
    ck_assert_int_eq(count_of(first, ','), 5);
}
END_TEST

/* ---- On a world, behind a host ---- */

static struct world world;
static struct host host;
static struct host_wiring wiring;
static char heard[512];

static void hear(void *owner, nsec first_at, nsec at, const uint8_t *p, size_t n)
{
    (void)owner;
    (void)first_at;
    (void)at;
    (void)strncat(heard, (const char *)p, n);
}

static const char *host_say(nsec *now, const char *text)
{
    heard[0] = '\0';
    host_send(&host, &wiring, *now, (const uint8_t *)text, strlen(text));
    for (nsec due; (due = host_due(&host, &wiring)) < NSEC_NEVER;) {
        *now = due > *now ? due : *now;
        host_work(&host, &wiring, *now);
    }
    return heard;
}

START_TEST(test_on_a_world)
{
    struct emu_param param = {.error.ideal = true};
    struct world_probe air = {.kind = PROBE_AMBIENT};
    struct daq_wire on_world[2];
    nsec now = NSEC_S;

    world_init(&world, 298.15);
    (void)world_add_station(&world, -1);
    world_put_assb(&world, 0, NULL);
    on_world[0] = (struct daq_wire){.channel = 101,
                                    .port = (uint16_t)world_add_port(&world, PORT_PROBE, 0),
                                    .sensor = DAQ_LEADS};
    on_world[1] = (struct daq_wire){.channel = 203,
                                    .port = (uint16_t)world_add_probe(&world, &air),
                                    .sensor = DAQ_THERMOCOUPLE};
    model = (struct keysight_daq970a_model){.wire = on_world, .n_wires = 2};
    param.model = &model;
    host_init(&host, &wiring, 0);
    wiring.deliver = hear;
    ck_assert_int_eq(
        host_add(&host, &wiring, emu_find("keysight-daq970a"), &param, &world, 1, now, NULL), 0);
    ck_assert_str_eq(host_say(&now, "CONF:TEMP TC,K,(@203);:CONF:VOLT:DC 10,(@101)\n"), "");
    (void)host_say(&now, "ROUT:SCAN (@101,203);:READ?\n");
    emu_rig_near(nth(heard, 0), world_cell_v(&world, 0), 1e-8);
    emu_rig_near(nth(heard, 1), 25.0, 1e-6);
    ck_assert_int_eq(now, NSEC_S + 58 * NSEC_MS * 3 + 2 * NSEC_MS);
    /* the port's cable is off */
    world.port[on_world[0].port].open = 1;
    (void)host_say(&now, "READ?\n");
    emu_rig_near(nth(heard, 0), 0.0, 1e-3);
}
END_TEST

START_TEST(test_refuses_wiring)
{
    struct daq_wire bad[] = {
        {121, 1, DAQ_LEADS,        0  },
        {99,  1, DAQ_LEADS,        0  },
        {401, 1, DAQ_LEADS,        0  },
        {301, 1, DAQ_LEADS,        0  },
        {101, 1, DAQ_THERMOCOUPLE, 'X'},
    };

    begin();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct keysight_daq970a_model m = {
            .no_module = {false, false, true},
              .wire = &bad[i], .n_wires = 1
        };
        struct emu_param p = {.model = &m};
        struct diag diag;

        diag_init(&diag);
        memset(r.state, 0, sizeof r.state);
        ck_assert_int_lt(r.emu->power_on(r.state, &p, &r.env, 0, &diag), 0);
        ck_assert(diag_has_errors(&diag));
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("emus-daq-scan");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_scan_time);
    tcase_add_test(t, test_scan_follows_the_world);
    tcase_add_test(t, test_timer);
    tcase_add_test(t, test_bus_trigger);
    tcase_add_test(t, test_settings_wait_for_the_scan);
    tcase_add_test(t, test_held_up);
    tcase_add_test(t, test_memory);
    tcase_add_test(t, test_measure_and_monitor);
    tcase_add_test(t, test_overload);
    tcase_add_test(t, test_thermocouples);
    tcase_add_test(t, test_open_leads);
    tcase_add_test(t, test_accuracy);
    tcase_add_test(t, test_repeatable);
    tcase_add_test(t, test_on_a_world);
    tcase_add_test(t, test_refuses_wiring);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
