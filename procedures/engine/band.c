/* procedures/engine/band.c - `model:` of a procedure: a cell model that is followed while it runs,
 * and the band that the cell is expected in.
 *
 * The engine knows no models. It knows the group `model`, which whoever drives the run feeds after
 * each sample of the cycler: model.voltage and model.residual (measured less modelled). */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

#define BAND_LEAST_V 1e-6
#define BAND_MOST_V  1e3

static void model_name(struct comp *c, const struct conf_node *map)
{
    const struct conf_node *of = conf_get(map, "of");

    if (!of && c->in->article)
        of = conf_get(c->in->article->node, "model");
    if (of && of->kind == CONF_SCALAR && of->text[0]) {
        c->p->model.of = text_str(c, of->text);
    } else if (of) {
        FAIL(c, E_SYNTAX, &of->pos, "`of` is the name of a cell model");
    } else if (c->open_article) {
        comp_open(c, "article.model");
        c->p->model.of = text_str(c, "");
    } else {
        FAIL(c, E_NOENT, &map->pos, "which model? the article %s names none either",
             c->in->article->name);
        HINT(c, "model: {of: leaf-cell, band: 50 mV}");
    }
}

static void model_start(struct comp *c, const struct conf_node *n)
{
    struct prog_model *m = &c->p->model;

    if (!n || (n->kind == CONF_SCALAR && strcmp(n->text, "from ocv") == 0)) {
        m->start = MODEL_FROM_OCV;
    } else if (n->kind == CONF_SCALAR && strcmp(n->text, "fresh") == 0) {
        m->start = MODEL_FRESH;
    } else if (const_of(c, n, TYPE_OF(DIMS_NONE), "start", &m->soc)) {
        m->start = MODEL_AT_SOC;
        if (!(m->soc >= 0.0 && m->soc <= 1.0)) {
            FAIL(c, E_RANGE, &n->pos, "a model starts at a state of charge from 0 to 1");
            HINT(c, "or `start: from ocv`, or `start: fresh`");
        }
    }
}

void compile_model(struct comp *c, const struct conf_node *map)
{
    static const char *const keys[] = {"of", "band", "start", NULL};
    struct prog_model *m = &c->p->model;
    const struct conf_node *band;

    if (!map)
        return;
    if (map->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &map->pos, "`model` is a map: {of: leaf-cell, band: 50 mV}");
        return;
    }
    check_keys(c, map, keys, "`model`");
    if (c->open_station && station_find(&c->p->station, MODEL_VOLTAGE) == CHAN_NONE)
        (void)station_add_model(&c->p->station);
    if (station_find(&c->p->station, MODEL_VOLTAGE) == CHAN_NONE)
        FAIL(c, E_INVALID, &map->key_pos,
             "a model follows cell.voltage and cell.current, which this station does not measure");
    model_name(c, map);
    band = conf_get(map, "band");
    if (!band) {
        FAIL(c, E_INVALID, &map->pos, "a model needs its band: how far the cell may be from it");
        HINT(c, "band: 50 mV");
    } else if (const_of(c, band, TYPE_OF(DIMS_VOLTAGE), "the band of a model", &m->band_v) &&
               !(m->band_v >= BAND_LEAST_V && m->band_v <= BAND_MOST_V)) {
        FAIL(c, E_RANGE, &band->pos, "a band is a voltage above zero");
    }
    model_start(c, conf_get(map, "start"));
}
