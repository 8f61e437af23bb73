/* A run written as BDF, read again by a reader of this file alone: every number comes back as the
 * very double that was stored. The sidecar, read as JSON. */
#include "analysis/bdf.h"
#include "analysis/sheet.h"
#include "analysis/validate.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "tests/support/db_rig.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 2500,
    STEP_ROWS = 500,
    COLUMNS = 16
};

/* What is stored: doubles of every size, nothing that a printer likes. */
static double t_s[ROWS], volts[ROWS], amps[ROWS], charge_ah[ROWS], energy_wh[ROWS];
static double force_n[ROWS], pressure_pa[ROWS], kelvin[ROWS];

static void make_values(void)
{
    struct rng r;

    rng_seed(&r, 4711, 0);
    for (int i = 0; i < ROWS; i++) {
        t_s[i] = (i > 0 ? t_s[i - 1] : 0.0) + 0.1 + rng_uniform(&r);
        volts[i] = 2.5 + 1.7 * rng_uniform(&r);
        amps[i] = (rng_uniform(&r) - 0.5) * pow(10.0, -8.0 * rng_uniform(&r));
        charge_ah[i] = rng_uniform(&r) / 3.0;
        energy_wh[i] = -rng_uniform(&r) * 1e-9;
        force_n[i] = 1e4 * rng_uniform(&r);
        pressure_pa[i] = 5e6 * rng_uniform(&r);
        kelvin[i] = i % 2 ? 296.15 + 0.1 * (i % 60) : 280.0 + 60.0 * rng_uniform(&r);
    }
    volts[0] = 0.1 + 0.2;
    volts[1] = 5e-324;
    amps[2] = 1.7976931348623157e308;
    amps[3] = -1.0 / 3.0;
    volts[7] = NAN; /* over range: an empty cell */
}

static const struct store_table tables[] = {
    {.name = "cycler",
     .instrument = "smu",
     .driver = "keithley-2461",
     .identity = "KEITHLEY,2461,1,2",
     .n = 2,
     .counts = true,
     .column = {{"voltage_v", "cell.voltage", KIND_VOLTAGE_V, 1e-4, 2e-4, 1e-6},
                {"current_a", "cell.current", KIND_CURRENT_A, 3e-4, 1e-6, 1e-9}}},
    {.name = "press",
     .instrument = "load",
     .driver = "dat1400",
     .n = 2,
     .column = {{"pressure_pa", "press.pressure", KIND_PRESSURE_PA, 0, 1e4, 100},
                {"force_n", "press.force", KIND_FORCE_N, 0, 2, 0.1}}},
    {.name = "chamber",
     .instrument = "oven",
     .driver = "p300",
     .n = 1,
     .column = {{"temperature_k", "chamber.temperature", KIND_TEMPERATURE_K, 0, 0.5, 0.1}}   },
};

static void put_row(struct store *s, unsigned table, double t, int i, const double *v)
{
    static const uint8_t over[2] = {Q_OVER, Q_OK}, fine[2] = {Q_OK, Q_OK};
    const struct store_row row = {.table = table,
                                  .t = nsec_from_s(t),
                                  .step = (uint32_t)(i / STEP_ROWS) + 1,
                                  .cycle = (uint32_t)(i / (2 * STEP_ROWS)),
                                  .value = v,
                                  .quality = isnan(v[0]) ? over : fine,
                                  .charge_ah = charge_ah[i],
                                  .energy_wh = energy_wh[i]};

    ck_assert_int_eq(store_sample(s, &row), 0);
}

static void make_run(const char *dir, const char *verdict)
{
    static const char *const verbs[] = {"rest", "charge", "discharge", "pulse", "odd"};
    const struct store_end end = {.verdict = verdict, .cause = "stopped", .virtual_speed = NAN};
    struct store *s = rig_lab(dir);
    int64_t number;
    char sha[65];

    make_values();
    ck_assert_int_eq(store_begin(s, &rig_run, tables, 3, rig_sources, 2, &number, NULL), 0);
    for (int i = 0; i < ROWS; i++) {
        const double cycler[2] = {volts[i], amps[i]}, press[2] = {pressure_pa[i], force_n[i]};

        t_s[i] = nsec_to_s(nsec_from_s(t_s[i])); /* as it will stand in the file */
        if (i % STEP_ROWS == 0) {
            struct store_step step = {.number = (uint32_t)(i / STEP_ROWS) + 1,
                                      .began = nsec_from_s(t_s[i]),
                                      .name = "a step",
                                      .verb = verbs[i / STEP_ROWS]};

            ck_assert_int_eq(store_step_begin(s, &step), 0);
        }
        put_row(s, 0, t_s[i], i, cycler);
        if (i % 3 == 1) { /* press: a little later than each third row */
            put_row(s, 1, t_s[i] + 0.01, i, press);
        }
        if (i % 10 == 0) { /* chamber: at the very time of each tenth */
            put_row(s, 2, t_s[i], i, &kelvin[i]);
        }
    }
    ck_assert_int_eq(store_end(s, &end, sha, NULL), 0);
    lab_close(s);
}

