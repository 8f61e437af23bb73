/* benchctl/session_open.c - how a run gets its bench and its file: a new one, one that is gone on with, one that joins another on the same bench. */
#include "benchctl/session_priv.h"

#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cell.voltage is voltage_v; group.voltage.3 is voltage_3_v. */
static void name_column(const struct station_chan *c, char buf[CHAN_NAME_MAX])
{
    const char *from = c->name, *dot;
    while ((dot = strchr(from, '.')) != NULL && strspn(dot + 1, "0123456789") != strlen(dot + 1)) {
        from = dot + 1;
    }
    int r = str_fmt(buf, CHAN_NAME_MAX, "%s_%s", from, chan_kind_info(c->kind)->suffix);
    ASSERT(r == 0);
    for (char *p = buf; *p; p++) {
        *p = *p == '.' ? '_' : *p;
    }
}

/* What a model said is kept like what an instrument said: which one, of which parameters. */
static struct store_table table_of(struct session *s, uint16_t g)
{
    const struct station_group *grp = &s->map->desc.group[g];
    if (s->band && g == s->band->group) {
        int r = str_fmt(s->model_identity, sizeof s->model_identity, "parameters sha256 %s", s->band->model.hash);
        ASSERT(r == 0);
        return (struct store_table){.name = grp->name, .instrument = grp->inst, .driver = s->band->model.name, .identity = s->model_identity, .n = grp->n};
    }
    const struct bench_inst *inst = &s->bench->inst[s->map->group_inst[g]];
    return (struct store_table){.name = grp->name, .instrument = inst->name, .driver = inst->driver->name, .identity = "", .n = grp->n};
}

static void fill_tables(struct session *s)
{
    const struct station_desc *d = &s->map->desc;
    for (uint16_t g = 0; g < d->n_groups; g++) {
        const struct station_group *grp = &d->group[g];
        struct store_table *t = &s->tables[g];
        *t = table_of(s, g);
        for (uint8_t k = 0; k < grp->n; k++) {
            const struct station_chan *c = &d->chan[grp->chan[k]];
            name_column(c, s->columns[g][k]);
            t->column[k] = (struct store_column){.name = s->columns[g][k], .channel = c->name, .kind = c->kind, .accuracy_reading = c->accuracy_reading,
                                                 .accuracy_offset = c->accuracy_offset, .resolution = c->resolution};
            t->counts = t->counts || c->kind == KIND_CURRENT_A;
        }
    }
}

static int begin_store(struct session *s, const struct session_input *in, struct diag *reterr)
{
    const struct program *p = s->program;
    char hash[65];
    sha256_hex(p->hash, hash);
    uint64_t seed = s->opt.seed ? s->opt.seed : (uint64_t)s->bench->world[s->station].seed;
    struct store_run run = {
        .procedure = program_text(p, p->name), .version = program_text(p, p->version), .title = program_text(p, p->title), .article = s->article->name,
        .bench = s->bench->name, .station = s->bench->station[s->station].name, .program_hash = hash, .build = BENCHCTL_VERSION, .is_virtual = s->opt.live == NULL, .seed = s->opt.live ? 0 : seed,
        .wall_start = s->opt.live ? clock_wall(&s->opt.live->clock) : VIRTUAL_WALL_START_S * NSEC_S, .capacity_c = p->capacity_c, .area_m2 = p->area_m2,
    };
    return store_begin(s->opt.store, &run, s->tables, s->map->desc.n_groups, in->sources, in->n_sources, &s->number, reterr);
}

/* What a snapshot of raw memory hangs on: program version, layout, bench, and the script that s.script_at counts in. */
static void make_mark(const struct session *s, const struct session_input *in, uint8_t ret[32])
{
    struct sha256 h;
    sha256_init(&h);
    sha256_add(&h, BENCHCTL_VERSION, sizeof BENCHCTL_VERSION);
    for (size_t k = 0; k < s->snap.n; k++) {
        sha256_add(&h, &s->snap.region[k].size, sizeof s->snap.region[k].size);
    }
    for (unsigned k = 0; k < in->n_sources; k++) {
        if (strcmp(in->sources[k].kind, "bench") == 0) {
            sha256_add(&h, in->sources[k].text, in->sources[k].n);
        }
    }
    if (s->band) {
        sha256_add(&h, s->band->model.hash, sizeof s->band->model.hash);
    }
    for (unsigned k = 0; k < s->opt.n_script; k++) {
        const struct script_item *it = &s->opt.script[k];
        const uint8_t what[] = {it->kind, it->inst, it->what, it->on};
        sha256_add(&h, &it->at, sizeof it->at);
        sha256_add(&h, what, sizeof what);
        sha256_add(&h, &it->count, sizeof it->count);
        sha256_add(&h, &it->late_s, sizeof it->late_s);
    }
    sha256_end(&h, ret);
}

