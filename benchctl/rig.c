/* benchctl/rig.c - lines, instruments, emulators and world, worked in virtual time. */
#include "benchctl/rig_priv.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- From the bus: reports become events --------------------------------------------------------------------------------- */

static struct rig_event *push(struct rig *r, enum rig_event_kind kind, uint8_t inst, nsec stamp)
{
    ASSERT(r->s.n < RIG_RING); /* drained after every instant; a bus says a few things at a time */
    struct rig_event *e = &r->s.ring[(r->s.head + r->s.n) % RIG_RING];
    r->s.n++;
    e->kind = (uint8_t)kind;
    e->inst = inst;
    e->chan = 0;
    e->token = 0;
    e->stamp = stamp;
    e->value = 0.0;
    e->mask = 0;
    e->text[0] = '\0';
    return e;
}

/* What comes with a poll is a sample; what an identify finds standing is only kept, to be compared when the instrument comes back. */
static void take_samples(struct rig *r, uint8_t inst, const struct bus_report *rep)
{
    bool of_poll = rep->job && rep->job->kind == JOBKIND_POLL;
    struct rig_inst_state *is = &r->s.inst[inst];
    for (uint16_t k = 0; k < rep->outcome->n_samples; k++) {
        const struct sample *s = &rep->outcome->sample[k];
        rig_note_held(r, inst, s->chan, s->value);
        if (!of_poll) {
            continue;
        }
        if (is->mask == 0) {
            is->stamp = rep->stamp;
        }
        is->mask = (uint16_t)(is->mask | 1U << s->chan);
        is->sample[s->chan] = s->value;
        is->quality[s->chan] = s->quality;
    }
}

/* The relay counts from when it was written to, which was before the answer came. One that failed is tried again soon. */
static void watchdog_said(struct rig *r, nsec stamp, bool well)
{
    struct rig_watchdog *w = &r->s.watchdog;
    nsec period = nsec_from_s(r->bench->watchdog.period_s), soon = r->s.now + period / 4;
    if (well) {
        w->held_until = stamp + WATCHDOG_PERIODS * period;
    } else if (w->waiting && w->next > soon) {
        w->next = soon;
    }
    w->waiting = 0;
}

static void take_notice(struct rig *r, uint8_t inst, const struct bus_report *rep, const struct notice_said *said)
{
    static const uint8_t kinds[] = {
        [NOTICE_IDENTIFIED] = RIG_IDENTIFIED, [NOTICE_WRONG_DEVICE] = RIG_WRONG, [NOTICE_SET_DONE] = RIG_SET_DONE, [NOTICE_SET_MISMATCH] = RIG_SET_MISMATCH,
        [NOTICE_SET_REFUSED] = RIG_SET_REFUSED, [NOTICE_EDGE] = RIG_EDGE, [NOTICE_ALARM] = RIG_ALARM, [NOTICE_LOCAL] = RIG_LOCAL, [NOTICE_REBOOTED] = RIG_REBOOTED,
    };
    struct rig_inst_state *is = &r->s.inst[inst];
    if (rep->job && rep->job->kind == JOBKIND_SET && rep->job->token == RIG_WATCHDOG_TOKEN) {
        watchdog_said(r, rep->stamp, said->notice == NOTICE_SET_DONE);
        return;
    }
    bool is_set = said->notice == NOTICE_SET_DONE || said->notice == NOTICE_SET_MISMATCH || said->notice == NOTICE_SET_REFUSED;
    if (is_set) {
        if (!rep->job || rep->job->kind != JOBKIND_SET || is->answered) {
            return; /* a set inside a safe dialogue, or a second word about the same one */
        }
        is->answered = 1;
    }
    if (said->notice == NOTICE_SET_DONE || said->notice == NOTICE_LOCAL) {
        rig_note_held(r, inst, said->chan, said->value);
    }
    struct rig_event *e = push(r, kinds[said->notice], inst, rep->stamp);
    e->chan = said->chan;
    e->value = said->value;
    e->token = is_set ? rep->job->token : 0;
    memcpy(e->text, said->text, sizeof e->text);
    if (said->notice == NOTICE_IDENTIFIED) {
        memcpy(is->identity, said->text, sizeof is->identity);
    }
}

