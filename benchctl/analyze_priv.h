/* benchctl/analyze_priv.h - what the files of the subcommand analyze share. */
#ifndef BENCHCTL_ANALYZE_PRIV_H
#define BENCHCTL_ANALYZE_PRIV_H

#include "analysis/cycles.h"
#include "analysis/ica.h"
#include "benchctl/page.h"

struct analyze_wish {
    enum cycle_order order;
    double v_min, v_max; /* NaN: as the recording has them */
    double r_ohm;        /* taken out of the voltage before dQ/dV */
    double grid_v;       /* 0: usual */
    unsigned window;     /* 0: usual */
    bool points;         /* the curves instead of their peaks */
};

/* Each fills a sheet from a recording; 0 or negative. */
int analyze_cycles(const struct recording *r, const struct analyze_wish *w, struct page *s,
                   struct diag *reterr) MUST_USE;
int analyze_steps(const struct recording *r, const struct analyze_wish *w, struct page *s,
                  struct diag *reterr) MUST_USE;
int analyze_resistance(const struct recording *r, const struct analyze_wish *w, struct page *s,
                       struct diag *reterr) MUST_USE;
int analyze_ica(const struct recording *r, const struct analyze_wish *w, struct page *s,
                struct diag *reterr) MUST_USE;
int analyze_dva(const struct recording *r, const struct analyze_wish *w, struct page *s,
                struct diag *reterr) MUST_USE;
int analyze_heat(const struct recording *r, const struct analyze_wish *w, struct page *s,
                 struct diag *reterr) MUST_USE;
int analyze_groups(const struct recording *r, const struct analyze_wish *w, struct page *s,
                   struct diag *reterr) MUST_USE;
/* Cycles from the step summaries of the file, without its rows. */
int analyze_summaries(struct run_file *f, struct page *s, struct diag *reterr) MUST_USE;

/* "1 mV" from the resolution, and whether the instrument states what it is good for. */
void analyze_note_accuracy(struct page *s, bool stated, const struct recording_accuracy *voltage,
                           const struct recording_accuracy *current);

#endif
