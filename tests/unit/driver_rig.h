/* tests/unit/driver_rig.h - one driver without a bus: plans are made and replies fed by hand. */
#ifndef TESTS_UNIT_DRIVER_RIG_H
#define TESTS_UNIT_DRIVER_RIG_H

#include "drivers/driver.h"
#include "tests/support/bench_rows.h"

#include <check.h>
#include <math.h>
#include <string.h>

#define PSI_PA 6894.757293168361

struct rig {
    struct inst inst;
    struct chan chans[CHANNELS_MAX];
    _Alignas(16) uint8_t state[DRIVER_STATE_MAX];
    _Alignas(16) uint8_t param[256];
    struct plan plan;
    struct outcome out;
    uint16_t at; /* next request of the plan */
};

static inline int rig_open(struct rig *r, const struct driver *d, uint16_t unit, const void *param)
{
    memset(r, 0, sizeof(*r));
    ck_assert_ptr_nonnull(d);
    ck_assert_uint_le(d->state_size, sizeof(r->state));
    ck_assert_uint_le(d->param_size, sizeof(r->param));
    if (d->param_size > 0 && (param != NULL || d->param_defaults != NULL))
        memcpy(r->param, param != NULL ? param : d->param_defaults, d->param_size);
    r->inst = (struct inst){.driver = d,
                            .state = r->state,
                            .param = r->param,
                            .chans = r->chans,
                            .unit = unit,
                            .name = "it"};
    while (d->chans[r->inst.n_chans].name != NULL) {
        r->chans[r->inst.n_chans] = d->chans[r->inst.n_chans];
        r->inst.n_chans++;
    }
    if (d->make_chans != NULL)
        bench_rows_make(&r->inst, r->param, bench_rows_doc(d)->root, bench_rows_doc(d));
    return d->setup != NULL ? d->setup(&r->inst, NULL) : 0;
}

static inline void rig_named(struct rig *r, const char *name)
{
    ck_assert_int_eq(
        rig_open(r, driver_find(name), strcmp(name, "alicat-pcd") == 0 ? 'A' : 1, NULL), 0);
}

static inline uint16_t rig_chan(const struct rig *r, const char *name)
{
    for (uint16_t i = 0; i < r->inst.n_chans; i++)
        if (strcmp(r->chans[i].name, name) == 0)
            return i;
    ck_abort_msg("%s has no channel %s", r->inst.driver->name, name);
}

static inline void rig_plan_begin(struct rig *r)
{
    r->plan.n = 0;
    r->plan.overflow = false;
    r->at = 0;
}

static inline int rig_identify(struct rig *r)
{
    rig_plan_begin(r);
    return r->inst.driver->plan_identify(&r->inst, &r->plan);
}

static inline int rig_poll(struct rig *r)
{
    const struct driver *d = r->inst.driver;

    rig_plan_begin(r);
    return d->plan_poll != NULL ? d->plan_poll(&r->inst, &r->plan)
                                : rows_plan_poll(&r->inst, &r->plan);
}

static inline int rig_set(struct rig *r, const char *chan, double value)
{
    const struct driver *d = r->inst.driver;
    uint16_t i = rig_chan(r, chan);

    rig_plan_begin(r);
    return d->plan_set != NULL ? d->plan_set(&r->inst, i, value, &r->plan)
                               : rows_plan_set(&r->inst, i, value, &r->plan);
}

static inline int rig_safe(struct rig *r, enum safe_want want)
{
    rig_plan_begin(r);
    return r->inst.driver->plan_safe(&r->inst, want, &r->plan);
}

static inline int rig_absorb(struct rig *r, enum xfer_outcome outcome, const void *rx, size_t n)
{
    struct xfer *x = &r->plan.x[r->at++];
    const struct driver *d = r->inst.driver;

    ck_assert_uint_lt(r->at - 1, r->plan.n);
    ck_assert_uint_le(n, XFER_BYTES_MAX);
    memcpy(x->rx, rx, n);
    x->rx[n] = 0;
    x->rx_len = (uint16_t)n;
    x->outcome = (uint8_t)outcome;
    r->out.n_samples = r->out.n_notices = 0;
    r->out.overflow = false;
    r->out.plan = &r->plan;
    return d->absorb != NULL ? d->absorb(&r->inst, x, &r->out) : rows_absorb(&r->inst, x, &r->out);
}

static inline int rig_reply(struct rig *r, const char *text)
{
    return rig_absorb(r, XFER_REPLY, text, strlen(text));
}

/* The next request, as text. */
static inline const char *rig_sent(struct rig *r)
{
    struct xfer *x = &r->plan.x[r->at];

    ck_assert_uint_lt(r->at, r->plan.n);
    ck_assert_uint_lt(x->tx_len, XFER_BYTES_MAX);
    x->tx[x->tx_len] = 0;
    return (const char *)x->tx;
}

/* "SET_DONE" */
static inline const char *notice_name(unsigned notice)
{
    static const char *const names[] = {
        "IDENTIFIED", "WRONG_DEVICE", "SET_DONE", "SET_MISMATCH", "SET_REFUSED",
        "EDGE",       "ALARM",        "LOCAL",    "REBOOTED",
    };

    ck_assert_uint_lt(notice, ARRAY_LEN(names));
    return names[notice];
}

static inline void expect_notice(const struct rig *r, uint16_t i, enum notice notice, double value)
{
    ck_assert_uint_lt(i, r->out.n_notices);
    ck_assert_msg(r->out.notice[i].notice == notice, "%s: %s", notice_name(r->out.notice[i].notice),
                  r->out.notice[i].text);
    ck_assert_double_eq_tol(r->out.notice[i].value, value, 1e-9 + 1e-9 * fabs(value));
}

#endif
