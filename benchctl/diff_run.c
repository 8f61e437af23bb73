/* benchctl/diff_run.c - two runs step by step: how each ended, what flowed, how long it took, what
 * was measured in it. */
#include "benchctl/diff_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIFFERENCES_MAX = 40 /* of one pair of steps */
};
#define NOISE 1e-6 /* of the largest charge of a step: what flows in a rest is no difference */

struct side {
    struct story story;
    struct list registers; /* struct measure_row, in the order of time */
    char name[80];
};
struct pair {
    struct side side[2];
    double within, most_ah;
};
struct difference {
    char what[72], a[160], b[160];
    double change; /* relative; NaN: not a figure */
};
struct differences {
    unsigned n;
    struct difference one[DIFFERENCES_MAX];
};

/* ---- Reading ---- */

static int on_register(void *ctx, const struct measure_row *row)
{
    list_add(ctx, row);
    return 0;
}

static int side_read(const struct args *a, const char *word, struct side *s, struct diag *reterr)
{
    struct run_file *f = NULL;
    struct run_info info;
    int rc = look_open(a, word, &f, &info, NULL);

    if (rc != EXIT_DONE) {
        return rc;
    }
    s->registers.each = sizeof(struct measure_row);
    rc = story_read(f, &s->story, reterr);
    if (rc == 0) {
        rc = run_registers(f, on_register, &s->registers, reterr);
    }
    run_close(f);
    if (rc == 0) {
        rc = str_fmt(s->name, sizeof(s->name), "run %lld", (long long)s->story.info.number);
    }
    return rc;
}

static void side_done(struct side *s)
{
    story_done(&s->story);
    list_done(&s->registers);
}

static const struct step_row *step_at(const struct side *s, int i)
{
    return (const struct step_row *)(const void *)s->story.steps.p + i;
}

static const struct measure_row *register_at(const struct side *s, size_t i)
{
    return (const struct measure_row *)(const void *)s->registers.p + i;
}

static int step_score(const void *ctx, int a, int b)
{
    const struct pair *p = ctx;
    const struct step_row *x = step_at(&p->side[0], a), *y = step_at(&p->side[1], b);

    if (strcmp(x->verb, y->verb) != 0) {
        return ALIGN_OTHER;
    }
    return strcmp(x->name, y->name) == 0 ? ALIGN_SAME : ALIGN_KIND;
}

/* ---- What differs ---- */

static struct difference *difference_add(struct differences *d, const char *what)
{
    struct difference *one = &d->one[d->n];

    if (d->n == DIFFERENCES_MAX) {
        return NULL;
    }
    d->n++;
    memset(one, 0, sizeof(*one));
    one->change = NAN;
    str_copy(one->what, sizeof(one->what), what);
    return one;
}

static void compare_text(struct differences *d, const char *what, const char *a, const char *b)
{
    struct difference *one = strcmp(a, b) != 0 ? difference_add(d, what) : NULL;

    if (one) {
        str_copy(one->a, sizeof(one->a), a[0] ? a : "-");
        str_copy(one->b, sizeof(one->b), b[0] ? b : "-");
    }
}

/* Both known and apart by more than is asked for, or only one known. */
static struct difference *compare_figure(const struct pair *p, struct differences *d,
                                         const char *what, double a, double b, double least)
{
    double apart = fabs(a - b), size = fmax(fabs(a), fabs(b));
    struct difference *one;

    if ((isnan(a) && isnan(b)) ||
        (isfinite(a) && isfinite(b) && (apart <= least || apart <= p->within * size))) {
        return NULL;
    }
    one = difference_add(d, what);
    if (one && isfinite(a) && isfinite(b) && a * b > 0.0) {
        one->change = fabs(b) / fabs(a) - 1.0; /* of the size: a discharge that gave less fell */
    }
    return one;
}

static double took_s(const struct side *s, const struct step_row *step)
{
    nsec until = step->ended != NSEC_NEVER ? step->ended : s->story.info.duration;

    return nsec_to_s(until - step->began);
}

static const char *ended(const struct step_row *s, char *buf, size_t size)
{
    if (s->ended == NSEC_NEVER) {
        str_copy(buf, size, "not ended");
        return buf;
    }
    return story_end_text(s, buf, size);
}

static size_t registers_of(const struct side *s, uint32_t step, size_t *ret_first)
{
    size_t first = 0, end = s->registers.n, n = 0;

    while (first < end) { /* they come in the order of steps */
        size_t mid = first + (end - first) / 2;

        if (register_at(s, mid)->step < step) {
            first = mid + 1;
        } else {
            end = mid;
        }
    }
    while (first + n < s->registers.n && register_at(s, first + n)->step == step) {
        n++;
    }
    *ret_first = first;
    return n;
}

