/* analysis/bdf_sidecar.c - what is known beside the rows of a BDF file, as BattINFO records. */
#include "analysis/bdf.h"

#include "analysis/sheet.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    IRI_MAX = 96
};
static const char schema_version[] = "1.0.0";

/* An identifier in BattINFO's spelling: four groups of four base-32 digits without i, l, o, u. It
 * follows from what it names, so that the same run exported twice is the same test. */
static const char *iri(const char *entity, const char *what, char *buf)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    struct sha256 h;
    uint8_t d[32];
    char id[20];
    unsigned n = 0, rc;

    sha256_init(&h);
    sha256_add(&h, entity, strlen(entity) + 1);
    sha256_add(&h, what, strlen(what));
    sha256_end(&h, d);
    for (unsigned i = 0; i < 16; i++) {
        unsigned bit = 5 * i, word = (unsigned)d[bit / 8] << 8 | d[bit / 8 + 1];

        if (i > 0 && i % 4 == 0) {
            id[n++] = '-';
        }
        id[n++] = digits[word >> (11 - bit % 8) & 31U];
    }
    id[n] = '\0';
    rc = (unsigned)str_fmt(buf, IRI_MAX, "https://w3id.org/battinfo/%s/%s", entity, id);
    (void)rc; /* all entities fit */
    return buf;
}

static json_int_t whole_seconds(nsec t)
{
    return (json_int_t)(t / NSEC_S);
}

/* What BattINFO calls this kind of test, by the words of the procedure's name. */
static const char *kind_of(const char *procedure)
{
    static const struct {
        const char *word, *kind;
    } kinds[] = {
        {"formation", "formation"      },
        {"capacity",  "capacity_check" },
        {"hppc",      "hppc"           },
        {"gitt",      "gitt"           },
        {"ici",       "ici"            },
        {"dcir",      "dcir"           },
        {"rate",      "rate_capability"},
        {"eis",       "eis"            },
        {"ocv",       "quasi_ocv"      },
        {"wltp",      "wltp"           },
        {"drive",     "duty_cycle"     },
    };
    char word[64];

    for (const char *p = procedure; *p;) {
        size_t n = strcspn(p, "-_ ./");

        if (n > 0 && n < sizeof(word)) {
            memcpy(word, p, n);
            word[n] = '\0';
            for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                if (strcmp(kinds[i].word, word) == 0) {
                    return kinds[i].kind;
                }
            }
        }
        p += n + (p[n] != '\0');
    }
    return "cycling";
}

static json_t *provenance(const struct run_info *r)
{
    return json_pack("{s:s, s:I, s:s, s:s}", "source_type",
                     r->is_virtual ? "simulation" : "measurement", "retrieved_at",
                     whole_seconds(r->wall_start + r->duration), "source_name", "benchctl",
                     "workflow_version", r->build);
}

/* ---- The test ---- */

static const char *status_of(const struct run_info *r)
{
    if (!r->ended) {
        return "running";
    }
    return str_starts(r->verdict, "trip") || str_starts(r->verdict, "abort") ||
                   str_starts(r->verdict, "fail")
               ? "aborted"
               : "completed";
}

static json_t *conformance(const struct run_info *r)
{
    const char *category = str_starts(r->verdict, "trip")    ? "out_of_tolerance"
                           : str_starts(r->verdict, "abort") ? "operator_intervention"
                                                             : "equipment_failure";
    json_t *o;

    if (!r->ended) {
        return json_pack("{s:s}", "status", "unknown");
    }
    if (strcmp(status_of(r), "completed") == 0) {
        return json_pack("{s:s}", "status", "conformant");
    }
    o = json_pack("{s:s, s:[{s:s, s:s}]}", "status", "non-conformant", "deviations", "category",
                  category, "description", r->text[0] ? r->text : r->cause);
    if (r->cause[0]) {
        json_object_set_new(o, "note", json_string(r->cause));
    }
    return o;
}

struct sources {
    json_t *artifacts;
    bool header;
};

static int on_source(void *ctx, unsigned n, const char *const *cells)
{
    struct sources *s = ctx;

    /* id, kind, name, sha256, text */
    if (!s->header && n >= 4) {
        bool procedure = strcmp(cells[1], "procedure") == 0 || strcmp(cells[1], "called") == 0;

        json_array_append_new(
            s->artifacts,
            json_pack("{s:s, s:s, s:s, s:s}", "role", procedure ? "executed_protocol" : "other",
                      "format", procedure ? "benchctl procedure (YAML)" : cells[1], "locator",
                      cells[2][0] ? cells[2] : "unnamed", "sha256", cells[3]));
    }
    s->header = false;
    return 0;
}

