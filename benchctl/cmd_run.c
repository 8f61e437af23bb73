/* benchctl/cmd_run.c - `benchctl run BENCH PROCEDURE --article A`: the same session as a rehearsal, on real lines (or those of `benchctl emu`), in real time.
 *
 * Owns the buses of one bench (lock LAB/BENCH.lock). The guardian is forked before any thread. SIGINT or SIGTERM: the safe sequence, then the end (exit 6).
 */
#include "benchctl/tasks.h"
#include "benchctl/control.h"
#include "benchctl/readback.h"
#include "benchctl/script.h"
#include "benchctl/show_run.h"
#include "benchctl/uris.h"

#include "base/clock.h"
#include "db/store.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int signalled;

static void on_signal(int number)
{
    (void)number;
    signalled++;
}

static struct tasks tasks;
static struct rig looking; /* for reading back before anything else */
static struct live live;
static struct control control;

/* What an earlier controller left behind: told, the instruments read back, and nothing written before somebody has looked. */
static int look_at_safed(const struct args *a, const struct uris *uris)
{
    char path[600], *text = NULL;
    struct diag d;
    diag_init(&d);
    if (bench_safed_path(a->lab, tasks.task[0].loaded.bench.name, path, sizeof path) < 0 || access(path, F_OK) < 0) {
        return EXIT_DONE;
    }
    if (bench_safed_read(a->lab, tasks.task[0].loaded.bench.name, &text) == 0) {
        fprintf(stderr, "the guardian has made bench `%s` safe:\n%s", tasks.task[0].loaded.bench.name, text);
    } else {
        fprintf(stderr, "the last run on bench `%s` died, and so did its guardian: nobody has made it safe\n", tasks.task[0].loaded.bench.name);
    }
    free(text);
    fprintf(stderr, "what stands there now:\n");
    if (bench_read_back(&tasks.task[0].loaded.bench, &looking, &live, uris->uri, 5.0, stderr, &d) < 0) {
        cli_findings(a, &d);
    }
    return cli_error(a, EXIT_BENCH, "look at the bench, then `benchctl safe %s` (it does what is missing) and begin again", a->arg[0]);
}

/* A run without it is a run all the same. */
static void open_control(const struct args *a)
{
    char path[300];
    struct diag d;
    diag_init(&d);
    if (control_path(a->lab, tasks.task[0].loaded.bench.name, path, sizeof path) < 0 || control_open(&control, &live, path, &d) < 0) {
        cli_findings(a, &d);
    }
}

static int work(const struct args *a, struct watcher *w, const struct script *script, int lock_fd, const struct uris *uris)
{
    struct diag d;
    diag_init(&d);
    char safed[600];
    if (bench_safed_path(a->lab, tasks.task[0].loaded.bench.name, safed, sizeof safed) < 0) {
        return cli_error(a, EXIT_USAGE, "the path of the lab is too long");
    }
    struct session_options opt = {.script = script->item, .n_script = script->n, .answer = watcher_answer, .say = watcher_say, .after_commit = watcher_progress, .ctx = w,
                                  .live = &live, .uris = uris->uri, .speed = tasks.task[0].loaded.speed, .safed = safed, .lock_fd = lock_fd, .signalled = &signalled};
    opt.control = &control;
    watcher_begin(w);
    int code = EXIT_BENCH;
    if (tasks_open(&tasks, &opt, &d) < 0) {
        cli_findings(a, &d);
    } else {
        open_control(a);
        code = tasks_work(&tasks, a, w, "worked");
    }
    control_close(&control);
    tasks_close(&tasks);
    live_close(&live); /* armed: the guardian works, and is waited for */
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
    struct uris uris;
    const char *words[OPTION_REPEAT_MAX];
    r = r == 0 ? script_operator(&script, words, args_all(a, "--operator", words, OPTION_REPEAT_MAX), &d) : r;
    r = r == 0 && args_get(a, "--answers") ? answers_load(&w.answers, args_get(a, "--answers"), &d) : r;
    r = r == 0 ? uris_of(a, &tasks.task[0].loaded.bench, &uris, &d) : r;
    if (d.n) {
        cli_findings(a, &d);
    }
    int code = r == 0 ? EXIT_DONE : r == E_INVALID && d.n && d.finding[0].line == 0 ? EXIT_USAGE : EXIT_FILE, lock_fd = -1;
    diag_init(&d);
    if (code == EXIT_DONE && bench_lock(a->lab, tasks.task[0].loaded.bench.name, 5.0, &lock_fd, &d) < 0) {
        cli_findings(a, &d);
        code = EXIT_BENCH;
    }
    code = code == EXIT_DONE ? look_at_safed(a, &uris) : code;
    if (code == EXIT_DONE && tasks_labs(&tasks, a, &d) < 0) {
        cli_findings(a, &d);
        code = EXIT_INTERNAL;
    }
    if (code == EXIT_DONE) {
        struct sigaction action = {.sa_handler = on_signal};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN);
        code = work(a, &w, &script, lock_fd, &uris);
    }
    if (lock_fd >= 0) {
        close(lock_fd);
    }
    answers_done(&w.answers);
    tasks_done(&tasks);
    return code;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "file or name of the article"},
    {"--station", "NAME", false, "station of the bench, where it has several"},
    {"--set", "NAME=VALUE", true, "a parameter of the procedure"},
    ALSO_OPTION,
    {"--links", "FILE", false, "links of `benchctl emu` instead of the bench file's"},
    {"--speed", "N", false, "procedure and polls run so many times faster (with `emu --speed N`); links stay real"},
    {"--answers", "FILE", false, "answers to questions: a map of register or question text to answer"},
    {"--operator", "WORDS", true, "'pause at 2 h', 'resume at 3 h', 'skip at ..', 'abort at ..'"},
    {"--resume", "RUN", false, "go on with a run whose controller died (after `benchctl safe`); with --also N,N"},
    {"--verbose", NULL, false, "tell each step"},
    {"--quiet", NULL, false, "tell only trips, failures and alarms"},
    {NULL, NULL, false, NULL},
};

extern const struct command cmd_run;
const struct command cmd_run = {
    .name = "run", .group = "act", .arguments = "BENCH PROCEDURE", .help = "run a procedure on the bench's real lines", .options = options,
    .more = "  benchctl emu benches/demo.yaml --links /tmp/links &\n  benchctl run benches/demo.yaml assb/formation.yaml --article ASSB-017 --links /tmp/links", .common = COMMON_LAB | COMMON_JSON,
    .min_args = 2, .max_args = 2, .run = run,
};
