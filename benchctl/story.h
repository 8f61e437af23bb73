/* benchctl/story.h - one run read into memory for show and plot: everything but its samples. */
#ifndef BENCHCTL_STORY_H
#define BENCHCTL_STORY_H

#include "benchctl/look.h"

struct story {
    struct run_info info;
    struct list cycles;   /* struct cycle_row */
    struct list steps;    /* struct step_row */
    struct list measures; /* struct measure_row */
    struct list notes;    /* struct note_row */
    struct list channels; /* struct channel_row */
    struct contact_rows resistance;
    bool has_fit; /* enough pressures; fit.identifiable says whether it means anything */
    struct contact_fit fit;
};

/* 0 or negative; the story is empty then. */
int story_read(struct run_file *f, struct story *ret, struct diag *reterr) MUST_USE;
void story_done(struct story *s);

const struct cycle_row *story_cycle(const struct story *s, size_t i);
/* The last resistance that was measured in a cycle; NaN. */
double story_cycle_r_ohm(const struct story *s, uint32_t cycle);
/* "R 10 s" for r_10; else the register's name. */
const char *story_r_title(const struct story *s, char *buf, size_t size);
/* "R = 12.0 + 10.1 (P/5 MPa)^-0.67", with `pm` before the standard errors ("+-"). ohm: the unit's
 * spelling. */
const char *story_fit_text(const struct contact_fit *fit, const char *pm, const char *ohm,
                           char *buf, size_t size);

#endif
