/* What the Microsoft compiler understands and gcc and clang do not, or not everywhere. */
#ifndef FLTSIM_NT_COMPILER_H
#define FLTSIM_NT_COMPILER_H

#include <nt/begin.h>
#include <nt/sal.h>

/* The target drivers are written for: 64-bit Windows 10, a checked build. */
#ifndef FLTSIM_LIBRARY
#ifndef _WIN64
#define _WIN64 1
#endif
#if defined(__x86_64__) && !defined(_AMD64_)
#define _AMD64_ 1
#endif
#if defined(__x86_64__) && !defined(AMD64)
#define AMD64 1
#endif
#if defined(__x86_64__) && !defined(_M_AMD64)
#define _M_AMD64 100
#endif
#if defined(__x86_64__) && !defined(_M_X64)
#define _M_X64 100
#endif
#if defined(__aarch64__) && !defined(_ARM64_)
#define _ARM64_ 1
#endif
#if defined(__aarch64__) && !defined(_M_ARM64)
#define _M_ARM64 1
#endif
#ifndef _KERNEL_MODE
#define _KERNEL_MODE 1
#endif
#endif

#ifndef DBG
#define DBG 1
#endif

#include <sdkddkver.h>

/* Names for inline functions. FLTSIM_INLINE is what these headers use themselves. */
#define FLTSIM_INLINE static __attribute__((unused)) __inline__

#undef FORCEINLINE
#undef __forceinline
#undef CFORCEINLINE
#if defined(FLTSIM_LIBRARY) && !defined(__cplusplus)
#define __forceinline FLTSIM_INLINE
#elif !defined(__cplusplus)
/* As MSVC's: every source that has the definition may call it, whether or not it is inlined. The copies are external;
 * a driver of several sources is linked with -z muldefs (fltsim_driver_dep and `fltsim build` do). */
#define __forceinline __inline__ __attribute__((__gnu_inline__, __unused__))
#else
#define __forceinline __inline__
#endif
#define FORCEINLINE __forceinline
#define CFORCEINLINE FORCEINLINE
#ifndef _inline
#define _inline __inline__
#endif

/* Calling conventions: there is one. */
#undef __cdecl
#undef __stdcall
#undef __fastcall
#undef __vectorcall
#undef __thiscall
#undef _cdecl
#undef _stdcall
#undef _fastcall
#define __cdecl
#define __stdcall
#define __fastcall
#define __vectorcall
#define __thiscall
#define _cdecl
#define _stdcall
#define _fastcall
#define __CRTDECL
#define STDAPICALLTYPE
#define STDAPIVCALLTYPE
#define STDMETHODCALLTYPE
#define NTAPI
#define NTAPI_INLINE
#define FASTCALL
#define WINAPI
#define WINAPIV
#define APIENTRY
#define CALLBACK
#define PASCAL
#define CDECL
#define DDKAPI
#define DDKCDECLAPI

/* Linkage. */
#define NTKERNELAPI
#define NTSYSAPI
#define NTSYSCALLAPI
#define NTHALAPI
#define NTHALAPI_INLINE
#define DECLSPEC_IMPORT
#define DECLSPEC_EXPORT
#define DECLSPEC_DEPRECATED
#define DECLSPEC_DEPRECATED_DDK
#define DECLSPEC_NOTHROW
#define DECLSPEC_NOVTABLE
#define DECLSPEC_UUID(x)
#define DECLSPEC_ADDRSAFE
#define DECLSPEC_GUARDNOCF
#define DECLSPEC_GUARD_SUPPRESS
#define DECLSPEC_CHPE_PATCHABLE
#define DECLSPEC_RESTRICT
#define DECLSPEC_NOINLINE __attribute__((noinline))
#define DECLSPEC_NORETURN __attribute__((noreturn))
#define DECLSPEC_SELECTANY __attribute__((weak))
#define DECLSPEC_ALIGN(x) __attribute__((aligned(x)))
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64
#define DECLSPEC_CACHEALIGN DECLSPEC_ALIGN(SYSTEM_CACHE_ALIGNMENT_SIZE)

/* __declspec(x): what has a counterpart becomes it, the rest becomes nothing. Not pasted through
 * a second macro, so that `align` and `noreturn` may be macros elsewhere. */
