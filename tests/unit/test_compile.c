/* Unit tests of the compiler in procedures/engine/: what expressions become and which are refused
 * where; ends, voltages and guards of acts; which registers are known on which path; the shipped
 * files against a station like that of benches/demo.yaml; and the example procedures of the shared
 * folder when it is there.
 *
 * Expected figures are worked out by hand from ASSB-017 (9.6 mAh, 2 cm^2, 2.0 V .. 4.4 V, 6 / 12
 * mA, 10 MPa). */
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"
#include "procedures/engine/check.h"
#include "procedures/engine/compile.h"
#include "tests/support/station_demo.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char article_text[] = "article: ASSB-017\n"
                                   "kind: cell\n"
                                   "capacity: 9.6 mAh\n"
                                   "area: 2 cm^2\n"
                                   "limits:\n"
                                   "  voltage: 2.0 V .. 4.4 V\n"
                                   "  charge_current: .. 6 mA\n"
                                   "  discharge_current: .. 12 mA\n"
                                   "  charge_temperature: 10 degC .. 80 degC\n"
                                   "  discharge_temperature: -10 degC .. 80 degC\n"
                                   "  pressure: 0 MPa .. 10 MPa\n"
                                   "  expect_ocv: 1.8 V .. 4.3 V\n";

struct lab {
    struct article article;
    struct station_desc station;
    struct conf_doc doc;
    struct program p;
    struct open_list open;
    struct diag d;
    int rc;
};

static void lab_begin(struct lab *l)
{
    struct conf_doc doc = {0};

    memset(l, 0, sizeof(*l));
    diag_init(&l->d);
    station_demo(&l->station);
    ck_assert_int_eq(conf_load_text("a.yaml", article_text, strlen(article_text), &doc, &l->d), 0);
    ck_assert_int_eq(article_from_doc(&doc, &l->article, &l->d), 0);
}

static void lab_end(struct lab *l)
{
    program_done(&l->p);
    conf_done(&l->doc);
    article_done(&l->article);
}

/* Compile, and check when `check` is given. */
static int lab_compile(struct lab *l, const char *text, struct check_report *check)
{
    struct compile_input in = {
        .procedure = &l->doc, .article = &l->article, .station = &l->station};

    l->rc = conf_load_text("p.yaml", text, strlen(text), &l->doc, &l->d);
    if (l->rc == 0)
        l->rc = program_compile(&in, &l->p, &l->open, &l->d);
    if (l->rc == 0 && check)
        l->rc = program_check(&l->p, check, &l->d);
    return l->rc;
}

static char story[16384];

static void must(struct lab *l)
{
    diag_format(&l->d, story, sizeof(story), false);
    ck_assert_msg(l->rc == 0, "%s", story);
}

static const char head[] = "procedure: p\nsteps:\n";

/* A procedure with these steps. */
static void lab_steps(struct lab *l, const char *steps)
{
    char text[4096];

    lab_begin(l);
    ck_assert_int_eq(str_fmt(text, sizeof(text), "%s%s", head, steps), 0);
    lab_compile(l, text, NULL);
    must(l);
}

static void good_steps(const char *steps)
{
    struct lab l;

    lab_steps(&l, steps);
    lab_end(&l);
}

/* The first finding of steps that begin in line 3. */
static void bad_text(const char *text, bool check, int line, int column, int length,
                     const char *what, const char *hint)
{
    struct check_report r;
    struct lab l;

    lab_begin(&l);
    ck_assert_msg(lab_compile(&l, text, check ? &r : NULL) < 0, "was not refused: %s", text);
    diag_format(&l.d, story, sizeof(story), false);
    const struct diag_finding *f = &l.d.finding[0];

    ck_assert_msg(f->line == line && f->column == column, "expected %d:%d\n%s", line, column,
                  story);
    ck_assert_msg(length == 0 || f->length == length, "expected length %d, is %d\n%s", length,
                  f->length, story);
    ck_assert_msg(strstr(f->text, what) != NULL, "expected '%s'\n%s", what, story);
    ck_assert_msg(!hint || strstr(f->hint, hint) != NULL, "expected hint '%s'\n%s", hint, story);
    lab_end(&l);
}

static void bad_steps(const char *steps, int line, int column, int length, const char *what,
                      const char *hint)
{
    char text[4096];

    ck_assert_int_eq(str_fmt(text, sizeof(text), "%s%s", head, steps), 0);
    bad_text(text, false, line, column, length, what, hint);
}

/* ---- Code as text ---- */

static void code_text(const struct program *p, expr_id e, char *buf, size_t size)
{
    static const char *const names[] = {
        "const", "chan",  "setpoint", "reg",  "charge", "energy", "time", "runtime",    "one_c",
        "soc",   "cycle", "cause",    "add",  "sub",    "mul",    "div",  "mod",        "neg",
        "abs",   "min",   "max",      "lt",   "le",     "gt",     "ge",   "eq",         "ne",
        "and",   "or",    "not",      "hold", "window", "ended",  "cv",   "resistance", "known"};
    size_t n = 0;

    buf[0] = '\0';
    ck_assert_uint_ne(e, PROG_NONE);
    for (uint16_t i = 0; i < p->exprs[e].n; i++) {
        const struct insn *c = &p->code[p->exprs[e].start + i];
        char number[40] = "";

        if (c->op == INSN_CHAN || c->op == INSN_SETPOINT || c->op == INSN_KNOWN)
            ck_assert_int_eq(str_fmt(number, sizeof(number), ":%s", p->station.chan[c->a].name), 0);
        if (c->op == INSN_CONST || c->op == INSN_HOLD) {
            number[0] = ':';
            str_from_double(c->v, number + 1, sizeof(number) - 1);
        }
        ck_assert_int_eq(
            str_fmt(buf + n, size - n, "%s%s%s", i > 0 ? " " : "", names[c->op], number), 0);
        n += strlen(buf + n);
    }
}

static void is_code(const struct program *p, expr_id e, const char *expected)
{
    char text[1024];

    code_text(p, e, text, sizeof(text));
    ck_assert_str_eq(text, expected);
}

static const struct act *act_of(const struct program *p, unsigned n)
{
    for (uint16_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].op == OP_ACT && n-- == 0)
            return &p->acts[p->steps[i].a];
    ck_abort_msg("no such act");
    return NULL;
}

static const struct end *end_of(const struct program *p, const struct act *a, unsigned n)
{
    ck_assert_uint_lt(n, a->n_ends);
    return &p->ends[a->first_end + n];
}

/* ---- Expressions ---- */

static struct lab expr_lab;

static void expr_begin(void)
{
    lab_steps(&expr_lab, "  - let: {x: 1 V, n: 2}\n  - rest: {for: 1 s}\n");
}

static void expr_end(void)
{
    lab_end(&expr_lab);
}

static expr_id expr_good(const char *text)
{
    expr_id e = PROG_NONE;
    int rc = program_expr(&expr_lab.p, text, &e, &expr_lab.d);

    diag_format(&expr_lab.d, story, sizeof(story), false);
    ck_assert_msg(rc == 0, "%s", story);
    return e;
}

static void expr_code(const char *text, const char *expected)
{
    is_code(&expr_lab.p, expr_good(text), expected);
}

static void expr_bad(const char *text, int column, int length, const char *what)
{
    expr_id e;
    struct diag d;
    int rc;

    diag_init(&d);
    rc = program_expr(&expr_lab.p, text, &e, &d);
    diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(rc < 0 && d.n >= 1, "'%s' was not refused", text);
    ck_assert_msg(d.finding[0].column == column && d.finding[0].length == length,
                  "'%s': expected %d+%d, is %d+%d\n%s", text, column, length, d.finding[0].column,
                  d.finding[0].length, story);
    ck_assert_msg(strstr(d.finding[0].text, what) != NULL, "expected '%s'\n%s", what, story);
}

START_TEST(constants_are_folded)
{
    expr_code("5.1 kW * 2", "const:10200");
    expr_code("2 + 3 * 4", "const:14");
    expr_code("(2 + 3) * 4", "const:20");
    expr_code("-(1 V - 3 V)", "const:2");
    expr_code("10 - 2 - 3", "const:5");
    expr_code("90 % * 2", "const:1.8");
    expr_code("48 h / 2", "const:86400");
    expr_code("25 degC + 10 K", "const:308.15");
    expr_code("35 degC - 25 degC", "const:10");
    expr_code("min(3 V, 2 V)", "const:2");
    expr_code("abs(-3 V)", "const:3");
    expr_code("capacity", "const:34.56"); /* 9.6 mAh */
}
END_TEST

