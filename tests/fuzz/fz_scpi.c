/* The input is a program message; its parameters are read as replies are too. */
#include "base/err.h"
#include "drivers/wire/scpi.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

const char *const fuzz_corpus = "scpi";

enum { MESSAGE_MAX = 4096 };

static void read_params(const char *params, size_t n)
{
    const char *end = params + n;
    const char *param;
    char text[16];
    size_t n_param;
    double v, again;
    bool on;

    while (scpi_param(&params, &n, &param, &n_param)) {
        ASSERT(params + n == end && param + n_param <= params);
        if (scpi_number(param, n_param, &v) == 0) {
            n_param = scpi_print(v, text, sizeof(text));
            ASSERT(n_param == strlen(text));
            ASSERT(scpi_number(text, n_param, &again) == 0);
            ASSERT(isnan(v) ? isnan(again) : isinf(v) || fabs(v - again) <= 1e-6 * fabs(v) ||
                                                 fabs(v) < 1e-300 || fabs(v) > 9.8e37);
        }
        if (scpi_bool(param, n_param, &on) == 0)
            ASSERT(n_param > 0);
    }
    ASSERT(n == 0);
}

static void read_header(const struct scpi_unit *unit)
{
    static const char *const patterns[] = {
        "*IDN?", "SOURce:VOLTage[:LEVel]:ILIMit?", "[:SOURce[1]]:VOLTage[:LEVel][:IMMediate]",
        "OUTPut[1][:STATe]", "SYSTem:ERRor[:NEXT]?", "[[A:]B:]C[:D[:E]]?",
    };
    size_t n = strlen(unit->header);

    ASSERT(n > 0 && n < sizeof(unit->header));
    ASSERT(unit->query == (unit->header[n - 1] == '?'));
    /* without lower case a header is its own pattern */
    ASSERT(scpi_match(unit->header, unit->header, n));
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        (void)scpi_match(patterns[i], unit->header, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char message[MESSAGE_MAX + 1];
    struct scpi_parser p;
    struct scpi_unit unit;
    int more = 1;

    if (n > MESSAGE_MAX)
        return 0;
    memcpy(message, data, n);
    message[n] = '\0';
    (void)scpi_match("SOURce:VOLTage[:LEVel]:ILIMit?", message, n);
    read_params(message, n);
    scpi_begin(&p, message);
    while (more != 0) {
        const char *before = p.at;

        more = scpi_next(&p, &unit);
        ASSERT(more == 0 || p.at > before); /* it gets on, whatever comes */
        ASSERT(p.at <= message + strlen(message));
        if (more == 1) {
            read_header(&unit);
            read_params(unit.params, unit.n_params);
        }
    }
    return 0;
}
