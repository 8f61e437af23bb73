/* drivers/bus/loop.c - one epoll loop. */
#include "drivers/bus/loop.h"

#include "base/diag.h"
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The timer needs no entry: its event says nothing but that the wait is over. */
static const uint64_t timer_key = UINT64_MAX;

static uint64_t key_of(const struct loop *l, int slot)
{
    return (uint64_t)l->entry[slot].serial << 32 | (uint64_t)slot;
}

int loop_open(struct loop *l, struct diag *reterr)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = timer_key};

    memset(l, 0, sizeof(*l));
    l->armed = NSEC_NEVER;
    for (int i = 0; i < LOOP_FDS_MAX; i++)
        l->entry[i].fd = -1;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l->epoll_fd >= 0 && l->timer_fd >= 0 &&
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &e) == 0)
        return 0;
    loop_close(l);
    return diag_add(reterr, E_IO, "no descriptors left for the event loop");
}

void loop_close(struct loop *l)
{
    if (l->epoll_fd >= 0)
        (void)close(l->epoll_fd);
    if (l->timer_fd >= 0)
        (void)close(l->timer_fd);
    l->epoll_fd = l->timer_fd = -1;
}

/* ---- Entries ---- */

static int find(const struct loop *l, int fd)
{
    for (int i = 0; i < LOOP_FDS_MAX; i++) {
        if (l->entry[i].fd == fd)
            return i;
    }
    return -1;
}

static int control(struct loop *l, int op, int slot, unsigned what)
{
    struct epoll_event e = {.data.u64 = key_of(l, slot)};

    if (what & LOOP_READ)
        e.events |= EPOLLIN;
    if (what & LOOP_WRITE)
        e.events |= EPOLLOUT;
    return epoll_ctl(l->epoll_fd, op, l->entry[slot].fd, &e) == 0 ? 0 : E_IO;
}

int loop_add(struct loop *l, int fd, unsigned what, void (*ready)(void *, unsigned), void *ctx)
{
    int slot = find(l, -1);
    int rc;

    ASSERT(fd >= 0);
    if (find(l, fd) >= 0)
        return E_EXISTS;
    if (slot < 0)
        return E_FULL;
    l->entry[slot].fd = fd;
    l->entry[slot].serial = l->next_serial++;
    l->entry[slot].ready = ready;
    l->entry[slot].ctx = ctx;
    rc = control(l, EPOLL_CTL_ADD, slot, what);
    if (rc != 0)
        l->entry[slot].fd = -1;
    return rc;
}

int loop_change(struct loop *l, int fd, unsigned what)
{
    int slot = fd >= 0 ? find(l, fd) : -1;

    return slot < 0 ? E_NOENT : control(l, EPOLL_CTL_MOD, slot, what);
}

void loop_remove(struct loop *l, int fd)
{
    int slot = fd >= 0 ? find(l, fd) : -1;

    if (slot < 0)
        return;
    (void)control(l, EPOLL_CTL_DEL, slot, 0);
    l->entry[slot].fd = -1;
}

/* ---- Waiting ---- */

/* Setting it also takes back an earlier expiry; set to the same it would expire again at once, so
 * that needs no call. Zero would disarm it. */
static int arm(struct loop *l, nsec deadline_os)
{
    struct itimerspec t;

    memset(&t, 0, sizeof(t));
    if (deadline_os < 1)
        deadline_os = 1;
    if (deadline_os == l->armed)
        return 0;
    if (deadline_os != NSEC_NEVER) {
        t.it_value.tv_sec = deadline_os / NSEC_S;
        t.it_value.tv_nsec = deadline_os % NSEC_S;
    }
    if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &t, NULL) != 0)
        return E_IO;
    l->armed = deadline_os;
    return 0;
}

static unsigned what_of(uint32_t events)
{
    unsigned what = 0;

    if (events & EPOLLIN)
        what |= LOOP_READ;
    if (events & EPOLLOUT)
        what |= LOOP_WRITE;
    if (events & (EPOLLHUP | EPOLLERR))
        what |= LOOP_HUP;
    return what;
}

static int dispatch(struct loop *l, const struct epoll_event *e)
{
    int slot = (int)(e->data.u64 & UINT32_MAX);
    const struct loop_entry *entry;

    if (e->data.u64 == timer_key)
        return 0;
    entry = &l->entry[slot];
    if (entry->fd < 0 || key_of(l, slot) != e->data.u64)
        return 0; /* removed by one of those before */
    entry->ready(entry->ctx, what_of(e->events));
    return 1;
}

int loop_wait(struct loop *l, nsec deadline_os)
{
    struct epoll_event e[LOOP_FDS_MAX + 1];
    int called = 0;
    int n;

    if (arm(l, deadline_os) != 0)
        return E_IO;
    n = epoll_wait(l->epoll_fd, e, LOOP_FDS_MAX + 1, -1);
    if (n < 0)
        return errno == EINTR ? 0 : E_IO;
    for (int i = 0; i < n; i++)
        called += dispatch(l, &e[i]);
    return called;
}
