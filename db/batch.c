/* db/batch.c - what is put waits here for its commit: encoded in one growing buffer that is used
 * again, so that a row costs a copy and no allocation.
 *
 * Under real time there are two: one is filled while the store thread writes the other.
 *
 * A record is its kind, the number of its values and the values in the order of its statement's
 * parameters. Sample rows have a shape of their own because there are so many of them.
 */
#include "base/err.h"
#include "db/store_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const put_sql[PUT_KINDS] = {
    [PUT_EVENT] = "INSERT INTO event(seq, t_s, kind, channel, value, text)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [PUT_STEP] = "INSERT OR REPLACE INTO step(number, began_s, cycle, name, verb, file, line)"
                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [PUT_SUMMARY] = "INSERT OR REPLACE INTO step_summary(number, cycle, ended_s, cause, end_name,"
                    " charge_ah, energy_wh, charge_in_ah, charge_out_ah, energy_in_wh,"
                    " energy_out_wh, v_first, v_last, v_min, v_max, i_min, i_max,"
                    " temperature_min_k, temperature_max_k, pressure_min_pa, pressure_max_pa,"
                    " pressure_mean_pa) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                    " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
    [PUT_MEASURE] = "INSERT INTO measure(t_s, step, cycle, name, value, unit)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [PUT_NOTE] = "INSERT INTO note(t_s, level, text) VALUES(?1, ?2, ?3)",
    [PUT_REGISTER] = "INSERT INTO register_value(t_s, name, value, unit) VALUES(?1, ?2, ?3, ?4)",
    [PUT_FRAME] = "INSERT INTO frame(bus, t_s, direction, instrument, bytes)"
                  " VALUES(?1, ?2, ?3, ?4, ?5)",
    [PUT_IDENTITY] = "UPDATE sample_table SET identity = ?2 WHERE id = ?1",
    [PUT_ANCHOR] = "INSERT INTO anchor(mono_ns, wall_ns) VALUES(?1, ?2)",
};

int batch_prepare(struct store *s, struct diag *reterr)
{
    int rc = 0;

    for (int i = 0; i < PUT_KINDS && rc == 0; i++)
        rc = sql_prepare(s->db, &s->put[i], reterr, "%s", put_sql[i]);
    return rc;
}

void batch_init(struct batch *b)
{
    memset(b, 0, sizeof(*b));
    batch_clear(b);
}

void batch_clear(struct batch *b)
{
    b->n = 0;
    b->records = 0;
    b->oldest = NSEC_NEVER;
}

/* A batch that did not get to the disk comes before what was put since. */
int batch_gather(struct store *s)
{
    struct batch *back = &s->back, whole;

    if (back->n == 0)
        return 0;
    if (s->batch.n > back->size - back->n) {
        uint8_t *p = realloc(back->p, back->n + s->batch.n);

        if (p == NULL)
            return E_NOMEM;
        back->p = p;
        back->size = back->n + s->batch.n;
    }
    if (s->batch.n > 0)
        memcpy(back->p + back->n, s->batch.p, s->batch.n);
    back->n += s->batch.n;
    back->records += s->batch.records;
    if (s->batch.oldest < back->oldest)
        back->oldest = s->batch.oldest;
    whole = *back;
    *back = s->batch;
    s->batch = whole;
    batch_clear(back);
    return 0;
}

/* ---- Encoding ---- */

enum tag {
    TAG_NULL,
    TAG_INT,
    TAG_REAL,
    TAG_TEXT,
    TAG_BLOB
};

static uint8_t *room(struct batch *b, size_t n)
{
    uint8_t *at;

    if (!b->failed && n > b->limit - b->n)
        b->failed = true;
    if (!b->failed && n > b->size - b->n) {
        size_t size = b->size > 0 ? b->size : 65536;
        uint8_t *p = NULL;

        while (size < BATCH_MAX && size - b->n < n)
            size *= 2;
        if (size - b->n >= n)
            p = realloc(b->p, size);
        if (p != NULL) {
            b->p = p;
            b->size = size;
        } else {
            b->failed = true;
        }
    }
    if (b->failed)
        return NULL;
    at = b->p + b->n;
    b->n += n;
    return at;
}

