/* Callouts: what a driver has at a filtering layer.
 *
 * Lifetimes:
 * 1. A callout is registered (FwpsCalloutRegister: the code) and added (FwpmCalloutAdd: the object that filters name), in any
 *    order, under one GUID and one run-time identifier. Filters whose callout is not registered block, or are passed over
 *    where their action is FWP_ACTION_CALLOUT_INSPECTION, or permit with FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED.
 * 2. FwpsCalloutUnregisterById waits for classifications under way; afterwards no function of the callout is called again.
 * 3. A flow's context is the callout's until its flowDeleteFn was called with it: by FwpsFlowRemoveContext (STATUS_SUCCESS:
 *    before it returns; STATUS_PENDING: at the end of the classification that is under way), or when the flow ends.
 * 4. Who creates an injection handle destroys it; that waits for injections under way.
 * What a driver leaves behind is reported when it unloads: callout-left-registered, network-leak.
 *
 * classifyFn is called at PASSIVE_LEVEL where a program's own call causes it (connect, listen, bind), at DISPATCH_LEVEL
 * elsewhere; the documentation says <= DISPATCH_LEVEL. notifyFn is called at PASSIVE_LEVEL, flowDeleteFn at DISPATCH_LEVEL,
 * completion functions at DISPATCH_LEVEL. It returns at the IRQL it was called at (rule irql-not-restored).
 * Pages: nf-fwpsk-..., nc-fwpsk-...; "Processing Notify Callouts", "Associating Context with a Data Flow". */
#ifndef FLTSIM_WDK_NT_NET_WFP_CALLOUT_H
#define FLTSIM_WDK_NT_NET_WFP_CALLOUT_H

#include "wfp_classify.h"

FLTSIM_WDK_BEGIN

typedef enum FWPS_CALLOUT_NOTIFY_TYPE_ {
    FWPS_CALLOUT_NOTIFY_ADD_FILTER,
    FWPS_CALLOUT_NOTIFY_DELETE_FILTER,
    FWPS_CALLOUT_NOTIFY_ADD_FILTER_POST_COMMIT,
    FWPS_CALLOUT_NOTIFY_TYPE_MAX
} FWPS_CALLOUT_NOTIFY_TYPE;

typedef VOID(NTAPI *FWPS_CALLOUT_CLASSIFY_FN0)(_In_ const FWPS_INCOMING_VALUES0 *inFixedValues,
                                               _In_ const FWPS_INCOMING_METADATA_VALUES0 *inMetaValues,
                                               _Inout_opt_ void *layerData, _In_ const FWPS_FILTER0 *filter,
                                               _In_ UINT64 flowContext, _Inout_ FWPS_CLASSIFY_OUT0 *classifyOut);
typedef VOID(NTAPI *FWPS_CALLOUT_CLASSIFY_FN1)(_In_ const FWPS_INCOMING_VALUES0 *inFixedValues,
                                               _In_ const FWPS_INCOMING_METADATA_VALUES0 *inMetaValues,
                                               _Inout_opt_ void *layerData, _In_opt_ const void *classifyContext,
                                               _In_ const FWPS_FILTER1 *filter, _In_ UINT64 flowContext,
                                               _Inout_ FWPS_CLASSIFY_OUT0 *classifyOut);
typedef VOID(NTAPI *FWPS_CALLOUT_CLASSIFY_FN2)(_In_ const FWPS_INCOMING_VALUES0 *inFixedValues,
                                               _In_ const FWPS_INCOMING_METADATA_VALUES0 *inMetaValues,
                                               _Inout_opt_ void *layerData, _In_opt_ const void *classifyContext,
                                               _In_ const FWPS_FILTER2 *filter, _In_ UINT64 flowContext,
                                               _Inout_ FWPS_CLASSIFY_OUT0 *classifyOut);
typedef VOID(NTAPI *FWPS_CALLOUT_CLASSIFY_FN3)(_In_ const FWPS_INCOMING_VALUES0 *inFixedValues,
                                               _In_ const FWPS_INCOMING_METADATA_VALUES0 *inMetaValues,
                                               _Inout_opt_ void *layerData, _In_opt_ const void *classifyContext,
                                               _In_ const FWPS_FILTER3 *filter, _In_ UINT64 flowContext,
                                               _Inout_ FWPS_CLASSIFY_OUT0 *classifyOut);

