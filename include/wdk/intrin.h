#ifndef FLTSIM_WDK_INTRIN_H
#define FLTSIM_WDK_INTRIN_H

#if defined(__x86_64__)
#include <nt/std_begin.h>
#include <x86intrin.h>
#include <nt/std_end.h>
#endif
#include <nt/intrinsics.h>

#endif
