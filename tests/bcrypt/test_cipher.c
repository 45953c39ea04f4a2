/* AES: published vectors, and each status that the pages give. */
#include "crypto.h"

#define PLAIN "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
#define VECTOR "000102030405060708090a0b0c0d0e0f"
#define KEY "2b7e151628aed2a6abf7158809cf4f3c"

static const struct row { // NIST SP 800-38A, appendix F: two blocks
    const WCHAR *mode;
    ULONG feedback;
    const char *key, *sealed;
} rows[] = {
    {BCRYPT_CHAIN_MODE_ECB, 0, KEY, "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"},
    {BCRYPT_CHAIN_MODE_ECB, 0, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef"},
    {BCRYPT_CHAIN_MODE_ECB, 0, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"},
    {BCRYPT_CHAIN_MODE_CBC, 0, KEY, "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"},
    {BCRYPT_CHAIN_MODE_CBC, 0, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"},
    {BCRYPT_CHAIN_MODE_CBC, 0, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"},
    {BCRYPT_CHAIN_MODE_CFB, 16, KEY, "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b"},
};
#define EACH(r) const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++

static BCRYPT_ALG_HANDLE aes;

static void set_mode(BCRYPT_HANDLE object, const WCHAR *mode)
{
    succeeds(BCryptSetProperty(object, BCRYPT_CHAINING_MODE, (PUCHAR)mode, sizeof BCRYPT_CHAIN_MODE_CBC, 0));
}

static BCRYPT_KEY_HANDLE make_key(const char *digits, const WCHAR *mode)
{
    BCRYPT_KEY_HANDLE key = NULL;
    aes = open_provider(BCRYPT_AES_ALGORITHM, 0);
    set_mode(aes, mode);
    succeeds(BCryptGenerateSymmetricKey(aes, &key, NULL, 0, hex(digits), HEX_SIZE(digits), 0));
    return key;
}

static void drop_key(BCRYPT_KEY_HANDLE key)
{
    succeeds(BCryptDestroyKey(key));
    close_provider(aes);
}

static void each_mode_gives_the_published_text(void)
{
    UCHAR text[32], vector[16];
    ULONG size;

    for (EACH(r)) {
        BCRYPT_KEY_HANDLE key = make_key(r->key, r->mode);
        bool chained = wcscmp(r->mode, BCRYPT_CHAIN_MODE_ECB) != 0;
        PUCHAR start = chained ? vector : NULL;
        ULONG start_size = chained ? 16 : 0;
        if (r->feedback)
            succeeds(BCryptSetProperty(key, BCRYPT_MESSAGE_BLOCK_LENGTH, (PUCHAR)&r->feedback, sizeof r->feedback, 0));
        for (ULONG step = 16; step <= 32; step += 16) { // in one call; in two, the vector going on
            memcpy(vector, hex(VECTOR), 16);
            for (ULONG at = 0; at < 32; at += step)
                succeeds(BCryptEncrypt(key, hex(PLAIN) + at, step, NULL, start, start_size, text + at, step, &size, 0));
            assert_int_equal(size, step);
            assert_hex(text, r->sealed);
            memcpy(vector, hex(VECTOR), 16);
            for (ULONG at = 0; at < 32; at += step) // in place
                succeeds(BCryptDecrypt(key, text + at, step, NULL, start, start_size, text + at, step, &size, 0));
            assert_hex(text, PLAIN);
        }
        drop_key(key);
    }
}

static void cfb_takes_single_bytes(void)
{
    BCRYPT_KEY_HANDLE key = make_key(KEY, BCRYPT_CHAIN_MODE_CFB);
    UCHAR text[16], vector[16];
    ULONG size;

    memcpy(vector, hex(VECTOR), 16);
    for (ULONG at = 0; at < 16; at++)
        succeeds(BCryptEncrypt(key, hex(PLAIN) + at, 1, NULL, vector, 16, text + at, 1, &size, 0));
    assert_hex(text, "3b79424c9c0dd436bace9e0ed4586a4f");
    drop_key(key);
}

static void padding_fills_the_last_block_and_comes_off_again(void)
{
    BCRYPT_KEY_HANDLE key = make_key(KEY, BCRYPT_CHAIN_MODE_CBC);
    UCHAR text[48], back[48], vector[16];
    ULONG size;

    for (ULONG length = 0; length <= 32; length++) {
        succeeds(BCryptEncrypt(key, hex(PLAIN), length, NULL, NULL, 0, NULL, 0, &size, BCRYPT_BLOCK_PADDING));
        assert_int_equal(size, (length / 16 + 1) * 16);
        memcpy(vector, hex(VECTOR), 16);
        succeeds(BCryptEncrypt(key, hex(PLAIN), length, NULL, vector, 16, text, sizeof text, &size, BCRYPT_BLOCK_PADDING));
        memcpy(vector, hex(VECTOR), 16);
        succeeds(BCryptDecrypt(key, text, size, NULL, vector, 16, back, length, &size, BCRYPT_BLOCK_PADDING));
        assert_int_equal(size, length);
        assert_memory_equal(back, hex(PLAIN), length);
    }
    succeeds(BCryptEncrypt(key, hex(PLAIN), 16, NULL, NULL, 0, text, 16, &size, 0));
    answers(STATUS_UNSUCCESSFUL, BCryptDecrypt(key, text, 16, NULL, NULL, 0, back, 16, &size, BCRYPT_BLOCK_PADDING));
    drop_key(key);
}

static void a_key_has_a_vector_of_its_own(void)
{
    BCRYPT_KEY_HANDLE key = make_key(KEY, BCRYPT_CHAIN_MODE_CBC), copy;
    UCHAR text[16], back[16];
    ULONG size;

    succeeds(BCryptSetProperty(key, BCRYPT_INITIALIZATION_VECTOR, hex(VECTOR), 16, 0));
    succeeds(BCryptDuplicateKey(key, &copy, NULL, 0, 0));
    succeeds(BCryptGetProperty(copy, BCRYPT_INITIALIZATION_VECTOR, back, sizeof back, &size, 0));
    assert_hex(back, VECTOR);
    for (int i = 0; i < 2; i++) {
        succeeds(BCryptEncrypt(i ? copy : key, hex(PLAIN), 16, NULL, NULL, 0, text, 16, &size, 0));
        assert_hex(text, "7649abac8119b246cee98e9b12e9197d");
    }
    succeeds(BCryptDestroyKey(copy));
    drop_key(key);
}

static void a_key_goes_out_as_a_blob_and_comes_in_again(void)
{
    BCRYPT_KEY_HANDLE key = make_key(KEY, BCRYPT_CHAIN_MODE_ECB), again;
    UCHAR blob[64], text[16], little[4];
    ULONG size;

    succeeds(BCryptExportKey(key, NULL, BCRYPT_KEY_DATA_BLOB, NULL, 0, &size, 0));
    assert_int_equal(size, sizeof(BCRYPT_KEY_DATA_BLOB_HEADER) + 16);
    answers(STATUS_BUFFER_TOO_SMALL, BCryptExportKey(key, NULL, BCRYPT_KEY_DATA_BLOB, little, sizeof little, &size, 0));
    answers(STATUS_NOT_SUPPORTED, BCryptExportKey(key, NULL, BCRYPT_RSAPUBLIC_BLOB, blob, sizeof blob, &size, 0));
    answers(STATUS_INVALID_HANDLE, BCryptExportKey(aes, NULL, BCRYPT_KEY_DATA_BLOB, blob, sizeof blob, &size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptExportKey(key, NULL, NULL, blob, sizeof blob, &size, 0));
    succeeds(BCryptExportKey(key, NULL, BCRYPT_KEY_DATA_BLOB, blob, sizeof blob, &size, 0));

    answers(STATUS_INVALID_HANDLE, BCryptImportKey(key, NULL, BCRYPT_KEY_DATA_BLOB, &again, NULL, 0, blob, size, 0));
    answers(STATUS_NOT_SUPPORTED, BCryptImportKey(aes, NULL, BCRYPT_OPAQUE_KEY_BLOB, &again, NULL, 0, blob, size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptImportKey(aes, NULL, BCRYPT_KEY_DATA_BLOB, &again, NULL, 0, blob, size - 1, 0));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptImportKey(aes, NULL, BCRYPT_KEY_DATA_BLOB, &again, little, 4, blob, size, 0));
    starves(STATUS_NO_MEMORY, BCryptImportKey(aes, NULL, BCRYPT_KEY_DATA_BLOB, &again, NULL, 0, blob, size, 0));
    succeeds(BCryptImportKey(aes, NULL, BCRYPT_KEY_DATA_BLOB, &again, NULL, 0, blob, size, 0));
    succeeds(BCryptEncrypt(again, hex(PLAIN), 16, NULL, NULL, 0, text, 16, &size, 0));
    assert_hex(text, "3ad77bb40d7a3660a89ecaf32466ef97");
    succeeds(BCryptDestroyKey(again));
    drop_key(key);
}

/* ---- authenticated modes ---- */

static const struct sealed_row {
    const WCHAR *mode;
    const char *key, *nonce, *added, *text, *sealed, *tag;
} sealed_rows[] = {
    // The GCM proposal's test case 4
    {BCRYPT_CHAIN_MODE_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
     "ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
     "3d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    // NIST SP 800-38C, example 1
    {BCRYPT_CHAIN_MODE_CCM, "404142434445464748494a4b4c4d4e4f", "10111213141516", "0001020304050607", "20212223", "7162015b",
     "4dac255d"},
};

static UCHAR tag[16], mac[16];

static BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info_of(const struct sealed_row *row)
{
    BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info;
    BCRYPT_INIT_AUTH_MODE_INFO(info);
    info.pbNonce = hex(row->nonce);
    info.cbNonce = HEX_SIZE(row->nonce);
    info.pbAuthData = hex(row->added);
    info.cbAuthData = HEX_SIZE(row->added);
    info.pbTag = tag;
    info.cbTag = HEX_SIZE(row->tag);
    return info;
}

static void an_authenticated_mode_seals_and_tells_of_changes(void)
{
    UCHAR text[64], back[64], zero[64] = {0};
    ULONG size;

    for (int i = 0; i < 2; i++) {
        const struct sealed_row *row = &sealed_rows[i];
        BCRYPT_KEY_HANDLE key = make_key(row->key, row->mode);
        BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info = info_of(row);
        ULONG length = HEX_SIZE(row->text);
        memset(tag, 0, sizeof tag);
        succeeds(BCryptEncrypt(key, hex(row->text), length, &info, NULL, 0, NULL, 0, &size, 0));
        assert_int_equal(size, length);
        succeeds(BCryptEncrypt(key, hex(row->text), length, &info, NULL, 0, text, sizeof text, &size, 0));
        assert_hex(text, row->sealed);
        assert_hex(tag, row->tag);
        succeeds(BCryptDecrypt(key, text, length, &info, NULL, 0, back, sizeof back, &size, 0));
        assert_hex(back, row->text);
        text[0] ^= 1;
        answers(STATUS_AUTH_TAG_MISMATCH, BCryptDecrypt(key, text, length, &info, NULL, 0, back, sizeof back, &size, 0));
        assert_memory_equal(back, zero, length);
        drop_key(key);
    }
}

static void calls_in_gcm_go_on_from_each_other(void)
{
    const struct sealed_row *row = &sealed_rows[0];
    BCRYPT_KEY_HANDLE key = make_key(row->key, row->mode);
    ULONG length = HEX_SIZE(row->text), size;
    UCHAR text[64];

    for (int decrypting = 0; decrypting < 2; decrypting++) {
        BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info = info_of(row);
        const char *from = decrypting ? row->sealed : row->text;
        info.pbMacContext = mac;
        info.cbMacContext = sizeof mac;
        info.dwFlags = BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG;
        for (ULONG at = 0; at < length; at += 16) {
            ULONG piece = length - at < 16 ? length - at : 16;
            if (piece < 16)
                info.dwFlags &= ~(ULONG)BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG;
            if (decrypting)
                succeeds(BCryptDecrypt(key, hex(from) + at, piece, &info, NULL, 0, text + at, piece, &size, 0));
            else
                succeeds(BCryptEncrypt(key, hex(from) + at, piece, &info, NULL, 0, text + at, piece, &size, 0));
            assert_int_equal(info.cbData, at + 16 <= length ? at + 16 : at);
            info.pbAuthData = NULL;
            info.cbAuthData = 0;
        }
        assert_int_equal(info.dwFlags, 0);
        assert_hex(text, decrypting ? row->text : row->sealed);
        if (!decrypting)
            assert_hex(tag, row->tag);
    }
    drop_key(key);
}

/* The chain that nobody ends goes with its key. */
static void a_chain_may_be_left(void)
{
    BCRYPT_KEY_HANDLE key = make_key(sealed_rows[0].key, BCRYPT_CHAIN_MODE_GCM);
    BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO info = info_of(&sealed_rows[0]);
    UCHAR text[16];
    ULONG size;

    info.dwFlags = BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG;
    answers(STATUS_INVALID_PARAMETER, BCryptEncrypt(key, hex(PLAIN), 16, &info, NULL, 0, text, 16, &size, 0));
    info.pbMacContext = mac;
    info.cbMacContext = sizeof mac;
    answers(STATUS_INVALID_BUFFER_SIZE, BCryptEncrypt(key, hex(PLAIN), 15, &info, NULL, 0, text, 16, &size, 0));
    succeeds(BCryptEncrypt(key, hex(PLAIN), 16, &info, NULL, 0, text, 16, &size, 0));
    set_mode(key, BCRYPT_CHAIN_MODE_CCM);
    answers(STATUS_INVALID_PARAMETER, BCryptEncrypt(key, hex(PLAIN), 16, NULL, NULL, 0, text, 16, &size, 0));
    info = info_of(&sealed_rows[1]);
    info.dwFlags = BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG;
    answers(STATUS_NOT_SUPPORTED, BCryptEncrypt(key, hex(PLAIN), 16, &info, NULL, 0, text, 16, &size, 0));
    drop_key(key);
}

/* ---- */

static void wrong_calls_are_refused(void)
{
    BCRYPT_KEY_HANDLE key = make_key(KEY, BCRYPT_CHAIN_MODE_CBC), other;
    BCRYPT_ALG_HANDLE hashes = open_provider(BCRYPT_SHA1_ALGORITHM, 0);
    UCHAR text[32], little[8], vector[16] = {0};
    ULONG size, three = 3;

    answers(STATUS_INVALID_HANDLE, BCryptGenerateSymmetricKey(NULL, &other, NULL, 0, hex(KEY), 16, 0));
    answers(STATUS_NOT_SUPPORTED, BCryptGenerateSymmetricKey(hashes, &other, NULL, 0, hex(KEY), 16, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptGenerateSymmetricKey(aes, &other, NULL, 0, hex(KEY), 15, 0));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptGenerateSymmetricKey(aes, &other, little, sizeof little, hex(KEY), 16, 0));
    starves(STATUS_NO_MEMORY, BCryptGenerateSymmetricKey(aes, &other, NULL, 0, hex(KEY), 16, 0));
    answers(STATUS_INVALID_HANDLE, BCryptDuplicateKey(aes, &other, NULL, 0, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptDuplicateKey(key, NULL, NULL, 0, 0));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptDuplicateKey(key, &other, little, sizeof little, 0));
    answers(STATUS_INVALID_HANDLE, BCryptDestroyKey(aes));

    answers(STATUS_INVALID_HANDLE, BCryptEncrypt(aes, text, 16, NULL, NULL, 0, text, 16, &size, 0));
    answers(STATUS_INVALID_HANDLE, BCryptDecrypt(aes, text, 16, NULL, NULL, 0, text, 16, &size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptEncrypt(key, NULL, 0, NULL, NULL, 0, NULL, 0, &size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptEncrypt(key, text, 16, NULL, vector, 8, text, 16, &size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptDecrypt(key, text, 16, NULL, NULL, 0, text, 16, NULL, 0));
    answers(STATUS_INVALID_BUFFER_SIZE, BCryptEncrypt(key, text, 15, NULL, vector, 16, text, 16, &size, 0));
    answers(STATUS_INVALID_BUFFER_SIZE, BCryptDecrypt(key, text, 15, NULL, vector, 16, text, 16, &size, 0));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptEncrypt(key, text, 16, NULL, vector, 16, text, 16, &size, BCRYPT_BLOCK_PADDING));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptDecrypt(key, text, 32, NULL, vector, 16, text, 16, &size, 0));

    answers(STATUS_INVALID_HANDLE, BCryptSetProperty(NULL, BCRYPT_CHAINING_MODE, text, 16, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptSetProperty(key, BCRYPT_CHAINING_MODE, NULL, 0, 0));
    answers(STATUS_NOT_SUPPORTED, BCryptSetProperty(key, BCRYPT_CHAINING_MODE, (PUCHAR)L"Odd", sizeof L"Odd", 0));
    answers(STATUS_NOT_SUPPORTED, BCryptSetProperty(key, BCRYPT_KEY_LENGTH, text, 4, 0));
    answers(STATUS_NOT_SUPPORTED, BCryptSetProperty(BCRYPT_AES_CBC_ALG_HANDLE, BCRYPT_CHAINING_MODE,
                                                    (PUCHAR)BCRYPT_CHAIN_MODE_ECB, sizeof BCRYPT_CHAIN_MODE_ECB, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptSetProperty(key, BCRYPT_INITIALIZATION_VECTOR, text, 15, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptSetProperty(key, BCRYPT_MESSAGE_BLOCK_LENGTH, (PUCHAR)&three, 4, 0));
    close_provider(hashes);
    drop_key(key);
}

static void keys_and_providers_tell_of_themselves(void)
{
    BCRYPT_KEY_HANDLE key = make_key(KEY, BCRYPT_CHAIN_MODE_GCM);
    BCRYPT_KEY_LENGTHS_STRUCT lengths;
    WCHAR mode[24];
    ULONG number, size;

    succeeds(BCryptGetProperty(key, BCRYPT_CHAINING_MODE, (PUCHAR)mode, sizeof mode, &size, 0));
    assert_memory_equal(mode, BCRYPT_CHAIN_MODE_GCM, sizeof BCRYPT_CHAIN_MODE_GCM);
    succeeds(BCryptGetProperty(aes, BCRYPT_KEY_LENGTHS, (PUCHAR)&lengths, sizeof lengths, &size, 0));
    assert_int_equal(lengths.dwMinLength, 128);
    assert_int_equal(lengths.dwMaxLength, 256);
    assert_int_equal(lengths.dwIncrement, 64);
    succeeds(BCryptGetProperty(aes, BCRYPT_AUTH_TAG_LENGTH, (PUCHAR)&lengths, sizeof lengths, &size, 0));
    assert_int_equal(lengths.dwMinLength, 12);
    succeeds(BCryptGetProperty(key, BCRYPT_BLOCK_LENGTH, (PUCHAR)&number, sizeof number, &size, 0));
    assert_int_equal(number, 16);
    succeeds(BCryptGetProperty(key, BCRYPT_KEY_LENGTH, (PUCHAR)&number, sizeof number, &size, 0));
    assert_int_equal(number, 128);
    answers(STATUS_NOT_SUPPORTED, BCryptGetProperty(key, BCRYPT_INITIALIZATION_VECTOR, NULL, 0, &size, 0));
    answers(STATUS_NOT_SUPPORTED, BCryptGetProperty(aes, BCRYPT_KEY_LENGTH, NULL, 0, &size, 0));
    drop_key(key);
}

static void random_bytes_are_asked_for_with_a_provider_or_the_flag(void)
{
    BCRYPT_ALG_HANDLE rng = open_provider(BCRYPT_RNG_ALGORITHM, 0), hashes = open_provider(BCRYPT_MD5_ALGORITHM, 0);
    UCHAR first[24] = {0}, second[24] = {0}, zero[24] = {0};

    succeeds(BCryptGenRandom(rng, first, 19, 0));
    succeeds(BCryptGenRandom(NULL, second, 24, BCRYPT_USE_SYSTEM_PREFERRED_RNG));
    assert_memory_not_equal(first, zero, 8);
    assert_memory_not_equal(first, second, 19);
    assert_memory_equal(first + 19, zero, 5);
    answers(STATUS_INVALID_HANDLE, BCryptGenRandom(NULL, first, 4, 0));
    answers(STATUS_INVALID_HANDLE, BCryptGenRandom(hashes, first, 4, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptGenRandom(rng, NULL, 4, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptGenRandom(rng, first, 4, 0x100));
    close_provider(hashes);
    close_provider(rng);
}

static void a_key_that_is_left_is_reported(void)
{
    make_key(KEY, BCRYPT_CHAIN_MODE_ECB);
    close_provider(aes);
    fltsim_expect("crypto-handle");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(each_mode_gives_the_published_text),
        fltsim_unit_test(cfb_takes_single_bytes),
        fltsim_unit_test(padding_fills_the_last_block_and_comes_off_again),
        fltsim_unit_test(a_key_has_a_vector_of_its_own),
        fltsim_unit_test(a_key_goes_out_as_a_blob_and_comes_in_again),
        fltsim_unit_test(an_authenticated_mode_seals_and_tells_of_changes),
        fltsim_unit_test(calls_in_gcm_go_on_from_each_other),
        fltsim_unit_test(a_chain_may_be_left),
        fltsim_unit_test(wrong_calls_are_refused),
        fltsim_unit_test(keys_and_providers_tell_of_themselves),
        fltsim_unit_test(random_bytes_are_asked_for_with_a_provider_or_the_flag),
        fltsim_unit_test(a_key_that_is_left_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
