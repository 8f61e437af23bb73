/* procedures/engine/names.c - what a word in an expression stands for: a parameter, a register, a
 * word of the step, a constant of the article, a channel, a function. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

/* ---- Symbols ---- */

struct symbol *symbol_find(struct comp *c, const char *name, size_t n)
{
    for (unsigned i = c->n_symbols; i > c->base; i--) {
        struct symbol *s = &c->symbol[i - 1];

        if (s->live && strlen(s->name) == n && memcmp(s->name, name, n) == 0)
            return s;
    }
    return NULL;
}

struct symbol *symbol_add(struct comp *c, const char *name, enum sym_kind kind)
{
    struct symbol *s;

    if (c->n_symbols >= SYMBOLS_MAX) {
        FAIL(c, E_FULL, &c->place, "too many names (%d at most)", SYMBOLS_MAX);
        c->n_symbols--;
    }
    s = &c->symbol[c->n_symbols++];
    *s = (struct symbol){.name = program_text(c->p, text_str(c, name)),
                         .kind = kind,
                         .live = true,
                         .reg = PROG_NONE,
                         .lo = -INFINITY,
                         .hi = INFINITY};
    return s;
}

reg_id reg_add(struct comp *c, const char *name, struct type t)
{
    uint32_t i = TABLE_ADD(c, regs, PROG_REGS_MAX);

    c->p->regs[i] = (struct reg){.name = text_str(c, name),
                                 .dims = t.dims,
                                 .point = t.point,
                                 .text = t.text || t.words,
                                 .initial = NAN};
    c->p->n_regs = (uint16_t)(i + 1);
    return (reg_id)i;
}

static bool same_type(const struct type *a, const struct type *b)
{
    return a->any || b->any ||
           (dims_equal(a->dims, b->dims) && a->point == b->point &&
            (a->words || a->text) == (b->words || b->text));
}

reg_id reg_target(struct comp *c, const struct src *name, struct type t)
{
    struct symbol *s = symbol_find(c, name->text, name->n);
    char a[48], b[48];
    struct token tok;
    struct lexer lx = {.src = name};

    if (lex_next(&lx, &tok, NULL) < 0 || tok.kind != TOK_WORD || tok.n != name->n ||
        is_keyword(name->text, name->n) || memchr(name->text, '.', name->n)) {
        FAIL(c, E_SYNTAX, &name->pos, "'%s' cannot be the name of a register", name->text);
        HINT(c, "letters, digits and _");
        return PROG_NONE;
    }
    if (t.boolean) {
        FAIL(c, E_UNIT, &name->pos, "a register holds a value, not a condition");
        return PROG_NONE;
    }
    if (s && s->kind != SYM_REG) {
        FAIL(c, E_EXISTS, &name->pos, "'%s' is a %s and cannot be written", name->text,
             s->kind == SYM_LOOP ? "loop variable" : "parameter");
        return PROG_NONE;
    }
    if (s && !same_type(&s->t, &t)) {
        FAIL(c, E_UNIT, &name->pos, "'%s' holds %s elsewhere, here it would be %s", name->text,
             type_name(&s->t, a, sizeof(a)), type_name(&t, b, sizeof(b)));
        return PROG_NONE;
    }
    if (!s) {
        s = symbol_add(c, name->text, SYM_REG);
        s->t = t;
        s->reg = reg_add(c, name->text, t);
    }
    return s->reg;
}

bool flow_has(const struct flow *f, reg_id r)
{
    return f->dead || r >= 128 || (f->set[r / 64] >> (r % 64) & 1u);
}

void flow_set(struct flow *f, reg_id r)
{
    if (r < 128)
        f->set[r / 64] |= UINT64_C(1) << (r % 64);
}

void flow_meet(struct flow *into, const struct flow *other)
{
    if (other->dead)
        return;
    if (into->dead) {
        *into = *other;
        return;
    }
    into->set[0] &= other->set[0];
    into->set[1] &= other->set[1];
}

/* ---- Channels ---- */

