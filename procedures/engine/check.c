/* procedures/engine/check.c - the proof that nothing a program can ask for leaves the article's
 * window or what the bench can do.
 *
 * Each act is looked at once, with every value that its expressions can have (bounds.c). What the
 * run will measure is not refused: the run itself refuses to set it outside the window
 * (CAUSE_SET_RANGE); how often that is so is counted and said. */
#include "procedures/engine/check_priv.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

struct checker {
    const struct program *p;
    struct check_report *r;
    struct diag *d;
    const struct act *act;
    const struct step *step;
    int code;
};

static int note(struct checker *k, int code)
{
    if (k->code == 0)
        k->code = code;
    return code;
}
#define REFUSE(k, code, pos, ...) note((k), diag_at((k)->d, (code), (pos), __VA_ARGS__))

static const struct diag_pos *step_place(const struct checker *k, struct diag_pos *buf)
{
    *buf = (struct diag_pos){.line = k->step->line, .column = 1};
    if (k->step->file < k->p->n_files)
        buf->file = k->p->files[k->step->file];
    return buf;
}

static const struct diag_pos *place_of(const struct checker *k, expr_id e, struct diag_pos *buf)
{
    return e != PROG_NONE && k->p->exprs[e].place.line > 0 ? &k->p->exprs[e].place
                                                           : step_place(k, buf);
}

static void widen(double *lo, double *hi, struct interval x)
{
    if (lo && x.lo < *lo)
        *lo = x.lo;
    if (hi && x.hi > *hi)
        *hi = x.hi;
}

/* Equal but for rounding is inside. */
static bool beyond(double v, double limit)
{
    return v > limit + 1e-9 * fabs(limit);
}

struct allowed {
    double lo, hi;
    const char *what, *whose;
};

/* One value against one range. False: refused. */
static bool inside(struct checker *k, expr_id e, struct interval x, const struct allowed *a)
{
    const struct expr *ex = &k->p->exprs[e];
    struct diag_pos buf;
    char v[32], limit[32];
    bool high = beyond(x.hi, a->hi), low = beyond(-x.lo, -a->lo);

    if (!high && !low)
        return true;
    if (x.measured) {
        k->r->runtime_bounded++;
        return true;
    }
    REFUSE(k, E_RANGE, place_of(k, e, &buf), "%s can be %s; %s allows %s %s", a->what,
           qty_print(high ? x.hi : x.lo, ex->dims, ex->point, v, sizeof(v)), a->whose,
           high ? "at most" : "no less than",
           qty_print(high ? a->hi : a->lo, ex->dims, ex->point, limit, sizeof(limit)));
    return false;
}

/* ---- Electric acts ---- */

static void check_current(struct checker *k, struct interval x, bool charging)
{
    const struct program *p = k->p;
    const struct prog_roles *r = &p->role;
    chan_id chan = r->current_limit != CHAN_NONE ? r->current_limit
                   : charging                    ? r->limit_charge
                                                 : r->limit_discharge;
    const struct allowed article = {-INFINITY, charging ? p->charge_max_a : p->discharge_max_a,
                                    charging ? "the charging current" : "the discharging current",
                                    "the article"};
    struct allowed bench = {-INFINITY, INFINITY, article.what, "the bench"};

    if (!x.measured)
        widen(NULL, charging ? &k->r->charge_max_a : &k->r->discharge_max_a, x);
    if (chan != CHAN_NONE)
        bench.hi = fmax(fabs(p->station.chan[chan].max), fabs(p->station.chan[chan].min));
    if (chan != CHAN_NONE && !isfinite(p->station.chan[chan].max))
        bench.hi = INFINITY;
    if (inside(k, k->act->at, x, &article))
        inside(k, k->act->at, x, &bench);
}

static struct interval negative(struct interval x)
{
    return (struct interval){-x.hi, -x.lo, x.measured};
}

/* The current that a power or a resistance asks for depends on the voltage; what no voltage of the
 * window makes small enough is refused. */
