/* benchctl/live.c - see live.h. */
#include "benchctl/live.h"

#include "base/str.h"
#include "benchctl/rig.h"

#include <stdlib.h>
#include <string.h>

nsec live_now(const struct live *l)
{
    return clock_mono(&l->clock);
}

/* ---- Lines ------------------------------------------------------------------------------------------------------------------ */

static void line_ready(void *ctx, unsigned what);

static void line_lost(struct live_line *line)
{
    struct live *l = line->live;
    struct rig *r = l->rig;
    if (line->link.fd >= 0) {
        loop_remove(&l->loop, line->link.fd);
        link_close(&line->link);
    }
    static const unsigned waits_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 30000};
    unsigned k = line->tries < ARRAY_LEN(waits_ms) ? line->tries : (unsigned)ARRAY_LEN(waits_ms) - 1;
    line->tries++;
    line->retry_at = live_now(l) + waits_ms[k] * NSEC_MS;
    if (line->up) {
        line->up = false;
        line->losses++;
        (void)!guardian_line(&l->guardian, line->bus, -1);
        bus_link(&r->bus[line->bus], &r->bus_wiring[line->bus], live_now(l), false);
    }
}

static void line_up(struct live_line *line)
{
    struct live *l = line->live;
    line->up = true;
    line->tries = 0;
    line->retry_at = NSEC_NEVER;
    link_drain(&line->link);
    (void)!guardian_line(&l->guardian, line->bus, line->link.fd);
    bus_link(&l->rig->bus[line->bus], &l->rig->bus_wiring[line->bus], live_now(l), true);
}

static int line_open(struct live_line *line, struct diag *reterr)
{
    struct live *l = line->live;
    int r = link_open(&line->link, line->uri, &line->conf, reterr);
    if (r < 0) {
        line_lost(line);
        return r;
    }
    r = loop_add(&l->loop, line->link.fd, line->link.connecting ? LOOP_WRITE : LOOP_READ, line_ready, line);
    if (r < 0) {
        link_close(&line->link);
        return diag_add(reterr, r, "too many lines");
    }
    line->retry_at = NSEC_NEVER;
    if (!line->link.connecting) {
        line_up(line);
    }
    return 0;
}

static void line_read(struct live_line *line)
{
    struct live *l = line->live;
    uint8_t buf[1024];
    for (int k = 0; k < 16; k++) { /* bounded: one babbling line does not starve the others */
        int n = link_read(&line->link, buf, sizeof buf);
        if (n < 0) {
            line_lost(line);
            return;
        }
        if (n == 0) {
            return;
        }
        /* Adapters and kernels hand over many bytes at once, and sooner than the line could have carried them: none of them began before the request. */
        nsec now = live_now(l), first_at = now - (nsec)(n - 1) * l->rig->bus_wiring[line->bus].byte_ns;
        first_at = first_at < line->sent_at ? line->sent_at : first_at;
        bus_bytes(&l->rig->bus[line->bus], &l->rig->bus_wiring[line->bus], first_at, now, buf, (size_t)n);
    }
}

/* What is there before a request goes out is no answer to it, whatever it looks like: the bus is told that it began earlier. */
static void read_stale(struct live_line *line, nsec now)
{
    struct rig *r = line->live->rig;
    uint8_t buf[1024];
    int n = 1;
    for (int k = 0; k < 16 && n > 0; k++) {
        n = link_read(&line->link, buf, sizeof buf);
        if (n > 0) {
            bus_bytes(&r->bus[line->bus], &r->bus_wiring[line->bus], now - 1, now, buf, (size_t)n);
        }
    }
}

static void line_ready(void *ctx, unsigned what)
{
    struct live_line *line = ctx;
    if (line->link.connecting) {
        if (link_connected(&line->link) < 0) {
            line_lost(line);
        } else if (loop_change(&line->live->loop, line->link.fd, LOOP_READ) < 0) {
            line_lost(line);
        } else {
            line_up(line);
        }
        return;
    }
    if (what & LOOP_READ) {
        line_read(line);
    }
    if ((what & LOOP_HUP) && line->link.fd >= 0) {
        line_lost(line);
    }
}

int live_send(void *link, nsec now, const uint8_t *p, size_t n)
{
    struct live_line *line = link;
    struct live *l = line->live;
    if (!line->up) {
        return E_LOST;
    }
    read_stale(line, now);
    line->sent_at = live_now(l);
    guardian_busy(&l->guardian, line->bus, (nsec)n * l->rig->bus_wiring[line->bus].byte_ns);
    line->link.progress = guardian_flight(&l->guardian, line->bus, p, n);
    int r = link_send(&line->link, p, n);
    (void)guardian_flight(&l->guardian, line->bus, NULL, 0);
    if (r < 0) {
        line->retry_at = live_now(l); /* closed by live_wait: the bus is in the middle of its work */
        line->up = false;
        line->losses++;
    }
    return r < 0 ? E_LOST : 0;
}

