/* tests/fault/test_faults.c - every fault of an instrument and of its line, on every instrument, in the middle of a charge: what the run does is a table, and this is it.
 *
 * docs/FAULTS.md is printed from the same rows (`test_faults --print`) and compared with them. What the rows do not say is checked for all of them: what the safe sequence
 * switches off is off and what it keeps is as it was, judged at the emulators; the closing line names instrument and cause; and no sample is far from what the world was when it
 * was taken, so that no reply has passed for another's.
 */
#include "tests/fault/fault_table.h"
#include "tests/fault/fault_watch.h"
#include "tests/support/sim.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PROCEDURE "tests/fault/faults.yaml"
#define BENCH     "benches/demo.yaml"
#define ARTICLE   "articles/ASSB-017.yaml"

static struct sim_case plain;
static nsec charge_at; /* the charge of the procedure begins */

/* ---- Running one ------------------------------------------------------------------------------------------------------------------------ */

static void run_case(struct sim_case *c, struct onlooker *w, const struct script_item *script, unsigned n)
{
    struct session_options opt = {.script = script, .n_script = n, .after_event = watch_event, .say = watch_say, .ctx = w};
    sim_run(c, &opt);
    ck_assert_msg(c->session.s.ended, "the run has not ended");
}

static void load_once(void)
{
    static struct onlooker w;
    sim_load(&plain, BENCH, PROCEDURE, ARTICLE, NULL);
    watch_begin(&w);
    run_case(&plain, &w, NULL, 0);
    ck_assert_int_eq(session_exit_code(&plain.session), 0);
    ck_assert_int_gt(w.n_samples, 1000);
    charge_at = w.act_began[3];
    ck_assert_int_gt(charge_at, 0);
    session_close(&plain.session);
}

static void unload(void)
{
    cli_unload(&plain.loaded);
}

static uint8_t inst_named(const struct sim_case *c, const char *name)
{
    int i = bench_find_inst(&c->loaded.bench, name);
    ck_assert_int_ge(i, 0);
    return (uint8_t)i;
}

/* Within the quiet time behind the time-out, or within the time-out. */
static double late_s(const struct bench_inst *in, enum lateness l)
{
    return l == LATE_BEYOND ? (in->driver->timeout_ms + 0.5 * in->driver->late_ms) / 1000.0 : 0.25 * in->driver->timeout_ms / 1000.0;
}

static struct script_item fault_item(const struct sim_case *c, const struct fault_row *row, uint8_t inst, nsec at)
{
    struct script_item it = {.at = at, .kind = row->kind, .inst = inst, .what = row->what, .on = true, .count = row->replies ? row->replies : UINT32_MAX};
    if (row->kind == SCRIPT_LINE_FAULT) {
        it.late_s = row->what == LINE_SPLIT ? 0.02 : late_s(&c->loaded.bench.inst[inst], row->lateness);
    }
    return it;
}

/* ---- What holds after every run ------------------------------------------------------------------------------------------------------------- */

static bool applies(const struct session *s, const struct safe_rule *rule)
{
    if (rule->station >= 0) {
        return rule == safe_rule_for(s->bench, s->station, s->s.walk.cause);
    }
    return rule->when_all_ended || (rule->causes & 1U << s->s.walk.cause) != 0;
}

/* What the safe sequence of this run switches off, and what it does not touch. */
static void safe_masks(const struct session *s, uint32_t *ret_off, uint32_t *ret_touched)
{
    *ret_off = *ret_touched = 0;
    for (uint8_t k = 0; k < s->bench->n_rules; k++) {
        const struct safe_rule *rule = &s->bench->rule[k];
        for (uint8_t a = 0; a < rule->n && applies(s, rule); a++) {
            const struct safe_action *act = &rule->action[a];
            bool off = act->kind == ACTION_OUTPUT_OFF || act->kind == ACTION_SAFE || (act->kind == ACTION_SET && act->value <= 0.0);
            *ret_off |= off ? 1U << act->inst : 0U;
            *ret_touched |= act->kind != ACTION_KEEP ? 1U << act->inst : 0U;
        }
    }
}

