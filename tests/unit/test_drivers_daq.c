/* The scanner: what is made of its scan in the bench file, what is refused of it, and what its
 * transcript does not show. */
#include "base/diag.h"
#include "base/str.h"
#include "tests/unit/driver_rig.h"

/* ---- A bench file's keys ---- */

struct made {
    struct rig rig;
    struct conf_doc doc;
    struct diag diag;
};

static int make(struct made *m, const char *keys)
{
    const struct driver *d = driver_find("keysight-daq970a");
    int r;

    memset(m, 0, sizeof(*m));
    diag_init(&m->diag);
    ck_assert_ptr_nonnull(d);
    ck_assert_uint_le(d->param_size, sizeof(m->rig.param));
    memcpy(m->rig.param, d->param_defaults, d->param_size);
    m->rig.inst = (struct inst){.driver = d,
                                .state = m->rig.state,
                                .param = m->rig.param,
                                .chans = m->rig.chans,
                                .name = "it"};
    r = conf_load_text("bench", keys, strlen(keys), &m->doc, &m->diag);
    if (r == 0)
        r = conf_apply(m->doc.root, d->params, m->rig.param, &m->doc, &m->diag);
    if (r == 0)
        r = d->make_chans(&m->rig.inst, m->rig.param, conf_get(m->doc.root, "scan"), &m->doc,
                          &m->diag);
    return r;
}

static const char *story_of(const struct made *m)
{
    static char story[2048];

    (void)diag_format(&m->diag, story, sizeof(story), false);
    return story;
}

/* n voltages from channel 101 on. */
static void make_many(struct made *m, int n, const char *keys, int *ret_result)
{
    char text[2000];
    size_t at;

    ck_assert_int_eq(str_fmt(text, sizeof(text), "%sscan:\n", keys), 0);
    at = strlen(text);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(str_fmt(text + at, sizeof(text) - at,
                                 "- {name: v%d, channel: %d, measure: voltage, range: 10 V}\n", i,
                                 101 + i),
                         0);
        at += strlen(text + at);
    }
    *ret_result = make(m, text);
}

/* clang-format off */
static const struct {
    const char *entry;
    int column;
    const char *message, *hint;
} refused[] = {
    {"{name: a, measure: voltage}", 3, "'channel' of scan is missing", ""},
    {"{name: a, channel: 101}", 3, "'measure' of scan is missing", "thermocouple and its type"},
    {"{name: a, channel: 100, measure: voltage}", 22, "100 is outside", ""},
    {"{name: a, channel: 141, measure: voltage}", 22, "no such channel in a slot", "01 to 40"},
    {"{name: a, channel: 401, measure: voltage}", 22, "401 is outside", ""},
    {"{name: a, channel: 101, measure: thermocouple Q}", 36, "'thermocouple Q'", ""},
    {"{name: a, channel: 101, measure: voltage, range: 5 V}", 52, "no such range", "10 V"},
    {"{name: a, channel: 101, measure: voltage, range: 5 A}", 52, "", ""},
    {"{name: a, channel: 101, measure: thermocouple K, range: 1 V}", 59, "has no range", "leave"},
    {"{name: a.b, channel: 101, measure: voltage}", 10, "holds a point", ""},
    {"{name: a, channel: 101, measure: thermocouple K, accuracy: 1 degC}", 62,
     "a difference of temperature", ""},
    {"{name: a, channel: 101, measure: voltage, rnage: 5 V}", 45, "rnage", "range"},
};
/* clang-format on */

START_TEST(test_refused)
{
    struct made m;
    char text[400];

    ck_assert_int_eq(str_fmt(text, sizeof(text), "scan:\n- %s\n", refused[_i].entry), 0);
    ck_assert_msg(make(&m, text) < 0, "%s is taken", refused[_i].entry);
    ck_assert_msg(m.diag.n == 1, "%s", story_of(&m));
    ck_assert_msg(strstr(m.diag.finding[0].text, refused[_i].message) != NULL &&
                      strstr(m.diag.finding[0].hint, refused[_i].hint) != NULL &&
                      m.diag.finding[0].line == 2 && m.diag.finding[0].column == refused[_i].column,
                  "column %d: %s", m.diag.finding[0].column, story_of(&m));
    conf_done(&m.doc);
}
END_TEST

START_TEST(test_refused_twice)
{
    struct made m;

    ck_assert_int_lt(make(&m, "scan:\n- {name: a, channel: 101, measure: voltage}\n"
                              "- {name: b, channel: 101, measure: thermocouple K}\n"),
                     0);
    ck_assert_msg(strstr(m.diag.finding[0].text, "is `a` already") != NULL &&
                      m.diag.finding[0].line == 3,
                  "%s", story_of(&m));
    conf_done(&m.doc);
    ck_assert_int_lt(make(&m, "scan:\n- {name: a, channel: 101, measure: voltage}\n"
                              "- {name: a, channel: 102, measure: voltage}\n"),
                     0);
    conf_done(&m.doc);
}
END_TEST

