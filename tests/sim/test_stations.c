/* tests/sim/test_stations.c - two runs on one bench: whatever ends the one, the other does not notice; what both use is left alone until the last has ended.
 *
 * "Does not notice" is judged by every row that it measured: with one seed and own lines they are the same, bit for bit, whether its neighbour lives or not. */
#include "tests/support/sim.h"

#include "drivers/virtual/world.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { A, B, STATIONS, STEPS_MAX = 10 };
static const char *const names[] = {"A", "B"};

struct seen {
    nsec began[STATIONS][STEPS_MAX];
    unsigned steps[STATIONS];
    double oven;        /* set-point in the emulator while both or one of them work */
    bool oven_moved, oven_off;
};
static struct seen seen;

struct pair {
    struct sim_case c[STATIONS];
    struct store *lab[STATIONS];
    char folder[300];
};
static struct pair pair;
static nsec hot_at; /* the chamber's air is too hot from then; 0: never */

static void load(struct sim_case *c, const char *station, const char *const *sets)
{
    static char said[8192];
    static const struct option set = {.name = "--set"};
    memset(c, 0, sizeof *c);
    diag_init(&c->diag);
    for (; sets && *sets; sets++) {
        c->args.given[c->args.n_given].option = &set;
        c->args.given[c->args.n_given++].value = *sets;
    }
    if (cli_load(&c->args, source_path("tests/sim/two.yaml"), source_path("tests/sim/beside.yaml"), source_path("articles/ASSB-017.yaml"), station, &c->loaded, &c->diag) < 0) {
        diag_format(&c->diag, said, sizeof said, false);
        ck_abort_msg("%s", said);
    }
}

static int look(void *ctx, struct session *s)
{
    struct seen *w = ctx;
    unsigned n = s->run->now.number;
    uint8_t oven = s->bench->station[0].chamber;
    if (s->run->state == RUN_RUNNING && n > 0 && n < STEPS_MAX && n > w->steps[s->station]) {
        w->steps[s->station] = n;
        w->began[s->station][n] = session_run_time(s);
    }
    bool at_work = false;
    for (unsigned k = 0; k < s->lead->n_crew; k++) {
        at_work = at_work || s->lead->crew[k]->run->state == RUN_RUNNING;
    }
    if (at_work && (w->steps[A] > 1 || w->steps[B] > 1)) { /* has been set */
        w->oven_moved = w->oven_moved || (!isnan(w->oven) && fabs(rig_standing(s->rig, oven) - w->oven) > 1e-9);
        w->oven = rig_standing(s->rig, oven);
        w->oven_off = w->oven_off || !rig_energized(s->rig, oven);
    }
    return 0;
}

/* sets: per station, NULL-terminated, or NULL. Both work to their ends. */
static void work(const struct script_item *script, unsigned n, const char *const *const sets[STATIONS])
{
    seen = (struct seen){.oven = (double)NAN};
    sim_folder(pair.folder, sizeof pair.folder);
    for (int k = 0; k < STATIONS; k++) {
        struct sim_case *c = &pair.c[k];
        load(c, names[k], sets ? sets[k] : NULL);
        ck_assert_int_eq(lab_open(pair.folder, &pair.lab[k], &c->diag), 0);
        struct session_options opt = {.store = pair.lab[k], .script = k == A ? script : NULL, .n_script = k == A ? n : 0, .after_event = look, .ctx = &seen};
        struct session_input in;
        sim_input(c, &in);
        in.bench = &pair.c[A].loaded.bench;
        in.join = k == A ? NULL : &pair.c[A].session;
        ck_assert_msg(session_open(&c->session, &in, &opt, &c->diag) == 0, "%s", c->diag.n ? c->diag.finding[0].text : "");
    }
    if (hot_at > 0) {
        pair.c[A].session.rig->world->station[A].mishap = (struct world_mishap){.at = hot_at, .value = 273.15 + 105.0, .kind = MISHAP_AIR};
    }
    int r = session_work(&pair.c[A].session, &pair.c[A].diag);
    ck_assert_msg(r == 1, "%d: %s", r, pair.c[A].diag.n ? pair.c[A].diag.finding[0].text : "");
}

