/* procedures/engine/flow.c - the order of steps: blocks and branches.
 *
 * Every loop has a number of turns that is known here, so the worst duration can be said. Along the
 * way it is kept which registers surely have a value (struct flow): branches meet, a way out of a
 * block joins at its end, and what follows `leave` or `end` is reached by nothing. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static void compile_step(struct comp *c, const struct conf_node *n);

void compile_steps(struct comp *c, const struct conf_node *list)
{
    if (list->kind != CONF_SEQ) {
        FAIL(c, E_SYNTAX, &list->pos, "a list of steps stands here");
        HINT(c, "each step begins with `- `");
        return;
    }
    if (c->nest >= NEST_MAX) {
        FAIL(c, E_FULL, &list->pos, "the steps are nested too deeply");
        return;
    }
    c->nest++;
    for (const struct conf_node *n = list->first; n; n = n->next)
        compile_step(c, n);
    c->nest--;
}

/* ---- Blocks ---- */

static block_id block_begin(struct comp *c, const struct conf_node *n, struct block b)
{
    const struct conf_node *as = conf_get(n, "as"), *stop = conf_get(n, "stop_when");
    uint32_t i;
    struct open_block *o;

    if (c->depth >= PROG_DEPTH_MAX) {
        FAIL(c, E_FULL, &n->pos, "blocks are nested more than %d deep", PROG_DEPTH_MAX);
        return PROG_NONE;
    }
    b.name = as && as->kind == CONF_SCALAR ? text_str(c, as->text) : PROG_NONE;
    if (b.name != PROG_NONE)
        end_name_add(c, b.name);
    b.parent = c->depth > 0 ? c->block[c->depth - 1].block : PROG_NONE;
    b.depth = (uint8_t)c->depth;
    b.stop_when = stop ? expr_of(c, stop, TYPE_BOOL, USE_ALL, "stop_when") : PROG_NONE;
    b.enter = c->p->n_steps;
    b.first = (step_id)(b.enter + 1);
    i = TABLE_ADD(c, blocks, PROG_STEPS_MAX);
    c->p->blocks[i] = b;
    c->p->n_blocks = (uint16_t)(i + 1);
    step_add(c, OP_ENTER, (uint16_t)i, 0, n);
    o = &c->block[c->depth++];
    *o = (struct open_block){
        .block = (block_id)i, .left = {.dead = true}, .symbols = c->n_symbols, .file = c->file};
    if (stop)
        flow_meet(&o->left, &c->flow);
    return (block_id)i;
}

static void block_end(struct comp *c, block_id id, const struct conf_node *n)
{
    struct open_block *o = &c->block[c->depth - 1];
    struct block *b = &c->p->blocks[id];

    flow_meet(&o->left, &c->flow);
    c->flow = o->left;
    b->next = c->p->n_steps;
    step_add(c, OP_NEXT, id, 0, n);
    c->depth--;
    c->p->blocks[id].end = c->p->n_steps;
}

static void block_body(struct comp *c, const struct conf_node *n)
{
    const struct conf_node *steps = conf_get(n, "steps");

    if (steps)
        compile_steps(c, steps);
    else
        FAIL(c, E_INVALID, &n->pos, "the block has no `steps`");
}

static struct symbol *loop_symbol(struct comp *c, const char *name, struct type t)
{
    struct symbol *s = symbol_add(c, name, SYM_LOOP);

    s->t = t;
    s->reg = reg_add(c, name, t);
    return s;
}

static bool is_identifier(const char *name)
{
    struct src s = {.text = name, .n = strlen(name)};
    struct lexer lx = {.src = &s};
    struct token t;

    return lex_next(&lx, &t, NULL) == 0 && t.kind == TOK_WORD && t.n == s.n &&
           !is_keyword(name, s.n) && !strchr(name, '.');
}

static void compile_repeat(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"repeat", "as", "stop_when", "steps", NULL};
    const struct conf_node *count = conf_get(n, "repeat"), *as = conf_get(n, "as");
    struct block b = {
        .kind = LOOP_REPEAT, .reg = PROG_NONE, .from = PROG_NONE, .to = PROG_NONE, .by = PROG_NONE};
    struct symbol *s = NULL;
    double turns = 1.0;
    block_id id;

    c->n_nodes = 0;
    check_keys(c, n, keys, "repeat");
    if (const_of(c, count, TYPE_OF(DIMS_NONE), "how often a block is repeated", &turns) &&
        !isnan(turns) &&
        (turns < 1.0 || turns > TURNS_MAX || fabs(turns - nearbyint(turns)) > 1e-9)) {
        FAIL(c, E_RANGE, &count->pos, "a block is repeated 1 to %d times", TURNS_MAX);
        turns = 1.0;
    }
    b.count_max = isnan(turns) || turns < 1.0 ? 1 : (uint32_t)nearbyint(turns);
    b.count = expr_emit_node(c, node_const(c, (double)b.count_max, TYPE_OF(DIMS_NONE)), count);
    if (as && as->kind == CONF_SCALAR && is_identifier(as->text) &&
        !symbol_find(c, as->text, strlen(as->text))) {
        s = loop_symbol(c, as->text, TYPE_OF(DIMS_NONE));
        b.reg = s->reg;
    }
    id = block_begin(c, n, b);
    if (id != PROG_NONE) {
        block_body(c, n);
        block_end(c, id, n);
    }
    if (s)
        s->live = false;
}

