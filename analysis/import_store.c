/* analysis/import_store.c - a recording becomes a run file like one of ours. */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"
#include "db/store.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COMMIT_ROWS = 20000,
    COLUMNS_MAX = 2 + RECORDING_EXTRA_MAX
};

_Static_assert((int)COLUMNS_MAX <= (int)STORE_COLUMNS_MAX, "a row must fit into a sample table");

struct keeper {
    struct store *s;
    const struct import_run *about;
    const char *path, *file; /* file: without its folders */
    char sha256[65];         /* of the file, before it was read */
    int64_t number;
    bool begun;
    unsigned n;
    double value[COLUMNS_MAX];
    uint8_t quality[COLUMNS_MAX];
    unsigned waiting; /* rows since the last commit */
    nsec t;
    uint64_t n_steps;
    enum recording_mode mode; /* the step under way was begun as this */
};

/* ---- Its description ---- */

static void describe(const struct keeper *k, const struct import_report *r, struct text *t)
{
    text_add(t, "file: %s\nsha256: %s\ndialect: %s\nheader: line %d\n", k->file, k->sha256,
             r->dialect, r->header_line);
    for (unsigned i = 0; i < r->n_why; i++)
        text_add(t, "evidence: %s\n", r->why[i]);
    for (unsigned i = 0; i < r->n_columns; i++) {
        const struct import_column *c = &r->column[i];

        if (c->name[0] != '\0')
            text_add(t, "column: %s [%s] as %s\n", c->header, c->unit, c->name);
    }
}

/* "voltage_1_v" is channel cell.voltage_1, "counter_in_ah" cycler.counter_in_ah. */
static void channel_name(const char *column, char *buf, size_t size)
{
    static const char *const rows[][2] = {
        {"temperature_ambient_k", "chamber.temperature"},
        {"pressure_pa",           "press.pressure"     },
    };
    const char *tail = strrchr(column, '_');
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(column, rows[i][0]) == 0) {
            (void)str_copy(buf, size, rows[i][1]);
            return;
        }
    }
    if (str_starts(column, "counter_") || !tail)
        rc = str_fmt(buf, size, "cycler.%s", column);
    else
        rc = str_fmt(buf, size, "cell.%.*s", (int)(tail - column), column);
    (void)rc;
}

static void fill_table(const struct import_shape *shape, struct store_table *t,
                       char channel[COLUMNS_MAX][2 * RECORDING_NAME_MAX])
{
    double nan = (double)NAN;

    t->n = 2 + shape->n_extra;
    t->column[0] =
        (struct store_column){"voltage_v", "cell.voltage", KIND_VOLTAGE_V, nan, nan, nan};
    t->column[1] =
        (struct store_column){"current_a", "cell.current", KIND_CURRENT_A, nan, nan, nan};
    for (unsigned i = 0; i < shape->n_extra; i++) {
        const struct import_extra *e = &shape->extra[i];

        channel_name(e->name, channel[i], sizeof(channel[i]));
        t->column[2 + i] = (struct store_column){e->name, channel[i], e->kind, nan, nan, nan};
        if (e->kind == KIND_COUNT)
            t->unit[2 + i] = strstr(e->name, "_wh") ? "Wh" : "Ah";
    }
}

/* ---- The sink ---- */

