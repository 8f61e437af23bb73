/* Runs kept inputs through a fuzz entry point, so that `make check` needs no fuzzer.
 *
 * Arguments: files and folders. Without any: $srcdir/tests/fuzz/corpus/NAME, NAME being that of the
 * entry point linked.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20, PATH_SIZE = 4096 };

static bool run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *all = malloc(INPUT_MAX);
    bool ok = false;

    if (f != NULL && all != NULL) {
        size_t n = fread(all, 1, INPUT_MAX, f);
        /* a copy of exactly this size, so that a sanitizer sees one byte too far */
        uint8_t *data = malloc(n > 0 ? n : 1);

        if (ferror(f) == 0 && data != NULL) {
            memcpy(data, all, n);
            (void)LLVMFuzzerTestOneInput(data, n);
            ok = true;
        }
        free(data);
    }
    if (!ok)
        fprintf(stderr, "cannot read %s\n", path);
    free(all);
    if (f != NULL)
        (void)fclose(f);
    return ok;
}

static bool run_folder(const char *path, unsigned *files)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool ok = true;

    if (dir == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        return false;
    }
    while ((entry = readdir(dir)) != NULL) {
        char name[PATH_SIZE];
        struct stat st;
        int n = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (n < 0 || (size_t)n >= sizeof(name) || stat(name, &st) != 0) {
            fprintf(stderr, "cannot read %s in %s\n", entry->d_name, path);
            ok = false;
        } else if (S_ISREG(st.st_mode)) {
            ok = run_file(name) && ok;
            (*files)++;
        }
    }
    (void)closedir(dir);
    return ok;
}

static bool run_path(const char *path, unsigned *files)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return run_folder(path, files);
    (*files)++;
    return run_file(path);
}

int main(int argc, char **argv)
{
    unsigned files = 0;
    bool ok = true;

    for (int i = 1; i < argc; i++)
        ok = run_path(argv[i], &files) && ok;
    if (argc < 2) {
        const char *srcdir = getenv("srcdir");
        char path[PATH_SIZE];
        int n = snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s",
                         srcdir != NULL ? srcdir : ".", fuzz_corpus);

        ok = n > 0 && (size_t)n < sizeof(path) && run_path(path, &files);
    }
    printf("%s: %u inputs\n", fuzz_corpus, files);
    return ok && files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
