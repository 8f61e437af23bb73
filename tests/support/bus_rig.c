/* tests/support/bus_rig.c - one bus and one host back to back under a virtual clock. */
#include "tests/support/bus_rig.h"
#include "tests/support/bench_rows.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

char rig_story[64];

static void hash_bytes(struct rig *r, const void *p, size_t n)
{
    const uint8_t *b = p;

    for (size_t i = 0; i < n; i++)
        r->hash = (r->hash ^ b[i]) * UINT64_C(1099511628211);
}

static int on_send(void *link, nsec now, const uint8_t *p, size_t n)
{
    struct rig *r = link;

    r->n_sent++;
    hash_bytes(r, &now, sizeof(now));
    hash_bytes(r, p, n);
    if (r->on_send)
        r->on_send(r, now, p, n);
    host_send(&r->host, &r->host_w, now, p, n);
    return 0;
}

static void on_deliver(void *owner, nsec first_at, nsec at, const uint8_t *p, size_t n)
{
    struct rig *r = owner;

    bus_bytes(&r->bus, &r->bus_w, first_at, at, p, n);
}

static void take_outcome(struct rig *r, const struct bus_report *report)
{
    const struct outcome *o = report->outcome;

    RIG_CHECK(!o->overflow);
    RIG_CHECK(report->stamp <= r->now);
    for (int i = 0; i < o->n_samples; i++) {
        const struct sample *s = &o->sample[i];

        RIG_CHECK(s->chan < r->inst[report->inst].n_chans);
        r->last[report->inst][s->chan] = *s;
        r->last_at[report->inst][s->chan] = report->stamp;
        r->n_samples++;
        hash_bytes(r, &s->value, sizeof(s->value));
        hash_bytes(r, &s->chan, sizeof(s->chan));
    }
    for (int i = 0; i < o->n_notices; i++) {
        struct rig_said *said = &r->said[r->n_said++ % RIG_SAID_MAX];

        said->inst = report->inst;
        said->token = report->job->token;
        said->notice = o->notice[i];
        hash_bytes(r, &o->notice[i].notice, sizeof(o->notice[i].notice));
    }
}

static void take_end(struct rig *r, const struct bus_report *report)
{
    uint32_t token = report->job->token;
    enum rig_end end = report->kind == BUS_JOB_DONE ? RIG_DONE : RIG_FAILED;

    hash_bytes(r, &token, sizeof(token));
    if (report->job->internal) {
        RIG_CHECK(token == 0);
        r->n_poll_done += end == RIG_DONE;
        r->n_poll_failed += end == RIG_FAILED;
        return;
    }
    RIG_CHECK(token > 0);
    RIG_CHECK(token < RIG_TOKENS_MAX);
    RIG_CHECK(r->end[token] == RIG_OPEN);
    r->end[token] = (uint8_t)end;
    r->how[token] = (uint8_t)report->failure;
    r->ended_at[token] = r->now;
    r->n_open--;
    if (end == RIG_FAILED)
        RIG_CHECK(report->text[0] != '\0');
}

static void on_report(void *owner, const struct bus_report *report)
{
    struct rig *r = owner;
    uint32_t kind = report->kind;

    hash_bytes(r, &r->now, sizeof(r->now));
    hash_bytes(r, &kind, sizeof(kind));
    switch (report->kind) {
    case BUS_SAMPLES: take_outcome(r, report); break;
    case BUS_JOB_DONE:
    case BUS_JOB_FAILED: take_end(r, report); break;
    case BUS_INST_LOST: r->n_lost++; break;
    case BUS_INST_BACK: r->n_back++; break;
    }
    if (r->on_report)
        r->on_report(r, report);
}

static void wire_up(struct rig *r)
{
    r->bus_w.send = on_send;
    r->bus_w.link = r;
    r->bus_w.report = on_report;
    r->bus_w.owner = r;
    r->host_w.deliver = on_deliver;
    r->host_w.owner = r;
}

void rig_init(struct rig *r, nsec byte_ns)
{
    memset(r, 0, sizeof(*r));
    r->next_token = 1;
    r->bus_w.name = "line";
    r->bus_w.byte_ns = byte_ns;
    wire_up(r);
    bus_init(&r->bus, &r->bus_w);
    host_init(&r->host, &r->host_w, byte_ns);
}

