/* base/schema.c - checking a tree against a table of keys, and the scalars such tables are made of.
 */
#include "base/conf.h"

#include "base/err.h"
#include "base/qty_priv.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    KEYS_MAX = 96,
    NAME_SIZE = 64
};

static const char *kind_text(enum conf_kind kind)
{
    return kind == CONF_SCALAR ? "a text" : kind == CONF_SEQ ? "a list" : "a table";
}

/* "the key 'x'" or what it is when it has none. */
static const char *label(const struct conf_node *node, char *buf, size_t size)
{
    int rc = node->key ? str_fmt(buf, size, "'%.40s'", node->key) : str_fmt(buf, size, "an entry");

    return rc < 0 ? "it" : buf;
}

static int need_scalar(const struct conf_node *node, const char *what, struct diag *reterr)
{
    char name[NAME_SIZE];

    if (node->kind == CONF_SCALAR)
        return 0;
    return diag_at(reterr, E_INVALID, &node->pos, "%s is %s where %s is expected",
                   label(node, name, sizeof(name)), kind_text(node->kind), what);
}

/* Place of the text inside the quotes. */
static struct diag_pos inner_pos(const struct conf_node *node)
{
    struct diag_pos pos = node->pos;

    if (node->quoted) {
        pos.column++;
        pos.length -= pos.length > 2 ? 2 : 0;
    }
    return pos;
}

static struct diag_pos part_pos(struct diag_pos pos, const char *text, const char *from,
                                const char *to)
{
    pos.length = 0;
    for (const char *p = text; p < to; p++) {
        int one = ((unsigned char)*p & 0xC0u) != 0x80u;

        pos.column += p < from ? one : 0;
        pos.length += p < from ? 0 : one;
    }
    return pos;
}

/* ---- Quantities ---- */

/* The prefix of the unit that was written, when the unit that was meant takes it too: 9.6 mA meant
 * 9.6 mAh, not 9.6 Ah. */
static const char *same_prefix(const char *written, const char *usual, struct dims dims, char *buf,
                               size_t size)
{
    double scale, offset;
    struct dims got;

    if (strlen(written) < 2 || !strchr("numkM", written[0]) ||
        str_fmt(buf, size, "%c%s", written[0], usual) < 0)
        return usual;
    /* `min` and `m^2` begin with such a letter and have no prefix. */
    if (unit_parse(written + 1, strlen(written) - 1, &scale, &offset, &got) < 0 ||
        unit_parse(buf, strlen(buf), &scale, &offset, &got) < 0 || !dims_equal(got, dims))
        return usual;
    return buf;
}

/* The number that was written with the unit that was expected, when that is likely what was meant.
 */
static void hint_usual(struct diag *reterr, const struct qty *q, struct dims dims, bool point,
                       const char *text, const char *end)
{
    char buf[NAME_SIZE];
    const char *unit = dims_usual_unit(dims, point);
    const char *number_end = qty_number_end(text, end);

    if (unit && !point)
        unit = same_prefix(q->unit, unit, dims, buf, sizeof(buf));

    if (dims_equal(dims, DIMS_NONE))
        diag_hint(reterr, "a plain number has no unit");
    else if (unit && number_end > text)
        diag_hint(reterr, "did you mean %.*s %s?", (int)(number_end - text), text, unit);
    else if (dims_equal(dims, DIMS_CRATE))
        diag_hint(reterr, "written C/10 or 2C");
}

static int check_dims(const struct qty *q, struct dims dims, bool point, const struct diag_pos *pos,
                      const char *text, const char *end, struct diag *reterr)
{
    char want[NAME_SIZE], got[NAME_SIZE];

    while (text < end && *text == ' ')
        text++;
    if (!dims_equal(q->dims, dims)) {
        if (q->unit[0] == '\0')
            diag_at(reterr, E_UNIT, pos, "a %s without a unit",
                    dims_name(dims, want, sizeof(want)));
        else
            diag_at(reterr, E_UNIT, pos, "%s is expected, %s is given in %s",
                    dims_name(dims, want, sizeof(want)), dims_name(q->dims, got, sizeof(got)),
                    q->unit);
        hint_usual(reterr, q, dims, point, text, end);
        return E_UNIT;
    }
    if (q->point && !point) {
        diag_at(reterr, E_UNIT, pos, "a difference of temperature is given in %s", q->unit);
        diag_hint(reterr, "differences are in K");
        return E_UNIT;
    }
    return 0;
}

