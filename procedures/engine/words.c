/* procedures/engine/words.c - the steps that move nothing: measure, ask, check, note, alarm, end.
 */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* ---- Texts with values in braces ---- */

bool template_fill(struct comp *c, const struct src *s, struct template_text *ret)
{
    struct text out = {0};
    size_t at = 0;
    bool good = true;

    *ret = (struct template_text){.text = PROG_NONE};
    while (good && at < s->n) {
        size_t lead = strcspn(s->text + at, "{}"), len;
        struct src part;
        struct parser ps;
        struct diag_pos pos;
        int root;

        text_add_n(&out, s->text + at, lead);
        at += lead;
        if (at >= s->n)
            break;
        len = strcspn(s->text + at + 1, "{}");
        if (s->text[at] == '}' || s->text[at + 1 + len] != '}') {
            FAIL(c, E_SYNTAX, src_pos(s, at, 1, &pos), "a brace without its partner");
            good = false;
            break;
        }
        if (ret->n >= ARRAY_LEN(ret->expr)) {
            FAIL(c, E_FULL, src_pos(s, at, len + 2, &pos), "a text shows at most %zu values",
                 ARRAY_LEN(ret->expr));
            good = false;
            break;
        }
        part = src_part(s, at + 1, len);
        parse_begin(&ps, c, &part, USE_ALL);
        root = parse_condition(&ps);
        good = root != NODE_NONE && parse_end(&ps);
        if (good)
            ret->expr[ret->n++] = expr_emit_src(c, root, &part);
        text_add(&out, "{}");
        at += len + 2;
    }
    ret->text = text_intern(c, out.p ? out.p : "", out.n);
    text_done(&out);
    return good;
}

uint16_t template_add(struct comp *c, const struct conf_node *n)
{
    struct src s = src_value(n);
    struct template_text t;
    uint32_t i;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "a text stands here");
        return PROG_NONE;
    }
    if (!template_fill(c, &s, &t))
        return PROG_NONE;
    i = TABLE_ADD(c, templates, TABLE_MAX);
    c->p->templates[i] = t;
    c->p->n_templates = (uint16_t)(i + 1);
    return (uint16_t)i;
}

void compile_note(struct comp *c, const struct conf_node *n)
{
    uint16_t t;

    c->n_nodes = 0;
    t = template_add(c, n);
    if (t != PROG_NONE)
        step_add(c, OP_NOTE, t, 0, n);
}

void compile_alarm(struct comp *c, const struct conf_node *n)
{
    struct src s = src_value(n);
    struct template_text t = {0};
    enum alarm_level level;
    uint32_t i;

    if (n->kind != CONF_SCALAR || !parse_alarm(c, &s, &level, &t.text)) {
        if (n->kind != CONF_SCALAR)
            FAIL(c, E_SYNTAX, &n->pos, "written alarm: 'warn \"text\"'");
        return;
    }
    i = TABLE_ADD(c, templates, TABLE_MAX);
    c->p->templates[i] = t;
    c->p->n_templates = (uint16_t)(i + 1);
    step_add(c, OP_ALARM, (uint16_t)i, (uint16_t)level, n);
}

/* ---- measure ---- */

static void measure_put(struct comp *c, const struct conf_node *n, const char *name)
{
    struct src s = src_value(n);
    struct parser ps;
    uint32_t i;
    int root;
    expr_id e;

    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "a value stands here");
        return;
    }
    parse_begin(&ps, c, &s, USE_ALL);
    root = parse_condition(&ps);
    if (root == NODE_NONE || !parse_end(&ps))
        return;
    e = expr_emit_src(c, root, &s);
    i = TABLE_ADD(c, measures, TABLE_MAX);
    c->p->measures[i] = (struct measure){text_str(c, name), e};
    c->p->n_measures = (uint16_t)(i + 1);
}

/* A list of expressions, or names with expressions; returns how many were added. */
static uint16_t measures_add(struct comp *c, const struct conf_node *n, uint16_t *ret_first)
{
    uint16_t first = c->p->n_measures;

    if (n->kind == CONF_SCALAR) {
        measure_put(c, n, n->text);
    } else {
        for (const struct conf_node *i = n->first; i; i = i->next)
            measure_put(c, i, n->kind == CONF_MAP ? i->key : i->kind == CONF_SCALAR ? i->text : "");
    }
    *ret_first = first;
    return (uint16_t)(c->p->n_measures - first);
}

void compile_measure(struct comp *c, const struct conf_node *n)
{
    uint16_t first, count;

    c->n_nodes = 0;
    if (n->kind == CONF_MAP && conf_get(n, "insulation")) {
        refuse_word(c, &conf_get(n, "insulation")->key_pos, "insulation");
        declare_hidden(c, n);
        return;
    }
    count = measures_add(c, n, &first);
    if (count > 0)
        step_add(c, OP_MEASURE, first, count, n);
}

/* ---- check, end ---- */

void compile_check(struct comp *c, const struct conf_node *n)
{
    expr_id e;

    c->n_nodes = 0;
    e = expr_once(c, n, "check");
    if (e != PROG_NONE)
        step_add(c, OP_CHECK, e, text_str(c, n->text), n);
}