static void compare_registers(const struct pair *p, struct differences *d, uint32_t a, uint32_t b)
{
    size_t first[2], n[2];

    n[0] = registers_of(&p->side[0], a, &first[0]);
    n[1] = registers_of(&p->side[1], b, &first[1]);
    for (size_t i = 0; i < n[0]; i++) {
        const struct measure_row *x = register_at(&p->side[0], first[0] + i);

        for (size_t k = 0; k < n[1]; k++) {
            const struct measure_row *y = register_at(&p->side[1], first[1] + k);
            struct difference *one;

            if (strcmp(x->name, y->name) != 0) {
                continue;
            }
            one = compare_figure(p, d, x->name, x->value, y->value, 0.0);
            if (one) {
                story_value_text(x->value, x->unit, one->a, sizeof(one->a));
                story_value_text(y->value, y->unit, one->b, sizeof(one->b));
            }
            break;
        }
    }
}

static void compare_steps(const struct pair *p, struct differences *d, const struct step_row *a,
                          const struct step_row *b)
{
    double t_a = took_s(&p->side[0], a), t_b = took_s(&p->side[1], b);
    char ended_a[160], ended_b[160];
    struct difference *one;

    compare_text(d, "what", a->name, b->name);
    compare_text(d, "ended by", ended(a, ended_a, sizeof(ended_a)),
                 ended(b, ended_b, sizeof(ended_b)));
    one = compare_figure(p, d, "took", t_a, t_b, 0.0);
    if (one) {
        duration_text(t_a, one->a, sizeof(one->a));
        duration_text(t_b, one->b, sizeof(one->b));
    }
    one = compare_figure(p, d, "charge", a->charge_ah, b->charge_ah, NOISE * p->most_ah);
    if (one) {
        value_text(a->charge_ah * 3600.0, DIMS_CHARGE, false, one->a, sizeof(one->a));
        value_text(b->charge_ah * 3600.0, DIMS_CHARGE, false, one->b, sizeof(one->b));
    }
    compare_registers(p, d, a->number, b->number);
}

static void compare_heads(const struct pair *p, struct differences *d)
{
    const struct run_info *a = &p->side[0].story.info, *b = &p->side[1].story.info;
    char x[24], y[24];
    int rc;

    compare_text(d, "procedure", a->procedure, b->procedure);
    compare_text(d, "version", a->version, b->version);
    str_copy(x, 9, a->hash);
    str_copy(y, 9, b->hash);
    if (strcmp(a->hash, b->hash) != 0) {
        compare_text(d, "program", x, y);
    }
    if (a->is_virtual && b->is_virtual) {
        rc = str_fmt(x, sizeof(x), "%llu", (unsigned long long)a->seed);
        rc = rc < 0 ? rc : str_fmt(y, sizeof(y), "%llu", (unsigned long long)b->seed);
        (void)rc;
        compare_text(d, "seed", x, y);
    }
    compare_text(d, "article", a->article, b->article);
    compare_text(d, "bench", a->bench, b->bench);
    compare_text(d, "station", a->station, b->station);
    compare_text(d, "build", a->build, b->build);
    compare_text(d, "verdict", a->ended ? a->verdict : "not ended",
                 b->ended ? b->verdict : "not ended");
}

/* ---- What is told ---- */

static void change_text(double change, char *buf, size_t size)
{
    char number[40];
    int rc;

    buf[0] = '\0';
    if (isfinite(change)) {
        double percent = 100.0 * change;

        str_fixed(percent, fabs(percent) < 1.0 ? 3 : 1, 0, true, false, number, sizeof(number));
        rc = str_fmt(buf, size, "%s %%", number);
        (void)rc;
    }
}

static void put_differences(struct table *t, const char *number_a, const char *number_b,
                            const char *name, const struct differences *d)
{
    for (unsigned i = 0; i < d->n; i++) {
        char change[48];

        change_text(d->one[i].change, change, sizeof(change));
        table_cell(t, "%s", i == 0 ? number_a : "");
        table_cell(t, "%s", i == 0 ? number_b : "");
        table_cell(t, "%s", i == 0 ? name : "");
        table_cell(t, "%s", d->one[i].what);
        table_cell(t, "%s", d->one[i].a);
        table_cell(t, "%s", d->one[i].b);
        table_cell(t, "%s", change);
    }
}

static json_t *differences_json(const struct differences *d)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < d->n; i++) {
        json_t *o = json_pack("{s:s, s:s, s:s}", "what", d->one[i].what, "a", d->one[i].a, "b",
                              d->one[i].b);

        json_object_set_new(o, "change", number_json(d->one[i].change));
        json_array_append_new(all, o);
    }
    return all;
}

static void number_text(const struct step_row *s, char *buf, size_t size)
{
    int rc = s ? str_fmt(buf, size, "%u", s->number) : str_fmt(buf, size, "-");

    (void)rc;
}

