/* Drivers: the transcripts of tests/wire/ played against them, and what no transcript shows. */
#include "base/str.h"
#include "tests/unit/driver_rig.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Transcripts ---- */

struct play {
    struct rig rig;
    const char *file;
    int line;
    uint16_t sample, notice; /* next to be expected */
    bool garbled;            /* the last reply was refused and this was not yet expected */
    bool safe;               /* of this plan each request is sent whatever became of the others */
    bool set;                /* this plan ends with its answer */
};

#define PLAY_CHECK(p, c, ...)                                             \
    do {                                                                  \
        if (!(c)) {                                                       \
            fprintf(stderr, "%s:%d: ", (p)->file, (p)->line);             \
            fprintf(stderr, __VA_ARGS__);                                 \
            fputc('\n', stderr);                                          \
            ck_abort_msg("transcript %s, line %d", (p)->file, (p)->line); \
        }                                                                 \
    } while (0)

/* Nothing that the driver said may be left over. */
static void play_settled(struct play *p)
{
    PLAY_CHECK(p, !p->garbled, "the reply before was refused");
    PLAY_CHECK(p, p->sample == p->rig.out.n_samples, "%u samples left over",
               (unsigned)p->rig.out.n_samples - p->sample);
    PLAY_CHECK(p, p->notice == p->rig.out.n_notices, "notice left over: %s",
               p->rig.out.notice[p->notice].text);
}

static void play_plan_ended(struct play *p)
{
    play_settled(p);
    PLAY_CHECK(p, p->rig.at == p->rig.plan.n, "request left over: %s", rig_sent(&p->rig));
}

/* One quoted text or hexadecimal bytes; returns the length. */
static size_t play_bytes(struct play *p, const char *text, uint8_t *ret)
{
    const char *first = strchr(text, '"'), *last = strrchr(text, '"');
    size_t n = 0;

    if (first != NULL) {
        n = (size_t)(last - first) - 1;
        PLAY_CHECK(p, last > first && n <= XFER_BYTES_MAX, "quotes");
        memcpy(ret, first + 1, n);
        return n;
    }
    for (; *text != '\0'; text += strspn(text, " ")) {
        unsigned byte;

        PLAY_CHECK(p, sscanf(text, "%2x", &byte) == 1, "hexadecimal bytes");
        ret[n++] = (uint8_t)byte;
        text += 2;
    }
    return n;
}

static double play_number(struct play *p, const char *text)
{
    double v = 0;

    PLAY_CHECK(p, str_to_double(text, strlen(text), &v) == 0, "number %s", text);
    return v;
}

static void play_start(struct play *p, const char *text)
{
    char chan[32], number[32];
    int r = E_INVALID;

    play_plan_ended(p);
    p->safe = str_starts(text, "safe ");
    p->set = str_starts(text, "set ");
    if (strcmp(text, "identify") == 0)
        r = rig_identify(&p->rig);
    else if (strcmp(text, "poll") == 0)
        r = rig_poll(&p->rig);
    else if (strcmp(text, "safe output") == 0)
        r = rig_safe(&p->rig, SAFE_OUTPUT_OFF);
    else if (strcmp(text, "safe all") == 0)
        r = rig_safe(&p->rig, SAFE_ALL);
    else if (sscanf(text, "set %31s %31s", chan, number) == 2)
        r = rig_set(&p->rig, chan, play_number(p, number));
    PLAY_CHECK(p, r == 0 && !p->rig.plan.overflow, "plan fails: %s", err_text(r));
    p->rig.out.n_samples = p->rig.out.n_notices = p->sample = p->notice = 0;
}

static void play_request(struct play *p, const char *text)
{
    uint8_t want[XFER_BYTES_MAX];
    size_t n = play_bytes(p, text, want);
    const struct xfer *x = &p->rig.plan.x[p->rig.at];

    play_settled(p);
    PLAY_CHECK(p, p->rig.at < p->rig.plan.n, "the driver has no further request");
    PLAY_CHECK(p, n == x->tx_len && memcmp(want, x->tx, n) == 0, "the driver sends %s",
               rig_sent(&p->rig));
}

