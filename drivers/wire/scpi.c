/* drivers/wire/scpi.c - IEEE 488.2 / SCPI: headers, parameters, the special numbers. */
#include "drivers/wire/scpi.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* SCPI-99 vol. 1, 7.2.1.4 and 7.2.1.5: what stands for infinity and for not-a-number. */
static const double scpi_infinity = 9.9e37;
static const double scpi_nan = 9.91e37;

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static char upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static bool is_letter(char c)
{
    return upper(c) >= 'A' && upper(c) <= 'Z';
}

static bool word_is(const char *text, size_t n, const char *word)
{
    if (strlen(word) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (upper(text[i]) != word[i])
            return false;
    return true;
}

static void trim(const char **text, size_t *n)
{
    while (*n > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*n)--;
    }
    while (*n > 0 && is_blank((*text)[*n - 1]))
        (*n)--;
}

/* ---- Headers against patterns ---- */

static size_t word_length(const char *p, const char *end)
{
    size_t n = 0;

    while (p + n < end && p[n] != '\0' && strchr(":?[]", p[n]) == NULL)
        n++;
    return n;
}

/* One word of a header against one of a pattern; `shorten` leaves the lower-case letters out.
 * Returns how many bytes of `got` it took, 0 when it is another word. */
static size_t word_takes(const char *word, size_t n_word, bool shorten, const char *got, size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n_word; i++) {
        if (shorten && is_lower(word[i]))
            continue;
        if (at == n || upper(got[at]) != upper(word[i]))
            return 0;
        at++;
    }
    return at;
}

/* suffix: digits that may follow the word, n_suffix 0 for none. */
static bool word_matches(const char *word, size_t n_word, const char *suffix, size_t n_suffix,
                         const char *got, size_t n)
{
    for (int shorten = 0; shorten < 2; shorten++) {
        size_t at = word_takes(word, n_word, shorten != 0, got, n);

        if (at == 0)
            continue;
        if (at == n)
            return true;
        if (n_suffix > 0 && n - at == n_suffix && memcmp(got + at, suffix, n_suffix) == 0)
            return true;
    }
    return false;
}

/* Length of the digits in "[12]" at p, 0 when something else stands there. */
static size_t suffix_length(const char *p)
{
    size_t n = 0;

    if (*p != '[')
        return 0;
    while (is_digit(p[1 + n]))
        n++;
    return p[1 + n] == ']' ? n : 0;
}

static const char *group_end(const char *p)
{
    int depth = 0;

    for (; *p != '\0'; p++) {
        if (*p == '[')
            depth++;
        else if (*p == ']' && --depth == 0)
            return p + 1;
    }
    return p;
}

static bool match_from(const char *p, const char *got, const char *end, bool first)
{
    for (;;) {
        size_t n_word, n_got, n_suffix;

        while (*p == ':' || *p == ']')
            p++;
        if (*p == '\0')
            return got == end;
        if (*p == '?')
            return p[1] == '\0' && end - got == 1 && *got == '?';
        if (*p == '[') {
            if (match_from(group_end(p), got, end, first))
                return true;
            p++;
            continue;
        }
        if (!first) {
            if (got == end || *got != ':')
                return false;
            got++;
        }
        first = false;
        n_word = word_length(p, p + strlen(p));
        n_suffix = suffix_length(p + n_word);
        n_got = word_length(got, end);
        if (!word_matches(p, n_word, p + n_word + 1, n_suffix, got, n_got))
            return false;
        got += n_got;
        p += n_word + (n_suffix > 0 ? n_suffix + 2 : 0);
    }
}

bool scpi_match(const char *pattern, const char *got, size_t n)
{
    const char *end = got + n;

    if (n > 0 && got[0] == ':')
        got++;
    return got < end && match_from(pattern, got, end, true);
}

/* ---- Messages into units, units into parameters ---- */

/* Bytes of the block "#<d><length><data>" at p; 1 when it is no block ("#H1F"); 0 when it is cut
 * short. "#0" has no length: it ends with the message. */