/* ---- Opening and waiting ------------------------------------------------------------------------------------------------------ */

static bool all_up(const struct live *l)
{
    for (unsigned k = 0; k < l->n; k++) {
        if (!l->line[k].up) {
            return false;
        }
    }
    return true;
}

int live_open(struct live *l, struct rig *r, const char *const *uris, double wait_s, struct diag *reterr)
{
    memset(l, 0, sizeof *l);
    l->rig = r;
    l->wake_fd = -1;
    l->guardian.socket = -1;
    clock_init_os(&l->clock);
    int e = loop_open(&l->loop, reterr);
    if (e < 0) {
        return e;
    }
    const struct bench *b = r->bench;
    for (uint8_t k = 0; k < b->n_buses; k++) {
        struct live_line *line = &l->line[l->n++];
        *line = (struct live_line){.live = l, .bus = k, .link = {.fd = -1}, .conf = {.baud = b->bus[k].baud, .parity = b->bus[k].parity}, .retry_at = NSEC_NEVER};
        if (!str_copy(line->uri, sizeof line->uri, uris[k]) || link_parse(uris[k], reterr) == LINK_NONE) {
            live_close(l);
            return diag_add(reterr, E_INVALID, "bus `%s`: `%s` is not a link", b->bus[k].name, uris[k]);
        }
        if (r->bus_wiring[k].wire == WIRE_MODBUS) {
            e = modbus_lib_open(r->bus_wiring[k].modbus_tcp, &line->lib, reterr);
            r->bus_wiring[k].lib = line->lib;
        }
        if (e < 0) {
            live_close(l);
            return e;
        }
        struct diag first;
        diag_init(&first);
        (void)!line_open(line, &first);
    }
    nsec end = live_now(l) + nsec_from_s(wait_s);
    while (!all_up(l) && live_now(l) < end) {
        nsec due = live_due(l);
        live_wait(l, due < end ? due : end);
    }
    for (unsigned k = 0; k < l->n; k++) {
        if (!l->line[k].up) {
            struct diag why;
            diag_init(&why);
            (void)!link_open(&l->line[k].link, l->line[k].uri, &l->line[k].conf, &why);
            diag_add(reterr, E_LOST, "bus `%s` cannot be opened: %s", b->bus[k].name, why.n ? why.finding[0].text : l->line[k].uri);
            live_close(l);
            return E_LOST;
        }
    }
    return 0;
}

static void woken(void *ctx, unsigned what)
{
    struct live *l = ctx;
    (void)what;
    l->woken = true; /* the owner looks after each wait; reading is the store's */
}

int live_watch(struct live *l, int fd)
{
    l->wake_fd = fd;
    return loop_add(&l->loop, fd, LOOP_READ, woken, l);
}

void live_close(struct live *l)
{
    if (!l->rig) {
        return; /* never opened, or closed already */
    }
    guardian_goodbye(&l->guardian);
    for (unsigned k = 0; k < l->n; k++) {
        if (l->line[k].link.fd >= 0) {
            loop_remove(&l->loop, l->line[k].link.fd);
            link_close(&l->line[k].link);
        }
        modbus_lib_close(l->line[k].lib);
    }
    loop_close(&l->loop);
    memset(l, 0, sizeof *l);
    l->guardian.socket = -1;
}

nsec live_due(const struct live *l)
{
    nsec due = NSEC_NEVER;
    for (unsigned k = 0; k < l->n; k++) {
        due = l->line[k].retry_at < due ? l->line[k].retry_at : due;
    }
    return due;
}

nsec live_wait(struct live *l, nsec until)
{
    /* A controller in its own debugger or under a stopped terminal is a hung one: the beat is at most a fifth of the guardian's patience apart. */
    nsec now = live_now(l), beat = now + GUARDIAN_HANG_MS / 5 * NSEC_MS;
    guardian_beat(&l->guardian);
    nsec t = until < beat ? until : beat;
    t = live_due(l) < t ? live_due(l) : t;
    (void)!loop_wait(&l->loop, clock_os(&l->clock, t));
    now = live_now(l);
    if (now > until) {
        nsec late = now - until;
        l->lateness_max = late > l->lateness_max ? late : l->lateness_max;
        l->lateness_sum += late;
        l->waits++;
    }
    for (unsigned k = 0; k < l->n; k++) {
        struct live_line *line = &l->line[k];
        if (line->retry_at > now) {
            continue;
        }
        if (line->link.fd >= 0) { /* lost while sending */
            line->up = true;
            line->losses--;
            line_lost(line);
        } else {
            struct diag d;
            diag_init(&d);
            (void)!line_open(line, &d);
        }
    }
    return live_now(l);
}

/* ---- The guardian's cards --------------------------------------------------------------------------------------------------------- */

