/* benchctl/foreign_source.c - places in a text that is not YAML. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <jansson.h>
#include <string.h>

void foreign_source_init(struct foreign_source *s, const char *file, const char *text, size_t n,
                         struct arena *arena)
{
    unsigned line = 1;

    *s = (struct foreign_source){.file = file, .text = text, .n = n, .arena = arena, .n_lines = 1};
    for (size_t i = 0; i < n; i++)
        s->n_lines += text[i] == '\n';
    s->line_start = arena_alloc(arena, s->n_lines * sizeof(*s->line_start));
    s->line_text = arena_alloc(arena, s->n_lines * sizeof(*s->line_text));
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n')
            s->line_start[line++] = i + 1;
}

static unsigned line_of(const struct foreign_source *s, size_t at)
{
    unsigned lo = 0, hi = s->n_lines - 1;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo + 1) / 2;

        if (s->line_start[mid] <= at)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

static int count_chars(const char *p, size_t n)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xC0u) != 0x80u;
    return count;
}

struct diag_pos foreign_pos(struct foreign_source *s, size_t from, size_t to)
{
    unsigned line = line_of(s, from);
    size_t start = s->line_start[line],
           end = line + 1 < s->n_lines ? s->line_start[line + 1] - 1 : s->n;

    if (end > start && s->text[end - 1] == '\r')
        end--;
    if (!s->line_text[line])
        s->line_text[line] = arena_dup_n(s->arena, s->text + start, end - start);
    from = from < end ? from : end;
    to = to < end ? to : end;
    return (struct diag_pos){
        .file = s->file,
        .line = (int)line + 1,
        .column = 1 + count_chars(s->text + start, from - start),
        .length = to > from ? count_chars(s->text + from, to - from) : 1,
        .text = s->line_text[line],
    };
}

struct diag_pos foreign_inside(const struct diag_pos *pos, bool exact, const char *text, size_t at,
                               size_t n)
{
    struct diag_pos p = *pos;

    if (!exact)
        return p;
    p.column += count_chars(text, at);
    p.length = n > 0 ? count_chars(text + at, n) : 1;
    return p;
}

/* ---- JSON with places ----
 *
 * The JSON library says whether it is JSON; the places of its values come from the reader of our
 * own YAML, of which JSON is a part. */

/* Outside its texts a tab is a blank, and null is what an empty text is to unicycler. */
static char *as_yaml(const char *text, size_t n, struct arena *arena)
{
    char *y = arena_dup_n(arena, text, n);
    bool inside = false;

    for (size_t i = 0; i < n; i++) {
        if (inside && y[i] == '\\') {
            i++;
        } else if (y[i] == '"') {
            inside = !inside;
        } else if (!inside && y[i] == '\t') {
            y[i] = ' ';
        } else if (!inside && n - i >= 4 && memcmp(y + i, "null", 4) == 0) {
            memcpy(y + i, "\"\"  ", 4);
            i += 3;
        }
    }
    return y;
}

int foreign_json(const char *file, const char *text, size_t n, struct foreign *f,
                 struct conf_doc *ret, struct diag *reterr)
{
    struct foreign_source src;
    struct diag_pos pos;
    json_error_t e;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    char *yaml;

    if (!root) {
        size_t at = e.position > 0 && (size_t)e.position <= n ? (size_t)e.position - 1 : 0;

        foreign_source_init(&src, file, text, n, &f->arena);
        pos = foreign_pos(&src, at, at + 1);
        return diag_at(reterr, E_SYNTAX, &pos, "this is not JSON: %s", e.text);
    }
    json_decref(root);
    yaml = as_yaml(text, n, &f->arena);
    return conf_load_text(file, yaml, n, ret, reterr);
}
