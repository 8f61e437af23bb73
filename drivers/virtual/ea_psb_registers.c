/* drivers/virtual/ea_psb_registers.c - the EA PSB's map: what its registers and coils hold, and who
 * may write them. Choices of our own are listed in ea_psb.c. */
#include "drivers/virtual/ea_psb_priv.h"
#include "drivers/wire/modbus.h"

#include <string.h>

enum {
    FN_READ_COILS = 1,
    FN_WRITE_COIL = 5,
    EX_NOT_REMOTE = 7
};

enum {
    REG_CLASS = 0,
    REG_TYPE = 1,
    REG_MAKER = 21,
    REG_NOMINAL = 121, /* three floats */
    REG_SERIAL = 151,
    REG_USER_TEXT = 171,
    REG_KE = 191,
    REG_HMI = 211,
    REG_DR = 231,
    COIL_REMOTE = 402,
    COIL_OUTPUT = 405,
    REG_POWER_UP = 408,
    COIL_ACKNOWLEDGE = 411,
    REG_SETS = 498,
    REG_STATE = 505,
    REG_ACTUAL = 507,
    REG_OVP = 550, /* then 553, 556 */
    REG_LIMITS = 9000,
    REG_COMPLIANCE = 10013,
    TEXT_WORDS = 20,
};

enum {
    LOCATION_FREE = 0,
    LOCATION_LOCAL = 1,
    LOCATION_USB = 3,
    LOCATION_ETHERNET = 6,
    STATE_OUTPUT = 7,
    STATE_REGULATION = 9,
    STATE_REMOTE = 11,
    STATE_SINK = 12,
    STATE_ALARM = 15,
};

/* Which limits each set value has, in the order of enum psb_set. */
static const struct bounds {
    enum psb_limit max;
    int min; /* -1: none */
} bounds[SETS] = {
    {LIMIT_SINK_P_MAX, -1              },
    {LIMIT_SINK_I_MAX, LIMIT_SINK_I_MIN},
    {LIMIT_U_MAX,      LIMIT_U_MIN     },
    {LIMIT_I_MAX,      LIMIT_I_MIN     },
    {LIMIT_P_MAX,      -1              },
};

/* ---- Reading ---- */

static uint16_t text_word(const char *text, size_t word)
{
    size_t n = strlen(text), at = 2 * word;
    unsigned high = at < n ? (uint8_t)text[at] : 0, low = at + 1 < n ? (uint8_t)text[at + 1] : 0;

    return (uint16_t)(high << 8 | low);
}

static bool get_text(const struct psb *s, uint16_t addr, uint16_t *ret_word)
{
    const char *type = psb_has(s, FAULT_WRONG_MODEL) ? "PSI 10060-60" : s->type;
    const struct {
        uint16_t addr;
        const char *text;
    } texts[] = {
        {REG_TYPE,      type                  },
        {REG_MAKER,     "EA Elektro-Automatik"},
        {REG_SERIAL,    s->serial             },
        {REG_USER_TEXT, ""                    },
        {REG_KE,        "V2.33"               },
        {REG_HMI,       "V3.02"               },
        {REG_DR,        "V1.0.7"              },
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (addr < texts[i].addr || addr >= texts[i].addr + TEXT_WORDS)
            continue;
        *ret_word = text_word(texts[i].text, (size_t)(addr - texts[i].addr));
        return true;
    }
    return false;
}

static uint16_t nominal_word(const struct psb *s, unsigned at)
{
    float nominal = (float)s->nominal[at / 2];
    uint32_t bits;

    memcpy(&bits, &nominal, sizeof(bits));
    return (uint16_t)(at % 2 == 0 ? bits >> 16 : bits & 0xFFFF);
}

static unsigned location(const struct psb *s)
{
    if (s->panel_local)
        return LOCATION_LOCAL;
    if (!s->remote)
        return LOCATION_FREE;
    return s->line.tcp ? LOCATION_ETHERNET : LOCATION_USB;
}

static uint32_t device_state(const struct psb *s)
{
    uint32_t state = location(s) | s->alarms;

    state |= (uint32_t)s->output << STATE_OUTPUT;
    state |= (uint32_t)s->regulation << STATE_REGULATION;
    state |= (uint32_t)s->remote << STATE_REMOTE;
    state |= (uint32_t)(psb_has(s, FAULT_STUCK) ? s->stuck_sink : s->sink) << STATE_SINK;
    state |= (uint32_t)(s->alarms != 0) << STATE_ALARM;
    return state;
}

static bool is_limit(uint16_t addr)
{
    return (addr >= REG_LIMITS && addr <= REG_LIMITS + LIMIT_SINK_P_MAX) ||
           addr == REG_LIMITS + LIMIT_SINK_I_MAX || addr == REG_LIMITS + LIMIT_SINK_I_MIN;
}

static bool is_trip(uint16_t addr)
{
    return addr == REG_OVP || addr == REG_OVP + 3 || addr == REG_OVP + 6;
}

static int get_coil(const struct psb *s, uint16_t addr, uint16_t *ret_word)
{
    switch (addr) {
    case COIL_REMOTE: *ret_word = s->remote; return 0;
    case COIL_OUTPUT: *ret_word = s->output; return 0;
    default: return MODBUS_EX_ADDRESS;
    }
}

