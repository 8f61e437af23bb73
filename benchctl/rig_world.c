/* benchctl/rig_world.c - the world behind a virtual bench: what its stations hold and where its
 * instruments are wired to.
 */
#include "benchctl/rig_priv.h"

#include <math.h>

static void wire(struct rig *r, struct wired *w, enum port_kind kind, int of)
{
    int port = world_add_port(r->world, kind, of);
    ASSERT(port >= 0); /* a bench has fewer than the world */
    w->port[w->n++] = (uint16_t)port;
}

static void put_press(struct world *w, int ws, const struct bench_station *st)
{
    struct press_param p;
    press_param_default(&p);
    p.piston_m = st->piston_m;
    p.cell_area_m2 = st->cell_area_m2;
    world_put_press(w, ws, &p);
}

static void put_cell(const struct bench *b, struct world *w, int s, int ws)
{
    struct assb_param p;

    switch ((enum bench_cell)b->world[s].cell) {
    case CELL_NONE: break;
    case CELL_ASSB:
        world_cell(&b->world[s], &p);
        world_put_assb(w, ws, &p);
        break;
    case CELL_REPLAY: world_put_replay(w, ws, &b->replay[s]); break;
    case CELL_STRING: world_put_string(w, ws, &b->string[s]->world, &b->string[s]->begin); break;
    }
}

static void add_chambers(const struct bench *b, struct world *w, int *chamber_of)
{
    for (int i = 0; i < b->n_insts; i++) {
        chamber_of[i] = -1;
    }
    for (int s = 0; s < b->n_stations; s++) {
        uint8_t c = b->station[s].chamber;
        struct chamber_param p;

        if (c == INST_NONE || chamber_of[c] >= 0) {
            continue;
        }
        chamber_param_default(&p);
        chamber_of[c] =
            world_add_chamber(w, &p, isnan(b->chamber_start_k) ? b->ambient_k : b->chamber_start_k);
    }
}

/* Stations of the world are numbered as those of the bench. */
static int add_station(struct rig *r, int s, const int *chamber_of, struct wired *ports,
                       struct diag *reterr)
{
    const struct bench *b = r->bench;
    const struct bench_station *st = &b->station[s];
    struct world *w = r->world;
    int ws = world_add_station(w, st->chamber != INST_NONE ? chamber_of[st->chamber] : -1);

    if (ws < 0) {
        return diag_add(reterr, E_FULL, "the world has no room for station `%s`", st->name);
    }
    if (st->regulator != INST_NONE) {
        put_press(w, ws, st);
        wire(r, &ports[st->regulator], PORT_PRESSURE, ws);
        wire(r, &ports[st->force], PORT_FORCE, ws);
    }
    put_cell(b, w, s, ws);
    w->drift = b->world[s].drift;
    if (st->cycler != INST_NONE) {
        wire(r, &ports[st->cycler], PORT_SOURCE, ws);
    }
    return 0;
}

int rig_open_world(struct rig *r, struct wired *ports, struct diag *reterr)
{
    const struct bench *b = r->bench;
    int chamber_of[BENCH_INSTS_MAX];

    world_init(r->world, b->ambient_k);
    add_chambers(b, r->world, chamber_of);
    for (int s = 0; s < b->n_stations; s++) {
        int e = add_station(r, s, chamber_of, ports, reterr);

        if (e < 0) {
            return e;
        }
    }
    for (int i = 0; i < b->n_insts; i++) {
        if (chamber_of[i] >= 0) {
            wire(r, &ports[i], PORT_CHAMBER, chamber_of[i]);
        }
    }
    if (b->watchdog.there) {
        wire(r, &ports[b->watchdog.inst], PORT_RELAY, 0);
    }
    return 0;
}

void rig_restored(struct rig *r)
{
    const struct bench *b = r->bench;

    if (!r->world) {
        return;
    }
    for (int s = 0; s < b->n_stations && s < WORLD_STATIONS_MAX; s++) {
        enum bench_cell cell = (enum bench_cell)b->world[s].cell;

        r->world->wiring[s] =
            (struct world_wiring){.replay = cell == CELL_REPLAY ? &b->replay[s] : NULL,
                                  .string = cell == CELL_STRING ? &b->string[s]->world : NULL};
    }
}
