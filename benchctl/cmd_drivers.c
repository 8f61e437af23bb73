/* benchctl/cmd_drivers.c - `benchctl drivers [NAME]`: which instruments can be driven, and what each offers. */
#include "benchctl/cli.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static const char *status_text(enum driver_status s)
{
    static const char *const names[] = {[DRIVER_DRAFT] = "DRAFT", [DRIVER_EMULATED] = "EMULATED", [DRIVER_BENCH] = "BENCH", [DRIVER_FIELD] = "FIELD"};
    return names[s];
}

static const char *wire_text(enum wire_kind w)
{
    static const char *const names[] = {[WIRE_LINE] = "text lines", [WIRE_MODBUS] = "Modbus", [WIRE_FRAME] = "binary frames", [WIRE_USBTMC] = "USBTMC", [WIRE_CAN] = "CAN"};
    return names[w];
}

static json_t *driver_json(const struct driver *d)
{
    json_t *channels = json_array();
    for (const struct chan *c = d->chans; c->name; c++) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:b}", "name", c->name, "quantity", chan_kind_info(c->kind)->word, "unit", chan_kind_info(c->kind)->si_unit, "read",
                              (c->access & CHAN_READ) != 0, "set", (c->access & CHAN_SET) != 0);
        if (isfinite(c->min) && isfinite(c->max)) {
            json_object_set_new(o, "min", json_real(c->min));
            json_object_set_new(o, "max", json_real(c->max));
        }
        json_array_append_new(channels, o);
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "name", d->name, "title", d->title, "role", d->role ? d->role : "", "status", status_text(d->status), "wire",
                     wire_text(d->wire), "channels", channels);
}

static int list(const struct args *a)
{
    if (a->json) {
        json_t *all = json_array();
        for (size_t k = 0; drivers_all[k]; k++) {
            json_array_append_new(all, driver_json(drivers_all[k]));
        }
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        putchar('\n');
        json_decref(all);
        return EXIT_DONE;
    }
    static const char *const headers[] = {"driver", "instrument", "role", "wire", "status"};
    if (a->csv) {
        printf("driver,instrument,role,wire,status\n");
        for (size_t k = 0; drivers_all[k]; k++) {
            const struct driver *d = drivers_all[k];
            printf("%s,\"%s\",%s,%s,%s\n", d->name, d->title, d->role ? d->role : "", wire_text(d->wire), status_text(d->status));
        }
        return EXIT_DONE;
    }
    struct table t;
    table_begin(&t, 5, 0, headers);
    for (size_t k = 0; drivers_all[k]; k++) {
        const struct driver *d = drivers_all[k];
        table_cell(&t, "%s", d->name);
        table_cell(&t, "%s", d->title);
        table_cell(&t, "%s", d->role ? d->role : "-");
        table_cell(&t, "%s", wire_text(d->wire));
        table_cell(&t, "%s", status_text(d->status));
    }
    table_print(&t, stdout);
    printf("EMULATED: seen on an emulator only, never on the instrument itself.\n");
    return EXIT_DONE;
}

static void print_range(char *buf, size_t size, const struct chan *c)
{
    const struct chan_kind_info *i = chan_kind_info(c->kind);
    if (c->kind == KIND_STATE && c->states) {
        size_t n = 0;
        buf[0] = '\0';
        for (const char *const *s = c->states; *s && n + 24 < size; s++) {
            n += (size_t)snprintf(buf + n, size - n, "%s%s", n ? ", " : "", *s);
        }
        return;
    }
    char lo[40], hi[40];
    snprintf(buf, size, "%s .. %s", qty_print(c->min, i->dims, i->point, lo, sizeof lo), qty_print(c->max, i->dims, i->point, hi, sizeof hi));
}

static void accuracy_text(char *buf, size_t size, const struct chan *c)
{
    const struct chan_kind_info *i = chan_kind_info(c->kind);
    char offset[40], reading[40];
    if (c->ranges) {
        snprintf(buf, size, "by range");
    } else if (c->accuracy_reading <= 0.0 && c->accuracy_offset <= 0.0) {
        snprintf(buf, size, "-");
    } else {
        str_fixed(100.0 * c->accuracy_reading, 3, 0, false, false, reading, sizeof reading);
        snprintf(buf, size, "+-(%s %% + %s)", reading, qty_print(c->accuracy_offset, i->dims, false, offset, sizeof offset));
    }
}

static int one(const struct args *a, const struct driver *d)
{
    if (a->json) {
        json_t *o = driver_json(d);
        json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        putchar('\n');
        json_decref(o);
        return EXIT_DONE;
    }
    printf("%s  %s  %s, %s\n", d->name, d->title, wire_text(d->wire), status_text(d->status));
    if (d->baud) {
        printf("%u baud by default, ", d->baud);
    }
    printf("time-out %u ms, rest between requests %u ms\n\n", d->timeout_ms, d->gap_ms);
    static const char *const headers[] = {"channel", "quantity", "access", "range", "accuracy"};
    struct table t;
    table_begin(&t, 5, 0, headers);
    char buf[160];
    for (const struct chan *c = d->chans; c->name; c++) {
        table_cell(&t, "%s", c->name);
        table_cell(&t, "%s", chan_kind_info(c->kind)->word);
        table_cell(&t, "%s", c->access == CHAN_READ ? "read" : c->access == CHAN_SET ? "set" : "read, set");
        print_range(buf, sizeof buf, c);
        table_cell(&t, "%s", buf);
        accuracy_text(buf, sizeof buf, c);
        table_cell(&t, "%s", buf);
    }
    table_print(&t, stdout);
    if (d->params) {
        printf("\nkeys of the bench file\n");
        for (const struct conf_key *k = d->params->keys; k->name; k++) {
            printf("  %-14s %s\n", k->name, k->help ? k->help : "");
        }
    }
    static const char *const cards[] = {"lost link", "power-up", "front panel", "off-state", "kind of limit", "own watchdog"};
    if (d->hazard[0]) {
        printf("\nhazard card\n");
        for (size_t k = 0; k < ARRAY_LEN(cards); k++) {
            const char *said = d->hazard[k] ? d->hazard[k] : "-", *colon = strstr(said, ": ");
            printf("  %-14s %s\n", cards[k], colon && colon - said < 16 ? colon + 2 : said);
        }
    }
    return EXIT_DONE;
}

static int run(const struct args *a)
{
    if (a->n == 0) {
        return list(a);
    }
    const struct driver *d = driver_find(a->arg[0]);
    if (!d) {
        const char *names[64] = {0};
        for (size_t k = 0; drivers_all[k] && k + 1 < ARRAY_LEN(names); k++) {
            names[k] = drivers_all[k]->name;
        }
        const char *near = str_nearest(a->arg[0], names);
        return cli_error(a, EXIT_USAGE, "there is no driver `%s`%s%s%s", a->arg[0], near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return one(a, d);
}

extern const struct command cmd_drivers;
const struct command cmd_drivers = {
    .name = "drivers", .group = "look", .arguments = "[NAME]", .help = "instruments that can be driven; with a name: channels, ranges, hazard card",
    .common = COMMON_JSON | COMMON_CSV, .max_args = 1, .run = run,
};
