/* tests/support/dialogue.c - a driver of all Modbus functions, and a peer that knows the truth. */
#include "tests/support/dialogue.h"

#include "drivers/wire/modbus.h"

#include <check.h>
#include <string.h>

enum {
    TAG_ID,
    TAG_ASK
};

static const uint8_t functions[DLG_KINDS] = {1, 2, 3, 4, 5, 6, 15, 16, 22, 23};

/* The driver is a const table; what it needs of its dialogue it finds here. */
static struct dlg *current;

/* ---- The driver ---- */

#define CHAN(n)                                                                                   \
    {                                                                                             \
        .name = n, .kind = KIND_FRACTION, .access = CHAN_SET, .min = 0, .max = 1, .resolution = 1 \
    }
static const struct chan chans[] = {
    CHAN("coils"), CHAN("inputs"),     CHAN("holding"),    CHAN("input-registers"),
    CHAN("coil"),  CHAN("register"),   CHAN("many-coils"), CHAN("many-registers"),
    CHAN("mask"),  CHAN("read-write"), {.name = NULL},
};

static int plan_identify(const struct inst *inst, struct plan *plan)
{
    plan_modbus_read(plan, inst, TAG_ID, 100, 3)->timeout_ms = current->timeout_ms;
    return 0;
}

/* Each plan has another number in it, so that no two requests are alike. */
static int plan_set(const struct inst *inst, uint16_t chan, double value, struct plan *plan)
{
    struct xfer *x = plan_add(plan, TAG_ASK);
    uint16_t n = (uint16_t)++current->n_plans;
    uint8_t *tx = x->tx;

    (void)value;
    x->chan = chan;
    x->retry = RETRY_FREELY;
    x->timeout_ms = current->timeout_ms;
    tx[0] = (uint8_t)inst->unit;
    tx[1] = functions[chan];
    modbus_put_u16(tx + 2, n);
    x->tx_len = 6;
    switch (functions[chan]) {
    case 1:
    case 2: modbus_put_u16(tx + 4, 16); break;
    case 3:
    case 4: modbus_put_u16(tx + 4, 2); break;
    case 5: modbus_put_u16(tx + 4, 0xFF00); break;
    case 6: modbus_put_u16(tx + 4, (uint16_t)~n); break;
    case 15:
        modbus_put_u16(tx + 4, 16);
        tx[6] = 2;
        modbus_put_u16(tx + 7, n);
        x->tx_len = 9;
        break;
    case 16:
        modbus_put_u16(tx + 4, 2);
        tx[6] = 4;
        modbus_put_u16(tx + 7, n);
        modbus_put_u16(tx + 9, n);
        x->tx_len = 11;
        break;
    case 22:
        modbus_put_u16(tx + 4, 0xF0F0);
        modbus_put_u16(tx + 6, n);
        x->tx_len = 8;
        break;
    default:
        modbus_put_u16(tx + 4, 4);
        modbus_put_u16(tx + 6, n);
        modbus_put_u16(tx + 8, 1);
        tx[10] = 2;
        modbus_put_u16(tx + 11, n);
        x->tx_len = 13;
        break;
    }
    return 0;
}

static int absorb(struct inst *inst, const struct xfer *x, struct outcome *out)
{
    struct dlg *d = current;

    (void)inst;
    if (x->outcome == XFER_REPLY) {
        d->n_replies++;
        DLG_CHECK(!d->truth_is_exception);
        DLG_CHECK(x->rx_len == d->n_truth && memcmp(x->rx, d->truth, d->n_truth) == 0);
    } else if (x->outcome == XFER_REFUSED) {
        d->n_refusals++;
        DLG_CHECK(d->truth_is_exception);
        DLG_CHECK(x->refusal == d->truth[2]);
        DLG_CHECK(x->tag == TAG_ASK);
        driver_notice(out, NOTICE_SET_REFUSED, x->chan, x->refusal, "exception");
        return 0;
    } else {
        return 0;
    }
    if (x->tag == TAG_ID)
        driver_notice(out, NOTICE_IDENTIFIED, 0, 0, "all functions");
    else
        driver_notice(out, NOTICE_SET_DONE, x->chan, 0, "");
    return 0;
}

