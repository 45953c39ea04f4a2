/* Algorithms, and the providers that drivers open for them. */
#include "bcrypt/bcryptp.h"

#include "verify/api.h"
#include "verify/verify.h"

/* Sizes of objects: what Windows 10 answers, near enough for buffers that drivers allocate by it. */
static const struct bcrypt_algorithm algorithms[] = {
    {u"MD5", "MD5", BCRYPT_HASHES, 16, 64, 274},
    {u"SHA1", "SHA1", BCRYPT_HASHES, 20, 64, 278},
    {u"SHA256", "SHA256", BCRYPT_HASHES, 32, 64, 286},
    {u"SHA384", "SHA384", BCRYPT_HASHES, 48, 128, 382},
    {u"SHA512", "SHA512", BCRYPT_HASHES, 64, 128, 382},
    {u"AES", "AES", BCRYPT_CIPHERS, 0, 16, 654},
    {u"RNG", "RNG", BCRYPT_RANDOM, 0, 0, 0},
    {u"RSA", "RSA", BCRYPT_SIGNATURES, 0, 0, 0},
    {u"RSA_SIGN", "RSA", BCRYPT_SIGNATURES, 0, 0, 0},
    {u"ECDSA_P256", "P-256", BCRYPT_SIGNATURES, 32, 0, 0},
    {u"ECDSA_P384", "P-384", BCRYPT_SIGNATURES, 48, 0, 0},
    {u"ECDSA_P521", "P-521", BCRYPT_SIGNATURES, 66, 0, 0},
};
enum { MD5, SHA1, SHA256, SHA384, SHA512, AES, RNG, RSA, RSA_SIGN, ECDSA_P256, ECDSA_P384, ECDSA_P521, ALGORITHMS };
_Static_assert(sizeof algorithms / sizeof *algorithms == ALGORITHMS, "one name each");

static const struct bcrypt_mode modes[] = {
    {u"ChainingModeCBC", "CBC", true, false}, // the default
    {u"ChainingModeECB", "ECB", false, false},
    {u"ChainingModeCFB", "CFB", true, false},
    {u"ChainingModeGCM", "GCM", false, true},
    {u"ChainingModeCCM", "CCM", false, true},
};
enum { CBC, ECB, CFB, GCM, CCM, MODES };

/* The documentation's pseudo handles ("CNG Algorithm Pseudo-handles"). */
#define PSEUDO(handle, algorithm_, flags_) \
    {handle, {.kind = BCRYPT_PROVIDER, .algorithm = &algorithms[algorithm_], .flags = BCRYPT_PROV_DISPATCH | (flags_)}}
#define PSEUDO_AES(handle, mode_)                                                                                         \
    {handle, {.kind = BCRYPT_PROVIDER, .algorithm = &algorithms[AES], .flags = BCRYPT_PROV_DISPATCH, .mode = &modes[mode_], \
              .feedback = 1}}
static struct pseudo {
    ULONG handle;
    struct bcrypt_object provider;
} pseudo[] = {
    PSEUDO(0x21, MD5, 0), PSEUDO(0x31, SHA1, 0), PSEUDO(0x41, SHA256, 0), PSEUDO(0x51, SHA384, 0), PSEUDO(0x61, SHA512, 0),
    PSEUDO(0x81, RNG, 0), PSEUDO(0xe1, RSA, 0),
    PSEUDO(0x91, MD5, BCRYPT_ALG_HANDLE_HMAC_FLAG), PSEUDO(0xa1, SHA1, BCRYPT_ALG_HANDLE_HMAC_FLAG),
    PSEUDO(0xb1, SHA256, BCRYPT_ALG_HANDLE_HMAC_FLAG), PSEUDO(0xc1, SHA384, BCRYPT_ALG_HANDLE_HMAC_FLAG),
    PSEUDO(0xd1, SHA512, BCRYPT_ALG_HANDLE_HMAC_FLAG),
    PSEUDO_AES(0x1a1, CBC), PSEUDO_AES(0x1b1, ECB), PSEUDO_AES(0x1c1, CFB), PSEUDO_AES(0x1d1, CCM), PSEUDO_AES(0x1e1, GCM),
};

struct bcrypt_object *BCryptpPseudo(BCRYPT_HANDLE handle)
{
    for (size_t i = 0; i < sizeof pseudo / sizeof *pseudo; i++)
        if (handle == (BCRYPT_HANDLE)(ULONG_PTR)pseudo[i].handle)
            return &pseudo[i].provider;
    return NULL;
}

bool BCryptpSameName(const WCHAR *a, LPCWSTR b)
{
    while (*a && (WCHAR)*a == *b)
        a++, b++;
    return (WCHAR)*a == *b;
}

const char *BCryptpPrintName(const struct bcrypt_algorithm *algorithm, char text[16])
{
    size_t i = 0;
    for (; algorithm->id[i] && i < 15; i++)
        text[i] = (char)algorithm->id[i];
    text[i] = 0;
    return text;
}

const struct bcrypt_mode *BCryptpMode(LPCWSTR id)
{
    for (size_t i = 0; i < MODES; i++)
        if (BCryptpSameName(modes[i].id, id))
            return &modes[i];
    return NULL;
}

const struct bcrypt_algorithm *BCryptpAlgorithm(LPCWSTR id)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (BCryptpSameName(algorithms[i].id, id))
            return &algorithms[i];
    return NULL;
}

NTSTATUS BCryptOpenAlgorithmProvider(BCRYPT_ALG_HANDLE *phAlgorithm, LPCWSTR pszAlgId, LPCWSTR pszImplementation,
                                     ULONG dwFlags)
{
    API_ENTER(BCryptOpenAlgorithmProvider, NULL, SCHED_WRITE);
    const ULONG known = BCRYPT_PROV_DISPATCH | BCRYPT_ALG_HANDLE_HMAC_FLAG | BCRYPT_HASH_REUSABLE_FLAG;
    if (!phAlgorithm || !pszAlgId || (dwFlags & ~known))
        return STATUS_INVALID_PARAMETER;
    const struct bcrypt_algorithm *algorithm = BCryptpAlgorithm(pszAlgId);
    if (!algorithm || (pszImplementation && !BCryptpSameName(u"Microsoft Primitive Provider", pszImplementation)))
        return STATUS_NOT_FOUND;
    if (algorithm->class != BCRYPT_HASHES && (dwFlags & ~BCRYPT_PROV_DISPATCH))
        return STATUS_INVALID_PARAMETER;

    struct bcrypt_object *provider = BCryptpCreate(BCRYPT_PROVIDER, NULL, VERIFY_CALLER);
    if (!provider)
        return STATUS_NO_MEMORY;
    provider->algorithm = algorithm;
    provider->flags = dwFlags;
    provider->mode = algorithm->class == BCRYPT_CIPHERS ? &modes[CBC] : NULL;
    provider->feedback = 1;
    *phAlgorithm = provider;
    return STATUS_SUCCESS;
}

NTSTATUS BCryptCloseAlgorithmProvider(BCRYPT_ALG_HANDLE hAlgorithm, ULONG dwFlags)
{
    API_ENTER(BCryptCloseAlgorithmProvider, hAlgorithm, SCHED_WRITE);
    if (dwFlags)
        return STATUS_INVALID_PARAMETER;
    if (!BCryptpDestroy(hAlgorithm, BCRYPT_PROVIDER, "BCryptCloseAlgorithmProvider", VERIFY_CALLER))
        return STATUS_INVALID_HANDLE;
    return STATUS_SUCCESS;
}
