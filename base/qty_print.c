/* base/qty_print.c - values as the terminal and messages show them. */
#include "base/qty.h"

#include "base/err.h"
#include "base/qty_priv.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

enum {
    NUMBER_SIZE = 48
};

/* Decimals that show `significant` digits of a; a is finite. */
static int decimals_for(double a, int significant)
{
    int d = significant - 1;

    a = fabs(a);
    if (!(a > 0.0))
        return d;
    for (double limit = 10.0; a >= limit && d > 0; limit *= 10.0)
        d--;
    for (double limit = 1.0; a < limit && d < 15; limit /= 10.0)
        d++;
    return d;
}

/* The value as it will be read: rounding may carry it to the next power of ten. */
static double rounded(double v, int decimals)
{
    char text[NUMBER_SIZE];
    double out = v;

    str_fixed(v, decimals, 0, false, false, text, sizeof(text));
    if (str_to_double(text, strlen(text), &out) < 0)
        return v;
    return out;
}

static int decimals_after_rounding(double v, int significant)
{
    return decimals_for(rounded(v, decimals_for(v, significant)), significant);
}

/* -0.000 is confusing: a value that rounds to zero has no sign. */
static void print_number(double v, int decimals, char *buf, size_t size)
{
    if (fpclassify(rounded(v, decimals)) == FP_ZERO)
        v = 0.0;
    str_fixed(v, decimals, 0, false, false, buf, size);
}

/* Trailing zeros of the decimals beyond `kept` decimals go. */
static void trim_zeros(char *text, int kept)
{
    char *point = strchr(text, '.');
    size_t n = strlen(text);

    if (!point)
        return;
    while (text[n - 1] == '0' && &text[n - 1] - point > kept)
        text[--n] = '\0';
    if (text[n - 1] == '.')
        text[n - 1] = '\0';
}

/* Four digits, or three when the fourth is a zero. */
static void print_digits(double v, char *buf, size_t size)
{
    int d = decimals_after_rounding(v, 4);

    if (!(fabs(v) < 1e12)) {
        str_from_double(v, buf, size);
        return;
    }
    print_number(v, d, buf, size);
    trim_zeros(buf, d - 1);
}

/* ---- Units per dimension ---- */

struct prefix {
    const char *unit;
    double
        per_si; /* display = si * per_si, or si / -per_si when negative: powers of ten stay exact */
};

struct scale {
    struct dims dims;
    unsigned natural; /* which one shows a zero */
    unsigned n;
    struct prefix prefix[6]; /* ascending units */
};

static const struct scale scales[] = {
    {DIM_VOLTAGE,                         3, 5, {{"nV", 1e9}, {"uV", 1e6}, {"mV", 1e3}, {"V", 1.0}, {"kV", -1e3}}  },
    {DIM_CURRENT,                         3, 5, {{"nA", 1e9}, {"uA", 1e6}, {"mA", 1e3}, {"A", 1.0}, {"kA", -1e3}}  },
    {DIM_CHARGE,                          2, 4, {{"uAh", -3.6e-3}, {"mAh", -3.6}, {"Ah", -3600.0}, {"kAh", -3.6e6}}},
    {DIM_ENERGY,
     2,                                      5,
     {{"uWh", -3.6e-3}, {"mWh", -3.6}, {"Wh", -3600.0}, {"kWh", -3.6e6}, {"MWh", -3.6e9}}                          },
    {DIM_POWER,                           2, 5, {{"uW", 1e6}, {"mW", 1e3}, {"W", 1.0}, {"kW", -1e3}, {"MW", -1e6}} },
    {DIM_RESISTANCE,
     2,                                      6,
     {{"uohm", 1e6}, {"mohm", 1e3}, {"ohm", 1.0}, {"kohm", -1e3}, {"Mohm", -1e6}, {"Gohm", -1e9}}                  },
    {DIM_PRESSURE,                        2, 4, {{"Pa", 1.0}, {"kPa", -1e3}, {"MPa", -1e6}, {"GPa", -1e9}}         },
    {DIM_FORCE,                           1, 3, {{"mN", 1e3}, {"N", 1.0}, {"kN", -1e3}}                            },
    {DIM_LENGTH,                          2, 4, {{"nm", 1e9}, {"um", 1e6}, {"mm", 1e3}, {"m", 1.0}}                },
    {DIM_MASS,                            1, 3, {{"mg", 1e6}, {"g", 1e3}, {"kg", 1.0}}                             },
    {DIM_AREA,                            0, 1, {{"cm^2", 1e4}}                                                    },
    {DIM_CURRENT_DENSITY,                 0, 1, {{"mA/cm^2", -10.0}}                                               },
    {{.a = 1, .s = 1, .m = -2},           0, 1, {{"mAh/cm^2", -36000.0}}                                           },
    {{.m = 4, .kg = 1, .s = -3, .a = -2}, 0, 1, {{"ohm cm^2", 1e4}}                                                },
    {{.s = -1},                           1, 4, {{"mHz", 1e3}, {"Hz", 1.0}, {"kHz", -1e3}, {"MHz", -1e6}}          },
    {{.m = 3, .s = -1},                   1, 2, {{"ml/min", 6e7}, {"l/min", 6e4}}                                  },
    {{.mol = 1, .s = -1},
     2,                                      4,
     {{"umol/s", 1e6}, {"mmol/s", 1e3}, {"mol/s", 1.0}, {"kmol/s", -1e3}}                                          },
    {{.m = -1, .kg = 1, .s = -3},         1, 3, {{"Pa/min", 60.0}, {"kPa/min", 0.06}, {"MPa/min", 6e-5}}           },
    {{.m = 2, .kg = 1, .s = -4, .a = -1},
     1,                                      3,
     {{"uV/h", 3.6e9}, {"mV/h", 3.6e6}, {"V/h", 3600.0}}                                                           },
    {{.k = 1, .s = -1},                   0, 1, {{"K/min", 60.0}}                                                  },
    {{.a = -1},                           0, 2, {{"ohm/V", 1.0}, {"kohm/V", -1e3}}                                 },
    {DIM_TEMPERATURE,                     1, 2, {{"mK", 1e3}, {"K", 1.0}}                                          },
};

