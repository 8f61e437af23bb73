/* base/sched.h - what is due next: a flat binary heap of (when, what). No pointers, so that a whole
 * simulation can be copied into a checkpoint. Equal times come out in the order they were put in.
 */
#ifndef BASE_SCHED_H
#define BASE_SCHED_H

#include "base/nsec.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SCHED_MAX = 256
};

struct sched_entry {
    nsec at;
    uint64_t order;
    uint16_t kind, index; /* the owner's words: which sort of thing, which one of them */
    uint32_t arg;
};

struct sched {
    uint64_t order;
    uint32_t n;
    struct sched_entry heap[SCHED_MAX];
};

void sched_init(struct sched *s);
/* 0, or E_FULL. */
int sched_add(struct sched *s, nsec at, uint16_t kind, uint16_t index, uint32_t arg);
/* Remove every entry of this kind and index; returns how many. */
unsigned sched_cancel(struct sched *s, uint16_t kind, uint16_t index);
/* Earliest entry without removing it; NULL when empty. */
const struct sched_entry *sched_peek(const struct sched *s);
bool sched_pop(struct sched *s, struct sched_entry *ret_entry);

#endif
