/* benchctl/emu_watch.c - see emu_watch.h. */
#include "benchctl/emu_watch.h"

#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Below this nothing flows, whatever flowed before. */
static const double least_a = 1e-9;

static void put_number(FILE *to, double v)
{
    char text[40];
    str_from_double(v, text, sizeof text);
    fprintf(to, " %s", text);
}

static void put_time(const struct emu_watch *w, FILE *to, nsec now)
{
    nsec t = w->origin + now;
    fprintf(to, "%lld.%06lld", (long long)(t / NSEC_S), (long long)(t % NSEC_S / 1000));
}

static void put_line(const struct emu_watch *w, uint8_t i, nsec now, const char *what, const struct port_sense *s)
{
    const struct world_station *st = &w->rig->world->station[w->rig->world->port[w->inst[i].port].station];
    put_time(w, w->watch, now);
    fprintf(w->watch, " %s %s %s", w->rig->bench->inst[i].name, what, w->inst[i].flowing ? "flows" : "still");
    put_number(w->watch, s->current_a);
    put_number(w->watch, s->voltage_v);
    put_number(w->watch, st->voltage_low_v);
    put_number(w->watch, st->voltage_peak_v);
    put_number(w->watch, w->inst[i].most_a);
    fputc('\n', w->watch);
    fflush(w->watch);
}

static void sense(const struct emu_watch *w, uint8_t i, nsec now, struct port_sense *ret)
{
    now = now < w->rig->world->now ? w->rig->world->now : now;
    world_sense(w->rig->world, w->inst[i].port, now, ret);
}

static void worked(void *ctx, nsec now)
{
    struct emu_watch *w = ctx;
    for (uint8_t i = 0; i < w->rig->bench->n_insts; i++) {
        struct emu_watched *in = &w->inst[i];
        if (!in->source) {
            continue;
        }
        struct port_sense s;
        sense(w, i, now, &s);
        bool on = rig_energized(w->rig, i);
        if (on && !in->on) {
            in->most_a = in->told_a = 0.0;
        }
        in->most_a = fmax(in->most_a, fabs(s.current_a));
        bool flowing = fabs(s.current_a) > fmax(0.01 * in->most_a, least_a);
        bool grown = in->most_a > fmax(10.0 * in->told_a, least_a);
        if (on != in->on || flowing != in->flowing || grown) {
            in->told_a = in->most_a;
            in->on = on;
            in->flowing = flowing;
            put_line(w, i, now, on ? "on" : "off", &s);
        }
    }
}

static void heard(void *ctx, unsigned line, nsec now, const uint8_t *p, size_t n)
{
    struct emu_watch *w = ctx;
    put_time(w, w->trace, now);
    fprintf(w->trace, " %s ", w->rig->bench->bus[line].name);
    for (size_t k = 0; k < n; k++) {
        if (p[k] > ' ' && p[k] < 0x7F && p[k] != '\\') {
            fputc(p[k], w->trace);
        } else {
            fprintf(w->trace, "\\x%02x", p[k]);
        }
    }
    fputc('\n', w->trace);
    fflush(w->trace);
}

void emu_watch_hand(const struct emu_watch *w, nsec now, const char *words)
{
    if (w->watch) {
        put_time(w, w->watch, now);
        fprintf(w->watch, " hand %s\n", words);
        fflush(w->watch);
    }
}

static int open_file(const char *path, FILE **ret, struct diag *reterr)
{
    *ret = path ? fopen(path, "we") : NULL;
    return path && !*ret ? diag_add(reterr, E_IO, "cannot write %s: %s", path, strerror(errno)) : 0;
}

int emu_watch_open(struct emu_watch *w, struct rig *r, struct serve *serve, const char *watch, const char *trace, struct diag *reterr)
{
    memset(w, 0, sizeof *w);
    w->rig = r;
    w->origin = serve->origin;
    for (uint8_t i = 0; i < r->bench->n_insts; i++) {
        const struct bench_inst *in = &r->bench->inst[i];
        w->inst[i].source = in->emu && in->emu->energized && in->emu->n_ports > 0 && in->emu->ports[0] == PORT_SOURCE;
        w->inst[i].port = r->host_wiring[in->bus].param[in->slot].ports[0];
    }
    int e = open_file(watch, &w->watch, reterr);
    e = e < 0 ? e : open_file(trace, &w->trace, reterr);
    serve->ctx = w;
    serve->worked = w->watch ? worked : NULL;
    serve->heard = w->trace ? heard : NULL;
    return e;
}

void emu_watch_close(struct emu_watch *w, nsec now)
{
    for (uint8_t i = 0; w->watch && i < w->rig->bench->n_insts; i++) {
        if (w->inst[i].source) {
            struct port_sense s;
            sense(w, i, now, &s);
            put_line(w, i, now, "end", &s);
        }
    }
    if (w->watch) {
        fclose(w->watch);
    }
    if (w->trace) {
        fclose(w->trace);
    }
}
