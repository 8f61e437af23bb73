/* procedures/engine/article.c - reading an article file. Its window is the one thing that no bench
 * and no procedure can widen, so what is not stated is not guessed: without a voltage window and
 * both currents nothing that carries current is tested. */
#include "procedures/engine/article.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

const char *const article_kinds[] = {"cell",  "symmetric-cell", "pellet", "sofc-cell",
                                     "stack", "module",         "pack",   NULL};

enum {
    KIND_PELLET = 2
};
#define POSITIVE .min = 1e-30, .max = 1e30

/* Ranges that end up as one number, and keys that are kept for the record only. */
struct article_file {
    struct article a;
    struct range charge_a, discharge_a;
    const struct conf_node *chemistry, *made, *mass, *design, *kept;
    const char *text;
};

/* clang-format off */
static const struct conf_key limit_keys[] = {
    {.name = "voltage",
     .type = CONF_RANGE,
     .dims = DIM_VOLTAGE,
     .offset = CONF_OFFSET(article, voltage_v),
     .help = "terminal voltage, `2.0 V .. 4.4 V`"},
    {.name = "charge_current",
     .type = CONF_RANGE,
     .dims = DIM_CURRENT,
     .offset = CONF_OFFSET(article_file, charge_a),
     .help = "largest charging current, `.. 6 mA`"},
    {.name = "discharge_current",
     .type = CONF_RANGE,
     .dims = DIM_CURRENT,
     .offset = CONF_OFFSET(article_file, discharge_a),
     .help = "largest discharging current, `.. 12 mA`"},
    {.name = "charge_temperature",
     .type = CONF_RANGE,
     .dims = DIM_TEMPERATURE,
     .point = true,
     .offset = CONF_OFFSET(article, charge_temperature_k),
     .help = "temperature while charging"},
    {.name = "discharge_temperature",
     .type = CONF_RANGE,
     .dims = DIM_TEMPERATURE,
     .point = true,
     .offset = CONF_OFFSET(article, discharge_temperature_k),
     .help = "temperature while discharging"},
    {.name = "pressure",
     .type = CONF_RANGE,
     .dims = DIM_PRESSURE,
     .offset = CONF_OFFSET(article, pressure_pa),
     .help = "stack pressure"},
    {.name = "group_voltage",
     .type = CONF_RANGE,
     .dims = DIM_VOLTAGE,
     .offset = CONF_OFFSET(article, group_voltage_v),
     .help = "of each group of a string by itself; a station that does not measure them is refused"},
    {.name = "expect_ocv",
     .type = CONF_RANGE,
     .dims = DIM_VOLTAGE,
     .offset = CONF_OFFSET(article, expect_ocv_v),
     .help = "open-circuit voltage that the article comes with; checked before any current"},
    {.name = NULL                  },
};
static const struct schema limits_schema = {
    .name = "limits", .about = "The window that nothing may leave.", .keys = limit_keys};

static const struct conf_key article_keys[] = {
    {.name = "article",
     .type = CONF_NAME,
     .required = true,
     .offset = CONF_OFFSET(article, name),
     .help = "its name"},
    {.name = "kind",
     .type = CONF_ENUM,
     .required = true,
     .choices = article_kinds,
     .offset = CONF_OFFSET(article, kind),
     .help = "what it is"},
    {.name = "barcode",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(article, barcode),
     .help = "as the scanner reads it"},
    {.name = "capacity",
     .type = CONF_QTY,
     .dims = DIM_CHARGE,
     POSITIVE, .offset = CONF_OFFSET(article, capacity_c),
     .help = "nominal charge, `9.6 mAh`; the base of C-rates"},
    {.name = "energy",
     .type = CONF_QTY,
     .dims = DIM_ENERGY,
     POSITIVE, .offset = CONF_OFFSET(article, energy_j),
     .help = "nominal energy"},
    {.name = "area",
     .type = CONF_QTY,
     .dims = DIM_AREA,
     POSITIVE, .offset = CONF_OFFSET(article, area_m2),
     .help = "electrode area, `2 cm^2`; the base of current densities"},
    {.name = "electrolyte_thickness",
     .type = CONF_QTY,
     .dims = DIM_LENGTH,
     POSITIVE, .offset = CONF_OFFSET(article, thickness_m),
     .help = "of the separator"},
    {.name = "mass",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(article_file, mass),
     .help = "`45 g`, or a table of parts, `{positive: 21.3 mg, active_fraction: 0.70}`"},
    {.name = "limits",
     .type = CONF_TABLE,
     .sub = &limits_schema,
     .offset = 0,
     .help = "the window that nothing may leave"},
    {.name = "hazards",
     .type = CONF_TEXTS,
     .offset = CONF_OFFSET(article, hazards),
     .help = "what a person near it has to know"},
    {.name = "chemistry",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(article_file, chemistry),
     .help = "kept for the record"},
    {.name = "made",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(article_file, made),
     .help = "date, by, batch ...; kept for the record"},
    {.name = "model",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(article_file, text),
     .help = "type name of the maker; a procedure may ask for it"},
    {.name = "design",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(article_file, design),
     .help = "kept for the record"},
    {.name = "reference_electrode",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(article_file, text),
     .help = "kept for the record"},
    {.name = "serial",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(article_file, text),
     .help = "serial number of the maker"},
    {.name = "series",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(article_file, kept),
     .help = "cells in series; kept for the record"},
    {.name = "parallel",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(article_file, kept),
     .help = "cells in parallel; kept for the record"},
    {.name = "about",
     .type = CONF_TEXT,
     .offset = CONF_OFFSET(article_file, text),
     .help = "free text"},
    {.name = NULL        },
};
const struct schema article_schema = {
    .name = "article",
    .about = "What is tested: identity, capacity, area and the window that nothing may leave.",
    .keys = article_keys};
