/* drivers/bus/link_priv.h - between the kinds of links. `where` is what stands behind "pty:" and
 * so on; whoever opens sets fd (and port, connecting). */
#ifndef DRIVERS_BUS_LINK_PRIV_H
#define DRIVERS_BUS_LINK_PRIV_H

#include "drivers/bus/link.h"

/* What errno says, for the operator. */
const char *link_why(int error);
/* A failed open(): what may pass is E_LOST, what will not is E_INVALID. */
int link_open_failed(struct diag *reterr, const char *uri, int error);
/* Take a port for ourselves: 0, or E_BUSY. */
int link_lock(int fd, const char *uri, struct diag *reterr) MUST_USE;
bool link_has_hung_up(int fd);

int pty_open(struct link *l, const char *where, struct diag *reterr) MUST_USE;

/* Is it host:port? */
int tcp_parse(const char *uri, const char *where, struct diag *reterr) MUST_USE;
int tcp_open(struct link *l, const char *where, struct diag *reterr) MUST_USE;

int serial_open(struct link *l, const char *where, const struct link_conf *conf,
                struct diag *reterr) MUST_USE;
void serial_close(struct link *l);
/* Bytes done now, or E_LOST. */
int serial_write(struct link *l, const uint8_t *p, size_t n) MUST_USE;
int serial_read(struct link *l, uint8_t *buf, size_t size) MUST_USE;

#endif
