#include "mm/mmp.h"

#include "fault/fault.h"
#include "ob/object.h"
#include "plat/pages.h"

#include <string.h>

#define MI_LARGE_PAGE 0x200000
#define MI_LARGEST ((LONGLONG)1 << 46)
enum { MI_WRITE_PROTECTIONS = PAGE_READWRITE | PAGE_EXECUTE_READWRITE };

/* -- checks ------------------------------------------------------------------------------------ */

static bool is_protection(ULONG protection)
{
    switch (protection & ~(ULONG)(PAGE_GUARD | PAGE_NOCACHE | PAGE_WRITECOMBINE)) {
    case PAGE_READONLY:
    case PAGE_READWRITE:
    case PAGE_WRITECOPY:
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE:
    case PAGE_EXECUTE_WRITECOPY:
        return true;
    default:
        return false;
    }
}

static NTSTATUS check_attributes(ULONG attributes, bool with_file)
{
    ULONG kinds = attributes & (SEC_IMAGE | SEC_RESERVE | SEC_COMMIT);
    if (kinds == 0 || (kinds & (kinds - 1)) != 0)
        return STATUS_INVALID_PARAMETER_6;
    if (attributes & SEC_IMAGE && attributes & ~(ULONG)(SEC_IMAGE | SEC_NO_CHANGE | SEC_FILE))
        return STATUS_INVALID_PARAMETER_6;
    if (!with_file && attributes & SEC_IMAGE)
        return STATUS_INVALID_FILE_FOR_SECTION;
    return attributes & SEC_LARGE_PAGES && with_file ? STATUS_INVALID_PARAMETER_6 : STATUS_SUCCESS;
}

static ACCESS_MASK access_for(ULONG protection)
{
    switch (protection & 0xff) {
    case PAGE_READWRITE:
        return FILE_READ_DATA | FILE_WRITE_DATA;
    case PAGE_EXECUTE:
        return FILE_EXECUTE;
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_WRITECOPY:
        return FILE_EXECUTE | FILE_READ_DATA;
    case PAGE_EXECUTE_READWRITE:
        return FILE_EXECUTE | FILE_READ_DATA | FILE_WRITE_DATA;
    default:
        return FILE_READ_DATA;
    }
}

/* -- making ------------------------------------------------------------------------------------ */

/* The file's size and the section's, which may extend the file. */
static NTSTATUS settle_size(PFILE_OBJECT file, PLARGE_INTEGER wanted, ULONG protection,
                            ULONG attributes, LONGLONG *size)
{
    LARGE_INTEGER end;
    NTSTATUS status = FsRtlGetFileSize(file, &end);
    if (status == STATUS_FILE_IS_A_DIRECTORY || status == STATUS_INVALID_PARAMETER)
        return STATUS_INVALID_FILE_FOR_SECTION;
    if (!NT_SUCCESS(status))
        return status;
    if (wanted && wanted->QuadPart < 0)
        return STATUS_SECTION_TOO_BIG;
    *size = wanted && wanted->QuadPart && !(attributes & SEC_IMAGE) ? wanted->QuadPart : end.QuadPart;
    if (*size == 0)
        return attributes & SEC_IMAGE ? STATUS_INVALID_FILE_FOR_SECTION
                                      : STATUS_MAPPED_FILE_SIZE_ZERO;
    if (*size <= end.QuadPart)
        return STATUS_SUCCESS;
    if (!((protection & 0xff) & MI_WRITE_PROTECTIONS))
        return STATUS_SECTION_TOO_BIG;
    FILE_END_OF_FILE_INFORMATION info = {.EndOfFile.QuadPart = *size};
    return IoSetInformation(file, FileEndOfFileInformation, sizeof info, &info);
}

/* An image is read from the disk: what the cache holds goes there first. */
static NTSTATUS write_data_back(PFILE_OBJECT file)
{
    ULONG_PTR written = 0;
    NTSTATUS status = STATUS_SUCCESS;
    struct mi_control_area *data = MiFindControlArea(file->SectionObjectPointer, false);
    if (data) {
        status = MiFlush(data, 0, data->pages, &written);
        MiDereference(data);
    }
    return status;
}

static NTSTATUS check_image(struct mi_control_area *area)
{
    NTSTATUS status = MiFault(area, 0, 1);
    if (NT_SUCCESS(status) && (area->base[0] != 'M' || area->base[1] != 'Z'))
        return STATUS_INVALID_IMAGE_NOT_MZ;
    return status;
}

static NTSTATUS attach_area(struct mi_section *section, PFILE_OBJECT file, PLARGE_INTEGER wanted)
{
    bool image = (section->attributes & SEC_IMAGE) != 0;
    NTSTATUS status =
        settle_size(file, wanted, section->protection, section->attributes, &section->size);
    if (NT_SUCCESS(status) && image)
        status = write_data_back(file);
    if (!NT_SUCCESS(status))
        return status;
    struct mi_control_area *area = MiGetControlArea(file, image, section->size);
    if (!area)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (MiPageAfter(section->size) > area->pages) {
        MiQueueWork(area);
        MiDereference(area);
        return STATUS_SECTION_TOO_BIG;
    }
    atomic_fetch_add(&area->sections, 1);
    section->area = area;
    return image ? check_image(area) : STATUS_SUCCESS;
}

