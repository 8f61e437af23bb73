/* base/file.c - whole files in and out. */
#include "base/str.h"

#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096
};

/* Up to max + 1 bytes, so that a file that is too long shows as one. */
static int read_all(int fd, size_t max, struct text *t)
{
    char chunk[16384];

    while (t->n <= max) {
        ssize_t got = read(fd, chunk, sizeof(chunk));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return E_IO;
        if (got == 0)
            return 0;
        text_add_n(t, chunk, (size_t)got);
    }
    return E_RANGE;
}

int file_read(const char *path, size_t max, char **ret_text, size_t *ret_n)
{
    struct text t = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? E_NOENT : E_IO;
    rc = read_all(fd, max, &t);
    close(fd);
    if (rc == 0 && t.n > max)
        rc = E_RANGE;
    if (rc < 0) {
        text_done(&t);
        return rc;
    }
    text_add_n(&t, "", 1);
    *ret_n = t.n - 1;
    *ret_text = t.p;
    return 0;
}

static int write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, text, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return E_IO;
        text += put;
        n -= (size_t)put;
    }
    return fsync(fd) == 0 ? 0 : E_IO;
}

/* A rename is durable only when its folder is. */
static int sync_folder(const char *path)
{
    char folder[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 0;
    int fd, rc;

    snprintf(folder, sizeof(folder), "%.*s", n, path);
    fd = open(n > 0 ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return E_IO;
    rc = fsync(fd) == 0 || errno == EINVAL ? 0 : E_IO;
    close(fd);
    return rc;
}

int file_write(const char *path, const char *text, size_t n)
{
    char beside[PATH_SIZE];
    int fd, rc;

    if (str_fmt(beside, sizeof(beside), "%s.%ld.new", path, (long)getpid()) < 0)
        return E_FULL;
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? E_NOENT : E_IO;
    rc = write_all(fd, text, n);
    if (close(fd) != 0)
        rc = E_IO;
    if (rc == 0 && rename(beside, path) != 0)
        rc = E_IO;
    if (rc < 0) {
        unlink(beside);
        return rc;
    }
    return sync_folder(path);
}
