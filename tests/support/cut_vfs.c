/* tests/support/cut_vfs.c - see cut_vfs.h. */
#include "tests/support/cut_vfs.h"

#include "base/attr.h"
#include "base/rng.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NAMES_MAX = 64,
    PAST_MAX = 128,
    SECTOR = 512
};

struct change { /* not synced yet; p NULL: the file was cut to `at` bytes */
    uint64_t when;
    int64_t at;
    size_t n;
    uint8_t *p;
};
struct node { /* a file, whatever its name */
    struct node *next;
    uint8_t *sure;
    size_t n, size;
    struct change *change;
    size_t n_changes, room;
};
struct name {
    char path[400];
    struct node *past[PAST_MAX]; /* [0] for sure, the last one now; NULL: no such file */
    unsigned n;
};
struct file {
    sqlite3_file base;
    struct node *node; /* NULL: not watched */
    sqlite3_file *real;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t released;
    sqlite3_vfs vfs, *unix_vfs;
    char dir[300];
    struct name name[NAMES_MAX];
    unsigned n_names;
    struct node *nodes;
    uint64_t accesses, cut_at, when, seed;
    enum cut_mode mode;
    bool dark, held;
    enum cut_fault fault;
    uint64_t fault_at, fault_length, fault_seen, faults;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

/* Any thread may be the one that finds it; Check's assertions are for the test's own. */
static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "cut_vfs: %s\n", what);
        abort();
    }
}

/* ---- What is sure and what is not ---- */

static void *grown(void *p, size_t n)
{
    p = realloc(p, n > 0 ? n : 1);
    must(p != NULL, "out of memory");
    return p;
}

static struct node *node_new(void)
{
    struct node *node = calloc(1, sizeof(*node));

    must(node != NULL, "out of memory");
    node->next = disk.nodes;
    disk.nodes = node;
    return node;
}

static void forget_changes(struct node *node)
{
    for (size_t i = 0; i < node->n_changes; i++)
        free(node->change[i].p);
    node->n_changes = 0;
}

static void change_add(struct node *node, int64_t at, const void *p, size_t n)
{
    struct change *c;

    if (node->n_changes == node->room) {
        node->room = node->room * 2 + 64;
        node->change = grown(node->change, node->room * sizeof(*c));
    }
    c = &node->change[node->n_changes++];
    *c = (struct change){.when = ++disk.when, .at = at, .n = n};
    if (p != NULL) {
        c->p = grown(NULL, n);
        memcpy(c->p, p, n);
    }
}

static void put_bytes(struct node *node, int64_t at, const uint8_t *p, size_t n)
{
    size_t end = (size_t)at + n;

    if (end > node->size) {
        node->size = end * 2;
        node->sure = grown(node->sure, node->size);
    }
    if (end > node->n) {
        memset(node->sure + node->n, 0, end - node->n);
        node->n = end;
    }
    memcpy(node->sure + at, p, n);
}

static void change_apply(struct node *node, const struct change *c)
{
    if (c->p != NULL)
        put_bytes(node, c->at, c->p, c->n);
    else if ((size_t)c->at < node->n)
        node->n = (size_t)c->at;
}

/* ---- Names ---- */

static bool watched(const char *path)
{
    size_t n = strlen(disk.dir);

    return path != NULL && n > 0 && strncmp(path, disk.dir, n) == 0 && path[n] == '/';
}

static struct name *name_of(const char *path)
{
    struct name *name;

    for (unsigned i = 0; i < disk.n_names; i++) {
        if (strcmp(disk.name[i].path, path) == 0)
            return &disk.name[i];
    }
    must(disk.n_names < NAMES_MAX && strlen(path) < sizeof(name->path), "too many names");
    name = &disk.name[disk.n_names++];
    memset(name, 0, sizeof(*name));
    snprintf(name->path, sizeof(name->path), "%s", path);
    name->n = 1;
    return name;
}

static struct node *name_now(const struct name *name)
{
    return name->past[name->n - 1];
}

static void name_set(struct name *name, struct node *node)
{
    must(name->n < PAST_MAX, "too many changes of a name");
    name->past[name->n++] = node;
}

