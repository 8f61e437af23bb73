/* analysis/bdf.h - the Battery Data Format (ontology 1.3.0): its columns, and a run written as
 * such.
 *
 * A BDF file is CSV with fixed columns and units; what is known beside the rows stands in a JSON
 * file next to it, in the records of BattINFO. Charge current is positive there too. Numbers are
 * written so that they read back to the very value of the run file; a temperature so that it does
 * after + 273.15.
 */
#ifndef ANALYSIS_BDF_H
#define ANALYSIS_BDF_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct run_file;

enum bdf_level {
    BDF_REQUIRED,
    BDF_RECOMMENDED,
    BDF_OPTIONAL
};

struct bdf_term {
    const char *label; /* "Voltage / V" */
    const char *name;  /* "voltage_volt" */
    enum bdf_level level;
};
extern const struct bdf_term bdf_terms[]; /* ends with label NULL */

enum bdf_spelling {
    BDF_LABEL,     /* the preferred label */
    BDF_NAME,      /* the machine name */
    BDF_DEPRECATED /* label or name of an earlier ontology */
};
/* The term of a column header, its present-day form; NULL when it is none of BDF's. */
const struct bdf_term *bdf_find(const char *header, enum bdf_spelling *ret_spelling);

struct bdf_written {
    uint64_t rows, bytes;
    char sha256[65];
};
/* All rows of a run, a piece of text at a time. Columns that BDF has no term for come last under
 * "channel / unit". put: negative ends it and is handed on. E_NOENT: no voltage or no current. */
int bdf_write(struct run_file *f, int (*put)(void *ctx, const char *text, size_t n), void *ctx,
              struct bdf_written *ret, struct diag *reterr) MUST_USE;

/* The JSON beside it. file: name of the BDF file without its folder. Heap. */
int bdf_sidecar(struct run_file *f, const char *file, const struct bdf_written *written,
                char **ret_json, struct diag *reterr) MUST_USE;

/* The shortest decimal in degC that gives the very same kelvin again. buf of at least 32. */
void bdf_celsius(double k, char *buf, size_t size);

#endif
