/* benchctl/main.c - the words after `benchctl`: which subcommand, its options, its help. */
#include "benchctl/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option common_options[] = {
    {"--lab", "DIR", false, "folder of lab.db and runs/ (default $BENCHCTL_LAB or ./lab)"},
    {"--json", NULL, false, "print JSON"},
    {"--csv", NULL, false, "print CSV"},
    {"--help", NULL, false, "this text"},
    {NULL, NULL, false, NULL},
};

static bool has_common(const struct command *c, const char *name)
{
    return (strcmp(name, "--lab") == 0 && (c->common & COMMON_LAB)) || (strcmp(name, "--json") == 0 && (c->common & COMMON_JSON)) ||
           (strcmp(name, "--csv") == 0 && (c->common & COMMON_CSV)) || strcmp(name, "--help") == 0;
}

static void print_option(const struct option *o)
{
    char left[64];
    int n = snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
    printf("  %-*s  %s%s\n", n > 26 ? n : 26, left, o->help, o->repeat ? " (may be repeated)" : "");
}

static int help_command(const struct command *c)
{
    printf("usage: benchctl %s %s%s\n\n%s\n", c->name, c->arguments, c->arguments[0] ? " [options]" : "[options]", c->help);
    if (c->more) {
        printf("\n%s\n", c->more);
    }
    printf("\noptions\n");
    for (const struct option *o = c->options; o && o->name; o++) {
        print_option(o);
    }
    for (const struct option *o = common_options; o->name; o++) {
        if (has_common(c, o->name)) {
            print_option(o);
        }
    }
    return EXIT_DONE;
}

static int help_all(FILE *to)
{
    fprintf(to, "benchctl %s - battery and fuel-cell test benches\n\nusage: benchctl COMMAND ...      benchctl COMMAND --help\n", BENCHCTL_VERSION);
    static const char *const groups[] = {"look", "try", "act", "use", "intake", "keep"};
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        bool titled = false;
        for (size_t k = 0; commands[k]; k++) {
            if (strcmp(commands[k]->group, groups[g]) != 0) {
                continue;
            }
            fprintf(to, titled ? "" : "\n%s\n", groups[g]);
            titled = true;
            fprintf(to, "  %-10s %s\n", commands[k]->name, commands[k]->help);
        }
    }
    fprintf(to, "\nA first look: benchctl sim benches/demo.yaml assb/formation.yaml --article ASSB-017\n");
    return EXIT_DONE;
}

static const struct option *find_option(const struct command *c, const char *name)
{
    for (const struct option *o = c->options; o && o->name; o++) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    for (const struct option *o = common_options; o->name; o++) {
        if (strcmp(o->name, name) == 0 && has_common(c, name)) {
            return o;
        }
    }
    return NULL;
}

static int unknown_option(const struct args *a, const char *word)
{
    const char *names[40] = {0};
    size_t n = 0;
    for (const struct option *o = a->command->options; o && o->name && n < 30; o++) {
        names[n++] = o->name;
    }
    for (const struct option *o = common_options; o->name; o++) {
        if (has_common(a->command, o->name)) {
            names[n++] = o->name;
        }
    }
    const char *near = str_nearest(word, names);
    return cli_error(a, EXIT_USAGE, "`benchctl %s` has no option %s%s%s%s", a->command->name, word, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* --name VALUE and --name=VALUE. Returns 0 or an exit code. */
static int take_option(struct args *a, int argc, char **argv, int *at)
{
    char name[64];
    const char *word = argv[*at], *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    if (len >= sizeof name) {
        return cli_error(a, EXIT_USAGE, "what is %s?", word);
    }
    memcpy(name, word, len);
    name[len] = '\0';
    if (strcmp(name, "-o") == 0) {
        str_copy(name, sizeof name, "--out");
    }
    const struct option *o = find_option(a->command, name);
    if (!o) {
        return unknown_option(a, name);
    }
    const char *value = "";
    if (o->value) {
        if (!equals && *at + 1 >= argc) {
            return cli_error(a, EXIT_USAGE, "%s needs a value: %s %s", name, name, o->value);
        }
        value = equals ? equals + 1 : argv[++*at];
    } else if (equals) {
        return cli_error(a, EXIT_USAGE, "%s takes no value", name);
    }
    if (!o->repeat && args_get(a, name)) {
        return cli_error(a, EXIT_USAGE, "%s is given twice", name);
    }
    if (a->n_given == OPTION_REPEAT_MAX) {
        return cli_error(a, EXIT_USAGE, "more than %d options", OPTION_REPEAT_MAX);
    }
    a->given[a->n_given].option = o;
    a->given[a->n_given++].value = value;
    return 0;
}

static int parse(struct args *a, int argc, char **argv)
{
    bool words_only = false;
    for (int k = 2; k < argc; k++) {
        if (!words_only && strcmp(argv[k], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[k][0] == '-' && (argv[k][1] == '-' || strcmp(argv[k], "-o") == 0)) {
            int r = take_option(a, argc, argv, &k);
            if (r != 0) {
                return r;
            }
        } else if (a->n == ARGS_MAX) {
            return cli_error(a, EXIT_USAGE, "more than %d arguments", ARGS_MAX);
        } else {
            a->arg[a->n++] = argv[k];
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool no_colour = getenv("NO_COLOR") && getenv("NO_COLOR")[0];
    struct args a = {.colour = isatty(STDOUT_FILENO) && !no_colour, .err_colour = isatty(STDERR_FILENO) && !no_colour};
    if (argc < 2) {
        help_all(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "-h") == 0) {
        return help_all(stdout);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("benchctl %s\n", BENCHCTL_VERSION);
        return EXIT_DONE;
    }
    const char *names[64] = {0};
    for (size_t k = 0; commands[k] && k + 1 < ARRAY_LEN(names); k++) {
        names[k] = commands[k]->name;
        if (strcmp(commands[k]->name, argv[1]) == 0) {
            a.command = commands[k];
        }
    }
    if (!a.command) {
        const char *near = str_nearest(argv[1], names);
        return cli_error(&a, EXIT_USAGE, "there is no command `%s`%s%s%s", argv[1], near ? "; did you mean " : "; see benchctl --help", near ? near : "", near ? "?" : "");
    }
    int r = parse(&a, argc, argv);
    if (r != 0) {
        return r;
    }
    if (args_get(&a, "--help")) {
        return help_command(a.command);
    }
    if (a.n < a.command->min_args || a.n > a.command->max_args) {
        return cli_error(&a, EXIT_USAGE, "usage: benchctl %s %s", a.command->name, a.command->arguments);
    }
    const char *env = getenv("BENCHCTL_LAB");
    const char *lab = args_get(&a, "--lab");
    a.lab = lab ? lab : env && env[0] ? env : "lab";
    a.json = args_get(&a, "--json") != NULL;
    a.csv = args_get(&a, "--csv") != NULL;
    if (a.json && a.csv) {
        return cli_error(&a, EXIT_USAGE, "--json or --csv, not both");
    }
    return a.command->run(&a);
}
