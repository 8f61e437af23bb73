/* analysis/import_cells.c - a line taken apart: the loop that the speed of an import hangs on.
 *
 * Numbers are read in place, cells nobody wants are stepped over. A line ends with a newline that
 * is no part of it, so that loops over digits need no length.
 */
#include "analysis/import_priv.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

enum {
    DIGITS_MAX = 19, /* that a uint64_t takes */
    POWER_MAX = 22,
    NUMBER_TEXT_MAX = 128
};
#define MANTISSA_EXACT (UINT64_C(1) << 53)

static const double power_of_10[POWER_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ---- Numbers ---- */

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

/* m / 10^k to the nearest double, ties to even: for the 16 to 19 digits some cyclers write. The
 * quotient has 63 bits or more; that there is a rest shows in its last one. */
static double divide_exactly(uint64_t m, unsigned k)
{
    uint64_t power = 1, q;
    int shift = 0, up = 0;
    wide n;

    for (unsigned i = 0; i < k; i++)
        power *= 10;
    while ((power >> shift) > 1)
        shift++;
    for (; (m >> 63) == 0; up++)
        m <<= 1;
    n = (wide)m << shift;
    q = (uint64_t)(n / power) | (n % power != 0);
    return ldexp((double)q, -(shift + up));
}
#endif

/* What the quick ways cannot do exactly. */
static const char *number_slowly(const char *p, const char *end, char decimal, double *ret)
{
    char text[NUMBER_TEXT_MAX];
    size_t n = 0;

    while (p + n < end && n < sizeof(text) &&
           (is_digit(p[n]) || p[n] == decimal || p[n] == '-' || p[n] == '+' || p[n] == 'e' ||
            p[n] == 'E')) {
        text[n] = p[n] == decimal ? '.' : p[n];
        n++;
    }
    if (n == sizeof(text))
        return NULL;
    switch (str_to_double(text, n, ret)) {
    case 0: break;
    case E_RANGE: *ret = (double)NAN; break;
    default: return NULL;
    }
    return p + n;
}

struct digits {
    uint64_t m;
    int n, after; /* n: all but leading zeros; after: behind the decimal sign */
};

static const char *take_digits(const char *p, char decimal, struct digits *d, bool *ret_any)
{
    const char *begin = p;
    uint64_t m = 0;

    while (is_digit(*p))
        m = m * 10 + (uint64_t)(*p++ - '0');
    d->n = (int)(p - begin);
    d->after = 0;
    *ret_any = p > begin;
    if (*p == decimal) {
        const char *point = ++p;

        while (is_digit(*p))
            m = m * 10 + (uint64_t)(*p++ - '0');
        d->after = (int)(p - point);
        d->n += d->after;
        *ret_any = *ret_any || d->after > 0;
    }
    d->m = m;
    if (d->n <= DIGITS_MAX)
        return p;
    /* leading zeros do not count */
    for (; begin < p && (*begin == '0' || *begin == decimal); begin++)
        d->n -= *begin == '0';
    return p;
}

static const char *take_exponent(const char *p, int *exponent)
{
    const char *q = p + 1;
    bool negative = *q == '-';
    int e = 0;

    if (*q == '-' || *q == '+')
        q++;
    if (!is_digit(*q))
        return p;
    for (; is_digit(*q); q++) {
        if (e < 10000)
            e = e * 10 + (*q - '0');
    }
    *exponent += negative ? -e : e;
    return q;
}

const char *import_number(const char *p, const char *end, char decimal, double *ret)
{
    const char *begin = p;
    struct digits d;
    bool negative = *p == '-', any;
    int exponent;
    double v;

    if (negative || *p == '+')
        p++;
    p = take_digits(p, decimal, &d, &any);
    if (!any || p > end)
        return NULL;
    exponent = -d.after;
    if (*p == 'e' || *p == 'E')
        p = take_exponent(p, &exponent);
    if (d.n > DIGITS_MAX || exponent < -POWER_MAX || exponent > POWER_MAX) {
        if (d.m == 0 && d.n <= 0) {
            *ret = negative ? -0.0 : 0.0;
            return p;
        }
        return number_slowly(begin, end, decimal, ret);
    }
    if (d.m <= MANTISSA_EXACT) {
        /* both operands are exact, so the one rounding is the right one */
        v = exponent < 0 ? (double)d.m / power_of_10[-exponent]
                         : (double)d.m * power_of_10[exponent];
#ifdef __SIZEOF_INT128__
    } else if (exponent <= 0 && exponent >= -DIGITS_MAX) {
        v = divide_exactly(d.m, (unsigned)-exponent);
#endif
    } else {
        return number_slowly(begin, end, decimal, ret);
    }
    *ret = negative ? -v : v;
    return p;
}

/* ---- Clocks ---- */

const char *import_clock(const char *p, const char *end, char decimal, double *ret_s)
{
    double part[4] = {0}, days = 0;
    const char *q;
    unsigned n = 0;

    q = import_number(p, end, decimal, &part[0]);
    if (!q)
        return NULL;
    if (*q == 'd' || *q == 'D') {
        days = part[0];
        for (p = q + 1; *p == ' ';)
            p++;
    } else if (*q == ' ' && is_digit(q[1])) { /* "1 02:18:47" */
        days = part[0];
        p = q + 1;
    }
    for (; n < 3; n++) {
        q = *p == '-' ? NULL : import_number(p, end, decimal, &part[n]);
        if (!q)
            return NULL;
        if (*q != ':')
            break;
        p = q + 1;
    }
    if (n == 0 || n == 3)
        return NULL;
    *ret_s =
        days * 86400 + (n == 2 ? part[0] * 3600 + part[1] * 60 + part[2] : part[0] * 60 + part[1]);
    return q;
}

/* ---- Words ---- */

static bool has(const char *word, const char *part)
{
    return strstr(word, part) != NULL;
}

enum recording_mode import_state(const char *p, size_t n)
{
    char word[IMPORT_WORD_MAX];
    size_t k = 0;

    for (size_t i = 0; i < n && k < sizeof(word) - 1; i++) {
        char c = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] - 'A' + 'a') : p[i];

        if (c > ' ' && c != '_' && c != '-')
            word[k++] = c;
    }
    word[k] = '\0';
    if (k == 1)
        return word[0] == 'c'                     ? RECORDING_CHARGE
               : word[0] == 'd'                   ? RECORDING_DISCHARGE
               : word[0] == 'r' || word[0] == 'p' ? RECORDING_REST
                                                  : RECORDING_MIXED;
    if (has(word, "dis") || has(word, "dch"))
        return RECORDING_DISCHARGE;
    if (has(word, "chg") || has(word, "chrg") || has(word, "cha"))
        return RECORDING_CHARGE;
    if (has(word, "rest") || has(word, "pause") || has(word, "paus") || has(word, "idle") ||
        has(word, "ocv") || has(word, "wait"))
        return RECORDING_REST;
    return RECORDING_MIXED;
}

