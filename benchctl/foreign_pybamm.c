/* benchctl/foreign_pybamm.c - PyBaMM experiments as users have them: a script that calls
 * pybamm.Experiment, a list alone (Python or JSON), or one sentence a line. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

struct reading {
    struct lit_reader r;
    struct foreign *f;
    struct diag *d;
    unsigned depth, visits;
};

static int refuse(struct reading *g, const struct lit *l, int code, const char *text,
                  const char *hint)
{
    diag_at(g->d, code, &l->pos, "%s", text);
    if (hint)
        diag_hint(g->d, "%s", hint);
    return code;
}

static struct sentence sentence_of(const struct lit *l)
{
    return (struct sentence){.text = l->text, .pos = l->pos, .exact = l->exact};
}

static bool is_none(const struct lit *l)
{
    return l->kind == LIT_WORD && (strcmp(l->text, "None") == 0 || strcmp(l->text, "null") == 0);
}

/* Seconds, or a text such as "10 seconds". */
static int time_of(struct reading *g, const struct lit *l, const char *what, double *ret)
{
    struct sentence s = sentence_of(l);

    if (is_none(l))
        return 0;
    if (l->kind == LIT_TEXT)
        return sentence_time(&s, what, ret, g->d);
    if (l->kind != LIT_NUMBER)
        return refuse(g, l, E_SYNTAX, "a time is expected", "as in \"10 seconds\"");
    if (!(l->number > 0.0 && l->number <= 1e9))
        return refuse(g, l, E_RANGE, "the time is out of range", NULL);
    *ret = l->number;
    return 0;
}

static int period_of(struct reading *g, const struct lit *l, double *ret)
{
    int rc = time_of(g, l, "a period", ret);

    return rc == 0 && *ret < 1e-3
               ? refuse(g, l, E_RANGE, "nothing is recorded faster than every 1 ms", NULL)
               : rc;
}

static int temperature_of(struct reading *g, const struct lit *l, double *ret)
{
    struct sentence s = sentence_of(l);

    if (is_none(l))
        return 0;
    if (l->kind == LIT_TEXT)
        return sentence_temperature(&s, ret, g->d);
    if (l->kind != LIT_NUMBER || !(l->number > 0.0 && l->number < 2000.0))
        return refuse(g, l, E_RANGE, "a temperature is a number of kelvin or a text",
                      "as in \"25 oC\"");
    *ret = sentence_kelvin(l->number);
    return 0;
}

/* ---- pybamm.step.NAME(...) ---- */

struct step_kind {
    const char *name, *type; /* of a call; of a JSON object's "type" */
    struct dims dims;
};
static const struct step_kind step_kinds[] = {
    {"current",    "Current",    DIM_CURRENT   },
    {"c_rate",     "CRate",      DIM_CRATE     },
    {"voltage",    "Voltage",    DIM_VOLTAGE   },
    {"power",      "Power",      DIM_POWER     },
    {"resistance", "Resistance", DIM_RESISTANCE},
    {"rest",       "Rest",       DIM_NONE      },
    {"string",     "",           DIM_NONE      },
};

static const struct step_kind *kind_of(const struct lit *l)
{
    const char *name = l->text, *dot;

    if (l->kind == LIT_MAP) {
        const struct lit *type = l->first;

        while (type && strcmp(type->key, "type") != 0)
            type = type->next;
        name = type && type->kind == LIT_TEXT ? type->text : "?";
    } else if ((dot = strrchr(name, '.')) != NULL) {
        name = dot + 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(step_kinds); i++)
        if (strcmp(l->kind == LIT_MAP ? step_kinds[i].type : step_kinds[i].name, name) == 0)
            return &step_kinds[i];
    return NULL;
}