/* ---- The reader ---- */

static char folder[256];
static struct text written;
static struct bdf_written done;

static int collect(void *ctx, const char *text, size_t n)
{
    text_add_n(ctx, text, n);
    return 0;
}

static struct run_file *open_run(void)
{
    struct run_file *f = NULL;
    char path[400];

    rig_path(path, folder, 1);
    ck_assert_int_eq(run_open_path(path, &f, NULL), 0);
    return f;
}

static void write_it(void)
{
    struct run_file *f = open_run();

    ck_assert_int_eq(bdf_write(f, collect, &written, &done, NULL), 0);
    run_close(f);
    text_add_n(&written, "", 1);
    written.n--;
}

/* One line into cells; the text is cut up. */
static int split(char *line, char *cell[COLUMNS])
{
    int n = 0;

    cell[n++] = line;
    for (char *p = line; *p; p++) {
        if (*p == ',') {
            *p = '\0';
            ck_assert_int_lt(n, COLUMNS);
            cell[n++] = p + 1;
        }
    }
    return n;
}

static double number(const char *text)
{
    double v;

    ck_assert_msg(str_to_double(text, strlen(text), &v) == 0, "no number: %s", text);
    return v;
}

static void same(const char *text, double v, int row, const char *what)
{
    double got;

    if (isnan(v)) {
        ck_assert_msg(text[0] == '\0', "row %d: %s is %s and not empty", row, what, text);
        return;
    }
    got = number(text);
    ck_assert_msg(memcmp(&got, &v, sizeof(v)) == 0, "row %d: %s is %s, %.17g was stored", row, what,
                  text, v);
}

/* Since the first row of its step, in whole nanoseconds. */
static double since_s(int row)
{
    nsec began = nsec_from_s(t_s[row / STEP_ROWS * STEP_ROWS]);

    return nsec_to_s(nsec_from_s(t_s[row]) - began);
}

static const char *const header[] = {"Test Time / s",
                                     "Voltage / V",
                                     "Current / A",
                                     "Unix Time / s",
                                     "Cycle Count / 1",
                                     "Step Count / 1",
                                     "Step Time / s",
                                     "Step Type",
                                     "Step Net Capacity / Ah",
                                     "Step Net Energy / Wh",
                                     "Applied Pressure / Pa",
                                     "Ambient Temperature / degC",
                                     "press.force / N"};

START_TEST(every_number_comes_back)
{
    static const char *const types[] = {"REST", "CHG", "DCH", "PULSE", "OTHER"};
    char *line = written.p, *cell[COLUMNS];
    int n, row = -1; /* the header */

    while (*line) {
        char *end = strchr(line, '\n');
        double k;

        ck_assert_ptr_nonnull(end);
        *end = '\0';
        n = split(line, cell);
        line = end + 1;
        ck_assert_int_eq(n, (int)ARRAY_LEN(header));
        if (row < 0) {
            row = 0;
            for (int i = 0; i < n; i++) {
                ck_assert_str_eq(cell[i], header[i]);
            }
            continue;
        }
        int i = row++, press = i < 2 ? -1 : (i - 2) / 3 * 3 + 1, chamber = i / 10 * 10;

        same(cell[0], t_s[i], i, "time");
        same(cell[1], volts[i], i, "voltage");
        same(cell[2], amps[i], i, "current");
        same(cell[3], 1763661720.0 + t_s[i], i, "unix time");
        ck_assert_int_eq((int)number(cell[4]), i / (2 * STEP_ROWS));
        ck_assert_int_eq((int)number(cell[5]), i / STEP_ROWS + 1);
        same(cell[6], since_s(i), i, "step time");
        ck_assert_str_eq(cell[7], types[i / STEP_ROWS]);
        same(cell[8], charge_ah[i], i, "charge");
        same(cell[9], energy_wh[i], i, "energy");
        same(cell[10], press < 0 ? (double)NAN : pressure_pa[press], i, "pressure");
        k = number(cell[11]) + 273.15;
        ck_assert_msg(memcmp(&k, &kelvin[chamber], sizeof(k)) == 0,
                      "row %d: %s degC is not %.17g K", i, cell[11], kelvin[chamber]);
        same(cell[12], press < 0 ? (double)NAN : force_n[press], i, "force");
    }
    ck_assert_int_eq(row, ROWS);
}
END_TEST

