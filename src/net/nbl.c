/* NET_BUFFER_LISTs, NET_BUFFERs and their pools. */
#include "net/nbl.h"

#include "fault/fault.h"
#include "verify/api.h"

struct net_pool {
    struct net_object object;
    bool with_buffer; // a list comes with its buffer
    USHORT context;   // preallocated in each list
    ULONG data;       // of the buffer that each list, or each buffer, comes with
};

struct net_buffer {
    struct net_object object;
    NET_BUFFER buffer;
};

struct net_list {
    struct net_object object;
    bool fwps; // FwpsAllocateNetBufferAndNetBufferList made it
    NET_BUFFER buffer;
    NET_BUFFER_LIST list; // its context follows
};

/* ---- pools ---- */

static bool is_header(const NDIS_OBJECT_HEADER *header, UCHAR revision, size_t size)
{
    return header->Type == NDIS_OBJECT_TYPE_DEFAULT && header->Revision >= revision && header->Size >= size;
}

static NDIS_HANDLE create_pool(enum net_kind kind, ULONG tag, const void *site)
{
    struct net_pool *pool = NetpCreate(sizeof *pool, kind, 0, NULL, site);
    if (pool)
        pool->object.tag = tag;
    return pool;
}

NDIS_HANDLE NdisAllocateNetBufferListPool(NDIS_HANDLE NdisHandle, const NET_BUFFER_LIST_POOL_PARAMETERS *Parameters)
{
    API_ENTER(NdisAllocateNetBufferListPool, NULL, SCHED_WRITE);
    if (!is_header(&Parameters->Header, NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1) ||
        (Parameters->DataSize && !Parameters->fAllocateNetBuffer) ||
        Parameters->ContextSize % MEMORY_ALLOCATION_ALIGNMENT)
        return NULL;
    struct net_pool *pool = create_pool(NET_LIST_POOL, Parameters->PoolTag, VERIFY_CALLER);
    if (pool) {
        pool->with_buffer = Parameters->fAllocateNetBuffer;
        pool->context = Parameters->ContextSize;
        pool->data = Parameters->DataSize;
    }
    return pool;
}

NDIS_HANDLE NdisAllocateNetBufferPool(NDIS_HANDLE NdisHandle, const NET_BUFFER_POOL_PARAMETERS *Parameters)
{
    API_ENTER(NdisAllocateNetBufferPool, NULL, SCHED_WRITE);
    if (!is_header(&Parameters->Header, NET_BUFFER_POOL_PARAMETERS_REVISION_1,
                   NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1))
        return NULL;
    struct net_pool *pool = create_pool(NET_BUFFER_POOL, Parameters->PoolTag, VERIFY_CALLER);
    if (pool)
        pool->data = Parameters->DataSize;
    return pool;
}

VOID NdisFreeNetBufferListPool(NDIS_HANDLE PoolHandle)
{
    API_ENTER(NdisFreeNetBufferListPool, PoolHandle, SCHED_WRITE);
    sim_free(NetpTake(PoolHandle, NET_LIST_POOL, "NdisFreeNetBufferListPool", VERIFY_CALLER));
}

VOID NdisFreeNetBufferPool(NDIS_HANDLE PoolHandle)
{
    API_ENTER(NdisFreeNetBufferPool, PoolHandle, SCHED_WRITE);
    sim_free(NetpTake(PoolHandle, NET_BUFFER_POOL, "NdisFreeNetBufferPool", VERIFY_CALLER));
}

/* ---- buffers ---- */

/* Where the data begin is where CurrentMdl and its offset point. */
void NetpSeek(NET_BUFFER *buffer)
{
    PMDL mdl = buffer->MdlChain;
    ULONG offset = buffer->DataOffset;
    while (mdl && mdl->Next && offset >= MmGetMdlByteCount(mdl)) {
        offset -= MmGetMdlByteCount(mdl);
        mdl = mdl->Next;
    }
    buffer->CurrentMdl = mdl;
    buffer->CurrentMdlOffset = offset;
}

