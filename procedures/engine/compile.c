/* procedures/engine/compile.c - the compile as a whole: tables, findings, and the order in which a
 * file is read.
 *
 * The tables grow in the program's arena while the file is read once, top to bottom; nothing is
 * patched but the targets of IF and JUMP. Everything is bounded (compile_priv.h), so that a hostile
 * file ends in a finding and not in a full memory. Errors are counted here and not in the diag,
 * which may be absent or full. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int comp_note(struct comp *c, int code)
{
    if (c->code == 0 && code < 0)
        c->code = code;
    c->errors += code < 0;
    return code;
}

void comp_open(struct comp *c, const char *fmt, ...)
{
    char what[sizeof(c->open->what[0])];
    va_list ap;

    if (!c->open)
        return;
    va_start(ap, fmt);
    if (vsnprintf(what, sizeof(what), fmt, ap) < 0)
        what[0] = '\0';
    va_end(ap);
    for (size_t i = 0; i < c->open->n; i++)
        if (strcmp(c->open->what[i], what) == 0)
            return;
    if (c->open->n < OPEN_MAX)
        str_copy(c->open->what[c->open->n++], sizeof(what), what);
}

/* ---- Tables ---- */

void *table_grow(struct comp *c, void *table, uint32_t n, uint32_t *cap, size_t size, uint32_t max)
{
    c->at = n;
    if (n >= max) {
        if (!c->full)
            FAIL(c, E_FULL, &c->place, "the procedure is too large: more than %u entries in a table",
                 max);
        c->full = true;
        c->at = max - 1;
        return table;
    }
    if (n >= *cap) {
        uint32_t want = *cap * 2 > 32 ? *cap * 2 : 32;
        void *more;

        if (want < n + 1)
            want = n + 1;
        more = arena_alloc(&c->p->arena, want * size);
        if (n > 0)
            memcpy(more, table, n * size);
        *cap = want;
        return more;
    }
    return table;
}

text_id text_intern(struct comp *c, const char *text, size_t n)
{
    struct program *p = c->p;
    uint32_t i;

    for (uint16_t t = 0; t < p->n_texts; t++)
        if (strlen(p->texts[t]) == n && memcmp(p->texts[t], text, n) == 0)
            return t;
    i = TABLE_ADD(c, texts, TABLE_MAX);
    p->texts[i] = arena_dup_n(&p->arena, text, n);
    p->n_texts = (uint16_t)(i + 1);
    return (text_id)i;
}

text_id text_str(struct comp *c, const char *text)
{
    return text_intern(c, text, strlen(text));
}

void step_add(struct comp *c, enum step_op op, uint16_t a, uint16_t b, const struct conf_node *at)
{
    struct program *p = c->p;
    uint32_t i = TABLE_ADD(c, steps, PROG_STEPS_MAX);

    p->steps[i] = (struct step){
        .op = (uint8_t)op,
        .depth = (uint8_t)c->depth,
        .a = a,
        .b = b,
        .block = c->depth > 0 ? c->block[c->depth - 1].block : PROG_NONE,
        .file = c->file,
        .line = at ? at->pos.line : 0,
    };
    p->n_steps = (uint16_t)(i + 1);
}

/* ---- Names of ends ---- */

void end_name_add(struct comp *c, text_id name)
{
    for (unsigned i = 0; i < c->n_end_names; i++)
        if (c->end_name[i] == name)
            return;
    if (c->n_end_names < NAMES_MAX)
        c->end_name[c->n_end_names++] = name;
    else
        FAIL(c, E_FULL, &c->place, "too many names of ends (%d at most)", NAMES_MAX);
}

void end_name_ask(struct comp *c, text_id name, const struct src *s, size_t at, size_t n)
{
    struct diag_pos pos;

    if (c->n_asked < NAMES_MAX)
        c->asked[c->n_asked++] = (struct asked_name){name, *src_pos(s, at, n, &pos)};
    else
        FAIL(c, E_FULL, src_pos(s, at, n, &pos), "too many `ended by` (%d at most)", NAMES_MAX);
}

static void check_end_names(struct comp *c)
{
    static const uint8_t always[] = {CAUSE_FOR,       CAUSE_TAPER, CAUSE_LIMIT,  CAUSE_TIMEOUT,
                                     CAUSE_STOP_WHEN, CAUSE_SKIP,  CAUSE_AT_ONCE};
    const char *names[NAMES_MAX + ARRAY_LEN(always) + 1] = {0};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(always); i++)
        names[n++] = cause_text((enum cause)always[i]);
    for (unsigned i = 0; i < c->n_end_names; i++)
        names[n++] = program_text(c->p, c->end_name[i]);
    for (unsigned i = 0; i < c->n_asked; i++) {
        const char *name = program_text(c->p, c->asked[i].name), *near;
        bool known = false;

        for (size_t k = 0; k < n; k++)
            known |= strcmp(names[k], name) == 0;
        if (known)
            continue;
        FAIL(c, E_NOENT, &c->asked[i].pos, "no end is called '%s'", name);
        near = str_nearest(name, names);
        if (near)
            HINT(c, "did you mean %s?", near);
        else
            HINT(c, "ends are named with `as`; others are for, taper, timeout, limit, skip");
    }
}

