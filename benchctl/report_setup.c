/* benchctl/report_setup.c - what a run was made with: article, bench, instruments, channels, and
 * the hashes that tie the report to all of it. The texts come from the run file itself. */
#include "benchctl/report_priv.h"

#include "base/conf.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

enum {
    INSTRUMENTS_MAX = 16,
    FLAT_MAX = 400,
    CHANNEL_COLUMNS = 4
};

/* ---- Texts that are kept in the run ---- */

struct source_row {
    const char *kind, *name, *sha256;
    const char *text;    /* of a recording: how it was read */
    struct conf_doc doc; /* of bench, article and procedure; empty when it cannot be read */
};
struct sources {
    struct arena *arena;
    struct list rows; /* struct source_row */
    bool header;
};

static int on_source(void *ctx, unsigned n, const char *const *cells)
{
    struct sources *s = ctx;
    struct source_row row = {0};

    if (s->header || n < 5) { /* id, kind, name, sha256, text */
        s->header = false;
        return 0;
    }
    row.kind = arena_dup(s->arena, cells[1]);
    row.name = arena_dup(s->arena, cells[2]);
    row.sha256 = arena_dup(s->arena, cells[3]);
    if (strcmp(row.kind, "recording") == 0) {
        row.text = arena_dup(s->arena, cells[4]);
    } else if (conf_load_text(row.name, cells[4], strlen(cells[4]), &row.doc, NULL) < 0) {
        memset(&row.doc, 0, sizeof(row.doc)); /* the YAML of another time */
    }
    list_add(&s->rows, &row);
    return 0;
}

static int sources_read(struct sources *s, struct run_file *f, struct arena *arena,
                        struct diag *reterr)
{
    *s = (struct sources){
        .arena = arena, .rows = {.each = sizeof(struct source_row)}, .header = true};
    return run_rows(f, "source", on_source, s, reterr);
}

static struct source_row *source_at(const struct sources *s, size_t i)
{
    return (struct source_row *)(void *)s->rows.p + i;
}

static void sources_done(struct sources *s)
{
    for (size_t i = 0; i < s->rows.n; i++) {
        conf_done(&source_at(s, i)->doc);
    }
    list_done(&s->rows);
}

static const struct conf_node *root_of(const struct sources *s, const char *kind)
{
    for (size_t i = 0; i < s->rows.n; i++) {
        if (strcmp(source_at(s, i)->kind, kind) == 0) {
            return source_at(s, i)->doc.root;
        }
    }
    return NULL;
}

/* "positive NMC811, electrolyte LPSCl" */
static void flatten(const struct conf_node *n, struct text *out)
{
    if (n->kind == CONF_SCALAR) {
        text_add(out, "%s", n->text);
        return;
    }
    for (const struct conf_node *c = n->first; c && out->n < FLAT_MAX; c = c->next) {
        text_add(out, "%s", c == n->first ? "" : n->kind == CONF_MAP ? "; " : ", ");
        if (c->key) {
            for (const char *p = c->key; *p; p++) {
                text_add_n(out, *p == '_' ? " " : p, 1);
            }
            text_add_n(out, " ", 1);
        }
        flatten(c, out);
    }
}

static void key_of(struct report *r, const char *name, const struct conf_node *n)
{
    struct text flat = {0};

    flatten(n, &flat);
    report_key(r, name, "%s", flat.p ? flat.p : "");
    text_done(&flat);
}

static const char *scalar(const struct conf_node *map, const char *key)
{
    const struct conf_node *n = map ? conf_get(map, key) : NULL;

    return n && n->kind == CONF_SCALAR ? n->text : "";
}

/* ---- Article ---- */

static void put_article(struct report *r, const struct sources *sources, const struct story *s)
{
    const struct conf_node *root = root_of(sources, "article");
    char text[64];

    if (!root && !s->info.article[0] && !isfinite(s->info.capacity_c)) {
        return; /* nothing is known of it */
    }
    report_heading(r, "Article");
    if (!root || root->kind != CONF_MAP) {
        report_key(r, "article", "%s", s->info.article[0] ? s->info.article : "not named");
        if (isfinite(s->info.capacity_c)) {
            report_key(r, "capacity", "%s",
                       value_text(s->info.capacity_c, DIMS_CHARGE, false, text, sizeof(text)));
        }
        return;
    }
    for (const struct conf_node *n = root->first; n; n = n->next) {
        char name[64];

        str_copy(name, sizeof(name), n->key ? n->key : "");
        for (char *p = name; *p; p++) {
            *p = *p == '_' ? ' ' : *p;
        }
        key_of(r, name, n);
    }
}

