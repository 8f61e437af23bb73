/* drivers/bus/recorder.c - the flight recorder: the last frames of a bus, both ways, cut to their
 * first bytes. */
#include "drivers/bus/bus_priv.h"

#include <string.h>

void frame_record(struct bus *b, nsec at, uint8_t inst, uint8_t direction, const uint8_t *p,
                  size_t n)
{
    struct bus_frame *f = &b->frame[b->frame_next % BUS_FRAMES_MAX];

    b->frame_next++;
    f->at = at;
    f->inst = inst;
    f->direction = direction;
    f->n = (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
    memcpy(f->bytes, p, n < BUS_FRAME_BYTES ? n : BUS_FRAME_BYTES);
}

const struct bus_frame *bus_frame_at(const struct bus *b, uint32_t i)
{
    uint32_t kept = b->frame_next < BUS_FRAMES_MAX ? b->frame_next : BUS_FRAMES_MAX;

    if (i >= kept)
        return NULL;
    return &b->frame[(b->frame_next - kept + i) % BUS_FRAMES_MAX];
}
