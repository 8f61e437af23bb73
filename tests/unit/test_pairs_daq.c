/* tests/unit/test_pairs_daq.c - the scanner against its emulator, over bus, host and world: two
 * groups and the terminals of a string, two thermocouples; every reading is judged by the world.
 *
 * The channels are those of tests/wire/keysight_daq970a.yaml, not in the order of the slots.
 */
#include "drivers/virtual/keysight_daq970a.h"
#include "drivers/virtual/world.h"
#include "tests/support/bus_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEMPERATURE_1,
    GROUP_1,
    GROUP_2,
    PACK,
    TEMPERATURE_2,
    CHANS
};

static struct world world;
static struct rig rig;
static struct world_string string;
static struct cell_param cell;
static struct daq_wire wires[CHANS];
static struct keysight_daq970a_model model;
static uint16_t port[CHANS];

static uint16_t probe(enum probe_kind kind, uint16_t index, double value)
{
    struct world_probe p = {.kind = (uint8_t)kind, .index = index, .value = value};
    int n = world_add_probe(&world, &p);

    ck_assert_int_ge(n, 0);
    return (uint16_t)n;
}

/* A straight line of 3.5 V to 4.0 V, 2 mohm: figures that can be checked by head. */
static void make_world(void)
{
    struct cell_string_state begin;

    world_init(&world, 298.15);
    ck_assert_int_eq(world_add_station(&world, -1), 0);
    cell = (struct cell_param){
        .capacity_c = 36000,
        .charge_efficiency = 1,
        .n_ocv = 2,
        .n_rows = 1,
        .ocv_v = {3.5, 4.0},
        .row = {{0.5, 2e-3, 0, 1, 0, 1, 0}  },
        .reference_k = 298.15,
        .heat_j_k = 800,
        .loss_w_k = 1
    };
    string = (struct world_string){
        .cells = {.cell = &cell, .groups = 2, .parallel = 1},
          .module_groups = 1
    };
    cell_string_init(&begin, &string.cells, 0.5, 298.15);
    cell_string_at(&begin, &string.cells, 1, 0)->soc = 0.3;
    world_put_string(&world, 0, &string, &begin);
}

static struct rig *make(bool is_34970a, bool open_thermocouple)
{
    static const uint16_t channel[CHANS] = {107, 101, 102, 103, 110};
    const struct driver *d = driver_find("keysight-daq970a");
    struct emu_param p = {.model = &model, .error = {.ideal = true}};

    ck_assert_ptr_nonnull(d);
    make_world();
    port[TEMPERATURE_1] = probe(PROBE_FIXED, 0, 308.15);
    port[GROUP_1] = probe(PROBE_VOLTAGE, 1, 0);
    port[GROUP_2] = probe(PROBE_VOLTAGE, 2, 0);
    port[PACK] = probe(PROBE_FIXED, 0, 7.4);
    port[TEMPERATURE_2] = probe(PROBE_TEMPERATURE, 2, 0);
    for (int i = 0; i < CHANS; i++)
        wires[i] = (struct daq_wire){
            .channel = channel[i],
            .port = port[i],
            .type = 'K',
            .sensor = i == TEMPERATURE_1 || i == TEMPERATURE_2 ? DAQ_THERMOCOUPLE : DAQ_LEADS};
    model =
        (struct keysight_daq970a_model){.is_34970a = is_34970a, .wire = wires, .n_wires = CHANS};
    if (open_thermocouple)
        world.port[port[TEMPERATURE_1]].open = 1;
    rig_init(&rig, is_34970a ? 10 * NSEC_S / 9600 : 0);
    rig_add(&rig, d, emu_find(d->name), 0, &p, &world);
    return &rig;
}

static void identify(struct rig *r)
{
    int64_t t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);

    ck_assert_int_eq(rig_await(r, t, 60 * NSEC_S), RIG_DONE);
    ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_IDENTIFIED));
}

static void poll_once(struct rig *r)
{
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, 60 * NSEC_S), RIG_DONE);
}

