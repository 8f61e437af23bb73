/* tests/unit/test_pairs.c - every driver against its emulator, over bus, host and world. Nothing
 * here knows an instrument but the table of gentle values.
 *
 * Judged at the instrument, not in the driver's belief: energized() after safe, standing() against
 * every reading and every proof of a set-point. A late or foreign reply that was taken for the
 * right one shows as a set-point that does not stand.
 */
#include "drivers/virtual/world.h"
#include "tests/support/bus_rig.h"

#include "base/diag.h"
#include "base/rng.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AT_WORK = 2
};
_Static_assert((int)CYCLER_VOLTAGE == AT_WORK && (int)CHAMBER_CONSTANT == AT_WORK, "AT_WORK");

static struct rig rig;
static struct world world;

/* ---- Allocations, counted ---- */

static volatile unsigned long n_allocations; /* the compiler takes malloc() for pure */

#ifdef __SANITIZE_ADDRESS__
/* Of sanitizer/allocator_interface.h, which not every compiler brings along. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static void on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    (void)n;
    n_allocations++;
}

static void on_free(const volatile void *p)
{
    (void)p;
}

static void count_allocations(void)
{
    (void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    n_allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    n_allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    n_allocations++;
    return __libc_realloc(p, n);
}

static void count_allocations(void)
{
}
#endif

/* ---- A pair on its line ---- */

static int n_drivers(void)
{
    int n = 0;

    while (drivers_all[n])
        n++;
    return n;
}

static uint16_t unit_of(const struct driver *d)
{
    return strncmp(d->name, "alicat", 6) == 0 ? 'A' : 1;
}

/* Set-points that a bench could live with; all others stand in the middle of their range. */
static const struct gentle {
    const char *chan;
    double value;
} gentle_values[] = {
    {"voltage_set",     3.6   },
    {"current_limit",   1e-3  },
    {"current_set",     1e-3  },
    {"voltage_limit",   4.2   },
    {"temperature_set", 313.15},
    {"limit_high",      373.15},
    {"limit_low",       253.15},
    {"pressure_set",    200e3 },
};

static double gentle(const struct chan *c)
{
    for (size_t i = 0; i < ARRAY_LEN(gentle_values); i++) {
        if (strcmp(c->name, gentle_values[i].chan) == 0)
            return gentle_values[i].value;
    }
    return (c->min + c->max) / 2;
}

/* The set-point that emu.standing() speaks of: the first channel that is set by a number. */
static int standing_chan(const struct inst *inst)
{
    for (int i = 0; i < inst->n_chans; i++) {
        const struct chan *c = &inst->chans[i];

        if ((c->access & CHAN_SET) && c->kind != KIND_STATE && c->kind != KIND_SWITCH)
            return i;
    }
    return -1;
}

static double standing(const struct rig *r, int inst)
{
    return r->host_w.emu[inst]->standing(r->host.state[inst]);
}

static bool stands(const struct rig *r, int inst, double value)
{
    const struct chan *c = &r->inst[inst].chans[standing_chan(&r->inst[inst])];

    return fabs(value - standing(r, inst)) <= c->resolution / 2 + 1e-6 * fabs(value) + 1e-9;
}

static unsigned n_not_ok;

/* A set-point that is read, or proven, is the one that stands now: no request is under way that
 * could have changed it since. */
static void judge(struct rig *r, const struct bus_report *report)
{
    const struct outcome *o = report->outcome;
    int chan;

    if (report->kind != BUS_SAMPLES)
        return;
    chan = standing_chan(&r->inst[report->inst]);
    for (int i = 0; i < o->n_samples; i++) {
        const struct sample *s = &o->sample[i];

        n_not_ok += s->quality != Q_OK;
        RIG_CHECK(s->quality != Q_OK || isfinite(s->value));
        RIG_CHECK(s->quality == Q_OK || isnan(s->value));
        RIG_CHECK(s->chan != chan || s->quality != Q_OK || stands(r, report->inst, s->value));
    }
    for (int i = 0; i < o->n_notices; i++) {
        const struct notice_said *n = &o->notice[i];

        if (n->chan == chan && (n->notice == NOTICE_SET_DONE || n->notice == NOTICE_SET_MISMATCH))
            RIG_CHECK(stands(r, report->inst, n->value));
    }
}

