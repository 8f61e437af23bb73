/* tests/support/pair_stage.c - see pair_stage.h. */
#include "tests/support/pair_stage.h"

#include "base/str.h"
#include "drivers/bus/modbus_lib.h"
#include "tests/support/pair_fixture.h"

#include <string.h>

bool stage_is_box(const struct stage *s)
{
    return strcmp(s->driver->name, "generic-modbus") == 0;
}

bool stage_energized(const struct stage *s, int unit)
{
    return s->emu->energized(s->rig.host.state[unit]);
}

/* ---- The line ---- */

static nsec draw_lateness(struct stage *s)
{
    const struct driver *d = s->driver;
    uint32_t most_ms[] = {60, d->timeout_ms, d->timeout_ms + d->late_ms,
                          3 * (d->timeout_ms + d->late_ms)};

    return (nsec)rng_below(&s->rng, most_ms[rng_below(&s->rng, 4)] * 1000) * (NSEC_MS / 1000);
}

/* A bit that flips in a Modbus TCP frame is TCP's to notice: nothing in the frame tells. */
static enum line_fault draw_kind(struct stage *s)
{
    enum line_fault f;

    do {
        f = (enum line_fault)(1 + rng_below(&s->rng, LINE_COUNT - 1));
    } while (f == LINE_GARBLED && s->tcp);
    return f;
}

/* An Alicat's line begins with its letter, but for the "?" with which it refuses. */
static bool takes_address(const struct stage *s)
{
    return s->driver->wire == WIRE_MODBUS ||
           (strncmp(s->driver->name, "alicat", 6) == 0 && s->mind[0] == FAULT_NONE &&
            s->mind[s->n_units - 1] == FAULT_NONE);
}

/* No reply with this fault may be taken for a good one. */
static bool is_deadly(const struct stage *s, enum line_fault f)
{
    switch (f) {
    case LINE_LOST:
    case LINE_DOWN:
    case LINE_CUT:
    case LINE_GARBLED: return true;
    case LINE_WRONG_UNIT: return takes_address(s);
    case LINE_WRONG_FUNCTION:
    case LINE_WRONG_LENGTH: return s->driver->wire == WIRE_MODBUS;
    case LINE_NONE:
    case LINE_LATE:
    case LINE_DUPLICATED:
    case LINE_SPLIT:
    case LINE_NOISE:
    case LINE_COUNT: break;
    }
    return false;
}

static bool fault_has(const struct host_fault *f, enum line_fault kind)
{
    return f->kind == kind || (f->also & 1U << kind) != 0;
}

/* A TCP stream may end anywhere, but has no holes that more bytes would fill. */
static bool has_hole(const struct stage *s, const struct host_fault *f, enum line_fault also)
{
    return s->tcp && ((also == LINE_CUT && fault_has(f, LINE_DUPLICATED)) ||
                      (also == LINE_DUPLICATED && fault_has(f, LINE_CUT)));
}

/* A fault that lies in wait counts when its reply has come: some requests have none. */
static void count_hit(struct stage *s)
{
    const struct host_fault *f = &s->armed;
    unsigned n = 0;

    for (int k = 1; k < LINE_COUNT; k++) {
        if (!fault_has(f, (enum line_fault)k) || (s->rig.host.hits == s->hits && k != LINE_DOWN))
            continue;
        s->stats->kinds[k]++;
        n++;
    }
    s->stats->spoilt += n > 0;
    s->stats->two += n > 1;
    s->armed = (struct host_fault){.kind = LINE_NONE};
    s->hits = s->rig.host.hits;
}

static void draw_fault(struct stage *s, struct host_fault *ret)
{
    ret->kind = (uint8_t)draw_kind(s);
    ret->emu = 255;
    ret->left = 1;
    ret->salt = rng_u64(&s->rng);
    ret->late_by = draw_lateness(s);
    for (int n = 1; ret->kind != LINE_DOWN && n < 3 && rng_below(&s->rng, 3) == 0; n++) {
        enum line_fault also = draw_kind(s);

        if (also != LINE_DOWN && !fault_has(ret, also) && !has_hole(s, ret, also))
            ret->also |= 1U << also;
    }
}

static void spoil_next(struct stage *s)
{
    count_hit(s);
    if (s->next.kind != LINE_NONE)
        s->armed = s->next;
    else if (rng_below(&s->rng, 100) < s->often)
        draw_fault(s, &s->armed);
    s->next.kind = LINE_NONE;
    s->mute = false;
    for (int k = 1; k < LINE_COUNT; k++)
        s->mute = s->mute ||
                  (fault_has(&s->armed, (enum line_fault)k) && is_deadly(s, (enum line_fault)k));
    host_fault(&s->rig.host, &s->armed);
}

