/* procedures/engine/compile_priv.h - what the files of the compiler share.
 *
 * A text of the file with its place is a struct src; lex.c cuts it into tokens; expr.c and names.c
 * make typed nodes (a tree in comp.node, children before parents); emit.c turns a tree into stack
 * code. params.c, guards.c, acts.c, verbs.c and flow.c read the YAML tree and fill the program's
 * tables.
 */
#ifndef PROCEDURES_ENGINE_COMPILE_PRIV_H
#define PROCEDURES_ENGINE_COMPILE_PRIV_H

#include "base/str.h"
#include "procedures/engine/compile.h"

enum {
    NODES_MAX = 2048,
    SYMBOLS_MAX = 320,
    WORDS_MAX = 12,     /* options of a choice */
    LIST_MAX = 256,     /* values of a list */
    TURNS_MAX = 100000, /* of one loop */
    NEST_MAX = 40,      /* of parentheses, of steps */
    CALLS_MAX = 6,
    FILES_MAX = 24,  /* files of a program; a file called twice counts twice */
    SETS_MAX = 32,   /* --set options */
    NAMES_MAX = 128, /* names of ends, and places that ask for one */
    TABLE_MAX = 16384,
    CODE_MAX = 131072,
    NAME_TEXT_MAX = 64,
};

/* ---- Texts and tokens (lex.c) ---- */

struct src {
    const char *text;
    size_t n;
    struct diag_pos pos; /* of its first character */
};
struct src src_value(const struct conf_node *n);
struct src src_key(const struct conf_node *n);
struct src src_part(const struct src *s, size_t at, size_t n);
/* Place of bytes [at, at + n) of s; valid until the next call with the same buf. */
const struct diag_pos *src_pos(const struct src *s, size_t at, size_t n, struct diag_pos *buf);

enum tok_kind {
    TOK_END,
    TOK_QTY,
    TOK_WORD,
    TOK_OP
};
struct token {
    enum tok_kind kind;
    char op[3];
    size_t at, n;
    struct qty q;
};
struct lexer {
    const struct src *src;
    size_t at;
    bool operand; /* the last token was a value: a minus is an operator */
};
/* 0, or a negative code with a finding. */
int lex_next(struct lexer *lx, struct token *ret, struct diag *reterr) MUST_USE;
bool is_keyword(const char *text, size_t n);

/* ---- Types, nodes, symbols ---- */

struct words {
    const char *word[WORDS_MAX];
    uint8_t n;
};
struct type {
    struct dims dims;
    bool point, boolean;
    bool any;                  /* open check: nothing is known */
    const struct words *words; /* a choice: the value is an option's number */
    bool text;                 /* free text or a name */
};
#define NODE_NONE (-1)
struct node {
    uint8_t op;     /* enum insn_op; WINDOW and HOLD keep their operand in l until emitted */
    uint8_t window; /* enum window_kind */
    bool over_step;
    uint16_t a;
    int16_t l, r;
    double v;
    struct type t;
    uint32_t at, n; /* in the source */
};

enum sym_kind {
    SYM_CONST,
    SYM_LIST,
    SYM_REG,
    SYM_LOOP
};
struct symbol {
    const char *name;
    enum sym_kind kind;
    bool live;
    struct type t;
    double v; /* SYM_CONST */
    reg_id reg;
    uint16_t list_first, list_n; /* SYM_LIST: in list_exprs */
    double lo, hi;               /* SYM_LIST, SYM_LOOP: hull, for loops over constants */
};

struct flow { /* which registers have a value here */
    uint64_t set[2];
    bool dead; /* nothing comes here */
};
struct open_block {
    block_id block;
    struct flow left; /* meet of all ways out */
    unsigned symbols;
    uint16_t file;
};
struct own_save {
    reg_id reg;
    double at_s;
};
struct asked_name { /* `ended by X`, checked when all names are known */
    text_id name;
    struct diag_pos pos;
};

/* What one expression may use. */
enum {
    USE_REGS = 1,
    USE_STEP = 2,
    USE_UNSET = 4,
    USE_ALL = USE_REGS | USE_STEP
};

