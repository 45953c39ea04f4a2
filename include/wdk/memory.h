/* MSVC's name for what <string.h> declares. */
#include <string.h>
