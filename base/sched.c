/* base/sched.c - a binary heap ordered by time, then by the order of adding. */
#include "base/sched.h"

#include "base/err.h"

#include <stddef.h>

static bool earlier(const struct sched_entry *a, const struct sched_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct sched_entry *a, struct sched_entry *b)
{
    struct sched_entry t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(struct sched *s, uint32_t i)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / 2;

        if (!earlier(&s->heap[i], &s->heap[parent]))
            return;
        swap(&s->heap[i], &s->heap[parent]);
        i = parent;
    }
}

static void sift_down(struct sched *s, uint32_t i)
{
    for (;;) {
        uint32_t left = 2 * i + 1, right = left + 1, least = i;

        if (left < s->n && earlier(&s->heap[left], &s->heap[least]))
            least = left;
        if (right < s->n && earlier(&s->heap[right], &s->heap[least]))
            least = right;
        if (least == i)
            return;
        swap(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

void sched_init(struct sched *s)
{
    *s = (struct sched){0};
}

int sched_add(struct sched *s, nsec at, uint16_t kind, uint16_t index, uint32_t arg)
{
    if (s->n >= SCHED_MAX)
        return E_FULL;
    s->heap[s->n] = (struct sched_entry){
        .at = at, .order = s->order++, .kind = kind, .index = index, .arg = arg};
    sift_up(s, s->n++);
    return 0;
}

unsigned sched_cancel(struct sched *s, uint16_t kind, uint16_t index)
{
    uint32_t kept = 0, before = s->n;

    for (uint32_t i = 0; i < s->n; i++)
        if (s->heap[i].kind != kind || s->heap[i].index != index)
            s->heap[kept++] = s->heap[i];
    if (kept == before)
        return 0;
    /* What is behind the end takes part in checkpoints: it is cleared, so that equal states are
     * equal bytes. */
    for (uint32_t i = kept; i < before; i++)
        s->heap[i] = (struct sched_entry){0};
    s->n = kept;
    for (uint32_t i = kept / 2; i-- > 0;)
        sift_down(s, i);
    return before - kept;
}

const struct sched_entry *sched_peek(const struct sched *s)
{
    return s->n > 0 ? &s->heap[0] : NULL;
}

bool sched_pop(struct sched *s, struct sched_entry *ret_entry)
{
    if (s->n == 0)
        return false;
    *ret_entry = s->heap[0];
    s->n--;
    s->heap[0] = s->heap[s->n];
    s->heap[s->n] = (struct sched_entry){0};
    sift_down(s, 0);
    return true;
}
