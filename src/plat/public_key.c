#include "plat/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include <string.h>

enum { MOST_POINT = 1 + 2 * 66 };

/* A struct plat_public is an EVP_PKEY. */
static EVP_PKEY *of(struct plat_public *key) { return (EVP_PKEY *)key; }

static struct plat_public *make(const char *type, OSSL_PARAM *parameters)
{
    EVP_PKEY_CTX *context = parameters ? EVP_PKEY_CTX_new_from_name(NULL, type, NULL) : NULL;
    EVP_PKEY *key = NULL;
    if (context && EVP_PKEY_fromdata_init(context) > 0)
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    return (struct plat_public *)key;
}

struct plat_public *plat_rsa_public(const void *exponent, size_t exponent_size, const void *modulus, size_t modulus_size)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *e = BN_bin2bn(exponent, (int)exponent_size, NULL), *n = BN_bin2bn(modulus, (int)modulus_size, NULL);
    OSSL_PARAM *parameters = NULL;
    if (builder && e && n && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n))
        parameters = OSSL_PARAM_BLD_to_param(builder);
    struct plat_public *key = make("RSA", parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(e);
    BN_free(n);
    return key;
}

struct plat_public *plat_ec_public(const char *curve, const void *x, const void *y, size_t size)
{
    unsigned char point[MOST_POINT] = {4}; // uncompressed
    if (1 + 2 * size > sizeof point)
        return NULL;
    memcpy(point + 1, x, size);
    memcpy(point + 1 + size, y, size);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size),
        OSSL_PARAM_construct_end(),
    };
    return make("EC", parameters);
}

struct plat_public *plat_public_copy(struct plat_public *key)
{
    return EVP_PKEY_up_ref(of(key)) ? key : NULL;
}

void plat_public_free(struct plat_public *key) { EVP_PKEY_free(of(key)); }

static bool pad(EVP_PKEY_CTX *context, int salt)
{
    if (salt < 0)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) > 0;
}

bool plat_rsa_verify(struct plat_public *key, const char *digest, int salt, const void *hash, size_t hash_size,
                     const void *signature, size_t signature_size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(of(key), NULL);
    bool good = context && EVP_PKEY_verify_init(context) > 0 && pad(context, salt) &&
                (!digest || EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(digest)) > 0) &&
                EVP_PKEY_verify(context, signature, signature_size, hash, hash_size) > 0;
    EVP_PKEY_CTX_free(context);
    return good;
}

/* As DER, which is what libcrypto takes. NULL: no memory. */
static unsigned char *encode(const unsigned char *signature, size_t half, int *length)
{
    unsigned char *der = NULL;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)half, NULL), *s = BN_bin2bn(signature + half, (int)half, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        *length = i2d_ECDSA_SIG(pair, &der);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(pair);
    return der;
}

bool plat_ec_verify(struct plat_public *key, const void *hash, size_t hash_size, const void *signature, size_t signature_size)
{
    int length = 0;
    unsigned char *der = encode(signature, signature_size / 2, &length);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(of(key), NULL);
    bool good = der && length > 0 && context && EVP_PKEY_verify_init(context) > 0 &&
                EVP_PKEY_verify(context, der, (size_t)length, hash, hash_size) > 0;
    EVP_PKEY_CTX_free(context);
    OPENSSL_free(der);
    return good;
}
