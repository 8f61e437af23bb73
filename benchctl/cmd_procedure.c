/* benchctl/cmd_procedure.c - `benchctl procedure import|export FILE`: procedures of other programs.
 */
#include "benchctl/cli.h"
#include "benchctl/foreign.h"

#include "base/err.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILE_MAX = 4 << 20
};

static struct loaded loaded;

/* Index into foreign_names, or -1 after a message. */
static int form_of(const struct args *a, const char *option)
{
    const char *word = args_get(a, option);
    for (int k = 0; word && foreign_names[k]; k++) {
        if (strcmp(foreign_names[k], word) == 0) {
            return k;
        }
    }
    cli_error(a, EXIT_USAGE, "%s takes pybamm or unicycler", option);
    return -1;
}

static bool is_name(const char *name)
{
    return name[0] &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               strlen(name);
}

/* To --out, which is not there yet unless --force, or to stdout. */
static int put_out(const struct args *a, const struct text *out)
{
    const char *path = args_get(a, "--out");
    if (!path) {
        fwrite(out->p, 1, out->n, stdout);
        return EXIT_DONE;
    }
    if (access(path, F_OK) == 0 && !args_get(a, "--force")) {
        return cli_error(a, EXIT_USAGE, "%s is there already; --force replaces it", path);
    }
    if (file_write(path, out->p, out->n) < 0) {
        return cli_error(a, EXIT_INTERNAL, "%s cannot be written", path);
    }
    printf("wrote %s\n", path);
    return EXIT_DONE;
}

/* ---- import ---- */

/* What was written has to be a procedure: else the fault is here. */
static int prove(const struct text *yaml, struct diag *d)
{
    struct conf_doc doc = {0};
    struct program program;
    int r = conf_load_text("the translation", yaml->p, yaml->n, &doc, d);
    if (r == 0) {
        struct compile_input in = {.procedure = &doc};
        r = program_compile(&in, &program, NULL, d);
    }
    if (r == 0) {
        program_done(&program);
    }
    conf_done(&doc);
    return r;
}

static int import_text(const struct args *a, const char *text, size_t n, struct diag *d)
{
    const char *file = a->arg[1], *given = args_get(a, "--name");
    int form = args_get(a, "--from") ? form_of(a, "--from") : (int)foreign_guess(text, n);
    if (form < 0) {
        return EXIT_USAGE;
    }
    if (given && !is_name(given)) {
        return cli_error(a, EXIT_USAGE, "a name has letters, digits, - _ and .");
    }
    struct foreign f;
    if (foreign_read((enum foreign_form)form, file, text, n, &f, d) < 0) {
        return cli_findings(a, d);
    }
    char name[80];
    foreign_procedure_name(file, name, sizeof name);
    struct text yaml = {0};
    foreign_to_yaml(&f, (enum foreign_form)form, given ? given : name, file, &yaml, d);
    foreign_done(&f);
    int code = prove(&yaml, d) < 0 ? EXIT_FILE : EXIT_DONE;
    if (d->n) {
        cli_findings(a, d);
    }
    code = code == EXIT_DONE ? put_out(a, &yaml) : code;
    text_done(&yaml);
    return code;
}

static int import(const struct args *a, struct diag *d)
{
    char *text;
    size_t n;
    int r = file_read(a->arg[1], FILE_MAX, &text, &n);
    if (r < 0) {
        diag_add(d, r, r == E_RANGE ? "%s is larger than 4 MiB: no procedure" : "%s cannot be read",
                 a->arg[1]);
        return cli_findings(a, d);
    }
    int code = import_text(a, text, n, d);
    free(text);
    return code;
}

/* ---- export ---- */

static int export_loaded(const struct args *a, enum foreign_form form, struct diag *d)
{
    struct foreign f;
    int r = foreign_from_program(&loaded.program, &loaded.procedure, form,
                                 args_get(a, "--lossy") != NULL, &f, d);
    if (r < 0) {
        return cli_findings(a, d);
    }
    struct text out = {0};
    r = foreign_write(&f, form, program_text(&loaded.program, loaded.program.name), &out, d);
    foreign_done(&f);
    if (d->n) {
        cli_findings(a, d);
    }
    int code = r < 0 ? EXIT_INTERNAL : put_out(a, &out);
    text_done(&out);
    return code;
}

static int export(const struct args *a, struct diag *d)
{
    int form = form_of(a, "--to");
    if (form < 0) {
        return EXIT_USAGE;
    }
    int r = cli_load(a, NULL, a->arg[1], args_get(a, "--article"), NULL, &loaded, d);
    int code = r < 0 ? cli_findings(a, d) : export_loaded(a, (enum foreign_form)form, d);
    cli_unload(&loaded);
    return code;
}

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    if (strcmp(a->arg[0], "import") == 0) {
        return import(a, &d);
    }
    if (strcmp(a->arg[0], "export") == 0) {
        return export(a, &d);
    }
    return cli_error(a, EXIT_USAGE, "`benchctl procedure` takes import or export, not `%s`",
                     a->arg[0]);
}

static const struct option options[] = {
    {"--from",    "FORM",       false, "import: pybamm or unicycler; else the file tells"     },
    {"--name",    "NAME",       false, "import: name of the procedure; else that of the file" },
    {"--to",      "FORM",       false, "export: pybamm or unicycler"                          },
    {"--article", "ARTICLE",    false, "export: the article whose capacity and area are meant"},
    {"--set",     "NAME=VALUE", true,  "export: a parameter of the procedure"                 },
    {"--lossy",   NULL,         false,
     "export: leave out what the other form cannot say, each with a warning"                  },
    {"--out",     "FILE",       false, "write there instead of to the terminal"               },
    {"--force",   NULL,         false, "replace FILE"                                         },
    {NULL,        NULL,         false, NULL                                                   },
};

extern const struct command cmd_procedure;
const struct command cmd_procedure = {
    .name = "procedure",
    .group = "keep",
    .arguments = "import|export FILE",
    .help = "procedures from and to PyBaMM experiments and unicycler protocols",
    .options = options,
    .more = "  benchctl procedure import experiment.py --out cycles.yaml\n  benchctl procedure "
            "export cell/capacity.yaml --to unicycler --set rate=C/5",
    .common = COMMON_LAB,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