/* ---- Lines ---- */

static struct span trimmed(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (p < end && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return (struct span){p, (size_t)(end - p)};
}

/* Something that stands for "no value". */
static bool says_none(const struct span *s)
{
    static const char *const word[] = {"nan", "NaN", "NAN", "-",   "--",   "null", "NULL",
                                       "n/a", "N/A", "inf", "Inf", "-inf", "-nan", "#N/A"};

    if (s->n == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(word); i++) {
        if (strlen(word[i]) == s->n && memcmp(word[i], s->p, s->n) == 0)
            return true;
    }
    return false;
}

static void store_value(const struct plan *plan, unsigned slot, double v, struct cells *c)
{
    const struct slot *s = &plan->slot[slot];

    if (!s->plain)
        v = v * s->scale.mul / s->scale.div + s->scale.offset;
    if (!(v >= s->lo && v <= s->hi)) {
        v = (double)NAN;
        c->invalid[slot]++;
    }
    c->value[slot] = v;
}

/* A cell in quotes, one with blanks, or one that is no number. */
static bool odd_cell(const struct plan *plan, const struct cell_plan *what, struct span s,
                     struct cells *c)
{
    const char *end;
    double v;

    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        s = trimmed(s.p + 1, s.p + s.n - 1);
    if (says_none(&s)) {
        c->value[what->slot] = (double)NAN;
        c->invalid[what->slot]++;
        return what->slot != plan->time_slot;
    }
    end = what->what == CELL_CLOCK ? import_clock(s.p, s.p + s.n, plan->decimal, &v)
                                   : import_number(s.p, s.p + s.n, plan->decimal, &v);
    if (end != s.p + s.n)
        return false;
    store_value(plan, what->slot, v, c);
    return true;
}

static const char *cell_end(const char *p, const char *end, char separator)
{
    bool quoted = p < end && *p == '"';

    if (quoted)
        p++;
    for (; p < end; p++) {
        if (quoted && *p == '"')
            quoted = false;
        else if (!quoted && *p == separator)
            break;
    }
    return p;
}

/* A time that no test lasts: the row has no place. */
static int bad_time(const struct plan *plan, const char *line, const char *end, struct cells *ret)
{
    unsigned column = plan->slot[plan->time_slot].column;
    const char *p = line;

    for (unsigned i = 0; i < column && p < end; i++)
        p = cell_end(p, end, plan->separator) + 1;
    ret->bad = (size_t)(p - line) + 1;
    ret->bad_cell = column;
    return E_SYNTAX;
}

int import_cells(const struct plan *plan, const char *line, const char *end, struct cells *ret)
{
    const char *p = line;

    for (unsigned i = 0; i < plan->n_cells; i++) {
        const struct cell_plan *what = &plan->cell[i];
        const char *stop;
        double v;

        if (i > 0) {
            if (p == end) {
                ret->n = i;
                return E_AGAIN;
            }
            p++; /* the separator */
        }
        if (what->what == CELL_NUMBER) {
            stop = import_number(p, end, plan->decimal, &v);
            if (stop && (*stop == plan->separator || stop == end)) {
                store_value(plan, what->slot, v, ret);
                p = stop;
                continue;
            }
        }
        stop = cell_end(p, end, plan->separator);
        if (what->what == CELL_STATE)
            ret->state = trimmed(p, stop);
        else if (what->what == CELL_WALL)
            ret->wall = trimmed(p, stop);
        else if (what->what != CELL_SKIP && !odd_cell(plan, what, trimmed(p, stop), ret)) {
            ret->bad = (size_t)(p - line) + 1;
            ret->bad_cell = i;
            return E_SYNTAX;
        }
        p = stop;
    }
    ret->n = plan->n_cells;
    return isnan(ret->value[plan->time_slot]) ? bad_time(plan, line, end, ret) : 0;
}
