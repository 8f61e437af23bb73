/* tests/support/daq_fixture.h - the DAQ970A emulator, its channels on ports that the test sets, and
 * time that goes on as the host would have it. */
#ifndef TESTS_SUPPORT_DAQ_FIXTURE_H
#define TESTS_SUPPORT_DAQ_FIXTURE_H

#include "drivers/virtual/keysight_daq970a.h"
#include "tests/support/emu_rig.h"

/* 101..106 on ports 1..6: leads on voltages of 3.61 V, 3.62 V ...; 107..109 on 11..13:
 * thermocouples K, K, J; 201 on 14 an RTD, 202 on 15 a thermistor: at 31 degC, 32 degC ... */
enum {
    PORTS = 20
};
extern struct emu_rig r;
extern struct port_sense at_port[PORTS];
extern unsigned n_sensed;
extern struct keysight_daq970a_model model;

void begin(void); /* an ideal one */
void begin_with(struct emu_error error);
/* Ticks at the instants asked for, up to `until`. */
void run(nsec until);
/* Says it, and lets time pass until a whole reply has come or `s` seconds are over. */
const char *ask(const char *text, double s);
int count_of(const char *text, char c);
double nth(const char *list, int k);

#define GIVES(text, reply) ck_assert_str_eq(ask(text, 100.0), reply)
#define NO_ERROR()         SAYS(&r, "SYST:ERR?\n", "+0,\"No error\"\n")
#define ERROR(code, words) SAYS(&r, "SYST:ERR?\n", code ",\"" words "\"\n")

#endif