/* [A, B, ...] written in place. */
static void each_list(struct comp *c, const struct conf_node *list, struct block *b,
                      struct type *ret_t)
{
    char x[48], y[48];

    b->kind = LOOP_LIST;
    b->list_first = c->p->n_lists;
    for (const struct conf_node *i = list->first; i; i = i->next) {
        struct src s = src_value(i);
        struct parser ps;
        int root;
        uint32_t k;

        if (i->kind != CONF_SCALAR) {
            FAIL(c, E_SYNTAX, &i->pos, "one value stands here");
            continue;
        }
        parse_begin(&ps, c, &s, USE_REGS);
        root = parse_sum(&ps);
        if (root == NODE_NONE || !parse_end(&ps))
            continue;
        const struct type t = c->node[root].t;

        if (b->list_n == 0)
            *ret_t = t;
        else if (!t.any && !ret_t->any &&
                 (!dims_equal(t.dims, ret_t->dims) || t.point != ret_t->point))
            FAIL(c, E_UNIT, &i->pos, "the list holds %s, but this is %s",
                 type_name(ret_t, x, sizeof(x)), type_name(&t, y, sizeof(y)));
        if (b->list_n >= LIST_MAX) {
            FAIL(c, E_FULL, &i->pos, "a list has at most %d values", LIST_MAX);
            return;
        }
        const expr_id e = expr_emit_src(c, root, &s);

        k = TABLE_AT(c, list_exprs, n_lists, cap_lists, TABLE_MAX);
        c->p->list_exprs[k] = e;
        c->p->n_lists = (uint16_t)(k + 1);
        b->list_n++;
    }
    b->count_max = b->list_n;
    if (b->list_n == 0)
        FAIL(c, E_INVALID, &list->pos, "the list is empty");
}

/* A .. B [by C] */
static void each_range(struct comp *c, const struct conf_node *n, struct parser *ps,
                       struct block *b, struct type *ret_t)
{
    struct range r;
    struct type step_t;
    double by = 1.0, turns;
    int step;

    if (!parse_range(ps, *ret_t, "the range", &r))
        return;
    step_t = (struct type){.dims = ret_t->dims, .any = ret_t->any};
    if (parse_word(ps, "by")) {
        step = parse_sum(ps);
        if (step == NODE_NONE || !type_want(c, ps->src, step, step_t, "the step"))
            return;
        by = node_is_const(c, step) ? c->node[step].v : (double)NAN;
    } else if (!dims_equal(ret_t->dims, DIMS_NONE)) {
        FAIL(c, E_INVALID, &n->pos, "the range needs a step");
        HINT(c, "A .. B by C");
        return;
    }
    if (!parse_end(ps))
        return;
    turns = floor((r.hi - r.lo) / by + 1e-9) + 1.0;
    if (!isfinite(turns) || turns < 1.0 || turns > TURNS_MAX) {
        FAIL(c, E_RANGE, &n->pos, "the range gives no turn, or more than %d", TURNS_MAX);
        if (isfinite(turns) && turns < 1.0)
            HINT(c, "a falling range has a negative step");
        return;
    }
    b->kind = LOOP_RANGE;
    b->count_max = (uint32_t)turns;
    b->from = expr_emit_node(c, node_const(c, r.lo, *ret_t), n);
    b->to = expr_emit_node(c, node_const(c, r.hi, *ret_t), n);
    b->by = expr_emit_node(c, node_const(c, by, step_t), n);
}

/* The type of a range is that of its first end. */
static struct type range_type(struct comp *c, const struct src *s)
{
    struct parser ps;
    int root;

    parse_begin(&ps, c, s, 0);
    root = parse_sum(&ps);
    return root == NODE_NONE ? (struct type){.any = true} : c->node[root].t;
}

static void each_values(struct comp *c, const struct conf_node *v, struct block *b,
                        struct type *ret_t)
{
    struct src s = src_value(v);
    const struct symbol *list = v->kind == CONF_SCALAR ? symbol_find(c, s.text, s.n) : NULL;
    struct parser ps;
    int before = c->code;

