/* The part of a program's process environment block that drivers look at, at its places in 64-bit Windows 10. */
#ifndef FLTSIM_PS_PEB_H
#define FLTSIM_PS_PEB_H

#include <ntifs.h>

struct psp_ldr_entry {
    LIST_ENTRY InLoadOrderLinks;
    LIST_ENTRY InMemoryOrderLinks;
    LIST_ENTRY InInitializationOrderLinks;
    PVOID DllBase;
    PVOID EntryPoint;
    ULONG SizeOfImage;
    UNICODE_STRING FullDllName;
    UNICODE_STRING BaseDllName;
};
C_ASSERT(FIELD_OFFSET(struct psp_ldr_entry, BaseDllName) == 0x58);

struct psp_ldr {
    ULONG Length;
    BOOLEAN Initialized;
    HANDLE SsHandle;
    LIST_ENTRY InLoadOrderModuleList;
    LIST_ENTRY InMemoryOrderModuleList;
    LIST_ENTRY InInitializationOrderModuleList;
};
C_ASSERT(FIELD_OFFSET(struct psp_ldr, InMemoryOrderModuleList) == 0x20);

struct psp_parameters {
    ULONG MaximumLength;
    ULONG Length;
    ULONG Flags;
    ULONG DebugFlags;
    HANDLE ConsoleHandle;
    ULONG ConsoleFlags;
    HANDLE Standard[3];
    UNICODE_STRING CurrentDirectory;
    HANDLE CurrentDirectoryHandle;
    UNICODE_STRING DllPath;
    UNICODE_STRING ImagePathName;
    UNICODE_STRING CommandLine;
    PVOID Environment;
};
C_ASSERT(FIELD_OFFSET(struct psp_parameters, ImagePathName) == 0x60);
C_ASSERT(FIELD_OFFSET(struct psp_parameters, CommandLine) == 0x70);

struct _PEB {
    BOOLEAN InheritedAddressSpace;
    BOOLEAN ReadImageFileExecOptions;
    BOOLEAN BeingDebugged;
    UCHAR BitField;
    PVOID Mutant;
    PVOID ImageBaseAddress;
    struct psp_ldr *Ldr;
    struct psp_parameters *ProcessParameters;
    UCHAR Unused1[0xf0];
    ULONG OSMajorVersion;
    ULONG OSMinorVersion;
    USHORT OSBuildNumber;
    UCHAR Unused2[0x19e];
    ULONG SessionId;
};
C_ASSERT(FIELD_OFFSET(struct _PEB, ProcessParameters) == 0x20);
C_ASSERT(FIELD_OFFSET(struct _PEB, OSMajorVersion) == 0x118);
C_ASSERT(FIELD_OFFSET(struct _PEB, SessionId) == 0x2c0);

/* The same of a thread's. */
struct _TEB {
    PVOID ExceptionList;
    PVOID StackBase, StackLimit; /* of its user-mode stack, which it has not */
    PVOID Unused1[3];
    struct _TEB *Self;
    PVOID EnvironmentPointer;
    CLIENT_ID ClientId;
    PVOID ActiveRpcHandle;
    PVOID ThreadLocalStoragePointer;
    struct _PEB *ProcessEnvironmentBlock;
    ULONG LastErrorValue;
};
C_ASSERT(FIELD_OFFSET(struct _TEB, Self) == 0x30);
C_ASSERT(FIELD_OFFSET(struct _TEB, ClientId) == 0x40);
C_ASSERT(FIELD_OFFSET(struct _TEB, ProcessEnvironmentBlock) == 0x60);

/* A 32-bit program's other PEB. */
struct psp_peb32 {
    BOOLEAN InheritedAddressSpace;
    BOOLEAN ReadImageFileExecOptions;
    BOOLEAN BeingDebugged;
    UCHAR BitField;
    ULONG Mutant, ImageBaseAddress, Ldr, ProcessParameters;
    UCHAR Unused1[0x90];
    ULONG OSMajorVersion;
    ULONG OSMinorVersion;
    USHORT OSBuildNumber;
    UCHAR Unused2[0x126];
    ULONG SessionId;
};
C_ASSERT(FIELD_OFFSET(struct psp_peb32, Ldr) == 0xc);
C_ASSERT(FIELD_OFFSET(struct psp_peb32, OSMajorVersion) == 0xa4);
C_ASSERT(FIELD_OFFSET(struct psp_peb32, SessionId) == 0x1d4);

#endif
