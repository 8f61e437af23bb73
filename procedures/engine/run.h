/* procedures/engine/run.h - one procedure on one article, as a pure state machine.
 *
 *     run_feed(run, program, event, effects): same run and same event give the same run and the same effects.
 *
 * No clock, no I/O, no allocation, no pointers inside struct run: a run is a value. It can be copied, compared, encoded into a checkpoint and fed
 * again; tests do all four after every event.
 *
 * The caller promises:
 *   1. events of one run come in the order of their `seq`, with `at` never falling (a sample's own stamp may be a little earlier: it is clipped to the last event's time);
 *   2. an effect with needs_durable leaves only when the store has made event `seq` durable, and in order;
 *   3. SAFE leaves at once, and every effect of this run still waiting, and every job of its instruments below class SAFE, is dropped;
 *   4. every SET is answered by exactly one SET_CONFIRMED, SET_MISMATCH, SET_REFUSED or SET_FAILED with its token;
 *   5. it asks run_next_wake() after each feed and sends EV_TIMER then.
 *
 * Order on a group of samples: quality -> guards -> accumulators -> step conditions -> watch rules -> recording. A trip wins over everything the same
 * samples would also have caused.
 *
 * Acting: an act's sets go out one after the other, each when the one before is confirmed; the act's time begins with the last confirmation. Before any act that is not electrical the
 * output goes to rest (0 A). When the output is a voltage source already, a smaller current limit goes before the voltage, a larger one after it.
 *
 * Ending: an electrical act ends when its leaving set is confirmed, so that its summary and its saves of charge and energy hold all that flowed. It leaves to rest; only an act without
 * saves that is followed at once by another electrical act goes straight over. docs/ENGINE.md has the whole story.
 */
#ifndef PROCEDURES_ENGINE_RUN_H
#define PROCEDURES_ENGINE_RUN_H

#include "base/nsec.h"
#include "procedures/engine/program.h"

enum {
    RUN_QUEUE_MAX = 32,   /* sets of one act still to go */
    RUN_RAMPS_MAX = 3,
    WINDOW_SLOTS = 32,
    EFFECTS_MAX = 64,
    RUN_ENCODED_MAX = 65536,
};

enum run_state {
    RUN_NEW,        /* compiled, bound to channels */
    RUN_READY,      /* pre-flight: identities seen, sensors alive, `before` checks and questions; nothing written */
    RUN_ARMED,      /* instrument-side limits set and read back, output at rest; OCV in the article's window */
    RUN_RUNNING,
    RUN_PAUSED,     /* output at zero current, the rest keeps its set-points, guards stay */
    RUN_SAFING,     /* safe sequence under way; nothing stops it */
    RUN_ENDED,
    RUN_RECOVERING, /* after a restart: read back, compare, then the policy */
    RUN_STATE_COUNT
};

/* Three words that are never mixed, and the exit codes that follow from them. */
enum verdict { VERDICT_NONE, VERDICT_DONE, VERDICT_REJECTED, VERDICT_ABORT, VERDICT_TRIP, VERDICT_FAIL };
const char *verdict_text(enum verdict v); /* "done", "tripped" ... */

/* ---- Events: the only way in --------------------------------------------------------------------- */

enum event_kind {
    EV_START,         /* instruments identified */
    EV_TIMER,
    EV_SAMPLE,        /* one group */
    EV_EDGE,          /* the current of chan opened (value 0) or closed/changed (1) at stamp */
    EV_SET_CONFIRMED, /* chan, token, value; stamp: when it became true */
    EV_SET_MISMATCH,  /* chan, token, value: what it is instead */
    EV_SET_REFUSED,
    EV_SET_FAILED,    /* no answer */
    EV_INST_LOST,     /* code: group; its channels go stale by their own limits. value 1: a cycler that was told blindly to switch off */
    EV_INST_BACK,     /* what its set channels stand at is not trusted any more */
    EV_INST_ALARM,    /* code: group, value: the instrument's code */
    EV_INST_LOCAL,
    EV_INST_REBOOT,
    EV_INST_WRONG,
    EV_OPERATOR,      /* code: enum op; ANSWER: token, value */
    EV_TRIP,          /* from outside the run: interlock, bench guard; code: enum cause */
    EV_SAFE_DONE,     /* value 1: every action answered well; 0: not */
    EV_STORE_BEHIND,
    EV_STORE_OK,
    EV_RESUMED,       /* after a restart; value: gap in s */
    EV_KIND_COUNT
};
enum op { OP_PAUSE, OP_RESUME, OP_SKIP, OP_STOP_AFTER_STEP, OP_ABORT, OP_ANSWER };