chan_id setpoint_of(const struct comp *c, chan_id chan)
{
    char name[CHAN_NAME_MAX + 8];

    if (str_starts(c->p->station.chan[chan].name, "cell.temperature"))
        return c->p->role.temperature_set;
    if (str_fmt(name, sizeof(name), "%s_set", c->p->station.chan[chan].name) < 0)
        return CHAN_NONE;
    return station_find(&c->p->station, name);
}

const char *const *channel_names(struct comp *c, bool set)
{
    const struct station_desc *s = &c->p->station;
    const char **list = arena_alloc(&c->scratch, (STATION_CHANS_MAX + 1U) * sizeof(*list));
    size_t n = 0;

    for (uint16_t i = 0; i < s->n_chans; i++) {
        const char *name = s->chan[i].name;
        size_t len = strlen(name);

        if (set && s->chan[i].set) /* written without its `_set` */
            list[n++] = len > 4 && strcmp(name + len - 4, "_set") == 0
                            ? arena_dup_n(&c->scratch, name, len - 4)
                            : name;
        else if (!set && s->chan[i].read)
            list[n++] = name;
    }
    return list;
}

static int node_leaf(struct parser *ps, enum insn_op op, uint16_t a, struct type t, size_t at,
                     size_t n)
{
    return node_add(ps->c, (struct node){.op = (uint8_t)op,
                                         .a = a,
                                         .l = NODE_NONE,
                                         .r = NODE_NONE,
                                         .t = t,
                                         .at = (uint32_t)at,
                                         .n = (uint32_t)n});
}

static int node_any(struct parser *ps, size_t at, size_t n)
{
    int x = node_const(ps->c, NAN, (struct type){.any = true});

    if (x != NODE_NONE) {
        ps->c->node[x].at = (uint32_t)at;
        ps->c->node[x].n = (uint32_t)n;
    }
    return x;
}

/* The one channel whose last word is `word`: `current` is cell.current. What a model says is named
 * whole. */
static chan_id bare_channel(struct parser *ps, const char *word, size_t at)
{
    const struct station_desc *s = &ps->c->p->station;
    chan_id found = CHAN_NONE;

    for (uint16_t i = 0; i < s->n_chans; i++) {
        const char *dot = strrchr(s->chan[i].name, '.');

        if (!s->chan[i].read || !dot || strcmp(dot + 1, word) != 0)
            continue;
        if (str_starts(s->chan[i].name, "model."))
            continue; /* `voltage` is a measured one */
        if (found != CHAN_NONE) {
            parse_fail(ps, E_INVALID, at, strlen(word), "'%s' fits several channels", word);
            HINT(ps->c, "%s or %s?", s->chan[found].name, s->chan[i].name);
            return CHAN_NONE;
        }
        found = i;
    }
    return found;
}

/* Is a register of this name set anywhere in the file? Then it is only read too early. */
static bool is_set_somewhere(const struct conf_node *n, const char *word, unsigned level)
{
    for (const struct conf_node *i = n ? n->first : NULL; i && level < NEST_MAX; i = i->next) {
        bool keeps = i->key && (strcmp(i->key, "save") == 0 || strcmp(i->key, "let") == 0);

        if (keeps &&
            (i->kind == CONF_SCALAR ? strcmp(i->text, word) == 0 : conf_get(i, word) != NULL))
            return true;
        if (is_set_somewhere(i, word, level + 1))
            return true;
    }
    return false;
}