static int step_terminations(struct reading *g, const struct lit *l, struct foreign_step *s)
{
    int rc = 0;

    for (const struct lit *i = l->kind == LIT_SEQ ? l->first : l; i && rc == 0;
         i = l->kind == LIT_SEQ ? i->next : NULL) {
        struct sentence text = sentence_of(i);

        if (is_none(i))
            continue;
        if (i->kind != LIT_TEXT)
            return refuse(g, i, E_UNSUPPORTED, "only ends that are texts can be read",
                          "as in \"4.1 V\" or \"50 mA\"");
        rc = sentence_end(&text, s, g->d);
    }
    return rc;
}

/* A keyword of a step, or of a JSON step. */
static int step_keyword(struct reading *g, const struct lit *l, struct foreign_step *s)
{
    static const char *const own[] = {"type", "value", "text", NULL}, *const aside[] = {
                                                                          "description", "tags",
                                                                          "direction", "skip_ok",
                                                                          NULL};

    for (size_t i = 0; own[i]; i++)
        if (strcmp(own[i], l->key) == 0)
            return 0;
    for (size_t i = 0; aside[i]; i++)
        if (strcmp(aside[i], l->key) == 0) {
            if (!is_none(l))
                diag_warn_at(g->d, &l->pos, "`%s` is not carried over", l->key);
            return 0;
        }
    if (strcmp(l->key, "duration") == 0)
        return time_of(g, l, "a duration", &s->for_s);
    if (strcmp(l->key, "termination") == 0)
        return step_terminations(g, l, s);
    if (strcmp(l->key, "period") == 0)
        return period_of(g, l, &s->period_s);
    if (strcmp(l->key, "temperature") == 0)
        return temperature_of(g, l, &s->temperature_k);
    if (strcmp(l->key, "start_time") == 0 && is_none(l))
        return 0;
    if (strcmp(l->key, "start_time") == 0)
        return refuse(g, l, E_UNSUPPORTED, "a step cannot begin at a time of day", NULL);
    return refuse(g, l, E_NOENT, "a step has no such keyword",
                  "duration, termination, period, temperature, tags, description");
}

static const struct lit *positional(const struct lit *call, const char *key)
{
    const struct lit *first = call->first;

    if (call->kind == LIT_CALL && first && !first->key)
        return first;
    for (const struct lit *i = call->first; i; i = i->next)
        if (i->key && strcmp(i->key, key) == 0)
            return i;
    return NULL;
}

/* The value decides what it is; a positive one is a discharge. */
static int step_number(struct reading *g, const struct lit *l, const struct step_kind *kind,
                       struct foreign_step *s)
{
    const struct lit *v = positional(l, "value");
    bool hold = dims_equal(kind->dims, DIMS_VOLTAGE);

    if (!v)
        return refuse(g, l, E_INVALID, "the step has no value", NULL);
    if (v->kind != LIT_NUMBER)
        return refuse(g, v, E_UNSUPPORTED, "only a number can be read here",
                      "a drive cycle is written as CSV for our verb `drive`");
    s->kind = hold ? FOREIGN_HOLD : v->number < 0.0 ? FOREIGN_CHARGE : FOREIGN_DISCHARGE;
    s->at = hold ? v->number : fabs(v->number);
    s->dims = kind->dims;
    return 0;
}

static int call_value(struct reading *g, const struct lit *l, const struct step_kind *kind,
                      struct foreign_step *s)
{
    const struct lit *v;
    struct sentence text;

    if (strcmp(kind->name, "rest") == 0) {
        v = l->kind == LIT_CALL ? positional(l, "duration") : NULL;
        return v && !v->key ? time_of(g, v, "a duration", &s->for_s) : 0;
    }
    if (strcmp(kind->name, "string") != 0)
        return step_number(g, l, kind, s);
    v = positional(l, "text");
    if (!v || v->kind != LIT_TEXT)
        return refuse(g, l, E_INVALID, "a sentence is expected", NULL);
    text = sentence_of(v);
    return sentence_read(&text, s, g->d);
}

