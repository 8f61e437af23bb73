/* analysis/validate_rows.c - the eight checks of a BDF table.
 *
 * The tolerances follow the reference validator, which expects 8 significant digits in a file. It
 * knows the largest value of a column beforehand; here the largest so far stands for it, which is
 * never more lenient.
 */
#include "analysis/validate_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static const char *const known_names[KNOWN_COUNT] = {
    [KNOWN_TIME] = "test_time_second",          [KNOWN_UNIX] = "unix_time_second",
    [KNOWN_STEP_TIME] = "step_time_second",     [KNOWN_CYCLE] = "cycle_count",
    [KNOWN_RECORD] = "step_record_index",       [KNOWN_IN_AH] = "charging_capacity_ah",
    [KNOWN_OUT_AH] = "discharging_capacity_ah", [KNOWN_SUM_AH] = "cumulative_capacity_ah",
    [KNOWN_NET_AH] = "net_capacity_ah",         [KNOWN_IN_WH] = "charging_energy_wh",
    [KNOWN_OUT_WH] = "discharging_energy_wh",   [KNOWN_SUM_WH] = "cumulative_energy_wh",
    [KNOWN_NET_WH] = "net_energy_wh",
};

enum {
    SCALE_SAMPLES_MIN = 10
};
#define WALL_STEP_S     0.5 /* shorter steps of a wall clock are its resolution */
#define SCALE_TOLERANCE 0.05

/* ---- The header ---- */

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);

    return n >= k && strcmp(text + n - k, tail) == 0;
}

static void name_column(struct validator *v, struct validate_column *c)
{
    struct validate_finding *f;
    enum bdf_spelling spelling;

    c->term = bdf_find(c->header, &spelling);
    c->number =
        c->term && strcmp(c->term->name, "step_id") != 0 && strcmp(c->term->name, "step_type") != 0;
    if (c->term && spelling == BDF_DEPRECATED) {
        c->scale = ends_with(c->header, "millisecond") || ends_with(c->header, "/ ms") ? 1e-3 : 1.0;
        f = validate_hit(v, VALIDATE_NAMES, DIAG_WARN, c->header, NULL, NAN);
        if (f) {
            validate_text(f, "is called `%s` now", c->term->label);
        }
    }
    for (const struct validate_column *other = v->column; c->term && other < c; other++) {
        if (other->term == c->term) {
            validate_hit(v, VALIDATE_NAMES, DIAG_WARN, c->header,
                         "is there twice; the first is looked at", NAN);
            return;
        }
    }
    for (unsigned k = 0; k < KNOWN_COUNT && c->term; k++) {
        if (strcmp(c->term->name, known_names[k]) == 0) {
            v->at[k] = (int)(c - v->column);
        }
    }
}

static void list_unknown(struct validator *v)
{
    struct validate_finding *f;
    struct text names = {0};
    unsigned n = 0;

    for (unsigned i = 0; i < v->n; i++) {
        if (!v->column[i].term) {
            text_add(&names, "%s%s", n++ > 0 ? ", " : "", v->column[i].header);
        }
    }
    if (n > 0) {
        f = validate_hit(v, VALIDATE_NAMES, DIAG_NOTE, "", NULL, NAN);
        if (f) {
            validate_text(f, "BDF does not know %u of the columns: %s", n, names.p);
        }
    }
    text_done(&names);
}

static bool has_term(const struct validator *v, const struct bdf_term *t)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (v->column[i].term == t) {
            return true;
        }
    }
    return false;
}

static void require(struct validator *v, const struct bdf_term *t)
{
    const char *headers[COLUMNS_MAX + 1];
    struct validate_finding *f =
        validate_hit(v, VALIDATE_REQUIRED, DIAG_ERROR, t->label, NULL, NAN);
    const char *near;
    unsigned n = 0;

    for (unsigned i = 0; i < v->n; i++) {
        if (!v->column[i].term) {
            headers[n++] = v->column[i].header;
        }
    }
    headers[n] = NULL;
    near = str_nearest(t->label, headers);
    if (f) {
        validate_text(f, "a required column is missing%s%s%s",
                      near ? "; is it the one called `" : "", near ? near : "", near ? "`?" : "");
    }
}

void validate_columns(struct validator *v)
{
    for (unsigned i = 0; i < v->n; i++) {
        name_column(v, &v->column[i]);
    }
    for (const struct bdf_term *t = bdf_terms; t->label; t++) {
        if (t->level == BDF_REQUIRED && !has_term(v, t)) {
            require(v, t);
        }
    }
    list_unknown(v);
}

/* ---- A row ---- */

static const char *header_of(const struct validator *v, enum known k)
{
    return v->column[v->at[k]].header;
}

/* NaN: no such column, or nothing in it. */
static double value_of(const struct validator *v, enum known k)
{
    return v->at[k] >= 0 ? v->value[v->at[k]] : (double)NAN;
}

