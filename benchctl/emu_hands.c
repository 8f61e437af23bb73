/* benchctl/emu_hands.c - see emu_hands.h. */
#include "benchctl/emu_hands.h"

#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum bus_deed {
    BUS_UNPLUGGED,
    BUS_PLUGGED,
    BUS_CLOSED,
    BUS_HUNG,
    BUS_DEAF,
    BUS_MENDED,
    BUS_DEEDS
};
static const char *const bus_words[BUS_DEEDS] = {"unplugged", "plugged", "closed",
                                                 "hung",      "deaf",    "mended"};
/* What ends it; BUS_DEEDS: it is over at once. */
static const uint8_t bus_undone[BUS_DEEDS] = {BUS_PLUGGED, BUS_DEEDS,  BUS_DEEDS,
                                              BUS_MENDED,  BUS_MENDED, BUS_DEEDS};

static const struct {
    const char *word;
    uint8_t kind;
    struct dims dims; /* of its value */
    bool point, valued;
    double value;
} mishaps[] = {
    {"emf",      MISHAP_EMF,      DIM_VOLTAGE,     false, true,  0.0       },
    {"pressure", MISHAP_PRESSURE, DIM_PRESSURE,    false, true,  0.0       },
    {"air",      MISHAP_AIR,      DIM_TEMPERATURE, true,  true,  0.0       },
    {"current",  MISHAP_CURRENT,  DIM_CURRENT,     false, true,  0.0       },
    {"sense",    MISHAP_SENSE,    DIM_NONE,        false, false, SENSE_DEAD},
    {"lead",     MISHAP_LEAD,     DIM_NONE,        false, false, 0.0       },
};

/* ---- Words ---- */

static int add_deed(struct emu_hands *h, const struct deed *d, struct diag *reterr)
{
    unsigned at = h->n;

    if (h->n == HANDS_MAX) {
        return diag_add(reterr, E_FULL, "more than %d things to be done", HANDS_MAX);
    }
    while (at > 0 && h->deed[at - 1].at > d->at) {
        h->deed[at] = h->deed[at - 1];
        at--;
    }
    h->deed[at] = *d;
    h->n++;
    return 0;
}

static int bad_words(const char *words, struct diag *reterr)
{
    diag_add(reterr, E_SYNTAX, "`%s` cannot be done to this bench", words);
    diag_hint(reterr, "as sim --fault; INSTRUMENT mended; bus NAME ..., station NAME ...: see "
                      "benchctl emu --help");
    return E_SYNTAX;
}

/* Up to three words of *text, the last of them with all that follows it; cuts it up. */
static unsigned split(char *text, char *ret_word[3])
{
    unsigned n = 0;

    while (n < 3) {
        text += strspn(text, " ");
        if (!*text) {
            break;
        }
        ret_word[n++] = text;
        text += strcspn(text, " ");
        if (n < 3 && *text) {
            *text++ = '\0';
        }
    }
    return n;
}

static int find_bus(const struct bench *b, const char *name)
{
    for (int k = 0; k < b->n_buses; k++) {
        if (strcmp(b->bus[k].name, name) == 0) {
            return k;
        }
    }
    return E_NOENT;
}

static int bus_deed(const struct emu_hands *h, char *word[3], struct deed *d)
{
    int k = find_bus(h->rig->bench, word[1]);

    for (uint8_t what = 0; k >= 0 && what < BUS_DEEDS; what++) {
        if (strcmp(bus_words[what], word[2]) == 0 &&
            (what != BUS_CLOSED || h->serve->line[k].tcp)) {
            d->kind = DEED_BUS;
            d->of = (uint8_t)k;
            d->what = what;
            return 0;
        }
    }
    return E_NOENT;
}

