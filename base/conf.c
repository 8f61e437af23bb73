/* base/conf.c - from libfyaml's events to a tree with places, refusing what would be damaged in
 * silence. */
#include "base/conf_priv.h"

#include "base/err.h"
#include "base/str.h"

#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One open sequence or map. */
struct level {
    struct conf_node *node, *last;
    const char *key; /* waits for its value */
    struct diag_pos key_pos;
    size_t key_from, key_to;
    size_t from; /* the opening byte */
    bool flow;   /* in brackets */
    bool key_refused;
};

struct builder {
    struct source *source;
    struct level level[CONF_DEPTH_MAX + 1];
    int depth;   /* open levels */
    bool full;   /* too deep: reading stops */
    size_t seen; /* end of the last thing read */
    const struct conf_node *root;
};

/* A scalar as read: its text and its bytes. */
struct scalar {
    const char *text; /* NULL: nothing stands there */
    size_t n;
    size_t from, to;
    bool quoted, block;
};

static struct level *top(struct builder *b)
{
    return b->depth > 0 ? &b->level[b->depth - 1] : NULL;
}

/* ---- Scalars ---- */

static bool scalar_is_null(const struct scalar *sc)
{
    return !sc->text ||
           (!sc->quoted && (strcmp(sc->text, "~") == 0 || strcmp(sc->text, "null") == 0));
}

static bool refuse_block(struct builder *b, const struct scalar *sc)
{
    const char *text = b->source->doc->text;
    size_t at = sc->from;

    while (at > b->seen && text[at - 1] != '|' && text[at - 1] != '>')
        at--;
    at -= at > 0;
    source_refuse(b->source, E_INVALID, at, at + 1, "write it in quotes on one line",
                  "a block text is not read here");
    return false;
}

static bool check_quoted(struct builder *b, const struct scalar *sc)
{
    for (size_t i = 0; i < sc->n; i++) {
        unsigned char c = (unsigned char)sc->text[i];

        if ((c < 0x20u && c != '\n' && c != '\t') || c == 0x7Fu) {
            source_refuse(b->source, E_INVALID, sc->from, sc->to, NULL,
                          "an escape that gives a control character (U+%04X)", (unsigned)c);
            return false;
        }
    }
    return true;
}

static bool check_plain(struct builder *b, const struct scalar *sc)
{
    size_t i = strcspn(sc->text, ",:#[]{}\t");
    const char *hint = "quote the text";
    char c = sc->text[i];

    if (strcmp(sc->text, "<<") == 0) {
        source_refuse(b->source, E_INVALID, sc->from, sc->to, "write the keys here",
                      "merge keys are not read here");
        return false;
    }
    if (c == '\0')
        return true;
    if (c == ':')
        hint = "a blank after the colon of a key; a text with a colon is quoted";
    else if (c == ',')
        hint = "decimals have a point; a text with a comma is quoted";
    source_refuse(b->source, E_INVALID, sc->from + i, sc->from + i + 1, hint,
                  c == '\t' ? "a tab in an unquoted text" : "'%c' in an unquoted text", c);
    return false;
}

/* False when it was refused. */
static bool check_scalar(struct builder *b, const struct scalar *sc)
{
    if (sc->block)
        return refuse_block(b, sc);
    if (memchr(b->source->doc->text + sc->from, '\n', sc->to - sc->from)) {
        const struct level *up = top(b);

        source_refuse(b->source, E_INVALID, sc->from, sc->to,
                      up && up->flow ? "a text stands on one line; is a bracket not closed?"
                                     : "a text stands on one line",
                      sc->quoted ? "the quote is not closed on its line"
                                 : "the text goes on in the next line");
        return false;
    }
    return sc->quoted ? check_quoted(b, sc) : check_plain(b, sc);
}

static struct scalar read_scalar(struct builder *b, struct fy_token *token)
{
    struct scalar sc = {0};
    const struct fy_mark *from, *to;
    const char *text;

