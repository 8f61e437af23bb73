/* drivers/generic_modbus_priv.h - between the two files of generic-modbus: what is made of the
 * bench file (generic_modbus_rows.c), and the driver itself (generic_modbus.c). */
#ifndef DRIVERS_GENERIC_MODBUS_PRIV_H
#define DRIVERS_GENERIC_MODBUS_PRIV_H

#include "drivers/generic_priv.h"

enum {
    OFFS_MAX = PLAN_XFERS_MAX / 2, /* written and read back */
    WORDS_MAX = 16                 /* compared at identify */
};

/* What is asked at identify. */
struct probe {
    uint8_t function;
    uint16_t addr, n; /* coils or registers */
    uint16_t n_words; /* compared, from the first */
    uint16_t word[WORDS_MAX];
};

struct off {
    uint16_t chan;
    double value;
};

struct modbus_param {
    int32_t word_order;     /* index into modbus_order_names, of rows that do not say */
    int32_t registers_from; /* number of the first register in the sheet, 0 or 1 */
    const struct conf_node *rows, *identify;
    const struct probe *probe; /* from here on: made from the rows */
    uint16_t n_rows, n_off;
    struct off off[OFFS_MAX];
};

extern const char *const modbus_order_names[];

int modbus_make_chans(struct inst *inst, void *param, const struct conf_node *node,
                      struct conf_doc *doc, struct diag *reterr) MUST_USE;

#endif
