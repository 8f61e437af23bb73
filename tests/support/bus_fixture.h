/* tests/support/bus_fixture.h - the bus against two fakes whose replies carry the number of the
 * request they answer: the hook on sending counts the requests, so a reading that answers another
 * request than the newest is seen at once.
 */
#ifndef TESTS_SUPPORT_BUS_FIXTURE_H
#define TESTS_SUPPORT_BUS_FIXTURE_H

#include "tests/support/bus_fakes.h"
#include "tests/support/bus_rig.h"

#define BYTE_NS    (NSEC_S / 960) /* 9600 baud */
#define TIMEOUT    (FAKE_TIMEOUT_MS * NSEC_MS)
#define BOTH_KINDS 2 /* of wires: lines, registers */

extern const struct fake_model fake_slow_crlf, fake_tcp_model;

/* Two are enough for every test; they are large. */
extern struct rig rigs[2];

/* What was asked, by instrument. */
struct truth {
    uint32_t n_p[BUS_INSTS_MAX], n_q[BUS_INSTS_MAX];
};
extern struct truth truths[2];

/* Requests that a dead line swallowed are asked but never counted by the instrument; tests with
 * such ones set this. */
extern bool instrument_missed_some;

const struct driver *kind_of(int i);
struct fake_state *fake(struct rig *r, int inst);
void watch(struct rig *r);
/* One instrument, nothing asked yet. */
struct rig *make_rig(const struct driver *driver, nsec byte_ns);
void identify(struct rig *r, int inst);
/* Identified, with a poll every 300 ms, about to start. */
struct rig *polling_rig(const struct driver *driver);
void add_second(struct rig *r, uint16_t unit);
/* Two units on one line, identified. */
struct rig *shared_rig(int kind);

#endif
