/* procedures/engine/run_priv.h - what the files of the run share.
 *
 *   run.c         one event: bookkeeping, the cell of the table, handlers
 *   table.c       state x event
 *   change.c      pausing, resuming, tripping, ending
 *   preflight.c   what has to be true before current flows; proof.c: the pulse that proves the leads
 *   run_flow.c    the flat program between acts
 *   act.c         an act: entering, ending; drive.c: what it needs; profile_run.c: an act that
 * follows a profile; sets.c: its sets, ramps and their answers count.c       charge and energy; eval.c: expressions; window.c: windows guard.c
 * guards, staleness, stuck values, watch rules record.c      which samples are kept, how fast to
 * poll derive.c      what is found once from the program checkpoint.c, progress.c, story.c
 */
#ifndef PROCEDURES_ENGINE_RUN_PRIV_H
#define PROCEDURES_ENGINE_RUN_PRIV_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "procedures/engine/run.h"

#include <math.h>
#include <string.h>

enum {
    EVAL_STACK = 32,
    FLOW_BUDGET = 512,  /* steps of one feed; the rest on the next timer */
    EFFECTS_SPARE = 24, /* room kept for what an event may still need */
};
#define SET_TIMEOUT_S     30.0
#define SENSE_TIMEOUT_S   30.0 /* pre-flight, first OCV, recovery */
#define RAMP_TICK_S       1.0
#define STALE_TRIP_FACTOR 3 /* times stale_s more, then a trip */

/* Seconds of the instruments' time as run time. */
static inline nsec real_time(const struct program *p, double s)
{
    return nsec_from_s(p->station.speed > 1.0 ? s * p->station.speed : s);
}

enum ready_phase {
    READY_SENSE,
    READY_BEFORE
};
enum armed_phase {
    ARMED_LIMITS,
    ARMED_OCV,
    ARMED_NARROW, /* the voltage limit, wide open for the look, becomes the article's */
    ARMED_CHECKS
};

/* The pulse that proves the leads, between two acts. */
enum proof_phase {
    PROOF_DUE,
    PROOF_RESTING, /* until the voltage is known without current */
    PROOF_SETTING,
    PROOF_ON,
    PROOF_LEAVING,
    PROOF_SETTLING, /* acts begin from a voltage without current */
    PROOF_DONE
};

/* What a cell of the table does. */
enum deed {
    DEED_NOTHING,
    DEED_START,
    DEED_TIMER,
    DEED_SAMPLE,
    DEED_EDGE,
    DEED_CONFIRMED,
    DEED_SET_BAD,
    DEED_LOST,
    DEED_BACK,
    DEED_ALARM,
    DEED_LOCAL,
    DEED_REBOOT,
    DEED_WRONG,
    DEED_OPERATOR,
    DEED_TRIP,
    DEED_SAFE_DONE,
    DEED_BEHIND,
    DEED_STORE_OK,
    DEED_RESUMED,
    DEED_NOTE,
    DEED_COUNT
};
struct transition {
    uint8_t deed;
    const char *text;
};
extern const struct transition run_table[RUN_STATE_COUNT][EV_KIND_COUNT];

/* One feed under way. */
struct feed {
    struct run *r;
    const struct program *p;
    const struct event *e;
    struct effect_list *fx;
    /* Whoever carries the effects out looks at run->now and run->summary: of each kind one in an
     * event, and a row before its act ends. The rest waits for the next event. */
    bool step_begun, step_ended, recorded;
    bool full; /* a step found no room for its effects */
};

struct why {
    enum cause cause;
    text_id text;
    chan_id chan;
    uint16_t group;
    double value;
};
#define WHY(c)                        \
    ((struct why){.cause = (c),       \
                  .text = PROG_NONE,  \
                  .chan = CHAN_NONE,  \
                  .group = PROG_NONE, \
                  .value = (double)NAN})

struct effect *fx_add(struct feed *f, enum effect_kind kind, bool durable);
bool fx_room(const struct feed *f);

