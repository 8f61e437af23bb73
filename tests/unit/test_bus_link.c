/* tests/unit/test_bus_link.c - Modbus through bus, link and loop over real ptys and sockets, each
 * split of each reply as a read of its own; and links that break in the middle. */
#include "base/clock.h"
#include "drivers/bus/loop.h"
#include "tests/support/dialogue.h"
#include "tests/support/far_end.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

static struct dlg dlg;
static struct link near;
static struct far_end far;
static struct loop loop;
static struct clock clock;
static size_t n_written, n_read; /* by the far end, by the near end */

/* ---- What benchctl does with a bus and its link ---- */

static nsec now(void)
{
    return clock_mono(&clock);
}

static void link_down(void)
{
    loop_remove(&loop, near.fd);
    link_close(&near);
    bus_link(&dlg.bus, &dlg.w, now(), false);
}

/* What came before the request has left is no answer to it. */
static int send_request(void *link, nsec at, const uint8_t *p, size_t n)
{
    (void)link;
    (void)at;
    link_drain(&near);
    return link_send(&near, p, n);
}

static void near_ready(void *ctx, unsigned what)
{
    uint8_t buf[512];
    int n = link_read(&near, buf, sizeof(buf));

    (void)ctx;
    DLG_CHECK(n != 0 || (what & LOOP_HUP) == 0);
    if (n < 0) {
        link_down();
        return;
    }
    n_read += (size_t)n;
    bus_bytes(&dlg.bus, &dlg.w, now(), now(), buf, (size_t)n);
}

static void far_ready(void *ctx, unsigned what)
{
    uint8_t buf[512];
    ssize_t n = read(far.fd, buf, sizeof(buf));

    (void)ctx;
    (void)what;
    if (n > 0)
        dlg_serve(&dlg, now(), buf, (size_t)n);
}

/* The next piece goes out when its time has come and the one before has been read. */
static nsec far_due(void)
{
    return dlg.n_pieces > 0 && n_read == n_written && far.fd >= 0 ? dlg.piece[0].at : NSEC_NEVER;
}

static void far_work(void)
{
    struct dlg_piece piece = dlg.piece[0];

    dlg.n_pieces--;
    memmove(&dlg.piece[0], &dlg.piece[1], dlg.n_pieces * sizeof(dlg.piece[0]));
    far_write(&far, piece.bytes, piece.n);
    n_written += piece.n;
}

static void turn(void)
{
    nsec due = bus_due(&dlg.bus, &dlg.w);

    if (far_due() < due)
        due = far_due();
    ck_assert_int_ge(loop_wait(&loop, due == NSEC_NEVER ? due : due + clock.mono), 0);
    if (far_due() <= now())
        far_work();
    dlg.now = now();
    bus_work(&dlg.bus, &dlg.w, dlg.now);
}

static void work_until_end(void)
{
    nsec most = now() + 5 * NSEC_S;

    while (dlg.end == 0) {
        turn();
        DLG_CHECK(now() < most);
    }
}

static void connect_ends(void)
{
    far_connect(&far, &near);
    n_written = n_read = 0;
    dlg.n_pieces = 0;
    ck_assert_int_eq(loop_add(&loop, near.fd, LOOP_READ, near_ready, NULL), 0);
    ck_assert_int_eq(loop_add(&loop, far.fd, LOOP_READ, far_ready, NULL), 0);
}

static void identify(void)
{
    dlg.now = now();
    dlg_submit(&dlg, JOB_PROBE, JOBKIND_IDENTIFY, 0);
    work_until_end();
    DLG_CHECK(dlg.end == 1);
}

static void begin(int way)
{
    dlg_set_up(&dlg, way);
    dlg.w.send = send_request;
    dlg.w.byte_ns = way % DLG_FRAMINGS == DLG_RTU ? 10000 : 0;
    dlg.think = 0;
    dlg.timeout_ms = 2000; /* a busy machine is no fault */
    clock_init_os(&clock);
    ck_assert_int_eq(loop_open(&loop, NULL), 0);
    far_open(&far, way % DLG_FRAMINGS != DLG_RTU);
    connect_ends();
    identify();
}

static void end(void)
{
    link_close(&near);
    far_close(&far);
    loop_close(&loop);
    dlg_end(&dlg);
}

static void ask(const struct dlg_fault *f, int kind)
{
    dlg.fault = *f;
    dlg.now = now();
    dlg_submit(&dlg, JOB_SET, JOBKIND_SET, kind);
    work_until_end();
}

/* ---- Splits ---- */

static void check_right(const struct dlg_fault *f, int kind)
{
    uint32_t handed = dlg.n_replies + dlg.n_refusals;
    uint32_t requests = dlg.n_requests;

    ask(f, kind);
    DLG_CHECK(dlg.end == (f->exception ? -1 : 1));
    DLG_CHECK(!f->exception || dlg.how == XFER_REFUSED);
    DLG_CHECK(dlg.n_requests == requests + 1);
    DLG_CHECK(dlg.n_replies + dlg.n_refusals == handed + 1);
}

