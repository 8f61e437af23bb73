/* tests/unit/test_bus_modbus.c - Modbus RTU, RTU over TCP and TCP on the bus, with wire/modbus.c
 * alone and with libmodbus: whatever becomes of a reply on its way, it is right or it is refused.
 */
#include "tests/support/dialogue.h"

#include "base/rng.h"
#include "drivers/wire/modbus.h"

#include <check.h>
#include <string.h>

static struct dlg dlg;

enum {
    EVER = 1000,
    AS_REPLY = 0,
    AS_EXCEPTION = 1
};

/* Who answers so late has used up two tries and what comes behind it. */
#define PATIENCE (2 * (DLG_TIMEOUT_MS + DLG_LATE_MS) * NSEC_MS)

/* The first try was enough. */
static void check_at_once(struct dlg *d, const struct dlg_fault *f, int kind)
{
    uint32_t requests = d->n_requests;
    uint32_t handed = d->n_replies + d->n_refusals;

    d->fault = *f;
    dlg_ask(d, kind);
    DLG_CHECK(d->n_requests == requests + 1);
    DLG_CHECK(d->n_replies + d->n_refusals == handed + 1);
    DLG_CHECK(d->end == (f->exception ? -1 : 1));
    DLG_CHECK(!f->exception || d->how == XFER_REFUSED);
    dlg_run(d, d->now + 200 * NSEC_MS); /* what is behind it is no answer to anything */
}

/* It was not, but it ended well. */
static void check_in_the_end(struct dlg *d, const struct dlg_fault *f, int kind)
{
    d->fault = *f;
    dlg_ask(d, kind);
    DLG_CHECK(d->end == 1 || (f->exception && d->how == XFER_REFUSED));
    dlg_prove_healed(d, kind);
}

/* It may have failed, but then it says so. */
static void check_never_wrong(struct dlg *d, const struct dlg_fault *f, int kind)
{
    d->fault = *f;
    dlg_ask(d, kind);
    DLG_CHECK(d->end == 1 || f->exception || d->how == XFER_TIMEOUT || d->how == XFER_GARBLED);
    dlg_prove_healed(d, kind);
}

/* Never a good one: the job fails, and not with a refusal that nobody spoke. */
static void check_never(struct dlg *d, const struct dlg_fault *f, int kind)
{
    d->fault = *f;
    dlg_ask(d, kind);
    DLG_CHECK(d->end == -1);
    DLG_CHECK(d->how == XFER_GARBLED || d->how == XFER_TIMEOUT);
    dlg_prove_healed(d, kind);
}

/* ---- Right, in whatever pieces ---- */

START_TEST(whole_replies_are_taken)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION};

            check_at_once(&dlg, &f, kind);
        }
    }
    dlg_end(&dlg);
}
END_TEST

