/* For programs. A driver's source that gets here is compiled for the wrong side, or is a program's. */
#error "<winternl.h> is for programs: kernel code has what it declares from <ntifs.h>."
