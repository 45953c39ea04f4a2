/* The host's header, kept apart from the macros of the WDK surface; and the constants, as Microsoft's
 * has them, only for who asks. */
#include <nt/std_begin.h>
#include_next <math.h>
#include <nt/std_end.h>
#if !defined(FLTSIM_LIBRARY) && !defined(_USE_MATH_DEFINES)
#undef M_E
#undef M_LOG2E
#undef M_LOG10E
#undef M_LN2
#undef M_LN10
#undef M_PI
#undef M_PI_2
#undef M_PI_4
#undef M_1_PI
#undef M_2_PI
#undef M_2_SQRTPI
#undef M_SQRT2
#undef M_SQRT1_2
#endif
