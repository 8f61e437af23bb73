/* benchctl/cmd_probe.c - `benchctl probe BENCH`: who is on each line, by asking; `benchctl scan`: ports of this machine. Nothing is set. */
#include "benchctl/cli.h"
#include "benchctl/rig.h"
#include "benchctl/uris.h"

#include <jansson.h>
#include <string.h>

static struct bench bench;
static struct at_hand hand;

static void report(const struct args *a, const bool *seen, const struct rig_event *wrong)
{
    json_t *all = json_array();
    static const char *const headers[] = {"instrument", "driver", "bus", "found", "reply mean", "errors"};
    struct table t;
    table_begin(&t, ARRAY_LEN(headers), 0, headers);
    for (int i = 0; i < bench.n_insts; i++) {
        const struct bench_inst *in = &bench.inst[i];
        const struct bus_stats *st = &hand.rig.bus[in->bus].inst[in->slot].stats;
        double mean_s = st->replies ? st->latency_sum_s / (double)st->replies : 0.0;
        unsigned long long errors = st->timeouts + st->garbled;
        const char *found = wrong[i].kind == RIG_WRONG ? wrong[i].text : seen[i] ? hand.rig.s.inst[i].identity : "no answer";
        if (a->json) {
            json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:b, s:s, s:f, s:I}", "instrument", in->name, "driver", in->driver->name, "bus", bench.bus[in->bus].name, "ok",
                                                 seen[i] && wrong[i].kind != RIG_WRONG, "found", found, "reply_mean_s", mean_s, "errors", (json_int_t)errors));
            continue;
        }
        char ms[40];
        str_fixed(mean_s * 1e3, 1, 0, false, false, ms, sizeof ms);
        table_cell(&t, "%s", in->name);
        table_cell(&t, "%s", in->driver->name);
        table_cell(&t, "%s", bench.bus[in->bus].name);
        table_cell(&t, "%s%s", wrong[i].kind == RIG_WRONG ? "WRONG: " : "", found);
        table_cell(&t, "%s ms", ms);
        table_cell(&t, "%llu", errors);
    }
    if (a->json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        putchar('\n');
        table_print(&t, NULL);
    } else {
        table_print(&t, stdout);
    }
    json_decref(all);
}

static int run_probe(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    if (bench_load(a->arg[0], &bench, &d) < 0) {
        return cli_findings(a, &d);
    }
    int r = at_hand_open(&hand, a, &bench, &d);
    if (r < 0) {
        cli_findings(a, &d);
        bench_done(&bench);
        return EXIT_BENCH;
    }
    bool seen[BENCH_INSTS_MAX] = {false};
    static struct rig_event wrong[BENCH_INSTS_MAX];
    int left = bench.n_insts;
    for (uint8_t i = 0; i < bench.n_insts; i++) {
        left -= rig_identify(&hand.rig, i, 0) < 0;
    }
    nsec end = hand.rig.s.now + 8 * NSEC_S;
    while (left > 0 && hand.rig.s.now < end) {
        nsec due = rig_due(&hand.rig);
        rig_wait(&hand.rig, due < end ? due : end);
        struct rig_event e;
        while (rig_take(&hand.rig, &e)) {
            if ((e.kind == RIG_IDENTIFIED || e.kind == RIG_WRONG) && !seen[e.inst]) {
                seen[e.inst] = true;
                wrong[e.inst] = e;
                left--;
            }
        }
    }
    report(a, seen, wrong);
    bool all = left == 0;
    for (int i = 0; i < bench.n_insts; i++) {
        all = all && wrong[i].kind != RIG_WRONG;
    }
    at_hand_close(&hand);
    bench_done(&bench);
    return all ? EXIT_DONE : EXIT_BENCH;
}

static int one_port(void *ctx, const struct link_port *p)
{
    const struct args *a = ctx;
    if (a->json) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "link", p->uri, "name", p->name, "usb_serial", p->usb_serial, "description", p->description);
        json_dumpf(o, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(o);
    } else {
        printf("%-56s %-20s %s\n", p->uri, p->usb_serial[0] ? p->usb_serial : "-", p->description);
    }
    return 0;
}

static int run_scan(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    union {
        const struct args *in;
        void *out;
    } ctx = {.in = a};
    if (!a->json) {
        printf("%-56s %-20s %s\n", "link", "USB serial", "what");
    }
    if (link_list(one_port, ctx.out, &d) < 0) {
        cli_findings(a, &d);
        return EXIT_INTERNAL;
    }
    return EXIT_DONE;
}

static const struct option probe_options[] = {{"--links", "FILE", false, "links of `benchctl emu` instead of the bench file's"}, {NULL, NULL, false, NULL}};

extern const struct command cmd_probe, cmd_scan;
const struct command cmd_probe = {
    .name = "probe", .group = "look", .arguments = "BENCH", .help = "ask every instrument of a bench who it is; nothing is set", .options = probe_options, .common = COMMON_LAB | COMMON_JSON, .min_args = 1,
    .max_args = 1, .run = run_probe,
};
const struct command cmd_scan = {.name = "scan", .group = "look", .arguments = "", .help = "serial ports of this machine, with the names that stay", .common = COMMON_JSON, .run = run_scan};
