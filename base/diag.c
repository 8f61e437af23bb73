/* base/diag.c - collecting findings and laying them out for a terminal. */
#include "base/diag.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    LEFT_MAX = 110,
    LEFT_KEPT = 60
}; /* a place further right than LEFT_MAX shows its neighbourhood only */

void diag_init(struct diag *d)
{
    d->n = 0;
    d->dropped = 0;
}

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0u) == 0x80u;
}

/* Cut a text that filled its buffer back to a whole character. */
static void trim_tail(char *buf, size_t size)
{
    size_t n = strlen(buf), head;

    if (n + 1 < size || n == 0)
        return;
    for (head = n - 1; head > 0 && is_tail(buf[head]); head--)
        ;
    unsigned char c = (unsigned char)buf[head];
    size_t want = c >= 0xF0u ? 4 : c >= 0xE0u ? 3 : c >= 0xC0u ? 2 : 1;

    if (n - head < want)
        buf[head] = '\0';
}

static void print_text(char *buf, size_t size, const char *fmt, va_list ap)
{
    if (vsnprintf(buf, size, fmt, ap) < 0)
        buf[0] = '\0';
    trim_tail(buf, size);
}

/* The source line is copied so that it can be printed: nothing in it may steer a terminal. */
static void copy_source(struct diag_finding *f, const char *text)
{
    size_t n = 0;

    f->cut = 0;
    if (f->column > LEFT_MAX)
        f->cut = f->column - 1 - LEFT_KEPT;
    for (int skip = f->cut; skip > 0 && *text; skip--) {
        text++;
        while (is_tail(*text))
            text++;
    }
    for (; *text && *text != '\n' && n + 1 < sizeof(f->source); text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '\t')
            f->source[n++] = ' ';
        else if (c == '\r' && (text[1] == '\0' || text[1] == '\n'))
            break;
        else
            f->source[n++] = c < 0x20u || c == 0x7Fu ? '?' : *text;
    }
    f->source[n] = '\0';
    trim_tail(f->source, sizeof(f->source));
}

static struct diag_finding *next_finding(struct diag *d, int code, enum diag_level level,
                                         const struct diag_pos *pos)
{
    struct diag_finding *f;

    if (!d)
        return NULL;
    if (d->n >= DIAG_FINDINGS_MAX) {
        d->dropped++;
        return NULL;
    }
    f = &d->finding[d->n++];
    memset(f, 0, sizeof(*f));
    f->code = code;
    f->level = level;
    if (!pos)
        return f;
    if (pos->file) {
        snprintf(f->file, sizeof(f->file), "%s", pos->file);
        trim_tail(f->file, sizeof(f->file));
    }
    f->line = pos->line;
    f->column = pos->column;
    f->length = pos->length;
    if (pos->text)
        copy_source(f, pos->text);
    return f;
}

int diag_add(struct diag *d, int code, const char *fmt, ...)
{
    struct diag_finding *f = next_finding(d, code, DIAG_ERROR, NULL);
    va_list ap;

    if (f) {
        va_start(ap, fmt);
        print_text(f->text, sizeof(f->text), fmt, ap);
        va_end(ap);
    }
    return code;
}

int diag_at(struct diag *d, int code, const struct diag_pos *pos, const char *fmt, ...)
{
    struct diag_finding *f = next_finding(d, code, DIAG_ERROR, pos);
    va_list ap;

    if (f) {
        va_start(ap, fmt);
        print_text(f->text, sizeof(f->text), fmt, ap);
        va_end(ap);
    }
    return code;
}

int diag_warn_at(struct diag *d, const struct diag_pos *pos, const char *fmt, ...)
{
    struct diag_finding *f = next_finding(d, 0, DIAG_WARN, pos);
    va_list ap;

    if (f) {
        va_start(ap, fmt);
        print_text(f->text, sizeof(f->text), fmt, ap);
        va_end(ap);
    }
    return 0;
}

