/* benchctl/cmd_sim.c - `benchctl sim BENCH PROCEDURE --article A`: a rehearsal on the virtual bench, in virtual time, through every layer.
 *
 * The same program, engine, buses, drivers and store as on a real bench; only the lines end in emulators. Faults and operator's words can be put at given run times.
 */
#include "benchctl/cli.h"
#include "benchctl/script.h"
#include "benchctl/session.h"

#include "base/clock.h"
#include "db/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sim {
    const struct args *args;
    struct clock wall;
    nsec began, told;
    bool tty, verbose, quiet;
    struct answers answers;
};

static struct loaded loaded;
static struct session session;

/* ---- What the terminal sees while it works ------------------------------------------------------------------------------------- */

static void clear_line(const struct sim *sim)
{
    if (sim->tty) {
        fputs("\r\033[K", stderr);
    }
}

static void say(void *ctx, const struct session *s, const char *level, const char *text)
{
    struct sim *sim = ctx;
    bool loud = strcmp(level, "warn") == 0 || strcmp(level, "severe") == 0 || strcmp(level, "trip") == 0 || strcmp(level, "error") == 0;
    bool told = loud || strcmp(level, "note") == 0 || strcmp(level, "info") == 0;
    if (sim->quiet ? !loud : !(told || sim->verbose)) {
        return;
    }
    char when[40];
    clear_line(sim);
    const char *colour = loud && sim->args->err_colour ? "\033[33m" : "", *plain = colour[0] ? "\033[0m" : "";
    fprintf(stderr, "%10s  %s%-6s%s %s\n", duration_text(nsec_to_s(session_run_time(s)), when, sizeof when), colour, level, plain, text);
}

static int progress(void *ctx, struct session *s)
{
    struct sim *sim = ctx;
    nsec now = clock_mono(&sim->wall);
    nsec every = sim->tty ? NSEC_S / 5 : 5 * NSEC_S;
    if (sim->quiet || now - sim->told < every) {
        return 0;
    }
    sim->told = now;
    double done, left_s, spent_s = nsec_to_s(now - sim->began), run_s = nsec_to_s(session_run_time(s));
    run_progress(s->run, s->program, &done, &left_s);
    char at[40], left[40], eta[40];
    double speed = spent_s > 0.0 ? run_s / spent_s : 0.0;
    clear_line(sim);
    fprintf(stderr, "%3.0f %%  %s of virtual time, about %s to go   x%.0f   ready in about %s%s", 100.0 * done, duration_text(run_s, at, sizeof at), duration_text(left_s, left, sizeof left),
            speed, duration_text(speed > 0.0 ? left_s / speed : 0.0, eta, sizeof eta), sim->tty ? "" : "\n");
    fflush(stderr);
    return 0;
}

static int answer(void *ctx, const struct session *s, const struct question *q, double *ret_value)
{
    struct sim *sim = ctx;
    return answers_find(&sim->answers, s->program, q, ret_value);
}

/* ---- The job ------------------------------------------------------------------------------------------------------------------------ */

static unsigned sources(struct store_source *ret)
{
    unsigned n = 0;
    ret[n++] = (struct store_source){"procedure", loaded.procedure.file, loaded.procedure.text, loaded.procedure.n};
    ret[n++] = (struct store_source){"bench", loaded.bench.doc.file, loaded.bench.doc.text, loaded.bench.doc.n};
    ret[n++] = (struct store_source){"article", loaded.article.doc.file, loaded.article.doc.text, loaded.article.doc.n};
    for (unsigned k = 0; k < loaded.n_called; k++) {
        ret[n++] = (struct store_source){"called", loaded.called[k].name, loaded.called[k].doc.text, loaded.called[k].doc.n};
    }
    return n;
}

static void closing_lines(const struct sim *sim, const struct session *s)
{
    double spent_s = nsec_to_s(clock_mono(&sim->wall) - sim->began), run_s = nsec_to_s(s->s.ended_at);
    char took[40], spent[40];
    clear_line(sim);
    printf("\nrehearsed %s of virtual time in %s (x%.0f): %llu exchanges, %llu events, %llu guard evaluations\n", duration_text(run_s, took, sizeof took),
           duration_text(spent_s, spent, sizeof spent), spent_s > 0.0 ? run_s / spent_s : 0.0, (unsigned long long)rig_exchanges(&s->rig), (unsigned long long)s->s.events,
           (unsigned long long)s->run->guard_evaluations);
    if (s->number) {
        printf("rows sha256 %s\n", s->rows_sha256);
    }
}

static int show_run(const struct args *a, int64_t number)
{
    extern const struct command cmd_show;
    char text[32];
    int r = str_fmt(text, sizeof text, "%lld", (long long)number);
    struct args show = {.command = &cmd_show, .n = 1, .arg = {text}, .lab = a->lab, .json = a->json, .colour = a->colour, .err_colour = a->err_colour};
    return r < 0 ? r : cmd_show.run(&show);
}

static int work(struct sim *sim, struct store *lab, const struct script *script)
{
    const struct args *a = sim->args;
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
                               .n_sources = sources(src), .resume = resume_n};
    struct session_options opt = {.store = lab, .seed = (uint64_t)seed_n, .commit_rows = (unsigned)rows_n, .script = script->item, .n_script = script->n, .answer = answer, .say = say, .after_commit = progress, .ctx = sim};
    clock_init_os(&sim->wall);
    sim->began = clock_mono(&sim->wall);
    int r = session_open(&session, &in, &opt, &d);
    if (r < 0 && resume) {
        cli_findings(a, &d);
        return r == E_NOENT || r == E_STATE ? EXIT_USAGE : r == E_MISMATCH || r == E_VERSION || r == E_CORRUPT ? EXIT_FILE : EXIT_INTERNAL;
    }
    if (r == 0) {
        r = session_work(&session, &d);
    }
    clear_line(sim);
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
        closing_lines(sim, &session);
    }
    session_close(&session);
    return code;
}

static int run(const struct args *a)
{
    static struct sim sim;
    struct diag d;
    diag_init(&d);
    sim = (struct sim){.args = a, .tty = isatty(STDERR_FILENO) == 1, .verbose = args_get(a, "--verbose") != NULL, .quiet = args_get(a, "--quiet") != NULL};
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
        r = answers_load(&sim.answers, answers, &d);
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
        code = work(&sim, lab, &script);
    }
    lab_close(lab);
    answers_done(&sim.answers);
    cli_unload(&loaded);
    return code;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "file or name of the article"},
    {"--station", "NAME", false, "station of the bench, where it has several"},
    {"--set", "NAME=VALUE", true, "a parameter of the procedure"},
    {"--seed", "N", false, "draws instrument errors and noise anew"},
    {"--answers", "FILE", false, "answers to questions: a map of register or question text to answer"},
    {"--fault", "WORDS", true, "'smu lost at 2 h', 'oven stuck at 3 h for 10 min', 'air late 3 replies at 1 h'"},
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
