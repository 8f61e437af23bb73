/* tests/bench/bench_models.c - how long the cell models take: a million steps of the equivalent
 * circuit, a day of a pack at 1 s, a discharge of the single particle model. Where python3 has
 * numpy and scipy the same million steps run there too: the whole recursion, and what a compiled
 * filter can do of it. Fails where a million steps take more than 50 ms.
 */
#include "models/cell_spm.h"
#include "models/cell_string.h"
#include "tests/support/bench.h"

#include <math.h>
#include <stdlib.h>

#define MOST_MS 50.0
#define ROOM_K  298.15

enum {
    STEPS = 1000000,
    DAY_S = 86400,
    TIMES = 5 /* the best of */
};

static volatile double keep; /* so that no job is left out by the compiler */

/* Eleven rows, as identification gives them. */
static struct cell_param kind(void)
{
    struct cell_param p = {.capacity_c = 30.5 * 3600.0,
                           .charge_efficiency = 1.0,
                           .n_ocv = CELL_OCV_MAX,
                           .n_rows = 11,
                           .hysteresis_rate = 45.0,
                           .activation_j_mol = 30e3,
                           .reference_k = ROOM_K,
                           .heat_j_k = 800.0,
                           .loss_w_k = 1.25};

    for (int k = 0; k < CELL_OCV_MAX; k++) {
        p.ocv_v[k] = 3.0 + 1.2 * k / (CELL_OCV_MAX - 1);
    }
    for (int k = 0; k < 11; k++) {
        p.row[k] = (struct cell_row){0.1 * k, 1.7e-3, 0.5e-3, 9.0 + 0.1 * k, 2e-3, 110.0, 0.008};
    }
    return p;
}

/* A drive: currents that change each step, both ways. */
static double current(int k)
{
    return (double)((k * 37) % 61 - 30);
}

static void ecm(void *ctx)
{
    struct cell_param p = kind();
    struct cell_state s;

    (void)ctx;
    cell_init(&s, 0.6, ROOM_K);
    for (int k = 0; k < STEPS; k++) {
        cell_step(&s, &p, current(k), 0.1, ROOM_K);
    }
    keep = cell_voltage_v(&s, &p, 0.0);
}

static void pack(void *ctx)
{
    static struct cell_string_state s;
    struct cell_param p = kind();
    struct cell_string_param string = {.cell = &p, .groups = 96, .parallel = 2};

    (void)ctx;
    cell_string_init(&s, &string, 0.6, ROOM_K);
    for (int k = 0; k < DAY_S; k++) {
        cell_string_step(&s, &string, current(k), 1.0, ROOM_K);
    }
}

static void spm(void *ctx)
{
    struct spm_param p;
    struct spm_state s;

    (void)ctx;
    spm_param_chen2020(&p, 20);
    spm_init(&s, &p, ROOM_K);
    while (spm_voltage_v(&s, &p, -5.0) > 2.5) {
        spm_step(&s, &p, -5.0, 1.0);
    }
}

int main(void)
{
    struct bench_cost c = bench_best(ecm, NULL, TIMES);
    struct bench_line l = bench_ms("equivalent circuit, 1000000 steps", c, MOST_MS);

    bench_begin("cell models");
    bench_peer(&l, "ecm_numpy", "", c.wall_s, (double)NAN);
    bench_peer(&l, "ecm_lfilter", "", c.wall_s, (double)NAN);
    bench_tell(&l);
    l = bench_ms("96s2p for 24 h at 1 s, with heat", bench_best(pack, NULL, 1), (double)NAN);
    bench_tell(&l);
    l = bench_ms("single particle, 1C discharge at 1 s", bench_best(spm, NULL, TIMES), (double)NAN);
    bench_tell(&l);
    return bench_missed() > 0;
}
