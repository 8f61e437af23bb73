/* drivers/virtual/world.c - couples articles, press and chambers, and moves them through time.
 *
 * Three loops inside each other: whole seconds for what the air does; the press while it moves; the
 * cell, cut where its current changes. Signs inside are the cell's own; the wiring (reversed) is
 * applied on the way to and from the terminals.
 */
#include "drivers/virtual/world_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

#define AIR_STEP_S   1.0
#define HELD_STEP_S  0.25
#define PRESS_STEP_S 0.05
#define CROSSING_S   1e-4
#define COMPLIANCE_V 100.0 /* the most that a source rises to when it senses nothing */
#define CELL_TAU_S   1200.0
#define NO_CHAMBER   255

struct box {
    double v_min, v_max, i_min, i_max;
    bool current_source;
};

struct point {
    double i_a, v_v; /* in the cell's signs */
    uint8_t limit;
};

/* ---- Building ---------------------------------------------------------------------------------
 */

void world_init(struct world *w, double ambient_k)
{
    /* Worlds are compared byte for byte: every byte has a value, padding too, and later stores go
     * by member. */
    memset(w, 0, sizeof *w);
    w->ambient_k = ambient_k;
}

int world_add_chamber(struct world *w, const struct chamber_param *param, double start_k)
{
    if (w->n_chambers >= WORLD_CHAMBERS_MAX)
        return E_FULL;
    struct world_chamber *c = &w->chamber[w->n_chambers];
    if (param)
        c->param = *param;
    else
        chamber_param_default(&c->param);
    c->state.air_k = start_k;
    return w->n_chambers++;
}

static double air_k(const struct world *w, const struct world_station *st)
{
    return st->chamber == NO_CHAMBER ? w->ambient_k : w->chamber[st->chamber].state.air_k;
}

int world_add_station(struct world *w, int chamber)
{
    if (w->n_stations >= WORLD_STATIONS_MAX)
        return E_FULL;
    if (chamber >= w->n_chambers)
        return E_NOENT;
    struct world_station *st = &w->station[w->n_stations];
    st->chamber = chamber < 0 ? NO_CHAMBER : (uint8_t)chamber;
    st->air_k = st->cell_temperature.value_k = air_k(w, st);
    st->cell_temperature.tau_s = CELL_TAU_S;
    st->cut = w->watchdog_dropped;
    station_memo_clear(st);
    return w->n_stations++;
}

int world_add_port(struct world *w, enum port_kind kind, int station_or_chamber)
{
    int there = kind == PORT_CHAMBER ? w->n_chambers : w->n_stations;
    if (kind == PORT_RELAY)
        station_or_chamber = 0;
    else if (station_or_chamber < 0 || station_or_chamber >= there)
        return E_NOENT;
    if (w->n_ports >= WORLD_PORTS_MAX)
        return E_FULL;
    struct world_port *p = &w->port[w->n_ports];
    p->kind = (uint8_t)kind;
    p->station = (uint8_t)station_or_chamber;
    p->used = 1;
    p->probe.of = p->station;
    p->probe.index = 1;
    return w->n_ports++;
}

/* ---- Source and cell ---------------------------------------------------------------------------
 */

static struct box box_of(const struct world_station *st)
{
    const struct port_drive *d = &st->source;
    struct box b = {.v_min = d->v_min,
                    .v_max = d->v_max,
                    .i_min = d->i_min + st->astray_a,
                    .i_max = d->i_max + st->astray_a};
    if (st->open_sense == SENSE_DEAD && b.v_min < b.v_max) { /* never sees a limit */
        b.v_min = -COMPLIANCE_V;
        b.v_max = COMPLIANCE_V;
    } else if (st->open_sense == SENSE_DEAD) { /* never sees its level */
        b.v_min = b.v_max = b.v_max > 0.0 ? COMPLIANCE_V : b.v_max < 0.0 ? -COMPLIANCE_V : 0.0;
    }
    if (st->reversed)
        b = (struct box){
            .v_min = -b.v_max, .v_max = -b.v_min, .i_min = -b.i_max, .i_max = -b.i_min};
    b.current_source = b.i_min >= b.i_max && b.v_min < b.v_max;
    return b;
}

