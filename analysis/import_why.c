/* analysis/import_why.c - how a file was read, for a person to check. */
#include "analysis/import.h"

#include <string.h>

static const char *separator_text(char c)
{
    return c == '\t' ? "tab" : c == ';' ? "semicolon" : "comma";
}

static void left_out(const struct import_report *r, struct text *to)
{
    const char *last = NULL;

    for (unsigned i = 0; i < r->n_columns; i++) {
        const struct import_column *c = &r->column[i];

        if (c->name[0] != '\0' || c->header[0] == '\0')
            continue;
        if (!last)
            text_add(to, "  left out:");
        text_add(to, "%s `%s` (%s)", last ? "," : "", c->header, c->why ? c->why : "not needed");
        last = c->header;
    }
    if (last)
        text_add(to, "\n");
}

void import_why(const struct import_report *r, struct text *to)
{
    text_add(to, "  dialect %s, header in line %d, columns apart by %s, decimal `%c`\n", r->dialect,
             r->header_line, separator_text(r->separator), r->decimal);
    for (unsigned i = 0; i < r->n_why; i++)
        text_add(to, "  %s\n", r->why[i]);
    for (unsigned i = 0; i < r->n_columns; i++) {
        const struct import_column *c = &r->column[i];

        if (c->name[0] == '\0')
            continue;
        text_add(to, "  %-28s %-8s -> %s", c->header, c->unit, c->name);
        if (c->unit[0] != '\0' && !c->unit_stated)
            text_add(to, " (the unit is not in the header)");
        if (c->invalid > 0)
            text_add(to, " (%llu cells not valid)", (unsigned long long)c->invalid);
        text_add(to, "\n");
    }
    left_out(r, to);
}
