/* benchctl/foreign.h - procedures of other programs: PyBaMM experiments and unicycler protocols.
 *
 * Import: text -> list -> our YAML. Export: compiled program -> list -> text. The list holds what
 * both sides can say: charge, discharge, hold, rest, repetition. It is here and not in the engine's
 * room because the engine knows one language, and this is an edge as the bench file is. What cannot
 * be said is a finding with its place; nothing is left out without one.
 */
#ifndef BENCHCTL_FOREIGN_H
#define BENCHCTL_FOREIGN_H

#include "base/conf.h"
#include "base/str.h"
#include "procedures/engine/program.h"

enum foreign_form {
    FOREIGN_PYBAMM,
    FOREIGN_UNICYCLER,
    FOREIGN_FORMS
};
extern const char *const foreign_names[]; /* "pybamm", "unicycler", NULL */

enum foreign_kind {
    FOREIGN_CHARGE,
    FOREIGN_DISCHARGE,
    FOREIGN_HOLD,
    FOREIGN_REST,
    FOREIGN_REPEAT, /* begins `turns` turns of what follows, up to its FOREIGN_END */
    FOREIGN_END,
    FOREIGN_REMARK, /* says nothing but its origin */
};
enum {
    FOREIGN_STEPS_MAX = 2000,
    FOREIGN_DEPTH_MAX = 12,    /* repetitions in each other */
    FOREIGN_TURNS_MAX = 100000 /* of one repetition */
};

/* Times, voltages and temperatures that are not given are NaN. */
struct foreign_step {
    enum foreign_kind kind;
    double at; /* charge, discharge: magnitude, SI; hold: V */
    struct dims dims;
    double for_s;
    double end_v;  /* ends at this voltage */
    char end_sign; /* '<' or '>' where it is written; 0: the step's own direction */
    double taper;  /* of a hold, magnitude */
    struct dims taper_dims;
    double period_s;
    double temperature_k;
    unsigned turns;
    const char *name;    /* of a repetition; may be NULL */
    const char *origin;  /* as it was written, for the comment */
    struct diag_pos pos; /* where */
};

struct foreign {
    struct arena arena;
    struct conf_doc doc; /* of JSON: places stand in it */
    struct foreign_step *step;
    unsigned n, room;
    double period_s, delta_v, delta_a; /* record; NaN: not said */
    struct range guard_v, guard_a;
    double guard_s;
    double capacity_c; /* the C of its C-rates; NaN: the article's */
    double stop_v;     /* all ends below this voltage, after this time; NaN: not said */
    double stop_s;
    bool period_default; /* period_s is the other program's habit, not the file's word */
};

void foreign_init(struct foreign *f);
void foreign_done(struct foreign *f);
struct foreign_step foreign_blank(enum foreign_kind kind);
/* E_FULL with a finding when there are too many. */
int foreign_add(struct foreign *f, struct foreign_step s, struct diag *reterr) MUST_USE;

/* ---- Values, as texts that read back to the same double (foreign_text.c) ---- */

enum {
    FOREIGN_TEXT = 48
};
/* "C/10", "0.2C", "50 mA", "4.1 V", "2 W", "4 ohm", "25 degC", "12.3 mAh", "90 min". Returns buf,
 * which has FOREIGN_TEXT bytes. */
const char *foreign_text(double si, struct dims d, char *buf);
/* The number of that text in a unit of the other program. */
double foreign_number(double si, const char *unit);
bool foreign_same(double a, double b); /* NaN is the same as NaN */
/* A step without a duration of its own: when the run pauses. PyBaMM's habit: twice the nominal time
 * of a C-rate, a day for all else. */
double foreign_timeout_s(const struct foreign_step *s);
/* The largest current of the hold i: that of the charge or discharge before it which ends at the
 * voltage that is held; NULL: only the article's. */
const struct foreign_step *foreign_lead_in(const struct foreign *f, unsigned i);

/* ---- Import ---- */

/* Which of them a text is. */
enum foreign_form foreign_guess(const char *text, size_t n);
/* 0, or negative with findings; on 0 there may be warnings. `file` is what messages call it. */
int foreign_read(enum foreign_form form, const char *file, const char *text, size_t n,
                 struct foreign *ret, struct diag *reterr) MUST_USE;
/* Our YAML. `name`: of the procedure. */
void foreign_to_yaml(const struct foreign *f, enum foreign_form form, const char *name,
                     const char *file, struct text *out, struct diag *reterr);
/* The name of a procedure from the name of a file. */
void foreign_procedure_name(const char *file, char *buf, size_t size);

/* ---- Export ---- */

/* lossy: what the other form cannot say and that only acts in trouble or aside (guards, chamber,
 * press, questions, checks) is left out with a warning instead of being refused. doc: the main
 * file, for places. */
int foreign_from_program(const struct program *p, const struct conf_doc *doc,
                         enum foreign_form form, bool lossy, struct foreign *ret,
                         struct diag *reterr) MUST_USE;
int foreign_write(const struct foreign *f, enum foreign_form form, const char *name,
                  struct text *out, struct diag *reterr) MUST_USE;

#endif
