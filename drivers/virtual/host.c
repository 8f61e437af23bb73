/* drivers/virtual/host.c - the memory host: pacing, and the faults of a line.
 *
 * Replies queue in the order in which they were made and never overlap: a late one holds up those
 * behind it, as a slow instrument or a stalled adapter does. Everything is a function of the calls;
 * the places of flipped bits and of cuts are drawn from the count of hits.
 */
#include "drivers/virtual/host.h"

#include "base/err.h"
#include "drivers/virtual/world.h"
#include "drivers/wire/modbus.h"

#include <string.h>

static const char *const fault_name[LINE_COUNT] = {
    [LINE_NONE] = "none",
    [LINE_LATE] = "late",
    [LINE_LOST] = "lost",
    [LINE_GARBLED] = "garbled",
    [LINE_DUPLICATED] = "duplicated",
    [LINE_SPLIT] = "split",
    [LINE_WRONG_UNIT] = "wrong-unit",
    [LINE_NOISE] = "noise",
    [LINE_DOWN] = "down",
};

const char *line_fault_name(enum line_fault f)
{
    ASSERT((unsigned)f < LINE_COUNT);
    return fault_name[f];
}

void host_init(struct host *h, struct host_wiring *w, nsec byte_ns)
{
    memset(h, 0, sizeof(*h));
    w->byte_ns = byte_ns;
    h->last_rx = -NSEC_S;
}

/* ---- Emulators ---- */

static void run_tick(struct host *h, const struct host_wiring *w, int i, nsec now,
                     struct emu_out *out)
{
    const struct emu *emu = w->emu[i];

    h->tick_at[i] = emu->tick ? emu->tick(h->state[i], &w->env[i], now, out) : NSEC_NEVER;
    ASSERT(h->tick_at[i] > now);
}

static int power_on(struct host *h, const struct host_wiring *w, int i, nsec now,
                    struct diag *reterr)
{
    memset(h->state[i], 0, sizeof(h->state[i]));
    h->tick_at[i] = w->emu[i]->tick ? now : NSEC_NEVER;
    return w->emu[i]->power_on(h->state[i], &w->param[i], &w->env[i], now, reterr);
}

int host_add(struct host *h, struct host_wiring *w, const struct emu *emu,
             const struct emu_param *param, void *world, uint64_t seed, nsec now,
             struct diag *reterr)
{
    int i = h->n_emus;
    int rc;

    if (i == HOST_EMUS_MAX)
        return E_FULL;
    ASSERT(emu->state_size <= EMU_STATE_MAX);
    w->emu[i] = emu;
    w->param[i] = *param;
    w->env[i].world = world;
    if (!w->env[i].drive) { /* the owner may have put its own world there */
        w->env[i].drive = world_drive;
        w->env[i].sense = world_sense;
    }
    w->env[i].rng = &h->rng[i];
    rng_seed(&h->rng[i], seed, (uint64_t)i);
    rc = power_on(h, w, i, now, reterr);
    if (rc != 0)
        return rc;
    h->n_emus++;
    return i;
}

void host_mind_fault(struct host *h, struct host_wiring *w, uint8_t emu, nsec now, enum emu_fault f,
                     bool on)
{
    ASSERT(emu < h->n_emus);
    if (f != FAULT_REBOOT) {
        w->emu[emu]->fault(h->state[emu], &w->env[emu], now, f, on);
    } else if (on) {
        int rc = power_on(h, w, emu, now, NULL);

        ASSERT(rc == 0); /* it did the same at host_add() */
        h->silent_until[emu] = now + w->emu[emu]->boot_ms * NSEC_MS;
    }
}

int host_hand(struct host *h, struct host_wiring *w, uint8_t emu, nsec now, uint32_t what,
              double value)
{
    ASSERT(emu < h->n_emus);
    if (!w->emu[emu]->hand)
        return E_UNSUPPORTED;
    w->emu[emu]->hand(h->state[emu], &w->env[emu], now, what, value);
    return 0;
}

/* Field by field: the state is compared byte for byte, and a copied struct brings its padding. */
void host_fault(struct host *h, const struct host_fault *fault)
{
    memset(&h->fault, 0, sizeof(h->fault));
    if (!fault)
        return;
    h->fault.kind = fault->kind;
    h->fault.emu = fault->emu;
    h->fault.left = fault->left;
    h->fault.late_by = fault->late_by;
}

/* ---- Replies on their way ---- */

/* Bytes are kept in a row; what has been delivered is cut off when the end is reached. What does
 * not fit is lost, as in a UART. */
