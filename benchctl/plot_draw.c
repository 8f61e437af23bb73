/* benchctl/plot_draw.c - a picture on the terminal, or in a file beside the script that draws it.
 */
#include "benchctl/plot_priv.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COLUMNS_USUAL = 100,
    ROWS_USUAL = 28
};

static void terminal_size(struct plot_target *to)
{
    const char *columns = getenv("COLUMNS");
    int64_t n = 0;

    to->columns = COLUMNS_USUAL;
    to->rows = ROWS_USUAL;
    if (columns && str_to_int(columns, strlen(columns), &n) == 0 && n >= 40 && n <= 400) {
        to->columns = (unsigned)n;
    }
}

/* gnuplot fills its lines with blanks and begins with an empty one. */
static void print_trimmed(FILE *from)
{
    char line[1024];
    bool empty = true; /* the line before */

    rewind(from);
    while (fgets(line, sizeof(line), from)) {
        size_t n = strlen(line);

        while (n > 0 && strchr(" \n\f", line[n - 1])) {
            n--;
        }
        if (n > 0 || !empty) {
            printf("%.*s\n", (int)n, line);
        }
        empty = n == 0;
    }
}

int plot_draw_terminal(const struct picture *p, struct diag *reterr)
{
    struct plot_target to = {.as = PLOT_TERMINAL};
    FILE *drawn = tmpfile();
    struct text script = {0};
    int rc;

    if (!drawn) {
        return diag_add(reterr, E_IO, "cannot make a temporary file: %s", strerror(errno));
    }
    terminal_size(&to);
    plot_script(p, &to, &script);
    rc = plot_run(script.p, script.n, NULL, drawn, reterr);
    if (rc == 0) {
        printf("%s\n", p->title);
        print_trimmed(drawn);
    }
    text_done(&script);
    fclose(drawn);
    return rc;
}

int plot_draw_file(const struct picture *p, enum plot_as as, const char *out, struct diag *reterr)
{
    char folder[LOOK_PATH_MAX], beside[LOOK_PATH_MAX + 8];
    const char *slash = strrchr(out, '/'), *name = slash ? slash + 1 : out;
    const char *dot = strrchr(name, '.');
    const struct plot_target to = {.as = as, .file = name};
    size_t stem = dot ? (size_t)(dot - out) : strlen(out);
    struct text script = {0};
    int rc = str_fmt(folder, sizeof(folder), "%.*s", slash ? (int)(slash - out) + 1 : 2,
                     slash ? out : "./");

    if (rc < 0 || str_fmt(beside, sizeof(beside), "%.*s.gp", (int)stem, out) < 0 ||
        name[0] == '\0') {
        return diag_add(reterr, E_RANGE, "`%s` is no name for a picture", out);
    }
    if (strcmp(beside, out) == 0) {
        return diag_add(reterr, E_RANGE, "`%s` is the name that the script gets", out);
    }
    plot_script(p, &to, &script);
    rc = file_write(beside, script.p, script.n);
    if (rc < 0) {
        diag_add(reterr, rc, "cannot write %s: %s", beside, err_text(rc));
        diag_hint(reterr, "--out FILE puts picture and script elsewhere");
    } else {
        rc = plot_run(script.p, script.n, folder, stdout, reterr);
    }
    text_done(&script);
    if (rc == 0 && access(out, R_OK) < 0) {
        rc = diag_add(reterr, E_IO, "gnuplot made no %s", out);
    }
    return rc;
}
