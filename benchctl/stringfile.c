/* benchctl/stringfile.c - reading a string of cells of a virtual bench: cells of one kind, whose
 * parameters stand in a file of `benchctl model fit cell`, and what they differ by.
 *
 *   world: {B: {cell: string, model: ../models/leaf-cell.yaml, groups: 6, parallel: 2, seed: 7,
 *               spread: {capacity: 1 %, resistance: 3 %}, differ: [{group: 1, capacity: 90 %}]}}
 */
#include "benchctl/bench_priv.h"
#include "benchctl/cellfile.h"

#include "base/rng.h"

#include <string.h>

#define START_K 298.15 /* until the air around it is known */

struct spread_conf {
    double capacity, resistance;
};
static const struct conf_key spread_keys[] = {
    {.name = "capacity",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0,
     .max = 0.2,
     .offset = CONF_OFFSET(spread_conf, capacity),
     .help = "relative standard deviation from cell to cell"},
    {.name = "resistance",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0,
     .max = 0.5,
     .offset = CONF_OFFSET(spread_conf, resistance),
     .help = "the same, of its logarithm"},
    {0        },
};
static const struct schema spread_schema = {.name = "spread", .keys = spread_keys};

struct differ_conf {
    int32_t group;
    double capacity, resistance, soc;
};
static const struct conf_key differ_keys[] = {
    {.name = "group",
     .type = CONF_INT,
     .required = true,
     .min = 1,
     .max = CELL_STRING_GROUPS_MAX,
     .offset = CONF_OFFSET(differ_conf, group),
     .help = "which one, from 1"},
    {.name = "capacity",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0.1,
     .max = 2,
     .offset = CONF_OFFSET(differ_conf, capacity),
     .help = "times what it would have: 90 % is a weak one"},
    {.name = "resistance",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0.1,
     .max = 10,
     .offset = CONF_OFFSET(differ_conf, resistance),
     .help = "times what it would have"},
    {.name = "charge",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = -1,
     .max = 1,
     .offset = CONF_OFFSET(differ_conf, soc),
     .help = "state of charge above (or below) the others': an imbalance"},
    {0                            },
};
static const struct schema differ_schema = {.name = "differ", .keys = differ_keys};

/* One entry of `differ`: every cell of the group. */
static void differ_read(struct bench *b, const struct conf_node *n, struct bench_string *s,
                        struct diag *reterr)
{
    struct differ_conf c = {.capacity = 1.0, .resistance = 1.0};
    const struct cell_string_param *p = &s->world.cells;

    if (conf_apply(n, &differ_schema, &c, &b->doc, reterr) < 0) {
        return;
    }
    if ((unsigned)c.group > p->groups) {
        diag_at(reterr, E_RANGE, value_pos(n, "group"), "the string has %u groups", p->groups);
        return;
    }
    for (unsigned k = 0; k < p->parallel; k++) {
        struct cell_state *cell = cell_string_at(&s->begin, p, (unsigned)c.group - 1, k);

        cell->own_capacity *= c.capacity;
        cell->own_resistance *= c.resistance;
        cell->soc += c.soc;
        if (cell->soc < 0.0 || cell->soc > 1.0) {
            diag_at(reterr, E_RANGE, value_pos(n, "charge"),
                    "that is below empty or above full where the others begin");
            return;
        }
    }
}

static void cells_differ(struct bench *b, const struct world_station_conf *w,
                         struct bench_string *s, struct diag *reterr)
{
    struct spread_conf spread = {0};
    const struct conf_node *list = w->string.differ;
    struct rng rng;

    if (w->string.spread &&
        conf_apply(w->string.spread, &spread_schema, &spread, &b->doc, reterr) < 0) {
        return;
    }
    rng_seed(&rng, (uint64_t)w->seed, 1);
    cell_string_spread(&s->begin, &s->world.cells, &rng, spread.capacity, spread.resistance, 0.0,
                       0.0);
    if (list && list->kind != CONF_SEQ) {
        diag_at(reterr, E_SYNTAX, &list->pos, "`differ` is a list: [{group: 1, capacity: 90 %%}]");
        return;
    }
    for (const struct conf_node *n = list ? list->first : NULL; n; n = n->next) {
        differ_read(b, n, s, reterr);
    }
}

static int shape_read(const struct world_station_conf *w, const struct conf_node *n,
                      struct bench_string *s, struct diag *reterr)
{
    struct cell_string_param *p = &s->world.cells;

    p->groups = (unsigned)w->string.groups;
    p->parallel = (unsigned)w->string.parallel;
    s->world.module_groups =
        w->string.module_groups ? (unsigned)w->string.module_groups : p->groups;
    s->world.lead_ohm = w->string.lead_ohm;
    if (p->groups * p->parallel > CELL_STRING_CELLS_MAX) {
        return diag_at(reterr, E_FULL, value_pos(n, "groups"), "a string has at most %d cells",
                       CELL_STRING_CELLS_MAX);
    }
    if (p->groups % s->world.module_groups != 0) {
        return diag_at(reterr, E_INVALID, value_pos(n, "module"),
                       "%u groups do not make whole modules of %u", p->groups,
                       s->world.module_groups);
    }
    return 0;
}

/* What a station measures has to be there. */
static void check_points(const struct bench *b, int station, const struct conf_node *n,
                         const struct world_string *s, struct diag *reterr)
{
    const struct bench_station *st = &b->station[station];
    unsigned places = s->cells.groups / s->module_groups;

    if (st->n_groups > s->cells.groups) {
        diag_at(reterr, E_RANGE, value_pos(n, "groups"),
                "station `%s` measures %u groups, the string has %u", st->name,
                (unsigned)st->n_groups, s->cells.groups);
    }
    if (st->n_places > places) {
        diag_at(reterr, E_RANGE, value_pos(n, "module"),
                "station `%s` measures %u modules, the string has %u", st->name,
                (unsigned)st->n_places, places);
    }
}

void string_read(struct bench *b, int station, const struct conf_node *n, struct diag *reterr)
{
    const struct world_station_conf *w = &b->world[station];

    if (!w->string.model) {
        diag_at(reterr, E_INVALID, &n->key_pos, "a string needs the model of its cells");
        diag_hint(reterr, "model: FILE, as `benchctl model fit cell` writes it");
        return;
    }
    const char *path = path_beside(&b->arena, b->doc.file, w->string.model);
    struct cell_file file = {0};
    struct diag why;
    diag_init(&why);
    int r = cell_file_read(path, &file, &why);
    if (r < 0) {
        r = cell_file_read(path, &file, reterr); /* again, for what is wrong in it */
        diag_at(reterr, r, value_pos(n, "model"), "no cell can be made from %s", path);
        return;
    }
    struct bench_string *s = arena_alloc(&b->arena, sizeof *s);
    memset(s, 0, sizeof *s);
    s->cell = file.param;
    s->world.cells.cell = &s->cell;
    cell_file_done(&file);
    if (shape_read(w, n, s, reterr) < 0) {
        return;
    }
    cell_string_init(&s->begin, &s->world.cells, w->string.soc, START_K);
    cells_differ(b, w, s, reterr);
    check_points(b, station, n, &s->world, reterr);
    b->string[station] = s;
}
