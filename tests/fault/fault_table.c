/* tests/fault/fault_table.c - see fault_table.h. Written by hand from what the issue asks for; where the run does something else, a note says why. */
#include "tests/fault/fault_table.h"

#include <stdarg.h>
#include <stdio.h>

const char *const fault_insts[FAULT_INSTS] = {"oven", "smu", "air", "cell_force", "dio"};

/* clang-format off */
#define ON              {.outcome = GOES_ON}
#define ON_NOTE(n)      {.outcome = GOES_ON, .note = n}
#define NOT_THERE       {.outcome = ABSENT}
#define STALE(n)        {.outcome = PAUSES_TRIPS, .pause = CAUSE_GUARD_STALE, .cause = CAUSE_GUARD_STALE, .says = "", .note = n}
#define OPEN            {.outcome = PAUSES_TRIPS, .pause = CAUSE_GUARD_INVALID, .cause = CAUSE_GUARD_INVALID, .says = "invalid value"}
#define STUCK           {.outcome = PAUSES, .pause = CAUSE_STUCK, .says = "value does not move"}
#define LOCAL(t)        {.outcome = PAUSES, .pause = CAUSE_INST_LOCAL, .says = t}
#define ALARM(t)        {.outcome = TRIPS, .cause = CAUSE_INST_ALARM, .says = t}
#define FAIL(c, t, n)   {.outcome = FAILS, .cause = c, .says = t, .note = n}
#define LOCKED(t, n)    {.outcome = TRIPS, .cause = CAUSE_INTERLOCK, .says = t, .note = n}
#define GONE(c, t, n)   {.outcome = PAUSES_FAILS, .pause = CAUSE_GUARD_STALE, .cause = c, .says = t, .note = n}

enum { LINE = SCRIPT_LINE_FAULT, MIND = SCRIPT_MIND_FAULT };