static int get_register(const struct psb *s, uint16_t addr, uint16_t *ret_word)
{
    if (get_text(s, addr, ret_word))
        return 0;
    if (addr == REG_CLASS)
        *ret_word = psb_has(s, FAULT_WRONG_MODEL) ? 33 : 70;
    else if (addr >= REG_NOMINAL && addr < REG_NOMINAL + 6)
        *ret_word = nominal_word(s, addr - (unsigned)REG_NOMINAL);
    else if (addr == REG_POWER_UP)
        *ret_word = s->power_up;
    else if (addr >= REG_SETS && addr < REG_SETS + SETS)
        *ret_word = s->set[addr - REG_SETS];
    else if (addr == REG_STATE || addr == REG_STATE + 1)
        *ret_word = (uint16_t)(addr == REG_STATE ? device_state(s) >> 16 : device_state(s));
    else if (addr >= REG_ACTUAL && addr < REG_ACTUAL + PSB_QUANTITIES)
        *ret_word = (psb_has(s, FAULT_STUCK) ? s->stuck : s->actual)[addr - REG_ACTUAL];
    else if (is_trip(addr))
        *ret_word = s->trip[(addr - REG_OVP) / 3];
    else if (is_limit(addr))
        *ret_word = s->limit[addr - REG_LIMITS];
    else if (addr == REG_COMPLIANCE)
        *ret_word = s->line.unit != 0;
    else
        return MODBUS_EX_ADDRESS;
    return 0;
}

int psb_get(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
            uint16_t *ret_word)
{
    struct psb *s = state;

    psb_refresh(s, env, now);
    return fn == FN_READ_COILS ? get_coil(s, addr, ret_word) : get_register(s, addr, ret_word);
}

/* ---- Writing ---- */

/* Remote and output off are obeyed even where sets are refused or ignored; nothing is while the
 * panel holds the device. */
static int put_coil(struct psb *s, const struct emu_env *env, nsec now, uint16_t addr, bool on)
{
    if (addr != COIL_REMOTE && addr != COIL_OUTPUT && addr != COIL_ACKNOWLEDGE)
        return MODBUS_EX_ADDRESS;
    if (addr == COIL_REMOTE ? s->panel_local && on : !s->remote)
        return EX_NOT_REMOTE;
    if (addr == COIL_REMOTE) {
        s->remote = on;
    } else if (addr == COIL_ACKNOWLEDGE) {
        if (on)
            s->alarms &= 1U << ALARM_OT;
    } else {
        if (on && (s->alarms != 0 || psb_has(s, FAULT_REFUSE)))
            return MODBUS_EX_FAILURE;
        if (!on || !psb_has(s, FAULT_SILENT_IGNORE))
            psb_output(s, env, now, on);
    }
    return 0;
}

static bool set_is_allowed(const struct psb *s, int set, uint16_t word)
{
    const struct bounds *b = &bounds[set];

    return word <= s->limit[b->max] && (b->min < 0 || word >= s->limit[b->min]);
}

static int put_set(struct psb *s, const struct emu_env *env, nsec now, int set, uint16_t word)
{
    if (word > PSB_SET_MAX || !set_is_allowed(s, set, word))
        return MODBUS_EX_VALUE;
    if (psb_has(s, FAULT_SILENT_IGNORE))
        return 0;
    s->set[set] = word;
    psb_drive(s, env, now);
    return 0;
}

static int put_limit(struct psb *s, int limit, uint16_t word)
{
    uint16_t before = s->limit[limit];
    bool fits = word <= PSB_SET_MAX;

    s->limit[limit] = word;
    for (int set = 0; set < SETS; set++)
        fits = fits && set_is_allowed(s, set, s->set[set]);
    if (!fits || psb_has(s, FAULT_SILENT_IGNORE))
        s->limit[limit] = before;
    return fits ? 0 : MODBUS_EX_VALUE;
}

static int put_register(struct psb *s, const struct emu_env *env, nsec now, uint16_t addr,
                        uint16_t word)
{
    bool obeys = !psb_has(s, FAULT_SILENT_IGNORE);

    if (addr >= REG_SETS && addr < REG_SETS + SETS)
        return put_set(s, env, now, addr - REG_SETS, word);
    if (is_limit(addr))
        return put_limit(s, addr - REG_LIMITS, word);
    if (is_trip(addr)) {
        if (word > PSB_TRIP_MAX)
            return MODBUS_EX_VALUE;
        if (obeys)
            s->trip[(addr - REG_OVP) / 3] = word;
    } else if (addr == REG_POWER_UP) {
        if (obeys)
            s->power_up = word;
    } else { /* compliance */
        if (word > 1)
            return MODBUS_EX_VALUE;
        if (obeys)
            s->line.unit = (uint8_t)(word == 0 ? 0 : s->own_unit);
    }
    return 0;
}

static bool is_writable(uint16_t addr)
{
    return (addr >= REG_SETS && addr < REG_SETS + SETS) || is_limit(addr) || is_trip(addr) ||
           addr == REG_POWER_UP || addr == REG_COMPLIANCE;
}

int psb_put(void *state, const struct emu_env *env, nsec now, uint8_t fn, uint16_t addr,
            uint16_t word)
{
    struct psb *s = state;

    if (fn == FN_WRITE_COIL)
        return put_coil(s, env, now, addr, word != 0);
    if (!is_writable(addr))
        return MODBUS_EX_ADDRESS;
    if (!s->remote)
        return EX_NOT_REMOTE;
    if (psb_has(s, FAULT_REFUSE))
        return MODBUS_EX_FAILURE;
    return put_register(s, env, now, addr, word);
}
