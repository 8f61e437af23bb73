/* drivers/virtual/espec_p300.c - ESPEC P-300 chamber controller, temperature only, from the fact
 * sheet espec-p300.
 *
 * Port 0: PORT_CHAMBER; drives set-point and running, senses the air.
 *
 * Not confirmed by a source, chosen here: it thinks 50 ms; comes up OFF at 23.0 degC with limits
 * -45 and 155 degC, which are also the widest; a new H or L must leave the set-point inside; a
 * broken sensor reads 999.9; an alarm stops the chamber, and it stays stopped while the alarm
 * stands; MODE,OFF, MODE,STANDBY and POWER,OFF work even with data protection on. What the sheet
 * states as unconfirmed too: accuracy 0.5 K, resolution 0.1 K, fluctuation 0.1 K (taken as two
 * standard deviations). The controller regulates what its own sensor shows, so its error is the
 * air's. Programs and the clock are not built: such commands answer NA:INVALID REQ.
 */
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "drivers/virtual/emu.h"
#include "drivers/wire/line.h"

#include <math.h>
#include <string.h>

static const double zero_c_k = 273.15;
static const double accuracy_k = 0.5, fluctuation_k = 0.05;
static const double default_c = 23.0, lowest_c = -45.0, highest_c = 155.0, broken_c = 999.9;
static const nsec think = 50 * NSEC_MS;

enum mode {
    MODE_OFF,
    MODE_STANDBY,
    MODE_CONSTANT
};

struct espec {
    struct line_reader line;
    uint16_t port, unit;
    bool addressed;
    bool key_locked;
    bool read;
    uint8_t mode; /* enum mode */
    uint8_t refrigeration;
    uint32_t faults;
    struct emu_error error;
    double set_c, high_c, low_c;
    double pv_c; /* last reading, for a stuck sensor */
};

/* One line under way. args: what stands after the word and its comma. */
struct call {
    struct espec *e;
    const struct emu_env *env;
    nsec now;
    const char *args;
    struct emu_reply reply;
};

struct word {
    const char *name;
    const char *(*run)(struct call *); /* NULL: done; else the text after NA: */
    bool monitor;                      /* run() has put the reply; else it is OK: and the echo */
};

static const char err_command[] = "CMD ERR", err_parameter[] = "PARA ERR",
                  err_range[] = "DATA OUT OF RANGE", err_protect[] = "PROTECT ON";

static bool has(const struct espec *e, enum emu_fault f)
{
    return (e->faults & 1U << f) != 0;
}

/* ---- What it says ---- */

static void put(struct call *c, const char *text)
{
    emu_put(&c->reply, text);
}

static void put_tenths(struct call *c, double v)
{
    emu_put_fixed(&c->reply, fabs(v) < 0.05 ? 0.0 : v, 1); /* no "-0.0" */
}

static const char *mode_text(const struct espec *e)
{
    static const char *const names[] = {"OFF", "STANDBY", "CONSTANT"};

    return names[e->mode];
}

static double offset_k(const struct espec *e)
{
    return e->error.ideal ? 0.0 : accuracy_k * e->error.offset;
}

static double pv_c(struct call *c)
{
    struct espec *e = c->e;
    struct port_sense sense = {0};

    if (has(e, FAULT_STUCK) && e->read)
        return e->pv_c;
    c->env->sense(c->env->world, e->port, c->now, &sense);
    if (sense.open || has(e, FAULT_SENSOR_OPEN))
        return broken_c;
    e->pv_c = sense.value - zero_c_k + offset_k(e);
    if (!e->error.ideal)
        e->pv_c += fluctuation_k * rng_normal(c->env->rng);
    e->read = true;
    return e->pv_c;
}

static void drive(struct espec *e, const struct emu_env *env, nsec now)
{
    struct port_drive d = {
        .on = e->mode == MODE_CONSTANT,
        .set = e->set_c + zero_c_k - offset_k(e),
    };

    env->drive(env->world, e->port, now, &d);
}

static const char *ask_mon(struct call *c)
{
    if (*c->args != '\0' && strcmp(c->args, "DETAIL") != 0)
        return err_parameter;
    put_tenths(c, pv_c(c));
    put(c, ",,"); /* no humidity: the field is there and empty */
    put(c, mode_text(c->e));
    put(c, has(c->e, FAULT_ALARM) ? ",1" : ",0");
    return NULL;
}

