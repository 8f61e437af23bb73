/* tests/sim/edits.c - see edits.h. */
#include "tests/sim/edits.h"

#include "base/rng.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const edit_kind_names[EDIT_KINDS] = {
    "digit", "unit", "sign", "key", "line removed", "line doubled", "bracket", "byte",
};

/* ---- Where an edit can be ----------------------------------------------------------------------
 */

struct places {
    unsigned n;
    size_t at[EDIT_BYTES], len[EDIT_BYTES];
};

static void add_place(struct places *p, size_t at, size_t len)
{
    p->at[p->n] = at;
    p->len[p->n++] = len;
}

static bool word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* 1 where a byte is not in a comment. */
static void mark_code(const struct edit_file *f, char *code)
{
    char quote = 0;
    bool comment = false;
    for (size_t k = 0; k < f->n; k++) {
        char c = f->text[k];
        if (c == '\n') {
            quote = 0;
            comment = false;
        } else if (!comment && quote) {
            quote = c == quote ? 0 : quote;
        } else if (!comment && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == '#' && (k == 0 || isspace((unsigned char)f->text[k - 1]))) {
            comment = true;
        }
        code[k] = !comment;
    }
}

static size_t word_length(const struct edit_file *f, size_t at)
{
    size_t n = 0;
    while (at + n < f->n && word_char(f->text[at + n])) {
        n++;
    }
    return n;
}

/* The place at byte k for an edit of this kind, if there is one. */
static void look_at(const struct edit_file *f, int kind, size_t k, struct places *p)
{
    const char *t = f->text;
    char before = k > 0 ? t[k - 1] : '\n';
    switch (kind) {
    case EDIT_DIGIT:
        if (isdigit((unsigned char)t[k])) {
            add_place(p, k, 1);
        }
        break;
    case EDIT_UNIT:
        if (k > 1 && before == ' ' && isdigit((unsigned char)t[k - 2]) &&
            isalpha((unsigned char)t[k])) {
            add_place(p, k, word_length(f, k));
        }
        break;
    case EDIT_SIGN:
        if ((isdigit((unsigned char)t[k]) && !word_char(before) && before != '.') || t[k] == '<' ||
            t[k] == '>') {
            add_place(p, k, 1);
        }
        break;
    case EDIT_KEY:
        if (isalpha((unsigned char)t[k]) && !word_char(before) && before != '.' &&
            t[k + word_length(f, k)] == ':' && word_length(f, k) > 1) {
            add_place(p, k, word_length(f, k));
        }
        break;
    case EDIT_BRACKET:
        if (strchr("{}[]()\"'", t[k]) && t[k]) {
            add_place(p, k, 1);
        }
        break;
    default: break;
    }
}

static void find_places(const struct edit_file *f, int kind, struct places *p)
{
    static char code[EDIT_BYTES];
    mark_code(f, code);
    p->n = 0;
    if (kind == EDIT_BYTE) {
        add_place(p, 0, f->n);
        return;
    }
    for (size_t k = 0; k < f->n; k++) {
        bool starts = k == 0 || f->text[k - 1] == '\n';
        size_t len = strcspn(f->text + k, "\n"), blank = strspn(f->text + k, " ");
        if (kind == EDIT_LINE_REMOVED || kind == EDIT_LINE_DOUBLED) {
            if (starts && blank < len && f->text[k + blank] != '#') {
                add_place(p, k, len + 1);
            }
        } else if (code[k]) {
            look_at(f, kind, k, p);
        }
    }
}

/* ---- Edits -------------------------------------------------------------------------------------
 */

static void splice(struct edit_file *f, size_t at, size_t out, const char *in, size_t n)
{
    if (f->n - out + n >= sizeof f->text) {
        abort();
    }
    memmove(f->text + at + n, f->text + at + out, f->n - at - out);
    memcpy(f->text + at, in, n);
    f->n = f->n - out + n;
    f->text[f->n] = '\0';
}

static void edit_unit(struct edit_file *f, size_t at, size_t len, struct rng *r)
{
    static const char *const units[] = {"V",   "mV",   "A",   "mA", "uA",  "MPa", "kPa", "psi",
                                        "bar", "degC", "K",   "s",  "min", "h",   "ms",  "mAh",
                                        "Ah",  "W",    "ohm", "mm", "kN",  "N",   "kV",  "d"};
    const char *u = units[0];
    do {
        u = units[rng_below(r, sizeof units / sizeof units[0])];
    } while (strlen(u) == len && memcmp(u, f->text + at, len) == 0);
    splice(f, at, len, u, strlen(u));
}