START_TEST(it_is_counted_and_hashed)
{
    struct sha256 h;
    uint8_t digest[32];
    char hex[65];

    ck_assert_uint_eq(done.rows, ROWS);
    ck_assert_uint_eq(done.bytes, written.n);
    sha256_init(&h);
    sha256_add(&h, written.p, written.n);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    ck_assert_str_eq(done.sha256, hex);
}
END_TEST

START_TEST(it_passes_validation)
{
    static struct validate_report report;
    struct validator *v = NULL;

    ck_assert_int_eq(validate_begin(&v, NULL), 0);
    ck_assert_int_eq(validate_feed(v, written.p, written.n, NULL), 0);
    ck_assert_int_eq(validate_end(v, &report, NULL), 0);
    validate_done(v);
    ck_assert_uint_eq(report.rows, ROWS);
    ck_assert_uint_eq(report.columns, ARRAY_LEN(header));
    ck_assert_uint_eq(report.errors, 0);
    ck_assert_uint_eq(report.warnings, 0);
    /* press.force, which BDF has no word for, and the voltage that was over range */
    ck_assert_uint_eq(report.notes, 2);
}
END_TEST

/* ---- Sidecar ---- */

static const char *at(const json_t *o, const char *a, const char *b, const char *c)
{
    o = json_object_get(json_object_get(o, a), b);
    return json_string_value(c ? json_object_get(o, c) : o);
}

static bool is_iri(const char *text, const char *entity)
{
    char begin[80];
    const char *p;

    ck_assert_int_eq(str_fmt(begin, sizeof(begin), "https://w3id.org/battinfo/%s/", entity), 0);
    if (!str_starts(text, begin)) {
        return false;
    }
    p = text + strlen(begin);
    for (int i = 0; i < 19; i++, p++) {
        bool dash = i % 5 == 4;

        if (*p == '\0' || (*p == '-') != dash ||
            (!dash && !strchr("0123456789abcdefghjkmnpqrstvwxyz", *p))) {
            return false;
        }
    }
    return *p == '\0';
}

static json_t *sidecar(void)
{
    struct run_file *f = open_run();
    char *text = NULL;
    json_t *o;

    ck_assert_int_eq(bdf_sidecar(f, "x.bdf.csv", &done, &text, NULL), 0);
    run_close(f);
    o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(o);
    free(text);
    return o;
}

START_TEST(the_sidecar_is_battinfo)
{
    json_t *o = sidecar(), *again = sidecar();
    const json_t *test = json_object_get(o, "battinfo_test"), *artifacts, *columns;

    ck_assert(is_iri(at(test, "test", "id", NULL), "test"));
    ck_assert(is_iri(at(test, "test", "cell_id", NULL), "cell"));
    ck_assert_str_eq(at(test, "test", "cell_id", NULL),
                     at(o, "battinfo_cell", "cell_instance", "id"));
    ck_assert_str_eq(at(o, "battinfo_cell", "cell_instance", "name"), "ASSB-017");
    ck_assert_str_eq(at(test, "test", "kind", NULL), "formation");
    ck_assert_str_eq(at(test, "test", "status", NULL), "completed");
    ck_assert_str_eq(at(test, "test", "conformance", "status"), "conformant");
    ck_assert_str_eq(at(test, "provenance", "source_type", NULL), "simulation");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(test, "test"), "started_at")),
        1763661720);
    artifacts = json_object_get(test, "artifacts");
    ck_assert_uint_eq(json_array_size(artifacts), 2);
    /* printf 'name: x\n' | sha256sum */
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(artifacts, 0), "sha256")),
                     "a2a79ea37edb1963efaae29281523ab441a8a99df048d204f22f3f413e325afc");
    ck_assert_str_eq(at(o, "bdf", "source", NULL), "x.bdf.csv");
    ck_assert_str_eq(at(o, "extras", "benchctl", "file_sha256"), done.sha256);
    columns = json_object_get(json_object_get(json_object_get(o, "extras"), "benchctl"), "columns");
    ck_assert_uint_eq(json_array_size(columns), 7);
    ck_assert_double_eq(
        json_real_value(json_object_get(json_array_get(columns, 0), "accuracy_of_reading")), 1e-4);
    ck_assert_str_eq(at(test, "test", "id", NULL),
                     at(json_object_get(again, "battinfo_test"), "test", "id", NULL));
    json_decref(o);
    json_decref(again);
}
END_TEST