static void job_ended(struct rig *r, uint8_t inst, const struct bus_report *rep)
{
    struct rig_inst_state *is = &r->s.inst[inst];
    bool done = rep->kind == BUS_JOB_DONE;
    if (rep->job->kind == JOBKIND_SET && rep->job->token == RIG_WATCHDOG_TOKEN) {
        watchdog_said(r, rep->stamp, false);
        return;
    }
    switch ((enum job_kind)rep->job->kind) {
    case JOBKIND_POLL:
        if (done && is->mask) {
            struct rig_event *e = push(r, RIG_SAMPLES, inst, is->stamp);
            e->mask = is->mask;
            memcpy(e->sample, is->sample, sizeof e->sample);
            memcpy(e->quality, is->quality, sizeof e->quality);
        }
        is->mask = 0;
        return;
    case JOBKIND_SET:
        if (!is->answered) {
            struct rig_event *e = push(r, RIG_SET_FAILED, inst, rep->stamp);
            e->token = rep->job->token;
            e->chan = rep->job->chan;
            e->value = rep->job->value;
            memcpy(e->text, rep->text, sizeof e->text);
        }
        is->answered = 0;
        return;
    case JOBKIND_IDENTIFY:
    case JOBKIND_SAFE_OUTPUT:
    case JOBKIND_SAFE_ALL: {
        struct rig_event *e = push(r, done ? RIG_JOB_DONE : RIG_JOB_FAILED, inst, rep->stamp);
        e->token = rep->job->token;
        memcpy(e->text, rep->text, sizeof e->text);
        return;
    }
    }
}

static void on_report(void *owner, const struct bus_report *rep)
{
    struct rig_line *line = owner;
    struct rig *r = line->rig;
    uint8_t inst = line->inst[rep->inst];
    switch (rep->kind) {
    case BUS_SAMPLES:
        take_samples(r, inst, rep);
        for (uint16_t k = 0; k < rep->outcome->n_notices; k++) {
            take_notice(r, inst, rep, &rep->outcome->notice[k]);
        }
        return;
    case BUS_JOB_DONE:
    case BUS_JOB_FAILED:
        job_ended(r, inst, rep);
        return;
    case BUS_INST_LOST:
        rig_note_lost(r, inst);
        push(r, RIG_LOST, inst, rep->stamp);
        return;
    case BUS_INST_BACK: push(r, RIG_BACK, inst, rep->stamp); return;
    }
}

/* ---- Between bus and host ------------------------------------------------------------------------------------------------- */

static int line_send(void *link, nsec now, const uint8_t *p, size_t n)
{
    struct rig_line *line = link;
    host_send(&line->rig->host[line->bus], &line->rig->host_wiring[line->bus], now, p, n);
    return 0;
}

static void line_deliver(void *owner, nsec first_at, nsec at, const uint8_t *p, size_t n)
{
    struct rig_line *line = owner;
    bus_bytes(&line->rig->bus[line->bus], &line->rig->bus_wiring[line->bus], first_at, at, p, n);
}

/* ---- Opening ------------------------------------------------------------------------------------------------------------------ */

static bool ideal_errors(const struct bench *b)
{
    for (int s = 0; s < b->n_stations; s++) {
        if (b->world[s].errors == 1) {
            return true;
        }
    }
    return false;
}

/* Errors of one instrument: within its stated accuracy, most often well inside (a triangular draw). */
static struct emu_error draw_error(uint64_t seed, unsigned inst, bool ideal)
{
    struct rng rng;
    rng_seed(&rng, seed, 1000 + inst);
    struct emu_error e = {.ideal = ideal};
    e.gain = rng_uniform(&rng) - rng_uniform(&rng);
    e.offset = rng_uniform(&rng) - rng_uniform(&rng);
    if (ideal) {
        e.gain = e.offset = 0.0;
    }
    return e;
}

/* Modbus over TCP has its own frames; a line with a baud rate is a serial one, or a converter to one. */
static bool speaks_tcp(const struct bench *b, uint8_t bus)
{
    for (int i = 0; i < b->n_insts; i++) {
        if (b->inst[i].bus == bus) {
            return b->inst[i].driver->wire == WIRE_MODBUS && b->bus[bus].baud == 0;
        }
    }
    return false;
}

/* The emulator of one instrument goes on its line. */
static int open_emu(struct rig *r, int i, const struct wired *ports, uint64_t seed, struct diag *reterr)
{
    const struct bench *b = r->bench;
    const struct bench_inst *in = &b->inst[i];
    if (!in->emu) {
        return diag_at(reterr, E_UNSUPPORTED, &in->pos, "`%s` has no emulator", in->driver->name);
    }
    struct emu_param p = {.unit = in->unit, .addressed = in->addressed, .tcp = speaks_tcp(b, in->bus), .n_ports = ports->n, .serial = in->serial, .error = draw_error(seed, (unsigned)i, ideal_errors(b))};
    memcpy(p.ports, ports->port, sizeof p.ports);
    if (box_is(in)) {
        int e = box_model(b, i, &r->box[i], reterr);
        if (e < 0) {
            return e;
        }
        p.model = &r->box[i].model;
    } else {
        int e = twin_model(b, i, r->world, &r->twin[i], &p.model, reterr);
        if (e < 0) {
            return e;
        }
    }
    int slot = host_add(&r->host[in->bus], &r->host_wiring[in->bus], in->emu, &p, r->world, seed * 64 + (uint64_t)i, 0, reterr);
    return slot < 0 ? slot : 0;
}

