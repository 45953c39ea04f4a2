/* Sessions of the filter engine and their transactions. */
#include "net/wfp.h"

#include "verify/api.h"

enum { DEFAULT_TIMEOUT = 15000 };

static struct net_session *find_session(HANDLE engine)
{
    return (struct net_session *)NetpFind(engine, NET_SESSION);
}

NTSTATUS FwpmEngineOpen0(const WCHAR *serverName, UINT32 authnService, SEC_WINNT_AUTH_IDENTITY_W *authIdentity,
                         const FWPM_SESSION0 *session, HANDLE *engineHandle)
{
    API_ENTER(FwpmEngineOpen0, NULL, SCHED_WRITE);
    if (!engineHandle)
        return STATUS_FWP_NULL_POINTER;
    *engineHandle = NULL;
    if (serverName || (authnService != RPC_C_AUTHN_WINNT && authnService != RPC_C_AUTHN_DEFAULT))
        return STATUS_INVALID_PARAMETER;
    if (session && session->flags & ~(UINT32)(FWPM_SESSION_FLAG_DYNAMIC | FWPM_SESSION_FLAG_RESERVED))
        return STATUS_FWP_INVALID_FLAGS;
    if (FwpmBfeStateGet0() != FWPM_SERVICE_RUNNING)
        return STATUS_FWP_SESSION_ABORTED;
    struct net_session *made = NetpCreate(sizeof *made, NET_SESSION, 0, NULL, VERIFY_CALLER);
    if (!made)
        return STATUS_INSUFFICIENT_RESOURCES;
    made->dynamic = session && session->flags & FWPM_SESSION_FLAG_DYNAMIC;
    made->timeout = session && session->txnWaitTimeoutInMSec ? session->txnWaitTimeoutInMSec : DEFAULT_TIMEOUT;
    *engineHandle = made;
    return STATUS_SUCCESS;
}

/* ---- the writer ---- */

static NTSTATUS start_writing(UINT32 milliseconds)
{
    LARGE_INTEGER timeout = {.QuadPart = -10000LL * milliseconds};
    BOOLEAN for_ever = milliseconds == MAXULONG;
    NTSTATUS status = KeWaitForSingleObject(&WFP->writer, Executive, KernelMode, FALSE, for_ever ? NULL : &timeout);
    return status == STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_FWP_TIMEOUT;
}

static void stop_writing(void)
{
    KeSetEvent(&WFP->writer, IO_NO_INCREMENT, FALSE);
}

NTSTATUS NetpBeginChange(HANDLE engine, struct wfp_changing *changing)
{
    *changing = (struct wfp_changing){find_session(engine), false};
    if (!changing->session)
        return STATUS_INVALID_HANDLE;
    if (changing->session->transaction == WFP_READING)
        return STATUS_FWP_INCOMPATIBLE_TXN;
    if (changing->session->transaction == WFP_WRITING)
        return STATUS_SUCCESS;
    changing->own = true;
    return start_writing(changing->session->timeout);
}

NTSTATUS NetpEndChange(struct wfp_changing *changing, NTSTATUS status)
{
    if (changing->own) {
        NetpCommit();
        stop_writing();
    }
    return status;
}

/* ---- transactions ---- */

NTSTATUS FwpmTransactionBegin0(HANDLE engineHandle, UINT32 flags)
{
    API_ENTER(FwpmTransactionBegin0, engineHandle, SCHED_WRITE);
    struct net_session *session = find_session(engineHandle);
    if (!session)
        return STATUS_INVALID_HANDLE;
    if (flags & ~(UINT32)FWPM_TXN_READ_ONLY)
        return STATUS_FWP_INVALID_FLAGS;
    if (session->transaction != WFP_NONE)
        return STATUS_FWP_TXN_IN_PROGRESS;
    if (flags & FWPM_TXN_READ_ONLY) {
        session->transaction = WFP_READING;
        return STATUS_SUCCESS;
    }
    NTSTATUS status = start_writing(session->timeout);
    if (NT_SUCCESS(status))
        session->transaction = WFP_WRITING;
    return status;
}

static NTSTATUS end(HANDLE engine, void (*how)(void))
{
    struct net_session *session = find_session(engine);
    if (!session)
        return STATUS_INVALID_HANDLE;
    if (session->transaction == WFP_NONE)
        return STATUS_FWP_NO_TXN_IN_PROGRESS;
    bool writing = session->transaction == WFP_WRITING;
    session->transaction = WFP_NONE;
    if (writing) {
        how();
        stop_writing();
    }
    return STATUS_SUCCESS;
}

NTSTATUS FwpmTransactionCommit0(HANDLE engineHandle)
{
    API_ENTER(FwpmTransactionCommit0, engineHandle, SCHED_WRITE);
    return end(engineHandle, NetpCommit);
}

NTSTATUS FwpmTransactionAbort0(HANDLE engineHandle)
{
    API_ENTER(FwpmTransactionAbort0, engineHandle, SCHED_WRITE);
    return end(engineHandle, NetpAbort);
}

/* ---- the end of a session ---- */

/* It is off the list already. */
void NetpForgetSession(struct net_session *session)
{
    bool writing = session->transaction == WFP_WRITING;
    if (writing)
        NetpAbort();
    if (session->dynamic && (writing || NT_SUCCESS(start_writing(MAXULONG)))) {
        NetpDeleteOfSession(session);
        NetpCommit();
        writing = true;
    }
    if (writing)
        stop_writing();
    sim_free(session);
}

void NetpReportSessions(const char *driver)
{
    struct net_session *left;

    while ((left = (struct net_session *)NetpTakeLeft(NET_SESSION, driver)) != NULL) {
        struct verify_violation *v = verify_begin(
            VERIFY_NETWORK_LEAK, "A session of the filter engine is still open (FwpmEngineClose0)%s.",
            left->transaction == WFP_WRITING ? ", with a transaction that keeps every other writer waiting" : "");
        verify_site(v, "opened by", left->object.site);
        verify_end(v);
        NetpForgetSession(left);
    }
}

NTSTATUS FwpmEngineClose0(HANDLE engineHandle)
{
    API_ENTER(FwpmEngineClose0, engineHandle, SCHED_WRITE);
    struct net_session *session = (struct net_session *)NetpTake(engineHandle, NET_SESSION, "FwpmEngineClose0", VERIFY_CALLER);
    if (!session)
        return STATUS_INVALID_HANDLE;
    NetpForgetSession(session);
    return STATUS_SUCCESS;
}