const struct driver dlg_driver = {
    .name = "dialogue",
    .title = "all functions",
    .role = "none",
    .wire = WIRE_MODBUS,
    .timeout_ms = DLG_TIMEOUT_MS,
    .gap_ms = 2,
    .late_ms = DLG_LATE_MS,
    .chans = chans,
    .plan_identify = plan_identify,
    .plan_set = plan_set,
    .absorb = absorb,
};

/* ---- The peer: truth ---- */

size_t dlg_answer(const uint8_t *request, size_t n, uint32_t serial, bool exception,
                  uint8_t *ret_msg)
{
    uint16_t word = (uint16_t)(serial * 0x9E37);

    if (exception)
        return modbus_exception(request[0], request[1], (uint8_t)(1 + serial % 11), ret_msg);
    DLG_CHECK(n >= 6);
    memcpy(ret_msg, request, 2);
    switch (request[1]) {
    case 1:
    case 2:
        ret_msg[2] = 2;
        modbus_put_u16(ret_msg + 3, word);
        return 5;
    case 3:
    case 4:
    case 23:
        ret_msg[2] = (uint8_t)(2 * modbus_get_u16(request + 4));
        for (size_t i = 0; i < ret_msg[2]; i += 2)
            modbus_put_u16(ret_msg + 3 + i, (uint16_t)(word + i));
        return 3 + (size_t)ret_msg[2];
    case 22: memcpy(ret_msg, request, 8); return 8;
    default: memcpy(ret_msg, request, 6); return 6;
    }
}

size_t dlg_wrap(const struct dlg *d, const struct dlg_message *m, uint8_t *ret_frame)
{
    int n;

    if (d->framing != DLG_TCP) {
        n = modbus_rtu_wrap(m->msg, m->n, ret_frame, DLG_FRAME_MAX);
        DLG_CHECK(n > 0);
        if (m->crc_wrong)
            ret_frame[n - 1] ^= 0x01;
        return (size_t)n;
    }
    n = modbus_tcp_wrap(m->transaction, m->msg, m->n, ret_frame, DLG_FRAME_MAX);
    DLG_CHECK(n > 0);
    modbus_put_u16(ret_frame + 2, m->protocol);
    modbus_put_u16(ret_frame + 4, (uint16_t)(m->n + m->length_off));
    return (size_t)n;
}

size_t dlg_frame_length(const struct dlg *d, int kind, bool exception)
{
    static const uint8_t lengths[DLG_KINDS] = {5, 5, 7, 7, 6, 6, 6, 6, 8, 11};

    return (exception ? 3U : lengths[kind]) + (d->framing == DLG_TCP ? 6U : 2U);
}

/* ---- The peer: bytes on their way ---- */

static void put_piece(struct dlg *d, nsec leave, const uint8_t *p, size_t n)
{
    struct dlg_piece *piece = &d->piece[d->n_pieces];

    if (n == 0)
        return;
    DLG_CHECK(d->n_pieces < DLG_PIECES_MAX);
    DLG_CHECK(n <= sizeof(piece->bytes));
    d->n_pieces++;
    if (leave < d->line_free_at)
        leave = d->line_free_at;
    piece->first_at = leave + d->w.byte_ns;
    piece->at = leave + (nsec)n * d->w.byte_ns;
    piece->n = n;
    memcpy(piece->bytes, p, n);
    d->line_free_at = piece->at;
}

static void put_parts(struct dlg *d, const struct dlg_fault *f, nsec leave, const uint8_t *p,
                      size_t n)
{
    size_t first = f->bytewise ? 1 : f->cut;

    if (first == 0 || first >= n) {
        put_piece(d, leave, p, n);
        return;
    }
    put_piece(d, leave, p, first);
    for (size_t at = first; at < n;) {
        size_t some = f->bytewise ? 1 : n - at;

        put_piece(d, d->line_free_at + f->pause, p + at, some);
        at += some;
    }
}

