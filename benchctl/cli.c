/* benchctl/cli.c - options, findings, and finding and loading the files that subcommands work on. */
#include "benchctl/cli.h"

#include "db/store.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *args_get(const struct args *a, const char *name)
{
    for (unsigned k = 0; k < a->n_given; k++) {
        if (strcmp(a->given[k].option->name, name) == 0) {
            return a->given[k].value;
        }
    }
    return NULL;
}

unsigned args_all(const struct args *a, const char *name, const char **ret, unsigned most)
{
    unsigned n = 0;
    for (unsigned k = 0; k < a->n_given && n < most; k++) {
        if (strcmp(a->given[k].option->name, name) == 0) {
            ret[n++] = a->given[k].value;
        }
    }
    return n;
}

int args_quantity(const struct args *a, const char *option, struct dims dims, const char *example, double *ret)
{
    const char *text = args_get(a, option);
    struct diag d;
    struct qty q;
    diag_init(&d);
    if (!text) {
        return EXIT_DONE;
    }
    if (qty_parse(text, strlen(text), NULL, &q, &d) < 0) {
        cli_findings(a, &d);
        return EXIT_USAGE;
    }
    if (!dims_equal(q.dims, dims)) {
        return cli_error(a, EXIT_USAGE, "%s needs a value such as \"%s\", not `%s`", option, example, text);
    }
    *ret = q.si;
    return EXIT_DONE;
}

int cli_findings(const struct args *a, const struct diag *d)
{
    size_t need = diag_format(d, NULL, 0, a->err_colour) + 1;
    char *text = malloc(need);
    if (text) {
        diag_format(d, text, need, a->err_colour);
        fputs(text, stderr);
        free(text);
    }
    return EXIT_FILE;
}

