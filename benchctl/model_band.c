/* benchctl/model_band.c - following the cell with a model while a run goes on; see the header. */
#include "benchctl/session_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

#define MASK_MS  200
#define BACK     0.8 /* of the band: the alarm is ready again */
#define LEAST_A  1e-9
#define ACCURATE 3.0 /* times the accuracy: no current */

/* ---- What is measured ---- */

struct look {
    nsec at; /* up to which the charge is counted */
    double net_c, voltage_v, current_a, rest_a;
    struct cell_around around;
};

static double value_of(const struct session *s, chan_id c)
{
    return c == CHAN_NONE ? (double)NAN : s->run->chan[c].value;
}

static struct look look_at(const struct session *s)
{
    const struct prog_roles *o = &s->program->role;
    const struct run_charge *c = &s->run->count;
    const struct station_chan *i = &s->map->desc.chan[o->current];
    struct look l = {.at = c->last_at,
                     .net_c = c->in_c.sum - c->out_c.sum,
                     .voltage_v = value_of(s, o->voltage),
                     .current_a = value_of(s, o->current),
                     .rest_a = fmax(LEAST_A, ACCURATE * i->accuracy_offset + i->resolution)};

    l.around.temperature_k = value_of(s, o->temperature);
    l.around.pressure_pa = value_of(s, o->pressure);
    l.around.of_cell = o->temperature != CHAN_NONE &&
                       strcmp(s->map->desc.chan[o->temperature].name, "cell.temperature") == 0;
    if (isnan(l.current_a) && c->valid && c->open) {
        l.current_a = 0.0; /* the output is off */
    }
    if (fabs(l.current_a) <= l.rest_a) {
        l.current_a = 0.0; /* what a rest shows as current is the instrument's zero */
    }
    return l;
}

/* ---- The model ---- */

/* Where it stands, from what is known of the cell. */
static bool begin(struct model_watch *w, const struct model_band *b, const struct look *l)
{
    if (b->start == MODEL_FRESH) {
        return cell_model_start_fresh(&b->model, &l->around, &w->cell);
    }
    if (b->start == MODEL_AT_SOC) {
        cell_model_start_soc(&b->model, b->soc, &l->around, &w->cell);
        return true;
    }
    if (isnan(l->voltage_v) || !(fabs(l->current_a) <= 0.0)) {
        return false;
    }
    cell_model_start_ocv(&b->model, l->voltage_v, &l->around, &w->cell);
    return true;
}

/* The charge is known better than when the current changed: between two samples it changes once, at
 * the instant that gives this charge. */
static void step(struct model_watch *w, const struct model_band *b, const struct look *l,
                 double charge_c, double dt_s)
{
    double first_a = w->current_a, last_a = l->current_a;
    double x_s = (charge_c - last_a * dt_s) / (first_a - last_a);

    if (x_s > 0.0 && x_s < dt_s) {
        cell_model_step(&b->model, &w->cell, first_a, x_s, &l->around);
        cell_model_step(&b->model, &w->cell, last_a, dt_s - x_s, &l->around);
    } else {
        cell_model_step(&b->model, &w->cell, charge_c / dt_s, dt_s, &l->around);
    }
}

static void follow(struct model_watch *w, const struct model_band *b, const struct look *l)
{
    double dt_s = nsec_to_s(l->at - w->at), charge_c = l->net_c - w->net_c;
    bool flows;

    if (isnan(l->current_a)) {
        return; /* what flowed meanwhile is counted with the next good sample */
    }
    if (fabs(charge_c) <= l->rest_a * dt_s && fabs(l->current_a) + fabs(w->current_a) <= 0.0) {
        charge_c = 0.0;
    }
    flows = fabs(charge_c) > 0.0 || fabs(l->current_a) > 0.0;
    if (w->phase == MODEL_WAITS) {
        if (!begin(w, b, l)) {
            return;
        }
        w->phase = MODEL_STILL;
    } else if (w->phase == MODEL_STILL && !flows && b->start == MODEL_FROM_OCV) {
        (void)begin(w, b, l); /* with the output off the voltage is not known: it stays */
    } else if (dt_s > 0.0) {
        w->phase = flows ? MODEL_RUNS : w->phase;
        step(w, b, l, charge_c, dt_s);
    }
    w->at = l->at;
    w->net_c = l->net_c;
    w->current_a = l->current_a;
}