/* The instrument goes on its bus. */
static int open_inst(struct rig *r, int i, struct diag *reterr)
{
    const struct bench *b = r->bench;
    const struct bench_inst *in = &b->inst[i];
    union {
        const struct inst *in;
        struct inst *out;
    } inst = {.in = &in->inst};
    int slot = bus_add(&r->bus[in->bus], &r->bus_wiring[in->bus], inst.out);
    if (slot < 0) {
        return diag_at(reterr, E_FULL, &in->pos, "bus `%s` is full", b->bus[in->bus].name);
    }
    r->line[in->bus].inst[slot] = (uint8_t)i;
    return 0;
}

/* What a line speaks, and how long its slowest instrument may be silent. */
static void wire_bus(struct rig *r, uint8_t k)
{
    const struct bench *b = r->bench;
    const struct bench_bus *bb = &b->bus[k];
    struct bus_wiring *w = &r->bus_wiring[k];
    r->line[k] = (struct rig_line){.rig = r, .bus = k};
    *w = (struct bus_wiring){.name = bb->name, .wire = WIRE_LINE, .line_end = "\n", .byte_ns = bb->baud ? 10 * NSEC_S / bb->baud : 0, .lost_after = nsec_from_s(bus_lost_after_s(b, k)),
                             .report = on_report, .owner = &r->line[k]};
    for (int i = 0; i < b->n_insts; i++) {
        if (b->inst[i].bus == k) {
            w->wire = b->inst[i].driver->wire;
            w->line_end = b->inst[i].driver->line_end;
        }
    }
    w->modbus_tcp = speaks_tcp(b, k);
    bus_init(&r->bus[k], w);
}

