/* tests/support/run_rig.h - programs built by hand and a small bench to run them on: the engine's
 * tests need neither compiler nor drivers.
 *
 * The bench has an ideal cell (OCV 3 V + 1 V q/36 C, 0.5 ohm), a press and a chamber that follow
 * their set-points, polls each group at its period and answers each set after a latency. Tests may
 * stop polls, answer sets badly and push events of their own.
 */
#ifndef TESTS_SUPPORT_RUN_RIG_H
#define TESTS_SUPPORT_RUN_RIG_H

#include "base/diag.h"
#include "procedures/engine/run.h"

enum rig_chan {
    RIG_VOLTAGE,
    RIG_CURRENT,
    RIG_PRESSURE,
    RIG_TEMPERATURE,
    RIG_MODE,
    RIG_VSET,
    RIG_LIM_CHARGE,
    RIG_LIM_DISCHARGE,
    RIG_ISET,
    RIG_VLIMIT,
    RIG_PSET,
    RIG_TSET,
    RIG_CHAMBER_MODE,
    RIG_THIGH,
    RIG_TLOW,
    RIG_CHANS
};
enum rig_group {
    RIG_CYCLER,
    RIG_PRESS,
    RIG_CHAMBER,
    RIG_GROUPS
};

#define RIG_CAPACITY_C 36.0
#define RIG_OHM        0.5

struct rig_program {
    struct program p;
    struct step steps[256];
    struct block blocks[16];
    struct act acts[64];
    struct end ends[64];
    struct save saves[32];
    struct record_phase records[32];
    struct measure measures[16];
    struct template_text templates[8];
    struct question questions[8];
    struct ending endings[8];
    struct reg regs[16];
    struct expr exprs[512];
    struct insn code[2048];
    struct window windows[8];
    struct guard guards[16];
    struct watch watches[8];
    expr_id lists[32];
    const char *texts[256];
};

/* A program with the station, the cause texts, no steps: add them, then rig_close(). */
void rig_open(struct rig_program *b);
void rig_close(struct rig_program *b); /* OP_DONE, OP_FINISH, hash */
text_id rig_text(struct rig_program *b, const char *s);
expr_id rig_expr(struct rig_program *b, const struct insn *code, size_t n);
#define RX(b, ...)                                    \
    rig_expr((b), (const struct insn[]){__VA_ARGS__}, \
             sizeof((const struct insn[]){__VA_ARGS__}) / sizeof(struct insn))
#define K(value)               \
    {                          \
        INSN_CONST, 0, (value) \
    }
#define CH(chan)               \
    {                          \
        INSN_CHAN, (chan), 0.0 \
    }
#define REG(reg)             \
    {                        \
        INSN_REG, (reg), 0.0 \
    }
#define DO(op)            \
    {                     \
        INSN_##op, 0, 0.0 \
    }
expr_id rig_const(struct rig_program *b, double v);
step_id rig_step(struct rig_program *b, enum step_op op, uint16_t a, uint16_t b2);
reg_id rig_reg(struct rig_program *b, const char *name);
block_id rig_block(struct rig_program *b, enum loop_kind kind, const char *name); /* opens it */
void rig_block_end(struct rig_program *b);
/* Acts: made with sensible defaults and appended as a step; the caller changes fields afterwards.
 */
struct act *rig_act(struct rig_program *b, enum verb verb, const char *name);
struct act *rig_charge(struct rig_program *b, double at_a, double cv_v, double taper_a);
struct act *rig_discharge(struct rig_program *b, double at_a, double until_v);
struct act *rig_rest(struct rig_program *b, double for_s);
struct act *rig_squeeze(struct rig_program *b, double to_pa, double rate_pa_s);
void rig_end(struct rig_program *b, struct act *a, expr_id cond, enum cause cause,
             const char *name);
void rig_save(struct rig_program *b, struct act *a, reg_id reg, expr_id x, double at_s);
void rig_guard(struct rig_program *b, expr_id value, double lo, double hi, double hold_s,
               const char *text);
/* The station's window alone: cell.voltage 2.9..4.3 V, press below 9 MPa, chamber below 358 K. */
void rig_guards(struct rig_program *b);

/* ---- The bench ---------------------------------------------------------------------------- */

enum {
    RIG_PENDING_MAX = 8,
    RIG_LOG_MAX = 4096
};
struct rig_set {
    chan_id chan;
    double value;
    uint32_t token;
    nsec at;
};
struct rig_entry {
    nsec at;
    struct effect fx;
    struct run_summary summary; /* of FX_STEP_END */
};
struct rig_bench {
    struct rig_program *b;
    struct run run;
    uint64_t seq;
    nsec at, world_at, latency;
    nsec poll_at[RIG_GROUPS], period[RIG_GROUPS];
    bool silent[RIG_GROUPS];   /* no polls come back */
    double invalid[RIG_CHANS]; /* nonzero: the channel is read as invalid */
    double stuck[RIG_CHANS];   /* nonzero: read as the last value */
    double last[RIG_CHANS];
    bool mute;              /* sets are not answered */
    bool keep_edges;        /* edges are told */
    bool through_bytes;     /* the run is replaced by its decoded self after every event */
    int bad_chan, bad_kind; /* answer sets of this channel with this event; -1 */
    double value[RIG_CHANS];
    double q_c, in_c, out_c; /* world: charge, and what flowed by direction */
    double current_a;
    struct rig_set pending[RIG_PENDING_MAX];
    size_t n_pending;
    struct rig_entry log[RIG_LOG_MAX];
    size_t n_log;
    bool safe_due, safed, overflow;
    unsigned sets, ends, feeds, rows[RIG_GROUPS];
    double safe_value;
};

void rig_start(struct rig_bench *s, struct rig_program *b);
/* Feed one event now; kind and what else it needs. Negative from run_feed is passed on. */
int rig_feed(struct rig_bench *s, struct event *e);
int rig_event(struct rig_bench *s, enum event_kind kind, uint16_t code, double value);
/* Run until ENDED, the state is reached, or the time is over. True: reached. */
bool rig_until(struct rig_bench *s, enum run_state state, double most_s);
void rig_for(struct rig_bench *s, double s_more);
/* Run until step number n has begun. */
bool rig_until_act(struct rig_bench *s, uint32_t number, double most_s);
/* Close the program, run it to its end; a test fails when it does not get there. */
void rig_run(struct rig_bench *s, struct rig_program *b, double most_s);
/* Summary of the k-th step that ended; value of register `reg` when it was told for the k-th time.
 */
const struct run_summary *rig_summary(const struct rig_bench *s, size_t k);
double rig_register(const struct rig_bench *s, reg_id reg, size_t k);
/* Effects of a kind in the log, and the k-th of them (NULL: not so many). */
size_t rig_count(const struct rig_bench *s, enum effect_kind kind);
const struct rig_entry *rig_nth(const struct rig_bench *s, enum effect_kind kind, size_t k);

#endif
