/* Interlocked operations, barriers and the compiler intrinsics that drivers use.
 *
 * Each works on the size that its pointer points to, so that `volatile LONG *` and the `long *`
 * that drivers also write are both operated on correctly. In C they are macros, in C++ templates.
 * Any IRQL. Pages: nf-wdm-interlockedincrement and its neighbours.
 */
#ifndef FLTSIM_NT_INTRINSICS_H
#define FLTSIM_NT_INTRINSICS_H

#include <nt/types.h>

#define FLTSIM_ORDER __ATOMIC_SEQ_CST

/* The exchange left the object as it was. Over and over that is a thread which spins for a lock of the driver's own making:
 * then others get to run. Every exchange below that can be such a spin calls this when it changed nothing. */
FLTSIM_WDK_BEGIN
void fltsim_unchanged(const volatile void *object);
FLTSIM_WDK_END

#ifdef __cplusplus

extern "C++" {

template <class T> inline T InterlockedIncrement(T volatile *p)
{
    return __atomic_add_fetch((p), 1, FLTSIM_ORDER);
}
template <class T> inline T InterlockedDecrement(T volatile *p)
{
    return __atomic_sub_fetch((p), 1, FLTSIM_ORDER);
}
template <class T, class V> inline T InterlockedExchange(T volatile *p, V x)
{
    T v = (T)x, was = __atomic_exchange_n((p), (v), FLTSIM_ORDER);
    if (was == v)
        fltsim_unchanged(p);
    return was;
}
template <class T, class V> inline T InterlockedExchangeAdd(T volatile *p, V x)
{
    T v = (T)x;
    return __atomic_fetch_add((p), (v), FLTSIM_ORDER);
}
template <class T, class V> inline T InterlockedExchangeSubtract(T volatile *p, V x)
{
    T v = (T)x;
    return __atomic_fetch_sub((p), (v), FLTSIM_ORDER);
}
template <class T, class V> inline T InterlockedAdd(T volatile *p, V x)
{
    T v = (T)x;
    return __atomic_add_fetch((p), (v), FLTSIM_ORDER);
}
template <class T, class V> inline T InterlockedAnd(T volatile *p, V x)
{
    T v = (T)x;
    return __atomic_fetch_and((p), (v), FLTSIM_ORDER);
}
template <class T, class V> inline T InterlockedOr(T volatile *p, V x)
{
    T v = (T)x, was = __atomic_fetch_or((p), (v), FLTSIM_ORDER);
    if ((was | v) == was)
        fltsim_unchanged(p);
    return was;
}
template <class T, class V> inline T InterlockedXor(T volatile *p, V x)
{
    T v = (T)x;
    return __atomic_fetch_xor((p), (v), FLTSIM_ORDER);
}
template <class T, class V, class C> inline T InterlockedCompareExchange(T volatile *p, V x, C c)
{
    T expected = (T)c;
    if (!__atomic_compare_exchange_n(p, &expected, (T)x, false, FLTSIM_ORDER, FLTSIM_ORDER) || expected == (T)x)
        fltsim_unchanged(p);
    return expected;
}
template <class T> inline unsigned char InterlockedBitTestAndSet(T volatile *p, LONGLONG bit)
{
    T mask = (T)((T)1 << bit);
    bool was = (__atomic_fetch_or(p, mask, FLTSIM_ORDER) & mask) != 0;
    if (was)
        fltsim_unchanged(p);
    return was;
}
template <class T> inline unsigned char InterlockedBitTestAndReset(T volatile *p, LONGLONG bit)
{
    T mask = (T)((T)1 << bit);
    return (__atomic_fetch_and(p, (T)~mask, FLTSIM_ORDER) & mask) != 0;
}
template <class T> inline T fltsim_at_read(T const volatile *p)
{
    return __atomic_load_n(p, FLTSIM_ORDER);
}
template <class T, class V> inline void fltsim_at_write(T volatile *p, V v)
{
    __atomic_store_n(p, (T)v, FLTSIM_ORDER);
}
template <class T> inline void *fltsim_read_pointer(T const volatile *p)
{
    return (void *)__atomic_load_n(p, FLTSIM_ORDER);
}
}

#else

#define InterlockedIncrement(p) __atomic_add_fetch((p), 1, FLTSIM_ORDER)
#define InterlockedDecrement(p) __atomic_sub_fetch((p), 1, FLTSIM_ORDER)
#define InterlockedExchange(p, v)                                                                  \
    __extension__({                                                                                \
        __auto_type fltsim_at = (p);                                                               \
        __typeof__(__atomic_exchange_n((p), (v), FLTSIM_ORDER)) fltsim_new = (v),                  \
            fltsim_was = __atomic_exchange_n(fltsim_at, fltsim_new, FLTSIM_ORDER);                 \
        if (fltsim_was == fltsim_new)                                                              \
            fltsim_unchanged(fltsim_at);                                                           \
        fltsim_was;                                                                                \
    })
#define InterlockedExchangeAdd(p, v) __atomic_fetch_add((p), (v), FLTSIM_ORDER)
#define InterlockedExchangeSubtract(p, v) __atomic_fetch_sub((p), (v), FLTSIM_ORDER)
#define InterlockedAdd(p, v) __atomic_add_fetch((p), (v), FLTSIM_ORDER)
#define InterlockedAnd(p, v) __atomic_fetch_and((p), (v), FLTSIM_ORDER)
#define InterlockedOr(p, v)                                                                        \
    __extension__({                                                                                \
        __auto_type fltsim_at = (p);                                                               \
        __typeof__(__atomic_fetch_or((p), (v), FLTSIM_ORDER)) fltsim_new = (v),                    \
            fltsim_was = __atomic_fetch_or(fltsim_at, fltsim_new, FLTSIM_ORDER);                   \
        if ((fltsim_was | fltsim_new) == fltsim_was)                                               \
            fltsim_unchanged(fltsim_at);                                                           \
        fltsim_was;                                                                                \
    })
