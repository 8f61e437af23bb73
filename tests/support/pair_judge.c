/* tests/support/pair_judge.c - see pair_judge.h. */
#include "tests/support/pair_judge.h"

#include "tests/support/pair_fixture.h"
#include "tests/support/pair_oracle.h"
#include "tests/support/pair_stage.h"

#include <math.h>
#include <string.h>

/* A request that was on its way when somebody changed the instrument may be answered either way. */
static bool was_disturbed(const struct stage *s, int unit)
{
    return s->mind_at[unit] >= s->rig.bus.sent_at;
}

/* What the channel measures, if it is one that the world knows; else NaN. */
static double measured_truth(const struct stage *s, int unit, const struct chan *c)
{
    struct port_sense t;

    if (s->mind[unit] != FAULT_NONE)
        return (double)NAN;
    if (stage_is_box(s))
        return s->moved[unit] ? truth_box(c->name, truth_step(unit, s->epoch)) : (double)NAN;
    truth_at(s, s->emu->ports[0], unit, s->seen_epoch[unit], &t);
    if (strcmp(c->name, "voltage") == 0)
        return t.voltage_v;
    if (strcmp(c->name, "temperature") == 0 || strcmp(c->name, "pressure") == 0 ||
        strcmp(c->name, "force") == 0)
        return t.value;
    return (double)NAN;
}

/* Noise and step of the range in use, which the reading does not tell: of the largest one. */
static double grain_of(const struct stage *s, const struct chan *c, double value)
{
    double noise = c->noise_rms, step = c->resolution;

    for (const struct chan_range *r = c->ranges; r && r->full_scale > 0; r++) {
        noise = r->noise_rms;
        step = r->resolution;
    }
    /* Rows of a bench file say nothing of noise. */
    noise = noise > 0 ? 7 * noise : chan_accuracy(c, value, value);
    return (s->ideal ? 0 : noise) + step + 1e-6 * fabs(value) + 1e-9;
}

/* The transmitter of forces converts ten times a second: within such a tenth it says the same. */
static bool is_fresh(const struct stage *s, int unit)
{
    nsec tenth = 100 * NSEC_MS, arrived = s->rig.host.last_rx;

    if (s->emu->ports[0] == PORT_RELAY || s->seen_epoch[unit] == s->epoch)
        return true;
    return s->emu->ports[0] == PORT_FORCE && s->seen_at[unit] / tenth == arrived / tenth;
}

static void judge_measured(struct stage *s, int unit, const struct chan *c, double value)
{
    double truth = measured_truth(s, unit, c);
    /* An open relay keeps out what stands at the terminals. */
    bool nothing = c->kind == KIND_VOLTAGE_V && s->emu->ports[0] == PORT_SOURCE && !(value > 0) &&
                   !(value < 0);

    if (isnan(truth) || nothing)
        return;
    RIG_CHECK(is_fresh(s, unit));
    if (fabs(value - truth) > chan_accuracy(c, value, value) + grain_of(s, c, value))
        ck_abort_msg("%s of unit %d says %g, true is %g%s", c->name, unit, value, truth, rig_story);
    s->stats->samples_true++;
}

static void judge_held(const struct stage *s, int unit, const struct oracle *o, uint16_t chan,
                       double value)
{
    const struct chan *c = &s->rig.inst[unit].chans[chan];
    double most = 2 * grain_of(s, c, value); /* both are readings, with the same errors */

    /* Exchanged for its sibling under way, it counts in other steps: the next identify tells. */
    if (!o->known[chan] || s->mind[unit] == FAULT_WRONG_MODEL)
        return;
    if (o->last[chan].quality != Q_OK || fabs(value - o->last[chan].value) > most)
        ck_abort_msg("%s of unit %d says %g, the instrument %g, quality %d%s", c->name, unit, value,
                     o->last[chan].value, o->last[chan].quality, rig_story);
    s->stats->samples_held++;
}

/* At rest the current of a 2461 would flow at once: its driver keeps it, and puts it in and proves
 * it with mode current (docs/DRIVERS.md). */
static bool is_live(const struct stage *s, const char *chan, double mode)
{
    return strcmp(s->driver->name, "keithley-2461") != 0 || strcmp(chan, "current_set") != 0 ||
           lround(mode) == CYCLER_CURRENT;
}

/* A safe job waits for no late reply longer than late_ms: one that comes later still may pass for
 * an answer to it. All other jobs ask first who is there; but on a Modbus line, where replies carry
 * an address, not for the sake of a neighbour: one that is so late and has the wrong address
 * besides may pass for the neighbour's. */
static bool is_promised(const struct stage *s, const struct job *job)
{
    nsec until = job->class == JOB_SAFE ? s->overdue_until : s->foreign_until;

    return s->rig.now > until;
}

