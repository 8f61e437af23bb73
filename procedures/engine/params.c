/* procedures/engine/params.c - parameters and calls. Parameters are constants of the program, from
 * the file, from --set or from a call. What a call gives may be measured: then it is a register. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static bool node_is(const struct conf_node *n, const char *word)
{
    return n->kind == CONF_SCALAR && strcmp(n->text, word) == 0;
}

static bool below(double a, double b)
{
    return a < b - 1e-9 * (fabs(a) + fabs(b));
}

/* A value that a parameter got, before it has a name. */
struct given {
    const struct conf_node *value;
    bool dynamic; /* a call gave a value that is measured */
    expr_id expr;
    struct type t;
    double v;
    bool have;
};

static const struct words *words_of(struct comp *c, const struct conf_node *list)
{
    struct words *w = arena_alloc(&c->scratch, sizeof(*w));

    for (const struct conf_node *i = list->first; i; i = i->next) {
        if (i->kind != CONF_SCALAR || w->n >= WORDS_MAX) {
            FAIL(c, E_INVALID, &i->pos, "at most %d words stand here", WORDS_MAX);
            break;
        }
        w->word[w->n++] = i->text;
    }
    return w;
}

static bool value_node(struct comp *c, const struct conf_node *n, struct type *ret_t, double *ret_v,
                       struct src *s)
{
    struct parser ps;
    int root;

    *s = src_value(n);
    if (n->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos, "one value stands here");
        return false;
    }
    parse_begin(&ps, c, s, 0);
    root = parse_sum(&ps);
    if (root == NODE_NONE || !parse_end(&ps))
        return false;
    if (!node_is_const(c, root) && !c->node[root].t.any && !c->open_article) {
        FAIL(c, E_INVALID, &n->pos, "a parameter is known before the run");
        return false;
    }
    *ret_t = c->node[root].t;
    *ret_v = c->node[root].op == INSN_CONST ? c->node[root].v : (double)NAN;
    return true;
}

static void check_within(struct comp *c, const struct conf_node *spec,
                         const struct conf_node *value, struct type t, double v)
{
    const struct conf_node *within = conf_get(spec, "within");
    struct src s;
    struct parser ps;
    struct range r;

    if (!within)
        return;
    if (within->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &within->pos, "`within` is a range: 1 MPa .. 10 MPa");
        return;
    }
    s = src_value(within);
    parse_begin(&ps, c, &s, 0);
    if (dims_equal(t.dims, DIMS_CURRENT) && strstr(s.text, "C")) {
        t.dims = DIMS_CRATE;
        v /= c->p->one_c_a;
    }
    if (!parse_range(&ps, t, "within", &r) || !parse_end(&ps))
        return;
    if (below(v, r.lo) || below(r.hi, v)) {
        char a[32];

        FAIL(c, E_RANGE, &value->pos, "%s is not within %s",
             qty_print(v, t.dims, t.point, a, sizeof(a)), within->text);
    }
}

static uint16_t list_add(struct comp *c, expr_id e)
{
    uint32_t i = TABLE_AT(c, list_exprs, n_lists, cap_lists, TABLE_MAX);

    c->p->list_exprs[i] = e;
    c->p->n_lists = (uint16_t)(i + 1);
    return (uint16_t)i;
}