int conf_qty(const struct conf_node *node, const struct dims *dims, struct qty *ret,
             struct diag *reterr)
{
    struct diag_pos pos = inner_pos(node);
    struct qty q;
    int rc = need_scalar(node, "a number with its unit", reterr);

    if (rc == 0)
        rc = qty_parse(node->text, strlen(node->text), &pos, &q, reterr);
    if (rc == 0 && dims)
        rc = check_dims(&q, *dims, q.point, &pos, node->text, node->text + strlen(node->text),
                        reterr);
    if (rc == 0)
        *ret = q;
    return rc;
}

struct range_side {
    const char *from, *to; /* empty: open */
};

static bool split_range(const char *text, struct range_side *lo, struct range_side *hi)
{
    const char *dots = strstr(text, "..");

    if (!dots)
        return false;
    *lo = (struct range_side){text, dots};
    *hi = (struct range_side){dots + 2, text + strlen(text)};
    for (struct range_side *s = lo; s; s = s == lo ? hi : NULL) {
        while (s->from < s->to && *s->from == ' ')
            s->from++;
        while (s->to > s->from && s->to[-1] == ' ')
            s->to--;
    }
    return true;
}

static int parse_side(const struct conf_node *node, const struct range_side *side, struct dims dims,
                      bool point, double *ret, struct diag *reterr)
{
    struct diag_pos all = inner_pos(node);
    struct diag_pos pos = part_pos(all, node->text, side->from, side->to);
    struct qty q;
    int rc;

    if (side->from == side->to)
        return 0;
    rc = qty_parse(side->from, (size_t)(side->to - side->from), &pos, &q, reterr);
    if (rc == 0)
        rc = check_dims(&q, dims, point, &pos, side->from, side->to, reterr);
    if (rc == 0)
        *ret = q.si;
    return rc;
}

int conf_range(const struct conf_node *node, struct dims dims, bool point, struct range *ret,
               struct diag *reterr)
{
    struct range r = {-INFINITY, INFINITY};
    struct range_side lo, hi;
    struct diag_pos pos = inner_pos(node);
    int rc = need_scalar(node, "a range", reterr), rc_hi;

    if (rc < 0)
        return rc;
    if (!split_range(node->text, &lo, &hi)) {
        diag_at(reterr, E_SYNTAX, &pos, "a range is expected");
        diag_hint(reterr, "written A .. B, or '.. B' or 'A ..' with one end open");
        return E_SYNTAX;
    }
    if (lo.from == lo.to && hi.from == hi.to)
        return diag_at(reterr, E_SYNTAX, &pos, "a range without any end");
    rc = parse_side(node, &lo, dims, point, &r.lo, reterr);
    rc_hi = parse_side(node, &hi, dims, point, &r.hi, reterr);
    if (rc == 0)
        rc = rc_hi;
    if (rc == 0 && r.lo > r.hi) {
        rc = diag_at(reterr, E_RANGE, &pos, "the range runs downward");
        diag_hint(reterr, "the lower end is written first");
    }
    if (rc == 0)
        *ret = r;
    return rc;
}

int conf_int(const struct conf_node *node, int64_t min, int64_t max, int64_t *ret,
             struct diag *reterr)
{
    struct diag_pos pos = inner_pos(node);
    int64_t v;
    int rc = need_scalar(node, "a whole number", reterr);