struct event {
    uint64_t seq;     /* of this run, from 1, without gaps: the journal's key */
    nsec at;          /* when it is fed */
    nsec stamp;       /* SAMPLE, EDGE, SET_CONFIRMED: when it was true at the instrument */
    uint16_t kind;    /* enum event_kind */
    uint16_t code;    /* group of a SAMPLE and of INST_*; enum op; enum cause of a TRIP */
    chan_id chan;     /* SET_*, EDGE */
    uint16_t n;       /* SAMPLE: values, in the group's order */
    uint32_t token;   /* SET_*: the effect's; ANSWER: the question's */
    double value;
    double sample[GROUP_CHANS_MAX];      /* SI; NaN where quality is not ok */
    uint8_t quality[GROUP_CHANS_MAX];
};

/* ---- Effects: the only way out ---------------------------------------------------------------------- */

enum effect_kind {
    FX_SET,          /* chan, value, token */
    FX_SAFE,         /* walk the bench's safe sequence for this station; cause in code */
    FX_POLL_PERIOD,  /* group in code, value: period in s */
    FX_RECORD,       /* write the row of group `code` now: values of this event; step; v: charge_c and energy_j of the step, cycle, number of the act (0: between acts) */
    FX_STEP_BEGIN,   /* step; text: the act's name; token: number of the act; its sets are confirmed */
    FX_STEP_END,     /* step; code: cause, text: name of the end; figures in run->summary */
    FX_REGISTER,     /* chan: register, value */
    FX_MEASURE,      /* text: name, value; code: index of the measure */
    FX_NOTE,         /* code: template, values in v[] */
    FX_ALARM,        /* code: template (values in v) or PROG_NONE with text; level in chan; value: cause, CAUSE_NONE for those of the procedure */
    FX_ASK,          /* code: question, token */
    FX_STATE,        /* code: enum run_state entered; text; value: cause; chan: the channel it is about, or CHAN_NONE */
    FX_END,          /* code: verdict, value: cause, text, chan as FX_STATE; token: index of the ending or PROG_NONE, with the values of its reason in v; the last effect of a run */
    FX_KIND_COUNT
};
struct effect {
    uint8_t kind;
    bool needs_durable; /* false for FX_SAFE and for every effect that takes energy away */
    uint16_t code;
    chan_id chan;
    text_id text;
    step_id step;
    uint32_t token;
    double value;
    double v[4];
};
struct effect_list {
    uint16_t n;
    bool overflow; /* a bug; asserted in tests */
    struct effect fx[EFFECTS_MAX];
};

/* ---- The run ------------------------------------------------------------------------------------------ */

struct run_chan {
    double value;      /* NaN when not ok */
    double raw;        /* last good value, for STUCK: how long it has been exactly the same */
    nsec at;           /* of the last sample */
    nsec changed_at;
    uint32_t same;     /* good samples since then */
    uint8_t quality;
    uint8_t seen;
};
struct run_sum {       /* Kahan sum */
    double sum, comp;
};
struct run_tally {     /* what flowed: signed, and by direction */
    struct run_sum charge_c, energy_j, in_c, out_c, in_j, out_j;
};
struct run_charge {    /* coulomb counter, trapezoid between samples, held across edges */
    struct run_sum charge_c, energy_j;          /* signed, of the step */
    struct run_sum in_c, out_c, in_j, out_j;    /* whole run, by direction */
    struct run_tally tail;                      /* since the last edge: it belongs to the act that begins there */
    double last_a, last_v;                      /* NaN last_a: the next sample's value holds back to last_at */
    nsec last_at, open_at, close_at;            /* first opening and last edge since the last sample; NSEC_NEVER: none */
    nsec edge_at;                               /* last edge of all */
    uint8_t valid, open, counting;              /* open: no current can flow; counting: a step is under way */
};
struct run_hold {
    nsec since;        /* NSEC_NEVER: not true */
};
struct run_window {
    nsec began, next;  /* next slot due */
    double sum, weight, extreme;
    double last_v;
    nsec last_at, slot_at; /* slot_at: start of the slot being filled */
    uint16_t n, head;
    nsec t[WINDOW_SLOTS]; /* ends of the slots */
    double v[WINDOW_SLOTS];
};
struct run_loop {
    block_id block;
    uint32_t turn, turns;
    double value;      /* LOOP_RANGE */
};
struct run_ramp {
    chan_id chan;
    uint8_t active;
    double from, to, per_s;
    nsec since, tick_at;
};
struct run_want {      /* a set still to go, or waiting for its answer */
    chan_id chan;
    double value;
};
struct run_record {    /* per group */
    nsec last_at;
    double last_v[GROUP_CHANS_MAX];
    uint8_t any;       /* 0: the next sample is the first of the act */
};

