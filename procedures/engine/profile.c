/* procedures/engine/profile.c - the verb drive: a current or a power that follows a profile, as a
 * table of the program.
 *
 * How its current is asked for (HOUSE.md): a voltage source at the end of the window in the row's
 * direction, with the row as its current limit and the other direction's limit at zero, so that the
 * instrument itself stops at the window when everything above it is dead. The signed current source
 * would be one set less at a change of sign, but holds only the upper voltage (a Keithley's limit
 * is symmetric), and some instruments (EA) have none. */
#include "procedures/engine/compile_priv.h"

#include "base/err.h"

#include <math.h>
#include <string.h>

static bool take_sign(struct comp *c, const struct conf_node *n, int *ret)
{
    static const struct {
        const char *text;
        int sign;
    } words[] = {
        {"charge positive",       1 },
        {"discharge positive",    -1},
        {"discharge negative",    1 },
        {"charge negative",       -1},
        {"charge is positive",    1 },
        {"discharge is positive", -1},
        {"discharge is negative", 1 },
        {"charge is negative",    -1},
    };

    for (size_t i = 0; n->kind == CONF_SCALAR && i < ARRAY_LEN(words); i++)
        if (strcmp(n->text, words[i].text) == 0) {
            *ret = words[i].sign;
            return true;
        }
    FAIL(c, E_NOENT, &n->pos, "the sign of a profile is `charge positive` or `discharge positive`");
    return false;
}

static bool is_name(struct comp *c, const struct conf_node *n)
{
    if (!n || n->kind == CONF_SCALAR)
        return true;
    FAIL(c, E_SYNTAX, &n->pos, "`%s` is one name", n->key);
    return false;
}

static bool take_keys(struct comp *c, const struct conf_node *map, struct profile_keys *k)
{
    *k = (struct profile_keys){.profile = conf_get(map, "profile"),
                               .column = conf_get(map, "column"),
                               .time = conf_get(map, "time"),
                               .every = conf_get(map, "every"),
                               .sign = conf_get(map, "sign"),
                               .every_s = NAN};
    if (!k->profile) {
        FAIL(c, E_INVALID, &map->key_pos, "drive needs its `profile`");
        HINT(c, "drive: {profile: profiles/cycle.csv, sign: discharge positive}");
        return false;
    }
    if (!is_name(c, k->profile) || !is_name(c, k->column) || !is_name(c, k->time))
        return false;
    if (k->sign && !take_sign(c, k->sign, &k->sign_said))
        return false;
    if (!k->every)
        return true;
    if (!const_of(c, k->every, TYPE_OF(DIMS_TIME), "every", &k->every_s))
        return false;
    if (k->every_s > 0.0 && k->every_s < 1e6)
        return true;
    FAIL(c, E_RANGE, &k->every->pos, "the time is out of range");
    return false;
}

/* The file's text, kept with the program: findings of the check show its lines. */
static bool load(struct comp *c, const struct conf_node *profile, struct drive *d,
                 const char **ret_text)
{
    const char *text, *path;
    size_t n;
    int r;

    if (!c->in->read) {
        comp_open(c, "profile %s", profile->text);
        return false;
    }
    r = c->in->read(c->in->load_ctx, c->p->files[c->file], profile->text, &text, &n, &path);
    if (r < 0) {
        FAIL(c, r, &profile->pos,
             r == E_NOENT   ? "there is no profile `%s`"
             : r == E_RANGE ? "the profile `%s` is too large"
                            : "the profile `%s` cannot be read",
             profile->text);
        if (r == E_NOENT)
            HINT(c, "a CSV file beside the procedure");
        return false;
    }
    d->file = arena_dup(&c->p->arena, path);
    d->text = *ret_text = arena_dup_n(&c->p->arena, text, n);
    if (strlen(d->text) == n)
        return true;
    FAIL(c, E_SYNTAX, &profile->pos, "the profile `%s` is no text", profile->text);
    return false;
}

static void take_scale(struct comp *c, const struct conf_node *n, struct drive *d)
{
    int root = node_of(c, n, TYPE_OF(DIMS_NONE), USE_REGS, "scale");

    if (node_is_const(c, root) && !(c->node[root].v > 0.0) && !isnan(c->node[root].v)) {
        FAIL(c, E_RANGE, &n->pos, "a scale is above zero");
        HINT(c, "which way a value goes is said by `sign`");
    }
    d->scale = expr_emit_node(c, root, n);
}

#define INSIDE_V 0.01

/* Without `limits` the source's two levels lie a little inside the article's window: a cell that is
 * held at its very end would trip over the noise. */
static void take_window(struct comp *c, struct act *a)
{
    double inside_v = fmin(INSIDE_V, 0.05 * (c->p->v_hi - c->p->v_lo));
    const double ends[] = {c->p->v_lo + inside_v, c->p->v_hi - inside_v};
    expr_id *const into[] = {&a->v_lo, &a->v_hi};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (*into[i] == PROG_NONE && isfinite(ends[i]))
            *into[i] = expr_emit(c, node_const(c, ends[i], TYPE_OF(DIMS_VOLTAGE)), "article");
}

void compile_drive(struct comp *c, struct act *a, const struct conf_node *map)
{
    struct profile_keys k;
    struct drive d = {.scale = PROG_NONE};
    const char *text;
    uint32_t i;

    a->drive = PROG_NONE;
    take_window(c, a);
    if (!take_keys(c, map, &k))
        return;
    if (conf_get(map, "scale"))
        take_scale(c, conf_get(map, "scale"), &d);
    if (!load(c, k.profile, &d, &text) || !profile_read(c, &k, text, &d))
        return;
    if (d.kind == DRIVE_CRATE && isnan(c->p->capacity_c)) {
        if (c->open_article) {
            comp_open(c, "article.capacity");
        } else {
            FAIL(c, E_INVALID, &k.profile->pos,
                 "a C-rate needs the capacity of the article, and %s does not say it",
                 c->in->article->name);
            HINT(c, "add capacity: 9.6 mAh to the article, or write a current");
        }
    }
    i = TABLE_ADD(c, drives, PROG_DRIVES_MAX);
    c->p->drives[i] = d;
    c->p->n_drives = (uint16_t)(i + 1);
    a->drive = (uint16_t)i;
}

/* It ends with its profile, or sooner with its `for`. */
expr_id drive_duration(struct comp *c, const struct act *a, const struct conf_node *map)
{
    const struct conf_node *limit = conf_get(map, "for");
    const struct drive *d = a->drive == PROG_NONE ? NULL : &c->p->drives[a->drive];
    int whole = node_const(c, d ? d->at_s[d->n] : (double)NAN, TYPE_OF(DIMS_TIME)), part;

    if (!limit)
        return expr_emit(c, whole, "profile");
    part = node_of(c, limit, TYPE_OF(DIMS_TIME), USE_REGS, "for");
    if (part == NODE_NONE || whole == NODE_NONE)
        return PROG_NONE;
    if (node_is_const(c, part) && !(c->node[part].v >= 0.0)) {
        FAIL(c, E_RANGE, &limit->pos, "the time is out of range");
        return PROG_NONE;
    }
    return expr_emit_node(c, node_op2(c, INSN_MIN, part, whole, TYPE_OF(DIMS_TIME)), limit);
}
