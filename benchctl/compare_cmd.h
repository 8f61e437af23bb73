/* benchctl/compare_cmd.h - `benchctl compare` between reading (compare_side.c), telling
 * (compare_show.c) and drawing (compare_plot.c).
 */
#ifndef BENCHCTL_COMPARE_CMD_H
#define BENCHCTL_COMPARE_CMD_H

#include "analysis/compare.h"
#include "benchctl/look.h"
#include "benchctl/model_band.h"

/* Something that was recorded, and where from: a run, or a file of another cycler. */
struct side {
    struct recording r;
    char title[160];          /* "run 12  formation, article ASSB-017", "cell.csv" */
    char data[16 + 64];       /* "rows sha256 ..", "file sha256 .."; "" while a run goes on */
    char base[LOOK_PATH_MAX]; /* where its pictures go, without an ending */
    int64_t number;           /* of a run; 0 */
    uint64_t seed;            /* of a rehearsal; 0 */
};
/* 0 or an exit code after the message. ret is for side_done(). */
int side_open(const struct args *a, const char *word, struct side *ret);
/* A file of another cycler. */
int side_import(const struct args *a, const char *path, struct side *ret);
void side_done(struct side *s);

struct comparison {
    struct side mine, other; /* other: where no model is */
    bool has_model;
    struct cell_model model;
    char model_path[MODEL_PATH_MAX];
    struct compare_model how;
    struct compare c;
};

int compare_print(const struct args *a, const struct comparison *x, const char *picture);
int compare_print_json(const struct comparison *x);
int compare_print_csv(const struct comparison *x);
struct picture;
void compare_picture(const struct comparison *x, struct picture *ret);

#endif