static int load_world(struct session *s, int64_t number, const uint8_t *world, size_t n, struct diag *reterr)
{
    uint8_t mark[sizeof s->mark];
    memcpy(mark, s->mark, sizeof mark);
    if (snap_load(&s->snap, world, n) == 0 && memcmp(mark, s->mark, sizeof mark) == 0) {
        return 0;
    }
    diag_add(reterr, E_MISMATCH, "run %lld was written by another version of the program, on another bench, or with other faults and operator's words", (long long)number);
    diag_hint(reterr, "everything is given as it was when the run was begun");
    return E_MISMATCH;
}

/* Real lines: nobody knows what stands there. What the run has behind it stays; the instruments are met as at the first time. */
static void begin_anew(struct session *s)
{
    static struct session_state was;
    was = s->s;
    if (was.ended) {
        return; /* only its file was not closed */
    }
    memset(&s->s, 0, sizeof s->s);
    s->s.wall = was.wall;
    s->s.alive = was.alive;
    s->s.seq = was.seq;
    s->s.events = was.events;
    s->s.store_behind = was.store_behind;
    memcpy(s->s.stored_identity, was.stored_identity, sizeof s->s.stored_identity);
    s->s.model = was.model;
    if (s->run->state == RUN_ENDED) { /* what comes after a normal end was under way */
        s->s.verdict = was.verdict;
        s->s.cause = was.cause;
        memcpy(s->s.text, was.text, sizeof s->s.text);
    }
    while (s->s.script_at < s->opt.n_script && s->opt.script[s->s.script_at].at <= was.alive) {
        s->s.script_at++; /* said already */
    }
    s->gap_s = s->run->state == RUN_NEW ? (double)NAN : 0.0; /* known when it begins */
}

static int resume_store(struct session *s, int64_t number, struct diag *reterr)
{
    uint8_t *state = NULL, *world = NULL;
    size_t n = 0, n_world = 0;
    int r = store_resume(s->opt.store, number, s->tables, s->map->desc.n_groups, &state, &n, &world, &n_world, reterr);
    if (r == 0) {
        r = run_decode(s->run, s->program, state, n, reterr);
    }
    if (r == 0) {
        r = load_world(s, number, world, n_world, reterr);
    }
    if (r == 0) {
        rig_restored(s->rig);
        s->number = number;
        if (s->opt.live) {
            begin_anew(s);
        }
    }
    free(state);
    free(world);
    return r;
}

/* What the station's channels, interlocks and the watchdog relay come from. */
static uint16_t needed_insts(const struct session *s)
{
    unsigned need = 0;
    for (uint16_t g = 0; g < s->map->desc.n_groups; g++) {
        need |= s->map->group_inst[g] != INST_NONE ? 1U << s->map->group_inst[g] : 0U;
    }
    for (chan_id c = 0; c < s->map->desc.n_chans; c++) {
        need |= s->map->chan[c].inst != INST_NONE ? 1U << s->map->chan[c].inst : 0U;
    }
    for (int k = 0; k < s->bench->n_interlocks; k++) {
        if (interlock_counts(&s->bench->interlock[k], s->station, s->article->voltage_v.hi)) {
            need |= 1U << s->bench->interlock[k].inst;
        }
    }
    if (s->bench->watchdog.there) {
        need |= 1U << s->bench->watchdog.inst;
    }
    return (uint16_t)need;
}

