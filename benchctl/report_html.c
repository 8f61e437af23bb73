/* benchctl/report_html.c - a report as one HTML file that needs nothing else: styles and pictures
 * are in it, and it is set for A4 paper as well as for a screen. */
#include "benchctl/report_priv.h"

#include <string.h>

enum {
    WHOLE_ROWS = 16,
    WIDE_COLUMNS = 9
};

static const char style[] =
    "@page { size: A4; margin: 16mm 15mm 18mm 15mm; }\n"
    "html { font: 10.5pt/1.4 'Liberation Sans', Arial, Helvetica, sans-serif; color: #1a1a1a; }\n"
    "body { max-width: 180mm; margin: 8mm auto; padding: 0 4mm; background: #fff; }\n"
    "h1 { font-size: 17pt; margin: 0 0 2mm; line-height: 1.2; }\n"
    "h2 { font-size: 12.5pt; margin: 7mm 0 2mm; padding-bottom: 0.7mm;\n"
    "     border-bottom: 0.3mm solid #1f4e9c; break-after: avoid; }\n"
    "p { margin: 0 0 2mm; }\n"
    "p.small { margin: 0 0 0.6mm; font-size: 8.5pt; color: #444; }\n"
    "p.small + table, p.small + figure { margin-top: 5mm; }\n"
    ".loud { border-left: 1.2mm solid #b3261e; padding: 1mm 3mm; background: #fbeeed;\n"
    "        font-weight: bold; }\n"
    "table { border-collapse: collapse; width: 100%; margin: 1.5mm 0 3.5mm; font-size: 9pt;\n"
    "        font-variant-numeric: tabular-nums; }\n"
    "caption { text-align: left; font-style: italic; padding: 1mm 0; color: #333; }\n"
    "th { text-align: left; font-weight: bold; white-space: nowrap;\n"
    "     border-bottom: 0.3mm solid #444; }\n"
    "th, td { padding: 0.6mm 2mm 0.6mm 0; vertical-align: top; overflow-wrap: break-word; }\n"
    "td { border-bottom: 0.15mm solid #ccc; }\n"
    "th.r, td.r { text-align: right; white-space: nowrap; padding-right: 3mm; }\n"
    "table.wide { font-size: 8pt; }\n"
    "table.wide th { white-space: normal; vertical-align: bottom; }\n"
    "thead { display: table-header-group; }\n"
    "tr, table.whole { break-inside: avoid; }\n"
    "table.keys td:first-child { width: 38mm; color: #444; }\n"
    "td.mono { font: 7pt/1.7 'Liberation Mono', 'Courier New', monospace; white-space: nowrap; }\n"
    "figure { margin: 2mm 0 4mm; break-inside: avoid; }\n"
    "figure svg { width: 100%; height: auto; display: block; }\n"
    "figcaption { font-style: italic; font-size: 9pt; color: #333; }\n"
    "footer { margin-top: 6mm; font-size: 8.5pt; color: #555; }\n"
    "@media print { body { max-width: none; margin: 0; padding: 0; } }\n";

/* A number and its unit are not torn apart at the end of a line. */
static bool keeps_together(const char *text, const char *blank)
{
    return blank > text && blank[-1] >= '0' && blank[-1] <= '9' &&
           ((blank[1] >= 'A' && blank[1] <= 'Z') || (blank[1] >= 'a' && blank[1] <= 'z') ||
            blank[1] == '%');
}

/* Units as they are printed; the rest as it is. */
static void put_text(FILE *to, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool begins = p == text || strchr(" (-", p[-1]);
        size_t n = 0;
        const char *better = begins ? plot_pretty_unit(p, &n) : NULL;

        if (better && (p[n] == '\0' || strchr(" ,;)/", p[n]))) {
            fputs(better, to);
            p += n - 1;
            continue;
        }
        switch (*p) {
        case ' ': fputs(keeps_together(text, p) ? "&nbsp;" : " ", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        case '&': fputs("&amp;", to); break;
        case '"': fputs("&quot;", to); break;
        default:
            if ((unsigned char)*p >= 0x20 || *p == '\n' || *p == '\t') {
                putc(*p, to);
            }
        }
    }
}

static void put_element(FILE *to, const char *begin, const char *text, const char *end)
{
    fputs(begin, to);
    put_text(to, text);
    fputs(end, to);
}

/* A hash is read digit by digit. */
static bool is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void put_row(FILE *to, const struct report_block *b, size_t from, bool header)
{
    const char *const *cell = (const char *const *)(const void *)b->cells.p;

    fputs("<tr>", to);
    for (unsigned i = 0; i < b->n_columns; i++) {
        bool right = (b->right >> i & 1U) != 0;
        const char *text = from + i < b->cells.n ? cell[from + i] : "";

        fprintf(to, "<%s%s>", header ? "th" : "td",
                right           ? " class=\"r\""
                : is_hash(text) ? " class=\"mono\""
                                : "");
        put_text(to, text);
        fprintf(to, "</%s>", header ? "th" : "td");
    }
    fputs("</tr>\n", to);
}

static void put_table(FILE *to, const struct report_block *b)
{
    bool header = b->kind == BLOCK_TABLE;

    bool whole = b->cells.n <= (size_t)WHOLE_ROWS * b->n_columns; /* not cut by the end of a page */

    fprintf(to, "<table class=\"%s%s%s\">\n", header ? "list" : "keys", whole ? " whole" : "",
            b->n_columns >= WIDE_COLUMNS ? " wide" : "");
    if (b->text) {
        put_element(to, "<caption>", b->text, "</caption>\n");
    }
    if (header) {
        fputs("<thead>", to);
        put_row(to, b, 0, true);
        fputs("</thead>\n", to);
    }
    fputs("<tbody>\n", to);
    for (size_t i = header ? b->n_columns : 0; i < b->cells.n; i += b->n_columns) {
        put_row(to, b, i, false);
    }
    fputs("</tbody>\n</table>\n", to);
}

static void put_block(FILE *to, const struct report_block *b)
{
    switch (b->kind) {
    case BLOCK_HEADING: put_element(to, "<h2>", b->text, "</h2>\n"); break;
    case BLOCK_SMALL: put_element(to, "<p class=\"small\">", b->text, "</p>\n"); break;
    case BLOCK_TEXT: put_element(to, "<p>", b->text, "</p>\n"); break;
    case BLOCK_LOUD: put_element(to, "<p class=\"loud\">", b->text, "</p>\n"); break;
    case BLOCK_TABLE:
    case BLOCK_KEYS: put_table(to, b); break;
    case BLOCK_PICTURE:
        if (b->drawing) {
            fputs("<figure>\n", to);
            fputs(b->drawing, to);
            put_element(to, "<figcaption>", b->text, "</figcaption>\n</figure>\n");
        }
        break;
    }
}

void report_html(const struct report *r, FILE *to)
{
    const struct report_block *b = (const struct report_block *)(const void *)r->blocks.p;

    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width\">\n",
          to);
    put_element(to, "<title>", r->title, "</title>\n");
    fprintf(to, "<style>\n%s</style>\n</head>\n<body>\n", style);
    put_element(to, "<h1>", r->title, "</h1>\n");
    for (size_t i = 0; i < r->blocks.n; i++) {
        put_block(to, &b[i]);
    }
    if (r->not_drawn[0]) {
        put_element(to, "<p class=\"loud\">Pictures are missing: ", r->not_drawn, "</p>\n");
    }
    fputs("<footer>Made by benchctl " BENCHCTL_VERSION " from the run file alone.</footer>\n"
          "</body>\n</html>\n",
          to);
}
