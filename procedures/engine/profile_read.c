/* procedures/engine/profile_read.c - a profile out of its CSV file: a header with names and units,
 * then a row an instant.
 *
 * Only what can be taken at its word is taken: each column that counts has a unit in the header,
 * the sign is said by the header or by the procedure, times rise from 0. A mistake has the file,
 * the line and the column of the CSV. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

enum {
    COLUMNS_MAX = 64
};

struct part {
    const char *p;
    size_t n;
};
struct column {
    struct part name, unit;
    size_t at; /* in the line */
    struct dims dims;
    double scale;
    bool known; /* has a unit that we know */
};
struct reader {
    struct comp *c;
    const struct profile_keys *k;
    struct drive *d;
    const char *next, *line;
    size_t n; /* of the line */
    int line_no;
    struct column col[COLUMNS_MAX];
    unsigned n_col, time_col, value_col; /* time_col n_col: none */
    int sign;
};

/* ---- Places ---- */

/* Characters, not bytes. */
static int characters(const char *p, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xC0u) != 0x80u;
    return count;
}

static const struct diag_pos *place(const struct reader *r, const struct part *what,
                                    struct diag_pos *buf)
{
    *buf = (struct diag_pos){.file = r->d->file, .line = r->line_no, .column = 1, .text = r->line};
    if (what) {
        buf->column = 1 + characters(r->line, (size_t)(what->p - r->line));
        buf->length = characters(what->p, what->n);
    }
    return buf;
}

/* ---- Lines and fields ---- */

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r';
}

static struct part trimmed(struct part f)
{
    while (f.n > 0 && is_blank(f.p[0])) {
        f.p++;
        f.n--;
    }
    while (f.n > 0 && is_blank(f.p[f.n - 1]))
        f.n--;
    if (f.n >= 2 && f.p[0] == '"' && f.p[f.n - 1] == '"') {
        f.p++;
        f.n -= 2;
    }
    return f;
}

/* The next line with something in it that is no comment. */
static bool line_next(struct reader *r)
{
    while (*r->next != '\0') {
        struct part f;

        r->line = r->next;
        r->n = strcspn(r->line, "\n");
        r->next = r->line + r->n + (r->line[r->n] == '\n');
        r->line_no++;
        f = trimmed((struct part){r->line, r->n});
        if (f.n > 0 && f.p[0] != '#')
            return true;
    }
    return false;
}

/* The k-th field of the line; false: it has not so many. */
static bool field_at(const struct reader *r, unsigned k, struct part *ret)
{
    const char *p = r->line, *end = r->line + r->n;

    for (unsigned i = 0;; i++) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;

        if (i == k) {
            *ret = trimmed((struct part){p, (size_t)(stop - p)});
            return true;
        }
        if (!comma)
            return false;
        p = comma + 1;
    }
}

/* ---- Header ---- */

static bool ends_with(const struct part *f, const char *tail)
{
    size_t n = strlen(tail);

    return f->n > n && memcmp(f->p + f->n - n, tail, n) == 0;
}

/* "current A", "current (A)", "current [A]", "current / A"; "current_a" as our own tables have it.
 */
static void split_unit(struct column *col, struct part f)
{
    static const struct {
        const char *tail, *unit;
    } tails[] = {
        {"_s",   "s"  },
        {"_min", "min"},
        {"_h",   "h"  },
        {"_a",   "A"  },
        {"_ma",  "mA" },
        {"_w",   "W"  },
        {"_kw",  "kW" }
    };
    size_t at = f.n;

    while (at > 0 && !is_blank(f.p[at - 1]))
        at--;
    if (at > 0) {
        struct part u = {f.p + at, f.n - at};

        if (u.n > 2 &&
            ((u.p[0] == '(' && u.p[u.n - 1] == ')') || (u.p[0] == '[' && u.p[u.n - 1] == ']')))
            u = (struct part){u.p + 1, u.n - 2};
        col->unit = u;
        col->name = trimmed((struct part){f.p, at});
        if (ends_with(&col->name, " /"))
            col->name = trimmed((struct part){f.p, col->name.n - 1});
        return;
    }
    col->name = f;
    for (size_t i = 0; i < ARRAY_LEN(tails); i++)
        if (ends_with(&f, tails[i].tail))
            col->unit = (struct part){tails[i].unit, strlen(tails[i].unit)};
}

static bool is_value(const struct column *col)
{
    return col->known &&
           (dims_equal(col->dims, DIMS_CURRENT) || dims_equal(col->dims, DIMS_POWER) ||
            dims_equal(col->dims, DIMS_CRATE) || dims_equal(col->dims, DIMS_CURRENT_DENSITY));
}

static bool is_time(const struct column *col)
{
    return col->known && dims_equal(col->dims, DIMS_TIME);
}