static bool folder_is(const char *path, const struct stat *st)
{
    struct stat it;

    return stat(path, &it) == 0 && it.st_dev == st->st_dev && it.st_ino == st->st_ino;
}

/* Files that the store made without SQLite; their locks are nobody's loss. */
static void find_new_files(const char *folder)
{
    char path[1024];
    DIR *d = opendir(folder);

    must(d != NULL, "a folder is gone");
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        const char *end = strrchr(e->d_name, '.');

        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (end != NULL && (strcmp(end, ".run") == 0 || strcmp(end, ".db") == 0)) {
            struct name *name = name_of(path);

            if (name_now(name) == NULL)
                name_set(name, node_new());
        }
    }
    closedir(d);
}

static void folder_synced(const char *folder)
{
    size_t n = strlen(folder);

    find_new_files(folder);
    for (unsigned i = 0; i < disk.n_names; i++) {
        struct name *name = &disk.name[i];

        if (strncmp(name->path, folder, n) == 0 && name->path[n] == '/' &&
            strchr(name->path + n + 1, '/') == NULL) {
            name->past[0] = name_now(name);
            name->n = 1;
        }
    }
}

/* ---- Accesses: 0, or what SQLite is told ---- */

enum what {
    WRITE,
    SYNC,
    FOLDER,
    OTHER
};

static bool concerns(enum cut_fault fault, enum what what)
{
    return fault == CUT_EIO || (fault == CUT_FULL && what == WRITE) ||
           (fault == CUT_EIO_SYNC && what == SYNC) || (fault == CUT_EIO_FOLDER && what == FOLDER);
}

/* That change something, under the lock; *ret_last: the power goes in this one. */
static int access_begin(int broken, enum what what, bool *ret_last)
{
    *ret_last = false;
    if (disk.dark)
        return broken;
    disk.accesses++;
    *ret_last = disk.accesses == disk.cut_at;
    if (*ret_last) {
        disk.dark = true;
        return broken;
    }
    if (concerns(disk.fault, what)) {
        disk.fault_seen++;
        if (disk.fault_seen >= disk.fault_at &&
            disk.fault_seen < disk.fault_at + disk.fault_length) {
            disk.faults++;
            errno = disk.fault == CUT_FULL ? ENOSPC : EIO;
            return disk.fault == CUT_FULL ? SQLITE_FULL : broken;
        }
    }
    return 0;
}

/* In the middle of a program that does not know of it: replaces the system's. */
static int sync_fd(int fd)
{
    char runs[400];
    struct stat st;
    bool last;
    int rc = 0;

    if (fstat(fd, &st) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode))
        return 0; /* file_sync keeps the books */
    pthread_mutex_lock(&disk.lock);
    snprintf(runs, sizeof(runs), "%s/runs", disk.dir);
    if (folder_is(disk.dir, &st) || folder_is(runs, &st)) {
        rc = access_begin(-1, FOLDER, &last);
        if (rc == 0)
            folder_synced(folder_is(runs, &st) ? runs : disk.dir);
    }
    pthread_mutex_unlock(&disk.lock);
    if (rc != 0)
        errno = EIO;
    return rc != 0 ? -1 : 0;
}

int fsync(int fd)
{
    return sync_fd(fd);
}

int fdatasync(int fd)
{
    return sync_fd(fd);
}

/* ---- A file, as SQLite calls it ---- */

static struct file *of(sqlite3_file *f)
{
    return (struct file *)(void *)f;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return of(f)->real;
}

