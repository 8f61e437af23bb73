/* drivers/virtual/world_cell.c - the cells of the world: a solid-state cell, a recorded one, a
 * string of lithium-ion cells; each as the source at its terminals meets it.
 */
#include "drivers/virtual/world_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

void station_memo_clear(struct world_station *st)
{
    struct world_memo *m = &st->memo;
    m->ocv_y = m->series_pa = m->series_k = (double)NAN;
    m->ocv_v = m->series_ohm = 0.0;
}

/* ---- The solid-state cell ---- */

static double ocv_v(struct world_station *st)
{
    struct world_memo *m = &st->memo;
    if (!(m->ocv_y >= st->assb.y && m->ocv_y <= st->assb.y)) {
        m->ocv_v = assb_ocv_v(st->assb.y);
        m->ocv_y = st->assb.y;
    }
    return m->ocv_v;
}

static double series_ohm(struct world_station *st)
{
    struct world_memo *m = &st->memo;
    double pa = st->has_press ? press_stack_pa(&st->press, &st->press_param) : 0.0;
    double k = st->cell_temperature.value_k;
    if (!(m->series_pa >= pa && m->series_pa <= pa && m->series_k >= k && m->series_k <= k)) {
        m->series_ohm = assb_series_ohm(&st->assb_param, pa, k);
        m->series_pa = pa;
        m->series_k = k;
    }
    return m->series_ohm;
}

/* ---- The string ---- */

static unsigned n_cells(const struct world_station *st, const struct world_wiring *t)
{
    return st->cell_kind == WORLD_STRING ? t->string->cells.groups * t->string->cells.parallel : 0;
}

/* Whatever is added to its voltage is added to the first group's, so that groups and terminals
 * agree. */
double station_group_v(const struct world_station *st, const struct world_wiring *t, unsigned group,
                       double i_a)
{
    const struct cell_string_param *p = &t->string->cells;
    if (group < 1 || group > p->groups)
        return (double)NAN;
    return cell_string_group_v(&st->string, p, group - 1, i_a) + (group == 1 ? st->emf_v : 0.0);
}

static double string_v(const struct world_station *st, const struct world_wiring *t, double i_a)
{
    return cell_string_voltage_v(&st->string, &t->string->cells, i_a) + st->emf_v +
           t->string->lead_ohm * i_a;
}

/* Voltage is linear in a current that no time has passed with. */
static double string_a(const struct world_station *st, const struct world_wiring *t, double v_v)
{
    double rest_v = string_v(st, t, 0.0);
    return (v_v - rest_v) / (string_v(st, t, 1.0) - rest_v);
}

double station_place_k(const struct world_station *st, const struct world_wiring *t, unsigned place)
{
    if (st->cell_kind != WORLD_STRING)
        return place == 1 ? st->cell_temperature.value_k : (double)NAN;
    const struct cell_string_param *p = &t->string->cells;
    unsigned n = t->string->module_groups * p->parallel, from = (place - 1) * n;
    double sum = 0.0;
    if (place < 1 || from + n > p->groups * p->parallel)
        return (double)NAN;
    for (unsigned k = 0; k < n; k++)
        sum += st->string.cell[from + k].temperature_k;
    return sum / n;
}

/* ---- Any of them ---- */

double station_v(struct world_station *st, const struct world_wiring *t, double i_a)
{
    if (st->cell_kind == WORLD_STRING)
        return string_v(st, t, i_a);
    if (st->cell_kind == WORLD_REPLAY)
        return st->emf_v + replay_voltage_v(&st->replay, t->replay, i_a);
    return ocv_v(st) + st->emf_v + st->assb.v1_v + i_a * series_ohm(st);
}

double station_a(struct world_station *st, const struct world_wiring *t, double v_v)
{
    if (st->cell_kind == WORLD_STRING)
        return string_a(st, t, v_v);
    if (st->cell_kind == WORLD_REPLAY)
        return replay_current_a(&st->replay, t->replay, v_v - st->emf_v);
    return (v_v - st->emf_v - ocv_v(st) - st->assb.v1_v) / series_ohm(st);
}

void station_fill(struct world_station *st, const struct world_wiring *t)
{
    if (st->cell_kind == WORLD_REPLAY)
        st->press.fill = replay_fill(&st->replay, t->replay);
    else if (st->cell_kind == WORLD_ASSB)
        st->press.fill = assb_fill(st->assb.y);
}

void station_step(struct world_station *st, const struct world_wiring *t, double i_a, double dt_s)
{
    if (st->cell_kind == WORLD_STRING)
        cell_string_step(&st->string, &t->string->cells, i_a, dt_s, st->air_k);
    else if (st->cell_kind == WORLD_REPLAY)
        replay_step(&st->replay, t->replay, i_a, dt_s);
    else if (st->cell_kind == WORLD_ASSB)
        assb_step(&st->assb, &st->assb_param, i_a, dt_s);
    if (st->has_press && (i_a > 0.0 || i_a < 0.0))
        station_fill(st, t);
}

void station_keep(const struct world_station *st, const struct world_wiring *t,
                  struct station_kept *ret)
{
    ret->assb = st->assb;
    ret->replay = st->replay;
    memcpy(ret->cell, st->string.cell, n_cells(st, t) * sizeof ret->cell[0]);
}

void station_put_back(struct world_station *st, const struct world_wiring *t,
                      const struct station_kept *kept)
{
    st->assb = kept->assb;
    st->replay = kept->replay;
    memcpy(st->string.cell, kept->cell, n_cells(st, t) * sizeof kept->cell[0]);
    station_fill(st, t);
}

/* ---- Putting them in ---- */

void world_put_assb(struct world *w, int station, const struct assb_param *param)
{
    struct world_station *st = station_at(w, station);
    if (param)
        st->assb_param = *param;
    else
        assb_param_default(&st->assb_param);
    assb_init(&st->assb, &st->assb_param);
    station_memo_clear(st);
    st->cell_kind = WORLD_ASSB;
    w->wiring[station] = (struct world_wiring){0};
    station_begin(w, station);
}

void world_put_replay(struct world *w, int station, const struct replay_table *table)
{
    struct world_station *st = station_at(w, station);
    replay_init(&st->replay);
    st->cell_kind = WORLD_REPLAY;
    w->wiring[station] = (struct world_wiring){.replay = table};
    station_begin(w, station);
}

void world_put_string(struct world *w, int station, const struct world_string *string,
                      const struct cell_string_state *begin)
{
    struct world_station *st = station_at(w, station);
    const struct cell_string_param *p = &string->cells;
    ASSERT(p->groups <= CELL_STRING_GROUPS_MAX && p->groups * p->parallel <= CELL_STRING_CELLS_MAX);
    memcpy(&st->string, begin, sizeof st->string);
    for (unsigned k = 0; k < p->groups * p->parallel; k++)
        st->string.cell[k].temperature_k = st->air_k;
    st->cell_kind = WORLD_STRING;
    w->wiring[station] = (struct world_wiring){.string = string};
    station_begin(w, station);
}