static int station_deed(const struct emu_hands *h, char *word[3], struct deed *d)
{
    int s = bench_find_station(h->rig->bench, word[1]);
    size_t n = strcspn(word[2], " ");
    const char *value = word[2] + n + strspn(word[2] + n, " ");
    struct qty q = {0};

    if (s < 0) {
        return E_NOENT;
    }
    d->of = (uint8_t)s;
    d->kind = DEED_REPAIR;
    if (strcmp(word[2], "mended") == 0) {
        return 0;
    }
    d->kind = DEED_MISHAP;
    for (size_t k = 0; k < ARRAY_LEN(mishaps); k++) {
        if (strlen(mishaps[k].word) != n || memcmp(mishaps[k].word, word[2], n) != 0) {
            continue;
        }
        d->what = mishaps[k].kind;
        d->value = mishaps[k].value;
        if (!mishaps[k].valued) {
            return *value ? E_SYNTAX : 0;
        }
        if (qty_parse(value, strlen(value), NULL, &q, NULL) < 0 ||
            !dims_equal(q.dims, mishaps[k].dims)) {
            return E_UNIT;
        }
        d->value = q.si;
        return 0;
    }
    return E_NOENT;
}

static int script_deeds(struct emu_hands *h, struct deed *d, nsec now, struct diag *reterr)
{
    struct script s = {0};
    int r = script_fault(&s, h->rig->bench, d->words, nsec_to_s(now), reterr);

    d->kind = DEED_SCRIPT;
    for (unsigned k = 0; k < s.n && r == 0; k++) {
        d->at = s.item[k].at;
        d->item = s.item[k];
        r = add_deed(h, d, reterr);
    }
    return r;
}

/* What ends it after its time. */
static int add_end(struct emu_hands *h, struct deed *d, double for_s, struct diag *reterr)
{
    d->at += nsec_from_s(for_s);
    if (d->kind == DEED_BUS && bus_undone[d->what] < BUS_DEEDS) {
        d->what = bus_undone[d->what];
    } else if (d->kind == DEED_MISHAP) {
        d->kind = DEED_REPAIR;
    } else {
        return bad_words(d->words, reterr);
    }
    return add_deed(h, d, reterr);
}

int emu_hands_say(struct emu_hands *h, const char *words, nsec now, struct diag *reterr)
{
    struct deed d = {.kind = DEED_MEND};
    char text[HANDS_WORDS_MAX], *word[3];
    size_t n;
    double at_s, for_s;
    unsigned n_words;
    int inst, r;

    if (!str_copy(d.words, sizeof d.words, words)) {
        return diag_add(reterr, E_RANGE, "more than %d characters", HANDS_WORDS_MAX - 1);
    }
    r = script_times(words, nsec_to_s(now), &n, &at_s, &for_s, reterr);
    if (r < 0) {
        return r;
    }
    memcpy(text, words, n);
    text[n] = '\0';
    n_words = split(text, word);
    if (n_words < 2) {
        return bad_words(words, reterr);
    }
    inst = bench_find_inst(h->rig->bench, word[0]);
    if (inst >= 0 && n_words == 2 && strcmp(word[1], "mended") == 0 && isinf(for_s)) {
        d.of = (uint8_t)inst;
    } else if (inst >= 0 || n_words < 3 || (strcmp(word[0], "bus") && strcmp(word[0], "station"))) {
        return script_deeds(h, &d, now, reterr);
    } else if ((word[0][0] == 'b' ? bus_deed : station_deed)(h, word, &d) < 0) {
        return bad_words(words, reterr);
    }
    d.at = nsec_from_s(at_s);
    r = add_deed(h, &d, reterr);
    return r == 0 && isfinite(for_s) ? add_end(h, &d, for_s, reterr) : r;
}

/* ---- Deeds ---- */

static void do_item(const struct emu_hands *h, const struct script_item *it)
{
    switch ((enum script_kind)it->kind) {
    case SCRIPT_LINE_FAULT:
        rig_line_fault(h->rig, it->inst, it->what, it->count, it->late_s);
        break;
    case SCRIPT_MIND_FAULT: rig_mind_fault(h->rig, it->inst, it->what, it->on); break;
    case SCRIPT_HAND: rig_hand(h->rig, it->inst, it->what, it->on); break;
    case SCRIPT_OPERATOR: break;
    }
}

/* A reboot is over by itself, and an instrument that was exchanged boots when it comes back. */
static void mend(const struct emu_hands *h, uint8_t inst)
{
    const struct emu *emu = h->rig->bench->inst[inst].emu;

    rig_line_fault(h->rig, inst, LINE_NONE, 0, 0.0);
    for (int f = FAULT_SILENT_IGNORE; f < FAULT_COUNT; f++) {
        if (f != FAULT_REBOOT && f != FAULT_WRONG_MODEL && (emu->faults & 1U << f)) {
            rig_mind_fault(h->rig, inst, (enum emu_fault)f, false);
        }
    }
}

