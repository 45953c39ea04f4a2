/* The parts of the C and C++ libraries that driver code relies on, included before any macro of
 * the WDK surface (`__in`, `min`, `__try`...) can reach into them. */
#ifndef FLTSIM_NT_HOSTED_H
#define FLTSIM_NT_HOSTED_H

#include <ctype.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <initializer_list>
#include <new>
#include <type_traits>
#include <utility>
#endif

#endif