static void describe(NET_BUFFER *buffer, NDIS_HANDLE pool, PMDL chain, ULONG offset, SIZE_T length)
{
    buffer->NdisPoolHandle = pool;
    buffer->MdlChain = chain;
    buffer->DataOffset = offset;
    buffer->stDataLength = length;
    NetpSeek(buffer);
}

PNET_BUFFER NdisAllocateNetBuffer(NDIS_HANDLE PoolHandle, PMDL MdlChain, ULONG DataOffset, SIZE_T DataLength)
{
    API_ENTER(NdisAllocateNetBuffer, PoolHandle, SCHED_WRITE);
    struct net_pool *pool = (struct net_pool *)NetpFind(PoolHandle, NET_BUFFER_POOL);
    if (!pool || pool->data)
        return NULL;
    struct net_buffer *alone = NetpCreate(sizeof *alone, NET_BUFFER_ALONE, offsetof(struct net_buffer, buffer),
                                          &pool->object, VERIFY_CALLER);
    if (!alone)
        return NULL;
    describe(&alone->buffer, PoolHandle, MdlChain, DataOffset, DataLength);
    return &alone->buffer;
}

static void free_cover(NET_BUFFER *buffer);

void NetpFreeCovers(NET_BUFFER *buffer)
{
    while (buffer->NdisReserved[0])
        free_cover(buffer);
}

void NetpFreeBuffers(struct net_object *object)
{
    if (object && object->kind == NET_LIST)
        NetpFreeCovers(&((struct net_list *)object)->buffer);
    else if (object && object->kind == NET_BUFFER_ALONE)
        NetpFreeCovers(&((struct net_buffer *)object)->buffer);
    sim_free(object);
}

VOID NdisFreeNetBuffer(PNET_BUFFER NetBuffer)
{
    API_ENTER(NdisFreeNetBuffer, NetBuffer, SCHED_WRITE);
    NetpFreeBuffers(NetpTake(NetBuffer, NET_BUFFER_ALONE, "NdisFreeNetBuffer", VERIFY_CALLER));
}

/* ---- lists ---- */

static void give_context(struct net_list *list, size_t size, USHORT used, USHORT room)
{
    NET_BUFFER_LIST_CONTEXT *context = (void *)((char *)list + size);
    context->Size = room;
    context->Offset = (USHORT)(room - used);
    list->list.Context = context;
}

static struct net_list *create_list(struct net_pool *pool, USHORT context, USHORT backfill, const void *site)
{
    size_t size = (sizeof(struct net_list) + 15) / 16 * 16;
    USHORT room = (USHORT)(context + backfill + pool->context);
    struct net_list *list =
        NetpCreate(size + (room ? offsetof(NET_BUFFER_LIST_CONTEXT, ContextData) + room : 0), NET_LIST,
                   offsetof(struct net_list, list), &pool->object, site);
    if (!list)
        return NULL;
    list->list.NdisPoolHandle = pool;
    if (room)
        give_context(list, size, context, room);
    return list;
}

PNET_BUFFER_LIST NdisAllocateNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize, USHORT ContextBackFill)
{
    API_ENTER(NdisAllocateNetBufferList, PoolHandle, SCHED_WRITE);
    struct net_pool *pool = (struct net_pool *)NetpFind(PoolHandle, NET_LIST_POOL);
    struct net_list *list = pool ? create_list(pool, ContextSize, ContextBackFill, VERIFY_CALLER) : NULL;
    if (!list)
        return NULL;
    if (pool->with_buffer) {
        describe(&list->buffer, NULL, NULL, 0, 0);
        list->list.FirstNetBuffer = &list->buffer;
    }
    return &list->list;
}

static struct net_list *create_filled(NDIS_HANDLE handle, USHORT context, USHORT backfill, PMDL chain, ULONG offset,
                                      SIZE_T length, const void *site)
{
    struct net_pool *pool = (struct net_pool *)NetpFind(handle, NET_LIST_POOL);
    if (!pool || !pool->with_buffer || pool->data || (!chain && (offset || length)))
        return NULL;
    struct net_list *list = create_list(pool, context, backfill, site);
    if (!list)
        return NULL;
    describe(&list->buffer, NULL, chain, offset, length);
    list->list.FirstNetBuffer = &list->buffer;
    return list;
}

