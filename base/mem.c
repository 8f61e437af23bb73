/* base/mem.c - arenas of zeroed blocks, and the list of regions that make up a virtual bench. */
#include "base/mem.h"

#include "base/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_MIN = 16 * 1024,
    ALIGN = _Alignof(max_align_t)
};

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

void arena_done(struct arena *a)
{
    while (a->head) {
        struct arena_block *next = a->head->next;

        free(a->head);
        a->head = next;
    }
    a->total = 0;
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *b = calloc(1, sizeof(*b) + size);

    ASSERT(b != NULL);
    b->size = size;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->head;

    ASSERT(size <= SIZE_MAX / 4);
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (size == 0)
        size = ALIGN;
    if (!b || b->size - b->used < size) {
        size_t want = b && b->size < ((size_t)1 << 20) ? b->size * 2 : BLOCK_MIN;

        b = block_new(want < size ? size : want);
        b->next = a->head;
        a->head = b;
    }
    void *p = b->data + b->used;

    b->used += size;
    a->total += size;
    return p;
}

char *arena_dup_n(struct arena *a, const char *text, size_t n)
{
    char *p = arena_alloc(a, n + 1);

    if (n > 0)
        memcpy(p, text, n);
    return p;
}

char *arena_dup(struct arena *a, const char *text)
{
    return arena_dup_n(a, text, strlen(text));
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
    char brief[256];
    va_list ap, again;
    char *p;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(brief, sizeof(brief), fmt, ap);
    va_end(ap);
    ASSERT(n >= 0);
    if ((size_t)n < sizeof(brief)) {
        p = arena_dup_n(a, brief, (size_t)n);
    } else {
        p = arena_alloc(a, (size_t)n + 1);
        vsnprintf(p, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    return p;
}

void snap_add(struct snap *s, void *p, size_t size)
{
    ASSERT(s->n < SNAP_REGIONS_MAX);
    s->region[s->n].p = p;
    s->region[s->n].size = size;
    s->n++;
    s->total += size;
}

void snap_save(const struct snap *s, void *buf)
{
    unsigned char *to = buf;

    for (size_t i = 0; i < s->n; i++) {
        memcpy(to, s->region[i].p, s->region[i].size);
        to += s->region[i].size;
    }
}

int snap_load(struct snap *s, const void *buf, size_t size)
{
    const unsigned char *from = buf;

    if (size != s->total)
        return E_CORRUPT;
    for (size_t i = 0; i < s->n; i++) {
        memcpy(s->region[i].p, from, s->region[i].size);
        from += s->region[i].size;
    }
    return 0;
}