/* ---- Instruments ---- */

struct instrument {
    char name[64], driver[64], identity[160], tables[96];
};
struct instruments {
    unsigned n;
    struct instrument one[INSTRUMENTS_MAX];
    int at[4]; /* name, instrument, driver, identity in sample_table */
    bool header;
};

static struct instrument *instrument_named(struct instruments *all, const char *name)
{
    for (unsigned i = 0; i < all->n; i++) {
        if (strcmp(all->one[i].name, name) == 0) {
            return &all->one[i];
        }
    }
    if (all->n == INSTRUMENTS_MAX) {
        return NULL;
    }
    str_copy(all->one[all->n].name, sizeof(all->one[0].name), name);
    return &all->one[all->n++];
}

static int on_table(void *ctx, unsigned n, const char *const *cells)
{
    static const char *const names[] = {"name", "instrument", "driver", "identity"};
    struct instruments *all = ctx;
    struct instrument *one;
    size_t used;

    if (all->header) {
        all->header = false;
        for (unsigned i = 0; i < n; i++) {
            for (unsigned k = 0; k < ARRAY_LEN(names); k++) {
                all->at[k] = strcmp(cells[i], names[k]) == 0 ? (int)i : all->at[k];
            }
        }
        return 0;
    }
    one = instrument_named(all, cells[all->at[1]]);
    if (one) {
        used = strlen(one->tables);
        int rc = str_fmt(one->tables + used, sizeof(one->tables) - used, "%s%s",
                         used > 0 ? ", " : "", cells[all->at[0]]);
        (void)rc;
        str_copy(one->driver, sizeof(one->driver), cells[all->at[2]]);
        str_copy(one->identity, sizeof(one->identity), cells[all->at[3]]);
    }
    return 0;
}

static int put_instruments(struct report *r, struct run_file *f, const struct sources *sources,
                           struct diag *reterr)
{
    static const char *const headers[] = {"name", "driver", "identity as it answered",
                                          "calibration", "measures"};
    const struct conf_node *bench = root_of(sources, "bench");
    const struct conf_node *list = bench ? conf_get(bench, "instruments") : NULL;
    struct instruments all = {.header = true};
    int rc = run_rows(f, "sample_table", on_table, &all, reterr);

    /* those that measure nothing (contacts, relays) stand in the bench file alone */
    for (const struct conf_node *n = list ? list->first : NULL; n; n = n->next) {
        struct instrument *one = instrument_named(&all, n->key);

        if (one && !one->driver[0]) {
            str_copy(one->driver, sizeof(one->driver), scalar(n, "driver"));
        }
    }
    if (rc < 0 || all.n == 0) {
        return rc;
    }
    report_table(r, "Instruments", ARRAY_LEN(headers), 0, headers);
    for (unsigned i = 0; i < all.n; i++) {
        const struct conf_node *own = list ? conf_get(list, all.one[i].name) : NULL;
        const char *calibration = scalar(own, "calibration");

        report_cell(r, "%s", all.one[i].name);
        report_cell(r, "%s", all.one[i].driver);
        report_cell(r, "%s", all.one[i].identity[0] ? all.one[i].identity : "-");
        report_cell(r, "%s", calibration[0] ? calibration : "not stated");
        report_cell(r, "%s", all.one[i].tables[0] ? all.one[i].tables : "-");
    }
    return 0;
}

/* ---- Channels ---- */

struct channels {
    struct report *r;
    const char *const *headers; /* of the table, until it has begun */
    int at[6];
    bool header;
};

static double number_or_nan(const char *text)
{
    double v;

    return text[0] && str_to_double(text, strlen(text), &v) == 0 ? v : (double)NAN;
}

