/* The files of programs, which a test need not make: beneath all filters. */
#include "io/iop.h"
#include "ob/object.h"
#include "ps/psp.h"
#include "sim/machine.h"

struct place {
    PDEVICE_OBJECT disk;   /* referenced */
    PDEVICE_OBJECT bottom; /* the file system's */
    PVPB vpb;              /* referenced */
};

static NTSTATUS find(PCUNICODE_STRING name, struct place *place, PUNICODE_STRING rest)
{
    place->disk = sim_find_disk(name, rest);
    if (!place->disk)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    NTSTATUS status = IopMountVolume(place->disk, &place->vpb);
    if (NT_SUCCESS(status))
        place->bottom = place->vpb->DeviceObject;
    else
        ObpDereference(place->disk);
    return status;
}

static void leave(struct place *place)
{
    IopDereferenceVpb(place->vpb);
    ObpDereference(place->disk);
}

static NTSTATUS open_beneath(const struct place *place, PCUNICODE_STRING name, ULONG disposition, ULONG options,
                             ACCESS_MASK access, HANDLE *handle)
{
    OBJECT_ATTRIBUTES attributes;
    struct iop_open request = {
        .mode = KernelMode,
        .options = options | FILE_SYNCHRONOUS_IO_NONALERT,
        .attributes = FILE_ATTRIBUTE_NORMAL,
        .share = FILE_SHARE_VALID_FLAGS,
        .disposition = disposition,
        .access = access | SYNCHRONIZE,
        .hint = place->bottom,
    };

    InitializeObjectAttributes(&attributes, (PUNICODE_STRING)(ULONG_PTR)name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL,
                               NULL);
    return IopCreateFile(&request, &attributes, handle);
}

/* `name` up to each backslash of its rest but the first. */
static NTSTATUS make_folders(const struct place *place, PCUNICODE_STRING name, const UNICODE_STRING *rest)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (PWCH at = rest->Buffer + 1; at < rest->Buffer + rest->Length / sizeof(WCHAR) && NT_SUCCESS(status); at++) {
        UNICODE_STRING folder = *name;
        HANDLE handle;
        if (*at != '\\')
            continue;
        folder.Length = folder.MaximumLength = (USHORT)((PUCHAR)at - (PUCHAR)name->Buffer);
        status = open_beneath(place, &folder, FILE_OPEN_IF, FILE_DIRECTORY_FILE, FILE_READ_ATTRIBUTES, &handle);
        if (NT_SUCCESS(status))
            ZwClose(handle);
    }
    return status;
}

/* Not through the cache, which would keep a file object that no filter knows. */
static NTSTATUS make_file(const struct place *place, PCUNICODE_STRING name, bool wow64)
{
    static const LARGE_INTEGER start;
    _Alignas(4096) UCHAR bytes[PSP_IMAGE_SIZE];
    IO_STATUS_BLOCK iosb;
    HANDLE handle;

    NTSTATUS status = open_beneath(place, name, FILE_CREATE, FILE_NON_DIRECTORY_FILE | FILE_NO_INTERMEDIATE_BUFFERING,
                                   FILE_WRITE_DATA, &handle);
    if (!NT_SUCCESS(status))
        return status;
    PspFillImage(bytes, wow64);
    status = ZwWriteFile(handle, NULL, NULL, NULL, &iosb, bytes, sizeof bytes, (PLARGE_INTEGER)(ULONG_PTR)&start, NULL);
    ZwClose(handle);
    return status;
}

static bool is_missing(NTSTATUS status)
{
    return status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_PATH_NOT_FOUND;
}

/* Other failures are left to the open that follows. */
static NTSTATUS make_if_missing(const struct place *place, PCUNICODE_STRING name, const UNICODE_STRING *rest, bool wow64)
{
    HANDLE handle;
    NTSTATUS status = open_beneath(place, name, FILE_OPEN, 0, FILE_READ_ATTRIBUTES, &handle);
    if (NT_SUCCESS(status))
        ZwClose(handle);
    if (!is_missing(status))
        return STATUS_SUCCESS;
    status = make_folders(place, name, rest);
    return NT_SUCCESS(status) ? make_file(place, name, wow64) : status;
}

NTSTATUS sim_place_image(PCUNICODE_STRING name, bool wow64, bool *on_a_volume)
{
    struct place place = {0};
    UNICODE_STRING rest;
    NTSTATUS status = find(name, &place, &rest);

    *on_a_volume = place.disk != NULL;
    if (!NT_SUCCESS(status))
        return *on_a_volume ? status : STATUS_SUCCESS;
    status = make_if_missing(&place, name, &rest, wow64);
    leave(&place);
    return status;
}

PFILE_OBJECT sim_open_image(PCUNICODE_STRING name)
{
    struct place place = {0};
    UNICODE_STRING rest;
    PFILE_OBJECT file = NULL;
    HANDLE handle;

    if (!NT_SUCCESS(find(name, &place, &rest)))
        return NULL;
    NTSTATUS status = make_if_missing(&place, name, &rest, false);
    if (NT_SUCCESS(status))
        status = open_beneath(&place, name, FILE_OPEN, FILE_NON_DIRECTORY_FILE, FILE_EXECUTE | FILE_READ_DATA, &handle);
    if (NT_SUCCESS(status)) {
        ObpReferenceHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL);
        ZwClose(handle);
    }
    leave(&place);
    return file;
}