/* filterKey is NULL for FWPS_CALLOUT_NOTIFY_DELETE_FILTER. Whatever is no success refuses an added filter, and is ignored
 * for a deleted one. */
typedef NTSTATUS(NTAPI *FWPS_CALLOUT_NOTIFY_FN0)(_In_ FWPS_CALLOUT_NOTIFY_TYPE notifyType, _In_ const GUID *filterKey,
                                                 _Inout_ const FWPS_FILTER0 *filter);
typedef NTSTATUS(NTAPI *FWPS_CALLOUT_NOTIFY_FN1)(_In_ FWPS_CALLOUT_NOTIFY_TYPE notifyType, _In_ const GUID *filterKey,
                                                 _Inout_ FWPS_FILTER1 *filter);
typedef NTSTATUS(NTAPI *FWPS_CALLOUT_NOTIFY_FN2)(_In_ FWPS_CALLOUT_NOTIFY_TYPE notifyType, _In_ const GUID *filterKey,
                                                 _Inout_ FWPS_FILTER2 *filter);
typedef NTSTATUS(NTAPI *FWPS_CALLOUT_NOTIFY_FN3)(_In_ FWPS_CALLOUT_NOTIFY_TYPE notifyType, _In_ const GUID *filterKey,
                                                 _Inout_ FWPS_FILTER3 *filter);
typedef VOID(NTAPI *FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0)(_In_ UINT16 layerId, _In_ UINT32 calloutId,
                                                         _In_ UINT64 flowContext);

#define FLTSIM_FWPS_CALLOUT(version)                                                                                   \
    typedef struct FWPS_CALLOUT##version##_ {                                                                          \
        GUID calloutKey;                                                                                               \
        UINT32 flags;                                                                                                  \
        FWPS_CALLOUT_CLASSIFY_FN##version classifyFn;                                                                  \
        FWPS_CALLOUT_NOTIFY_FN##version notifyFn;                                                                      \
        FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0 flowDeleteFn;                                                              \
    } FWPS_CALLOUT##version
FLTSIM_FWPS_CALLOUT(0);
FLTSIM_FWPS_CALLOUT(1);
FLTSIM_FWPS_CALLOUT(2);
FLTSIM_FWPS_CALLOUT(3);

/* PASSIVE_LEVEL. STATUS_FWP_ALREADY_EXISTS: a callout is registered under that GUID. STATUS_FWP_NULL_POINTER: no device
 * object, callout or classifyFn. STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS FwpsCalloutRegister0(_Inout_ void *deviceObject, _In_ const FWPS_CALLOUT0 *callout,
                              _Out_opt_ UINT32 *calloutId);
NTSTATUS FwpsCalloutRegister1(_Inout_ void *deviceObject, _In_ const FWPS_CALLOUT1 *callout,
                              _Out_opt_ UINT32 *calloutId);
NTSTATUS FwpsCalloutRegister2(_Inout_ void *deviceObject, _In_ const FWPS_CALLOUT2 *callout,
                              _Out_opt_ UINT32 *calloutId);
NTSTATUS FwpsCalloutRegister3(_Inout_ void *deviceObject, _In_ const FWPS_CALLOUT3 *callout,
                              _Out_opt_ UINT32 *calloutId);

/* PASSIVE_LEVEL. STATUS_DEVICE_BUSY: flows still have contexts of this callout: remove them and call again.
 * STATUS_FWP_CALLOUT_NOT_FOUND. STATUS_FWP_IN_USE: another thread is unregistering it. */
NTSTATUS FwpsCalloutUnregisterById0(_In_ const UINT32 calloutId);
NTSTATUS FwpsCalloutUnregisterByKey0(_In_ const GUID *calloutKey);

/* <= DISPATCH_LEVEL. STATUS_INVALID_PARAMETER: no context, or the callout has no flowDeleteFn, or there is no such flow or
 * callout. STATUS_OBJECT_NAME_EXISTS: the callout has a context at that layer of the flow already. */
NTSTATUS FwpsFlowAssociateContext0(_In_ UINT64 flowId, _In_ UINT16 layerId, _In_ UINT32 calloutId,
                                   _In_ UINT64 flowContext);
/* STATUS_PENDING: a classification of that flow by the callout is under way, flowDeleteFn follows it. STATUS_UNSUCCESSFUL:
 * there is no context. */