/* "0.015 % + 1 mV" */
static void accuracy_text(double reading, double offset, struct dims d, char *buf, size_t size)
{
    char percent[40], rest[48];
    int rc;

    if (isnan(reading) && isnan(offset)) {
        str_copy(buf, size, "not stated");
        return;
    }
    str_fixed(100.0 * reading, reading < 1e-3 ? 3 : 2, 0, false, false, percent, sizeof(percent));
    value_text(offset, d, false, rest, sizeof(rest));
    rc = str_fmt(buf, size, "%s%s%s%s", reading > 0.0 ? percent : "", reading > 0.0 ? " %" : "",
                 reading > 0.0 && offset > 0.0 ? " + " : "", offset > 0.0 ? rest : "");
    (void)rc;
}

static int on_channel(void *ctx, unsigned n, const char *const *cells)
{
    static const char *const names[] = {
        "name", "table_name", "unit", "accuracy_reading", "accuracy_offset", "resolution"};
    struct channels *c = ctx;
    double scale, offset;
    struct dims d = DIMS_NONE;
    char text[96];

    if (c->header) {
        c->header = false;
        for (unsigned i = 0; i < n; i++) {
            for (unsigned k = 0; k < ARRAY_LEN(names); k++) {
                c->at[k] = strcmp(cells[i], names[k]) == 0 ? (int)i : c->at[k];
            }
        }
        return 0;
    }
    if (unit_parse(cells[c->at[2]], strlen(cells[c->at[2]]), &scale, &offset, &d) < 0 ||
        isnan(number_or_nan(cells[c->at[3]]))) {
        return 0; /* counted, not measured */
    }
    if (c->headers) {
        report_table(c->r, "Channels, with the accuracy of the range that served this article",
                     CHANNEL_COLUMNS, 0, c->headers);
        c->headers = NULL;
    }
    report_cell(c->r, "%s", cells[c->at[0]]);
    report_cell(c->r, "%s", cells[c->at[1]]);
    accuracy_text(number_or_nan(cells[c->at[3]]), number_or_nan(cells[c->at[4]]), d, text,
                  sizeof(text));
    report_cell(c->r, "%s", text);
    report_cell(c->r, "%s",
                value_text(number_or_nan(cells[c->at[5]]), d, false, text, sizeof(text)));
    return 0;
}

static int put_channels(struct report *r, struct run_file *f, struct diag *reterr)
{
    static const char *const headers[CHANNEL_COLUMNS] = {"channel", "table", "accuracy (+-)",
                                                         "resolution"};
    struct channels c = {.r = r, .header = true};

    c.headers = headers;
    return run_rows(f, "channel", on_channel, &c, reterr);
}

static void put_bench(struct report *r, const struct sources *sources, const struct story *s)
{
    const struct conf_node *procedure = root_of(sources, "procedure");
    const struct run_info *info = &s->info;

    report_key(r, "procedure", "%s %s", info->procedure, info->version);
    if (procedure && scalar(procedure, "about")[0]) {
        report_key(r, "about", "%s", scalar(procedure, "about"));
    }
    if (info->bench[0]) {
        report_key(r, "bench", "%s%s%s%s", info->bench, info->station[0] ? ", station " : "",
                   info->station,
                   info->is_virtual ? " (virtual: simulated instruments and cell)" : "");
    }
    if (info->is_virtual) {
        report_key(r, "seed", "%llu", (unsigned long long)info->seed);
    }
}

/* The lines of the description that begin with a word: "evidence: decimal sign `.`". */
static void each_line(const char *text, const char *word,
                      void (*put)(void *ctx, const char *line, size_t n), void *ctx)
{
    size_t skip = strlen(word);

    while (*text) {
        size_t n = strcspn(text, "\n");

        if (n > skip && strncmp(text, word, skip) == 0) {
            put(ctx, text + skip, n - skip);
        }
        text += n + (text[n] != '\0');
    }
}

static void add_line(void *ctx, const char *line, size_t n)
{
    struct text *to = ctx;

    text_add(to, "%s%.*s", to->n > 0 ? "; " : "", (int)n, line);
}

