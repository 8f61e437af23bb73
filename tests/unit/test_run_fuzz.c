/* tests/unit/test_run_fuzz.c - the run engine under events that nobody would send in this order:
 * what must never happen does not. */
#include "base/err.h"
#include "base/rng.h"
#include "tests/support/run_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rig_program prog;
static struct rig_bench bench;

/* Something of everything: loops, saves, ramps, a pulse, questions, checks, stop_when, at_end. */
static void build(void)
{
    block_id outer, inner;
    reg_id q, r10, mass;
    struct act *a;
    step_id branch;

    rig_open(&prog);
    rig_guards(&prog);
    q = rig_reg(&prog, "q");
    r10 = rig_reg(&prog, "r_10");
    mass = rig_reg(&prog, "mass");
    prog.windows[0] =
        (struct window){.kind = WINDOW_RATE, .expr = RX(&prog, CH(RIG_PRESSURE)), .span_s = 20.0};
    prog.windows[1] =
        (struct window){.kind = WINDOW_MAX, .over_step = true, .expr = RX(&prog, CH(RIG_VOLTAGE))};
    prog.p.n_windows = 2;
    prog.watches[0] = (struct watch){.when = RX(&prog, {INSN_WINDOW, 0, 0}, K(-1.0), DO(LT)),
                                     .level = ALARM_WARN,
                                     .text = rig_text(&prog, "relaxes")};
    prog.p.n_watches = 1;
    prog.questions[0] = (struct question){.text = rig_text(&prog, "Mass"),
                                          .kind = ASK_NUMBER,
                                          .lo = 0.0,
                                          .hi = 5.0,
                                          .save = mass,
                                          .timeout_s = rig_const(&prog, 100.0)};
    prog.p.n_questions = 1;
    prog.p.before = prog.p.n_steps;
    (void)rig_step(&prog, OP_CHECK, RX(&prog, CH(RIG_PRESSURE), K(9e6), DO(LT)),
                   rig_text(&prog, "pressure"));
    (void)rig_step(&prog, OP_CHECK, RX(&prog, CH(RIG_VOLTAGE), K(1.0), DO(GT)),
                   rig_text(&prog, "polarity"));
    (void)rig_step(&prog, OP_DONE, 0, 0);
    prog.p.start = prog.p.n_steps;
    (void)rig_squeeze(&prog, 3e6, 2e5);
    outer = rig_block(&prog, LOOP_REPEAT, "outer");
    prog.blocks[outer].count = rig_const(&prog, 4.0);
    prog.blocks[outer].stop_when = RX(&prog, CH(RIG_VOLTAGE), K(4.25), DO(GE), {INSN_HOLD, 0, 3.0});
    a = rig_charge(&prog, 0.1, 4.1, 0.01);
    rig_save(&prog, a, q, RX(&prog, DO(STEP_CHARGE)), (double)NAN);
    a->timeout_s = rig_const(&prog, 120.0);
    a->timeout_action = TIMEOUT_NEXT;
    inner = rig_block(&prog, LOOP_REPEAT, "inner");
    prog.blocks[inner].count = rig_const(&prog, 2.0);
    a = rig_discharge(&prog, 0.1, 3.0);
    a->verb = VERB_PULSE;
    a->for_s = rig_const(&prog, 10.0);
    rig_save(&prog, a, r10, RX(&prog, DO(RESISTANCE), {INSN_WINDOW, 1, 0}, DO(ADD)), 10.0);
    a = rig_rest(&prog, 5.0);
    a->restart_block = true;
    rig_block_end(&prog);
    branch = rig_step(&prog, OP_IF, RX(&prog, REG(q), K(1.0), DO(LT)), 0);
    (void)rig_step(&prog, OP_ASK, 0, 0);
    prog.steps[branch].b = prog.p.n_steps;
    a = rig_discharge(&prog, 0.15, 3.0);
    a->timeout_s = rig_const(&prog, 60.0);
    a->timeout_action = TIMEOUT_PAUSE;
    a = rig_charge(&prog, 0.05, 4.0, 0.01); /* straight over */
    a->for_s = rig_const(&prog, 15.0);
    a = rig_act(&prog, VERB_CURRENT, "current");
    a->at_kind = AT_CURRENT;
    a->at = rig_const(&prog, -0.02);
    a->for_s = rig_const(&prog, 5.0);
    rig_block_end(&prog);
    (void)rig_step(&prog, OP_DONE, 0, 0);
    prog.p.at_end = prog.p.n_steps;
    (void)rig_squeeze(&prog, 1e6, 2e5);
    (void)rig_step(&prog, OP_FINISH, 0, 0);
    rig_close(&prog);
}