START_TEST(every_split_is_put_together)
{
    static const nsec pauses[] = {0, NSEC_MS, 25 * NSEC_MS};

    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            size_t n = dlg_frame_length(&dlg, kind, e == AS_EXCEPTION);

            for (size_t cut = 1; cut < n; cut++) {
                for (size_t p = 0; p < ARRAY_LEN(pauses); p++) {
                    struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION};

                    f.cut = cut;
                    f.pause = pauses[p];
                    check_at_once(&dlg, &f, kind);
                }
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

START_TEST(bytes_one_by_one_are_put_together)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            for (nsec pause = 0; pause <= 2 * NSEC_MS; pause += NSEC_MS) {
                struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION};

                f.bytewise = true;
                f.pause = pause;
                check_at_once(&dlg, &f, kind);
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

START_TEST(a_doubled_reply_answers_once)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            size_t n = dlg_frame_length(&dlg, kind, e == AS_EXCEPTION);

            for (size_t cut = 0; cut < 2 * n; cut++) {
                struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION, .doubled = true};

                f.cut = cut;
                f.pause = 5 * NSEC_MS;
                check_at_once(&dlg, &f, kind);
                dlg_prove_healed(&dlg, kind);
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* ---- Late ---- */

START_TEST(a_late_reply_is_nobodys)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            for (nsec late = 0; late < 400 * NSEC_MS; late += 3 * NSEC_MS + 100001) {
                struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION, .late_by = late};

                if (late < PATIENCE)
                    check_in_the_end(&dlg, &f, kind);
                else
                    check_never_wrong(&dlg, &f, kind);
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* The first part in time, the rest at any time later: it lands in the quiet, before, in or behind
 * the answer to identify. */
START_TEST(a_late_rest_is_nobodys)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            size_t n = dlg_frame_length(&dlg, kind, e == AS_EXCEPTION);

            for (size_t cut = 1; cut < n; cut++) {
                for (nsec pause = 40 * NSEC_MS; pause < 260 * NSEC_MS; pause += 31 * NSEC_MS) {
                    struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION};

                    f.cut = cut;
                    f.pause = pause;
                    check_in_the_end(&dlg, &f, kind);
                }
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* A gateway keeps an answer, or several, until there is another to send: all in one read. */
START_TEST(answers_that_were_kept_back_are_nobodys)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            for (uint32_t left = 1; left <= 2; left++) {
                struct dlg_fault f = {.left = left, .exception = e == AS_EXCEPTION, .held = true};

                check_in_the_end(&dlg, &f, kind);
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* ---- Wrong ---- */

enum edit {
    UNIT_NEXT,
    UNIT_ZERO,
    UNIT_LAST,
    FUNCTION_TWIN,
    FUNCTION_OTHER,
    FUNCTION_UNKNOWN,
    FUNCTION_MARKED,
    COUNT_MORE,
    COUNT_LESS,
    COUNT_SAID_MORE,
    COUNT_SAID_LESS,
    COUNT_NONE,
    CUT_SHORT,
    ONE_TOO_MANY,
    ECHO_ADDRESS,
    ECHO_VALUE,
    EXCEPTION_ZERO,
    EXCEPTION_OF_OTHER,
    EXCEPTION_LONG,
    CRC_WRONG, /* RTU only */
    ID_NEXT,   /* from here on: TCP only */
    ID_BEFORE,
    ID_SWAPPED,
    ID_ZERO,
    PROTOCOL_OTHER,
    LENGTH_MORE,
    LENGTH_LESS,
    EDITS
};

/* The function whose replies look the same. */
static uint8_t twin(uint8_t function)
{
    switch (function) {
    case 1: return 2;
    case 2: return 1;
    case 3: return 4;
    case 4:
    case 23: return 3;
    case 5: return 6;
    case 6: return 5;
    case 15: return 16;
    case 16: return 15;
    default: return function;
    }
}

static bool counts(uint8_t function)
{
    return function <= 4 || function == 23;
}

static void edit_count(struct dlg_message *m, enum edit how)
{
    if (!counts(m->msg[1]))
        return;
    if (how == COUNT_MORE) {
        m->msg[2] = (uint8_t)(m->msg[2] + 2);
        m->msg[m->n++] = 0;
        m->msg[m->n++] = 1;
    } else if (how == COUNT_LESS && m->msg[2] > 2) {
        m->msg[2] = (uint8_t)(m->msg[2] - 2);
        m->n -= 2;
    } else if (how == COUNT_SAID_MORE) {
        m->msg[2]++;
    } else if (how == COUNT_SAID_LESS) {
        m->msg[2]--;
    } else if (how == COUNT_NONE) {
        m->msg[2] = 0;
        m->n = 3;
    }
}

static void edit_exception(struct dlg_message *m, enum edit how)
{
    m->msg[1] |= 0x80;
    m->msg[2] = how == EXCEPTION_ZERO ? 0 : 2;
    m->n = 3;
    if (how == EXCEPTION_OF_OTHER)
        m->msg[1] = m->msg[1] == 0x90 ? 0x83 : 0x90;
    if (how == EXCEPTION_LONG)
        m->msg[m->n++] = 0;
}

static void edit_header(struct dlg_message *m, enum edit how)
{
    uint16_t id = m->transaction;

    if (how == ID_NEXT)
        m->transaction = (uint16_t)(id + 1);
    else if (how == ID_BEFORE)
        m->transaction = (uint16_t)(id - 1);
    else if (how == ID_SWAPPED)
        m->transaction = (uint16_t)(id << 8 | id >> 8);
    else if (how == ID_ZERO)
        m->transaction = 0;
    else if (how == PROTOCOL_OTHER)
        m->protocol = 1;
    else
        m->length_off = how == LENGTH_MORE ? 1 : UINT16_MAX;
}

static void edit_message(struct dlg_message *m, int how)
{
    bool echo = !counts(m->msg[1]);

    switch ((enum edit)how) {
    case UNIT_NEXT: m->msg[0]++; break;
    case UNIT_ZERO: m->msg[0] = 0; break;
    case UNIT_LAST: m->msg[0] = 255; break;
    case FUNCTION_TWIN: m->msg[1] = twin(m->msg[1]); break;
    case FUNCTION_OTHER: m->msg[1] = m->msg[1] == 16 ? 3 : 16; break;
    case FUNCTION_UNKNOWN: m->msg[1] = 0x2B; break;
    case FUNCTION_MARKED: m->msg[1] |= 0x80; break;
    case COUNT_MORE:
    case COUNT_LESS:
    case COUNT_SAID_MORE:
    case COUNT_SAID_LESS:
    case COUNT_NONE: edit_count(m, (enum edit)how); break;
    case CUT_SHORT: m->n--; break;
    case ONE_TOO_MANY: m->msg[m->n++] = 0x55; break;
    case ECHO_ADDRESS: m->msg[3] = (uint8_t)(m->msg[3] + echo); break;
    case ECHO_VALUE: m->msg[5] = (uint8_t)(m->msg[5] + echo); break;
    case EXCEPTION_ZERO:
    case EXCEPTION_OF_OTHER:
    case EXCEPTION_LONG: edit_exception(m, (enum edit)how); break;
    case CRC_WRONG: m->crc_wrong = true; break;
    case ID_NEXT:
    case ID_BEFORE:
    case ID_SWAPPED:
    case ID_ZERO:
    case PROTOCOL_OTHER:
    case LENGTH_MORE:
    case LENGTH_LESS: edit_header(m, (enum edit)how); break;
    case EDITS: break;
    }
}

static bool edit_applies(const struct dlg *d, int how)
{
    return d->framing == DLG_TCP ? how != CRC_WRONG : how < ID_NEXT;
}

START_TEST(a_wrong_answer_is_refused)
{
    dlg_begin(&dlg, _i);
    for (int how = 0; how < EDITS; how++) {
        if (!edit_applies(&dlg, how))
            continue;
        for (int kind = 0; kind < DLG_KINDS; kind++) {
            struct dlg_fault f = {.edit = edit_message, .how = how};
            uint32_t spoilt = dlg.n_spoilt;

            f.left = 1;
            check_in_the_end(&dlg, &f, kind);
            if (dlg.n_spoilt == spoilt)
                continue; /* does not apply to this function */
            f.left = EVER;
            check_never(&dlg, &f, kind);
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* Two frames in one read, cut anywhere: the wrong one first. */
START_TEST(a_wrong_answer_before_the_right_one_is_passed_over)
{
    dlg_begin(&dlg, _i);
    for (int how = 0; how < EDITS; how++) {
        if (!edit_applies(&dlg, how))
            continue;
        for (int kind = 0; kind < DLG_KINDS; kind++) {
            for (size_t cut = 0; cut < 30; cut += 3) {
                struct dlg_fault f = {.left = 1, .edit = edit_message, .how = how};

                f.edit_first = true;
                f.cut = cut;
                if (how == UNIT_NEXT || how == FUNCTION_TWIN || how == ECHO_VALUE || how == ID_NEXT)
                    check_at_once(&dlg, &f, kind);
                else
                    check_in_the_end(&dlg, &f, kind);
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* What is wrong in a TCP frame's data only TCP's own check sum can tell. */
static bool flip_shows(const struct dlg *d, int kind, bool exception, size_t at)
{
    if (d->framing != DLG_TCP)
        return true;
    if (exception)
        return at < 8;
    return at < 9 || (kind >= 4 && kind < 9);
}

START_TEST(every_flipped_byte_is_noticed)
{
    static const uint8_t masks[] = {0x01, 0x10, 0x80, 0xFF};

    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            size_t n = dlg_frame_length(&dlg, kind, e == AS_EXCEPTION);

            for (size_t at = 0; at < n; at++) {
                for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
                    struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION};

                    f.flip_at = at;
                    f.flip_mask = masks[i];
                    if (flip_shows(&dlg, kind, f.exception, at))
                        check_in_the_end(&dlg, &f, kind);
                }
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

START_TEST(a_reply_that_breaks_off_is_refused)
{
    dlg_begin(&dlg, _i);
    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int e = AS_REPLY; e <= AS_EXCEPTION; e++) {
            size_t n = dlg_frame_length(&dlg, kind, e == AS_EXCEPTION);

            for (size_t keep = 1; keep < n; keep++) {
                struct dlg_fault f = {.left = 1, .exception = e == AS_EXCEPTION, .keep = keep};

                check_in_the_end(&dlg, &f, kind);
                f.left = EVER;
                check_never(&dlg, &f, kind);
            }
        }
    }
    dlg_end(&dlg);
}
END_TEST

/* ---- Everything at once ---- */

static void draw_fault(struct rng *rng, struct dlg_fault *ret_f)
{
    struct dlg_fault f = {.left = 1 + (uint32_t)(rng_u64(rng) % 4)};

    f.exception = rng_u64(rng) % 3 == 0;
    f.identify = !f.exception && rng_u64(rng) % 3 == 0;
    if (rng_u64(rng) % 2)
        f.late_by = (nsec)(rng_u64(rng) % (f.exception ? 160 : 400)) * NSEC_MS;
    if (rng_u64(rng) % 2) {
        f.cut = (size_t)(rng_u64(rng) % 20);
        f.pause = (nsec)(rng_u64(rng) % (f.exception ? 8 : 100)) * NSEC_MS;
    }
    f.doubled = rng_u64(rng) % 5 == 0;
    f.held = !f.identify && rng_u64(rng) % 8 == 0;
    if (rng_u64(rng) % 4 == 0)
        f.keep = 1 + (size_t)(rng_u64(rng) % 20);
    if (rng_u64(rng) % 4 == 0) {
        f.edit = edit_message;
        f.how = (int)(rng_u64(rng) % EDITS);
        f.edit_first = rng_u64(rng) % 2 == 0;
    }
    *ret_f = f;
}

START_TEST(any_mixture_is_right_or_refused)
{
    struct rng rng;

    rng_seed(&rng, 20261121, (uint64_t)_i);
    dlg_begin(&dlg, _i);
    for (int i = 0; i < 2000; i++) {
        int kind = (int)(rng_u64(&rng) % DLG_KINDS);
        struct dlg_fault f;

        draw_fault(&rng, &f);
        if (f.edit && !edit_applies(&dlg, f.how))
            f.edit = NULL;
        dlg.fault = f;
        dlg_ask(&dlg, kind);
        if (i % 8 == 0)
            dlg_prove_healed(&dlg, kind);
    }
    ck_assert_uint_gt(dlg.n_replies, 1000);
    ck_assert_uint_gt(dlg.n_refusals, 100);
    dlg_end(&dlg);
}
END_TEST

/* ---- Requests ---- */

struct sent {
    size_t n;
    uint8_t bytes[64];
};

static int keep_sent(void *link, nsec now, const uint8_t *p, size_t n)
{
    struct sent *s = link;

    (void)now;
    DLG_CHECK(n <= sizeof(s->bytes));
    s->n = n;
    memcpy(s->bytes, p, n);
    return E_LOST;
}

/* Both codecs put the same bytes on the wire; and a link that is lost while sending fails the job
 * and takes the bus down. */
START_TEST(both_codecs_ask_alike)
{
    struct sent sent[2];

    for (int kind = 0; kind < DLG_KINDS; kind++) {
        for (int lib = 0; lib < 2; lib++) {
            struct job job = {.class = JOB_SET, .kind = JOBKIND_SET, .token = 2};

            dlg_begin(&dlg, _i + lib * DLG_FRAMINGS);
            job.chan = (uint16_t)kind;
            dlg.token = 2;
            dlg.end = 0;
            dlg.w.send = keep_sent;
            dlg.w.link = &sent[lib];
            ck_assert_int_eq(bus_submit(&dlg.bus, &dlg.w, dlg.now, &job), 0);
            dlg_run(&dlg, dlg.now + NSEC_S);
            ck_assert_int_eq(dlg.end, -1);
            ck_assert_int_eq(dlg.how, XFER_LOST);
            ck_assert_int_eq(dlg.bus.phase, BUS_DOWN);
            ck_assert_uint_eq(dlg.n_lost, 1);
            ck_assert_int_eq(bus_submit(&dlg.bus, &dlg.w, dlg.now, &job), E_LOST);
            dlg_end(&dlg);
        }
        ck_assert_uint_eq(sent[0].n, sent[1].n);
        ck_assert_mem_eq(sent[0].bytes, sent[1].bytes, sent[0].n);
    }
}
END_TEST

/* A serial line has no unit 250: libmodbus does not build that request, and nothing is sent. */
START_TEST(what_libmodbus_does_not_build_is_not_sent)
{
    struct job job = {.class = JOB_PROBE, .kind = JOBKIND_IDENTIFY, .token = 2};

    dlg_begin(&dlg, _i);
    dlg.inst.unit = 250;
    dlg.token = 2;
    dlg.end = 0;
    dlg.n_requests = 0;
    ck_assert_int_eq(bus_submit(&dlg.bus, &dlg.w, dlg.now, &job), 0);
    dlg_run(&dlg, dlg.now + 5 * NSEC_S);
    if (dlg.w.lib && dlg.framing != DLG_TCP) {
        ck_assert_uint_eq(dlg.n_requests, 0);
        ck_assert_int_eq(dlg.end, -1);
        ck_assert_int_eq(dlg.how, XFER_DROPPED);
    } else {
        ck_assert_uint_gt(dlg.n_requests, 0);
        ck_assert_int_eq(dlg.end, 1);
    }
    dlg_end(&dlg);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bus-modbus");
    TCase *c = tcase_create("bus-modbus");
    SRunner *runner = srunner_create(s);
    int failed;

    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, whole_replies_are_taken, 0, DLG_WAYS);
    tcase_add_loop_test(c, every_split_is_put_together, 0, DLG_WAYS);
    tcase_add_loop_test(c, bytes_one_by_one_are_put_together, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_doubled_reply_answers_once, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_late_reply_is_nobodys, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_late_rest_is_nobodys, 0, DLG_WAYS);
    tcase_add_loop_test(c, answers_that_were_kept_back_are_nobodys, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_wrong_answer_is_refused, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_wrong_answer_before_the_right_one_is_passed_over, 0, DLG_WAYS);
    tcase_add_loop_test(c, every_flipped_byte_is_noticed, 0, DLG_WAYS);
    tcase_add_loop_test(c, a_reply_that_breaks_off_is_refused, 0, DLG_WAYS);
    tcase_add_loop_test(c, any_mixture_is_right_or_refused, 0, DLG_WAYS);
    tcase_add_loop_test(c, both_codecs_ask_alike, 0, DLG_FRAMINGS);
    tcase_add_loop_test(c, what_libmodbus_does_not_build_is_not_sent, 0, DLG_WAYS);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
