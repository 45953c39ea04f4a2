/* ntstrsafe.h for plain text: one engine, strsafe_text.inc, for each width. The documented names are in strsafe_names.c. */
#include "rtl/strsafe.h"

#define FLAGS_KNOWN                                                                                \
    (0xFF | STRSAFE_IGNORE_NULLS | STRSAFE_FILL_BEHIND_NULL | STRSAFE_FILL_ON_FAILURE |            \
     STRSAFE_NULL_ON_FAILURE | STRSAFE_NO_TRUNCATION)

static NTSTATUS CheckRoom(size_t room, const void *to, ULONG flags)
{
    if (flags & ~(ULONG)FLAGS_KNOWN || room > NTSTRSAFE_MAX_CCH)
        return STATUS_INVALID_PARAMETER;
    if (room == 0 && to != NULL && !(flags & STRSAFE_IGNORE_NULLS))
        return STATUS_INVALID_PARAMETER;
    return to == NULL && (room != 0 || !(flags & STRSAFE_IGNORE_NULLS)) ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

#define CHARACTER CHAR
#define NAME(name) name##A
#define MEMBER narrow
#define LENGTH_OF fltsim_strnlen_s
#include "rtl/strsafe_text.inc"
#undef CHARACTER
#undef NAME
#undef MEMBER
#undef LENGTH_OF

#define CHARACTER WCHAR
#define NAME(name) name##W
#define MEMBER wide
#define LENGTH_OF fltsim_wcsnlen
#include "rtl/strsafe_text.inc"
