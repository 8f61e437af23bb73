/* benchctl/show_text.c - a run told on the terminal: where, what, why it ended, cycles, steps,
 * figures.
 *
 * One thought a line, units always, the cause before the consequence. A long list shows its two
 * ends.
 */
#include "benchctl/show_priv.h"

#include <math.h>
#include <string.h>

enum {
    BOTH_ENDS = 12
};

/* Which rows of n are shown: the first and the last `ends` of them. */
static bool left_out(size_t i, size_t n, size_t ends)
{
    return n > 2 * ends + 1 && i >= ends && i < n - ends;
}

static void gap_row(struct table *t, size_t n, unsigned n_columns, unsigned at)
{
    for (unsigned i = 0; i < n_columns; i++) {
        if (i == at) {
            table_cell(t, "... %zu left out, --all shows them ...", n);
        } else {
            table_cell(t, "%s", "");
        }
    }
}

/* ---- Head ---- */

static void print_when(const struct story *s)
{
    const struct run_info *r = &s->info;
    char began[40], over[40];

    if (story_start_unknown(s)) {
        printf("  %s, the file does not say when",
               duration_text(nsec_to_s(r->duration), began, sizeof(began)));
        return;
    }
    wall_text(r->wall_start, false, began, sizeof(began));
    wall_text(r->wall_start + r->duration, false, over, sizeof(over));
    printf("  %s -> %s UTC", began, over);
}

static void print_head(const struct args *a, const struct story *s)
{
    const struct run_info *r = &s->info;
    char verdict[48], what[160];

    verdict_shown(a, r->verdict, r->ended, verdict, sizeof(verdict));
    printf("run %lld  %s%s%s", (long long)r->number, run_what(r, what, sizeof(what)),
           r->version[0] ? " " : "", r->version);
    if (r->article[0]) {
        printf("  article %s", r->article);
    }
    if (r->station[0]) {
        printf("  station %s", r->station);
    }
    print_when(s);
    if (!r->ended || strcmp(r->verdict, "done") != 0) {
        bool because = r->ended && r->cause[0] != '\0';

        printf("\n%s%s%s%s%s", because ? r->cause : "", because && r->text[0] ? ": " : "",
               r->ended ? r->text : "", because || (r->ended && r->text[0]) ? " -> " : "", verdict);
    } else {
        printf("  %s", verdict);
    }
    putchar('\n');
    if (r->is_virtual) {
        char took[40];

        printf("virtual bench %s, seed %llu, %s of run time\n", r->bench,
               (unsigned long long)r->seed,
               duration_text(nsec_to_s(r->duration), took, sizeof(took)));
    }
}

/* ---- Cycles ---- */

static double larger(double most, double v)
{
    return fabs(v) > most ? fabs(v) : most; /* NaN is never larger */
}

static void percent_cell(struct table *t, double fraction, int decimals)
{
    char text[32];

    if (!isfinite(fraction)) {
        table_cell(t, "-");
        return;
    }
    str_fixed(100.0 * fraction, decimals, 0, false, false, text, sizeof(text));
    table_cell(t, "%s %%", text);
}

struct cycle_scales {
    struct shown pressure, charge, r;
    bool has_pressure, has_r;
};

static void cycle_scales(const struct story *s, struct cycle_scales *ret)
{
    double p_pa = 0, q_ah = 0, r_ohm = 0;

    for (size_t i = 0; i < s->cycles.n; i++) {
        const struct cycle_row *c = story_cycle(s, i);

        p_pa = larger(p_pa, c->pressure_pa);
        q_ah = larger(larger(q_ah, c->charge_ah), c->discharge_ah);
        r_ohm = larger(r_ohm, story_cycle_r_ohm(s, c->cycle));
    }
    ret->has_pressure = p_pa > 0.0;
    ret->has_r = r_ohm > 0.0;
    shown_for(p_pa, DIMS_PRESSURE, false, 3, &ret->pressure);
    shown_for(q_ah * 3600.0, DIMS_CHARGE, false, 4, &ret->charge);
    shown_for(r_ohm, DIMS_RESISTANCE, false, 4, &ret->r);
}

/* A half cycle that was not done has no capacity, not one of zero. */
static double done_c(double charge_ah)
{
    return charge_ah > 0.0 ? charge_ah * 3600.0 : (double)NAN;
}