static void parameter_list(struct comp *c, const struct conf_node *spec,
                           const struct conf_node *value, const char *name)
{
    struct symbol *s;
    struct type t = {0}, one;
    struct src src;
    uint16_t first = c->p->n_lists, n = 0;
    double v, lo = INFINITY, hi = -INFINITY;
    char a[48], b[48];

    for (const struct conf_node *i = value->first; i; i = i->next) {
        if (!value_node(c, i, &one, &v, &src))
            continue;
        if (n == 0)
            t = one;
        else if (!one.any && (!dims_equal(one.dims, t.dims) || one.point != t.point))
            FAIL(c, E_UNIT, &i->pos, "the list holds %s, but this is %s",
                 type_name(&t, a, sizeof(a)), type_name(&one, b, sizeof(b)));
        check_within(c, spec, i, t, v);
        if (n >= LIST_MAX) {
            FAIL(c, E_FULL, &i->pos, "a list has at most %d values", LIST_MAX);
            break;
        }
        list_add(c, expr_emit_node(c, node_const(c, v, t), i));
        n++;
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    if (n == 0)
        FAIL(c, E_INVALID, &value->pos, "the list is empty");
    s = symbol_add(c, name, SYM_LIST);
    s->t = t;
    s->list_first = first;
    s->list_n = n;
    s->lo = lo;
    s->hi = hi;
}

static void parameter_word(struct comp *c, const struct conf_node *one_of,
                           const struct conf_node *value, const char *name)
{
    const struct words *w = words_of(c, one_of);
    struct symbol *s = symbol_add(c, name, SYM_CONST);
    const char *list[WORDS_MAX + 1] = {0};

    s->t = (struct type){.words = w};
    for (uint8_t i = 0; i < w->n; i++) {
        list[i] = w->word[i];
        if (node_is(value, w->word[i])) {
            s->v = i;
            return;
        }
    }
    FAIL(c, E_NOENT, &value->pos, "this is not one of the words of %s", name);
    if (value->kind == CONF_SCALAR && str_nearest(value->text, list))
        HINT(c, "did you mean %s?", str_nearest(value->text, list));
}

/* The default decides what sort of value a parameter is. */
static bool check_sort(struct comp *c, const struct conf_node *spec, const struct conf_node *value,
                       const char *name, struct type t)
{
    const struct conf_node *standard = conf_get(spec, "default");
    struct type d;
    struct src src;
    double v;
    char a[48], b[48];

    if (!standard || standard == value || standard->kind != CONF_SCALAR ||
        !value_node(c, standard, &d, &v, &src))
        return true;
    if (dims_equal(d.dims, DIMS_CRATE) && dims_equal(t.dims, DIMS_CURRENT))
        return true; /* a rate may be given in amperes */
    if (d.any || t.any || (dims_equal(d.dims, t.dims) && d.point == t.point))
        return true;
    FAIL(c, E_UNIT, &value->pos, "the parameter %s is %s, but this is %s", name,
         type_name(&d, a, sizeof(a)), type_name(&t, b, sizeof(b)));
    return false;
}

static void parameter_add(struct comp *c, const struct conf_node *spec, const struct given *g)
{
    const struct conf_node *one_of = conf_get(spec, "one of");
    struct symbol *s;
    struct type t;
    struct src src;
    double v;

    if (g->dynamic) {
        s = symbol_add(c, spec->key, SYM_LOOP);
        s->t = g->t;
        s->reg = reg_add(c, spec->key, g->t);
        step_add(c, OP_LET, s->reg, g->expr, g->value);
        return;
    }
    if (one_of && one_of->kind == CONF_SEQ && !g->have) {
        parameter_word(c, one_of, g->value, spec->key);
        return;
    }
    if (!g->have && g->value->kind == CONF_SEQ) {
        parameter_list(c, spec, g->value, spec->key);
        return;
    }
    t = g->t;
    v = g->v;
    if (!g->have && !value_node(c, g->value, &t, &v, &src)) {
        s = symbol_add(c, spec->key, SYM_CONST);
        s->t.any = true;
        return;
    }
    if (check_sort(c, spec, g->value, spec->key, t))
        check_within(c, spec, g->value, t, v);
    else
        t.any = true; /* one finding is enough */
    s = symbol_add(c, spec->key, SYM_CONST);
    s->t = t;
    s->v = v;
}

/* `rate=C/5` is read as the YAML it stands for. */
static const struct conf_node *set_value(struct comp *c, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < c->in->n_sets; i++) {
        const char *set = c->in->sets[i];
        struct conf_doc *doc;
        char *text;
        int rc;

        if (strncmp(set, name, len) != 0 || set[len] != '=')
            continue;
        if (c->n_set_docs >= SETS_MAX) {
            FAIL(c, E_FULL, NULL, "at most %d values can be set", SETS_MAX);
            return NULL;
        }
        doc = arena_alloc(&c->scratch, sizeof(*doc));
        text = arena_fmt(&c->scratch, "%s: %s", name, set + len + 1);
        rc = conf_load_text("--set", text, strlen(text), doc, c->d);
        if (rc < 0) {
            comp_note(c, rc);
            return NULL;
        }
        c->set_doc[c->n_set_docs++] = doc;
        return doc->root ? conf_get(doc->root, name) : NULL;
    }
    return NULL;
}

