/* drivers/virtual/keysight_daq970a_commands.c - the table of commands of the DAQ970A, and the
 * common ones. What is not confirmed is listed in keysight_daq970a.c.
 */
#include "drivers/virtual/keysight_daq970a_priv.h"

#include "base/attr.h"
#include "base/str.h"
#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

enum {
    OPER_SCANNING = 1 << 4,
    DAY_S = 86400
};

/* ---- State ---- */

/* Factory reset: the state after *RST and, by the factory's setting, after power comes. Masks, the
 * error queue and the calendar stay. */
void daq_reset(struct daq *d)
{
    daq_scan_stop(d);
    for (int i = 0; i < CHANNELS; i++)
        daq_channel_default(&d->channel[i], VOLT);
    d->scan = 0;
    d->trigger = TRIG_IMM;
    d->timer_s = 10.0;
    d->count = 1.0;
    d->fields = 0;
    d->absolute = d->monitors = false;
    d->monitored = 0;
    d->n_kept = 0;
}

static void do_identity(struct call *c, int which)
{
    (void)which;
    if (daq_has(c->d, FAULT_WRONG_MODEL)) {
        emu_put(&c->reply, "KEITHLEY INSTRUMENTS,MODEL DAQ6510,04340543,1.7.12b");
    } else if (c->d->is_34970a) {
        emu_put(&c->reply, "HEWLETT-PACKARD,34970A,0,13-2-2");
    } else {
        emu_put(&c->reply, "Keysight Technologies,DAQ970A,");
        emu_put(&c->reply, c->d->serial);
        emu_put(&c->reply, ",A.02.04-01.00-02.01-00.02-02.00-03-03");
    }
}

static void do_reset(struct call *c, int which)
{
    (void)which;
    if (daq_obeys(c))
        daq_reset(c->d);
}

static void do_clear(struct call *c, int which)
{
    (void)which;
    c->d->esr = c->d->n_errors = 0;
    c->d->ques = c->d->oper = 0;
    c->d->opc_due = false;
}

static void do_esr(struct call *c, int which)
{
    (void)which;
    daq_put_int(c, c->d->esr);
    c->d->esr = 0;
}

/* Set while it is true, in the event register until it is read. */
static uint16_t oper_condition(struct daq *d)
{
    uint16_t bits = d->scans ? OPER_SCANNING : 0;

    d->oper |= bits;
    return bits;
}

static void do_status(struct call *c, int which)
{
    const struct daq *d = c->d;
    unsigned bits = d->n_errors > 0 ? 4U : 0U;

    (void)which;
    (void)oper_condition(c->d);
    bits |= d->ques & d->ques_enable ? 8U : 0U;
    bits |= d->esr & d->ese ? 32U : 0U;
    bits |= d->oper & d->oper_enable ? 128U : 0U;
    bits |= bits & d->sre ? 64U : 0U;
    daq_put_int(c, bits);
}

static void do_enable(struct call *c, int sre)
{
    uint8_t *mask = sre ? &c->d->sre : &c->d->ese;
    double v;

    if (c->query)
        daq_put_int(c, *mask);
    else if (daq_number(c, 0, 0.0, 255.0, 0.0, &v))
        *mask = (uint8_t)nearbyint(v);
}

static void do_complete(struct call *c, int which)
{
    (void)which;
    if (c->query && c->d->scans)
        c->d->wait = WAIT_OPC;
    else if (c->query)
        emu_put(&c->reply, "1");
    else if (c->d->scans)
        c->d->opc_due = true;
    else
        c->d->esr |= 1U;
}

static void do_wait(struct call *c, int which)
{
    (void)which;
    if (c->d->scans)
        c->d->wait = WAIT_WAI;
}

static void do_self_test(struct call *c, int which)
{
    (void)which;
    daq_put_int(c, 0);
}

static void do_nothing(struct call *c, int which)
{
    (void)c;
    (void)which;
}

/* ---- STATus ---- */

enum {
    QUES,
    OPER
};

