/* tests/sim/test_interlocks.c - contacts and the watchdog relay of a bench: what trips, how fast, what the safe sequence then does, and what a bench of 60 V and more must have.
 *
 * Outputs are judged at the emulators and in the world, not by what the session believes. */
#include "tests/support/sim.h"

#include "benchctl/actuators.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROCEDURE "tests/fault/faults.yaml"
#define BENCH     "benches/demo.yaml"
#define ARTICLE   "articles/ASSB-017.yaml"
#define CHARGING_A 2e-4 /* more than the SMU lets out of a cell at power-up */
#define ESTOP     "  estop: {input: dio.1, healthy: closed, scope: bench}"
#define CONTACT_2 "      - {name: \"2\", type: coil, register: 1, function: 2}\n"
#define ROW_9     "      - {name: \"9\","

/* ---- Benches ---- */

struct swap {
    const char *from, *to;
};

/* The shipped bench with a few things changed. Findings are the result. */
static int bench_with(struct sim_case *c, const struct swap *swaps)
{
    static char text[20000], next[20400];
    char folder[300], path[400];
    FILE *f = fopen(source_path(BENCH), "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    for (; swaps->from; swaps++) {
        char *at = strstr(text, swaps->from);
        ck_assert_msg(at != NULL, "the bench has no %s", swaps->from);
        snprintf(next, sizeof next, "%.*s%s%s", (int)(at - text), text, swaps->to, at + strlen(swaps->from));
        memcpy(text, next, sizeof text);
    }
    sim_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/bench.yaml", folder);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    fclose(f);
    int r = sim_try_load(c, path, PROCEDURE, ARTICLE, NULL);
    sim_remove(folder);
    return r;
}

static void load_with(struct sim_case *c, const struct swap *swaps)
{
    static char said[8192];
    if (bench_with(c, swaps) < 0) {
        diag_format(&c->diag, said, sizeof said, false);
        ck_abort_msg("%s", said);
    }
}

static uint8_t inst_of(const struct sim_case *c, const char *name)
{
    int i = bench_find_inst(&c->loaded.bench, name);
    ck_assert_int_ge(i, 0);
    return (uint8_t)i;
}

static uint8_t chan_of(const struct sim_case *c, const char *inst, const char *chan)
{
    int k = inst_find_chan(&c->loaded.bench.inst[inst_of(c, inst)], chan);
    ck_assert_int_ge(k, 0);
    return (uint8_t)k;
}

/* ---- What a run leaves ---- */

struct seen {
    nsec safing_at;    /* run time; NSEC_NEVER: not made safe */
    nsec charging_at;  /* first current in the world */
    bool dropped;      /* the relay, while the run was at work */
    double standing;   /* of the press when it was made safe */
};
static struct seen seen;

static int look(void *ctx, struct session *s)
{
    struct seen *w = ctx;
    const struct world *world = s->rig->world;
    if (s->run->state == RUN_SAFING && w->safing_at == NSEC_NEVER) {
        w->safing_at = session_run_time(s);
        w->standing = rig_standing(s->rig, s->bench->station[0].regulator);
    }
    if (fabs(world->station[0].current_a) > CHARGING_A && w->charging_at == NSEC_NEVER) {
        w->charging_at = session_run_time(s);
    }
    if (s->s.started && w->safing_at == NSEC_NEVER) {
        w->dropped = w->dropped || world->watchdog_dropped;
    }
    return 0;
}

static void work(struct sim_case *c, const struct script_item *script, unsigned n)
{
    struct session_options opt = {.script = script, .n_script = n, .after_event = look, .ctx = &seen};
    seen = (struct seen){.safing_at = NSEC_NEVER, .charging_at = NSEC_NEVER};
    sim_run(c, &opt);
}

/* When a charge is well under way. */
static nsec mid_charge(void)
{
    static struct sim_case c;
    static nsec at;
    if (at == 0) {
        sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
        work(&c, NULL, 0);
        ck_assert_int_eq(session_exit_code(&c.session), 0);
        ck_assert_msg(!seen.dropped, "the relay dropped in a run without faults");
        ck_assert_int_ne(seen.charging_at, NSEC_NEVER);
        at = seen.charging_at + 60 * NSEC_S + 130 * NSEC_MS;
        sim_close(&c);
    }
    return at;
}

