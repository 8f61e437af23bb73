/* benchctl/script.c - reading faults, operator's words and answers for rehearsals. */
#include "benchctl/script.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

static int add_item(struct script *s, const struct script_item *item, struct diag *reterr)
{
    if (s->n == SCRIPT_MAX) {
        return diag_add(reterr, E_FULL, "more than %d faults and operator's words", SCRIPT_MAX);
    }
    unsigned at = s->n;
    while (at > 0 && s->item[at - 1].at > item->at) {
        s->item[at] = s->item[at - 1];
        at--;
    }
    s->item[at] = *item;
    s->n++;
    return 0;
}

static int time_of(const char *text, size_t n, double *ret_s, struct diag *reterr)
{
    struct qty q;
    int r = qty_parse(text, n, NULL, &q, reterr);
    if (r < 0) {
        return r;
    }
    if (!dims_equal(q.dims, DIMS_TIME) || q.si < 0.0) {
        return diag_add(reterr, E_UNIT, "`%.*s` is not a time", (int)n, text);
    }
    *ret_s = q.si;
    return 0;
}

/* The word at *text; *text goes behind it. */
static bool next_word(const char **text, char *buf, size_t size)
{
    while (**text == ' ') {
        (*text)++;
    }
    size_t n = strcspn(*text, " ");
    if (n == 0 || n >= size) {
        return false;
    }
    memcpy(buf, *text, n);
    buf[n] = '\0';
    *text += n;
    return true;
}

static int bad_fault(const char *words, struct diag *reterr)
{
    diag_add(reterr, E_SYNTAX, "`%s` is not a fault", words);
    diag_hint(reterr, "INSTRUMENT FAULT [N replies] at TIME [for TIME], or INSTRUMENT.CONTACT opens at TIME [for TIME]; see benchctl sim --help");
    return E_SYNTAX;
}

/* Names of line faults and of faults of the instrument's mind; the count of each enum is its NULL. */
static int fault_named(const char *word, struct script_item *ret)
{
    for (int f = LINE_LATE; f < LINE_COUNT; f++) {
        if (strcmp(line_fault_name((enum line_fault)f), word) == 0) {
            ret->kind = SCRIPT_LINE_FAULT;
            ret->what = (uint8_t)f;
            return 0;
        }
    }
    for (int f = FAULT_SILENT_IGNORE; f < FAULT_COUNT; f++) {
        if (strcmp(emu_fault_name((enum emu_fault)f), word) == 0) {
            ret->kind = SCRIPT_MIND_FAULT;
            ret->what = (uint8_t)f;
            return 0;
        }
    }
    return E_NOENT;
}

/* "dio.1 opens", "dio.1 closes": somebody pulls the wire of a contact, or puts it back. */
static int contact_named(const struct bench *b, int inst, const char *chan, const char **at, struct script_item *ret)
{
    char word[40];
    uint32_t what;
    int c = inst < 0 ? -1 : inst_find_chan(&b->inst[inst], chan);
    if (c < 0 || box_terminal(&b->inst[inst], (uint16_t)c, &what) < 0 || !next_word(at, word, sizeof word)) {
        return E_NOENT;
    }
    ret->on = strcmp(word, "closes") == 0;
    if (!ret->on && strcmp(word, "opens") != 0) {
        return E_NOENT;
    }
    ret->kind = SCRIPT_HAND;
    ret->what = (uint8_t)c;
    return 0;
}

int script_times(const char *words, double unsaid_s, size_t *ret_n, double *ret_at_s, double *ret_for_s, struct diag *reterr)
{
    const char *at = strstr(words, " at "), *span = strstr(at ? at + 4 : words, " for ");
    double at_s = unsaid_s, for_s = INFINITY;
    int r = at || !isnan(unsaid_s) ? 0 : E_NOENT;
    if (r == 0 && at) {
        r = time_of(at + 4, span ? (size_t)(span - at - 4) : strlen(at + 4), &at_s, reterr);
    }
    if (r == 0 && span) {
        r = time_of(span + 5, strlen(span + 5), &for_s, reterr);
    }
    if (r == 0) {
        *ret_n = at ? (size_t)(at - words) : span ? (size_t)(span - words) : strlen(words);
        *ret_at_s = at_s;
        *ret_for_s = for_s;
    }
    return r;
}

/* How many replies it hits; more words than that are none of ours. */
static int count_of(const char *at, const char *end, struct script_item *item)
{
    char word[40];
    int64_t n;
    while (at < end && *at == ' ') {
        at++;
    }
    if (at == end) {
        return 0;
    }
    if (!next_word(&at, word, sizeof word) || str_to_int(word, strlen(word), &n) < 0 || n < 1 || n > 1000000) {
        return E_SYNTAX;
    }
    item->count = (uint32_t)n;
    return 0;
}

