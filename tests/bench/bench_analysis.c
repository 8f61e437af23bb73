/* tests/bench/bench_analysis.c - how long the analyses of 1,000,000 rows take: a line per job, the
 * best of fifteen; and where python3 has numpy, pandas and scipy, the same job there, in the same
 * run. Fails where a job needs more than its limit.
 */
#include "analysis/cycles.h"
#include "analysis/ica.h"
#include "analysis/resistance.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "tests/support/bench.h"
#include "tests/support/db_rig.h"
#include "tests/support/rec_rig.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 1000000,
    CYCLES = 200,
    TIMES = 15
};
#define LIMIT_MS 20.0
/* of a discharge of 1250 rows at 1.99 A */
#define CYCLE_OUT_AH (1.99 * 1250 / 3600)
#define NO_LIMIT     ((double)NAN)

static volatile double keep; /* so that no job is left out by the compiler */

struct job {
    const char *name;
    double limit_ms; /* NaN: none */
    double (*work)(void *ctx);
    void *ctx;
    double result;
};

static void work(void *ctx)
{
    struct job *j = ctx;

    j->result = j->work(j->ctx);
    keep = j->result;
}

/* Its peers in Python, NULL at the end, and the path they read. */
static void time_job(struct job *j, const char *const *peers, const char *path)
{
    struct bench_cost c = bench_best(work, j, TIMES);
    struct bench_line l = bench_ms(j->name, c, j->limit_ms);

    for (; peers && *peers; peers++) {
        bench_peer(&l, *peers, path, c.wall_s, j->result);
    }
    bench_tell(&l);
}

/* ---- What is analysed ---- */

/* 200 cycles of a charge, a rest, a discharge and a rest, with noise; a counter and a temperature
 * make six columns of numbers. */
static void make_cycles(struct recording *r)
{
    static const char *const names[] = {"counter_ah", "temperature_k"};
    struct rng rng;
    double t = 0.0, q = 0.0;

    rng_seed(&rng, 4, 0);
    rec_begin(r, ROWS, 2, names);
    for (unsigned k = 0; k < ROWS; k++) {
        unsigned in_cycle = k % (ROWS / CYCLES), phase = in_cycle / (ROWS / CYCLES / 4);
        double i = phase == 0 ? 2.0 : phase == 2 ? -1.99 : 0.0;

        t += 1.0;
        q = in_cycle % (ROWS / CYCLES / 4) == 0 ? 0.0 : q;
        q += i / 3600.0;
        rec_row(r, t, 3.6 + 0.1 * q + 1e-3 * rng_normal(&rng),
                i == 0.0 ? 0.0 : i + 1e-3 * rng_normal(&rng), phase + 1, k / (ROWS / CYCLES) + 1);
        rec_set(r, 0, q);
        rec_set(r, 1, 298.0 + 0.1 * rng_normal(&rng));
    }
    rec_end(r);
}

/* One discharge of nearly all rows at C/14: two bells in dQ/dV, 0.2 mV of noise. */
static void make_discharge(struct recording *r)
{
    struct rng rng;
    double v = 4.2;

    rng_seed(&rng, 5, 0);
    rec_begin(r, ROWS, 0, NULL);
    for (unsigned k = 0; k < ROWS; k++) {
        double a = (v - 3.5) / 0.02, b = (v - 3.8) / 0.02;
        double slope = 5.0 + 39.9 * exp(-a * a / 2.0) + 19.9 * exp(-b * b / 2.0); /* Ah/V */

        v -= k < 100 ? 0.0 : 6.9 / (double)ROWS / slope;
        rec_row(r, 0.05 * k, v + 2e-4 * rng_normal(&rng),
                k < 100 ? 0.0 : -6.9 * 3600.0 / 0.05 / ROWS, k < 100 ? 1 : 2, 1);
    }
    rec_end(r);
}

/* ---- Jobs ---- */

static double job_split(void *ctx)
{
    int rc = recording_split(ctx, NULL);

    ASSERT(rc == 0);
    return (double)((struct recording *)ctx)->n_steps;
}

static double job_cycles(void *ctx)
{
    struct cycles c;
    double out_ah = 0.0;
    int rc = cycles_of(ctx, CYCLE_ORDER_FOUND, &c, NULL);

    ASSERT(rc == 0 && c.n == CYCLES);
    for (size_t i = 0; i < c.n; i++) {
        out_ah += c.cycle[i].integral.out_ah;
    }
    cycles_done(&c);
    return out_ah;
}

static double job_resistance(void *ctx)
{
    struct pulses p;
    int rc = pulses_of(ctx, NULL, &p, NULL);

    ASSERT(rc == 0);
    rc = (int)p.n;
    pulses_done(&p);
    return rc;
}

struct ica_job {
    struct recording *r;
    struct cycles c;
};

static double job_ica(void *ctx)
{
    struct ica_job *j = ctx;
    struct ica_options o = {.kind = ICA_DQ_DV};
    struct ica a;
    double at_v;
    int rc = ica_of(j->r, &j->c, &o, &a, NULL);

    ASSERT(rc == 0 && a.n == 1 && !a.half[0].why && a.half[0].curve.n_peaks == 2);
    at_v = a.half[0].curve.peak[0].x;
    ica_done(&a);
    return at_v;
}

static int on_cycle(void *ctx, const struct cycle_row *c)
{
    *(double *)ctx += c->discharge_ah;
    return 0;
}

/* Opening included: what `analyze --quick` needs. */
static double job_summaries(void *ctx)
{
    struct run_file *f;
    double out_ah = 0.0;
    int rc = run_open(ctx, 1, &f, NULL);

    ASSERT(rc == 0);
    rc = run_cycles(f, on_cycle, &out_ah, NULL);
    ASSERT(rc == 0);
    run_close(f);
    return out_ah;
}