START_TEST(a_trip_is_no_conformance)
{
    json_t *o;
    const json_t *conformance;

    make_run(folder, "tripped");
    o = sidecar();
    conformance = json_object_get(json_object_get(json_object_get(o, "battinfo_test"), "test"),
                                  "conformance");
    ck_assert_str_eq(json_string_value(json_object_get(conformance, "status")), "non-conformant");
    ck_assert_str_eq(
        json_string_value(json_object_get(
            json_array_get(json_object_get(conformance, "deviations"), 0), "category")),
        "out_of_tolerance");
    ck_assert_str_eq(at(json_object_get(o, "battinfo_test"), "test", "status", NULL), "aborted");
    json_decref(o);
}
END_TEST

/* ---- Small things ---- */

START_TEST(celsius_is_short_and_exact)
{
    static const struct {
        double k;
        const char *text;
    } rows[] = {
        {273.15,         "0"   },
        {296.15,         "23"  },
        {296.25,         "23.1"},
        {-20.0 + 273.15, "-20" },
        {20.5 + 273.15,  "20.5"},
        {1073.15,        "800" },
    };
    char text[32];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bdf_celsius(rows[i].k, text, sizeof(text));
        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

START_TEST(terms_are_complete)
{
    unsigned level[3] = {0}, n = 0;
    enum bdf_spelling spelling;

    for (const struct bdf_term *t = bdf_terms; t->label; t++, n++) {
        level[t->level]++;
        ck_assert_ptr_eq(bdf_find(t->label, &spelling), t);
        ck_assert_int_eq(spelling, BDF_LABEL);
        ck_assert_ptr_eq(bdf_find(t->name, &spelling), t);
        ck_assert_int_eq(spelling, BDF_NAME);
    }
    ck_assert_uint_eq(n, 58); /* live terms of ontology 1.3.0 */
    ck_assert_uint_eq(level[BDF_REQUIRED], 3);
    ck_assert_uint_eq(level[BDF_RECOMMENDED], 4);
    ck_assert_str_eq(bdf_find("step_index", &spelling)->name, "step_record_index");
    ck_assert_int_eq(spelling, BDF_DEPRECATED);
    ck_assert_ptr_null(bdf_find("Voltage / mV", &spelling));
}
END_TEST

START_TEST(without_current_it_refuses)
{
    static const struct store_table one = {
        .name = "chamber",
        .instrument = "oven",
        .n = 1,
        .column = {{"temperature_k", "chamber.temperature", KIND_TEMPERATURE_K, 0, 0.5, 0.1}}};
    struct store *s = rig_lab(folder);
    struct run_file *f;
    struct diag d;
    int64_t number;

    ck_assert_int_eq(store_begin(s, &rig_run, &one, 1, rig_sources, 0, &number, NULL), 0);
    ck_assert_int_eq(store_commit(s, NULL, 0, NULL, 0, NULL), 0);
    lab_close(s);
    f = open_run();
    diag_init(&d);
    ck_assert_int_eq(bdf_write(f, collect, &written, &done, &d), E_NOENT);
    ck_assert_uint_eq(d.n, 1);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "voltage"));
    run_close(f);
}
END_TEST

static void empty_lab(void)
{
    rig_folder(folder);
    written = (struct text){0};
}

static void with_run(void)
{
    empty_lab();
    make_run(folder, "done");
    write_it();
}

static void clear(void)
{
    text_done(&written);
    rig_remove(folder);
}

int main(void)
{
    Suite *suite = suite_create("bdf");
    TCase *run = tcase_create("a run"), *empty = tcase_create("an empty lab");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(run, with_run, clear);
    tcase_add_test(run, every_number_comes_back);
    tcase_add_test(run, it_is_counted_and_hashed);
    tcase_add_test(run, it_passes_validation);
    tcase_add_test(run, the_sidecar_is_battinfo);
    tcase_add_checked_fixture(empty, empty_lab, clear);
    tcase_add_test(empty, a_trip_is_no_conformance);
    tcase_add_test(empty, celsius_is_short_and_exact);
    tcase_add_test(empty, terms_are_complete);
    tcase_add_test(empty, without_current_it_refuses);
    suite_add_tcase(suite, run);
    suite_add_tcase(suite, empty);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
