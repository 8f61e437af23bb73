/* tests/support/sim.h - a rehearsal inside a test: load files, run a session, look at run, rig and
 * world afterwards. */
#ifndef TESTS_SUPPORT_SIM_H
#define TESTS_SUPPORT_SIM_H

#include "benchctl/cli.h"
#include "benchctl/script.h"
#include "benchctl/session.h"

struct sim_case {
    struct loaded loaded;
    struct store_source sources[3];
    struct session session;
    struct diag diag;
    struct args args;
};

/* A path in the source tree: "benches/demo.yaml" -> $top_srcdir/benches/demo.yaml. Static buffers,
 * four of them in turn. */
const char *source_path(const char *relative);

/* Load bench, procedure and article (paths in the source tree, or absolute); sets: "name=value",
 * NULL-terminated, or NULL. Fails the test with the findings. */
void sim_load(struct sim_case *c, const char *bench, const char *procedure, const char *article,
              const char *const *sets);
/* The same, but findings are the result: 0 or negative. */
int sim_try_load(struct sim_case *c, const char *bench, const char *procedure, const char *article,
                 const char *const *sets);

/* What session_open() takes for the case: a new run. */
void sim_input(struct sim_case *c, struct session_input *ret);

/* A session without a store unless opt->store; runs to its end or until a hook stops it. Returns
 * what session_work() does. The session stays open to be looked at: sim_close(). */
int sim_run(struct sim_case *c, const struct session_options *opt);
void sim_close(struct sim_case *c);

/* A fresh folder for a lab, removed by sim_remove(). */
void sim_folder(char *buf, size_t size);
void sim_remove(const char *folder);

#endif
