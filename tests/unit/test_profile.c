/* Unit tests of the verb drive as far as the compiler and the check go: what a CSV file becomes,
 * what is refused of it and where, and whether a cycler can follow.
 *
 * Article and station are those of the demo (9.6 mAh, 2 cm^2, 2.0 V .. 4.4 V, 6 / 12 mA; one
 * request in 50 ms, current limits from 0 to 50 mA). */
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "procedures/engine/check.h"
#include "procedures/engine/compile.h"
#include "tests/support/station_demo.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char article_text[] = "article: ASSB-017\n"
                                   "kind: cell\n"
                                   "%s"
                                   "limits:\n"
                                   "  voltage: 2.0 V .. 4.4 V\n"
                                   "  charge_current: .. 6 mA\n"
                                   "  discharge_current: .. 12 mA\n";

struct lab {
    struct article article;
    struct station_desc station;
    struct conf_doc doc;
    struct program p;
    struct open_list open;
    struct check_report report;
    struct diag d;
    const char *csv;
    size_t csv_n;
    int rc;
};

static int read_csv(void *ctx, const char *from, const char *name, const char **ret_text,
                    size_t *ret_n, const char **ret_path)
{
    struct lab *l = ctx;

    ck_assert_str_eq(from, "p.yaml");
    if (strcmp(name, "x.csv") != 0)
        return E_NOENT;
    *ret_text = l->csv;
    *ret_n = l->csv_n;
    *ret_path = "there/x.csv";
    return 0;
}

static void lab_begin(struct lab *l, const char *csv)
{
    struct conf_doc doc = {0};
    char text[600];

    memset(l, 0, sizeof(*l));
    diag_init(&l->d);
    station_demo(&l->station);
    l->csv = csv;
    l->csv_n = strlen(csv);
    ck_assert_int_eq(str_fmt(text, sizeof(text), article_text, "capacity: 9.6 mAh\narea: 2 cm^2\n"),
                     0);
    ck_assert_int_eq(conf_load_text("a.yaml", text, strlen(text), &doc, &l->d), 0);
    ck_assert_int_eq(article_from_doc(&doc, &l->article, &l->d), 0);
}

static void lab_end(struct lab *l)
{
    program_done(&l->p);
    conf_done(&l->doc);
    article_done(&l->article);
}

/* One step `drive: {profile: x.csv, KEYS}` in line 3. */
static int lab_drive(struct lab *l, const char *keys)
{
    struct compile_input in = {.procedure = &l->doc,
                               .article = &l->article,
                               .station = &l->station,
                               .read = read_csv,
                               .load_ctx = l};
    char text[1000];

    ck_assert_int_eq(str_fmt(text, sizeof(text),
                             "procedure: p\nsteps:\n  - drive: {profile: x.csv%s%s}\n",
                             keys[0] ? ", " : "", keys),
                     0);
    l->rc = conf_load_text("p.yaml", text, strlen(text), &l->doc, &l->d);
    if (l->rc == 0)
        l->rc = program_compile(&in, &l->p, &l->open, &l->d);
    if (l->rc == 0)
        l->rc = program_check(&l->p, &l->report, &l->d);
    return l->rc;
}

static char story[16384];

static const char *story_of(const struct lab *l)
{
    diag_format(&l->d, story, sizeof(story), false);
    return story;
}

static const struct drive *good(struct lab *l, const char *csv, const char *keys)
{
    lab_begin(l, csv);
    ck_assert_msg(lab_drive(l, keys) == 0, "%s", story_of(l));
    ck_assert_uint_eq(l->p.n_drives, 1);
    return &l->p.drives[0];
}

static void expect_rows(const struct drive *d, const double *at_s, const double *value, uint32_t n)
{
    ck_assert_uint_eq(d->n, n);
    for (uint32_t k = 0; k <= n; k++)
        ck_assert_double_eq_tol(d->at_s[k], at_s[k], 1e-12 + 1e-12 * at_s[k]);
    for (uint32_t k = 0; k < n; k++)
        ck_assert_double_eq_tol(d->value[k], value[k], 1e-15);
}

/* ---- What becomes of it ---- */

/* Two rows of 2 mA charging and 5 mA discharging, then the end at 30 s, whatever way it is written.
 */
