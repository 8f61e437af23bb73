/* test_model_band.c - a cell beside its model: silent while the cell is as it should be, an alarm
 * with the first sample that is not; the residual is in the run file and in what is exported, can
 * be asked for in conditions, and a killed rehearsal goes on with it.
 *
 * The world's cell is the model's own, so that without instrument errors next to nothing is left;
 * at ONSET_S of world time 80 mV are added to its voltage, in the middle of the charge. */
#include "tests/support/sim.h"

#include "db/read.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONSET_S  12000.0
#define MISHAP_V 0.080
#define BAND_V   0.050

static struct sim_case c;

struct probe {
    bool mishap, told_asked;
    unsigned n_warn, n_back;
    char text[MESSAGE_MAX];
    nsec last, told_at;
    unsigned n_after, n_after_told; /* samples of the cycler since the onset; when the alarm came */
    double most_v;                  /* of |residual| before the onset, up to the discharge */
    double jump_v;                  /* residual at the alarm */
    unsigned n_judged, commits, stop_after;
};

static void say(void *ctx, const struct session *s, const char *level, const char *text)
{
    struct probe *p = ctx;

    if (strcmp(level, "warn") == 0 && strstr(text, "out of its band")) {
        p->n_warn++;
        p->told_at = session_run_time(s);
        p->n_after_told = p->n_after;
        p->jump_v = s->run->chan[station_find(&s->map->desc, MODEL_RESIDUAL)].value;
        snprintf(p->text, sizeof p->text, "%s", text);
    }
    p->n_back += strstr(text, "back in the band") != NULL;
    p->told_asked = p->told_asked || strcmp(text, "the model was asked") == 0;
}

static int after_event(void *ctx, struct session *s)
{
    struct probe *p = ctx;
    const struct run *r = s->run;
    nsec stamp = r->group_at[r->derived.cycler_group];
    double residual_v = r->chan[station_find(&s->map->desc, MODEL_RESIDUAL)].value;
    bool late = p->mishap && stamp + s->s.start_at > nsec_from_s(ONSET_S);

    if (stamp != p->last && r->state == RUN_RUNNING) {
        p->last = stamp;
        p->n_after += late;
    }
    /* near its empty end the cell is so steep that the charge is not counted well enough */
    if (!late && !isnan(residual_v) && r->now.number <= 7) {
        p->most_v = fmax(p->most_v, fabs(residual_v));
        p->n_judged++;
    }
    return 0;
}

static int after_commit(void *ctx, struct session *s)
{
    struct probe *p = ctx;

    (void)s;
    return p->stop_after > 0 && ++p->commits == p->stop_after;
}

static void open_session(struct probe *p, struct store *store, int64_t resume)
{
    const struct session_options opt = {.store = store,
                                        .say = say,
                                        .after_event = after_event,
                                        .after_commit = after_commit,
                                        .ctx = p};
    struct session_input in;

    sim_input(&c, &in);
    in.resume = resume;
    ck_assert_int_eq(session_open(&c.session, &in, &opt, &c.diag), 0);
    if (p->mishap && !resume)
        c.session.rig->world->station[0].mishap = (struct world_mishap){
            .at = nsec_from_s(ONSET_S), .value = MISHAP_V, .kind = MISHAP_EMF};
}

static void load_as(const char *procedure, const char *const *sets, bool errors)
{
    sim_load(&c, "benches/demo.yaml", procedure, "articles/ASSB-017.yaml", sets);
    c.loaded.bench.world[c.loaded.station].errors = errors ? 0 : 1;
}

static void load(const char *const *sets, bool errors)
{
    load_as("tests/sim/model-band.yaml", sets, errors);
}

/* ---- In the band ----------------------------------------------------------------------------- */

static void silent(const char *procedure, bool errors, double most_v)
{
    struct probe p = {0};

    load_as(procedure, NULL, errors);
    open_session(&p, NULL, 0);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    ck_assert_msg(c.session.s.verdict == VERDICT_DONE, "%s", c.session.s.text);
    printf("%s, %s errors: residual up to %.2f mV\n", procedure, errors ? "drawn" : "no",
           1e3 * p.most_v);
    ck_assert_uint_eq(p.n_warn, 0);
    ck_assert(!p.told_asked);
    ck_assert_uint_gt(p.n_judged, 3000);
    ck_assert_double_le(p.most_v, most_v);
    sim_close(&c);
}

/* 1.2e-4 of 4.2 V and 1 mV of the SMU's 20 V range, and the same once more for what a wrong charge
 * moves the open-circuit voltage by. */