START_TEST(words_become_code)
{
    expr_code("cell.voltage >= 4.2 V", "chan:cell.voltage const:4.2 ge");
    expr_code("voltage >= 4.2 V", "chan:cell.voltage const:4.2 ge");
    expr_code("abs(current) < C/10", "chan:cell.current abs const:0.1 one_c mul lt");
    expr_code("press.pressure within 0.05 MPa",
              "chan:press.pressure setpoint:press.pressure_set sub abs const:50000 le");
    expr_code("chamber.temperature within 0.5 K of 60 degC",
              "chan:chamber.temperature const:333.15 sub abs const:0.5 le");
    expr_code("press.force within 5 N of 0 N for 20 min",
              "chan:press.force const:0 sub abs const:5 le hold:1200");
    expr_code("not x > 1 V and n == 2 or soc > 90 %",
              "reg const:1 gt not reg const:2 eq and soc const:0.9 gt or");
    expr_code("n mod 7 == 0", "reg const:7 mod const:0 eq");
    expr_code("charge >= 0.5 * capacity", "charge const:17.28 ge");
    expr_code("resistance", "resistance");
    expr_code("count(cell.voltage ok) == 1", "known:cell.voltage const:1 eq");
    expr_code("charge_current", "chan:cell.current const:0 max");
    expr_code("discharge_current", "chan:cell.current neg const:0 max");
}
END_TEST

START_TEST(windows_are_shared)
{
    const struct program *p = &expr_lab.p;
    expr_id e = expr_good("rate(press.pressure over 10 min) < -0.5 MPa/h");
    uint16_t n = p->n_windows;

    expr_good("rate(press.pressure over 10 min) > 1 MPa/h");
    ck_assert_uint_eq(p->n_windows, n);
    expr_good("rate(press.pressure over 9 min) > 1 MPa/h");
    ck_assert_uint_eq(p->n_windows, n + 1);
    expr_good("max(abs(rate(cell.voltage over 2 s))) > 1 V/s");
    ck_assert_uint_eq(p->n_windows, n + 3);
    ck_assert(p->windows[p->n_windows - 1].over_step);
    ck_assert_uint_eq(p->windows[p->n_windows - 1].kind, WINDOW_MAX);
    ck_assert_double_eq_tol(p->windows[p->exprs[e].n > 0 ? n - 1 : 0].span_s, 600.0, 1e-9);
    /* Groups: cycler 0, press 1. */
    ck_assert_uint_eq(p->exprs[e].groups, 2);
    e = expr_good("cell.voltage > 1 V and press.force < 3 N");
    ck_assert_uint_eq(p->exprs[e].groups, 3);
}
END_TEST

START_TEST(dimensions_are_checked)
{
    expr_bad("cell.voltage > 4.2 A", 16, 5, "a comparison of voltage and current");
    expr_bad("cell.voltage + 3 A > 4 V", 16, 3, "a sum of voltage and current");
    expr_bad("cell.voltage > 4", 16, 1, "voltage and a plain number");
    expr_bad("chamber.temperature > 300 K", 23, 5,
             "temperature (degC) and temperature difference (K)");
    expr_bad("chamber.temperature + 25 degC > 30 degC", 23, 7, "a sum of");
    expr_bad("2 * chamber.temperature > 30 degC", 5, 19, "cannot be multiplied");
    expr_bad("press.pressure within 1 K", 23, 3, "within compares");
    expr_bad("press.force within 5 N", 1, 11, "no set-point");
    expr_bad("x and n", 1, 1, "and needs a condition");
    expr_bad("not x", 5, 1, "not needs a condition");
    expr_bad("(x > 1 V) + 2", 1, 9, "a sum needs a number");
    expr_bad("rate(x)", 1, 4, "a rate needs a time");
    expr_bad("x > 1 V for 3 V", 13, 3, "a time");
    expr_bad("1 V / 0", 7, 1, "division by zero");
    expr_bad("abs(chamber.temperature) > 1 K", 5, 19, "has no magnitude");
}
END_TEST

START_TEST(syntax_has_places)
{
    expr_bad("cell.voltage > ", 15, 1, "missing at the end");
    expr_bad("cell.voltage = 4 V", 14, 1, "no meaning");
    expr_bad("(cell.voltage > 4 V", 1, 1, "not closed");
    expr_bad("cell.voltage > 4 V)", 19, 1, "ends before");
    expr_bad("cell.voltge > 4 V", 1, 11, "no channel 'cell.voltge'");
    expr_bad("cell.voltage > 4 Vv", 18, 2, "is not a unit");
    expr_bad("averge(x over 3 s)", 1, 6, "no function");
    expr_bad("cell.voltage withni 3 V", 14, 6, "ends before");
    expr_bad("cell.voltage > 4 V && n > 1", 20, 1, "no meaning");
    expr_bad("pressure > 1 MPa and force > 1 N and tempera > 1", 38, 7, "nothing is called");
    expr_bad("clock 23h00", 1, 5, "`clock` is not there yet");
}
END_TEST

START_TEST(deep_nesting_is_bounded)
{
    char text[4000];
    size_t n = 0;
    expr_id e;

    while (n < 1000)
        text[n++] = '(';
    text[n++] = 'x';
    while (n < 2001)
        text[n++] = ')';
    text[n] = '\0';
    ck_assert_int_lt(program_expr(&expr_lab.p, text, &e, NULL), 0);
    for (n = 0; n < 1500; n++)
        text[n] = '-';
    memcpy(text + n, "x", 2);
    ck_assert_int_lt(program_expr(&expr_lab.p, text, &e, NULL), 0);
    for (n = 0; n + 8 < 3000; n += 4)
        memcpy(text + n, "not ", 4);
    memcpy(text + n, "n > 1", 6);
    ck_assert_int_lt(program_expr(&expr_lab.p, text, &e, NULL), 0);
    /* a deep stack: right-leaning sums */
    for (n = 0; n < 38 * 8; n += 8)
        memcpy(text + n, "x - (x -", 8);
    text[n++] = 'x';
    for (int i = 0; i < 38; i++)
        text[n++] = ')';
    text[n] = '\0';
    ck_assert_int_lt(program_expr(&expr_lab.p, text, &e, NULL), 0);
}
END_TEST

/* ---- Acts ---- */

START_TEST(charge_has_voltage_rate_and_taper)
{
    struct lab l;
    const struct act *a;
    char text[400];

    lab_steps(&l, "  - charge: {at: C/10, cv: 4.25 V, taper: C/50, timeout: 16 h else pause, save: "
                  "{q: charge}}\n");
    a = act_of(&l.p, 0);
    ck_assert_int_eq(a->verb, VERB_CHARGE);
    ck_assert_int_eq(a->at_kind, AT_CURRENT);
    ck_assert_int_eq(a->direction, 1);
    is_code(&l.p, a->at, "const:0.1 one_c mul");
    is_code(&l.p, a->v_set, "const:4.25");
    ck_assert_int_eq(a->timeout_action, TIMEOUT_PAUSE);
    is_code(&l.p, a->timeout_s, "const:57600");
    ck_assert_uint_eq(a->n_ends, 1);
    ck_assert_int_eq(end_of(&l.p, a, 0)->cause, CAUSE_TAPER);
    ck_assert_str_eq(program_text(&l.p, end_of(&l.p, a, 0)->name), "taper");
    code_text(&l.p, end_of(&l.p, a, 0)->cond, text, sizeof(text));
    ck_assert_str_eq(text, "cv chan:cell.current abs const:0.02 one_c mul lt and hold:3");
    ck_assert_uint_eq(a->n_saves, 1);
    ck_assert_double_eq_tol(l.p.one_c_a, 9.6e-3, 1e-15);
    ck_assert_str_eq(program_text(&l.p, a->name), "charge C/10 to 4.25 V");
    lab_end(&l);
}
END_TEST

START_TEST(end_voltage_has_a_margin_inside_the_window)
{
    struct lab l;

    lab_steps(&l,
              "  - discharge: {at: C/5, until: cell.voltage <= 2.5 V, timeout: 7 h else pause}\n"
              "  - charge: {at: C/5, until: [charge >= 1 mAh, cell.voltage >= 4.395 V], timeout: 7 "
              "h else pause}\n"
              "  - charge: {at: C/5, for: 15 min}\n"
              "  - discharge: {at: C/5, limits: 2.3 V .. 4.3 V, until: charge > 1 mAh, timeout: 1 "
              "h else next}\n"
              "  - charge: {at: C/5, stop: cell.voltage >= 4.1 V for 3 s as full, timeout: 1 h "
              "else next}\n"
              "  - discharge: {at: C/5, until: 2.6 V >= cell.voltage or charge > 2 mAh, timeout: 1 "
              "h else next}\n");
    is_code(&l.p, act_of(&l.p, 0)->v_set, "const:2.49");
    is_code(&l.p, act_of(&l.p, 1)->v_set, "const:4.4"); /* never above the article's */
    is_code(&l.p, act_of(&l.p, 2)->v_set, "const:4.4");
    is_code(&l.p, act_of(&l.p, 3)->v_set, "const:2.3");
    is_code(&l.p, act_of(&l.p, 4)->v_set, "const:4.109999999999999");
    is_code(&l.p, act_of(&l.p, 5)->v_set, "const:2.5900000000000003");
    lab_end(&l);
}
END_TEST