const struct fault_row fault_rows[] = {
    /*                                                                     oven      smu          air        cell_force  dio */
    {"late: one reply after the time-out", LINE, LINE_LATE, 1, LATE_BEYOND,   {ON,       ON,          ON,        ON,         LOCKED("watchdog output", 9)}},
    {"late: every reply, by a quarter of the time-out", LINE, LINE_LATE, 0, LATE_WITHIN, {ON, ON,         ON,        ON,         LOCKED("watchdog output", 10)}},
    {"lost: one reply",                    LINE, LINE_LOST, 1, 0,             {ON,       ON,          ON,        ON,         LOCKED("watchdog output", 9)}},
    {"lost",                               LINE, LINE_LOST, 0, 0,             {STALE(0), STALE(1),    STALE(0),  STALE(0),   LOCKED("watchdog output", 9)}},
    {"garbled: one reply",                 LINE, LINE_GARBLED, 1, 0,          {ON,       ON,          ON,        ON,         LOCKED("watchdog output", 9)}},
    {"garbled",                            LINE, LINE_GARBLED, 0, 0,          {STALE(0), STALE(1),    STALE(0),  STALE(0),   LOCKED("watchdog output", 9)}},
    {"duplicated",                         LINE, LINE_DUPLICATED, 0, 0,       {ON,       ON,          ON,        ON,         ON}},
    {"split",                              LINE, LINE_SPLIT, 0, 0,            {ON,       ON,          ON,        ON,         ON}},
    {"wrong unit",                         LINE, LINE_WRONG_UNIT, 0, 0,       {FAIL(CAUSE_INST_LOST, "garbled reply", 2), ON_NOTE(3), STALE(0), STALE(0), LOCKED("watchdog output", 9)}},
    {"wrong function",                     LINE, LINE_WRONG_FUNCTION, 0, 0,   {ON_NOTE(12), ON_NOTE(12), ON_NOTE(12), STALE(0), LOCKED("watchdog output", 9)}},
    {"wrong length",                       LINE, LINE_WRONG_LENGTH, 0, 0,     {ON_NOTE(12), ON_NOTE(12), ON_NOTE(12), STALE(0), LOCKED("watchdog output", 9)}},
    {"cut: one reply",                     LINE, LINE_CUT, 1, 0,              {ON,       ON,          ON,        ON,         LOCKED("watchdog output", 9)}},
    {"cut",                                LINE, LINE_CUT, 0, 0,              {STALE(0), STALE(1),    STALE(0),  STALE(0),   LOCKED("watchdog output", 9)}},
    {"noise first",                        LINE, LINE_NOISE, 0, 0,            {ON,       ON,          ON,        ON,         ON}},
    {"down (unplugged)",                   LINE, LINE_DOWN, 0, 0,             {STALE(4), STALE(4),    STALE(0),  STALE(0),   LOCKED("watchdog output", 9)}},
    {"silent ignore",                      MIND, FAULT_SILENT_IGNORE, 0, 0,   {FAIL(CAUSE_SET_MISMATCH, "temperature_set", 0), FAIL(CAUSE_SET_MISMATCH, "mode", 0),
                                                                               FAIL(CAUSE_SET_MISMATCH, "pressure_set", 0), ON_NOTE(5), LOCKED("watchdog output", 0)}},
    {"stuck",                              MIND, FAULT_STUCK, 0, 0,           {STUCK,    STUCK,       STUCK,     STUCK,      ON_NOTE(11)}},
    {"sensor open",                        MIND, FAULT_SENSOR_OPEN, 0, 0,     {OPEN,     OPEN,        OPEN,      OPEN,       NOT_THERE}},
    {"refuse",                             MIND, FAULT_REFUSE, 0, 0,          {FAIL(CAUSE_SET_REFUSED, "temperature_set", 0), FAIL(CAUSE_SET_REFUSED, "mode", 0),
                                                                               FAIL(CAUSE_SET_REFUSED, "pressure_set", 0), ON_NOTE(5), LOCKED("watchdog output", 0)}},
    {"local",                              MIND, FAULT_LOCAL, 0, 0,           {LOCAL("changed at the panel"), LOCAL("changed at the panel"), LOCAL("set-point source"), NOT_THERE, NOT_THERE}},
    {"reboot",                             MIND, FAULT_REBOOT, 0, 0,          {FAIL(CAUSE_INST_REBOOT, "forgot its set-points", 0), GONE(CAUSE_INST_REBOOT, "has restarted", 6),
                                                                               FAIL(CAUSE_INST_REBOOT, "power-on value", 0),
                                                                               {.outcome = PAUSES, .pause = CAUSE_GUARD_STALE, .says = "no fresh value", .note = 7}, LOCKED("watchdog output", 0)}},
    {"alarm of its own",                   MIND, FAULT_ALARM, 0, 0,           {ALARM("chamber alarm"), ALARM("over temperature"), ALARM("OPL"), ALARM("overloaded"), NOT_THERE}},
    {"wrong model",                        MIND, FAULT_WRONG_MODEL, 0, 0,     {GONE(CAUSE_INST_WRONG, "S2", 8), GONE(CAUSE_INST_WRONG, "MODEL 2450", 8),
                                                                               GONE(CAUSE_INST_WRONG, "absolute", 8), GONE(CAUSE_INST_WRONG, "decimals", 8), NOT_THERE}},
};
/* clang-format on */
const int n_fault_rows = (int)(sizeof fault_rows / sizeof fault_rows[0]);

