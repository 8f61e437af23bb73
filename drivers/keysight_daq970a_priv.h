/* drivers/keysight_daq970a_priv.h - what the two files of the scanner share: the bench's scan and
 * how it is asked for. */
#ifndef DRIVERS_KEYSIGHT_DAQ970A_PRIV_H
#define DRIVERS_KEYSIGHT_DAQ970A_PRIV_H

#include "drivers/driver.h"

struct conf_doc;
struct conf_node;
struct diag;

enum {
    DAQ_SCAN_MAX = 12,    /* "+1.00000000E+01,101," twenty characters each, in one line */
    DAQ_COMMAND_MAX = 200 /* of one message, which holds at most two lists of the scan */
};

/* One measuring channel as the bench has it. Channels with the same command are set up together. */
struct daq_row {
    uint16_t number; /* 101: slot 1, channel 1 */
    bool thermocouple;
    const char *command;  /* "CONF:VOLT:DC 10": what stands before the list */
    double scale, offset; /* si = number * scale + offset */
};

struct daq_param {
    const char *serial;
    const struct conf_node *scan;
    const struct daq_row *row; /* by channel */
    const uint8_t *order;      /* channels by rising number: the instrument scans in that order */
};

/* The bench's `scan:` list; see make_chans() of the contract. */
int daq_make_chans(struct inst *inst, void *param, const struct conf_node *node,
                   struct conf_doc *doc, struct diag *reterr) MUST_USE;

#endif