/* The comment of a step that is no sentence: its text in the file. */
static const char *call_text(struct reading *g, const struct lit *l)
{
    const char *line = l->pos.text ? l->pos.text : "";

    while (*line == ' ' || *line == '\t')
        line++;
    return arena_dup(&g->f->arena, line);
}

static int take_call(struct reading *g, const struct lit *l)
{
    const struct step_kind *kind = kind_of(l);
    struct foreign_step s = foreign_blank(FOREIGN_REST);
    struct sentence whole = {.text = "", .pos = l->pos};
    int rc;

    if (!kind)
        return refuse(g, l, E_UNSUPPORTED, "this is no step that can be read",
                      "string, current, c_rate, voltage, power, resistance or rest");
    rc = call_value(g, l, kind, &s);
    for (const struct lit *i = l->first; i && rc == 0; i = i->next) {
        if (i->key)
            rc = step_keyword(g, i, &s);
        else if (i != l->first)
            rc = refuse(g, i, E_UNSUPPORTED, "write this value with its keyword", NULL);
    }
    rc = rc < 0 ? rc : sentence_whole(&whole, &s, g->d);
    if (rc < 0)
        return rc;
    s.pos = l->pos;
    s.origin = call_text(g, l);
    return foreign_add(g->f, s, g->d);
}

/* ---- Lists ---- */

static bool lit_same(const struct lit *a, const struct lit *b, unsigned depth)
{
    const struct lit *i, *k;

    if (a->kind != b->kind || a->times != b->times || depth > 4)
        return false;
    if (a->kind == LIT_TEXT)
        return strcmp(a->text, b->text) == 0;
    if (a->kind != LIT_SEQ)
        return false;
    for (i = a->first, k = b->first; i && k; i = i->next, k = k->next)
        if (!lit_same(i, k, depth + 1))
            return false;
    return !i && !k;
}

static int take_item(struct reading *g, const struct lit *l, unsigned times);

static int take_children(struct reading *g, const struct lit *l)
{
    int rc = 0, first = 0;

    for (const struct lit *i = l->first; i; i = i->next) {
        unsigned same = 1;

        /* cycles that were multiplied before they were written */
        while (i->kind == LIT_SEQ && i->times == 1 && i->next && same < FOREIGN_TURNS_MAX &&
               lit_same(i, i->next, 0)) {
            i = i->next;
            same++;
        }
        rc = take_item(g, i, same);
        first = first == 0 ? rc : first;
        if (rc == E_FULL)
            break;
    }
    return first;
}

/* A repetition of nothing but a repetition is one: both begin at `at`, and the list ends with the
 * inner one. */
static int merge_inner(struct reading *g, const struct lit *l, unsigned at)
{
    struct foreign_step *step = g->f->step;
    unsigned depth = 0, end = at + 1;

    for (; end < g->f->n; end++) {
        depth += step[end].kind == FOREIGN_REPEAT;
        if (depth == 0 || (step[end].kind == FOREIGN_END && --depth == 0))
            break;
    }
    if (end + 1 != g->f->n || step[end].kind != FOREIGN_END)
        return 0;
    if ((double)step[at].turns * step[at + 1].turns > FOREIGN_TURNS_MAX)
        return refuse(g, l, E_RANGE, "too many turns of one list", NULL);
    step[at].turns *= step[at + 1].turns;
    g->f->n -= 2;
    memmove(step + at + 1, step + at + 2, (g->f->n - at - 1) * sizeof(*step));
    return 0;
}

