/* procedures/engine/arrays.c - channels that are many of a kind: the groups of a string, the
 * sensors on an article. A guard on a bare array is one guard for each member, `within` holds for
 * all of them; elsewhere one says which: highest(), lowest() ...
 */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <string.h>

/* What is one cell by its kind has no groups to be measured by themselves. Where nothing is known
 * of the article, a station that measures no groups can only serve one cell. */
static bool is_one_cell(const struct comp *c)
{
    static const char *const kinds[] = {"cell", "symmetric-cell", "pellet", "sofc-cell", NULL};

    for (int i = 0; kinds[i] && !c->open_article; i++)
        if (strcmp(article_kinds[c->in->article->kind], kinds[i]) == 0)
            return true;
    return c->open_article && !c->open_station;
}

bool array_find(const struct comp *c, const char *path, struct members *ret)
{
    const struct station_desc *s = &c->p->station;
    size_t len = strlen(path);

    ret->n = 0;
    for (uint16_t i = 0; i < s->n_chans; i++) {
        const char *name = s->chan[i].name;

        if (!s->chan[i].read || strncmp(name, path, len) != 0)
            continue;
        if (name[len] == '\0' ||
            (name[len] == '.' && strspn(name + len + 1, "0123456789") == strlen(name + len + 1)))
            ret->chan[ret->n++] = i;
    }
    if (ret->n == 0 && strcmp(path, "group.voltage") == 0 && c->p->role.voltage != CHAN_NONE &&
        is_one_cell(c))
        ret->chan[ret->n++] = c->p->role.voltage;
    return ret->n > 0;
}

int array_word(struct parser *ps, const char *word, size_t at)
{
    struct comp *c = ps->c;
    struct members m;
    unsigned which = 0;

    if (!array_find(c, word, &m))
        return NODE_NONE;
    if (m.n > 1 && c->member > 0) {
        if (c->member > m.n)
            return parse_fail(ps, E_INVALID, at, strlen(word), "'%s' has only %u channels", word,
                              m.n);
        which = c->member - 1;
        c->n_members = m.n > c->n_members ? m.n : c->n_members;
    } else if (m.n > 1 && parse_is_word(ps, "within")) {
        ps->array = m;
    } else if (m.n > 1) {
        parse_fail(ps, E_INVALID, at, strlen(word), "'%s' is an array", word);
        HINT(c, "highest(%s), lowest(), mean() ...", word);
        return NODE_NONE;
    }
    int n = node_chan(c, m.chan[which]);
    if (n != NODE_NONE) {
        c->node[n].at = (uint32_t)at;
        c->node[n].n = (uint32_t)strlen(word);
    }
    return n;
}

static int is_small(struct comp *c, int diff, int tol)
{
    int n = diff == NODE_NONE ? diff : node_op1(c, INSN_ABS, diff, c->node[diff].t);

    return n == NODE_NONE ? n : node_op2(c, INSN_LE, n, tol, TYPE_BOOL);
}

int array_within(struct parser *ps, int x, int of, int diff, int tol)
{
    struct comp *c = ps->c;
    const struct members m = ps->array;
    const struct type t = c->node[diff].t;
    int all = is_small(c, diff, tol);

    ps->array.n = 0;
    if (m.n > 0 && (c->node[x].op != INSN_CHAN || c->node[x].a != m.chan[0]))
        return parse_fail(ps, E_INVALID, c->node[x].at, c->node[x].n,
                          "each channel of an array is compared by itself: nothing is done to it "
                          "before `within`");
    for (unsigned i = 1; i < m.n && all != NODE_NONE; i++) {
        int one = node_chan(c, m.chan[i]);

        one = one == NODE_NONE ? one : node_op2(c, INSN_SUB, one, of, t);
        one = is_small(c, one, tol);
        all = one == NODE_NONE ? one : node_op2(c, INSN_AND, all, one, TYPE_BOOL);
    }
    return all;
}
