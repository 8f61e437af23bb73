/* benchctl/cmd_validate.c - `benchctl validate FILE|RUN`: whether a table is sound BDF. */
#include "analysis/bdf.h"
#include "analysis/validate.h"
#include "base/err.h"
#include "benchctl/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PIECE = 65536
};

struct feeding {
    struct validator *v;
    struct diag *reterr;
};

static int feed(void *ctx, const char *text, size_t n)
{
    struct feeding *f = ctx;

    return validate_feed(f->v, text, n, f->reterr);
}

static int feed_stream(struct validator *v, FILE *from, const char *name, struct diag *reterr)
{
    char *piece = malloc(PIECE);
    size_t n;
    int rc = piece ? 0 : diag_add(reterr, E_NOMEM, "out of memory");

    while (rc == 0 && (n = fread(piece, 1, PIECE, from)) > 0) {
        if (v && n >= 2 && (unsigned char)piece[0] == 0x1f && (unsigned char)piece[1] == 0x8b) {
            rc = diag_add(reterr, E_UNSUPPORTED, "%s is compressed", name);
            diag_hint(reterr, "gunzip -c FILE | benchctl validate -");
            break;
        }
        rc = validate_feed(v, piece, n, reterr);
    }
    if (rc == 0 && ferror(from)) {
        rc = diag_add(reterr, E_IO, "cannot read %s: %s", name, strerror(errno));
    }
    free(piece);
    return rc;
}

static int feed_file(struct validator *v, const char *path, struct diag *reterr)
{
    FILE *from = fopen(path, "r");
    struct stat st;
    int rc;

    if (!from) {
        return diag_add(reterr, errno == ENOENT ? E_NOENT : E_IO, "cannot open %s: %s", path,
                        strerror(errno));
    }
    if (fstat(fileno(from), &st) == 0 && S_ISDIR(st.st_mode)) {
        rc = diag_add(reterr, E_INVALID, "%s is a folder", path);
    } else {
        rc = feed_stream(v, from, path, reterr);
    }
    fclose(from);
    return rc;
}

static bool is_run(const char *word)
{
    size_t n = strlen(word);
    int64_t number;
    struct stat st;

    if (n > 4 && strcmp(word + n - 4, ".run") == 0) {
        return true;
    }
    return stat(word, &st) < 0 && str_to_int(word, n, &number) == 0;
}

static int feed_run(const struct args *a, struct validator *v, struct diag *reterr)
{
    struct feeding feeding = {v, reterr};
    struct bdf_written written;
    struct run_file *f = NULL;
    struct run_info info;
    int rc = look_open(a, a->arg[0], &f, &info, NULL);

    if (rc != EXIT_DONE) {
        return rc;
    }
    rc = bdf_write(f, feed, &feeding, &written, reterr);
    run_close(f);
    return rc;
}

/* ---- What was found ---- */

static const char *level_word(enum diag_level l)
{
    return l == DIAG_ERROR ? "error" : l == DIAG_WARN ? "warning" : "note";
}

static void print_finding(const struct args *a, const char *name, const struct validate_finding *f)
{
    const char *word = level_word(f->level);
    bool loud = a->colour && f->level != DIAG_NOTE;

    printf("%s:", name);
    if (f->row > 0) {
        printf("%llu: ", (unsigned long long)f->line);
    } else {
        putchar(' ');
    }
    printf("%s%s%s: ", loud ? (f->level == DIAG_ERROR ? "\033[31m" : "\033[33m") : "", word,
           loud ? "\033[0m" : "");
    if (f->column[0]) {
        printf("`%s` ", f->column);
    }
    fputs(f->text, stdout);
    if (f->row > 0) {
        printf("  (%s%llu", f->count > 1 ? "first in row " : "row ", (unsigned long long)f->row);
        if (f->count > 1) {
            printf(", %llu rows", (unsigned long long)f->count);
        }
        putchar(')');
    }
    putchar('\n');
}

static void print_report(const struct args *a, const char *name, const struct validate_report *r)
{
    for (unsigned i = 0; i < r->n; i++) {
        print_finding(a, name, &r->finding[i]);
    }
    if (r->dropped > 0) {
        printf("%s: %u more findings\n", name, r->dropped);
    }
    printf("%s   %s  %llu rows, %llu columns", r->errors ? "bad" : "ok ", name,
           (unsigned long long)r->rows, (unsigned long long)r->columns);
    if (r->errors > 0) {
        printf(", %u error%s", r->errors, r->errors > 1 ? "s" : "");
    }
    if (r->warnings > 0) {
        printf(", %u warning%s", r->warnings, r->warnings > 1 ? "s" : "");
    }
    putchar('\n');
}

static void print_json(const char *name, const struct validate_report *r)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < r->n; i++) {
        const struct validate_finding *f = &r->finding[i];
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "check", validate_check_name(f->check),
                              "level", level_word(f->level), "column", f->column, "text", f->text,
                              "count", (json_int_t)f->count);

        if (!o) { /* bytes that are no UTF-8 */
            o = json_pack("{s:s, s:s, s:I}", "check", validate_check_name(f->check), "level",
                          level_word(f->level), "count", (json_int_t)f->count);
        }
        json_object_set_new(o, "row", f->row > 0 ? json_integer((json_int_t)f->row) : json_null());
        json_object_set_new(o, "line", json_integer((json_int_t)f->line));
        json_object_set_new(o, "worst", number_json(f->worst));
        json_array_append_new(all, o);
    }
    json_out(json_pack("{s:s, s:b, s:I, s:I, s:i, s:i, s:o}", "file", name, "valid", r->errors == 0,
                       "rows", (json_int_t)r->rows, "columns", (json_int_t)r->columns, "errors",
                       (int)r->errors, "warnings", (int)r->warnings, "findings", all));
}

static int run(const struct args *a)
{
    static struct validate_report report;
    const char *name = a->arg[0];
    struct validator *v = NULL;
    struct diag d;
    int rc;

    diag_init(&d);
    rc = validate_begin(&v, &d);
    if (rc == 0) {
        rc = strcmp(name, "-") == 0 ? feed_stream(v, stdin, "standard input", &d)
             : is_run(name)         ? feed_run(a, v, &d)
                                    : feed_file(v, name, &d);
    }
    if (rc > 0) { /* look_open() has said why */
        validate_done(v);
        return rc;
    }
    rc = rc == 0 ? validate_end(v, &report, &d) : rc;
    validate_done(v);
    if (rc < 0) {
        diag_wrap(&d, "%s", name);
        return cli_findings(a, &d);
    }
    if (a->json) {
        print_json(name, &report);
    } else {
        print_report(a, name, &report);
    }
    return report.errors > 0 ? EXIT_FILE : EXIT_DONE;
}

extern const struct command cmd_validate;
const struct command cmd_validate = {
    .name = "validate",
    .group = "use",
    .arguments = "FILE|RUN|-",
    .help = "whether a table is sound Battery Data Format",
    .more =
        "The eight checks of the format: required columns, names, times that fall, sums that do\n"
        "not add up, counters that fall, cycle counts, record numbers, and times in another unit\n"
        "than the wall clock's. A missing required column or a row that cannot be read is an\n"
        "error, and the exit code 3; what contradicts itself is a warning, with its row. A RUN\n"
        "is written as BDF and that is checked; - is standard input.\n"
        "\n"
        "  benchctl validate LAB__ASSB-017__20261120_001.bdf.csv\n"
        "  gunzip -c x.bdf.csv.gz | benchctl validate -",
    .options = NULL,
    .common = COMMON_LAB | COMMON_JSON,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
