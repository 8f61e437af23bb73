/* analysis/import.c - a file from its first byte to its last, in one buffer. */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CUT_ROWS = 20 /* whose last digits are compared with those of a last line without end */
};

const struct import_sink import_null_sink = {0};

static const struct import_options all_guessed = {0};

/* ---- Where bytes come from ---- */

struct source {
    const char *name;
    int fd; /* -1: from text */
    const char *text;
    size_t n_text;
    bool hash;
    struct sha256 sha;
    uint64_t bytes;
    bool ended;
};

static const char *errno_text(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR: return "there is no such file";
    case EACCES:
    case EPERM: return "it may not be read";
    case EISDIR: return "it is a folder";
    default: return "the system cannot read it";
    }
}

static int source_open(struct source *s, const char *path, struct diag *reterr)
{
    *s = (struct source){.name = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (s->fd >= 0)
        return 0;
    return diag_add(reterr, errno == ENOENT || errno == ENOTDIR ? E_NOENT : E_IO, "%s: %s", path,
                    errno_text(errno));
}

/* As much as there is room for, or to the end. */
static int source_fill(struct source *s, char *buf, size_t room, size_t *ret_n, struct diag *reterr)
{
    size_t n = 0;

    while (n < room && !s->ended) {
        ssize_t got;

        if (s->fd < 0) {
            got = (ssize_t)(s->n_text < room - n ? s->n_text : room - n);
            if (got > 0)
                memcpy(buf + n, s->text, (size_t)got);
            s->text += got;
            s->n_text -= (size_t)got;
        } else {
            got = read(s->fd, buf + n, room - n);
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return diag_add(reterr, E_IO, "%s: %s", s->name, errno_text(errno));
        s->ended = got == 0;
        n += (size_t)got;
    }
    if (s->hash)
        sha256_add(&s->sha, buf, n);
    s->bytes += n;
    *ret_n = n;
    return 0;
}

/* ---- Lines that are no rows ---- */

struct job {
    struct source source;
    const struct import_options *opt;
    const struct import_sink *sink;
    struct import_report *report;
    struct plan plan;
    struct flow flow;
    struct cells cells;
    char *buf;      /* IMPORT_BUFFER and room for a last newline */
    size_t n;       /* bytes in it */
    char *header;   /* a copy */
    int separators; /* of the first row; -1: none yet */
    /* A row with too few cells: the end of a file that was cut, or (when more rows come) wrong. */
    struct place short_at;
    const char *last; /* the line that is read */
    unsigned short_cells;
};

static int count_separators(const struct job *j, const char *p, const char *end)
{
    int n = 0;

    for (; p < end; p++)
        n += *p == j->plan.separator;
    return n;
}

static bool is_blank(const struct job *j, const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == j->plan.separator))
        p++;
    return p == end;
}

static int refuse_short(struct job *j, struct diag *reterr)
{
    return import_error(reterr, E_INVALID, &j->short_at, NULL, 0, 0,
                        "the row has %u cells; `%s` is in column %u", j->short_cells,
                        j->report->column[j->plan.n_cells - 1].header, j->plan.n_cells);
}

static int refuse_line(struct job *j, const char *p, const char *end, struct diag *reterr)
{
    size_t n = (size_t)(end - p);
    const struct import_column *c;
    char text[32];

    c = &j->report->column[j->cells.bad_cell];
    n -= j->cells.bad - 1;
    if (n > sizeof(text) - 1)
        n = sizeof(text) - 1;
    for (size_t i = 0; i < n; i++) {
        char at = p[j->cells.bad - 1 + i];

        if (at == j->plan.separator)
            n = i;
        else
            text[i] = at >= ' ' && at <= '~' ? at : '?';
    }
    text[n] = '\0';
    if (n == 0)
        return import_error(reterr, E_INVALID, &j->flow.at, p, (size_t)(end - p), j->cells.bad,
                            "there is no time here (column `%s`)", c->header);
    import_error(reterr, E_INVALID, &j->flow.at, p, (size_t)(end - p), j->cells.bad,
                 "`%s` is no %s (column `%s`)", text,
                 j->plan.cell[j->cells.bad_cell].what == CELL_CLOCK ? "time" : "number", c->header);
    if (memchr(text, j->plan.decimal == '.' ? ',' : '.', n))
        diag_hint(reterr, "the decimal sign was taken to be `%c`: --decimal says another",
                  j->plan.decimal);
    return E_INVALID;
}

