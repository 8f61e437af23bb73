/* procedures/engine/lex.c - texts with places, their tokens, and the hands that take them.
 *
 * A quantity is one token, `0.5 mA/cm^2`, so that units need no grammar of their own. The unit is
 * the longest that is one: in `500 ohm/V * v_sum` it ends at the blank, in `10 mV/drift` at the
 * stroke. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    UNIT_PARTS = 4
};

static bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0u) == 0x80u;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_unit_char(char c)
{
    return is_letter(c) || c == '%' || (unsigned char)c >= 0x80u;
}

static int count_chars(const char *s, size_t n)
{
    int chars = 0;

    for (size_t i = 0; i < n; i++)
        chars += !is_tail(s[i]);
    return chars;
}

struct src src_value(const struct conf_node *n)
{
    struct src s = {.text = n->text ? n->text : "", .pos = n->pos};

    s.n = strlen(s.text);
    if (n->quoted)
        s.pos.column++;
    return s;
}

struct src src_key(const struct conf_node *n)
{
    struct src s = {.text = n->key ? n->key : "", .pos = n->key_pos};

    s.n = strlen(s.text);
    if (s.pos.length == count_chars(s.text, s.n) + 2)
        s.pos.column++; /* in quotes */
    return s;
}

struct src src_part(const struct src *s, size_t at, size_t n)
{
    struct src part = {.text = s->text + at, .n = n, .pos = s->pos};

    part.pos.column += count_chars(s->text, at);
    part.pos.length = count_chars(part.text, n);
    return part;
}

const struct diag_pos *src_pos(const struct src *s, size_t at, size_t n, struct diag_pos *buf)
{
    if (at > s->n)
        at = s->n;
    if (n > s->n - at)
        n = s->n - at;
    *buf = src_part(s, at, n).pos;
    return buf;
}

bool is_keyword(const char *text, size_t n)
{
    static const char *const words[] = {"and",  "or",   "not",   "for",  "within", "of",
                                        "over", "at",   "as",    "is",   "by",     "mod",
                                        "then", "else", "where", "ended"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strlen(words[i]) == n && memcmp(words[i], text, n) == 0)
            return true;
    return false;
}

static size_t number_length(const char *p, size_t n)
{
    size_t i = 0;

    if (i < n && p[i] == '-')
        i++;
    while (i < n && is_digit(p[i]))
        i++;
    if (i + 1 < n && p[i] == '.' && is_digit(p[i + 1]))
        for (i++; i < n && is_digit(p[i]); i++)
            ;
    if (i + 1 < n && (p[i] == 'e' || p[i] == 'E')) {
        size_t k = i + 1;

        if (k < n && (p[k] == '-' || p[k] == '+'))
            k++;
        if (k < n && is_digit(p[k])) {
            while (k < n && is_digit(p[k]))
                k++;
            i = k;
        }
    }
    return i;
}

/* Ends of the possible units at p, shortest first. */
static unsigned unit_ends(const char *p, size_t n, size_t ret_end[UNIT_PARTS])
{
    unsigned parts = 0;
    size_t i = 0;

    while (parts < UNIT_PARTS && i < n && is_unit_char(p[i])) {
        while (i < n && is_unit_char(p[i]))
            i++;
        if (parts == 0 && is_keyword(p, i))
            return 0;
        if (i + 1 < n && p[i] == '^' && (is_digit(p[i + 1]) || p[i + 1] == '-'))
            for (i += 2; i < n && is_digit(p[i]); i++)
                ;
        else
            while (i < n && is_digit(p[i]))
                i++;
        ret_end[parts++] = i;
        if (i + 1 >= n || p[i] != '/' || !is_unit_char(p[i + 1]))
            break;
        i++;
    }
    return parts;
}

