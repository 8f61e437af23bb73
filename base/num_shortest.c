/* base/num_shortest.c - the shortest text of a number in whole-number arithmetic, without the C
 * library: several times as fast, and the same text as "%.15g", "%.16g" or "%.17g" gives, the first
 * of them that reads back.
 *
 * A number m * 2^e with 1e-11 <= |v| < 1e15 is N / 2^s at k decimals, N = m * 5^k and s = -e - k,
 * and N has 116 bits at most: its digits, the error of cutting them there and the distance to the
 * next double (5^k in the same measure) are exact.
 */
#include "base/num_priv.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

enum {
    MANTISSA_BITS = 53,
    FEWEST = 15, /* digits: no two decimals of 15 digits meet in one double */
    MOST = 17,   /* digits: no two doubles meet in one decimal of 17 */
    EXP_LEAST = -11,
    EXP_MOST = 14,
    DECIMALS_MOST = MOST - 1 - EXP_LEAST
};

static uint64_t power(unsigned base, int n)
{
    uint64_t p = 1;

    for (; n > 0; n--)
        p *= base;
    return p;
}

/* |v| = m * 2^e, m with 53 bits. */
struct binary {
    uint64_t m;
    int e;
};

struct cut {
    uint64_t digits;
    bool reads_back;
};

/* v to k decimals, ties to even. */
static struct cut cut_at(const struct binary *v, int k)
{
    uint64_t fives = power(5, k);
    wide n = (wide)v->m * fives, half, rest;
    int s = -v->e - k;
    struct cut c = {.digits = (uint64_t)(n >> s)};
    bool up;

    half = (wide)1 << (s - 1);
    rest = n & (2 * half - 1);
    up = rest > half || (rest == half && (c.digits & 1) != 0);
    c.digits += up;
    rest = up ? 2 * half - rest : rest;
    /* below a power of two the doubles lie twice as dense; fives is odd, so that nothing is even */
    rest *= !up && v->m == UINT64_C(1) << (MANTISSA_BITS - 1) ? 4 : 2;
    c.reads_back = rest < fives;
    return c;
}

/* floor(log10(v)), or beyond the limits. */
static int exponent_of(const struct binary *v, double a)
{
    int x = (int)floor(log10(a));

    if (x < EXP_LEAST || x > EXP_MOST)
        return x;
    uint64_t whole = (uint64_t)((wide)v->m * power(5, MOST - 1 - x) >> (-v->e - (MOST - 1 - x)));

    return whole >= power(10, MOST) ? x + 1 : whole < power(10, MOST - 1) ? x - 1 : x;
}

/* n digits, the first of them worth 10^x, as "%.*g" with this precision sets them. */
static size_t put(const char *digit, int n, int x, int precision, char *out)
{
    char *p = out;

    if (x < -4 || x >= precision) {
        *p++ = digit[0];
        if (n > 1)
            *p++ = '.';
        memcpy(p, digit + 1, (size_t)n - 1);
        p += n - 1;
        *p++ = 'e';
        *p++ = x < 0 ? '-' : '+';
        x = x < 0 ? -x : x;
        *p++ = (char)('0' + x / 10);
        *p++ = (char)('0' + x % 10);
        return (size_t)(p - out);
    }
    if (x < 0) {
        memcpy(p, "0.000", 5);
        p += 1 - x;
        memcpy(p, digit, (size_t)n);
        return (size_t)(p + n - out);
    }
    for (int i = 0; i < n || i <= x; i++) {
        if (i == x + 1)
            *p++ = '.';
        *p++ = (char)(i < n ? digit[i] : '0');
    }
    return (size_t)(p - out);
}

size_t num_shortest(double v, char *out)
{
    struct binary b;
    struct cut c = {0};
    double a = fabs(v);
    char digit[MOST + 1];
    int precision = FEWEST, x, n;

    if (!(a >= 1e-11 && a < 1e15))
        return 0;
    b.m = (uint64_t)ldexp(frexp(a, &b.e), MANTISSA_BITS);
    b.e -= MANTISSA_BITS;
    x = exponent_of(&b, a);
    if (x < EXP_LEAST || x > EXP_MOST)
        return 0;
    for (;; precision++) {
        c = cut_at(&b, precision - 1 - x);
        if (c.reads_back || precision == MOST)
            break;
    }
    if (c.digits == power(10, precision)) { /* 9.99...: rounded up to the next power */
        c.digits /= 10;
        x++;
    }
    for (n = precision; c.digits % 10 == 0; n--)
        c.digits /= 10;
    for (int i = n - 1; i >= 0; i--) {
        digit[i] = (char)('0' + (int)(c.digits % 10));
        c.digits /= 10;
    }
    if (v < 0)
        *out = '-';
    return put(digit, n, x, precision, out + (v < 0)) + (v < 0);
}

#else

size_t num_shortest(double v, char *out)
{
    (void)v;
    (void)out;
    return 0;
}

#endif
