/* Cryptography primitives.
 *
 * The routines are there where fltsim was built with OpenSSL's libcrypto (Meson option crypto); elsewhere a driver that calls
 * them does not link. Algorithms: MD5, SHA1, SHA256, SHA384, SHA512, each also as an HMAC; AES with 128, 192 and 256 bits in
 * modes CBC (the default), ECB, CFB, GCM and CCM; RNG. For any other BCryptOpenAlgorithmProvider gives STATUS_NOT_FOUND. What
 * needs pairs of keys (BCryptImportKeyPair, BCryptSignHash, BCryptVerifySignature) is absent.
 *
 * IRQL: opening and closing a provider PASSIVE_LEVEL; the rest also DISPATCH_LEVEL, with a provider that was opened with
 * BCRYPT_PROV_DISPATCH, or a pseudo handle (rule irql-too-high).
 * Ownership: who opens, makes, imports or duplicates gives back (rule crypto-handle). Memory handed in for an object may be
 * freed once the object is destroyed; NULL and 0: the object brings its own. A provider outlives what was made from it, unless
 * it was opened with BCRYPT_PROV_DISPATCH: then it must be closed last (crypto-handle).
 * In every routine STATUS_INVALID_HANDLE: no such object, or it is gone, or of another kind; STATUS_INVALID_PARAMETER: a
 * pointer or size that is required is missing, or a flag is not known.
 * Pages: bcrypt.h in the Windows SDK's documentation (nf-bcrypt-...), "CNG Algorithm Pseudo-handles". */
#ifndef FLTSIM_WDK_BCRYPT_H
#define FLTSIM_WDK_BCRYPT_H

#include <nt/begin.h>
#include <nt/types.h>

FLTSIM_WDK_BEGIN

typedef PVOID BCRYPT_HANDLE;
typedef PVOID BCRYPT_ALG_HANDLE;
typedef PVOID BCRYPT_KEY_HANDLE;
typedef PVOID BCRYPT_HASH_HANDLE;
typedef PVOID BCRYPT_SECRET_HANDLE;

#define BCRYPT_SUCCESS(Status) (((NTSTATUS)(Status)) >= 0)

#define BCRYPT_RSA_ALGORITHM L"RSA"
#define BCRYPT_RSA_SIGN_ALGORITHM L"RSA_SIGN"
#define BCRYPT_DH_ALGORITHM L"DH"
#define BCRYPT_DSA_ALGORITHM L"DSA"
#define BCRYPT_RC4_ALGORITHM L"RC4"
#define BCRYPT_AES_ALGORITHM L"AES"
#define BCRYPT_AES_GMAC_ALGORITHM L"AES-GMAC"
#define BCRYPT_AES_CMAC_ALGORITHM L"AES-CMAC"
#define BCRYPT_DES_ALGORITHM L"DES"
#define BCRYPT_3DES_ALGORITHM L"3DES"
#define BCRYPT_MD4_ALGORITHM L"MD4"
#define BCRYPT_MD5_ALGORITHM L"MD5"
#define BCRYPT_SHA1_ALGORITHM L"SHA1"
#define BCRYPT_SHA256_ALGORITHM L"SHA256"
#define BCRYPT_SHA384_ALGORITHM L"SHA384"
#define BCRYPT_SHA512_ALGORITHM L"SHA512"
#define BCRYPT_ECDSA_P521_ALGORITHM L"ECDSA_P521"
#define BCRYPT_ECDSA_P256_ALGORITHM L"ECDSA_P256"
#define BCRYPT_ECDSA_P384_ALGORITHM L"ECDSA_P384"
#define BCRYPT_ECDH_P256_ALGORITHM L"ECDH_P256"
#define BCRYPT_RNG_ALGORITHM L"RNG"
#define BCRYPT_PBKDF2_ALGORITHM L"PBKDF2"

