/* drivers/generic_priv.h - what the generic drivers share: channels out of the bench file, their
 * unit, range and name. */
#ifndef DRIVERS_GENERIC_PRIV_H
#define DRIVERS_GENERIC_PRIV_H

#include "base/conf.h"
#include "drivers/driver.h"

/* The keys that a channel of either driver has. */
struct generic_conf {
    const char *name, *unit;
    const struct conf_node *min, *max, *resolution, *accuracy;
    bool poll;
};
/* clang-format off */
#define GENERIC_KEYS(s)                                                                          \
    {.name = "name", .type = CONF_NAME, .required = true, .offset = offsetof(s, g.name),         \
     .help = "what the channel is called: letters, digits, - and _"},                            \
    {.name = "unit", .type = CONF_TEXT, .offset = offsetof(s, g.unit),                           \
     .help = "of the number on the wire, times scale; absent: a plain number"},                  \
    {.name = "min", .type = CONF_NODE, .offset = offsetof(s, g.min),                             \
     .help = "least value; what is set needs it"},                                               \
    {.name = "max", .type = CONF_NODE, .offset = offsetof(s, g.max),                             \
     .help = "largest value; what is set needs it"},                                             \
    {.name = "resolution", .type = CONF_NODE, .offset = offsetof(s, g.resolution),               \
     .help = "one step; half of it is the tolerance of a read-back"},                            \
    {.name = "accuracy", .type = CONF_NODE, .offset = offsetof(s, g.accuracy),                   \
     .help = "largest error of a reading"},                                                      \
    {.name = "poll", .type = CONF_BOOL, .offset = offsetof(s, g.poll),                           \
     .help = "no: the poll leaves it out"}
/* clang-format on */

/* Unit of a channel: si = number * scale + offset. */
struct generic_unit {
    double scale, offset;
    struct dims dims;
};

/* What the bench file wrote, for messages: caret on a key's value, or on the whole entry. */
const struct diag_pos *generic_pos(const struct conf_node *entry, const char *key);

/* Name, kind and unit of a new channel of inst; it is counted in inst->n_chans by the caller. 0, or
 * a finding. */
int generic_begin(const struct inst *inst, const struct conf_node *entry,
                  const struct generic_conf *g, struct chan *ret_chan,
                  struct generic_unit *ret_unit, struct diag *reterr) MUST_USE;
/* Range, step and accuracy. What the wire can hold stands in chan->min and max already; what is
 * set must have both ends written, unless it is a switch or a state. */
int generic_finish(const struct conf_node *entry, const struct generic_conf *g, struct chan *chan,
                   struct diag *reterr) MUST_USE;
/* A value of this channel: a quantity, a state's name, or on and off of a switch. */
int generic_value(const struct conf_node *node, const struct chan *chan, double *ret_value,
                  struct diag *reterr) MUST_USE;
/* The list, or the list under its own key in a file of its own. NULL with a finding when it is
 * neither, empty or too long. */
const struct conf_node *generic_list(const struct conf_node *node, const char *key,
                                     struct diag *reterr);

/* The hazard card: what can be said of a device that the driver does not know. */
/* clang-format off */
#define GENERIC_HAZARD                                                                           \
    {                                                                                            \
        "as the device does, the driver knows nothing of it: prove it first",                    \
        "as the device does; a restart is known only by what it no longer holds",                \
        "as the device does; a hand at the panel is known only where the channel is read",       \
        "the `off` of its channels in the order of the file, each read back",                    \
        "min and max of the bench file, kept by the program alone",                              \
        "none that the driver knows of",                                                         \
    }
/* clang-format on */

#endif
