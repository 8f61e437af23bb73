/* benchctl/cmd_sim.c - `benchctl sim BENCH PROCEDURE --article A`: a rehearsal on the virtual bench, in virtual time, through every layer.
 *
 * The same program, engine, buses, drivers and store as on a real bench; only the lines end in emulators. Faults and operator's words can be put at given run times.
 */
#include "benchctl/cli.h"
#include "benchctl/show_run.h"

#include "db/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct loaded loaded;
static struct session session;

static int work(struct watcher *w, struct store *lab, const struct script *script)
{
    const struct args *a = w->args;
    struct diag d;
    diag_init(&d);
    const char *seed = args_get(a, "--seed"), *resume = args_get(a, "--resume"), *rows = args_get(a, "--commit-rows");
    int64_t seed_n = 0, resume_n = 0, rows_n = 0;
    if (seed && (str_to_int(seed, strlen(seed), &seed_n) < 0 || seed_n < 1)) {
        return cli_error(a, EXIT_USAGE, "--seed takes a whole number from 1");
    }
    if (resume && (str_to_int(resume, strlen(resume), &resume_n) < 0 || resume_n < 1)) {
        return cli_error(a, EXIT_USAGE, "--resume takes the number of a run");
    }
    if (resume && !lab) {
        return cli_error(a, EXIT_USAGE, "--resume goes on in a run file: not with --no-store");
    }
    if (rows && (str_to_int(rows, strlen(rows), &rows_n) < 0 || rows_n < 1 || rows_n > 100000)) {
        return cli_error(a, EXIT_USAGE, "--commit-rows takes a whole number from 1 to 100000");
    }
    struct store_source src[20];
    struct session_input in = {.bench = &loaded.bench, .station = loaded.station, .map = &loaded.map, .program = &loaded.program, .article = &loaded.article, .sources = src,
                               .n_sources = loaded_sources(&loaded, src), .resume = resume_n};
    struct session_options opt = {.store = lab, .seed = (uint64_t)seed_n, .commit_rows = (unsigned)rows_n, .script = script->item, .n_script = script->n, .answer = watcher_answer, .say = watcher_say, .after_commit = watcher_progress, .ctx = w};
    watcher_begin(w);
    int r = session_open(&session, &in, &opt, &d);
    if (r < 0 && resume) {
        cli_findings(a, &d);
        return r == E_NOENT || r == E_STATE ? EXIT_USAGE : r == E_MISMATCH || r == E_VERSION || r == E_CORRUPT ? EXIT_FILE : EXIT_INTERNAL;
    }
    if (r == 0) {
        r = session_work(&session, &d);
    }
    watcher_clear(w);
    if (r < 0) {
        cli_findings(a, &d);
        session_close(&session);
        return EXIT_INTERNAL;
    }
    int code = session_exit_code(&session);
    if (lab) {
        int e = show_run(a, session.number);
        code = code == EXIT_DONE ? e : code;
    } else if (!a->json) {
        const char *verdict = verdict_text((enum verdict)session.s.verdict), *cause = cause_text((enum cause)session.s.cause), *text = session.s.text;
        bool said = strcmp(verdict, cause) == 0;
        printf("%s: %s%s%s%s%s\n", program_text(&loaded.program, loaded.program.name), verdict, said ? "" : ", ", said ? "" : cause, text[0] ? ": " : "", text);
    }
    if (!a->json) {
        watcher_closing(w, &session, "rehearsed");
    }
    session_close(&session);
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
    int r = cli_load(a, a->arg[0], a->arg[1], args_get(a, "--article"), args_get(a, "--station"), &loaded, &d);
    struct check_report report;
    if (r == 0) {
        r = program_check(&loaded.program, &report, &d);
    }
    struct script script = {0};
    const char *words[OPTION_REPEAT_MAX];
    if (r == 0) {
        r = script_faults(&script, &loaded.bench, words, args_all(a, "--fault", words, OPTION_REPEAT_MAX), &d);
    }
    if (r == 0) {
        r = script_operator(&script, words, args_all(a, "--operator", words, OPTION_REPEAT_MAX), &d);
    }
    const char *answers = args_get(a, "--answers");
    if (r == 0 && answers) {
        r = answers_load(&w.answers, answers, &d);
    }
    struct store *lab = NULL;
    if (r == 0 && !args_get(a, "--no-store")) {
        r = lab_open(a->lab, &lab, &d);
        if (r < 0) {
            cli_findings(a, &d);
            cli_unload(&loaded);
            return EXIT_INTERNAL;
        }
    }
    int code = EXIT_FILE;
    if (d.n) {
        cli_findings(a, &d);
    }
    if (r == 0) {
        code = work(&w, lab, &script);
    }
    lab_close(lab);
    answers_done(&w.answers);
    cli_unload(&loaded);
    return code;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "file or name of the article"},
    {"--station", "NAME", false, "station of the bench, where it has several"},
    {"--set", "NAME=VALUE", true, "a parameter of the procedure"},
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
