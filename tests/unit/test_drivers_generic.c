/* The generic drivers: what is made of bench files, what is refused of them, and what their
 * transcripts do not show. */
#include "base/diag.h"
#include "base/str.h"
#include "drivers/wire/modbus.h"
#include "tests/unit/driver_rig.h"

/* ---- A bench file's keys ---- */

struct made {
    struct rig rig;
    struct conf_doc doc;
    struct diag diag;
};

/* Channels from text; 0 or the first finding's code. */
static int make(struct made *m, const char *driver, const char *keys)
{
    const struct driver *d = driver_find(driver);
    int r;

    memset(m, 0, sizeof(*m));
    diag_init(&m->diag);
    ck_assert_uint_le(d->param_size, sizeof(m->rig.param));
    if (d->param_defaults != NULL)
        memcpy(m->rig.param, d->param_defaults, d->param_size);
    m->rig.inst = (struct inst){.driver = d,
                                .state = m->rig.state,
                                .param = m->rig.param,
                                .chans = m->rig.chans,
                                .unit = 1,
                                .name = "it"};
    r = conf_load_text("bench", keys, strlen(keys), &m->doc, &m->diag);
    if (r == 0)
        r = conf_apply(m->doc.root, d->params, m->rig.param, &m->doc, &m->diag);
    if (r == 0)
        r = d->make_chans(&m->rig.inst, m->rig.param, conf_get(m->doc.root, d->chans_key), &m->doc,
                          &m->diag);
    return r;
}

static void unmake(struct made *m)
{
    conf_done(&m->doc);
}

static const char *story_of(const struct made *m)
{
    static char story[2048];

    (void)diag_format(&m->diag, story, sizeof(story), false);
    return story;
}

static void make_well(struct made *m, const char *driver, const char *keys)
{
    int r = make(m, driver, keys);

    ck_assert_msg(r == 0 && m->diag.n == 0, "%s", story_of(m));
}

/* ---- What is refused ---- */

struct refused {
    const char *rows; /* one line of the list */
    int column;       /* of the finding; the first character of the entry is 3 */
    const char *message, *hint;
};

static void expect_refused(const char *driver, const char *key, const struct refused *row)
{
    struct made m;
    char text[400];

    ck_assert_int_eq(str_fmt(text, sizeof(text), "%s:\n- %s\n", key, row->rows), 0);
    ck_assert_msg(make(&m, driver, text) < 0, "%s is taken", row->rows);
    ck_assert_msg(m.diag.n == 1, "%s", story_of(&m));
    ck_assert_msg(strstr(m.diag.finding[0].text, row->message) != NULL &&
                      strstr(m.diag.finding[0].hint, row->hint) != NULL &&
                      m.diag.finding[0].line == 2 && m.diag.finding[0].column == row->column,
                  "column %d: %s", m.diag.finding[0].column, story_of(&m));
    unmake(&m);
}

