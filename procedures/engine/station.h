/* procedures/engine/station.h - what a station offers, as the engine sees it: channels by name, never instruments.
 *
 * group.voltage.1, group.voltage.2 ... are the groups of a string; cell.temperature.1, ... are the sensors on an article that has several.
 *
 * benchctl/ makes one from the bench file. Names are those of procedures: cell.voltage, cell.current, press.pressure, chamber.temperature ... and the set
 * channels that the verbs use:
 *   cycler.mode (enum cycler_mode)  cycler.voltage_set  cycler.current_limit (one symmetric limit)  or  cycler.limit_charge + cycler.limit_discharge
 *   cycler.current_set (signed)  cycler.voltage_limit (of rest and current mode)
 *   cycler.window_v_high  cycler.window_v_low  cycler.window_charge  cycler.window_discharge (limits that the instrument itself keeps; written once, at arm)
 *   press.pressure_set   chamber.temperature_set  chamber.mode (enum chamber_mode)  chamber.limit_high  chamber.limit_low
 * press.pressure is stack pressure (force / area); press.pressure_set is stack pressure too, the bench scales it for the regulator.
 */
#ifndef PROCEDURES_ENGINE_STATION_H
#define PROCEDURES_ENGINE_STATION_H

#include "base/chan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATION_CHANS_MAX = 48, STATION_GROUPS_MAX = 12, GROUP_CHANS_MAX = 16, CHAN_NAME_MAX = 40 };

enum { CHAN_NONE = 0xFFFF };
typedef uint16_t chan_id;

/* One measuring range of a channel: which one is in use follows from the largest value asked for. */
enum { STATION_RANGES_MAX = 8 };
struct station_range {
    double full_scale, accuracy_reading, accuracy_offset;
};

struct station_chan {
    char name[CHAN_NAME_MAX];
    enum chan_kind kind;
    bool read, set;
    uint8_t group;             /* of a read channel: its samples arrive with this group; 255: never polled */
    double min, max;           /* of a set: bench limit within the instrument's range, SI in this channel's own terms */
    double resolution;
    double accuracy_reading, accuracy_offset; /* of the range that serves the article; SI */
    uint8_t n_ranges;          /* 0: only the one above */
    struct station_range range[STATION_RANGES_MAX];
};

/* The channels that one request returns: their samples arrive together. */
struct station_group {
    char name[CHAN_NAME_MAX]; /* also its table in the run file: cycler, press, press_regulator, chamber */
    char inst[CHAN_NAME_MAX]; /* instrument in the bench file */
    double period_s;          /* ordinary poll period */
    double fastest_s;         /* shortest that the instrument and its line can do */
    double stale_s;           /* older than this is stale (3 polls + deadline): a pause */
    double trip_s;            /* older than this: a trip; 0: four times stale_s */
    double queue_s;           /* worst wait for its line: one failed exchange of everybody else on it */
    double latency_s;         /* worst time from the poll to its reply: three tries, and what lies between them */
    uint8_t n;
    chan_id chan[GROUP_CHANS_MAX];
};

struct station_desc {
    char bench[64], station[32];
    uint16_t n_chans, n_groups;
    struct station_chan chan[STATION_CHANS_MAX];
    struct station_group group[STATION_GROUPS_MAX];
    double speed;             /* run seconds per second of the instruments' time (--speed); 0: 1. Every time above is in run seconds already */
    double pause_max_s;       /* then the safe sequence; default 12 h */
    double safe_s;            /* a trip: worst time until the output is off, while the cycler answers */
    double rest_s;            /* a pause: worst time until no current flows, while the cycler answers */
    double blind_s;           /* the cycler hears and is not heard: worst time until it is told blindly to switch off; 0: no cycler */
    double cut_s;             /* the cycler does not even hear: worst time until the watchdog relay cuts it; infinite: nothing does, its own limits hold */
};

/* +-accuracy of a reading in the smallest range that holds full_scale (not finite: the range that serves the article). */
double station_accuracy(const struct station_chan *c, double full_scale, double reading);

/* CHAN_NONE when the station has no such channel. */
chan_id station_find(const struct station_desc *s, const char *name);

/* The group `model` behind the others, with the times of the group that cell.voltage and cell.current
 * come with; its samples follow theirs (voltage in V, measured less modelled in V). The group's
 * number; E_NOENT where the station does not measure both together, E_FULL. */
#define MODEL_VOLTAGE  "model.voltage"
#define MODEL_RESIDUAL "model.residual"
int station_add_model(struct station_desc *s);

/* A station that offers every standard channel with wide limits: for `check FILE` without a bench. */
void station_open(struct station_desc *ret);

#endif
