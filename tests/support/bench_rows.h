/* tests/support/bench_rows.h - channels of the generic drivers for the tests that run every driver:
 * the keys of a bench file stand in tests/wire/NAME.yaml, or in another folder that the test says. */
#ifndef TESTS_SUPPORT_BENCH_ROWS_H
#define TESTS_SUPPORT_BENCH_ROWS_H

#include "base/conf.h"
#include "base/str.h"
#include "drivers/driver.h"

#include <check.h>
#include <stdlib.h>

/* Loaded once for each driver and kept: instruments point into it. One folder a process. */
static inline struct conf_doc *bench_rows_in(const struct driver *d, const char *folder)
{
    static struct conf_doc docs[4];
    static const struct driver *of[4];
    const char *root = getenv("srcdir");
    char path[512], story[512];
    struct diag diag;

    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        if (of[i] == d)
            return &docs[i];
        if (of[i] != NULL)
            continue;
        ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/%s/%s.yaml",
                                 root != NULL ? root : ".", folder, d->name),
                         0);
        for (char *c = strrchr(path, '/'); *c != '\0'; c++) /* named as the driver's file */
            *c = *c == '-' ? '_' : *c;
        diag_init(&diag);
        if (conf_load_file(path, &docs[i], &diag) < 0) {
            (void)diag_format(&diag, story, sizeof(story), false);
            ck_abort_msg("%s", story);
        }
        of[i] = d;
        return &docs[i];
    }
    ck_abort_msg("no room for the rows of %s", d->name);
}

static inline struct conf_doc *bench_rows_doc(const struct driver *d)
{
    return bench_rows_in(d, "tests/wire");
}

/* As a bench file does it: parameters, then channels. param is param_size bytes with the defaults.
 */
static inline void bench_rows_make(struct inst *inst, void *param, const struct conf_node *keys,
                                   struct conf_doc *doc)
{
    const struct driver *d = inst->driver;
    char story[512];
    struct diag diag;
    int r;

    diag_init(&diag);
    r = conf_apply(keys, d->params, param, doc, &diag);
    if (r == 0)
        r = d->make_chans(inst, param, conf_get(keys, d->chans_key), doc, &diag);
    (void)diag_format(&diag, story, sizeof(story), false);
    ck_assert_msg(r == 0, "%s", story);
}

#endif
