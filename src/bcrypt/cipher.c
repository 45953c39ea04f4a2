/* BCryptEncrypt and BCryptDecrypt. */
#include "bcrypt/bcryptp.h"

#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <string.h>

enum { BLOCK = 16 };

struct cipher_call {
    struct bcrypt_object *key;
    const UCHAR *in;
    ULONG size;
    PUCHAR vector; // the caller's, updated; or NULL
    UCHAR *out;
    ULONG out_size;
    ULONG *result;
    bool encrypt, pad;
};

/* ---- ECB, CBC, CFB ---- */

static ULONG granule(const struct bcrypt_object *key)
{
    return !strcmp(key->mode->name, "CFB") ? key->feedback : BLOCK;
}

/* The vector of the next call that goes on from this one: the last block of what was sent. */
static void advance(const struct bcrypt_object *key, UCHAR vector[BLOCK], const UCHAR *sent, ULONG size)
{
    if (!key->mode->chained || !size)
        return;
    ULONG kept = size < BLOCK ? BLOCK - size : 0;
    memmove(vector, vector + BLOCK - kept, kept);
    memcpy(vector + kept, sent + size - (BLOCK - kept), BLOCK - kept);
}

static NTSTATUS run(struct cipher_call *call, const UCHAR *in, ULONG size, UCHAR *out)
{
    struct bcrypt_object *key = call->key;
    const char *name = key->mode->name;
    UCHAR vector[BLOCK], next[BLOCK];

    memcpy(vector, call->vector ? call->vector : key->vector, BLOCK);
    memcpy(next, vector, BLOCK);
    if (!strcmp(name, "CFB") && key->feedback == 1)
        name = "CFB8";
    if (!call->encrypt)
        advance(key, next, in, size);
    if (!plat_cipher(name, key->key, key->key_size, vector, call->encrypt, in, size, out))
        return STATUS_NO_MEMORY;
    if (call->encrypt)
        advance(key, next, out, size);
    if (call->vector)
        memcpy(call->vector, next, BLOCK);
    return STATUS_SUCCESS;
}

static NTSTATUS encrypt_padded(struct cipher_call *call)
{
    ULONG total = *call->result, missing = total - call->size;
    UCHAR *padded = sim_alloc(total);

    memcpy(padded, call->in, call->size);
    memset(padded + call->size, (int)missing, missing);
    NTSTATUS status = run(call, padded, total, call->out);
    sim_free(padded);
    return status;
}

/* How many bytes of text are before the padding; more than `total`: it is no padding. */
static ULONG unpadded(const UCHAR *text, ULONG total)
{
    UCHAR count = total ? text[total - 1] : 0;
    if (!count || count > BLOCK || count > total)
        return total + 1;
    for (ULONG i = total - count; i < total; i++)
        if (text[i] != count)
            return total + 1;
    return total - count;
}

static NTSTATUS decrypt_padded(struct cipher_call *call)
{
    UCHAR *text = sim_alloc(call->size + 1);
    NTSTATUS status = run(call, call->in, call->size, text);
    ULONG size = NT_SUCCESS(status) ? unpadded(text, call->size) : 0;

    if (NT_SUCCESS(status) && size > call->size)
        status = STATUS_UNSUCCESSFUL; // as seen on Windows with a wrong key
    else if (NT_SUCCESS(status) && size > call->out_size)
        status = STATUS_BUFFER_TOO_SMALL;
    *call->result = size > call->size ? 0 : size;
    if (NT_SUCCESS(status))
        memcpy(call->out, text, size);
    sim_free(text);
    return status;
}

