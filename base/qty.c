/* base/qty.c - numbers with units as people write them, and the names of dimensions. */
#include "base/qty.h"

#include "base/diag.h"
#include "base/err.h"
#include "base/qty_priv.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

bool dims_equal(struct dims a, struct dims b)
{
    return a.m == b.m && a.kg == b.kg && a.s == b.s && a.a == b.a && a.k == b.k && a.mol == b.mol &&
           a.crate == b.crate;
}

static int8_t bounded(int v)
{
    return (int8_t)(v > INT8_MAX ? INT8_MAX : v < INT8_MIN ? INT8_MIN : v);
}

static struct dims dims_add(struct dims a, struct dims b, int sign)
{
    return (struct dims){
        .m = bounded(a.m + sign * b.m),
        .kg = bounded(a.kg + sign * b.kg),
        .s = bounded(a.s + sign * b.s),
        .a = bounded(a.a + sign * b.a),
        .k = bounded(a.k + sign * b.k),
        .mol = bounded(a.mol + sign * b.mol),
        .crate = bounded(a.crate + sign * b.crate),
    };
}

struct dims dims_mul(struct dims a, struct dims b)
{
    return dims_add(a, b, 1);
}

struct dims dims_div(struct dims a, struct dims b)
{
    return dims_add(a, b, -1);
}

static const char *plain_name(struct dims d)
{
    static const struct {
        struct dims dims;
        const char *name;
    } table[] = {
        {{0},                                 "a plain number"        },
        {{.s = 1},                            "time"                  },
        {{.m = 2, .kg = 1, .s = -3, .a = -1}, "voltage"               },
        {{.a = 1},                            "current"               },
        {{.a = 1, .s = 1},                    "charge"                },
        {{.m = 2, .kg = 1, .s = -3},          "power"                 },
        {{.m = 2, .kg = 1, .s = -2},          "energy"                },
        {{.m = 2, .kg = 1, .s = -3, .a = -2}, "resistance"            },
        {{.m = 4, .kg = 1, .s = -3, .a = -2}, "area resistance"       },
        {{.k = 1},                            "temperature"           },
        {{.m = -1, .kg = 1, .s = -2},         "pressure"              },
        {{.m = 1, .kg = 1, .s = -2},          "force"                 },
        {{.m = 1},                            "length"                },
        {{.m = 2},                            "area"                  },
        {{.m = 3},                            "volume"                },
        {{.kg = 1},                           "mass"                  },
        {{.mol = 1},                          "amount of substance"   },
        {{.crate = 1},                        "C-rate"                },
        {{.a = 1, .m = -2},                   "current density"       },
        {{.a = 1, .s = 1, .m = -2},           "charge density"        },
        {{.a = -1},                           "resistance per voltage"},
        {{.s = -1},                           "frequency"             },
        {{.m = 3, .s = -1},                   "volume flow"           },
        {{.mol = 1, .s = -1},                 "flow"                  },
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (dims_equal(d, table[i].dims))
            return table[i].name;
    return NULL;
}

void dims_unit(struct dims d, char *buf, size_t size)
{
    const struct {
        const char *name;
        int power;
    } part[] = {
        {"m",      d.m    },
        {"kg",     d.kg   },
        {"s",      d.s    },
        {"A",      d.a    },
        {"K",      d.k    },
        {"mol",    d.mol  },
        {"C-rate", d.crate},
    };
    size_t n = 0;

    if (size > 0)
        buf[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(part); i++) {
        const char *blank = n > 0 ? " " : "";
        int rc;

        if (part[i].power == 0)
            continue;
        rc = part[i].power == 1
                 ? str_fmt(buf + n, size - n, "%s%s", blank, part[i].name)
                 : str_fmt(buf + n, size - n, "%s%s%d", blank, part[i].name, part[i].power);
        if (rc < 0)
            return;
        n += strlen(buf + n);
    }
}

const char *dims_name(struct dims d, char *buf, size_t size)
{
    const char *name = plain_name(d);
    const char *of = plain_name(dims_mul(d, DIMS_TIME));

    if (name)
        str_copy(buf, size, name);
    else if (!of || str_fmt(buf, size, "%s rate", of) < 0)
        dims_unit(d, buf, size);
    return buf;
}

/* ---- Reading ---- */

/* The number text[0, n), known to be one, times scale. 4.2 mA is read as 4.2e-3: then it is the
 * same double as 0.0042, which the product of two rounded numbers is not. */
static double number_scaled(const char *text, size_t n, double number, double scale)
{
    double power = log10(scale), inverse = 1.0 / scale, whole = nearbyint(power), exact;
    char shifted[80];

    if (fabs(power - whole) < 1e-14 && fabs(whole) <= 15.0 && n < 64 && !memchr(text, 'e', n) &&
        !memchr(text, 'E', n) &&
        str_fmt(shifted, sizeof(shifted), "%.*se%d", (int)n, text, (int)whole) == 0 &&
        str_to_double(shifted, strlen(shifted), &exact) == 0)
        return exact;
    whole = nearbyint(inverse);
    if (scale < 1.0 && inverse < 1e15 && fabs(inverse - whole) <= 1e-15 * whole)
        return number / whole;
    return number * scale;
}

struct input {
    const char *text; /* as given: places are counted from here */
    const char *p, *end;
    const struct diag_pos *pos;
    struct diag *reterr;
};

/* Place of text[from, to), counted in characters. */
static const struct diag_pos *narrow(const struct input *in, const char *from, const char *to,
                                     struct diag_pos *buf)
{
    if (!in->pos)
        return NULL;
    *buf = *in->pos;
    for (const char *p = in->text; p < from; p++)
        buf->column += ((unsigned char)*p & 0xC0u) != 0x80u;
    buf->length = 0;
    for (const char *p = from; p < to; p++)
        buf->length += ((unsigned char)*p & 0xC0u) != 0x80u;
    return buf;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of the longest number at p; p itself when there is none. */
const char *qty_number_end(const char *p, const char *end)
{
    const char *start = p, *mark;
    bool digit = false, point = false;

    if (p < end && (*p == '+' || *p == '-'))
        p++;
    for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        digit |= is_digit(*p);
        point |= *p == '.';
    }
    if (!digit)
        return start;
    mark = p;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (p < end && is_digit(*p)) {
            while (p < end && is_digit(*p))
                p++;
            return p;
        }
    }
    return mark;
}