static void on_send(struct rig *r, nsec now, const uint8_t *p, size_t n)
{
    struct stage *s = r->user;
    const struct driver *d = s->driver;

    (void)p;
    (void)n;
    if (r->host.line_free_at > s->asked_at + (d->timeout_ms + d->late_ms) * NSEC_MS)
        s->overdue_until = r->host.line_free_at;
    if (d->wire == WIRE_MODBUS && s->n_units > 1 && fault_has(&r->host.fault, LINE_WRONG_UNIT))
        s->foreign_until = s->overdue_until;
    s->asked_at = now;
    s->epoch++;
    s->stats->exchanges++;
    spoil_next(s);
    for (int i = 0; i < s->n_units && stage_is_box(s); i++)
        truth_box_move(s, i);
}

/* ---- Setting up ---- */

/* Opened once for each framing of a process, and used again: what a dialogue left in it must not
 * matter to the next. */
static struct modbus_lib *lib_for(bool tcp)
{
    static struct modbus_lib *libs[2];

    if (!libs[tcp])
        RIG_CHECK(modbus_lib_open(tcp, &libs[tcp], NULL) == 0);
    return libs[tcp];
}

static void choose_way(struct stage *s)
{
    bool modbus = s->driver->wire == WIRE_MODBUS;
    bool tcp_too = strcmp(s->driver->name, "pavone-dat1400") != 0; /* it has a serial line alone */
    uint32_t framing = rng_below(&s->rng, modbus && tcp_too ? 3 : 2);
    bool serial = framing == 0 && s->driver->baud > 0;

    rig_init(&s->rig, serial ? 10 * NSEC_S / s->driver->baud : 0);
    if (!serial)
        s->rig.host_w.byte_ns = NSEC_MS / 1000; /* the step is taken before the request arrives */
    s->tcp = framing == 2;
    s->rig.bus_w.modbus_tcp = s->tcp;
    s->rig.host_w.tcp = s->tcp;
    if (modbus && rng_below(&s->rng, 2))
        s->rig.bus_w.lib = lib_for(s->tcp);
}

static void add_unit(struct stage *s, int i, bool shared)
{
    struct emu_param p = {.addressed = shared, .tcp = s->tcp, .n_ports = s->emu->n_ports};
    uint16_t unit = (uint16_t)((strncmp(s->driver->name, "alicat", 6) == 0 ? 'A' : 1) + i);

    for (uint16_t k = 0; k < p.n_ports; k++)
        p.ports[k] = (uint16_t)(i * EMU_PORTS_MAX + k);
    p.model = pair_model(s->driver);
    p.error.ideal = s->ideal;
    p.error.gain = 2 * rng_uniform(&s->rng) - 1;
    p.error.offset = 2 * rng_uniform(&s->rng) - 1;
    s->rig.host_w.env[i].drive = truth_takes;
    s->rig.host_w.env[i].sense = truth_shows;
    RIG_CHECK(rig_add(&s->rig, s->driver, s->emu, unit, &p, s) == i);
}

void stage_begin(struct stage *s, const struct driver *d, uint64_t seed, struct stage_stats *stats)
{
    bool shares = d->wire == WIRE_MODBUS || d->baud > 0;

    memset(s, 0, sizeof(*s));
    RIG_CHECK(str_fmt(rig_story, sizeof(rig_story), " (%s:%llu)", d->name,
                      (unsigned long long)seed) == 0);
    rng_seed(&s->rng, seed, 1);
    s->driver = d;
    s->emu = emu_find(d->name);
    s->seed = seed;
    s->stats = stats;
    s->ideal = rng_below(&s->rng, 2) == 0;
    s->n_units = shares && rng_below(&s->rng, 2) ? 2 : 1;
    choose_way(s);
    s->rig.rows = PAIR_ROWS;
    s->rig.user = s;
    s->rig.on_send = on_send;
    s->rig.on_report = judge_report;
    for (int i = 0; i < s->n_units; i++)
        for (int k = 0; k < CHANNELS_MAX; k++)
            s->done[i][k] = (double)NAN;
    for (int i = 0; i < s->n_units; i++)
        s->mind_at[i] = s->polled_at[i] = -1;
    for (int i = 0; i < s->n_units; i++)
        add_unit(s, i, s->n_units > 1);
    stats->dialogues++;
}

/* ---- Faults of the mind ---- */

void stage_mind(struct stage *s, int unit, enum emu_fault f)
{
    struct rig *r = &s->rig;

    if (s->mind[unit] != FAULT_NONE)
        host_mind_fault(&r->host, &r->host_w, (uint8_t)unit, r->now, s->mind[unit], false);
    s->mind[unit] = f == FAULT_REBOOT ? FAULT_NONE : f;
    s->mind_at[unit] = r->now;
    s->moved[unit] = false;
    if (f == FAULT_NONE)
        return;
    host_mind_fault(&r->host, &r->host_w, (uint8_t)unit, r->now, f, true);
    s->stats->minds[f]++;
}

void stage_heal(struct stage *s)
{
    s->often = 0;
    s->mute = false;
    count_hit(s);
    host_fault(&s->rig.host, NULL);
    for (int i = 0; i < s->n_units; i++)
        stage_mind(s, i, FAULT_NONE);
}