/* ---- What comes of it ---- */

void session_model_row(struct session *s, nsec t, uint32_t step_number, uint32_t cycle, bool later)
{
    const struct station_group *g = &s->map->desc.group[s->band->group];
    double value[GROUP_CHANS_MAX];
    uint8_t quality[GROUP_CHANS_MAX];

    s->model_row.due = later;
    s->model_row.t = t;
    s->model_row.step = step_number;
    s->model_row.cycle = cycle;
    if (later) {
        return;
    }
    for (uint8_t k = 0; k < g->n; k++) {
        value[k] = s->run->chan[g->chan[k]].value;
        quality[k] = s->run->chan[g->chan[k]].quality;
    }
    struct store_row row = {.table = s->band->group,
                            .t = t,
                            .step = step_number,
                            .cycle = cycle,
                            .value = value,
                            .quality = quality};
    int r = store_sample(s->opt.store, &row);

    session_stored(s, r, "its model");
}

static void tell_left(struct session *s, double voltage_v, double residual_v)
{
    char v[48], e[48], band[48], text[MESSAGE_MAX];
    int r =
        str_fmt(text, sizeof text, "cell.voltage %s is %s %s the model %s: out of its band of %s",
                qty_print(voltage_v, DIMS_VOLTAGE, false, v, sizeof v),
                qty_print(fabs(residual_v), DIMS_VOLTAGE, false, e, sizeof e),
                residual_v > 0.0 ? "above" : "below", s->band->model.name,
                qty_print(s->band->band_v, DIMS_VOLTAGE, false, band, sizeof band));

    (void)r; /* a long text is cut */
    session_tell(s, "warn", text);
}

static void judge(struct session *s, double voltage_v, double residual_v, nsec at)
{
    struct model_watch *w = &s->s.model;
    nsec edge = s->run->count.edge_at;
    bool judged = s->run->state == RUN_RUNNING || s->run->state == RUN_PAUSED;
    bool fresh = edge != NSEC_NEVER && at >= edge && at - edge < MASK_MS * NSEC_MS;

    if (!judged || fresh || isnan(residual_v)) {
        return;
    }
    if (!w->outside && fabs(residual_v) > s->band->band_v) {
        w->outside = 1;
        tell_left(s, voltage_v, residual_v);
    } else if (w->outside && fabs(residual_v) < BACK * s->band->band_v) {
        w->outside = 0;
        session_tell(s, "info", "the cell is back in the band of its model");
    }
}

int session_model(struct session *s, nsec stamp, struct diag *reterr)
{
    struct model_watch *w = &s->s.model;
    struct event e = {
        .kind = EV_SAMPLE,
        .code = s->band->group,
        .n = 2,
        .stamp = stamp,
        .chan = CHAN_NONE,
        .sample = {NAN,       NAN      },
        .quality = {Q_INVALID, Q_INVALID}
    };

    if (s->s.ended || s->run->state == RUN_ENDED) {
        return 0;
    }
    struct look l = look_at(s);
    follow(w, s->band, &l);
    if (w->phase != MODEL_WAITS && !isnan(l.current_a)) {
        e.sample[0] = cell_model_voltage_v(&s->band->model, &w->cell, l.current_a, &l.around);
        e.sample[1] = l.voltage_v - e.sample[0];
    }
    for (unsigned k = 0; k < 2; k++) {
        e.quality[k] = isfinite(e.sample[k]) ? (uint8_t)Q_OK : (uint8_t)Q_INVALID;
    }
    double residual_v = e.sample[1];
    int r = session_feed(s, &e, reterr);

    if (s->model_row.due && s->opt.store) {
        session_model_row(s, s->model_row.t, s->model_row.step, s->model_row.cycle, false);
    }
    if (r == 0) {
        judge(s, l.voltage_v, residual_v, l.at);
    }
    return r;
}
