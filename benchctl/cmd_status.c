/* benchctl/cmd_status.c - `benchctl status`: what the newest runs of the lab are doing, from their live run files (read only). */
#include "benchctl/cli.h"

#include "base/clock.h"
#include "db/read.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

struct status {
    const struct args *args;
    json_t *all;
    unsigned going;
};

struct last_step {
    struct step_row row;
    bool any;
};

static int keep_last(void *ctx, const struct step_row *row)
{
    struct last_step *l = ctx;
    l->row = *row;
    l->any = true;
    return 0;
}

/* The newest value of a channel, NaN when there is none. */
static double newest(struct run_file *f, const char *channel, double *ret_t_s)
{
    struct trace t;
    struct diag d;
    diag_init(&d);
    double v = NAN;
    if (run_trace(f, channel, -INFINITY, INFINITY, 60, &t, &d) == 0) {
        for (size_t k = t.n; k > 0 && isnan(v); k--) {
            v = t.hi[k - 1];
            *ret_t_s = t.t_s[k - 1];
        }
        trace_done(&t);
    }
    return v;
}

static int one_run(void *ctx, const struct run_info *info)
{
    struct status *s = ctx;
    if (info->ended) {
        return 0;
    }
    struct run_file *f = NULL;
    struct diag d;
    diag_init(&d);
    if (run_open(s->args->lab, info->number, &f, &d) < 0) {
        return 0;
    }
    struct last_step last = {.any = false};
    (void)!run_steps(f, keep_last, &last, &d);
    static const struct {
        const char *channel;
        struct dims dims;
        bool point;
    } shown[] = {{"cell.voltage", DIM_VOLTAGE, false}, {"cell.current", DIM_CURRENT, false}, {"press.pressure", DIM_PRESSURE, false}, {"chamber.temperature", DIM_TEMPERATURE, true}};
    char took[40];
    json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "run", (json_int_t)info->number, "procedure", info->procedure, "article", info->article, "bench", info->bench, "station",
                          info->station, "step", last.any ? last.row.name : "");
    if (!s->args->json) {
        printf("%s  station %s  run %lld  %s  article %s  %s  %s", info->bench, info->station, (long long)info->number, info->procedure, info->article,
               duration_text(nsec_to_s(info->duration), took, sizeof took), last.any ? last.row.name : "starting");
    }
    for (size_t k = 0; k < ARRAY_LEN(shown); k++) {
        double t_s = NAN, v = newest(f, shown[k].channel, &t_s);
        char text[48];
        json_object_set_new(o, shown[k].channel, isfinite(v) ? json_real(v) : json_null());
        if (!s->args->json && isfinite(v)) {
            printf("  %s", value_text(v, shown[k].dims, shown[k].point, text, sizeof text));
        }
    }
    if (!s->args->json) {
        printf("\n");
    }
    json_array_append_new(s->all, o);
    s->going++;
    run_close(f);
    return 0;
}

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    struct status s = {.args = a, .all = json_array()};
    if (lab_runs(a->lab, one_run, &s, &d) < 0) {
        cli_findings(a, &d);
        json_decref(s.all);
        return EXIT_BENCH;
    }
    if (a->json) {
        json_dumpf(s.all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        putchar('\n');
    } else if (s.going == 0) {
        printf("nothing runs in lab %s\n", a->lab);
    }
    json_decref(s.all);
    return EXIT_DONE;
}

extern const struct command cmd_status;
const struct command cmd_status = {.name = "status", .group = "look", .arguments = "", .help = "what the runs that are going on do, from their live files", .common = COMMON_LAB | COMMON_JSON, .run = run};
