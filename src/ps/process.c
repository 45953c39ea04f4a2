#include "ps/psp.h"

#include "ke/kep.h"
#include "mm/mmp.h"
#include "ob/object.h"
#include "ps/quota.h"

#include <stdlib.h>
#include <string.h>

/* ---- the image's name -------------------------------------------------------------------------------------------------- */

static void SetImageName(PEPROCESS process, const char *image)
{
    const char *last = strrchr(image, '\\');
    last = last ? last + 1 : image;
    strncpy(process->image_name, last, sizeof process->image_name - 1);
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
    drive->device.Buffer = sim_alloc(target->Length);
    memcpy(drive->device.Buffer, target->Buffer, target->Length);
    drive->device.Length = target->Length;
    return false;
}

/* "C:\dir\a.exe" to "\Device\HarddiskVolume1\dir\a.exe"; other names stay. Characters beyond ASCII stay UTF-8 bytes
 * apart: image names are a test's own. */
static void SetImagePath(PEPROCESS process, const char *image)
{
    static const char first_volume[] = "\\Device\\HarddiskVolume1";
    struct drive drive = {0};
    bool drive_path = image[0] && image[1] == ':' && image[2] == '\\';
    const char *rest = drive_path ? image + 2 : image;

    if (drive_path) {
        drive.letter = (WCHAR)(image[0] & ~0x20);
        if (!sched_is_dead() && !process->system && process != psp->test && psp->test)
            ObpEachDosLink(FindDrive, &drive);
    }
    size_t prefix = drive.device.Buffer ? drive.device.Length / sizeof(WCHAR) : drive_path ? sizeof first_volume - 1 : 0;
    size_t length = prefix + strlen(rest);
    process->drive = drive.letter;
    process->drive_length = (USHORT)prefix;
    WCHAR *buffer = sim_alloc((length + 1) * sizeof *buffer);
    for (size_t i = 0; i < length; i++)
        buffer[i] = i >= prefix          ? (unsigned char)rest[i - prefix]
                    : drive.device.Buffer ? drive.device.Buffer[i]
                                          : (WCHAR)first_volume[i];
    if (drive.device.Buffer)
        sim_free(drive.device.Buffer);
    process->image_path = (UNICODE_STRING){(USHORT)(length * sizeof *buffer), (USHORT)((length + 1) * sizeof *buffer), buffer};
}

/* ---- creation and exit ------------------------------------------------------------------------------------------------- */

static NTSTATUS AskNotifyRoutines(PEPROCESS process, PEPROCESS parent, const char *image)
{
    char text[300] = "\\??\\";
    WCHAR wide[300];
    UNICODE_STRING name = {.Buffer = wide};
    PS_CREATE_NOTIFY_INFO info = {
        .Size = sizeof info,
        .ParentProcessId = parent->id,
        .CreatingThreadId = {.UniqueProcess = KiCurrentThread()->process->id, .UniqueThread = KiCurrentThread()->id},
        .ImageFileName = &name,
        .CommandLine = &name,
        .CreationStatus = STATUS_SUCCESS,
    };

    info.FileOpenNameAvailable = 1;
    strncat(text, image, sizeof text - 5);
    for (name.Length = 0; text[name.Length / sizeof(WCHAR)]; name.Length += sizeof(WCHAR))
        wide[name.Length / sizeof(WCHAR)] = (unsigned char)text[name.Length / sizeof(WCHAR)];
    name.MaximumLength = name.Length;
    PspNotifyProcess(process, &info);
    return info.CreationStatus;
}

static void NotifyMainImage(PEPROCESS process)
{
    IMAGE_INFO info = {.ImageBase = (PVOID)(ULONG_PTR)0x140000000, .ImageSize = 0x10000};
    PspNotifyImage(&process->image_path, process->id, &info);
}

NTSTATUS PspCreateProcess(const char *image, PEPROCESS parent, bool system, PEPROCESS *created)
{
    PEPROCESS process;
    bool announced = !system && psp->test;
    NTSTATUS status = ObpCreateObject(PspProcessType, sizeof *process, (PVOID *)&process);

    if (!NT_SUCCESS(status))
        return status;
    KiInitializeHeader(&process->Header, ProcessObject, 0);
    InitializeListHead(&process->threads);
    process->id = PspNextId();
    process->parent_id = parent ? parent->id : NULL;
    process->system = system;
    process->session_id = system ? 0 : 1;
    process->exit_status = STATUS_PENDING;
    process->create_time = KI_BOOT_TIME + sched_now();
    process->quota = PspMakeQuota();
    SetImageName(process, image);
    SetImagePath(process, image);
    process->ObjectTable = ObpCreateHandleTable(process);
    sched_lock(&psp->lock);
    InsertTailList(&psp->processes, &process->link);
    sched_unlock(&psp->lock);
    *created = process;
    if (!announced)
        return STATUS_SUCCESS;
    status = AskNotifyRoutines(process, parent, image);
    if (NT_SUCCESS(status)) {
        NotifyMainImage(process);
        return STATUS_SUCCESS;
    }
    PspExitProcess(process, status);
    ObpDereference(process);
    *created = NULL;
    return status;
}

static bool WasAnnounced(PEPROCESS process) { return process != psp->system && process != psp->test; }

void PspExitProcess(PEPROCESS process, NTSTATUS status)
{
    KAPC_STATE state;

    if (__atomic_exchange_n(&process->completing, true, __ATOMIC_ACQ_REL))
        return;
    process->exiting = true;
    if (WasAnnounced(process)) {
        KeStackAttachProcess(process, &state);
        PspNotifyProcess(process, NULL);
        MiUnmapProcess(process);
        ObpCloseHandleTable(process->ObjectTable);
        process->ObjectTable = NULL;
        KeUnstackDetachProcess(&state);
    }
    if (!process->terminated)
        process->exit_status = status;
    process->exit_time = KI_BOOT_TIME + sched_now();
    process->exited = true;
    sched_lock(&psp->lock);
    RemoveEntryList(&process->link);
    InitializeListHead(&process->link);
    sched_unlock(&psp->lock);
    KiSignalForGood(&process->Header);
}

PEPROCESS PspEnterSystem(void)
{
    PKTHREAD thread = KiCurrentThread();
    PEPROCESS before = thread->process;

    thread->process = psp->system;
    return before;
}

void PspLeaveSystem(PEPROCESS before) { KiCurrentThread()->process = before; }

void PspDeleteProcess(PVOID object)
{
    PEPROCESS process = object;
    if (PspProcessGone)
        PspProcessGone(process);
    PspDropQuota(process->quota);
    sim_free(process->image_path.Buffer);
}