static int on_begin(void *ctx, const struct import_shape *shape, struct diag *reterr)
{
    struct keeper *k = ctx;
    char channel[COLUMNS_MAX][2 * RECORDING_NAME_MAX];
    struct store_table table = {.name = "cycler",
                                .instrument = shape->report->title,
                                .driver = "import",
                                .identity = k->file,
                                .counts = true};
    double capacity_ah = k->about->capacity_ah;
    struct store_run run = {.procedure = "import",
                            .version = "",
                            .title = k->file,
                            .article = k->about->article ? k->about->article : "",
                            .bench = "",
                            .station = "",
                            .program_hash = k->sha256,
                            .build = k->about->build,
                            .bulk = true,
                            .wall_start = shape->wall_start != NSEC_NEVER ? shape->wall_start
                                                                          : k->about->wall,
                            .capacity_c = capacity_ah > 0 ? capacity_ah * 3600 : (double)NAN,
                            .area_m2 = (double)NAN};
    struct store_source source = {.kind = "recording", .name = k->file};
    struct text text = {0};
    int rc;

    fill_table(shape, &table, channel);
    describe(k, shape->report, &text);
    source.text = text.p;
    source.n = text.n;
    rc = store_begin(k->s, &run, &table, 1, &source, 1, &k->number, reterr);
    text_done(&text);
    if (rc < 0)
        return rc;
    k->begun = true;
    k->n = table.n;
    if (shape->wall_start == NSEC_NEVER)
        rc = store_note(k->s, 0, "note",
                        "the file does not say when it was recorded: the start is"
                        " the time of the import");
    return rc;
}

static const char *verb(enum recording_mode mode)
{
    return mode == RECORDING_CHARGE      ? "charge"
           : mode == RECORDING_DISCHARGE ? "discharge"
           : mode == RECORDING_REST      ? "rest"
                                         : "current";
}

static int put_step(struct keeper *k, const struct import_step *s)
{
    struct store_step row = {.number = s->execution,
                             .began = nsec_from_s(s->began_s),
                             .cycle = s->cycle,
                             .name = s->name,
                             .verb = verb(s->mode),
                             .file = k->file,
                             .line = s->line};

    k->mode = s->mode;
    return store_step_begin(k->s, &row);
}

static int on_step_begin(void *ctx, const struct import_step *s, struct diag *reterr)
{
    struct keeper *k = ctx;

    (void)reterr;
    return put_step(k, s);
}

static int commit(struct keeper *k, struct diag *reterr)
{
    k->waiting = 0;
    return store_commit(k->s, NULL, 0, NULL, 0, reterr);
}

static int on_row(void *ctx, const struct import_row *r, struct diag *reterr)
{
    struct keeper *k = ctx;
    struct store_row row = {.t = nsec_from_s(r->t_s),
                            .step = r->execution,
                            .cycle = r->cycle,
                            .value = k->value,
                            .quality = k->quality,
                            .charge_ah = r->charge_ah,
                            .energy_wh = r->energy_wh};
    int rc;

    k->value[0] = r->voltage_v;
    k->value[1] = r->current_a;
    memcpy(k->value + 2, r->extra, (k->n - 2) * sizeof(double));
    for (unsigned i = 0; i < k->n; i++)
        k->quality[i] = isnan(k->value[i]) ? Q_INVALID : Q_OK;
    k->t = row.t;
    rc = store_sample(k->s, &row);
    if (rc == 0 && ++k->waiting == COMMIT_ROWS)
        rc = commit(k, reterr);
    return rc;
}

static int on_step_end(void *ctx, const struct import_step *s, struct diag *reterr)
{
    struct keeper *k = ctx;
    struct store_summary sum = {.number = s->execution,
                                .cycle = s->cycle,
                                .ended = nsec_from_s(s->ended_s),
                                .cause = "recorded",
                                .charge_ah = s->in_ah - s->out_ah,
                                .energy_wh = s->in_wh - s->out_wh,
                                .charge_in_ah = s->in_ah,
                                .charge_out_ah = s->out_ah,
                                .energy_in_wh = s->in_wh,
                                .energy_out_wh = s->out_wh,
                                .v_first = s->v_first,
                                .v_last = s->v_last,
                                .v_min = s->v_min,
                                .v_max = s->v_max,
                                .i_min = s->i_min,
                                .i_max = s->i_max,
                                .temperature_min_k = s->temperature_min_k,
                                .temperature_max_k = s->temperature_max_k,
                                .pressure_min_pa = s->pressure_min_pa,
                                .pressure_max_pa = s->pressure_max_pa,
                                .pressure_mean_pa = s->pressure_mean_pa};
    int rc = 0;

    (void)reterr;
    k->n_steps++;
    if (s->mode != k->mode) /* its rows told another */
        rc = put_step(k, s);
    return rc < 0 ? rc : store_step_end(k->s, &sum);
}

