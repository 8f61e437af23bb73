/* tests/support/daq_fixture.c - the DAQ970A emulator on ports that the test sets. */
#include "tests/support/daq_fixture.h"

#include "base/attr.h"

#include <check.h>
#include <string.h>

struct emu_rig r;
struct port_sense at_port[PORTS];
unsigned n_sensed;

static void daq_sense(void *world, uint16_t port, nsec now, struct port_sense *ret_sense)
{
    ck_assert_ptr_eq(world, &r);
    ck_assert_uint_lt(port, PORTS);
    ck_assert_int_eq(now, r.now);
    n_sensed++;
    *ret_sense = at_port[port];
}

static const struct daq_wire wires[] = {
    {101, 1,  DAQ_LEADS,        0  },
    {102, 2,  DAQ_LEADS,        0  },
    {103, 3,  DAQ_LEADS,        0  },
    {104, 4,  DAQ_LEADS,        0  },
    {105, 5,  DAQ_LEADS,        0  },
    {106, 6,  DAQ_LEADS,        0  },
    {107, 11, DAQ_THERMOCOUPLE, 'K'},
    {108, 12, DAQ_THERMOCOUPLE, 'K'},
    {109, 13, DAQ_THERMOCOUPLE, 'J'},
    {201, 14, DAQ_RTD,          0  },
    {202, 15, DAQ_THERMISTOR,   0  },
};
struct keysight_daq970a_model model;

void begin_with(struct emu_error error)
{
    emu_rig_begin(&r, "keysight-daq970a", 0, false, emu_rig_ideal);
    r.env.sense = daq_sense;
    r.param.error = error;
    r.param.model = &model;
    emu_rig_power(&r);
    n_sensed = 0;
    for (int i = 0; i < PORTS; i++)
        at_port[i] = (struct port_sense){.value = i < 10 ? 3.6 + 0.01 * i : 293.15 + i};
}

void begin(void)
{
    model = (struct keysight_daq970a_model){.wire = wires, .n_wires = ARRAY_LEN(wires)};
    begin_with(emu_rig_ideal);
}

void run(nsec until)
{
    for (;;) {
        nsec next = r.emu->tick(r.state, &r.env, r.now, &r.out);

        ck_assert_int_gt(next, r.now);
        if (next > until)
            break;
        r.now = next;
    }
    r.now = until;
}

const char *ask(const char *text, double s)
{
    nsec until = r.now + nsec_from_s(s);

    emu_rig_bytes(&r, NSEC_S, text, strlen(text));
    while (r.out.n_bytes == 0 || r.out.bytes[r.out.n_bytes - 1] != '\n') {
        nsec next = r.emu->tick(r.state, &r.env, r.now, &r.out);

        if (next > until)
            break;
        r.now = next;
    }
    return emu_rig_collect(&r);
}

int count_of(const char *text, char c)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

double nth(const char *list, int k)
{
    for (; k > 0; k--)
        list = strchr(list, ',') + 1;
    return emu_rig_number(list);
}
