/* Event tracing for kernel-mode providers. */
#ifndef FLTSIM_WDK_NT_ETW_H
#define FLTSIM_WDK_NT_ETW_H

#include <nt/begin.h>
#include <nt/types.h>

FLTSIM_WDK_BEGIN

typedef ULONGLONG REGHANDLE, *PREGHANDLE;
typedef ULONG64 TRACEHANDLE, *PTRACEHANDLE;

typedef struct _EVENT_DESCRIPTOR {
    USHORT Id;
    UCHAR Version;
    UCHAR Channel;
    UCHAR Level;
    UCHAR Opcode;
    USHORT Task;
    ULONGLONG Keyword;
} EVENT_DESCRIPTOR, *PEVENT_DESCRIPTOR;
typedef const EVENT_DESCRIPTOR *PCEVENT_DESCRIPTOR;

typedef struct _EVENT_DATA_DESCRIPTOR {
    ULONGLONG Ptr;
    ULONG Size;
    __extension__ union {
        ULONG Reserved;
        __extension__ struct {
            UCHAR Type;
            UCHAR Reserved1;
            USHORT Reserved2;
        };
    };
} EVENT_DATA_DESCRIPTOR, *PEVENT_DATA_DESCRIPTOR;
#define MAX_EVENT_DATA_DESCRIPTORS 128

typedef struct _EVENT_FILTER_DESCRIPTOR {
    ULONGLONG Ptr;
    ULONG Size;
    ULONG Type;
} EVENT_FILTER_DESCRIPTOR, *PEVENT_FILTER_DESCRIPTOR;

typedef enum _EVENT_INFO_CLASS {
    EventProviderBinaryTrackInfo,
    EventProviderSetReserved1,
    EventProviderSetTraits,
    EventProviderUseDescriptorType,
    MaxEventInfo
} EVENT_INFO_CLASS;

#define EVENT_ACTIVITY_CTRL_GET_ID 1
#define EVENT_ACTIVITY_CTRL_SET_ID 2
#define EVENT_ACTIVITY_CTRL_CREATE_ID 3
#define EVENT_ACTIVITY_CTRL_GET_SET_ID 4
#define EVENT_ACTIVITY_CTRL_CREATE_SET_ID 5

#define EVENT_MIN_LEVEL 0
#define EVENT_MAX_LEVEL 0xff

// nc-wdm-etwenablecallback: PASSIVE_LEVEL, when the provider is enabled (1), disabled (0) or asked for its state (2), also
// within EtwRegister.
typedef VOID (*PETWENABLECALLBACK)(LPCGUID SourceId, ULONG ControlCode, UCHAR Level,
                                   ULONGLONG MatchAnyKeyword, ULONGLONG MatchAllKeyword,
                                   PEVENT_FILTER_DESCRIPTOR FilterData, PVOID CallbackContext);

// A test enables providers and sees what they write: fltsim/etw.h. Each register needs its unregister, before the driver is
// unloaded: etw-provider-left. PASSIVE_LEVEL. STATUS_INVALID_PARAMETER; STATUS_NO_MEMORY.
NTSTATUS EtwRegister(_In_ LPCGUID ProviderId, _In_opt_ PETWENABLECALLBACK EnableCallback, _In_opt_ PVOID CallbackContext,
                     _Out_ PREGHANDLE RegHandle);
// Waits for the enable callback to return. STATUS_INVALID_HANDLE.
NTSTATUS EtwUnregister(_In_ REGHANDLE RegHandle);

// Any IRQL. A level is enabled by one as high or higher, or by 0; a keyword by any of MatchAny, and all of MatchAll; 0, of an
// event or of MatchAny, is all.
BOOLEAN EtwEventEnabled(_In_ REGHANDLE RegHandle, _In_ PCEVENT_DESCRIPTOR EventDescriptor);
BOOLEAN EtwProviderEnabled(_In_ REGHANDLE RegHandle, _In_ UCHAR Level, _In_ ULONGLONG Keyword);

// Any IRQL. STATUS_SUCCESS, too, where nobody enabled the event. Without an activity it is the thread's. The data are copied.
// STATUS_INVALID_HANDLE; STATUS_INVALID_PARAMETER: more than 128 pieces, or flags; STATUS_NO_MEMORY.
NTSTATUS EtwWrite(_In_ REGHANDLE RegHandle, _In_ PCEVENT_DESCRIPTOR EventDescriptor, _In_opt_ LPCGUID ActivityId,
                  _In_ ULONG UserDataCount, _In_opt_ PEVENT_DATA_DESCRIPTOR UserData);
NTSTATUS EtwWriteTransfer(_In_ REGHANDLE RegHandle, _In_ PCEVENT_DESCRIPTOR EventDescriptor, _In_opt_ LPCGUID ActivityId,
                          _In_opt_ LPCGUID RelatedActivityId, _In_ ULONG UserDataCount,
                          _In_opt_ PEVENT_DATA_DESCRIPTOR UserData);
NTSTATUS EtwWriteEx(_In_ REGHANDLE RegHandle, _In_ PCEVENT_DESCRIPTOR EventDescriptor, _In_ ULONG64 Filter,
                    _In_ ULONG Flags, _In_opt_ LPCGUID ActivityId, _In_opt_ LPCGUID RelatedActivityId,
                    _In_ ULONG UserDataCount, _In_opt_ PEVENT_DATA_DESCRIPTOR UserData);
NTSTATUS EtwWriteString(_In_ REGHANDLE RegHandle, _In_ UCHAR Level, _In_ ULONGLONG Keyword, _In_opt_ LPCGUID ActivityId,
                        _In_ PCWSTR String);

// PASSIVE_LEVEL. Traits begin with their size (16 bits) and the provider's name. STATUS_INVALID_HANDLE;
// STATUS_INVALID_PARAMETER: the length; STATUS_INVALID_DEVICE_REQUEST: no such class.
NTSTATUS EtwSetInformation(_In_ REGHANDLE RegHandle, _In_ EVENT_INFO_CLASS InformationClass, _In_opt_ PVOID EventInformation,
                           _In_ ULONG InformationLength);

// The thread's activity, the same that IoGetActivityIdThread tells; zeros: none. IRQL <= APC_LEVEL.
// STATUS_INVALID_PARAMETER.
NTSTATUS EtwActivityIdControl(_In_ ULONG ControlCode, _Inout_ LPGUID ActivityId);

static inline VOID EventDataDescCreate(PEVENT_DATA_DESCRIPTOR EventDataDescriptor,
                                       const VOID *DataPtr, ULONG DataSize)
{
    EventDataDescriptor->Ptr = (ULONGLONG)(ULONG_PTR)DataPtr;
    EventDataDescriptor->Size = DataSize;
    EventDataDescriptor->Reserved = 0;
}

static inline VOID EventDescCreate(PEVENT_DESCRIPTOR EventDescriptor, USHORT Id, UCHAR Version, UCHAR Channel, UCHAR Level,
                                   USHORT Task, UCHAR Opcode, ULONGLONG Keyword)
{
    EventDescriptor->Id = Id;
    EventDescriptor->Version = Version;
    EventDescriptor->Channel = Channel;
    EventDescriptor->Level = Level;
    EventDescriptor->Task = Task;
    EventDescriptor->Opcode = Opcode;
    EventDescriptor->Keyword = Keyword;
}

FLTSIM_WDK_END

#endif
