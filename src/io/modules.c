/* The kernel's modules. Drivers that are linked into one program share its image: the base and the size are the program's. */
#include "iop.h"

#include "ex/pool.h"
#include "io/system_information.h"
#include "plat/symbol.h"

#include <aux_klib.h>

#include <stdio.h>
#include <string.h>

static void Describe(struct iop_module_info *module, const char *folder, const char *name, const void *code)
{
    const UCHAR *base = plat_module_base(code);
    snprintf(module->path, sizeof module->path, "%s%s", folder, name);
    module->name_offset = (USHORT)strlen(folder);
    module->base = (PVOID)base;
    module->size = base ? (ULONG)((const UCHAR *)plat_module_end(base) - base) : 0;
}

static void DescribeDriver(struct iop_module_info *module, PDRIVER_OBJECT driver)
{
    PUNICODE_STRING service = &driver->DriverExtension->ServiceKeyName;
    char name[64];
    size_t length = service->Length / sizeof(WCHAR);
    length = length < sizeof name - 5 ? length : sizeof name - 5;
    for (size_t i = 0; i < length; i++)
        name[i] = service->Buffer[i] < 0x80 ? (char)service->Buffer[i] : '?';
    strcpy(name + length, ".sys");
    Describe(module, "\\SystemRoot\\System32\\drivers\\", name, (const void *)(ULONG_PTR)driver->DriverInit);
}

static ULONG CountDrivers(void)
{
    ULONG count = 0;
    for (PLIST_ENTRY link = io->drivers.Flink; link != &io->drivers; link = link->Flink)
        count++;
    return count;
}

/* References the drivers first: nothing is described with the lock held. */
static ULONG ReferenceDrivers(PDRIVER_OBJECT *drivers, ULONG most)
{
    ULONG count = 0;
    sched_lock(&io->lock);
    for (PLIST_ENTRY link = io->drivers.Flink; link != &io->drivers && count < most; link = link->Flink) {
        struct iop_driver *driver = CONTAINING_RECORD(link, struct iop_driver, link);
        if (driver->object.DriverInit && ObpReferenceSafe(&driver->object))
            drivers[count++] = &driver->object;
    }
    sched_unlock(&io->lock);
    return count;
}

struct iop_module_info *IopListModules(ULONG *count)
{
    sched_lock(&io->lock);
    ULONG most = CountDrivers();
    sched_unlock(&io->lock);
    PDRIVER_OBJECT *drivers = sim_alloc((most + 1) * sizeof *drivers);
    struct iop_module_info *modules = sim_alloc((most + 1) * sizeof *modules);
    ULONG found = ReferenceDrivers(drivers, most);

    Describe(&modules[0], "\\SystemRoot\\System32\\", "ntoskrnl.exe", (const void *)(ULONG_PTR)IopListModules);
    for (ULONG i = 0; i < found; i++) {
        DescribeDriver(&modules[i + 1], drivers[i]);
        ObpDereference(drivers[i]);
    }
    sim_free(drivers);
    *count = found + 1;
    return modules;
}

NTSTATUS IoQueryFullDriverPath(PDRIVER_OBJECT DriverObject, PUNICODE_STRING FullPath)
{
    API_ENTER(IoQueryFullDriverPath, DriverObject, SCHED_READ);
    struct iop_module_info module = {0};
    *FullPath = (UNICODE_STRING){0};
    if (DriverObject->Flags & DRVO_BUILTIN_DRIVER) /* it came from no file */
        return STATUS_NOT_FOUND;
    DescribeDriver(&module, DriverObject);
    USHORT length = (USHORT)(strlen(module.path) * sizeof(WCHAR));
    PWCH buffer = ExAllocatePoolWithTag(PagedPool, length, IOP_TAG);
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (USHORT i = 0; i < length / sizeof(WCHAR); i++)
        buffer[i] = (WCHAR)(UCHAR)module.path[i];
    ExpHandOut(buffer, VERIFY_CALLER);
    *FullPath = (UNICODE_STRING){length, length, buffer};
    return STATUS_SUCCESS;
}

/* -- the auxiliary library ------------------------------------------------------------------------------------ */

NTSTATUS AuxKlibInitialize(VOID)
{
    API_IRQL(AuxKlibInitialize);
    io->aux_klib = true;
    return STATUS_SUCCESS;
}

static void Put(PVOID to, ULONG size, const struct iop_module_info *module)
{
    AUX_MODULE_EXTENDED_INFO info = {
        .BasicInfo.ImageBase = module->base, .ImageSize = module->size, .FileNameOffset = module->name_offset};
    memcpy(info.FullPathName, module->path, sizeof info.FullPathName);
    memcpy(to, &info, size);
}

NTSTATUS AuxKlibQueryModuleInformation(PULONG BufferSize, ULONG ElementSize, PVOID QueryInfo)
{
    API_ENTER(AuxKlibQueryModuleInformation, NULL, SCHED_READ);
    ULONG count;
    if (!io->aux_klib)
        return STATUS_UNSUCCESSFUL;
    if (ElementSize != sizeof(AUX_MODULE_BASIC_INFO) && ElementSize != sizeof(AUX_MODULE_EXTENDED_INFO))
        return STATUS_INVALID_PARAMETER_2;
    struct iop_module_info *modules = IopListModules(&count);
    NTSTATUS status = QueryInfo && *BufferSize < count * ElementSize ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
    for (ULONG i = 0; QueryInfo && NT_SUCCESS(status) && i < count; i++)
        Put((PUCHAR)QueryInfo + i * ElementSize, ElementSize, &modules[i]);
    if (!QueryInfo)
        *BufferSize = count * ElementSize;
    sim_free(modules);
    return status;
}