/* Nobody else gets the port meanwhile, so that nothing is to be said when it cannot be opened. */
static void plug(const struct emu_hands *h, uint8_t bus)
{
    struct diag ignored;

    diag_init(&ignored);
    if (!h->serve->line[bus].is_open && serve_open(h->serve, bus, &ignored) == 0 && h->plugged) {
        h->plugged(h->ctx);
    }
}

static void do_bus(const struct emu_hands *h, uint8_t bus, enum bus_deed what)
{
    const struct host_fault fault = {.kind = what == BUS_HUNG   ? LINE_LOST
                                             : what == BUS_DEAF ? LINE_DOWN
                                                                : LINE_NONE,
                                     .emu = 255,
                                     .left = UINT32_MAX};

    switch (what) {
    case BUS_UNPLUGGED: serve_cut(h->serve, bus); break;
    case BUS_PLUGGED: plug(h, bus); break;
    case BUS_CLOSED: serve_hang_up(h->serve, bus); break;
    case BUS_HUNG:
    case BUS_DEAF:
    case BUS_MENDED: host_fault(&h->rig->host[bus], &fault); break;
    case BUS_DEEDS: break;
    }
}

static void do_deed(const struct emu_hands *h, const struct deed *d, nsec now)
{
    struct world *w = h->rig->world;

    switch ((enum deed_kind)d->kind) {
    case DEED_SCRIPT: do_item(h, &d->item); break;
    case DEED_MEND: mend(h, d->of); break;
    case DEED_BUS: do_bus(h, d->of, (enum bus_deed)d->what); break;
    case DEED_MISHAP:
        w->station[d->of].mishap =
            (struct world_mishap){.at = now, .value = d->value, .kind = d->what};
        world_advance(w, now);
        break;
    case DEED_REPAIR: world_mend(w, d->of); break;
    }
}

static nsec hands_due(void *ctx)
{
    const struct emu_hands *h = ctx;

    return h->n > 0 ? h->deed[0].at : NSEC_NEVER;
}

static void hands_work(void *ctx, nsec now)
{
    struct emu_hands *h = ctx;

    now = now < h->rig->world->now ? h->rig->world->now : now;
    world_advance(h->rig->world, now);
    h->rig->s.now = now;
    while (h->n > 0 && h->deed[0].at <= now) {
        struct deed d = h->deed[0];

        h->n--;
        memmove(&h->deed[0], &h->deed[1], h->n * sizeof h->deed[0]);
        emu_watch_hand(h->watch, now, d.words);
        do_deed(h, &d, now);
    }
}

/* ---- Standard input ---- */

static void say_line(struct emu_hands *h, const char *words, nsec now)
{
    struct diag d;

    diag_init(&d);
    if (words[strspn(words, " ")] && emu_hands_say(h, words, now, &d) < 0) {
        fprintf(stderr, "%s\n", d.n ? d.finding[0].text : words);
    }
}

static void hands_read(void *ctx, nsec now)
{
    struct emu_hands *h = ctx;
    char buf[512];
    ssize_t n = read(h->serve->hands.fd, buf, sizeof buf);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        h->serve->hands.fd = -1;
    }
    for (ssize_t k = 0; k < n; k++) {
        if (buf[k] == '\n') {
            h->line[h->n_line] = '\0';
            say_line(h, h->line, now);
            h->n_line = 0;
        } else if (h->n_line < sizeof h->line - 1) {
            h->line[h->n_line++] = buf[k];
        }
    }
    hands_work(h, now);
}

void emu_hands_open(struct emu_hands *h, struct rig *r, struct serve *serve,
                    struct emu_watch *watch, int fd)
{
    memset(h, 0, sizeof *h);
    h->rig = r;
    h->serve = serve;
    h->watch = watch;
    serve->hands = (struct serve_hands){
        .fd = fd, .due = hands_due, .work = hands_work, .read = hands_read, .ctx = h};
}
