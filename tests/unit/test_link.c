/* tests/unit/test_link.c - links over real ptys and real sockets of this machine. */
#define _XOPEN_SOURCE 700 /* mkdtemp() */

#include "drivers/bus/link.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "tests/support/far_end.h"

#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PTY,
    TCP,
    SERIAL, /* a pty with modem lines, by libserialport */
    KINDS
};

static const struct link_conf conf_9600 = {.baud = 9600};
static struct link near;
static struct far_end far;
static char folder[64], port_path[128];

/* ---- Names ---- */

static const struct {
    const char *uri;
    enum link_kind kind;
} uris[] = {
    {"serial:/dev/ttyUSB0",                   LINK_SERIAL},
    {"serial:/dev/serial/by-id/usb-FTDI_123", LINK_SERIAL},
    {"serial:usb-serial=FT1234",              LINK_SERIAL},
    {"pty:/dev/pts/5",                        LINK_PTY   },
    {"tcp:127.0.0.1:502",                     LINK_TCP   },
    {"tcp:smu.lab:5025",                      LINK_TCP   },
    {"tcp:[::1]:65535",                       LINK_TCP   },
    {"",                                      LINK_NONE  },
    {"serial",                                LINK_NONE  },
    {"serial:",                               LINK_NONE  },
    {"serial:/",                              LINK_NONE  },
    {"serial:ttyUSB0",                        LINK_NONE  },
    {"serial:usb-serial=",                    LINK_NONE  },
    {"pty:",                                  LINK_NONE  },
    {"pty:dev/pts/5",                         LINK_NONE  },
    {"usb:/dev/x",                            LINK_NONE  },
    {"Serial:/dev/ttyUSB0",                   LINK_NONE  },
    {"tcp:",                                  LINK_NONE  },
    {"tcp:host",                              LINK_NONE  },
    {"tcp::502",                              LINK_NONE  },
    {"tcp:host:",                             LINK_NONE  },
    {"tcp:host:0",                            LINK_NONE  },
    {"tcp:host:65536",                        LINK_NONE  },
    {"tcp:host:-1",                           LINK_NONE  },
    {"tcp:host:502x",                         LINK_NONE  },
    {"tcp:host:99999999999999999999",         LINK_NONE  },
    {"tcp:::1:502",                           LINK_NONE  },
    {"tcp:[::1:502",                          LINK_NONE  },
    {"tcp:[]:502",                            LINK_NONE  },
};

START_TEST(uris_have_a_kind_or_a_finding)
{
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(link_parse(uris[_i].uri, &d), uris[_i].kind);
    ck_assert_int_eq(diag_code(&d), uris[_i].kind == LINK_NONE ? E_INVALID : 0);
    ck_assert_int_eq(link_parse(uris[_i].uri, NULL), uris[_i].kind);
    if (uris[_i].kind == LINK_NONE) {
        ck_assert_int_eq(link_open(&near, uris[_i].uri, &conf_9600, NULL), E_INVALID);
        ck_assert_int_eq(near.fd, -1);
        link_close(&near);
    }
}
END_TEST

START_TEST(a_uri_that_does_not_fit_is_refused)
{
    char uri[300] = "pty:/";

    memset(uri + 5, 'x', 250);
    ck_assert_int_eq(link_parse(uri, NULL), LINK_NONE);
    ck_assert_int_eq(link_open(&near, uri, NULL, NULL), E_INVALID);
    uri[LINK_URI_MAX - 1] = '\0';
    ck_assert_int_eq(link_parse(uri, NULL), LINK_PTY);
    ck_assert_int_eq(link_open(&near, uri, NULL, NULL), E_LOST);
}
END_TEST

/* ---- Both ends ---- */

/* libserialport takes a name for a port if it is a link both below /dev and below /sys/class/tty:
 * one such is made in a folder of its own. */
