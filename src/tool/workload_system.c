/* What the system does around programs: processes and images come and go, kernel components open files, transactions,
 * the registry, devices that may be removed, memory that gets short. */
#include "tool/workload.h"

#include <stdio.h>
#include <string.h>

static const struct fltsim_open read_write = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};

UNICODE_STRING workload_nt_path(struct workload *w, const char *name, WCHAR text[300])
{
    char path[300];
    USHORT length = 0;

    snprintf(path, sizeof path, "\\??\\%.290s", workload_path(w, name));
    for (; path[length]; length++)
        text[length] = (WCHAR)(unsigned char)path[length];
    return (UNICODE_STRING){.Length = (USHORT)(length * sizeof(WCHAR)), .MaximumLength = sizeof(WCHAR[300]), .Buffer = text};
}

/* ---- programs that start and end ---- */

static int in_a_process(void *argument)
{
    struct workload *w = argument;
    workload_close(w, workload_open(w, "by a new process", &read_write, STATUS_SUCCESS));
    return 0;
}

static void run_image(struct workload *w, const char *image)
{
    HANDLE section = NULL, file = workload_open(w, image, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_EXECUTE},
                                                STATUS_SUCCESS);
    char path[300];

    w->operations++;
    if (file && NT_SUCCESS(ZwCreateSection(&section, SECTION_MAP_READ | SECTION_MAP_EXECUTE, NULL, NULL, PAGE_EXECUTE,
                                           SEC_IMAGE, file)))
        ZwClose(section);
    workload_close(w, file);
    snprintf(path, sizeof path, "%s%s", w->root, image);
    struct fltsim_process *process = fltsim_process_create(path);
    if (!process)
        return;
    struct workload inner = *w;
    fltsim_thread_join(fltsim_thread_create(process, in_a_process, &inner));
    w->operations = inner.operations;
    fltsim_process_exit(process);
}

void workload_programs(struct workload *w)
{
    run_image(w, "\\Windows\\System32\\notepad.exe");
    run_image(w, "\\Windows\\win.ini"); /* not an image */
}

/* ---- other components of the kernel ---- */

