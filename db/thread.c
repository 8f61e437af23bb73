/* db/thread.c - real time: a thread of its own writes what the loop puts, so that a slow disk never
 * holds up a guard.
 *
 * One commit at a time. store_commit_begin gives the thread the batch and copies of the states and
 * goes on with another batch; an eventfd says when the commit has ended, store_commit_poll how. A
 * batch that the disk did not take comes back and is written by the next commit, before what was
 * put since. After its answer the thread folds the log into the file when it has become long.
 *
 * asked, working, done, quit, result and story are under the lock, which nobody holds for longer
 * than it takes to look at them; all else in struct worker is the owner's, and the thread reads
 * what it was given only between asked and done.
 */
#include "base/diag.h"
#include "base/err.h"
#include "db/store_priv.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct kept { /* a state that is not in the file yet */
    uint8_t *p;
    size_t n, size;
    bool valid;
};

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int event_fd; /* a commit has ended */
    int idle_fd;  /* the thread has nothing to do */
    bool asked, working, done, quit;
    int result;
    struct diag story;
    /* The owner's. */
    bool in_flight; /* asked and not yet told */
    bool news;      /* for the next store_commit_poll */
    uint64_t seq, durable;
    struct kept kept[2];
    struct states states; /* for the thread: those of kept that are valid */
};

static void fd_wake(int fd)
{
    const uint64_t one = 1;
    ssize_t n;

    do
        n = write(fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

static void fd_drain(int fd)
{
    uint64_t count;
    ssize_t n;

    do
        n = read(fd, &count, sizeof(count));
    while (n < 0 && errno == EINTR);
}

/* ---- The thread ---- */

static void work(struct store *s, struct worker *w)
{
    int rc;

    diag_init(&w->story);
    rc = store_write(s, &s->back, &w->states, &w->story);
    pthread_mutex_lock(&w->lock);
    w->result = rc;
    w->done = true;
    pthread_mutex_unlock(&w->lock);
    fd_wake(w->event_fd);
    if (rc == 0)
        runfile_tidy(s);
}

static void *worker_main(void *arg)
{
    struct store *s = arg;
    struct worker *w = s->worker;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->asked && !w->quit)
            pthread_cond_wait(&w->wake, &w->lock);
        if (!w->asked)
            break;
        w->asked = false;
        w->working = true;
        pthread_mutex_unlock(&w->lock);
        work(s, w);
        pthread_mutex_lock(&w->lock);
        w->working = false;
        if (!w->asked)
            fd_wake(w->idle_fd);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- Its life ---- */

static void worker_free(struct worker *w)
{
    if (w->event_fd >= 0)
        close(w->event_fd);
    if (w->idle_fd >= 0)
        close(w->idle_fd);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->kept[0].p);
    free(w->kept[1].p);
    free(w);
}

/* Signals are the loop's, and so is a real-time priority. */
static int thread_start(struct store *s)
{
    const struct sched_param ordinary = {.sched_priority = 0};
    pthread_attr_t attr;
    sigset_t all, was;
    int error;

    if (pthread_attr_init(&attr) != 0)
        return E_NOMEM;
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
    pthread_attr_setschedparam(&attr, &ordinary);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    error = pthread_create(&s->worker->thread, &attr, worker_main, s);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    pthread_attr_destroy(&attr);
    return error == 0 ? 0 : E_IO;
}

static int worker_start(struct store *s, struct diag *reterr)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return diag_add(reterr, E_NOMEM, "out of memory");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->idle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->worker = w;
    if (w->event_fd >= 0 && w->idle_fd >= 0 && thread_start(s) == 0)
        return 0;
    s->worker = NULL;
    worker_free(w);
    return diag_add(reterr, E_IO, "cannot start the thread that writes run files");
}

int worker_stop(struct store *s)
{
    struct worker *w = s->worker;

    if (w == NULL)
        return 0;
    if (worker_quiet(s, NULL) < 0) {
        pthread_detach(w->thread);
        return E_BUSY;
    }
    pthread_mutex_lock(&w->lock);
    w->quit = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    s->worker = NULL;
    worker_free(w);
    return 0;
}

int store_threaded(struct store *s, struct diag *reterr)
{
    int rc;

    if (s->worker != NULL)
        return 0;
    if (s->read_only)
        return diag_add(reterr, E_IO, "the lab folder %s is read-only", s->dir);
    if (s->bulk)
        return diag_add(reterr, E_STATE, "an import is under way");
    if (sqlite3_threadsafe() == 0)
        return diag_add(reterr, E_UNSUPPORTED, "this SQLite was built for one thread only");
    rc = worker_start(s, reterr);
    if (rc == 0 && s->db != NULL)
        rc = runfile_durable(s, reterr);
    if (rc < 0 && worker_stop(s) == 0)
        diag_wrap(reterr, "cannot write in real time");
    return rc;
}

/* ---- What became of a commit ---- */

