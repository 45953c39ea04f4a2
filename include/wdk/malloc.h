/* The host's header, where it has one, kept apart from the macros of the WDK surface. */
#include <stdlib.h>
#include <nt/std_begin.h>
#if __has_include_next(<malloc.h>)
#include_next <malloc.h>
#endif
#include <nt/std_end.h>