    /* What is not there is missed at the next sign that is. */
    sc.from = source_skip_blanks(b->source, b->seen);
    sc.to = sc.from < b->source->doc->n ? sc.from + 1 : sc.from;
    if (!token)
        return sc;
    from = fy_token_start_mark(token);
    to = fy_token_end_mark(token);
    if (from && to && from->input_pos <= to->input_pos && to->input_pos <= b->source->doc->n) {
        sc.from = from->input_pos;
        sc.to = to->input_pos;
    }
    text = fy_token_get_text(token, &sc.n);
    sc.text = arena_dup_n(&b->source->doc->arena, text ? text : "", text ? sc.n : 0);
    switch (fy_token_scalar_style(token)) {
    case FYSS_SINGLE_QUOTED:
    case FYSS_DOUBLE_QUOTED: sc.quoted = true; break;
    case FYSS_LITERAL:
    case FYSS_FOLDED: sc.block = true; break;
    case FYSS_ANY:
    case FYSS_PLAIN:
    case FYSS_MAX: break;
    }
    if (sc.quoted && sc.from > 0 && sc.to < b->source->doc->n) { /* marks leave the quotes out */
        sc.from--;
        sc.to++;
    }
    /* An empty token covers nothing: no value was written. */
    if (!sc.quoted && !sc.block && sc.n == 0)
        sc.text = NULL;
    else
        source_add_span(b->source, sc.from, sc.to);
    return sc;
}

/* ---- The tree ---- */

static struct conf_node *attach(struct builder *b, enum conf_kind kind, struct diag_pos pos)
{
    struct conf_node *node = arena_alloc(&b->source->doc->arena, sizeof(*node));
    struct level *up = top(b);

    *node = (struct conf_node){.kind = kind, .text = "", .pos = pos, .key_pos = pos};
    if (!up) {
        b->root = node;
        return node;
    }
    if (up->node->kind == CONF_MAP) {
        node->key = up->key;
        node->key_pos = up->key_pos;
        up->key = NULL;
    }
    if (up->last)
        up->last->next = node;
    else
        up->node->first = node;
    up->last = node;
    up->node->n++;
    return node;
}

static bool waits_for_key(struct builder *b)
{
    struct level *up = top(b);

    return up && up->node->kind == CONF_MAP && !up->key;
}

static void add_key(struct builder *b, const struct scalar *sc)
{
    struct level *up = top(b);

    up->key = sc->text ? sc->text : "";
    up->key_pos = source_pos(b->source, sc->from, sc->to);
    up->key_from = sc->from;
    up->key_to = sc->to;
    if (!sc->text || (sc->n == 0 && !sc->block)) {
        source_refuse(b->source, E_INVALID, sc->from, sc->to, NULL, "a value without a key");
        up->key_refused = true;
    } else {
        up->key_refused = !check_scalar(b, sc);
    }
}

/* `4,2 V` in braces is a comma between two digits: said there, once. */
static bool after_digit_comma(const struct builder *b, size_t at)
{
    const char *text = b->source->doc->text;

    return at > 1 && text[at - 1] == ',' && strchr("0123456789", text[at]) && text[at - 2] >= '0' &&
           text[at - 2] <= '9';
}

static void refuse_null(struct builder *b, const struct scalar *sc)
{
    struct level *up = top(b);
    size_t at = sc->from;

    if (up && up->node->kind == CONF_MAP) {
        if (!up->key_refused && !after_digit_comma(b, up->key_from))
            source_refuse(b->source, E_INVALID, up->key_from, up->key_to,
                          "write key: value; an empty text is \"\"", "the key '%.60s' has no value",
                          up->key);
        return;
    }
    source_refuse(b->source, E_INVALID, at, at + 1, "an empty text is \"\"",
                  "an entry without a value");
}

static void add_scalar(struct builder *b, struct fy_token *token)
{
    struct scalar sc = read_scalar(b, token);

    if (waits_for_key(b)) {
        add_key(b, &sc);
    } else {
        struct conf_node *node;

        if (scalar_is_null(&sc))
            refuse_null(b, &sc);
        else
            check_scalar(b, &sc);
        node = attach(b, CONF_SCALAR, source_pos(b->source, sc.from, sc.to));
        node->text = sc.text ? sc.text : "";
        node->quoted = sc.quoted;
    }
    b->seen = sc.to;
}

