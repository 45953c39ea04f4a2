/* Managing the filter engine: sessions, transactions, and the objects that are added to it.
 *
 * All at PASSIVE_LEVEL. Rules:
 * 1. Objects are named by GUID; one that is added with a zero GUID is given one. What an object refers to must be there
 *    (STATUS_FWP_..._NOT_FOUND), and cannot be deleted while it is referred to (STATUS_FWP_IN_USE).
 * 2. What a dynamic session adds goes with the session; other objects stay until they are deleted. An object cannot refer to
 *    a dynamic object of another session (STATUS_FWP_LIFETIME_MISMATCH), nor be deleted from another one
 *    (STATUS_FWP_WRONG_SESSION).
 * 3. Changes are transactions: explicit ones, else each call is one. At most one writes at a time; others wait, by
 *    txnWaitTimeoutInMSec (0: 15 seconds), then STATUS_FWP_TIMEOUT. Classifications see what is committed. Aborting undoes
 *    everything; a call that fails changes nothing and the transaction goes on. A read-only transaction may run beside others;
 *    changing anything in it is STATUS_FWP_INCOMPATIBLE_TXN.
 * 4. FwpmEngineClose aborts a transaction under way. A handle that is not open: STATUS_INVALID_HANDLE.
 * 5. A callout's notifyFn hears of filters that name it: of an added one before FwpmFilterAdd returns, of a deleted one when
 *    that is committed (or the transaction that added it is aborted).
 * STATUS_FWP_NULL_POINTER: a pointer that is required is missing; STATUS_FWP_NULL_DISPLAY_NAME: displayData.name is.
 * STATUS_FWP_INVALID_FLAGS: unknown flags. Access is not checked, and security descriptors are ignored.
 * Pages: nf-fwpmk-..., and fwpmu.h, "Object Management", "Filter Arbitration", "Filter Weight Assignment" in the SDK's. */
#ifndef FLTSIM_WDK_NT_NET_WFP_MANAGE_H
#define FLTSIM_WDK_NT_NET_WFP_MANAGE_H

#include "guids.h"
#include "wfp_objects.h"

FLTSIM_WDK_BEGIN

NTSTATUS FwpmEngineOpen0(_In_opt_ const WCHAR *serverName, _In_ UINT32 authnService,
                         _In_opt_ SEC_WINNT_AUTH_IDENTITY_W *authIdentity, _In_opt_ const FWPM_SESSION0 *session,
                         _Out_ HANDLE *engineHandle);
NTSTATUS FwpmEngineClose0(_Inout_ HANDLE engineHandle);

/* STATUS_FWP_TXN_IN_PROGRESS: the session has one. STATUS_FWP_NO_TXN_IN_PROGRESS: it has none. */
NTSTATUS FwpmTransactionBegin0(_In_ HANDLE engineHandle, _In_ UINT32 flags);
NTSTATUS FwpmTransactionCommit0(_In_ HANDLE engineHandle);
NTSTATUS FwpmTransactionAbort0(_In_ HANDLE engineHandle);

/* STATUS_FWP_ALREADY_EXISTS: there is one under that GUID. */
NTSTATUS FwpmProviderAdd0(_In_ HANDLE engineHandle, _In_ const FWPM_PROVIDER0 *provider,
                          _In_opt_ PSECURITY_DESCRIPTOR sd);
NTSTATUS FwpmProviderDeleteByKey0(_In_ HANDLE engineHandle, _In_ const GUID *key);
NTSTATUS FwpmSubLayerAdd0(_In_ HANDLE engineHandle, _In_ const FWPM_SUBLAYER0 *subLayer,
                          _In_opt_ PSECURITY_DESCRIPTOR sd);
NTSTATUS FwpmSubLayerDeleteByKey0(_In_ HANDLE engineHandle, _In_ const GUID *key);

/* *id: the callout's run-time identifier, the one that FwpsCalloutRegister gives for the same GUID. */
NTSTATUS FwpmCalloutAdd0(_In_ HANDLE engineHandle, _In_ const FWPM_CALLOUT0 *callout,
                         _In_opt_ PSECURITY_DESCRIPTOR sd, _Out_opt_ UINT32 *id);
NTSTATUS FwpmCalloutDeleteById0(_In_ HANDLE engineHandle, _In_ UINT32 id);
NTSTATUS FwpmCalloutDeleteByKey0(_In_ HANDLE engineHandle, _In_ const GUID *key);

/* Sublayer zero: FWPM_SUBLAYER_UNIVERSAL. Weight: FWP_EMPTY, automatic (the more specific conditions, the heavier: here the
 * number of them); FWP_UINT8 0 to 15, automatic within that range; FWP_UINT64, as it is; else STATUS_FWP_INVALID_WEIGHT.
 * Conditions on one field are alternatives, those on different fields must all hold; no condition: always.
 * STATUS_FWP_INVALID_ACTION_TYPE; STATUS_FWP_CONDITION_NOT_FOUND: the layer has no such field; STATUS_FWP_TYPE_MISMATCH,
 * STATUS_FWP_MATCH_TYPE_MISMATCH: of a condition; STATUS_FWP_INCOMPATIBLE_LAYER: the callout is at another layer;
 * STATUS_FWP_CALLOUT_NOTIFICATION_FAILED: its notifyFn refused the filter. */
NTSTATUS FwpmFilterAdd0(_In_ HANDLE engineHandle, _In_ const FWPM_FILTER0 *filter, _In_opt_ PSECURITY_DESCRIPTOR sd,
                        _Out_opt_ UINT64 *id);
NTSTATUS FwpmFilterDeleteById0(_In_ HANDLE engineHandle, _In_ UINT64 id);
NTSTATUS FwpmFilterDeleteByKey0(_In_ HANDLE engineHandle, _In_ const GUID *key);

/* The engine runs (FWPM_SERVICE_RUNNING) until a test says otherwise: fltsim_net_engine_state. <= DISPATCH_LEVEL. */
FWPM_SERVICE_STATE FwpmBfeStateGet0(VOID);
typedef VOID(NTAPI *FWPM_SERVICE_STATE_CHANGE_CALLBACK0)(_Inout_ void *context, _In_ FWPM_SERVICE_STATE newState);
/* Called at PASSIVE_LEVEL whenever the state changes, until FwpmBfeStateUnsubscribeChanges0 has returned; which waits for a
 * call that is under way, and must not be called from one. */
NTSTATUS FwpmBfeStateSubscribeChanges0(_Inout_ void *deviceObject, _In_ FWPM_SERVICE_STATE_CHANGE_CALLBACK0 callback,
                                       _In_opt_ void *context, _Out_ HANDLE *changeHandle);
NTSTATUS FwpmBfeStateUnsubscribeChanges0(_Inout_ HANDLE changeHandle);

FLTSIM_WDK_END

#endif