/* A line holds 256 bytes and a reading with its number takes 20. */
START_TEST(test_scan_length)
{
    struct made m;
    int r;

    make_many(&m, 12, "", &r);
    ck_assert_msg(r == 0, "%s", story_of(&m));
    ck_assert_uint_eq(m.rig.inst.n_chans, 12);
    conf_done(&m.doc);
    make_many(&m, 13, "", &r);
    ck_assert_int_eq(r, E_FULL);
    conf_done(&m.doc);
}
END_TEST

/* ---- What it is ---- */

START_TEST(test_channels)
{
    struct made m;
    const struct chan *c = m.rig.chans;

    ck_assert_int_eq(make(&m,
                          "scan:\n- {name: a, channel: 101, measure: voltage, range: 1 V}\n"
                          "- {name: b, channel: 102, measure: voltage}\n"
                          "- {name: c, channel: 103, measure: thermocouple T}\n"
                          "- {name: d, channel: 104, measure: thermocouple K, accuracy: 2 K}\n"),
                     0);
    for (uint16_t i = 0; i < 4; i++)
        ck_assert(c[i].access == CHAN_READ && c[i].polled && !c[i].safety);
    ck_assert_int_eq(c[0].kind, KIND_VOLTAGE_V);
    ck_assert_double_eq_tol(c[0].max, 1.2, 1e-12);
    ck_assert_double_eq_tol(c[0].min, -1.2, 1e-12);
    ck_assert_double_eq_tol(c[1].max, 300, 1e-12);
    ck_assert_double_eq(chan_range_for(&c[1], 3.7)->full_scale, 12);
    ck_assert_int_eq(c[2].kind, KIND_TEMPERATURE_K);
    ck_assert_double_eq_tol(c[2].min, 3.15, 1e-9);
    ck_assert_double_eq_tol(c[2].max, 673.15, 1e-9);
    ck_assert_double_eq_tol(c[3].accuracy_offset, 2, 1e-12);
    ck_assert_int_eq(m.rig.inst.driver->plan_set(&m.rig.inst, 0, 1, &m.rig.plan), E_UNSUPPORTED);
    conf_done(&m.doc);
}
END_TEST

static void identified(struct made *m, const char *idn)
{
    ck_assert_int_eq(rig_identify(&m->rig), 0);
    ck_assert_int_eq(rig_reply(&m->rig, idn), 0);
    ck_assert_int_eq(rig_reply(&m->rig, "#13(@)"), 0);
    expect_notice(&m->rig, 0, NOTICE_IDENTIFIED, 0);
}

START_TEST(test_serial)
{
    struct made m;
    int r;

    make_many(&m, 1, "serial: \"MY58000001\"\n", &r);
    ck_assert_int_eq(r, 0);
    identified(&m, "Keysight Technologies,DAQ970A,MY58000001,A.02.04");
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_int_eq(rig_reply(&m.rig, "Keysight Technologies,DAQ970A,MY58000002,A.02.04"), 0);
    expect_notice(&m.rig, 0, NOTICE_WRONG_DEVICE, 0);
    ck_assert_uint_eq(m.rig.at, m.rig.plan.n); /* nothing more is asked of it */
    conf_done(&m.doc);
}
END_TEST

/* Ten seconds and a half for each channel; the driver's own time-out holds for the longest scan. */
START_TEST(test_scan_time)
{
    struct made m;
    uint32_t longest = driver_find("keysight-daq970a")->timeout_ms;
    int r;

    for (int n = 1; n <= 12; n++) {
        make_many(&m, n, "", &r);
        ck_assert_int_eq(r, 0);
        identified(&m, "Keysight Technologies,DAQ970A,MY58000001,A.02.04");
        ck_assert_int_eq(rig_poll(&m.rig), 0);
        while (m.rig.plan.x[m.rig.at].no_reply)
            ck_assert_int_eq(rig_reply(&m.rig, ""), 0);
        ck_assert_int_eq(rig_reply(&m.rig, "0,\"No error\""), 0);
        m.rig.state[0] = 2; /* proven */
        ck_assert_int_eq(rig_poll(&m.rig), 0);
        ck_assert_uint_eq(m.rig.plan.n, 1);
        ck_assert_str_eq(rig_sent(&m.rig), "READ?");
        ck_assert_uint_eq(m.rig.plan.x[0].timeout_ms, 10000U + 500U * (unsigned)n);
        ck_assert_uint_le(m.rig.plan.x[0].timeout_ms, longest);
        conf_done(&m.doc);
    }
}
END_TEST

/* Twelve channels that all need a command of their own fill the plan: the rest is the next poll's.
 */