static const struct session *of(int k)
{
    return &pair.c[k].session;
}

static uint8_t inst(const char *name)
{
    int i = bench_find_inst(&pair.c[A].loaded.bench, name);
    ck_assert_int_ge(i, 0);
    return (uint8_t)i;
}

static void done(void)
{
    for (int k = B; k >= A; k--) {
        session_close(&pair.c[k].session);
        cli_unload(&pair.c[k].loaded);
        lab_close(pair.lab[k]);
    }
    sim_remove(pair.folder);
}

/* Both live: what each would measure, and when its steps begin. */
struct reference {
    bool there;
    char rows[STATIONS][65];
    nsec began[STATIONS][STEPS_MAX];
    unsigned steps[STATIONS];
};

static const struct reference *reference(void)
{
    static struct reference r;
    if (!r.there) {
        work(NULL, 0, NULL);
        for (int k = 0; k < STATIONS; k++) {
            ck_assert_msg(of(k)->s.verdict == VERDICT_DONE, "%s", of(k)->s.text);
            memcpy(r.rows[k], of(k)->rows_sha256, sizeof r.rows[k]);
            memcpy(r.began[k], seen.began[k], sizeof r.began[k]);
            r.steps[k] = seen.steps[k];
        }
        ck_assert(!seen.oven_moved);
        ck_assert(!rig_energized(of(A)->rig, inst("oven"))); /* every station has ended */
        ck_assert_str_ne(r.rows[A], r.rows[B]);
        r.there = true;
        done();
    }
    return &r;
}

enum { TRIPS = 3, STEPS = 8 };

/* Which of the two, at which step of the other, how. */
START_TEST(test_beside)
{
    const struct reference *r = reference();
    int who = _i % STATIONS, other = 1 - who, how = _i / STATIONS % TRIPS;
    unsigned step = (unsigned)(_i / STATIONS / TRIPS) + 1;
    ck_assert_uint_eq(r->steps[other], STEPS);
    static const char *const smu[] = {"smu_a", "smu_b"}, *const air[] = {"air_a", "air_b"};
    load(&pair.c[A], "A", NULL); /* for the names */
    uint8_t dio = inst("dio");
    const struct script_item doors[] = {{.at = r->began[other][step] + (step == 1 ? 5 * NSEC_S : 370 * NSEC_MS), .kind = SCRIPT_HAND, .inst = dio, .what = (uint8_t)(who == A ? 1 : 2), .on = false}};
    const struct script_item alone[] = {{.at = doors[0].at, .kind = SCRIPT_MIND_FAULT, .inst = inst(smu[who]), .what = FAULT_REBOOT, .on = true}};
    const struct script_item lost[] = {{.at = doors[0].at, .kind = SCRIPT_LINE_FAULT, .inst = inst(air[who]), .what = LINE_LOST, .count = UINT32_MAX}};
    cli_unload(&pair.c[A].loaded);
    work(how == 0 ? doors : how == 1 ? alone : lost, 1, NULL);
    ck_assert_msg(of(who)->s.verdict == (how == 0 ? VERDICT_TRIP : VERDICT_FAIL) || (how == 2 && of(who)->s.verdict == VERDICT_TRIP), "%s, step %u, way %d: %s", names[who], step, how,
                  of(who)->s.text);
    ck_assert_msg(of(other)->s.verdict == VERDICT_DONE, "%s, step %u, way %d: %s", names[other], step, how, of(other)->s.text);
    ck_assert_msg(strcmp(of(other)->rows_sha256, r->rows[other]) == 0, "step %u of %s is not what it would be without the end of %s (way %d)", step, names[other], names[who], how);
    ck_assert_msg(!seen.oven_moved && !seen.oven_off, "the chamber was moved");
    ck_assert(!rig_energized(of(A)->rig, inst(smu[who])));
    ck_assert(!rig_energized(of(A)->rig, inst("oven"))); /* by the last one's end */
    done();
}
END_TEST

