/* benchctl/cmd_sim.c - `benchctl sim BENCH PROCEDURE --article A`: a rehearsal on the virtual bench, in virtual time, through every layer.
 *
 * The same program, engine, buses, drivers and store as on a real bench; only the lines end in emulators. Faults and operator's words can be put at given run times.
 */
#include "benchctl/cli.h"
#include "benchctl/tasks.h"
#include "benchctl/show_run.h"

#include "db/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct tasks tasks;

/* A whole number from 1 to most, or 0 where it is not given. */
static int number_of(const struct args *a, const char *option, int64_t most, int64_t *ret)
{
    const char *text = args_get(a, option);
    *ret = 0;
    return text && (str_to_int(text, strlen(text), ret) < 0 || *ret < 1 || *ret > most) ? E_RANGE : 0;
}

static int work(struct watcher *w, const struct script *script)
{
    const struct args *a = w->args;
    struct diag d;
    diag_init(&d);
    int64_t seed, rows;
    if (number_of(a, "--seed", INT64_MAX, &seed) < 0) {
        return cli_error(a, EXIT_USAGE, "--seed takes a whole number from 1");
    }
    if (number_of(a, "--commit-rows", 100000, &rows) < 0) {
        return cli_error(a, EXIT_USAGE, "--commit-rows takes a whole number from 1 to 100000");
    }
    bool resume = tasks.task[0].resume > 0;
    if (resume && (!tasks.task[0].lab || tasks.n > 1)) {
        return cli_error(a, EXIT_USAGE, tasks.n > 1 ? "a rehearsal of several stations is begun anew: not --resume with --also" : "--resume goes on in a run file: not with --no-store");
    }
    struct session_options opt = {.seed = (uint64_t)seed, .wire = args_get(a, "--wire") != NULL, .commit_rows = (unsigned)rows, .script = script->item, .n_script = script->n, .answer = watcher_answer,
                                  .say = watcher_say, .after_commit = watcher_progress, .ctx = w};
    watcher_begin(w);
    int r = tasks_open(&tasks, &opt, &d);
    if (r < 0) {
        cli_findings(a, &d);
        tasks_close(&tasks);
        return !resume ? EXIT_INTERNAL : r == E_NOENT || r == E_STATE ? EXIT_USAGE : r == E_MISMATCH || r == E_VERSION || r == E_CORRUPT ? EXIT_FILE : EXIT_INTERNAL;
    }
    int code = tasks_work(&tasks, a, w, "rehearsed");
    tasks_close(&tasks);
    return code;
}

static int run(const struct args *a)
{
    static struct watcher w;
    struct diag d;
    diag_init(&d);
    watcher_init(&w, a);
    if (!args_get(a, "--article")) {
        return cli_error(a, EXIT_USAGE, "what is tested? --article FILE or NAME");
    }
    int r = tasks_load(&tasks, a, &d);
    struct script script = {0};
    const char *words[OPTION_REPEAT_MAX];
    if (r == 0) {
        r = script_faults(&script, &tasks.task[0].loaded.bench, words, args_all(a, "--fault", words, OPTION_REPEAT_MAX), &d);
    }
    if (r == 0) {
        r = script_operator(&script, words, args_all(a, "--operator", words, OPTION_REPEAT_MAX), &d);
    }
    const char *answers = args_get(a, "--answers");
    if (r == 0 && answers) {
        r = answers_load(&w.answers, answers, &d);
    }
    int code = r == E_INVALID && d.n && d.finding[0].line == 0 ? EXIT_USAGE : EXIT_FILE;
    if (r == 0 && !args_get(a, "--no-store")) {
        r = tasks_labs(&tasks, a, &d);
        code = EXIT_INTERNAL;
    }
    if (d.n) {
        cli_findings(a, &d);
    }
    code = r == 0 ? work(&w, &script) : code;
    answers_done(&w.answers);
    tasks_done(&tasks);
    return code;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "file or name of the article"},
    {"--station", "NAME", false, "station of the bench, where it has several"},
    {"--set", "NAME=VALUE", true, "a parameter of the procedure"},
    ALSO_OPTION,
    {"--wire", NULL, false, "with libmodbus in the path of Modbus lines, as on real ones"},
    {"--seed", "N", false, "draws instrument errors and noise anew"},
    {"--answers", "FILE", false, "answers to questions: a map of register or question text to answer"},
    {"--fault", "WORDS", true, "'smu lost at 2 h', 'oven stuck at 3 h for 10 min', 'air late 3 replies at 1 h', 'dio.1 opens at 1 h'"},
    {"--operator", "WORDS", true, "'pause at 2 h', 'resume at 3 h', 'skip at ..', 'abort at ..'"},
    {"--resume", "RUN", false, "go on with a rehearsal whose process was killed; all else is given as it was"},
    {"--commit-rows", "N", false, "rows between two commits to the run file, 2000 if absent: a killed rehearsal goes on from the last"},
    {"--no-store", NULL, false, "write no run file"},
    {"--verbose", NULL, false, "tell each step"},
    {"--quiet", NULL, false, "tell only trips, failures and alarms"},
    {NULL, NULL, false, NULL},
};

extern const struct command cmd_sim;
const struct command cmd_sim = {
    .name = "sim", .group = "try", .arguments = "BENCH PROCEDURE", .help = "rehearse a procedure on the virtual bench, in virtual time", .options = options,
    .more = "  benchctl sim benches/demo.yaml assb/formation.yaml --article ASSB-017", .common = COMMON_LAB | COMMON_JSON, .min_args = 2, .max_args = 2, .run = run,
};
