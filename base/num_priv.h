/* base/num_priv.h - numbers to text, what the files of it share: the C locale for the few calls of
 * the C library that depend on one, and the way around them. */
#ifndef BASE_NUM_PRIV_H
#define BASE_NUM_PRIV_H

#include <locale.h>
#include <stddef.h>

struct c_locale {
    locale_t c, old;
};

/* Between the two the calling thread, and only it, works in the C locale. */
void c_locale_enter(struct c_locale *l);
void c_locale_leave(struct c_locale *l);

/* The shortest text of v, 25 bytes at most, without NUL; its length. 0: v is not one of those it
 * can do (very small, very large, not finite). */
size_t num_shortest(double v, char *out);

#endif
