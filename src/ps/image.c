/* The image of a process: its names, its open file, its place in memory. */
#include "ps/psp.h"

#include "ke/kep.h"
#include "mm/mmp.h"
#include "ob/object.h"
#include "sim/service.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------------------------------------------- */

static const WCHAR dos_prefix[] = {'\\', '?', '?', '\\'};
enum { DOS_PREFIX = sizeof dos_prefix / sizeof *dos_prefix };

static UNICODE_STRING Join(const void *head, size_t head_bytes, PCUNICODE_STRING tail)
{
    USHORT bytes = (USHORT)(head_bytes + tail->Length);
    UNICODE_STRING whole = {bytes, (USHORT)(bytes + sizeof(WCHAR)), sim_alloc(bytes + sizeof(WCHAR))};
    if (head_bytes)
        memcpy(whole.Buffer, head, head_bytes);
    if (tail->Length)
        memcpy((PCHAR)whole.Buffer + head_bytes, tail->Buffer, tail->Length);
    return whole;
}

static UNICODE_STRING OpenName(const char *image)
{
    UNICODE_STRING given = sim_unicode(image);
    UNICODE_STRING name = Join(dos_prefix, *image == '\\' ? 0 : sizeof dos_prefix, &given);
    sim_free(given.Buffer);
    return name;
}

UNICODE_STRING PspWin32Name(PEPROCESS process)
{
    UNICODE_STRING name = process->open_name;
    if (name.Length >= sizeof dos_prefix && !memcmp(name.Buffer, dos_prefix, sizeof dos_prefix)) {
        name.Buffer += DOS_PREFIX;
        name.Length = name.MaximumLength = (USHORT)(name.Length - sizeof dos_prefix);
    }
    return name;
}

struct drive {
    WCHAR letter;
    UNICODE_STRING device; /* sim_alloc */
};

static bool FindDrive(PCUNICODE_STRING name, PCUNICODE_STRING target, void *context)
{
    struct drive *drive = context;
    if (name->Length != 2 * sizeof(WCHAR) || name->Buffer[1] != ':' || (name->Buffer[0] & ~0x20) != drive->letter)
        return true;
    drive->device = Join(target->Buffer, target->Length, &(UNICODE_STRING){0});
    return false;
}

/* "C:\dir\a.exe" to "\Device\HarddiskVolume1\dir\a.exe", where the drive is or, without one, would be; other names stay. */
static UNICODE_STRING DevicePath(PEPROCESS process, UNICODE_STRING path)
{
    static const WCHAR first_volume[] = u"\\Device\\HarddiskVolume1";
    struct drive drive = {0};

    if (path.Length < 3 * sizeof(WCHAR) || path.Buffer[1] != ':' || path.Buffer[2] != '\\')
        return Join(NULL, 0, &path);
    drive.letter = path.Buffer[0] & ~0x20;
    if (psp->test) /* the first two processes are there before any drive */
        ObpEachDosLink(FindDrive, &drive);
    path.Buffer += 2;
    path.Length = (USHORT)(path.Length - 2 * sizeof(WCHAR));
    UNICODE_STRING whole = drive.device.Buffer ? Join(drive.device.Buffer, drive.device.Length, &path)
                                               : Join(first_volume, sizeof first_volume - sizeof(WCHAR), &path);
    sim_free(drive.device.Buffer);
    return whole;
}

static UNICODE_STRING CommandLine(PEPROCESS process, const char *given)
{
    static const WCHAR quote[] = {'"'};
    if (given)
        return sim_unicode(given);
    UNICODE_STRING name = PspWin32Name(process);
    UNICODE_STRING begun = Join(quote, sizeof quote, &name);
    UNICODE_STRING whole = Join(begun.Buffer, begun.Length, &(UNICODE_STRING){sizeof quote, sizeof quote, (PWCH)quote});
    sim_free(begun.Buffer);
    return whole;
}