#define InterlockedXor(p, v) __atomic_fetch_xor((p), (v), FLTSIM_ORDER)
#define InterlockedCompareExchange(p, v, c)                                                        \
    __extension__({                                                                                \
        __auto_type fltsim_at = (p);                                                               \
        __typeof__(__sync_val_compare_and_swap((p), (c), (v))) fltsim_new = (v), fltsim_old = (c), \
            fltsim_was = __sync_val_compare_and_swap(fltsim_at, fltsim_old, fltsim_new);           \
        if (fltsim_was != fltsim_old || fltsim_old == fltsim_new)                                  \
            fltsim_unchanged(fltsim_at);                                                           \
        fltsim_was;                                                                                \
    })
#define InterlockedBitTestAndSet(p, bit)                                                           \
    __extension__({                                                                                \
        __auto_type fltsim_at = (p);                                                               \
        LONGLONG fltsim_nr = (LONGLONG)(bit);                                                      \
        UCHAR fltsim_was = fltsim_bit((ULONG64)__atomic_fetch_or(fltsim_at, (__typeof__(*(p) + 0))(1ULL << fltsim_nr), \
                                                                 FLTSIM_ORDER), fltsim_nr);        \
        if (fltsim_was)                                                                            \
            fltsim_unchanged(fltsim_at);                                                           \
        fltsim_was;                                                                                \
    })
#define InterlockedBitTestAndReset(p, bit)                                                         \
    fltsim_bit((ULONG64)__atomic_fetch_and((p), (__typeof__(*(p) + 0))~(1ULL << (bit)), FLTSIM_ORDER), (bit))
FLTSIM_INLINE UCHAR fltsim_bit(ULONG64 mask, LONGLONG bit)
{
    return (UCHAR)(mask >> bit & 1);
}
#define fltsim_at_read(p) __atomic_load_n((p), FLTSIM_ORDER)
#define fltsim_at_write(p, v) __atomic_store_n((p), (v), FLTSIM_ORDER)
#define fltsim_read_pointer(p) ((void *)__atomic_load_n((p), FLTSIM_ORDER))

#endif

/* The other sizes and orderings. The names promise less ordering than they are given here. */
#define InterlockedIncrement64 InterlockedIncrement
#define InterlockedIncrement8 InterlockedIncrement
#define InterlockedIncrement16 InterlockedIncrement
#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedIncrementAcquire64 InterlockedIncrement
#define InterlockedIncrementRelease64 InterlockedIncrement
#define InterlockedIncrementNoFence64 InterlockedIncrement
#define InterlockedIncrement64Acquire InterlockedIncrement
#define InterlockedIncrement64Release InterlockedIncrement
#define InterlockedIncrement64NoFence InterlockedIncrement
#define InterlockedIncrementSizeT InterlockedIncrement
#define InterlockedIncrementSSizeT InterlockedIncrement
#define InterlockedIncrementSizeTNoFence InterlockedIncrement
#define InterlockedIncrementSSizeTNoFence InterlockedIncrement
#define InterlockedIncrementSizeTAcquire InterlockedIncrement
#define InterlockedIncrementSizeTRelease InterlockedIncrement
#define InterlockedIncrementULongPtr InterlockedIncrement
#define InterlockedIncrementULongPtrAcquire InterlockedIncrement
#define InterlockedIncrementULongPtrRelease InterlockedIncrement
#define InterlockedIncrementU64 InterlockedIncrement
#define InterlockedIncrementLongPtr InterlockedIncrement
#define _InterlockedIncrement InterlockedIncrement
#define _InterlockedIncrement8 InterlockedIncrement
#define _InterlockedIncrement16 InterlockedIncrement
#define _InterlockedIncrement64 InterlockedIncrement
#define InterlockedDecrement64 InterlockedDecrement
#define InterlockedDecrement8 InterlockedDecrement
#define InterlockedDecrement16 InterlockedDecrement
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedDecrementAcquire64 InterlockedDecrement
#define InterlockedDecrementRelease64 InterlockedDecrement
#define InterlockedDecrementNoFence64 InterlockedDecrement
#define InterlockedDecrement64Acquire InterlockedDecrement
#define InterlockedDecrement64Release InterlockedDecrement
#define InterlockedDecrement64NoFence InterlockedDecrement
#define InterlockedDecrementSizeT InterlockedDecrement
#define InterlockedDecrementSSizeT InterlockedDecrement
#define InterlockedDecrementSizeTNoFence InterlockedDecrement
#define InterlockedDecrementSSizeTNoFence InterlockedDecrement
#define InterlockedDecrementSizeTAcquire InterlockedDecrement
#define InterlockedDecrementSizeTRelease InterlockedDecrement
#define InterlockedDecrementULongPtr InterlockedDecrement
#define InterlockedDecrementULongPtrAcquire InterlockedDecrement
#define InterlockedDecrementULongPtrRelease InterlockedDecrement
#define InterlockedDecrementU64 InterlockedDecrement
#define InterlockedDecrementLongPtr InterlockedDecrement
#define _InterlockedDecrement InterlockedDecrement
#define _InterlockedDecrement8 InterlockedDecrement
#define _InterlockedDecrement16 InterlockedDecrement
#define _InterlockedDecrement64 InterlockedDecrement
#ifdef __cplusplus
#define InterlockedExchange64 InterlockedExchange
#else
/* C passes a PVOID where a LONG64 * is expected, and a pointer for a number with a warning. */
#define InterlockedExchange64(p, v)                                                                \
    __atomic_exchange_n(__builtin_choose_expr(__builtin_types_compatible_p(__typeof__(p), PVOID),  \
                                              (LONG64 volatile *)(p), (p)), (v), FLTSIM_ORDER)
