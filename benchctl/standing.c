/* benchctl/standing.c - what the set channels of an instrument stand at, as last read back; and whether an instrument that was lost has forgotten it meanwhile.
 *
 * A line that was down and an instrument that restarted look the same until it is back: only what it holds then tells them apart.
 */
#include "benchctl/rig.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

static bool is_settable(const struct rig *r, uint8_t inst, uint16_t chan)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    return chan < in->inst.n_chans && (in->chans[chan].access & CHAN_SET) != 0;
}

void rig_note_held(struct rig *r, uint8_t inst, uint16_t chan, double value)
{
    struct rig_standing *st = &r->s.inst[inst].standing;
    if (is_settable(r, inst, chan) && !isnan(value)) {
        st->known = (uint16_t)(st->known | 1U << chan);
        st->held[chan] = value;
    }
}

void rig_note_asked(struct rig *r, uint8_t inst, uint16_t chan, double value)
{
    struct rig_standing *st = &r->s.inst[inst].standing;
    if (is_settable(r, inst, chan)) {
        st->was_asked = (uint16_t)(st->was_asked | 1U << chan);
        st->asked[chan] = value;
    }
}

void rig_note_lost(struct rig *r, uint8_t inst)
{
    struct rig_standing *st = &r->s.inst[inst].standing;
    for (unsigned c = 0; c < CHANNELS_MAX; c++) {
        if (st->known & 1U << c) {
            st->before[c] = st->held[c];
        }
    }
    st->before_known = (uint16_t)(st->before_known | st->known);
    st->known = 0;
}

bool rig_held(const struct rig *r, uint8_t inst, uint16_t chan, double *ret_value)
{
    const struct rig_standing *st = &r->s.inst[inst].standing;
    if (!(st->known & 1U << chan)) {
        return false;
    }
    *ret_value = st->held[chan];
    return true;
}

static bool agrees(const struct chan *c, double a, double b)
{
    return fabs(a - b) <= c->resolution + 1e-9 * fabs(a);
}

/* A current that is kept until mode current sources it is nowhere in the instrument before that. */
static bool in_force(const struct bench_inst *in, const struct rig_standing *st, unsigned chan)
{
    int mode = inst_find_chan(in, "mode");
    return strcmp(in->chans[chan].name, "current_set") != 0 ||
           (mode >= 0 && (st->before_known & 1U << mode) && lround(st->before[mode]) == CYCLER_CURRENT);
}

static void tell(const struct chan *c, double was, double is, char *buf, size_t size)
{
    const struct chan_kind_info *k = chan_kind_info(c->kind);
    char a[40], b[40];
    int e;
    if (c->states) {
        e = str_fmt(buf, size, "%s is %s, was %s: it has restarted", c->name, c->states[lround(is)], c->states[lround(was)]);
    } else {
        e = str_fmt(buf, size, "%s is %s, was %s: it has restarted", c->name, qty_print(is, k->dims, k->point, a, sizeof a), qty_print(was, k->dims, k->point, b, sizeof b));
    }
    (void)e; /* a long text is cut */
}

bool rig_forgot(const struct rig *r, uint8_t inst, char *ret_what, size_t size)
{
    const struct bench_inst *in = &r->bench->inst[inst];
    const struct rig_standing *st = &r->s.inst[inst].standing;
    for (unsigned c = in->inst.n_chans; c-- > 0;) { /* a mode is the last channel of a cycler, and says most */
        const struct chan *chan = &in->chans[c];
        if (!(st->before_known & st->known & 1U << c) || !in_force(in, st, c) || agrees(chan, st->before[c], st->held[c])) {
            continue;
        }
        /* A set whose answer got lost may have been obeyed. */
        if ((st->was_asked & 1U << c) && agrees(chan, st->asked[c], st->held[c])) {
            continue;
        }
        tell(chan, st->before[c], st->held[c], ret_what, size);
        return true;
    }
    return false;
}
