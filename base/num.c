/* base/num.c - numbers to text and back: exact, the same in every locale, and quick for what
 * instruments send. */
#include "base/num_priv.h"
#include "base/str.h"

#include "base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_MAX = 1024,
    EXP_EXACT = 22
};
#define MANTISSA_EXACT (UINT64_C(1) << 53)

/* All of these are exact doubles. */
static const double power_of_10[EXP_EXACT + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

void c_locale_enter(struct c_locale *l)
{
    l->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ASSERT(l->c != (locale_t)0);
    l->old = uselocale(l->c);
}

void c_locale_leave(struct c_locale *l)
{
    uselocale(l->old);
    freelocale(l->c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct decimal {
    uint64_t mantissa;
    int exp10;
    bool negative, inexact, nonzero; /* inexact: digits did not fit into mantissa */
};

/* Digits with at most one point. Returns the bytes read, 0 when there is no digit. */
static size_t scan_digits(const char *text, size_t n, struct decimal *d)
{
    bool point = false, digit = false;
    size_t i;

    for (i = 0; i < n; i++) {
        if (text[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(text[i]))
            break;
        digit = true;
        unsigned value = (unsigned)(text[i] - '0');

        d->nonzero |= value != 0;
        if (d->mantissa >= UINT64_MAX / 10 - 1) {
            d->inexact |= value != 0;
            d->exp10 += !point;
            continue;
        }
        d->mantissa = d->mantissa * 10 + value;
        d->exp10 -= point;
    }
    return digit ? i : 0;
}

static size_t scan_exponent(const char *text, size_t n, struct decimal *d)
{
    size_t i = 1;
    bool negative = false;
    int e = 0;

    if (n < 2 || (text[0] != 'e' && text[0] != 'E'))
        return 0;
    if (text[i] == '+' || text[i] == '-')
        negative = text[i++] == '-';
    if (i >= n || !is_digit(text[i]))
        return 0;
    for (; i < n && is_digit(text[i]); i++)
        if (e < 100000)
            e = e * 10 + (text[i] - '0');
    d->exp10 += negative ? -e : e;
    return i;
}

/* What the quick way cannot do exactly; the text is known to be well-formed. */
static int convert_slowly(const char *text, size_t n, bool nonzero, double *ret_value)
{
    char copy[NUMBER_MAX];
    struct c_locale l;
    double v;

    memcpy(copy, text, n);
    copy[n] = '\0';
    c_locale_enter(&l);
    v = strtod(copy, NULL);
    c_locale_leave(&l);
    if (isinf(v) || (nonzero && fpclassify(v) == FP_ZERO))
        return E_RANGE;
    *ret_value = v;
    return 0;
}

int str_to_double(const char *text, size_t n, double *ret_value)
{
    struct decimal d = {0};
    size_t i = 0, used;

    if (n == 0 || n >= NUMBER_MAX)
        return E_SYNTAX;
    if (text[0] == '+' || text[0] == '-')
        d.negative = text[i++] == '-';
    used = scan_digits(text + i, n - i, &d);
    if (used == 0)
        return E_SYNTAX;
    i += used;
    i += scan_exponent(text + i, n - i, &d);
    if (i != n)
        return E_SYNTAX;
    if (d.inexact || d.mantissa > MANTISSA_EXACT || d.exp10 > EXP_EXACT || d.exp10 < -EXP_EXACT)
        return convert_slowly(text, n, d.nonzero, ret_value);
    /* Both operands are exact, so the one rounding of the operation is the correct one. */
    double v = (double)d.mantissa;

    v = d.exp10 < 0 ? v / power_of_10[-d.exp10] : v * power_of_10[d.exp10];
    *ret_value = d.negative ? -v : v;
    return 0;
}

int str_to_int(const char *text, size_t n, int64_t *ret_value)
{
    uint64_t v = 0, most = INT64_MAX;
    bool negative = false;
    size_t i = 0;

    if (n > 0 && (text[0] == '+' || text[0] == '-'))
        negative = text[i++] == '-';
    if (i >= n)
        return E_SYNTAX;
    most += negative;
    for (size_t k = i; k < n; k++)
        if (!is_digit(text[k]))
            return E_SYNTAX;
    for (; i < n; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');

        if (v > (most - digit) / 10)
            return E_RANGE;
        v = v * 10 + digit;
    }
    *ret_value = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

/* ---- To text ---- */

static size_t put_u64(uint64_t v, char *end)
{
    char *p = end;

    do {
        *--p = (char)('0' + (int)(v % 10));
        v /= 10;
    } while (v > 0);
    return (size_t)(end - p);
}

/* Digits of m with a point before the last `decimals`, at least one digit before it. Returns the
 * length. */
static size_t put_decimal(uint64_t m, int decimals, char *out)
{
    char digits[40];
    size_t n;

    memset(digits, '0', sizeof(digits));
    n = put_u64(m, digits + sizeof(digits));
    size_t after = (size_t)decimals;

    if (n < after + 1)
        n = after + 1;
    const char *p = digits + sizeof(digits) - n;

    memcpy(out, p, n - after);
    if (after == 0)
        return n;
    out[n - after] = '.';
    memcpy(out + n - after + 1, p + n - after, after);
    return n + 1;
}

static size_t deliver(const char *text, size_t n, char *buf, size_t size)
{
    if (size == 0)
        return n;
    size_t kept = n < size ? n : size - 1;

    memcpy(buf, text, kept);
    buf[kept] = '\0';
    return n;
}

/* Numbers with few decimals, without the C library: the first count of decimals that reads back the
 * same is the shortest, because up to 15 digits no two decimals meet in one double. */
static size_t short_decimal(double v, char *out)
{
    double a = fabs(v);
    size_t sign = signbit(v) ? 1 : 0;

    if (!(a >= 1e-4 && a < 1e9) && fpclassify(v) != FP_ZERO)
        return 0;
    out[0] = '-';
    for (int k = 0; k <= 6; k++) {
        double m = nearbyint(a * power_of_10[k]);

        if (m / power_of_10[k] < a || m / power_of_10[k] > a)
            continue;
        return sign + put_decimal((uint64_t)m, k, out + sign);
    }
    return 0;
}

size_t str_from_double(double v, char *buf, size_t size)
{
    char out[48];
    size_t n;

    if (isnan(v))
        return deliver("nan", 3, buf, size);
    if (isinf(v))
        return v < 0 ? deliver("-inf", 4, buf, size) : deliver("inf", 3, buf, size);
    n = short_decimal(v, out);
    if (n == 0)
        n = num_shortest(v, out);
    if (n > 0)
        return deliver(out, n, buf, size);
    struct c_locale l;

    c_locale_enter(&l);
    /* Below the normal range fewer digits than 15 can be enough. */
    for (int precision = fpclassify(v) == FP_SUBNORMAL ? 1 : 15; precision <= 17; precision++) {
        double back;

        n = (size_t)snprintf(out, sizeof(out), "%.*g", precision, v);
        if (precision == 17)
            break;
        back = strtod(out, NULL);
        if (!(back < v) && !(back > v))
            break;
    }
    c_locale_leave(&l);
    return deliver(out, n, buf, size);
}

static size_t fixed_slowly(double v, int decimals, int width, bool plus, bool zero_pad, char *buf,
                           size_t size)
{
    struct c_locale l;
    int n;

    c_locale_enter(&l);
    if (plus)
        n = zero_pad ? snprintf(buf, size, "%+0*.*f", width, decimals, v)
                     : snprintf(buf, size, "%+*.*f", width, decimals, v);
    else
        n = zero_pad ? snprintf(buf, size, "%0*.*f", width, decimals, v)
                     : snprintf(buf, size, "%*.*f", width, decimals, v);
    c_locale_leave(&l);
    return n < 0 ? 0 : (size_t)n;
}

/* |v| * 10^decimals to the nearest integer as if computed without error, ties to even. The caller
 * has bounded it. */
static uint64_t round_scaled(double a, double power)
{
    double product = a * power;
    double whole = floor(product);
    double rest = product - whole;
    uint64_t m = (uint64_t)whole;

    if (rest < 0.5)
        return m;
    if (rest > 0.5)
        return m + 1;
    /* Only at the very middle does the rounding of the product matter: ask for its error. */
    double error = fma(a, power, -product);

    if (error > 0.0)
        return m + 1;
    if (error < 0.0)
        return m;
    return m + (m & 1u);
}

size_t str_fixed(double v, int decimals, int width, bool plus, bool zero_pad, char *buf,
                 size_t size)
{
    char out[96];
    double a = fabs(v);
    size_t n = 0, want = width > 0 ? (size_t)width : 0;

    ASSERT(decimals >= 0 && width >= 0);
    if (decimals > 15 || width > 32 || !(a < 4e15) || !(a * power_of_10[decimals] < 4e15))
        return fixed_slowly(v, decimals, width, plus, zero_pad, buf, size);
    char number[48];
    size_t len = put_decimal(round_scaled(a, power_of_10[decimals]), decimals, number);
    bool sign = signbit(v) || plus;
    size_t all = len + sign;

    for (; !zero_pad && n + all < want; n++)
        out[n] = ' ';
    if (sign)
        out[n++] = signbit(v) ? '-' : '+';
    for (; zero_pad && n + len < want; n++)
        out[n] = '0';
    memcpy(out + n, number, len);
    return deliver(out, n + len, buf, size);
}