static const char *ask_temp(struct call *c)
{
    put_tenths(c, pv_c(c));
    put(c, ",");
    put_tenths(c, c->e->set_c);
    put(c, ",");
    put_tenths(c, c->e->high_c);
    put(c, ",");
    put_tenths(c, c->e->low_c);
    return NULL;
}

static const char *ask_mode(struct call *c)
{
    if (*c->args != '\0' && strcmp(c->args, "DETAIL") != 0)
        return err_parameter;
    put(c, mode_text(c->e));
    return NULL;
}

static const char *ask_alarm(struct call *c)
{
    put(c, has(c->e, FAULT_ALARM) ? "1,1" : "0");
    return NULL;
}

static const char *ask_type(struct call *c)
{
    put(c, has(c->e, FAULT_WRONG_MODEL) ? "T,T,S2,160.0" : "T,P300,150.0");
    return NULL;
}

static const char *ask_rom(struct call *c)
{
    put(c, "JLC1.10");
    return NULL;
}

static const char *ask_constant(struct call *c)
{
    if (strcmp(c->args, "TEMP") == 0) {
        put_tenths(c, c->e->set_c);
        put(c, ",ON");
    } else if (strcmp(c->args, "REF") == 0) {
        put(c, (const char[]){(char)('0' + c->e->refrigeration), '\0'});
    } else if (strcmp(c->args, "RELAY") == 0) {
        put(c, "0");
    } else if (strcmp(c->args, "HUMI") == 0 || strcmp(c->args, "PTC") == 0) {
        return "CONT NOT READY-1";
    } else {
        return err_parameter;
    }
    return NULL;
}

static const char *ask_set(struct call *c)
{
    put(c, (const char[]){'R', 'E', 'F', (char)('0' + c->e->refrigeration), '\0'});
    return NULL;
}

static const char *ask_ref(struct call *c)
{
    bool on = c->e->mode == MODE_CONSTANT && c->e->refrigeration != 0;

    put(c, on ? "1,ON1" : "1,OFF1");
    return NULL;
}

static const char *ask_keyprotect(struct call *c)
{
    put(c, c->e->key_locked ? "ON" : "OFF");
    return NULL;
}

static const char *ask_srq(struct call *c)
{
    put(c, has(c->e, FAULT_ALARM) ? "01000000" : "00000000");
    return NULL;
}

static const char *ask_none(struct call *c)
{
    put(c, "0");
    return NULL;
}

static const char *no_humidity(struct call *c)
{
    (void)c;
    return "CONT NOT READY-1";
}

static const char *no_program(struct call *c)
{
    (void)c;
    return "CONT NOT READY-2";
}

static const char *not_built(struct call *c)
{
    (void)c;
    return "INVALID REQ";
}

/* ---- What it is told ---- */

static const char *set_mode(struct call *c, enum mode mode)
{
    struct espec *e = c->e;

    if (mode == MODE_CONSTANT) {
        if (has(e, FAULT_REFUSE))
            return err_protect;
        if (has(e, FAULT_ALARM))
            return "CHB NOT READY";
        if (has(e, FAULT_SILENT_IGNORE))
            return NULL;
    }
    e->mode = (uint8_t)mode;
    drive(e, c->env, c->now);
    return NULL;
}

static const char *tell_mode(struct call *c)
{
    if (strcmp(c->args, "OFF") == 0)
        return set_mode(c, MODE_OFF);
    if (strcmp(c->args, "STANDBY") == 0)
        return set_mode(c, MODE_STANDBY);
    if (strcmp(c->args, "CONSTANT") == 0)
        return set_mode(c, MODE_CONSTANT);
    return str_starts(c->args, "RUN") ? "DATA NOT READY" : err_parameter;
}

static const char *tell_power(struct call *c)
{
    if (strcmp(c->args, "OFF") == 0)
        return set_mode(c, MODE_OFF);
    return strcmp(c->args, "ON") == 0 ? set_mode(c, MODE_CONSTANT) : err_parameter;
}

