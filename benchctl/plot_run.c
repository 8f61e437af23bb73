/* benchctl/plot_run.c - gnuplot as a child process.
 *
 * Script and error text go through files without a name: a pipe to each side would need a loop that
 * reads and writes at the same time, or wait for ever.
 */
#include "benchctl/plot_priv.h"

#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXIT_NOT_FOUND = 127,
    EXIT_NO_FOLDER = 126
};

struct ends {
    FILE *script, *output, *errors;
};

_Noreturn static void be_gnuplot(const struct ends *e, const char *folder)
{
    static char name[] = "gnuplot", from_stdin[] = "-";
    char *const argv[] = {name, from_stdin, NULL};

    if (dup2(fileno(e->script), STDIN_FILENO) < 0 || dup2(fileno(e->output), STDOUT_FILENO) < 0 ||
        dup2(fileno(e->errors), STDERR_FILENO) < 0) {
        _exit(EXIT_NO_FOLDER);
    }
    if (folder && chdir(folder) < 0) {
        _exit(EXIT_NO_FOLDER);
    }
    execvp(name, argv);
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NO_FOLDER);
}

/* The last line that says something: gnuplot repeats the command and points at it before. */
static void last_words(FILE *errors, char *ret, size_t size)
{
    char line[200];

    ret[0] = '\0';
    rewind(errors);
    while (fgets(line, sizeof(line), errors)) {
        char *p = line + strspn(line, " \t^\n");

        p[strcspn(p, "\n")] = '\0';
        if (p[0]) {
            str_copy(ret, size, p);
        }
    }
}

static int outcome(int status, FILE *errors, struct diag *reterr)
{
    char words[160];

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return 0;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_FOUND) {
        diag_add(reterr, E_NOENT, "gnuplot is not installed, and plots are drawn by it");
        diag_hint(reterr, "Debian: apt install gnuplot-nox");
        return E_NOENT;
    }
    last_words(errors, words, sizeof(words));
    if (WIFEXITED(status)) {
        return diag_add(reterr, E_IO, "gnuplot failed: %s",
                        words[0] ? words : "it did not say why");
    }
    return diag_add(reterr, E_IO, "gnuplot was ended by signal %d", WTERMSIG(status));
}

static int run_with(const struct ends *e, const char *folder, struct diag *reterr)
{
    int status = 0;
    pid_t pid;

    fflush(e->output);
    pid = fork();
    if (pid < 0) {
        return diag_add(reterr, E_IO, "cannot start gnuplot: %s", strerror(errno));
    }
    if (pid == 0) {
        be_gnuplot(e, folder);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return diag_add(reterr, E_IO, "lost gnuplot: %s", strerror(errno));
        }
    }
    return outcome(status, e->errors, reterr);
}

int plot_run(const char *script, size_t n, const char *folder, FILE *output, struct diag *reterr)
{
    struct ends e = {.script = tmpfile(), .output = output, .errors = tmpfile()};
    int rc = E_IO;

    if (e.script && e.errors && fwrite(script, 1, n, e.script) == n && fflush(e.script) == 0 &&
        lseek(fileno(e.script), 0, SEEK_SET) == 0) {
        rc = run_with(&e, folder, reterr);
    } else {
        diag_add(reterr, E_IO, "cannot make a temporary file: %s", strerror(errno));
    }
    if (e.script) {
        fclose(e.script);
    }
    if (e.errors) {
        fclose(e.errors);
    }
    return rc;
}
