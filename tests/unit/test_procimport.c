/* Procedures of other programs: PyBaMM experiments and unicycler protocols, there and back. */
#include "base/err.h"
#include "benchctl/foreign.h"
#include "procedures/engine/compile.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct diag d;

static int read_text(enum foreign_form form, const char *text, struct foreign *ret)
{
    diag_init(&d);
    return foreign_read(form, "in.txt", text, strlen(text), ret, &d);
}

/* The translation, without its comments; the caller frees. */
static char *yaml_of(enum foreign_form form, const char *text)
{
    struct foreign f;
    struct text out = {0};
    char *p, *to;
    bool comment = false;

    ck_assert_msg(read_text(form, text, &f) == 0, "%s: %s", text, d.n ? d.finding[0].text : "");
    foreign_to_yaml(&f, form, "p", "in.txt", &out, &d);
    foreign_done(&f);
    for (p = to = out.p; *p; p++) {
        comment = *p == '\n' ? false : comment || *p == '#';
        if (!comment)
            *to++ = *p;
    }
    *to = '\0';
    return out.p;
}

static void compile_yaml(const char *yaml, struct program *ret, struct conf_doc *ret_doc)
{
    struct compile_input in = {.procedure = ret_doc};

    diag_init(&d);
    *ret_doc = (struct conf_doc){0};
    ck_assert_msg(conf_load_text("p.yaml", yaml, strlen(yaml), ret_doc, &d) == 0 &&
                      program_compile(&in, ret, NULL, &d) == 0,
                  "%s\n%s", yaml, d.n ? d.finding[0].text : "");
}

/* ---- Sentences ---- */

/* clang-format off */
static const struct {
    const char *sentence, *step;
} sentences[] = {
    {"Discharge at C/10 for 10 hours or until 3.3 V",
     "- discharge: {at: C/10, until: cell.voltage <= 3.3 V, for: 10 h}"},
    {"Rest for 1 hour", "- rest: {for: 1 h}"},
    {"Charge at 1 A until 4.1 V",
     "- charge: {at: 1 A, until: cell.voltage >= 4.1 V, timeout: 24 h else pause}"},
    {"Hold at 4.1 V until 50 mA", "- hold: {at: 4.1 V, taper: 50 mA, timeout: 24 h else pause}"},
    {"Hold at 4.1V until C/50", "- hold: {at: 4.1 V, taper: C/50, timeout: 24 h else pause}"},
    {"Hold at 1 V for 20 seconds", "- hold: {at: 1 V, for: 20 s}"},
    {"Hold at 4.2 V for 1 hour or until 5mA", "- hold: {at: 4.2 V, taper: 5 mA, for: 1 h}"},
    {"Hold at 4.2 V until <C/20", "- hold: {at: 4.2 V, taper: C/20, timeout: 24 h else pause}"},
    {"Charge at 200 mA for 45 minutes (2 minute period)",
     "- charge: {at: 200 mA, for: 45 min, record: every 2 min}"},
    {"Charge at 200 mA for 45 minutes (1 minute period)", "- charge: {at: 200 mA, for: 45 min}"},
    {"Charge at 200mA for 2700 s (0.5 sec period)",
     "- charge: {at: 200 mA, for: 45 min, record: every 0.5 s}"},
    {"Discharge at 1 W for 0.5 hours", "- discharge: {at: 1 W, for: 30 min}"},
    {"Charge at 200mW for 45 min", "- charge: {at: 200 mW, for: 45 min}"},
    {"Discharge at 4 Ohm for 90 s", "- discharge: {at: 4 ohm, for: 90 s}"},
    {"Discharge at 500 mOhm until 2.5 V",
     "- discharge: {at: 0.5 ohm, until: cell.voltage <= 2.5 V, timeout: 24 h else pause}"},
    {"Charge at 0.1C until 4.2 V",
     "- charge: {at: C/10, until: cell.voltage >= 4.2 V, timeout: 20 h else pause}"},
    {"Charge at 2C for 20 m", "- charge: {at: 2C, for: 20 min}"},
    {"Charge at 0.75 C for 1 hr", "- charge: {at: 0.75C, for: 1 h}"},
    {"Discharge at C/3 until 0 V",
     "- discharge: {at: C/3, until: cell.voltage <= 0 V, timeout: 6 h else pause}"},
    {"rest  for 10 minutes", "- rest: {for: 10 min}"},
    {"Rest for 2 h or until >3.6 V", "- rest: {until: cell.voltage > 3.6 V, for: 2 h}"},
    {"Discharge at 1 A until < 3 V",
     "- discharge: {at: 1 A, until: cell.voltage < 3 V, timeout: 24 h else pause}"},
    {"Discharge at 0.2 A for 1.5 hours", "- discharge: {at: 200 mA, for: 90 min}"},
};
/* clang-format on */

