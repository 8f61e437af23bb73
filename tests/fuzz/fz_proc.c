/* A procedure file, compiled open, or with the article and the station of the demo bench: first
 * byte. What compiles and checks stays in the article's window. */
#include "base/err.h"
#include "procedures/engine/check.h"
#include "procedures/engine/compile.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/station_demo.h"

#include <string.h>

const char *const fuzz_corpus = "proc";

static const char article_text[] =
    "article: F\nkind: cell\ncapacity: 9.6 mAh\narea: 2 cm^2\nlimits:\n  voltage: 2.0 V .. 4.4 V\n"
    "  charge_current: .. 6 mA\n  discharge_current: .. 12 mA\n  pressure: 0 MPa .. 10 MPa\n";

static void compile_one(const struct conf_doc *doc, const struct article *article,
                        const struct station_desc *station, struct diag *d)
{
    const struct compile_input in = {.procedure = doc, .article = article, .station = station};
    struct open_list open;
    struct check_report r;
    struct program p;
    int rc = program_compile(&in, &p, &open, d);

    if (rc < 0) {
        ASSERT(diag_has_errors(d));
        return;
    }
    ASSERT(p.n_steps <= PROG_STEPS_MAX && p.n_regs <= PROG_REGS_MAX &&
           p.n_guards <= PROG_GUARDS_MAX);
    for (uint16_t i = 0; i < p.n_steps; i++)
        ASSERT(p.steps[i].depth <= PROG_DEPTH_MAX);
    if (station && program_check(&p, &r, d) == 0) {
        ASSERT(r.charge_max_a <= 6e-3 * (1.0 + 1e-6));
        ASSERT(r.discharge_max_a <= 12e-3 * (1.0 + 1e-6));
        ASSERT(r.pressure_max_pa <= 10e6 * (1.0 + 1e-6));
        ASSERT(!(r.v_max > 4.4 * (1.0 + 1e-6)) && !(r.v_min < 2.0 * (1.0 - 1e-6)));
    }
    program_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct conf_doc doc = {0}, article_doc = {0};
    struct station_desc station;
    struct article article;
    struct diag d;

    if (n == 0)
        return 0;
    diag_init(&d);
    if (conf_load_text("fuzz.yaml", (const char *)data + 1, n - 1, &doc, &d) < 0)
        return 0;
    if (data[0] % 2 == 0) {
        compile_one(&doc, NULL, NULL, &d);
    } else {
        station_demo(&station);
        ASSERT(conf_load_text("a.yaml", article_text, strlen(article_text), &article_doc, &d) == 0);
        ASSERT(article_from_doc(&article_doc, &article, &d) == 0);
        compile_one(&doc, &article, &station, &d);
        article_done(&article);
    }
    conf_done(&doc);
    return 0;
}
