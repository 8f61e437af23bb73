/* benchctl/cmd_export.c - `benchctl export [RUN]`: the rows of a run for other programs. */
#include "analysis/bdf.h"
#include "analysis/sheet.h"
#include "base/err.h"
#include "benchctl/export_priv.h"
#include "benchctl/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Where it goes: standard output, or a file that takes its name when it is whole ---- */

struct sink {
    FILE *to;
    const char *path; /* NULL: standard output */
    char beside[LOOK_PATH_MAX + 32];
};

static int sink_open(struct sink *s, const char *path, struct diag *reterr)
{
    *s = (struct sink){.to = stdout, .path = path};
    if (!path) {
        return 0;
    }
    if (str_fmt(s->beside, sizeof(s->beside), "%s.%ld.new", path, (long)getpid()) < 0) {
        return diag_add(reterr, E_FULL, "the path `%.60s...` is too long", path);
    }
    s->to = fopen(s->beside, "w");
    return s->to ? 0 : diag_add(reterr, E_IO, "cannot write %s: %s", s->beside, strerror(errno));
}

static int sink_close(struct sink *s, int rc, struct diag *reterr)
{
    bool bad = fflush(s->to) != 0 || ferror(s->to);

    if (s->path) {
        bad = fclose(s->to) != 0 || bad;
        bad = bad || (rc == 0 && rename(s->beside, s->path) != 0);
        if (rc < 0 || bad) {
            unlink(s->beside);
        }
    }
    if (rc == 0 && bad) {
        rc = diag_add(reterr, E_IO, "cannot write %s: %s", s->path ? s->path : "the rows",
                      strerror(errno));
    }
    return rc;
}

static int sink_put(void *ctx, const char *text, size_t n)
{
    struct sink *s = ctx;

    return fwrite(text, 1, n, s->to) == n ? 0 : E_IO;
}

/* ---- CSV ---- */

struct csv {
    struct sink *sink;
    const struct sheet *sheet;
};

static int csv_row(void *ctx, const struct sheet_row *row)
{
    const struct csv *c = ctx;
    FILE *to = c->sink->to;

    csv_cell(to, row->t_s, true);
    csv_cell(to, row->step, false);
    csv_cell(to, row->cycle, false);
    for (unsigned i = 0; i < c->sheet->n; i++) {
        csv_cell(to, row->cell[i], false);
    }
    csv_cell(to, row->quality, false);
    putc('\n', to);
    return ferror(to) ? E_IO : 0;
}

static int export_csv(struct run_file *f, struct sink *sink, struct diag *reterr)
{
    struct sheet *s = calloc(1, sizeof(*s));
    struct csv c = {.sink = sink, .sheet = s};
    int rc = s ? sheet_open(f, s, reterr) : diag_add(reterr, E_NOMEM, "out of memory");

    if (rc == 0) {
        fputs("t_s,step,cycle", sink->to);
        for (unsigned i = 0; i < s->n; i++) {
            csv_cell(sink->to, s->column[i].name, false);
        }
        fputs(",quality\n", sink->to);
        rc = sheet_rows(f, s, csv_row, &c, reterr);
        sheet_done(s);
    }
    free(s);
    return rc;
}

static int table_row(void *ctx, unsigned n, const char *const *cells)
{
    struct sink *s = ctx;

    for (unsigned i = 0; i < n; i++) {
        csv_cell(s->to, cells[i], i == 0);
    }
    putc('\n', s->to);
    return ferror(s->to) ? 1 : 0;
}

/* ---- BDF ---- */

/* x.bdf.csv has x.bdf.metadata.json, as its readers look for it. */
static int sidecar_path(const char *path, char *ret, size_t size)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t n = dot && (!slash || dot > slash + 1) ? (size_t)(dot - path) : strlen(path);

    return str_fmt(ret, size, "%.*s.metadata.json", (int)n, path);
}

static int write_sidecar(struct run_file *f, const char *path, const struct bdf_written *written,
                         char *beside, size_t size, struct diag *reterr)
{
    const char *slash = strrchr(path, '/');
    char *json = NULL;
    int rc = sidecar_path(path, beside, size);

    rc = rc < 0 ? diag_add(reterr, rc, "the path of the sidecar is too long") : rc;
    if (rc == 0) {
        rc = bdf_sidecar(f, slash ? slash + 1 : path, written, &json, reterr);
    }
    if (rc == 0) {
        rc = file_write(beside, json, strlen(json));
        rc = rc < 0 ? diag_add(reterr, rc, "cannot write %s: %s", beside, err_text(rc)) : 0;
    }
    free(json);
    return rc;
}

/* ---- The subcommand ---- */

enum format {
    FORMAT_CSV,
    FORMAT_BDF,
    FORMAT_NDJSON,
    FORMAT_UNKNOWN
};