START_TEST(pulse_takes_its_limits)
{
    struct lab l;
    const struct act *a;

    lab_steps(&l, "  - pulse: {discharge: C/2, for: 10 s, limits: 2.2 V .. 4.3 V, record: every "
                  "100 ms, save: {r: resistance at 10 s}}\n"
                  "  - pulse: {charge: 1 mA, for: 10 s, limits: 2.2 V .. 4.3 V, at_limit: skip}\n"
                  "  - pulse: {charge: 1 mA, for: 10 s, at_limit: clip}\n");
    a = act_of(&l.p, 0);
    ck_assert_int_eq(a->direction, -1);
    is_code(&l.p, a->v_set, "const:2.2");
    is_code(&l.p, a->v_lo, "const:2.2");
    is_code(&l.p, a->v_hi, "const:4.3");
    ck_assert_int_eq(a->at_limit, LIMIT_END);
    ck_assert_uint_eq(a->n_ends, 1);
    ck_assert_int_eq(end_of(&l.p, a, 0)->cause, CAUSE_LIMIT);
    is_code(&l.p, end_of(&l.p, a, 0)->cond, "cv");
    ck_assert_double_eq_tol(l.p.saves[a->first_save].at_s, 10.0, 1e-12);
    is_code(&l.p, l.p.saves[a->first_save].expr, "resistance");
    ck_assert_uint_eq(a->n_records, 1);
    ck_assert_double_eq_tol(l.p.records[a->first_record].period_s, 0.1, 1e-12);
    a = act_of(&l.p, 1);
    is_code(&l.p, a->v_set, "const:4.3");
    is_code(&l.p, a->at, "const:0.001");
    ck_assert_int_eq(end_of(&l.p, a, 0)->cause, CAUSE_SKIP);
    a = act_of(&l.p, 2);
    is_code(&l.p, a->v_set, "const:4.4");
    ck_assert_uint_eq(a->n_ends, 0);
    lab_end(&l);
}
END_TEST

START_TEST(soak_squeeze_and_set)
{
    struct lab l;
    const struct act *a;
    chan_id pressure, temperature, mode;

    lab_steps(&l, "  - soak: {chamber: 60 degC, until: chamber.temperature within 0.5 K for 20 "
                  "min, timeout: 4 h else abort}\n"
                  "  - squeeze: {to: 3 MPa, rate: 0.5 MPa/min}\n"
                  "  - set: {press.pressure: 1 MPa}\n"
                  "  - rest: {for: 30 min, output: off}\n");
    pressure = station_find(&l.station, "press.pressure_set");
    temperature = station_find(&l.station, "chamber.temperature_set");
    mode = station_find(&l.station, "chamber.mode");
    a = act_of(&l.p, 0);
    ck_assert_uint_eq(a->n_sets, 2);
    ck_assert_uint_eq(a->set[0].chan, temperature);
    ck_assert_uint_eq(a->set[1].chan, mode);
    is_code(&l.p, a->set[0].value, "const:333.15");
    is_code(&l.p, a->set[1].value, "const:2"); /* CHAMBER_CONSTANT */
    ck_assert_uint_eq(a->set[0].rate, PROG_NONE);
    a = act_of(&l.p, 1);
    ck_assert_uint_eq(a->set[0].chan, pressure);
    is_code(&l.p, a->set[0].value, "const:3000000");
    ck_assert_double_eq_tol(l.p.code[l.p.exprs[a->set[0].rate].start].v, 0.5e6 / 60.0, 1e-6);
    ck_assert_uint_eq(a->n_ends, 0);
    ck_assert_uint_eq(act_of(&l.p, 2)->set[0].chan, pressure);
    ck_assert(act_of(&l.p, 3)->output_off);
    lab_end(&l);
}
END_TEST

START_TEST(ends_keep_the_order_of_the_file)
{
    struct lab l;
    const struct act *a;

    lab_steps(&l, "  - charge:\n"
                  "      at: C/10\n"
                  "      cv: 4.2 V\n"
                  "      taper: C/20\n"
                  "      until: [charge >= 5 mAh, cell.voltage > 4.19 V for 2 min]\n"
                  "      timeout: 12 h else next\n"
                  "      save: {v_early: mean(abs(cell.voltage) over 5 s) at 10 s}\n"
                  "      stop:\n"
                  "        - {when: abs(cell.voltage) < 0.7 * v_early for 100 ms, after: 12 s, as: "
                  "soft short}\n"
                  "        - cell.voltage > 4.3 V as too high\n"
                  "  - if: ended by soft short or ended by too high\n"
                  "    then: [end]\n");
    a = act_of(&l.p, 0);
    ck_assert_uint_eq(a->n_ends, 5);
    ck_assert_int_eq(end_of(&l.p, a, 0)->cause, CAUSE_UNTIL);
    ck_assert_str_eq(program_text(&l.p, end_of(&l.p, a, 0)->name), "charge >= 5 mAh");
    is_code(&l.p, end_of(&l.p, a, 1)->cond, "chan:cell.voltage const:4.19 gt hold:120");
    ck_assert_int_eq(end_of(&l.p, a, 2)->cause, CAUSE_TAPER);
    ck_assert_int_eq(end_of(&l.p, a, 3)->cause, CAUSE_STOP);
    ck_assert_double_eq_tol(end_of(&l.p, a, 3)->after_s, 12.0, 1e-12);
    ck_assert_str_eq(program_text(&l.p, end_of(&l.p, a, 3)->name), "soft short");
    ck_assert_str_eq(program_text(&l.p, end_of(&l.p, a, 4)->name), "too high");
    for (uint16_t i = 0; i < CAUSE_COUNT; i++)
        ck_assert_str_eq(program_text(&l.p, i), cause_text((enum cause)i));
    lab_end(&l);
}
END_TEST

START_TEST(one_c_is_a_current)
{
    struct lab l;
    const struct act *a;

    lab_steps(&l, "  - discharge: {at: C/3, until: cell.voltage <= 2.5 V, timeout: 5 h else abort, "
                  "save: {q: charge, one_c: charge}}\n");
    a = act_of(&l.p, 0);
    is_code(&l.p, l.p.saves[a->first_save + 1].expr, "charge const:3600 div");
    ck_assert_str_eq(program_text(&l.p, l.p.regs[l.p.saves[a->first_save + 1].reg].name), "one_c");
    lab_end(&l);
}
END_TEST

START_TEST(density_power_and_resistance)
{
    struct lab l;

    lab_steps(&l, "  - current: {at: -0.05 mA/cm^2, for: 2 h, limits: 2.5 V .. 4 V}\n"
                  "  - discharge: {at: 10 mW, for: 1 min}\n"
                  "  - discharge: {at: 1 kohm, for: 1 min}\n"
                  "  - hold: {at: 3.8 V, taper: 0.1 mA, timeout: 1 h else next}\n");
    ck_assert_int_eq(act_of(&l.p, 0)->direction, 0);
    is_code(&l.p, act_of(&l.p, 0)->at, "const:-0.0001");
    ck_assert_uint_eq(act_of(&l.p, 0)->n_ends, 1); /* its limits */
    ck_assert_int_eq(act_of(&l.p, 1)->at_kind, AT_POWER);
    ck_assert_int_eq(act_of(&l.p, 2)->at_kind, AT_RESISTANCE);
    is_code(&l.p, act_of(&l.p, 3)->v_set, "const:3.8");
    is_code(&l.p, act_of(&l.p, 3)->at, "const:0.006");
    lab_end(&l);
}
END_TEST

