/* FltRequestOperationStatusCallback: what the device below answered, which may be STATUS_PENDING. */
#include "flt/core.h"

#include "fault/fault.h"
#include "verify/api.h"

struct flt_status_request {
    struct flt_status_request *Next;
    PFLT_GET_OPERATION_STATUS_CALLBACK Routine;
    PVOID Context;
    PFLT_INSTANCE Instance; /* its operation rundown is held */
    UCHAR Shard;
    FLT_IO_PARAMETER_BLOCK Snapshot;
};

NTSTATUS FltRequestOperationStatusCallback(PFLT_CALLBACK_DATA Data, PFLT_GET_OPERATION_STATUS_CALLBACK CallbackRoutine,
                                           PVOID RequesterContext)
{
    API_ENTER(FltRequestOperationStatusCallback, Data, SCHED_WRITE);
    PIRP_CTRL op = FltpOpFromData(Data);

    if (!FLT_IS_IRP_OPERATION(Data) || op->Flags & FLTP_OP_IN_POST || !op->Current ||
        Data->Iopb->MajorFunction == IRP_MJ_CLOSE)
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    if (!FltpAcquireRundown(&op->Current->Operations[op->Shard].Value))
        return STATUS_FLT_DELETING_OBJECT;
    struct flt_status_request *request = sim_alloc(sizeof *request);
    *request = (struct flt_status_request){
        .Next = op->StatusRequests,
        .Routine = CallbackRoutine,
        .Context = RequesterContext,
        .Instance = op->Current,
        .Shard = op->Shard,
        .Snapshot = *Data->Iopb,
    };
    op->StatusRequests = request;
    return STATUS_SUCCESS;
}

void FltpTellStatus(struct flt_status_request *Requests, NTSTATUS Status)
{
    FLT_RELATED_OBJECTS objects;

    while (Requests) {
        struct flt_status_request *request = Requests;
        Requests = request->Next;
        FltpFillObjects(&objects, request->Instance);
        objects.FileObject = request->Snapshot.TargetFileObject;
        request->Routine(&objects, &request->Snapshot, Status, request->Context);
        FltpReleaseRundown(&request->Instance->Operations[request->Shard].Value);
        sim_free(request);
    }
}
