/* db/read.c - open a run file for reading, and its small tables. */
#include "db/read_priv.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Opening ---- */

/* A writer that was killed while it closed its file left a journal that takes the last change back,
 * which a read-only connection may not do. Where we may not either, opening it tells why. */
static void roll_back(const char *path)
{
    char journal[DB_PATH_MAX];
    sqlite3 *db = NULL;
    int64_t n;
    int rc;

    if (str_fmt(journal, sizeof(journal), "%s-journal", path) < 0 || access(journal, F_OK) < 0 ||
        access(path, W_OK) < 0 || sql_open(path, true, false, &db, NULL) < 0)
        return;
    rc = sql_int(db, "SELECT count(*) FROM sqlite_schema", &n, NULL);
    (void)rc; /* the opening that follows tells it */
    sqlite3_close(db);
}

static int open_file(const char *path, struct run_file *f, struct diag *reterr)
{
    int rc;

    roll_back(path);
    rc = sql_open(path, false, false, &f->db, reterr);
    if (rc == 0)
        rc = schema_check(f->db, RUN_APP_ID, RUN_VERSION, &f->version, reterr);
    if (rc == E_IO && access(path, R_OK) == 0)
        diag_hint(reterr, "a run that has not ended cannot be read from a read-only folder");
    if (rc == 0)
        rc = tables_load(f->db, &f->tables, reterr);
    return rc;
}

int run_open_path(const char *path, struct run_file **ret, struct diag *reterr)
{
    struct run_file *f;
    int rc;

    if (access(path, F_OK) < 0)
        return diag_add(reterr, E_NOENT, "no run file %s", path);
    f = calloc(1, sizeof(*f));
    if (f == NULL)
        return diag_add(reterr, E_NOMEM, "out of memory");
    rc = open_file(path, f, reterr);
    if (rc < 0) {
        diag_wrap(reterr, "cannot read %s", path);
        run_close(f);
        return rc;
    }
    *ret = f;
    return 0;
}

int run_open(const char *lab, int64_t number, struct run_file **ret, struct diag *reterr)
{
    char path[DB_PATH_MAX];
    int rc = 0;

    if (number == 0)
        rc = path_highest(lab, &number, reterr);
    if (rc == 0 && number <= 0)
        return diag_add(reterr, E_NOENT, "no runs in %s", lab);
    if (rc == 0)
        rc = path_run(path, sizeof(path), lab, number, ".run", reterr);
    if (rc < 0)
        return rc;
    if (access(path, F_OK) < 0)
        return diag_add(reterr, E_NOENT, "no run %lld in %s", (long long)number, lab);
    return run_open_path(path, ret, reterr);
}

void run_close(struct run_file *f)
{
    if (f == NULL)
        return;
    sqlite3_close(f->db);
    free(f);
}

int run_info(struct run_file *f, struct run_info *ret, struct diag *reterr)
{
    return info_read(f->db, ret, reterr);
}

/* The writer's lock is asked after, not taken. */
bool run_is_written(const struct run_file *f)
{
    const char *path = sqlite3_db_filename(f->db, "main");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    size_t n = strlen(path);
    char beside[DB_PATH_MAX];
    bool held = false;
    int fd;

    if (n < 4 || str_fmt(beside, sizeof(beside), "%.*s.lock", (int)n - 4, path) < 0)
        return false;
    fd = open(beside, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
        close(fd);
    }
    return held;
}

int run_rows_sha256(struct run_file *f, char ret_hex[65], struct diag *reterr)
{
    return tables_sha256(f->db, &f->tables, ret_hex, reterr);
}

int read_bound(struct run_file *f, const struct table_desc *t, const char *column, double x,
               bool after, int64_t rows, int64_t *ret, struct diag *reterr)
{
    int64_t lo = 1, hi = rows + 1;
    sqlite3_stmt *st;
    int rc = sql_prepare(f->db, &st, reterr, "SELECT \"%s\" FROM \"%s\" WHERE rowid = ?1", column,
                         t->name);

    while (rc == 0 && lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        int step;

        sqlite3_bind_int64(st, 1, mid);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW) {
            double v = sqlite3_column_double(st, 0);

            if (v < x || (after && v <= x))
                lo = mid + 1;
            else
                hi = mid;
        } else if (step == SQLITE_DONE) {
            rc = diag_add(reterr, E_CORRUPT, "row %lld of %s is missing", (long long)mid, t->name);
        } else {
            rc = sql_fail(f->db, reterr, "rows of %s", t->name);
        }
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    if (rc == 0)
        *ret = lo;
    return rc;
}

