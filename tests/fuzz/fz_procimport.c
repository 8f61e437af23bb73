/* A procedure of another program; first byte: which form. What is read becomes our language,
 * compiles, and can be said again: the same program comes back. */
#include "base/err.h"
#include "benchctl/foreign.h"
#include "procedures/engine/compile.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const char *const fuzz_corpus = "procimport";

/* The program of a list; false: it is too large for the engine's tables. */
static bool compile_list(const struct foreign *f, enum foreign_form form, struct conf_doc *doc,
                         struct program *ret)
{
    struct compile_input in = {.procedure = doc};
    struct text yaml = {0};
    struct diag d;
    int rc;

    diag_init(&d);
    foreign_to_yaml(f, form, "fuzz", "fuzz.in", &yaml, &d);
    ASSERT(conf_load_text("fuzz.yaml", yaml.p, yaml.n, doc, &d) == 0);
    text_done(&yaml);
    rc = program_compile(&in, ret, NULL, &d);
    ASSERT(rc == 0 || rc == E_FULL);
    return rc == 0;
}

static void there_and_back(const struct program *p, const struct conf_doc *doc,
                           enum foreign_form form)
{
    struct conf_doc doc_again = {0};
    struct foreign out, again;
    struct program q;
    struct text text = {0};
    struct diag d;

    diag_init(&d);
    ASSERT(foreign_from_program(p, doc, form, false, &out, &d) == 0);
    ASSERT(foreign_write(&out, form, "fuzz", &text, &d) == 0);
    ASSERT(foreign_read(form, "again", text.p, text.n, &again, &d) == 0);
    if (compile_list(&again, form, &doc_again, &q)) {
        ASSERT(memcmp(p->hash, q.hash, sizeof(q.hash)) == 0);
        program_done(&q);
    }
    conf_done(&doc_again);
    text_done(&text);
    foreign_done(&again);
    foreign_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum foreign_form form;
    struct conf_doc doc = {0};
    struct foreign f;
    struct program p;
    struct diag d;

    if (n == 0)
        return 0;
    form = data[0] % 2 == 0 ? FOREIGN_PYBAMM : FOREIGN_UNICYCLER;
    diag_init(&d);
    (void)foreign_guess((const char *)data + 1, n - 1);
    if (foreign_read(form, "fuzz.in", (const char *)data + 1, n - 1, &f, &d) < 0) {
        ASSERT(diag_has_errors(&d));
        return 0;
    }
    if (compile_list(&f, form, &doc, &p)) {
        there_and_back(&p, &doc, form);
        program_done(&p);
    }
    conf_done(&doc);
    foreign_done(&f);
    return 0;
}
