/* base/conf_text.c - the damage that YAML does before and between the scalars. */
#include "base/conf_priv.h"

#include "base/err.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Lines and places ---- */

void source_init(struct source *s, struct conf_doc *doc, struct diag *reterr)
{
    int line = 1;

    *s = (struct source){.doc = doc, .reterr = reterr, .n_lines = 1};
    for (size_t i = 0; i < doc->n; i++)
        s->n_lines += doc->text[i] == '\n';
    s->line_start = arena_alloc(&s->scratch, (size_t)s->n_lines * sizeof(*s->line_start));
    s->line_text = arena_alloc(&s->scratch, (size_t)s->n_lines * sizeof(*s->line_text));
    for (size_t i = 0; i < doc->n; i++)
        if (doc->text[i] == '\n')
            s->line_start[line++] = i + 1;
}

void source_done(struct source *s)
{
    arena_done(&s->scratch);
}

void source_add_span(struct source *s, size_t from, size_t to)
{
    if (s->n_spans == s->span_room) {
        size_t room = s->span_room ? s->span_room * 2 : 64;
        struct span *more = arena_alloc(&s->scratch, room * sizeof(*more));

        if (s->n_spans > 0)
            memcpy(more, s->span, s->n_spans * sizeof(*more));
        s->span = more;
        s->span_room = room;
    }
    s->span[s->n_spans++] = (struct span){from, to};
}

static int line_of(const struct source *s, size_t offset)
{
    int lo = 0, hi = s->n_lines - 1;

    while (lo < hi) {
        int mid = lo + (hi - lo + 1) / 2;

        if (s->line_start[mid] <= offset)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

static size_t line_end(const struct source *s, int line)
{
    return line + 1 < s->n_lines ? s->line_start[line + 1] - 1 : s->doc->n;
}

static const char *line_text(struct source *s, int line)
{
    if (!s->line_text[line]) {
        size_t from = s->line_start[line], to = line_end(s, line);

        if (to > from && s->doc->text[to - 1] == '\r')
            to--;
        s->line_text[line] = arena_dup_n(&s->doc->arena, s->doc->text + from, to - from);
    }
    return s->line_text[line];
}

static int count_chars(const char *p, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xC0u) != 0x80u;
    return count;
}

struct diag_pos source_pos(struct source *s, size_t from, size_t to)
{
    int line = line_of(s, from);
    size_t start = s->line_start[line], end = line_end(s, line);

    if (to > end)
        to = end;
    return (struct diag_pos){
        .file = s->doc->file,
        .line = line + 1,
        .column = 1 + count_chars(s->doc->text + start, from - start),
        .length = to > from ? count_chars(s->doc->text + from, to - from) : 1,
        .text = line_text(s, line),
    };
}

void source_refuse(struct source *s, int code, size_t from, size_t to, const char *hint,
                   const char *fmt, ...)
{
    struct diag_pos pos = source_pos(s, from, to);
    char text[DIAG_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    diag_at(s->reterr, code, &pos, "%s", text);
    if (hint)
        diag_hint(s->reterr, "%s", hint);
    if (s->code == 0)
        s->code = code;
}

/* ---- Bytes ---- */

/* Length of the character at p and its number; 0 when it is not UTF-8. */
static size_t decode(const char *p, size_t n, uint32_t *ret_char)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)p[0];
    size_t len = c < 0x80u ? 1 : c >= 0xF0u ? 4 : c >= 0xE0u ? 3 : 2;
    uint32_t v = len == 1 ? c : c & (0xFFu >> (len + 1));

    if ((c >= 0x80u && c < 0xC2u) || c > 0xF4u || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        unsigned char tail = (unsigned char)p[i];

        if ((tail & 0xC0u) != 0x80u)
            return 0;
        v = v << 6 | (tail & 0x3Fu);
    }
    if (v < least[len] || v > 0x10FFFFu || (v >= 0xD800u && v <= 0xDFFFu))
        return 0;
    *ret_char = v;
    return len;
}

/* Blanks and marks that look like nothing or like a blank, and line ends that only some programs
 * see. */
