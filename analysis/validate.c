/* analysis/validate.c - the text of a BDF file taken apart into rows of numbers. */
#include "analysis/validate_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CELL_MAX = 65536
};

const char *validate_check_name(enum validate_check c)
{
    static const char *const names[] = {"form",     "required", "names", "time",      "identity",
                                        "monotone", "cycle",    "index", "time scale"};

    return (size_t)c < ARRAY_LEN(names) ? names[c] : "?";
}

/* ---- Findings ---- */

void validate_text(struct validate_finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
}

struct validate_finding *validate_hit(struct validator *v, enum validate_check check,
                                      enum diag_level level, const char *column, const char *why,
                                      double size)
{
    struct validate_report *r = &v->report;
    struct validate_finding *f = NULL;

    for (unsigned i = 0; i < r->n && !f; i++) {
        if (r->finding[i].check == check && r->finding[i].level == level &&
            r->finding[i].why == why && strcmp(r->finding[i].column, column) == 0) {
            f = &r->finding[i];
        }
    }
    if (!f) {
        if (r->n == VALIDATE_FINDINGS_MAX) {
            r->dropped++;
            return NULL;
        }
        f = &r->finding[r->n++];
        *f = (struct validate_finding){.check = check,
                                       .level = level,
                                       .row = v->header_done ? r->rows : 0,
                                       .line = v->row_line,
                                       .worst = NAN};
        f->why = why;
        str_copy(f->column, sizeof(f->column), column);
        str_copy(f->text, sizeof(f->text), why ? why : "");
        *(level == DIAG_ERROR ? &r->errors : level == DIAG_WARN ? &r->warnings : &r->notes) += 1;
    }
    f->count++;
    if (isnan(f->worst) || size > f->worst) {
        f->worst = size;
    }
    return f;
}

/* ---- Cells and rows ---- */

static void trim(struct text *t)
{
    size_t from = 0;

    while (t->n > 0 && strchr(" \t", t->p[t->n - 1])) {
        t->n--;
    }
    while (from < t->n && strchr(" \t", t->p[from])) {
        from++;
    }
    memmove(t->p, t->p + from, t->n - from);
    t->n -= from;
    t->p[t->n] = '\0';
}

