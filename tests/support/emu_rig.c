/* tests/support/emu_rig.c - one emulator on a world that the test holds in its hand. */
#include "tests/support/emu_rig.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void rig_drive(void *world, uint16_t port, nsec now, const struct port_drive *drive)
{
    struct emu_rig *r = world;

    ck_assert_uint_eq(port, 7);
    ck_assert_int_eq(now, r->now);
    r->drive = *drive;
    r->drives++;
}

static void rig_sense(void *world, uint16_t port, nsec now, struct port_sense *ret_sense)
{
    struct emu_rig *r = world;

    ck_assert_uint_eq(port, 7);
    ck_assert_int_eq(now, r->now);
    *ret_sense = r->sense;
}

void emu_rig_power(struct emu_rig *r)
{
    memset(r->state, 0, sizeof(r->state));
    ck_assert_int_eq(r->emu->power_on(r->state, &r->param, &r->env, r->now, NULL), 0);
}

void emu_rig_begin(struct emu_rig *r, const char *name, uint16_t unit, bool addressed,
                   struct emu_error error)
{
    memset(r, 0, sizeof(*r));
    r->emu = emu_find(name);
    ck_assert_ptr_nonnull(r->emu);
    r->param = (struct emu_param){
        .unit = unit, .addressed = addressed, .ports = {7}, .n_ports = 1, .error = error};
    r->env = (struct emu_env){.world = r, .drive = rig_drive, .sense = rig_sense, .rng = &r->rng};
    r->now = 5 * NSEC_S;
    rng_seed(&r->rng, 1, 1);
    emu_rig_power(r);
}

const struct emu_error emu_rig_ideal = {.ideal = true};

void emu_rig_bytes(struct emu_rig *r, nsec idle, const void *p, size_t n)
{
    r->emu->bytes(r->state, &r->env, r->now, idle, p, n, &r->out);
}

/* All that is sent, as one text. */
const char *emu_rig_collect(struct emu_rig *r)
{
    ck_assert_uint_eq(r->out.dropped, 0);
    memcpy(r->reply, r->out.bytes, r->out.n_bytes);
    r->reply[r->out.n_bytes] = '\0';
    r->out = (struct emu_out){0};
    return r->reply;
}

const char *emu_rig_say(struct emu_rig *r, const char *text)
{
    emu_rig_bytes(r, NSEC_S, text, strlen(text));
    return emu_rig_collect(r);
}

void emu_rig_fault(struct emu_rig *r, enum emu_fault f, bool on)
{
    ck_assert((r->emu->faults & 1U << f) != 0);
    r->emu->fault(r->state, &r->env, r->now, f, on);
}

double emu_rig_number(const char *text)
{
    return strtod(text, NULL); /* tests run in the C locale */
}

void emu_rig_near(double got, double want, double within)
{
    ck_assert_msg(fabs(got - want) <= within, "%.12g is not %.12g +- %.3g", got, want, within);
}

/* The same bytes in two pieces, cut everywhere, and one by one, give the same replies. */
void emu_rig_every_split(const char *name, uint16_t unit, bool addressed,
                         const struct port_sense *sense, const void *bytes, size_t n)
{
    struct emu_rig *whole = malloc(sizeof(*whole)), *cut = malloc(sizeof(*cut));

    ck_assert(whole != NULL && cut != NULL);
    emu_rig_begin(whole, name, unit, addressed, (struct emu_error){0});
    whole->sense = *sense;
    emu_rig_bytes(whole, NSEC_S, bytes, n);
    ck_assert_uint_gt(whole->out.n_pieces, 0);
    for (size_t at = 0; at <= n; at++) {
        emu_rig_begin(cut, name, unit, addressed, (struct emu_error){0});
        cut->sense = *sense;
        for (size_t i = 0; at == n && i < n; i++)
            emu_rig_bytes(cut, i == 0 ? NSEC_S : 0, (const char *)bytes + i, 1);
        if (at < n) {
            emu_rig_bytes(cut, NSEC_S, bytes, at);
            emu_rig_bytes(cut, at == 0 ? NSEC_S : 0, (const char *)bytes + at, n - at);
        }
        ck_assert_uint_eq(cut->out.n_bytes, whole->out.n_bytes);
        ck_assert_mem_eq(cut->out.bytes, whole->out.bytes, whole->out.n_bytes);
        ck_assert_mem_eq(cut->out.piece, whole->out.piece, sizeof(whole->out.piece));
    }
    free(whole);
    free(cut);
}
