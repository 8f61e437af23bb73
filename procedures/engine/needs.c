/* procedures/engine/needs.c - what a procedure asks of its surroundings: the article and the roles
 * of the station. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* ---- Article ---- */

static bool node_is(const struct conf_node *n, const char *word)
{
    return n->kind == CONF_SCALAR && strcmp(n->text, word) == 0;
}

/* Is `word` the scalar, or in the list? */
static bool node_lists(const struct conf_node *n, const char *word)
{
    if (n->kind == CONF_SCALAR)
        return node_is(n, word);
    for (const struct conf_node *i = n->first; i; i = i->next)
        if (node_is(i, word))
            return true;
    return false;
}

static void check_kind(struct comp *c, const struct conf_node *kind)
{
    const struct conf_node *first = kind->kind == CONF_SEQ ? kind->first : kind;

    for (const struct conf_node *i = first; i; i = kind->kind == CONF_SEQ ? i->next : NULL) {
        bool known = false;

        for (int k = 0; article_kinds[k] && i->kind == CONF_SCALAR; k++)
            known |= node_is(i, article_kinds[k]);
        if (known)
            continue;
        FAIL(c, E_NOENT, &i->pos, "there is no such kind of article");
        if (i->kind == CONF_SCALAR && str_nearest(i->text, article_kinds))
            HINT(c, "did you mean %s?", str_nearest(i->text, article_kinds));
    }
    if (!c->open_article && !node_lists(kind, article_kinds[c->in->article->kind]))
        FAIL(c, E_INVALID, &kind->pos, "the procedure is not for a %s (%s)",
             article_kinds[c->in->article->kind], c->in->article->name);
}

static void check_need(struct comp *c, const struct conf_node *n)
{
    const struct conf_node *at;
    const char *p = n->text;
    char part[NAME_TEXT_MAX + 1];

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "`needs` of an article is a list of its keys");
        return;
    }
    if (c->open_article) {
        comp_open(c, "article.%s", n->text);
        return;
    }
    at = c->in->article->node;
    while (at && *p) {
        size_t len = strcspn(p, ".");

        if (len == 0 || len > NAME_TEXT_MAX)
            break;
        memcpy(part, p, len);
        part[len] = '\0';
        at = conf_get(at, part);
        p += len + (p[len] == '.');
    }
    if (!at || *p)
        FAIL(c, E_NOENT, &n->pos, "the article %s does not say its %s", c->in->article->name,
             n->text);
}

static void check_article(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"kind", "needs", "model", NULL};
    const struct conf_node *model, *have, *needs;

    if (n->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &n->pos, "`article` is a map: {kind: cell, needs: [capacity]}");
        return;
    }
    check_keys(c, n, keys, "`article`");
    if (conf_get(n, "kind"))
        check_kind(c, conf_get(n, "kind"));
    needs = conf_get(n, "needs");
    if (needs && needs->kind == CONF_SCALAR)
        check_need(c, needs);
    for (const struct conf_node *i = needs && needs->kind == CONF_SEQ ? needs->first : NULL; i;
         i = i->next)
        check_need(c, i);
    model = conf_get(n, "model");
    if (!model)
        return;
    if (c->open_article) {
        comp_open(c, "article.model");
        return;
    }
    have = conf_get(c->in->article->node, "model");
    if (!have || have->kind != CONF_SCALAR || !node_lists(model, have->text))
        FAIL(c, E_INVALID, &model->pos, "the procedure is not for the model of %s",
             c->in->article->name);
}

/* ---- Roles ---- */

struct role_range {
    const char *role, *key;
    struct type t;
    const char *set[3]; /* set channels that have to offer the range; the first that the station
                           has; -: its negative end */
};
static const struct role_range role_ranges[] = {
    {"cycler",  "voltage",  {.dims = DIM_VOLTAGE},                    {"cycler.voltage_set"}},
    {"cycler",
     "current",             {.dims = DIM_CURRENT},
     {"cycler.current_limit", "cycler.limit_charge", "cycler.limit_discharge"}              },
    {"cycler",  "power",    {.dims = DIM_POWER},                      {NULL}                },
    {"press",   "pressure", {.dims = DIM_PRESSURE},                   {"press.pressure_set"}},
    {"chamber",
     "temperature",         {.dims = DIM_TEMPERATURE, .point = true},
     {"chamber.temperature_set"}                                                            },
};

