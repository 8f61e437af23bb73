/* benchctl/cmd_plan.c - `benchctl plan BENCH PROCEDURE --article A`: the steps with their durations, loops indented. */
#include "benchctl/cli.h"
#include "procedures/engine/check.h"

static struct loaded loaded;

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    int r = cli_load(a, a->arg[0], a->arg[1], args_get(a, "--article"), args_get(a, "--station"), &loaded, &d);
    struct check_report report;
    if (r == 0 && loaded.has_article) {
        r = program_check(&loaded.program, &report, &d);
    }
    if (d.n) {
        cli_findings(a, &d);
    }
    if (r == 0) {
        struct text out = {0};
        program_plan(&loaded.program, &out);
        fputs(out.p ? out.p : "", stdout);
        text_done(&out);
    }
    cli_unload(&loaded);
    return r < 0 ? EXIT_FILE : EXIT_DONE;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "file or name of the article"},
    {"--station", "NAME", false, "station of the bench, where it has several"},
    {"--set", "NAME=VALUE", true, "a parameter of the procedure"},
    {NULL, NULL, false, NULL},
};

extern const struct command cmd_plan;
const struct command cmd_plan = {
    .name = "plan", .group = "try", .arguments = "BENCH PROCEDURE", .help = "the steps of a procedure with expected and worst durations", .options = options, .common = COMMON_LAB,
    .min_args = 2, .max_args = 2, .run = run,
};
