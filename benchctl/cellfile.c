/* benchctl/cellfile.c - reading the parameter file of a cell. */
#include "benchctl/cellfile.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

#define DIM_MOLAR_ENERGY                    \
    {                                       \
        .m = 2, .kg = 1, .s = -2, .mol = -1 \
    }
#define DIM_HEAT_CAPACITY                 \
    {                                     \
        .m = 2, .kg = 1, .s = -2, .k = -1 \
    }
#define DIM_HEAT_LOSS                     \
    {                                     \
        .m = 2, .kg = 1, .s = -3, .k = -1 \
    }
#define DIM_ENTROPY                                \
    {                                              \
        .m = 2, .kg = 1, .s = -3, .a = -1, .k = -1 \
    }

struct top {
    const char *name, *about;
    struct conf_texts sources, assumed, not_identified;
    double capacity_c, charge_efficiency, reference_k, activation_j_mol, entropy_v_k, heat_j_k,
        loss_w_k, hysteresis_rate, hysteresis_rate95, ocv95_v;
    const struct conf_node *rows, *half95, *setup, *ocv;
};

static const struct conf_key row_keys[] = {
    {.name = "soc",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_NONE,
     .min = -0.1,
     .max = 1.1,
     .offset = CONF_OFFSET(cell_row, soc),
     .help = "state of charge, rising from row to row"},
    {.name = "r0",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_RESISTANCE,
     .min = 1e-9,
     .max = 1e6,
     .offset = CONF_OFFSET(cell_row, r0_ohm),
     .help = "series resistance"},
    {.name = "r1",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_RESISTANCE,
     .min = 0,
     .max = 1e6,
     .offset = CONF_OFFSET(cell_row, r1_ohm),
     .help = "of the quick pair"},
    {.name = "tau1",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_TIME,
     .min = 1e-3,
     .max = 1e7,
     .offset = CONF_OFFSET(cell_row, tau1_s),
     .help = "its time constant"},
    {.name = "r2",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_RESISTANCE,
     .min = 0,
     .max = 1e6,
     .offset = CONF_OFFSET(cell_row, r2_ohm),
     .help = "of the slow pair"},
    {.name = "tau2",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_TIME,
     .min = 1e-3,
     .max = 1e7,
     .offset = CONF_OFFSET(cell_row, tau2_s),
     .help = "its time constant"},
    {.name = "hysteresis",
     .type = CONF_QTY,
     .dims = DIM_VOLTAGE,
     .min = 0,
     .max = 1,
     .offset = CONF_OFFSET(cell_row, hysteresis_v),
     .help = "half of what lies between the branches"},
    {0                                      },
};
static const struct schema row_schema = {.name = "rows", .keys = row_keys};

#define HALF(key, unit, field)                                              \
    {                                                                       \
        .name = key, .type = CONF_QTY, .dims = unit, .min = 0, .max = 1e9,  \
        .offset = CONF_OFFSET(cell_file_row95, field), .help = "half width" \
    }
static const struct conf_key half_keys[] = {
    HALF("soc", DIM_NONE, soc),
    HALF("r0", DIM_RESISTANCE, r0_ohm),
    HALF("r1", DIM_RESISTANCE, r1_ohm),
    HALF("tau1", DIM_TIME, tau1_s),
    HALF("r2", DIM_RESISTANCE, r2_ohm),
    HALF("tau2", DIM_TIME, tau2_s),
    HALF("hysteresis", DIM_VOLTAGE, hysteresis_v),
    {0},
};
static const struct schema half_schema = {.name = "half95", .keys = half_keys};

#define SETUP(key, unit, field, text)                               \
    {                                                               \
        .name = key, .type = CONF_QTY, .dims = unit,                \
        .offset = CONF_OFFSET(cell_file_setup, field), .help = text \
    }
static const struct conf_key setup_keys[] = {
    SETUP("lead", DIM_RESISTANCE, lead_ohm, "resistance of the leads, in series with the cell"),
    SETUP("lead_half95", DIM_RESISTANCE, lead95_ohm, "half width"),
    SETUP("offset", DIM_VOLTAGE, offset_v, "voltage of the pulses' file less this one's"),
    SETUP("offset_half95", DIM_VOLTAGE, offset95_v, "half width"),
    SETUP("start", DIM_CHARGE, start_c, "where the pulses' full charge lies in it"),
    SETUP("start_half95", DIM_CHARGE, start95_c, "half width"),
    SETUP("factor", DIM_NONE, factor, "resistances in it over those of the pulses"),
    SETUP("factor_half95", DIM_NONE, factor95, "half width"),
    {0},
};
static const struct schema setup_schema = {.name = "slow_file", .keys = setup_keys};