static void add(struct batch *b, enum tag tag, const void *p, size_t n)
{
    uint8_t *at = room(b, 1 + n);

    if (at != NULL) {
        at[0] = (uint8_t)tag;
        if (n > 0)
            memcpy(at + 1, p, n);
    }
}

static void add_int(struct batch *b, int64_t v)
{
    add(b, TAG_INT, &v, sizeof(v));
}

static void add_real(struct batch *b, double v)
{
    if (isfinite(v))
        add(b, TAG_REAL, &v, sizeof(v));
    else
        add(b, TAG_NULL, NULL, 0);
}

static void add_time(struct batch *b, nsec t)
{
    add_real(b, nsec_to_s(t));
}

static void add_bytes(struct batch *b, enum tag tag, const void *p, size_t n)
{
    uint8_t *at;
    uint32_t length = (uint32_t)n;

    if (n > BATCH_MAX / 2)
        b->failed = true;
    add(b, tag, &length, sizeof(length));
    at = room(b, n);
    if (at != NULL && n > 0)
        memcpy(at, p, n);
}

static void add_text(struct batch *b, const char *text)
{
    if (text != NULL)
        add_bytes(b, TAG_TEXT, text, strlen(text));
    else
        add(b, TAG_NULL, NULL, 0);
}

/* For columns that may not be NULL. */
static void add_word(struct batch *b, const char *text)
{
    add_text(b, text != NULL ? text : "");
}

/* What is with the store thread, or came back from it, counts as well. */
static struct batch *open_batch(struct store *s)
{
    s->batch.mark = s->batch.n;
    s->batch.limit = BATCH_MAX - s->back.n;
    s->batch.failed = s->batch.n > s->batch.limit;
    return &s->batch;
}

/* t: NSEC_NEVER for what has no time of its own, or an old one. */
static struct batch *record_begin(struct store *s, enum put_kind kind, nsec t)
{
    struct batch *b = open_batch(s);
    uint8_t *at = room(b, 2);

    b->t = t;
    if (at != NULL) {
        at[0] = (uint8_t)kind;
        at[1] = 0;
    }
    return b;
}

static void record_count(struct batch *b)
{
    b->records++;
    if (b->t < b->oldest)
        b->oldest = b->t;
}

static int record_end(struct batch *b, unsigned n_values)
{
    if (b->failed) {
        b->n = b->mark;
        return E_FULL;
    }
    b->p[b->mark + 1] = (uint8_t)n_values;
    record_count(b);
    return 0;
}

/* ---- The doors ---- */

int store_event(struct store *s, const struct store_event *e)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_EVENT, e->t);
    add_int(b, (int64_t)e->seq);
    add_time(b, e->t);
    add_word(b, e->kind);
    add_text(b, e->channel);
    add_real(b, e->value);
    add_text(b, e->text);
    return record_end(b, 6);
}

int store_step_begin(struct store *s, const struct store_step *step)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_STEP, step->began);
    add_int(b, step->number);
    add_time(b, step->began);
    add_int(b, step->cycle);
    add_word(b, step->name);
    add_word(b, step->verb);
    add_text(b, step->file);
    add_int(b, step->line);
    return record_end(b, 7);
}

