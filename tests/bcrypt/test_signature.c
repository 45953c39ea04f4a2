/* Signatures: made by OpenSSL's command of SHA-256("a message that was signed"), with keys that were then forgotten. */
#include <ntifs.h>
#include <bcrypt.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

static UCHAR modulus[] = {
    0xcf, 0xf0, 0x9f, 0xcb, 0xfa, 0xee, 0x1c, 0x7e, 0xc2, 0xfe, 0x6f, 0xb3, 0x8e, 0xdf, 0x9a, 0x6d, 0xf3, 0x6d, 0x0a, 0x70,
    0x80, 0x55, 0xee, 0x88, 0x91, 0xe1, 0x61, 0x6c, 0x3c, 0x08, 0x2b, 0x9b, 0xc7, 0xb0, 0xea, 0xc4, 0xf1, 0x97, 0xd5, 0x43,
    0x5e, 0xbe, 0xb5, 0xfd, 0x07, 0x39, 0x2a, 0x4d, 0xb4, 0x40, 0xdc, 0x58, 0xdc, 0x58, 0x61, 0xd9, 0x58, 0xd9, 0xac, 0xcd,
    0x6e, 0xce, 0xe6, 0x65, 0x53, 0x42, 0xb3, 0xa4, 0x2f, 0x7f, 0x13, 0xa3, 0x28, 0x03, 0xb5, 0xf0, 0x36, 0xad, 0x61, 0xcd,
    0x28, 0xea, 0x99, 0x63, 0xc0, 0xf8, 0x1f, 0x5f, 0x23, 0x03, 0x46, 0xe1, 0x66, 0xf3, 0x30, 0x1d, 0x30, 0xff, 0xee, 0xde,
    0x6f, 0xb7, 0xef, 0x8b, 0x26, 0x8f, 0x5c, 0x74, 0x3d, 0x90, 0x15, 0xe1, 0xae, 0x66, 0x6d, 0xd1, 0x95, 0x06, 0x73, 0x7f,
    0x0b, 0x21, 0x39, 0xfe, 0xeb, 0x8f, 0x63, 0xd3,
};
static UCHAR pkcs1[] = {
    0x1d, 0x36, 0x2c, 0x99, 0x73, 0x0f, 0x7a, 0x8e, 0x2e, 0x58, 0x2d, 0x05, 0xdf, 0x50, 0xb4, 0xa7, 0xd1, 0xd5, 0xd0, 0xa1,
    0x8a, 0x1a, 0xc0, 0x00, 0x78, 0x59, 0x24, 0x08, 0xe9, 0x4b, 0xa2, 0x6b, 0xc9, 0x87, 0x38, 0x1e, 0xcc, 0x3e, 0x0c, 0xfa,
    0xdf, 0x02, 0x8f, 0x2d, 0x3b, 0xf3, 0x3e, 0x01, 0x14, 0xb3, 0x4b, 0x6b, 0x19, 0xed, 0x95, 0x3a, 0x88, 0x2a, 0x49, 0xf7,
    0xcd, 0x3b, 0x98, 0x77, 0x09, 0x33, 0x85, 0x8e, 0x8b, 0xce, 0x1d, 0xe8, 0x02, 0xc4, 0x23, 0x19, 0xd1, 0x9d, 0x9b, 0xbe,
    0x60, 0x6e, 0xda, 0xb5, 0xc3, 0xe9, 0xcf, 0xbb, 0x24, 0x95, 0x62, 0x44, 0x00, 0xbc, 0x56, 0x14, 0x99, 0xc7, 0xda, 0x00,
    0x2e, 0x90, 0x5b, 0x40, 0x3e, 0x3c, 0x74, 0x1c, 0x41, 0x9b, 0xe0, 0x1b, 0xe5, 0x49, 0x7d, 0x73, 0x21, 0x53, 0xee, 0x4f,
    0x75, 0x19, 0x14, 0x8d, 0xe2, 0x69, 0x51, 0x3f,
};
static UCHAR pss[] = {
    0x36, 0xfd, 0x9f, 0x18, 0xc0, 0xfe, 0xff, 0x45, 0xf9, 0x42, 0x6f, 0xc3, 0xc7, 0xf9, 0x9a, 0xfe, 0x67, 0xd5, 0x67, 0xd0,
    0xd5, 0x70, 0x2c, 0x01, 0x93, 0xc5, 0x49, 0x10, 0xe7, 0xfa, 0x36, 0x09, 0xe1, 0x87, 0x1f, 0xbb, 0xe9, 0x10, 0x2d, 0x8a,
    0x81, 0x65, 0x2a, 0x2f, 0x4d, 0x43, 0xa0, 0xce, 0x8f, 0xd9, 0xb7, 0x09, 0x15, 0xd2, 0xf2, 0xb7, 0x9b, 0x69, 0xfb, 0xd2,
    0xab, 0x17, 0xf8, 0x1e, 0x52, 0x2c, 0x82, 0x4e, 0xd9, 0x02, 0x9b, 0xbd, 0xd7, 0xc3, 0xbf, 0x0f, 0x06, 0x04, 0xac, 0x0f,
    0x94, 0x70, 0xda, 0x27, 0xb9, 0x1b, 0x47, 0x7d, 0x0c, 0xcd, 0x0a, 0x61, 0x0f, 0x48, 0xaa, 0x88, 0x74, 0xa2, 0x5d, 0x81,
    0x7a, 0x1d, 0x04, 0xef, 0x7b, 0x5a, 0x7a, 0x50, 0xa3, 0x5a, 0x1b, 0x99, 0xaa, 0xb2, 0x0d, 0xe1, 0x3e, 0xaf, 0x18, 0x32,
    0xa0, 0x4b, 0xb2, 0x21, 0x45, 0x79, 0x01, 0x7b,
};
static UCHAR point[] = {
    0x9a, 0x13, 0x0d, 0x5f, 0x29, 0xa1, 0xd8, 0x0c, 0x85, 0xe5, 0xe3, 0x3d, 0x60, 0xd3, 0xb6, 0x0f, 0x1e, 0x65, 0x00, 0xfa,
    0x65, 0xb6, 0x91, 0xe8, 0x58, 0x4a, 0x00, 0xe6, 0xc6, 0x00, 0x89, 0xab, 0x23, 0x39, 0x70, 0x62, 0xd6, 0x49, 0x42, 0x00,
    0x46, 0xb6, 0x7c, 0xb8, 0xa4, 0x9c, 0xe1, 0xaa, 0x18, 0x49, 0x67, 0xc4, 0xda, 0x80, 0x3b, 0x1e, 0x61, 0x12, 0x6f, 0x68,
    0xb3, 0x71, 0x25, 0x08,
};
static UCHAR ecdsa[] = {
    0xd1, 0x29, 0x30, 0x35, 0xb8, 0x63, 0xbe, 0xcd, 0x23, 0x80, 0x1d, 0xe2, 0x71, 0x3a, 0x7a, 0x0d, 0xb2, 0xfd, 0xb1, 0x8a,
    0xbe, 0x9c, 0x30, 0xe5, 0xf8, 0x95, 0x65, 0x62, 0x98, 0x51, 0xa2, 0x57, 0x66, 0xfd, 0xa8, 0x74, 0xe6, 0x36, 0x57, 0x45,
    0x21, 0x14, 0x38, 0xed, 0xdf, 0xb7, 0xf2, 0x76, 0xf4, 0xc8, 0x11, 0xcb, 0x6a, 0xff, 0x26, 0xc7, 0x7a, 0x56, 0xeb, 0x91,
    0xf2, 0x50, 0x3a, 0x78,
};

