/* benchctl/foreign_program.c - a compiled program as a list of steps that others can say.
 *
 * The program and not the file is read: parameters have their values, calls are in their places.
 * What decides at run time (if, leave, registers, questions) is refused; loops over values that are
 * known are written out. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Findings ---- */

/* False: it has been said. */
static bool say(struct exporter *x, bool warn, const char *fmt, va_list ap)
{
    char text[DIAG_TEXT_MAX];
    int rc = vsnprintf(text, sizeof(text), fmt, ap);

    (void)rc;
    if (!warn && x->code == 0)
        x->code = E_UNSUPPORTED;
    /* a loop that is written out comes here once a turn */
    for (size_t i = 0; x->d && i < x->d->n; i++)
        if (x->d->finding[i].line == x->pos.line && strcmp(x->d->finding[i].text, text) == 0)
            return false;
    if (warn)
        diag_warn_at(x->d, &x->pos, "%s", text);
    else
        diag_at(x->d, E_UNSUPPORTED, &x->pos, "%s", text);
    return true;
}

void export_refuse(struct exporter *x, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)say(x, false, fmt, ap);
    va_end(ap);
}

void export_lose(struct exporter *x, const char *fmt, ...)
{
    va_list ap;
    bool said;

    va_start(ap, fmt);
    said = say(x, x->lossy, fmt, ap);
    va_end(ap);
    if (said && !x->lossy)
        diag_hint(x->d, "--lossy leaves it out");
}

void export_count(struct exporter *x, enum export_lost what)
{
    if (x->lost[what].n++ == 0)
        x->lost[what].first = x->pos;
}

static void tell_lost(struct exporter *x)
{
    static const char *const texts[LOST_COUNT] = {
        "saved and computed values are not carried over",
        "notes, alarms and measures are not carried over",
        "when rows are written in a step is not carried over as it is",
        "time-outs are not carried over",
        "an open output is only a rest there",
        "guards are not carried over",
        "watch rules are not carried over",
        "what happens after a loss of power is not carried over",
        "when a temperature counts as reached is not carried over",
        "the limit of voltage on the other side is not carried over",
        "the model beside the cell is not carried over",
    };

    for (int i = 0; i < LOST_COUNT; i++)
        if (x->lost[i].n > 1)
            diag_warn_at(x->d, &x->lost[i].first, "%s (%u places, the first here)", texts[i],
                         x->lost[i].n);
        else if (x->lost[i].n == 1)
            diag_warn_at(x->d, &x->lost[i].first, "%s", texts[i]);
}

/* ---- Places ---- */

/* A program keeps the line of a step; the line's text is looked up in the main file. */
static struct diag_pos step_pos(const struct exporter *x, uint16_t file, int line)
{
    struct diag_pos pos = {.file = x->p->files[file], .line = line, .column = 1, .length = 1};
    const char *t = x->doc && file == 0 ? x->doc->text : NULL, *end;
    char *copy;

    for (int i = 1; t && i < line; i++) {
        t = strchr(t, '\n');
        t = t ? t + 1 : NULL;
    }
    if (!t || line < 1)
        return pos;
    end = t + strcspn(t, "\r\n");
    copy = arena_dup_n(&x->f->arena, t, (size_t)(end - t));
    pos.text = copy;
    pos.column += (int)strspn(copy, " -");
    pos.length = (int)strcspn(copy + (pos.column - 1), ":#");
    return pos;
}

/* The place of a key of the file. */
static struct diag_pos key_pos(const struct exporter *x, const char *key)
{
    const struct conf_node *n = x->doc && x->doc->root ? conf_get(x->doc->root, key) : NULL;

    return n ? n->key_pos : step_pos(x, 0, 1);
}

/* ---- Values known before the run ---- */

static struct known no_value(void)
{
    return (struct known){.v = NAN};
}

static struct known operate(unsigned op, struct known a, struct known b)
{
    struct known r = {.ok = a.ok && b.ok, .crate = a.crate};
    bool alike = a.crate == b.crate;

    switch (op) {
    case INSN_ADD: r.v = a.v + b.v; break;
    case INSN_SUB: r.v = a.v - b.v; break;
    case INSN_MIN: r.v = fmin(a.v, b.v); break;
    case INSN_MAX: r.v = fmax(a.v, b.v); break;
    case INSN_MUL:
        r.v = a.v * b.v;
        r.crate = a.crate || b.crate;
        alike = !(a.crate && b.crate);
        break;
    case INSN_DIV:
        r.v = a.v / b.v;
        r.crate = a.crate && !b.crate;
        alike = a.crate || !b.crate;
        break;
    default: return no_value();
    }
    r.ok = r.ok && alike && isfinite(r.v);
    return r.ok ? r : no_value();
}