static void one_sentence(size_t i)
{
    char *yaml = yaml_of(FOREIGN_PYBAMM, sentences[i].sentence);
    struct program p;
    struct conf_doc doc;

    ck_assert_msg(strstr(yaml, sentences[i].step) != NULL, "%s:\n%s", sentences[i].sentence, yaml);
    ck_assert_ptr_nonnull(strstr(yaml, "record: every 1 min \n"));
    compile_yaml(yaml, &p, &doc);
    program_done(&p);
    conf_done(&doc);
    free(yaml);
}

START_TEST(test_sentence)
{
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        one_sentence(i);
}
END_TEST

/* clang-format off */
/* column: where the caret stands, from 1 */
static const struct {
    const char *sentence;
    int code, column, length;
    const char *hint;
} wrong[] = {
    {"Dischage at 1C for 1 hour", E_SYNTAX, 1, 8, "Discharge"},
    {"Charge at 1C", E_INVALID, 1, 12, "for 1 hour"},
    {"Charge C/10 for 1 h", E_SYNTAX, 8, 4, "Charge at"},
    {"Charge at for 1 h", E_SYNTAX, 11, 1, ""},
    {"Hold at 1 A for 1 hour", E_UNIT, 9, 3, "Charge or Discharge"},
    {"Charge at 4 V until 4.1 V", E_UNIT, 11, 3, "Hold at 4 V"},
    {"Charge at 5 for 1 hour", E_UNIT, 11, 1, "mA"},
    {"Charge at 1 kg for 1 hour", E_UNIT, 1, 25, ""},
    {"Charge at 1 MA/h for 1 hour", E_UNIT, 1, 27, ""},
    {"Charge at 1 Amx for 1 hour", E_UNIT, 13, 3, ""},
    {"Charge at 4 Ohm for 1 hour", E_UNSUPPORTED, 1, 26, "current"},
    {"Charge at -1 A for 1 hour", E_RANGE, 1, 25, "direction"},
    {"Discharge at 0 A for 1 hour", E_RANGE, 1, 27, "Rest"},
    {"Charge at 1 C for 1 fortnight", E_UNIT, 21, 9, "hours"},
    {"Charge at 1 C for an hour", E_SYNTAX, 19, 7, "10 hours"},
    {"Rest for -1 hour", E_SYNTAX, 10, 7, ""},
    {"Rest for 0 s", E_RANGE, 10, 3, ""},
    {"Charge at 1C until", E_SYNTAX, 19, 1, ""},
    {"Charge at 1C until 4 km", E_UNIT, 20, 4, ""},
    {"Discharge at 1 A until 50 mA", E_UNSUPPORTED, 1, 28, "Hold"},
    {"Hold at 4.1 V until < 50 mA", E_UNSUPPORTED, 21, 7, "magnitude"},
    {"Hold at 4 V until 3 V", E_UNSUPPORTED, 1, 21, ""},
    {"Hold at 4 V until -5 mA", E_RANGE, 19, 5, ""},
    {"Rest until 3 V", E_UNSUPPORTED, 1, 14, ">3.5 V"},
    {"Rest for 1 h or until 3 mA", E_UNSUPPORTED, 1, 26, ""},
    {"Charge at 1 C until 4.1 V until 4.2 V", E_UNSUPPORTED, 33, 5, ""},
    {"Charge at 1 C for 1 hour at 25 oC", E_UNSUPPORTED, 26, 2, "temperature="},
    {"Charge at 1 C for 1 hour (1 minute)", E_SYNTAX, 26, 10, "period"},
    {"Rest for 1 h (1 minute period) twice", E_SYNTAX, 32, 5, ""},
    {"Rest for 1 h (0.0001 s period)", E_RANGE, 15, 8, ""},
    {"Rest for 1 h soon", E_UNIT, 12, 6, "hours"},
    {"Rest for 1 h or 4 V", E_SYNTAX, 17, 1, "until"},
    {"Run US06 (A)", E_UNSUPPORTED, 1, 3, "CSV"},
};
/* clang-format on */

static void one_wrong(size_t i)
{
    struct foreign f;
    const struct diag_finding *x = &d.finding[0];
    char line[120];
    int rc = str_fmt(line, sizeof(line), "# first\n%s\n", wrong[i].sentence);

    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(read_text(FOREIGN_PYBAMM, line, &f), wrong[i].code);
    ck_assert_int_eq((int)d.n, 1);
    ck_assert_str_eq(x->file, "in.txt");
    ck_assert_int_eq(x->line, 2);
    ck_assert_msg(x->column == wrong[i].column && x->length == wrong[i].length,
                  "%s: column %d length %d: %s", wrong[i].sentence, x->column, x->length, x->text);
    ck_assert_msg(strstr(x->hint, wrong[i].hint) != NULL, "%s: %s", wrong[i].sentence, x->hint);
}