static bool is_same(const struct dlg_message *a, const struct dlg_message *b)
{
    return a->n == b->n && memcmp(a->msg, b->msg, a->n) == 0 && a->transaction == b->transaction &&
           a->length_off == b->length_off && a->protocol == b->protocol &&
           a->crc_wrong == b->crc_wrong;
}

/* All that leaves for one request, in one row of bytes. */
static size_t spoil(struct dlg *d, const struct dlg_fault *f, const struct dlg_message *m,
                    uint8_t *ret_bytes)
{
    struct dlg_message wrong = *m;
    size_t n = 0;

    if (f->edit) {
        f->edit(&wrong, f->how);
        n = dlg_wrap(d, &wrong, ret_bytes);
        d->n_spoilt += !is_same(m, &wrong);
        if (!f->edit_first)
            return n;
    }
    n += dlg_wrap(d, m, ret_bytes + n);
    if (f->flip_mask && f->flip_at < n)
        ret_bytes[f->flip_at] ^= f->flip_mask;
    if (f->doubled) {
        memcpy(ret_bytes + n, ret_bytes, n);
        n *= 2;
    }
    return f->keep > 0 && f->keep < n ? f->keep : n;
}

static void peer_serve(struct dlg *d, nsec arrived, const uint8_t *request, size_t n,
                       uint16_t transaction)
{
    struct dlg_fault f = {.left = 0};
    struct dlg_message m = {.transaction = transaction};
    uint8_t bytes[2 * DLG_FRAME_MAX];
    size_t n_bytes = d->n_held;
    bool identify = request[1] == 3 && modbus_get_u16(request + 4) == 3;

    if (d->fault.left > 0 && (!identify || d->fault.identify)) {
        d->fault.left--;
        f = d->fault;
    }
    d->n_requests++;
    /* Who it is does not change. */
    m.n = dlg_answer(request, n, identify ? 0 : d->n_requests, f.exception, m.msg);
    memcpy(d->truth, m.msg, m.n);
    d->n_truth = m.n;
    d->truth_is_exception = f.exception;
    if (f.held) {
        d->n_held = dlg_wrap(d, &m, d->held);
        return;
    }
    memcpy(bytes, d->held, d->n_held);
    d->n_held = 0;
    n_bytes += spoil(d, &f, &m, bytes + n_bytes);
    put_parts(d, &f, arrived + d->think + f.late_by, bytes, n_bytes);
}

void dlg_serve(struct dlg *d, nsec arrived, const uint8_t *p, size_t n)
{
    if (d->framing == DLG_TCP) {
        DLG_CHECK(modbus_tcp_length(p, n) == (int)n);
        peer_serve(d, arrived, p + 6, n - 6, modbus_get_u16(p));
    } else {
        DLG_CHECK(modbus_rtu_request_length(p, n) == (int)n);
        DLG_CHECK(modbus_rtu_intact(p, n));
        peer_serve(d, arrived, p, n - 2, 0);
    }
}

static int on_send(void *link, nsec now, const uint8_t *p, size_t n)
{
    struct dlg *d = link;

    dlg_serve(d, now + (nsec)n * d->w.byte_ns, p, n);
    return 0;
}

/* ---- The owner ---- */

static void on_report(void *owner, const struct bus_report *report)
{
    struct dlg *d = owner;

    if (report->kind == BUS_INST_LOST)
        d->n_lost++;
    if (report->kind != BUS_JOB_DONE && report->kind != BUS_JOB_FAILED)
        return;
    DLG_CHECK(report->job->token == d->token);
    DLG_CHECK(d->end == 0);
    d->end = report->kind == BUS_JOB_DONE ? 1 : -1;
    d->how = report->failure;
}

