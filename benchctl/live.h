/* benchctl/live.h - the real side of a rig: links, the epoll loop, reconnecting, and the guardian's page kept true.
 *
 * Time is the OS monotonic clock from live_open() on. A line that is lost is opened again with back-off (0.5, 1, 2 .. 30 s); its instruments are identified anew by the bus before anything is
 * sent to them.
 */
#ifndef BENCHCTL_LIVE_H
#define BENCHCTL_LIVE_H

#include "base/clock.h"
#include "benchctl/guardian.h"
#include "drivers/bus/link.h"
#include "drivers/bus/loop.h"
#include "drivers/bus/modbus_lib.h"

struct rig;
struct diag;

enum { LIVE_LINES_MAX = 8 };
struct live;
struct live_line {
    struct live *live;
    uint8_t bus;
    bool up;
    struct link link;
    struct modbus_lib *lib;
    char uri[200];
    struct link_conf conf;
    nsec sent_at;       /* what is read later began later */
    nsec retry_at;      /* when a lost line is opened again; NSEC_NEVER: it is up */
    unsigned tries;
    uint64_t losses;
};
struct live {
    struct rig *rig;
    struct loop loop;
    struct clock clock;
    struct guardian guardian;
    unsigned n;
    struct live_line line[LIVE_LINES_MAX];
    int wake_fd;        /* the store's eventfd; -1 */
    bool woken;
    nsec lateness_max, lateness_sum;
    uint64_t waits;
};

/* Open every line. uris: one per bus of the bench, from the bench file or a links file. A line that cannot be opened within wait_s is an error that names it. */
int live_open(struct live *l, struct rig *r, const char *const *uris, double wait_s, struct diag *reterr) MUST_USE;
void live_close(struct live *l);
nsec live_now(const struct live *l);
/* Wait until `until` or until something came (bytes are handed to the bus, lines reopened); returns the time now. */
nsec live_wait(struct live *l, nsec until);
/* Wake up when this descriptor (the store's eventfd) becomes readable. */
int live_watch(struct live *l, int fd) MUST_USE;
/* When a lost line wants to be opened again. */
nsec live_due(const struct live *l);
/* The bus sends (bus_wiring.send; link is the live_line). */
int live_send(void *link, nsec now, const uint8_t *p, size_t n);
/* Write the guardian's cards: for each action of these stations' rules (bit set), and of what follows when every station has ended, the frames of the driver's plan_safe. */
void live_cards(struct live *l, unsigned stations);
/* "BUS URI" lines of a links file (benchctl emu --links) into uris; heap texts, freed by links_done. */
struct links {
    unsigned n;
    char bus[LIVE_LINES_MAX][40], uri[LIVE_LINES_MAX][200];
};
int links_load(const char *path, struct links *ret, struct diag *reterr) MUST_USE;
const char *links_find(const struct links *l, const char *bus);

#endif
