/* benchctl/foreign_literal.c - lists, tuples, texts and numbers as Python and JSON write them.
 *
 * A script is not run: only what is written out is read, with `+`, `* N` and names of lists that
 * are written out above. Places are kept, which the JSON library does not do. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static bool name_start(char c)
{
    return name_char(c) && c != '.' && !(c >= '0' && c <= '9');
}

static char peek(const struct lit_reader *r)
{
    return r->at < r->src.n ? r->src.text[r->at] : '\0';
}

static void *fail(struct lit_reader *r, size_t from, size_t to, int code, const char *text,
                  const char *hint)
{
    struct diag_pos pos = foreign_pos(&r->src, from, to);

    diag_at(r->d, code, &pos, "%s", text);
    if (hint)
        diag_hint(r->d, "%s", hint);
    return NULL;
}

void lit_blank(struct lit_reader *r)
{
    const char *t = r->src.text;

    for (; r->at < r->src.n; r->at++) {
        if (t[r->at] == '#')
            while (r->at < r->src.n && t[r->at] != '\n')
                r->at++;
        else if (t[r->at] == '\\' && r->at + 1 < r->src.n && t[r->at + 1] == '\n')
            r->at++;
        else if (!strchr(" \t\r\n", t[r->at]) || t[r->at] == '\0')
            return;
        if (r->at >= r->src.n)
            return;
    }
}

bool lit_at_end(struct lit_reader *r)
{
    lit_blank(r);
    if (r->at >= r->src.n)
        return true;
    fail(r, r->at, r->at + 1, E_SYNTAX, "something follows the list", NULL);
    return false;
}

static struct lit *node_new(struct lit_reader *r, enum lit_kind kind, size_t from, size_t to)
{
    struct lit *l;

    if (++r->nodes > LIT_NODES_MAX)
        return fail(r, from, to, E_FULL, "the list has too many entries",
                    "what is done again is written as [...] * N");
    l = arena_alloc(r->arena, sizeof(*l));
    l->kind = kind;
    l->times = 1;
    l->exact = true;
    l->pos = foreign_pos(&r->src, from, to);
    return l;
}

static size_t name_length(const struct lit_reader *r)
{
    size_t i = r->at;

    while (i < r->src.n && name_char(r->src.text[i]))
        i++;
    return i - r->at;
}

/* ---- Texts ---- */

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* Over one quoted text; false when it does not end: of three quotes nothing is left then. from, to:
 * what is inside. */
static bool quoted(struct lit_reader *r, size_t *ret_from, size_t *ret_to)
{
    const char *t = r->src.text;
    char q = peek(r);
    bool three = r->at + 2 < r->src.n && t[r->at + 1] == q && t[r->at + 2] == q;
    size_t i = r->at + (three ? 3 : 1);

    *ret_from = i;
    for (; i < r->src.n; i++) {
        if (t[i] == '\\')
            i++;
        else if (!three && t[i] == '\n')
            return false;
        else if (t[i] == q && (!three || (i + 2 < r->src.n && t[i + 1] == q && t[i + 2] == q)))
            break;
    }
    if (i >= r->src.n) {
        r->at = three ? r->src.n : r->at;
        return false;
    }
    *ret_to = i;
    r->at = i + (three ? 3 : 1);
    return true;
}

/* What stands between the quotes: escapes that sentences may hold; others stay. */
static size_t unescape(const char *t, size_t n, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (t[i] == '\\' && i + 1 < n) {
            i++;
            if (t[i] == '\n')
                continue;
            out[len++] = strchr("nrt", t[i]) ? ' ' : t[i];
        } else {
            out[len++] = t[i] == '\0' ? '?' : t[i];
        }
    }
    return len;
}

static struct lit *read_text(struct lit_reader *r)
{
    size_t start = r->at, from, to, n = 0;
    struct lit *l = NULL;
    char *text = NULL;

    do {
        char *more;

        if (!quoted(r, &from, &to))
            return fail(r, start, start + 1, E_SYNTAX, "the text does not end", NULL);
        more = arena_alloc(r->arena, n + (to - from) + 1);
        if (n > 0)
            memcpy(more, text, n);
        if (!l)
            l = node_new(r, LIT_TEXT, from, to);
        else
            l->exact = false;
        if (!l)
            return NULL;
        if (memchr(r->src.text + from, '\\', to - from) ||
            memchr(r->src.text + from, '\n', to - from))
            l->exact = false;
        text = more;
        n += unescape(r->src.text + from, to - from, text + n);
        lit_blank(r);
    } while (is_quote(peek(r)) && n < 65536);
    text[n] = '\0';
    l->text = text;
    return l;
}

/* ---- Lists, calls, maps ---- */

static bool take(struct lit_reader *r, char c)
{
    lit_blank(r);
    if (peek(r) != c)
        return false;
    r->at++;
    lit_blank(r);
    return true;
}