/* clang-format off */
static const struct refused modbus_refused[] = {
    {"{name: a, type: u16, register: 65536}", 34, "65536 is outside", ""},
    {"{name: a, type: u8, register: 1}", 19, "'u8'", "one of: u16"},
    {"{name: a, register: 1}", 3, "'type' of rows is missing", "u16, i16"},
    {"{name: a.b, type: u16, register: 1}",
     10, "holds a point", "between instrument and channel"},
    {"{name: a, type: u16, register: 1, unit: parsec/fortnight}",
     43, "no channels of", "plain number"},
    {"{name: a, type: u16, register: 1, unit: voltz}", 43, "not a known unit", ""},
    {"{name: a, type: u16, register: 1, function: 2}", 47, "does not read this type", "3 or 4"},
    {"{name: a, type: coil, register: 1, function: 3}", 48, "does not read this type", "1 or 2"},
    {"{name: a, type: bit, register: 1}", 3, "bit belong together", "0 is the lowest"},
    {"{name: a, type: u16, register: 1, bit: 3}", 42, "bit belong together", ""},
    {"{name: a, type: u16, register: 1, access: set}",
     3, "`a` is set and has no min", "min and max"},
    {"{name: a, type: u16, register: 1, access: set, min: 0}", 3, "has no max", ""},
    {"{name: a, type: u16, register: 1, access: set, min: 0, max: 65536}",
     63, "wire cannot hold", ""},
    {"{name: a, type: u16, register: 1, access: set, min: 5, max: 5}", 63, "not above min", ""},
    {"{name: a, type: u16, register: 1, access: set, min: 0, max: 5 V}", 63, "", "plain number"},
    {"{name: a, type: u16, register: 1, unit: V, access: set, min: 0 V, max: 5}",
     74, "without a unit", "5 V"},
    {"{name: a, type: bit, register: 1, bit: 1, access: set}", 19, "fifteen neighbours", ""},
    {"{name: a, type: f32, register: 1, access: set, min: 0, max: 1, write: 6}",
     73, "does not write", "16 or 23 for two"},
    {"{name: a, type: coil, register: 1, access: set, write: 6}",
     58, "does not write", "5 or 15"},
    {"{name: a, type: u16, register: 1, function: 4, access: set, min: 0, max: 1}",
     47, "an input", "write_register"},
    {"{name: a, type: u16, register: 1, write: 6}", 3, "read only", "access"},
    {"{name: a, type: u16, register: 1, off: 0}", 3, "read only", "access"},
    {"{name: a, type: u16, register: 1, word_order: CDAB}", 49, "only one word", "BADC"},
    {"{name: a, type: f32, register: 65535}", 34, "beyond the last", ""},
    {"{name: a, type: u16, register: 1, scale: 0}", 44, "scale of zero", ""},
    {"{name: a, type: coil, register: 1, unit: V}", 44, "neither unit nor scale", ""},
    {"{name: a, type: f32, register: 1, states: [x, y]}", 45, "u16 and i16", ""},
    {"{name: a, type: u16, register: 1, states: [off]}", 45, "one state alone", ""},
    {"{name: a, type: u16, register: 1, access: set, states: [off, standby], off: stanby}",
     79, "none of the states", "did you mean standby?"},
    {"{name: a, type: coil, register: 1, access: set, off: zero}",
     56, "neither on nor off", "on, off, 1 or 0"},
    {"{name: a, type: u16, register: 1, access: set, min: 1, max: 9, off: -1}",
     71, "cannot hold", ""},
    {"{name: a, type: u16, register: 1, access: set, min: 1, max: 9, readback: no, off: 0}",
     85, "proves nothing", ""},
    {"{name: a, type: u16, register: 1, unit: degC, accuracy: 1 degC}", 59, "in K", ""},
    {"{name: a, type: u16, register: 1, resolution: 0}", 49, "above zero", ""},
    /* the only register is polled alone: nothing else could be asked first */
    {"{name: a, type: u16, register: 1}", 1, "a poll's length", "identify"},
};
/* clang-format on */

START_TEST(test_modbus_refuses)
{
    expect_refused("generic-modbus", "rows", &modbus_refused[_i]);
}
END_TEST

/* clang-format off */
static const struct refused scpi_refused[] = {
    {"{name: a, unit: V}", 10, "neither get nor set", "MEAS:VOLT?"},
    {"{name: a, get: \"MEAS:VOLT\"}", 18, "question mark", ""},
    {"{name: a, set: \"VOLT\", check: \"VOLT?\", min: 0, max: 1}", 18, "not marked", "{}"},
    {"{name: a, set: \"V {} {}\", check: \"VOLT?\", min: 0, max: 1}", 18, "or twice", "{}"},
    {"{name: a, set: \"VOLT {}\", min: 0, max: 1}", 18, "must be proven", "check"},
    {"{name: a, set: \"VOLT {}?\", check: \"VOLT?\", min: 0, max: 1}",
     18, "a query is given", ""},
    {"{name: a, off: \"OUTP OFF\"}", 18, "must be proven", "check"},
    {"{name: a, set: \"VOLT {}\", check: \"VOLT?\"}", 3, "has no min", ""},
    {"{name: a, set: \"VOLT {}\", check: \"VOLT?\", field: 2, min: 0, max: 1}",
     52, "belongs to get", ""},
    {"{name: a, get: \"V?\", off_value: 1}", 35, "belongs to off", ""},
    {"{name: a, get: \"V?\", type: switch, unit: V}", 44, "no unit", ""},
    {"{name: a, get: \"V?\", unit: V, max: 3 A}", 38, "voltage is expected", "did you mean 3 V?"},
    {"{name: a, get: \"V?\", fields: 3}", 24, "'fields'", "did you mean field?"},
};
/* clang-format on */

