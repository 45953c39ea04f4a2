/* Driver code in C. */
#include "driver_language.inc"