static int lex_quantity(struct lexer *lx, struct token *t, struct diag *reterr)
{
    const char *p = lx->src->text + lx->at;
    size_t left = lx->src->n - lx->at, number = number_length(p, left), gap = number,
           ends[UNIT_PARTS];
    struct diag_pos pos;
    unsigned parts;
    int rc;

    while (gap < left && p[gap] == ' ')
        gap++;
    parts = unit_ends(p + gap, left - gap, ends);
    for (unsigned i = parts; i > 0; i--) {
        t->n = gap + ends[i - 1];
        if (qty_parse(p, t->n, NULL, &t->q, NULL) == 0)
            goto found;
    }
    t->n = parts > 0 ? gap + ends[parts - 1] : number;
    rc = qty_parse(p, t->n, src_pos(lx->src, lx->at, t->n, &pos), &t->q, reterr);
    if (rc < 0)
        return rc;
found:
    t->kind = TOK_QTY;
    lx->operand = true;
    lx->at += t->n;
    return 0;
}

static int lex_word(struct lexer *lx, struct token *t, struct diag *reterr)
{
    const char *p = lx->src->text + lx->at;
    size_t left = lx->src->n - lx->at, n = 1;

    /* `C/10` is a quantity although it does not begin with a digit. */
    if (left >= 3 && p[0] == 'C' && p[1] == '/' && is_digit(p[2])) {
        struct diag_pos pos;

        t->n = 2 + number_length(p + 2, left - 2);
        t->kind = TOK_QTY;
        lx->operand = true;
        lx->at += t->n;
        return qty_parse(p, t->n, src_pos(lx->src, t->at, t->n, &pos), &t->q, reterr);
    }
    while (n < left &&
           (is_letter(p[n]) || is_digit(p[n]) ||
            (p[n] == '.' && n + 1 < left && (is_letter(p[n + 1]) || is_digit(p[n + 1])))))
        n++;
    t->kind = TOK_WORD;
    t->n = n;
    lx->operand = !is_keyword(p, n);
    lx->at += n;
    return 0;
}

static int lex_op(struct lexer *lx, struct token *t, struct diag *reterr)
{
    static const char *const ops[] = {"<=", ">=", "==", "!=", "..", "<", ">",
                                      "+",  "-",  "*",  "/",  "(",  ")", ","};
    const char *p = lx->src->text + lx->at;
    size_t left = lx->src->n - lx->at, n;
    struct diag_pos pos;

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        n = strlen(ops[i]);
        if (n > left || memcmp(p, ops[i], n) != 0)
            continue;
        t->kind = TOK_OP;
        t->n = n;
        str_copy(t->op, sizeof(t->op), ops[i]);
        lx->operand = ops[i][0] == ')';
        lx->at += n;
        return 0;
    }
    for (n = 1; n < left && is_tail(p[n]); n++)
        ;
    diag_at(reterr, E_SYNTAX, src_pos(lx->src, lx->at, n, &pos),
            "'%.*s' has no meaning in an expression", (int)n, p);
    if (*p == '=')
        diag_hint(reterr, "equality is written ==");
    else if (*p == '&' || *p == '|' || *p == '!')
        diag_hint(reterr, "written and, or, not");
    else if (*p == '%')
        diag_hint(reterr, "the remainder is written mod; a percent sign follows a number");
    return E_SYNTAX;
}

int lex_next(struct lexer *lx, struct token *ret, struct diag *reterr)
{
    const struct src *s = lx->src;
    char c, next;

    while (lx->at < s->n && s->text[lx->at] == ' ')
        lx->at++;
    *ret = (struct token){.kind = TOK_END, .at = lx->at};
    if (lx->at >= s->n)
        return 0;
    c = s->text[lx->at];
    next = lx->at + 1 < s->n ? s->text[lx->at + 1] : '\0';
    if (is_digit(c) || (c == '-' && !lx->operand && is_digit(next)))
        return lex_quantity(lx, ret, reterr);
    return is_letter(c) ? lex_word(lx, ret, reterr) : lex_op(lx, ret, reterr);
}

/* ---- The parser's hands ---- */

