/* Many threads at once: files, cancels, mounts and dismounts. What must hold: nothing is lost, nothing is reported. */
#include "stub.h"

#include <string.h>

static int Setup(void **state)
{
    if (machine)
        fltsim_stop(NULL);
    return fltsim_start(NULL) ? 0 : -1;
}

static int Teardown(void **state) { return (int)fltsim_stop(NULL); }

static bool Allowed(NTSTATUS status)
{
    static const NTSTATUS allowed[] = {
        STATUS_SUCCESS,           STATUS_VOLUME_DISMOUNTED,     STATUS_OBJECT_PATH_NOT_FOUND, STATUS_NO_SUCH_DEVICE,
        STATUS_UNRECOGNIZED_VOLUME, STATUS_DELETE_PENDING, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_END_OF_FILE,
        STATUS_FILE_INVALID,      STATUS_WRONG_VOLUME,          STATUS_SHARING_VIOLATION,     STATUS_ACCESS_DENIED,
        STATUS_OBJECT_NAME_COLLISION,
    };
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (status == allowed[i])
            return true;
    print_error("status 0x%08x\n", (unsigned)status);
    return false;
}

static int UseFiles(void *argument)
{
    char path[32], buffer[600] = {0};
    int bad = 0;
    for (int i = 0; i < 150; i++) {
        HANDLE handle;
        snprintf(path, sizeof path, "Q:\\%d.txt", (i + (int)(intptr_t)argument) % 3);
        NTSTATUS status = fltsim_open(path,
                                      &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                                            .disposition = FILE_OPEN_IF,
                                                            .asynchronous = i % 4 == 1},
                                      &handle);
        bad += !Allowed(status);
        if (!NT_SUCCESS(status))
            continue;
        bad += !Allowed(fltsim_write(handle, buffer, sizeof buffer, 0, NULL));
        bad += !Allowed(fltsim_read(handle, buffer, sizeof buffer, 0, NULL));
        if (i % 7 == 0)
            bad += !Allowed(fltsim_set_delete(handle, true));
        bad += fltsim_close(handle) != STATUS_SUCCESS;
    }
    return bad;
}

static void DismountsUnderUse(void **state)
{
    for (int round = 0; round < 6; round++) {
        struct fltsim_volume *volume;
        struct fltsim_thread *threads[4];
        assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'Q',
                                                                      .kind = round % 2 ? FLTSIM_FAT : FLTSIM_NTFS,
                                                                      .completion = (enum fltsim_completion)(round % 3),
                                                                      .not_mounted = round > 2},
                                      &volume),
                         STATUS_SUCCESS);
        for (intptr_t i = 0; i < 4; i++)
            threads[i] = fltsim_thread_create(NULL, UseFiles, (void *)i);
        for (int i = 0; i < round * 20; i++)
            fltsim_yield();
        assert_int_equal(fltsim_dismount(volume), STATUS_SUCCESS);
        for (int i = 0; i < 4; i++)
            assert_int_equal(fltsim_thread_join(threads[i]), 0);
    }
}

static int ReadAndCancel(void *handle)
{
    int bad = 0;
    for (int i = 0; i < 100; i++) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING}, cancelled;
        LARGE_INTEGER offset = {.QuadPart = 0};
        char text[4];
        NTSTATUS status = ZwReadFile(handle, NULL, NULL, NULL, &iosb, text, 4, &offset, NULL);
        if (status == STATUS_PENDING) {
            if (i % 2)
                ZwCancelIoFileEx(handle, &iosb, &cancelled);
            while (__atomic_load_n(&iosb.Status, __ATOMIC_ACQUIRE) == STATUS_PENDING)
                fltsim_sleep(1);
            status = iosb.Status;
        }
        bad += status != STATUS_SUCCESS && status != STATUS_CANCELLED;
    }
    return bad;
}

static void CancelsUnderUse(void **state)
{
    struct fltsim_thread *threads[3];
    HANDLE handles[3];
    for (int i = 0; i < 3; i++)
        handles[i] = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    stub.mode = STUB_PEND;
    stub.quiet = true;
    for (int i = 0; i < 3; i++)
        threads[i] = fltsim_thread_create(NULL, ReadAndCancel, handles[i]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    for (int i = 0; i < 3; i++)
        fltsim_close(handles[i]);
    stub.quiet = false;
}

static int Attach(void *argument)
{
    for (int i = 0; i < 100; i++) {
        PDEVICE_OBJECT device, below;
        IoCreateDevice(stub.driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
        device->Flags &= ~DO_DEVICE_INITIALIZING;
        if (IoAttachDeviceToDeviceStackSafe(device, argument, &below) == STATUS_SUCCESS) {
            PDEVICE_OBJECT base = IoGetDeviceAttachmentBaseRef(device);
            ObDereferenceObject(base);
            IoDetachDevice(below);
        }
        IoDeleteDevice(device);
    }
    return 0;
}

static void DevicesComeAndGo(void **state)
{
    PDEVICE_OBJECT bases[2];
    struct fltsim_thread *threads[2];
    for (int i = 0; i < 2; i++) {
        IoCreateDevice(stub.driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &bases[i]);
        bases[i]->Flags &= ~DO_DEVICE_INITIALIZING;
        threads[i] = fltsim_thread_create(NULL, Attach, bases[i]);
    }
    for (int i = 0; i < 2; i++)
        fltsim_thread_join(threads[i]);
    for (int i = 0; i < 2; i++)
        IoDeleteDevice(bases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(DismountsUnderUse, Setup, Teardown),
        cmocka_unit_test_setup_teardown(CancelsUnderUse, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(DevicesComeAndGo, stub_setup, stub_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
