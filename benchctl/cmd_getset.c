/* benchctl/cmd_getset.c - `benchctl get BENCH [INSTRUMENT[.CHANNEL]]` and `benchctl set BENCH INSTRUMENT.CHANNEL VALUE`, on a virtual bench, or over its links.
 *
 * get reads and writes nothing. set writes one channel within the bench's limits and reads it back; afterwards everything is made safe, since nobody watches.
 */
#include "benchctl/cli.h"
#include "benchctl/rig.h"
#include "benchctl/uris.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static struct bench bench;
static struct at_hand hand;

/* "smu.voltage" -> instrument and channel (-1: all). */
static int target(const struct args *a, const char *word, int *ret_inst, int *ret_chan)
{
    const char *dot = strchr(word, '.');
    char name[64];
    size_t n = dot ? (size_t)(dot - word) : strlen(word);
    if (n >= sizeof name) {
        return cli_error(a, EXIT_USAGE, "what is `%s`?", word);
    }
    memcpy(name, word, n);
    name[n] = '\0';
    *ret_inst = bench_find_inst(&bench, name);
    *ret_chan = -1;
    if (*ret_inst < 0) {
        const char *names[BENCH_INSTS_MAX + 1] = {0};
        for (int k = 0; k < bench.n_insts; k++) {
            names[k] = bench.inst[k].name;
        }
        const char *near = str_nearest(name, names);
        return cli_error(a, EXIT_USAGE, "bench `%s` has no instrument `%s`%s%s%s", bench.name, name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (dot) {
        *ret_chan = inst_find_chan(&bench.inst[*ret_inst], dot + 1);
        if (*ret_chan < 0) {
            return cli_error(a, EXIT_USAGE, "`%s` has no channel `%s`; see benchctl drivers %s", name, dot + 1, bench.inst[*ret_inst].driver->name);
        }
    }
    return 0;
}

static void close_rig(void)
{
    at_hand_close(&hand);
    bench_done(&bench);
}

static int open_rig(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    if (bench_load(a->arg[0], &bench, &d) < 0) {
        return cli_findings(a, &d);
    }
    int r = at_hand_open(&hand, a, &bench, &d);
    r = r < 0 ? r : rig_wait_identified(&hand.rig, hand.rig.live ? 8.0 : 30.0, &d);
    if (r < 0) {
        cli_findings(a, &d);
        close_rig();
        return EXIT_BENCH;
    }
    return 0;
}

/* On real lines nothing is waited for longer than needed. */
static bool all_polled(const struct rig_event *samples)
{
    for (int i = 0; i < bench.n_insts; i++) {
        bool polls = false;
        for (uint16_t c = 0; c < bench.inst[i].inst.n_chans; c++) {
            polls = polls || bench.inst[i].chans[c].polled;
        }
        if (polls && samples[i].mask == 0) {
            return false;
        }
    }
    return true;
}

/* Run the virtual bench for a while; keep the newest samples of each instrument, and the answer to `token`. */
static int work(double for_s, uint32_t token, struct rig_event *ret_samples, struct rig_event *ret_answer)
{
    nsec end = hand.rig.s.now + nsec_from_s(for_s);
    int found = 0;
    for (nsec t = rig_due(&hand.rig); t <= end || hand.rig.live; t = rig_due(&hand.rig)) {
        bool enough = (ret_samples && all_polled(ret_samples)) || (token && found);
        if (hand.rig.live && (enough || hand.rig.s.now >= end)) {
            break;
        }
        rig_wait(&hand.rig, t < end ? t : end);
        struct rig_event e;
        while (rig_take(&hand.rig, &e)) {
            if (e.kind == RIG_SAMPLES && ret_samples) {
                ret_samples[e.inst] = e;
            }
            bool set = e.kind == RIG_SET_DONE || e.kind == RIG_SET_MISMATCH || e.kind == RIG_SET_REFUSED || e.kind == RIG_SET_FAILED;
            bool answer = set || e.kind == RIG_JOB_DONE || e.kind == RIG_JOB_FAILED;
            if (token && answer && e.token == token && !found) {
                *ret_answer = e;
                found = 1;
            }
        }
    }
    return found;
}

/* A state by its name, else a quantity. */
static const char *said(const struct chan *chan, double value, char *buf, size_t size)
{
    const struct chan_kind_info *info = chan_kind_info(chan->kind);
    for (size_t k = 0; chan->states && chan->states[k]; k++) {
        if ((double)k <= value && value < (double)k + 1.0) {
            return chan->states[k];
        }
    }
    return value_text(value, info->dims, info->point, buf, size);
}

static void show_value(const struct args *a, json_t *all, const struct bench_inst *inst, uint16_t c, const struct rig_event *e)
{
    const struct chan *chan = &inst->chans[c];
    const struct chan_kind_info *info = chan_kind_info(chan->kind);
    char buf[48];
    enum quality q = e->quality[c];
    if (a->json) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "instrument", inst->name, "channel", chan->name, "unit", info->si_unit, "quality", quality_text(q));
        json_object_set_new(o, "value", q == Q_OK ? json_real(e->sample[c]) : json_null());
        json_array_append_new(all, o);
        return;
    }
    const char *text = q != Q_OK ? quality_text(q) : said(chan, e->sample[c], buf, sizeof buf);
    if (a->csv) {
        char num[40];
        str_from_double(e->sample[c], num, sizeof num);
        printf("%s,%s,%s,%s,%s\n", inst->name, chan->name, q == Q_OK ? num : "", info->si_unit, quality_text(q));
    } else {
        char name[100];
        snprintf(name, sizeof name, "%s.%s", inst->name, chan->name);
        printf("%-28s %s\n", name, text);
    }
}

