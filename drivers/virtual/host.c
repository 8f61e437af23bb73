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
    [LINE_WRONG_FUNCTION] = "wrong-function",
    [LINE_WRONG_LENGTH] = "wrong-length",
    [LINE_CUT] = "cut",
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
    h->fault.also = fault->also;
    h->fault.salt = fault->salt;
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

static bool befalls(const struct host_fault *f, enum line_fault kind)
{
    return f->kind == kind || (f->also >> kind & 1U) != 0;
}

static uint32_t draw(const struct host *h, uint32_t below)
{
    uint64_t x = (h->hits + h->fault.salt + 1) * UINT64_C(0x9E3779B97F4A7C15);

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

static bool is_modbus_tcp(const struct host_wiring *w, int emu, const uint8_t *p, size_t n)
{
    return w->tcp && modbus_tcp_length(p, n) == (int)n && p[6] == w->param[emu].unit;
}

static bool is_modbus_rtu(const struct host_wiring *w, int emu, const uint8_t *p, size_t n)
{
    return !w->tcp && n <= MODBUS_ADU_MAX && p[0] == w->param[emu].unit && modbus_rtu_intact(p, n);
}

static void seal_rtu(uint8_t *p, size_t n)
{
    int rc = modbus_rtu_wrap(p, n - 2, p, n);

    ASSERT(rc == (int)n);
}

/* A Modbus reply and an Alicat's line begin with the address, ESPEC's acknowledgement has it behind
 * "OK:". */
static void other_unit(const struct host_wiring *w, int emu, uint8_t *p, size_t n)
{
    uint16_t unit = w->param[emu].unit;

    if (is_modbus_tcp(w, emu, p, n)) {
        p[6]++;
    } else if (is_modbus_rtu(w, emu, p, n)) {
        p[0]++;
        seal_rtu(p, n);
    } else if (unit >= 'A' && unit <= 'Z' && p[0] == unit) {
        p[0] = (uint8_t)(unit == 'Z' ? 'A' : unit + 1);
    } else if (w->param[emu].addressed && n > 5 && memcmp(p, "OK:", 3) == 0 && p[3] >= '0' &&
               p[3] <= '9') {
        p[3] = (uint8_t)(p[3] == '9' ? '8' : p[3] + 1);
    }
}

/* Holding registers for input registers, inputs for coils, one register for many. */
static void other_function(const struct host_wiring *w, int emu, uint8_t *p, size_t n)
{
    static const uint8_t other[24] = {0, 2, 1, 4, 3, 6, 5, [15] = 16, [16] = 15, [22] = 6, [23] = 3};
    bool tcp = is_modbus_tcp(w, emu, p, n);
    size_t at = tcp ? 7 : 1;

    if ((!tcp && !is_modbus_rtu(w, emu, p, n)) || (p[at] & 0x7F) >= sizeof(other))
        return;
    p[at] = (uint8_t)((p[at] & 0x80) | other[p[at] & 0x7F]);
    if (!tcp)
        seal_rtu(p, n);
}

/* One byte of zero is put at the end of the message, and the counts go with it: that of a read as
 * that of TCP's header. Returns the new length. */
static uint16_t other_length(const struct host_wiring *w, int emu, uint8_t *p, uint16_t n)
{
    bool tcp = is_modbus_tcp(w, emu, p, n);
    uint8_t *fn = p + (tcp ? 7 : 1);
    bool counted = (*fn >= 1 && *fn <= 4) || *fn == 23;

    if ((!tcp && !is_modbus_rtu(w, emu, p, n)) || n >= MODBUS_ADU_MAX || (counted && fn[1] == 255))
        return n;
    fn[1] = (uint8_t)(fn[1] + counted);
    p[n - (tcp ? 0 : 2)] = 0;
    n++;
    if (tcp)
        modbus_put_u16(p + 4, (uint16_t)(n - 6));
    else
        seal_rtu(p, n);
    return n;
}

/* What a glitch on an idle-high line is read as: zeros first, then ones. */
static size_t make_noise(const struct host *h, uint8_t *ret_noise)
{
    size_t n = 1 + draw(h, 4);

    for (size_t i = 0; i < n; i++)
        ret_noise[i] = (uint8_t)(0xFFU << ((h->hits + 3 * i) % 9));
    return n;
}

/* What is wrong with the bytes themselves; n may become one more or any less. */
static uint16_t spoil(const struct host *h, const struct host_wiring *w, int emu, uint8_t *p,
                      uint16_t n)
{
    const struct host_fault *f = &h->fault;

    if (befalls(f, LINE_WRONG_UNIT))
        other_unit(w, emu, p, n);
    if (befalls(f, LINE_WRONG_FUNCTION))
        other_function(w, emu, p, n);
    if (befalls(f, LINE_WRONG_LENGTH))
        n = other_length(w, emu, p, n);
    if (befalls(f, LINE_GARBLED))
        flip_bit(h, p, n);
    return befalls(f, LINE_CUT) ? (uint16_t)draw(h, n) : n;
}

/* The first part of a reply, in two where it is split. */
static void send_first(struct host *h, const struct host_wiring *w, nsec at, const uint8_t *p,
                       uint16_t n)
{
    uint16_t first = n;

    if (befalls(&h->fault, LINE_SPLIT) && n >= 2)
        first = (uint16_t)(1 + draw(h, n - 1U));
    put_piece(h, w, at, p, first);
    put_piece(h, w, h->line_free_at + h->fault.late_by, p + first, (size_t)(n - first));
}

/* out: the whole reply of one emulator, out->piece[0] its first part. */
static void send_faulty(struct host *h, const struct host_wiring *w, int emu, struct emu_out *out)
{
    const struct host_fault *f = &h->fault;
    const struct emu_piece *first = &out->piece[0];
    nsec late = befalls(f, LINE_LATE) ? f->late_by : 0;
    bool cut = befalls(f, LINE_CUT), doubled = befalls(f, LINE_DUPLICATED);
    uint8_t garbage[4], reply[EMU_OUT_BYTES_MAX + 1];
    uint16_t n;

    if (befalls(f, LINE_LOST) || f->kind == LINE_DOWN)
        return;
    memcpy(reply, out->bytes + first->start, first->n);
    n = spoil(h, w, emu, reply, first->n);
    if (befalls(f, LINE_NOISE))
        put_piece(h, w, first->at + late, garbage, make_noise(h, garbage));
    send_first(h, w, first->at + late, reply, n);
    for (int i = 1; i < out->n_pieces && !cut; i++)
        put_piece(h, w, out->piece[i].at + late, out->bytes + out->piece[i].start, out->piece[i].n);
    if (!doubled)
        return;
    put_piece(h, w, 0, reply, n);
    for (int i = 1; i < out->n_pieces && !cut; i++)
        put_piece(h, w, 0, out->bytes + out->piece[i].start, out->piece[i].n);
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