static double job_read(void *ctx)
{
    struct recording r;
    struct run_file *f;
    int rc = run_open(ctx, 1, &f, NULL);

    ASSERT(rc == 0);
    rc = recording_read(f, &r, NULL);
    ASSERT(rc == 0 && r.n == ROWS);
    run_close(f);
    rc = (int)r.n;
    recording_done(&r);
    return rc;
}

/* ---- A finished run of as many rows ---- */

static void put_step(struct store *s, const struct recording *r, size_t k, bool begins)
{
    struct store_step step = {.number = r->step[k] + 4 * (r->cycle[k] - 1),
                              .began = nsec_from_s(r->t_s[k]),
                              .cycle = r->cycle[k],
                              .name = "a step",
                              .verb = r->step[k] == 1   ? "charge"
                                      : r->step[k] == 3 ? "discharge"
                                                        : "rest",
                              .file = "cycles.yaml"};
    struct store_summary sum = {.number = step.number,
                                .cycle = step.cycle,
                                .ended = step.began,
                                .cause = "until",
                                .charge_out_ah = r->step[k] == 3 ? CYCLE_OUT_AH : 0.0};
    int rc = begins ? store_step_begin(s, &step) : store_step_end(s, &sum);

    ASSERT(rc == 0);
}

static void make_run(const char *dir, const struct recording *r)
{
    struct store *s = rig_lab(dir);
    char sha[65];
    int rc;

    rig_begin(s);
    for (size_t k = 0; k < r->n; k++) {
        double value[2] = {r->voltage_v[k], r->current_a[k]};
        struct store_row row = {.table = RIG_CYCLER,
                                .t = nsec_from_s(r->t_s[k]),
                                .step = r->step[k] + 4 * (r->cycle[k] - 1),
                                .cycle = r->cycle[k],
                                .value = value};

        if (k == 0 || r->step[k] != r->step[k - 1]) {
            if (k > 0) {
                put_step(s, r, k - 1, false);
            }
            put_step(s, r, k, true);
        }
        rc = store_sample(s, &row);
        ASSERT(rc == 0);
        if (k % 100000 == 99999) {
            rc = store_commit(s, NULL, 0, NULL, 0, NULL);
            ASSERT(rc == 0);
        }
    }
    put_step(s, r, r->n - 1, false);
    rig_end(s, (uint32_t)(r->t_s[r->n - 1] * 4.0) + 4, sha);
    lab_close(s);
}

/* ---- The same in Python ---- */

static void write_column(const char *dir, const char *job, const char *name, const double *v,
                         size_t n)
{
    char path[400];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s_%s.f64", dir, job, name);
    f = fopen(path, "wb");
    ASSERT(f != NULL);
    ASSERT(fwrite(v, sizeof(*v), n, f) == n);
    fclose(f);
}

static void write_counts(const char *dir, const char *job, const char *name, const uint32_t *v,
                         size_t n)
{
    double *p = malloc(n * sizeof(*p));

    ASSERT(p != NULL);
    for (size_t k = 0; k < n; k++) {
        p[k] = v[k];
    }
    write_column(dir, job, name, p, n);
    free(p);
}

static void write_columns(const char *dir, const char *job, const struct recording *r)
{
    write_column(dir, job, "t", r->t_s, r->n);
    write_column(dir, job, "v", r->voltage_v, r->n);
    write_column(dir, job, "i", r->current_a, r->n);
    write_counts(dir, job, "step", r->step, r->n);
    write_counts(dir, job, "cycle", r->cycle, r->n);
}

START_TEST(bench_analysis)
{
    static const char *const cycle_peers[] = {"cycles_numpy", "cycles_pandas", NULL};
    static const char *const ica_peers[] = {"ica_scipy", NULL};
    static const char *const sql_peers[] = {"cycles_sql", NULL};
    struct recording r, d;
    struct ica_job ica = {.r = &d};
    struct job split = {"steps told from the rows", NO_LIMIT, job_split, &r, 0};
    struct job cycles = {"cycle summary, columns in memory", LIMIT_MS, job_cycles, &r, 0};
    struct job pulses = {"resistances, columns in memory", NO_LIMIT, job_resistance, &r, 0};
    struct job curve = {"ICA with peaks, columns in memory", LIMIT_MS, job_ica, &ica, 0};
    char dir[256], path[400];
    struct job quick = {"cycle summary, finished run", LIMIT_MS, job_summaries, dir, 0};
    struct job whole = {"every row of a finished run into memory", NO_LIMIT, job_read, dir, 0};
    int rc;

    make_cycles(&r);
    make_discharge(&d);
    rc = cycles_of(&d, CYCLE_ORDER_FOUND, &ica.c, NULL);
    ASSERT(rc == 0);
    rig_folder(dir);
    make_run(dir, &r);
    rig_path(path, dir, 1);
    write_columns(dir, "cycles", &r);
    write_columns(dir, "ica", &d);
    bench_begin("analysis: 1000000 rows");
    time_job(&split, NULL, NULL);
    time_job(&cycles, cycle_peers, dir);
    time_job(&pulses, NULL, NULL);
    time_job(&curve, ica_peers, dir);
    time_job(&quick, sql_peers, path);
    time_job(&whole, NULL, NULL);
    rig_remove(dir);
    cycles_done(&ica.c);
    recording_done(&r);
    recording_done(&d);
    ck_assert_int_eq(bench_missed(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench");
    TCase *t = tcase_create("analysis");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 0);
    tcase_add_test(t, bench_analysis);
    suite_add_tcase(suite, t);
    r = srunner_create(suite);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_SILENT);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
