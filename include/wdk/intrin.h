#ifndef FLTSIM_WDK_INTRIN_H
#define FLTSIM_WDK_INTRIN_H

#if defined(__x86_64__)
#include <nt/std_begin.h>
#include <x86intrin.h>
#include <nt/std_end.h>
#endif
#include <nt/intrinsics.h>

#if defined(__x86_64__)
FLTSIM_INLINE void fltsim_cpuid(int info[4], int leaf, int subleaf)
{
    __asm__("cpuid" : "=a"(info[0]), "=b"(info[1]), "=c"(info[2]), "=d"(info[3]) : "0"(leaf), "2"(subleaf));
}
#undef __cpuid
#define __cpuid(info, leaf) fltsim_cpuid(info, leaf, 0)
#undef __cpuidex
#define __cpuidex(info, leaf, subleaf) fltsim_cpuid(info, leaf, subleaf)

/* Is *Destination what *ComparandResult says? Then it becomes the two halves. *ComparandResult: what it was. */
struct fltsim_pair {
    LONG64 halves[2];
};
FLTSIM_INLINE UCHAR fltsim_compare_exchange_pair(LONG64 volatile *Destination, LONG64 ExchangeHigh, LONG64 ExchangeLow,
                                                 LONG64 *ComparandResult)
{
    UCHAR same;
    __asm__ volatile("lock cmpxchg16b %1\n\tsete %0"
                     : "=q"(same), "+m"(*(volatile struct fltsim_pair *)Destination), "+a"(ComparandResult[0]),
                       "+d"(ComparandResult[1])
                     : "b"(ExchangeLow), "c"(ExchangeHigh)
                     : "cc", "memory");
    return same;
}
#define InterlockedCompareExchange128 fltsim_compare_exchange_pair
#define _InterlockedCompareExchange128 fltsim_compare_exchange_pair
#endif

#endif