static inline void sum_add(struct run_sum *s, double v)
{
    double y = v - s->comp, t = s->sum + y;

    s->comp = (t - s->sum) - y;
    s->sum = t;
}

static inline bool is_electrical(const struct act *a)
{
    return a->verb == VERB_CHARGE || a->verb == VERB_DISCHARGE || a->verb == VERB_HOLD ||
           a->verb == VERB_CURRENT || a->verb == VERB_PULSE || a->verb == VERB_DRIVE;
}
/* NULL when the step under way is no act. */
static inline const struct act *act_of(const struct run *r, const struct program *p)
{
    return r->step < p->n_steps && p->steps[r->step].op == OP_ACT ? &p->acts[p->steps[r->step].a]
                                                                  : NULL;
}
/* While one is under way. */
static inline const struct act *act_now(const struct run *r, const struct program *p)
{
    return &p->acts[p->steps[r->step].a];
}
static inline bool mode_is(const struct run *r, const struct program *p, enum cycler_mode m)
{
    return p->role.mode != CHAN_NONE && fabs(r->written[p->role.mode] - (double)m) < 0.5;
}
static inline bool output_at_rest(const struct run *r, const struct program *p)
{
    return p->role.mode == CHAN_NONE || mode_is(r, p, CYCLER_REST) || mode_is(r, p, CYCLER_OFF);
}

/* eval.c. hold NULL: hold timers are not touched; else they are the run's own. r NULL: nothing of a
 * run is known. */
double expr_value(const struct run *r, const struct program *p, expr_id x, struct run_hold *hold);
bool expr_true(struct run *r, const struct program *p, expr_id x); /* touches hold timers */
void expr_reset_holds(struct run *r, const struct program *p, expr_id x);
/* Does the expression, or a window in it, contain such an instruction? */
bool expr_has(const struct program *p, expr_id x,
              bool (*test)(const struct program *, const struct insn *));
uint64_t expr_chans(const struct program *p,
                    expr_id x); /* bit per channel read, windows included */
uint32_t expr_windows(const struct program *p,
                      expr_id x); /* bit per window, windows in windows included */
int expr_validate(const struct program *p, expr_id x, struct diag *reterr) MUST_USE;

/* window.c */
double window_value(const struct run *r, const struct program *p, uint16_t w);
void windows_feed(struct run *r, const struct program *p, uint16_t group);
void window_reset(struct run_window *w);

/* derive.c */
void run_derive(struct run *r, const struct program *p);

/* count.c */
void count_sample(struct run *r, const struct program *p, nsec stamp);
void count_edge(struct run *r, nsec stamp, bool closed);
void count_limit(struct run *r, double lo_a, double hi_a);
/* When the current last changed in this transition; now, when nothing was told. */
nsec count_boundary(const struct run *r);
void count_close(struct run *r, nsec t); /* all that flowed up to t is added */
void count_begin(struct run *r,
                 nsec t); /* the step's counters; what flowed since an edge at t is theirs */
void count_end(struct run *r, nsec t);

/* sets.c */
void want_add(struct feed *f, chan_id chan, double value);
void want_clear(struct run *r);
void want_rest(struct feed *f); /* output to 0 A, when it is not there */
void want_rest_anew(struct feed *f);
/* Sends the next set, or skips those that are there already. True: nothing is left and none is
 * under way. */
bool want_pump(struct feed *f);
bool want_check(const struct program *p, chan_id chan, double value, int direction);
void set_confirmed(struct feed *f);
void set_bad(struct feed *f);
void set_timer(struct feed *f);
void ramp_cancel(struct run *r, chan_id chan);
void ramp_start(struct feed *f, chan_id chan, double to, double per_s);
double ramp_from(const struct run *r, const struct program *p, chan_id chan);
void ramps_tick(struct feed *f);
nsec ramps_wake(const struct run *r);
bool ramps_moving(const struct run *r);
void ramps_shift(struct run *r, nsec by);