static void expect(const struct rig *r, int chan, double value, double tolerance)
{
    ck_assert_msg(r->last[0][chan].quality == Q_OK, "%s: quality %u", r->inst[0].chans[chan].name,
                  r->last[0][chan].quality);
    ck_assert_msg(fabs(r->last[0][chan].value - value) <= tolerance, "%s is %.6f, not %.6f",
                  r->inst[0].chans[chan].name, r->last[0][chan].value, value);
}

/* 3.5 V + 0.5 V * soc, no current; a degree of a type K is some 40 uV, whose last digit is 0.1 uV.
 */
static void expect_all(const struct rig *r)
{
    expect(r, GROUP_1, 3.75, 2e-5);
    expect(r, GROUP_2, 3.65, 2e-5);
    expect(r, PACK, 7.4, 2e-5);
    expect(r, TEMPERATURE_1, 308.15, 0.05);
    expect(r, TEMPERATURE_2, 298.15, 0.05);
}

START_TEST(first_poll_sets_up_and_reads)
{
    struct rig *r = make(_i, false);

    identify(r);
    poll_once(r);
    expect_all(r);
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.noise_bytes, 0);
}
END_TEST

/* From then on one request a poll; a second identify changes nothing. */
START_TEST(goes_on)
{
    struct rig *r = make(_i, false);
    uint64_t sent;

    identify(r);
    poll_once(r);
    sent = r->n_sent;
    bus_poll_period(&r->bus, 0, 3 * NSEC_S, r->now);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 20);
    ck_assert_uint_le(r->n_sent, sent + 21);
    identify(r);
    rig_run(r, r->now + 10 * NSEC_S);
    expect_all(r);
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
}
END_TEST

/* 36 A for 100 s out of 10 Ah is a tenth of the charge: 50 mV, and 72 mV over 2 mohm while it
 * flows. */
START_TEST(groups_under_current)
{
    struct rig *r = make(0, false);
    int source = world_add_port(&world, PORT_SOURCE, 0);
    struct port_drive d = {.on = true, .v_max = 10, .v_min = 0, .i_max = -36, .i_min = -36};

    ck_assert_int_ge(source, 0);
    identify(r);
    poll_once(r);
    world_drive(&world, (uint16_t)source, r->now, &d);
    nsec began = r->now;
    rig_run(r, began + 98 * NSEC_S);
    poll_once(r);
    world_advance(&world, r->now);
    double since_s = nsec_to_s(r->now - began);
    ck_assert_double_lt(since_s, 102);
    expect(r, GROUP_1, 3.75 - 0.5 * since_s / 1000 - 0.072, 2e-3);
    expect(r, GROUP_2, 3.65 - 0.5 * since_s / 1000 - 0.072, 2e-3);
    ck_assert_double_eq_tol(world.station[0].charge_out_c, 36 * since_s, 1e-3);
}
END_TEST

/* It must not read as a cool cell; the others go on. */
START_TEST(open_thermocouple)
{
    struct rig *r = make(_i, true);

    identify(r);
    poll_once(r);
    ck_assert_uint_eq(r->last[0][TEMPERATURE_1].quality, Q_INVALID);
    ck_assert(isnan(r->last[0][TEMPERATURE_1].value));
    expect(r, TEMPERATURE_2, 298.15, 0.05);
    expect(r, GROUP_1, 3.75, 2e-5);
}
END_TEST

static void mind(struct rig *r, enum emu_fault f, bool on)
{
    host_mind_fault(&r->host, &r->host_w, 0, r->now, f, on);
}

/* Whatever a hand or a restart has done to it, in the end it scans what the bench says, and until
 * then nothing is taken for something else. */
static void never_another(struct rig *r, const struct bus_report *report)
{
    const struct outcome *o = report->outcome;

    (void)r;
    for (int i = 0; report->kind == BUS_SAMPLES && i < o->n_samples; i++) {
        const struct sample *s = &o->sample[i];

        if (s->quality == Q_OK)
            RIG_CHECK(s->chan == TEMPERATURE_1   ? fabs(s->value - 308.15) < 0.05
                      : s->chan == TEMPERATURE_2 ? fabs(s->value - 298.15) < 0.05
                      : s->chan == GROUP_1       ? fabs(s->value - 3.75) < 1e-4
                      : s->chan == GROUP_2       ? fabs(s->value - 3.65) < 1e-4
                                                 : fabs(s->value - 7.4) < 1e-4);
    }
}

