/* tests/fault/test_death.c - a controller that dies with a frame half written: the real guardian, real links, the emulators in another process. The output is
 * off within a second, judged at the emulator.
 *
 * A stand-in for the controller opens the lines, switches an output on through its driver, starts the guardian, writes the first bytes of one more request and
 * kills itself. The guardian is told how many bytes are out, as live_send() does, or not (the kill fell between the write and the note). The cut request is the most
 * harmful one of its line: a number that means more when it is cut, a counted frame that takes what follows for its tail.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "benchctl/live.h"
#include "benchctl/rig.h"
#include "drivers/virtual/serve.h"
#include "tests/support/sim.h"

#include <check.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LINES = 3, WAIT_S = 4 };
struct seen {
    volatile int ready, stop;
    _Atomic int on[LINES];
    _Atomic int64_t off_at[LINES]; /* CLOCK_MONOTONIC ns */
    _Atomic int64_t killed_at;
    _Atomic int64_t most_na; /* largest current limit that stood at the article while an output was on */
    char uri[LINES][200];
};
static struct seen *seen;
static struct bench bench;
static struct rig rig;
static struct live live;
static char lab[200];
static double worst_s[LINES];
static unsigned deaths[LINES];

static nsec os_now(void)
{
    static const struct clock os = {0};
    return clock_mono(&os);
}

/* ---- The emulators' process ---- */

static void worked(void *ctx, nsec now)
{
    (void)ctx;
    (void)now;
    for (uint8_t i = 0; i < LINES; i++) {
        int on = rig_energized(&rig, i);
        if (!on && atomic_load(&seen->on[i]))
            atomic_store(&seen->off_at[i], os_now());
        atomic_store(&seen->on[i], on);
        int64_t na = (int64_t)(rig.world->station[i].source.i_max * 1e9);
        if (on && na > atomic_load(&seen->most_na))
            atomic_store(&seen->most_na, na);
    }
}

_Noreturn static void emulate(void)
{
    static struct serve serve;
    struct diag d;
    diag_init(&d);
    int r = rig_emulate(&rig, &bench, 0, 1.0, &d);
    serve.origin = os_now();
    serve.stop = &seen->stop;
    serve.worked = worked;
    for (uint8_t k = 0; k < LINES && r == 0; k++) {
        serve.line[k].host = &rig.host[k];
        serve.line[k].wiring = &rig.host_wiring[k];
        serve.line[k].tcp = rig.host_wiring[k].tcp;
        serve.n = k + 1U;
        r = serve_open(&serve, k, &d);
        (void)str_copy(seen->uri[k], sizeof seen->uri[k], serve.line[k].uri);
    }
    seen->ready = r == 0 ? 1 : -1;
    r = r == 0 ? serve_work(&serve, 0.0, &d) : r;
    _exit(r == 0 ? 0 : 1);
}

/* ---- The stand-in for the controller ---- */

static void set_or_die(uint8_t inst, const char *chan, double value, uint32_t token)
{
    int c = inst_find_chan(&bench.inst[inst], chan);
    bool done = c >= 0 && rig_set(&rig, inst, (uint16_t)c, value, token) == 0;
    nsec end = rig.s.now + WAIT_S * NSEC_S;
    for (bool answered = !done; !answered && rig.s.now < end;) {
        rig_wait(&rig, rig_due(&rig));
        struct rig_event e;
        while (rig_take(&rig, &e)) {
            if (e.token == token) {
                answered = true;
                done = e.kind == RIG_SET_DONE;
                if (!done)
                    fprintf(stderr, "%s.%s: %s\n", bench.inst[inst].name, chan, e.text);
            }
        }
    }
    if (!done)
        _exit(3);
}

static double mode_named(uint8_t inst, const char *name)
{
    const char *const *states = bench.inst[inst].chans[inst_find_chan(&bench.inst[inst], "mode")].states;
    for (int k = 0; states[k]; k++)
        if (strcmp(states[k], name) == 0)
            return k;
    _exit(4);
}

/* The request that is cut: text whose number grows, or a write of several registers. */
static size_t request(uint8_t inst, uint8_t *buf, size_t size)
{
    static const uint8_t write_two[] = {1, 16, 0x01, 0xF4, 0, 2, 4, 0x10, 0, 0x08, 0}; /* voltage and source current of an EA */
    struct xfer x = {0};
    if (inst == 0) {
        static const char text[] = ":SOUR:VOLT:ILIM +1.000000E-03";
        memcpy(x.tx, text, sizeof text - 1);
        x.tx_len = sizeof text - 1;
    } else {
        memcpy(x.tx, write_two, sizeof write_two);
        x.tx_len = sizeof write_two;
    }
    int n = bus_frame_request(&rig.bus[inst], &rig.bus_wiring[inst], &x, buf, size);
    if (n <= 0)
        _exit(5);
    return (size_t)n;
}

struct cut {
    uint8_t inst;
    unsigned at;     /* bytes that are out; 0: whole */
    bool is_known;   /* the page says how many */
};