/* "S23.0 H80.0 L-20.0": any of them, each once at most counts, all or nothing. */
static const char *tell_temp(struct call *c)
{
    struct espec *e = c->e;
    double set = e->set_c, high = e->high_c, low = e->low_c;
    const char *text = c->args, *field;
    size_t n;

    if (*text == '\0')
        return err_parameter;
    while (line_field(&text, ' ', &field, &n)) {
        double v;

        if (n < 2 || str_to_double(field + 1, n - 1, &v) != 0)
            return err_parameter;
        v = round(v * 10.0) / 10.0;
        if (*field == 'S')
            set = v;
        else if (*field == 'H')
            high = v;
        else if (*field == 'L')
            low = v;
        else
            return err_parameter;
    }
    if (low < lowest_c || high > highest_c || low >= high || set < low || set > high)
        return err_range;
    if (has(e, FAULT_REFUSE))
        return err_protect;
    if (has(e, FAULT_SILENT_IGNORE))
        return NULL;
    e->set_c = set;
    e->high_c = high;
    e->low_c = low;
    drive(e, c->env, c->now);
    return NULL;
}

static const char *tell_set(struct call *c)
{
    const char *a = c->args;

    if (!str_starts(a, "REF") || a[3] == '\0' || a[4] != '\0' || strchr("01369", a[3]) == NULL)
        return err_parameter;
    if (has(c->e, FAULT_REFUSE))
        return err_protect;
    if (!has(c->e, FAULT_SILENT_IGNORE))
        c->e->refrigeration = (uint8_t)(a[3] - '0');
    return NULL;
}

static const char *tell_keyprotect(struct call *c)
{
    bool on = strcmp(c->args, "ON") == 0;

    if (!on && strcmp(c->args, "OFF") != 0)
        return err_parameter;
    if (has(c->e, FAULT_REFUSE))
        return err_protect;
    if (c->e->mode == MODE_OFF)
        return "CONT NOT READY-4";
    if (!has(c->e, FAULT_SILENT_IGNORE))
        c->e->key_locked = on;
    return NULL;
}

static const char *tell_srq(struct call *c)
{
    return strcmp(c->args, "RESET") == 0 ? NULL : err_parameter;
}

/* Most asked first. */
static const struct word words[] = {
    {"MON?",            ask_mon,         true },
    {"TEMP?",           ask_temp,        true },
    {"MODE?",           ask_mode,        true },
    {"ALARM?",          ask_alarm,       true },
    {"CONSTANT SET?",   ask_constant,    true },
    {"TYPE?",           ask_type,        true },
    {"ROM?",            ask_rom,         true },
    {"TEMP",            tell_temp,       false},
    {"MODE",            tell_mode,       false},
    {"POWER",           tell_power,      false},
    {"SET?",            ask_set,         true },
    {"SET",             tell_set,        false},
    {"REF?",            ask_ref,         true },
    {"RELAY?",          ask_none,        true },
    {"KEYPROTECT?",     ask_keyprotect,  true },
    {"KEYPROTECT",      tell_keyprotect, false},
    {"SRQ?",            ask_srq,         true },
    {"SRQ",             tell_srq,        false},
    {"PRGM USE?",       ask_none,        true },
    {"PRGM MON?",       no_program,      true },
    {"RUN PRGM MON?",   no_program,      true },
    {"HUMI?",           no_humidity,     true },
    {"HUMI",            no_humidity,     false},
    {"MON PTC?",        no_humidity,     true },
    {"TEMP PTC?",       no_humidity,     true },
    {"TEMP PTC",        no_humidity,     false},
    {"SET PTC?",        no_humidity,     true },
    {"PTC?",            no_humidity,     true },
    {"MASK?",           not_built,       true },
    {"MASK",            not_built,       false},
    {"DATE?",           not_built,       true },
    {"DATE",            not_built,       false},
    {"TIME?",           not_built,       true },
    {"TIME",            not_built,       false},
    {"RELAY",           not_built,       false},
    {"%?",              not_built,       true },
    {"IPSET?",          not_built,       true },
    {"PRGM",            not_built,       false},
    {"PRGM SET?",       not_built,       true },
    {"PRGM DATA?",      not_built,       true },
    {"PRGM DATA WRITE", not_built,       false},
    {"PRGM ERASE",      not_built,       false},
    {"RUN PRGM",        not_built,       false},
    {"TIMER ON?",       not_built,       true },
    {"TIMER USE?",      not_built,       true },
    {"TIMER LIST?",     not_built,       true },
};

/* ---- Lines ---- */

static const struct word *word_find(const char *text, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].name[0] == text[0] && strlen(words[i].name) == n &&
            memcmp(words[i].name, text, n) == 0)
            return &words[i];
    return NULL;
}

