/* Hashes and HMACs. */
#include "bcrypt/bcryptp.h"

#include "fault/fault.h"
#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

static struct plat_hash *begin(const struct bcrypt_object *provider, const void *secret, ULONG size)
{
    return plat_hash_begin(provider->algorithm->name, !BCryptpIsHmac(provider) ? NULL : size ? secret : "", size);
}

NTSTATUS BCryptCreateHash(BCRYPT_ALG_HANDLE hAlgorithm, BCRYPT_HASH_HANDLE *phHash, PUCHAR pbHashObject, ULONG cbHashObject,
                          PUCHAR pbSecret, ULONG cbSecret, ULONG dwFlags)
{
    API_ENTER(BCryptCreateHash, hAlgorithm, SCHED_WRITE);
    struct bcrypt_object *provider = BCryptpFind(hAlgorithm, BCRYPT_PROVIDER, "BCryptCreateHash", VERIFY_CALLER);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (provider->algorithm->class != BCRYPT_HASHES)
        return STATUS_NOT_SUPPORTED;
    if (!phHash || (dwFlags & ~BCRYPT_HASH_REUSABLE_FLAG) || (cbSecret && (!pbSecret || !BCryptpIsHmac(provider))))
        return STATUS_INVALID_PARAMETER;
    if (!BCryptpFits(pbHashObject, cbHashObject, provider->algorithm))
        return STATUS_BUFFER_TOO_SMALL;

    struct plat_hash *running = begin(provider, pbSecret, cbSecret);
    struct bcrypt_object *hash = running ? BCryptpCreate(BCRYPT_HASH, provider, VERIFY_CALLER) : NULL;
    if (!hash) {
        plat_hash_free(running);
        return STATUS_NO_MEMORY;
    }
    hash->hash = running;
    hash->flags |= dwFlags;
    *phHash = hash;
    return STATUS_SUCCESS;
}

/* A hash whose value was not taken yet. */
static struct bcrypt_object *find_running(BCRYPT_HASH_HANDLE handle, const char *routine, const void *caller)
{
    struct bcrypt_object *hash = BCryptpFind(handle, BCRYPT_HASH, routine, caller);
    return hash && !hash->finished ? hash : NULL;
}

NTSTATUS BCryptHashData(BCRYPT_HASH_HANDLE hHash, PUCHAR pbInput, ULONG cbInput, ULONG dwFlags)
{
    API_ENTER(BCryptHashData, hHash, SCHED_WRITE);
    struct bcrypt_object *hash = find_running(hHash, "BCryptHashData", VERIFY_CALLER);
    if (!hash)
        return STATUS_INVALID_HANDLE;
    if (dwFlags || (cbInput && !pbInput))
        return STATUS_INVALID_PARAMETER;
    if (cbInput)
        plat_hash_add(hash->hash, pbInput, cbInput);
    return STATUS_SUCCESS;
}

NTSTATUS BCryptFinishHash(BCRYPT_HASH_HANDLE hHash, PUCHAR pbOutput, ULONG cbOutput, ULONG dwFlags)
{
    API_ENTER(BCryptFinishHash, hHash, SCHED_WRITE);
    struct bcrypt_object *hash = find_running(hHash, "BCryptFinishHash", VERIFY_CALLER);
    if (!hash)
        return STATUS_INVALID_HANDLE;
    if (dwFlags || !pbOutput || cbOutput != hash->algorithm->size)
        return STATUS_INVALID_PARAMETER;
    plat_hash_end(hash->hash, pbOutput);
    hash->finished = !(hash->flags & BCRYPT_HASH_REUSABLE_FLAG);
    return STATUS_SUCCESS;
}

NTSTATUS BCryptDuplicateHash(BCRYPT_HASH_HANDLE hHash, BCRYPT_HASH_HANDLE *phNewHash, PUCHAR pbHashObject,
                             ULONG cbHashObject, ULONG dwFlags)
{
    API_ENTER(BCryptDuplicateHash, hHash, SCHED_WRITE);
    struct bcrypt_object *hash = find_running(hHash, "BCryptDuplicateHash", VERIFY_CALLER);
    if (!hash)
        return STATUS_INVALID_HANDLE;
    if (!phNewHash || dwFlags)
        return STATUS_INVALID_PARAMETER;
    if (!BCryptpFits(pbHashObject, cbHashObject, hash->algorithm))
        return STATUS_BUFFER_TOO_SMALL;

    struct plat_hash *running = plat_hash_copy(hash->hash);
    struct bcrypt_object *copy = running ? BCryptpCreate(BCRYPT_HASH, hash->provider, VERIFY_CALLER) : NULL;
    if (!copy) {
        plat_hash_free(running);
        return STATUS_NO_MEMORY;
    }
    copy->hash = running;
    copy->flags = hash->flags;
    *phNewHash = copy;
    return STATUS_SUCCESS;
}

NTSTATUS BCryptDestroyHash(BCRYPT_HASH_HANDLE hHash)
{
    API_ENTER(BCryptDestroyHash, hHash, SCHED_WRITE);
    return BCryptpDestroy(hHash, BCRYPT_HASH, "BCryptDestroyHash", VERIFY_CALLER) ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}

NTSTATUS BCryptHash(BCRYPT_ALG_HANDLE hAlgorithm, PUCHAR pbSecret, ULONG cbSecret, PUCHAR pbInput, ULONG cbInput,
                    PUCHAR pbOutput, ULONG cbOutput)
{
    API_ENTER(BCryptHash, hAlgorithm, SCHED_READ);
    struct bcrypt_object *provider = BCryptpFind(hAlgorithm, BCRYPT_PROVIDER, "BCryptHash", VERIFY_CALLER);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (provider->algorithm->class != BCRYPT_HASHES)
        return STATUS_NOT_SUPPORTED;
    if (!pbOutput || cbOutput != provider->algorithm->size || (cbInput && !pbInput) ||
        (cbSecret && (!pbSecret || !BCryptpIsHmac(provider))))
        return STATUS_INVALID_PARAMETER;
    struct plat_hash *running = fault_allocation() ? NULL : begin(provider, pbSecret, cbSecret);
    if (!running)
        return STATUS_NO_MEMORY;
    if (cbInput)
        plat_hash_add(running, pbInput, cbInput);
    plat_hash_end(running, pbOutput);
    plat_hash_free(running);
    return STATUS_SUCCESS;
}

NTSTATUS BCryptDeriveKeyPBKDF2(BCRYPT_ALG_HANDLE hPrf, PUCHAR pbPassword, ULONG cbPassword, PUCHAR pbSalt, ULONG cbSalt,
                               ULONGLONG cIterations, PUCHAR pbDerivedKey, ULONG cbDerivedKey, ULONG dwFlags)
{
    API_ENTER(BCryptDeriveKeyPBKDF2, hPrf, SCHED_READ);
    struct bcrypt_object *provider = BCryptpFind(hPrf, BCRYPT_PROVIDER, "BCryptDeriveKeyPBKDF2", VERIFY_CALLER);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (!BCryptpIsHmac(provider) || !cIterations || !pbDerivedKey || !cbDerivedKey || dwFlags ||
        (cbPassword && !pbPassword) || (cbSalt && !pbSalt))
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation() || !plat_hash_stretch(provider->algorithm->name, pbPassword, cbPassword, pbSalt, cbSalt,
                                                 cIterations, pbDerivedKey, cbDerivedKey))
        return STATUS_NO_MEMORY;
    return STATUS_SUCCESS;
}
