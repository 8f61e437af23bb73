/* analysis/import_flow.c - numbers of a line become a row of a step of a cycle; charge and energy
 * are counted beside the instrument's own counters.
 */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

#define CLAMP_S       0.0111 /* times written to 10 ms may come a digit early */
#define FIRST_STEP_S  0.01   /* the first row's step began with the file */
#define COUNTER_DROP  0.5
#define REST_FRACTION 0.005 /* of the largest current so far: less is none */

void import_flow_init(struct flow *f, const struct plan *plan, const struct import_options *opt,
                      const struct import_sink *sink, struct import_report *report,
                      const char *file)
{
    *f = (struct flow){
        .plan = plan,
        .opt = opt,
        .sink = sink,
        .report = report,
        .at = {file, plan->rows_line},
        .first = true,
        .mode = RECORDING_MIXED,
        .temperature = -1,
        .pressure = -1,
        .wall_first = NSEC_NEVER,
        .rest_a = plan->rest_a,
    };
    for (unsigned i = 0; i < plan->n_extra; i++)
        f->directed[i] = str_starts(plan->extra[i].name, "counter_in_") ||
                         str_starts(plan->extra[i].name, "counter_out_");
    for (unsigned i = plan->n_extra; i > 0; i--) {
        if (plan->extra[i - 1].kind == KIND_TEMPERATURE_K)
            f->temperature = (int)i - 1;
        if (plan->extra[i - 1].kind == KIND_PRESSURE_PA)
            f->pressure = (int)i - 1;
    }
}

/* ---- Steps ---- */

static double counter(const struct cells *c, int slot)
{
    return slot < 0 ? 0.0 : c->value[slot];
}

/* A counter that falls where a step begins was set back. */
static bool fell(double before, double now)
{
    return fabs(now) < COUNTER_DROP * fabs(before);
}

static void counters_begin(struct flow *f, const struct cells *c, bool cycle_changed)
{
    const struct plan *p = f->plan;
    double in = counter(c, p->counter_in), out = counter(c, p->counter_out),
           net = counter(c, p->counter_net);
    bool in_fell = fell(f->counter_in, in), out_fell = fell(f->counter_out, out),
         net_fell = fell(f->counter_net, net);

    if (in_fell || out_fell || net_fell)
        *(cycle_changed ? &f->drops_cycle : &f->drops_step) += 1;
    f->began_in = in_fell ? 0 : f->counter_in;
    f->began_out = out_fell ? 0 : f->counter_out;
    f->began_net = net_fell ? 0 : f->counter_net;
}

static void keep(double *to, double v)
{
    if (!isnan(v))
        *to = v;
}

static void counters_row(struct flow *f, const struct cells *c)
{
    keep(&f->counter_in, counter(c, f->plan->counter_in));
    keep(&f->counter_out, counter(c, f->plan->counter_out));
    keep(&f->counter_net, counter(c, f->plan->counter_net));
}

/* What the instrument counted in the step that ends. One counter for both: a magnitude, or signed;
 * in a rest it stands still, whatever is written. */
static void counters_end(struct flow *f)
{
    double net = fabs(f->counter_net - f->began_net);

    f->their_in += fabs(f->counter_in - f->began_in);
    f->their_out += fabs(f->counter_out - f->began_out);
    if (f->plan->counter_net < 0)
        return;
    if (f->step.mode == RECORDING_CHARGE)
        f->their_in += net;
    if (f->step.mode == RECORDING_DISCHARGE)
        f->their_out += net;
}

static enum recording_mode mode_of_rows(const struct flow *f)
{
    if (f->step_mode != RECORDING_MIXED)
        return f->step_mode;
    return f->n_in > 0 && f->n_out == 0   ? RECORDING_CHARGE
           : f->n_out > 0 && f->n_in == 0 ? RECORDING_DISCHARGE
           : f->n_in + f->n_out == 0      ? RECORDING_REST
                                          : RECORDING_MIXED;
}

