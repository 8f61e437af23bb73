/* tests/bench/bench_bus.c - what an exchange costs, and how late polls are: one line a figure.
 *
 * The far ends are emulators in a child process that answer at once, so that what is left is ours
 * and the kernel's. "cpu" is this process alone; "round trip" is from sending a request to having
 * its reply matched; the bus rests for at least 0.1 ms between two exchanges, which is in "/s"
 * only.
 */
#define _XOPEN_SOURCE 700 /* posix_openpt() */

#include "base/clock.h"
#include "drivers/bus/bus.h"
#include "drivers/bus/link.h"
#include "drivers/bus/loop.h"
#include "drivers/bus/modbus_lib.h"
#include "drivers/virtual/host.h"
#include "tests/support/bench.h"
#include "tests/support/bus_fakes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LINES_MAX = 32,
    UNIT = 5,
    RATE_HZ = 100,
    RUN_S = 2,
    FLEET_S = 8,
    LATE_MAX = LINES_MAX * RATE_HZ * FLEET_S * 2
};

/* Bench programs give up loudly. */
#define MUST(c)                                                                   \
    do {                                                                          \
        if (!(c)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #c); \
            exit(1);                                                              \
        }                                                                         \
    } while (0)

struct line {
    struct bus bus;
    struct bus_wiring w;
    struct inst inst;
    struct chan chans[1];
    struct link link;
    int far_fd; /* pty master or connected socket, the child's */
    double lateness_seen_s;
};

static struct line lines[LINES_MAX];
static unsigned n_lines;
static struct loop loop;
static struct clock wall;
static nsec work_now;
static struct host host;
static struct host_wiring host_w;
static float late_us[LATE_MAX];
static unsigned n_late;

/* ---- An instrument with one request a poll ---- */

static int plan_identify(const struct inst *inst, struct plan *plan)
{
    plan_modbus_read(plan, inst, 0, 100, 3);
    return 0;
}

static int plan_poll(const struct inst *inst, struct plan *plan)
{
    plan_modbus_read(plan, inst, 1, 0, 2);
    return 0;
}

static int absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    (void)inst;
    if (x->outcome != XFER_REPLY)
        return 0;
    if (x->tag == 0)
        driver_notice(out, NOTICE_IDENTIFIED, 0, 0, "bench");
    else
        driver_emit(out, 0, modbus_word(x, 0), Q_OK);
    return 0;
}

static const struct chan bench_chans[] = {
    {.name = "p",          .kind = KIND_FRACTION, .access = CHAN_READ, .polled = true},
    {.name = NULL},
};
static const struct driver bench_driver = {
    .name = "bench",
    .title = "one request",
    .role = "none",
    .wire = WIRE_MODBUS,
    .timeout_ms = 500,
    .late_ms = 500,
    .chans = bench_chans,
    .plan_identify = plan_identify,
    .plan_poll = plan_poll,
    .absorb = absorb,
};

static const struct fake_model at_once = {.line_end = ""};
static const struct fake_model at_once_tcp = {.line_end = "", .tcp = true};

/* ---- The far ends ---- */

static void answer(struct fake_state *state, int fd)
{
    static struct emu_out out;
    uint8_t buf[512];
    ssize_t n = read(fd, buf, sizeof(buf));

    if (n <= 0)
        return;
    out.n_bytes = out.n_pieces = 0;
    fake_modbus_emu.bytes(state, NULL, 0, NSEC_S, buf, (size_t)n, &out);
    MUST(write(fd, out.bytes, out.n_bytes) == out.n_bytes);
}

/* Never returns. */
static void serve(bool tcp)
{
    static struct fake_state state[LINES_MAX];
    struct emu_param param = {.unit = UNIT, .model = tcp ? &at_once_tcp : &at_once};
    struct pollfd p[LINES_MAX];

    MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    for (unsigned i = 0; i < n_lines; i++) {
        MUST(fake_modbus_emu.power_on(&state[i], &param, NULL, 0, NULL) == 0);
        p[i] = (struct pollfd){.fd = lines[i].far_fd, .events = POLLIN};
    }
    for (;;) {
        MUST(poll(p, n_lines, -1) > 0);
        for (unsigned i = 0; i < n_lines; i++) {
            if (p[i].revents & POLLIN)
                answer(&state[i], p[i].fd);
        }
    }
}