static void check_made_safe(const struct session *s, const struct onlooker *w, uint32_t unreachable)
{
    uint32_t off, touched;
    safe_masks(s, &off, &touched);
    ck_assert_msg(off != 0, "the safe sequence switches nothing off");
    for (uint8_t i = 0; i < s->bench->n_insts; i++) {
        const char *name = s->bench->inst[i].name;
        if (off & ~unreachable & 1U << i) {
            ck_assert_msg(!rig_energized(s->rig, i), "%s is still on", name);
        }
        if (!(touched & 1U << i)) {
            double now = rig_standing(s->rig, i), was = w->standing_at_safing[i];
            ck_assert_msg((isnan(now) && isnan(was)) || (now <= was && now >= was), "%s was kept at %g and is at %g", name, was, now);
            ck_assert_msg(rig_energized(s->rig, i) == w->energized_at_safing[i], "%s was to be kept and is another", name);
        }
        if (off & unreachable & 1U << i) {
            ck_assert_msg(strstr(s->s.text, "NOT PROVEN SAFE") && strstr(strstr(s->s.text, "NOT PROVEN SAFE"), name), "nobody is told that %s may be on: %s", name, s->s.text);
        }
    }
}

static const int exit_codes[] = {[GOES_ON] = 0, [PAUSES] = 6, [TRIPS] = 5, [PAUSES_TRIPS] = 5, [FAILS] = 7, [PAUSES_FAILS] = 7};

static void check_outcome(const struct sim_case *c, const struct fault_cell *cell, const struct onlooker *w, uint8_t inst)
{
    const struct session *s = &c->session;
    bool pauses = cell->outcome == PAUSES || cell->outcome == PAUSES_TRIPS || cell->outcome == PAUSES_FAILS;
    ck_assert_msg(session_exit_code(s) == exit_codes[cell->outcome], "exit %d: %s, %s", session_exit_code(s), cause_text((enum cause)s->s.cause), s->s.text);
    ck_assert_msg((w->n_pauses > 0) == pauses, "paused %d times: %s", w->n_pauses, w->said);
    if (pauses) {
        ck_assert_msg(w->pause_cause == (uint16_t)cell->pause, "paused because of: %s", cause_text((enum cause)w->pause_cause));
    }
    if (cell->outcome == GOES_ON) {
        ck_assert_str_eq(s->s.text, "");
        return;
    }
    ck_assert_msg(s->s.cause == (uint16_t)(cell->outcome == PAUSES ? CAUSE_ABORT : cell->cause), "ended by: %s", cause_text((enum cause)s->s.cause));
    ck_assert_msg(strstr(s->s.text, s->bench->inst[inst].name) != NULL, "the closing line does not name the instrument: %s", s->s.text);
    ck_assert_msg(strstr(s->s.text, cell->says) != NULL, "the closing line does not say \"%s\": %s", cell->says, s->s.text);
}

/* ---- The table ---------------------------------------------------------------------------------------------------------------------------- */

START_TEST(fault)
{
    static struct onlooker w;
    const struct fault_row *row = &fault_rows[_i / FAULT_INSTS];
    const struct fault_cell *cell = &row->cell[_i % FAULT_INSTS];
    uint8_t inst = inst_named(&plain, fault_insts[_i % FAULT_INSTS]);
    const struct bench_inst *in = &plain.loaded.bench.inst[inst];
    if (row->kind == SCRIPT_MIND_FAULT) {
        ck_assert_msg(((in->emu->faults & 1U << row->what) != 0) == (cell->outcome != ABSENT), "%s: the table and the emulator differ about %s", in->name, row->name);
    }
    if (cell->outcome == ABSENT) {
        return;
    }
    nsec at = charge_at + 60 * NSEC_S + 370 * NSEC_MS;
    struct script_item script[] = {
        fault_item(&plain, row, inst, at), {.at = at + 1000 * NSEC_S, .kind = SCRIPT_OPERATOR, .what = OP_ABORT, .on = true}
    };
    watch_begin(&w);
    w.slack_s = row->kind == SCRIPT_LINE_FAULT && row->lateness == LATE_WITHIN ? late_s(in, LATE_WITHIN) : 0.0;
    w.faulty = row->kind == SCRIPT_MIND_FAULT ? inst : (uint8_t)INST_NONE;
    w.fault_at = at;
    run_case(&plain, &w, script, ARRAY_LEN(script));
    check_outcome(&plain, cell, &w, inst);
    if (cell->outcome != GOES_ON) {
        check_made_safe(&plain.session, &w, row->what == LINE_DOWN && row->kind == SCRIPT_LINE_FAULT ? 1U << inst : 0U);
        ck_assert_msg(w.safing_at >= at, "made safe before the fault");
    }
    session_close(&plain.session);
}
END_TEST

