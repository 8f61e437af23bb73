/* benchctl/output.c - how tables and values look on the terminal.
 *
 * Cells are kept as text until the table is whole, because a column is as wide as its widest cell.
 * Widths count characters that take room: a colour sequence has none and a UTF-8 letter has one.
 */
#include "base/err.h"
#include "benchctl/cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Columns that `text` takes on a terminal. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (const char *p = text; *p != '\0'; p++) {
        if (p[0] == '\033' && p[1] == '[') {
            while (*p != '\0' && *p != 'm') {
                p++;
            }
            if (*p == '\0') {
                break;
            }
        } else if (((unsigned char)*p & 0xc0U) != 0x80U) {
            n++;
        }
    }
    return n;
}

/* Cells lie one after the other, each with its NUL. */
static void cells_put(struct table *t, const char *text)
{
    size_t n = strlen(text) + 1;

    if (t->used + n > t->size) {
        size_t size = 2 * t->size + n + 1024;
        char *grown = realloc(t->cells, size);

        ASSERT(grown != NULL);
        t->cells = grown;
        t->size = size;
    }
    memcpy(t->cells + t->used, text, n);
    t->used += n;
}

void table_begin(struct table *t, unsigned n_columns, unsigned right, const char *const *headers)
{
    ASSERT(n_columns > 0 && n_columns <= 32);
    *t = (struct table){.n_columns = n_columns, .right = right};
    for (unsigned i = 0; headers && i < n_columns; i++) {
        table_cell(t, "%s", headers[i]);
    }
}

void table_cell(struct table *t, const char *fmt, ...)
{
    char brief[160];
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(brief, sizeof(brief), fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof(brief)) {
        cells_put(t, brief);
    } else {
        char *whole = malloc((size_t)n + 1);

        ASSERT(whole != NULL);
        vsnprintf(whole, (size_t)n + 1, fmt, again);
        cells_put(t, whole);
        free(whole);
    }
    va_end(again);
    t->n_cells++;
}

static void pad(struct text *out, size_t n)
{
    while (n-- > 0) {
        text_add_n(out, " ", 1);
    }
}

/* The last cell of a row that is not empty; what follows it would be blanks at the line's end. */
static unsigned last_filled(const char *row, unsigned n)
{
    unsigned last = 0;

    for (unsigned i = 0; i < n; i++, row += strlen(row) + 1) {
        last = row[0] != '\0' ? i : last;
    }
    return last;
}

static const char *row_print(struct table *t, const char *row, unsigned n, const size_t *width)
{
    unsigned last = last_filled(row, n);

    for (unsigned i = 0; i < n; i++, row += strlen(row) + 1) {
        size_t gap = width[i] - width_of(row);
        bool right = (t->right >> i & 1U) != 0;

        if (i > last) {
            continue;
        }
        if (i > 0) {
            pad(&t->out, 2);
        }
        if (right) {
            pad(&t->out, gap);
        }
        text_add_n(&t->out, row, strlen(row));
        if (!right && i < last) {
            pad(&t->out, gap);
        }
    }
    text_add_n(&t->out, "\n", 1);
    return row;
}

void table_print(struct table *t, FILE *to)
{
    size_t width[32] = {0};
    unsigned cells = t->n_cells;
    const char *p = t->cells;

    for (unsigned k = 0; k < cells; k++, p += strlen(p) + 1) {
        size_t w = width_of(p);

        width[k % t->n_columns] = w > width[k % t->n_columns] ? w : width[k % t->n_columns];
    }
    p = t->cells;
    for (unsigned k = 0; k < cells; k += t->n_columns) {
        p = row_print(t, p, cells - k < t->n_columns ? cells - k : t->n_columns, width);
    }
    if (to && t->out.n > 0) {
        fwrite(t->out.p, 1, t->out.n, to);
    }
    text_done(&t->out);
    free(t->cells);
    *t = (struct table){0};
}

const char *duration_text(double s, char *buf, size_t size)
{
    if (!isfinite(s)) {
        str_copy(buf, size, "-");
        return buf;
    }
    return qty_print(s, DIMS_TIME, false, buf, size);
}

const char *value_text(double si, struct dims d, bool point, char *buf, size_t size)
{
    if (isnan(si)) {
        str_copy(buf, size, "-");
        return buf;
    }
    return qty_print(si, d, point, buf, size);
}