int import_flow_step_end(struct flow *f, struct diag *reterr)
{
    struct import_step *s = &f->step;

    if (!f->step_open)
        return 0;
    f->step_open = false;
    s->mode = mode_of_rows(f);
    s->ended_s = f->t_s;
    s->pressure_mean_pa = f->n_pressure ? f->pressure_sum_pa / (double)f->n_pressure : (double)NAN;
    counters_end(f);
    f->report->in_ah += s->in_ah;
    f->report->out_ah += s->out_ah;
    f->report->in_wh += s->in_wh;
    f->report->out_wh += s->out_wh;
    return f->sink->step_end ? f->sink->step_end(f->sink->ctx, s, reterr) : 0;
}

static enum recording_mode mode_of_current(const struct flow *f, double i)
{
    return fabs(i) > f->rest_a ? i > 0 ? RECORDING_CHARGE : RECORDING_DISCHARGE : RECORDING_REST;
}

static int step_begin(struct flow *f, double began_s, double i, struct diag *reterr)
{
    struct import_step *s = &f->step;
    double nan = (double)NAN;

    *s = (struct import_step){
        .number = f->row.step,
        .execution = ++f->row.execution,
        .cycle = f->row.cycle,
        .mode = f->mode != RECORDING_MIXED ? f->mode : mode_of_current(f, i),
        .began_s = began_s,
        .line = f->at.line,
        .v_first = nan,
        .v_last = nan,
        .v_min = nan,
        .v_max = nan,
        .i_min = nan,
        .i_max = nan,
        .temperature_min_k = nan,
        .temperature_max_k = nan,
        .pressure_min_pa = nan,
        .pressure_max_pa = nan,
        .pressure_mean_pa = nan,
    };
    if (!f->plan->has[SLOT_STEP])
        s->number = f->row.step = f->row.execution;
    if (str_fmt(s->name, sizeof(s->name), "%.*s%sstep %u", (int)(f->n_state < 20 ? f->n_state : 20),
                f->state, f->n_state ? ", " : "", s->number) < 0)
        s->name[0] = '\0';
    for (char *p = s->name; *p; p++)
        *p = *p >= ' ' && *p <= '~' ? *p : '?';
    f->step_mode = f->mode;
    f->row.charge_ah = f->row.energy_wh = 0;
    f->n_in = f->n_out = f->n_pressure = 0;
    f->pressure_sum_pa = 0;
    f->report->steps++;
    f->step_open = true;
    return f->sink->step_begin ? f->sink->step_begin(f->sink->ctx, s, reterr) : 0;
}

/* ---- A row's parts ---- */

static bool counted(struct flow *f, const struct cells *c, unsigned slot, uint32_t *ret)
{
    double v = c->value[slot];

    if (!f->plan->has[slot] || isnan(v))
        return false;
    if (fabs(v - floor(v)) > 0)
        f->odd_cycles++;
    *ret = (uint32_t)v;
    return true;
}

static bool state_changed(struct flow *f, const struct span *s)
{
    size_t n = s->n < sizeof(f->state) ? s->n : sizeof(f->state) - 1;

    if (n == f->n_state && memcmp(f->state, s->p, n) == 0)
        return false;
    memcpy(f->state, s->p, n);
    f->n_state = n;
    f->mode = import_state(s->p, s->n);
    return true;
}

static double signed_current(struct flow *f, double i)
{
    if (f->plan->sign == IMPORT_SIGN_DISCHARGE)
        return -i;
    if (f->plan->sign == IMPORT_SIGN_STATE && f->mode == RECORDING_DISCHARGE)
        return -fabs(i);
    return i;
}

/* Run time of the row. 0; 1: leave the row out. */
static int row_time(struct flow *f, double t, const char *line, size_t n, struct diag *reterr)
{
    t += f->base_s;
    if (f->first || t >= f->t_s) {
        f->row.t_s = t;
        return 0;
    }
    if (f->t_s - t <= CLAMP_S) {
        f->row.t_s = f->t_s;
        f->report->clamped_times++;
        return 0;
    }
    switch (f->opt->back) {
    case IMPORT_BACK_SKIP: f->report->skipped_rows++; return 1;
    case IMPORT_BACK_JOIN:
        f->base_s += f->t_s - t;
        f->row.t_s = f->t_s;
        f->report->joins++;
        return 0;
    case IMPORT_BACK_REFUSE:
    default: break;
    }
    import_error(reterr, E_INVALID, &f->at, line, n, 0,
                 "time goes back from %.9g s to %.9g s: rows are not in the order of time", f->t_s,
                 t);
    diag_hint(reterr, "--back join: the clock was started anew; --back skip: leave such rows out");
    return E_INVALID;
}

