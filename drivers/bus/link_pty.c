/* drivers/bus/link_pty.c - the near end of a pseudo terminal: emulators in another process. */
#include "base/diag.h"
#include "base/err.h"
#include "drivers/bus/link_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* No echo, no line editing, no translation, no signals from bytes. One byte at least: reading
 * nothing then means that the far end is gone. */
static int make_raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) != 0)
        return -1;
    t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON |
                             IXOFF | INPCK);
    t.c_oflag &= ~(tcflag_t)OPOST;
    t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    t.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    t.c_cflag |= CS8 | CREAD | CLOCAL;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &t);
}

/* A real port would work at whatever speed it happens to have. */
static bool is_real_port(int fd)
{
    int lines;

    return ioctl(fd, TIOCMGET, &lines) == 0;
}

static int set_up(int fd, const char *uri, struct diag *reterr)
{
    int rc;

    if (!isatty(fd))
        return diag_add(reterr, E_INVALID, "%s is not a terminal", uri);
    if (is_real_port(fd)) {
        (void)diag_add(reterr, E_INVALID, "%s is a serial port", uri);
        diag_hint(reterr, "serial: instead of pty:");
        return E_INVALID;
    }
    rc = link_lock(fd, uri, reterr);
    if (rc != 0)
        return rc;
    if (make_raw(fd) != 0 || tcflush(fd, TCIFLUSH) != 0)
        return link_open_failed(reterr, uri, errno);
    return 0;
}

int pty_open(struct link *l, const char *where, struct diag *reterr)
{
    int fd = open(where, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return link_open_failed(reterr, l->uri, errno);
    rc = set_up(fd, l->uri, reterr);
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    l->fd = fd;
    return 0;
}