static const struct conf_key top_keys[] = {
    {.name = "cell",
     .type = CONF_NAME,
     .required = true,
     .offset = CONF_OFFSET(top, name),
     .help = "name of the kind of cell"},
    {.name = "about",   .type = CONF_TEXT, .offset = CONF_OFFSET(top, about), .help = "what it is"},
    {.name = "sources",
     .type = CONF_TEXTS,
     .offset = CONF_OFFSET(top, sources),
     .help = "recordings and texts that the values come from"},
    {.name = "assumed",
     .type = CONF_TEXTS,
     .offset = CONF_OFFSET(top, assumed),
     .help = "keys whose values were not identified but taken as stated"},
    {.name = "not_identified",
     .type = CONF_TEXTS,
     .offset = CONF_OFFSET(top, not_identified),
     .help = "values that the recordings do not tell, and why"},
    {.name = "capacity",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_CHARGE,
     .min = 1e-6,
     .max = 1e9,
     .offset = CONF_OFFSET(top, capacity_c),
     .help = "between state of charge 0 and 1"},
    {.name = "charge_efficiency",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0.5,
     .max = 1.1,
     .offset = CONF_OFFSET(top, charge_efficiency),
     .help = "share of a charge that is stored; 1 if absent"},
    {.name = "reference",
     .type = CONF_QTY,
     .required = true,
     .dims = DIM_TEMPERATURE,
     .point = true,
     .min = 200,
     .max = 500,
     .offset = CONF_OFFSET(top, reference_k),
     .help = "temperature of the resistances"},
    {.name = "activation_energy",
     .type = CONF_QTY,
     .dims = DIM_MOLAR_ENERGY,
     .min = 0,
     .max = 2e5,
     .offset = CONF_OFFSET(top, activation_j_mol),
     .help = "of the resistances; 0 if absent"},
    {.name = "entropy",
     .type = CONF_QTY,
     .dims = DIM_ENTROPY,
     .min = -0.01,
     .max = 0.01,
     .offset = CONF_OFFSET(top, entropy_v_k),
     .help = "dU/dT; 0 if absent"},
    {.name = "heat_capacity",
     .type = CONF_QTY,
     .dims = DIM_HEAT_CAPACITY,
     .min = 1e-3,
     .max = 1e9,
     .offset = CONF_OFFSET(top, heat_j_k),
     .help = "absent: it keeps its temperature"},
    {.name = "heat_loss",
     .type = CONF_QTY,
     .dims = DIM_HEAT_LOSS,
     .min = 0,
     .max = 1e6,
     .offset = CONF_OFFSET(top, loss_w_k),
     .help = "to what surrounds it"},
    {.name = "hysteresis_rate",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .min = 0,
     .max = 1e6,
     .offset = CONF_OFFSET(top, hysteresis_rate),
     .help = "how quickly it turns, per unit of state of charge"},
    {.name = "hysteresis_rate_half95",
     .type = CONF_QTY,
     .dims = DIM_NONE,
     .offset = CONF_OFFSET(top, hysteresis_rate95),
     .help = "half width"},
    {.name = "rows",
     .type = CONF_NODE,
     .required = true,
     .offset = CONF_OFFSET(top, rows),
     .help = "{soc, r0, r1, tau1, r2, tau2, hysteresis} by state of charge"},
    {.name = "half95",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(top, half95),
     .help = "half widths of the 95 % intervals of the rows"},
    {.name = "slow_file",
     .type = CONF_NODE,
     .offset = CONF_OFFSET(top, setup),
     .help = "what belongs to the slow recording and not to the cell"},
    {.name = "ocv_half95",
     .type = CONF_QTY,
     .dims = DIM_VOLTAGE,
     .offset = CONF_OFFSET(top, ocv95_v),
     .help = "half width of every open-circuit voltage"},
    {.name = "ocv",
     .type = CONF_NODE,
     .required = true,
     .offset = CONF_OFFSET(top, ocv),
     .help = "open-circuit voltages, evenly over state of charge 0 to 1"},
    {0      },
};
const struct schema cell_file_schema = {.name = "cell",
                                        .about = "A cell's parameters: `benchctl model fit cell` "
                                                 "writes them.",
                                        .keys = top_keys};

static bool is_list(const struct conf_node *n, unsigned least, unsigned most, struct diag *reterr)
{
    if (n->kind == CONF_SEQ && n->n >= least && n->n <= most) {
        return true;
    }
    diag_at(reterr, E_INVALID, &n->key_pos, "`%s` is a list of %u to %u entries", n->key, least,
            most);
    return false;
}

