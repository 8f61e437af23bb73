/* drivers/wire/line.c - text lines: finding their ends, taking them apart. */
#include "drivers/wire/line.h"

#include "base/err.h"
#include "base/str.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool line_ends(const struct line_reader *r, const char *terminator, size_t n_terminator)
{
    return r->n >= n_terminator &&
           memcmp(r->buf + r->n - n_terminator, terminator, n_terminator) == 0;
}

/* While a long line passes by, only its last byte is kept: enough to see a terminator of two. */
static void line_skip(struct line_reader *r, const char *terminator, size_t n_terminator)
{
    if (line_ends(r, terminator, n_terminator)) {
        r->skipping = false;
        r->n = 0;
    } else {
        r->buf[0] = r->buf[r->n - 1];
        r->n = 1;
    }
}

bool line_take(struct line_reader *r, const char *terminator, uint8_t byte)
{
    size_t n_terminator = strlen(terminator);

    ASSERT(n_terminator == 1 || n_terminator == 2);
    if (r->complete) {
        r->complete = false;
        r->n = 0;
    }
    if (byte == 0x00 || byte == 0x08)
        return false;
    ASSERT(r->n < sizeof(r->buf));
    r->buf[r->n++] = (char)byte;
    if (r->skipping) {
        line_skip(r, terminator, n_terminator);
        return false;
    }
    if (line_ends(r, terminator, n_terminator)) {
        r->n = (uint16_t)(r->n - n_terminator);
        r->buf[r->n] = '\0';
        r->complete = true;
        return true;
    }
    /* The terminator's own bytes may stand beyond the longest text, nothing else. */
    if (r->n >= LINE_MAX_BYTES + n_terminator) {
        r->overruns++;
        r->skipping = true;
        r->buf[0] = (char)byte;
        r->n = 1;
    }
    return false;
}

bool line_field(const char **text, char sep, const char **ret_field, size_t *ret_n)
{
    const char *p = *text;
    const char *end;

    if (sep == ' ') {
        while (is_blank(*p))
            p++;
        end = p;
        while (*end != '\0' && !is_blank(*end))
            end++;
    } else {
        end = p;
        while (*end != '\0' && *end != sep)
            end++;
    }
    if (*p == '\0') {
        *text = p;
        return false;
    }
    *ret_field = p;
    *ret_n = (size_t)(end - p);
    if (sep == ' ') {
        while (is_blank(*end))
            end++;
    } else if (*end == sep) {
        end++;
    }
    *text = end;
    return true;
}

int line_number(const char **text, char sep, double *ret_value)
{
    const char *rest = *text;
    const char *field;
    size_t n;

    if (!line_field(&rest, sep, &field, &n))
        return E_SYNTAX;
    while (n > 0 && is_blank(field[0])) {
        field++;
        n--;
    }
    while (n > 0 && is_blank(field[n - 1]))
        n--;
    if (str_to_double(field, n, ret_value) != 0)
        return E_SYNTAX;
    *text = rest;
    return 0;
}