START_TEST(test_wrong)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        one_wrong(i);
}
END_TEST

/* ---- Lists, scripts, JSON ---- */

static const char script[] = "import pybamm\n"
                             "N = 3\n"
                             "cycle = (\n"
                             "    \"Discharge at C/10 until 3.3 V\",  # to the end\n"
                             "    'Rest for '\n"
                             "    '1 hour',\n"
                             ")\n"
                             "text = \"\"\"pybamm.Experiment in a text\"\"\"\n"
                             "e = pybamm.Experiment(\n"
                             "    [cycle] * N + [(\"Rest for 1 minute\",) * 2],\n"
                             "    period=\"10 seconds\", temperature=\"25 oC\",\n"
                             "    termination=[\"2.5 V\", \"100 hours\"])\n";

START_TEST(test_script)
{
    char *yaml = yaml_of(FOREIGN_PYBAMM, script);
    const char *expect =
        "record: every 10 s\n"
        "on_power_loss: {resume: within 10 min, else: pause} \n"
        "steps:\n"
        "  - stop_when: cell.voltage <= 2.5 V or run.time >= 100 h\n"
        "    steps:\n"
        "      - soak: {chamber: 25 degC, until: chamber.temperature within 1 K for 10 min, "
        "timeout: 6 h else pause} \n"
        "      - repeat: 3\n"
        "        steps:\n"
        "          \n"
        "          - discharge: {at: C/10, until: cell.voltage <= 3.3 V, timeout: 20 h else pause} "
        "\n"
        "          \n"
        "          - rest: {for: 1 h}\n"
        "      - repeat: 2\n"
        "        steps:\n"
        "          \n"
        "          - rest: {for: 1 min}\n";

    ck_assert_msg(strstr(yaml, expect) != NULL, "%s", yaml);
    free(yaml);
}
END_TEST

/* JSON has no repetition: cycles that are the same are counted. */
START_TEST(test_json_list)
{
    char *yaml =
        yaml_of(FOREIGN_PYBAMM, "[\"Rest for 1 s\",\n [\"Rest for 2 s\", \"Rest for 3 s\"],\n"
                                " [\"Rest for 2 s\", \"Rest for 3 s\"]]");

    ck_assert_ptr_nonnull(strstr(yaml, "  - rest: {for: 1 s}\n  - repeat: 2\n"));
    free(yaml);
    yaml =
        yaml_of(FOREIGN_PYBAMM,
                "{\"cycles\": [[{\"type\": \"Current\", \"value\": -1.5, \"duration\": 60},"
                " {\"type\": \"Voltage\", \"value\": 4, \"termination\": [\"20 mA\"]},"
                " {\"type\": \"Power\", \"value\": 2, \"duration\": \"1 hour\", \"period\": 5}]]}");
    ck_assert_ptr_nonnull(strstr(yaml, "- charge: {at: 1.5 A, for: 1 min}"));
    ck_assert_ptr_nonnull(strstr(yaml, "- hold: {at: 4 V, taper: 20 mA, "));
    ck_assert_ptr_nonnull(strstr(yaml, "- discharge: {at: 2 W, for: 1 h, record: every 5 s}"));
    free(yaml);
}
END_TEST

/* Positive is a discharge in the functions of PyBaMM. */
START_TEST(test_step_functions)
{
    char *yaml = yaml_of(
        FOREIGN_PYBAMM,
        "[pybamm.step.current(2, duration=60), pybamm.step.c_rate(-0.5, termination=\"4.1 V\"),"
        " pybamm.step.rest(\"1 h\"), pybamm.step.string(\"Rest for 1 s\", temperature=318.15)]");

    ck_assert_ptr_nonnull(strstr(yaml, "- discharge: {at: 2 A, for: 1 min}"));
    ck_assert_ptr_nonnull(
        strstr(yaml, "- charge: {at: C/2, until: cell.voltage >= 4.1 V, timeout: 4 h else pause}"));
    ck_assert_ptr_nonnull(strstr(yaml, "- rest: {for: 1 h}"));
    ck_assert_ptr_nonnull(strstr(yaml, "- soak: {chamber: 45 degC,"));
    free(yaml);
}
END_TEST

