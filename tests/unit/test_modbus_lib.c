/* tests/unit/test_modbus_lib.c - libmodbus behind its socketpair, against the frames printed in the
 * Modbus specifications and against wire/modbus.c. */
#include "drivers/bus/modbus_lib.h"

#include "base/diag.h"
#include "base/err.h"
#include "drivers/wire/modbus.h"

#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    FD_LOOKED_AT = 64
};

static struct modbus_lib *open_lib(bool tcp)
{
    struct modbus_lib *m = NULL;

    ck_assert_int_eq(modbus_lib_open(tcp, &m, NULL), 0);
    ck_assert_ptr_nonnull(m);
    return m;
}

/* ---- Requests ---- */

struct known {
    size_t n;
    uint8_t frame[16]; /* with its check sum */
};
static const struct known known_requests[] = {
    {8,  {0x11, 0x01, 0x00, 0x13, 0x00, 0x25, 0x0E, 0x84}                              },
    {8,  {0x11, 0x02, 0x00, 0xC4, 0x00, 0x16, 0xBA, 0xA9}                              },
    {8,  {0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87}                              },
    {8,  {0x11, 0x04, 0x00, 0x08, 0x00, 0x01, 0xB2, 0x98}                              },
    {8,  {0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00, 0x4E, 0x8B}                              },
    {8,  {0x11, 0x06, 0x00, 0x01, 0x00, 0x03, 0x9A, 0x9B}                              },
    {11, {0x11, 0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01, 0xBF, 0x0B}            },
    {13, {0x11, 0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02, 0xC6, 0xF0}},
};

START_TEST(printed_requests_are_built)
{
    struct modbus_lib *rtu = open_lib(false);
    struct modbus_lib *tcp = open_lib(true);
    const struct known *k = &known_requests[_i];
    const uint8_t header[6] = {0x12, 0x34, 0, 0, 0, (uint8_t)(k->n - 2)};
    uint8_t frame[300];

    ck_assert_int_eq(modbus_lib_wrap(rtu, 7, k->frame, k->n - 2, frame, sizeof(frame)), (int)k->n);
    ck_assert_mem_eq(frame, k->frame, k->n);
    ck_assert_int_eq(modbus_lib_wrap(tcp, 0x1234, k->frame, k->n - 2, frame, sizeof(frame)),
                     (int)k->n + 4);
    ck_assert_mem_eq(frame, header, 6);
    ck_assert_mem_eq(frame + 6, k->frame, k->n - 2);
    modbus_lib_close(rtu);
    modbus_lib_close(tcp);
}
END_TEST

/* All lengths, against our own codec. */
START_TEST(both_codecs_build_the_same)
{
    bool tcp = _i == 1;
    struct modbus_lib *m = open_lib(tcp);
    uint8_t msg[260], ours[300], theirs[300];

    for (size_t i = 0; i < sizeof(msg); i++)
        msg[i] = (uint8_t)(7 * i + 3);
    for (size_t n = 2; n <= 254; n++) {
        int want = tcp ? modbus_tcp_wrap((uint16_t)(300 * n), msg, n, ours, sizeof(ours))
                       : modbus_rtu_wrap(msg, n, ours, sizeof(ours));

        ck_assert_int_gt(want, 0);
        ck_assert_int_eq(modbus_lib_wrap(m, (uint16_t)(300 * n), msg, n, theirs, sizeof(theirs)),
                         want);
        ck_assert_mem_eq(ours, theirs, (size_t)want);
    }
    ck_assert_int_eq(modbus_lib_wrap(m, 1, msg, 255, theirs, sizeof(theirs)), E_FULL);
    ck_assert_int_eq(modbus_lib_wrap(m, 1, msg, 6, theirs, 7), E_FULL);
    ck_assert_int_eq(modbus_lib_wrap(m, 1, msg, 6, theirs, 12), tcp ? 12 : 8);
    modbus_lib_close(m);
}
END_TEST