#endif
#define InterlockedExchange8 InterlockedExchange
#define InterlockedExchange16 InterlockedExchange
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchangeRelease InterlockedExchange
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchangeAcquire64 InterlockedExchange
#define InterlockedExchangeRelease64 InterlockedExchange
#define InterlockedExchangeNoFence64 InterlockedExchange
#define InterlockedExchange64Acquire InterlockedExchange
#define InterlockedExchange64Release InterlockedExchange
#define InterlockedExchange64NoFence InterlockedExchange
#define InterlockedExchangeSizeT InterlockedExchange
#define InterlockedExchangeSSizeT InterlockedExchange
#define InterlockedExchangeSizeTNoFence InterlockedExchange
#define InterlockedExchangeSSizeTNoFence InterlockedExchange
#define InterlockedExchangeSizeTAcquire InterlockedExchange
#define InterlockedExchangeSizeTRelease InterlockedExchange
#define InterlockedExchangeULongPtr InterlockedExchange
#define InterlockedExchangeULongPtrAcquire InterlockedExchange
#define InterlockedExchangeULongPtrRelease InterlockedExchange
#define InterlockedExchangeU64 InterlockedExchange
#define InterlockedExchangeLongPtr InterlockedExchange
#define _InterlockedExchange InterlockedExchange
#define _InterlockedExchange8 InterlockedExchange
#define _InterlockedExchange16 InterlockedExchange
#define _InterlockedExchange64 InterlockedExchange
#define InterlockedExchangeAdd64 InterlockedExchangeAdd
#define InterlockedExchangeAdd8 InterlockedExchangeAdd
#define InterlockedExchangeAdd16 InterlockedExchangeAdd
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedExchangeAddAcquire64 InterlockedExchangeAdd
#define InterlockedExchangeAddRelease64 InterlockedExchangeAdd
#define InterlockedExchangeAddNoFence64 InterlockedExchangeAdd
#define InterlockedExchangeAdd64Acquire InterlockedExchangeAdd
#define InterlockedExchangeAdd64Release InterlockedExchangeAdd
#define InterlockedExchangeAdd64NoFence InterlockedExchangeAdd
#define InterlockedExchangeAddSizeT InterlockedExchangeAdd
#define InterlockedExchangeAddSSizeT InterlockedExchangeAdd
#define InterlockedExchangeAddSizeTNoFence InterlockedExchangeAdd
#define InterlockedExchangeAddSSizeTNoFence InterlockedExchangeAdd
#define InterlockedExchangeAddSizeTAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddSizeTRelease InterlockedExchangeAdd
#define InterlockedExchangeAddULongPtr InterlockedExchangeAdd
#define InterlockedExchangeAddULongPtrAcquire InterlockedExchangeAdd
#define InterlockedExchangeAddULongPtrRelease InterlockedExchangeAdd
#define InterlockedExchangeAddU64 InterlockedExchangeAdd
#define InterlockedExchangeAddLongPtr InterlockedExchangeAdd
#define _InterlockedExchangeAdd InterlockedExchangeAdd
#define _InterlockedExchangeAdd8 InterlockedExchangeAdd
#define _InterlockedExchangeAdd16 InterlockedExchangeAdd
#define _InterlockedExchangeAdd64 InterlockedExchangeAdd
#define InterlockedExchangeSubtract64 InterlockedExchangeSubtract
#define InterlockedExchangeSubtract8 InterlockedExchangeSubtract
#define InterlockedExchangeSubtract16 InterlockedExchangeSubtract
#define InterlockedExchangeSubtractAcquire InterlockedExchangeSubtract
#define InterlockedExchangeSubtractRelease InterlockedExchangeSubtract
#define InterlockedExchangeSubtractNoFence InterlockedExchangeSubtract
#define InterlockedExchangeSubtractAcquire64 InterlockedExchangeSubtract
#define InterlockedExchangeSubtractRelease64 InterlockedExchangeSubtract
#define InterlockedExchangeSubtractNoFence64 InterlockedExchangeSubtract
#define InterlockedExchangeSubtract64Acquire InterlockedExchangeSubtract
#define InterlockedExchangeSubtract64Release InterlockedExchangeSubtract
#define InterlockedExchangeSubtract64NoFence InterlockedExchangeSubtract
#define InterlockedExchangeSubtractSizeT InterlockedExchangeSubtract
#define InterlockedExchangeSubtractSSizeT InterlockedExchangeSubtract
#define InterlockedExchangeSubtractSizeTNoFence InterlockedExchangeSubtract
#define InterlockedExchangeSubtractSSizeTNoFence InterlockedExchangeSubtract
#define InterlockedExchangeSubtractSizeTAcquire InterlockedExchangeSubtract
#define InterlockedExchangeSubtractSizeTRelease InterlockedExchangeSubtract
#define InterlockedExchangeSubtractULongPtr InterlockedExchangeSubtract
#define InterlockedExchangeSubtractULongPtrAcquire InterlockedExchangeSubtract
#define InterlockedExchangeSubtractULongPtrRelease InterlockedExchangeSubtract
#define InterlockedExchangeSubtractU64 InterlockedExchangeSubtract
#define InterlockedExchangeSubtractLongPtr InterlockedExchangeSubtract
#define _InterlockedExchangeSubtract InterlockedExchangeSubtract
#define _InterlockedExchangeSubtract8 InterlockedExchangeSubtract
#define _InterlockedExchangeSubtract16 InterlockedExchangeSubtract
#define _InterlockedExchangeSubtract64 InterlockedExchangeSubtract
#define InterlockedAdd64 InterlockedAdd
#define InterlockedAdd8 InterlockedAdd
#define InterlockedAdd16 InterlockedAdd
#define InterlockedAddAcquire InterlockedAdd
#define InterlockedAddRelease InterlockedAdd
#define InterlockedAddNoFence InterlockedAdd
#define InterlockedAddAcquire64 InterlockedAdd
#define InterlockedAddRelease64 InterlockedAdd
#define InterlockedAddNoFence64 InterlockedAdd
#define InterlockedAdd64Acquire InterlockedAdd
#define InterlockedAdd64Release InterlockedAdd
#define InterlockedAdd64NoFence InterlockedAdd
#define InterlockedAddSizeT InterlockedAdd
#define InterlockedAddSSizeT InterlockedAdd
#define InterlockedAddSizeTNoFence InterlockedAdd
#define InterlockedAddSSizeTNoFence InterlockedAdd
#define InterlockedAddSizeTAcquire InterlockedAdd
#define InterlockedAddSizeTRelease InterlockedAdd
#define InterlockedAddULongPtr InterlockedAdd
#define InterlockedAddULongPtrAcquire InterlockedAdd
#define InterlockedAddULongPtrRelease InterlockedAdd
#define InterlockedAddU64 InterlockedAdd
#define InterlockedAddLongPtr InterlockedAdd
#define _InterlockedAdd InterlockedAdd
#define _InterlockedAdd8 InterlockedAdd
#define _InterlockedAdd16 InterlockedAdd
#define _InterlockedAdd64 InterlockedAdd
#define InterlockedAnd64 InterlockedAnd
#define InterlockedAnd8 InterlockedAnd
#define InterlockedAnd16 InterlockedAnd
#define InterlockedAndAcquire InterlockedAnd
#define InterlockedAndRelease InterlockedAnd
#define InterlockedAndNoFence InterlockedAnd
#define InterlockedAndAcquire64 InterlockedAnd
#define InterlockedAndRelease64 InterlockedAnd
#define InterlockedAndNoFence64 InterlockedAnd
#define InterlockedAnd64Acquire InterlockedAnd
#define InterlockedAnd64Release InterlockedAnd
#define InterlockedAnd64NoFence InterlockedAnd
#define InterlockedAndSizeT InterlockedAnd
#define InterlockedAndSSizeT InterlockedAnd
#define InterlockedAndSizeTNoFence InterlockedAnd
#define InterlockedAndSSizeTNoFence InterlockedAnd
#define InterlockedAndSizeTAcquire InterlockedAnd
#define InterlockedAndSizeTRelease InterlockedAnd
#define InterlockedAndULongPtr InterlockedAnd
#define InterlockedAndULongPtrAcquire InterlockedAnd
#define InterlockedAndULongPtrRelease InterlockedAnd
#define InterlockedAndU64 InterlockedAnd
#define InterlockedAndLongPtr InterlockedAnd
#define _InterlockedAnd InterlockedAnd
#define _InterlockedAnd8 InterlockedAnd
#define _InterlockedAnd16 InterlockedAnd
#define _InterlockedAnd64 InterlockedAnd
#define InterlockedOr64 InterlockedOr
#define InterlockedOr8 InterlockedOr
#define InterlockedOr16 InterlockedOr
#define InterlockedOrAcquire InterlockedOr
#define InterlockedOrRelease InterlockedOr
#define InterlockedOrNoFence InterlockedOr
#define InterlockedOrAcquire64 InterlockedOr
#define InterlockedOrRelease64 InterlockedOr
#define InterlockedOrNoFence64 InterlockedOr
#define InterlockedOr64Acquire InterlockedOr
#define InterlockedOr64Release InterlockedOr
#define InterlockedOr64NoFence InterlockedOr
#define InterlockedOrSizeT InterlockedOr
#define InterlockedOrSSizeT InterlockedOr
#define InterlockedOrSizeTNoFence InterlockedOr
#define InterlockedOrSSizeTNoFence InterlockedOr
#define InterlockedOrSizeTAcquire InterlockedOr
#define InterlockedOrSizeTRelease InterlockedOr
#define InterlockedOrULongPtr InterlockedOr
#define InterlockedOrULongPtrAcquire InterlockedOr
#define InterlockedOrULongPtrRelease InterlockedOr
#define InterlockedOrU64 InterlockedOr
#define InterlockedOrLongPtr InterlockedOr
#define _InterlockedOr InterlockedOr
#define _InterlockedOr8 InterlockedOr
#define _InterlockedOr16 InterlockedOr
#define _InterlockedOr64 InterlockedOr
#define InterlockedXor64 InterlockedXor
#define InterlockedXor8 InterlockedXor
#define InterlockedXor16 InterlockedXor
#define InterlockedXorAcquire InterlockedXor
#define InterlockedXorRelease InterlockedXor
#define InterlockedXorNoFence InterlockedXor
#define InterlockedXorAcquire64 InterlockedXor
#define InterlockedXorRelease64 InterlockedXor
#define InterlockedXorNoFence64 InterlockedXor
#define InterlockedXor64Acquire InterlockedXor
#define InterlockedXor64Release InterlockedXor
#define InterlockedXor64NoFence InterlockedXor
#define InterlockedXorSizeT InterlockedXor
#define InterlockedXorSSizeT InterlockedXor
#define InterlockedXorSizeTNoFence InterlockedXor
#define InterlockedXorSSizeTNoFence InterlockedXor
#define InterlockedXorSizeTAcquire InterlockedXor
#define InterlockedXorSizeTRelease InterlockedXor
#define InterlockedXorULongPtr InterlockedXor
#define InterlockedXorULongPtrAcquire InterlockedXor
#define InterlockedXorULongPtrRelease InterlockedXor
#define InterlockedXorU64 InterlockedXor
#define InterlockedXorLongPtr InterlockedXor
#define _InterlockedXor InterlockedXor
#define _InterlockedXor8 InterlockedXor
#define _InterlockedXor16 InterlockedXor
#define _InterlockedXor64 InterlockedXor
#define InterlockedCompareExchange64 InterlockedCompareExchange
#define InterlockedCompareExchange8 InterlockedCompareExchange
#define InterlockedCompareExchange16 InterlockedCompareExchange
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedCompareExchangeAcquire64 InterlockedCompareExchange
#define InterlockedCompareExchangeRelease64 InterlockedCompareExchange
#define InterlockedCompareExchangeNoFence64 InterlockedCompareExchange
#define InterlockedCompareExchange64Acquire InterlockedCompareExchange
#define InterlockedCompareExchange64Release InterlockedCompareExchange
#define InterlockedCompareExchange64NoFence InterlockedCompareExchange
#define InterlockedCompareExchangeSizeT InterlockedCompareExchange
#define InterlockedCompareExchangeSSizeT InterlockedCompareExchange
#define InterlockedCompareExchangeSizeTNoFence InterlockedCompareExchange
#define InterlockedCompareExchangeSSizeTNoFence InterlockedCompareExchange
#define InterlockedCompareExchangeSizeTAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeSizeTRelease InterlockedCompareExchange
#define InterlockedCompareExchangeULongPtr InterlockedCompareExchange
#define InterlockedCompareExchangeULongPtrAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeULongPtrRelease InterlockedCompareExchange
#define InterlockedCompareExchangeU64 InterlockedCompareExchange
#define InterlockedCompareExchangeLongPtr InterlockedCompareExchange
#define _InterlockedCompareExchange InterlockedCompareExchange
#define _InterlockedCompareExchange8 InterlockedCompareExchange
#define _InterlockedCompareExchange16 InterlockedCompareExchange
#define _InterlockedCompareExchange64 InterlockedCompareExchange
#define InterlockedBitTestAndSet64 InterlockedBitTestAndSet
#define InterlockedBitTestAndSet8 InterlockedBitTestAndSet
#define InterlockedBitTestAndSet16 InterlockedBitTestAndSet
#define InterlockedBitTestAndSetAcquire InterlockedBitTestAndSet
#define InterlockedBitTestAndSetRelease InterlockedBitTestAndSet
#define InterlockedBitTestAndSetNoFence InterlockedBitTestAndSet
#define InterlockedBitTestAndSetAcquire64 InterlockedBitTestAndSet
#define InterlockedBitTestAndSetRelease64 InterlockedBitTestAndSet
#define InterlockedBitTestAndSetNoFence64 InterlockedBitTestAndSet
#define InterlockedBitTestAndSet64Acquire InterlockedBitTestAndSet
#define InterlockedBitTestAndSet64Release InterlockedBitTestAndSet
#define InterlockedBitTestAndSet64NoFence InterlockedBitTestAndSet
#define InterlockedBitTestAndSetSizeT InterlockedBitTestAndSet
#define InterlockedBitTestAndSetSSizeT InterlockedBitTestAndSet
#define InterlockedBitTestAndSetSizeTNoFence InterlockedBitTestAndSet
#define InterlockedBitTestAndSetSSizeTNoFence InterlockedBitTestAndSet
#define InterlockedBitTestAndSetSizeTAcquire InterlockedBitTestAndSet
#define InterlockedBitTestAndSetSizeTRelease InterlockedBitTestAndSet
#define InterlockedBitTestAndSetULongPtr InterlockedBitTestAndSet
#define InterlockedBitTestAndSetULongPtrAcquire InterlockedBitTestAndSet
#define InterlockedBitTestAndSetULongPtrRelease InterlockedBitTestAndSet
#define InterlockedBitTestAndSetU64 InterlockedBitTestAndSet
#define InterlockedBitTestAndSetLongPtr InterlockedBitTestAndSet
#define _InterlockedBitTestAndSet InterlockedBitTestAndSet
#define _InterlockedBitTestAndSet8 InterlockedBitTestAndSet
#define _InterlockedBitTestAndSet16 InterlockedBitTestAndSet
#define _InterlockedBitTestAndSet64 InterlockedBitTestAndSet
#define InterlockedBitTestAndReset64 InterlockedBitTestAndReset
#define InterlockedBitTestAndReset8 InterlockedBitTestAndReset
#define InterlockedBitTestAndReset16 InterlockedBitTestAndReset
#define InterlockedBitTestAndResetAcquire InterlockedBitTestAndReset
#define InterlockedBitTestAndResetRelease InterlockedBitTestAndReset
#define InterlockedBitTestAndResetNoFence InterlockedBitTestAndReset
#define InterlockedBitTestAndResetAcquire64 InterlockedBitTestAndReset
#define InterlockedBitTestAndResetRelease64 InterlockedBitTestAndReset
#define InterlockedBitTestAndResetNoFence64 InterlockedBitTestAndReset
#define InterlockedBitTestAndReset64Acquire InterlockedBitTestAndReset
#define InterlockedBitTestAndReset64Release InterlockedBitTestAndReset
#define InterlockedBitTestAndReset64NoFence InterlockedBitTestAndReset
#define InterlockedBitTestAndResetSizeT InterlockedBitTestAndReset
#define InterlockedBitTestAndResetSSizeT InterlockedBitTestAndReset
#define InterlockedBitTestAndResetSizeTNoFence InterlockedBitTestAndReset
#define InterlockedBitTestAndResetSSizeTNoFence InterlockedBitTestAndReset
#define InterlockedBitTestAndResetSizeTAcquire InterlockedBitTestAndReset
#define InterlockedBitTestAndResetSizeTRelease InterlockedBitTestAndReset
#define InterlockedBitTestAndResetULongPtr InterlockedBitTestAndReset
#define InterlockedBitTestAndResetULongPtrAcquire InterlockedBitTestAndReset
#define InterlockedBitTestAndResetULongPtrRelease InterlockedBitTestAndReset
#define InterlockedBitTestAndResetU64 InterlockedBitTestAndReset
#define InterlockedBitTestAndResetLongPtr InterlockedBitTestAndReset
#define _InterlockedBitTestAndReset InterlockedBitTestAndReset
#define _InterlockedBitTestAndReset8 InterlockedBitTestAndReset
#define _InterlockedBitTestAndReset16 InterlockedBitTestAndReset
#define _InterlockedBitTestAndReset64 InterlockedBitTestAndReset
#define _interlockedbittestandset InterlockedBitTestAndSet
#define _interlockedbittestandreset InterlockedBitTestAndReset
#define _InlineInterlockedAdd64 InterlockedAdd
#define _InlineInterlockedAdd InterlockedAdd
#define InterlockedExchangeBoolean InterlockedExchange

