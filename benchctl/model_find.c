/* benchctl/model_find.c - which cell model a name means, and where its parameters are. */
#include "benchctl/cellfile.h"
#include "benchctl/model_band.h"

#include "base/err.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_BYTES_MAX = 1 << 20
};

static bool readable(const char *path)
{
    return access(path, R_OK) == 0 && path[strlen(path) - 1] != '/';
}

/* NAME or NAME.yaml in this folder. */
static bool in_folder(const char *folder, size_t n, const char *name, char *ret)
{
    static const char *const tails[] = {"", ".yaml"};

    for (size_t k = 0; k < ARRAY_LEN(tails); k++) {
        if (str_fmt(ret, MODEL_PATH_MAX, "%.*s%s%s", (int)n, folder, name, tails[k]) == 0 &&
            readable(ret)) {
            return true;
        }
    }
    return false;
}

static bool find_file(const char *name, const char *from, char *ret)
{
    const char *slash = from ? strrchr(from, '/') : NULL;

    return (slash && name[0] != '/' && in_folder(from, (size_t)(slash + 1 - from), name, ret)) ||
           in_folder("", 0, name, ret) || in_folder("models/", 7, name, ret) ||
           in_folder(BENCHCTL_DATADIR "/models/", strlen(BENCHCTL_DATADIR "/models/"), name, ret);
}

static int read_file(const char *path, struct cell_model *ret, char **ret_text, size_t *ret_n,
                     struct diag *reterr)
{
    struct cell_file *f;
    char *text = NULL;
    size_t n = 0;
    int rc = file_read(path, FILE_BYTES_MAX, &text, &n);

    if (rc < 0) {
        return diag_add(reterr, rc, "%s: %s", path, err_text(rc));
    }
    f = calloc(1, sizeof(*f));
    rc = f ? cell_file_text(path, text, n, f, reterr) : diag_add(reterr, E_NOMEM, "out of memory");
    if (rc == 0) {
        cell_model_ecm(f->name, &f->param, ret);
        ret->sigma_v = f->ocv95_v / 1.96;
        cell_file_done(f);
        *ret_text = text;
        *ret_n = n;
        text = NULL;
    }
    free(f);
    free(text);
    return rc;
}

int model_find(const char *name, const char *from, const struct diag_pos *pos,
               struct cell_model *ret, char **ret_text, size_t *ret_n, char *ret_path,
               struct diag *reterr)
{
    char path[MODEL_PATH_MAX];
    const char *near;
    int rc;

    if (cell_model_builtin(name, ret)) {
        *ret_text = NULL;
        *ret_n = 0;
        ret_path[0] = '\0';
        return 0;
    }
    if (!name[0] || !find_file(name, from, path)) {
        near = str_nearest(name, cell_model_names);
        diag_at(reterr, E_NOENT, pos, "there is no cell model `%s`", name);
        if (near) {
            diag_hint(reterr, "did you mean %s?", near);
        } else {
            diag_hint(reterr, "assb-lab-cell, spm-chen2020, or the parameter file of a cell");
        }
        return E_NOENT;
    }
    rc = read_file(path, ret, ret_text, ret_n, reterr);
    if (rc == 0) {
        str_copy(ret_path, MODEL_PATH_MAX, path);
    }
    return rc;
}

int model_band_load(const struct program *p, const struct conf_doc *procedure,
                    struct model_band *ret, struct diag *reterr)
{
    const struct conf_node *map = conf_get(procedure->root, "model"), *at = conf_get(map, "of");
    const struct diag_pos *pos = at ? &at->pos : &map->pos;
    struct model_band b = {
        .there = true, .band_v = p->model.band_v, .soc = p->model.soc, .start = p->model.start};
    const char *name = program_text(p, p->model.of);
    int rc = model_find(name, procedure->file, pos, &b.model, &b.text, &b.n, b.path, reterr);

    if (rc < 0) {
        return rc;
    }
    if (b.start == MODEL_FRESH && b.model.kind == CELL_MODEL_ECM) {
        free(b.text);
        diag_at(reterr, E_INVALID, &conf_get(map, "start")->pos,
                "nobody knows how a cell of %s is made: it has no fresh state", b.model.name);
        diag_hint(reterr, "start: from ocv, or a state of charge");
        return E_INVALID;
    }
    b.group = p->station.chan[station_find(&p->station, MODEL_VOLTAGE)].group;
    *ret = b;
    return 0;
}

void model_band_done(struct model_band *b)
{
    free(b->text);
    memset(b, 0, sizeof(*b));
}