static void cycle_cells(struct table *t, const struct story *s, const struct cycle_scales *k,
                        const struct cycle_row *c)
{
    char text[64];

    table_cell(t, "%u", c->cycle);
    if (k->has_pressure) {
        table_cell(t, "%s", shown_text(&k->pressure, c->pressure_pa, text, sizeof(text)));
    }
    table_cell(t, "%s", shown_text(&k->charge, done_c(c->charge_ah), text, sizeof(text)));
    table_cell(t, "%s", shown_text(&k->charge, done_c(c->discharge_ah), text, sizeof(text)));
    percent_cell(t, c->ce, 2);
    percent_cell(t, c->ee, 1);
    if (k->has_r) {
        table_cell(t, "%s", shown_text(&k->r, story_cycle_r_ohm(s, c->cycle), text, sizeof(text)));
    }
}

static void print_cycles(const struct story *s, size_t ends)
{
    const char *headers[7];
    struct cycle_scales k;
    struct table t;
    char title[64];
    unsigned n = 0;

    if (s->cycles.n == 0) {
        return;
    }
    cycle_scales(s, &k);
    headers[n++] = "cycle";
    if (k.has_pressure) {
        headers[n++] = "pressure";
    }
    headers[n++] = "charge";
    headers[n++] = "discharge";
    headers[n++] = "CE";
    headers[n++] = "EE";
    if (k.has_r) {
        headers[n++] = story_r_title(s, title, sizeof(title));
    }
    table_begin(&t, n, (1U << n) - 1, headers);
    for (size_t i = 0; i < s->cycles.n; i++) {
        if (!left_out(i, s->cycles.n, ends)) {
            cycle_cells(&t, s, &k, story_cycle(s, i));
        } else if (i == ends) {
            for (unsigned c = 0; c < n; c++) {
                table_cell(&t, "...");
            }
        }
    }
    putchar('\n');
    table_print(&t, stdout);
    if (n > 0 && left_out(ends, s->cycles.n, ends)) {
        printf("%zu cycles left out, --all shows them\n", s->cycles.n - 2 * ends);
    }
}

static void print_contact(const struct story *s)
{
    char text[200];

    if (!s->has_fit) {
        return;
    }
    if (!s->fit.identifiable) {
        printf("contact  R = a + b * (P/5 MPa)^-m is not determined: %s\n", s->fit.why);
        return;
    }
    printf("contact  R = a + b * (P/5 MPa)^-m: %s  (%zu points, %u pressures)\n",
           story_fit_text(&s->fit, text, sizeof(text)), s->fit.n, s->fit.n_pressures);
}

/* ---- Steps, measures, notes ---- */

static void step_cells(struct table *t, const struct story *story, const struct step_row *s)
{
    const struct run_info *r = &story->info;
    char took[40], end[144], name[128];
    bool over = s->ended != NSEC_NEVER;
    nsec until = over ? s->ended : r->duration;

    table_cell(t, "%s", "");
    table_cell(t, "%u", s->number);
    table_cell(t, "%s", story_step_text(story, s, name, sizeof(name)));
    table_cell(t, "%s", duration_text(nsec_to_s(until - s->began), took, sizeof(took)));
    if (run_is_import(r)) {
        return; /* what ended a step is in no recording */
    }
    if (over) {
        table_cell(t, "%s", story_end_text(s, end, sizeof(end)));
    } else {
        table_cell(t, "%s", r->ended ? "the end of the run" : "(under way)");
    }
}

static void print_steps(const struct story *s, size_t ends)
{
    static const char *const headers[] = {"steps", "#", "what", "took", "ended by"};
    unsigned n = run_is_import(&s->info) ? ARRAY_LEN(headers) - 1 : ARRAY_LEN(headers);
    struct table t;

    if (s->steps.n == 0) {
        return;
    }
    table_begin(&t, n, 1U << 1, headers);
    for (size_t i = 0; i < s->steps.n; i++) {
        if (!left_out(i, s->steps.n, ends)) {
            step_cells(&t, s, (const struct step_row *)(const void *)s->steps.p + i);
        } else if (i == ends) {
            gap_row(&t, s->steps.n - 2 * ends, n, 2);
        }
    }
    putchar('\n');
    table_print(&t, stdout);
}

static void measure_cell(struct table *t, const struct measure_row *m)
{
    char text[96];

    table_cell(t, "%s %s", m->name, story_value_text(m->value, m->unit, text, sizeof(text)));
}

/* Rows that were measured at one instant stand in one line. */
static size_t same_instant(const struct measure_row *m, size_t n)
{
    size_t k = 1;

    while (k < n && m[k].t == m[0].t && m[k].step == m[0].step) {
        k++;
    }
    return k;
}

enum {
    MEASURE_CELLS = 8
};