static void add_ports(struct emu_param *p, const struct emu *emu, int station, int chamber)
{
    for (int i = 0; i < emu->n_ports; i++) {
        int at = emu->ports[i] == PORT_CHAMBER ? chamber : station;

        p->ports[i] = (uint16_t)world_add_port(&world, emu->ports[i], at);
    }
    p->n_ports = emu->n_ports;
    p->error.ideal = true;
}

static struct rig *make_shared(const struct driver *d, int units, bool addressed)
{
    const struct emu *emu = emu_find(d->name);
    int station, chamber;

    ck_assert_msg(emu != NULL, "%s has no emulator", d->name);
    world_init(&world, 298.15);
    chamber = world_add_chamber(&world, NULL, 298.15);
    station = world_add_station(&world, chamber);
    world_put_assb(&world, station, NULL);
    world_put_press(&world, station, NULL);
    rig_init(&rig, d->baud ? 10 * NSEC_S / d->baud : 0);
    rig.on_report = judge;
    n_not_ok = 0;
    for (int i = 0; i < units; i++) {
        struct emu_param p = {.addressed = addressed};

        add_ports(&p, emu, station, chamber);
        rig_add(&rig, d, emu, (uint16_t)(unit_of(d) + i), &p, &world);
    }
    return &rig;
}

static struct rig *make(int i)
{
    return make_shared(drivers_all[i], 1, false);
}

static void identify(struct rig *r)
{
    for (int i = 0; i < r->bus.n_insts; i++) {
        int64_t t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, i, 0, 0);

        ck_assert_int_eq(rig_await(r, t, 20 * NSEC_S), RIG_DONE);
        ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_IDENTIFIED));
    }
}

static bool settable(const struct inst *inst, int chan, bool states)
{
    const struct chan *c = &inst->chans[chan];
    bool state = c->kind == KIND_STATE || c->kind == KIND_SWITCH;

    return (c->access & CHAN_SET) && state == states;
}

/* Exactly one answer to a set that has ended; none to one that was never sent. */
static void one_answer(const struct rig *r, int64_t t)
{
    unsigned n = rig_count_notices(r, t, NOTICE_SET_DONE, NOTICE_SET_REFUSED);

    ck_assert_int_ne(r->end[t], RIG_OPEN);
    ck_assert_uint_le(n, 1);
    if (r->end[t] == RIG_DONE)
        ck_assert_uint_eq(n, 1);
}

static int64_t set(struct rig *r, int inst, int chan, double value)
{
    int64_t t = rig_submit(r, JOB_SET, JOBKIND_SET, inst, chan, value);

    ck_assert_msg(t > 0, "%s %s: %d", r->inst[inst].name, r->inst[inst].chans[chan].name, (int)t);
    (void)rig_await(r, t, 120 * NSEC_S);
    one_answer(r, t);
    return t;
}

static void set_well(struct rig *r, int inst, int chan, double value)
{
    int64_t t = set(r, inst, chan, value);
    const struct notice_said *no = rig_notice(r, t, NOTICE_SET_REFUSED);
    const struct notice_said *other = rig_notice(r, t, NOTICE_SET_MISMATCH);

    ck_assert_msg(rig_notice(r, t, NOTICE_SET_DONE) != NULL, "%s.%s = %g: %s%s", r->inst[inst].name,
                  r->inst[inst].chans[chan].name, value, no ? no->text : "",
                  other ? other->text : "");
    if (chan == standing_chan(&r->inst[inst]))
        ck_assert(stands(r, inst, value) ||
                  fabs(standing(r, inst) - value) <= r->inst[inst].chans[chan].resolution);
}

static void set_gently(struct rig *r, int inst)
{
    for (int i = 0; i < r->inst[inst].n_chans; i++) {
        if (settable(&r->inst[inst], i, false))
            set_well(r, inst, i, gentle(&r->inst[inst].chans[i]));
    }
}

static int state_chan(const struct inst *inst)
{
    for (int i = 0; i < inst->n_chans; i++) {
        if (settable(inst, i, true))
            return i;
    }
    return -1;
}

static bool energized(const struct rig *r, int inst)
{
    return r->host_w.emu[inst]->energized(r->host.state[inst]);
}

