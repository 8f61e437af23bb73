/* benchctl/uris.c - see uris.h. */
#include "benchctl/uris.h"

#include <string.h>
#include <unistd.h>

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

int at_hand_open(struct at_hand *h, const struct args *a, const struct bench *b, struct diag *reterr)
{
    h->lock_fd = -1;
    if (!args_get(a, "--links") && b->n_buses > 0 && strcmp(b->bus[0].link, "sim:") == 0) {
        return rig_open(&h->rig, b, 0, reterr);
    }
    struct uris uris;
    int r = uris_of(a, b, &uris, reterr);
    r = r < 0 ? r : bench_lock(a->lab, b->name, 1.0, &h->lock_fd, reterr);
    r = r < 0 ? r : rig_open_live(&h->rig, b, &h->live, uris.uri, 1.0, reterr);
    if (r < 0) {
        at_hand_close(h);
    }
    return r;
}

void at_hand_close(struct at_hand *h)
{
    live_close(&h->live);
    rig_close(&h->rig);
    if (h->lock_fd >= 0) {
        close(h->lock_fd);
    }
    h->lock_fd = -1;
}
