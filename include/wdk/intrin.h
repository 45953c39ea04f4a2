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
#endif

#endif
