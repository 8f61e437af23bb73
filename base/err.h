/* base/err.h - one table of error codes, and the assertion that stays in release builds.
 *
 * Functions return 0 or a count, or a negative code from here. The human story travels beside it in
 * a struct diag (base/diag.h). ASSERT is for our own bugs only: whatever comes from a wire, a file,
 * a disk or a person is an error path.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum {
    E_INVALID = -1, /* bad input from a person or a file */
    E_SYNTAX = -2,  /* it cannot be parsed */
    E_UNIT = -3,    /* the wrong quantity or an unknown unit */
    E_RANGE = -4,   /* outside the allowed range */
    E_NOENT = -5,   /* no such thing */
    E_IO = -6,      /* the operating system or a disk said no */
    E_FULL = -7,    /* a bounded table or buffer has no room */
    E_NOMEM = -8,
    E_TIMEOUT = -9,   /* nothing came */
    E_GARBLED = -10,  /* something came that is not what was asked for */
    E_LOST = -11,     /* link down */
    E_REFUSED = -12,  /* the instrument said no */
    E_MISMATCH = -13, /* it holds another value than it was given */
    E_NOT_MINE = -14, /* not for this function; ask the next one */
    E_BUSY = -15,
    E_VERSION = -16,     /* written by another version */
    E_CORRUPT = -17,     /* a file or a block is damaged */
    E_STATE = -18,       /* not possible in this state */
    E_UNSUPPORTED = -19, /* known, but not offered here */
    E_EXISTS = -20,
    E_AGAIN = -21, /* incomplete: give more bytes */
};

/* "out of range" for E_RANGE; never NULL. */
const char *err_text(int code);

/* A hook runs first when an assertion fails: the safe state (installed by main), or a test's way
 * out. It may not return (longjmp). Returns the hook that was there. */
typedef void assert_hook(const char *condition, const char *file, int line);
assert_hook *assert_set_hook(assert_hook *hook);

/* Calls the hook, prints file, line and the condition to stderr and aborts. */
_Noreturn void assert_failed(const char *condition, const char *file, int line);
#define ASSERT(c) ((c) ? (void)0 : assert_failed(#c, __FILE__, __LINE__))

#endif