FLTSIM_WDK_BEGIN

/* Pointers: any pointer-sized object. Returns the previous value. */
FLTSIM_INLINE PVOID fltsim_exchange_pointer(void *target, const void *value)
{
    ULONG_PTR was = __atomic_exchange_n((ULONG_PTR *)target, (ULONG_PTR)value, FLTSIM_ORDER);
    if (was == (ULONG_PTR)value)
        fltsim_unchanged(target);
    return (PVOID)was;
}

FLTSIM_INLINE PVOID fltsim_compare_exchange_pointer(void *target, const void *value, const void *comparand)
{
    ULONG_PTR expected = (ULONG_PTR)comparand;
    if (!__atomic_compare_exchange_n((ULONG_PTR *)target, &expected, (ULONG_PTR)value, 0, FLTSIM_ORDER, FLTSIM_ORDER) ||
        expected == (ULONG_PTR)value)
        fltsim_unchanged(target);
    return (PVOID)expected;
}

#define InterlockedExchangePointer(p, v)                                                           \
    fltsim_exchange_pointer((void *)(ULONG_PTR)(p), (const void *)(ULONG_PTR)(v))
#define InterlockedCompareExchangePointer(p, v, c)                                                 \
    fltsim_compare_exchange_pointer((void *)(ULONG_PTR)(p), (const void *)(ULONG_PTR)(v),          \
                                    (const void *)(ULONG_PTR)(c))
