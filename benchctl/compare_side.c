/* benchctl/compare_side.c - one side of a comparison: a run file, or a recording of another cycler.
 */
#include "benchctl/compare_cmd.h"

#include "analysis/import.h"
#include "base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PIECE = 1 << 16
};

static bool is_run(const char *word)
{
    static const char magic[] = "SQLite format 3";
    char head[sizeof(magic)] = "";
    FILE *f = fopen(word, "rb");
    size_t n = f ? fread(head, 1, sizeof(head), f) : 0;

    if (f) {
        fclose(f);
    }
    return !f || (n == sizeof(head) && memcmp(head, magic, sizeof(magic)) == 0);
}

static int file_sha256(const char *path, char ret_hex[65])
{
    FILE *f = fopen(path, "rb");
    char *buf = malloc(PIECE);
    uint8_t sum[32];
    struct sha256 h;
    size_t n = 0;
    int rc = f && buf ? 0 : E_IO;

    sha256_init(&h);
    while (rc == 0 && (n = fread(buf, 1, PIECE, f)) > 0) {
        sha256_add(&h, buf, n);
    }
    rc = rc == 0 && ferror(f) ? E_IO : rc;
    sha256_end(&h, sum);
    sha256_hex(sum, ret_hex);
    free(buf);
    if (f) {
        fclose(f);
    }
    return rc;
}

int side_import(const struct args *a, const char *path, struct side *ret)
{
    struct side s = {.number = 0};
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char hex[65];
    struct diag d;
    int rc;

    diag_init(&d);
    rc = import_recording(path, NULL, &s.r, &d);
    if (rc < 0) {
        return cli_findings(a, &d);
    }
    if (file_sha256(path, hex) < 0 || str_fmt(s.data, sizeof(s.data), "file sha256 %s", hex) < 0) {
        side_done(&s);
        return cli_error(a, EXIT_FILE, "cannot read %s again", path);
    }
    str_copy(s.title, sizeof(s.title), name);
    str_copy(s.base, sizeof(s.base), name); /* here: where the file is nobody may write */
    *ret = s;
    return EXIT_DONE;
}

static int open_run(const struct args *a, const char *word, struct side *ret)
{
    struct side s = {.number = 0};
    struct run_file *f = NULL;
    struct run_info info;
    struct diag d;
    int rc = look_open(a, word, &f, &info, s.base);

    if (rc != EXIT_DONE) {
        return rc;
    }
    diag_init(&d);
    rc = recording_read(f, &s.r, &d);
    run_close(f);
    if (rc < 0) {
        return cli_findings(a, &d);
    }
    s.number = info.number;
    s.seed = info.is_virtual ? info.seed : 0;
    rc = str_fmt(s.title, sizeof(s.title), "run %lld  %s%s%s", (long long)info.number,
                 info.procedure, info.article[0] ? ", article " : "", info.article);
    if (rc == 0 && info.rows_sha256[0]) {
        rc = str_fmt(s.data, sizeof(s.data), "rows sha256 %s", info.rows_sha256);
    }
    (void)rc; /* a long name is cut */
    *ret = s;
    return EXIT_DONE;
}

int side_open(const struct args *a, const char *word, struct side *ret)
{
    bool is_path = word && strpbrk(word, "./");

    if (is_path && access(word, R_OK) < 0) {
        return cli_error(a, EXIT_FILE, "cannot read %s: %s", word, strerror(errno));
    }
    return is_path && !is_run(word) ? side_import(a, word, ret) : open_run(a, word, ret);
}

void side_done(struct side *s)
{
    recording_done(&s->r);
}
