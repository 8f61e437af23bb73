/* base/unit.c - the unit behind a number, as scale, offset and exponents.
 *
 * udunits2 knows the units; what it would take for something else, or would read as a number, a
 * date or a logarithm, is kept away from it: words of a battery laboratory are translated,
 * everything that is not a plain product is refused.
 */
#include "base/num_priv.h"
#include "base/qty.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <udunits2.h>

enum {
    UNIT_MAX = 40,
    TRANSLATED_MAX = 160,
    CACHE_SIZE = 64
};

struct unit {
    char text[UNIT_MAX];
    int rc; /* failures are kept too */
    double scale, offset;
    struct dims dims;
};

/* The library's tables are large and take milliseconds to read, so a process has them once. Only
 * the result of a pure function is kept here: nobody can tell whether a unit was seen before. */
static struct {
    pthread_mutex_t lock;
    ut_system *system;
    bool tried;
    unsigned n, next;
    struct unit unit[CACHE_SIZE];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- Translation ---- */

struct reader {
    const char *p, *end;
    char out[TRANSLATED_MAX];
    size_t n;
    bool alone; /* the whole unit is one word */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int emit(struct reader *r, const char *text)
{
    if (!str_copy(r->out + r->n, sizeof(r->out) - r->n, text))
        return E_UNIT;
    r->n += strlen(text);
    return 0;
}

/* Signs of several bytes that people copy from data sheets. */
static const struct {
    const char *sign, *ascii;
} signs[] = {
    {"\xC2\xB5",     "u"  }, /* micro sign */
    {"\xCE\xBC",     "u"  }, /* Greek mu */
    {"\xCE\xA9",     "ohm"}, /* Greek omega */
    {"\xE2\x84\xA6", "ohm"}, /* ohm sign */
    {"\xC2\xB0",     "deg"}, /* degree sign */
    {"\xC2\xB7",     "*"  }, /* middle dot */
    {"\xC2\xB2",     "^2" }, /* superscript two */
    {"\xC2\xB3",     "^3" }, /* superscript three */
};

static int spell_signs(const char *text, size_t n, char *ret, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < n;) {
        const char *ascii = NULL;
        char one[2] = {text[i], '\0'};
        size_t step = 1;

        for (size_t k = 0; k < ARRAY_LEN(signs) && !ascii; k++) {
            size_t len = strlen(signs[k].sign);

            if (n - i >= len && memcmp(text + i, signs[k].sign, len) == 0) {
                ascii = signs[k].ascii;
                step = len;
            }
        }
        if (!ascii && ((unsigned char)text[i] & 0x80u))
            return E_UNIT;
        if (!str_copy(ret + used, size - used, ascii ? ascii : one))
            return E_UNIT;
        used += strlen(ret + used);
        i += step;
    }
    return 0;
}

/* mAh, kWh, VAh: an hour glued to its unit. */
static int translate_hours(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    char product[UNIT_MAX + 8];

    if (n < 2 || n > 4 || word[n - 1] != 'h' || !strchr("AW", word[n - 2]))
        return E_NOT_MINE;
    if (n == 3 && !strchr("numkMGV", word[0]))
        return E_NOT_MINE;
    if (n == 4 && !(strchr("mkM", word[0]) && word[1] == 'V' && word[2] == 'A'))
        return E_NOT_MINE;
    snprintf(product, sizeof(product), "(%.*s.h)", (int)(n - 1), word);
    return emit(r, product);
}

static int translate_word(struct reader *r, const char *word)
{
    static const struct {
        const char *word, *alone, *inside;
    } table[] = {
        {"degC",    "degC",       "K"         },
        {"celsius", "degC",       "K"         },
        {"degF",    "degF",       "(K/1.8)"   },
        {"sccm",    "(cm^3/min)", "(cm^3/min)"},
        {"slm",     "(l/min)",    "(l/min)"   },
        {"slpm",    "(l/min)",    "(l/min)"   },
        {"lpm",     "(l/min)",    "(l/min)"   },
        {"VA",      "W",          "W"         },
        {"C",       NULL,         NULL        }, /* half of the readers would take it for the C-rate */
    };
    int rc = translate_hours(r, word);

    if (rc != E_NOT_MINE)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(word, table[i].word) == 0)
            return table[i].alone ? emit(r, r->alone ? table[i].alone : table[i].inside) : E_UNIT;
    return emit(r, word);
}