#define BCRYPT_OBJECT_LENGTH L"ObjectLength"
#define BCRYPT_ALGORITHM_NAME L"AlgorithmName"
#define BCRYPT_PROVIDER_HANDLE L"ProviderHandle"
#define BCRYPT_CHAINING_MODE L"ChainingMode"
#define BCRYPT_BLOCK_LENGTH L"BlockLength"
#define BCRYPT_KEY_LENGTH L"KeyLength"
#define BCRYPT_KEY_STRENGTH L"KeyStrength"
#define BCRYPT_HASH_LENGTH L"HashDigestLength"
#define BCRYPT_HASH_BLOCK_LENGTH L"HashBlockLength"
#define BCRYPT_HASH_OID_LIST L"HashOIDList"
#define BCRYPT_IS_KEYED_HASH L"IsKeyedHash"
#define BCRYPT_IS_REUSABLE_HASH L"IsReusableHash"
#define BCRYPT_KEY_LENGTHS L"KeyLengths"
#define BCRYPT_KEY_OBJECT_LENGTH L"KeyObjectLength"
#define BCRYPT_EFFECTIVE_KEY_LENGTH L"EffectiveKeyLength"
#define BCRYPT_MESSAGE_BLOCK_LENGTH L"MessageBlockLength"
#define BCRYPT_BLOCK_SIZE_LIST L"BlockSizeList"
#define BCRYPT_PADDING_SCHEMES L"PaddingSchemes"
#define BCRYPT_PRIMITIVE_TYPE L"PrimitiveType"
#define BCRYPT_SIGNATURE_LENGTH L"SignatureLength"
#define BCRYPT_PUBLIC_KEY_LENGTH L"PublicKeyLength"
#define BCRYPT_INITIALIZATION_VECTOR L"IV"
#define BCRYPT_AUTH_TAG_LENGTH L"AuthTagLength"
#define BCRYPT_CHAIN_MODE_NA L"ChainingModeN/A"
#define BCRYPT_CHAIN_MODE_CBC L"ChainingModeCBC"
#define BCRYPT_CHAIN_MODE_ECB L"ChainingModeECB"
#define BCRYPT_CHAIN_MODE_CFB L"ChainingModeCFB"
#define BCRYPT_CHAIN_MODE_CCM L"ChainingModeCCM"
#define BCRYPT_CHAIN_MODE_GCM L"ChainingModeGCM"
#define BCRYPT_KEY_DATA_BLOB L"KeyDataBlob"
#define BCRYPT_OPAQUE_KEY_BLOB L"OpaqueKeyBlob"
#define BCRYPT_PUBLIC_KEY_BLOB L"PUBLICBLOB"
#define BCRYPT_RSAPUBLIC_BLOB L"RSAPUBLICBLOB"
#define BCRYPT_RSAPRIVATE_BLOB L"RSAPRIVATEBLOB"
#define BCRYPT_ECCPUBLIC_BLOB L"ECCPUBLICBLOB"
#define BCRYPT_ECCPRIVATE_BLOB L"ECCPRIVATEBLOB"
#define MS_PRIMITIVE_PROVIDER L"Microsoft Primitive Provider"

#define BCRYPT_PROV_DISPATCH 0x00000001
#define BCRYPT_ALG_HANDLE_HMAC_FLAG 0x00000008
#define BCRYPT_HASH_REUSABLE_FLAG 0x00000020
#define BCRYPT_BLOCK_PADDING 0x00000001
#define BCRYPT_NO_KEY_VALIDATION 0x00000008
#define BCRYPT_PAD_NONE 0x00000001
#define BCRYPT_PAD_PKCS1 0x00000002
#define BCRYPT_PAD_OAEP 0x00000004
#define BCRYPT_PAD_PSS 0x00000008
#define BCRYPT_USE_SYSTEM_PREFERRED_RNG 0x00000002
#define BCRYPT_RNG_USE_ENTROPY_IN_BUFFER 0x00000001

