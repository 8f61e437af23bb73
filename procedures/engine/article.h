/* procedures/engine/article.h - what is tested: its identity, capacity, area and the window that nothing may leave. */
#ifndef PROCEDURES_ENGINE_ARTICLE_H
#define PROCEDURES_ENGINE_ARTICLE_H

#include "base/conf.h"

struct article {
    const char *name;      /* ASSB-017 */
    const char *barcode;
    int32_t kind;          /* index into article_kinds */
    double capacity_c;     /* NaN: not given */
    double area_m2, mass_kg, thickness_m, energy_j;
    struct range voltage_v, group_voltage_v, pressure_pa, charge_temperature_k, discharge_temperature_k, expect_ocv_v; /* open sides infinite */
    double charge_current_a, discharge_current_a; /* largest magnitude; INFINITY when not given */
    struct conf_texts hazards;
    const struct conf_node *node; /* the whole file, for keys such as `model` and for the record */
    struct conf_doc doc;          /* owns all texts */
};

extern const char *const article_kinds[]; /* "cell", "symmetric-cell", ..., NULL */
extern const struct schema article_schema;

/* Reads and checks the file: limits.voltage and both currents are compulsory for kinds that carry current; lo < hi; capacity > 0 ... */
int article_load(const char *path, struct article *ret, struct diag *reterr) MUST_USE;
int article_from_doc(struct conf_doc *doc, struct article *ret, struct diag *reterr) MUST_USE; /* takes the doc over */
void article_done(struct article *a);

#endif