static int file_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    bool broken;

    pthread_mutex_lock(&disk.lock);
    broken = of(f)->node != NULL && disk.dark;
    if (of(f)->node != NULL && disk.fault == CUT_EIO_READ) {
        disk.fault_seen++;
        broken |=
            disk.fault_seen >= disk.fault_at && disk.fault_seen < disk.fault_at + disk.fault_length;
        disk.faults += broken;
    }
    pthread_mutex_unlock(&disk.lock);
    if (broken)
        errno = EIO;
    return broken ? SQLITE_IOERR_READ : real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct node *node = of(f)->node;
    bool last = false;
    int rc = 0, written = n;

    pthread_mutex_lock(&disk.lock);
    if (node != NULL) {
        bool was_dark = disk.dark;

        rc = access_begin(SQLITE_IOERR_WRITE, WRITE, &last);
        if (rc != 0 && !last)
            written = was_dark ? 0 : n / 2;
        if (written > 0)
            change_add(node, at, p, (size_t)written);
    }
    pthread_mutex_unlock(&disk.lock);
    if (written > 0 && !last) {
        int wrote = real_of(f)->pMethods->xWrite(real_of(f), p, written, at);

        rc = rc != 0 ? rc : wrote;
    }
    if (rc != 0)
        errno = rc == SQLITE_FULL ? ENOSPC : EIO;
    return rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    struct node *node = of(f)->node;
    bool last;
    int rc = 0;

    pthread_mutex_lock(&disk.lock);
    if (node != NULL) {
        rc = access_begin(SQLITE_IOERR_TRUNCATE, OTHER, &last);
        if (rc == 0 || last)
            change_add(node, n, NULL, 0);
    }
    pthread_mutex_unlock(&disk.lock);
    return rc != 0 ? rc : real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int file_sync(sqlite3_file *f, int flags)
{
    struct node *node = of(f)->node;
    size_t n = 0;
    bool last;
    int rc = 0;

    pthread_mutex_lock(&disk.lock);
    while (disk.held)
        pthread_cond_wait(&disk.released, &disk.lock);
    if (node != NULL) {
        bool was_dark = disk.dark;

        rc = access_begin(SQLITE_IOERR_FSYNC, SYNC, &last);
        if (rc != 0 && !last && !was_dark)
            forget_changes(node); /* the pages count as clean now: nobody will write them */
        n = node->n_changes;
    }
    pthread_mutex_unlock(&disk.lock);
    if (rc == 0)
        rc = real_of(f)->pMethods->xSync(real_of(f), flags); /* and the folder of a new log */
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&disk.lock);
    if (disk.dark) {
        rc = SQLITE_IOERR_FSYNC; /* the power went with the folder, which SQLite does not ask for */
    } else if (node != NULL && n == node->n_changes) {
        for (size_t i = 0; i < n; i++)
            change_apply(node, &node->change[i]);
        forget_changes(node);
    }
    pthread_mutex_unlock(&disk.lock);
    return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), ret);
}

static int file_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_check_lock(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_kind(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    bool last;
    int rc;

    pthread_mutex_lock(&disk.lock);
    rc = disk.dark || extend == 0 ? 0 : access_begin(SQLITE_IOERR_SHMMAP, OTHER, &last);
    pthread_mutex_unlock(&disk.lock);
    return rc != 0 ? rc : real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove_it)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove_it);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2, /* no memory map: every read passes here */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_kind,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- The file system, as SQLite calls it ---- */

/* What the name stands for once the file is open. */
static struct node *opened(const char *path, bool was_there)
{
    struct name *name = name_of(path);

    if (!was_there && name_now(name) != NULL)
        name_set(name, NULL); /* the store removed it itself */
    if (name_now(name) == NULL)
        name_set(name, node_new());
    return name_now(name);
}

static int disk_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags, int *ret_flags)
{
    bool mine = watched(path) &&
                (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    struct file *file = of(f);
    bool was_there = mine && access(path, F_OK) == 0;
    int rc = SQLITE_OK;

    (void)vfs;
    f->pMethods = NULL;
    file->node = NULL;
    file->real = (sqlite3_file *)(void *)(file + 1);
    file->real->pMethods = NULL;
    pthread_mutex_lock(&disk.lock);
    if (mine && disk.dark)
        rc = SQLITE_CANTOPEN;
    pthread_mutex_unlock(&disk.lock);
    if (rc == SQLITE_OK)
        rc = disk.unix_vfs->xOpen(disk.unix_vfs, path, file->real, flags, ret_flags);
    if (file->real->pMethods != NULL)
        f->pMethods = &file_methods;
    if (rc == SQLITE_OK && mine) {
        pthread_mutex_lock(&disk.lock);
        file->node = opened(path, was_there);
        pthread_mutex_unlock(&disk.lock);
    }
    return rc;
}

static int disk_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    bool last;
    int rc = 0;

    (void)vfs;
    pthread_mutex_lock(&disk.lock);
    if (watched(path)) {
        rc = access_begin(SQLITE_IOERR_DELETE, OTHER, &last);
        if ((rc == 0 || last) && name_now(name_of(path)) != NULL)
            name_set(name_of(path), NULL);
    }
    pthread_mutex_unlock(&disk.lock);
    return rc != 0 ? rc : disk.unix_vfs->xDelete(disk.unix_vfs, path, sync_folder);
}

