/* Public keys, and the signatures that they check. */
#include "bcrypt/bcryptp.h"

#include "verify/api.h"
#include "verify/verify.h"

/* RSAPUBLICBLOB: the header, the exponent, the modulus. */
static struct plat_public *rsa(const UCHAR *blob, ULONG size)
{
    const BCRYPT_RSAKEY_BLOB *header = (const void *)blob;
    if (size < sizeof *header || header->Magic != BCRYPT_RSAPUBLIC_MAGIC || !header->cbPublicExp || !header->cbModulus ||
        header->cbPublicExp > size - sizeof *header || header->cbModulus != size - sizeof *header - header->cbPublicExp)
        return NULL;
    const UCHAR *exponent = blob + sizeof *header;
    return plat_rsa_public(exponent, header->cbPublicExp, exponent + header->cbPublicExp, header->cbModulus);
}

static ULONG magic_of(const struct bcrypt_algorithm *algorithm)
{
    return algorithm->size == 32   ? BCRYPT_ECDSA_PUBLIC_P256_MAGIC
           : algorithm->size == 48 ? BCRYPT_ECDSA_PUBLIC_P384_MAGIC
                                   : BCRYPT_ECDSA_PUBLIC_P521_MAGIC;
}

/* ECCPUBLICBLOB: the header, x, y. */
static struct plat_public *ecc(const struct bcrypt_algorithm *algorithm, const UCHAR *blob, ULONG size)
{
    const BCRYPT_ECCKEY_BLOB *header = (const void *)blob;
    if (size < sizeof *header || header->dwMagic != magic_of(algorithm) || header->cbKey != algorithm->size ||
        size != sizeof *header + 2 * header->cbKey)
        return NULL;
    const UCHAR *x = blob + sizeof *header;
    return plat_ec_public(algorithm->name, x, x + header->cbKey, header->cbKey);
}

static bool knows(const struct bcrypt_algorithm *algorithm, LPCWSTR type)
{
    return BCryptpSameName(algorithm->size ? u"ECCPUBLICBLOB" : u"RSAPUBLICBLOB", type) ||
           BCryptpSameName(u"PUBLICBLOB", type);
}

NTSTATUS BCryptImportKeyPair(BCRYPT_ALG_HANDLE hAlgorithm, BCRYPT_KEY_HANDLE hImportKey, LPCWSTR pszBlobType,
                             BCRYPT_KEY_HANDLE *phKey, PUCHAR pbInput, ULONG cbInput, ULONG dwFlags)
{
    API_ENTER(BCryptImportKeyPair, hAlgorithm, SCHED_WRITE);
    struct bcrypt_object *provider = BCryptpFind(hAlgorithm, BCRYPT_PROVIDER, "BCryptImportKeyPair", VERIFY_CALLER);
    if (!provider)
        return STATUS_INVALID_HANDLE;
    if (!pszBlobType || !phKey || !pbInput || (dwFlags & ~(ULONG)BCRYPT_NO_KEY_VALIDATION))
        return STATUS_INVALID_PARAMETER;
    const struct bcrypt_algorithm *algorithm = provider->algorithm;
    if (hImportKey || algorithm->class != BCRYPT_SIGNATURES || !knows(algorithm, pszBlobType))
        return STATUS_NOT_SUPPORTED;
    struct plat_public *public = algorithm->size ? ecc(algorithm, pbInput, cbInput) : rsa(pbInput, cbInput);
    if (!public)
        return STATUS_INVALID_PARAMETER;
    struct bcrypt_object *key = BCryptpCreate(BCRYPT_KEY, provider, VERIFY_CALLER);
    if (!key) {
        plat_public_free(public);
        return STATUS_NO_MEMORY;
    }
    key->public = public;
    *phKey = key;
    return STATUS_SUCCESS;
}

/* The name of a hash that padding information gives; *name NULL: none. */
static bool digest_of(LPCWSTR id, const char **name, ULONG *size)
{
    const struct bcrypt_algorithm *algorithm = id ? BCryptpAlgorithm(id) : NULL;
    *name = algorithm ? algorithm->name : NULL;
    *size = algorithm ? algorithm->size : 0;
    return !id || (algorithm && algorithm->class == BCRYPT_HASHES);
}

static NTSTATUS verify_rsa(struct plat_public *key, const void *padding, ULONG flags, const UCHAR *hash, ULONG hash_size,
                           const UCHAR *signature, ULONG signature_size)
{
    const BCRYPT_PKCS1_PADDING_INFO *pkcs1 = padding;
    const BCRYPT_PSS_PADDING_INFO *pss = padding;
    const char *digest;
    ULONG size;
    if (!padding || (flags != BCRYPT_PAD_PKCS1 && flags != BCRYPT_PAD_PSS))
        return STATUS_INVALID_PARAMETER;
    if (!digest_of(flags == BCRYPT_PAD_PSS ? pss->pszAlgId : pkcs1->pszAlgId, &digest, &size))
        return STATUS_NOT_SUPPORTED;
    if ((flags == BCRYPT_PAD_PSS && !digest) || (digest && size != hash_size))
        return STATUS_INVALID_PARAMETER;
    int salt = flags == BCRYPT_PAD_PSS ? (int)pss->cbSalt : -1;
    return plat_rsa_verify(key, digest, salt, hash, hash_size, signature, signature_size) ? STATUS_SUCCESS
                                                                                           : STATUS_INVALID_SIGNATURE;
}

NTSTATUS BCryptVerifySignature(BCRYPT_KEY_HANDLE hKey, VOID *pPaddingInfo, PUCHAR pbHash, ULONG cbHash, PUCHAR pbSignature,
                               ULONG cbSignature, ULONG dwFlags)
{
    API_ENTER(BCryptVerifySignature, hKey, SCHED_READ);
    struct bcrypt_object *key = BCryptpFind(hKey, BCRYPT_KEY, "BCryptVerifySignature", VERIFY_CALLER);
    if (!key)
        return STATUS_INVALID_HANDLE;
    if (!key->public)
        return STATUS_NOT_SUPPORTED;
    if (!pbHash || !pbSignature)
        return STATUS_INVALID_PARAMETER;
    if (!key->algorithm->size)
        return verify_rsa(key->public, pPaddingInfo, dwFlags, pbHash, cbHash, pbSignature, cbSignature);
    if (pPaddingInfo || dwFlags)
        return STATUS_INVALID_PARAMETER;
    return cbSignature == 2 * key->algorithm->size &&
                   plat_ec_verify(key->public, pbHash, cbHash, pbSignature, cbSignature)
               ? STATUS_SUCCESS
               : STATUS_INVALID_SIGNATURE;
}
