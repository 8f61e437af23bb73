/* benchctl/guardian.h - the process that makes the bench safe when the controller is dead or hangs.
 *
 * Forked before any thread, with every link's descriptor open. The controller keeps a shared page true: heart-beat, what is in flight on each line, and for each instrument the encoded
 * frames of its safe sequence (the station's rule for `any` cause). On end of file without a goodbye, or after 500 ms without a heart-beat (a controller that hangs is killed first), the
 * guardian finishes the half-sent frame, drains the line, sends the frames with their replies read, and writes what came of it to LAB/BENCH.safed. What carries current in the cell comes
 * first and is tried to the end before anybody else's line is waited for. The lock LAB/BENCH.lock is held by both: a restarted controller and `benchctl safe` wait for it.
 *
 * BENCH.safed exists from the start and is removed when the bench was left safe: found empty by the next controller, it says that controller and guardian both died without a word.
 *
 * The guardian uses nothing but system calls after the fork: no allocation, no library of a link. So it may be forked again when somebody has killed it.
 */
#ifndef BENCHCTL_GUARDIAN_H
#define BENCHCTL_GUARDIAN_H

#include "base/attr.h"
#include "base/nsec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct diag;

enum { GUARD_LINES_MAX = 8, GUARD_CARDS_MAX = 32, GUARD_FRAMES_MAX = 16, GUARD_FRAME_BYTES = 272, GUARD_NAME = 40 };
enum { GUARDIAN_HANG_MS = 500, GUARDIAN_TRIES = 3 };

/* One request of a safe sequence as it goes on the wire. */
struct guard_frame {
    uint16_t n;
    bool no_reply;
    uint8_t bytes[GUARD_FRAME_BYTES];
};
/* What one instrument is sent. In the order of the safe sequence. */
struct guard_card {
    char name[GUARD_NAME];
    uint8_t line;
    uint8_t n;
    bool first;                  /* carries current in the article: before all others */
    uint32_t timeout_ms, gap_ms; /* gap: rest that it needs after each reply */
    struct guard_frame frame[GUARD_FRAMES_MAX];
};
struct guard_line {
    char name[GUARD_NAME];
    _Atomic int64_t busy_until;  /* CLOCK_MONOTONIC ns: a frame is on the line until then */
    /* The frame that is being handed to the system: its length, 0 when all of it is out, and how much of it surely is. */
    _Atomic int flight_n, flight_sent;
    uint8_t flight[GUARD_FRAME_BYTES];
    bool modbus;                 /* replies end by silence; else by a terminator */
    uint8_t fn_at;               /* Modbus: where the function code stands in a frame */
    char line_end[4];
};
/* What is to be sent when the controller is gone. */
struct guard_set {
    uint8_t n;
    struct guard_card card[GUARD_CARDS_MAX];
};
/* The shared page: written by the controller only, but for `walking` and `walked`. */
struct guard_page {
    _Atomic int64_t heart_beat;  /* CLOCK_MONOTONIC ns */
    _Atomic int armed;           /* 1: something may be energized; a death makes the guardian act */
    _Atomic int goodbye;         /* 1: the controller leaves on purpose, bench safe */
    _Atomic int walking, walked; /* the guardian's own */
    _Atomic unsigned current;    /* which set counts; the other one may be half written */
    struct guard_set set[2];
    uint8_t n_lines;
    char bench[GUARD_NAME];
    struct guard_line line[GUARD_LINES_MAX];
};

struct guardian {
    pid_t pid;               /* of the guardian; 0: none */
    int socket;              /* our end: end of file tells it that we died; descriptors go over it */
    struct guard_page *page; /* shared */
    int lock_fd;
    char safed[600];
};

/* Fork it. safed: path of BENCH.safed; fds: descriptors of the lines that are open now (-1: down), n of them. lock_fd is kept open by it. The page begins empty and unarmed. */
int guardian_start(struct guardian *g, const char *bench, const char *safed, int lock_fd, const int *fds, unsigned n, struct diag *reterr) MUST_USE;
/* A line was opened anew: send the descriptor. -1: it is down. */
int guardian_line(struct guardian *g, unsigned line, int fd) MUST_USE;
void guardian_beat(struct guardian *g);
void guardian_busy(struct guardian *g, unsigned line, nsec for_ns);
/* A frame is about to be handed to the system (n: bytes; the counter that the sender keeps true as they leave; NULL: no guardian), or all of it is out (n: 0). */
_Atomic int *guardian_flight(struct guardian *g, unsigned line, const uint8_t *bytes, size_t n);
void guardian_arm(struct guardian *g, bool armed);
bool guardian_armed(const struct guardian *g);
/* A new set of cards, to be filled by the caller; NULL: no guardian. Until it is shown the guardian takes the old one. */
struct guard_set *guardian_cards_begin(struct guardian *g);
void guardian_cards_end(struct guardian *g);
/* Somebody has killed it (true once). guardian_again() forks another with the same page: cards, what is armed. */
bool guardian_died(struct guardian *g);
int guardian_again(struct guardian *g, const int *fds, unsigned n, struct diag *reterr) MUST_USE;
/* We go. Unarmed: the guardian ends. Armed: it does its work first, as when we had died. Waits for it. */
void guardian_goodbye(struct guardian *g);

/* Lock of a bench: LAB/BENCH.lock. 0, or E_BUSY when wait_s has passed and somebody still holds it. */
int bench_lock(const char *lab, const char *bench, double wait_s, int *ret_fd, struct diag *reterr) MUST_USE;
/* What a guardian wrote, heap; E_NOENT: nothing. */
int bench_safed_read(const char *lab, const char *bench, char **ret_text) MUST_USE;
int bench_safed_path(const char *lab, const char *bench, char *buf, size_t size) MUST_USE;

#endif
