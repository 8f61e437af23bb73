/* benchctl/foreign_act.c - one act of a compiled program as a step that others can say. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* What the ends of an act say. */
struct ends {
    double end_v, taper;
    char sign; /* of end_v */
    bool equal, taper_rate, limit;
    bool bad; /* refused already */
};

static bool quantity(struct exporter *x, expr_id e, const char *what, struct known *ret)
{
    *ret = export_expr(x, e);
    if (!ret->ok)
        export_refuse(x, "%s is not known before the run", what);
    return ret->ok;
}

static double seconds(struct exporter *x, expr_id e, const char *what)
{
    struct known t;

    return e != PROG_NONE && quantity(x, e, what, &t) ? t.v : (double)NAN;
}

/* In CV and |I| < LIMIT, for 3 s: the limit stands between ABS and the comparison. */
static struct known taper_limit(const struct exporter *x, expr_id e)
{
    const struct expr *c = &x->p->exprs[e];

    if (c->n < 7 || x->p->code[c->start + 2].op != INSN_ABS)
        return (struct known){.v = NAN};
    return export_value(x, c->start + 3, c->n - 6u);
}

static void one_end(struct exporter *x, const struct end *e, struct ends *ret)
{
    struct known k;
    const char *text = program_text(x->p, x->p->exprs[e->cond].source);

    switch (e->cause) {
    case CAUSE_UNTIL:
        if (isnan(ret->end_v) &&
            export_comparison(x, e->cond, &ret->sign, &ret->equal, &ret->end_v))
            return;
        export_refuse(x, "the end `%s` cannot be said", text);
        break;
    case CAUSE_TAPER:
        k = taper_limit(x, e->cond);
        if (k.ok && isnan(ret->taper)) {
            ret->taper = k.v;
            ret->taper_rate = k.crate;
            return;
        }
        export_refuse(x, "the taper is not known before the run");
        break;
    case CAUSE_LIMIT: ret->limit = true; return;
    case CAUSE_STOP: export_lose(x, "the stop rule `%s` cannot be said", text); return;
    default: export_refuse(x, "how this step ends at its limits cannot be said"); break;
    }
    ret->bad = true;
}

static struct ends act_ends(struct exporter *x, const struct act *a)
{
    struct ends r = {.end_v = NAN, .taper = NAN};

    for (uint16_t i = 0; i < a->n_ends; i++)
        one_end(x, &x->p->ends[a->first_end + i], &r);
    if (a->at_least_s != PROG_NONE) {
        export_refuse(x, "`at_least` cannot be said");
        r.bad = true;
    }
    return r;
}

static void act_record(struct exporter *x, const struct act *a, struct foreign_step *s)
{
    const struct record_phase *r = &x->p->records[a->first_record];
    bool plain = a->n_records == 1 && isfinite(r->period_s) && !isfinite(r->delta_v) &&
                 !isfinite(r->delta_a) && !isfinite(r->delta_pa) && !isfinite(r->delta_k);

    if (a->n_records == 0)
        return;
    if (isfinite(r->period_s) && x->form == FOREIGN_PYBAMM)
        s->period_s = r->period_s;
    if (!plain || x->form != FOREIGN_PYBAMM)
        export_count(x, LOST_RECORD);
}

/* for, timeout. `twice`: one act becomes two steps. */
static void act_times(struct exporter *x, const struct act *a, struct foreign_step *s, bool twice)
{
    double timeout_s = seconds(x, a->timeout_s, "the time-out");

    s->for_s = seconds(x, a->for_s, "the duration");
    if (isnan(timeout_s) || timeout_s >= s->for_s)
        return;
    if (a->timeout_action == TIMEOUT_NEXT && !twice)
        s->for_s = timeout_s;
    else if (twice || a->timeout_action != TIMEOUT_PAUSE ||
             !foreign_same(timeout_s, foreign_timeout_s(s)))
        export_count(x, LOST_TIMEOUT);
}

static void act_aside(struct exporter *x, const struct act *a)
{
    if (a->n_saves > 0)
        export_count(x, LOST_SAVE);
    if (a->output_off)
        export_count(x, LOST_OUTPUT);
    if (a->restart_block)
        export_count(x, LOST_POWER);
}

