/* benchctl/gate.c - from effects to wishes and rows: the rule "journal before effect, except where an effect takes energy away".
 *
 * Under the virtual clock the store is written in line: an event's rows are put before its effects leave, and both fall into the same commit, so a killed rehearsal that goes on
 * from its files sees neither or both. SAFE does not look at the store at all.
 */
#include "benchctl/session_priv.h"

#include "base/str.h"

#include <math.h>
#include <string.h>

const char *unit_for(struct dims d, double *ret_scale)
{
    static const struct {
        struct dims dims;
        const char *unit;
        double scale;
    } units[] = {
        {DIM_VOLTAGE, "V", 1.0},        {DIM_CURRENT, "A", 1.0},    {DIM_CHARGE, "Ah", 1.0 / 3600.0}, {DIM_ENERGY, "Wh", 1.0 / 3600.0},
        {DIM_POWER, "W", 1.0},          {DIM_RESISTANCE, "ohm", 1.0}, {DIM_TEMPERATURE, "K", 1.0},      {DIM_PRESSURE, "Pa", 1.0},
        {DIM_FORCE, "N", 1.0},          {DIM_TIME, "s", 1.0},         {DIM_CRATE, "C", 1.0},            {DIM_CURRENT_DENSITY, "A/m^2", 1.0},
    };
    for (size_t k = 0; k < ARRAY_LEN(units); k++) {
        if (dims_equal(units[k].dims, d)) {
            *ret_scale = units[k].scale;
            return units[k].unit;
        }
    }
    *ret_scale = 1.0;
    return "";
}