static void open_level(struct builder *b, enum conf_kind kind, struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    size_t from = mark && mark->input_pos < b->source->doc->n ? mark->input_pos : b->seen;
    char c = b->source->doc->text[from];

    if (waits_for_key(b)) {
        source_refuse(b->source, E_INVALID, from, from + 1, "quote it", "a key is one word");
        b->full = true;
        return;
    }
    if (b->depth >= CONF_DEPTH_MAX) {
        source_refuse(b->source, E_RANGE, from, from + 1, NULL, "nested deeper than %d levels",
                      (int)CONF_DEPTH_MAX);
        b->full = true;
        return;
    }
    struct conf_node *node = attach(b, kind, source_pos(b->source, from, from + 1));

    b->level[b->depth++] =
        (struct level){.node = node, .from = from, .flow = kind == CONF_SEQ ? c == '[' : c == '{'};
    if (from + 1 > b->seen)
        b->seen = b->level[b->depth - 1].flow ? from + 1 : from;
}

static int compare_keys(const void *a, const void *b)
{
    const struct conf_node *const *x = a, *const *y = b;
    int order = strcmp((*x)->key, (*y)->key);

    if (order != 0)
        return order;
    if ((*x)->key_pos.line != (*y)->key_pos.line)
        return (*x)->key_pos.line < (*y)->key_pos.line ? -1 : 1;
    return (*x)->key_pos.column < (*y)->key_pos.column ? -1 : 1;
}

/* Sorted, because a file of a megabyte can have very many keys. */
static void check_twice(struct builder *b, const struct conf_node *map)
{
    const struct conf_node **sorted =
        arena_alloc(&b->source->scratch, (map->n + 1) * sizeof(*sorted));
    unsigned n = 0;

    for (const struct conf_node *c = map->first; c; c = c->next)
        if (c->key)
            sorted[n++] = c;
    qsort(sorted, n, sizeof(*sorted), compare_keys);
    for (unsigned i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
            diag_at(b->source->reterr, E_EXISTS, &sorted[i]->key_pos,
                    "the key '%.60s' stands here a second time", sorted[i]->key);
            diag_hint(b->source->reterr, "the first is in line %d", sorted[i - 1]->key_pos.line);
            if (b->source->code == 0)
                b->source->code = E_EXISTS;
        }
}

static void close_level(struct builder *b, struct fy_event *event)
{
    struct fy_token *token = event->type == FYET_MAPPING_END ? event->mapping_end.mapping_end
                                                             : event->sequence_end.sequence_end;
    const struct fy_mark *mark = token ? fy_token_end_mark(token) : NULL;

    if (b->depth == 0)
        return;
    b->depth--;
    if (b->level[b->depth].node->kind == CONF_MAP)
        check_twice(b, b->level[b->depth].node);
    if (b->level[b->depth].flow && mark && mark->input_pos > b->seen &&
        mark->input_pos <= b->source->doc->n)
        b->seen = mark->input_pos;
}

static void take_event(struct builder *b, struct fy_event *event)
{
    struct level *up = top(b);

    switch (event->type) {
    case FYET_SCALAR: add_scalar(b, event->scalar.value); break;
    case FYET_ALIAS: /* reported by what stands between the scalars; a place holder keeps keys and
                        values paired */
        if (up && waits_for_key(b))
            up->key = "";
        else
            attach(b, CONF_SCALAR, source_pos(b->source, b->seen, b->seen));
        break;
    case FYET_MAPPING_START: open_level(b, CONF_MAP, event->mapping_start.mapping_start); break;
    case FYET_SEQUENCE_START: open_level(b, CONF_SEQ, event->sequence_start.sequence_start); break;
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END: close_level(b, event); break;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_START:
    case FYET_DOCUMENT_END: break;
    }
}

/* ---- When libfyaml gives up ---- */

/* A quote that opens after the last good scalar and does not close on its line: libfyaml complains
 * much later. */
static bool refuse_open_quote(struct builder *b)
{
    const char *text = b->source->doc->text;
    size_t i = b->seen;

    while (text[i] && strchr(" \t\r\n,:-[]{}", text[i]))
        i++;
    if (text[i] != '"' && text[i] != '\'')
        return false;
    for (size_t k = i + 1; text[k] && text[k] != '\n'; k++) {
        if (text[i] == '"' && text[k] == '\\' && text[k + 1])
            k++;
        else if (text[k] == text[i])
            return false;
    }
    source_refuse(b->source, E_SYNTAX, i, i + 1, "close it on the same line",
                  "the quote is not closed on its line");
    return true;
}

