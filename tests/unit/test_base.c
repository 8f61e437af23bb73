/* Unit tests of base/: findings, time, memory, schedule, chance, text, log. */
#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/nsec.h"
#include "base/rng.h"
#include "base/sched.h"
#include "base/str.h"

#include <check.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* ---- err ---- */

static jmp_buf way_out;

static void jump(const char *condition, const char *file, int line)
{
    (void)condition;
    (void)file;
    (void)line;
    longjmp(way_out, 1);
}

START_TEST(err_texts)
{
    ck_assert_str_eq(err_text(E_RANGE), "out of range");
    for (int code = 0; code >= E_AGAIN; code--)
        ck_assert_str_ne(err_text(code), "unknown error");
    ck_assert_str_eq(err_text(E_AGAIN - 1), "unknown error");
    ck_assert_str_eq(err_text(7), "unknown error");
}
END_TEST

START_TEST(err_assert_calls_hook)
{
    assert_set_hook(jump);
    if (setjmp(way_out) == 0) {
        ASSERT(1 + 1 == 3);
        ck_abort_msg("an assertion that does not hold came back");
    }
    ck_assert(assert_set_hook(NULL) == NULL); /* taken out before it ran */
}
END_TEST

/* ---- diag ---- */

START_TEST(diag_shows_place_as_agreed)
{
    struct diag d;
    char buf[400];
    const struct diag_pos pos = {"bad.yaml", 21, 24, 5, "  cell.voltage: 2.0 V .. 4.4 A"};

    diag_init(&d);
    ck_assert_int_eq(diag_at(&d, E_UNIT, &pos, "a guard on voltage is given in %s", "A"), E_UNIT);
    diag_hint(&d, "did you mean 4.4 V?");
    size_t n = diag_format(&d, buf, sizeof(buf), false);

    ck_assert_str_eq(buf, "bad.yaml:21:24: error: a guard on voltage is given in A\n"
                          "   21 |   cell.voltage: 2.0 V .. 4.4 A\n"
                          "      |                        ^~~~~ did you mean 4.4 V?\n");
    ck_assert_uint_eq(n, strlen(buf));
    ck_assert_uint_eq(diag_format(&d, buf, 10, false), n);
    ck_assert_uint_eq(strlen(buf), 9);
}
END_TEST

START_TEST(diag_without_place_and_chain)
{
    struct diag d;
    char buf[400];

    diag_init(&d);
    ck_assert(!diag_has_errors(&d));
    ck_assert_int_eq(diag_wrap(&d, "nothing"), E_INVALID);
    diag_add(&d, E_TIMEOUT, "time-out after 500 ms");
    ck_assert_int_eq(diag_wrap(&d, "chamber did not identify"), E_TIMEOUT);
    ck_assert_int_eq(diag_wrap(&d, "cannot arm run %d", 12), E_TIMEOUT);
    diag_hint(&d, "is it switched on?");
    diag_format(&d, buf, sizeof(buf), false);
    ck_assert_str_eq(
        buf, "error: cannot arm run 12 <- chamber did not identify <- time-out after 500 ms\n"
             "       is it switched on?\n");
    diag_format(&d, buf, sizeof(buf), true);
    ck_assert(str_starts(buf, "\033[31merror\033[0m: cannot arm"));
}
END_TEST

START_TEST(diag_counts_what_does_not_fit)
{
    struct diag d;

    diag_init(&d);
    diag_warn_at(&d, NULL, "only a warning");
    ck_assert(!diag_has_errors(&d));
    ck_assert_int_eq(diag_code(&d), 0);
    for (int i = 0; i < DIAG_FINDINGS_MAX + 3; i++)
        diag_add(&d, i == 0 ? E_IO : E_FULL, "number %d", i);
    ck_assert_uint_eq(d.n, DIAG_FINDINGS_MAX);
    ck_assert_uint_eq(d.dropped, 4);
    ck_assert_int_eq(diag_code(&d), E_IO);
    diag_hint(&d, "belongs to a dropped one");
    ck_assert_str_eq(d.finding[DIAG_FINDINGS_MAX - 1].hint, "");
    ck_assert_int_eq(diag_add(NULL, E_BUSY, "nobody listens"), E_BUSY);
}
END_TEST

