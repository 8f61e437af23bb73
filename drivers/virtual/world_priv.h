/* drivers/virtual/world_priv.h - between the files of the world: what a station's cell is, apart
 * from the source at its terminals. Signs are the cell's own.
 */
#ifndef DRIVERS_VIRTUAL_WORLD_PRIV_H
#define DRIVERS_VIRTUAL_WORLD_PRIV_H

#include "drivers/virtual/world.h"

/* Of a string only its cells that are there. */
struct station_kept {
    struct assb_state assb;
    struct replay_state replay;
    struct cell_state cell[CELL_STRING_CELLS_MAX];
};

/* ---- world.c ---- */
struct world_station *station_at(struct world *w, int station);
/* Counters and extremes begin anew with what is there now. */
void station_begin(struct world *w, int station);

/* ---- world_cell.c ---- */
void station_memo_clear(struct world_station *st);
/* At the terminals, with this current; the current at which they are at this voltage. */
double station_v(struct world_station *st, const struct world_wiring *t, double i_a);
double station_a(struct world_station *st, const struct world_wiring *t, double v_v);
double station_group_v(const struct world_station *st, const struct world_wiring *t, unsigned group,
                       double i_a);
double station_place_k(const struct world_station *st, const struct world_wiring *t,
                       unsigned place);
void station_step(struct world_station *st, const struct world_wiring *t, double i_a, double dt_s);
/* A press follows what the cell holds. */
void station_fill(struct world_station *st, const struct world_wiring *t);
void station_keep(const struct world_station *st, const struct world_wiring *t,
                  struct station_kept *ret);
void station_put_back(struct world_station *st, const struct world_wiring *t,
                      const struct station_kept *kept);

#endif