/* ---- Maps ---- */

void refuse_word(struct comp *c, const struct diag_pos *pos, const char *word)
{
    FAIL(c, E_UNSUPPORTED, pos, "`%s` is not there yet", word);
}

void check_keys(struct comp *c, const struct conf_node *map, const char *const *known,
                const char *what)
{
    for (const struct conf_node *n = map->first; n; n = n->next) {
        bool found = false;

        for (size_t i = 0; known[i] && !found; i++)
            found = strcmp(known[i], n->key) == 0;
        if (found)
            continue;
        FAIL(c, E_NOENT, &n->key_pos, "%s has no key '%s'", what, n->key);
        if (str_nearest(n->key, known))
            HINT(c, "did you mean %s?", str_nearest(n->key, known));
    }
}

/* ---- The file ---- */

static void set_window(struct comp *c)
{
    const struct article *a = c->in->article;
    struct program *p = c->p;

    p->capacity_c = p->area_m2 = p->one_c_a = p->chamber_high_k = p->chamber_low_k = NAN;
    p->charge_max_a = p->discharge_max_a = p->v_hi = p->p_hi_pa = p->ocv_hi_v = INFINITY;
    p->v_lo = p->p_lo_pa = p->ocv_lo_v = p->charge_lo_k = p->discharge_lo_k = -INFINITY;
    p->charge_hi_k = p->discharge_hi_k = INFINITY;
    if (!a)
        return;
    p->capacity_c = a->capacity_c;
    p->area_m2 = a->area_m2;
    p->one_c_a = a->capacity_c / 3600.0;
    p->charge_max_a = a->charge_current_a;
    p->discharge_max_a = a->discharge_current_a;
    p->v_lo = a->voltage_v.lo;
    p->v_hi = a->voltage_v.hi;
    p->p_lo_pa = a->pressure_pa.lo;
    p->p_hi_pa = a->pressure_pa.hi;
    p->ocv_lo_v = a->expect_ocv_v.lo;
    p->ocv_hi_v = a->expect_ocv_v.hi;
    p->charge_lo_k = a->charge_temperature_k.lo;
    p->charge_hi_k = a->charge_temperature_k.hi;
    p->discharge_lo_k = a->discharge_temperature_k.lo;
    p->discharge_hi_k = a->discharge_temperature_k.hi;
}

static void begin(struct comp *c, const struct compile_input *in)
{
    c->in = in;
    c->own_after_s = NAN;
    c->open_station = !in->station;
    c->open_article = !in->article;
    c->flow = (struct flow){0};
    c->at_end_flow = (struct flow){.dead = true};
    if (in->station)
        c->p->station = *in->station;
    else
        station_open(&c->p->station);
    compile_roles(c);
    set_window(c);
    for (int i = 0; i < CAUSE_COUNT; i++)
        text_str(c, cause_text((enum cause)i));
}

static text_id head_text(struct comp *c, const struct conf_node *root, const char *key)
{
    const struct conf_node *n = conf_get(root, key);

    if (n && n->kind != CONF_SCALAR)
        FAIL(c, E_SYNTAX, &n->pos, "%s is one text", key);
    return n && n->kind == CONF_SCALAR ? text_str(c, n->text) : PROG_NONE;
}