START_TEST(test_ways_to_write)
{
    /* clang-format off */
    static const struct {
        const char *csv, *keys;
    } ways[] = {
        {"time s, charge current A\n0,0.002\n10,-0.005\n30,0\n", ""},
        {"time s,current A\n0,2e-3\n10,-5e-3\n30,0\n", "sign: charge positive"},
        {"time s, current mA\n0,-2\n10,5\n30,7\n", "sign: discharge positive"},
        {"time s, current mA\n0,-2\n10,5\n30,7\n", "sign: charge is negative"},
        {"\xef\xbb\xbftime s,discharge current (mA)\r\n0,-2\r\n10,5\r\n30,7\r\n", ""},
        {"# made up\n\n\"time [s]\", \"charge current / mA\"\n0, 2\n# on\n10, -5\n\n30,0", ""},
        {"time min,charge current A\n0,0.002\n0.16666666666666667,-0.005\n0.5,0\n", ""},
        {"time_s,voltage_v,current_a\n0,3.5,0.002\n10,3.6,-0.005\n30,3.7,0\n",
         "sign: discharge negative"},
        {"charge current mA,time s\n2,0\n-5,10\n0,30\n", ""},
        {"a s,b s,c A,d A\n9,0,0,0.002\n9,10,0,-0.005\n9,30,0,0\n",
         "time: b, column: d, sign: charge positive"},
        {"time s,charge current mA/cm^2\n0,1\n10,-2.5\n30,0\n", ""},
        {"charge current mA\n2\n-5\n-5\n", "every: 10 s"},
    };
    /* clang-format on */
    const double at_s[] = {0, 10, 30}, value[] = {0.002, -0.005};
    const double at3_s[] = {0, 10, 20, 30}, value3[] = {0.002, -0.005, -0.005};

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct lab l;
        const struct drive *d = good(&l, ways[i].csv, ways[i].keys);
        const struct act *a = &l.p.acts[0];

        if (i + 1 < ARRAY_LEN(ways))
            expect_rows(d, at_s, value, 2);
        else
            expect_rows(d, at3_s, value3, 3);
        ck_assert_int_eq(d->kind, DRIVE_CURRENT);
        ck_assert_uint_eq(d->scale, PROG_NONE);
        ck_assert_double_eq_tol(d->shortest_s, 10, 1e-9);
        ck_assert_int_eq(a->verb, VERB_DRIVE);
        ck_assert_int_eq(a->at_limit, LIMIT_END);
        ck_assert_double_eq_tol(l.p.code[l.p.exprs[a->for_s].start].v, 30, 1e-9);
        /* no limits: the article's, 10 mV inside */
        ck_assert_double_eq_tol(l.p.code[l.p.exprs[a->v_lo].start].v, 2.01, 1e-12);
        ck_assert_double_eq_tol(l.p.code[l.p.exprs[a->v_hi].start].v, 4.39, 1e-12);
        ck_assert_double_eq_tol(l.report.charge_max_a, 0.002, 1e-15);
        ck_assert_double_eq_tol(l.report.discharge_max_a, 0.005, 1e-15);
        ck_assert_double_eq_tol(l.report.worst_s, 30, 1e-9);
        lab_end(&l);
    }
}
END_TEST

START_TEST(test_power_and_rate)
{
    struct lab l;
    const struct drive *d = good(&l, "time s,charge power mW\n0,8\n10,-20\n20,0\n", "scale: 0.5");

    ck_assert_int_eq(d->kind, DRIVE_POWER);
    ck_assert_double_eq_tol(d->value[1], -0.020, 1e-15);
    ck_assert_double_eq_tol(l.p.code[l.p.exprs[d->scale].start].v, 0.5, 1e-15);
    /* at the highest voltage: 20 mW / 2 / 4.4 V */
    ck_assert_double_eq_tol(l.report.discharge_max_a, 0.010 / 4.4, 1e-12);
    ck_assert_uint_eq(l.report.runtime_bounded, 1);
    lab_end(&l);
    d = good(&l, "charge current C\n0.5\n-1\n", "every: 1 min, for: 90 s");
    ck_assert_int_eq(d->kind, DRIVE_CRATE);
    ck_assert_double_eq_tol(d->value[0], 0.5, 1e-15);
    ck_assert_double_eq_tol(l.report.charge_max_a, 4.8e-3, 1e-12);
    ck_assert_double_eq_tol(l.report.discharge_max_a, 9.6e-3, 1e-12);
    ck_assert_double_eq_tol(l.report.worst_s, 90, 1e-9); /* less than the profile's 120 s */
    lab_end(&l);
}
END_TEST

