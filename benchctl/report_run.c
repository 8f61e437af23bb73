/* benchctl/report_run.c - the report of a run: what came out first, then what it was made with,
 * pictures, tables, and where every figure comes from. */
#include "benchctl/report_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

enum {
    TABLE_ROWS_MAX = 240, /* of a list; more are shown from both ends */
    TRACE_POINTS = 700,
    CHANNELS_OF_A_KIND = 6, /* a picture with more is hard to read */
    WIDTH = 720,            /* of a picture, in pixels of 1/4 mm on A4 paper */
    PANEL_HEIGHT = 150,
    PICTURE_HEIGHT = 300
};

/* ---- What came out ---- */

static const struct step_row *step_at(const struct story *s, size_t i)
{
    return (const struct step_row *)(const void *)s->steps.p + i;
}

static const struct note_row *note_at(const struct story *s, size_t i)
{
    return (const struct note_row *)(const void *)s->notes.p + i;
}

static bool is_alarm(const struct note_row *n)
{
    return strcmp(n->level, "warn") == 0 || strcmp(n->level, "severe") == 0;
}

static unsigned count_alarms(const struct story *s)
{
    unsigned n = 0;

    for (size_t i = 0; i < s->notes.n; i++) {
        n += is_alarm(note_at(s, i));
    }
    return n;
}

static const char *percent_text(double fraction, int decimals, char *buf, size_t size)
{
    char number[40];
    int rc;

    if (!isfinite(fraction)) {
        str_copy(buf, size, "-");
        return buf;
    }
    str_fixed(100.0 * fraction, decimals, 0, false, false, number, sizeof(number));
    rc = str_fmt(buf, size, "%s %%", number);
    (void)rc;
    return buf;
}

static void put_verdict(struct report *r, const struct run_info *info)
{
    bool calm = info->ended &&
                (strcmp(info->verdict, "done") == 0 || strcmp(info->verdict, "accepted") == 0);

    if (calm) {
        return;
    }
    report_loud(r, "%s%s%s%s%s", info->ended ? info->verdict : "The run has not ended",
                info->cause[0] ? ": " : "", info->cause, info->text[0] ? ", " : "", info->text);
}

static void put_capacity(struct report *r, const struct story *s)
{
    const struct cycle_row *first = NULL, *last = NULL;
    char a[64], b[64], ce[40], ee[40];

    for (size_t i = 0; i < s->cycles.n; i++) {
        const struct cycle_row *c = story_cycle(s, i);

        if (c->discharge_ah > 0.0) {
            first = first ? first : c;
            last = c;
        }
    }
    if (!first) {
        return;
    }
    value_text(first->discharge_ah * 3600.0, DIMS_CHARGE, false, a, sizeof(a));
    value_text(last->discharge_ah * 3600.0, DIMS_CHARGE, false, b, sizeof(b));
    if (first == last) {
        report_key(r, "discharge capacity", "%s in cycle %u", a, first->cycle);
    } else {
        report_key(r, "discharge capacity", "%s in cycle %u, %s in cycle %u", a, first->cycle, b,
                   last->cycle);
    }
    if (!isfinite(last->ce) && !isfinite(last->ee)) {
        return;
    }
    report_key(r, "efficiency", "CE %s, EE %s in cycle %u",
               percent_text(last->ce, 2, ce, sizeof(ce)), percent_text(last->ee, 1, ee, sizeof(ee)),
               last->cycle);
}

static void put_when(struct report *r, const struct story *s)
{
    const struct run_info *info = &s->info;
    char began[40], over[40], took[40];

    duration_text(nsec_to_s(info->duration), took, sizeof(took));
    if (story_start_unknown(s)) {
        report_key(r, "time", "%s; the file does not say when", took);
        report_key(r, "imported", "%s UTC", wall_text(info->wall_start, false, began, 40));
        return;
    }
    report_key(r, "time", "%s to %s UTC, %s", wall_text(info->wall_start, false, began, 40),
               wall_text(info->wall_start + info->duration, false, over, 40), took);
}