START_TEST(every_fault_is_in_the_table)
{
    for (int what = LINE_LATE; what < LINE_COUNT; what++) {
        bool found = false;
        for (int r = 0; r < n_fault_rows; r++) {
            found = found || (fault_rows[r].kind == SCRIPT_LINE_FAULT && fault_rows[r].what == what);
        }
        ck_assert_msg(found, "no row for %s", line_fault_name((enum line_fault)what));
    }
    for (int what = FAULT_SILENT_IGNORE; what < FAULT_COUNT; what++) {
        bool found = false;
        for (int r = 0; r < n_fault_rows; r++) {
            found = found || (fault_rows[r].kind == SCRIPT_MIND_FAULT && fault_rows[r].what == what);
        }
        ck_assert_msg(found, "no row for %s", emu_fault_name((enum emu_fault)what));
    }
    ck_assert_int_eq(plain.loaded.bench.n_insts, FAULT_INSTS);
}
END_TEST

START_TEST(the_page_is_the_table)
{
    static char page[20000], file[20000];
    size_t n = fault_page(page, sizeof page);
    FILE *f = fopen(source_path("docs/FAULTS.md"), "r");
    ck_assert_ptr_nonnull(f);
    size_t n_file = fread(file, 1, sizeof file - 1, f);
    fclose(f);
    file[n_file] = '\0';
    ck_assert_msg(n == n_file && strcmp(page, file) == 0, "docs/FAULTS.md is not what the table says: write it anew with `test_faults --print`");
}
END_TEST

/* ---- Coming back -------------------------------------------------------------------------------------------------------------------------- */

/* Silent for ten seconds, then a person says go on: what it was set to is set again, and the run ends well. */
START_TEST(a_line_that_comes_back)
{
    static struct onlooker w;
    uint8_t inst = inst_named(&plain, fault_insts[_i]);
    nsec at = charge_at + 60 * NSEC_S;
    const struct script_item script[] = {
        {.at = at,               .kind = SCRIPT_LINE_FAULT, .inst = inst, .what = LINE_DOWN, .on = true, .count = UINT32_MAX},
        {.at = at + 10 * NSEC_S, .kind = SCRIPT_LINE_FAULT, .inst = inst, .what = LINE_NONE},
        {.at = at + 60 * NSEC_S, .kind = SCRIPT_OPERATOR,   .what = OP_RESUME}
    };
    watch_begin(&w);
    run_case(&plain, &w, script, ARRAY_LEN(script));
    ck_assert_msg(session_exit_code(&plain.session) == 0, "%s", plain.session.s.text);
    ck_assert_int_eq(w.n_pauses, 1);
    ck_assert_int_eq(w.pause_cause, CAUSE_GUARD_STALE);
    session_close(&plain.session);
}
END_TEST

