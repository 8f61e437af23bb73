/* drivers/virtual/keithley_2461_commands.c - the commands of the Keithley 2461: output, functions,
 * settings, common commands, and their table. What is not confirmed is listed in keithley_2461.c.
 */
#include "drivers/virtual/keithley_2461_priv.h"

#include "drivers/wire/scpi.h"

#include <math.h>
#include <string.h>

/* A level may exceed its range by so much. */
static const double over_range = 1.05;

/* ---- Output and functions ---- */

void smu_output_set(struct smu *s, const struct emu_env *env, nsec now, bool on)
{
    s->output = on;
    if (!on && s->smod[s->source] == SMOD_HIMP)
        s->rsen[VOLT] = s->rsen[CURR] = false;
    smu_drive(s, env, now);
}

static void do_output(struct call *c)
{
    bool on;

    if (c->query) {
        smu_put_bool(c, c->s->output);
        return;
    }
    if (!smu_param_bool(c, &on) || (on && !smu_obeys(c)))
        return;
    if (on && smu_has(c->s, FAULT_ALARM))
        smu_fail(c, -221);
    else
        smu_output_set(c->s, c->env, c->now, on);
}

static void do_smode(struct call *c)
{
    static const char *const words[SMODS] = {"NORMal", "ZERO", "HIMPedance", "GUARd"};
    static const char *const replies[SMODS] = {"NORM", "ZERO", "HIMP", "GUAR"};
    struct smu *s = c->s;
    uint8_t q = c->command->q;
    int mode;

    if (c->query) {
        smu_put(c, replies[s->smod[q == QUANTITIES ? s->source : q]]);
        return;
    }
    mode = smu_param_word(c, words, SMODS);
    if (mode < 0 || !smu_obeys(c))
        return;
    for (int i = 0; i < QUANTITIES; i++)
        if (q == QUANTITIES || q == i)
            s->smod[i] = (uint8_t)mode;
    if (!s->output)
        smu_output_set(s, c->env, c->now, false);
}

static void do_source_function(struct call *c)
{
    static const char *const words[QUANTITIES] = {"VOLTage", "CURRent"};
    struct smu *s = c->s;
    int q;

    if (c->query) {
        smu_put(c, s->source == VOLT ? "VOLT" : "CURR");
        return;
    }
    q = smu_param_word(c, words, QUANTITIES);
    if (q < 0 || !smu_obeys(c) || q == s->source)
        return;
    if (s->output)
        smu_output_set(s, c->env, c->now, false);
    s->source = (uint8_t)q;
    s->n_readings = 0;
    smu_drive(s, c->env, c->now);
}

static void do_sense_function(struct call *c)
{
    static const char *const words[QUANTITIES] = {"VOLTage[:DC]", "CURRent[:DC]"};
    struct smu *s = c->s;
    int q;

    if (c->query) {
        smu_put(c, s->measure == VOLT ? "\"VOLT:DC\"" : "\"CURR:DC\"");
        return;
    }
    q = smu_param_word(c, words, QUANTITIES);
    if (q < 0 || !smu_obeys(c) || q == s->measure)
        return;
    if (s->output)
        smu_output_set(s, c->env, c->now, false);
    s->measure = (uint8_t)q;
    s->n_readings = 0;
}

static void do_terminals(struct call *c)
{
    static const char *const words[] = {"REAR", "FRONt"};
    int i;

    if (c->query) {
        smu_put(c, c->s->front ? "FRON" : "REAR");
        return;
    }
    i = smu_param_word(c, words, 2);
    if (i >= 0 && smu_obeys(c))
        c->s->front = i == 1;
}

/* ---- Settings ---- */

static void *field(struct call *c)
{
    return (char *)c->s + c->command->offset;
}

static void do_bool(struct call *c)
{
    bool *p = field(c), v;

    if (c->query)
        smu_put_bool(c, *p);
    else if (smu_param_bool(c, &v) && smu_obeys(c))
        *p = v;
}

static void do_number(struct call *c)
{
    double *p = field(c), v;

    if (c->query)
        smu_put_number(c, *p);
    else if (smu_param_number(c, &v) && smu_obeys(c))
        *p = v;
}

