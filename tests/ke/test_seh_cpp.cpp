/* As C++ driver code. */
#include "test_seh.c"