struct comp {
    struct program *p;
    const struct compile_input *in;
    struct open_list *open;
    struct diag *d;
    struct diag_pos place; /* of the step or guard under way */
    int code;              /* of the first error */
    unsigned errors;
    bool open_station, open_article;
    bool air_for_cell; /* said once */
    unsigned member;    /* a bare array means this member of it, from 1: one guard for each; 0: refused */
    unsigned n_members; /* of the arrays that were met so */
    bool full;         /* a table overflowed: said once */
    struct arena scratch;
    uint32_t at; /* index from the last table_grow */
    uint32_t cap_steps, cap_blocks, cap_acts, cap_ends, cap_saves, cap_records, cap_measures,
        cap_templates, cap_questions, cap_endings, cap_regs, cap_exprs, cap_windows, cap_guards,
        cap_watches, cap_lists, cap_code, cap_texts, cap_drives;
    struct node node[NODES_MAX];
    unsigned n_nodes;
    struct symbol symbol[SYMBOLS_MAX];
    unsigned n_symbols, base; /* base: first symbol of the file under way */
    struct flow flow, at_end_flow;
    struct open_block block[PROG_DEPTH_MAX];
    unsigned depth, nest;
    uint16_t file;
    const struct conf_node *root; /* of the file under way */
    const char *call[CALLS_MAX];
    unsigned n_calls;
    uint16_t first_record, n_records;
    struct own_save own[PROG_SAVES_MAX];
    unsigned n_own;
    double own_after_s; /* NaN: the step's own saves cannot be read */
    text_id end_name[NAMES_MAX];
    unsigned n_end_names;
    struct asked_name asked[NAMES_MAX];
    unsigned n_asked;
    bool in_at_end;
    int end_v; /* the end voltage of the act under way: X of `cell.voltage >= X` */
    struct conf_doc *set_doc[SETS_MAX]; /* values given with --set */
    unsigned n_set_docs;
};

/* Count the error and say it. */
int comp_note(struct comp *c, int code);
#define FAIL(c, code, pos, ...) comp_note((c), diag_at((c)->d, (code), (pos), __VA_ARGS__))
#define HINT(c, ...)            diag_hint((c)->d, __VA_ARGS__)
void comp_open(struct comp *c, const char *fmt, ...) PRINTF(2, 3);

text_id text_intern(struct comp *c, const char *text, size_t n);
text_id text_str(struct comp *c, const char *text);
/* Room for one more entry: the table, grown when it has to be; the entry's index in c->at. A table
 * that is full says so once and gives its last entry again. */
void *table_grow(struct comp *c, void *table, uint32_t n, uint32_t *cap, size_t size, uint32_t max);
#define TABLE_AT(c, field, count, cap, most)                                                       \
    ((c)->p->field =                                                                               \
         table_grow((c), (c)->p->field, (c)->p->count, &(c)->cap, sizeof(*(c)->p->field), (most)), \
     (c)->at)
#define TABLE_ADD(c, field, most) TABLE_AT(c, field, n_##field, cap_##field, most)

/* ---- Expressions (expr.c, names.c, emit.c) ---- */

/* Channels of an array. */
struct members {
    chan_id chan[STATION_CHANS_MAX];
    unsigned n;
};
struct parser {
    struct comp *c;
    const struct src *src;
    struct lexer lx;
    struct token tok;
    unsigned use, depth;
    bool failed;
    struct members array; /* an array was met where its `within` follows; its first member stands for it */
};
void parse_begin(struct parser *ps, struct comp *c, const struct src *src, unsigned use);
int parse_condition(struct parser *ps); /* root, or NODE_NONE after a finding */
int parse_sum(struct parser *ps);
bool parse_word(struct parser *ps, const char *word); /* takes it when it is there */
bool parse_op(struct parser *ps, const char *op);
bool parse_is_op(const struct parser *ps, const char *op);
void parse_next(struct parser *ps);
bool parse_end(struct parser *ps); /* true at the end; else a finding */
bool parse_is_word(const struct parser *ps, const char *word);
/* Words up to a keyword or the end, as one name; PROG_NONE after a finding. */
text_id parse_name(struct parser *ps);
int parse_fail(struct parser *ps, int code, size_t at, size_t n, const char *fmt, ...) PRINTF(5, 6);

