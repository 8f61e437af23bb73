/* benchctl/diff_words.c - an expression of a compiled program in infix, with units where they are
 * known: two procedures that mean the same read the same, however they were written. */
#include "benchctl/diff_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 600
};

/* One value on the stack while the code is read. */
struct term {
    char text[TEXT_MAX];
    bool is_const, typed, point, compound; /* typed: dims are known; compound: needs brackets */
    double v;
    struct dims dims;
};
struct reading {
    struct words *w;
    unsigned n;
    struct term stack[PROG_STACK_MAX + 2];
};

static void put_const(struct term *t, struct dims d, bool point)
{
    char number[48];

    if (isnan(t->v)) {
        str_copy(t->text, sizeof(t->text), "unknown");
    } else if (dims_equal(d, DIMS_NONE)) {
        str_from_double(t->v, number, sizeof(number));
        str_copy(t->text, sizeof(t->text), number);
    } else {
        qty_print(t->v, d, point, t->text, sizeof(t->text));
    }
}

static void compose(struct term *t, const char *fmt, ...) PRINTF(2, 3);
static void compose(struct term *t, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap); /* a longer one is cut: it is only read by people */
    va_end(ap);
    memcpy(t->text, text, sizeof(text));
}

static struct term *push(struct reading *r)
{
    struct term *t = &r->stack[r->n < PROG_STACK_MAX ? r->n++ : r->n];

    memset(t, 0, sizeof(*t));
    return t;
}

static void push_named(struct reading *r, const char *name, struct dims d, bool point)
{
    struct term *t = push(r);

    t->typed = true;
    t->dims = d;
    t->point = point;
    str_copy(t->text, sizeof(t->text), name);
}

static void push_channel(struct reading *r, uint16_t chan, const char *before)
{
    const struct station_desc *s = &r->w->program->station;
    const struct chan_kind_info *k;
    struct term *t;

    if (chan >= s->n_chans) {
        push_named(r, "?", DIMS_NONE, false);
        return;
    }
    k = chan_kind_info(s->chan[chan].kind);
    push_named(r, s->chan[chan].name, k->dims, k->point);
    t = &r->stack[r->n - 1];
    if (before[0]) {
        compose(t, "%s(%s)", before, s->chan[chan].name);
    }
}

static const char *bracketed(const struct term *t, char *buf, size_t size)
{
    int rc = str_fmt(buf, size, "%s%s%s", t->compound ? "(" : "", t->text, t->compound ? ")" : "");

    (void)rc;
    return buf;
}

/* A bare number beside something with a dimension has that dimension. */
static void type_of_other(struct term *t, const struct term *other)
{
    if (t->is_const && !t->typed && other->typed) {
        t->typed = true;
        t->dims = other->dims;
        t->point = other->point;
        put_const(t, t->dims, t->point);
    }
}

/* "C/10" for 0.1 times the current of 1C. The first of the two becomes it. */
static bool rate(struct term *number, struct term *one_c)
{
    struct term *first = number < one_c ? number : one_c;
    double v = number->v;

    if (!number->is_const || number->typed || strcmp(one_c->text, "1C") != 0) {
        return false;
    }
    memset(first, 0, sizeof(*first));
    first->typed = true;
    first->dims = DIMS_CURRENT;
    qty_print(v, DIMS_CRATE, false, first->text, sizeof(first->text));
    return true;
}

static void binary(struct reading *r, const char *op, bool alike, bool boolean)
{
    char a[TEXT_MAX + 2], b[TEXT_MAX + 2];
    struct term *x, *y;

    if (r->n < 2) {
        return;
    }
    x = &r->stack[r->n - 2];
    y = &r->stack[r->n - 1];
    if (alike) {
        type_of_other(x, y);
        type_of_other(y, x);
    }
    if (strcmp(op, "*") == 0 && (rate(x, y) || rate(y, x))) {
        r->n--;
        return;
    }
    compose(x, "%s %s %s", bracketed(x, a, sizeof(a)), op, bracketed(y, b, sizeof(b)));
    x->compound = true;
    x->is_const = false;
    x->typed = x->typed && y->typed;
    x->point = alike && !boolean && x->point;
    if (boolean) {
        x->typed = false;
    } else if (strcmp(op, "*") == 0) {
        x->dims = dims_mul(x->dims, y->dims);
    } else if (strcmp(op, "/") == 0) {
        x->dims = dims_div(x->dims, y->dims);
    }
    r->n--;
}

static void call(struct reading *r, const char *name, unsigned n)
{
    struct term *x, *y;

    if (r->n < n) {
        return;
    }
    x = &r->stack[r->n - n];
    y = &r->stack[r->n - 1];
    if (n == 2) {
        type_of_other(x, y);
        type_of_other(y, x);
        compose(x, "%s(%s, %s)", name, x->text, y->text);
        r->n--;
    } else {
        compose(x, "%s(%s)", name, x->text);
    }
    x->compound = x->is_const = false;
}

static void push_window(struct reading *r, uint16_t index)
{
    static const char *const kinds[] = {"rate", "mean", "max", "min"};
    const struct window *w = &r->w->program->windows[index];
    const struct expr *e = &r->w->program->exprs[w->expr];
    struct dims d = w->kind == WINDOW_RATE ? dims_div(e->dims, DIMS_TIME) : e->dims;
    char span[48] = "step";
    struct term *t;

    if (!w->over_step) {
        qty_print(w->span_s, DIMS_TIME, false, span, sizeof(span));
    }
    push_named(r, "", d, w->kind != WINDOW_RATE && e->point);
    t = &r->stack[r->n - 1];
    compose(t, "%s(%s over %s)", kinds[w->kind], words_expr(r->w, w->expr), span);
}

