/* analysis/import_guess.c - what a header does not say and the rows do. */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

enum {
    DECIMAL_ROWS = 200,
    WALL_SPAN_MIN_S = 30 /* wall clocks are written to the second */
};

/* What is told of the first rows. */
struct evidence {
    uint64_t rows;
    double t_first, t_last, v_max, v_min, i_max;
    uint64_t charge_plus, charge_minus, discharge_plus, discharge_minus;
    struct span wall_first, wall_last;
};

/* ---- Decimal sign and clocks ---- */

static bool digit_at(const struct span *s, size_t i)
{
    return i < s->n && s->p[i] >= '0' && s->p[i] <= '9';
}

static void count_signs(const struct span *s, unsigned *points, unsigned *commas)
{
    for (size_t i = 0; i < s->n; i++) {
        if (digit_at(s, i + 1)) {
            *points += s->p[i] == '.';
            *commas += s->p[i] == ',';
        }
    }
}

static void guess_text(const char *end, bool whole, const struct import_options *opt,
                       struct plan *plan, struct import_report *report)
{
    unsigned points = 0, commas = 0, seen = 0;
    const char *p = plan->rows;
    struct span line;

    while (seen < DECIMAL_ROWS && import_line(&p, end, whole, &line)) {
        struct span cell[IMPORT_CELLS_MAX];
        unsigned n = import_split(line, plan->separator, cell);

        if (n < plan->n_cells)
            continue;
        seen++;
        for (unsigned i = 0; i < plan->n_cells; i++) {
            if (plan->cell[i].what != CELL_NUMBER)
                continue;
            count_signs(&cell[i], &points, &commas);
            if (seen == 1 && plan->cell[i].slot <= SLOT_STEP_TIME && cell[i].n > 0 &&
                memchr(cell[i].p, ':', cell[i].n)) {
                plan->cell[i].what = CELL_CLOCK;
                plan->slot[plan->cell[i].slot].scale = (struct scale){1, 1, 0};
                (void)str_copy(report->column[i].unit, sizeof(report->column[i].unit), "h:m:s");
                report->column[i].unit_stated = true;
            }
        }
    }
    plan->decimal = opt->decimal ? opt->decimal : commas > points ? ',' : '.';
    report->decimal = plan->decimal;
    if (opt->decimal)
        import_note_why(report, "decimal sign `%c`: as stated", plan->decimal);
    else if (commas || points)
        import_note_why(report, "decimal sign `%c`: %u points and %u commas between digits",
                        plan->decimal, points, commas);
}

/* ---- Dates ---- */

/* 25/12: day first; 12/25: month first; else not told. */
static enum import_date order_of(const struct span *s)
{
    unsigned part[2] = {0};
    size_t i = 0;

    for (int k = 0; k < 2; k++) {
        size_t begin = i;

        for (; digit_at(s, i) && i < begin + 2; i++)
            part[k] = part[k] * 10 + (unsigned)(s->p[i] - '0');
        if (i == begin || i == s->n || (s->p[i] != '/' && s->p[i] != '-'))
            return IMPORT_DATE_GUESS;
        i++;
    }
    return part[0] > 12 && part[0] <= 31   ? IMPORT_DATE_DMY
           : part[1] > 12 && part[1] <= 31 ? IMPORT_DATE_MDY
                                           : IMPORT_DATE_GUESS;
}

/* The date behind the dialect's word, above the header. */
static nsec start_above(const struct plan *plan, const char *head, enum import_date order,
                        bool *ret_ambiguous)
{
    const char *p = head, *word = plan->dialect->start;
    struct span line;

    *ret_ambiguous = false;
    while (word && p < plan->header && import_line(&p, plan->header, true, &line)) {
        size_t n = strlen(word);

        for (size_t i = 0; i + n <= line.n; i++) {
            nsec t;

            if (memcmp(line.p + i, word, n) == 0 &&
                import_wall(line.p + i + n, line.n - i - n, order, &t, ret_ambiguous) == 0)
                return t;
        }
    }
    return NSEC_NEVER;
}

