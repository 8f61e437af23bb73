/* drivers/keithley_2461_wire.c - the Keithley 2461's words and numbers: messages put together,
 * replies taken apart. */
#include "drivers/keithley_2461_priv.h"

#include "base/str.h"
#include "drivers/wire/scpi.h"

#include <string.h>

/* ---- Messages ---- */

struct xfer *smu_plan(struct plan *plan, uint16_t tag, const char *text)
{
    struct xfer *x = plan_add(plan, tag);
    size_t n = strlen(text);

    ASSERT(n < LINE_MAX_BYTES);
    if (x != NULL) {
        memcpy(x->tx, text, n);
        x->tx_len = (uint16_t)n;
    }
    return x;
}

void smu_say(struct smu_message *m, const char *words)
{
    size_t n = strlen(words);

    ASSERT(m->n + n < sizeof(m->text));
    memcpy(m->text + m->n, words, n + 1);
    m->n += n;
}

void smu_say_number(struct smu_message *m, const char *words, double v)
{
    char number[24];

    (void)scpi_print(v, number, sizeof(number));
    smu_say(m, words);
    smu_say(m, number);
}

/* ---- Replies ---- */

int smu_split(const struct xfer *x, struct smu_part *ret, size_t n)
{
    const char *at = (const char *)x->rx;

    for (size_t i = 0; i < n; i++) {
        const char *end = i + 1 < n ? strchr(at, ';') : at + strlen(at);

        if (end == NULL || end == at)
            return E_GARBLED;
        ret[i].p = at;
        ret[i].n = (size_t)(end - at);
        at = *end == '\0' ? end : end + 1;
    }
    return 0;
}

int smu_part_number(const struct smu_part *p, double *ret)
{
    return scpi_number(p->p, p->n, ret) == 0 ? 0 : E_GARBLED;
}

int smu_part_bool(const struct smu_part *p, bool *ret)
{
    return scpi_bool(p->p, p->n, ret) == 0 ? 0 : E_GARBLED;
}

/* Does the part begin with this word of four letters, and go on, if at all, with its long form or
 * ":DC"? */
static bool begins(const char *p, size_t n, const char *word)
{
    if (n < 4 || memcmp(p, word, 4) != 0)
        return false;
    for (size_t i = 4; i < n; i++)
        if (p[i] != ':' && (p[i] < 'A' || p[i] > 'Z') && (p[i] < 'a' || p[i] > 'z'))
            return false;
    return true;
}

/* "CURR", "VOLT:DC" with or without quotes. */
int smu_part_function(const struct smu_part *p, char *ret)
{
    const char *text = p->p;
    size_t n = p->n;

    if (n > 2 && text[0] == '"' && text[n - 1] == '"') {
        text++;
        n -= 2;
    }
    if (!begins(text, n, "CURR") && !begins(text, n, "VOLT"))
        return E_GARBLED;
    *ret = text[0];
    return 0;
}

/* Off-state: high impedance, or one of the three others. */
int smu_part_smod(const struct smu_part *p, bool *ret_himp)
{
    static const char *const words[] = {"HIMP", "NORM", "ZERO", "GUAR"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (begins(p->p, p->n, words[i])) {
            *ret_himp = i == 0;
            return 0;
        }
    return E_GARBLED;
}

/* `0,"No error"` or `-222,"..."`. */
int smu_part_error(const struct smu_part *p, int64_t *ret_code)
{
    const char *comma = memchr(p->p, ',', p->n);
    const char *text = p->p;
    size_t n;

    if (comma == NULL || comma[1] != '"')
        return E_GARBLED;
    n = (size_t)(comma - text);
    if (n > 1 && text[0] == '+') {
        text++;
        n--;
    }
    return str_to_int(text, n, ret_code) == 0 ? 0 : E_GARBLED;
}

void smu_edge(struct outcome *out, bool closed)
{
    driver_notice(out, NOTICE_EDGE, CH_CURRENT, closed ? 1 : 0, "");
}