static void check_other_source(struct checker *k)
{
    const struct program *p = k->p;
    struct interval at = bounds_expr(p, k->act->at), i = at;

    if (k->act->at_kind == AT_POWER) {
        i.lo = at.lo / p->v_hi;
        i.hi = at.hi / p->v_hi;
    } else {
        i.lo = at.hi > 0.0 ? p->v_lo / at.hi : 0.0;
        i.hi = at.lo > 0.0 ? p->v_lo / at.lo : (double)INFINITY;
    }
    k->r->runtime_bounded++;
    if (k->act->direction >= 0)
        check_current(k, i, true);
    if (k->act->direction <= 0)
        check_current(k, i, false);
}

static void check_voltage(struct checker *k, expr_id e, const char *what)
{
    const struct program *p = k->p;
    const struct allowed article = {p->v_lo, p->v_hi, what, "the article"};
    struct allowed bench = {-INFINITY, INFINITY, what, "the bench"};
    struct interval x;

    if (e == PROG_NONE)
        return;
    x = bounds_expr(p, e);
    if (!x.measured)
        widen(&k->r->v_min, &k->r->v_max, x);
    if (p->role.voltage_set != CHAN_NONE) {
        bench.lo = p->station.chan[p->role.voltage_set].min;
        bench.hi = p->station.chan[p->role.voltage_set].max;
    }
    if (!inside(k, e, x, &article) || !inside(k, e, x, &bench))
        return;
    for (uint16_t i = 0; i < p->n_guards; i++) {
        const struct guard *g = &p->guards[i];
        const struct expr *v = &p->exprs[g->value];
        const struct allowed guard = {g->lo, g->hi, what, program_text(p, g->text)};

        if (g->source != GUARD_ARTICLE && g->where == PROG_NONE && v->n == 1 &&
            p->code[v->start].op == INSN_CHAN && p->code[v->start].a == p->role.voltage &&
            !inside(k, e, x, &guard))
            return;
    }
}

static void check_taper(struct checker *k)
{
    const struct program *p = k->p;

    for (uint16_t i = 0; i < k->act->n_ends; i++) {
        const struct end *e = &p->ends[k->act->first_end + i];
        struct interval x;
        double acc;
        char a[32], b[32];
        struct diag_pos buf;

        if (e->cause != CAUSE_TAPER)
            continue;
        x = bounds_taper(p, e->cond);
        if (x.measured || !isfinite(x.lo))
            continue;
        /* the instrument's range is the smallest that holds the act's current */
        acc = accuracy_of(p, p->role.current, bounds_expr(p, k->act->at).hi, x.lo);
        if (!(k->r->taper_a <= x.lo)) {
            k->r->taper_a = x.lo;
            k->r->taper_accuracy_a = acc;
        }
        if (x.lo < 2.0 * acc)
            REFUSE(k, E_RANGE, place_of(k, e->cond, &buf),
                   "a taper of %s cannot be seen: the current is known to %s there",
                   qty_print(x.lo, DIMS_CURRENT, false, a, sizeof(a)),
                   qty_print(acc, DIMS_CURRENT, false, b, sizeof(b)));
    }
}

static void check_electric(struct checker *k)
{
    struct interval at = bounds_expr(k->p, k->act->at);
    struct diag_pos buf;

    if (k->act->at_kind == AT_NONE)
        return;
    if (k->act->at_kind != AT_CURRENT)
        check_other_source(k);
    else if (k->act->verb == VERB_CURRENT) {
        check_current(k, at, true);
        check_current(k, negative(at), false);
    } else if (k->act->verb != VERB_HOLD) {
        check_current(k, at, k->act->direction > 0);
        if (!at.measured && at.lo <= 0.0)
            REFUSE(k, E_RANGE, place_of(k, k->act->at, &buf),
                   "the magnitude of a current is above zero");
    } else if (isfinite(at.hi)) {
        check_current(k, at, true);
        check_current(k, at, false);
    }
    check_voltage(k, k->act->v_set, "the voltage");
    check_voltage(k, k->act->v_lo, "the lower voltage limit");
    check_voltage(k, k->act->v_hi, "the upper voltage limit");
    check_taper(k);
}