static void check_missing(struct validator *v)
{
    for (unsigned i = 0; i < v->n; i++) {
        const struct validate_column *c = &v->column[i];

        if (c->term && c->term->level == BDF_REQUIRED && isnan(v->value[i]) && !v->unread) {
            validate_hit(v, VALIDATE_FORM, DIAG_NOTE, c->header, "has no value", NAN);
        }
    }
}

static void check_drop(struct validator *v, enum known k, enum validate_check check, double slack)
{
    double x = value_of(v, k), drop = v->before[k] - x;

    if (drop > slack) {
        validate_hit(v, check, DIAG_WARN, header_of(v, k), NULL, drop);
    }
}

/* target = in + sign * out */
static void check_identity(struct validator *v, enum known target, enum known in, enum known out,
                           double sign)
{
    double got = value_of(v, target);
    double expected = value_of(v, in) + sign * value_of(v, out), apart = fabs(got - expected);

    if (isnan(apart)) {
        return;
    }
    v->top[target] = fmax(v->top[target], fabs(expected));
    if (apart >
        1e-9 + 1e-7 * fmax(v->top[target], fmax(v->top[in], v->top[out])) + 1e-6 * fabs(expected)) {
        validate_hit(v, VALIDATE_IDENTITY, DIAG_WARN, header_of(v, target), NULL, apart);
    }
}

static void check_cycle(struct validator *v)
{
    double x = value_of(v, KNOWN_CYCLE);

    if (x < 0.0) {
        validate_hit(v, VALIDATE_CYCLE, DIAG_WARN, header_of(v, KNOWN_CYCLE), "is negative", NAN);
    }
    if (!isnan(x) && fabs(x - nearbyint(x)) > 1e-8 + 1e-5 * fabs(nearbyint(x))) {
        validate_hit(v, VALIDATE_CYCLE, DIAG_WARN, header_of(v, KNOWN_CYCLE), "is no whole number",
                     NAN);
    }
    check_drop(v, KNOWN_CYCLE, VALIDATE_CYCLE, 0.0);
}

static void check_record(struct validator *v)
{
    double x = value_of(v, KNOWN_RECORD), before = v->before[KNOWN_RECORD];

    if (isnan(x)) {
        return;
    }
    v->record_low = isnan(v->record_low) ? x : fmin(v->record_low, x);
    if (!isnan(before) && x != before + 1.0 && x != 1.0) {
        validate_hit(v, VALIDATE_RECORD_INDEX, DIAG_WARN, header_of(v, KNOWN_RECORD), NULL, NAN);
    }
}

static bool agrees(double ratio)
{
    return fabs(ratio - 1.0) <= SCALE_TOLERANCE;
}

/* A step ends where the wall clock has moved far enough to be told from its resolution. */
static void check_scale(struct validator *v, struct scale_check *s, enum known k)
{
    double t = value_of(v, k), u = value_of(v, KNOWN_UNIX), ratio, bin;

    if (isnan(t) || isnan(u)) {
        return;
    }
    if (s->begun && t >= s->t && u >= s->unix_s && u - s->unix_s < WALL_STEP_S) {
        return;
    }
    if (s->begun && t > s->t && u > s->unix_s) {
        ratio = (t - s->t) / (u - s->unix_s);
        bin = floor(100.0 * (log10(ratio) + 6.0));
        s->bin[(size_t)fmin(fmax(bin, 0.0), SCALE_BINS - 1)]++;
        s->n++;
        if (!agrees(ratio) && !s->parted) {
            s->parted = true;
            s->row = v->report.rows;
            s->line = v->row_line;
        }
    }
    s->begun = true;
    s->t = t;
    s->unix_s = u;
}

void validate_row(struct validator *v)
{
    v->first_line = v->first_line > 0 ? v->first_line : v->row_line;
    check_missing(v);
    for (unsigned k = 0; k < KNOWN_COUNT; k++) {
        double x = fabs(value_of(v, (enum known)k));

        v->top[k] = x > v->top[k] ? x : v->top[k];
    }
    check_drop(v, KNOWN_TIME, VALIDATE_TIME, 0.0);
    check_identity(v, KNOWN_SUM_AH, KNOWN_IN_AH, KNOWN_OUT_AH, 1.0);
    check_identity(v, KNOWN_NET_AH, KNOWN_IN_AH, KNOWN_OUT_AH, -1.0);
    check_identity(v, KNOWN_SUM_WH, KNOWN_IN_WH, KNOWN_OUT_WH, 1.0);
    check_identity(v, KNOWN_NET_WH, KNOWN_IN_WH, KNOWN_OUT_WH, -1.0);
    for (unsigned k = KNOWN_IN_AH; k < KNOWN_COUNT; k++) {
        if (k != KNOWN_NET_AH && k != KNOWN_NET_WH) {
            check_drop(v, (enum known)k, VALIDATE_MONOTONE, 1e-9 + 1e-6 * v->top[k]);
        }
    }
    check_cycle(v);
    check_record(v);
    check_scale(v, &v->scale[0], KNOWN_TIME);
    check_scale(v, &v->scale[1], KNOWN_STEP_TIME);
    for (unsigned k = 0; k < KNOWN_COUNT; k++) {
        double x = value_of(v, (enum known)k);

        v->before[k] = isnan(x) ? v->before[k] : x;
    }
}