/* clang-format on */

static void set_defaults(struct article_file *f)
{
    const struct range open = {-INFINITY, INFINITY};

    memset(f, 0, sizeof(*f));
    f->a.capacity_c = f->a.area_m2 = f->a.mass_kg = f->a.thickness_m = f->a.energy_j = NAN;
    f->a.voltage_v = f->a.group_voltage_v = f->a.pressure_pa = f->a.charge_temperature_k = open;
    f->a.discharge_temperature_k = f->a.expect_ocv_v = f->charge_a = f->discharge_a = open;
}

static const struct conf_node *limit_node(const struct conf_node *root, const char *key)
{
    const struct conf_node *limits = conf_get(root, "limits");

    return limits ? conf_get(limits, key) : NULL;
}

/* One largest magnitude from `.. 6 mA`. */
static int take_current(const struct conf_node *root, const char *key, const struct range *r,
                        double *ret_a, struct diag *reterr)
{
    const struct conf_node *n = limit_node(root, key);

    *ret_a = INFINITY;
    if (!n)
        return 0;
    if (r->lo > 0.0 || !isfinite(r->hi) || r->hi < 0.0) {
        diag_at(reterr, E_RANGE, &n->pos, "%s is the largest magnitude of a current", key);
        diag_hint(reterr, "write it as `.. 6 mA`; direction is in the name");
        return E_RANGE;
    }
    *ret_a = r->hi;
    return 0;
}

static int check_order(const struct conf_node *root, const char *key, const struct range *r,
                       struct diag *reterr)
{
    const struct conf_node *n = limit_node(root, key);

    if (!n || r->lo < r->hi)
        return 0;
    return diag_at(reterr, E_RANGE, &n->pos, "the lower end of %s is not below its upper end", key);
}

static int check_window(const struct article *a, struct diag *reterr)
{
    static const char *const compulsory[] = {"voltage", "charge_current", "discharge_current"};
    const struct conf_node *root = a->node, *v = limit_node(root, "voltage");
    int rc = 0, one;

    for (size_t i = 0; a->kind != KIND_PELLET && i < ARRAY_LEN(compulsory); i++)
        if (!limit_node(root, compulsory[i])) {
            rc = diag_at(reterr, E_INVALID,
                         conf_get(root, "limits") ? &conf_get(root, "limits")->key_pos : &root->pos,
                         "limits.%s is missing: a %s carries current", compulsory[i],
                         article_kinds[a->kind]);
            diag_hint(reterr, "%s: %s", compulsory[i], i == 0 ? "2.0 V .. 4.4 V" : ".. 6 mA");
        }
    if (v && (!isfinite(a->voltage_v.lo) || !isfinite(a->voltage_v.hi))) {
        rc = diag_at(reterr, E_RANGE, &v->pos, "limits.voltage needs both ends");
        diag_hint(reterr, "as in 2.0 V .. 4.4 V");
    }
    const struct {
        const char *key;
        const struct range *r;
    } ranges[] = {
        {"voltage",               &a->voltage_v              },
        {"group_voltage",         &a->group_voltage_v        },
        {"pressure",              &a->pressure_pa            },
        {"charge_temperature",    &a->charge_temperature_k   },
        {"discharge_temperature", &a->discharge_temperature_k},
        {"expect_ocv",            &a->expect_ocv_v           },
    };

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        one = check_order(root, ranges[i].key, ranges[i].r, reterr);
        rc = rc < 0 ? rc : one;
    }
    return rc;
}

static int read_mass(const struct conf_node *mass, double *ret_kg, struct diag *reterr)
{
    const struct dims dims = DIMS_MASS;
    struct qty q;
    int rc;

    if (!mass || mass->kind == CONF_MAP)
        return 0;
    rc = conf_qty(mass, &dims, &q, reterr);
    if (rc < 0)
        return rc;
    if (!(q.si > 0.0))
        return diag_at(reterr, E_RANGE, &mass->pos, "a mass is positive");
    *ret_kg = q.si;
    return 0;
}

int article_from_doc(struct conf_doc *doc, struct article *ret, struct diag *reterr)
{
    struct article_file f;
    int rc, one;

    set_defaults(&f);
    rc = conf_apply(doc->root, &article_schema, &f, doc, reterr);
    if (rc == 0) {
        f.a.node = doc->root;
        rc = take_current(doc->root, "charge_current", &f.charge_a, &f.a.charge_current_a, reterr);
        one = take_current(doc->root, "discharge_current", &f.discharge_a, &f.a.discharge_current_a,
                           reterr);
        rc = rc < 0 ? rc : one;
        one = read_mass(f.mass, &f.a.mass_kg, reterr);
        rc = rc < 0 ? rc : one;
        one = check_window(&f.a, reterr);
        rc = rc < 0 ? rc : one;
    }
    if (rc < 0) {
        conf_done(doc);
        memset(doc, 0, sizeof(*doc));
        return rc;
    }
    f.a.doc = *doc;
    memset(doc, 0, sizeof(*doc));
    *ret = f.a;
    return 0;
}

int article_load(const char *path, struct article *ret, struct diag *reterr)
{
    struct conf_doc doc = {0};
    int rc = conf_load_file(path, &doc, reterr);

    if (rc < 0)
        return rc;
    return article_from_doc(&doc, ret, reterr);
}

void article_done(struct article *a)
{
    if (!a)
        return;
    conf_done(&a->doc);
    memset(a, 0, sizeof(*a));
}
