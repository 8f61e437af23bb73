/* Unit tests of base/schema.c: what tables of keys make of a file, and what they refuse. */
#include "base/conf.h"
#include "base/err.h"
#include "base/str.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct conf_doc load(const char *text)
{
    struct conf_doc doc = {0};
    struct diag d;
    char story[4000];

    diag_init(&d);
    if (conf_load_text("t.yaml", text, strlen(text), &doc, &d) < 0) {
        diag_format(&d, story, sizeof(story), false);
        ck_abort_msg("%s", story);
    }
    ck_assert_uint_eq(d.n, 0);
    return doc;
}

struct limits {
    struct range voltage, current;
};

struct article {
    const char *name, *barcode;
    const char *kind_word;
    int32_t kind, count;
    bool shared;
    double capacity_c, area_m2, temperature_k, step_k, share;
    struct limits limits;
    const struct conf_node *made;
    struct conf_texts hazards;
};

static const struct conf_key limit_keys[] = {
    {.name = "voltage",
     .type = CONF_RANGE,
     .required = true,
     .dims = DIM_VOLTAGE,
     .offset = CONF_OFFSET(limits, voltage),
     .help = "the window"},
    {.name = "current",
     .type = CONF_RANGE,
     .dims = DIM_CURRENT,
     .offset = CONF_OFFSET(limits, current)},
    {.name = NULL},
};
static const struct schema limit_schema = {"limits", NULL, limit_keys, false};
static const char *const kinds[] = {"cell", "pellet", "stack", NULL};
static const struct conf_key article_keys[] = {
    {.name = "article",
     .type = CONF_NAME,
     .required = true,
     .offset = CONF_OFFSET(article, name),
     .help = "its name"},
    {.name = "barcode",               .type = CONF_TEXT, .offset = CONF_OFFSET(article, barcode)},
    {.name = "kind",                         .type = CONF_ENUM, .choices = kinds, .offset = CONF_OFFSET(article, kind)},
    {.name = "count",                              .type = CONF_INT, .min = 1, .max = 96, .offset = CONF_OFFSET(article, count)},
    {.name = "shared",.type = CONF_BOOL, .offset = CONF_OFFSET(article, shared)},
    {.name = "capacity",
     .type = CONF_QTY,
     .dims = DIM_CHARGE,
     .min = 3.6e-3,
     .max = 3.6e6,
     .offset = CONF_OFFSET(article, capacity_c),
     .help = "nominal"},
    {.name = "area",                 .type = CONF_QTY, .dims = DIM_AREA, .offset = CONF_OFFSET(article, area_m2)},
    {.name = "temperature",
     .type = CONF_QTY,
     .dims = DIM_TEMPERATURE,
     .point = true,
     .offset = CONF_OFFSET(article, temperature_k)},
    {.name = "step",
     .type = CONF_QTY,
     .dims = DIM_TEMPERATURE,
     .offset = CONF_OFFSET(article, step_k)},
    {.name = "share",                .type = CONF_QTY, .dims = DIM_NONE, .offset = CONF_OFFSET(article, share)},
    {.name = "limits",
     .type = CONF_TABLE,
     .sub = &limit_schema,
     .offset = CONF_OFFSET(article, limits)},
    {.name = "made", .type = CONF_NODE, .offset = CONF_OFFSET(article, made)},
    {.name = "hazards",                              .type = CONF_TEXTS, .offset = CONF_OFFSET(article, hazards)},
    {.name = NULL              },
};
static const struct schema article_schema = {"article", "What is tested.", article_keys, false};

START_TEST(table_fills_struct)
{
    struct conf_doc doc =
        load("article: ASSB-017\nbarcode: \"A5B # 17\"\nkind: pellet\ncount: 7\nshared: yes\n"
             "capacity: 9.6 mAh\narea: 2 cm^2\ntemperature: -20 degC\nstep: 0.5 K\nshare: 90 %\n"
             "limits: {voltage: 2.0 V .. 4.4 V, current: .. 6 mA}\nmade: {by: kt}\n"
             "hazards: [lithium metal, H2S on contact with air]\n");
    struct article a = {0};
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(conf_apply(doc.root, &article_schema, &a, &doc, &d), 0);
    ck_assert_str_eq(a.name, "ASSB-017");
    ck_assert_str_eq(a.barcode, "A5B # 17");
    ck_assert_int_eq(a.kind, 1);
    ck_assert_int_eq(a.count, 7);
    ck_assert(a.shared);
    ck_assert_double_eq_tol(a.capacity_c, 34.56, 1e-12);
    ck_assert_double_eq_tol(a.area_m2, 2e-4, 1e-18);
    ck_assert_double_eq_tol(a.temperature_k, 253.15, 1e-12);
    ck_assert_double_eq_tol(a.step_k, 0.5, 1e-15);
    ck_assert_double_eq_tol(a.share, 0.9, 1e-15);
    ck_assert_double_eq_tol(a.limits.voltage.hi, 4.4, 1e-15);
    ck_assert(isinf(a.limits.current.lo) && a.limits.current.lo < 0);
    ck_assert_double_eq_tol(a.limits.current.hi, 0.006, 1e-18);
    ck_assert_str_eq(conf_get(a.made, "by")->text, "kt");
    ck_assert_uint_eq(a.hazards.n, 2);
    ck_assert_str_eq(a.hazards.text[1], "H2S on contact with air");
    conf_done(&doc);
}
END_TEST