START_TEST(diag_long_and_wild_lines)
{
    struct diag d;
    char line[400], buf[800];
    char *caret, *source;

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    line[299] = 'Y';
    line[298] = '\033';
    diag_init(&d);
    diag_at(&d, E_INVALID, &(struct diag_pos){"f", 1, 300, 1, line}, "here");
    diag_format(&d, buf, sizeof(buf), false);
    ck_assert_ptr_null(strchr(buf, '\033'));
    source = strchr(buf, '\n') + 1;
    caret = strchr(source, '\n') + 1;
    ck_assert_int_eq(strchr(caret, '^') - caret, strchr(source, 'Y') - source);

    /* columns count characters: the caret stands under the V */
    diag_init(&d);
    diag_at(&d, E_INVALID, &(struct diag_pos){"f", 1, 4, 0, "\xC2\xB5\xC2\xB5\tV"}, "here");
    diag_format(&d, buf, sizeof(buf), false);
    ck_assert_ptr_nonnull(strstr(buf, "\n    1 | \xC2\xB5\xC2\xB5 V\n      |    ^\n"));
}
END_TEST

/* ---- nsec, clock ---- */

START_TEST(nsec_rounds_and_saturates)
{
    ck_assert_int_eq(nsec_from_s(1.5), 1500000000);
    ck_assert_int_eq(nsec_from_s(-2e-9), -2);
    ck_assert_int_eq(nsec_from_s(0.6e-9), 1);
    ck_assert_int_eq(nsec_from_s(1e30), NSEC_NEVER / 2);
    ck_assert_int_eq(nsec_from_s(-INFINITY), -(NSEC_NEVER / 2));
    ck_assert_int_eq(nsec_from_s(NAN), NSEC_NEVER / 2);
    ck_assert(same(nsec_to_s(250 * NSEC_MS), 0.25));
}
END_TEST

START_TEST(clock_virtual_and_os)
{
    struct clock c;
    char buf[24];

    clock_init_virtual(&c, 1795197720); /* 2026-11-20 18:02:00 UTC = 20777 days + 64920 s */
    ck_assert_int_eq(20777LL * 86400 + 18 * 3600 + 2 * 60, 1795197720);
    clock_advance_to(&c, 33 * NSEC_S);
    ck_assert_int_eq(clock_mono(&c), 33 * NSEC_S);
    ck_assert_str_eq(wall_format(clock_wall(&c), true, buf, sizeof(buf)), "2026-11-20 18:02:33");
    ck_assert_str_eq(wall_format(clock_wall(&c), false, buf, sizeof(buf)), "2026-11-20 18:02");
    ck_assert_str_eq(wall_format(-1, true, buf, sizeof(buf)), "1969-12-31 23:59:59");
    assert_set_hook(jump);
    if (setjmp(way_out) == 0) {
        clock_advance_to(&c, 32 * NSEC_S);
        ck_abort_msg("time went backwards");
    }
    clock_init_os(&c);
    nsec first = clock_mono(&c), second = clock_mono(&c);

    ck_assert(first >= 0 && first < 5 * NSEC_S && second >= first);
    ck_assert(clock_wall(&c) >= c.wall_at_start - NSEC_S);
}
END_TEST

/* ---- mem ---- */

START_TEST(arena_is_zeroed_and_aligned)
{
    struct arena a;

    arena_init(&a);
    for (size_t size = 0; size < 70000; size = size * 3 + 1) {
        unsigned char *p = arena_alloc(&a, size);

        ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq(p[i], 0);
        memset(p, 0xA5, size);
    }
    ck_assert_str_eq(arena_dup(&a, "cell"), "cell");
    ck_assert_str_eq(arena_dup_n(&a, "pressure", 5), "press");
    ck_assert_str_eq(arena_fmt(&a, "%s-%03d", "ASSB", 17), "ASSB-017");
    char *wide = arena_fmt(&a, "%0400d", 7);

    ck_assert_uint_eq(strlen(wide), 400);
    ck_assert_int_eq(wide[399], '7');
    arena_done(&a);
    ck_assert_uint_eq(a.total, 0);
    arena_done(&a);
}
END_TEST

START_TEST(snap_restores_all_or_nothing)
{
    struct snap s = {0};
    int a = 5;
    double b[2] = {1.5, -2.5};
    unsigned char saved[sizeof(a) + sizeof(b)];

    snap_add(&s, &a, sizeof(a));
    snap_add(&s, b, sizeof(b));
    ck_assert_uint_eq(s.total, sizeof(saved));
    snap_save(&s, saved);
    a = 6;
    b[1] = 0;
    ck_assert_int_eq(snap_load(&s, saved, sizeof(saved) - 1), E_CORRUPT);
    ck_assert_int_eq(a, 6);
    ck_assert_int_eq(snap_load(&s, saved, sizeof(saved)), 0);
    ck_assert_int_eq(a, 5);
    ck_assert(same(b[0], 1.5) && same(b[1], -2.5));
}
END_TEST

/* ---- sched ---- */