static void edit_key(struct edit_file *f, size_t at, size_t len, struct rng *r)
{
    size_t k = at + rng_below(r, (uint32_t)len);
    char c[2] = {(char)('a' + (int)rng_below(r, 26)), f->text[k]};
    switch (rng_below(r, 4)) {
    case 0: splice(f, k, 1, "", 0); break;
    case 1: splice(f, k, 0, c, 1); break;
    case 2: splice(f, k, 0, c + 1, 1); break;
    default: splice(f, k, 1, c[0] == c[1] ? "q" : c, 1); break;
    }
}

static void edit_sign(struct edit_file *f, size_t at)
{
    char c = f->text[at];
    if (c == '<' || c == '>') {
        f->text[at] = c == '<' ? '>' : '<';
    } else if (at > 0 && f->text[at - 1] == '-') {
        splice(f, at - 1, 1, "", 0);
    } else {
        splice(f, at, 0, "-", 1);
    }
}

static void edit_bracket(struct edit_file *f, size_t at, struct rng *r)
{
    static const char all[] = "{}[]()\"'";
    char c = all[rng_below(r, 8)];
    switch (rng_below(r, 3)) {
    case 0: splice(f, at, 1, "", 0); break;
    case 1: splice(f, at, 0, f->text + at, 1); break;
    default: splice(f, at, 1, c == f->text[at] ? "|" : &c, 1); break;
    }
}

static size_t edit_byte(struct edit_file *f, struct rng *r)
{
    size_t at = rng_below(r, (uint32_t)f->n);
    bool printable = rng_below(r, 2) == 0;
    char c = (char)(unsigned char)(printable ? 32 + rng_below(r, 95) : rng_below(r, 256));
    splice(f, at, rng_below(r, 2), &c, 1);
    return at;
}

static int line_at(const struct edit_file *f, size_t at)
{
    int line = 1;
    for (size_t k = 0; k < at && k < f->n; k++) {
        line += f->text[k] == '\n';
    }
    return line;
}

static void copy_line(const struct edit_file *f, int line, char *buf, size_t size)
{
    size_t k = 0, n = 0;
    for (int l = 1; l < line && k < f->n; k++) {
        l += f->text[k] == '\n';
    }
    for (k += strspn(f->text + k, " "); k < f->n && f->text[k] != '\n' && n + 1 < size; k++) {
        buf[n++] = isprint((unsigned char)f->text[k]) ? f->text[k] : '?';
    }
    buf[n] = '\0';
    char *comment = strstr(buf, " # ");
    if (comment) {
        *comment = '\0';
    }
}

bool edit_has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word)) {
        if ((p == text || !word_char(p[-1])) && !word_char(p[n])) {
            return true;
        }
    }
    return false;
}

static void describe(struct edit *ret, const struct edit_file *from, const char *name, int line)
{
    const char *slash = strrchr(name, '/');
    copy_line(from, line, ret->was, sizeof ret->was);
    copy_line(&ret->file, line, ret->is, sizeof ret->is);
    snprintf(ret->what, sizeof ret->what, "%s:%d: `%s` -> `%s`", slash ? slash + 1 : name, line,
             ret->was, ret->is);
}

void edit_make(struct edit *ret, const struct edit_file *from, const char *name, uint64_t seed,
               int kind)
{
    static struct places p;
    struct edit_file *f = &ret->file;
    struct rng r;
    rng_seed(&r, seed, 7);
    *f = *from;
    ret->kind = kind;
    find_places(f, kind, &p);
    unsigned which = rng_below(&r, p.n);
    size_t at = p.at[which], len = p.len[which];
    char digit = (char)('0' + (f->text[at] - '0' + 1 + (int)rng_below(&r, 9)) % 10);
    switch (kind) {
    case EDIT_DIGIT: f->text[at] = digit; break;
    case EDIT_UNIT: edit_unit(f, at, len, &r); break;
    case EDIT_SIGN: edit_sign(f, at); break;
    case EDIT_KEY: edit_key(f, at, len, &r); break;
    case EDIT_LINE_REMOVED: splice(f, at, len, "", 0); break;
    case EDIT_LINE_DOUBLED: splice(f, at + len, 0, from->text + at, len); break;
    case EDIT_BRACKET: edit_bracket(f, at, &r); break;
    default: at = edit_byte(f, &r); break;
    }
    int line = line_at(from, at);
    ret->first = kind == EDIT_LINE_REMOVED && line > 1 ? line - 1 : line;
    bool two = kind == EDIT_LINE_DOUBLED || (kind == EDIT_BYTE && f->text[at] == '\n');
    ret->last = two ? line + 1 : line;
    describe(ret, from, name, line);
    size_t n = strlen(ret->what);
    snprintf(ret->what + n, sizeof ret->what - n, " (seed %llu, %s)", (unsigned long long)seed,
             edit_kind_names[kind]);
}