/* A bracket lost in one line is noticed by YAML in another: tell the line where it was opened. */
static bool refuse_open_bracket(struct builder *b, int line)
{
    struct level *up = top(b);
    size_t at = b->source->doc->n;

    if (up && up->flow && up->node->pos.line < line)
        at = up->from;
    else if (line >= 1 && line <= b->source->n_lines)
        at = source_open_bracket(b->source, b->seen, b->source->line_start[line - 1]);
    if (at >= b->source->doc->n)
        return false;
    source_refuse(b->source, E_SYNTAX, at, at + 1, "brackets are closed on the same line",
                  "the bracket is not closed");
    return true;
}

static size_t indent_of(const struct source *s, int line)
{
    return strspn(s->doc->text + s->line_start[line - 1], " ");
}

/* `key: text` with a table or a list below it: libfyaml complains about the first line below. */
static bool refuse_text_and_table(struct builder *b, int line, const char *message)
{
    struct source *s = b->source;

    if (!strstr(message, "inden") || s->n_spans == 0 || line < 1 || line > s->n_lines)
        return false;
    const struct span *last = &s->span[s->n_spans - 1];
    int above = source_pos(s, last->from, last->to).line;

    if (above >= line || s->doc->text[last->to] == ':' || indent_of(s, line) <= indent_of(s, above))
        return false;
    source_refuse(s, E_SYNTAX, last->from, last->to,
                  "remove the text, or indent the next line less",
                  "a text stands here, and more is indented below it");
    return true;
}

/* What mostly lies behind libfyaml's words. */
static const char *syntax_hint(const char *message)
{
    static const struct {
        const char *part, *hint;
    } table[] = {
        {"multiline plain key",
         "a blank follows the colon of a key; the keys of a table begin in the same column"},
        {"nested block mapping", "a text with a colon is quoted"                           },
        {"indent",               "the keys of a table begin in the same column"            },
        {"cannot start with",    "quote the text"                                          },
        {"trailing content",     "quote the whole text"                                    },
        {"extra comma",          "remove one comma"                                        },
        {"missing comma",        "entries in brackets are parted by commas"                },
        {"clos",                 "brackets come in pairs"                                  },
        {"mismatched",           "brackets come in pairs"                                  },
        {"without whitespace",   "a blank before the comment, or quote the whole text"     },
        {"after mapping",        "a comma or a line break is missing"                      },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strstr(message, table[i].part))
            return table[i].hint;
    return NULL;
}

static void refuse_syntax(struct builder *b, struct fy_diag *diag)
{
    void *at = NULL;
    struct fy_diag_error *e = fy_diag_errors_iterate(diag, &at);
    struct source *s = b->source;
    int line = e ? e->line : 0;

    if (refuse_open_quote(b) || refuse_open_bracket(b, line) ||
        refuse_text_and_table(b, line, e && e->msg ? e->msg : ""))
        return;
    if (line < 1 || line > s->n_lines) {
        source_refuse(s, E_SYNTAX, b->seen > 0 ? b->seen - 1 : 0, b->seen, NULL,
                      "not valid YAML after this: %s", e && e->msg ? e->msg : "it breaks off");
        return;
    }
    size_t from = s->line_start[line - 1];
    const char *text = s->doc->text;

    for (int column = 1; column < e->column && text[from] && text[from] != '\n'; column++)
        for (from++; ((unsigned char)text[from] & 0xC0u) == 0x80u; from++)
            ;
    const char *message = e->msg ? e->msg : "it cannot be parsed";

    source_refuse(s, E_SYNTAX, from, from + 1, syntax_hint(message), "not valid YAML: %s", message);
}

static void swallow(struct fy_diag *diag, void *user, const char *buf, size_t len)
{
    (void)diag;
    (void)user;
    (void)buf;
    (void)len;
}

static struct fy_diag *quiet_diag(void)
{
    struct fy_diag_cfg cfg;
    struct fy_diag *diag;