    if (rc < 0)
        return rc;
    rc = str_to_int(node->text, strlen(node->text), &v);
    if (rc == E_SYNTAX)
        return diag_at(reterr, rc, &pos, "'%.40s' is not a whole number", node->text);
    if (rc == E_RANGE || v < min || v > max)
        return diag_at(reterr, E_RANGE, &pos, "%.40s is outside %lld .. %lld", node->text,
                       (long long)min, (long long)max);
    *ret = v;
    return 0;
}

/* ---- One key ---- */

static int apply_qty(const struct conf_node *node, const struct conf_key *key, double *ret,
                     struct diag *reterr)
{
    struct diag_pos pos = inner_pos(node);
    const char *text = node->text;
    char shown[NAME_SIZE], lo[NAME_SIZE], hi[NAME_SIZE];
    struct qty q;
    int rc = conf_qty(node, NULL, &q, reterr);

    if (rc == 0)
        rc = check_dims(&q, key->dims, key->point, &pos, text, text + strlen(text), reterr);
    if (rc < 0)
        return rc;
    if ((key->min < 0.0 || key->min > 0.0 || key->max < 0.0 || key->max > 0.0) &&
        (q.si < key->min || q.si > key->max))
        return diag_at(reterr, E_RANGE, &pos, "%s is outside %s .. %s",
                       qty_print(q.si, key->dims, key->point, shown, sizeof(shown)),
                       qty_print(key->min, key->dims, key->point, lo, sizeof(lo)),
                       qty_print(key->max, key->dims, key->point, hi, sizeof(hi)));
    *ret = q.si;
    return 0;
}

static int apply_int(const struct conf_node *node, const struct conf_key *key, int32_t *ret,
                     struct diag *reterr)
{
    bool bounded = key->min < 0.0 || key->min > 0.0 || key->max < 0.0 || key->max > 0.0;
    int64_t v, lo = bounded ? (int64_t)key->min : INT32_MIN,
               hi = bounded ? (int64_t)key->max : INT32_MAX;
    int rc = conf_int(node, lo < INT32_MIN ? INT32_MIN : lo, hi > INT32_MAX ? INT32_MAX : hi, &v,
                      reterr);

    if (rc == 0)
        *ret = (int32_t)v;
    return rc;
}

static int apply_bool(const struct conf_node *node, bool *ret, struct diag *reterr)
{
    int rc = need_scalar(node, "yes or no", reterr);

    if (rc < 0)
        return rc;
    if (strcmp(node->text, "yes") == 0 || strcmp(node->text, "true") == 0) {
        *ret = true;
    } else if (strcmp(node->text, "no") == 0 || strcmp(node->text, "false") == 0) {
        *ret = false;
    } else {
        rc = diag_at(reterr, E_INVALID, &node->pos, "'%.40s' is neither yes nor no", node->text);
        diag_hint(reterr, "write yes or no");
    }
    return rc;
}

static void list_words(const char *const *words, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = '\0';
    for (; *words; words++) {
        if (str_fmt(buf + n, size - n, "%s%s", n > 0 ? ", " : "", *words) < 0) {
            buf[n] = '\0';
            return;
        }
        n += strlen(buf + n);
    }
}

static int apply_enum(const struct conf_node *node, const struct conf_key *key, int32_t *ret,
                      struct diag *reterr)
{
    char words[120];
    const char *near;
    int rc = need_scalar(node, "a word", reterr);

    if (rc < 0)
        return rc;
    for (int32_t i = 0; key->choices[i]; i++)
        if (strcmp(node->text, key->choices[i]) == 0) {
            *ret = i;
            return 0;
        }
    near = str_nearest(node->text, key->choices);
    list_words(key->choices, words, sizeof(words));
    rc = diag_at(reterr, E_INVALID, &node->pos, "'%.40s' is not a choice of '%s'", node->text,
                 key->name);
    if (near)
        diag_hint(reterr, "did you mean %s?", near);
    else
        diag_hint(reterr, "one of: %s", words);
    return rc;
}