/* ---- The same run three times: as it is, through bytes, and fed again
 * ------------------------------ */

static uint64_t log_hash(const struct rig_bench *s)
{
    uint64_t h = 1469598103934665603u;

    for (size_t i = 0; i < s->n_log; i++) {
        const struct effect *x = &s->log[i].fx;
        const double v[] = {x->value,         x->v[0],         x->v[1],
                            (double)x->kind,  (double)x->code, (double)x->chan,
                            (double)x->token, (double)x->step, nsec_to_s(s->log[i].at)};

        for (size_t k = 0; k < sizeof(v); k++)
            h = (h ^ ((const uint8_t *)v)[k]) * 1099511628211u;
    }
    return h;
}

static uint64_t run_with_trouble(bool bytes)
{
    build();
    rig_start(&bench, &prog);
    bench.through_bytes = bytes;
    rig_for(&bench, 60.0);
    ck_assert(rig_event(&bench, EV_OPERATOR, OP_PAUSE, 0.0) == 0);
    rig_for(&bench, 33.0);
    ck_assert(rig_event(&bench, EV_OPERATOR, OP_RESUME, 0.0) == 0);
    rig_for(&bench, 200.0);
    ck_assert(rig_event(&bench, EV_RESUMED, 0, 30.0) == 0);
    rig_for(&bench, 300.0);
    ck_assert(rig_event(&bench, EV_TRIP, CAUSE_INTERLOCK, 0.0) == 0);
    ck_assert(rig_until(&bench, RUN_ENDED, 100.0));
    ck_assert_uint_eq(bench.run.verdict, VERDICT_TRIP);
    return log_hash(&bench) ^ run_hash(&bench.run, &prog.p);
}

START_TEST(test_same_again)
{
    uint64_t a = run_with_trouble(false);

    ck_assert(a == run_with_trouble(false));
    ck_assert(a == run_with_trouble(true));
}
END_TEST

START_TEST(test_checkpoint_refuses)
{
    uint8_t buf[RUN_ENCODED_MAX];
    struct run other;
    struct diag d;
    int n;

    build();
    rig_start(&bench, &prog);
    rig_for(&bench, 100.0);
    n = run_encode(&bench.run, &prog.p, buf, sizeof(buf));
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(run_encode(&bench.run, &prog.p, buf, (size_t)n - 1), E_FULL);
    ck_assert_int_eq(run_encode(&bench.run, &prog.p, buf, (size_t)n), n);
    for (int i = 0; i < n; i += 7) { /* any single damage is found */
        diag_init(&d);
        buf[i] ^= 0x10;
        ck_assert_int_lt(run_decode(&other, &prog.p, buf, (size_t)n, &d), 0);
        buf[i] ^= 0x10;
    }
    for (int i = 0; i < n; i += 13) {
        diag_init(&d);
        ck_assert_int_lt(run_decode(&other, &prog.p, buf, (size_t)i, &d), 0);
    }
    diag_init(&d);
    ck_assert_int_eq(run_decode(&other, &prog.p, buf, (size_t)n, &d), 0);
    prog.p.hash[3] ^= 1;
    ck_assert_int_eq(run_decode(&other, &prog.p, buf, (size_t)n, &d), E_MISMATCH);
}
END_TEST

/* ---- Random events
 * ------------------------------------------------------------------------------------ */

struct fuzz {
    struct run run;
    uint64_t seq;
    nsec at;
    struct effect open[16]; /* sets not answered yet */
    size_t n_open;
    uint32_t last_token;
    bool safe, ended;
    uint32_t begun, done;
    double v, a;
    uint16_t next_group;
};