#undef __declspec
#undef _declspec
#define __declspec(x) FLTSIM_DECLSPEC_##x
#define _declspec(x) FLTSIM_DECLSPEC_##x
#define FLTSIM_DECLSPEC_align(n) __attribute__((aligned(n)))
#define FLTSIM_DECLSPEC_noreturn __attribute__((noreturn))
#define FLTSIM_DECLSPEC_noinline __attribute__((noinline))
#define FLTSIM_DECLSPEC_naked __attribute__((naked))
#define FLTSIM_DECLSPEC_selectany __attribute__((weak))
#define FLTSIM_DECLSPEC_thread __thread
#define FLTSIM_DECLSPEC_dllimport
#define FLTSIM_DECLSPEC_dllexport __attribute__((visibility("default")))
#define FLTSIM_DECLSPEC_novtable
#define FLTSIM_DECLSPEC_nothrow
#define FLTSIM_DECLSPEC_noalias
#define FLTSIM_DECLSPEC_restrict
#define FLTSIM_DECLSPEC_safebuffers
#define FLTSIM_DECLSPEC_deprecated
#define FLTSIM_DECLSPEC_empty_bases
#define FLTSIM_DECLSPEC_code_seg(x)
#define FLTSIM_DECLSPEC_allocate(x)
#define FLTSIM_DECLSPEC_allocator
#define FLTSIM_DECLSPEC_guard(x)
#define FLTSIM_DECLSPEC_uuid(x)
#define FLTSIM_DECLSPEC_property(...)
#define FLTSIM_DECLSPEC_no_sanitize_address __attribute__((no_sanitize("address")))

/* #pragma alloc_text is taken (and does nothing): drivers ask. */
#ifndef FLTSIM_LIBRARY
#define ALLOC_PRAGMA 1
#define ALLOC_DATA_PRAGMA 1
#endif

#undef __pragma
#define __pragma(...)
#undef __assume
#define __assume(x) ((void)0)
#undef __noop
#define __noop(...) ((void)0)
#undef __w64
#define __w64
#undef __ptr32
#undef __ptr64
#undef __unaligned
#undef __sptr
#undef __uptr
#define __ptr32
#define __ptr64
#define __sptr
#define __uptr
#define __unaligned
#define UNALIGNED
#define UNALIGNED64
#define RESTRICTED_POINTER
#define POINTER_32
#define POINTER_64
#define FIRMWARE_PTR
#define DEFAULT_UNREACHABLE                                                                        \
    default:                                                                                       \
        __builtin_unreachable()
#define POINTER_SIGNED
#define POINTER_UNSIGNED

#undef __int8
#undef __int16
#undef __int32
#undef __int64
#define __int8 char
#define __int16 short
#define __int32 int
#define __int64 long long

#ifdef __cplusplus
#define EXTERN_C extern "C"
#define EXTERN_C_START extern "C" {
#define EXTERN_C_END }
#else
#define EXTERN_C extern
#define EXTERN_C_START
#define EXTERN_C_END
#endif

/* MSVC's __FUNCTION__ is a string literal, and drivers paste it into formats. There is no such literal
 * here to be had: the place stands for the name. -DFLTSIM_FUNCTION_NAMES gives the name back, as a
 * variable. */
#if !defined(FLTSIM_LIBRARY) && __SIZEOF_WCHAR_T__ == 2 && !defined(FLTSIM_FUNCTION_NAMES)
#define FLTSIM_TEXT_(x) #x
#define FLTSIM_TEXT(x) FLTSIM_TEXT_(x)
#ifdef __FILE_NAME__
#define __FUNCTION__ __FILE_NAME__ ":" FLTSIM_TEXT(__LINE__)
#else
#define __FUNCTION__ __FILE__ ":" FLTSIM_TEXT(__LINE__)
#endif
#define __FUNCDNAME__ __FUNCTION__
#define __FUNCSIG__ __FUNCTION__
#endif

/* FLTSIM_TRIM(a, b, c) is `, a, b, c`, but without a last one that is nothing. Up to 24 of them. */
#define FLTSIM_TRIM(...)                                                                           \
    FLTSIM_TRIM_PICK(__VA_ARGS__, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9,   \
                     8, 7, 6, 5, 4, 3, 2, 1)                                                       \
    (__VA_ARGS__)
