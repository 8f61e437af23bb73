/* benchctl/cmd_report.c - `benchctl report [RUN]`: a run on paper. */
#include "benchctl/report_priv.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);

    return n > k && strcmp(text + n - k, tail) == 0;
}

static int take_form(const struct args *a, enum report_form *ret)
{
    static const struct {
        const char *option;
        enum report_form form;
    } forms[] = {
        {"--html",     REPORT_HTML    },
        {"--text",     REPORT_TEXT    },
        {"--markdown", REPORT_MARKDOWN},
    };
    const char *out = args_get(a, "--out");
    unsigned n = 0;

    *ret = !out                     ? REPORT_HTML
           : ends_with(out, ".md")  ? REPORT_MARKDOWN
           : ends_with(out, ".txt") ? REPORT_TEXT
                                    : REPORT_HTML;
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
        if (args_get(a, forms[i].option)) {
            *ret = forms[i].form;
            n++;
        }
    }
    return n > 1 ? cli_error(a, EXIT_USAGE, "one of --html, --text and --markdown") : EXIT_DONE;
}

static void print_as(const struct report *r, FILE *to)
{
    switch (r->form) {
    case REPORT_HTML: report_html(r, to); break;
    case REPORT_TEXT: report_plain(r, to); break;
    case REPORT_MARKDOWN: report_markdown(r, to); break;
    }
}

/* Into memory first: the file is there whole or not at all. */
static int write_file(const struct report *r, const char *path, struct diag *reterr)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    int rc;

    if (!to) {
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    print_as(r, to);
    rc = fclose(to) == 0 ? file_write(path, text, n) : E_NOMEM;
    free(text);
    if (rc < 0) {
        diag_add(reterr, rc, "cannot write %s: %s", path, err_text(rc));
        diag_hint(reterr, "-o FILE puts it elsewhere");
    }
    return rc;
}

static int give(const struct args *a, const struct report *r, const char *base, struct diag *reterr)
{
    char path[LOOK_PATH_MAX + 8];
    const char *out = args_get(a, "--out");
    int rc;

    if (!out && r->form != REPORT_HTML) {
        print_as(r, stdout);
        return 0;
    }
    rc = out ? (str_copy(path, sizeof(path), out) ? 0 : E_FULL)
             : str_fmt(path, sizeof(path), "%s.html", base);
    if (rc < 0) {
        return diag_add(reterr, rc, "the path of the report is too long");
    }
    rc = write_file(r, path, reterr);
    if (rc == 0) {
        printf("%s\n", path);
    }
    return rc;
}

static int report_file(const struct args *a, struct run_file *f, const char *base,
                       enum report_form form)
{
    struct report r;
    struct story story;
    struct diag d;
    int rc;

    diag_init(&d);
    if (story_read(f, &story, &d) < 0) {
        return cli_findings(a, &d);
    }
    report_begin(&r, form);
    rc = report_run(&r, f, &story, args_get(a, "--all") != NULL, &d);
    rc = rc < 0 ? rc : give(a, &r, base, &d);
    if (rc < 0) {
        cli_findings(a, &d);
    } else if (r.not_drawn[0]) {
        fprintf(stderr, "warning: the report has no pictures: %s\n", r.not_drawn);
    }
    report_done(&r);
    story_done(&story);
    return rc < 0 ? EXIT_FILE : EXIT_DONE;
}

static int run(const struct args *a)
{
    enum report_form form;
    struct run_file *f = NULL;
    char base[LOOK_PATH_MAX];
    struct run_info info;
    int rc = take_form(a, &form);

    if (rc == EXIT_DONE) {
        rc = look_open(a, a->n > 0 ? a->arg[0] : NULL, &f, &info, base);
    }
    if (rc == EXIT_DONE) {
        rc = report_file(a, f, base, form);
        run_close(f);
    }
    return rc;
}

static const struct option options[] = {
    {"--html",     NULL,   false, "one HTML file with its pictures in it (default)"        },
    {"--text",     NULL,   false, "plain text"                                             },
    {"--markdown", NULL,   false, "Markdown"                                               },
    {"--all",      NULL,   false, "no list is shortened"                                   },
    {"--out",      "FILE", false,
     "or -o FILE: write it there (default: HTML beside the run file, else standard output)"},
    {NULL,         NULL,   false, NULL                                                     },
};

extern const struct command cmd_report;
const struct command cmd_report = {
    .name = "report",
    .group = "use",
    .arguments = "[RUN]",
    .help = "a run on paper: set-up, pictures, results, steps, alarms, hashes",
    .more = "RUN is a number of `benchctl runs` or the path of a run file; without it the newest.\n"
            "The HTML file needs nothing beside it and prints on A4 paper.\n"
            "\n"
            "  benchctl report 42 -o ASSB-017.html\n"
            "  benchctl report 42 --text",
    .options = options,
    .common = COMMON_LAB,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
