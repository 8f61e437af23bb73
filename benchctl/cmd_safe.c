/* benchctl/cmd_safe.c - `benchctl safe BENCH`: every station's safe sequence, now, with what every instrument answered.
 *
 * Waits for the lock (a guardian at work is let finish); what is off already stays off: the sequences are repeatable. Afterwards BENCH.safed is put aside, so that the bench can work again.
 */
#include "benchctl/cli.h"
#include "benchctl/rig.h"
#include "benchctl/safe.h"
#include "benchctl/uris.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bench bench;
static struct rig rig;
static struct live live;

/* Lost instruments are not identified: a safe job is sent all the same. */
static bool walk_station(int station)
{
    struct safe_walk w = {0};
    safe_begin(&w, &rig, station, SAFE_ANY, false, station == bench.n_stations - 1);
    while (!safe_go(&w, &rig)) {
        nsec due = rig_due(&rig), mine = safe_due(&w);
        rig_wait(&rig, due < mine ? due : mine);
        struct rig_event e;
        while (rig_take(&rig, &e)) {
            (void)safe_take(&w, &e);
        }
    }
    printf("station %s: %s\n", bench.station[station].name, w.failed == 0 ? "safe" : "NOT PROVEN SAFE");
    return w.failed == 0;
}

static void put_aside(const char *lab)
{
    char from[600], to[640];
    char *text = NULL;
    if (bench_safed_path(lab, bench.name, from, sizeof from) < 0 || access(from, F_OK) < 0 || str_fmt(to, sizeof to, "%s.seen", from) < 0) {
        return;
    }
    if (bench_safed_read(lab, bench.name, &text) == 0) {
        printf("the guardian had written:\n%s", text);
    } else {
        printf("the guardian had left no word\n");
    }
    if (rename(from, to) == 0) {
        printf("kept in %s\n", to);
    }
    free(text);
}

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    if (bench_load(a->arg[0], &bench, &d) < 0) {
        return cli_findings(a, &d);
    }
    struct uris uris;
    int lock_fd = -1;
    int r = uris_of(a, &bench, &uris, &d);
    r = r == 0 ? bench_lock(a->lab, bench.name, 20.0, &lock_fd, &d) : r;
    r = r == 0 ? rig_open_live(&rig, &bench, &live, uris.uri, 1.0, &d) : r;
    if (r < 0) {
        cli_findings(a, &d);
        bench_done(&bench);
        return EXIT_BENCH;
    }
    struct diag who;
    diag_init(&who);
    (void)!rig_wait_identified(&rig, 4.0, &who); /* who does not answer is told all the same, and reported */
    bool safe = true;
    for (int s = 0; s < bench.n_stations; s++) {
        safe = walk_station(s) && safe;
    }
    if (who.n) {
        cli_findings(a, &who);
    }
    if (safe) {
        put_aside(a->lab);
    }
    rig_close(&rig);
    live_close(&live);
    close(lock_fd);
    bench_done(&bench);
    return safe ? EXIT_DONE : EXIT_FAIL;
}

static const struct option options[] = {{"--links", "FILE", false, "links of `benchctl emu` instead of the bench file's"}, {NULL, NULL, false, NULL}};

extern const struct command cmd_safe;
const struct command cmd_safe = {
    .name = "safe", .group = "act", .arguments = "BENCH", .help = "walk every station's safe sequence now", .options = options, .common = COMMON_LAB, .min_args = 1, .max_args = 1, .run = run,
};
