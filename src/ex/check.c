#include "ex/expriv.h"

#include "sim/machine.h"

void ExpApcsAreOn(const char *routine, const void *site)
{
    if (sched_is_dead() || !verify_first_time(routine, site))
        return;
    struct verify_violation *v = verify_begin(
        VERIFY_APC_DISABLED, "%s was called with normal kernel APCs enabled; its caller has to turn them off first.", routine);
    verify_site(v, "called by", site);
    if (v)
        verify_history(v, "KeEnterCriticalRegion or FsRtlEnterFileSystem before, KeLeaveCriticalRegion after; "
                          "FltAcquireResource... and FltAcquirePushLock... do both themselves");
    verify_end(v);
}