/* ---- Lists: one query, one function that hands a row over ---- */

typedef int row_taker(sqlite3_stmt *st, void *each_and_ctx);

static int for_rows(struct run_file *f, const char *sql, row_taker *take, void *ctx,
                    struct diag *reterr)
{
    sqlite3_stmt *st;
    int step = SQLITE_DONE;
    int rc = sql_prepare(f->db, &st, reterr, "%s", sql);

    if (rc < 0)
        return rc;
    while ((step = sqlite3_step(st)) == SQLITE_ROW) {
        if (take(st, ctx) != 0)
            break;
    }
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sql_fail(f->db, reterr, "run file");
    sqlite3_finalize(st);
    return rc;
}

struct step_each {
    int (*each)(void *ctx, const struct step_row *);
    void *ctx;
};

static int take_step(sqlite3_stmt *st, void *p)
{
    const struct step_each *e = p;
    struct step_row row = {.number = (uint32_t)sqlite3_column_int64(st, 0),
                           .cycle = (uint32_t)sqlite3_column_int64(st, 1)};
    double *const figure[] = {
        &row.charge_ah,
        &row.energy_wh,
        &row.charge_in_ah,
        &row.charge_out_ah,
        &row.energy_in_wh,
        &row.energy_out_wh,
        &row.v_first,
        &row.v_last,
        &row.v_min,
        &row.v_max,
        &row.i_min,
        &row.i_max,
        &row.temperature_min_k,
        &row.temperature_max_k,
        &row.pressure_min_pa,
        &row.pressure_max_pa,
        &row.pressure_mean_pa,
    };

    sql_copy(st, 2, row.name, sizeof(row.name));
    sql_copy(st, 3, row.verb, sizeof(row.verb));
    sql_copy(st, 4, row.cause, sizeof(row.cause));
    sql_copy(st, 5, row.end_name, sizeof(row.end_name));
    row.began = nsec_from_s(sqlite3_column_double(st, 6));
    row.ended = sqlite3_column_type(st, 7) == SQLITE_NULL
                    ? NSEC_NEVER
                    : nsec_from_s(sqlite3_column_double(st, 7));
    for (size_t i = 0; i < ARRAY_LEN(figure); i++)
        *figure[i] = sql_real(st, 8 + (int)i);
    return e->each(e->ctx, &row);
}

int run_steps(struct run_file *f, int (*each)(void *ctx, const struct step_row *), void *ctx,
              struct diag *reterr)
{
    struct step_each e = {each, ctx};

    return for_rows(f,
                    "SELECT s.number, coalesce(e.cycle, s.cycle), s.name, s.verb, e.cause,"
                    " e.end_name, s.began_s, e.ended_s, e.charge_ah, e.energy_wh, e.charge_in_ah,"
                    " e.charge_out_ah, e.energy_in_wh, e.energy_out_wh, e.v_first, e.v_last,"
                    " e.v_min, e.v_max, e.i_min, e.i_max, e.temperature_min_k,"
                    " e.temperature_max_k, e.pressure_min_pa, e.pressure_max_pa,"
                    " e.pressure_mean_pa FROM step s LEFT JOIN step_summary e USING(number)"
                    " WHERE s.number > 0 ORDER BY s.number",
                    take_step, &e, reterr);
}

struct cycle_each {
    int (*each)(void *ctx, const struct cycle_row *);
    void *ctx;
};

/* NaN where it is not defined. */
static double ratio(double a, double b)
{
    return a > 0 && b > 0 ? a / b : (double)NAN;
}

static int take_cycle(sqlite3_stmt *st, void *p)
{
    const struct cycle_each *e = p;
    struct cycle_row row = {.cycle = (uint32_t)sqlite3_column_int64(st, 0),
                            .charge_ah = sql_real(st, 1),
                            .discharge_ah = sql_real(st, 2),
                            .charge_wh = sql_real(st, 3),
                            .discharge_wh = sql_real(st, 4),
                            .pressure_pa = sql_real(st, 5)};

    row.ce = ratio(row.discharge_ah, row.charge_ah);
    row.ee = ratio(row.discharge_wh, row.charge_wh);
    row.v_charge_mean = ratio(row.charge_wh, row.charge_ah);
    row.v_discharge_mean = ratio(row.discharge_wh, row.discharge_ah);
    return e->each(e->ctx, &row);
}

