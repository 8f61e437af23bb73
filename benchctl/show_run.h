/* benchctl/show_run.h - what `sim` and `run` have in common at the terminal: telling while they work, progress, the closing lines. */
#ifndef BENCHCTL_SHOW_RUN_H
#define BENCHCTL_SHOW_RUN_H

#include "base/clock.h"
#include "benchctl/cli.h"
#include "benchctl/script.h"
#include "benchctl/session.h"

struct watcher {
    const struct args *args;
    struct clock wall;
    nsec began, told;
    bool tty, verbose, quiet;
    struct answers answers;
};
void watcher_init(struct watcher *w, const struct args *a);
void watcher_begin(struct watcher *w);
void watcher_clear(const struct watcher *w);
/* Hooks of struct session_options; ctx is the watcher. */
void watcher_say(void *ctx, const struct session *s, const char *level, const char *text);
int watcher_progress(void *ctx, struct session *s);
int watcher_answer(void *ctx, const struct session *s, const struct question *q, double *ret_value);
/* "rehearsed 5 d in 3 s ..." */
void watcher_closing(const struct watcher *w, const struct session *s, const char *did);
/* `show` of that run. */
int show_run(const struct args *a, int64_t number);
/* Every text that the run is made of: procedure, bench, article, and what they call and read. */
enum { LOADED_SOURCES_MAX = 4 + 16 + 16 };
unsigned loaded_sources(const struct loaded *l, struct store_source *ret);

#endif