static void compile_identity(struct comp *c, const struct conf_node *root)
{
    struct program *p = c->p;
    const struct conf_node *name = conf_get(root, "procedure");

    p->name = head_text(c, root, "procedure");
    p->title = head_text(c, root, "title");
    p->about = head_text(c, root, "about");
    p->version = head_text(c, root, "version");
    if (!name)
        FAIL(c, E_INVALID, &root->pos, "the file does not begin with `procedure: NAME`");
    else if (name->kind == CONF_SCALAR &&
             strspn(name->text,
                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
                 strlen(name->text))
        FAIL(c, E_INVALID, &name->pos, "the name of a procedure has letters, digits, - _ and .");
}

/* The sequence of a run: before, steps, at_end. */
static void compile_sequence(struct comp *c, const struct conf_node *root)
{
    struct program *p = c->p;
    const struct conf_node *before = conf_get(root, "before"), *steps = conf_get(root, "steps"),
                           *at_end = conf_get(root, "at_end");

    p->before = PROG_NONE;
    if (before) {
        p->before = p->n_steps;
        compile_before(c, before);
        step_add(c, OP_DONE, 0, 0, before);
    }
    p->start = p->n_steps;
    if (steps)
        compile_steps(c, steps);
    else
        FAIL(c, E_INVALID, &root->pos, "the procedure has no `steps`");
    step_add(c, OP_DONE, 0, 0, steps);
    flow_meet(&c->at_end_flow, &c->flow);
    c->flow = c->at_end_flow;
    p->at_end = p->n_steps;
    c->in_at_end = true;
    if (at_end)
        compile_steps(c, at_end);
    c->in_at_end = false;
    step_add(c, OP_FINISH, 0, 0, at_end);
}

static void compile_file(struct comp *c, const struct conf_node *root)
{
    static const char *const keys[] = {"procedure", "title",  "about",         "version",
                                       "article",   "needs",  "parameters",    "guards",
                                       "watch",     "record", "on_power_loss", "before",
                                       "steps",     "at_end", "returns",       "model",
                                       NULL};

    c->root = root;
    check_keys(c, root, keys, "a procedure");
    compile_identity(c, root);
    compile_head(c, root);
    compile_parameters(c, root, NULL, 0);
    compile_model(c, conf_get(root, "model"));
    if (conf_get(root, "record") &&
        compile_record(c, conf_get(root, "record"), &c->first_record, &c->n_records)) {
        c->p->first_record = c->first_record;
        c->p->n_default_records = c->n_records;
    } else if (!conf_get(root, "record")) {
        c->p->first_record = default_record(c);
        c->p->n_default_records = 1;
    }
    compile_power(c, conf_get(root, "on_power_loss"));
    compile_sequence(c, root);
    if (c->in->bench_guards)
        compile_guards(c, c->in->bench_guards, GUARD_BENCH);
    compile_article_guards(c);
    if (conf_get(root, "guards"))
        compile_guards(c, conf_get(root, "guards"), GUARD_PROCEDURE);
    if (conf_get(root, "watch"))
        compile_watches(c, conf_get(root, "watch"));
    check_returns(c, root);
    check_end_names(c);
    chamber_limits(c);
    compile_proof(c);
}

int program_compile(const struct compile_input *in, struct program *ret, struct open_list *ret_open,
                    struct diag *reterr)
{
    struct program p = {.name = PROG_NONE, .model = {.of = PROG_NONE}};
    struct arena scratch;
    struct comp *c;
    int code;

    arena_init(&scratch);
    arena_init(&p.arena);
    c = arena_alloc(&scratch, sizeof(*c));
    c->p = &p;
    c->open = ret_open;
    c->d = reterr;
    arena_init(&c->scratch);
    if (ret_open)
        ret_open->n = 0;
    begin(c, in);
    c->p->files = arena_alloc(&p.arena, FILES_MAX * sizeof(*p.files));
    c->p->files[0] = arena_dup(&p.arena, in->procedure->file ? in->procedure->file : "procedure");
    c->p->n_files = 1;
    c->call[c->n_calls++] = c->p->files[0];
    if (!in->procedure->root || in->procedure->root->kind != CONF_MAP)
        FAIL(c, E_SYNTAX, in->procedure->root ? &in->procedure->root->pos : NULL,
             "a procedure is a map that begins with `procedure: NAME`");
    else
        compile_file(c, in->procedure->root);
    code = c->code;
    parameters_done(c);
    arena_done(&c->scratch);
    arena_done(&scratch);
    if (code < 0) {
        arena_done(&p.arena);
        return code;
    }
    program_hash(&p);
    *ret = p;
    return 0;
}

int program_expr(struct program *p, const char *text, expr_id *ret, struct diag *reterr)
{
    static const struct compile_input none;
    struct src s = {
        .text = text,
        .n = strlen(text),
        .pos = {.file = "expression", .line = 1, .column = 1, .text = text}
    };
    struct arena scratch;
    struct comp *c;
    struct parser ps;
    int root, code;

    arena_init(&scratch);
    c = arena_alloc(&scratch, sizeof(*c));
    c->p = p;
    c->d = reterr;
    c->in = &none;
    c->own_after_s = NAN;
    arena_init(&c->scratch);
    /* The tables of a finished program are full as far as we know: the first entry moves them. */
    c->cap_exprs = p->n_exprs;
    c->cap_windows = p->n_windows;
    c->cap_code = p->n_code;
    c->cap_texts = p->n_texts;
    for (uint16_t i = 0; i < p->n_regs; i++) {
        struct symbol *y = symbol_add(c, program_text(p, p->regs[i].name), SYM_REG);

        y->t = (struct type){
            .dims = p->regs[i].dims, .point = p->regs[i].point, .text = p->regs[i].text};
        y->reg = i;
    }
    parse_begin(&ps, c, &s, USE_ALL | USE_UNSET);
    root = parse_condition(&ps);
    if (root != NODE_NONE && parse_end(&ps))
        *ret = expr_emit_src(c, root, &s);
    code = c->code;
    arena_done(&c->scratch);
    arena_done(&scratch);
    return code;
}