static void set_finite(json_t *o, const char *key, double v)
{
    if (isfinite(v)) {
        json_object_set_new(o, key, json_real(v));
    }
}

static json_t *test_record(const struct run_info *r, json_t *artifacts)
{
    char id[IRI_MAX], cell[IRI_MAX], named[400], name[200];
    json_t *conditions = json_object(), *test;
    int rc = str_fmt(named, sizeof(named), "%s %lld %lld %s", r->hash, (long long)r->number,
                     (long long)r->wall_start, r->rows_sha256);

    rc = rc < 0 ? rc
                : str_fmt(name, sizeof(name), "%s, run %lld", r->procedure, (long long)r->number);
    (void)rc; /* the fields of run_info fit */
    set_finite(conditions, "capacity_ah", r->capacity_c / 3600.0);
    set_finite(conditions, "area_m2", r->area_m2);
    json_object_set_new(conditions, "bench", json_string(r->bench));
    json_object_set_new(conditions, "station", json_string(r->station));
    test = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o}", "id", iri("test", named, id),
                     "cell_id", iri("cell", r->article, cell), "name", name, "kind",
                     kind_of(r->procedure), "protocol_name", r->procedure, "status", status_of(r),
                     "started_at", whole_seconds(r->wall_start), "conditions", conditions,
                     "conformance", conformance(r));
    if (r->ended) {
        json_object_set_new(test, "ended_at",
                            json_integer(whole_seconds(r->wall_start + r->duration)));
    }
    if (r->title[0]) {
        json_object_set_new(test, "description", json_string(r->title));
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "schema_version", schema_version, "test", test,
                     "artifacts", artifacts, "provenance", provenance(r));
}

static json_t *cell_record(const struct run_info *r)
{
    char id[IRI_MAX];
    const char *name = r->article[0] ? r->article : "unnamed";

    return json_pack("{s:s, s:{s:s, s:s}, s:{s:s}}", "schema_version", schema_version,
                     "cell_instance", "id", iri("cell", r->article, id), "name", name, "provenance",
                     "source_type", "lab");
}

/* ---- What BattINFO has no word for ---- */

static json_t *columns_json(const struct sheet *s)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < s->n; i++) {
        const struct sheet_column *c = &s->column[i];
        json_t *o = json_pack("{s:s, s:s, s:s}", "channel", c->channel, "unit", c->unit,
                              "instrument", c->instrument);

        set_finite(o, "accuracy_of_reading", c->accuracy_reading);
        set_finite(o, "accuracy_offset", c->accuracy_offset);
        set_finite(o, "resolution", c->resolution);
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *extras(const struct run_info *r, const struct sheet *s,
                      const struct bdf_written *written)
{
    return json_pack("{s:{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o}}", "benchctl",
                     "run", (json_int_t)r->number, "procedure_version", r->version, "verdict",
                     r->verdict, "cause", r->cause, "program_sha256", r->hash, "rows_sha256",
                     r->rows_sha256, "build", r->build, "ontology", "BDF 1.3.0", "rows",
                     (json_int_t)written->rows, "file_sha256", written->sha256, "columns",
                     columns_json(s));
}

int bdf_sidecar(struct run_file *f, const char *file, const struct bdf_written *written,
                char **ret_json, struct diag *reterr)
{
    struct sources sources = {.artifacts = json_array(), .header = true};
    struct sheet *s = NULL;
    struct run_info info;
    json_t *all;
    char *text = NULL;
    int rc = run_info(f, &info, reterr);

    rc = rc < 0 ? rc : run_rows(f, "source", on_source, &sources, reterr);
    if (rc == 0) {
        s = calloc(1, sizeof(*s));
        rc = s ? sheet_open(f, s, reterr) : diag_add(reterr, E_NOMEM, "out of memory");
    }
    if (rc < 0) {
        json_decref(sources.artifacts);
        free(s);
        return rc;
    }
    all = json_pack("{s:o, s:o, s:{s:s}, s:o}", "battinfo_test",
                    test_record(&info, sources.artifacts), "battinfo_cell", cell_record(&info),
                    "bdf", "source", file, "extras", extras(&info, s, written));
    sheet_done(s);
    free(s);
    text = all ? json_dumps(all, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(all);
    if (!text) { /* a name that is no UTF-8, or no memory */
        return diag_add(reterr, E_INVALID, "the names in the run cannot be written as JSON");
    }
    *ret_json = text;
    return 0;
}
