/* tests/support/bus_fakes.c - two small instruments whose replies carry the number of the request.
 */
#include "tests/support/bus_fakes.h"

#include "base/str.h"
#include "drivers/wire/modbus.h"

#include <math.h>
#include <string.h>

enum {
    TAG_ID,
    TAG_LINES,
    TAG_P,
    TAG_Q,
    TAG_SET,
    TAG_READBACK,
    TAG_SAFE
};

static const char *const mode_names[] = {"off", "on", NULL};

static const struct chan fake_chans[] = {
    {.name = "level",
     .kind = KIND_FRACTION,
     .access = CHAN_SET,
     .min = 0,
     .max = 100,
     .resolution = 1},
    {.name = "mode",
     .kind = KIND_STATE,
     .access = CHAN_SET,
     .min = 0,
     .max = 1,
     .resolution = 1,
     .states = mode_names},
    {.name = "count",
     .kind = KIND_FRACTION,
     .access = CHAN_SET,
     .min = 0,
     .max = 1,
     .resolution = 1},
    {.name = "p",                  .kind = KIND_FRACTION, .access = CHAN_READ, .polled = true},
    {.name = "q", .kind = KIND_FRACTION, .access = CHAN_READ, .polled = true},
    {.name = NULL          },
};

/* ---- The driver of lines ---- */

static struct xfer *line(const struct inst *inst, struct plan *plan, uint16_t tag, const char *text)
{
    if (inst->addressed)
        return plan_line(plan, tag, "%c%s", (char)inst->unit, text);
    return plan_line(plan, tag, "%s", text);
}

static int line_plan_identify(const struct inst *inst, struct plan *plan)
{
    line(inst, plan, TAG_ID, "ID?");
    line(inst, plan, TAG_LINES, "M?")->expect_quiet = true;
    return 0;
}

static int line_plan_poll(const struct inst *inst, struct plan *plan)
{
    line(inst, plan, TAG_P, "P?");
    line(inst, plan, TAG_Q, "Q?");
    return 0;
}

static int line_plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *plan)
{
    char text[32];
    struct xfer *x;

    if (str_fmt(text, sizeof(text), "S %d %d", chan, (int)value) != 0)
        return E_INVALID;
    x = line(inst, plan, TAG_SET, chan == FAKE_COUNT ? "T" : text);
    x->retry = chan == FAKE_COUNT ? RETRY_NEVER : RETRY_AFTER_READBACK;
    x->chan = chan;
    x->want = value;
    if (chan == FAKE_MODE) /* one that goes on behind its answer */
        line(inst, plan, TAG_P, "P?");
    return 0;
}

static int line_plan_safe(const struct inst *inst, enum safe_want want, struct plan *plan)
{
    char text[8] = "Z 0";

    for (int i = 0; i < (want == SAFE_ALL ? FAKE_SAFE_REQUESTS : 1); i++) {
        text[2] = (char)('0' + i);
        line(inst, plan, (uint16_t)(TAG_SAFE + i), text);
    }
    return 0;
}

/* "P 17": the word, then a number. */
static int number_behind(const char *text, const char *word, double *ret_value)
{
    size_t n = strlen(word);

    if (strncmp(text, word, n) != 0 || text[n] != ' ')
        return E_GARBLED;
    return str_to_double(text + n + 1, strlen(text + n + 1), ret_value) == 0 ? 0 : E_GARBLED;
}

static int absorb_number(struct outcome *out, const char *text, const char *word, uint16_t chan)
{
    double v;

    if (number_behind(text, word, &v) != 0)
        return E_GARBLED;
    driver_emit(out, chan, v, Q_OK);
    return 0;
}

static int absorb_set(const struct inst *inst, const struct xfer *x, const char *text,
                      struct outcome *out)
{
    double v;
    char word[8];

    if (strcmp(text, "NO") == 0) {
        driver_notice(out, NOTICE_SET_REFUSED, x->chan, x->want, "NO");
        return 0;
    }
    if (x->chan == FAKE_COUNT) {
        if (strcmp(text, "OK T") != 0)
            return E_GARBLED;
        driver_notice(out, NOTICE_SET_DONE, x->chan, x->want, "");
        return 0;
    }
    if (str_fmt(word, sizeof(word), "OK S %d", x->chan) != 0 || number_behind(text, word, &v) != 0)
        return E_GARBLED;
    driver_set_result(out, inst, x, v);
    return 0;
}