/* Of memory without a file. */
static NTSTATUS check_size(LONGLONG size, ULONG attributes)
{
    if (size < 0 || size > MI_LARGEST)
        return STATUS_SECTION_TOO_BIG;
    if (size == 0 || (attributes & SEC_LARGE_PAGES && size % MI_LARGE_PAGE))
        return STATUS_INVALID_PARAMETER_4;
    return STATUS_SUCCESS;
}

NTSTATUS MiCreateSection(PFILE_OBJECT file, KPROCESSOR_MODE mode, PLARGE_INTEGER size,
                         ULONG protection, ULONG attributes, struct mi_section **result)
{
    struct mi_section *section = NULL;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = ObpCreateObject(mm->section_type, sizeof *section, (PVOID *)&section);
    if (!NT_SUCCESS(status))
        return status;
    section->protection = protection;
    section->attributes = attributes;
    section->user = mode != KernelMode;
    if (!file) {
        status = check_size(size ? size->QuadPart : 0, attributes);
        if (NT_SUCCESS(status)) {
            section->size = (size->QuadPart + MI_PAGE - 1) & ~(LONGLONG)(MI_PAGE - 1);
            section->memory = plat_pages_alloc((size_t)section->size, PLAT_READ_WRITE);
            status = section->memory ? STATUS_SUCCESS : STATUS_COMMITMENT_LIMIT;
        }
    } else if (!file->SectionObjectPointer) {
        status = STATUS_INVALID_FILE_FOR_SECTION;
    } else {
        PIRP top = IoGetTopLevelIrp();
        status = FsRtlAcquireToCreateMappedSection(file, protection);
        if (NT_SUCCESS(status)) {
            if (!top)
                IoSetTopLevelIrp((PIRP)FSRTL_FSP_TOP_LEVEL_IRP);
            /* An open that is undone gives its sections away once it has had the same lock. */
            status = __atomic_load_n(&file->Flags, __ATOMIC_RELAXED) & FO_FILE_OPEN_CANCELLED
                         ? STATUS_FILE_CLOSED
                         : attach_area(section, file, size);
            IoSetTopLevelIrp(top);
            FsRtlReleaseFile(file);
        } else if (status != STATUS_INSUFFICIENT_RESOURCES && !file->FsContext) {
            status = STATUS_INVALID_FILE_FOR_SECTION;
        }
    }
    if (NT_SUCCESS(status))
        *result = section;
    else
        ObpDereference(section);
    return status;
}

void MiDeleteSection(PVOID object)
{
    struct mi_section *section = object;
    if (section->memory)
        plat_pages_free(section->memory, (size_t)section->size);
    struct mi_control_area *area = section->area;
    if (!area)
        return;
    atomic_fetch_sub(&area->sections, 1);
    MiQueueWork(area);
    MiDereference(area);
}

/* -- the services ------------------------------------------------------------------------------ */

static NTSTATUS create_section(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES names,
                               PLARGE_INTEGER size, ULONG protection, ULONG attributes,
                               HANDLE file_handle, PFILE_OBJECT file, const void *site)
{
    KPROCESSOR_MODE mode = ExGetPreviousMode();
    struct mi_section *section;
    NTSTATUS status = check_attributes(attributes, file_handle || file);
    if (!NT_SUCCESS(status))
        return status;
    if (!is_protection(protection))
        return STATUS_INVALID_PAGE_PROTECTION;
    if (file)
        ObpReference(file);
    else if (file_handle)
        status = ObpReferenceHandle(file_handle, access_for(protection), *IoFileObjectType,
                                    (CCHAR)mode, (PVOID *)&file, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = MiCreateSection(file, mode, size, protection, attributes, &section);
    if (file)
        ObpDereference(file);
    if (!NT_SUCCESS(status))
        return status;
    if (mode == UserMode)
        site = NULL; /* a program's handles are its own affair */
    return ObpInsertObject(section, names, (CCHAR)mode, access, site, handle);
}

NTSTATUS NtCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                         POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
                         ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle)
{
    API_ENTER(NtCreateSection, FileHandle, SCHED_WRITE);
    return create_section(SectionHandle, DesiredAccess, ObjectAttributes, MaximumSize,
                          SectionPageProtection, AllocationAttributes, FileHandle, NULL,
                          VERIFY_CALLER);
}

static KPROCESSOR_MODE enter_kernel(void)
{
    struct _KTHREAD *thread = KiCurrentThread();
    KPROCESSOR_MODE previous = thread->previous_mode;
    thread->previous_mode = KernelMode;
    return previous;
}