static void put_summary(struct report *r, const struct story *s, const struct insight *in)
{
    const struct run_info *info = &s->info;
    bool import = run_is_import(info);
    char began[40], text[200];

    put_verdict(r, info);
    if (!import || info->article[0]) {
        report_key(r, "article", "%s", info->article[0] ? info->article : "not named");
    }
    if (import && info->ended && strcmp(info->verdict, "done") == 0) {
        report_key(r, "recording", "imported whole from %s", info->title);
    } else {
        report_key(r, "verdict", "%s", info->ended ? info->verdict : "not ended");
    }
    put_when(r, s);
    if (import) {
        report_capacity_key(r, in);
    } else {
        put_capacity(r, s);
    }
    report_groups_key(r, in);
    if (s->resistance.n > 0) {
        double r_ohm = s->resistance.row[s->resistance.n - 1].r_ohm;

        report_key(r, story_r_title(s, text, sizeof(text)), "%s in cycle %u, the last of %zu",
                   value_text(r_ohm, DIMS_RESISTANCE, false, began, sizeof(began)),
                   s->resistance.row[s->resistance.n - 1].cycle, s->resistance.n);
    }
    report_key(r, "alarms", "%u", count_alarms(s));
}

/* ---- Pictures ---- */

static bool is_unit(const struct channel_row *c, const char *unit)
{
    return strcmp(c->unit, unit) == 0;
}

/* Voltage, current, temperatures and pressures in this order; the voltages of single cells of a
 * string have a picture of their own. */
static unsigned choose_channels(const struct story *s, const char **ret, unsigned most)
{
    static const char *const units[] = {"V", "A", "K", "Pa"};
    const struct channel_row *row = (const struct channel_row *)(const void *)s->channels.p;
    unsigned n = 0;

    for (unsigned u = 0; u < ARRAY_LEN(units); u++) {
        unsigned of_unit = 0;

        for (size_t i = 0; i < s->channels.n && n < most; i++) {
            bool feeder = strstr(row[i].name, ".regulator") != NULL;

            if (!is_unit(&row[i], units[u]) || feeder || of_unit == CHANNELS_OF_A_KIND) {
                continue;
            }
            of_unit++;
            if (u > 0 || of_unit == 1) {
                ret[n++] = row[i].name;
            }
        }
    }
    return n;
}

static int put_time(struct report *r, struct run_file *f, const struct story *s,
                    struct diag *reterr)
{
    const struct plot_range range = {-INFINITY, INFINITY, TRACE_POINTS};
    const char *names[CHANNELS_OF_A_KIND * 4];
    struct picture p = {.n = 0}, groups = {.n = 0};
    unsigned n = choose_channels(s, names, ARRAY_LEN(names));
    int rc = n > 0 ? picture_channels(&p, f, s, names, n, &range, reterr) : 0;

    rc = rc < 0 ? rc : picture_groups(&groups, f, s, &range, reterr);
    if (rc == 0) {
        report_picture(r,
                       "What was measured, over the time of the run (lowest and highest of each "
                       "interval are drawn).",
                       &p, WIDTH, p.n < 2 ? PICTURE_HEIGHT : 50 + PANEL_HEIGHT * p.n);
        report_picture(r, "Voltages of the single groups over time.", &groups, WIDTH,
                       PICTURE_HEIGHT);
    }
    picture_done(&p);
    picture_done(&groups);
    return rc;
}

/* Over cycles there is something to see from two on. */
static void fill_cycles(struct picture *p, const struct story *s, const struct insight *in)
{
    if (!run_is_import(&s->info)) {
        if (s->cycles.n > 1) {
            picture_cycles(p, s);
        }
    } else if (in->has_cycles && in->cycles.n > 1) {
        picture_counted(p, &in->cycles);
    }
}

