/* First byte: how many of the rest are the request; what is left is the reply. */
#include "base/err.h"
#include "drivers/wire/modbus.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

const char *const fuzz_corpus = "modbus";

/* A length once told must not change as more bytes come. */
static void check_length(int (*length)(const uint8_t *, size_t), const uint8_t *p, size_t n)
{
    int told = 0;

    for (size_t k = 0; k <= n && k < MODBUS_ADU_MAX + 8; k++) {
        int now = length(p, k);

        ASSERT(now == 0 || now == E_GARBLED || (now >= 5 && now <= MODBUS_ADU_MAX));
        ASSERT(told == 0 || now == told);
        told = now;
    }
}

static void check_wrap(const uint8_t *msg, size_t n)
{
    uint8_t frame[MODBUS_ADU_MAX];
    int length;

    if (n < 2)
        return;
    length = modbus_rtu_wrap(msg, n, frame, sizeof(frame));
    ASSERT(length == (n <= 254 ? (int)n + 2 : E_FULL));
    ASSERT(length < 0 || length < 4 || modbus_rtu_intact(frame, (size_t)length));
    length = modbus_tcp_wrap(0xFFFF, msg, n, frame, sizeof(frame));
    ASSERT(length == (n <= 254 ? (int)n + 6 : E_FULL));
    ASSERT(length < 0 || modbus_tcp_length(frame, (size_t)length) == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *request, *reply;
    size_t n_request, n_reply;
    uint8_t exception = 0;
    int answer;

    if (n == 0)
        return 0;
    request = data + 1;
    n_request = data[0] < n - 1 ? data[0] : n - 1;
    reply = request + n_request;
    n_reply = n - 1 - n_request;
    check_length(modbus_rtu_request_length, request, n_request);
    check_length(modbus_rtu_reply_length, reply, n_reply);
    check_length(modbus_tcp_length, reply, n_reply);
    (void)modbus_rtu_intact(reply, n_reply);
    check_wrap(reply, n_reply);

    answer = modbus_answers(request, n_request, reply, n_reply, &exception);
    ASSERT(answer == 0 || answer == E_REFUSED || answer == E_GARBLED);
    ASSERT((answer == E_REFUSED) == (exception != 0));
    if (answer == 0) /* what answers a request is at least framed like a reply */
        ASSERT(request[0] == reply[0] && request[1] == reply[1]);
    return 0;
}
