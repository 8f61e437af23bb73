/* benchctl/model_band.h - a cell model beside the cell: `model:` of a procedure.
 *
 * After each sample of the cycler the model takes the current that flowed since the one before, as
 * the engine has counted it, and says the voltage; model.voltage and model.residual go to the
 * engine as samples of the group `model`, and beside each row of the cycler stands one of theirs in
 * the run file. When |residual| leaves the band an alarm is raised with that sample; it is ready
 * for the next one when the residual is back below 0.8 of the band. Nobody judges the 200 ms after
 * the output was changed.
 *
 * A start from the open-circuit voltage lasts until the first current flows: up to then the model
 * is set to what is measured, so that what the cell has gone through before is not told as a
 * residual.
 */
#ifndef BENCHCTL_MODEL_BAND_H
#define BENCHCTL_MODEL_BAND_H

#include "base/conf.h"
#include "base/nsec.h"
#include "models/cell_model.h"
#include "procedures/engine/program.h"

enum {
    MODEL_PATH_MAX = 512
};

struct model_band {
    bool there;
    struct cell_model model;
    uint16_t group; /* of the station */
    double band_v, soc;
    uint8_t start;             /* enum model_start */
    char path[MODEL_PATH_MAX]; /* its parameter file; "" where it needs none */
    char *text;                /* heap; NULL */
    size_t n;
};

enum model_phase {
    MODEL_WAITS, /* for a sample to begin with */
    MODEL_STILL, /* no current has flowed yet */
    MODEL_RUNS
};
struct model_watch { /* flat: part of the snapshot */
    uint8_t phase;
    uint8_t outside; /* told */
    nsec at;         /* run time up to which it has been followed */
    double net_c;    /* counted then */
    double current_a;
    struct cell_model_state cell;
};

/* A cell model by name or by its parameter file: as given, beside the file `from` (may be NULL), in
 * models/ here or installed. pos: where the name stands, or NULL. ret_text, ret_n, ret_path
 * (MODEL_PATH_MAX): the file's, or NULL, 0,
 * "". */
int model_find(const char *name, const char *from, const struct diag_pos *pos,
               struct cell_model *ret, char **ret_text, size_t *ret_n, char *ret_path,
               struct diag *reterr) MUST_USE;

/* What `model:` of a compiled procedure names. */
int model_band_load(const struct program *p, const struct conf_doc *procedure,
                    struct model_band *ret, struct diag *reterr) MUST_USE;
void model_band_done(struct model_band *b); /* takes a zeroed one */

#endif
