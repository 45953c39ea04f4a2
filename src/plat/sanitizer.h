/* What the sanitizers must be told, and whether they are there. */
#ifndef FLTSIM_PLAT_SANITIZER_H
#define FLTSIM_PLAT_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define PLAT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PLAT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define PLAT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PLAT_TSAN 1
#endif
#endif

#ifdef PLAT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef PLAT_TSAN
#include <sanitizer/tsan_interface.h>
#endif

#endif