int cli_error(const struct args *a, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs(a->err_colour ? "\033[31merror:\033[0m " : "error: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return code;
}

/* ---- Files ------------------------------------------------------------------------------------------------------------------- */

static bool readable(const char *path)
{
    return access(path, R_OK) == 0;
}

int cli_find_procedure(const char *name, const char *beside, char *ret_path, size_t size, struct diag *reterr)
{
    const char *slash = beside ? strrchr(beside, '/') : NULL;
    if (slash && name[0] != '/' && str_fmt(ret_path, size, "%.*s/%s", (int)(slash - beside), beside, name) == 0 && readable(ret_path)) {
        return 0;
    }
    if (str_fmt(ret_path, size, "%s", name) == 0 && readable(ret_path)) {
        return 0;
    }
    if (str_fmt(ret_path, size, "procedures/%s", name) == 0 && readable(ret_path)) {
        return 0;
    }
    /* A library file that calls another one: cell/capacity.yaml beside assb/. */
    if (slash && str_fmt(ret_path, size, "%.*s/../%s", (int)(slash - beside), beside, name) == 0 && readable(ret_path)) {
        return 0;
    }
    if (str_fmt(ret_path, size, "%s/procedures/%s", BENCHCTL_DATADIR, name) == 0 && readable(ret_path)) {
        return 0;
    }
    return diag_add(reterr, E_NOENT, "there is no procedure `%s`", name);
}

int cli_article(const struct args *a, const char *name, struct article *ret, struct diag *reterr)
{
    char path[512];
    if (readable(name)) {
        return article_load(name, ret, reterr);
    }
    struct store *lab = NULL;
    char lab_path[512];
    char *text = NULL;
    if (str_fmt(lab_path, sizeof lab_path, "%s/lab.db", a->lab) == 0 && readable(lab_path) && lab_open(a->lab, &lab, NULL) == 0) {
        int r = lab_article_get(lab, name, &text, NULL);
        lab_close(lab);
        if (r == 0) {
            struct conf_doc doc;
            char called[200];
            r = str_fmt(called, sizeof called, "%s (in the lab)", name);
            r = r < 0 ? r : conf_load_text(called, text, strlen(text), &doc, reterr);
            free(text);
            return r < 0 ? r : article_from_doc(&doc, ret, reterr);
        }
    }
    const char *const folders[] = {".", BENCHCTL_DATADIR};
    for (size_t k = 0; k < ARRAY_LEN(folders); k++) {
        if (str_fmt(path, sizeof path, "%s/articles/%s.yaml", folders[k], name) == 0 && readable(path)) {
            return article_load(path, ret, reterr);
        }
    }
    diag_add(reterr, E_NOENT, "there is no article `%s`", name);
    diag_hint(reterr, "a file, a name in the lab (`benchctl article FILE` puts it there), or one of articles/");
    return E_NOENT;
}

/* ---- Everything for a check, plan or sim ----------------------------------------------------------------------------------------- */

enum { PROFILE_BYTES_MAX = 16 << 20 };

struct load_ctx {
    struct loaded *l;
    const char *from;
};

static int load_called(void *ctx, const char *name, const struct conf_doc **ret, struct diag *reterr)
{
    struct load_ctx *c = ctx;
    struct loaded *l = c->l;
    for (unsigned k = 0; k < l->n_called; k++) {
        if (strcmp(l->called[k].name, name) == 0) {
            *ret = &l->called[k].doc;
            return 0;
        }
    }
    if (l->n_called == ARRAY_LEN(l->called)) {
        return diag_add(reterr, E_FULL, "more than %zu called files", ARRAY_LEN(l->called));
    }
    char path[512];
    int r = cli_find_procedure(name, c->from, path, sizeof path, NULL);
    if (r < 0) {
        return r; /* said where it is called */
    }
    r = conf_load_file(path, &l->called[l->n_called].doc, reterr);
    if (r < 0) {
        return r;
    }
    if (!str_copy(l->called[l->n_called].name, sizeof l->called[0].name, name)) {
        conf_done(&l->called[l->n_called].doc);
        return diag_add(reterr, E_RANGE, "the name `%s` is too long", name);
    }
    *ret = &l->called[l->n_called].doc;
    l->n_called++;
    return 0;
}

/* A profile of `drive`, beside the procedure that names it. */
static int read_profile(void *ctx, const char *from, const char *name, const char **ret_text, size_t *ret_n, const char **ret_path)
{
    struct loaded *l = ((struct load_ctx *)ctx)->l;
    char path[sizeof l->profile[0].path];
    int r = cli_find_procedure(name, from, path, sizeof path, NULL);
    unsigned k = 0;
    while (r == 0 && k < l->n_profiles && strcmp(l->profile[k].path, path) != 0) {
        k++;
    }
    if (r == 0 && k == l->n_profiles) {
        r = k == ARRAY_LEN(l->profile) ? E_FULL : file_read(path, PROFILE_BYTES_MAX, &l->profile[k].text, &l->profile[k].n);
        if (r == 0) {
            str_copy(l->profile[k].path, sizeof l->profile[k].path, path);
            l->n_profiles++;
        }
    }
    if (r == 0) {
        *ret_text = l->profile[k].text;
        *ret_n = l->profile[k].n;
        *ret_path = l->profile[k].path;
    }
    return r;
}

static int load_bench(const char *bench, const char *station, double speed, struct loaded *l, struct diag *reterr)
{
    int r = bench_load(bench, &l->bench, reterr);
    if (r < 0) {
        return r;
    }
    l->has_bench = true;
    l->station = bench_find_station(&l->bench, station);
    if (l->station < 0) {
        return station ? diag_add(reterr, E_NOENT, "bench `%s` has no station `%s`", l->bench.name, station)
                       : diag_add(reterr, E_INVALID, "bench `%s` has several stations: say --station", l->bench.name);
    }
    double current_a = 0.0;
    if (l->has_article) {
        current_a = l->article.charge_current_a > l->article.discharge_current_a ? l->article.charge_current_a : l->article.discharge_current_a;
    }
    r = station_map_build(&l->bench, l->station, current_a, &l->map, reterr);
    r = r == 0 ? bench_guarded(&l->bench, l->station, reterr) : r;
    return r == 0 && speed > 1.0 ? station_map_speed(&l->map, speed, reterr) : r;
}

int cli_load(const struct args *a, const char *bench, const char *procedure, const char *article, const char *station, struct loaded *ret, struct diag *reterr)
{
    memset(ret, 0, sizeof *ret);
    /* Each file is read whatever is wrong with another: all findings at once. */
    int r = 0, e;
    if (article) {
        e = cli_article(a, article, &ret->article, reterr);
        ret->has_article = e == 0;
        r = r == 0 ? e : r;
    }
    if (bench) {
        const char *text = args_get(a, "--speed");
        double speed = 1.0;
        e = text && (str_to_double(text, strlen(text), &speed) < 0 || speed < 1.0 || speed > 1000.0) ? diag_add(reterr, E_RANGE, "--speed takes a number from 1 to 1000") : 0;
        e = e == 0 ? load_bench(bench, station, speed, ret, reterr) : e;
        ret->speed = speed;
        r = r == 0 ? e : r;
    }
    char path[512];
    e = cli_find_procedure(procedure, NULL, path, sizeof path, reterr);
    if (e == 0) {
        e = conf_load_file(path, &ret->procedure, reterr);
    }
    r = r == 0 ? e : r;
    if (r < 0) {
        return r;
    }
    if (ret->has_bench && conf_get(ret->procedure.root, "model")) {
        station_map_model(&ret->map); /* where it cannot be, the compiler says so */
    }
    const char *sets[OPTION_REPEAT_MAX];
    unsigned n_sets = args_all(a, "--set", sets, OPTION_REPEAT_MAX);
    struct load_ctx ctx = {.l = ret, .from = ret->procedure.file};
    struct compile_input in = {
        .procedure = &ret->procedure, .article = ret->has_article ? &ret->article : NULL, .station = ret->has_bench ? &ret->map.desc : NULL,
        .bench_guards = ret->has_bench ? ret->bench.guards : NULL, .sets = sets, .n_sets = n_sets, .load = load_called, .read = read_profile, .load_ctx = &ctx,
    };
    r = program_compile(&in, &ret->program, &ret->open, reterr);
    ret->has_program = r == 0;
    return r == 0 && ret->has_bench && ret->program.model.of != PROG_NONE ? model_band_load(&ret->program, &ret->procedure, &ret->band, reterr) : r;
}

void cli_unload(struct loaded *l)
{
    if (l->has_program) {
        program_done(&l->program);
    }
    for (unsigned k = 0; k < l->n_called; k++) {
        conf_done(&l->called[k].doc);
    }
    for (unsigned k = 0; k < l->n_profiles; k++) {
        free(l->profile[k].text);
    }
    model_band_done(&l->band);
    conf_done(&l->procedure);
    if (l->has_article) {
        article_done(&l->article);
    }
    if (l->has_bench) {
        bench_done(&l->bench);
    }
    memset(l, 0, sizeof *l);
}