/* The current of a hold is that of the step which led to its voltage, and only of that. */
START_TEST(test_hold_current)
{
    char *yaml = yaml_of(FOREIGN_PYBAMM, "Charge at C/5 until 4.1 V\nHold at 4.1 V until C/50\n"
                                         "Hold at 4.0 V for 1 h\n");

    ck_assert_ptr_nonnull(strstr(yaml, "- hold: {at: 4.1 V, at_most: C/5, taper: C/50, "));
    ck_assert_ptr_nonnull(strstr(yaml, "- hold: {at: 4 V, for: 1 h}"));
    ck_assert_int_eq((int)d.n, 1); /* the second hold */
    ck_assert_int_eq(d.finding[0].level, DIAG_WARN);
    ck_assert_int_eq(d.finding[0].line, 3);
    free(yaml);
}
END_TEST

/* clang-format off */
static const struct {
    const char *text;
    int line, column;
    const char *says;
} wrong_lists[] = {
    {"[\"Rest for 1 h\",\n \"Rest\"]", 2, 3, "how it ends"},
    {"[\"Rest for 1 h\"", 1, 1, "not closed"},
    {"[\"Rest for 1 h]", 1, 2, "does not end"},
    {"[\"Rest for 1 h\" \"Rest for 2 h\"]", 1, 3, "'hRest' is not a unit"},
    {"[\"Rest for 1 h\"] * 0", 1, 20, "repeated 1 to"},
    {"[\"Rest for 1 h\"] * 1.5", 1, 20, "repeated 1 to"},
    {"[\"Rest for 1 h\" * 3]", 1, 3, "only a list"},
    {"[\"Rest for 1 h\"] + \"Rest for 1 h\"", 1, 21, "joins two lists"},
    {"[cycle]", 1, 2, "stands for nothing"},
    {"[f\"Rest for {t} h\"]", 1, 2, "prefix"},
    {"[3]", 1, 2, "a step is a text"},
    {"[]", 0, 0, "holds no step"},
    {"", 0, 0, "holds no step"},
    {"procedure: p\nsteps: []", 1, 1, "begins with Charge"},
    {"Rest for 1 h\n\033[31m", 2, 1, "0x1B"},
    {"[\"Rest for 1 h\"]\nx", 2, 1, "follows the list"},
    {"Experiment([\"Rest for 1 h\"])\nExperiment([])", 2, 1, "second experiment"},
    {"Experiment([\"Rest for 1 h\"], drive_cycles={})", 1, 43, "no such keyword"},
    {"Experiment([\"Rest for 1 h\"],\n termination=\"80% capacity\")", 2, 15, "capacity"},
    {"Experiment([\"Rest for 1 h\"], temperature=\"25 F\")", 1, 43, "oC or K"},
    {"Experiment(steps)", 1, 12, "stands for nothing"},
    {"[step.current(profile, duration=1)]", 1, 15, "stands for nothing"},
    {"[step.current(1)]", 1, 2, "how it ends"},
    {"[step.current(1, duration=1, start_time=3)]", 1, 41, "time of day"},
    {"[step.CustomStepExplicit(1)]", 1, 2, "no step that can be read"},
};
/* clang-format on */

static void one_wrong_list(size_t i)
{
    struct foreign f;
    const struct diag_finding *x = &d.finding[0];

    ck_assert_int_lt(read_text(FOREIGN_PYBAMM, wrong_lists[i].text, &f), 0);
    ck_assert_msg(x->line == wrong_lists[i].line && x->column == wrong_lists[i].column &&
                      strstr(x->text, wrong_lists[i].says),
                  "%s: %d:%d: %s", wrong_lists[i].text, x->line, x->column, x->text);
}

START_TEST(test_wrong_list)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_lists); i++)
        one_wrong_list(i);
}
END_TEST

START_TEST(test_too_many)
{
    for (int more = 0; more < 2; more++) {
        struct foreign f;
        struct text t = {0};

        text_add(&t, "[");
        for (int i = 0; i < FOREIGN_STEPS_MAX + more; i++)
            text_add(&t, "\"Rest for %d s\",", i + 1);
        text_add(&t, "]");
        ck_assert_int_eq(read_text(FOREIGN_PYBAMM, t.p, &f), more ? E_FULL : 0);
        if (!more) {
            ck_assert_uint_eq(f.n, FOREIGN_STEPS_MAX);
            foreign_done(&f);
        }
        text_done(&t);
    }
}
END_TEST

/* ---- unicycler ---- */

