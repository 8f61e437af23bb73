/* benchctl/cellfile_write.c - writing the parameter file of a cell from a fit. */
#include "benchctl/cellfile.h"

#include "analysis/cell_fit.h"

#include <math.h>
#include <string.h>

enum {
    OCV_PER_LINE = 8
};

static const char *const value_names[CELL_FIT_VALUES] = {"r0", "r1", "tau1", "r2", "tau2"};

/* A number without locale. */
static void add(struct text *out, const char *before, double v, int decimals, const char *after)
{
    char number[48];

    str_fixed(v, decimals, 0, false, false, number, sizeof(number));
    text_add(out, "%s%s%s", before, number, after);
}

/* Between quotes: what would end them is left out. */
static void add_quoted(struct text *out, const char *t)
{
    text_add(out, "\"");
    for (; *t; t++) {
        if (*t != '"' && *t != '\\' && (unsigned char)*t >= ' ') {
            text_add(out, "%c", *t);
        }
    }
    text_add(out, "\"");
}

static void add_head(const struct cell_fit *fit, const struct cell_file_about *about,
                     struct text *out)
{
    const struct cell_param *p = &fit->param;

    text_add(out,
             "# A cell's parameters, written by `benchctl model fit cell`. Charge current is "
             "positive.\n"
             "cell: %s\n",
             about->name);
    if (about->about) {
        text_add(out, "about: ");
        add_quoted(out, about->about);
        text_add(out, "\n");
    }
    text_add(out, "sources:\n");
    for (unsigned k = 0; k < about->n_sources; k++) {
        text_add(out, "  - ");
        add_quoted(out, about->source[k]);
        text_add(out, "\n");
    }
    add(out, "capacity: ", p->capacity_c / 3600.0, 4, " Ah\n");
    add(out, "charge_efficiency: ", p->charge_efficiency, 4, "\n");
    add(out, "reference: ", p->reference_k - 273.15, 2, " degC\n");
    add(out, "activation_energy: ", p->activation_j_mol / 1e3, 2, " kJ/mol\n");
    add(out, "entropy: ", p->entropy_v_k, 6, " V/K\n");
    if (isfinite(p->heat_j_k)) {
        add(out, "heat_capacity: ", p->heat_j_k, 1, " J/K\n");
        add(out, "heat_loss: ", p->loss_w_k, 3, " W/K\n");
    }
    text_add(out, "assumed: [charge_efficiency, activation_energy, entropy, heat_capacity, "
                  "heat_loss]\n");
    add(out, "hysteresis_rate: ", p->hysteresis_rate, 2, "\n");
    if (isfinite(fit->hysteresis_rate.half95)) {
        add(out, "hysteresis_rate_half95: ", fit->hysteresis_rate.half95, 2, "\n");
    }
}

static void add_row(const struct cell_fit *fit, unsigned k, bool half, struct text *out)
{
    const struct cell_row *row = &fit->param.row[k];

    add(out, "  - {soc: ", row->soc, 4, "");
    for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
        bool time = v == 2 || v == 4;
        double x = half ? fit->value[k][v].half95 : fit->value[k][v].value;

        if (isfinite(x)) {
            text_add(out, ", %s: ", value_names[v]);
            add(out, "", time ? x : x * 1e3, time ? 3 : 4, time ? " s" : " mohm");
        }
    }
    add(out, ", hysteresis: ", 1e3 * (half ? fit->hysteresis_half95_v[k] : row->hysteresis_v), 2,
        " mV}\n");
}

static void add_unidentified(const struct cell_fit *fit, struct text *out)
{
    bool any = false;

    for (unsigned k = 0; k < fit->param.n_rows; k++) {
        for (unsigned v = 0; v < CELL_FIT_VALUES; v++) {
            if (!fit->value[k][v].identified) {
                text_add(out, any ? "" : "not_identified:\n");
                any = true;
                text_add(out, "  - \"%s", value_names[v]);
                add(out, " at ", 100.0 * fit->param.row[k].soc, 1, " %");
                text_add(out, ": %s\"\n", fit->value[k][v].why);
            }
        }
    }
}

static void add_setup(const struct cell_fit *fit, struct text *out)
{
    add(out, "slow_file:\n  lead: ", fit->lead.lead_ohm * 1e3, 2, " mohm\n");
    if (isfinite(fit->lead.half95_ohm)) {
        add(out, "  lead_half95: ", fit->lead.half95_ohm * 1e3, 2, " mohm\n");
    }
    add(out, "  offset: ", fit->slow_offset_v.value * 1e3, 2, " mV\n");
    add(out, "  offset_half95: ", fit->slow_offset_v.half95 * 1e3, 2, " mV\n");
    add(out, "  start: ", fit->slow_start_ah.value, 4, " Ah\n");
    add(out, "  start_half95: ", fit->slow_start_ah.half95, 4, " Ah\n");
    add(out, "  factor: ", fit->slow_factor.value, 4, "\n");
    add(out, "  factor_half95: ", fit->slow_factor.half95, 4, "\n");
}

void cell_file_write(const struct cell_fit *fit, const struct cell_file_about *about,
                     struct text *out)
{
    const struct cell_param *p = &fit->param;
    double last = -INFINITY;

    add_head(fit, about, out);
    text_add(out, "rows:\n");
    for (unsigned k = 0; k < p->n_rows; k++) {
        add_row(fit, k, false, out);
    }
    text_add(out, "half95: # half widths of 95 %% intervals, in the order of the rows\n");
    for (unsigned k = 0; k < p->n_rows; k++) {
        add_row(fit, k, true, out);
    }
    add_unidentified(fit, out);
    add_setup(fit, out);
    add(out, "ocv_half95: ", fit->ocv_half95_v * 1e3, 2, " mV\n");
    text_add(out, "ocv: [");
    for (unsigned k = 0; k < p->n_ocv; k++) {
        /* to a hundredth of a millivolt, and still rising */
        last = fmax(p->ocv_v[k], last + 1e-5);
        add(out, k % OCV_PER_LINE == 0 ? "\n  " : " ", last, 5, k + 1 < p->n_ocv ? " V," : " V]\n");
    }
}