/* Length of "12," before a command; 0 when there is none. */
static size_t address_length(const char *text, unsigned *ret_address)
{
    unsigned address = 0;
    size_t n = 0;

    while (text[n] >= '0' && text[n] <= '9' && n < 3) {
        address = 10 * address + (unsigned)(text[n] - '0');
        n++;
    }
    if (n == 0 || text[n] != ',')
        return 0;
    *ret_address = address;
    return n + 1;
}

static void refuse(struct call *c, const char *why)
{
    c->reply.n = 0;
    put(c, "NA:");
    put(c, why);
}

static void line_serve(struct call *c, const char *line, struct emu_out *out)
{
    const struct word *word = NULL;
    const char *command = line;
    unsigned address = 0;
    size_t n_address = address_length(line, &address), n;

    if (c->e->addressed && (n_address == 0 || address != c->e->unit))
        return; /* a neighbour's */
    command += n_address;
    n = strcspn(command, ",");
    c->args = command + n + (command[n] == ',' ? 1 : 0);
    c->args += strspn(c->args, " ");
    if (n > 0)
        word = word_find(command, n);
    if (n_address > 0 && !c->e->addressed) {
        refuse(c, "ADDR ERR");
    } else if (word == NULL) {
        refuse(c, err_command);
    } else {
        const char *why = word->run(c);

        if (why != NULL) {
            refuse(c, why);
        } else if (!word->monitor) {
            put(c, "OK:");
            put(c, line);
        }
    }
    emu_reply_send(&c->reply, out, c->now + think, "\r\n");
}

static void espec_bytes(void *state, const struct emu_env *env, nsec now, nsec idle_ns,
                        const uint8_t *bytes, size_t n, struct emu_out *out)
{
    struct espec *e = state;

    (void)idle_ns; /* it waits for its CR LF for ever */
    for (size_t i = 0; i < n; i++) {
        if (line_take(&e->line, "\r\n", bytes[i])) {
            struct call c;

            c.e = e;
            c.env = env;
            c.now = now;
            c.reply.n = 0;
            line_serve(&c, e->line.buf, out);
        }
    }
}

static int espec_power_on(void *state, const struct emu_param *p, const struct emu_env *env,
                          nsec now, struct diag *reterr)
{
    struct espec *e = state;

    if (p->n_ports < 1 || (p->addressed && (p->unit < 1 || p->unit > 16)))
        return diag_add(reterr, E_INVALID,
                        "espec-p300 needs one chamber port and, on a shared line, a unit of 1..16");
    e->port = p->ports[0];
    e->unit = p->unit;
    e->addressed = p->addressed;
    e->error = p->error;
    e->set_c = default_c;
    e->high_c = highest_c;
    e->low_c = lowest_c;
    e->refrigeration = 9;
    drive(e, env, now);
    return 0;
}

static void espec_fault(void *state, const struct emu_env *env, nsec now, enum emu_fault f, bool on)
{
    struct espec *e = state;

    e->faults = on ? e->faults | 1U << f : e->faults & ~(1U << f);
    if (f == FAULT_LOCAL && on) {
        /* Somebody turns it to room temperature at the panel. */
        e->set_c = fabs(e->set_c - default_c) > 0.05 ? default_c : default_c + 2.0;
        drive(e, env, now);
    }
    if (f == FAULT_ALARM && on) {
        e->mode = MODE_OFF;
        drive(e, env, now);
    }
}

static bool espec_energized(const void *state)
{
    const struct espec *e = state;

    return e->mode == MODE_CONSTANT;
}

static double espec_standing(const void *state)
{
    const struct espec *e = state;

    return e->set_c + zero_c_k;
}

_Static_assert(sizeof(struct espec) <= EMU_STATE_MAX, "state of the P-300");

extern const struct emu emu_espec_p300;
const struct emu emu_espec_p300 = {
    .name = "espec-p300",
    .sheet = "espec-p300",
    .ports = {PORT_CHAMBER},
    .n_ports = 1,
    .state_size = sizeof(struct espec),
    .faults = 1U << FAULT_SILENT_IGNORE | 1U << FAULT_STUCK | 1U << FAULT_SENSOR_OPEN |
              1U << FAULT_REFUSE | 1U << FAULT_LOCAL | 1U << FAULT_REBOOT | 1U << FAULT_ALARM |
              1U << FAULT_WRONG_MODEL,
    .boot_ms = 5000,
    .power_on = espec_power_on,
    .bytes = espec_bytes,
    .tick = NULL,
    .fault = espec_fault,
    .energized = espec_energized,
    .standing = espec_standing,
};
