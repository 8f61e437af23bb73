/* analysis/import_head.c - the beginning of a file: which line is the header, which dialect it
 * speaks, what its columns become.
 */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    NAMED_COLUMNS_MIN = 5, /* that a cycler's table must share with a file that has no other mark */
    FEW_PENALTY = 1000,
    MARK_SCORE = 10
};

/* ---- Messages ---- */

int import_error(struct diag *d, int code, const struct place *at, const char *line, size_t n,
                 size_t column, const char *fmt, ...)
{
    char text[1024], message[DIAG_TEXT_MAX];
    struct diag_pos pos = {
        .file = at->file, .line = at->line, .column = column ? (int)column : 1, .length = 1};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    if (line && n < sizeof(text)) {
        for (size_t i = 0; i < n; i++)
            text[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : line[i] == '\t' ? ' ' : '?';
        text[n] = '\0';
        pos.text = text;
    }
    return diag_at(d, code, &pos, "%s", message);
}

void import_note_why(struct import_report *r, const char *fmt, ...)
{
    va_list ap;

    if (r->n_why == IMPORT_WHY_MAX)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(r->why[r->n_why++], sizeof(r->why[0]), fmt, ap);
    va_end(ap);
}

/* ---- Lines and cells ---- */

bool import_line(const char **p, const char *end, bool whole, struct span *ret)
{
    const char *begin = *p, *newline;

    if (begin >= end)
        return false;
    newline = memchr(begin, '\n', (size_t)(end - begin));
    if (!newline && !whole)
        return false;
    *p = newline ? newline + 1 : end;
    if (!newline)
        newline = end;
    if (newline > begin && newline[-1] == '\r')
        newline--;
    *ret = (struct span){begin, (size_t)(newline - begin)};
    return true;
}

static struct span cell_trim(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '~'))
        p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (end - p >= 2 && *p == '"' && end[-1] == '"') {
        p++;
        end--;
    }
    return (struct span){p, (size_t)(end - p)};
}

unsigned import_split(struct span line, char separator, struct span cell[IMPORT_CELLS_MAX])
{
    const char *p = line.p, *end = line.p + line.n, *begin = p;
    bool quoted = false;
    unsigned n = 0;

    for (; p <= end && n < IMPORT_CELLS_MAX; p++) {
        if (p < end && *p == '"')
            quoted = !quoted;
        if (p < end && (quoted || *p != separator))
            continue;
        cell[n++] = cell_trim(begin, p);
        begin = p + 1;
    }
    return n;
}

void import_cell_text(struct span cell, char out[IMPORT_HEADER_MAX])
{
    size_t n = cell.n < IMPORT_HEADER_MAX - 1 ? cell.n : IMPORT_HEADER_MAX - 1;

    memcpy(out, cell.p, n);
    out[n] = '\0';
}

/* ---- What a person says about columns ---- */

static const struct rule stated_rules[] = {
    {"time",      WHAT_TIME,      UNIT_TIME,    "s",  NULL, RECORDING_NEVER, false},
    {"step_time", WHAT_STEP_TIME, UNIT_TIME,    "s",  NULL, RECORDING_NEVER, false},
    {"wall",      WHAT_WALL,      UNIT_NONE,    NULL, NULL, RECORDING_NEVER, false},
    {"voltage",   WHAT_VOLTAGE,   UNIT_VOLTAGE, "V",  NULL, RECORDING_NEVER, false},
    {"current",   WHAT_CURRENT,   UNIT_CURRENT, "A",  NULL, RECORDING_NEVER, false},
    {"cycle",     WHAT_CYCLE,     UNIT_NONE,    NULL, NULL, RECORDING_NEVER, false},
    {"step",      WHAT_STEP,      UNIT_NONE,    NULL, NULL, RECORDING_NEVER, false},
    {"state",     WHAT_STATE,     UNIT_NONE,    NULL, NULL, RECORDING_NEVER, false},
    {"skip",      WHAT_KNOWN,     UNIT_NONE,    NULL, NULL, RECORDING_NEVER, false},
};

static const struct rule *stated_rule(const char *word, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(stated_rules); i++) {
        if (strlen(stated_rules[i].pattern) == n && memcmp(stated_rules[i].pattern, word, n) == 0)
            return &stated_rules[i];
    }
    return NULL;
}

