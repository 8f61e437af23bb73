/* benchctl/diff_align.c - two lists side by side: the pairing with the highest score. */
#include "benchctl/diff_priv.h"

#include "base/err.h"

#include <stdlib.h>

enum {
    CELLS_MAX = 24 * 1000 * 1000
};

struct board {
    int n, m; /* of what is between the like beginnings and ends */
    int skip; /* like at the beginning */
    uint16_t *best;
    int (*score)(const void *ctx, int a, int b);
    const void *ctx;
};

static uint16_t *best_at(const struct board *t, int i, int j)
{
    return &t->best[(size_t)i * (size_t)(t->m + 1) + (size_t)j];
}

/* best(i, j): of the rests from i and j on. */
static void fill(const struct board *t)
{
    for (int i = t->n; i >= 0; i--) {
        for (int j = t->m; j >= 0; j--) {
            uint16_t *here = best_at(t, i, j);
            int s;

            *here = 0;
            if (i == t->n || j == t->m) {
                continue;
            }
            *here = *best_at(t, i + 1, j) > *best_at(t, i, j + 1) ? *best_at(t, i + 1, j)
                                                                  : *best_at(t, i, j + 1);
            s = t->score(t->ctx, t->skip + i, t->skip + j);
            if (s > 0 && *best_at(t, i + 1, j + 1) + s > *here) {
                *here = (uint16_t)(*best_at(t, i + 1, j + 1) + s);
            }
        }
    }
}

static int walk(const struct board *t, struct aligned *out)
{
    int i = 0, j = 0, n = 0;

    while (i < t->n || j < t->m) {
        int s = i < t->n && j < t->m ? t->score(t->ctx, t->skip + i, t->skip + j) : 0;

        if (s > 0 && *best_at(t, i, j) == *best_at(t, i + 1, j + 1) + s) {
            out[n++] = (struct aligned){t->skip + i++, t->skip + j++};
        } else if (j == t->m || (i < t->n && *best_at(t, i, j) == *best_at(t, i + 1, j))) {
            out[n++] = (struct aligned){t->skip + i++, -1};
        } else {
            out[n++] = (struct aligned){-1, t->skip + j++};
        }
    }
    return n;
}

static int align_middle(struct board *t, struct aligned *out)
{
    int n;

    if ((int64_t)(t->n + 1) * (t->m + 1) > CELLS_MAX) {
        return E_FULL;
    }
    t->best = calloc((size_t)(t->n + 1) * (size_t)(t->m + 1), sizeof(*t->best));
    if (!t->best) {
        return E_NOMEM;
    }
    fill(t);
    n = walk(t, out);
    free(t->best);
    return n;
}

int align(int n_a, int n_b, int (*score)(const void *ctx, int a, int b), const void *ctx,
          struct aligned **ret)
{
    struct aligned *out = calloc((size_t)(n_a + n_b + 1), sizeof(*out));
    struct board t = {.score = score, .ctx = ctx};
    int end = 0, n = 0, middle;

    if (!out) {
        return E_NOMEM;
    }
    while (t.skip < n_a && t.skip < n_b && score(ctx, t.skip, t.skip) == ALIGN_SAME) {
        out[n++] = (struct aligned){t.skip, t.skip};
        t.skip++;
    }
    while (end < n_a - t.skip && end < n_b - t.skip &&
           score(ctx, n_a - 1 - end, n_b - 1 - end) == ALIGN_SAME) {
        end++;
    }
    t.n = n_a - t.skip - end;
    t.m = n_b - t.skip - end;
    middle = align_middle(&t, out + n);
    if (middle < 0) {
        free(out);
        return middle;
    }
    n += middle;
    for (int i = end; i > 0; i--) {
        out[n++] = (struct aligned){n_a - i, n_b - i};
    }
    *ret = out;
    return n;
}