/* The first one opens the lines; those that join find them open. */
static int take_rig(struct session *s, const struct session_input *in, struct diag *reterr)
{
    if (in->join) {
        struct session *lead = in->join->lead;
        for (unsigned k = 0; k < lead->n_crew; k++) {
            if (lead->crew[k]->station == s->station) {
                return diag_add(reterr, E_INVALID, "two runs on station `%s`: each needs one of its own", s->bench->station[s->station].name);
            }
        }
        if (in->resume && !lead->opt.live) {
            return diag_add(reterr, E_INVALID, "a rehearsal of several stations is begun anew, not gone on with");
        }
        ASSERT(lead->n_crew < BENCH_STATIONS_MAX);
        s->lead = lead;
        s->rig = lead->rig;
        s->opt.live = lead->opt.live;
        s->opt.seed = lead->opt.seed;
        lead->crew[lead->n_crew++] = s;
        return 0;
    }
    s->lead = s;
    s->rig = &s->own_rig;
    s->crew[s->n_crew++] = s;
    if (s->opt.live) {
        return rig_open_live(s->rig, s->bench, s->opt.live, s->opt.uris, s->opt.speed > 0.0 ? s->opt.speed : 1.0, reterr);
    }
    int r = rig_open(s->rig, s->bench, s->opt.seed, reterr);
    if (r == 0 && s->opt.wire && (r = rig_wire_up(s->rig, reterr)) < 0) {
        rig_close(s->rig);
    }
    return r;
}

/* Who is there? Asked by the lead for all. */
static int meet(struct session *s)
{
    int r = 0;
    s->s.identify_until = s->rig->s.now + 30 * NSEC_S;
    if (s->lead != s) {
        return 0;
    }
    rig_watchdog_start(s->rig);
    for (uint8_t i = 0; i < s->bench->n_insts && r == 0; i++) {
        r = rig_identify(s->rig, i, 0);
    }
    return r;
}

static int open_parts(struct session *s, const struct session_input *in, struct diag *reterr)
{
    s->run = calloc(1, sizeof *s->run);
    s->state_buf = malloc(RUN_ENCODED_MAX);
    snap_add(&s->snap, s->mark, sizeof s->mark);
    if (!s->opt.live) { /* real lines and a real world are not ours to put back */
        rig_snap(s->rig, &s->snap);
    }
    snap_add(&s->snap, &s->s, sizeof s->s);
    s->world_buf = malloc(s->snap.total);
    if (!s->run || !s->state_buf || !s->world_buf) {
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    make_mark(s, in, s->mark);
    fill_tables(s);
    s->needed = needed_insts(s);
    int r = run_init(s->run, s->program, reterr);
    if (r == 0 && s->opt.store) {
        r = in->resume ? resume_store(s, in->resume, reterr) : begin_store(s, in, reterr);
    }
    if (r == 0 && s->opt.live) {
        r = session_live_open(s, reterr);
    }
    return r < 0 || (in->resume && !s->opt.live) || s->s.ended ? r : meet(s);
}

int session_open(struct session *s, const struct session_input *in, const struct session_options *opt, struct diag *reterr)
{
    ASSERT(!in->resume || opt->store);
    memset(s, 0, sizeof *s);
    s->bench = in->bench;
    s->station = in->station;
    s->map = in->map;
    s->program = in->program;
    s->article = in->article;
    s->band = in->band && in->band->there ? in->band : NULL;
    s->gap_s = (double)NAN;
    s->opt = *opt;
    s->opt.commit_rows = opt->commit_rows ? opt->commit_rows : 2000;
    int r = take_rig(s, in, reterr);
    if (r < 0) {
        return r;
    }
    r = open_parts(s, in, reterr);
    if (r < 0) {
        session_close(s);
    }
    return r;
}

void session_close(struct session *s)
{
    struct session *lead = s->lead;
    if (lead == s) {
        rig_close(s->rig);
    }
    for (unsigned k = 0; lead && lead != s && k < lead->n_crew; k++) {
        if (lead->crew[k] == s) {
            lead->n_crew--;
            memmove(&lead->crew[k], &lead->crew[k + 1], (lead->n_crew - k) * sizeof lead->crew[0]);
            break;
        }
    }
    free(s->run);
    free(s->state_buf);
    free(s->world_buf);
    s->run = NULL;
    s->state_buf = s->world_buf = NULL;
    s->lead = NULL;
}