#define InterlockedExchangePointerAcquire InterlockedExchangePointer
#define InterlockedExchangePointerRelease InterlockedExchangePointer
#define InterlockedExchangePointerNoFence InterlockedExchangePointer
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer
#define _InterlockedExchangePointer InterlockedExchangePointer
#define _InterlockedCompareExchangePointer InterlockedCompareExchangePointer

/* Barriers, and pauses of a spinning thread: a spin is a place where others must get to run. */
void fltsim_yield_processor(void);
#define KeMemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define KeMemoryBarrierWithoutFence() __asm__ volatile("" ::: "memory")
#define MemoryBarrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define _ReadWriteBarrier() __asm__ volatile("" ::: "memory")
#define _ReadBarrier() __asm__ volatile("" ::: "memory")
#define _WriteBarrier() __asm__ volatile("" ::: "memory")
#define YieldProcessor() fltsim_yield_processor()
#define PreFetchCacheLine(l, a) ((void)(a))
#define PrefetchForWrite(p) ((void)(p))
#define ReadForWriteAccess(p) (*(p))

#define ReadAcquire(p) fltsim_at_read(p)
#define WriteRelease(p, v) fltsim_at_write(p, v)
#define ReadNoFence(p) fltsim_at_read(p)
#define WriteNoFence(p, v) fltsim_at_write(p, v)
#define ReadRaw(p) fltsim_at_read(p)
#define WriteRaw(p, v) fltsim_at_write(p, v)
#define ReadAcquire8(p) fltsim_at_read(p)
#define WriteRelease8(p, v) fltsim_at_write(p, v)
#define ReadNoFence8(p) fltsim_at_read(p)
#define WriteNoFence8(p, v) fltsim_at_write(p, v)
#define ReadRaw8(p) fltsim_at_read(p)
#define WriteRaw8(p, v) fltsim_at_write(p, v)
#define ReadAcquire16(p) fltsim_at_read(p)
#define WriteRelease16(p, v) fltsim_at_write(p, v)
#define ReadNoFence16(p) fltsim_at_read(p)
#define WriteNoFence16(p, v) fltsim_at_write(p, v)
#define ReadRaw16(p) fltsim_at_read(p)
#define WriteRaw16(p, v) fltsim_at_write(p, v)
#define ReadAcquire64(p) fltsim_at_read(p)
#define WriteRelease64(p, v) fltsim_at_write(p, v)
#define ReadNoFence64(p) fltsim_at_read(p)
#define WriteNoFence64(p, v) fltsim_at_write(p, v)
#define ReadRaw64(p) fltsim_at_read(p)
#define WriteRaw64(p, v) fltsim_at_write(p, v)
#define ReadBooleanAcquire(p) fltsim_at_read(p)
#define WriteBooleanRelease(p, v) fltsim_at_write(p, v)
#define ReadBooleanNoFence(p) fltsim_at_read(p)
#define WriteBooleanNoFence(p, v) fltsim_at_write(p, v)
#define ReadBooleanRaw(p) fltsim_at_read(p)
#define WriteBooleanRaw(p, v) fltsim_at_write(p, v)
#define ReadCharAcquire(p) fltsim_at_read(p)
#define WriteCharRelease(p, v) fltsim_at_write(p, v)
#define ReadCharNoFence(p) fltsim_at_read(p)
#define WriteCharNoFence(p, v) fltsim_at_write(p, v)
#define ReadCharRaw(p) fltsim_at_read(p)
#define WriteCharRaw(p, v) fltsim_at_write(p, v)
#define ReadUCharAcquire(p) fltsim_at_read(p)
#define WriteUCharRelease(p, v) fltsim_at_write(p, v)
#define ReadUCharNoFence(p) fltsim_at_read(p)
#define WriteUCharNoFence(p, v) fltsim_at_write(p, v)
#define ReadUCharRaw(p) fltsim_at_read(p)
#define WriteUCharRaw(p, v) fltsim_at_write(p, v)
#define ReadShortAcquire(p) fltsim_at_read(p)
#define WriteShortRelease(p, v) fltsim_at_write(p, v)
#define ReadShortNoFence(p) fltsim_at_read(p)
#define WriteShortNoFence(p, v) fltsim_at_write(p, v)
#define ReadShortRaw(p) fltsim_at_read(p)
#define WriteShortRaw(p, v) fltsim_at_write(p, v)
#define ReadUShortAcquire(p) fltsim_at_read(p)
#define WriteUShortRelease(p, v) fltsim_at_write(p, v)
#define ReadUShortNoFence(p) fltsim_at_read(p)
#define WriteUShortNoFence(p, v) fltsim_at_write(p, v)
#define ReadUShortRaw(p) fltsim_at_read(p)
#define WriteUShortRaw(p, v) fltsim_at_write(p, v)
#define ReadLongAcquire(p) fltsim_at_read(p)
#define WriteLongRelease(p, v) fltsim_at_write(p, v)
#define ReadLongNoFence(p) fltsim_at_read(p)
#define WriteLongNoFence(p, v) fltsim_at_write(p, v)
#define ReadLongRaw(p) fltsim_at_read(p)
#define WriteLongRaw(p, v) fltsim_at_write(p, v)
#define ReadULongAcquire(p) fltsim_at_read(p)
#define WriteULongRelease(p, v) fltsim_at_write(p, v)
#define ReadULongNoFence(p) fltsim_at_read(p)
#define WriteULongNoFence(p, v) fltsim_at_write(p, v)
#define ReadULongRaw(p) fltsim_at_read(p)
#define WriteULongRaw(p, v) fltsim_at_write(p, v)
#define ReadLong64Acquire(p) fltsim_at_read(p)
#define WriteLong64Release(p, v) fltsim_at_write(p, v)
#define ReadLong64NoFence(p) fltsim_at_read(p)
#define WriteLong64NoFence(p, v) fltsim_at_write(p, v)
#define ReadLong64Raw(p) fltsim_at_read(p)
#define WriteLong64Raw(p, v) fltsim_at_write(p, v)
#define ReadULong64Acquire(p) fltsim_at_read(p)
#define WriteULong64Release(p, v) fltsim_at_write(p, v)
#define ReadULong64NoFence(p) fltsim_at_read(p)
#define WriteULong64NoFence(p, v) fltsim_at_write(p, v)
#define ReadULong64Raw(p) fltsim_at_read(p)
#define WriteULong64Raw(p, v) fltsim_at_write(p, v)
#define ReadLongPtrAcquire(p) fltsim_at_read(p)
#define WriteLongPtrRelease(p, v) fltsim_at_write(p, v)
#define ReadLongPtrNoFence(p) fltsim_at_read(p)
#define WriteLongPtrNoFence(p, v) fltsim_at_write(p, v)
#define ReadLongPtrRaw(p) fltsim_at_read(p)
#define WriteLongPtrRaw(p, v) fltsim_at_write(p, v)
#define ReadULongPtrAcquire(p) fltsim_at_read(p)
#define WriteULongPtrRelease(p, v) fltsim_at_write(p, v)
#define ReadULongPtrNoFence(p) fltsim_at_read(p)
#define WriteULongPtrNoFence(p, v) fltsim_at_write(p, v)
#define ReadULongPtrRaw(p) fltsim_at_read(p)
#define WriteULongPtrRaw(p, v) fltsim_at_write(p, v)
#define ReadSizeTAcquire(p) fltsim_at_read(p)
#define WriteSizeTRelease(p, v) fltsim_at_write(p, v)
#define ReadSizeTNoFence(p) fltsim_at_read(p)
#define WriteSizeTNoFence(p, v) fltsim_at_write(p, v)
#define ReadSizeTRaw(p) fltsim_at_read(p)
#define WriteSizeTRaw(p, v) fltsim_at_write(p, v)
#define ReadSSizeTAcquire(p) fltsim_at_read(p)
#define WriteSSizeTRelease(p, v) fltsim_at_write(p, v)
#define ReadSSizeTNoFence(p) fltsim_at_read(p)
#define WriteSSizeTNoFence(p, v) fltsim_at_write(p, v)
#define ReadSSizeTRaw(p) fltsim_at_read(p)
#define WriteSSizeTRaw(p, v) fltsim_at_write(p, v)
#define ReadPointerAcquire(p) fltsim_read_pointer(p)
#define ReadPointerNoFence(p) fltsim_read_pointer(p)
#define ReadPointerRaw(p) fltsim_read_pointer(p)
#define WritePointerRelease(p, v) ((void)InterlockedExchangePointer(p, v))
#define WritePointerNoFence(p, v) ((void)InterlockedExchangePointer(p, v))
#define WritePointerRaw(p, v) ((void)InterlockedExchangePointer(p, v))