static bool play_said_no(const struct outcome *out)
{
    for (uint16_t i = 0; i < out->n_notices; i++)
        if (out->notice[i].notice == NOTICE_SET_MISMATCH ||
            out->notice[i].notice == NOTICE_SET_REFUSED)
            return true;
    return false;
}

static void play_reply(struct play *p, const char *text)
{
    uint8_t rx[XFER_BYTES_MAX];
    size_t n = play_bytes(p, text, rx);
    bool refused = p->rig.inst.driver->wire == WIRE_MODBUS && n == 3 && (rx[1] & 0x80) != 0;
    int r;

    if (refused)
        p->rig.plan.x[p->rig.at].refusal = rx[2];
    r = rig_absorb(&p->rig, refused ? XFER_REFUSED : XFER_REPLY, rx, n);
    PLAY_CHECK(p, r == 0 || r == E_GARBLED, "absorb says %s", err_text(r));
    PLAY_CHECK(p, !p->rig.out.overflow && !p->rig.plan.overflow, "overflow");
    p->garbled = r == E_GARBLED;
    if ((refused && !p->safe) || (p->set && play_said_no(&p->rig.out)))
        p->rig.plan.n = p->rig.at;
    if (p->garbled)
        p->rig.out.n_samples = p->rig.out.n_notices = 0;
    p->sample = p->notice = 0;
}

static void play_notice(struct play *p, const char *text)
{
    const struct notice_said *said = &p->rig.out.notice[p->notice];
    char name[32], chan[32], number[32];
    int n = sscanf(text, "notice %31s %31s %31s", name, chan, number);

    PLAY_CHECK(p, p->notice < p->rig.out.n_notices, "no such notice");
    p->notice++;
    PLAY_CHECK(p, n >= 1 && strcmp(name, notice_name(said->notice)) == 0, "it says %s: %s",
               notice_name(said->notice), said->text);
    if (n >= 2)
        PLAY_CHECK(p, said->chan == rig_chan(&p->rig, chan), "channel is %s",
                   p->rig.chans[said->chan].name);
    if (n >= 3)
        PLAY_CHECK(p,
                   fabs(said->value - play_number(p, number)) <= 1e-12 + 1e-9 * fabs(said->value),
                   "value is %.15g", said->value);
}

static void play_sample(struct play *p, const char *text)
{
    static const char *const qualities[] = {"ok", "stale", "over", "invalid", "clamped"};
    const struct sample *s = &p->rig.out.sample[p->sample];
    char chan[32], number[32], quality[32];

    PLAY_CHECK(p, sscanf(text, "%31s %31s %31s", chan, number, quality) == 3, "a sample line");
    PLAY_CHECK(p, p->sample < p->rig.out.n_samples, "no such sample");
    p->sample++;
    PLAY_CHECK(p, s->chan == rig_chan(&p->rig, chan), "it is %s", p->rig.chans[s->chan].name);
    PLAY_CHECK(p, strcmp(quality, qualities[s->quality]) == 0, "it is %s", qualities[s->quality]);
    if (strcmp(number, "-") == 0)
        PLAY_CHECK(p, isnan(s->value), "it has a value");
    else
        PLAY_CHECK(p, fabs(s->value - play_number(p, number)) <= 1e-12 + 1e-9 * fabs(s->value),
                   "value is %.15g", s->value);
}

static void play_expect(struct play *p, const char *text)
{
    if (strcmp(text, "garbled") == 0) {
        PLAY_CHECK(p, p->garbled, "it takes the reply");
        p->garbled = false;
        p->rig.plan.n = p->rig.at;
    } else if (str_starts(text, "notice ")) {
        PLAY_CHECK(p, p->sample == p->rig.out.n_samples, "samples left over");
        play_notice(p, text);
    } else {
        play_sample(p, text);
    }
}

