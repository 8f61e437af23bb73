/* benchctl/cmd_diff.c - `benchctl diff A B`: two runs by step, or two procedures by meaning. */
#include "benchctl/diff_priv.h"

#include <string.h>

#define WITHIN_USUAL 1e-3

static bool is_procedure(const char *word)
{
    size_t n = strlen(word);

    return (n > 5 && strcmp(word + n - 5, ".yaml") == 0) ||
           (n > 4 && strcmp(word + n - 4, ".yml") == 0);
}

static int take_within(const struct args *a, double *ret)
{
    int rc;

    *ret = WITHIN_USUAL;
    rc = args_quantity(a, "--within", DIMS_NONE, "0.5 %", ret);
    if (rc == EXIT_DONE && (!(*ret >= 0.0) || *ret >= 1.0)) {
        return cli_error(a, EXIT_USAGE, "--within is a share such as \"0.5 %%\", not `%s`",
                         args_get(a, "--within"));
    }
    return rc;
}

static int run(const struct args *a)
{
    bool first = is_procedure(a->arg[0]), second = is_procedure(a->arg[1]);
    struct diag d;
    double within;
    int rc = take_within(a, &within);

    if (rc != EXIT_DONE) {
        return rc;
    }
    if (first != second) {
        return cli_error(a, EXIT_USAGE, "`%s` is a procedure and `%s` is a run",
                         a->arg[first ? 0 : 1], a->arg[first ? 1 : 0]);
    }
    diag_init(&d);
    rc = first ? diff_programs(a, &d) : diff_runs(a, within, &d);
    return rc < 0 ? cli_findings(a, &d) : rc;
}

static const struct option options[] = {
    {"--within",  "SHARE",      false, "runs: figures this close are the same (default: 0.1 %)"   },
    {"--article", "ARTICLE",    false, "procedures: compiled for it, so that C-rates are currents"},
    {"--bench",   "BENCH",      false, "procedures: compiled for it, with its guards"             },
    {"--station", "NAME",       false, "station of the bench, where it has several"               },
    {"--set",     "NAME=VALUE", true,  "a parameter of both procedures"                           },
    {NULL,        NULL,         false, NULL                                                       },
};

extern const struct command cmd_diff;
const struct command cmd_diff = {
    .name = "diff",
    .group = "use",
    .arguments = "A B",
    .help = "two runs by step, or two procedures by meaning",
    .more = "Runs: how each step ended, its charge, how long it took, what was saved in it.\n"
            "Procedures: acts, limits, ends, guards as they are compiled; the order of keys,\n"
            "comments and other spellings of one value are no difference. Exit 1: they differ.\n"
            "\n"
            "  benchctl diff 41 42 --within '0.5 %'\n"
            "  benchctl diff old.yaml new.yaml --article ASSB-017",
    .options = options,
    .common = COMMON_LAB | COMMON_JSON,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
