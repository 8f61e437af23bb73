/* drivers/generic_modbus.c - any Modbus device whose registers the bench file lists.
 *
 * The rows do the work (rows.c): generic_modbus_rows.c makes them. What is left for here is who is
 * asked first, and the rows with `off:`, which are the safe sequence.
 */
#include "drivers/generic_modbus_priv.h"

#include "drivers/wire/modbus.h"

#include <string.h>

enum {
    TAG_IDENTIFY = 1,
    TAG_STANDING = 0x100 /* and the index of the row */
};

/* clang-format off */
static const struct conf_key param_keys[] = {
    {.name = "rows", .type = CONF_NODE, .required = true,
     .offset = CONF_OFFSET(modbus_param, rows),
     .help = "list of {name, type, register, ...}, or the name of a file that holds it"},
    {.name = "word_order", .type = CONF_ENUM, .choices = modbus_order_names,
     .offset = CONF_OFFSET(modbus_param, word_order),
     .help = "of 32-bit rows that do not say; ABCD (high byte first) if absent"},
    {.name = "registers_from", .type = CONF_INT, .min = 0, .max = 1,
     .offset = CONF_OFFSET(modbus_param, registers_from),
     .help = "number of the first register in the device's manual: 0 if absent, or 1"},
    {.name = "identify", .type = CONF_NODE, .offset = CONF_OFFSET(modbus_param, identify),
     .help = "{register, function, count, words}: read and compared before anything else"},
    {0},
};
/* clang-format on */

static const struct schema params = {
    .name = "generic-modbus",
    .about = "Any Modbus device whose registers the bench file lists",
    .keys = param_keys,
};

static int modbus_setup(struct inst *inst, struct diag *reterr)
{
    if (inst->unit > 255)
        return diag_add(reterr, E_RANGE, "address of %s must be 0 to 255", inst->name);
    return 0;
}

/* ---- Identify ---- */

static int modbus_plan_identify(const struct inst *inst, struct plan *ret_plan)
{
    const struct modbus_param *p = inst->param;
    struct xfer *x;

    if (p->probe == NULL)
        return E_STATE; /* no rows were given */
    x = plan_modbus_read(ret_plan, inst, TAG_IDENTIFY, p->probe->addr, p->probe->n);
    if (x != NULL)
        x->tx[1] = p->probe->function;
    return 0;
}

/* Where the settable rows stand, one after the other; then it is known. One request is left for
 * the probe. */
static void ask_standing(struct inst *inst, uint16_t from, struct outcome *out)
{
    const struct modbus_param *p = inst->param;

    for (uint16_t i = from; i < p->n_rows && out->plan->n < PLAN_XFERS_MAX; i++)
        for (uint16_t c = 0; c < inst->n_chans; c++)
            if (strcmp(inst->chans[c].name, inst->rows[i].chan) == 0 &&
                (inst->chans[c].access & CHAN_SET) != 0 &&
                (inst->rows[i].flags & ROW_NO_READBACK) == 0) {
                rows_plan_read(inst, i, (uint16_t)(TAG_STANDING + i), out->plan);
                return;
            }
    driver_notice_fmt(out, NOTICE_IDENTIFIED, 0, 0, "Modbus device, unit %u, %u rows",
                      (unsigned)inst->unit, (unsigned)p->n_rows);
}

static void absorb_probe(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    const struct modbus_param *p = inst->param;

    for (uint16_t i = 0; i < p->probe->n_words; i++)
        if (modbus_word(x, i) != p->probe->word[i]) {
            driver_notice_fmt(out, NOTICE_WRONG_DEVICE, 0, modbus_word(x, i),
                              "register %u is %u, bench says %u",
                              (unsigned)(p->probe->addr + i + p->registers_from),
                              (unsigned)modbus_word(x, i), (unsigned)p->probe->word[i]);
            return;
        }
    ask_standing(inst, 0, out);
}

/* ---- Safe ---- */

static int modbus_plan_safe(const struct inst *inst, enum safe_want want, struct plan *ret_plan)
{
    const struct modbus_param *p = inst->param;

    (void)want;
    for (uint16_t i = 0; i < p->n_off; i++) {
        int r = rows_plan_set(inst, p->off[i].chan, p->off[i].value, ret_plan);

        if (r != 0)
            return r;
    }
    return 0;
}

static int modbus_absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    uint8_t exception;

    if (x->tag >= ROW_TAG)
        return rows_absorb(inst, x, out);
    if (x->outcome != XFER_REPLY)
        return 0;
    if (modbus_answers(x->tx, x->tx_len, x->rx, x->rx_len, &exception) != 0)
        return E_GARBLED;
    if (x->tag == TAG_IDENTIFY) {
        absorb_probe(inst, x, out);
    } else {
        rows_absorb_read(inst, (uint16_t)(x->tag - TAG_STANDING), x, out);
        ask_standing(inst, (uint16_t)(x->tag - TAG_STANDING + 1), out);
    }
    return 0;
}

static const struct chan no_channels[] = {{0}};

extern const struct driver driver_generic_modbus;
const struct driver driver_generic_modbus = {
    .name = "generic-modbus",
    .title = "Any Modbus device, registers listed in the bench file",
    .status = DRIVER_EMULATED,
    .wire = WIRE_MODBUS,
    .baud = 9600,
    .timeout_ms = 1000,
    .gap_ms = 5,
    .late_ms = 1000,
    .chans = no_channels,
    .params = &params,
    .param_size = sizeof(struct modbus_param),
    .hazard = GENERIC_HAZARD,
    .chans_key = "rows",
    .make_chans = modbus_make_chans,
    .setup = modbus_setup,
    .plan_identify = modbus_plan_identify,
    .plan_safe = modbus_plan_safe,
    .absorb = modbus_absorb,
};