/* At work: a chamber in CONSTANT, a cycler in VOLTAGE. Polls run. */
static void operate(struct rig *r)
{
    for (int i = 0; i < r->bus.n_insts; i++) {
        int chan = state_chan(&r->inst[i]);

        set_gently(r, i);
        if (chan >= 0)
            set_well(r, i, chan, AT_WORK);
        bus_poll_period(&r->bus, (uint8_t)i, NSEC_S, r->now);
    }
    rig_run(r, r->now + 10 * NSEC_S);
}

static struct rig *operating(int i)
{
    struct rig *r = make(i);

    identify(r);
    operate(r);
    return r;
}

/* ---- What works ---- */

START_TEST(identify_and_poll)
{
    struct rig *r = make(_i);
    const struct inst *inst = &r->inst[0];

    identify(r);
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
    bus_poll_period(&r->bus, 0, NSEC_S, r->now);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_uint_ge(r->n_poll_done, 59);
    for (int i = 0; i < inst->n_chans; i++) {
        if (inst->chans[i].polled)
            ck_assert_msg(r->last_at[0][i] > r->now - 10 * NSEC_S, "%s is not polled",
                          inst->chans[i].name);
    }
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.noise_bytes, 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.refused, 0);
}
END_TEST

/* A limit may be refused where it would cross the set-point that stands; all others are obeyed. */
static bool is_limit(const struct chan *c)
{
    return strcmp(c->name, "limit_high") == 0 || strcmp(c->name, "limit_low") == 0;
}

START_TEST(sets_at_both_ends_and_in_the_middle)
{
    struct rig *r = make(_i);
    const struct inst *inst = &r->inst[0];

    identify(r);
    bus_poll_period(&r->bus, 0, NSEC_S, r->now);
    for (int i = 0; i < inst->n_chans; i++) {
        const struct chan *c = &inst->chans[i];
        double values[] = {c->min, (c->min + c->max) / 2, c->max};

        if (!settable(inst, i, false))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(values); k++) {
            if (is_limit(c))
                set(r, 0, i, values[k]);
            else
                set_well(r, 0, i, values[k]);
        }
        set_well(r, 0, i, gentle(c));
    }
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
    ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
}
END_TEST

static int n_states(const struct chan *c)
{
    int n = 0;

    while (c->states && c->states[n])
        n++;
    return n;
}

/* Each state that can be set, from each other; then safe, twice, from each. */
START_TEST(every_state_and_safe_from_it)
{
    struct rig *r = operating(_i);
    int chan = state_chan(&r->inst[0]);
    unsigned reached = 0;

    for (int from = 0; chan >= 0 && from < n_states(&r->inst[0].chans[chan]); from++) {
        for (int to = 0; to < n_states(&r->inst[0].chans[chan]); to++) {
            int64_t t;

            if (rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, from) < 0)
                continue;
            rig_run(r, r->now + 15 * NSEC_S);
            t = set(r, 0, chan, to);
            if (!rig_notice(r, t, NOTICE_SET_DONE))
                continue;
            reached++;
            rig_run(r, r->now + 3 * NSEC_S);
            for (int twice = 0; twice < 2; twice++) {
                ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 10 * NSEC_S),
                                 RIG_DONE);
                ck_assert(!energized(r, 0));
            }
            rig_run(r, r->now + 3 * NSEC_S);
            ck_assert(!energized(r, 0));
        }
    }
    ck_assert(chan < 0 || reached >= 4);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_OUTPUT, 0, 0, 0, 10 * NSEC_S), RIG_DONE);
    ck_assert(!energized(r, 0));
    ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
}
END_TEST

START_TEST(safe_needs_nothing_before_it)
{
    struct rig *r = operating(_i);
    struct bus_wiring *w = &r->bus_w;

    /* A controller that has just come up knows nothing of the instrument that is at work. */
    r->bus.n_insts = 0;
    bus_init(&r->bus, w);
    ck_assert_int_eq(bus_add(&r->bus, w, &r->inst[0]), 0);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 10 * NSEC_S), RIG_DONE);
    ck_assert(!energized(r, 0));
}
END_TEST

