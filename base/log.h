/* base/log.h - logfmt lines to stderr with journald priority prefix, rate-limited per call site.
 * Only benchctl/ calls it. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"
#include "base/nsec.h"

enum log_level {
    LOG_ERROR = 3,
    LOG_WARN = 4,
    LOG_INFO = 6,
    LOG_DEBUG = 7
};

/* Default LOG_WARN to stderr. */
void log_set_level(enum log_level most);
struct log_site {
    nsec window_start;
    unsigned count;
};
void log_write(struct log_site *site, enum log_level level, nsec now, const char *fmt, ...)
    PRINTF(4, 5);
#define log_at(level, now, ...)                             \
    do {                                                    \
        static struct log_site log_site_here;               \
        log_write(&log_site_here, level, now, __VA_ARGS__); \
    } while (0)

#endif
