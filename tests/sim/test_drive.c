/* test_drive.c - the verb drive through real drivers and emulators: what a profile asks for is what
 * flows, and what flows is what is counted; and the procedures of the library that need no bench of
 * their own are checked.
 *
 * The profile of drive.csv is -15.5 mA s net and 33.5 mA s in all, times its scale: on a Keithley,
 * whose one limit for both directions does not reach zero, and on an EA with a limit each way. */
#include "tests/support/sim.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NET_C   (-15.5e-3)
#define MOVED_C 33.5e-3
#define BIGGER  1e4 /* the cell between clips, against the lab cell */

static struct sim_case c;

struct probe {
    bool entering;
    uint32_t last;
    double begin_in_c, begin_out_c;
    double net_c, scale;
    double counted_share, asked_share; /* worst, of what moved */
    unsigned n;
};

static void truth_now(const struct session *s, double *ret_in_c, double *ret_out_c)
{
    struct world w =
        *s->rig->world; /* it moves only when an instrument looks: a copy is brought up */

    world_advance(&w, s->rig->s.now);
    *ret_in_c = w.station[s->station].charge_in_c;
    *ret_out_c = w.station[s->station].charge_out_c;
}

static bool is_drive(const struct session *s, step_id step)
{
    const struct program *p = s->program;

    return step < p->n_steps && p->steps[step].op == OP_ACT &&
           p->acts[p->steps[step].a].verb == VERB_DRIVE;
}

static int after_event(void *ctx, struct session *s)
{
    struct probe *p = ctx;
    const struct run *r = s->run;
    bool entering = r->acting == ACTING_ENTERING && is_drive(s, r->step);
    double in_c, out_c, true_c, moved_c = MOVED_C * p->scale;

    if (entering && !p->entering)
        truth_now(s, &p->begin_in_c, &p->begin_out_c);
    p->entering = entering;
    if (r->summary.number == p->last)
        return 0;
    p->last = r->summary.number;
    if (!is_drive(s, r->summary.step))
        return 0;
    truth_now(s, &in_c, &out_c);
    true_c = in_c - p->begin_in_c - (out_c - p->begin_out_c);
    p->counted_share = fmax(p->counted_share, fabs(r->summary.charge_c - true_c) / moved_c);
    p->asked_share = fmax(p->asked_share, fabs(true_c - NET_C * p->scale) / moved_c);
    ck_assert_double_eq_tol(nsec_to_s(r->summary.ended - r->summary.began), 90.0, 0.5);
    ck_assert_uint_eq(r->summary.cause, CAUSE_FOR);
    p->n++;
    return 0;
}

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

static void rehearse(struct probe *p, bool clips)
{
    const struct session_options opt = {.after_event = after_event, .ctx = p};
    struct session_input in;

    if (clips)
        sim_load(&c, "tests/sim/clips.yaml", "tests/sim/drive-clips.yaml",
                 "tests/sim/big-cell.yaml", NULL);
    else
        sim_load(&c, "benches/demo.yaml", "tests/sim/drive.yaml", "articles/ASSB-017.yaml", NULL);
    c.loaded.bench.world[c.loaded.station].errors = 1; /* none */
    sim_input(&c, &in);
    ck_assert_int_eq(session_open(&c.session, &in, &opt, &c.diag), 0);
    if (clips)
        make_bigger(&c.session);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    ck_assert_msg(c.session.s.verdict == VERDICT_DONE, "%s", c.session.s.text);
    sim_close(&c);
    printf("drive %s: counted within %.2g of what flowed, which is within %.2g of the profile\n",
           clips ? "on the PSB" : "on the SMU", p->counted_share, p->asked_share);
}

/* Rows begin a request or two late, all alike; only the way into a rest and out of it is longer. */
START_TEST(one_limit)
{
    struct probe p = {.scale = 4.0};

    rehearse(&p, false);
    ck_assert_uint_eq(p.n, 3);
    ck_assert_double_le(p.counted_share, 1e-3);
    ck_assert_double_le(p.asked_share, 0.01);
}
END_TEST

START_TEST(two_limits)
{
    struct probe p = {.scale = 20e3};

    rehearse(&p, true);
    ck_assert_uint_eq(p.n, 1);
    ck_assert_double_le(p.counted_share, 1e-3);
    ck_assert_double_le(p.asked_share, 0.01);
}
END_TEST

/* ---- The library ---- */

static const char *const half[] = {"back=C/2", NULL};
static const char *const slow[] = {"rates=[C/10, C/3, 1C]", NULL};
static const char *const small[] = {"scale=0.004", NULL};
static const struct {
    const char *file;
    const char *const *sets;      /* what the lab cell and its article need */
    double charge_a, discharge_a; /* at most; 0: of the measured capacity, known in the run only */
} library[] = {
    {"procedures/cell/hppc.yaml",  half,  0,       0      },
    {"procedures/cell/gitt.yaml",  NULL,  0.48e-3, 0.96e-3}, /* C/20, C/10 */
    {"procedures/cell/rate.yaml",  slow,  3.2e-3,  9.6e-3 }, /* C/3, 1C */
    {"procedures/cell/drive.yaml", small, 2.8e-3,  4e-3   }, /* 0.7 and 1 of the profile */
};

START_TEST(library_is_checked)
{
    struct check_report report;

    sim_load(&c, "benches/demo.yaml", library[_i].file, "articles/ASSB-017.yaml", library[_i].sets);
    ck_assert_int_eq(program_check(&c.loaded.program, &report, &c.diag), 0);
    ck_assert_double_eq_tol(report.charge_max_a, library[_i].charge_a, 1e-12);
    ck_assert_double_eq_tol(report.discharge_max_a, library[_i].discharge_a, 1e-12);
    sim_close(&c);
}
END_TEST

/* Without a bench: nothing but roles is open. */
static void open_check(const char *file, const char *article, size_t n_open)
{
    static const struct command command = {.name = "test"};
    static char story[8192];

    memset(&c, 0, sizeof c);
    diag_init(&c.diag);
    c.args.command = &command;
    c.args.lab = "/nonexistent";
    int r = cli_load(&c.args, NULL, source_path(file), article ? source_path(article) : NULL, NULL,
                     &c.loaded, &c.diag);
    diag_format(&c.diag, story, sizeof story, false);
    ck_assert_msg(r == 0 && c.diag.n == 0, "%s", story);
    ck_assert_uint_eq(c.loaded.open.n, n_open);
    cli_unload(&c.loaded);
}

START_TEST(library_is_sayable)
{
    open_check("procedures/cell/hppc.yaml", "articles/LEAF-CELL-DEMO.yaml", 2);
    open_check("procedures/cell/gitt.yaml", "articles/LEAF-CELL-DEMO.yaml", 2);
    open_check("procedures/cell/rate.yaml", "articles/LEAF-CELL-DEMO.yaml", 2);
    open_check("procedures/cell/drive.yaml", "articles/LEAF-CELL-DEMO.yaml", 1);
    open_check("procedures/reuse/module-capacity.yaml", NULL, 5); /* article too, and the groups */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("drive");
    TCase *t = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_test(t, one_limit);
    tcase_add_test(t, two_limits);
    tcase_add_loop_test(t, library_is_checked, 0, sizeof library / sizeof *library);
    tcase_add_test(t, library_is_sayable);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