void PspNameImage(PEPROCESS process, const struct psp_new_process *options)
{
    const char *last = strrchr(options->image, '\\');
    strncpy(process->image_name, last ? last + 1 : options->image, sizeof process->image_name - 1);
    process->open_name = OpenName(options->image);
    process->image_path = DevicePath(process, PspWin32Name(process));
    process->command_line = CommandLine(process, options->command_line);
}

/* ---- the file ---------------------------------------------------------------------------------------------------------- */

static void EnterGate(void)
{
    static const struct ki_wait_hint hint = {.what = "another process's image file"};
    KiWaitFor(&psp->image_gate, NULL, &hint, VERIFY_CALLER);
}

static void LeaveGate(void) { KiSetEvent(&psp->image_gate); }

static NTSTATUS OpenFile(PCUNICODE_STRING name, struct psp_image *image)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;

    InitializeObjectAttributes(&attributes, (PUNICODE_STRING)(ULONG_PTR)name,
                               OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE | OBJ_FORCE_ACCESS_CHECK, NULL, NULL);
    NTSTATUS status = ZwOpenFile(&image->handle, FILE_EXECUTE | FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                                 &attributes, &iosb, FILE_SHARE_READ | FILE_SHARE_DELETE,
                                 FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE);
    if (NT_SUCCESS(status))
        status = ObpReferenceHandle(image->handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&image->file, NULL);
    return status;
}

NTSTATUS PspOpenImage(PCUNICODE_STRING open_name, bool wow64, struct psp_image *image)
{
    bool on_a_volume;

    EnterGate();
    NTSTATUS status = sim_place_image(open_name, wow64, &on_a_volume);
    LeaveGate();
    if (!NT_SUCCESS(status) || !on_a_volume)
        return status;
    status = OpenFile(open_name, image);
    if (NT_SUCCESS(status))
        status = MiCreateSection(image->file, KernelMode, NULL, PAGE_EXECUTE, SEC_IMAGE, &image->section);
    if (!NT_SUCCESS(status))
        PspCloseImage(image);
    return status;
}

void PspCloseImage(struct psp_image *image)
{
    if (image->section)
        ObpDereference(image->section);
    if (image->file)
        ObpDereference(image->file);
    if (image->handle)
        ZwClose(image->handle);
    *image = (struct psp_image){0};
}

/* What the file system calls it: a filter, or a link, may have led the open elsewhere. */
static void TakeName(PEPROCESS process, PFILE_OBJECT file)
{
    ULONG size = 600;
    NTSTATUS status;

    do {
        POBJECT_NAME_INFORMATION info = sim_alloc(size);
        ULONG given = size;
        status = ObQueryNameString(file, info, given, &size);
        if (NT_SUCCESS(status)) {
            sim_free(process->image_path.Buffer);
            process->image_path = Join(NULL, 0, &info->Name);
        }
        sim_free(info);
        if (size <= given)
            break;
    } while (!NT_SUCCESS(status));
}

NTSTATUS PspTakeImage(PEPROCESS process, struct psp_image *image)
{
    if (!image->file)
        return STATUS_SUCCESS;
    NTSTATUS status = MiMapView(image->section, process, &process->image_base, 0, &process->image_size, 0,
                                PAGE_EXECUTE_WRITECOPY, false);
    if (!NT_SUCCESS(status))
        return status;
    process->image_file = image->file;
    image->file = NULL;
    TakeName(process, process->image_file);
    return PspPrepareWow64(process);
}

static PFILE_OBJECT Reference(PEPROCESS process)
{
    sched_lock(&psp->lock);
    PFILE_OBJECT file = process->image_file;
    if (file)
        ObpReference(file);
    sched_unlock(&psp->lock);
    return file;
}

static void OpenLate(PEPROCESS process)
{
    EnterGate();
    PFILE_OBJECT none = Reference(process), file = none ? NULL : sim_open_image(&process->open_name);
    LeaveGate();
    if (none)
        ObpDereference(none);
    sched_lock(&psp->lock);
    if (!process->image_file && !__atomic_load_n(&process->completing, __ATOMIC_ACQUIRE)) {
        process->image_file = file;
        file = NULL;
    }
    sched_unlock(&psp->lock);
    if (file)
        ObpDereference(file);
}

