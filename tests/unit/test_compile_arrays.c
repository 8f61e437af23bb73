/* Unit tests of the compiler: channels that are many of a kind. A string of three groups and two
 * sensors on it, made of the station of benches/demo.yaml. */
#include "base/err.h"
#include "base/str.h"
#include "procedures/engine/check.h"
#include "procedures/engine/compile.h"
#include "tests/support/station_demo.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUPS = 3,
    SENSORS = 2
};

struct lab {
    struct article article;
    struct station_desc station;
    struct conf_doc doc;
    struct program p;
    struct open_list open;
    struct diag d;
};

static void add_array(struct station_desc *s, const char *path, unsigned n, enum chan_kind kind)
{
    struct station_group *g = &s->group[s->n_groups - 1];

    for (unsigned k = 1; k <= n; k++) {
        struct station_chan *c = &s->chan[s->n_chans];

        ck_assert_int_eq(str_fmt(c->name, sizeof(c->name), "%s.%u", path, k), 0);
        c->kind = kind;
        c->read = true;
        c->group = (uint8_t)(s->n_groups - 1);
        c->min = -1000.0;
        c->max = 1000.0;
        g->chan[g->n++] = s->n_chans++;
    }
}

static void with_arrays(struct station_desc *s)
{
    struct station_group *g = &s->group[s->n_groups++];

    *g = (struct station_group){
        .period_s = 2.0, .fastest_s = 1.0, .stale_s = 20.0, .latency_s = 20.0};
    str_copy(g->name, sizeof(g->name), "daq");
    str_copy(g->inst, sizeof(g->inst), "daq");
    add_array(s, "group.voltage", GROUPS, KIND_VOLTAGE_V);
    add_array(s, "cell.temperature", SENSORS, KIND_TEMPERATURE_K);
}

static void begin(struct lab *l, const char *kind, const char *group_voltage, bool arrays)
{
    struct conf_doc doc = {0};
    char text[400];

    memset(l, 0, sizeof(*l));
    diag_init(&l->d);
    station_demo(&l->station);
    if (arrays)
        with_arrays(&l->station);
    ck_assert_int_eq(str_fmt(text, sizeof(text),
                             "article: X\nkind: %s\ncapacity: 10 mAh\nlimits:\n"
                             "  voltage: 2.0 V .. 4.4 V\n%s%s%s"
                             "  charge_current: .. 6 mA\n  discharge_current: .. 12 mA\n",
                             kind, group_voltage ? "  group_voltage: " : "",
                             group_voltage ? group_voltage : "", group_voltage ? "\n" : ""),
                     0);
    ck_assert_int_eq(conf_load_text("a.yaml", text, strlen(text), &doc, &l->d), 0);
    ck_assert_int_eq(article_from_doc(&doc, &l->article, &l->d), 0);
}

static void end(struct lab *l)
{
    program_done(&l->p);
    conf_done(&l->doc);
    article_done(&l->article);
}

static int compile(struct lab *l, const char *guards, const char *steps)
{
    struct compile_input in = {.article = &l->article, .station = &l->station};
    char text[1000];
    int r;

    ck_assert_int_eq(str_fmt(text, sizeof(text),
                             "procedure: x\ntitle: x\nversion: 1.0.0\n%ssteps:\n%s", guards, steps),
                     0);
    in.procedure = &l->doc;
    r = conf_load_text("p.yaml", text, strlen(text), &l->doc, &l->d);
    return r < 0 ? r : program_compile(&in, &l->p, &l->open, &l->d);
}

static const char *story_of(const struct lab *l)
{
    static char story[4096];

    (void)diag_format(&l->d, story, sizeof(story), false);
    return story;
}

#define WAIT "- rest: {for: 1 min}\n"

/* Guards whose value is this channel, unless it is CHAN_NONE: all. */
static unsigned guards_on(const struct lab *l, const char *chan, double lo, double hi)
{
    chan_id c = station_find(&l->station, chan);
    unsigned n = 0;

    for (uint16_t g = 0; g < l->p.n_guards; g++) {
        const struct guard *gd = &l->p.guards[g];
        const struct insn *in = &l->p.code[l->p.exprs[gd->value].start];

        n += in->op == INSN_CHAN && in->a == c && fabs(gd->lo - lo) < 1e-9 &&
             fabs(gd->hi - hi) < 1e-9;
    }
    return n;
}