/* `C/10`, `2C`, `0.75 C`, `-C/3`, `2C/3`. E_NOT_MINE when it is something else. */
static int parse_crate(const struct input *in, struct qty *ret)
{
    const char *p = in->p, *q;
    double times = 1.0, by = 1.0;

    q = qty_number_end(p, in->end);
    if (q > p) {
        if (str_to_double(p, (size_t)(q - p), &times) < 0)
            return E_NOT_MINE;
        p = q;
        while (p < in->end && *p == ' ')
            p++;
    } else if (p < in->end && (*p == '-' || *p == '+')) {
        times = *p++ == '-' ? -1.0 : 1.0;
    }
    if (p >= in->end || *p++ != 'C')
        return E_NOT_MINE;
    if (p < in->end) {
        if (*p++ != '/' || p >= in->end || !is_digit(*p))
            return E_NOT_MINE;
        if (str_to_double(p, (size_t)(in->end - p), &by) < 0 || !(by > 0.0))
            return E_NOT_MINE;
    }
    if (!isfinite(times / by))
        return E_NOT_MINE;
    *ret = (struct qty){.si = times / by, .dims = DIMS_CRATE};
    if ((size_t)(in->end - in->p) < sizeof(ret->unit))
        memcpy(ret->unit, in->p, (size_t)(in->end - in->p));
    return 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_but_case(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* What the writer may have meant, or NULL. */
static const char *nearest_unit(const char *unit)
{
    static const char *const known[] = {
        "V",       "mV",     "uV",    "kV",       "A",     "mA",     "uA",      "kA",      "W",
        "mW",      "kW",     "MW",    "Ah",       "mAh",   "kAh",    "Wh",      "mWh",     "kWh",
        "Pa",      "kPa",    "MPa",   "bar",      "mbar",  "psi",    "N",       "kN",      "mN",
        "degC",    "K",      "s",     "ms",       "us",    "min",    "h",       "d",       "ohm",
        "mohm",    "kohm",   "Mohm",  "%",        "l/min", "ml/min", "sccm",    "cm^2",    "mm^2",
        "m^2",     "mm",     "cm",    "um",       "m",     "kg",     "g",       "mg",      "mol/s",
        "mA/cm^2", "A/cm^2", "K/min", "degC/min", "mV/h",  "mV/min", "MPa/min", "kPa/min", "Hz",
        "kHz",     "MHz",    "ohm/V", "mAh/cm^2", "A s",   NULL,
    };
    static const struct {
        const char *word, *unit;
    } habits[] = {
        {"hrs",  "h"   },
        {"mins", "min" },
        {"deg",  "degC"},
        {"grad", "degC"},
        {"pct",  "%"   },
        {"C s",  "A s" },
    };

    for (size_t i = 0; i < ARRAY_LEN(habits); i++)
        if (same_but_case(unit, habits[i].word))
            return habits[i].unit;
    for (size_t i = 0; known[i]; i++)
        if (same_but_case(unit, known[i]))
            return known[i];
    return strlen(unit) >= 3 ? str_nearest(unit, known) : NULL;
}

static void hint_unit(const struct input *in, const char *unit)
{
    const char *near = nearest_unit(unit);

    if (strchr(unit, 'C') && !strstr(unit, "degC"))
        diag_hint(in->reterr, "C is the C-rate here; coulomb is written A s, degrees degC");
    else if (strchr(unit, ','))
        diag_hint(in->reterr, "decimals are written with a point");
    else if (strchr(unit, '.'))
        diag_hint(in->reterr, "one number and one unit; a range is written A .. B");
    else if (near)
        diag_hint(in->reterr, "did you mean %s?", near);
    else if (strpbrk(unit, "0123456789"))
        diag_hint(in->reterr, "one number and one unit, as in 90 min");
}

static int refuse_number(const struct input *in)
{
    struct diag_pos at;
    int n = (int)(in->end - in->p);

    if (n == 0)
        return diag_at(in->reterr, E_SYNTAX, in->pos, "a number with its unit is missing");
    diag_at(in->reterr, E_SYNTAX, narrow(in, in->p, in->end, &at),
            "'%.*s' does not begin with a number", n > 60 ? 60 : n, in->p);
    if (n >= 3 && memcmp(in->p, "\xE2\x88\x92", 3) == 0)
        diag_hint(in->reterr, "the minus sign of the keyboard is meant");
    return E_SYNTAX;
}

static int refuse_unit(const struct input *in, const char *from, int code)
{
    char unit[32];
    struct diag_pos at;
    size_t n = (size_t)(in->end - from);

    memcpy(unit, from, n < sizeof(unit) ? n : sizeof(unit) - 1);
    unit[n < sizeof(unit) ? n : sizeof(unit) - 1] = '\0';
    if (code == E_IO)
        return diag_at(in->reterr, E_IO, narrow(in, from, in->end, &at),
                       "the unit database of udunits2 cannot be read");
    diag_at(in->reterr, code, narrow(in, from, in->end, &at), "'%s' is not a unit", unit);
    hint_unit(in, unit);
    return code;
}

int qty_parse(const char *text, size_t n, const struct diag_pos *pos, struct qty *ret,
              struct diag *reterr)
{
    struct input in = {text, text, text + n, pos, reterr};
    struct qty q = {0};
    double number, scale, offset;
    size_t digits;
    const char *p;
    int rc;

    while (in.p < in.end && *in.p == ' ')
        in.p++;
    while (in.end > in.p && in.end[-1] == ' ')
        in.end--;
    if (parse_crate(&in, ret) == 0)
        return 0;
    p = qty_number_end(in.p, in.end);
    if (p == in.p)
        return refuse_number(&in);
    digits = (size_t)(p - in.p);
    rc = str_to_double(in.p, digits, &number);
    if (rc < 0) {
        struct diag_pos at;

        return diag_at(reterr, rc, narrow(&in, in.p, p, &at), "the number is %s", err_text(rc));
    }
    while (p < in.end && *p == ' ')
        p++;
    if ((size_t)(in.end - p) >= sizeof(q.unit))
        return refuse_unit(&in, p, E_UNIT);
    rc = unit_parse(p, (size_t)(in.end - p), &scale, &offset, &q.dims);
    if (rc < 0)
        return refuse_unit(&in, p, rc);
    q.si = number_scaled(in.p, digits, number, scale) + offset;
    q.point = offset > 0.0 || offset < 0.0;
    memcpy(q.unit, p, (size_t)(in.end - p));
    if (!isfinite(q.si))
        return diag_at(reterr, E_RANGE, pos, "the number is too large");
    *ret = q;
    return 0;
}
