/* analysis/import_date.c - dates as cyclers write them, all read as UTC: no file says its zone. */
#include "analysis/import_priv.h"
#include "base/err.h"

#include <string.h>

struct stamp {
    int part[3];                         /* in the order of the text */
    int n_parts, digits_first, month_at; /* month_at: -1, or which part was a word */
    char between;
    int hour, minute, second;
    nsec fraction;
    bool pm, am;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *take_int(const char *p, const char *end, int *ret, int *ret_digits)
{
    int v = 0, n = 0;

    for (; p < end && is_digit(*p) && n < 9; n++)
        v = v * 10 + (*p++ - '0');
    *ret = v;
    *ret_digits = n;
    return p;
}

static int month_of(const char *p, const char *end)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

    if (end - p < 3)
        return 0;
    for (int m = 0; m < 12; m++) {
        bool same = true;

        for (int i = 0; i < 3 && same; i++)
            same = (p[i] | 0x20) == names[3 * m + i];
        if (same)
            return m + 1;
    }
    return 0;
}

static const char *skip(const char *p, const char *end, const char *set)
{
    while (p < end && *p != '\0' && strchr(set, *p))
        p++;
    return p;
}

static const char *take_day(const char *p, const char *end, struct stamp *s)
{
    s->month_at = -1;
    for (s->n_parts = 0; s->n_parts < 3; s->n_parts++) {
        int digits = 0, *part = &s->part[s->n_parts];

        if (p < end && is_digit(*p)) {
            p = take_int(p, end, part, &digits);
        } else {
            *part = month_of(p, end);
            if (*part == 0 || s->month_at >= 0)
                return NULL;
            s->month_at = s->n_parts;
            while (p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')))
                p++;
        }
        if (s->n_parts == 0)
            s->digits_first = digits;
        if (s->n_parts == 1 || (s->n_parts == 0 && p < end))
            s->between = p < end ? *p : '\0';
        if (s->n_parts < 2) {
            const char *q = skip(p, end, "-/. ");

            if (q == p)
                return NULL;
            p = q;
        }
    }
    return p;
}

static const char *take_clock(const char *p, const char *end, struct stamp *s)
{
    int digits, *part[3] = {&s->hour, &s->minute, &s->second};

    p = skip(p, end, " ,T\t");
    if (p == end)
        return p; /* a day without a time */
    for (int i = 0; i < 3; i++) {
        p = take_int(p, end, part[i], &digits);
        if (digits == 0)
            return NULL;
        if (i == 2 || p == end || *p != ':')
            break;
        p++;
    }
    if (p < end && (*p == '.' || *p == ',')) {
        nsec unit = NSEC_S / 10;

        for (p++; p < end && is_digit(*p); p++, unit /= 10)
            s->fraction += unit * (*p - '0');
    }
    p = skip(p, end, " ");
    s->pm = end - p >= 2 && (p[0] | 0x20) == 'p' && (p[1] | 0x20) == 'm';
    s->am = end - p >= 2 && (p[0] | 0x20) == 'a' && (p[1] | 0x20) == 'm';
    return p;
}

/* Days since 1970-01-01 of a Gregorian date. */
static int64_t days_of(int y, int m, int d)
{
    int64_t year = m <= 2 ? y - 1 : y, era = year / 400, in_era = year - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + of_year - 719468;
}

static int order_parts(const struct stamp *s, enum import_date order, int *y, int *m, int *d,
                       bool *ambiguous)
{
    *ambiguous = false;
    if (s->digits_first == 4) {
        *y = s->part[0];
        *m = s->part[1];
        *d = s->part[2];
    } else {
        bool month_first = s->month_at == 0;

        if (s->month_at < 0 && s->between != '.') {
            *ambiguous = s->part[0] <= 12 && s->part[1] <= 12 && s->part[0] != s->part[1];
            month_first = *ambiguous ? order != IMPORT_DATE_DMY : s->part[1] > 12;
        }
        *m = s->part[month_first ? 0 : 1];
        *d = s->part[month_first ? 1 : 0];
        *y = s->part[2];
    }
    if (*y < 100)
        *y += 2000;
    return *y >= 1970 && *y < 2262 && *m >= 1 && *m <= 12 && *d >= 1 && *d <= 31 ? 0 : E_SYNTAX;
}

/* "1400250133.25": seconds since the epoch. */
static int epoch_parse(const char *p, const char *end, nsec *ret)
{
    int64_t whole = 0;
    nsec fraction = 0, unit = NSEC_S / 10;

    for (; p < end && is_digit(*p) && whole < INT64_C(9000000000); p++)
        whole = whole * 10 + (*p - '0');
    if (p < end && *p == '.') {
        for (p++; p < end && is_digit(*p); p++, unit /= 10)
            fraction += unit * (*p - '0');
    }
    if (p != end || whole < INT64_C(100000000) || whole >= INT64_C(9000000000))
        return E_SYNTAX;
    *ret = whole * NSEC_S + fraction;
    return 0;
}

int import_wall(const char *p, size_t n, enum import_date order, nsec *ret, bool *ret_ambiguous)
{
    const char *end = p + n;
    struct stamp s = {0};
    int y, m, d;

    p = skip(p, end, " \t\",:");
    *ret_ambiguous = false;
    if (epoch_parse(p, end, ret) == 0)
        return 0;
    p = take_day(p, end, &s);
    if (p)
        p = take_clock(p, end, &s);
    if (!p || order_parts(&s, order, &y, &m, &d, ret_ambiguous) < 0)
        return E_SYNTAX;
    if (s.hour > 24 || s.minute > 59 || s.second > 60)
        return E_SYNTAX;
    if ((s.pm && s.hour < 12) || (s.am && s.hour == 12))
        s.hour += s.pm ? 12 : -12;
    *ret =
        ((days_of(y, m, d) * 24 + s.hour) * 3600 + s.minute * 60 + s.second) * NSEC_S + s.fraction;
    return 0;
}