// Pseudo handles.
#define BCRYPT_MD5_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000021)
#define BCRYPT_SHA1_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000031)
#define BCRYPT_SHA256_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000041)
#define BCRYPT_SHA384_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000051)
#define BCRYPT_SHA512_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000061)
#define BCRYPT_RNG_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000081)
#define BCRYPT_HMAC_MD5_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x00000091)
#define BCRYPT_HMAC_SHA1_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000000a1)
#define BCRYPT_HMAC_SHA256_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000000b1)
#define BCRYPT_HMAC_SHA384_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000000c1)
#define BCRYPT_HMAC_SHA512_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000000d1)
#define BCRYPT_AES_CBC_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000001a1)
#define BCRYPT_AES_ECB_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000001b1)
#define BCRYPT_AES_CFB_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000001c1)
#define BCRYPT_AES_CCM_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000001d1)
#define BCRYPT_AES_GCM_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000001e1)
#define BCRYPT_RSA_ALG_HANDLE ((BCRYPT_ALG_HANDLE)0x000000e1)

typedef struct _BCRYPT_KEY_LENGTHS_STRUCT {
    ULONG dwMinLength;
    ULONG dwMaxLength;
    ULONG dwIncrement;
} BCRYPT_KEY_LENGTHS_STRUCT;
typedef BCRYPT_KEY_LENGTHS_STRUCT BCRYPT_AUTH_TAG_LENGTHS_STRUCT;

typedef struct _BCRYPT_KEY_DATA_BLOB_HEADER {
    ULONG dwMagic;
    ULONG dwVersion;
    ULONG cbKeyData;
} BCRYPT_KEY_DATA_BLOB_HEADER, *PBCRYPT_KEY_DATA_BLOB_HEADER;
#define BCRYPT_KEY_DATA_BLOB_MAGIC 0x4d42444b
#define BCRYPT_KEY_DATA_BLOB_VERSION1 0x1

typedef struct _BCRYPT_KEY_BLOB {
    ULONG Magic;
} BCRYPT_KEY_BLOB;

typedef struct _BCRYPT_RSAKEY_BLOB {
    ULONG Magic;
    ULONG BitLength;
    ULONG cbPublicExp;
    ULONG cbModulus;
    ULONG cbPrime1;
    ULONG cbPrime2;
} BCRYPT_RSAKEY_BLOB;
#define BCRYPT_RSAPUBLIC_MAGIC 0x31415352

typedef struct _BCRYPT_ECCKEY_BLOB {
    ULONG dwMagic;
    ULONG cbKey;
} BCRYPT_ECCKEY_BLOB, *PBCRYPT_ECCKEY_BLOB;
#define BCRYPT_ECDSA_PUBLIC_P256_MAGIC 0x31534345
#define BCRYPT_ECDSA_PUBLIC_P384_MAGIC 0x33534345
#define BCRYPT_ECDSA_PUBLIC_P521_MAGIC 0x35534345

typedef struct _BCRYPT_PKCS1_PADDING_INFO {
    LPCWSTR pszAlgId;
} BCRYPT_PKCS1_PADDING_INFO;

typedef struct _BCRYPT_PSS_PADDING_INFO {
    LPCWSTR pszAlgId;
    ULONG cbSalt;
} BCRYPT_PSS_PADDING_INFO;

typedef struct _BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO {
    ULONG cbSize;
    ULONG dwInfoVersion;
    PUCHAR pbNonce;
    ULONG cbNonce;
    PUCHAR pbAuthData;
    ULONG cbAuthData;
    PUCHAR pbTag;
    ULONG cbTag;
    PUCHAR pbMacContext;
    ULONG cbMacContext;
    ULONG cbAAD;
    ULONGLONG cbData;
    ULONG dwFlags;
} BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO, *PBCRYPT_AUTHENTICATED_CIPHER_MODE_INFO;

#define BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO_VERSION 1
#define BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG 0x00000001
#define BCRYPT_AUTH_MODE_IN_PROGRESS_FLAG 0x00000002
#define BCRYPT_INIT_AUTH_MODE_INFO(_AUTH_INFO_STRUCT_)                                             \
    RtlZeroMemory(&(_AUTH_INFO_STRUCT_), sizeof(BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO));           \
    (_AUTH_INFO_STRUCT_).cbSize = sizeof(BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO);                   \
    (_AUTH_INFO_STRUCT_).dwInfoVersion = BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO_VERSION