static void open_pty(struct line *l)
{
    char uri[64];

    l->far_fd = posix_openpt(O_RDWR | O_NOCTTY);
    MUST(l->far_fd >= 0 && grantpt(l->far_fd) == 0 && unlockpt(l->far_fd) == 0);
    MUST(snprintf(uri, sizeof(uri), "pty:%s", ptsname(l->far_fd)) < (int)sizeof(uri));
    MUST(link_open(&l->link, uri, NULL, NULL) == 0);
}

static void open_tcp(struct line *l)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char uri[64];

    MUST(listener >= 0 && bind(listener, (const struct sockaddr *)&a, n) == 0);
    MUST(listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&a, &n) == 0);
    MUST(snprintf(uri, sizeof(uri), "tcp:127.0.0.1:%u", ntohs(a.sin_port)) < (int)sizeof(uri));
    MUST(link_open(&l->link, uri, NULL, NULL) == 0);
    l->far_fd = accept(listener, NULL, NULL);
    MUST(l->far_fd >= 0 && link_connected(&l->link) == 0);
    MUST(setsockopt(l->far_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    MUST(close(listener) == 0);
}

/* ---- The near ends ---- */

static int send_link(void *ctx, nsec at, const uint8_t *p, size_t n)
{
    struct line *l = ctx;
    double late_s = l->bus.inst[0].stats.lateness_sum_s - l->lateness_seen_s;

    (void)at;
    if (l->bus.inst[0].poll_period > 0 && n_late < LATE_MAX)
        late_us[n_late++] = (float)(late_s * 1e6 + (double)(clock_mono(&wall) - work_now) * 1e-3);
    l->lateness_seen_s += late_s;
    link_drain(&l->link);
    return link_send(&l->link, p, n);
}

static void readable(void *ctx, unsigned what)
{
    struct line *l = ctx;
    uint8_t buf[512];
    int n = link_read(&l->link, buf, sizeof(buf));
    nsec now = clock_mono(&wall);

    MUST(n >= 0 && !(what & LOOP_HUP));
    bus_bytes(&l->bus, &l->w, now, now, buf, (size_t)n);
}

static void ignore(void *owner, const struct bus_report *report)
{
    (void)owner;
    MUST(report->kind != BUS_JOB_FAILED && report->kind != BUS_INST_LOST);
}

static void put_instrument(struct line *l)
{
    l->w.report = ignore;
    bus_init(&l->bus, &l->w);
    memcpy(l->chans, bench_chans, sizeof(l->chans));
    l->inst.driver = &bench_driver;
    l->inst.chans = l->chans;
    l->inst.n_chans = 1;
    l->inst.unit = UNIT;
    l->inst.name = "bench";
    MUST(bus_add(&l->bus, &l->w, &l->inst) == 0);
}

static void turn(nsec most)
{
    nsec due = most;

    for (unsigned i = 0; i < n_lines; i++) {
        nsec mine = bus_due(&lines[i].bus, &lines[i].w);

        due = mine < due ? mine : due;
    }
    MUST(loop_wait(&loop, due + wall.mono) >= 0);
    work_now = clock_mono(&wall);
    for (unsigned i = 0; i < n_lines; i++) {
        if (bus_due(&lines[i].bus, &lines[i].w) <= work_now)
            bus_work(&lines[i].bus, &lines[i].w, work_now);
    }
}

static pid_t open_lines(unsigned n, bool over_tcp, bool tcp_frames, bool lib)
{
    pid_t child;

    memset(lines, 0, sizeof(lines));
    n_lines = n;
    n_late = 0;
    MUST(loop_open(&loop, NULL) == 0);
    for (unsigned i = 0; i < n; i++) {
        struct line *l = &lines[i];

        if (over_tcp)
            open_tcp(l);
        else
            open_pty(l);
        l->w.modbus_tcp = tcp_frames;
        l->w.send = send_link;
        l->w.link = l;
        if (lib)
            MUST(modbus_lib_open(tcp_frames, &l->w.lib, NULL) == 0);
        put_instrument(l);
        MUST(loop_add(&loop, l->link.fd, LOOP_READ, readable, l) == 0);
    }
    child = fork();
    MUST(child >= 0);
    if (child == 0)
        serve(tcp_frames);
    return child;
}

static void close_lines(pid_t child)
{
    MUST(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    for (unsigned i = 0; i < n_lines; i++) {
        link_close(&lines[i].link);
        modbus_lib_close(lines[i].w.lib);
        (void)close(lines[i].far_fd);
    }
    loop_close(&loop);
}

static void identify_all(void)
{
    for (unsigned i = 0; i < n_lines; i++) {
        struct job job = {.class = JOB_PROBE, .kind = JOBKIND_IDENTIFY, .token = 1};

        MUST(bus_submit(&lines[i].bus, &lines[i].w, clock_mono(&wall), &job) == 0);
    }
    for (unsigned i = 0; i < n_lines; i++) {
        while (!lines[i].bus.inst[0].identified)
            turn(NSEC_NEVER - wall.mono);
    }
}

/* ---- One line, as fast as it goes ---- */

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Round trip, or processor time where there is no line. */
static void say(const char *what, const char *codec, uint64_t n, double cpu, double took,
                double latency_us)
{
    char job[80];
    double each_us = cpu * 1e6 / (double)n;
    struct bench_line l = {.job = job,
                           .unit = "us",
                           .figure = latency_us > 0 ? latency_us : each_us,
                           .processor = each_us,
                           .limit = (double)NAN};

    snprintf(job, sizeof(job), "an exchange: %s, %s", what, codec);
    snprintf(l.peers, sizeof(l.peers), "- (%.0f /s)", (double)n / took);
    bench_tell(&l);
}

static void bench_line(const char *what, bool over_tcp, bool tcp_frames, bool lib)
{
    pid_t child = open_lines(1, over_tcp, tcp_frames, lib);
    struct bus_stats *s = &lines[0].bus.inst[0].stats;
    struct bus_stats before;
    nsec start;
    double cpu;

    identify_all();
    start = clock_mono(&wall);
    cpu = cpu_s();
    before = *s;
    bus_poll_period(&lines[0].bus, 0, 1000, start);
    while (clock_mono(&wall) < start + RUN_S * NSEC_S)
        turn(NSEC_NEVER - wall.mono);
    cpu = cpu_s() - cpu;
    MUST(s->timeouts == 0 && s->garbled == 0);
    say(what, lib ? "libmodbus" : "wire/modbus.c", s->replies - before.replies, cpu,
        nsec_to_s(clock_mono(&wall) - start),
        (s->latency_sum_s - before.latency_sum_s) * 1e6 / (double)(s->replies - before.replies));
    close_lines(child);
}

/* ---- In memory, under a virtual clock ---- */

static int send_host(void *ctx, nsec at, const uint8_t *p, size_t n)
{
    (void)ctx;
    host_send(&host, &host_w, at, p, n);
    return 0;
}

static void deliver(void *owner, nsec first_at, nsec at, const uint8_t *p, size_t n)
{
    struct line *l = owner;

    bus_bytes(&l->bus, &l->w, first_at, at, p, n);
}

static void work_virtually(struct line *l, nsec *now, nsec until)
{
    for (;;) {
        nsec bus = bus_due(&l->bus, &l->w);
        nsec peer = host_due(&host, &host_w);
        nsec t = bus < peer ? bus : peer;

        if (t > until)
            return;
        *now = t > *now ? t : *now;
        if (peer <= *now)
            host_work(&host, &host_w, *now);
        else
            bus_work(&l->bus, &l->w, *now);
    }
}

static void bench_sim(bool lib)
{
    struct line *l = &lines[0];
    struct emu_param param = {.model = &at_once, .unit = UNIT};
    struct job job = {.class = JOB_PROBE, .kind = JOBKIND_IDENTIFY, .token = 1};
    nsec now = 0;
    double cpu;
    uint64_t n;

    memset(lines, 0, sizeof(lines));
    memset(&host_w, 0, sizeof(host_w));
    host_init(&host, &host_w, NSEC_S / 11520);
    host_w.deliver = deliver;
    host_w.owner = l;
    MUST(host_add(&host, &host_w, &fake_modbus_emu, &param, NULL, 7, 0, NULL) == 0);
    l->w.byte_ns = NSEC_S / 11520;
    l->w.send = send_host;
    l->w.link = l;
    if (lib)
        MUST(modbus_lib_open(false, &l->w.lib, NULL) == 0);
    put_instrument(l);
    MUST(bus_submit(&l->bus, &l->w, 0, &job) == 0);
    work_virtually(l, &now, NSEC_S);
    bus_poll_period(&l->bus, 0, 10 * NSEC_MS, now);
    n = l->bus.inst[0].stats.replies;
    cpu = cpu_s();
    work_virtually(l, &now, now + 2000 * NSEC_S);
    cpu = cpu_s() - cpu;
    n = l->bus.inst[0].stats.replies - n;
    MUST(n > 190000);
    say("sim (memory)", lib ? "libmodbus" : "wire/modbus.c", n, cpu, cpu, 0);
    modbus_lib_close(l->w.lib);
}

/* ---- Many lines at a fixed rate ---- */

static int by_size(const void *a, const void *b)
{
    const float *x = a;
    const float *y = b;

    return (*x > *y) - (*x < *y);
}

static void tell_fleet(bool spread, bool lib, double load, double polled)
{
    char job[80];
    struct bench_line l = {.job = job,
                           .unit = "us p99",
                           .figure = (double)late_us[n_late / 100 * 99],
                           .processor = (double)NAN,
                           .limit = (double)NAN};

    snprintf(job, sizeof(job), "late: %d x %d Hz, %s, %s", LINES_MAX, RATE_HZ,
             spread ? "spread" : "at once", lib ? "libmodbus" : "wire/modbus.c");
    snprintf(l.peers, sizeof(l.peers),
             "- (p50 %.0f, max %.0f us; processor %.1f %%, polls %.1f %%)",
             (double)late_us[n_late / 2], (double)late_us[n_late - 1], load * 100, polled * 100);
    bench_tell(&l);
}

static void bench_fleet(bool spread, bool lib)
{
    pid_t child = open_lines(LINES_MAX, false, false, lib);
    nsec period = NSEC_S / RATE_HZ;
    nsec start;
    double cpu, took;
    uint64_t polls = 0;

    identify_all();
    start = clock_mono(&wall) + 20 * NSEC_MS;
    cpu = cpu_s();
    for (unsigned i = 0; i < n_lines; i++)
        bus_poll_period(&lines[i].bus, 0, period, start + (spread ? i * period / LINES_MAX : 0));
    while (clock_mono(&wall) < start + FLEET_S * NSEC_S)
        turn(start + FLEET_S * NSEC_S);
    cpu = cpu_s() - cpu;
    took = nsec_to_s(clock_mono(&wall) - start);
    for (unsigned i = 0; i < n_lines; i++) {
        polls += lines[i].bus.inst[0].stats.polls;
        MUST(lines[i].bus.inst[0].stats.timeouts == 0);
    }
    MUST(n_late > 100);
    qsort(late_us, n_late, sizeof(late_us[0]), by_size);
    tell_fleet(spread, lib, cpu / took, (double)polls / (took * LINES_MAX * RATE_HZ));
    close_lines(child);
}

int main(void)
{
    clock_init_os(&wall);
    setbuf(stdout, NULL); /* children must not print it again */
    bench_begin("buses");
    for (int lib = 0; lib < 2; lib++) {
        bench_sim(lib == 1);
        bench_line("pty, RTU", false, false, lib == 1);
        bench_line("TCP, RTU frames", true, false, lib == 1);
        bench_line("TCP, Modbus TCP", true, true, lib == 1);
    }
    for (int lib = 0; lib < 2; lib++) {
        bench_fleet(true, lib == 1);
        bench_fleet(false, lib == 1);
    }
    return 0;
}