static void check_tripped(const struct sim_case *c, const char *says, enum safe_cause cause, nsec from, double within_s)
{
    const struct session *s = &c->session;
    ck_assert_int_eq(session_exit_code(s), 5);
    ck_assert_int_eq(s->s.cause, CAUSE_INTERLOCK);
    ck_assert_int_eq(s->s.walk.cause, cause);
    ck_assert_msg(strstr(s->s.text, says) != NULL, "not said \"%s\": %s", says, s->s.text);
    ck_assert_msg(strstr(s->s.text, "dio") != NULL, "not named: %s", s->s.text);
    ck_assert_msg(strstr(s->s.text, "NOT PROVEN") == NULL, "%s", s->s.text);
    ck_assert(!rig_energized(s->rig, s->bench->station[0].cycler));
    ck_assert(!rig_energized(s->rig, s->bench->station[0].chamber));
    ck_assert_double_eq_tol(s->rig->world->station[0].current_a, 0.0, 1e-9);
    ck_assert_msg(seen.safing_at >= from && seen.safing_at <= from + nsec_from_s(within_s), "made safe %g s after the onset, not within %g s", nsec_to_s(seen.safing_at - from), within_s);
}

/* ---- Contacts ---- */

START_TEST(the_file_is_read)
{
    static struct sim_case c;
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    const struct bench *b = &c.loaded.bench;
    const struct bench_interlock *k = &b->interlock[0];
    ck_assert_int_eq(b->n_interlocks, 1);
    ck_assert_str_eq(k->name, "estop");
    ck_assert_int_eq(k->inst, inst_of(&c, "dio"));
    ck_assert_int_eq(k->chan, chan_of(&c, "dio", "1"));
    ck_assert(k->healthy_on);
    ck_assert_int_eq(k->station, -1);
    ck_assert_int_eq(k->cause, SAFE_INTERLOCK);
    ck_assert(b->watchdog.there);
    ck_assert_int_eq(b->watchdog.chan, chan_of(&c, "dio", "9"));
    ck_assert_double_eq_tol(b->watchdog.period_s, 0.5, 1e-12);
    /* Polled each 0.5 s with a deadline of 1 s: three polls and a deadline; one poll and a deadline. */
    ck_assert_double_eq_tol(interlock_stale_s(b, k), 2.5, 1e-9);
    ck_assert_double_eq_tol(interlock_trip_s(b, k), 1.5, 1e-9);
    cli_unload(&c.loaded);
}
END_TEST

START_TEST(without_a_word_about_it_contacts_are_polled_fast)
{
    static struct sim_case c;
    load_with(&c, (const struct swap[]){{"    poll: 500 ms", "#"}, {0}});
    ck_assert_double_eq_tol(c.loaded.bench.inst[inst_of(&c, "dio")].poll_s, 0.2, 1e-9);
    cli_unload(&c.loaded);
}
END_TEST

START_TEST(scope_and_voltage_say_where_it_counts)
{
    const struct bench_interlock all = {.station = -1}, other = {.station = 1}, door = {.station = 0, .needed_above_v = 60.0};
    ck_assert(interlock_counts(&all, 0, 4.4) && interlock_counts(&all, 1, 4.4));
    ck_assert(!interlock_counts(&other, 0, 4.4) && interlock_counts(&other, 1, 4.4));
    ck_assert(!interlock_counts(&door, 0, 60.0) && interlock_counts(&door, 0, 60.1));
    ck_assert(interlock_counts(&door, 0, INFINITY));
    ck_assert(interlock_counts(&door, 0, (double)NAN)); /* unknown is not below */
}
END_TEST

START_TEST(a_contact_opens)
{
    static struct sim_case c;
    nsec at = mid_charge() + (nsec)_i * 70 * NSEC_MS;
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    const struct script_item script[] = {{.at = at, .kind = SCRIPT_HAND, .inst = inst_of(&c, "dio"), .what = chan_of(&c, "dio", "1"), .on = false}};
    work(&c, script, 1);
    check_tripped(&c, "interlock estop: contact 1 is open", SAFE_INTERLOCK, at, interlock_trip_s(&c.loaded.bench, &c.loaded.bench.interlock[0]));
    double now = rig_standing(c.session.rig, inst_of(&c, "air"));
    ck_assert_double_eq_tol(now, seen.standing, 1e-6); /* a cell under pressure is not released by another fault */
    sim_close(&c);
}
END_TEST