/* The line cannot be read as a row. */
static int odd_line(struct job *j, int code, const char *p, const char *end, bool cut,
                    struct diag *reterr)
{
    if (is_blank(j, p, end)) {
        j->report->blank_lines++;
        return 0;
    }
    if ((size_t)(end - p) == j->plan.n_header_text &&
        memcmp(p, j->header, j->plan.n_header_text) == 0) {
        j->report->repeated_headers++;
        return 0;
    }
    if (cut) {
        j->report->cut = true;
        return 0;
    }
    if (code != E_AGAIN)
        return refuse_line(j, p, end, reterr);
    j->short_at = j->flow.at;
    j->short_cells = j->cells.n;
    return 0;
}

/* Digits behind the last point of a row's last cell. */
static int last_decimals(const struct job *j, const char *p, const char *end)
{
    int n = 0;

    for (; end > p && end[-1] >= '0' && end[-1] <= '9'; end--)
        n++;
    return end > p && end[-1] == j->plan.decimal ? n : 0;
}

/* Is the last line, which has no line end, shorter than rows are? In its cells, or in the digits of
 * the last one where the rows above all have the same number of them. */
static bool looks_cut(const struct job *j, const char *p, const char *end)
{
    int seen = 0, digits = 0;

    if (count_separators(j, p, end) < j->separators)
        return true;
    while (p > j->buf + 1 && seen < CUT_ROWS) {
        const char *stop = --p, *begin;
        int n;

        for (begin = stop; begin > j->buf && begin[-1] != '\n';)
            begin--;
        n = last_decimals(j, begin, stop > begin && stop[-1] == '\r' ? stop - 1 : stop);
        if (n == 0 || (seen++ > 0 && n != digits))
            return false;
        digits = n;
        p = begin;
    }
    return seen == CUT_ROWS && last_decimals(j, j->last, end) < digits;
}

static int one_line(struct job *j, const char *p, const char *end, bool last, struct diag *reterr)
{
    int rc;

    j->flow.at.line++;
    if (p == end) {
        j->report->blank_lines++;
        return 0;
    }
    if (j->short_at.line > 0)
        return is_blank(j, p, end) ? 0 : refuse_short(j, reterr);
    rc = import_cells(&j->plan, p, end, &j->cells);
    if (rc < 0)
        return odd_line(j, rc, p, end, last, reterr);
    if (j->separators < 0)
        j->separators = count_separators(j, p, end);
    j->last = p;
    if (last && looks_cut(j, p, end)) {
        j->report->cut = true;
        return 0;
    }
    return import_flow_row(&j->flow, &j->cells, p, (size_t)(end - p), reterr);
}

/* ---- The file ---- */

static int long_line(struct job *j, struct diag *reterr)
{
    j->flow.at.line++;
    if (memchr(j->buf, '\0', j->n))
        return import_error(reterr, E_INVALID, &j->flow.at, NULL, 0, 0,
                            "the line has bytes that are 0: the file is damaged or has a hole");
    return import_error(reterr, E_INVALID, &j->flow.at, NULL, 0, 0,
                        "the line is longer than %d bytes: this is no table of rows",
                        IMPORT_BUFFER);
}

/* All whole lines of the buffer; *ret_used: up to where. */
static int whole_lines(struct job *j, size_t from, size_t *ret_used, struct diag *reterr)
{
    const char *p = j->buf + from, *end = j->buf + j->n;
    int rc = 0;

    while (rc == 0 && p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));

        if (!newline)
            break;
        rc = one_line(j, p, newline > p && newline[-1] == '\r' ? newline - 1 : newline, false,
                      reterr);
        p = newline + 1;
    }
    *ret_used = (size_t)(p - j->buf);
    return rc;
}

static int all_lines(struct job *j, struct diag *reterr)
{
    size_t used = (size_t)(j->plan.rows - j->buf), got;
    int rc;

    for (;;) {
        rc = whole_lines(j, used, &used, reterr);
        if (rc < 0 || j->source.ended)
            break;
        if (used == 0 && j->n == IMPORT_BUFFER)
            return long_line(j, reterr);
        j->n -= used;
        memmove(j->buf, j->buf + used, j->n);
        used = 0;
        rc = source_fill(&j->source, j->buf + j->n, IMPORT_BUFFER - j->n, &got, reterr);
        if (rc < 0)
            return rc;
        j->n += got;
    }
    if (rc == 0 && used < j->n) {
        j->buf[j->n] = '\n';
        rc = one_line(j, j->buf + used, j->buf + j->n, true, reterr);
    }
    return rc;
}

