/* benchctl/foreign_sentence.c - the sentences of PyBaMM.
 *
 *     Rest | (Charge | Discharge | Hold) at VALUE
 *     [for TIME] [[or] until VALUE] [(TIME period)]
 *
 * Read more freely than PyBaMM does where nothing can be mistaken (blanks, capitals), and more
 * strictly where its own reading surprises: `Hold at 1 A` is a discharge there. */
#include "benchctl/foreign_priv.h"

#include "base/err.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct cursor {
    const struct sentence *in;
    const char *text;
    size_t at, n;
    struct diag *d;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void skip_blank(struct cursor *c)
{
    while (c->at < c->n && is_blank(c->text[c->at]))
        c->at++;
}

static size_t word_length(const struct cursor *c)
{
    size_t i = c->at;

    while (i < c->n && !is_blank(c->text[i]) && c->text[i] != '(')
        i++;
    return i - c->at;
}

static bool word_is(const struct cursor *c, const char *word)
{
    size_t n = word_length(c);

    if (n != strlen(word))
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(c->text[c->at + i]) != word[i])
            return false;
    return true;
}

static bool take_word(struct cursor *c, const char *word)
{
    if (!word_is(c, word))
        return false;
    c->at += strlen(word);
    skip_blank(c);
    return true;
}

#define SAY(c, from, len, code, ...) say_at((c)->in, (c)->d, (from), (len), (code), __VA_ARGS__)

static int say_at(const struct sentence *in, struct diag *d, size_t at, size_t n, int code,
                  const char *fmt, ...) PRINTF(6, 7);
static int say_at(const struct sentence *in, struct diag *d, size_t at, size_t n, int code,
                  const char *fmt, ...)
{
    struct diag_pos pos = foreign_inside(&in->pos, in->exact, in->text, at, n);
    char text[DIAG_TEXT_MAX];
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)rc;
    return diag_at(d, code, &pos, "%s", text);
}

/* ---- Values ---- */

/* The part up to a keyword, a bracket or the end. */
static size_t part_length(const struct cursor *c)
{
    static const char *const stops[] = {"for", "or", "until", "at"};
    struct cursor k = *c;
    size_t end = c->at;

    while (k.at < k.n && k.text[k.at] != '(') {
        for (size_t i = 0; i < ARRAY_LEN(stops); i++)
            if (word_is(&k, stops[i]))
                return end - c->at;
        k.at += word_length(&k);
        end = k.at;
        skip_blank(&k);
    }
    return end - c->at;
}

/* Our spelling of a quantity: Ohm is ohm here. */
static bool spell(const char *text, size_t n, char *buf, size_t size)
{
    size_t len = 0;

    if (n + 1 > size)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool ohm = text[i] == 'O' && n - i >= 3 && text[i + 1] == 'h' && text[i + 2] == 'm';

        buf[len++] = ohm ? 'o' : text[i];
    }
    buf[len] = '\0';
    return true;
}

static int electric(const struct cursor *c, size_t n, struct qty *ret)
{
    char buf[64];
    struct qty q;
    struct diag_pos pos = foreign_inside(&c->in->pos, c->in->exact, c->text, c->at, n);
    int rc;

    if (n == 0)
        return SAY(c, c->at, 0, E_SYNTAX, "a value with its unit is missing");
    if (!spell(c->text + c->at, n, buf, sizeof(buf)))
        return SAY(c, c->at, n, E_RANGE, "the value is too long");
    rc = qty_parse(buf, strlen(buf), c->in->exact ? &pos : &c->in->pos, &q, c->d);
    if (rc < 0)
        return rc;
    if (dims_equal(q.dims, DIMS_NONE)) {
        SAY(c, c->at, n, E_UNIT, "%.*s has no unit", (int)(n < 40 ? n : 40), c->text + c->at);
        diag_hint(c->d, "A, mA, C, W, mW, Ohm or V");
        return E_UNIT;
    }
    *ret = q;
    return 0;
}

static int seconds(const char *unit, size_t n, double *ret)
{
    static const struct {
        const char *word;
        double scale;
    } units[] = {
        {"second", 1.0    },
        {"sec",    1.0    },
        {"s",      1.0    },
        {"minute", 60.0   },
        {"min",    60.0   },
        {"m",      60.0   },
        {"hour",   3600.0 },
        {"hr",     3600.0 },
        {"h",      3600.0 },
        {"day",    86400.0},
    };

    for (int plural = 0; plural < 2; plural++) {
        if (plural && (n < 4 || unit[--n] != 's'))
            break;
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            if (strlen(units[i].word) == n && memcmp(units[i].word, unit, n) == 0) {
                *ret = units[i].scale;
                return 0;
            }
    }
    return E_UNIT;
}

