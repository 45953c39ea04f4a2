/* Symmetric keys: made of secrets, exported, duplicated. */
#include "bcrypt/bcryptp.h"

#include "verify/api.h"
#include "verify/verify.h"

#include <string.h>

static bool is_key_size(ULONG size) { return size == 16 || size == 24 || size == 32; }

static NTSTATUS make(struct bcrypt_object *provider, BCRYPT_KEY_HANDLE *result, const void *memory, ULONG memory_size,
                     const void *secret, ULONG size, const void *site)
{
    if (provider->algorithm->class != BCRYPT_CIPHERS)
        return STATUS_NOT_SUPPORTED;
    if (!result || !secret || !is_key_size(size))
        return STATUS_INVALID_PARAMETER;
    if (!BCryptpFits(memory, memory_size, provider->algorithm))
        return STATUS_BUFFER_TOO_SMALL;
    struct bcrypt_object *key = BCryptpCreate(BCRYPT_KEY, provider, site);
    if (!key)
        return STATUS_NO_MEMORY;
    key->key_size = size;
    memcpy(key->key, secret, size);
    *result = key;
    return STATUS_SUCCESS;
}

NTSTATUS BCryptGenerateSymmetricKey(BCRYPT_ALG_HANDLE hAlgorithm, BCRYPT_KEY_HANDLE *phKey, PUCHAR pbKeyObject,
                                    ULONG cbKeyObject, PUCHAR pbSecret, ULONG cbSecret, ULONG dwFlags)
{
    API_ENTER(BCryptGenerateSymmetricKey, hAlgorithm, SCHED_WRITE);
    struct bcrypt_object *provider = BCryptpFind(hAlgorithm, BCRYPT_PROVIDER, "BCryptGenerateSymmetricKey", VERIFY_CALLER);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (dwFlags)
        return STATUS_INVALID_PARAMETER;
    return make(provider, phKey, pbKeyObject, cbKeyObject, pbSecret, cbSecret, VERIFY_CALLER);
}

NTSTATUS BCryptImportKey(BCRYPT_ALG_HANDLE hAlgorithm, BCRYPT_KEY_HANDLE hImportKey, LPCWSTR pszBlobType,
                         BCRYPT_KEY_HANDLE *phKey, PUCHAR pbKeyObject, ULONG cbKeyObject, PUCHAR pbInput, ULONG cbInput,
                         ULONG dwFlags)
{
    API_ENTER(BCryptImportKey, hAlgorithm, SCHED_WRITE);
    const BCRYPT_KEY_DATA_BLOB_HEADER *header = (const void *)pbInput;
    struct bcrypt_object *provider = BCryptpFind(hAlgorithm, BCRYPT_PROVIDER, "BCryptImportKey", VERIFY_CALLER);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (!pszBlobType || !pbInput || dwFlags)
        return STATUS_INVALID_PARAMETER;
    if (hImportKey || !BCryptpSameName(u"KeyDataBlob", pszBlobType))
        return STATUS_NOT_SUPPORTED;
    if (cbInput < sizeof *header || header->dwMagic != BCRYPT_KEY_DATA_BLOB_MAGIC ||
        header->dwVersion != BCRYPT_KEY_DATA_BLOB_VERSION1 || header->cbKeyData > cbInput - sizeof *header)
        return STATUS_INVALID_PARAMETER;
    return make(provider, phKey, pbKeyObject, cbKeyObject, header + 1, header->cbKeyData, VERIFY_CALLER);
}

NTSTATUS BCryptExportKey(BCRYPT_KEY_HANDLE hKey, BCRYPT_KEY_HANDLE hExportKey, LPCWSTR pszBlobType, PUCHAR pbOutput,
                         ULONG cbOutput, ULONG *pcbResult, ULONG dwFlags)
{
    API_ENTER(BCryptExportKey, hKey, SCHED_READ);
    struct bcrypt_object *key = BCryptpFind(hKey, BCRYPT_KEY, "BCryptExportKey", VERIFY_CALLER);
    if (!key)
        return STATUS_INVALID_HANDLE;
    if (!pszBlobType || !pcbResult || dwFlags)
        return STATUS_INVALID_PARAMETER;
    if (hExportKey || key->public || !BCryptpSameName(u"KeyDataBlob", pszBlobType))
        return STATUS_NOT_SUPPORTED;
    BCRYPT_KEY_DATA_BLOB_HEADER header = {BCRYPT_KEY_DATA_BLOB_MAGIC, BCRYPT_KEY_DATA_BLOB_VERSION1, key->key_size};
    *pcbResult = (ULONG)sizeof header + key->key_size;
    if (!pbOutput)
        return STATUS_SUCCESS;
    if (cbOutput < *pcbResult)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(pbOutput, &header, sizeof header);
    memcpy(pbOutput + sizeof header, key->key, key->key_size);
    return STATUS_SUCCESS;
}

NTSTATUS BCryptDuplicateKey(BCRYPT_KEY_HANDLE hKey, BCRYPT_KEY_HANDLE *phNewKey, PUCHAR pbKeyObject, ULONG cbKeyObject,
                            ULONG dwFlags)
{
    API_ENTER(BCryptDuplicateKey, hKey, SCHED_WRITE);
    struct bcrypt_object *key = BCryptpFind(hKey, BCRYPT_KEY, "BCryptDuplicateKey", VERIFY_CALLER);
    if (!key)
        return STATUS_INVALID_HANDLE;
    if (dwFlags)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = make(key->provider, phNewKey, pbKeyObject, cbKeyObject, key->key, key->key_size, VERIFY_CALLER);
    if (NT_SUCCESS(status)) {
        struct bcrypt_object *copy = *phNewKey;
        copy->mode = key->mode;
        copy->feedback = key->feedback;
        memcpy(copy->vector, key->vector, sizeof copy->vector);
    }
    return status;
}

NTSTATUS BCryptDestroyKey(BCRYPT_KEY_HANDLE hKey)
{
    API_ENTER(BCryptDestroyKey, hKey, SCHED_WRITE);
    return BCryptpDestroy(hKey, BCRYPT_KEY, "BCryptDestroyKey", VERIFY_CALLER) ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
}