static void end_reason(struct comp *c, const struct conf_node *n, struct ending *e)
{
    const struct conf_node *reason = conf_get(n, "reason"), *next = conf_get(n, "next");
    char text[160];

    if (reason && reason->kind == CONF_SCALAR) {
        struct src s = src_value(reason);

        template_fill(c, &s, &e->reason);
    } else if (next && next->kind == CONF_SCALAR &&
               str_fmt(text, sizeof(text), "next: %s", next->text) == 0) {
        e->reason.text = text_str(c, text);
    }
}

void compile_end(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"verdict", "reason", "report", "next", NULL};
    static const char *const verdicts[] = {"done", "accepted", "rejected", "quarantine", NULL};
    const struct conf_node *verdict, *report;
    struct ending e = {.verdict = END_DONE, .reason = {.text = PROG_NONE}};
    uint32_t i;

    c->n_nodes = 0;
    if (n->kind == CONF_MAP) {
        bool found = false;

        check_keys(c, n, keys, "end");
        verdict = conf_get(n, "verdict");
        report = conf_get(n, "report");
        for (uint8_t v = 0; verdict && verdict->kind == CONF_SCALAR && verdicts[v]; v++)
            if (strcmp(verdict->text, verdicts[v]) == 0) {
                e.verdict = v;
                found = true;
            }
        if (verdict && !found) {
            FAIL(c, E_NOENT, &verdict->pos, "this is no verdict that a procedure can give");
            HINT(c, "done, accepted, rejected or quarantine");
        }
        end_reason(c, n, &e);
        if (report)
            e.n_measures = measures_add(c, report, &e.first_measure);
    } else if (n->kind != CONF_SCALAR || strcmp(n->text, "end") != 0) {
        FAIL(c, E_SYNTAX, &n->pos, "written `end: {verdict: rejected, reason: \"...\"}`");
        return;
    }
    i = TABLE_ADD(c, endings, TABLE_MAX);
    c->p->endings[i] = e;
    c->p->n_endings = (uint16_t)(i + 1);
    step_add(c, OP_END, (uint16_t)i, 0, n);
    if (!c->in_at_end)
        flow_meet(&c->at_end_flow, &c->flow);
    c->flow.dead = true;
}

/* ---- ask ---- */

static const char *const ask_keys[] = {"text", "kind", "unit",    "range", "options", "save",
                                       "sign", "role", "timeout", "photo", NULL};

static bool ask_refused(struct comp *c, const struct conf_node *n, const struct conf_node *kind)
{
    const struct conf_node *sign = conf_get(n, "sign"), *photo = conf_get(n, "photo");
    bool refused = true;

    if (kind && kind->kind == CONF_SCALAR &&
        (strcmp(kind->text, "scan") == 0 || strcmp(kind->text, "photo") == 0))
        refuse_word(c, &kind->pos, kind->text);
    else if (photo)
        refuse_word(c, &photo->key_pos, "photo");
    else if (sign && sign->kind == CONF_SCALAR && strcmp(sign->text, "2") == 0)
        refuse_word(c, &sign->key_pos, "sign: 2");
    else
        refused = false;
    if (sign && sign->kind == CONF_SCALAR && strcmp(sign->text, "1") != 0 &&
        strcmp(sign->text, "2") != 0)
        FAIL(c, E_RANGE, &sign->pos, "one or two people sign");
    return refused;
}

static struct type ask_number(struct comp *c, const struct conf_node *n, struct question *q)
{
    const struct conf_node *unit = conf_get(n, "unit"), *range = conf_get(n, "range");
    struct type t = {0};
    struct src s;
    struct parser ps;
    struct range r;
    double scale, offset;

    if (unit && unit->kind == CONF_SCALAR) {
        if (unit_parse(unit->text, strlen(unit->text), &scale, &offset, &t.dims) < 0) {
            FAIL(c, E_UNIT, &unit->pos, "'%s' is not a unit", unit->text);
            return (struct type){.any = true};
        }
        t.point = fabs(offset) > 0.0;
        q->unit = text_str(c, unit->text);
    }
    if (!range) {
        FAIL(c, E_INVALID, &n->key_pos, "a number is asked for with its `range`");
        return t;
    }
    s = src_value(range);
    parse_begin(&ps, c, &s, 0);
    if (parse_range(&ps, t, "the range of the answer", &r) && parse_end(&ps)) {
        q->lo = r.lo;
        q->hi = r.hi;
    }
    return t;
}

static struct type ask_choice(struct comp *c, const struct conf_node *n, struct question *q)
{
    const struct conf_node *options = conf_get(n, "options");
    struct words *w = arena_alloc(&c->scratch, sizeof(*w));

    if (!options || options->kind != CONF_SEQ || options->n < 2 || options->n > WORDS_MAX)
        FAIL(c, E_INVALID, options ? &options->pos : &n->key_pos,
             "a choice needs 2 to %d `options`", WORDS_MAX);
    for (const struct conf_node *i = options ? options->first : NULL; i && w->n < WORDS_MAX;
         i = i->next) {
        if (i->kind != CONF_SCALAR)
            continue;
        q->options[w->n] = text_str(c, i->text);
        w->word[w->n++] = i->text;
    }
    q->n_options = w->n;
    return (struct type){.words = w};
}