static bool means_nothing(const char *text)
{
    static const char *const words[] = {"", "nan", "NaN", "NAN", "NA", "null"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void take_header(struct validator *v)
{
    struct validate_column *c = &v->column[v->n++];

    memset(c, 0, sizeof(*c));
    c->scale = 1.0;
    str_copy(c->header, sizeof(c->header), v->cell.p);
}

static void take_value(struct validator *v)
{
    const struct validate_column *c = &v->column[v->n_cells];
    double x = NAN;

    v->value[v->n_cells] = NAN;
    if (v->n_cells >= v->n || !c->number || means_nothing(v->cell.p)) {
        return;
    }
    if (str_to_double(v->cell.p, v->cell.n, &x) < 0) {
        v->unread = true;
        struct validate_finding *f =
            validate_hit(v, VALIDATE_FORM, DIAG_ERROR, c->header, NULL, NAN);

        if (f && !f->text[0]) {
            validate_text(f, "holds `%.40s`, which is no number", v->cell.p);
        }
        return;
    }
    v->value[v->n_cells] = x * c->scale;
}

static int cell_ends(struct validator *v, struct diag *reterr)
{
    text_add_n(&v->cell, "", 1);
    v->cell.n--;
    trim(&v->cell);
    if (!v->header_done && v->n == COLUMNS_MAX) {
        return diag_add(reterr, E_FULL, "more than %d columns", COLUMNS_MAX);
    }
    if (!v->header_done) {
        take_header(v);
    } else {
        v->report.rows += v->n_cells == 0;
        if (v->n_cells < COLUMNS_MAX) {
            take_value(v);
        }
    }
    v->n_cells++;
    v->cell.n = 0;
    v->state = CELL_BEGINS;
    return 0;
}

static int header_ends(struct validator *v, struct diag *reterr)
{
    if (v->n == 1 && strpbrk(v->column[0].header, ";\t")) {
        return diag_add(reterr, E_SYNTAX,
                        "the columns are separated by %s, and in BDF they are by commas",
                        strchr(v->column[0].header, ';') ? "semicolons" : "tabs");
    }
    validate_columns(v);
    v->header_done = true;
    return 0;
}

static int row_ends(struct validator *v, bool cut, struct diag *reterr)
{
    struct validate_finding *f;
    int rc = cell_ends(v, reterr);

    if (rc < 0) {
        return rc;
    }
    if (!v->header_done) {
        rc = header_ends(v, reterr);
    } else {
        if (v->n_cells == v->n) {
            validate_row(v);
        } else {
            v->before[KNOWN_RECORD] = NAN; /* a row is missing here */
            f = validate_hit(v, VALIDATE_FORM, DIAG_ERROR, "", NULL, NAN);
            if (f && !f->text[0]) {
                validate_text(f, "%u cells, and the header has %u%s", v->n_cells, v->n,
                              cut ? ": the file ends in mid-line" : "");
            }
        }
    }
    v->n_cells = 0;
    v->some = v->unread = false;
    return rc;
}

/* ---- Characters ---- */

static int line_ends(struct validator *v, struct diag *reterr)
{
    int rc = 0;

    if (v->some) {
        rc = row_ends(v, false, reterr);
    }
    v->state = CELL_BEGINS;
    v->row_line = v->line + 1;
    return rc;
}

static int plain_char(struct validator *v, char c, struct diag *reterr)
{
    if (c == ',') {
        v->some = true;
        return cell_ends(v, reterr);
    }
    if (c == '"' && v->state == CELL_BEGINS) {
        v->state = CELL_QUOTED;
        v->some = true;
        return 0;
    }
    v->some = true;
    v->state = CELL_PLAIN;
    text_add_n(&v->cell, &c, 1);
    return 0;
}

static int one_char(struct validator *v, char c, struct diag *reterr)
{
    if (c == '\0') {
        return diag_add(reterr, E_GARBLED, "line %llu: a zero byte; this is no text",
                        (unsigned long long)v->line);
    }
    if (v->cell.n > CELL_MAX) {
        return diag_add(reterr, E_GARBLED, "line %llu: a cell of more than %d characters",
                        (unsigned long long)v->row_line, CELL_MAX);
    }
    if (v->state == CELL_QUOTED) {
        if (c == '"') {
            v->state = CELL_QUOTE;
        } else {
            text_add_n(&v->cell, &c, 1);
        }
        return 0;
    }
    if (v->state == CELL_QUOTE && c == '"') {
        v->state = CELL_QUOTED;
        text_add_n(&v->cell, &c, 1);
        return 0;
    }
    if (c == '\r') {
        return 0;
    }
    return c == '\n' ? line_ends(v, reterr) : plain_char(v, c, reterr);
}

int validate_begin(struct validator **ret, struct diag *reterr)
{
    struct validator *v = calloc(1, sizeof(*v));

    if (!v) {
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    v->line = v->row_line = 1;
    v->record_low = NAN;
    for (unsigned i = 0; i < KNOWN_COUNT; i++) {
        v->at[i] = -1;
        v->before[i] = NAN;
    }
    *ret = v;
    return 0;
}

/* Characters that only lengthen the cell. */
static size_t plain_run(const char *text, size_t n)
{
    size_t k = 0;

    while (k < n && text[k] != ',' && text[k] != '\n' && text[k] != '\r' && text[k] != '\0') {
        k++;
    }
    return k;
}

int validate_feed(struct validator *v, const char *text, size_t n, struct diag *reterr)
{
    static const char bom[] = "\xef\xbb\xbf";
    size_t plain;
    int rc = 0;

    for (size_t i = 0; i < n && rc == 0; i++) {
        if (v->bom < 3 && text[i] == bom[v->bom]) {
            v->bom++; /* the mark that some programs put before UTF-8 */
            continue;
        }
        v->bom = 3;
        if (text[i] == '\n') {
            v->line++;
            if (v->state != CELL_QUOTED) {
                v->line--; /* counted when the row is done, so that it names its own line */
                rc = one_char(v, text[i], reterr);
                v->line++;
                v->row_line = v->line;
                continue;
            }
        }
        plain = v->state == CELL_PLAIN ? plain_run(text + i, n - i) : 0;
        if (plain > 1 && v->cell.n + plain <= CELL_MAX) {
            text_add_n(&v->cell, text + i, plain);
            i += plain - 1;
            continue;
        }
        rc = one_char(v, text[i], reterr);
    }
    return rc;
}

int validate_end(struct validator *v, struct validate_report *ret, struct diag *reterr)
{
    bool open = v->state == CELL_QUOTED;
    int rc = v->some ? row_ends(v, true, reterr) : 0;

    if (rc < 0) {
        return rc;
    }
    if (!v->header_done) {
        return diag_add(reterr, E_SYNTAX, "the file is empty");
    }
    if (open) {
        validate_hit(v, VALIDATE_FORM, DIAG_ERROR, "", "a quote is opened and never closed", NAN);
    }
    validate_close(v);
    v->report.columns = v->n;
    *ret = v->report;
    return 0;
}

void validate_done(struct validator *v)
{
    if (v) {
        text_done(&v->cell);
        free(v);
    }
}