#define FLTSIM_TRIM_PICK(A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16,    \
                         A17, A18, A19, A20, A21, A22, A23, A24, N, ...)                           \
    FLTSIM_TRIM_##N
#define FLTSIM_TRIM_1(...) __VA_OPT__(, ) __VA_ARGS__
#define FLTSIM_TRIM_2(a, ...) , a FLTSIM_TRIM_1(__VA_ARGS__)
#define FLTSIM_TRIM_3(a, ...) , a FLTSIM_TRIM_2(__VA_ARGS__)
#define FLTSIM_TRIM_4(a, ...) , a FLTSIM_TRIM_3(__VA_ARGS__)
#define FLTSIM_TRIM_5(a, ...) , a FLTSIM_TRIM_4(__VA_ARGS__)
#define FLTSIM_TRIM_6(a, ...) , a FLTSIM_TRIM_5(__VA_ARGS__)
#define FLTSIM_TRIM_7(a, ...) , a FLTSIM_TRIM_6(__VA_ARGS__)
#define FLTSIM_TRIM_8(a, ...) , a FLTSIM_TRIM_7(__VA_ARGS__)
#define FLTSIM_TRIM_9(a, ...) , a FLTSIM_TRIM_8(__VA_ARGS__)
#define FLTSIM_TRIM_10(a, ...) , a FLTSIM_TRIM_9(__VA_ARGS__)
#define FLTSIM_TRIM_11(a, ...) , a FLTSIM_TRIM_10(__VA_ARGS__)
#define FLTSIM_TRIM_12(a, ...) , a FLTSIM_TRIM_11(__VA_ARGS__)
#define FLTSIM_TRIM_13(a, ...) , a FLTSIM_TRIM_12(__VA_ARGS__)
#define FLTSIM_TRIM_14(a, ...) , a FLTSIM_TRIM_13(__VA_ARGS__)
#define FLTSIM_TRIM_15(a, ...) , a FLTSIM_TRIM_14(__VA_ARGS__)
#define FLTSIM_TRIM_16(a, ...) , a FLTSIM_TRIM_15(__VA_ARGS__)
#define FLTSIM_TRIM_17(a, ...) , a FLTSIM_TRIM_16(__VA_ARGS__)
#define FLTSIM_TRIM_18(a, ...) , a FLTSIM_TRIM_17(__VA_ARGS__)
#define FLTSIM_TRIM_19(a, ...) , a FLTSIM_TRIM_18(__VA_ARGS__)
#define FLTSIM_TRIM_20(a, ...) , a FLTSIM_TRIM_19(__VA_ARGS__)
#define FLTSIM_TRIM_21(a, ...) , a FLTSIM_TRIM_20(__VA_ARGS__)
#define FLTSIM_TRIM_22(a, ...) , a FLTSIM_TRIM_21(__VA_ARGS__)
#define FLTSIM_TRIM_23(a, ...) , a FLTSIM_TRIM_22(__VA_ARGS__)
#define FLTSIM_TRIM_24(a, ...) , a FLTSIM_TRIM_23(__VA_ARGS__)

#if !defined(FLTSIM_LIBRARY) && !defined(__va_start)
#define __va_start(list, last) __builtin_va_start(*(list), last)
#endif

/* The suffixes of 64-bit literals. clang has them; for gcc they are user-defined literals in C++,
 * and in C there is nothing to be done: write LL and ULL. */
#if defined(__cplusplus) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wliteral-suffix"
extern "C++" {
constexpr long long operator""i64(unsigned long long x)
{
    return (long long)x;
}
constexpr unsigned long long operator""ui64(unsigned long long x)
{
    return x;
}
constexpr long long operator""I64(unsigned long long x)
{
    return (long long)x;
}
constexpr unsigned long long operator""UI64(unsigned long long x)
{
    return x;
}
constexpr unsigned long long operator""uI64(unsigned long long x)
{
    return x;
}
constexpr unsigned long long operator""Ui64(unsigned long long x)
{
    return x;
}
constexpr int operator""i32(unsigned long long x)
{
    return (int)x;
}
constexpr unsigned int operator""ui32(unsigned long long x)
{
    return (unsigned int)x;
}
}
#pragma GCC diagnostic pop
#endif

#endif
