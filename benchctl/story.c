/* benchctl/story.c - one run read into memory for show and plot. */
#include "benchctl/story.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Reading ---- */

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

/* ---- What follows from it ---- */

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

const char *story_fit_part(const struct contact_fit *fit, unsigned which, char *buf, size_t size)
{
    const double value[] = {fit->a_ohm, fit->b_ohm, fit->m};
    const double error[] = {fit->se_a_ohm, fit->se_b_ohm, fit->se_m};
    int decimals = 1, rc;
    char v[48], e[48];

    /* two digits of the error, and the figure no further than it is known */
    for (double limit = 1.0; decimals < 4 && error[which] < limit; limit /= 10.0) {
        decimals++;
    }
    str_fixed(value[which], decimals, 0, false, false, v, sizeof(v));
    str_fixed(error[which], decimals, 0, false, false, e, sizeof(e));
    rc = str_fmt(buf, size, "%s +- %s%s", v, e, which < 2 ? " ohm" : "");
    (void)rc;
    return buf;
}

const char *story_fit_text(const struct contact_fit *fit, char *buf, size_t size)
{
    char a[64], b[64], m[64];
    int rc = str_fmt(buf, size, "a %s, b %s, m %s", story_fit_part(fit, 0, a, sizeof(a)),
                     story_fit_part(fit, 1, b, sizeof(b)), story_fit_part(fit, 2, m, sizeof(m)));

    (void)rc;
    return buf;
}

const char *story_step_text(const struct story *s, const struct step_row *step, char *buf,
                            size_t size)
{
    bool wordless = run_is_import(&s->info) && str_starts(step->name, "step ");
    int rc =
        str_fmt(buf, size, "%s%s%s", wordless ? step->verb : "", wordless ? ", " : "", step->name);

    (void)rc; /* a long name is cut */
    return buf;
}

const char *story_end_text(const struct step_row *s, char *buf, size_t size)
{
    const char *name = s->end_name[0] ? s->end_name : s->cause;
    bool itself = name == s->cause || s->cause[0] == '\0' || strcmp(s->cause, name) == 0 ||
                  strcmp(s->cause, "condition") == 0;
    int rc;

    name = strcmp(name, "for") == 0 ? "time" : name; /* `for: 30 min` */
    rc = str_fmt(buf, size, "%s%s%s", itself ? "" : s->cause, itself ? "" : ": ", name);
    (void)rc;
    return buf;
}

bool story_start_unknown(const struct story *s)
{
    for (size_t i = 0; run_is_import(&s->info) && i < s->notes.n; i++) {
        const struct note_row *n = (const struct note_row *)(const void *)s->notes.p + i;

        if (str_starts(n->text, "the file does not say when it was recorded")) {
            return true;
        }
    }
    return false;
}

const char *story_value_text(double value, const char *unit, char *buf, size_t size)
{
    double scale = 1.0, offset = 0.0;
    struct dims d = DIMS_NONE;
    char number[48];
    size_t n = strlen(unit);
    int rc;

    if (n >= 2 && unit[0] == '"' && unit[n - 1] == '"') { /* a word */
        rc = str_fmt(buf, size, "%.*s", (int)(n - 2), unit + 1);
        (void)rc;
        return buf;
    }
    if (unit[0] && unit_parse(unit, strlen(unit), &scale, &offset, &d) < 0) {
        str_from_double(value, number, sizeof(number));
        rc = str_fmt(buf, size, "%s %s", number, unit);
        (void)rc;
        return buf;
    }
    return value_text(value * scale + offset, d, strcmp(unit, "K") == 0, buf, size);
}
