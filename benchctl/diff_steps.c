/* benchctl/diff_steps.c - the steps, guards and settings of a compiled program in words. */
#include "benchctl/diff_priv.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* Kinds of items that are no steps. */
enum {
    ITEM_GUARD = 100,
    ITEM_WATCH,
    ITEM_SETTING,
    ITEM_SECTION
};

static struct item *item_add(struct words *w, unsigned kind, const char *head)
{
    struct item it = {.kind = (uint8_t)kind};

    w->items.each = sizeof(struct item);
    str_copy(it.head, sizeof(it.head), head);
    return list_add(&w->items, &it);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void place(const struct program *p, uint16_t file, int line, struct item *it)
{
    int rc = str_fmt(it->place, sizeof(it->place), "%s:%d",
                     file < p->n_files ? last_part(p->files[file]) : "", line);

    (void)rc;
}

static const char *time_text(double s, char *buf, size_t size)
{
    return qty_print(s, DIMS_TIME, false, buf, size);
}

/* ---- Acts ---- */

static void expr_field(struct words *w, struct item *it, const char *name, expr_id x)
{
    if (x != PROG_NONE) {
        words_field(w, it, name, "%s", words_expr(w, x));
    }
}

static void put_ends(struct words *w, struct item *it, const struct act *a)
{
    const struct program *p = w->program;
    char after[48];

    for (uint16_t i = 0; i < a->n_ends; i++) {
        const struct end *e = &p->ends[a->first_end + i];
        bool named = e->cause == CAUSE_STOP;
        const char *what = cause_text((enum cause)e->cause);

        /* the order counts: of two that come true at once the first wins */
        words_field(w, it, e->cause == CAUSE_UNTIL ? "until" : what, "%s%s%s%s%s",
                    words_expr(w, e->cond), e->after_s > 0.0 ? " after " : "",
                    e->after_s > 0.0 ? time_text(e->after_s, after, sizeof(after)) : "",
                    named ? " as " : "", named ? program_text(p, e->name) : "");
    }
}

static void put_record(struct words *w, struct item *it, uint16_t first, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        const struct record_phase *r = &w->program->records[first + i];
        const struct {
            double v;
            struct dims d;
        } part[] = {
            {r->period_s, DIMS_TIME       },
            {r->delta_v,  DIMS_VOLTAGE    },
            {r->delta_a,  DIMS_CURRENT    },
            {r->delta_pa, DIMS_PRESSURE   },
            {r->delta_k,  DIMS_TEMPERATURE},
        };
        struct text t = {0};
        char buf[48];

        for (size_t k = 0; k < ARRAY_LEN(part); k++) {
            if (isfinite(part[k].v)) {
                text_add(&t, "%s%s", t.n > 0 ? " or " : "every ",
                         qty_print(part[k].v, part[k].d, false, buf, sizeof(buf)));
            }
        }
        if (isfinite(r->for_s)) {
            text_add(&t, " for %s", time_text(r->for_s, buf, sizeof(buf)));
        }
        words_field(w, it, "record", "%s", t.p ? t.p : "nothing");
        text_done(&t);
    }
}

static void put_saves(struct words *w, struct item *it, const struct act *a)
{
    const struct program *p = w->program;
    char at[48];

    for (uint16_t i = 0; i < a->n_saves; i++) {
        const struct save *s = &p->saves[a->first_save + i];
        bool timed = !isnan(s->at_s);

        words_field(w, it, "save", "%s: %s%s%s", program_text(p, p->regs[s->reg].name),
                    words_expr(w, s->expr), timed ? " at " : "",
                    timed ? time_text(s->at_s, at, sizeof(at)) : "");
    }
}

static void put_sets(struct words *w, struct item *it, const struct act *a)
{
    const struct program *p = w->program;

    for (uint8_t i = 0; i < a->n_sets; i++) {
        const struct act_set *s = &a->set[i];

        words_field(w, it, "set", "%s to %s%s%s",
                    s->chan < p->station.n_chans ? p->station.chan[s->chan].name : "?",
                    words_expr(w, s->value), s->rate != PROG_NONE ? " at " : "",
                    s->rate != PROG_NONE ? words_expr(w, s->rate) : "");
    }
}

static void put_act(struct words *w, struct item *it, const struct act *a)
{
    static const char *const limits[] = {"clip", "skip", "end"};
    static const char *const actions[] = {"none", "pause", "abort", "next", "end", "safe"};

    it->verb = a->verb;
    str_copy(it->head, sizeof(it->head), program_text(w->program, a->name));
    words_field(w, it, "verb", "%s%s", verb_name((enum verb)a->verb),
                a->direction > 0   ? ", charging"
                : a->direction < 0 ? ", discharging"
                                   : "");
    expr_field(w, it,
               a->at_kind == AT_POWER        ? "at power"
               : a->at_kind == AT_RESISTANCE ? "at load"
                                             : "at",
               a->at);
    expr_field(w, it, "voltage", a->v_set);
    expr_field(w, it, "limit low", a->v_lo);
    expr_field(w, it, "limit high", a->v_hi);
    if (a->v_lo != PROG_NONE || a->v_hi != PROG_NONE) {
        words_field(w, it, "at limit", "%s", limits[a->at_limit]);
    }
    put_sets(w, it, a);
    expr_field(w, it, "for", a->for_s);
    expr_field(w, it, "at least", a->at_least_s);
    if (a->timeout_s != PROG_NONE) {
        words_field(w, it, "timeout", "%s, then %s", words_expr(w, a->timeout_s),
                    actions[a->timeout_action]);
    }
    put_ends(w, it, a);
    put_saves(w, it, a);
    put_record(w, it, a->first_record, a->n_records);
    if (a->output_off) {
        words_field(w, it, "output", "off");
    }
    if (a->restart_block) {
        words_field(w, it, "resume", "restart-block");
    }
}