void dlg_run(struct dlg *d, nsec until)
{
    for (unsigned calls = 0;; calls++) {
        nsec bus = bus_due(&d->bus, &d->w);
        nsec peer = d->n_pieces > 0 ? d->piece[0].at : NSEC_NEVER;
        nsec t = peer < bus ? peer : bus;

        if (t > until)
            break;
        if (t > d->now) {
            d->now = t;
            calls = 0;
        }
        DLG_CHECK(calls < 1000);
        if (peer <= d->now) {
            struct dlg_piece piece = d->piece[0];

            d->n_pieces--;
            memmove(&d->piece[0], &d->piece[1], d->n_pieces * sizeof(d->piece[0]));
            bus_bytes(&d->bus, &d->w, piece.first_at, piece.at, piece.bytes, piece.n);
        } else {
            bus_work(&d->bus, &d->w, d->now);
        }
    }
    d->now = until;
}

void dlg_submit(struct dlg *d, enum job_class class, enum job_kind kind, int chan)
{
    struct job job = {.class = (uint8_t) class, .kind = (uint8_t)kind, .chan = (uint16_t)chan};

    job.token = ++d->token;
    d->end = 0;
    DLG_CHECK(bus_submit(&d->bus, &d->w, d->now, &job) == 0);
}

static void run_job(struct dlg *d, enum job_class class, enum job_kind kind, int chan)
{
    nsec most = d->now + 20 * NSEC_S;

    dlg_submit(d, class, kind, chan);
    while (d->end == 0 && d->now < most)
        dlg_run(d, d->now + 5 * NSEC_MS);
    DLG_CHECK(d->end != 0);
}

void dlg_ask(struct dlg *d, int kind)
{
    run_job(d, JOB_SET, JOBKIND_SET, kind);
}

void dlg_prove_healed(struct dlg *d, int kind)
{
    uint32_t asked;

    memset(&d->fault, 0, sizeof(d->fault));
    d->n_held = 0;
    dlg_run(d, d->now + NSEC_S);
    dlg_ask(d, kind);
    DLG_CHECK(d->end == 1);
    asked = d->n_requests;
    dlg_ask(d, kind);
    DLG_CHECK(d->end == 1);
    DLG_CHECK(d->n_requests == asked + 1); /* at the first try, and no identify before it */
    DLG_CHECK(d->n_lost == 0);
}

void dlg_set_up(struct dlg *d, int way)
{
    memset(d, 0, sizeof(*d));
    current = d;
    d->think = 3 * NSEC_MS;
    d->framing = (enum dlg_framing)(way % DLG_FRAMINGS);
    d->w.name = "line";
    d->w.modbus_tcp = d->framing == DLG_TCP;
    d->w.byte_ns = d->framing == DLG_RTU ? NSEC_S / 1920 : 0; /* 19200 baud */
    d->w.send = on_send;
    d->w.link = d;
    d->w.report = on_report;
    d->w.owner = d;
    if (way >= DLG_FRAMINGS)
        DLG_CHECK(modbus_lib_open(d->w.modbus_tcp, &d->w.lib, NULL) == 0);
    bus_init(&d->bus, &d->w);
    d->w.lost_after = 60 * NSEC_S; /* the tests ask, they do not watch */
    memcpy(d->chans, chans, sizeof(d->chans));
    d->inst.driver = &dlg_driver;
    d->inst.chans = d->chans;
    d->inst.n_chans = DLG_KINDS;
    d->inst.unit = DLG_UNIT;
    d->inst.name = "peer";
    DLG_CHECK(bus_add(&d->bus, &d->w, &d->inst) == 0);
}

void dlg_begin(struct dlg *d, int way)
{
    dlg_set_up(d, way);
    run_job(d, JOB_PROBE, JOBKIND_IDENTIFY, 0);
    DLG_CHECK(d->end == 1);
}

void dlg_end(struct dlg *d)
{
    modbus_lib_close(d->w.lib);
    d->w.lib = NULL;
}