_Noreturn static void die(const struct cut *c)
{
    static const char *const limit[LINES] = {"current_limit", "limit_charge", "limit_charge"};
    const char *uris[LINES] = {seen->uri[0], seen->uri[1], seen->uri[2]};
    char safed[300];
    struct diag d;
    diag_init(&d);
    if (rig_open_live(&rig, &bench, &live, uris, 1.0, &d) < 0 || rig_wait_identified(&rig, 5.0, &d) < 0 || bench_safed_path(lab, "half", safed, sizeof safed) < 0) {
        fprintf(stderr, "%s\n", d.n ? d.finding[0].text : "no rig");
        _exit(2);
    }
    int fds[LINES];
    for (int k = 0; k < LINES; k++)
        fds[k] = live.line[k].link.fd;
    if (guardian_start(&live.guardian, "half", safed, -1, fds, LINES, &d) < 0)
        _exit(2);
    live_cards(&live, 1U << c->inst);
    guardian_arm(&live.guardian, true);
    set_or_die(c->inst, "voltage_set", 4.0, 1);
    set_or_die(c->inst, limit[c->inst], c->inst == 0 ? 0.001 : 1.0, 2);
    set_or_die(c->inst, "mode", mode_named(c->inst, "voltage"), 3);
    uint8_t frame[300];
    size_t n = request(c->inst, frame, sizeof frame), out = c->at ? c->at : n;
    out = out < n ? out : n - 1;
    _Atomic int *sent = guardian_flight(&live.guardian, c->inst, frame, n);
    bool good = atomic_load(&seen->on[c->inst]) && write(fds[c->inst], frame, out) == (ssize_t)out;
    if (c->is_known)
        atomic_store(sent, (int)out);
    if (!good)
        _exit(6);
    atomic_store(&seen->killed_at, os_now());
    kill(getpid(), SIGKILL);
    _exit(7);
}

/* ---- The test ---- */

static void lines_of_safed(char *buf, size_t size)
{
    char path[300];
    size_t n = 0;
    FILE *f = bench_safed_path(lab, "half", path, sizeof path) == 0 ? fopen(path, "r") : NULL;
    if (f) {
        n = fread(buf, 1, size - 1, f);
        fclose(f);
    }
    buf[n] = '\0';
    unlink(path);
}

static void one_death(const struct cut *c)
{
    static const char *const lines[LINES] = {"text", "Modbus RTU", "Modbus TCP"};
    char said[400];
    int status;
    atomic_store(&seen->off_at[c->inst], 0);
    atomic_store(&seen->most_na, 0);
    pid_t pid = fork();
    if (pid == 0)
        die(c);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%s: the stand-in ended with %d before it died", lines[c->inst], WEXITSTATUS(status));
    nsec end = os_now() + WAIT_S * NSEC_S;
    bool told = false;
    said[0] = '\0';
    while (os_now() < end && !told) { /* the guardian has written its last line */
        char path[300];
        (void)poll(NULL, 0, 2);
        FILE *f = bench_safed_path(lab, "half", path, sizeof path) == 0 ? fopen(path, "r") : NULL;
        if (f) {
            said[fread(said, 1, sizeof said - 1, f)] = '\0';
            fclose(f);
        }
        told = strstr(said, ": safe") || strstr(said, ": no answer") || strstr(said, ": line");
    }
    lines_of_safed(said, sizeof said);
    nsec off = atomic_load(&seen->off_at[c->inst]);
    double s = off ? nsec_to_s(off - atomic_load(&seen->killed_at)) : (double)INFINITY;
    ck_assert_msg(!atomic_load(&seen->on[c->inst]) && s < 1.0, "%s, %u bytes out, %s: off after %.3f s; the guardian: %s", lines[c->inst], c->at, c->is_known ? "noted" : "not noted", s, said);
    ck_assert_msg(strstr(said, ": safe") != NULL, "%s, %u bytes out: the guardian said %s", lines[c->inst], c->at, said);
    if (c->inst == 0 && c->is_known) { /* the rest of the number came before the end of the line */
        double most_a = (double)atomic_load(&seen->most_na) * 1e-9;
        ck_assert_msg(most_a > 0.0009 && most_a < 0.0011, "%u bytes of the limit out: it stood at %g A", c->at, most_a);
    }
    worst_s[c->inst] = s > worst_s[c->inst] ? s : worst_s[c->inst];
    deaths[c->inst]++;
}

static void deaths_on(uint8_t inst, unsigned most)
{
    bool is_long = getenv("BENCHCTL_LONG") != NULL;
    unsigned step = is_long ? 1 : most / 3;
    for (unsigned at = 1; at <= most; at += step)
        for (int known = 0; known < 2; known++)
            one_death(&(struct cut){.inst = inst, .at = at, .is_known = known});
}

static void with_emulators(uint8_t inst, unsigned most)
{
    struct diag d;
    diag_init(&d);
    sim_folder(lab, sizeof lab);
    ck_assert_int_eq(bench_load(source_path("tests/fault/half.yaml"), &bench, &d), 0);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(seen, MAP_FAILED);
    pid_t emus = fork();
    if (emus == 0)
        emulate();
    while (!seen->ready)
        (void)poll(NULL, 0, 1);
    ck_assert_int_eq(seen->ready, 1);
    deaths_on(inst, most);
    printf("half a frame, %-4s %3u deaths, off after %.3f s at most\n", bench.inst[inst].name, deaths[inst], worst_s[inst]);
    seen->stop = 1;
    waitpid(emus, NULL, 0);
    munmap(seen, sizeof *seen);
    bench_done(&bench);
    sim_remove(lab);
}

START_TEST(half_a_line)
{
    with_emulators(0, 29); /* 30 bytes with its end */
}
END_TEST

START_TEST(half_a_modbus_rtu_frame)
{
    with_emulators(1, 12); /* 13 with its CRC */
}
END_TEST

START_TEST(half_a_modbus_tcp_frame)
{
    with_emulators(2, 16); /* 17 with its MBAP header */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("death");
    TCase *t = tcase_create("half a frame");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, half_a_line);
    tcase_add_test(t, half_a_modbus_rtu_frame);
    tcase_add_test(t, half_a_modbus_tcp_frame);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