static void play_line(struct play *p, char *line)
{
    size_t n = strlen(line);

    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
        line[--n] = '\0';
    if (n == 0 || line[0] == '#')
        return;
    PLAY_CHECK(p, n > 2 && line[1] == ' ', "line begins with neither of # ! > < =");
    if (line[0] == '!')
        play_start(p, line + 2);
    else if (line[0] == '>')
        play_request(p, line + 2);
    else if (line[0] == '<')
        play_reply(p, line + 2);
    else
        play_expect(p, line + 2);
}

static void play_file(const char *driver)
{
    struct play *p = calloc(1, sizeof(*p));
    const char *root = getenv("srcdir");
    char path[512], line[600];
    FILE *f;

    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(
        str_fmt(path, sizeof(path), "%s/tests/wire/%s.txt", root != NULL ? root : ".", driver), 0);
    for (char *c = strrchr(path, '/'); *c != '\0'; c++) /* named as the driver's file */
        *c = *c == '-' ? '_' : *c;
    rig_named(&p->rig, driver);
    p->file = path;
    f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot open %s", path);
    while (fgets(line, sizeof(line), f) != NULL) {
        p->line++;
        play_line(p, line);
    }
    play_plan_ended(p);
    ck_assert_int_gt(p->line, 20);
    (void)fclose(f);
    free(p);
}

START_TEST(test_transcripts)
{
    play_file(drivers_all[_i]->name);
}
END_TEST

/* ---- Every driver ---- */

START_TEST(test_registry)
{
    for (size_t i = 0; drivers_all[i] != NULL; i++) {
        ck_assert_ptr_eq(driver_find(drivers_all[i]->name), drivers_all[i]);
        if (i > 0)
            ck_assert_int_lt(strcmp(drivers_all[i - 1]->name, drivers_all[i]->name), 0);
    }
    ck_assert_ptr_nonnull(driver_find("keithley-2461"));
    ck_assert_ptr_null(driver_find("keithley"));
}
END_TEST

/* From nothing at all, and twice the same. */
START_TEST(test_safe_from_zero)
{
    const struct driver *d = drivers_all[_i];
    struct rig r;
    struct plan first;
    bool carries = false;

    rig_named(&r, d->name);
    for (uint16_t i = 0; i < r.inst.n_chans; i++) {
        carries = carries || r.chans[i].safety;
        ck_assert(r.chans[i].min < r.chans[i].max);
        ck_assert(!r.chans[i].safety || (r.chans[i].access & CHAN_SET) != 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(d->hazard); i++)
        ck_assert_int_eq(d->hazard[i] != NULL, carries);
    ck_assert_int_eq(rig_safe(&r, SAFE_OUTPUT_OFF), 0);
    ck_assert_int_eq(r.plan.n > 0, carries);
    first = r.plan;
    ck_assert_int_eq(rig_safe(&r, SAFE_ALL), 0);
    ck_assert_uint_eq(first.n, r.plan.n);
    for (uint16_t i = 0; i < first.n; i++)
        ck_assert_mem_eq(first.x[i].tx, r.plan.x[i].tx, first.x[i].tx_len);
}
END_TEST

/* Shapes that are nobody's answer: emptiness, other instruments, halves. */
START_TEST(test_garbage)
{
    static const char *const garbage[] = {
        "",
        "?",
        "A",
        "A ",
        "A ?x",
        "T",
        "T,",
        "T,P300",
        "OK:",
        "NA",
        ",,,",
        ";;;;;;;;;",
        "\"",
        "0",
        "0;",
        "9.9e37,",
        "1,2,3,4,5",
        "+1,+2,+3,+4,",
        "CONSTANT,0",
        "24.1,,CONSTANT",
        "24.1,,CONSTANT,0,0",
        "24.1,,SLEEPING,0",
        "A +1.0",
        "A +1.0 +1.0 +1.0",
        "A +1.0 +1.0 +1.0 10",
        "KEITHLEY",
        "a;b;c",
        "\001\003\002",
        "\001\003\012\000\000",
        "HIM;0",
        "1;HIMP;0",
    };
    const struct driver *d = drivers_all[_i];
    struct rig r, before;

    if (d->make_chans != NULL)
        return; /* any number may be an answer there: see test_drivers_generic.c */
    for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
        rig_named(&r, d->name);
        ck_assert_int_eq(rig_identify(&r), 0);
        ck_assert_msg(rig_reply(&r, garbage[i]) == E_GARBLED, "identify takes %s", garbage[i]);
        rig_named(&r, d->name);
        ck_assert_int_eq(rig_poll(&r), 0);
        before = r;
        ck_assert_msg(rig_reply(&r, garbage[i]) == E_GARBLED, "poll takes %s", garbage[i]);
        ck_assert_uint_eq(r.plan.n, before.plan.n);
    }
}
END_TEST