static const struct {
    const char *line; /* added to `article: x` in line 2 */
    int code, column, length;
    const char *part, *hint;
} wrong[] = {
    {"capactiy: 9 mAh",                 E_INVALID, 1,  8,  "not a key of article",                       "did you mean capacity?"     },
    {"zzz: 9 mAh",                      E_INVALID, 1,  3,  "not a key of article",                       NULL                         },
    {"capacity: 9.6 mWh",               E_UNIT,    11, 7,  "charge is expected, energy is given in mWh",
     "did you mean 9.6 mAh?"                                                                                                          },
    {"capacity: 9.6",                   E_UNIT,    11, 3,  "without a unit",                             "did you mean 9.6 Ah?"       },
    {"capacity: 9.6 mAhh",              E_UNIT,    15, 4,  "not a unit",                                 "did you mean mAh?"          },
    {"capacity: 9000 kAh",              E_RANGE,   11, 8,  "outside 1.00 uAh .. 1.00 kAh",               ""                           },
    {"capacity: \"9.6 V\"",             E_UNIT,    12, 5,  "charge is expected",                         NULL                         },
    {"capacity: [1 mAh]",               E_INVALID, 11, 1,  "a list where",                               ""                           },
    {"temperature: 5 mV",               E_UNIT,    14, 4,  "temperature is expected",                    "did you mean 5 degC?"       },
    {"step: 5 degC",                    E_UNIT,    7,  6,  "difference",                                 "differences are in K"       },
    {"share: 5 V",                      E_UNIT,    8,  3,  "a plain number is expected",                 "a plain number has no unit" },
    {"kind: cel",                       E_INVALID, 7,  3,  "not a choice",                               "did you mean cell?"         },
    {"kind: zebra",                     E_INVALID, 7,  5,  "not a choice",                               "one of: cell, pellet, stack"},
    {"count: 0",                        E_RANGE,   8,  1,  "outside 1 .. 96",                            ""                           },
    {"count: 97",                       E_RANGE,   8,  2,  "outside 1 .. 96",                            ""                           },
    {"count: 4.5",                      E_SYNTAX,  8,  3,  "not a whole number",                         ""                           },
    {"count: 99999999999999999999",     E_RANGE,   8,  20, "outside 1 .. 96",                            ""                           },
    {"shared: on",                      E_INVALID, 9,  2,  "neither yes nor no",                         "write yes or no"            },
    {"limits: {voltage: 2 V .. 4.4 A}", E_UNIT,    26, 5,  "voltage is expected, current",
     "did you mean 4.4 V?"                                                                                                            },
    {"limits: {voltage: 2 .. 4.4 V}",   E_UNIT,    19, 1,  "without a unit",                             "did you mean 2 V?"          },
    {"limits: {voltage: 4 V}",          E_SYNTAX,  19, 3,  "a range is expected",                        NULL                         },
    {"limits: {voltage: ..}",           E_SYNTAX,  19, 2,  "without any end",                            ""                           },
    {"limits: {voltage: 4.4 V .. 2 V}", E_RANGE,   19, 12, "downward",                                   NULL                         },
    {"limits: {current: .. 6 mA}",      E_INVALID, 1,  6,  "'voltage' of limits is missing",             "the window"                 },
    {"limits: 5 V",                     E_INVALID, 9,  3,  "limits is a table",                          ""                           },
    {"hazards: {a: b}",                 E_INVALID, 10, 1,  "a table where",                              ""                           },
};

START_TEST(table_refuses)
{
    struct article a = {0};
    struct diag d;
    char text[200], story[1000];
    struct conf_doc doc;

    snprintf(text, sizeof(text), "article: x\n%s\n", wrong[_i].line);
    doc = load(text);
    diag_init(&d);
    int rc = conf_apply(doc.root, &article_schema, &a, &doc, &d);

    diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(rc == wrong[_i].code && d.n == 1, "%d: %s", rc, story);
    ck_assert_msg(d.finding[0].line == 2 && d.finding[0].column == wrong[_i].column &&
                      d.finding[0].length == wrong[_i].length,
                  "%d+%d\n%s", d.finding[0].column, d.finding[0].length, story);
    ck_assert_msg(strstr(d.finding[0].text, wrong[_i].part) != NULL, "no '%s' in %s",
                  wrong[_i].part, story);
    if (wrong[_i].hint)
        ck_assert_str_eq(d.finding[0].hint, wrong[_i].hint);
    conf_done(&doc);
}
END_TEST

