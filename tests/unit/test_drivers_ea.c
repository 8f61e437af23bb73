/* EA PSB: what its transcript does not show. */
#include "base/diag.h"
#include "base/str.h"
#include "drivers/wire/modbus.h"
#include "tests/unit/driver_rig.h"

#include <stdlib.h>

enum {
    REMOTE = 0x0803,
    ON = 0x80,
    FULL = 52428
};

/* The instrument at the other end, as far as these tests need one: registers and two coils. */
struct psb {
    uint16_t reg[10014];
    uint16_t log[64]; /* registers and coils in the order in which they were written */
    unsigned n_log;
    bool refuses; /* every write */
};

static struct psb psb;

static void put_float(uint16_t at, float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    psb.reg[at] = (uint16_t)(bits >> 16);
    psb.reg[at + 1] = (uint16_t)(bits & 0xFFFF);
}

static void psb_init(void)
{
    memset(&psb, 0, sizeof(psb));
    psb.reg[1] = 'P' << 8 | 'S';
    psb.reg[2] = 'B' << 8;
    put_float(121, 60);
    put_float(123, 60);
    put_float(125, 1200);
    psb.reg[151] = '7' << 8;
    psb.reg[9000] = psb.reg[9002] = psb.reg[9008] = 53477;
}

static void psb_coil(uint16_t coil, bool on)
{
    if (coil == 402)
        psb.reg[506] = (uint16_t)(on ? psb.reg[506] | REMOTE : psb.reg[506] & ~REMOTE);
    if (coil == 405)
        psb.reg[506] = (uint16_t)(on ? psb.reg[506] | ON : psb.reg[506] & ~ON);
}

static void psb_write(uint16_t at, uint16_t value)
{
    ck_assert_uint_lt(psb.n_log, ARRAY_LEN(psb.log));
    psb.log[psb.n_log++] = at;
    psb.reg[at] = value;
}

/* Answer the next request of the plan. */
static void psb_answer(struct rig *r)
{
    const struct xfer *x = &r->plan.x[r->at];
    uint8_t rx[XFER_BYTES_MAX];
    uint16_t at = modbus_get_u16(x->tx + 2), n = modbus_get_u16(x->tx + 4);
    bool refused = psb.refuses && x->tx[1] != 3;

    rx[0] = x->tx[0];
    rx[1] = x->tx[1];
    if (refused) {
        r->plan.x[r->at].refusal = 7;
        ck_assert_int_eq(rig_absorb(r, XFER_REFUSED, rx, 0), 0);
        r->plan.n = r->at;
        return;
    }
    if (x->tx[1] == 3) {
        rx[2] = (uint8_t)(2 * n);
        for (uint16_t i = 0; i < n; i++)
            modbus_put_u16(rx + 3 + 2 * (size_t)i, psb.reg[at + i]);
        ck_assert_int_eq(rig_absorb(r, XFER_REPLY, rx, 3 + 2 * (size_t)n), 0);
        return;
    }
    if (x->tx[1] == 5) {
        psb.log[psb.n_log++] = at;
        psb_coil(at, n != 0);
    } else {
        ck_assert_uint_eq(x->tx[1], 6);
        psb_write(at, n);
    }
    ck_assert_int_eq(rig_absorb(r, XFER_REPLY, x->tx, x->tx_len), 0);
}

/* To the end of the plan; returns what it was that the last reply said, NOTICE_IDENTIFIED where it
 * said nothing. */
static enum notice psb_run(struct rig *r)
{
    psb.n_log = 0;
    while (r->at < r->plan.n) {
        uint16_t before = r->at;

        psb_answer(r);
        if (r->out.n_notices > 0 && r->out.notice[0].notice >= NOTICE_SET_MISMATCH &&
            r->out.notice[0].notice <= NOTICE_SET_REFUSED)
            break;
        ck_assert(!r->plan.overflow);
        ck_assert_uint_gt(r->at, before);
    }
    return r->out.n_notices > 0 ? (enum notice)r->out.notice[r->out.n_notices - 1].notice
                                : NOTICE_IDENTIFIED;
}

static enum notice psb_set(struct rig *r, const char *chan, double value)
{
    int rc = rig_set(r, chan, value);

    ck_assert_msg(rc == 0, "%s: %s", chan, err_text(rc));
    return psb_run(r);
}