START_TEST(cell_as_it_should_be)
{
    silent("tests/sim/model-band.yaml", false, 0.5e-3);
    silent("tests/sim/model-band.yaml", true, 3e-3);
}
END_TEST

/* The same cell as an equivalent circuit, read from a file: what is left is the open-circuit
 * voltage between its 101 places, h^2/8 U'' = (0.006425)^2/8 * exp(-2)/0.01^2 V = 7 mV where it
 * begins, near the empty end. The output is off for a while, with nothing measured. A guard reads
 * the residual and never trips. */
START_TEST(model_from_a_file)
{
    silent("tests/sim/model-ecm.yaml", false, 7e-3);
}
END_TEST

/* ---- Out of it ---------------------------------------------------------------------------------
 */

static void leave(struct probe *p, struct store *store)
{
    open_session(p, store, 0);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    ck_assert_msg(c.session.s.verdict == VERDICT_DONE, "%s", c.session.s.text);
    printf("model band: %s; at the sample %u after it, %.1f s\n", p->text, p->n_after_told,
           nsec_to_s(p->told_at + c.session.s.start_at) - ONSET_S);
    ck_assert_uint_eq(p->n_warn, 1);
    ck_assert_uint_eq(p->n_after_told, 1);
    ck_assert_double_le(nsec_to_s(p->told_at + c.session.s.start_at) - ONSET_S, 1.5);
    ck_assert_double_eq_tol(p->jump_v, MISHAP_V, 1e-3);
    ck_assert(p->told_asked); /* the watch rule of the procedure */
    ck_assert_uint_eq(p->n_back, 0);
    ck_assert_ptr_nonnull(strstr(p->text, "above the model assb-lab-cell"));
    ck_assert_msg(strstr(p->text, "out of its band of 50.0 mV") != NULL, "%s", p->text);
}

struct rows {
    bool header;
    int t_s, residual_v;
    unsigned n, n_known, n_out;
    double first_out_s;
};

static int column(unsigned n, const char *const *cells, const char *name)
{
    for (unsigned k = 0; k < n; k++)
        if (strcmp(cells[k], name) == 0)
            return (int)k;
    return -1;
}

static int on_row(void *ctx, unsigned n, const char *const *cells)
{
    struct rows *r = ctx;
    double v, t;

    if (r->header) {
        r->header = false;
        r->t_s = column(n, cells, "t_s");
        r->residual_v = column(n, cells, "residual_v");
        ck_assert_int_ge(r->residual_v, 0);
        return 0;
    }
    r->n++;
    if (!cells[r->residual_v][0])
        return 0;
    r->n_known++;
    ck_assert_int_eq(str_to_double(cells[r->residual_v], strlen(cells[r->residual_v]), &v), 0);
    ck_assert_int_eq(str_to_double(cells[r->t_s], strlen(cells[r->t_s]), &t), 0);
    if (fabs(v) > BAND_V && r->n_out++ == 0)
        r->first_out_s = t;
    return 0;
}

static int count_row(void *ctx, unsigned n, const char *const *cells)
{
    (void)n;
    (void)cells;
    ++*(unsigned *)ctx;
    return 0;
}

/* The program itself exports it: the column is there, and from the onset on its values are 80 mV.
 */
static void check_export(const char *lab, const char *as, const char *column_name)
{
    const char *program = getenv("BENCHCTL");
    static char line[4096];
    unsigned at = 0, n_out = 0;
    char command[700];
    FILE *f;

    ck_assert_ptr_nonnull(program);
    snprintf(command, sizeof command, "'%s' export 1 --lab '%s' %s", program, lab, as);
    f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    line[strcspn(line, "\r\n")] = '\0';
    char *cell = line;
    for (; cell; at++) {
        char *comma = strchr(cell, ',');
        if (comma)
            *comma++ = '\0';
        if (strcmp(cell, column_name) == 0)
            break;
        cell = comma;
    }
    ck_assert_msg(cell != NULL, "no column %s", column_name);
    while (fgets(line, sizeof line, f)) {
        double v;
        cell = line;
        for (unsigned k = 0; k < at; k++)
            cell = strchr(cell, ',') + 1;
        if (str_to_double(cell, strcspn(cell, ",\r\n"), &v) == 0)
            n_out += fabs(v) > BAND_V;
    }
    ck_assert_int_eq(pclose(f), 0);
    ck_assert_uint_gt(n_out, 200);
}

