/* benchctl/foreign_yaml.c - the list of steps in our language.
 *
 * What our language asks for and the other one lacks is written out with a comment: when a step
 * without a duration pauses, how large the current of a hold is, what is recorded, what happens
 * after a loss of power. Guards are not made up: the article's window and the bench's guards are
 * always watched, and a guard invented here would be believed. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static const char *const form_titles[] = {"PyBaMM sentences", "a unicycler protocol"};

struct writer {
    const struct foreign *f;
    struct text *out;
    struct diag *d;
    unsigned indent;
    double temperature_k; /* of the chamber here; NaN: not known */
};

void foreign_procedure_name(const char *file, char *buf, size_t size)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    size_t n = 0, end = strcspn(name, ".");

    for (size_t i = 0; i < end && n + 1 < size && n < 60; i++) {
        char c = name[i];
        bool good =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';

        if (good || (n > 0 && buf[n - 1] != '-'))
            buf[n++] = good ? c : '-';
    }
    buf[n] = '\0';
    if (n == 0)
        str_copy(buf, size, "imported");
}

/* ---- Comments ---- */

/* What came from outside may hold anything: a comment holds plain characters of one line. */
static void add_plain(struct text *out, const char *text)
{
    bool blank = false;

    for (size_t i = 0; text[i] && i < 160; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            blank = true;
            continue;
        }
        text_add(out, "%s%c", blank ? " " : "", c < 0x20 || c >= 0x7F ? '?' : c);
        blank = false;
    }
}

static void add_indent(struct writer *w)
{
    for (unsigned i = 0; i < w->indent; i++)
        text_add(w->out, "  ");
}

static void add_origin(struct writer *w, const struct foreign_step *s)
{
    if (s->origin[0] == '\0')
        return;
    add_indent(w);
    text_add(w->out, "# line %d: ", s->pos.line);
    add_plain(w->out, s->origin);
    text_add(w->out, "\n");
}

/* ---- The head ---- */

static bool uses_rate(const struct foreign *f)
{
    bool rate = false;

    for (unsigned i = 0; i < f->n; i++)
        rate |= dims_equal(f->step[i].dims, DIMS_CRATE) ||
                (!isnan(f->step[i].taper) && dims_equal(f->step[i].taper_dims, DIMS_CRATE));
    return rate;
}

static void widen(struct range *r, double v)
{
    if (isnan(v))
        return;
    r->lo = fmin(r->lo, v);
    r->hi = fmax(r->hi, v);
}

static void add_needs(struct writer *w)
{
    struct range v = {INFINITY, -INFINITY};
    bool chamber = false;
    char lo[FOREIGN_TEXT], hi[FOREIGN_TEXT];

    for (unsigned i = 0; i < w->f->n; i++) {
        widen(&v, w->f->step[i].end_v);
        if (w->f->step[i].kind == FOREIGN_HOLD)
            widen(&v, w->f->step[i].at);
        chamber |= !isnan(w->f->step[i].temperature_k);
    }
    text_add(w->out, "article: {needs: [%slimits.voltage]}\nneeds:\n",
             uses_rate(w->f) ? "capacity, " : "");
    if (v.lo < v.hi)
        text_add(w->out, "  cycler: {voltage: %s .. %s}\n", foreign_text(v.lo, DIMS_VOLTAGE, lo),
                 foreign_text(v.hi, DIMS_VOLTAGE, hi));
    else
        text_add(w->out, "  cycler: {}\n");
    if (chamber)
        text_add(w->out, "  chamber: {}\n");
}

static void add_guard(struct writer *w, const char *channel, struct range r, struct dims d)
{
    char buf[FOREIGN_TEXT];

    if (!isfinite(r.lo) && !isfinite(r.hi))
        return;
    text_add(w->out, "  %s:%s%s ..", channel, isfinite(r.lo) ? " " : "",
             isfinite(r.lo) ? foreign_text(r.lo, d, buf) : "");
    if (isfinite(r.hi))
        text_add(w->out, " %s", foreign_text(r.hi, d, buf));
    if (w->f->guard_s > 0.0)
        text_add(w->out, " for %s", foreign_text(w->f->guard_s, DIMS_TIME, buf));
    text_add(w->out, "\n");
}

