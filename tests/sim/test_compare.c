/* test_compare.c - `benchctl compare` as the program does it: exit codes, scores, provenance,
 * picture; on a rehearsed run beside the model that its world is made of, beside another run, and
 * (where the data are) on recordings of a real cell. */
#include "tests/support/sim.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sim_case c;
static char lab[200];

static void rehearse(uint64_t seed)
{
    struct session_options opt = {.seed = seed};

    sim_load(&c, "benches/demo.yaml", "tests/sim/model-band.yaml", "articles/ASSB-017.yaml", NULL);
    ck_assert_int_eq(lab_open(lab, &opt.store, &c.diag), 0);
    ck_assert_int_eq(sim_run(&c, &opt), 1);
    sim_close(&c);
    lab_close(opt.store);
}

/* What it printed, and how it ended. Heap. */
static char *compare(const char *words, int expected)
{
    static char out[1 << 20];
    char command[1200];
    size_t n;
    FILE *f;
    int status;

    snprintf(command, sizeof command, "cd '%s' && '%s' compare %s --lab '%s' 2>&1", lab,
             getenv("BENCHCTL"), words, lab);
    f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    n = fread(out, 1, sizeof out - 1, f);
    out[n] = '\0';
    status = pclose(f);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected,
                  "compare %s ended with %d:\n%.600s", words, WEXITSTATUS(status), out);
    return out;
}

static json_t *compare_json(const char *words, int expected)
{
    char more[600];
    json_error_t e;
    json_t *o;

    snprintf(more, sizeof more, "%s --json", words);
    o = json_loads(compare(more, expected), 0, &e);
    ck_assert_msg(o != NULL, "%s", e.text);
    return o;
}

static double number(json_t *o, const char *part, const char *key)
{
    json_t *v = json_object_get(json_object_get(o, part), key);

    ck_assert_msg(json_is_number(v), "no %s.%s", part, key);
    return json_number_value(v);
}

static const char *text(json_t *o, const char *part, const char *key)
{
    const char *v = json_string_value(json_object_get(json_object_get(o, part), key));

    ck_assert_msg(v != NULL, "no %s.%s", part, key);
    return v;
}

/* ---- Rehearsed runs ---- */

/* 1.2e-4 of the voltage and 1 mV of offset are allowed to the SMU; beside the model nothing else
 * is. */
static void beside_model(void)
{
    json_t *o = compare_json("1 --model assb-lab-cell --start fresh", EXIT_DONE);

    ck_assert_double_le(number(o, "total", "max_v"), 3e-3);
    ck_assert_double_le(number(o, "total", "rmse_v"), 2e-3);
    ck_assert_double_le(fabs(number(o, "total", "energy_error")), 1e-3);
    ck_assert_str_eq(text(o, "total", "verdict"), "pass");
    ck_assert_str_eq(text(o, "model", "name"), "assb-lab-cell");
    ck_assert_uint_eq(strlen(text(o, "model", "parameters_sha256")), 64);
    ck_assert_ptr_nonnull(strstr(text(o, "measured", "data"), "rows sha256 "));
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "measured"), "seed")),
                     7);
    ck_assert_double_eq_tol(number(o, "tolerances", "band_v"), 0.05, 1e-12);
    json_decref(o);
}

/* The sample tables hold what was followed live: `compare` says the same again. */
static void as_it_was_live(void)
{
    char *csv = compare("1 --model assb-lab-cell --start fresh --csv", EXIT_DONE);

    ck_assert_int_eq(
        strncmp(csv, "t_s,axis,segment,voltage_v,other_v,residual_v,band_v,judged\n", 60), 0);
    compare("1 --model assb-lab-cell --csv --band 2mV", EXIT_LIMITS);
}