START_TEST(test_twelve_kinds)
{
    static const char keys[] = "scan:\n"
                               "- {name: a, channel: 101, measure: voltage, range: 100 mV}\n"
                               "- {name: b, channel: 102, measure: voltage, range: 1 V}\n"
                               "- {name: c, channel: 103, measure: voltage, range: 10 V}\n"
                               "- {name: d, channel: 104, measure: voltage}\n"
                               "- {name: e, channel: 105, measure: thermocouple B}\n"
                               "- {name: f, channel: 106, measure: thermocouple E}\n"
                               "- {name: g, channel: 107, measure: thermocouple J}\n"
                               "- {name: h, channel: 108, measure: thermocouple K}\n"
                               "- {name: i, channel: 109, measure: thermocouple N}\n"
                               "- {name: j, channel: 110, measure: thermocouple R}\n"
                               "- {name: k, channel: 111, measure: thermocouple S}\n"
                               "- {name: l, channel: 112, measure: thermocouple T}\n";
    struct made m;

    ck_assert_msg(make(&m, keys) == 0, "%s", story_of(&m));
    identified(&m, "Keysight Technologies,DAQ970A,MY58000001,A.02.04");
    ck_assert_int_eq(rig_poll(&m.rig), 0);
    ck_assert_uint_eq(m.rig.plan.n, PLAN_XFERS_MAX);
    ck_assert(!m.rig.plan.overflow);
    while (m.rig.plan.x[m.rig.at].no_reply)
        ck_assert_int_eq(rig_reply(&m.rig, ""), 0);
    ck_assert_str_eq(rig_sent(&m.rig), "SYST:ERR?");
    ck_assert_int_eq(rig_reply(&m.rig, "+0,\"No error\""), 0);
    ck_assert_uint_eq(m.rig.at, m.rig.plan.n);
    ck_assert(!m.rig.plan.overflow);
    ck_assert_int_eq(rig_poll(&m.rig), 0);
    ck_assert_str_eq(rig_sent(&m.rig), "ROUT:SCAN?");
    ck_assert_int_eq(rig_reply(&m.rig, "#210(@101:112)"), 0);
    ck_assert_str_eq(rig_sent(&m.rig), "READ?");
    conf_done(&m.doc);
}
END_TEST

/* Shapes that are nobody's answer. */
START_TEST(test_garbage)
{
    static const char *const bad[] = {
        "",
        ",",
        "+3.7E+00",
        "+3.7E+00,101,",
        "+3.7E+00,101,+3.7E+00",
        "101,+3.7E+00",
        "+3.7E+00,101,x",
        "+3.7E+00,101,+3.7E+00,10x",
        "#13(@)",
        "0,\"No error\"",
        "Keysight Technologies,DAQ970A,MY58000001,A.02.04",
    };
    static const char *const no_scan[] = {
        "",
        "0",
        "#",
        "#1",
        "#13",
        "#13(@",
        "#14(@)",
        "#12(@)",
        "#213(@101)x",
        "#15(101)",
        "#16(@101",
        "#2xx(@101)",
        "(@101)",
        "#17(@103:101)",
        "#16(@10x)",
        "#16(@-01)",
        "+3.7E+00,101",
    };
    struct made m;
    int r;

    make_many(&m, 2, "", &r);
    ck_assert_int_eq(r, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        m.rig.state[0] = 2;
        ck_assert_int_eq(rig_poll(&m.rig), 0);
        r = rig_reply(&m.rig, bad[i]);
        ck_assert_msg(r == E_GARBLED || m.rig.out.n_notices == 1, "%s", bad[i]);
        for (uint16_t k = 0; k < m.rig.out.n_samples; k++)
            ck_assert_uint_eq(m.rig.out.sample[k].quality, Q_INVALID);
        ck_assert_uint_eq(m.rig.state[0], 0); /* set up again */
    }
    for (size_t i = 0; i < ARRAY_LEN(no_scan); i++) {
        m.rig.state[0] = 1;
        ck_assert_int_eq(rig_poll(&m.rig), 0);
        ck_assert_str_eq(rig_sent(&m.rig), "ROUT:SCAN?");
        ck_assert_msg(rig_reply(&m.rig, no_scan[i]) == E_GARBLED, "%s", no_scan[i]);
    }
    conf_done(&m.doc);
}
END_TEST

/* What was set up is gone: it is said, and set up again. */
START_TEST(test_scan_forgotten)
{
    struct made m;
    int r;

    make_many(&m, 2, "", &r);
    ck_assert_int_eq(r, 0);
    identified(&m, "Keysight Technologies,DAQ970A,MY58000001,A.02.04");
    m.rig.state[0] = 2;
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_int_eq(rig_reply(&m.rig, "Keysight Technologies,DAQ970A,MY58000001,A.02.04"), 0);
    ck_assert_int_eq(rig_reply(&m.rig, "#13(@)"), 0);
    ck_assert_uint_eq(m.rig.out.n_notices, 2);
    expect_notice(&m.rig, 0, NOTICE_REBOOTED, 0);
    expect_notice(&m.rig, 1, NOTICE_IDENTIFIED, 0);
    ck_assert_int_eq(rig_poll(&m.rig), 0);
    ck_assert_str_eq(rig_sent(&m.rig), "*CLS");
    conf_done(&m.doc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("drivers daq");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(t, test_refused, 0, ARRAY_LEN(refused));
    tcase_add_test(t, test_refused_twice);
    tcase_add_test(t, test_scan_length);
    tcase_add_test(t, test_channels);
    tcase_add_test(t, test_serial);
    tcase_add_test(t, test_scan_time);
    tcase_add_test(t, test_twelve_kinds);
    tcase_add_test(t, test_garbage);
    tcase_add_test(t, test_scan_forgotten);
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