static void open_serial(void)
{
    char up[] = "serial:/dev/../../..";
    char uri[LINK_URI_MAX];

    ptys_have_lines = true;
    ck_assert(str_copy(folder, sizeof(folder), "/tmp/test_link_XXXXXX"));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(str_fmt(port_path, sizeof(port_path), "%s/port", folder), 0);
    ck_assert_int_eq(symlink(far.uri + strlen("pty:"), port_path), 0);
    ck_assert_int_eq(str_fmt(uri, sizeof(uri), "%s%s", up, port_path), 0);
    ck_assert_int_eq(link_open(&near, uri, &conf_9600, NULL), 0);
}

static void connect_pair(int kind)
{
    far_open(&far, kind == TCP);
    if (kind == SERIAL)
        open_serial();
    else
        far_connect(&far, &near);
}

static void disconnect_pair(void)
{
    link_close(&near);
    ck_assert_int_eq(near.fd, -1);
    link_close(&near);
    far_close(&far);
    if (port_path[0]) {
        (void)unlink(port_path);
        (void)rmdir(folder);
    }
}

static void read_all(uint8_t *buf, size_t n)
{
    while (n > 0) {
        int got;

        far_await(&near);
        got = link_read(&near, buf, n);
        ck_assert_int_gt(got, 0);
        buf += got;
        n -= (size_t)got;
    }
}

/* Every byte value, there and back, untranslated and not echoed. */
START_TEST(all_bytes_pass_both_ways)
{
    uint8_t out[256], in[256];

    connect_pair(_i);
    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)i;
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(link_read(&near, in, sizeof(in)), 0);
        ck_assert_int_eq(link_send(&near, out, sizeof(out)), 0);
        far_read(&far, in, sizeof(in));
        ck_assert_mem_eq(in, out, sizeof(out));
        far_write(&far, out, sizeof(out));
        memset(in, 0, sizeof(in));
        read_all(in, sizeof(in));
        ck_assert_mem_eq(in, out, sizeof(out));
        ck_assert_int_eq(link_read(&near, in, sizeof(in)), 0);
    }
    ck_assert_int_eq(link_send(&near, out, 0), 0);
    disconnect_pair();
}
END_TEST