static int take_list(struct reading *g, const struct lit *l, double turns)
{
    struct foreign_step mark = foreign_blank(FOREIGN_REPEAT);
    unsigned before = g->f->n;
    int rc = 0;

    if (!(turns <= FOREIGN_TURNS_MAX))
        return refuse(g, l, E_RANGE, "too many turns of one list", NULL);
    mark.turns = (unsigned)turns;
    mark.pos = l->pos;
    if (turns > 1.0 && ++g->depth > FOREIGN_DEPTH_MAX) {
        rc = refuse(g, l, E_FULL, "too many repetitions in each other", NULL);
    } else {
        rc = turns > 1.0 ? foreign_add(g->f, mark, g->d) : 0;
        rc = rc < 0 ? rc : take_children(g, l);
        mark.kind = FOREIGN_END;
        if (turns > 1.0 && g->f->n == before + 1)
            g->f->n = before; /* nothing is done again */
        else if (turns > 1.0 && rc == 0)
            rc = merge_inner(g, l, before);
        if (turns > 1.0 && rc == 0 && g->f->n > before)
            rc = foreign_add(g->f, mark, g->d);
    }
    g->depth -= turns > 1.0;
    return rc;
}

static int take_item(struct reading *g, const struct lit *l, unsigned times)
{
    struct sentence text = sentence_of(l);
    struct foreign_step s;
    int rc;

    if (++g->visits > LIT_NODES_MAX)
        return refuse(g, l, E_FULL, "the list has too many entries",
                      "what is done again is written as [...] * N");
    if (l->kind == LIT_SEQ)
        return take_list(g, l, (double)l->times * times);
    if (l->kind == LIT_CALL || l->kind == LIT_MAP)
        return take_call(g, l);
    if (l->kind != LIT_TEXT)
        return refuse(g, l, E_SYNTAX, "a step is a text", "as in \"Rest for 1 hour\"");
    rc = sentence_read(&text, &s, g->d);
    return rc < 0 ? rc : foreign_add(g->f, s, g->d);
}

/* ---- The experiment as a whole ---- */

static int one_termination(struct reading *g, const struct lit *l)
{
    struct sentence text = sentence_of(l);
    struct foreign_step s = foreign_blank(FOREIGN_REST);
    size_t n = l->kind == LIT_TEXT ? strlen(l->text) : 0;

    if (l->kind != LIT_TEXT)
        return refuse(g, l, E_SYNTAX, "the end of an experiment is a text", "as in \"2.5 V\"");
    if (strstr(l->text, "capacity"))
        return refuse(g, l, E_UNSUPPORTED, "an end at a capacity is not translated",
                      "save the charge of a step: `if: q < 0.8 * q_first`, then `leave`");
    if (n > 0 && l->text[n - 1] == 'V') {
        if (sentence_end(&text, &s, g->d) < 0)
            return E_SYNTAX;
        if (s.end_sign || !isnan(g->f->stop_v))
            return refuse(g, l, E_UNSUPPORTED, "one voltage without a sign ends an experiment",
                          NULL);
        g->f->stop_v = s.end_v;
        diag_warn_at(g->d, &l->pos, "this ends the procedure at once, PyBaMM ends after the cycle");
        return 0;
    }
    return sentence_time(&text, "a duration", &g->f->stop_s, g->d);
}

static int terminations(struct reading *g, const struct lit *l)
{
    int first = 0;

    if (l->kind != LIT_SEQ)
        return is_none(l) ? 0 : one_termination(g, l);
    for (const struct lit *i = l->first; i; i = i->next) {
        int rc = one_termination(g, i);

        first = first == 0 ? rc : first;
    }
    return first;
}

static int experiment_keyword(struct reading *g, const struct lit *l, double *temperature_k)
{
    if (strcmp(l->key, "operating_conditions") == 0)
        return 0;
    if (strcmp(l->key, "period") == 0) {
        g->f->period_default = is_none(l);
        return period_of(g, l, &g->f->period_s);
    }
    if (strcmp(l->key, "temperature") == 0)
        return temperature_of(g, l, temperature_k);
    if (strcmp(l->key, "termination") == 0)
        return terminations(g, l);
    return refuse(g, l, E_UNSUPPORTED, "an experiment has no such keyword that can be read",
                  "period, temperature, termination");
}