static int run_get(const struct args *a)
{
    int r = open_rig(a);
    if (r != 0) {
        return r;
    }
    int inst = -1, chan = -1;
    r = a->n == 2 ? target(a, a->arg[1], &inst, &chan) : 0;
    static struct rig_event latest[BENCH_INSTS_MAX];
    if (r == 0) {
        work(3.0, 0, latest, NULL);
        json_t *all = json_array();
        if (a->csv) {
            printf("instrument,channel,value,unit,quality\n");
        }
        for (int i = 0; i < bench.n_insts; i++) {
            for (uint16_t c = 0; c < bench.inst[i].inst.n_chans; c++) {
                if ((inst < 0 || inst == i) && (chan < 0 || chan == c) && (latest[i].mask & 1U << c)) {
                    show_value(a, all, &bench.inst[i], c, &latest[i]);
                }
            }
        }
        if (a->json) {
            json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
            putchar('\n');
        }
        json_decref(all);
    }
    close_rig();
    return r;
}

static int value_of(const struct args *a, const struct chan *chan, const char *text, double *ret)
{
    const struct chan_kind_info *info = chan_kind_info(chan->kind);
    for (size_t k = 0; chan->states && chan->states[k]; k++) {
        if (strcmp(chan->states[k], text) == 0) {
            *ret = (double)k;
            return 0;
        }
    }
    if (chan->kind == KIND_SWITCH && (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)) {
        *ret = strcmp(text, "on") == 0;
        return 0;
    }
    struct diag d;
    diag_init(&d);
    struct qty q;
    struct diag_pos pos = {.file = "value", .line = 1, .column = 1, .length = (int)strlen(text), .text = text};
    if (qty_parse(text, strlen(text), &pos, &q, &d) < 0) {
        cli_findings(a, &d);
        return EXIT_USAGE;
    }
    if (!dims_equal(q.dims, info->dims)) {
        return cli_error(a, EXIT_USAGE, "%s is a %s: give it in %s", chan->name, info->word, info->point ? "degC" : info->si_unit);
    }
    *ret = q.si;
    return 0;
}

static int do_set(const struct args *a, int inst, int chan, double value)
{
    const struct bench_inst *in = &bench.inst[inst];
    const struct chan *c = &in->chans[chan];
    const struct chan_kind_info *info = chan_kind_info(c->kind);
    char lo[40], hi[40], buf[48];
    if (value < c->min || value > c->max) {
        return cli_error(a, EXIT_LIMITS, "%s.%s goes from %s to %s", in->name, c->name, qty_print(c->min, info->dims, info->point, lo, sizeof lo),
                         qty_print(c->max, info->dims, info->point, hi, sizeof hi));
    }
    int r = rig_set(&hand.rig, (uint8_t)inst, (uint16_t)chan, value, 1);
    if (r < 0) {
        return cli_error(a, EXIT_FAIL, "%s.%s cannot be set: %s", in->name, c->name, err_text(r));
    }
    struct rig_event answer = {0};
    if (!work(30.0, 1, NULL, &answer)) {
        return cli_error(a, EXIT_FAIL, "%s gave no answer", in->name);
    }
    if (answer.kind != RIG_SET_DONE) {
        return cli_error(a, EXIT_FAIL, "%s.%s was not taken: %s", in->name, c->name, answer.text);
    }
    printf("%s.%s set and read back: %s\n", in->name, c->name, said(c, answer.value, buf, sizeof buf));
    return EXIT_DONE;
}

static int run_set(const struct args *a)
{
    int r = open_rig(a);
    if (r != 0) {
        return r;
    }
    int inst = -1, chan = -1;
    double value = NAN;
    r = target(a, a->arg[1], &inst, &chan);
    if (r == 0 && (chan < 0 || !(bench.inst[inst].chans[chan].access & CHAN_SET))) {
        r = cli_error(a, EXIT_USAGE, "`%s` cannot be set", a->arg[1]);
    }
    r = r == 0 ? value_of(a, &bench.inst[inst].chans[chan], a->arg[2], &value) : r;
    r = r == 0 ? do_set(a, inst, chan, value) : r;
    if (inst >= 0 && rig_safe(&hand.rig, (uint8_t)inst, SAFE_ALL, 2) == 0) {
        struct rig_event answer = {0};
        if (!work(5.0, 2, NULL, &answer) || answer.kind != RIG_JOB_DONE) {
            r = cli_error(a, EXIT_FAIL, "`%s` did not confirm that it is safe: see to it", bench.inst[inst].name);
        }
    }
    close_rig();
    return r;
}

static const struct option options[] = {{"--links", "FILE", false, "links of `benchctl emu` instead of the bench file's"}, {NULL, NULL, false, NULL}};

extern const struct command cmd_get, cmd_set;
const struct command cmd_get = {
    .name = "get", .group = "look", .arguments = "BENCH [INSTRUMENT[.CHANNEL]]", .help = "read instruments once; writes nothing", .options = options, .common = COMMON_LAB | COMMON_JSON | COMMON_CSV, .min_args = 1,
    .max_args = 2, .run = run_get,
};
const struct command cmd_set = {
    .name = "set", .group = "act", .arguments = "BENCH INSTRUMENT.CHANNEL VALUE", .help = "set one channel and read it back; then everything of its instrument is made safe",
    .options = options, .common = COMMON_LAB, .more = "  benchctl set benches/demo.yaml oven.temperature_set '60 degC'", .min_args = 3, .max_args = 3, .run = run_set,
};