/* Bits and bytes. */
FLTSIM_INLINE UCHAR fltsim_bit_scan_forward(ULONG *index, ULONG64 mask)
{
    if (mask == 0)
        return 0;
    *index = (ULONG)__builtin_ctzll(mask);
    return 1;
}

FLTSIM_INLINE UCHAR fltsim_bit_scan_reverse(ULONG *index, ULONG64 mask)
{
    if (mask == 0)
        return 0;
    *index = 63 - (ULONG)__builtin_clzll(mask);
    return 1;
}

#define _BitScanForward(index, mask) fltsim_bit_scan_forward((ULONG *)(index), (ULONG)(mask))
#define _BitScanForward64(index, mask) fltsim_bit_scan_forward((ULONG *)(index), (mask))
#define _BitScanReverse(index, mask) fltsim_bit_scan_reverse((ULONG *)(index), (ULONG)(mask))
#define _BitScanReverse64(index, mask) fltsim_bit_scan_reverse((ULONG *)(index), (mask))
#define BitScanForward _BitScanForward
#define BitScanForward64 _BitScanForward64
#define BitScanReverse _BitScanReverse
#define BitScanReverse64 _BitScanReverse64

#define _byteswap_ushort(x) __builtin_bswap16(x)
#define _byteswap_ulong(x) __builtin_bswap32(x)
#define _byteswap_uint64(x) __builtin_bswap64(x)
#define RtlUshortByteSwap(x) __builtin_bswap16((USHORT)(x))
#define RtlUlongByteSwap(x) __builtin_bswap32((ULONG)(x))
#define RtlUlonglongByteSwap(x) __builtin_bswap64((ULONGLONG)(x))

