/* tests/unit/test_loop.c - the event loop: deadlines, descriptors, and callbacks that change them.
 */
#include "drivers/bus/loop.h"

#include "base/clock.h"
#include "base/err.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    ENDS = LOOP_FDS_MAX + 2
};

static struct loop loop;

struct end {
    int fd, peer;
    int calls;
    unsigned what;
    int removes; /* index of the end that it removes when called; -1 */
    bool reuses; /* and a new one is put in its place, on the same descriptor */
};
static struct end ends[ENDS];

static void ready(void *ctx, unsigned what);

static void open_end(int i)
{
    int fd[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd), 0);
    ends[i] = (struct end){.fd = fd[0], .peer = fd[1], .removes = -1};
}

static void close_end(int i)
{
    ck_assert_int_eq(close(ends[i].fd), 0);
    ck_assert_int_eq(close(ends[i].peer), 0);
}

static void ready(void *ctx, unsigned what)
{
    struct end *e = ctx;
    uint8_t buf[16];

    e->calls++;
    e->what = what;
    while (read(e->fd, buf, sizeof(buf)) > 0)
        ;
    if (e->removes >= 0) {
        struct end *other = &ends[e->removes];
        int fd = other->fd;

        e->removes = -1;
        loop_remove(&loop, fd);
        if (other->reuses) {
            close_end((int)(other - ends));
            open_end((int)(other - ends));
            ck_assert_int_eq(other->fd, fd);
            ck_assert_int_eq(loop_add(&loop, fd, LOOP_READ, ready, other), 0);
        }
    }
}

static void open_ends(int n, unsigned what)
{
    ck_assert_int_eq(loop_open(&loop, NULL), 0);
    for (int i = 0; i < n; i++) {
        open_end(i);
        ck_assert_int_eq(loop_add(&loop, ends[i].fd, what, ready, &ends[i]), 0);
    }
}

static void close_ends(int n)
{
    for (int i = 0; i < n; i++) {
        loop_remove(&loop, ends[i].fd);
        close_end(i);
    }
    loop_close(&loop);
    loop_close(&loop);
}

static void poke(int i)
{
    ck_assert_int_eq(write(ends[i].peer, "x", 1), 1);
}

/* ---- Time ---- */

START_TEST(a_deadline_is_waited_for_and_not_longer)
{
    struct clock clock;
    nsec late_most = 0;

    open_ends(1, LOOP_READ);
    clock_init_os(&clock);
    for (int i = 1; i <= 10; i++) {
        nsec deadline = i * 5 * NSEC_MS;
        nsec late;

        ck_assert_int_eq(loop_wait(&loop, clock.mono + deadline), 0);
        late = clock_mono(&clock) - deadline;
        ck_assert_int_ge(late, 0);
        if (late > late_most)
            late_most = late;
    }
    ck_assert_int_le(late_most, 200 * NSEC_MS);
    close_ends(1);
}
END_TEST

START_TEST(what_has_passed_is_not_waited_for)
{
    static const nsec passed[] = {INT64_MIN, -1, 0, 1, NSEC_S};

    open_ends(1, LOOP_READ);
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        ck_assert_int_eq(loop_wait(&loop, passed[i]), 0);
    poke(0);
    ck_assert_int_eq(loop_wait(&loop, 0), 1);
    close_ends(1);
}
END_TEST

/* An earlier deadline does not end a later wait. */
START_TEST(without_a_deadline_only_descriptors_count)
{
    open_ends(1, LOOP_READ);
    ck_assert_int_eq(loop_wait(&loop, 0), 0);
    poke(0);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    ck_assert_int_eq(ends[0].calls, 1);
    ck_assert_uint_eq(ends[0].what, LOOP_READ);
    close_ends(1);
}
END_TEST

static void on_alarm(int signal)
{
    (void)signal;
}

START_TEST(a_signal_ends_the_wait_without_error)
{
    struct sigaction act;
    struct itimerspec in = {.it_value.tv_nsec = 20 * NSEC_MS, .it_interval.tv_nsec = 20 * NSEC_MS};
    timer_t timer;

    memset(&act, 0, sizeof(act));
    act.sa_handler = on_alarm;
    ck_assert_int_eq(sigaction(SIGALRM, &act, NULL), 0);
    ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
    open_ends(1, LOOP_READ);
    ck_assert_int_eq(timer_settime(timer, 0, &in, NULL), 0);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 0);
    ck_assert_int_eq(timer_delete(timer), 0);
    close_ends(1);
}
END_TEST

/* ---- Descriptors ---- */

