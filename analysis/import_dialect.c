/* analysis/import_dialect.c - what cyclers call their columns.
 *
 * A new dialect is a table here and a line at the end; nothing else knows of it.
 */
#include "analysis/import_priv.h"
#include "base/err.h"

#include <string.h>

#define WORD(pattern, what)                                          \
    {                                                                \
        pattern, what, UNIT_NONE, NULL, NULL, RECORDING_NEVER, false \
    }
#define VALUE(pattern, what, class, unit)                        \
    {                                                            \
        pattern, what, class, unit, NULL, RECORDING_NEVER, false \
    }
#define EXTRA(pattern, class, unit, name)                              \
    {                                                                  \
        pattern, WHAT_EXTRA, class, unit, name, RECORDING_NEVER, false \
    }
#define COUNTER(pattern, class, unit, name, resets)          \
    {                                                        \
        pattern, WHAT_EXTRA, class, unit, name, resets, true \
    }

static const struct rule bitrode_rules[] = {
    VALUE("time", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cycle", WHAT_CYCLE),
    WORD("step", WHAT_STEP),
    WORD("mode", WHAT_STATE),
    WORD("realtime", WHAT_WALL),
    EXTRA("capacity", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("energy", UNIT_ENERGY, "Wh", "counter_wh"),
    WORD("exclude", WHAT_KNOWN),
    WORD("loop", WHAT_KNOWN),
    WORD("power", WHAT_KNOWN),
    WORD("data", WHAT_KNOWN),
    {0},
};

static const struct rule ftv_rules[] = {
    VALUE("totaltime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cycle", WHAT_CYCLE),
    WORD("step", WHAT_STEP),
    WORD("mode", WHAT_STATE),
    WORD("realtime", WHAT_WALL),
    EXTRA("amphourscharge", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("amphoursdischarge", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("watthourscharge", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("watthoursdischarge", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("amphours", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("watthours", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("cellvoltagea@", UNIT_VOLTAGE, "V", "voltage_@_v"),
    EXTRA("temperaturea@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    WORD("loopcounter@", WHAT_KNOWN),
    WORD("power", WHAT_KNOWN),
    WORD("uservariable@", WHAT_KNOWN),
    WORD("unassigneda@", WHAT_KNOWN),
    WORD("dataacquisitionflag", WHAT_KNOWN),
    {0},
};

static const struct rule arbin_rules[] = {
    VALUE("testtime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    WORD("datetime", WHAT_WALL),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cycleindex", WHAT_CYCLE),
    WORD("stepindex", WHAT_STEP),
    EXTRA("chargecapacity", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("dischargecapacity", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("chargeenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("dischargeenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("internalresistance", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("acimpedance", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    EXTRA("acr", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    EXTRA("auxtemperature@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    EXTRA("auxvoltage@", UNIT_VOLTAGE, "V", "voltage_@_v"),
    EXTRA("auxpressure@", UNIT_PRESSURE, "Pa", "pressure_@_pa"),
    WORD("datapoint", WHAT_KNOWN),
    WORD("dvdt", WHAT_KNOWN),
    WORD("isfcdata", WHAT_KNOWN),
    WORD("aciphaseangle", WHAT_KNOWN),
    WORD("power", WHAT_KNOWN),
    {0},
};

static const struct rule maccor_rules[] = {
    VALUE("testtime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    WORD("dpttime", WHAT_WALL),
    VALUE("volts", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("amps", WHAT_CURRENT, UNIT_CURRENT, "A"),
    VALUE("mamps", WHAT_CURRENT, UNIT_CURRENT, "mA"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cyc", WHAT_CYCLE),
    WORD("cyclec", WHAT_CYCLE),
    WORD("step", WHAT_STEP),
    WORD("state", WHAT_STATE),
    WORD("md", WHAT_STATE),
    EXTRA("amphr", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("mamphr", UNIT_CHARGE, "mAh", "counter_ah"),
    EXTRA("cap", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("capacity", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("watthr", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("mwatthr", UNIT_ENERGY, "mWh", "counter_wh"),
    EXTRA("ener", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("energy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("dcir", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("acimp", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    EXTRA("temperaturecell", UNIT_TEMPERATURE, "C", "temperature_1_k"),
    EXTRA("temperaturechamber", UNIT_TEMPERATURE, "C", "temperature_ambient_k"),
    EXTRA("aux@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    WORD("units", WHAT_UNITS),
    WORD("rec", WHAT_KNOWN),
    WORD("cyclep", WHAT_KNOWN),
    WORD("es", WHAT_KNOWN),
    WORD("var@", WHAT_KNOWN),
    {0},
};

static const struct rule neware_rules[] = {
    VALUE("totaltime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("cumulativetime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("time", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("relativetime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    WORD("date", WHAT_WALL),
    WORD("absolutetime", WHAT_WALL),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cycleindex", WHAT_CYCLE),
    WORD("cycle", WHAT_CYCLE),
    WORD("stepindex", WHAT_STEP),
    WORD("stepnumber", WHAT_STEP),
    WORD("steptype", WHAT_STATE),
    EXTRA("chgcap", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("dchgcap", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("chgenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("dchgenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("capacity", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("energy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("contactresistance", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("t@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    EXTRA("auxt@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    WORD("datapoint", WHAT_KNOWN),
    WORD("speccap", WHAT_KNOWN),
    WORD("chgspeccap", WHAT_KNOWN),
    WORD("dchgspeccap", WHAT_KNOWN),
    WORD("power", WHAT_KNOWN),
    {0},
};

static const struct rule basytec_rules[] = {
    VALUE("time", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("tstep", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("u", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("i", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cyccount", WHAT_CYCLE),
    WORD("line", WHAT_STEP),
    WORD("command", WHAT_STATE),
    COUNTER("ahcyccharge", UNIT_CHARGE, "Ah", "counter_in_ah", RECORDING_PER_CYCLE),
    COUNTER("ahcycdischarge", UNIT_CHARGE, "Ah", "counter_out_ah", RECORDING_PER_CYCLE),
    EXTRA("whcyccharge", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("whcycdischarge", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("ah", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("wh", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("t@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    EXTRA("rdc", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("rac", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    WORD("dataset", WHAT_KNOWN),
    WORD("tset", WHAT_KNOWN),
    WORD("tcyc", WHAT_KNOWN),
    WORD("p", WHAT_KNOWN),
    WORD("level", WHAT_KNOWN),
    WORD("count", WHAT_KNOWN),
    WORD("state", WHAT_KNOWN),
    {0},
};

static const struct rule novonix_rules[] = {
    VALUE("runtime", WHAT_TIME, UNIT_TIME, "h"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "h"),
    WORD("dateandtime", WHAT_WALL),
    VALUE("potential", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cyclenumber", WHAT_CYCLE),
    WORD("stepnumber", WHAT_STEP),
    WORD("steptype", WHAT_STATE),
    EXTRA("capacity", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("energy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("temperature", UNIT_TEMPERATURE, "C", "temperature_1_k"),
    EXTRA("circuittemperature", UNIT_TEMPERATURE, "C", "temperature_2_k"),
    WORD("dvdt", WHAT_KNOWN),
    WORD("didt", WHAT_KNOWN),
    WORD("stepposition", WHAT_KNOWN),
    WORD("power", WHAT_KNOWN),
    {0},
};

static const struct rule pec_rules[] = {
    VALUE("totaltime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    WORD("realtime", WHAT_WALL),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cycle", WHAT_CYCLE),
    WORD("step", WHAT_STEP),
    WORD("instructionname", WHAT_STATE),
    EXTRA("chargecapacity", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("dischargecapacity", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("chargeenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("dischargeenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("internalresistance1", UNIT_RESISTANCE, "mohm", "resistance_ohm"),
    EXTRA("temp", UNIT_TEMPERATURE, "C", "temperature_1_k"),
    EXTRA("stationtemperature", UNIT_TEMPERATURE, "C", "temperature_ambient_k"),
    WORD("loadontime", WHAT_KNOWN),
    WORD("positionstarttime", WHAT_KNOWN),
    WORD("reasoncode", WHAT_KNOWN),
    WORD("cellid", WHAT_KNOWN),
    WORD("rack", WHAT_KNOWN),
    {0},
};

static const struct rule ec_lab_rules[] = {
    VALUE("time", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("ewe", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("ecell", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("eweece", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("i", WHAT_CURRENT, UNIT_CURRENT, "mA"),
    WORD("cyclenumber", WHAT_CYCLE),
    WORD("ns", WHAT_STEP),
    EXTRA("qcharge", UNIT_CHARGE, "mAh", "counter_in_ah"),
    EXTRA("qdischarge", UNIT_CHARGE, "mAh", "counter_out_ah"),
    EXTRA("qqo", UNIT_CHARGE, "mAh", "counter_ah"),
    EXTRA("energycharge", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("energydischarge", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("temperature", UNIT_TEMPERATURE, "C", "temperature_1_k"),
    WORD("mode", WHAT_KNOWN),
    WORD("oxred", WHAT_KNOWN),
    WORD("error", WHAT_KNOWN),
    WORD("controlchanges", WHAT_KNOWN),
    WORD("nschanges", WHAT_KNOWN),
    WORD("counterinc", WHAT_KNOWN),
    WORD("irange", WHAT_KNOWN),
    WORD("p", WHAT_KNOWN),
    {0},
};

static const struct rule bdf_rules[] = {
    VALUE("testtime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    WORD("unixtime", WHAT_WALL),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cyclecount", WHAT_CYCLE),
    WORD("stepid", WHAT_STEP),
    WORD("stepcount", WHAT_STEP),
    WORD("steptype", WHAT_STATE),
    COUNTER("chargingcapacity", UNIT_CHARGE, "Ah", "counter_in_ah", RECORDING_NEVER),
    COUNTER("cyclechargingcapacity", UNIT_CHARGE, "Ah", "counter_in_ah", RECORDING_PER_CYCLE),
    COUNTER("stepchargingcapacity", UNIT_CHARGE, "Ah", "counter_in_ah", RECORDING_PER_STEP),
    EXTRA("schedulechargingcapacity", UNIT_CHARGE, "Ah", "counter_in_ah"),
    COUNTER("dischargingcapacity", UNIT_CHARGE, "Ah", "counter_out_ah", RECORDING_NEVER),
    COUNTER("cycledischargingcapacity", UNIT_CHARGE, "Ah", "counter_out_ah", RECORDING_PER_CYCLE),
    COUNTER("stepdischargingcapacity", UNIT_CHARGE, "Ah", "counter_out_ah", RECORDING_PER_STEP),
    EXTRA("scheduledischargingcapacity", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("chargingenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("cyclechargingenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("stepchargingenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("schedulechargingenergy", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("dischargingenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("cycledischargingenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("stepdischargingenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("scheduledischargingenergy", UNIT_ENERGY, "Wh", "counter_out_wh"),
    COUNTER("netcapacity", UNIT_CHARGE, "Ah", "counter_ah", RECORDING_NEVER),
    COUNTER("cyclenetcapacity", UNIT_CHARGE, "Ah", "counter_ah", RECORDING_PER_CYCLE),
    COUNTER("stepnetcapacity", UNIT_CHARGE, "Ah", "counter_ah", RECORDING_PER_STEP),
    COUNTER("stepcumulativecapacity", UNIT_CHARGE, "Ah", "counter_ah", RECORDING_PER_STEP),
    EXTRA("netenergy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("cyclenetenergy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("stepnetenergy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("stepcumulativeenergy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("surfacetemperature", UNIT_TEMPERATURE, "C", "temperature_k"),
    EXTRA("ambienttemperature", UNIT_TEMPERATURE, "C", "temperature_ambient_k"),
    EXTRA("temperaturet@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    EXTRA("surfacepressure", UNIT_PRESSURE, "Pa", "pressure_surface_pa"),
    EXTRA("appliedpressure", UNIT_PRESSURE, "Pa", "pressure_pa"),
    EXTRA("ambientpressure", UNIT_PRESSURE, "Pa", "pressure_ambient_pa"),
    EXTRA("internalresistance", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("dcinternalresistance", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("acinternalresistance", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    WORD("recordindex", WHAT_KNOWN),
    WORD("steprecordindex", WHAT_KNOWN),
    WORD("power", WHAT_KNOWN),
    {0},
};

static const struct rule benchctl_rules[] = {
    VALUE("ts", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptimes", WHAT_STEP_TIME, UNIT_TIME, "s"),
    VALUE("voltagev", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("cellvoltagev", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("currenta", WHAT_CURRENT, UNIT_CURRENT, "A"),
    VALUE("cellcurrenta", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cycle", WHAT_CYCLE),
    WORD("step", WHAT_STEP),
    COUNTER("chargeah", UNIT_CHARGE, "Ah", "counter_ah", RECORDING_NEVER),
    EXTRA("energywh", UNIT_ENERGY, "Wh", "counter_wh"),
    WORD("quality", WHAT_KNOWN),
    {0},
};

static const struct rule csv_rules[] = {
    VALUE("testtime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("totaltime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("time", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("t", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("elapsedtime", WHAT_TIME, UNIT_TIME, "s"),
    VALUE("steptime", WHAT_STEP_TIME, UNIT_TIME, "s"),
    WORD("datetime", WHAT_WALL),
    WORD("date", WHAT_WALL),
    WORD("timestamp", WHAT_WALL),
    VALUE("voltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("cellvoltage", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("u", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("v", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("e", WHAT_VOLTAGE, UNIT_VOLTAGE, "V"),
    VALUE("current", WHAT_CURRENT, UNIT_CURRENT, "A"),
    VALUE("i", WHAT_CURRENT, UNIT_CURRENT, "A"),
    WORD("cyclenumber", WHAT_CYCLE),
    WORD("cycleindex", WHAT_CYCLE),
    WORD("cycle", WHAT_CYCLE),
    WORD("stepnumber", WHAT_STEP),
    WORD("stepindex", WHAT_STEP),
    WORD("step", WHAT_STEP),
    WORD("state", WHAT_STATE),
    WORD("mode", WHAT_STATE),
    WORD("status", WHAT_STATE),
    EXTRA("ahcha", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("chargecapacity", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("ahdch", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("dischargecapacity", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("capacity", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("energy", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("temperature", UNIT_TEMPERATURE, "C", "temperature_1_k"),
    EXTRA("temp", UNIT_TEMPERATURE, "C", "temperature_1_k"),
    EXTRA("t@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    EXTRA("pressure", UNIT_PRESSURE, "Pa", "pressure_pa"),
    {0},
};

/* What is called as we call it, in any dialect: columns of a recording, channels of a run. */
static const struct rule common_rules[] = {
    EXTRA("counterinah", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("counteroutah", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("counterinwh", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("counteroutwh", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("counterah", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("counterwh", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("cyclercounterinah", UNIT_CHARGE, "Ah", "counter_in_ah"),
    EXTRA("cyclercounteroutah", UNIT_CHARGE, "Ah", "counter_out_ah"),
    EXTRA("cyclercounterinwh", UNIT_ENERGY, "Wh", "counter_in_wh"),
    EXTRA("cyclercounteroutwh", UNIT_ENERGY, "Wh", "counter_out_wh"),
    EXTRA("cyclercounterah", UNIT_CHARGE, "Ah", "counter_ah"),
    EXTRA("cyclercounterwh", UNIT_ENERGY, "Wh", "counter_wh"),
    EXTRA("voltage@v", UNIT_VOLTAGE, "V", "voltage_@_v"),
    EXTRA("voltage@", UNIT_VOLTAGE, "V", "voltage_@_v"),
    EXTRA("cellvoltage@", UNIT_VOLTAGE, "V", "voltage_@_v"),
    EXTRA("temperature@k", UNIT_TEMPERATURE, "K", "temperature_@_k"),
    EXTRA("celltemperature@", UNIT_TEMPERATURE, "C", "temperature_@_k"),
    EXTRA("temperaturek", UNIT_TEMPERATURE, "K", "temperature_k"),
    EXTRA("temperatureambientk", UNIT_TEMPERATURE, "K", "temperature_ambient_k"),
    EXTRA("pressure@pa", UNIT_PRESSURE, "Pa", "pressure_@_pa"),
    EXTRA("cellpressure@", UNIT_PRESSURE, "Pa", "pressure_@_pa"),
    EXTRA("pressurepa", UNIT_PRESSURE, "Pa", "pressure_pa"),
    EXTRA("pressuresurfacepa", UNIT_PRESSURE, "Pa", "pressure_surface_pa"),
    EXTRA("cellpressuresurface", UNIT_PRESSURE, "Pa", "pressure_surface_pa"),
    EXTRA("pressureambientpa", UNIT_PRESSURE, "Pa", "pressure_ambient_pa"),
    EXTRA("cellpressureambient", UNIT_PRESSURE, "Pa", "pressure_ambient_pa"),
    EXTRA("resistanceohm", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("cellresistance", UNIT_RESISTANCE, "ohm", "resistance_ohm"),
    EXTRA("impedanceohm", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    EXTRA("cellimpedance", UNIT_RESISTANCE, "ohm", "impedance_ohm"),
    {0},
};

const struct dialect import_dialect_table[] = {
    {.name = "bitrode",
     .title = "Bitrode CSV",
     .mark = {"Exclude"},
     .sign = IMPORT_SIGN_CHARGE,
     .rules = bitrode_rules},
    {.name = "ftv",
     .title = "Bitrode FTV module tester CSV (VisuaLCN)",
     .mark = {"VisuaLCN", "FTV"},
     .start = "Test Date",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = ftv_rules},
    {.name = "arbin",
     .title = "Arbin MITS CSV",
     .mark = {"Data_Point", "Data Point"},
     .sign = IMPORT_SIGN_CHARGE,
     .rules = arbin_rules},
    {.name = "maccor",
     .title = "Maccor text export",
     .mark = {"Maccor", "Rec#"},
     .start = "Date of Test:",
     .sign = IMPORT_SIGN_STATE,
     .rules = maccor_rules},
    {.name = "neware",
     .title = "Neware CSV (BTS)",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = neware_rules},
    {.name = "basytec",
     .title = "Basytec text",
     .mark = {"Basytec Battery Test System"},
     .start = "~Start of Test:",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = basytec_rules},
    {.name = "novonix",
     .title = "Novonix UHPC",
     .mark = {"Novonix", "[Data]"},
     .start = "Started:",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = novonix_rules},
    {.name = "pec",
     .title = "PEC CSV",
     .mark = {"TestRegime"},
     .start = "Start Time:",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = pec_rules},
    {.name = "ec-lab",
     .title = "BioLogic EC-Lab text (.mpt)",
     .mark = {"EC-Lab ASCII FILE", "BT-Lab ASCII FILE"},
     .start = "Acquisition started on :",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = ec_lab_rules},
    {.name = "bdf",
     .title = "Battery Data Format (BDF) CSV",
     .mark = {"Test Time / s", "test_time_second"},
     .sign = IMPORT_SIGN_CHARGE,
     .rules = bdf_rules},
    {.name = "benchctl",
     .title = "benchctl table of rows",
     .mark = {"t_s,"},
     .sign = IMPORT_SIGN_CHARGE,
     .rules = benchctl_rules},
    {.name = "csv",
     .title = "table with time, voltage and current",
     .sign = IMPORT_SIGN_CHARGE,
     .rules = csv_rules},
    {.name = NULL        },
};

const char *import_dialect(unsigned i, const char **ret_title)
{
    if (i >= ARRAY_LEN(import_dialect_table) - 1)
        return NULL;
    *ret_title = import_dialect_table[i].title;
    return import_dialect_table[i].name;
}

const struct dialect *import_dialect_find(const char *name)
{
    for (const struct dialect *d = import_dialect_table; d->name; d++) {
        if (strcmp(d->name, name) == 0)
            return d;
    }
    return NULL;
}

/* What BDF's machine names end with, by the unit. */
static const char *machine_tail(enum unit_class class)
{
    switch (class) {
    case UNIT_TIME: return "second";
    case UNIT_VOLTAGE: return "volt";
    case UNIT_CURRENT: return "ampere";
    case UNIT_CHARGE: return "ah";
    case UNIT_ENERGY: return "wh";
    case UNIT_TEMPERATURE: return "celsius";
    case UNIT_RESISTANCE: return "ohm";
    case UNIT_PRESSURE: return "pa";
    case UNIT_NONE: break;
    }
    return "second"; /* unix_time_second */
}

static bool pattern_fits(const struct rule *r, const char *name, unsigned *ret_number)
{
    const char *p = r->pattern;

    *ret_number = 0;
    for (; *p != '\0'; p++) {
        if (*p != '@') {
            if (*p != *name++)
                return false;
            continue;
        }
        if (*name < '0' || *name > '9')
            return false;
        for (; *name >= '0' && *name <= '9'; name++) {
            *ret_number = *ret_number * 10 + (unsigned)(*name - '0');
            if (*ret_number > 9999)
                return false;
        }
    }
    return *name == '\0' || strcmp(name, machine_tail(r->class)) == 0;
}

static bool unit_fits(const struct rule *r, char unit[16])
{
    struct scale s;

    if (unit[0] == '\0')
        return true;
    if (r->what == WHAT_KNOWN)
        return true;
    if (r->class == UNIT_NONE)
        return strcmp(unit, "1") == 0 || strcmp(unit, "s") == 0;
    if (import_unit(r->class, unit, &s) == 0)
        return true;
    /* "(Hours in hh:mm:ss.xxx)" */
    if (r->class == UNIT_TIME && strstr(unit, "hh:")) {
        unit[0] = '\0';
        return true;
    }
    return false;
}

static const struct rule *rule_in(const struct rule *rules, const char *plain, char unit[16],
                                  char name[RECORDING_NAME_MAX])
{
    for (const struct rule *r = rules; r->pattern; r++) {
        unsigned number;
        const char *mark;

        if (!pattern_fits(r, plain, &number) || !unit_fits(r, unit))
            continue;
        name[0] = '\0';
        mark = r->name ? strchr(r->name, '@') : NULL;
        if (mark && str_fmt(name, RECORDING_NAME_MAX, "%.*s%u%s", (int)(mark - r->name), r->name,
                            number, mark + 1) < 0)
            continue;
        if (r->name && !mark)
            (void)str_copy(name, RECORDING_NAME_MAX, r->name);
        return r;
    }
    return NULL;
}

int import_rule_rank(const struct dialect *d, const struct rule *rule)
{
    int rank = 0;

    for (const struct rule *r = common_rules; r->pattern; r++) {
        if (r == rule)
            return -1;
    }
    for (const struct rule *r = d->rules; r->pattern && r != rule; r++)
        rank++;
    return d->rules[rank].pattern ? rank : -2; /* else a person said so */
}

const struct rule *import_rule(const struct dialect *d, const char *header, char unit[16],
                               char name[RECORDING_NAME_MAX])
{
    char plain[IMPORT_HEADER_MAX];

    for (int level = 0; level < 2; level++) {
        const struct rule *r;

        import_header(header, level, plain, unit);
        if (plain[0] == '\0')
            continue;
        r = rule_in(d->rules, plain, unit, name);
        if (!r)
            r = rule_in(common_rules, plain, unit, name);
        if (r)
            return r;
    }
    unit[0] = '\0';
    return NULL;
}