static NTSTATUS plain(struct cipher_call *call)
{
    bool pads = call->pad && granule(call->key) == BLOCK;

    if (!call->in || (call->vector && !call->key->mode->chained))
        return STATUS_INVALID_PARAMETER;
    if (call->size % granule(call->key) && !(pads && call->encrypt))
        return STATUS_INVALID_BUFFER_SIZE;
    if (pads && !call->encrypt && !call->size)
        return STATUS_INVALID_BUFFER_SIZE;
    *call->result = pads && call->encrypt ? (call->size / BLOCK + 1) * BLOCK : call->size;
    if (!call->out)
        return STATUS_SUCCESS;
    if (pads && !call->encrypt)
        return decrypt_padded(call);
    if (call->out_size < *call->result)
        return STATUS_BUFFER_TOO_SMALL;
    return pads ? encrypt_padded(call) : run(call, call->in, call->size, call->out);
}

/* ---- GCM, CCM ---- */

typedef BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO seal_info;

static bool is_good_info(const seal_info *info, bool ccm)
{
    if (!info || info->cbSize != sizeof *info || info->dwInfoVersion != BCRYPT_AUTHENTICATED_CIPHER_MODE_INFO_VERSION)
        return false;
    if (!info->pbNonce || (info->cbAuthData && !info->pbAuthData))
        return false;
    return ccm ? info->cbNonce >= 7 && info->cbNonce <= 13 : info->cbNonce == 12;
}

static bool is_good_tag(const seal_info *info, bool ccm)
{
    ULONG size = info->cbTag;
    return info->pbTag && size <= 16 && (ccm ? size >= 4 && size % 2 == 0 : size >= 12);
}

static struct plat_sealed *begin_sealed(const struct cipher_call *call, const seal_info *info)
{
    return plat_sealed_begin(&(struct plat_sealed_options){
        .mode = call->key->mode->name,
        .key = call->key->key,
        .key_size = call->key->key_size,
        .nonce = info->pbNonce,
        .nonce_size = info->cbNonce,
        .tag = call->encrypt ? NULL : info->pbTag,
        .tag_size = info->cbTag,
        .text_size = call->size,
        .encrypt = call->encrypt,
    });
}

/* The chain that an earlier call left for this one, taken off the key. */
static struct plat_sealed *take_chain(struct bcrypt_object *key, PUCHAR mac)
{
    struct plat_sealed *sealed = NULL;

    sched_lock(&machine->bcrypt->lock);
    struct bcrypt_chain **link = &key->chains, *chain;
    while (*link && (*link)->mac != mac)
        link = &(*link)->next;
    if ((chain = *link)) {
        *link = chain->next;
        sealed = chain->sealed;
    }
    sched_unlock(&machine->bcrypt->lock);
    sim_free(chain);
    return sealed;
}

static void keep_chain(struct bcrypt_object *key, PUCHAR mac, struct plat_sealed *sealed)
{
    struct bcrypt_chain *chain = sim_alloc(sizeof *chain);
    chain->mac = mac;
    chain->sealed = sealed;
    sched_lock(&machine->bcrypt->lock);
    chain->next = key->chains;
    key->chains = chain;
    sched_unlock(&machine->bcrypt->lock);
}

static NTSTATUS process(struct cipher_call *call, seal_info *info, struct plat_sealed *sealed, bool goes_on)
{
    NTSTATUS wrong = call->encrypt ? STATUS_INVALID_PARAMETER : STATUS_AUTH_TAG_MISMATCH;
    UCHAR none[BLOCK];

    if (!plat_sealed_added(sealed, info->pbAuthData, info->cbAuthData) ||
        !plat_sealed_text(sealed, call->in, call->size, call->out ? call->out : none))
        return wrong;
    return goes_on || plat_sealed_end(sealed, info->pbTag, info->cbTag) ? STATUS_SUCCESS : wrong;
}

