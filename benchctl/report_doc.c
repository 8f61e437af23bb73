/* benchctl/report_doc.c - a report being put together, block by block. */
#include "benchctl/report_priv.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    DRAWING_MAX = 16 << 20,
    TERMINAL_COLUMNS = 96,
    TERMINAL_ROWS = 22
};

void report_begin(struct report *r, enum report_form form)
{
    memset(r, 0, sizeof(*r));
    r->form = form;
    r->title = "";
    r->blocks.each = sizeof(struct report_block);
    arena_init(&r->arena);
}

void report_done(struct report *r)
{
    for (size_t i = 0; i < r->blocks.n; i++) {
        list_done(&((struct report_block *)(void *)r->blocks.p)[i].cells);
    }
    list_done(&r->blocks);
    arena_done(&r->arena);
}

static struct report_block *block_add(struct report *r, enum block_kind kind)
{
    struct report_block b = {.kind = kind, .cells = {.each = sizeof(const char *)}};

    return list_add(&r->blocks, &b);
}

static struct report_block *last_block(struct report *r)
{
    return r->blocks.n > 0 ? (struct report_block *)(void *)r->blocks.p + r->blocks.n - 1 : NULL;
}

static const char *keep(struct report *r, const char *fmt, va_list ap)
{
    va_list again;
    char *text;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    ASSERT(n >= 0);
    text = arena_alloc(&r->arena, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, ap);
    return text;
}

#define TEXT_BLOCK(name, kind)                        \
    void name(struct report *r, const char *fmt, ...) \
    {                                                 \
        struct report_block *b = block_add(r, kind);  \
        va_list ap;                                   \
                                                      \
        va_start(ap, fmt);                            \
        b->text = keep(r, fmt, ap);                   \
        va_end(ap);                                   \
    }
TEXT_BLOCK(report_heading, BLOCK_HEADING)
TEXT_BLOCK(report_text, BLOCK_TEXT)
TEXT_BLOCK(report_small, BLOCK_SMALL)
TEXT_BLOCK(report_loud, BLOCK_LOUD)

void report_table(struct report *r, const char *caption, unsigned n_columns, unsigned right,
                  const char *const *headers)
{
    struct report_block *b = block_add(r, BLOCK_TABLE);

    b->text = caption ? arena_dup(&r->arena, caption) : NULL;
    b->n_columns = n_columns;
    b->right = right;
    for (unsigned i = 0; i < n_columns; i++) {
        const char *header = arena_dup(&r->arena, headers[i]);

        list_add(&b->cells, &header);
    }
}

void report_cell(struct report *r, const char *fmt, ...)
{
    struct report_block *b = last_block(r);
    const char *text;
    va_list ap;

    ASSERT(b && (b->kind == BLOCK_TABLE || b->kind == BLOCK_KEYS));
    va_start(ap, fmt);
    text = keep(r, fmt, ap);
    va_end(ap);
    list_add(&b->cells, &text);
}

void report_key(struct report *r, const char *name, const char *fmt, ...)
{
    struct report_block *b = last_block(r);
    const char *text;
    va_list ap;

    if (!b || b->kind != BLOCK_KEYS) {
        b = block_add(r, BLOCK_KEYS);
        b->n_columns = 2;
    }
    text = arena_dup(&r->arena, name);
    list_add(&b->cells, &text);
    va_start(ap, fmt);
    text = keep(r, fmt, ap);
    va_end(ap);
    list_add(&b->cells, &text);
}

/* ---- Pictures ---- */

static char *read_back(FILE *from, size_t *ret_n)
{
    long n = fseek(from, 0, SEEK_END) == 0 ? ftell(from) : -1;
    char *text = n >= 0 && n < DRAWING_MAX ? malloc((size_t)n + 1) : NULL;

    if (!text) {
        return NULL;
    }
    rewind(from);
    *ret_n = fread(text, 1, (size_t)n, from);
    text[*ret_n] = '\0';
    return text;
}

/* Several drawings share one page: each gets its own names, and what stands before <svg goes. */
static const char *svg_alone(struct report *r, const char *svg, unsigned number)
{
    static const char *const marks[] = {"id=\"", "id='", "href=\"#", "href='#", "url(#"};
    struct text out = {0};
    const char *p = strstr(svg, "<svg"), *kept;

    while (p && *p) {
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(marks) && n == 0; i++) {
            n = str_starts(p, marks[i]) ? strlen(marks[i]) : 0;
        }
        if (n > 0) {
            text_add(&out, "%.*sp%u-", (int)n, p, number);
        } else {
            text_add_n(&out, p, n = 1);
        }
        p += n;
    }
    kept = out.p ? arena_dup_n(&r->arena, out.p, out.n) : NULL;
    text_done(&out);
    return kept;
}

/* gnuplot fills the lines of a terminal with blanks. */
static const char *lines_alone(struct report *r, const char *drawn)
{
    struct text out = {0};
    const char *kept;

    for (const char *p = drawn; *p;) {
        size_t n = strcspn(p, "\n"), used = n;

        while (used > 0 && strchr(" \f\r", p[used - 1])) {
            used--;
        }
        if (used > 0 || out.n > 0) {
            text_add_n(&out, p, used);
            text_add_n(&out, "\n", 1);
        }
        p += n + (p[n] != '\0');
    }
    kept = out.p ? arena_dup_n(&r->arena, out.p, out.n) : NULL;
    text_done(&out);
    return kept;
}

static const char *draw(struct report *r, const struct picture *p, unsigned width, unsigned height,
                        struct diag *reterr)
{
    struct plot_target to = {.as = PLOT_SVG, .width = width, .height = height};
    FILE *drawn = tmpfile();
    struct text script = {0};
    const char *kept = NULL;
    char *text = NULL;
    size_t n = 0;

    if (!drawn) {
        diag_add(reterr, E_IO, "cannot make a temporary file");
        return NULL;
    }
    if (r->form != REPORT_HTML) {
        to = (struct plot_target){
            .as = PLOT_TERMINAL, .columns = TERMINAL_COLUMNS, .rows = TERMINAL_ROWS};
    }
    plot_script(p, &to, &script);
    if (plot_run(script.p, script.n, NULL, drawn, reterr) == 0) {
        text = read_back(drawn, &n);
    }
    if (text) {
        kept = r->form == REPORT_HTML ? svg_alone(r, text, ++r->n_pictures) : lines_alone(r, text);
    }
    free(text);
    text_done(&script);
    fclose(drawn);
    return kept;
}

void report_picture(struct report *r, const char *caption, struct picture *p, unsigned width,
                    unsigned height)
{
    bool any = false;
    struct report_block *b;
    struct diag d;

    diag_init(&d);
    for (unsigned i = 0; i < p->n; i++) {
        any = any || panel_has_points(&p->panel[i]);
    }
    if (!any) {
        return;
    }
    p->stacked = true;
    b = block_add(r, BLOCK_PICTURE);
    b->text = arena_dup(&r->arena, caption);
    b->drawing = draw(r, p, width, height, &d);
    if (!b->drawing && d.n > 0) {
        str_copy(r->not_drawn, sizeof(r->not_drawn), d.finding[0].text);
    }
}