static bool is_deceptive(uint32_t c)
{
    return c == 0x85 || c == 0xA0 || c == 0xAD || (c >= 0x2000 && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202F) || (c >= 0x205F && c <= 0x206F) || c == 0x3000 ||
           c == 0xFEFF;
}

static bool check_char(struct source *s, size_t at, size_t len, uint32_t c)
{
    const char *text = s->doc->text;

    if (at == 0 && c == 0xFEFF) {
        source_refuse(s, E_INVALID, at, at + len, "save it as UTF-8 without a mark",
                      "the file begins with a byte order mark");
        return false;
    }
    if (is_deceptive(c)) {
        source_refuse(s, E_INVALID, at, at + len, "replace it by a blank of the keyboard",
                      "an invisible character or unusual blank (U+%04X)", c);
        return false;
    }
    if (c == '\r' && at + 1 < s->doc->n && text[at + 1] == '\n')
        return true;
    if ((c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0)) {
        source_refuse(
            s, E_INVALID, at, at + len, NULL,
            c == 0 ? "a NUL byte: this is not a text file" : "a control character (U+%04X)", c);
        return false;
    }
    return true;
}

static bool is_marker(const char *p, size_t n, char c)
{
    return n >= 3 && p[0] == c && p[1] == c && p[2] == c &&
           (n == 3 || p[3] == ' ' || p[3] == '\t' || p[3] == '\r');
}

/* Markers and directives stand at the first column; `content` tells that something came before. */
static void check_line_start(struct source *s, int line, bool *content)
{
    size_t from = s->line_start[line], end = line_end(s, line), i = from;
    const char *text = s->doc->text;
    bool tab = false;

    if (is_marker(text + from, end - from, '-')) {
        if (*content)
            source_refuse(s, E_INVALID, from, from + 3, "one file holds one document",
                          "a second document begins here");
        *content = true;
        return;
    }
    if (is_marker(text + from, end - from, '.')) {
        source_refuse(s, E_INVALID, from, from + 3, "remove the line",
                      "an end mark: what follows would be lost");
        return;
    }
    if (end > from && text[from] == '%') {
        source_refuse(s, E_INVALID, from, end, "remove the line",
                      "YAML directives are not read here");
        return;
    }
    for (; i < end && (text[i] == ' ' || text[i] == '\t'); i++)
        tab |= text[i] == '\t';
    if (i == end || text[i] == '\r')
        return;
    if (tab)
        source_refuse(s, E_INVALID, from, i, "indent with blanks", "a tab in the indentation");
    *content |= text[i] != '#';
}

void source_check_bytes(struct source *s)
{
    bool content = false;

    for (size_t i = 0; i < s->doc->n;) {
        uint32_t c = 0;
        size_t len = decode(s->doc->text + i, s->doc->n - i, &c);

        if (len == 0) {
            source_refuse(s, E_INVALID, i, i + 1, "save the file as UTF-8",
                          "a byte that is not UTF-8 (0x%02X)",
                          (unsigned)(unsigned char)s->doc->text[i]);
            return; /* the rest may be another encoding altogether */
        }
        if (!check_char(s, i, len, c) && c == 0)
            return;
        i += len;
    }
    for (int line = 0; line < s->n_lines; line++)
        check_line_start(s, line, &content);
}

/* ---- Between the scalars ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t word_end(const char *text, size_t i, size_t end)
{
    while (i < end && !is_blank(text[i]) && !strchr(",[]{}", text[i]))
        i++;
    return i;
}

/* A comment from byte i on. Returns the end of the line. */
static size_t check_comment(struct source *s, size_t i)
{
    const char *text = s->doc->text;
    size_t end = line_end(s, line_of(s, i)), j = i;
    bool first = i == 0 || text[i - 1] == '\n', after_blank = first || is_blank(text[i - 1]);

    while (j < end && text[j] == '#')
        j++;
    if (j < end && !is_blank(text[j]))
        source_refuse(s, E_INVALID, i, word_end(text, i, end),
                      "a comment begins with '# '; a text with # is quoted",
                      "YAML would cut the line at this #");
    else if (!after_blank)
        source_refuse(s, E_INVALID, i, i + 1, "a blank before the comment",
                      "a # without a blank before it");
    return end;
}