/* A word with its exponent: `cm2`, `cm^2`, `s-1`, `s^-1`. */
static int translate_factor(struct reader *r)
{
    char word[UNIT_MAX], power[8];
    size_t n = 0;
    bool minus;
    int rc;

    while (r->p < r->end && is_letter(*r->p) && n + 1 < sizeof(word))
        word[n++] = *r->p++;
    word[n] = '\0';
    if (r->p < r->end && is_letter(*r->p))
        return E_UNIT;
    rc = translate_word(r, word);
    if (rc < 0 || r->p >= r->end || !(*r->p == '^' || *r->p == '-' || is_digit(*r->p)))
        return rc;
    r->p += *r->p == '^';
    minus = r->p < r->end && *r->p == '-';
    r->p += minus;
    if (r->p >= r->end || !is_digit(*r->p) || *r->p == '0')
        return E_UNIT;
    snprintf(power, sizeof(power), "^%s%c", minus ? "-" : "", *r->p++);
    if (r->p < r->end && is_digit(*r->p))
        return E_UNIT;
    return emit(r, power);
}

static int translate(struct reader *r)
{
    int rc = 0;

    if (r->end - r->p >= 2 && r->p[0] == '1' && (r->p[1] == '/' || r->p[1] == ' ')) {
        r->p++;
        rc = emit(r, "1");
    }
    while (rc == 0 && r->p < r->end) {
        char one[2] = {*r->p, '\0'};

        if (is_letter(*r->p)) {
            rc = translate_factor(r);
        } else if (*r->p == '%') {
            rc = emit(r, "(0.01)");
            r->p++;
        } else if (strchr("*/() ", *r->p)) {
            rc = emit(r, one);
            r->p++;
        } else {
            rc = E_UNIT;
        }
    }
    return rc;
}

/* ---- What udunits2 made of it ---- */

struct visit {
    double scale, offset;
    int power[6]; /* m kg s A K mol */
    bool bad;
};

static void add_power(struct visit *v, const ut_unit *basic, int power)
{
    static const char *const names[] = {"m", "kg", "s", "A", "K", "mol"};
    const char *symbol = ut_get_symbol(basic, UT_ASCII);

    for (size_t i = 0; symbol && i < ARRAY_LEN(names); i++)
        if (strcmp(symbol, names[i]) == 0) {
            v->power[i] += power;
            v->bad |= v->power[i] > 12 || v->power[i] < -12;
            return;
        }
    if (!symbol ||
        strcmp(symbol, "rad") != 0) /* an angle is a plain number here; a candela nobody needs */
        v->bad = true;
}

static ut_status see_basic(const ut_unit *unit, void *arg)
{
    add_power(arg, unit, 1);
    return UT_SUCCESS;
}

static ut_status see_product(const ut_unit *unit, int count, const ut_unit *const *basics,
                             const int *powers, void *arg)
{
    (void)unit;
    for (int i = 0; i < count; i++)
        add_power(arg, basics[i], powers[i]);
    return UT_SUCCESS;
}

static ut_status see_galilean(const ut_unit *unit, double scale, const ut_unit *under,
                              double offset, void *arg);

static ut_status see_timestamp(const ut_unit *unit, const ut_unit *time_unit, double origin,
                               void *arg)
{
    struct visit *v = arg;

    (void)unit;
    (void)time_unit;
    (void)origin;
    v->bad = true;
    return UT_SUCCESS;
}

static ut_status see_logarithmic(const ut_unit *unit, double base, const ut_unit *reference,
                                 void *arg)
{
    return see_timestamp(unit, reference, base, arg);
}

static ut_status look(const ut_unit *unit, struct visit *v)
{
    const ut_visitor visitor = {
        .visit_basic = see_basic,
        .visit_product = see_product,
        .visit_galilean = see_galilean,
        .visit_timestamp = see_timestamp,
        .visit_logarithmic = see_logarithmic,
    };

    return ut_accept_visitor(unit, &visitor, v);
}