static struct known operand(const struct exporter *x, const struct insn *i)
{
    if (i->op == INSN_CONST)
        return (struct known){.v = i->v, .ok = !isnan(i->v)};
    if (i->op == INSN_ONE_C)
        return (struct known){.v = 1.0, .ok = true, .crate = true};
    for (unsigned k = x->n_bound; k > 0 && i->op == INSN_REG; k--)
        if (x->bound[k - 1].reg == i->a)
            return x->bound[k - 1].v;
    return no_value();
}

struct known export_value(const struct exporter *x, uint32_t start, unsigned n)
{
    struct known stack[PROG_STACK_MAX];
    unsigned depth = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct insn *op = &x->p->code[start + i];
        bool leaf = op->op == INSN_CONST || op->op == INSN_ONE_C || op->op == INSN_REG,
             one = op->op == INSN_NEG || op->op == INSN_ABS;

        if (leaf && depth < PROG_STACK_MAX) {
            stack[depth++] = operand(x, op);
        } else if (one && depth >= 1) {
            stack[depth - 1].v =
                op->op == INSN_NEG ? -stack[depth - 1].v : fabs(stack[depth - 1].v);
        } else if (!leaf && !one && depth >= 2) {
            depth--;
            stack[depth - 1] = operate(op->op, stack[depth - 1], stack[depth]);
        } else {
            return no_value();
        }
    }
    return depth == 1 ? stack[0] : no_value();
}

struct known export_expr(const struct exporter *x, expr_id e)
{
    return e == PROG_NONE ? no_value() : export_value(x, x->p->exprs[e].start, x->p->exprs[e].n);
}

/* The parts of OPERAND VALUE COMPARISON at code[start, start + n): the value, and the sign as if
 * the operand stood left. */
static bool compared(const struct exporter *x, uint32_t start, unsigned n, enum insn_op what,
                     chan_id chan, char *ret_sign, bool *ret_equal, double *ret_v)
{
    const struct insn *code = x->p->code + start;
    unsigned last = n - 1;
    bool left, right, less;
    struct known v;

    if (n < 3)
        return false;
    left = code[0].op == what && (what != INSN_CHAN || code[0].a == chan);
    right = code[last - 1].op == what && (what != INSN_CHAN || code[last - 1].a == chan);
    less = code[last].op == INSN_LT || code[last].op == INSN_LE;
    if (left == right || (!less && code[last].op != INSN_GT && code[last].op != INSN_GE))
        return false;
    v = export_value(x, start + (left ? 1 : 0), n - 2);
    if (!v.ok || v.crate)
        return false;
    *ret_sign = less == left ? '<' : '>';
    *ret_equal = code[last].op == INSN_LE || code[last].op == INSN_GE;
    *ret_v = v.v;
    return true;
}

bool export_comparison(const struct exporter *x, expr_id e, char *ret_sign, bool *ret_equal,
                       double *ret_v)
{
    return compared(x, x->p->exprs[e].start, x->p->exprs[e].n, INSN_CHAN, x->p->role.voltage,
                    ret_sign, ret_equal, ret_v);
}

/* ---- Blocks ---- */

static void walk(struct exporter *x, step_id from, step_id to);

/* cell.voltage <= X or run.time >= T, around all of `steps`: the end of an experiment. */
static bool whole_stop(struct exporter *x, const struct block *b)
{
    const struct expr *e = &x->p->exprs[b->stop_when];
    bool two = e->n >= 7 && x->p->code[e->start + e->n - 1].op == INSN_OR, equal;
    unsigned n[2] = {e->n, 0};
    uint32_t at = e->start;
    char sign;
    double v;

    if (x->form != FOREIGN_PYBAMM || b->enter != x->p->start || x->p->steps[b->end].op != OP_DONE)
        return false;
    if (two) {
        n[0] = 3;
        n[1] = e->n - 4;
    }
    for (int i = 0; i < 2 && n[i] > 0; at += n[i++]) {
        if (compared(x, at, n[i], INSN_CHAN, x->p->role.voltage, &sign, &equal, &v) && sign == '<')
            x->f->stop_v = v;
        else if (compared(x, at, n[i], INSN_RUN_TIME, CHAN_NONE, &sign, &equal, &v) && sign == '>')
            x->f->stop_s = v;
        else
            return false;
    }
    return true;
}

static void add_mark(struct exporter *x, enum foreign_kind kind, const struct block *b)
{
    struct foreign_step s = foreign_blank(kind);
    int rc;

    s.pos = x->pos;
    s.turns = b->count_max;
    s.name = b->name == PROG_NONE ? NULL : program_text(x->p, b->name);
    rc = foreign_add(x->f, s, x->d);
    x->code = x->code == 0 ? rc : x->code;
}