START_TEST(test_accuracy)
{
    struct rig r;
    const struct chan *c;

    rig_named(&r, "keithley-2461");
    c = &r.chans[rig_chan(&r, "current")];
    ck_assert_double_eq(chan_range_for(c, -0.96e-3)->full_scale, 1e-3);
    ck_assert_double_eq(chan_range_for(c, 1.01e-3)->full_scale, 10e-3);
    ck_assert_double_eq(chan_range_for(c, 2.17)->full_scale, 4);
    ck_assert_ptr_null(chan_range_for(c, 7.1));
    /* sheet: 10 mA: 0.02 % + 2.5 uA */
    ck_assert_double_eq_tol(chan_accuracy(c, 4.8e-3, -1e-3), 2e-7 + 2.5e-6, 1e-15);
    ck_assert_double_eq_tol(chan_accuracy(c, 8, 1), 1e-3 + 3e-3, 1e-12);
    ck_assert(chan_agrees(c, 0.96e-3, 0.96e-3 + 0.4e-9));
    ck_assert(!chan_agrees(c, 0.96e-3, 0.96e-3 + 0.6e-9));
    ck_assert(!chan_agrees(c, 0.96e-3, (double)NAN));
    rig_named(&r, "alicat-pcd");
    ck_assert_ptr_null(chan_range_for(&r.chans[0], 1));
    ck_assert_double_eq_tol(chan_accuracy(&r.chans[0], 1, 1), 0.375 * PSI_PA, 1e-6);
}
END_TEST

/* ---- Rows ---- */

static const struct chan row_chans[] = {
    {.name = "a",
     .access = CHAN_READ_SET,
     .min = -1e9,
     .max = 1e9,
     .resolution = 0.1,
     .polled = true},
    {.name = "b",
     .access = CHAN_READ_SET,
     .min = -1e9,
     .max = 1e9,
     .resolution = 1,
     .polled = true},
    {.name = "c",
     .access = CHAN_READ_SET,
     .min = -1e9,
     .max = 1e9,
     .resolution = 1,
     .polled = true},
    {.name = "d",
     .access = CHAN_READ_SET,
     .min = -1e9,
     .max = 1e9,
     .resolution = 1e-6,
     .polled = true},
    {.name = "e", .access = CHAN_READ, .max = 1, .resolution = 1, .polled = true},
    {.name = "f",              .access = CHAN_READ_SET, .max = 1, .resolution = 1, .polled = true},
    {.name = "g",          .access = CHAN_READ, .max = 1e5, .resolution = 1, .polled = true},
    {0            },
};
static const struct map_row row_rows[] = {
    {"a",    ROW_I16, 10, 40, 0, 0, 0.1, 273.15, 32767},
    {"b",    ROW_U32, 12, 0, 0, ROW_WORDS_SWAPPED, 1, 0, NAN},
    {"e",     ROW_BIT, 14, 0, 5, 0, 1, 0, NAN},
    {"c",   ROW_I32, 30, 0, 0, ROW_NO_READBACK, 1, 0, NAN},
    {"d", ROW_F32, 32, 0, 0, 0, 1, 0, NAN},
    {"f",    ROW_COIL, 3, 0, 0, 0, 1, 0, NAN},
    {"g",    ROW_U16, 33, 0, 0, ROW_INPUT_REGISTER, 2, 0, NAN},
    {0    },
};
static const struct driver row_driver = {
    .name = "rows", .wire = WIRE_MODBUS, .chans = row_chans, .rows = row_rows, .rows_max_gap = 2};

