/* Hashes and ciphers, by OpenSSL's libcrypto. Built where Meson finds it (option crypto). Any thread, any number at once. */
#ifndef FLTSIM_PLAT_CRYPTO_H
#define FLTSIM_PLAT_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A hash, or with a key an HMAC, over what was added so far. `name`: "SHA256". */
struct plat_hash;
struct plat_hash *plat_hash_begin(const char *name, const void *key, size_t key_size); /* key NULL: a hash. NULL: no memory */
bool plat_hash_add(struct plat_hash *hash, const void *data, size_t size);
/* Writes the value and begins anew, with the same key. */
bool plat_hash_end(struct plat_hash *hash, void *value);
struct plat_hash *plat_hash_copy(const struct plat_hash *hash);
void plat_hash_free(struct plat_hash *hash);

/* PBKDF2 with that hash's HMAC. */
bool plat_hash_stretch(const char *name, const void *password, size_t password_size, const void *salt, size_t salt_size,
                       uint64_t iterations, void *key, size_t key_size);

/* AES. `mode`: "ECB", "CBC", "CFB8", "CFB", "GCM", "CCM"; key_size 16, 24 or 32. For ECB, CBC and CFB, whole blocks in one
 * call; no padding. out may be in. iv: a block, not written. */
bool plat_cipher(const char *mode, const void *key, size_t key_size, const void *iv, bool encrypt, const void *in,
                 size_t size, void *out);

/* GCM and CCM: added data first, then text in any pieces (CCM: one), then the tag. Decrypting, plat_sealed_end compares the
 * tag and is false where it differs. */
struct plat_sealed_options {
    const char *mode;
    const void *key, *nonce;
    size_t key_size, nonce_size, tag_size;
    const void *tag; /* decrypting CCM: what it will be compared with */
    size_t text_size; /* CCM: in all */
    bool encrypt;
};
struct plat_sealed;
struct plat_sealed *plat_sealed_begin(const struct plat_sealed_options *options);
bool plat_sealed_added(struct plat_sealed *sealed, const void *data, size_t size);
bool plat_sealed_text(struct plat_sealed *sealed, const void *in, size_t size, void *out);
bool plat_sealed_end(struct plat_sealed *sealed, void *tag, size_t tag_size);
void plat_sealed_free(struct plat_sealed *sealed);

/* Public keys, for checking signatures. Numbers are big-endian. */
struct plat_public;
struct plat_public *plat_rsa_public(const void *exponent, size_t exponent_size, const void *modulus, size_t modulus_size);
/* `curve`: "P-256", "P-384", "P-521"; x and y of `size` bytes each. */
struct plat_public *plat_ec_public(const char *curve, const void *x, const void *y, size_t size);
struct plat_public *plat_public_copy(struct plat_public *key);
void plat_public_free(struct plat_public *key);
/* RSA. `digest`: of the hash, NULL: none is named in the padding. salt < 0: PKCS #1 1.5, else PSS with that much salt. */
bool plat_rsa_verify(struct plat_public *key, const char *digest, int salt, const void *hash, size_t hash_size,
                     const void *signature, size_t signature_size);
/* The signature is r and s, of the same size. */
bool plat_ec_verify(struct plat_public *key, const void *hash, size_t hash_size, const void *signature, size_t signature_size);

#endif