static int rig_begin(struct rig *r, const struct bench *b, bool buses, bool hosts, struct diag *reterr)
{
    memset(r, 0, sizeof *r);
    r->bench = b;
    r->speed = 1.0;
    r->bus = buses ? calloc(b->n_buses, sizeof *r->bus) : NULL;
    r->host = hosts ? calloc(b->n_buses, sizeof *r->host) : NULL;
    r->world = hosts ? calloc(1, sizeof *r->world) : NULL;
    if ((buses && !r->bus) || (hosts && (!r->host || !r->world))) {
        rig_close(r);
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    return 0;
}

/* Hosts, emulators and the world behind them. */
static int open_virtual(struct rig *r, uint64_t seed, struct diag *reterr)
{
    const struct bench *b = r->bench;
    if (!b->has_world) {
        return diag_add(reterr, E_UNSUPPORTED, "bench `%s` has no `world:`: nothing stands behind its instruments in a rehearsal", b->name);
    }
    if (seed == 0) {
        seed = b->n_stations ? (uint64_t)b->world[0].seed : 1;
    }
    for (uint8_t k = 0; k < b->n_buses; k++) {
        const struct bench_bus *bb = &b->bus[k];
        r->line[k].rig = r;
        r->line[k].bus = k;
        r->host_wiring[k] = (struct host_wiring){.tcp = bb->baud == 0, .deliver = line_deliver, .owner = &r->line[k]};
        host_init(&r->host[k], &r->host_wiring[k], bb->baud ? 10 * NSEC_S / bb->baud : 0);
    }
    struct wired ports[BENCH_INSTS_MAX] = {{0}};
    int e = rig_open_world(r, ports, reterr);
    for (int i = 0; i < b->n_insts && e == 0; i++) {
        e = open_emu(r, i, &ports[i], seed, reterr);
    }
    return e;
}

static int open_buses(struct rig *r, struct diag *reterr)
{
    const struct bench *b = r->bench;
    int e = 0;
    for (uint8_t k = 0; k < b->n_buses; k++) {
        wire_bus(r, k);
    }
    for (int i = 0; i < b->n_insts && e == 0; i++) {
        e = open_inst(r, i, reterr);
    }
    return e;
}

static void start_polls(struct rig *r)
{
    for (uint8_t i = 0; i < r->bench->n_insts; i++) {
        const struct bench_inst *in = &r->bench->inst[i];
        rig_poll(r, i, in->guards_bench ? in->poll_s * r->speed : in->poll_s);
    }
}

int rig_open(struct rig *r, const struct bench *b, uint64_t seed, struct diag *reterr)
{
    int e = rig_begin(r, b, true, true, reterr);
    e = e < 0 ? e : open_buses(r, reterr);
    e = e < 0 ? e : open_virtual(r, seed, reterr);
    if (e < 0) {
        rig_close(r);
        return e;
    }
    for (uint8_t k = 0; k < b->n_buses; k++) {
        r->bus_wiring[k].send = line_send;
        r->bus_wiring[k].link = &r->line[k];
    }
    start_polls(r);
    return 0;
}

int rig_emulate(struct rig *r, const struct bench *b, uint64_t seed, double speed, struct diag *reterr)
{
    int e = rig_begin(r, b, false, true, reterr);
    e = e < 0 ? e : open_virtual(r, seed, reterr);
    if (e < 0) {
        rig_close(r);
        return e;
    }
    /* A world clock that runs so much faster. */
    r->speed = speed;
    r->world->drift = (1.0 + r->world->drift) * speed - 1.0;
    return 0;
}

int rig_open_live(struct rig *r, const struct bench *b, struct live *live, const char *const *uris, double speed, struct diag *reterr)
{
    int e = rig_begin(r, b, true, false, reterr);
    r->speed = speed;
    e = e < 0 ? e : open_buses(r, reterr);
    if (e < 0) {
        rig_close(r);
        return e;
    }
    for (uint8_t k = 0; k < b->n_buses; k++) {
        enum link_kind kind = link_parse(uris[k], reterr);
        /* Modbus over a TCP socket has MBAP frames, unless the line has a baud rate: then the far end is a serial converter. */
        r->bus_wiring[k].modbus_tcp = r->bus_wiring[k].wire == WIRE_MODBUS && kind == LINK_TCP && b->bus[k].baud == 0;
        r->bus_wiring[k].byte_ns = kind == LINK_TCP ? 0 : r->bus_wiring[k].byte_ns;
        r->bus_wiring[k].send = live_send;
        r->bus_wiring[k].link = &live->line[k];
    }
    r->live = live;
    e = live_open(live, r, uris, 5.0, reterr);
    if (e < 0) {
        rig_close(r);
        return e;
    }
    r->s.now = live_now(live);
    start_polls(r);
    return 0;
}

void rig_close(struct rig *r)
{
    for (size_t k = 0; k < ARRAY_LEN(r->lib); k++) {
        modbus_lib_close(r->lib[k]);
    }
    free(r->bus);
    free(r->host);
    free(r->world);
    memset(r, 0, sizeof *r);
}

void rig_snap(struct rig *r, struct snap *snap)
{
    snap_add(snap, &r->s, sizeof r->s);
    snap_add(snap, r->bus, r->bench->n_buses * sizeof *r->bus);
    if (r->host) { /* real lines and a real world are not ours to put back */
        snap_add(snap, r->host, r->bench->n_buses * sizeof *r->host);
        snap_add(snap, r->world, sizeof *r->world);
    }
}

/* ---- Time ------------------------------------------------------------------------------------------------------------------------ */

nsec rig_due(const struct rig *r)
{
    nsec due = r->s.watchdog.on ? r->s.watchdog.next : NSEC_NEVER;
    for (uint8_t k = 0; k < r->bench->n_buses; k++) {
        nsec h = r->host ? host_due(&r->host[k], &r->host_wiring[k]) : NSEC_NEVER;
        nsec b = bus_due(&r->bus[k], &r->bus_wiring[k]);
        nsec first = h < b ? h : b;
        due = first < due ? first : due;
    }
    return due < r->s.now ? r->s.now : due;
}

static int submit(struct rig *r, uint8_t inst, struct job job);

/* One that is still under way is not overtaken. */
static void retrigger(struct rig *r)
{
    const struct bench_watchdog *w = &r->bench->watchdog;
    struct rig_watchdog *s = &r->s.watchdog;
    nsec period = nsec_from_s(w->period_s);
    s->next += period;
    s->next = s->next <= r->s.now ? r->s.now + period : s->next;
    if (s->waiting) {
        return;
    }
    struct job job = {.class = JOB_SET, .kind = JOBKIND_SET, .chan = w->chan, .value = 1.0, .token = RIG_WATCHDOG_TOKEN};
    if (submit(r, w->inst, job) == 0) {
        s->waiting = 1;
    } else { /* not identified yet, or the line is down */
        s->next = r->s.now + period / 4;
    }
}

void rig_watchdog_start(struct rig *r)
{
    if (r->bench->watchdog.there) {
        r->s.watchdog = (struct rig_watchdog){.on = 1, .next = r->s.now};
    }
}

void rig_watchdog_stop(struct rig *r)
{
    r->s.watchdog.on = 0;
}

void rig_advance(struct rig *r, nsec t)
{
    ASSERT(t >= r->s.now);
    r->s.now = t;
    if (r->s.watchdog.on && r->s.watchdog.next <= t) {
        retrigger(r);
    }
    for (uint8_t k = 0; k < r->bench->n_buses; k++) {
        if (r->host && host_due(&r->host[k], &r->host_wiring[k]) <= t) {
            host_work(&r->host[k], &r->host_wiring[k], t);
        }
        if (bus_due(&r->bus[k], &r->bus_wiring[k]) <= t) {
            bus_work(&r->bus[k], &r->bus_wiring[k], t);
        }
    }
}

void rig_wait(struct rig *r, nsec t)
{
    t = t < r->s.now ? r->s.now : t;
    if (r->live) {
        nsec now = live_wait(r->live, t);
        rig_advance(r, now > r->s.now ? now : r->s.now);
    } else if (rig_due(r) <= t) {
        rig_advance(r, t);
    } else {
        r->s.now = t;
    }
}

bool rig_take(struct rig *r, struct rig_event *ret)
{
    if (r->s.n == 0) {
        return false;
    }
    *ret = r->s.ring[r->s.head];
    r->s.head = (r->s.head + 1) % RIG_RING;
    r->s.n--;
    return true;
}

/* ---- Wishes ------------------------------------------------------------------------------------------------------------------------ */

static int submit(struct rig *r, uint8_t inst, struct job job)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    job.inst = in->slot;
    job.submitted_at = r->s.now;
    return bus_submit(&r->bus[in->bus], &r->bus_wiring[in->bus], r->s.now, &job);
}

