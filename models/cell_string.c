/* models/cell_string.c - groups of parallel cells in series. */
#include "models/cell_string.h"

#include "base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

void cell_string_init(struct cell_string_state *ret, const struct cell_string_param *p, double soc,
                      double temperature_k)
{
    memset(ret, 0, sizeof(*ret));
    for (unsigned k = 0; k < p->groups * p->parallel; k++) {
        cell_init(&ret->cell[k], soc, temperature_k);
    }
}

void cell_string_spread(struct cell_string_state *s, const struct cell_string_param *p,
                        struct rng *rng, double capacity, double resistance, double leak_a,
                        double leak)
{
    for (unsigned k = 0; k < p->groups * p->parallel; k++) {
        s->cell[k].own_capacity = 1.0 + capacity * rng_normal(rng);
        s->cell[k].own_resistance = exp(resistance * rng_normal(rng));
        s->cell[k].own_leak_a = leak_a * exp(leak * rng_normal(rng));
    }
}

struct cell_state *cell_string_at(struct cell_string_state *s, const struct cell_string_param *p,
                                  unsigned group, unsigned cell)
{
    return &s->cell[group * p->parallel + cell];
}

double cell_string_capacity_c(const struct cell_string_state *s, const struct cell_string_param *p)
{
    double least = INFINITY;

    for (unsigned g = 0; g < p->groups; g++) {
        double sum = 0.0;

        for (unsigned k = 0; k < p->parallel; k++) {
            sum += s->cell[g * p->parallel + k].own_capacity * p->cell->capacity_c;
        }
        least = fmin(least, sum);
    }
    return least;
}

/* A group as one source: V = e + r I. */
struct source {
    double e_v, r_ohm;
};

static struct source group_source(const struct cell_string_state *s,
                                  const struct cell_string_param *p, unsigned group)
{
    double conductance = 0.0, current = 0.0;

    for (unsigned k = 0; k < p->parallel; k++) {
        const struct cell_state *cell = &s->cell[group * p->parallel + k];
        double r = cell_series_ohm(cell, p->cell);

        conductance += 1.0 / r;
        current += cell_emf_v(cell, p->cell) / r;
    }
    if (s->bleeds[group] && p->bleed_ohm > 0.0) {
        conductance += 1.0 / p->bleed_ohm;
    }
    return (struct source){.e_v = current / conductance, .r_ohm = 1.0 / conductance};
}

double cell_string_group_v(const struct cell_string_state *s, const struct cell_string_param *p,
                           unsigned group, double i_a)
{
    struct source source = group_source(s, p, group);

    return source.e_v + source.r_ohm * i_a;
}

double cell_string_share_a(const struct cell_string_state *s, const struct cell_string_param *p,
                           unsigned group, unsigned cell, double i_a)
{
    return cell_current_a(&s->cell[group * p->parallel + cell], p->cell,
                          cell_string_group_v(s, p, group, i_a));
}

double cell_string_voltage_v(const struct cell_string_state *s, const struct cell_string_param *p,
                             double i_a)
{
    double sum = 0.0;

    for (unsigned g = 0; g < p->groups; g++) {
        sum += cell_string_group_v(s, p, g, i_a);
    }
    return sum;
}

double cell_string_current_a(const struct cell_string_state *s, const struct cell_string_param *p,
                             double v_v)
{
    double e = 0.0, r = 0.0;

    for (unsigned g = 0; g < p->groups; g++) {
        struct source source = group_source(s, p, g);

        e += source.e_v;
        r += source.r_ohm;
    }
    return (v_v - e) / r;
}

void cell_string_look(const struct cell_string_state *s, const struct cell_string_param *p,
                      double i_a, struct cell_string_extremes *ret)
{
    struct cell_string_extremes x = {.least_v = INFINITY, .most_v = -INFINITY};
    double sum = 0.0, n = (double)p->groups;

    for (unsigned g = 0; g < p->groups; g++) {
        double v = cell_string_group_v(s, p, g, i_a);

        if (v < x.least_v) {
            x.least_v = v;
            x.least = g;
        }
        if (v > x.most_v) {
            x.most_v = v;
            x.most = g;
        }
        x.mean_v += v / n;
    }
    for (unsigned g = 0; g < p->groups; g++) {
        double e = cell_string_group_v(s, p, g, i_a) - x.mean_v;

        sum += e * e;
    }
    x.deviation_v = p->groups > 1 ? sqrt(sum / (n - 1.0)) : 0.0;
    *ret = x;
}

void cell_string_step(struct cell_string_state *s, const struct cell_string_param *p, double i_a,
                      double dt_s, double ambient_k)
{
    for (unsigned g = 0; g < p->groups; g++) {
        double v = cell_string_group_v(s, p, g, i_a);
        bool alone = p->parallel == 1 && !(s->bleeds[g] && p->bleed_ohm > 0.0);

        for (unsigned k = 0; k < p->parallel; k++) {
            struct cell_state *cell = &s->cell[g * p->parallel + k];
            /* a cell alone gets the current as it is: no rounding of a division */
            double share = alone ? i_a : cell_current_a(cell, p->cell, v);

            cell_step(cell, p->cell, share, dt_s, ambient_k);
        }
    }
}
