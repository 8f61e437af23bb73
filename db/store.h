/* db/store.h - run files and the lab catalogue, the writing side. The only room that sees sqlite3.h (with db/read.h).
 *
 * A run file (runs/NNNNNN.run) is one SQLite database per run: run, source, channel, step, step_summary, event, anchor, frame, note, measure, register_value, run_state and one sample
 * table per group of channels (t_s, step, cycle, one REAL column a channel, quality), described by sample_table, plus a min/max pyramid for plots. STRICT, foreign keys, user_version,
 * application_id 0x42454e43 ("BENC"). The API speaks in batches over all runs of a bench, as the spool will: rows are put, store_commit() makes them durable.
 *
 * Under the virtual clock commits are by row count; a commit also overwrites the run's encoded state (and, for a virtual bench, the world's) in the same
 * transaction, so that what is in the file is one instant.
 */
#ifndef DB_STORE_H
#define DB_STORE_H

#include "base/attr.h"
#include "base/chan.h"
#include "base/nsec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;
struct store;

enum { STORE_COLUMNS_MAX = 36 };

struct store_run {             /* the first row of a run file */
    const char *procedure, *version, *title, *article, *bench, *station;
    const char *program_hash;  /* 64 hex digits */
    const char *build;         /* version of the program that made it */
    bool is_virtual;
    bool bulk;                 /* an import: can be made again. Written without a log and unsynced, durable at store_end; until then readers refuse it (E_STATE), and what is
                                * left of one that was cut short, or is closed before its end, is removed */
    uint64_t seed;
    nsec wall_start;           /* ns since the epoch, UTC */
    double capacity_c, area_m2; /* NaN: not given */
};
struct store_column {
    const char *name;          /* "voltage_v": made by the caller from chan_kind_info suffix */
    const char *channel;       /* "cell.voltage" */
    enum chan_kind kind;
    double accuracy_reading, accuracy_offset, resolution; /* kept with the data */
};
struct store_table {
    const char *name;          /* group: "cycler" */
    const char *instrument, *driver, *identity;
    unsigned n;
    struct store_column column[STORE_COLUMNS_MAX];
    const char *unit[STORE_COLUMNS_MAX]; /* NULL: that of the kind; "Ah" of an instrument's own counter */
    bool counts;               /* has charge_ah, energy_wh columns behind the channels (the cycler's) */
};

/* Lab folder: lab.db and runs/ are made when absent. */
int lab_open(const char *dir, struct store **ret, struct diag *reterr) MUST_USE;
void lab_close(struct store *s); /* rows that were put and not committed are lost */

/* A new run file; its number. sources: texts of procedure, article, bench and what they called, with names; stored with their SHA-256. */
struct store_source {
    const char *kind, *name, *text; /* "procedure", "formation.yaml", ... */
    size_t n;
};
int store_begin(struct store *s, const struct store_run *run, const struct store_table *tables, unsigned n_tables, const struct store_source *sources, unsigned n_sources,
                int64_t *ret_number, struct diag *reterr) MUST_USE;
/* Go on with a run file that has not ended: rows after its last commit are not there by construction. Loads the states (heap; the caller frees). E_NOENT; E_STATE when it has ended,
 * or when its process was killed before the first commit with a state: it can only be started anew. */
int store_resume(struct store *s, int64_t number, const struct store_table *tables, unsigned n_tables, uint8_t **ret_state, size_t *ret_n, uint8_t **ret_world, size_t *ret_n_world,
                 struct diag *reterr) MUST_USE;

/* Rows: kept in memory until store_commit writes them all in one transaction; no allocation per row. All return 0, E_STATE without a run, or E_FULL when 64 MiB
 * wait for a commit that works: the run then gets STORE_BEHIND. t: run time. */
