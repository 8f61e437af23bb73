/* tests/unit/test_serve.c - hosts behind ptys and TCP sockets: another process serves, plain
 * clients talk to it. Nothing sleeps: readiness comes over a pipe, ends by process id. */
#define _GNU_SOURCE /* cfmakeraw */
#include "base/clock.h"
#include "base/diag.h"
#include "drivers/virtual/serve.h"
#include "drivers/virtual/world.h"
#include "drivers/wire/modbus.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
    LOAD_CELL, /* pty, RTU, 9600 baud */
    METER,     /* TCP, SCPI */
    SUPPLY,    /* TCP, Modbus TCP, thinks 50 ms */
    SPOUTER,   /* pty, never stops talking */
    LINES
};

/* ---- The process that serves ---- */

static const uint8_t spout_text[1000] = "spout";

static int spout_power_on(void *state, const struct emu_param *param, const struct emu_env *env,
                          nsec now, struct diag *reterr)
{
    (void)state;
    (void)param;
    (void)env;
    (void)now;
    (void)reterr;
    return 0;
}

static void spout_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                        const uint8_t *bytes, size_t n, struct emu_out *out)
{
    (void)state;
    (void)env;
    (void)now;
    (void)idle_ns;
    (void)bytes;
    (void)n;
    (void)out;
}

static nsec spout_tick(void *state, const struct emu_env *env, nsec now, struct emu_out *out)
{
    (void)state;
    (void)env;
    emu_send(out, now, spout_text, sizeof(spout_text));
    return now + NSEC_MS;
}

static const struct emu spouter = {.name = "spouter",
                                   .state_size = 1,
                                   .power_on = spout_power_on,
                                   .bytes = spout_bytes,
                                   .tick = spout_tick};

static struct serve serve;
static struct host hosts[LINES];
static struct host_wiring wirings[LINES];
static struct world world;
static volatile int stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void add(int line, const struct emu *emu, uint16_t unit, uint16_t port, bool tcp, int baud)
{
    struct emu_param p = {.unit = unit, .tcp = tcp, .ports = {port}, .n_ports = 1};

    p.error.ideal = true;
    serve.line[line].host = &hosts[line];
    serve.line[line].wiring = &wirings[line];
    serve.line[line].tcp = tcp;
    wirings[line].tcp = tcp;
    host_init(&hosts[line], &wirings[line], baud > 0 ? 10 * NSEC_S / baud : 0);
    ck_assert_int_eq(host_add(&hosts[line], &wirings[line], emu, &p, &world, 1, 0, NULL), 0);
}

static void build(void)
{
    struct clock clock;
    uint16_t source, force;

    memset(&serve, 0, sizeof(serve));
    clock_init_os(&clock);
    serve.origin = clock.mono;
    serve.stop = &stop;
    world_init(&world, 298.15);
    ck_assert_int_eq(world_add_station(&world, -1), 0);
    world_put_assb(&world, 0, NULL);
    world_put_press(&world, 0, NULL);
    source = (uint16_t)world_add_port(&world, PORT_SOURCE, 0);
    force = (uint16_t)world_add_port(&world, PORT_FORCE, 0);
    add(LOAD_CELL, emu_find("pavone-dat1400"), 3, force, false, 9600);
    add(METER, emu_find("generic-scpi"), 0, source, true, 0);
    add(SUPPLY, emu_find("ea-psb"), 1, source, true, 0);
    add(SPOUTER, &spouter, 0, source, false, 0);
}

static void open_and_tell(int to)
{
    for (unsigned i = 0; i < LINES; i++) {
        ck_assert_int_eq(serve_open(&serve, i, NULL), 0);
        ck_assert_int_eq(write(to, serve.line[i].uri, sizeof(serve.line[i].uri)),
                         (ssize_t)sizeof(serve.line[i].uri));
    }
}

/* Serves; at the first signal it pulls all cables and plugs them in again; ends at the second. What
 * the spouter lost goes down the pipe last. */
_Noreturn static void child_main(int to)
{
    struct sigaction act = {.sa_handler = on_signal};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigaction(SIGTERM, &act, NULL);
    build();
    open_and_tell(to);
    if (serve_work(&serve, 0.0, NULL) != 0)
        _exit(1);
    for (unsigned i = 0; i < LINES; i++)
        serve_cut(&serve, i);
    stop = 0;
    open_and_tell(to);
    if (serve_work(&serve, 0.0, NULL) != 0)
        _exit(2);
    serve_close(&serve);
    _exit(write(to, &serve.line[SPOUTER].dropped, 8) == 8 ? 0 : 3);
}

