/* benchctl/uris.c - see uris.h. */
#include "benchctl/uris.h"

#include <string.h>

int uris_of(const struct args *a, const struct bench *b, struct uris *ret, struct diag *reterr)
{
    const char *file = args_get(a, "--links");
    memset(ret, 0, sizeof *ret);
    int r = file ? links_load(file, &ret->links, reterr) : 0;
    for (uint8_t k = 0; k < b->n_buses && r == 0; k++) {
        const char *other = links_find(&ret->links, b->bus[k].name);
        ret->uri[k] = other ? other : b->bus[k].link;
        if (strcmp(ret->uri[k], "sim:") == 0) {
            r = diag_add(reterr, E_UNSUPPORTED, "bus `%s` is `sim:`: it has no wire", b->bus[k].name);
            diag_hint(reterr, "rehearse with benchctl sim, or give --links FILE of benchctl emu");
        }
    }
    return r;
}
