/* benchctl/bench.h - a bench file, checked and wired: lines, instruments, stations, safe sequences, and (for virtual benches) the world.
 *
 * bench_load() only reads; nothing moves. What changes while a bench works sits in struct bench_live, which is flat but for wiring, so that a virtual
 * bench can be saved and put back.
 */
#ifndef BENCHCTL_BENCH_H
#define BENCHCTL_BENCH_H

#include "base/conf.h"
#include "base/mem.h"
#include "drivers/bus/bus.h"
#include "drivers/virtual/host.h"
#include "drivers/virtual/world.h"
#include "procedures/engine/station.h"

enum {
    BENCH_BUSES_MAX = 8,
    BENCH_INSTS_MAX = 16,
    BENCH_STATIONS_MAX = 4,
    BENCH_RULES_MAX = 16,
    BENCH_ACTIONS_MAX = 12,
    BENCH_INTERLOCKS_MAX = 8,
    STATION_CELLS_MAX = 16,     /* groups of a string that are measured by themselves; 16 channels are one scanner's */
    STATION_PLACES_MAX = 8,     /* temperatures on the article */
    STATION_SCANNERS_MAX = 4,   /* instruments that measure them */
};

enum { INST_NONE = 255 };

struct bench_bus {
    const char *name, *link;
    int32_t baud, parity;
    double gap_s, timeout_s;
    int n; /* instruments on it */
};

struct bench_inst {
    const char *name;
    const struct driver *driver;
    uint8_t bus, slot;          /* which line; index on it */
    uint16_t unit;
    bool addressed;
    const char *calibration, *serial;
    double poll_s;
    bool poll_said;             /* in the bench file */
    bool guards_bench;          /* interlock inputs or the watchdog output: asked in real time, whatever --speed */
    struct chan chans[CHANNELS_MAX];
    struct inst inst;
    const struct emu *emu;      /* virtual twin */
    struct diag_pos pos;
};

/* One channel of an instrument, as `INSTRUMENT.CHANNEL` names it. */
struct bench_chan {
    uint8_t inst;
    uint16_t chan;
};
struct bench_station {
    const char *name;
    uint8_t cycler, regulator, force, chamber; /* instruments, INST_NONE */
    bool chamber_shared;
    double cell_area_m2, piston_m;
    uint8_t n_groups, n_places;
    struct bench_chan group[STATION_CELLS_MAX], place[STATION_PLACES_MAX]; /* voltages of the string's groups; temperatures */
    struct diag_pos pos;
};
/* Does the station read anything of this instrument? */
bool station_uses(const struct bench_station *s, uint8_t inst);

/* ---- Safe sequences: per station and by cause, first match ------------------------------------------------------- */

enum safe_cause { SAFE_ANY, SAFE_OVERPRESSURE, SAFE_OVERTEMPERATURE, SAFE_FIRE, SAFE_GAS, SAFE_INTERLOCK, SAFE_CAUSES };
extern const char *const safe_cause_names[];
enum safe_action_kind { ACTION_OUTPUT_OFF, ACTION_SAFE, ACTION_SET, ACTION_RAMP, ACTION_KEEP };
struct safe_action {
    struct diag_pos pos;
    uint8_t kind, inst;
    uint16_t chan;              /* ACTION_SET, ACTION_RAMP */
    double value, per_s;
};
struct safe_rule {
    struct diag_pos pos;
    int8_t station;             /* -1: shared */
    uint8_t cause;              /* station rules */
    uint8_t shared_inst;
    bool when_all_ended;        /* shared rules */
    uint32_t causes;            /* shared rules: bit set of enum safe_cause */
    uint8_t n;
    struct safe_action action[BENCH_ACTIONS_MAX];
};

/* ---- Interlocks and watchdog (interlocks.c) ------------------------------------------------------------------------- */

/* A contact whose opening, silence or staleness trips its scope at once. */
struct bench_interlock {
    const char *name;
    struct diag_pos pos;
    uint8_t inst;
    uint16_t chan;              /* a switch that is polled */
    bool healthy_on;            /* healthy: closed, which reads 1 */
    int8_t station;             /* -1: the whole bench */
    uint8_t cause;              /* enum safe_cause: which safe sequence it calls for */
    double needed_above_v;      /* counts only in runs that may go above; 0: in all */
};
/* An output that holds a relay while it is set again every period. */
struct bench_watchdog {
    bool there;
    struct diag_pos pos;
    uint8_t inst;
    uint16_t chan;
    double period_s;
    const char *about;
};
enum { INTERLOCK_POLL_MS = 200, WATCHDOG_PERIODS = 2 }; /* a relay drops after so many periods without a word */