/* The same, but it has restarted meanwhile: what it held is gone, so going on is out of the question. */
START_TEST(a_line_that_comes_back_to_a_stranger)
{
    static struct onlooker w;
    uint8_t inst = inst_named(&plain, fault_insts[_i]);
    const struct bench_inst *in = &plain.loaded.bench.inst[inst];
    bool holds_something = strcmp(in->name, "cell_force") != 0;
    nsec at = charge_at + 60 * NSEC_S, back = at + (strcmp(in->name, "oven") == 0 ? 18 : 10) * NSEC_S;
    const struct script_item script[] = {
        {.at = at,                .kind = SCRIPT_LINE_FAULT, .inst = inst, .what = LINE_DOWN, .on = true, .count = UINT32_MAX},
        {.at = at + NSEC_S,       .kind = SCRIPT_MIND_FAULT, .inst = inst, .what = FAULT_REBOOT, .on = true},
        {.at = back,              .kind = SCRIPT_LINE_FAULT, .inst = inst, .what = LINE_NONE},
        {.at = at + 100 * NSEC_S, .kind = SCRIPT_OPERATOR,   .what = OP_RESUME}
    };
    watch_begin(&w);
    w.faulty = inst;
    w.fault_at = at;
    run_case(&plain, &w, script, ARRAY_LEN(script));
    ck_assert_msg(session_exit_code(&plain.session) == (holds_something ? 7 : 0), "%s", plain.session.s.text);
    if (holds_something) {
        ck_assert_int_eq(plain.session.s.cause, CAUSE_INST_REBOOT);
        ck_assert_ptr_nonnull(strstr(plain.session.s.text, "it has restarted"));
        check_made_safe(&plain.session, &w, 0);
    }
    session_close(&plain.session);
}
END_TEST

/* A hand at the panel, then a person says go on: the run's own set-points stand again. */
START_TEST(a_hand_that_lets_go)
{
    static struct onlooker w;
    uint8_t inst = inst_named(&plain, fault_insts[_i]);
    nsec at = charge_at + 60 * NSEC_S;
    const struct script_item script[] = {
        {.at = at,               .kind = SCRIPT_MIND_FAULT, .inst = inst, .what = FAULT_LOCAL, .on = true },
        {.at = at + 20 * NSEC_S, .kind = SCRIPT_MIND_FAULT, .inst = inst, .what = FAULT_LOCAL, .on = false},
        {.at = at + 60 * NSEC_S, .kind = SCRIPT_OPERATOR,   .what = OP_RESUME}
    };
    watch_begin(&w);
    w.sets_from = at + 80 * NSEC_S;
    w.fault_at = at;
    run_case(&plain, &w, script, ARRAY_LEN(script));
    ck_assert_msg(session_exit_code(&plain.session) == 0, "%s", plain.session.s.text);
    ck_assert_int_eq(w.pause_cause, CAUSE_INST_LOCAL);
    ck_assert_int_gt(w.n_sets, 10);
    session_close(&plain.session);
}
END_TEST

/* ---- Late replies all the time --------------------------------------------------------------------------------------------------------- */

/* One late reply after the other through ramps, sets and changes of current, of all instruments in turn: none may pass for the answer to what was asked later. */
START_TEST(late_replies_all_the_time)
{
    static struct onlooker w;
    static struct script_item script[400];
    unsigned n = 0;
    struct rng rng;
    rng_seed(&rng, 20 + (uint64_t)_i, 1);
    for (double t_s = 20.0; t_s < 1200.0 && n < ARRAY_LEN(script); t_s += 7.0 + 4.0 * rng_uniform(&rng)) {
        uint8_t inst = (uint8_t)(n % FAULT_ROLES);
        const struct driver *d = plain.loaded.bench.inst[inst].driver;
        double late = (d->timeout_ms + (0.02 + 0.9 * rng_uniform(&rng)) * d->late_ms) / 1000.0;
        script[n++] = (struct script_item){.at = nsec_from_s(t_s), .kind = SCRIPT_LINE_FAULT, .inst = inst, .what = LINE_LATE, .on = true, .count = 1, .late_s = late};
    }
    watch_begin(&w);
    run_case(&plain, &w, script, n);
    ck_assert_msg(session_exit_code(&plain.session) == 0, "%s", plain.session.s.text);
    ck_assert_int_eq(w.n_pauses, 0);
    uint64_t late = 0;
    for (int b = 0; b < plain.loaded.bench.n_buses; b++) {
        late += plain.session.rig->bus[b].inst[0].stats.late_drops;
    }
    ck_assert_msg(late > 20, "only %d replies came late", (int)late);
    session_close(&plain.session);
}
END_TEST

