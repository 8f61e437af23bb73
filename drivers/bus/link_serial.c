/* drivers/bus/link_serial.c - serial ports through libserialport.
 *
 * It knows a port by its kernel name only, not by the links that udev makes, it does not lock, and
 * when an adapter is pulled it reads nothing for ever: these three are made good here.
 */
#define _XOPEN_SOURCE 700 /* realpath() */

#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/bus/link_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libserialport.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- Finding ---- */

static bool has_usb_serial(const struct sp_port *port, const char *want)
{
    const char *serial = sp_get_port_usb_serial(port);

    return serial && strcmp(serial, want) == 0;
}

static int find_by_usb_serial(const char *uri, const char *want, struct sp_port **ret_port,
                              struct diag *reterr)
{
    struct sp_port **list;
    struct sp_port *found = NULL;
    unsigned n = 0;
    int rc = 0;

    if (sp_list_ports(&list) != SP_OK)
        return diag_add(reterr, E_LOST, "the serial ports cannot be listed");
    for (size_t i = 0; list[i]; i++) {
        if (!has_usb_serial(list[i], want))
            continue;
        found = list[i];
        n++;
    }
    if (n == 0) {
        rc = diag_add(reterr, E_LOST, "%s is not plugged in", uri);
    } else if (n > 1) {
        rc = diag_add(reterr, E_INVALID, "%u ports have the USB serial number \"%s\"", n, want);
        diag_hint(reterr, "name one of them: serial:/dev/serial/by-id/...");
    } else if (sp_copy_port(found, ret_port) != SP_OK) {
        rc = diag_add(reterr, E_NOMEM, "no memory for %s", uri);
    }
    sp_free_port_list(list);
    return rc;
}

static int find_by_path(const char *uri, const char *path, struct sp_port **ret_port,
                        struct diag *reterr)
{
    char real[PATH_MAX];

    if (!realpath(path, real))
        return link_open_failed(reterr, uri, errno);
    if (sp_get_port_by_name(path, ret_port) == SP_OK ||
        sp_get_port_by_name(real, ret_port) == SP_OK)
        return 0;
    (void)diag_add(reterr, E_INVALID, "%s is not a serial port", uri);
    if (str_starts(real, "/dev/pts/"))
        diag_hint(reterr, "pty: instead of serial:");
    return E_INVALID;
}

/* ---- Opening ---- */

static const enum sp_parity parities[] = {SP_PARITY_NONE, SP_PARITY_EVEN, SP_PARITY_ODD};
static const char *const parity_names[] = {"none", "even", "odd"};

static int configure(struct sp_port *port, const struct link_conf *conf)
{
    if (sp_set_baudrate(port, conf->baud) != SP_OK || sp_set_bits(port, 8) != SP_OK ||
        sp_set_parity(port, parities[conf->parity]) != SP_OK || sp_set_stopbits(port, 1) != SP_OK ||
        sp_set_flowcontrol(port, SP_FLOWCONTROL_NONE) != SP_OK)
        return E_INVALID;
    /* Isolated adapters often take their power from these; a port without them works as well. */
    (void)sp_set_rts(port, SP_RTS_ON);
    (void)sp_set_dtr(port, SP_DTR_ON);
    return 0;
}

/* Drivers round or ignore what their chip cannot do. */
static bool is_as_configured(struct sp_port *port, const struct link_conf *conf)
{
    struct sp_port_config *got;
    enum sp_parity parity = SP_PARITY_INVALID;
    int baud = 0;
    bool ok;

    if (sp_new_config(&got) != SP_OK)
        return false;
    ok = sp_get_config(port, got) == SP_OK && sp_get_config_baudrate(got, &baud) == SP_OK &&
         sp_get_config_parity(got, &parity) == SP_OK && baud == conf->baud &&
         parity == parities[conf->parity];
    sp_free_config(got);
    return ok;
}

static int set_up(struct sp_port *port, int fd, const char *uri, const struct link_conf *conf,
                  struct diag *reterr)
{
    int rc = link_lock(fd, uri, reterr);

    if (rc != 0)
        return rc;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return link_open_failed(reterr, uri, errno);
    if (configure(port, conf) != 0 || !is_as_configured(port, conf))
        return diag_add(reterr, E_INVALID, "%s does not take %d baud with parity %s", uri,
                        conf->baud, parity_names[conf->parity]);
    if (sp_flush(port, SP_BUF_BOTH) != SP_OK)
        return link_open_failed(reterr, uri, EIO);
    return 0;
}