/* Without a test time: the step's own time goes on where the last one stopped. */
static double strung_time(struct flow *f, double step_time, bool new_step)
{
    if (new_step && !f->first)
        f->base_s = f->t_s;
    return step_time;
}

/* ---- Counting ---- */

static void add(double *to_in, double *to_out, double *ret_net, double amount)
{
    *(amount > 0 ? to_in : to_out) += fabs(amount);
    *ret_net = *to_in - *to_out;
}

/* The interval before the row, by the row's step; the step's first row has no neighbour in it. */
static void count(struct flow *f, double dt, bool first_of_step)
{
    const struct import_row *r = &f->row;
    double i = r->current_a, p = i * r->voltage_v;

    if (isnan(i) || !(dt > 0))
        return;
    if (!first_of_step && !f->plan->averaged && !isnan(f->i)) {
        i = (i + f->i) / 2;
        if (!isnan(f->v))
            p = (p + f->i * f->v) / 2;
    }
    add(&f->step.in_ah, &f->step.out_ah, &f->row.charge_ah, i * dt / 3600);
    if (!isnan(p))
        add(&f->step.in_wh, &f->step.out_wh, &f->row.energy_wh, p * dt / 3600);
}

static void widen(double *lo, double *hi, double v)
{
    if (v < *lo || isnan(*lo))
        *lo = v;
    if (v > *hi || isnan(*hi))
        *hi = v;
}

static void summarize(struct flow *f)
{
    struct import_step *s = &f->step;
    double v = f->row.voltage_v, i = f->row.current_a;

    if (!isnan(v)) {
        if (isnan(s->v_first))
            s->v_first = v;
        s->v_last = v;
        widen(&s->v_min, &s->v_max, v);
        f->valid_v++;
    }
    if (!isnan(i)) {
        widen(&s->i_min, &s->i_max, i);
        f->valid_i++;
        if (REST_FRACTION * fabs(i) > f->rest_a)
            f->rest_a = REST_FRACTION * fabs(i);
        if (fabs(i) > f->rest_a)
            *(i > 0 ? &f->n_in : &f->n_out) += 1;
        if ((f->mode == RECORDING_DISCHARGE && i > 2 * f->rest_a) ||
            (f->mode == RECORDING_CHARGE && i < -2 * f->rest_a))
            f->report->against_state++;
    }
    if (f->temperature >= 0 && !isnan(f->row.extra[f->temperature]))
        widen(&s->temperature_min_k, &s->temperature_max_k, f->row.extra[f->temperature]);
    if (f->pressure >= 0 && !isnan(f->row.extra[f->pressure])) {
        widen(&s->pressure_min_pa, &s->pressure_max_pa, f->row.extra[f->pressure]);
        f->pressure_sum_pa += f->row.extra[f->pressure];
        f->n_pressure++;
    }
}

static void keep_wall(struct flow *f, const struct span *wall)
{
    bool ambiguous;

    if (f->wall_first == NSEC_NEVER && f->n_wall_last == 0 &&
        import_wall(wall->p, wall->n, f->plan->date, &f->wall_first, &ambiguous) == 0)
        f->wall_first_t_s = f->row.t_s;
    f->n_wall_last = wall->n < sizeof(f->wall_last) ? wall->n : sizeof(f->wall_last);
    memcpy(f->wall_last, wall->p, f->n_wall_last);
}

/* ---- The row ---- */

/* In whole nanoseconds, as times are kept in a run file: who reads them there, or where they were
 * written from there, counts the very same. */
static double passed_s(double from_s, double to_s)
{
    return nsec_to_s(nsec_from_s(to_s) - nsec_from_s(from_s));
}

/* How long before the row its step has been under way, or the row before it. */
static double interval(const struct flow *f, const struct cells *c, bool new_step)
{
    double step_s =
        f->plan->has[SLOT_STEP_TIME] ? passed_s(0, c->value[SLOT_STEP_TIME]) : (double)NAN;
    double since = f->first ? (double)NAN : passed_s(f->t_s, f->row.t_s);

    if (!new_step)
        return since;
    if (f->first)
        return fabs(step_s - f->row.t_s) <= FIRST_STEP_S ? step_s : 0;
    return step_s >= 0 && step_s <= since ? step_s : since;
}

