/* The parts of the C library that driver code has without asking, included before any macro of the
 * WDK surface (`__in`, `min`...) can reach into them. No more than that: a driver may have a FILE, an
 * EOF, an int64_t or a std::move of its own. C++ headers that a driver asks for: <nt/std_begin.h>. */
#ifndef FLTSIM_NT_HOSTED_H
#define FLTSIM_NT_HOSTED_H

/* glibc's int64_t is `long`, Windows' is `long long`: for driver code the host's names are put out of the
 * way, and <stdint.h> gives Windows'. Not where the host's are there already. */
#if !defined(FLTSIM_LIBRARY) && __SIZEOF_WCHAR_T__ == 2 && defined(__linux__) && !defined(_STDINT_H) &&   \
    !defined(_BITS_STDINT_INTN_H) && !defined(_BITS_STDINT_UINTN_H)
#define FLTSIM_OWN_STDINT
#define int8_t fltsim_host_int8_t
#define uint8_t fltsim_host_uint8_t
#define int_least8_t fltsim_host_int_least8_t
#define uint_least8_t fltsim_host_uint_least8_t
#define int_fast8_t fltsim_host_int_fast8_t
#define uint_fast8_t fltsim_host_uint_fast8_t
#define int16_t fltsim_host_int16_t
#define uint16_t fltsim_host_uint16_t
#define int_least16_t fltsim_host_int_least16_t
#define uint_least16_t fltsim_host_uint_least16_t
#define int_fast16_t fltsim_host_int_fast16_t
#define uint_fast16_t fltsim_host_uint_fast16_t
#define int32_t fltsim_host_int32_t
#define uint32_t fltsim_host_uint32_t
#define int_least32_t fltsim_host_int_least32_t
#define uint_least32_t fltsim_host_uint_least32_t
#define int_fast32_t fltsim_host_int_fast32_t
#define uint_fast32_t fltsim_host_uint_fast32_t
#define int64_t fltsim_host_int64_t
#define uint64_t fltsim_host_uint64_t
#define int_least64_t fltsim_host_int_least64_t
#define uint_least64_t fltsim_host_uint_least64_t
#define int_fast64_t fltsim_host_int_fast64_t
#define uint_fast64_t fltsim_host_uint_fast64_t
#define intptr_t fltsim_host_intptr_t
#define uintptr_t fltsim_host_uintptr_t
#define intmax_t fltsim_host_intmax_t
#define uintmax_t fltsim_host_uintmax_t
#endif
#define FLTSIM_HOST_STDINT
#include <ctype.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef FLTSIM_LIBRARY
#include <wchar.h> /* brings a FILE */
#endif
#undef FLTSIM_HOST_STDINT
#ifdef FLTSIM_OWN_STDINT
#undef int8_t
#undef uint8_t
#undef int_least8_t
#undef uint_least8_t
#undef int_fast8_t
#undef uint_fast8_t
#undef int16_t
#undef uint16_t
#undef int_least16_t
#undef uint_least16_t
#undef int_fast16_t
#undef uint_fast16_t
#undef int32_t
#undef uint32_t
#undef int_least32_t
#undef uint_least32_t
#undef int_fast32_t
#undef uint_fast32_t
#undef int64_t
#undef uint64_t
#undef int_least64_t
#undef uint_least64_t
#undef int_fast64_t
#undef uint_fast64_t
#undef intptr_t
#undef uintptr_t
#undef intmax_t
#undef uintmax_t
/* What Microsoft's headers define without <stdint.h>. */
typedef long long intptr_t;
typedef unsigned long long uintptr_t;
#endif

#endif