int store_step_end(struct store *s, const struct store_summary *sum)
{
    const double figure[] = {
        sum->charge_ah,
        sum->energy_wh,
        sum->charge_in_ah,
        sum->charge_out_ah,
        sum->energy_in_wh,
        sum->energy_out_wh,
        sum->v_first,
        sum->v_last,
        sum->v_min,
        sum->v_max,
        sum->i_min,
        sum->i_max,
        sum->temperature_min_k,
        sum->temperature_max_k,
        sum->pressure_min_pa,
        sum->pressure_max_pa,
        sum->pressure_mean_pa,
    };
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_SUMMARY, sum->ended);
    add_int(b, sum->number);
    add_int(b, sum->cycle);
    add_time(b, sum->ended);
    add_text(b, sum->cause);
    add_text(b, sum->end_name);
    for (size_t i = 0; i < ARRAY_LEN(figure); i++)
        add_real(b, figure[i]);
    return record_end(b, 5 + ARRAY_LEN(figure));
}

int store_measure(struct store *s, nsec t, uint32_t step, uint32_t cycle, const char *name,
                  double value, const char *unit)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_MEASURE, t);
    add_time(b, t);
    add_int(b, step);
    add_int(b, cycle);
    add_word(b, name);
    add_real(b, value);
    add_text(b, unit);
    return record_end(b, 6);
}

int store_note(struct store *s, nsec t, const char *level, const char *text)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_NOTE, t);
    add_time(b, t);
    add_word(b, level);
    add_word(b, text);
    return record_end(b, 3);
}

int store_register(struct store *s, nsec t, const char *name, double value, const char *unit)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_REGISTER, t);
    add_time(b, t);
    add_word(b, name);
    add_real(b, value);
    add_text(b, unit);
    return record_end(b, 4);
}

int store_frame(struct store *s, const char *bus, nsec t, char direction, const char *inst,
                const uint8_t *bytes, size_t n)
{
    const char way[2] = {direction, '\0'};
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_FRAME, NSEC_NEVER);
    add_word(b, bus);
    add_time(b, t);
    add_word(b, way);
    add_text(b, inst);
    add_bytes(b, TAG_BLOB, bytes, n);
    return record_end(b, 5);
}

int store_identity(struct store *s, unsigned table, const char *identity)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    ASSERT(table < s->tables.n);
    b = record_begin(s, PUT_IDENTITY, NSEC_NEVER);
    add_int(b, (int64_t)table + 1);
    add_text(b, identity);
    return record_end(b, 2);
}

int store_anchor(struct store *s, nsec mono, nsec wall)
{
    struct batch *b;

    if (s->db == NULL)
        return E_STATE;
    b = record_begin(s, PUT_ANCHOR, NSEC_NEVER);
    add_int(b, mono);
    add_int(b, wall);
    return record_end(b, 2);
}

/* Kind and table, then this, n values, and n quality bytes when one of them is not ok. */
struct sample_head {
    double t_s, charge_ah, energy_wh;
    uint32_t step, cycle;
    uint32_t has_quality, pad;
};

static bool all_ok(const uint8_t *quality, unsigned n)
{
    for (unsigned i = 0; quality != NULL && i < n; i++) {
        if (quality[i] != Q_OK)
            return false;
    }
    return true;
}

int store_sample(struct store *s, const struct store_row *row)
{
    struct sample_head head = {.t_s = nsec_to_s(row->t),
                               .charge_ah = row->charge_ah,
                               .energy_wh = row->energy_wh,
                               .step = row->step,
                               .cycle = row->cycle};
    struct batch *b;
    unsigned n;
    uint8_t *at;

    if (s->db == NULL)
        return E_STATE;
    ASSERT(row->table < s->tables.n);
    n = s->tables.table[row->table].n;
    head.has_quality = !all_ok(row->quality, n);
    b = open_batch(s);
    at = room(b, 2 + sizeof(head) + n * sizeof(double) + (head.has_quality ? n : 0));
    if (at == NULL)
        return E_FULL;
    at[0] = PUT_SAMPLE;
    at[1] = (uint8_t)row->table;
    memcpy(at + 2, &head, sizeof(head));
    at += 2 + sizeof(head);
    memcpy(at, row->value, n * sizeof(double));
    if (head.has_quality)
        memcpy(at + n * sizeof(double), row->quality, n);
    b->t = row->t;
    record_count(b);
    return 0;
}