static void leave_kernel(KPROCESSOR_MODE previous)
{
    KiCurrentThread()->previous_mode = previous;
}

NTSTATUS ZwCreateSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                         POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
                         ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle)
{
    API_ENTER(ZwCreateSection, FileHandle, SCHED_WRITE);
    KPROCESSOR_MODE previous = enter_kernel();
    NTSTATUS status = create_section(SectionHandle, DesiredAccess, ObjectAttributes, MaximumSize,
                                     SectionPageProtection, AllocationAttributes, FileHandle, NULL,
                                     VERIFY_CALLER);
    leave_kernel(previous);
    return status;
}

NTSTATUS NtOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                       POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(NtOpenSection, ObjectAttributes, SCHED_READ);
    return ObpOpenByName(ObjectAttributes, mm->section_type, (CCHAR)ExGetPreviousMode(),
                         DesiredAccess, NULL, VERIFY_CALLER, SectionHandle);
}

NTSTATUS ZwOpenSection(PHANDLE SectionHandle, ACCESS_MASK DesiredAccess,
                       POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(ZwOpenSection, ObjectAttributes, SCHED_READ);
    return ObpOpenByName(ObjectAttributes, mm->section_type, KernelMode, DesiredAccess, NULL,
                         VERIFY_CALLER, SectionHandle);
}

NTSTATUS MiCreateSectionForDataScan(PHANDLE SectionHandle, PVOID *SectionObject,
                                    PLARGE_INTEGER SectionFileSize, PFILE_OBJECT FileObject,
                                    ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection,
                                    ULONG AllocationAttributes, ULONG Flags, const void *site)
{
    struct mi_section *section;
    if (Flags != 0)
        return STATUS_INVALID_PARAMETER_10;
    if (SectionPageProtection != PAGE_READONLY && SectionPageProtection != PAGE_READWRITE)
        return STATUS_INVALID_PARAMETER_8;
    if (!NT_SUCCESS(check_attributes(AllocationAttributes, true)) ||
        !(AllocationAttributes & SEC_COMMIT))
        return STATUS_INVALID_PARAMETER_9;
    NTSTATUS status = MiCreateSection(FileObject, KernelMode, MaximumSize, SectionPageProtection,
                                      AllocationAttributes, &section);
    if (status == STATUS_MAPPED_FILE_SIZE_ZERO)
        status = STATUS_END_OF_FILE;
    if (!NT_SUCCESS(status))
        return status;
    if (SectionFileSize)
        SectionFileSize->QuadPart = section->size;
    ObpReference(section);
    status = ObpInsertObject(section, ObjectAttributes, KernelMode, DesiredAccess, site,
                             SectionHandle);
    if (!NT_SUCCESS(status)) {
        ObpDereference(section);
        return status;
    }
    verify_ledger_add(&ObpHeader(section)->ledger, "made for a data scan by", 2, site);
    *SectionObject = section;
    return status;
}

NTSTATUS FsRtlCreateSectionForDataScan(PHANDLE SectionHandle, PVOID *SectionObject,
                                       PLARGE_INTEGER SectionFileSize, PFILE_OBJECT FileObject,
                                       ACCESS_MASK DesiredAccess,
                                       POBJECT_ATTRIBUTES ObjectAttributes,
                                       PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection,
                                       ULONG AllocationAttributes, ULONG Flags)
{
    API_ENTER(FsRtlCreateSectionForDataScan, FileObject, SCHED_WRITE);
    return MiCreateSectionForDataScan(SectionHandle, SectionObject, SectionFileSize, FileObject,
                                      DesiredAccess, ObjectAttributes, MaximumSize,
                                      SectionPageProtection, AllocationAttributes, Flags,
                                      VERIFY_CALLER);
}

NTSTATUS MmCreateSection(PVOID *SectionObject, ACCESS_MASK DesiredAccess,
                         POBJECT_ATTRIBUTES ObjectAttributes, PLARGE_INTEGER MaximumSize,
                         ULONG SectionPageProtection, ULONG AllocationAttributes, HANDLE FileHandle,
                         PFILE_OBJECT File)
{
    API_ENTER(MmCreateSection, File, SCHED_WRITE);
    struct mi_section *section;
    PFILE_OBJECT file = File;
    NTSTATUS status = check_attributes(AllocationAttributes, FileHandle || File);
    if (NT_SUCCESS(status) && !is_protection(SectionPageProtection))
        status = STATUS_INVALID_PAGE_PROTECTION;
    if (NT_SUCCESS(status) && !file && FileHandle)
        status =
            ObpReferenceHandle(FileHandle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = MiCreateSection(file, KernelMode, MaximumSize, SectionPageProtection,
                             AllocationAttributes, &section);
    if (file && !File)
        ObpDereference(file);
    if (NT_SUCCESS(status))
        *SectionObject = section;
    return status;
}
