/* drivers/virtual/emu.c - what all emulators share: the reply queue, text replies, the names of the
 * faults. */
#include "drivers/virtual/emu.h"

#include "base/str.h"

#include <string.h>

void emu_send(struct emu_out *out, nsec at, const void *bytes, size_t n)
{
    size_t room = (size_t)EMU_OUT_BYTES_MAX - out->n_bytes;
    size_t kept = n < room ? n : room;

    if (n == 0)
        return;
    if (out->n_pieces == EMU_OUT_PIECES_MAX)
        kept = 0;
    out->dropped += (uint32_t)(n - kept);
    if (kept == 0)
        return;
    out->piece[out->n_pieces] =
        (struct emu_piece){.at = at, .start = out->n_bytes, .n = (uint16_t)kept};
    out->n_pieces++;
    memcpy(out->bytes + out->n_bytes, bytes, kept);
    out->n_bytes = (uint16_t)(out->n_bytes + kept);
}

void emu_put(struct emu_reply *r, const char *text)
{
    size_t n = strlen(text), room = sizeof(r->text) - 2 - r->n;

    if (n > room)
        n = room;
    memcpy(r->text + r->n, text, n);
    r->n += n;
}

void emu_put_char(struct emu_reply *r, char c)
{
    if (r->n < sizeof(r->text) - 2)
        r->text[r->n++] = c;
}

void emu_put_fixed(struct emu_reply *r, double v, int decimals)
{
    char buf[40];

    (void)str_fixed(v, decimals, 0, false, false, buf, sizeof(buf));
    emu_put(r, buf);
}

void emu_reply_send(struct emu_reply *r, struct emu_out *out, nsec at, const char *terminator)
{
    if (r->n == 0)
        return;
    for (size_t i = 0; terminator[i] != '\0' && r->n < sizeof(r->text); i++)
        r->text[r->n++] = terminator[i];
    emu_send(out, at, r->text, r->n);
}

const char *emu_fault_name(enum emu_fault f)
{
    static const char *const names[FAULT_COUNT] = {
        [FAULT_NONE] = "none",
        [FAULT_SILENT_IGNORE] = "silent-ignore",
        [FAULT_STUCK] = "stuck",
        [FAULT_SENSOR_OPEN] = "sensor-open",
        [FAULT_REFUSE] = "refuse",
        [FAULT_LOCAL] = "local",
        [FAULT_REBOOT] = "reboot",
        [FAULT_ALARM] = "alarm",
        [FAULT_WRONG_MODEL] = "wrong-model",
    };

    return (unsigned)f < FAULT_COUNT ? names[f] : "unknown";
}
