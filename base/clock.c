/* base/clock.c - the system's clocks are read here and nowhere else. */
#include "base/clock.h"

#include "base/err.h"
#include "base/str.h"

#include <time.h>

static nsec read_clock(clockid_t id)
{
    struct timespec ts;

    ASSERT(clock_gettime(id, &ts) == 0);
    return (nsec)ts.tv_sec * NSEC_S + (nsec)ts.tv_nsec;
}

void clock_init_os(struct clock *c)
{
    *c = (struct clock){
        .is_virtual = false,
        .mono = read_clock(CLOCK_MONOTONIC),
        .wall_at_start = read_clock(CLOCK_REALTIME),
    };
}

void clock_init_virtual(struct clock *c, int64_t wall_start_s)
{
    *c = (struct clock){.is_virtual = true, .wall_at_start = wall_start_s * NSEC_S};
}

nsec clock_mono(const struct clock *c)
{
    return c->is_virtual ? c->mono : read_clock(CLOCK_MONOTONIC) - c->mono;
}

nsec clock_os(const struct clock *c, nsec t)
{
    return t >= NSEC_NEVER - c->mono ? NSEC_NEVER : t + c->mono;
}

/* The real wall clock is asked anew each time: anchor pairs are there to show its steps. */
nsec clock_wall(const struct clock *c)
{
    return c->is_virtual ? c->wall_at_start + c->mono : read_clock(CLOCK_REALTIME);
}

void clock_advance_to(struct clock *c, nsec t)
{
    ASSERT(c->is_virtual);
    ASSERT(t >= c->mono);
    c->mono = t;
}

const char *wall_format(nsec wall, bool seconds, char *buf, size_t size)
{
    nsec rest = wall % NSEC_S;
    time_t t = (time_t)(wall / NSEC_S) - (rest < 0);
    struct tm tm;
    int rc;

    if (!gmtime_r(&t, &tm)) {
        str_copy(buf, size, "?");
        return buf;
    }
    rc = str_fmt(buf, size, "%04d-%02d-%02d %02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min);
    if (rc == 0 && seconds && size >= sizeof("2026-11-20 18:02:33"))
        rc = str_fmt(buf + 16, size - 16, ":%02d", tm.tm_sec);
    if (rc < 0 && size > 0)
        buf[size - 1] = '\0';
    return buf;
}
