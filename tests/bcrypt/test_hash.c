/* Hashes and HMACs: published vectors, and each status that the pages give. */
#include "crypto.h"

static const struct vector {
    const WCHAR *algorithm;
    BCRYPT_ALG_HANDLE pseudo, pseudo_keyed;
    const char *abc;   // FIPS 180-4, RFC 1321: "abc"
    const char *jefe;  // RFC 2202, RFC 4231 case 2: HMAC of "what do ya want for nothing?"
} vectors[] = {
    {BCRYPT_MD5_ALGORITHM, BCRYPT_MD5_ALG_HANDLE, BCRYPT_HMAC_MD5_ALG_HANDLE, "900150983cd24fb0d6963f7d28e17f72",
     "750c783e6ab0b503eaa86e310a5db738"},
    {BCRYPT_SHA1_ALGORITHM, BCRYPT_SHA1_ALG_HANDLE, BCRYPT_HMAC_SHA1_ALG_HANDLE,
     "a9993e364706816aba3e25717850c26c9cd0d89d", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {BCRYPT_SHA256_ALGORITHM, BCRYPT_SHA256_ALG_HANDLE, BCRYPT_HMAC_SHA256_ALG_HANDLE,
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {BCRYPT_SHA384_ALGORITHM, BCRYPT_SHA384_ALG_HANDLE, BCRYPT_HMAC_SHA384_ALG_HANDLE,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
     "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"},
    {BCRYPT_SHA512_ALGORITHM, BCRYPT_SHA512_ALG_HANDLE, BCRYPT_HMAC_SHA512_ALG_HANDLE,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
     "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
     "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
};
#define EACH(v) const struct vector *v = vectors; v < vectors + sizeof vectors / sizeof *vectors; v++

static UCHAR jefe[] = "Jefe", question[] = "what do ya want for nothing?", abc[] = "abc", value[64];

static ULONG number_of(BCRYPT_HANDLE object, const WCHAR *name)
{
    ULONG number = 0, size = 0;
    succeeds(BCryptGetProperty(object, name, (PUCHAR)&number, sizeof number, &size, 0));
    assert_int_equal(size, sizeof number);
    return number;
}

static BCRYPT_HASH_HANDLE create(BCRYPT_ALG_HANDLE provider, ULONG flags)
{
    BCRYPT_HASH_HANDLE hash = NULL;
    succeeds(BCryptCreateHash(provider, &hash, NULL, 0, NULL, 0, flags));
    return hash;
}

static void a_hash_in_pieces_is_the_published_one(void)
{
    for (EACH(v)) {
        BCRYPT_ALG_HANDLE provider = open_provider(v->algorithm, 0);
        ULONG size = number_of(provider, BCRYPT_HASH_LENGTH), object = number_of(provider, BCRYPT_OBJECT_LENGTH);
        PUCHAR memory = ExAllocatePoolWithTag(PagedPool, object, STAGE_TAG);
        BCRYPT_HASH_HANDLE hash;
        assert_int_equal(size, HEX_SIZE(v->abc));
        succeeds(BCryptCreateHash(provider, &hash, memory, object, NULL, 0, 0));
        succeeds(BCryptHashData(hash, abc, 1, 0));
        succeeds(BCryptHashData(hash, NULL, 0, 0));
        succeeds(BCryptHashData(hash, abc + 1, 2, 0));
        succeeds(BCryptFinishHash(hash, value, size, 0));
        assert_hex(value, v->abc);
        succeeds(BCryptDestroyHash(hash));
        ExFreePoolWithTag(memory, STAGE_TAG);
        close_provider(provider);
    }
}

static void an_hmac_is_the_published_one(void)
{
    for (EACH(v)) {
        BCRYPT_ALG_HANDLE provider = open_provider(v->algorithm, BCRYPT_ALG_HANDLE_HMAC_FLAG);
        BCRYPT_HASH_HANDLE hash;
        assert_int_equal(number_of(provider, BCRYPT_IS_KEYED_HASH), 1);
        succeeds(BCryptCreateHash(provider, &hash, NULL, 0, jefe, 4, BCRYPT_HASH_REUSABLE_FLAG));
        for (int twice = 0; twice < 2; twice++) {
            memset(value, 0, sizeof value);
            succeeds(BCryptHashData(hash, question, sizeof question - 1, 0));
            succeeds(BCryptFinishHash(hash, value, HEX_SIZE(v->jefe), 0));
            assert_hex(value, v->jefe);
        }
        succeeds(BCryptDestroyHash(hash));
        close_provider(provider);
    }
}

static void one_call_and_a_pseudo_handle_do_as_well(void)
{
    for (EACH(v)) {
        memset(value, 0, sizeof value);
        succeeds(BCryptHash(v->pseudo, NULL, 0, abc, 3, value, HEX_SIZE(v->abc)));
        assert_hex(value, v->abc);
        succeeds(BCryptHash(v->pseudo_keyed, jefe, 4, question, sizeof question - 1, value, HEX_SIZE(v->jefe)));
        assert_hex(value, v->jefe);
    }
}

static void a_copy_goes_on_from_what_was_hashed(void)
{
    for (int keyed = 0; keyed < 2; keyed++) {
        BCRYPT_ALG_HANDLE provider = keyed ? BCRYPT_HMAC_SHA1_ALG_HANDLE : BCRYPT_SHA1_ALG_HANDLE;
        BCRYPT_HASH_HANDLE hash, copy;
        UCHAR whole[20], other[20], expected[20];
        succeeds(BCryptHash(provider, keyed ? jefe : NULL, keyed ? 4 : 0, abc, 3, expected, 20));
        succeeds(BCryptCreateHash(provider, &hash, NULL, 0, keyed ? jefe : NULL, keyed ? 4 : 0, 0));
        succeeds(BCryptHashData(hash, abc, 2, 0));
        succeeds(BCryptDuplicateHash(hash, &copy, NULL, 0, 0));
        succeeds(BCryptHashData(hash, abc + 2, 1, 0));
        succeeds(BCryptFinishHash(hash, whole, 20, 0));
        succeeds(BCryptDestroyHash(hash));
        succeeds(BCryptHashData(copy, abc + 2, 1, 0));
        succeeds(BCryptFinishHash(copy, other, 20, 0));
        succeeds(BCryptDestroyHash(copy));
        assert_memory_equal(whole, expected, 20);
        assert_memory_equal(other, expected, 20);
    }
}

static void a_reusable_hash_begins_anew_and_another_one_is_over(void)
{
    BCRYPT_ALG_HANDLE provider = open_provider(BCRYPT_SHA256_ALGORITHM, 0);
    BCRYPT_ALG_HANDLE reusable = open_provider(BCRYPT_SHA256_ALGORITHM, BCRYPT_HASH_REUSABLE_FLAG);
    BCRYPT_HASH_HANDLE once = create(provider, 0), again = create(provider, BCRYPT_HASH_REUSABLE_FLAG),
                       also = create(reusable, 0), copy;
    assert_int_equal(number_of(once, BCRYPT_IS_REUSABLE_HASH), 0);
    assert_int_equal(number_of(also, BCRYPT_IS_REUSABLE_HASH), 1);
    for (int i = 0; i < 2; i++) {
        BCRYPT_HASH_HANDLE hash = i ? also : again;
        succeeds(BCryptHashData(hash, question, 5, 0));
        succeeds(BCryptFinishHash(hash, value, 32, 0));
        succeeds(BCryptHashData(hash, abc, 3, 0));
        succeeds(BCryptFinishHash(hash, value, 32, 0));
        assert_hex(value, vectors[2].abc);
    }
    succeeds(BCryptFinishHash(once, value, 32, 0));
    answers(STATUS_INVALID_HANDLE, BCryptHashData(once, abc, 3, 0));
    answers(STATUS_INVALID_HANDLE, BCryptFinishHash(once, value, 32, 0));
    answers(STATUS_INVALID_HANDLE, BCryptDuplicateHash(once, &copy, NULL, 0, 0));
    succeeds(BCryptDestroyHash(once));
    succeeds(BCryptDestroyHash(again));
    succeeds(BCryptDestroyHash(also));
    close_provider(provider);
    close_provider(reusable);
}

static void a_provider_outlives_what_was_made_from_it(void)
{
    BCRYPT_ALG_HANDLE provider = open_provider(BCRYPT_MD5_ALGORITHM, 0);
    BCRYPT_HASH_HANDLE hash = create(provider, 0);
    close_provider(provider);
    answers(STATUS_INVALID_HANDLE, BCryptCloseAlgorithmProvider(provider, 0));
    succeeds(BCryptHashData(hash, abc, 3, 0));
    succeeds(BCryptFinishHash(hash, value, 16, 0));
    assert_hex(value, vectors[0].abc);
    succeeds(BCryptDestroyHash(hash));
}

static void wrong_calls_are_refused(void)
{
    BCRYPT_ALG_HANDLE provider = open_provider(BCRYPT_SHA1_ALGORITHM, 0), keyed, other;
    BCRYPT_HASH_HANDLE hash, copy;
    UCHAR memory[8];

    answers(STATUS_INVALID_PARAMETER, BCryptOpenAlgorithmProvider(NULL, BCRYPT_SHA1_ALGORITHM, NULL, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptOpenAlgorithmProvider(&other, NULL, NULL, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptOpenAlgorithmProvider(&other, BCRYPT_SHA1_ALGORITHM, NULL, 0x8000));
    answers(STATUS_INVALID_PARAMETER,
            BCryptOpenAlgorithmProvider(&other, BCRYPT_AES_ALGORITHM, NULL, BCRYPT_ALG_HANDLE_HMAC_FLAG));
    answers(STATUS_NOT_FOUND, BCryptOpenAlgorithmProvider(&other, L"ROT13", NULL, 0));
    answers(STATUS_NOT_FOUND, BCryptOpenAlgorithmProvider(&other, BCRYPT_SHA1_ALGORITHM, L"Other Provider", 0));
    starves(STATUS_NO_MEMORY, BCryptOpenAlgorithmProvider(&other, BCRYPT_SHA1_ALGORITHM, NULL, 0));
    succeeds(BCryptOpenAlgorithmProvider(&other, BCRYPT_AES_ALGORITHM, MS_PRIMITIVE_PROVIDER, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptCloseAlgorithmProvider(other, 1));
    answers(STATUS_INVALID_HANDLE, BCryptCloseAlgorithmProvider(NULL, 0));

    answers(STATUS_NOT_SUPPORTED, BCryptCreateHash(other, &hash, NULL, 0, NULL, 0, 0));
    answers(STATUS_INVALID_HANDLE, BCryptCreateHash(memory, &hash, NULL, 0, NULL, 0, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptCreateHash(provider, NULL, NULL, 0, NULL, 0, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptCreateHash(provider, &hash, NULL, 0, jefe, 4, 0));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptCreateHash(provider, &hash, memory, sizeof memory, NULL, 0, 0));
    starves(STATUS_NO_MEMORY, BCryptCreateHash(provider, &hash, NULL, 0, NULL, 0, 0));

    hash = create(provider, 0);
    answers(STATUS_INVALID_HANDLE, BCryptHashData(provider, abc, 3, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptHashData(hash, NULL, 3, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptHashData(hash, abc, 3, 1));
    answers(STATUS_INVALID_PARAMETER, BCryptFinishHash(hash, value, 19, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptFinishHash(hash, NULL, 20, 0));
    answers(STATUS_INVALID_HANDLE, BCryptFinishHash(NULL, value, 20, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptDuplicateHash(hash, NULL, NULL, 0, 0));
    answers(STATUS_BUFFER_TOO_SMALL, BCryptDuplicateHash(hash, &copy, memory, sizeof memory, 0));
    starves(STATUS_NO_MEMORY, BCryptDuplicateHash(hash, &copy, NULL, 0, 0));
    answers(STATUS_INVALID_HANDLE, BCryptDestroyHash(provider));
    succeeds(BCryptDestroyHash(hash));
    answers(STATUS_INVALID_HANDLE, BCryptDestroyHash(hash));

    answers(STATUS_INVALID_HANDLE, BCryptHash(NULL, NULL, 0, abc, 3, value, 20));
    answers(STATUS_NOT_SUPPORTED, BCryptHash(other, NULL, 0, abc, 3, value, 20));
    answers(STATUS_INVALID_PARAMETER, BCryptHash(provider, NULL, 0, abc, 3, value, 16));
    answers(STATUS_INVALID_PARAMETER, BCryptHash(provider, jefe, 4, abc, 3, value, 20));
    starves(STATUS_NO_MEMORY, BCryptHash(provider, NULL, 0, abc, 3, value, 20));

    keyed = open_provider(BCRYPT_SHA1_ALGORITHM, BCRYPT_ALG_HANDLE_HMAC_FLAG);
    answers(STATUS_INVALID_HANDLE, BCryptDeriveKeyPBKDF2(NULL, jefe, 4, abc, 3, 1, value, 20, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptDeriveKeyPBKDF2(provider, jefe, 4, abc, 3, 1, value, 20, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptDeriveKeyPBKDF2(keyed, jefe, 4, abc, 3, 0, value, 20, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptDeriveKeyPBKDF2(keyed, NULL, 4, abc, 3, 1, value, 20, 0));
    starves(STATUS_NO_MEMORY, BCryptDeriveKeyPBKDF2(keyed, jefe, 4, abc, 3, 1, value, 20, 0));
    close_provider(keyed);
    close_provider(other);
    close_provider(provider);
}

static void a_password_is_stretched_as_published(void)
{
    static const struct row {
        ULONGLONG count;
        const char *key;
    } rows[] = { // RFC 6070
        {1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
        {2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"},
        {4096, "4b007901b765489abead49d926f721d065a429c1"},
    };
    for (int i = 0; i < 3; i++) {
        succeeds(BCryptDeriveKeyPBKDF2(BCRYPT_HMAC_SHA1_ALG_HANDLE, (PUCHAR) "password", 8, (PUCHAR) "salt", 4, rows[i].count,
                                       value, 20, 0));
        assert_hex(value, rows[i].key);
    }
}

static void properties_have_sizes_and_some_are_not_there(void)
{
    BCRYPT_ALG_HANDLE provider = open_provider(BCRYPT_SHA256_ALGORITHM, 0), of = NULL;
    BCRYPT_HASH_HANDLE hash = create(provider, 0);
    WCHAR name[16];
    ULONG size = 0;

    succeeds(BCryptGetProperty(provider, BCRYPT_ALGORITHM_NAME, NULL, 0, &size, 0));
    assert_int_equal(size, sizeof BCRYPT_SHA256_ALGORITHM);
    answers(STATUS_BUFFER_TOO_SMALL, BCryptGetProperty(provider, BCRYPT_ALGORITHM_NAME, (PUCHAR)name, 4, &size, 0));
    succeeds(BCryptGetProperty(hash, BCRYPT_ALGORITHM_NAME, (PUCHAR)name, sizeof name, &size, 0));
    assert_memory_equal(name, BCRYPT_SHA256_ALGORITHM, sizeof BCRYPT_SHA256_ALGORITHM);
    succeeds(BCryptGetProperty(hash, BCRYPT_PROVIDER_HANDLE, (PUCHAR)&of, sizeof of, &size, 0));
    assert_ptr_equal(of, provider);
    assert_int_equal(number_of(hash, BCRYPT_HASH_BLOCK_LENGTH), 64);
    answers(STATUS_NOT_SUPPORTED, BCryptGetProperty(provider, BCRYPT_CHAINING_MODE, NULL, 0, &size, 0));
    answers(STATUS_INVALID_HANDLE, BCryptGetProperty(NULL, BCRYPT_HASH_LENGTH, NULL, 0, &size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptGetProperty(provider, NULL, NULL, 0, &size, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptGetProperty(provider, BCRYPT_HASH_LENGTH, NULL, 0, NULL, 0));
    answers(STATUS_INVALID_PARAMETER, BCryptGetProperty(provider, BCRYPT_HASH_LENGTH, NULL, 0, &size, 1));
    answers(STATUS_NOT_SUPPORTED, BCryptSetProperty(provider, BCRYPT_CHAINING_MODE, (PUCHAR)BCRYPT_CHAIN_MODE_ECB,
                                                    sizeof BCRYPT_CHAIN_MODE_ECB, 0));
    succeeds(BCryptDestroyHash(hash));
    close_provider(provider);
}

static void a_hash_runs_at_dispatch_level_where_its_provider_allows_it(void)
{
    BCRYPT_ALG_HANDLE low = open_provider(BCRYPT_MD5_ALGORITHM, 0),
                      high = open_provider(BCRYPT_MD5_ALGORITHM, BCRYPT_PROV_DISPATCH);
    BCRYPT_HASH_HANDLE paged = create(low, 0), resident = create(high, 0);
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    succeeds(BCryptHashData(resident, abc, 3, 0));
    assert_int_equal(fltsim_violations(), 0);
    fltsim_expect("irql-too-high");
    succeeds(BCryptHashData(paged, abc, 3, 0));
    KeLowerIrql(irql);
    succeeds(BCryptDestroyHash(paged));
    succeeds(BCryptDestroyHash(resident));
    close_provider(low);
    close_provider(high);
}

static void what_is_left_is_reported(void)
{
    BCRYPT_ALG_HANDLE provider = open_provider(BCRYPT_MD5_ALGORITHM, 0);
    create(provider, 0);
    fltsim_expect("crypto-handle");
    fltsim_expect("crypto-handle"); // the hash, and its provider
}

static void a_resident_provider_is_closed_last(void)
{
    BCRYPT_ALG_HANDLE provider = open_provider(BCRYPT_MD5_ALGORITHM, BCRYPT_PROV_DISPATCH);
    BCRYPT_HASH_HANDLE hash = create(provider, 0);
    fltsim_expect("crypto-handle");
    close_provider(provider);
    succeeds(BCryptDestroyHash(hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_hash_in_pieces_is_the_published_one),
        fltsim_unit_test(an_hmac_is_the_published_one),
        fltsim_unit_test(one_call_and_a_pseudo_handle_do_as_well),
        fltsim_unit_test(a_copy_goes_on_from_what_was_hashed),
        fltsim_unit_test(a_reusable_hash_begins_anew_and_another_one_is_over),
        fltsim_unit_test(a_provider_outlives_what_was_made_from_it),
        fltsim_unit_test(wrong_calls_are_refused),
        fltsim_unit_test(a_password_is_stretched_as_published),
        fltsim_unit_test(properties_have_sizes_and_some_are_not_there),
        fltsim_unit_test(a_hash_runs_at_dispatch_level_where_its_provider_allows_it),
        fltsim_unit_test(what_is_left_is_reported),
        fltsim_unit_test(a_resident_provider_is_closed_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