static int absorb_identity(bool right, bool other, struct outcome *out)
{
    if (!right && !other)
        return E_GARBLED;
    if (other)
        driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, "OTHER");
    return 0;
}

/* All that the fakes remember: how many failures they were told. */
static void count_failure(struct inst *inst, const struct xfer *x)
{
    uint8_t *failures = inst->state;

    if (x->outcome != XFER_REPLY)
        failures[0]++;
}

static int line_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const char *text = (const char *)x->rx;

    count_failure(inst, x);
    if (x->outcome != XFER_REPLY)
        return 0;
    if (inst->addressed && *text++ != (char)inst->unit)
        return E_GARBLED;
    switch (x->tag) {
    case TAG_ID:
        return absorb_identity(strcmp(text, "ID FAKE 1") == 0, strcmp(text, "ID OTHER 1") == 0,
                               out);
    case TAG_LINES:
        if (strcmp(text, "M0 maker\nM1 model\nM2 serial") != 0)
            return E_GARBLED;
        driver_notice(out, NOTICE_IDENTIFIED, 0, 0, "FAKE 1");
        return 0;
    case TAG_P: return absorb_number(out, text, "P", FAKE_P);
    case TAG_Q: return absorb_number(out, text, "Q", FAKE_Q);
    case TAG_SET: return absorb_set(inst, x, text, out);
    default: return strcmp(text, "OK Z") == 0 ? 0 : E_GARBLED;
    }
}

/* clang-format off */
#define FAKE_LINE(end, timeout, late)                                                              \
    {                                                                                              \
        .name = "fake-line", .title = "lines", .role = "fake", .wire = WIRE_LINE,                  \
        .line_end = end, .timeout_ms = timeout, .late_ms = late, .chans = fake_chans,              \
        .state_size = 64, .plan_identify = line_plan_identify, .plan_poll = line_plan_poll,        \
        .plan_set = line_plan_set, .plan_safe = line_plan_safe, .absorb = line_absorb,             \
    }
/* clang-format on */
const struct driver fake_line_crlf = FAKE_LINE("\r\n", FAKE_TIMEOUT_MS, 160);
const struct driver fake_line_cr = FAKE_LINE("\r", FAKE_TIMEOUT_MS, 160);
const struct driver fake_line_lf = FAKE_LINE("\n", FAKE_TIMEOUT_MS, 160);
const struct driver fake_line_hasty = FAKE_LINE("\r\n", FAKE_TIMEOUT_MS, 20);
const struct driver fake_line_slow = FAKE_LINE("\r\n", FAKE_SLOW_MS, FAKE_SLOW_MS);

/* ---- The driver of registers ---- */

static int modbus_plan_identify(const struct inst *inst, struct plan *plan)
{
    plan_modbus_read(plan, inst, TAG_ID, 100, 3);
    return 0;
}

static int modbus_plan_poll(const struct inst *inst, struct plan *plan)
{
    plan_modbus_read(plan, inst, TAG_P, 0, 2);
    plan_modbus_read(plan, inst, TAG_Q, 10, 5);
    return 0;
}

static int modbus_plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *plan)
{
    uint16_t word = (uint16_t)value;
    struct xfer *x = plan_modbus_write(plan, inst, TAG_SET, (uint16_t)(20 + chan), &word, 1);

    x->chan = chan;
    x->want = value;
    if (chan == FAKE_COUNT)
        x->retry = RETRY_NEVER;
    x = plan_modbus_read(plan, inst, TAG_READBACK, (uint16_t)(20 + chan), 1);
    x->chan = chan;
    x->want = value;
    return 0;
}

static int modbus_plan_safe(const struct inst *inst, enum safe_want want, struct plan *plan)
{
    uint16_t zero = 0;

    for (int i = 0; i < (want == SAFE_ALL ? FAKE_SAFE_REQUESTS : 1); i++)
        plan_modbus_write(plan, inst, TAG_SAFE, (uint16_t)(30 + i), &zero, 1);
    return 0;
}

