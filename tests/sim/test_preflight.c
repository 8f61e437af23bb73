/* test_preflight.c - what is wrong with leads, cell, sensors and temperature before a run, and what
 * becomes of it: each is refused or stopped with a cause that names it, and the world's own extremes
 * stay far inside the article's window.
 *
 * The table is printed: verdict, cause, the highest and lowest voltage at the terminals, the largest
 * currents, the highest pressure on the stack. */
#include "tests/support/sim.h"

#include "benchctl/session_priv.h"

#include "drivers/virtual/ea_psb_priv.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The pulse is one percent of the article's smaller limit; before it is configured the SMU may draw
 * 105 uA (its hazard card). */
#define SMU_LEAK_A    105e-6
#define PROOF_SHARE   0.01
#define SUPPLY_OFF_A  0.06 /* 0.1 % of 60 A: what it sets is no better known */
#define CURRENT_SLACK 1.05
#define PULSE_C       (60e-6 * 2.0)
#define ATMOSPHERE_PA 101325.0
#define BIGGER        1e4 /* the cell between clips, against the lab cell */

static struct sim_case c;

enum where { PRESSED, PLAIN, CLIPS };
struct row {
    const char *name;
    enum where where;
    void (*prepare)(struct session *s);
    enum verdict verdict; /* VERDICT_NONE: it waits, paused */
    enum cause cause;
    const char *named; /* in the text of its end */
};

/* ---- What is wrong --------------------------------------------------------------------------- */

static struct world_station *station(struct session *s)
{
    return &s->rig->world->station[0];
}

static uint8_t inst(const struct session *s, const char *name)
{
    int i = bench_find_inst(s->bench, name);
    ck_assert_int_ge(i, 0);
    return (uint8_t)i;
}

static void nothing(struct session *s) { (void)s; }
static void reversed(struct session *s) { station(s)->reversed = 1; }
static void sense_dead(struct session *s) { station(s)->open_sense = SENSE_DEAD; }
static void sense_floats(struct session *s) { station(s)->open_sense = SENSE_FLOATS; }
static void lead_open(struct session *s) { station(s)->open_force = 1; }
static void both_open(struct session *s) { station(s)->open_lead = 1; }
static void empty(struct session *s) { station(s)->cell_kind = WORLD_NO_CELL; }
static void low_cell(struct session *s) { station(s)->emf_v = -1.8; }
static void high_cell(struct session *s) { station(s)->emf_v = 1.3; }
static void absolute(struct session *s) { station(s)->gauge_offset_pa = ATMOSPHERE_PA; }
static void loaded(struct session *s) { station(s)->force_offset_n = 20.0; }
static void force_stuck(struct session *s) { station(s)->force_stuck = 1; }
static void sibling(struct session *s) { rig_mind_fault(s->rig, inst(s, "air"), FAULT_WRONG_MODEL, true); }
static void oven_broken(struct session *s) { rig_mind_fault(s->rig, inst(s, "oven"), FAULT_SENSOR_OPEN, true); }
static void force_broken(struct session *s) { rig_mind_fault(s->rig, inst(s, "cell_force"), FAULT_SENSOR_OPEN, true); }
static void force_silent(struct session *s) { rig_line_fault(s->rig, inst(s, "cell_force"), LINE_LOST, UINT32_MAX, 0.0); }

static void cold(struct session *s)
{
    struct world *w = s->rig->world;
    w->ambient_k = w->chamber[0].state.air_k = w->station[0].cell_temperature.value_k = 278.15;
}

static void very_cold(struct session *s)
{
    struct world *w = s->rig->world;
    w->ambient_k = w->chamber[0].state.air_k = w->station[0].cell_temperature.value_k = 258.15;
}