static int duration(const struct cursor *c, size_t n, const char *what, double *ret)
{
    const char *text = c->text + c->at;
    size_t digits = 0, unit;
    double number, scale;

    while (digits < n && strchr("0123456789.", text[digits]))
        digits++;
    unit = digits;
    while (unit < n && is_blank(text[unit]))
        unit++;
    if (digits == 0 || str_to_double(text, digits, &number) < 0) {
        SAY(c, c->at, n, E_SYNTAX, "%s is a number and its unit", what);
        diag_hint(c->d, "as in 10 hours, 45 minutes, 30 seconds");
        return E_SYNTAX;
    }
    if (seconds(text + unit, n - unit, &scale) < 0) {
        SAY(c, c->at + unit, n - unit, E_UNIT, "'%.*s' is not a unit of time",
            (int)(n - unit < 40 ? n - unit : 40), text + unit);
        diag_hint(c->d, "seconds, minutes or hours");
        return E_UNIT;
    }
    number *= scale;
    if (!(number > 0.0 && number <= 1e9))
        return SAY(c, c->at, n, E_RANGE, "%s is above zero and not longer than 30 years", what);
    *ret = number;
    return 0;
}

/* ---- The step ---- */

static int refuse_verb(const struct cursor *c)
{
    static const char *const verbs[] = {"Charge", "Discharge", "Hold", "Rest", NULL};
    char word[24];
    size_t n = word_length(c);
    const char *near;

    if (word_is(c, "run")) {
        SAY(c, c->at, n, E_UNSUPPORTED, "the drive cycle is not in this file, only its name");
        diag_hint(c->d, "write the cycle as CSV and use our verb `drive`");
        return E_UNSUPPORTED;
    }
    n = n < sizeof(word) ? n : sizeof(word) - 1;
    memcpy(word, c->text + c->at, n);
    word[n] = '\0';
    SAY(c, c->at, n, E_SYNTAX, "a step begins with Charge, Discharge, Hold or Rest");
    near = str_nearest(word, verbs);
    if (near)
        diag_hint(c->d, "did you mean %s?", near);
    else
        diag_hint(c->d, "Charge at C/10 until 4.1 V; of a script pybamm.Experiment([...]) is read");
    return E_SYNTAX;
}

static int step_value(struct cursor *c, struct foreign_step *s)
{
    size_t n = part_length(c), at = c->at;
    bool hold = s->kind == FOREIGN_HOLD;
    struct qty q;
    int rc = electric(c, n, &q);

    if (rc < 0)
        return rc;
    c->at += n;
    skip_blank(c);
    s->at = q.si;
    s->dims = q.dims;
    if (hold != dims_equal(q.dims, DIMS_VOLTAGE)) {
        SAY(c, at, n, E_UNIT, hold ? "a hold is at a voltage" : "the voltage is held, not charged");
        diag_hint(c->d,
                  hold ? "write Charge or Discharge at a current" : "write Hold at %.*s until",
                  (int)(n < 30 ? n : 30), c->text + at);
        return E_UNIT;
    }
    return 0;
}

int sentence_end(const struct sentence *in, struct foreign_step *s, struct diag *reterr)
{
    struct cursor c = {.in = in, .text = in->text, .n = strlen(in->text), .d = reterr};
    char sign = '\0';
    size_t from, n;
    struct qty q;
    int rc;

    skip_blank(&c);
    from = c.at;
    if (c.at < c.n && (c.text[c.at] == '<' || c.text[c.at] == '>'))
        sign = c.text[c.at++];
    skip_blank(&c);
    n = c.n - c.at;
    while (n > 0 && is_blank(c.text[c.at + n - 1]))
        n--;
    rc = electric(&c, n, &q);
    if (rc < 0)
        return rc;
    n += c.at - from;
    if (dims_equal(q.dims, DIMS_VOLTAGE)) {
        if (!isnan(s->end_v))
            return SAY(&c, from, n, E_UNSUPPORTED, "a second voltage ends this step");
        s->end_v = q.si;
        s->end_sign = sign;
        return 0;
    }
    if (!dims_equal(q.dims, DIMS_CURRENT) && !dims_equal(q.dims, DIMS_CRATE))
        return SAY(&c, from, n, E_UNIT, "a step ends at a voltage or a current");
    if (sign == '>' || (sign && dims_equal(q.dims, DIMS_CURRENT))) {
        SAY(&c, from, n, E_UNSUPPORTED,
            "with a sign PyBaMM compares the signed current, charging negative");
        diag_hint(reterr, "without the sign it ends when the magnitude is below");
        return E_UNSUPPORTED;
    }
    if (!isnan(s->taper))
        return SAY(&c, from, n, E_UNSUPPORTED, "a second current ends this step");
    if (!(q.si > 0.0))
        return SAY(&c, from, n, E_RANGE, "the current that ends a hold is above zero");
    s->taper = q.si;
    s->taper_dims = q.dims;
    return 0;
}

