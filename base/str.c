/* base/str.c - text: copying with bounds, likeness, growing. */
#include "base/str.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORD_MAX = 64
};

int str_fmt(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n >= 0 && (size_t)n < size ? 0 : E_FULL;
}

bool str_copy(char *buf, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (size == 0)
        return false;
    size_t kept = n < size ? n : size - 1;

    memcpy(buf, text, kept);
    buf[kept] = '\0';
    return kept == n;
}

bool str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swapped neighbours count one each. */
unsigned str_distance(const char *a, const char *b, unsigned most)
{
    unsigned row[3][WORD_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > WORD_MAX || nb > WORD_MAX)
        return strcmp(a, b) == 0 ? 0 : most + 1;
    for (unsigned j = 0; j <= nb; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= na; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            unsigned d = last[j - 1] + (a[i - 1] != b[j - 1]);

            d = least(d, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = least(d, before[j - 2] + 1);
            now[j] = d;
        }
    }
    return least(row[na % 3][nb], most + 1);
}

const char *str_nearest(const char *word, const char *const *list)
{
    unsigned best = (unsigned)(strlen(word) / 3) + 1;
    const char *found = NULL;

    for (; *list; list++) {
        unsigned d = best > 0 ? str_distance(word, *list, best - 1) : 1;

        if (d < best) {
            best = d;
            found = *list;
        }
    }
    return found;
}

static void text_reserve(struct text *t, size_t more)
{
    size_t want = t->size ? t->size : 256;

    ASSERT(more < SIZE_MAX / 4 && t->n < SIZE_MAX / 4);
    if (t->n + more + 1 <= t->size)
        return;
    while (want < t->n + more + 1)
        want *= 2;
    char *p = realloc(t->p, want);

    ASSERT(p != NULL);
    t->p = p;
    t->size = want;
}

void text_add_n(struct text *t, const char *p, size_t n)
{
    text_reserve(t, n);
    if (n > 0)
        memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}

void text_add(struct text *t, const char *fmt, ...)
{
    char brief[256];
    va_list ap, again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(brief, sizeof(brief), fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof(brief)) {
        text_add_n(t, brief, (size_t)n);
    } else {
        text_reserve(t, (size_t)n);
        vsnprintf(t->p + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
}

void text_done(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}