START_TEST(sched_orders_by_time_then_arrival)
{
    struct sched s;
    struct sched_entry e, last = {.at = -1};
    struct rng r;

    sched_init(&s);
    rng_seed(&r, 3, 0);
    ck_assert_ptr_null(sched_peek(&s));
    ck_assert(!sched_pop(&s, &e));
    for (uint32_t i = 0; i < SCHED_MAX; i++)
        ck_assert_int_eq(sched_add(&s, rng_below(&r, 20), (uint16_t)(i % 3), (uint16_t)(i % 5), i),
                         0);
    ck_assert_int_eq(sched_add(&s, 1, 0, 0, 0), E_FULL);
    /* i % 3 == 1 and i % 5 == 2 is i % 15 == 7: 17 of 0..255 */
    ck_assert_uint_eq(sched_cancel(&s, 1, 2), 17);
    ck_assert_uint_eq(sched_cancel(&s, 1, 2), 0);
    ck_assert_uint_eq(s.n, SCHED_MAX - 17);
    for (unsigned i = 0; i < SCHED_MAX - 17; i++) {
        ck_assert_int_eq(sched_peek(&s)->at, s.heap[0].at);
        ck_assert(sched_pop(&s, &e));
        ck_assert_uint_ne(e.arg % 15, 7);
        ck_assert(e.at > last.at || (e.at == last.at && e.arg > last.arg));
        last = e;
    }
    ck_assert(!sched_pop(&s, &e));
}
END_TEST

/* ---- rng ---- */

START_TEST(rng_is_the_published_generator)
{
    /* The first outputs of xoshiro256** from the state 1, 2, 3, 4: s1 * 5 rotated by 7 times 9, by
     * hand. */
    struct rng r = {
        {1, 2, 3, 4}
    };

    ck_assert_uint_eq(rng_u64(&r), 11520);
    ck_assert_uint_eq(rng_u64(&r), 0);
    ck_assert_uint_eq(rng_u64(&r), 1509978240);
    ck_assert_uint_eq(rng_u64(&r), UINT64_C(1215971899390074240));
    /* splitmix64 from 1234567 as published */
    rng_seed(&r, 1234567, 0);
    ck_assert_uint_eq(r.s[0], UINT64_C(6457827717110365317));
    ck_assert_uint_eq(r.s[1], UINT64_C(3203168211198807973));
}
END_TEST

START_TEST(rng_distributions)
{
    enum {
        N = 100000
    };
    struct rng r, other;
    double sum = 0, square = 0, cube = 0, tail = 0;
    unsigned count[7] = {0};

    rng_seed(&r, 42, 1);
    rng_seed(&other, 42, 2);
    ck_assert_uint_ne(rng_u64(&r), rng_u64(&other));
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&r), u = rng_uniform(&r);

        ck_assert(u >= 0.0 && u < 1.0);
        sum += x;
        square += x * x;
        cube += x * x * x;
        tail += fabs(x) > 1.959963985;
        count[rng_below(&r, 7)]++;
    }
    /* five standard errors each: 1/sqrt(N), sqrt(2/N), sqrt(15/N), sqrt(0.05 * 0.95 / N) */
    ck_assert_double_lt(fabs(sum / N), 5 * 0.0032);
    ck_assert_double_lt(fabs(square / N - 1.0), 5 * 0.0045);
    ck_assert_double_lt(fabs(cube / N), 5 * 0.0123);
    ck_assert_double_lt(fabs(tail / N - 0.05), 5 * 0.0007);
    for (int i = 0; i < 7; i++)
        ck_assert_double_lt(fabs(count[i] - N / 7.0), 5 * 111.0);
    ck_assert_uint_eq(rng_below(&r, 1), 0);
}
END_TEST

/* ---- str: text ---- */

START_TEST(text_bounds)
{
    char buf[6];

    ck_assert_int_eq(str_fmt(buf, sizeof(buf), "%s", "12345"), 0);
    ck_assert_int_eq(str_fmt(buf, sizeof(buf), "%s", "123456"), E_FULL);
    ck_assert_str_eq(buf, "12345");
    ck_assert(str_copy(buf, sizeof(buf), "abcde"));
    ck_assert(!str_copy(buf, sizeof(buf), "abcdef"));
    ck_assert_str_eq(buf, "abcde");
    ck_assert(str_starts("pressure", "press") && !str_starts("press", "pressure"));
}
END_TEST

START_TEST(text_likeness)
{
    static const char *const words[] = {"voltage", "current", "capacity", NULL};

    ck_assert_uint_eq(str_distance("kitten", "sitting", 9), 3);
    ck_assert_uint_eq(str_distance("curretn", "current", 9), 1);
    ck_assert_uint_eq(str_distance("", "abc", 9), 3);
    ck_assert_uint_eq(str_distance("abcdef", "uvwxyz", 2), 3);
    ck_assert_str_eq(str_nearest("voltgae", words), "voltage");
    ck_assert_str_eq(str_nearest("capacty", words), "capacity");
    ck_assert_ptr_null(str_nearest("pressure", words));
}
END_TEST