static const char protocol[] =
    "{\n"
    " \"sample\": {\"name\": \"$NAME\", \"capacity_mAh\": \"123\"},\n"
    " \"record\": {\"current_mA\": \"0.1\", \"voltage_V\": \"0.1\", \"time_s\": \"10\"},\n"
    "\t\"safety\": {\"max_voltage_V\": \"5\", \"min_voltage_V\": \"-0.1\", \"max_current_mA\": "
    "10,\n"
    "   \"min_current_mA\": -10, \"max_capacity_mAh\": null, \"delay_s\": 2},\n"
    " \"method\": [\n"
    "  {\"step\": \"open_circuit_voltage\", \"until_time_s\": \"3600\"},\n"
    "  {\"step\": \"tag\", \"tag\": \"forming\"},\n"
    "  {\"step\": \"constant_current\", \"rate_C\": \"1/5\", \"until_time_s\": \"\", "
    "\"until_voltage_V\": 4.2},\n"
    "  {\"step\": \"constant_voltage\", \"voltage_V\": 4.2, \"until_rate_C\": 0.05, "
    "\"until_time_s\": 7200},\n"
    "  {\"step\": \"constant_current\", \"rate_C\": \"D/2\", \"until_voltage_V\": 3},\n"
    "  {\"step\": \"loop\", \"loop_to\": \"forming\", \"cycle_count\": 3},\n"
    "  {\"step\": \"constant_current\", \"current_mA\": \"-1.5\", \"until_time_s\": 90},\n"
    "  {\"step\": \"loop\", \"loop_to\": 2, \"cycle_count\": \"20\"}\n"
    " ]\n"
    "}\n";

START_TEST(test_protocol)
{
    char *yaml = yaml_of(FOREIGN_UNICYCLER, protocol);
    const char *expect =
        "needs:\n"
        "  cycler: {voltage: 3 V .. 4.2 V}\n"
        "guards:\n"
        "  cell.voltage: -0.1 V .. 5 V for 2 s\n"
        "  cell.current: -10 mA .. 10 mA for 2 s\n"
        "record: every 10 s or 0.1 V or 0.1 mA\n"
        "on_power_loss: {resume: within 10 min, else: pause} \n"
        "before:\n"
        "  - check: capacity within 6.15 mAh of 123 mAh \n"
        "steps:\n"
        "  \n"
        "  - rest: {for: 1 h}\n"
        "  - repeat: 20\n"
        "    as: loop_forming\n"
        "    steps:\n"
        "      - repeat: 3\n"
        "        steps:\n"
        "          \n"
        "          \n"
        "          - charge: {at: C/5, until: cell.voltage >= 4.2 V, timeout: 10 h else pause} \n"
        "          \n"
        "          - hold: {at: 4.2 V, at_most: C/5, taper: C/20, for: 2 h}\n"
        "          \n"
        "          - discharge: {at: C/2, until: cell.voltage <= 3 V, timeout: 4 h else pause} \n"
        "      \n"
        "      - discharge: {at: 1.5 mA, for: 90 s}\n";
    struct program p;
    struct conf_doc doc;

    ck_assert_msg(strstr(yaml, expect) != NULL, "%s", yaml);
    compile_yaml(yaml, &p, &doc);
    program_done(&p);
    conf_done(&doc);
    free(yaml);
}
END_TEST

#define METHOD(m) "{\"record\": {\"time_s\": 1},\n\"method\": [\n" m "]}"
#define REST      "{\"step\": \"open_circuit_voltage\", \"until_time_s\": 1}"