void parameters_done(struct comp *c)
{
    for (unsigned i = 0; i < c->n_set_docs; i++)
        conf_done(c->set_doc[i]);
    c->n_set_docs = 0;
}

/* A value from a call, read in the caller's words. */
static void given_by_caller(struct comp *c, const struct conf_node *value, unsigned caller_base,
                            struct given *ret)
{
    unsigned base = c->base, n_symbols = c->n_symbols;
    struct src s = src_value(value);
    struct parser ps;
    int root;

    ret->value = value;
    if (value->kind != CONF_SCALAR)
        return;
    c->base = caller_base;
    c->n_symbols = base; /* the callee's own names begin there and are not the caller's */
    parse_begin(&ps, c, &s, USE_ALL);
    root = parse_sum(&ps);
    c->base = base;
    c->n_symbols = n_symbols;
    if (root == NODE_NONE || !parse_end(&ps)) {
        *ret = (struct given){.value = value, .have = true, .t = {.any = true}};
        return;
    }
    ret->have = true;
    ret->t = c->node[root].t;
    ret->v = c->node[root].v;
    if (node_is_const(c, root) || ret->t.any)
        return;
    ret->dynamic = true;
    ret->expr = expr_emit_src(c, root, &s);
}

static void unknown_sets(struct comp *c, const struct conf_node *parameters)
{
    const char *names[65];
    size_t n = 0;

    for (const struct conf_node *i = parameters ? parameters->first : NULL; i && n < 64;
         i = i->next)
        names[n++] = i->key;
    names[n] = NULL;
    for (size_t i = 0; i < c->in->n_sets; i++) {
        const char *set = c->in->sets[i];
        size_t len = strcspn(set, "=");
        char name[NAME_TEXT_MAX + 1];
        bool found = false;

        if (len > NAME_TEXT_MAX || set[len] == '\0') {
            FAIL(c, E_SYNTAX, NULL, "'%s': a parameter is set as name=value", set);
            continue;
        }
        memcpy(name, set, len);
        name[len] = '\0';
        for (size_t k = 0; k < n && !found; k++)
            found = strcmp(names[k], name) == 0;
        if (found)
            continue;
        FAIL(c, E_NOENT, NULL, "the procedure has no parameter '%s'", name);
        if (str_nearest(name, names))
            HINT(c, "did you mean %s?", str_nearest(name, names));
    }
}

static bool parameter_given(struct comp *c, const struct conf_node *spec,
                            const struct conf_node *with, unsigned caller_base, bool called,
                            struct given *ret)
{
    static const char *const keys[] = {"default", "within", "one of", "about", NULL};

    *ret = (struct given){0};
    if (spec->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &spec->pos, "a parameter is a map: {default: C/10, within: C/100 .. 2C}");
        return false;
    }
    check_keys(c, spec, keys, "a parameter");
    if (called && with && conf_get(with, spec->key))
        given_by_caller(c, conf_get(with, spec->key), caller_base, ret);
    else if (!called)
        ret->value = set_value(c, spec->key);
    if (!ret->value)
        ret->value = conf_get(spec, "default");
    if (ret->value)
        return true;
    FAIL(c, E_INVALID, &spec->key_pos, "the parameter %s has no default and is not set", spec->key);
    return false;
}