/* An indicator that this strict form does without. Returns where to go on. */
static size_t check_indicator(struct source *s, size_t i, size_t end)
{
    const char *text = s->doc->text;
    size_t to = word_end(text, i, end);

    switch (text[i]) {
    case '&':
    case '*':
        source_refuse(s, E_INVALID, i, to, "write the text twice, or quote it",
                      text[i] == '&' ? "anchors are not read here" : "aliases are not read here");
        return to;
    case '!':
        source_refuse(s, E_INVALID, i, to, "leave it out, or quote the text",
                      "tags are not read here");
        return to;
    case '?':
        source_refuse(s, E_INVALID, i, i + 1, "write key: value",
                      "the long form of keys is not read here");
        return i + 1;
    case '|':
    case '>': return line_end(s, line_of(s, i)); /* the scalar itself was refused */
    default:
        source_refuse(s, E_SYNTAX, i, to, NULL, "this cannot be read here");
        return to > i ? to : i + 1;
    }
}

static void check_gap(struct source *s, size_t i, size_t end)
{
    const char *text = s->doc->text;

    while (i < end) {
        char c = text[i];

        if (c == '#') {
            i = check_comment(s, i);
        } else if (c == ',') {
            if (i > 0 && i + 1 < s->doc->n && text[i - 1] >= '0' && text[i - 1] <= '9' &&
                text[i + 1] >= '0' && text[i + 1] <= '9')
                source_refuse(s, E_INVALID, i, i + 1,
                              "a decimal point for one number, a blank after the comma for two",
                              "a comma between two digits");
            i++;
        } else if (is_blank(c) || strchr("-:[]{}", c)) {
            i++;
        } else {
            i = check_indicator(s, i, end);
        }
    }
}

void source_check_between(struct source *s, size_t end)
{
    size_t at = 0;

    for (size_t k = 0; k < s->n_spans; k++) {
        size_t from = s->span[k].from;

        check_gap(s, at, from < end ? from : end);
        at = s->span[k].to;
    }
    check_gap(s, at, end);
}

/* ---- Searching where YAML gave up ---- */

size_t source_skip_blanks(const struct source *s, size_t at)
{
    const char *text = s->doc->text;

    while (at < s->doc->n) {
        if (text[at] == '#' && at > 0 && is_blank(text[at - 1]))
            at = line_end(s, line_of(s, at));
        else if (is_blank(text[at]))
            at++;
        else
            break;
    }
    return at;
}

/* The end of the quoted text that begins at `at`, on the same line. */
static size_t quote_end(const char *text, size_t at, size_t end)
{
    size_t i = at + 1;

    while (i < end && text[i] != text[at])
        i += text[at] == '"' && text[i] == '\\' ? 2 : 1;
    return i < end ? i : end;
}

static size_t open_in_line(const struct source *s, size_t from, size_t end)
{
    const char *text = s->doc->text;
    size_t opened = s->doc->n;
    int depth = 0;

    for (size_t i = from; i < end; i++) {
        bool starts = i == from || strchr(" \t,:[{", text[i - 1]) != NULL;

        if (text[i] == '#' && starts)
            break;
        if ((text[i] == '"' || text[i] == '\'') && starts) {
            i = quote_end(text, i, end);
        } else if (text[i] == '[' || text[i] == '{') {
            opened = depth++ == 0 ? i : opened;
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0) {
            depth--;
        }
    }
    return depth > 0 ? opened : s->doc->n;
}

size_t source_open_bracket(const struct source *s, size_t from, size_t to)
{
    for (int line = line_of(s, from); line < s->n_lines && s->line_start[line] < to; line++) {
        size_t start = s->line_start[line] > from ? s->line_start[line] : from;
        size_t found = open_in_line(s, start, line_end(s, line));

        if (found < s->doc->n)
            return found;
    }
    return s->doc->n;
}
