/* tests/support/run_rig_bench.c - the small bench of run_rig.h. */
#include "tests/support/run_rig.h"

#include "base/err.h"

#include <check.h>
#include <math.h>
#include <string.h>

static double ocv(const struct rig_bench *s)
{
    return 3.0 + s->q_c / RIG_CAPACITY_C;
}

static double current_now(const struct rig_bench *s)
{
    double mode = s->value[RIG_MODE], a;

    if (mode > 2.5)
        return s->value[RIG_ISET];
    if (mode < 1.5)
        return 0.0;
    a = (s->value[RIG_VSET] - ocv(s)) / RIG_OHM;
    return fmax(-s->value[RIG_LIM_DISCHARGE], fmin(s->value[RIG_LIM_CHARGE], a));
}

/* The charge that flows in dt, exactly: constant at a limit, an exponential in the voltage source.
 */
static double charge_in(const struct rig_bench *s, double dt)
{
    double a = current_now(s), free_a = (s->value[RIG_VSET] - ocv(s)) / RIG_OHM,
           tau = RIG_OHM * RIG_CAPACITY_C, limited, t;

    if (s->value[RIG_MODE] < 1.5 || s->value[RIG_MODE] > 2.5)
        return a * dt;
    limited = fmax(-s->value[RIG_LIM_DISCHARGE], fmin(s->value[RIG_LIM_CHARGE], free_a));
    if (!(fabs(limited) < fabs(free_a)))
        return free_a * tau * (1.0 - exp(-dt / tau));
    t = fabs(limited) > 0.0 ? (free_a - limited) * tau / limited
                            : (double)INFINITY; /* then the limit is left */
    if (t >= dt)
        return limited * dt;
    return limited * t + limited * tau * (1.0 - exp(-(dt - t) / tau));
}

static void world_to(struct rig_bench *s, nsec t)
{
    while (s->world_at < t) {
        nsec step = t - s->world_at > 50 * NSEC_MS ? 50 * NSEC_MS : t - s->world_at;
        double dt = nsec_to_s(step), dq = charge_in(s, dt);

        s->q_c += dq;
        if (dq > 0.0)
            s->in_c += dq;
        else
            s->out_c -= dq;
        s->value[RIG_PRESSURE] +=
            (s->value[RIG_PSET] - s->value[RIG_PRESSURE]) * fmin(dt / 2.0, 1.0);
        s->value[RIG_TEMPERATURE] +=
            (s->value[RIG_TSET] - s->value[RIG_TEMPERATURE]) * fmin(dt / 60.0, 1.0);
        s->world_at += step;
    }
    s->at = t > s->at ? t : s->at;
    s->current_a = current_now(s);
    s->value[RIG_CURRENT] = s->current_a;
    s->value[RIG_VOLTAGE] = ocv(s) + s->current_a * RIG_OHM;
}

void rig_start(struct rig_bench *s, struct rig_program *b)
{
    struct diag d;

    memset(s, 0, sizeof(*s));
    diag_init(&d);
    s->b = b;
    s->latency = 20 * NSEC_MS;
    s->bad_chan = -1;
    s->keep_edges = true;
    s->safe_value = 1.0;
    s->value[RIG_TEMPERATURE] = s->value[RIG_TSET] = 298.15;
    s->value[RIG_PRESSURE] = s->value[RIG_PSET] = 1e6;
    s->q_c = 18.0;
    for (int g = 0; g < RIG_GROUPS; g++) {
        s->poll_at[g] = (g + 1) * 10 * NSEC_MS;
        s->period[g] = nsec_from_s(b->p.station.group[g].period_s);
    }
    ASSERT(run_init(&s->run, &b->p, &d) == 0);
    ASSERT(rig_event(s, EV_START, 0, 0.0) == 0);
}

static void take_set(struct rig_bench *s, const struct effect *x)
{
    s->sets++;
    if (s->mute)
        return;
    ASSERT(s->n_pending < RIG_PENDING_MAX);
    s->pending[s->n_pending++] = (struct rig_set){
        .chan = x->chan, .value = x->value, .token = x->token, .at = s->at + s->latency};
}