static void check_effects(struct fuzz *z, const struct effect_list *l)
{
    ck_assert(!l->overflow);
    ck_assert(!z->ended || l->n == 0);
    for (uint16_t i = 0; i < l->n; i++) {
        const struct effect *x = &l->fx[i];

        ck_assert(!z->ended);
        if (x->kind == FX_SET) {
            const struct station_chan *c = &prog.p.station.chan[x->chan];

            ck_assert(!z->safe);
            ck_assert_double_ge(x->value, c->min);
            ck_assert_double_le(x->value, c->max);
            ck_assert(!(z->run.state == RUN_PAUSED && x->chan == RIG_MODE && x->value > 1.5));
            ck_assert(z->run.state != RUN_RECOVERING && z->run.state != RUN_READY);
            if (z->n_open == 16)
                memmove(&z->open[0], &z->open[1], --z->n_open * sizeof(z->open[0]));
            z->open[z->n_open++] = *x;
        }
        if (x->kind == FX_SET || x->kind == FX_ASK) {
            ck_assert_uint_gt(x->token, z->last_token);
            z->last_token = x->token;
        }
        z->safe = z->safe || x->kind == FX_SAFE;
        z->ended = z->ended || x->kind == FX_END;
        if (x->kind == FX_STEP_BEGIN) {
            ck_assert_uint_eq(z->begun, z->done);
            z->begun++;
            ck_assert_uint_eq(x->token, z->begun);
        }
        if (x->kind == FX_STEP_END) {
            z->done++;
            ck_assert_uint_eq(z->begun, z->done);
            ck_assert_uint_eq(z->run.summary.number, z->done);
        }
    }
    ck_assert(z->ended == (z->run.state == RUN_ENDED));
    ck_assert(!z->ended || z->begun == z->done);
    ck_assert(!z->safe || z->run.state == RUN_SAFING || z->run.state == RUN_ENDED);
}

static void feed(struct fuzz *z, struct event *e)
{
    static uint8_t buf[RUN_ENCODED_MAX];
    struct effect_list l, again;
    struct run other;
    struct diag d;
    int n = run_encode(&z->run, &prog.p, buf, sizeof(buf));

    diag_init(&d);
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(run_decode(&other, &prog.p, buf, (size_t)n, &d), 0);
    e->seq = ++z->seq;
    e->at = z->at;
    ck_assert_int_eq(run_feed(&z->run, &prog.p, e, &l), 0);
    ck_assert_int_eq(run_feed(&other, &prog.p, e, &again), 0);
    ck_assert_uint_eq(l.n, again.n);
    for (uint16_t i = 0; i < l.n; i++)
        ck_assert(l.fx[i].kind == again.fx[i].kind && l.fx[i].token == again.fx[i].token &&
                  l.fx[i].chan == again.fx[i].chan);
    ck_assert(run_hash(&z->run, &prog.p) == run_hash(&other, &prog.p));
    check_effects(z, &l);
}

static void random_sample(struct fuzz *z, struct rng *g, struct event *e)
{
    e->kind = EV_SAMPLE;
    e->code = z->next_group;
    z->next_group = (uint16_t)((z->next_group + 1) % RIG_GROUPS);
    e->n = prog.p.station.group[e->code].n;
    e->stamp = z->at - (nsec)(rng_u64(g) % (30 * NSEC_MS));
    z->v += 0.02 * rng_normal(g);
    z->v = fmin(fmax(z->v, 2.95), 4.28);
    z->a = 0.1 * rng_normal(g);
    for (uint16_t i = 0; i < e->n; i++) {
        e->sample[i] = e->code == RIG_CYCLER  ? (i ? z->a : z->v)
                       : e->code == RIG_PRESS ? 1e6 * (1.0 + 7.9 * rng_uniform(g))
                                              : 300.0 + 40.0 * rng_uniform(g);
        e->quality[i] = rng_u64(g) % 400 ? Q_OK : Q_INVALID;
    }
}

static void random_answer(struct fuzz *z, struct rng *g, struct event *e)
{
    size_t k;

    if (!z->n_open) {
        e->kind = EV_TIMER;
        return;
    }
    k = rng_u64(g) % 8 ? 0 : rng_u64(g) % z->n_open;
    e->kind = rng_u64(g) % 2000 ? EV_SET_CONFIRMED : (uint16_t)(EV_SET_MISMATCH + rng_u64(g) % 3);
    e->chan = z->open[k].chan;
    e->token = z->open[k].token;
    e->value = z->open[k].value;
    e->stamp = z->at;
    z->n_open--;
    memmove(&z->open[k], &z->open[k + 1], (z->n_open - k) * sizeof(z->open[0]));
}

