/* tests/support/bus_fixture.c - rigs with the two fakes, and the judge of their readings. */
#include "tests/support/bus_fixture.h"

#include <check.h>
#include <math.h>
#include <string.h>

const struct fake_model fake_slow_crlf = {.line_end = "\r\n", .think = 5 * NSEC_MS};
const struct fake_model fake_tcp_model = {.line_end = "", .think = NSEC_MS, .tcp = true};
static const struct fake_model slow_cr = {.line_end = "\r", .think = 5 * NSEC_MS};
static const struct fake_model slow_lf = {.line_end = "\n", .think = 5 * NSEC_MS};

struct rig rigs[2];
struct truth truths[2];
bool instrument_missed_some;

static struct truth *truth_of(const struct rig *r)
{
    return r == &rigs[0] ? &truths[0] : &truths[1];
}

static void count_request(struct rig *r, nsec now, const uint8_t *p, size_t n)
{
    struct truth *t = truth_of(r);
    int inst = r->bus.current.inst;

    (void)now;
    if (r->bus_w.wire == WIRE_LINE) {
        const uint8_t *text = p + r->inst[inst].addressed;

        RIG_CHECK(n > 1);
        t->n_p[inst] += text[0] == 'P';
        t->n_q[inst] += text[0] == 'Q';
    } else {
        const uint8_t *pdu = p + (r->bus_w.modbus_tcp ? 7 : 1);

        t->n_p[inst] += pdu[0] == 3 && pdu[1] == 0 && pdu[2] == 0;
        t->n_q[inst] += pdu[0] == 3 && pdu[1] == 0 && pdu[2] == 10;
    }
}

static void judge_samples(struct rig *r, const struct bus_report *report)
{
    const struct truth *t = truth_of(r);
    const struct fake_state *s;
    struct fake_state copy;

    if (report->kind != BUS_SAMPLES)
        return;
    memcpy(&copy, r->host.state[report->inst], sizeof(copy));
    s = &copy;
    for (int i = 0; i < report->outcome->n_samples; i++) {
        const struct sample *sample = &report->outcome->sample[i];
        uint32_t newest = sample->chan == FAKE_P ? s->n_p : s->n_q;

        RIG_CHECK(lround(sample->value) == (long)newest);
        RIG_CHECK(instrument_missed_some ||
                  newest == (sample->chan == FAKE_P ? t->n_p : t->n_q)[report->inst]);
    }
}

struct fake_state *fake(struct rig *r, int inst)
{
    return (struct fake_state *)(void *)r->host.state[inst];
}

void watch(struct rig *r)
{
    r->on_send = count_request;
    r->on_report = judge_samples;
    memset(truth_of(r), 0, sizeof(struct truth));
    instrument_missed_some = false;
}

struct rig *make_rig(const struct driver *driver, nsec byte_ns)
{
    struct rig *r = &rigs[0];
    struct emu_param p = {.model = &fake_slow_crlf};

    if (driver->line_end)
        p.model = strcmp(driver->line_end, "\r") == 0   ? &slow_cr
                  : strcmp(driver->line_end, "\n") == 0 ? &slow_lf
                                                        : &fake_slow_crlf;
    rig_init(r, byte_ns);
    watch(r);
    rig_add(r, driver, driver->wire == WIRE_LINE ? &fake_line_emu : &fake_modbus_emu, 5, &p, NULL);
    return r;
}

const struct driver *kind_of(int i)
{
    return i == 0 ? &fake_line_crlf : &fake_modbus;
}

void identify(struct rig *r, int inst)
{
    ck_assert_int_eq(rig_do(r, JOB_PROBE, JOBKIND_IDENTIFY, inst, 0, 0, 5 * NSEC_S), RIG_DONE);
    ck_assert_int_eq(r->bus.inst[inst].identified, 1);
}

struct rig *polling_rig(const struct driver *driver)
{
    struct rig *r = make_rig(driver, BYTE_NS);

    identify(r, 0);
    bus_poll_period(&r->bus, 0, 300 * NSEC_MS, r->now);
    return r;
}

void add_second(struct rig *r, uint16_t unit)
{
    struct emu_param p = {.model = &fake_slow_crlf, .addressed = r->inst[0].addressed};

    rig_add(r, r->inst[0].driver, r->host_w.emu[0], unit, &p, NULL);
}

struct rig *shared_rig(int kind)
{
    struct rig *r = &rigs[0];
    struct emu_param p = {.model = &fake_slow_crlf, .addressed = true};

    rig_init(r, BYTE_NS);
    watch(r);
    rig_add(r, kind_of(kind), kind == 0 ? &fake_line_emu : &fake_modbus_emu, 'A', &p, NULL);
    add_second(r, 'B');
    identify(r, 0);
    identify(r, 1);
    return r;
}
