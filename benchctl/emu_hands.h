/* benchctl/emu_hands.h - what is done to the bench of `benchctl emu` while it works: the faults of
 * `sim --fault` by the same words, and what only real lines and a plant have.
 *
 *     INSTRUMENT FAULT [N replies], INSTRUMENT.CONTACT opens|closes      as in `sim --fault`
 *     INSTRUMENT mended            no fault of it or of its line any more
 *     bus NAME unplugged|plugged   hang-up or end of connection, then refused; a pty may
 *                                  come back under another name: so does the links file
 *     bus NAME closed              TCP: the connection ends, the next one is accepted
 *     bus NAME hung|deaf|mended    all of it: nobody is heard; nobody hears either
 *     station NAME emf|pressure|air|current VALUE, sense, lead           struct world_mishap
 *     station NAME mended
 *
 * each with `at TIME` of the bench and `for TIME`, or at once. They come with --fault, and with
 * --hands a line each from standard input. What is done is noted in the watch (emu_watch.h).
 */
#ifndef BENCHCTL_EMU_HANDS_H
#define BENCHCTL_EMU_HANDS_H

#include "benchctl/emu_watch.h"
#include "benchctl/script.h"

enum {
    HANDS_MAX = 64,
    HANDS_WORDS_MAX = 160
};

enum deed_kind {
    DEED_SCRIPT, /* item */
    DEED_MEND,   /* of: instrument */
    DEED_BUS,    /* of: bus, what: enum bus_deed */
    DEED_MISHAP, /* of: station, what: enum world_mishap_kind */
    DEED_REPAIR, /* of: station */
};
struct deed {
    nsec at;
    uint8_t kind, of, what;
    double value;
    struct script_item item;
    char words[HANDS_WORDS_MAX];
};

struct emu_hands {
    struct rig *rig;
    struct serve *serve;
    struct emu_watch *watch;
    /* A bus has been plugged in again: its link may have another name. */
    void (*plugged)(void *ctx);
    void *ctx;
    unsigned n;
    struct deed deed[HANDS_MAX]; /* sorted by time */
    size_t n_line;
    char line[HANDS_WORDS_MAX + 1]; /* of standard input, not complete yet; full: refused */
};

/* fd: lines are read from it; -1: none. Hooks itself into serve. The caller fills plugged. */
void emu_hands_open(struct emu_hands *h, struct rig *r, struct serve *serve,
                    struct emu_watch *watch, int fd);
/* now: the time of what says none. */
int emu_hands_say(struct emu_hands *h, const char *words, nsec now, struct diag *reterr) MUST_USE;

#endif