/* key= of a call, "key": of a map. False after a finding. */
static bool read_key(struct lit_reader *r, enum lit_kind kind, const char **ret)
{
    size_t from = r->at;

    *ret = NULL;
    if (kind == LIT_MAP) {
        struct lit *key = is_quote(peek(r)) ? read_text(r) : NULL;

        if (!key || !take(r, ':')) {
            fail(r, from, r->at, E_SYNTAX, "a \"key\": is missing", NULL);
            return false;
        }
        *ret = key->text;
    } else if (kind == LIT_CALL && name_start(peek(r))) {
        size_t n = name_length(r);

        r->at += n;
        lit_blank(r);
        if (peek(r) == '=' && r->at + 1 < r->src.n && r->src.text[r->at + 1] != '=') {
            r->at++;
            lit_blank(r);
            *ret = arena_dup_n(r->arena, r->src.text + from, n);
        } else {
            r->at = from;
        }
    }
    return true;
}

/* What stands between the brackets, r stands after the opening one. */
static bool read_children(struct lit_reader *r, struct lit *into, char close, bool *ret_comma)
{
    struct lit **tail = &into->first;
    size_t open = r->at;

    *ret_comma = false;
    while (!take(r, close)) {
        const char *key = NULL;
        struct lit *child = NULL;

        if (r->at < r->src.n && (!read_key(r, into->kind, &key) || !(child = lit_expression(r))))
            return false;
        if (r->at >= r->src.n) {
            fail(r, open > 0 ? open - 1 : 0, open, E_SYNTAX, "this bracket is not closed", NULL);
            return false;
        }
        child->key = key;
        *tail = child;
        tail = &child->next;
        if (take(r, ',')) {
            *ret_comma = true;
        } else if (peek(r) != close) {
            fail(r, r->at, r->at + 1, E_SYNTAX, "a comma or the closing bracket is missing", NULL);
            return false;
        }
    }
    return true;
}

static struct lit *read_brackets(struct lit_reader *r)
{
    size_t from = r->at;
    char c = peek(r);
    struct lit *l = node_new(r, c == '{' ? LIT_MAP : LIT_SEQ, from, from + 1);
    bool comma;

    if (!l)
        return NULL;
    r->at++;
    if (!read_children(r, l, c == '[' ? ']' : c == '(' ? ')' : '}', &comma))
        return NULL;
    /* brackets around one value are no tuple */
    if (c == '(' && !comma && l->first)
        return l->first;
    return l;
}

static struct lit *read_name(struct lit_reader *r)
{
    static const char *const words[] = {"None", "True", "False", "null", "true", "false", NULL};
    size_t from = r->at, n = name_length(r);
    char *name = arena_dup_n(r->arena, r->src.text + from, n);
    struct lit *l;
    bool comma;

    r->at += n;
    if (is_quote(peek(r)) && n <= 2)
        return fail(r, from, r->at, E_UNSUPPORTED, "a text with a prefix is not read", NULL);
    lit_blank(r);
    if (peek(r) == '(') {
        l = node_new(r, LIT_CALL, from, from + n);
        if (!l)
            return NULL;
        l->text = name;
        r->at++;
        return read_children(r, l, ')', &comma) ? l : NULL;
    }
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], name) == 0) {
            l = node_new(r, LIT_WORD, from, from + n);
            if (l)
                l->text = words[i];
            return l;
        }
    for (unsigned i = r->n_vars; i > 0; i--)
        if (strcmp(r->var[i - 1].name, name) == 0) {
            l = node_new(r, LIT_SEQ, from, from + n);
            if (l) {
                *l = *r->var[i - 1].value;
                l->next = NULL;
            }
            return l;
        }
    return fail(r, from, from + n, E_NOENT,
                "this name stands for nothing that is written out above",
                "a script is not run: lists, tuples, texts, `+` and `* N` are read");
}

static struct lit *read_number(struct lit_reader *r)
{
    size_t from = r->at, to = r->at;
    double v;
    struct lit *l;

    while (to < r->src.n &&
           (name_char(r->src.text[to]) || ((r->src.text[to] == '-' || r->src.text[to] == '+') &&
                                           (to == from || strchr("eE", r->src.text[to - 1])))))
        to++;
    if (to == from)
        return fail(r, from, from + 1, E_SYNTAX, "a list, a text or a number is expected", NULL);
    if (str_to_double(r->src.text + from, to - from, &v) < 0)
        return fail(r, from, to, E_SYNTAX, "this is not a number", NULL);
    l = node_new(r, LIT_NUMBER, from, to);
    if (!l)
        return NULL;
    l->text = arena_dup_n(r->arena, r->src.text + from, to - from);
    l->number = v;
    r->at = to;
    return l;
}

/* ---- Expressions ---- */

static struct lit *read_primary(struct lit_reader *r)
{
    char c;
    struct lit *l;

