/* tests/support/run_rig.c - see run_rig.h. */
#include "tests/support/run_rig.h"

#include "base/err.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Programs ------------------------------------------------------------------------------ */

text_id rig_text(struct rig_program *b, const char *s)
{
    ASSERT(b->p.n_texts < 256);
    b->texts[b->p.n_texts] = s;
    return b->p.n_texts++;
}

static void add_chan(struct station_desc *s, chan_id id, const char *name, enum chan_kind kind,
                     int group, double min, double max)
{
    struct station_chan *c = &s->chan[id];

    str_copy(c->name, sizeof(c->name), name);
    c->kind = kind;
    c->read = group >= 0;
    c->set = group < 0;
    c->group = group >= 0 ? (uint8_t)group : 255;
    c->min = min;
    c->max = max;
    c->resolution = kind == KIND_STATE ? 1.0 : 1e-6;
    if (group >= 0)
        s->group[group].chan[s->group[group].n++] = id;
    if (id >= s->n_chans)
        s->n_chans = (uint16_t)(id + 1);
}

static void add_group(struct station_desc *s, int g, const char *name)
{
    str_copy(s->group[g].name, sizeof(s->group[g].name), name);
    str_copy(s->group[g].inst, sizeof(s->group[g].inst), name);
    s->group[g].period_s = 1.0;
    s->group[g].fastest_s = 0.05;
    s->group[g].stale_s = 4.0;
    s->group[g].latency_s = 1.0;
    s->n_groups = (uint16_t)(g + 1);
}

static void add_station(struct station_desc *s)
{
    s->pause_max_s = 3600.0;
    add_group(s, RIG_CYCLER, "smu");
    add_group(s, RIG_PRESS, "gauge");
    add_group(s, RIG_CHAMBER, "oven");
    add_chan(s, RIG_VOLTAGE, "cell.voltage", KIND_VOLTAGE_V, RIG_CYCLER, -10, 10);
    add_chan(s, RIG_CURRENT, "cell.current", KIND_CURRENT_A, RIG_CYCLER, -1, 1);
    add_chan(s, RIG_PRESSURE, "press.pressure", KIND_PRESSURE_PA, RIG_PRESS, 0, 2e7);
    add_chan(s, RIG_TEMPERATURE, "chamber.temperature", KIND_TEMPERATURE_K, RIG_CHAMBER, 200, 400);
    add_chan(s, RIG_MODE, "cycler.mode", KIND_STATE, -1, 0, 3);
    add_chan(s, RIG_VSET, "cycler.voltage_set", KIND_VOLTAGE_V, -1, -5, 5);
    add_chan(s, RIG_LIM_CHARGE, "cycler.limit_charge", KIND_CURRENT_A, -1, 0, 0.5);
    add_chan(s, RIG_LIM_DISCHARGE, "cycler.limit_discharge", KIND_CURRENT_A, -1, 0, 0.5);
    add_chan(s, RIG_ISET, "cycler.current_set", KIND_CURRENT_A, -1, -0.5, 0.5);
    add_chan(s, RIG_VLIMIT, "cycler.voltage_limit", KIND_VOLTAGE_V, -1, -5, 5);
    add_chan(s, RIG_PSET, "press.pressure_set", KIND_PRESSURE_PA, -1, 0, 1e7);
    add_chan(s, RIG_TSET, "chamber.temperature_set", KIND_TEMPERATURE_K, -1, 250, 370);
    add_chan(s, RIG_CHAMBER_MODE, "chamber.mode", KIND_STATE, -1, 0, 3);
    add_chan(s, RIG_THIGH, "chamber.limit_high", KIND_TEMPERATURE_K, -1, 250, 400);
    add_chan(s, RIG_TLOW, "chamber.limit_low", KIND_TEMPERATURE_K, -1, 200, 400);
    s->chan[RIG_PSET].resolution = 10.0;
    s->chan[RIG_PRESSURE].resolution = 10.0;
    s->chan[RIG_TSET].resolution = 0.01;
    s->chan[RIG_TEMPERATURE].resolution = 0.01;
}

static void add_roles(struct prog_roles *o)
{
    memset(o, 0xFF, sizeof(*o)); /* CHAN_NONE */
    o->voltage = RIG_VOLTAGE;
    o->current = RIG_CURRENT;
    o->mode = RIG_MODE;
    o->voltage_set = RIG_VSET;
    o->limit_charge = RIG_LIM_CHARGE;
    o->limit_discharge = RIG_LIM_DISCHARGE;
    o->current_set = RIG_ISET;
    o->voltage_limit = RIG_VLIMIT;
    o->pressure = RIG_PRESSURE;
    o->pressure_set = RIG_PSET;
    o->temperature = RIG_TEMPERATURE;
    o->temperature_set = RIG_TSET;
    o->chamber_mode = RIG_CHAMBER_MODE;
    o->chamber_high = RIG_THIGH;
    o->chamber_low = RIG_TLOW;
}