START_TEST(acts_are_refused)
{
    bad_steps("  - charge: {at: C/10, cv: 4.2 V, until: current < C/50, timeout: 2 h else pause}\n",
              3, 42, 14, "a bare current", "taper: C/50");
    bad_steps("  - charge: {at: C/10, taper: C/50, timeout: 2 h else pause}\n", 3, 24, 5,
              "taper needs the voltage", NULL);
    bad_steps("  - charge: {at: 4 V, for: 1 h}\n", 3, 18, 3, "is given in V", "mA");
    bad_steps("  - charge: {at: C/10, until: cell.voltage >= 4.2 V}\n", 3, 5, 6, "may never end",
              "timeout");
    bad_steps("  - rest: {}\n", 3, 5, 4, "cannot end", "for");
    bad_steps("  - rest: 30 min\n", 3, 11, 0, "in braces", "rest: {for: 30 min}");
    bad_steps("  - rest: {for: 3 V}\n", 3, 17, 3, "given in V", "did you mean 3 s?");
    bad_steps("  - chrage: {at: C/10, for: 1 h}\n", 3, 5, 6, "is no verb", "did you mean charge?");
    bad_steps("  - charge: {at: C/10, fro: 1 h}\n", 3, 24, 3, "has no key", "did you mean for?");
    bad_steps("  - discharge: {at: -1 mA, for: 1 h}\n", 3, 21, 5, "magnitude above zero",
              "direction");
    bad_steps("  - pulse: {for: 10 s}\n", 3, 5, 5, "either `charge` or `discharge`", NULL);
    bad_steps("  - rest: {for: 1 h, timeout: 3 h}\n", 3, 31, 0, "says what is done then",
              "else pause");
    bad_steps("  - rest: {for: 1 h, timeout: 3 h else stop}\n", 3, 31, 0, "after a timeout",
              "abort");
    bad_steps("  - eis: {from: 1 MHz}\n", 3, 5, 3, "`eis` is not there yet", NULL);
    bad_steps("  - rest: {for: 1 h}\n    wait: {for: 1 h}\n", 4, 5, 4, "one verb", "- ");
    bad_steps("  - set: {cycler.mode: 1}\n", 3, 11, 11, "the cycler is moved by", NULL);
    bad_steps("  - set: {press.presure: 1 MPa}\n", 3, 11, 13, "cannot set",
              "did you mean press.pressure?");
    bad_steps("  - soak: {chamber: 5 MPa, until: chamber.temperature within 1 K, timeout: 1 h else "
              "next}\n",
              3, 21, 5, "chamber is given in MPa", "5 degC");
    bad_steps("  - squeeze: {to: 1 MPa, rate: 1 MPa}\n", 3, 32, 5, "rate is given in MPa", NULL);
    bad_steps("  - charge: {at: C/10, limits: 4 V .. 3 V, for: 1 h}\n", 3, 32, 0, "not below",
              NULL);
    bad_steps("  - rest: {for: 1 h, record: every 0 s}\n", 3, 36, 3, "above zero", NULL);
    bad_steps("  - rest: {for: 1 h, record: every 1 s for 3 s}\n", 3, 30, 0, "the last phase",
              "then every");
}
END_TEST

/* ---- Flow ---- */

START_TEST(loops_know_their_turns)
{
    struct lab l;

    lab_steps(
        &l,
        "  - repeat: 3\n    as: outer\n    steps:\n"
        "      - each: {j: 0.1 mA/cm^2 .. 3 mA/cm^2 by 0.1 mA/cm^2}\n        steps:\n"
        "          - current: {at: j, for: 1 min, limits: 2.5 V .. 4 V}\n"
        "      - each: {soc: 90 % .. 10 % by -10 %}\n        steps:\n          - rest: {for: 1 s}\n"
        "      - each: {s: [1, -1]}\n        steps:\n          - rest: {for: 1 s}\n          - "
        "leave outer\n"
        "      - each: {day: 1 .. 30}\n        steps:\n          - rest: {for: 1 s}\n          - "
        "next\n"
        "      - note: \"turn {outer}\"\n");
    ck_assert_uint_eq(l.p.n_blocks, 5);
    ck_assert_uint_eq(l.p.blocks[0].count_max, 3);
    ck_assert_uint_ne(l.p.blocks[0].reg, PROG_NONE);
    ck_assert_uint_eq(l.p.blocks[1].count_max, 30);
    ck_assert_uint_eq(l.p.blocks[2].count_max, 9);
    ck_assert_uint_eq(l.p.blocks[3].count_max, 2);
    ck_assert_uint_eq(l.p.blocks[4].count_max, 30);
    ck_assert_uint_eq(l.p.blocks[1].depth, 1);
    ck_assert_uint_eq(l.p.blocks[1].parent, 0);
    for (uint16_t i = 0; i < l.p.n_blocks; i++) {
        const struct block *b = &l.p.blocks[i];

        ck_assert_uint_eq(l.p.steps[b->enter].op, OP_ENTER);
        ck_assert_uint_eq(l.p.steps[b->next].op, OP_NEXT);
        ck_assert_uint_eq(b->first, b->enter + 1);
        ck_assert_uint_eq(b->end, b->next + 1);
    }
    lab_end(&l);
}
END_TEST

START_TEST(branches_are_patched)
{
    struct lab l;

    lab_steps(&l, "  - rest: {for: 1 s}\n"
                  "  - if: cell.voltage > 3 V\n    then:\n      - rest: {for: 2 s}\n    else:\n    "
                  "  - rest: {for: 3 s}\n"
                  "  - rest: {for: 4 s}\n");
    /* 0 act, 1 if -> 4, 2 act, 3 jump -> 5, 4 act, 5 act, 6 done, 7 finish */
    ck_assert_uint_eq(l.p.n_steps, 8);
    ck_assert_uint_eq(l.p.steps[1].op, OP_IF);
    ck_assert_uint_eq(l.p.steps[1].b, 4);
    ck_assert_uint_eq(l.p.steps[3].op, OP_JUMP);
    ck_assert_uint_eq(l.p.steps[3].a, 5);
    ck_assert_uint_eq(l.p.steps[6].op, OP_DONE);
    ck_assert_uint_eq(l.p.at_end, 7);
    ck_assert_uint_eq(l.p.steps[7].op, OP_FINISH);
    ck_assert_uint_eq(l.p.before, PROG_NONE);
    lab_end(&l);
}
END_TEST

#define SAVE(q) "  - rest: {for: 1 s, save: {" q ": cell.voltage}}\n"

START_TEST(registers_are_set_before_they_are_read)
{
    good_steps(SAVE("a") "  - measure: [a]\n");
    bad_steps("  - measure: [a]\n" SAVE("a"), 3, 15, 1, "before it is set", "every path");
    bad_steps("  - if: cell.voltage > 3 V\n    then:\n    " SAVE("a") "  - measure: [a]\n", 6, 15,
              1, "before it is set", NULL);
    good_steps("  - if: cell.voltage > 3 V\n    then:\n    " SAVE("a") "    else:\n    " SAVE(
        "a") "  - measure: [a]\n");
    good_steps("  - if: cell.voltage > 3 V\n    then:\n    " SAVE(
        "a") "    else: [end]\n  - measure: [a]\n");
    good_steps("  - repeat: 2\n    steps:\n    " SAVE("a") "  - measure: [a]\n");
    bad_steps("  - repeat: 2\n    stop_when: cell.voltage > 4 V\n    steps:\n    " SAVE(
                  "a") "  - measure: [a]\n",
              7, 15, 1, "before it is set", NULL);
    bad_steps("  - repeat: 2\n    steps:\n      - if: cell.voltage > 4 V\n        then: [leave]\n  "
              "  " SAVE("a") "  - measure: [a]\n",
              8, 15, 1, "before it is set", NULL);
    good_steps("  - repeat: 2\n    steps:\n    " SAVE(
        "a") "      - if: cell.voltage > 4 V\n        then: [leave]\n  - measure: [a]\n");
    bad_steps("  - rest: {for: 1 h, save: {a: cell.voltage at 10 s}, stop: {when: cell.voltage > 2 "
              "* a, after: 5 s, as: x}}\n",
              3, 87, 1, "before it is set", "after");
    good_steps("  - rest: {for: 1 h, save: {a: cell.voltage at 10 s}, stop: {when: cell.voltage > "
               "2 * a, after: 10 s, as: x}}\n");
    bad_steps(SAVE("a") "  - let: {a: 3 A}\n", 4, 11, 1, "holds voltage elsewhere", NULL);
    bad_steps("  - repeat: 2\n    as: n\n    steps:\n      - let: {n: 2}\n", 6, 15, 1,
              "loop variable", NULL);
}
END_TEST

START_TEST(flow_is_refused)
{
    bad_steps("  - leave\n", 3, 5, 5, "stands in no block", NULL);
    bad_steps("  - repeat: 2\n    as: stairs\n    steps:\n      - rest: {for: 1 s}\n      - leave "
              "stiars\n",
              7, 9, 12, "no block around this", "did you mean stairs?");
    bad_steps("  - repeat: 0\n    steps:\n      - rest: {for: 1 s}\n", 3, 13, 1,
              "1 to 100000 times", NULL);
    bad_steps("  - repeat: 2.5\n    steps:\n      - rest: {for: 1 s}\n", 3, 13, 3,
              "1 to 100000 times", NULL);
    bad_steps(SAVE("n") "  - repeat: n\n    steps:\n      - rest: {for: 1 s}\n", 4, 13, 1,
              "measured during the run", NULL);
    bad_steps("  - each: {t: 10 degC .. 30 degC}\n    steps:\n      - rest: {for: 1 s}\n", 3, 15, 0,
              "needs a step", "by");
    bad_steps("  - each: {t: 30 .. 10}\n    steps:\n      - rest: {for: 1 s}\n", 3, 15, 0,
              "no turn", "negative step");
    bad_steps("  - each: {t: [1 V, 2 A]}\n    steps:\n      - rest: {for: 1 s}\n", 3, 21, 3,
              "the list holds voltage", NULL);
    bad_steps("  - rest: {for: 1 s}\n  - if: ended by emty\n    then: [end]\n", 4, 18, 4,
              "no end is called 'emty'", NULL);
    bad_steps("  - if: cell.voltage\n    then: [end]\n", 3, 9, 12,
              "if is a condition, but this is voltage", NULL);
    bad_steps("  - if: cell.voltage > 4 V for 3 s\n    then: [end]\n", 3, 9, 26, "if asks once",
              "wait");
    bad_steps("  - end: {verdict: abort}\n", 3, 20, 5, "no verdict", "rejected");
    bad_steps("  - note: \"{cell.voltag} too low\"\n", 3, 13, 11, "no channel", "cell.voltage");
    bad_steps("  - note: \"{cell.voltage too low\"\n", 3, 12, 1, "without its partner", NULL);
    bad_steps("  - ask: {text: \"Mass?\", kind: number, unit: gg, range: 1 g .. 5 g, save: m}\n", 3,
              46, 2, "not a unit", NULL);
    bad_steps("  - ask: {text: \"Mass?\", kind: scan, save: m}\n  - measure: [m]\n", 3, 32, 4,
              "`scan` is not there yet", NULL);
}
END_TEST