const char *dims_usual_unit(struct dims d, bool point)
{
    if (dims_equal(d, DIMS_TIME))
        return "s";
    if (dims_equal(d, DIMS_TEMPERATURE))
        return point ? "degC" : "K";
    for (size_t i = 0; i < ARRAY_LEN(scales); i++)
        if (dims_equal(d, scales[i].dims))
            return scales[i].prefix[scales[i].natural].unit;
    return NULL;
}

static double displayed(double si, const struct prefix *p)
{
    return p->per_si < 0.0 ? si / -p->per_si : si * p->per_si;
}

static const struct prefix *best_prefix(double si, const struct scale *s)
{
    if (fpclassify(si) == FP_ZERO || !isfinite(si))
        return &s->prefix[s->natural];
    for (unsigned i = s->n; i-- > 1;) {
        double v = displayed(si, &s->prefix[i]);

        if (fabs(rounded(v, decimals_for(v, 4))) >= 1.0)
            return &s->prefix[i];
    }
    return &s->prefix[0];
}

static void print_duration(double t, char *buf, size_t size)
{
    const char *sign = t < 0.0 ? "-" : "";
    double a = fabs(t);
    char number[NUMBER_SIZE];
    long long whole;
    int rc;

    if (a < 59.995) {
        bool small = a < 0.99995 && a > 0.0, tiny = a < 0.99995e-3 && a > 0.0;
        double v = tiny ? a * 1e6 : small ? a * 1e3 : a;

        print_number(v, decimals_after_rounding(v, 4), number, sizeof(number));
        trim_zeros(number, 0);
        rc = str_fmt(buf, size, "%s%s %s", sign, number, tiny ? "us" : small ? "ms" : "s");
    } else if (a < 3599.5) {
        whole = llround(a);
        rc = whole % 60 ? str_fmt(buf, size, "%s%lld min %lld s", sign, whole / 60, whole % 60)
                        : str_fmt(buf, size, "%s%lld min", sign, whole / 60);
    } else if (a < 86400.0 - 30.0) {
        whole = llround(a / 60.0);
        rc = whole % 60 ? str_fmt(buf, size, "%s%lld h %02lld", sign, whole / 60, whole % 60)
                        : str_fmt(buf, size, "%s%lld h", sign, whole / 60);
    } else if (a < 3600e12) {
        whole = llround(a / 3600.0);
        rc = whole % 24 ? str_fmt(buf, size, "%s%lld d %lld h", sign, whole / 24, whole % 24)
                        : str_fmt(buf, size, "%s%lld d", sign, whole / 24);
    } else {
        str_from_double(a, number, sizeof(number));
        rc = str_fmt(buf, size, "%s%s s", sign, number);
    }
    (void)rc; /* a short buffer shows a short text */
}