/* It had been well when it was looked at; the squeeze takes half a minute. */
static void mishap(struct session *s, enum world_mishap_kind kind, double value, double at_s)
{
    station(s)->mishap = (struct world_mishap){.at = nsec_from_s(at_s), .value = value, .kind = (uint8_t)kind};
}
static void sense_falls_off(struct session *s) { mishap(s, MISHAP_SENSE, SENSE_FLOATS, 20.0); }
static void lead_falls_off(struct session *s) { mishap(s, MISHAP_LEAD, 0.0, 20.0); }

static const struct row rows[] = {
    {"nothing, under a press", PRESSED, nothing, VERDICT_DONE, CAUSE_DONE, ""},
    {"nothing, between clips", PLAIN, nothing, VERDICT_DONE, CAUSE_DONE, ""},
    {"cell reversed", PRESSED, reversed, VERDICT_ABORT, CAUSE_REVERSED, "cell.voltage"},
    {"sense lead open, reads nothing", PRESSED, sense_dead, VERDICT_ABORT, CAUSE_NO_CELL, "cell.voltage"},
    {"sense lead open, floats", PRESSED, sense_floats, VERDICT_ABORT, CAUSE_SENSE_LEAD, "cell.voltage"},
    {"the same, no press", PLAIN, sense_floats, VERDICT_ABORT, CAUSE_SENSE_LEAD, "cell.voltage"},
    {"sense lead falls off in the squeeze", PRESSED, sense_falls_off, VERDICT_ABORT, CAUSE_SENSE_LEAD, "cell.voltage"},
    {"current lead open", PRESSED, lead_open, VERDICT_ABORT, CAUSE_CURRENT_LEAD, "cell.current"},
    {"the same, no press", PLAIN, lead_open, VERDICT_ABORT, CAUSE_CURRENT_LEAD, "cell.current"},
    {"current lead falls off in the squeeze", PRESSED, lead_falls_off, VERDICT_ABORT, CAUSE_CURRENT_LEAD, "cell.current"},
    {"both leads open", PRESSED, both_open, VERDICT_ABORT, CAUSE_NO_CELL, "cell.voltage"},
    {"empty fixture", PRESSED, empty, VERDICT_ABORT, CAUSE_NO_CELL, "cell.voltage"},
    {"wrong cell, too low", PRESSED, low_cell, VERDICT_ABORT, CAUSE_OCV, "cell.voltage"},
    {"wrong cell, too high", PRESSED, high_cell, VERDICT_ABORT, CAUSE_OCV, "cell.voltage"},
    {"absolute regulator, by its name", PRESSED, sibling, VERDICT_FAIL, CAUSE_INST_WRONG, "air"},
    {"absolute regulator, by its reading", PRESSED, absolute, VERDICT_ABORT, CAUSE_PRESS_RATIO, "press.regulator"},
    {"load cell not at zero", PRESSED, loaded, VERDICT_ABORT, CAUSE_FORCE_ZERO, "press.force"},
    {"force stuck at zero", PRESSED, force_stuck, VERDICT_NONE, CAUSE_PRESS_RATIO, "press.pressure"},
    {"cold cell asked to charge", PRESSED, cold, VERDICT_ABORT, CAUSE_TEMPERATURE, "chamber.temperature"},
    {"too cold for anything", PRESSED, very_cold, VERDICT_ABORT, CAUSE_TEMPERATURE, "chamber.temperature"},
    {"thermometer broken", PRESSED, oven_broken, VERDICT_ABORT, CAUSE_CHECK, "chamber.temperature"},
    {"load cell broken", PRESSED, force_broken, VERDICT_ABORT, CAUSE_CHECK, "press.pressure"},
    {"load cell silent", PRESSED, force_silent, VERDICT_ABORT, CAUSE_CHECK, "press.pressure"},
    {"supply: nothing", CLIPS, nothing, VERDICT_DONE, CAUSE_DONE, ""},
    {"supply: cell reversed", CLIPS, reversed, VERDICT_ABORT, CAUSE_NO_CELL, "cell.voltage"},
    {"supply: sense lead reads nothing", CLIPS, sense_dead, VERDICT_ABORT, CAUSE_NO_CELL, "cell.voltage"},
    {"supply: sense lead floats", CLIPS, sense_floats, VERDICT_ABORT, CAUSE_SENSE_LEAD, "cell.voltage"},
    {"supply: current lead open", CLIPS, lead_open, VERDICT_ABORT, CAUSE_CURRENT_LEAD, "cell.current"},
    {"supply: empty fixture", CLIPS, empty, VERDICT_ABORT, CAUSE_NO_CELL, "cell.voltage"},
    {"supply: wrong cell", CLIPS, high_cell, VERDICT_ABORT, CAUSE_OCV, "cell.voltage"},
};

