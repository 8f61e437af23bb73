/* drivers/virtual/registry.c - the emulators there are, by name. A new one is one line here. */
#include "drivers/virtual/emu.h"

#include <string.h>

extern const struct emu emu_alicat_pcd, emu_ea_psb, emu_espec_p300, emu_generic_modbus,
    emu_generic_scpi, emu_keithley_2461, emu_keysight_daq970a, emu_pavone_dat1400;

const struct emu *const emus_all[] = {
    &emu_alicat_pcd,       &emu_ea_psb,         &emu_espec_p300,
    &emu_generic_modbus,   &emu_generic_scpi,   &emu_keithley_2461,
    &emu_keysight_daq970a, &emu_pavone_dat1400, NULL,
};

const struct emu *emu_find(const char *name)
{
    for (size_t i = 0; emus_all[i] != NULL; i++)
        if (strcmp(emus_all[i]->name, name) == 0)
            return emus_all[i];
    return NULL;
}
