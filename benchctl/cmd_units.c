/* benchctl/cmd_units.c - `benchctl units [QUANTITY [UNIT]]`: how a quantity is understood; conversion. */
#include "benchctl/cli.h"

#include <jansson.h>
#include <string.h>

static const struct {
    const char *what, *units;
} known[] = {
    {"voltage", "V, mV, uV, kV"},
    {"current", "A, mA, uA"},
    {"C-rate", "C/10, 2C, 0.75C (of the article's capacity; never coulomb)"},
    {"current density", "mA/cm^2, A/m^2"},
    {"charge", "Ah, mAh; per area mAh/cm^2"},
    {"energy, power", "Wh, kWh, J; W, kW"},
    {"resistance", "ohm, mohm, kohm, Mohm"},
    {"temperature", "degC, K (differences and rates are in K)"},
    {"pressure, force", "Pa, kPa, MPa, bar, psi; N, kN"},
    {"time", "ms, s, min, h, d"},
    {"length, area, mass", "um, mm, cm, m; cm^2, m^2; mg, g, kg"},
    {"flow", "l/min"},
    {"rates", "MPa/min, K/min, mV/h and the like"},
    {"share", "%, plain numbers"},
};

static int list(const struct args *a)
{
    if (a->json) {
        json_t *all = json_array();
        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            json_array_append_new(all, json_pack("{s:s, s:s}", "quantity", known[k].what, "units", known[k].units));
        }
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
        return EXIT_DONE;
    }
    for (size_t k = 0; k < ARRAY_LEN(known); k++) {
        printf(a->csv ? "\"%s\",\"%s\"\n" : "%-20s %s\n", known[k].what, known[k].units);
    }
    return EXIT_DONE;
}

static int run(const struct args *a)
{
    if (a->n == 0) {
        return list(a);
    }
    struct diag d;
    diag_init(&d);
    struct qty q;
    struct diag_pos pos = {.file = "quantity", .line = 1, .column = 1, .length = (int)strlen(a->arg[0]), .text = a->arg[0]};
    if (qty_parse(a->arg[0], strlen(a->arg[0]), &pos, &q, &d) < 0) {
        cli_findings(a, &d);
        return EXIT_USAGE;
    }
    char name[48], printed[48], si[40];
    str_from_double(q.si, si, sizeof si);
    dims_name(q.dims, name, sizeof name);
    if (a->n == 2 && qty_print_in(q.si, a->arg[1], 9, printed, sizeof printed) < 0) {
        return cli_error(a, EXIT_USAGE, "`%s` is not a unit", a->arg[1]);
    }
    double scale, offset;
    struct dims to;
    if (a->n == 2 && (unit_parse(a->arg[1], strlen(a->arg[1]), &scale, &offset, &to) < 0 || !dims_equal(to, q.dims))) {
        return cli_error(a, EXIT_USAGE, "`%s` is no unit of a %s", a->arg[1], name);
    }
    if (a->n == 1) {
        qty_print(q.si, q.dims, q.point, printed, sizeof printed);
    }
    if (a->json) {
        json_t *o = json_pack("{s:s, s:f, s:s, s:s}", "quantity", name, "si", q.si, "given", a->arg[0], "printed", printed);
        json_dumpf(o, stdout, JSON_REAL_PRECISION(17));
        putchar('\n');
        json_decref(o);
    } else {
        printf("%s = %s  (%s, %s in SI)\n", a->arg[0], printed, name, si);
    }
    return EXIT_DONE;
}

extern const struct command cmd_units;
const struct command cmd_units = {
    .name = "units", .group = "look", .arguments = "[QUANTITY [UNIT]]", .help = "units that files may use; what a quantity means, and in another unit",
    .more = "  benchctl units '150 psi' MPa\n  benchctl units C/3", .common = COMMON_JSON | COMMON_CSV, .max_args = 2, .run = run,
};