static void random_event(struct fuzz *z, struct rng *g, struct event *e)
{
    uint64_t dice = rng_u64(g) % 3000;

    memset(e, 0, sizeof(*e));
    e->stamp = z->at;
    if (dice < 1650) {
        random_sample(z, g, e);
    } else if (dice < 2700) {
        random_answer(z, g, e);
    } else if (dice < 2850) {
        e->kind = EV_TIMER;
    } else if (dice < 2940) {
        e->kind = EV_EDGE;
        e->chan = RIG_CURRENT;
        e->value = (double)(rng_u64(g) % 2);
        e->stamp = z->at - (nsec)(rng_u64(g) % (30 * NSEC_MS));
    } else if (dice < 2980) {
        e->kind = EV_OPERATOR;
        e->code = (uint16_t)(rng_u64(g) % 6);
        if (e->code == OP_ABORT && rng_u64(g) % 16)
            e->code = OP_RESUME;
        e->token = z->run.question_token;
        e->value = (double)(rng_u64(g) % 8);
    } else if (dice < 2999) {
        const uint16_t kinds[] = {EV_INST_LOST, EV_INST_BACK, EV_STORE_BEHIND, EV_STORE_OK,
                                  EV_RESUMED,   EV_START,     EV_SAFE_DONE,    EV_INST_LOCAL};

        e->kind = kinds[rng_u64(g) % 8];
        e->code = (uint16_t)(rng_u64(g) % RIG_GROUPS);
        e->value = rng_uniform(g) * 900.0;
    } else {
        const uint16_t kinds[] = {EV_INST_ALARM, EV_INST_REBOOT, EV_INST_WRONG, EV_TRIP};

        e->kind = kinds[rng_u64(g) % 4];
        e->code = e->kind == EV_TRIP ? CAUSE_INTERLOCK : (uint16_t)(rng_u64(g) % RIG_GROUPS);
    }
}

static void fuzz_one(uint64_t seed, unsigned most)
{
    struct fuzz z = {.v = 3.5, .at = NSEC_S};
    struct event e = {.kind = EV_START};
    struct rng g;
    struct diag d;
    nsec slow;

    rng_seed(&g, seed, 0);
    slow = 1 + (nsec)(rng_u64(&g) % 500);
    diag_init(&d);
    ck_assert_int_eq(run_init(&z.run, &prog.p, &d), 0);
    feed(&z, &e);
    for (unsigned i = 0; i < most && !z.ended; i++) {
        nsec wake = run_next_wake(&z.run, &prog.p);

        z.at += (nsec)(rng_uniform(&g) * (double)(rng_u64(&g) % 400 ? slow * NSEC_MS : 3 * NSEC_S));
        if (wake <= z.at && rng_u64(&g) % 4) { /* mostly woken when it asks */
            memset(&e, 0, sizeof(e));
            e.kind = EV_TIMER;
            feed(&z, &e);
        }
        if (z.ended)
            break;
        random_event(&z, &g, &e);
        feed(&z, &e);
    }
    memset(&e, 0, sizeof(e));
    e.kind = EV_OPERATOR;
    e.code = OP_ABORT;
    feed(&z, &e);
    e.kind = EV_SAFE_DONE;
    e.value = 1.0;
    feed(&z, &e);
    ck_assert(z.ended);
    e.kind = EV_TRIP;
    e.code = CAUSE_INTERLOCK;
    feed(&z, &e);
}

START_TEST(test_random_events)
{
    const char *many = getenv("FUZZ_RUNS");
    uint64_t n = many ? (uint64_t)atoi(many) : 60;

    build();
    for (uint64_t seed = 1; seed <= n; seed++)
        fuzz_one(seed, 600);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_fuzz");
    TCase *t = tcase_create("run_fuzz");
    SRunner *r;
    int bad;

    tcase_set_timeout(t, 600);
    tcase_add_test(t, test_same_again);
    tcase_add_test(t, test_checkpoint_refuses);
    tcase_add_test(t, test_random_events);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_NORMAL);
    bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? 1 : 0;
}