static int put_pictures(struct report *r, struct run_file *f, const struct story *s,
                        const struct insight *in, struct diag *reterr)
{
    struct picture curves = {.n = 0}, cycles = {.n = 0}, contact = {.n = 0};
    int rc;

    report_heading(r, "Pictures");
    rc = put_time(r, f, s, reterr);
    rc = rc < 0 ? rc : picture_curves(&curves, f, s, reterr);
    if (rc == 0) {
        report_picture(r,
                       s->cycles.n > 1
                           ? "Voltage over the charge passed in each half cycle; colour: cycle."
                           : "Voltage over the charge passed.",
                       &curves, WIDTH, PICTURE_HEIGHT);
        fill_cycles(&cycles, s, in);
        report_picture(r, "Capacity and coulombic efficiency over cycles.", &cycles, WIDTH,
                       PICTURE_HEIGHT);
        picture_contact(&contact, s);
        report_picture(r, "Resistance of the pressed cell.", &contact, WIDTH, PICTURE_HEIGHT);
    }
    picture_done(&curves);
    picture_done(&cycles);
    picture_done(&contact);
    return rc;
}

/* ---- Tables ---- */

static bool left_out(size_t i, size_t n, bool all)
{
    return !all && n > TABLE_ROWS_MAX && i >= TABLE_ROWS_MAX / 2 && i < n - TABLE_ROWS_MAX / 2;
}

static void put_gap(struct report *r, size_t n, unsigned n_columns)
{
    report_cell(r, "...");
    report_cell(r, "%zu left out", n - TABLE_ROWS_MAX);
    for (unsigned i = 2; i < n_columns; i++) {
        report_cell(r, "%s", "");
    }
}

static double larger(double most, double v)
{
    return fabs(v) > most ? fabs(v) : most; /* NaN is never larger */
}

static double done_c(double charge_ah)
{
    return charge_ah > 0.0 ? charge_ah * 3600.0 : (double)NAN;
}

static void put_cycle(struct report *r, const struct story *s, const struct cycle_row *c,
                      const struct shown *charge, const struct shown *pressure, bool resistance)
{
    const struct shown volts = {.scale = 1.0, .decimals = 3, .unit = "V"};
    char text[64];

    report_cell(r, "%u", c->cycle);
    report_cell(r, "%s", shown_text(charge, done_c(c->charge_ah), text, sizeof(text)));
    report_cell(r, "%s", shown_text(charge, done_c(c->discharge_ah), text, sizeof(text)));
    report_cell(r, "%s", percent_text(c->ce, 2, text, sizeof(text)));
    report_cell(r, "%s", percent_text(c->ee, 1, text, sizeof(text)));
    report_cell(r, "%s", shown_text(&volts, c->v_charge_mean, text, sizeof(text)));
    report_cell(r, "%s", shown_text(&volts, c->v_discharge_mean, text, sizeof(text)));
    if (pressure) {
        report_cell(r, "%s", shown_text(pressure, c->pressure_pa, text, sizeof(text)));
    }
    if (resistance) {
        report_cell(
            r, "%s",
            value_text(story_cycle_r_ohm(s, c->cycle), DIMS_RESISTANCE, false, text, sizeof(text)));
    }
}