/* ---- Trying one ------------------------------------------------------------------------------- */

static void make_bigger(struct session *s)
{
    struct assb_param p;
    assb_param_default(&p);
    p.charge_per_y_c *= BIGGER;
    p.r_bulk_ohm /= BIGGER;
    p.r_contact_ohm /= BIGGER;
    p.r1_ohm /= BIGGER;
    world_put_assb(s->rig->world, 0, &p);
}

static void begin(const struct row *row)
{
    struct session_input in;
    const struct session_options opt = {.stop_at = 20 * 60 * NSEC_S};
    if (row->where == CLIPS) {
        sim_load(&c, "tests/sim/clips.yaml", "tests/sim/plain.yaml", "tests/sim/big-cell.yaml", NULL);
    } else {
        sim_load(&c, "benches/demo.yaml", row->where == PLAIN ? "tests/sim/plain.yaml" : "tests/sim/preflight.yaml", "articles/ASSB-017.yaml", NULL);
    }
    sim_input(&c, &in);
    ck_assert_int_eq(session_open(&c.session, &in, &opt, &c.diag), 0);
    if (row->where == CLIPS) {
        make_bigger(&c.session);
    }
    row->prepare(&c.session);
}

static void print_row(const struct row *row, const struct session *s, const char *story)
{
    const struct world_station *st = &s->rig->world->station[0];
    printf("%-38s %-8s V %6.3f .. %6.3f V   I %10.3g .. %9.3g A   P %5.2f MPa   %s\n", row->name,
           s->s.ended ? verdict_text((enum verdict)s->s.verdict) : run_state_name((enum run_state)s->run->state), st->voltage_low_v, st->voltage_peak_v,
           st->current_low_a, st->current_peak_a, st->pressure_peak_pa / 1e6, story);
}

/* Nobody has asked for more than the pulse when the run was refused. */
static void check_extremes(const struct row *row, const struct session *s)
{
    const struct program *p = s->program;
    const struct world_station *st = &s->rig->world->station[0];
    double most = fmin(p->charge_max_a, p->discharge_max_a) * PROOF_SHARE * CURRENT_SLACK;
    bool refused = row->verdict != VERDICT_DONE;

    most = row->where == CLIPS ? most + SUPPLY_OFF_A : fmax(most, SMU_LEAK_A * CURRENT_SLACK);
    ck_assert_double_le(st->current_peak_a, refused ? most : p->charge_max_a);
    ck_assert_double_ge(st->current_low_a, refused ? -most : -p->discharge_max_a);
    /* a cell that is wrong has its own voltage, and one that is the wrong way round the negative one */
    double own = row->prepare == high_cell ? 4.8 : p->v_hi;
    if (row->prepare == empty || row->prepare == both_open) { /* no cell, but open clips at the bench's limit */
        own = 5.0;
    }
    ck_assert_double_le(st->voltage_peak_v, own);
    ck_assert_double_ge(st->voltage_low_v, row->prepare == reversed ? -p->v_hi : 0.0);
    ck_assert(!(st->pressure_peak_pa > p->p_hi_pa));
}

