/* The host's header, kept apart from the macros of the WDK surface. */
#ifndef FLTSIM_HOST_STDINT
#include <nt/hosted.h>
#endif
#include <nt/std_begin.h>
#include_next <stdlib.h>
#include <nt/std_end.h>

#include <nt/path_lengths.h>