/* ---- After the last row ---- */

static const char *scale_unit(double *ratio)
{
    static const struct {
        double ratio;
        const char *unit;
    } units[] = {
        {1e9,          "nanoseconds" },
        {1e6,          "microseconds"},
        {1e3,          "milliseconds"},
        {1.0 / 60.0,   "minutes"     },
        {1.0 / 3600.0, "hours"       },
    };

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (fabs(*ratio - units[i].ratio) <= SCALE_TOLERANCE * units[i].ratio) {
            *ratio = units[i].ratio;
            return units[i].unit;
        }
    }
    return NULL;
}

static double middle_ratio(const struct scale_check *s)
{
    uint64_t seen = 0;

    for (unsigned i = 0; i < SCALE_BINS; i++) {
        seen += s->bin[i];
        if (2 * seen >= s->n) {
            return pow(10.0, ((double)i + 0.5) / 100.0 - 6.0);
        }
    }
    return 1.0;
}

static void close_scale(struct validator *v, const struct scale_check *s, enum known k)
{
    double ratio = middle_ratio(s);
    struct validate_finding *f;
    const char *unit = scale_unit(&ratio);
    char text[32];

    if (s->n < SCALE_SAMPLES_MIN || agrees(ratio)) {
        return;
    }
    f = validate_hit(v, VALIDATE_TIME_SCALE, DIAG_WARN, header_of(v, k), NULL, ratio);
    if (!f) {
        return;
    }
    f->row = s->row;
    f->line = s->line;
    str_fixed(ratio, ratio < 1.0 ? 5 : 0, 0, false, false, text, sizeof(text));
    validate_text(f, "rises about %s times as fast as `%s`%s%s", text, header_of(v, KNOWN_UNIX),
                  unit ? ": its values seem to be " : "", unit ? unit : "");
}

/* Three digits are enough to see how bad it is. */
static void short_number(double v, char *buf, size_t size)
{
    double step = v > 0.0 ? pow(10.0, floor(log10(v)) - 2.0) : 1.0;

    if (step < 1e-9 || step > 1e6) {
        str_from_double(v, buf, size);
        return;
    }
    str_from_double(step < 1.0 ? round(v / step) / round(1.0 / step) : round(v / step) * step, buf,
                    size);
}

/* What can only be told with the count and the largest size known. */
static void close_counted(struct validate_finding *f)
{
    char size[32];

    if (f->text[0]) {
        return;
    }
    short_number(f->worst, size, sizeof(size));
    switch (f->check) {
    case VALIDATE_TIME:
    case VALIDATE_MONOTONE:
    case VALIDATE_CYCLE: validate_text(f, "falls, by %s at most", size); break;
    case VALIDATE_IDENTITY:
        validate_text(f, "is not charging %s discharging: %s apart at most",
                      strstr(f->column, "umulative") ? "plus" : "less", size);
        break;
    case VALIDATE_RECORD_INDEX: validate_text(f, "goes neither one up nor back to 1"); break;
    case VALIDATE_FORM:
    case VALIDATE_REQUIRED:
    case VALIDATE_NAMES:
    case VALIDATE_TIME_SCALE:
    case VALIDATE_CHECKS: break;
    }
}

void validate_close(struct validator *v)
{
    struct validate_finding *f;
    char low[32];

    if (v->report.rows == 0) {
        validate_hit(v, VALIDATE_FORM, DIAG_WARN, "", "the table has a header and no rows", NAN);
    }
    if (!isnan(v->record_low) && v->record_low != 1.0) {
        f = validate_hit(v, VALIDATE_RECORD_INDEX, DIAG_WARN, header_of(v, KNOWN_RECORD), "never 1",
                         NAN);
        if (f) {
            str_from_double(v->record_low, low, sizeof(low));
            validate_text(f, "is never 1 (%s is the lowest): a number of the program's step?", low);
            f->row = 1;
            f->line = v->first_line;
        }
    }
    close_scale(v, &v->scale[0], KNOWN_TIME);
    close_scale(v, &v->scale[1], KNOWN_STEP_TIME);
    for (unsigned i = 0; i < v->report.n; i++) {
        close_counted(&v->report.finding[i]);
    }
}