static void psb_open(struct rig *r)
{
    psb_init();
    rig_named(r, "ea-psb");
    ck_assert_int_eq(rig_identify(r), 0);
    ck_assert_int_eq(psb_run(r), NOTICE_IDENTIFIED);
    ck_assert_str_eq(r->out.notice[0].text, "PSB, serial number 7");
}

static bool output(void)
{
    return (psb.reg[506] & ON) != 0;
}

/* ---- Numbers ---- */

/* Sheet: 100 % is 0xCCCC, the most that a set-point may be 102 % = 0xD0E5. */
START_TEST(test_scaling)
{
    static const struct {
        double v;
        uint16_t raw;
    } row[] = {
        {0,    0     },
        {60,   0xCCCC},
        {61.2, 0xD0E5},
        {30,   0x6666},
        {4.2,  3670  },
    };
    struct rig r;

    psb_open(&r);
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        ck_assert_int_eq(psb_set(&r, "voltage_set", row[i].v), NOTICE_SET_DONE);
        ck_assert_uint_eq(psb.reg[500], row[i].raw);
    }
    ck_assert_double_eq_tol(r.chans[rig_chan(&r, "voltage_set")].max, 61.2, 1e-12);
    /* one count at 60 V, 60 A: 1.144 mV, 1.144 mA */
    ck_assert_double_eq_tol(r.chans[0].resolution, 1.1444e-3, 1e-7);
    ck_assert_double_eq_tol(r.chans[0].accuracy_offset, 30e-3, 1e-12);
    ck_assert_double_eq_tol(r.chans[1].accuracy_offset, 60e-3, 1e-12);
}
END_TEST

/* With keys of the bench file; the doc has to stay. */
static int open_with(struct rig *r, uint16_t unit, const char *keys, struct conf_doc *ret_doc)
{
    const struct driver *d = driver_find("ea-psb");
    _Alignas(16) uint8_t param[256];
    struct diag diag;

    diag_init(&diag);
    ck_assert_uint_le(d->param_size, sizeof(param));
    memcpy(param, d->param_defaults, d->param_size);
    ck_assert_int_eq(conf_load_text("bench", keys, strlen(keys), ret_doc, &diag), 0);
    ck_assert_int_eq(conf_apply(ret_doc->root, d->params, param, ret_doc, &diag), 0);
    return rig_open(r, d, unit, param);
}

/* The bench says 80 V, 120 A; the instrument's own numbers scale. */
START_TEST(test_nominal_values_are_the_instruments)
{
    struct conf_doc doc, other;
    struct rig r;

    psb_init();
    put_float(121, 80.02F);
    put_float(123, 120);
    ck_assert_int_eq(open_with(&r, 0, "{nominal_voltage: 80 V, nominal_current: 120 A}\n", &doc),
                     0);
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(psb_run(&r), NOTICE_IDENTIFIED);
    ck_assert_uint_eq(r.plan.x[0].tx[0], 0); /* unit 0: compliance Limited, answers with 0 */
    ck_assert_int_eq(psb_set(&r, "limit_charge", 60), NOTICE_SET_DONE);
    ck_assert_uint_eq(psb.reg[501], FULL / 2);
    ck_assert_int_eq(psb_set(&r, "voltage_set", 80.02), NOTICE_SET_DONE);
    ck_assert_uint_eq(psb.reg[500], FULL);
    put_float(125, (float)NAN);
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(psb_run(&r), NOTICE_WRONG_DEVICE);
    psb_init();
    ck_assert_int_eq(open_with(&r, 1, "{serial: \"8\"}\n", &other), 0);
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(psb_run(&r), NOTICE_WRONG_DEVICE);
    conf_done(&doc);
    conf_done(&other);
}
END_TEST

START_TEST(test_address)
{
    struct rig r;

    ck_assert_int_eq(rig_open(&r, driver_find("ea-psb"), 0, NULL), 0);
    ck_assert_int_eq(rig_open(&r, driver_find("ea-psb"), 248, NULL), E_RANGE);
}
END_TEST

/* ---- Mode voltage ---- */

static unsigned place_of(uint16_t reg)
{
    for (unsigned i = 0; i < psb.n_log; i++)
        if (psb.log[i] == reg)
            return i;
    ck_abort_msg("%u is not written", reg);
}