/* What is driven is part of the program's identity; how the file is written is not. */
START_TEST(test_identity)
{
    static const struct {
        const char *csv;
        bool same;
    } rows[] = {
        {"time s,charge current A\n0,0.002\n10,0\n",             true },
        {"# other\ntime s,discharge current mA\n0,-2.0\n10,0\n", true },
        {"time s,charge current A\n0,0.002\n10,0.001\n",         true }, /* the end has no value */
        {"time s,charge current A\n0,0.0020000001\n10,0\n",      false},
        {"time s,charge current A\n0,0.002\n10.5,0\n",           false},
        {"time s,charge current A\n0,0.002\n5,0.002\n10,0\n",    false},
        {"time s,charge power W\n0,0.002\n10,0\n",               false},
    };
    uint8_t first[32];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lab l;

        (void)good(&l, rows[i].csv, "");
        if (i == 0)
            memcpy(first, l.p.hash, sizeof(first));
        ck_assert_msg((memcmp(first, l.p.hash, sizeof(first)) == 0) == rows[i].same, "%s",
                      rows[i].csv);
        lab_end(&l);
    }
}
END_TEST

/* ---- What is refused ---- */

/* file NULL: in the procedure's line 3, where `profile` has column 22. */
/* clang-format off */
static const struct {
    const char *csv, *keys, *file;
    int line, column;
    const char *message, *hint;
} refused[] = {
    {"", "", NULL, 3, 22, "is empty", ""},
    {"# nothing\n\n", "", NULL, 3, 22, "is empty", ""},
    {"time s,current A\n0,1e-3\n1,0\n", "", NULL, 3, 22, "which sign charges", "charge positive"},
    {"time s,current A\n0,1e-3\n1,0\n", "sign: positive", NULL, 3, 35, "the sign of a profile",
     ""},
    {"time s,charge current A\n0,1e-3\n1,0\n", "sign: discharge positive", NULL, 3, 35,
     "the other sign", ""},
    {"time s,charge current\n0,1\n1,0\n", "", "there/x.csv", 1, 1, "no column is a current",
     "power W"},
    {"time s;charge current A\n0;1\n1;0\n", "", "there/x.csv", 1, 1, "no column is a time",
     "parted by commas"},
    {"time s;charge current V\n0;1\n1;0\n", "", "there/x.csv", 1, 1, "no column is a current",
     "parted by commas"},
    {"time,charge current A\n0,1\n1,0\n", "", "there/x.csv", 1, 1, "no column is a time",
     "every: 1 s"},
    {"time s,charge current A\n0,1\n1,0\n", "every: 1 s", NULL, 3, 29,
     "has a column of times: `time`", ""},
    {"time s,charge a A,charge b A\n0,1,1\n1,0,0\n", "", "there/x.csv", 1, 19, "several columns",
     "column: NAME"},
    {"time s,charge a A,charge b A\n0,1,1\n1,0,0\n", "column: c", NULL, 3, 37, "no column `c`",
     ""},
    {"time s,charge a A\n0,1,1\n1,0,0\n", "column: time", "there/x.csv", 1, 1,
     "`time` is no column of current or power", "behind the name"},
    {"time s,time h,charge a A\n0,0,1\n1,1,0\n", "", "there/x.csv", 1, 8, "several columns",
     "time: NAME"},
    {"time s,charge current A\n0,1e-3\n1,x\n", "", "there/x.csv", 3, 3, "not a number", ""},
    {"time s,charge current A\n0,1e-3\n1,\n", "", "there/x.csv", 3, 3, "a value is missing", ""},
    {"time s,charge current A\n0,1e-3\n1\n", "", "there/x.csv", 3, 1, "ends before its column",
     ""},
    {"time s,charge current A\n0,1e-3\n1,nan\n", "", "there/x.csv", 3, 3, "not a number", ""},
    {"time s,charge current A\n0,1e-3\n# comment\n2,0\n2,1e-3\n3,0\n", "", "there/x.csv", 5, 1,
     "does not rise", ""},
    {"time s,charge current A\n1,1e-3\n2,0\n", "", "there/x.csv", 2, 1, "another time than 0",
     ""},
    {"time s,charge current A\n0,1e-3\n", "", NULL, 3, 22, "one row", ""},
    {"time s,charge current A\n", "", NULL, 3, 22, "no rows", ""},
    {"time s,charge current A\n0,1e-3\n1,0\n", "scale: 0", NULL, 3, 36, "above zero", "sign"},
    {"time s,charge current A\n0,1e-3\n1,0\n", "scale: 2 A", NULL, 3, 36, "scale", ""},
    {"charge current A\n1e-3\n", "every: 0 s", NULL, 3, 36, "out of range", ""},
    {"charge current A\n1e-3\n", "every: 1 V", NULL, 3, 36, "every", ""},
    {"time s,charge current A\n0,1e-3\n1,0\n", "at: 1 A", NULL, 3, 29, "no key 'at'", ""},
 /* the check */
    {"time s,charge current A\n0,0.006\n10,0.0061\n20,0\n", "", "there/x.csv", 3, 1,
     "the charging current is 6.10 mA here; the article allows at most 6.00 mA", "scale"},
    {"time s,charge current A\n0,-0.012\n10,-0.0121\n20,0\n", "", "there/x.csv", 3, 1,
     "the discharging current is 12.1 mA here", ""},
    {"time s,charge current A\n0,0.004\n10,0\n", "scale: 2", "there/x.csv", 2, 1,
     "the charging current is 8.00 mA", ""},
    {"time s,charge current C\n0,0.5\n10,0.7\n20,0\n", "", "there/x.csv", 3, 1,
     "the charging current is 6.72 mA", ""},
    {"time s,charge power W\n0,0.03\n10,0\n", "", "there/x.csv", 2, 1,
     "the charging current is 6.818 mA", "even at the highest voltage"},
    {"time s,charge current A\n0,1e-3\n1,0\n", "limits: 1.9 V .. 4.3 V", NULL, 3, 37,
     "the lower voltage limit", ""},
 /* 50 ms to set, 50 ms to read; at a change of sign once more */
    {"time ms,charge current mA\n0,1\n100,2\n199,1\n400,0\n", "", "there/x.csv", 3, 1,
     "this row lasts 99 ms; the cycler needs 100 ms to be set and read (2 requests of 50 ms)",
     "1 of 3 rows are too short"},
    {"time ms,charge current mA\n0,1\n200,-2\n340,1\n600,0\n", "", "there/x.csv", 3, 1,
     "needs 150 ms to be set and read (3 requests", "resample to 150 ms"},
    {"time ms,charge current mA\n0,1\n40,1\n80,1\n", "", "there/x.csv", 2, 1, "needs 50 ms",
     "2 of 2 rows"},
};
/* clang-format on */