/* The step was left and entered again between two rows: its time is shorter than before and no
 * longer than what passed. */
static bool restarted(const struct flow *f, const struct cells *c)
{
    double now = c->value[SLOT_STEP_TIME], passed;

    if (!f->plan->has[SLOT_STEP_TIME] || f->first || !(now < f->step_time_s))
        return false;
    if (f->plan->accumulate)
        return true;
    passed = c->value[SLOT_TIME] + f->base_s - f->t_s;
    return now <= passed + FIRST_STEP_S;
}

static bool is_new_step(struct flow *f, const struct cells *c, bool *ret_cycle)
{
    uint32_t cycle = f->first ? 1 : f->row.cycle, step = f->row.step;
    bool state = f->plan->has_state && state_changed(f, &c->state), fresh;
    bool has_step = counted(f, c, SLOT_STEP, &step);

    (void)counted(f, c, SLOT_CYCLE, &cycle);
    *ret_cycle = f->first || cycle != f->row.cycle;
    fresh = *ret_cycle || (has_step && step != f->row.step) || restarted(f, c);
    if (!f->plan->has[SLOT_STEP] && !fresh) {
        double i = signed_current(f, c->value[SLOT_CURRENT]);

        fresh = f->plan->has_state ? state
                                   : !isnan(i) && !isnan(f->i) &&
                                         mode_of_current(f, i) != mode_of_current(f, f->i);
    }
    f->row.cycle = cycle;
    if (has_step)
        f->row.step = step;
    return fresh;
}

/* What is counted in one direction has no sign here. */
static void take_extras(struct flow *f, struct cells *c)
{
    for (unsigned i = 0; i < f->plan->n_extra; i++) {
        if (f->directed[i])
            c->value[SLOT_EXTRA + i] = fabs(c->value[SLOT_EXTRA + i]);
    }
    f->row.extra = c->value + SLOT_EXTRA;
}

static int flow_step(struct flow *f, const struct cells *c, bool cycle_changed, double dt,
                     struct diag *reterr)
{
    int rc = import_flow_step_end(f, reterr);

    if (rc < 0)
        return rc;
    f->report->cycles += cycle_changed;
    counters_begin(f, c, cycle_changed);
    return step_begin(f, passed_s(dt, f->row.t_s), f->row.current_a, reterr);
}

int import_flow_row(struct flow *f, struct cells *c, const char *line, size_t n,
                    struct diag *reterr)
{
    bool cycle_changed, fresh;
    double dt;
    int rc = f->plan->accumulate ? 0 : row_time(f, c->value[SLOT_TIME], line, n, reterr);

    if (rc != 0)
        return rc < 0 ? rc : 0;
    fresh = is_new_step(f, c, &cycle_changed);
    if (f->plan->accumulate)
        rc = row_time(f, strung_time(f, c->value[SLOT_STEP_TIME], fresh), line, n, reterr);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    f->row.voltage_v = c->value[SLOT_VOLTAGE];
    f->row.current_a = signed_current(f, c->value[SLOT_CURRENT]);
    take_extras(f, c);
    dt = interval(f, c, fresh);
    if (fresh) {
        rc = flow_step(f, c, cycle_changed, dt, reterr);
        if (rc < 0)
            return rc;
    } else if (f->mode != f->step_mode) {
        f->step_mode = RECORDING_MIXED; /* its rows decide */
    }
    count(f, dt, fresh);
    summarize(f);
    f->row.step_time_s = f->row.t_s - f->step.began_s;
    counters_row(f, c);
    if (f->plan->has_wall)
        keep_wall(f, &c->wall);
    if (f->first)
        f->report->from_s = f->row.t_s;
    f->t_s = f->row.t_s;
    f->v = f->row.voltage_v;
    f->i = f->row.current_a;
    if (f->plan->has[SLOT_STEP_TIME] && !isnan(c->value[SLOT_STEP_TIME]))
        f->step_time_s = c->value[SLOT_STEP_TIME];
    f->first = false;
    f->report->rows++;
    return f->sink->row ? f->sink->row(f->sink->ctx, &f->row, reterr) : 0;
}
