/* drivers/registry.c - the drivers that this house has, by name. */
#include "drivers/driver.h"

#include <string.h>

extern const struct driver driver_alicat_pcd;
extern const struct driver driver_ea_psb;
extern const struct driver driver_espec_p300;
extern const struct driver driver_generic_modbus;
extern const struct driver driver_generic_scpi;
extern const struct driver driver_keithley_2461;
extern const struct driver driver_keysight_daq970a;
extern const struct driver driver_pavone_dat1400;

const struct driver *const drivers_all[] = {
    &driver_alicat_pcd,
    &driver_ea_psb,
    &driver_espec_p300,
    &driver_generic_modbus,
    &driver_generic_scpi,
    &driver_keithley_2461,
    &driver_keysight_daq970a,
    &driver_pavone_dat1400,
    NULL,
};

const struct driver *driver_find(const char *name)
{
    for (const struct driver *const *d = drivers_all; *d != NULL; d++)
        if (strcmp((*d)->name, name) == 0)
            return *d;
    return NULL;
}