int parse_fail(struct parser *ps, int code, size_t at, size_t n, const char *fmt, ...)
{
    char text[DIAG_TEXT_MAX];
    struct diag_pos pos;
    va_list ap;

    if (ps->failed)
        return NODE_NONE;
    ps->failed = true;
    va_start(ap, fmt);
    if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
        text[0] = '\0';
    va_end(ap);
    FAIL(ps->c, code, src_pos(ps->src, at, n, &pos), "%s", text);
    ps->tok = (struct token){.kind = TOK_END, .at = ps->src->n};
    return NODE_NONE;
}

void parse_next(struct parser *ps)
{
    int rc;

    if (ps->failed)
        return;
    rc = lex_next(&ps->lx, &ps->tok, ps->c->d);
    if (rc < 0) {
        comp_note(ps->c, rc);
        ps->failed = true;
        ps->tok = (struct token){.kind = TOK_END, .at = ps->src->n};
    }
}

void parse_begin(struct parser *ps, struct comp *c, const struct src *src, unsigned use)
{
    *ps = (struct parser){.c = c, .src = src, .lx = {.src = src}, .use = use};
    parse_next(ps);
}

bool parse_is_word(const struct parser *ps, const char *word)
{
    return ps->tok.kind == TOK_WORD && strlen(word) == ps->tok.n &&
           memcmp(ps->src->text + ps->tok.at, word, ps->tok.n) == 0;
}

bool parse_word(struct parser *ps, const char *word)
{
    if (!parse_is_word(ps, word))
        return false;
    parse_next(ps);
    return true;
}

bool parse_is_op(const struct parser *ps, const char *op)
{
    return ps->tok.kind == TOK_OP && strcmp(ps->tok.op, op) == 0;
}

bool parse_op(struct parser *ps, const char *op)
{
    if (!parse_is_op(ps, op))
        return false;
    parse_next(ps);
    return true;
}

/* `withine 0.5 K`, `adn`: a word that nearly is one of the grammar's. */
static const char *near_keyword(const struct parser *ps)
{
    static const char *const words[] = {"and", "or", "for", "within", "of",    "over", "at", "as",
                                        "is",  "by", "mod", "else",   "where", "then", NULL};
    char word[16];

    if (ps->tok.kind != TOK_WORD || ps->tok.n >= sizeof(word))
        return NULL;
    memcpy(word, ps->src->text + ps->tok.at, ps->tok.n);
    word[ps->tok.n] = '\0';
    for (size_t i = 0; words[i]; i++)
        if (str_distance(word, words[i], 1) <= 1)
            return words[i];
    return NULL;
}

bool parse_end(struct parser *ps)
{
    size_t left = ps->src->n - ps->tok.at;
    const char *near;

    if (ps->failed)
        return false;
    if (ps->tok.kind == TOK_END)
        return true;
    near = near_keyword(ps);
    parse_fail(ps, E_SYNTAX, ps->tok.at, near ? ps->tok.n : left,
               "the expression ends before '%.*s'", (int)(left < 60 ? left : 60),
               ps->src->text + ps->tok.at);
    if (near)
        HINT(ps->c, "did you mean %s?", near);
    return false;
}

text_id parse_name(struct parser *ps)
{
    static const char *const stops[] = {"and", "or", "for"};
    size_t from = ps->tok.at, to = from;

    while (ps->tok.kind == TOK_WORD || ps->tok.kind == TOK_QTY) {
        for (size_t i = 0; i < ARRAY_LEN(stops); i++)
            if (to > from && parse_is_word(ps, stops[i]))
                goto done;
        to = ps->tok.at + ps->tok.n;
        parse_next(ps);
    }
done:
    if (ps->failed)
        return PROG_NONE;
    if (to == from || to - from > NAME_TEXT_MAX) {
        parse_fail(ps, E_SYNTAX, from, to - from,
                   to == from ? "a name is missing" : "the name is too long");
        return PROG_NONE;
    }
    return text_intern(ps->c, ps->src->text + from, to - from);
}
