/* procedures/engine/checkpoint.c - a run as bytes and back.
 *
 * One walk over the fields serves writing, reading and hashing, so that they cannot differ.
 * Little-endian, no padding, only entries that the program uses. A block is: "BRUN", version, the
 * program's hash, fields, FNV-1a of all before.
 */
#include "procedures/engine/run_priv.h"

enum {
    RUN_FORMAT = 2
};
enum codec_way {
    CODEC_WRITE,
    CODEC_READ,
    CODEC_HASH
};
struct codec {
    enum codec_way way;
    uint8_t *out;
    const uint8_t *in;
    size_t n, size;
    bool bad; /* full, or cut short */
    uint64_t hash;
};

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

static void code_u8(struct codec *c, uint8_t *v)
{
    if (c->way != CODEC_HASH && c->n >= c->size) {
        c->bad = true;
        return;
    }
    if (c->way == CODEC_WRITE)
        c->out[c->n] = *v;
    else if (c->way == CODEC_READ)
        *v = c->in[c->n];
    c->n++;
    c->hash = (c->hash ^ *v) * FNV_PRIME;
}

static void code_bits(struct codec *c, uint64_t *v, unsigned bytes)
{
    uint64_t got = 0;

    for (unsigned i = 0; i < bytes; i++) {
        uint8_t b = (uint8_t)(*v >> (8 * i));

        code_u8(c, &b);
        got |= (uint64_t)b << (8 * i);
    }
    if (c->way == CODEC_READ && !c->bad)
        *v = got;
}

static void code_u16(struct codec *c, uint16_t *v)
{
    uint64_t x = *v;

    code_bits(c, &x, 2);
    *v = (uint16_t)x;
}

static void code_u32(struct codec *c, uint32_t *v)
{
    uint64_t x = *v;

    code_bits(c, &x, 4);
    *v = (uint32_t)x;
}

static void code_time(struct codec *c, nsec *v)
{
    uint64_t x;

    memcpy(&x, v, sizeof(x));
    code_bits(c, &x, 8);
    memcpy(v, &x, sizeof(x));
}

static void code_f64(struct codec *c, double *v)
{
    uint64_t x;

    if (isnan(*v))
        *v = (double)NAN; /* one NaN, whatever arithmetic made of it */
    memcpy(&x, v, sizeof(x));
    code_bits(c, &x, 8);
    memcpy(v, &x, sizeof(x));
}

static void code_sum(struct codec *c, struct run_sum *s)
{
    code_f64(c, &s->sum);
    code_f64(c, &s->comp);
}

static void code_tally(struct codec *c, struct run_tally *t)
{
    struct run_sum *rows[] = {&t->charge_c, &t->energy_j, &t->in_c, &t->out_c, &t->in_j, &t->out_j};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        code_sum(c, rows[i]);
}

static void code_count(struct codec *c, struct run_charge *k)
{
    struct run_sum *rows[] = {&k->charge_c, &k->energy_j, &k->in_c, &k->out_c, &k->in_j, &k->out_j};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        code_sum(c, rows[i]);
    code_tally(c, &k->tail);
    code_f64(c, &k->last_a);
    code_f64(c, &k->last_v);
    code_time(c, &k->last_at);
    code_time(c, &k->open_at);
    code_time(c, &k->close_at);
    code_time(c, &k->edge_at);
    code_u8(c, &k->valid);
    code_u8(c, &k->open);
    code_u8(c, &k->counting);
}

static void code_summary(struct codec *c, struct run_summary *s)
{
    double *rows[] = {&s->charge_c, &s->energy_j, &s->in_c,    &s->out_c,   &s->in_j,
                      &s->out_j,    &s->v_first,  &s->v_last,  &s->v_min,   &s->v_max,
                      &s->i_min,    &s->i_max,    &s->t_min_k, &s->t_max_k, &s->p_min_pa,
                      &s->p_max_pa, &s->p_mean_pa};

    code_u16(c, &s->step);
    code_u16(c, &s->cause);
    code_u16(c, &s->end_name);
    code_u32(c, &s->cycle);
    code_u32(c, &s->number);
    code_time(c, &s->began);
    code_time(c, &s->ended);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        code_f64(c, rows[i]);
}

static void code_window(struct codec *c, struct run_window *w)
{
    code_time(c, &w->began);
    if (w->began == NSEC_NEVER)
        return;
    code_time(c, &w->next);
    code_time(c, &w->last_at);
    code_time(c, &w->slot_at);
    code_f64(c, &w->sum);
    code_f64(c, &w->weight);
    code_f64(c, &w->extreme);
    code_f64(c, &w->last_v);
    code_u16(c, &w->n);
    code_u16(c, &w->head);
    if (w->n > WINDOW_SLOTS || w->head >= WINDOW_SLOTS) {
        c->bad = true;
        return;
    }
    for (size_t i = 0; i < w->n; i++) { /* a ring that is not full begins at 0 */
        code_time(c, &w->t[i]);
        code_f64(c, &w->v[i]);
    }
}