static void check_profile(struct checker *k)
{
    int code = drive_check(k->p, k->act, k->r, k->d);

    if (code < 0)
        note(k, code);
    check_voltage(k, k->act->v_lo, "the lower voltage limit");
    check_voltage(k, k->act->v_hi, "the upper voltage limit");
}

/* ---- Set-points ---- */

/* Guards on the channel that a set-point moves: beyond them it would trip for sure. */
static bool inside_guards(struct checker *k, const struct act_set *s, struct interval x,
                          const char *what)
{
    const struct program *p = k->p;

    for (uint16_t i = 0; i < p->n_guards; i++) {
        const struct guard *g = &p->guards[i];
        const struct expr *v = &p->exprs[g->value];
        const struct allowed guard = {g->lo, g->hi, what, program_text(p, g->text)};
        char name[CHAN_NAME_MAX + 8];

        if (g->where != PROG_NONE || v->n != 1 || p->code[v->start].op != INSN_CHAN)
            continue;
        if (str_fmt(name, sizeof(name), "%s_set", p->station.chan[p->code[v->start].a].name) == 0 &&
            strcmp(name, p->station.chan[s->chan].name) == 0 && !inside(k, s->value, x, &guard))
            return false;
    }
    return true;
}

static void check_set(struct checker *k, const struct act_set *s)
{
    const struct program *p = k->p;
    const struct station_chan *c = &p->station.chan[s->chan];
    const struct allowed bench = {c->min, c->max, c->name, "the bench"},
                         article = {p->p_lo_pa, p->p_hi_pa, c->name, "the article"};
    struct interval x = bounds_expr(p, s->value), rate;
    struct diag_pos buf;

    if (!x.measured && s->chan == p->role.pressure_set)
        widen(NULL, &k->r->pressure_max_pa, x);
    if (!x.measured && s->chan == p->role.temperature_set)
        widen(&k->r->temperature_min_k, &k->r->temperature_max_k, x);
    if (s->chan == p->role.pressure_set && !inside(k, s->value, x, &article))
        return;
    if (!inside(k, s->value, x, &bench) || !inside_guards(k, s, x, c->name) || s->rate == PROG_NONE)
        return;
    rate = bounds_expr(p, s->rate);
    if (!rate.measured && !(rate.lo > 0.0) && !isnan(rate.lo))
        REFUSE(k, E_RANGE, place_of(k, s->rate, &buf), "a rate is above zero");
}

/* ---- Times ---- */

static void check_time(struct checker *k, expr_id e, const char *what)
{
    struct interval x;
    struct diag_pos buf;

    if (e == PROG_NONE)
        return;
    x = bounds_expr(k->p, e);
    if (!x.measured && (x.lo < 0.0 || !(x.hi <= 1e9)) && !isnan(x.lo))
        REFUSE(k, E_RANGE, place_of(k, e, &buf), "%s is out of range", what);
}

static void check_record(struct checker *k)
{
    const struct program *p = k->p;
    struct diag_pos buf;
    char a[32], b[32];

    for (uint16_t i = 0; i < k->act->n_records; i++) {
        double period_s = p->records[k->act->first_record + i].period_s;

        for (uint16_t g = 0; g < p->station.n_groups; g++)
            if (strcmp(p->station.group[g].name, "cycler") == 0 &&
                period_s < p->station.group[g].fastest_s * (1.0 - 1e-9))
                diag_warn_at(
                    k->d, step_place(k, &buf),
                    "a row every %s is asked for; the cycler gives one every %s at best",
                    qty_print(period_s, DIMS_TIME, false, a, sizeof(a)),
                    qty_print(p->station.group[g].fastest_s, DIMS_TIME, false, b, sizeof(b)));
    }
}