static void take_effects(struct rig_bench *s, const struct effect_list *l)
{
    s->overflow = s->overflow || l->overflow;
    for (uint16_t i = 0; i < l->n; i++) {
        const struct effect *x = &l->fx[i];

        ASSERT(s->ends == 0); /* nothing follows FX_END */
        if (x->kind == FX_SET) {
            ASSERT(!s->safed);
            take_set(s, x);
        } else if (x->kind == FX_SAFE) {
            ASSERT(!x->needs_durable);
            s->safe_due = s->safed = true;
            s->n_pending = 0;
            s->value[RIG_MODE] = CYCLER_OFF;
        } else if (x->kind == FX_POLL_PERIOD) {
            s->period[x->code] = nsec_from_s(x->value);
            if (s->poll_at[x->code] > s->at + s->period[x->code])
                s->poll_at[x->code] = s->at + s->period[x->code];
        } else if (x->kind == FX_RECORD) {
            s->rows[x->code]++;
        } else if (x->kind == FX_END) {
            s->ends++;
        }
        if (x->kind != FX_RECORD && s->n_log < RIG_LOG_MAX)
            s->log[s->n_log++] =
                (struct rig_entry){.at = s->at, .fx = *x, .summary = s->run.summary};
    }
}

static void through_bytes(struct rig_bench *s)
{
    uint8_t buf[RUN_ENCODED_MAX], again[RUN_ENCODED_MAX];
    struct diag d;
    struct run other;
    int n = run_encode(&s->run, &s->b->p, buf, sizeof(buf));

    diag_init(&d);
    ASSERT(n > 0);
    ASSERT(run_decode(&other, &s->b->p, buf, (size_t)n, &d) == 0);
    ASSERT(run_encode(&other, &s->b->p, again, sizeof(again)) == n);
    ASSERT(memcmp(buf, again, (size_t)n) == 0);
    s->run = other;
}

int rig_feed(struct rig_bench *s, struct event *e)
{
    struct effect_list l;
    int rc;

    e->seq = s->seq + 1;
    e->at = s->at;
    rc = run_feed(&s->run, &s->b->p, e, &l);
    if (rc < 0)
        return rc;
    s->seq++;
    s->feeds++;
    take_effects(s, &l);
    if (s->through_bytes)
        through_bytes(s);
    return 0;
}

int rig_event(struct rig_bench *s, enum event_kind kind, uint16_t code, double value)
{
    struct event e = {.kind = (uint16_t)kind, .code = code, .value = value, .stamp = s->at};

    return rig_feed(s, &e);
}

static void poll(struct rig_bench *s, uint16_t g)
{
    const struct station_group *sg = &s->b->p.station.group[g];
    struct event e = {.kind = EV_SAMPLE, .code = g, .n = sg->n, .stamp = s->at};

    s->poll_at[g] += s->period[g];
    if (s->silent[g])
        return;
    for (uint16_t i = 0; i < sg->n; i++) {
        chan_id c = sg->chan[i];
        bool off = g == RIG_CYCLER && s->value[RIG_MODE] < 0.5;

        if (!(fabs(s->stuck[c]) > 0.0))
            s->last[c] = s->value[c];
        e.sample[i] = s->last[c];
        e.quality[i] = Q_OK;
        if (off || fabs(s->invalid[c]) > 0.0) {
            e.sample[i] = (double)NAN;
            e.quality[i] = Q_INVALID;
        }
    }
    ASSERT(rig_feed(s, &e) == 0);
}

