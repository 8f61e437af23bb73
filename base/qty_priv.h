/* base/qty_priv.h - what reading and printing of quantities share. */
#ifndef BASE_QTY_PRIV_H
#define BASE_QTY_PRIV_H

#include "base/qty.h"

#include <stddef.h>

/* "m2 kg s-3"; empty for a plain number. */
void dims_unit(struct dims d, char *buf, size_t size);
/* The unit that a person would write, "V" for a voltage, "degC" for a point of temperature; NULL
 * for the unnamed. */
const char *dims_usual_unit(struct dims d, bool point);
/* Where the number that begins at p ends; p when none begins there. */
const char *qty_number_end(const char *p, const char *end);

#endif