    fy_diag_cfg_default(&cfg);
    cfg.fp = NULL;
    cfg.output_fn = swallow;
    cfg.colorize = false;
    diag = fy_diag_create(&cfg);
    ASSERT(diag != NULL);
    fy_diag_set_collect_errors(diag, true);
    return diag;
}

/* End of what is sure to be outside of scalars when reading broke off: the blanks and a comment
 * after the last one. */
static size_t sure_end(const struct builder *b)
{
    const char *text = b->source->doc->text;
    size_t i = b->seen;

    while (text[i] == ' ' || text[i] == '\t' || text[i] == ',')
        i++;
    return text[i] == '#' ? i + 1 : b->seen;
}

static void build(struct builder *b)
{
    struct source *s = b->source;
    struct fy_diag *diag = quiet_diag();
    const struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&cfg);
    struct fy_event *event;
    bool failed;

    ASSERT(parser != NULL);
    failed = fy_parser_set_string(parser, s->doc->text, s->doc->n) != 0;
    while (!failed && !b->full && (event = fy_parser_parse(parser)) != NULL) {
        take_event(b, event);
        fy_parser_event_free(parser, event);
    }
    failed |= fy_parser_get_stream_error(parser);
    if (!b->full)
        source_check_between(s, failed ? sure_end(b) : s->doc->n);
    if (failed && s->code == 0)
        refuse_syntax(b, diag);
    if (!failed && s->code == 0 && !b->root)
        source_refuse(s, E_INVALID, 0, 0, NULL, "there is nothing in it");
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
}

/* ---- Loading ---- */

static bool comes_before(const struct diag_finding *a, const struct diag_finding *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Findings come from several passes; people read from top to bottom. Returns the code of the first.
 */
static int sort_findings(struct diag *d, size_t from, int code)
{
    for (size_t i = from + 1; i < d->n; i++)
        for (size_t k = i; k > from && comes_before(&d->finding[k], &d->finding[k - 1]); k--) {
            struct diag_finding swap = d->finding[k];

            d->finding[k] = d->finding[k - 1];
            d->finding[k - 1] = swap;
        }
    return from < d->n ? d->finding[from].code : code;
}

int conf_load_text(const char *name, const char *text, size_t n, struct conf_doc *ret,
                   struct diag *reterr)
{
    struct conf_doc doc = {0};
    struct source source;
    struct builder b = {.source = &source};
    size_t before = reterr ? reterr->n : 0;
    int rc;

    if (n > CONF_BYTES_MAX)
        return diag_at(reterr, E_RANGE, &(struct diag_pos){.file = name},
                       "the text is longer than %d KiB", (int)CONF_BYTES_MAX / 1024);
    doc.file = arena_dup(&doc.arena, name);
    doc.text = arena_dup_n(&doc.arena, text, n);
    doc.n = n;
    source_init(&source, &doc, reterr);
    source_check_bytes(&source);
    if (source.code == 0)
        build(&b);
    rc = source.code;
    source_done(&source);
    if (rc < 0) {
        conf_done(&doc);
        return reterr ? sort_findings(reterr, before, rc) : rc;
    }
    doc.root = b.root;
    *ret = doc;
    return 0;
}

int conf_load_file(const char *path, struct conf_doc *ret, struct diag *reterr)
{
    const struct diag_pos pos = {.file = path};
    char *text;
    size_t n;
    int rc = file_read(path, CONF_BYTES_MAX, &text, &n);

    if (rc == E_NOENT)
        return diag_at(reterr, rc, &pos, "there is no such file");
    if (rc == E_RANGE)
        return diag_at(reterr, rc, &pos, "the file is longer than %d KiB",
                       (int)CONF_BYTES_MAX / 1024);
    if (rc < 0)
        return diag_at(reterr, rc, &pos, "the file cannot be read");
    rc = conf_load_text(path, text, n, ret, reterr);
    free(text);
    return rc;
}

void conf_done(struct conf_doc *doc)
{
    arena_done(&doc->arena);
    *doc = (struct conf_doc){0};
}

const struct conf_node *conf_get(const struct conf_node *map, const char *key)
{
    if (!map || map->kind != CONF_MAP)
        return NULL;
    for (const struct conf_node *c = map->first; c; c = c->next)
        if (c->key && strcmp(c->key, key) == 0)
            return c;
    return NULL;
}
