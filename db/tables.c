/* db/tables.c - the sample tables: one per group of channels, described by the file itself. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db_priv.h"

#include <math.h>
#include <string.h>

/* ---- Making them ---- */

static int column_ok(const struct store_table *t, unsigned i, struct diag *reterr)
{
    static const char *const taken[] = {"t_s",       "step",      "cycle", "quality",
                                        "charge_ah", "energy_wh", "rowid", "oid"};
    const char *name = t->column[i].name;

    if (!sql_name_ok(name))
        return diag_add(reterr, E_INVALID, "table %s: `%s` cannot name a column", t->name,
                        name != NULL ? name : "");
    for (size_t k = 0; k < ARRAY_LEN(taken); k++) {
        if (strcmp(name, taken[k]) == 0)
            return diag_add(reterr, E_INVALID, "table %s: the column name `%s` is taken", t->name,
                            name);
    }
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(name, t->column[k].name) == 0)
            return diag_add(reterr, E_INVALID, "table %s has two columns `%s`", t->name, name);
    }
    if (t->column[i].channel == NULL || (unsigned)t->column[i].kind > KIND_COUNT)
        return diag_add(reterr, E_INVALID, "table %s: column %s has no channel", t->name, name);
    return 0;
}

static int table_ok(const struct store_table *tables, unsigned i, struct diag *reterr)
{
    const struct store_table *t = &tables[i];
    int rc = 0;

    if (!sql_name_ok(t->name) || schema_reserved(t->name))
        return diag_add(reterr, E_INVALID, "`%s` cannot name a sample table",
                        t->name != NULL ? t->name : "");
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(t->name, tables[k].name) == 0)
            return diag_add(reterr, E_INVALID, "two sample tables `%s`", t->name);
    }
    if (t->n > STORE_COLUMNS_MAX)
        return diag_add(reterr, E_RANGE, "table %s has %u channels, %d fit", t->name, t->n,
                        STORE_COLUMNS_MAX);
    for (unsigned k = 0; k < t->n && rc == 0; k++)
        rc = column_ok(t, k, reterr);
    return rc;
}

static int table_ddl(sqlite3 *db, const struct store_table *t, struct diag *reterr)
{
    struct text sql = {0};
    int rc;

    text_add(&sql,
             "CREATE TABLE \"%s\"(t_s REAL NOT NULL, step INTEGER NOT NULL REFERENCES"
             " step(number), cycle INTEGER NOT NULL",
             t->name);
    for (unsigned i = 0; i < t->n; i++)
        text_add(&sql, ", \"%s\" REAL", t->column[i].name);
    text_add(&sql, "%s, quality BLOB) STRICT", t->counts ? ", charge_ah REAL, energy_wh REAL" : "");
    text_add_n(&sql, "", 1);
    rc = sql_exec(db, sql.p, reterr);
    text_done(&sql);
    return rc;
}

static int channel_insert(sqlite3_stmt *st, const struct store_table *t,
                          const struct store_column *c, const char *kind, const char *unit)
{
    sql_bind_text(st, 1, c->channel);
    sql_bind_text(st, 2, t->name);
    sql_bind_text(st, 3, c->name);
    sql_bind_text(st, 4, kind);
    sql_bind_text(st, 5, unit);
    sql_bind_real(st, 6, c->accuracy_reading);
    sql_bind_real(st, 7, c->accuracy_offset);
    sql_bind_real(st, 8, c->resolution);
    return sql_run(st);
}

/* The counts can be plotted like channels, under the name of their table. */
static int counts_insert(sqlite3_stmt *st, const struct store_table *t)
{
    static const char *const row[][3] = {
        {"charge_ah", "charge", "Ah"},
        {"energy_wh", "energy", "Wh"}
    };
    int rc = SQLITE_OK;

    for (size_t i = 0; i < ARRAY_LEN(row) && rc == SQLITE_OK; i++) {
        char channel[2 * DB_NAME_MAX];
        struct store_column c = {.name = row[i][0],
                                 .channel = channel,
                                 .kind = KIND_COUNT,
                                 .accuracy_reading = (double)NAN,
                                 .accuracy_offset = (double)NAN,
                                 .resolution = (double)NAN};

        if (str_fmt(channel, sizeof(channel), "%s.%s", t->name, row[i][0]) < 0)
            return SQLITE_TOOBIG;
        rc = channel_insert(st, t, &c, row[i][1], row[i][2]);
    }
    return rc;
}

static int table_insert(sqlite3_stmt *table, sqlite3_stmt *channel, const struct store_table *t)
{
    int rc;

    sql_bind_text(table, 1, t->name);
    sql_bind_text(table, 2, t->instrument);
    sql_bind_text(table, 3, t->driver);
    sql_bind_text(table, 4, t->identity);
    sqlite3_bind_int(table, 5, t->counts);
    rc = sql_run(table);
    for (unsigned i = 0; i < t->n && rc == SQLITE_OK; i++) {
        const struct chan_kind_info *info = chan_kind_info(t->column[i].kind);

        rc = channel_insert(channel, t, &t->column[i], info->word,
                            t->unit[i] != NULL ? t->unit[i] : info->si_unit);
    }
    if (rc == SQLITE_OK && t->counts)
        rc = counts_insert(channel, t);
    return rc;
}

