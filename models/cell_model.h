/* models/cell_model.h - one face for the cell models, for whoever follows a measured cell with one:
 * the live band of a run, `benchctl compare`.
 *
 * A model is its parameters, const; its state is flat and may be copied into a checkpoint. It is
 * driven by the current (charge positive) and asked for the voltage; what surrounds the cell is
 * said with each question, since it is measured and not modelled.
 */
#ifndef MODELS_CELL_MODEL_H
#define MODELS_CELL_MODEL_H

#include "models/assb.h"
#include "models/cell_ecm.h"
#include "models/cell_spm.h"

#include <stdbool.h>
#include <stdint.h>

enum cell_model_kind {
    CELL_MODEL_ASSB,
    CELL_MODEL_ECM,
    CELL_MODEL_SPM
};
enum {
    CELL_MODEL_NAME_MAX = 64
};

struct cell_model {
    enum cell_model_kind kind;
    char name[CELL_MODEL_NAME_MAX];
    char hash[65];  /* SHA-256 over the parameters, hex */
    double sigma_v; /* what its parameters leave open; NaN: not stated */
    double band_v;  /* usual limit of |measured - model| */
    double rmse_v;  /* and of its root mean square; infinite: none */
    union {
        struct assb_param assb;
        struct cell_param ecm;
        struct spm_param spm;
    } of;
};
struct cell_model_state {
    uint8_t kind;
    union {
        struct assb_state assb;
        struct cell_state ecm;
        struct spm_state spm;
    } of;
};
struct cell_around {
    double temperature_k; /* NaN: the model's reference */
    double pressure_pa;   /* NaN: the model's reference */
    bool of_cell;         /* the temperature is the cell's own; else of what surrounds it */
};

/* Those that need no file: "assb-lab-cell", "spm-chen2020". False: no such name. */
bool cell_model_builtin(const char *name, struct cell_model *ret);
extern const char *const cell_model_names[]; /* ends with NULL */
/* An equivalent circuit of these parameters. */
void cell_model_ecm(const char *name, const struct cell_param *param, struct cell_model *ret);

/* A cell as it was made. Only assb-lab-cell and spm-chen2020 (full) are made in a known state:
 * false else. */
bool cell_model_start_fresh(const struct cell_model *m, const struct cell_around *a,
                            struct cell_model_state *ret);
/* At rest and relaxed, with this state of charge (0..1) or this voltage (held at the ends). */
void cell_model_start_soc(const struct cell_model *m, double soc, const struct cell_around *a,
                          struct cell_model_state *ret);
void cell_model_start_ocv(const struct cell_model *m, double v_v, const struct cell_around *a,
                          struct cell_model_state *ret);

double cell_model_voltage_v(const struct cell_model *m, const struct cell_model_state *s,
                            double i_a, const struct cell_around *a);
/* Constant current over dt_s. */
void cell_model_step(const struct cell_model *m, struct cell_model_state *s, double i_a,
                     double dt_s, const struct cell_around *a);
double cell_model_soc(const struct cell_model *m, const struct cell_model_state *s);

#endif
