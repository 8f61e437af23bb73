/* base/sha.c - SHA-256 of nettle behind names of ours.
 *
 * nettle's header redefines some of our names as macros, so it stays inside this file.
 */
#include <nettle/sha2.h>
#undef sha256_init

#include "base/str.h"

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(struct sha256), "struct sha256 is too small");
_Static_assert(_Alignof(struct sha256_ctx) <= _Alignof(struct sha256),
               "struct sha256 is misaligned");

static struct sha256_ctx *context(struct sha256 *h)
{
    return (struct sha256_ctx *)(void *)h->opaque;
}

void sha256_init(struct sha256 *h)
{
    nettle_sha256_init(context(h));
}

void sha256_add(struct sha256 *h, const void *p, size_t n)
{
    if (n > 0)
        nettle_sha256_update(context(h), n, p);
}

void sha256_end(struct sha256 *h, uint8_t ret_digest[32])
{
    nettle_sha256_digest(context(h), 32, ret_digest);
}

void sha256_hex(const uint8_t digest[32], char ret_hex[65])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 32; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15u];
    }
    ret_hex[64] = '\0';
}