static bool make_room(struct host *h, size_t n)
{
    uint16_t used = h->n_pieces > 0 ? h->piece[0].start : h->n_bytes;

    if (h->n_pieces == HOST_PIECES_MAX)
        return false;
    if (h->n_bytes + n <= HOST_BYTES_MAX)
        return true;
    memmove(h->bytes, h->bytes + used, (size_t)(h->n_bytes - used));
    h->n_bytes = (uint16_t)(h->n_bytes - used);
    for (int i = 0; i < h->n_pieces; i++)
        h->piece[i].start = (uint16_t)(h->piece[i].start - used);
    return h->n_bytes + n <= HOST_BYTES_MAX;
}

static void put_piece(struct host *h, const struct host_wiring *w, nsec leave, const uint8_t *p,
                      size_t n)
{
    struct host_piece *piece;

    if (n == 0 || !make_room(h, n))
        return;
    if (leave < h->line_free_at)
        leave = h->line_free_at;
    piece = &h->piece[h->n_pieces++];
    piece->first_at = leave + w->byte_ns;
    piece->at = leave + (nsec)n * w->byte_ns;
    piece->n = (uint16_t)n;
    piece->start = h->n_bytes;
    memcpy(h->bytes + h->n_bytes, p, n);
    h->n_bytes = (uint16_t)(h->n_bytes + n);
    h->line_free_at = piece->at;
}

/* ---- Line faults ---- */

static uint32_t draw(const struct host *h, uint32_t below)
{
    uint64_t x = (h->hits + 1) * UINT64_C(0x9E3779B97F4A7C15);

    return (uint32_t)((x >> 33) % below);
}

static bool fault_hits(struct host *h, int emu)
{
    struct host_fault *f = &h->fault;

    if (f->kind == LINE_NONE || f->left == 0 || (f->emu != 255 && f->emu != emu))
        return false;
    if (f->left != UINT32_MAX)
        f->left--;
    h->hits++;
    return true;
}

/* In text the top bit: a digit that turns into another digit cannot be noticed by anybody on a line
 * without check sum, and would only test the guards. */
static void flip_bit(const struct host *h, uint8_t *p, size_t n)
{
    bool text = true;
    uint32_t bit;

    for (size_t i = 0; i < n; i++)
        text = text && p[i] < 0x80 && (p[i] >= 0x20 || p[i] == '\r' || p[i] == '\n');
    bit = draw(h, (uint32_t)n * 8);
    p[bit / 8] ^= (uint8_t)(1U << (text ? 7 : bit % 8));
}

/* A Modbus reply and an Alicat's line begin with the address, ESPEC's acknowledgement has it behind
 * "OK:". */
static void other_unit(const struct host_wiring *w, int emu, uint8_t *p, size_t n)
{
    uint16_t unit = w->param[emu].unit;

    if (w->tcp && modbus_tcp_length(p, n) == (int)n && p[6] == unit) {
        p[6]++;
    } else if (!w->tcp && n <= MODBUS_ADU_MAX && p[0] == unit && modbus_rtu_intact(p, n)) {
        int rc;

        p[0]++;
        rc = modbus_rtu_wrap(p, n - 2, p, n);
        ASSERT(rc == (int)n);
    } else if (unit >= 'A' && unit <= 'Z' && p[0] == unit) {
        p[0] = (uint8_t)(unit == 'Z' ? 'A' : unit + 1);
    } else if (w->param[emu].addressed && n > 5 && memcmp(p, "OK:", 3) == 0 && p[3] >= '0' &&
               p[3] <= '9') {
        p[3] = (uint8_t)(p[3] == '9' ? '8' : p[3] + 1);
    }
}

/* What a glitch on an idle-high line is read as: zeros first, then ones. */
static size_t make_noise(const struct host *h, uint8_t *ret_noise)
{
    size_t n = 1 + draw(h, 4);

    for (size_t i = 0; i < n; i++)
        ret_noise[i] = (uint8_t)(0xFFU << ((h->hits + 3 * i) % 9));
    return n;
}

/* out: the whole reply of one emulator, out->piece[0] its first part. */
static void send_faulty(struct host *h, const struct host_wiring *w, int emu, struct emu_out *out)
{
    struct emu_piece *first = &out->piece[0];
    uint8_t *p = out->bytes + first->start;
    nsec late = h->fault.kind == LINE_LATE ? h->fault.late_by : 0;
    uint8_t garbage[4];
    uint16_t cut;
    int i = 0;

    switch ((enum line_fault)h->fault.kind) {
    case LINE_LOST:
    case LINE_DOWN: return;
    case LINE_GARBLED: flip_bit(h, p, first->n); break;
    case LINE_WRONG_UNIT: other_unit(w, emu, p, first->n); break;
    case LINE_NOISE: put_piece(h, w, first->at, garbage, make_noise(h, garbage)); break;
    case LINE_SPLIT:
        if (first->n < 2)
            break;
        cut = (uint16_t)(1 + draw(h, first->n - 1U));
        put_piece(h, w, first->at, p, cut);
        put_piece(h, w, h->line_free_at + h->fault.late_by, p + cut, (size_t)(first->n - cut));
        i = 1;
        break;
    case LINE_NONE:
    case LINE_LATE:
    case LINE_DUPLICATED:
    case LINE_COUNT: break;
    }
    for (; i < out->n_pieces; i++)
        put_piece(h, w, out->piece[i].at + late, out->bytes + out->piece[i].start, out->piece[i].n);
    if (h->fault.kind == LINE_DUPLICATED)
        put_piece(h, w, 0, out->bytes, out->n_bytes);
}

