/* tests/fault/fault_watch.c - see fault_watch.h. */
#include "tests/fault/fault_watch.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Between the instrument's look and the stamp of its reply lie its thinking and the request's way. */
#define OWN_SLACK_S 0.35

void watch_begin(struct onlooker *w)
{
    memset(w, 0, sizeof *w);
    w->faulty = INST_NONE;
    w->safing_at = NSEC_NEVER;
}

void watch_say(void *ctx, const struct session *s, const char *level, const char *text)
{
    struct onlooker *w = ctx;
    size_t n = strlen(w->said);
    (void)s;
    if (strcmp(level, "step") == 0 || strcmp(level, "end") == 0) {
        return;
    }
    if (n > sizeof w->said / 2) {
        n = 0;
    }
    snprintf(w->said + n, sizeof w->said - n, "%s: %s; ", level, text);
}

/* ---- The world against the samples ---------------------------------------------------------------------------------------------------------- */

static void note_moment(struct onlooker *w, const struct session *s)
{
    const struct world *world = s->rig->world;
    const struct world_station *st = &world->station[0];
    struct moment *m = &w->moment[w->n_moments++ % WATCH_HISTORY];
    m->at = s->rig->s.now - s->s.start_at;
    m->v[TRUE_VOLTAGE] = st->voltage_v;
    m->v[TRUE_CURRENT] = st->current_a;
    m->v[TRUE_FORCE] = press_force_n(&st->press, &st->press_param);
    m->v[TRUE_GAUGE] = st->press.gauge_pa;
    m->v[TRUE_AIR] = world->chamber[0].state.air_k;
}

/* Which truth a channel shows, as its instrument counts. */
static int truth_of(const struct chan *c)
{
    if (strcmp(c->name, "voltage") == 0) {
        return TRUE_VOLTAGE;
    }
    if (strcmp(c->name, "current") == 0) {
        return TRUE_CURRENT;
    }
    if (strcmp(c->name, "force") == 0) {
        return TRUE_FORCE;
    }
    if (strcmp(c->name, "pressure") == 0) {
        return TRUE_GAUGE;
    }
    return strcmp(c->name, "temperature") == 0 ? TRUE_AIR : -1;
}

/* Least and most that it was from `from` on, the moment before that included. */
static void truth_between(const struct onlooker *w, enum truth t, nsec from, double *ret_lo, double *ret_hi)
{
    *ret_lo = (double)INFINITY;
    *ret_hi = -(double)INFINITY;
    for (unsigned back = 0; back < WATCH_HISTORY && back < w->n_moments; back++) {
        const struct moment *m = &w->moment[(w->n_moments - 1 - back) % WATCH_HISTORY];
        *ret_lo = fmin(*ret_lo, m->v[t]);
        *ret_hi = fmax(*ret_hi, m->v[t]);
        if (m->at < from) {
            return;
        }
    }
}

static void check_sample(const struct onlooker *w, const struct session *s, chan_id chan)
{
    const struct chan_map *map = &s->map->chan[chan];
    const struct bench_inst *in = &s->bench->inst[map->inst];
    const struct chan *c = &in->chans[map->chan];
    const struct run_chan *rc = &s->run->chan[chan];
    const struct station_chan *sc = &s->map->desc.chan[chan];
    int t = truth_of(c);
    double lo, hi;
    if (t < 0 || isnan(rc->value) || (map->inst == w->faulty && rc->at >= w->fault_at)) {
        return;
    }
    truth_between(w, (enum truth)t, rc->at - nsec_from_s(OWN_SLACK_S + w->slack_s), &lo, &hi);
    double value = rc->value / map->scale;
    double may = (sc->accuracy_offset + sc->resolution) / map->scale + sc->accuracy_reading * fabs(value) + 6.0 * c->noise_rms + 1e-9;
    ck_assert_msg(value >= lo - may && value <= hi + may, "%s of %s at %.3f s is %.9g, the world was at %.9g .. %.9g (+-%.3g)", c->name, in->name, nsec_to_s(rc->at), value, lo, hi, may);
}

static void check_samples(struct onlooker *w, const struct session *s)
{
    const struct station_desc *d = &s->map->desc;
    for (uint16_t g = 0; g < d->n_groups; g++) {
        if (s->run->group_at[g] == w->group_at[g]) {
            continue;
        }
        w->group_at[g] = s->run->group_at[g];
        for (uint8_t k = 0; k < d->group[g].n && s->run->chan[d->group[g].chan[k]].at == w->group_at[g]; k++) {
            check_sample(w, s, d->group[g].chan[k]);
            w->n_samples++;
        }
    }
}

/* ---- What was set against what stands ------------------------------------------------------------------------------------------------------- */

static void check_set(struct onlooker *w, const struct session *s, chan_id chan)
{
    if (chan == CHAN_NONE || isnan(s->run->written[chan])) {
        return;
    }
    const struct chan_map *map = &s->map->chan[chan];
    const struct bench_inst *in = &s->bench->inst[map->inst];
    double set = s->run->written[chan] / map->scale, is = rig_standing(s->rig, map->inst);
    if (map->inst == w->faulty) {
        return;
    }
    ck_assert_msg(fabs(set - is) <= in->chans[map->chan].resolution + 1e-9 * fabs(set), "%s of %s was confirmed as %.9g and is %.9g", in->chans[map->chan].name, in->name, set, is);
    w->n_sets++;
}

static void check_sets(struct onlooker *w, const struct session *s)
{
    const struct prog_roles *o = &s->program->role;
    const struct run *r = s->run;
    bool sourcing = fabs(r->written[o->mode] - (double)CYCLER_VOLTAGE) < 0.5;
    if (r->state != RUN_RUNNING || r->token != 0 || session_run_time(s) < w->sets_from) {
        return;
    }
    check_set(w, s, o->pressure_set);
    check_set(w, s, o->temperature_set);
    if (sourcing) {
        check_set(w, s, o->voltage_set);
    }
}

/* ---- States ----------------------------------------------------------------------------------------------------------------------------------- */

static void note_state(struct onlooker *w, const struct session *s)
{
    if (s->run->state == w->state) {
        return;
    }
    w->state = s->run->state;
    if (w->state == RUN_PAUSED) {
        w->n_pauses++;
        w->pause_cause = s->run->cause;
    }
    if (w->state == RUN_SAFING) {
        w->safing_at = session_run_time(s);
        for (uint8_t i = 0; i < s->bench->n_insts; i++) {
            w->standing_at_safing[i] = rig_standing(s->rig, i);
            w->energized_at_safing[i] = rig_energized(s->rig, i);
        }
    }
}

int watch_event(void *ctx, struct session *s)
{
    struct onlooker *w = ctx;
    const struct run *r = s->run;
    note_moment(w, s);
    check_samples(w, s);
    check_sets(w, s);
    note_state(w, s);
    if (r->acting == ACTING_ON && r->now.number < WATCH_ACTS && w->act_began[r->now.number] == 0) {
        w->act_began[r->now.number] = r->act_began;
    }
    return 0;
}