START_TEST(reserved_units_are_for_tcp_only)
{
    struct modbus_lib *rtu = open_lib(false);
    struct modbus_lib *tcp = open_lib(true);
    uint8_t msg[8], frame[32], reply[32] = {0, 3, 2, 1, 2};

    for (unsigned unit = 0; unit <= 255; unit++) {
        size_t n = modbus_read_request((uint8_t)unit, 3, 0, 1, msg);
        int want = unit <= 247 ? 8 : E_RANGE;
        int n_reply;

        ck_assert_int_eq(modbus_lib_wrap(rtu, 1, msg, n, frame, sizeof(frame)), want);
        ck_assert_int_eq(modbus_lib_wrap(tcp, 1, msg, n, frame, sizeof(frame)), 12);
        reply[0] = (uint8_t)unit;
        n_reply = modbus_rtu_wrap(reply, 5, frame, sizeof(frame));
        ck_assert_int_eq(modbus_lib_check(rtu, (uint8_t)unit, frame, (size_t)n_reply),
                         unit <= 247 ? 0 : E_GARBLED);
        n_reply = modbus_tcp_wrap(1, reply, 5, frame, sizeof(frame));
        ck_assert_int_eq(modbus_lib_check(tcp, (uint8_t)unit, frame, (size_t)n_reply), 0);
    }
    modbus_lib_close(rtu);
    modbus_lib_close(tcp);
}
END_TEST

/* ---- Replies ---- */

static const struct known replies[] = {
    {5, {0x11, 0x01, 0x02, 0xCD, 0x6B}                        },
    {4, {0x11, 0x02, 0x01, 0xAC}                              },
    {9, {0x11, 0x03, 0x06, 0x02, 0x2B, 0x00, 0x00, 0x00, 0x64}},
    {5, {0x11, 0x04, 0x02, 0x00, 0x0A}                        },
    {6, {0x11, 0x05, 0x00, 0xAC, 0xFF, 0x00}                  },
    {6, {0x11, 0x06, 0x00, 0x01, 0x00, 0x03}                  },
    {6, {0x11, 0x0F, 0x00, 0x13, 0x00, 0x0A}                  },
    {6, {0x11, 0x10, 0x00, 0x01, 0x00, 0x02}                  },
    {8, {0x11, 0x16, 0x00, 0x04, 0x00, 0xF2, 0x00, 0x25}      },
    {7, {0x11, 0x17, 0x04, 0x00, 0xFE, 0x0A, 0xCD}            },
    {3, {0x11, 0x83, 0x02}                                    },
    {3, {0x11, 0x90, 0x04}                                    },
};
enum {
    N_REPLIES = sizeof(replies) / sizeof(replies[0])
};

static size_t frame_of(bool tcp, const struct known *k, uint8_t *ret_frame)
{
    int n = tcp ? modbus_tcp_wrap(0xAABB, k->frame, k->n, ret_frame, 300)
                : modbus_rtu_wrap(k->frame, k->n, ret_frame, 300);

    ck_assert_int_gt(n, 0);
    return (size_t)n;
}

/* Whatever came before, the next good one is good. */
static void check_is_clean(struct modbus_lib *m, bool tcp)
{
    uint8_t frame[300];

    for (int i = 0; i < 2; i++) {
        size_t n = frame_of(tcp, &replies[2 + i], frame);

        ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, n), 0);
    }
}

START_TEST(good_replies_are_taken)
{
    bool tcp = _i >= N_REPLIES;
    struct modbus_lib *m = open_lib(tcp);
    uint8_t frame[300];
    size_t n = frame_of(tcp, &replies[_i % N_REPLIES], frame);

    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, n), 0);
    modbus_lib_close(m);
}
END_TEST