static struct rig *at_work(bool is_34970a)
{
    struct rig *r = make(is_34970a, false);

    r->on_report = never_another;
    identify(r);
    bus_poll_period(&r->bus, 0, 3 * NSEC_S, r->now);
    rig_run(r, r->now + 10 * NSEC_S);
    return r;
}

START_TEST(a_hand_at_the_panel)
{
    struct rig *r = at_work(_i);

    mind(r, FAULT_LOCAL, true);
    rig_run(r, r->now + 6 * NSEC_S);
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_LOCAL, NOTICE_LOCAL), 1);
    mind(r, FAULT_LOCAL, false);
    rig_run(r, r->now + 30 * NSEC_S);
    expect_all(r);
    ck_assert(r->last_at[0][TEMPERATURE_2] > r->now - 10 * NSEC_S);
}
END_TEST

START_TEST(a_restart)
{
    struct rig *r = at_work(_i);

    mind(r, FAULT_REBOOT, true);
    rig_run(r, r->now + 240 * NSEC_S);
    ck_assert_int_eq(r->bus.inst[0].identified, 1);
    expect_all(r);
    ck_assert(r->last_at[0][GROUP_1] > r->now - 10 * NSEC_S);
    ck_assert(r->last_at[0][TEMPERATURE_2] > r->now - 10 * NSEC_S);
}
END_TEST

START_TEST(refuses_the_set_up)
{
    struct rig *r = make(_i, false);

    mind(r, FAULT_REFUSE, true);
    identify(r);
    bus_poll_period(&r->bus, 0, 3 * NSEC_S, r->now);
    rig_run(r, r->now + 30 * NSEC_S);
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_ALARM), 1);
    ck_assert_uint_eq(r->last[0][GROUP_1].quality, Q_INVALID);
    mind(r, FAULT_REFUSE, false);
    rig_run(r, r->now + 30 * NSEC_S);
    expect_all(r);
}
END_TEST

START_TEST(another_model)
{
    struct rig *r = make(_i, false);

    mind(r, FAULT_WRONG_MODEL, true);
    int64_t t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    (void)rig_await(r, t, 60 * NSEC_S);
    ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_WRONG_DEVICE));
    ck_assert_ptr_null(rig_notice(r, t, NOTICE_IDENTIFIED));
}
END_TEST

/* Lost, late, garbled, doubled ...: nothing is taken for something else, and all is well after. */
START_TEST(a_bad_line)
{
    enum line_fault f = (enum line_fault)(1 + _i % (LINE_COUNT - 1));
    struct rig *r = at_work(_i >= LINE_COUNT - 1);
    nsec late = f == LINE_LATE ? 20 * NSEC_S : 50 * NSEC_MS;

    for (uint32_t n = 1; n <= 3; n++) {
        rig_fault(r, f, n, late);
        rig_run(r, r->now + 60 * NSEC_S);
    }
    rig_fault(r, LINE_NONE, 0, 0);
    rig_run(r, r->now + 240 * NSEC_S);
    ck_assert_uint_eq(r->n_lost, r->n_back);
    ck_assert_int_eq(r->bus.inst[0].identified, 1);
    expect_all(r);
    ck_assert(r->last_at[0][GROUP_1] > r->now - 10 * NSEC_S);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pairs daq");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(t, first_poll_sets_up_and_reads, 0, 2);
    tcase_add_loop_test(t, goes_on, 0, 2);
    tcase_add_test(t, groups_under_current);
    tcase_add_loop_test(t, open_thermocouple, 0, 2);
    tcase_add_loop_test(t, a_hand_at_the_panel, 0, 2);
    tcase_add_loop_test(t, a_restart, 0, 2);
    tcase_add_loop_test(t, refuses_the_set_up, 0, 2);
    tcase_add_loop_test(t, another_model, 0, 2);
    tcase_add_loop_test(t, a_bad_line, 0, 2 * (LINE_COUNT - 1));
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
