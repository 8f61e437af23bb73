/* benchctl/foreign_write.c - the list of steps as a PyBaMM script, or as a unicycler protocol. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Sentences ---- */

/* Our quantity as PyBaMM spells it. */
static void add_value(struct text *t, double v, struct dims d)
{
    char buf[FOREIGN_TEXT];
    char *ohm;

    foreign_text(v, d, buf);
    ohm = strstr(buf, "ohm");
    if (ohm)
        *ohm = 'O';
    text_add(t, "%s", buf);
}

static void add_time(struct text *t, double seconds, bool plural)
{
    static const struct {
        const char *ours, *word;
    } units[] = {
        {"h",   "hour"  },
        {"min", "minute"},
        {"s",   "second"},
    };
    char buf[FOREIGN_TEXT];
    size_t n;

    foreign_text(seconds, DIMS_TIME, buf);
    n = strcspn(buf, " ");
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(buf + n + (buf[n] == ' '), units[i].ours) == 0)
            text_add(t, "%.*s %s%s", (int)n, buf, units[i].word,
                     plural && strncmp(buf, "1 ", 2) != 0 ? "s" : "");
}

static void add_sentence(struct text *t, const struct foreign_step *s, double period_s)
{
    static const char *const verbs[] = {"Charge at ", "Discharge at ", "Hold at ", "Rest"};
    bool ends = !isnan(s->end_v) || !isnan(s->taper);

    text_add(t, "%s", verbs[s->kind]);
    if (s->kind != FOREIGN_REST)
        add_value(t, s->at, s->dims);
    if (!isnan(s->for_s)) {
        text_add(t, " for ");
        add_time(t, s->for_s, true);
    }
    if (ends)
        text_add(t, "%s until ", isnan(s->for_s) ? "" : " or");
    if (s->end_sign)
        text_add(t, "%c", s->end_sign);
    if (!isnan(s->end_v))
        add_value(t, s->end_v, DIMS_VOLTAGE);
    else if (ends)
        add_value(t, s->taper, s->taper_dims);
    if (!isnan(s->period_s) && !foreign_same(s->period_s, period_s)) {
        text_add(t, " (");
        add_time(t, s->period_s, false);
        text_add(t, " period)");
    }
}

/* ---- The script ---- */

struct script {
    const struct foreign *f;
    struct text *out;
    double temperature_k; /* of all steps; NaN: they differ */
};

static void indent(struct script *w, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        text_add(w->out, "    ");
}

static void add_step(struct script *w, const struct foreign_step *s, unsigned depth)
{
    bool own = !foreign_same(s->temperature_k, w->temperature_k) && !isnan(s->temperature_k);
    char buf[FOREIGN_TEXT];

    indent(w, depth);
    text_add(w->out, own ? "pybamm.step.string(\"" : "\"");
    add_sentence(w->out, s, w->f->period_s);
    text_add(w->out, "\"");
    if (own) {
        foreign_text(s->temperature_k, DIMS_TEMPERATURE, buf);
        text_add(w->out, ", temperature=\"%.*s oC\")", (int)strcspn(buf, " "), buf);
    }
    text_add(w->out, ",\n");
}

/* The END of the repetition that begins at i. */
static unsigned end_of(const struct foreign *f, unsigned i)
{
    unsigned depth = 0;

    for (; i < f->n; i++) {
        depth += f->step[i].kind == FOREIGN_REPEAT;
        depth -= f->step[i].kind == FOREIGN_END;
        if (depth == 0)
            break;
    }
    return i;
}

static bool holds_repeat(const struct foreign *f, unsigned from, unsigned to)
{
    while (from < to && f->step[from].kind != FOREIGN_REPEAT)
        from++;
    return from < to;
}

/* Steps from..to as a sum of brackets, without its last line end: at the top lists, whose tuples
 * are cycles; in a cycle tuples. */
