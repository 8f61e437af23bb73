/* tests/support/sim.c - see sim.h. */
#include "tests/support/sim.h"

#include "procedures/engine/check.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const char *source_path(const char *relative)
{
    static char buf[4][512];
    static unsigned turn;
    const char *top = getenv("top_srcdir");
    turn = (turn + 1) % 4;
    if (relative[0] == '/') {
        return relative;
    }
    snprintf(buf[turn], sizeof buf[turn], "%s/%s", top ? top : ".", relative);
    return buf[turn];
}

int sim_try_load(struct sim_case *c, const char *bench, const char *procedure, const char *article,
                 const char *const *sets)
{
    static const struct option set = {"--set", "NAME=VALUE", true, ""};
    static const struct command command = {.name = "test"};
    memset(c, 0, sizeof *c);
    diag_init(&c->diag);
    c->args.command = &command;
    c->args.lab = "/nonexistent";
    for (unsigned k = 0; sets && sets[k]; k++) {
        c->args.given[c->args.n_given].option = &set;
        c->args.given[c->args.n_given++].value = sets[k];
    }
    int r = cli_load(&c->args, source_path(bench), source_path(procedure), source_path(article),
                     NULL, &c->loaded, &c->diag);
    struct check_report report;
    return r < 0 ? r : program_check(&c->loaded.program, &report, &c->diag);
}

void sim_load(struct sim_case *c, const char *bench, const char *procedure, const char *article,
              const char *const *sets)
{
    int r = sim_try_load(c, bench, procedure, article, sets);
    if (r < 0) {
        static char text[8192];
        diag_format(&c->diag, text, sizeof text, false);
        ck_abort_msg("%s", text);
    }
}

void sim_input(struct sim_case *c, struct session_input *ret)
{
    struct loaded *l = &c->loaded;
    c->sources[0] = (struct store_source){"procedure", l->procedure.file, l->procedure.text, l->procedure.n};
    c->sources[1] = (struct store_source){"bench", l->bench.doc.file, l->bench.doc.text, l->bench.doc.n};
    c->sources[2] = (struct store_source){"article", l->article.doc.file, l->article.doc.text, l->article.doc.n};
    *ret = (struct session_input){.bench = &l->bench,
                                  .station = l->station,
                                  .map = &l->map,
                                  .program = &l->program,
                                  .article = &l->article,
                                  .band = &l->band,
                                  .sources = c->sources,
                                  .n_sources = 3};
}

int sim_run(struct sim_case *c, const struct session_options *opt)
{
    struct session_input in;
    sim_input(c, &in);
    int r = session_open(&c->session, &in, opt, &c->diag);
    r = r < 0 ? r : session_work(&c->session, &c->diag);
    if (r < 0) {
        static char text[8192];
        diag_format(&c->diag, text, sizeof text, false);
        ck_abort_msg("%s", text);
    }
    return r;
}

void sim_close(struct sim_case *c)
{
    session_close(&c->session);
    cli_unload(&c->loaded);
}

void sim_folder(char *buf, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(buf, size, "%s/benchctl-test-XXXXXX", tmp ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(buf));
}

void sim_remove(const char *folder)
{
    char command[600];
    ck_assert(strstr(folder, "benchctl-test-") != NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    int r = system(command);
    (void)r;
}