/* clang-format off */
static const struct {
    const char *text;
    int line, column;
    const char *says;
} wrong_protocols[] = {
    {"{\"record\": {\"time_s\": 1},\n\"method\": [}", 2, 12, "not JSON"},
    {"[]", 0, 0, "object"},
    {"{}", 1, 1, "no `record`"},
    {"{\"record\": {\"time_s\": 0}, \"method\": [" REST "]}", 1, 23, "above zero"},
    {"{\"record\": {\"time_s\": 1}, \"method\": []}", 1, 1, "no `method`"},
    {METHOD("{\"step\": \"impedance_spectroscopy\"}"), 3, 10, "eis"},
    {METHOD("{\"step\": \"voltage_scan\"}"), 3, 10, "scan"},
    {METHOD("{\"step\": \"constant_curent\"}"), 3, 10, "no step 'constant_curent'"},
    {METHOD("{\"stop\": \"tag\"}"), 3, 1, "no `step`"},
    {METHOD("3"), 3, 1, "object"},
    {METHOD("{\"step\": \"open_circuit_voltage\"}"), 3, 1, "until_time_s"},
    {METHOD("{\"step\": \"open_circuit_voltage\", \"until_time\": 1, \"until_time_s\": 1}"), 3,
     34, "no key 'until_time'"},
    {METHOD("{\"step\": \"constant_current\", \"until_time_s\": 1}"), 3, 1, "rate_C"},
    {METHOD("{\"step\": \"constant_current\", \"rate_C\": 0.5}"), 3, 1, "until_voltage_V"},
    {METHOD("{\"step\": \"constant_current\", \"rate_C\": \"C/x\", \"until_time_s\": 1}"), 3, 40,
     "C-rate"},
    {METHOD("{\"step\": \"constant_voltage\", \"voltage_V\": \"4,2\", \"until_time_s\": 1}"), 3,
     43, "number"},
    {METHOD("{\"step\": \"constant_voltage\", \"voltage_V\": 4.2}"), 3, 1, "until_current_mA"},
    {METHOD(REST ",\n{\"step\": \"loop\", \"loop_to\": \"a\", \"cycle_count\": 2}"), 4, 29,
     "no tag"},
    {METHOD(REST ",\n{\"step\": \"loop\", \"loop_to\": 2, \"cycle_count\": 2}"), 4, 29,
     "goes back"},
    {METHOD(REST ",\n{\"step\": \"loop\", \"loop_to\": 1}"), 4, 1, "cycle_count"},
    {METHOD(REST
     ",\n{\"step\": \"tag\", \"tag\": \"t\"}, {\"step\": \"loop\", \"loop_to\": \"t\", "
     "\"cycle_count\": 2}"), 4, 58, "goes back"},
    {METHOD(REST "," REST ",{\"step\": \"loop\", \"cycle_count\": 2},\n"
     "{\"step\": \"loop\", \"loop_to\": 2, \"cycle_count\": 2}"), 4, 1, "overlaps"},
    {"{\"record\": {\"time_s\": 1}, \"safety\": {\"max_capacity_mAh\": 5}, \"method\": [" REST
     "]}", 1, 58, "charge of a step"},
    {"{\"record\": {\"time_s\": 1}, \"safety\": {\"min_voltage_V\": 5, \"max_voltage_V\": 4}, "
     "\"method\": [" REST "]}", 1, 37, "lower limit"},
    {"{\"record\": {\"time_s\": 1}, \"safety\": [4.3], \"method\": [" REST "]}", 1, 37,
     "`safety` is an object"},
    {"{\"record\": {\"time_s\": 1}, \"metod\": [], \"method\": [" REST "]}", 1, 27,
     "no key 'metod'"},
};
/* clang-format on */

static void one_wrong_protocol(size_t i)
{
    struct foreign f;
    const struct diag_finding *x = &d.finding[0];

    ck_assert_int_lt(read_text(FOREIGN_UNICYCLER, wrong_protocols[i].text, &f), 0);
    ck_assert_msg(x->line == wrong_protocols[i].line && x->column == wrong_protocols[i].column &&
                      strstr(x->text, wrong_protocols[i].says),
                  "%s: %d:%d: %s", wrong_protocols[i].text, x->line, x->column, x->text);
}

START_TEST(test_wrong_protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_protocols); i++)
        one_wrong_protocol(i);
}
END_TEST

/* As an editor on another system leaves it. */
START_TEST(test_byte_order_mark)
{
    char *yaml = yaml_of(FOREIGN_PYBAMM, "\xEF\xBB\xBFRest for 1 h\r\nRest for 2 h\r\n");

    ck_assert_ptr_nonnull(strstr(yaml, "- rest: {for: 1 h}\n"));
    ck_assert_ptr_nonnull(strstr(yaml, "- rest: {for: 2 h}\n"));
    free(yaml);
}
END_TEST

START_TEST(test_guess)
{
    ck_assert_int_eq(foreign_guess(protocol, strlen(protocol)), FOREIGN_UNICYCLER);
    ck_assert_int_eq(foreign_guess(script, strlen(script)), FOREIGN_PYBAMM);
    ck_assert_int_eq(foreign_guess("{\"cycles\": []}", 14), FOREIGN_PYBAMM);
    ck_assert_int_eq(foreign_guess("", 0), FOREIGN_PYBAMM);
}
END_TEST

/* ---- There and back ---- */

static char *export_yaml(const char *yaml, enum foreign_form form, bool lossy)
{
    struct program p;
    struct conf_doc doc;
    struct foreign f;
    struct text out = {0};

    compile_yaml(yaml, &p, &doc);
    if (foreign_from_program(&p, &doc, form, lossy, &f, &d) == 0) {
        ck_assert_int_eq(foreign_write(&f, form, "p", &out, &d), 0);
        foreign_done(&f);
    }
    program_done(&p);
    conf_done(&doc);
    return out.p;
}