/* Take the answer of the thread when there is one. 1: it was good news, 0: none yet. */
static int take_answer(struct store *s, struct diag *reterr)
{
    struct worker *w = s->worker;
    bool done;
    int rc;

    pthread_mutex_lock(&w->lock);
    done = w->done;
    w->done = false;
    rc = w->result;
    pthread_mutex_unlock(&w->lock);
    if (!done)
        return 0;
    w->in_flight = false;
    if (rc < 0) {
        const struct diag_finding *f = &w->story.finding[0];

        diag_add(reterr, rc, "%s", w->story.n > 0 ? f->text : err_text(rc));
        if (w->story.n > 0 && f->hint[0] != '\0')
            diag_hint(reterr, "%s", f->hint);
        return rc;
    }
    batch_clear(&s->back);
    worker_settled(s);
    w->news = true;
    return 1;
}

void worker_settled(struct store *s)
{
    struct worker *w = s->worker;

    if (w == NULL)
        return;
    w->kept[0].valid = false;
    w->kept[1].valid = false;
    w->news = w->news || w->durable != w->seq;
    w->durable = w->seq;
}

void worker_states(const struct store *s, struct states *states)
{
    for (int i = 0; i < 2 && s->worker != NULL; i++) {
        const struct kept *k = &s->worker->kept[i];

        if (states->p[i] == NULL && k->valid) {
            states->p[i] = k->p;
            states->n[i] = k->n;
        }
    }
}

/* Signals are held off, so that the wait is as long as it says. */
static bool wait_readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    sigset_t all, was;
    int n;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    n = poll(&p, 1, ms);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    return n > 0;
}

int worker_quiet(struct store *s, struct diag *reterr)
{
    struct worker *w = s->worker;
    bool busy = w != NULL;

    while (busy) {
        pthread_mutex_lock(&w->lock);
        busy = w->asked || w->working;
        pthread_mutex_unlock(&w->lock);
        if (busy && !wait_readable(w->idle_fd, s->wait_ms))
            return diag_add(reterr, E_BUSY, "the disk has not answered for %d s",
                            s->wait_ms / 1000);
        fd_drain(w->idle_fd);
    }
    if (w != NULL)
        take_answer(s, NULL); /* a bad one: the caller tries again himself, and will see */
    return 0;
}

bool worker_in_flight(const struct store *s)
{
    return s->worker != NULL && s->worker->in_flight;
}

void worker_forget(struct store *s)
{
    struct worker *w = s->worker;

    if (w == NULL)
        return;
    w->kept[0].valid = false;
    w->kept[1].valid = false;
    w->seq = 0;
    w->durable = 0;
    w->news = false;
}

/* ---- The doors ---- */

int store_event_fd(const struct store *s)
{
    return s->worker != NULL ? s->worker->event_fd : -1;
}

static int keep(struct kept *k, const uint8_t *p, size_t n)
{
    if (n > k->size) {
        uint8_t *more = realloc(k->p, n);

        if (more == NULL)
            return E_NOMEM;
        k->p = more;
        k->size = n;
    }
    if (n > 0)
        memcpy(k->p, p, n);
    k->n = n;
    k->valid = true;
    return 0;
}

int store_commit_begin(struct store *s, const uint8_t *state, size_t n, const uint8_t *world,
                       size_t n_world, uint64_t seq)
{
    struct worker *w = s->worker;
    struct batch other;
    int rc = 0;

    if (w == NULL || s->db == NULL)
        return E_STATE;
    if (w->in_flight)
        return E_BUSY;
    if (state != NULL)
        rc = keep(&w->kept[0], state, n);
    if (rc == 0 && world != NULL)
        rc = keep(&w->kept[1], world, n_world);
    if (rc == 0)
        rc = batch_gather(s);
    if (rc < 0)
        return rc;
    w->states = (struct states){
        {NULL, NULL},
        {0,    0   }
    };
    worker_states(s, &w->states);
    other = s->back;
    s->back = s->batch;
    s->batch = other;
    w->seq = seq;
    w->in_flight = true;
    pthread_mutex_lock(&w->lock);
    w->asked = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    return 0;
}

int store_commit_poll(struct store *s, uint64_t *ret_durable_seq, struct diag *reterr)
{
    struct worker *w = s->worker;
    int rc = 0, news;

    if (w == NULL)
        return diag_add(reterr, E_STATE, "there is no store thread");
    fd_drain(w->event_fd);
    if (w->in_flight)
        rc = take_answer(s, reterr);
    if (rc < 0)
        return rc;
    news = w->news;
    w->news = false;
    *ret_durable_seq = w->durable;
    return news;
}

void store_behind(const struct store *s, struct store_waiting *ret)
{
    ret->bytes = s->batch.n + s->back.n;
    ret->records = s->batch.records + s->back.records;
    ret->oldest = s->batch.oldest < s->back.oldest ? s->batch.oldest : s->back.oldest;
}