void rig_open(struct rig_program *b)
{
    struct program *p = &b->p;

    memset(b, 0, sizeof(*b));
    p->steps = b->steps;
    p->blocks = b->blocks;
    p->acts = b->acts;
    p->ends = b->ends;
    p->saves = b->saves;
    p->records = b->records;
    p->measures = b->measures;
    p->templates = b->templates;
    p->questions = b->questions;
    p->endings = b->endings;
    p->regs = b->regs;
    p->exprs = b->exprs;
    p->code = b->code;
    p->windows = b->windows;
    p->guards = b->guards;
    p->watches = b->watches;
    p->list_exprs = b->lists;
    p->texts = b->texts;
    for (int c = 0; c < CAUSE_COUNT; c++)
        (void)rig_text(b, cause_text((enum cause)c));
    add_station(&p->station);
    add_roles(&p->role);
    p->capacity_c = RIG_CAPACITY_C;
    p->one_c_a = RIG_CAPACITY_C / 3600.0;
    p->charge_max_a = 0.2;
    p->discharge_max_a = 0.3;
    p->v_lo = 2.8;
    p->v_hi = 4.4;
    p->p_lo_pa = 0.0;
    p->p_hi_pa = 9e6;
    p->ocv_lo_v = 2.9;
    p->ocv_hi_v = 4.2;
    p->chamber_high_k = 363.0;
    p->chamber_low_k = (double)NAN;
    p->charge_lo_k = p->discharge_lo_k = -(double)INFINITY;
    p->charge_hi_k = p->discharge_hi_k = (double)INFINITY;
    p->before = p->at_end = PROG_NONE;
    p->on_power_loss = POWER_RESUME;
    p->on_power_loss_else = POWER_PAUSE;
    p->power_loss_within_s = 600.0;
    p->records[p->n_records++] = (struct record_phase){.period_s = 10.0,
                                                       .for_s = (double)INFINITY,
                                                       .delta_v = (double)INFINITY,
                                                       .delta_a = (double)INFINITY,
                                                       .delta_pa = (double)INFINITY,
                                                       .delta_k = (double)INFINITY};
    p->n_default_records = 1;
}

expr_id rig_expr(struct rig_program *b, const struct insn *code, size_t n)
{
    struct program *p = &b->p;
    struct expr *e = &b->exprs[p->n_exprs];

    ASSERT(p->n_exprs < 512 && p->n_code + n < 2048);
    *e = (struct expr){.start = p->n_code, .n = (uint16_t)n, .source = PROG_NONE};
    for (size_t i = 0; i < n; i++) {
        b->code[p->n_code++] = code[i];
        if (code[i].op == INSN_CHAN && p->station.chan[code[i].a].group < p->station.n_groups)
            e->groups |= UINT64_C(1) << p->station.chan[code[i].a].group;
        if (code[i].op == INSN_WINDOW)
            e->groups |= b->exprs[b->windows[code[i].a].expr].groups;
        if (code[i].op == INSN_HOLD && code[i].a >= p->n_holds)
            p->n_holds = (uint16_t)(code[i].a + 1);
    }
    return p->n_exprs++;
}

expr_id rig_const(struct rig_program *b, double v)
{
    return RX(b, K(v));
}

/* The block that is open now; rig_block_end closes it. Kept in the last step's block. */
static block_id open_block(const struct rig_program *b)
{
    for (int i = b->p.n_blocks - 1; i >= 0; i--)
        if (b->blocks[i].end == 0)
            return (block_id)i;
    return PROG_NONE;
}

step_id rig_step(struct rig_program *b, enum step_op op, uint16_t a, uint16_t b2)
{
    block_id in = open_block(b);

    ASSERT(b->p.n_steps < 256);
    b->steps[b->p.n_steps] =
        (struct step){.op = (uint8_t)op,
                      .depth = in == PROG_NONE ? 0 : (uint8_t)(b->blocks[in].depth + 1),
                      .a = a,
                      .b = b2,
                      .block = in};
    return b->p.n_steps++;
}

reg_id rig_reg(struct rig_program *b, const char *name)
{
    b->regs[b->p.n_regs] =
        (struct reg){.name = rig_text(b, name), .dims = DIMS_CHARGE, .initial = (double)NAN};
    return b->p.n_regs++;
}

block_id rig_block(struct rig_program *b, enum loop_kind kind, const char *name)
{
    block_id parent = open_block(b), id = b->p.n_blocks;
    struct block *k = &b->blocks[id];
    step_id enter = rig_step(b, OP_ENTER, id, 0);

    *k = (struct block){.name = name ? rig_text(b, name) : PROG_NONE,
                        .parent = parent,
                        .kind = (uint8_t)kind,
                        .depth = parent == PROG_NONE ? 0 : (uint8_t)(b->blocks[parent].depth + 1),
                        .enter = enter,
                        .first = (step_id)(enter + 1),
                        .stop_when = PROG_NONE,
                        .count = PROG_NONE,
                        .reg = PROG_NONE,
                        .from = PROG_NONE,
                        .to = PROG_NONE,
                        .by = PROG_NONE,
                        .count_max = 1000};
    b->p.n_blocks++;
    return id;
}