START_TEST(all_that_are_ready_are_called)
{
    open_ends(LOOP_FDS_MAX, LOOP_READ);
    for (int i = 0; i < LOOP_FDS_MAX; i += 3)
        poke(i);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), (LOOP_FDS_MAX + 2) / 3);
    for (int i = 0; i < LOOP_FDS_MAX; i++)
        ck_assert_int_eq(ends[i].calls, i % 3 == 0);
    ck_assert_int_eq(loop_wait(&loop, 0), 0);
    open_end(LOOP_FDS_MAX);
    ck_assert_int_eq(loop_add(&loop, ends[LOOP_FDS_MAX].fd, LOOP_READ, ready, &ends[0]), E_FULL);
    close_end(LOOP_FDS_MAX);
    close_ends(LOOP_FDS_MAX);
}
END_TEST

START_TEST(room_to_write_is_told_while_asked_for)
{
    open_ends(1, LOOP_READ | LOOP_WRITE);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    ck_assert_uint_eq(ends[0].what, LOOP_WRITE);
    poke(0);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    ck_assert_uint_eq(ends[0].what, LOOP_READ | LOOP_WRITE);
    ck_assert_int_eq(loop_change(&loop, ends[0].fd, LOOP_READ), 0);
    ck_assert_int_eq(loop_wait(&loop, 0), 0);
    ck_assert_int_eq(loop_change(&loop, ends[0].fd, 0), 0);
    poke(0);
    ck_assert_int_eq(loop_wait(&loop, 0), 0);
    close_ends(1);
}
END_TEST

START_TEST(a_hang_up_is_told_whether_asked_for_or_not)
{
    static const unsigned asked[] = {LOOP_READ, LOOP_WRITE, 0};

    open_ends(1, asked[_i]);
    ck_assert_int_eq(close(ends[0].peer), 0);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    ck_assert_uint_eq(ends[0].what & LOOP_HUP, LOOP_HUP);
    ck_assert_uint_eq(ends[0].what & ~(unsigned)LOOP_HUP, asked[_i]);
    loop_remove(&loop, ends[0].fd);
    ck_assert_int_eq(loop_wait(&loop, 0), 0);
    ends[0].peer = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close_ends(1);
}
END_TEST

START_TEST(what_cannot_be_waited_for_is_refused)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    open_ends(1, LOOP_READ);
    ck_assert_int_eq(loop_add(&loop, ends[0].fd, LOOP_READ, ready, &ends[0]), E_EXISTS);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(loop_add(&loop, file, LOOP_READ, ready, &ends[0]), E_IO);
    ck_assert_int_eq(loop_change(&loop, file, LOOP_READ), E_NOENT);
    loop_remove(&loop, file);
    ck_assert_int_eq(close(file), 0);
    poke(0);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    close_ends(1);
}
END_TEST

/* Two are ready; the first to be called removes the other, which may have been closed and its
 * number given away again meanwhile: the news was not for the new one. */
START_TEST(what_was_removed_is_not_called)
{
    open_ends(2, LOOP_READ);
    ends[0].removes = 1;
    ends[1].removes = 0;
    ends[0].reuses = ends[1].reuses = _i == 1;
    poke(0);
    poke(1);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    ck_assert_int_eq(ends[0].calls + ends[1].calls, 1);
    ck_assert_int_eq(loop_wait(&loop, 0), 0);
    if (_i == 1) {
        poke(0);
        poke(1);
        ends[0].removes = ends[1].removes = -1;
        ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 2);
    }
    close_ends(2);
}
END_TEST

START_TEST(one_may_remove_itself)
{
    open_ends(2, LOOP_READ);
    ends[0].removes = 0;
    poke(0);
    poke(1);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 2);
    poke(0);
    poke(1);
    ck_assert_int_eq(loop_wait(&loop, NSEC_NEVER), 1);
    ck_assert_int_eq(ends[0].calls, 1);
    ck_assert_int_eq(ends[1].calls, 2);
    close_ends(2);
}
END_TEST

START_TEST(its_own_descriptors_are_not_inherited)
{
    open_ends(0, 0);
    ck_assert_int_eq(fcntl(loop.epoll_fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(loop.timer_fd, F_GETFD), FD_CLOEXEC);
    close_ends(0);
    ck_assert_int_eq(loop_wait(&loop, 0), E_IO);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loop");
    TCase *c = tcase_create("loop");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_test(c, a_deadline_is_waited_for_and_not_longer);
    tcase_add_test(c, what_has_passed_is_not_waited_for);
    tcase_add_test(c, without_a_deadline_only_descriptors_count);
    tcase_add_test(c, a_signal_ends_the_wait_without_error);
    tcase_add_test(c, all_that_are_ready_are_called);
    tcase_add_test(c, room_to_write_is_told_while_asked_for);
    tcase_add_loop_test(c, a_hang_up_is_told_whether_asked_for_or_not, 0, 3);
    tcase_add_test(c, what_cannot_be_waited_for_is_refused);
    tcase_add_loop_test(c, what_was_removed_is_not_called, 0, 2);
    tcase_add_test(c, one_may_remove_itself);
    tcase_add_test(c, its_own_descriptors_are_not_inherited);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