static bool read_header(struct reader *r)
{
    struct part f;
    double offset;

    for (r->n_col = 0; field_at(r, r->n_col, &f); r->n_col++) {
        struct column *col = &r->col[r->n_col];

        if (r->n_col == COLUMNS_MAX - 1) {
            FAIL(r->c, E_FULL, &r->k->profile->pos, "a profile has at most %d columns",
                 COLUMNS_MAX - 1);
            return false;
        }
        *col = (struct column){.at = (size_t)(f.p - r->line)};
        split_unit(col, f);
        col->known = col->unit.n > 0 &&
                     unit_parse(col->unit.p, col->unit.n, &col->scale, &offset, &col->dims) == 0;
    }
    return true;
}

/* A name as the header has it, with or without its unit. */
static bool has_name(const struct reader *r, unsigned k, const char *name)
{
    const struct column *col = &r->col[k];
    struct part whole;

    return (strlen(name) == col->name.n && memcmp(col->name.p, name, col->name.n) == 0) ||
           (field_at(r, k, &whole) && strlen(name) == whole.n &&
            memcmp(whole.p, name, whole.n) == 0);
}

/* The column that is named, or the only one that is such. n_col after a finding, or when there is
 * none and none is named. */
static unsigned choose(struct reader *r, const struct conf_node *named,
                       bool (*is)(const struct column *), const char *key, const char *what)
{
    unsigned found = r->n_col;
    struct diag_pos pos;

    for (unsigned i = 0; i < r->n_col; i++) {
        struct part f = {r->col[i].name.p, r->col[i].name.n};

        if (named ? !has_name(r, i, named->text) : !is(&r->col[i]))
            continue;
        if (named && !is(&r->col[i])) {
            FAIL(r->c, E_UNIT, place(r, &f, &pos), "`%s` is no column of %s with its unit",
                 named->text, what);
            HINT(r->c, "the unit stands behind the name: time s, current A, power W, current C");
            return r->n_col;
        }
        if (found < r->n_col) {
            FAIL(r->c, E_INVALID, place(r, &f, &pos), "there are several columns of %s", what);
            HINT(r->c, "say which: %s: NAME", key);
            return r->n_col;
        }
        found = i;
    }
    if (found == r->n_col && named)
        FAIL(r->c, E_NOENT, &named->pos, "the profile has no column `%s`", named->text);
    return found;
}

static bool has_word(const struct part *name, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= name->n; i++)
        if (memcmp(name->p + i, word, n) == 0 && (i == 0 || name->p[i - 1] < 'a'))
            return true;
    return false;
}

/* What the header says of the sign: "discharge current A". 0: nothing. */
static int header_sign(const struct column *col)
{
    return has_word(&col->name, "discharge") ? -1 : has_word(&col->name, "charge") ? 1 : 0;
}

static bool choose_sign(struct reader *r)
{
    const struct conf_node *sign = r->k->sign;
    int said = header_sign(&r->col[r->value_col]);

    if (!sign && !said) {
        FAIL(r->c, E_INVALID, &r->k->profile->pos,
             "neither the profile nor the step says which sign charges");
        HINT(r->c, "sign: charge positive, or sign: discharge positive");
        return false;
    }
    if (sign && said && said != r->k->sign_said) {
        FAIL(r->c, E_INVALID, &sign->pos, "the header of the profile says the other sign");
        return false;
    }
    r->sign = sign ? r->k->sign_said : said;
    return true;
}

static void hint_header(const struct reader *r, const char *hint)
{
    if (memchr(r->line, ';', r->n))
        HINT(r->c, "columns are parted by commas");
    else
        HINT(r->c, "%s", hint);
}

static bool choose_time(struct reader *r)
{
    struct diag_pos pos;
    unsigned before = r->c->errors;

    r->time_col = choose(r, r->k->time, is_time, "time", "times");
    if (r->c->errors != before)
        return false;
    if (r->k->every && r->time_col < r->n_col) {
        FAIL(r->c, E_INVALID, &r->k->every->key_pos, "the profile has a column of times: `%.*s`",
             (int)r->col[r->time_col].name.n, r->col[r->time_col].name.p);
        return false;
    }
    if (!r->k->every && r->time_col == r->n_col) {
        FAIL(r->c, E_INVALID, place(r, NULL, &pos), "no column is a time with its unit");
        hint_header(r,
                    "time s in the header; or every: 1 s in the step, when each row lasts as long");
        return false;
    }
    return true;
}

static bool choose_value(struct reader *r)
{
    struct diag_pos pos;
    unsigned before = r->c->errors;

    r->value_col = choose(r, r->k->column, is_value, "column", "current or power");
    if (r->c->errors != before)
        return false;
    if (r->value_col < r->n_col)
        return true;
    FAIL(r->c, E_UNIT, place(r, NULL, &pos), "no column is a current or a power with its unit");
    hint_header(r, "current A, current C, current mA/cm^2 or power W in the header");
    return false;
}

/* ---- Rows ---- */

static bool number_at(struct reader *r, unsigned k, double *ret)
{
    struct diag_pos pos;
    struct part f;

    if (!field_at(r, k, &f)) {
        FAIL(r->c, E_SYNTAX, place(r, NULL, &pos), "the row ends before its column `%.*s`",
             (int)r->col[k].name.n, r->col[k].name.p);
        return false;
    }
    if (str_to_double(f.p, f.n, ret) == 0)
        return true;
    FAIL(r->c, E_SYNTAX, place(r, &f, &pos), f.n > 0 ? "not a number" : "a value is missing");
    return false;
}