static void open_as_kernel(struct workload *w, const char *name, ULONG options)
{
    WCHAR text[300];
    UNICODE_STRING path = workload_nt_path(w, name, text);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE file = NULL;
    char block[64] = "by the kernel";

    InitializeObjectAttributes(&attributes, &path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    NTSTATUS status = ZwCreateFile(&file, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &attributes, &iosb, NULL, 0,
                                   FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN_IF,
                                   FILE_SYNCHRONOUS_IO_NONALERT | options, NULL, 0);
    if (!workload_expect(w, "open by the kernel", status, STATUS_SUCCESS))
        return;
    if (!(options & FILE_DIRECTORY_FILE)) {
        LARGE_INTEGER start = {.QuadPart = 0};
        workload_expect(w, "write by the kernel",
                        ZwWriteFile(file, NULL, NULL, NULL, &iosb, block, sizeof block, &start, NULL), STATUS_SUCCESS);
        workload_expect(w, "read by the kernel",
                        ZwReadFile(file, NULL, NULL, NULL, &iosb, block, sizeof block, &start, NULL), STATUS_SUCCESS);
    }
    ZwClose(file);
}

/* As the file server reads: pages of the cache, by MDL. */
static void read_by_mdl(struct workload *w)
{
    HANDLE file = workload_open(w, "by mdl", &read_write, STATUS_SUCCESS);
    PFILE_OBJECT object;
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER start = {.QuadPart = 0};
    PMDL mdl = NULL;
    char block[5000] = {1};

    if (!file)
        return;
    workload_expect(w, "write", fltsim_write(file, block, sizeof block, 0, NULL), STATUS_SUCCESS);
    if (NT_SUCCESS(ObReferenceObjectByHandle(file, 0, NULL, KernelMode, (PVOID *)&object, NULL))) {
        PDEVICE_OBJECT device = IoGetRelatedDeviceObject(object);
        const FAST_IO_DISPATCH *fast = device->DriverObject->FastIoDispatch;
        w->operations++;
        if (fast && fast->MdlRead && fast->MdlRead(object, &start, 4096, 0, &mdl, &iosb, device))
            fast->MdlReadComplete(object, mdl, device);
        mdl = NULL;
        if (fast && fast->PrepareMdlWrite && fast->PrepareMdlWrite(object, &start, 4096, 0, &mdl, &iosb, device))
            fast->MdlWriteComplete(object, &start, mdl, device);
        ObDereferenceObject(object);
    }
    workload_close(w, file);
}

void workload_kernel(struct workload *w)
{
    open_as_kernel(w, "of the kernel", 0);
    open_as_kernel(w, "of the kernel", FILE_WRITE_THROUGH);
    open_as_kernel(w, "\\work", FILE_DIRECTORY_FILE);
    if (!w->scarce)
        read_by_mdl(w);
}

/* ---- transactions ---- */

/* As CreateFileTransacted does. */
static NTSTATUS open_in(struct workload *w, HANDLE transaction, const char *name, ACCESS_MASK access, HANDLE *file)
{
    WCHAR text[300];
    UNICODE_STRING path = workload_nt_path(w, name, text);
    TXN_PARAMETER_BLOCK parameters = {.Length = sizeof parameters, .TxFsContext = TXF_MINIVERSION_DEFAULT_VIEW};
    IO_DRIVER_CREATE_CONTEXT driver;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = ObReferenceObjectByHandle(transaction, 0, NULL, KernelMode, &parameters.TransactionObject, NULL);

    if (!NT_SUCCESS(status))
        return status;
    IoInitializeDriverCreateContext(&driver);
    driver.TxnParameters = &parameters;
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = IoCreateFileEx(file, access | SYNCHRONIZE, &attributes, &iosb, NULL, 0,
                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN_IF,
                            FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, CreateFileTypeNone, NULL, 0, &driver);
    ObDereferenceObject(parameters.TransactionObject);
    return status;
}

static void write_in(struct workload *w, HANDLE transaction, const char *name, bool remove)
{
    HANDLE file = NULL;
    NTSTATUS status = open_in(w, transaction, name, GENERIC_READ | GENERIC_WRITE | DELETE, &file);

    if (!workload_expect(w, "open in a transaction", status, STATUS_SUCCESS))
        return;
    workload_expect(w, "write in a transaction", fltsim_write(file, "transacted", 10, 0, NULL), STATUS_SUCCESS);
    if (remove)
        workload_expect(w, "delete in a transaction", fltsim_set_delete(file, true), STATUS_SUCCESS);
    workload_close(w, file);
}

void workload_write_in(struct workload *w, HANDLE transaction, const char *name)
{
    HANDLE file;
    w->operations += 3;
    if (!NT_SUCCESS(open_in(w, transaction, name, GENERIC_READ | GENERIC_WRITE | DELETE, &file)))
        return;
    fltsim_write(file, "transacted", 10, 0, NULL);
    fltsim_close(file);
}

HANDLE workload_begin_transaction(struct workload *w)
{
    HANDLE transaction = NULL;
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS status =
        ZwCreateTransaction(&transaction, TRANSACTION_ALL_ACCESS, &attributes, NULL, NULL, 0, 0, 0, NULL, NULL);
    return workload_expect(w, "make a transaction", status, STATUS_SUCCESS) ? transaction : NULL;
}

void workload_transact(struct workload *w)
{
    HANDLE transaction = w->is_ntfs ? workload_begin_transaction(w) : NULL;
    if (!transaction)
        return;
    write_in(w, transaction, "transacted", false);
    write_in(w, transaction, "transacted too", true);
    workload_expect(w, "commit", ZwCommitTransaction(transaction, TRUE), STATUS_SUCCESS);
    ZwClose(transaction);
}

enum { FOLLOWERS = 24 };

/* Writers of one file, one after the other, in transactions and without. Filters hear of a commit when they hear of it: the
 * next writer may be there first. */
void workload_follow(struct workload *w)
{
    for (unsigned i = 1; i <= FOLLOWERS && w->is_ntfs; i++) {
        HANDLE transaction = workload_begin_transaction(w);
        if (!transaction)
            return;
        write_in(w, transaction, "followed", false);
        fltsim_shuffle(i);
        workload_expect(w, "commit", ZwCommitTransaction(transaction, TRUE), STATUS_SUCCESS);
        fltsim_shuffle(0);
        if (i <= FOLLOWERS / 2) /* else the next one is in a transaction, too */
            workload_close(w, workload_open(w, "followed", &read_write, STATUS_SUCCESS));
        ZwClose(transaction);
    }
}

void workload_transactions(struct workload *w)
{
    for (int round = 0; round < 4 && w->is_ntfs; round++) {
        HANDLE transaction = workload_begin_transaction(w);
        if (!transaction)
            return;
        write_in(w, transaction, "transacted", false);
        write_in(w, transaction, "transacted too", round > 1);
        write_in(w, transaction, "transacted:stream", round > 1);
        write_in(w, transaction, "transacted", false);
        if (round % 2)
            workload_expect(w, "roll back", ZwRollbackTransaction(transaction, TRUE), STATUS_SUCCESS);
        else
            workload_expect(w, "commit", ZwCommitTransaction(transaction, TRUE), STATUS_SUCCESS);
        ZwClose(transaction);
        workload_close(w, workload_open(w, "transacted", &read_write, STATUS_SUCCESS));
    }
}

/* ---- the registry ---- */

void workload_registry(struct workload *w)
{
    UNICODE_STRING path = RTL_CONSTANT_STRING(u"\\Registry\\Machine\\SOFTWARE\\fltsim"), value = RTL_CONSTANT_STRING(u"Value");
    UNICODE_STRING below = RTL_CONSTANT_STRING(u"Below");
    _Alignas(8) char buffer[256];
    OBJECT_ATTRIBUTES attributes;
    HANDLE key, child;
    ULONG number = 1, length;

    w->operations += 8;
    InitializeObjectAttributes(&attributes, &path, OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (!NT_SUCCESS(ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, NULL)))
        return;
    ZwSetValueKey(key, &value, 0, REG_DWORD, &number, sizeof number);
    ZwQueryValueKey(key, &value, KeyValuePartialInformation, buffer, sizeof buffer, &length);
    ZwEnumerateValueKey(key, 0, KeyValueFullInformation, buffer, sizeof buffer, &length);
    InitializeObjectAttributes(&attributes, &below, OBJ_CASE_INSENSITIVE, key, NULL);
    if (NT_SUCCESS(ZwCreateKey(&child, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, NULL))) {
        ZwEnumerateKey(key, 0, KeyBasicInformation, buffer, sizeof buffer, &length);
        ZwDeleteKey(child);
        ZwClose(child);
    }
    ZwDeleteValueKey(key, &value);
    ZwDeleteKey(key);
    ZwClose(key);
}

/* ---- devices and memory ---- */

static void send(struct workload *w, UCHAR major, UCHAR minor)
{
    PDEVICE_OBJECT device = w->volume ? fltsim_volume_device(w->volume) : NULL;
    IO_STATUS_BLOCK iosb = {.Status = STATUS_NOT_SUPPORTED};
    KEVENT event;

    if (!device)
        return;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildSynchronousFsdRequest(major, device, NULL, 0, NULL, &event, &iosb);
    if (!irp)
        return;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    IoGetNextIrpStackLocation(irp)->MinorFunction = minor;
    w->operations++;
    if (IoCallDriver(device, irp) == STATUS_PENDING)
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
}

/* Somebody asks whether the device may go, and thinks better of it. */
void workload_devices(struct workload *w)
{
    HANDLE file = workload_open(w, "open while asked", &read_write, STATUS_SUCCESS);
    send(w, IRP_MJ_PNP, IRP_MN_QUERY_REMOVE_DEVICE);
    send(w, IRP_MJ_PNP, IRP_MN_CANCEL_REMOVE_DEVICE);
    send(w, IRP_MJ_PNP, IRP_MN_QUERY_DEVICE_RELATIONS);
    workload_close(w, file);
    send(w, IRP_MJ_PNP, IRP_MN_QUERY_REMOVE_DEVICE);
    send(w, IRP_MJ_PNP, IRP_MN_CANCEL_REMOVE_DEVICE);
}

/* What nobody has open goes from memory, and comes back. */
void workload_trim(struct workload *w)
{
    if (w->volume)
        fltsim_trim(w->volume);
    workload_close(w, workload_open(w, "\\Users\\alice\\letter.txt", NULL, STATUS_SUCCESS));
}