static void key_of_lines(struct report *r, const char *name, const char *text, const char *word)
{
    struct text line = {0};

    each_line(text, word, add_line, &line);
    if (line.n > 0) {
        report_key(r, name, "%s", line.p);
    }
    text_done(&line);
}

/* "Total Time [s] as t_s" -> Total Time [s], t_s */
static void put_column(void *ctx, const char *line, size_t n)
{
    struct report *r = ctx;
    size_t name = n;

    while (name > 4 && strncmp(line + name - 4, " as ", 4) != 0) {
        name--;
    }
    if (name <= 4) {
        return;
    }
    report_cell(r, "%.*s", (int)(n - name), line + name);
    name -= 4;
    if (name > 3 && strncmp(line + name - 3, " []", 3) == 0) {
        name -= 3; /* it states no unit */
    }
    report_cell(r, "%.*s", (int)name, line);
}

static void put_reading(struct report *r, const char *text)
{
    static const char *const headers[] = {"quantity", "column of the file"};

    key_of_lines(r, "header", text, "header: ");
    key_of_lines(r, "how it was told", text, "evidence: ");
    report_table(r, "Columns, as they were read", ARRAY_LEN(headers), 0, headers);
    each_line(text, "column: ", put_column, r);
}

/* An import has no bench: what it was read from, and how. */
static int put_file(struct report *r, struct run_file *f, const struct sources *sources,
                    const struct story *s, struct diag *reterr)
{
    struct instruments all = {.header = true};
    int rc = run_rows(f, "sample_table", on_table, &all, reterr);

    report_key(r, "file", "%s", s->info.title);
    if (rc == 0 && all.n > 0) {
        report_key(r, "format", "%s", all.one[0].name);
    }
    for (size_t i = 0; i < sources->rows.n; i++) {
        if (strcmp(source_at(sources, i)->kind, "recording") == 0) {
            put_reading(r, source_at(sources, i)->text);
        }
    }
    return rc;
}

int report_setup(struct report *r, struct run_file *f, const struct story *s, struct diag *reterr)
{
    struct sources sources;
    int rc = sources_read(&sources, f, &r->arena, reterr);

    if (rc == 0) {
        put_article(r, &sources, s);
        if (run_is_import(&s->info)) {
            report_heading(r, "Recording");
            rc = put_file(r, f, &sources, s, reterr);
        } else {
            report_heading(r, "Set-up");
            put_bench(r, &sources, s);
            rc = put_instruments(r, f, &sources, reterr);
        }
    }
    rc = rc < 0 ? rc : put_channels(r, f, reterr);
    sources_done(&sources);
    return rc;
}

/* ---- Provenance ---- */

int report_provenance(struct report *r, struct run_file *f, const struct story *s,
                      struct diag *reterr)
{
    static const char *const headers[] = {"what", "name", "SHA-256"};
    const struct run_info *info = &s->info;
    bool import = run_is_import(info);
    struct sources sources;
    int rc = sources_read(&sources, f, &r->arena, reterr);

    if (rc == 0) {
        report_heading(r, "Provenance");
        report_table(r, NULL, ARRAY_LEN(headers), 0, headers);
        report_cell(r, import ? "imported file" : "compiled program");
        report_cell(r, "%s%s%s", import ? info->title : info->procedure, import ? "" : " ",
                    info->version);
        report_cell(r, "%s", info->hash[0] ? info->hash : "-");
        for (size_t i = 0; i < sources.rows.n; i++) {
            report_cell(r, "%s", import ? "how it was read" : source_at(&sources, i)->kind);
            report_cell(r, "%s", import ? "as above" : source_at(&sources, i)->name);
            report_cell(r, "%s", source_at(&sources, i)->sha256);
        }
        report_cell(r, "sample rows");
        report_cell(r, "run %lld", (long long)info->number);
        report_cell(r, "%s", info->rows_sha256[0] ? info->rows_sha256 : "the run has not ended");
        report_key(r, import ? "imported by" : "recorded by", "benchctl %s", info->build);
        if (!import) {
            report_key(r, "watched", "%llu events, guards evaluated %llu times",
                       (unsigned long long)info->events,
                       (unsigned long long)info->guard_evaluations);
        }
    }
    sources_done(&sources);
    return rc;
}
