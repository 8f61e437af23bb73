/* drivers/virtual/ea_psb.h - what a bench may choose about a virtual EA PSB (emu_param.model). */
#ifndef DRIVERS_VIRTUAL_EA_PSB_H
#define DRIVERS_VIRTUAL_EA_PSB_H

/* Zero or NULL: the unit of the fact sheet, 60 V, 60 A, 1200 W. */
struct ea_psb_model {
    double nominal_v, nominal_a, nominal_w;
    const char *type; /* device type in registers 1..20 */
};

#endif
