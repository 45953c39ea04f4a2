/* Sections over files that a filter scans, and their contexts: one a stream and instance. */
#include "context.h"
#include "scan.h"

#include "mm/mmp.h"

NTSTATUS FltRegisterForDataScan(const PFLT_INSTANCE Instance)
{
    API_ENTER(FltRegisterForDataScan, Instance, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltRegisterForDataScan", VERIFY_CALLER);
    if (!Instance->Volume->DiskDevice)
        return STATUS_NOT_SUPPORTED;
    __atomic_or_fetch(&Instance->Flags, FLTP_INSTANCE_SCANS, __ATOMIC_ACQ_REL);
    return STATUS_SUCCESS;
}

NTSTATUS FltCreateSectionForDataScan(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT SectionContext,
                                     ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                     PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection,
                                     ULONG AllocationAttributes, ULONG Flags, PHANDLE SectionHandle,
                                     PVOID *SectionObject, PLARGE_INTEGER SectionFileSize)
{
    API_ENTER(FltCreateSectionForDataScan, FileObject, SCHED_WRITE);
    PFLTP_CONTEXT_NODE node;
    LARGE_INTEGER end;
    *SectionHandle = NULL;
    *SectionObject = NULL;
    if (FltpIsOnOtherVolume(Instance, FileObject))
        FltpReportOtherVolume(Instance, FileObject, "FltCreateSectionForDataScan", VERIFY_CALLER);
    FltpCheckInstanceCaller(Instance, "FltCreateSectionForDataScan", VERIFY_CALLER);
    if (!FltpInstanceIs(Instance, FLTP_INSTANCE_SCANS))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = FltpStreamNode(FileObject, true, &node);
    if (NT_SUCCESS(status))
        status = FltpSetOnNode(node, FLT_SECTION_CONTEXT, Instance, Instance, FLT_SET_CONTEXT_KEEP_IF_EXISTS,
                               SectionContext, NULL, VERIFY_CALLER);
    if (!NT_SUCCESS(status))
        return status;
    status = FltpBeginScan(Instance, SectionContext, FileObject);
    if (NT_SUCCESS(status))
        status = MiCreateSectionForDataScan(SectionHandle, SectionObject, SectionFileSize, FileObject, DesiredAccess,
                                            ObjectAttributes, MaximumSize, SectionPageProtection, AllocationAttributes, Flags,
                                            VERIFY_CALLER);
    if (!NT_SUCCESS(status)) {
        PFLTP_CONTEXT context = FltpContextOf(SectionContext);
        FltpEndScan(Instance, SectionContext);
        if (FltpUnlinkContext(context)) {
            FltpDropReference(context, "unlinked: no section could be created", VERIFY_CALLER);
            __atomic_store_n(&context->State, FLTP_CONTEXT_UNLINKED, __ATOMIC_RELEASE); /* as if never set */
        }
    }
    if (status == STATUS_INVALID_FILE_FOR_SECTION && FsRtlGetFileSize(FileObject, &end) == STATUS_FILE_IS_A_DIRECTORY)
        return STATUS_FILE_IS_A_DIRECTORY;
    return status;
}

NTSTATUS FltCloseSectionForDataScan(PFLT_CONTEXT SectionContext)
{
    API_ENTER(FltCloseSectionForDataScan, SectionContext, SCHED_WRITE);
    PFLTP_CONTEXT context = FltpCheckContext(SectionContext, "FltCloseSectionForDataScan", VERIFY_CALLER);
    FltpCheckContextCaller(context, "FltCloseSectionForDataScan", VERIFY_CALLER);
    if (context->Type != FLT_SECTION_CONTEXT || context->State == FLTP_CONTEXT_UNLINKED)
        return STATUS_INVALID_PARAMETER;
    PFLT_INSTANCE instance = FltpUnlinkFromKey(context);
    if (!instance)
        return STATUS_NOT_FOUND;
    FltpEndScan(instance, SectionContext);
    FltpDropReference(context, "unlinked by", VERIFY_CALLER);
    return STATUS_SUCCESS;
}

NTSTATUS FltGetSectionContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context)
{
    API_ENTER(FltGetSectionContext, FileObject, SCHED_READ);
    PFLTP_CONTEXT_NODE node;
    *Context = NULL_CONTEXT;
    FltpCheckInstance(Instance, FileObject, "Get", FLT_SECTION_CONTEXT, VERIFY_CALLER);
    NTSTATUS status = FltpStreamNode(FileObject, false, &node);
    return NT_SUCCESS(status) ? FltpGetFromNode(node, FLT_SECTION_CONTEXT, Instance, Context, VERIFY_CALLER) : status;
}
