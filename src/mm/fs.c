/* What file systems ask the memory manager about a stream's sections. */
#include "mm/mmp.h"

/* An image nobody runs any more goes; one in use keeps. */
static bool drop_image(PSECTION_OBJECT_POINTERS pointers)
{
    struct mi_control_area *area = MiFindControlArea(pointers, true);
    if (!area)
        return true;
    bool gone = MiRetire(area, 1);
    MiDereference(area);
    return gone || !pointers->ImageSectionObject;
}

static long user_references(PSECTION_OBJECT_POINTERS pointers)
{
    struct mi_control_area *area = MiFindControlArea(pointers, false);
    if (!area)
        return 0;
    long count = atomic_load(&area->sections) + atomic_load(&area->user_views);
    MiDereference(area);
    return count;
}

BOOLEAN MmFlushImageSection(PSECTION_OBJECT_POINTERS SectionObjectPointer, MMFLUSH_TYPE FlushType)
{
    API_ENTER(MmFlushImageSection, SectionObjectPointer, SCHED_WRITE);
    if (FlushType == MmFlushForDelete && user_references(SectionObjectPointer) > 0)
        return FALSE;
    return drop_image(SectionObjectPointer);
}

BOOLEAN MmCanFileBeTruncated(PSECTION_OBJECT_POINTERS SectionPointer, PLARGE_INTEGER NewFileSize)
{
    API_ENTER(MmCanFileBeTruncated, SectionPointer, SCHED_WRITE);
    if (!drop_image(SectionPointer))
        return FALSE;
    struct mi_control_area *area = MiFindControlArea(SectionPointer, false);
    if (!area)
        return TRUE;
    bool used = atomic_load(&area->sections) + atomic_load(&area->user_views) > 0;
    MiDereference(area);
    if (!used || !NewFileSize)
        return !used;
    /* The mapped pages must stay inside of the file. */
    return MiPageAfter(NewFileSize->QuadPart) >= atomic_load(&area->top);
}

BOOLEAN MmForceSectionClosed(PSECTION_OBJECT_POINTERS SectionObjectPointer, BOOLEAN DelayClose)
{
    API_ENTER(MmForceSectionClosed, SectionObjectPointer, SCHED_WRITE);
    struct mi_control_area *area = MiFindControlArea(SectionObjectPointer, false);
    bool gone = true;
    if (area) {
        gone = MiRetire(area, 1);
        MiDereference(area);
    }
    return drop_image(SectionObjectPointer) && gone;
}

BOOLEAN MmForceSectionClosedEx(PSECTION_OBJECT_POINTERS SectionObjectPointer, ULONG ForceCloseFlags)
{
    API_IRQL(MmForceSectionClosedEx);
    return MmForceSectionClosed(SectionObjectPointer, FALSE);
}

ULONG MmDoesFileHaveUserWritableReferences(PSECTION_OBJECT_POINTERS SectionPointer)
{
    API_ENTER(MmDoesFileHaveUserWritableReferences, SectionPointer, SCHED_READ);
    struct mi_control_area *area = MiFindControlArea(SectionPointer, false);
    if (!area)
        return 0;
    ULONG count = (ULONG)atomic_load(&area->user_writable);
    MiDereference(area);
    return count;
}

BOOLEAN MmIsRecursiveIoFault(VOID)
{
    API_IRQL(MmIsRecursiveIoFault);
    return FALSE;
}

/* The shared cache map and the data control area have one file object between them here. */
NTSTATUS FsRtlChangeBackingFileObject(PFILE_OBJECT CurrentFileObject, PFILE_OBJECT NewFileObject,
                                      FSRTL_CHANGE_BACKING_TYPE ChangeBackingType, ULONG Flags)
{
    API_ENTER(FsRtlChangeBackingFileObject, NewFileObject, SCHED_WRITE);
    PSECTION_OBJECT_POINTERS pointers = NewFileObject->SectionObjectPointer;
    if (!pointers || (CurrentFileObject && CurrentFileObject->SectionObjectPointer != pointers))
        return STATUS_INVALID_PARAMETER_2;
    if (ChangeBackingType != ChangeDataControlArea && ChangeBackingType != ChangeImageControlArea &&
        ChangeBackingType != ChangeSharedCacheMap)
        return STATUS_INVALID_PARAMETER_3;
    if (Flags)
        return STATUS_INVALID_PARAMETER_4;
    struct mi_control_area *area = MiFindControlArea(pointers, ChangeBackingType == ChangeImageControlArea);
    if (!area)
        return STATUS_SUCCESS;
    NTSTATUS status = MiChangeFile(area, CurrentFileObject, NewFileObject);
    MiDereference(area);
    return status;
}
