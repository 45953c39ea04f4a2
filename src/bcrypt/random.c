/* Random numbers that a seed gives again: two runs of one test see the same ones. */
#include "bcrypt/bcryptp.h"

#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <string.h>

/* SplitMix64. */
static ULONGLONG next(void)
{
    sched_lock(&machine->bcrypt->lock);
    ULONGLONG z = machine->bcrypt->random += 0x9e3779b97f4a7c15;
    sched_unlock(&machine->bcrypt->lock);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

NTSTATUS BCryptGenRandom(BCRYPT_ALG_HANDLE hAlgorithm, PUCHAR pbBuffer, ULONG cbBuffer, ULONG dwFlags)
{
    API_ENTER(BCryptGenRandom, hAlgorithm, SCHED_WRITE);
    struct bcrypt_object *provider = NULL;
    if (hAlgorithm)
        provider = BCryptpFind(hAlgorithm, BCRYPT_PROVIDER, "BCryptGenRandom", VERIFY_CALLER);
    if (hAlgorithm ? !provider || provider->algorithm->class != BCRYPT_RANDOM
                   : !(dwFlags & BCRYPT_USE_SYSTEM_PREFERRED_RNG))
        return STATUS_INVALID_HANDLE;
    if (!pbBuffer || (dwFlags & ~(BCRYPT_USE_SYSTEM_PREFERRED_RNG | BCRYPT_RNG_USE_ENTROPY_IN_BUFFER)) ||
        (hAlgorithm && (dwFlags & BCRYPT_USE_SYSTEM_PREFERRED_RNG)))
        return STATUS_INVALID_PARAMETER;
    for (ULONG at = 0; at < cbBuffer; at += sizeof(ULONGLONG)) {
        ULONGLONG value = next();
        memcpy(pbBuffer + at, &value, cbBuffer - at < sizeof value ? cbBuffer - at : sizeof value);
    }
    return STATUS_SUCCESS;
}
