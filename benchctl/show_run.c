/* benchctl/show_run.c - see show_run.h. */
#include "benchctl/show_run.h"

#include <string.h>
#include <unistd.h>

void watcher_init(struct watcher *w, const struct args *a)
{
    *w = (struct watcher){.args = a, .tty = isatty(STDERR_FILENO) == 1, .verbose = args_get(a, "--verbose") != NULL, .quiet = args_get(a, "--quiet") != NULL};
}

void watcher_begin(struct watcher *w)
{
    clock_init_os(&w->wall);
    w->began = clock_mono(&w->wall);
}

/* ---- What the terminal sees while it works ------------------------------------------------------------------------------------- */

void watcher_clear(const struct watcher *w)
{
    if (w->tty) {
        fputs("\r\033[K", stderr);
    }
}

void watcher_say(void *ctx, const struct session *s, const char *level, const char *text)
{
    struct watcher *w = ctx;
    bool loud = strcmp(level, "warn") == 0 || strcmp(level, "severe") == 0 || strcmp(level, "trip") == 0 || strcmp(level, "error") == 0;
    bool told = loud || strcmp(level, "note") == 0 || strcmp(level, "info") == 0;
    if (w->quiet ? !loud : !(told || w->verbose)) {
        return;
    }
    char when[40];
    watcher_clear(w);
    const char *colour = loud && w->args->err_colour ? "\033[33m" : "", *plain = colour[0] ? "\033[0m" : "";
    bool several = s->lead && s->lead->n_crew > 1;
    fprintf(stderr, "%10s  %s%s%s%-6s%s %s\n", duration_text(nsec_to_s(session_run_time(s)), when, sizeof when), several ? s->bench->station[s->station].name : "", several ? "  " : "", colour, level, plain, text);
}

int watcher_progress(void *ctx, struct session *s)
{
    struct watcher *w = ctx;
    nsec now = clock_mono(&w->wall);
    nsec every = w->tty ? NSEC_S / 5 : 5 * NSEC_S;
    if (w->quiet || now - w->told < every) {
        return 0;
    }
    w->told = now;
    double done, left_s, spent_s = nsec_to_s(now - w->began), run_s = nsec_to_s(session_run_time(s));
    run_progress(s->run, s->program, &done, &left_s);
    char at[40], left[40], eta[40];
    double speed = spent_s > 0.0 ? run_s / spent_s : 0.0;
    watcher_clear(w);
    fprintf(stderr, "%3.0f %%  %s of run time, about %s to go   x%.0f   ready in about %s%s", 100.0 * done, duration_text(run_s, at, sizeof at), duration_text(left_s, left, sizeof left),
            speed, duration_text(speed > 0.0 ? left_s / speed : 0.0, eta, sizeof eta), w->tty ? "" : "\n");
    fflush(stderr);
    return 0;
}

int watcher_answer(void *ctx, const struct session *s, const struct question *q, double *ret_value)
{
    struct watcher *w = ctx;
    return answers_find(&w->answers, s->program, q, ret_value);
}

/* ---- The end ------------------------------------------------------------------------------------------------------------------------ */

unsigned loaded_sources(const struct loaded *l, struct store_source *ret)
{
    unsigned n = 0;
    ret[n++] = (struct store_source){"procedure", l->procedure.file, l->procedure.text, l->procedure.n};
    ret[n++] = (struct store_source){"bench", l->bench.doc.file, l->bench.doc.text, l->bench.doc.n};
    ret[n++] = (struct store_source){"article", l->article.doc.file, l->article.doc.text, l->article.doc.n};
    for (unsigned k = 0; k < l->n_called; k++) {
        ret[n++] = (struct store_source){"called", l->called[k].name, l->called[k].doc.text, l->called[k].doc.n};
    }
    for (unsigned k = 0; k < l->n_profiles; k++) {
        ret[n++] = (struct store_source){"profile", l->profile[k].path, l->profile[k].text, l->profile[k].n};
    }
    if (l->band.text) {
        ret[n++] = (struct store_source){"model", l->band.path, l->band.text, l->band.n};
    }
    return n;
}

void watcher_closing(const struct watcher *w, const struct session *s, const char *did)
{
    double spent_s = nsec_to_s(clock_mono(&w->wall) - w->began), run_s = nsec_to_s(s->s.ended_at);
    char took[40], spent[40];
    watcher_clear(w);
    printf("\n%s %s of run time in %s (x%.0f): %llu exchanges, %llu events, %llu guard evaluations\n", did, duration_text(run_s, took, sizeof took),
           duration_text(spent_s, spent, sizeof spent), spent_s > 0.0 ? run_s / spent_s : 0.0, (unsigned long long)rig_exchanges(s->rig), (unsigned long long)s->s.events,
           (unsigned long long)s->run->guard_evaluations);
    if (s->number) {
        printf("rows sha256 %s\n", s->rows_sha256);
    }
}

int show_run(const struct args *a, int64_t number)
{
    extern const struct command cmd_show;
    char text[32];
    int r = str_fmt(text, sizeof text, "%lld", (long long)number);
    struct args show = {.command = &cmd_show, .n = 1, .arg = {text}, .lab = a->lab, .json = a->json, .colour = a->colour, .err_colour = a->err_colour};
    return r < 0 ? r : cmd_show.run(&show);
}