static void code_state(struct codec *c, struct run *r)
{
    uint8_t *bytes[] = {
        &r->state,     &r->paused_state, &r->verdict,  &r->final_verdict, &r->stop_after_step,
        &r->acting,    &r->in_at_end,    &r->asking,   &r->skipping,      &r->crossing,
        &r->abandoned, &r->resuming,     &r->flow_due, &r->rest_due,      &r->discharged_in_cycle,
        &r->proof};
    nsec *times[] = {
        &r->at,          &r->moment,     &r->started_at,  &r->paused_since,  &r->safing_since,
        &r->phase_since, &r->act_began,  &r->act_entered, &r->act_paused_at, &r->for_at,
        &r->least_at,    &r->timeout_at, &r->change_at,   &r->set_sent_at,   &r->question_until,
        &r->proof_at,    &r->press_off_since};
    uint16_t *words[] = {&r->end_cause,   &r->cause,   &r->cause_text, &r->cause_chan,
                         &r->cause_group, &r->phase,   &r->step,       &r->next_step,
                         &r->n_want,      &r->want_at, &r->last_cause, &r->last_end,
                         &r->question,    &r->ending};
    uint32_t *longs[] = {&r->token,     &r->next_token,     &r->saves_done, &r->cycle,
                         &r->acts_done, &r->question_token, &r->p_n};
    double *reals[] = {&r->cause_value, &r->gap_s,       &r->one_c_a,     &r->soc_c,
                       &r->rest_v,      &r->rest_a,      &r->reason_v[0], &r->reason_v[1],
                       &r->reason_v[2], &r->reason_v[3], &r->p_sum,       &r->proof_v,
                       &r->proof_a};

    code_bits(c, &r->seq, 8);
    code_bits(c, &r->guard_evaluations, 8);
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
        code_u8(c, bytes[i]);
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        code_time(c, times[i]);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        code_u16(c, words[i]);
    for (size_t i = 0; i < ARRAY_LEN(longs); i++)
        code_u32(c, longs[i]);
    for (size_t i = 0; i < ARRAY_LEN(reals); i++)
        code_f64(c, reals[i]);
    if (r->n_want > RUN_QUEUE_MAX || r->want_at > r->n_want ||
        (r->token && r->want_at >= r->n_want)) {
        c->bad = true;
        return;
    }
    for (size_t i = 0; i < r->n_want; i++) {
        code_u16(c, &r->want[i].chan);
        code_f64(c, &r->want[i].value);
    }
}

static void code_station(struct codec *c, struct run *r, const struct program *p)
{
    for (size_t i = 0; i < p->station.n_chans; i++) {
        struct run_chan *k = &r->chan[i];

        code_f64(c, &r->setpoint[i]);
        code_f64(c, &r->written[i]);
        code_u8(c, &k->quality);
        code_u8(c, &k->seen);
        code_f64(c, &k->value);
        code_f64(c, &k->raw);
        code_time(c, &k->at);
        code_time(c, &k->changed_at);
        code_u32(c, &k->same);
    }
    for (size_t g = 0; g < p->station.n_groups; g++) {
        code_time(c, &r->group_at[g]);
        code_u8(c, &r->group_lost[g]);
        code_f64(c, &r->group_period_s[g]);
        code_u8(c, &r->record[g].any);
        code_time(c, &r->record[g].last_at);
        for (size_t i = 0; i < p->station.group[g].n; i++)
            code_f64(c, &r->record[g].last_v[i]);
    }
}

static void code_flow(struct codec *c, struct run *r, const struct program *p)
{
    for (size_t i = 0; i < PROG_DEPTH_MAX; i++) {
        code_u16(c, &r->loop[i].block);
        code_u32(c, &r->loop[i].turn);
        code_u32(c, &r->loop[i].turns);
        code_f64(c, &r->loop[i].value);
    }
    for (size_t i = 0; i < p->n_holds; i++)
        code_time(c, &r->hold[i].since);
    for (size_t i = 0; i < p->n_guards; i++) {
        code_time(c, &r->guard[i].since);
        code_time(c, &r->guard_invalid[i].since);
    }
    for (size_t i = 0; i < p->n_watches; i++)
        code_u8(c, &r->watch_on[i]);
    for (size_t i = 0; i < p->n_windows; i++)
        code_window(c, &r->window[i]);
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++) {
        struct run_ramp *m = &r->ramp[i];

        code_u8(c, &m->active);
        code_u16(c, &m->chan);
        code_f64(c, &m->from);
        code_f64(c, &m->to);
        code_f64(c, &m->per_s);
        code_time(c, &m->since);
        code_time(c, &m->tick_at);
    }
    for (size_t i = 0; i < p->n_regs; i++)
        code_f64(c, &r->reg[i]);
}