void compile_parameters(struct comp *c, const struct conf_node *root, const struct conf_node *with,
                        unsigned caller_base)
{
    const struct conf_node *parameters = conf_get(root, "parameters");
    bool called = c->n_calls > 1;
    struct given g;

    if (!called)
        unknown_sets(c, parameters);
    for (const struct conf_node *i = with ? with->first : NULL; i; i = i->next)
        if (!parameters || !conf_get(parameters, i->key))
            FAIL(c, E_NOENT, &i->key_pos, "the called procedure has no parameter '%s'", i->key);
    if (!parameters)
        return;
    if (parameters->kind != CONF_MAP) {
        FAIL(c, E_SYNTAX, &parameters->pos, "`parameters` is a map");
        return;
    }
    for (const struct conf_node *spec = parameters->first; spec; spec = spec->next) {
        struct src name = src_key(spec);

        c->n_nodes = 0;
        if (strspn(name.text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
                name.n ||
            is_keyword(name.text, name.n)) {
            FAIL(c, E_SYNTAX, &name.pos, "'%s' cannot be the name of a parameter", name.text);
            continue;
        }
        if (parameter_given(c, spec, with, caller_base, called, &g))
            parameter_add(c, spec, &g);
    }
}

void check_returns(struct comp *c, const struct conf_node *root)
{
    const struct conf_node *returns = conf_get(root, "returns");

    if (returns && returns->kind != CONF_SEQ) {
        FAIL(c, E_SYNTAX, &returns->pos, "`returns` is a list of registers");
        return;
    }
    for (const struct conf_node *i = returns ? returns->first : NULL; i; i = i->next) {
        struct symbol *s = i->kind == CONF_SCALAR ? symbol_find(c, i->text, strlen(i->text)) : NULL;

        if (!s || s->kind != SYM_REG)
            FAIL(c, E_NOENT, &i->pos, "no register of this name is set in the procedure");
        else
            c->p->regs[s->reg].returned = true;
    }
}

/* ---- Calls ---- */

static void open_call(struct comp *c, const struct conf_node *file, const struct conf_node *with,
                      const struct conf_node *save)
{
    comp_open(c, "file %s", file->text);
    for (const struct conf_node *i = with && with->kind == CONF_MAP ? with->first : NULL; i;
         i = i->next) {
        struct src s = src_value(i);
        struct parser ps;

        if (i->kind != CONF_SCALAR)
            continue;
        parse_begin(&ps, c, &s, USE_ALL);
        if (parse_sum(&ps) != NODE_NONE)
            parse_end(&ps);
    }
    for (const struct conf_node *i = save && save->kind == CONF_MAP ? save->first : NULL; i;
         i = i->next) {
        struct src name = src_key(i);
        reg_id reg = reg_target(c, &name, (struct type){.any = true});

        if (reg != PROG_NONE)
            flow_set(&c->flow, reg);
    }
}

/* What a call gives back, by the callee's names. */
struct given_back {
    struct {
        const struct conf_node *node;
        reg_id reg;
        struct type t;
    } entry[16];
    unsigned n;
};

static void find_returns(struct comp *c, const struct conf_node *root, const struct conf_node *save,
                         struct given_back *ret)
{
    const struct conf_node *returns = conf_get(root, "returns");

    ret->n = 0;
    for (const struct conf_node *i = save && save->kind == CONF_MAP ? save->first : NULL; i;
         i = i->next) {
        const struct symbol *s =
            i->kind == CONF_SCALAR ? symbol_find(c, i->text, strlen(i->text)) : NULL;
        bool listed = false;

        for (const struct conf_node *k = returns ? returns->first : NULL; k; k = k->next)
            listed |=
                k->kind == CONF_SCALAR && i->kind == CONF_SCALAR && strcmp(k->text, i->text) == 0;
        if (!listed || !s || s->kind != SYM_REG) {
            FAIL(c, E_NOENT, &i->pos, "the called procedure does not return '%s'",
                 i->kind == CONF_SCALAR ? i->text : "this");
            continue;
        }
        if (!flow_has(&c->flow, s->reg))
            FAIL(c, E_INVALID, &i->pos, "the called procedure may end without a value for '%s'",
                 i->text);
        if (ret->n < ARRAY_LEN(ret->entry)) {
            ret->entry[ret->n].node = i;
            ret->entry[ret->n].reg = s->reg;
            ret->entry[ret->n++].t = s->t;
        }
    }
}

static void take_returns(struct comp *c, const struct given_back *back)
{
    for (unsigned i = 0; i < back->n; i++) {
        struct src name = src_key(back->entry[i].node);
        reg_id reg = reg_target(c, &name, back->entry[i].t);
        int root;

        if (reg == PROG_NONE)
            continue;
        c->n_nodes = 0;
        root = node_add(c, (struct node){.op = INSN_REG,
                                         .a = back->entry[i].reg,
                                         .l = NODE_NONE,
                                         .r = NODE_NONE,
                                         .t = back->entry[i].t});
        step_add(c, OP_LET, reg, expr_emit_node(c, root, back->entry[i].node), back->entry[i].node);
        flow_set(&c->flow, reg);
    }
}

/* The callee's steps in place. It brings its guards and watch rules (all are watched all the time),
 * its record rule, its checks (which abort here) and its own at_end. */
static void inline_call(struct comp *c, const struct conf_node *root, const char *file,
                        const struct conf_node *with, struct given_back *back,
                        const struct conf_node *save)
{
    unsigned base = c->base, n_symbols = c->n_symbols;
    uint16_t outer = c->file, first = c->first_record, n = c->n_records;
    const struct conf_node *outer_root = c->root;

    c->call[c->n_calls++] = file;
    c->base = c->n_symbols;
    c->root = root;
    c->file = c->p->n_files;
    c->p->files[c->p->n_files++] = arena_dup(&c->p->arena, file);
    compile_head(c, root);
    compile_parameters(c, root, with, base);
    if (conf_get(root, "model") && c->p->model.of == PROG_NONE)
        FAIL(c, E_INVALID, &conf_get(root, "model")->key_pos,
             "it follows a model: the procedure that calls it has to name one");
    if (conf_get(root, "record"))
        compile_record(c, conf_get(root, "record"), &c->first_record, &c->n_records);
    if (conf_get(root, "before"))
        compile_before(c, conf_get(root, "before"));
    if (conf_get(root, "steps"))
        compile_steps(c, conf_get(root, "steps"));
    if (conf_get(root, "at_end"))
        compile_steps(c, conf_get(root, "at_end"));
    if (conf_get(root, "guards"))
        compile_guards(c, conf_get(root, "guards"), GUARD_PROCEDURE);
    if (conf_get(root, "watch"))
        compile_watches(c, conf_get(root, "watch"));
    find_returns(c, root, save, back);
    c->base = base;
    c->n_symbols = n_symbols;
    c->file = outer;
    c->root = outer_root;
    c->first_record = first;
    c->n_records = n;
    c->n_calls--;
}

void compile_call(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"file", "with", "save", NULL};
    const struct conf_node *file = conf_get(n, "file"), *with = conf_get(n, "with"),
                           *save = conf_get(n, "save");
    const struct conf_doc *doc = NULL;
    struct given_back back;
    int rc;

    c->n_nodes = 0;
    if (n->kind != CONF_MAP || !file || file->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &n->pos,
             "written `call: {file: cell/capacity.yaml, with: {rate: C/3}, save: {q_ref: q}}`");
        return;
    }
    check_keys(c, n, keys, "call");
    if (!c->in->load) {
        open_call(c, file, with, save);
        return;
    }
    rc = c->in->load(c->in->load_ctx, file->text, &doc, c->d);
    if (rc == E_NOENT && !c->in->station) { /* an open check lists what it has not */
        open_call(c, file, with, save);
        return;
    }
    if (rc == E_NOENT) {
        FAIL(c, rc, &file->pos, "there is no procedure '%s'", file->text);
        HINT(c, "beside this file, or in a folder of procedures/ as in cell/capacity.yaml");
        return;
    }
    if (rc < 0 || !doc || !doc->root) {
        FAIL(c, rc < 0 ? rc : E_NOENT, &file->pos, "the procedure '%s' cannot be called",
             file->text);
        return;
    }
    for (unsigned i = 0; i < c->n_calls; i++)
        if (strcmp(c->call[i], doc->file) == 0) {
            FAIL(c, E_INVALID, &file->pos, "a procedure cannot call itself, directly or not");
            return;
        }
    if (c->n_calls >= CALLS_MAX || c->p->n_files >= FILES_MAX) {
        FAIL(c, E_FULL, &file->pos, "too many calls");
        return;
    }
    inline_call(c, doc->root, doc->file, with, &back, save);
    take_returns(c, &back);
}
