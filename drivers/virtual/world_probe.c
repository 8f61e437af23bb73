/* drivers/virtual/world_probe.c - measuring points of the world, as a meter's own wires see them.
 */
#include "base/err.h"
#include "drivers/virtual/world.h"

#include <math.h>

static bool is_there(const struct world *w, const struct world_probe *probe)
{
    switch ((enum probe_kind)probe->kind) {
    case PROBE_VOLTAGE:
    case PROBE_TEMPERATURE: return probe->of < w->n_stations && probe->index > 0;
    case PROBE_AIR: return probe->of < w->n_chambers;
    case PROBE_AMBIENT:
    case PROBE_FIXED: return true;
    }
    return false;
}

/* Member by member: worlds are compared byte for byte. */
int world_add_probe(struct world *w, const struct world_probe *probe)
{
    if (!is_there(w, probe))
        return E_NOENT;
    if (w->n_ports >= WORLD_PORTS_MAX)
        return E_FULL;
    struct world_port *p = &w->port[w->n_ports];
    p->kind = PORT_PROBE;
    p->used = 1;
    p->probe.value = probe->value;
    p->probe.kind = probe->kind;
    p->probe.of = probe->of;
    p->probe.index = probe->index;
    return w->n_ports++;
}

double world_probe(struct world *w, uint16_t port, nsec now)
{
    ASSERT(port < w->n_ports && w->port[port].kind == PORT_PROBE);
    const struct world_probe *p = &w->port[port].probe;
    world_advance(w, now);
    switch ((enum probe_kind)p->kind) {
    case PROBE_VOLTAGE: return world_group_v(w, p->of, p->index);
    case PROBE_TEMPERATURE: return world_place_k(w, p->of, p->index);
    case PROBE_AIR: return w->chamber[p->of].state.air_k;
    case PROBE_AMBIENT: return w->ambient_k;
    case PROBE_FIXED: return p->value;
    }
    return (double)NAN;
}
