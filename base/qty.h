/* base/qty.h - quantities: a number with its unit, at the borders only (files, command line,
 * messages). Inside the house everything is SI double with the unit in the name.
 *
 * Units are parsed by udunits2 (loaded on first use), after the C-rate grammar: `C/10`, `2C`,
 * `0.75C` (there C is not coulomb). Ah, Wh, ohm, degC, percent, l/min (reference state stated
 * elsewhere) and psi are mapped here.
 */
#ifndef BASE_QTY_H
#define BASE_QTY_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exponents of the base units. crate: C-rate (1/h of a capacity not yet known). */
struct dims {
    int8_t m, kg, s, a, k, mol, crate, pad;
};

/* DIM_x initialises a field of a static table (a compound literal is no constant there); DIMS_x is
 * the same as a value. */
#define DIM_NONE \
    {            \
        0        \
    }
#define DIM_TIME \
    {            \
        .s = 1   \
    }
#define DIM_VOLTAGE                       \
    {                                     \
        .m = 2, .kg = 1, .s = -3, .a = -1 \
    }
#define DIM_CURRENT \
    {               \
        .a = 1      \
    }
#define DIM_CHARGE     \
    {                  \
        .a = 1, .s = 1 \
    }
#define DIM_POWER                \
    {                            \
        .m = 2, .kg = 1, .s = -3 \
    }
#define DIM_ENERGY               \
    {                            \
        .m = 2, .kg = 1, .s = -2 \
    }
#define DIM_RESISTANCE                    \
    {                                     \
        .m = 2, .kg = 1, .s = -3, .a = -2 \
    }
#define DIM_TEMPERATURE \
    {                   \
        .k = 1          \
    }
#define DIM_PRESSURE              \
    {                             \
        .m = -1, .kg = 1, .s = -2 \
    }
#define DIM_FORCE                \
    {                            \
        .m = 1, .kg = 1, .s = -2 \
    }
#define DIM_AREA \
    {            \
        .m = 2   \
    }
#define DIM_LENGTH \
    {              \
        .m = 1     \
    }
#define DIM_MASS \
    {            \
        .kg = 1  \
    }
#define DIM_CRATE  \
    {              \
        .crate = 1 \
    }
#define DIM_CURRENT_DENSITY \
    {                       \
        .a = 1, .m = -2     \
    }

#define DIMS_NONE            ((struct dims)DIM_NONE)
#define DIMS_TIME            ((struct dims)DIM_TIME)
#define DIMS_VOLTAGE         ((struct dims)DIM_VOLTAGE)
#define DIMS_CURRENT         ((struct dims)DIM_CURRENT)
#define DIMS_CHARGE          ((struct dims)DIM_CHARGE)
#define DIMS_POWER           ((struct dims)DIM_POWER)
#define DIMS_ENERGY          ((struct dims)DIM_ENERGY)
#define DIMS_RESISTANCE      ((struct dims)DIM_RESISTANCE)
#define DIMS_TEMPERATURE     ((struct dims)DIM_TEMPERATURE)
#define DIMS_PRESSURE        ((struct dims)DIM_PRESSURE)
#define DIMS_FORCE           ((struct dims)DIM_FORCE)
#define DIMS_AREA            ((struct dims)DIM_AREA)
#define DIMS_LENGTH          ((struct dims)DIM_LENGTH)
#define DIMS_MASS            ((struct dims)DIM_MASS)
#define DIMS_CRATE           ((struct dims)DIM_CRATE)
#define DIMS_CURRENT_DENSITY ((struct dims)DIM_CURRENT_DENSITY)

bool dims_equal(struct dims a, struct dims b);
struct dims dims_mul(struct dims a, struct dims b);
struct dims dims_div(struct dims a, struct dims b);
/* "voltage", "current", "temperature", "pressure rate" ... or "m2 kg s-3" for the unnamed; into
 * buf, returns buf. */
const char *dims_name(struct dims d, char *buf, size_t size);

struct qty {
    double si; /* value in SI; a C-rate in 1/h (2C = 2, C/10 = 0.1); a plain number as it is */
    struct dims dims;
    bool point;    /* a temperature given as a place on the scale (degC), not as a difference */
    char unit[24]; /* as written, for messages; "" for plain numbers */
};

struct diag;
struct diag_pos;

/* "4.25 V", "-20 degC", "C/10", "0.5 MPa/min", "500 ohm/V", "90 %", "12 h", "0.05", "1 h 30 min"
 * (no), "5.1 kW". The blank between number and unit is optional. Whole text or an error: E_SYNTAX
 * (no number), E_UNIT (unknown unit, hint with the nearest). pos: where the text stands (may be
 * NULL); it is narrowed to the offending part. */
int qty_parse(const char *text, size_t n, const struct diag_pos *pos, struct qty *ret,
              struct diag *reterr) MUST_USE;

/* Only the unit: scale and offset so that si = number * scale + offset. E_UNIT, or E_IO when
 * udunits2 has no data. sccm and slm are volume flows like l/min. `C` alone is the C-rate; coulomb
 * is `A s`. */
int unit_parse(const char *unit, size_t n, double *ret_scale, double *ret_offset,
               struct dims *ret_dims) MUST_USE;

/* A printed value with a sensible unit and prefix for its dimension, 4 significant digits: "9.61
 * mAh", "60.0 degC", "5.00 MPa", "1 h 12", "22.4 ohm" (a fourth digit that is 0 is left out). NaN
 * is "unknown". charge prints in Ah, energy in Wh, temperature in degC when point. Returns buf.
 * Locale-free. */
const char *qty_print(double si, struct dims d, bool point, char *buf, size_t size);
/* The same in a given display unit, e.g. "mAh". */
int qty_print_in(double si, const char *unit, int significant, char *buf, size_t size) MUST_USE;

#endif