/* test.exe, and what was started before its volume was mounted, had their files open before any filter was there: they
 * are opened beneath the filters, when somebody asks. */
PFILE_OBJECT PspReferenceImage(PEPROCESS process)
{
    PKTHREAD thread = KiCurrentThread();
    PFILE_OBJECT file = Reference(process);
    bool may_open = thread->irql == PASSIVE_LEVEL && !thread->special_apc_disable;
    if (file || process->system || !may_open || __atomic_load_n(&process->completing, __ATOMIC_ACQUIRE))
        return file;
    OpenLate(process);
    return Reference(process);
}

void PspReleaseImage(PEPROCESS process)
{
    sched_lock(&psp->lock);
    PFILE_OBJECT file = process->image_file;
    process->image_file = NULL;
    sched_unlock(&psp->lock);
    if (file)
        ObpDereference(file);
}

void PspReleaseImages(void)
{
    PEPROCESS process;
    do {
        process = NULL;
        sched_lock(&psp->lock);
        for (PLIST_ENTRY entry = psp->processes.Flink; entry != &psp->processes && !process; entry = entry->Flink) {
            PEPROCESS each = CONTAINING_RECORD(entry, struct _KPROCESS, link);
            if (each->image_file && ObpReferenceSafe(each))
                process = each;
        }
        sched_unlock(&psp->lock);
        if (process) {
            PspReleaseImage(process);
            ObpDereference(process);
        }
    } while (process);
}

NTSTATUS PsReferenceProcessFilePointer(PEPROCESS Process, PVOID *FileObject)
{
    API_ENTER(PsReferenceProcessFilePointer, Process, SCHED_READ);
    PFILE_OBJECT file = PspReferenceImage(Process);
    if (!file)
        return STATUS_UNSUCCESSFUL;
    verify_ledger_add(&ObpHeader(file)->ledger, "referenced as a process's image", atomic_load(&ObpHeader(file)->pointer_count),
                      VERIFY_CALLER);
    *FileObject = file;
    return STATUS_SUCCESS;
}

/* ---- in memory --------------------------------------------------------------------------------------------------------- */

/* In the context of the new process, as its first thread does it. */
void PspNotifyMainImage(PEPROCESS process)
{
    PKTHREAD thread = KiCurrentThread();
    PEPROCESS before = thread->process;
    PFILE_OBJECT file = Reference(process);
    IMAGE_INFO_EX info = {
        .Size = sizeof info,
        .ImageInfo = {.ImageAddressingMode = IMAGE_ADDRESSING_MODE_32BIT,
                      .ExtendedInfoPresent = file != NULL,
                      .ImageBase = PsGetProcessSectionBaseAddress(process),
                      .ImageSize = process->image_size ? process->image_size : PSP_IMAGE_SIZE},
        .FileObject = file,
    };

    thread->process = process;
    PspNotifyImage(&process->image_path, process->id, &info.ImageInfo);
    thread->process = before;
    if (file)
        ObpDereference(file);
    PspFinishTermination(process);
}

static PVOID MakeCopy(PEPROCESS process)
{
    PVOID base;
    if (!NT_SUCCESS(PspAllocateIn(process, PSP_IMAGE_SIZE, &base)))
        return NULL;
    PspFillImage(base, false);
    return base;
}

/* Where no file is mapped, what it would be is shown: whoever looks reads a program's headers. */
PVOID PsGetProcessSectionBaseAddress(PEPROCESS Process)
{
    PVOID base = __atomic_load_n(&Process->image_base, __ATOMIC_ACQUIRE), none = NULL;

    if (base || Process->system || Process->exiting || KeGetCurrentIrql() > PASSIVE_LEVEL)
        return base;
    base = MakeCopy(Process);
    if (base && !__atomic_compare_exchange_n(&Process->image_base, &none, base, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return none; /* somebody was faster; what was made goes with the process */
    return base;
}
