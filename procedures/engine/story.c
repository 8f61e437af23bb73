/* procedures/engine/story.c - sentences for people: notes with their values, and why a run is as it
 * is. */
#include "procedures/engine/run_priv.h"

#include "base/str.h"

struct pen {
    char *buf;
    size_t n, size;
};

static void put(struct pen *w, const char *s, size_t n)
{
    for (size_t i = 0; i < n && w->n + 1 < w->size; i++)
        w->buf[w->n++] = s[i];
    if (w->size)
        w->buf[w->n] = '\0';
}

static void put_text(struct pen *w, const char *s)
{
    put(w, s, strlen(s));
}

static void put_value(struct pen *w, double v, struct dims d, bool point)
{
    char buf[64];

    if (isnan(v)) {
        put_text(w, "unknown");
        return;
    }
    put_text(w, qty_print(v, d, point, buf, sizeof(buf)));
}

/* A choice's number is written as its option. */
static bool put_option(struct pen *w, const struct program *p, expr_id x, double v)
{
    const struct expr *e = &p->exprs[x];
    const struct insn *in = &p->code[e->start];

    if (e->n != 1 || in->op != INSN_REG || !p->regs[in->a].text || isnan(v))
        return false;
    for (uint16_t i = 0; i < p->n_questions; i++) {
        const struct question *q = &p->questions[i];

        if (q->save == in->a && v >= 0.0 && v < (double)q->n_options) {
            put_text(w, program_text(p, q->options[(size_t)v]));
            return true;
        }
    }
    return false;
}

static void format(const struct program *p, const struct template_text *t, const double v[4],
                   char *buf, size_t size)
{
    struct pen w = {.buf = buf, .size = size};
    const char *s = program_text(p, t->text);
    uint8_t k = 0;

    put(&w, "", 0);
    for (; *s; s++) {
        if (s[0] != '{' || s[1] != '}') {
            put(&w, s, 1);
            continue;
        }
        if (k < t->n && k < 4) {
            const struct expr *e = &p->exprs[t->expr[k]];

            if (e->boolean && !isnan(v[k]))
                put_text(&w, v[k] >= 0.5 ? "yes" : "no");
            else if (!put_option(&w, p, t->expr[k], v[k]))
                put_value(&w, v[k], e->dims, e->point);
        }
        k++;
        s++;
    }
}

void run_format(const struct program *p, uint16_t template_index, const double v[4], char *buf,
                size_t size)
{
    format(p, &p->templates[template_index], v, buf, size);
}

void run_format_reason(const struct program *p, uint16_t ending, const double v[4], char *buf,
                       size_t size)
{
    format(p, &p->endings[ending].reason, v, buf, size);
}

/* "what is 4.41 V" with the dimension of the guard or channel it is about. */
static void put_cause_value(struct pen *w, const struct run *r, const struct program *p)
{
    if (isnan(r->cause_value))
        return;
    if (r->cause_chan < p->station.n_chans) {
        const struct chan_kind_info *k = chan_kind_info(p->station.chan[r->cause_chan].kind);

        put_text(w, ": ");
        put_value(w, r->cause_value, k->dims, k->point);
        return;
    }
    for (uint16_t g = 0; g < p->n_guards; g++) {
        const struct expr *e = &p->exprs[p->guards[g].value];

        if (p->guards[g].text == r->cause_text && r->cause_text != PROG_NONE) {
            put_text(w, ": ");
            put_value(w, r->cause_value, e->dims, e->point);
            return;
        }
    }
    if (r->cause == CAUSE_INST_ALARM) {
        char buf[32];

        str_from_double(r->cause_value, buf, sizeof(buf));
        put_text(w, ": code ");
        put_text(w, buf);
    }
}

void run_story(const struct run *r, const struct program *p, char *buf, size_t size)
{
    struct pen w = {.buf = buf, .size = size};
    const char *between = ": ";

    put_text(&w, cause_text((enum cause)r->cause));
    if (r->cause_text != PROG_NONE) {
        put_text(&w, between);
        put_text(&w, program_text(p, r->cause_text));
    }
    if (r->cause_chan < p->station.n_chans) {
        put_text(&w, between);
        put_text(&w, p->station.chan[r->cause_chan].name);
    }
    if (r->cause_group < p->station.n_groups) {
        put_text(&w, r->cause_chan < p->station.n_chans || r->cause_text != PROG_NONE ? " of "
                                                                                      : between);
        put_text(&w, p->station.group[r->cause_group].inst);
    }
    put_cause_value(&w, r, p);
}