static enum format format_of(const struct args *a, const char *path)
{
    bool bdf = args_get(a, "--bdf") != NULL, ndjson = args_get(a, "--ndjson") != NULL;
    size_t n = path ? strlen(path) : 0;

    if (bdf + ndjson + a->csv > 1) {
        return FORMAT_UNKNOWN;
    }
    if (bdf || ndjson || a->csv) {
        return bdf ? FORMAT_BDF : ndjson ? FORMAT_NDJSON : FORMAT_CSV;
    }
    if (path && (strstr(path, ".bdf.csv") || (n > 4 && strcmp(path + n - 4, ".bdf") == 0))) {
        return FORMAT_BDF;
    }
    if (n > 7 && strcmp(path + n - 7, ".ndjson") == 0) {
        return FORMAT_NDJSON;
    }
    return n > 4 && strcmp(path + n - 4, ".csv") == 0 ? FORMAT_CSV : FORMAT_UNKNOWN;
}

static int write_rows(const struct args *a, struct run_file *f, enum format format,
                      struct bdf_written *written, struct diag *reterr)
{
    const char *table = args_get(a, "--table");
    struct sink sink;
    int rc = sink_open(&sink, args_get(a, "--out"), reterr);

    if (rc < 0) {
        return rc;
    }
    switch (format) {
    case FORMAT_BDF: rc = bdf_write(f, sink_put, &sink, written, reterr); break;
    case FORMAT_NDJSON: rc = export_ndjson(f, sink.to, reterr); break;
    case FORMAT_CSV:
    case FORMAT_UNKNOWN:
        rc = table ? run_rows(f, table, table_row, &sink, reterr) : export_csv(f, &sink, reterr);
        break;
    }
    return sink_close(&sink, rc, reterr);
}

static int export_run(const struct args *a, struct run_file *f, enum format format)
{
    const char *path = args_get(a, "--out");
    char beside[LOOK_PATH_MAX + 32];
    struct bdf_written written;
    struct diag d;
    int rc;

    diag_init(&d);
    rc = write_rows(a, f, format, &written, &d);
    if (rc == 0 && path && format == FORMAT_BDF) {
        rc = write_sidecar(f, path, &written, beside, sizeof(beside), &d);
    }
    if (rc < 0) {
        if (d.n == 0) {
            return cli_error(a, EXIT_FILE, "cannot write the rows: %s", strerror(errno));
        }
        return cli_findings(a, &d);
    }
    if (path) {
        printf("%s\n", path);
        if (format == FORMAT_BDF) {
            printf("%s\n", beside);
        }
    }
    return EXIT_DONE;
}

static int run(const struct args *a)
{
    enum format format = format_of(a, args_get(a, "--out"));
    struct run_file *f = NULL;
    struct run_info info;
    int rc;

    if (args_get(a, "--table") && format == FORMAT_UNKNOWN) {
        format = FORMAT_CSV;
    }
    if (format == FORMAT_UNKNOWN) {
        return cli_error(a, EXIT_USAGE, "which format? one of --csv, --bdf and --ndjson");
    }
    if (args_get(a, "--table") && format != FORMAT_CSV) {
        return cli_error(a, EXIT_USAGE, "--table is for --csv");
    }
    rc = look_open(a, a->n > 0 ? a->arg[0] : NULL, &f, &info, NULL);
    if (rc == EXIT_DONE) {
        rc = export_run(a, f, format);
        run_close(f);
    }
    return rc;
}

static const struct option options[] = {
    {"--bdf",    NULL,   false, "Battery Data Format; with --out a BattINFO sidecar beside it"   },
    {"--ndjson", NULL,   false, "one JSON object a line: the run, its steps, rows, events, notes"},
    {"--table",  "NAME", false, "with --csv: one table of the run file as it is"                 },
    {"--out",    "FILE", false, "or -o FILE: write it there (default: standard output)"          },
    {NULL,       NULL,   false, NULL                                                             },
};

extern const struct command cmd_export;
const struct command cmd_export = {
    .name = "export",
    .group = "use",
    .arguments = "[RUN]",
    .help = "the rows of a run as CSV, Battery Data Format or JSON lines",
    .more = "RUN is a number of `benchctl runs` or the path of a run file; without it the newest.\n"
            "Rows are those of the cycler, never resampled; beside them stands what the other\n"
            "instruments measured last. Numbers read back to the very values of the run file, and\n"
            "what was not valid is an empty cell. Charge current is positive.\n"
            "\n"
            "  benchctl export 42 --csv >42.csv\n"
            "  benchctl export 42 --bdf -o LAB__ASSB-017__20261120_001.bdf.csv\n"
            "  benchctl export 42 --ndjson | jq 'select(.kind == \"step\")'",
    .options = options,
    .common = COMMON_LAB | COMMON_CSV,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