static int modbus_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    count_failure(inst, x);
    if (x->outcome == XFER_REFUSED && x->tag == TAG_SET)
        driver_notice(out, NOTICE_SET_REFUSED, x->chan, x->refusal, "exception");
    if (x->outcome != XFER_REPLY)
        return 0;
    switch (x->tag) {
    case TAG_ID:
        if (modbus_word(x, 0) == 0xFA4E)
            driver_notice(out, NOTICE_IDENTIFIED, 0, 0, "FAKE 1");
        else
            driver_notice(out, NOTICE_WRONG_DEVICE, 0, 0, "OTHER");
        return 0;
    case TAG_P: driver_emit(out, FAKE_P, modbus_word(x, 0), Q_OK); return 0;
    case TAG_Q: driver_emit(out, FAKE_Q, modbus_word(x, 0), Q_OK); return 0;
    case TAG_READBACK:
        if (x->chan == FAKE_COUNT) /* it clears itself */
            driver_notice(out, NOTICE_SET_DONE, x->chan, x->want, "");
        else
            driver_set_result(out, inst, x, modbus_word(x, 0));
        return 0;
    default: return 0;
    }
}

/* clang-format off */
#define FAKE_MODBUS(timeout, late)                                                                 \
    {                                                                                              \
        .name = "fake-modbus", .title = "registers", .role = "fake", .wire = WIRE_MODBUS,          \
        .timeout_ms = timeout, .late_ms = late, .chans = fake_chans, .state_size = 64,     \
        .plan_identify = modbus_plan_identify, .plan_poll = modbus_plan_poll,                      \
        .plan_set = modbus_plan_set, .plan_safe = modbus_plan_safe, .absorb = modbus_absorb,       \
    }
/* clang-format on */
const struct driver fake_modbus = FAKE_MODBUS(FAKE_TIMEOUT_MS, 160);
const struct driver fake_modbus_hasty = FAKE_MODBUS(FAKE_TIMEOUT_MS, 20);
const struct driver fake_modbus_slow = FAKE_MODBUS(FAKE_SLOW_MS, FAKE_SLOW_MS);

/* ---- The emulator of lines ---- */

static int fake_power_on(void *state, const struct emu_param *param, const struct emu_env *env,
                         nsec now, struct diag *reterr)
{
    struct fake_state *s = state;
    const struct fake_model *model = param->model;

    (void)env;
    (void)now;
    (void)reterr;
    (void)str_copy(s->end, sizeof(s->end), model->line_end);
    s->unit = (uint8_t)param->unit;
    s->addressed = param->addressed;
    s->think = model->think;
    s->slave.unit = (uint8_t)param->unit;
    s->slave.tcp = model->tcp;
    s->slave.think = model->think;
    return 0;
}

/* Texts here are short; one that does not fit would be a mistake of the test. */
#define FMT(buf, size, ...)                           \
    do {                                              \
        int fmt_rc = str_fmt(buf, size, __VA_ARGS__); \
        ASSERT(fmt_rc == 0);                          \
    } while (0)

static void put_line(const struct fake_state *s, struct emu_out *out, nsec at, const char *text)
{
    char buf[80];
    char letter[2] = {s->addressed ? (char)s->unit : '\0', '\0'};

    if (str_fmt(buf, sizeof(buf), "%s%s%s", letter, text, s->end) == 0)
        emu_send(out, at, buf, strlen(buf));
}

static void line_set(struct fake_state *s, const char *text, char *reply, size_t size)
{
    int chan = text[2] - '0';
    double v = 0;

    s->n_writes++;
    if (str_to_double(text + 4, strlen(text + 4), &v) != 0)
        return;
    if (s->refuse) {
        (void)str_copy(reply, size, "NO");
        return;
    }
    if (!s->ignore)
        s->value[chan] = v;
    FMT(reply, size, "OK S %d %d", chan, (int)s->value[chan]);
}