static int unknown_name(struct parser *ps, const char *word, size_t at)
{
    struct comp *c = ps->c;
    static const char *const others[] = {
        "charge", "energy",     "current", "voltage", "capacity", "area", "soc", "cause",
        "cycle",  "resistance", "time",    "abs",     "rate",     "mean", "max", "min",
        "lowest", "highest",    "spread",  "sum",     "count",    NULL};
    const char *near = NULL, *names[SYMBOLS_MAX + 1];
    size_t n = 0;

    const size_t len = strlen(word);
    const bool path = memchr(word, '.', len) != NULL;

    if (c->open_station && path) {
        comp_open(c, "channel %.*s", (int)len, word);
        return node_any(ps, at, len);
    }
    if (!path && is_set_somewhere(c->root, word, 0)) {
        parse_fail(ps, E_INVALID, at, len, "'%.*s' may be read here before it is set", (int)len,
                   word);
        HINT(c, "set it on every path to this place, for instance with let");
        return NODE_NONE;
    }
    parse_fail(ps, E_NOENT, at, len,
               path ? "the station has no channel '%.*s'" : "nothing is called '%.*s' here",
               (int)len, word);
    for (unsigned i = c->base; i < c->n_symbols; i++)
        if (c->symbol[i].live)
            names[n++] = c->symbol[i].name;
    names[n] = NULL;
    near = str_nearest(word, names);
    if (!near)
        near = str_nearest(word, channel_names(c, false));
    if (!near)
        near = str_nearest(word, others);
    if (near)
        HINT(c, "did you mean %s?", near);
    return NODE_NONE;
}

/* ---- Words ---- */

static int article_value(struct parser *ps, const struct article *a, const char *word, size_t at,
                         double v, struct type t)
{
    struct comp *c = ps->c;
    int n;

    if (c->open_article)
        comp_open(c, "article.%s", word);
    else if (!isfinite(v))
        return parse_fail(ps, E_NOENT, at, strlen(word), "the article %s does not say its %s",
                          a->name ? a->name : "", word);
    n = node_const(c, c->open_article ? (double)NAN : v, t);
    if (n != NODE_NONE) {
        c->node[n].at = (uint32_t)at;
        c->node[n].n = (uint32_t)strlen(word);
    }
    return n;
}

/* A constant of the article, or NODE_NONE without a finding. */
static int article_word(struct parser *ps, const char *word, size_t at)
{
    static const struct article none;
    const struct article *a = ps->c->in->article ? ps->c->in->article : &none;
    const struct type temperature = {.dims = DIM_TEMPERATURE, .point = true};
    const struct {
        const char *word;
        double v;
        struct type t;
    } table[] = {
        {"capacity",                          ps->c->p->capacity_c,          TYPE_OF(DIMS_CHARGE)  },
        {"area",                              ps->c->p->area_m2,             TYPE_OF(DIMS_AREA)    },
        {"electrolyte_thickness",             a->thickness_m,                TYPE_OF(DIMS_LENGTH)  },
        {"article.capacity",                  a->capacity_c,                 TYPE_OF(DIMS_CHARGE)  },
        {"article.area",                      a->area_m2,                    TYPE_OF(DIMS_AREA)    },
        {"article.energy",                    a->energy_j,                   TYPE_OF(DIMS_ENERGY)  },
        {"article.mass",                      a->mass_kg,                    TYPE_OF(DIMS_MASS)    },
        {"limits.voltage.low",                a->voltage_v.lo,               TYPE_OF(DIMS_VOLTAGE) },
        {"limits.voltage.high",               a->voltage_v.hi,               TYPE_OF(DIMS_VOLTAGE) },
        {"limits.group_voltage.low",          a->group_voltage_v.lo,         TYPE_OF(DIMS_VOLTAGE) },
        {"limits.group_voltage.high",         a->group_voltage_v.hi,         TYPE_OF(DIMS_VOLTAGE) },
        {"limits.pressure.low",               a->pressure_pa.lo,             TYPE_OF(DIMS_PRESSURE)},
        {"limits.pressure.high",              a->pressure_pa.hi,             TYPE_OF(DIMS_PRESSURE)},
        {"limits.charge_current",             a->charge_current_a,           TYPE_OF(DIMS_CURRENT) },
        {"limits.discharge_current",          a->discharge_current_a,        TYPE_OF(DIMS_CURRENT) },
        {"limits.charge_temperature.low",     a->charge_temperature_k.lo,    temperature           },
        {"limits.charge_temperature.high",    a->charge_temperature_k.hi,    temperature           },
        {"limits.discharge_temperature.low",  a->discharge_temperature_k.lo, temperature           },
        {"limits.discharge_temperature.high", a->discharge_temperature_k.hi, temperature           },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(word, table[i].word) == 0)
            return article_value(ps, a, word, at, table[i].v, table[i].t);
    return NODE_NONE;
}