static void role_short(struct comp *c, const struct conf_node *n, const struct role_range *r,
                       double have_lo, double have_hi)
{
    char lo[32], hi[32];

    FAIL(c, E_RANGE, &n->pos, "the %s of this station offers %s .. %s", r->role,
         qty_print(have_lo, r->t.dims, r->t.point, lo, sizeof(lo)),
         qty_print(have_hi, r->t.dims, r->t.point, hi, sizeof(hi)));
}

static bool below(double a, double b)
{
    return a < b - 1e-9 * (fabs(a) + fabs(b));
}

static void check_role_range(struct comp *c, const struct conf_node *n, const struct role_range *r)
{
    const struct station_desc *s = &c->p->station;
    struct src src = src_value(n);
    struct parser ps;
    struct range want;
    double lo = -INFINITY, hi = INFINITY;

    parse_begin(&ps, c, &src, 0);
    if (!parse_range(&ps, r->t, r->key, &want) || !parse_end(&ps) || c->open_station)
        return;
    for (int i = 0; i < 3 && r->set[i]; i++) {
        chan_id k = station_find(s, r->set[i]);

        if (k == CHAN_NONE)
            continue;
        if (strcmp(r->set[i], "cycler.current_limit") == 0) {
            lo = -s->chan[k].max;
            hi = s->chan[k].max;
        } else if (strcmp(r->set[i], "cycler.limit_discharge") == 0) {
            lo = -s->chan[k].max;
        } else if (strcmp(r->set[i], "cycler.limit_charge") == 0) {
            hi = s->chan[k].max;
        } else {
            lo = s->chan[k].min;
            hi = s->chan[k].max;
        }
    }
    if ((isfinite(want.lo) && below(want.lo, lo)) || (isfinite(want.hi) && below(hi, want.hi)))
        role_short(c, n, r, lo, hi);
}

static void check_sampling(struct comp *c, const struct conf_node *n, const char *role)
{
    const struct station_desc *s = &c->p->station;
    double want_s;

    if (!const_of(c, n, TYPE_OF(DIMS_TIME), "sampling", &want_s) || c->open_station)
        return;
    for (uint16_t i = 0; i < s->n_groups; i++)
        if (strcmp(s->group[i].name, role) == 0 && s->group[i].fastest_s > want_s * (1.0 + 1e-9)) {
            char have[32];

            FAIL(c, E_RANGE, &n->pos, "the %s of this station gives a value every %s at best", role,
                 qty_print(s->group[i].fastest_s, DIMS_TIME, false, have, sizeof(have)));
        }
}

static bool role_offered(const struct comp *c, const char *role)
{
    const struct station_desc *s = &c->p->station;
    const char *prefix = strcmp(role, "cycler") == 0    ? "cycler."
                         : strcmp(role, "press") == 0   ? "press."
                         : strcmp(role, "chamber") == 0 ? "chamber."
                                                        : NULL;

    for (uint16_t i = 0; prefix && i < s->n_chans; i++)
        if (str_starts(s->chan[i].name, prefix))
            return true;
    return false;
}

static void check_role_key(struct comp *c, const struct conf_node *role, const struct conf_node *n)
{
    const char *keys[ARRAY_LEN(role_ranges) + 3];
    size_t k = 0;

    for (size_t i = 0; i < ARRAY_LEN(role_ranges); i++) {
        if (strcmp(role_ranges[i].role, role->key) != 0)
            continue;
        if (strcmp(role_ranges[i].key, n->key) == 0) {
            check_role_range(c, n, &role_ranges[i]);
            return;
        }
        keys[k++] = role_ranges[i].key;
    }
    if (strcmp(n->key, "sampling") == 0) {
        check_sampling(c, n, role->key);
        return;
    }
    if (strcmp(n->key, "shared") == 0 && node_is(n, "barrier")) {
        refuse_word(c, &n->pos, "barrier");
        return;
    }
    keys[k++] = "sampling";
    keys[k] = NULL;
    FAIL(c, E_NOENT, &n->key_pos, "the role %s has no key '%s'", role->key, n->key);
    if (str_nearest(n->key, keys))
        HINT(c, "did you mean %s?", str_nearest(n->key, keys));
}