START_TEST(test_scpi_refuses)
{
    expect_refused("generic-scpi", "channels", &scpi_refused[_i]);
}
END_TEST

START_TEST(test_lists)
{
    static const char *const bad[] = {
        "rows: []\n",
        "rows: {a: b}\n",
        "rows: [x]\n",
        "rows:\n- {name: a, type: u16, register: 1}\n- {name: a, type: u16, register: 2}\n",
    };
    struct made m;
    char text[2000] = "rows:\n";

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(make(&m, "generic-modbus", bad[i]) < 0, "%s", bad[i]);
        ck_assert_uint_eq(m.diag.n, 1);
        unmake(&m);
    }
    for (int i = 0; i < CHANNELS_MAX + 1; i++) {
        size_t n = strlen(text);

        ck_assert_int_eq(
            str_fmt(text + n, sizeof(text) - n, "- {name: a%d, type: u16, register: %d}\n", i, i),
            0);
    }
    ck_assert_int_lt(make(&m, "generic-modbus", text), 0);
    ck_assert_int_eq(diag_code(&m.diag), E_FULL);
    unmake(&m);
    text[strlen(text) - 1] = '\0';
    *strrchr(text, '\n') = '\0'; /* sixteen do */
    make_well(&m, "generic-modbus", text);
    ck_assert_uint_eq(m.rig.inst.n_chans, CHANNELS_MAX);
    unmake(&m);
    /* a file of its own may hold the list under its key */
    make_well(
        &m, "generic-modbus",
        "rows: {rows: [{name: a, type: u16, register: 1}, {name: b, type: u16, register: 2}]}\n");
    unmake(&m);
}
END_TEST

/* ---- Modbus ---- */

/* -12.5 as bytes A B C D = C1 48 00 00; 0x01020304. Written and read in the four orders. */
START_TEST(test_word_orders)
{
    static const struct {
        const char *order;
        uint8_t bytes[4];
    } row[] = {
        {"ABCD", {0x01, 0x02, 0x03, 0x04}},
        {"CDAB", {0x03, 0x04, 0x01, 0x02}},
        {"BADC", {0x02, 0x01, 0x04, 0x03}},
        {"DCBA", {0x04, 0x03, 0x02, 0x01}},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct made m;
        char text[400];
        uint8_t rx[7] = {1, 3, 4, 0, 0, 0, 0};

        ck_assert_int_eq(
            str_fmt(text, sizeof(text),
                    "word_order: %s\nregisters_from: 1\nrows:\n"
                    "- {name: a, type: u32, register: 101, access: set, min: 0, max: 4294967295}\n"
                    "- {name: b, type: u32, register: 101, word_order: %s}\n"
                    "- {name: c, type: u16, register: 200, poll: no}\n",
                    row[i].order, row[i].order),
            0);
        make_well(&m, "generic-modbus", text);
        ck_assert_int_eq(rig_set(&m.rig, "a", 0x01020304), 0);
        ck_assert_uint_eq(m.rig.plan.x[0].tx[1], 16);
        ck_assert_uint_eq(modbus_get_u16(m.rig.plan.x[0].tx + 2), 100); /* counted from 1 */
        ck_assert_mem_eq(m.rig.plan.x[0].tx + 7, row[i].bytes, 4);
        memcpy(rx + 3, row[i].bytes, 4);
        m.rig.at = 1;
        ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, rx, sizeof(rx)), 0);
        expect_notice(&m.rig, 0, NOTICE_SET_DONE, 0x01020304);
        ck_assert_int_eq(rig_poll(&m.rig), 0);
        ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, rx, sizeof(rx)), 0);
        ck_assert_double_eq(m.rig.out.sample[0].value, 0x01020304);
        unmake(&m);
    }
}
END_TEST