START_TEST(broken_replies_are_not_and_leave_nothing_behind)
{
    bool tcp = _i >= N_REPLIES;
    struct modbus_lib *m = open_lib(tcp);
    uint8_t frame[300];
    size_t n = frame_of(tcp, &replies[_i % N_REPLIES], frame);

    for (size_t cut = 0; cut < n; cut++) {
        ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, cut), E_GARBLED);
        check_is_clean(m, tcp);
    }
    for (size_t more = 1; more < 4; more++) {
        frame[n + more - 1] = 0x11;
        ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, n + more), E_GARBLED);
        check_is_clean(m, tcp);
    }
    for (size_t at = 0; at < n && !tcp; at++) {
        frame[at] ^= 0x20;
        ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, n), E_GARBLED);
        frame[at] ^= 0x20;
        check_is_clean(m, tcp);
    }
    if (!tcp)
        ck_assert_int_eq(modbus_lib_check(m, 0x12, frame, n), E_GARBLED);
    memset(frame, 0x11, sizeof(frame));
    for (size_t length = 1; length <= sizeof(frame); length += 7)
        ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, length), E_GARBLED);
    check_is_clean(m, tcp);
    modbus_lib_close(m);
}
END_TEST

/* Why the bus looks for itself: to libmodbus any intact reply is the reply. */
START_TEST(libmodbus_alone_would_take_anothers_answer)
{
    struct modbus_lib *m = open_lib(_i == 1);
    uint8_t msg[8], frame[300];
    size_t n = modbus_read_request(0x11, 3, 0x6B, 3, msg);

    ck_assert_int_gt(modbus_lib_wrap(m, 0x0102, msg, n, frame, sizeof(frame)), 0);
    n = frame_of(_i == 1, &replies[5], frame);
    ck_assert_int_eq(modbus_lib_check(m, 0x11, frame, n), 0);
    modbus_lib_close(m);
}
END_TEST

/* ---- Descriptors ---- */

static uint64_t open_fds(void)
{
    uint64_t set = 0;

    for (int fd = 0; fd < FD_LOOKED_AT; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            set |= UINT64_C(1) << fd;
    }
    return set;
}

START_TEST(descriptors_are_private_and_given_back)
{
    uint64_t before = open_fds();
    struct modbus_lib *m[4];

    for (int i = 0; i < 4; i++)
        m[i] = open_lib(i % 2 == 1);
    for (int fd = 0; fd < FD_LOOKED_AT; fd++) {
        if ((open_fds() & ~before) & UINT64_C(1) << fd)
            ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    }
    ck_assert(open_fds() != before);
    for (int i = 0; i < 4; i++)
        modbus_lib_close(m[i]);
    ck_assert(open_fds() == before);
    modbus_lib_close(NULL);
}
END_TEST

START_TEST(without_descriptors_it_says_so)
{
    struct rlimit limit, few;
    struct modbus_lib *m = NULL;
    struct diag d;
    int rc;

    diag_init(&d);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    rc = modbus_lib_open(false, &m, &d);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(rc, E_IO);
    ck_assert_ptr_null(m);
    ck_assert_int_eq(diag_code(&d), E_IO);
}
END_TEST

/* libmodbus waits with select(), which writes out of bounds there. */
START_TEST(a_descriptor_too_high_for_select_is_refused)
{
    struct rlimit many;
    struct modbus_lib *m = NULL;
    int fd = 0;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &many), 0);
    if (many.rlim_max < 1100)
        return;
    many.rlim_cur = 1100;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &many), 0);
    while (fd >= 0 && fd < 1023)
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(fd, 1023);
    ck_assert_int_eq(modbus_lib_open(false, &m, NULL), E_FULL);
    ck_assert_ptr_null(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("modbus-lib");
    TCase *c = tcase_create("modbus-lib");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_loop_test(c, printed_requests_are_built, 0, ARRAY_LEN(known_requests));
    tcase_add_loop_test(c, both_codecs_build_the_same, 0, 2);
    tcase_add_test(c, reserved_units_are_for_tcp_only);
    tcase_add_loop_test(c, good_replies_are_taken, 0, 2 * N_REPLIES);
    tcase_add_loop_test(c, broken_replies_are_not_and_leave_nothing_behind, 0, 2 * N_REPLIES);
    tcase_add_loop_test(c, libmodbus_alone_would_take_anothers_answer, 0, 2);
    tcase_add_test(c, descriptors_are_private_and_given_back);
    tcase_add_test(c, without_descriptors_it_says_so);
    tcase_add_test(c, a_descriptor_too_high_for_select_is_refused);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