int rig_add(struct rig *r, const struct driver *driver, const struct emu *emu, uint16_t unit,
            const struct emu_param *emu_param, void *world)
{
    struct inst *inst = &r->inst[r->bus.n_insts];
    struct chan *chans = r->chans[r->bus.n_insts];
    uint8_t *param = r->param[r->bus.n_insts];
    struct emu_param p = *emu_param;
    int i;

    RIG_CHECK(driver->param_size <= sizeof(r->param[0]));
    inst->driver = driver;
    inst->unit = unit;
    inst->addressed = emu_param->addressed;
    inst->name = driver->name;
    inst->chans = chans;
    inst->param = param;
    if (driver->param_defaults)
        memcpy(param, driver->param_defaults, driver->param_size);
    while (driver->chans[inst->n_chans].name) {
        chans[inst->n_chans] = driver->chans[inst->n_chans];
        inst->n_chans++;
    }
    if (driver->make_chans) {
        struct conf_doc *doc = bench_rows_in(driver, r->rows ? r->rows : "tests/wire");

        bench_rows_make(inst, param, doc->root, doc);
    }
    if (driver->setup)
        RIG_CHECK(driver->setup(inst, NULL) == 0);
    i = bus_add(&r->bus, &r->bus_w, inst);
    RIG_CHECK(i >= 0);
    p.unit = unit;
    RIG_CHECK(host_add(&r->host, &r->host_w, emu, &p, world, 7, r->now, NULL) == i);
    return i;
}

void rig_copy(struct rig *r, const struct rig *from)
{
    memcpy(r, from, sizeof(*r));
    wire_up(r);
    for (int i = 0; i < r->bus.n_insts; i++) {
        r->inst[i].chans = r->chans[i];
        r->inst[i].param = r->param[i];
        r->inst[i].state = r->bus.inst[i].state;
        r->bus_w.inst[i] = &r->inst[i];
        r->host_w.env[i].rng = &r->host.rng[i];
    }
}

void rig_run(struct rig *r, nsec until)
{
    for (unsigned calls = 0;; calls++) {
        nsec host = host_due(&r->host, &r->host_w);
        nsec bus = bus_due(&r->bus, &r->bus_w);
        nsec t = host < bus ? host : bus;

        if (t > until)
            break;
        if (t > r->now) {
            r->now = t;
            calls = 0;
        }
        RIG_CHECK(calls < 1000); /* time stands still */
        if (host <= r->now)
            host_work(&r->host, &r->host_w, r->now);
        else
            bus_work(&r->bus, &r->bus_w, r->now);
    }
    r->now = until;
}

int64_t rig_submit(struct rig *r, enum job_class class, enum job_kind kind, int inst, int chan,
                   double value)
{
    struct job job = {.class = (uint8_t) class, .kind = (uint8_t)kind, .inst = (uint8_t)inst};
    int rc;

    RIG_CHECK(r->next_token < RIG_TOKENS_MAX);
    job.chan = (uint16_t)chan;
    job.value = value;
    job.token = r->next_token++;
    r->n_open++;
    rc = bus_submit(&r->bus, &r->bus_w, r->now, &job);
    if (rc != 0) {
        RIG_CHECK(rc < 0);
        r->n_open--;
        return rc;
    }
    return job.token;
}

enum rig_end rig_await(struct rig *r, int64_t token, nsec most)
{
    nsec until = r->now + most;

    RIG_CHECK(token > 0);
    while (r->end[token] == RIG_OPEN && r->now < until) {
        nsec host = host_due(&r->host, &r->host_w);
        nsec bus = bus_due(&r->bus, &r->bus_w);
        nsec t = host < bus ? host : bus;

        if (t < r->now)
            t = r->now;
        rig_run(r, t < until ? t : until);
    }
    return (enum rig_end)r->end[token];
}

enum rig_end rig_do(struct rig *r, enum job_class class, enum job_kind kind, int inst, int chan,
                    double value, nsec most)
{
    return rig_await(r, rig_submit(r, class, kind, inst, chan, value), most);
}

static uint32_t first_said(const struct rig *r)
{
    return r->n_said > RIG_SAID_MAX ? r->n_said - RIG_SAID_MAX : 0;
}

const struct notice_said *rig_notice(const struct rig *r, int64_t token, enum notice kind)
{
    for (uint32_t i = r->n_said; i > first_said(r); i--) {
        const struct rig_said *said = &r->said[(i - 1) % RIG_SAID_MAX];

        if (said->token == token && said->notice.notice == kind)
            return &said->notice;
    }
    return NULL;
}

unsigned rig_count_notices(const struct rig *r, int64_t token, enum notice first, enum notice last)
{
    unsigned n = 0;

    for (uint32_t i = first_said(r); i < r->n_said; i++) {
        const struct rig_said *said = &r->said[i % RIG_SAID_MAX];

        n += said->token == token && said->notice.notice >= first && said->notice.notice <= last;
    }
    return n;
}

void rig_fault(struct rig *r, enum line_fault kind, uint32_t left, nsec late_by)
{
    struct host_fault f = {.kind = (uint8_t)kind, .emu = 255, .left = left, .late_by = late_by};

    host_fault(&r->host, &f);
}