START_TEST(table_reports_everything)
{
    struct conf_doc doc = load("barcode: 1\ncount: x\nshare: 5 V\nunknown: 1\n");
    struct article a = {.count = 5, .share = 0.25};
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(conf_apply(doc.root, &article_schema, &a, &doc, &d), E_SYNTAX);
    ck_assert_uint_eq(d.n, 4); /* count, share, unknown, and article is missing */
    ck_assert_ptr_nonnull(strstr(d.finding[3].text, "'article' of article is missing"));
    ck_assert_int_eq(a.count, 5); /* fields of refused keys stay */
    ck_assert_double_eq_tol(a.share, 0.25, 1e-15);
    conf_done(&doc);
}
END_TEST

START_TEST(table_may_be_open)
{
    struct schema open = article_schema;
    struct conf_doc doc = load("article: x\nmodel: LEAF\n");
    struct article a = {0};
    struct diag d;

    open.open = true;
    diag_init(&d);
    ck_assert_int_eq(conf_apply(doc.root, &open, &a, &doc, &d), 0);
    conf_done(&doc);
}
END_TEST

START_TEST(scalars_alone)
{
    struct conf_doc doc = load("[C/10, 0.05 .. 0.1, -5, 1 s .., 10 degC .. 80 degC]");
    const struct conf_node *n = doc.root->first;
    struct qty q;
    struct range r;
    struct diag d;
    struct dims current = DIMS_CURRENT;
    int64_t i;

    diag_init(&d);
    ck_assert_int_eq(conf_qty(n, NULL, &q, &d), 0);
    ck_assert(dims_equal(q.dims, DIMS_CRATE));
    ck_assert_int_eq(conf_qty(n, &current, &q, NULL), E_UNIT);
    n = n->next;
    ck_assert_int_eq(conf_range(n, DIMS_NONE, false, &r, &d), 0);
    ck_assert_double_eq_tol(r.lo, 0.05, 1e-15);
    ck_assert_double_eq_tol(r.hi, 0.1, 1e-15);
    n = n->next;
    ck_assert_int_eq(conf_int(n, -5, 5, &i, &d), 0);
    ck_assert_int_eq(i, -5);
    n = n->next;
    ck_assert_int_eq(conf_range(n, DIMS_TIME, false, &r, &d), 0);
    ck_assert(isinf(r.hi) && r.hi > 0);
    n = n->next;
    ck_assert_int_eq(conf_range(n, DIMS_TEMPERATURE, true, &r, &d), 0);
    ck_assert_double_eq_tol(r.lo, 283.15, 1e-12);
    ck_assert_int_eq(conf_range(n, DIMS_TEMPERATURE, false, &r, &d), E_UNIT);
    conf_done(&doc);
}
END_TEST

START_TEST(reference_page)
{
    struct text t = {0};

    conf_reference(&article_schema, &t);
    ck_assert(str_starts(
        t.p, "## article\n\nWhat is tested.\n\n| key | value | required | |\n|---|---|---|---|\n"));
    ck_assert_ptr_nonnull(strstr(t.p, "| `article` | name | yes | its name |\n"));
    ck_assert_ptr_nonnull(
        strstr(t.p, "| `capacity` | charge, 1.00 uAh .. 1.00 kAh |  | nominal |\n"));
    ck_assert_ptr_nonnull(strstr(t.p, "| `count` | whole number, 1 .. 96 |  |  |\n"));
    ck_assert_ptr_nonnull(strstr(t.p, "| `kind` | one of `cell`, `pellet`, `stack` |"));
    ck_assert_ptr_nonnull(
        strstr(t.p, "| `limits.voltage` | range of voltage | yes | the window |\n"));
    ck_assert_ptr_nonnull(strstr(t.p, "| `share` | plain number |"));
    text_done(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schema");
    TCase *c;
    SRunner *runner;
    int failed;

    c = tcase_create("tables");
    suite_add_tcase(s, c);
    tcase_add_test(c, table_fills_struct);
    tcase_add_loop_test(c, table_refuses, 0, (int)ARRAY_LEN(wrong));
    tcase_add_test(c, table_reports_everything);
    tcase_add_test(c, table_may_be_open);
    tcase_add_test(c, scalars_alone);
    tcase_add_test(c, reference_page);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
