/* tests/bench/bench_import.c - how fast a recording is read: to nowhere, into memory, into a run
 * file; each also by pandas where python3 has it. Fails below 150 MB/s to nowhere and 25 MB/s into
 * a run file: by the wall, unless the processor time shows that the machine had company.
 *
 * bench_import [rows, 1000000]
 */
#include "analysis/import.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/store.h"
#include "tests/support/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROWS = 1000000,
    ROUNDS = 5,
    STEP_ROWS = 2500
};
#define PARSE_MB_S  150.0
#define IMPORT_MB_S 25.0
#define NO_LIMIT    ((double)NAN)

struct paths {
    char csv[300], lab[300];
};

/* Six columns as an Arbin writes them: time, cycle, step, current, voltage, charge. */
static void write_rows(const char *path, long rows)
{
    FILE *f = fopen(path, "w");
    double charge = 0;

    ASSERT(f);
    fputs("Test_Time(s),Cycle_Index,Step_Index,Current(A),Voltage(V),Charge_Capacity(Ah)\n", f);
    for (long i = 0; i < rows; i++) {
        long step = i / STEP_ROWS;
        bool in = step % 2 == 0;
        double current = (in ? 2.17 : -2.17) + 1e-4 * (double)(i * 7919 % 97);

        charge += in ? current / 3600 : 0;
        fprintf(f, "%.4f,%ld,%ld,%.6f,%.6f,%.6f\n", (double)i + 0.0131, step / 2 + 1, step % 2 + 1,
                current, 3.2 + 1e-6 * (double)(i * 104729 % 1000003), charge);
    }
    ASSERT(fclose(f) == 0);
}

/* ---- Jobs ---- */

static void to_nowhere(void *ctx)
{
    const struct paths *p = ctx;
    int rc = import_file(p->csv, NULL, &import_null_sink, NULL, NULL);

    ASSERT(rc == 0);
}

static void to_memory(void *ctx)
{
    const struct paths *p = ctx;
    struct recording r;
    int rc = import_recording(p->csv, NULL, &r, NULL);

    ASSERT(rc == 0);
    recording_done(&r);
}

static void to_run(void *ctx)
{
    const struct paths *p = ctx;
    struct import_run about = {.build = "bench", .capacity_ah = (double)NAN};
    struct import_report *report = malloc(sizeof(*report));
    struct store *s;
    int64_t number;
    int rc = lab_open(p->lab, &s, NULL);

    ASSERT(report && rc == 0);
    rc = import_run(s, p->csv, NULL, &about, report, &number, NULL);
    ASSERT(rc == 0);
    lab_close(s);
    free(report);
}

static void write_through(int fd, size_t bytes)
{
    static char block[1 << 20];

    while (bytes > 0) {
        ssize_t n = write(fd, block, bytes < sizeof(block) ? bytes : sizeof(block));

        ASSERT(n > 0);
        bytes -= (size_t)n;
    }
    ASSERT(fsync(fd) == 0);
}

/* What the disk needs for as many bytes as the newest run file has. */
static void disk_itself(void *ctx)
{
    const struct paths *p = ctx;
    char path[400];
    struct stat st;
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/runs/000001.run", p->lab);
    ASSERT(stat(path, &st) == 0);
    (void)snprintf(path, sizeof(path), "%s/probe", p->lab);
    f = fopen(path, "w");
    ASSERT(f);
    write_through(fileno(f), (size_t)st.st_size);
    (void)fclose(f);
}

static long peak_kb(void)
{
    struct rusage u;

    return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss : 0;
}

static void tell_memory(const char *what, double of_the_file, double limit)
{
    struct bench_line l = {.job = what,
                           .unit = "of file",
                           .figure = of_the_file,
                           .processor = (double)NAN,
                           .limit = limit};

    bench_tell(&l);
}

static void tell_rate(const char *job, struct bench_cost c, double mb, double limit,
                      const char *peer, const struct paths *p, double rows)
{
    struct bench_line l = bench_rate(job, "MB/s", c, mb, limit);

    if (peer)
        bench_peer(&l, peer, p->csv, c.wall_s, rows);
    bench_tell(&l);
}

static void clean(const char *dir)
{
    char command[400];
    int n = snprintf(command, sizeof(command), "rm -rf '%s'", dir);

    ASSERT(n > 0 && (size_t)n < sizeof(command) && system(command) == 0);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/bench_import.XXXXXX", title[80];
    struct paths p;
    int64_t n = ROWS;
    struct stat st;
    struct bench_cost c;
    double mb, rows;
    long before_kb;

    if (argc > 1 && str_to_int(argv[1], strlen(argv[1]), &n) < 0)
        return 2;
    ASSERT(mkdtemp(dir));
    (void)snprintf(p.csv, sizeof(p.csv), "%s/rows.csv", dir);
    (void)snprintf(p.lab, sizeof(p.lab), "%s/lab", dir);
    write_rows(p.csv, (long)n);
    ASSERT(stat(p.csv, &st) == 0);
    mb = (double)st.st_size / 1e6;
    rows = (double)n;
    (void)snprintf(title, sizeof(title), "import: %lld rows x 6, %.1f MB", (long long)n, mb);
    bench_begin(title);
    before_kb = peak_kb();
    c = bench_best(to_nowhere, &p, ROUNDS);
    tell_memory("memory of parsing, peak", (double)(peak_kb() - before_kb) / 1e3 / mb, 2.0);
    tell_rate("parse, to nowhere", c, mb, PARSE_MB_S, "read_csv", &p, rows);
    c = bench_best(to_memory, &p, ROUNDS);
    tell_memory("memory of columns, peak", (double)(peak_kb() - before_kb) / 1e3 / mb, 2.0);
    tell_rate("parse, into columns", c, mb, NO_LIMIT, "read_csv", &p, rows);
    c = bench_best(to_run, &p, ROUNDS);
    tell_rate("import into a run file", c, mb, IMPORT_MB_S, "to_sql", &p, rows);
    c = bench_best(disk_itself, &p, ROUNDS);
    tell_rate("the disk: the run file's bytes and fsync", c, mb, NO_LIMIT, NULL, &p, rows);
    clean(dir);
    return bench_missed() > 0;
}