int tables_create(sqlite3 *db, const struct store_table *tables, unsigned n, struct diag *reterr)
{
    sqlite3_stmt *table = NULL, *channel = NULL;
    int rc;

    if (n > DB_TABLES_MAX)
        return diag_add(reterr, E_RANGE, "%u sample tables, %d fit", n, DB_TABLES_MAX);
    rc = sql_prepare(db, &table, reterr,
                     "INSERT INTO sample_table(name, instrument, driver, identity, counts)"
                     " VALUES(?1, ?2, ?3, ?4, ?5)");
    if (rc == 0)
        rc = sql_prepare(db, &channel, reterr,
                         "INSERT INTO channel(name, table_name, column_name, kind, unit,"
                         " accuracy_reading, accuracy_offset, resolution)"
                         " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = table_ok(tables, i, reterr);
        if (rc == 0)
            rc = table_ddl(db, &tables[i], reterr);
        if (rc == 0 && table_insert(table, channel, &tables[i]) != SQLITE_OK)
            rc = sql_fail(db, reterr, "table %s", tables[i].name);
    }
    sqlite3_finalize(table);
    sqlite3_finalize(channel);
    return rc;
}

/* ---- Reading what there is ---- */

static int desc_columns(sqlite3_stmt *st, struct table_desc *t)
{
    int step;

    sql_bind_text(st, 1, t->name);
    while ((step = sqlite3_step(st)) == SQLITE_ROW) {
        if (t->n_fields == DB_FIELDS_MAX)
            break;
        if (t->n_fields == 0)
            t->first_channel = sqlite3_column_int64(st, 0);
        if (sqlite3_column_int64(st, 0) != t->first_channel + t->n_fields)
            break;
        sql_copy(st, 1, t->column[t->n_fields], DB_NAME_MAX);
        if (!sql_name_ok(t->column[t->n_fields]))
            break;
        t->n_fields++;
    }
    sqlite3_reset(st);
    if (step != SQLITE_DONE || (t->counts && t->n_fields < 2))
        return E_CORRUPT;
    t->n = t->n_fields - (t->counts ? 2 : 0);
    return 0;
}

static int list_take(sqlite3_stmt *st, sqlite3_stmt *columns, struct table_list *list)
{
    struct table_desc *t = &list->table[list->n];

    if (list->n == DB_TABLES_MAX)
        return E_CORRUPT;
    memset(t, 0, sizeof(*t));
    sql_copy(st, 0, t->name, sizeof(t->name));
    t->counts = sqlite3_column_int(st, 1) != 0;
    if (!sql_name_ok(t->name) || desc_columns(columns, t) < 0)
        return E_CORRUPT;
    list->n++;
    return 0;
}

int tables_load(sqlite3 *db, struct table_list *ret, struct diag *reterr)
{
    sqlite3_stmt *st = NULL, *columns = NULL;
    int step = SQLITE_DONE;
    int rc = sql_prepare(db, &st, reterr, "SELECT name, counts FROM sample_table ORDER BY id");

    if (rc == 0)
        rc = sql_prepare(db, &columns, reterr,
                         "SELECT id, column_name FROM channel WHERE table_name = ?1 ORDER BY id");
    ret->n = 0;
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        rc = list_take(st, columns, ret);
        if (rc < 0)
            diag_add(reterr, rc, "the description of the sample tables is damaged");
    }
    if (rc == 0 && step != SQLITE_DONE)
        rc = sql_fail(db, reterr, "sample tables");
    sqlite3_finalize(st);
    sqlite3_finalize(columns);
    return rc;
}

int tables_compare(const struct table_list *list, const struct store_table *tables, unsigned n,
                   struct diag *reterr)
{
    if (list->n != n)
        return diag_add(reterr, E_MISMATCH, "the run file has %u sample tables, the bench %u",
                        list->n, n);
    for (unsigned i = 0; i < n; i++) {
        const struct table_desc *t = &list->table[i];
        bool same = strcmp(t->name, tables[i].name) == 0 && t->n == tables[i].n &&
                    t->counts == tables[i].counts;

        for (unsigned k = 0; k < t->n && same; k++)
            same = strcmp(t->column[k], tables[i].column[k].name) == 0;
        if (!same)
            return diag_add(reterr, E_MISMATCH,
                            "table %s of the run file has other columns than the bench gives",
                            t->name);
    }
    return 0;
}

int table_rows(sqlite3 *db, const struct table_desc *t, int64_t *ret_rows, struct diag *reterr)
{
    char sql[120];

    if (str_fmt(sql, sizeof(sql), "SELECT coalesce(max(rowid), 0) FROM \"%s\"", t->name) < 0)
        return E_RANGE;
    return sql_int(db, sql, ret_rows, reterr);
}