static void do_event(struct call *c, int which)
{
    uint16_t *event = which == QUES ? &c->d->ques : &c->d->oper;

    (void)oper_condition(c->d);
    daq_put_int(c, *event);
    *event = 0;
}

/* An overload is over with its reading. */
static void do_condition(struct call *c, int which)
{
    daq_put_int(c, which == QUES ? 0 : oper_condition(c->d));
}

static void do_event_enable(struct call *c, int which)
{
    uint16_t *mask = which == QUES ? &c->d->ques_enable : &c->d->oper_enable;
    double v;

    if (c->query)
        daq_put_int(c, *mask);
    else if (daq_number(c, 0, 0.0, 65535.0, 0.0, &v))
        *mask = (uint16_t)nearbyint(v);
}

static void do_status_preset(struct call *c, int which)
{
    (void)which;
    c->d->ques_enable = c->d->oper_enable = 0;
}

/* ---- SYSTem ---- */

static void do_error(struct call *c, int which)
{
    struct daq *d = c->d;
    char text[80];
    int code = d->n_errors > 0 ? d->errors[0] : 0;

    (void)which;
    if (d->n_errors > 0) {
        d->n_errors--;
        memmove(d->errors, d->errors + 1, d->n_errors * sizeof d->errors[0]);
    }
    if (str_fmt(text, sizeof text, "%+d,\"%s\"", code, daq_error_text(code)) == 0)
        emu_put(&c->reply, text);
}

static void do_version(struct call *c, int which)
{
    (void)which;
    emu_put(&c->reply, c->d->is_34970a ? "1994.0" : "1999.0");
}

static bool slot_read(struct call *c, int *ret_slot)
{
    double v;

    if (!daq_number(c, 0, 100.0, 300.0, 100.0, &v))
        return false;
    *ret_slot = (int)v / 100 - 1;
    if (fmod(v, 100.0) > 0.0) {
        daq_error(c->d, ERR_SLOT);
        return false;
    }
    return true;
}

static void do_card_type(struct call *c, int which)
{
    const struct daq *d = c->d;
    int slot;

    (void)which;
    if (c->n_params == 0) {
        daq_error(c->d, -109);
        return;
    }
    if (!slot_read(c, &slot))
        return;
    emu_put(&c->reply, d->is_34970a ? "HEWLETT-PACKARD," : "Keysight Technologies,");
    if (d->no_module[slot])
        emu_put(&c->reply, "0,0,0");
    else
        emu_put(&c->reply, d->is_34970a ? "34901A,0,2.3" : "DAQM901A,MY58010001,1.1");
}

/* Its relays open: what its channels are set up for stays. */
static void do_card_reset(struct call *c, int which)
{
    int slot;

    (void)which;
    if (!scpi_match("ALL", c->param[0].p, c->param[0].n) && !slot_read(c, &slot))
        return;
    (void)daq_obeys(c);
}

static void do_closures(struct call *c, int which)
{
    (void)which;
    for (int i = 0; i < c->n_list; i++) {
        if (i > 0)
            emu_put(&c->reply, ",");
        daq_put_int(c, c->d->closures[c->list[i]]);
    }
}

/* Temperature of the terminal block, with its channel's unit left aside. */
static void do_junction_measured(struct call *c, int which)
{
    (void)which;
    for (int i = 0; i < c->n_list; i++) {
        if (i > 0)
            emu_put(&c->reply, ",");
        daq_put_number(c, daq_junction_c(c->d));
    }
}