/* Functions 5, 6, 15, 16, 23, and where a row is written elsewhere. */
START_TEST(test_write_functions)
{
    static const struct {
        const char *keys;
        double value;
        uint8_t n, tx[16];
    } row[] = {
  /* clang-format off */
        {"type: coil, register: 7", 1, 6, {1, 5, 0, 7, 0xFF, 0}},
        {"type: coil, register: 7", 0, 6, {1, 5, 0, 7, 0, 0}},
        {"type: coil, register: 7, write: 15", 1, 8, {1, 15, 0, 7, 0, 1, 1, 1}},
        {"type: coil, register: 7, function: 2, write_register: 0",
         1, 6, {1, 5, 0, 0, 0xFF, 0}},
        {"type: i16, register: 7, min: -9, max: 9", -2, 6, {1, 6, 0, 7, 0xFF, 0xFE}},
        {"type: i16, register: 7, min: -9, max: 9, write: 16",
         -2, 9, {1, 16, 0, 7, 0, 1, 2, 0xFF, 0xFE}},
        {"type: i16, register: 7, min: -9, max: 9, write: 23",
         -2, 13, {1, 23, 0, 7, 0, 1, 0, 7, 0, 1, 2, 0xFF, 0xFE}},
        {"type: i32, register: 7, min: -9, max: 9",
         -2, 11, {1, 16, 0, 7, 0, 2, 4, 0xFF, 0xFF, 0xFF, 0xFE}},
        {"type: i32, register: 7, min: -9, max: 9, write: 23, write_register: 9",
         -2, 15, {1, 23, 0, 7, 0, 2, 0, 9, 0, 2, 4, 0xFF, 0xFF, 0xFF, 0xFE}},
        {"type: f32, register: 7, min: -99, max: 9",
         -12.5, 11, {1, 16, 0, 7, 0, 2, 4, 0xC1, 0x48, 0, 0}},
        {"type: u16, register: 7, word_order: BADC, min: 0, max: 9999",
         0x1234, 6, {1, 6, 0, 7, 0x34, 0x12}},
        {"type: u16, register: 7, scale: 0.1, unit: degC, min: 0 degC, max: 99 degC",
         298.15, 6, {1, 6, 0, 7, 0, 250}},
  /* clang-format on */
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct made m;
        char text[300];

        ck_assert_int_eq(
            str_fmt(text, sizeof(text), "rows:\n- {name: a, access: set, %s}\n", row[i].keys), 0);
        make_well(&m, "generic-modbus", text);
        ck_assert_int_eq(rig_set(&m.rig, "a", row[i].value), 0);
        ck_assert_uint_eq(m.rig.plan.x[0].tx_len, row[i].n);
        ck_assert_msg(memcmp(m.rig.plan.x[0].tx, row[i].tx, row[i].n) == 0, "%s", row[i].keys);
        ck_assert_uint_eq(m.rig.plan.x[0].retry, RETRY_AFTER_READBACK);
        unmake(&m);
    }
}
END_TEST

/* The first request never has the shape of a poll; an explicit one is held to it. */
START_TEST(test_identify_request)
{
    static const char rows[] = "rows:\n- {name: a, type: u16, register: 1}\n"
                               "- {name: b, type: u16, register: 2}\n";
    static const uint8_t reply[] = {1, 3, 6, 0, 9, 0, 1, 0xC3, 0x50},
                         other[] = {1, 3, 6, 0, 9, 0, 2, 0xC3, 0x50};
    struct made m;
    char text[300];

    make_well(&m, "generic-modbus", rows); /* both are polled in one: one alone is asked first */
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_uint_eq(modbus_get_u16(m.rig.plan.x[0].tx + 4), 1);
    ck_assert_int_eq(rig_poll(&m.rig), 0);
    ck_assert_uint_eq(modbus_get_u16(m.rig.plan.x[0].tx + 4), 2);
    unmake(&m);

    /* a relay that is not read back is asked when nothing else is left */
    make_well(&m, "generic-modbus",
              "rows:\n- {name: 1, type: coil, register: 0, function: 2}\n"
              "- {name: 9, type: coil, register: 8, access: set, readback: no}\n");
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_uint_eq(m.rig.plan.x[0].tx[1], 1);
    ck_assert_uint_eq(modbus_get_u16(m.rig.plan.x[0].tx + 2), 8);
    unmake(&m);

    ck_assert_int_eq(str_fmt(text, sizeof(text), "%sidentify: {register: 40, count: 2}\n", rows),
                     0);
    ck_assert_int_lt(make(&m, "generic-modbus", text), 0);
    ck_assert_ptr_nonnull(strstr(m.diag.finding[0].text, "same length"));
    unmake(&m);

    ck_assert_int_eq(str_fmt(text, sizeof(text),
                             "%sidentify: {register: 1100, words: [\"9\", \"1\", \"50000\"]}\n",
                             rows),
                     0);
    make_well(&m, "generic-modbus", text);
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, reply, sizeof(reply)), 0);
    expect_notice(&m.rig, 0, NOTICE_IDENTIFIED, 0);
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, other, sizeof(other)), 0);
    expect_notice(&m.rig, 0, NOTICE_WRONG_DEVICE, 2);
    ck_assert_str_eq(m.rig.out.notice[0].text, "register 1101 is 2, bench says 1");
    unmake(&m);
}
END_TEST