/* What is the whole bench's trips both, and then the chamber has nobody left. */
START_TEST(test_bench_trip)
{
    const struct reference *r = reference();
    load(&pair.c[A], "A", NULL);
    const struct script_item estop[] = {{.at = r->began[A][3] + NSEC_S, .kind = SCRIPT_HAND, .inst = inst("dio"), .what = 0, .on = false}};
    cli_unload(&pair.c[A].loaded);
    work(estop, 1, NULL);
    for (int k = 0; k < STATIONS; k++) {
        ck_assert_int_eq(of(k)->s.verdict, VERDICT_TRIP);
        ck_assert_ptr_nonnull(strstr(of(k)->s.text, "estop"));
    }
    ck_assert(!rig_energized(of(A)->rig, inst("oven")));
    ck_assert(!rig_energized(of(A)->rig, inst("smu_a")) && !rig_energized(of(A)->rig, inst("smu_b")));
    done();
}
END_TEST

/* The first that finds the chamber too hot makes it safe, and the other is told why it ends. */
START_TEST(test_too_hot)
{
    const struct reference *r = reference();
    hot_at = r->began[A][3] + NSEC_S;
    work(NULL, 0, NULL);
    ck_assert_msg(of(A)->s.verdict == VERDICT_TRIP, "%s", of(A)->s.text);
    ck_assert_int_eq(of(A)->s.cause, CAUSE_GUARD_HIGH);
    ck_assert_int_eq(of(B)->s.verdict, VERDICT_TRIP);
    ck_assert_int_eq(of(B)->s.cause, CAUSE_INTERLOCK);
    ck_assert_msg(strstr(of(B)->s.text, "station A") != NULL, "%s", of(B)->s.text);
    ck_assert(!rig_energized(of(A)->rig, inst("oven")));
    done();
}
END_TEST

/* Who comes second and wants another temperature does not get it. */
START_TEST(test_held)
{
    static const char *const cold[] = {"warm=23.5 degC", NULL};
    static const char *const *const sets[] = {NULL, cold};
    work(NULL, 0, sets);
    ck_assert_msg(of(A)->s.verdict == VERDICT_DONE, "%s", of(A)->s.text);
    ck_assert_int_eq(of(B)->s.verdict, VERDICT_FAIL);
    ck_assert_msg(strstr(of(B)->s.text, "held at another value by the run on station A") != NULL, "%s", of(B)->s.text);
    ck_assert(!seen.oven_moved);
    done();
}
END_TEST

START_TEST(test_one_each)
{
    struct session_input in;
    const struct session_options opt = {.store = NULL};
    load(&pair.c[A], "A", NULL);
    load(&pair.c[B], "A", NULL);
    sim_input(&pair.c[A], &in);
    ck_assert_int_eq(session_open(&pair.c[A].session, &in, &opt, &pair.c[A].diag), 0);
    sim_input(&pair.c[B], &in);
    in.join = &pair.c[A].session;
    ck_assert_int_eq(session_open(&pair.c[B].session, &in, &opt, &pair.c[B].diag), E_INVALID);
    session_close(&pair.c[A].session);
    cli_unload(&pair.c[B].loaded);
    cli_unload(&pair.c[A].loaded);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stations");
    TCase *t = tcase_create("beside");
    tcase_set_timeout(t, 120.0);
    tcase_add_loop_test(t, test_beside, 0, STATIONS * TRIPS * STEPS);
    tcase_add_test(t, test_bench_trip);
    tcase_add_test(t, test_too_hot);
    tcase_add_test(t, test_held);
    tcase_add_test(t, test_one_each);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
