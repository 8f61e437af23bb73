/* db/lab.c - the catalogue: opened with its folder, articles with their history. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LEFT_OPEN_MAX = 64
};

/* ---- Runs whose last step to an archive file was not done, imports that were cut ---- */

/* It has ended, or it is half of an import. */
static bool may_be_left(const struct store *s, int64_t number)
{
    struct run_file *f;
    struct run_info info;
    bool ended;
    int rc = run_open(s->dir, number, &f, NULL);

    if (rc < 0)
        return rc == E_STATE;
    ended = run_info(f, &info, NULL) == 0 && info.ended;
    run_close(f);
    return ended;
}

/* Killed between its end and here, or a reader held the file: settle it now. */
static void settle_one(struct store *s, int64_t number)
{
    char path[DB_PATH_MAX], hex[65];
    struct run_info info;
    sqlite3 *db = NULL;
    bool settled = false;

    if (path_run(path, sizeof(path), s->dir, number, ".run", NULL) < 0 ||
        sql_open(path, true, false, &db, NULL) < 0)
        return;
    if (info_read(db, &info, NULL) == 0 && info.ended)
        settled = runfile_settle(db, NULL) == 1;
    sqlite3_close(db);
    info.number = number;
    if (settled && path_sha256(path, hex, NULL) == 0 &&
        catalogue_put(s->lab, &info, hex, true, NULL) < 0)
        return; /* the next lab_open finds it again */
}

static void settle_left_open(struct store *s)
{
    int64_t number[LEFT_OPEN_MAX];
    unsigned n = 0;
    sqlite3_stmt *st;

    if (sql_prepare(s->lab, &st, NULL,
                    "SELECT number FROM run WHERE closed = 0 ORDER BY number DESC") < 0)
        return;
    while (n < LEFT_OPEN_MAX && sqlite3_step(st) == SQLITE_ROW)
        number[n++] = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    for (unsigned i = 0; i < n; i++) {
        int fd;

        if (may_be_left(s, number[i]) && runfile_lock(s->dir, number[i], &fd, NULL) == 0) {
            if (bulk_half_made(s->dir, number[i]))
                bulk_drop(s, number[i]);
            else
                settle_one(s, number[i]);
            runfile_unlock(s->dir, number[i], fd);
        }
    }
}

/* ---- Opening ---- */

/* A lab that is there but may not be written is opened for reading. */
static int open_catalogue(struct store *s, struct diag *reterr)
{
    char path[DB_PATH_MAX], runs[DB_PATH_MAX];
    int64_t version;
    int rc = path_lab(path, sizeof(path), s->dir, reterr);

    if (rc == 0)
        rc = str_fmt(runs, sizeof(runs), "%s/runs", s->dir);
    if (rc < 0)
        return rc;
    s->read_only = access(path, F_OK) == 0 && (access(path, W_OK) < 0 || access(s->dir, W_OK) < 0);
    if (!s->read_only)
        rc = path_folder(runs, reterr);
    if (rc == 0)
        rc = sql_open(path, !s->read_only, !s->read_only, &s->lab, reterr);
    if (rc < 0)
        return rc;
    if (s->read_only)
        return schema_check(s->lab, LAB_APP_ID, LAB_VERSION, &version, reterr);
    /* FULL would do for the file, but a commit is the removal of the journal, and only EXTRA makes
     * that durable: an article that was put, a number that was given */
    rc = sql_exec(s->lab, "PRAGMA synchronous=EXTRA", reterr);
    return rc < 0 ? rc : schema_lab(s->lab, reterr);
}

int lab_open(const char *dir, struct store **ret, struct diag *reterr)
{
    struct store *s = calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return diag_add(reterr, E_NOMEM, "out of memory");
    s->lock_fd = -1;
    s->wait_ms = WAIT_MS;
    s->checkpoint_pages = WAL_PAGES;
    batch_init(&s->batch);
    batch_init(&s->back);
    if (str_copy(s->dir, sizeof(s->dir), dir))
        rc = open_catalogue(s, reterr);
    else
        rc = diag_add(reterr, E_RANGE, "the name of the lab folder is too long");
    if (rc < 0) {
        diag_wrap(reterr, "cannot open the lab %s", dir);
        lab_close(s);
        return rc;
    }
    if (!s->read_only)
        settle_left_open(s);
    *ret = s;
    return 0;
}

void lab_close(struct store *s)
{
    if (s == NULL || worker_stop(s) < 0)
        return;
    if (s->db != NULL) {
        bool bulk = s->bulk;

        runfile_detach(s);
        if (bulk)
            bulk_drop(s, s->number);
    }
    sqlite3_close(s->lab);
    free(s->batch.p);
    free(s->back.p);
    free(s);
}

/* ---- Articles ---- */

struct article_put {
    const char *name, *barcode, *kind, *text;
    char sha[65];
    nsec wall;
};

