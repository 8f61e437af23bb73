/* analysis/groups_priv.h - between groups.c, which asks, and groups_fit.c, which lays one curve
 * onto another. */
#ifndef ANALYSIS_GROUPS_PRIV_H
#define ANALYSIS_GROUPS_PRIV_H

#include "analysis/groups.h"

struct group_curve {
    double q_ah[GROUPS_POINTS], v[GROUPS_POINTS]; /* v without I R10 */
    double u_v;                                   /* of each point: quantisation */
};

/* Which of s, b and c are free. */
enum group_fit_kind {
    GROUP_FIT_SHIFT,    /* s, c */
    GROUP_FIT_CAPACITY, /* b, c */
    GROUP_FIT_BOTH
};
struct group_fit {
    double s_ah, b, c_v;
    double u_s_ah, u_b, cov_sb; /* with the residuals' correlation from point to point */
    double rms_v;
    double n_free; /* independent points */
};

/* What is known before the curves are looked at: c is zero within sigma_c_v, s is s_ah within
 * sigma_s_ah (not positive: nothing is known of it). */
struct group_prior {
    double sigma_c_v, s_ah, sigma_s_ah;
};

/* 0, or E_RANGE: too little in common. */
int group_fit(const struct group_curve *g, const struct group_curve *reference,
              const struct group_prior *prior, enum group_fit_kind kind,
              struct group_fit *ret) MUST_USE;

#endif