struct store_row {
    unsigned table;
    nsec t;
    uint32_t step, cycle;          /* number of the act; cycle */
    const double *value;           /* n columns; NaN is NULL */
    const uint8_t *quality;        /* n; all Q_OK: NULL in the file, else one byte a column */
    double charge_ah, energy_wh;   /* tables with counts */
};
int store_sample(struct store *s, const struct store_row *row) MUST_USE;
struct store_event {
    uint64_t seq;
    nsec t;
    const char *kind;              /* "sample" events are not journalled; set_confirmed, edge, operator, trip, state, alarm ... */
    const char *channel;           /* or NULL */
    double value;                  /* NaN: NULL */
    const char *text;              /* or NULL */
};
int store_event(struct store *s, const struct store_event *e) MUST_USE;
struct store_step {                /* at FX_STEP_BEGIN */
    uint32_t number;
    nsec began;
    uint32_t cycle;
    const char *name, *verb, *file;
    int line;
};
int store_step_begin(struct store *s, const struct store_step *step) MUST_USE;
struct store_summary {             /* at FX_STEP_END, plain numbers in the field's units */
    uint32_t number, cycle;
    nsec ended;
    const char *cause, *end_name;
    double charge_ah, energy_wh;   /* signed */
    double charge_in_ah, charge_out_ah, energy_in_wh, energy_out_wh;
    double v_first, v_last, v_min, v_max, i_min, i_max, temperature_min_k, temperature_max_k, pressure_min_pa, pressure_max_pa, pressure_mean_pa;
};
int store_step_end(struct store *s, const struct store_summary *summary) MUST_USE;
int store_measure(struct store *s, nsec t, uint32_t step, uint32_t cycle, const char *name, double value, const char *unit) MUST_USE;
int store_note(struct store *s, nsec t, const char *level, const char *text) MUST_USE; /* level: note, info, warn, severe */
int store_register(struct store *s, nsec t, const char *name, double value, const char *unit) MUST_USE;
int store_frame(struct store *s, const char *bus, nsec t, char direction, const char *inst, const uint8_t *bytes, size_t n) MUST_USE; /* flight recorder, on trip or fault */
int store_identity(struct store *s, unsigned table, const char *identity) MUST_USE; /* what the instrument said it is */
int store_anchor(struct store *s, nsec mono, nsec wall) MUST_USE;

/* Make everything so far durable together with the states (NULL: unchanged). On E_FULL, E_IO or E_BUSY the file is as after the last commit and what was put
 * still waits: call again. store_pending: rows, events and the like that are not on their way to the file, for the owner's rule. With a store thread: waits for its commit
 * first (at most 10 s, else E_BUSY), then for its own. */
int store_commit(struct store *s, const uint8_t *state, size_t n, const uint8_t *world, size_t n_world, struct diag *reterr) MUST_USE;
unsigned store_pending(const struct store *s);

/* ---- Real time: a store thread ----
 *
 * A thread that owns the writing of run files, so that a slow disk never holds up the loop, and commits that are on the disk when they are answered for: synchronous=FULL. Before or
 * after store_begin or store_resume; once for a store, ends with lab_close. What was committed before is durable when it returns. */
int store_threaded(struct store *s, struct diag *reterr) MUST_USE;
/* For the loop: readable when a commit has ended. -1 without a thread. */
int store_event_fd(const struct store *s);
/* Hand over what was put so far, with the states (copied; NULL: unchanged), and go on putting: never waits. seq: the caller's number for it, of its newest event. E_BUSY while the
 * former one is not answered for (call again when it is); E_STATE without a run or a thread; E_NOMEM. After a commit that failed it takes what waits from that one along. */
int store_commit_begin(struct store *s, const uint8_t *state, size_t n, const uint8_t *world, size_t n_world, uint64_t seq) MUST_USE;
/* Never waits. 1: a commit has ended well, 0: none since the last call; everything up to *ret_durable_seq is durable, whatever happens to process, host or power. E_FULL, E_IO, E_BUSY
 * (somebody else has the file locked for 5 s): it has failed, once told; rows and states wait for the next store_commit_begin. */
int store_commit_poll(struct store *s, uint64_t *ret_durable_seq, struct diag *reterr) MUST_USE;
/* What is put and not durable yet, for the owner's rule (STORE_BEHIND). Without a thread: what waits for store_commit. */
struct store_waiting {
    size_t bytes;
    unsigned records;
    nsec oldest;                   /* run time of the oldest of them; NSEC_NEVER: none. Its age is now less this. */
};
void store_behind(const struct store *s, struct store_waiting *ret);

struct store_end {
    nsec t;
    const char *verdict, *cause, *text; /* "done", "tripped" ... */
    int exit_code;
    uint64_t events, guard_evaluations;
    double virtual_speed;          /* NaN on a real bench */
};
/* Close the run: pyramid rest, states deleted, checkpoint, journal_mode=DELETE, integrity check, SHA-256 over all sample rows and of the file into the catalogue.
 * E_FULL, E_IO, E_BUSY with the run still under way: call again. A reader that has the file open keeps it in WAL mode; the next lab_open finishes that.
 * E_CORRUPT: it has ended, but a check failed. With a store thread: what it has not written is written here; E_BUSY when the disk has not answered it for 10 s. */
int store_end(struct store *s, const struct store_end *end, char ret_rows_sha256[65], struct diag *reterr) MUST_USE;

/* Articles in the catalogue (benchctl article): upsert with the file's text; history kept. */
int lab_article_put(struct store *s, const char *name, const char *barcode, const char *kind, const char *text, nsec wall, struct diag *reterr) MUST_USE;
/* Text of an article by name or barcode (heap). E_NOENT. */
int lab_article_get(struct store *s, const char *name_or_barcode, char **ret_text, struct diag *reterr) MUST_USE;

#endif