static int open_port(struct link *l, struct sp_port *port, const struct link_conf *conf,
                     struct diag *reterr)
{
    int fd = -1;
    int rc;

    if (sp_open(port, SP_MODE_READ_WRITE) != SP_OK)
        return link_open_failed(reterr, l->uri, sp_last_error_code());
    if (sp_get_port_handle(port, &fd) == SP_OK)
        rc = set_up(port, fd, l->uri, conf, reterr);
    else
        rc = link_open_failed(reterr, l->uri, EIO);
    if (rc != 0) {
        (void)sp_close(port);
        return rc;
    }
    l->fd = fd;
    l->port = port;
    return 0;
}

int serial_open(struct link *l, const char *where, const struct link_conf *conf,
                struct diag *reterr)
{
    struct sp_port *port = NULL;
    int rc;

    if (!conf || conf->baud <= 0)
        return diag_add(reterr, E_INVALID, "%s is a serial line and has no baud rate", l->uri);
    if (conf->parity < 0 || (size_t)conf->parity >= ARRAY_LEN(parities))
        return diag_add(reterr, E_INVALID, "%s is given no known parity", l->uri);
    if (str_starts(where, "usb-serial="))
        rc = find_by_usb_serial(l->uri, where + strlen("usb-serial="), &port, reterr);
    else
        rc = find_by_path(l->uri, where, &port, reterr);
    if (rc != 0)
        return rc;
    rc = open_port(l, port, conf, reterr);
    if (rc != 0)
        sp_free_port(port);
    return rc;
}

void serial_close(struct link *l)
{
    (void)sp_close(l->port);
    sp_free_port(l->port);
    l->port = NULL;
}

/* ---- Bytes ---- */

int serial_write(struct link *l, const uint8_t *p, size_t n)
{
    int done = sp_nonblocking_write(l->port, p, n);

    if (done >= 0)
        return done;
    return sp_last_error_code() == EAGAIN || sp_last_error_code() == EINTR ? 0 : E_LOST;
}

int serial_read(struct link *l, uint8_t *buf, size_t size)
{
    int n = sp_nonblocking_read(l->port, buf, size);

    if (n > 0)
        return n;
    if (n < 0 && sp_last_error_code() != EAGAIN && sp_last_error_code() != EINTR)
        return E_LOST;
    return link_has_hung_up(l->fd) ? E_LOST : 0;
}

/* ---- Listing ---- */

static unsigned count_usb_serial(struct sp_port *const *list, const char *serial)
{
    unsigned n = 0;

    for (size_t i = 0; list[i]; i++)
        n += has_usb_serial(list[i], serial);
    return n;
}

/* The name that stays when things are plugged elsewhere, where there is one: an adapter with two
 * ports has one number for both. */
static void describe(struct sp_port *const *list, const struct sp_port *port,
                     struct link_port *ret_port)
{
    const char *name = sp_get_port_name(port);
    const char *serial = sp_get_port_usb_serial(port);
    const char *description = sp_get_port_description(port);
    int rc;

    memset(ret_port, 0, sizeof(*ret_port));
    (void)str_copy(ret_port->name, sizeof(ret_port->name), name ? name : "");
    (void)str_copy(ret_port->usb_serial, sizeof(ret_port->usb_serial), serial ? serial : "");
    (void)str_copy(ret_port->description, sizeof(ret_port->description),
                   description ? description : "");
    if (serial && serial[0] != '\0' && count_usb_serial(list, serial) == 1)
        rc = str_fmt(ret_port->uri, sizeof(ret_port->uri), "serial:usb-serial=%s", serial);
    else
        rc = str_fmt(ret_port->uri, sizeof(ret_port->uri), "serial:%s", name ? name : "");
    if (rc != 0)
        ret_port->uri[0] = '\0'; /* cut short it would be another's */
}

int link_list(int (*each)(void *ctx, const struct link_port *), void *ctx, struct diag *reterr)
{
    struct sp_port **list;
    struct link_port port;
    int rc = 0;

    if (sp_list_ports(&list) != SP_OK)
        return diag_add(reterr, E_IO, "the serial ports cannot be listed");
    for (size_t i = 0; list[i] && rc == 0; i++) {
        describe(list, list[i], &port);
        rc = each(ctx, &port);
    }
    sp_free_port_list(list);
    return rc;
}
