/* tests/support/pair_oracle.c - see pair_oracle.h. */
#include "tests/support/pair_oracle.h"

#include "drivers/wire/modbus.h"

#include <string.h>

struct asking {
    const struct rig *r;
    const struct emu *emu;
    struct emu_env env;
    struct rng rng;
    struct inst inst;
    nsec now;
    struct plan plan;
    struct outcome outcome;
    struct oracle *to;
    _Alignas(16) uint8_t emu_state[EMU_STATE_MAX];
    _Alignas(16) uint8_t state[DRIVER_STATE_MAX];
};

static size_t frame_request(const struct asking *a, const struct xfer *x, uint8_t *frame,
                            size_t size)
{
    const struct driver *d = a->inst.driver;
    size_t n_end;
    int n;

    if (d->wire == WIRE_MODBUS) {
        n = a->r->bus_w.modbus_tcp ? modbus_tcp_wrap(1, x->tx, x->tx_len, frame, size)
                                   : modbus_rtu_wrap(x->tx, x->tx_len, frame, size);
        RIG_CHECK(n > 0);
        return (size_t)n;
    }
    n_end = strlen(d->line_end);
    RIG_CHECK(x->tx_len + n_end <= size);
    memcpy(frame, x->tx, x->tx_len);
    memcpy(frame + x->tx_len, d->line_end, n_end);
    return x->tx_len + n_end;
}

static bool take_modbus(const struct asking *a, struct xfer *x, const uint8_t *p, size_t n)
{
    bool tcp = a->r->bus_w.modbus_tcp;
    size_t head = tcp ? 6 : 0, tail = tcp ? 0 : 2;

    if (n < head + tail + 2)
        return false;
    x->rx_len = (uint16_t)(n - head - tail);
    memcpy(x->rx, p + head, x->rx_len);
    x->outcome = XFER_REPLY;
    if (x->rx[1] & 0x80) {
        x->outcome = XFER_REFUSED;
        x->refusal = x->rx[2];
    }
    return true;
}

/* Lines without their ends, joined. */
static bool take_lines(struct xfer *x, const uint8_t *p, size_t n)
{
    bool text = false;

    x->rx_len = 0;
    for (size_t i = 0; i < n && x->rx_len < XFER_BYTES_MAX; i++) {
        if (p[i] != '\r' && p[i] != '\n') {
            if (!text && x->rx_len > 0)
                x->rx[x->rx_len++] = '\n';
            x->rx[x->rx_len++] = p[i];
        }
        text = p[i] != '\r' && p[i] != '\n';
    }
    x->outcome = XFER_REPLY;
    return x->rx_len > 0;
}

static bool exchange(struct asking *a, struct xfer *x)
{
    uint8_t frame[XFER_BYTES_MAX + 8];
    size_t n = frame_request(a, x, frame, sizeof(frame));
    struct emu_out out = {0};
    bool got;

    a->now += NSEC_S;
    a->emu->bytes(a->emu_state, &a->env, a->now, NSEC_S, frame, n, &out);
    x->rx_len = 0;
    x->outcome = XFER_REPLY;
    if (x->no_reply)
        got = true;
    else if (a->inst.driver->wire == WIRE_MODBUS)
        got = take_modbus(a, x, out.bytes, out.n_bytes);
    else
        got = take_lines(x, out.bytes, out.n_bytes);
    x->rx[x->rx_len] = 0;
    return got;
}

static bool absorb(struct asking *a, const struct xfer *x)
{
    const struct driver *d = a->inst.driver;
    struct outcome *o = &a->outcome;
    int rc;

    o->n_samples = o->n_notices = 0;
    o->overflow = false;
    o->plan = &a->plan;
    rc = d->absorb ? d->absorb(&a->inst, x, o) : rows_absorb(&a->inst, x, o);
    for (int i = 0; i < o->n_samples; i++) {
        a->to->known[o->sample[i].chan] = true;
        a->to->last[o->sample[i].chan] = o->sample[i];
    }
    return rc >= 0 && x->outcome == XFER_REPLY;
}

static bool carry_out(struct asking *a)
{
    for (int i = 0; i < a->plan.n; i++)
        if (!exchange(a, &a->plan.x[i]) || !absorb(a, &a->plan.x[i]))
            return false;
    return true;
}

void oracle_ask(const struct rig *r, int inst, const struct emu_env *env, nsec now,
                struct oracle *ret)
{
    static struct asking a;
    const struct driver *d = r->inst[inst].driver;

    memset(ret, 0, sizeof(*ret));
    a.r = r;
    a.to = ret;
    a.now = now;
    a.emu = r->host_w.emu[inst];
    a.inst = r->inst[inst];
    a.inst.state = a.state;
    a.rng = r->host.rng[inst];
    a.env = *env;
    a.env.rng = &a.rng;
    memset(a.state, 0, d->state_size);
    memcpy(a.emu_state, r->host.state[inst], a.emu->state_size);
    a.plan.n = 0;
    a.plan.overflow = false;
    if (d->plan_identify)
        (void)d->plan_identify(&a.inst, &a.plan);
    if (!carry_out(&a))
        return;
    a.plan.n = 0;
    (void)(d->plan_poll ? d->plan_poll(&a.inst, &a.plan) : rows_plan_poll(&a.inst, &a.plan));
    ret->answered = carry_out(&a);
}