START_TEST(questions_give_words)
{
    struct lab l;

    lab_steps(
        &l, "  - ask: {text: \"Damage\", kind: choice, options: [none, dent, leak], save: damage}\n"
            "  - if: damage is leak or damage is dent\n    then:\n      - end: {verdict: rejected, "
            "reason: \"damage {damage}\"}\n"
            "  - ask: {text: \"Mass\", kind: number, unit: g, range: 1 g .. 500 g, save: m}\n"
            "  - measure: [damage, m]\n");
    ck_assert_uint_eq(l.p.n_questions, 2);
    ck_assert_uint_eq(l.p.questions[0].n_options, 3);
    is_code(&l.p, l.p.steps[1].a, "reg const:2 eq reg const:1 eq or");
    ck_assert_double_eq_tol(l.p.questions[1].lo, 1e-3, 1e-15);
    ck_assert_double_eq_tol(l.p.questions[1].hi, 0.5, 1e-15);
    ck_assert_uint_eq(l.p.endings[0].verdict, END_REJECTED);
    ck_assert_str_eq(program_text(&l.p, l.p.endings[0].reason.text), "damage {}");
    lab_end(&l);
    bad_steps("  - ask: {text: \"Damage\", kind: choice, options: [none, dent], save: damage}\n  - "
              "if: damage is dnet\n    then: [end]\n",
              4, 19, 4, "not one of the options", "did you mean dent?");
}
END_TEST

/* ---- Guards, watch, parameters ---- */

static const struct guard *guard_named(const struct program *p, const char *part)
{
    for (uint16_t i = 0; i < p->n_guards; i++)
        if (strstr(program_text(p, p->guards[i].text), part))
            return &p->guards[i];
    ck_abort_msg("no guard '%s'", part);
    return NULL;
}

START_TEST(guards_come_from_three_places)
{
    static const char bench_text[] =
        "guards:\n  chamber.temperature: .. 100 degC\n  furnace.temperature: .. 900 degC\n";
    static const char text[] = "procedure: p\nguards:\n"
                               "  cell.voltage: 2.1 V .. 4.3 V\n"
                               "  press.pressure: .. 9 MPa for 2 s\n"
                               "  rate(chamber.temperature over 30 s): .. 2 K/min for 10 s\n"
                               "  abs(cell.voltage): .. 4.35 V\n"
                               "  discharge_current: .. 1C\n"
                               "  charge_current where chamber.temperature < 5 degC: .. 0 A\n"
                               "steps:\n  - rest: {for: 1 s}\n";
    struct conf_doc bench = {0};
    struct lab l;

    lab_begin(&l);
    ck_assert_int_eq(conf_load_text("b.yaml", bench_text, strlen(bench_text), &bench, &l.d), 0);
    ck_assert_int_eq(conf_load_text("p.yaml", text, strlen(text), &l.doc, &l.d), 0);
    const struct compile_input in = {.procedure = &l.doc,
                                     .article = &l.article,
                                     .station = &l.station,
                                     .bench_guards = conf_get(bench.root, "guards")};

    l.rc = program_compile(&in, &l.p, NULL, &l.d);
    must(&l);
    /* bench 1 (the furnace is another station's), the regulator's range, article 5, procedure 6 */
    ck_assert_uint_eq(l.p.n_guards, 13);
    ck_assert_double_eq_tol(guard_named(&l.p, "100 degC (bench)")->hi, 373.15, 1e-9);
    ck_assert_double_eq_tol(guard_named(&l.p, "cell.voltage 2.1 V .. 4.3 V (procedure)")->lo, 2.1,
                            1e-12);
    ck_assert_double_eq_tol(guard_named(&l.p, "9 MPa for 2 s")->hold_s, 2.0, 1e-12);
    ck_assert_double_eq_tol(guard_named(&l.p, "2 K/min")->hi, 2.0 / 60.0, 1e-12);
    is_code(&l.p, guard_named(&l.p, "charge_current where")->where,
            "chan:chamber.temperature const:278.15 lt");
    ck_assert(guard_named(&l.p, "charge_current where")->hi > 0.0);
    ck_assert(guard_named(&l.p, "charge_current where")->hi < 1e-5);
    /* 6 mA + 1 % + 3 (2.5 uA + 0.03 % of 6 mA) */
    ck_assert_double_eq_tol(guard_named(&l.p, "cell.current")->hi, 6.06e-3 + 3 * (2.5e-6 + 1.8e-6),
                            1e-12);
    ck_assert_double_eq_tol(guard_named(&l.p, "cell.current")->lo,
                            -(12.12e-3 + 3 * (2.5e-6 + 3.6e-6)), 1e-12);
    ck_assert_double_eq_tol(guard_named(&l.p, "while charging")->hi, 353.15, 1e-9);
    /* 1C is 9.6 mA, and the margin */
    ck_assert_double_eq_tol(guard_named(&l.p, "discharge_current .. 1C")->hi,
                            9.6e-3 * 1.01 + 3 * (2.5e-6 + 3e-4 * 9.6e-3), 1e-12);
    /* not the noise of a resting instrument: 3 times 2.5 uA */
    const struct expr *where = &l.p.exprs[guard_named(&l.p, "while discharging")->where];

    ck_assert_double_eq_tol(l.p.code[where->start + 1].v, -7.5e-6, 1e-15);
    ck_assert_uint_eq(l.p.code[where->start + 2].op, INSN_LT);
    /* the chamber's own alarm: the strictest unconditional guard */
    ck_assert_double_eq_tol(l.p.chamber_high_k, 373.15, 1e-9);
    ck_assert(isnan(l.p.chamber_low_k));
    conf_done(&bench);
    lab_end(&l);
}
END_TEST

/* The chamber is told of guards that it can keep: its low alarm goes down to -70 degC, its high one
 * up to 160 degC. */
START_TEST(chamber_keeps_what_it_can)
{
    static const struct {
        const char *range;
        double low_k, high_k;
    } rows[] = {
        {"-25 degC .. 85 degC",  248.15, 358.15   },
        {"-80 degC .. 85 degC",  NAN,    358.15   },
        {"-25 degC .. 200 degC", 248.15, NAN      },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[300];
        struct lab l;

        lab_begin(&l);
        ck_assert_int_eq(str_fmt(text, sizeof(text),
                                 "procedure: p\nguards:\n  chamber.temperature: %s\nsteps:\n  - "
                                 "rest: {for: 1 s}\n",
                                 rows[i].range),
                         0);
        lab_compile(&l, text, NULL);
        must(&l);
        if (isnan(rows[i].low_k))
            ck_assert(isnan(l.p.chamber_low_k));
        else
            ck_assert_double_eq_tol(l.p.chamber_low_k, rows[i].low_k, 1e-9);
        if (isnan(rows[i].high_k))
            ck_assert(isnan(l.p.chamber_high_k));
        else
            ck_assert_double_eq_tol(l.p.chamber_high_k, rows[i].high_k, 1e-9);
        lab_end(&l);
    }
}
END_TEST

#define TAIL "steps:\n  - rest: {for: 1 s}\n"