/* ---- Other steps ---- */

static void put_template(struct words *w, struct item *it, const char *name,
                         const struct template_text *t)
{
    if (t->text == PROG_NONE) {
        return;
    }
    words_field(w, it, name, "%s", program_text(w->program, t->text));
    for (uint8_t i = 0; i < t->n && i < 4; i++) {
        expr_field(w, it, "value", t->expr[i]);
    }
}

static void put_block(struct words *w, struct item *it, const struct block *b)
{
    static const char *const kinds[] = {"block", "repeat", "each", "each"};
    const struct program *p = w->program;

    str_copy(it->head, sizeof(it->head), kinds[b->kind]);
    if (b->name != PROG_NONE) {
        words_field(w, it, "as", "%s", program_text(p, b->name));
    }
    expr_field(w, it, "times", b->kind == LOOP_REPEAT ? b->count : (expr_id)PROG_NONE);
    if (b->reg != PROG_NONE) {
        words_field(w, it, "variable", "%s", program_text(p, p->regs[b->reg].name));
    }
    if (b->kind == LOOP_RANGE) {
        words_field(w, it, "range", "%s to %s by %s", words_expr(w, b->from), words_expr(w, b->to),
                    words_expr(w, b->by));
    }
    if (b->kind == LOOP_LIST) {
        struct text t = {0};

        for (uint16_t i = 0; i < b->list_n; i++) {
            text_add(&t, "%s%s", i > 0 ? ", " : "",
                     words_expr(w, p->list_exprs[b->list_first + i]));
        }
        words_field(w, it, "list", "%s", t.p ? t.p : "");
        text_done(&t);
    }
    expr_field(w, it, "stop when", b->stop_when);
}

static void put_measures(struct words *w, struct item *it, uint16_t first, uint16_t n)
{
    const struct program *p = w->program;

    for (uint16_t i = 0; i < n; i++) {
        words_field(w, it, "measure", "%s: %s", program_text(p, p->measures[first + i].name),
                    words_expr(w, p->measures[first + i].expr));
    }
}

static void put_question(struct words *w, struct item *it, const struct question *q)
{
    const struct program *p = w->program;

    words_field(w, it, "text", "%s", program_text(p, q->text));
    for (uint8_t i = 0; i < q->n_options; i++) {
        words_field(w, it, "option", "%s", program_text(p, q->options[i]));
    }
    if (q->kind == ASK_NUMBER) {
        char lo[32], hi[32];

        str_from_double(q->lo, lo, sizeof(lo));
        str_from_double(q->hi, hi, sizeof(hi));
        words_field(w, it, "range", "%s .. %s (SI)", lo, hi);
    }
    if (q->save != PROG_NONE) {
        words_field(w, it, "save", "%s", program_text(p, p->regs[q->save].name));
    }
    expr_field(w, it, "timeout", q->timeout_s);
}

static void put_ending(struct words *w, struct item *it, const struct ending *e)
{
    static const char *const verdicts[] = {"done", "accepted", "rejected", "quarantine"};

    words_field(w, it, "verdict", "%s", verdicts[e->verdict]);
    put_template(w, it, "reason", &e->reason);
    put_measures(w, it, e->first_measure, e->n_measures);
}

static const char *head_of(const struct step *s)
{
    static const char *const heads[] = {
        [OP_ACT] = "",          [OP_LET] = "let",       [OP_MEASURE] = "measure",
        [OP_NOTE] = "note",     [OP_ALARM] = "alarm",   [OP_IF] = "if",
        [OP_JUMP] = "else",     [OP_ENTER] = "",        [OP_NEXT] = "end of the block",
        [OP_LEAVE] = "leave",   [OP_CONTINUE] = "next", [OP_ASK] = "ask",
        [OP_CHECK] = "check",   [OP_END] = "end",       [OP_DONE] = "end of the steps",
        [OP_FINISH] = "the end"};

    return heads[s->op];
}