    if (v->kind == CONF_SEQ) {
        each_list(c, v, b, ret_t);
    } else if (v->kind != CONF_SCALAR) {
        FAIL(c, E_SYNTAX, &v->pos, "`each` takes a list or a range");
    } else if (list && list->kind == SYM_LIST) {
        b->kind = LOOP_LIST;
        b->list_first = list->list_first;
        b->list_n = list->list_n;
        b->count_max = list->list_n;
        *ret_t = list->t;
    } else if (!strstr(s.text, "..")) {
        FAIL(c, E_NOENT, &v->pos, "'%s' is no list", v->text);
        HINT(c, "write [A, B], A .. B by C, or the name of a parameter that is a list");
    } else {
        *ret_t = range_type(c, &s);
        if (c->code == before || before < 0) {
            parse_begin(&ps, c, &s, 0);
            each_range(c, v, &ps, b, ret_t);
        }
    }
    if (b->count_max == 0)
        b->count_max = 1; /* a finding stands already, or nothing is known in an open check */
}

static void compile_each(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"each", "as", "stop_when", "steps", NULL};
    const struct conf_node *each = conf_get(n, "each"), *v;
    struct block b = {.kind = LOOP_ONCE,
                      .reg = PROG_NONE,
                      .count = PROG_NONE,
                      .from = PROG_NONE,
                      .to = PROG_NONE,
                      .by = PROG_NONE};
    struct type t = {.any = true};
    struct symbol *s;
    block_id id;

    c->n_nodes = 0;
    check_keys(c, n, keys, "each");
    if (each->kind != CONF_MAP || each->n != 1) {
        FAIL(c, E_SYNTAX, &each->pos, "written `each: {p: pressures}`");
        return;
    }
    v = each->first;
    if (!is_identifier(v->key)) {
        FAIL(c, E_SYNTAX, &v->key_pos, "'%s' cannot be the name of a variable", v->key);
        return;
    }
    each_values(c, v, &b, &t);
    s = loop_symbol(c, v->key, t);
    b.reg = s->reg;
    id = block_begin(c, n, b);
    if (id != PROG_NONE) {
        block_body(c, n);
        block_end(c, id, n);
    }
    s->live = false;
}

static void compile_plain_block(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"as", "stop_when", "steps", NULL};
    struct block b = {.kind = LOOP_ONCE,
                      .reg = PROG_NONE,
                      .count = PROG_NONE,
                      .from = PROG_NONE,
                      .to = PROG_NONE,
                      .by = PROG_NONE,
                      .count_max = 1};
    block_id id;

    c->n_nodes = 0;
    check_keys(c, n, keys, "a block");
    id = block_begin(c, n, b);
    if (id == PROG_NONE)
        return;
    block_body(c, n);
    block_end(c, id, n);
}

/* ---- Branches ---- */

static void compile_if(struct comp *c, const struct conf_node *n)
{
    static const char *const keys[] = {"if", "then", "else", NULL};
    const struct conf_node *then = conf_get(n, "then"), *other = conf_get(n, "else");
    struct flow before, after;
    uint16_t branch, jump;
    expr_id cond;

    c->n_nodes = 0;
    check_keys(c, n, keys, "if");
    cond = expr_once(c, conf_get(n, "if"), "if");
    if (!then) {
        FAIL(c, E_INVALID, &n->pos, "`if` needs `then`");
        return;
    }
    branch = c->p->n_steps;
    step_add(c, OP_IF, cond, 0, n);
    before = c->flow;
    compile_steps(c, then);
    after = c->flow;
    if (!other) {
        c->p->steps[branch].b = c->p->n_steps;
        flow_meet(&after, &before);
        c->flow = after;
        return;
    }
    jump = c->p->n_steps;
    step_add(c, OP_JUMP, 0, 0, n);
    c->p->steps[branch].b = c->p->n_steps;
    c->flow = before;
    compile_steps(c, other);
    c->p->steps[jump].a = c->p->n_steps;
    flow_meet(&c->flow, &after);
}

/* `leave`, `leave NAME`, `next`, `next NAME`. */
static void compile_way_out(struct comp *c, const struct conf_node *n, bool leave)
{
    const char *name = n->text + (leave ? 5 : 4);
    const char *names[PROG_DEPTH_MAX + 1] = {0};
    size_t n_names = 0;

    while (*name == ' ')
        name++;
    for (unsigned d = c->depth; d > 0; d--) {
        struct open_block *o = &c->block[d - 1];
        const struct block *b = &c->p->blocks[o->block];
        const char *own = program_text(c->p, b->name);

        if (o->file != c->file)
            break; /* a called procedure cannot leave its caller's blocks */
        names[n_names++] = own;
        if (*name ? strcmp(own, name) != 0
                  : b->kind == LOOP_ONCE && leave && d > 1 && c->block[d - 2].file == c->file)
            continue;
        flow_meet(&o->left, &c->flow);
        step_add(c, leave ? OP_LEAVE : OP_CONTINUE, o->block, 0, n);
        c->flow.dead = true;
        return;
    }
    if (!*name) {
        FAIL(c, E_INVALID, &n->pos, "`%s` stands in no block", n->text);
        return;
    }
    FAIL(c, E_NOENT, &n->pos, "no block around this is called '%s'", name);
    if (str_nearest(name, names))
        HINT(c, "did you mean %s?", str_nearest(name, names));
}

