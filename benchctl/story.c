/* benchctl/story.c - one run read into memory for show and plot. */
#include "benchctl/story.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading ------------------------------------------------------------------------------------ */

static int on_cycle(void *ctx, const struct cycle_row *row)
{
    list_add(ctx, row);
    return 0;
}

static int on_step(void *ctx, const struct step_row *row)
{
    list_add(ctx, row);
    return 0;
}

static int on_measure(void *ctx, const struct measure_row *row)
{
    list_add(ctx, row);
    return 0;
}

static int on_note(void *ctx, const struct note_row *row)
{
    list_add(ctx, row);
    return 0;
}

static int on_channel(void *ctx, const struct channel_row *row)
{
    list_add(ctx, row);
    return 0;
}

int story_read(struct run_file *f, struct story *ret, struct diag *reterr)
{
    int rc;

    memset(ret, 0, sizeof(*ret));
    ret->cycles.each = sizeof(struct cycle_row);
    ret->steps.each = sizeof(struct step_row);
    ret->measures.each = sizeof(struct measure_row);
    ret->notes.each = sizeof(struct note_row);
    ret->channels.each = sizeof(struct channel_row);
    rc = run_info(f, &ret->info, reterr);
    rc = rc < 0 ? rc : run_cycles(f, on_cycle, &ret->cycles, reterr);
    rc = rc < 0 ? rc : run_steps(f, on_step, &ret->steps, reterr);
    rc = rc < 0 ? rc : run_measures(f, on_measure, &ret->measures, reterr);
    rc = rc < 0 ? rc : run_notes(f, on_note, &ret->notes, reterr);
    rc = rc < 0 ? rc : run_channels(f, on_channel, &ret->channels, reterr);
    rc = rc < 0 ? rc : contact_read(f, NULL, &ret->resistance, reterr);
    if (rc < 0) {
        story_done(ret);
        return rc;
    }
    ret->has_fit = contact_fit(ret->resistance.row, ret->resistance.n, &ret->fit, NULL) == 0;
    return 0;
}

void story_done(struct story *s)
{
    list_done(&s->cycles);
    list_done(&s->steps);
    list_done(&s->measures);
    list_done(&s->notes);
    list_done(&s->channels);
    contact_rows_done(&s->resistance);
}

/* ---- What follows from it ----------------------------------------------------------------------- */

const struct cycle_row *story_cycle(const struct story *s, size_t i)
{
    return (const struct cycle_row *)(const void *)(s->cycles.p + i * s->cycles.each);
}

double story_cycle_r_ohm(const struct story *s, uint32_t cycle)
{
    size_t lo = 0, hi = s->resistance.n; /* rows come in the order of cycles */

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->resistance.row[mid].cycle <= cycle) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo > 0 && s->resistance.row[lo - 1].cycle == cycle ? s->resistance.row[lo - 1].r_ohm
                                                              : (double)NAN;
}

const char *story_r_title(const struct story *s, char *buf, size_t size)
{
    const char *name = s->resistance.name;
    int64_t seconds;
    int rc;

    if (str_starts(name, "r_") && str_to_int(name + 2, strlen(name + 2), &seconds) == 0) {
        rc = str_fmt(buf, size, "R %lld s", (long long)seconds);
    } else {
        rc = str_fmt(buf, size, "%s", name);
    }
    (void)rc;
    return buf;
}

const char *story_fit_text(const struct contact_fit *fit, const char *pm, const char *ohm,
                           char *buf, size_t size)
{
    char a[32], b[32], m[32], se_a[32], se_b[32], se_m[32];
    int rc;

    str_fixed(fit->a_ohm, 2, 0, false, false, a, sizeof(a));
    str_fixed(fit->b_ohm, 2, 0, false, false, b, sizeof(b));
    str_fixed(fit->m, 3, 0, false, false, m, sizeof(m));
    str_fixed(fit->se_a_ohm, 2, 0, false, false, se_a, sizeof(se_a));
    str_fixed(fit->se_b_ohm, 2, 0, false, false, se_b, sizeof(se_b));
    str_fixed(fit->se_m, 3, 0, false, false, se_m, sizeof(se_m));
    rc = str_fmt(buf, size, "a %s %s %s %s, b %s %s %s %s, m %s %s %s", a, pm, se_a, ohm, b, pm,
                 se_b, ohm, m, pm, se_m);
    (void)rc;
    return buf;
}
