/* tests/sim/test_broken.c - the hand-made broken files of tests/broken: what is said, where, and
 * what is advised.
 *
 * Each file begins with one comment a finding, "# LINE:COLUMN | part of the message | part of the
 * hint", written by hand. `# with bench: FILE` or `# with article: FILE` name another partner than
 * the shipped ones; `# in: FILE` says that the findings after it stand in that file, which the broken
 * one names. Findings have to be exactly these, in any order: a mistake that is said twice,
 * or elsewhere, is a failure too.
 */
#include "tests/support/sim.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_MAX = 200,
    EXPECTS_MAX = 20,
    PART_MAX = 160
};

struct expect {
    int line, column;
    char message[PART_MAX], hint[PART_MAX], file[PART_MAX];
    bool found;
};
struct broken {
    char path[600], bench[PART_MAX], article[PART_MAX], file[PART_MAX];
    unsigned n;
    struct expect expect[EXPECTS_MAX];
};

static char names[FILES_MAX][80];
static int n_names;
static char folder[500];

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void list_files(void)
{
    snprintf(folder, sizeof folder, "%s", source_path("tests/broken"));
    DIR *d = opendir(folder);
    for (struct dirent *e = d ? readdir(d) : NULL; e && n_names < FILES_MAX; e = readdir(d)) {
        size_t n = strlen(e->d_name);
        if (n > 5 && n < sizeof names[0] && strcmp(e->d_name + n - 5, ".yaml") == 0) {
            memcpy(names[n_names++], e->d_name, n + 1);
        }
    }
    if (d) {
        closedir(d);
    }
    qsort(names, (size_t)n_names, sizeof names[0], by_name);
}

/* Text between two bars, without the blanks around it. */
static const char *take_part(const char *p, char *ret)
{
    size_t n = strcspn(p, "|\n"), from = strspn(p, " ");
    size_t to = n;
    while (to > from && p[to - 1] == ' ') {
        to--;
    }
    ck_assert_uint_lt(to - (from < to ? from : to), PART_MAX);
    if (from < to) {
        memcpy(ret, p + from, to - from);
        ret[to - from] = '\0';
    } else {
        ret[0] = '\0';
    }
    return p[n] == '|' ? p + n + 1 : p + n;
}

static void read_head(struct broken *b)
{
    FILE *f = fopen(b->path, "r");
    char line[700];
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f) && line[0] == '#') {
        struct expect *e = &b->expect[b->n];
        int at = 0;
        if (sscanf(line, "# in: %150s", b->file) == 1 ||
            sscanf(line, "# with bench: %150s", b->bench) == 1 ||
            sscanf(line, "# with article: %150s", b->article) == 1) {
            continue;
        }
        if (b->n < EXPECTS_MAX && sscanf(line, "# %d:%d |%n", &e->line, &e->column, &at) == 2 &&
            at > 0) {
            take_part(take_part(line + at, e->message), e->hint);
            memcpy(e->file, b->file, sizeof e->file);
            b->n++;
        }
    }
    fclose(f);
    ck_assert_msg(b->n > 0, "%s says nothing of what is expected", b->path);
}

static bool stands_in(const struct diag_finding *f, const char *file)
{
    size_t len = strlen(f->file), own = strlen(file);
    return len >= own && strcmp(f->file + len - own, file) == 0;
}

static struct expect *match(struct broken *b, const struct diag_finding *f)
{
    for (unsigned k = 0; k < b->n; k++) {
        struct expect *e = &b->expect[k];
        if (!e->found && f->line == e->line && f->column == e->column &&
            stands_in(f, e->file) && strstr(f->text, e->message) && strstr(f->hint, e->hint)) {
            e->found = true;
            return e;
        }
    }
    return NULL;
}

static void compare(struct broken *b, const char *name, int r, const struct diag *d)
{
    static char story[16384];
    bool good = r < 0 && d->dropped == 0;
    for (size_t k = 0; k < d->n; k++) {
        const struct diag_finding *f = &d->finding[k];
        good = match(b, f) && f->level == DIAG_ERROR && good;
    }
    diag_format(d, story, sizeof story, false);
    for (unsigned k = 0; k < b->n; k++) {
        const struct expect *e = &b->expect[k];
        if (!e->found) {
            printf("%s: not said: %d:%d | %s | %s\n", name, e->line, e->column, e->message,
                   e->hint);
        }
        good = good && e->found;
    }
    ck_assert_msg(good, "%s (returned %d): this was said:\n%s", name, r, story);
}

static struct sim_case sim;
static struct bench bench;

START_TEST(broken_file)
{
    static struct broken b;
    static struct diag d;
    const char *name = names[_i];
    memset(&b, 0, sizeof b);
    snprintf(b.path, sizeof b.path, "%s/%s", folder, name);
    snprintf(b.bench, sizeof b.bench, "benches/demo.yaml");
    snprintf(b.article, sizeof b.article, "articles/ASSB-017.yaml");
    snprintf(b.file, sizeof b.file, "%s", name);
    read_head(&b);
    diag_init(&d);
    if (strncmp(name, "bench-", 6) == 0) {
        int r = bench_load(b.path, &bench, &d);
        compare(&b, name, r, &d);
    } else if (strncmp(name, "article-", 8) == 0) {
        static struct article article;
        int r = article_load(b.path, &article, &d);
        compare(&b, name, r, &d);
    } else {
        int r = sim_try_load(&sim, b.bench, b.path, b.article, NULL);
        compare(&b, name, r, &sim.diag);
        cli_unload(&sim.loaded);
    }
}
END_TEST

START_TEST(there_are_files)
{
    ck_assert_int_ge(n_names, 20);
    ck_assert_int_lt(n_names, FILES_MAX);
}
END_TEST

int main(void)
{
    list_files();
    Suite *s = suite_create("broken");
    TCase *t = tcase_create("broken");
    tcase_add_test(t, there_are_files);
    tcase_add_loop_test(t, broken_file, 0, n_names);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