static void put_cycles(struct report *r, const struct story *s, bool all)
{
    const char *headers[9] = {"cycle", "charge",        "discharge",       "CE",
                              "EE",    "mean V charge", "mean V discharge"};
    struct shown charge, pressure;
    double q_ah = 0.0, p_pa = 0.0;
    bool resistance = s->resistance.n > 0;
    unsigned n = 7;
    char title[64];

    if (s->cycles.n == 0) {
        return;
    }
    for (size_t i = 0; i < s->cycles.n; i++) {
        const struct cycle_row *c = story_cycle(s, i);

        q_ah = larger(larger(q_ah, c->charge_ah), c->discharge_ah);
        p_pa = larger(p_pa, c->pressure_pa);
    }
    shown_for(q_ah * 3600.0, DIMS_CHARGE, false, 4, &charge);
    shown_for(p_pa, DIMS_PRESSURE, false, 3, &pressure);
    if (p_pa > 0.0) {
        headers[n++] = "pressure";
    }
    if (resistance) {
        headers[n++] = story_r_title(s, title, sizeof(title));
    }
    report_heading(r, "Cycles");
    report_table(r, "Charge and discharge steps only; voltages are means over the charge passed.",
                 n, (1U << n) - 1, headers);
    for (size_t i = 0; i < s->cycles.n; i++) {
        if (!left_out(i, s->cycles.n, all)) {
            put_cycle(r, s, story_cycle(s, i), &charge, p_pa > 0.0 ? &pressure : NULL, resistance);
        } else if (i == TABLE_ROWS_MAX / 2) {
            put_gap(r, s->cycles.n, n);
        }
    }
}

static void put_contact(struct report *r, const struct story *s)
{
    char text[200];

    if (!s->has_fit) {
        return;
    }
    report_heading(r, "Contact");
    if (!s->fit.identifiable) {
        report_text(r, "R = a + b (P/5 MPa)^-m is not determined by this run: %s.", s->fit.why);
        return;
    }
    report_text(r,
                "R = a + b (P/5 MPa)^-m with %s; %zu points at %u pressures, scatter %s rms. The "
                "figures after +- are standard errors.",
                story_fit_text(&s->fit, text, sizeof(text)), s->fit.n, s->fit.n_pressures,
                value_text(s->fit.rms_ohm, DIMS_RESISTANCE, false, (char[48]){0}, 48));
}

static void put_measures(struct report *r, const struct story *s, bool all)
{
    static const char *const headers[] = {"at", "cycle", "step", "what", "value"};
    const struct measure_row *m = (const struct measure_row *)(const void *)s->measures.p;
    char at[40], value[96];

    if (s->measures.n == 0) {
        return;
    }
    report_heading(r, "Results of the procedure");
    report_table(r, NULL, ARRAY_LEN(headers), 1U << 1 | 1U << 2 | 1U << 4, headers);
    for (size_t i = 0; i < s->measures.n; i++) {
        if (left_out(i, s->measures.n, all)) {
            if (i == TABLE_ROWS_MAX / 2) {
                put_gap(r, s->measures.n, ARRAY_LEN(headers));
            }
            continue;
        }
        report_cell(r, "%s", duration_text(nsec_to_s(m[i].t), at, sizeof(at)));
        report_cell(r, "%u", m[i].cycle);
        report_cell(r, "%u", m[i].step);
        report_cell(r, "%s", m[i].name);
        report_cell(r, "%s", story_value_text(m[i].value, m[i].unit, value, sizeof(value)));
    }
}

/* What flows in a rest is the noise of the instrument: below the last digit nothing is said. */
static const char *step_charge(const struct shown *charge, double ah, char *buf, size_t size)
{
    double digit = pow(10.0, -charge->decimals);

    if (!(fabs(shown_value(charge, ah * 3600.0)) >= digit / 2.0)) {
        str_copy(buf, size, "-");
        return buf;
    }
    return shown_text(charge, ah * 3600.0, buf, size);
}

static void put_step(struct report *r, const struct story *s, const struct step_row *step,
                     const struct shown *charge, bool ends)
{
    const struct shown volts = {.scale = 1.0, .decimals = 3, .unit = "V"};
    bool over = step->ended != NSEC_NEVER;
    nsec until = over ? step->ended : s->info.duration;
    char text[160];

    report_cell(r, "%u", step->number);
    report_cell(r, "%u", step->cycle);
    report_cell(r, "%s", story_step_text(s, step, text, sizeof(text)));
    report_cell(r, "%s", duration_text(nsec_to_s(until - step->began), text, sizeof(text)));
    report_cell(r, "%s", step_charge(charge, step->charge_ah, text, sizeof(text)));
    report_cell(r, "%s", shown_text(&volts, step->v_last, text, sizeof(text)));
    if (!ends) {
        return;
    }
    if (over) {
        report_cell(r, "%s", story_end_text(step, text, sizeof(text)));
    } else {
        report_cell(r, "%s", s->info.ended ? "the end of the run" : "under way");
    }
}