static void do_level(struct call *c)
{
    struct smu *s = c->s;
    int q = c->command->q;
    double v;

    if (c->query) {
        smu_put_number(c, s->level[q]);
        return;
    }
    if (!smu_param_number(c, &v))
        return;
    if (s->source_range[q] > 0.0 && fabs(v) > over_range * s->source_range[q]) {
        smu_fail(c, -222);
    } else if (smu_obeys(c)) {
        s->level[q] = v;
        smu_drive(s, c->env, c->now);
    }
}

static void do_limit(struct call *c)
{
    struct smu *s = c->s;
    int q = c->command->q;
    double v;

    if (c->query) {
        smu_put_number(c, s->limit[q]);
        return;
    }
    if (!smu_param_number(c, &v))
        return;
    if (q == VOLT && v < smu_limit_least(s) * (1.0 - 1e-9)) {
        smu_fail(c, -222);
    } else if (smu_obeys(c)) {
        s->limit[q] = v;
        smu_drive(s, c->env, c->now);
    }
}

static void do_tripped(struct call *c)
{
    struct port_sense sensed;

    smu_sense(c, &sensed);
    smu_put_bool(c, c->s->source == c->command->q && smu_is_limited(c->s, &sensed));
}

/* offset says which: of the source or of the measurement. */
static void do_range(struct call *c)
{
    struct smu *s = c->s;
    int q = c->command->q;
    double *p = field(c), v;
    bool of_source = p == &s->source_range[q];

    if (c->query) {
        smu_put_number(c, smu_range_in_use(q, *p, of_source ? s->level[q] : 0.0)->full);
        return;
    }
    if (!smu_param_number(c, &v))
        return;
    v = smu_range_in_use(q, fabs(v) > 0.0 ? fabs(v) : 1e-12, 0.0)->full;
    if (of_source && fabs(s->level[q]) > over_range * v) {
        smu_fail(c, -221);
        return;
    }
    if (!smu_obeys(c))
        return;
    *p = v;
    if (!of_source && q == CURR)
        s->limit[VOLT] = fmax(s->limit[VOLT], smu_limit_least(s));
    smu_drive(s, c->env, c->now);
}

static void do_range_auto(struct call *c)
{
    struct smu *s = c->s;
    int q = c->command->q;
    double *p = field(c);
    bool on, of_source = p == &s->source_range[q];

    if (c->query) {
        smu_put_bool(c, *p <= 0.0);
    } else if (smu_param_bool(c, &on) && smu_obeys(c)) {
        /* Off: stays where it is. */
        *p = on ? 0.0 : smu_range_in_use(q, *p, of_source ? s->level[q] : s->limit[VOLT])->full;
        smu_drive(s, c->env, c->now);
    }
}

static void do_format(struct call *c)
{
    static const char *const words[] = {"ASCii"};

    if (c->query)
        smu_put(c, "ASC");
    else
        (void)smu_param_word(c, words, 1);
}

/* ---- Common commands ---- */

void smu_defaults(struct smu *s)
{
    s->output = false;
    s->front = true;
    s->source = VOLT;
    s->measure = CURR;
    for (int q = 0; q < QUANTITIES; q++) {
        s->smod[q] = SMOD_NORMAL;
        s->rsen[q] = false;
        s->readback[q] = true;
        s->level[q] = s->delay[q] = 0.0;
        s->source_range[q] = s->sense_range[q] = 0.0;
        s->nplc[q] = 1.0;
    }
    s->limit[VOLT] = 105e-6;
    s->limit[CURR] = 21.0;
    s->count = 1.0;
    s->n_readings = 0;
}

static void do_rst(struct call *c)
{
    if (!smu_obeys(c))
        return;
    smu_defaults(c->s);
    smu_drive(c->s, c->env, c->now);
}

static void do_cls(struct call *c)
{
    c->s->n_errors = 0;
    c->s->esr = 0;
}

static void do_idn(struct call *c)
{
    smu_put(c, smu_has(c->s, FAULT_WRONG_MODEL) ? "KEITHLEY INSTRUMENTS,MODEL 2450,"
                                                : "KEITHLEY INSTRUMENTS,MODEL 2461,");
    smu_put(c, c->s->serial);
    smu_put(c, ",1.7.12b");
}