static int apply_name(const struct conf_node *node, const char **ret, struct diag *reterr)
{
    struct diag_pos pos = inner_pos(node);
    const char *p = node->text;
    int rc = need_scalar(node, "a name", reterr);

    if (rc < 0)
        return rc;
    while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
           (*p && strchr("-_.", *p)))
        p++;
    if (*p || p == node->text) {
        if (*p)
            pos = part_pos(pos, node->text, p, p + 1);
        rc = diag_at(reterr, E_INVALID, &pos, "'%.40s' is not a name", node->text);
        diag_hint(reterr, "letters, digits, - _ and . only");
        return rc;
    }
    *ret = node->text;
    return 0;
}

static int apply_texts(const struct conf_node *node, struct conf_texts *ret, struct conf_doc *doc,
                       struct diag *reterr)
{
    const struct conf_node *c = node->kind == CONF_SEQ ? node->first : node;
    struct conf_texts texts = {0};
    int rc = 0;

    if (node->kind == CONF_MAP)
        return need_scalar(node, "a list of texts", reterr);
    texts.text = arena_alloc(&doc->arena, (node->n + 1) * sizeof(*texts.text));
    for (; c; c = node->kind == CONF_SEQ ? c->next : NULL) {
        int one = need_scalar(c, "a text", reterr);

        rc = rc < 0 ? rc : one;
        texts.text[texts.n++] = c->text;
    }
    if (rc == 0)
        *ret = texts;
    return rc;
}

static int apply_key(const struct conf_node *node, const struct conf_key *key, void *field,
                     struct conf_doc *doc, struct diag *reterr)
{
    int rc = 0;

    switch (key->type) {
    case CONF_TEXT:
        rc = need_scalar(node, "a text", reterr);
        if (rc == 0)
            *(const char **)field = node->text;
        return rc;
    case CONF_NAME: return apply_name(node, field, reterr);
    case CONF_INT: return apply_int(node, key, field, reterr);
    case CONF_BOOL: return apply_bool(node, field, reterr);
    case CONF_QTY: return apply_qty(node, key, field, reterr);
    case CONF_RANGE: return conf_range(node, key->dims, key->point, field, reterr);
    case CONF_ENUM: return apply_enum(node, key, field, reterr);
    case CONF_TABLE: return conf_apply(node, key->sub, field, doc, reterr);
    case CONF_NODE: *(const struct conf_node **)field = node; return 0;
    case CONF_TEXTS: return apply_texts(node, field, doc, reterr);
    }
    return E_UNSUPPORTED;
}

/* ---- A table ---- */

static void refuse_unknown(const struct conf_node *node, const struct schema *schema,
                           struct diag *reterr)
{
    const char *names[KEYS_MAX + 1];
    char words[120];
    const char *near;
    size_t n = 0;

    for (const struct conf_key *k = schema->keys; k->name && n < KEYS_MAX; k++)
        names[n++] = k->name;
    names[n] = NULL;
    near = str_nearest(node->key ? node->key : "", names);
    list_words(names, words, sizeof(words));
    diag_at(reterr, E_INVALID, &node->key_pos, "'%.60s' is not a key of %s",
            node->key ? node->key : "", schema->name);
    if (near)
        diag_hint(reterr, "did you mean %s?", near);
    else if (n > 0)
        diag_hint(reterr, "known: %s", words);
}

