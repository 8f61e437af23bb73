/* db/read_registers.c - what `save:` kept, joined with the steps that it was kept in.
 *
 * A register row has a time only. Rows and steps both come in the order of time, so one walk over
 * the two joins them; a subquery per row would look through all steps each time.
 */
#include "db/read_priv.h"

#include "base/diag.h"
#include "base/err.h"

#include <sqlite3.h>

struct walk {
    sqlite3_stmt *step;
    bool more;              /* the statement stands on a step that has not been passed */
    uint32_t number, cycle; /* the step under way; 0: none yet */
};

/* To the last step that began before t: what a step saves at its end is its own, not the next
 * one's. */
static int walk_to(struct run_file *f, struct walk *w, double t_s, struct diag *reterr)
{
    while (w->more && sqlite3_column_double(w->step, 2) < t_s) {
        int rc;

        w->number = (uint32_t)sqlite3_column_int64(w->step, 0);
        w->cycle = (uint32_t)sqlite3_column_int64(w->step, 1);
        rc = sqlite3_step(w->step);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            return sql_fail(f->db, reterr, "steps");
        w->more = rc == SQLITE_ROW;
    }
    return 0;
}

static int walk_begin(struct run_file *f, struct walk *w, struct diag *reterr)
{
    int rc = sql_prepare(f->db, &w->step, reterr,
                         "SELECT s.number, coalesce(e.cycle, s.cycle), s.began_s FROM step s"
                         " LEFT JOIN step_summary e USING(number) ORDER BY s.number");

    if (rc < 0)
        return rc;
    rc = sqlite3_step(w->step);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sql_fail(f->db, reterr, "steps");
    w->more = rc == SQLITE_ROW;
    return 0;
}

int run_registers(struct run_file *f, int (*each)(void *ctx, const struct measure_row *), void *ctx,
                  struct diag *reterr)
{
    struct walk w = {0};
    sqlite3_stmt *st = NULL;
    int step = SQLITE_DONE;
    int rc = sql_prepare(f->db, &st, reterr,
                         "SELECT t_s, name, value, unit FROM register_value ORDER BY id");

    if (rc == 0)
        rc = walk_begin(f, &w, reterr);
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        struct measure_row row = {.t = nsec_from_s(sqlite3_column_double(st, 0)),
                                  .value = sql_real(st, 2)};

        rc = walk_to(f, &w, sqlite3_column_double(st, 0), reterr);
        row.step = w.number;
        row.cycle = w.cycle;
        sql_copy(st, 1, row.name, sizeof(row.name));
        sql_copy(st, 3, row.unit, sizeof(row.unit));
        if (rc == 0 && each(ctx, &row) != 0)
            break;
    }
    if (rc == 0 && step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sql_fail(f->db, reterr, "registers");
    sqlite3_finalize(st);
    sqlite3_finalize(w.step);
    return rc;
}