enum { HASH = 32 };

static void hash_of(const char *message, UCHAR hash[HASH])
{
    assert_int_equal(BCryptHash(BCRYPT_SHA256_ALG_HANDLE, NULL, 0, (PUCHAR)message, (ULONG)strlen(message), hash, HASH),
                     STATUS_SUCCESS);
}

static BCRYPT_ALG_HANDLE provider(LPCWSTR algorithm)
{
    BCRYPT_ALG_HANDLE handle;
    assert_int_equal(BCryptOpenAlgorithmProvider(&handle, algorithm, NULL, 0), STATUS_SUCCESS);
    return handle;
}

static ULONG rsa_blob(UCHAR *blob)
{
    BCRYPT_RSAKEY_BLOB header = {BCRYPT_RSAPUBLIC_MAGIC, 1024, 3, sizeof modulus, 0, 0};
    memcpy(blob, &header, sizeof header);
    memcpy(blob + sizeof header, "\1\0\1", 3);
    memcpy(blob + sizeof header + 3, modulus, sizeof modulus);
    return sizeof header + 3 + sizeof modulus;
}

static ULONG ecc_blob(UCHAR *blob)
{
    BCRYPT_ECCKEY_BLOB header = {BCRYPT_ECDSA_PUBLIC_P256_MAGIC, 32};
    memcpy(blob, &header, sizeof header);
    memcpy(blob + sizeof header, point, sizeof point);
    return sizeof header + sizeof point;
}

