/* Reading run files and the catalogue: figures by arithmetic, traces against every row,
 * read-only places. */
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Steps, cycles, branches ---- */

enum {
    BRANCH_ROWS = 100
};

struct made_step {
    const char *verb;
    uint32_t cycle;
    double charge_ah, energy_wh, pressure_pa, duration_s;
};

/* V = 3 + q of the step, q from 0 to charge_ah in BRANCH_ROWS rows. */
static void make_steps(struct store *s, const struct made_step *step, unsigned n)
{
    double t = 0;

    for (unsigned i = 0; i < n; i++) {
        struct store_step begin = {.number = i + 1,
                                   .began = nsec_from_s(t),
                                   .cycle = step[i].cycle,
                                   .name = "made",
                                   .verb = step[i].verb};
        double in = step[i].charge_ah > 0 ? 1 : 0, out = 1 - in;
        struct store_summary end = {.number = i + 1,
                                    .cycle = step[i].cycle,
                                    .cause = "until",
                                    .end_name = "V > 4",
                                    .ended = nsec_from_s(t + step[i].duration_s),
                                    .charge_ah = step[i].charge_ah,
                                    .energy_wh = step[i].energy_wh,
                                    .charge_in_ah = in * step[i].charge_ah,
                                    .charge_out_ah = -out * step[i].charge_ah,
                                    .energy_in_wh = in * step[i].energy_wh,
                                    .energy_out_wh = -out * step[i].energy_wh,
                                    .pressure_mean_pa = step[i].pressure_pa,
                                    .v_first = 3.25,
                                    .v_min = (double)INFINITY};

        ck_assert_int_eq(store_step_begin(s, &begin), 0);
        for (int k = 0; k < BRANCH_ROWS; k++) {
            double q = step[i].charge_ah * k / (BRANCH_ROWS - 1);
            double v[2] = {3 + fabs(q), 0};
            struct store_row row = {.table = RIG_CYCLER,
                                    .step = i + 1,
                                    .cycle = step[i].cycle,
                                    .t = nsec_from_s(t + step[i].duration_s * k / BRANCH_ROWS),
                                    .value = v,
                                    .charge_ah = q};

            ck_assert_int_eq(store_sample(s, &row), 0);
        }
        ck_assert_int_eq(store_step_end(s, &end), 0);
        t += step[i].duration_s;
    }
}

static const struct made_step made[] = {
    {"rest",      1, 0,      0,       9e6,         100},
    {"charge",    1, 0.008,  0.032,   4e6,         100},
    {"hold",      1, 0.002,  0.008,   6e6,         300}, /* the same branch goes on */
    {"pulse",     1, -0.001, -0.003,  5e6,         10 }, /* apart */
    {"discharge", 1, -0.009, -0.0315, 5e6,         100},
    {"discharge", 2, -0.001, -0.003,  (double)NAN, 100},
};

struct list {
    unsigned n;
    struct cycle_row cycle[8];
    struct step_row step[16];
    struct branch_row branch[400];
    struct run_info run[32];
};

static int each_cycle(void *ctx, const struct cycle_row *row)
{
    struct list *l = ctx;

    l->cycle[l->n++] = *row;
    return 0;
}

static int each_step(void *ctx, const struct step_row *row)
{
    struct list *l = ctx;

    l->step[l->n++] = *row;
    return l->n == 6; /* stops */
}

static int each_branch(void *ctx, const struct branch_row *row)
{
    struct list *l = ctx;

    l->branch[l->n++] = *row;
    return 0;
}

static int each_run(void *ctx, const struct run_info *row)
{
    struct list *l = ctx;

    l->run[l->n++] = *row;
    return 0;
}