void session_blame(struct session *s, uint8_t inst, const char *fmt, ...)
{
    if (s->s.text[0] != '\0') {
        return;
    }
    char what[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    int r = str_fmt(s->s.text, sizeof s->s.text, "%s (%s): %s", s->bench->inst[inst].name, s->bench->inst[inst].driver->name, what);
    (void)r; /* a long text is cut */
}

/* Whose channel or group the run is about; INST_NONE: nobody's. */
static uint8_t culprit(const struct session *s)
{
    const struct run *run = s->run;
    if (run->cause_chan < s->map->desc.n_chans) {
        return s->map->chan[run->cause_chan].inst;
    }
    return run->cause_group < s->map->desc.n_groups ? s->map->group_inst[run->cause_group] : (uint8_t)INST_NONE;
}

/* Nobody has been named yet for this pause or stop. */
static void blame_culprit(struct session *s)
{
    uint8_t inst = culprit(s);
    if (inst != INST_NONE) {
        session_blame(s, inst, "%s", cause_text((enum cause)s->run->cause));
    }
}

void session_unsafe(struct session *s)
{
    for (uint8_t i = 0; i < s->bench->n_insts; i++) {
        if (!(s->s.walk.failed_insts & 1U << i)) {
            continue;
        }
        size_t n = strlen(s->s.text);
        session_say(s, "severe", "`%s` did not confirm the safe sequence: see to it", s->bench->inst[i].name);
        int r = str_fmt(s->s.text + n, sizeof s->s.text - n, "%sNOT PROVEN SAFE: %s", n ? "; " : "", s->bench->inst[i].name);
        (void)r;
    }
}

void session_stored(struct session *s, int r, const char *why)
{
    if (r < 0 && !s->s.store_behind) {
        struct event e = {.kind = EV_STORE_BEHIND, .chan = CHAN_NONE};
        s->s.store_behind = 1;
        session_queue(s, &e);
        session_say(s, "error", "the run file cannot be written: %s", why);
    }
}

void session_stored_again(struct session *s)
{
    if (s->s.store_behind) {
        struct event e = {.kind = EV_STORE_OK, .chan = CHAN_NONE};
        s->s.store_behind = 0;
        session_queue(s, &e);
        session_say(s, "info", "the run file is written again");
    }
}

static void stored(struct session *s, int r)
{
    session_stored(s, r, err_text(r));
}

void session_identity(struct session *s, uint8_t inst)
{
    for (uint16_t g = 0; g < s->map->desc.n_groups; g++) {
        if (s->map->group_inst[g] == inst && s->opt.store && !s->s.stored_identity[g]) {
            s->s.stored_identity[g] = 1;
            stored(s, store_identity(s->opt.store, g, s->rig->s.inst[inst].identity));
        }
    }
}

void session_ended(struct session *s)
{
    s->s.ended = 1;
    s->s.ended_at = session_run_time(s);
    if (s->opt.live) {
        session_live_ended(s);
    }
}

/* ---- Sets -------------------------------------------------------------------------------------------------------------------- */

void session_set(struct session *s, const struct effect *fx)
{
    const struct chan_map *m = &s->map->chan[fx->chan];
    const struct session *holder = crew_holder(s, m->inst, m->chan, fx->value / m->scale);
    if (holder) {
        struct event e = {.kind = EV_SET_REFUSED, .chan = fx->chan, .token = fx->token, .value = fx->value};
        session_queue(s, &e);
        session_blame(s, m->inst, "held at another value by the run on station %s", s->bench->station[holder->station].name);
        session_say(s, "error", "`%s` %s is held at another value by the run on station %s", s->bench->inst[m->inst].name, s->bench->inst[m->inst].chans[m->chan].name,
                    s->bench->station[holder->station].name);
        return;
    }
    int r = rig_set(s->rig, m->inst, m->chan, fx->value / m->scale, session_token(s, fx->token));
    if (r < 0) {
        struct event e = {.kind = EV_SET_FAILED, .chan = fx->chan, .token = fx->token, .value = fx->value};
        session_queue(s, &e);
        session_blame(s, m->inst, "%s", err_text(r));
        session_say(s, "error", "`%s` cannot be set: %s", s->bench->inst[m->inst].name, err_text(r));
    }
}

/* What the safe sequences call the cause of a trip. */
static enum safe_cause safe_cause_of(const struct session *s)
{
    const struct program *p = s->program;
    if (s->run->cause == CAUSE_INTERLOCK) {
        return (enum safe_cause)s->s.interlock_cause;
    }
    if (s->run->cause != CAUSE_GUARD_HIGH) {
        return SAFE_ANY;
    }
    for (uint16_t g = 0; g < p->n_guards; g++) {
        if (p->guards[g].text == s->run->cause_text) {
            struct dims d = p->exprs[p->guards[g].value].dims;
            return dims_equal(d, DIMS_PRESSURE) || dims_equal(d, DIMS_FORCE) ? SAFE_OVERPRESSURE : dims_equal(d, DIMS_TEMPERATURE) ? SAFE_OVERTEMPERATURE : SAFE_ANY;
        }
    }
    return SAFE_ANY;
}

static void store_flight(struct session *s)
{
    for (uint8_t k = 0; k < s->bench->n_buses && s->opt.store; k++) {
        const struct bus *b = &s->rig->bus[k];
        uint32_t n = b->frame_next < BUS_FRAMES_MAX ? b->frame_next : BUS_FRAMES_MAX;
        for (uint32_t i = b->frame_next - n; i != b->frame_next; i++) {
            const struct bus_frame *f = &b->frame[i % BUS_FRAMES_MAX];
            const char *inst = f->inst < b->n_insts ? s->bench->inst[s->rig->line[k].inst[f->inst]].name : "";
            stored(s, store_frame(s->opt.store, s->bench->bus[k].name, session_run_time_at(s, f->at), (char)f->direction, inst, f->bytes, f->n < BUS_FRAME_BYTES ? f->n : BUS_FRAME_BYTES));
        }
    }
}

static int fx_safe(struct session *s, struct diag *reterr)
{
    enum safe_cause cause = safe_cause_of(s);
    s->s.walk_kind = WALK_SAFE;
    session_drop_held(s);
    safe_begin(&s->s.walk, s->rig, s->station, cause, false, !crew_others(s));
    bool done = safe_go(&s->s.walk, s->rig); /* the first action leaves now; the loop goes on */
    char story[MESSAGE_MAX];
    run_story(s->run, s->program, story, sizeof story);
    session_say(s, "trip", "safe sequence of station %s (%s): %s", s->bench->station[s->station].name, safe_cause_names[cause], story);
    store_flight(s);
    if (done) { /* nothing could be asked of anybody: their lines are down */
        struct event e = {.kind = EV_SAFE_DONE, .value = s->s.walk.failed == 0, .chan = CHAN_NONE};
        session_unsafe(s);
        session_queue(s, &e);
    }
    return crew_tripped(s, cause, reterr);
}

/* ---- Rows ----------------------------------------------------------------------------------------------------------------------- */

static void fx_record(struct session *s, const struct event *e, const struct effect *fx)
{
    if (!s->opt.store || (s->band && fx->code == s->band->group)) {
        return; /* a model's rows go with the cycler's */
    }
    const struct station_group *g = &s->map->desc.group[fx->code];
    double value[GROUP_CHANS_MAX];
    uint8_t quality[GROUP_CHANS_MAX];
    nsec t = e->at;
    for (uint8_t k = 0; k < g->n; k++) {
        const struct run_chan *c = &s->run->chan[g->chan[k]];
        bool from_event = e->kind == EV_SAMPLE && e->code == fx->code;
        value[k] = from_event ? e->sample[k] : c->value;
        quality[k] = from_event ? e->quality[k] : c->quality;
        t = c->seen && c->at < t ? c->at : t;
    }
    struct store_row row = {.table = fx->code, .t = t, .step = (uint32_t)fx->v[3], .cycle = (uint32_t)fx->v[2], .value = value, .quality = quality,
                            .charge_ah = fx->v[0] / 3600.0, .energy_wh = fx->v[1] / 3600.0};
    stored(s, store_sample(s->opt.store, &row));
    if (s->band && fx->code == s->run->derived.cycler_group) {
        session_model_row(s, t, row.step, row.cycle, e->kind == EV_SAMPLE && e->code == fx->code);
    }
}

static void fx_step_begin(struct session *s, const struct effect *fx)
{
    const struct step *st = &s->program->steps[fx->step];
    const char *name = program_text(s->program, fx->text);
    session_say(s, "step", "%u  %s", s->run->now.number, name);
    if (s->opt.store) {
        enum verb v = st->op == OP_ACT ? (enum verb)s->program->acts[st->a].verb : VERB_WAIT;
        struct store_step row = {.number = s->run->now.number, .began = s->run->at, .cycle = s->run->cycle, .name = name, .verb = verb_name(v),
                                 .file = s->program->files[st->file], .line = st->line};
        stored(s, store_step_begin(s->opt.store, &row));
    }
}

static void fx_step_end(struct session *s, const struct effect *fx)
{
    const struct run_summary *m = &s->run->summary;
    session_say(s, "end", "%u  %s%s%s", m->number, cause_text(m->cause), m->end_name == PROG_NONE ? "" : ": ", program_text(s->program, fx->text));
    if (s->opt.store) {
        struct store_summary row = {
            .number = m->number, .cycle = m->cycle, .ended = m->ended, .cause = cause_text(m->cause), .end_name = program_text(s->program, m->end_name),
            .charge_ah = m->charge_c / 3600.0, .energy_wh = m->energy_j / 3600.0, .charge_in_ah = m->in_c / 3600.0, .charge_out_ah = m->out_c / 3600.0,
            .energy_in_wh = m->in_j / 3600.0, .energy_out_wh = m->out_j / 3600.0, .v_first = m->v_first, .v_last = m->v_last, .v_min = m->v_min, .v_max = m->v_max,
            .i_min = m->i_min, .i_max = m->i_max, .temperature_min_k = m->t_min_k, .temperature_max_k = m->t_max_k, .pressure_min_pa = m->p_min_pa,
            .pressure_max_pa = m->p_max_pa, .pressure_mean_pa = m->p_mean_pa,
        };
        stored(s, store_step_end(s->opt.store, &row));
    }
}

static void fx_value(struct session *s, const struct effect *fx, const char *name, struct dims dims)
{
    double scale;
    const char *unit = unit_for(dims, &scale);
    if (s->opt.store) {
        nsec t = s->run->at;
        stored(s, fx->kind == FX_MEASURE ? store_measure(s->opt.store, t, s->run->acts_done, s->run->cycle, name, fx->value * scale, unit)
                                         : store_register(s->opt.store, t, name, fx->value * scale, unit));
    }
}

/* What a step ended by is a word: it stands in quotes where others have their unit. */
static void fx_measure(struct session *s, const struct effect *fx)
{
    const struct program *p = s->program;
    const struct expr *x = &p->exprs[p->measures[fx->code].expr];
    char word[CHAN_NAME_MAX + 2];
    if (p->code[x->start].op != INSN_CAUSE) {
        fx_value(s, fx, program_text(p, fx->text), x->dims);
        return;
    }
    const char *name = isfinite(fx->value) ? program_text(p, (text_id)fx->value) : "";
    if (str_fmt(word, sizeof word, "\"%s\"", name) < 0) {
        word[sizeof word - 2] = '"'; /* cut */
    }
    if (s->opt.store) {
        stored(s, store_measure(s->opt.store, s->run->at, s->run->acts_done, s->run->cycle, program_text(p, fx->text), (double)NAN, word));
    }
}

void session_tell(struct session *s, const char *level, const char *text)
{
    session_say(s, level, "%s", text);
    if (s->opt.store) {
        stored(s, store_note(s->opt.store, s->run->at, level, text));
    }
}

static void fx_alarm(struct session *s, const struct effect *fx)
{
    static const char *const levels[] = {[ALARM_INFO] = "info", [ALARM_WARN] = "warn", [ALARM_SEVERE] = "severe"};
    char text[MESSAGE_MAX];
    if (fx->code == PROG_NONE && fx->value > 0.5 && (uint16_t)fx->value == s->run->cause) { /* the run's own: it knows what it is about */
        run_story(s->run, s->program, text, sizeof text);
        session_tell(s, levels[fx->chan], text);
    } else if (fx->code == PROG_NONE) {
        session_tell(s, levels[fx->chan], program_text(s->program, fx->text));
    } else {
        run_format(s->program, fx->code, fx->v, text, sizeof text);
        session_tell(s, levels[fx->chan], text);
    }
}

static void fx_ask(struct session *s, const struct effect *fx)
{
    const struct question *q = &s->program->questions[fx->code];
    double value;
    struct event e = {.kind = EV_OPERATOR, .code = OP_ANSWER, .token = fx->token, .chan = CHAN_NONE};
    if (s->opt.answer && s->opt.answer(s->opt.ctx, s, q, &value) == 0) {
        e.value = value;
    } else {
        session_say(s, "error", "nobody answers: %s", program_text(s->program, q->text));
        int r = str_fmt(s->s.text, sizeof s->s.text, "no answer to: %s", program_text(s->program, q->text));
        (void)r;
        e.code = OP_ABORT;
    }
    session_queue(s, &e);
}

/* Why it ended, without the cause that stands before it in every list. */
static void own_words(const struct session *s, const struct effect *fx, char *buf, size_t size)
{
    char story[MESSAGE_MAX];
    const char *at = story, *cause = cause_text((enum cause)s->run->cause);
    if (fx->token != PROG_NONE) {
        run_format_reason(s->program, (uint16_t)fx->token, fx->v, story, sizeof story);
    } else {
        run_story(s->run, s->program, story, sizeof story);
        at += strncmp(at, cause, strlen(cause)) == 0 ? strlen(cause) : 0;
        at += strspn(at, ": ");
    }
    int r = str_fmt(buf, size, "%s", at);
    (void)r; /* a long text is cut */
}

static void fx_end(struct session *s, const struct effect *fx)
{
    s->s.verdict = (uint8_t)fx->code;
    s->s.cause = (uint16_t)fx->value;
    char own[MESSAGE_MAX], blamed[MESSAGE_MAX];
    own_words(s, fx, own, sizeof own);
    memcpy(blamed, s->s.text, sizeof blamed);
    bool normal = fx->code == VERDICT_DONE || fx->code == VERDICT_REJECTED;
    int r = str_fmt(s->s.text, sizeof s->s.text, "%s%s%s", own, own[0] && blamed[0] && !normal ? "; " : "", normal ? "" : blamed);
    (void)r;
    session_say(s, "state", "ended: %s, %s %s", verdict_text((enum verdict)fx->code), cause_text((enum cause)fx->value), s->s.text);
    if (s->s.walk_kind == WALK_SAFE) {
        session_ended(s);
    } else { /* a normal end: what the shared instruments do when every station has ended */
        s->s.walk_kind = WALK_AFTER_END;
        safe_begin(&s->s.walk, s->rig, s->station, SAFE_ANY, true, !crew_others(s));
    }
}

static void say_state(const struct session *s, const struct effect *fx)
{
    char story[MESSAGE_MAX] = "";
    if (fx->code == RUN_PAUSED) {
        run_story(s->run, s->program, story, sizeof story);
    }
    session_say(s, "state", "%s%s%s", run_state_name((enum run_state)fx->code), story[0] ? ": " : "", story);
}

/* ---- Journal ------------------------------------------------------------------------------------------------------------------------ */

static void journal(struct session *s, const struct event *e)
{
    if (!s->opt.store || e->kind == EV_SAMPLE || e->kind == EV_TIMER) {
        return;
    }
    const char *chan = e->chan < s->map->desc.n_chans ? s->map->desc.chan[e->chan].name : NULL;
    struct store_event row = {.seq = e->seq, .t = e->at, .kind = event_name(e->kind), .channel = chan, .value = e->value, .text = NULL};
    stored(s, store_event(s->opt.store, &row));
}

int session_effects(struct session *s, const struct event *e, struct diag *reterr)
{
    int r = 0;
    journal(s, e);
    for (uint16_t k = 0; k < s->fx.n && r == 0; k++) {
        const struct effect *fx = &s->fx.fx[k];
        switch ((enum effect_kind)fx->kind) {
        case FX_SET:
            if (!session_holds(s, fx)) {
                session_set(s, fx);
            }
            break;
        case FX_SAFE: r = fx_safe(s, reterr); break;
        case FX_POLL_PERIOD: crew_poll(s, s->map->group_inst[fx->code], fx->value); break;
        case FX_RECORD: fx_record(s, e, fx); break;
        case FX_STEP_BEGIN: fx_step_begin(s, fx); break;
        case FX_STEP_END: fx_step_end(s, fx); break;
        case FX_REGISTER: fx_value(s, fx, program_text(s->program, s->program->regs[fx->chan].name), s->program->regs[fx->chan].dims); break;
        case FX_MEASURE: fx_measure(s, fx); break;
        case FX_NOTE: {
            char text[MESSAGE_MAX];
            run_format(s->program, fx->code, fx->v, text, sizeof text);
            session_tell(s, "note", text);
            break;
        }
        case FX_ALARM: fx_alarm(s, fx); break;
        case FX_ASK: fx_ask(s, fx); break;
        case FX_STATE:
            if (fx->code == RUN_PAUSED || fx->code == RUN_SAFING) {
                blame_culprit(s);
            } else if (fx->code == RUN_RUNNING) {
                s->s.text[0] = '\0'; /* what it paused for is over */
            }
            say_state(s, fx);
            if (s->opt.store) {
                struct store_event row = {.seq = e->seq, .t = e->at, .kind = "state", .value = NAN, .text = run_state_name((enum run_state)fx->code)};
                stored(s, store_event(s->opt.store, &row));
            }
            break;
        case FX_END: fx_end(s, fx); break;
        case FX_KIND_COUNT: break;
        }
    }
    return r;
}
