/* models/cell_age.c - ageing with time and with cycles. */
#include "models/cell_age.h"

#include <math.h>
#include <stdbool.h>

#define GAS_J_MOL_K 8.314462618
#define DAY_S       86400.0

void age_param_default(struct age_param *ret)
{
    *ret = (struct age_param){.layer_per_root_s = 0.0035 / sqrt(DAY_S),
                              .layer_j_mol = 50e3,
                              .reference_k = 298.15,
                              .cycle = 5e-5,
                              .depth_power = 1.5,
                              .rate_power = 0.5};
}

double age_layer_rate(const struct age_param *p, double temperature_k)
{
    double warm = 1.0 / p->reference_k - 1.0 / temperature_k;

    return p->layer_per_root_s * exp(p->layer_j_mol / GAS_J_MOL_K * warm);
}

double age_layer_step(const struct age_param *p, double lost, double temperature_k, double dt_s)
{
    double k = age_layer_rate(p, temperature_k);

    return sqrt(lost * lost + k * k * dt_s);
}

double age_half_cycle(const struct age_param *p, double depth, double rate_c)
{
    return p->cycle * pow(depth, p->depth_power) * pow(rate_c, p->rate_power);
}

struct flow {
    double *stack;
    size_t n, found, most;
    struct rainflow_range *ret;
};

static void found(struct flow *f, double from, double to, double count)
{
    if (f->found < f->most) {
        f->ret[f->found] = (struct rainflow_range){
            .range = fabs(to - from), .mean = 0.5 * (from + to), .count = count};
    }
    f->found++;
}

/* The newest range closes the one before it where it is as large; that one is a whole cycle unless
 * it holds the beginning of the history. */
static void close_ranges(struct flow *f)
{
    while (f->n >= 3) {
        double *s = f->stack;
        double newest = fabs(s[f->n - 1] - s[f->n - 2]), before = fabs(s[f->n - 2] - s[f->n - 3]);

        if (newest < before) {
            return;
        }
        if (f->n == 3) {
            found(f, s[0], s[1], 0.5);
            s[0] = s[1];
            s[1] = s[2];
            f->n = 2;
        } else {
            found(f, s[f->n - 3], s[f->n - 2], 1.0);
            s[f->n - 3] = s[f->n - 1];
            f->n -= 2;
        }
    }
}

size_t age_rainflow(const double *x, size_t n, double *stack, struct rainflow_range *ret,
                    size_t most)
{
    struct flow f = {.stack = stack, .most = most, .ret = ret};

    for (size_t k = 0; k < n; k++) {
        bool goes_on =
            f.n >= 2 && (x[k] - stack[f.n - 1]) * (stack[f.n - 1] - stack[f.n - 2]) >= 0.0;

        /* a point on the way is no turning point; the last one may still move */
        if (goes_on) {
            stack[f.n - 1] = x[k];
        } else if (f.n == 0 || x[k] < stack[f.n - 1] || x[k] > stack[f.n - 1]) {
            stack[f.n++] = x[k];
        }
        if (k + 1 == n ||
            (x[k + 1] - x[k]) * (stack[f.n - 1] - (f.n >= 2 ? stack[f.n - 2] : x[k])) < 0.0) {
            close_ranges(&f);
        }
    }
    for (size_t k = 0; k + 1 < f.n; k++) {
        found(&f, stack[k], stack[k + 1], 0.5);
    }
    return f.found;
}
