/* The host's header, but for driver code the types that these names have on Windows. */
#if !defined(FLTSIM_HOST_STDINT) && !defined(FLTSIM_LIBRARY)
#include <nt/hosted.h>
#endif
#if defined(FLTSIM_OWN_STDINT) && !defined(FLTSIM_HOST_STDINT)
#ifndef FLTSIM_WDK_STDINT_H
#define FLTSIM_WDK_STDINT_H
typedef signed char int8_t, int_least8_t;
typedef unsigned char uint8_t, uint_least8_t;
typedef signed short int16_t, int_least16_t;
typedef unsigned short uint16_t, uint_least16_t;
typedef signed int int32_t, int_least32_t;
typedef unsigned int uint32_t, uint_least32_t;
typedef signed long long int64_t, int_least64_t;
typedef unsigned long long uint64_t, uint_least64_t;
typedef signed char int_fast8_t;
typedef unsigned char uint_fast8_t;
typedef signed int int_fast16_t;
typedef unsigned int uint_fast16_t;
typedef signed int int_fast32_t;
typedef unsigned int uint_fast32_t;
typedef signed long long int_fast64_t;
typedef unsigned long long uint_fast64_t;
typedef long long intptr_t, intmax_t;
typedef unsigned long long uintptr_t, uintmax_t;
#define _UINTPTR_T_DEFINED /* as Microsoft's header has it; cmocka.h looks */
#undef INT64_C
#undef UINT64_C
#undef INTMAX_C
#undef UINTMAX_C
#define INT64_C(c) c##LL
#define UINT64_C(c) c##ULL
#define INTMAX_C(c) c##LL
#define UINTMAX_C(c) c##ULL
#endif
#else
#include_next <stdint.h>
#endif
