/* benchctl/channelsfile.c - channels that the bench file gives to a generic driver: a list in
 * place, or a file that holds it.
 */
#include "benchctl/bench_priv.h"

/* A file that holds the list of channels. One that cannot be read is a finding in the bench file,
 * what is wrong in it a finding there. */
static int load_channels(struct bench *b, const struct conf_node *name, struct conf_doc **ret_doc,
                         struct diag *reterr)
{
    const char *path = path_beside(&b->arena, b->doc.file, name->text);
    struct diag why;
    diag_init(&why);
    if (b->n_rows_docs == BENCH_INSTS_MAX) {
        return diag_at(reterr, E_FULL, &name->pos, "more than %d files of channels",
                       BENCH_INSTS_MAX);
    }
    struct conf_doc *doc = &b->rows_doc[b->n_rows_docs];
    int r = conf_load_file(path, doc, &why);
    if (r == E_NOENT || r == E_IO) {
        return diag_at(reterr, r, &name->pos, "%s: %s", path, err_text(r));
    }
    if (r < 0) {
        return conf_load_file(path, doc, reterr);
    }
    b->n_rows_docs++;
    if (!doc->root) {
        return diag_at(reterr, E_INVALID, &name->pos, "%s is empty", path);
    }
    *ret_doc = doc;
    return 0;
}

/* The channels that the bench file gives: a list, or the name of a file with the list. */
int channels_read(struct bench *b, struct bench_inst *inst, const struct conf_node *own,
                  void *param, struct diag *reterr)
{
    const struct driver *d = inst->driver;
    const struct conf_node *list = d->make_chans ? conf_get(own, d->chans_key) : NULL;
    struct conf_doc *doc = &b->doc;
    if (!list) {
        return 0; /* no such driver; or the key is missing, which was said */
    }
    if (list->kind == CONF_SCALAR) {
        int r = load_channels(b, list, &doc, reterr);
        if (r < 0) {
            return r;
        }
        list = doc->root;
    }
    return d->make_chans(&inst->inst, param, list, doc, reterr);
}
