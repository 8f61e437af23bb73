/* test_latency.c - from the physical onset to no current at the cell, against the bound that `check`
 * prints beforehand.
 *
 * A charge under pressure is kept as it stands; from there each trial goes on with one mishap at a
 * phase of its own: a value of the plant jumps over a guard, a contact opens, an instrument or its
 * line is silent, a peer is closed. The world notes the last instant at which more than 1 % of the
 * charging current flowed. A hundred phases of each kind. The table is printed. */
#include "tests/support/sim.h"

#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHARGES_S = 60,  /* it has charged for some time by then */
    PHASES_S = 10,   /* phases are drawn from so long a time */
    TRIALS = 100,
    AFTER_S = 10     /* looked at for so long after the bound */
};
#define BIGGER 1e4 /* the cell on the 60 A supply, against the lab cell */

enum bench_kind { DEMO, ONE_LINE, BENCHES };
/* DEAF_PLANT: PLANT, and `inst` has been silent for three seconds; LOSSY_PLANT: two replies of `inst` are lost then; MUTE_PLANT: all of them from then on. */
enum mishap { PLANT, CONTACT, SILENT, UNPLUGGED, HUNG, CLOSED, DEAF_PLANT, LOSSY_PLANT, MUTE_PLANT };

/* What the bound is. */
enum bound { OF_GUARD, OF_INTERLOCK, OF_SILENCE, OF_CUT, OF_NOTHING };

struct row {
    const char *name;
    enum bench_kind bench;
    enum mishap what;
    const char *inst;            /* whose line or mind; of PLANT: NULL */
    enum world_mishap_kind kind; /* PLANT and its like */
    double value;
    enum bound bound;
    const char *guard;           /* its text begins so */
};

#define STACK_PA(p) ((p) / 15.586) /* gauge: 63 mm piston on 2 cm2 */

static const struct row rows[] = {
    {"cell voltage jumps over its guard", DEMO, PLANT, NULL, MISHAP_EMF, 1.5, OF_GUARD, "cell.voltage"},
    {"pressure jumps over the article's", DEMO, PLANT, NULL, MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"pressure jumps over the bench's", DEMO, PLANT, NULL, MISHAP_PRESSURE, STACK_PA(14e6), OF_GUARD, "press.pressure .. 12 MPa"},
    {"pressure over one that has to last 2 s", DEMO, PLANT, NULL, MISHAP_PRESSURE, STACK_PA(9.6e6), OF_GUARD, "press.pressure .. 9 MPa"},
    {"air over the charging window", DEMO, PLANT, NULL, MISHAP_AIR, 355.15, OF_GUARD, "temperature while charging"},
    {"air under the charging window", DEMO, PLANT, NULL, MISHAP_AIR, 278.15, OF_GUARD, "temperature while charging"},
    {"air over the bench's limit", DEMO, PLANT, NULL, MISHAP_AIR, 383.15, OF_GUARD, "chamber.temperature"},
    {"pressure, and two replies lost", DEMO, LOSSY_PLANT, "cell_force", MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"air, and two replies lost", DEMO, LOSSY_PLANT, "oven", MISHAP_AIR, 383.15, OF_GUARD, "chamber.temperature"},
    {"pressure, and the cycler is mute", DEMO, MUTE_PLANT, "smu", MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"E-stop opens", DEMO, CONTACT, "dio", MISHAP_NONE, 0.0, OF_INTERLOCK, NULL},
    {"contacts' box silent", DEMO, SILENT, "dio", MISHAP_NONE, 0.0, OF_INTERLOCK, NULL},
    {"contacts' box unplugged", DEMO, UNPLUGGED, "dio", MISHAP_NONE, 0.0, OF_INTERLOCK, NULL},
    {"load cell silent", DEMO, SILENT, "cell_force", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"load cell unplugged", DEMO, UNPLUGGED, "cell_force", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"load cell's peer closed", DEMO, CLOSED, "cell_force", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"regulator silent", DEMO, SILENT, "air", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"regulator unplugged", DEMO, UNPLUGGED, "air", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"chamber silent", DEMO, SILENT, "oven", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"chamber unplugged", DEMO, UNPLUGGED, "oven", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"cycler hears and is silent", DEMO, SILENT, "smu", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"cycler unplugged", DEMO, UNPLUGGED, "smu", MISHAP_NONE, 0.0, OF_CUT, NULL},
    {"cycler's peer closed", DEMO, CLOSED, "smu", MISHAP_NONE, 0.0, OF_CUT, NULL},
    {"one line: pressure over the article's", ONE_LINE, PLANT, NULL, MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"one line: the same, a neighbour is dead", ONE_LINE, DEAF_PLANT, "box", MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"one line: the same, two replies lost", ONE_LINE, LOSSY_PLANT, "cell_force", MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"one line: the same, the supply is mute", ONE_LINE, MUTE_PLANT, "psb", MISHAP_PRESSURE, STACK_PA(11e6), OF_GUARD, "press.pressure .. 10.0 MPa"},
    {"one line: load cell silent", ONE_LINE, SILENT, "cell_force", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"one line: supply hears and is silent", ONE_LINE, SILENT, "psb", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"one line: hung, nobody is heard", ONE_LINE, HUNG, "psb", MISHAP_NONE, 0.0, OF_SILENCE, NULL},
    {"one line: unplugged", ONE_LINE, UNPLUGGED, "psb", MISHAP_NONE, 0.0, OF_NOTHING, NULL},
};