START_TEST(guards_are_refused)
{
    bad_text("procedure: p\nguards:\n  cell.voltage: 2.0 V .. 4.4 A\n" TAIL, false, 3, 26, 5,
             "a guard on voltage is given in A", "did you mean 4.4 V?");
    bad_text("procedure: p\nguards:\n  cell.voltage: 2.0 .. 4.4 V\n" TAIL, false, 3, 17, 3,
             "has no unit", "both ends");
    bad_text("procedure: p\nguards:\n  cell.voltage: 4.4 V\n" TAIL, false, 3, 17, 5, "is a range",
             "..");
    bad_text("procedure: p\nguards:\n  cell.voltage: 4.4 V .. 2.0 V\n" TAIL, false, 3, 17, 0,
             "not below", NULL);
    bad_text("procedure: p\nguards:\n  cell.volts: 2 V .. 4 V\n" TAIL, false, 3, 3, 10,
             "no channel 'cell.volts'", "cell.voltage");
    bad_text("procedure: p\nguards:\n  cell.voltage > 3 V: 2 V .. 4 V\n" TAIL, false, 3, 16, 0,
             "ends before", NULL);
    bad_text("procedure: p\nguards:\n  press.pressure: .. 9 MPa for 0.2 s\n" TAIL, true, 3, 3, 14,
             "has to last 200 ms", NULL);
    bad_text("procedure: p\nguards:\n  charge: .. 9 mAh\n" TAIL, false, 3, 3, 6,
             "cannot be used here", NULL);
    bad_text("procedure: p\nwatch:\n  - {when: cell.voltage > 3 V, do: stop}\n" TAIL, false, 3, 36,
             4, "only raise an alarm", NULL);
    bad_text("procedure: p\nguard:\n  cell.voltage: 2 V .. 4 V\n" TAIL, false, 2, 1, 5,
             "no key 'guard'", "did you mean guards?");
    bad_text("procedure: p\nneeds:\n  furnace: {temperature: 20 degC .. 800 degC}\n" TAIL, false, 3,
             3, 7, "offers no furnace", NULL);
    bad_text("procedure: p\nneeds:\n  cycler: {current: -60 mA .. 20 mA}\n" TAIL, false, 3, 21, 0,
             "offers -50.0 mA .. 50.0 mA", NULL);
    bad_text("procedure: p\narticle: {kind: pack}\n" TAIL, false, 2, 17, 4, "not for a cell", NULL);
    bad_text("procedure: p\narticle: {kind: cell, needs: [capacity, design]}\n" TAIL, false, 2, 41,
             6, "does not say its design", NULL);
}
END_TEST

static const char param_text[] =
    "procedure: p\n"
    "parameters:\n"
    "  rate: {default: C/10, within: C/100 .. C/2}\n"
    "  list: {default: [5 MPa, 1 MPa], within: 0.1 MPa .. 8 MPa}\n"
    "  clock: {default: relative, one of: [relative, wall]}\n"
    "  n: {default: 2, within: 1 .. 9}\n"
    "steps:\n"
    "  - each: {p: list}\n    steps:\n      - squeeze: {to: p}\n"
    "  - repeat: n\n    steps:\n      - charge: {at: rate, for: 1 min}\n"
    "  - if: clock is wall\n    then: [end]\n";

static int with_sets(struct lab *l, const char *const *sets, size_t n)
{
    lab_begin(l);
    ck_assert_int_eq(conf_load_text("p.yaml", param_text, strlen(param_text), &l->doc, &l->d), 0);
    const struct compile_input in = {.procedure = &l->doc,
                                     .article = &l->article,
                                     .station = &l->station,
                                     .sets = sets,
                                     .n_sets = n};

    l->rc = program_compile(&in, &l->p, NULL, &l->d);
    return l->rc;
}

static void bad_set(const char *set, const char *what, const char *hint)
{
    struct lab l;

    ck_assert_int_lt(with_sets(&l, &set, 1), 0);
    ck_assert_msg(strstr(l.d.finding[0].text, what) != NULL, "%s: %s", set, l.d.finding[0].text);
    ck_assert_msg(!hint || strstr(l.d.finding[0].hint, hint) != NULL, "%s: %s", set,
                  l.d.finding[0].hint);
    lab_end(&l);
}

START_TEST(parameters_are_set)
{
    static const char *const sets[] = {"rate=C/5", "list=[3 MPa, 2 MPa, 1 MPa]", "clock=wall",
                                       "n=7"};
    struct lab l, m;

    with_sets(&l, NULL, 0);
    must(&l);
    with_sets(&m, sets, 4);
    must(&m);
    ck_assert_uint_eq(l.p.blocks[0].count_max, 2);
    ck_assert_uint_eq(m.p.blocks[0].count_max, 3);
    ck_assert_uint_eq(m.p.blocks[1].count_max, 7);
    is_code(&m.p, m.p.list_exprs[m.p.blocks[0].list_first + 1], "const:2000000");
    is_code(&l.p, act_of(&l.p, 1)->at, "const:0.1 one_c mul");
    is_code(&m.p, act_of(&m.p, 1)->at, "const:0.2 one_c mul");
    ck_assert_int_ne(memcmp(l.p.hash, m.p.hash, 32), 0);
    lab_end(&m);
    with_sets(&m, NULL, 0);
    ck_assert_mem_eq(l.p.hash, m.p.hash, 32);
    lab_end(&m);
    lab_end(&l);
    bad_set("rate=C/1", "is not within C/100 .. C/2", NULL);
    bad_set("rate=3 V", "is C-rate, but this is voltage", NULL);
    bad_set("list=[3 MPa, 9 MPa]", "9.00 MPa is not within", NULL);
    bad_set("rte=C/5", "no parameter 'rte'", "did you mean rate?");
    bad_set("clock=wal", "not one of the words", "did you mean wall?");
    bad_set("n", "name=value", NULL);
}
END_TEST

/* ---- Calls ---- */

struct shelf {
    struct conf_doc doc;
    const char *text;
};

static int from_shelf(void *ctx, const char *name, const struct conf_doc **ret, struct diag *reterr)
{
    struct shelf *s = ctx;
    int rc;

    if (!s->doc.root) {
        rc = conf_load_text(name, s->text, strlen(s->text), &s->doc, reterr);
        if (rc < 0)
            return rc;
    }
    *ret = &s->doc;
    return 0;
}

static int call_steps(struct lab *l, struct shelf *s, const char *steps)
{
    char text[2048];

    lab_begin(l);
    ck_assert_int_eq(str_fmt(text, sizeof(text), "%s%s", head, steps), 0);
    ck_assert_int_eq(conf_load_text("p.yaml", text, strlen(text), &l->doc, &l->d), 0);
    const struct compile_input in = {.procedure = &l->doc,
                                     .article = &l->article,
                                     .station = &l->station,
                                     .load = from_shelf,
                                     .load_ctx = s};

    l->rc = program_compile(&in, &l->p, NULL, &l->d);
    return l->rc;
}

static const char callee[] = "procedure: c\n"
                             "parameters:\n  rate: {default: C/3, within: C/10 .. 1C}\n"
                             "returns: [q]\n"
                             "record: every 5 s\n"
                             "guards:\n  cell.voltage: 2.2 V .. 4.2 V\n"
                             "steps:\n  - discharge: {at: rate, until: cell.voltage <= 2.5 V, "
                             "timeout: 5 h else pause, save: {q: charge, e: energy}}\n";

START_TEST(calls_are_inlined)
{
    struct shelf s = {.text = callee};
    struct lab l;

    call_steps(&l, &s,
               "  - call: {file: c.yaml, with: {rate: C/5}, save: {q_ref: q}}\n"
               "  - call: {file: c.yaml, save: {q_now: q}}\n"
               "  - if: q_now < 0.8 * q_ref\n    then: [end]\n");
    must(&l);
    is_code(&l.p, act_of(&l.p, 0)->at, "const:0.2 one_c mul");
    ck_assert_double_eq_tol(l.p.records[act_of(&l.p, 0)->first_record].period_s, 5.0, 1e-12);
    ck_assert_uint_eq(l.p.n_files, 3);
    ck_assert_str_eq(l.p.files[l.p.steps[0].file], "c.yaml");
    guard_named(&l.p, "cell.voltage 2.2 V .. 4.2 V");
    lab_end(&l);
    ck_assert_int_lt(call_steps(&l, &s, "  - call: {file: c.yaml, save: {q_ref: e}}\n"), 0);
    ck_assert_msg(strstr(l.d.finding[0].text, "does not return 'e'") != NULL, "%s",
                  l.d.finding[0].text);
    lab_end(&l);
    ck_assert_int_lt(call_steps(&l, &s, "  - call: {file: c.yaml, with: {rat: C/5}}\n"), 0);
    ck_assert_msg(strstr(l.d.finding[0].text, "no parameter 'rat'") != NULL, "%s",
                  l.d.finding[0].text);
    lab_end(&l);
    ck_assert_int_lt(call_steps(&l, &s, "  - call: {file: c.yaml, with: {rate: 2C}}\n"), 0);
    ck_assert_msg(strstr(l.d.finding[0].text, "is not within") != NULL, "%s", l.d.finding[0].text);
    lab_end(&l);
    /* A value from a loop becomes a register. */
    call_steps(
        &l, &s,
        "  - each: {r: [C/5, C/4]}\n    steps:\n      - call: {file: c.yaml, with: {rate: r}}\n");
    must(&l);
    is_code(&l.p, act_of(&l.p, 0)->at, "reg one_c mul");
    lab_end(&l);
    conf_done(&s.doc);
}
END_TEST

START_TEST(calls_end)
{
    struct shelf s = {.text = "procedure: c\nsteps:\n  - call: {file: c.yaml}\n"};
    struct lab l;

    ck_assert_int_lt(call_steps(&l, &s, "  - call: {file: c.yaml}\n"), 0);
    ck_assert_msg(strstr(l.d.finding[0].text, "cannot call itself") != NULL, "%s",
                  l.d.finding[0].text);
    lab_end(&l);
    conf_done(&s.doc);
}
END_TEST

/* ---- Check ---- */

