/* tests/emu/serve_one.c - serves single emulators on a small world to foreign programs:
 *
 *   serve_one NAME UNIT rtu|tcp|rtu-tcp|scpi [NAME UNIT FRAMES] ...
 *
 * One line of output for each: what a client opens. rtu is a pty at 9600 baud, the others are TCP.
 * Ends at SIGTERM, and by itself after two minutes, so that nothing is left behind. */
#include "base/attr.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/str.h"
#include "drivers/virtual/generic_modbus.h"
#include "drivers/virtual/serve.h"
#include "drivers/virtual/world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* 3.7001 in both word orders, 123456789, -2 as 32 bits, and things to read only. */
static const struct box_preset presets[] = {
    {BOX_HOLDING,        10, 0x406C},
    {BOX_HOLDING,        11, 0xCE70},
    {BOX_HOLDING,        12, 0xCE70},
    {BOX_HOLDING,        13, 0x406C},
    {BOX_HOLDING,        14, 0x075B},
    {BOX_HOLDING,        15, 0xCD15},
    {BOX_HOLDING,        16, 0xFFFF},
    {BOX_HOLDING,        17, 0xFFFE},
    {BOX_INPUT_REGISTER, 3,  1234  },
    {BOX_INPUT_REGISTER, 4,  65535 },
    {BOX_INPUT,          1,  0     },
    {BOX_INPUT,          6,  0     },
};
static const struct generic_modbus_model box = {.preset = presets, .n_presets = ARRAY_LEN(presets)};

static struct serve serve;
static struct host hosts[SERVE_LINES_MAX];
static struct host_wiring wirings[SERVE_LINES_MAX];
static struct world world;
static volatile int stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int add(unsigned line, const char *name, const char *unit, const char *frames,
               struct diag *diag)
{
    const struct emu *emu = emu_find(name);
    struct emu_param p = {.tcp = strcmp(frames, "tcp") == 0, .error = {.ideal = true}};
    bool pty = strcmp(frames, "rtu") == 0;
    int64_t address = 0;
    int rc;

    if (!emu || str_to_int(unit, strlen(unit), &address) != 0 || address < 0 || address > 255)
        return diag_add(diag, -1, "no emulator %s with unit %s", name, unit);
    p.unit = (uint16_t)address;
    p.model = strcmp(name, "generic-modbus") == 0 ? &box : NULL;
    p.n_ports = emu->n_ports;
    for (unsigned i = 0; i < emu->n_ports; i++)
        p.ports[i] = (uint16_t)world_add_port(&world, emu->ports[i], 0);
    serve.line[line].host = &hosts[line];
    serve.line[line].wiring = &wirings[line];
    serve.line[line].tcp = !pty;
    wirings[line].tcp = p.tcp;
    host_init(&hosts[line], &wirings[line], pty ? 10 * NSEC_S / 9600 : 0);
    rc = host_add(&hosts[line], &wirings[line], emu, &p, &world, 1, 0, diag);
    if (rc < 0)
        return rc;
    rc = serve_open(&serve, line, diag);
    if (rc == 0)
        (void)printf("%s\n", serve.line[line].uri);
    return rc;
}

int main(int argc, char **argv)
{
    struct sigaction act = {.sa_handler = on_signal};
    struct diag diag;
    struct clock clock;
    char text[1024];
    int rc = 0;

    diag_init(&diag);
    clock_init_os(&clock);
    serve.origin = clock.mono;
    serve.stop = &stop;
    (void)sigaction(SIGTERM, &act, NULL);
    world_init(&world, 333.15);
    if (world_add_chamber(&world, NULL, 333.15) < 0 || world_add_station(&world, 0) < 0)
        return 1;
    world_put_assb(&world, 0, NULL);
    world_put_press(&world, 0, NULL);
    for (int i = 1; i + 2 < argc && i / 3 < SERVE_LINES_MAX && rc == 0; i += 3)
        rc = add((unsigned)(i / 3), argv[i], argv[i + 1], argv[i + 2], &diag);
    if (rc == 0 && fflush(stdout) == 0)
        rc = serve_work(&serve, 120.0, &diag);
    serve_close(&serve);
    if (rc != 0) {
        (void)diag_format(&diag, text, sizeof text, false);
        (void)fputs(text, stderr);
    }
    return rc == 0 ? 0 : 1;
}
