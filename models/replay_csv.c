/* models/replay_csv.c - the branches of a replay cell from a Bitrode CSV.
 *
 * One pass over the text with a row at a time; the arrays are as long as the text has lines, which
 * is known before.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "models/replay.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define COULOMB_PER_AH 3600.0
#define COUNTER_SHARE  1e-3
/* Arithmetic of counters with few digits must not fail at the border itself. */
#define COUNTER_SLACK 1e-9

enum column {
    COL_CYCLE,
    COL_STEP,
    COL_TIME,
    COL_CURRENT,
    COL_VOLTAGE,
    COL_CAPACITY,
    COL_MODE,
    COL_COUNT
};
static const char *const column_name[COL_COUNT] = {
    "Cycle", "Step", "StepTime(s)", "Current(A)", "Voltage(V)", "Capacity(Ah)", "Mode",
};

struct field {
    const char *p;
    size_t n;
};

struct reader {
    const char *name;
    const char *line, *next, *end; /* present line, where the next begins, end of the text */
    size_t line_n;
    int line_no;
    int at[COL_COUNT]; /* field number of each column */
    struct field field[COL_COUNT];
    struct diag *err;
    struct arena *arena;
};

struct row {
    double cycle, step, time_s, current_a, voltage_v, capacity_ah;
    int8_t direction; /* 0: neither charge nor discharge */
};

struct growing {
    double *q_c, *e_v;
    size_t n;
    bool closed;      /* the other branch has followed */
    double q_now_c;   /* of the newest row, kept or not */
    double q_first_c; /* of the first row: the counter is compared from there */
    double counter_c; /* gained since the first row */
    double counter_last_ah;
    double step, time_s, current_a;
};

static int fail_at(const struct reader *r, int code, const struct field *where, const char *problem)
{
    struct diag_pos pos = {
        .file = r->name, .line = r->line_no, .text = arena_dup_n(r->arena, r->line, r->line_n)};
    if (where && where->p) {
        pos.column = (int)(where->p - r->line) + 1;
        pos.length = (int)where->n;
    }
    return diag_at(r->err, code, &pos, "%s", problem);
}

static bool line_next(struct reader *r)
{
    if (r->next >= r->end)
        return false;
    const char *newline = memchr(r->next, '\n', (size_t)(r->end - r->next));
    const char *stop = newline ? newline : r->end;
    r->line = r->next;
    r->next = newline ? newline + 1 : r->end;
    r->line_n = (size_t)(stop - r->line);
    if (r->line_n > 0 && r->line[r->line_n - 1] == '\r')
        r->line_n--;
    r->line_no++;
    return true;
}

static struct field field_trim(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return (struct field){p, (size_t)(end - p)};
}

/* Next field of the line, *cursor on its first byte; NULL cursor at the end. */
static struct field field_next(const struct reader *r, const char **cursor)
{
    const char *end = r->line + r->line_n;
    const char *comma = memchr(*cursor, ',', (size_t)(end - *cursor));
    struct field f = field_trim(*cursor, comma ? comma : end);
    *cursor = comma ? comma + 1 : NULL;
    return f;
}

static int header_read(struct reader *r)
{
    if (!line_next(r))
        return diag_add(r->err, E_SYNTAX,
                        "%s is empty: a recording begins with a line of column names", r->name);

    for (int c = 0; c < COL_COUNT; c++)
        r->at[c] = -1;
    int n = 0;
    for (const char *cursor = r->line; cursor; n++) {
        struct field f = field_next(r, &cursor);
        for (int c = 0; c < COL_COUNT; c++)
            if (r->at[c] < 0 && f.n == strlen(column_name[c]) &&
                memcmp(f.p, column_name[c], f.n) == 0)
                r->at[c] = n;
    }
    for (int c = 0; c < COL_COUNT; c++) {
        if (r->at[c] >= 0)
            continue;
        int rc = fail_at(r, E_SYNTAX, NULL, "a column that a recording needs is missing");
        diag_hint(r->err, "no column is named %s", column_name[c]);
        return rc;
    }
    return 0;
}

static int row_split(struct reader *r)
{
    memset(r->field, 0, sizeof r->field);
    int n = 0, found = 0;
    for (const char *cursor = r->line; cursor; n++) {
        struct field f = field_next(r, &cursor);
        for (int c = 0; c < COL_COUNT; c++) {
            if (r->at[c] == n) {
                r->field[c] = f;
                found++;
            }
        }
    }
    return found == COL_COUNT
               ? 0
               : fail_at(r, E_SYNTAX, NULL, "the row ends before its last needed column");
}

static int number_read(const struct reader *r, enum column c, double *ret)
{
    const struct field *f = &r->field[c];
    if (str_to_double(f->p, f->n, ret) == 0)
        return 0;
    return fail_at(r, E_SYNTAX, f, "not a number");
}

static bool field_is(const struct field *f, const char *word)
{
    return f->n == strlen(word) && memcmp(f->p, word, f->n) == 0;
}

static int row_read(struct reader *r, struct row *ret)
{
    struct row row = {0};
    double *const into[COL_MODE] = {&row.cycle,     &row.step,      &row.time_s,
                                    &row.current_a, &row.voltage_v, &row.capacity_ah};
    int rc = row_split(r);
    for (int c = 0; rc == 0 && c < COL_MODE; c++)
        rc = number_read(r, (enum column)c, into[c]);
    if (rc < 0)
        return rc;

    if (field_is(&r->field[COL_MODE], "CHRG"))
        row.direction = 1;
    else if (field_is(&r->field[COL_MODE], "DCHG"))
        row.direction = -1;
    *ret = row;
    return 0;
}

