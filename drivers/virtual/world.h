/* drivers/virtual/world.h - the physics that the emulators of one bench share.
 *
 * Articles (cells), a press fixture per station, chambers; coupled here through models/. Flat: the whole world is one struct that can be copied into a
 * checkpoint. Integrates on demand up to the instant asked for, exactly at each change of a drive, with sub-steps of at most 1 s; 0.25 s while a voltage
 * holds the terminals, 0.05 s while the press moves. A constant current that runs into a voltage limit is cut at the crossing, to 0.1 ms.
 *
 * A single cell follows its chamber's air with a lag of 20 min (our own choice); cells of a string have heat of their own. Without a press an ASSB cell sits at the model's lowest pressure.
 * A source with i_min = i_max and v_min < v_max is a current source: its voltage limits win, even where that takes the current out of its sign, as real
 * ones do against a cell above their limit. Any other box is a voltage source: its current limits win. Terminals without a cell show what the source would.
 *
 * The watchdog relay of the bench stands behind all of them: while it has dropped every source is disconnected from its article and no chamber conditions,
 * whatever the instruments believe. Air in a press stays.
 */
#ifndef DRIVERS_VIRTUAL_WORLD_H
#define DRIVERS_VIRTUAL_WORLD_H

#include "base/nsec.h"
#include "drivers/virtual/emu.h"
#include "models/assb.h"
#include "models/cell_string.h"
#include "models/press.h"
#include "models/replay.h"
#include "models/thermal.h"

enum { WORLD_STATIONS_MAX = 4, WORLD_CHAMBERS_MAX = 2, WORLD_PORTS_MAX = 64 };

enum world_cell_kind { WORLD_NO_CELL, WORLD_ASSB, WORLD_REPLAY, WORLD_STRING };

/* Groups of parallel cells in series. Each cell has a temperature of its own, out of its heat and the air. */
struct world_string {
    struct cell_string_param cells;
    unsigned module_groups; /* groups of one module: place k of the station is module k, the mean of its cells */
    double lead_ohm;        /* of bars and leads between the groups: the terminals see them, wires on a group do not */
};
/* What a station's cell is made of: immutable, set again after a restore; never part of the state's meaning. */
struct world_wiring {
    const struct replay_table *replay;
    const struct world_string *string;
};

/* How a sense lead is open: it reads nothing, so that a voltage source rises to its most; or it floats at the voltage that the source is set to. */
enum world_sense { SENSE_WIRED, SENSE_DEAD, SENSE_FLOATS };

/* What goes wrong in the plant itself, at an instant of its own. */
enum world_mishap_kind {
    MISHAP_NONE,
    MISHAP_EMF,      /* value V are added to the cell's own voltage */
    MISHAP_PRESSURE, /* the regulator's valve sticks: value Pa gauge, whatever it is set to */
    MISHAP_AIR,      /* the air of the station's chamber is value K, whatever it is set to */
    MISHAP_SENSE,    /* value (enum world_sense): the sense lead falls off */
    MISHAP_LEAD,     /* the current lead falls off */
    MISHAP_CURRENT,  /* the source lets value A more flow than its limits say, while it is on */
    MISHAP_COUNT
};
struct world_mishap {
    nsec at;
    double value;
    uint8_t kind;
};

struct world_memo {
    double ocv_y, ocv_v;                           /* key, value; NaN: none yet */
    double series_pa, series_k, series_ohm;
};

struct world_station {
    uint8_t cell_kind;          /* enum world_cell_kind */
    uint8_t has_press;
    uint8_t chamber;            /* index; 255: none, ambient */
    uint8_t limit;              /* which limit holds: 0, 'V', 'I' */
    uint8_t reversed, open_lead; /* wiring faults; open_lead: current and sense together */
    uint8_t open_force;         /* the current lead alone: the cell is still sensed */
    uint8_t open_sense;         /* enum world_sense */
    double gauge_offset_pa;     /* the regulator shows so much more than the gauge pressure: an absolute one shows an atmosphere */
    double force_offset_n;      /* what an unloaded load cell shows */
    uint8_t force_stuck;        /* the load cell does not move: it shows force_offset_n */
    struct world_mishap mishap;
    double emf_v, astray_a;     /* of mishaps that have happened */
    uint8_t jammed;             /* the press stays where it is */
    double load_a;              /* for tests: load_until is the last instant known at which more than this flowed */
    nsec load_until;
    uint8_t cut;                /* by the watchdog relay */
    struct assb_param assb_param;
    struct assb_state assb;
    struct replay_state replay;
    struct cell_string_state string;
    double air_k;               /* around it */
    struct press_param press_param;
    struct press_state press;
    struct thermal_lag cell_temperature; /* cell follows the chamber's air */
    struct port_drive source;   /* what stands at the terminals */
    struct world_memo memo;     /* of costly evaluations; keys are compared exactly, so that it never changes a result */
    double current_a, voltage_v;
    double charge_in_c, charge_out_c; /* true coulombs passed at the terminals, each direction: the truth of the accuracy tests */
    double current_peak_a, current_low_a, voltage_peak_v, voltage_low_v, pressure_peak_pa; /* extremes, for tests */
};

