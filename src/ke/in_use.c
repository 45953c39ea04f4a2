#include "ke/in_use.h"

#include "ke/kep.h"

#include <stdio.h>

/* Whoever holds a lock, or waits, has left a pointer into its KTHREAD there. Pointers are looked for first: such as
 * lie among all KTHREADs, by a filter of a bit for each 64 bytes that a KTHREAD was ever seen in. */
enum { GRANULE = 6 };
uintptr_t KiThreadLow, KiThreadSpan;

static atomic_uint_least64_t *BitOf(uintptr_t address, uint64_t *bit)
{
    unsigned at = (unsigned)(address >> GRANULE ^ address >> (GRANULE + 15)) % KI_THREAD_BITS;
    *bit = 1ull << at % 64;
    return &ki->thread_bits[at / 64];
}

static void widen(uintptr_t start, uintptr_t end, bool first)
{
    uintptr_t low = first ? UINTPTR_MAX : KiThreadLow, high = first ? 0 : KiThreadLow + KiThreadSpan;
    low = start < low ? start : low;
    high = end > high ? end : high;
    __atomic_store_n(&KiThreadLow, low, __ATOMIC_RELAXED);
    __atomic_store_n(&KiThreadSpan, high - low, __ATOMIC_RELAXED);
}

void KiKnowThread(PKTHREAD thread)
{
    uint64_t bit;
    for (uintptr_t at = (uintptr_t)thread; at < (uintptr_t)(thread + 1) + (1 << GRANULE); at += 1 << GRANULE) {
        atomic_uint_least64_t *word = BitOf(at, &bit);
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    }
    sched_lock(&ki->known_lock);
    widen((uintptr_t)thread, (uintptr_t)(thread + 1), IsListEmpty(&ki->known));
    InsertTailList(&ki->known, &thread->known_link);
    sched_unlock(&ki->known_lock);
}

/* A dead machine's threads go in any order, and their list with it. */
void KiForgetThread(PKTHREAD thread)
{
    if (sched_is_dead())
        return;
    sched_lock(&ki->known_lock);
    RemoveEntryList(&thread->known_link);
    sched_unlock(&ki->known_lock);
}

static READS_WHAT_OTHERS_WRITE bool PointsAtThread(const void *start, size_t size)
{
    const uintptr_t *words = start;
    size_t count = (size < KI_LOOK_AT ? size : KI_LOOK_AT) / sizeof *words;
    uint64_t bit;

    if (!KiPointsAmongThreads(start, size))
        return false;
    for (size_t i = 0; i < count; i++)
        if (words[i] >> 16 && atomic_load_explicit(BitOf(words[i], &bit), memory_order_relaxed) & bit)
            return true;
    return false;
}

static READS_WHAT_OTHERS_WRITE bool Holds(PKTHREAD thread, uintptr_t start, size_t size, struct ki_in_use *use)
{
    unsigned count = thread->held.count < VERIFY_HELD_LOCKS ? thread->held.count : VERIFY_HELD_LOCKS;

    for (unsigned i = 0; i < count; i++) {
        const struct verify_held_lock *held = &thread->held.locks[i];
        if (held->lock && (uintptr_t)held->lock - start < size) {
            *use = (struct ki_in_use){.object = held->lock, .what = held->what, .site = held->site};
            return true;
        }
    }
    for (unsigned i = 0; i < KI_SPIN_HELD && thread->spin_locks; i++) {
        const struct ki_spin_held *held = &thread->spin_held[i];
        if (held->lock && (uintptr_t)held->lock - start < size) {
            *use = (struct ki_in_use){.object = held->lock, .what = "spin lock", .site = held->site};
            return true;
        }
    }
    return false;
}

static READS_WHAT_OTHERS_WRITE bool WaitsFor(PKTHREAD thread, uintptr_t start, size_t size, struct ki_in_use *use)
{
    const struct ki_wait *wait = &thread->wait;
    ULONG count = wait->blocks == wait->own && wait->count <= THREAD_WAIT_OBJECTS ? wait->count : 0;

    for (ULONG i = 0; i < count; i++) {
        const DISPATCHER_HEADER *header = wait->own[i].Object;
        if (header && (uintptr_t)header - start < size) {
            const char *type = KiTypeName(header);
            *use = (struct ki_in_use){
                .object = header, .what = type ? type : "dispatcher object", .waited = true, .site = wait->site};
            return true;
        }
    }
    return false;
}

static void NameThread(PKTHREAD thread, struct ki_in_use *use) { snprintf(use->thread, sizeof use->thread, "%s", thread->name); }

bool KiHoldsIn(const void *start, size_t size, struct ki_in_use *use)
{
    PKTHREAD thread = KiCurrentThread();
    if (__builtin_expect((!thread->held.count && !thread->spin_locks) || !Holds(thread, (uintptr_t)start, size, use), 1))
        return false;
    NameThread(thread, use);
    return true;
}

bool KiIsInUse(const void *start, size_t size, struct ki_in_use *use)
{
    bool held = KiHoldsIn(start, size, use), waited = false;

    if (__builtin_expect(held || !PointsAtThread(start, size), 1))
        return held;
    sched_lock(&ki->known_lock);
    for (PLIST_ENTRY link = ki->known.Flink; link != &ki->known && !held; link = link->Flink) {
        PKTHREAD thread = CONTAINING_RECORD(link, struct _KTHREAD, known_link);
        held = Holds(thread, (uintptr_t)start, size, use);
        if (held || (!waited && (waited = WaitsFor(thread, (uintptr_t)start, size, use))))
            NameThread(thread, use);
    }
    sched_unlock(&ki->known_lock);
    return held || waited;
}