static int step_word(struct parser *ps, const char *word, size_t at)
{
    static const struct {
        const char *word;
        enum insn_op op;
        struct type t;
    } table[] = {
        {"charge",     INSN_STEP_CHARGE, {.dims = DIM_CHARGE}    },
        {"energy",     INSN_STEP_ENERGY, {.dims = DIM_ENERGY}    },
        {"time",       INSN_STEP_TIME,   {.dims = DIM_TIME}      },
        {"run.time",   INSN_RUN_TIME,    {.dims = DIM_TIME}      },
        {"soc",        INSN_SOC,         {.point = false}        },
        {"cycle",      INSN_CYCLE,       {.point = false}        },
        {"cause",      INSN_CAUSE,       {.text = true}          },
        {"resistance", INSN_RESISTANCE,  {.dims = DIM_RESISTANCE}},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(word, table[i].word) != 0)
            continue;
        if (!(ps->use & USE_STEP))
            return parse_fail(ps, E_INVALID, at, strlen(word), "'%s' of a step cannot be used here",
                              word);
        return node_leaf(ps, table[i].op, 0, table[i].t, at, strlen(word));
    }
    return NODE_NONE;
}

static bool saved_before(const struct comp *c, reg_id r)
{
    for (unsigned i = 0; i < c->n_own; i++)
        if (c->own[i].reg == r && c->own[i].at_s <= c->own_after_s)
            return true;
    return false;
}

static int symbol_value(struct parser *ps, const struct symbol *s, size_t at)
{
    struct comp *c = ps->c;
    size_t n = strlen(s->name);
    int x;

    switch (s->kind) {
    case SYM_CONST:
        x = node_const(c, s->v, s->t);
        if (x != NODE_NONE) {
            c->node[x].at = (uint32_t)at;
            c->node[x].n = (uint32_t)n;
        }
        return x;
    case SYM_LIST:
        parse_fail(ps, E_UNIT, at, n, "'%s' is a list; one of its values is taken by `each`",
                   s->name);
        return NODE_NONE;
    case SYM_REG:
    case SYM_LOOP: break;
    }
    if (!(ps->use & USE_REGS))
        return parse_fail(ps, E_INVALID, at, n,
                          "'%s' is measured during the run; it cannot be used here", s->name);
    if (s->kind == SYM_REG && !(ps->use & USE_UNSET) && !flow_has(&c->flow, s->reg) &&
        !saved_before(c, s->reg)) {
        bool own = false;

        for (unsigned i = 0; i < c->n_own; i++)
            own |= c->own[i].reg == s->reg;
        parse_fail(ps, E_INVALID, at, n, "'%s' may be read here before it is set", s->name);
        HINT(c, own ? "it is saved by this step: give `after` a time not before the save's"
                    : "set it on every path to this place, for instance with let");
        return NODE_NONE;
    }
    return node_leaf(ps, INSN_REG, s->reg, s->t, at, n);
}

/* charge_current and discharge_current: the part of cell.current in that direction. */
static int directed_current(struct parser *ps, bool discharge)
{
    struct comp *c = ps->c;
    const struct type t = TYPE_OF(DIMS_CURRENT);
    int n, zero;

    if (c->p->role.current == CHAN_NONE)
        return NODE_NONE;
    n = node_chan(c, c->p->role.current);
    if (discharge && n != NODE_NONE)
        n = node_op1(c, INSN_NEG, n, t);
    zero = node_const(c, 0.0, t);
    return n == NODE_NONE || zero == NODE_NONE ? NODE_NONE : node_op2(c, INSN_MAX, n, zero, t);
}

/* A station without a thermocouple on the cell: the chamber's air stands for it, and that is said.
 */
chan_id air_for_cell(struct parser *ps, const char *word, size_t at)
{
    struct comp *c = ps->c;
    chan_id air = station_find(&c->p->station, "chamber.temperature");
    struct diag_pos pos;

    if (strcmp(word, "cell.temperature") != 0 || air == CHAN_NONE)
        return CHAN_NONE;
    if (!c->air_for_cell)
        diag_warn_at(c->d, src_pos(ps->src, at, strlen(word), &pos),
                     "station %s has no cell.temperature: chamber.temperature is taken for it",
                     c->p->station.station);
    c->air_for_cell = true;
    return air;
}

