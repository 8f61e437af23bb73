/* benchctl/readback.c - see readback.h. */
#include "benchctl/readback.h"

#include "base/qty.h"
#include "benchctl/cli.h"

#include <string.h>

static const char *state_text(const struct chan *chan, double v)
{
    for (size_t k = 0; chan->states && chan->states[k]; k++) {
        if (v > (double)k - 0.5 && v < (double)k + 0.5) {
            return chan->states[k];
        }
    }
    return NULL;
}

/* Polled, or found standing when it said who it is. */
static void show(const struct rig *rig, uint8_t i, const struct rig_event *e, FILE *to)
{
    const struct bench_inst *in = &rig->bench->inst[i];
    if (e->mask == 0) {
        fprintf(to, "%-28s does not answer\n", in->name);
    }
    for (uint16_t c = 0; c < in->inst.n_chans; c++) {
        const struct chan *chan = &in->chans[c];
        const struct chan_kind_info *info = chan_kind_info(chan->kind);
        char name[100], buf[48];
        bool polled = (e->mask & 1U << c) != 0;
        double v = polled ? e->sample[c] : 0.0;
        if (!polled && !rig_held(rig, i, c, &v)) {
            continue;
        }
        enum quality q = polled ? e->quality[c] : Q_OK;
        const char *text = q == Q_OK ? state_text(chan, v) : quality_text(q);
        int r = str_fmt(name, sizeof name, "%s.%s", in->name, chan->name);
        (void)r;
        fprintf(to, "%-28s %s\n", name, text ? text : value_text(v, info->dims, info->point, buf, sizeof buf));
    }
}

int bench_read_back(const struct bench *b, struct rig *rig, struct live *live, const char *const *uris, double max_s, FILE *to, struct diag *reterr)
{
    static struct rig_event latest[BENCH_INSTS_MAX]; /* too big for a frame */
    memset(latest, 0, sizeof latest);
    int r = rig_open_live(rig, b, live, uris, 1.0, reterr);
    if (r < 0) {
        return r;
    }
    nsec end = rig->s.now + nsec_from_s(max_s);
    for (uint8_t i = 0; i < b->n_insts; i++) {
        (void)!rig_identify(rig, i, 0); /* who does not say who he is is not polled, and told so */
    }
    int left = b->n_insts;
    while (left > 0 && rig->s.now < end) {
        nsec due = rig_due(rig);
        rig_wait(rig, due < end ? due : end);
        struct rig_event e;
        while (rig_take(rig, &e)) {
            if (e.kind == RIG_SAMPLES) {
                left -= latest[e.inst].mask == 0;
                latest[e.inst] = e;
            }
        }
    }
    for (uint8_t i = 0; i < b->n_insts; i++) {
        show(rig, i, &latest[i], to);
    }
    live_close(live);
    rig_close(rig);
    return 0;
}