static void print_crate(double rate, char *buf, size_t size)
{
    double inverse = fabs(rate) > 0.0 ? 1.0 / fabs(rate) : 0.0, whole = nearbyint(inverse);
    char number[NUMBER_SIZE];
    bool part = whole >= 2.0 && whole < 1e6 && fabs(inverse - whole) <= 1e-6 * whole;
    double shown = part ? whole : rate;
    int rc;

    print_number(shown, part ? 0 : decimals_after_rounding(shown, 4), number, sizeof(number));
    trim_zeros(number, 0);
    rc = part ? str_fmt(buf, size, "%sC/%s", rate < 0.0 ? "-" : "", number)
              : str_fmt(buf, size, "%sC", number);
    (void)rc;
}

static void print_scaled(double si, const struct scale *s, char *buf, size_t size)
{
    const struct prefix *p = best_prefix(si, s);
    char number[NUMBER_SIZE];
    int rc;

    if (fpclassify(si) == FP_ZERO || !isfinite(si))
        str_from_double(fpclassify(si) == FP_ZERO ? 0.0 : si, number, sizeof(number));
    else
        print_digits(displayed(si, p), number, sizeof(number));
    rc = str_fmt(buf, size, "%s %s", number, p->unit);
    (void)rc;
}

static void print_celsius(double si, char *buf, size_t size)
{
    char number[NUMBER_SIZE];
    double v = si - 273.15;
    int rc;

    if (fabs(v) < 1e6) {
        print_number(v, fabs(v) < 99.995 ? 2 : 1, number, sizeof(number));
        trim_zeros(number, 1);
    } else {
        str_from_double(v, number, sizeof(number));
    }
    rc = str_fmt(buf, size, "%s degC", number);
    (void)rc;
}

static void print_other(double si, struct dims d, char *buf, size_t size)
{
    char number[NUMBER_SIZE], name[64];
    double a = fabs(si);
    int rc;

    if (a >= 1e-4 && a < 1e6) {
        print_number(si, decimals_after_rounding(si, 4), number, sizeof(number));
        trim_zeros(number, 0);
    } else {
        str_from_double(si, number, sizeof(number));
    }
    dims_unit(d, name, sizeof(name));
    rc = str_fmt(buf, size, "%s%s%s", number, name[0] ? " " : "", name);
    (void)rc;
}

const char *qty_print(double si, struct dims d, bool point, char *buf, size_t size)
{
    if (isnan(si)) {
        str_copy(buf, size, "unknown");
        return buf;
    }
    if (dims_equal(d, DIMS_TIME) && isfinite(si)) {
        print_duration(si, buf, size);
        return buf;
    }
    if (dims_equal(d, DIMS_CRATE) && isfinite(si)) {
        print_crate(si, buf, size);
        return buf;
    }
    if (dims_equal(d, DIMS_TEMPERATURE) && point) {
        print_celsius(si, buf, size);
        return buf;
    }
    for (size_t i = 0; i < ARRAY_LEN(scales); i++)
        if (dims_equal(d, scales[i].dims)) {
            print_scaled(si, &scales[i], buf, size);
            return buf;
        }
    print_other(si, d, buf, size);
    return buf;
}

int qty_print_in(double si, const char *unit, int significant, char *buf, size_t size)
{
    double scale, offset, v, inverse, whole;
    char number[NUMBER_SIZE];
    struct dims dims;
    int rc = unit_parse(unit, strlen(unit), &scale, &offset, &dims);

    if (rc < 0)
        return rc;
    if (significant < 1 || significant > 15)
        return E_RANGE;
    inverse = 1.0 / scale;
    whole = nearbyint(inverse);
    /* The counterpart of reading: mA are the value times 1000, not divided by 0.001. */
    v = fabs(inverse - whole) <= 1e-15 * whole ? (si - offset) * whole : (si - offset) / scale;
    if (isnan(v))
        return str_fmt(buf, size, "unknown");
    if (isfinite(v) && fabs(v) < 1e15 && (fabs(v) >= 1e-9 || fpclassify(v) == FP_ZERO))
        print_number(v, decimals_after_rounding(v, significant), number, sizeof(number));
    else
        str_from_double(v, number, sizeof(number));
    return str_fmt(buf, size, "%s%s%s", number, unit[0] ? " " : "", unit);
}