NTSTATUS FwpsFlowRemoveContext0(_In_ UINT64 flowId, _In_ UINT16 layerId, _In_ UINT32 calloutId);
/* The connection ends with the data that goes on; the flow's contexts go when the program closes it. */
NTSTATUS FwpsFlowAbort0(_In_ UINT64 flowId);

/* ---- authorizations that wait ---- */

/* <= DISPATCH_LEVEL, in a classifyFn of an ALE layer whose metadata have a completion handle; the answer is then
 * FWP_ACTION_BLOCK with FWPS_CLASSIFY_OUT_FLAG_ABSORB. The driver owes one FwpsCompleteOperation0 for the context; then the
 * request is authorized once more (FWP_CONDITION_FLAG_IS_REAUTHORIZE). STATUS_FWP_CANNOT_PEND: this is a reauthorization.
 * STATUS_FWP_NULL_POINTER. */
NTSTATUS FwpsPendOperation0(_In_ HANDLE completionHandle, _Out_ HANDLE *completionContext);
VOID FwpsCompleteOperation0(_In_ HANDLE completionContext, _In_opt_ NET_BUFFER_LIST *netBufferList);

/* ---- data of streams ---- */

/* <= DISPATCH_LEVEL. *bytesCopied: as many of bytesToCopy as there are. */
VOID FwpsCopyStreamDataToBuffer0(_In_ const FWPS_STREAM_DATA0 *calloutStreamData, _Out_ PVOID buffer,
                                 _In_ SIZE_T bytesToCopy, _Out_ SIZE_T *bytesCopied);

/* ---- network buffers of a callout's own ---- */

/* <= DISPATCH_LEVEL. The pool was made with fAllocateNetBuffer. The list is the driver's, given back once by
 * FwpsFreeNetBufferList0. STATUS_INVALID_PARAMETER: the pool is none, or of another kind; STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS FwpsAllocateNetBufferAndNetBufferList0(_In_ NDIS_HANDLE poolHandle, _In_ USHORT contextSize,
                                                _In_ USHORT contextBackFill, _In_opt_ MDL *mdlChain,
                                                _In_ ULONG dataOffset, _In_ SIZE_T dataLength,
                                                _Out_ NET_BUFFER_LIST **netBufferList);
VOID FwpsFreeNetBufferList0(_Inout_ NET_BUFFER_LIST *netBufferList);

/* ---- injection ---- */

#define FWPS_INJECTION_TYPE_STREAM 0x00000001
#define FWPS_INJECTION_TYPE_TRANSPORT 0x00000002
#define FWPS_INJECTION_TYPE_NETWORK 0x00000004
#define FWPS_INJECTION_TYPE_FORWARD 0x00000008
#define FWPS_INJECTION_TYPE_L2 0x00000010

typedef VOID(NTAPI *FWPS_INJECT_COMPLETE0)(_In_ VOID *context, _Inout_ NET_BUFFER_LIST *netBufferList,
                                           _In_ BOOLEAN dispatchLevel);

/* PASSIVE_LEVEL. STATUS_INVALID_PARAMETER: unknown flags or family. Destroying waits for injections under way. */
NTSTATUS FwpsInjectionHandleCreate0(_In_opt_ ADDRESS_FAMILY addressFamily, _In_ UINT32 flags,
                                    _Out_ HANDLE *injectionHandle);
NTSTATUS FwpsInjectionHandleDestroy0(_In_ HANDLE injectionHandle);

/* <= DISPATCH_LEVEL. The data joins the stream of the flow behind what has passed already; lower-weighted sublayers are shown
 * it in Windows, here nobody is. On STATUS_SUCCESS completionFn is called once, later, at DISPATCH_LEVEL, with
 * NET_BUFFER_LIST.Status set, and frees the list; else never. STATUS_INVALID_PARAMETER: no such handle (or not one for
 * streams), flow, callout or completion function. STATUS_FWP_INJECT_HANDLE_CLOSING. */
NTSTATUS FwpsStreamInjectAsync0(_In_ HANDLE injectionHandle, _In_opt_ HANDLE injectionContext, _In_ UINT32 flags,
                                _In_ UINT64 flowId, _In_ UINT32 calloutId, _In_ UINT16 layerId, _In_ UINT32 streamFlags,
                                _Inout_ NET_BUFFER_LIST *netBufferList, _In_ SIZE_T dataLength,
                                _In_ FWPS_INJECT_COMPLETE0 completionFn, _In_opt_ HANDLE completionContext);

FLTSIM_WDK_END

#endif