START_TEST(test_refused)
{
    struct lab l;

    lab_begin(&l, refused[_i].csv);
    ck_assert_msg(lab_drive(&l, refused[_i].keys) < 0, "it is taken: %s", refused[_i].csv);
    const struct diag_finding *f = &l.d.finding[0];

    ck_assert_msg(l.d.n == 1, "%s", story_of(&l));
    ck_assert_msg(f->line == refused[_i].line && f->column == refused[_i].column, "%d:%d\n%s",
                  f->line, f->column, story_of(&l));
    ck_assert_str_eq(f->file, refused[_i].file ? refused[_i].file : "p.yaml");
    ck_assert_msg(strstr(f->text, refused[_i].message) != NULL &&
                      strstr(f->hint, refused[_i].hint) != NULL,
                  "%s", story_of(&l));
    lab_end(&l);
}
END_TEST

START_TEST(test_no_file)
{
    static const char text[] = "procedure: p\nsteps:\n  - drive: {profile: y.csv}\n";
    struct lab l;

    lab_begin(&l, "");
    struct compile_input in = {.procedure = &l.doc,
                               .article = &l.article,
                               .station = &l.station,
                               .read = read_csv,
                               .load_ctx = &l};

    ck_assert_int_eq(conf_load_text("p.yaml", text, strlen(text), &l.doc, &l.d), 0);
    ck_assert_int_eq(program_compile(&in, &l.p, &l.open, &l.d), E_NOENT);
    ck_assert_msg(strstr(l.d.finding[0].text, "there is no profile `y.csv`") != NULL, "%s",
                  story_of(&l));
    /* nobody to read it: it stays open */
    diag_init(&l.d);
    in.read = NULL;
    ck_assert_msg(program_compile(&in, &l.p, &l.open, &l.d) == 0, "%s", story_of(&l));
    ck_assert_uint_eq(l.open.n, 1);
    ck_assert_str_eq(l.open.what[0], "profile y.csv");
    lab_end(&l);
}
END_TEST

/* ---- What the cycler can ---- */