/* act.c */
void act_enter(struct feed *f);
void act_begin(struct feed *f);
void act_end(struct feed *f, enum cause cause, text_id name);
bool act_finish_fits(const struct feed *f);
void act_finish(struct feed *f); /* its leaving sets are confirmed */
void act_resume(struct feed *f);
/* Does it end with this sample or at this time? name: of the end; step: where to go on when a block
 * ends, else PROG_NONE. */
enum cause act_verdict(struct feed *f, text_id *ret_name, step_id *ret_step);
void act_sample(struct feed *f); /* extremes, saves at a time, rates that follow the voltage */
void act_timeout(struct feed *f);
bool act_ends_at_once(const struct run *r, const struct program *p);
/* drive.c */
void act_wants(struct feed *f, const struct act *a, bool electrical_only);
/* A voltage source of this level with these limits. */
struct limit_wish {
    chan_id chan;
    double value;
};
void source_wants(struct feed *f, const struct limit_wish *w, size_t n, double level_v);
/* profile_run.c */
void drive_wants(struct feed *f, const struct act *a);
bool drive_tick(struct feed *f); /* the row that is due; true: there is something to do */
nsec drive_wake(const struct run *r, const struct program *p);
int drive_way(const struct program *p, const struct act *a); /* 0: both */
bool drive_discharges(const struct program *p, const struct act *a);
/* Power and resistance: the current limit follows the voltage. */
void act_follow(struct feed *f, const struct act *a);
/* Ends without its saves, to be done again from `next`. */
void act_abandon(struct feed *f, step_id next);
void reg_put(struct feed *f, reg_id reg, double v);

/* run_flow.c */
void flow_advance(struct feed *f); /* until something is waited for */
void flow_to_end(struct feed *f, enum verdict v, enum cause cause);
void flow_answer(struct feed *f);
enum cause flow_stop_when(struct feed *f, text_id *ret_name, step_id *ret_step);

/* change.c */
void run_enter(struct feed *f, enum run_state s);
void run_stop(struct feed *f, enum verdict v, struct why why);
void run_pause(struct feed *f, struct why why);
void run_resume(struct feed *f);
void pause_settle(struct feed *f);
void run_safe_done(struct feed *f);
void run_forget_sets(struct feed *f);
void run_restarted(struct feed *f, nsec was); /* was: the moment before the gap */
void run_end(struct feed *f);
void run_alarm(struct feed *f, enum alarm_level level, struct why why);
void run_arm(struct feed *f);
void arm_pump(struct feed *f);
void ready_look(struct feed *f);
void recover_look(struct feed *f);

/* preflight.c */
bool preflight_sensors(struct feed *f); /* false: refused */
double preflight_look_v(const struct program *p); /* the voltage limit while the resting cell is looked at */
void preflight_windows(struct feed *f); /* the article's window into the instrument, at rest */
/* The same where a restart has left it open what the instrument holds. */
void preflight_windows_anew(struct feed *f);
/* Is this the voltage of the article at rest? false: refused. */
bool preflight_ocv(struct feed *f, double v);
void proof_sample(struct feed *f); /* before the guards see it */
bool proof_holds(struct feed *f);  /* true: the flow waits for the pulse */
void proof_reset(struct run *r);
/* May current flow in this direction (+1, -1, 0 either)? false: refused. */
bool preflight_temperature(struct feed *f, int direction);
bool press_disagrees(struct run *r, const struct program *p);

/* guard.c */
bool guards_sample(struct feed *f); /* true: tripped (or refused); the sample causes nothing else */
void guards_timer(struct feed *f);
bool guards_missing(const struct run *r, const struct program *p);
nsec guards_wake(const struct run *r, const struct program *p);
void stuck_sample(struct feed *f);
void watches_sample(struct feed *f);

/* record.c */
void record_sample(struct feed *f, bool last);
void record_begin(struct feed *f);
void record_poll(struct feed *f, bool ending);

#endif
