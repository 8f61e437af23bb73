/* models/replay.c - a cell that answers as its recording did. The reader is in replay_csv.c. */
#include "models/replay.h"

#include <math.h>
#include <string.h>

#define SAME_V       1e-6
#define STEEPER      10.0 /* beyond the end, times the slope of the last hundredth */
#define LEAST_SPAN_V 1.0  /* over a tenth of the branch, where the last rows are flat */

struct branch {
    size_t n;
    const double *q_c, *e_v;
    int8_t direction;
};

static struct branch branch_of(const struct replay_table *t, int8_t direction)
{
    if (direction > 0)
        return (struct branch){t->n_charge, t->charge_q_c, t->charge_e_v, 1};
    return (struct branch){t->n_discharge, t->discharge_q_c, t->discharge_e_v, -1};
}

/* V per C beyond the branch's end, of the branch's own sign. */
static double slope_beyond(const struct branch *b)
{
    size_t back = b->n / 100 + 1;
    size_t last = b->n - 1, from = back < last ? last - back : 0;
    double slope = b->direction * (b->e_v[last] - b->e_v[from]) / (b->q_c[last] - b->q_c[from]);
    return b->direction * fmax(STEEPER * slope, LEAST_SPAN_V / (0.1 * b->q_c[last]));
}

void replay_init(struct replay_state *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->direction = -1;
}

double replay_e_v(struct replay_state *s, const struct replay_table *t)
{
    struct branch b = branch_of(t, s->direction);
    size_t last = b.n - 1, k = s->at;
    if (s->q_c >= b.q_c[last]) {
        s->at = (uint32_t)(last - 1);
        return b.e_v[last] + slope_beyond(&b) * (s->q_c - b.q_c[last]);
    }

    while (b.q_c[k] > s->q_c)
        k--;
    while (k + 1 < last && b.q_c[k + 1] <= s->q_c)
        k++;
    s->at = (uint32_t)k;
    double share = (s->q_c - b.q_c[k]) / (b.q_c[k + 1] - b.q_c[k]);
    return b.e_v[k] + share * (b.e_v[k + 1] - b.e_v[k]);
}

/* E that a current of this direction would meet: a turn begins the other branch at its head. */
static double facing_v(struct replay_state *s, const struct replay_table *t, int8_t direction)
{
    return direction == s->direction ? replay_e_v(s, t) : branch_of(t, direction).e_v[0];
}

double replay_voltage_v(struct replay_state *s, const struct replay_table *t, double i_a)
{
    int8_t direction = i_a > 0.0 ? 1 : i_a < 0.0 ? -1 : s->direction;
    return facing_v(s, t, direction) + i_a * t->resistance_ohm;
}

double replay_current_a(struct replay_state *s, const struct replay_table *t, double v_v)
{
    int8_t own = s->direction, other = own > 0 ? -1 : 1;
    double over_v = v_v - facing_v(s, t, own);
    if (own * over_v > 0.0)
        return fabs(over_v) > SAME_V ? over_v / t->resistance_ohm : 0.0;
    if (fabs(over_v) <= SAME_V)
        return 0.0;
    over_v = v_v - facing_v(s, t, other);
    return other * over_v > SAME_V ? over_v / t->resistance_ohm : 0.0;
}

double replay_fill(const struct replay_state *s, const struct replay_table *t)
{
    struct branch b = branch_of(t, s->direction);
    double share = fmin(s->q_c / b.q_c[b.n - 1], 1.0);
    return s->direction > 0 ? share : 1.0 - share;
}

void replay_step(struct replay_state *s, const struct replay_table *t, double i_a, double dt_s)
{
    (void)t;
    int8_t direction = i_a > 0.0 ? 1 : i_a < 0.0 ? -1 : s->direction;
    if (direction != s->direction) {
        s->direction = direction;
        s->q_c = 0.0;
        s->at = 0;
    }
    s->q_c += fabs(i_a) * dt_s;
}
