/* analysis/contact.h - how the resistance of a pressed cell depends on its stack pressure.
 *
 *     R(P) = a + b * (P / 5 MPa)^-m
 *
 * a is what pressure does not change (bulk, leads), b the contact's share at 5 MPa, m how fast the
 * contact opens. Pressures are in Pa, resistances in ohm. m can only be told from a when the
 * pressures are spread: a fit says so itself instead of giving a figure that nothing stands behind.
 */
#ifndef ANALYSIS_CONTACT_H
#define ANALYSIS_CONTACT_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct run_file;

#define CONTACT_REFERENCE_PA 5e6

enum {
    CONTACT_POINTS_MIN = 4,
    CONTACT_NAME_MAX = 64,
    CONTACT_WHY_MAX = 96
};

struct contact_point {
    double pressure_pa; /* at the pulse; NaN: not measured */
    double r_ohm;
    double sigma_ohm; /* standard deviation of r_ohm; NaN: not known, all points count alike */
    double t_s;       /* run time */
    uint32_t cycle;
};

struct contact_fit {
    double a_ohm, b_ohm, m;
    double se_a_ohm, se_b_ohm, se_m; /* standard errors, from sigma or the scatter, the larger */
    double rms_ohm;                  /* scatter around the curve */
    size_t n;                        /* points that were used */
    unsigned n_pressures;            /* that differ by more than 2 % */
    bool identifiable;
    char why[CONTACT_WHY_MAX]; /* "m is not told from a: ..." when it is not */
};

/* Weighted least squares. Points without pressure or resistance are left out. E_RANGE: fewer than
 * CONTACT_POINTS_MIN points or fewer than 3 pressures. A fit that is found but means nothing is 0
 * with identifiable false. */
int contact_fit(const struct contact_point *points, size_t n, struct contact_fit *ret,
                struct diag *reterr) MUST_USE;
double contact_resistance_ohm(const struct contact_fit *fit, double pressure_pa);

/* The resistances of a run, oldest first: register (or else measure) `name`; NULL: r_10, or else
 * the first that is in ohm. The pressure is the mean over the step that measured it: the stack
 * breathes during a cycle, so a cycle's mean would not do. */
struct contact_rows {
    size_t n;
    struct contact_point *row;   /* heap */
    char name[CONTACT_NAME_MAX]; /* "" when there are none */
};
int contact_read(struct run_file *f, const char *name, struct contact_rows *ret,
                 struct diag *reterr) MUST_USE;
void contact_rows_done(struct contact_rows *rows); /* takes a zeroed one */

#endif