static int channel_word(struct parser *ps, const char *word, size_t at)
{
    struct comp *c = ps->c;
    chan_id chan = station_find(&c->p->station, word);
    const struct station_chan *sc;
    struct type t;

    if (chan == CHAN_NONE && strchr(word, '.')) {
        int n = array_word(ps, word, at);

        if (n != NODE_NONE || ps->failed)
            return n;
        chan = air_for_cell(ps, word, at);
    }
    if (strcmp(word, "charge_current") == 0 || strcmp(word, "discharge_current") == 0)
        return directed_current(ps, word[0] == 'd');
    if (chan == CHAN_NONE && !strchr(word, '.'))
        chan = bare_channel(ps, word, at);
    if (chan == CHAN_NONE)
        return NODE_NONE;
    sc = &c->p->station.chan[chan];
    t = (struct type){.dims = chan_kind_info(sc->kind)->dims,
                      .point = chan_kind_info(sc->kind)->point};
    return node_leaf(ps, sc->read ? INSN_CHAN : INSN_SETPOINT, chan, t, at, strlen(word));
}

static bool take_word(struct parser *ps, char *buf, size_t size)
{
    if (ps->tok.n >= size) {
        parse_fail(ps, E_NOENT, ps->tok.at, ps->tok.n, "the word is too long");
        return false;
    }
    memcpy(buf, ps->src->text + ps->tok.at, ps->tok.n);
    buf[ps->tok.n] = '\0';
    return true;
}

static int parse_ended(struct parser *ps)
{
    size_t at, from = ps->tok.at;
    text_id name;

    parse_next(ps);
    if (!parse_word(ps, "by"))
        return parse_fail(ps, E_SYNTAX, from, 5, "written `ended by NAME`");
    at = ps->tok.at;
    name = parse_name(ps);
    if (name == PROG_NONE)
        return NODE_NONE;
    if (!(ps->use & USE_STEP))
        return parse_fail(ps, E_INVALID, from, 8, "the end of a step cannot be asked for here");
    end_name_ask(ps->c, name, ps->src, at, strlen(program_text(ps->c->p, name)));
    return node_leaf(ps, INSN_ENDED_BY, name, TYPE_BOOL, from, ps->tok.at - from);
}

/* `clock 23h00` */
static bool is_time_of_day(const struct parser *ps)
{
    size_t at = ps->tok.at + ps->tok.n;

    while (at < ps->src->n && ps->src->text[at] == ' ')
        at++;
    return at < ps->src->n && ps->src->text[at] >= '0' && ps->src->text[at] <= '9';
}

int parse_primary_word(struct parser *ps)
{
    struct token t = ps->tok;
    char word[NAME_TEXT_MAX + 1];
    const struct symbol *s;
    bool which;
    int n;

    if (parse_is_word(ps, "ended"))
        return parse_ended(ps);
    if (!take_word(ps, word, sizeof(word)))
        return NODE_NONE;
    which = strcmp(word, "which") == 0;
    if (strcmp(word, "clock") == 0 && is_time_of_day(ps))
        return parse_fail(ps, E_UNSUPPORTED, t.at, t.n, "`clock` is not there yet");
    parse_next(ps);
    if (ps->tok.kind == TOK_OP && strcmp(ps->tok.op, "(") == 0)
        return parse_call(ps, &t);
    if (which && ps->tok.kind == TOK_WORD) {
        t = ps->tok;
        parse_next(ps);
        return parse_which(ps, &t);
    }
    s = symbol_find(ps->c, word, t.n);
    if (s)
        return symbol_value(ps, s, t.at);
    n = step_word(ps, word, t.at);
    if (n == NODE_NONE && !ps->failed)
        n = article_word(ps, word, t.at);
    if (n == NODE_NONE && !ps->failed)
        n = channel_word(ps, word, t.at);
    if (n == NODE_NONE && !ps->failed)
        n = unknown_name(ps, word, t.at);
    return n;
}