START_TEST(test_row)
{
    const struct row *row = &rows[_i];
    struct session *s = &c.session;
    char story[MESSAGE_MAX];

    begin(row);
    ck_assert_int_ge(session_work(s, &c.diag), 0);
    run_story(s->run, s->program, story, sizeof story);
    print_row(row, s, story);
    ck_assert_int_eq(s->s.ended, row->verdict != VERDICT_NONE);
    ck_assert_str_eq(verdict_text((enum verdict)s->s.verdict), verdict_text(row->verdict));
    ck_assert_str_eq(cause_text((enum cause)s->run->cause), cause_text(row->cause));
    if (row->verdict == VERDICT_NONE) {
        ck_assert_int_eq(s->run->state, RUN_PAUSED);
    }
    ck_assert_msg(strstr(row->verdict == VERDICT_NONE ? story : s->s.text, row->named) != NULL, "%s", s->s.text);
    check_extremes(row, s);
    if (row->prepare == cold || row->prepare == very_cold) { /* not even the pulse has charged it */
        ck_assert_double_le(station(s)->charge_in_c, PULSE_C / 10.0);
    }
    for (uint8_t i = 0; i < s->bench->n_insts && row->verdict != VERDICT_NONE; i++) {
        ck_assert(i != s->bench->station[0].cycler || !rig_energized(s->rig, i));
    }
    sim_close(&c);
}
END_TEST

/* ---- The article's window in the instrument ---------------------------------------------------- */

static const struct psb *psb_of(const struct session *s)
{
    return (const struct psb *)(const void *)s->rig->host[0].state[0];
}

static void check_limits(const struct session *s, double v_lo, double v_hi)
{
    const struct psb *b = psb_of(s);
    const double step_v = 60.0 / PSB_FULL, step_a = 60.0 / PSB_FULL;

    ck_assert_double_eq_tol(psb_si(b, PSB_U, b->limit[LIMIT_U_MAX]), v_hi, step_v / 2.0);
    ck_assert_double_eq_tol(psb_si(b, PSB_U, b->limit[LIMIT_U_MIN]), v_lo, step_v / 2.0);
    ck_assert_double_eq_tol(psb_si(b, PSB_I, b->limit[LIMIT_I_MAX]), 40.0, step_a / 2.0);
    ck_assert_double_eq_tol(psb_si(b, PSB_I, b->limit[LIMIT_SINK_I_MAX]), 50.0, step_a / 2.0);
    ck_assert_uint_eq(b->limit[LIMIT_I_MIN], 0);
    ck_assert_uint_eq(b->limit[LIMIT_SINK_I_MIN], 0);
}

struct armed {
    bool looked, charged;
};

/* Before any output is on the window stands; while it charges the sink is at zero. */
static int look_at_limits(void *ctx, struct session *s)
{
    struct armed *a = ctx;
    const struct psb *b = psb_of(s);

    if (b->output) {
        check_limits(s, 2.0, 4.4);
        a->looked = true;
    }
    if (s->run->acting == ACTING_ON && s->run->now.number == 2) {
        ck_assert_uint_eq(b->set[SET_SINK_I], 0);
        ck_assert_uint_gt(b->set[SET_I], 0);
        a->charged = true;
    }
    return 0;
}

