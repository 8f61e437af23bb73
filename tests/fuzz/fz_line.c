/* First byte: which terminator and separator; the rest: what comes over the line. */
#include "base/err.h"
#include "drivers/wire/line.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const char *const fuzz_corpus = "line";

static void read_line(const char *text, char sep)
{
    const char *end = text + strlen(text);
    const char *rest = text;
    const char *field;
    double v;
    size_t n;

    while (line_field(&rest, sep, &field, &n)) {
        ASSERT(field >= text && field + n <= rest && rest <= end);
        ASSERT(memchr(field, sep, n) == NULL);
        ASSERT(sep != ' ' || n > 0);
    }
    ASSERT(rest == end);
    rest = text;
    while (line_number(&rest, sep, &v) == 0)
        ASSERT(rest > text && rest <= end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const terminators[] = {"\r", "\n", "\r\n"};
    struct line_reader r = {0};
    const char *terminator;

    if (n == 0)
        return 0;
    terminator = terminators[data[0] % 3];
    for (size_t i = 1; i < n; i++) {
        if (line_take(&r, terminator, data[i])) {
            ASSERT(r.n <= LINE_MAX_BYTES && strlen(r.buf) == r.n);
            ASSERT(strstr(r.buf, terminator) == NULL);
            read_line(r.buf, data[0] < 128 ? ',' : ' ');
        }
    }
    return 0;
}