START_TEST(out_of_range_is_refused_without_a_byte)
{
    struct rig *r = make(_i);
    uint64_t sent;

    identify(r);
    sent = r->n_sent;
    for (int i = 0; i < r->inst[0].n_chans; i++) {
        const struct chan *c = &r->inst[0].chans[i];
        double beyond = fmax((c->max - c->min) * 1e-3, c->resolution);

        if (!(c->access & CHAN_SET)) {
            ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, i, c->min), E_UNSUPPORTED);
            continue;
        }
        ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, i, c->max + beyond), E_RANGE);
        ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, i, c->min - beyond), E_RANGE);
    }
    rig_run(r, r->now + 5 * NSEC_S);
    ck_assert_uint_eq(r->n_sent, sent);
}
END_TEST

/* ---- Faults of the line ---- */

static const uint32_t fault_lengths[] = {1, 2, 5, UINT32_MAX};

/* The instrument is at work, is polled and set while the line is bad, and all is well afterwards.
 */
static void weather(struct rig *r, enum line_fault f, uint32_t left, nsec late)
{
    int chan = standing_chan(&r->inst[0]);
    int64_t token[6] = {0};

    rig_fault(r, f, left, late);
    for (int i = 0; i < 6; i++) {
        if (chan >= 0) {
            double v = gentle(&r->inst[0].chans[chan]);

            token[i] = rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, v + (i % 2 ? 0 : 0.1 * v));
            if (token[i] < 0)
                ck_assert_int_eq(token[i], E_STATE);
        }
        rig_run(r, r->now + 2700 * NSEC_MS);
    }
    rig_fault(r, LINE_NONE, 0, 0);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_uint_eq(r->n_open, 0);
    for (int i = 0; i < 6; i++) {
        if (token[i] > 0)
            one_answer(r, token[i]);
    }
    ck_assert_uint_eq(r->n_lost, r->n_back);
    ck_assert_int_eq(r->bus.inst[0].identified, 1);
    ck_assert_int_eq(rig_do(r, JOB_POLL, JOBKIND_POLL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
}

/* A fault of the line alone must not look like a hand at the panel or a restart. */
START_TEST(line_faults_in_mid_operation)
{
    enum line_fault f = (enum line_fault)(1 + _i % (LINE_COUNT - 1));
    int pair = _i / (LINE_COUNT - 1);
    const struct driver *d = drivers_all[pair];
    nsec late[] = {d->timeout_ms * NSEC_MS / 2, (d->timeout_ms + 200) * NSEC_MS,
                   2 * d->timeout_ms * NSEC_MS + 100 * NSEC_MS};

    for (size_t i = 0; i < ARRAY_LEN(fault_lengths); i++) {
        for (size_t k = 0; k < (f == LINE_LATE ? 3 : 1); k++) {
            struct rig *r = operating(pair);

            weather(r, f, fault_lengths[i], f == LINE_LATE ? late[k] : 50 * NSEC_MS);
            ck_assert_msg(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED) == 0, "%s %s: %s",
                          d->name, line_fault_name(f),
                          r->said[(r->n_said - 1) % RIG_SAID_MAX].notice.text);
            ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
            ck_assert(!energized(r, 0));
        }
    }
}
END_TEST

/* What does not cost a reply goes on for ever without a retry. */
START_TEST(harmless_faults_go_on)
{
    static const enum line_fault faults[] = {LINE_DUPLICATED, LINE_SPLIT, LINE_NOISE};

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct rig *r = operating(_i);
        uint32_t done = r->n_poll_done;

        rig_fault(r, faults[i], UINT32_MAX, 20 * NSEC_MS);
        rig_run(r, r->now + 60 * NSEC_S);
        ck_assert_uint_ge(r->n_poll_done - done, 59);
        ck_assert_uint_eq(r->bus.inst[0].stats.retries, 0);
        ck_assert_uint_eq(rig_count_notices(r, 0, NOTICE_ALARM, NOTICE_REBOOTED), 0);
    }
}
END_TEST

