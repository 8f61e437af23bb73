/* analysis/groups.h - the cell groups of a string, told from one long discharge (or charge) of it.
 *
 * All groups carry the same current, so what differs between their voltages is their own: the
 * charge they began with, how much they hold, and their resistance. The groups that are alike make
 * the reference, a curve of voltage over charge; each group's curve is laid onto it:
 *
 *     V(Q) = V_ref(s + b Q) + c
 *
 * s: charge that it lacked at the begin against the reference (imbalance, which a balancing charge
 * brings back); 1/b: its capacity over the reference's (loss, which nothing brings back); c: its
 * resistance against theirs, held near zero. How far the groups that are alike scatter
 * around zero and one is part of every uncertainty. The rest voltage before the current is a second
 * witness of s: how far it is below the others', over the slope of their curve near the begin, good
 * to 30 %, because under current that slope is not quite the one at rest.
 */
#ifndef ANALYSIS_GROUPS_H
#define ANALYSIS_GROUPS_H

#include "analysis/figure.h"

struct diag;

enum {
    GROUPS_MAX = 24,
    GROUPS_POINTS = 200
};
/* What is called imbalanced: with 95 % probability more than 1 % of the charge; what is called a
 * loss: with 95 % probability more than 2 % of the capacity. */
#define GROUPS_IMBALANCE 0.01
#define GROUPS_LOSS      0.02
#define GROUPS_SURE      0.95

struct group {
    char column[RECORDING_NAME_MAX];
    bool is_reference, is_imbalanced, is_weak;
    struct figure v_rest_v, v_end_v;
    struct figure below_v; /* rest voltage below the mean of the other reference groups */
    struct figure rest_ah; /* what that says of s */
    struct figure r_10_ohm;
    struct figure missing_ah;     /* s */
    struct figure capacity_ratio; /* 1/b */
    struct figure early_ah;       /* s + (b - 1) Q: by how much sooner it is empty (or full) */
    double rms_v;                 /* of the fit; of s alone with b = 1; of b alone with s = 0 */
    double rms_shift_v, rms_capacity_v;
    double p_imbalance, p_loss; /* that s, the loss are larger than the limits above */
    double p_shift; /* that imbalance alone explains curve and rest, not loss alone (one is true) */
    const char *why; /* nothing identifiable */
};

struct groups {
    unsigned n, n_reference, limiting; /* limiting: index */
    struct group group[GROUPS_MAX];
    struct rows rows; /* of the step */
    bool charge, stated;
    double i_a, charge_ah;
    struct figure margin_v; /* the limiting group's end voltage beyond the next one's */
    double p_limiting;
    double scatter_ah, scatter_ratio; /* of the reference groups around 0 and 1 */
    struct recording_accuracy voltage;
    const char *why; /* no answer about s and b at all; NULL */
};

/* Groups are the columns voltage_1_v .. voltage_N_v. E_NOENT: fewer than two, or no long step. */
int groups_of(const struct recording *r, struct groups *ret, struct diag *reterr) MUST_USE;

#endif