static const struct conf_key *find_key(const struct schema *schema, const char *name)
{
    for (const struct conf_key *k = schema->keys; name && k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

int conf_apply(const struct conf_node *map, const struct schema *schema, void *ret_struct,
               struct conf_doc *doc, struct diag *reterr)
{
    int rc = 0;

    ASSERT(schema != NULL);
    if (map->kind != CONF_MAP)
        return diag_at(reterr, E_INVALID, &map->pos, "%s is a table of keys, this is %s",
                       schema->name, kind_text(map->kind));
    for (const struct conf_node *c = map->first; c; c = c->next) {
        const struct conf_key *key = find_key(schema, c->key);
        int one = 0;

        if (key)
            one = apply_key(c, key, (char *)ret_struct + key->offset, doc, reterr);
        else if (!schema->open)
            refuse_unknown(c, schema, reterr);
        if (!key && !schema->open)
            one = E_INVALID;
        rc = rc < 0 ? rc : one;
    }
    for (const struct conf_key *k = schema->keys; k->name; k++)
        if (k->required && !conf_get(map, k->name)) {
            diag_at(reterr, E_INVALID, map->key ? &map->key_pos : &map->pos,
                    "the key '%s' of %s is missing", k->name, schema->name);
            diag_hint(reterr, "%s", k->help ? k->help : "");
            rc = rc < 0 ? rc : E_INVALID;
        }
    return rc;
}

/* ---- The reference page ---- */

static void describe_bounds(const struct conf_key *key, char *buf, size_t size)
{
    char lo[NAME_SIZE], hi[NAME_SIZE];
    int rc;

    buf[0] = '\0';
    if (!(key->min < 0.0 || key->min > 0.0 || key->max < 0.0 || key->max > 0.0))
        return;
    if (key->type == CONF_INT)
        rc = str_fmt(buf, size, ", %lld .. %lld", (long long)key->min, (long long)key->max);
    else
        rc = str_fmt(buf, size, ", %s .. %s",
                     qty_print(key->min, key->dims, key->point, lo, sizeof(lo)),
                     qty_print(key->max, key->dims, key->point, hi, sizeof(hi)));
    if (rc < 0)
        buf[0] = '\0';
}

static void describe_type(const struct conf_key *key, struct text *out)
{
    static const char *const words[] = {
        [CONF_TEXT] = "text",      [CONF_NAME] = "name",   [CONF_INT] = "whole number",
        [CONF_BOOL] = "yes or no", [CONF_QTY] = "",        [CONF_RANGE] = "range of ",
        [CONF_ENUM] = "one of ",   [CONF_TABLE] = "table", [CONF_NODE] = "see there",
        [CONF_TEXTS] = "texts",
    };
    char buf[160];
    bool has_dims = key->type == CONF_QTY || key->type == CONF_RANGE;

    text_add(out, "%s", words[key->type]);
    if (has_dims && dims_equal(key->dims, DIMS_NONE))
        text_add(out, "%s", key->type == CONF_RANGE ? "plain numbers" : "plain number");
    else if (has_dims)
        text_add(out, "%s", dims_name(key->dims, buf, sizeof(buf)));
    if (key->type == CONF_ENUM)
        for (size_t i = 0; key->choices[i]; i++)
            text_add(out, "%s`%s`", i > 0 ? ", " : "", key->choices[i]);
    describe_bounds(key, buf, sizeof(buf));
    text_add(out, "%s", buf);
}

static void describe_keys(const struct schema *schema, const char *prefix, int depth,
                          struct text *out)
{
    for (const struct conf_key *k = schema->keys; k->name; k++) {
        char path[160];

        if (str_fmt(path, sizeof(path), "%s%s", prefix, k->name) < 0)
            continue;
        text_add(out, "| `%s` | ", path);
        describe_type(k, out);
        text_add(out, " | %s | %s |\n", k->required ? "yes" : "", k->help ? k->help : "");
        if (k->type == CONF_TABLE && depth < 8 &&
            str_fmt(path, sizeof(path), "%s%s.", prefix, k->name) == 0)
            describe_keys(k->sub, path, depth + 1, out);
    }
}

void conf_reference(const struct schema *schema, struct text *out)
{
    text_add(out, "## %s\n\n", schema->name);
    if (schema->about)
        text_add(out, "%s\n\n", schema->about);
    text_add(out, "| key | value | required | |\n|---|---|---|---|\n");
    describe_keys(schema, "", 0, out);
    if (schema->open)
        text_add(out, "\nOther keys are kept with the record.\n");
    text_add(out, "\n");
}