/* ---- What the safe sequence keeps, and what it lets go --------------------------------------------------------------------------------------- */

/* The shipped bench with one thing changed; what check has to say to it. */
static int bench_with(struct sim_case *c, const char *from, const char *to)
{
    static char text[20000], changed[20400];
    char folder[300], path[400];
    FILE *f = fopen(source_path(BENCH), "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    char *at = strstr(text, from);
    ck_assert_ptr_nonnull(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    sim_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/bench.yaml", folder);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(changed, f), 0);
    fclose(f);
    int r = sim_try_load(c, path, PROCEDURE, ARTICLE, NULL);
    sim_remove(folder);
    return r;
}

/* Where nobody asks for it, a trip leaves the chamber of the others alone. */
START_TEST(a_chamber_that_is_kept)
{
    static struct sim_case c;
    static struct onlooker w;
    ck_assert_int_eq(bench_with(&c, "when: [every station ended, overtemperature, fire]", "when: [overtemperature, fire]"), 0);
    uint8_t oven = inst_named(&c, "oven"), smu = inst_named(&c, "smu");
    const struct script_item script[] = {
        {.at = charge_at + 60 * NSEC_S, .kind = SCRIPT_MIND_FAULT, .inst = smu, .what = FAULT_ALARM, .on = true}
    };
    watch_begin(&w);
    run_case(&c, &w, script, 1);
    ck_assert_int_eq(session_exit_code(&c.session), 5);
    ck_assert(rig_energized(c.session.rig, oven));
    ck_assert(!rig_energized(c.session.rig, smu));
    check_made_safe(&c.session, &w, 0);
    sim_close(&c);
}
END_TEST

/* Too much pressure is the cause: it is released, and the release is confirmed. */
START_TEST(pressure_is_released_when_it_is_the_cause)
{
    static struct sim_case c;
    static struct onlooker w;
    ck_assert_int_lt(bench_with(&c, "press.pressure: .. 12 MPa", "press.pressure: .. 2.5 MPa"), 0); /* check sees it; the guard is what is left when it does not */
    uint8_t air = inst_named(&c, "air");
    watch_begin(&w);
    run_case(&c, &w, NULL, 0);
    ck_assert_int_eq(session_exit_code(&c.session), 5);
    ck_assert_int_eq(c.session.s.cause, CAUSE_GUARD_HIGH);
    ck_assert_int_eq(c.session.s.walk.cause, SAFE_OVERPRESSURE);
    ck_assert_msg(!rig_energized(c.session.rig, air), "the press is still under pressure");
    ck_assert_msg(strstr(c.session.s.text, "NOT PROVEN") == NULL, "%s", c.session.s.text);
    ck_assert_ptr_nonnull(strstr(c.session.s.text, "cell_force"));
    check_made_safe(&c.session, &w, 0);
    sim_close(&c);
}
END_TEST

static Suite *faults(void)
{
    Suite *s = suite_create("faults");
    TCase *t = tcase_create("faults");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, load_once, unload);
    tcase_add_test(t, every_fault_is_in_the_table);
    tcase_add_test(t, the_page_is_the_table);
    tcase_add_loop_test(t, fault, 0, n_fault_rows * FAULT_INSTS);
    tcase_add_loop_test(t, a_line_that_comes_back, 0, FAULT_ROLES);
    tcase_add_loop_test(t, a_line_that_comes_back_to_a_stranger, 0, FAULT_ROLES);
    tcase_add_loop_test(t, a_hand_that_lets_go, 0, 3);
    tcase_add_loop_test(t, late_replies_all_the_time, 0, 3);
    tcase_add_test(t, a_chamber_that_is_kept);
    tcase_add_test(t, pressure_is_released_when_it_is_the_cause);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--print") == 0) {
        static char page[20000];
        fault_page(page, sizeof page);
        fputs(page, stdout);
        return 0;
    }
    SRunner *r = srunner_create(faults());
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