/* A sink limit left over from another run, a source limit that was never given: neither is armed.
 */
START_TEST(test_the_other_direction_is_zero)
{
    struct rig r;

    psb_open(&r);
    psb.reg[499] = 4000;
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), E_STATE);
    ck_assert_int_eq(psb_set(&r, "voltage_set", 4.2), NOTICE_SET_DONE);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), E_STATE);
    ck_assert_int_eq(psb_set(&r, "limit_charge", 10), NOTICE_SET_DONE);
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_VOLTAGE), NOTICE_SET_DONE);
    ck_assert(output());
    ck_assert_uint_eq(psb.reg[499], 0);
    ck_assert_uint_eq(psb.reg[501], 8738);
    ck_assert_uint_eq(psb.reg[498], FULL);
    ck_assert_uint_eq(psb.reg[502], FULL);
    ck_assert_uint_eq(psb.log[psb.n_log - 1], 405);
    ck_assert_uint_lt(place_of(499), psb.n_log - 1);

    /* discharge: the limit that takes away first, the output last */
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_REST), NOTICE_SET_DONE);
    ck_assert(!output());
    ck_assert_int_eq(psb_set(&r, "limit_discharge", 20), NOTICE_SET_DONE);
    ck_assert_int_eq(psb_set(&r, "limit_charge", 0), NOTICE_SET_DONE);
    psb.reg[501] = 8738; /* behind our back */
    psb.reg[499] = 0;
    psb.reg[500] = 100;
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_VOLTAGE), NOTICE_SET_DONE);
    ck_assert_uint_lt(place_of(501), place_of(500));
    ck_assert_uint_lt(place_of(500), place_of(499));
    ck_assert_uint_eq(psb.reg[501], 0);
    ck_assert_uint_eq(psb.reg[499], 17476);
}
END_TEST

START_TEST(test_modes_that_it_has_not)
{
    struct rig r;

    psb_open(&r);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_CURRENT), E_UNSUPPORTED);
    ck_assert_double_eq(r.chans[rig_chan(&r, "mode")].max, CYCLER_VOLTAGE);
    ck_assert_int_eq(rig_set(&r, "voltage", 1), E_UNSUPPORTED);
    rig_named(&r, "ea-psb");
    ck_assert_int_eq(rig_set(&r, "voltage_set", 1), E_STATE); /* not identified */
}
END_TEST

/* The longest dialogue, everything wrong before and an alarm at the end, fits into one plan. */
START_TEST(test_longest_dialogue)
{
    struct rig r;

    psb_open(&r);
    ck_assert_int_eq(psb_set(&r, "voltage_set", 4.2), NOTICE_SET_DONE);
    ck_assert_int_eq(psb_set(&r, "limit_charge", 10), NOTICE_SET_DONE);
    psb.reg[506] = 0;
    psb.reg[498] = psb.reg[502] = psb.reg[500] = psb.reg[501] = 7;
    psb.reg[499] = 7;
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), 0);
    while (r.plan.x[r.at].tx[1] != 5 || modbus_get_u16(r.plan.x[r.at].tx + 2) != 405 ||
           r.plan.x[r.at].tx[4] == 0)
        psb_answer(&r);
    psb_answer(&r);
    psb.reg[506] |= 0x8000;
    ck_assert_int_eq(psb_run(&r), NOTICE_SET_MISMATCH);
    ck_assert(!output());
    ck_assert(!r.plan.overflow);
    ck_assert_uint_eq(r.plan.n, PLAN_XFERS_MAX);
}
END_TEST