START_TEST(every_split_over_a_real_link_is_put_together)
{
    begin(_i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = 0; e < 2; e++) {
            struct dlg_fault f = {.left = 1, .exception = e == 1};

            for (f.cut = 0; f.cut < dlg_frame_length(&dlg, kind, f.exception); f.cut++) {
                f.left = 1;
                check_right(&f, kind);
            }
            f.left = 1;
            f.bytewise = true;
            check_right(&f, kind);
        }
    }
    ck_assert_uint_eq(dlg.bus.inst[0].stats.noise_bytes, 0);
    end();
}
END_TEST

/* The doubled part is dropped; the late one is nobody's. */
START_TEST(doubled_and_late_replies_answer_once)
{
    struct dlg_fault f = {.left = 1, .doubled = true};
    uint32_t refusals;

    begin(_i);
    check_right(&f, 2);
    dlg.timeout_ms = 0;
    f = (struct dlg_fault){.left = 1, .late_by = (DLG_TIMEOUT_MS + 20) * NSEC_MS};
    refusals = dlg.n_refusals;
    ask(&f, 2);
    DLG_CHECK(dlg.end == 1);
    ck_assert_uint_eq(dlg.n_refusals, refusals);
    ck_assert_uint_ge(dlg.bus.inst[0].stats.timeouts, 1);
    end();
}
END_TEST

/* An intact answer of the right shape lies in the buffer before the question leaves. */
START_TEST(what_lies_in_the_buffer_is_no_answer)
{
    struct dlg_message old = {
        .msg = {DLG_UNIT, 3, 4, 0xDE, 0xAD, 0xDE, 0xAD},
          .n = 7
    };
    uint8_t frame[DLG_FRAME_MAX];
    size_t n;

    begin(_i);
    while (dlg.bus.phase_until > now()) /* the line is at rest */
        ck_assert_int_eq(loop_wait(&loop, dlg.bus.phase_until + clock.mono), 0);
    old.transaction = (uint16_t)(dlg.bus.transaction + 1); /* guessed right */
    n = dlg_wrap(&dlg, &old, frame);
    far_write(&far, frame, n);
    far_await(&near);
    dlg.now = now();
    dlg_submit(&dlg, JOB_SET, JOBKIND_SET, 2);
    bus_work(&dlg.bus, &dlg.w, dlg.now); /* it leaves before anything is read */
    ck_assert_int_eq(dlg.bus.phase, BUS_WAITING);
    work_until_end();
    ck_assert_int_eq(dlg.end, 1);
    ck_assert_uint_eq(dlg.n_requests, 2);
    end();
}
END_TEST

/* ---- Broken links ---- */

START_TEST(a_broken_link_fails_the_job_and_heals)
{
    struct dlg_fault f = {.left = 0};

    begin(_i);
    for (int round = 0; round < 3; round++) {
        nsec start = now();
        uint32_t asked = dlg.n_requests;

        dlg.fault = (struct dlg_fault){.left = 1, .late_by = 60 * NSEC_S};
        dlg.now = now();
        dlg_submit(&dlg, JOB_SET, JOBKIND_SET, 2);
        while (dlg.n_requests == asked) /* the question has arrived */
            turn();
        loop_remove(&loop, far.fd);
        far_hang_up(&far);
        work_until_end();
        ck_assert_int_eq(dlg.end, -1);
        ck_assert_int_eq(dlg.how, XFER_LOST);
        ck_assert_int_lt(now() - start, NSEC_S);
        ck_assert_int_eq(dlg.bus.phase, BUS_DOWN);
        ck_assert_int_eq(near.fd, -1);
        ck_assert_uint_eq(dlg.n_lost, (unsigned)round + 1);

        memset(&dlg.fault, 0, sizeof(dlg.fault));
        dlg.line_free_at = 0;
        connect_ends();
        bus_link(&dlg.bus, &dlg.w, now(), true);
        while (!dlg.bus.inst[0].identified)
            turn();
        ask(&f, 2);
        ck_assert_int_eq(dlg.end, 1);
    }
    end();
}
END_TEST

/* Nobody reads at the other end, and its buffer is full: sending fails, and that is a lost link. */
START_TEST(a_link_that_takes_nothing_is_lost)
{
    static const uint8_t flood[16 << 20];
    struct dlg_fault f = {.left = 0};

    begin(_i);
    loop_remove(&loop, far.fd);
    ck_assert_int_eq(link_send(&near, flood, sizeof(flood)), E_LOST);
    while (link_send(&near, flood, 1) == 0)
        ;
    ask(&f, 2);
    ck_assert_int_eq(dlg.end, -1);
    ck_assert_int_eq(dlg.how, XFER_LOST);
    ck_assert_int_eq(dlg.bus.phase, BUS_DOWN);
    end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bus-link");
    TCase *c = tcase_create("bus-link");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, every_split_over_a_real_link_is_put_together, 0, DLG_WAYS);
    tcase_add_loop_test(c, doubled_and_late_replies_answer_once, 0, DLG_WAYS);
    tcase_add_loop_test(c, what_lies_in_the_buffer_is_no_answer, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_broken_link_fails_the_job_and_heals, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_link_that_takes_nothing_is_lost, 0, DLG_FRAMINGS);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
