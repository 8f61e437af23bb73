/* procedures/engine/profile_check.c - can the cycler follow this profile, and may it? */
#include "procedures/engine/check_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* A change of mode is a dialogue: off-state, output, functions, limits, output and a last look. */
enum {
    MODE_REQUESTS = 8
};

struct look {
    const struct program *p;
    const struct drive *d;
    struct check_report *r;
    struct diag *diag;
    double factor; /* amperes of a value of 1 at most; NaN: known in the run only */
    double least_factor;
    int code;
};

/* The whole line of a row. */
static const struct diag_pos *row_place(const struct look *l, uint32_t k, struct diag_pos *buf)
{
    const char *line = l->d->text;

    for (int i = 1; i < l->d->line[k]; i++)
        line += strcspn(line, "\n") + 1;
    *buf = (struct diag_pos){.file = l->d->file, .line = l->d->line[k], .column = 1, .text = line};
    buf->length = (int)strcspn(line, "\r\n");
    return buf;
}

static int refuse(struct look *l, int code)
{
    if (l->code == 0)
        l->code = code;
    return code;
}

static int way_of(double v)
{
    return v > 0.0 ? 1 : v < 0.0 ? -1 : 0;
}

static bool has_two_limits(const struct program *p)
{
    return p->role.limit_charge != CHAN_NONE && p->role.limit_discharge != CHAN_NONE;
}

static const struct station_chan *limit_of(const struct program *p, int way)
{
    chan_id c = !has_two_limits(p) ? p->role.current_limit
                : way < 0          ? p->role.limit_discharge
                                   : p->role.limit_charge;

    return c == CHAN_NONE ? NULL : &p->station.chan[c];
}

/* ---- How large ---- */

static void find_factor(struct look *l)
{
    const struct program *p = l->p;
    struct interval x = {1.0, 1.0, false};
    struct diag_pos buf;

    if (l->d->scale != PROG_NONE)
        x = bounds_expr(p, l->d->scale);
    if (!x.measured && !(x.lo > 0.0)) {
        buf = p->exprs[l->d->scale].place;
        refuse(l, diag_at(l->diag, E_RANGE, &buf, "a scale is above zero"));
    }
    l->factor = x.measured ? (double)NAN : x.hi;
    l->least_factor = x.measured ? (double)NAN : x.lo;
    if (l->d->kind == DRIVE_CRATE) {
        l->factor *= bounds_one_c_measured(p) ? (double)NAN : p->one_c_a;
        l->least_factor *= bounds_one_c_measured(p) ? (double)NAN : p->one_c_a;
    } else if (l->d->kind ==
               DRIVE_POWER) { /* the voltage makes it a current: at best the highest */
        l->factor /= p->v_hi;
        l->least_factor /= p->v_hi;
    }
    if (isnan(l->factor) || l->d->kind == DRIVE_POWER)
        l->r->runtime_bounded++;
}

static void check_most(struct look *l, int way)
{
    const struct program *p = l->p;
    const struct station_chan *chan = limit_of(p, way);
    const char *what = way > 0 ? "charging" : "discharging";
    double article = way > 0 ? p->charge_max_a : p->discharge_max_a, most = 0.0, limit;
    double *told = way > 0 ? &l->r->charge_max_a : &l->r->discharge_max_a;
    uint32_t at = 0;
    char a[32], b[32];
    struct diag_pos buf;
    bool bench;

    for (uint32_t k = 0; k < l->d->n; k++)
        if (way * l->d->value[k] * l->factor > most) {
            most = way * l->d->value[k] * l->factor;
            at = k;
        }
    *told = fmax(*told, most);
    bench = chan && chan->max < article;
    limit = bench ? chan->max : article;
    if (most <= limit * (1.0 + 1e-9))
        return;
    refuse(l, diag_at(l->diag, E_RANGE, row_place(l, at, &buf),
                      "the %s current is %s here; %s allows at most %s", what,
                      qty_print(most, DIMS_CURRENT, false, a, sizeof(a)),
                      bench ? "the bench" : "the article",
                      qty_print(limit, DIMS_CURRENT, false, b, sizeof(b))));
    diag_hint(l->diag, l->d->kind == DRIVE_POWER
                           ? "scale: 0.5 halves it (even at the highest voltage)"
                           : "scale: 0.5 halves it");
}