static void check_role(struct comp *c, const struct conf_node *n)
{
    static const char *const roles[] = {"cycler", "press", "chamber", NULL};
    bool ours = strcmp(n->key, "cycler") == 0 || strcmp(n->key, "press") == 0 ||
                strcmp(n->key, "chamber") == 0;

    if (c->open_station)
        comp_open(c, "role %s", n->key);
    if (!c->open_station && !role_offered(c, n->key)) {
        FAIL(c, E_NOENT, &n->key_pos, "station %s offers no %s", c->p->station.station, n->key);
        if (!ours && str_nearest(n->key, roles))
            HINT(c, "did you mean %s?", str_nearest(n->key, roles));
        return;
    }
    if (!ours)
        return;
    if (n->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &n->pos, "a role is a map of ranges: {voltage: 0 V .. 5 V}");
        return;
    }
    for (const struct conf_node *i = n->first; i; i = i->next)
        check_role_key(c, n, i);
}

void compile_head(struct comp *c, const struct conf_node *root)
{
    const struct conf_node *article = conf_get(root, "article"), *needs = conf_get(root, "needs");

    if (article)
        check_article(c, article);
    if (needs && needs->kind != CONF_MAP)
        FAIL(c, E_SYNTAX, &needs->pos,
             "`needs` is a map of roles: {cycler: {voltage: 0 V .. 5 V}}");
    for (const struct conf_node *n = needs && needs->kind == CONF_MAP ? needs->first : NULL; n;
         n = n->next)
        check_role(c, n);
}

void compile_roles(struct comp *c)
{
    struct prog_roles *r = &c->p->role;
    struct members m;
    const struct {
        chan_id *id;
        const char *name;
    } table[] = {
        {&r->voltage,         "cell.voltage"           },
        {&r->current,         "cell.current"           },
        {&r->mode,            "cycler.mode"            },
        {&r->voltage_set,     "cycler.voltage_set"     },
        {&r->current_limit,   "cycler.current_limit"   },
        {&r->limit_charge,    "cycler.limit_charge"    },
        {&r->limit_discharge, "cycler.limit_discharge" },
        {&r->current_set,     "cycler.current_set"     },
        {&r->voltage_limit,   "cycler.voltage_limit"   },
        {&r->pressure,        "press.pressure"         },
        {&r->force,           "press.force"            },
        {&r->pressure_set,    "press.pressure_set"     },
        {&r->regulator,       "press.regulator"        },
        {&r->temperature,     "cell.temperature"       },
        {&r->temperature_set, "chamber.temperature_set"},
        {&r->chamber_mode,    "chamber.mode"           },
        {&r->chamber_high,    "chamber.limit_high"     },
        {&r->chamber_low,     "chamber.limit_low"      },
        {&r->window_v_high,   "cycler.window_v_high"   },
        {&r->window_v_low,    "cycler.window_v_low"    },
        {&r->window_charge,   "cycler.window_charge"   },
        {&r->window_discharge, "cycler.window_discharge"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        *table[i].id = station_find(&c->p->station, table[i].name);
    c->p->more_temperatures = 0;
    if (r->temperature == CHAN_NONE && array_find(c, "cell.temperature", &m)) {
        r->temperature = m.chan[0];
        while (c->p->more_temperatures + 1U < m.n &&
               m.chan[c->p->more_temperatures + 1U] ==
                   r->temperature + c->p->more_temperatures + 1)
            c->p->more_temperatures++;
    }
    if (r->temperature == CHAN_NONE)
        r->temperature = station_find(&c->p->station, "chamber.temperature");
}
