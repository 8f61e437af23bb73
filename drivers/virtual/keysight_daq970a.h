/* drivers/virtual/keysight_daq970a.h - what a bench may choose about a virtual DAQ970A or 34970A
 * (emu_param.model). */
#ifndef DRIVERS_VIRTUAL_KEYSIGHT_DAQ970A_H
#define DRIVERS_VIRTUAL_KEYSIGHT_DAQ970A_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DAQ_SLOTS = 3,
    DAQ_PER_SLOT = 20
};

/* What is fitted at the end of a channel's leads. */
enum daq_sensor {
    DAQ_LEADS, /* two leads on a voltage */
    DAQ_THERMOCOUPLE,
    DAQ_RTD,
    DAQ_THERMISTOR,
};

struct daq_wire {
    uint16_t channel; /* 101..120, 201..220, 301..320 */
    uint16_t port;    /* of the world: volts for DAQ_LEADS, else kelvin */
    enum daq_sensor sensor;
    char type; /* of a thermocouple: B E J K N R S T; 0: K */
};

/* Constant while the emulator lives. A channel that no wire names is open.
 *
 * NULL, or no wires: a test bench where every channel finds what it is set up for: volts at port 0,
 * the right temperature sensor at port 1 where there is one. */
struct keysight_daq970a_model {
    bool is_34970a;   /* its identity, CR LF behind replies, READ? leaves nothing in memory */
    bool mains_60_hz; /* else 50 */
    bool no_module[DAQ_SLOTS]; /* slots 100, 200, 300; else a 20-channel multiplexer is in it */
    const struct daq_wire *wire;
    size_t n_wires;
};

#endif
