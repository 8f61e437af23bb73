/* drivers/wire/scpi.h - IEEE 488.2 / SCPI: headers with abbreviations, parameters, the special numbers. No I/O.
 *
 * Emulators parse commands with it, drivers parse replies.
 */
#ifndef DRIVERS_WIRE_SCPI_H
#define DRIVERS_WIRE_SCPI_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

/* Does the header `got` (n bytes, without parameters; with '?' if a query) match the pattern? Pattern: "SOURce:VOLTage[:LEVel]:ILIMit?":
 * upper case letters are the short form, the whole word the long form, either case is accepted, parts in [] may be left out, a leading ':' is ignored,
 * "[1]" after a word accepts an optional channel suffix 1. */
bool scpi_match(const char *pattern, const char *got, size_t n);

/* Split one program message at ';' outside quotes and blocks. A unit that starts with ':' or '*' or is the first stands at the root; any other
 * continues at the path of the unit before, which a '*' unit leaves alone. Empty units are passed over. */
struct scpi_unit {
    char header[96];       /* full header, path already put before it, upper case, with '?' */
    const char *params;    /* start of the parameters in the message, "" when none */
    size_t n_params;       /* length */
    bool query;
};
struct scpi_parser {
    const char *at;        /* rest of the message */
    char path[96];
};
void scpi_begin(struct scpi_parser *p, const char *message);
/* 1: a unit; 0: end; E_SYNTAX: header too long or broken, quote left open, block cut short. The bad unit is consumed. */
int scpi_next(struct scpi_parser *p, struct scpi_unit *ret_unit) MUST_USE;

/* Next comma-separated parameter without blanks around it; quotes are kept, and commas in quotes, blocks and (@1,2) do not split. Nothing after
 * a last comma is no parameter. */
bool scpi_param(const char **params, size_t *n, const char **ret_param, size_t *ret_n);

/* A number of a reply or a parameter: NR1, NR2, NR3. 9.9E37 reads +INFINITY, -9.9E37 -INFINITY, 9.91E37 NaN. E_SYNTAX else. */
int scpi_number(const char *text, size_t n, double *ret_value) MUST_USE;
int scpi_bool(const char *text, size_t n, bool *ret_value) MUST_USE;
/* NR3 with 7 significant digits as instruments send: "+1.234567E-03"; infinities and NaN as above. Up to 14
 * characters and the NUL. */
size_t scpi_print(double v, char *buf, size_t size);

#endif