/* What is odd about the file stays with its rows. */
static int put_warnings(struct keeper *k, const struct diag *d)
{
    int rc = 0;

    for (size_t i = 0; d && i < d->n && rc == 0; i++) {
        if (d->finding[i].level == DIAG_WARN)
            rc = store_note(k->s, k->t, "warn", d->finding[i].text);
    }
    return rc;
}

static int on_end(void *ctx, const struct import_report *r, struct diag *reterr)
{
    static const char *const resets[] = {"the instrument's counters are never set back",
                                         "the instrument's counters are set back with each step",
                                         "the instrument's counters are set back with each cycle"};
    struct keeper *k = ctx;
    int rc = put_warnings(k, reterr);

    if (strcmp(r->sha256, k->sha256) != 0)
        return diag_add(reterr, E_MISMATCH, "%s was changed while it was read", k->path);
    if (rc < 0 || isnan(r->their_in_ah))
        return rc;
    /* for the analysis: how the counters beside ours are to be read */
    rc = store_register(k->s, k->t, "counter_resets", (double)r->resets, "");
    return rc < 0 ? rc : store_note(k->s, k->t, "info", resets[r->resets]);
}

/* ---- The run ---- */

static int finish(struct keeper *k, int code, struct diag *reterr)
{
    struct store_end end = {.t = k->t,
                            .verdict = code == 0 ? "done" : "failed",
                            .cause = code == 0 ? "imported" : "file",
                            .text = code == 0 ? NULL : "the file could not be read to its end",
                            .exit_code = code == 0 ? 0 : 3,
                            .events = k->n_steps,
                            .virtual_speed = (double)NAN};
    char rows[65];

    return store_end(k->s, &end, rows, reterr);
}

static int hash_file(const char *path, char hex[65], struct diag *reterr)
{
    char *buf = malloc(IMPORT_BUFFER);
    int fd = buf ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    uint8_t digest[32];
    struct sha256 h;
    ssize_t got = 1;

    sha256_init(&h);
    while (fd >= 0 && got > 0) {
        got = read(fd, buf, IMPORT_BUFFER);
        if (got > 0)
            sha256_add(&h, buf, (size_t)got);
    }
    if (fd >= 0)
        close(fd);
    free(buf);
    if (fd < 0)
        return diag_add(reterr, E_IO, "cannot read %s", path);
    if (got < 0)
        return diag_add(reterr, E_IO, "%s: the system cannot read it", path);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    return 0;
}

int import_run(struct store *s, const char *path, const struct import_options *opt,
               const struct import_run *about, struct import_report *ret, int64_t *ret_number,
               struct diag *reterr)
{
    const char *slash = strrchr(path, '/');
    struct keeper k = {.s = s, .about = about, .path = path, .file = slash ? slash + 1 : path};
    struct import_sink sink = {.ctx = &k,
                               .hash = true,
                               .begin = on_begin,
                               .step_begin = on_step_begin,
                               .row = on_row,
                               .step_end = on_step_end,
                               .end = on_end};
    struct import_report *probe = malloc(sizeof(*probe));
    int rc = probe ? import_explain(path, opt, probe, reterr)
                   : diag_add(reterr, E_NOMEM, "out of memory");

    /* what is no recording is told before the whole of it is hashed */
    free(probe);
    if (rc == 0)
        rc = hash_file(path, k.sha256, reterr);
    if (rc == 0)
        rc = import_file(path, opt, &sink, ret, reterr);
    if (k.begun) {
        int ended = finish(&k, rc, reterr);

        if (rc == 0)
            rc = ended;
        else
            diag_wrap(reterr, "run %lld ends where it broke off", (long long)k.number);
    }
    if (rc == 0)
        *ret_number = k.number;
    return rc;
}