/* A safe job that is answered late, or not, says "done" only when it is. */
START_TEST(safe_through_line_faults)
{
    enum line_fault f = (enum line_fault)(_i % LINE_COUNT);
    int pair = _i / LINE_COUNT;
    const struct driver *d = drivers_all[pair];

    for (int step = 0; step < 12; step++) {
        struct rig *r = operating(pair);
        int64_t t;

        rig_fault(r, f, 1 + (uint32_t)step % 3, d->timeout_ms * NSEC_MS + 150 * NSEC_MS);
        rig_run(r, r->now + step * 97 * NSEC_MS);
        t = rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0);
        if (f == LINE_DOWN)
            rig_run(r, r->now + 2 * NSEC_S);
        rig_fault(r, f, f == LINE_DOWN ? 0 : r->host.fault.left, r->host.fault.late_by);
        ck_assert_int_eq(rig_await(r, t, 60 * NSEC_S), RIG_DONE);
        ck_assert(!energized(r, 0));
    }
}
END_TEST

/* ---- Faults of the mind ---- */

static unsigned said(const struct rig *r, enum notice first, enum notice last)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < r->n_said && i < RIG_SAID_MAX; i++)
        n += r->said[i].notice.notice >= first && r->said[i].notice.notice <= last;
    return n;
}

static void expect_seen(const struct rig *r, enum emu_fault f)
{
    const char *name = r->inst[0].name;
    bool sets = standing_chan(&r->inst[0]) >= 0;

    switch (f) {
    case FAULT_SILENT_IGNORE:
        ck_assert_msg(!sets || said(r, NOTICE_SET_MISMATCH, NOTICE_SET_MISMATCH), "%s", name);
        break;
    case FAULT_REFUSE:
        ck_assert_msg(!sets || said(r, NOTICE_SET_REFUSED, NOTICE_SET_REFUSED), "%s", name);
        break;
    case FAULT_SENSOR_OPEN: ck_assert_msg(n_not_ok > 0, "%s: open sensor is not seen", name); break;
    case FAULT_LOCAL:
        ck_assert_msg(said(r, NOTICE_LOCAL, NOTICE_LOCAL), "%s: local is not seen", name);
        break;
    case FAULT_ALARM:
        ck_assert_msg(said(r, NOTICE_ALARM, NOTICE_ALARM), "%s: alarm is not seen", name);
        break;
    case FAULT_REBOOT:
        ck_assert_msg(!sets || said(r, NOTICE_REBOOTED, NOTICE_REBOOTED) || r->n_lost == 1,
                      "%s: restart is not seen", name);
        break;
    case FAULT_WRONG_MODEL:
    case FAULT_STUCK:
    case FAULT_NONE:
    case FAULT_COUNT: break;
    }
}

static void forget_said(struct rig *r)
{
    r->n_said = 0;
    n_not_ok = 0;
}

static void judge_fault(struct rig *r, enum emu_fault f)
{
    int chan = standing_chan(&r->inst[0]);
    int64_t t = 0;
    enum rig_end end;

    forget_said(r);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, f, true);
    rig_run(r, r->now + 12 * NSEC_S);
    if (chan >= 0) {
        t = rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, 1.05 * gentle(&r->inst[0].chans[chan]));
        ck_assert(t > 0 || t == E_STATE);
    }
    rig_run(r, r->now + 12 * NSEC_S);
    expect_seen(r, f);
    if (t > 0)
        one_answer(r, t);
    rig_run(r, r->now + 30 * NSEC_S);
    end = rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 60 * NSEC_S);
    ck_assert_int_ne(end, RIG_OPEN);
    ck_assert_msg(end == RIG_FAILED || !energized(r, 0), "%s: safe is done, but it is on",
                  emu_fault_name(f));
    host_mind_fault(&r->host, &r->host_w, 0, r->now, f, false);
    rig_run(r, r->now + 40 * NSEC_S);
    ck_assert_uint_eq(r->n_open, 0);
    ck_assert_uint_eq(r->n_lost, r->n_back);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, 20 * NSEC_S), RIG_DONE);
    ck_assert(!energized(r, 0));
    ck_assert_int_ge(r->last_at[0][0], r->now - 5 * NSEC_S);
}

START_TEST(mind_faults_in_mid_operation)
{
    enum emu_fault f = (enum emu_fault)(1 + _i % (FAULT_COUNT - 1));
    int pair = _i / (FAULT_COUNT - 1);
    struct rig *r;

    if (!(emu_find(drivers_all[pair]->name)->faults & 1U << f) || f == FAULT_WRONG_MODEL)
        return;
    r = operating(pair);
    judge_fault(r, f);
}
END_TEST