/* Least limit 10 uA: 0 A is a rest, less is said, and the way in and out of it takes its time. */
START_TEST(test_least_limit)
{
    struct lab l;
    chan_id limit;

    lab_begin(&l, "time s,charge current uA\n0,1000\n1,0\n2,5\n3,0\n4,1000\n5,0\n");
    limit = station_find(&l.station, "cycler.current_limit");
    l.station.chan[limit].min = 10e-6;
    ck_assert_msg(lab_drive(&l, "") == 0, "%s", story_of(&l));
    ck_assert_uint_eq(l.d.n, 1);
    ck_assert_int_eq(l.d.finding[0].level, DIAG_WARN);
    ck_assert_int_eq(l.d.finding[0].line, 4);
    ck_assert_msg(
        strstr(l.d.finding[0].text, "5.00 uA is less than the cycler can limit (10.0 uA)") &&
            strstr(l.d.finding[0].text, "1 rows of 5"),
        "%s", story_of(&l));
    lab_end(&l);
    /* 8 requests into the rest and one to read are 450 ms; 10 and one out of it are 550 ms */
    lab_begin(&l, "time s,charge current mA\n0,1\n1,0\n1.5,1\n2.04,0\n3,0\n");
    l.station.chan[limit].min = 10e-6;
    ck_assert_int_lt(lab_drive(&l, ""), 0);
    ck_assert_int_eq(l.d.finding[0].line, 4);
    ck_assert_msg(strstr(l.d.finding[0].text, "lasts 540 ms; the cycler needs 550 ms"), "%s",
                  story_of(&l));
    lab_end(&l);
}
END_TEST

/* Limits by direction (EA): the old one to zero, the voltage, the new one; the bench's own range.
 */
START_TEST(test_two_limits)
{
    struct lab l;
    chan_id c;

    for (int n = 0; n < 2; n++) {
        lab_begin(&l, n == 0 ? "time ms,charge current mA\n0,1\n300,-2\n500,1\n700,0\n"
                             : "time ms,charge current mA\n0,1\n300,-2\n499,1\n700,0\n");
        c = station_find(&l.station, "cycler.current_limit");
        str_copy(l.station.chan[c].name, sizeof(l.station.chan[c].name), "cycler.limit_charge");
        c = station_find(&l.station, "cycler.current_set");
        str_copy(l.station.chan[c].name, sizeof(l.station.chan[c].name), "cycler.limit_discharge");
        l.station.chan[c].min = 0;
        ck_assert_msg((lab_drive(&l, "") == 0) == (n == 0), "%s", story_of(&l));
        lab_end(&l);
    }
    lab_begin(&l, "time s,charge current mA\n0,5\n300,0\n");
    c = station_find(&l.station, "cycler.current_limit");
    l.station.chan[c].max = 4e-3;
    ck_assert_int_lt(lab_drive(&l, ""), 0);
    ck_assert_msg(strstr(l.d.finding[0].text, "the bench allows at most 4.00 mA"), "%s",
                  story_of(&l));
    lab_end(&l);
}
END_TEST

/* Whatever bytes are in the file: a table or a finding. */
START_TEST(test_noise)
{
    static const char seed[] = "time s, charge current A\n0,0.002\n10,-0.005\n30,0\n";
    struct rng g;

    rng_seed(&g, 5, 0);
    for (int turn = 0; turn < 1500; turn++) {
        char text[sizeof(seed) + 8];
        struct lab l;
        size_t n = sizeof(seed) - 1;

        memcpy(text, seed, sizeof(seed));
        for (uint64_t k = 1 + rng_u64(&g) % 6; k > 0; k--)
            text[rng_u64(&g) % n] = " ,\n\"#0123456789.eE-+smACW/()[]_\r\t\x80;"[rng_u64(&g) % 36];
        lab_begin(&l, text);
        l.csv_n = strlen(text);
        if (lab_drive(&l, "") < 0)
            ck_assert_uint_gt(l.d.n, 0);
        else
            for (uint32_t k = 0; k < l.p.drives[0].n; k++)
                ck_assert(isfinite(l.p.drives[0].value[k]) &&
                          l.p.drives[0].at_s[k + 1] > l.p.drives[0].at_s[k]);
        lab_end(&l);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("profile");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, test_ways_to_write);
    tcase_add_test(t, test_power_and_rate);
    tcase_add_test(t, test_identity);
    tcase_add_loop_test(t, test_refused, 0, ARRAY_LEN(refused));
    tcase_add_test(t, test_no_file);
    tcase_add_test(t, test_least_limit);
    tcase_add_test(t, test_two_limits);
    tcase_add_test(t, test_noise);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