static void check_same_program(const char *a, const char *b)
{
    struct program p, q;
    struct conf_doc doc_p, doc_q;

    compile_yaml(a, &p, &doc_p);
    compile_yaml(b, &q, &doc_q);
    ck_assert_msg(memcmp(p.hash, q.hash, sizeof(p.hash)) == 0, "%s\n%s", a, b);
    program_done(&p);
    program_done(&q);
    conf_done(&doc_p);
    conf_done(&doc_q);
}

static void check_round(enum foreign_form form, const char *text)
{
    char *yaml = yaml_of(form, text), *out = export_yaml(yaml, form, false), *again;

    ck_assert_msg(out != NULL, "%s: %s", yaml, d.n ? d.finding[0].text : "");
    ck_assert_msg(d.n == 0 || form == FOREIGN_UNICYCLER, "%s: %s", text, d.finding[0].text);
    again = yaml_of(form, out);
    check_same_program(yaml, again);
    free(yaml);
    free(out);
    free(again);
}

static void one_round_sentence(size_t i)
{
    check_round(FOREIGN_PYBAMM, sentences[i].sentence);
}

START_TEST(test_round_sentence)
{
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        one_round_sentence(i);
}
END_TEST

START_TEST(test_round_files)
{
    check_round(FOREIGN_PYBAMM, script);
    check_round(FOREIGN_PYBAMM, "[((\"Rest for 1 s\",) * 2 + (\"Charge at 1 A for 1 s\",)) * 3,"
                                " \"Rest for 7 s\"] * 4");
    check_round(FOREIGN_PYBAMM,
                "[pybamm.step.string(\"Rest for 1 s\", temperature=\"25 oC\"),"
                " pybamm.step.string(\"Rest for 1 s\", temperature=\"-10 oC\")] * 2");
    check_round(FOREIGN_UNICYCLER, protocol);
}
END_TEST

/* What both can say comes through both. */
START_TEST(test_across)
{
    char *yaml = yaml_of(FOREIGN_PYBAMM, "Experiment([(\"Charge at C/3 until 4.2 V\","
                                         "\"Hold at 4.2 V until C/30\", \"Rest for 1 h\","
                                         "\"Discharge at 0.3 mA for 2 h or until 3 V\")] * 5,"
                                         "period=\"1 s\")"),
         *json = export_yaml(yaml, FOREIGN_UNICYCLER, false), *back;

    ck_assert_ptr_nonnull(json);
    back = yaml_of(FOREIGN_UNICYCLER, json);
    check_same_program(yaml, back);
    free(yaml);
    free(json);
    free(back);
}
END_TEST

/* ---- Export of our own ---- */

#define HEAD                                                                                    \
    "procedure: p\nguards:\n  cell.voltage: 2 V .. 4.3 V\nrecord: every 10 s\non_power_loss: {" \
    "resume: within 10 min, else: pause}\nsteps:\n"

START_TEST(test_export_own)
{
    char *out =
        export_yaml(HEAD "  - charge: {at: C/5, cv: 4.2 V, taper: C/50, timeout: 9 h else pause}\n"
                         "  - each: {r: [C/10, 0.5C]}\n"
                         "    steps:\n"
                         "      - discharge: {at: 2 * r, until: cell.voltage <= 3 V, "
                         "timeout: 30 min else next}\n"
                         "  - pulse: {charge: 1 A, for: 10 s, limits: 2.2 V .. 4.3 V}\n"
                         "  - current: {at: -2 mA, for: 1 h}\n",
                    FOREIGN_PYBAMM, false);
    static const char *const lines[] = {
        "\"Charge at C/5 until 4.2 V\",\n",
        "\"Hold at 4.2 V until C/50\",\n",
        "\"Discharge at C/5 for 30 minutes or until 3 V\",\n",
        "\"Discharge at 1C for 30 minutes or until 3 V\",\n",
        "\"Charge at 1 A for 10 seconds or until 4.3 V\",\n",
        "\"Discharge at 2 mA for 1 hour\",\n",
        "# line 3: guards are not carried over",
        "# line 7: time-outs are not carried over",
    };

    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        ck_assert_msg(strstr(out, lines[i]) != NULL, "%s in\n%s", lines[i], out);
    ck_assert_uint_eq(d.n, 2);
    free(out);
}
END_TEST

