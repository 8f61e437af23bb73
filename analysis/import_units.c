/* analysis/import_units.c - header cells taken apart: the name and the unit. */
#include "analysis/import_priv.h"
#include "base/err.h"

#include <string.h>

struct unit_row {
    enum unit_class class;
    const char *text;
    double mul, div, offset;
};

static const struct unit_row units[] = {
    {UNIT_TIME,        "s",       1,     1,    0     },
    {UNIT_TIME,        "sec",     1,     1,    0     },
    {UNIT_TIME,        "seconds", 1,     1,    0     },
    {UNIT_TIME,        "ms",      1,     1000, 0     },
    {UNIT_TIME,        "min",     60,    1,    0     },
    {UNIT_TIME,        "minutes", 60,    1,    0     },
    {UNIT_TIME,        "h",       3600,  1,    0     },
    {UNIT_TIME,        "hr",      3600,  1,    0     },
    {UNIT_TIME,        "hours",   3600,  1,    0     },
    {UNIT_TIME,        "d",       86400, 1,    0     },
    {UNIT_VOLTAGE,     "V",       1,     1,    0     },
    {UNIT_VOLTAGE,     "mV",      1,     1e3,  0     },
    {UNIT_VOLTAGE,     "uV",      1,     1e6,  0     },
    {UNIT_CURRENT,     "A",       1,     1,    0     },
    {UNIT_CURRENT,     "mA",      1,     1e3,  0     },
    {UNIT_CURRENT,     "uA",      1,     1e6,  0     },
    {UNIT_CURRENT,     "nA",      1,     1e9,  0     },
    {UNIT_CHARGE,      "Ah",      1,     1,    0     },
    {UNIT_CHARGE,      "mAh",     1,     1e3,  0     },
    {UNIT_CHARGE,      "uAh",     1,     1e6,  0     },
    {UNIT_CHARGE,      "As",      1,     3600, 0     },
    {UNIT_CHARGE,      "C",       1,     3600, 0     },
    {UNIT_CHARGE,      "mAs",     1,     36e5, 0     },
    {UNIT_ENERGY,      "Wh",      1,     1,    0     },
    {UNIT_ENERGY,      "mWh",     1,     1e3,  0     },
    {UNIT_ENERGY,      "uWh",     1,     1e6,  0     },
    {UNIT_ENERGY,      "J",       1,     3600, 0     },
    {UNIT_ENERGY,      "Ws",      1,     3600, 0     },
    {UNIT_TEMPERATURE, "C",       1,     1,    273.15},
    {UNIT_TEMPERATURE, "degC",    1,     1,    273.15},
    {UNIT_TEMPERATURE, "K",       1,     1,    0     },
    {UNIT_RESISTANCE,  "ohm",     1,     1,    0     },
    {UNIT_RESISTANCE,  "ohms",    1,     1,    0     },
    {UNIT_RESISTANCE,  "mohm",    1,     1e3,  0     },
    {UNIT_RESISTANCE,  "mohms",   1,     1e3,  0     },
    {UNIT_RESISTANCE,  "mO",      1,     1e3,  0     },
    {UNIT_PRESSURE,    "Pa",      1,     1,    0     },
    {UNIT_PRESSURE,    "kPa",     1e3,   1,    0     },
    {UNIT_PRESSURE,    "MPa",     1e6,   1,    0     },
    {UNIT_PRESSURE,    "bar",     1e5,   1,    0     },
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_word(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Blanks, points and degree signs go; micro signs of any encoding become u. */
static void plain_unit(const char *text, char out[16])
{
    size_t n = 0;

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0' && n < 15; p++) {
        bool micro = *p == 0xb5 || (*p == 0xce && p[1] == 0xbc);

        if (micro)
            out[n++] = 'u';
        else if (*p > ' ' && *p < 0x7f && *p != '.' && *p != '*')
            out[n++] = (char)*p;
        if (*p == 0xce && micro)
            p++;
    }
    out[n] = '\0';
}

/* The case of a prefix means something (mPa, MPa), that of "Sec" does not: first as it stands. */
int import_unit(enum unit_class class, const char *text, struct scale *ret)
{
    char word[16];

    plain_unit(text, word);
    for (int strict = 1; strict >= 0; strict--) {
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
            const struct unit_row *u = &units[i];

            if (u->class != class || (strict && strcmp(u->text, word) != 0) ||
                (!strict && (class == UNIT_PRESSURE || !same_word(u->text, word))))
                continue;
            *ret = (struct scale){u->mul, u->div, u->offset};
            return 0;
        }
    }
    return E_UNIT;
}

void import_unit_text(enum unit_class class, const char *text, char ret[16])
{
    plain_unit(class == UNIT_NONE ? "" : text, ret);
    if (class == UNIT_TEMPERATURE && strcmp(ret, "C") == 0)
        (void)str_copy(ret, 16, "degC");
}

static void plain_name(const char *p, size_t n, char name[IMPORT_HEADER_MAX])
{
    size_t k = 0;

    for (size_t i = 0; i < n && k < IMPORT_HEADER_MAX - 1; i++) {
        char c = lower(p[i]);

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            name[k++] = c;
    }
    name[k] = '\0';
}

static void take_unit(const char *p, size_t n, char unit[16])
{
    while (n > 0 && *p == ' ') {
        p++;
        n--;
    }
    while (n > 0 && p[n - 1] == ' ')
        n--;
    if (n > 15)
        n = 15;
    memcpy(unit, p, n);
    unit[n] = '\0';
}

/* Where the unit begins: behind the last opening bracket when the header ends with a closing one,
 * behind the last slash or hash sign else. 0: no unit. */
static size_t unit_at(const char *header, size_t n, size_t *ret_end)
{
    char open = header[n - 1] == ')' ? '(' : header[n - 1] == ']' ? '[' : '\0';

    *ret_end = open ? n - 1 : n;
    for (size_t i = n - 1; i > 0; i--) {
        char c = header[i - 1];

        if (open ? c == open : c == '/' || c == '#')
            return i;
    }
    return 0;
}

void import_header(const char *header, int level, char name[IMPORT_HEADER_MAX], char unit[16])
{
    size_t n = strlen(header), end = n, at = 0;

    unit[0] = '\0';
    if (level == 0 && n > 0)
        at = unit_at(header, n, &end);
    if (at > 1) {
        take_unit(header + at, end - at, unit);
        n = at - 1;
    }
    plain_name(header, n, name);
}
