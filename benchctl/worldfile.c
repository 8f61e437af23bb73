/* benchctl/worldfile.c - reading the `world:` of a virtual bench: cells, their recordings, the
 * room.
 */
#include "benchctl/bench_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

static const char *const cell_names[] = {"none", "assb-lab-cell", "replay", "string", NULL};
static const char *const error_names[] = {"drawn", "none", NULL};
static const struct conf_key world_station_keys[] = {
    {.name = "cell",
     .type = CONF_ENUM,
     .required = true,
     .choices = cell_names,
     .offset = CONF_OFFSET(world_station_conf, cell),
     .help = "assb-lab-cell, replay, string or none"},
    {.name = "seed",
     .type = CONF_INT,
     .min = 0,
     .max = 2147483647,
     .offset = CONF_OFFSET(world_station_conf, seed),
     .help = "draws instrument errors and noise"},
    {.name = "errors",
     .type = CONF_ENUM,
     .choices = error_names,
     .offset = CONF_OFFSET(world_station_conf, errors),
     .help = "drawn from the stated accuracy, or none (ideal instruments)"},
    {.name = "drift",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = -0.01,
     .max = 0.01,
     .offset = CONF_OFFSET(world_station_conf, drift),
     .help = "clock of the world against ours; 0.0001 is 100 ppm"},
    {.name = "recording",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(world_station_conf, recording),
     .help = "replay: the recorded file"},
    {.name = "cycle",
     .type = CONF_INT,
     .min = 0,
     .max = 100000,
     .offset = CONF_OFFSET(world_station_conf, cycle),
     .help = "replay: its rows with this cycle number"},
    {.name = "resistance",
     .type = CONF_QTY,
     .dims = {.m = 2, .kg = 1, .s = -3, .a = -2},
     .min = 0,
     .max = 1000,
     .offset = CONF_OFFSET(world_station_conf, resistance_ohm),
     .help = "replay: series resistance taken out of the recording and put back"},
    {.name = "model",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(world_station_conf, string.model),
     .help = "string: parameter file of its cells"},
    {.name = "groups",
     .type = CONF_INT,
     .min = 1,
     .max = CELL_STRING_GROUPS_MAX,
     .offset = CONF_OFFSET(world_station_conf, string.groups),
     .help = "string: groups in series; 1 if absent"},
    {.name = "parallel",
     .type = CONF_INT,
     .min = 1,
     .max = 1000000,
     .offset = CONF_OFFSET(world_station_conf, parallel),
     .help = "cells of a group of a string; of an assb-lab-cell so many side by side, for instruments that do not see milliamperes; 1 if absent"},
    {.name = "module",
     .type = CONF_INT,
     .min = 1,
     .max = CELL_STRING_GROUPS_MAX,
     .offset = CONF_OFFSET(world_station_conf, string.module_groups),
     .help = "string: groups of a module, which has one temperature; all if absent"},
    {.name = "leads",
     .type = CONF_QTY,
     .dims = DIM_RESISTANCE,
     .min = 0,
     .max = 10,
     .offset = CONF_OFFSET(world_station_conf, string.lead_ohm),
     .help = "string: of bars and leads between the groups, in all"},
    {.name = "charge",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0,
     .max = 1,
     .offset = CONF_OFFSET(world_station_conf, string.soc),
     .help = "string: state of charge at the beginning; 50 % if absent"},
    {.name = "spread",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(world_station_conf, string.spread),
     .help = "string: {capacity, resistance}: deviations from cell to cell, drawn by the seed"},
    {.name = "differ",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(world_station_conf, string.differ),
     .help =
         "string: [{group, capacity, resistance, charge}]: groups that are not like the others"},
    {0},
};
static const struct schema world_station_schema = {.name = "world", .keys = world_station_keys};

struct world_chamber_conf {
    double ambient_k, start_k;
};
static const struct conf_key world_chamber_keys[] = {
    {.name = "ambient",
     .type = CONF_QTY,
     .dims = {.k = 1},
     .point = true,
     .min = 200,
     .max = 350,
     .offset = CONF_OFFSET(world_chamber_conf, ambient_k),
     .help = "the room"},
    {.name = "start",
     .type = CONF_QTY,
     .dims = {.k = 1},
     .point = true,
     .min = 200,
     .max = 450,
     .offset = CONF_OFFSET(world_chamber_conf, start_k),
     .help = "air at the beginning; the room's if absent"},
    {0       },
};
static const struct schema world_chamber_schema = {.name = "world", .keys = world_chamber_keys};

static void load_replay(struct bench *b, int station, const struct conf_node *n,
                        struct diag *reterr)
{
    struct world_station_conf *w = &b->world[station];
    if (!w->recording) {
        diag_at(reterr, E_INVALID, &n->key_pos, "a replay cell needs its recording");
        diag_hint(reterr, "recording: FILE, cycle: N, resistance: R");
        return;
    }
    const char *path = path_beside(&b->arena, b->doc.file, w->recording);
    char *text = NULL;
    size_t size = 0;
    int r = file_read(path, 256U << 20, &text, &size);
    if (r < 0) {
        diag_at(reterr, r, value_pos(n, "recording"), "%s: %s", path, err_text(r));
        return;
    }
    r = replay_from_csv(path, text, size, w->cycle, w->resistance_ohm, &b->arena,
                        &b->replay[station], reterr);
    if (r < 0) {
        diag_at(reterr, r, value_pos(n, "recording"), "no cell can be made from %s", path);
    }
    heap_free(text);
}

void world_cell(const struct world_station_conf *w, struct assb_param *ret)
{
    double n = w->parallel > 1 ? (double)w->parallel : 1.0;

    assb_param_default(ret);
    ret->charge_per_y_c *= n;
    ret->r_bulk_ohm /= n;
    ret->r_contact_ohm /= n;
    ret->r1_ohm /= n;
}

static void read_station(struct bench *b, int station, const struct conf_node *n,
                         struct diag *reterr)
{
    struct world_station_conf *w = &b->world[station];

    w->cell_node = n;
    w->string.groups = 1;
    w->string.soc = 0.5;
    if (conf_apply(n, &world_station_schema, w, &b->doc, reterr) < 0) {
        return;
    }
    if (w->cell == CELL_REPLAY) {
        load_replay(b, station, n, reterr);
    } else if (w->cell == CELL_STRING) {
        w->string.parallel = w->parallel > 1 ? w->parallel : 1;
        string_read(b, station, n, reterr);
    }
}

void world_read(struct bench *b, const struct conf_node *map, struct diag *reterr)
{
    b->has_world = true;
    for (const struct conf_node *n = map->first; n; n = n->next) {
        int s = bench_find_station(b, n->key);
        int i = bench_find_inst(b, n->key);
        if (s >= 0) {
            read_station(b, s, n, reterr);
        } else if (i >= 0) {
            struct world_chamber_conf c = {.ambient_k = b->ambient_k, .start_k = NAN};
            if (conf_apply(n, &world_chamber_schema, &c, &b->doc, reterr) == 0) {
                b->ambient_k = c.ambient_k;
                b->chamber_start_k = c.start_k;
            }
        } else {
            diag_at(reterr, E_NOENT, &n->key_pos,
                    "there is neither a station nor an instrument `%s`", n->key);
        }
    }
}