START_TEST(check_refuses_what_leaves_the_window)
{
#define P(step) "procedure: p\nsteps:\n  - " step "\n"
    bad_text(P("charge: {at: 1C, for: 1 h}"), true, 3, 18, 2,
             "the charging current can be 9.60 mA; the article allows at most 6.00 mA", NULL);
    bad_text(P("discharge: {at: 2C, for: 1 h}"), true, 3, 21, 2,
             "the discharging current can be 19.2 mA", NULL);
    bad_text(P("current: {at: -7 mA/cm^2, for: 1 h}"), true, 3, 19, 10,
             "the discharging current can be 14.0 mA", NULL);
    bad_text(P("charge: {at: C/10, cv: 4.5 V, for: 1 h}"), true, 3, 28, 5,
             "the voltage can be 4.50 V; the article allows at most 4.40 V", NULL);
    bad_text(P("charge: {at: C/10, cv: 1.5 V, for: 1 h}"), true, 3, 28, 5, "no less than 2.00 V",
             NULL);
    bad_text(P("squeeze: {to: 11 MPa}"), true, 3, 19, 6, "the article allows at most 10.0 MPa",
             NULL);
    bad_text(P("soak: {chamber: 130 degC}"), true, 3, 21, 8, "the bench allows at most 120.0 degC",
             NULL);
    bad_text(P("each: {r: [C/10, C/2, 1C]}\n    steps:\n      - charge: {at: r, for: 1 h}"), true,
             5, 22, 1, "the charging current", NULL);
    bad_text(P("charge: {at: C/10, cv: 4.2 V, taper: 3 uA, timeout: 9 h else pause}"), true, 3, 42,
             4, "cannot be seen", NULL);
    bad_text(
        "procedure: p\nguards:\n  press.pressure: .. 4 MPa\nsteps:\n  - squeeze: {to: 5 MPa}\n",
        true, 5, 19, 5, "press.pressure .. 4 MPa (procedure) allows at most 4.00 MPa", NULL);
    bad_text("procedure: p\nguards:\n  cell.voltage: 2 V .. 4.2 V\nsteps:\n  - charge: {at: C/10, "
             "cv: 4.25 V, for: 1 h}\n",
             true, 5, 28, 6, "at most 4.20 V", NULL);
#undef P
}
END_TEST

START_TEST(check_counts_what_the_run_has_to_bound)
{
    static const char text[] = "procedure: p\nsteps:\n  - rest: {for: 1 s, save: {v: "
                               "cell.voltage}}\n  - charge: {at: C/10, cv: v, for: 1 h}\n";
    struct check_report r;
    struct lab l;

    lab_begin(&l);
    lab_compile(&l, text, &r);
    must(&l);
    ck_assert_uint_ge(r.runtime_bounded, 1);
    lab_end(&l);
}
END_TEST

START_TEST(check_adds_times)
{
    static const char text[] =
        "procedure: p\nsteps:\n"
        "  - repeat: 10\n    steps:\n"
        "      - charge: {at: C/10, cv: 4.2 V, taper: C/20, timeout: 16 h else pause}\n"
        "      - if: cell.voltage > 4 V\n        then:\n          - rest: {for: 2 h}\n        "
        "else:\n          - rest: {for: 3 h}\n"
        "  - squeeze: {to: 6 MPa, rate: 1 MPa/min}\n";
    struct check_report r;
    struct lab l;

    lab_begin(&l);
    lab_compile(&l, text, &r);
    must(&l);
    ck_assert_uint_eq(r.steps, 4);
    ck_assert_uint_eq(r.unrolled, 21); /* ten times charge and one rest; the squeeze */
    ck_assert_double_eq_tol(r.worst_s, 10 * 19 * 3600.0 + 360.0, 1e-3);
    ck_assert_double_le(r.expected_s, r.worst_s);
    ck_assert_double_eq_tol(r.charge_max_a, 0.96e-3, 1e-12);
    ck_assert_double_eq_tol(r.taper_a, 0.48e-3, 1e-12);
    ck_assert_double_eq_tol(r.taper_accuracy_a, 2.5e-6 + 3e-4 * 0.48e-3, 1e-12);
    ck_assert_double_eq_tol(r.pressure_max_pa, 6e6, 1e-3);
    /* voltage guard of the article: 1 s poll, 0.5 s time-out and retries, 0.3 s safe frame */
    ck_assert_double_eq_tol(r.trip_s[0], 1.8, 1e-9);
    lab_end(&l);
}
END_TEST

/* ---- Files ---- */

static const char *srcdir(void)
{
    const char *s = getenv("srcdir");

    return s ? s : ".";
}

static int load_library(void *ctx, const char *name, const struct conf_doc **ret,
                        struct diag *reterr)
{
    (void)ctx;
    (void)ret;
    return diag_add(reterr, E_NOENT, "no %s", name);
}

static void compile_shipped(const char *name, struct check_report *r, uint8_t hash[32])
{
    char path[1024];
    struct lab l;

    memset(&l, 0, sizeof(l));
    diag_init(&l.d);
    station_demo(&l.station);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/articles/ASSB-017.yaml", srcdir()), 0);
    l.rc = article_load(path, &l.article, &l.d);
    must(&l);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/procedures/%s", srcdir(), name), 0);
    l.rc = conf_load_file(path, &l.doc, &l.d);
    must(&l);
    const struct compile_input in = {
        .procedure = &l.doc, .article = &l.article, .station = &l.station, .load = load_library};

    l.rc = program_compile(&in, &l.p, NULL, &l.d);
    must(&l);
    l.rc = program_check(&l.p, r, &l.d);
    must(&l);
    memcpy(hash, l.p.hash, 32);
    lab_end(&l);
}

START_TEST(shipped_files_compile_and_check)
{
    struct check_report r;
    uint8_t h1[32], h2[32];

    compile_shipped("assb/contact-retention.yaml", &r, h1);
    compile_shipped("assb/contact-retention.yaml", &r, h2);
    ck_assert_mem_eq(h1, h2, 32);
    ck_assert_double_ge(r.expected_s, 200 * 3600.0);
    ck_assert_double_eq_tol(r.charge_max_a, 0.96e-3, 1e-12);   /* C/10 */
    ck_assert_double_eq_tol(r.discharge_max_a, 4.8e-3, 1e-12); /* the C/2 pulse */
    ck_assert_double_eq_tol(r.taper_a, 0.192e-3, 1e-12);       /* C/50 */
    ck_assert_uint_eq(r.unrolled, 1 + 5 * (2 + 3 * 5) + 1);
    compile_shipped("assb/formation.yaml", &r, h2);
    ck_assert_int_ne(memcmp(h1, h2, 32), 0);
    ck_assert_double_eq_tol(r.charge_max_a, 0.96e-3, 1e-12);
    compile_shipped("cell/capacity.yaml", &r, h2);
    ck_assert_double_eq_tol(r.charge_max_a, 3.2e-3, 1e-12); /* C/3 */
}
END_TEST

START_TEST(edits_never_crash)
{
    static const char alphabet[] = "0123456789.-/ {}[]:,CmMkVAs<>=()";
    char path[1024], *text;
    struct rng rng;
    size_t n;

    ck_assert_int_eq(
        str_fmt(path, sizeof(path), "%s/procedures/assb/contact-retention.yaml", srcdir()), 0);
    ck_assert_int_eq(file_read(path, 1 << 20, &text, &n), 0);
    rng_seed(&rng, 5, 1);
    for (int i = 0; i < 200; i++) {
        struct check_report r;
        struct lab l;
        size_t at = rng_below(&rng, (uint32_t)n);
        char was = text[at];

        text[at] = alphabet[rng_below(&rng, sizeof(alphabet) - 1)];
        lab_begin(&l);
        if (lab_compile(&l, text, &r) < 0)
            ck_assert(diag_has_errors(&l.d));
        else
            ck_assert_double_le(r.charge_max_a, 6e-3 * (1 + 1e-9));
        lab_end(&l);
        text[at] = was;
    }
    free(text);
}
END_TEST

/* What is refused in each example: only words that are not there yet, in these lines. */
static const struct {
    const char *file;
    int lines[12];
} examples[] = {
    {"a-formation-degas.yaml",  {30}                                    },
    {"b-gitt.yaml",             {0}                                     },
    {"c-hppc.yaml",             {0}                                     },
    {"d-ccd.yaml",              {21, 46}                                },
    {"e-sofc-shock.yaml",       {29, 30, 31, 32, 33, 38, 56, 58, 59, 60}},
    {"f-rate-temperature.yaml", {7, 22, 25, 35}                         },
    {"g-pack-receiving.yaml",   {19, 20, 21, 41, 42, 43, 47, 48, 57, 60}},
    {"h-v2g-30d.yaml",          {31}                                    },
};