START_TEST(guard_on_an_array)
{
    struct lab l;

    begin(&l, "module", NULL, true);
    ck_assert_msg(compile(&l, "guards: {group.voltage: 2.5 V .. 4.2 V}\n", WAIT) == 0, "%s",
                  story_of(&l));
    ck_assert_uint_eq(guards_on(&l, "group.voltage.1", 2.5, 4.2), 1);
    ck_assert_uint_eq(guards_on(&l, "group.voltage.2", 2.5, 4.2), 1);
    ck_assert_uint_eq(guards_on(&l, "group.voltage.3", 2.5, 4.2), 1);
    ck_assert_uint_eq(guards_on(&l, "cell.voltage", 2.5, 4.2), 0);
    const char *last = program_text(&l.p, l.p.guards[l.p.n_guards - 1].text);
    ck_assert_msg(strstr(last, "number 3") != NULL, "%s", last);
    end(&l);
}
END_TEST

/* One for each sensor: charging is forbidden as soon as one of them is cold. */
START_TEST(guard_where_an_array)
{
    struct lab l;
    unsigned seen[SENSORS] = {0};

    begin(&l, "module", NULL, true);
    ck_assert_msg(compile(&l,
                          "guards: {\"charge_current where cell.temperature < 5 degC\": .. 0 A}\n",
                          WAIT) == 0,
                  "%s", story_of(&l));
    for (uint16_t g = 0; g < l.p.n_guards; g++) {
        if (l.p.guards[g].where == PROG_NONE || l.p.guards[g].source != GUARD_PROCEDURE)
            continue;
        const struct insn *in = &l.p.code[l.p.exprs[l.p.guards[g].where].start];
        ck_assert_int_eq(in->op, INSN_CHAN);
        unsigned k = in->a - station_find(&l.station, "cell.temperature.1");
        ck_assert_uint_lt(k, SENSORS);
        seen[k]++;
    }
    ck_assert_uint_eq(seen[0], 1);
    ck_assert_uint_eq(seen[1], 1);
    end(&l);
}
END_TEST

START_TEST(window_of_the_article)
{
    struct lab l;

    begin(&l, "module", "2.6 V .. 4.3 V", true);
    ck_assert_msg(compile(&l, "", "- let: {x: limits.group_voltage.high}\n" WAIT) == 0, "%s",
                  story_of(&l));
    for (int k = 1; k <= GROUPS; k++) {
        char name[32];

        ck_assert_int_eq(str_fmt(name, sizeof(name), "group.voltage.%d", k), 0);
        ck_assert_uint_eq(guards_on(&l, name, 2.6, 4.3), 1);
    }
    end(&l);
    begin(&l, "module", "2.6 V .. 4.3 V", false);
    ck_assert_int_lt(compile(&l, "", WAIT), 0);
    ck_assert_msg(strstr(story_of(&l), "station A measures none") != NULL, "%s", story_of(&l));
    end(&l);
    begin(&l, "cell", "2.6 V .. 4.3 V", false); /* a cell is its only group */
    ck_assert_msg(compile(&l, "", WAIT) == 0, "%s", story_of(&l));
    ck_assert_uint_eq(guards_on(&l, "cell.voltage", 2.6, 4.3), 1);
    end(&l);
}
END_TEST

/* As many guards for a temperature as there are sensors. */
START_TEST(article_temperature_at_each_sensor)
{
    static const char text[] = "article: X\nkind: module\nlimits: {voltage: 2 V .. 4.4 V, "
                               "charge_current: .. 6 mA, discharge_current: .. 12 mA, "
                               "charge_temperature: 10 degC .. 40 degC}\n";
    struct conf_doc doc = {0};
    struct lab l;

    begin(&l, "module", NULL, true);
    article_done(&l.article);
    ck_assert_int_eq(conf_load_text("a.yaml", text, strlen(text), &doc, &l.d), 0);
    ck_assert_int_eq(article_from_doc(&doc, &l.article, &l.d), 0);
    ck_assert_msg(compile(&l, "", WAIT) == 0, "%s", story_of(&l));
    ck_assert_uint_eq(l.p.more_temperatures, SENSORS - 1);
    ck_assert_uint_eq(guards_on(&l, "cell.temperature.1", 283.15, 313.15), 1);
    ck_assert_uint_eq(guards_on(&l, "cell.temperature.2", 283.15, 313.15), 1);
    ck_assert_uint_eq(guards_on(&l, "chamber.temperature", 283.15, 313.15), 0);
    end(&l);
}
END_TEST

