/* analysis/track.c - which peak of one cycle is which of the next.
 *
 * Peaks keep their order, so two rows of them are aligned like two words: pairing costs how far a
 * peak moved (in widths of the gate) and how its height changed; a peak that has no partner costs
 * one. A feature may be missing for a while and come back.
 */
#include "analysis/ica.h"

#include <math.h>
#include <string.h>

enum {
    TRACKS_MAX = 32
};
#define ALONE 1.0

struct track {
    unsigned number;
    double x, height;
};

struct tracks {
    unsigned n, made;
    struct track row[TRACKS_MAX];
};

static double pairing(const struct track *t, const struct curve_peak *p, double within)
{
    double far = fabs(p->x - t->x) / within;

    return far > 1.0 ? (double)INFINITY : far + fabs(log(p->height / t->height));
}

/* Walk back through the table of costs and give the paired peaks their track. */
static void assign(struct tracks *t, struct curve *c, double within,
                   double (*cost)[CURVE_PEAKS_MAX + 1])
{
    unsigned i = t->n, k = c->n_peaks;

    while (i > 0 && k > 0) {
        double both = cost[i - 1][k - 1] + pairing(&t->row[i - 1], &c->peak[k - 1], within);

        if (both <= cost[i][k]) {
            c->peak[k - 1].track = t->row[i - 1].number;
            i--;
            k--;
        } else if (cost[i - 1][k] + ALONE <= cost[i][k]) {
            i--;
        } else {
            k--;
        }
    }
}

static void align(struct tracks *t, struct curve *c, double within)
{
    double cost[TRACKS_MAX + 1][CURVE_PEAKS_MAX + 1];

    for (unsigned i = 0; i <= t->n; i++) {
        for (unsigned k = 0; k <= c->n_peaks; k++) {
            double best = i + k == 0 ? 0.0 : (double)INFINITY;

            if (i > 0) {
                best = fmin(best, cost[i - 1][k] + ALONE);
            }
            if (k > 0) {
                best = fmin(best, cost[i][k - 1] + ALONE);
            }
            if (i > 0 && k > 0) {
                best = fmin(best,
                            cost[i - 1][k - 1] + pairing(&t->row[i - 1], &c->peak[k - 1], within));
            }
            cost[i][k] = best;
        }
    }
    assign(t, c, within, cost);
}

/* In order of x, so that the next alignment finds them in it. */
static void put(struct tracks *t, const struct curve_peak *p)
{
    unsigned at = 0;

    for (unsigned i = 0; i < t->n; i++) {
        if (t->row[i].number == p->track) {
            memmove(&t->row[i], &t->row[i + 1], (t->n - i - 1) * sizeof(t->row[0]));
            t->n--;
            break;
        }
    }
    if (t->n == TRACKS_MAX) {
        return;
    }
    while (at < t->n && t->row[at].x < p->x) {
        at++;
    }
    memmove(&t->row[at + 1], &t->row[at], (t->n - at) * sizeof(t->row[0]));
    t->row[at] = (struct track){p->track, p->x, p->height};
    t->n++;
}

void ica_track(struct ica *a, double within)
{
    struct tracks t[2] = {{0}, {0}};
    unsigned made = 0;

    for (size_t i = 0; i < a->n; i++) {
        struct ica_half *h = &a->half[i];
        struct tracks *of = &t[h->charge];
        double gate = a->kind == ICA_DQ_DV ? within : within * h->charge_ah;

        if (h->why) {
            continue;
        }
        align(of, &h->curve, gate);
        for (unsigned k = 0; k < h->curve.n_peaks; k++) {
            struct curve_peak *p = &h->curve.peak[k];

            p->track = p->track ? p->track : ++made;
            put(of, p);
        }
    }
    a->n_tracks = made;
}
