/* db/rows_hash.c - SHA-256 over the sample rows: of a file, and of rows while they are put.
 *
 * Both ways hash what SQLite gives back for a row, bit for bit; docs/RUNFILE.md has the layout.
 */
#include "base/diag.h"
#include "base/err.h"
#include "db/store_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NULL_BITS UINT64_C(0x7ff8000000000000) /* the plain quiet NaN */

static void add_bytes(struct rows_hash *h, const void *p, size_t n)
{
    if (h->n + n > sizeof(h->buf)) {
        sha256_add(&h->sha, h->buf, h->n);
        h->n = 0;
    }
    memcpy(h->buf + h->n, p, n);
    h->n += n;
}

static void add_u64(struct rows_hash *h, uint64_t v)
{
    uint8_t le[8];

    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(v >> (8 * i));
    add_bytes(h, le, sizeof(le));
}

static void add_real(struct rows_hash *h, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    add_u64(h, bits);
}

static void add_quality(struct rows_hash *h, const void *quality, unsigned n)
{
    uint8_t length = (uint8_t)(n > UINT8_MAX ? UINT8_MAX : n);

    add_bytes(h, &length, 1);
    if (length > 0)
        add_bytes(h, quality, length);
}

static void begin_table(struct rows_hash *h, const struct table_desc *t)
{
    add_bytes(h, t->name, strlen(t->name) + 1);
    for (unsigned i = 0; i < t->n_fields; i++)
        add_bytes(h, t->column[i], strlen(t->column[i]) + 1);
}

/* ---- While they are put ---- */

void rows_hash_begin(struct rows_hash *h, const struct table_desc *first)
{
    h->n = 0;
    sha256_init(&h->sha);
    begin_table(h, first);
}

void rows_hash_put(struct rows_hash *h, const struct table_desc *t, double t_s, uint32_t step,
                   uint32_t cycle, const double *field, const uint8_t *quality)
{
    /* SQLite keeps whole numbers as integers, which have no negative zero */
    add_real(h, t_s + 0.0);
    add_u64(h, step);
    add_u64(h, cycle);
    for (unsigned i = 0; i < t->n_fields; i++) {
        if (isnan(field[i]))
            add_u64(h, NULL_BITS);
        else
            add_real(h, field[i] + 0.0);
    }
    add_quality(h, quality, quality ? t->n : 0);
}

/* ---- Of a file ---- */

static void hash_row(struct rows_hash *h, sqlite3_stmt *st, int n_fields)
{
    int quality = 3 + n_fields;
    int n = sqlite3_column_bytes(st, quality);

    add_real(h, sqlite3_column_double(st, 0));
    add_u64(h, (uint64_t)sqlite3_column_int64(st, 1));
    add_u64(h, (uint64_t)sqlite3_column_int64(st, 2));
    for (int i = 3; i < quality; i++) {
        if (sqlite3_column_type(st, i) == SQLITE_NULL)
            add_u64(h, NULL_BITS);
        else
            add_real(h, sqlite3_column_double(st, i));
    }
    add_quality(h, sqlite3_column_blob(st, quality), n > 0 ? (unsigned)n : 0);
}

static int hash_rows(sqlite3 *db, struct rows_hash *h, const struct table_desc *t,
                     struct diag *reterr)
{
    int step;
    sqlite3_stmt *st;
    int rc = sql_prepare(db, &st, reterr, "SELECT * FROM \"%s\" ORDER BY rowid", t->name);

    if (rc < 0)
        return rc;
    while ((step = sqlite3_step(st)) == SQLITE_ROW)
        hash_row(h, st, (int)t->n_fields);
    if (step != SQLITE_DONE)
        rc = sql_fail(db, reterr, "rows of %s", t->name);
    sqlite3_finalize(st);
    return rc;
}

int rows_hash_end(struct rows_hash *h, sqlite3 *db, const struct table_list *list, unsigned done,
                  char ret_hex[65], struct diag *reterr)
{
    uint8_t digest[32];
    int rc = 0;

    for (unsigned i = done; i < list->n && rc == 0; i++) {
        begin_table(h, &list->table[i]);
        rc = hash_rows(db, h, &list->table[i], reterr);
    }
    if (rc < 0)
        return rc;
    sha256_add(&h->sha, h->buf, h->n);
    sha256_end(&h->sha, digest);
    sha256_hex(digest, ret_hex);
    return 0;
}

int tables_sha256(sqlite3 *db, const struct table_list *list, char ret_hex[65], struct diag *reterr)
{
    struct rows_hash *h = malloc(sizeof(*h));
    int rc;

    if (h == NULL)
        return diag_add(reterr, E_NOMEM, "out of memory");
    h->n = 0;
    sha256_init(&h->sha);
    rc = rows_hash_end(h, db, list, 0, ret_hex, reterr);
    free(h);
    return rc;
}
