/* The parts of the C library that driver code has without asking, included before any macro of the
 * WDK surface (`__in`, `min`...) can reach into them. No more than that: a driver may have a FILE, an
 * EOF or a std::move of its own. C++ headers that a driver asks for: <nt/std_begin.h>. */
#ifndef FLTSIM_NT_HOSTED_H
#define FLTSIM_NT_HOSTED_H

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

#endif