/* The value after `until`: n bytes from where c stands. */
static int until_part(const struct cursor *c, size_t n, struct foreign_step *s)
{
    char buf[64];
    const struct sentence part = {
        .text = buf,
        .pos = foreign_inside(&c->in->pos, c->in->exact, c->text, c->at, n),
        .exact = c->in->exact,
    };

    if (n >= sizeof(buf))
        return SAY(c, c->at, n, E_RANGE, "the value is too long");
    memcpy(buf, c->text + c->at, n);
    buf[n] = '\0';
    return sentence_end(&part, s, c->d);
}

/* [for TIME] [[or] until VALUE]... */
static int step_ends(struct cursor *c, struct foreign_step *s)
{
    while (c->at < c->n && c->text[c->at] != '(') {
        bool or_word = take_word(c, "or");
        size_t n;
        int rc;

        if (!or_word && isnan(s->for_s) && take_word(c, "for")) {
            n = part_length(c);
            rc = duration(c, n, "a duration", &s->for_s);
        } else if (take_word(c, "until")) {
            n = part_length(c);
            rc = until_part(c, n, s);
        } else {
            n = word_length(c);
            if (word_is(c, "at")) {
                SAY(c, c->at, n, E_UNSUPPORTED, "a temperature does not stand in the sentence");
                diag_hint(c->d, "Experiment(..., temperature=\"25 oC\")");
                return E_UNSUPPORTED;
            }
            SAY(c, c->at, n ? n : 1, E_SYNTAX, "'%.*s' is not expected here",
                (int)(n < 40 ? n : 40), c->text + c->at);
            diag_hint(c->d, "for TIME, until VALUE, or (TIME period)");
            return E_SYNTAX;
        }
        if (rc < 0)
            return rc;
        c->at += n;
        skip_blank(c);
    }
    return 0;
}

static int step_period(struct cursor *c, struct foreign_step *s)
{
    static const char word[] = "period)";
    size_t from = c->at, n;
    const char *end;
    int rc;

    if (c->at >= c->n)
        return 0;
    c->at++;
    skip_blank(c);
    end = strstr(c->text + c->at, word);
    if (!end) {
        SAY(c, from, c->n - from, E_SYNTAX, "what is in brackets is not a period");
        diag_hint(c->d, "as in (1 minute period)");
        return E_SYNTAX;
    }
    n = (size_t)(end - (c->text + c->at));
    while (n > 0 && is_blank(c->text[c->at + n - 1]))
        n--;
    rc = duration(c, n, "a period", &s->period_s);
    if (rc < 0)
        return rc;
    if (s->period_s < 1e-3)
        return SAY(c, c->at, n, E_RANGE, "nothing is recorded faster than every 1 ms");
    c->at = (size_t)(end - c->text) + sizeof(word) - 1;
    skip_blank(c);
    return c->at == c->n ? 0 : SAY(c, c->at, c->n - c->at, E_SYNTAX, "nothing follows the period");
}

/* ---- What a step as a whole must be ---- */

static int whole_source(const struct sentence *in, const struct foreign_step *s, struct diag *d)
{
    size_t n = strlen(in->text);
    bool source = s->kind == FOREIGN_CHARGE || s->kind == FOREIGN_DISCHARGE;

    if (source && !(s->at > 0.0)) {
        say_at(in, d, 0, n, E_RANGE, "a charge or discharge is given as a magnitude above zero");
        diag_hint(d, "the word says the direction; without a current it is a Rest");
        return E_RANGE;
    }
    if (source && !dims_equal(s->dims, DIMS_CURRENT) && !dims_equal(s->dims, DIMS_CRATE) &&
        !dims_equal(s->dims, DIMS_POWER) && !dims_equal(s->dims, DIMS_RESISTANCE))
        return say_at(in, d, 0, n, E_UNIT, "a step is at a current, C-rate, power or resistance");
    if (s->kind == FOREIGN_CHARGE && dims_equal(s->dims, DIMS_RESISTANCE)) {
        say_at(in, d, 0, n, E_UNSUPPORTED, "nothing charges at a resistance");
        diag_hint(d, "a charge is at a current, a C-rate or a power");
        return E_UNSUPPORTED;
    }
    if (source && !isnan(s->taper)) {
        say_at(in, d, 0, n, E_UNSUPPORTED, "only a hold ends at a current");
        diag_hint(d, "a charge until its voltage, then Hold at that voltage until the current");
        return E_UNSUPPORTED;
    }
    return 0;
}

