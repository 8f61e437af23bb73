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
/* One line: "a 12.41 +- 0.16 ohm, b 9.97 +- 0.15 ohm, m 0.671 +- 0.006". */
const char *story_fit_text(const struct contact_fit *fit, char *buf, size_t size);
/* "12.41 +- 0.16 ohm": which is 0 for a, 1 for b, 2 for m. */
const char *story_fit_part(const struct contact_fit *fit, unsigned which, char *buf, size_t size);
/* What a step is called; of an import that has no word for it, by what its rows do. */
const char *story_step_text(const struct story *s, const struct step_row *step, char *buf,
                            size_t size);
/* How a step ended, in the words of the procedure: a condition that came true stands for itself. */
const char *story_end_text(const struct step_row *s, char *buf, size_t size);
/* Of an import: the file does not say when it was recorded; the start is that of the import. */
bool story_start_unknown(const struct story *s);
/* A figure in the unit it was stored in, shown as the house shows it. */
const char *story_value_text(double value, const char *unit, char *buf, size_t size);

#endif
