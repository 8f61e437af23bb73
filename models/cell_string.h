/* models/cell_string.h - cells of one kind, in parallel within a group, the groups in series: a
 * module or a pack.
 *
 * The cells of a group have one voltage; each takes the current that its own voltage without
 * current and its own resistance leave it, at the beginning of every step. A group may bleed
 * through a resistor. What its cells differ by is in their states (own_...).
 */
#ifndef MODELS_CELL_STRING_H
#define MODELS_CELL_STRING_H

#include "models/cell_ecm.h"

#include <stdint.h>

enum {
    CELL_STRING_GROUPS_MAX = 96,
    CELL_STRING_CELLS_MAX = 192
};

struct rng;

struct cell_string_param {
    const struct cell_param *cell;
    unsigned groups, parallel; /* their product up to CELL_STRING_CELLS_MAX */
    double bleed_ohm;          /* resistor over a group that bleeds; 0: there is none */
};
struct cell_string_state {
    struct cell_state cell[CELL_STRING_CELLS_MAX]; /* group by group */
    uint8_t bleeds[CELL_STRING_GROUPS_MAX];
};
struct cell_string_extremes {
    double least_v, most_v, mean_v, deviation_v;
    unsigned least, most; /* groups */
};

/* All alike, at rest. */
void cell_string_init(struct cell_string_state *ret, const struct cell_string_param *p, double soc,
                      double temperature_k);
/* Draw what the cells differ by: capacity normal with this relative deviation, resistance and leak
 * log-normal around 1 and leak_a. */
void cell_string_spread(struct cell_string_state *s, const struct cell_string_param *p,
                        struct rng *rng, double capacity, double resistance, double leak_a,
                        double leak);
struct cell_state *cell_string_at(struct cell_string_state *s, const struct cell_string_param *p,
                                  unsigned group, unsigned cell);
/* Of the whole string, fully charged in every cell: the least group's. */
double cell_string_capacity_c(const struct cell_string_state *s, const struct cell_string_param *p);

/* Right now, string current i_a (charge positive). */
double cell_string_group_v(const struct cell_string_state *s, const struct cell_string_param *p,
                           unsigned group, double i_a);
double cell_string_share_a(const struct cell_string_state *s, const struct cell_string_param *p,
                           unsigned group, unsigned cell, double i_a);
double cell_string_voltage_v(const struct cell_string_state *s, const struct cell_string_param *p,
                             double i_a);
double cell_string_current_a(const struct cell_string_state *s, const struct cell_string_param *p,
                             double v_v);
void cell_string_look(const struct cell_string_state *s, const struct cell_string_param *p,
                      double i_a, struct cell_string_extremes *ret);

void cell_string_step(struct cell_string_state *s, const struct cell_string_param *p, double i_a,
                      double dt_s, double ambient_k);

#endif
