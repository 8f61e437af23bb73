/* benchctl/bench_priv.h - between the readers of a bench file. */
#ifndef BENCHCTL_BENCH_PRIV_H
#define BENCHCTL_BENCH_PRIV_H

#include "benchctl/bench.h"

extern const struct schema bench_schema, bus_schema, inst_schema, station_schema;

/* Index of the instrument, or a finding and -1. */
int inst_named(const struct bench *b, const char *name, const struct diag_pos *pos, struct diag *reterr);

/* scanfile.c: a channel of an instrument by its name, `daq.group_1`; and what a station measures of its article with channels of several instruments. */
int chan_named(const struct bench *b, const struct conf_node *n, struct bench_chan *ret, struct diag *reterr);
void scan_read(const struct bench *b, struct bench_station *s, const struct conf_node *groups, const struct conf_node *temperatures, struct diag *reterr);
/* No channel is two things. */
void scan_check(const struct bench *b, struct diag *reterr);

/* stringfile.c: a string of cells. */
void string_read(struct bench *b, int station, const struct conf_node *n, struct diag *reterr);

/* safefile.c: safe sequences. */
void safe_read(struct bench *b, const struct conf_node *map, struct diag *reterr);

/* interlocks.c: contacts and the watchdog output. */
void interlocks_read(struct bench *b, const struct conf_node *map, struct diag *reterr);
void watchdog_read(struct bench *b, const struct conf_node *map, struct diag *reterr);

/* worldfile.c: what a virtual bench is wired to. */
void world_read(struct bench *b, const struct conf_node *map, struct diag *reterr);

/* channelsfile.c: channels of a driver that has none of its own; `own` are the driver's keys, param its parameters. */
int channels_read(struct bench *b, struct bench_inst *inst, const struct conf_node *own, void *param, struct diag *reterr);

/* The value node of `key` in a map, for a caret on it; the map itself when absent. */
const struct diag_pos *value_pos(const struct conf_node *map, const char *key);

/* A path in a file is relative to that file. */
const char *path_beside(struct arena *a, const char *file, const char *path);
void heap_free(void *p);

#endif