/* When findings are dropped, hint and context belong to one that is not there. */
static struct diag_finding *newest(struct diag *d)
{
    if (!d || d->n == 0 || d->dropped > 0)
        return NULL;
    return &d->finding[d->n - 1];
}

void diag_hint(struct diag *d, const char *fmt, ...)
{
    struct diag_finding *f = newest(d);
    va_list ap;

    if (!f)
        return;
    va_start(ap, fmt);
    print_text(f->hint, sizeof(f->hint), fmt, ap);
    va_end(ap);
}

int diag_wrap(struct diag *d, const char *fmt, ...)
{
    struct diag_finding *f = newest(d);
    char outer[DIAG_TEXT_MAX], inner[DIAG_TEXT_MAX];
    va_list ap;

    if (!f)
        return d && d->n > 0 ? d->finding[d->n - 1].code : E_INVALID;
    va_start(ap, fmt);
    print_text(outer, sizeof(outer), fmt, ap);
    va_end(ap);
    memcpy(inner, f->text, sizeof(inner));
    size_t n = strlen(outer);

    /* The cause is worth more than its contexts: a chain that is too long loses its outermost
     * words. */
    if (n + 4 + strlen(inner) >= sizeof(f->text))
        return f->code;
    memcpy(f->text, outer, n);
    memcpy(f->text + n, " <- ", 4);
    memcpy(f->text + n + 4, inner, strlen(inner) + 1);
    return f->code;
}

bool diag_has_errors(const struct diag *d)
{
    return diag_code(d) != 0 || d->dropped > 0;
}

int diag_code(const struct diag *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->finding[i].level == DIAG_ERROR)
            return d->finding[i].code;
    return 0;
}

/* ---- Layout ---- */

struct out {
    char *buf;
    size_t size, n;
};

static void PRINTF(2, 3) put(struct out *o, const char *fmt, ...)
{
    size_t left = o->n < o->size ? o->size - o->n : 0;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(left ? o->buf + o->n : NULL, left, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->n += (size_t)n;
}

static int count_chars(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += !is_tail(*s);
    return n;
}

static void put_word(struct out *o, enum diag_level level, bool colour)
{
    static const char *const words[] = {"error", "warn", "note"};
    static const char *const colours[] = {"\033[31m", "\033[33m", ""};

    if (colour && level != DIAG_NOTE)
        put(o, "%s%s\033[0m: ", colours[level], words[level]);
    else
        put(o, "%s: ", words[level]);
}

static void put_source(struct out *o, const struct diag_finding *f)
{
    const char *dots = f->cut > 0 ? "..." : "";
    int lead = f->column - 1 - f->cut + (int)strlen(dots);
    int room = count_chars(f->source) - (f->column - 1 - f->cut);
    int tail = f->length - 1;

    if (tail > room - 1)
        tail = room - 1;
    if (lead < 0)
        lead = 0;
    put(o, "%5d | %s%s\n", f->line, dots, f->source);
    put(o, "      | %*s^", lead, "");
    for (int i = 0; i < tail; i++)
        put(o, "~");
    if (f->hint[0])
        put(o, " %s", f->hint);
    put(o, "\n");
}

static void put_finding(struct out *o, const struct diag_finding *f, bool colour)
{
    if (f->file[0])
        put(o, "%s:", f->file);
    if (f->line > 0)
        put(o, "%d:%d:", f->line, f->column);
    if (f->file[0] || f->line > 0)
        put(o, " ");
    put_word(o, f->level, colour);
    put(o, "%s\n", f->text);
    if (f->line > 0 && f->source[0])
        put_source(o, f);
    else if (f->hint[0])
        put(o, "       %s\n", f->hint);
}

size_t diag_format(const struct diag *d, char *buf, size_t size, bool colour)
{
    struct out o = {.buf = buf, .size = size};

    if (size > 0)
        buf[0] = '\0';
    for (size_t i = 0; i < d->n; i++)
        put_finding(&o, &d->finding[i], colour);
    if (d->dropped > 0)
        put(&o, "and %zu more\n", d->dropped);
    return o.n;
}