/* A blink shorter than a poll is not seen: that is what the wire of the E-stop itself is for. One of two polls is. */
START_TEST(a_contact_that_closes_again_has_tripped)
{
    static struct sim_case c;
    nsec at = mid_charge();
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    uint8_t dio = inst_of(&c, "dio"), one = chan_of(&c, "dio", "1");
    const struct script_item script[] = {{.at = at, .kind = SCRIPT_HAND, .inst = dio, .what = one, .on = false}, {.at = at + NSEC_S, .kind = SCRIPT_HAND, .inst = dio, .what = one, .on = true}};
    work(&c, script, 2);
    check_tripped(&c, "contact 1 is open", SAFE_INTERLOCK, at, 1.5);
    sim_close(&c);
}
END_TEST

START_TEST(nothing_is_begun_while_a_contact_is_open)
{
    static struct sim_case c;
    load_with(&c, (const struct swap[]){{ESTOP, "  estop: {input: dio.1, healthy: closed, scope: bench}\n  wet: {input: dio.2, healthy: open, scope: bench}"}, {ROW_9, CONTACT_2 ROW_9}, {0}});
    const struct script_item script[] = {{.at = 0, .kind = SCRIPT_HAND, .inst = inst_of(&c, "dio"), .what = chan_of(&c, "dio", "2"), .on = true}};
    work(&c, script, 1);
    check_tripped(&c, "interlock wet: contact 2 is closed", SAFE_INTERLOCK, 0, 1.5);
    const struct world_station *st = &c.session.rig->world->station[0];
    ck_assert_int_eq(seen.charging_at, NSEC_NEVER);
    ck_assert_double_eq_tol(st->charge_in_c + st->charge_out_c, 0.0, 1e-3); /* but for the SMU's own power-up state, see its hazard card */
    ck_assert_double_eq_tol(st->pressure_peak_pa, 0.0, 1e3);
    sim_close(&c);
}
END_TEST

START_TEST(its_cause_chooses_the_sequence)
{
    static struct sim_case c;
    nsec at = mid_charge();
    load_with(&c, (const struct swap[]){{ESTOP, "  smoke: {input: dio.1, healthy: closed, scope: station A, cause: fire}"},
                                        {"    any: [output smu off, keep air]", "    fire: [output smu off, set air 0 MPa]\n    any: [output smu off, keep air]"}, {0}});
    const struct script_item script[] = {{.at = at, .kind = SCRIPT_HAND, .inst = inst_of(&c, "dio"), .what = chan_of(&c, "dio", "1"), .on = false}};
    work(&c, script, 1);
    check_tripped(&c, "interlock smoke", SAFE_FIRE, at, 1.5);
    ck_assert_double_gt(seen.standing, 0.0);
    ck_assert_double_eq_tol(rig_standing(c.session.rig, inst_of(&c, "air")), 0.0, 1e-9);
    sim_close(&c);
}
END_TEST

START_TEST(a_door_of_60_v_does_not_stop_a_cell)
{
    static struct sim_case c;
    load_with(&c, (const struct swap[]){{ESTOP, "  door: {input: dio.1, healthy: closed, scope: station A, needed_above: 60 V}"}, {0}});
    const struct script_item script[] = {{.at = NSEC_S, .kind = SCRIPT_HAND, .inst = inst_of(&c, "dio"), .what = chan_of(&c, "dio", "1"), .on = false}};
    work(&c, script, 1);
    ck_assert_msg(session_exit_code(&c.session) == 0, "%s", c.session.s.text);
    sim_close(&c);
}
END_TEST

START_TEST(a_silent_box_trips_without_a_watchdog_too)
{
    static struct sim_case c;
    nsec at = mid_charge();
    load_with(&c, (const struct swap[]){{"\nwatchdog:", "\n# watchdog:"}, {0}});
    const struct script_item script[] = {{.at = at, .kind = SCRIPT_LINE_FAULT, .inst = inst_of(&c, "dio"), .what = LINE_DOWN, .on = true, .count = UINT32_MAX}};
    work(&c, script, 1);
    check_tripped(&c, "interlock estop: contact 1 gives no fresh value", SAFE_INTERLOCK, at, 2.5);
    sim_close(&c);
}
END_TEST