static void add_guards(struct writer *w, enum foreign_form form)
{
    const struct foreign *f = w->f;
    bool any = isfinite(f->guard_v.lo) || isfinite(f->guard_v.hi) || isfinite(f->guard_a.lo) ||
               isfinite(f->guard_a.hi);

    if (!any) {
        text_add(w->out,
                 "# No guards: %s. The article's window and the bench's guards are watched.\n",
                 form == FOREIGN_PYBAMM ? "PyBaMM has none" : "the protocol has no limits");
        return;
    }
    text_add(w->out, "guards:\n");
    add_guard(w, "cell.voltage", f->guard_v, DIMS_VOLTAGE);
    add_guard(w, "cell.current", f->guard_a, DIMS_CURRENT);
}

static void add_record(struct writer *w)
{
    const struct foreign *f = w->f;
    char buf[FOREIGN_TEXT];

    text_add(w->out, "record: every %s", foreign_text(f->period_s, DIMS_TIME, buf));
    if (!isnan(f->delta_v))
        text_add(w->out, " or %s", foreign_text(f->delta_v, DIMS_VOLTAGE, buf));
    if (!isnan(f->delta_a))
        text_add(w->out, " or %s", foreign_text(f->delta_a, DIMS_CURRENT, buf));
    text_add(w->out, "%s\n", f->period_default ? " # not said: PyBaMM's habit" : "");
    text_add(w->out, "on_power_loss: {resume: within 10 min, else: pause} # not said there\n");
}

/* The C of the protocol is that of its sample: with another article its currents would be others.
 */
static void add_before(struct writer *w)
{
    char buf[FOREIGN_TEXT], tolerance[FOREIGN_TEXT];

    if (isnan(w->f->capacity_c) || !uses_rate(w->f) ||
        qty_print_in(0.05 * w->f->capacity_c, "mAh", 3, tolerance, sizeof(tolerance)) < 0)
        return;
    text_add(w->out, "before:\n  - check: capacity within %s of %s # its C-rates mean this one\n",
             tolerance, foreign_text(w->f->capacity_c, DIMS_CHARGE, buf));
}

/* ---- Steps ---- */

static void add_end_v(struct writer *w, const struct foreign_step *s)
{
    bool up = s->end_sign ? s->end_sign == '>' : s->kind == FOREIGN_CHARGE;
    char buf[FOREIGN_TEXT];

    text_add(w->out, "until: cell.voltage %c%s %s, ", up ? '>' : '<', s->end_sign ? "" : "=",
             foreign_text(s->end_v, DIMS_VOLTAGE, buf));
}

static void add_tail(struct writer *w, const struct foreign_step *s)
{
    bool timed = !isnan(s->for_s);
    char buf[FOREIGN_TEXT];

    text_add(w->out, "%s: %s%s", timed ? "for" : "timeout",
             foreign_text(timed ? s->for_s : foreign_timeout_s(s), DIMS_TIME, buf),
             timed ? "" : " else pause");
    if (!isnan(s->period_s) && !foreign_same(s->period_s, w->f->period_s))
        text_add(w->out, ", record: every %s", foreign_text(s->period_s, DIMS_TIME, buf));
    text_add(w->out, "}%s\n", timed ? "" : " # the time-out is not said there");
}

static void add_hold(struct writer *w, unsigned i)
{
    const struct foreign_step *s = &w->f->step[i], *lead = foreign_lead_in(w->f, i);
    char buf[FOREIGN_TEXT];

    text_add(w->out, "- hold: {at: %s, ", foreign_text(s->at, DIMS_VOLTAGE, buf));
    if (lead)
        text_add(w->out, "at_most: %s, ", foreign_text(lead->at, lead->dims, buf));
    if (!isnan(s->taper))
        text_add(w->out, "taper: %s, ", foreign_text(s->taper, s->taper_dims, buf));
    add_tail(w, s);
}

static void add_soak(struct writer *w, double temperature_k)
{
    char buf[FOREIGN_TEXT];

    if (isnan(temperature_k) || foreign_same(temperature_k, w->temperature_k))
        return;
    add_indent(w);
    text_add(w->out,
             "- soak: {chamber: %s, until: chamber.temperature within 1 K for 10 min, "
             "timeout: 6 h else pause} # when it is reached is not said there\n",
             foreign_text(temperature_k, DIMS_TEMPERATURE, buf));
    w->temperature_k = temperature_k;
}

static void add_step(struct writer *w, unsigned i)
{
    const struct foreign_step *s = &w->f->step[i];
    char buf[FOREIGN_TEXT];

    add_soak(w, s->temperature_k);
    add_origin(w, s);
    add_indent(w);
    if (s->kind == FOREIGN_HOLD) {
        add_hold(w, i);
        return;
    }
    if (s->kind == FOREIGN_REST)
        text_add(w->out, "- rest: {");
    else
        text_add(w->out, "- %s: {at: %s, ", s->kind == FOREIGN_CHARGE ? "charge" : "discharge",
                 foreign_text(s->at, s->dims, buf));
    if (!isnan(s->end_v))
        add_end_v(w, s);
    add_tail(w, s);
}