static void rows_read(struct cell_file *f, const struct conf_node *rows, struct diag *reterr)
{
    struct cell_param *p = &f->param;

    if (!is_list(rows, 1, CELL_ROWS_MAX, reterr)) {
        return;
    }
    for (const struct conf_node *n = rows->first; n; n = n->next) {
        struct cell_row *row = &p->row[p->n_rows];

        if (conf_apply(n, &row_schema, row, &f->doc, reterr) < 0) {
            return;
        }
        if (p->n_rows > 0 && row->soc <= p->row[p->n_rows - 1].soc) {
            diag_at(reterr, E_INVALID, &n->pos, "the rows must rise in soc");
            return;
        }
        p->n_rows++;
    }
}

static void half_read(struct cell_file *f, const struct conf_node *rows, struct diag *reterr)
{
    if (!is_list(rows, f->param.n_rows, f->param.n_rows, reterr)) {
        return;
    }
    for (const struct conf_node *n = rows->first; n; n = n->next) {
        struct cell_file_row95 *row = &f->row95[f->n95];

        *row = (struct cell_file_row95){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        if (conf_apply(n, &half_schema, row, &f->doc, reterr) < 0) {
            return;
        }
        f->n95++;
    }
}

static void ocv_read(struct cell_file *f, const struct conf_node *list, struct diag *reterr)
{
    static const struct dims volt = DIM_VOLTAGE;
    struct cell_param *p = &f->param;

    if (!is_list(list, 2, CELL_OCV_MAX, reterr)) {
        return;
    }
    for (const struct conf_node *n = list->first; n; n = n->next) {
        struct qty q;

        if (conf_qty(n, &volt, &q, reterr) < 0) {
            return;
        }
        if (p->n_ocv > 0 && q.si <= p->ocv_v[p->n_ocv - 1]) {
            diag_at(reterr, E_INVALID, &n->pos,
                    "open-circuit voltages must rise with the state of charge");
            return;
        }
        p->ocv_v[p->n_ocv++] = q.si;
    }
}

static void read_doc(struct cell_file *f, struct diag *reterr)
{
    struct top t = {
        .charge_efficiency = 1.0, .heat_j_k = INFINITY, .hysteresis_rate95 = NAN, .ocv95_v = NAN};

    if (conf_apply(f->doc.root, &cell_file_schema, &t, &f->doc, reterr) < 0) {
        return;
    }
    f->name = t.name;
    f->about = t.about;
    f->sources = t.sources;
    f->assumed = t.assumed;
    f->not_identified = t.not_identified;
    f->ocv95_v = t.ocv95_v;
    f->hysteresis_rate95 = t.hysteresis_rate95;
    f->param.capacity_c = t.capacity_c;
    f->param.charge_efficiency = t.charge_efficiency;
    f->param.reference_k = t.reference_k;
    f->param.activation_j_mol = t.activation_j_mol;
    f->param.entropy_v_k = t.entropy_v_k;
    f->param.heat_j_k = t.heat_j_k;
    f->param.loss_w_k = t.loss_w_k;
    f->param.hysteresis_rate = t.hysteresis_rate;
    rows_read(f, t.rows, reterr);
    ocv_read(f, t.ocv, reterr);
    if (t.half95 && f->param.n_rows > 0) {
        half_read(f, t.half95, reterr);
    }
    f->setup = (struct cell_file_setup){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    f->has_setup = t.setup && conf_apply(t.setup, &setup_schema, &f->setup, &f->doc, reterr) == 0;
}

static int finish(int rc, struct cell_file *f, struct cell_file *ret, struct diag *reterr)
{
    if (rc == 0) {
        read_doc(f, reterr);
        rc = diag_code(reterr);
    }
    if (rc < 0) {
        conf_done(&f->doc);
        return rc;
    }
    *ret = *f;
    return 0;
}

int cell_file_read(const char *path, struct cell_file *ret, struct diag *reterr)
{
    struct cell_file f = {.n95 = 0};

    return finish(conf_load_file(path, &f.doc, reterr), &f, ret, reterr);
}

int cell_file_text(const char *name, const char *text, size_t n, struct cell_file *ret,
                   struct diag *reterr)
{
    struct cell_file f = {.n95 = 0};

    return finish(conf_load_text(name, text, n, &f.doc, reterr), &f, ret, reterr);
}

void cell_file_done(struct cell_file *f)
{
    conf_done(&f->doc);
}