static void do_lang(struct call *c)
{
    static const char *const words[] = {"SCPI"};

    if (c->query)
        smu_put(c, "SCPI");
    else
        (void)smu_param_word(c, words, 1);
}

static void do_opc(struct call *c)
{
    if (c->query)
        smu_put(c, "1");
    else
        c->s->esr |= 1U;
}

static void do_esr(struct call *c)
{
    smu_put_fixed(c, c->s->esr, 0);
    c->s->esr = 0;
}

static void do_mask(struct call *c)
{
    double *p = field(c), v;

    if (c->query)
        smu_put_fixed(c, *p, 0);
    else if (smu_param_number(c, &v))
        *p = nearbyint(v);
}

static void do_stb(struct call *c)
{
    const struct smu *s = c->s;
    unsigned bits = s->n_errors > 0 ? 4U : 0U;

    if ((s->esr & (unsigned)s->ese) != 0)
        bits |= 32U;
    if ((bits & (unsigned)s->sre) != 0)
        bits |= 64U;
    smu_put_fixed(c, bits, 0);
}

static void do_zero(struct call *c)
{
    smu_put(c, "0");
}

static void do_nothing(struct call *c)
{
    (void)c;
}

static void do_error(struct call *c)
{
    struct smu *s = c->s;
    int code;

    if (s->n_errors == 0) {
        smu_put(c, "0,\"No error;0;0 0\"");
        return;
    }
    code = s->errors[0];
    s->n_errors--;
    memmove(s->errors, s->errors + 1, s->n_errors * sizeof(s->errors[0]));
    smu_put_fixed(c, code, 0);
    smu_put(c, ",\"");
    smu_put(c, smu_error_text(code));
    smu_put(c, ";1;0 0\"");
}

static void do_error_count(struct call *c)
{
    smu_put_fixed(c, c->s->n_errors, 0);
}

/* ---- The table ---- */

/* clang-format off: it knows no tables of macros */
#define WORD(pattern, run, can, q) {pattern, run, can, q, 0, 0.0, 0.0, 0.0}
#define FIELD(pattern, run, q, f) NUMBER(pattern, run, q, f, 0.0, 0.0, 0.0)
#define NUMBER(pattern, run, q, f, least, most, normal)                                            \
    {pattern, run, BOTH, q, (uint16_t)offsetof(struct smu, f), least, most, normal}

