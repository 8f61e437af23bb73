/* benchctl/diff_program.c - two procedures compared by what they are compiled to. */
#include "benchctl/diff_priv.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>

struct sides {
    const struct words *w[2];
};

static const struct item *item_at(const struct words *w, int i)
{
    return (const struct item *)(const void *)w->items.p + i;
}

static bool same(const struct item *x, const struct item *y)
{
    if (x->kind != y->kind || x->verb != y->verb || x->n != y->n) {
        return false;
    }
    for (unsigned i = 0; i < x->n; i++) {
        if (strcmp(x->field[i].name, y->field[i].name) != 0 ||
            strcmp(x->field[i].text, y->field[i].text) != 0) {
            return false;
        }
    }
    return true;
}

static int step_score(const void *ctx, int a, int b)
{
    const struct sides *s = ctx;
    const struct item *x = item_at(s->w[0], a), *y = item_at(s->w[1], b);

    if (x->kind != y->kind || x->verb != y->verb) {
        return ALIGN_OTHER;
    }
    if (x->kind >= OP_FINISH + 1 && strcmp(x->head, y->head) != 0) {
        return ALIGN_OTHER;
    }
    if (same(x, y)) {
        return ALIGN_SAME;
    }
    return ALIGN_KIND + (strcmp(x->head, y->head) == 0);
}

/* Guards and settings have no order that means anything: each beside the one of its name. */
static int pair_by_head(const struct sides *s, struct aligned *out)
{
    int n_a = (int)s->w[0]->items.n, n_b = (int)s->w[1]->items.n, n = 0;
    bool *taken = calloc((size_t)n_b + 1, sizeof(*taken));

    if (!taken) {
        return E_NOMEM;
    }
    for (int i = 0; i < n_a; i++) {
        const struct item *x = item_at(s->w[0], i);
        int found = -1;

        for (int k = 0; k < n_b && found < 0; k++) {
            const struct item *y = item_at(s->w[1], k);

            found = !taken[k] && x->kind == y->kind && strcmp(x->head, y->head) == 0 ? k : -1;
        }
        if (found >= 0) {
            taken[found] = true;
        }
        out[n++] = (struct aligned){i, found};
    }
    for (int k = 0; k < n_b; k++) {
        if (!taken[k]) {
            out[n++] = (struct aligned){-1, k};
        }
    }
    free(taken);
    return n;
}

/* ---- What is told ---- */

struct telling {
    struct table *t;
    json_t *all;
    unsigned n;
};

static void tell(struct telling *to, const struct item *x, const struct item *y, bool first,
                 const char *field, const char *a, const char *b)
{
    const struct item *any = x ? x : y;

    table_cell(to->t, "%s", first && x ? x->place : "");
    table_cell(to->t, "%s", first && y ? y->place : "");
    table_cell(to->t, "%s", first ? any->head : "");
    table_cell(to->t, "%s", field);
    table_cell(to->t, "%s", a);
    table_cell(to->t, "%s", b);
    json_array_append_new(to->all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "place_a",
                                             x ? x->place : "", "place_b", y ? y->place : "",
                                             "what", any->head, "field", field, "a", a, "b", b));
    to->n++;
}

/* The n-th field of a name beside the n-th of the other. */
static const struct field *nth(const struct item *it, const char *name, unsigned n)
{
    for (unsigned i = 0; i < it->n; i++) {
        if (strcmp(it->field[i].name, name) == 0 && n-- == 0) {
            return &it->field[i];
        }
    }
    return NULL;
}

static unsigned before_it(const struct item *it, unsigned at)
{
    unsigned n = 0;

    for (unsigned i = 0; i < at; i++) {
        n += strcmp(it->field[i].name, it->field[at].name) == 0;
    }
    return n;
}

static void tell_pair(struct telling *to, const struct item *x, const struct item *y)
{
    bool first = true;

    for (unsigned i = 0; i < x->n; i++) {
        const struct field *other = nth(y, x->field[i].name, before_it(x, i));

        if (!other || strcmp(x->field[i].text, other->text) != 0) {
            tell(to, x, y, first, x->field[i].name, x->field[i].text, other ? other->text : "-");
            first = false;
        }
    }
    for (unsigned i = 0; i < y->n; i++) {
        if (!nth(x, y->field[i].name, before_it(y, i))) {
            tell(to, x, y, first, y->field[i].name, "-", y->field[i].text);
            first = false;
        }
    }
}