static void code_run(struct codec *c, struct run *r, const struct program *p)
{
    code_state(c, r);
    if (c->bad)
        return;
    code_station(c, r, p);
    code_count(c, &r->count);
    code_tally(c, &r->base);
    code_flow(c, r, p);
    code_summary(c, &r->now);
    code_summary(c, &r->summary);
}

static void code_head(struct codec *c, const struct program *p, uint8_t head[40])
{
    uint16_t version = RUN_FORMAT, spare = 0;
    uint64_t v;

    memcpy(head, "BRUN", 4);
    for (size_t i = 0; i < 4; i++)
        code_u8(c, &head[i]);
    code_u16(c, &version);
    code_u16(c, &spare);
    v = version;
    head[4] = (uint8_t)v;
    memcpy(head + 8, p->hash, 32);
    for (size_t i = 0; i < 32; i++)
        code_u8(c, &head[8 + i]);
}

int run_encode(const struct run *r, const struct program *p, uint8_t *buf, size_t size)
{
    struct codec c = {.way = CODEC_WRITE, .out = buf, .size = size, .hash = FNV_START};
    struct run copy = *r;
    uint8_t head[40];
    uint64_t sum;

    code_head(&c, p, head);
    code_run(&c, &copy, p);
    sum = c.hash;
    code_bits(&c, &sum, 8);
    return c.bad ? E_FULL : (int)c.n;
}

uint64_t run_hash(const struct run *r, const struct program *p)
{
    struct codec c = {.way = CODEC_HASH, .hash = FNV_START};
    struct run copy = *r;

    code_run(&c, &copy, p);
    return c.hash;
}

/* What would lead outside a table. */
static bool is_sane(const struct run *r, const struct program *p)
{
    bool step = r->step < p->n_steps ||
                (r->step == PROG_NONE && r->acting != ACTING_ON && r->acting != ACTING_ENTERING);
    bool act = (r->acting != ACTING_ON && r->acting != ACTING_ENTERING) ||
               (r->step < p->n_steps && p->steps[r->step].op == OP_ACT);

    if (!step || !act || r->state >= RUN_STATE_COUNT || r->acting > ACTING_FINISHING || r->proof > PROOF_DONE ||
        (r->asking && r->question >= p->n_questions))
        return false;
    if ((r->acting == ACTING_ON || r->acting == ACTING_LEAVING || r->crossing) &&
        (r->now.step >= p->n_steps || p->steps[r->now.step].op != OP_ACT))
        return false;
    for (size_t i = 0; i < r->n_want; i++)
        if (r->want[i].chan >= p->station.n_chans)
            return false;
    for (size_t i = 0; i < RUN_RAMPS_MAX; i++)
        if (r->ramp[i].active && r->ramp[i].chan >= p->station.n_chans)
            return false;
    return true;
}

static int check_frame(const struct program *p, const uint8_t *buf, size_t n, struct diag *reterr)
{
    uint64_t h = FNV_START, sum = 0;

    if (n < 48 || memcmp(buf, "BRUN", 4) != 0)
        return diag_add(reterr, E_CORRUPT, "not the state of a run");
    if (buf[4] != RUN_FORMAT || buf[5] != 0)
        return diag_add(reterr, E_VERSION,
                        "the state of the run was written by another version (%u)",
                        (unsigned)buf[4]);
    for (size_t i = 0; i < n - 8; i++)
        h = (h ^ buf[i]) * FNV_PRIME;
    for (unsigned i = 0; i < 8; i++)
        sum |= (uint64_t)buf[n - 8 + i] << (8 * i);
    if (h != sum)
        return diag_add(reterr, E_CORRUPT, "the state of the run is damaged");
    if (memcmp(buf + 8, p->hash, 32) != 0)
        return diag_add(reterr, E_MISMATCH, "the state belongs to another program");
    return 0;
}

int run_decode(struct run *ret_run, const struct program *p, const uint8_t *buf, size_t n,
               struct diag *reterr)
{
    struct codec c = {.way = CODEC_READ, .hash = FNV_START};
    struct run r;
    int rc = check_frame(p, buf, n, reterr);

    if (rc < 0)
        return rc;
    rc = run_init(&r, p, reterr);
    if (rc < 0)
        return rc;
    c.in = buf + 40;
    c.size = n - 48;
    code_run(&c, &r, p);
    if (c.bad || c.n != c.size || !is_sane(&r, p))
        return diag_add(reterr, E_CORRUPT, "the state of the run is damaged");
    *ret_run = r;
    return 0;
}
