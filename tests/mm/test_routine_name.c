/* Names that drivers look up, and what this Windows answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fltKernel.h>

#include <fltsim/fltsim.h>

#include <string.h>

#define KERNEL_EXPORTS(X) \
    X(CcZeroData) X(CmCallbackGetKeyObjectID) X(CmCallbackGetKeyObjectIDEx) \
    X(CmCallbackReleaseKeyObjectIDEx) X(CmRegisterCallback) X(CmRegisterCallbackEx) X(CmUnRegisterCallback) \
    X(ExAcquirePushLockExclusiveEx) X(ExAllocateCacheAwareRundownProtection) \
    X(ExAllocateFromPagedLookasideList) X(ExAllocatePool) X(ExAllocatePool2) X(ExAllocatePool3) \
    X(ExAllocatePoolWithQuota) X(ExAllocatePoolWithQuotaTag) X(ExAllocatePoolWithTag) \
    X(ExAllocatePoolWithTagPriority) X(ExDeleteLookasideListEx) X(ExDeleteNPagedLookasideList) \
    X(ExDeletePagedLookasideList) X(ExFreePool) X(ExFreePool2) X(ExFreePoolWithTag) \
    X(ExFreeToPagedLookasideList) X(ExInitializeLookasideListEx) X(ExInitializeNPagedLookasideList) \
    X(ExInitializePagedLookasideList) X(ExInitializeResourceLite) X(FsRtlAllocateFileLock) \
    X(FsRtlChangeBackingFileObject) X(FsRtlProcessFileLock) X(FsRtlRegisterFileSystemFilterCallbacks) \
    X(IoAllocateIrp) X(IoAllocateMdl) X(IoAllocateWorkItem) X(IoBuildDeviceIoControlRequest) \
    X(IoBuildSynchronousFsdRequest) X(IoCreateDevice) X(IoCreateDriver) X(IoCreateStreamFileObjectLite) \
    X(IoFileObjectType) X(IoGetTopLevelIrp) X(IoOpenDriverRegistryKey) X(IoReplaceFileObjectName) \
    X(IoVerifyVolume) X(KeSetTimer) X(MmCopyMemory) X(MmDoesFileHaveUserWritableReferences) \
    X(MmGetSystemRoutineAddress) X(NtAllocateVirtualMemory) X(NtClose) X(NtCreateFile) X(NtCreateSection) \
    X(NtDeleteFile) X(NtDeviceIoControlFile) X(NtDuplicateToken) X(NtFreeVirtualMemory) X(NtFsControlFile) \
    X(NtLoadDriver) X(NtMapViewOfSection) X(NtOpenFile) X(NtOpenProcessToken) X(NtOpenProcessTokenEx) \
    X(NtOpenSection) X(NtOpenThreadToken) X(NtQueryInformationProcess) X(NtQueryInformationThread) \
    X(NtQueryVirtualMemory) X(NtReadFile) X(NtTerminateProcess) X(NtUnloadDriver) X(NtUnmapViewOfSection) \
    X(NtWaitForSingleObject) X(NtWriteFile) X(ObReferenceObjectByHandle) X(ObRegisterCallbacks) \
    X(ObUnRegisterCallbacks) X(ObfReferenceObject) X(PsCreateSystemThread) X(PsGetProcessStartKey) \
    X(PsIsProtectedProcess) X(PsIsProtectedProcessLight) X(PsProcessType) X(PsSetCreateProcessNotifyRoutine) \
    X(PsSetCreateProcessNotifyRoutineEx2) X(PsSetCreateThreadNotifyRoutineEx) X(PsSetLoadImageNotifyRoutine) \
    X(PsSetLoadImageNotifyRoutineEx) X(PsTerminateSystemThread) X(RtlCompareMemory) X(RtlGetVersion) \
    X(RtlSetBits) X(RtlUnicodeStringToInteger) X(SeExports) X(SeFilterToken) X(SeLocateProcessImageName) \
    X(TmTransactionObjectType) X(ZwCreateFile) X(ZwCreateKey) X(ZwCreateSection) X(ZwDeleteFile) \
    X(ZwDeviceIoControlFile) X(ZwLoadDriver) X(ZwOpenFile) X(ZwOpenKey) X(ZwOpenProcess) \
    X(ZwOpenProcessTokenEx) X(ZwQueryInformationFile) X(ZwQueryValueKey) \
    X(ZwReadFile) X(ZwTerminateProcess) X(ZwWaitForSingleObject) X(ZwWriteFile)

/* No header of the WDK declares them. */
#define UNDECLARED_EXPORTS(X) \
    X(KeInitializeApc) X(KeInsertQueueApc) X(KeTestAlertThread) X(NtProtectVirtualMemory) \
    X(NtQuerySystemInformation) X(ObGetObjectType) X(PsGetProcessImageFileName) X(PsGetProcessPeb) \
    X(PsGetProcessWow64Process) X(SeGetCachedSigningLevel) X(ZwQueryInformationProcess) \
    X(ZwQueryAttributesFile) X(ZwQueryInformationThread) X(ZwQuerySystemInformation)