static void disk_register(void)
{
    if (disk.unix_vfs != NULL)
        return;
    disk.unix_vfs = sqlite3_vfs_find(NULL);
    must(disk.unix_vfs != NULL, "no file access");
    disk.vfs = *disk.unix_vfs;
    disk.vfs.zName = "cut";
    disk.vfs.pNext = NULL;
    disk.vfs.szOsFile = (int)sizeof(struct file) + disk.unix_vfs->szOsFile;
    disk.vfs.xOpen = disk_open;
    disk.vfs.xDelete = disk_delete;
    must(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK, "not registered");
}

/* ---- For the tests ---- */

static void forget_all(void)
{
    while (disk.nodes != NULL) {
        struct node *next = disk.nodes->next;

        forget_changes(disk.nodes);
        free(disk.nodes->change);
        free(disk.nodes->sure);
        free(disk.nodes);
        disk.nodes = next;
    }
    disk.n_names = 0;
}

void cut_fresh(const char *dir)
{
    disk_register();
    pthread_mutex_lock(&disk.lock);
    forget_all();
    snprintf(disk.dir, sizeof(disk.dir), "%s", dir);
    disk.dark = false;
    disk.held = false;
    disk.fault = CUT_NO_FAULT;
    disk.cut_at = 0;
    pthread_mutex_unlock(&disk.lock);
}

void cut_arm(uint64_t nth, enum cut_mode mode, uint64_t seed)
{
    pthread_mutex_lock(&disk.lock);
    disk.accesses = 0;
    disk.cut_at = nth;
    disk.mode = mode;
    disk.seed = seed;
    pthread_mutex_unlock(&disk.lock);
}

uint64_t cut_accesses(void)
{
    uint64_t n;

    pthread_mutex_lock(&disk.lock);
    n = disk.accesses;
    pthread_mutex_unlock(&disk.lock);
    return n;
}

bool cut_dark(void)
{
    bool dark;

    pthread_mutex_lock(&disk.lock);
    dark = disk.dark;
    pthread_mutex_unlock(&disk.lock);
    return dark;
}

static void tear(struct node *node, const struct change *c, struct rng *r)
{
    size_t done = 0;

    if (c->p == NULL && rng_below(r, 2) == 0)
        change_apply(node, c);
    while (c->p != NULL && done < c->n) {
        size_t n = SECTOR - ((size_t)c->at + done) % SECTOR;
        uint32_t fate = rng_below(r, 20);
        uint8_t rubbish[SECTOR];

        n = n < c->n - done ? n : c->n - done;
        for (size_t i = 0; i < n; i++)
            rubbish[i] = (uint8_t)rng_u64(r);
        if (fate < 10)
            put_bytes(node, c->at + (int64_t)done, c->p + done, n);
        else if (fate == 10)
            put_bytes(node, c->at + (int64_t)done, rubbish, n);
        done += n;
    }
}

/* What became of the changes of one file; moment: of CUT_PREFIX. */
static void settle(struct node *node, struct rng *r, uint64_t moment)
{
    for (size_t i = 0; i < node->n_changes; i++) {
        struct change *c = &node->change[i];
        bool whole = disk.mode == CUT_KEEP || (disk.mode == CUT_PREFIX && c->when < moment) ||
                     (disk.mode == CUT_SUBSET && rng_below(r, 2) == 0);

        if (whole)
            change_apply(node, c);
        else if (disk.mode == CUT_PREFIX && c->when == moment && c->p != NULL)
            put_bytes(node, c->at, c->p, c->n / 2);
        else if (disk.mode == CUT_TEAR)
            tear(node, c, r);
    }
    forget_changes(node);
}