int sentence_whole(const struct sentence *in, const struct foreign_step *s, struct diag *reterr)
{
    size_t n = strlen(in->text);
    int rc = whole_source(in, s, reterr);

    if (rc < 0)
        return rc;
    if (isnan(s->for_s) && isnan(s->end_v) && isnan(s->taper)) {
        say_at(in, reterr, 0, n, E_INVALID, "the step does not say how it ends");
        diag_hint(reterr, "add `for 1 hour` or `until 4.1 V`");
        return E_INVALID;
    }
    if (s->kind == FOREIGN_HOLD && !isnan(s->end_v))
        return say_at(in, reterr, 0, n, E_UNSUPPORTED, "a held voltage does not reach another");
    if (s->kind == FOREIGN_REST && !isnan(s->taper))
        return say_at(in, reterr, 0, n, E_UNSUPPORTED, "a rest does not end at a current");
    if (s->kind == FOREIGN_REST && !isnan(s->end_v) && !s->end_sign) {
        say_at(in, reterr, 0, n, E_UNSUPPORTED, "a rest has no direction: PyBaMM ignores this end");
        diag_hint(reterr, "write until >3.5 V or until <3.5 V");
        return E_UNSUPPORTED;
    }
    return 0;
}

static int sentence_verb(struct cursor *c, struct foreign_step *s)
{
    if (take_word(c, "rest")) {
        s->kind = FOREIGN_REST;
        return 0;
    }
    if (take_word(c, "charge"))
        s->kind = FOREIGN_CHARGE;
    else if (take_word(c, "discharge"))
        s->kind = FOREIGN_DISCHARGE;
    else if (take_word(c, "hold"))
        s->kind = FOREIGN_HOLD;
    else
        return refuse_verb(c);
    if (!take_word(c, "at")) {
        SAY(c, c->at, word_length(c), E_SYNTAX, "`at` is missing");
        diag_hint(c->d, s->kind == FOREIGN_HOLD ? "Hold at 4.1 V until 50 mA"
                                                : "Charge at C/10 until 4.1 V");
        return E_SYNTAX;
    }
    return step_value(c, s);
}

int sentence_read(const struct sentence *in, struct foreign_step *ret, struct diag *reterr)
{
    struct cursor c = {.in = in, .text = in->text, .n = strlen(in->text), .d = reterr};
    struct foreign_step s = foreign_blank(FOREIGN_REST);
    int rc;

    skip_blank(&c);
    if (c.at == c.n)
        return SAY(&c, 0, c.n, E_SYNTAX, "an empty text is no step");
    rc = sentence_verb(&c, &s);
    rc = rc < 0 ? rc : step_ends(&c, &s);
    rc = rc < 0 ? rc : step_period(&c, &s);
    rc = rc < 0 ? rc : sentence_whole(in, &s, reterr);
    if (rc < 0)
        return rc;
    s.origin = in->text;
    s.pos = in->pos;
    s.pos.length = in->exact ? (int)c.n : s.pos.length;
    *ret = s;
    return 0;
}

/* ---- Parts alone ---- */

int sentence_time(const struct sentence *in, const char *what, double *ret, struct diag *reterr)
{
    struct cursor c = {.in = in, .text = in->text, .n = strlen(in->text), .d = reterr};

    skip_blank(&c);
    while (c.n > c.at && is_blank(c.text[c.n - 1]))
        c.n--;
    return duration(&c, c.n - c.at, what, ret);
}

double sentence_kelvin(double v)
{
    char buf[FOREIGN_TEXT];
    struct qty q;

    return qty_print_in(v, "degC", 9, buf, sizeof(buf)) == 0 &&
                   qty_parse(buf, strlen(buf), NULL, &q, NULL) == 0
               ? q.si
               : v;
}

int sentence_temperature(const struct sentence *in, double *ret, struct diag *reterr)
{
    struct cursor c = {.in = in, .text = in->text, .n = strlen(in->text), .d = reterr};
    size_t digits = 0;
    double v;
    const char *unit;

    skip_blank(&c);
    while (c.at + digits < c.n && strchr("+-0123456789.", c.text[c.at + digits]))
        digits++;
    unit = c.text + c.at + digits;
    while (is_blank(*unit))
        unit++;
    if (digits == 0 || str_to_double(c.text + c.at, digits, &v) < 0 ||
        (strcmp(unit, "oC") != 0 && strcmp(unit, "K") != 0)) {
        SAY(&c, 0, c.n, E_UNIT, "a temperature is written in oC or K");
        diag_hint(reterr, "as in \"25 oC\" or \"298.15 K\"");
        return E_UNIT;
    }
    v += unit[0] == 'o' ? 273.15 : 0.0;
    if (!(v > 0.0 && v < 2000.0))
        return SAY(&c, 0, c.n, E_RANGE, "the temperature is out of range");
    *ret = sentence_kelvin(v);
    return 0;
}
