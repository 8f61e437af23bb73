/* tests/fault/onset_rows.c - the table of test_onset. */
#include "tests/fault/onset_rows.h"

#define IN           "tests/fault/onset.yaml"
#define OUT          "tests/fault/onset-out.yaml"
#define FAST_OUT     "tests/fault/onset-fast.yaml"
#define CYCLE        "tests/emu/charging.yaml"
#define STATION_MEND "station A mended"
#define AIR_MEND     "station A air 60 degC", "station A mended"

/* On 2 cm2 behind a piston of 63 mm a stack pressure is 15.586 times the gauge pressure: 11 MPa,
 * 14 MPa, 9.6 MPa and 13.5 MPa. */
#define P_ARTICLE "station A pressure 0.7058 MPa"
#define P_BENCH   "station A pressure 0.8982 MPa"
#define P_LASTING "station A pressure 0.6159 MPa"
#define P_AIR     "station A pressure 0.8661 MPa"

/* clang-format off */
const struct onset_row onset_rows[] = {
    /* Guards, crossed in the plant itself. */
    {.name = "cell voltage over its guard", .onset = "station A emf 1.5 V", .mend = {STATION_MEND}, .bound = "guard cell.voltage", .phase_s = 1.0, .procedure = IN, .leaves = 1},
    {.name = "cell voltage under its guard", .onset = "station A emf -2.5 V", .mend = {STATION_MEND}, .bound = "guard cell.voltage", .phase_s = 1.0, .procedure = IN, .leaves = 1},
    {.name = "current over its guard", .onset = "station A current 2.5 mA", .mend = {STATION_MEND}, .bound = "guard cell.current", .phase_s = 1.0, .procedure = IN},
    {.name = "current under its guard", .onset = "station A current -3 mA", .mend = {STATION_MEND}, .bound = "guard cell.current", .phase_s = 1.0, .procedure = FAST_OUT},
    {.name = "pressure over the article's", .onset = P_ARTICLE, .mend = {STATION_MEND}, .bound = "guard press.pressure .. 10.0 MPa", .phase_s = 1.0, .procedure = CYCLE, .quick = 1},
    {.name = "pressure over the bench's", .onset = P_BENCH, .mend = {STATION_MEND}, .bound = "guard press.pressure .. 12 MPa", .phase_s = 1.0, .procedure = IN},
    {.name = "pressure over one that has to last 2 s", .onset = P_LASTING, .mend = {STATION_MEND}, .bound = "guard press.pressure .. 9 MPa", .phase_s = 1.0, .procedure = IN},
    {.name = "air pressure, the load cell stuck", .before = "cell_force stuck", .before_s = 1.5, .onset = P_AIR, .mend = {STATION_MEND, "cell_force mended"}, .bound = "guard press.regulator", .phase_s = 1.0, .procedure = IN},
    {.name = "air over the charging window", .onset = "station A air 82 degC", .mend = {AIR_MEND}, .bound = "guard temperature while charging", .phase_s = 2.0, .procedure = IN},
    {.name = "air under the charging window", .onset = "station A air 5 degC", .mend = {AIR_MEND}, .bound = "guard temperature while charging", .phase_s = 2.0, .procedure = IN},
    {.name = "air over the discharging window", .onset = "station A air 82 degC", .mend = {AIR_MEND}, .bound = "guard temperature while discharging", .phase_s = 2.0, .procedure = OUT},
    {.name = "air under the discharging window", .onset = "station A air -15 degC", .mend = {AIR_MEND}, .bound = "guard temperature while discharging", .phase_s = 2.0, .procedure = OUT},
    {.name = "air over the bench's limit", .onset = "station A air 110 degC", .mend = {AIR_MEND}, .bound = "guard chamber.temperature", .phase_s = 2.0, .procedure = IN},
    {.name = "TCP only: cell voltage over its guard", .bench = ONSET_TCP, .onset = "station A emf 3 V", .mend = {STATION_MEND}, .bound = "guard cell.voltage", .phase_s = 6.0, .procedure = CYCLE, .leaves = 1},
    /* Contacts. */
    {.name = "E-stop opens", .onset = "dio.1 opens", .mend = {"dio.1 closes"}, .bound = "interlock estop (dio.1)", .phase_s = 1.0, .procedure = CYCLE, .quick = 1},
    {.name = "contacts' box silent", .onset = "dio lost", .mend = {"dio mended"}, .bound = "interlock estop, silent dio", .phase_s = 1.0, .procedure = IN},
    {.name = "contacts' box: peer closed", .onset = "bus e closed", .bound = "interlock estop, silent dio", .phase_s = 1.0, .procedure = IN},
    {.name = "contacts' box unplugged", .onset = "bus e unplugged", .mend = {"bus e plugged"}, .bound = "interlock estop, silent dio", .phase_s = 1.0, .procedure = IN},
    /* Silent instruments. */
    {.name = "load cell silent", .onset = "cell_force lost", .mend = {"cell_force mended"}, .bound = "silent cell_force", .phase_s = 1.0, .procedure = IN},
    {.name = "regulator silent", .onset = "air lost", .mend = {"air mended"}, .bound = "silent air", .phase_s = 1.0, .procedure = IN},
    {.name = "chamber silent", .onset = "oven lost", .mend = {"oven mended"}, .bound = "silent oven", .phase_s = 2.0, .procedure = IN},
    {.name = "cycler hears and is silent", .onset = "smu lost", .mend = {"smu mended"}, .bound = "silent smu", .phase_s = 1.0, .procedure = IN},
    {.name = "TCP only: cycler hears and is silent", .bench = ONSET_TCP, .onset = "smu lost", .mend = {"smu mended"}, .bound = "silent smu", .phase_s = 6.0, .procedure = CYCLE},
    /* Unplugged ptys. */
    {.name = "load cell's pty unplugged", .onset = "bus d unplugged", .mend = {"bus d plugged"}, .bound = "silent cell_force", .phase_s = 1.0, .procedure = IN},
    {.name = "regulator's pty unplugged", .onset = "bus c unplugged", .mend = {"bus c plugged"}, .bound = "silent air", .phase_s = 1.0, .procedure = IN},
    {.name = "chamber's pty unplugged", .onset = "bus a unplugged", .mend = {"bus a plugged"}, .bound = "silent oven", .phase_s = 2.0, .procedure = IN},
    {.name = "one line: cycler's pty unplugged", .bench = ONSET_SHARED, .onset = "bus a unplugged", .mend = {"bus a plugged"}, .bound = "dead line of the cycler", .phase_s = 1.0, .procedure = IN},
    /* TCP peers. */
    {.name = "cycler's peer closed, listens again", .onset = "bus b closed", .phase_s = 1.0, .procedure = IN},
    {.name = "peer just closed: pressure", .before = "bus b closed", .before_s = 0.1, .onset = P_ARTICLE, .mend = {STATION_MEND}, .bound = "guard press.pressure .. 10.0 MPa", .phase_s = 1.0, .procedure = IN},
    {.name = "peer closed and back: voltage", .before = "bus b closed", .before_s = 1.5, .onset = "station A emf 1.5 V", .mend = {STATION_MEND}, .bound = "guard cell.voltage", .phase_s = 1.0, .procedure = IN, .leaves = 1},
    {.name = "peer just closed: E-stop", .before = "bus b closed", .before_s = 0.1, .onset = "dio.1 opens", .mend = {"dio.1 closes"}, .bound = "interlock estop (dio.1)", .phase_s = 1.0, .procedure = IN},
    {.name = "cycler's peer closed for good", .onset = "bus b unplugged", .mend = {"bus b plugged"}, .bound = "dead line of the cycler", .phase_s = 1.0, .procedure = IN},
    {.name = "TCP only: peer closed, listens again", .bench = ONSET_TCP, .onset = "bus b closed", .phase_s = 6.0, .procedure = CYCLE},
    {.name = "TCP only: peer just closed: voltage", .bench = ONSET_TCP, .before = "bus b closed", .before_s = 0.1, .onset = "station A emf 3 V", .mend = {STATION_MEND}, .bound = "guard cell.voltage", .phase_s = 6.0, .procedure = CYCLE, .leaves = 1},
    {.name = "TCP only: peer closed for good", .bench = ONSET_TCP, .onset = "bus b unplugged", .mend = {"bus b plugged"}, .bound = "dead line of the cycler", .phase_s = 6.0, .procedure = CYCLE},
    /* Hung lines: bytes are taken, nobody answers. */
    {.name = "one line: hung, all hear", .bench = ONSET_SHARED, .onset = "bus a hung", .mend = {"bus a mended"}, .bound = "silent psb", .phase_s = 1.0, .procedure = IN},
    {.name = "one line: hung, nobody hears", .bench = ONSET_SHARED, .onset = "bus a deaf", .mend = {"bus a mended"}, .bound = "dead line of the cycler", .phase_s = 1.0, .procedure = IN},
    {.name = "TCP: hung, the cycler does not hear", .onset = "bus b deaf", .mend = {"bus b mended"}, .bound = "dead line of the cycler", .phase_s = 1.0, .procedure = IN},
    /* A dead neighbour on the line of the cycler and the load cell. */
    {.name = "one line: pressure, a neighbour just died", .bench = ONSET_SHARED, .before = "box lost", .before_s = 0.5, .onset = P_ARTICLE, .mend = {STATION_MEND, "box mended"}, .bound = "guard press.pressure .. 10.0 MPa", .phase_s = 1.0, .procedure = IN},
    {.name = "one line: pressure, a neighbour long dead", .bench = ONSET_SHARED, .before = "box lost", .before_s = 9.0, .onset = P_ARTICLE, .mend = {STATION_MEND, "box mended"}, .bound = "guard press.pressure .. 10.0 MPa", .phase_s = 4.0, .procedure = IN},
    {.name = "one line: pressure, a neighbour too late", .bench = ONSET_SHARED, .before = "box late", .before_s = 3.0, .onset = P_ARTICLE, .mend = {STATION_MEND, "box mended"}, .bound = "guard press.pressure .. 10.0 MPa", .phase_s = 4.0, .procedure = IN},
    {.name = "one line: voltage, a neighbour too late", .bench = ONSET_SHARED, .before = "box late", .before_s = 3.0, .onset = "station A emf 1.5 V", .mend = {STATION_MEND, "box mended"}, .bound = "guard cell.voltage", .phase_s = 4.0, .procedure = IN, .leaves = 1},
};
/* clang-format on */
const size_t n_onset_rows = sizeof onset_rows / sizeof *onset_rows;