/* ---- A charge to go on from ------------------------------------------------------------------- */

static struct sim_case c;
static struct check_report report;

struct kept {
    struct run run;
    uint8_t *world;
    double charge_a;
};
static struct kept kept;

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

static void begin(enum bench_kind kind)
{
    struct session_input in;
    const struct session_options opt = {.stop_at = CHARGES_S * NSEC_S};
    struct session *s = &c.session;
    if (kind == DEMO) {
        sim_load(&c, "benches/demo.yaml", "tests/fault/latency.yaml", "articles/ASSB-017.yaml", NULL);
    } else {
        sim_load(&c, "tests/fault/one-line.yaml", "tests/fault/latency.yaml", "tests/sim/big-cell.yaml", NULL);
    }
    ck_assert_int_eq(program_check(&c.loaded.program, &report, &c.diag), 0);
    sim_input(&c, &in);
    ck_assert_int_eq(session_open(s, &in, &opt, &c.diag), 0);
    if (kind == ONE_LINE) {
        make_bigger(s);
    }
    ck_assert_int_eq(session_work(s, &c.diag), 0);
    kept.charge_a = s->rig->world->station[0].current_a;
    ck_assert_double_gt(kept.charge_a, 0.4 * c.loaded.program.one_c_a);
    kept.world = malloc(s->snap.total);
    ck_assert_ptr_nonnull(kept.world);
    snap_save(&s->snap, kept.world);
    kept.run = *s->run;
}

static void go_on_from_it(void)
{
    struct session *s = &c.session;
    ck_assert_int_eq(snap_load(&s->snap, kept.world, s->snap.total), 0);
    *s->run = kept.run;
    rig_restored(s->rig);
    s->rig->world->station[0].load_a = 0.01 * kept.charge_a;
}

static void end(void)
{
    free(kept.world);
    kept.world = NULL;
    sim_close(&c);
}

/* ---- Mishaps ---------------------------------------------------------------------------------- */

struct onset {
    const struct row *row;
    nsec at; /* rig time; exact, but for HUNG and CLOSED: the first event after it, which it becomes */
    bool done;
};

static uint8_t inst(const char *name)
{
    int i = bench_find_inst(&c.loaded.bench, name);
    ck_assert_int_ge(i, 0);
    return (uint8_t)i;
}

static nsec run_time(const struct session *s, nsec rig_time)
{
    return rig_time - s->s.start_at;
}

