/* What the tests of bcrypt share: published vectors are written in hexadecimal. */
#ifndef TESTS_BCRYPT_CRYPTO_H
#define TESTS_BCRYPT_CRYPTO_H

#include "../conformance/stage.h"

#include <bcrypt.h>

/* A buffer of its own for each of the last eight. */
static PUCHAR hex(const char *digits)
{
    static UCHAR bytes[8][128];
    static unsigned next;
    UCHAR *to = bytes[next++ % 8];
    for (size_t i = 0; digits[2 * i]; i++) {
        UCHAR high = (UCHAR)digits[2 * i], low = (UCHAR)digits[2 * i + 1];
        to[i] = (UCHAR)((high <= '9' ? high - '0' : high - 'a' + 10) << 4 | (low <= '9' ? low - '0' : low - 'a' + 10));
    }
    return to;
}
#define HEX_SIZE(digits) ((ULONG)(strlen(digits) / 2))

#define assert_hex(bytes, digits) assert_memory_equal(bytes, hex(digits), strlen(digits) / 2)

static BCRYPT_ALG_HANDLE open_provider(const WCHAR *algorithm, ULONG flags)
{
    BCRYPT_ALG_HANDLE provider = NULL;
    succeeds(BCryptOpenAlgorithmProvider(&provider, algorithm, NULL, flags));
    return provider;
}

static void close_provider(BCRYPT_ALG_HANDLE provider) { succeeds(BCryptCloseAlgorithmProvider(provider, 0)); }

#endif
