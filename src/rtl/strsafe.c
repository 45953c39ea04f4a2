/* ntstrsafe.h for plain text: one engine for each width. The documented names are in strsafe_names.c. */
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

/* -- narrow text ----------------------------------------------------------------------------------------- */

/* What is done at the end: `length` characters are in place, terminated where they fit. */
static NTSTATUS FinishA(PSTR to, size_t room, size_t length, BOOLEAN cut, ULONG flags, struct endA out)
{
    if (cut && (flags & (STRSAFE_NO_TRUNCATION | STRSAFE_FILL_ON_FAILURE | STRSAFE_NULL_ON_FAILURE))) {
        if (flags & STRSAFE_FILL_ON_FAILURE) {
            memset(to, (int)(flags & 0xFF), room * sizeof(CHAR));
            length = (flags & 0xFF) == 0 ? 0 : room - 1;
        } else if (flags & STRSAFE_NO_TRUNCATION) {
            length = 0;
        }
        if (flags & STRSAFE_NULL_ON_FAILURE)
            length = 0;
        to[length] = 0;
    } else if (!cut && (flags & STRSAFE_FILL_BEHIND_NULL) && room > length + 1) {
        memset(to + length + 1, (int)(flags & 0xFF), (room - length - 1) * sizeof(CHAR));
    }
    if (out.end != NULL)
        *out.end = to + length;
    if (out.remaining != NULL)
        *out.remaining = room - length;
    return cut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Puts at most `count` characters of `from` at to[at...]. */
static NTSTATUS PlaceA(PSTR to, size_t room, size_t at, PCSTR from, size_t count, ULONG flags,
                       struct endA out)
{
    if (count > NTSTRSAFE_MAX_CCH)
        count = NTSTRSAFE_MAX_CCH;
    size_t length = from != NULL ? fltsim_strnlen_s(from, count) : 0;
    BOOLEAN cut = length > room - at - 1;

    if (cut)
        length = room - at - 1;
    if (cut && at != 0 && (flags & STRSAFE_NO_TRUNCATION)) {
        flags &= ~(ULONG)STRSAFE_NO_TRUNCATION; /* a refused append leaves the text as it was */
        length = 0;
    }
    if (length != 0)
        memcpy(to + at, from, length * sizeof(CHAR));
    to[at + length] = 0;
    return FinishA(to, room, at + length, cut, flags, out);
}

NTSTATUS RtlpSafeCopyA(PSTR to, size_t room, PCSTR from, size_t count, ULONG flags, struct endA out)
{
    NTSTATUS status = CheckRoom(room, to, flags);

    if (!NT_SUCCESS(status))
        return status;
    if (from == NULL && !(flags & STRSAFE_IGNORE_NULLS) && count != 0)
        return STATUS_INVALID_PARAMETER;
    if (to == NULL || room == 0)
        return from == NULL || count == 0 || *from == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    return PlaceA(to, room, 0, from, count, flags, out);
}

NTSTATUS RtlpSafeCatA(PSTR to, size_t room, PCSTR from, size_t count, ULONG flags, struct endA out)
{
    NTSTATUS status = CheckRoom(room, to, flags);

    if (!NT_SUCCESS(status))
        return status;
    if (from == NULL && !(flags & STRSAFE_IGNORE_NULLS))
        return STATUS_INVALID_PARAMETER;
    if (to == NULL || room == 0)
        return from == NULL || count == 0 || *from == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    size_t at = fltsim_strnlen_s(to, room);
    if (at == room)
        return STATUS_INVALID_PARAMETER;
    return PlaceA(to, room, at, from, count, flags, out);
}

NTSTATUS RtlpSafePrintA(PSTR to, size_t room, PCSTR format, va_list arguments, ULONG flags, struct endA out)
{
    NTSTATUS status = CheckRoom(room, to, flags);

    if (!NT_SUCCESS(status))
        return status;
    if (format == NULL)
        return STATUS_INVALID_PARAMETER;
    if (to == NULL || room == 0)
        return *format == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    struct rtlp_output text = {.narrow = to, .room = room - 1};
    RtlpFormatA(&text, format, arguments);
    BOOLEAN cut = text.length > room - 1;
    size_t length = cut ? room - 1 : text.length;
    to[length] = 0;
    return FinishA(to, room, length, cut, flags, out);
}

NTSTATUS RtlpSafeLengthA(PCSTR text, size_t most, size_t *length)
{
    size_t found;

    if (text == NULL || most > NTSTRSAFE_MAX_CCH || (found = fltsim_strnlen_s(text, most)) == most) {
        if (length != NULL)
            *length = 0;
        return STATUS_INVALID_PARAMETER;
    }
    if (length != NULL)
        *length = found;
    return STATUS_SUCCESS;
}

/* -- wide text ----------------------------------------------------------------------------------------- */

/* What is done at the end: `length` characters are in place, terminated where they fit. */
static NTSTATUS FinishW(PWSTR to, size_t room, size_t length, BOOLEAN cut, ULONG flags, struct endW out)
{
    if (cut && (flags & (STRSAFE_NO_TRUNCATION | STRSAFE_FILL_ON_FAILURE | STRSAFE_NULL_ON_FAILURE))) {
        if (flags & STRSAFE_FILL_ON_FAILURE) {
            memset(to, (int)(flags & 0xFF), room * sizeof(WCHAR));
            length = (flags & 0xFF) == 0 ? 0 : room - 1;
        } else if (flags & STRSAFE_NO_TRUNCATION) {
            length = 0;
        }
        if (flags & STRSAFE_NULL_ON_FAILURE)
            length = 0;
        to[length] = 0;
    } else if (!cut && (flags & STRSAFE_FILL_BEHIND_NULL) && room > length + 1) {
        memset(to + length + 1, (int)(flags & 0xFF), (room - length - 1) * sizeof(WCHAR));
    }
    if (out.end != NULL)
        *out.end = to + length;
    if (out.remaining != NULL)
        *out.remaining = room - length;
    return cut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Puts at most `count` characters of `from` at to[at...]. */
static NTSTATUS PlaceW(PWSTR to, size_t room, size_t at, PCWSTR from, size_t count, ULONG flags,
                       struct endW out)
{
    if (count > NTSTRSAFE_MAX_CCH)
        count = NTSTRSAFE_MAX_CCH;
    size_t length = from != NULL ? fltsim_wcsnlen(from, count) : 0;
    BOOLEAN cut = length > room - at - 1;

    if (cut)
        length = room - at - 1;
    if (cut && at != 0 && (flags & STRSAFE_NO_TRUNCATION)) {
        flags &= ~(ULONG)STRSAFE_NO_TRUNCATION; /* a refused append leaves the text as it was */
        length = 0;
    }
    if (length != 0)
        memcpy(to + at, from, length * sizeof(WCHAR));
    to[at + length] = 0;
    return FinishW(to, room, at + length, cut, flags, out);
}

NTSTATUS RtlpSafeCopyW(PWSTR to, size_t room, PCWSTR from, size_t count, ULONG flags, struct endW out)
{
    NTSTATUS status = CheckRoom(room, to, flags);

    if (!NT_SUCCESS(status))
        return status;
    if (from == NULL && !(flags & STRSAFE_IGNORE_NULLS) && count != 0)
        return STATUS_INVALID_PARAMETER;
    if (to == NULL || room == 0)
        return from == NULL || count == 0 || *from == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    return PlaceW(to, room, 0, from, count, flags, out);
}

NTSTATUS RtlpSafeCatW(PWSTR to, size_t room, PCWSTR from, size_t count, ULONG flags, struct endW out)
{
    NTSTATUS status = CheckRoom(room, to, flags);

    if (!NT_SUCCESS(status))
        return status;
    if (from == NULL && !(flags & STRSAFE_IGNORE_NULLS))
        return STATUS_INVALID_PARAMETER;
    if (to == NULL || room == 0)
        return from == NULL || count == 0 || *from == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    size_t at = fltsim_wcsnlen(to, room);
    if (at == room)
        return STATUS_INVALID_PARAMETER;
    return PlaceW(to, room, at, from, count, flags, out);
}

NTSTATUS RtlpSafePrintW(PWSTR to, size_t room, PCWSTR format, va_list arguments, ULONG flags, struct endW out)
{
    NTSTATUS status = CheckRoom(room, to, flags);

    if (!NT_SUCCESS(status))
        return status;
    if (format == NULL)
        return STATUS_INVALID_PARAMETER;
    if (to == NULL || room == 0)
        return *format == 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    struct rtlp_output text = {.wide = to, .room = room - 1};
    RtlpFormatW(&text, format, arguments);
    BOOLEAN cut = text.length > room - 1;
    size_t length = cut ? room - 1 : text.length;
    to[length] = 0;
    return FinishW(to, room, length, cut, flags, out);
}

NTSTATUS RtlpSafeLengthW(PCWSTR text, size_t most, size_t *length)
{
    size_t found;

    if (text == NULL || most > NTSTRSAFE_MAX_CCH || (found = fltsim_wcsnlen(text, most)) == most) {
        if (length != NULL)
            *length = 0;
        return STATUS_INVALID_PARAMETER;
    }
    if (length != NULL)
        *length = found;
    return STATUS_SUCCESS;
}