static void check_act(struct checker *k)
{
    const struct act *a = k->act;

    check_electric(k);
    if (a->verb == VERB_DRIVE)
        check_profile(k);
    for (uint8_t i = 0; i < a->n_sets; i++)
        check_set(k, &a->set[i]);
    check_time(k, a->for_s, "for");
    check_time(k, a->at_least_s, "at_least");
    check_time(k, a->timeout_s, "the timeout");
    check_record(k);
    if (isinf(cost_act(k->p, a).worst_s)) {
        struct diag_pos buf;

        REFUSE(k, E_INVALID, step_place(k, &buf),
               "how long this step lasts is only known in the run");
        diag_hint(k->d, "add timeout: 6 h else pause");
    }
}

/* ---- Guards ---- */

static void check_guard(struct checker *k, uint16_t i)
{
    const struct program *p = k->p;
    const struct guard *g = &p->guards[i];
    const struct expr *v = &p->exprs[g->value];
    uint64_t groups = v->groups | (g->where != PROG_NONE ? p->exprs[g->where].groups : 0);
    double worst_s = 0.0;
    char a[32], b[32];

    for (uint16_t n = 0; n < p->station.n_groups; n++) {
        const struct station_group *q = &p->station.group[n];

        if (!(groups >> n & 1u))
            continue;
        worst_s = fmax(worst_s, fmin(q->period_s + q->queue_s + q->latency_s, q->stale_s));
        if (p->role.current != CHAN_NONE && p->station.chan[p->role.current].group == n)
            k->r->silent_s[n] = p->station.blind_s;
        else
            k->r->silent_s[n] = q->stale_s + p->station.rest_s;
        if (g->hold_s > 0.0 && g->hold_s < q->period_s * (1.0 - 1e-9))
            REFUSE(k, E_RANGE, v->place.line > 0 ? &v->place : NULL,
                   "the guard has to last %s, but %s is read every %s",
                   qty_print(g->hold_s, DIMS_TIME, false, a, sizeof(a)), q->name,
                   qty_print(q->period_s, DIMS_TIME, false, b, sizeof(b)));
    }
    k->r->trip_s[i] = worst_s + g->hold_s + fmax(p->station.safe_s, p->station.rest_s);
}

static void summarise(struct checker *k)
{
    const struct program *p = k->p;
    struct cost steps = cost_steps(p, p->start, p->at_end),
                end = cost_steps(p, p->at_end, p->n_steps);

    for (uint16_t i = 0; i < p->n_steps; i++)
        k->r->steps += p->steps[i].op == OP_ACT;
    k->r->unrolled = (unsigned)fmin(steps.acts + end.acts, 4e9);
    k->r->worst_s = steps.worst_s + end.worst_s;
    k->r->expected_s = steps.expected_s + end.expected_s;
    k->r->rows = steps.rows + end.rows;
    k->r->bytes = steps.bytes + end.bytes;
    k->r->n_guards = p->n_guards;
    k->r->cut_s = p->station.cut_s;
}

int program_check(const struct program *p, struct check_report *ret, struct diag *reterr)
{
    struct check_report r = {.v_min = INFINITY,
                             .v_max = -INFINITY,
                             .temperature_min_k = INFINITY,
                             .temperature_max_k = -INFINITY,
                             .taper_a = NAN,
                             .taper_accuracy_a = NAN};
    struct checker k = {.p = p, .r = &r, .d = reterr};

    for (uint16_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i].op != OP_ACT)
            continue;
        k.step = &p->steps[i];
        k.act = &p->acts[p->steps[i].a];
        check_act(&k);
    }
    for (uint16_t i = 0; i < p->n_guards; i++)
        check_guard(&k, i);
    summarise(&k);
    if (!isfinite(r.worst_s))
        note(&k, diag_add(reterr, E_RANGE, "the longest duration of the procedure is not bounded"));
    if (k.code < 0)
        return k.code;
    *ret = r;
    return 0;
}