static void fill_shape(const struct job *j, struct import_shape *ret)
{
    size_t left = j->n - (size_t)(j->plan.rows - j->buf), lines = 0;

    *ret = (struct import_shape){
        .n_extra = j->plan.n_extra, .wall_start = j->plan.start, .report = j->report};
    memcpy(ret->extra, j->plan.extra, sizeof(ret->extra));
    for (const char *p = j->plan.rows; p < j->buf + j->n; p++)
        lines += *p == '\n';
    ret->rows_expected = lines + 1;
    if (!j->source.ended && j->source.fd >= 0 && lines > 0) {
        off_t size = lseek(j->source.fd, 0, SEEK_CUR);
        off_t whole = size < 0 ? -1 : lseek(j->source.fd, 0, SEEK_END);

        if (whole > 0 && lseek(j->source.fd, size, SEEK_SET) == size)
            ret->rows_expected = (uint64_t)((double)whole / ((double)left / (double)lines)) + 1;
    }
}

static int begin(struct job *j, bool rows, struct diag *reterr)
{
    struct import_shape shape;
    int rc = source_fill(&j->source, j->buf, IMPORT_BUFFER, &j->n, reterr);

    if (rc < 0)
        return rc;
    j->buf[j->n] = '\n';
    rc = import_plan(j->source.name, j->buf, j->n, j->source.ended, j->opt, &j->plan, j->report,
                     reterr);
    j->report->wall_start = j->plan.start;
    if (rc < 0 || !rows)
        return rc;
    j->header = malloc(j->plan.n_header_text + 1);
    if (!j->header)
        return diag_add(reterr, E_NOMEM, "out of memory");
    memcpy(j->header, j->plan.header, j->plan.n_header_text);
    import_flow_init(&j->flow, &j->plan, j->opt, j->sink, j->report, j->source.name);
    j->cells.invalid = j->flow.invalid;
    j->separators = -1;
    fill_shape(j, &shape);
    return j->sink->begin ? j->sink->begin(j->sink->ctx, &shape, reterr) : 0;
}

static int finish(struct job *j, struct diag *reterr)
{
    int rc;

    j->report->bytes = j->source.bytes;
    j->report->lines = (uint64_t)j->flow.at.line;
    j->report->cut = j->report->cut || j->short_at.line > 0;
    if (j->source.hash) {
        uint8_t digest[32];

        sha256_end(&j->source.sha, digest);
        sha256_hex(digest, j->report->sha256);
    }
    rc = import_flow_end(&j->flow, reterr);
    if (rc < 0)
        return rc;
    return j->sink->end ? j->sink->end(j->sink->ctx, j->report, reterr) : 0;
}

static int import_source(const struct source *source, const struct import_options *opt,
                         const struct import_sink *sink, bool rows, struct import_report *ret,
                         struct diag *reterr)
{
    struct import_report *report = calloc(1, sizeof(*report));
    struct job *j = calloc(1, sizeof(*j));
    int rc = E_NOMEM;

    if (j)
        j->buf = malloc(IMPORT_BUFFER + 1);
    if (report && j && j->buf) {
        j->source = *source;
        j->source.hash = sink->hash;
        if (j->source.hash)
            sha256_init(&j->source.sha);
        j->opt = opt ? opt : &all_guessed;
        j->sink = sink;
        j->report = report;
        report->wall_start = NSEC_NEVER;
        rc = begin(j, rows, reterr);
        if (rc == 0 && rows)
            rc = all_lines(j, reterr);
        if (rc == 0 && rows)
            rc = finish(j, reterr);
        if (rc == 0 && ret)
            *ret = *report;
    } else {
        diag_add(reterr, E_NOMEM, "out of memory");
    }
    if (j) {
        free(j->header);
        free(j->buf);
    }
    free(j);
    free(report);
    return rc;
}

int import_file(const char *path, const struct import_options *opt, const struct import_sink *sink,
                struct import_report *ret, struct diag *reterr)
{
    struct source source;
    int rc = source_open(&source, path, reterr);

    if (rc < 0)
        return rc;
    rc = import_source(&source, opt, sink, true, ret, reterr);
    close(source.fd);
    return rc;
}

int import_text(const char *name, const char *text, size_t n, const struct import_options *opt,
                const struct import_sink *sink, struct import_report *ret, struct diag *reterr)
{
    struct source source = {.name = name, .fd = -1, .text = text, .n_text = n};

    return import_source(&source, opt, sink, true, ret, reterr);
}

int import_explain(const char *path, const struct import_options *opt, struct import_report *ret,
                   struct diag *reterr)
{
    struct source source;
    int rc = source_open(&source, path, reterr);

    if (rc < 0)
        return rc;
    rc = import_source(&source, opt, &import_null_sink, false, ret, reterr);
    close(source.fd);
    return rc;
}