/* ---- The watchdog relay ---- */

START_TEST(a_silent_box_lets_the_relay_drop)
{
    static struct sim_case c;
    nsec at = mid_charge();
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    const struct script_item script[] = {{.at = at, .kind = SCRIPT_LINE_FAULT, .inst = inst_of(&c, "dio"), .what = LINE_DOWN, .on = true, .count = UINT32_MAX}};
    work(&c, script, 1);
    check_tripped(&c, "watchdog output not set in time", SAFE_INTERLOCK, at, 1.0);
    ck_assert(c.session.rig->world->watchdog_dropped);
    sim_close(&c);
}
END_TEST

/* Acknowledged and not obeyed: the read-back shows 0 when the relay has dropped. */
START_TEST(a_box_that_only_says_yes)
{
    static struct sim_case c;
    nsec at = mid_charge();
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    const struct script_item script[] = {{.at = at, .kind = SCRIPT_MIND_FAULT, .inst = inst_of(&c, "dio"), .what = FAULT_SILENT_IGNORE, .on = true}};
    work(&c, script, 1);
    check_tripped(&c, "watchdog output not set in time", SAFE_INTERLOCK, at, 2.5);
    sim_close(&c);
}
END_TEST

static int stop_in_charge(void *ctx, struct session *s)
{
    (void)ctx;
    return session_run_time(s) >= mid_charge();
}

/* The process dies in the middle of a charge: nobody speaks any more, and the relay takes the cell from the source that goes on. */
START_TEST(a_dead_process_lets_the_relay_drop)
{
    static struct sim_case c;
    (void)mid_charge();
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    struct session_options opt = {.after_event = stop_in_charge};
    sim_run(&c, &opt);
    struct rig *r = c.session.rig;
    uint8_t smu = c.loaded.bench.station[0].cycler;
    ck_assert(!r->world->watchdog_dropped);
    ck_assert_double_gt(fabs(r->world->station[0].current_a), CHARGING_A);
    nsec end = r->s.now + NSEC_S + 50 * NSEC_MS;
    uint8_t dio = inst_of(&c, "dio");
    struct host *h = &r->host[c.loaded.bench.inst[dio].bus];
    struct host_wiring *w = &r->host_wiring[c.loaded.bench.inst[dio].bus];
    for (nsec t = host_due(h, w); t <= end; t = host_due(h, w)) {
        host_work(h, w, t);
    }
    world_advance(r->world, end);
    ck_assert(r->world->watchdog_dropped);
    ck_assert(rig_energized(r, smu)); /* it believes so */
    ck_assert_double_eq_tol(r->world->station[0].current_a, 0.0, 1e-9);
    sim_close(&c);
}
END_TEST

/* ---- What check says ---- */

static const struct actuator *of(const struct sim_case *c, const struct actuator *a, int n, const char *name)
{
    for (int k = 0; k < n; k++) {
        if (a[k].inst == inst_of(c, name)) {
            return &a[k];
        }
    }
    ck_abort_msg("%s is no actuator", name);
    return NULL;
}

START_TEST(what_becomes_of_each_actuator)
{
    static struct sim_case c;
    struct actuator a[3];
    sim_load(&c, BENCH, PROCEDURE, ARTICLE, NULL);
    int n = actuators_of(&c.loaded.bench, 0, a);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(of(&c, a, n, "smu")->controller, "guardian: output off within 1 s");
    ck_assert_str_eq(of(&c, a, n, "smu")->host, "watchdog relay cuts it within 1 s");
    ck_assert(!of(&c, a, n, "smu")->stays);
    ck_assert_str_eq(of(&c, a, n, "oven")->controller, "guardian: made safe within 1 s");
    ck_assert(!of(&c, a, n, "oven")->stays);
    ck_assert_str_eq(of(&c, a, n, "air")->controller, "holds its last set-point");
    ck_assert(of(&c, a, n, "air")->stays);
    cli_unload(&c.loaded);
    load_with(&c, (const struct swap[]){{"\nwatchdog:", "\n# watchdog:"}, {0}});
    n = actuators_of(&c.loaded.bench, 0, a);
    ck_assert_ptr_nonnull(strstr(of(&c, a, n, "smu")->host, "goes on sourcing"));
    ck_assert(of(&c, a, n, "smu")->stays);
    cli_unload(&c.loaded);
}
END_TEST