static void send_out(struct host *h, const struct host_wiring *w, int emu, struct emu_out *out)
{
    if (out->n_pieces == 0)
        return;
    if (h->fault.kind != LINE_NONE && fault_hits(h, emu)) {
        send_faulty(h, w, emu, out);
        return;
    }
    for (int i = 0; i < out->n_pieces; i++)
        put_piece(h, w, out->piece[i].at, out->bytes + out->piece[i].start, out->piece[i].n);
}

/* ---- Both ways ---- */

static bool is_down(const struct host *h)
{
    return h->fault.kind == LINE_DOWN && h->fault.left > 0;
}

void host_send(struct host *h, struct host_wiring *w, nsec now, const uint8_t *p, size_t n)
{
    nsec start = h->n_in > 0 && h->in_at > now ? h->in_at : now;

    if (is_down(h) || n > sizeof(h->in) - h->n_in)
        return;
    memcpy(h->in + h->n_in, p, n);
    h->n_in = (uint16_t)(h->n_in + n);
    h->in_at = start + (nsec)n * w->byte_ns;
}

void host_forget(struct host *h)
{
    h->n_pieces = 0;
    h->n_bytes = 0;
    h->last_rx -= 3600 * NSEC_S; /* what it had half sent is no part of the next one's first frame */
}

static void arrive(struct host *h, const struct host_wiring *w, nsec now)
{
    nsec idle = now - h->n_in * w->byte_ns - h->last_rx;
    size_t n = h->n_in;
    struct emu_out out;

    h->n_in = 0;
    h->last_rx = now;
    if (is_down(h))
        return;
    for (int i = 0; i < h->n_emus; i++) {
        if (now < h->silent_until[i])
            continue;
        out.n_bytes = out.n_pieces = 0;
        out.dropped = 0;
        w->emu[i]->bytes(h->state[i], &w->env[i], now, idle, h->in, n, &out);
        if (w->emu[i]->tick)
            run_tick(h, w, i, now, &out);
        send_out(h, w, i, &out);
    }
}

static void deliver(struct host *h, const struct host_wiring *w)
{
    struct host_piece piece = h->piece[0];

    if (!is_down(h))
        w->deliver(w->owner, piece.first_at, piece.at, h->bytes + piece.start, piece.n);
    h->n_pieces--;
    memmove(&h->piece[0], &h->piece[1], h->n_pieces * sizeof(h->piece[0]));
    if (h->n_pieces == 0)
        h->n_bytes = 0;
}

static int next_tick(const struct host *h)
{
    int best = -1;

    for (int i = 0; i < h->n_emus; i++) {
        if (h->tick_at[i] < NSEC_NEVER && (best < 0 || h->tick_at[i] < h->tick_at[best]))
            best = i;
    }
    return best;
}

nsec host_due(const struct host *h, const struct host_wiring *w)
{
    nsec due = NSEC_NEVER;

    (void)w;
    if (h->n_in > 0)
        due = h->in_at;
    if (h->n_pieces > 0 && h->piece[0].at < due)
        due = h->piece[0].at;
    for (int i = 0; i < h->n_emus; i++) {
        if (h->tick_at[i] < due)
            due = h->tick_at[i];
    }
    return due;
}

void host_work(struct host *h, struct host_wiring *w, nsec now)
{
    for (;;) {
        int tick = next_tick(h);
        nsec at = tick < 0 ? NSEC_NEVER : h->tick_at[tick];
        bool in_first = h->n_in > 0 && h->in_at <= at;

        if (in_first)
            at = h->in_at;
        if (h->n_pieces > 0 && h->piece[0].at <= at) {
            if (h->piece[0].at > now)
                return;
            deliver(h, w);
        } else if (at > now) {
            return;
        } else if (in_first) {
            arrive(h, w, at);
        } else {
            struct emu_out out;

            out.n_bytes = out.n_pieces = 0;
            out.dropped = 0;
            run_tick(h, w, tick, at, &out);
            send_out(h, w, tick, &out);
        }
    }
}
