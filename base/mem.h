/* base/mem.h - arenas: what lives together dies together. Everything compiled or loaded from a file
 * sits in one; nothing allocates on the path event -> effect.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/attr.h"

#include <stddef.h>

struct arena_block;
struct arena {
    struct arena_block *head;
    size_t total; /* bytes handed out */
};

void arena_init(struct arena *a);
void arena_done(struct arena *a); /* frees all; takes a zeroed one */
/* Zeroed, aligned for any type. Never NULL: out of memory is fatal through assert_failed (a test
 * may set a hook). */
void *arena_alloc(struct arena *a, size_t size);
char *arena_dup(struct arena *a, const char *text);
char *arena_dup_n(struct arena *a, const char *text, size_t n);
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/* Flat mutable regions of a program (scheduler, queues, emulators, world): registered once, in the
 * same order at each start, so that a whole virtual bench can be saved and put back. */
enum {
    SNAP_REGIONS_MAX = 96
};
struct snap {
    size_t n, total;
    struct {
        void *p;
        size_t size;
    } region[SNAP_REGIONS_MAX];
};
void snap_add(struct snap *s, void *p, size_t size);
/* Copy all regions to buf (total bytes). */
void snap_save(const struct snap *s, void *buf);
/* E_CORRUPT when size is not total; nothing is changed then. */
int snap_load(struct snap *s, const void *buf, size_t size) MUST_USE;

#endif
