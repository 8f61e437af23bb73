/* drivers/virtual/keysight_daq970a_priv.h - what the files of the DAQ970A emulator share.
 *
 * keysight_daq970a.c takes messages apart and holds them up while a scan goes on, _commands.c is
 * the table of commands and the common ones, _channels.c sets channels up, _scan.c steps through
 * the scan list and keeps the readings, _measure.c is the analogue side.
 */
#ifndef DRIVERS_VIRTUAL_KEYSIGHT_DAQ970A_PRIV_H
#define DRIVERS_VIRTUAL_KEYSIGHT_DAQ970A_PRIV_H

#include "drivers/virtual/emu.h"
#include "drivers/virtual/keysight_daq970a.h"
#include "drivers/wire/line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHANNELS = DAQ_SLOTS * DAQ_PER_SLOT,
    KEPT_MAX = 60, /* readings */
    ERRORS_MAX = 20,
    PENDING_MAX = 256,
    PARAMS_MAX = 6,
    PORT_NONE = 0xFFFF,
    NPLCS = 8,
    RANGES = 5,
    CLEAR_KEY = 0x03, /* Ctrl-C */
};

enum quantity {
    VOLT,
    TEMP
};
enum transducer {
    TRAN_TC,
    TRAN_RTD,
    TRAN_FRTD,
    TRAN_THER,
    TRANSDUCERS
};
enum junction {
    JUNCTION_INT,
    JUNCTION_EXT,
    JUNCTION_FIX,
    JUNCTIONS
};
enum trigger {
    TRIG_IMM,
    TRIG_BUS,
    TRIG_TIMER,
    TRIG_EXT,
    TRIGS
};
enum unit {
    UNIT_C,
    UNIT_F,
    UNIT_K,
    UNITS
};
enum field {
    FIELD_UNIT = 1,
    FIELD_TIME = 2,
    FIELD_CHANNEL = 4,
    FIELD_ALARM = 8
};

/* Why a message is held up until the scan has ended. */
enum wait {
    WAIT_NONE,
    WAIT_READ,
    WAIT_FETCH,
    WAIT_OPC,
    WAIT_WAI
};

/* Error numbers that are the instrument's own. */
enum {
    ERR_SLOT = 111,
    ERR_CHANNEL = 112,
    ERR_EMPTY = 113,
    ERR_SCANNING = 261,
    ERR_SINGLE = 281,
    ERR_RESOLUTION = 532
};

/* How a channel is set up. */
struct channel {
    uint8_t quantity, transducer, junction, unit;
    uint8_t type[TRANSDUCERS]; /* of the thermocouple, RTD (both), thermistor: indices */
    uint8_t range;             /* 0: automatic, else one more than its index */
    uint8_t nplc;              /* index */
    bool check, own_delay;
    uint16_t delay_ms;
    int16_t junction_cc; /* fixed reference, degC / 100 */
};

/* Where its leads go. */
struct leads {
    uint16_t volt_port, temp_port;
    uint8_t sensor, type;
};

struct reading {
    double value;
    uint32_t at_ms;        /* since the scan began */
    uint8_t channel, unit; /* enum unit; UNITS: volts */
};

struct daq {
    struct line_reader line;
    char serial[16];
    struct emu_error error;
    bool is_34970a, any_sensor, no_module[DAQ_SLOTS];
    double mains_hz;
    uint32_t faults, overruns;
    struct channel channel[CHANNELS];
    struct leads leads[CHANNELS];
    double last[CHANNELS];       /* reading before, for a converter that is stuck; NaN: none */
    uint16_t closures[CHANNELS]; /* of the relay */
    uint64_t scan;               /* bit of each channel in the scan list */
    uint8_t trigger, fields, monitored;
    bool absolute, monitors;
    double timer_s, count; /* scan-to-scan interval, sweeps (infinity) */
    nsec wall_at_zero;     /* the calendar at bench time 0 */

    /* The scan under way. */
    bool scans, waits_trigger, keeps;
    uint8_t next; /* channel whose reading is due; CHANNELS: a sweep begins then */
    nsec due;     /* NSEC_NEVER: nothing */
    nsec begun_at, sweep_at;
    double sweeps; /* done */
    uint8_t n_kept;
    struct reading kept[KEPT_MAX];

    /* The message under way. */
    uint8_t wait; /* enum wait */
    bool has_sent;
    uint16_t resume, n_pending;
    char path[96], pending[PENDING_MAX];
    nsec busy_until;

    uint8_t esr, n_errors;
    bool opc_due, command_failed;
    uint16_t ques, ques_enable, oper, oper_enable; /* event registers and masks */
    uint8_t ese, sre;
    int16_t errors[ERRORS_MAX];
};