/* When the row begins. */
static bool time_of(struct reader *r, uint32_t k, const double *at_s, double *ret)
{
    struct diag_pos pos;
    struct part f;
    double t;

    if (r->time_col == r->n_col) {
        *ret = (double)k * r->k->every_s;
        return true;
    }
    if (!number_at(r, r->time_col, &t))
        return false;
    t *= r->col[r->time_col].scale;
    (void)field_at(r, r->time_col, &f);
    if (k == 0 && fabs(t) > 1e-9) {
        FAIL(r->c, E_RANGE, place(r, &f, &pos), "the first row is at another time than 0");
        return false;
    }
    if (k > 0 && !(t > at_s[k - 1])) {
        FAIL(r->c, E_RANGE, place(r, &f, &pos), "the time does not rise");
        return false;
    }
    *ret = k == 0 ? 0.0 : t;
    return true;
}

static uint32_t lines_left(const struct reader *r)
{
    uint32_t n = 1;

    for (const char *p = r->next; *p != '\0'; p++)
        n += *p == '\n';
    return n;
}

/* A row holds until the next one begins. With times the last row only says when the profile ends;
 * without, it lasts as long as the others. */
static bool finish(struct reader *r, double *at_s, uint32_t n)
{
    struct drive *d = r->d;
    uint32_t least = r->time_col < r->n_col ? 2 : 1;

    if (n < least) {
        FAIL(r->c, E_INVALID, &r->k->profile->pos, "the profile has %s",
             n == 0 ? "no rows" : "one row, which says when it ends but not how it begins");
        return false;
    }
    if (r->time_col == r->n_col)
        at_s[n] = (double)n * r->k->every_s;
    d->n = r->time_col < r->n_col ? n - 1 : n;
    d->shortest_s = INFINITY;
    for (uint32_t k = 0; k < d->n; k++)
        d->shortest_s = fmin(d->shortest_s, at_s[k + 1] - at_s[k]);
    return true;
}

static bool read_rows(struct reader *r)
{
    uint32_t most = lines_left(r), n = 0;
    double *at_s, *value, v, scale = r->sign * r->col[r->value_col].scale;
    int *line;
    struct arena *arena = &r->c->p->arena;

    if (dims_equal(r->col[r->value_col].dims, DIMS_CURRENT_DENSITY))
        scale *= r->c->p->area_m2;
    if (most > PROG_DRIVE_ROWS_MAX) {
        FAIL(r->c, E_FULL, &r->k->profile->pos, "a profile has at most %d rows",
             PROG_DRIVE_ROWS_MAX);
        return false;
    }
    at_s = arena_alloc(arena, (most + 1) * sizeof(*at_s));
    value = arena_alloc(arena, (most + 1) * sizeof(*value));
    line = arena_alloc(arena, (most + 1) * sizeof(*line));
    for (; line_next(r); n++) {
        if (!time_of(r, n, at_s, &at_s[n]) || !number_at(r, r->value_col, &v))
            return false;
        value[n] = v * scale + 0.0; /* one zero */
        line[n] = r->line_no;
    }
    r->d->at_s = at_s;
    r->d->value = value;
    r->d->line = line;
    return finish(r, at_s, n);
}

static bool base_of_density(struct reader *r)
{
    const struct column *col = &r->col[r->value_col];
    struct diag_pos pos;

    if (!dims_equal(col->dims, DIMS_CURRENT_DENSITY) || !isnan(r->c->p->area_m2))
        return true;
    if (r->c->open_article) {
        comp_open(r->c, "article.area");
        return true;
    }
    FAIL(r->c, E_INVALID, place(r, &col->name, &pos),
         "a current density needs the area of the article, and %s does not say it",
         r->c->in->article->name);
    HINT(r->c, "add area: 2 cm^2 to the article, or write a current");
    return false;
}

bool profile_read(struct comp *c, const struct profile_keys *k, const char *text, struct drive *d)
{
    struct reader *r = arena_alloc(&c->scratch, sizeof(*r));
    struct dims dims;

    *r = (struct reader){.c = c, .k = k, .d = d, .next = text};
    if (str_starts(text, "\xef\xbb\xbf"))
        r->next += 3;
    if (!line_next(r)) {
        FAIL(c, E_INVALID, &k->profile->pos, "the profile is empty");
        return false;
    }
    if (!read_header(r) || !choose_value(r) || !choose_time(r) || !choose_sign(r) ||
        !base_of_density(r) || !read_rows(r))
        return false;
    dims = r->col[r->value_col].dims;
    d->kind = dims_equal(dims, DIMS_POWER)   ? DRIVE_POWER
              : dims_equal(dims, DIMS_CRATE) ? DRIVE_CRATE
                                             : DRIVE_CURRENT;
    return true;
}