FLTSIM_INLINE ULONG fltsim_rotate_left32(ULONG value, int shift)
{
    return (value << (shift & 31)) | (value >> (-shift & 31));
}

FLTSIM_INLINE ULONG64 fltsim_rotate_left64(ULONG64 value, int shift)
{
    return (value << (shift & 63)) | (value >> (-shift & 63));
}

/* Macros, as host headers may declare functions of these names. */
#ifdef __x86_64__
#undef _rotl
#undef _rotr
#undef _lrotl
#undef _lrotr
#undef _rotl64
#undef _rotr64
#endif
#define _rotl(value, shift) fltsim_rotate_left32((value), (shift))
#define _rotr(value, shift) fltsim_rotate_left32((value), -(shift))
#define _lrotl(value, shift) fltsim_rotate_left32((value), (shift))
#define _lrotr(value, shift) fltsim_rotate_left32((value), -(shift))
#define _rotl64(value, shift) fltsim_rotate_left64((value), (shift))
#define _rotr64(value, shift) fltsim_rotate_left64((value), -(shift))
#define RotateLeft32 _rotl
#define RotateLeft64 _rotl64
#define RotateRight32 _rotr
#define RotateRight64 _rotr64
#define __popcnt(x) ((unsigned int)__builtin_popcount(x))
#define __popcnt64(x) ((ULONG64)__builtin_popcountll(x))

#define _ReturnAddress() __builtin_return_address(0)
#define _AddressOfReturnAddress() ((void *)((void **)__builtin_frame_address(0) + 1))

/* A breakpoint ends in the machine's report, not in a trap of the process. */
void fltsim_debug_break(const char *file, int line);
#undef __debugbreak
#define __debugbreak() fltsim_debug_break(__FILE__, __LINE__)
#define __fastfail(code) KeBugCheckEx(0x139, (code), 0, 0, 0)
#define __int2c() fltsim_debug_break(__FILE__, __LINE__)

FLTSIM_WDK_END

#endif
