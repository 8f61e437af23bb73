/* benchctl/report_text.c - a report as plain text and as Markdown. */
#include "benchctl/report_priv.h"

#include <string.h>

/* Notes stand one below the other. */
static bool follows_small(const struct report *r, size_t i)
{
    const struct report_block *b = (const struct report_block *)(const void *)r->blocks.p;

    return i > 0 && b[i].kind == BLOCK_SMALL && b[i - 1].kind == BLOCK_SMALL;
}

/* ---- Plain text ---- */

static void put_columns(FILE *to, const struct report_block *b)
{
    const char *const *cell = (const char *const *)(const void *)b->cells.p;
    struct table t;

    table_begin(&t, b->n_columns, b->right, NULL);
    for (size_t i = 0; i < b->cells.n; i++) {
        table_cell(&t, "%s", cell[i]);
    }
    table_print(&t, to);
}

static void put_underlined(FILE *to, const char *text, char with)
{
    fprintf(to, "%s\n", text);
    for (size_t i = strlen(text); i > 0; i--) {
        putc(with, to);
    }
    putc('\n', to);
}

void report_plain(const struct report *r, FILE *to)
{
    const struct report_block *b = (const struct report_block *)(const void *)r->blocks.p;

    put_underlined(to, r->title, '=');
    for (size_t i = 0; i < r->blocks.n; i++, b++) {
        if (!follows_small(r, i)) {
            putc('\n', to);
        }
        switch (b->kind) {
        case BLOCK_HEADING: put_underlined(to, b->text, '-'); break;
        case BLOCK_SMALL:
        case BLOCK_TEXT: fprintf(to, "%s\n", b->text); break;
        case BLOCK_LOUD: fprintf(to, "!! %s\n", b->text); break;
        case BLOCK_TABLE:
        case BLOCK_KEYS:
            if (b->text) {
                fprintf(to, "%s\n", b->text);
            }
            put_columns(to, b);
            break;
        case BLOCK_PICTURE:
            if (b->drawing) {
                fprintf(to, "%s\n\n%s", b->text, b->drawing);
            }
            break;
        }
    }
    if (r->not_drawn[0]) {
        fprintf(to, "\n!! Pictures are missing: %s\n", r->not_drawn);
    }
    fputs("\nMade by benchctl " BENCHCTL_VERSION " from the run file alone.\n", to);
}

/* ---- Markdown ---- */

static void put_escaped(FILE *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (strchr("|*_`<>[]\\#", *p)) {
            putc('\\', to);
        }
        putc(*p == '\n' ? ' ' : *p, to);
    }
}

static void put_cells(FILE *to, const struct report_block *b, size_t from)
{
    const char *const *cell = (const char *const *)(const void *)b->cells.p;

    for (unsigned i = 0; i < b->n_columns; i++) {
        fputs("| ", to);
        put_escaped(to, from + i < b->cells.n ? cell[from + i] : "");
        putc(' ', to);
    }
    fputs("|\n", to);
}

static void put_rule(FILE *to, const struct report_block *b)
{
    for (unsigned i = 0; i < b->n_columns; i++) {
        fputs((b->right >> i & 1U) != 0 ? "|---:" : "|---", to);
    }
    fputs("|\n", to);
}

static void put_pipes(FILE *to, const struct report_block *b)
{
    size_t from = 0;

    if (b->text) {
        putc('*', to);
        put_escaped(to, b->text);
        fputs("*\n\n", to);
    }
    if (b->kind == BLOCK_TABLE) {
        put_cells(to, b, 0);
        from = b->n_columns;
    } else {
        for (unsigned i = 0; i < b->n_columns; i++) {
            fputs("|  ", to);
        }
        fputs("|\n", to);
    }
    put_rule(to, b);
    for (; from < b->cells.n; from += b->n_columns) {
        put_cells(to, b, from);
    }
}

static void put_line(FILE *to, const char *before, const char *text, const char *after)
{
    fputs(before, to);
    put_escaped(to, text);
    fputs(after, to);
}

void report_markdown(const struct report *r, FILE *to)
{
    const struct report_block *b = (const struct report_block *)(const void *)r->blocks.p;

    put_line(to, "# ", r->title, "\n");
    for (size_t i = 0; i < r->blocks.n; i++, b++) {
        if (!follows_small(r, i)) {
            putc('\n', to);
        }
        switch (b->kind) {
        case BLOCK_HEADING: put_line(to, "## ", b->text, "\n"); break;
        case BLOCK_SMALL: put_line(to, "- ", b->text, "\n"); break;
        case BLOCK_TEXT: put_line(to, "", b->text, "\n"); break;
        case BLOCK_LOUD: put_line(to, "**", b->text, "**\n"); break;
        case BLOCK_TABLE:
        case BLOCK_KEYS: put_pipes(to, b); break;
        case BLOCK_PICTURE:
            if (b->drawing) {
                put_line(to, "*", b->text, "*\n\n```\n");
                fprintf(to, "%s```\n", b->drawing);
            }
            break;
        }
    }
    if (r->not_drawn[0]) {
        put_line(to, "\n**Pictures are missing: ", r->not_drawn, "**\n");
    }
    fputs("\nMade by benchctl " BENCHCTL_VERSION " from the run file alone.\n", to);
}