enum {
    ASK = 1,
    TELL = 2,
    BOTH = 3,
    STILL = 4 /* a setting: not while a scan goes on */
};
enum list_rule {
    LIST_NONE,
    LIST_MAY, /* without: the channels of the scan list */
    LIST_MUST
};

struct call;
struct command {
    const char *pattern;
    void (*run)(struct call *, int which);
    int which;
    uint8_t can;
    uint8_t list;                            /* enum list_rule */
    uint8_t ask_most, tell_least, tell_most; /* parameters besides the list */
};

struct param {
    const char *p;
    size_t n;
};
struct call {
    struct daq *d;
    const struct emu_env *env;
    nsec now, cost;
    bool query;
    struct param param[PARAMS_MAX];
    int n_params;
    bool has_list;
    uint8_t list[CHANNELS]; /* in the order given */
    int n_list;
    struct emu_reply reply;
};

/* ---- keysight_daq970a.c ---- */
bool daq_has(const struct daq *d, enum emu_fault f);
void daq_error(struct daq *d, int code);
const char *daq_error_text(int code);
/* May a set that is well formed take effect? */
bool daq_obeys(struct call *c);
void daq_put_number(struct call *c, double v); /* +2.61950000E+01 */
void daq_put_int(struct call *c, int64_t v);   /* +5 */
/* Parameter i; false (and the error is queued) when it is none. lo, hi, def: of MIN, MAX, DEF. */
bool daq_number(struct call *c, int i, double lo, double hi, double def, double *ret_v);
bool daq_bool(struct call *c, int i, bool *ret_v);
/* Index of the word; negative: none of them. */
int daq_word(struct call *c, int i, const char *const *words, int n_words);

/* ---- keysight_daq970a_commands.c ---- */
const struct command *daq_command_find(const char *header, size_t n); /* without '?' */
void daq_reset(struct daq *d);

/* ---- keysight_daq970a_channels.c ---- */
int daq_channel_number(int channel);
/* Reads "(@101:110,115)"; false: the error is queued. */
bool daq_list_read(struct call *c, const struct param *p);
void daq_channel_default(struct channel *ch, enum quantity q);
/* Sets up and makes these channels the scan list; what readings bring along is off from then on.
 * false: refused, and the error is queued. */
bool daq_configure(struct call *c, enum quantity quantity);
void daq_do_configure(struct call *c, int quantity);
void daq_do_configured(struct call *c, int which);
void daq_do_function(struct call *c, int which);
void daq_do_nplc(struct call *c, int quantity);
void daq_do_range(struct call *c, int which);
void daq_do_range_auto(struct call *c, int which);
void daq_do_transducer(struct call *c, int which);
void daq_do_type(struct call *c, int transducer);
void daq_do_check(struct call *c, int which);
void daq_do_junction(struct call *c, int which);
void daq_do_junction_fixed(struct call *c, int which);
void daq_do_unit(struct call *c, int which);
void daq_do_delay(struct call *c, int which);
void daq_do_delay_auto(struct call *c, int which);

/* ---- keysight_daq970a_scan.c ---- */
void daq_scan_stop(struct daq *d);
/* What is due at `now`; true: the scan has ended. */
bool daq_scan_step(struct daq *d, const struct emu_env *env, nsec now);
/* The readings that a held-up READ? or FETCh? asked for. */
void daq_put_kept(struct call *c);
void daq_do_scan_list(struct call *c, int which);
void daq_do_scan_size(struct call *c, int which);
void daq_do_trigger(struct call *c, int which);
void daq_do_timer(struct call *c, int which);
void daq_do_count(struct call *c, int which);
void daq_do_initiate(struct call *c, int which);
void daq_do_bus_trigger(struct call *c, int which);
void daq_do_abort(struct call *c, int which);
void daq_do_read(struct call *c, int which);
void daq_do_fetch(struct call *c, int which);
void daq_do_measure(struct call *c, int quantity);
void daq_do_take(struct call *c, int as_block);
void daq_do_points(struct call *c, int which);
void daq_do_field(struct call *c, int field);
void daq_do_time_type(struct call *c, int which);
void daq_do_monitor(struct call *c, int which);
void daq_do_monitor_state(struct call *c, int which);
void daq_do_monitor_data(struct call *c, int which);
void daq_do_scan_time(struct call *c, int which);

/* ---- keysight_daq970a_measure.c ---- */
extern const double daq_nplc[NPLCS], daq_range_v[RANGES];
extern const char daq_tc_letters[]; /* in the order of their indices */
/* Index of the integration time that gives this resolution (part of the range); -1: none does. */
int daq_nplc_for(double resolution);
double daq_resolution(int nplc);
nsec daq_channel_time(const struct daq *d, int channel);
/* One reading of the channel, in the unit it is set to; +-infinity: overload. */
double daq_measure(struct daq *d, const struct emu_env *env, nsec now, int channel);
double daq_junction_c(const struct daq *d);

#endif