START_TEST(test_cycles)
{
    static struct list l;
    char dir[256];
    struct run_file *f;
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_begin(s);
    make_steps(s, made, ARRAY_LEN(made));
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    ck_assert_int_eq(run_cycles(f, each_cycle, &l, NULL), 0);
    ck_assert_uint_eq(l.n, 2);
    ck_assert_uint_eq(l.cycle[0].cycle, 1);
    ck_assert_double_eq_tol(l.cycle[0].charge_ah, 0.010, 1e-15);
    ck_assert_double_eq_tol(l.cycle[0].discharge_ah, 0.009, 1e-15);
    ck_assert_double_eq_tol(l.cycle[0].ce, 0.9, 1e-12);
    ck_assert_double_eq_tol(l.cycle[0].ee, 0.7875, 1e-12); /* 31.5 / 40 mWh */
    ck_assert_double_eq_tol(l.cycle[0].v_charge_mean, 4.0, 1e-12);
    ck_assert_double_eq_tol(l.cycle[0].v_discharge_mean, 3.5, 1e-12);
    /* (4 * 100 + 6 * 300 + 5 * 100) / 500 MPa */
    ck_assert_double_eq_tol(l.cycle[0].pressure_pa, 5.4e6, 1e-3);
    ck_assert_double_nan(l.cycle[1].ce);
    ck_assert_double_nan(l.cycle[1].pressure_pa);
    ck_assert_double_eq_tol(l.cycle[1].discharge_ah, 0.001, 1e-15);
    l.n = 0;
    ck_assert_int_eq(run_steps(f, each_step, &l, NULL), 0);
    ck_assert_uint_eq(l.n, 6);
    ck_assert_uint_eq(l.step[0].number, 1);
    ck_assert_str_eq(l.step[5].verb, "discharge");
    ck_assert_str_eq(l.step[4].end_name, "V > 4");
    ck_assert_int_eq(l.step[2].began, 200 * NSEC_S);
    ck_assert_int_eq(l.step[2].ended, 500 * NSEC_S);
    ck_assert_double_eq(l.step[0].v_first, 3.25);
    ck_assert_double_nan(l.step[0].v_min);
    ck_assert_double_nan(l.step[5].pressure_mean_pa);
    run_close(f);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

START_TEST(test_branches)
{
    static struct list l;
    char dir[256];
    struct run_file *f;
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_begin(s);
    make_steps(s, made, ARRAY_LEN(made));
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    for (unsigned points = 2; points <= 300; points += 7) {
        unsigned at[4] = {0, 0, 0, 0}, n = 0;

        l.n = 0;
        ck_assert_int_eq(run_branches(f, points, each_branch, &l, NULL), 0);
        for (unsigned i = 0; i < l.n; i++) {
            if (i == 0 || l.branch[i].cycle != l.branch[i - 1].cycle ||
                l.branch[i].charge != l.branch[i - 1].charge)
                at[n++] = i;
            else
                ck_assert_double_ge(l.branch[i].q_ah, l.branch[i - 1].q_ah);
        }
        ck_assert_uint_eq(n, 3);
        at[3] = l.n;
        for (unsigned i = 0; i < 3; i++) {
            ck_assert_uint_le(at[i + 1] - at[i], points);
            ck_assert_uint_ge(at[i + 1] - at[i], points < 100 ? (points + 1) / 2 : 50);
            ck_assert_double_eq_tol(l.branch[at[i]].q_ah, 0, 1e-15); /* from its start */
        }
        ck_assert(l.branch[0].charge && !l.branch[at[1]].charge && !l.branch[at[2]].charge);
        /* to its end: 8 mAh and then 2 mAh of the hold, V = 3 + q of the step */
        ck_assert_double_eq_tol(l.branch[at[1] - 1].q_ah, 0.010, 1e-15);
        ck_assert_double_eq_tol(l.branch[at[1] - 1].v_v, 3.002, 1e-12);
        ck_assert_double_eq_tol(l.branch[at[2] - 1].q_ah, 0.009, 1e-15);
        ck_assert_uint_eq(l.branch[at[2]].cycle, 2);
        ck_assert_double_eq_tol(l.branch[l.n - 1].q_ah, 0.001, 1e-15);
    }
    run_close(f);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

/* ---- Traces ---- */

enum {
    LONG_ROWS = 141000
};

/* Each row is covered by a point near it, and the extremes are those of the range to the last
 * digit. */
static void check_trace(struct run_file *f, uint32_t first, uint32_t last, unsigned points)
{
    double from_s = rig_time_s(first), to_s = rig_time_s(last);
    double lo = (double)INFINITY, hi = -(double)INFINITY, lo_all = lo, hi_all = hi;
    double near_s = 2.01 * fmax((to_s - from_s) / points, 1e-9);
    struct trace t;
    size_t k = 0;
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(run_trace(f, "cell.voltage", from_s, to_s, points, &t, &d), 0);
    ck_assert_uint_le(t.n, points);
    ck_assert_uint_gt(t.n, 0);
    for (size_t i = 0; i < t.n; i++) {
        if (t.t_s[i] < from_s || t.t_s[i] > to_s || t.lo[i] > t.hi[i] ||
            (i > 0 && t.t_s[i] <= t.t_s[i - 1]))
            ck_abort_msg("point %zu of %u..%u, %u points", i, first, last, points);
        lo_all = fmin(lo_all, t.lo[i]);
        hi_all = fmax(hi_all, t.hi[i]);
    }
    for (uint32_t i = first; i <= last; i++) {
        double v = rig_voltage(i), at_s = rig_time_s(i);
        bool found = isnan(v);

        if (!found) {
            lo = fmin(lo, v);
            hi = fmax(hi, v);
        }
        while (k < t.n && t.t_s[k] < at_s - near_s)
            k++;
        for (size_t m = k; m < t.n && !found && t.t_s[m] <= at_s + near_s; m++)
            found = t.lo[m] <= v && v <= t.hi[m];
        if (!found)
            ck_abort_msg("row %u of %u..%u, %u points is not in the plot", i, first, last, points);
    }
    ck_assert_double_eq(lo, lo_all);
    ck_assert_double_eq(hi, hi_all);
    trace_done(&t);
}

static void check_traces(struct run_file *f)
{
    static const struct {
        uint32_t first, last;
        unsigned points;
    } row[] = {
        {0,      LONG_ROWS - 1, 800 },
        {0,      LONG_ROWS - 1, 10  },
        {0,      LONG_ROWS - 1, 1   },
        {14,     17,            100 },
        {255,    256,           1   },
        {256,    511,           3   },
        {1000,   1999,          999 },
        {1000,   1999,          1001},
        {65535,  65537,         1   },
        {65536,  131071,        1   },
        {1,      131072,        2   },
        {131000, LONG_ROWS - 1, 50  },
        {139000, 139999,        30  },
        {77,     140001,        2000},
        {77,     140001,        10  },
        {131000, LONG_ROWS - 1, 5   },
        {77,     130998,        4   },
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        check_trace(f, row[i].first, row[i].last, row[i].points);
}

START_TEST(test_trace)
{
    char dir[256], sha[65], again[65];
    struct run_file *f;
    struct store *s;
    struct trace t;
    struct diag d;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_begin(s);
    rig_play(s, 0, LONG_ROWS, 0);
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    ck_assert_int_eq(run_open(dir, 0, &f, NULL), 0);
    check_traces(f); /* while it is under way: the open buckets are not in the file */
    run_close(f);
    rig_end(s, LONG_ROWS, sha);
    lab_close(s);
    ck_assert_int_eq(run_open(dir, 0, &f, NULL), 0);
    check_traces(f);
    ck_assert_int_eq(run_rows_sha256(f, again, NULL), 0);
    ck_assert_str_eq(again, sha);
    /* by table and column, counts too; ranges without rows; names that are not there */
    ck_assert_int_eq(run_trace(f, "cycler.charge_ah", (double)NAN, (double)INFINITY, 5, &t, NULL),
                     0);
    ck_assert_double_eq(t.lo[0], 0);
    ck_assert_double_eq(t.hi[t.n - 1], (LONG_ROWS - 1) / 4096.0);
    trace_done(&t);
    ck_assert_int_eq(run_trace(f, "press.pressure_pa", 1.1, 1.9, 5, &t, NULL), 0);
    ck_assert_uint_eq(t.n, 0);
    trace_done(&t);
    ck_assert_int_eq(run_trace(f, "cell.voltage", 9, 3, 5, &t, NULL), 0);
    ck_assert_uint_eq(t.n, 0);
    trace_done(&t);
    diag_init(&d);
    ck_assert_int_eq(run_trace(f, "cell.voltge", 0, 1, 5, &t, &d), E_NOENT);
    ck_assert_ptr_nonnull(strstr(d.finding[0].hint, "cell.voltage"));
    run_close(f);
    rig_remove(dir);
}
END_TEST

/* ---- Rows as text ---- */

struct text_rows {
    unsigned n;
    char line[20][200];
};

static int each_text(void *ctx, unsigned n, const char *const *cells)
{
    struct text_rows *r = ctx;
    char *line = r->line[r->n++];

    line[0] = '\0';
    for (unsigned i = 0; i < n; i++) {
        strncat(line, cells[i], 40);
        strncat(line, "|", 2);
    }
    return r->n == ARRAY_LEN(r->line);
}

START_TEST(test_rows)
{
    static struct text_rows r;
    char dir[256];
    struct run_file *f;
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_begin(s);
    rig_play(s, 0, 1000, 1000);
    lab_close(s);
    ck_assert_int_eq(run_open(dir, 0, &f, NULL), 0);
    ck_assert_int_eq(run_rows(f, "cycler", each_text, &r, NULL), 0);
    ck_assert_str_eq(r.line[0], "t_s|step|cycle|voltage_v|current_a|charge_ah|energy_wh|quality|");
    ck_assert_str_eq(r.line[2], "0.25|1|0|3.919|0.0009765625|0.000244140625|0.0009765625||");
    ck_assert_str_eq(r.line[14], "3.25|1|0||0.0009765625|0.003173828125|0.0126953125|"
                                 "voltage_v:over|");
    r.n = 0;
    ck_assert_int_eq(run_rows(f, "frame", each_text, &r, NULL), 0);
    ck_assert_uint_eq(r.n, 2);
    ck_assert_str_eq(r.line[1], "1|a|249.75|>|smu|3a524541443f0a|");
    ck_assert_int_eq(run_rows(f, "cyclr", each_text, &r, NULL), E_NOENT);
    ck_assert_int_eq(run_rows(f, "run\" --", each_text, &r, NULL), E_NOENT);
    run_close(f);
    rig_remove(dir);
}
END_TEST

/* Somebody follows the table while it grows: each row once, in order. */
START_TEST(test_rows_after)
{
    static struct text_rows r;
    char dir[256];
    int64_t at = -3, behind = INT64_MAX, far = -100000;
    struct run_file *f;
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    rig_begin(s);
    rig_play(s, 0, 1000, 1000);
    ck_assert_int_eq(run_open(dir, 0, &f, NULL), 0);
    ck_assert_int_eq(run_rows_after(f, "cycler", &at, each_text, &r, NULL), 0);
    ck_assert_uint_eq(r.n, 4);
    ck_assert_str_eq(r.line[0], "t_s|step|cycle|voltage_v|current_a|charge_ah|energy_wh|quality|");
    ck_assert_int_eq(strncmp(r.line[1], "249.25|", 7), 0);
    ck_assert_int_eq(strncmp(r.line[3], "249.75|", 7), 0);
    ck_assert_int_eq(at, 1000);
    r.n = 0;
    ck_assert_int_eq(run_rows_after(f, "cycler", &at, each_text, &r, NULL), 0);
    ck_assert_uint_eq(r.n, 1);
    rig_play(s, 1000, 1002, 2);
    r.n = 0;
    ck_assert_int_eq(run_rows_after(f, "cycler", &at, each_text, &r, NULL), 0);
    ck_assert_uint_eq(r.n, 3);
    ck_assert_int_eq(strncmp(r.line[1], "250|", 4), 0);
    ck_assert_int_eq(at, 1002);
    r.n = 0;
    ck_assert_int_eq(run_rows_after(f, "step", &far, each_text, &r, NULL), 0);
    ck_assert_uint_eq(r.n, 1 + 3); /* steps 1 to 3; step 0 is before every row */
    ck_assert_int_eq(far, 3);
    ck_assert_int_eq(run_rows_after(f, "press", &behind, each_text, &r, NULL), 0);
    ck_assert_int_eq(behind, INT64_MAX);
    ck_assert_int_eq(run_rows_after(f, "cyclr", &at, each_text, &r, NULL), E_NOENT);
    ck_assert_int_eq(run_rows_after(f, "pyramid", &at, each_text, &r, NULL), E_NOENT);
    ck_assert_int_eq(at, 1002);
    run_close(f);
    lab_close(s);
    rig_remove(dir);
}
END_TEST

/* The lock is another process's; whoever died has let it go. */
START_TEST(test_is_written)
{
    char dir[256], c;
    int told[2], hold[2];
    struct run_file *f;
    pid_t pid;

    rig_folder(dir);
    lab_close(rig_lab(dir));
    ck_assert_int_eq(pipe(told), 0);
    ck_assert_int_eq(pipe(hold), 0);
    pid = fork();
    if (pid == 0) {
        struct store *s = rig_lab(dir);

        rig_begin(s);
        rig_play(s, 0, 10, 10);
        if (write(told[1], "x", 1) == 1 && read(hold[0], &c, 1) == 1)
            _exit(0); /* as if it were killed */
        _exit(1);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(read(told[0], &c, 1), 1);
    ck_assert_int_eq(run_open(dir, 1, &f, NULL), 0);
    ck_assert(run_is_written(f));
    ck_assert_int_eq(write(hold[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(!run_is_written(f));
    run_close(f);
    rig_remove(dir);
}
END_TEST

/* ---- The catalogue ---- */

static void check_list(const char *dir, const char sha[65])
{
    static struct list l;

    l.n = 0;
    ck_assert_int_eq(lab_runs(dir, each_run, &l, NULL), 0);
    ck_assert_uint_eq(l.n, 4);
    ck_assert_int_eq(l.run[0].number, 4);
    ck_assert_str_eq(l.run[0].verdict, "unreadable");
    ck_assert_int_eq(l.run[1].number, 3);
    ck_assert(!l.run[1].ended);
    ck_assert_int_eq(l.run[1].duration, nsec_from_s(rig_time_s(699)));
    ck_assert_int_eq(l.run[2].number, 2);
    ck_assert(l.run[2].ended && l.run[2].is_virtual);
    ck_assert_str_eq(l.run[2].verdict, "done");
    ck_assert_str_eq(l.run[2].procedure, "assb-formation");
    ck_assert_str_eq(l.run[2].article, "ASSB-017");
    ck_assert_str_eq(l.run[2].rows_sha256, sha);
    ck_assert_uint_eq(l.run[2].seed, rig_run.seed);
    ck_assert_uint_eq(l.run[2].events, 600);
    ck_assert_int_eq(l.run[2].duration, nsec_from_s(rig_time_s(300)));
    ck_assert_double_eq(l.run[2].capacity_c, 34.56);
    ck_assert_int_eq(l.run[3].number, 1);
}

START_TEST(test_list)
{
    char dir[256], path[400], sha[65], out[65];
    struct store *s;

    rig_folder(dir);
    s = rig_lab(dir);
    for (uint32_t i = 1; i <= 2; i++) {
        rig_begin(s);
        rig_play(s, 0, 150 * i, 100);
        rig_end(s, 150 * i, i == 1 ? out : sha);
    }
    rig_begin(s);
    rig_play(s, 0, 700, 100);
    rig_path(path, dir, 4);
    ck_assert_int_eq(file_write(path, "not a database, but long enough to look like one", 48), 0);
    check_list(dir, sha);
    snprintf(path, sizeof(path), "%s/lab.db", dir);
    ck_assert_int_eq(unlink(path), 0);
    check_list(dir, sha); /* from the files */
    ck_assert_int_eq(rig_query(path, "SELECT count(*) FROM run WHERE ended = 1 AND closed = 1"), 2);
    check_list(dir, sha); /* from the catalogue */
    rig_path(path, dir, 1);
    ck_assert_int_eq(unlink(path), 0);
    check_list(dir, sha); /* what was archived elsewhere is still known */
    lab_close(s);
    rig_remove(dir);
    ck_assert_int_eq(lab_runs(dir, each_run, NULL, NULL), E_NOENT);
}
END_TEST

/* As somebody who may not write there. */
static int look_from_outside(const char *dir)
{
    static struct list l;
    struct store *s = NULL;
    struct run_file *f = NULL;
    struct trace t;
    int64_t number;
    char *text = NULL;

    if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
        return 1;
    if (lab_runs(dir, each_run, &l, NULL) < 0 || l.n != 1 || !l.run[0].ended)
        return 2;
    if (run_open(dir, 0, &f, NULL) < 0 || run_trace(f, "cell.voltage", 0, 1e9, 10, &t, NULL) < 0 ||
        t.n == 0)
        return 3;
    trace_done(&t);
    run_close(f);
    if (lab_open(dir, &s, NULL) < 0 || lab_article_get(s, "A", &text, NULL) < 0)
        return 4;
    free(text);
    if (store_begin(s, &rig_run, rig_tables, 1, NULL, 0, &number, NULL) != E_IO ||
        lab_article_put(s, "B", NULL, NULL, "x", 0, NULL) != E_IO)
        return 5;
    lab_close(s);
    return 0;
}

START_TEST(test_read_only)
{
    char dir[256], path[400], sha[65];
    struct store *s;

    for (int with_catalogue = 1; with_catalogue >= 0; with_catalogue--) {
        pid_t pid;
        int status;

        rig_folder(dir);
        s = rig_lab(dir);
        ck_assert_int_eq(lab_article_put(s, "A", NULL, "cell", "a: 1\n", 1, NULL), 0);
        rig_begin(s);
        rig_play(s, 0, 600, 100);
        rig_end(s, 600, sha);
        lab_close(s);
        snprintf(path, sizeof(path), "%s/lab.db", dir);
        if (with_catalogue == 0)
            ck_assert_int_eq(unlink(path), 0);
        snprintf(path, sizeof(path), "chmod -R a+rX,a-w '%s'", dir);
        ck_assert_int_eq(system(path), 0);
        pid = fork();
        if (pid == 0)
            _exit(look_from_outside(dir));
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WEXITSTATUS(status), with_catalogue ? 0 : 4);
        rig_remove(dir);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("db_read");
    TCase *c = tcase_create("read");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_cycles);
    tcase_add_test(c, test_branches);
    tcase_add_test(c, test_trace);
    tcase_add_test(c, test_rows);
    tcase_add_test(c, test_rows_after);
    tcase_add_test(c, test_is_written);
    tcase_add_test(c, test_list);
    tcase_add_test(c, test_read_only);
    suite_add_tcase(s, c);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