static void put_step(struct words *w, const struct step *s)
{
    static const char *const levels[] = {"info", "warn", "severe"};
    const struct program *p = w->program;
    struct item *it = item_add(w, s->op, head_of(s));

    place(p, s->file, s->line, it);
    words_field(w, it, "depth", "%u", s->depth);
    switch ((enum step_op)s->op) {
    case OP_ACT: put_act(w, it, &p->acts[s->a]); break;
    case OP_LET:
        words_field(w, it, "register", "%s", program_text(p, p->regs[s->a].name));
        expr_field(w, it, "value", s->b);
        break;
    case OP_MEASURE: put_measures(w, it, s->a, s->b); break;
    case OP_NOTE: put_template(w, it, "text", &p->templates[s->a]); break;
    case OP_ALARM:
        words_field(w, it, "level", "%s", levels[s->b]);
        put_template(w, it, "text", &p->templates[s->a]);
        break;
    case OP_IF: expr_field(w, it, "condition", s->a); break;
    case OP_ENTER: put_block(w, it, &p->blocks[s->a]); break;
    case OP_LEAVE:
    case OP_CONTINUE:
        words_field(w, it, "block", "%s", program_text(p, p->blocks[s->a].name));
        break;
    case OP_ASK: put_question(w, it, &p->questions[s->a]); break;
    case OP_CHECK: expr_field(w, it, "condition", s->a); break;
    case OP_END: put_ending(w, it, &p->endings[s->a]); break;
    case OP_JUMP:
    case OP_NEXT:
    case OP_DONE:
    case OP_FINISH: break;
    }
}

void words_steps(struct words *w)
{
    const struct program *p = w->program;

    for (uint16_t i = 0; i < p->n_steps; i++) {
        if (i == p->before || i == p->start || i == p->at_end) {
            item_add(w, ITEM_SECTION,
                     i == p->start    ? "steps"
                     : i == p->at_end ? "at_end"
                                      : "before");
        }
        put_step(w, &p->steps[i]);
    }
}

/* ---- Guards, watch rules, settings ---- */

static void put_bound(struct words *w, struct item *it, const char *name, double v,
                      const struct expr *e)
{
    char buf[64];

    if (isfinite(v)) {
        words_field(w, it, name, "%s", qty_print(v, e->dims, e->point, buf, sizeof(buf)));
    }
}

static void put_guard(struct words *w, const struct guard *g)
{
    static const char *const sources[] = {"bench", "article", "procedure"};
    const struct program *p = w->program;
    struct item *it = item_add(w, ITEM_GUARD, "");
    char hold[48];
    int rc = str_fmt(it->head, sizeof(it->head), "guard %s (%s)", words_expr(w, g->value),
                     sources[g->source]);

    (void)rc;
    place(p, g->file, g->line, it);
    put_bound(w, it, "at least", g->lo, &p->exprs[g->value]);
    put_bound(w, it, "at most", g->hi, &p->exprs[g->value]);
    if (g->hold_s > 0.0) {
        words_field(w, it, "for", "%s", time_text(g->hold_s, hold, sizeof(hold)));
    }
    expr_field(w, it, "where", g->where);
}

static void put_model(struct words *w, struct item *it)
{
    const struct prog_model *m = &w->program->model;
    char text[48];

    if (m->of == PROG_NONE) {
        return;
    }
    words_field(w, it, "model", "%s", program_text(w->program, m->of));
    words_field(w, it, "band", "%s",
                qty_print(m->band_v, DIMS_VOLTAGE, false, text, sizeof(text)));
    if (m->start == MODEL_AT_SOC) {
        str_from_double(m->soc, text, sizeof(text));
    } else {
        str_copy(text, sizeof(text), m->start == MODEL_FRESH ? "fresh" : "from ocv");
    }
    words_field(w, it, "start", "%s", text);
}

static void put_head(struct words *w)
{
    static const char *const policies[] = {"resume", "pause", "restart-step", "safe", "end", "ask"};
    const struct program *p = w->program;
    struct item *it = item_add(w, ITEM_SETTING, "procedure");
    char within[48];

    words_field(w, it, "name", "%s", program_text(p, p->name));
    words_field(w, it, "version", "%s", program_text(p, p->version));
    words_field(w, it, "title", "%s", program_text(p, p->title));
    words_field(w, it, "about", "%s", program_text(p, p->about));
    put_record(w, it, p->first_record, p->n_default_records);
    if (isfinite(p->power_loss_within_s) && p->power_loss_within_s > 0.0) {
        words_field(w, it, "on power loss", "%s within %s, else %s", policies[p->on_power_loss],
                    time_text(p->power_loss_within_s, within, sizeof(within)),
                    policies[p->on_power_loss_else]);
    } else {
        words_field(w, it, "on power loss", "%s", policies[p->on_power_loss]);
    }
    put_model(w, it);
}

void words_settings(struct words *w)
{
    static const char *const levels[] = {"info", "warn", "severe"};
    const struct program *p = w->program;

    put_head(w);
    for (uint16_t i = 0; i < p->n_guards; i++) {
        put_guard(w, &p->guards[i]);
    }
    for (uint16_t i = 0; i < p->n_watches; i++) {
        const struct watch *x = &p->watches[i];
        struct item *it = item_add(w, ITEM_WATCH, "");
        int rc = str_fmt(it->head, sizeof(it->head), "watch %s", program_text(p, x->text));

        (void)rc;
        words_field(w, it, "when", "%s", words_expr(w, x->when));
        words_field(w, it, "alarm", "%s", levels[x->level]);
    }
}