static ut_status see_galilean(const ut_unit *unit, double scale, const ut_unit *under,
                              double offset, void *arg)
{
    struct visit *v = arg;

    (void)unit;
    v->offset += v->scale * scale * offset;
    v->scale *= scale;
    return look(under, v);
}

static int keep_silent(const char *fmt, va_list ap)
{
    (void)fmt;
    (void)ap;
    return 0;
}

/* 10.000000000000002 for mA/cm^2 is the dust of products in another order. */
static double without_dust(double v)
{
    char text[40];
    double clean;
    struct c_locale l;

    c_locale_enter(&l);
    snprintf(text, sizeof(text), "%.13g", v);
    c_locale_leave(&l);
    if (str_to_double(text, strlen(text), &clean) < 0)
        return v;
    return fabs(clean - v) <= 1e-15 * fabs(v) ? clean : v;
}

static int ask_library(const char *text, struct unit *ret)
{
    struct visit v = {.scale = 1.0};
    ut_unit *unit;

    if (!cache.tried) {
        cache.tried = true;
        ut_set_error_message_handler(keep_silent);
        cache.system = ut_read_xml(NULL);
    }
    if (!cache.system)
        return E_IO;
    unit = ut_parse(cache.system, text, UT_ASCII);
    if (!unit)
        return E_UNIT;
    v.bad |= look(unit, &v) != UT_SUCCESS;
    ut_free(unit);
    if (v.bad || !(v.scale > 0.0) || !isfinite(v.scale) || !isfinite(v.offset))
        return E_UNIT;
    ret->scale = without_dust(v.scale);
    ret->offset = without_dust(v.offset);
    ret->dims = (struct dims){
        .m = (int8_t)v.power[0],
        .kg = (int8_t)v.power[1],
        .s = (int8_t)v.power[2],
        .a = (int8_t)v.power[3],
        .k = (int8_t)v.power[4],
        .mol = (int8_t)v.power[5],
    };
    return 0;
}

static int find_out(struct unit *u)
{
    struct reader r = {0};
    char ascii[TRANSLATED_MAX];
    struct c_locale l;
    int rc;

    rc = spell_signs(u->text, strlen(u->text), ascii, sizeof(ascii));
    if (rc < 0)
        return rc;
    r.p = ascii;
    r.end = ascii + strlen(ascii);
    r.alone = true;
    for (const char *p = ascii; *p; p++)
        r.alone &= is_letter(*p);
    rc = translate(&r);
    if (rc < 0)
        return rc;
    c_locale_enter(&l);
    rc = ask_library(r.out, u);
    c_locale_leave(&l);
    return rc;
}

static struct unit *cache_slot(const char *text)
{
    struct unit *u;

    for (unsigned i = 0; i < cache.n; i++)
        if (strcmp(cache.unit[i].text, text) == 0)
            return &cache.unit[i];
    if (cache.n < CACHE_SIZE) {
        u = &cache.unit[cache.n++];
    } else {
        u = &cache.unit[cache.next];
        cache.next = (cache.next + 1) % CACHE_SIZE;
    }
    memset(u, 0, sizeof(*u));
    str_copy(u->text, sizeof(u->text), text);
    u->rc = find_out(u);
    return u;
}

int unit_parse(const char *unit, size_t n, double *ret_scale, double *ret_offset,
               struct dims *ret_dims)
{
    struct unit found = {.scale = 1.0};

    while (n > 0 && unit[n - 1] == ' ')
        n--;
    for (; n > 0 && *unit == ' '; n--)
        unit++;
    if (n >= UNIT_MAX || memchr(unit, '\0', n))
        return E_UNIT;
    memcpy(found.text, unit, n);
    if (n == 1 && unit[0] == 'C') {
        found.dims = DIMS_CRATE;
    } else if (n > 0) {
        pthread_mutex_lock(&cache.lock);
        found = *cache_slot(found.text);
        pthread_mutex_unlock(&cache.lock);
    }
    if (found.rc < 0)
        return found.rc;
    *ret_scale = found.scale;
    *ret_offset = found.offset;
    *ret_dims = found.dims;
    return 0;
}