#define SMU_DRIVER "keithley-2461                      # two quadrants, 10 A"
#define SMU_SERIAL "    serial: \"04512345\""
#define SMU_LIMITS "-1 V .. 5 V, current"
#define EA(volts) {SMU_DRIVER, "ea-psb"}, {SMU_SERIAL, "    nominal_voltage: 80 V\n    address: 1\n#"}, {SMU_LIMITS, "0 V .. " volts ", current"}

START_TEST(from_60_v_on_a_bench_must_be_guarded)
{
    static const struct {
        const char *volts, *locks;
        bool watchdog;
        const char *says; /* NULL: accepted */
    } cases[] = {
        {"59 V", "  none: {input: dio.1, healthy: closed, scope: bench}", false, NULL},
        {"60 V", ESTOP, true, "has no interlock `door`"},
        {"60 V", "  door: {input: dio.1, healthy: closed, scope: station A}", true, "has no interlock `estop`"},
        {"60 V", ESTOP "\n  door: {input: dio.2, healthy: closed, scope: station A, needed_above: 60 V}", false, "stays as it is when the host dies"},
        {"60 V", ESTOP "\n  door: {input: dio.2, healthy: closed, scope: station A, needed_above: 70 V}", true, "has no interlock `door`"},
        {"60 V", ESTOP "\n  door: {input: dio.2, healthy: closed, scope: station A, needed_above: 60 V}", true, NULL},
    };
    static struct sim_case c;
    static char said[8192];
    const struct swap swaps[] = {EA("VOLTS"), {"VOLTS", cases[_i].volts}, {ROW_9, CONTACT_2 ROW_9}, {ESTOP, cases[_i].locks}, {"\nwatchdog:", cases[_i].watchdog ? "\nwatchdog:" : "\n# watchdog:"}, {0}};
    (void)!bench_with(&c, swaps);
    diag_format(&c.diag, said, sizeof said, false);
    if (cases[_i].says) {
        ck_assert_msg(strstr(said, cases[_i].says) != NULL, "not said \"%s\": %s", cases[_i].says, said);
        ck_assert_msg(strstr(said, "limits below 60 V") != NULL, "no hint: %s", said);
    } else {
        ck_assert_msg(!strstr(said, "has no interlock") && !strstr(said, "host dies"), "%s", said);
        ck_assert_int_eq(bench_guarded(&c.loaded.bench, 0, NULL), 0);
        ck_assert_double_ge(station_volts(&c.loaded.bench, 0), 59.0); /* it was looked at */
    }
    cli_unload(&c.loaded);
}
END_TEST

static Suite *interlocks(void)
{
    Suite *s = suite_create("interlocks");
    TCase *t = tcase_create("interlocks");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_file_is_read);
    tcase_add_test(t, without_a_word_about_it_contacts_are_polled_fast);
    tcase_add_test(t, scope_and_voltage_say_where_it_counts);
    tcase_add_loop_test(t, a_contact_opens, 0, 16);
    tcase_add_test(t, a_contact_that_closes_again_has_tripped);
    tcase_add_test(t, nothing_is_begun_while_a_contact_is_open);
    tcase_add_test(t, its_cause_chooses_the_sequence);
    tcase_add_test(t, a_door_of_60_v_does_not_stop_a_cell);
    tcase_add_test(t, a_silent_box_trips_without_a_watchdog_too);
    tcase_add_test(t, a_silent_box_lets_the_relay_drop);
    tcase_add_test(t, a_box_that_only_says_yes);
    tcase_add_test(t, a_dead_process_lets_the_relay_drop);
    tcase_add_test(t, what_becomes_of_each_actuator);
    tcase_add_loop_test(t, from_60_v_on_a_bench_must_be_guarded, 0, 6);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(interlocks());
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