static int do_at_event(void *ctx, struct session *s)
{
    struct onset *o = ctx;
    if (o->done || s->rig->s.now < o->at || (o->row->what != HUNG && o->row->what != CLOSED)) {
        return 0;
    }
    uint8_t bus = s->bench->inst[inst(o->row->inst)].bus;
    o->done = true;
    o->at = s->rig->s.now;
    if (o->row->what == HUNG) {
        const struct host_fault f = {.kind = LINE_LOST, .emu = 255, .left = UINT32_MAX};
        host_fault(&s->rig->host[bus], &f);
    } else {
        bus_link(&s->rig->bus[bus], &s->rig->bus_wiring[bus], s->rig->s.now, false);
    }
    return 0;
}

static unsigned write_script(const struct onset *o, struct script_item item[2])
{
    const struct row *row = o->row;
    nsec at = run_time(&c.session, o->at);
    if (row->what == CONTACT) {
        int chan = inst_find_chan(&c.loaded.bench.inst[inst(row->inst)], "1");
        item[0] = (struct script_item){.at = at, .kind = SCRIPT_HAND, .inst = inst(row->inst), .what = (uint8_t)chan, .on = false};
        return 1;
    }
    if (row->what == SILENT || row->what == UNPLUGGED || row->what == DEAF_PLANT || row->what == LOSSY_PLANT || row->what == MUTE_PLANT) {
        uint8_t fault = row->what == UNPLUGGED ? LINE_DOWN : LINE_LOST;
        nsec before = row->what == DEAF_PLANT ? 3 * NSEC_S : 0;
        item[0] = (struct script_item){.at = at - before, .kind = SCRIPT_LINE_FAULT, .inst = inst(row->inst), .what = fault, .on = true, .count = row->what == LOSSY_PLANT ? 2 : UINT32_MAX};
        return 1;
    }
    return 0;
}

static uint16_t group_of(const char *name)
{
    const struct station_desc *d = &c.loaded.program.station;
    for (uint16_t g = 0; g < d->n_groups; g++) {
        if (strcmp(d->group[g].inst, name) == 0) {
            return g;
        }
    }
    ck_abort_msg("no group of %s", name);
}

static double bound_of(const struct row *row)
{
    const struct program *p = &c.loaded.program;
    switch (row->bound) {
    case OF_GUARD:
        for (uint16_t g = 0; g < p->n_guards; g++) {
            const char *text = program_text(p, p->guards[g].text);
            if (strncmp(text, row->guard, strlen(row->guard)) == 0) {
                return report.trip_s[g];
            }
        }
        ck_abort_msg("no guard %s", row->guard);
    case OF_INTERLOCK: {
        const struct bench_interlock *k = &c.loaded.bench.interlock[0];
        double s = row->what == CONTACT ? interlock_trip_s(&c.loaded.bench, k) : interlock_stale_s(&c.loaded.bench, k);
        return s + p->station.safe_s;
    }
    case OF_SILENCE: return report.silent_s[group_of(row->inst)];
    case OF_CUT: return report.cut_s;
    case OF_NOTHING: break;
    }
    return INFINITY;
}

/* ---- One trial -------------------------------------------------------------------------------- */

struct told {
    double worst_s, least_s, bound_s;
    unsigned n, within;
    char state[40];
};

/* A run that has ended leaves instruments and relay to themselves. */
static void let_pass(struct session *s, nsec until)
{
    struct rig_event e;
    while (s->rig->s.now < until) {
        nsec due = rig_due(s->rig);
        rig_wait(s->rig, due < until ? due : until);
        while (rig_take(s->rig, &e)) {
        }
    }
    world_advance(s->rig->world, until);
}

