/* drivers/bus/loop.h - one epoll loop: descriptors and one deadline. Absolute deadlines by timerfd
 * (no timer slack). */
#ifndef DRIVERS_BUS_LOOP_H
#define DRIVERS_BUS_LOOP_H

#include "base/attr.h"
#include "base/nsec.h"

#include <stdbool.h>
#include <stdint.h>

struct diag;

enum {
    LOOP_FDS_MAX = 48
};
enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_HUP = 4 /* hang-up or error: told whether it is asked for or not */
};
struct loop_entry {
    int fd;                                  /* -1: free */
    uint32_t serial;                         /* which of those that were here */
    void (*ready)(void *ctx, unsigned what); /* bits LOOP_... */
    void *ctx;
};
struct loop {
    int epoll_fd, timer_fd;
    uint32_t next_serial;
    nsec armed; /* what the timer is set to */
    struct loop_entry entry[LOOP_FDS_MAX];
};
int loop_open(struct loop *l, struct diag *reterr) MUST_USE;
void loop_close(struct loop *l);
/* Whatever is called may add, change and remove, itself and others: what was removed is not called
 * any more. Remove a descriptor before it is closed. E_FULL, E_EXISTS, or E_IO (it cannot be waited
 * for). */
int loop_add(struct loop *l, int fd, unsigned what, void (*ready)(void *, unsigned),
             void *ctx) MUST_USE;
int loop_change(struct loop *l, int fd, unsigned what) MUST_USE;
void loop_remove(struct loop *l, int fd);
/* Wait until `deadline_os` of the OS monotonic clock (clock_init_os origin given by the caller's
 * clock: pass the absolute CLOCK_MONOTONIC value in ns; NSEC_NEVER: none; what has passed: do not
 * wait), then call what is ready. Returns number of callbacks, or E_IO. Signals interrupt it
 * without error. */
int loop_wait(struct loop *l, nsec deadline_os) MUST_USE;

#endif