/* Does the chamber get its temperature in the block before something is done there? */
static bool soaks_first(const struct program *p, const struct block *b)
{
    for (step_id i = b->first; i < b->next; i++) {
        const struct act *a = p->steps[i].op == OP_ACT ? &p->acts[p->steps[i].a] : NULL;

        if (a && a->verb != VERB_SQUEEZE && a->verb != VERB_SET)
            return a->verb == VERB_SOAK;
    }
    return true;
}

static void walk_repeat(struct exporter *x, const struct block *b)
{
    struct diag_pos pos = x->pos;
    double before_k = x->temperature_k;
    unsigned from = x->f->n;

    add_mark(x, FOREIGN_REPEAT, b);
    walk(x, b->first, b->next);
    x->pos = pos;
    if (!foreign_same(before_k, x->temperature_k) && !soaks_first(x->p, b))
        export_refuse(x, "the second turn begins at another temperature than the first");
    if (x->f->n == from + 1)
        x->f->n = from; /* nothing is left to do again */
    else
        add_mark(x, FOREIGN_END, b);
}

static void bind(struct exporter *x, const struct block *b, struct known v)
{
    x->bound[x->n_bound].reg = b->reg;
    x->bound[x->n_bound++].v = v;
    walk(x, b->first, b->next);
    x->n_bound--;
}

static void walk_range(struct exporter *x, const struct block *b)
{
    struct known from = export_expr(x, b->from), to = export_expr(x, b->to),
                 by = export_expr(x, b->by);

    if (!from.ok || !to.ok || !by.ok) {
        export_refuse(x, "the values of this loop are not known before the run");
        return;
    }
    for (uint32_t k = 0; k < b->count_max && x->code != E_FULL; k++)
        bind(x, b, (struct known){.v = from.v + k * by.v, .ok = true, .crate = from.crate});
}

static void walk_block(struct exporter *x, block_id id)
{
    const struct block *b = &x->p->blocks[id];

    if (b->stop_when != PROG_NONE && !whole_stop(x, b))
        export_lose(x, "`stop_when` of this block cannot be said");
    switch ((enum loop_kind)b->kind) {
    case LOOP_ONCE: walk(x, b->first, b->next); break;
    case LOOP_REPEAT: walk_repeat(x, b); break;
    case LOOP_RANGE: walk_range(x, b); break;
    case LOOP_LIST:
        for (uint16_t k = 0; k < b->list_n && x->code != E_FULL; k++)
            bind(x, b, export_expr(x, x->p->list_exprs[b->list_first + k]));
        break;
    }
}

static void walk(struct exporter *x, step_id from, step_id to)
{
    const struct program *p = x->p;

    for (step_id i = from; i < to && x->code != E_FULL;) {
        const struct step *s = &p->steps[i++];

        x->pos = step_pos(x, s->file, s->line);
        switch ((enum step_op)s->op) {
        case OP_ACT: export_act(x, &p->acts[s->a]); break;
        case OP_ENTER:
            walk_block(x, s->a);
            i = p->blocks[s->a].end;
            break;
        case OP_LET: export_count(x, LOST_SAVE); break;
        case OP_MEASURE:
        case OP_NOTE:
        case OP_ALARM: export_count(x, LOST_NOTE); break;
        case OP_ASK: export_lose(x, "a question cannot be said"); break;
        case OP_CHECK: export_lose(x, "a check cannot be said"); break;
        case OP_IF:
            export_refuse(x, "`if` cannot be said: what follows is decided in the run");
            break;
        case OP_LEAVE:
        case OP_CONTINUE: export_refuse(x, "`leave` and `next` cannot be said"); break;
        case OP_END: export_refuse(x, "`end` cannot be said"); break;
        case OP_DONE:
        case OP_FINISH: return;
        case OP_JUMP: /* around the else of an if, which is refused */
        case OP_NEXT: break;
        }
    }
}

/* ---- The head ---- */

/* The capacity that a check before the run asks for is that of a unicycler sample. */
static void head_before(struct exporter *x)
{
    static const char begin[] = "capacity within ";
    const struct program *p = x->p;

    for (step_id i = p->before; p->before != PROG_NONE && p->steps[i].op != OP_DONE; i++) {
        const struct step *s = &p->steps[i];
        const char *text = s->op == OP_CHECK ? program_text(p, p->exprs[s->a].source) : "",
                   *of = strstr(text, " of ");
        struct qty q;

        x->pos = step_pos(x, s->file, s->line);
        if (x->form == FOREIGN_UNICYCLER && str_starts(text, begin) && of &&
            qty_parse(of + 4, strlen(of + 4), NULL, &q, NULL) == 0 &&
            dims_equal(q.dims, DIMS_CHARGE))
            x->f->capacity_c = q.si;
        else
            export_lose(x, "what is checked or asked before the run cannot be said");
    }
}

