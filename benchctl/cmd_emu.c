/* benchctl/cmd_emu.c - `benchctl emu BENCH`: the bench's emulators in a process of their own, behind ptys and TCP sockets, in real time.
 *
 * Prints one line per bus (`BUS LINK`), writes the same to --links FILE, then `ready`. Ends by SIGINT or SIGTERM, or after --for.
 */
#include "benchctl/cli.h"
#include "benchctl/emu_hands.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile int stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static struct bench bench;
static struct rig rig;
static struct serve serve;
static struct emu_watch watch;
static struct emu_hands hands;

static int write_links(const char *path, bool said)
{
    struct text out = {0};
    for (unsigned k = 0; k < serve.n; k++) {
        text_add(&out, "%s %s\n", bench.bus[k].name, serve.line[k].uri);
    }
    if (said) {
        fputs(out.p, stdout);
    }
    int r = path ? file_write(path, out.p, out.n) : 0;
    text_done(&out);
    return r;
}

static void plugged(void *ctx)
{
    const char *path = ctx;
    int r = write_links(path, false);
    if (r < 0) {
        fprintf(stderr, "cannot write %s: %s\n", path, err_text(r));
    }
}

static int number_option(const struct args *a, const char *name, double least, double most, double *ret)
{
    const char *text = args_get(a, name);
    if (text && (str_to_double(text, strlen(text), ret) < 0 || *ret < least || *ret > most)) {
        return cli_error(a, EXIT_USAGE, "%s takes a number from %g to %g", name, least, most);
    }
    return EXIT_DONE;
}

static int open_lines(struct diag *reterr)
{
    int r = 0;
    for (uint8_t k = 0; k < bench.n_buses && r == 0; k++) {
        serve.line[k].host = &rig.host[k];
        serve.line[k].wiring = &rig.host_wiring[k];
        serve.line[k].tcp = rig.host_wiring[k].tcp;
        serve.n = k + 1U;
        r = serve_open(&serve, k, reterr);
    }
    return r;
}

static int open_hands(const struct args *a, struct diag *reterr)
{
    const char *words[OPTION_REPEAT_MAX];
    unsigned n = args_all(a, "--fault", words, OPTION_REPEAT_MAX);
    int r = 0;
    union {
        const char *in;
        void *out;
    } links = {.in = args_get(a, "--links")};
    emu_hands_open(&hands, &rig, &serve, &watch, args_get(a, "--hands") ? STDIN_FILENO : -1);
    hands.plugged = plugged;
    hands.ctx = links.out;
    for (unsigned k = 0; k < n && r == 0; k++) {
        r = emu_hands_say(&hands, words[k], 0, reterr);
    }
    return r;
}

/* Until it is told to end. */
static int work(const struct args *a, double for_s)
{
    struct diag d;
    diag_init(&d);
    const char *path = args_get(a, "--links");
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int r = write_links(path, true);
    if (r < 0) {
        return cli_error(a, EXIT_INTERNAL, "cannot write %s: %s", path, err_text(r));
    }
    printf("ready\n");
    fflush(stdout);
    if (serve_work(&serve, for_s, &d) < 0) {
        cli_findings(a, &d);
        return EXIT_INTERNAL;
    }
    return EXIT_DONE;
}

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    double speed = 1.0, seed = 0.0, for_s = 0.0;
    int code = number_option(a, "--speed", 1.0, 1000.0, &speed);
    code = code ? code : number_option(a, "--seed", 1.0, 1e9, &seed);
    code = code ? code : number_option(a, "--for", 0.0, 1e7, &for_s);
    if (code != EXIT_DONE) {
        return code;
    }
    if (bench_load(a->arg[0], &bench, &d) < 0) {
        return cli_findings(a, &d);
    }
    int r = rig_emulate(&rig, &bench, (uint64_t)seed, speed, &d);
    struct clock clock;
    clock_init_os(&clock);
    serve.origin = clock.mono; /* bench time 0 is now */
    serve.stop = &stop;
    r = r == 0 ? open_lines(&d) : r;
    r = r == 0 ? emu_watch_open(&watch, &rig, &serve, args_get(a, "--watch"), args_get(a, "--trace"), &d) : r;
    r = r == 0 ? open_hands(a, &d) : r;
    if (r < 0) {
        cli_findings(a, &d);
        code = r == E_SYNTAX || r == E_NOENT || r == E_UNIT ? EXIT_USAGE : EXIT_BENCH;
    } else {
        code = work(a, for_s);
    }
    serve_close(&serve);
    emu_watch_close(&watch, clock_mono(&clock));
    rig_close(&rig);
    bench_done(&bench);
    return code;
}

static const struct option options[] = {
    {"--links", "FILE", false, "write the links here, for `benchctl run --links`"},
    {"--speed", "N", false, "the world runs so many times faster; links stay real"},
    {"--seed", "N", false, "draws instrument errors and noise anew"},
    {"--fault", "WORDS", true, "'bus b unplugged at 10 s', 'station A emf 1 V at 1 min for 5 s', and as sim --fault; at once where no time is said"},
    {"--hands", NULL, false, "do what is said on standard input, a line each: the words of --fault, `INSTRUMENT mended`"},
    {"--watch", "FILE", false, "write down each switching of an output and each beginning and end of a current"},
    {"--trace", "FILE", false, "write down the bytes that come in"},
    {"--for", "SECONDS", false, "end after so long"},
    {NULL, NULL, false, NULL},
};

extern const struct command cmd_emu;
const struct command cmd_emu = {
    .name = "emu", .group = "try", .arguments = "BENCH", .help = "the bench's emulators behind ptys and TCP sockets, for other programs to talk to", .options = options,
    .more = "  INSTRUMENT FAULT, INSTRUMENT.CONTACT opens|closes, INSTRUMENT mended, bus NAME unplugged|plugged|closed|hung|deaf|mended,\n"
            "  station NAME emf|pressure|air|current VALUE, station NAME sense|lead|mended\n"
            "  benchctl emu benches/demo.yaml --links /tmp/links\n  benchctl run benches/demo.yaml assb/formation.yaml --article ASSB-017 --links /tmp/links", .min_args = 1, .max_args = 1,
    .run = run,
};