static unsigned count_op(const struct lab *l, enum insn_op op)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < l->p.n_code; i++)
        n += l->p.code[i].op == op;
    return n;
}

/* Two sensors: two comparisons, both have to hold; the set-point is the chamber's. */
START_TEST(within_holds_for_all)
{
    struct lab l;
    unsigned before;

    begin(&l, "module", NULL, true);
    ck_assert_int_eq(compile(&l, "", WAIT), 0);
    before = count_op(&l, INSN_AND);
    end(&l);
    begin(&l, "module", NULL, true);
    ck_assert_msg(compile(&l, "",
                          "- soak: {chamber: 30 degC, until: cell.temperature within 0.5 K for 1 "
                          "min, timeout: 1 h else abort}\n") == 0,
                  "%s", story_of(&l));
    ck_assert_uint_eq(count_op(&l, INSN_AND), before + SENSORS - 1);
    ck_assert_uint_eq(count_op(&l, INSN_SETPOINT), SENSORS);
    end(&l);
}
END_TEST

/* A cell: the same words, its own voltage. */
START_TEST(a_cell_is_its_only_group)
{
    struct lab l, m;

    begin(&l, "cell", NULL, false);
    ck_assert_msg(compile(&l, "",
                          "- discharge: {at: 1 mA, until: lowest(group.voltage) <= 2.5 V, timeout: "
                          "1 h else pause}\n") == 0,
                  "%s", story_of(&l));
    begin(&m, "cell", NULL, false);
    ck_assert_int_eq(compile(&m, "",
                             "- discharge: {at: 1 mA, until: cell.voltage <= 2.5 V, timeout: 1 h "
                             "else pause}\n"),
                     0);
    ck_assert_uint_eq(l.p.n_code, m.p.n_code);
    for (uint32_t i = 0; i < l.p.n_code; i++)
        ck_assert(l.p.code[i].op == m.p.code[i].op && l.p.code[i].a == m.p.code[i].a);
    end(&l);
    end(&m);
}
END_TEST

/* clang-format off */
static const struct {
    const char *kind;
    bool arrays;
    const char *guards, *steps, *message;
} refused[] = {
    {"module", true, "", "- rest: {until: cell.temperature > 30 degC, timeout: 1 h else pause}\n",
     "'cell.temperature' is an array"},
    {"module", true, "", "- rest: {for: 1 min, save: {t: max(cell.temperature)}}\n", "is an array"},
    {"module", true, "", "- rest: {until: 2 * group.voltage within 1 V of 4 V, timeout: 1 h else pause}\n",
     "nothing is done to it before `within`"},
    {"module", true, "guards: {\"group.voltage where cell.temperature < 5 degC\": 2 V .. 4 V}\n", WAIT,
     "'cell.temperature' has only 2 channels"},
    {"module", false, "", "- rest: {until: lowest(group.voltage) < 3 V, timeout: 1 h else pause}\n",
     "the station has no such channels"},
    {"module", false, "guards: {group.voltage: 2 V .. 4 V}\n", WAIT, "no channel 'group.voltage'"},
};
/* clang-format on */

START_TEST(what_is_refused)
{
    struct lab l;

    begin(&l, refused[_i].kind, NULL, refused[_i].arrays);
    ck_assert_int_lt(compile(&l, refused[_i].guards, refused[_i].steps), 0);
    ck_assert_msg(strstr(story_of(&l), refused[_i].message) != NULL, "%s", story_of(&l));
    end(&l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("compile arrays");
    TCase *t = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(t, guard_on_an_array);
    tcase_add_test(t, guard_where_an_array);
    tcase_add_test(t, window_of_the_article);
    tcase_add_test(t, article_temperature_at_each_sensor);
    tcase_add_test(t, within_holds_for_all);
    tcase_add_test(t, a_cell_is_its_only_group);
    tcase_add_loop_test(t, what_is_refused, 0, (int)ARRAY_LEN(refused));
    suite_add_tcase(s, t);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