/* STATUS_NOT_FOUND: no such algorithm, or pszImplementation is not MS_PRIMITIVE_PROVIDER; STATUS_NO_MEMORY. The flags
 * BCRYPT_ALG_HANDLE_HMAC_FLAG and BCRYPT_HASH_REUSABLE_FLAG are for hashes. */
NTSTATUS BCryptOpenAlgorithmProvider(_Out_ BCRYPT_ALG_HANDLE *phAlgorithm, _In_ LPCWSTR pszAlgId,
                                     _In_opt_ LPCWSTR pszImplementation, _In_ ULONG dwFlags);
NTSTATUS BCryptCloseAlgorithmProvider(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm, _In_ ULONG dwFlags);
/* With pbOutput NULL only the size, in *pcbResult. STATUS_BUFFER_TOO_SMALL; STATUS_NOT_SUPPORTED: the object has no such
 * property. Answered: BCRYPT_ALGORITHM_NAME, _OBJECT_LENGTH, _PROVIDER_HANDLE; of hashes _HASH_LENGTH, _HASH_BLOCK_LENGTH,
 * _IS_KEYED_HASH, _IS_REUSABLE_HASH; of ciphers _CHAINING_MODE, _BLOCK_LENGTH, _KEY_LENGTHS, _AUTH_TAG_LENGTH (GCM, CCM),
 * _MESSAGE_BLOCK_LENGTH (CFB); of keys _KEY_LENGTH, _KEY_STRENGTH, _INITIALIZATION_VECTOR (CBC, CFB). */
NTSTATUS BCryptGetProperty(_In_ BCRYPT_HANDLE hObject, _In_ LPCWSTR pszProperty,
                           _Out_ PUCHAR pbOutput, _In_ ULONG cbOutput, _Out_ ULONG *pcbResult,
                           _In_ ULONG dwFlags);
/* Set: BCRYPT_CHAINING_MODE and _MESSAGE_BLOCK_LENGTH of ciphers and keys (a provider's holds for the keys made from then
 * on), _INITIALIZATION_VECTOR of keys. STATUS_NOT_SUPPORTED: any other, and of pseudo handles. */
NTSTATUS BCryptSetProperty(_Inout_ BCRYPT_HANDLE hObject, _In_ LPCWSTR pszProperty,
                           _In_ PUCHAR pbInput, _In_ ULONG cbInput, _In_ ULONG dwFlags);
/* pbSecret only with a provider opened with BCRYPT_ALG_HANDLE_HMAC_FLAG. STATUS_BUFFER_TOO_SMALL: cbHashObject is less than
 * BCRYPT_OBJECT_LENGTH; STATUS_NOT_SUPPORTED: no provider of hashes; STATUS_NO_MEMORY. */
NTSTATUS BCryptCreateHash(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm, _Out_ BCRYPT_HASH_HANDLE *phHash,
                          _Out_opt_ PUCHAR pbHashObject, _In_ ULONG cbHashObject,
                          _In_opt_ PUCHAR pbSecret, _In_ ULONG cbSecret, _In_ ULONG dwFlags);
NTSTATUS BCryptHashData(_Inout_ BCRYPT_HASH_HANDLE hHash, _In_ PUCHAR pbInput, _In_ ULONG cbInput,
                        _In_ ULONG dwFlags);
/* cbOutput is exactly BCRYPT_HASH_LENGTH, else STATUS_INVALID_PARAMETER. Afterwards the hash can only be destroyed
 * (STATUS_INVALID_HANDLE), or begins anew where it was made with BCRYPT_HASH_REUSABLE_FLAG. */
NTSTATUS BCryptFinishHash(_Inout_ BCRYPT_HASH_HANDLE hHash, _Out_ PUCHAR pbOutput,
                          _In_ ULONG cbOutput, _In_ ULONG dwFlags);
/* The copy goes on from what was hashed so far. STATUS_BUFFER_TOO_SMALL, STATUS_NO_MEMORY as for BCryptCreateHash. */
NTSTATUS BCryptDuplicateHash(_In_ BCRYPT_HASH_HANDLE hHash, _Out_ BCRYPT_HASH_HANDLE *phNewHash,
                             _Out_opt_ PUCHAR pbHashObject, _In_ ULONG cbHashObject,
                             _In_ ULONG dwFlags);