/* One temperature of all turns is reached before the first. Where they differ, the chamber may
 * stand elsewhere after a turn than before it. */
static void enter_repeat(struct writer *w, unsigned at)
{
    double first = NAN;
    unsigned depth = 0;
    bool differ = false;

    for (unsigned i = at; i < w->f->n; i++) {
        const struct foreign_step *s = &w->f->step[i];

        depth += s->kind == FOREIGN_REPEAT;
        if (s->kind == FOREIGN_END && --depth == 0)
            break;
        if (s->kind > FOREIGN_REST || isnan(s->temperature_k))
            continue;
        if (isnan(first))
            first = s->temperature_k;
        differ |= !foreign_same(first, s->temperature_k);
    }
    if (differ)
        w->temperature_k = NAN;
    else
        add_soak(w, first);
}

static void add_steps(struct writer *w)
{
    for (unsigned i = 0; i < w->f->n; i++) {
        const struct foreign_step *s = &w->f->step[i];

        if (s->kind == FOREIGN_END) {
            w->indent -= 2;
        } else if (s->kind == FOREIGN_REMARK) {
            add_origin(w, s);
        } else if (s->kind == FOREIGN_REPEAT) {
            enter_repeat(w, i);
            add_origin(w, s);
            add_indent(w);
            text_add(w->out, "- repeat: %u\n", s->turns);
            w->indent++;
            if (s->name) {
                add_indent(w);
                text_add(w->out, "as: %s\n", s->name);
            }
            add_indent(w);
            text_add(w->out, "steps:\n");
            w->indent++;
        } else {
            add_step(w, i);
        }
    }
}

/* ---- What a person should look at ---- */

static void warn_open_steps(const struct writer *w)
{
    const struct foreign_step *no_end = NULL, *no_lead = NULL;
    unsigned n_end = 0, n_lead = 0;

    for (unsigned i = 0; i < w->f->n; i++) {
        const struct foreign_step *s = &w->f->step[i];
        bool source = s->kind == FOREIGN_CHARGE || s->kind == FOREIGN_DISCHARGE;

        if (source && isnan(s->end_v) && n_end++ == 0)
            no_end = s;
        if (s->kind == FOREIGN_HOLD && !foreign_lead_in(w->f, i) && n_lead++ == 0)
            no_lead = s;
    }
    if (no_end) {
        diag_warn_at(w->d, &no_end->pos, "no end voltage (%u step%s)", n_end, n_end > 1 ? "s" : "");
        diag_hint(w->d, "at the article's limit of voltage the current falls and the time goes on");
    }
    if (no_lead) {
        diag_warn_at(w->d, &no_lead->pos,
                     "nothing says the largest current of this hold (%u hold%s)", n_lead,
                     n_lead > 1 ? "s" : "");
        diag_hint(w->d, "it is the smaller limit of the article; at_most makes it smaller");
    }
}

void foreign_to_yaml(const struct foreign *f, enum foreign_form form, const char *name,
                     const char *file, struct text *out, struct diag *reterr)
{
    struct writer w = {.f = f, .out = out, .d = reterr, .indent = 1, .temperature_k = NAN};
    bool stops = !isnan(f->stop_v) || !isnan(f->stop_s);
    char buf[FOREIGN_TEXT];

    text_add(out, "# Translated by benchctl from %s in ", form_titles[form]);
    add_plain(out, file);
    text_add(out, ".\nprocedure: %s\nversion: 1.0.0\n", name);
    add_needs(&w);
    add_guards(&w, form);
    add_record(&w);
    add_before(&w);
    text_add(out, "steps:\n");
    if (stops) {
        text_add(out, "  - stop_when: ");
        if (!isnan(f->stop_v))
            text_add(out, "cell.voltage <= %s%s", foreign_text(f->stop_v, DIMS_VOLTAGE, buf),
                     isnan(f->stop_s) ? "" : " or ");
        if (!isnan(f->stop_s))
            text_add(out, "run.time >= %s", foreign_text(f->stop_s, DIMS_TIME, buf));
        text_add(out, "\n    steps:\n");
        w.indent = 3;
    }
    add_steps(&w);
    warn_open_steps(&w);
}
