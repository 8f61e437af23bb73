/* base/str.h - numbers and text without locale, without surprise.
 *
 * Parsers take the whole text or refuse it. Printers give the shortest text that reads back the
 * same.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal point '.', optional sign and exponent, no hex, no inf or nan, no blanks. 0 or E_SYNTAX /
 * E_RANGE. Fast path for the short numbers instruments send. */
int str_to_double(const char *text, size_t n, double *ret_value) MUST_USE;
int str_to_int(const char *text, size_t n, int64_t *ret_value) MUST_USE;

/* Shortest decimal that reads back to the same double ("0.1", "1e-06", "nan"). buf of at least 32.
 * Returns length. */
size_t str_from_double(double v, char *buf, size_t size);

/* Fixed decimals as printf("%+0*.*f") would in the C locale, but fast: for emulators. width 0:
 * none; plus: always a sign. */
size_t str_fixed(double v, int decimals, int width, bool plus, bool zero_pad, char *buf,
                 size_t size);

/* snprintf that says whether it fitted: 0 or E_FULL (still terminated). Locale-free for integers
 * and strings; do not print doubles with it in files that are compared. */
int str_fmt(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4) MUST_USE;
/* Copy with truncation; true when it fitted. */
bool str_copy(char *buf, size_t size, const char *text);

bool str_starts(const char *text, const char *prefix);
/* Edit distance up to `most`+1, for "did you mean". */
unsigned str_distance(const char *a, const char *b, unsigned most);
/* Nearest of a NULL-terminated list within a third of the length, or NULL. */
const char *str_nearest(const char *word, const char *const *list);

/* Growing text, heap-owned, for output that is printed once (cmd_*.c, reports). */
struct text {
    char *p;
    size_t n, size;
};
void text_add(struct text *t, const char *fmt, ...) PRINTF(2, 3);
void text_add_n(struct text *t, const char *p, size_t n);
void text_done(struct text *t);

/* Whole file into memory (heap, NUL added); E_NOENT, E_IO, or E_RANGE above max bytes. */
int file_read(const char *path, size_t max, char **ret_text, size_t *ret_n) MUST_USE;
/* Write beside and rename, so that a reader sees the old file or the new. */
int file_write(const char *path, const char *text, size_t n) MUST_USE;

/* SHA-256 (nettle): 32 bytes, and as 64 lower-case hex digits + NUL. */
struct sha256 {
    uint64_t opaque[16]; /* at least sizeof(struct sha256_ctx); checked in str.c */
};
void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *p, size_t n);
void sha256_end(struct sha256 *h, uint8_t ret_digest[32]);
void sha256_hex(const uint8_t digest[32], char ret_hex[65]);

#endif
