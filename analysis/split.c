/* analysis/split.c - rows into steps.
 *
 * At rest is a current that cannot be told from none: below 0.5 % of the largest of the recording,
 * or one and a half times the smallest step in which it is given. Slow currents beside fast ones
 * in the same recording stay currents down to that.
 */
#include "analysis/recording.h"

#include "analysis/steps.h"
#include "base/diag.h"
#include "base/err.h"

#include <math.h>
#include <stdlib.h>

#define REST_OF_LARGEST  0.005
#define REST_RESOLUTIONS 1.5
#define ONE_WAY          0.98 /* of the charge moved: less goes both ways */

struct split {
    struct recording *r;
    double rest_a;
    bool numbered; /* the source counts steps */
    size_t n, size;
    struct recording_step *step;
};

double rest_current_a(const struct recording *r)
{
    double most = 0.0, floor_a = 0.0;

    for (size_t k = 0; k < r->n; k++) {
        most = fabs(r->current_a[k]) > most ? fabs(r->current_a[k]) : most;
    }
    if (r->current.resolution > 0.0) {
        floor_a = REST_RESOLUTIONS * r->current.resolution;
    }
    return REST_OF_LARGEST * most > floor_a ? REST_OF_LARGEST * most : floor_a;
}

static int sign_of(double current_a, double rest_a)
{
    return current_a > rest_a ? 1 : current_a < -rest_a ? -1 : 0;
}

static int add(struct split *s, size_t first)
{
    const struct recording *r = s->r;

    if (s->n == s->size) {
        size_t size = 2 * s->size + 64;
        struct recording_step *p = realloc(s->step, size * sizeof(*p));

        if (!p) {
            return E_NOMEM;
        }
        s->step = p;
        s->size = size;
    }
    s->step[s->n++] =
        (struct recording_step){.first = first, .number = r->step[first], .cycle = r->cycle[first]};
    return 0;
}

/* Rows without a current belong to what was under way. */
static bool begins(const struct split *s, size_t k, int *sign)
{
    const struct recording *r = s->r;
    int now;

    if (r->step[k] != r->step[k - 1] || r->cycle[k] != r->cycle[k - 1]) {
        return true;
    }
    if (s->numbered || isnan(r->current_a[k])) {
        return false;
    }
    now = sign_of(r->current_a[k], s->rest_a);
    if (now == *sign) {
        return false;
    }
    *sign = now;
    return true;
}

/* Told from what flowed: one way, both ways, or nothing. */
static enum recording_mode mode_of(const struct split *s, const struct recording_step *st)
{
    const struct recording *r = s->r;
    double in = 0.0, out = 0.0;
    size_t moving = 0, known = 0;

    for (size_t k = st->first; k < st->first + st->n; k++) {
        double dt = k > 0 ? r->t_s[k] - r->t_s[k - 1] : 1.0, i = r->current_a[k];

        if (isnan(i)) {
            continue;
        }
        known++;
        moving += fabs(i) > s->rest_a;
        in += i > s->rest_a ? i * dt : 0.0;
        out -= i < -s->rest_a ? i * dt : 0.0;
    }
    if (2 * moving < known || moving == 0) {
        return in + out > 0.0 && 20 * moving > known ? RECORDING_MIXED : RECORDING_REST;
    }
    if (in >= ONE_WAY * (in + out)) {
        return RECORDING_CHARGE;
    }
    return out >= ONE_WAY * (in + out) ? RECORDING_DISCHARGE : RECORDING_MIXED;
}

static bool is_numbered(const struct recording *r)
{
    for (size_t k = 1; k < r->n; k++) {
        if (r->step[k] != r->step[0]) {
            return true;
        }
    }
    return false;
}

int recording_split(struct recording *r, struct diag *reterr)
{
    struct split s = {.r = r, .rest_a = rest_current_a(r), .numbered = is_numbered(r)};
    int sign = r->n > 0 ? sign_of(r->current_a[0], s.rest_a) : 0;
    int rc = r->n > 0 ? add(&s, 0) : 0;

    for (size_t k = 1; k < r->n && rc == 0; k++) {
        if (begins(&s, k, &sign)) {
            rc = add(&s, k);
            sign = isnan(r->current_a[k]) ? sign : sign_of(r->current_a[k], s.rest_a);
        }
    }
    if (rc < 0) {
        free(s.step);
        return diag_add(reterr, rc, "no memory for %zu steps", s.n);
    }
    for (size_t i = 0; i < s.n; i++) {
        s.step[i].n = (i + 1 < s.n ? s.step[i + 1].first : r->n) - s.step[i].first;
        s.step[i].mode = mode_of(&s, &s.step[i]);
    }
    free(r->steps);
    r->steps = s.step;
    r->n_steps = s.n;
    return 0;
}
