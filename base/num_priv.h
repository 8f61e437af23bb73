/* base/num_priv.h - the C locale for the few calls of the C library that depend on one. */
#ifndef BASE_NUM_PRIV_H
#define BASE_NUM_PRIV_H

#include <locale.h>

struct c_locale {
    locale_t c, old;
};

/* Between the two the calling thread, and only it, works in the C locale. */
void c_locale_enter(struct c_locale *l);
void c_locale_leave(struct c_locale *l);

#endif