static size_t block_length(const char *p, size_t n)
{
    size_t digits, length = 0;

    if (n < 2 || !is_digit(p[1]))
        return 1;
    digits = (size_t)(p[1] - '0');
    if (digits == 0)
        return n;
    if (n < 2 + digits)
        return 0;
    for (size_t i = 0; i < digits; i++) {
        if (!is_digit(p[2 + i]))
            return 0;
        length = 10 * length + (size_t)(p[2 + i] - '0');
    }
    return length <= n - 2 - digits ? 2 + digits + length : 0;
}

/* Where `sep` first stands outside quotes and blocks (a comma also outside parentheses); n when
 * nowhere. *ret_broken: a quote left open or a block cut short. */
static size_t part_end(const char *p, size_t n, char sep, bool *ret_broken)
{
    char quote = '\0';
    int depth = 0;
    size_t i = 0;

    *ret_broken = false;
    while (i < n) {
        size_t step = 1;

        if (quote != '\0') {
            if (p[i] == quote)
                quote = '\0';
        } else if (p[i] == sep && (sep != ',' || depth == 0)) {
            return i;
        } else if (p[i] == '"' || p[i] == '\'') {
            quote = p[i];
        } else if (p[i] == '(') {
            depth++;
        } else if (p[i] == ')' && depth > 0) {
            depth--;
        } else if (p[i] == '#') {
            step = block_length(p + i, n - i);
            if (step == 0) {
                *ret_broken = true;
                step = 1;
            }
        }
        i += step;
    }
    if (quote != '\0')
        *ret_broken = true;
    return n;
}

/* Words of letters, digits and '_' that start with a letter, joined by ':', after an optional '*';
 * '?' at the end. */
static bool header_well_formed(const char *p, size_t n)
{
    bool start = true;

    if (n > 0 && p[0] == '*') {
        p++;
        n--;
        if (memchr(p, ':', n) != NULL)
            return false;
    }
    if (n > 0 && p[n - 1] == '?')
        n--;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == ':') {
            if (start)
                return false;
            start = true;
        } else if (is_letter(p[i]) || (!start && (is_digit(p[i]) || p[i] == '_'))) {
            start = false;
        } else {
            return false;
        }
    }
    return !start;
}

void scpi_begin(struct scpi_parser *p, const char *message)
{
    p->at = message;
    p->path[0] = '\0';
}

/* Header with the path before it, upper case. */
static int header_join(const char *path, const char *header, size_t n, char *ret, size_t size)
{
    size_t n_path = strlen(path);

    if (n_path + n >= size)
        return E_SYNTAX;
    memcpy(ret, path, n_path);
    for (size_t i = 0; i < n; i++)
        ret[n_path + i] = upper(header[i]);
    ret[n_path + n] = '\0';
    return 0;
}

/* The path that a following unit continues: all up to the last ':', with it. */
static void path_keep(struct scpi_parser *p, const char *header)
{
    const char *colon = strrchr(header, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - header) + 1;

    memcpy(p->path, header, n);
    p->path[n] = '\0';
}

static int unit_parse(struct scpi_parser *p, const char *text, size_t n, struct scpi_unit *ret_unit)
{
    struct scpi_unit unit;
    const char *path = p->path;
    size_t n_header = 0;

    if (text[0] == ':') {
        path = "";
        text++;
        n--;
        if (n == 0 || text[0] == '*')
            return E_SYNTAX;
    } else if (text[0] == '*') {
        path = "";
    }
    while (n_header < n && !is_blank(text[n_header]))
        n_header++;
    if (!header_well_formed(text, n_header) ||
        header_join(path, text, n_header, unit.header, sizeof(unit.header)) != 0)
        return E_SYNTAX;
    unit.query = text[n_header - 1] == '?';
    unit.params = text + n_header;
    unit.n_params = n - n_header;
    trim(&unit.params, &unit.n_params);
    if (unit.n_params == 0)
        unit.params = "";
    if (text[0] != '*')
        path_keep(p, unit.header);
    *ret_unit = unit;
    return 1;
}

