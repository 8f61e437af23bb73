/* procedures/engine/derive.c - what is found once from the program, so that a sample costs little.
 */
#include "procedures/engine/run_priv.h"

static uint64_t guard_groups(const struct program *p, uint16_t g)
{
    const struct guard *gd = &p->guards[g];
    uint64_t chans = expr_chans(p, gd->value), groups = p->exprs[gd->value].groups;

    if (gd->where != PROG_NONE) {
        chans |= expr_chans(p, gd->where);
        groups |= p->exprs[gd->where].groups;
    }
    for (chan_id c = 0; c < p->station.n_chans; c++)
        if ((chans >> c & 1u) != 0 && p->station.chan[c].group < p->station.n_groups)
            groups |= UINT64_C(1) << p->station.chan[c].group;
    return groups;
}

/* Reads voltage or current as the cycler measures it, be it only to know whether it counts: while the
 * output is off neither is known, and no current flows. */
static bool is_electrical_guard(const struct run *r, const struct program *p, uint16_t g)
{
    uint64_t chans = expr_chans(p, p->guards[g].value);

    if (p->guards[g].where != PROG_NONE)
        chans |= expr_chans(p, p->guards[g].where);
    for (chan_id c = 0; c < p->station.n_chans; c++) {
        const struct station_chan *s = &p->station.chan[c];

        if ((chans >> c & 1u) != 0 &&
            (s->group == r->derived.cycler_group || s->group == r->derived.model_group) &&
            (s->kind == KIND_VOLTAGE_V || s->kind == KIND_CURRENT_A || s->kind == KIND_POWER_W))
            return true;
    }
    return false;
}

static void derive_guards(struct run *r, const struct program *p)
{
    for (uint16_t g = 0; g < p->n_guards; g++) {
        uint64_t groups = guard_groups(p, g);

        r->derived.guarded_groups |= (uint32_t)groups;
        if (is_electrical_guard(r, p, g))
            r->derived.guards_electrical |= UINT64_C(1) << g;
        for (uint16_t k = 0; k < p->station.n_groups; k++)
            if (groups >> k & 1u)
                r->derived.guards_of[k] |= UINT64_C(1) << g;
    }
}

static void derive_windows(struct run *r, const struct program *p)
{
    uint32_t keep = 0;

    for (uint16_t g = 0; g < p->n_guards; g++) {
        keep |= expr_windows(p, p->guards[g].value);
        if (p->guards[g].where != PROG_NONE)
            keep |= expr_windows(p, p->guards[g].where);
    }
    for (uint16_t w = 0; w < p->n_watches; w++)
        keep |= expr_windows(p, p->watches[w].when);
    for (uint16_t b = 0; b < p->n_blocks; b++)
        if (p->blocks[b].stop_when != PROG_NONE)
            keep |= expr_windows(p, p->blocks[b].stop_when);
    for (uint16_t w = 0; w < p->n_windows; w++) {
        uint64_t chans = expr_chans(p, p->windows[w].expr);

        if ((keep >> w & 1u) == 0 || p->windows[w].over_step)
            r->derived.windows_of_acts |= UINT32_C(1) << w;
        for (chan_id c = 0; c < p->station.n_chans; c++)
            if ((chans >> c & 1u) != 0 && p->station.chan[c].group < p->station.n_groups)
                r->derived.windows_of[p->station.chan[c].group] |= UINT32_C(1) << w;
    }
}

void run_derive(struct run *r, const struct program *p)
{
    const struct station_desc *s = &p->station;
    chan_id model = station_find(s, MODEL_VOLTAGE);

    memset(&r->derived, 0, sizeof(r->derived));
    r->derived.cycler_group = PROG_NONE;
    r->derived.model_group = PROG_NONE;
    r->derived.one_c_name = PROG_NONE;
    if (p->role.current != CHAN_NONE && s->chan[p->role.current].group < s->n_groups)
        r->derived.cycler_group = s->chan[p->role.current].group;
    if (model != CHAN_NONE)
        r->derived.model_group = s->chan[model].group;
    for (uint16_t g = 0; g < s->n_groups; g++) {
        double stale_s = s->group[g].stale_s, trip_s = s->group[g].trip_s;

        r->derived.group_stale[g] = nsec_from_s(stale_s);
        r->derived.group_trip[g] =
            nsec_from_s(trip_s > 0.0 ? trip_s : (1 + STALE_TRIP_FACTOR) * stale_s);
    }
    for (chan_id c = 0; c < s->n_chans; c++)
        r->derived.stale[c] = s->chan[c].group < s->n_groups
                                  ? r->derived.group_stale[s->chan[c].group]
                                  : NSEC_NEVER / 2;
    for (uint16_t x = 0; x < p->n_exprs; x++)
        r->derived.used_chans |= expr_chans(p, x);
    for (reg_id i = 0; i < p->n_regs; i++)
        if (strcmp(program_text(p, p->regs[i].name), "one_c") == 0)
            r->derived.one_c_name = p->regs[i].name;
    derive_guards(r, p);
    derive_windows(r, p);
}
