/* benchctl/cmd_article.c - `benchctl article FILE|NAME`: check an article, put it into the lab, show it. */
#include "benchctl/cli.h"

#include "base/clock.h"
#include "db/store.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static void line(const char *label, const char *value)
{
    printf("  %-22s %s\n", label, value);
}

static void print_window(const char *label, struct range r, struct dims d, bool point)
{
    char lo[40] = "", hi[40] = "", text[100];
    if (isinf(r.lo) && isinf(r.hi)) {
        return;
    }
    if (!isinf(r.lo)) {
        qty_print(r.lo, d, point, lo, sizeof lo);
    }
    if (!isinf(r.hi)) {
        qty_print(r.hi, d, point, hi, sizeof hi);
    }
    snprintf(text, sizeof text, "%s%s..%s%s", lo, lo[0] ? " " : "", hi[0] ? " " : "", hi);
    line(label, text);
}

static void print_article(const struct article *a)
{
    char buf[48];
    printf("%s  %s\n", a->name, article_kinds[a->kind]);
    if (a->barcode) {
        line("barcode", a->barcode);
    }
    line("capacity", value_text(a->capacity_c, DIMS_CHARGE, false, buf, sizeof buf));
    line("area", value_text(a->area_m2, DIMS_AREA, false, buf, sizeof buf));
    print_window("voltage", a->voltage_v, DIMS_VOLTAGE, false);
    print_window("voltage of a group", a->group_voltage_v, DIMS_VOLTAGE, false);
    line("charge current up to", value_text(a->charge_current_a, DIMS_CURRENT, false, buf, sizeof buf));
    line("discharge current up to", value_text(a->discharge_current_a, DIMS_CURRENT, false, buf, sizeof buf));
    print_window("charge temperature", a->charge_temperature_k, DIMS_TEMPERATURE, true);
    print_window("discharge temperature", a->discharge_temperature_k, DIMS_TEMPERATURE, true);
    print_window("pressure", a->pressure_pa, DIMS_PRESSURE, false);
    print_window("OCV expected", a->expect_ocv_v, DIMS_VOLTAGE, false);
    for (unsigned k = 0; k < a->hazards.n; k++) {
        line(k ? "" : "hazards", a->hazards.text[k]);
    }
}

static void print_json(const struct article *a)
{
    json_t *o = json_pack("{s:s, s:s, s:s?}", "name", a->name, "kind", article_kinds[a->kind], "barcode", a->barcode);
    const struct {
        const char *key;
        double v;
    } numbers[] = {{"capacity_c", a->capacity_c}, {"area_m2", a->area_m2}, {"voltage_lo_v", a->voltage_v.lo}, {"voltage_hi_v", a->voltage_v.hi},
                   {"charge_current_a", a->charge_current_a}, {"discharge_current_a", a->discharge_current_a}};
    for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
        json_object_set_new(o, numbers[k].key, isfinite(numbers[k].v) ? json_real(numbers[k].v) : json_null());
    }
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(o);
}

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    struct article article;
    if (cli_article(a, a->arg[0], &article, &d) < 0) {
        return cli_findings(a, &d);
    }
    int code = EXIT_DONE;
    struct store *lab = NULL;
    if (!args_get(a, "--check")) {
        struct clock c;
        clock_init_os(&c);
        int r = lab_open(a->lab, &lab, &d);
        r = r < 0 ? r : lab_article_put(lab, article.name, article.barcode, article_kinds[article.kind], article.doc.text, clock_wall(&c), &d);
        if (r < 0) {
            cli_findings(a, &d);
            code = EXIT_INTERNAL;
        }
        lab_close(lab);
    }
    if (a->json) {
        print_json(&article);
    } else {
        print_article(&article);
        if (code == EXIT_DONE && !args_get(a, "--check")) {
            printf("in lab %s\n", a->lab);
        }
    }
    article_done(&article);
    return code;
}

static const struct option options[] = {{"--check", NULL, false, "only check and show; the lab is not written"}, {NULL, NULL, false, NULL}};

extern const struct command cmd_article;
const struct command cmd_article = {
    .name = "article", .group = "use", .arguments = "FILE|NAME", .help = "check an article's file, put it into the lab, show it", .options = options,
    .common = COMMON_LAB | COMMON_JSON, .min_args = 1, .max_args = 1, .run = run,
};