START_TEST(nothing_is_written_to_the_wrong_model)
{
    struct rig *r = operating(_i);
    bool on = energized(r, 0);
    double stood = standing(r, 0);
    uint64_t sent;
    int64_t t;

    if (!(r->host_w.emu[0]->faults & 1U << FAULT_WRONG_MODEL))
        return;
    bus_poll_period(&r->bus, 0, 0, r->now);
    rig_run(r, r->now + 5 * NSEC_S);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, true);
    t = rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    ck_assert_int_eq(rig_await(r, t, 20 * NSEC_S), RIG_FAILED);
    ck_assert_ptr_nonnull(rig_notice(r, t, NOTICE_WRONG_DEVICE));
    sent = r->n_sent;
    if (standing_chan(&r->inst[0]) >= 0)
        ck_assert_int_eq(rig_submit(r, JOB_SET, JOBKIND_SET, 0, standing_chan(&r->inst[0]),
                                    gentle(&r->inst[0].chans[standing_chan(&r->inst[0])])),
                         E_STATE);
    ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0, NSEC_S), RIG_FAILED);
    ck_assert_uint_eq(r->n_sent, sent);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_int_eq(energized(r, 0), on);
    ck_assert_double_eq_tol(standing(r, 0), stood, 1e-9);
    host_mind_fault(&r->host, &r->host_w, 0, r->now, FAULT_WRONG_MODEL, false);
    rig_run(r, r->now + 60 * NSEC_S);
    ck_assert_int_eq(r->bus.inst[0].identified, 1);
}
END_TEST

/* ---- Everything at once ---- */

/* What a line alone must not look like. */
static void no_hand_was_seen(const struct rig *r)
{
    for (uint32_t i = 0; i < r->n_said && i < RIG_SAID_MAX; i++) {
        const struct notice_said *n = &r->said[i].notice;

        ck_assert_msg(n->notice < NOTICE_ALARM, "%s: %s", r->inst[0].name, n->text);
    }
}

static void storm_step(struct rig *r, struct rng *rng, int64_t *ret_token)
{
    const struct driver *d = r->inst[0].driver;
    const nsec lates[] = {20 * NSEC_MS, d->timeout_ms * NSEC_MS + 100 * NSEC_MS,
                          2 * d->timeout_ms * NSEC_MS};
    int chan = standing_chan(&r->inst[0]);
    int states = state_chan(&r->inst[0]);
    double v;

    *ret_token = 0;
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
        if (chan < 0)
            break;
        v = gentle(&r->inst[0].chans[chan]);
        *ret_token = rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan,
                                v * (1 + 0.001 * (double)rng_below(rng, 50)));
        break;
    case 2:
    case 3:
        if (states >= 0)
            *ret_token = rig_submit(r, JOB_SET, JOBKIND_SET, 0, states,
                                    rng_below(rng, (uint32_t)r->inst[0].chans[states].max + 1));
        break;
    case 4: rig_submit(r, JOB_SAFE, JOBKIND_SAFE_ALL, 0, 0, 0); break;
    case 5: rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0); break;
    default:
        rig_fault(r, (enum line_fault)rng_below(rng, LINE_DOWN), 1 + rng_below(rng, 3),
                  lates[rng_below(rng, 3)]);
        break;
    }
    rig_run(r, r->now + (nsec)rng_below(rng, 4 * d->timeout_ms) * NSEC_MS);
}

/* judge() watches every reading and every proof; a safe job that says "done" is looked into as it
 * says so. */
static void judge_safe(struct rig *r, const struct bus_report *report)
{
    judge(r, report);
    if (report->kind == BUS_JOB_DONE && report->job->class == JOB_SAFE)
        RIG_CHECK(!energized(r, report->inst));
}

START_TEST(a_storm)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct rig *r = operating(_i);
        struct rng rng;

        rng_seed(&rng, seed, 1);
        r->on_report = judge_safe;
        for (int i = 0; i < 150; i++) {
            int64_t t;

            storm_step(r, &rng, &t);
            ck_assert(t >= 0 || t == E_STATE);
            if (t > 0 && r->end[t] == RIG_OPEN)
                rig_run(r, r->now + 2 * NSEC_S);
            if (t > 0 && r->end[t] != RIG_OPEN)
                one_answer(r, t);
        }
        rig_fault(r, LINE_NONE, 0, 0);
        rig_run(r, r->now + 60 * NSEC_S);
        ck_assert_uint_eq(r->n_open, 0);
        ck_assert_uint_eq(r->n_lost, r->n_back);
        no_hand_was_seen(r);
    }
}
END_TEST

