/* procedures/engine/program.c - texts and names of a compiled program, and its end. */
#include "procedures/engine/program.h"

#include <string.h>

const char *program_text(const struct program *p, text_id t)
{
    return t < p->n_texts ? p->texts[t] : "";
}

const char *verb_name(enum verb v)
{
    static const char *const names[] = {"charge", "discharge", "hold",    "rest", "ocv", "current",
                                        "pulse",  "soak",      "squeeze", "set",  "wait", "drive"};

    return (size_t)v < ARRAY_LEN(names) ? names[v] : "?";
}

const char *cause_text(enum cause c)
{
    static const char *const names[] = {
        [CAUSE_NONE] = "none",
        [CAUSE_UNTIL] = "condition",
        [CAUSE_FOR] = "for",
        [CAUSE_TAPER] = "taper",
        [CAUSE_STOP] = "stop",
        [CAUSE_LIMIT] = "limit",
        [CAUSE_TIMEOUT] = "timeout",
        [CAUSE_STOP_WHEN] = "stop_when",
        [CAUSE_SKIP] = "skip",
        [CAUSE_AT_ONCE] = "at once",
        [CAUSE_END] = "end",
        [CAUSE_DONE] = "done",
        [CAUSE_ABORT] = "abort",
        [CAUSE_CHECK] = "check failed",
        [CAUSE_PAUSE_MAX] = "paused too long",
        [CAUSE_GUARD_HIGH] = "guard, too high",
        [CAUSE_GUARD_LOW] = "guard, too low",
        [CAUSE_GUARD_STALE] = "guard, no fresh value",
        [CAUSE_GUARD_INVALID] = "guard, invalid value",
        [CAUSE_SET_MISMATCH] = "a set value was not taken",
        [CAUSE_SET_REFUSED] = "a set value was refused",
        [CAUSE_SET_RANGE] = "a set value would leave the window",
        [CAUSE_SET_TIMEOUT] = "a set value was not confirmed in time",
        [CAUSE_INST_LOST] = "instrument lost",
        [CAUSE_INST_ALARM] = "instrument alarm",
        [CAUSE_INST_LOCAL] = "instrument in local operation",
        [CAUSE_INST_REBOOT] = "instrument restarted",
        [CAUSE_INST_WRONG] = "wrong instrument",
        [CAUSE_STUCK] = "value does not move",
        [CAUSE_STORE] = "store behind",
        [CAUSE_POWER_LOSS] = "power loss",
        [CAUSE_INTERLOCK] = "interlock",
        [CAUSE_OPERATOR] = "operator",
        [CAUSE_REVERSED] = "cell is reversed",
        [CAUSE_NO_CELL] = "no cell is seen: empty fixture or open lead",
        [CAUSE_OCV] = "open-circuit voltage is not the article's",
        [CAUSE_SENSE_LEAD] = "no believable voltage at the test current: open sense lead or no contact",
        [CAUSE_CURRENT_LEAD] = "the test current does not flow: open current lead",
        [CAUSE_FORCE_ZERO] = "load cell is not at zero",
        [CAUSE_PRESS_RATIO] = "force and regulator do not agree",
        [CAUSE_TEMPERATURE] = "temperature is outside the article's window for this current",
    };

    return (size_t)c < ARRAY_LEN(names) ? names[c] : "?";
}

void program_done(struct program *p)
{
    if (!p)
        return;
    arena_done(&p->arena);
    memset(p, 0, sizeof(*p));
}
