/* Keys by which file objects are one owner to the opportunistic lock package. A create carries them in an extra create
 * parameter; they stay with its file object. */
#include "oplock.h"

/* GUID_ECP_DUAL_OPLOCK_KEY, GUID_ECP_OPLOCK_KEY */
static const GUID dualOplockKey = {0x41621a14, 0xb08b, 0x4df1, {0xb6, 0x76, 0xa0, 0x5f, 0xfd, 0xf0, 0x1b, 0xea}},
                  oplockKey = {0x48850596, 0x3050, 0x4be7, {0x98, 0x63, 0xfe, 0xc3, 0x50, 0xce, 0x8d, 0x7f}};

static bool FromDual(PECP_LIST ecps, OPLOCK_KEY_CONTEXT *keys)
{
    PVOID found;
    ULONG size;
    if (!NT_SUCCESS(FsRtlFindExtraCreateParameter(ecps, &dualOplockKey, &found, &size)) ||
        size < sizeof(DUAL_OPLOCK_KEY_ECP_CONTEXT))
        return false;
    const DUAL_OPLOCK_KEY_ECP_CONTEXT *dual = found;
    keys->Version = OPLOCK_KEY_VERSION_WIN8;
    if (dual->ParentOplockKeySet) {
        keys->Flags |= OPLOCK_KEY_FLAG_PARENT_KEY;
        keys->ParentOplockKey = dual->ParentOplockKey;
    }
    if (dual->TargetOplockKeySet) {
        keys->Flags |= OPLOCK_KEY_FLAG_TARGET_KEY;
        keys->TargetOplockKey = dual->TargetOplockKey;
    }
    return keys->Flags != 0;
}

static bool FromSingle(PECP_LIST ecps, OPLOCK_KEY_CONTEXT *keys)
{
    PVOID found;
    ULONG size;
    if (!NT_SUCCESS(FsRtlFindExtraCreateParameter(ecps, &oplockKey, &found, &size)) ||
        size < sizeof(OPLOCK_KEY_ECP_CONTEXT))
        return false;
    keys->Version = OPLOCK_KEY_VERSION_WIN7;
    keys->Flags = OPLOCK_KEY_FLAG_TARGET_KEY;
    keys->TargetOplockKey = ((POPLOCK_KEY_ECP_CONTEXT)found)->OplockKey;
    return true;
}

void FsRtlpAttachOplockKeys(PECP_LIST ecps, PFILE_OBJECT file)
{
    struct oplock_keys keys = {0};
    if (!ecps || FsRtlpOplockKeysOf(file) || !(FromDual(ecps, &keys.context) || FromSingle(ecps, &keys.context)))
        return;
    keys.target.OplockKey = keys.context.TargetOplockKey;
    FsRtlpSetOplockKeys(file, &keys);
}

BOOLEAN FsRtlOplockKeysEqual(PFILE_OBJECT Fo1, PFILE_OBJECT Fo2)
{
    API_IRQL(FsRtlOplockKeysEqual);
    return FsRtlpIsOneOwner(Fo1, Fo2);
}

static bool HasTarget(const struct oplock_keys *keys)
{
    return keys && keys->context.Flags & OPLOCK_KEY_FLAG_TARGET_KEY;
}

bool FsRtlpIsOneOwner(PFILE_OBJECT one, PFILE_OBJECT other)
{
    if (!one || !other || one == other)
        return one && other;
    const struct oplock_keys *first = FsRtlpOplockKeysOf(one), *second = FsRtlpOplockKeysOf(other);
    return HasTarget(first) && HasTarget(second) &&
           IsEqualGUID(&first->context.TargetOplockKey, &second->context.TargetOplockKey);
}

POPLOCK_KEY_ECP_CONTEXT IoGetOplockKeyContext(PFILE_OBJECT FileObject)
{
    API_IRQL(IoGetOplockKeyContext);
    struct oplock_keys *keys = FsRtlpOplockKeysOf(FileObject);
    return HasTarget(keys) ? &keys->target : NULL;
}

POPLOCK_KEY_CONTEXT IoGetOplockKeyContextEx(PFILE_OBJECT FileObject)
{
    API_IRQL(IoGetOplockKeyContextEx);
    struct oplock_keys *keys = FsRtlpOplockKeysOf(FileObject);
    return keys ? &keys->context : NULL;
}