struct tally {
    unsigned same, other, alone;
};

static void one_pair(const struct pair *p, struct aligned pair, struct table *t, json_t *steps,
                     struct tally *tally)
{
    const struct step_row *a = pair.a >= 0 ? step_at(&p->side[0], pair.a) : NULL;
    const struct step_row *b = pair.b >= 0 ? step_at(&p->side[1], pair.b) : NULL;
    struct differences d = {.n = 0};
    char number_a[16], number_b[16];

    if (a && b) {
        compare_steps(p, &d, a, b);
        tally->same += d.n == 0;
        tally->other += d.n > 0;
    } else {
        struct difference *one = difference_add(&d, "is only in");

        tally->alone++;
        str_copy(one->a, sizeof(one->a), a ? p->side[0].name : "");
        str_copy(one->b, sizeof(one->b), b ? p->side[1].name : "");
    }
    if (d.n == 0) {
        return;
    }
    number_text(a, number_a, sizeof(number_a));
    number_text(b, number_b, sizeof(number_b));
    put_differences(t, number_a, number_b, a ? a->name : b->name, &d);
    json_array_append_new(steps,
                          json_pack("{s:o, s:o, s:s, s:o}", "a",
                                    a ? json_integer((json_int_t)a->number) : json_null(), "b",
                                    b ? json_integer((json_int_t)b->number) : json_null(), "name",
                                    a ? a->name : b->name, "differences", differences_json(&d)));
}

static void print_tally(const struct pair *p, const struct tally *tally, unsigned heads)
{
    char text[32];

    str_fixed(100.0 * p->within, 3, 0, false, false, text, sizeof(text));
    if (tally->other + tally->alone + heads == 0) {
        printf("the same: %u steps, figures within %s %%\n", tally->same, text);
        return;
    }
    printf("%u steps the same, %u differ, %u in one run only; figures within %s %% are not told\n",
           tally->same, tally->other, tally->alone, text);
}

static int compare(const struct args *a, const struct pair *p, struct diag *reterr)
{
    const char *headers[] = {"#",     "#", "step", "differs in", p->side[0].name, p->side[1].name,
                             "change"};
    struct differences heads = {.n = 0};
    struct tally tally = {0, 0, 0};
    struct aligned *pairs = NULL;
    json_t *steps;
    struct table t;
    int n =
        align((int)p->side[0].story.steps.n, (int)p->side[1].story.steps.n, step_score, p, &pairs);

    if (n < 0) {
        return diag_add(reterr, n, "the runs have too many different steps to compare");
    }
    steps = json_array();
    compare_heads(p, &heads);
    table_begin(&t, ARRAY_LEN(headers), 1U | 1U << 1 | 1U << 6, headers);
    put_differences(&t, "", "", "the run", &heads);
    for (int i = 0; i < n; i++) {
        one_pair(p, pairs[i], &t, steps, &tally);
    }
    free(pairs);
    if (a->json) {
        table_print(&t, NULL);
        json_out(json_pack("{s:s, s:s, s:f, s:o, s:o, s:i, s:i, s:i}", "a", p->side[0].name, "b",
                           p->side[1].name, "within", p->within, "run", differences_json(&heads),
                           "steps", steps, "same", (int)tally.same, "differ", (int)tally.other,
                           "alone", (int)tally.alone));
    } else {
        bool any = heads.n + tally.other + tally.alone > 0;

        table_print(&t, any ? stdout : NULL);
        print_tally(p, &tally, heads.n);
        json_decref(steps);
    }
    return heads.n + tally.other + tally.alone > 0 ? EXIT_LIMITS : EXIT_DONE;
}

int diff_runs(const struct args *a, double within, struct diag *reterr)
{
    struct pair *p = calloc(1, sizeof(*p));
    int rc = p ? 0 : diag_add(reterr, E_NOMEM, "out of memory");

    for (unsigned k = 0; k < 2 && rc == 0; k++) {
        rc = side_read(a, a->arg[k], &p->side[k], reterr);
    }
    if (rc == 0) {
        p->within = within;
        for (unsigned k = 0; k < 2; k++) {
            for (size_t i = 0; i < p->side[k].story.steps.n; i++) {
                p->most_ah = fmax(p->most_ah, fabs(step_at(&p->side[k], (int)i)->charge_ah));
            }
        }
        if (strcmp(p->side[0].name, p->side[1].name) == 0) { /* of two labs */
            str_copy(p->side[0].name, sizeof(p->side[0].name), a->arg[0]);
            str_copy(p->side[1].name, sizeof(p->side[1].name), a->arg[1]);
        }
        rc = compare(a, p, reterr);
    }
    if (p) {
        side_done(&p->side[0]);
        side_done(&p->side[1]);
        free(p);
    }
    return rc;
}