/* ---- On one line with its like ---- */

START_TEST(two_units_share_a_line)
{
    const struct driver *d = drivers_all[_i];
    struct rig *r;
    int chan;

    if (d->baud == 0)
        return;
    r = make_shared(d, 2, true);
    identify(r);
    for (int i = 0; i < 2; i++)
        bus_poll_period(&r->bus, (uint8_t)i, NSEC_S, r->now);
    chan = standing_chan(&r->inst[0]);
    if (chan >= 0) {
        double v = gentle(&r->inst[0].chans[chan]);

        set_well(r, 0, chan, v);
        set_well(r, 1, chan, 1.02 * v);
        set_well(r, 0, chan, v);
        ck_assert(stands(r, 0, v) && !stands(r, 1, v));
    }
    rig_fault(r, LINE_WRONG_UNIT, 1, 0);
    rig_run(r, r->now + 30 * NSEC_S);
    ck_assert_uint_eq(r->n_lost, 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_ge(r->last_at[i][0], r->now - 5 * NSEC_S);
        ck_assert_int_eq(rig_do(r, JOB_SAFE, JOBKIND_SAFE_ALL, i, 0, 0, 20 * NSEC_S), RIG_DONE);
        ck_assert(!energized(r, i));
    }
}
END_TEST

START_TEST(an_exchange_allocates_nothing)
{
    struct rig *r = operating(_i);
    int chan = standing_chan(&r->inst[0]);
    unsigned long before;
    void *volatile p;

    before = n_allocations;
    p = malloc(16);
    free(p);
    ck_assert_uint_gt(n_allocations, before); /* the count counts */
    rig_run(r, r->now + 10 * NSEC_S);
    if (chan >= 0)
        (void)rig_submit(r, JOB_SET, JOBKIND_SET, 0, chan, gentle(&r->inst[0].chans[chan]));
    (void)rig_submit(r, JOB_PROBE, JOBKIND_IDENTIFY, 0, 0, 0);
    before = n_allocations;
    rig_run(r, r->now + 100 * NSEC_S);
    ck_assert_uint_eq(n_allocations, before);
}
END_TEST

START_TEST(a_copy_of_the_pair_lives_the_same_life)
{
    static struct rig copy;
    static struct world other;
    struct rig *r = operating(_i);

    rig_run(r, r->now + 3 * NSEC_MS);
    other = world;
    rig_copy(&copy, r);
    copy.host_w.env[0].world = &other;
    rig_run(r, r->now + 100 * NSEC_S);
    rig_run(&copy, copy.now + 100 * NSEC_S);
    ck_assert_uint_eq(r->hash, copy.hash);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pairs");
    TCase *c = tcase_create("pairs");
    SRunner *runner = srunner_create(s);
    int n = n_drivers();
    int failed;

    count_allocations();
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, identify_and_poll, 0, n);
    tcase_add_loop_test(c, sets_at_both_ends_and_in_the_middle, 0, n);
    tcase_add_loop_test(c, every_state_and_safe_from_it, 0, n);
    tcase_add_loop_test(c, safe_needs_nothing_before_it, 0, n);
    tcase_add_loop_test(c, out_of_range_is_refused_without_a_byte, 0, n);
    tcase_add_loop_test(c, line_faults_in_mid_operation, 0, n * (LINE_COUNT - 1));
    tcase_add_loop_test(c, harmless_faults_go_on, 0, n);
    tcase_add_loop_test(c, safe_through_line_faults, 0, n * LINE_COUNT);
    tcase_add_loop_test(c, mind_faults_in_mid_operation, 0, n * (FAULT_COUNT - 1));
    tcase_add_loop_test(c, nothing_is_written_to_the_wrong_model, 0, n);
    tcase_add_loop_test(c, a_storm, 0, n);
    tcase_add_loop_test(c, two_units_share_a_line, 0, n);
    tcase_add_loop_test(c, an_exchange_allocates_nothing, 0, n);
    tcase_add_loop_test(c, a_copy_of_the_pair_lives_the_same_life, 0, n);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