static nsec apart(nsec a, nsec b)
{
    return a > b ? a - b : b - a;
}

static void guess_date(const char *head, const struct evidence *e, const struct import_options *opt,
                       struct plan *plan, struct import_report *report)
{
    bool ambiguous = false, start_ambiguous;
    nsec dmy = 0, mdy = 0, start;

    if (opt->date != IMPORT_DATE_GUESS)
        plan->date = opt->date;
    start = start_above(plan, head, IMPORT_DATE_MDY, &start_ambiguous);
    if (plan->date == IMPORT_DATE_GUESS && e->wall_first.n > 0 &&
        import_wall(e->wall_first.p, e->wall_first.n, IMPORT_DATE_DMY, &dmy, &ambiguous) == 0 &&
        import_wall(e->wall_first.p, e->wall_first.n, IMPORT_DATE_MDY, &mdy, &ambiguous) == 0 &&
        ambiguous && start != NSEC_NEVER && !start_ambiguous) {
        plan->date = apart(dmy, start) < apart(mdy, start) ? IMPORT_DATE_DMY : IMPORT_DATE_MDY;
        import_note_why(report, "dates: %s first, by the date above the header",
                        plan->date == IMPORT_DATE_DMY ? "day" : "month");
    }
    if (plan->date == IMPORT_DATE_GUESS && (ambiguous || (start != NSEC_NEVER && start_ambiguous)))
        import_note_why(report,
                        "dates: day and month cannot be told apart, the month is taken to be"
                        " first; --date dmy if not");
    plan->start = start_above(plan, head, plan->date, &start_ambiguous);
}

/* ---- The rows ---- */

static void see_sign(struct evidence *e, enum recording_mode mode, double i, double most)
{
    if (!(fabs(i) > 0.01 * most))
        return;
    if (mode == RECORDING_CHARGE)
        *(i > 0 ? &e->charge_plus : &e->charge_minus) += 1;
    if (mode == RECORDING_DISCHARGE)
        *(i > 0 ? &e->discharge_plus : &e->discharge_minus) += 1;
}

static void see_row(struct evidence *e, const struct plan *plan, const struct cells *c)
{
    double t = c->value[plan->accumulate ? SLOT_STEP_TIME : SLOT_TIME];
    double v = fabs(c->value[SLOT_VOLTAGE]), i = c->value[SLOT_CURRENT];

    if (e->rows++ == 0) {
        e->t_first = t;
        e->wall_first = c->wall;
        e->v_min = (double)INFINITY;
    }
    e->t_last = t;
    e->wall_last = c->wall;
    e->v_max = fmax(e->v_max, v);
    e->v_min = fmin(e->v_min, v);
    e->i_max = fmax(e->i_max, fabs(i));
    if (plan->has_state && !isnan(i))
        see_sign(e, import_state(c->state.p, c->state.n), i, e->i_max);
}

static void see_rows(const char *end, bool whole, struct plan *plan, struct evidence *e)
{
    uint64_t invalid[SLOTS_MAX] = {0};
    struct cells c = {.invalid = invalid};
    const char *p = plan->rows;
    struct span line;

    while (e->rows < GUESS_ROWS_MAX && import_line(&p, end, whole, &line)) {
        if (line.n == 0 || import_cells(plan, line.p, line.p + line.n, &c) < 0)
            continue;
        see_row(e, plan, &c);
        if (plan->has_wall && plan->date == IMPORT_DATE_GUESS)
            plan->date = order_of(&c.wall);
    }
}

/* ---- Time base ---- */

static const struct {
    const char *unit;
    double s;
} bases[] = {
    {"ms",  1e-3},
    {"s",   1   },
    {"min", 60  },
    {"h",   3600},
};