START_TEST(test_window)
{
    struct session_input in;
    struct armed a = {false, false};
    const struct session_options opt = {.after_event = look_at_limits, .ctx = &a};

    sim_load(&c, "tests/sim/clips.yaml", "tests/sim/plain.yaml", "tests/sim/big-cell.yaml", NULL);
    sim_input(&c, &in);
    ck_assert_int_eq(session_open(&c.session, &in, &opt, &c.diag), 0);
    make_bigger(&c.session);
    /* What the last one left: another article's window, in which ours does not lie. */
    struct psb *b = (struct psb *)(void *)c.session.rig->host[0].state[0];
    b->limit[LIMIT_U_MIN] = 30000;
    b->limit[LIMIT_U_MAX] = 40000;
    b->set[SET_U] = 35000;
    b->limit[LIMIT_I_MAX] = b->limit[LIMIT_SINK_I_MAX] = b->set[SET_I] = b->set[SET_SINK_I] = 100;
    ck_assert_int_ge(session_work(&c.session, &c.diag), 0);
    ck_assert_msg(c.session.s.verdict == VERDICT_DONE, "%s", c.session.s.text);
    ck_assert(a.looked && a.charged);
    check_limits(&c.session, 2.0, 4.4);

    /* What nobody would ask for, the instrument itself refuses now. */
    uint8_t psb = inst(&c.session, "psb");
    int chan = inst_find_chan(&c.loaded.bench.inst[psb], "voltage_set");
    struct rig_event e;
    bool refused = false;
    ck_assert_int_eq(rig_set(c.session.rig, psb, (uint16_t)chan, 5.0, 4711), 0);
    for (int k = 0; k < 200 && !refused; k++) {
        rig_wait(c.session.rig, rig_due(c.session.rig));
        while (rig_take(c.session.rig, &e)) {
            refused = refused || (e.token == 4711 && e.kind != RIG_SET_DONE);
            ck_assert(e.token != 4711 || e.kind != RIG_SET_DONE);
        }
    }
    ck_assert(refused);
    sim_close(&c);
}
END_TEST

/* Stops once when the charge flows; from then on: how often the output was seen. */
struct restarted {
    bool stop, off;
    unsigned on;
};

static int look_after_restart(void *ctx, struct session *s)
{
    struct restarted *a = ctx;
    const struct psb *b = psb_of(s);

    if (a->stop && s->run->acting == ACTING_ON && s->run->now.number == 2) {
        a->stop = false;
        return 1;
    }
    if (!a->stop && b->output && a->off) {
        check_limits(s, 2.0, 4.4);
        a->on++;
    }
    a->off = a->off || !b->output;
    return 0;
}

/* The controller was away for a while, and somebody has opened the instrument's window: it goes to rest and is shut before current flows again. */
START_TEST(test_window_after_restart)
{
    struct session_input in;
    struct restarted a = {.stop = true};
    const struct session_options opt = {.after_event = look_after_restart, .ctx = &a};

    sim_load(&c, "tests/sim/clips.yaml", "tests/sim/plain.yaml", "tests/sim/big-cell.yaml", NULL);
    c.loaded.program.on_power_loss = POWER_RESUME;
    sim_input(&c, &in);
    ck_assert_int_eq(session_open(&c.session, &in, &opt, &c.diag), 0);
    make_bigger(&c.session);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 0);
    struct psb *b = (struct psb *)(void *)c.session.rig->host[0].state[0];
    ck_assert(b->output);
    b->limit[LIMIT_U_MIN] = b->limit[LIMIT_I_MIN] = b->limit[LIMIT_SINK_I_MIN] = 0;
    b->limit[LIMIT_U_MAX] = b->limit[LIMIT_I_MAX] = b->limit[LIMIT_SINK_I_MAX] = PSB_FULL;
    a = (struct restarted){.off = false};
    struct event e = {.kind = EV_RESUMED, .value = 60.0, .chan = CHAN_NONE, .stamp = c.session.rig->s.now};
    ck_assert_int_eq(session_feed(&c.session, &e, &c.diag), 0);
    ck_assert_uint_eq(c.session.run->state, RUN_RECOVERING);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    ck_assert_msg(c.session.s.verdict == VERDICT_DONE, "%s", c.session.s.text);
    ck_assert_uint_gt(a.on, 10);
    sim_close(&c);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("preflight");
    TCase *t = tcase_create("rows");
    tcase_add_loop_test(t, test_row, 0, (int)(sizeof rows / sizeof *rows));
    suite_add_tcase(s, t);
    t = tcase_create("window");
    tcase_add_test(t, test_window);
    tcase_add_test(t, test_window_after_restart);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
