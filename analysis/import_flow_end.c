/* analysis/import_flow_end.c - what can be said when the last row is in: totals, and what is odd.
 */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define COUNTER_FLAG 1e-3 /* of what flowed: where counter and integral part */
#define WALL_FLAG    0.01
#define WALL_FLAG_S  120.0

static void warn(struct flow *f, struct diag *reterr, const char *fmt, ...) PRINTF(3, 4);

static void warn(struct flow *f, struct diag *reterr, const char *fmt, ...)
{
    struct diag_pos pos = {.file = f->at.file};
    char text[DIAG_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    diag_warn_at(reterr, &pos, "%s", text);
}

static int refuse_rows(struct flow *f, struct diag *reterr)
{
    const struct import_column *v = &f->report->column[f->plan->slot[SLOT_VOLTAGE].column];
    const struct import_column *i = &f->report->column[f->plan->slot[SLOT_CURRENT].column];
    struct place at = {f->at.file, f->report->header_line};

    if (f->report->rows == 0)
        return import_error(reterr, E_INVALID, &at, NULL, 0, 0,
                            "there is a header here and no row of data below it");
    if (f->report->rows == 1)
        return import_error(reterr, E_INVALID, &at, NULL, 0, 0,
                            "there is one row of data below this header: a recording needs two");
    if (f->valid_v == 0)
        return import_error(reterr, E_INVALID, &at, NULL, 0, 0,
                            "no row has a valid voltage (column `%s`)", v->header);
    if (f->valid_i == 0)
        return import_error(reterr, E_INVALID, &at, NULL, 0, 0,
                            "no row has a valid current (column `%s`)", i->header);
    return 0;
}

static void tell_invalid(struct flow *f, struct diag *reterr)
{
    unsigned columns = 0, first = 0;

    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        struct import_column *c = &f->report->column[f->plan->slot[i].column];

        if (!f->plan->has[i])
            continue;
        c->invalid = f->invalid[i];
        if (c->invalid == 0)
            continue;
        if (columns++ == 0)
            first = i;
    }
    if (columns > 0) {
        const struct import_column *c = &f->report->column[f->plan->slot[first].column];

        warn(f, reterr,
             "%u column%s with cells that are empty or no value a sensor can have: kept as"
             " not valid (the first is `%s`, %llu of %llu rows)",
             columns, columns > 1 ? "s" : "", c->header, (unsigned long long)c->invalid,
             (unsigned long long)f->report->rows);
    }
}

static void tell_odd(struct flow *f, struct diag *reterr)
{
    const struct import_report *r = f->report;

    if (r->repeated_headers)
        warn(f, reterr, "the header comes again in %llu later lines: left out",
             (unsigned long long)r->repeated_headers);
    if (r->clamped_times)
        warn(f, reterr, "%llu rows are up to 0.01 s earlier than the row above: set to its time",
             (unsigned long long)r->clamped_times);
    if (r->skipped_rows)
        warn(f, reterr, "%llu rows whose time goes back were left out",
             (unsigned long long)r->skipped_rows);
    if (r->joins)
        warn(f, reterr, "the clock was started anew %llu times: strung together",
             (unsigned long long)r->joins);
    if (r->against_state)
        warn(f, reterr,
             "in %llu rows the current has the other direction than the state says: see"
             " --why and --sign",
             (unsigned long long)r->against_state);
    if (f->odd_cycles)
        warn(f, reterr, "%llu cycle or step numbers are not whole: cut to whole ones",
             (unsigned long long)f->odd_cycles);
    if (r->cut)
        warn(f, reterr, "line %llu is cut in the middle, the file ends there: left out",
             (unsigned long long)r->lines);
}

static double part(double a, double b)
{
    return fabs(a - b) / fmax(fabs(a), 1e-12);
}

/* A counter knows more than rows that are thinned out; where the two part a person should know. */
static void tell_counters(struct flow *f, struct diag *reterr)
{
    struct import_report *r = f->report;

    r->their_in_ah = r->their_out_ah = (double)NAN;
    if (f->plan->counter_in < 0 && f->plan->counter_out < 0 && f->plan->counter_net < 0)
        return;
    r->their_in_ah = f->their_in;
    r->their_out_ah = f->their_out;
    if (!f->plan->resets_declared)
        r->resets = f->drops_step    ? RECORDING_PER_STEP
                    : f->drops_cycle ? RECORDING_PER_CYCLE
                                     : RECORDING_NEVER;
    if (part(f->their_in, r->in_ah) > COUNTER_FLAG || part(f->their_out, r->out_ah) > COUNTER_FLAG)
        warn(f, reterr,
             "the instrument counted %.6g Ah in and %.6g Ah out, the rows give %.6g and"
             " %.6g: both are kept",
             f->their_in, f->their_out, r->in_ah, r->out_ah);
}

static void tell_wall(struct flow *f, struct diag *reterr)
{
    struct import_report *r = f->report;
    double wall_s, file_s = f->t_s - f->wall_first_t_s;
    bool ambiguous;
    nsec last;

    r->wall_start = f->plan->start;
    if (f->wall_first == NSEC_NEVER ||
        import_wall(f->wall_last, f->n_wall_last, f->plan->date, &last, &ambiguous) < 0)
        return;
    wall_s = nsec_to_s(last - f->wall_first);
    if (fabs(wall_s - file_s) > WALL_FLAG_S + WALL_FLAG * file_s)
        warn(f, reterr,
             "the time column advances %.7g s, the file's wall clock %.7g s: a pause, a"
             " clock that was set, or another unit of time",
             file_s, wall_s);
}

int import_flow_end(struct flow *f, struct diag *reterr)
{
    int rc = refuse_rows(f, reterr);

    if (rc == 0 && f->step_open)
        rc = import_flow_step_end(f, reterr);
    if (rc < 0)
        return rc;
    f->report->to_s = f->t_s;
    tell_invalid(f, reterr);
    tell_odd(f, reterr);
    tell_counters(f, reterr);
    tell_wall(f, reterr);
    return 0;
}