static void line_serve(struct fake_state *s, const char *text, nsec at, struct emu_out *out)
{
    char reply[64] = "";

    if (s->addressed && *text++ != (char)s->unit)
        return;
    if (strcmp(text, "ID?") == 0) {
        (void)str_copy(reply, sizeof(reply), s->wrong_model ? "ID OTHER 1" : "ID FAKE 1");
    } else if (strcmp(text, "M?") == 0) {
        put_line(s, out, at, "M0 maker");
        emu_send(out, at + 10 * NSEC_MS, "M1 model", 8);
        emu_send(out, at + 10 * NSEC_MS, s->end, strlen(s->end));
        emu_send(out, at + 10 * NSEC_MS, "M2 serial", 9);
        emu_send(out, at + 10 * NSEC_MS, s->end, strlen(s->end));
    } else if (strcmp(text, "P?") == 0) {
        FMT(reply, sizeof(reply), "P %u", ++s->n_p);
    } else if (strcmp(text, "Q?") == 0) {
        FMT(reply, sizeof(reply), "Q %u", ++s->n_q);
    } else if (strcmp(text, "T") == 0) {
        s->n_t++;
        (void)str_copy(reply, sizeof(reply), "OK T");
    } else if (text[0] == 'S') {
        line_set(s, text, reply, sizeof(reply));
    } else if (text[0] == 'Z') {
        int k = text[2] - '0';

        if (s->deaf[k] > 0) {
            s->deaf[k]--;
            return;
        }
        s->safe_seen[k]++;
        (void)str_copy(reply, sizeof(reply), "OK Z");
    }
    if (reply[0])
        put_line(s, out, at, reply);
}

static void line_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                       const uint8_t *p, size_t n, struct emu_out *out)
{
    struct fake_state *s = state;

    (void)env;
    (void)idle_ns;
    for (size_t i = 0; i < n; i++) {
        if (line_take(&s->reader, s->end, p[i]))
            line_serve(s, s->reader.buf, now + s->think, out);
    }
}

static void fake_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct fake_state *s = state;

    (void)env;
    (void)now;
    if (f == FAULT_WRONG_MODEL)
        s->wrong_model = on;
    if (f == FAULT_REFUSE)
        s->refuse = on;
    if (f == FAULT_SILENT_IGNORE)
        s->ignore = on;
}

const struct emu fake_line_emu = {
    .name = "fake-line",
    .sheet = "none",
    .state_size = sizeof(struct fake_state),
    .boot_ms = 1000,
    .power_on = fake_power_on,
    .bytes = line_bytes,
    .fault = fake_fault,
};

/* ---- The emulator of registers ---- */

static int modbus_get_word(void *state, const struct emu_env *env, nsec now, uint8_t fn,
                           uint16_t addr, uint16_t *ret_word)
{
    struct fake_state *s = state;

    (void)env;
    (void)now;
    (void)fn;
    *ret_word = 0;
    if (addr == 0)
        *ret_word = (uint16_t)++s->n_p;
    else if (addr == 10)
        *ret_word = (uint16_t)++s->n_q;
    else if (addr == 100)
        *ret_word = s->wrong_model ? 0xBAD0 : 0xFA4E;
    else if (addr >= 20 && addr < 23)
        *ret_word = (uint16_t)s->value[addr - 20];
    else if (addr > 102)
        return MODBUS_EX_ADDRESS;
    return 0;
}

static int modbus_put_word(void *state, const struct emu_env *env, nsec now, uint8_t fn,
                           uint16_t addr, uint16_t word)
{
    struct fake_state *s = state;

    (void)env;
    (void)now;
    (void)fn;
    if (addr >= 30 && addr < 33) {
        if (s->deaf[addr - 30] > 0) {
            s->deaf[addr - 30]--;
            return MODBUS_EX_FAILURE;
        }
        s->safe_seen[addr - 30]++;
        return 0;
    }
    if (addr < 20 || addr > 22)
        return MODBUS_EX_ADDRESS;
    s->n_writes++;
    if (s->refuse)
        return MODBUS_EX_FAILURE;
    s->n_t += addr == 20 + FAKE_COUNT;
    if (!s->ignore)
        s->value[addr - 20] = word;
    return 0;
}

static void modbus_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                         const uint8_t *p, size_t n, struct emu_out *out)
{
    struct fake_state *s = state;

    modbus_slave_bytes(&s->slave, s, env, now, idle_ns, p, n, modbus_get_word, modbus_put_word,
                       out);
}

const struct emu fake_modbus_emu = {
    .name = "fake-modbus",
    .sheet = "none",
    .state_size = sizeof(struct fake_state),
    .boot_ms = 1000,
    .power_on = fake_power_on,
    .bytes = modbus_bytes,
    .fault = fake_fault,
};
