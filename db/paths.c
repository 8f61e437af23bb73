/* db/paths.c - where things are in a lab folder: lab.db and runs/NNNNNN.run. */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/db_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int path_lab(char *buf, size_t size, const char *lab, struct diag *reterr)
{
    if (str_fmt(buf, size, "%s/lab.db", lab) < 0)
        return diag_add(reterr, E_RANGE, "the name of the lab folder is too long");
    return 0;
}

int path_run(char *buf, size_t size, const char *lab, int64_t number, const char *suffix,
             struct diag *reterr)
{
    if (str_fmt(buf, size, "%s/runs/%06lld%s", lab, (long long)number, suffix) < 0)
        return diag_add(reterr, E_RANGE, "the name of the lab folder is too long");
    return 0;
}

/* "000042.run" -> 42; 0: another kind of file. */
static int64_t number_of(const char *name)
{
    size_t n = strlen(name);
    int64_t v = 0;

    if (n < 10 || strcmp(name + n - 4, ".run") != 0)
        return 0;
    for (size_t i = 0; i < n - 4; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
    }
    return str_to_int(name, n - 4, &v) < 0 ? 0 : v;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int read_numbers(DIR *d, int64_t **ret, size_t *ret_n)
{
    int64_t *list = NULL;
    size_t n = 0, size = 0;

    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        int64_t number = number_of(e->d_name);

        if (number <= 0)
            continue;
        if (n == size) {
            int64_t *more = realloc(list, (size + 64) * sizeof(*list));

            if (more == NULL) {
                free(list);
                return E_NOMEM;
            }
            list = more;
            size += 64;
        }
        list[n++] = number;
    }
    if (n > 0)
        qsort(list, n, sizeof(*list), by_number);
    *ret = list;
    *ret_n = n;
    return 0;
}

int path_numbers(const char *lab, int64_t **ret, size_t *ret_n, struct diag *reterr)
{
    char path[DB_PATH_MAX];
    DIR *d;
    int rc;

    if (str_fmt(path, sizeof(path), "%s/runs", lab) < 0)
        return diag_add(reterr, E_RANGE, "the name of the lab folder is too long");
    d = opendir(path);
    if (d == NULL && errno != ENOENT)
        return diag_add(reterr, E_IO, "cannot read %s: %s", path, strerror(errno));
    if (d == NULL) {
        *ret = NULL;
        *ret_n = 0;
        return 0;
    }
    rc = read_numbers(d, ret, ret_n);
    closedir(d);
    return rc < 0 ? diag_add(reterr, rc, "out of memory") : 0;
}

int path_highest(const char *lab, int64_t *ret, struct diag *reterr)
{
    int64_t *list;
    size_t n;
    int rc = path_numbers(lab, &list, &n, reterr);

    if (rc < 0)
        return rc;
    *ret = n > 0 ? list[n - 1] : 0;
    free(list);
    return 0;
}

int path_sync(const char *path, struct diag *reterr)
{
    char folder[DB_PATH_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
    int fd, rc = 0;

    if (slash == NULL)
        str_copy(folder, sizeof(folder), ".");
    else if (str_fmt(folder, sizeof(folder), "%.*s", length, path) < 0)
        return diag_add(reterr, E_RANGE, "the name of the lab folder is too long");
    fd = open(folder, O_RDONLY | O_CLOEXEC);
    /* not every file system can, and one may not be allowed to look into a folder above */
    if (fd >= 0 && fsync(fd) < 0 && (errno == EIO || errno == ENOSPC || errno == EDQUOT))
        rc = diag_add(reterr, errno == EIO ? E_IO : E_FULL, "cannot sync the folder %s: %s", folder,
                      strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

int path_folder(const char *path, struct diag *reterr)
{
    char part[DB_PATH_MAX];

    if (!str_copy(part, sizeof(part), path))
        return diag_add(reterr, E_RANGE, "the name of the lab folder is too long");
    for (size_t i = 1; part[0] != '\0'; i++) {
        char was = part[i];

        if (was != '/' && was != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0777) == 0) {
            int rc = path_sync(part, reterr);

            if (rc < 0)
                return rc;
        } else if (errno != EEXIST) {
            return diag_add(reterr, errno == ENOSPC || errno == EDQUOT ? E_FULL : E_IO,
                            "cannot make the folder %s: %s", part, strerror(errno));
        }
        part[i] = was;
        if (was == '\0')
            break;
    }
    return 0;
}

int path_sha256(const char *path, char ret_hex[65], struct diag *reterr)
{
    uint8_t buf[16384], digest[32];
    struct sha256 h;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return diag_add(reterr, errno == ENOENT ? E_NOENT : E_IO, "cannot read %s: %s", path,
                        strerror(errno));
    sha256_init(&h);
    do {
        n = read(fd, buf, sizeof(buf));
        if (n > 0)
            sha256_add(&h, buf, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    close(fd);
    if (n < 0)
        return diag_add(reterr, E_IO, "cannot read %s: %s", path, strerror(errno));
    sha256_end(&h, digest);
    sha256_hex(digest, ret_hex);
    return 0;
}
