/* base/err.c - the words for error codes, and the end of a program that has a bug. */
#include "base/err.h"

#include "base/attr.h"

#include <stdio.h>
#include <stdlib.h>

/* One per process by its nature: an assertion fails where no context can be handed down. */
static assert_hook *hook_at_end;

const char *err_text(int code)
{
    static const char *const texts[] = {
        [0] = "no error",
        [-E_INVALID] = "bad input",
        [-E_SYNTAX] = "cannot be parsed",
        [-E_UNIT] = "wrong quantity or unknown unit",
        [-E_RANGE] = "out of range",
        [-E_NOENT] = "no such thing",
        [-E_IO] = "input or output failed",
        [-E_FULL] = "no room left",
        [-E_NOMEM] = "out of memory",
        [-E_TIMEOUT] = "time-out",
        [-E_GARBLED] = "garbled answer",
        [-E_LOST] = "link lost",
        [-E_REFUSED] = "refused by the instrument",
        [-E_MISMATCH] = "another value is set than was asked for",
        [-E_NOT_MINE] = "not handled here",
        [-E_BUSY] = "busy",
        [-E_VERSION] = "written by another version",
        [-E_CORRUPT] = "damaged",
        [-E_STATE] = "not possible in this state",
        [-E_UNSUPPORTED] = "not offered here",
        [-E_EXISTS] = "exists already",
        [-E_AGAIN] = "incomplete",
    };

    if (code > 0 || code <= -(int)ARRAY_LEN(texts) || !texts[-code])
        return "unknown error";
    return texts[-code];
}

assert_hook *assert_set_hook(assert_hook *hook)
{
    assert_hook *old = hook_at_end;

    hook_at_end = hook;
    return old;
}

_Noreturn void assert_failed(const char *condition, const char *file, int line)
{
    /* Taken out first: a hook that fails itself must not be entered again. */
    assert_hook *hook = assert_set_hook(NULL);

    if (hook)
        hook(condition, file, line);
    fprintf(stderr, "<2>level=bug file=%s line=%d condition=\"%s\"\n", file, line, condition);
    abort();
}
