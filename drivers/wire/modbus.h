/* drivers/wire/modbus.h - Modbus RTU and TCP frames both ways. No I/O, no allocation.
 *
 * Source: MODBUS Application Protocol V1.1b3, Modbus over Serial Line V1.02. Used by emulators alone and by the bus to know when a reply is
 * complete and whether it answers the request. Inside the house a message is unit id + PDU ("ADU without CRC and MBAP").
 */
#ifndef DRIVERS_WIRE_MODBUS_H
#define DRIVERS_WIRE_MODBUS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODBUS_ADU_MAX = 260, MODBUS_READ_MAX = 125, MODBUS_WRITE_MAX = 123 };
enum { MODBUS_EX_FUNCTION = 1, MODBUS_EX_ADDRESS = 2, MODBUS_EX_VALUE = 3, MODBUS_EX_FAILURE = 4, MODBUS_EX_BUSY = 6 };

uint16_t modbus_crc(const uint8_t *p, size_t n);

/* unit+PDU (n bytes) -> wire bytes. Returns the length, or E_FULL. */
int modbus_rtu_wrap(const uint8_t *msg, size_t n, uint8_t *ret_frame, size_t size) MUST_USE;
int modbus_tcp_wrap(uint16_t transaction, const uint8_t *msg, size_t n, uint8_t *ret_frame, size_t size) MUST_USE;

/* How long is the frame that starts here? >0: whole length in bytes (CRC or MBAP included) - may be more than n so far; 0: need more bytes to tell;
 * E_GARBLED: cannot be the start of a reply / request. Functions 1-6, 15, 16, 22, 23 and exceptions. */
int modbus_rtu_reply_length(const uint8_t *p, size_t n) MUST_USE;
int modbus_rtu_request_length(const uint8_t *p, size_t n) MUST_USE;
int modbus_tcp_length(const uint8_t *p, size_t n) MUST_USE;

/* Complete RTU frame: CRC right? */
bool modbus_rtu_intact(const uint8_t *frame, size_t n);

/* Does this reply (unit+PDU) answer that request? 0: yes. E_REFUSED: a matching exception, its code in *ret_exception. E_GARBLED: another unit,
 * function, byte count, or echoed address/value: not ours. */
int modbus_answers(const uint8_t *request, size_t n_request, const uint8_t *reply, size_t n_reply, uint8_t *ret_exception) MUST_USE;

/* Requests and replies as unit+PDU; each returns the length. */
size_t modbus_read_request(uint8_t unit, uint8_t function, uint16_t addr, uint16_t count, uint8_t *ret_msg);
size_t modbus_write_request(uint8_t unit, uint16_t addr, const uint16_t *words, uint16_t n, uint8_t *ret_msg); /* n 1: function 6; else 16 */
size_t modbus_exception(uint8_t unit, uint8_t function, uint8_t code, uint8_t *ret_msg);

uint16_t modbus_get_u16(const uint8_t *p);
void modbus_put_u16(uint8_t *p, uint16_t v);

#endif
