/* How every header of the WDK surface opens and closes: what lies between has C linkage and is
 * exported from the library, whatever the including translation unit's default is. */
#ifndef FLTSIM_NT_BEGIN_H
#define FLTSIM_NT_BEGIN_H

#ifdef __cplusplus
#define FLTSIM_WDK_BEGIN _Pragma("GCC visibility push(default)") extern "C" {
#define FLTSIM_WDK_END                                                                             \
    }                                                                                              \
    _Pragma("GCC visibility pop")
#else
#define FLTSIM_WDK_BEGIN _Pragma("GCC visibility push(default)")
#define FLTSIM_WDK_END _Pragma("GCC visibility pop")
#endif

#if defined(__clang__)
/* Names that a published interface has are not ours to change. */
#pragma clang diagnostic ignored "-Wunknown-pragmas"
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#pragma clang diagnostic ignored "-Wmicrosoft-anon-tag"
#pragma clang diagnostic ignored "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wbuiltin-macro-redefined"
#pragma clang diagnostic ignored "-Wkeyword-macro"
#elif defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wunknown-pragmas"
#pragma GCC diagnostic ignored "-Wattributes"
#endif

#endif
