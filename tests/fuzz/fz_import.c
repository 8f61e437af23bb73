/* First byte: what a person states; the rest: the file. Whatever comes out is a recording: times in
 * order, steps that are told once, counts that hold together; or an error with a story.
 */
#include "analysis/import.h"
#include "base/diag.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const fuzz_corpus = "import";

struct seen {
    unsigned n_extra;
    uint64_t rows, began, ended;
    double t_s;
    bool open;
};

static int on_begin(void *ctx, const struct import_shape *shape, struct diag *reterr)
{
    struct seen *s = ctx;

    (void)reterr;
    ASSERT(shape->n_extra <= RECORDING_EXTRA_MAX && shape->rows_expected > 0);
    for (unsigned i = 0; i < shape->n_extra; i++) {
        ASSERT(shape->extra[i].name[0] != '\0');
        for (unsigned k = 0; k < i; k++)
            ASSERT(strcmp(shape->extra[i].name, shape->extra[k].name) != 0);
    }
    s->n_extra = shape->n_extra;
    return 0;
}

static int on_step_begin(void *ctx, const struct import_step *step, struct diag *reterr)
{
    struct seen *s = ctx;

    (void)reterr;
    ASSERT(!s->open && step->execution == ++s->began);
    s->open = true;
    return 0;
}

static int on_row(void *ctx, const struct import_row *row, struct diag *reterr)
{
    struct seen *s = ctx;

    (void)reterr;
    ASSERT(s->open && row->execution == s->began);
    ASSERT(isfinite(row->t_s) && (s->rows == 0 || row->t_s >= s->t_s));
    ASSERT(!isinf(row->voltage_v) && !isinf(row->current_a));
    for (unsigned i = 0; i < s->n_extra; i++)
        ASSERT(!isinf(row->extra[i]));
    s->t_s = row->t_s;
    s->rows++;
    return 0;
}

static int on_step_end(void *ctx, const struct import_step *step, struct diag *reterr)
{
    struct seen *s = ctx;

    (void)reterr;
    ASSERT(s->open && step->execution == s->began);
    ASSERT(step->in_ah >= 0 && step->out_ah >= 0);
    s->open = false;
    s->ended++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const dialects[] = {NULL, "bitrode", "maccor", "neware",
                                           NULL, "ec-lab",  "bdf",    "csv"};
    struct import_report *r = calloc(1, sizeof(*r));
    struct import_options opt = {0};
    struct seen s = {0};
    struct import_sink sink = {&s, true, on_begin, on_step_begin, on_row, on_step_end, NULL};
    struct text why = {0};
    struct diag d;
    int rc;

    ASSERT(r);
    diag_init(&d);
    if (n > 0) {
        opt.dialect = dialects[data[0] & 7u];
        opt.back = (enum import_back)((data[0] >> 3) % 3);
        opt.sign = (enum import_sign)((data[0] >> 5) % 4);
    }
    rc = import_text("fuzz", (const char *)data + (n > 0), n > 0 ? n - 1 : 0, &opt, &sink, r, &d);
    ASSERT(rc == 0 || diag_has_errors(&d));
    if (rc == 0) {
        ASSERT(s.rows == r->rows && s.rows >= 2);
        ASSERT(s.began == s.ended && s.ended == r->steps && !s.open);
        import_why(r, &why);
        text_done(&why);
    }
    free(r);
    return 0;
}