int rig_set(struct rig *r, uint8_t inst, uint16_t chan, double value, uint32_t token)
{
    rig_note_asked(r, inst, chan, value);
    return submit(r, inst, (struct job){.class = JOB_SET, .kind = JOBKIND_SET, .chan = chan, .value = value, .token = token});
}

int rig_safe(struct rig *r, uint8_t inst, enum safe_want want, uint32_t token)
{
    return submit(r, inst, (struct job){.class = JOB_SAFE, .kind = want == SAFE_ALL ? JOBKIND_SAFE_ALL : JOBKIND_SAFE_OUTPUT, .token = token});
}

int rig_identify(struct rig *r, uint8_t inst, uint32_t token)
{
    return submit(r, inst, (struct job){.class = JOB_PROBE, .kind = JOBKIND_IDENTIFY, .token = token});
}

void rig_poll(struct rig *r, uint8_t inst, double period_s)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    bus_poll_period(&r->bus[in->bus], in->slot, nsec_from_s(period_s / r->speed), r->s.now);
}

void rig_drop_sets(struct rig *r, uint8_t inst)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    bus_drop_sets(&r->bus[in->bus], &r->bus_wiring[in->bus], r->s.now, in->slot);
}

/* ---- Waiting ---------------------------------------------------------------------------------------------------------------------------- */

int rig_wait_identified(struct rig *r, double max_s, struct diag *reterr)
{
    const struct bench *b = r->bench;
    bool seen[BENCH_INSTS_MAX] = {false};
    for (uint8_t i = 0; i < b->n_insts; i++) {
        int e = rig_identify(r, i, 0);
        if (e < 0) {
            return diag_add(reterr, e, "cannot ask `%s` who it is: %s", b->inst[i].name, err_text(e));
        }
    }
    nsec end = r->s.now + nsec_from_s(max_s);
    int left = b->n_insts;
    while (left > 0) {
        nsec t = rig_due(r);
        if (t > end) {
            break;
        }
        rig_wait(r, t);
        struct rig_event e;
        while (rig_take(r, &e)) {
            if (e.kind == RIG_WRONG) {
                return diag_add(reterr, E_MISMATCH, "`%s` is not the instrument of the bench file: %s", b->inst[e.inst].name, e.text);
            }
            if (e.kind == RIG_IDENTIFIED && !seen[e.inst]) {
                seen[e.inst] = true;
                left--;
            }
        }
    }
    for (int i = 0; i < b->n_insts; i++) {
        if (!seen[i]) {
            return diag_add(reterr, E_TIMEOUT, "`%s` (%s) on bus `%s` does not answer", b->inst[i].name, b->inst[i].driver->name, b->bus[b->inst[i].bus].name);
        }
    }
    return 0;
}
