/* tests/bench/bench_models.c - how long the cell models take: a million steps of the equivalent
 * circuit, a day of a pack at 1 s, a discharge of the single particle model. Where numpy is there,
 * the same recursion of the equivalent circuit runs in it too, and the ratio is printed.
 *
 * Fails where a million steps take more than 50 ms, unless the first argument is "print".
 */
#include "models/cell_spm.h"
#include "models/cell_string.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_MS 50.0
#define ROOM_K  298.15

enum {
    STEPS = 1000000,
    DAY_S = 86400,
    TIMES = 5 /* the best of */
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

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

static double ecm_ms(double *ret_v)
{
    struct cell_param p = kind();
    double best = INFINITY;

    for (int n = 0; n < TIMES; n++) {
        struct cell_state s;
        double begin, sum = 0.0;

        cell_init(&s, 0.6, ROOM_K);
        begin = now_ms();
        for (int k = 0; k < STEPS; k++) {
            cell_step(&s, &p, current(k), 0.1, ROOM_K);
        }
        sum = cell_voltage_v(&s, &p, 0.0);
        best = fmin(best, now_ms() - begin);
        *ret_v = sum;
    }
    return best;
}

static double pack_ms(void)
{
    static struct cell_string_state s;
    struct cell_param p = kind();
    struct cell_string_param string = {.cell = &p, .groups = 96, .parallel = 2};
    double begin;

    cell_string_init(&s, &string, 0.6, ROOM_K);
    begin = now_ms();
    for (int k = 0; k < DAY_S; k++) {
        cell_string_step(&s, &string, current(k), 1.0, ROOM_K);
    }
    return now_ms() - begin;
}

static double spm_ms(void)
{
    struct spm_param p;
    struct spm_state s;
    double begin = now_ms();

    spm_param_chen2020(&p, 20);
    spm_init(&s, &p, ROOM_K);
    while (spm_voltage_v(&s, &p, -5.0) > 2.5) {
        spm_step(&s, &p, -5.0, 1.0);
    }
    return now_ms() - begin;
}

/* The same million steps where arrays can take them: exponentials and charge in whole columns, the
 * two pairs and the hysteresis one after the other, as a recursion must. Prints its milliseconds.
 */
static const char numpy[] =
    "import time\n"
    "try:\n"
    "    import numpy as np\n"
    "except ImportError:\n"
    "    raise SystemExit(3)\n"
    "n = 1000000\n"
    "i = ((np.arange(n) * 37) % 61 - 30).astype(float)\n"
    "t0 = time.perf_counter()\n"
    "soc = 0.6 + np.cumsum(i) * 0.1 / (30.5 * 3600)\n"
    "nodes = np.linspace(0, 1, 11)\n"
    "tau1 = np.interp(soc, nodes, 9 + nodes)\n"
    "r0 = np.interp(soc, nodes, np.full(11, 1.7e-3))\n"
    "a1 = np.exp(-0.1 / tau1)\n"
    "a2 = np.full(n, np.exp(-0.1 / 110.0))\n"
    "ah = np.exp(-45.0 * np.abs(i) * 0.1 / (30.5 * 3600))\n"
    "b1 = (1 - a1) * 0.5e-3 * i\n"
    "b2 = (1 - a2) * 2e-3 * i\n"
    "bh = (1 - ah) * 0.008 * np.sign(i)\n"
    "v1 = v2 = h = 0.0\n"
    "out = np.empty(n)\n"
    "k = 0\n"
    "for x1, y1, x2, y2, xh, yh in zip(a1.tolist(), b1.tolist(), a2.tolist(), b2.tolist(),\n"
    "                                  ah.tolist(), bh.tolist()):\n"
    "    v1 = v1 * x1 + y1\n"
    "    v2 = v2 * x2 + y2\n"
    "    h = h * xh + yh\n"
    "    out[k] = v1 + v2 + h\n"
    "    k += 1\n"
    "out += np.interp(soc, np.linspace(0, 1, 401), 3.0 + 1.2 * np.linspace(0, 1, 401)) + r0 * i\n"
    "print((time.perf_counter() - t0) * 1e3)\n";

static double numpy_ms(void)
{
    char command[sizeof(numpy) + 40], line[64] = "";
    double ms = NAN;
    FILE *p;

    snprintf(command, sizeof(command), "python3 -c '%s' 2>/dev/null", numpy);
    p = popen(command, "r");
    if (p) {
        if (fgets(line, sizeof(line), p)) {
            ms = strtod(line, NULL);
        }
        if (pclose(p) != 0) {
            ms = NAN;
        }
    }
    return ms;
}

int main(int argc, char **argv)
{
    double v = 0.0, ms = ecm_ms(&v), pack = pack_ms(), spm = spm_ms(), peer = numpy_ms();

    printf("cell model: 1e6 steps of the equivalent circuit %.1f ms (%.1f ns a step), ends at %.6f "
           "V\n",
           ms, ms * 1e6 / STEPS, v);
    if (isfinite(peer)) {
        printf("cell model: the same in numpy %.0f ms, %.1f times as long\n", peer, peer / ms);
    } else {
        printf("cell model: numpy is not there to compare with\n");
    }
    printf("cell model: 96s2p for 24 h at 1 s, with heat %.0f ms\n", pack);
    printf("cell model: single particle, 1C discharge at 1 s %.2f ms\n", spm);
    return ms > MOST_MS && !(argc > 1 && strcmp(argv[1], "print") == 0) ? EXIT_FAILURE
                                                                        : EXIT_SUCCESS;
}
