#include "plat/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- hashes ---- */

struct plat_hash {
    const EVP_MD *digest;
    EVP_MD_CTX *plain; // or
    EVP_MAC_CTX *keyed;
};

static bool begin_keyed(struct plat_hash *hash, const char *name, const void *key, size_t key_size)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hash->keyed = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    return hash->keyed && EVP_MAC_init(hash->keyed, key_size ? key : "", key_size, parameters);
}

static bool begin_plain(struct plat_hash *hash)
{
    hash->plain = EVP_MD_CTX_new();
    return hash->plain && EVP_DigestInit_ex(hash->plain, hash->digest, NULL);
}

struct plat_hash *plat_hash_begin(const char *name, const void *key, size_t key_size)
{
    struct plat_hash *hash = calloc(1, sizeof *hash);
    if (!hash)
        return NULL;
    hash->digest = EVP_get_digestbyname(name);
    if (hash->digest && (key ? begin_keyed(hash, name, key, key_size) : begin_plain(hash)))
        return hash;
    plat_hash_free(hash);
    return NULL;
}

bool plat_hash_add(struct plat_hash *hash, const void *data, size_t size)
{
    return hash->keyed ? EVP_MAC_update(hash->keyed, data, size) : EVP_DigestUpdate(hash->plain, data, size);
}

bool plat_hash_end(struct plat_hash *hash, void *value)
{
    size_t size;

    if (hash->keyed)
        return EVP_MAC_final(hash->keyed, value, &size, EVP_MAX_MD_SIZE) && EVP_MAC_init(hash->keyed, NULL, 0, NULL);
    return EVP_DigestFinal_ex(hash->plain, value, NULL) && EVP_DigestInit_ex(hash->plain, hash->digest, NULL);
}

struct plat_hash *plat_hash_copy(const struct plat_hash *hash)
{
    struct plat_hash *copy = calloc(1, sizeof *copy);
    if (!copy)
        return NULL;
    copy->digest = hash->digest;
    if (hash->keyed)
        copy->keyed = EVP_MAC_CTX_dup(hash->keyed);
    else if ((copy->plain = EVP_MD_CTX_new()) && !EVP_MD_CTX_copy_ex(copy->plain, hash->plain))
        EVP_MD_CTX_free(copy->plain), copy->plain = NULL;
    if (copy->keyed || copy->plain)
        return copy;
    free(copy);
    return NULL;
}

void plat_hash_free(struct plat_hash *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->plain);
    EVP_MAC_CTX_free(hash->keyed);
    free(hash);
}

bool plat_hash_stretch(const char *name, const void *password, size_t password_size, const void *salt, size_t salt_size,
                       uint64_t iterations, void *key, size_t key_size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "PBKDF2", NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int plain = 1; // any salt and count, as Windows allows
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(password_size ? password : ""), password_size),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(salt_size ? salt : ""), salt_size),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &plain),
        OSSL_PARAM_construct_end(),
    };
    bool done = context && EVP_KDF_derive(context, key, key_size, parameters) > 0;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return done;
}

/* ---- ciphers ---- */

static const EVP_CIPHER *cipher_of(const char *mode, size_t key_size)
{
    char name[32];
    snprintf(name, sizeof name, "AES-%zu-%s", key_size * 8, mode);
    return EVP_get_cipherbyname(name);
}

bool plat_cipher(const char *mode, const void *key, size_t key_size, const void *iv, bool encrypt, const void *in,
                 size_t size, void *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int written = 0;
    bool done = context && EVP_CipherInit_ex(context, cipher_of(mode, key_size), NULL, key, iv, encrypt) &&
                EVP_CIPHER_CTX_set_padding(context, 0) &&
                EVP_CipherUpdate(context, out, &written, in, (int)size) && (size_t)written == size;
    EVP_CIPHER_CTX_free(context);
    return done;
}

struct plat_sealed {
    EVP_CIPHER_CTX *context;
    bool encrypt, is_ccm;
};

static bool begin_sealed(struct plat_sealed *sealed, const struct plat_sealed_options *o)
{
    EVP_CIPHER_CTX *context = sealed->context = EVP_CIPHER_CTX_new();
    int ignored;

    if (!context || !EVP_CipherInit_ex(context, cipher_of(o->mode, o->key_size), NULL, NULL, NULL, o->encrypt) ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)o->nonce_size, NULL) <= 0)
        return false;
    if (sealed->is_ccm && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, (int)o->tag_size, (void *)o->tag) <= 0)
        return false;
    return EVP_CipherInit_ex(context, NULL, NULL, o->key, o->nonce, o->encrypt) &&
           (!sealed->is_ccm || EVP_CipherUpdate(context, NULL, &ignored, NULL, (int)o->text_size));
}

struct plat_sealed *plat_sealed_begin(const struct plat_sealed_options *options)
{
    struct plat_sealed *sealed = calloc(1, sizeof *sealed);
    if (!sealed)
        return NULL;
    sealed->encrypt = options->encrypt;
    sealed->is_ccm = !strcmp(options->mode, "CCM");
    if (begin_sealed(sealed, options))
        return sealed;
    plat_sealed_free(sealed);
    return NULL;
}

bool plat_sealed_added(struct plat_sealed *sealed, const void *data, size_t size)
{
    int ignored;
    return !size || EVP_CipherUpdate(sealed->context, NULL, &ignored, data, (int)size);
}

bool plat_sealed_text(struct plat_sealed *sealed, const void *in, size_t size, void *out)
{
    int written;
    unsigned char none;

    if (!size && !sealed->is_ccm)
        return true;
    return EVP_CipherUpdate(sealed->context, size ? out : &none, &written, size ? in : &none, (int)size) > 0;
}

bool plat_sealed_end(struct plat_sealed *sealed, void *tag, size_t tag_size)
{
    unsigned char none[16];
    int written;

    if (!sealed->encrypt && sealed->is_ccm) // compared while it decrypted
        return true;
    if (!sealed->encrypt && EVP_CIPHER_CTX_ctrl(sealed->context, EVP_CTRL_AEAD_SET_TAG, (int)tag_size, tag) <= 0)
        return false;
    if (EVP_CipherFinal_ex(sealed->context, none, &written) <= 0)
        return false;
    return !sealed->encrypt || EVP_CIPHER_CTX_ctrl(sealed->context, EVP_CTRL_AEAD_GET_TAG, (int)tag_size, tag) > 0;
}

void plat_sealed_free(struct plat_sealed *sealed)
{
    if (!sealed)
        return;
    EVP_CIPHER_CTX_free(sealed->context);
    free(sealed);
}