static int check_stated(const struct import_options *opt, struct diag *reterr)
{
    for (unsigned i = 0; i < opt->n_set; i++) {
        const char *equals = strchr(opt->set[i], '=');

        if (!equals || !stated_rule(opt->set[i], (size_t)(equals - opt->set[i]))) {
            diag_add(reterr, E_INVALID, "`%s` does not say which column is what", opt->set[i]);
            diag_hint(reterr, "time, step_time, wall, voltage, current, cycle, step, state or"
                              " skip, then = and the header: \"voltage=Ecell/V\"");
            return E_INVALID;
        }
    }
    return 0;
}

const struct rule *import_column_rule(const struct dialect *d, const struct import_options *opt,
                                      const char *header, char unit[16],
                                      char name[RECORDING_NAME_MAX])
{
    for (unsigned i = 0; i < opt->n_set; i++) {
        const char *equals = strchr(opt->set[i], '=');
        char plain[IMPORT_HEADER_MAX];
        const struct rule *r;
        struct scale s;

        if (!equals || strcmp(equals + 1, header) != 0)
            continue;
        r = stated_rule(opt->set[i], (size_t)(equals - opt->set[i]));
        import_header(header, 0, plain, unit);
        if (r && import_unit(r->class, unit, &s) < 0)
            unit[0] = '\0';
        name[0] = '\0';
        return r;
    }
    return import_rule(d, header, unit, name);
}

/* ---- Which dialect ---- */

struct match {
    const struct dialect *dialect;
    char separator;
    int score;
    unsigned known; /* columns of the header that it has a name for */
    bool fits;      /* time, voltage and current are there */
    unsigned marks;
};

static bool contains(const char *text, size_t n, const char *word)
{
    size_t k = strlen(word);

    for (size_t i = 0; i + k <= n; i++) {
        if (text[i] == word[0] && memcmp(text + i, word, k) == 0)
            return true;
    }
    return false;
}

static unsigned count_marks(const struct dialect *d, const char *head, size_t n)
{
    unsigned marks = 0;

    for (int i = 0; i < IMPORT_MARKS_MAX && d->mark[i]; i++)
        marks += contains(head, n, d->mark[i]);
    return marks;
}

static struct match match_line(const struct dialect *d, const struct import_options *opt,
                               const struct span *cell, unsigned n)
{
    struct match m = {.dialect = d};
    bool there[WHAT_KNOWN + 1] = {false};

    for (unsigned i = 0; i < n; i++) {
        char header[IMPORT_HEADER_MAX], unit[16], name[RECORDING_NAME_MAX];
        const struct rule *r;

        import_cell_text(cell[i], header);
        r = header[0] ? import_column_rule(d, opt, header, unit, name) : NULL;
        if (!r)
            continue;
        there[r->what] = true;
        m.known++;
        m.score += r->what == WHAT_KNOWN ? 1 : 2;
    }
    m.fits =
        (there[WHAT_TIME] || there[WHAT_STEP_TIME]) && there[WHAT_VOLTAGE] && there[WHAT_CURRENT];
    return m;
}

/* The best reading of one line as a header. */
static struct match best_match(struct span line, const char *head, const struct import_options *opt)
{
    static const char separators[] = {'\t', ',', ';'};
    struct match best = {0};
    struct span cell[IMPORT_CELLS_MAX];

    for (size_t s = 0; s < sizeof(separators); s++) {
        unsigned n;

        if (opt->separator && separators[s] != opt->separator)
            continue;
        n = import_split(line, separators[s], cell);
        if (n < 3)
            continue;
        for (const struct dialect *d = import_dialect_table; d->name; d++) {
            struct match m;

            if (opt->dialect && strcmp(opt->dialect, d->name) != 0)
                continue;
            m = match_line(d, opt, cell, n);
            m.separator = separators[s];
            m.marks = m.fits ? count_marks(d, head, (size_t)(line.p + line.n - head)) : 0;
            m.score += (int)m.marks * MARK_SCORE;
            if (m.known < NAMED_COLUMNS_MIN && m.marks == 0 && strcmp(d->name, "csv") != 0)
                m.score -= FEW_PENALTY;
            if (!best.dialect || m.fits > best.fits ||
                (m.fits == best.fits && m.score > best.score))
                best = m;
        }
    }
    return best;
}

/* ---- The whole ---- */