/* ---- One step ---- */

static void scalar_step(struct comp *c, const struct conf_node *n)
{
    static const char *const words[] = {"leave", "next", "end", NULL};

    if (strcmp(n->text, "leave") == 0 || str_starts(n->text, "leave ")) {
        compile_way_out(c, n, true);
    } else if (strcmp(n->text, "next") == 0 || str_starts(n->text, "next ")) {
        compile_way_out(c, n, false);
    } else if (strcmp(n->text, "end") == 0) {
        compile_end(c, n);
    } else if (verb_refused(n->text)) {
        refuse_word(c, &n->pos, n->text);
    } else {
        FAIL(c, E_NOENT, &n->pos, "'%s' is no step", n->text);
        if (str_nearest(n->text, words))
            HINT(c, "did you mean %s?", str_nearest(n->text, words));
        else
            HINT(c, "a step is `- VERB: {...}`, leave, next or end");
    }
}

static bool word_step(struct comp *c, const struct conf_node *n)
{
    static const struct {
        const char *word;
        void (*compile)(struct comp *, const struct conf_node *);
    } table[] = {
        {"measure", compile_measure},
        {"ask",     compile_ask    },
        {"check",   compile_check  },
        {"note",    compile_note   },
        {"alarm",   compile_alarm  },
        {"end",     compile_end    },
        {"call",    compile_call   }
    };

    if (strcmp(n->key, "let") == 0 || strcmp(n->key, "save") == 0) {
        compile_let_map(c, n, USE_ALL);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(n->key, table[i].word) == 0) {
            table[i].compile(c, n);
            return true;
        }
    return false;
}

static void unknown_step(struct comp *c, const struct conf_node *n)
{
    const char *words[VERB_COUNT + 24];
    static const char *const others[] = {"measure", "ask",  "check", "note", "alarm",
                                         "end",     "call", "let",   "save", "repeat",
                                         "each",    "if",   "steps"};
    size_t k = 0;

    for (int v = 0; v < VERB_COUNT; v++)
        words[k++] = verb_name((enum verb)v);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        words[k++] = others[i];
    words[k] = NULL;
    FAIL(c, E_NOENT, &n->key_pos, "'%s' is no verb", n->key);
    if (str_nearest(n->key, words))
        HINT(c, "did you mean %s?", str_nearest(n->key, words));
    declare_hidden(c, n);
}

static bool is_block_key(const char *key)
{
    return strcmp(key, "steps") == 0 || strcmp(key, "as") == 0 || strcmp(key, "stop_when") == 0;
}

static void compile_step(struct comp *c, const struct conf_node *n)
{
    const struct conf_node *head = n->kind == CONF_MAP ? n->first : NULL;
    enum verb verb;

    c->place = head ? head->key_pos : n->pos;
    if (n->kind == CONF_SCALAR) {
        scalar_step(c, n);
        return;
    }
    if (!head) {
        FAIL(c, E_SYNTAX, &n->pos, "a step is `- VERB: {...}`");
        return;
    }
    if (conf_get(n, "repeat")) {
        compile_repeat(c, n);
    } else if (conf_get(n, "each")) {
        compile_each(c, n);
    } else if (conf_get(n, "if")) {
        compile_if(c, n);
    } else if (conf_get(n, "steps") && is_block_key(head->key)) {
        compile_plain_block(c, n);
    } else if (conf_get(n, "steps") && !verb_refused(head->key)) {
        unknown_step(c, head);
        compile_steps(c, conf_get(n, "steps"));
    } else if (conf_get(n, "then") && !verb_find(head->key, &verb)) {
        unknown_step(c, head); /* `if`, misspelt */
        declare_hidden(c, conf_get(n, "then"));
    } else if (head->next) {
        FAIL(c, E_SYNTAX, &head->next->key_pos, "a step has one verb; '%s' is the second",
             head->next->key);
        HINT(c, "is it indented too little, or is `- ` missing?");
    } else if (verb_refused(head->key)) {
        refuse_word(c, &head->key_pos, head->key);
        declare_hidden(c, head);
    } else if (verb_find(head->key, &verb)) {
        compile_act(c, head, verb);
    } else if (!word_step(c, head)) {
        unknown_step(c, head);
    }
}
