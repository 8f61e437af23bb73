/* test_bdf_data.c - real recordings become a run, that run a BDF file, that file a run again: every
 * number of every row is the very double that it was. Read from ../shared/data beside the tree;
 * skipped where it is absent.
 */
#include "analysis/bdf.h"
#include "analysis/import.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/str.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SKIPPED = 77
};

static char folder[1024], lab[256];
static const struct import_run about = {.build = "test", .capacity_ah = NAN};

static void import_into_lab(const char *path, struct import_report *ret_report, int64_t *ret_number)
{
    struct store *s = rig_lab(lab);
    char story[4096];
    struct diag d;
    int rc;

    diag_init(&d);
    rc = import_run(s, path, NULL, &about, ret_report, ret_number, &d);
    (void)diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(rc == 0, "%s", story);
    lab_close(s);
}

static int put(void *ctx, const char *text, size_t n)
{
    FILE *to = ctx;

    return fwrite(text, 1, n, to) == n ? 0 : -1;
}

static void export_bdf(int64_t number, const char *path)
{
    struct bdf_written written;
    struct run_file *f;
    FILE *to = fopen(path, "w");

    ck_assert_ptr_nonnull(to);
    ck_assert_int_eq(run_open(lab, number, &f, NULL), 0);
    ck_assert_int_eq(bdf_write(f, put, to, &written, NULL), 0);
    run_close(f);
    ck_assert_int_eq(fclose(to), 0);
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b));
}

static void read_run(int64_t number, struct number_columns *ret, struct run_info *ret_info)
{
    struct run_file *f;

    ck_assert_int_eq(run_open(lab, number, &f, NULL), 0);
    ck_assert_int_eq(run_columns(f, 0, ret, NULL), 0);
    ck_assert_int_eq(run_info(f, ret_info, NULL), 0);
    run_close(f);
}

static const struct number_column *named(const struct number_columns *c, const char *name)
{
    for (unsigned i = 0; i < c->n_columns; i++) {
        if (strcmp(c->column[i].name, name) == 0)
            return &c->column[i];
    }
    ck_abort_msg("no column %s any more", name);
}

/* What the analysis reads of a step. */
struct step_list {
    size_t n;
    struct step_row row[400];
};

static int on_step(void *ctx, const struct step_row *row)
{
    struct step_list *l = ctx;

    ck_assert_uint_lt(l->n, ARRAY_LEN(l->row));
    l->row[l->n++] = *row;
    return 0;
}

static void read_steps(int64_t number, struct step_list *ret)
{
    struct run_file *f;

    ret->n = 0;
    ck_assert_int_eq(run_open(lab, number, &f, NULL), 0);
    ck_assert_int_eq(run_steps(f, on_step, ret, NULL), 0);
    run_close(f);
}

static void steps_are_equal(int64_t before, int64_t after)
{
    static struct step_list a, b;

    read_steps(before, &a);
    read_steps(after, &b);
    ck_assert_uint_eq(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        ck_assert_int_eq(a.row[i].began, b.row[i].began);
        ck_assert_int_eq(a.row[i].ended, b.row[i].ended);
        ck_assert_str_eq(a.row[i].verb, b.row[i].verb);
        ck_assert(same(a.row[i].charge_in_ah, b.row[i].charge_in_ah));
        ck_assert(same(a.row[i].charge_out_ah, b.row[i].charge_out_ah));
        ck_assert(same(a.row[i].energy_in_wh, b.row[i].energy_in_wh));
        ck_assert(same(a.row[i].energy_out_wh, b.row[i].energy_out_wh));
    }
}

static void runs_are_equal(const char *file, int64_t before, int64_t after)
{
    struct number_columns a = {0}, b = {0};
    struct run_info ia, ib;

    read_run(before, &a, &ia);
    read_run(after, &b, &ib);
    ck_assert_uint_gt(a.n, 0);
    ck_assert_uint_eq(a.n, b.n);
    ck_assert_uint_eq(a.n_columns, b.n_columns);
    ck_assert(a.counts && b.counts);
    for (size_t k = 0; k < a.n; k++) {
        ck_assert_msg(same(a.t_s[k], b.t_s[k]), "%s: time of row %zu", file, k + 1);
        ck_assert_msg(a.step[k] == b.step[k], "%s: step of row %zu", file, k + 1);
        ck_assert_msg(a.cycle[k] == b.cycle[k], "%s: cycle of row %zu", file, k + 1);
    }
    for (unsigned i = 0; i < a.n_columns; i++) {
        const struct number_column *c = named(&b, a.column[i].name);

        ck_assert_str_eq(a.column[i].unit, c->unit);
        for (size_t k = 0; k < a.n; k++)
            ck_assert_msg(same(a.column[i].v[k], c->v[k]), "%s: %s of row %zu: %.17g, then %.17g",
                          file, c->name, k + 1, a.column[i].v[k], c->v[k]);
    }
    number_columns_done(&a);
    number_columns_done(&b);
}

/* by_name: it is the names of its columns that say when the counters are set back; no row does, and
 * our BDF has the counters under names of its own. */
static const struct {
    const char *file;
    bool by_name;
} recordings[] = {
    {"01_leaf_cell/cell-cycling-10c-24c-40c.csv",          false},
    {"01_leaf_cell/cell-low-current-hppc-25c-2.csv",       false},
    {"01_leaf_cell/cell-discharge-bitrode-1c.csv",         false},
    {"02_leaf_module/module123-irdischarge-65ah-1_0c.csv", false},
    {"03_arbin_calce/CS2_33_8_17_10.csv",                  false},
    {"03_arbin_calce/CS2_33_9_7_10.csv",                   false},
    {"07_formats/maccor_one.txt",                          false},
    {"07_formats/maccor_two.txt",                          false},
    {"07_formats/maccor_three.txt",                        false},
    {"07_formats/neware_uio.csv",                          false},
    {"07_formats/sample_data_novonix.csv",                 false},
    {"07_formats/sample_data_basytec.txt",                 true },
    {"07_formats/pec_Test25209.csv",                       false},
};

START_TEST(there_and_back)
{
    const char *file = recordings[_i].file;
    static struct import_report first, second;
    char path[1200], bdf[300];
    int64_t before, after;

    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/%s", folder, file), 0);
    ck_assert_int_eq(str_fmt(bdf, sizeof(bdf), "%s/back.bdf.csv", lab), 0);
    import_into_lab(path, &first, &before);
    export_bdf(before, bdf);
    import_into_lab(bdf, &second, &after);
    ck_assert_str_eq(second.dialect, "bdf");
    runs_are_equal(file, before, after);
    steps_are_equal(before, after);
    ck_assert_uint_eq(first.cycles, second.cycles);
    ck_assert(first.resets == second.resets || recordings[_i].by_name);
    ck_assert(same(first.their_in_ah, second.their_in_ah));
    ck_assert(same(first.their_out_ah, second.their_out_ah));
}
END_TEST

static void lab_begin(void)
{
    rig_folder(lab);
}

static void lab_end(void)
{
    rig_remove(lab);
}

int main(void)
{
    const char *top = getenv("top_srcdir");
    Suite *suite = suite_create("bdf_data");
    TCase *c = tcase_create("data");
    SRunner *r;
    int failed;

    (void)snprintf(folder, sizeof(folder), "%s/../shared/data", top ? top : ".");
    if (access(folder, R_OK) != 0) {
        printf("skipped: no %s\n", folder);
        return SKIPPED;
    }
    tcase_add_checked_fixture(c, lab_begin, lab_end);
    tcase_add_loop_test(c, there_and_back, 0, (int)ARRAY_LEN(recordings));
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