static void add_sum(struct script *w, unsigned from, unsigned to, unsigned depth, bool top)
{
    const struct foreign *f = w->f;
    bool first = true;

    for (unsigned i = from; i < to;) {
        bool repeat = f->step[i].kind == FOREIGN_REPEAT;
        unsigned end = repeat ? end_of(f, i) : i;

        while (!repeat && end < to && f->step[end].kind != FOREIGN_REPEAT)
            end++;
        text_add(w->out, first ? "" : "\n");
        indent(w, depth);
        text_add(w->out, "%s%c%s%s\n", first ? "" : "+ ", top ? '[' : '(',
                 f->step[i].name ? " # " : "", f->step[i].name ? f->step[i].name : "");
        if (!repeat || (!top && !holds_repeat(f, i + 1, end))) {
            for (unsigned k = repeat ? i + 1 : i; k < end; k++)
                if (f->step[k].kind <= FOREIGN_REST)
                    add_step(w, &f->step[k], depth + 1);
        } else {
            add_sum(w, i + 1, end, depth + 1, false);
            text_add(w->out, "\n");
        }
        indent(w, depth);
        text_add(w->out, "%c", top ? ']' : ')');
        if (repeat) {
            text_add(w->out, "\n");
            indent(w, depth);
            text_add(w->out, "* %u", f->step[i].turns);
        }
        i = repeat ? end + 1 : end;
        first = false;
    }
}

/* The temperature that all steps have; NaN: they differ, or none is said. */
static double one_temperature(const struct foreign *f)
{
    bool first = true;
    double t = NAN;

    for (unsigned i = 0; i < f->n; i++) {
        if (f->step[i].kind > FOREIGN_REST)
            continue;
        if (!first && !foreign_same(f->step[i].temperature_k, t))
            return NAN;
        t = f->step[i].temperature_k;
        first = false;
    }
    return t;
}

static void add_terminations(struct script *w)
{
    const struct foreign *f = w->f;
    char buf[FOREIGN_TEXT];

    if (isnan(f->stop_v) && isnan(f->stop_s))
        return;
    text_add(w->out, "    termination=[");
    if (!isnan(f->stop_v))
        text_add(w->out, "\"%s\"", foreign_text(f->stop_v, DIMS_VOLTAGE, buf));
    if (!isnan(f->stop_s)) {
        text_add(w->out, "%s\"", isnan(f->stop_v) ? "" : ", ");
        add_time(w->out, f->stop_s, true);
        text_add(w->out, "\"");
    }
    text_add(w->out, "],\n");
}

/* What was left out on the way stands in the script too. */
int pybamm_write(const struct foreign *f, const char *name, struct text *out, struct diag *reterr)
{
    struct script w = {.f = f, .out = out, .temperature_k = one_temperature(f)};
    char buf[FOREIGN_TEXT];

    text_add(out, "# %s, translated by benchctl.\n", name);
    for (size_t i = 0; reterr && i < reterr->n; i++)
        if (reterr->finding[i].level == DIAG_WARN)
            text_add(out, "# line %d: %s\n", reterr->finding[i].line, reterr->finding[i].text);
    text_add(out, "import pybamm\n\nexperiment = pybamm.Experiment(\n");
    add_sum(&w, 0, f->n, 1, true);
    text_add(out, ",\n    period=\"");
    add_time(out, f->period_s, true);
    text_add(out, "\",\n");
    if (!isnan(w.temperature_k)) {
        foreign_text(w.temperature_k, DIMS_TEMPERATURE, buf);
        text_add(out, "    temperature=\"%.*s oC\",\n", (int)strcspn(buf, " "), buf);
    }
    add_terminations(&w);
    text_add(out, ")\n");
    return 0;
}

/* ---- unicycler ---- */

/* JSON is written with 15 digits; what needs more is a text, which unicycler reads as well. */
static json_t *real_json(double v)
{
    char digits[32];
    size_t n = 0;

    str_from_double(v, digits, sizeof(digits));
    for (const char *p = digits; *p && *p != 'e'; p++)
        n += *p >= '0' && *p <= '9' && (n > 0 || *p != '0');
    return n > 15 ? json_string(digits) : json_real(v);
}

static void put_number(json_t *o, const char *key, double si, const char *unit)
{
    if (isfinite(si))
        json_object_set_new(o, key, real_json(foreign_number(si, unit)));
}

/* 0.1, or "C/3" where no short decimal says it. */
static void put_rate(json_t *o, const char *key, double rate, bool discharge)
{
    char buf[FOREIGN_TEXT], number[32];

    foreign_text(rate, DIMS_CRATE, buf);
    str_from_double(rate, number, sizeof(number));
    if (buf[0] == 'C' && strlen(number) > 8) {
        buf[0] = discharge ? 'D' : 'C';
        json_object_set_new(o, key, json_string(buf));
    } else {
        json_object_set_new(o, key, real_json(discharge ? -rate : rate));
    }
}