PNET_BUFFER_LIST NdisAllocateNetBufferAndNetBufferList(NDIS_HANDLE PoolHandle, USHORT ContextSize, USHORT ContextBackFill,
                                                       PMDL MdlChain, ULONG DataOffset, SIZE_T DataLength)
{
    API_ENTER(NdisAllocateNetBufferAndNetBufferList, PoolHandle, SCHED_WRITE);
    struct net_list *list =
        create_filled(PoolHandle, ContextSize, ContextBackFill, MdlChain, DataOffset, DataLength, VERIFY_CALLER);
    return list ? &list->list : NULL;
}

NTSTATUS FwpsAllocateNetBufferAndNetBufferList0(NDIS_HANDLE poolHandle, USHORT contextSize, USHORT contextBackFill,
                                                MDL *mdlChain, ULONG dataOffset, SIZE_T dataLength,
                                                NET_BUFFER_LIST **netBufferList)
{
    API_ENTER(FwpsAllocateNetBufferAndNetBufferList0, poolHandle, SCHED_WRITE);
    const struct net_pool *pool = (const struct net_pool *)NetpFind(poolHandle, NET_LIST_POOL);
    *netBufferList = NULL;
    if (!pool || !pool->with_buffer || pool->data)
        return STATUS_INVALID_PARAMETER;
    struct net_list *list =
        create_filled(poolHandle, contextSize, contextBackFill, mdlChain, dataOffset, dataLength, VERIFY_CALLER);
    if (!list)
        return STATUS_INSUFFICIENT_RESOURCES;
    list->fwps = true;
    *netBufferList = &list->list;
    return STATUS_SUCCESS;
}

static void free_list(NET_BUFFER_LIST *handle, bool fwps, const char *routine, const void *site)
{
    struct net_list *list = (struct net_list *)NetpFind(handle, NET_LIST);
    if (list && list->fwps != fwps) {
        verify_violate(VERIFY_NETWORK_MISUSE, "%s was given a NET_BUFFER_LIST that %s allocated.", routine,
                       fwps ? "NDIS" : "the filter engine");
        return;
    }
    NetpFreeBuffers(NetpTake(handle, NET_LIST, routine, site));
}

VOID NdisFreeNetBufferList(PNET_BUFFER_LIST NetBufferList)
{
    API_ENTER(NdisFreeNetBufferList, NetBufferList, SCHED_WRITE);
    free_list(NetBufferList, false, "NdisFreeNetBufferList", VERIFY_CALLER);
}

VOID FwpsFreeNetBufferList0(NET_BUFFER_LIST *netBufferList)
{
    API_ENTER(FwpsFreeNetBufferList0, netBufferList, SCHED_WRITE);
    free_list(netBufferList, true, "FwpsFreeNetBufferList0", VERIFY_CALLER);
}

/* ---- the space before the data ---- */

/* An MDL that NdisRetreatNetBufferDataStart put in front, with the memory behind it. */
struct cover {
    struct cover *next; // NET_BUFFER.NdisReserved[0], newest first
    PMDL mdl;
    UCHAR bytes[];
};

static PMDL cover(NET_BUFFER *buffer, ULONG size)
{
    struct cover *cover = fault_allocation() ? NULL : sim_alloc(sizeof *cover + size);
    if (!cover)
        return NULL;
    cover->mdl = IoAllocateMdl(cover->bytes, size, FALSE, FALSE, NULL);
    if (!cover->mdl) {
        sim_free(cover);
        return NULL;
    }
    MmBuildMdlForNonPagedPool(cover->mdl);
    cover->next = buffer->NdisReserved[0];
    buffer->NdisReserved[0] = cover;
    return cover->mdl;
}

static bool is_covered(const NET_BUFFER *buffer)
{
    const struct cover *cover = buffer->NdisReserved[0];
    return cover && cover->mdl == buffer->MdlChain;
}

static void free_cover(NET_BUFFER *buffer)
{
    struct cover *cover = buffer->NdisReserved[0];
    if (buffer->MdlChain == cover->mdl)
        buffer->MdlChain = cover->mdl->Next;
    buffer->NdisReserved[0] = cover->next;
    IoFreeMdl(cover->mdl);
    sim_free(cover);
}