    lit_blank(r);
    c = peek(r);
    if (++r->depth > LIT_NEST_MAX)
        l = fail(r, r->at, r->at + 1, E_FULL, "the brackets are nested too deeply", NULL);
    else if (c == '[' || c == '(' || c == '{')
        l = read_brackets(r);
    else if (is_quote(c))
        l = read_text(r);
    else if (name_start(c))
        l = read_name(r);
    else
        l = read_number(r);
    r->depth--;
    return l;
}

static struct lit *times(struct lit_reader *r, struct lit *a, struct lit *b)
{
    struct lit *seq = a->kind == LIT_SEQ ? a : b, *count = a->kind == LIT_SEQ ? b : a;
    struct diag_pos *pos = &count->pos;
    double n;

    if (seq->kind != LIT_SEQ || count->kind != LIT_NUMBER) {
        diag_at(r->d, E_SYNTAX, pos, "only a list or a tuple is repeated, by a number");
        return NULL;
    }
    n = count->number * seq->times;
    if (!(count->number >= 1.0 && n <= FOREIGN_TURNS_MAX) || fmod(n, 1.0) > 0.0) {
        diag_at(r->d, E_RANGE, pos, "a list is repeated 1 to %d times", FOREIGN_TURNS_MAX);
        return NULL;
    }
    seq->times = (unsigned)n;
    return seq;
}

static struct lit *read_term(struct lit_reader *r)
{
    struct lit *l = read_primary(r), *other;

    while (l && take(r, '*')) {
        other = read_primary(r);
        l = other ? times(r, l, other) : NULL;
    }
    return l;
}

struct lit *lit_expression(struct lit_reader *r)
{
    struct lit *l = read_term(r), *sum = NULL, **tail = NULL;

    while (l && take(r, '+')) {
        struct lit *other;

        if (!sum) {
            sum = node_new(r, LIT_SEQ, r->at, r->at);
            if (!sum)
                return NULL;
            sum->pos = l->pos;
            sum->first = l;
            tail = &l->next;
        }
        other = read_term(r);
        if (!other || l->kind != LIT_SEQ || other->kind != LIT_SEQ) {
            if (other)
                diag_at(r->d, E_SYNTAX, &other->pos, "`+` joins two lists or two tuples");
            return NULL;
        }
        *tail = other;
        tail = &other->next;
    }
    return l && sum ? sum : l;
}

/* ---- Scripts ---- */

/* NAME = LITERAL at the begin of a line: kept. Whatever cannot be read is left to Python. */
static void try_assignment(struct lit_reader *r, const char *name)
{
    struct diag *d = r->d;
    size_t from = r->at;
    unsigned nodes = r->nodes;
    const struct lit *l;

    r->d = NULL;
    r->at++;
    l = lit_expression(r);
    r->d = d;
    if (!l || (l->kind != LIT_SEQ && l->kind != LIT_TEXT && l->kind != LIT_NUMBER)) {
        r->at = from + 1;
        r->nodes = nodes;
        return;
    }
    if (r->n_vars < LIT_VARS_MAX) {
        r->var[r->n_vars].name = name;
        r->var[r->n_vars++].value = l;
    }
}

static bool ends_with(const char *name, const char *word)
{
    size_t n = strlen(name), w = strlen(word);

    return n >= w && strcmp(name + n - w, word) == 0 && (n == w || name[n - w - 1] == '.');
}

static void script_name(struct lit_reader *r, struct lit **found, bool *twice)
{
    size_t from = r->at, n = name_length(r);
    bool line = from == 0 || r->src.text[from - 1] == '\n';
    char *name = arena_dup_n(r->arena, r->src.text + from, n);
    size_t to = from + n;

    while (to < r->src.n && (r->src.text[to] == ' ' || r->src.text[to] == '\t'))
        to++;
    r->at = from + n;
    if (to >= r->src.n)
        return;
    if (r->src.text[to] == '(' && ends_with(name, "Experiment")) {
        if (*found) {
            fail(r, from, from + n, E_UNSUPPORTED, "a second experiment in one file",
                 "one file is one procedure: import them one by one");
            *twice = true;
            return;
        }
        r->at = from;
        *found = read_name(r);
        *twice = !*found;
    } else if (line && r->src.text[to] == '=' && to + 1 < r->src.n && r->src.text[to + 1] != '=') {
        r->at = to;
        try_assignment(r, name);
    }
}

struct lit *lit_experiment(struct lit_reader *r, bool *ret_found)
{
    struct lit *found = NULL;
    bool failed = false;
    size_t from, to;

    while (!failed) {
        lit_blank(r);
        if (r->at >= r->src.n)
            break;
        if (is_quote(peek(r))) {
            if (!quoted(r, &from, &to) && r->at < r->src.n)
                r->at++;
        } else if (name_start(peek(r))) {
            script_name(r, &found, &failed);
        } else {
            r->at++;
        }
    }
    *ret_found = found || failed;
    return failed ? NULL : found;
}