/* Most used first. Numbers: where they are kept, least, most, default. */
static const struct command commands[] = {
    WORD("READ", smu_do_read, ASK, 0),
    WORD("OUTPut[1][:STATe]", do_output, BOTH, 0),
    NUMBER("SOURce[1]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", do_level, VOLT,
           level[VOLT], -105.0, 105.0, 0.0),
    NUMBER("SOURce[1]:VOLTage:ILIMit[:LEVel]", do_limit, VOLT, limit[VOLT], 1e-8, 7.35, 105e-6),
    WORD("SOURce[1]:VOLTage:ILIMit[:LEVel]:TRIPped", do_tripped, ASK, VOLT),
    NUMBER("SOURce[1]:CURRent[:LEVel][:IMMediate][:AMPLitude]", do_level, CURR,
           level[CURR], -7.35, 7.35, 0.0),
    NUMBER("SOURce[1]:CURRent:VLIMit[:LEVel]", do_limit, CURR, limit[CURR], 0.02, 105.0, 21.0),
    WORD("SOURce[1]:CURRent:VLIMit[:LEVel]:TRIPped", do_tripped, ASK, CURR),
    WORD("SOURce[1]:FUNCtion[:MODE]", do_source_function, BOTH, 0),
    NUMBER("SOURce[1]:VOLTage:RANGe", do_range, VOLT, source_range[VOLT], -100.0, 100.0, 0.2),
    NUMBER("SOURce[1]:CURRent:RANGe", do_range, CURR, source_range[CURR], -7.0, 7.0, 1e-4),
    FIELD("SOURce[1]:VOLTage:RANGe:AUTO", do_range_auto, VOLT, source_range[VOLT]),
    FIELD("SOURce[1]:CURRent:RANGe:AUTO", do_range_auto, CURR, source_range[CURR]),
    FIELD("SOURce[1]:VOLTage:READ:BACK", do_bool, VOLT, readback[VOLT]),
    FIELD("SOURce[1]:CURRent:READ:BACK", do_bool, CURR, readback[CURR]),
    NUMBER("SOURce[1]:VOLTage:DELay", do_number, VOLT, delay[VOLT], 0.0, 1e4, 0.0),
    NUMBER("SOURce[1]:CURRent:DELay", do_number, CURR, delay[CURR], 0.0, 1e4, 0.0),
    WORD("SENSe[1]:FUNCtion[:ON]", do_sense_function, BOTH, 0),
    NUMBER("SENSe[1]:CURRent[:DC]:RANGe[:UPPer]", do_range, CURR,
           sense_range[CURR], -7.0, 7.0, 1e-4),
    NUMBER("SENSe[1]:VOLTage[:DC]:RANGe[:UPPer]", do_range, VOLT,
           sense_range[VOLT], -100.0, 100.0, 20.0),
    FIELD("SENSe[1]:CURRent[:DC]:RANGe:AUTO", do_range_auto, CURR, sense_range[CURR]),
    FIELD("SENSe[1]:VOLTage[:DC]:RANGe:AUTO", do_range_auto, VOLT, sense_range[VOLT]),
    FIELD("SENSe[1]:CURRent[:DC]:RSENse", do_bool, CURR, rsen[CURR]),
    FIELD("SENSe[1]:VOLTage[:DC]:RSENse", do_bool, VOLT, rsen[VOLT]),
    NUMBER("SENSe[1]:CURRent[:DC]:NPLCycles", do_number, CURR, nplc[CURR], 0.01, 10.0, 1.0),
    NUMBER("SENSe[1]:VOLTage[:DC]:NPLCycles", do_number, VOLT, nplc[VOLT], 0.01, 10.0, 1.0),
    NUMBER("SENSe[1]:COUNt", do_number, 0, count, 1.0, 3e5, 1.0),
    WORD("OUTPut[1]:SMODe", do_smode, BOTH, QUANTITIES),
    WORD("OUTPut[1]:VOLTage:SMODe", do_smode, BOTH, VOLT),
    WORD("OUTPut[1]:CURRent:SMODe", do_smode, BOTH, CURR),
    WORD("ROUTe:TERMinals", do_terminals, BOTH, 0),
    WORD("SYSTem:ERRor[:NEXT]", do_error, ASK, 0),
    WORD("SYSTem:ERRor:COUNt", do_error_count, ASK, 0),
    WORD("SYSTem:CLEar", do_cls, TELL, 0),
    WORD("TRACe:DATA", smu_do_trace, ASK, 0),
    WORD("TRACe:CLEar", smu_do_trace_clear, TELL, 0),
    WORD("TRACe:ACTual", smu_do_trace_actual, ASK, 0),
    WORD("FETCh", smu_do_fetch, ASK, 0),
    WORD("FORMat[:DATA]", do_format, BOTH, 0),
    WORD("*IDN", do_idn, ASK, 0),
    WORD("*LANG", do_lang, BOTH, 0),
    WORD("*OPC", do_opc, BOTH, 0),
    WORD("*CLS", do_cls, TELL, 0),
    WORD("*RST", do_rst, TELL, 0),
    WORD("*ESR", do_esr, ASK, 0),
    NUMBER("*ESE", do_mask, 0, ese, 0.0, 255.0, 0.0),
    NUMBER("*SRE", do_mask, 0, sre, 0.0, 255.0, 0.0),
    WORD("*STB", do_stb, ASK, 0),
    WORD("*TST", do_zero, ASK, 0),
    WORD("*WAI", do_nothing, TELL, 0),
};
/* clang-format on */

const struct command *smu_command_find(const char *header, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].pattern[0] == header[0] && commands[i].pattern[1] == header[1] &&
            scpi_match(commands[i].pattern, header, n))
            return &commands[i];
    return NULL;
}