START_TEST(cell_that_leaves)
{
    struct rows rows = {.header = true};
    unsigned n_cycler = 0;
    struct probe p = {.mishap = true};
    struct run_file *f;
    struct store *store;
    char lab[200], path[300];

    load(NULL, false);
    sim_folder(lab, sizeof lab);
    ck_assert_int_eq(lab_open(lab, &store, &c.diag), 0);
    leave(&p, store);
    nsec start_at = c.session.s.start_at;
    sim_close(&c);
    lab_close(store);
    snprintf(path, sizeof path, "%s/runs/000001.run", lab);
    ck_assert_int_eq(run_open_path(path, &f, &c.diag), 0);
    ck_assert_int_eq(run_rows(f, "model", on_row, &rows, &c.diag), 0);
    ck_assert_int_eq(run_rows(f, "cycler", count_row, &n_cycler, &c.diag), 0);
    run_close(f);
    ck_assert_uint_eq(rows.n, n_cycler - 1); /* less the header */
    ck_assert_uint_gt(rows.n_known, rows.n - 5);
    ck_assert_uint_gt(rows.n_out, 200);
    ck_assert_double_ge(rows.first_out_s, ONSET_S - nsec_to_s(start_at));
    ck_assert_double_le(rows.first_out_s, ONSET_S - nsec_to_s(start_at) + 1.0);
    check_export(lab, "--csv", "model.residual_v");
    check_export(lab, "--bdf", "model.residual / V");
    sim_remove(lab);
}
END_TEST

/* `until: abs(model.residual) > stop`: the charge ends with the sample of the alarm. */
START_TEST(condition_sees_it)
{
    static const char *const stop[] = {"stop=60 mV", NULL};
    struct probe p = {.mishap = true};

    load(stop, false);
    open_session(&p, NULL, 0);
    while (c.session.run->summary.number < 6 && !c.session.s.ended) {
        c.session.opt.stop_at = session_run_time(&c.session) + 60 * NSEC_S;
        ck_assert_int_ge(session_work(&c.session, &c.diag), 0);
    }
    ck_assert_uint_eq(c.session.run->summary.number, 6);
    ck_assert_uint_eq(c.session.run->summary.cause, CAUSE_UNTIL);
    double ended_s = nsec_to_s(c.session.run->summary.ended + c.session.s.start_at);
    ck_assert_double_ge(ended_s, ONSET_S);
    ck_assert_double_le(ended_s, ONSET_S + 2.0); /* and the way to rest */
    sim_close(&c);
}
END_TEST

/* A guard on the residual trips like any other; here 0.6 V, of 0.5 V allowed, while the cell's own
 * window, up to 4.4 V, is not left. */
START_TEST(guard_reads_it)
{
    struct probe p = {.mishap = true};

    load_as("tests/sim/model-ecm.yaml", NULL, false);
    open_session(&p, NULL, 0);
    c.session.rig->world->station[0].mishap.value = 0.6;
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    ck_assert_uint_eq(c.session.s.verdict, VERDICT_TRIP);
    ck_assert_uint_eq(c.session.s.cause, CAUSE_GUARD_HIGH);
    ck_assert_ptr_nonnull(strstr(c.session.s.text, "model.residual"));
    ck_assert_uint_eq(p.n_after, 1);
    sim_close(&c);
}
END_TEST

/* ---- Killed and gone on with
 * --------------------------------------------------------------------- */

START_TEST(resumed_as_if_nothing_were)
{
    char whole[65], lab[200];
    struct store *store;

    load(NULL, true);
    sim_folder(lab, sizeof lab);
    ck_assert_int_eq(lab_open(lab, &store, &c.diag), 0);
    struct probe p = {.mishap = true};
    open_session(&p, store, 0);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    memcpy(whole, c.session.rows_sha256, sizeof whole);
    session_close(&c.session);
    struct probe cut = {.mishap = true, .stop_after = 3};
    open_session(&cut, store, 0);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 0);
    ck_assert_uint_eq(cut.commits, 3);
    int64_t number = c.session.number;
    session_close(&c.session);
    lab_close(store);
    ck_assert_int_eq(lab_open(lab, &store, &c.diag), 0);
    struct probe rest = {.mishap = true};
    open_session(&rest, store, number);
    ck_assert_int_eq(session_work(&c.session, &c.diag), 1);
    ck_assert_str_eq(c.session.rows_sha256, whole);
    ck_assert_uint_eq(cut.n_warn + rest.n_warn, p.n_warn);
    sim_close(&c);
    lab_close(store);
    sim_remove(lab);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_band");
    TCase *t = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_add_test(t, cell_as_it_should_be);
    tcase_add_test(t, model_from_a_file);
    tcase_add_test(t, cell_that_leaves);
    tcase_add_test(t, condition_sees_it);
    tcase_add_test(t, guard_reads_it);
    tcase_add_test(t, resumed_as_if_nothing_were);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
