#include "ke/kep.h"

#include "trace/trace.h"
#include "verify/verify.h"

static void Stop(ULONG code, const ULONG_PTR *parameters, const void *site)
{
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_BUGCHECK, "Bug check 0x%X (0x%llX, 0x%llX, 0x%llX, 0x%llX).", code,
                           parameters[0], parameters[1], parameters[2], parameters[3]);
    verify_site(v, "stopped by", site);
    verify_end_bugcheck(v, code, parameters[0], parameters[1], parameters[2], parameters[3]);
}

VOID KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR BugCheckParameter1, ULONG_PTR BugCheckParameter2,
                  ULONG_PTR BugCheckParameter3, ULONG_PTR BugCheckParameter4)
{
    const ULONG_PTR parameters[] = {BugCheckParameter1, BugCheckParameter2, BugCheckParameter3, BugCheckParameter4};
    Stop(BugCheckCode, parameters, VERIFY_CALLER);
    __builtin_unreachable();
}

VOID KeBugCheck(ULONG BugCheckCode)
{
    const ULONG_PTR parameters[4] = {0};
    Stop(BugCheckCode, parameters, VERIFY_CALLER);
    __builtin_unreachable();
}