void edit_put(struct edit *ret, const struct edit_file *from, const char *name, const char *old,
              const char *by)
{
    const char *at = strstr(from->text, old);
    if (!at || strstr(at + 1, old)) {
        abort();
    }
    ret->file = *from;
    ret->kind = 0;
    splice(&ret->file, (size_t)(at - from->text), strlen(old), by, strlen(by));
    ret->first = ret->last = line_at(from, (size_t)(at - from->text));
    describe(ret, from, name, ret->first);
}

/* ---- Limits ------------------------------------------------------------------------------------
 */

static const struct base_unit {
    const char *name;
    double scale, offset;
} base_units[] = {
    {"V",       1,                 0     },
    {"A",       1,                 0     },
    {"Pa",      1,                 0     },
    {"psi",     6894.757293168361, 0     },
    {"bar",     1e5,               0     },
    {"degC",    1,                 273.15},
    {"K",       1,                 0     },
    {"m",       1,                 0     },
    {"mAh",     3.6,               0     },
    {"celsius", 1,                 273.15},
    {"volt",    1,                 0     },
    {"inch",    0.0254,            0     },
};

static bool unit_of(const char *u, size_t n, double *ret_scale, double *ret_offset)
{
    static const struct {
        char c;
        double scale;
    } prefixes[] = {
        {'p', 1e-12},
        {'n', 1e-9 },
        {'u', 1e-6 },
        {'m', 1e-3 },
        {'c', 1e-2 },
        {'d', 1e-1 },
        {'h', 1e2  },
        {'k', 1e3  },
        {'M', 1e6  },
        {'G', 1e9  }
    };
    for (size_t k = 0; k < sizeof base_units / sizeof base_units[0]; k++) {
        const struct base_unit *b = &base_units[k];
        size_t len = strlen(b->name);
        if (len == n && memcmp(u, b->name, n) == 0) {
            *ret_scale = b->scale;
            *ret_offset = b->offset;
            return true;
        }
        for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
            if (len + 1 == n && u[0] == prefixes[p].c && memcmp(u + 1, b->name, len) == 0) {
                *ret_scale = b->scale * prefixes[p].scale;
                *ret_offset = 0.0;
                return true;
            }
        }
    }
    return false;
}

/* "2.0 V", "2 cm^2" (as a length squared). */
static bool value_of(const char *text, size_t n, double *ret)
{
    char buf[80], *end;
    while (n > 0 && text[0] == ' ') {
        text++;
        n--;
    }
    while (n > 0 && text[n - 1] == ' ') {
        n--;
    }
    if (n == 0 || n >= sizeof buf) {
        return false;
    }
    memcpy(buf, text, n);
    buf[n] = '\0';
    double v = strtod(buf, &end), scale, offset;
    end += strspn(end, " ");
    size_t len = strcspn(end, "^2 ");
    if (end == buf || !unit_of(end, len, &scale, &offset)) {
        return false;
    }
    const char *power = end + len;
    if (*power == '^' || *power == '2') {
        scale *= scale;
        power += strspn(power, "^2");
    }
    if (*power != '\0') {
        return false;
    }
    *ret = v * scale + offset;
    return true;
}

static bool range_of(const char *text, double *ret_lo, double *ret_hi)
{
    const char *dots = strstr(text, ".."), *hold = strstr(text, " for ");
    *ret_lo = -INFINITY;
    *ret_hi = INFINITY;
    if (!dots) {
        return false;
    }
    size_t left = (size_t)(dots - text), n = hold ? (size_t)(hold - text) : strlen(text);
    const char *right = dots + 2;
    size_t rest = n - left - 2;
    bool good = left == strspn(text, " ") || value_of(text, left, ret_lo);
    return good && (rest == strspn(right, " ") || value_of(right, rest, ret_hi));
}

