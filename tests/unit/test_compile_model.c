/* test_compile_model.c - `model:` of a procedure: what it becomes, and what it changes for the
 * rest. */
#include "base/conf.h"
#include "base/err.h"
#include "procedures/engine/compile.h"
#include "tests/support/station_demo.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD  "procedure: p\nversion: 1.0.0\n"
#define STEPS "steps:\n  - rest: {for: 1 min, until: voltage >= 4 V}\n"

static struct station_desc station;
static struct diag d;

static int load_called(void *ctx, const char *name, const struct conf_doc **ret,
                       struct diag *reterr)
{
    static struct conf_doc doc;
    static const char text[] = "procedure: q\nmodel: {of: m, band: 1 V}\n"
                               "guards: {model.residual: -1 V .. 1 V}\n"
                               "steps:\n  - rest: {for: 1 min}\n";
    (void)ctx;
    (void)name;
    conf_done(&doc);
    ck_assert_int_eq(conf_load_text("q.yaml", text, strlen(text), &doc, reterr), 0);
    *ret = &doc;
    return 0;
}

static int compile(const char *text, bool open, struct program *ret)
{
    static struct conf_doc doc;
    struct compile_input in = {
        .procedure = &doc, .station = open ? NULL : &station, .load = load_called};
    struct open_list list;

    conf_done(&doc);
    diag_init(&d);
    ck_assert_int_eq(conf_load_text("p.yaml", text, strlen(text), &doc, &d), 0);
    return program_compile(&in, ret, &list, &d);
}

static void with_model(void)
{
    int g;

    station_demo(&station);
    g = station_add_model(&station);
    ck_assert_int_eq(g, station.n_groups - 1);
}

START_TEST(what_it_becomes)
{
    struct program p;

    with_model();
    ck_assert_int_eq(
        compile(HEAD "model: {of: leaf-cell, band: 50 mV, start: 30 %}\n" STEPS, false, &p), 0);
    ck_assert_str_eq(program_text(&p, p.model.of), "leaf-cell");
    ck_assert_double_eq_tol(p.model.band_v, 0.05, 1e-15);
    ck_assert_uint_eq(p.model.start, MODEL_AT_SOC);
    ck_assert_double_eq_tol(p.model.soc, 0.3, 1e-15);
    program_done(&p);
    ck_assert_int_eq(compile(HEAD "model: {of: a, band: 1 V, start: fresh}\n" STEPS, false, &p), 0);
    ck_assert_uint_eq(p.model.start, MODEL_FRESH);
    program_done(&p);
    ck_assert_int_eq(compile(HEAD STEPS, false, &p), 0);
    ck_assert_uint_eq(p.model.of, PROG_NONE);
    program_done(&p);
}
END_TEST

/* Band and start are part of the identity. */
START_TEST(identity)
{
    static const char *const texts[] = {HEAD "model: {of: a, band: 50 mV}\n" STEPS,
                                        HEAD "model: {of: a, band: 51 mV}\n" STEPS,
                                        HEAD "model: {of: b, band: 50 mV}\n" STEPS,
                                        HEAD "model: {of: a, band: 50 mV, start: fresh}\n" STEPS};
    uint8_t hash[4][32];
    struct program p;

    with_model();
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(compile(texts[i], false, &p), 0);
        memcpy(hash[i], p.hash, sizeof(hash[i]));
        program_done(&p);
        for (int k = 0; k < i; k++)
            ck_assert_mem_ne(hash[i], hash[k], sizeof(hash[i]));
    }
    ck_assert_int_eq(
        compile(HEAD "model: {of: a, band: 0.05 V, start: from ocv}\n" STEPS, false, &p), 0);
    ck_assert_mem_eq(hash[0], p.hash, sizeof(p.hash)); /* said in other words */
    program_done(&p);
}
END_TEST

/* The group comes last, so that all other channels keep their numbers; its times are the cycler's.
 */
START_TEST(group)
{
    struct station_desc before;
    chan_id v;

    station_demo(&before);
    with_model();
    ck_assert_uint_eq(station.n_chans, before.n_chans + 2);
    for (chan_id k = 0; k < before.n_chans; k++)
        ck_assert_str_eq(station.chan[k].name, before.chan[k].name);
    v = station_find(&station, MODEL_VOLTAGE);
    ck_assert_uint_eq(station.group[station.chan[v].group].n, 2);
    ck_assert_double_eq(
        station.group[station.chan[v].group].stale_s,
        before.group[before.chan[station_find(&before, "cell.voltage")].group].stale_s);
    station.n_groups = STATION_GROUPS_MAX;
    ck_assert_int_eq(station_add_model(&station), E_FULL);
    memset(&station, 0, sizeof(station));
    ck_assert_int_eq(station_add_model(&station), E_NOENT);
}
END_TEST

START_TEST(without_a_bench)
{
    struct program p;

    ck_assert_int_eq(compile(HEAD
                             "model: {of: a, band: 1 V}\nguards: {model.residual: .. 1 V}\n" STEPS,
                             true, &p),
                     0);
    program_done(&p);
}
END_TEST

/* Only the caller's model is followed. */
START_TEST(called)
{
    struct program p;

    with_model();
    ck_assert_int_lt(compile(HEAD "steps:\n  - call: {file: q.yaml}\n", false, &p), 0);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "has to name one"));
    ck_assert_int_eq(
        compile(HEAD "model: {of: mine, band: 1 V}\nsteps:\n  - call: {file: q.yaml}\n", false, &p),
        0);
    ck_assert_str_eq(program_text(&p, p.model.of), "mine");
    program_done(&p);
}
END_TEST

START_TEST(refused)
{
    static const char *const texts[][2] = {
        {HEAD "model: {of: a, band: 0 V}\n" STEPS,             "above zero"   },
        {HEAD "model: {of: a, band: -50 mV}\n" STEPS,          "above zero"   },
        {HEAD "model: {of: [a], band: 1 V}\n" STEPS,           "the name of a"},
        {HEAD "model: a\n" STEPS,                              "is a map"     },
        {HEAD "model: {of: a, band: 1 V, start: now}\n" STEPS, "now"          },
    };
    struct program p;

    with_model();
    for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++) {
        ck_assert_int_lt(compile(texts[k][0], false, &p), 0);
        ck_assert_msg(strstr(d.finding[0].text, texts[k][1]) != NULL, "%s", d.finding[0].text);
    }
    station_demo(&station); /* and nobody has made the group */
    ck_assert_int_lt(compile(HEAD "model: {of: a, band: 1 V}\n" STEPS, false, &p), 0);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "does not measure"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compile_model");
    TCase *t = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_test(t, what_it_becomes);
    tcase_add_test(t, identity);
    tcase_add_test(t, group);
    tcase_add_test(t, without_a_bench);
    tcase_add_test(t, called);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