/* What a step ended with; valid right after the feed that has FX_STEP_END: an event has one end and one begin at most, and no row of a step after its end. */
struct run_summary {
    step_id step;
    uint16_t cause;
    text_id end_name;
    uint32_t cycle, number; /* number: of acts executed, from 1 */
    nsec began, ended;
    double charge_c, energy_j; /* signed */
    double in_c, out_c, in_j, out_j;
    double v_first, v_last, v_min, v_max, i_min, i_max, t_min_k, t_max_k, p_min_pa, p_max_pa, p_mean_pa;
};

enum acting {
    ACTING_NONE,      /* between acts: the flow goes on, or a question is open */
    ACTING_ENTERING,  /* the act's sets go out */
    ACTING_ON,
    ACTING_LEAVING,   /* its end is decided; the output goes to rest */
    ACTING_FINISHING, /* the run's last set: output off */
};

/* Found once from the program, so that a sample costs little. Not part of a checkpoint. */
struct run_derived {
    uint64_t guards_of[STATION_GROUPS_MAX];  /* bit per guard */
    uint32_t windows_of[STATION_GROUPS_MAX]; /* bit per window */
    uint32_t windows_of_acts;                /* filled anew in each act */
    uint64_t guards_electrical;              /* not judged while the output is off */
    uint64_t used_chans;                     /* read by some expression */
    uint32_t guarded_groups;                 /* bit per group */
    uint16_t cycler_group, model_group;      /* PROG_NONE: there is none */
    text_id one_c_name;                      /* of the registers that change the base of C; PROG_NONE: there are none */
    nsec stale[STATION_CHANS_MAX];           /* per read channel */
    nsec group_stale[STATION_GROUPS_MAX], group_trip[STATION_GROUPS_MAX];
};

struct run {
    uint64_t seq;          /* last event taken */
    uint64_t guard_evaluations;
    nsec at, moment;       /* of the last event; what expressions take as now */
    nsec started_at, paused_since, safing_since, phase_since;
    uint8_t state, paused_state, verdict, final_verdict;
    uint8_t stop_after_step, acting, in_at_end, asking, skipping;
    uint8_t crossing;      /* an electrical act ended straight into the next: the last confirmation ends the one and begins the other */
    uint8_t abandoned;     /* the act under way ends without its saves: it is done again */
    uint8_t resuming;      /* the sets of the act under way go out again */
    uint8_t flow_due;      /* too much for one event: goes on with the next timer */
    uint8_t proof;         /* enum proof_phase: the pulse that proves the leads */
    nsec proof_at;         /* since when the phase lasts */
    double proof_v, proof_a; /* voltage before it; its current, signed */
    nsec press_off_since;  /* force and regulator do not agree since; NSEC_NEVER */
    uint8_t rest_due;      /* PAUSED: the cycler did not answer; rest is asked for again when it is back */
    uint16_t end_cause;    /* of a normal end: CAUSE_DONE, _END, _TIMEOUT, _OPERATOR */
    uint16_t cause;        /* of the last pause, trip, failure or abort */
    text_id cause_text;
    chan_id cause_chan;    /* CHAN_NONE: none */
    uint16_t cause_group;  /* PROG_NONE: none */
    double cause_value;    /* the value that was wrong; NaN: none */
    double gap_s;          /* RECOVERING: how long nobody was there */
    uint16_t phase;        /* inside READY, ARMED, RECOVERING: how far */
    step_id step, next_step; /* next_step: where an ended act goes on */
    nsec act_began;        /* NSEC_NEVER: its sets are still going out; moved by pauses */
    nsec act_entered, act_paused_at; /* act_paused_at: its time stands still since; NSEC_NEVER */
    nsec for_at, least_at, timeout_at; /* of the act; NSEC_NEVER: none */
    nsec change_at;        /* first set of this transition sent: edges from then on divide two acts */
    uint16_t n_want, want_at;
    uint32_t token, next_token; /* token of the set under way, 0: none */
    nsec set_sent_at;
    struct run_want want[RUN_QUEUE_MAX];
    uint32_t saves_done;   /* bit per save of the act */
    uint16_t last_cause;   /* of the act that ended last */
    text_id last_end;
    uint32_t cycle, acts_done;
    uint8_t discharged_in_cycle;
    double one_c_a, soc_c; /* soc_c: charge below full; NaN unknown */
    double rest_v, rest_a; /* last good sample before the act */
    double setpoint[STATION_CHANS_MAX]; /* as confirmed (ramps: target); NaN unknown */
    double written[STATION_CHANS_MAX];  /* last confirmed value */
    uint32_t question_token;
    uint16_t question;
    nsec question_until;
    uint16_t ending;       /* index of the ending reached, PROG_NONE */
    double reason_v[4];
    struct run_loop loop[PROG_DEPTH_MAX];
    struct run_chan chan[STATION_CHANS_MAX];
    nsec group_at[STATION_GROUPS_MAX];
    uint8_t group_lost[STATION_GROUPS_MAX];
    double group_period_s[STATION_GROUPS_MAX];
    struct run_charge count;
    struct run_tally base; /* of the run when the act began: for in and out of the summary */
    double p_sum;
    uint32_t p_n;
    struct run_hold hold[PROG_HOLDS_MAX];
    struct run_hold guard[PROG_GUARDS_MAX], guard_invalid[PROG_GUARDS_MAX];
    uint8_t watch_on[PROG_WATCHES_MAX];
    struct run_window window[PROG_WINDOWS_MAX];
    struct run_ramp ramp[RUN_RAMPS_MAX];
    struct run_record record[STATION_GROUPS_MAX];
    struct run_summary now, summary; /* of the step under way; of the last ended */
    double reg[PROG_REGS_MAX];
    struct run_derived derived;
};