struct world_chamber {
    struct chamber_param param;
    struct chamber_state state;
    struct port_drive drive;
    uint8_t jammed; /* the air stays as it is */
};

/* What a measuring point is at. */
enum probe_kind {
    PROBE_VOLTAGE,     /* group `index` of the station's string, from 1; group 1 of a single cell is the cell, sensed by wires of the probe's own */
    PROBE_TEMPERATURE, /* place `index` of the station, from 1: a module of a string; place 1 of a single cell is the cell */
    PROBE_AIR,         /* of chamber `of` */
    PROBE_AMBIENT,
    PROBE_FIXED,       /* a reference: `value` for ever */
};
struct world_probe {
    double value; /* PROBE_FIXED */
    uint8_t kind; /* enum probe_kind */
    uint8_t of;   /* station or chamber */
    uint16_t index;
};

struct world_port {
    uint8_t kind;    /* enum port_kind */
    uint8_t station; /* or chamber */
    uint8_t used, open;
    struct world_probe probe; /* PORT_PROBE */
};

struct world {
    nsec now;
    double drift;    /* the world's clock runs (1 + drift) seconds per bench second: 1e-4 is 100 ppm */
    double ambient_k;
    bool watchdog_dropped;      /* no PORT_RELAY: false for ever */
    uint16_t n_stations, n_chambers, n_ports;
    struct world_station station[WORLD_STATIONS_MAX];
    struct world_chamber chamber[WORLD_CHAMBERS_MAX];
    struct world_port port[WORLD_PORTS_MAX];
    struct world_wiring wiring[WORLD_STATIONS_MAX];
};

void world_init(struct world *w, double ambient_k);
/* Each returns the index. E_FULL as negative. */
int world_add_chamber(struct world *w, const struct chamber_param *param, double start_k);
int world_add_station(struct world *w, int chamber /* -1: none */);
/* param NULL: defaults. The extremes and counters of the station begin anew. */
void world_put_assb(struct world *w, int station, const struct assb_param *param);
void world_put_replay(struct world *w, int station, const struct replay_table *table);
/* `begin` is how its cells are now, but for their temperature: they are as warm as the air around them. */
void world_put_string(struct world *w, int station, const struct world_string *string, const struct cell_string_state *begin);
void world_put_press(struct world *w, int station, const struct press_param *param);
/* A terminal for an emulator; station or chamber number by kind, of no meaning for PORT_RELAY. Returns the port number; E_FULL, E_NOENT as negative. */
int world_add_port(struct world *w, enum port_kind kind, int station_or_chamber);
/* A measuring point as a PORT_PROBE; world_add_port() makes it PROBE_VOLTAGE, group 1. Returns the port number; E_FULL, E_NOENT as negative. */
int world_add_probe(struct world *w, const struct world_probe *probe);
/* The voltage at the terminals of the station's cell, in its own sign, however the source is wired to it; NaN: there is none. At the world's instant. */
double world_cell_v(struct world *w, int station);
/* At the taps of group 1, 2 ... of its string (a single cell is its only group), in the cells' own sign; temperature of place 1, 2 ... NaN: there is none. */
double world_group_v(struct world *w, int station, unsigned group);
double world_place_k(struct world *w, int station, unsigned place);
/* The truth at the measuring point behind a PORT_PROBE, SI; NaN: nothing is there. */
double world_probe(struct world *w, uint16_t port, nsec now);

void world_advance(struct world *w, nsec now);
/* Somebody has repaired what mishaps did to a station and its chamber; what they moved goes back by itself. */
void world_mend(struct world *w, int station);
/* The watchdog relay drops or picks up, at the world's present instant. */
void world_watchdog(struct world *w, bool dropped);
/* The emulators' door (signatures of emu_env). */
void world_drive(void *world, uint16_t port, nsec now, const struct port_drive *drive);
void world_sense(void *world, uint16_t port, nsec now, struct port_sense *ret_sense);

#endif
