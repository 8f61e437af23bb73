/* benchctl/tasks.c - see tasks.h. */
#include "benchctl/tasks.h"

#include "base/str.h"
#include "procedures/engine/check.h"

#include <string.h>

/* ---- From the command line ------------------------------------------------------------------------------------------------------ */

/* Its options are the command's, but for --set: those of another procedure mean nothing here. */
static void own_args(struct task *task, const struct args *a, char *const *sets, unsigned n_sets)
{
    static const struct option set = {.name = "--set"};
    task->args = *a;
    task->args.n_given = 0;
    for (unsigned k = 0; k < a->n_given; k++) {
        if (strcmp(a->given[k].option->name, "--set") != 0) {
            task->args.given[task->args.n_given++] = a->given[k];
        }
    }
    for (unsigned k = 0; k < n_sets && task->args.n_given < OPTION_REPEAT_MAX; k++) {
        task->args.given[task->args.n_given].option = &set;
        task->args.given[task->args.n_given++].value = sets[k];
    }
}

static int read_also(struct task *task, const struct args *a, const char *text, struct diag *reterr)
{
    char *word[TASK_WORDS];
    unsigned n = 0;
    if (!str_copy(task->text, sizeof task->text, text)) {
        return diag_add(reterr, E_RANGE, "--also: too long");
    }
    for (char *at = task->text; *at && n < TASK_WORDS;) {
        at += strspn(at, " ");
        if (*at) {
            word[n++] = at;
            at += strcspn(at, " ");
            if (*at) {
                *at++ = '\0';
            }
        }
    }
    if (n < 3) {
        diag_add(reterr, E_INVALID, "--also `%s` lacks something", text);
        diag_hint(reterr, "'STATION PROCEDURE ARTICLE [NAME=VALUE ..]'");
        return E_INVALID;
    }
    task->station = word[0];
    task->procedure = word[1];
    task->article = word[2];
    own_args(task, a, word + 3, n - 3);
    return 0;
}

/* "12", or "12,13" in the order of the runs. */
static int read_resume(struct tasks *j, const struct args *a, struct diag *reterr)
{
    const char *at = args_get(a, "--resume");
    unsigned n = 0;
    for (bool more = at != NULL; more; n++) {
        size_t len = strcspn(at, ",");
        if (n == j->n || str_to_int(at, len, &j->task[n].resume) < 0 || j->task[n].resume < 1) {
            return diag_add(reterr, E_INVALID, "--resume takes the number of a run for each station: N or N,N");
        }
        more = at[len] == ',';
        at += len + more;
    }
    return n == 0 || n == j->n ? 0 : diag_add(reterr, E_INVALID, "--resume takes as many numbers as there are runs");
}

static int load_one(struct tasks *j, struct task *task, const struct args *a, struct diag *reterr)
{
    struct check_report report;
    int r = cli_load(&task->args, a->arg[0], task->procedure, task->article, task->station, &task->loaded, reterr);
    r = r == 0 ? program_check(&task->loaded.program, &report, reterr) : r;
    for (unsigned k = 0; k < j->n && r == 0; k++) {
        const struct task *o = &j->task[k];
        if (o != task && o->loaded.has_bench && o->loaded.station == task->loaded.station) {
            r = diag_add(reterr, E_INVALID, "two runs on station `%s`: each needs one of its own", task->loaded.bench.station[task->loaded.station].name);
        }
    }
    return r;
}

int tasks_load(struct tasks *j, const struct args *a, struct diag *reterr)
{
    const char *also[OPTION_REPEAT_MAX];
    unsigned n = args_all(a, "--also", also, OPTION_REPEAT_MAX);
    if (n + 1 > BENCH_STATIONS_MAX) {
        return diag_add(reterr, E_RANGE, "at most %d runs on a bench", BENCH_STATIONS_MAX);
    }
    struct task *first = &j->task[0];
    first->station = args_get(a, "--station");
    first->procedure = a->arg[1];
    first->article = args_get(a, "--article");
    first->args = *a;
    int r = 0, e;
    for (unsigned k = 0; k < n && r == 0; k++) {
        r = read_also(&j->task[k + 1], a, also[k], reterr);
    }
    if (r < 0) {
        return r;
    }
    for (j->n = 0; j->n < n + 1;) { /* each is loaded whatever is wrong with another */
        struct task *task = &j->task[j->n++];
        e = load_one(j, task, a, reterr);
        r = r == 0 ? e : r;
    }
    e = read_resume(j, a, reterr);
    return r == 0 ? e : r;
}

int tasks_labs(struct tasks *j, const struct args *a, struct diag *reterr)
{
    int r = 0;
    for (unsigned k = 0; k < j->n && r == 0; k++) {
        r = lab_open(a->lab, &j->task[k].lab, reterr);
    }
    return r;
}

/* ---- At work ----------------------------------------------------------------------------------------------------------------------- */

int tasks_open(struct tasks *j, const struct session_options *opt, struct diag *reterr)
{
    const struct bench *bench = &j->task[0].loaded.bench; /* read several times, one bench */
    for (unsigned k = 0; k < j->n; k++) {
        struct task *task = &j->task[k];
        struct store_source src[LOADED_SOURCES_MAX];
        struct session_input in = {.bench = bench, .station = task->loaded.station, .map = &task->loaded.map, .program = &task->loaded.program, .article = &task->loaded.article, .band = &task->loaded.band,
                                   .sources = src, .n_sources = loaded_sources(&task->loaded, src), .resume = task->resume, .join = k > 0 ? &j->task[0].session : NULL};
        struct session_options own = *opt;
        own.store = task->lab;
        if (k > 0) { /* faults and operator's words are the first one's */
            own.script = NULL;
            own.n_script = 0;
        }
        int r = session_open(&task->session, &in, &own, reterr);
        if (r < 0) {
            return r;
        }
        j->n_opened = k + 1;
    }
    return 0;
}

static void say_verdict(const struct task *task)
{
    const struct session *s = &task->session;
    const char *verdict = verdict_text((enum verdict)s->s.verdict), *cause = cause_text((enum cause)s->s.cause), *text = s->s.text;
    bool said = strcmp(verdict, cause) == 0;
    printf("%s: %s%s%s%s%s\n", program_text(&task->loaded.program, task->loaded.program.name), verdict, said ? "" : ", ", said ? "" : cause, text[0] ? ": " : "", text);
}

int tasks_work(struct tasks *j, const struct args *a, const struct watcher *w, const char *did)
{
    struct diag d;
    diag_init(&d);
    int r = session_work(&j->task[0].session, &d), code = EXIT_DONE;
    watcher_clear(w);
    if (r < 0) {
        cli_findings(a, &d);
        return EXIT_INTERNAL;
    }
    for (unsigned k = 0; k < j->n; k++) {
        const struct session *s = &j->task[k].session;
        int own = session_exit_code(s);
        if (s->number) {
            int e = show_run(a, s->number);
            own = own == EXIT_DONE ? e : own;
        } else if (!a->json) {
            say_verdict(&j->task[k]);
        }
        if (!a->json) {
            watcher_closing(w, s, did);
        }
        code = code == EXIT_DONE ? own : code;
    }
    return code;
}

void tasks_close(struct tasks *j)
{
    while (j->n_opened > 0) {
        session_close(&j->task[--j->n_opened].session);
    }
}

void tasks_done(struct tasks *j)
{
    for (unsigned k = 0; k < BENCH_STATIONS_MAX; k++) {
        lab_close(j->task[k].lab);
        j->task[k].lab = NULL;
        cli_unload(&j->task[k].loaded);
    }
}