static void expect_sample(const struct rig *r, uint16_t i, const char *chan, double value,
                          enum quality q)
{
    ck_assert_uint_lt(i, r->out.n_samples);
    ck_assert_str_eq(r->chans[r->out.sample[i].chan].name, chan);
    ck_assert_uint_eq(r->out.sample[i].quality, q);
    if (q == Q_OK)
        ck_assert_double_eq_tol(r->out.sample[i].value, value, 1e-9);
    else
        ck_assert(isnan(r->out.sample[i].value));
}

static void expect_request(struct rig *r, uint8_t fn, uint16_t addr, uint16_t word)
{
    const uint8_t want[6] = {
        1, fn, (uint8_t)(addr >> 8), (uint8_t)addr, (uint8_t)(word >> 8), (uint8_t)word};

    ck_assert_uint_lt(r->at, r->plan.n);
    ck_assert_mem_eq(r->plan.x[r->at].tx, want, 6);
}

START_TEST(test_rows_poll)
{
    /* -12.5 degC; 0x00012345 with words swapped; bit 5 */
    static const uint8_t first[] = {1,    3,    10,   0xFF, 0x83, 0x99, 0x99,
                                    0x23, 0x45, 0x00, 0x01, 0x00, 0x20};
    static const uint8_t second[] = {1, 3, 8, 0xFF, 0xFF, 0xFF, 0xFE, 0x3F, 0xC0, 0, 0};
    static const uint8_t coil[] = {1, 1, 1, 1};
    static const uint8_t input[] = {1, 4, 2, 0x80, 0x00};
    uint8_t broken[sizeof(first)];
    struct rig r;

    ck_assert_int_eq(rig_open(&r, &row_driver, 1, NULL), 0);
    ck_assert_int_eq(rig_poll(&r), 0);
    ck_assert_uint_eq(r.plan.n, 4);
    expect_request(&r, 3, 10, 5);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, first, sizeof(first)), 0);
    expect_sample(&r, 0, "a", 260.65, Q_OK);
    expect_sample(&r, 1, "b", 0x12345, Q_OK);
    expect_sample(&r, 2, "e", 1, Q_OK);
    expect_request(&r, 3, 30, 4);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, second, sizeof(second)), 0);
    expect_sample(&r, 0, "c", -2, Q_OK);
    expect_sample(&r, 1, "d", 1.5, Q_OK);
    expect_request(&r, 1, 3, 1);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, coil, sizeof(coil)), 0);
    expect_sample(&r, 0, "f", 1, Q_OK);
    expect_request(&r, 4, 33, 1);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, input, sizeof(input)), 0);
    expect_sample(&r, 0, "g", 65536, Q_OK);

    ck_assert_int_eq(rig_poll(&r), 0);
    memcpy(broken, first, sizeof(first));
    broken[3] = 0x7F;
    broken[4] = 0xFF;
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, broken, sizeof(broken)), 0);
    expect_sample(&r, 0, "a", 0, Q_OVER);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, first, sizeof(first)), E_GARBLED);
    r.plan.x[0].tag = 7;
    r.at = 0;
    ck_assert_int_eq(rows_absorb(&r.inst, &r.plan.x[0], &r.out), E_NOT_MINE);
}
END_TEST