int script_fault(struct script *s, const struct bench *b, const char *words, double unsaid_s, struct diag *reterr)
{
    struct script_item item = {.kind = SCRIPT_LINE_FAULT, .on = true, .count = UINT32_MAX, .late_s = 0.0};
    const char *at = words;
    char word[40];
    if (!next_word(&at, word, sizeof word)) {
        return bad_fault(words, reterr);
    }
    int inst = bench_find_inst(b, word);
    char *dot = strrchr(word, '.');
    if (inst < 0 && dot) { /* a contact of a box */
        *dot = '\0';
        inst = bench_find_inst(b, word);
        if (contact_named(b, inst, dot + 1, &at, &item) < 0) {
            return bad_fault(words, reterr);
        }
    }
    if (inst < 0) {
        return diag_add(reterr, E_NOENT, "bench `%s` has no instrument `%s`", b->name, word);
    }
    item.inst = (uint8_t)inst;
    if (item.kind != SCRIPT_HAND && (!next_word(&at, word, sizeof word) || fault_named(word, &item) < 0)) {
        return bad_fault(words, reterr);
    }
    /* Later than the driver waits, sooner than the bus forgets. */
    const struct driver *d = b->inst[inst].driver;
    item.late_s = item.what == LINE_SPLIT ? 0.02 : (d->timeout_ms + 0.5 * d->late_ms) / 1000.0;
    size_t n;
    double at_s, for_s;
    int r = script_times(at, unsaid_s, &n, &at_s, &for_s, reterr);
    if (r == E_NOENT || (r == 0 && count_of(at, at + n, &item) < 0)) {
        return bad_fault(words, reterr);
    }
    item.at = nsec_from_s(at_s);
    r = r == 0 ? add_item(s, &item, reterr) : r;
    if (r == 0 && isfinite(for_s)) {
        item.at = nsec_from_s(at_s + for_s);
        item.on = item.kind == SCRIPT_HAND && !item.on;
        item.what = item.kind == SCRIPT_LINE_FAULT ? LINE_NONE : item.what;
        r = add_item(s, &item, reterr);
    }
    return r;
}

int script_faults(struct script *s, const struct bench *b, const char *const *words, unsigned n, struct diag *reterr)
{
    int r = 0;
    for (unsigned k = 0; k < n && r == 0; k++) {
        r = script_fault(s, b, words[k], NAN, reterr);
    }
    return r;
}

int script_operator(struct script *s, const char *const *words, unsigned n, struct diag *reterr)
{
    static const struct {
        const char *word;
        enum op op;
    } ops[] = {{"pause", OP_PAUSE}, {"resume", OP_RESUME}, {"skip", OP_SKIP}, {"stop", OP_STOP_AFTER_STEP}, {"abort", OP_ABORT}};
    for (unsigned k = 0; k < n; k++) {
        struct script_item item = {.kind = SCRIPT_OPERATOR, .what = UINT8_MAX};
        const char *at = strstr(words[k], " at ");
        double at_s;
        for (size_t o = 0; at && o < ARRAY_LEN(ops); o++) {
            if (strlen(ops[o].word) == (size_t)(at - words[k]) && str_starts(words[k], ops[o].word)) {
                item.what = (uint8_t)ops[o].op;
            }
        }
        if (item.what == UINT8_MAX || time_of(at + 4, strlen(at + 4), &at_s, reterr) < 0) {
            diag_add(reterr, E_SYNTAX, "`%s` is nothing an operator says", words[k]);
            diag_hint(reterr, "pause, resume, skip, stop or abort, then `at TIME`");
            return E_SYNTAX;
        }
        item.at = nsec_from_s(at_s);
        int r = add_item(s, &item, reterr);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* ---- Answers ------------------------------------------------------------------------------------------------------------------- */

int answers_load(struct answers *a, const char *path, struct diag *reterr)
{
    int r = conf_load_file(path, &a->doc, reterr);
    if (r == 0 && a->doc.root->kind != CONF_MAP) {
        r = diag_at(reterr, E_INVALID, &a->doc.root->pos, "answers are a map of register or question to answer");
    }
    return r;
}

void answers_done(struct answers *a)
{
    conf_done(&a->doc);
}

int answers_find(const struct answers *a, const struct program *p, const struct question *q, double *ret_value)
{
    const struct conf_node *n = NULL;
    if (a->doc.root) {
        n = q->save != PROG_NONE ? conf_get(a->doc.root, program_text(p, p->regs[q->save].name)) : NULL;
        n = n ? n : conf_get(a->doc.root, program_text(p, q->text));
    }
    if (!n || n->kind != CONF_SCALAR) {
        return E_NOENT;
    }
    struct qty v;
    switch ((enum ask_kind)q->kind) {
    case ASK_YES:
        *ret_value = strcmp(n->text, "yes") == 0 || strcmp(n->text, "true") == 0;
        return 0;
    case ASK_CHOICE:
        for (uint8_t k = 0; k < q->n_options; k++) {
            if (strcmp(program_text(p, q->options[k]), n->text) == 0) {
                *ret_value = k;
                return 0;
            }
        }
        return E_NOENT;
    case ASK_NUMBER:
        if (qty_parse(n->text, strlen(n->text), &n->pos, &v, NULL) < 0) {
            return E_NOENT;
        }
        *ret_value = v.si;
        return 0;
    case ASK_TEXT: *ret_value = NAN; return 0;
    }
    return E_NOENT;
}