static void an_rsa_signature_is_checked(void)
{
    static const struct {
        ULONG flags;
        BOOLEAN goodHash, goodSignature;
        NTSTATUS status;
    } rows[] = {
        {BCRYPT_PAD_PKCS1, TRUE, TRUE, STATUS_SUCCESS},
        {BCRYPT_PAD_PKCS1, FALSE, TRUE, STATUS_INVALID_SIGNATURE},
        {BCRYPT_PAD_PKCS1, TRUE, FALSE, STATUS_INVALID_SIGNATURE},
        {BCRYPT_PAD_PSS, TRUE, TRUE, STATUS_SUCCESS},
        {BCRYPT_PAD_PSS, FALSE, TRUE, STATUS_INVALID_SIGNATURE},
        {BCRYPT_PAD_PSS, TRUE, FALSE, STATUS_INVALID_SIGNATURE},
        {0, TRUE, TRUE, STATUS_INVALID_PARAMETER},
    };
    BCRYPT_PKCS1_PADDING_INFO withPkcs1 = {BCRYPT_SHA256_ALGORITHM};
    BCRYPT_PSS_PADDING_INFO withPss = {BCRYPT_SHA256_ALGORITHM, 32};
    UCHAR blob[256], hash[HASH], signature[sizeof pkcs1];
    BCRYPT_ALG_HANDLE algorithm = provider(BCRYPT_RSA_ALGORITHM);
    BCRYPT_KEY_HANDLE key;
    assert_int_equal(BCryptImportKeyPair(algorithm, NULL, BCRYPT_RSAPUBLIC_BLOB, &key, blob, rsa_blob(blob), 0),
                     STATUS_SUCCESS);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        bool isPss = rows[i].flags == BCRYPT_PAD_PSS;
        hash_of(rows[i].goodHash ? "a message that was signed" : "another", hash);
        memcpy(signature, isPss ? pss : pkcs1, sizeof signature);
        signature[70] ^= !rows[i].goodSignature;
        assert_int_equal(BCryptVerifySignature(key, isPss ? (PVOID)&withPss : &withPkcs1, hash, HASH, signature,
                                               sizeof signature, rows[i].flags),
                         rows[i].status);
    }
    assert_int_equal(BCryptVerifySignature(key, NULL, hash, HASH, pkcs1, sizeof pkcs1, BCRYPT_PAD_PKCS1),
                     STATUS_INVALID_PARAMETER);
    withPkcs1.pszAlgId = L"none";
    assert_int_equal(BCryptVerifySignature(key, &withPkcs1, hash, HASH, pkcs1, sizeof pkcs1, BCRYPT_PAD_PKCS1),
                     STATUS_NOT_SUPPORTED);
    withPkcs1.pszAlgId = BCRYPT_SHA1_ALGORITHM; /* of another length */
    assert_int_equal(BCryptVerifySignature(key, &withPkcs1, hash, HASH, pkcs1, sizeof pkcs1, BCRYPT_PAD_PKCS1),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(BCryptDestroyKey(key), STATUS_SUCCESS);
    assert_int_equal(BCryptCloseAlgorithmProvider(algorithm, 0), STATUS_SUCCESS);
}

static void an_ecdsa_signature_is_checked(void)
{
    UCHAR blob[128], hash[HASH];
    BCRYPT_ALG_HANDLE algorithm = provider(BCRYPT_ECDSA_P256_ALGORITHM);
    BCRYPT_KEY_HANDLE key;
    assert_int_equal(BCryptImportKeyPair(algorithm, NULL, BCRYPT_ECCPUBLIC_BLOB, &key, blob, ecc_blob(blob), 0),
                     STATUS_SUCCESS);
    hash_of("a message that was signed", hash);
    assert_int_equal(BCryptVerifySignature(key, NULL, hash, HASH, ecdsa, sizeof ecdsa, 0), STATUS_SUCCESS);
    assert_int_equal(BCryptVerifySignature(key, NULL, hash, HASH, ecdsa, sizeof ecdsa - 1, 0), STATUS_INVALID_SIGNATURE);
    assert_int_equal(BCryptVerifySignature(key, NULL, hash, HASH, ecdsa, sizeof ecdsa, BCRYPT_PAD_PKCS1),
                     STATUS_INVALID_PARAMETER);
    hash[0] ^= 1;
    assert_int_equal(BCryptVerifySignature(key, NULL, hash, HASH, ecdsa, sizeof ecdsa, 0), STATUS_INVALID_SIGNATURE);
    assert_int_equal(BCryptDestroyKey(key), STATUS_SUCCESS);
    assert_int_equal(BCryptCloseAlgorithmProvider(algorithm, 0), STATUS_SUCCESS);
}