START_TEST(test_rows_set)
{
    static const uint8_t wrote[] = {1, 6, 0, 40, 0xFF, 0x83};
    static const uint8_t back[] = {1, 3, 2, 0xFF, 0x83}, other[] = {1, 3, 2, 0xFF, 0x84};
    static const uint8_t coil_on[] = {1, 5, 0, 3, 0xFF, 0}, coil_off[] = {1, 1, 1, 0};
    static const uint8_t pair[] = {1, 16, 0, 30, 0, 2, 4, 0xFF, 0xFF, 0xFF, 0xFE};
    static const uint8_t swapped[] = {1, 16, 0, 12, 0, 2, 4, 0x23, 0x45, 0x00, 0x01};
    struct rig r;

    ck_assert_int_eq(rig_open(&r, &row_driver, 1, NULL), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(rig_set(&r, "a", 260.65), 0);
        ck_assert_uint_eq(r.plan.x[0].retry, RETRY_AFTER_READBACK);
        ck_assert_mem_eq(r.plan.x[0].tx, wrote, 6);
        ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, wrote, sizeof(wrote)), 0);
        ck_assert_uint_eq(r.out.n_notices, 0);
        expect_request(&r, 3, 10, 1);
        ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, i == 0 ? back : other, sizeof(back)), 0);
        expect_notice(&r, 0, i == 0 ? NOTICE_SET_DONE : NOTICE_SET_MISMATCH,
                      i == 0 ? 260.65 : 260.75);
    }
    ck_assert_int_eq(rig_set(&r, "c", -2), 0); /* no read-back: the acknowledgement is the answer */
    ck_assert_uint_eq(r.plan.n, 1);
    ck_assert_mem_eq(r.plan.x[0].tx, pair, sizeof(pair));
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, pair, 6), 0);
    expect_notice(&r, 0, NOTICE_SET_DONE, -2);
    ck_assert_int_eq(rig_set(&r, "b", 0x12345), 0);
    ck_assert_mem_eq(r.plan.x[0].tx, swapped, sizeof(swapped));
    ck_assert_int_eq(rig_set(&r, "f", 1), 0);
    ck_assert_mem_eq(r.plan.x[0].tx, coil_on, 6);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, coil_on, sizeof(coil_on)), 0);
    ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, coil_off, sizeof(coil_off)), 0);
    expect_notice(&r, 0, NOTICE_SET_MISMATCH, 0);
    ck_assert_int_eq(rig_set(&r, "a", 1e6), E_RANGE);
    ck_assert_int_eq(rig_set(&r, "b", -1), E_RANGE);
    ck_assert_int_eq(rig_set(&r, "e", 1), E_UNSUPPORTED);
    ck_assert_int_eq(rig_set(&r, "g", 1), E_UNSUPPORTED);
}
END_TEST

START_TEST(test_plan_is_bounded)
{
    struct rig r;

    rig_named(&r, "espec-p300");
    rig_plan_begin(&r);
    for (int i = 0; i < PLAN_XFERS_MAX; i++)
        ck_assert_ptr_nonnull(plan_line(&r.plan, 1, "x%d", i));
    ck_assert(!r.plan.overflow);
    ck_assert_ptr_null(plan_line(&r.plan, 1, "x"));
    ck_assert(r.plan.overflow);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drivers");
    TCase *tc = tcase_create("drivers");
    SRunner *runner;
    int failed, n = 0;

    while (drivers_all[n] != NULL)
        n++;
    tcase_add_loop_test(tc, test_transcripts, 0, n);
    tcase_add_test(tc, test_registry);
    tcase_add_loop_test(tc, test_safe_from_zero, 0, n);
    tcase_add_loop_test(tc, test_garbage, 0, n);
    tcase_add_test(tc, test_accuracy);
    tcase_add_test(tc, test_rows_poll);
    tcase_add_test(tc, test_rows_set);
    tcase_add_test(tc, test_plan_is_bounded);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