/* What unicycler has no word for. */
static bool sayable(struct exporter *x, const struct foreign_step *s)
{
    const char *what = NULL;
    bool source = s->kind == FOREIGN_CHARGE || s->kind == FOREIGN_DISCHARGE;

    if (x->form != FOREIGN_UNICYCLER)
        return true;
    if (source && dims_equal(s->dims, DIMS_POWER))
        what = "constant power";
    else if (source && dims_equal(s->dims, DIMS_RESISTANCE))
        what = "constant resistance";
    else if (s->kind == FOREIGN_REST && (isnan(s->for_s) || !isnan(s->end_v)))
        what = "a rest that ends at a voltage";
    else if (source && s->end_sign)
        what = "an end at a voltage on the other side";
    else if (source && !isnan(s->end_v) && !(fabs(s->end_v) > 0.0))
        what = "an end at 0 V";
    if (what)
        export_refuse(x, "unicycler has no %s", what);
    return what == NULL;
}

static void put(struct exporter *x, struct foreign_step s)
{
    int rc;

    s.pos = x->pos;
    s.temperature_k = x->temperature_k;
    if (!sayable(x, &s))
        return;
    rc = foreign_add(x->f, s, x->d);
    x->code = x->code == 0 ? rc : x->code;
}

/* ---- Charge, discharge, current, pulse ---- */

static struct dims source_dims(const struct act *a, bool crate)
{
    return a->at_kind == AT_POWER        ? DIMS_POWER
           : a->at_kind == AT_RESISTANCE ? DIMS_RESISTANCE
           : crate                       ? DIMS_CRATE
                                         : DIMS_CURRENT;
}

/* The instrument holds a voltage in the way of the step: cv without taper, or limits that clip. */
static bool held_before_end(const struct exporter *x, const struct act *a, const struct ends *e,
                            bool up)
{
    struct known v = export_expr(x, a->v_set);
    double edge = up ? x->p->v_hi : x->p->v_lo;

    if (a->v_set == PROG_NONE || (v.ok && !isfinite(v.v)))
        return false;
    if (!isnan(e->end_v) && v.ok)
        return up ? v.v < fmin(e->end_v, edge) : v.v > fmax(e->end_v, edge);
    return !v.ok || !foreign_same(v.v, edge);
}

static void source_limit(struct exporter *x, const struct act *a, bool up, struct ends *e)
{
    expr_id id = up ? a->v_hi : a->v_lo;
    double v = id == PROG_NONE ? (up ? x->p->v_hi : x->p->v_lo) : export_expr(x, id).v;

    if (e->limit && a->verb == VERB_CURRENT && (up ? a->v_lo : a->v_hi) != PROG_NONE)
        export_count(x, LOST_LIMIT);
    if (!e->limit || !isfinite(v) || (!isnan(e->end_v) && (up ? v >= e->end_v : v <= e->end_v)))
        return;
    e->end_v = v;
    e->sign = up ? '>' : '<';
    e->equal = true;
}

/* CC to the voltage, then that voltage down to the taper: two steps there. */
static void put_cccv(struct exporter *x, const struct act *a, struct foreign_step s,
                     const struct ends *e)
{
    struct foreign_step hold = foreign_blank(FOREIGN_HOLD);
    struct known v;

    if (!isnan(e->end_v) || a->for_s != PROG_NONE) {
        export_refuse(x, "a held voltage with another end beside its taper cannot be said");
        return;
    }
    if (dims_equal(s.dims, DIMS_POWER) || dims_equal(s.dims, DIMS_RESISTANCE)) {
        export_refuse(x, "a held voltage after a power or a resistance cannot be said");
        return;
    }
    if (!quantity(x, a->v_set, "the voltage that is held", &v))
        return;
    act_times(x, a, &s, true);
    act_record(x, a, &s);
    s.end_v = v.v;
    hold.period_s = s.period_s;
    hold.at = v.v;
    hold.dims = DIMS_VOLTAGE;
    hold.taper = e->taper;
    hold.taper_dims = e->taper_rate ? DIMS_CRATE : DIMS_CURRENT;
    put(x, s);
    put(x, hold);
}

