/* Cryptography for drivers: BCrypt's handles over plat/crypto.h. A handle is the address of one of these objects; the memory
 * that a driver hands in for an object stays untouched. */
#ifndef FLTSIM_BCRYPTP_H
#define FLTSIM_BCRYPTP_H

#include <ntifs.h>
#include <bcrypt.h>

#include "plat/crypto.h"
#include "sched/sched.h"

#include <stdbool.h>

enum bcrypt_kind { BCRYPT_PROVIDER = 1, BCRYPT_HASH = 2, BCRYPT_KEY = 4 };
enum bcrypt_class { BCRYPT_HASHES, BCRYPT_CIPHERS, BCRYPT_RANDOM, BCRYPT_SIGNATURES };

struct bcrypt_algorithm {
    const WCHAR *id;
    const char *name; // plat/crypto.h's
    enum bcrypt_class class;
    ULONG size;                 // of a hash; of a curve's number, 0: RSA
    ULONG block;
    ULONG object;
};

/* A provider's is the default of keys made by it. */
struct bcrypt_mode {
    const WCHAR *id;
    const char *name; // plat/crypto.h's
    bool chained;     // takes an initialization vector
    bool sealed;      // GCM, CCM
};

/* A call that another one will go on from: BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG. */
struct bcrypt_chain {
    struct bcrypt_chain *next; // bcrypt_object.chains
    PUCHAR mac;                // the caller's pbMacContext
    struct plat_sealed *sealed;
};

struct bcrypt_object {
    struct bcrypt_object *next; // bcrypt_state.buckets[]
    enum bcrypt_kind kind;
    const struct bcrypt_algorithm *algorithm;
    struct bcrypt_object *provider; // NULL: a provider itself
    ULONG flags;                    // BCRYPT_PROV_DISPATCH, _ALG_HANDLE_HMAC_FLAG, _HASH_REUSABLE_FLAG
    ULONG made;                     // a provider: objects made from it
    bool closed;                    // a provider: goes with the last of these
    const void *site;               // who opened or made it; a pseudo handle's: NULL
    struct plat_hash *hash;
    bool finished; // a hash: its value was taken, and it is no reusable one
    const struct bcrypt_mode *mode;
    UCHAR vector[16];
    ULONG feedback; // CFB's message block length
    ULONG key_size;
    UCHAR key[32];
    struct plat_public *public; // a public key: no other member of keys means anything
    struct bcrypt_chain *chains;
};

enum { BCRYPT_BUCKETS = 64 };
struct bcrypt_state {
    struct sched_lock lock; // everything below
    struct bcrypt_object *buckets[BCRYPT_BUCKETS];
    ULONGLONG random;
};

bool BCryptpStart(void);
void BCryptpStop(void);
/* crypto-handle for what code of the driver (NULL: anybody's) opened or made and left. */
void BCryptpReportDriver(const char *driver);

/* The object behind a handle, of one of these kinds; NULL: STATUS_INVALID_HANDLE. At DISPATCH_LEVEL, and of a provider that
 * was opened without BCRYPT_PROV_DISPATCH: irql-too-high for `routine`. */
struct bcrypt_object *BCryptpFind(BCRYPT_HANDLE handle, int kinds, const char *routine, const void *caller);
/* An object of that provider's. NULL: no memory. */
struct bcrypt_object *BCryptpCreate(enum bcrypt_kind kind, struct bcrypt_object *provider, const void *site);
/* Takes it off the list, so that nobody finds it, and frees it. */
bool BCryptpDestroy(BCRYPT_HANDLE handle, enum bcrypt_kind kind, const char *routine, const void *site);

/* NULL: there is no such algorithm. */
const struct bcrypt_algorithm *BCryptpAlgorithm(LPCWSTR id);
/* NULL: there is no such mode. */
const struct bcrypt_mode *BCryptpMode(LPCWSTR id);
/* The provider that a pseudo handle stands for; NULL: it is none. */
struct bcrypt_object *BCryptpPseudo(BCRYPT_HANDLE handle);
/* Its name in ASCII. */
const char *BCryptpPrintName(const struct bcrypt_algorithm *algorithm, char text[16]);
bool BCryptpSameName(const WCHAR *a, LPCWSTR b);

static inline bool BCryptpIsHmac(const struct bcrypt_object *provider)
{
    return (provider->flags & BCRYPT_ALG_HANDLE_HMAC_FLAG) != 0;
}
/* May the caller's memory for an object be this long? None at all is fine. */
static inline bool BCryptpFits(const void *memory, ULONG size, const struct bcrypt_algorithm *algorithm)
{
    return (!memory && !size) || size >= algorithm->object;
}

#endif