static void head_record(struct exporter *x)
{
    const struct program *p = x->p;
    const struct record_phase *r = &p->records[p->first_record];

    x->pos = key_pos(x, "record");
    x->f->period_s = isfinite(r->period_s) ? r->period_s : (double)NAN;
    if (x->form == FOREIGN_UNICYCLER) {
        x->f->delta_v = isfinite(r->delta_v) ? r->delta_v : (double)NAN;
        x->f->delta_a = isfinite(r->delta_a) ? r->delta_a : (double)NAN;
    }
    if (isnan(x->f->period_s))
        export_refuse(x, "the procedure is not recorded by time: add `every 10 s` to its `record`");
    if (p->n_default_records > 1 || isfinite(r->delta_pa) || isfinite(r->delta_k) ||
        (x->form == FOREIGN_PYBAMM && (isfinite(r->delta_v) || isfinite(r->delta_a))))
        export_count(x, LOST_RECORD);
}

static void head_guard(struct exporter *x, const struct guard *g, bool *any)
{
    const struct expr *e = &x->p->exprs[g->value];
    const struct insn *i = &x->p->code[e->start];
    struct range *r = e->n != 1 || i->op != INSN_CHAN ? NULL
                      : i->a == x->p->role.voltage    ? &x->f->guard_v
                      : i->a == x->p->role.current    ? &x->f->guard_a
                                                      : NULL;

    if (!r || g->where != PROG_NONE || (*any && !foreign_same(g->hold_s, x->f->guard_s))) {
        export_lose(x, "the guard `%s` cannot be said", program_text(x->p, g->text));
        return;
    }
    *any = true;
    x->f->guard_s = g->hold_s;
    r->lo = fmax(r->lo, g->lo);
    r->hi = fmin(r->hi, g->hi);
}

/* A protocol goes to a cycler that does not know the article: its window becomes the limits, where
 * the procedure has none and the article is given. */
static void head_window(struct exporter *x)
{
    const struct program *p = x->p;

    if (isnan(x->f->capacity_c))
        x->f->capacity_c = p->capacity_c;
    if (isfinite(x->f->guard_v.lo) || isfinite(x->f->guard_v.hi))
        return;
    x->f->guard_v = (struct range){p->v_lo, p->v_hi};
    x->pos = key_pos(x, "guards");
    if (isfinite(p->v_lo) || isfinite(p->v_hi))
        return;
    diag_warn_at(x->d, &x->pos, "the protocol has no limits of the voltage");
    diag_hint(x->d, "write guards, or --article ARTICLE for its window");
}

static void head_guards(struct exporter *x)
{
    const struct program *p = x->p;
    bool any = false;

    for (uint16_t i = 0; i < p->n_guards; i++) {
        if (p->guards[i].source != GUARD_PROCEDURE)
            continue;
        x->pos = step_pos(x, p->guards[i].file, p->guards[i].line);
        if (x->form == FOREIGN_PYBAMM)
            export_count(x, LOST_GUARD);
        else
            head_guard(x, &p->guards[i], &any);
    }
    x->pos = key_pos(x, "watch");
    for (uint16_t i = 0; i < p->n_watches; i++)
        export_count(x, LOST_WATCH);
    x->pos = key_pos(x, "model");
    if (p->model.of != PROG_NONE)
        export_count(x, LOST_MODEL);
    x->pos = key_pos(x, "on_power_loss");
    if (p->on_power_loss != POWER_RESUME || p->on_power_loss_else != POWER_PAUSE ||
        !foreign_same(p->power_loss_within_s, 600.0))
        export_count(x, LOST_POWER);
    if (x->form == FOREIGN_UNICYCLER)
        head_window(x);
}

int foreign_from_program(const struct program *p, const struct conf_doc *doc,
                         enum foreign_form form, bool lossy, struct foreign *ret,
                         struct diag *reterr)
{
    struct foreign f;
    struct exporter x = {.p = p,
                         .doc = doc,
                         .form = form,
                         .lossy = lossy,
                         .f = &f,
                         .d = reterr,
                         .temperature_k = NAN};
    bool steps = false;

    foreign_init(&f);
    head_record(&x);
    head_before(&x);
    head_guards(&x);
    walk(&x, p->start, p->n_steps);
    walk(&x, p->at_end, p->n_steps);
    tell_lost(&x);
    for (unsigned i = 0; i < f.n; i++)
        steps |= f.step[i].kind <= FOREIGN_REST;
    if (x.code == 0 && !steps)
        x.code =
            diag_add(reterr, E_INVALID, "there is no step that %s can say", foreign_names[form]);
    if (x.code < 0) {
        foreign_done(&f);
        return x.code;
    }
    *ret = f;
    return 0;
}
