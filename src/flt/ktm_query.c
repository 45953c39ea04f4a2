/* ZwQueryInformationTransaction. */
#include "ktm.h"

#include <string.h>

#include "ob/object.h"

/* All of the Filter Manager's enlistments are made by its one resource manager. */
static const GUID ResourceManager = {0x8f7a1d40, 0x5b1c, 0x4f0e, {0x9a, 0x3d, 0x66, 0x6c, 0x74, 0x6d, 0x67, 0x72}};

struct answer {
    PVOID Buffer;
    ULONG Length, Returned;
};

static ULONG OutcomeOf(PKTRANSACTION transaction)
{
    return transaction->State == TRANSACTION_COMMITTED ? TransactionOutcomeCommitted
           : transaction->State == TRANSACTION_ABORTED ? TransactionOutcomeAborted
                                                       : TransactionOutcomeUndetermined;
}

static NTSTATUS GiveBasic(PKTRANSACTION transaction, struct answer *answer)
{
    TRANSACTION_BASIC_INFORMATION *basic = answer->Buffer;
    answer->Returned = sizeof *basic;
    if (answer->Length < sizeof *basic)
        return STATUS_INFO_LENGTH_MISMATCH;
    *basic = (TRANSACTION_BASIC_INFORMATION){transaction->Id, TransactionStateNormal, OutcomeOf(transaction)};
    return STATUS_SUCCESS;
}

static NTSTATUS GiveProperties(PKTRANSACTION transaction, struct answer *answer)
{
    TRANSACTION_PROPERTIES_INFORMATION *info = answer->Buffer;
    const ULONG fixed = FIELD_OFFSET(TRANSACTION_PROPERTIES_INFORMATION, Description);
    const ULONG length = transaction->Description.Length;
    ULONG fits = answer->Length < fixed + length ? answer->Length - fixed : length;

    answer->Returned = fixed + length;
    if (answer->Length < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->IsolationLevel = transaction->IsolationLevel;
    info->IsolationFlags = transaction->IsolationFlags;
    info->Timeout = transaction->Timeout;
    info->Outcome = OutcomeOf(transaction);
    info->DescriptionLength = length;
    memcpy(info->Description, transaction->Description.Buffer, fits);
    return fits < length ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Writes as many as fit; how many there are. */
static ULONG PutEnlistments(PKTRANSACTION transaction, TRANSACTION_ENLISTMENT_PAIR *pairs, ULONG most)
{
    ULONG count = 0;
    sched_lock(&transaction->Lock);
    for (PLIST_ENTRY link = transaction->Enlistments.Flink; link != &transaction->Enlistments; link = link->Flink, count++) {
        if (count >= most)
            continue;
        pairs[count].EnlistmentId = transaction->Id;
        pairs[count].EnlistmentId.Data2 = (USHORT)CONTAINING_RECORD(link, struct flt_enlistment, Link)->Number;
        pairs[count].ResourceManagerId = ResourceManager;
    }
    sched_unlock(&transaction->Lock);
    return count;
}

static NTSTATUS GiveEnlistments(PKTRANSACTION transaction, struct answer *answer)
{
    TRANSACTION_ENLISTMENTS_INFORMATION *info = answer->Buffer;
    const ULONG fixed = FIELD_OFFSET(TRANSACTION_ENLISTMENTS_INFORMATION, EnlistmentPair);
    ULONG most = answer->Length < fixed ? 0 : (answer->Length - fixed) / (ULONG)sizeof info->EnlistmentPair[0];

    if (answer->Length < fixed)
        return STATUS_INFO_LENGTH_MISMATCH;
    ULONG count = PutEnlistments(transaction, info->EnlistmentPair, most);
    info->NumberOfEnlistments = count;
    answer->Returned = fixed + count * (ULONG)sizeof info->EnlistmentPair[0];
    return count > most ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS Give(PKTRANSACTION transaction, TRANSACTION_INFORMATION_CLASS what, struct answer *answer)
{
    switch (what) {
    case TransactionBasicInformation:
        return GiveBasic(transaction, answer);
    case TransactionPropertiesInformation:
        return GiveProperties(transaction, answer);
    case TransactionEnlistmentInformation:
        return GiveEnlistments(transaction, answer);
    default:
        return STATUS_INVALID_INFO_CLASS;
    }
}

static NTSTATUS Query(HANDLE handle, KPROCESSOR_MODE mode, TRANSACTION_INFORMATION_CLASS what, struct answer *answer,
                      PULONG returned)
{
    PKTRANSACTION transaction;
    NTSTATUS status = ObpReferenceHandle(handle, TRANSACTION_QUERY_INFORMATION, *TmTransactionObjectType, (CCHAR)mode,
                                         (PVOID *)&transaction, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = Give(transaction, what, answer);
    ObpDereference(transaction);
    if (returned)
        *returned = answer->Returned;
    return status;
}

NTSTATUS NtQueryInformationTransaction(HANDLE TransactionHandle, TRANSACTION_INFORMATION_CLASS TransactionInformationClass,
                                       PVOID TransactionInformation, ULONG TransactionInformationLength,
                                       PULONG ReturnLength)
{
    API_ENTER(NtQueryInformationTransaction, TransactionHandle, SCHED_READ);
    struct answer answer = {TransactionInformation, TransactionInformationLength, 0};
    return Query(TransactionHandle, ExGetPreviousMode(), TransactionInformationClass, &answer, ReturnLength);
}

NTSTATUS ZwQueryInformationTransaction(HANDLE TransactionHandle, TRANSACTION_INFORMATION_CLASS TransactionInformationClass,
                                       PVOID TransactionInformation, ULONG TransactionInformationLength,
                                       PULONG ReturnLength)
{
    API_ENTER(ZwQueryInformationTransaction, TransactionHandle, SCHED_READ);
    struct answer answer = {TransactionInformation, TransactionInformationLength, 0};
    return Query(TransactionHandle, KernelMode, TransactionInformationClass, &answer, ReturnLength);
}
