/* benchctl/foreign_text.c - values of other programs' procedures as texts.
 *
 * One value has one text, whatever it was written as: 0.2 A, 200 mA and 200mA become "200 mA", 0.1C
 * becomes "C/10". So a procedure that goes out and comes back is the same program. */
#include "benchctl/foreign.h"

#include <math.h>
#include <string.h>

bool foreign_same(double a, double b)
{
    return isnan(a) || isnan(b) ? isnan(a) && isnan(b) : !(a < b) && !(a > b);
}

/* The shortest text in that unit which is read as the same double. */
static bool exact_in(double si, const char *unit, char *buf)
{
    for (int digits = 1; digits <= 15; digits++) {
        struct qty q;

        if (qty_print_in(si, unit, digits, buf, FOREIGN_TEXT) == 0 &&
            qty_parse(buf, strlen(buf), NULL, &q, NULL) == 0 && foreign_same(q.si, si))
            return true;
    }
    return false;
}

/* base: the SI unit, in which every value can be said. */
static const char *in_unit(double si, const char *unit, const char *base, char *buf)
{
    char number[32];
    int rc;

    if (exact_in(si, unit, buf) || (base && exact_in(si, base, buf)))
        return buf;
    str_from_double(si, number, sizeof(number));
    rc = base ? str_fmt(buf, FOREIGN_TEXT, "%s %s", number, base)
              : qty_print_in(si, unit, 15, buf, FOREIGN_TEXT);
    (void)rc;
    return buf;
}

static const char *rate_text(double rate, char *buf)
{
    char number[32];
    double whole = nearbyint(1.0 / rate);
    bool part = rate < 1.0 && whole < 1e9 && foreign_same(1.0 / whole, rate);
    int rc;

    str_from_double(part ? whole : rate, number, sizeof(number));
    rc = str_fmt(buf, FOREIGN_TEXT, part ? "C/%s" : "%sC", number);
    (void)rc;
    return buf;
}

const char *foreign_text(double si, struct dims d, char *buf)
{
    if (dims_equal(d, DIMS_CRATE))
        return rate_text(si, buf);
    if (dims_equal(d, DIMS_CURRENT))
        return in_unit(si, fabs(si) < 1.0 ? "mA" : "A", "A", buf);
    if (dims_equal(d, DIMS_POWER))
        return in_unit(si, fabs(si) < 1.0 ? "mW" : "W", "W", buf);
    if (dims_equal(d, DIMS_VOLTAGE))
        return in_unit(si, "V", "V", buf);
    if (dims_equal(d, DIMS_RESISTANCE))
        return in_unit(si, "ohm", "ohm", buf);
    if (dims_equal(d, DIMS_CHARGE))
        return in_unit(si, fabs(si) < 3600.0 ? "mAh" : "Ah", NULL, buf);
    if (dims_equal(d, DIMS_TEMPERATURE))
        return in_unit(si, "degC", NULL, buf);
    return in_unit(si, fmod(si, 3600.0) > 0.0 ? (fmod(si, 60.0) > 0.0 ? "s" : "min") : "h", "s",
                   buf);
}

/* Is it read as that value when it is written with all its digits? */
static bool reads_back(double number, const char *unit, double si)
{
    char digits[32], text[FOREIGN_TEXT];
    struct qty q;

    str_from_double(number, digits, sizeof(digits));
    return str_fmt(text, sizeof(text), "%s %s", digits, unit) == 0 &&
           qty_parse(text, strlen(text), NULL, &q, NULL) == 0 && foreign_same(q.si, si);
}

double foreign_number(double si, const char *unit)
{
    double scale, offset, v;
    struct dims dims;
    char buf[FOREIGN_TEXT];

    if (exact_in(si, unit, buf) && str_to_double(buf, strcspn(buf, " "), &v) == 0)
        return v;
    if (unit_parse(unit, strlen(unit), &scale, &offset, &dims) < 0)
        return NAN;
    v = (si - offset) / scale;
    if (reads_back(v, unit, si))
        return v;
    return reads_back(nextafter(v, -INFINITY), unit, si) ? nextafter(v, -INFINITY)
                                                         : nextafter(v, INFINITY);
}