START_TEST(descriptors_are_not_inherited_and_never_block)
{
    connect_pair(_i);
    ck_assert_int_eq(fcntl(near.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_eq(fcntl(near.fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    disconnect_pair();
}
END_TEST

START_TEST(what_has_come_can_be_dropped)
{
    uint8_t out[600], in[8];

    connect_pair(_i);
    memset(out, 'x', sizeof(out));
    for (int i = 0; i < 3; i++) {
        far_write(&far, out, sizeof(out));
        far_await(&near);
        link_drain(&near);
    }
    ck_assert_int_eq(link_read(&near, in, sizeof(in)), 0);
    far_write(&far, "new", 3);
    read_all(in, 3);
    ck_assert_mem_eq(in, "new", 3);
    disconnect_pair();
}
END_TEST

/* ---- Lost ---- */

static unsigned near_events(void)
{
    struct pollfd p = {.fd = near.fd, .events = POLLIN};

    ck_assert_int_ge(poll(&p, 1, 5000), 1);
    return (unsigned)p.revents;
}

START_TEST(a_hang_up_is_lost_at_once)
{
    uint8_t buf[8];

    connect_pair(_i);
    ck_assert_int_eq(link_read(&near, buf, sizeof(buf)), 0);
    far_hang_up(&far);
    if (_i != TCP)
        ck_assert_uint_ne(near_events() & POLLHUP, 0);
    else
        ck_assert_uint_ne(near_events() & POLLIN, 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(link_read(&near, buf, sizeof(buf)), E_LOST);
    /* TCP notices with the first or with the second frame; no signal kills us. */
    if (link_send(&near, buf, 1) == 0) {
        ck_assert_int_eq(_i, TCP);
        (void)near_events();
        ck_assert_int_eq(link_send(&near, buf, 1), E_LOST);
    }
    link_drain(&near);
    disconnect_pair();
    ck_assert_int_eq(link_read(&near, buf, sizeof(buf)), E_LOST);
    ck_assert_int_eq(link_send(&near, buf, 1), E_LOST);
}
END_TEST

/* A TCP peer that has said something before it closed has said it. */
START_TEST(last_words_are_heard)
{
    uint8_t buf[8];

    connect_pair(TCP);
    far_write(&far, "bye", 3);
    far_hang_up(&far);
    read_all(buf, 3);
    ck_assert_mem_eq(buf, "bye", 3);
    far_await(&near);
    ck_assert_int_eq(link_read(&near, buf, sizeof(buf)), E_LOST);
    disconnect_pair();
}
END_TEST

/* More than any buffer holds. */
static const uint8_t flood[16 << 20];

static void check_given_up_in_time(void)
{
    struct clock clock;
    nsec took;

    clock_init_os(&clock);
    ck_assert_int_eq(link_send(&near, flood, sizeof(flood)), E_LOST);
    took = clock_mono(&clock);
    ck_assert_int_ge(took, 95 * NSEC_MS);
    ck_assert_int_le(took, 400 * NSEC_MS); /* 100 on a machine that does nothing else */
}

START_TEST(a_peer_that_does_not_read_is_lost)
{
    connect_pair(_i);
    check_given_up_in_time();
    disconnect_pair();
}
END_TEST

/* One that takes a byte every other millisecond holds nobody up for longer. */
START_TEST(a_peer_that_hardly_reads_is_lost)
{
    uint8_t buf[64];
    pid_t child;

    connect_pair(_i);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        link_close(&near);
        for (int i = 0; i < 2000; i++) {
            (void)poll(NULL, 0, 2);
            if (read(far.fd, buf, sizeof(buf)) == 0)
                break;
        }
        _exit(0);
    }
    check_given_up_in_time();
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    disconnect_pair();
}
END_TEST

/* ---- Opening ---- */

START_TEST(a_port_belongs_to_one)
{
    struct link other = {.fd = 0};
    struct diag d;

    connect_pair(_i);
    diag_init(&d);
    ck_assert_int_eq(link_open(&other, near.uri, &conf_9600, &d), E_BUSY);
    ck_assert_int_eq(other.fd, -1);
    ck_assert_int_eq(diag_code(&d), E_BUSY);
    link_close(&other);
    link_close(&near);
    ck_assert_int_eq(link_open(&near, near.uri, &conf_9600, NULL), 0);
    disconnect_pair();
}
END_TEST

START_TEST(what_came_before_opening_is_dropped)
{
    uint8_t buf[8];
    int keep;

    connect_pair(_i);
    keep = open(far.uri + strlen("pty:"), O_RDWR | O_NOCTTY | O_CLOEXEC); /* else the kernel does */
    ck_assert_int_ge(keep, 0);
    link_close(&near);
    far_write(&far, "old", 3);
    ck_assert_int_eq(link_open(&near, near.uri, &conf_9600, NULL), 0);
    ck_assert_int_eq(close(keep), 0);
    ck_assert_int_eq(link_read(&near, buf, sizeof(buf)), 0);
    far_write(&far, "new", 3);
    read_all(buf, 3);
    ck_assert_mem_eq(buf, "new", 3);
    disconnect_pair();
}
END_TEST

static int open_code(const char *uri, const struct link_conf *conf)
{
    struct diag d;
    int rc;

    diag_init(&d);
    rc = link_open(&near, uri, conf, &d);
    ck_assert_int_eq(diag_code(&d), rc);
    ck_assert_int_eq(near.fd, -1);
    return rc;
}

START_TEST(what_is_no_port_is_told_from_what_is_not_there)
{
    static const struct link_conf no_baud = {.baud = 0};

    ck_assert_int_eq(open_code("pty:/dev/pts/99999", NULL), E_LOST);
    ck_assert_int_eq(open_code("pty:/dev/null", NULL), E_INVALID);
    ck_assert_int_eq(open_code("pty:/tmp", NULL), E_INVALID);
    ck_assert_int_eq(open_code("serial:/dev/serial/by-id/usb-none", &conf_9600), E_LOST);
    ck_assert_int_eq(open_code("serial:usb-serial=NOBODY-HAS-THIS", &conf_9600), E_LOST);
    ck_assert_int_eq(open_code("serial:/dev/null", &conf_9600), E_INVALID);
    ck_assert_int_eq(open_code("serial:/dev/null", NULL), E_INVALID);
    ck_assert_int_eq(open_code("serial:/dev/null", &no_baud), E_INVALID);
}
END_TEST

/* Each is sent to the other's door, lest a real port be opened at a speed nobody has set. */
START_TEST(ports_and_ptys_are_told_apart)
{
    char uri[LINK_URI_MAX];
    struct diag d;

    far_open(&far, false);
    ck_assert_int_eq(str_fmt(uri, sizeof(uri), "serial:%s", far.uri + strlen("pty:")), 0);
    diag_init(&d);
    ck_assert_int_eq(link_open(&near, uri, &conf_9600, &d), E_INVALID);
    ck_assert_str_eq(d.finding[0].hint, "pty: instead of serial:");
    ptys_have_lines = true;
    diag_init(&d);
    ck_assert_int_eq(link_open(&near, far.uri, &conf_9600, &d), E_INVALID);
    ck_assert_str_eq(d.finding[0].hint, "serial: instead of pty:");
    far_close(&far);
}
END_TEST

START_TEST(odd_serial_settings_are_refused_and_the_port_is_free_again)
{
    struct link_conf conf = {.baud = 19200, .parity = 3};
    char uri[LINK_URI_MAX];

    connect_pair(SERIAL);
    ck_assert(str_copy(uri, sizeof(uri), near.uri));
    link_close(&near);
    ck_assert_int_eq(open_code(uri, &conf), E_INVALID);
    conf.parity = 1; /* a pty has none */
    ck_assert_int_eq(open_code(uri, &conf), E_INVALID);
    conf.parity = 0;
    ck_assert_int_eq(link_open(&near, uri, &conf, NULL), 0);
    disconnect_pair();
}
END_TEST

/* ---- TCP ---- */

START_TEST(a_closed_port_is_lost)
{
    char uri[LINK_URI_MAX];
    int rc;

    far_open(&far, true);
    ck_assert(str_copy(uri, sizeof(uri), far.uri));
    far_close(&far);
    rc = link_open(&near, uri, NULL, NULL);
    if (rc == 0) {
        (void)poll(&(struct pollfd){.fd = near.fd, .events = POLLOUT}, 1, 5000);
        rc = link_connected(&near);
    }
    ck_assert_int_eq(rc, E_LOST);
    link_close(&near);
    ck_assert_int_eq(link_connected(&near), E_LOST);
}
END_TEST

/* A listener whose queue is full leaves us waiting: nothing may be sent, nothing is lost. */
START_TEST(connecting_is_not_connected)
{
    struct link others[8];
    uint8_t buf[4] = {0};
    int i = 0;

    far_open(&far, true);
    ck_assert_int_eq(listen(far.listen_fd, 0), 0);
    memset(others, 0, sizeof(others));
    for (i = 0; i < 8; i++) {
        ck_assert_int_eq(link_open(&others[i], far.uri, NULL, NULL), 0);
        (void)poll(&(struct pollfd){.fd = others[i].fd, .events = POLLOUT}, 1, 50);
        if (link_connected(&others[i]) == E_AGAIN)
            break;
    }
    ck_assert_int_lt(i, 8);
    ck_assert(others[i].connecting);
    ck_assert_int_eq(link_send(&others[i], buf, 1), E_LOST);
    ck_assert_int_eq(link_read(&others[i], buf, 1), 0);
    for (; i >= 0; i--)
        link_close(&others[i]);
    far_close(&far);
}
END_TEST

static int option(int level, int name)
{
    int value = 0;
    socklen_t n = sizeof(value);

    ck_assert_int_eq(getsockopt(near.fd, level, name, &value, &n), 0);
    return value;
}

START_TEST(small_frames_leave_at_once_and_dead_peers_are_found)
{
    connect_pair(TCP);
    ck_assert_int_ne(option(IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_ne(option(SOL_SOCKET, SO_KEEPALIVE), 0);
    ck_assert_int_le(option(IPPROTO_TCP, TCP_KEEPIDLE), 10);
    disconnect_pair();
}
END_TEST

START_TEST(a_name_is_looked_up_once)
{
    const char *port;
    char uri[LINK_URI_MAX];

    far_open(&far, true);
    port = strrchr(far.uri, ':');
    ck_assert_int_eq(str_fmt(uri, sizeof(uri), "tcp:localhost%s", port), 0);
    ck_assert(str_copy(far.uri, sizeof(far.uri), uri));
    far_connect(&far, &near);
    ck_assert_uint_gt(near.n_peer, 0);
    link_close(&near);
    far_hang_up(&far);
    far_connect(&far, &near);
    disconnect_pair();
    /* 64 letters are no label: known without asking anybody. */
    ck_assert_int_eq(
        open_code("tcp:aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd:1", NULL),
        E_INVALID);
    ck_assert_uint_eq(near.n_peer, 0);
}
END_TEST

/* ---- Listing ---- */

static int count_port(void *ctx, const struct link_port *port)
{
    int *n = ctx;

    ck_assert_int_eq(link_parse(port->uri, NULL), LINK_SERIAL);
    ck_assert_str_ne(port->name, "");
    return ++*n >= 2 ? 77 : 0;
}

START_TEST(ports_are_listed)
{
    int n = 0;
    int rc = link_list(count_port, &n, NULL);

    ck_assert_int_eq(rc, n >= 2 ? 77 : 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("link");
    TCase *c = tcase_create("link");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_loop_test(c, uris_have_a_kind_or_a_finding, 0, ARRAY_LEN(uris));
    tcase_add_test(c, a_uri_that_does_not_fit_is_refused);
    tcase_add_loop_test(c, all_bytes_pass_both_ways, 0, KINDS);
    tcase_add_loop_test(c, descriptors_are_not_inherited_and_never_block, 0, KINDS);
    tcase_add_loop_test(c, what_has_come_can_be_dropped, 0, KINDS);
    tcase_add_loop_test(c, a_hang_up_is_lost_at_once, 0, KINDS);
    tcase_add_test(c, last_words_are_heard);
    tcase_add_loop_test(c, a_peer_that_does_not_read_is_lost, 0, KINDS);
    tcase_add_loop_test(c, a_peer_that_hardly_reads_is_lost, 0, KINDS);
    for (int kind = PTY; kind < KINDS; kind += SERIAL - PTY) {
        tcase_add_loop_test(c, a_port_belongs_to_one, kind, kind + 1);
        tcase_add_loop_test(c, what_came_before_opening_is_dropped, kind, kind + 1);
    }
    tcase_add_test(c, what_is_no_port_is_told_from_what_is_not_there);
    tcase_add_test(c, ports_and_ptys_are_told_apart);
    tcase_add_test(c, odd_serial_settings_are_refused_and_the_port_is_free_again);
    tcase_add_test(c, a_closed_port_is_lost);
    tcase_add_test(c, connecting_is_not_connected);
    tcase_add_test(c, small_frames_leave_at_once_and_dead_peers_are_found);
    tcase_add_test(c, a_name_is_looked_up_once);
    tcase_add_test(c, ports_are_listed);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
