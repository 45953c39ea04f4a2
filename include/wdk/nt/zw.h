// System services. Every one that a driver may call by either name is declared as Zw and as Nt: the
// first from kernel mode whatever the previous mode was, the second with the previous mode's
// checks.
#ifndef FLTSIM_WDK_NT_ZW_H
#define FLTSIM_WDK_NT_ZW_H

#include "begin.h"
#include "cm.h"
#include "io.h"
#include "ke.h"
#include "mm.h"
#include "ob.h"
#include "ps.h"
#include "se.h"
#include "tm.h"
#include "types.h"

FLTSIM_WDK_BEGIN

#ifndef NtCurrentProcess
#define NtCurrentProcess() ((HANDLE)(LONG_PTR)-1)
#define ZwCurrentProcess() NtCurrentProcess()
#define NtCurrentThread() ((HANDLE)(LONG_PTR)-2)
#define ZwCurrentThread() NtCurrentThread()
#define NtCurrentSession() ((HANDLE)(LONG_PTR)-3)
#define ZwCurrentSession() NtCurrentSession()
#endif

#define FLTSIM_SERVICE(Name, ...)                                                                  \
    NTSTATUS Zw##Name(__VA_ARGS__);                                                                \
    NTSTATUS Nt##Name(__VA_ARGS__)
// Whose Zw name no header of the WDK declares: drivers look it up (MmGetSystemRoutineAddress), often into a
// variable of that very name, or declare it themselves.
#ifdef FLTSIM_LIBRARY
#define FLTSIM_NT_SERVICE FLTSIM_SERVICE
#else
#define FLTSIM_NT_SERVICE(Name, ...) NTSTATUS Nt##Name(__VA_ARGS__)
#endif

// Objects and handles.
FLTSIM_SERVICE(Close, _In_ HANDLE Handle);
FLTSIM_SERVICE(DuplicateObject, _In_ HANDLE SourceProcessHandle, _In_ HANDLE SourceHandle,
               _In_opt_ HANDLE TargetProcessHandle, _Out_opt_ PHANDLE TargetHandle,
               _In_ ACCESS_MASK DesiredAccess, _In_ ULONG HandleAttributes, _In_ ULONG Options);
FLTSIM_SERVICE(QueryObject, _In_opt_ HANDLE Handle,
               _In_ OBJECT_INFORMATION_CLASS ObjectInformationClass,
               _Out_opt_ PVOID ObjectInformation, _In_ ULONG ObjectInformationLength,
               _Out_opt_ PULONG ReturnLength);
FLTSIM_SERVICE(MakeTemporaryObject, _In_ HANDLE Handle);
FLTSIM_SERVICE(QuerySecurityObject, _In_ HANDLE Handle,
               _In_ SECURITY_INFORMATION SecurityInformation,
               _Out_opt_ PSECURITY_DESCRIPTOR SecurityDescriptor, _In_ ULONG Length,
               _Out_ PULONG LengthNeeded);
FLTSIM_SERVICE(SetSecurityObject, _In_ HANDLE Handle, _In_ SECURITY_INFORMATION SecurityInformation,
               _In_ PSECURITY_DESCRIPTOR SecurityDescriptor);
