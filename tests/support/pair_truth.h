/* tests/support/pair_truth.h - the world of a stage: what is true at each step of it. */
#ifndef TESTS_SUPPORT_PAIR_TRUTH_H
#define TESTS_SUPPORT_PAIR_TRUTH_H

#include "drivers/virtual/emu.h"

struct stage;

/* How far the world of this unit has come. */
double truth_step(int unit, uint32_t epoch);
void truth_at(const struct stage *s, enum port_kind kind, int unit, uint32_t epoch,
              struct port_sense *ret);
/* What the rows of tests/pairs/generic_modbus.yaml make of a step; NaN: another channel. */
double truth_box(const char *chan, double step);
/* The register box takes the step too. */
void truth_box_move(struct stage *s, int unit);

/* The doors of emu_env; world is the stage. */
void truth_takes(void *world, uint16_t port, nsec now, const struct port_drive *drive);
void truth_shows(void *world, uint16_t port, nsec now, struct port_sense *ret);
/* To a copy of the emulator: as the true one saw it last. */
void truth_remembered(void *world, uint16_t port, nsec now, struct port_sense *ret);

#endif