static void measure_line(struct table *t, const struct measure_row *m, size_t n, unsigned columns)
{
    char at[40];

    for (size_t from = 0; from < n; from += columns) {
        table_cell(t, "%s", "");
        if (from == 0) {
            table_cell(t, "%s", duration_text(nsec_to_s(m->t), at, sizeof(at)));
            table_cell(t, "%u", m->cycle);
        } else {
            table_cell(t, "%s", "");
            table_cell(t, "%s", "");
        }
        for (size_t k = from; k < from + columns; k++) {
            if (k < n) {
                measure_cell(t, &m[k]);
            } else {
                table_cell(t, "%s", "");
            }
        }
    }
}

static void print_measures(const struct story *s, size_t ends)
{
    const char *headers[3 + MEASURE_CELLS] = {"measures", "at", "cycle"};
    const struct measure_row *m = (const struct measure_row *)(const void *)s->measures.p;
    size_t n_lines = 0, line = 0, columns = 1, run;
    struct table t;

    if (s->measures.n == 0) {
        return;
    }
    for (size_t i = 0; i < s->measures.n; i += run, n_lines++) {
        run = same_instant(m + i, s->measures.n - i);
        columns = run > columns ? run : columns;
    }
    columns = columns > MEASURE_CELLS ? MEASURE_CELLS : columns;
    for (size_t k = 0; k < columns; k++) {
        headers[3 + k] = "";
    }
    table_begin(&t, 3 + (unsigned)columns, 1U << 2, headers);
    for (size_t i = 0; i < s->measures.n; i += run, line++) {
        run = same_instant(m + i, s->measures.n - i);
        if (!left_out(line, n_lines, ends)) {
            measure_line(&t, m + i, run, (unsigned)columns);
        } else if (line == ends) {
            gap_row(&t, n_lines - 2 * ends, 3 + (unsigned)columns, 3);
        }
    }
    putchar('\n');
    table_print(&t, stdout);
}

static bool is_alarm(const struct note_row *n)
{
    return strcmp(n->level, "warn") == 0 || strcmp(n->level, "severe") == 0;
}

static void print_notes(const struct args *a, const struct story *s, size_t ends)
{
    static const char *const headers[] = {"notes", "at", "level", "text"};
    struct table t;
    size_t out = 0;

    if (s->notes.n == 0) {
        return;
    }
    table_begin(&t, 4, 0, headers);
    for (size_t i = 0; i < s->notes.n; i++) {
        const struct note_row *n = (const struct note_row *)(const void *)s->notes.p + i;
        bool loud = a->colour && is_alarm(n);
        char at[40];

        if (left_out(i, s->notes.n, ends) && !is_alarm(n)) {
            out++;
            continue;
        }
        table_cell(&t, "%s", "");
        table_cell(&t, "%s", duration_text(nsec_to_s(n->t), at, sizeof(at)));
        table_cell(&t, "%s%s%s", loud ? "\033[33m" : "", n->level, loud ? "\033[0m" : "");
        table_cell(&t, "%s", n->text);
    }
    putchar('\n');
    table_print(&t, stdout);
    if (out > 0) {
        printf("%zu notes left out, --all shows them\n", out);
    }
}

/* ---- Foot ---- */

static bool command_there(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void print_foot(const struct story *s)
{
    const struct run_info *r = &s->info;
    unsigned warn = 0, severe = 0;

    for (size_t i = 0; i < s->notes.n; i++) {
        const struct note_row *n = (const struct note_row *)(const void *)s->notes.p + i;

        warn += strcmp(n->level, "warn") == 0;
        severe += strcmp(n->level, "severe") == 0;
    }
    putchar('\n');
    if (!run_is_import(r)) {
        printf("guards evaluated %llu times, %llu events   ",
               (unsigned long long)r->guard_evaluations, (unsigned long long)r->events);
    }
    if (r->rows_sha256[0]) {
        printf("sample rows sha256 %s", r->rows_sha256);
    }
    printf("\nalarms %u", warn + severe);
    if (warn + severe > 0) {
        printf(" (%u warn, %u severe)", warn, severe);
    }
    if (run_is_import(r)) {
        printf("   figures: benchctl analyze %lld", (long long)r->number);
    }
    printf("   plots: benchctl plot %lld", (long long)r->number);
    if (command_there("compare")) {
        printf("   compare: benchctl compare %lld", (long long)r->number);
    }
    putchar('\n');
}

int show_text(const struct args *a, const struct story *s, bool all, size_t ends)
{
    size_t shown = all ? SIZE_MAX / 4 : ends > 0 ? ends : BOTH_ENDS;

    print_head(a, s);
    print_cycles(s, shown);
    print_contact(s);
    print_steps(s, shown);
    print_measures(s, shown);
    print_notes(a, s, shown);
    print_foot(s);
    return EXIT_DONE;
}
