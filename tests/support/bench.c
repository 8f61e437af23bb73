/* tests/support/bench.c - see bench.h. */
#include "tests/support/bench.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static int missed;

double bench_now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;

    ASSERT(getrusage(RUSAGE_SELF, &u) == 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct bench_cost bench_best(void (*job)(void *ctx), void *ctx, int rounds)
{
    struct bench_cost best = {(double)INFINITY, (double)INFINITY};

    for (int i = 0; i < rounds; i++) {
        double wall = bench_now_s(), cpu = cpu_s();

        job(ctx);
        best.wall_s = fmin(best.wall_s, bench_now_s() - wall);
        best.cpu_s = fmin(best.cpu_s, cpu_s() - cpu);
    }
    return best;
}

void bench_begin(const char *title)
{
    printf("\n%-46s %9s %-8s %9s %9s %-9s %s\n", title, "measured", "unit", "processor", "limit",
           "judged", "the same in Python");
}

static const char *judge(const struct bench_line *l)
{
    bool good = l->more ? l->figure >= l->limit : l->figure <= l->limit;
    bool busy = l->more ? l->processor >= l->limit : l->processor <= l->limit;

    if (isnan(l->limit))
        return "";
    if (!good && !(isfinite(l->processor) && busy)) {
        missed++;
        return "TOO SLOW";
    }
    return good ? "good" : "busy";
}

static const char *figure_text(double v, char buf[24])
{
    if (isnan(v))
        return "";
    str_fixed(v, v < 10 ? 3 : v < 1000 ? 1 : 0, 0, false, false, buf, 24);
    return buf;
}

void bench_tell(const struct bench_line *l)
{
    char a[24], b[24], c[24];
    const char *judged = judge(l);

    printf("%-46s %9s %-8s %9s %9s %-9s %s\n", l->job, figure_text(l->figure, a), l->unit,
           figure_text(l->processor, b), figure_text(l->limit, c), judged, l->peers);
    fflush(stdout);
}

struct bench_line bench_rate(const char *job, const char *unit, struct bench_cost c, double amount,
                             double limit)
{
    return (struct bench_line){.job = job,
                               .unit = unit,
                               .figure = amount / c.wall_s,
                               .processor = amount / c.cpu_s,
                               .limit = limit,
                               .more = true};
}

struct bench_line bench_ms(const char *job, struct bench_cost c, double limit)
{
    return (struct bench_line){.job = job,
                               .unit = "ms",
                               .figure = c.wall_s * 1e3,
                               .processor = c.cpu_s * 1e3,
                               .limit = limit};
}

int bench_missed(void)
{
    return missed;
}

/* The peer prints milliseconds and its result. */
void bench_peer(struct bench_line *l, const char *name, const char *path, double ours_s,
                double result)
{
    const char *python = getenv("PYTHON"), *top = getenv("top_srcdir");
    char command[1200], line[200] = "", *end;
    size_t n = strlen(l->peers);
    double ms, theirs;
    FILE *p;

    snprintf(command, sizeof(command), "%s '%s/tests/bench/peers.py' %s '%s' 2>/dev/null",
             python ? python : "python3", top ? top : ".", name, path);
    p = popen(command, "r");
    if (!p)
        return;
    if (!fgets(line, sizeof(line), p))
        line[0] = '\0';
    if (pclose(p) != 0) {
        str_copy(l->peers, sizeof(l->peers), "not there");
        return;
    }
    ms = strtod(line, &end);
    theirs = strtod(end, NULL);
    snprintf(l->peers + n, sizeof(l->peers) - n, "%s%s %.*f ms x%.1f%s", n > 0 ? ", " : "", name,
             ms < 100 ? 1 : 0, ms, ms / 1e3 / ours_s,
             isnan(result) || fabs(theirs - result) <= 2e-3 * fabs(result) ? ""
                                                                           : " (ANOTHER RESULT)");
}
