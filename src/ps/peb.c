/* A program's PEB: one page or two of its memory, made when somebody first asks for it. */
#include "ps/peb.h"

#include "ps/psp.h"


#include <string.h>

struct block {
    struct _PEB peb;
    struct psp_ldr ldr;
    struct psp_ldr_entry image;
    struct psp_parameters parameters;
    WCHAR text[];
};

static USHORT Copy(UNICODE_STRING from, WCHAR *to)
{
    memcpy(to, from.Buffer, from.Length);
    return from.Length / sizeof(WCHAR);
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

static void FillLoader(struct block *block, PVOID base, SIZE_T size)
{
    block->ldr.Length = sizeof block->ldr;
    block->ldr.Initialized = TRUE;
    block->image.DllBase = base;
    block->image.SizeOfImage = (ULONG)size;
    Link(&block->ldr.InLoadOrderModuleList, &block->image.InLoadOrderLinks);
    Link(&block->ldr.InMemoryOrderModuleList, &block->image.InMemoryOrderLinks);
    InitializeListHead(&block->ldr.InInitializationOrderModuleList);
    InitializeListHead(&block->image.InInitializationOrderLinks);
}

static void Fill(struct block *block, PEPROCESS process)
{
    PVOID base = PsGetProcessSectionBaseAddress(process);
    USHORT length = Copy(PspWin32Name(process), block->text), last = length;
    WCHAR *command = block->text + length + 1;
    USHORT command_length = Copy(process->command_line, command);

    while (last && block->text[last - 1] != '\\')
        last--;
    FillLoader(block, base, process->image_size ? process->image_size : PSP_IMAGE_SIZE);
    block->image.FullDllName = Text(block->text, length);
    block->image.BaseDllName = Text(block->text + last, (USHORT)(length - last));
    block->parameters.MaximumLength = block->parameters.Length = sizeof block->parameters;
    block->parameters.Flags = 1; /* its pointers are pointers */
    block->parameters.CurrentDirectory = Text(block->text, last);
    block->parameters.ImagePathName = Text(block->text, length);
    block->parameters.CommandLine = Text(command, command_length);
    block->peb.ImageBaseAddress = base;
    block->peb.Ldr = &block->ldr;
    block->peb.ProcessParameters = &block->parameters;
    PsGetVersion(&block->peb.OSMajorVersion, &block->peb.OSMinorVersion, NULL, NULL);
    block->peb.OSBuildNumber = 19045;
    block->peb.SessionId = process->session_id;
}

static struct block *Make(PEPROCESS process)
{
    SIZE_T size = sizeof(struct block) + process->open_name.Length + process->command_line.Length + 4 * sizeof(WCHAR);
    PVOID base;
    if (!NT_SUCCESS(PspAllocateIn(process, size, &base)))
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