int scpi_next(struct scpi_parser *p, struct scpi_unit *ret_unit)
{
    while (*p->at != '\0') {
        const char *text = p->at;
        bool broken;
        size_t n = part_end(text, strlen(text), ';', &broken);

        p->at += n;
        if (*p->at == ';')
            p->at++;
        trim(&text, &n);
        if (n == 0)
            continue;
        return broken ? E_SYNTAX : unit_parse(p, text, n, ret_unit);
    }
    return 0;
}

bool scpi_param(const char **params, size_t *n, const char **ret_param, size_t *ret_n)
{
    const char *param = *params;
    size_t n_param;
    bool broken;

    if (*n == 0)
        return false;
    n_param = part_end(param, *n, ',', &broken);
    *params += n_param;
    *n -= n_param;
    if (*n > 0) {
        (*params)++;
        (*n)--;
    }
    trim(&param, &n_param);
    *ret_param = param;
    *ret_n = n_param;
    return true;
}

/* ---- Numbers ---- */

/* Instruments send the special numbers with 2 to 9 digits. */
static bool is_special(double v, double special)
{
    return fabs(v - special) < 1e-8 * special;
}

int scpi_number(const char *text, size_t n, double *ret_value)
{
    double v;

    trim(&text, &n);
    if (str_to_double(text, n, &v) != 0)
        return E_SYNTAX;
    if (is_special(v, scpi_nan))
        *ret_value = (double)NAN;
    else if (is_special(fabs(v), scpi_infinity))
        *ret_value = v > 0 ? (double)INFINITY : -(double)INFINITY;
    else
        *ret_value = v;
    return 0;
}

int scpi_bool(const char *text, size_t n, bool *ret_value)
{
    int64_t v;

    trim(&text, &n);
    if (word_is(text, n, "ON"))
        v = 1;
    else if (word_is(text, n, "OFF"))
        v = 0;
    else if (str_to_int(text, n, &v) != 0 || v < 0 || v > 1)
        return E_SYNTAX;
    *ret_value = v != 0;
    return 0;
}

/* x * 10^e. Powers up to 1e22 are exact in a double, so that most numbers are rounded only once. */
static double scale10(double x, int e)
{
    static const double power[23] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    };

    for (; e > 22; e -= 22)
        x *= power[22];
    for (; e < -22; e += 22)
        x /= power[22];
    return e >= 0 ? x * power[e] : x / power[-e];
}

/* a > 0 as digits * 10^(exponent - 6), digits with 7 places. */
static int64_t seven_digits(double a, int *ret_exponent)
{
    int binary, e;
    int64_t digits;

    (void)frexp(a, &binary);
    e = (binary - 1) * 1233 / 4096; /* log10(2), off by one at most */
    if (scale10(a, 6 - e) >= 1e7)
        e++;
    else if (scale10(a, 6 - e) < 1e6)
        e--;
    digits = (int64_t)(scale10(a, 6 - e) + 0.5);
    if (digits >= 10000000) {
        digits /= 10;
        e++;
    }
    *ret_exponent = e;
    return digits;
}

size_t scpi_print(double v, char *buf, size_t size)
{
    char text[16];
    size_t n = 0, n_exponent;
    double a = isnan(v) ? scpi_nan : isinf(v) ? scpi_infinity : fabs(v);
    int e = 0;
    int64_t digits = a > 0 ? seven_digits(a, &e) : 0;
    int64_t unit = 1000000;

    text[n++] = v < 0 ? '-' : '+';
    for (; unit > 0; unit /= 10) {
        text[n++] = (char)('0' + digits / unit % 10);
        if (unit == 1000000)
            text[n++] = '.';
    }
    text[n++] = 'E';
    text[n++] = e < 0 ? '-' : '+';
    e = e < 0 ? -e : e;
    for (n_exponent = e > 99 ? 3 : 2; n_exponent > 0; n_exponent--) {
        text[n++] = (char)('0' + e / (n_exponent == 3 ? 100 : n_exponent == 2 ? 10 : 1) % 10);
    }
    text[n] = '\0';
    ASSERT(n < size);
    memcpy(buf, text, n + 1);
    return n;
}