/* ---- Writing ---- */

/* Parameters are bound where they lie in the batch, which outlives the step. */
static const uint8_t *bind_value(sqlite3_stmt *st, int i, const uint8_t *p)
{
    enum tag tag = (enum tag) * p++;
    int64_t whole;
    double real;
    uint32_t length;

    switch (tag) {
    case TAG_INT:
        memcpy(&whole, p, sizeof(whole));
        sqlite3_bind_int64(st, i, whole);
        return p + sizeof(whole);
    case TAG_REAL:
        memcpy(&real, p, sizeof(real));
        sqlite3_bind_double(st, i, real);
        return p + sizeof(real);
    case TAG_TEXT:
    case TAG_BLOB:
        memcpy(&length, p, sizeof(length));
        p += sizeof(length);
        if (tag == TAG_TEXT)
            sqlite3_bind_text(st, i, (const char *)p, (int)length, SQLITE_STATIC);
        else
            sqlite3_bind_blob(st, i, p, (int)length, SQLITE_STATIC);
        return p + length;
    case TAG_NULL:
    default: sqlite3_bind_null(st, i); return p;
    }
}

static const uint8_t *apply_record(struct store *s, const uint8_t *p, int *ret_rc)
{
    sqlite3_stmt *st = s->put[p[0]];
    int n = p[1];

    p += 2;
    for (int i = 1; i <= n; i++)
        p = bind_value(st, i, p);
    *ret_rc = sql_run(st);
    return p;
}

static int bind_field(sqlite3_stmt *st, int i, double v)
{
    return isnan(v) ? sqlite3_bind_null(st, i) : sqlite3_bind_double(st, i, v);
}

static const uint8_t *apply_sample(struct store *s, const uint8_t *p, int *ret_rc)
{
    const struct table_desc *t = &s->tables.table[p[1]];
    sqlite3_stmt *st = s->insert[p[1]];
    double field[DB_FIELDS_MAX];
    struct sample_head head;
    const uint8_t *quality = NULL;
    int at = 4 + (int)t->n_fields; /* parameter of the quality */

    memcpy(&head, p + 2, sizeof(head));
    memcpy(field, p + 2 + sizeof(head), t->n * sizeof(double));
    if (t->counts) {
        field[t->n] = head.charge_ah;
        field[t->n + 1] = head.energy_wh;
    }
    sqlite3_bind_double(st, 1, head.t_s);
    sqlite3_bind_int64(st, 2, head.step);
    sqlite3_bind_int64(st, 3, head.cycle);
    for (unsigned i = 0; i < t->n_fields; i++)
        bind_field(st, 4 + (int)i, field[i]);
    if (head.has_quality)
        quality = p + 2 + sizeof(head) + t->n * sizeof(double);
    if (quality != NULL)
        sqlite3_bind_blob(st, at, quality, (int)t->n, SQLITE_STATIC);
    else
        sqlite3_bind_null(st, at);
    *ret_rc = sql_run(st);
    if (*ret_rc == SQLITE_OK)
        *ret_rc = pyramid_add(&s->pyramid[p[1]], t, s->bucket, head.t_s, field);
    if (s->bulk && p[1] == 0)
        rows_hash_put(&s->hash, t, head.t_s, head.step, head.cycle, field, quality);
    return p + 2 + sizeof(head) + t->n * sizeof(double) + (head.has_quality ? t->n : 0);
}

int batch_apply(struct store *s, const struct batch *b)
{
    const uint8_t *p = b->p, *end = p;
    int rc = SQLITE_OK;

    if (p == NULL)
        return SQLITE_OK;
    end = p + b->n;
    while (p < end && rc == SQLITE_OK)
        p = p[0] == PUT_SAMPLE ? apply_sample(s, p, &rc) : apply_record(s, p, &rc);
    return rc;
}
