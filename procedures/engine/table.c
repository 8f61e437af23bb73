/* procedures/engine/table.c - what each event does in each state. docs/ENGINE.md prints this table;
 * run.c obeys it. */
#include "procedures/engine/run_priv.h"

#define CELL(k, d, t) [EV_##k] = {DEED_##d, t}

/* clang-format off */
const struct transition run_table[RUN_STATE_COUNT][EV_KIND_COUNT] = {
    [RUN_NEW] = {
        CELL(START, START, "READY: wait for the sensors, then `before`"),
        CELL(TIMER, NOTHING, "-"),
        CELL(SAMPLE, SAMPLE, "kept as latest value"),
        CELL(EDGE, NOTHING, "-"),
        CELL(SET_CONFIRMED, NOTHING, "-"),
        CELL(SET_MISMATCH, NOTHING, "-"),
        CELL(SET_REFUSED, NOTHING, "-"),
        CELL(SET_FAILED, NOTHING, "-"),
        CELL(INST_LOST, LOST, "marked"),
        CELL(INST_BACK, BACK, "mark removed"),
        CELL(INST_ALARM, ALARM, "ENDED, tripped"),
        CELL(INST_LOCAL, LOCAL, "ENDED, aborted"),
        CELL(INST_REBOOT, REBOOT, "ENDED, failed"),
        CELL(INST_WRONG, WRONG, "ENDED, failed"),
        CELL(OPERATOR, OPERATOR, "abort: ENDED; else nothing"),
        CELL(TRIP, TRIP, "ENDED, tripped"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, NOTHING, "-"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, NOTHING, "-"),
    },
    [RUN_READY] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, TIMER, "a sensor silent for 30 s, a question too old: ENDED, aborted"),
        CELL(SAMPLE, SAMPLE,
             "guards (violated: ENDED, aborted); all sensors there: `before`; then "
             "ARMED"),
        CELL(EDGE, EDGE, "counted"),
        CELL(SET_CONFIRMED, NOTHING, "-"),
        CELL(SET_MISMATCH, NOTHING, "-"),
        CELL(SET_REFUSED, NOTHING, "-"),
        CELL(SET_FAILED, NOTHING, "-"),
        CELL(INST_LOST, LOST, "marked"),
        CELL(INST_BACK, BACK, "mark removed"),
        CELL(INST_ALARM, ALARM, "SAFING, trip"),
        CELL(INST_LOCAL, LOCAL, "ENDED, aborted"),
        CELL(INST_REBOOT, REBOOT, "ENDED, failed"),
        CELL(INST_WRONG, WRONG, "ENDED, failed"),
        CELL(OPERATOR, OPERATOR, "answer: `before` goes on; abort, stop: ENDED, aborted"),
        CELL(TRIP, TRIP, "SAFING, trip"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, NOTHING, "-"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, RESUMED, "pre-flight begins again"),
    },
    [RUN_ARMED] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, TIMER,
             "no cell voltage within 30 s, a guarded value missing: SAFING, abort; set "
             "time-out: SAFING, fail"),
        CELL(SAMPLE, SAMPLE,
             "guards; cell voltage in the article's window: deferred checks, then RUNNING; "
             "else SAFING, abort"),
        CELL(EDGE, EDGE, "counted"),
        CELL(SET_CONFIRMED, CONFIRMED, "next limit, then the first cell voltage"),
        CELL(SET_MISMATCH, SET_BAD, "SAFING, fail"),
        CELL(SET_REFUSED, SET_BAD, "SAFING, fail"),
        CELL(SET_FAILED, SET_BAD, "SAFING, fail"),
        CELL(INST_LOST, LOST, "marked"),
        CELL(INST_BACK, BACK, "mark removed"),
        CELL(INST_ALARM, ALARM, "SAFING, trip"),
        CELL(INST_LOCAL, LOCAL, "SAFING, abort"),
        CELL(INST_REBOOT, REBOOT, "SAFING, fail"),
        CELL(INST_WRONG, WRONG, "SAFING, fail"),
        CELL(OPERATOR, OPERATOR, "abort, stop: SAFING, abort"),
        CELL(TRIP, TRIP, "SAFING, trip"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, BEHIND, "SAFING, abort"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, RESUMED, "READY: pre-flight begins again"),
    },
    [RUN_RUNNING] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, TIMER,
             "`for`, timeouts, ramps, questions; a guarded value missing: PAUSED; set "
             "time-out: SAFING, fail"),
        CELL(SAMPLE, SAMPLE,
             "guards (violated: SAFING, trip), counters, ends of the act, watch rules, "
             "recording; stuck: PAUSED"),
        CELL(EDGE, EDGE, "counted"),
        CELL(SET_CONFIRMED, CONFIRMED, "next set; the last one begins or ends the act"),
        CELL(SET_MISMATCH, SET_BAD, "SAFING, fail"),
        CELL(SET_REFUSED, SET_BAD, "SAFING, fail"),
        CELL(SET_FAILED, SET_BAD, "SAFING, fail"),
        CELL(INST_LOST, LOST,
             "marked; its values go stale; a cycler told blindly to switch off: PAUSED"),
        CELL(INST_BACK, BACK,
             "mark removed; what it was set to is said again when the run goes "
             "on"),
        CELL(INST_ALARM, ALARM, "SAFING, trip"),
        CELL(INST_LOCAL, LOCAL, "PAUSED"),
        CELL(INST_REBOOT, REBOOT, "SAFING, fail"),
        CELL(INST_WRONG, WRONG, "SAFING, fail"),
        CELL(OPERATOR, OPERATOR,
             "pause: PAUSED; skip: the act ends; stop: at_end after it; answer; abort: "
             "SAFING"),
        CELL(TRIP, TRIP, "SAFING, trip"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, BEHIND, "PAUSED"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, RESUMED, "RECOVERING"),
    },
    [RUN_PAUSED] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, TIMER,
             "paused too long: SAFING, abort; a guarded value still missing: SAFING, "
             "trip"),
        CELL(SAMPLE, SAMPLE, "guards, counters, watch rules, recording every 30 s"),
        CELL(EDGE, EDGE, "counted"),
        CELL(SET_CONFIRMED, CONFIRMED, "the output is at rest; an act that was ending is complete"),
        CELL(SET_MISMATCH, SET_BAD, "SAFING, fail"),
        CELL(SET_REFUSED, SET_BAD, "SAFING, fail"),
        CELL(SET_FAILED, SET_BAD,
             "SAFING, fail; a cycler known to be silent gets its second "
             "limit"),
        CELL(INST_LOST, LOST, "marked"),
        CELL(INST_BACK, BACK, "mark removed; a cycler is brought to rest again"),
        CELL(INST_ALARM, ALARM, "SAFING, trip"),
        CELL(INST_LOCAL, LOCAL, "noted: it is paused already"),
        CELL(INST_REBOOT, REBOOT, "SAFING, fail"),
        CELL(INST_WRONG, WRONG, "SAFING, fail"),
        CELL(OPERATOR, OPERATOR,
             "resume: RUNNING where it stood; skip, stop: on resume; answer; abort: "
             "SAFING"),
        CELL(TRIP, TRIP, "SAFING, trip"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, NOTHING, "-"),
        CELL(STORE_OK, STORE_OK, "RUNNING when the store was the cause"),
        CELL(RESUMED, RESUMED, "RECOVERING"),
    },
    [RUN_SAFING] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, NOTHING, "-"),
        CELL(SAMPLE, SAMPLE, "counters; every sample is recorded"),
        CELL(EDGE, EDGE, "counted"),
        CELL(SET_CONFIRMED, NOTHING, "-"),
        CELL(SET_MISMATCH, NOTHING, "-"),
        CELL(SET_REFUSED, NOTHING, "-"),
        CELL(SET_FAILED, NOTHING, "-"),
        CELL(INST_LOST, LOST, "marked"),
        CELL(INST_BACK, BACK, "mark removed"),
        CELL(INST_ALARM, NOTE, "noted"),
        CELL(INST_LOCAL, NOTE, "noted"),
        CELL(INST_REBOOT, NOTE, "noted"),
        CELL(INST_WRONG, NOTE, "noted"),
        CELL(OPERATOR, NOTHING, "nothing stops it"),
        CELL(TRIP, NOTE, "noted: the first cause stays"),
        CELL(SAFE_DONE, SAFE_DONE, "the act is summed up; ENDED with its verdict"),
        CELL(STORE_BEHIND, NOTHING, "-"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, RESUMED, "the safe sequence is walked again"),
    },
    [RUN_ENDED] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, NOTHING, "-"),
        CELL(SAMPLE, NOTHING, "-"),
        CELL(EDGE, NOTHING, "-"),
        CELL(SET_CONFIRMED, NOTHING, "-"),
        CELL(SET_MISMATCH, NOTHING, "-"),
        CELL(SET_REFUSED, NOTHING, "-"),
        CELL(SET_FAILED, NOTHING, "-"),
        CELL(INST_LOST, NOTHING, "-"),
        CELL(INST_BACK, NOTHING, "-"),
        CELL(INST_ALARM, NOTHING, "-"),
        CELL(INST_LOCAL, NOTHING, "-"),
        CELL(INST_REBOOT, NOTHING, "-"),
        CELL(INST_WRONG, NOTHING, "-"),
        CELL(OPERATOR, NOTHING, "-"),
        CELL(TRIP, NOTHING, "-"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, NOTHING, "-"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, NOTHING, "-"),
    },
    [RUN_RECOVERING] = {
        CELL(START, NOTHING, "-"),
        CELL(TIMER, TIMER, "an instrument silent for 30 s: SAFING, fail"),
        CELL(SAMPLE, SAMPLE, "guards; all instruments read again: on_power_loss"),
        CELL(EDGE, EDGE, "counted"),
        CELL(SET_CONFIRMED, CONFIRMED, "given up already: the value is remembered"),
        CELL(SET_MISMATCH, SET_BAD, "given up already: forgotten"),
        CELL(SET_REFUSED, SET_BAD, "given up already: forgotten"),
        CELL(SET_FAILED, SET_BAD, "given up already: forgotten"),
        CELL(INST_LOST, LOST, "marked"),
        CELL(INST_BACK, BACK, "mark removed"),
        CELL(INST_ALARM, ALARM, "SAFING, trip"),
        CELL(INST_LOCAL, LOCAL, "SAFING, abort"),
        CELL(INST_REBOOT, NOTHING, "expected: they may have lost power too"),
        CELL(INST_WRONG, WRONG, "SAFING, fail"),
        CELL(OPERATOR, OPERATOR, "abort: SAFING, abort"),
        CELL(TRIP, TRIP, "SAFING, trip"),
        CELL(SAFE_DONE, NOTHING, "-"),
        CELL(STORE_BEHIND, BEHIND, "SAFING, abort"),
        CELL(STORE_OK, NOTHING, "-"),
        CELL(RESUMED, RESUMED, "begins again"),
    },
};
/* clang-format on */