static void check_example(const char *folder, size_t k)
{
    char path[1024];
    struct lab l;
    size_t n = 0;

    memset(&l, 0, sizeof(l));
    diag_init(&l.d);
    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/examples/%s", folder, examples[k].file), 0);
    ck_assert_int_eq(conf_load_file(path, &l.doc, &l.d), 0);
    const struct compile_input in = {.procedure = &l.doc};

    l.rc = program_compile(&in, &l.p, &l.open, &l.d);
    diag_format(&l.d, story, sizeof(story), false);
    while (n < ARRAY_LEN(examples[k].lines) && examples[k].lines[n] > 0)
        n++;
    ck_assert_msg(l.d.n == n && l.d.dropped == 0, "%s: %zu findings, not %zu\n%s", examples[k].file,
                  l.d.n, n, story);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(strstr(l.d.finding[i].text, "is not there yet") != NULL, "%s", story);
        ck_assert_msg(l.d.finding[i].line == examples[k].lines[i], "%s", story);
    }
    ck_assert_uint_gt(l.open.n, 0);
    lab_end(&l);
}

START_TEST(examples_are_refused_only_where_words_are_missing)
{
    const char *shared = getenv("BENCHCTL_SHARED");
    char folder[900], probe[1024], *text;
    size_t n;

    ck_assert_int_eq(shared ? str_fmt(folder, sizeof(folder), "%s", shared)
                            : str_fmt(folder, sizeof(folder), "%s/../shared", srcdir()),
                     0);
    ck_assert_int_eq(str_fmt(probe, sizeof(probe), "%s/examples/b-gitt.yaml", folder), 0);
    if (file_read(probe, 1 << 20, &text, &n) < 0) {
        printf("skipped: no example procedures (set BENCHCTL_SHARED)\n");
        return;
    }
    free(text);
    for (size_t k = 0; k < ARRAY_LEN(examples); k++)
        check_example(folder, k);
}
END_TEST

/* ---- Articles ---- */

static void bad_article(const char *text, int line, int column, const char *what)
{
    struct conf_doc doc = {0};
    struct article a;
    struct diag d;
    int rc;

    diag_init(&d);
    ck_assert_int_eq(conf_load_text("a.yaml", text, strlen(text), &doc, &d), 0);
    rc = article_from_doc(&doc, &a, &d);
    diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(rc < 0, "not refused: %s", text);
    ck_assert_msg(d.finding[0].line == line && d.finding[0].column == column &&
                      strstr(d.finding[0].text, what),
                  "expected %d:%d %s\n%s", line, column, what, story);
}

START_TEST(articles_are_read)
{
    struct lab l;

    lab_begin(&l);
    ck_assert_str_eq(l.article.name, "ASSB-017");
    ck_assert_double_eq_tol(l.article.capacity_c, 34.56, 1e-12);
    ck_assert_double_eq_tol(l.article.area_m2, 2e-4, 1e-18);
    ck_assert_double_eq_tol(l.article.charge_current_a, 6e-3, 1e-15);
    ck_assert_double_eq_tol(l.article.discharge_temperature_k.lo, 263.15, 1e-9);
    ck_assert(isnan(l.article.mass_kg));
    lab_end(&l);
#define A "article: X\nkind: cell\n"
    bad_article(A "capacity: 9 mAh\n", 1, 1, "limits.voltage is missing");
    bad_article(A "limits:\n  voltage: 2 V .. 4 V\n  charge_current: .. 1 A\n", 3, 1,
                "limits.discharge_current is missing");
    bad_article(
        A "limits:\n  voltage: 4 V .. 2 V\n  charge_current: .. 1 A\n  discharge_current: .. 1 A\n",
        4, 12, "");
    bad_article(
        A "limits:\n  voltage: 2 V ..\n  charge_current: .. 1 A\n  discharge_current: .. 1 A\n", 4,
        12, "both ends");
    bad_article(A "limits:\n  voltage: 2 V .. 4 V\n  charge_current: -1 A .. 1 V\n  "
                  "discharge_current: .. 1 A\n",
                5, 27, "");
    bad_article(A "capcity: 9 mAh\nlimits:\n  voltage: 2 V .. 4 V\n  charge_current: .. 1 A\n  "
                  "discharge_current: .. 1 A\n",
                3, 1, "capcity");
#undef A
}
END_TEST

START_TEST(reference_names_every_verb)
{
    struct text t = {0};

    grammar_reference(&t);
    for (int v = 0; v < VERB_COUNT; v++) {
        char title[40];

        ck_assert_int_eq(str_fmt(title, sizeof(title), "### `%s`", verb_name((enum verb)v)), 0);
        ck_assert_msg(strstr(t.p, title) != NULL, "%s", title);
    }
    /* The page that people read has it word for word. */
    char path[1024], *page;
    size_t n;

    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/docs/GRAMMAR.md", srcdir()), 0);
    ck_assert_int_eq(file_read(path, 1 << 20, &page, &n), 0);
    ck_assert_msg(strstr(page, t.p) != NULL,
                  "docs/GRAMMAR.md is not what grammar_reference() gives");
    free(page);
    text_done(&t);
}
END_TEST

START_TEST(plan_reads_like_the_file)
{
    struct text t = {0};
    struct lab l;

    lab_steps(&l, "  - repeat: 3\n    as: cycle\n    steps:\n      - charge: {at: C/10, cv: 4.2 V, "
                  "taper: C/20, timeout: 16 h else pause}\n");
    program_plan(&l.p, &t);
    ck_assert_msg(strstr(t.p, "repeat 3 times, cycle:") != NULL, "%s", t.p);
    ck_assert_msg(strstr(t.p, "  charge C/10 to 4.2 V") != NULL, "%s", t.p);
    ck_assert_msg(strstr(t.p, "16 h at most") != NULL, "%s", t.p);
    text_done(&t);
    lab_end(&l);
}
END_TEST

/* The example that opens docs/GRAMMAR.md. */
START_TEST(documented_example_compiles)
{
    char path[1024], *page, *from, *to;
    struct check_report r;
    struct lab l;
    size_t n;

    ck_assert_int_eq(str_fmt(path, sizeof(path), "%s/docs/GRAMMAR.md", srcdir()), 0);
    ck_assert_int_eq(file_read(path, 1 << 20, &page, &n), 0);
    from = strstr(page, "```yaml\n");
    ck_assert_ptr_nonnull(from);
    from += 8;
    to = strstr(from, "```");
    ck_assert_ptr_nonnull(to);
    *to = '\0';
    lab_begin(&l);
    lab_compile(&l, from, &r);
    must(&l);
    ck_assert_uint_eq(r.unrolled, 6);
    lab_end(&l);
    free(page);
}
END_TEST

static Suite *compile_suite(void)
{
    Suite *s = suite_create("compile");
    TCase *expr = tcase_create("expr"), *acts = tcase_create("acts"), *flow = tcase_create("flow"),
          *files = tcase_create("files");

    tcase_add_checked_fixture(expr, expr_begin, expr_end);
    tcase_add_test(expr, constants_are_folded);
    tcase_add_test(expr, words_become_code);
    tcase_add_test(expr, windows_are_shared);
    tcase_add_test(expr, dimensions_are_checked);
    tcase_add_test(expr, syntax_has_places);
    tcase_add_test(expr, deep_nesting_is_bounded);
    suite_add_tcase(s, expr);
    tcase_add_test(acts, charge_has_voltage_rate_and_taper);
    tcase_add_test(acts, end_voltage_has_a_margin_inside_the_window);
    tcase_add_test(acts, pulse_takes_its_limits);
    tcase_add_test(acts, soak_squeeze_and_set);
    tcase_add_test(acts, ends_keep_the_order_of_the_file);
    tcase_add_test(acts, one_c_is_a_current);
    tcase_add_test(acts, density_power_and_resistance);
    tcase_add_test(acts, acts_are_refused);
    suite_add_tcase(s, acts);
    tcase_add_test(flow, loops_know_their_turns);
    tcase_add_test(flow, branches_are_patched);
    tcase_add_test(flow, registers_are_set_before_they_are_read);
    tcase_add_test(flow, flow_is_refused);
    tcase_add_test(flow, questions_give_words);
    tcase_add_test(flow, guards_come_from_three_places);
    tcase_add_test(flow, chamber_keeps_what_it_can);
    tcase_add_test(flow, guards_are_refused);
    tcase_add_test(flow, parameters_are_set);
    tcase_add_test(flow, calls_are_inlined);
    tcase_add_test(flow, calls_end);
    suite_add_tcase(s, flow);
    tcase_add_test(files, check_refuses_what_leaves_the_window);
    tcase_add_test(files, check_counts_what_the_run_has_to_bound);
    tcase_add_test(files, check_adds_times);
    tcase_add_test(files, shipped_files_compile_and_check);
    tcase_add_test(files, edits_never_crash);
    tcase_add_test(files, examples_are_refused_only_where_words_are_missing);
    tcase_add_test(files, articles_are_read);
    tcase_add_test(files, reference_names_every_verb);
    tcase_add_test(files, plan_reads_like_the_file);
    tcase_add_test(files, documented_example_compiles);
    suite_add_tcase(s, files);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(compile_suite());
    int failed;

    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