static NTSTATUS sealed_call(struct cipher_call *call, seal_info *info)
{
    bool ccm = !strcmp(call->key->mode->name, "CCM");

    if (!is_good_info(info, ccm) || call->pad || (call->size && !call->in))
        return STATUS_INVALID_PARAMETER;
    bool goes_on = (info->dwFlags & BCRYPT_AUTH_MODE_CHAIN_CALLS_FLAG) != 0;
    bool chained = goes_on || (info->dwFlags & BCRYPT_AUTH_MODE_IN_PROGRESS_FLAG);
    if (ccm && chained)
        return STATUS_NOT_SUPPORTED;
    if ((!goes_on && !is_good_tag(info, ccm)) || (chained && (!info->pbMacContext || info->cbMacContext < BLOCK)))
        return STATUS_INVALID_PARAMETER;
    if (goes_on && call->size % BLOCK)
        return STATUS_INVALID_BUFFER_SIZE;
    *call->result = call->size;
    if (!call->out && call->size)
        return STATUS_SUCCESS;
    if (call->out_size < call->size)
        return STATUS_BUFFER_TOO_SMALL;

    struct plat_sealed *sealed = info->dwFlags & BCRYPT_AUTH_MODE_IN_PROGRESS_FLAG
                                     ? take_chain(call->key, info->pbMacContext)
                                     : begin_sealed(call, info);
    if (!sealed)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = process(call, info, sealed, goes_on);
    if (NT_SUCCESS(status) && goes_on) {
        keep_chain(call->key, info->pbMacContext, sealed);
        info->cbAAD += info->cbAuthData;
        info->cbData += call->size;
        info->dwFlags |= BCRYPT_AUTH_MODE_IN_PROGRESS_FLAG;
        return status;
    }
    info->dwFlags &= ~(ULONG)BCRYPT_AUTH_MODE_IN_PROGRESS_FLAG;
    if (!NT_SUCCESS(status) && call->out)
        memset(call->out, 0, call->size);
    plat_sealed_free(sealed);
    return status;
}

/* ---- */

static NTSTATUS start(struct cipher_call *call, void *info, ULONG vector_size, ULONG flags)
{
    if (!call->key)
        return STATUS_INVALID_HANDLE;
    if (!call->result || (flags & ~BCRYPT_BLOCK_PADDING) || (call->vector && vector_size != BLOCK))
        return STATUS_INVALID_PARAMETER;
    call->pad = (flags & BCRYPT_BLOCK_PADDING) != 0;
    if (call->key->mode->sealed)
        return sealed_call(call, info);
    return info ? STATUS_INVALID_PARAMETER : plain(call);
}

NTSTATUS BCryptEncrypt(BCRYPT_KEY_HANDLE hKey, PUCHAR pbInput, ULONG cbInput, VOID *pPaddingInfo, PUCHAR pbIV, ULONG cbIV,
                       PUCHAR pbOutput, ULONG cbOutput, ULONG *pcbResult, ULONG dwFlags)
{
    API_ENTER(BCryptEncrypt, hKey, SCHED_READ);
    struct bcrypt_object *key = BCryptpFind(hKey, BCRYPT_KEY, "BCryptEncrypt", VERIFY_CALLER);
    if (key && key->public)
        return STATUS_NOT_SUPPORTED;
    struct cipher_call call = {key, pbInput, cbInput, pbIV, pbOutput, cbOutput, pcbResult, .encrypt = true};
    return start(&call, pPaddingInfo, cbIV, dwFlags);
}

NTSTATUS BCryptDecrypt(BCRYPT_KEY_HANDLE hKey, PUCHAR pbInput, ULONG cbInput, VOID *pPaddingInfo, PUCHAR pbIV, ULONG cbIV,
                       PUCHAR pbOutput, ULONG cbOutput, ULONG *pcbResult, ULONG dwFlags)
{
    API_ENTER(BCryptDecrypt, hKey, SCHED_READ);
    struct bcrypt_object *key = BCryptpFind(hKey, BCRYPT_KEY, "BCryptDecrypt", VERIFY_CALLER);
    if (key && key->public)
        return STATUS_NOT_SUPPORTED;
    struct cipher_call call = {key, pbInput, cbInput, pbIV, pbOutput, cbOutput, pcbResult, .encrypt = false};
    return start(&call, pPaddingInfo, cbIV, dwFlags);
}
