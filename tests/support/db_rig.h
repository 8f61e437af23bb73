/* tests/support/db_rig.h - a lab folder of its own and a made-up run whose every row follows from
 * its index. */
#ifndef TESTS_SUPPORT_DB_RIG_H
#define TESTS_SUPPORT_DB_RIG_H

#include "db/read.h"
#include "db/store.h"

enum {
    RIG_CYCLER,
    RIG_PRESS,
    RIG_CHAMBER,
    RIG_TABLES
};

extern const struct store_table rig_tables[RIG_TABLES];
extern const struct store_run rig_run;
extern const struct store_source rig_sources[2];

/* A new folder under the temporary one; and away with it. */
void rig_folder(char buf[256]);
void rig_remove(const char *dir);
void rig_path(char buf[400], const char *dir, int64_t number);

struct store *rig_lab(const char *dir);
int64_t rig_begin(struct store *s);
/* Rows from .. to - 1 and what goes with them; a commit after every commit_every rows, whose state
 * is the next index. 0: none. */
void rig_play(struct store *s, uint32_t from, uint32_t to, uint32_t commit_every);
/* What such a commit gives as states. */
struct rig_states {
    uint8_t state[300], world[9000];
    size_t n, n_world;
};
void rig_states(uint32_t next, struct rig_states *ret);
/* A commit whose state is `next`. */
void rig_commit(struct store *s, uint32_t next);
/* Go on: the index after the last commit. */
uint32_t rig_resume(struct store *s, int64_t number);
void rig_end(struct store *s, uint32_t rows, char sha[65]);
/* What rig_play puts as cell voltage; NaN now and then. */
double rig_voltage(uint32_t i);
double rig_time_s(uint32_t i);

/* SHA-256 over every cell of every table, with its type. */
void rig_dump(const char *path, char hex[65]);
/* First cell of a query. */
int64_t rig_query(const char *path, const char *sql);
void rig_exec(const char *path, const char *sql);

#endif
