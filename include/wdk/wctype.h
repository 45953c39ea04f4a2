/* The host's header, kept apart from the macros of the WDK surface. */
#include <nt/std_begin.h>
#include_next <wctype.h>
#include <nt/std_end.h>