static void hold(struct reading *r, double v)
{
    char a[TEXT_MAX + 2], span[48];
    struct term *x = r->n > 0 ? &r->stack[r->n - 1] : NULL;

    if (x) {
        compose(x, "%s for %s", bracketed(x, a, sizeof(a)),
                qty_print(v, DIMS_TIME, false, span, sizeof(span)));
        x->compound = true;
    }
}

/* What stands alone on the stack. */
static bool leaf(struct reading *r, const struct insn *in)
{
    const struct program *p = r->w->program;
    struct term *t;

    switch ((enum insn_op)in->op) {
    case INSN_CONST:
        t = push(r);
        t->is_const = true;
        t->v = in->v;
        put_const(t, DIMS_NONE, false);
        return true;
    case INSN_CHAN: push_channel(r, in->a, ""); return true;
    case INSN_SETPOINT: push_channel(r, in->a, "set-point"); return true;
    case INSN_KNOWN: push_channel(r, in->a, "known"); return true;
    case INSN_REG:
        push_named(r, program_text(p, p->regs[in->a].name), p->regs[in->a].dims,
                   p->regs[in->a].point);
        return true;
    case INSN_STEP_CHARGE: push_named(r, "charge of the step", DIMS_CHARGE, false); return true;
    case INSN_STEP_ENERGY: push_named(r, "energy of the step", DIMS_ENERGY, false); return true;
    case INSN_STEP_TIME: push_named(r, "time of the step", DIMS_TIME, false); return true;
    case INSN_RUN_TIME: push_named(r, "time of the run", DIMS_TIME, false); return true;
    case INSN_ONE_C: push_named(r, "1C", DIMS_CURRENT, false); return true;
    case INSN_SOC: push_named(r, "soc", DIMS_NONE, false); return true;
    case INSN_CYCLE: push_named(r, "cycle", DIMS_NONE, false); return true;
    case INSN_CAUSE: push_named(r, "cause", DIMS_NONE, false); return true;
    case INSN_IN_CV: push_named(r, "in CV", DIMS_NONE, false); return true;
    case INSN_RESISTANCE: push_named(r, "resistance", DIMS_RESISTANCE, false); return true;
    case INSN_WINDOW: push_window(r, in->a); return true;
    case INSN_ENDED_BY:
        push_named(r, "", DIMS_NONE, false);
        compose(&r->stack[r->n - 1], "ended by %s", program_text(p, in->a));
        return true;
    case INSN_ADD:
    case INSN_SUB:
    case INSN_MUL:
    case INSN_DIV:
    case INSN_MOD:
    case INSN_NEG:
    case INSN_ABS:
    case INSN_MIN:
    case INSN_MAX:
    case INSN_LT:
    case INSN_LE:
    case INSN_GT:
    case INSN_GE:
    case INSN_EQ:
    case INSN_NE:
    case INSN_AND:
    case INSN_OR:
    case INSN_NOT:
    case INSN_HOLD: break;
    }
    return false;
}

static void operate(struct reading *r, const struct insn *in)
{
    static const struct {
        enum insn_op op;
        const char *text;
        bool alike, boolean;
    } ops[] = {
        {INSN_ADD, "+",   true,  false},
        {INSN_SUB, "-",   true,  false},
        {INSN_MUL, "*",   false, false},
        {INSN_DIV, "/",   false, false},
        {INSN_MOD, "mod", true,  false},
        {INSN_LT,  "<",   true,  true },
        {INSN_LE,  "<=",  true,  true },
        {INSN_GT,  ">",   true,  true },
        {INSN_GE,  ">=",  true,  true },
        {INSN_EQ,  "=",   true,  true },
        {INSN_NE,  "!=",  true,  true },
        {INSN_AND, "and", false, true },
        {INSN_OR,  "or",  false, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (ops[i].op == (enum insn_op)in->op) {
            binary(r, ops[i].text, ops[i].alike, ops[i].boolean);
            return;
        }
    }
    if (in->op == INSN_HOLD) {
        hold(r, in->v);
    } else if (in->op == INSN_MIN || in->op == INSN_MAX) {
        call(r, in->op == INSN_MIN ? "min" : "max", 2);
    } else {
        call(r, in->op == INSN_NEG ? "-" : in->op == INSN_ABS ? "abs" : "not ", 1);
    }
}

const char *words_expr(struct words *w, expr_id x)
{
    const struct program *p = w->program;
    const struct expr *e;
    const char *text = "";
    struct reading *r;

    if (x == PROG_NONE) {
        return "";
    }
    e = &p->exprs[x];
    r = calloc(1, sizeof(*r));
    ASSERT(r != NULL);
    r->w = w;
    for (uint16_t i = 0; i < e->n; i++) {
        const struct insn *in = &p->code[e->start + i];

        if (!leaf(r, in)) {
            operate(r, in);
        }
    }
    if (r->n > 0 && r->stack[0].is_const && !e->boolean) {
        put_const(&r->stack[0], e->dims, e->point);
    }
    if (r->n > 0) {
        text = arena_dup(&w->arena, r->stack[0].text);
    }
    free(r);
    return text;
}

void words_field(struct words *w, struct item *it, const char *name, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list ap;

    if (it->n == FIELDS_MAX) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    str_copy(it->field[it->n].name, sizeof(it->field[0].name), name);
    it->field[it->n++].text = arena_dup(&w->arena, text);
}

void words_done(struct words *w)
{
    list_done(&w->items);
    arena_done(&w->arena);
}
