/* benchctl/cmd_control.c - `benchctl pause|resume|skip|stop|abort BENCH`: a word to the run that is going on there. */
#include "benchctl/cli.h"
#include "benchctl/control.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_S = 10 };
static struct bench bench;

/* The bench's name from its file, or the name itself. */
static int bench_name(const struct args *a, char *ret, size_t size, struct diag *reterr)
{
    if (access(a->arg[0], R_OK) < 0) {
        return str_copy(ret, size, a->arg[0]) ? 0 : E_RANGE;
    }
    int r = bench_load(a->arg[0], &bench, reterr);
    if (r == 0) {
        r = str_copy(ret, size, bench.name) ? 0 : E_RANGE;
        bench_done(&bench);
    }
    return r;
}

static int ask(const char *path, const char *line, char *ret, size_t size)
{
    union {
        struct sockaddr any;
        struct sockaddr_un un;
    } at = {.un = {.sun_family = AF_UNIX}};
    struct timeval patience = {.tv_sec = ANSWER_S};
    if (!str_copy(at.un.sun_path, sizeof at.un.sun_path, path)) {
        return E_RANGE;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &at.any, sizeof at.un) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return E_NOENT;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    size_t got = 0;
    ssize_t n = send(fd, line, strlen(line), MSG_NOSIGNAL);
    while (n > 0 && got + 1 < size) {
        n = recv(fd, ret + got, size - 1 - got, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    ret[got] = '\0';
    close(fd);
    return got > 0 && n == 0 ? 0 : E_TIMEOUT;
}

static int tell(const struct args *a, const char *text)
{
    json_error_t wrong;
    json_t *o = json_loads(text, 0, &wrong);
    const char *error = json_string_value(json_object_get(o, "error")), *why = json_string_value(json_object_get(o, "why"));
    const char *station = json_string_value(json_object_get(o, "station")), *state = json_string_value(json_object_get(o, "state"));
    int code = error || !o ? EXIT_LIMITS : EXIT_DONE;
    if (a->json) {
        fputs(text, stdout);
    } else if (station && state) {
        printf("station %s: %s%s%s\n", station, state, why ? ": " : "", why ? why : "");
    }
    if (error && !a->json) {
        code = cli_error(a, EXIT_LIMITS, "%s", error);
    }
    json_decref(o);
    return code;
}

static int run(const struct args *a)
{
    char name[64], path[300], line[CONTROL_LINE], text[1000];
    const char *station = args_get(a, "--station");
    struct diag d;
    diag_init(&d);
    if (bench_name(a, name, sizeof name, &d) < 0) {
        return d.n ? cli_findings(a, &d) : cli_error(a, EXIT_USAGE, "the name of the bench is too long");
    }
    if (control_path(a->lab, name, path, sizeof path) < 0 || str_fmt(line, sizeof line, "%s%s%s\n", a->command->name, station ? " " : "", station ? station : "") < 0) {
        return cli_error(a, EXIT_USAGE, "too long");
    }
    int r = ask(path, line, text, sizeof text);
    if (r == E_NOENT) {
        return cli_error(a, EXIT_BENCH, "no run is going on at bench `%s` in lab %s", name, a->lab);
    }
    return r < 0 ? cli_error(a, EXIT_BENCH, "the run at bench `%s` does not answer", name) : tell(a, text);
}

static const struct option options[] = {{"--station", "NAME", false, "whose run, where several are going on"}, {NULL, NULL, false, NULL}};

#define CONTROL(NAME, HELP)                                                                                                                                    \
    extern const struct command cmd_##NAME;                                                                                                                    \
    const struct command cmd_##NAME = {.name = #NAME, .group = "act", .arguments = "BENCH", .help = HELP, .options = options,                                  \
                                       .common = COMMON_LAB | COMMON_JSON, .min_args = 1, .max_args = 1, .run = run}
CONTROL(pause, "no current; all else stays as it is, guards stay on");
CONTROL(resume, "go on with a paused run");
CONTROL(skip, "end the step under way and go on with the next");
CONTROL(stop, "end the run after the step under way");
CONTROL(abort, "end the run now: its safe sequence");