void rig_block_end(struct rig_program *b)
{
    block_id id = open_block(b);

    b->blocks[id].next = rig_step(b, OP_NEXT, id, 0);
    b->blocks[id].end = b->p.n_steps;
}

struct act *rig_act(struct rig_program *b, enum verb verb, const char *name)
{
    struct act *a = &b->acts[b->p.n_acts];

    *a = (struct act){.verb = (uint8_t)verb,
                      .at = PROG_NONE,
                      .v_set = PROG_NONE,
                      .v_lo = PROG_NONE,
                      .v_hi = PROG_NONE,
                      .for_s = PROG_NONE,
                      .at_least_s = PROG_NONE,
                      .timeout_s = PROG_NONE,
                      .name = rig_text(b, name)};
    for (int i = 0; i < PROG_SETS_MAX; i++)
        a->set[i].rate = PROG_NONE;
    (void)rig_step(b, OP_ACT, b->p.n_acts, 0);
    b->p.n_acts++;
    return a;
}

void rig_end(struct rig_program *b, struct act *a, expr_id cond, enum cause cause, const char *name)
{
    if (!a->n_ends)
        a->first_end = b->p.n_ends;
    b->ends[b->p.n_ends++] = (struct end){
        .cond = cond, .name = name ? rig_text(b, name) : PROG_NONE, .cause = (uint8_t)cause};
    a->n_ends++;
}

void rig_save(struct rig_program *b, struct act *a, reg_id reg, expr_id x, double at_s)
{
    if (!a->n_saves)
        a->first_save = b->p.n_saves;
    b->saves[b->p.n_saves++] = (struct save){.reg = reg, .expr = x, .at_s = at_s};
    a->n_saves++;
}

struct act *rig_charge(struct rig_program *b, double at_a, double cv_v, double taper_a)
{
    struct act *a = rig_act(b, VERB_CHARGE, "charge");

    a->at_kind = AT_CURRENT;
    a->direction = 1;
    a->at = rig_const(b, at_a);
    a->v_set = rig_const(b, cv_v);
    rig_end(b, a,
            RX(b, {INSN_IN_CV, 0, 0.002}, CH(RIG_CURRENT), DO(ABS), K(taper_a), DO(LT), DO(AND)),
            CAUSE_TAPER, NULL);
    return a;
}

struct act *rig_discharge(struct rig_program *b, double at_a, double until_v)
{
    struct act *a = rig_act(b, VERB_DISCHARGE, "discharge");

    a->at_kind = AT_CURRENT;
    a->direction = -1;
    a->at = rig_const(b, at_a);
    a->v_set = rig_const(b, until_v - 0.05);
    rig_end(b, a, RX(b, CH(RIG_VOLTAGE), K(until_v), DO(LE)), CAUSE_UNTIL, "empty");
    return a;
}

struct act *rig_rest(struct rig_program *b, double for_s)
{
    struct act *a = rig_act(b, VERB_REST, "rest");

    a->for_s = rig_const(b, for_s);
    return a;
}

struct act *rig_squeeze(struct rig_program *b, double to_pa, double rate_pa_s)
{
    struct act *a = rig_act(b, VERB_SQUEEZE, "squeeze");

    a->n_sets = 1;
    a->set[0].chan = RIG_PSET;
    a->set[0].value = rig_const(b, to_pa);
    if (rate_pa_s > 0.0)
        a->set[0].rate = rig_const(b, rate_pa_s);
    return a;
}

void rig_guard(struct rig_program *b, expr_id value, double lo, double hi, double hold_s,
               const char *text)
{
    b->guards[b->p.n_guards++] = (struct guard){.value = value,
                                                .where = PROG_NONE,
                                                .lo = lo,
                                                .hi = hi,
                                                .hold_s = hold_s,
                                                .text = rig_text(b, text)};
}

void rig_guards(struct rig_program *b)
{
    rig_guard(b, RX(b, CH(RIG_VOLTAGE)), 2.9, 4.3, 0.0, "cell.voltage 2.9 V .. 4.3 V (article)");
    rig_guard(b, RX(b, CH(RIG_PRESSURE)), -(double)INFINITY, 9e6, 2.0, "press.pressure .. 9 MPa");
    rig_guard(b, RX(b, CH(RIG_TEMPERATURE)), -(double)INFINITY, 358.0, 0.0,
              "chamber.temperature .. 85 degC");
}

void rig_close(struct rig_program *b)
{
    bool ended = false;

    (void)rig_step(b, OP_DONE, 0, 0);
    for (step_id i = 0; i < b->p.n_steps; i++)
        ended = ended || b->steps[i].op == OP_FINISH;
    for (size_t i = 0; i < 32; i++)
        b->p.hash[i] = (uint8_t)(i * 7 + b->p.n_steps);
}