static void node_add(struct growing *g, double q_c, double e_v)
{
    g->q_c[g->n] = q_c;
    g->e_v[g->n] = e_v;
    g->n++;
}

/* The interval before a row belongs to the row's own step: at a step's first row it is the step's
 * own time. */
static int branch_take(const struct reader *r, struct growing *g, const struct row *row,
                       double resistance_ohm)
{
    if (g->closed) {
        int rc = fail_at(r, E_INVALID, &r->field[COL_MODE], "the cycle has this mode twice");
        diag_hint(r->err, "a replay cell needs one discharge and one charge");
        return rc;
    }
    if (row->direction * row->current_a < 0.0)
        return fail_at(r, E_INVALID, &r->field[COL_CURRENT],
                       "the current has the sign of the other mode");
    double e_v = row->voltage_v - row->current_a * resistance_ohm;
    double current_a = fabs(row->current_a), counter_ah = fabs(row->capacity_ah);
    bool first = g->n == 0;
    bool same_step = !first && row->step >= g->step && row->step <= g->step;
    if (same_step && row->time_s < g->time_s)
        return fail_at(r, E_INVALID, &r->field[COL_TIME], "time runs backwards within a step");

    g->q_now_c += same_step ? 0.5 * (current_a + g->current_a) * (row->time_s - g->time_s)
                            : current_a * row->time_s;
    if (first) {
        g->q_first_c = g->q_now_c;
        node_add(g, 0.0, e_v);
    } else {
        double gained_ah = counter_ah - g->counter_last_ah;
        g->counter_c += COULOMB_PER_AH * (gained_ah >= 0.0 ? gained_ah : counter_ah);
    }
    if (g->q_now_c > g->q_c[g->n - 1])
        node_add(g, g->q_now_c, e_v);
    g->counter_last_ah = counter_ah;
    g->step = row->step;
    g->time_s = row->time_s;
    g->current_a = current_a;
    return 0;
}

static int branch_check(const struct reader *r, const struct growing *g, int cycle,
                        const char *what)
{
    if (g->n < 2)
        return diag_add(r->err, E_NOENT, "%s has no %s in cycle %d", r->name, what, cycle);
    double own_c = g->q_now_c - g->q_first_c;
    if (fabs(own_c - g->counter_c) <= COUNTER_SHARE * fabs(g->counter_c) + COUNTER_SLACK)
        return 0;
    char own[32], counter[32];
    str_fixed(own_c / COULOMB_PER_AH, 4, 0, false, false, own, sizeof own);
    str_fixed(g->counter_c / COULOMB_PER_AH, 4, 0, false, false, counter, sizeof counter);
    return diag_add(r->err, E_MISMATCH,
                    "%s, %s of cycle %d: current and time give %s Ah, the counter %s Ah; more than "
                    "0.1 %% apart",
                    r->name, what, cycle, own, counter);
}

static int rows_read(struct reader *r, int cycle, double resistance_ohm, struct growing *charge,
                     struct growing *discharge)
{
    while (line_next(r)) {
        if (r->line_n == 0)
            continue;
        struct row row;
        int rc = row_read(r, &row);
        if (rc < 0)
            return rc;
        if (fabs(row.cycle - cycle) > 0.5 || row.direction == 0)
            continue;
        struct growing *own = row.direction > 0 ? charge : discharge;
        struct growing *other = row.direction > 0 ? discharge : charge;
        rc = branch_take(r, own, &row, resistance_ohm);
        if (rc < 0)
            return rc;
        other->closed = other->n > 0;
    }
    return 0;
}

static size_t lines_count(const char *text, size_t n)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    return lines;
}

static struct growing growing_new(struct arena *a, size_t rows)
{
    /* One more for the node at q = 0. */
    return (struct growing){
        .q_c = arena_alloc(a, (rows + 1) * sizeof(double)),
        .e_v = arena_alloc(a, (rows + 1) * sizeof(double)),
    };
}

int replay_from_csv(const char *name, const char *text, size_t n, int cycle, double resistance_ohm,
                    struct arena *a, struct replay_table *ret, struct diag *reterr)
{
    static const char utf8_mark[3] = {'\xef', '\xbb', '\xbf'};
    size_t skip = n >= 3 && memcmp(text, utf8_mark, 3) == 0 ? 3 : 0;
    if (!(resistance_ohm > 0.0))
        return diag_add(reterr, E_RANGE, "a replay cell needs a resistance above 0 ohm");

    struct reader r = {
        .name = name, .next = text + skip, .end = text + n, .err = reterr, .arena = a};
    size_t rows = lines_count(text, n);
    struct growing charge = growing_new(a, rows), discharge = growing_new(a, rows);
    int rc = header_read(&r);
    if (rc == 0)
        rc = rows_read(&r, cycle, resistance_ohm, &charge, &discharge);
    if (rc == 0)
        rc = branch_check(&r, &discharge, cycle, "discharge");
    if (rc == 0)
        rc = branch_check(&r, &charge, cycle, "charge");
    if (rc < 0)
        return rc;
    *ret = (struct replay_table){
        .resistance_ohm = resistance_ohm,
        .n_charge = charge.n,
        .n_discharge = discharge.n,
        .charge_q_c = charge.q_c,
        .charge_e_v = charge.e_v,
        .discharge_q_c = discharge.q_c,
        .discharge_e_v = discharge.e_v,
    };
    return 0;
}
