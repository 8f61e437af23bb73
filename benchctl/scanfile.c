/* benchctl/scanfile.c - a role of a station that is made of channels of other instruments: the
 * group voltages of a string and the temperatures on it, as a scanner measures them.
 *
 *   groups: [daq.group_1, daq.group_2]
 *   temperatures: [daq.temperature_1]
 */
#include "benchctl/bench_priv.h"

#include "base/str.h"

#include <string.h>

bool station_uses(const struct bench_station *s, uint8_t inst)
{
    bool uses = s->cycler == inst || s->regulator == inst || s->force == inst || s->chamber == inst;

    for (uint8_t k = 0; k < s->n_groups; k++) {
        uses = uses || s->group[k].inst == inst;
    }
    for (uint8_t k = 0; k < s->n_places; k++) {
        uses = uses || s->place[k].inst == inst;
    }
    return uses;
}

static int no_channel(const struct bench_inst *in, const struct conf_node *n, const char *name,
                      struct diag *reterr)
{
    const char *names[CHANNELS_MAX + 1] = {0};

    for (int k = 0; k < in->inst.n_chans; k++) {
        names[k] = in->chans[k].name;
    }
    diag_at(reterr, E_NOENT, &n->pos, "`%s` has no channel `%s`", in->name, name);
    const char *near = str_nearest(name, names);
    if (near) {
        diag_hint(reterr, "did you mean %s.%s?", in->name, near);
    }
    return E_NOENT;
}

int chan_named(const struct bench *b, const struct conf_node *n, struct bench_chan *ret,
               struct diag *reterr)
{
    char name[64];
    const char *dot = n->kind == CONF_SCALAR ? strrchr(n->text, '.') : NULL;
    size_t len = dot ? (size_t)(dot - n->text) : 0;

    if (len == 0 || len >= sizeof name) {
        diag_at(reterr, E_SYNTAX, &n->pos, "`%s` is not a channel of an instrument",
                n->kind == CONF_SCALAR ? n->text : "");
        diag_hint(reterr, "INSTRUMENT.CHANNEL, as in dio.1");
        return E_SYNTAX;
    }
    memcpy(name, n->text, len);
    name[len] = '\0';
    int i = inst_named(b, name, &n->pos, reterr);
    if (i < 0) {
        return E_NOENT;
    }
    int c = inst_find_chan(&b->inst[i], dot + 1);
    if (c < 0) {
        return no_channel(&b->inst[i], n, dot + 1, reterr);
    }
    *ret = (struct bench_chan){.inst = (uint8_t)i, .chan = (uint16_t)c};
    return 0;
}

static int check_chan(const struct bench *b, const struct bench_chan *c, const struct conf_node *n,
                      enum chan_kind kind, struct diag *reterr)
{
    const struct chan *chan = &b->inst[c->inst].chans[c->chan];

    if (chan->kind != kind) {
        return diag_at(reterr, E_INVALID, &n->pos, "`%s` is no %s", n->text,
                       kind == KIND_VOLTAGE_V ? "voltage" : "temperature");
    }
    if (!chan->polled) {
        diag_at(reterr, E_INVALID, &n->pos, "`%s` is not polled: nobody would see it move",
                n->text);
        return E_INVALID;
    }
    return 0;
}

static uint8_t read_list(const struct bench *b, const struct conf_node *list, enum chan_kind kind,
                         unsigned most, struct bench_chan *ret, struct diag *reterr)
{
    uint8_t n = 0;

    if (list->kind != CONF_SEQ || list->n == 0) {
        diag_at(reterr, E_SYNTAX, &list->pos, "`%s` is a list of channels", list->key);
        diag_hint(reterr, "[daq.%s_1, ...]", kind == KIND_VOLTAGE_V ? "group" : "temperature");
        return 0;
    }
    if (list->n > most) {
        diag_at(reterr, E_FULL, &list->pos, "a station has at most %u of them, these are %u", most,
                list->n);
        return 0;
    }
    for (const struct conf_node *c = list->first; c; c = c->next) {
        if (chan_named(b, c, &ret[n], reterr) == 0 &&
            check_chan(b, &ret[n], c, kind, reterr) == 0) {
            n++;
        }
    }
    return n;
}

void scan_read(const struct bench *b, struct bench_station *s, const struct conf_node *groups,
               const struct conf_node *temperatures, struct diag *reterr)
{
    if (groups) {
        s->n_groups = read_list(b, groups, KIND_VOLTAGE_V, STATION_CELLS_MAX, s->group, reterr);
    }
    if (temperatures) {
        s->n_places =
            read_list(b, temperatures, KIND_TEMPERATURE_K, STATION_PLACES_MAX, s->place, reterr);
    }
}

struct taken {
    bool is[BENCH_INSTS_MAX][CHANNELS_MAX];
};

static void take(const struct bench *b, const struct bench_station *s, const struct bench_chan *c,
                 struct taken *t, struct diag *reterr)
{
    bool *is = &t->is[c->inst][c->chan];

    if (*is) {
        diag_at(reterr, E_EXISTS, &s->pos, "`%s.%s` stands for two things", b->inst[c->inst].name,
                b->inst[c->inst].chans[c->chan].name);
    }
    *is = true;
}

/* What a role measures has names of its own already. */
static bool has_role(const struct bench *b, uint8_t inst)
{
    for (int i = 0; i < b->n_stations; i++) {
        const struct bench_station *s = &b->station[i];

        if (s->cycler == inst || s->chamber == inst || s->regulator == inst || s->force == inst) {
            return true;
        }
    }
    return false;
}

static void check_scanners(const struct bench *b, const struct bench_station *s,
                           struct diag *reterr)
{
    unsigned n = 0;

    for (uint8_t i = 0; i < b->n_insts; i++) {
        bool scans = false;

        for (uint8_t k = 0; k < s->n_groups; k++) {
            scans = scans || s->group[k].inst == i;
        }
        for (uint8_t k = 0; k < s->n_places; k++) {
            scans = scans || s->place[k].inst == i;
        }
        if (scans && has_role(b, i)) {
            diag_at(reterr, E_INVALID, &s->pos,
                    "`%s` serves a station in another role: its channels have names already",
                    b->inst[i].name);
        }
        n += scans;
    }
    if (n > STATION_SCANNERS_MAX) {
        diag_at(reterr, E_FULL, &s->pos, "station `%s` is measured by %u instruments, at most %d",
                s->name, n, STATION_SCANNERS_MAX);
    }
}

void scan_check(const struct bench *b, struct diag *reterr)
{
    struct taken t = {0};

    for (int i = 0; i < b->n_stations; i++) {
        const struct bench_station *s = &b->station[i];

        check_scanners(b, s, reterr);
        for (uint8_t k = 0; k < s->n_groups; k++) {
            take(b, s, &s->group[k], &t, reterr);
        }
        for (uint8_t k = 0; k < s->n_places; k++) {
            take(b, s, &s->place[k], &t, reterr);
        }
    }
}
