/* drivers/wire/line.h - text lines: finding their ends, taking them apart. No I/O, no allocation.
 *
 * Both sides use it: drivers read replies, emulators read commands.
 */
#ifndef DRIVERS_WIRE_LINE_H
#define DRIVERS_WIRE_LINE_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LINE_MAX_BYTES = 256 };

/* Collects bytes until a terminator of 1 or 2 bytes. Flat. A line longer than LINE_MAX_BYTES is dropped up to its end and `overruns` counted. */
struct line_reader {
    uint16_t n;
    bool skipping;
    bool complete; /* buf holds a whole line: the next byte starts a new one */
    uint32_t overruns;
    char buf[LINE_MAX_BYTES + 2];
};
/* Take one byte. Returns true when a line is complete: text in buf (NUL-terminated, without terminator), length in n; the next call starts anew.
 * NUL and 0x08 padding (old Alicats) is dropped. */
bool line_take(struct line_reader *r, const char *terminator, uint8_t byte);

/* Cut the next field off *text at `sep` (',' or ' '; with ' ' runs of blanks are one separator and leading blanks are skipped).
 * Returns false at the end, where *text points to the NUL. Empty fields between commas are returned with *ret_n 0; nothing after a last comma is no field. */
bool line_field(const char **text, char sep, const char **ret_field, size_t *ret_n);
/* Next field as a number, blanks around it allowed: 0, E_SYNTAX (nothing is consumed then). */
int line_number(const char **text, char sep, double *ret_value) MUST_USE;

#endif
