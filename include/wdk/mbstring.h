/* Multibyte text: drivers include the header, and call none of its functions. */
#ifndef FLTSIM_WDK_MBSTRING_H
#define FLTSIM_WDK_MBSTRING_H

#include <string.h>

#include <nt/types.h>

#endif