static void set_base(struct plan *plan, struct import_report *report, unsigned slot, size_t base)
{
    struct import_column *c = &report->column[plan->slot[slot].column];

    if (!plan->has[slot] || c->unit_stated)
        return;
    plan->slot[slot].scale =
        (struct scale){bases[base].s < 1 ? 1 : bases[base].s, bases[base].s < 1 ? 1000 : 1, 0};
    (void)str_copy(c->unit, sizeof(c->unit), bases[base].unit);
}

static int base_differs(const char *file, double wall_s, double file_s, size_t base,
                        const struct import_options *opt, struct plan *plan,
                        struct import_report *report, struct diag *reterr)
{
    struct import_column *c = &report->column[plan->slot[SLOT_TIME].column];
    struct place at = {file, report->header_line};

    if (opt->time_unit) {
        import_note_why(report, "time in %s: as stated, though the wall clock says %s", c->unit,
                        bases[base].unit);
        return 0;
    }
    if (c->unit_stated) {
        import_error(reterr, E_UNIT, &at, NULL, 0, 0,
                     "column `%s` says %s, but %.6g s of it are %.6g s of the file's clock: it is"
                     " in %s",
                     c->header, c->unit, file_s, wall_s, bases[base].unit);
        diag_hint(reterr, "--time-unit %s reads it so, --time-unit %s as the header says",
                  bases[base].unit, c->unit);
        return E_UNIT;
    }
    import_note_why(report,
                    "time in %s: the header gives no unit, and the file's own clock advances"
                    " %.6g s while it counts %.6g",
                    bases[base].unit, wall_s, file_s);
    set_base(plan, report, SLOT_TIME, base);
    set_base(plan, report, SLOT_STEP_TIME, base);
    return 0;
}

/* Elapsed time against the file's own clock: seconds that are milliseconds or minutes show only
 * there. */
static int guess_base(const char *file, const struct evidence *e, const struct import_options *opt,
                      struct plan *plan, struct import_report *report, struct diag *reterr)
{
    const struct import_column *c = &report->column[plan->slot[SLOT_TIME].column];
    double file_s = e->t_last - e->t_first, wall_s;
    bool ambiguous;
    nsec a, b;

    if (plan->accumulate) {
        import_note_why(report,
                        "there is no test time: the times of the steps are strung together");
        return 0;
    }
    if (e->rows < 2 || !plan->has_wall || !(file_s > 0) ||
        import_wall(e->wall_first.p, e->wall_first.n, plan->date, &a, &ambiguous) < 0 ||
        import_wall(e->wall_last.p, e->wall_last.n, plan->date, &b, &ambiguous) < 0 ||
        b - a < WALL_SPAN_MIN_S * NSEC_S) {
        import_note_why(report, "time in %s: %s; there is no clock to compare it with", c->unit,
                        c->unit_stated ? "as the header says" : "as usual");
        return 0;
    }
    wall_s = nsec_to_s(b - a);
    if (fabs(wall_s / file_s - 1) < 0.05) {
        import_note_why(report, "time in %s: %.6g s of it are %.6g s of the file's clock", c->unit,
                        file_s, wall_s);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        const struct scale *s = &plan->slot[SLOT_TIME].scale;
        double there = file_s / s->mul * s->div * bases[i].s;

        if (fabs(wall_s / there - 1) < 0.05)
            return base_differs(file, wall_s, file_s, i, opt, plan, report, reterr);
    }
    import_note_why(report,
                    "time in %s: it counts %.6g s while the file's clock advances %.6g s"
                    " (pauses, or a clock that was set)",
                    c->unit, file_s, wall_s);
    return 0;
}

/* ---- Millivolts, and the sign of the current ---- */

