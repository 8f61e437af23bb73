/* base/log.c - one line per message, and not more of them than a person can read. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    SITE_BURST = 10,
    LINE_SIZE = 512
};
#define SITE_WINDOW (10 * NSEC_S)

/* The one setting of the process's only log; written once by main. */
static _Atomic int level_most = LOG_WARN;

void log_set_level(enum log_level most)
{
    level_most = (int)most;
}

static const char *level_word(enum log_level level)
{
    switch (level) {
    case LOG_ERROR: return "error";
    case LOG_WARN: return "warn";
    case LOG_INFO: return "info";
    case LOG_DEBUG: return "debug";
    }
    return "unknown";
}

/* False while a site says too much; the first line of the next window tells how many were dropped.
 */
static bool site_open(struct log_site *site, nsec now, unsigned *ret_dropped)
{
    unsigned dropped = 0;

    if (site->count == 0 || now - site->window_start >= SITE_WINDOW || now < site->window_start) {
        dropped = site->count > SITE_BURST ? site->count - SITE_BURST : 0;
        site->window_start = now;
        site->count = 0;
    }
    site->count++;
    *ret_dropped = dropped;
    return site->count <= SITE_BURST;
}

void log_write(struct log_site *site, enum log_level level, nsec now, const char *fmt, ...)
{
    char line[LINE_SIZE];
    unsigned dropped;
    va_list ap;
    int n;

    if ((int)level > level_most || !site_open(site, now, &dropped))
        return;
    n = snprintf(line, sizeof(line), "<%u>t=%lld.%03lld level=%s ", (unsigned)level,
                 (long long)(now / NSEC_S), (long long)(now / NSEC_MS % 1000 * (now < 0 ? -1 : 1)),
                 level_word(level));
    if (n < 0 || n >= LINE_SIZE)
        return;
    va_start(ap, fmt);
    vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
    va_end(ap);
    for (char *p = line; *p;
         p++) /* whatever a message quotes, it stays one line and cannot steer a terminal */
        if ((unsigned char)*p < 0x20u || *p == 0x7F)
            *p = ' ';
    if (dropped > 0)
        fprintf(stderr, "%s suppressed=%u\n", line, dropped);
    else
        fprintf(stderr, "%s\n", line);
}