static const char *const notes[] = {
    "When the cycler is lost (5 s without a valid reply) it is told blindly to switch off, heard or not; where only its replies are lost, it does. The trip follows after 64 s instead of "
    "16 s, because a 2461 that has lost its power is silent for 30 s and shall then be known as restarted.",
    "Replies of the chamber to questions carry no address; only the acknowledgement of a set does. The next set is not confirmed.",
    "Replies of the source-measure unit carry no address: nothing changes.",
    "The safe sequence does not get there: the closing line says `NOT PROVEN SAFE`. Nobody but a relay or a person can switch it off.",
    "Read only: nothing is ever set.",
    "Silent for 30 s while it boots: paused meanwhile. Back, it does not hold what it held.",
    "Silent for 3 s, no more than a line; it holds nothing that a restart could take away, and nothing tells that there was one. A person says go on.",
    "Exchanged for its sibling, which boots: silence first, then another name. Nothing is written to it, so the safe sequence leaves it as it came, and the closing line says so.",
    "One missing reply keeps the box silent for 2 s (time-out, then the rest for a late one), and the watchdog relay is held for 1 s. A longer `period:` bears more; an E-stop does not wait.",
    "Every word to the box then takes a quarter of a second, and the relay needs one a second: it drops.",
    "A contact that is stuck looks like one that stays closed. The E-stop therefore cuts by itself; its contact only tells us.",
    "Replies in text carry neither a function nor a count: nothing changes.",
};

/* ---- The page -------------------------------------------------------------------------------------------------------------------------------- */

struct page {
    char *buf;
    size_t n, size;
};

__attribute__((format(printf, 2, 3))) static void put(struct page *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(p->buf + p->n, p->size - p->n, fmt, ap);
    va_end(ap);
    p->n += n > 0 && p->n + (size_t)n < p->size ? (size_t)n : 0;
}

static void put_cell(struct page *p, const struct fault_cell *c)
{
    static const char *const words[] = {
        [ABSENT] = "-", [GOES_ON] = "goes on", [PAUSES] = "pause", [TRIPS] = "trip", [PAUSES_TRIPS] = "pause, trip", [FAILS] = "fail", [PAUSES_FAILS] = "pause, fail",
    };
    put(p, " %s", words[c->outcome]);
    if (c->note) {
        put(p, " (%d)", c->note);
    }
    put(p, " |");
}

size_t fault_page(char *buf, size_t size)
{
    struct page p = {.buf = buf, .size = size};
    put(&p, "# Faults\n\n"
            "What becomes of a run when an instrument, or the line to it, fails in the middle of a charge. Printed from the table of tests/fault/fault_table.c and tried row by row by\n"
            "tests/fault/test_faults.c on the bench benches/demo.yaml. A fault lasts for ever unless the row says how many replies it hits; after the charge come a set for every\n"
            "instrument, a ramp of the press and one of the chamber.\n\n"
            "*goes on*: to its end, exit 0. *pause*: output at rest, all else as it was; a person decides (here: aborts, exit 6). *trip*: safe sequence, exit 5. *fail*: safe sequence,\n"
            "exit 7. *pause, trip*: paused when a value is stale or invalid, tripped when it stays so. The closing line names instrument and cause.\n\n"
            "| fault | oven (espec-p300) | smu (keithley-2461) | air (alicat-pcd) | cell_force (pavone-dat1400) | dio (generic-modbus) |\n|---|---|---|---|---|---|\n");
    for (int r = 0; r < n_fault_rows; r++) {
        put(&p, "| %s |", fault_rows[r].name);
        for (int i = 0; i < FAULT_INSTS; i++) {
            put_cell(&p, &fault_rows[r].cell[i]);
        }
        put(&p, "\n");
    }
    put(&p, "\n");
    for (size_t k = 0; k < sizeof notes / sizeof notes[0]; k++) {
        put(&p, "%zu. %s\n", k + 1, notes[k]);
    }
    put(&p, "\n"
            "Stuck is noticed where something should move the value: voltage and current while a charge passes, the pressures while the press ramps, the chamber's air while it is away from\n"
            "its set-point. A value that nothing should move may stand still.\n\n"
            "After every trip, abort and failure: what the safe sequence switches off is off at the instrument itself, what it keeps (the press) is as it was. A line that comes back within\n"
            "its second limit leaves the run paused; when the instrument does not hold what it held before, it has restarted, and the run fails. When a person says go on, every set-point of\n"
            "that instrument is said again.\n");
    return p.n;
}