static struct type ask_type(struct comp *c, const struct conf_node *n, const struct conf_node *kind,
                            struct question *q)
{
    static const char *const kinds[] = {"yes", "choice", "number", "text", NULL};
    static const struct words yes_no = {
        .word = {"no", "yes"},
          .n = 2
    };
    int found = -1;

    for (int i = 0; kind && kind->kind == CONF_SCALAR && kinds[i]; i++)
        if (strcmp(kind->text, kinds[i]) == 0)
            found = i;
    if (found < 0) {
        FAIL(c, E_NOENT, kind ? &kind->pos : &n->key_pos,
             "a question has a `kind`: yes, choice, number or text");
        return (struct type){.any = true};
    }
    q->kind = (uint8_t)found;
    if (found == ASK_CHOICE)
        return ask_choice(c, n, q);
    if (found == ASK_NUMBER)
        return ask_number(c, n, q);
    return found == ASK_YES ? (struct type){.words = &yes_no} : (struct type){.text = true};
}

void compile_ask(struct comp *c, const struct conf_node *n)
{
    const struct conf_node *text = conf_get(n, "text"), *kind = conf_get(n, "kind"),
                           *save = conf_get(n, "save"), *timeout = conf_get(n, "timeout");
    struct question q = {.unit = PROG_NONE,
                         .save = PROG_NONE,
                         .timeout_s = PROG_NONE,
                         .lo = -INFINITY,
                         .hi = INFINITY};
    struct type t;
    uint32_t i;

    c->n_nodes = 0;
    if (n->kind != CONF_MAP || !text || text->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "written `ask: {text: \"...\", kind: yes}`");
        return;
    }
    check_keys(c, n, ask_keys, "ask");
    if (ask_refused(c, n, kind)) {
        declare_hidden(c, n);
        return;
    }
    q.text = text_str(c, text->text);
    t = ask_type(c, n, kind, &q);
    if (timeout)
        q.timeout_s = expr_of(c, timeout, TYPE_OF(DIMS_TIME), USE_REGS, "timeout");
    if (save && save->kind == CONF_SCALAR) {
        struct src name = src_value(save);

        q.save = reg_target(c, &name, t);
    } else if (save) {
        FAIL(c, E_SYNTAX, &save->pos, "an answer is saved in one register");
        HINT(c, "written `save: NAME`");
        declare_hidden(c, n);
    }
    i = TABLE_ADD(c, questions, TABLE_MAX);
    c->p->questions[i] = q;
    c->p->n_questions = (uint16_t)(i + 1);
    step_add(c, OP_ASK, (uint16_t)i, 0, n);
    if (q.save != PROG_NONE)
        flow_set(&c->flow, q.save);
}

/* ---- before ---- */

void compile_before(struct comp *c, const struct conf_node *list)
{
    if (list->kind != CONF_SEQ) {
        FAIL(c, E_SYNTAX, &list->pos, "`before` is a list of checks and questions");
        return;
    }
    for (const struct conf_node *n = list->first; n; n = n->next) {
        const struct conf_node *head = n->kind == CONF_MAP ? n->first : NULL;

        if (head && !head->next && strcmp(head->key, "check") == 0)
            compile_check(c, head);
        else if (head && !head->next && strcmp(head->key, "ask") == 0)
            compile_ask(c, head);
        else
            FAIL(c, E_INVALID, &n->pos,
                 "before the run there are only checks and questions: nothing moves yet");
    }
}

/* ---- Behind a refused word ---- */

/* What it would have saved, and how it would have ended, so that one refusal is one finding. */
static void hide(struct comp *c, const struct conf_node *n, unsigned level)
{
    for (const struct conf_node *i = n->first; i && level < NEST_MAX; i = i->next) {
        bool map = i->key && i->kind == CONF_MAP && strcmp(i->key, "save") == 0;

        for (const struct conf_node *k = map ? i->first : NULL; k; k = k->next) {
            struct src name = src_key(k);

            flow_set(&c->flow, reg_target(c, &name, (struct type){.any = true}));
        }
        if (i->key && i->kind == CONF_SCALAR && strcmp(i->key, "save") == 0) {
            struct src name = src_value(i);

            flow_set(&c->flow, reg_target(c, &name, (struct type){.any = true}));
        }
        if (i->key && i->kind == CONF_SCALAR && strcmp(i->key, "as") == 0)
            end_name_add(c, text_str(c, i->text));
        if (i->key && i->kind == CONF_SCALAR && strcmp(i->key, "stop") == 0 &&
            strstr(i->text, " as "))
            end_name_add(c, text_str(c, strstr(i->text, " as ") + 4));
        if (!map)
            hide(c, i, level + 1);
    }
}

void declare_hidden(struct comp *c, const struct conf_node *n)
{
    hide(c, n, 0);
}