/* clang-format off */
static const struct {
    enum foreign_form form;
    const char *step;
    const char *says;
    bool lossy; /* --lossy lets it pass */
} unsayable[] = {
    {FOREIGN_PYBAMM, "squeeze: {to: 1 MPa}", "stack pressure", true},
    {FOREIGN_UNICYCLER, "squeeze: {to: 1 MPa}", "stack pressure", true},
    {FOREIGN_UNICYCLER, "soak: {chamber: 25 degC}", "chamber", true},
    {FOREIGN_UNICYCLER, "charge: {at: 1 W, for: 1 h}", "power", false},
    {FOREIGN_UNICYCLER, "discharge: {at: 1 ohm, for: 1 h}", "resistance", false},
    {FOREIGN_UNICYCLER, "rest: {until: cell.voltage > 3 V, for: 1 h}", "rest that ends", false},
    {FOREIGN_PYBAMM, "charge: {at: 1 A, cv: 4.2 V, for: 1 h}", "held without a taper", false},
    {FOREIGN_PYBAMM, "charge: {at: 1 A, limits: 3 V .. 4.2 V, for: 1 h}", "clips", false},
    {FOREIGN_PYBAMM, "charge: {at: 1 A, cv: 4.2 V, taper: 1 mA, for: 1 h}", "another end", false},
    {FOREIGN_PYBAMM, "charge: {at: 1 A, until: charge >= 1 Ah, for: 9 h}", "charge >= 1 Ah",
     false},
    {FOREIGN_PYBAMM, "rest: {for: 1 h, at_least: 1 min}", "at_least", false},
    {FOREIGN_PYBAMM, "hold: {at: 4 V, at_most: 1 A, for: 1 h}", "at_most", true},
    {FOREIGN_PYBAMM, "rest: {for: 1 h, stop: cell.temperature > 60 degC as hot}", "stop rule",
     true},
    {FOREIGN_PYBAMM, "ask: {text: \"go on?\", kind: yes}", "question", true},
    {FOREIGN_PYBAMM, "if: cell.voltage > 3 V\n    then: [end]", "`if`", false},
    {FOREIGN_PYBAMM, "wait: {for: 1 h}", "`wait`", true},
};
/* clang-format on */

static void one_unsayable(size_t i)
{
    struct text yaml = {0};
    char *out;

    text_add(&yaml, HEAD "  - rest: {for: 1 h}\n  - %s\n", unsayable[i].step);
    out = export_yaml(yaml.p, unsayable[i].form, false);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(diag_code(&d), E_UNSUPPORTED);
    ck_assert_int_eq(d.finding[0].line, 8);
    ck_assert_msg(strstr(d.finding[0].text, unsayable[i].says) != NULL, "%s", d.finding[0].text);
    out = export_yaml(yaml.p, unsayable[i].form, true);
    ck_assert_int_eq(out != NULL, unsayable[i].lossy);
    ck_assert_uint_gt(d.n, 0);
    free(out);
    text_done(&yaml);
}

START_TEST(test_unsayable)
{
    for (size_t i = 0; i < ARRAY_LEN(unsayable); i++)
        one_unsayable(i);
}
END_TEST

/* A guard that a cycler would not have is refused for unicycler, and only told for a simulation. */
START_TEST(test_guards)
{
    static const char yaml[] =
        "procedure: p\nguards: {press.pressure: .. 9 MPa}\nrecord: every 1 s\n"
        "steps: [rest: {for: 1 h}]\n";
    char *out = export_yaml(yaml, FOREIGN_UNICYCLER, false);

    ck_assert_ptr_null(out);
    ck_assert_int_eq(d.finding[0].line, 2);
    out = export_yaml(yaml, FOREIGN_PYBAMM, false);
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_nonnull(strstr(out, "# line 2: guards are not carried over"));
    free(out);
}
END_TEST

START_TEST(test_names)
{
    char buf[80];

    foreign_procedure_name("a/b/My cycles (2).py", buf, sizeof(buf));
    ck_assert_str_eq(buf, "My-cycles-2-");
    foreign_procedure_name("...", buf, sizeof(buf));
    ck_assert_str_eq(buf, "imported");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("procimport");
    TCase *in = tcase_create("import"), *out = tcase_create("export");
    SRunner *r;
    int failed;

    tcase_add_test(in, test_sentence);
    tcase_add_test(in, test_wrong);
    tcase_add_test(in, test_script);
    tcase_add_test(in, test_json_list);
    tcase_add_test(in, test_step_functions);
    tcase_add_test(in, test_hold_current);
    tcase_add_test(in, test_wrong_list);
    tcase_add_test(in, test_too_many);
    tcase_add_test(in, test_protocol);
    tcase_add_test(in, test_wrong_protocol);
    tcase_add_test(in, test_byte_order_mark);
    tcase_add_test(in, test_guess);
    tcase_add_test(in, test_names);
    tcase_add_test(out, test_round_sentence);
    tcase_add_test(out, test_round_files);
    tcase_add_test(out, test_across);
    tcase_add_test(out, test_export_own);
    tcase_add_test(out, test_unsayable);
    tcase_add_test(out, test_guards);
    suite_add_tcase(s, in);
    suite_add_tcase(s, out);
    r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