static void put_steps(struct report *r, const struct story *s, bool all)
{
    static const char *const headers[] = {"#",      "cycle",    "what",    "took",
                                          "charge", "V at end", "ended by"};
    bool ends = !run_is_import(&s->info); /* what ended a step is in no recording */
    unsigned n_columns = ARRAY_LEN(headers) - !ends;
    struct shown charge;
    double most_ah = 0.0;

    if (s->steps.n == 0) {
        return;
    }
    for (size_t i = 0; i < s->steps.n; i++) {
        most_ah = larger(most_ah, step_at(s, i)->charge_ah);
    }
    shown_for(most_ah * 3600.0, DIMS_CHARGE, false, 4, &charge);
    report_heading(r, "Steps");
    report_table(r, NULL, n_columns, 1U | 1U << 1 | 1U << 3 | 1U << 4 | 1U << 5, headers);
    for (size_t i = 0; i < s->steps.n; i++) {
        if (!left_out(i, s->steps.n, all)) {
            put_step(r, s, step_at(s, i), &charge, ends);
        } else if (i == TABLE_ROWS_MAX / 2) {
            put_gap(r, s->steps.n, n_columns);
        }
    }
}

static void put_notes(struct report *r, const struct story *s, bool all)
{
    static const char *const headers[] = {"at", "level", "text"};
    char at[40];
    size_t out = 0;

    report_heading(r, "Alarms and notes");
    if (s->notes.n == 0) {
        report_text(r, "None.");
        return;
    }
    report_table(r, NULL, ARRAY_LEN(headers), 0, headers);
    for (size_t i = 0; i < s->notes.n; i++) {
        const struct note_row *n = note_at(s, i);

        if (left_out(i, s->notes.n, all) && !is_alarm(n)) {
            out++; /* an alarm is never left out */
            continue;
        }
        report_cell(r, "%s", duration_text(nsec_to_s(n->t), at, sizeof(at)));
        report_cell(r, "%s", n->level);
        report_cell(r, "%s", n->text);
    }
    if (out > 0) {
        report_text(r, "%zu notes are left out.", out);
    }
}

static int put_all(struct report *r, struct run_file *f, const struct story *s,
                   const struct insight *in, bool all, struct diag *reterr)
{
    int rc;

    put_summary(r, s, in);
    rc = report_setup(r, f, s, reterr);
    rc = rc < 0 ? rc : put_pictures(r, f, s, in, reterr);
    rc = rc < 0 ? rc : report_analyses(r, in, all, reterr);
    if (rc < 0) {
        return rc;
    }
    if (!run_is_import(&s->info) || !in->has_cycles) {
        put_cycles(r, s, all);
    }
    put_contact(r, s);
    put_measures(r, s, all);
    put_steps(r, s, all);
    put_notes(r, s, all);
    return report_provenance(r, f, s, reterr);
}

int report_run(struct report *r, struct run_file *f, const struct story *s, bool all,
               struct diag *reterr)
{
    struct text title = {0};
    struct insight in;
    int rc = insight_read(f, &in, reterr);

    if (rc < 0) {
        return rc;
    }
    text_add(&title, "Run %lld: %s", (long long)s->info.number,
             s->info.title[0] ? s->info.title : s->info.procedure);
    r->title = arena_dup(&r->arena, title.p);
    text_done(&title);
    rc = put_all(r, f, s, &in, all, reterr);
    insight_done(&in);
    return rc;
}
