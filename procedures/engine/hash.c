/* procedures/engine/hash.c - the identity of a program: SHA-256 over its tables, written field by
 * field so that neither padding nor byte order nor the places in the file matter. */
#include "procedures/engine/compile_priv.h"

#include <string.h>

struct dump {
    struct sha256 h;
};

static void put_u(struct dump *d, uint64_t v)
{
    uint8_t b[8];

    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    sha256_add(&d->h, b, sizeof(b));
}

static void put_d(struct dump *d, double v)
{
    uint64_t bits;

    if (v != v) {
        bits = UINT64_C(0x7ff8000000000000);
    } else {
        v += 0.0; /* one zero */
        memcpy(&bits, &v, sizeof(bits));
    }
    put_u(d, bits);
}

static void put_text(struct dump *d, const char *text)
{
    put_u(d, strlen(text));
    sha256_add(&d->h, text, strlen(text));
}

static void put_dims(struct dump *d, struct dims x)
{
    const int8_t v[] = {x.m, x.kg, x.s, x.a, x.k, x.mol, x.crate};

    for (size_t i = 0; i < ARRAY_LEN(v); i++)
        put_u(d, (uint8_t)v[i]);
}

static void put_all(struct dump *d, const uint16_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_u(d, v[i]);
}
#define PUT_U16(d, ...)                           \
    put_all((d), (const uint16_t[]){__VA_ARGS__}, \
            sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static void dump_head(struct dump *d, const struct program *p)
{
    const double window[] = {
        p->capacity_c,     p->area_m2,       p->charge_max_a, p->discharge_max_a,    p->v_lo,
        p->v_hi,           p->p_lo_pa,       p->p_hi_pa,      p->ocv_lo_v,           p->ocv_hi_v,
        p->chamber_high_k, p->chamber_low_k, p->one_c_a,      p->power_loss_within_s,
        p->charge_lo_k,    p->charge_hi_k,   p->discharge_lo_k, p->discharge_hi_k,  p->proof_a};

    put_text(d, "benchctl program 1");
    put_u(d, p->n_texts);
    for (uint16_t i = 0; i < p->n_texts; i++)
        put_text(d, p->texts[i]);
    PUT_U16(d, p->name, p->title, p->about, p->version, p->start, p->before, p->at_end,
            p->on_power_loss, p->on_power_loss_else, p->first_record, p->n_default_records,
            p->n_holds);
    for (size_t i = 0; i < ARRAY_LEN(window); i++)
        put_d(d, window[i]);
    /* Channel numbers mean nothing without their names. */
    put_u(d, p->station.n_chans);
    for (uint16_t i = 0; i < p->station.n_chans; i++)
        put_text(d, p->station.chan[i].name);
}

static void dump_steps(struct dump *d, const struct program *p)
{
    put_u(d, p->n_steps);
    for (uint16_t i = 0; i < p->n_steps; i++)
        PUT_U16(d, p->steps[i].op, p->steps[i].depth, p->steps[i].a, p->steps[i].b,
                p->steps[i].block);
    put_u(d, p->n_blocks);
    for (uint16_t i = 0; i < p->n_blocks; i++) {
        const struct block *b = &p->blocks[i];

        PUT_U16(d, b->name, b->parent, b->kind, b->depth, b->enter, b->first, b->next, b->end,
                b->stop_when, b->count, b->reg, b->from, b->to, b->by, b->list_first, b->list_n);
        put_u(d, b->count_max);
    }
    put_u(d, p->n_lists);
    put_all(d, p->list_exprs, p->n_lists);
}

static void dump_acts(struct dump *d, const struct program *p)
{
    put_u(d, p->n_acts);
    for (uint16_t i = 0; i < p->n_acts; i++) {
        const struct act *a = &p->acts[i];

        PUT_U16(d, a->verb, a->at_kind, a->at_limit, a->timeout_action,
                (uint16_t)(a->direction + 1), a->output_off, a->restart_block, a->at, a->v_set,
                a->v_lo, a->v_hi, a->n_sets, a->for_s, a->at_least_s, a->timeout_s, a->first_end,
                a->n_ends, a->first_save, a->n_saves, a->first_record, a->n_records, a->name);
        for (uint8_t k = 0; k < a->n_sets; k++)
            PUT_U16(d, a->set[k].chan, a->set[k].value, a->set[k].rate);
    }
    put_u(d, p->n_ends);
    for (uint16_t i = 0; i < p->n_ends; i++) {
        PUT_U16(d, p->ends[i].cond, p->ends[i].name, p->ends[i].cause);
        put_d(d, p->ends[i].after_s);
    }
    put_u(d, p->n_saves);
    for (uint16_t i = 0; i < p->n_saves; i++) {
        PUT_U16(d, p->saves[i].reg, p->saves[i].expr);
        put_d(d, p->saves[i].at_s);
    }
    put_u(d, p->n_records);
    for (uint16_t i = 0; i < p->n_records; i++) {
        const struct record_phase *r = &p->records[i];
        const double v[] = {r->period_s, r->for_s, r->delta_v, r->delta_a, r->delta_pa, r->delta_k};

        for (size_t k = 0; k < ARRAY_LEN(v); k++)
            put_d(d, v[k]);
    }
}

/* Only where there are any: a program without profiles keeps its identity. */
static void dump_drives(struct dump *d, const struct program *p)
{
    for (uint16_t i = 0; i < p->n_acts; i++)
        if (p->acts[i].verb == VERB_DRIVE)
            put_u(d, p->acts[i].drive);
    for (uint16_t i = 0; i < p->n_drives; i++) {
        const struct drive *x = &p->drives[i];

        PUT_U16(d, x->kind, x->scale);
        put_u(d, x->n);
        for (uint32_t k = 0; k < x->n; k++) {
            put_d(d, x->at_s[k]);
            put_d(d, x->value[k]);
        }
        put_d(d, x->at_s[x->n]);
    }
}

/* Only where one is followed, for the same reason. */
static void dump_model(struct dump *d, const struct program *p)
{
    if (p->model.of == PROG_NONE)
        return;
    PUT_U16(d, p->model.of, p->model.start);
    put_d(d, p->model.band_v);
    put_d(d, p->model.soc);
}

static void dump_template(struct dump *d, const struct template_text *t)
{
    PUT_U16(d, t->text, t->n);
    put_all(d, t->expr, t->n);
}

static void dump_words(struct dump *d, const struct program *p)
{
    put_u(d, p->n_measures);
    for (uint16_t i = 0; i < p->n_measures; i++)
        PUT_U16(d, p->measures[i].name, p->measures[i].expr);
    put_u(d, p->n_templates);
    for (uint16_t i = 0; i < p->n_templates; i++)
        dump_template(d, &p->templates[i]);
    put_u(d, p->n_questions);
    for (uint16_t i = 0; i < p->n_questions; i++) {
        const struct question *q = &p->questions[i];

        PUT_U16(d, q->text, q->kind, q->n_options, q->unit, q->save, q->timeout_s);
        put_all(d, q->options, q->n_options);
        put_d(d, q->lo);
        put_d(d, q->hi);
    }
    put_u(d, p->n_endings);
    for (uint16_t i = 0; i < p->n_endings; i++) {
        PUT_U16(d, p->endings[i].verdict, p->endings[i].first_measure, p->endings[i].n_measures);
        dump_template(d, &p->endings[i].reason);
    }
}

static void dump_values(struct dump *d, const struct program *p)
{
    put_u(d, p->n_regs);
    for (uint16_t i = 0; i < p->n_regs; i++) {
        PUT_U16(d, p->regs[i].name, p->regs[i].point, p->regs[i].text, p->regs[i].returned);
        put_dims(d, p->regs[i].dims);
        put_d(d, p->regs[i].initial);
    }
    put_u(d, p->n_exprs);
    for (uint16_t i = 0; i < p->n_exprs; i++) {
        put_u(d, p->exprs[i].start);
        PUT_U16(d, p->exprs[i].n, p->exprs[i].point, p->exprs[i].boolean, p->exprs[i].source);
        put_dims(d, p->exprs[i].dims);
    }
    put_u(d, p->n_code);
    for (uint32_t i = 0; i < p->n_code; i++) {
        PUT_U16(d, p->code[i].op, p->code[i].a);
        put_d(d, p->code[i].v);
    }
    put_u(d, p->n_windows);
    for (uint16_t i = 0; i < p->n_windows; i++) {
        PUT_U16(d, p->windows[i].kind, p->windows[i].over_step, p->windows[i].expr);
        put_d(d, p->windows[i].span_s);
    }
}

static void dump_guards(struct dump *d, const struct program *p)
{
    put_u(d, p->n_guards);
    for (uint16_t i = 0; i < p->n_guards; i++) {
        const struct guard *g = &p->guards[i];

        PUT_U16(d, g->value, g->where, g->source, g->text);
        put_d(d, g->lo);
        put_d(d, g->hi);
        put_d(d, g->hold_s);
    }
    put_u(d, p->n_watches);
    for (uint16_t i = 0; i < p->n_watches; i++)
        PUT_U16(d, p->watches[i].when, p->watches[i].level, p->watches[i].text);
}

void program_hash(struct program *p)
{
    struct dump d;

    sha256_init(&d.h);
    dump_head(&d, p);
    dump_steps(&d, p);
    dump_acts(&d, p);
    dump_drives(&d, p);
    dump_model(&d, p);
    dump_words(&d, p);
    dump_values(&d, p);
    dump_guards(&d, p);
    sha256_end(&d.h, p->hash);
}