START_TEST(text_grows)
{
    struct text t = {0};
    char line[300];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    text_add(&t, "%s|%d", line, 7);
    text_add_n(&t, "end", 3);
    ck_assert_uint_eq(t.n, 304);
    ck_assert_str_eq(t.p + 299, "|7end");
    text_done(&t);
    ck_assert_ptr_null(t.p);
}
END_TEST

START_TEST(files_whole)
{
    char dir[] = "/tmp/test_base.XXXXXX", path[64], *text = NULL;
    size_t n = 0;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/f", dir);
    ck_assert_int_eq(file_read(path, 100, &text, &n), E_NOENT);
    ck_assert_int_eq(file_write(path, "one\0two", 7), 0);
    ck_assert_int_eq(file_read(path, 7, &text, &n), 0);
    ck_assert_uint_eq(n, 7);
    ck_assert_mem_eq(text, "one\0two", 8);
    free(text);
    ck_assert_int_eq(file_read(path, 6, &text, &n), E_RANGE);
    ck_assert_int_eq(file_write(path, "3", 1), 0);
    ck_assert_int_eq(file_read(path, 6, &text, &n), 0);
    ck_assert_str_eq(text, "3");
    free(text);
    ck_assert_int_eq(file_read(dir, 100, &text, &n), E_IO);
    ck_assert_int_eq(file_write("/nowhere/at/all", "", 0), E_NOENT);
    unlink(path);
    ck_assert_int_eq(rmdir(dir), 0); /* nothing was left beside it */
}
END_TEST

START_TEST(sha256_known_answers)
{
    /* FIPS 180-2, appendix B.1, and the empty message */
    struct sha256 h;
    uint8_t digest[32];
    char hex[65];

    sha256_init(&h);
    sha256_add(&h, "a", 1);
    sha256_add(&h, "bc", 2);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_init(&h);
    sha256_end(&h, digest);
    sha256_hex(digest, hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
END_TEST

/* ---- log ---- */

START_TEST(log_is_one_line_and_bounded)
{
    char path[] = "/tmp/test_base.XXXXXX", *text, *line;
    struct log_site site = {0};
    unsigned lines = 0;
    size_t n;
    int fd = mkstemp(path), keep = dup(2);

    ck_assert_int_ge(fd, 0);
    fflush(stderr);
    dup2(fd, 2);
    for (int i = 0; i < 50; i++)
        log_write(&site, LOG_WARN, 1500 * NSEC_MS, "bus=a text=\"%s\"", "two\nlines\033");
    log_write(&site, LOG_INFO, 1500 * NSEC_MS, "too quiet");
    log_write(&site, LOG_ERROR, 20 * NSEC_S, "again=yes");
    fflush(stderr);
    dup2(keep, 2);
    close(keep);
    close(fd);
    ck_assert_int_eq(file_read(path, 100000, &text, &n), 0);
    unlink(path);
    ck_assert(str_starts(text, "<4>t=1.500 level=warn bus=a text=\"two lines \"\n"));
    for (line = text; (line = strchr(line, '\n')) != NULL; line++)
        lines++;
    ck_assert_uint_eq(lines, 11);
    ck_assert_ptr_nonnull(strstr(text, "<3>t=20.000 level=error again=yes suppressed=40\n"));
    ck_assert_ptr_null(strstr(text, "too quiet"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *c;
    SRunner *runner;
    int failed;

    c = tcase_create("err, diag, time, memory");
    suite_add_tcase(s, c);
    tcase_add_test(c, err_texts);
    tcase_add_test(c, err_assert_calls_hook);
    tcase_add_test(c, diag_shows_place_as_agreed);
    tcase_add_test(c, diag_without_place_and_chain);
    tcase_add_test(c, diag_counts_what_does_not_fit);
    tcase_add_test(c, diag_long_and_wild_lines);
    tcase_add_test(c, nsec_rounds_and_saturates);
    tcase_add_test(c, clock_virtual_and_os);
    tcase_add_test(c, arena_is_zeroed_and_aligned);
    tcase_add_test(c, snap_restores_all_or_nothing);
    tcase_add_test(c, sched_orders_by_time_then_arrival);
    tcase_add_test(c, rng_is_the_published_generator);
    tcase_add_test(c, rng_distributions);
    c = tcase_create("text");
    suite_add_tcase(s, c);
    tcase_add_test(c, text_bounds);
    tcase_add_test(c, text_likeness);
    tcase_add_test(c, text_grows);
    tcase_add_test(c, files_whole);
    tcase_add_test(c, sha256_known_answers);
    c = tcase_create("log");
    suite_add_tcase(s, c);
    tcase_add_test(c, log_is_one_line_and_bounded);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
