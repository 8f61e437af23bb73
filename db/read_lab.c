/* db/read_lab.c - the list of runs: from the catalogue, which is brought up to date from the files.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the catalogue cannot tell: runs under way, and all news when it cannot be written. Sorted.
 */
struct overlay {
    struct run_info *info;
    size_t n;
};

struct index {
    sqlite3 *lab; /* NULL: none can be opened */
    bool write;
    struct overlay over;
};

static int open_lab(const char *dir, struct index *ix, struct diag *reterr)
{
    char path[DB_PATH_MAX];
    int64_t version;
    bool there;
    int rc = path_lab(path, sizeof(path), dir, reterr);

    if (rc < 0)
        return rc;
    there = access(path, F_OK) == 0;
    ix->write = access(dir, W_OK) == 0 && (!there || access(path, W_OK) == 0);
    if (!there && !ix->write)
        return 0; /* the files tell everything */
    rc = sql_open(path, ix->write, ix->write, &ix->lab, reterr);
    if (rc == 0)
        rc = ix->write ? schema_lab(ix->lab, reterr)
                       : schema_check(ix->lab, LAB_APP_ID, LAB_VERSION, &version, reterr);
    if (rc < 0)
        diag_wrap(reterr, "cannot read the catalogue %s", path);
    return rc;
}

/* One list element for a file that cannot be read: it is shown, not left out. */
static void info_unreadable(struct run_info *info, int64_t number, int code, const struct diag *d)
{
    memset(info, 0, sizeof(*info));
    info->number = number;
    info->ended = true;
    str_copy(info->verdict, sizeof(info->verdict), code == E_STATE ? "half-made" : "unreadable");
    if (d->n > 0)
        str_copy(info->text, sizeof(info->text), d->finding[0].text);
}

static void look_into(const char *dir, int64_t number, struct index *ix)
{
    struct run_info *info = &ix->over.info[ix->over.n];
    struct run_file *f = NULL;
    char path[DB_PATH_MAX];
    struct diag d;
    bool settled;
    int rc;

    diag_init(&d);
    rc = run_open(dir, number, &f, &d);
    if (rc == 0)
        rc = run_info(f, info, &d);
    run_close(f);
    if (rc < 0) {
        info_unreadable(info, number, rc, &d);
        ix->over.n++;
        return;
    }
    info->number = number; /* the name counts: files are copied between labs */
    settled = info->ended && path_run(path, sizeof(path), dir, number, ".run-wal", NULL) == 0 &&
              access(path, F_OK) < 0;
    /* one under way is its writer's to put there */
    if (ix->write && info->ended && catalogue_put(ix->lab, info, NULL, settled, NULL) == 0)
        return;
    ix->over.n++;
}

static int is_known(sqlite3_stmt *st, int64_t number, bool *ret)
{
    int step;

    *ret = false;
    if (st == NULL)
        return SQLITE_DONE;
    sqlite3_bind_int64(st, 1, number);
    step = sqlite3_step(st);
    *ret = step == SQLITE_ROW;
    sqlite3_reset(st);
    return step;
}

/* Files that the catalogue does not know as ended are looked into. */
static int sync_index(const char *dir, struct index *ix, struct diag *reterr)
{
    sqlite3_stmt *st = NULL;
    int64_t *list = NULL;
    size_t n = 0, news = 0;
    int rc = path_numbers(dir, &list, &n, reterr);

    if (rc == 0 && ix->lab != NULL)
        rc = sql_prepare(ix->lab, &st, reterr, "SELECT 1 FROM run WHERE number = ?1 AND ended = 1");
    for (size_t i = 0; i < n && rc == 0; i++) {
        bool known;
        int step = is_known(st, list[i], &known);

        if (step != SQLITE_ROW && step != SQLITE_DONE)
            rc = sql_fail(ix->lab, reterr, "catalogue");
        if (!known)
            list[news++] = list[i];
    }
    sqlite3_finalize(st);
    if (rc == 0 && news > 0) {
        ix->over.info = calloc(news, sizeof(*ix->over.info));
        if (ix->over.info == NULL)
            rc = diag_add(reterr, E_NOMEM, "out of memory");
    }
    if (rc == 0 && news > 1 && ix->write)
        ix->write = sqlite3_exec(ix->lab, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; i < news && rc == 0; i++)
        look_into(dir, list[i], ix);
    if (ix->lab != NULL && !sqlite3_get_autocommit(ix->lab) &&
        sqlite3_exec(ix->lab, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = sql_fail(ix->lab, reterr, "cannot bring the catalogue up to date");
    free(list);
    return rc;
}

/* Catalogue and overlay merged, newest first; of a number in both, the overlay's. */
static int list_runs(struct index *ix, int (*each)(void *ctx, const struct run_info *), void *ctx,
                     struct diag *reterr)
{
    size_t k = ix->over.n;
    sqlite3_stmt *st = NULL;
    struct run_info info;
    int rc = ix->lab != NULL ? catalogue_list(ix->lab, &st, reterr) : 0;
    int step = SQLITE_DONE, stop = 0;

    if (rc < 0)
        return rc;
    while (stop == 0 && st != NULL && (step = sqlite3_step(st)) == SQLITE_ROW) {
        info_from_row(st, &info);
        while (stop == 0 && k > 0 && ix->over.info[k - 1].number > info.number)
            stop = each(ctx, &ix->over.info[--k]);
        if (stop == 0 && k > 0 && ix->over.info[k - 1].number == info.number)
            info = ix->over.info[--k];
        if (stop == 0)
            stop = each(ctx, &info);
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sql_fail(ix->lab, reterr, "catalogue");
    sqlite3_finalize(st);
    while (rc == 0 && stop == 0 && k > 0)
        stop = each(ctx, &ix->over.info[--k]);
    return rc;
}

int lab_runs(const char *lab, int (*each)(void *ctx, const struct run_info *), void *ctx,
             struct diag *reterr)
{
    struct index ix = {0};
    int rc;

    if (access(lab, F_OK) < 0)
        return diag_add(reterr, E_NOENT, "no lab folder %s", lab);
    rc = open_lab(lab, &ix, reterr);
    if (rc == 0)
        rc = sync_index(lab, &ix, reterr);
    if (rc == 0)
        rc = list_runs(&ix, each, ctx, reterr);
    free(ix.over.info);
    sqlite3_close(ix.lab);
    return rc;
}