static void add_card(struct live *l, struct guard_set *set, const struct safe_action *a, bool first)
{
    const struct bench *b = l->rig->bench;
    const struct bench_inst *in = &b->inst[a->inst];
    struct bus *bus = &l->rig->bus[in->bus];
    if (set->n == GUARD_CARDS_MAX || a->kind == ACTION_KEEP || bus->inst[in->slot].wrong) {
        return;
    }
    static struct plan plan; /* too big for a frame; one thread */
    plan.n = 0;
    plan.overflow = false;
    union {
        const struct inst *in;
        struct inst *out;
    } inst = {.in = &in->inst};
    int r = a->kind == ACTION_SET || a->kind == ACTION_RAMP ? in->driver->plan_set(inst.in, a->chan, a->value, &plan)
                                                            : in->driver->plan_safe(inst.in, a->kind == ACTION_SAFE ? SAFE_ALL : SAFE_OUTPUT_OFF, &plan);
    if (r < 0) {
        return;
    }
    struct guard_card *c = &set->card[set->n];
    memset(c, 0, sizeof *c);
    (void)str_copy(c->name, sizeof c->name, in->name);
    c->line = in->bus;
    c->first = first;
    c->timeout_ms = in->driver->timeout_ms;
    c->gap_ms = in->driver->gap_ms;
    ASSERT(plan.n <= GUARD_FRAMES_MAX && !plan.overflow); /* half a sequence would be told as a whole one */
    for (uint16_t k = 0; k < plan.n; k++) {
        struct guard_frame *f = &c->frame[c->n++];
        int n = bus_frame_request(bus, &l->rig->bus_wiring[in->bus], &plan.x[k], f->bytes, sizeof f->bytes);
        ASSERT(n > 0);
        f->n = (uint16_t)n;
        f->no_reply = plan.x[k].no_reply;
    }
    set->n++;
}

void live_cards(struct live *l, unsigned stations)
{
    struct guard_page *p = l->guardian.page;
    if (!p) {
        return;
    }
    const struct bench *b = l->rig->bench;
    struct guard_set *set = guardian_cards_begin(&l->guardian);
    for (unsigned k = 0; k < l->n && k < GUARD_LINES_MAX; k++) {
        struct guard_line *g = &p->line[k];
        (void)str_copy(g->name, sizeof g->name, b->bus[k].name);
        g->modbus = l->rig->bus_wiring[k].wire == WIRE_MODBUS;
        g->fn_at = l->rig->bus_wiring[k].modbus_tcp ? 7 : 1;
        if (!g->modbus && l->rig->bus_wiring[k].line_end) {
            (void)str_copy(g->line_end, sizeof g->line_end, l->rig->bus_wiring[k].line_end);
        }
    }
    for (int station = 0; station < b->n_stations; station++) {
        const struct safe_rule *rule = stations & 1U << station ? safe_rule_for(b, station, SAFE_ANY) : NULL;
        for (uint8_t k = 0; rule && k < rule->n; k++) {
            add_card(l, set, &rule->action[k], rule->action[k].inst == b->station[station].cycler);
        }
    }
    for (uint8_t r = 0; r < b->n_rules; r++) { /* our death is the end of all */
        for (uint8_t k = 0; k < b->rule[r].n && b->rule[r].station < 0 && b->rule[r].when_all_ended; k++) {
            add_card(l, set, &b->rule[r].action[k], false);
        }
    }
    guardian_cards_end(&l->guardian);
}

/* ---- Links files --------------------------------------------------------------------------------------------------------------------- */

int links_load(const char *path, struct links *ret, struct diag *reterr)
{
    char *text;
    size_t n;
    int r = file_read(path, 1U << 16, &text, &n);
    if (r < 0) {
        return diag_add(reterr, r, "%s: %s", path, err_text(r));
    }
    ret->n = 0;
    int line = 0;
    for (char *at = text; *at && r == 0;) {
        char *end = strchr(at, '\n');
        size_t len = end ? (size_t)(end - at) : strlen(at);
        const char *blank = memchr(at, ' ', len);
        line++;
        if (len > 0 && at[0] != '#') {
            size_t name = blank ? (size_t)(blank - at) : 0, uri = blank ? len - name - 1 : 0;
            if (name == 0 || uri == 0 || name >= sizeof ret->bus[0] || uri >= sizeof ret->uri[0] || ret->n == LIVE_LINES_MAX) {
                r = diag_add(reterr, E_SYNTAX, "%s:%d: a line reads `BUS LINK`", path, line);
                break;
            }
            memcpy(ret->bus[ret->n], at, name);
            ret->bus[ret->n][name] = '\0';
            memcpy(ret->uri[ret->n], blank + 1, uri);
            ret->uri[ret->n][uri] = '\0';
            ret->n++;
        }
        at += len + (end != NULL);
    }
    free(text);
    return r;
}

const char *links_find(const struct links *l, const char *bus)
{
    for (unsigned k = 0; k < l->n; k++) {
        if (strcmp(l->bus[k], bus) == 0) {
            return l->uri[k];
        }
    }
    return NULL;
}