START_TEST(rehearsed)
{
    char path[400];
    char *out;
    json_t *o;

    sim_folder(lab, sizeof lab);
    rehearse(7);
    rehearse(8);
    beside_model();
    as_it_was_live();
    /* not fresh: a tenth of the charge goes astray, some 7 mV at its end */
    out = compare("1 --model assb-lab-cell --band 2mV --no-plot", EXIT_LIMITS);
    ck_assert_ptr_nonnull(strstr(out, "FAIL  the worst segment is CC"));
    o = compare_json("2 --run 1 --by step", EXIT_DONE);
    ck_assert_double_le(number(o, "total", "max_v"), 4e-3); /* two draws of the same accuracy */
    ck_assert_ptr_nonnull(strstr(text(o, "other", "title"), "run 1  model-band"));
    json_decref(o);
    json_decref(compare_json("2 --run 1 --by charge", EXIT_DONE));
    out = compare("1 --model assb-lab-cell --start fresh", EXIT_DONE);
    snprintf(path, sizeof path, "%s/runs/000001-compare.svg", lab);
    if (strstr(out, "gnuplot is not installed") == NULL) {
        ck_assert_int_eq(access(path, R_OK), 0);
        ck_assert_ptr_nonnull(strstr(out, "PASS"));
    }
    sim_remove(lab);
}
END_TEST

START_TEST(wrong_words)
{
    sim_folder(lab, sizeof lab);
    rehearse(7);
    ck_assert_ptr_nonnull(strstr(compare("1", EXIT_USAGE), "beside what?"));
    compare("1 --model a --run 2", EXIT_USAGE);
    ck_assert_ptr_nonnull(
        strstr(compare("1 --model assb-lab-sell", EXIT_FILE), "did you mean assb-lab-cell?"));
    ck_assert_ptr_nonnull(
        strstr(compare("1 --run 1 --by chrage", EXIT_USAGE), "did you mean charge?"));
    compare("1 --model assb-lab-cell --start 150%", EXIT_USAGE);
    compare("1 --model assb-lab-cell --band 5mA", EXIT_USAGE);
    compare("1 --model assb-lab-cell --band 0V", EXIT_USAGE);
    compare("1 --recording nothing.csv", EXIT_FILE);
    compare("nothing.csv --run 1", EXIT_FILE);
    sim_remove(lab);
}
END_TEST

/* ---- A real cell ---- */

static bool data(const char *name, char *ret, size_t size)
{
    snprintf(ret, size, "%s", source_path(""));
    size_t n = strlen(ret);

    if (ret[0] != '/') { /* compare() works in another folder */
        char here[300];

        ck_assert_ptr_nonnull(getcwd(here, sizeof here));
        snprintf(ret, size, "%s/%s", here, source_path(""));
        n = strlen(ret);
    }
    snprintf(ret + n, size - n, "../shared/data/01_leaf_cell/%s", name);
    return access(ret, R_OK) == 0;
}

/* Identified from these pulses: within 5 mV. The 1C discharges were not: 20 mV down to 10 % of
 * charge, which is reached after 3260 s of 3569 s; the file's first charge ends at 9486 s. */
START_TEST(leaf_cell)
{
    char path[600], words[1400];
    json_t *o;

    sim_folder(lab, sizeof lab);
    ck_assert(data("cell-low-current-hppc-25c-2.csv", path, sizeof path));
    snprintf(words, sizeof words, "'%s' --model '%s' --from '3.4 h' --start 1", path,
             source_path("models/leaf-cell.yaml"));
    o = compare_json(words, EXIT_DONE);
    ck_assert_double_le(number(o, "total", "rmse_v"), 5e-3);
    printf("LEAF pulses beside leaf-cell: RMSE %.2f mV\n", 1e3 * number(o, "total", "rmse_v"));
    json_decref(o);
    ck_assert(data("cell-discharge-bitrode-1c.csv", path, sizeof path));
    snprintf(
        words, sizeof words,
        "'%s' --model '%s' --from '9490 s' --to '13340 s' --start 1 --band '40 mV' --rmse '20 mV'",
        path, source_path("models/leaf-cell.yaml"));
    o = json_loads(compare(strcat(words, " --json"), EXIT_DONE), 0, NULL);
    ck_assert_ptr_nonnull(o);
    printf("LEAF 1C beside leaf-cell, not fitted: RMSE %.2f mV\n",
           1e3 * number(o, "total", "rmse_v"));
    ck_assert_double_le(number(o, "total", "rmse_v"), 20e-3);
    json_decref(o);
    sim_remove(lab);
}
END_TEST

int main(void)
{
    char path[600];
    Suite *s = suite_create("compare");
    TCase *t = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_add_test(t, rehearsed);
    tcase_add_test(t, wrong_words);
    if (data("cell-low-current-hppc-25c-2.csv", path, sizeof path))
        tcase_add_test(t, leaf_cell);
    else
        printf("skipped: the recordings of the LEAF cell are not there\n");
    suite_add_tcase(s, t);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
