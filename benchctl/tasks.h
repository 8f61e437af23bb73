/* benchctl/tasks.h - what one `sim` or `run` does: a run on one station, or one on each of several stations of the same bench (--also). */
#ifndef BENCHCTL_TASKS_H
#define BENCHCTL_TASKS_H

#include "benchctl/cli.h"
#include "benchctl/session.h"
#include "benchctl/show_run.h"

enum { TASK_WORDS = 40, TASK_TEXT = 800 };

struct task {
    char text[TASK_TEXT];          /* of --also, cut into words */
    const char *station, *procedure, *article;
    struct args args;             /* with its own --set */
    struct loaded loaded;
    struct session session;
    struct store *lab;
    int64_t resume;
};
/* Big: static or heap, zeroed. */
struct tasks {
    unsigned n, n_opened;
    struct task task[BENCH_STATIONS_MAX];
};
#define ALSO_OPTION                                                                                                                                            \
    {                                                                                                                                                          \
        "--also", "WORDS", true, "a run on another station of the bench at the same time: 'STATION PROCEDURE ARTICLE [NAME=VALUE ..]'"                         \
    }

/* Load and check everything that the arguments name. 0, or negative with findings; EXIT_USAGE said by itself: E_INVALID. */
int tasks_load(struct tasks *j, const struct args *a, struct diag *reterr) MUST_USE;
/* A store for each. */
int tasks_labs(struct tasks *j, const struct args *a, struct diag *reterr) MUST_USE;
/* One session after the other; opt is the first one's, the others take what is theirs from it. */
int tasks_open(struct tasks *j, const struct session_options *opt, struct diag *reterr) MUST_USE;
/* Work until all have ended; show each; the exit code: the first's that is not 0. did: "rehearsed". */
int tasks_work(struct tasks *j, const struct args *a, const struct watcher *w, const char *did);
void tasks_close(struct tasks *j);
void tasks_done(struct tasks *j);

#endif