static double latency_s(const struct row *row, struct rng *rng, double bound_s)
{
    struct session *s = &c.session;
    struct script_item item[2];
    struct onset o = {.row = row};
    double look_s = isfinite(bound_s) ? bound_s + AFTER_S : 120.0;

    go_on_from_it();
    o.at = s->rig->s.now + nsec_from_s(5.0 + PHASES_S * rng_uniform(rng));
    if (row->kind != MISHAP_NONE) {
        s->rig->world->station[0].mishap = (struct world_mishap){.at = o.at, .value = row->value, .kind = (uint8_t)row->kind};
    }
    s->opt = (struct session_options){.commit_rows = 2000, .after_event = do_at_event, .ctx = &o};
    s->opt.script = item;
    s->opt.n_script = write_script(&o, item);
    s->opt.stop_at = run_time(s, o.at + nsec_from_s(look_s + PHASES_S));
    ck_assert_int_ge(session_work(s, &c.diag), 0);
    let_pass(s, o.at + nsec_from_s(look_s));
    return nsec_to_s(s->rig->world->station[0].load_until - o.at);
}

/* Whatever became of the current, the cell has not left the article's window by our doing. */
static void check_window(const struct row *row)
{
    const struct program *p = &c.loaded.program;
    const struct world_station *st = &c.session.rig->world->station[0];
    if (row->kind == MISHAP_NONE) {
        ck_assert_double_le(st->voltage_peak_v, p->v_hi);
        ck_assert_double_ge(st->voltage_low_v, p->v_lo);
        ck_assert_double_le(st->pressure_peak_pa, p->p_hi_pa);
    }
    ck_assert_double_le(st->current_peak_a, p->charge_max_a);
    ck_assert_double_ge(st->current_low_a, -p->discharge_max_a);
}

static void print_told(const struct row *row, const struct told *t)
{
    char bound[32] = "none";
    if (isfinite(t->bound_s)) {
        snprintf(bound, sizeof bound, "%.2f s", t->bound_s);
    }
    printf("%-42s %7.3f .. %7.3f s   bound %-8s  %3u of %3u   %s\n", row->name, t->least_s, t->worst_s, bound, t->within, t->n, t->state);
}

static void try_row(const struct row *row, uint64_t seed)
{
    struct told t = {.worst_s = -INFINITY, .least_s = INFINITY, .bound_s = bound_of(row), .n = TRIALS};
    struct rng rng;
    rng_seed(&rng, 4711, seed);
    for (unsigned k = 0; k < t.n; k++) {
        double s = latency_s(row, &rng, t.bound_s);
        t.worst_s = fmax(t.worst_s, s);
        t.least_s = fmin(t.least_s, s);
        t.within += s <= t.bound_s;
        check_window(row);
    }
    snprintf(t.state, sizeof t.state, "%s", c.session.s.ended ? verdict_text((enum verdict)c.session.s.verdict) : run_state_name((enum run_state)c.session.run->state));
    print_told(row, &t);
    ck_assert_msg(t.within == t.n, "%s: %.3f s, the bound is %.3f s", row->name, t.worst_s, t.bound_s);
    if (row->bound == OF_NOTHING) { /* nobody claims that it stops: what holds is the window */
        ck_assert_double_gt(t.worst_s, 60.0);
    } else {
        ck_assert_msg(t.worst_s > -1.0, "%s: nothing happened", row->name);
        ck_assert(c.session.s.ended || c.session.run->state == RUN_PAUSED);
    }
}

START_TEST(test_bench)
{
    begin((enum bench_kind)_i);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (rows[k].bench == (enum bench_kind)_i) {
            try_row(&rows[k], k);
        }
    }
    end();
}
END_TEST

/* Left alone it charges on: what stopped it above was not the end of the charge. */
START_TEST(test_undisturbed)
{
    struct session *s = &c.session;
    begin((enum bench_kind)_i);
    go_on_from_it();
    s->opt = (struct session_options){.commit_rows = 2000, .stop_at = 600 * NSEC_S};
    ck_assert_int_eq(session_work(s, &c.diag), 0);
    ck_assert_int_eq(s->run->state, RUN_RUNNING);
    ck_assert_double_ge(nsec_to_s(s->rig->world->station[0].load_until - s->rig->s.now), -2.0);
    end();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("latency");
    TCase *t = tcase_create("latency");
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, test_undisturbed, 0, BENCHES);
    tcase_add_loop_test(t, test_bench, 0, BENCHES);
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
