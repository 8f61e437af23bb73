/* First byte: how long the pieces are; the rest: a BDF file. Whatever comes, the validator ends with
 * a reason or a report whose numbers agree with one another. */
#include "analysis/validate.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const char *const fuzz_corpus = "bdf";

static void look_at(const struct validate_report *r)
{
    unsigned levels[3] = {0};

    ASSERT(r->n <= VALIDATE_FINDINGS_MAX);
    for (unsigned i = 0; i < r->n; i++) {
        const struct validate_finding *f = &r->finding[i];

        ASSERT(memchr(f->text, '\0', sizeof(f->text)) != NULL && f->text[0] != '\0');
        ASSERT(memchr(f->column, '\0', sizeof(f->column)) != NULL);
        ASSERT(f->row <= r->rows && f->count >= 1 && f->line >= 1);
        levels[f->level]++;
    }
    ASSERT(levels[DIAG_ERROR] == r->errors && levels[DIAG_WARN] == r->warnings &&
           levels[DIAG_NOTE] == r->notes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct validate_report report;
    const char *text = (const char *)data;
    size_t piece = n > 0 ? data[0] % 64U + 1U : 1U;
    struct validator *v = NULL;
    struct diag d;
    int rc;

    diag_init(&d);
    rc = validate_begin(&v, &d);
    for (size_t at = 1; at < n && rc == 0; at += piece) {
        rc = validate_feed(v, text + at, n - at < piece ? n - at : piece, &d);
    }
    rc = rc == 0 ? validate_end(v, &report, &d) : rc;
    validate_done(v);
    ASSERT(rc == 0 || (rc < 0 && d.n == 1));
    if (rc == 0) {
        look_at(&report);
    }
    return 0;
}