static bool is_connected(const struct world_station *st)
{
    return st->source.on && !st->cut;
}

static double within(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

/* Nothing is connected: a source that is on goes to its own limit. */
static struct point point_empty(const struct world_station *st)
{
    const struct port_drive *d = &st->source;
    struct point p = {0};
    if (!is_connected(st))
        return p;
    double wanted_v = d->i_min > 0.0   ? d->v_max
                      : d->i_max < 0.0 ? d->v_min
                                       : within(0.0, d->v_min, d->v_max);
    p.v_v = st->reversed ? -wanted_v : wanted_v;
    p.limit = 'V';
    return p;
}

static struct point point_held(struct world_station *st, const struct world_wiring *t,
                               const struct box *b, double v_v)
{
    struct point p = {.i_a = station_a(st, t, v_v), .v_v = v_v, .limit = 'V'};
    if (b->current_source || (p.i_a >= b->i_min && p.i_a <= b->i_max))
        return p;
    p.i_a = within(p.i_a, b->i_min, b->i_max);
    p.v_v = station_v(st, t, p.i_a);
    p.limit = 'I';
    return p;
}

/* From no current, or as near to none as the box allows, the source moves only as far as its limits
 * make it. */
static struct point point_find(struct world_station *st, const struct world_wiring *t)
{
    if (st->cell_kind == WORLD_NO_CELL || st->open_lead)
        return point_empty(st);
    if (!is_connected(st) || st->open_force)
        return (struct point){.v_v = station_v(st, t, 0.0)};

    struct box b = box_of(st);
    struct point p = {.i_a = within(0.0, b.i_min, b.i_max)};
    p.v_v = station_v(st, t, p.i_a);
    if (p.v_v > b.v_max)
        return point_held(st, t, &b, b.v_max);
    if (p.v_v < b.v_min)
        return point_held(st, t, &b, b.v_min);
    if (b.v_min >= b.v_max)
        p.limit = 'V';
    else if (p.i_a <= b.i_min || p.i_a >= b.i_max)
        p.limit = 'I';
    return p;
}

static void point_note(struct world_station *st, const struct point *p)
{
    st->limit = p->limit;
    st->current_a = st->reversed ? 0.0 - p->i_a : p->i_a;
    st->voltage_v = st->reversed ? 0.0 - p->v_v : p->v_v;
    st->current_peak_a = fmax(st->current_peak_a, st->current_a);
    st->current_low_a = fmin(st->current_low_a, st->current_a);
    st->voltage_peak_v = fmax(st->voltage_peak_v, st->voltage_v);
    st->voltage_low_v = fmin(st->voltage_low_v, st->voltage_v);
    if (st->has_press)
        st->pressure_peak_pa =
            fmax(st->pressure_peak_pa, press_stack_pa(&st->press, &st->press_param));
}

static void charge_count(struct world_station *st, double i_a, double dt_s)
{
    double passed_c = (st->reversed ? -i_a : i_a) * dt_s;
    if (passed_c > 0.0)
        st->charge_in_c += passed_c;
    else
        st->charge_out_c -= passed_c;
}

/* While a voltage is held the current moves: the step is made with the current of its middle, which
 * is second order. */
static double held_current_a(struct world_station *st, const struct world_wiring *t, double i_a,
                             double dt_s)
{
    struct station_kept kept;
    station_keep(st, t, &kept);
    station_step(st, t, i_a, dt_s / 2.0);
    struct point middle = point_find(st, t);
    station_put_back(st, t, &kept);
    /* A replay cell would jump to its other branch. */
    bool turned = st->cell_kind == WORLD_REPLAY && middle.i_a * i_a < 0.0;
    return turned ? 0.0 : middle.i_a;
}

static bool point_left(const struct point *was, const struct point *is)
{
    return is->limit != was->limit || is->i_a > was->i_a || is->i_a < was->i_a;
}

/* Steps with the constant current of *p, at most dt_s and no farther than to where another limit
 * takes over; returns the time used, *p is where it ends. */
static double constant_step_s(struct world_station *st, const struct world_wiring *t,
                              struct point *p, double dt_s)
{
    struct station_kept kept;
    station_keep(st, t, &kept);
    struct point was = *p;
    station_step(st, t, was.i_a, dt_s);
    *p = point_find(st, t);
    if (!point_left(&was, p))
        return dt_s;

    double before_s = 0.0, after_s = dt_s;
    while (after_s - before_s > CROSSING_S) {
        double middle_s = 0.5 * (before_s + after_s);
        station_put_back(st, t, &kept);
        station_step(st, t, was.i_a, middle_s);
        struct point middle = point_find(st, t);
        if (point_left(&was, &middle))
            after_s = middle_s;
        else
            before_s = middle_s;
    }
    station_put_back(st, t, &kept);
    station_step(st, t, was.i_a, after_s);
    *p = point_find(st, t);
    return after_s;
}

/* ---- Time
 * ---------------------------------------------------------------------------------------- */

static void cell_advance(struct world_station *st, const struct world_wiring *t, double dt_s)
{
    struct point p = point_find(st, t);
    point_note(st, &p);
    for (double left_s = dt_s; left_s > 0.0;) {
        double used_s = left_s, i_a = p.i_a;
        if (p.limit == 'V' && st->cell_kind != WORLD_NO_CELL && !st->open_lead) {
            used_s = fmin(left_s, HELD_STEP_S);
            i_a = held_current_a(st, t, i_a, used_s);
            station_step(st, t, i_a, used_s);
            p = point_find(st, t);
        } else if (p.limit == 0) {
            station_step(st, t, i_a, used_s);
            p = point_find(st, t);
        } else {
            used_s = constant_step_s(st, t, &p, used_s);
        }
        charge_count(st, i_a, used_s);
        point_note(st, &p);
        left_s -= used_s;
    }
}

static bool press_moves(const struct world_station *st)
{
    double off_pa = within(st->press.set_pa, 0.0, st->press_param.supply_pa) - st->press.gauge_pa;
    return st->has_press && !st->jammed && (off_pa > 0.0 || off_pa < 0.0);
}

static void station_advance(struct world_station *st, const struct world_wiring *t, double dt_s)
{
    for (double left_s = dt_s; left_s > 0.0;) {
        double used_s = left_s;
        if (press_moves(st)) {
            used_s = fmin(left_s, PRESS_STEP_S);
            press_step(&st->press, &st->press_param, used_s);
        }
        cell_advance(st, t, used_s);
        left_s -= used_s;
    }
}

static void air_advance(struct world *w, double dt_s)
{
    double before_k[WORLD_CHAMBERS_MAX];
    for (int k = 0; k < w->n_chambers; k++) {
        struct world_chamber *c = &w->chamber[k];
        before_k[k] = c->state.air_k;
        if (c->jammed)
            continue;
        chamber_step(&c->state, &c->param, c->drive.on && !w->watchdog_dropped, c->drive.set,
                     w->ambient_k, dt_s);
    }
    for (int s = 0; s < w->n_stations; s++) {
        struct world_station *st = &w->station[s];
        double to_k = air_k(w, st);
        if (st->chamber != NO_CHAMBER)
            to_k = 0.5 * (to_k + before_k[st->chamber]);
        st->air_k = to_k;
        thermal_lag_step(&st->cell_temperature, to_k, dt_s);
    }
}

static void air_jam(struct world_chamber *c, double air_k)
{
    c->state.air_k = air_k;
    c->jammed = 1;
}

static void mishap_do(struct world *w, struct world_station *st)
{
    const struct world_mishap m = st->mishap;

    st->mishap.kind = MISHAP_NONE;
    switch ((enum world_mishap_kind)m.kind) {
    case MISHAP_NONE: break;
    case MISHAP_EMF: st->emf_v += m.value; break;
    case MISHAP_PRESSURE:
        st->press.gauge_pa = m.value;
        st->jammed = 1;
        break;
    case MISHAP_AIR:
        if (st->chamber != NO_CHAMBER)
            air_jam(&w->chamber[st->chamber], m.value);
        break;
    case MISHAP_SENSE: st->open_sense = (uint8_t)m.value; break;
    case MISHAP_LEAD: st->open_force = 1; break;
    case MISHAP_CURRENT: st->astray_a = m.value; break;
    case MISHAP_COUNT: break;
    }
}

void world_mend(struct world *w, int station)
{
    struct world_station *st = &w->station[station];

    st->emf_v = st->astray_a = 0.0;
    st->jammed = 0;
    st->open_sense = SENSE_WIRED;
    st->open_force = 0;
    if (st->chamber != NO_CHAMBER)
        w->chamber[st->chamber].jammed = 0;
}

/* The first mishap that is due up to `now`; NULL: none. */
static struct world_station *mishap_due(struct world *w, nsec now)
{
    struct world_station *first = NULL;

    for (int s = 0; s < w->n_stations; s++) {
        struct world_station *st = &w->station[s];
        if (st->mishap.kind != MISHAP_NONE && st->mishap.at <= now &&
            (!first || st->mishap.at < first->mishap.at))
            first = st;
    }
    return first;
}

static void load_note(struct world *w)
{
    for (int s = 0; s < w->n_stations; s++) {
        struct world_station *st = &w->station[s];
        if (fabs(st->current_a) > st->load_a)
            st->load_until = w->now;
    }
}

static void advance(struct world *w, nsec now)
{
    if (now <= w->now)
        return;
    double left_s = (double)(now - w->now) * 1e-9 * (1.0 + w->drift);
    w->now = now;
    while (left_s > 0.0) {
        double used_s = fmin(left_s, AIR_STEP_S);
        air_advance(w, used_s);
        for (int s = 0; s < w->n_stations; s++)
            station_advance(&w->station[s], &w->wiring[s], used_s);
        left_s -= used_s;
    }
    load_note(w);
}

void world_advance(struct world *w, nsec now)
{
    struct world_station *st;

    while ((st = mishap_due(w, now)) != NULL) {
        advance(w, st->mishap.at);
        mishap_do(w, st);
    }
    advance(w, now);
}

/* ---- Putting things in
 * --------------------------------------------------------------------------- */

struct world_station *station_at(struct world *w, int station)
{
    ASSERT(station >= 0 && station < w->n_stations);
    return &w->station[station];
}

void station_begin(struct world *w, int station)
{
    struct world_station *st = &w->station[station];
    st->charge_in_c = st->charge_out_c = 0.0;
    station_fill(st, &w->wiring[station]);
    struct point p = point_find(st, &w->wiring[station]);
    double v_v = st->reversed ? -p.v_v : p.v_v;
    st->current_peak_a = st->current_low_a = 0.0;
    st->voltage_peak_v = st->voltage_low_v = v_v;
    st->pressure_peak_pa = 0.0;
    point_note(st, &p);
}

void world_put_press(struct world *w, int station, const struct press_param *param)
{
    struct world_station *st = station_at(w, station);
    if (param)
        st->press_param = *param;
    else
        press_param_default(&st->press_param);
    st->press.gauge_pa = st->press.set_pa = 0.0;
    st->has_press = 1;
    station_begin(w, station);
}

/* ---- The emulators' door
 * ------------------------------------------------------------------------- */

static void drive_copy(struct port_drive *to, const struct port_drive *from)
{
    to->on = from->on;
    to->v_max = from->v_max;
    to->v_min = from->v_min;
    to->i_max = from->i_max;
    to->i_min = from->i_min;
    to->set = from->set;
}

static void source_drive(struct world *w, int station, const struct port_drive *drive)
{
    struct world_station *st = &w->station[station];
    drive_copy(&st->source, drive);
    struct point p = point_find(st, &w->wiring[station]);
    point_note(st, &p);
}

void world_watchdog(struct world *w, bool dropped)
{
    w->watchdog_dropped = dropped;
    for (int s = 0; s < w->n_stations; s++) {
        struct world_station *st = &w->station[s];
        st->cut = dropped;
        struct point p = point_find(st, &w->wiring[s]);
        point_note(st, &p);
    }
}

void world_drive(void *world, uint16_t port, nsec now, const struct port_drive *drive)
{
    struct world *w = world;
    ASSERT(port < w->n_ports);
    world_advance(w, now);
    const struct world_port *p = &w->port[port];
    switch ((enum port_kind)p->kind) {
    case PORT_SOURCE: source_drive(w, p->station, drive); break;
    case PORT_CHAMBER: drive_copy(&w->chamber[p->station].drive, drive); break;
    case PORT_PRESSURE: w->station[p->station].press.set_pa = drive->set; break;
    case PORT_RELAY: world_watchdog(w, !drive->on); break;
    case PORT_FORCE:
    case PORT_SENSE:
    case PORT_PROBE: break; /* they only sense */
    }
}

static void source_sense(struct world *w, int station, struct port_sense *s)
{
    struct world_station *st = &w->station[station];
    /* Found again, not remembered: wiring faults may have been switched since. */
    struct point p = point_find(st, &w->wiring[station]);
    point_note(st, &p);
    s->voltage_v = s->value = st->voltage_v;
    s->current_a = st->current_a;
    s->limit = st->limit;
    s->open = st->cell_kind == WORLD_NO_CELL || st->open_lead;
    if (st->open_sense == SENSE_DEAD)
        s->voltage_v = s->value = 0.0;
    else if (st->open_sense == SENSE_FLOATS && is_connected(st) &&
             st->source.v_min >= st->source.v_max)
        s->voltage_v = s->value = st->source.v_max;
}

double world_cell_v(struct world *w, int station)
{
    struct world_station *st = station_at(w, station);
    const struct world_wiring *t = &w->wiring[station];

    if (st->cell_kind == WORLD_NO_CELL)
        return (double)NAN;
    return st->open_lead ? station_v(st, t, 0.0) : point_find(st, t).v_v;
}

double world_group_v(struct world *w, int station, unsigned group)
{
    struct world_station *st = station_at(w, station);
    const struct world_wiring *t = &w->wiring[station];

    if (st->cell_kind != WORLD_STRING)
        return group == 1 ? world_cell_v(w, station) : (double)NAN;
    return station_group_v(st, t, group, st->open_lead ? 0.0 : point_find(st, t).i_a);
}

double world_place_k(struct world *w, int station, unsigned place)
{
    return station_place_k(station_at(w, station), &w->wiring[station], place);
}

void world_sense(void *world, uint16_t port, nsec now, struct port_sense *ret_sense)
{
    struct world *w = world;
    ASSERT(port < w->n_ports);
    world_advance(w, now);
    const struct world_port *p = &w->port[port];
    const struct world_station *st = &w->station[p->kind == PORT_CHAMBER ? 0 : p->station];
    struct port_sense s = {0};
    switch ((enum port_kind)p->kind) {
    case PORT_SOURCE: source_sense(w, p->station, &s); break;
    case PORT_CHAMBER: s.value = w->chamber[p->station].state.air_k; break;
    case PORT_PRESSURE:
        s.value = st->press.gauge_pa + st->gauge_offset_pa;
        s.open = !st->has_press;
        break;
    case PORT_FORCE:
        s.value = st->force_offset_n;
        if (st->has_press && !st->force_stuck)
            s.value += press_force_n(&st->press, &st->press_param);
        s.open = !st->has_press;
        break;
    case PORT_SENSE: s.value = world_place_k(w, p->station, 1); break;
    case PORT_PROBE:
        s.value = world_probe(w, port, now);
        s.open = isnan(s.value);
        s.value = s.open ? 0.0 : s.value;
        break;
    case PORT_RELAY: s.value = w->watchdog_dropped ? 0.0 : 1.0; break;
    }
    if (p->open) {
        s.value = 0.0;
        s.open = true;
    }
    *ret_sense = s;
}
