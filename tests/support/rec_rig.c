/* tests/support/rec_rig.c - recordings made up row by row. */
#include "tests/support/rec_rig.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>

void rec_begin(struct recording *r, size_t rows, unsigned n_extra, const char *const *names)
{
    size_t doubles = 3 + n_extra;
    double *p = malloc(rows * (doubles * sizeof(double) + 2 * sizeof(uint32_t)));

    ASSERT(p != NULL && n_extra <= REC_EXTRA_MAX);
    *r = (struct recording){
        .t_s = p,
        .voltage_v = p + rows,
        .current_a = p + 2 * rows,
        .n_extra = n_extra,
        .voltage = {NAN, NAN, NAN},
        .current = {NAN, NAN, NAN},
        .capacity_ah = NAN,
        .block = p
    };
    r->step = (uint32_t *)(void *)(p + doubles * rows);
    r->cycle = r->step + rows;
    for (unsigned i = 0; i < n_extra; i++) {
        str_copy(r->extra[i].name, sizeof(r->extra[i].name), names[i]);
        r->extra[i].v = p + (3 + i) * rows;
    }
}

void rec_row(struct recording *r, double t_s, double v_v, double i_a, uint32_t step, uint32_t cycle)
{
    size_t k = r->n++;

    r->t_s[k] = t_s;
    r->voltage_v[k] = v_v;
    r->current_a[k] = i_a;
    r->step[k] = step;
    r->cycle[k] = cycle;
    for (unsigned i = 0; i < r->n_extra; i++) {
        r->extra[i].v[k] = k > 0 ? r->extra[i].v[k - 1] : (double)NAN;
    }
}

void rec_set(struct recording *r, unsigned extra, double v)
{
    r->extra[extra].v[r->n - 1] = v;
}

void rec_end(struct recording *r)
{
    int rc = recording_split(r, NULL);

    ASSERT(rc == 0);
}