/* Names of LANGUAGE's bench: dio.1 is an input, dio.9 the watchdog's relay. */
START_TEST(test_digital_io)
{
    struct made m;
    static const uint8_t in[] = {1, 2, 1, 0x01}, coil[] = {1, 1, 1, 0};

    make_well(&m, "generic-modbus",
              "rows:\n- {name: 1, type: coil, register: 0, function: 2}\n"
              "- {name: 9, type: coil, register: 8, access: set, off: off}\n");
    ck_assert_str_eq(m.rig.chans[0].name, "1");
    ck_assert_int_eq(m.rig.chans[0].kind, KIND_SWITCH);
    ck_assert(!m.rig.chans[0].safety && m.rig.chans[1].safety);
    ck_assert_int_eq(rig_poll(&m.rig), 0);
    ck_assert_uint_eq(m.rig.plan.n, 1);
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, in, sizeof(in)), 0);
    ck_assert_double_eq(m.rig.out.sample[0].value, 1);
    ck_assert_int_eq(rig_identify(&m.rig), 0);
    ck_assert_uint_eq(m.rig.plan.x[0].tx[1], 1);
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, coil, sizeof(coil)), 0);
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, coil, sizeof(coil)), 0);
    expect_notice(&m.rig, 0, NOTICE_IDENTIFIED, 0);
    ck_assert_uint_eq(m.rig.out.n_samples, 1); /* where the relay stands */
    unmake(&m);
}
END_TEST

/* Only states with a name are states. */
START_TEST(test_states)
{
    static const struct {
        uint16_t raw;
        enum quality q;
    } row[] = {
        {0,     Q_OK     },
        {2,     Q_OK     },
        {3,     Q_INVALID},
        {65535, Q_INVALID},
    };
    struct made m;

    make_well(&m, "generic-modbus",
              "rows:\n- {name: a, type: u16, register: 1, states: [off, standby, run]}\n"
              "- {name: b, type: u16, register: 2, poll: no}\n");
    ck_assert_int_eq(m.rig.chans[0].kind, KIND_STATE);
    ck_assert_double_eq(m.rig.chans[0].max, 2);
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        uint8_t rx[5] = {1, 3, 2, 0, 0};

        modbus_put_u16(rx + 3, row[i].raw);
        ck_assert_int_eq(rig_poll(&m.rig), 0);
        ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, rx, sizeof(rx)), 0);
        ck_assert_uint_eq(m.rig.out.sample[0].quality, row[i].q);
    }
    unmake(&m);
}
END_TEST

/* An f32 is read back in 24 bits, a scaled register in its own steps. */
START_TEST(test_read_back_tolerance)
{
    struct made m;
    uint8_t rx[7] = {1, 3, 4, 0, 0, 0, 0};
    float f = 4.2F;
    uint32_t bits;

    make_well(
        &m, "generic-modbus",
        "rows:\n- {name: a, type: f32, register: 1, access: set, unit: mV, min: 0 V, max: 5 V}\n");
    f *= 1000.0F;
    memcpy(&bits, &f, sizeof(bits));
    ck_assert_int_eq(rig_set(&m.rig, "a", 4.2), 0);
    modbus_put_u16(rx + 3, (uint16_t)(bits >> 16));
    modbus_put_u16(rx + 5, (uint16_t)(bits & 0xFFFF));
    ck_assert_mem_eq(m.rig.plan.x[0].tx + 7, rx + 3, 4);
    m.rig.at = 1;
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, rx, sizeof(rx)), 0);
    ck_assert_uint_eq(m.rig.out.notice[0].notice, NOTICE_SET_DONE);
    modbus_put_u16(rx + 5, (uint16_t)((bits & 0xFFFF) + 100)); /* 49 uV more */
    m.rig.at = 1;
    ck_assert_int_eq(rig_absorb(&m.rig, XFER_REPLY, rx, sizeof(rx)), 0);
    ck_assert_uint_eq(m.rig.out.notice[0].notice, NOTICE_SET_MISMATCH);
    unmake(&m);
}
END_TEST

