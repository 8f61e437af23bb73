/* benchctl/cellfile.h - the parameter file of a cell: values, 95 % intervals, what is assumed,
 * where it comes from. `benchctl model fit cell` writes it; the virtual world and comparisons read
 * it.
 */
#ifndef BENCHCTL_CELLFILE_H
#define BENCHCTL_CELLFILE_H

#include "base/conf.h"
#include "base/str.h"
#include "models/cell_ecm.h"

struct cell_fit;

/* Half widths beside their state of charge; NaN where nothing is known. */
struct cell_file_row95 {
    double soc, r0_ohm, r1_ohm, tau1_s, r2_ohm, tau2_s, hysteresis_v;
};
/* What belongs to the set-up of the slow recording and not to the cell. */
struct cell_file_setup {
    double lead_ohm, lead95_ohm, offset_v, offset95_v, start_c, start95_c, factor, factor95;
};
struct cell_file {
    struct conf_doc doc; /* owns the texts */
    const char *name, *about;
    struct conf_texts sources, assumed, not_identified;
    struct cell_param param;
    unsigned n95;
    struct cell_file_row95 row95[CELL_ROWS_MAX];
    double ocv95_v, hysteresis_rate95;
    bool has_setup;
    struct cell_file_setup setup;
};

int cell_file_read(const char *path, struct cell_file *ret, struct diag *reterr) MUST_USE;
int cell_file_text(const char *name, const char *text, size_t n, struct cell_file *ret,
                   struct diag *reterr) MUST_USE;
void cell_file_done(struct cell_file *f); /* takes a zeroed one */

struct cell_file_about {
    const char *name, *about;
    const char *source[16];
    unsigned n_sources;
};
void cell_file_write(const struct cell_fit *fit, const struct cell_file_about *about,
                     struct text *out);

extern const struct schema cell_file_schema;

#endif
