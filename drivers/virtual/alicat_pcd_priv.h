/* drivers/virtual/alicat_pcd_priv.h - the pages by which an Alicat describes itself: many lines,
 * one reply. */
#ifndef DRIVERS_VIRTUAL_ALICAT_PCD_PRIV_H
#define DRIVERS_VIRTUAL_ALICAT_PCD_PRIV_H

#include "drivers/virtual/emu.h"

#include <stdbool.h>

/* Answers to the M* and D* queries of unit `unit`, without the last CR; absolute: the PSIA sibling.
 */
void alicat_put_maker(struct emu_reply *, char unit, bool absolute);
void alicat_put_fields(struct emu_reply *, char unit, bool absolute);

#endif