NDIS_STATUS NdisRetreatNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta, ULONG DataBackFill,
                                          NET_BUFFER_ALLOCATE_MDL_HANDLER_FN AllocateMdlHandler)
{
    API_ENTER(NdisRetreatNetBufferDataStart, NetBuffer, SCHED_WRITE);
    if (NetBuffer->DataOffset < DataOffsetDelta) {
        ULONG size = DataOffsetDelta - NetBuffer->DataOffset + DataBackFill;
        PMDL mdl = AllocateMdlHandler ? AllocateMdlHandler(&size) : cover(NetBuffer, size);
        if (!mdl)
            return NDIS_STATUS_RESOURCES;
        mdl->Next = NetBuffer->MdlChain;
        NetBuffer->MdlChain = mdl;
        NetBuffer->DataOffset += size;
    }
    NetBuffer->DataOffset -= DataOffsetDelta;
    NetBuffer->stDataLength += DataOffsetDelta;
    NetpSeek(NetBuffer);
    return NDIS_STATUS_SUCCESS;
}

VOID NdisAdvanceNetBufferDataStart(PNET_BUFFER NetBuffer, ULONG DataOffsetDelta, BOOLEAN FreeMdl,
                                   NET_BUFFER_FREE_MDL_HANDLER_FN FreeMdlHandler)
{
    API_ENTER(NdisAdvanceNetBufferDataStart, NetBuffer, SCHED_WRITE);
    NetBuffer->DataOffset += DataOffsetDelta;
    NetBuffer->stDataLength -= DataOffsetDelta;
    while (FreeMdl && NetBuffer->MdlChain && NetBuffer->DataOffset >= MmGetMdlByteCount(NetBuffer->MdlChain) &&
           (FreeMdlHandler || is_covered(NetBuffer))) {
        PMDL mdl = NetBuffer->MdlChain;
        NetBuffer->DataOffset -= MmGetMdlByteCount(mdl);
        if (is_covered(NetBuffer)) {
            free_cover(NetBuffer);
        } else {
            NetBuffer->MdlChain = mdl->Next;
            FreeMdlHandler(mdl);
        }
    }
    NetpSeek(NetBuffer);
}

/* ---- the data ---- */

SIZE_T NetpCopyData(const NET_BUFFER *buffer, SIZE_T skip, UCHAR *target, SIZE_T length)
{
    SIZE_T done = 0, left = buffer->stDataLength;
    PMDL mdl = buffer->CurrentMdl;
    SIZE_T offset = buffer->CurrentMdlOffset;

    if (skip >= left)
        return 0;
    if (length > left - skip)
        length = left - skip;
    offset += skip;
    for (; mdl && done < length; mdl = mdl->Next) {
        SIZE_T size = MmGetMdlByteCount(mdl);
        if (offset >= size) {
            offset -= size;
            continue;
        }
        SIZE_T part = size - offset < length - done ? size - offset : length - done;
        const UCHAR *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        if (!bytes)
            break;
        memcpy(target + done, bytes + offset, part);
        done += part;
        offset = 0;
    }
    return done;
}

PVOID NdisGetDataBuffer(PNET_BUFFER NetBuffer, ULONG BytesNeeded, PVOID Storage, ULONG AlignMultiple, ULONG AlignOffset)
{
    API_ENTER(NdisGetDataBuffer, NetBuffer, SCHED_READ);
    PMDL mdl = NetBuffer->CurrentMdl;
    if (NetBuffer->DataLength < BytesNeeded || !mdl)
        return NULL;
    if (MmGetMdlByteCount(mdl) - NetBuffer->CurrentMdlOffset >= BytesNeeded) {
        UCHAR *bytes = MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority);
        if (!bytes)
            return NULL;
        bytes += NetBuffer->CurrentMdlOffset;
        if (AlignMultiple <= 1 || ((ULONG_PTR)bytes - AlignOffset) % AlignMultiple == 0)
            return bytes;
    }
    if (!Storage || NetpCopyData(NetBuffer, 0, Storage, BytesNeeded) != BytesNeeded)
        return NULL;
    return Storage;
}
