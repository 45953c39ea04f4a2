/* A program's PEB: one page or two of its memory, made when somebody first asks for it. */
#include "ps/peb.h"

#include "ps/psp.h"

#include "mm/mmp.h"

#include <string.h>

struct block {
    struct _PEB peb;
    struct psp_ldr ldr;
    struct psp_ldr_entry image;
    struct psp_parameters parameters;
    WCHAR text[];
};

/* "C:\dir\a.exe": the path as the program's own side knows it. */
static USHORT Win32Path(PEPROCESS process, WCHAR *to)
{
    const UNICODE_STRING *path = &process->image_path;
    USHORT length = 0;

    if (process->drive) {
        to[length++] = process->drive;
        to[length++] = ':';
    }
    for (USHORT i = process->drive_length; i < path->Length / sizeof(WCHAR); i++)
        to[length++] = path->Buffer[i];
    return length;
}

static UNICODE_STRING Text(WCHAR *text, USHORT characters)
{
    return (UNICODE_STRING){(USHORT)(characters * sizeof(WCHAR)), (USHORT)((characters + 1) * sizeof(WCHAR)), text};
}

static void Link(PLIST_ENTRY list, PLIST_ENTRY entry)
{
    InitializeListHead(list);
    InsertTailList(list, entry);
}

static void FillLoader(struct block *block, PVOID base)
{
    block->ldr.Length = sizeof block->ldr;
    block->ldr.Initialized = TRUE;
    block->image.DllBase = base;
    block->image.SizeOfImage = 0x10000;
    Link(&block->ldr.InLoadOrderModuleList, &block->image.InLoadOrderLinks);
    Link(&block->ldr.InMemoryOrderModuleList, &block->image.InMemoryOrderLinks);
    InitializeListHead(&block->ldr.InInitializationOrderModuleList);
    InitializeListHead(&block->image.InInitializationOrderLinks);
}

static void Fill(struct block *block, PEPROCESS process)
{
    PVOID base = PsGetProcessSectionBaseAddress(process);
    USHORT length = Win32Path(process, block->text), last = length;
    WCHAR *command = block->text + length + 1;

    while (last && block->text[last - 1] != '\\')
        last--;
    command[0] = '"';
    memcpy(command + 1, block->text, length * sizeof(WCHAR));
    command[length + 1] = '"';
    FillLoader(block, base);
    block->image.FullDllName = Text(block->text, length);
    block->image.BaseDllName = Text(block->text + last, (USHORT)(length - last));
    block->parameters.MaximumLength = block->parameters.Length = sizeof block->parameters;
    block->parameters.Flags = 1; /* its pointers are pointers */
    block->parameters.CurrentDirectory = Text(block->text, last);
    block->parameters.ImagePathName = Text(block->text, length);
    block->parameters.CommandLine = Text(command, (USHORT)(length + 2));
    block->peb.ImageBaseAddress = base;
    block->peb.Ldr = &block->ldr;
    block->peb.ProcessParameters = &block->parameters;
    PsGetVersion(&block->peb.OSMajorVersion, &block->peb.OSMinorVersion, NULL, NULL);
    block->peb.OSBuildNumber = 19045;
    block->peb.SessionId = process->session_id;
}

static struct block *Make(PEPROCESS process)
{
    SIZE_T size = sizeof(struct block) + 2 * (process->image_path.Length + 4 * sizeof(WCHAR));
    PVOID base = NULL;
    KAPC_STATE state;

    KeStackAttachProcess(process, &state);
    NTSTATUS status = ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    KeUnstackDetachProcess(&state);
    if (!NT_SUCCESS(status))
        return NULL;
    Fill(base, process);
    return base;
}

PPEB PsGetProcessPeb(PEPROCESS Process)
{
    if (Process->system || Process->exiting)
        return NULL;
    PPEB peb = __atomic_load_n(&Process->peb, __ATOMIC_ACQUIRE), none = NULL;
    if (peb)
        return peb;
    struct block *block = Make(Process);
    if (!block)
        return NULL;
    if (__atomic_compare_exchange_n(&Process->peb, &none, &block->peb, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return &block->peb;
    return none; /* somebody was faster; what was made goes with the process */
}