static void answer(struct rig_bench *s)
{
    struct rig_set set = s->pending[0];
    struct event e = {.kind = EV_SET_CONFIRMED,
                      .chan = set.chan,
                      .token = set.token,
                      .value = set.value,
                      .stamp = s->at};

    s->n_pending--;
    memmove(&s->pending[0], &s->pending[1], s->n_pending * sizeof(s->pending[0]));
    if (s->bad_chan == set.chan) {
        e.kind = (uint16_t)s->bad_kind;
    } else {
        double before = s->current_a;

        s->value[set.chan] = set.value;
        world_to(s, s->at);
        if (s->keep_edges && fabs(before - s->current_a) > 0.0) {
            struct event edge = {.kind = EV_EDGE,
                                 .chan = RIG_CURRENT,
                                 .value = s->value[RIG_MODE] < 1.5 ? 0.0 : 1.0,
                                 .stamp = s->at};

            e.stamp += NSEC_MS;
            world_to(s, s->at + 2 * NSEC_MS); /* told a little later than it was */
            ASSERT(rig_feed(s, &edge) == 0);
        }
    }
    ASSERT(rig_feed(s, &e) == 0);
}

/* The next thing that happens, not after `until`; false: nothing before it. */
static bool bench_step(struct rig_bench *s, nsec until)
{
    nsec wake = run_next_wake(&s->run, &s->b->p), next = wake;
    int what = 0;

    if (wake < s->at)
        next = wake = s->at;
    if (s->n_pending && s->pending[0].at <= next) {
        next = s->pending[0].at;
        what = 1;
    }
    if (s->safe_due && s->at + 100 * NSEC_MS <= next) {
        next = s->at + 100 * NSEC_MS;
        what = 2;
    }
    for (int g = 0; g < RIG_GROUPS; g++) {
        if (s->poll_at[g] < next) {
            next = s->poll_at[g];
            what = 3 + g;
        }
    }
    if (next > until) {
        world_to(s, until);
        return false;
    }
    world_to(s, next > s->at ? next : s->at);
    if (what == 0) {
        ASSERT(rig_event(s, EV_TIMER, 0, 0.0) == 0);
    } else if (what == 1) {
        answer(s);
    } else if (what == 2) {
        s->safe_due = false;
        ASSERT(rig_event(s, EV_SAFE_DONE, 0, s->safe_value) == 0);
    } else {
        poll(s, (uint16_t)(what - 3));
    }
    return true;
}

bool rig_until(struct rig_bench *s, enum run_state state, double most_s)
{
    nsec until = s->at + nsec_from_s(most_s);

    while (s->run.state != state && s->run.state != RUN_ENDED)
        if (!bench_step(s, until))
            return false;
    return s->run.state == state;
}

void rig_for(struct rig_bench *s, double s_more)
{
    nsec until = s->at + nsec_from_s(s_more);

    while (s->run.state != RUN_ENDED && bench_step(s, until))
        ;
}

bool rig_until_act(struct rig_bench *s, uint32_t number, double most_s)
{
    nsec until = s->at + nsec_from_s(most_s);

    while (s->run.acts_done < number && s->run.state != RUN_ENDED)
        if (!bench_step(s, until))
            return false;
    return s->run.acts_done == number;
}

size_t rig_count(const struct rig_bench *s, enum effect_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_log; i++)
        n += s->log[i].fx.kind == kind;
    return n;
}

const struct rig_entry *rig_nth(const struct rig_bench *s, enum effect_kind kind, size_t k)
{
    for (size_t i = 0; i < s->n_log; i++)
        if (s->log[i].fx.kind == kind && k-- == 0)
            return &s->log[i];
    return NULL;
}

void rig_run(struct rig_bench *s, struct rig_program *b, double most_s)
{
    rig_close(b);
    rig_start(s, b);
    ck_assert(rig_until(s, RUN_ENDED, most_s));
    ck_assert(!s->overflow);
    ck_assert_uint_eq(s->ends, 1);
}

const struct run_summary *rig_summary(const struct rig_bench *s, size_t k)
{
    const struct rig_entry *e = rig_nth(s, FX_STEP_END, k);

    ck_assert_ptr_nonnull(e);
    return &e->summary;
}

double rig_register(const struct rig_bench *s, reg_id reg, size_t k)
{
    for (size_t i = 0; i < s->n_log; i++)
        if (s->log[i].fx.kind == FX_REGISTER && s->log[i].fx.chan == reg && k-- == 0)
            return s->log[i].fx.value;
    ck_abort_msg("register %u was not told so often", (unsigned)reg);
}