/* The range under a key narrows [lo, hi]; value = SI * scale. */
static void narrow(struct edit_limits *l, const struct conf_node *map, const char *key,
                   double scale, double *lo, double *hi)
{
    double a, b;
    const struct conf_node *n = map ? conf_get(map, key) : NULL;
    if (!n) {
        return;
    }
    if (n->kind != CONF_SCALAR || !range_of(n->text, &a, &b)) {
        snprintf(l->unread, sizeof l->unread, "%s: %.90s", key, n->text);
        return;
    }
    *lo = lo && a * scale > *lo ? a * scale : lo ? *lo : 0.0;
    *hi = b * scale < *hi ? b * scale : *hi;
}

static const struct conf_node *in(const struct conf_node *map, const char *key)
{
    return map ? conf_get(map, key) : NULL;
}

static double length_of(struct edit_limits *l, const struct conf_node *map, const char *key)
{
    const struct conf_node *n = in(map, key);
    double v = NAN;
    if (!n || !value_of(n->text, strlen(n->text), &v)) {
        snprintf(l->unread, sizeof l->unread, "%s: %.90s", key, n ? n->text : "absent");
    }
    return v;
}

static void read_bench(struct edit_limits *l, const struct conf_node *bench)
{
    const struct conf_node *station = in(bench, "stations"), *insts = in(bench, "instruments");
    station = station ? station->first : NULL;
    const struct conf_node *cycler = in(station, "cycler"), *press = in(station, "press"),
                           *of = in(in(station, "chamber"), "of");
    const struct conf_node *smu = in(in(insts, cycler ? cycler->text : ""), "limits");
    double lo = -INFINITY, hi = INFINITY;
    narrow(l, smu, "current", 1.0, &lo, &hi);
    l->charge_a = fmin(l->charge_a, hi);
    l->discharge_a = fmin(l->discharge_a, -lo);
    narrow(l, smu, "voltage", 1.0, &l->v_lo, &l->v_hi);
    narrow(l, in(in(insts, of ? of->text : ""), "limits"), "temperature", 1.0, &l->t_lo_k,
           &l->t_hi_k);
    if (press) {
        double area = length_of(l, press, "area"), piston = length_of(l, press, "piston");
        double ratio = 3.14159265358979323846 * piston * piston / 4.0 / area;
        const struct conf_node *air = in(press, "regulator");
        double none = -INFINITY;
        narrow(l, in(in(insts, air ? air->text : ""), "limits"), "pressure", 1.0, &none,
               &l->gauge_pa);
        l->pressure_pa = fmin(l->pressure_pa, l->gauge_pa * ratio);
    }
}

void edit_limits_read(struct edit_limits *ret, const struct conf_node *article,
                      const struct conf_node *bench, const struct conf_node *procedure)
{
    double none = -INFINITY;
    *ret = (struct edit_limits){.charge_a = INFINITY,
                                .discharge_a = INFINITY,
                                .v_lo = -INFINITY,
                                .v_hi = INFINITY,
                                .pressure_pa = INFINITY,
                                .gauge_pa = INFINITY,
                                .t_lo_k = -INFINITY,
                                .t_hi_k = INFINITY};
    const struct conf_node *window = in(article, "limits");
    narrow(ret, window, "voltage", 1.0, &ret->v_lo, &ret->v_hi);
    narrow(ret, window, "charge_current", 1.0, &none, &ret->charge_a);
    narrow(ret, window, "discharge_current", 1.0, &none, &ret->discharge_a);
    narrow(ret, window, "pressure", 1.0, &none, &ret->pressure_pa);
    read_bench(ret, bench);
    const struct conf_node *guards[] = {in(bench, "guards"), in(procedure, "guards")};
    for (size_t k = 0; k < 2; k++) {
        narrow(ret, guards[k], "cell.voltage", 1.0, &ret->v_lo, &ret->v_hi);
        narrow(ret, guards[k], "chamber.temperature", 1.0, &ret->t_lo_k, &ret->t_hi_k);
        narrow(ret, guards[k], "press.pressure", 1.0, &none, &ret->pressure_pa);
    }
}