#define FLTMGR_EXPORTS(X) \
    X(FltAllocateContext) X(FltAllocateDeferredIoWorkItem) X(FltBuildDefaultSecurityDescriptor) \
    X(FltCheckOplockEx) X(FltClose) X(FltCreateCommunicationPort) X(FltCreateFileEx) X(FltCreateFileEx2) \
    X(FltEnlistInTransaction) X(FltGetDestinationFileNameInformation) X(FltGetFileNameInformation) \
    X(FltGetNewSystemBufferAddress) X(FltGetStreamContext) X(FltGetStreamHandleContext) \
    X(FltGetTransactionContext) X(FltOplockBreakH) X(FltParseFileName) X(FltQueryDirectoryFile) \
    X(FltQueryInformationFile) X(FltQuerySecurityObject) X(FltQueueDeferredIoWorkItem) X(FltRegisterFilter) \
    X(FltSendMessage) X(FltSetStreamContext) X(FltSetStreamHandleContext) X(FltSetTransactionContext) \
    X(FltStartFiltering)

#define DECLARE(name) extern const char name[];
UNDECLARED_EXPORTS(DECLARE)

#define ROW(name) {#name, (PVOID)(ULONG_PTR)&name},
struct row {
    const char *name;
    PVOID address;
};

/* What no kernel exports; what only the newest have, or lost again; what a host library has. */
static const char *const absent[] = {
    "",
    "AuxKlibInitialize",
    "BCryptOpenAlgorithmProvider",
    "ExAllocateFromLookasideListEx",
    "ExAllocatePoolQuotaUninitialized",
    "ExAllocatePoolZero",
    "ExFreeToNPagedLookasideList",
    "EVP_DigestInit_ex",
    "FltClose",
    "IoCreateDeviceSecure",
    "IoDoWhatNobodyKnows",
    "KeAddSystemServiceTable",
    "KeServiceDescriptorTable",
    "KiCurrentThread",
    "MmGetSystemAddressForMdl",
    "MmGetSystemAddressForMdlSafe",
    "RtlEqualMemory",
    "RtlStringCbPrintfW",
    "RtlUnicodeStringPrintf",
    "SeDebugPrivilege",
    "ZwUserCallNoParam",
    "fltsim_start",
    "iogettoplevelirp",
    "malloc",
};

static PVOID kernel_routine(const char *name)
{
    WCHAR text[64];
    UNICODE_STRING wide = {(USHORT)(strlen(name) * 2), sizeof text, text};
    for (size_t i = 0; name[i]; i++)
        text[i] = (WCHAR)name[i];
    return MmGetSystemRoutineAddress(&wide);
}

static void the_kernel_answers_for_its_exports(void **state)
{
    static const struct row rows[] = {KERNEL_EXPORTS(ROW) UNDECLARED_EXPORTS(ROW)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (kernel_routine(rows[i].name) != rows[i].address)
            fail_msg("%s is not found", rows[i].name);
        assert_null(FltGetRoutineAddress(rows[i].name));
    }
}

static void the_filter_manager_answers_for_its_own(void **state)
{
    static const struct row rows[] = {FLTMGR_EXPORTS(ROW)};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (FltGetRoutineAddress(rows[i].name) != rows[i].address)
            fail_msg("%s is not found", rows[i].name);
        assert_null(kernel_routine(rows[i].name));
    }
    assert_null(FltGetRoutineAddress("FltNoSuchRoutine"));
    assert_null(FltGetRoutineAddress("FltpOpFromData"));
}

static void what_is_no_export_is_not_there(void **state)
{
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (kernel_routine(absent[i]))
            fail_msg("%s is found", absent[i]);
}

static void a_name_is_taken_to_the_letter(void **state)
{
    WCHAR text[] = u"IoGetTopLevelIrpIrp";
    UNICODE_STRING name = {32, sizeof text, text};
    assert_ptr_equal(MmGetSystemRoutineAddress(&name), IoGetTopLevelIrp);
    name.Length = 38;
    assert_null(MmGetSystemRoutineAddress(&name));
    text[0] |= 0x100;
    name.Length = 32;
    assert_null(MmGetSystemRoutineAddress(&name));
}

static int start(void **state) { return fltsim_start(NULL) ? 0 : -1; }
static int stop(void **state) { return (int)fltsim_stop(NULL); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_kernel_answers_for_its_exports, start, stop),
        cmocka_unit_test_setup_teardown(the_filter_manager_answers_for_its_own, start, stop),
        cmocka_unit_test_setup_teardown(what_is_no_export_is_not_there, start, stop),
        cmocka_unit_test_setup_teardown(a_name_is_taken_to_the_letter, start, stop),
    };
    return cmocka_run_group_tests_name("mm/routine_name", tests, NULL, NULL);
}