static int take_experiment(struct reading *g, const struct lit *call)
{
    const struct lit *list = positional(call, "operating_conditions");
    double temperature_k = NAN;
    int first = 0, rc;

    for (const struct lit *i = call->first; i; i = i->next) {
        rc = !i->key
                 ? (i == call->first
                        ? 0
                        : refuse(g, i, E_UNSUPPORTED, "write this value with its keyword", NULL))
                 : experiment_keyword(g, i, &temperature_k);
        first = first == 0 ? rc : first;
    }
    if (!list || list->kind != LIT_SEQ)
        return refuse(g, list ? list : call, E_SYNTAX, "the list of steps is missing", NULL);
    rc = take_item(g, list, 1);
    for (unsigned i = 0; i < g->f->n; i++)
        if (isnan(g->f->step[i].temperature_k))
            g->f->step[i].temperature_k = temperature_k;
    return first == 0 ? rc : first;
}

/* {"cycles": [[...], ...]} or {"steps": [...]} */
static int take_config(struct reading *g, const struct lit *map)
{
    const struct lit *list = map->first;

    if (!list || list->next || list->kind != LIT_SEQ ||
        (strcmp(list->key, "cycles") != 0 && strcmp(list->key, "steps") != 0))
        return refuse(g, map, E_SYNTAX, "an object with `cycles` or `steps` alone is expected",
                      NULL);
    return take_item(g, list, 1);
}

/* ---- One sentence a line ---- */

static int take_lines(struct reading *g)
{
    struct foreign_source *src = &g->r.src;
    int first = 0;

    for (unsigned line = 0; line < src->n_lines; line++) {
        size_t from = src->line_start[line],
               to = line + 1 < src->n_lines ? src->line_start[line + 1] - 1 : src->n;
        struct foreign_step s;
        struct sentence text = {.exact = true};
        int rc;

        while (from < to && strchr(" \t\r-", src->text[from]) && src->text[from])
            from++;
        while (to > from && strchr(" \t\r,", src->text[to - 1]) && src->text[to - 1])
            to--;
        if (from == to || src->text[from] == '#')
            continue;
        text.pos = foreign_pos(src, from, to);
        text.text = arena_dup_n(&g->f->arena, src->text + from, to - from);
        rc = sentence_read(&text, &s, g->d);
        rc = rc < 0 ? rc : foreign_add(g->f, s, g->d);
        first = first == 0 ? rc : first;
        /* what does not begin with a step is no list of them */
        if (rc == E_FULL || (rc < 0 && g->f->n == 0))
            break;
    }
    return first;
}

/* ---- The file ---- */

static int read_any(struct reading *g)
{
    bool found;
    struct lit *l = lit_experiment(&g->r, &found);

    if (found)
        return l ? take_experiment(g, l) : E_SYNTAX;
    g->r.at = 0;
    g->r.n_vars = g->r.nodes = 0;
    lit_blank(&g->r);
    if (g->r.at < g->r.src.n && strchr("[({\"'", g->r.src.text[g->r.at])) {
        l = lit_expression(&g->r);
        if (!l || !lit_at_end(&g->r))
            return E_SYNTAX;
        return l->kind == LIT_MAP ? take_config(g, l) : take_item(g, l, 1);
    }
    return take_lines(g);
}

int pybamm_read(const char *file, const char *text, size_t n, struct foreign *f,
                struct diag *reterr)
{
    struct reading g = {.f = f, .d = reterr};
    bool steps = false;
    int rc;

    g.r.arena = &f->arena;
    g.r.d = reterr;
    foreign_source_init(&g.r.src, file, text, n, &f->arena);
    f->period_s = 60.0;
    f->period_default = true;
    rc = read_any(&g);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < f->n; i++)
        steps |= f->step[i].kind <= FOREIGN_REST;
    if (!steps) {
        diag_add(reterr, E_INVALID, "%s holds no step", file);
        diag_hint(reterr, "a list of sentences, or a script with pybamm.Experiment([...])");
        return E_INVALID;
    }
    return 0;
}