static void judge_samples(struct stage *s, const struct bus_report *report,
                          const struct oracle *truth)
{
    const struct outcome *o = report->outcome;
    int unit = report->inst, mode = state_chan(&s->rig.inst[unit]);

    for (int i = 0; i < o->n_samples; i++) {
        const struct sample *x = &o->sample[i];

        s->stats->samples++;
        if (x->quality != Q_OK) {
            RIG_CHECK(isnan(x->value));
            s->stats->samples_not_ok++;
            continue;
        }
        RIG_CHECK(isfinite(x->value));
        if (!is_promised(s, report->job)) {
            s->stats->beyond++;
            continue;
        }
        RIG_CHECK(!s->mute);
        RIG_CHECK(s->rig.host.last_rx >= s->rig.bus.sent_at);
        if (was_disturbed(s, unit))
            continue;
        judge_measured(s, unit, &s->rig.inst[unit].chans[x->chan], x->value);
        if (mode < 0 || is_live(s, s->rig.inst[unit].chans[x->chan].name, truth->last[mode].value))
            judge_held(s, unit, truth, x->chan, x->value);
    }
}

/* The mode stands: and with it everything that was said to be done for it. */
static void judge_mode(const struct stage *s, int unit, double mode, const struct oracle *truth)
{
    const struct inst *inst = &s->rig.inst[unit];

    for (uint16_t i = 0; i < inst->n_chans; i++)
        if (settable(inst, i, false) && !isnan(s->done[unit][i]) &&
            is_live(s, inst->chans[i].name, mode) && !is_live(s, inst->chans[i].name, CYCLER_OFF))
            judge_held(s, unit, truth, i, s->done[unit][i]);
}

static void judge_set_done(struct stage *s, int unit, const struct bus_report *report,
                           const struct notice_said *n, const struct oracle *truth)
{
    const struct inst *inst = &s->rig.inst[unit];
    const struct chan *c = &inst->chans[n->chan];
    int mode = state_chan(inst);

    /* What a safe job hears while a late reply may come is no proof to the bus either. */
    if (!is_promised(s, report->job) ||
        (report->job->class == JOB_SAFE && s->rig.now < s->rig.bus.doubt_until))
        return;
    RIG_CHECK(!s->mute);
    if (report->job->kind == JOBKIND_SET) {
        s->stats->sets_done++;
        RIG_CHECK(report->job->chan == n->chan);
        RIG_CHECK(chan_agrees(c, report->job->value, n->value));
        s->done[unit][n->chan] = n->value;
    }
    if (was_disturbed(s, unit))
        return;
    if (n->chan == mode)
        judge_mode(s, unit, n->value, truth);
    if (mode >= 0 && !is_live(s, c->name, truth->last[mode].value))
        return;
    judge_held(s, unit, truth, n->chan, n->value);
    if (n->chan == standing_chan(inst))
        RIG_CHECK(stands(&s->rig, unit, n->value));
}

static void judge_notices(struct stage *s, const struct bus_report *report,
                          const struct oracle *truth)
{
    const struct outcome *o = report->outcome;

    for (int i = 0; i < o->n_notices; i++) {
        const struct notice_said *n = &o->notice[i];

        if (n->notice < NOTICE_SET_DONE || n->notice > NOTICE_SET_REFUSED)
            continue;
        if (report->job->kind == JOBKIND_SET)
            s->answers[report->job->token]++;
        if (n->notice == NOTICE_SET_DONE)
            judge_set_done(s, report->inst, report, n, truth);
        else if (n->notice == NOTICE_SET_REFUSED)
            s->stats->sets_refused++;
        else
            s->stats->sets_other++;
    }
}

/* The last request of a job that is done was answered, and not by the answer to another: but who it
 * is it may have said when it was asked before. */
static void judge_done(struct stage *s, const struct bus_report *report)
{
    const struct job *job = report->job;
    int unit = report->inst;

    if (is_promised(s, job) && job->kind != JOBKIND_IDENTIFY && s->rig.bus.plan.n > 0)
        RIG_CHECK(!s->mute);
    if (job->class == JOB_SAFE) {
        RIG_CHECK(!stage_energized(s, unit) || was_disturbed(s, unit) || !is_promised(s, job));
        s->stats->safe_done++;
    } else if (job->kind == JOBKIND_POLL) {
        s->polled_at[unit] = s->rig.now;
    } else if (job->kind == JOBKIND_SET) {
        RIG_CHECK(s->answers[job->token] == 1);
    }
}

void judge_report(struct rig *r, const struct bus_report *report)
{
    struct stage *s = r->user;
    struct emu_env env = {.world = s, .drive = truth_takes, .sense = truth_remembered, .rng = NULL};
    struct oracle truth;

    switch (report->kind) {
    case BUS_SAMPLES:
        oracle_ask(r, report->inst, &env, r->now, &truth);
        judge_samples(s, report, &truth);
        judge_notices(s, report, &truth);
        break;
    case BUS_JOB_DONE: judge_done(s, report); break;
    case BUS_INST_LOST: s->stats->lost++; break;
    case BUS_JOB_FAILED:
    case BUS_INST_BACK: break;
    }
}