static void guess_voltage(const struct evidence *e, struct plan *plan, struct import_report *report)
{
    struct slot *s = &plan->slot[SLOT_VOLTAGE];
    struct import_column *c = &report->column[s->column];
    const struct import_column *i = &report->column[plan->slot[SLOT_CURRENT].column];
    bool milli = strcmp(i->unit, "mA") == 0;

    if (c->unit_stated || !(e->v_min >= (milli ? 100.0 : 1000.0)) || isinf(e->v_min))
        return;
    s->scale = (struct scale){1, 1000, 0};
    (void)str_copy(c->unit, sizeof(c->unit), "mV");
    import_note_why(report,
                    "voltage in mV: `%s` states no unit in brackets, its values are %.6g to %.6g"
                    "%s; --voltage-unit V if not",
                    c->header, e->v_min, e->v_max, milli ? " and the current is in mA" : "");
}

static void guess_sign(const struct evidence *e, const struct import_options *opt,
                       struct plan *plan, struct import_report *report)
{
    static const char *const text[] = {
        [IMPORT_SIGN_GUESS] = "",
        [IMPORT_SIGN_CHARGE] = "positive is charge",
        [IMPORT_SIGN_DISCHARGE] = "positive is discharge, turned over here",
        [IMPORT_SIGN_STATE] = "a magnitude, the state has the direction"};
    const char *by = "as this dialect has it";

    plan->sign = plan->dialect->sign;
    if (opt->sign != IMPORT_SIGN_GUESS) {
        plan->sign = opt->sign;
        by = "as stated";
    } else if (e->charge_minus + e->discharge_plus == 0 && e->discharge_minus > 0) {
        plan->sign = IMPORT_SIGN_CHARGE;
        by = "by the rows' states";
    } else if (e->discharge_plus > 0 && e->charge_minus + e->discharge_minus == 0) {
        plan->sign = IMPORT_SIGN_STATE;
        by = "it is positive in discharge steps too";
    } else if (e->charge_minus > 0 && e->charge_plus + e->discharge_minus == 0) {
        plan->sign = IMPORT_SIGN_DISCHARGE;
        by = "it is negative in charge steps";
    }
    if (plan->sign == IMPORT_SIGN_STATE && !plan->has_state) {
        plan->sign = IMPORT_SIGN_CHARGE;
        by = "there is no state column";
    }
    import_note_why(report, "current: %s (%s)", text[plan->sign], by);
}

static void set_plain(struct plan *plan, struct import_report *report)
{
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        struct slot *s = &plan->slot[i];

        if (!plan->has[i])
            continue;
        s->plain = fabs(s->scale.mul - s->scale.div) <= 0 && fabs(s->scale.offset) <= 0;
        report->column[s->column].factor = s->scale.mul / s->scale.div;
        report->column[s->column].offset = s->scale.offset;
    }
}

/* Run time 0 on the file's clock. */
static void guess_start(const struct evidence *e, double factor, struct plan *plan)
{
    const struct scale *s = &plan->slot[SLOT_TIME].scale;
    double t_s = plan->accumulate ? e->t_first : e->t_first / factor * s->mul / s->div;
    bool ambiguous;
    nsec wall;

    if (plan->has_wall && e->rows > 0 &&
        import_wall(e->wall_first.p, e->wall_first.n, plan->date, &wall, &ambiguous) == 0)
        plan->start = wall - nsec_from_s(t_s);
}

int import_plan_guess(const char *file, const char *head, size_t n, bool whole,
                      const struct import_options *opt, struct plan *plan,
                      struct import_report *report, struct diag *reterr)
{
    struct evidence e = {0};
    double factor;
    int rc;

    guess_text(head + n, whole, opt, plan, report);
    set_plain(plan, report);
    see_rows(head + n, whole, plan, &e);
    guess_date(head, &e, opt, plan, report);
    factor = plan->slot[SLOT_TIME].scale.mul / plan->slot[SLOT_TIME].scale.div;
    rc = guess_base(file, &e, opt, plan, report, reterr);
    if (rc < 0)
        return rc;
    guess_start(&e, factor, plan);
    guess_voltage(&e, plan, report);
    guess_sign(&e, opt, plan, report);
    set_plain(plan, report);
    plan->rest_a = 0.005 * e.i_max;
    return 0;
}