/* What tells it best, in a few words. */
static const char *gist(const struct item *it)
{
    for (unsigned i = 0; i < it->n; i++) {
        if (strcmp(it->field[i].name, "depth") != 0 && strcmp(it->field[i].name, "verb") != 0) {
            return it->field[i].text;
        }
    }
    return "yes";
}

static void tell_all(struct telling *to, const struct sides *s, const struct aligned *pairs, int n)
{
    for (int i = 0; i < n; i++) {
        const struct item *x = pairs[i].a >= 0 ? item_at(s->w[0], pairs[i].a) : NULL;
        const struct item *y = pairs[i].b >= 0 ? item_at(s->w[1], pairs[i].b) : NULL;

        if (x && y) {
            tell_pair(to, x, y);
        } else {
            tell(to, x, y, true, x ? "only in the first" : "only in the second", x ? gist(x) : "-",
                 y ? gist(y) : "-");
        }
    }
}

/* ---- The whole ---- */

static int compare_part(struct telling *to, const struct program *a, const struct program *b,
                        void (*fill)(struct words *), bool by_order, struct diag *reterr)
{
    struct words x = {.program = a}, y = {.program = b};
    struct sides s = {
        {&x, &y}
    };
    struct aligned *pairs = NULL;
    int n;

    arena_init(&x.arena);
    arena_init(&y.arena);
    fill(&x);
    fill(&y);
    if (by_order) {
        n = align((int)x.items.n, (int)y.items.n, step_score, &s, &pairs);
    } else {
        pairs = calloc(x.items.n + y.items.n + 1, sizeof(*pairs));
        n = pairs ? pair_by_head(&s, pairs) : E_NOMEM;
    }
    if (n >= 0) {
        tell_all(to, &s, pairs, n);
    } else {
        diag_add(reterr, n, "the procedures are too long to be compared");
    }
    free(pairs);
    words_done(&x);
    words_done(&y);
    return n < 0 ? n : 0;
}

static int compare(const struct args *a, const struct program *x, const struct program *y,
                   struct diag *reterr)
{
    const char *const headers[] = {"first", "second", "what", "differs in", a->arg[0], a->arg[1]};
    struct table t;
    struct telling to = {.t = &t, .all = json_array()};
    bool equal = memcmp(x->hash, y->hash, sizeof(x->hash)) == 0;
    char hex[65];
    int rc;

    table_begin(&t, ARRAY_LEN(headers), 0, headers);
    rc = compare_part(&to, x, y, words_settings, false, reterr);
    rc = rc < 0 ? rc : compare_part(&to, x, y, words_steps, true, reterr);
    table_print(&t, rc == 0 && to.n > 0 && !a->json ? stdout : NULL);
    if (rc < 0) {
        json_decref(to.all);
        return rc;
    }
    if (a->json) {
        json_out(json_pack("{s:s, s:s, s:b, s:b, s:o}", "a", a->arg[0], "b", a->arg[1],
                           "same_program", equal, "same_meaning", to.n == 0, "differences",
                           to.all));
        return to.n > 0 ? EXIT_LIMITS : EXIT_DONE;
    }
    json_decref(to.all);
    if (to.n > 0) {
        printf("%u difference%s\n", to.n, to.n > 1 ? "s" : "");
        return EXIT_LIMITS;
    }
    sha256_hex(x->hash, hex);
    printf("the same: both do the same, step for step%s%.8s%s\n", equal ? " (program " : "",
           equal ? hex : "", equal ? ")" : "");
    return EXIT_DONE;
}

int diff_programs(const struct args *a, struct diag *reterr)
{
    static struct loaded loaded[2];
    const char *article = args_get(a, "--article"), *bench = args_get(a, "--bench");
    int rc = 0;

    for (unsigned k = 0; k < 2; k++) {
        int r =
            cli_load(a, bench, a->arg[k], article, args_get(a, "--station"), &loaded[k], reterr);

        rc = rc < 0 ? rc : r;
    }
    if (rc == 0) {
        rc = compare(a, &loaded[0].program, &loaded[1].program, reterr);
    }
    cli_unload(&loaded[0]);
    cli_unload(&loaded[1]);
    return rc;
}