/* 1: the newest version is this one already. */
static int article_same(struct store *s, const struct article_put *a, struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(s->lab, &st, reterr,
                         "SELECT v.sha256 IS ?2 AND v.barcode IS ?3 AND v.kind IS ?4 FROM article a"
                         " JOIN article_version v ON v.id = a.version WHERE a.name = ?1");
    int step;

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, a->name);
    sql_bind_text(st, 2, a->sha);
    sql_bind_text(st, 3, a->barcode);
    sql_bind_text(st, 4, a->kind);
    step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        rc = sqlite3_column_int(st, 0) != 0;
    else if (step != SQLITE_DONE)
        rc = sql_fail(s->lab, reterr, "article %s", a->name);
    sqlite3_finalize(st);
    return rc;
}

static int article_barcode_free(struct store *s, const struct article_put *a, struct diag *reterr)
{
    char other[64];
    sqlite3_stmt *st;
    int rc = sql_prepare(s->lab, &st, reterr,
                         "SELECT name FROM article WHERE barcode = ?1 AND name <> ?2");
    int step;

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, a->barcode);
    sql_bind_text(st, 2, a->name);
    step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        sql_copy(st, 0, other, sizeof(other));
        rc = diag_add(reterr, E_EXISTS, "article %s has the barcode %s already", other, a->barcode);
    } else if (step != SQLITE_DONE) {
        rc = sql_fail(s->lab, reterr, "article %s", a->name);
    }
    sqlite3_finalize(st);
    return rc;
}

static int article_write(struct store *s, const struct article_put *a, struct diag *reterr)
{
    sqlite3_stmt *version = NULL, *article = NULL;
    int rc = sql_prepare(s->lab, &version, reterr,
                         "INSERT INTO article_version(name, barcode, kind, text, sha256, wall_ns)"
                         " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");

    if (rc == 0)
        rc = sql_prepare(s->lab, &article, reterr,
                         "INSERT INTO article(name, barcode, kind, version)"
                         " VALUES(?1, ?2, ?3, last_insert_rowid()) ON CONFLICT(name) DO UPDATE"
                         " SET barcode = ?2, kind = ?3, version = excluded.version");
    if (rc == 0) {
        sql_bind_text(version, 1, a->name);
        sql_bind_text(version, 2, a->barcode);
        sql_bind_text(version, 3, a->kind);
        sql_bind_text(version, 4, a->text);
        sql_bind_text(version, 5, a->sha);
        sqlite3_bind_int64(version, 6, a->wall);
        sql_bind_text(article, 1, a->name);
        sql_bind_text(article, 2, a->barcode);
        sql_bind_text(article, 3, a->kind);
        if (sql_run(version) != SQLITE_OK || sql_run(article) != SQLITE_OK)
            rc = sql_fail(s->lab, reterr, "article %s", a->name);
    }
    sqlite3_finalize(version);
    sqlite3_finalize(article);
    return rc;
}

int lab_article_put(struct store *s, const char *name, const char *barcode, const char *kind,
                    const char *text, nsec wall, struct diag *reterr)
{
    struct article_put a = {.name = name,
                            .kind = kind,
                            .text = text,
                            .wall = wall,
                            .barcode = barcode != NULL && barcode[0] != '\0' ? barcode : NULL};
    struct sha256 h;
    uint8_t digest[32];
    int rc, same;

    if (s->read_only)
        return diag_add(reterr, E_IO, "the lab folder %s is read-only", s->dir);
    if (name == NULL || name[0] == '\0')
        return diag_add(reterr, E_INVALID, "an article needs a name");
    sha256_init(&h);
    sha256_add(&h, text, strlen(text));
    sha256_end(&h, digest);
    sha256_hex(digest, a.sha);
    rc = sql_exec(s->lab, "BEGIN IMMEDIATE", reterr);
    if (rc < 0)
        return rc;
    same = article_same(s, &a, reterr);
    rc = same < 0 ? same : 0;
    if (same == 0 && a.barcode != NULL)
        rc = article_barcode_free(s, &a, reterr);
    if (rc == 0 && same == 0)
        rc = article_write(s, &a, reterr);
    if (rc == 0)
        rc = sql_exec(s->lab, "COMMIT", reterr);
    if (rc < 0)
        sqlite3_exec(s->lab, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int lab_article_get(struct store *s, const char *name_or_barcode, char **ret_text,
                    struct diag *reterr)
{
    sqlite3_stmt *st;
    int rc = sql_prepare(s->lab, &st, reterr,
                         "SELECT v.text FROM article a JOIN article_version v ON v.id = a.version"
                         " WHERE a.name = ?1 OR a.barcode = ?1 ORDER BY a.name = ?1 DESC LIMIT 1");
    int step;

    if (rc < 0)
        return rc;
    sql_bind_text(st, 1, name_or_barcode);
    step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        size_t n = (size_t)sqlite3_column_bytes(st, 0);
        char *text = malloc(n + 1);

        if (text == NULL) {
            rc = diag_add(reterr, E_NOMEM, "out of memory");
        } else {
            memcpy(text, sqlite3_column_text(st, 0), n);
            text[n] = '\0';
            *ret_text = text;
        }
    } else {
        rc = step == SQLITE_DONE
                 ? diag_add(reterr, E_NOENT, "no article `%s` in the lab", name_or_barcode)
                 : sql_fail(s->lab, reterr, "article %s", name_or_barcode);
    }
    sqlite3_finalize(st);
    return rc;
}