static uint64_t some_moment(struct rng *r)
{
    uint64_t first = UINT64_MAX, last = 0;

    for (const struct node *node = disk.nodes; node != NULL; node = node->next) {
        for (size_t i = 0; i < node->n_changes; i++) {
            first = node->change[i].when < first ? node->change[i].when : first;
            last = node->change[i].when > last ? node->change[i].when : last;
        }
    }
    return last == 0 ? 0 : first + rng_below(r, (uint32_t)(last - first + 1));
}

static void write_out(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");

    must(f != NULL && (n == 0 || fwrite(p, 1, n, f) == n) && fclose(f) == 0, "cannot write a file");
}

static void empty_folder(const char *folder)
{
    char path[1024];
    DIR *d = opendir(folder);

    for (struct dirent *e = d != NULL ? readdir(d) : NULL; e != NULL; e = readdir(d)) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && strcmp(e->d_name, "runs") != 0)
            must(unlink(path) == 0, "cannot remove a file");
    }
    if (d != NULL)
        closedir(d);
}

/* The names that are there, each with one of the files it stood for since its folder was synced. */
static void write_survivors(struct rng *r)
{
    uint8_t rubbish[32768];
    char path[420];

    for (size_t i = 0; i < sizeof(rubbish); i++)
        rubbish[i] = (uint8_t)rng_u64(r);
    for (unsigned i = 0; i < disk.n_names; i++) {
        struct name *name = &disk.name[i];
        unsigned which = disk.mode == CUT_LOSE   ? 0
                         : disk.mode == CUT_KEEP ? name->n - 1
                                                 : rng_below(r, name->n);

        name->past[0] = name->past[which];
        name->n = 1;
        if (name->past[0] == NULL)
            continue;
        write_out(name->path, name->past[0]->sure, name->past[0]->n);
        snprintf(path, sizeof(path), "%s-shm", name->path);
        if (strstr(name->path, ".run") != NULL && strstr(name->path, "-wal") == NULL)
            write_out(path, rubbish, sizeof(rubbish));
    }
}

void cut_power_on(void)
{
    char runs[400];
    uint64_t moment;
    struct rng r;

    pthread_mutex_lock(&disk.lock);
    rng_seed(&r, disk.seed, 0);
    snprintf(runs, sizeof(runs), "%s/runs", disk.dir);
    empty_folder(disk.dir);
    empty_folder(runs);
    moment = some_moment(&r);
    for (struct node *node = disk.nodes; node != NULL; node = node->next)
        settle(node, &r, moment);
    write_survivors(&r);
    disk.dark = false;
    disk.cut_at = 0;
    pthread_mutex_unlock(&disk.lock);
}

void cut_kill(void)
{
    pthread_mutex_lock(&disk.lock);
    disk.dark = true;
    pthread_mutex_unlock(&disk.lock);
}

void cut_revive(void)
{
    pthread_mutex_lock(&disk.lock);
    disk.dark = false;
    pthread_mutex_unlock(&disk.lock);
}

void cut_fault(enum cut_fault fault, uint64_t nth, uint64_t length)
{
    pthread_mutex_lock(&disk.lock);
    disk.fault = fault;
    disk.fault_at = nth;
    disk.fault_length = length;
    disk.fault_seen = 0;
    disk.faults = 0;
    pthread_mutex_unlock(&disk.lock);
}

uint64_t cut_faults(void)
{
    uint64_t n;

    pthread_mutex_lock(&disk.lock);
    n = disk.faults;
    pthread_mutex_unlock(&disk.lock);
    return n;
}

void cut_hold(bool held)
{
    pthread_mutex_lock(&disk.lock);
    disk.held = held;
    pthread_cond_broadcast(&disk.released);
    pthread_mutex_unlock(&disk.lock);
}
