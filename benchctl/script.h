/* benchctl/script.h - what a rehearsal does to itself: faults and operator's words at run times, and prepared answers. */
#ifndef BENCHCTL_SCRIPT_H
#define BENCHCTL_SCRIPT_H

#include "benchctl/session.h"

struct script {
    unsigned n;
    struct script_item item[SCRIPT_MAX]; /* sorted by time */
};
/* "smu lost at 2 h", "smu late 3 replies at 2 h" (line faults: so many replies, else for ever), "oven stuck at 3 h for 10 min" (then it ends), "dio.1 opens at 1 h". */
int script_faults(struct script *s, const struct bench *b, const char *const *words, unsigned n, struct diag *reterr) MUST_USE;
/* One of them; unsaid_s: its time where none is said, NaN: it has to be. */
int script_fault(struct script *s, const struct bench *b, const char *words, double unsaid_s, struct diag *reterr) MUST_USE;
/* "WORDS at TIME [for TIME]": *ret_n is the length of WORDS. for: infinite where it is not said. E_NOENT: no time is said and unsaid_s is NaN. */
int script_times(const char *words, double unsaid_s, size_t *ret_n, double *ret_at_s, double *ret_for_s, struct diag *reterr) MUST_USE;
/* "pause at 2 h" resume, skip, stop (after the step), abort. */
int script_operator(struct script *s, const char *const *words, unsigned n, struct diag *reterr) MUST_USE;

/* Answers to questions by the register they are saved in, or by the question's text: yes, a number with unit, a choice, a text. */
struct answers {
    struct conf_doc doc;
};
int answers_load(struct answers *a, const char *path, struct diag *reterr) MUST_USE;
void answers_done(struct answers *a);
int answers_find(const struct answers *a, const struct program *p, const struct question *q, double *ret_value) MUST_USE;

#endif