/* ---- The client ---- */

static pid_t child;
static int from_child;
static char uri[LINES][sizeof(serve.line[0].uri)];

static void read_all(int fd, void *p, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t k = read(fd, (char *)p + got, n - got);

        ck_assert_int_gt(k, 0);
        got += (size_t)k;
    }
}

static void setup(void)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)close(fds[0]);
        child_main(fds[1]);
    }
    (void)close(fds[1]);
    from_child = fds[0];
    read_all(from_child, uri, sizeof(uri));
}

static void teardown(void)
{
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    (void)close(from_child);
}

static int client_pty(int line)
{
    struct termios raw;
    int fd;

    ck_assert_int_eq(strncmp(uri[line], "pty:", 4), 0);
    fd = open(uri[line] + 4, O_RDWR | O_NOCTTY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(tcgetattr(fd, &raw), 0);
    ck_assert_uint_eq(raw.c_lflag & (ICANON | ECHO | ISIG), 0); /* raw before anybody asks */
    ck_assert_uint_eq(raw.c_oflag & OPOST, 0);
    return fd;
}

static int client_tcp(int line)
{
    union {
        struct sockaddr_in in;
        struct sockaddr any;
    } addr = {.in = {.sin_family = AF_INET}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(strncmp(uri[line], "tcp:127.0.0.1:", 14), 0);
    addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.in.sin_port = htons((uint16_t)atoi(uri[line] + 14));
    ck_assert_int_eq(connect(fd, &addr.any, sizeof(addr.in)), 0);
    return fd;
}

/* Bytes that come within the time; stops at `want`. */
static size_t collect(int fd, uint8_t *buf, size_t want, int ms)
{
    size_t got = 0;

    while (got < want) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&p, 1, ms) <= 0)
            break;
        n = read(fd, buf + got, want - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

static void ask(int fd, const void *request, size_t n, const void *want, size_t n_want)
{
    uint8_t buf[512];

    ck_assert_int_eq(write(fd, request, n), (ssize_t)n);
    ck_assert_uint_eq(collect(fd, buf, n_want, 2000), n_want);
    ck_assert_mem_eq(buf, want, n_want);
}
#define IDN         "BENCHCTL,GENERIC-30-5,1001,1.0\n"
#define ASK_IDN(fd) ask(fd, "*IDN?\n", 6, IDN, sizeof(IDN) - 1)

/* Unit 3, registers 1101..1105 of the load cell: division 9, one decimal, 5 kN, 2 mV/V. */
static const uint8_t parameters[] = {3, 3, 4, 0x4C, 0, 5};
static const uint8_t parameters_are[] = {3, 3, 10, 0, 9, 0, 1, 0, 0, 0xC3, 0x50, 0x4E, 0x20};

START_TEST(test_pty_is_paced)
{
    uint8_t frame[32], reply[64];
    int fd = client_pty(LOAD_CELL);
    int n = modbus_rtu_wrap(parameters, 6, frame, sizeof(frame));
    struct clock clock;
    double ms;

    ck_assert_int_eq(n, 8);
    clock_init_os(&clock);
    ck_assert_int_eq(write(fd, frame, 8), 8);
    ck_assert_uint_eq(collect(fd, reply, 15, 2000), 15);
    ms = (double)clock_mono(&clock) / 1e6;
    ck_assert(modbus_rtu_intact(reply, 15));
    ck_assert_mem_eq(reply, parameters_are, 13);
    /* 8 + 15 characters of 1.0417 ms, and 5 ms of thinking */
    ck_assert_msg(ms >= 28.9 && ms < 1000.0, "%g ms", ms);
    (void)close(fd);
    fd = client_pty(LOAD_CELL); /* a client may come again */
    ck_assert_int_eq(write(fd, frame, 8), 8);
    ck_assert_uint_eq(collect(fd, reply, 15, 2000), 15);
    ck_assert_uint_eq(collect(fd, reply, 1, 20), 0);
    (void)close(fd);
}
END_TEST

START_TEST(test_tcp_byte_by_byte)
{
    static const uint8_t remote[] = {0, 7, 0, 0, 0, 6, 1, 5, 1, 0x92, 0xFF, 0};
    static const uint8_t read_state[] = {0, 8, 0, 0, 0, 6, 1, 3, 1, 0xF9, 0, 2};
    static const uint8_t state[] = {0, 8, 0, 0, 0, 7, 1, 3, 4, 0, 0, 8, 6};
    int fd = client_tcp(SUPPLY);
    uint8_t buf[32];

    for (size_t i = 0; i < sizeof(remote); i++)
        ck_assert_int_eq(write(fd, remote + i, 1), 1);
    ck_assert_uint_eq(collect(fd, buf, sizeof(remote), 2000), sizeof(remote));
    ck_assert_mem_eq(buf, remote, sizeof(remote));
    ask(fd, read_state, sizeof(read_state), state, sizeof(state));
    (void)close(fd);
}
END_TEST

START_TEST(test_one_client_after_the_other)
{
    static const uint8_t read_state[] = {0, 8, 0, 0, 0, 6, 1, 3, 1, 0xF9, 0, 2};
    uint8_t buf[32];
    int first = client_tcp(METER), second;

    ASK_IDN(first);
    second = client_tcp(METER);
    ck_assert_int_eq(write(second, "*IDN?\n", 6), 6);
    ASK_IDN(first);
    ck_assert_uint_eq(collect(second, buf, 1, 20), 0);
    (void)close(first);
    ck_assert_uint_eq(collect(second, buf, sizeof(IDN) - 1, 2000), sizeof(IDN) - 1);
    ASK_IDN(second);
    (void)close(second);

    /* what the supply was still thinking about is not for the next one */
    first = client_tcp(SUPPLY);
    ck_assert_int_eq(write(first, read_state, sizeof(read_state)), (ssize_t)sizeof(read_state));
    (void)close(first);
    second = client_tcp(SUPPLY);
    ck_assert_uint_eq(collect(second, buf, 1, 150), 0);
    ask(second, read_state, sizeof(read_state), "\0\x08\0\0\0\x07\x01\x03\x04\0\0\0\0", 13);
    (void)close(second);
}
END_TEST

START_TEST(test_cut_and_back)
{
    int pty = client_pty(LOAD_CELL), tcp = client_tcp(METER);
    struct pollfd p = {.fd = pty, .events = POLLIN};
    char before[sizeof(uri[0])], byte;

    memcpy(before, uri[METER], sizeof(before));
    ASK_IDN(tcp);
    ck_assert_int_eq(kill(child, SIGTERM), 0);
    read_all(from_child, uri, sizeof(uri));
    ck_assert_int_eq(poll(&p, 1, 2000), 1);
    ck_assert(p.revents & POLLHUP);
    ck_assert_int_le(read(tcp, &byte, 1), 0);
    (void)close(pty);
    (void)close(tcp);
    ck_assert_str_eq(uri[METER], before); /* the same port */
    tcp = client_tcp(METER);
    ASK_IDN(tcp);
    (void)close(tcp);
}
END_TEST

/* The spouter fills its pty and is never read; everybody else is served on. */
START_TEST(test_nobody_blocks)
{
    int tcp = client_tcp(METER), pty = client_pty(SPOUTER);
    struct clock clock;
    uint64_t dropped = 0;
    uint8_t frame[32], reply[64];
    int cell, status = -1;

    clock_init_os(&clock);
    while (clock_mono(&clock) < 250 * NSEC_MS) /* 250 kB: beyond what a pty keeps */
        ASK_IDN(tcp);
    cell = client_pty(LOAD_CELL);
    ck_assert_int_eq(modbus_rtu_wrap(parameters, 6, frame, sizeof(frame)), 8);
    ck_assert_int_eq(write(cell, frame, 8), 8);
    ck_assert_uint_eq(collect(cell, reply, 15, 2000), 15);
    ck_assert_uint_eq(collect(pty, reply, 6, 2000), 6);
    ck_assert_mem_eq(reply, "spout", 6);
    ck_assert_int_eq(kill(child, SIGTERM), 0);
    read_all(from_child, uri, sizeof(uri));
    ck_assert_int_eq(kill(child, SIGTERM), 0);
    read_all(from_child, &dropped, sizeof(dropped));
    ck_assert_uint_gt(dropped, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    (void)close(tcp);
    (void)close(pty);
    (void)close(cell);
}
END_TEST

/* No line, no client: it ends when its time is over, and refuses no place. */
START_TEST(test_time_is_kept)
{
    static struct serve quiet;
    struct clock clock;
    struct diag diag;

    clock_init_os(&clock);
    quiet.origin = clock.mono;
    diag_init(&diag);
    ck_assert_int_eq(serve_work(&quiet, 0.25, &diag), 0);
    ck_assert_int_ge(clock_mono(&clock), 250 * NSEC_MS);
    ck_assert_int_lt(clock_mono(&clock), 2 * NSEC_S);
    serve_close(&quiet);
}
END_TEST

/* ---- Hands ---- */

static struct {
    nsec due;
    int pipe[2];
    unsigned works, reads;
} hands;

static nsec hands_due(void *ctx)
{
    (void)ctx;
    return hands.due;
}

static void hands_work(void *ctx, nsec now)
{
    ck_assert_int_ge(now, hands.due);
    hands.due = NSEC_NEVER;
    hands.works++;
    serve_hang_up(ctx, METER);
}

static void hands_read(void *ctx, nsec now)
{
    char byte;

    (void)ctx;
    (void)now;
    ck_assert_int_eq(read(hands.pipe[0], &byte, 1), 1);
    hands.reads++;
}

/* What is due comes at its time, what is said when it is said; a client that was hung up on may
 * come again. A line that is cut goes on ticking, and its pty's number is nobody else's. */
START_TEST(test_hands)
{
    char byte, name[sizeof(uri[0])];
    int tcp;

    build();
    ck_assert_int_eq(serve_open(&serve, LOAD_CELL, NULL), 0);
    ck_assert_int_eq(serve_open(&serve, METER, NULL), 0);
    ck_assert_int_eq(serve_open(&serve, SPOUTER, NULL), 0);
    memcpy(uri[METER], serve.line[METER].uri, sizeof(uri[METER]));
    ck_assert_int_eq(pipe(hands.pipe), 0);
    tcp = client_tcp(METER);
    ck_assert_int_eq(serve_work(&serve, 0.02, NULL), 0);
    ck_assert_int_ge(serve.line[METER].fd, 0);
    hands.due = serve.line[METER].host->last_rx + 1; /* long ago: now */
    serve.hands = (struct serve_hands){
        .fd = hands.pipe[0], .due = hands_due, .work = hands_work, .read = hands_read, .ctx = &serve};
    ck_assert_int_eq(write(hands.pipe[1], "x", 1), 1);
    ck_assert_int_eq(serve_work(&serve, 0.02, NULL), 0);
    ck_assert_uint_eq(hands.works, 1);
    ck_assert_uint_eq(hands.reads, 1);
    ck_assert_int_eq(serve.line[METER].fd, -1);
    ck_assert_int_eq(read(tcp, &byte, 1), 0);
    (void)close(tcp);
    tcp = client_tcp(METER);
    ck_assert_int_eq(serve_work(&serve, 0.02, NULL), 0);
    ck_assert_int_ge(serve.line[METER].fd, 0);
    (void)close(tcp);

    memcpy(name, serve.line[LOAD_CELL].uri, sizeof(name));
    serve_cut(&serve, LOAD_CELL);
    serve_cut(&serve, SPOUTER);
    ck_assert_int_eq(serve_open(&serve, SUPPLY, NULL), 0);
    hosts[SPOUTER].tick_at[0] = 0;
    ck_assert_int_eq(serve_work(&serve, 0.02, NULL), 0);
    ck_assert_int_gt(hosts[SPOUTER].tick_at[0], 0);
    ck_assert_int_eq(serve_open(&serve, SPOUTER, NULL), 0);
    ck_assert_str_ne(serve.line[SPOUTER].uri, name);
    serve_close(&serve);
    (void)close(hands.pipe[0]);
    (void)close(hands.pipe[1]);
}
END_TEST

/* A port that is taken is an error with a story, not another port. */
START_TEST(test_port_taken)
{
    struct diag diag;

    build();
    ck_assert_int_eq(serve_open(&serve, METER, NULL), 0);
    serve.line[SUPPLY].port = serve.line[METER].port;
    diag_init(&diag);
    ck_assert_int_lt(serve_open(&serve, SUPPLY, &diag), 0);
    ck_assert(diag_has_errors(&diag));
    serve_close(&serve);
    serve.line[SUPPLY].port = serve.line[METER].port;
    ck_assert_int_eq(serve_open(&serve, SUPPLY, NULL), 0);
    serve_close(&serve);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("serve");
    TCase *served = tcase_create("served"), *alone = tcase_create("alone");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(served, setup, teardown);
    tcase_add_test(served, test_pty_is_paced);
    tcase_add_test(served, test_tcp_byte_by_byte);
    tcase_add_test(served, test_one_client_after_the_other);
    tcase_add_test(served, test_cut_and_back);
    tcase_add_test(served, test_nobody_blocks);
    tcase_add_test(alone, test_time_is_kept);
    tcase_add_test(alone, test_port_taken);
    tcase_add_test(alone, test_hands);
    suite_add_tcase(s, served);
    suite_add_tcase(s, alone);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