START_TEST(test_modbus_garbage)
{
    static const uint8_t bad[][8] = {
        {1,  2, 1},
        {2, 2, 1, 0},
        {1,  2, 2, 0, 0},
        {1, 1, 1, 0},
        {1,  3, 2, 0, 0},
        {0}
    };
    static const uint8_t n_bad[] = {3, 4, 5, 4, 5, 1};
    struct rig r;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rig_named(&r, "generic-modbus");
        ck_assert_int_eq(rig_poll(&r), 0);
        ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, bad[i], n_bad[i]), E_GARBLED);
        if (bad[i][1] == 1)
            continue; /* that is the shape of the identify request */
        ck_assert_int_eq(rig_identify(&r), 0);
        ck_assert_int_eq(rig_absorb(&r, XFER_REPLY, bad[i], n_bad[i]), E_GARBLED);
    }
}
END_TEST

/* ---- SCPI ---- */

START_TEST(test_scpi_garbage)
{
    static const char *const bad[] = {
        "",    ",",    "ON",       "12.50 V",        "12.50 V;1.0",
        "a,b", "1.0,", "1 V,2 mA", "ACME,PSU-3,0,1", "-222,\"Data out of range\""};
    struct rig r;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rig_named(&r, "generic-scpi");
        ck_assert_int_eq(rig_poll(&r), 0);
        ck_assert_msg(rig_reply(&r, bad[i]) == E_GARBLED, "%s", bad[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (str_starts(bad[i], "ACME"))
            continue;
        rig_named(&r, "generic-scpi");
        ck_assert_int_eq(rig_identify(&r), 0);
        ck_assert_msg(rig_reply(&r, bad[i]) == E_GARBLED, "%s", bad[i]);
    }
}
END_TEST

/* Without an error queue a set is the command and its proof; a channel that can only be set is
 * proven by its get's field. */
START_TEST(test_scpi_plain_device)
{
    struct made m;

    make_well(&m, "generic-scpi",
              "errors: none\nchannels:\n"
              "- {name: p, get: \"STAT?\", field: 3, set: \"PRES {}\", unit: kPa, min: 0 kPa, "
              "max: 500 kPa, resolution: 1 kPa}\n");
    ck_assert_int_eq(rig_set(&m.rig, "p", 250e3), 0);
    ck_assert_uint_eq(m.rig.plan.n, 2);
    ck_assert_str_eq(rig_sent(&m.rig), "PRES +2.500000E+02");
    ck_assert(m.rig.plan.x[0].no_reply);
    ck_assert_int_eq(rig_reply(&m.rig, ""), 0);
    ck_assert_uint_eq(m.rig.out.n_notices, 0);
    ck_assert_str_eq(rig_sent(&m.rig), "STAT?");
    ck_assert_int_eq(rig_reply(&m.rig, "1,0,250.4"), 0);
    expect_notice(&m.rig, 0, NOTICE_SET_DONE, 250.4e3);
    ck_assert_int_eq(rig_set(&m.rig, "p", 250e3), 0);
    m.rig.at = 1;
    ck_assert_int_eq(rig_reply(&m.rig, "1,0,250.6"), 0);
    expect_notice(&m.rig, 0, NOTICE_SET_MISMATCH, 250.6e3);
    unmake(&m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("generic drivers");
    TCase *c = tcase_create("generic drivers");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_loop_test(c, test_modbus_refuses, 0, ARRAY_LEN(modbus_refused));
    tcase_add_loop_test(c, test_scpi_refuses, 0, ARRAY_LEN(scpi_refused));
    tcase_add_test(c, test_lists);
    tcase_add_test(c, test_word_orders);
    tcase_add_test(c, test_write_functions);
    tcase_add_test(c, test_identify_request);
    tcase_add_test(c, test_digital_io);
    tcase_add_test(c, test_states);
    tcase_add_test(c, test_read_back_tolerance);
    tcase_add_test(c, test_modbus_garbage);
    tcase_add_test(c, test_scpi_garbage);
    tcase_add_test(c, test_scpi_plain_device);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
