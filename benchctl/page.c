/* benchctl/page.c - rows of figures for the terminal, CSV and JSON. */
#include "benchctl/page.h"

#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    TEXT_MAX = 72,
    DECIMALS_MAX = 7,
    REASONS_MAX = 24
};

struct cell {
    struct figure f;
    struct rows rows;
    uint64_t count;
    char text[TEXT_MAX];
};

void page_begin(struct page *s, const struct page_column *columns, unsigned n)
{
    *s = (struct page){.column = columns, .n_columns = n, .cells = {.each = sizeof(struct cell)}};
}

void page_count(struct page *s, uint64_t n)
{
    list_add(&s->cells, &(struct cell){.count = n});
}

void page_number(struct page *s, double v)
{
    list_add(&s->cells, &(struct cell){
                            .f = {v, (double)NAN, NULL}
    });
}

void page_figure(struct page *s, struct figure f)
{
    list_add(&s->cells, &(struct cell){.f = f});
}

void page_text(struct page *s, const char *text)
{
    struct cell c = {.count = 0};

    str_copy(c.text, sizeof(c.text), text);
    list_add(&s->cells, &c);
}

void page_rows(struct page *s, struct rows rows)
{
    list_add(&s->cells, &(struct cell){.rows = rows});
}

void page_note(struct page *s, const char *fmt, ...)
{
    char line[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    text_add(&s->notes, "%s\n", line);
}

static const struct cell *cell_at(const struct page *s, size_t row, unsigned column)
{
    return (const struct cell *)(const void *)s->cells.p + row * s->n_columns + column;
}

static size_t rows_of(const struct page *s)
{
    return s->n_columns > 0 ? s->cells.n / s->n_columns : 0;
}

/* How a column is shown. */
struct look {
    unsigned column;
    double scale;
    int decimals;
    char title[48];
};

static double largest(const struct page *s, unsigned column)
{
    double most = 0.0;

    for (size_t i = 0; i < rows_of(s); i++) {
        most = fmax(most, fabs(cell_at(s, i, column)->f.v)); /* passes over NaN */
    }
    return most;
}

static void look_at(const struct page *s, unsigned column, struct look *ret)
{
    const struct page_column *c = &s->column[column];
    const char *prefix = "";
    int rc = 0;

    *ret = (struct look){column, c->scale > 0.0 ? c->scale : 1.0, c->decimals, ""};
    str_copy(ret->title, sizeof(ret->title), c->title);
    if (!c->unit) {
        return;
    }
    if (c->scale <= 0.0 && c->offset <= 0.0 && largest(s, column) < 0.95) {
        bool tiny = largest(s, column) < 0.95e-3;

        ret->scale = tiny ? 1e6 : 1e3;
        ret->decimals = c->decimals > (tiny ? 5 : 2) ? c->decimals - (tiny ? 6 : 3) : 0;
        ret->decimals = ret->decimals < 0 ? 0 : ret->decimals;
        prefix = tiny ? "u" : "m";
    }
    rc = str_fmt(ret->title, sizeof(ret->title), "%s (%s%s)", c->title, prefix, c->unit);
    (void)rc;
}

/* ---- In words ---- */

/* As many decimals as show one or two digits of u: two where the first is 1 or 2. */
static int decimals_for(double u)
{
    double at = floor(log10(u)), lead = u / pow(10.0, at);
    int d = (int)-at + (lead < 2.95 ? 1 : 0);

    return d < 0 ? 0 : d > DECIMALS_MAX ? DECIMALS_MAX : d;
}

const char *figure_text(struct figure f, double scale, int decimals, char *buf, size_t size)
{
    double v = f.v * scale, u = f.u * scale;
    char number[48];
    int rc = 0;

    if (!isfinite(v)) {
        str_copy(buf, size, "-");
        return buf;
    }
    if (!(u > 0.0) || !isfinite(u)) {
        v = fabs(v) < 0.5 * pow(10.0, -decimals) ? 0.0 : v; /* no "-0.000" */
        str_fixed(v, decimals, 0, false, false, buf, size);
        return buf;
    }
    decimals = decimals_for(u);
    str_fixed(v, decimals, 0, false, false, number, sizeof(number));
    u = ceil(u * pow(10.0, decimals) - 1e-9);
    rc = str_fmt(buf, size, "%s(%.0f)", number, u); /* a whole number: no locale in it */
    (void)rc;
    return buf;
}

static void tell_cell(const struct page_told *to, const struct page_column *c, const struct look *l,
                      const struct cell *x)
{
    struct figure f = {x->f.v - c->offset, x->f.u, x->f.why};
    char text[TEXT_MAX] = "-";
    int rc = 0;

    switch (c->kind) {
    case SHEET_COUNT: rc = str_fmt(text, sizeof(text), "%llu", (unsigned long long)x->count); break;
    case SHEET_TEXT: str_copy(text, sizeof(text), x->text); break;
    case SHEET_ROWS:
        if (x->rows.n > 0) {
            rc = str_fmt(text, sizeof(text), "%zu..%zu", x->rows.first + 1,
                         x->rows.first + x->rows.n);
        }
        break;
    case SHEET_NUMBER:
    case SHEET_FIGURE: figure_text(f, l->scale, l->decimals, text, sizeof(text)); break;
    default: break;
    }
    (void)rc; /* it has room for the longest */
    to->cell(to->ctx, text);
}

static bool is_wanted(const struct page_column *c, const char *const *keys)
{
    for (; keys && *keys; keys++) {
        if (strcmp(c->key, *keys) == 0) {
            return true;
        }
    }
    return !keys;
}

/* A column that has a title and something to say. */
static bool is_shown(const struct page *s, unsigned column, const char *const *keys)
{
    const struct page_column *c = &s->column[column];

    if (!c->title || !is_wanted(c, keys)) {
        return false;
    }
    if (c->kind == SHEET_TEXT) {
        for (size_t i = 0; i < rows_of(s); i++) {
            if (cell_at(s, i, column)->text[0]) {
                return true;
            }
        }
        return false;
    }
    if (c->kind != SHEET_NUMBER && c->kind != SHEET_FIGURE) {
        return true;
    }
    for (size_t i = 0; i < rows_of(s); i++) {
        if (isfinite(cell_at(s, i, column)->f.v)) {
            return true;
        }
    }
    return false;
}

struct reason {
    const char *why;
    char titles[120];
    size_t n; /* rows, of the column that has most */
};

static void add_title(struct reason *r, const char *title)
{
    size_t used = strlen(r->titles);
    int rc =
        str_fmt(r->titles + used, sizeof(r->titles) - used, "%s%s", used > 0 ? ", " : "", title);

    (void)rc; /* what does not fit is cut */
}

static struct reason *find_reason(struct reason *r, unsigned *n, const char *why)
{
    for (unsigned i = 0; i < *n; i++) {
        if (strcmp(r[i].why, why) == 0) {
            return &r[i];
        }
    }
    if (*n == REASONS_MAX) {
        return NULL;
    }
    r[*n] = (struct reason){.why = why};
    return &r[(*n)++];
}

/* A column's own reasons, into those of all. */
static void column_reasons(const struct page *s, unsigned column, struct reason *all, unsigned *n)
{
    struct reason own[REASONS_MAX];
    unsigned n_own = 0;

    for (size_t i = 0; i < rows_of(s); i++) {
        const char *why = cell_at(s, i, column)->f.why;
        struct reason *r = why ? find_reason(own, &n_own, why) : NULL;

        if (r) {
            r->n++;
        }
    }
    for (unsigned i = 0; i < n_own; i++) {
        struct reason *r = find_reason(all, n, own[i].why);

        if (r) {
            add_title(r, s->column[column].title);
            r->n = own[i].n > r->n ? own[i].n : r->n;
        }
    }
}

static void tell_reasons(const struct page *s, const char *const *keys, const struct page_told *to)
{
    struct reason r[REASONS_MAX];
    char text[400];
    unsigned n = 0;

    for (unsigned c = 0; c < s->n_columns; c++) {
        if (s->column[c].kind == SHEET_FIGURE && s->column[c].title &&
            is_wanted(&s->column[c], keys)) {
            column_reasons(s, c, r, &n);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        int rc = str_fmt(text, sizeof(text), "%s (%zu row%s): %s", r[i].titles, r[i].n,
                         r[i].n == 1 ? "" : "s", r[i].why);

        (void)rc; /* what does not fit is cut */
        to->reason(to->ctx, i == 0, text);
    }
}

static void tell_gap(size_t n, unsigned n_columns, const struct page_told *to)
{
    char text[40];
    int rc = str_fmt(text, sizeof(text), "%zu left out", n);

    (void)rc;
    for (unsigned k = 0; k < n_columns; k++) {
        to->cell(to->ctx, k == 0 ? "..." : k == 1 ? text : "");
    }
}

static void tell_rows(const struct page *s, const struct look *look, unsigned n, size_t most,
                      const struct page_told *to)
{
    size_t rows = rows_of(s), head = most / 2, tail = most - head;
    bool cut = most > 0 && rows > most + 1;

    for (size_t i = 0; i < rows; i++) {
        if (cut && i == head) {
            i = rows - tail;
            tell_gap(rows - most, n, to);
        }
        for (unsigned k = 0; k < n; k++) {
            tell_cell(to, &s->column[look[k].column], &look[k], cell_at(s, i, look[k].column));
        }
    }
}

void page_tell(const struct page *s, const char *const *keys, size_t most,
               const struct page_told *to)
{
    const char *headers[32];
    struct look look[32];
    unsigned n = 0, right = 0;

    for (unsigned c = 0; c < s->n_columns && n < ARRAY_LEN(headers); c++) {
        if (is_shown(s, c, keys)) {
            right |= s->column[c].kind != SHEET_TEXT ? 1U << n : 0U;
            look_at(s, c, &look[n]);
            headers[n] = look[n].title;
            n++;
        }
    }
    if (n > 0 && rows_of(s) > 0) {
        to->table(to->ctx, n, right, headers);
        tell_rows(s, look, n, most, to);
        to->end(to->ctx);
    }
    tell_reasons(s, keys, to);
    for (size_t from = 0, i = 0; i < s->notes.n; i++) {
        char line[400];

        if (s->notes.p[i] == '\n') {
            int rc = str_fmt(line, sizeof(line), "%.*s", (int)(i - from), s->notes.p + from);

            (void)rc; /* page_note made it no longer */
            to->note(to->ctx, line);
            from = i + 1;
        }
    }
}

void page_done(struct page *s)
{
    list_done(&s->cells);
    text_done(&s->notes);
}

/* ---- Terminal ---- */

static void begin_table(void *ctx, unsigned n, unsigned right, const char *const *titles)
{
    table_begin(ctx, n, right, titles);
}

static void put_cell(void *ctx, const char *text)
{
    table_cell(ctx, "%s", text);
}

static void end_table(void *ctx)
{
    table_print(ctx, stdout);
    putchar('\n');
}

static void put_reason(void *ctx, bool first, const char *text)
{
    (void)ctx;
    printf("%s %s\n", first ? "not identifiable:" : "                 ", text);
}

static void put_note(void *ctx, const char *text)
{
    (void)ctx;
    puts(text);
}

static void print_text(const struct page *s)
{
    struct table t;
    const struct page_told to = {&t, begin_table, put_cell, end_table, put_reason, put_note};

    page_tell(s, NULL, 0, &to);
}

/* ---- CSV ---- */

static void csv_header(const struct page *s)
{
    bool first = true;

    for (unsigned c = 0; c < s->n_columns; c++) {
        char key[80];
        int rc = 0;

        if (s->column[c].kind == SHEET_ROWS) {
            csv_cell(stdout, "row_first", first);
            csv_cell(stdout, "row_last", false);
        } else {
            csv_cell(stdout, s->column[c].key, first);
        }
        if (s->column[c].kind == SHEET_FIGURE) {
            rc = str_fmt(key, sizeof(key), "%s_u", s->column[c].key);
            csv_cell(stdout, key, false);
        }
        (void)rc;
        first = false;
    }
    puts(",why");
}

static void csv_whole(uint64_t n, bool first)
{
    char text[24];
    int rc = str_fmt(text, sizeof(text), "%llu", (unsigned long long)n);

    (void)rc;
    csv_cell(stdout, text, first);
}

static void csv_row(const struct page *s, size_t row)
{
    struct text why = {0};

    for (unsigned c = 0; c < s->n_columns; c++) {
        const struct cell *x = cell_at(s, row, c);

        switch (s->column[c].kind) {
        case SHEET_COUNT: csv_whole(x->count, c == 0); break;
        case SHEET_TEXT: csv_cell(stdout, x->text, c == 0); break;
        case SHEET_ROWS:
            csv_whole(x->rows.first + 1, c == 0);
            csv_whole(x->rows.first + x->rows.n, false);
            break;
        case SHEET_NUMBER: csv_number(stdout, x->f.v, c == 0); break;
        case SHEET_FIGURE:
            csv_number(stdout, x->f.v, c == 0);
            csv_number(stdout, x->f.u, false);
            if (x->f.why) {
                text_add(&why, "%s%s: %s", why.n > 0 ? "; " : "", s->column[c].key, x->f.why);
            }
            break;
        default: break;
        }
    }
    text_add_n(&why, "", 1);
    csv_cell(stdout, why.p, false);
    putchar('\n');
    text_done(&why);
}

/* ---- JSON ---- */

static json_t *cell_json(const struct page_column *c, const struct cell *x)
{
    json_t *o;

    switch (c->kind) {
    case SHEET_COUNT: return json_integer((json_int_t)x->count);
    case SHEET_TEXT: return json_string(x->text);
    case SHEET_ROWS:
        return json_pack("[I, I]", (json_int_t)(x->rows.first + 1),
                         (json_int_t)(x->rows.first + x->rows.n));
    case SHEET_NUMBER: return number_json(x->f.v);
    case SHEET_FIGURE:
    default:
        o = json_object();
        json_object_set_new(o, "v", number_json(x->f.v));
        json_object_set_new(o, "u", number_json(x->f.u));
        if (x->f.why) {
            json_object_set_new(o, "why", json_string(x->f.why));
        }
        return o;
    }
}

static json_t *notes_json(const struct page *s)
{
    json_t *notes = json_array();
    size_t from = 0;

    for (size_t i = 0; i < s->notes.n; i++) {
        if (s->notes.p[i] == '\n') {
            json_array_append_new(notes, json_stringn(s->notes.p + from, i - from));
            from = i + 1;
        }
    }
    return notes;
}

static int print_json(const struct page *s, const char *analysis)
{
    json_t *all = json_array();

    for (size_t i = 0; i < rows_of(s); i++) {
        json_t *o = json_object();

        for (unsigned c = 0; c < s->n_columns; c++) {
            json_object_set_new(o, s->column[c].key, cell_json(&s->column[c], cell_at(s, i, c)));
        }
        json_array_append_new(all, o);
    }
    return json_out(
        json_pack("{s:s, s:o, s:o}", "analysis", analysis, "notes", notes_json(s), "rows", all));
}

int page_out(struct page *s, const struct args *a, const char *analysis)
{
    int rc = EXIT_DONE;

    if (a->json) {
        rc = print_json(s, analysis);
    } else if (a->csv) {
        csv_header(s);
        for (size_t i = 0; i < rows_of(s); i++) {
            csv_row(s, i);
        }
    } else {
        print_text(s);
    }
    page_done(s);
    return rc;
}