/* What was lost on the way may have been obeyed: the next poll takes it without blaming anybody. */
START_TEST(test_lost_set_is_no_hand)
{
    struct rig r;

    psb_open(&r);
    ck_assert_int_eq(psb_set(&r, "voltage_set", 4.2), NOTICE_SET_DONE);
    ck_assert_int_eq(psb_set(&r, "limit_charge", 10), NOTICE_SET_DONE);
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_VOLTAGE), NOTICE_SET_DONE);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), 0);
    psb_coil(405, false); /* obeyed, but the answer is lost */
    ck_assert_int_eq(rig_absorb(&r, XFER_TIMEOUT, "", 0), 0);
    ck_assert_int_eq(rig_poll(&r), 0);
    psb_answer(&r);
    ck_assert_uint_eq(r.out.n_notices, 1);
    expect_notice(&r, 0, NOTICE_EDGE, 0);
    /* at identify too */
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_VOLTAGE), NOTICE_SET_DONE);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_REST), 0);
    psb_coil(405, false);
    ck_assert_int_eq(rig_absorb(&r, XFER_GARBLED, "", 0), 0);
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(psb_run(&r), NOTICE_IDENTIFIED);
    ck_assert_uint_eq(r.out.n_notices, 2);
    expect_notice(&r, 0, NOTICE_EDGE, 0);
}
END_TEST

/* What stands while the output is on was given; a controller that comes back goes on with it. */
START_TEST(test_found_at_work)
{
    struct rig r;

    psb_init();
    psb.reg[500] = 3670;
    psb.reg[501] = 8738;
    psb.reg[506] = REMOTE | ON;
    rig_named(&r, "ea-psb");
    ck_assert_int_eq(rig_identify(&r), 0);
    ck_assert_int_eq(psb_run(&r), NOTICE_IDENTIFIED);
    ck_assert_uint_eq(r.out.n_notices, 1); /* no edge: it has been so for who knows how long */
    ck_assert_uint_eq(psb.n_log, 0);       /* nothing is written */
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_VOLTAGE), NOTICE_SET_DONE);
    ck_assert_uint_eq(psb.n_log, 0);
    ck_assert(output());
}
END_TEST

START_TEST(test_everything_is_refused)
{
    struct rig r;

    psb_open(&r);
    psb.refuses = true;
    ck_assert_int_eq(psb_set(&r, "voltage_set", 4.2), NOTICE_SET_REFUSED);
    ck_assert_int_eq(psb_set(&r, "mode", CYCLER_REST), NOTICE_SET_REFUSED);
    ck_assert_uint_eq(r.out.n_notices, 1);
}
END_TEST

/* Every answer cut short, and every answer of another request, to each request of a dialogue. */
START_TEST(test_wrong_shapes)
{
    static const uint8_t other[][8] = {
        {1,  3,    2,  0, 0},
        {1, 3,     4,       0, 0, 0, 0},
        {1, 6,1,0xF4, 0, 0},
        {1, 5,     1,       0x95, 0xFF, 0},
        {1, 0x83,  2        }
    };
    static const uint8_t n_other[] = {5, 7, 6, 6, 3};
    struct rig r;

    psb_open(&r);
    ck_assert_int_eq(psb_set(&r, "voltage_set", 4.2), NOTICE_SET_DONE);
    ck_assert_int_eq(psb_set(&r, "limit_charge", 10), NOTICE_SET_DONE);
    ck_assert_int_eq(rig_set(&r, "mode", CYCLER_VOLTAGE), 0);
    while (r.at < r.plan.n) {
        for (size_t i = 0; i < ARRAY_LEN(other); i++) {
            struct rig copy = r;
            const struct xfer *x = &r.plan.x[r.at];
            uint8_t exception;

            copy.inst.state = copy.state;
            copy.inst.chans = copy.chans;
            copy.inst.param = copy.param;
            if (modbus_answers(x->tx, x->tx_len, other[i], n_other[i], &exception) == 0)
                continue;
            ck_assert_int_eq(rig_absorb(&copy, XFER_REPLY, other[i], n_other[i]), E_GARBLED);
            ck_assert_uint_eq(copy.out.n_notices, 0);
            ck_assert_uint_eq(copy.plan.n, r.plan.n);
        }
        psb_answer(&r);
    }
    ck_assert(output());
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ea-psb");
    TCase *c = tcase_create("ea-psb");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_add_test(c, test_scaling);
    tcase_add_test(c, test_nominal_values_are_the_instruments);
    tcase_add_test(c, test_address);
    tcase_add_test(c, test_the_other_direction_is_zero);
    tcase_add_test(c, test_modes_that_it_has_not);
    tcase_add_test(c, test_longest_dialogue);
    tcase_add_test(c, test_lost_set_is_no_hand);
    tcase_add_test(c, test_found_at_work);
    tcase_add_test(c, test_everything_is_refused);
    tcase_add_test(c, test_wrong_shapes);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