NTSTATUS BCryptDestroyHash(_Inout_ BCRYPT_HASH_HANDLE hHash);
/* All in one call, with the statuses of BCryptCreateHash and BCryptFinishHash. */
NTSTATUS BCryptHash(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm, _In_opt_ PUCHAR pbSecret,
                    _In_ ULONG cbSecret, _In_ PUCHAR pbInput, _In_ ULONG cbInput,
                    _Out_ PUCHAR pbOutput, _In_ ULONG cbOutput);
/* hAlgorithm NULL only with BCRYPT_USE_SYSTEM_PREFERRED_RNG, else STATUS_INVALID_HANDLE. Not random here: a machine's seed
 * gives the same bytes in every run, so that a failure replays. */
NTSTATUS BCryptGenRandom(_In_opt_ BCRYPT_ALG_HANDLE hAlgorithm, _Out_ PUCHAR pbBuffer,
                         _In_ ULONG cbBuffer, _In_ ULONG dwFlags);
/* cbSecret: 16, 24 or 32 bytes for AES, else STATUS_INVALID_PARAMETER. STATUS_BUFFER_TOO_SMALL: cbKeyObject is less than
 * BCRYPT_OBJECT_LENGTH; STATUS_NOT_SUPPORTED: no provider of ciphers; STATUS_NO_MEMORY. */
NTSTATUS BCryptGenerateSymmetricKey(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm,
                                    _Out_ BCRYPT_KEY_HANDLE *phKey, _Out_opt_ PUCHAR pbKeyObject,
                                    _In_ ULONG cbKeyObject, _In_ PUCHAR pbSecret,
                                    _In_ ULONG cbSecret, _In_ ULONG dwFlags);
/* Import and export as BCRYPT_KEY_DATA_BLOB, not wrapped by another key; else STATUS_NOT_SUPPORTED. A blob that is damaged:
 * STATUS_INVALID_PARAMETER. With pbOutput NULL, BCryptExportKey says the size. STATUS_BUFFER_TOO_SMALL, STATUS_NO_MEMORY. */
NTSTATUS BCryptImportKey(_In_ BCRYPT_ALG_HANDLE hAlgorithm, _In_opt_ BCRYPT_KEY_HANDLE hImportKey,
                         _In_ LPCWSTR pszBlobType, _Out_ BCRYPT_KEY_HANDLE *phKey,
                         _Out_opt_ PUCHAR pbKeyObject, _In_ ULONG cbKeyObject, _In_ PUCHAR pbInput,
                         _In_ ULONG cbInput, _In_ ULONG dwFlags);
/* Public keys, for BCryptVerifySignature: RSAPUBLICBLOB, ECCPUBLICBLOB (ECDSA_P256, _P384, _P521), PUBLICBLOB. dwFlags: 0 or
 * BCRYPT_NO_KEY_VALIDATION. A blob that is damaged: STATUS_INVALID_PARAMETER; another one, or an algorithm that signs
 * nothing: STATUS_NOT_SUPPORTED; STATUS_NO_MEMORY. */
NTSTATUS BCryptImportKeyPair(_In_ BCRYPT_ALG_HANDLE hAlgorithm,
                             _In_opt_ BCRYPT_KEY_HANDLE hImportKey, _In_ LPCWSTR pszBlobType,
                             _Out_ BCRYPT_KEY_HANDLE *phKey, _In_ PUCHAR pbInput,
                             _In_ ULONG cbInput, _In_ ULONG dwFlags);
NTSTATUS BCryptExportKey(_In_ BCRYPT_KEY_HANDLE hKey, _In_opt_ BCRYPT_KEY_HANDLE hExportKey,
                         _In_ LPCWSTR pszBlobType, _Out_opt_ PUCHAR pbOutput, _In_ ULONG cbOutput,
                         _Out_ ULONG *pcbResult, _In_ ULONG dwFlags);
