/* db/read.h - run files and the catalogue, the reading side: read-only, short transactions, works while a run is going on.
 *
 * A run of 100 MB is listed, shown and plotted in well under a second: lists come from the catalogue (or the run row), tables from step_summary, plots from the min/max pyramid.
 */
#ifndef DB_READ_H
#define DB_READ_H

#include "base/attr.h"
#include "base/nsec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct run_file;

struct run_info {
    int64_t number;
    char procedure[64], version[24], title[120], article[64], bench[64], station[32], verdict[24], cause[40], text[160], hash[65], build[40], rows_sha256[65];
    nsec wall_start, duration;   /* duration so far when it has not ended */
    bool ended, is_virtual;
    double capacity_c, area_m2;
    uint64_t seed, events, guard_evaluations;
};
/* Callback per run, newest first; nonzero stops. Rebuilds the catalogue's run index from the files where it is behind. */
int lab_runs(const char *lab, int (*each)(void *ctx, const struct run_info *), void *ctx, struct diag *reterr) MUST_USE;

/* number: from `runs`; 0: the newest. */
int run_open(const char *lab, int64_t number, struct run_file **ret, struct diag *reterr) MUST_USE;
int run_open_path(const char *path, struct run_file **ret, struct diag *reterr) MUST_USE;
void run_close(struct run_file *f);
int run_info(struct run_file *f, struct run_info *ret, struct diag *reterr) MUST_USE;

struct step_row {
    uint32_t number, cycle;
    char name[80], verb[16], cause[40], end_name[96];
    nsec began, ended;           /* ended NSEC_NEVER: under way */
    double charge_ah, energy_wh, charge_in_ah, charge_out_ah, energy_in_wh, energy_out_wh, v_first, v_last, v_min, v_max, i_min, i_max, temperature_min_k, temperature_max_k,
        pressure_min_pa, pressure_max_pa, pressure_mean_pa;
};
int run_steps(struct run_file *f, int (*each)(void *ctx, const struct step_row *), void *ctx, struct diag *reterr) MUST_USE;

struct cycle_row {
    uint32_t cycle;
    double charge_ah, discharge_ah, charge_wh, discharge_wh, ce, ee; /* verbs charge and discharge only, pulses apart; ce, ee as fractions; NaN where not defined */
    double v_charge_mean, v_discharge_mean;
    double pressure_pa;          /* mean over the cycle's steps; NaN */
};
int run_cycles(struct run_file *f, int (*each)(void *ctx, const struct cycle_row *), void *ctx, struct diag *reterr) MUST_USE;

struct measure_row {
    nsec t;
    uint32_t step, cycle;
    char name[64], unit[24];
    double value;
};
int run_measures(struct run_file *f, int (*each)(void *ctx, const struct measure_row *), void *ctx, struct diag *reterr) MUST_USE;
/* What `save:` put into registers, oldest first; step and cycle: of the step under way at t. */
int run_registers(struct run_file *f, int (*each)(void *ctx, const struct measure_row *), void *ctx, struct diag *reterr) MUST_USE;

struct note_row {
    nsec t;
    char level[16], text[240];
};
int run_notes(struct run_file *f, int (*each)(void *ctx, const struct note_row *), void *ctx, struct diag *reterr) MUST_USE;

struct channel_row {
    char name[64], table[40], column[48], unit[16], instrument[64], identity[96];
};
int run_channels(struct run_file *f, int (*each)(void *ctx, const struct channel_row *), void *ctx, struct diag *reterr) MUST_USE;

/* A channel over time, thinned to at most `points` buckets of min and max (from the pyramid where the run is long; exact rows where they are few). t in s. */
struct trace {
    size_t n;
    double *t_s, *lo, *hi; /* heap, one block */
};
int run_trace(struct run_file *f, const char *channel, double from_s, double to_s, unsigned points, struct trace *ret, struct diag *reterr) MUST_USE;
void trace_done(struct trace *t);

/* Voltage against charge per half cycle, for plots: at most points per branch. */
struct branch_row {
    uint32_t cycle;
    bool charge;
    double q_ah, v_v;
};
int run_branches(struct run_file *f, unsigned points, int (*each)(void *ctx, const struct branch_row *), void *ctx, struct diag *reterr) MUST_USE;

/* All rows of a table as text cells (for --csv). header: column names first. */
int run_rows(struct run_file *f, const char *table, int (*each)(void *ctx, unsigned n, const char *const *cells), void *ctx, struct diag *reterr) MUST_USE;
/* To follow a table: its rows behind number *at, as run_rows gives them, at most 5000 in one short transaction; *at becomes the number of the last. Negative *at: begin with the
 * last -*at rows there are. Rows of a sample table are numbered from 1, `step` by step, `note` and `event` in their order. */
int run_rows_after(struct run_file *f, const char *table, int64_t *at, int (*each)(void *ctx, unsigned n, const char *const *cells), void *ctx, struct diag *reterr) MUST_USE;
/* Somebody is writing the file, as far as this host can tell: one that has not ended and is not written was broken off.
 * Not for the process that writes it: looking would drop its lock. */
bool run_is_written(const struct run_file *f);
/* A sample table, whole, as columns of numbers: oldest first, NaN where nothing valid was put. index: 0 .. ; E_NOENT behind the last table. Read in short transactions, so
 * that it holds up no commit of a run under way; what came after the call began is not in it. Heap, one block. */
struct number_column {
    char name[48], unit[16];
    double accuracy_reading, accuracy_offset, resolution; /* as the instrument states them; NaN */
    double *v;
};
struct number_columns {
    char table[48];
    bool counts;                 /* the last two columns are charge_ah and energy_wh, per step */
    size_t n;
    double *t_s;
    uint32_t *step, *cycle;
    unsigned n_columns;
    struct number_column column[64];
    void *block;
};
int run_columns(struct run_file *f, unsigned index, struct number_columns *ret, struct diag *reterr) MUST_USE;
void number_columns_done(struct number_columns *c); /* takes a zeroed one */

/* SHA-256 over all sample rows of all tables, in order: the determinism test's figure. */
int run_rows_sha256(struct run_file *f, char ret_hex[65], struct diag *reterr) MUST_USE;

#endif
