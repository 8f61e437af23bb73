/* drivers/bus/modbus_lib.h - Modbus frames built and checked by libmodbus, which never waits: it
 * talks to a private socketpair that we empty and fill.
 *
 * libmodbus' raw request leaves the TCP transaction id 0 and its confirmation checks hardly more
 * than the CRC: the bus writes the id and matches unit, function, count and echo itself
 * (drivers/bus/match.c, wire/modbus.c modbus_answers()).
 */
#ifndef DRIVERS_BUS_MODBUS_LIB_H
#define DRIVERS_BUS_MODBUS_LIB_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct modbus_lib; /* one per bus */

int modbus_lib_open(bool tcp, struct modbus_lib **ret, struct diag *reterr) MUST_USE;
void modbus_lib_close(struct modbus_lib *m);
/* unit+PDU -> wire bytes by modbus_send_raw_request(); transaction is put into TCP frames. Length
 * or E_... */
int modbus_lib_wrap(struct modbus_lib *m, uint16_t transaction, const uint8_t *msg, size_t n,
                    uint8_t *ret_frame, size_t size) MUST_USE;
/* A complete reply frame: does modbus_receive_confirmation() take it? 0 (also for exceptions),
 * E_GARBLED. The socketpair is empty afterwards whatever came. */
int modbus_lib_check(struct modbus_lib *m, uint8_t unit, const uint8_t *frame, size_t n) MUST_USE;

#endif