FLTSIM_SERVICE(CreateDirectoryObject, _Out_ PHANDLE DirectoryHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(OpenDirectoryObject, _Out_ PHANDLE DirectoryHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(OpenSymbolicLinkObject, _Out_ PHANDLE LinkHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(QuerySymbolicLinkObject, _In_ HANDLE LinkHandle, _Inout_ PUNICODE_STRING LinkTarget,
               _Out_opt_ PULONG ReturnedLength);

#ifdef FLTSIM_LIBRARY // in no published header: drivers that use them declare them
FLTSIM_SERVICE(CreateSymbolicLinkObject, _Out_ PHANDLE LinkHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _In_ PUNICODE_STRING LinkTarget);
FLTSIM_SERVICE(QueryDirectoryObject, _In_ HANDLE DirectoryHandle, _Out_opt_ PVOID Buffer,
               _In_ ULONG Length, _In_ BOOLEAN ReturnSingleEntry, _In_ BOOLEAN RestartScan,
               _Inout_ PULONG Context, _Out_opt_ PULONG ReturnLength);
FLTSIM_SERVICE(ResetEvent, _In_ HANDLE EventHandle, _Out_opt_ PLONG PreviousState);
#endif

// Files.
FLTSIM_SERVICE(CreateFile, _Out_ PHANDLE FileHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _In_opt_ PLARGE_INTEGER AllocationSize, _In_ ULONG FileAttributes,
               _In_ ULONG ShareAccess, _In_ ULONG CreateDisposition, _In_ ULONG CreateOptions,
               _In_opt_ PVOID EaBuffer, _In_ ULONG EaLength);
FLTSIM_SERVICE(OpenFile, _Out_ PHANDLE FileHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _In_ ULONG ShareAccess, _In_ ULONG OpenOptions);
FLTSIM_SERVICE(DeleteFile, _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(ReadFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID Buffer, _In_ ULONG Length,
               _In_opt_ PLARGE_INTEGER ByteOffset, _In_opt_ PULONG Key);
FLTSIM_SERVICE(WriteFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ PVOID Buffer, _In_ ULONG Length,
               _In_opt_ PLARGE_INTEGER ByteOffset, _In_opt_ PULONG Key);
// nf-ntifs-ntcopyfilechunk: reads and writes as from kernel mode, by IRPs that carry COPY_INFORMATION. Here it always
// waits for the end, and never answers STATUS_PENDING. What ends before the source's end is copied so far;
// STATUS_END_OF_FILE begins there. STATUS_INVALID_PARAMETER: flags, a negative offset. PASSIVE_LEVEL.
FLTSIM_NT_SERVICE(CopyFileChunk, _In_ HANDLE SourceHandle, _In_ HANDLE DestHandle, _In_opt_ HANDLE Event,
                  _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG Length, _In_ PLARGE_INTEGER SourceOffset,
                  _In_ PLARGE_INTEGER DestOffset, _In_opt_ PULONG SourceKey, _In_opt_ PULONG DestKey,
                  _In_ ULONG Flags);
FLTSIM_SERVICE(FlushBuffersFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock);
FLTSIM_SERVICE(FlushBuffersFileEx, _In_ HANDLE FileHandle, _In_ ULONG FLags, _In_ PVOID Parameters,
               _In_ ULONG ParametersSize, _Out_ PIO_STATUS_BLOCK IoStatusBlock);
FLTSIM_SERVICE(QueryInformationFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _Out_ PVOID FileInformation, _In_ ULONG Length,
               _In_ FILE_INFORMATION_CLASS FileInformationClass);
FLTSIM_SERVICE(SetInformationFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _In_ PVOID FileInformation, _In_ ULONG Length,
               _In_ FILE_INFORMATION_CLASS FileInformationClass);
FLTSIM_SERVICE(QueryInformationByName, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID FileInformation, _In_ ULONG Length,
               _In_ FILE_INFORMATION_CLASS FileInformationClass);
#ifdef FLTSIM_LIBRARY // in no published header: drivers that use it declare it
FLTSIM_SERVICE(QueryAttributesFile, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
               _Out_ PFILE_BASIC_INFORMATION FileInformation);
#endif
FLTSIM_SERVICE(QueryFullAttributesFile, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
               _Out_ struct _FILE_NETWORK_OPEN_INFORMATION *FileInformation);
// nf-ntifs-ntqueryinformationbyname: FileStatInformation, FileStatLxInformation, FileCaseSensitiveInformation,
// FileStatBasicInformation. In one go (IRP_MJ_QUERY_OPEN) where all drivers of the stack agree, else by a create, a
// query and a close. A reparse point itself, not where it leads. PASSIVE_LEVEL. STATUS_INVALID_PARAMETER,
// STATUS_INFO_LENGTH_MISMATCH.
FLTSIM_SERVICE(QueryInformationByName, _In_ POBJECT_ATTRIBUTES ObjectAttributes,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID FileInformation, _In_ ULONG Length,
               _In_ FILE_INFORMATION_CLASS FileInformationClass);
FLTSIM_SERVICE(QueryVolumeInformationFile, _In_ HANDLE FileHandle,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID FsInformation, _In_ ULONG Length,
               _In_ FS_INFORMATION_CLASS FsInformationClass);
FLTSIM_SERVICE(SetVolumeInformationFile, _In_ HANDLE FileHandle,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ PVOID FsInformation, _In_ ULONG Length,
               _In_ FS_INFORMATION_CLASS FsInformationClass);
FLTSIM_SERVICE(QueryDirectoryFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID FileInformation, _In_ ULONG Length,
               _In_ FILE_INFORMATION_CLASS FileInformationClass, _In_ BOOLEAN ReturnSingleEntry,
               _In_opt_ PUNICODE_STRING FileName, _In_ BOOLEAN RestartScan);
FLTSIM_SERVICE(QueryDirectoryFileEx, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID FileInformation, _In_ ULONG Length,
               _In_ FILE_INFORMATION_CLASS FileInformationClass, _In_ ULONG QueryFlags,
               _In_opt_ PUNICODE_STRING FileName);
FLTSIM_SERVICE(NotifyChangeDirectoryFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID Buffer, _In_ ULONG Length,
               _In_ ULONG CompletionFilter, _In_ BOOLEAN WatchTree);
FLTSIM_SERVICE(QueryEaFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _Out_ PVOID Buffer, _In_ ULONG Length, _In_ BOOLEAN ReturnSingleEntry,
               _In_opt_ PVOID EaList, _In_ ULONG EaListLength, _In_opt_ PULONG EaIndex,
               _In_ BOOLEAN RestartScan);
FLTSIM_SERVICE(SetEaFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _In_ PVOID Buffer, _In_ ULONG Length);
FLTSIM_SERVICE(QueryQuotaInformationFile, _In_ HANDLE FileHandle,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _Out_ PVOID Buffer, _In_ ULONG Length,
               _In_ BOOLEAN ReturnSingleEntry, _In_opt_ PVOID SidList, _In_ ULONG SidListLength,
               _In_opt_ PSID StartSid, _In_ BOOLEAN RestartScan);
FLTSIM_SERVICE(SetQuotaInformationFile, _In_ HANDLE FileHandle,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ PVOID Buffer, _In_ ULONG Length);
FLTSIM_SERVICE(FsControlFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG FsControlCode,
               _In_opt_ PVOID InputBuffer, _In_ ULONG InputBufferLength,
               _Out_opt_ PVOID OutputBuffer, _In_ ULONG OutputBufferLength);
FLTSIM_SERVICE(DeviceIoControlFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG IoControlCode,
               _In_opt_ PVOID InputBuffer, _In_ ULONG InputBufferLength,
               _Out_opt_ PVOID OutputBuffer, _In_ ULONG OutputBufferLength);
FLTSIM_SERVICE(LockFile, _In_ HANDLE FileHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ PLARGE_INTEGER ByteOffset,
               _In_ PLARGE_INTEGER Length, _In_ ULONG Key, _In_ BOOLEAN FailImmediately,
               _In_ BOOLEAN ExclusiveLock);
FLTSIM_SERVICE(UnlockFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock,
               _In_ PLARGE_INTEGER ByteOffset, _In_ PLARGE_INTEGER Length, _In_ ULONG Key);
FLTSIM_SERVICE(CancelIoFile, _In_ HANDLE FileHandle, _Out_ PIO_STATUS_BLOCK IoStatusBlock);
FLTSIM_SERVICE(CancelIoFileEx, _In_ HANDLE FileHandle, _In_opt_ PIO_STATUS_BLOCK IoRequestToCancel,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock);
FLTSIM_SERVICE(LoadDriver, _In_ PUNICODE_STRING DriverServiceName);
FLTSIM_SERVICE(UnloadDriver, _In_ PUNICODE_STRING DriverServiceName);

// The registry.
FLTSIM_SERVICE(CreateKey, _Out_ PHANDLE KeyHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _Reserved_ ULONG TitleIndex,
               _In_opt_ PUNICODE_STRING Class, _In_ ULONG CreateOptions,
               _Out_opt_ PULONG Disposition);
FLTSIM_SERVICE(CreateKeyTransacted, _Out_ PHANDLE KeyHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _Reserved_ ULONG TitleIndex,
               _In_opt_ PUNICODE_STRING Class, _In_ ULONG CreateOptions,
               _In_ HANDLE TransactionHandle, _Out_opt_ PULONG Disposition);
FLTSIM_SERVICE(OpenKey, _Out_ PHANDLE KeyHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(OpenKeyEx, _Out_ PHANDLE KeyHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _In_ ULONG OpenOptions);
FLTSIM_SERVICE(DeleteKey, _In_ HANDLE KeyHandle);
FLTSIM_SERVICE(RenameKey, _In_ HANDLE KeyHandle, _In_ PUNICODE_STRING NewName);
FLTSIM_SERVICE(FlushKey, _In_ HANDLE KeyHandle);
FLTSIM_SERVICE(QueryKey, _In_ HANDLE KeyHandle, _In_ KEY_INFORMATION_CLASS KeyInformationClass,
               _Out_opt_ PVOID KeyInformation, _In_ ULONG Length, _Out_ PULONG ResultLength);
FLTSIM_SERVICE(EnumerateKey, _In_ HANDLE KeyHandle, _In_ ULONG Index,
               _In_ KEY_INFORMATION_CLASS KeyInformationClass, _Out_opt_ PVOID KeyInformation,
               _In_ ULONG Length, _Out_ PULONG ResultLength);
FLTSIM_SERVICE(SetInformationKey, _In_ HANDLE KeyHandle,
               _In_ KEY_SET_INFORMATION_CLASS KeySetInformationClass, _In_ PVOID KeySetInformation,
               _In_ ULONG KeySetInformationLength);
FLTSIM_SERVICE(NotifyChangeKey, _In_ HANDLE KeyHandle, _In_opt_ HANDLE Event,
               _In_opt_ PIO_APC_ROUTINE ApcRoutine, _In_opt_ PVOID ApcContext,
               _Out_ PIO_STATUS_BLOCK IoStatusBlock, _In_ ULONG CompletionFilter,
               _In_ BOOLEAN WatchTree, _Out_opt_ PVOID Buffer, _In_ ULONG BufferSize,
               _In_ BOOLEAN Asynchronous);
FLTSIM_SERVICE(QueryValueKey, _In_ HANDLE KeyHandle, _In_ PUNICODE_STRING ValueName,
               _In_ KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass,
               _Out_opt_ PVOID KeyValueInformation, _In_ ULONG Length, _Out_ PULONG ResultLength);
FLTSIM_SERVICE(QueryMultipleValueKey, _In_ HANDLE KeyHandle, _Inout_ PKEY_VALUE_ENTRY ValueEntries,
               _In_ ULONG EntryCount, _Out_ PVOID ValueBuffer, _Inout_ PULONG BufferLength,
               _Out_opt_ PULONG RequiredBufferLength);
FLTSIM_SERVICE(EnumerateValueKey, _In_ HANDLE KeyHandle, _In_ ULONG Index,
               _In_ KEY_VALUE_INFORMATION_CLASS KeyValueInformationClass,
               _Out_opt_ PVOID KeyValueInformation, _In_ ULONG Length, _Out_ PULONG ResultLength);
FLTSIM_SERVICE(SetValueKey, _In_ HANDLE KeyHandle, _In_ PUNICODE_STRING ValueName,
               _In_opt_ ULONG TitleIndex, _In_ ULONG Type, _In_opt_ PVOID Data,
               _In_ ULONG DataSize);
FLTSIM_SERVICE(DeleteValueKey, _In_ HANDLE KeyHandle, _In_ PUNICODE_STRING ValueName);
// PASSIVE_LEVEL. The key and what is below it, volatile keys aside, as a hive file of the standard format, written to the start of
// the file. STATUS_KEY_DELETED, STATUS_INVALID_HANDLE; the file's own status where it cannot be written.
FLTSIM_SERVICE(SaveKey, _In_ HANDLE KeyHandle, _In_ HANDLE FileHandle);

// Sections and memory.
FLTSIM_SERVICE(CreateSection, _Out_ PHANDLE SectionHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_opt_ POBJECT_ATTRIBUTES ObjectAttributes, _In_opt_ PLARGE_INTEGER MaximumSize,
               _In_ ULONG SectionPageProtection, _In_ ULONG AllocationAttributes,
               _In_opt_ HANDLE FileHandle);
FLTSIM_SERVICE(OpenSection, _Out_ PHANDLE SectionHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(MapViewOfSection, _In_ HANDLE SectionHandle, _In_ HANDLE ProcessHandle,
               _Inout_ PVOID *BaseAddress, _In_ ULONG_PTR ZeroBits, _In_ SIZE_T CommitSize,
               _Inout_opt_ PLARGE_INTEGER SectionOffset, _Inout_ PSIZE_T ViewSize,
               _In_ SECTION_INHERIT InheritDisposition, _In_ ULONG AllocationType,
               _In_ ULONG Win32Protect);
FLTSIM_SERVICE(UnmapViewOfSection, _In_ HANDLE ProcessHandle, _In_opt_ PVOID BaseAddress);
/* nf-ntifs-ntallocatevirtualmemory, -ntfreevirtualmemory, -ntqueryvirtualmemory: PASSIVE_LEVEL. Memory of programs, page by
 * page reserved, committed and protected; it goes with its process. All processes share one space: another one's memory can
 * be read and written at its address, but only its own owner's calls find it.
 * Allocate: STATUS_INVALID_PARAMETER_3, _4 (no size), _5 (neither MEM_COMMIT, MEM_RESERVE nor MEM_RESET alone),
 * STATUS_INVALID_PAGE_PROTECTION, STATUS_CONFLICTING_ADDRESSES (an address that is taken, or one to commit that nobody
 * reserved), STATUS_NO_MEMORY, STATUS_PROCESS_IS_TERMINATING. A guard page refuses every access, not only the first.
 * Free: STATUS_INVALID_PARAMETER_4, STATUS_MEMORY_NOT_ALLOCATED, STATUS_FREE_VM_NOT_AT_BASE, STATUS_UNABLE_TO_FREE_VM (not the
 * whole region, or more), STATUS_INVALID_PAGE_PROTECTION (MmSecureVirtualMemory).
 * Query: MemoryBasicInformation, else STATUS_INVALID_INFO_CLASS; STATUS_INFO_LENGTH_MISMATCH; STATUS_INVALID_PARAMETER (above
 * MmHighestUserAddress). Memory of the test's own, a program's buffers, counts as committed memory of the current process. */
FLTSIM_SERVICE(AllocateVirtualMemory, _In_ HANDLE ProcessHandle, _Inout_ PVOID *BaseAddress,
               _In_ ULONG_PTR ZeroBits, _Inout_ PSIZE_T RegionSize, _In_ ULONG AllocationType,
               _In_ ULONG Protect);
FLTSIM_SERVICE(FreeVirtualMemory, _In_ HANDLE ProcessHandle, _Inout_ PVOID *BaseAddress,
               _Inout_ PSIZE_T RegionSize, _In_ ULONG FreeType);
FLTSIM_SERVICE(FlushVirtualMemory, _In_ HANDLE ProcessHandle, _Inout_ PVOID *BaseAddress,
               _Inout_ PSIZE_T RegionSize, _Out_ PIO_STATUS_BLOCK IoStatus);
FLTSIM_SERVICE(QueryVirtualMemory, _In_ HANDLE ProcessHandle, _In_opt_ PVOID BaseAddress,
               _In_ MEMORY_INFORMATION_CLASS MemoryInformationClass, _Out_ PVOID MemoryInformation,
               _In_ SIZE_T MemoryInformationLength, _Out_opt_ PSIZE_T ReturnLength);

#ifdef FLTSIM_LIBRARY // in no published header: drivers that use it declare it
// Committed pages of one region, else STATUS_CONFLICTING_ADDRESSES or STATUS_NOT_COMMITTED; *OldProtect is the first page's.
FLTSIM_SERVICE(ProtectVirtualMemory, _In_ HANDLE ProcessHandle, _Inout_ PVOID *BaseAddress,
               _Inout_ PSIZE_T RegionSize, _In_ ULONG NewProtect, _Out_ PULONG OldProtect);
#endif

// Processes, threads and tokens.
FLTSIM_SERVICE(OpenProcess, _Out_ PHANDLE ProcessHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _In_opt_ PCLIENT_ID ClientId);
#ifdef FLTSIM_LIBRARY // in no published header: drivers that use it declare it
// PASSIVE_LEVEL, as ZwOpenProcess: STATUS_INVALID_PARAMETER_MIX for a name or without a client ID, STATUS_INVALID_CID for no
// such thread; a process ID that is given must be the thread's.
FLTSIM_SERVICE(OpenThread, _Out_ PHANDLE ThreadHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _In_opt_ PCLIENT_ID ClientId);
#endif
// NtQueryInformationProcess: PASSIVE_LEVEL. ProcessBasicInformation, ProcessTimes, ProcessHandleCount,
// ProcessSessionInformation, ProcessWow64Information, ProcessImageFileName and
// ProcessImageFileNameWin32 (a UNICODE_STRING and its characters behind it);
// STATUS_INVALID_INFO_CLASS for others, STATUS_INFO_LENGTH_MISMATCH (*ReturnLength is what it takes).
FLTSIM_NT_SERVICE(QueryInformationProcess, _In_ HANDLE ProcessHandle,
               _In_ PROCESSINFOCLASS ProcessInformationClass, _Out_opt_ PVOID ProcessInformation,
               _In_ ULONG ProcessInformationLength, _Out_opt_ PULONG ReturnLength);
// nf-ntddk-zwterminateprocess: PASSIVE_LEVEL; STATUS_PROCESS_IS_TERMINATING, STATUS_ACCESS_DENIED (the
// System process, the test's own), STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH. Does not return
// for a thread of that process. Other threads of it are alerted and are seen as terminating; they end
// when their routine returns, not sooner: nothing cuts a program's routine short. The process ends,
// and its notify routines are called, with its last thread; when the test plays it
// (fltsim_impersonate), as soon as the test plays another.
FLTSIM_SERVICE(TerminateProcess, _In_opt_ HANDLE ProcessHandle, _In_ NTSTATUS ExitStatus);
// NtQueryInformationThread: PASSIVE_LEVEL. ThreadBasicInformation, ThreadAmILastThread, ThreadIsTerminated,
// ThreadQuerySetWin32StartAddress; statuses as for processes.
FLTSIM_NT_SERVICE(QueryInformationThread, _In_ HANDLE ThreadHandle,
               _In_ THREADINFOCLASS ThreadInformationClass, _Out_ PVOID ThreadInformation,
               _In_ ULONG ThreadInformationLength, _Out_opt_ PULONG ReturnLength);
// nf-ntddk-zwsetinformationthread: PASSIVE_LEVEL. ThreadPriority and ThreadBasePriority (a LONG), ThreadPagePriority (a
// ULONG); beyond the page, as drivers use it: ThreadAffinityMask (a KAFFINITY), ThreadIoPriority (a ULONG),
// ThreadImpersonationToken (a HANDLE with TOKEN_IMPERSONATE; NULL ends it), ThreadHideFromDebugger (of length 0, for good).
// STATUS_INVALID_PARAMETER: a value out of its range; STATUS_BAD_TOKEN_TYPE; STATUS_INFO_LENGTH_MISMATCH,
// STATUS_INVALID_INFO_CLASS, STATUS_INVALID_HANDLE, STATUS_OBJECT_TYPE_MISMATCH. NtQueryInformationThread tells all but the
// token.
FLTSIM_SERVICE(SetInformationThread, _In_ HANDLE ThreadHandle,
               _In_ THREADINFOCLASS ThreadInformationClass, _In_ PVOID ThreadInformation,
               _In_ ULONG ThreadInformationLength);
// In no page; as NtSetInformationProcess of user mode: PASSIVE_LEVEL. ProcessAccessToken (a PROCESS_ACCESS_TOKEN: a primary
// token, with TOKEN_ASSIGN_PRIMARY, of a process that has had no thread yet; else STATUS_BAD_TOKEN_TYPE,
// STATUS_NOT_SUPPORTED), ProcessBreakOnTermination (a ULONG, with SeDebugPrivilege, else STATUS_PRIVILEGE_NOT_HELD: the end of
// the process is bug check 0xEF). Other statuses as above.
FLTSIM_NT_SERVICE(SetInformationProcess, _In_ HANDLE ProcessHandle,
               _In_ PROCESSINFOCLASS ProcessInformationClass, _In_ PVOID ProcessInformation,
               _In_ ULONG ProcessInformationLength);
// In no page: an alertable wait of the thread ends with STATUS_ALERTED; without one, its next does. Needs THREAD_ALERT.
FLTSIM_NT_SERVICE(AlertThread, _In_ HANDLE ThreadHandle);
// In no page: others that can run do.
FLTSIM_NT_SERVICE(YieldExecution, VOID);
FLTSIM_SERVICE(OpenProcessToken, _In_ HANDLE ProcessHandle, _In_ ACCESS_MASK DesiredAccess,
               _Out_ PHANDLE TokenHandle);
FLTSIM_SERVICE(OpenProcessTokenEx, _In_ HANDLE ProcessHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ ULONG HandleAttributes, _Out_ PHANDLE TokenHandle);
FLTSIM_SERVICE(OpenThreadToken, _In_ HANDLE ThreadHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ BOOLEAN OpenAsSelf, _Out_ PHANDLE TokenHandle);
FLTSIM_SERVICE(OpenThreadTokenEx, _In_ HANDLE ThreadHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ BOOLEAN OpenAsSelf, _In_ ULONG HandleAttributes, _Out_ PHANDLE TokenHandle);
FLTSIM_SERVICE(DuplicateToken, _In_ HANDLE ExistingTokenHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes, _In_ BOOLEAN EffectiveOnly,
               _In_ TOKEN_TYPE TokenType, _Out_ PHANDLE NewTokenHandle);
FLTSIM_SERVICE(QueryInformationToken, _In_ HANDLE TokenHandle,
               _In_ TOKEN_INFORMATION_CLASS TokenInformationClass, _Out_opt_ PVOID TokenInformation,
               _In_ ULONG TokenInformationLength, _Out_ PULONG ReturnLength);
/* nf-ntifs-zwsetinformationtoken: PASSIVE_LEVEL. TokenOwner: the user or a group with SE_GROUP_OWNER, else
 * STATUS_INVALID_OWNER; TokenPrimaryGroup: the user or a group, else STATUS_INVALID_PRIMARY_GROUP; TokenDefaultDacl: copied
 * as it is, NULL for none; other classes: STATUS_INVALID_INFO_CLASS. Waits for those who hold SeLockSubjectContext. */
FLTSIM_SERVICE(SetInformationToken, _In_ HANDLE TokenHandle,
               _In_ TOKEN_INFORMATION_CLASS TokenInformationClass, _In_ PVOID TokenInformation,
               _In_ ULONG TokenInformationLength);
FLTSIM_SERVICE(AllocateLocallyUniqueId, _Out_ PLUID Luid);

// Dispatcher objects.
FLTSIM_SERVICE(CreateEvent, _Out_ PHANDLE EventHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_opt_ POBJECT_ATTRIBUTES ObjectAttributes, _In_ EVENT_TYPE EventType,
               _In_ BOOLEAN InitialState);
FLTSIM_SERVICE(OpenEvent, _Out_ PHANDLE EventHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
// Timers: in no page of today. PASSIVE_LEVEL; the handle is the caller's to close, and with the last one the timer ends.
// STATUS_INVALID_PARAMETER_4: no such TIMER_TYPE. A due time below 0 is relative; Period is in milliseconds, 0: once;
// PreviousState and CurrentState (may be NULL): whether the timer was, or is, signalled. The APC routine is called on the thread
// that set the timer, with the time at which it was due, each time it is; setting it again, cancelling it and closing its last
// handle forget a call that has not begun.
typedef VOID (*PTIMER_APC_ROUTINE)(_In_ PVOID TimerContext, _In_ ULONG TimerLowValue, _In_ LONG TimerHighValue);
FLTSIM_SERVICE(CreateTimer, _Out_ PHANDLE TimerHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_opt_ POBJECT_ATTRIBUTES ObjectAttributes, _In_ TIMER_TYPE TimerType);
FLTSIM_SERVICE(OpenTimer, _Out_ PHANDLE TimerHandle, _In_ ACCESS_MASK DesiredAccess,
               _In_ POBJECT_ATTRIBUTES ObjectAttributes);
FLTSIM_SERVICE(SetTimer, _In_ HANDLE TimerHandle, _In_ PLARGE_INTEGER DueTime,
               _In_opt_ PTIMER_APC_ROUTINE TimerApcRoutine, _In_opt_ PVOID TimerContext, _In_ BOOLEAN ResumeTimer,
               _In_opt_ LONG Period, _Out_opt_ PBOOLEAN PreviousState);
FLTSIM_SERVICE(CancelTimer, _In_ HANDLE TimerHandle, _Out_opt_ PBOOLEAN CurrentState);
FLTSIM_SERVICE(SetEvent, _In_ HANDLE EventHandle, _Out_opt_ PLONG PreviousState);
FLTSIM_SERVICE(ClearEvent, _In_ HANDLE EventHandle);
FLTSIM_SERVICE(WaitForSingleObject, _In_ HANDLE Handle, _In_ BOOLEAN Alertable,
               _In_opt_ PLARGE_INTEGER Timeout);
FLTSIM_SERVICE(WaitForMultipleObjects, _In_ ULONG Count, _In_ HANDLE Handles[],
               _In_ WAIT_TYPE WaitType, _In_ BOOLEAN Alertable, _In_opt_ PLARGE_INTEGER Timeout);

FLTSIM_WDK_END

#endif