/* Days from 1970-01-01 to a day of the Gregorian calendar: years that begin in March. */
static int64_t days_to(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* SYSTem:DATE yyyy,mm,dd and SYSTem:TIME hh,mm,ss.sss. */
static void do_calendar(struct call *c, int is_time)
{
    static const double lo[2][3] = {
        {2000, 1, 1},
        {0,    0, 0}
    };
    static const double hi[2][3] = {
        {2099, 12, 31    },
        {23,   59, 59.999}
    };
    struct daq *d = c->d;
    nsec day = DAY_S * NSEC_S, wall = d->wall_at_zero + c->now, set;
    double v[3];

    for (int i = 0; i < 3; i++)
        if (!daq_number(c, i, lo[is_time][i], hi[is_time][i], lo[is_time][i], &v[i]))
            return;
    if (!daq_obeys(c))
        return;
    if (is_time)
        set = wall / day * day + nsec_from_s(v[0] * 3600.0 + v[1] * 60.0 + v[2]);
    else
        set = days_to((int64_t)v[0], (int)v[1], (int)v[2]) * day + wall % day;
    d->wall_at_zero += set - wall;
}

/* ---- The table ---- */

#define VOLTS "[SENSe]:VOLTage[:DC]:"
#define TEMPS "[SENSe]:TEMPerature:"

/* Pattern, function and the number it is called with; else also what it can, its list, how many
 * parameters a query has at most, a command from and to. */
/* clang-format off */
#define ASKED(pattern, run, which)        {pattern, run, which, ASK, LIST_NONE, 0, 0, 0}
#define TOLD(pattern, run, which)         {pattern, run, which, TELL, LIST_NONE, 0, 0, 0}
#define SETTING(pattern, run, which, can) {pattern, run, which, can, LIST_NONE, 0, 1, 1}
#define OF_CHANNELS(pattern, run, which)  {pattern, run, which, BOTH | STILL, LIST_MAY, 0, 1, 1}
static const struct command commands[] = {
    TOLD("*CLS", do_clear, 0),
    SETTING("*ESE", do_enable, 0, BOTH),
    ASKED("*ESR", do_esr, 0),
    ASKED("*IDN", do_identity, 0),
    {"*OPC", do_complete, 0, BOTH, LIST_NONE, 0, 0, 0},
    TOLD("*RST", do_reset, 0),
    SETTING("*SRE", do_enable, 1, BOTH),
    ASKED("*STB", do_status, 0),
    TOLD("*TRG", daq_do_bus_trigger, 0),
    ASKED("*TST", do_self_test, 0),
    TOLD("*WAI", do_wait, 0),

    ASKED("SYSTem:ERRor[:NEXT]", do_error, 0),
    ASKED("SYSTem:VERSion", do_version, 0),
    {"SYSTem:CTYPe", do_card_type, 0, ASK, LIST_NONE, 1, 0, 0},
    {"SYSTem:CPON", do_card_reset, 0, TELL | STILL, LIST_NONE, 0, 1, 1},
    TOLD("SYSTem:PRESet", do_reset, 0),
    {"SYSTem:DATE", do_calendar, 0, TELL | STILL, LIST_NONE, 0, 3, 3},
    {"SYSTem:TIME", do_calendar, 1, TELL | STILL, LIST_NONE, 0, 3, 3},
    ASKED("SYSTem:TIME:SCAN", daq_do_scan_time, 0),
    TOLD("SYSTem:LOCal", do_nothing, 0),
    TOLD("SYSTem:REMote", do_nothing, 0),
    TOLD("SYSTem:RWLock", do_nothing, 0),
    {"DIAGnostic:RELay:CYCLes", do_closures, 0, ASK, LIST_MUST, 0, 0, 0},

    ASKED("STATus:QUEStionable[:EVENt]", do_event, QUES),
    ASKED("STATus:QUEStionable:CONDition", do_condition, QUES),
    SETTING("STATus:QUEStionable:ENABle", do_event_enable, QUES, BOTH),
    ASKED("STATus:OPERation[:EVENt]", do_event, OPER),
    ASKED("STATus:OPERation:CONDition", do_condition, OPER),
    SETTING("STATus:OPERation:ENABle", do_event_enable, OPER, BOTH),
    TOLD("STATus:PRESet", do_status_preset, 0),

    {"CONFigure:VOLTage[:DC]", daq_do_configure, VOLT, TELL | STILL, LIST_MUST, 0, 0, 2},
    {"CONFigure:TEMPerature", daq_do_configure, TEMP, TELL | STILL, LIST_MUST, 0, 2, 4},
    {"CONFigure", daq_do_configured, 0, ASK, LIST_MAY, 0, 0, 0},
    {"MEASure:VOLTage[:DC]", daq_do_measure, VOLT, ASK, LIST_MUST, 2, 0, 0},
    {"MEASure:TEMPerature", daq_do_measure, TEMP, ASK, LIST_MUST, 4, 0, 0},
    OF_CHANNELS("[SENSe]:FUNCtion", daq_do_function, 0),
    OF_CHANNELS(VOLTS "NPLCycles", daq_do_nplc, VOLT),
    OF_CHANNELS(VOLTS "RANGe", daq_do_range, 0),
    OF_CHANNELS(VOLTS "RANGe:AUTO", daq_do_range_auto, 0),
    OF_CHANNELS(TEMPS "NPLCycles", daq_do_nplc, TEMP),
    {TEMPS "RJUNction", do_junction_measured, 0, ASK, LIST_MAY, 0, 0, 0},
    OF_CHANNELS(TEMPS "TRANsducer:TYPE", daq_do_transducer, 0),
    OF_CHANNELS(TEMPS "TRANsducer:TCouple:TYPE", daq_do_type, TRAN_TC),
    OF_CHANNELS(TEMPS "TRANsducer:TCouple:CHECk", daq_do_check, 0),
    OF_CHANNELS(TEMPS "TRANsducer:TCouple:RJUNction:TYPE", daq_do_junction, 0),
    OF_CHANNELS(TEMPS "TRANsducer:TCouple:RJUNction", daq_do_junction_fixed, 0),
    OF_CHANNELS(TEMPS "TRANsducer:RTD:TYPE", daq_do_type, TRAN_RTD),
    OF_CHANNELS(TEMPS "TRANsducer:FRTD:TYPE", daq_do_type, TRAN_FRTD),
    OF_CHANNELS(TEMPS "TRANsducer:THERmistor:TYPE", daq_do_type, TRAN_THER),
    OF_CHANNELS("UNIT:TEMPerature", daq_do_unit, 0),
    OF_CHANNELS("ROUTe:CHANnel:DELay", daq_do_delay, 0),
    OF_CHANNELS("ROUTe:CHANnel:DELay:AUTO", daq_do_delay_auto, 0),

    {"ROUTe:SCAN", daq_do_scan_list, 0, BOTH | STILL, LIST_MUST, 0, 0, 0},
    ASKED("ROUTe:SCAN:SIZE", daq_do_scan_size, 0),
    {"ROUTe:MONitor", daq_do_monitor, 0, BOTH, LIST_MUST, 0, 0, 0},
    SETTING("ROUTe:MONitor:STATe", daq_do_monitor_state, 0, BOTH),
    ASKED("ROUTe:MONitor:DATA", daq_do_monitor_data, 0),
    SETTING("TRIGger:SOURce", daq_do_trigger, 0, BOTH | STILL),
    SETTING("TRIGger:TIMer", daq_do_timer, 0, BOTH | STILL),
    SETTING("TRIGger:COUNt", daq_do_count, 0, BOTH | STILL),
    TOLD("INITiate[:IMMediate]", daq_do_initiate, 0),
    TOLD("ABORt", daq_do_abort, 0),
    ASKED("READ", daq_do_read, 0),
    ASKED("FETCh", daq_do_fetch, 0),
    {"R", daq_do_take, 1, ASK, LIST_NONE, 1, 0, 0},
    {"DATA:REMove", daq_do_take, 0, ASK, LIST_NONE, 1, 0, 0},
    ASKED("DATA:POINts", daq_do_points, 0),
    SETTING("FORMat:READing:UNIT", daq_do_field, FIELD_UNIT, BOTH),
    SETTING("FORMat:READing:TIME", daq_do_field, FIELD_TIME, BOTH),
    SETTING("FORMat:READing:TIME:TYPE", daq_do_time_type, 0, BOTH),
    SETTING("FORMat:READing:CHANnel", daq_do_field, FIELD_CHANNEL, BOTH),
    SETTING("FORMat:READing:ALARm", daq_do_field, FIELD_ALARM, BOTH),
};
/* clang-format on */

const struct command *daq_command_find(const char *header, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (scpi_match(commands[i].pattern, header, n))
            return &commands[i];
    return NULL;
}
