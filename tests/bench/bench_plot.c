/* tests/bench/bench_plot.c - how long the points of a picture, and the rows as text, of a finished
 * run of 1,000,000 rows take; and the same from the same file in pandas.
 */
#include "base/err.h"
#include "db/read.h"
#include "tests/support/bench.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 1000000,
    STEP_ROWS = 2500,
    POINTS = 2000,
    BRANCH_POINTS = 400,
    TIMES = 7,
    COMMIT_ROWS = 50000
};
#define NO_LIMIT ((double)NAN)

/* ---- The run: a charge and a discharge in turn ---- */

static void put_step(struct store *s, long row, bool begins)
{
    uint32_t number = (uint32_t)(row / STEP_ROWS) + 1;
    bool charge = number % 2 == 1;
    struct store_step step = {.number = number,
                              .began = row * 1000000000,
                              .cycle = (number + 1) / 2,
                              .name = "a step",
                              .verb = charge ? "charge" : "discharge"};
    double ah = 2.0 * STEP_ROWS / 3600;
    struct store_summary sum = {.number = number,
                                .cycle = step.cycle,
                                .ended = (row + 1) * 1000000000,
                                .cause = "until",
                                .charge_ah = charge ? ah : -ah,
                                .charge_in_ah = charge ? ah : 0.0,
                                .charge_out_ah = charge ? 0.0 : ah};
    int rc = begins ? store_step_begin(s, &step) : store_step_end(s, &sum);

    ASSERT(rc == 0);
}

static void make_run(const char *dir)
{
    struct store *s = rig_lab(dir);
    char sha[65];

    rig_begin(s);
    for (long i = 0; i < ROWS; i++) {
        bool charge = i / STEP_ROWS % 2 == 0;
        double part = (double)(i % STEP_ROWS + 1) / STEP_ROWS;
        double value[2] = {3.0 + (charge ? part : 1 - part) + 1e-4 * (double)(i * 7919 % 97) / 3.0,
                           charge ? 2.0 : -2.0};
        struct store_row row = {.table = RIG_CYCLER,
                                .t = i * 1000000000,
                                .step = (uint32_t)(i / STEP_ROWS) + 1,
                                .cycle = (uint32_t)(i / STEP_ROWS / 2) + 1,
                                .value = value,
                                .charge_ah = value[1] * part * STEP_ROWS / 3600,
                                .energy_wh = value[0] * part};
        int rc = 0;

        if (i % STEP_ROWS == 0)
            put_step(s, i, true);
        rc = store_sample(s, &row);
        if (i % STEP_ROWS == STEP_ROWS - 1)
            put_step(s, i, false);
        if (rc == 0 && i % COMMIT_ROWS == COMMIT_ROWS - 1)
            rc = store_commit(s, NULL, 0, NULL, 0, NULL);
        ASSERT(rc == 0);
    }
    rig_end(s, ROWS * 4u, sha);
    lab_close(s);
}

/* ---- Jobs: the file is opened in each, as the commands do ---- */

struct job {
    const char *dir;
    double result;
};

static struct run_file *open_run(const struct job *j)
{
    struct run_file *f;
    int rc = run_open(j->dir, 1, &f, NULL);

    ASSERT(rc == 0);
    return f;
}

static void trace(void *ctx)
{
    struct job *j = ctx;
    struct run_file *f = open_run(j);
    double lo = INFINITY, hi = -INFINITY;
    struct trace t;
    int rc = run_trace(f, "cell.voltage", -INFINITY, INFINITY, POINTS, &t, NULL);

    ASSERT(rc == 0 && t.n > POINTS / 2);
    for (size_t i = 0; i < t.n; i++) {
        lo = fmin(lo, t.lo[i]);
        hi = fmax(hi, t.hi[i]);
    }
    j->result = hi - lo;
    trace_done(&t);
    run_close(f);
}

static int on_branch(void *ctx, const struct branch_row *row)
{
    *(double *)ctx = row->q_ah;
    return 0;
}

static void branches(void *ctx)
{
    struct job *j = ctx;
    struct run_file *f = open_run(j);
    int rc = run_branches(f, BRANCH_POINTS, on_branch, &j->result, NULL);

    ASSERT(rc == 0);
    run_close(f);
}

static int on_row(void *ctx, unsigned n, const char *const *cells)
{
    (void)n;
    (void)cells;
    *(double *)ctx += 1;
    return 0;
}

static void rows(void *ctx)
{
    struct job *j = ctx;
    struct run_file *f = open_run(j);
    int rc;

    j->result = -1; /* the header */
    rc = run_rows(f, "cycler", on_row, &j->result, NULL);
    ASSERT(rc == 0);
    run_close(f);
}

static void tell(const char *what, void (*work)(void *ctx), struct job *j, const char *peer,
                 const char *path)
{
    struct bench_cost c = bench_best(work, j, TIMES);
    struct bench_line l = bench_ms(what, c, NO_LIMIT);

    bench_peer(&l, peer, path, c.wall_s, j->result);
    bench_tell(&l);
}

START_TEST(bench_plot)
{
    char dir[256], path[400];
    struct job j = {.dir = dir};

    rig_folder(dir);
    make_run(dir);
    rig_path(path, dir, 1);
    bench_begin("plot data: a finished run of 1000000 rows");
    tell("a channel over time, 2000 points", trace, &j, "trace_pandas", path);
    tell("V over Q of 400 half cycles, 400 points each", branches, &j, "branches_pandas", path);
    tell("every row as text", rows, &j, "rows_pandas", path);
    rig_remove(dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_plot");
    TCase *c = tcase_create("plot");
    SRunner *r;
    int failed;

    tcase_set_timeout(c, 0);
    tcase_add_test(c, bench_plot);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
