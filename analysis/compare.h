/* analysis/compare.h - a recording beside a cell model or beside another recording.
 *
 * What is compared is always had at the measured stamps: the model is driven with the measured
 * current and asked there, another recording is read there between its own rows. The measured rows
 * are never moved. Residual: measured less the other.
 *
 * Current: inside a step a straight line between rows; the first row of a step brings its step time
 * (column step_time_s; without it what passed since the row before) at its own current. At rest
 * none flows.
 *
 * Not judged are the first 200 ms of a step, rows that are not valid, and rows at which the other
 * has nothing or is itself between two steps. Judged is by the share of samples inside the band:
 * max(k u, limit), u the uncertainty of measurement and model together; 95 % pass, 90 % warn. Where
 * a limit of the RMSE is given, more than that fails.
 */
#ifndef ANALYSIS_COMPARE_H
#define ANALYSIS_COMPARE_H

#include "analysis/recording.h"
#include "base/attr.h"
#include "models/cell_model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;

enum compare_by {
    COMPARE_BY_TIME,   /* since the first row */
    COMPARE_BY_CHARGE, /* since the begin of the step; rests and mixed steps by time */
    COMPARE_BY_STEP    /* time since the begin of the step */
};
enum compare_segment {
    COMPARE_REST,
    COMPARE_CC,
    COMPARE_CV,
    COMPARE_PULSE, /* a charge or discharge of up to two minutes */
    COMPARE_DRIVE, /* both directions in one step */
    COMPARE_SEGMENTS
};
enum compare_verdict {
    COMPARE_NONE, /* nothing was judged */
    COMPARE_PASS,
    COMPARE_WARN,
    COMPARE_FAIL
};
extern const char *const compare_segment_names[], *const compare_verdict_names[];

struct compare_limits {
    double band_v, rmse_v; /* rmse_v infinite: none */
    double k;              /* times u */
    double sigma_v;        /* of the other side; NaN: not known */
    double mask_s;
    double pass, warn;   /* shares */
    double from_s, to_s; /* only rows between are judged; a model starts at from_s */
};
/* 50 mV, no RMSE, k 2, 200 ms, 0.95 and 0.90, the whole recording. */
void compare_limits_default(struct compare_limits *ret);

struct compare_row {
    double t_s, axis;           /* axis: s or Ah, by `by`, of the whole recording */
    double measured_v, other_v; /* NaN: none */
    double current_a, band_v;
    uint32_t step; /* index, from 0 */
    uint8_t segment;
    bool judged;
};
struct compare_scores {
    size_t n, n_inside; /* judged */
    double rmse_v, mae_v, max_v, max_at_s, bias_v;
    double nrmse;         /* over the span of the measured voltage */
    double energy_error;  /* of what flowed in either direction: other over measured, less 1 */
    double durbin_watson; /* 2: residuals that do not follow one another; 0: they do */
    enum compare_verdict verdict;
};
struct compare {
    enum compare_by by;
    struct compare_limits limits;
    size_t n, n_unmatched; /* rows; those at which the other had nothing */
    struct compare_row *row;
    struct compare_scores total, segment[COMPARE_SEGMENTS];
    double start_soc; /* of a model; NaN */
};

enum compare_start {
    COMPARE_FROM_OCV, /* of the rest that it begins with: its last row */
    COMPARE_FRESH,
    COMPARE_AT_SOC
};
struct compare_model {
    const struct cell_model *model;
    enum compare_start start;
    double soc;
    double lead_ohm; /* of the set-up, in the measured voltage and not in the cell */
    double temperature_k, pressure_pa; /* where the recording has none; NaN: the model's own */
};

/* E_INVALID: it does not begin at rest. ret is for compare_done(). */
int compare_with_model(const struct recording *r, const struct compare_model *how,
                       enum compare_by by, const struct compare_limits *limits, struct compare *ret,
                       struct diag *reterr) MUST_USE;
/* E_MISMATCH, by charge or step: their steps are not of the same kinds in the same order. */
int compare_recordings(const struct recording *r, const struct recording *other, enum compare_by by,
                       const struct compare_limits *limits, struct compare *ret,
                       struct diag *reterr) MUST_USE;
void compare_done(struct compare *c); /* takes a zeroed one */

/* The worst segment that has been judged; COMPARE_SEGMENTS: none. */
enum compare_segment compare_worst(const struct compare *c);

#endif
