/* tests/bench/bench_import.c - how fast a recording is read: to nowhere, into memory, into a run
 * file. Each job is also done by pandas where python3 has it, and the ratio printed. Fails below
 * 150 MB/s to nowhere and 25 MB/s into a run file, by the processor time: a machine may have
 * company.
 *
 * bench_import [rows, 1000000]
 */
#include "analysis/import.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ROWS = 1000000,
    ROUNDS = 5,
    STEP_ROWS = 2500
};
#define PARSE_MB_S  150.0
#define IMPORT_MB_S 25.0

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

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

static void to_nowhere(const char *path, const char *lab)
{
    (void)lab;
    ASSERT(import_file(path, NULL, &import_null_sink, NULL, NULL) == 0);
}

static void to_memory(const char *path, const char *lab)
{
    struct recording r;

    (void)lab;
    ASSERT(import_recording(path, NULL, &r, NULL) == 0);
    recording_done(&r);
}

static void to_run(const char *path, const char *lab)
{
    struct import_run about = {.build = "bench", .capacity_ah = (double)NAN};
    struct import_report *report = malloc(sizeof(*report));
    struct store *s;
    int64_t number;

    ASSERT(report && lab_open(lab, &s, NULL) == 0);
    ASSERT(import_run(s, path, NULL, &about, report, &number, NULL) == 0);
    lab_close(s);
    free(report);
}

struct cost {
    double wall_s, cpu_s;
};

static double cpu_s(void)
{
    struct rusage u;

    ASSERT(getrusage(RUSAGE_SELF, &u) == 0);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* The best of some rounds: the others had company. */
static struct cost best(void (*job)(const char *, const char *), const char *path, const char *lab,
                        int rounds)
{
    struct cost best = {(double)INFINITY, (double)INFINITY};

    for (int i = 0; i < rounds; i++) {
        double wall = now_s(), cpu = cpu_s();

        job(path, lab);
        best.wall_s = fmin(best.wall_s, now_s() - wall);
        best.cpu_s = fmin(best.cpu_s, cpu_s() - cpu);
    }
    return best;
}

/* ---- The same in Python ---- */

static const char *const read_csv = "pandas.read_csv(p)";
static const char *const to_sql =
    "d = pandas.read_csv(p); c = sqlite3.connect(p + '.db'); d.to_sql('cycler', c,"
    " if_exists='replace', index=False); c.commit(); c.close()";

/* Seconds, NaN where it is not installed. */
static double python_s(const char *path, const char *what, int rounds)
{
    char command[1024], line[64] = "";
    FILE *p;
    double s;
    int n = snprintf(command, sizeof(command),
                     "python3 -c \"import time, sqlite3, pandas\np = '%s'\nb = 1e9\n"
                     "for _ in range(%d):\n t = time.perf_counter(); %s; b = min(b,"
                     " time.perf_counter() - t)\nprint('%%.6f' %% b)\" 2>/dev/null",
                     path, rounds, what);

    ASSERT(n > 0 && (size_t)n < sizeof(command));
    p = popen(command, "r");
    if (!p)
        return (double)NAN;
    if (!fgets(line, sizeof(line), p))
        line[0] = '\0';
    if (pclose(p) != 0 || str_to_double(line, strcspn(line, "\n"), &s) < 0)
        return (double)NAN;
    return s;
}

static void tell(const char *what, struct cost c, double mb, long rows, double python)
{
    printf("%-24s %6.3f s %6.1f MB/s %5.0f ns/row (processor %.3f s, %.1f MB/s)", what, c.wall_s,
           mb / c.wall_s, c.wall_s / (double)rows * 1e9, c.cpu_s, mb / c.cpu_s);
    if (!isnan(python))
        printf("  pandas %.3f s, ratio %.1f", python, python / c.wall_s);
    printf("\n");
}

static long peak_kb(void)
{
    struct rusage u;

    return getrusage(RUSAGE_SELF, &u) == 0 ? u.ru_maxrss : 0;
}

static void clean(const char *dir)
{
    char command[400];
    int n = snprintf(command, sizeof(command), "rm -rf '%s'", dir);

    ASSERT(n > 0 && (size_t)n < sizeof(command) && system(command) == 0);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/bench_import.XXXXXX", path[300], lab[300];
    int64_t rows = ROWS;
    struct stat st;
    struct cost nowhere, memory, run;
    double mb;
    long before_kb, nowhere_kb;

    if (argc > 1 && str_to_int(argv[1], strlen(argv[1]), &rows) < 0)
        return 2;
    ASSERT(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/rows.csv", dir);
    (void)snprintf(lab, sizeof(lab), "%s/lab", dir);
    write_rows(path, (long)rows);
    ASSERT(stat(path, &st) == 0);
    mb = (double)st.st_size / 1e6;
    printf("%lld rows, 6 columns, %.1f MB\n", (long long)rows, mb);
    before_kb = peak_kb();
    nowhere = best(to_nowhere, path, lab, ROUNDS);
    nowhere_kb = peak_kb() - before_kb;
    tell("parse, to nowhere", nowhere, mb, (long)rows, python_s(path, read_csv, 3));
    printf("%-24s %6.1f MB more than before\n", "memory of that, peak", (double)nowhere_kb / 1e3);
    memory = best(to_memory, path, lab, ROUNDS);
    tell("parse, into columns", memory, mb, (long)rows, python_s(path, read_csv, 3));
    printf("%-24s %6.2f of the file\n", "memory of that, peak", (double)peak_kb() / 1e3 / mb);
    run = best(to_run, path, lab, 3);
    tell("import into a run file", run, mb, (long)rows, python_s(path, to_sql, 1));
    clean(dir);
    if (mb / nowhere.cpu_s < PARSE_MB_S || mb / run.cpu_s < IMPORT_MB_S) {
        printf("TOO SLOW: %.0f MB/s to nowhere and %.0f MB/s into a run file are wanted\n",
               PARSE_MB_S, IMPORT_MB_S);
        return 1;
    }
    return 0;
}