static void export_source(struct exporter *x, const struct act *a)
{
    struct foreign_step s = foreign_blank(FOREIGN_DISCHARGE);
    struct ends e = act_ends(x, a);
    struct known at;
    bool up;

    if (e.bad || !quantity(x, a->at, "the current", &at))
        return;
    up = a->verb == VERB_CURRENT ? at.v > 0.0 : a->direction > 0;
    s.kind = up ? FOREIGN_CHARGE : FOREIGN_DISCHARGE;
    s.at = fabs(at.v);
    s.dims = source_dims(a, at.crate);
    if (!isnan(e.taper)) {
        put_cccv(x, a, s, &e);
        return;
    }
    source_limit(x, a, up, &e);
    if ((a->verb == VERB_CHARGE || a->verb == VERB_DISCHARGE) && held_before_end(x, a, &e, up)) {
        export_refuse(x, "a voltage that is held without a taper, or clips, cannot be said");
        return;
    }
    s.end_v = e.end_v;
    s.end_sign = !isnan(e.end_v) && (e.equal == false || (e.sign == '>') != up) ? e.sign : '\0';
    if (x->form == FOREIGN_UNICYCLER && (e.sign == '>') == up)
        s.end_sign = '\0';
    act_times(x, a, &s, false);
    act_record(x, a, &s);
    if (isnan(s.for_s) && isnan(s.end_v)) {
        export_refuse(x, "the step has no end that can be said");
        return;
    }
    put(x, s);
}

/* ---- Hold, rest ---- */

static void export_hold(struct exporter *x, const struct act *a)
{
    struct foreign_step s = foreign_blank(FOREIGN_HOLD);
    struct ends e = act_ends(x, a);
    struct known v, most = export_expr(x, a->at);
    const struct foreign_step *lead;
    unsigned before = x->f->n;
    bool own = a->at != PROG_NONE && !(most.ok && !most.crate &&
                                       most.v >= fmin(x->p->charge_max_a, x->p->discharge_max_a));

    if (e.bad || !quantity(x, a->v_set, "the voltage of the hold", &v))
        return;
    if (!isnan(e.end_v)) {
        export_refuse(x, "a hold that ends at a voltage cannot be said");
        return;
    }
    s.at = v.v;
    s.dims = DIMS_VOLTAGE;
    s.taper = e.taper;
    s.taper_dims = e.taper_rate ? DIMS_CRATE : DIMS_CURRENT;
    act_times(x, a, &s, false);
    act_record(x, a, &s);
    if (isnan(s.for_s) && isnan(s.taper)) {
        export_refuse(x, "the step has no end that can be said");
        return;
    }
    put(x, s);
    lead = x->f->n > before ? foreign_lead_in(x->f, x->f->n - 1) : NULL;
    if (own && (!lead || !most.ok || most.crate != dims_equal(lead->dims, DIMS_CRATE) ||
                !foreign_same(lead->at, most.v)))
        export_lose(x, "`at_most` of a hold cannot be said");
}

static void export_rest(struct exporter *x, const struct act *a)
{
    struct foreign_step s = foreign_blank(FOREIGN_REST);
    struct ends e = act_ends(x, a);

    if (e.bad)
        return;
    s.end_v = e.end_v;
    s.end_sign = isnan(e.end_v) ? '\0' : e.sign;
    act_times(x, a, &s, false);
    act_record(x, a, &s);
    if (isnan(s.for_s) && isnan(s.end_v)) {
        export_refuse(x, "the rest has no end that can be said");
        return;
    }
    put(x, s);
}

/* ---- Surroundings ---- */

static void export_soak(struct exporter *x, const struct act *a)
{
    static const char import_rule[] = "chamber.temperature within 1 K for 10 min";
    const struct end *e = &x->p->ends[a->first_end];
    struct known t = export_expr(x, a->set[0].value);

    if (x->form != FOREIGN_PYBAMM) {
        export_lose(x, "unicycler has no chamber");
        return;
    }
    if (a->n_sets == 0 || !t.ok) {
        export_refuse(x, "the temperature is not known before the run");
        return;
    }
    x->temperature_k = t.v;
    if (a->n_ends != 1 || a->set[0].rate != PROG_NONE || a->for_s != PROG_NONE ||
        strcmp(program_text(x->p, x->p->exprs[e->cond].source), import_rule) != 0)
        export_count(x, LOST_SOAK);
}

void export_act(struct exporter *x, const struct act *a)
{
    act_aside(x, a);
    switch (a->verb) {
    case VERB_CHARGE:
    case VERB_DISCHARGE:
    case VERB_CURRENT:
    case VERB_PULSE: export_source(x, a); break;
    case VERB_HOLD: export_hold(x, a); break;
    case VERB_REST:
    case VERB_OCV: export_rest(x, a); break;
    case VERB_SOAK: export_soak(x, a); break;
    case VERB_SQUEEZE: export_lose(x, "%s has no stack pressure", foreign_names[x->form]); break;
    default: export_lose(x, "`%s` cannot be said", verb_name((enum verb)a->verb)); break;
    }
}