/* ---- The virtual world of a bench ----------------------------------------------------------------------------------- */

struct world_station_conf {
    int32_t cell, errors;       /* enum bench_cell; 0 drawn, 1 none */
    int32_t seed, cycle, parallel; /* parallel: lab cells side by side; 0: one */
    double resistance_ohm, drift;
    const char *recording;
    const struct conf_node *cell_node;
    struct {                    /* CELL_STRING */
        const char *model;
        int32_t groups, parallel, module_groups;
        double lead_ohm, soc;
        const struct conf_node *spread, *differ;
    } string;
};
enum bench_cell { CELL_NONE, CELL_ASSB, CELL_REPLAY, CELL_STRING };

/* A string of cells as it is when the bench begins. */
struct bench_string {
    struct cell_param cell;
    struct world_string world;
    struct cell_string_state begin;
};

struct bench {
    struct conf_doc doc;
    struct conf_doc rows_doc[BENCH_INSTS_MAX]; /* files that list the channels of an instrument */
    uint8_t n_rows_docs;
    struct arena arena;
    const char *name;
    uint8_t n_buses, n_insts, n_stations, n_rules;
    struct bench_bus bus[BENCH_BUSES_MAX];
    struct bench_inst inst[BENCH_INSTS_MAX];
    struct bench_station station[BENCH_STATIONS_MAX];
    struct safe_rule rule[BENCH_RULES_MAX];
    uint8_t n_interlocks;
    struct bench_interlock interlock[BENCH_INTERLOCKS_MAX];
    struct bench_watchdog watchdog;
    const struct conf_node *guards; /* map; NULL: none */
    double pause_max_s;
    bool has_world;
    struct world_station_conf world[BENCH_STATIONS_MAX];
    double ambient_k;
    double chamber_start_k;     /* NaN: ambient */
    struct replay_table replay[BENCH_STATIONS_MAX];
    const struct bench_string *string[BENCH_STATIONS_MAX]; /* NULL: another cell */
};

/* Read, check, wire names to indices. Every finding is reported. */
int bench_load(const char *path, struct bench *ret, struct diag *reterr) MUST_USE;
void bench_done(struct bench *b);
int bench_find_inst(const struct bench *b, const char *name);       /* -1 */
int bench_find_station(const struct bench *b, const char *name);    /* NULL name: the only one; -1 */
int inst_find_chan(const struct bench_inst *i, const char *name);   /* -1 */

/* ---- A station as the engine sees it (stations.c) -------------------------------------------------------------------- */

struct chan_map {               /* of one station channel */
    uint8_t inst;
    uint16_t chan;              /* of the instrument */
    double scale;               /* station value = instrument value * scale; a set: instrument value = station value / scale */
};
struct station_map {
    struct station_desc desc;
    struct chan_map chan[STATION_CHANS_MAX];
    uint8_t group_inst[STATION_GROUPS_MAX];
};
/* capacity hint: the article's largest current, to name the accuracy of the range in use; 0: unknown. */
int station_map_build(const struct bench *b, int station, double current_a, struct station_map *ret, struct diag *reterr) MUST_USE;

/* The group of a followed model behind the instruments' (INST_NONE); nothing where the station cannot have one. */
void station_map_model(struct station_map *m);

/* --speed: every time of the station that is real becomes run time. E_RANGE, with the instrument that is too slow to be polled so often. */
int station_map_speed(struct station_map *m, double speed, struct diag *reterr) MUST_USE;

/* The lab cell of a station's world. */
void world_cell(const struct world_station_conf *w, struct assb_param *ret);

/* How long an instrument on this line may be silent before it is called lost. */
double bus_lost_after_s(const struct bench *b, uint8_t bus);

/* Gauge pressure at the regulator to pressure on the stack: piston area over cell area. */
double station_press_ratio(const struct bench_station *s);

/* Does this interlock count in a run on this station whose article may reach so many volts? */
bool interlock_counts(const struct bench_interlock *k, int station, double volts);
/* Older than this, an interlock input is not known to be healthy: three polls and a deadline. */
double interlock_stale_s(const struct bench *b, const struct bench_interlock *k);
/* Worst time from a contact's opening to the trip. */
double interlock_trip_s(const struct bench *b, const struct bench_interlock *k);
/* Volts that the instruments of this station can put out as the bench limits them; 0: none. */
double station_volts(const struct bench *b, int station);
/* From 60 V on: E-stop, door and watchdog, else findings. Part of `check` and of everything that begins a run. */
int bench_guarded(const struct bench *b, int station, struct diag *reterr) MUST_USE;

/* The cause of a trip as the safe sequences know it. */
const struct safe_rule *safe_rule_for(const struct bench *b, int station, enum safe_cause cause);

#endif