int node_add(struct comp *c, struct node n);
int node_const(struct comp *c, double v, struct type t);
int node_chan(struct comp *c, chan_id chan);
int node_op1(struct comp *c, enum insn_op op, int l, struct type t);
int node_op2(struct comp *c, enum insn_op op, int l, int r, struct type t);
bool node_is_const(const struct comp *c, int n);
int node_window(struct comp *c, enum window_kind kind, int l, bool over_step, double span_s,
                struct type t);
int node_hold(struct comp *c, int l, double hold_s);
#define TYPE_BOOL  ((struct type){.boolean = true})
#define TYPE_OF(d) ((struct type){.dims = (d)})

/* arrays.c: `path` is path.1, path.2 ..., or the channel of that name; a cell is the only group of
 * its string. Returns whether there are any. */
bool array_find(const struct comp *c, const char *path, struct members *ret);
/* A bare array where one value is asked for: its member under way, or the first of those that
 * `within` is asked of. NODE_NONE: there is no such array, or after a finding. */
int array_word(struct parser *ps, const char *word, size_t at);
/* |x - of| <= tol for x, where diff is x - of, or for each member of the array that x stands for. */
int array_within(struct parser *ps, int x, int of, int diff, int tol);

/* names.c */
/* The chamber's air where the station has no cell.temperature; CHAN_NONE: another word, or no
 * chamber either. */
chan_id air_for_cell(struct parser *ps, const char *word, size_t at);
int parse_primary_word(struct parser *ps);
int parse_call(struct parser *ps, const struct token *name);
int parse_which(struct parser *ps, const struct token *name);
struct symbol *symbol_find(struct comp *c, const char *name, size_t n);
struct symbol *symbol_add(struct comp *c, const char *name, enum sym_kind kind);
reg_id reg_add(struct comp *c, const char *name, struct type t);
/* A register to be written: found or made; PROG_NONE after a finding. */
reg_id reg_target(struct comp *c, const struct src *name, struct type t);
bool flow_has(const struct flow *f, reg_id r);
void flow_set(struct flow *f, reg_id r);
void flow_meet(struct flow *into, const struct flow *other);
chan_id setpoint_of(const struct comp *c, chan_id chan);
const char *const *channel_names(struct comp *c, bool set);

/* emit.c */
/* What the compiler makes up stands at c->place and is called `source`; the others stand where they
 * are written. */
expr_id expr_emit(struct comp *c, int root, const char *source);
expr_id expr_emit_src(struct comp *c, int root, const struct src *s);
expr_id expr_emit_node(struct comp *c, int root, const struct conf_node *n);
/* Is it that quantity? Else a finding with `what`, `hint_unit` as in "mA". */
bool type_want(struct comp *c, const struct src *s, int root, struct type want, const char *what);
/* A C-rate needs the capacity, a current density the area: false after a finding when the article
 * does not say it. */
bool base_known(struct comp *c, int root, const struct diag_pos *pos);
int convert_current(
    struct comp *c,
    int root); /* C-rate and current density become a current; other types are left */
const char *type_name(const struct type *t, char *buf, size_t size);
/* Whole scalar as a quantity of this type. PROG_NONE after a finding. */
expr_id expr_of(struct comp *c, const struct conf_node *n, struct type want, unsigned use,
                const char *what);
int node_of(struct comp *c, const struct conf_node *n, struct type want, unsigned use,
            const char *what);
/* A condition that is asked once, so without `for`. */
expr_id expr_once(struct comp *c, const struct conf_node *n, const char *what);
/* A constant of this type. */
bool const_of(struct comp *c, const struct conf_node *n, struct type want, const char *what,
              double *ret);
/* phases.c: [A] .. [B] from where ps stands; sides must be constant. */
bool parse_range(struct parser *ps, struct type want, const char *what, struct range *ret);