static void put_current(json_t *o, const struct foreign_step *s, const char *rate_key,
                        const char *current_key, double v, struct dims d)
{
    bool discharge = s->kind == FOREIGN_DISCHARGE;

    if (dims_equal(d, DIMS_CRATE))
        put_rate(o, rate_key, v, discharge);
    else
        put_number(o, current_key, discharge ? -v : v, "mA");
}

static json_t *step_json(const struct foreign_step *s)
{
    static const char *const names[] = {"constant_current", "constant_current", "constant_voltage",
                                        "open_circuit_voltage"};
    json_t *o = json_pack("{s:s}", "step", names[s->kind]);

    if (s->kind == FOREIGN_HOLD) {
        put_number(o, "voltage_V", s->at, "V");
        if (!isnan(s->taper))
            put_current(o, s, "until_rate_C", "until_current_mA", s->taper, s->taper_dims);
    } else if (s->kind != FOREIGN_REST) {
        put_current(o, s, "rate_C", "current_mA", s->at, s->dims);
        put_number(o, "until_voltage_V", s->end_v, "V");
    }
    put_number(o, "until_time_s", s->for_s, "s");
    return o;
}

/* Repetitions become a loop back to where they began: to a tag when they have a name. */
static json_t *method_json(const struct foreign *f)
{
    json_t *method = json_array();
    const struct foreign_step *open[FOREIGN_DEPTH_MAX + PROG_DEPTH_MAX];
    size_t begin[ARRAY_LEN(open)], depth = 0;

    for (unsigned i = 0; i < f->n; i++) {
        const struct foreign_step *s = &f->step[i];

        if (s->kind <= FOREIGN_REST) {
            json_array_append_new(method, step_json(s));
        } else if (s->kind == FOREIGN_REPEAT && depth < ARRAY_LEN(open)) {
            open[depth] = s;
            begin[depth++] = json_array_size(method) + 1;
            if (s->name)
                json_array_append_new(method,
                                      json_pack("{s:s, s:s}", "step", "tag", "tag", s->name));
        } else if (s->kind == FOREIGN_END && depth > 0) {
            s = open[--depth];
            json_array_append_new(
                method, s->name ? json_pack("{s:s, s:s, s:i}", "step", "loop", "loop_to", s->name,
                                            "cycle_count", (int)s->turns)
                                : json_pack("{s:s, s:i, s:i}", "step", "loop", "loop_to",
                                            (int)begin[depth], "cycle_count", (int)s->turns));
        }
    }
    return method;
}

int unicycler_write(const struct foreign *f, struct text *out, struct diag *reterr)
{
    json_t *root = json_object(), *sample = json_object(), *record = json_object(),
           *safety = json_object();
    bool guarded = isfinite(f->guard_v.lo) || isfinite(f->guard_v.hi) || isfinite(f->guard_a.lo) ||
                   isfinite(f->guard_a.hi);
    char *text;

    json_object_set_new(sample, "name", json_string("$NAME"));
    put_number(sample, "capacity_mAh", f->capacity_c, "mAh");
    put_number(record, "time_s", f->period_s, "s");
    put_number(record, "current_mA", f->delta_a, "mA");
    put_number(record, "voltage_V", f->delta_v, "V");
    put_number(safety, "min_voltage_V", f->guard_v.lo, "V");
    put_number(safety, "max_voltage_V", f->guard_v.hi, "V");
    put_number(safety, "min_current_mA", f->guard_a.lo, "mA");
    put_number(safety, "max_current_mA", f->guard_a.hi, "mA");
    if (guarded)
        put_number(safety, "delay_s", f->guard_s, "s");
    json_object_set_new(root, "sample", sample);
    json_object_set_new(root, "record", record);
    json_object_set_new(root, "safety", safety);
    json_object_set_new(root, "method", method_json(f));
    text = json_dumps(root, JSON_INDENT(4) | JSON_REAL_PRECISION(15));
    json_decref(root);
    if (!text)
        return diag_add(reterr, E_NOMEM, "the protocol cannot be written");
    text_add(out, "%s\n", text);
    free(text);
    return 0;
}