static int refuse_content(const char *file, const char *head, size_t n, struct diag *reterr)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what, *hint;
    } kinds[] = {
        {"\x1f\x8b",         2,  "is compressed (gzip)",  "unpack it: gunzip FILE"      },
        {"PK\x03\x04",       4,  "is a spreadsheet",      "export its rows as CSV"      },
        {"SQLite format 3",  15, "is a database",         "of a run: benchctl show FILE"},
        {"\xff\xfe",         2,  "is UTF-16 text",        "save it as UTF-8"            },
        {"\xfe\xff",         2,  "is UTF-16 text",        "save it as UTF-8"            },
        {"\xd0\xcf\x11\xe0", 4,  "is an old spreadsheet", "export its rows as CSV"      },
    };
    struct place at = {file, 1};

    if (n == 0)
        return diag_add(reterr, E_INVALID, "%s is empty", file);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (n < kinds[i].n || memcmp(head, kinds[i].bytes, kinds[i].n) != 0)
            continue;
        diag_add(reterr, E_INVALID, "%s %s", file, kinds[i].what);
        diag_hint(reterr, "%s", kinds[i].hint);
        return E_INVALID;
    }
    for (size_t i = 0; i < n; i++) {
        at.line += head[i] == '\n';
        if (head[i] == '\0')
            return import_error(reterr, E_INVALID, &at, NULL, 0, 0,
                                "byte %zu is 0: this is a binary file or has a hole", i + 1);
    }
    return 0;
}

static int no_header(const char *file, const struct match *near, int near_line,
                     const struct import_options *opt, struct diag *reterr)
{
    struct place at = {file, near_line};

    if (near->dialect && near->known > 0)
        import_error(reterr, E_INVALID, &at, NULL, 0, 0,
                     "no header with time, voltage and current; the nearest is this line, read as"
                     " %s, with %u known columns",
                     near->dialect->name, near->known);
    else
        diag_add(reterr, E_INVALID, "%s: no line names time, voltage and current%s%s", file,
                 opt->dialect ? " as in " : "", opt->dialect ? opt->dialect : "");
    diag_hint(reterr, "say what is what: --set time=HEADER --set voltage=HEADER ...; dialects:"
                      " benchctl import --help");
    return E_INVALID;
}

static void tell_match(const struct match *m, const struct import_report *r,
                       struct import_report *to)
{
    import_note_why(to, "%s: %u of the %u columns of line %d are its names%s", m->dialect->title,
                    m->known, r->n_columns, r->header_line,
                    m->marks ? ", and the file says so itself" : "");
}

int import_plan(const char *file, const char *head, size_t n, bool whole,
                const struct import_options *opt, struct plan *ret, struct import_report *report,
                struct diag *reterr)
{
    const char *p = head, *end = head + n;
    struct match best = {0}, near = {0};
    struct span line, row = {NULL, 0};
    int number = 0, near_line = 0;
    int rc = refuse_content(file, head, n, reterr);

    rc = rc < 0 ? rc : check_stated(opt, reterr);
    if (rc < 0)
        return rc;
    if (opt->dialect && !import_dialect_find(opt->dialect))
        return diag_add(reterr, E_INVALID, "there is no dialect `%s`", opt->dialect);
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    while (!best.fits && number < HEADER_LINES_MAX && import_line(&p, end, whole, &line)) {
        number++;
        best = best_match(line, head, opt);
        if (best.known > near.known) {
            near = best;
            near_line = number;
        }
    }
    if (!best.fits)
        return no_header(file, &near, near_line, opt, reterr);
    *ret = (struct plan){.dialect = best.dialect,
                         .separator = best.separator,
                         .header = line.p,
                         .n_header_text = line.n,
                         .rows = p,
                         .rows_line = number};
    report->header_line = number;
    report->separator = best.separator;
    (void)str_copy(report->dialect, sizeof(report->dialect), best.dialect->name);
    (void)str_copy(report->title, sizeof(report->title), best.dialect->title);
    for (const char *q = p; row.n == 0 && import_line(&q, end, whole, &row);)
        ;
    rc = import_plan_columns(ret, line, row, opt, report, reterr);
    if (rc < 0)
        return rc;
    ret->accumulate = !ret->has[SLOT_TIME];
    ret->time_slot = ret->accumulate ? SLOT_STEP_TIME : SLOT_TIME;
    tell_match(&best, report, report);
    return import_plan_guess(file, head, n, whole, opt, ret, report, reterr);
}
