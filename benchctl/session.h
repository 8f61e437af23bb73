/* benchctl/session.h - one run on one station of a bench: the engine's events and effects, the rig's events and wishes, the store's rows, joined.
 *
 *     rig event -> struct event -> run_feed() -> effects -> rig wishes (sets), store rows, messages
 *
 * The gate (gate.c) decides which effects wait until the store has made their event durable. Everything that changes is flat or encoded; a session of a virtual
 * bench goes on from its files after the process was killed; one on real lines reads everything back first and then does what `on_power_loss` says.
 *
 * Several runs on one bench, one a station: the first session is the lead, which owns the rig; the others join it (crew.c). Each has its own store.
 */
#ifndef BENCHCTL_SESSION_H
#define BENCHCTL_SESSION_H

#include "benchctl/model_band.h"
#include "benchctl/rig.h"
#include "benchctl/safe.h"
#include "db/store.h"
#include "procedures/engine/check.h"
#include "procedures/engine/compile.h"
#include "procedures/engine/run.h"

enum { SCRIPT_MAX = 32, ANSWERS_MAX = 64, SESSION_QUEUE = 16, MESSAGE_MAX = 240 };

/* What a rehearsal does to itself at a given run time: faults and operator's words. */
enum script_kind { SCRIPT_LINE_FAULT, SCRIPT_MIND_FAULT, SCRIPT_OPERATOR, SCRIPT_HAND };
struct script_item {
    nsec at;
    uint8_t kind, inst, what; /* what: enum line_fault, emu_fault or op; channel of a contact, which closes (on) or opens */
    bool on;
    uint32_t count;           /* replies a line fault hits */
    double late_s;
};

struct session;
struct control;
struct session_options {
    struct store *store;          /* NULL: nothing is written */
    uint64_t seed;                /* 0: of the bench file */
    bool wire;                    /* a rehearsal with libmodbus in the path */
    unsigned commit_rows;         /* 0: 2000 */
    const struct script_item *script; /* sorted by time */
    unsigned n_script;
    /* Answer to a question: 0 and the value, or E_NOENT (the run is then aborted). */
    int (*answer)(void *ctx, const struct session *s, const struct question *q, double *ret_value);
    /* Told: steps, alarms, notes, states, for the terminal. */
    void (*say)(void *ctx, const struct session *s, const char *level, const char *text);
    /* Called after each event was taken (tests), and each commit. Nonzero stops the session as a killed process would be. */
    int (*after_event)(void *ctx, struct session *s);
    int (*after_commit)(void *ctx, struct session *s);
    void *ctx;
    struct live *live;            /* real lines; NULL: a rehearsal in memory */
    const char *const *uris;      /* one per bus, with live */
    double speed;                 /* --speed; 0: 1 */
    const char *safed;            /* BENCH.safed for the guardian; NULL: no guardian (tests) */
    int lock_fd;
    struct control *control;      /* words from other terminals; NULL: none */
    volatile int *signalled;      /* set by a signal: the operator wants to stop (1), at once (2) */
    nsec stop_at;                 /* 0: none; run time at which the session stops as if killed (tests) */
};

/* What is known of one interlock input. */
struct interlock_watch {
    uint8_t seen, healthy, quality;
    nsec at; /* of the newest value */
};

struct session_state {            /* flat: part of the snapshot */
    struct interlock_watch interlock[BENCH_INTERLOCKS_MAX];
    uint8_t interlocked, interlock_cause; /* an interlock or the watchdog has tripped the run; which safe sequence */
    nsec wall;                    /* real lines: UTC of the newest checkpoint, ns; `alive` is the run time then */
    nsec alive;
    uint64_t seq, events;
    uint32_t script_at;
    uint8_t started, identified[BENCH_INSTS_MAX], ended, walk_kind; /* walk_kind: 1 safe sequence of the run, 2 after a normal end */
    uint8_t n_queue;
    uint8_t verdict;
    uint8_t bench_down;           /* an instrument never answered */
    uint8_t store_behind;         /* the run was told so */
    uint16_t cause;
    nsec start_at, ended_at, identify_until;
    uint32_t question;
    struct safe_walk walk;
    struct event queue[SESSION_QUEUE]; /* events that effects caused */
    char text[MESSAGE_MAX];       /* why it ended */
    uint8_t stored_identity[STATION_GROUPS_MAX];
    struct model_watch model;     /* of the cell model that is followed */
};

struct session {
    const struct bench *bench;
    int station;
    const struct station_map *map;
    const struct program *program;
    const struct article *article;
    const struct model_band *band; /* NULL: no model is followed */
    struct session_options opt;
    struct rig *rig;              /* own_rig of the lead */
    struct rig own_rig;
    struct session *lead;         /* itself where it is the first or only one */
    unsigned n_crew;              /* of the lead: all sessions on this bench, itself first */
    struct session *crew[BENCH_STATIONS_MAX];
    uint16_t needed;              /* instruments that this station cannot do without: bit set */
    double gap_s;                 /* gone on with on real lines: how long nobody was there; NaN: a new run */
    bool finished;                /* its run file is closed */
    struct run *run;
    struct session_state s;
    struct effect_list fx;
    struct snap snap;
    uint8_t mark[32];             /* first in the snapshot: what it belongs to */
    uint8_t *world_buf, *state_buf;
    int64_t number;               /* of the run; 0: not stored */
    struct store_table tables[STATION_GROUPS_MAX];
    char columns[STATION_GROUPS_MAX][GROUP_CHANS_MAX][CHAN_NAME_MAX];
    char rows_sha256[65];
    char model_identity[96];
    struct {                      /* the cycler's row that the model's one waits for, within one sample */
        bool due;
        nsec t;
        uint32_t step, cycle;
    } model_row;
    /* Real lines: sets wait here until the store has made their event durable (gate.c). */
    unsigned n_held;
    struct {
        uint64_t batch;
        struct effect fx;
    } held[SESSION_QUEUE];
    uint64_t batch, durable;      /* batch being filled; the last one that is durable */
    bool committing;
    nsec commit_at;
    int told_signal;
    nsec guardian_look;           /* when it is next asked whether the guardian lives */
    nsec commit_again;            /* a commit failed: not before */
};

struct session_input {
    const struct bench *bench;
    int station;
    const struct station_map *map;
    const struct program *program;
    const struct article *article;
    const struct model_band *band; /* of the program; NULL or not there: no model is followed */
    const struct store_source *sources;
    unsigned n_sources;
    int64_t resume;               /* number of a run to go on with; 0: a new one */
    struct session *join;         /* a session on another station of the same bench that is open already and has not worked yet; NULL: it is the first */
};

/* join: live, uris, speed, seed, safed of opt are the lead's. E_INVALID where somebody works on that station already, or a rehearsal of several is to be gone on with.
 * resume: E_STATE where nothing was committed yet or the run has ended, E_NOENT, E_MISMATCH where bench, script or program are not those of its beginning. */
int session_open(struct session *s, const struct session_input *in, const struct session_options *opt, struct diag *reterr) MUST_USE;
/* Work until this run and those that joined it have ended (1), one was stopped by a hook or stop_at (0), or an error (negative). Of the lead. */
int session_work(struct session *s, struct diag *reterr) MUST_USE;
/* Those that joined before the lead. */
void session_close(struct session *s);

/* Exit code of the ended run: HOUSE.md par. 8. */
int session_exit_code(const struct session *s);
nsec session_run_time(const struct session *s);

/* SI -> what people read: "ohm", 1; "Ah", 1/3600 ... */
const char *unit_for(struct dims d, double *ret_scale);

#endif