/* Smaller than the cycler can limit: said, for the output rests there. */
static void check_least(struct look *l)
{
    uint32_t first = l->d->n, n = 0;
    double first_a = 0.0, least = 0.0;
    char a[32], b[32];
    struct diag_pos buf;

    for (uint32_t k = 0; k < l->d->n; k++) {
        const struct station_chan *chan = limit_of(l->p, way_of(l->d->value[k]));
        double amps = fabs(l->d->value[k]) * l->least_factor;

        if (!(amps > 0.0) || !chan || !(amps < chan->min - 0.5 * chan->resolution))
            continue;
        if (n++ == 0) {
            first = k;
            first_a = amps;
            least = chan->min;
        }
    }
    if (n == 0)
        return;
    diag_warn_at(l->diag, row_place(l, first, &buf),
                 "%s is less than the cycler can limit (%s): it rests there, in %u rows of %u",
                 qty_print(first_a, DIMS_CURRENT, false, a, sizeof(a)),
                 qty_print(least, DIMS_CURRENT, false, b, sizeof(b)), n, l->d->n);
}

/* ---- How fast ---- */

/* A current that the cycler cannot limit so far down is a rest. */
static bool is_rest(const struct look *l, double v)
{
    const struct station_chan *chan = limit_of(l->p, way_of(v));

    if (!chan || !(chan->min > 0.0))
        return false;
    return way_of(v) == 0 || fabs(v) * l->least_factor < chan->min - 0.5 * chan->resolution;
}

/* Requests until the row flows, coming from the one before. */
static unsigned requests_of(const struct look *l, double before, double v)
{
    bool two = has_two_limits(l->p), turned = way_of(before) * way_of(v) < 0;
    unsigned n = two && turned ? 2 : 1;

    if (is_rest(l, before) != is_rest(l, v))
        return MODE_REQUESTS + (is_rest(l, v) ? 0 : 2); /* limit, level, mode */
    if (is_rest(l, v))
        return 0;
    if (!(before < v) && !(before > v) && l->d->kind != DRIVE_POWER)
        return 0;
    return n + (turned ? 1u : 0u);
}

/* Each row is set and then read once at least, else what flowed in it is not counted. */
static void check_steps(struct look *l)
{
    const struct program *p = l->p;
    const struct drive *d = l->d;
    double fastest_s, need_s, least_s = 0.0;
    uint32_t first = d->n, n = 0;
    unsigned first_requests = 0, requests;
    struct diag_pos buf;
    char a[32], b[32], c[32];

    if (p->role.current == CHAN_NONE ||
        p->station.chan[p->role.current].group >= p->station.n_groups)
        return;
    fastest_s = p->station.group[p->station.chan[p->role.current].group].fastest_s;
    for (uint32_t k = 0; k < d->n; k++) {
        requests = k == 0 ? 0 : requests_of(l, d->value[k - 1], d->value[k]);
        need_s = (requests + 1) * fastest_s;
        if (d->at_s[k + 1] - d->at_s[k] >= need_s * (1.0 - 1e-9))
            continue;
        least_s = fmax(least_s, need_s);
        if (n++ == 0) {
            first = k;
            first_requests = requests;
        }
    }
    if (n == 0)
        return;
    refuse(l,
           diag_at(l->diag, E_RANGE, row_place(l, first, &buf),
                   "this row lasts %s; the cycler needs %s to be set and read (%u requests of %s)",
                   qty_print(d->at_s[first + 1] - d->at_s[first], DIMS_TIME, false, a, sizeof(a)),
                   qty_print((first_requests + 1) * fastest_s, DIMS_TIME, false, b, sizeof(b)),
                   first_requests + 1, qty_print(fastest_s, DIMS_TIME, false, c, sizeof(c))));
    diag_hint(l->diag, "%u of %u rows are too short: resample to %s or more", n, d->n,
              qty_print(least_s, DIMS_TIME, false, a, sizeof(a)));
}

int drive_check(const struct program *p, const struct act *act, struct check_report *r,
                struct diag *reterr)
{
    struct look l = {.p = p, .r = r, .diag = reterr};

    if (act->drive == PROG_NONE)
        return 0;
    l.d = &p->drives[act->drive];
    find_factor(&l);
    check_most(&l, 1);
    check_most(&l, -1);
    check_least(&l);
    check_steps(&l);
    return l.code;
}