/* ---- Tables of the program ---- */

/* params.c */
void compile_head(struct comp *c, const struct conf_node *root); /* article and needs */
/* `with`: what a call gives, in the words of the file whose symbols begin at caller_base; NULL: the
 * main file, --set counts. */
void compile_parameters(struct comp *c, const struct conf_node *root, const struct conf_node *with,
                        unsigned caller_base);
void parameters_done(struct comp *c);
void compile_roles(struct comp *c);
void check_returns(struct comp *c, const struct conf_node *root);

/* band.c */
void compile_model(struct comp *c, const struct conf_node *map);

/* guards.c */
void compile_guards(struct comp *c, const struct conf_node *map, enum guard_source source);
void compile_article_guards(struct comp *c);
void compile_watches(struct comp *c, const struct conf_node *list);
bool compile_record(struct comp *c, const struct conf_node *n, uint16_t *ret_first,
                    uint16_t *ret_n);
uint16_t default_record(struct comp *c); /* every 10 s */
void chamber_limits(struct comp *c);
void compile_proof(struct comp *c);
bool parse_alarm(struct comp *c, const struct src *s, enum alarm_level *ret_level,
                 text_id *ret_text);
void compile_power(struct comp *c, const struct conf_node *n);

/* verbs.c, ends.c */
struct verb_key {
    const char *name;
    unsigned verbs; /* bit per enum verb */
    const char *help;
};
extern const struct verb_key verb_keys[]; /* ends with name == NULL */
extern const char *const refused_verbs[];
struct act_parts { /* nodes of the `limits` of the act under way */
    int limit_lo, limit_hi;
};
struct act_limits {
    double lo, hi;
};
void compile_let_map(struct comp *c, const struct conf_node *map, unsigned use);
bool verb_find(const char *word, enum verb *ret);
const char *verb_refused(const char *word); /* the word when it is known but not there yet */
void compile_act(struct comp *c, const struct conf_node *n, enum verb verb);
void compile_ends(struct comp *c, struct act *a, const struct conf_node *map, text_id as);
void compile_saves(struct comp *c, struct act *a, const struct conf_node *map);
extern const char *const timeout_words[];

/* profile.c, profile_read.c */
struct profile_keys {
    const struct conf_node *profile, *column, *time, *every, *sign;
    double every_s;
    int sign_said; /* by the step: 1 charge positive, -1 */
};
void compile_drive(struct comp *c, struct act *a, const struct conf_node *map);
expr_id drive_duration(struct comp *c, const struct act *a, const struct conf_node *map);
/* The table out of the file's text. False after a finding. */
bool profile_read(struct comp *c, const struct profile_keys *k, const char *text, struct drive *d);

/* flow.c, words.c */
void compile_steps(struct comp *c, const struct conf_node *list);
void compile_before(struct comp *c, const struct conf_node *list); /* checks and questions only */
void step_add(struct comp *c, enum step_op op, uint16_t a, uint16_t b, const struct conf_node *at);
void compile_call(struct comp *c, const struct conf_node *n);
void compile_ask(struct comp *c, const struct conf_node *n);
void compile_check(struct comp *c, const struct conf_node *n);
void compile_note(struct comp *c, const struct conf_node *n);
void compile_alarm(struct comp *c, const struct conf_node *n);
void compile_measure(struct comp *c, const struct conf_node *n);
void compile_end(struct comp *c, const struct conf_node *n);
uint16_t template_add(struct comp *c, const struct conf_node *n);
bool template_fill(struct comp *c, const struct src *s, struct template_text *ret);
/* Unknown keys of a map, with "did you mean". */
void check_keys(struct comp *c, const struct conf_node *map, const char *const *known,
                const char *what);
void refuse_word(struct comp *c, const struct diag_pos *pos, const char *word);
void declare_hidden(struct comp *c, const struct conf_node *n);
void end_name_add(struct comp *c, text_id name);
void end_name_ask(struct comp *c, text_id name, const struct src *s, size_t at, size_t n);

void program_hash(struct program *p);

#endif
