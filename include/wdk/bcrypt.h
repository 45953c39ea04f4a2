// Cryptography primitives.
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
#define BCRYPT_RSAPUBLIC_BLOB L"RSAPUBLICBLOB"
#define BCRYPT_RSAPRIVATE_BLOB L"RSAPRIVATEBLOB"
#define BCRYPT_ECCPUBLIC_BLOB L"ECCPUBLICBLOB"
#define BCRYPT_ECCPRIVATE_BLOB L"ECCPRIVATEBLOB"
#define MS_PRIMITIVE_PROVIDER L"Microsoft Primitive Provider"

#define BCRYPT_PROV_DISPATCH 0x00000001
#define BCRYPT_ALG_HANDLE_HMAC_FLAG 0x00000008
#define BCRYPT_HASH_REUSABLE_FLAG 0x00000020
#define BCRYPT_BLOCK_PADDING 0x00000001
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

NTSTATUS BCryptOpenAlgorithmProvider(_Out_ BCRYPT_ALG_HANDLE *phAlgorithm, _In_ LPCWSTR pszAlgId,
                                     _In_opt_ LPCWSTR pszImplementation, _In_ ULONG dwFlags);
NTSTATUS BCryptCloseAlgorithmProvider(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm, _In_ ULONG dwFlags);
NTSTATUS BCryptGetProperty(_In_ BCRYPT_HANDLE hObject, _In_ LPCWSTR pszProperty,
                           _Out_ PUCHAR pbOutput, _In_ ULONG cbOutput, _Out_ ULONG *pcbResult,
                           _In_ ULONG dwFlags);
NTSTATUS BCryptSetProperty(_Inout_ BCRYPT_HANDLE hObject, _In_ LPCWSTR pszProperty,
                           _In_ PUCHAR pbInput, _In_ ULONG cbInput, _In_ ULONG dwFlags);
NTSTATUS BCryptCreateHash(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm, _Out_ BCRYPT_HASH_HANDLE *phHash,
                          _Out_opt_ PUCHAR pbHashObject, _In_ ULONG cbHashObject,
                          _In_opt_ PUCHAR pbSecret, _In_ ULONG cbSecret, _In_ ULONG dwFlags);
NTSTATUS BCryptHashData(_Inout_ BCRYPT_HASH_HANDLE hHash, _In_ PUCHAR pbInput, _In_ ULONG cbInput,
                        _In_ ULONG dwFlags);
NTSTATUS BCryptFinishHash(_Inout_ BCRYPT_HASH_HANDLE hHash, _Out_ PUCHAR pbOutput,
                          _In_ ULONG cbOutput, _In_ ULONG dwFlags);
NTSTATUS BCryptDuplicateHash(_In_ BCRYPT_HASH_HANDLE hHash, _Out_ BCRYPT_HASH_HANDLE *phNewHash,
                             _Out_opt_ PUCHAR pbHashObject, _In_ ULONG cbHashObject,
                             _In_ ULONG dwFlags);
NTSTATUS BCryptDestroyHash(_Inout_ BCRYPT_HASH_HANDLE hHash);
NTSTATUS BCryptHash(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm, _In_opt_ PUCHAR pbSecret,
                    _In_ ULONG cbSecret, _In_ PUCHAR pbInput, _In_ ULONG cbInput,
                    _Out_ PUCHAR pbOutput, _In_ ULONG cbOutput);
NTSTATUS BCryptGenRandom(_In_opt_ BCRYPT_ALG_HANDLE hAlgorithm, _Out_ PUCHAR pbBuffer,
                         _In_ ULONG cbBuffer, _In_ ULONG dwFlags);
NTSTATUS BCryptGenerateSymmetricKey(_Inout_ BCRYPT_ALG_HANDLE hAlgorithm,
                                    _Out_ BCRYPT_KEY_HANDLE *phKey, _Out_opt_ PUCHAR pbKeyObject,
                                    _In_ ULONG cbKeyObject, _In_ PUCHAR pbSecret,
                                    _In_ ULONG cbSecret, _In_ ULONG dwFlags);
NTSTATUS BCryptImportKey(_In_ BCRYPT_ALG_HANDLE hAlgorithm, _In_opt_ BCRYPT_KEY_HANDLE hImportKey,
                         _In_ LPCWSTR pszBlobType, _Out_ BCRYPT_KEY_HANDLE *phKey,
                         _Out_opt_ PUCHAR pbKeyObject, _In_ ULONG cbKeyObject, _In_ PUCHAR pbInput,
                         _In_ ULONG cbInput, _In_ ULONG dwFlags);
NTSTATUS BCryptImportKeyPair(_In_ BCRYPT_ALG_HANDLE hAlgorithm,
                             _In_opt_ BCRYPT_KEY_HANDLE hImportKey, _In_ LPCWSTR pszBlobType,
                             _Out_ BCRYPT_KEY_HANDLE *phKey, _In_ PUCHAR pbInput,
                             _In_ ULONG cbInput, _In_ ULONG dwFlags);
NTSTATUS BCryptExportKey(_In_ BCRYPT_KEY_HANDLE hKey, _In_opt_ BCRYPT_KEY_HANDLE hExportKey,
                         _In_ LPCWSTR pszBlobType, _Out_opt_ PUCHAR pbOutput, _In_ ULONG cbOutput,
                         _Out_ ULONG *pcbResult, _In_ ULONG dwFlags);
NTSTATUS BCryptDestroyKey(_Inout_ BCRYPT_KEY_HANDLE hKey);
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
NTSTATUS BCryptVerifySignature(_In_ BCRYPT_KEY_HANDLE hKey, _In_opt_ VOID *pPaddingInfo,
                               _In_ PUCHAR pbHash, _In_ ULONG cbHash, _In_ PUCHAR pbSignature,
                               _In_ ULONG cbSignature, _In_ ULONG dwFlags);
NTSTATUS BCryptDeriveKeyPBKDF2(_In_ BCRYPT_ALG_HANDLE hPrf, _In_opt_ PUCHAR pbPassword,
                               _In_ ULONG cbPassword, _In_opt_ PUCHAR pbSalt, _In_ ULONG cbSalt,
                               _In_ ULONGLONG cIterations, _Out_ PUCHAR pbDerivedKey,
                               _In_ ULONG cbDerivedKey, _In_ ULONG dwFlags);

FLTSIM_WDK_END

#endif
