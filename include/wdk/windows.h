/* For programs. A driver's source that gets here is compiled for the wrong side, or is a program's. */
#error "<windows.h> is for programs: kernel code includes <ntifs.h>, <ntddk.h> or <fltKernel.h>. A header that both sides share \
tells them apart by #ifdef _KERNEL_MODE; a program among the driver's sources is left out by naming the sources."