static void damaged_keys_are_refused(void)
{
    UCHAR blob[256];
    ULONG size = rsa_blob(blob), done;
    BCRYPT_ALG_HANDLE rsa = provider(BCRYPT_RSA_ALGORITHM), ecc = provider(BCRYPT_ECDSA_P256_ALGORITHM),
                      aes = provider(BCRYPT_AES_ALGORITHM);
    BCRYPT_KEY_HANDLE key;
    const struct {
        BCRYPT_ALG_HANDLE algorithm;
        LPCWSTR type;
        ULONG size, flags;
        NTSTATUS status;
    } rows[] = {
        {rsa, BCRYPT_RSAPUBLIC_BLOB, size - 1, 0, STATUS_INVALID_PARAMETER},
        {rsa, BCRYPT_RSAPUBLIC_BLOB, 8, 0, STATUS_INVALID_PARAMETER},
        {rsa, BCRYPT_RSAPUBLIC_BLOB, size, 1, STATUS_INVALID_PARAMETER},
        {rsa, BCRYPT_ECCPUBLIC_BLOB, size, 0, STATUS_NOT_SUPPORTED},
        {ecc, BCRYPT_ECCPUBLIC_BLOB, size, 0, STATUS_INVALID_PARAMETER},
        {aes, BCRYPT_RSAPUBLIC_BLOB, size, 0, STATUS_NOT_SUPPORTED},
        {NULL, BCRYPT_RSAPUBLIC_BLOB, size, 0, STATUS_INVALID_HANDLE},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++)
        assert_int_equal(BCryptImportKeyPair(rows[i].algorithm, NULL, rows[i].type, &key, blob, rows[i].size, rows[i].flags),
                         rows[i].status);
    fltsim_fail_allocation(1);
    assert_int_equal(BCryptImportKeyPair(rsa, NULL, BCRYPT_RSAPUBLIC_BLOB, &key, blob, size, 0), STATUS_NO_MEMORY);
    fltsim_fail_allocation(0);
    assert_int_equal(BCryptImportKeyPair(rsa, NULL, BCRYPT_PUBLIC_KEY_BLOB, &key, blob, size, BCRYPT_NO_KEY_VALIDATION),
                     STATUS_SUCCESS);
    assert_int_equal(BCryptEncrypt(key, blob, 16, NULL, NULL, 0, blob, 16, &done, 0), STATUS_NOT_SUPPORTED);
    assert_int_equal(BCryptDecrypt(key, blob, 16, NULL, NULL, 0, blob, 16, &done, 0), STATUS_NOT_SUPPORTED);
    assert_int_equal(BCryptExportKey(key, NULL, BCRYPT_KEY_DATA_BLOB, NULL, 0, &done, 0), STATUS_NOT_SUPPORTED);
    assert_int_equal(BCryptDestroyKey(key), STATUS_SUCCESS);
    assert_int_equal(BCryptVerifySignature(key, NULL, blob, 1, blob, 1, 0), STATUS_INVALID_HANDLE);
    assert_int_equal(BCryptGenerateSymmetricKey(aes, &key, NULL, 0, blob, 16, 0), STATUS_SUCCESS);
    assert_int_equal(BCryptVerifySignature(key, NULL, blob, 1, blob, 1, 0), STATUS_NOT_SUPPORTED);
    assert_int_equal(BCryptDestroyKey(key), STATUS_SUCCESS);
    BCryptCloseAlgorithmProvider(aes, 0);
    BCryptCloseAlgorithmProvider(ecc, 0);
    BCryptCloseAlgorithmProvider(rsa, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(an_rsa_signature_is_checked),
        fltsim_unit_test(an_ecdsa_signature_is_checked),
        fltsim_unit_test(damaged_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