int run_cycles(struct run_file *f, int (*each)(void *ctx, const struct cycle_row *), void *ctx,
               struct diag *reterr)
{
    struct cycle_each e = {each, ctx};

    /* pressure: mean over time; a step of no duration weighs next to nothing, not nothing */
    return for_rows(f,
                    "WITH x AS (SELECT e.*, max(e.ended_s - s.began_s, 1e-9) AS w"
                    " FROM step_summary e JOIN step s USING(number)"
                    " WHERE s.verb IN ('charge', 'discharge', 'hold'))"
                    " SELECT cycle, sum(charge_in_ah), sum(charge_out_ah), sum(energy_in_wh),"
                    " sum(energy_out_wh), sum(pressure_mean_pa * w) /"
                    " sum(CASE WHEN pressure_mean_pa IS NOT NULL THEN w END)"
                    " FROM x GROUP BY cycle ORDER BY cycle",
                    take_cycle, &e, reterr);
}

struct measure_each {
    int (*each)(void *ctx, const struct measure_row *);
    void *ctx;
};

static int take_measure(sqlite3_stmt *st, void *p)
{
    const struct measure_each *e = p;
    struct measure_row row = {.t = nsec_from_s(sqlite3_column_double(st, 0)),
                              .step = (uint32_t)sqlite3_column_int64(st, 1),
                              .cycle = (uint32_t)sqlite3_column_int64(st, 2),
                              .value = sql_real(st, 4)};

    sql_copy(st, 3, row.name, sizeof(row.name));
    sql_copy(st, 5, row.unit, sizeof(row.unit));
    return e->each(e->ctx, &row);
}

int run_measures(struct run_file *f, int (*each)(void *ctx, const struct measure_row *), void *ctx,
                 struct diag *reterr)
{
    struct measure_each e = {each, ctx};

    return for_rows(f, "SELECT t_s, step, cycle, name, value, unit FROM measure ORDER BY id",
                    take_measure, &e, reterr);
}

struct note_each {
    int (*each)(void *ctx, const struct note_row *);
    void *ctx;
};

static int take_note(sqlite3_stmt *st, void *p)
{
    const struct note_each *e = p;
    struct note_row row = {.t = nsec_from_s(sqlite3_column_double(st, 0))};

    sql_copy(st, 1, row.level, sizeof(row.level));
    sql_copy(st, 2, row.text, sizeof(row.text));
    return e->each(e->ctx, &row);
}

int run_notes(struct run_file *f, int (*each)(void *ctx, const struct note_row *), void *ctx,
              struct diag *reterr)
{
    struct note_each e = {each, ctx};

    return for_rows(f, "SELECT t_s, level, text FROM note ORDER BY id", take_note, &e, reterr);
}

struct channel_each {
    int (*each)(void *ctx, const struct channel_row *);
    void *ctx;
};

static int take_channel(sqlite3_stmt *st, void *p)
{
    const struct channel_each *e = p;
    struct channel_row row;

    sql_copy(st, 0, row.name, sizeof(row.name));
    sql_copy(st, 1, row.table, sizeof(row.table));
    sql_copy(st, 2, row.column, sizeof(row.column));
    sql_copy(st, 3, row.unit, sizeof(row.unit));
    sql_copy(st, 4, row.instrument, sizeof(row.instrument));
    sql_copy(st, 5, row.identity, sizeof(row.identity));
    return e->each(e->ctx, &row);
}

int run_channels(struct run_file *f, int (*each)(void *ctx, const struct channel_row *), void *ctx,
                 struct diag *reterr)
{
    struct channel_each e = {each, ctx};

    return for_rows(f,
                    "SELECT c.name, c.table_name, c.column_name, c.unit, t.instrument, t.identity"
                    " FROM channel c JOIN sample_table t ON t.name = c.table_name ORDER BY c.id",
                    take_channel, &e, reterr);
}