const char *run_transition(enum run_state state, enum event_kind kind)
{
    return (unsigned)state < RUN_STATE_COUNT && (unsigned)kind < EV_KIND_COUNT
               ? run_table[state][kind].text
               : "?";
}

const char *run_state_name(enum run_state s)
{
    static const char *const names[RUN_STATE_COUNT] = {
        [RUN_NEW] = "new",         [RUN_READY] = "ready",           [RUN_ARMED] = "armed",
        [RUN_RUNNING] = "running", [RUN_PAUSED] = "paused",         [RUN_SAFING] = "safing",
        [RUN_ENDED] = "ended",     [RUN_RECOVERING] = "recovering",
    };

    return (unsigned)s < RUN_STATE_COUNT ? names[s] : "?";
}

const char *event_name(enum event_kind k)
{
    static const char *const names[EV_KIND_COUNT] = {
        [EV_START] = "start",
        [EV_TIMER] = "timer",
        [EV_SAMPLE] = "sample",
        [EV_EDGE] = "edge",
        [EV_SET_CONFIRMED] = "set confirmed",
        [EV_SET_MISMATCH] = "set mismatch",
        [EV_SET_REFUSED] = "set refused",
        [EV_SET_FAILED] = "set failed",
        [EV_INST_LOST] = "instrument lost",
        [EV_INST_BACK] = "instrument back",
        [EV_INST_ALARM] = "instrument alarm",
        [EV_INST_LOCAL] = "instrument local",
        [EV_INST_REBOOT] = "instrument restarted",
        [EV_INST_WRONG] = "instrument wrong",
        [EV_OPERATOR] = "operator",
        [EV_TRIP] = "trip",
        [EV_SAFE_DONE] = "safe done",
        [EV_STORE_BEHIND] = "store behind",
        [EV_STORE_OK] = "store ok",
        [EV_RESUMED] = "resumed",
    };

    return (unsigned)k < EV_KIND_COUNT ? names[k] : "?";
}

const char *verdict_text(enum verdict v)
{
    static const char *const names[] = {"none", "done", "rejected", "aborted", "tripped", "failed"};

    return (unsigned)v < ARRAY_LEN(names) ? names[v] : "?";
}