/* With the mode and the initialization vector that the key has. */
NTSTATUS BCryptDuplicateKey(_In_ BCRYPT_KEY_HANDLE hKey, _Out_ BCRYPT_KEY_HANDLE *phNewKey,
                            _Out_opt_ PUCHAR pbKeyObject, _In_ ULONG cbKeyObject, _In_ ULONG dwFlags);
NTSTATUS BCryptDestroyKey(_Inout_ BCRYPT_KEY_HANDLE hKey);
/* pbInput and pbOutput may be one buffer. With pbOutput NULL only the size, in *pcbResult. pbIV is a block (else
 * STATUS_INVALID_PARAMETER) and is updated, so that the next call goes on from it; NULL: the key's own, which is not.
 * BCRYPT_BLOCK_PADDING: 1 to 16 bytes of that value, taken off again by BCryptDecrypt (STATUS_UNSUCCESSFUL: there are none).
 * STATUS_INVALID_BUFFER_SIZE: not whole blocks, and no padding asked for; STATUS_BUFFER_TOO_SMALL.
 * GCM, CCM: pPaddingInfo is a BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO, no padding, no pbIV; a nonce of 12 (CCM: 7 to 13) bytes;
 * STATUS_AUTH_TAG_MISMATCH: the text or the added data are not what was sealed, and nothing is put out. Calls are chained in
 * GCM only (CCM: STATUS_NOT_SUPPORTED), whole blocks each but the last; a chain that is begun belongs to its key. */
NTSTATUS BCryptEncrypt(_Inout_ BCRYPT_KEY_HANDLE hKey, _In_opt_ PUCHAR pbInput, _In_ ULONG cbInput,
                       _In_opt_ VOID *pPaddingInfo, _Inout_opt_ PUCHAR pbIV, _In_ ULONG cbIV,
                       _Out_opt_ PUCHAR pbOutput, _In_ ULONG cbOutput, _Out_ ULONG *pcbResult,
                       _In_ ULONG dwFlags);
NTSTATUS BCryptDecrypt(_Inout_ BCRYPT_KEY_HANDLE hKey, _In_opt_ PUCHAR pbInput, _In_ ULONG cbInput,
                       _In_opt_ VOID *pPaddingInfo, _Inout_opt_ PUCHAR pbIV, _In_ ULONG cbIV,
                       _Out_opt_ PUCHAR pbOutput, _In_ ULONG cbOutput, _Out_ ULONG *pcbResult,
                       _In_ ULONG dwFlags);
NTSTATUS BCryptSignHash(_In_ BCRYPT_KEY_HANDLE hKey, _In_opt_ VOID *pPaddingInfo,
                        _In_ PUCHAR pbInput, _In_ ULONG cbInput, _Out_opt_ PUCHAR pbOutput,
                        _In_ ULONG cbOutput, _Out_ ULONG *pcbResult, _In_ ULONG dwFlags);
/* RSA: dwFlags BCRYPT_PAD_PKCS1 or BCRYPT_PAD_PSS, and the information that goes with it; ECDSA: neither, r and s behind each
 * other. STATUS_INVALID_SIGNATURE; STATUS_NOT_SUPPORTED: no public key; STATUS_INVALID_PARAMETER. */
NTSTATUS BCryptVerifySignature(_In_ BCRYPT_KEY_HANDLE hKey, _In_opt_ VOID *pPaddingInfo,
                               _In_ PUCHAR pbHash, _In_ ULONG cbHash, _In_ PUCHAR pbSignature,
                               _In_ ULONG cbSignature, _In_ ULONG dwFlags);
/* hPrf: a provider opened with BCRYPT_ALG_HANDLE_HMAC_FLAG, else STATUS_INVALID_PARAMETER. STATUS_NO_MEMORY. */
NTSTATUS BCryptDeriveKeyPBKDF2(_In_ BCRYPT_ALG_HANDLE hPrf, _In_opt_ PUCHAR pbPassword,
                               _In_ ULONG cbPassword, _In_opt_ PUCHAR pbSalt, _In_ ULONG cbSalt,
                               _In_ ULONGLONG cIterations, _Out_ PUCHAR pbDerivedKey,
                               _In_ ULONG cbDerivedKey, _In_ ULONG dwFlags);

FLTSIM_WDK_END

#endif