/* ---- Functions -------------------------------------------------------------------------------------------- */

/* Zeroed memory is a valid argument. The program must outlive the run. */
int run_init(struct run *r, const struct program *p, struct diag *reterr) MUST_USE;

/* Take one event. Returns 0 when taken. Negative: the event is not one this run can get (seq out of order, group unknown): nothing has changed and the
 * caller has a bug to report; the run is to be made safe. */
int run_feed(struct run *r, const struct program *p, const struct event *e, struct effect_list *ret_fx) MUST_USE;

/* When EV_TIMER is wanted next: end of `for`, timeouts, ramp ticks, staleness, saves at a time, pause.max, set time-outs. NSEC_NEVER: not at all. */
nsec run_next_wake(const struct run *r, const struct program *p);

/* What to do with event `kind` in `state`: the printed table of docs/ENGINE.md and the code are one. */
const char *run_transition(enum run_state state, enum event_kind kind);
const char *run_state_name(enum run_state s);
const char *event_name(enum event_kind k);

/* Value of an expression now (no hold timers are touched); NaN unknown. */
double run_eval(const struct run *r, const struct program *p, expr_id e);
/* Fraction done and seconds left, by the plan; for progress and ETA. */
void run_progress(const struct run *r, const struct program *p, double *ret_done, double *ret_left_s);
/* A note, alarm or reason with its values put in; run_format_reason: of an ending. */
void run_format(const struct program *p, uint16_t template_index, const double v[4], char *buf, size_t size);
void run_format_reason(const struct program *p, uint16_t ending, const double v[4], char *buf, size_t size);
/* Why the run is as it is, as a person reads it: "guard, too high: cell.voltage 2.0 V .. 4.4 V (article): 4.412 V", "instrument lost: smu". */
void run_story(const struct run *r, const struct program *p, char *buf, size_t size);

/* Checkpoint: little-endian, versioned, independent of padding, live entries only. encode: bytes written, or E_FULL. decode refuses another program's hash.
 * encode(decode(x)) == x, and a decoded run behaves as the one it was taken from. */
int run_encode(const struct run *r, const struct program *p, uint8_t *buf, size_t size) MUST_USE;
int run_decode(struct run *ret_run, const struct program *p, const uint8_t *buf, size_t n, struct diag *reterr) MUST_USE;

/* Hash of a run's whole encoded state, for replay and the determinism tests. */
uint64_t run_hash(const struct run *r, const struct program *p);

#endif
