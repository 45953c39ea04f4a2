/* Counts of references and handles, links, events by name, notify routines, IRPs and MDLs. All of it was seen on Windows by
 * published kernel test suites. */
#include "stage.h"

/* In no published header. */
NTSTATUS ZwCreateSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PUNICODE_STRING LinkTarget);

#ifndef DUPLICATE_SAME_ATTRIBUTES
#define DUPLICATE_SAME_ATTRIBUTES 4
#endif

/* The query counts itself. */
static void counts(HANDLE handle, ULONG pointers, ULONG handles)
{
    PUBLIC_OBJECT_BASIC_INFORMATION info;
    succeeds(ZwQueryObject(handle, ObjectBasicInformation, &info, sizeof info, NULL));
    assert_int_equal(info.PointerCount, pointers);
    assert_int_equal(info.HandleCount, handles);
}

static void handle_is(HANDLE handle, ULONG attributes, ACCESS_MASK access)
{
    PUBLIC_OBJECT_BASIC_INFORMATION info;
    succeeds(ZwQueryObject(handle, ObjectBasicInformation, &info, sizeof info, NULL));
    assert_int_equal(info.Attributes, attributes);
    assert_int_equal(info.GrantedAccess, access);
}

static bool is_kernel(HANDLE handle) { return (ULONG_PTR)handle >= 0xFFFFFFFF80000000ull; }

/* ---- directories: references ---- */

static void references_are_counted_and_told(HANDLE handle, PUNICODE_STRING name, ULONG more)
{
    PVOID object, again, named_object;
    counts(handle, 2 + more, 1);
    succeeds(ObReferenceObjectByHandle(handle, DIRECTORY_ALL_ACCESS, NULL, KernelMode, &object, NULL));
    counts(handle, 3 + more, 1);
    succeeds(ObReferenceObjectByHandle(handle, DIRECTORY_ALL_ACCESS, NULL, KernelMode, &again, NULL));
    assert_ptr_equal(object, again);
    counts(handle, 4 + more, 1);
    assert_int_equal(ObReferenceObject(object), 4 + more);
    assert_int_equal(ObReferenceObject(object), 5 + more);
    counts(handle, 6 + more, 1);
    succeeds(ObReferenceObjectByPointer(object, DIRECTORY_ALL_ACCESS, NULL, KernelMode));
    counts(handle, 7 + more, 1);
    for (ULONG left = 5; left > 2; left--)
        assert_int_equal(ObDereferenceObject(object), left + more);
    counts(handle, 4 + more, 1);
    if (name) {
        OBJECT_ATTRIBUTES attributes;
        UNICODE_STRING upper;
        HANDLE opened;
        succeeds(RtlUpcaseUnicodeString(&upper, name, TRUE));
        InitializeObjectAttributes(&attributes, &upper, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
        succeeds(ZwOpenDirectoryObject(&opened, DIRECTORY_ALL_ACCESS, &attributes));
        succeeds(ObReferenceObjectByHandle(opened, 0, NULL, KernelMode, &named_object, NULL));
        assert_ptr_equal(named_object, object);
        ObDereferenceObject(named_object);
        succeeds(ZwClose(opened));
        RtlFreeUnicodeString(&upper);
    }
    assert_int_equal(ObDereferenceObject(again), 2 + more);
    assert_int_equal(ObDereferenceObject(object), 1 + more);
    counts(handle, 2 + more, 1);
}

static void a_name_is_one_more_reference(void)
{
    static const ULONG flags[] = {OBJ_KERNEL_HANDLE, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, OBJ_KERNEL_HANDLE | OBJ_PERMANENT};
    for (int is_named = false; is_named <= true; is_named++) {
        for (size_t i = 0; i < ARRAYSIZE(flags); i++) {
            UNICODE_STRING name;
            OBJECT_ATTRIBUTES attributes;
            HANDLE handle;
            RtlInitUnicodeString(&name, L"\\a directory");
            InitializeObjectAttributes(&attributes, is_named ? &name : NULL, flags[i], NULL, NULL);
            succeeds(ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, &attributes));
            references_are_counted_and_told(handle, is_named ? &name : NULL, (ULONG)is_named);
            if (flags[i] & OBJ_PERMANENT) {
                for (int twice = 0; twice < 2; twice++) {
                    succeeds(ZwMakeTemporaryObject(handle));
                    counts(handle, 2 + (ULONG)is_named, 1);
                }
            }
            succeeds(ZwClose(handle));
        }
    }
}

/* ---- handles ---- */

static void a_duplicate_has_the_access_and_the_attributes_asked_for(void)
{
    static const struct {
        ACCESS_MASK access;
        ULONG attributes, options;
        ACCESS_MASK granted;
        ULONG then;
    } rows[] = {
        {DIRECTORY_ALL_ACCESS, 0, 0, DIRECTORY_ALL_ACCESS, 0},
        {DIRECTORY_QUERY, 0, 0, DIRECTORY_QUERY, 0},
        {DIRECTORY_QUERY, OBJ_INHERIT, 0, DIRECTORY_QUERY, OBJ_INHERIT},
        {DIRECTORY_QUERY, OBJ_INHERIT, DUPLICATE_SAME_ACCESS, DIRECTORY_ALL_ACCESS, OBJ_INHERIT},
        {DIRECTORY_QUERY, OBJ_INHERIT, DUPLICATE_SAME_ATTRIBUTES, DIRECTORY_QUERY, 0},
        {DIRECTORY_QUERY, OBJ_INHERIT, DUPLICATE_SAME_ACCESS | DUPLICATE_SAME_ATTRIBUTES, DIRECTORY_ALL_ACCESS, 0},
    };
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle, duplicate;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(ZwCreateDirectoryObject(&handle, DIRECTORY_ALL_ACCESS, &attributes));
    assert_true(is_kernel(handle));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(ZwDuplicateObject(ZwCurrentProcess(), handle, ZwCurrentProcess(), &duplicate, rows[i].access,
                                   rows[i].attributes, rows[i].options));
        handle_is(duplicate, rows[i].then, rows[i].granted);
        counts(handle, 3, 2);
        succeeds(ObCloseHandle(duplicate, is_kernel(duplicate) ? KernelMode : UserMode));
        counts(handle, 2, 1);
    }
    answers(STATUS_INVALID_HANDLE, ObCloseHandle(handle, UserMode));
    counts(handle, 2, 1);
    succeeds(ObCloseHandle(handle, KernelMode));
}

static void no_handle_is_none_to_close(void)
{
    static const KPROCESSOR_MODE modes[] = {UserMode, KernelMode};
    for (size_t i = 0; i < ARRAYSIZE(modes); i++)
        answers(STATUS_INVALID_HANDLE, ObCloseHandle(NULL, modes[i]));
    answers(STATUS_INVALID_HANDLE, ObCloseHandle((HANDLE)(ULONG_PTR)0x7FFFFFFC, UserMode));
    answers(STATUS_INVALID_HANDLE, ObCloseHandle((HANDLE)(ULONG_PTR)124, UserMode));
    answers(STATUS_INVALID_HANDLE, ZwClose(NULL));
}

/* ---- symbolic links ---- */

static void a_link_tells_its_target_if_it_fits(void)
{
    static const WCHAR target_text[] = L"\\Device\\NamedPipe";
    enum { LENGTH = sizeof target_text - sizeof(WCHAR) };
    WCHAR buffer[32];
    HANDLE link, opened;

    answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwOpenSymbolicLinkObject(&opened, SYMBOLIC_LINK_QUERY, named(L"\\Device\\a link")));
    for (int ended = false; ended <= true; ended++) {
        UNICODE_STRING target = {LENGTH, (USHORT)(LENGTH + (ended ? sizeof(WCHAR) : 0)), (PWCH)target_text};
        succeeds(ZwCreateSymbolicLinkObject(&link, SYMBOLIC_LINK_QUERY, named(L"\\Device\\a link"), &target));
        succeeds(ZwOpenSymbolicLinkObject(&opened, SYMBOLIC_LINK_QUERY, named(L"\\Device\\a link")));
        for (int asks_length = false; asks_length <= true; asks_length++) {
            for (USHORT room = 0; room <= sizeof buffer; room = (USHORT)(room ? room + 1 : LENGTH - 1)) {
                bool fits = room >= (asks_length ? target.MaximumLength : LENGTH);
                UNICODE_STRING got = {0, room, room ? buffer : NULL};
                ULONG length = 0x55555555;
                memset(buffer, 0x55, sizeof buffer);
                answers(fits ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL,
                        ZwQuerySymbolicLinkObject(opened, &got, asks_length ? &length : NULL));
                assert_int_equal(got.MaximumLength, room);
                assert_int_equal(got.Length, fits ? LENGTH : 0);
                if (asks_length)
                    assert_int_equal(length, target.MaximumLength);
                if (fits)
                    assert_true(RtlEqualUnicodeString(&got, &target, FALSE));
                else
                    assert_int_equal(buffer[0], 0x5555);
            }
        }
        succeeds(ZwClose(opened));
        succeeds(ZwClose(link));
        answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwOpenSymbolicLinkObject(&opened, SYMBOLIC_LINK_QUERY, named(L"\\Device\\a link")));
    }
}

/* ---- events by name ---- */

static void an_event_by_name_is_made_once_and_signalled(void)
{
    PKEVENT (*const make[])(PUNICODE_STRING, PHANDLE) = {IoCreateNotificationEvent, IoCreateSynchronizationEvent};
    HANDLE handle, second;
    for (int type = NotificationEvent; type <= SynchronizationEvent; type++) {
        PKEVENT event = make[type](text(L"\\BaseNamedObjects\\an event"), &handle);
        assert_non_null(event);
        assert_int_equal(event->Header.Type, type);
        assert_int_equal(KeReadStateEvent(event), 1);
        assert_true(is_kernel(handle));
        handle_is(handle, 0, EVENT_ALL_ACCESS);
        counts(handle, 3, 1);
        for (int again = NotificationEvent; again <= SynchronizationEvent; again++) {
            assert_ptr_equal(make[again](text(L"\\BaseNamedObjects\\an event"), &second), event);
            assert_int_equal(event->Header.Type, type); /* as it was first made */
            counts(handle, 4, 2);
            counts(second, 4, 2);
            succeeds(ZwClose(second));
        }
        counts(handle, 3, 1);
        succeeds(ZwClose(handle));
    }
}

/* ---- notify routines ---- */

static VOID process_notify(HANDLE parent, HANDLE process, BOOLEAN create) {}
static VOID thread_notify(HANDLE process, HANDLE thread, BOOLEAN create) {}
static VOID image_notify(PUNICODE_STRING name, HANDLE process, PIMAGE_INFO info) {}

static NTSTATUS set_process(bool remove) { return PsSetCreateProcessNotifyRoutine(process_notify, remove); }
static NTSTATUS set_thread(bool remove)
{
    return remove ? PsRemoveCreateThreadNotifyRoutine(thread_notify) : PsSetCreateThreadNotifyRoutine(thread_notify);
}
static NTSTATUS set_image(bool remove)
{
    return remove ? PsRemoveLoadImageNotifyRoutine(image_notify) : PsSetLoadImageNotifyRoutine(image_notify);
}

static void a_notify_routine_is_removed_as_often_as_it_was_set(void)
{
    NTSTATUS (*const set[])(bool remove) = {set_process, set_thread, set_image};
    for (size_t i = 0; i < ARRAYSIZE(set); i++) {
        answers(STATUS_PROCEDURE_NOT_FOUND, set[i](true));
        succeeds(set[i](false));
        succeeds(set[i](true));
        answers(STATUS_PROCEDURE_NOT_FOUND, set[i](true));
    }
    succeeds(set_image(false));
    succeeds(set_image(false));
    succeeds(set_image(true));
    succeeds(set_image(true));
    answers(STATUS_PROCEDURE_NOT_FOUND, set_image(true));
}

/* ---- IRPs and MDLs ---- */

static void is_fresh_irp(PIRP irp, CCHAR stack)
{
    assert_int_equal(irp->Type, 6); // IO_TYPE_IRP
    assert_true(irp->Size >= IoSizeOfIrp(stack));
    assert_int_equal(irp->StackCount, stack);
    assert_int_equal(irp->CurrentLocation, stack + 1);
    assert_true(IsListEmpty(&irp->ThreadListEntry));
}

static NTSTATUS keep(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    *(PLONG)context += 1;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void an_irp_begins_behind_its_last_location(void)
{
    USHORT size = IoSizeOfIrp(5);
    PIRP irp = ExAllocatePoolWithTag(NonPagedPool, size, 'prIT');
    LONG completed = 0;
    IoInitializeIrp(irp, size, 5);
    is_fresh_irp(irp, 5);
    assert_ptr_equal(irp->Tail.Overlay.CurrentStackLocation, (PIO_STACK_LOCATION)(irp + 1) + 5);
    assert_int_equal(irp->Size, size);
    ExFreePoolWithTag(irp, 'prIT');

    for (int charge = FALSE; charge <= TRUE; charge++) {
        irp = IoAllocateIrp(2, (BOOLEAN)charge);
        is_fresh_irp(irp, 2);
        assert_true(irp->AllocationFlags & IRP_ALLOCATED_FIXED_SIZE);
        IoFreeIrp(irp);
    }

    irp = IoAllocateIrp(1, FALSE);
    assert_int_equal(irp->AllocationFlags, IRP_ALLOCATED_FIXED_SIZE);
    IoSetCompletionRoutine(irp, keep, &completed, TRUE, TRUE, TRUE);
    irp->IoStatus.Status = STATUS_SUCCESS;
    IoSetNextIrpStackLocation(irp);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_equal(irp->CurrentLocation, 2);
    assert_int_equal(completed, 1);
    IoSetNextIrpStackLocation(irp);
    IoReuseIrp(irp, STATUS_UNSUCCESSFUL);
    assert_int_equal(irp->CurrentLocation, 2);
    assert_int_equal(irp->AllocationFlags, IRP_ALLOCATED_FIXED_SIZE);
    IoFreeIrp(irp);
}

static void an_mdl_hangs_on_its_irp_and_knows_its_pool(void)
{
    enum { SIZE = 2 * PAGE_SIZE + 184 };
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, SIZE, 'ldMT');
    PIRP irp = IoAllocateIrp(1, FALSE);
    PMDL mdl = IoAllocateMdl(block, SIZE, FALSE, FALSE, NULL);
    assert_null(mdl->Next);
    assert_int_equal(mdl->ByteCount, SIZE);
    assert_false(mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL));
    MmBuildMdlForNonPagedPool(mdl);
    assert_false(mdl->MdlFlags & MDL_PAGES_LOCKED);
    assert_true(mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL);
    IoFreeMdl(mdl);
    mdl = IoAllocateMdl(block, SIZE, FALSE, FALSE, irp);
    assert_ptr_equal(irp->MdlAddress, mdl);
    IoFreeMdl(mdl);
    irp->MdlAddress = NULL;
    IoFreeIrp(irp);
    ExFreePoolWithTag(block, 'ldMT');
}

static void pages_without_an_address_get_one_when_mapped(void)
{
    enum { SIZE = 2 * 1024 * 1024 };
    PHYSICAL_ADDRESS low = {.QuadPart = 0}, high = {.QuadPart = -1}, skip = {.QuadPart = 0};
    for (int unmap = true; unmap >= false; unmap--) {
        PMDL mdl = MmAllocatePagesForMdl(low, high, skip, SIZE);
        assert_non_null(mdl);
        for (int mapped = false; mapped <= unmap; mapped++) {
            assert_int_equal(MmGetMdlByteCount(mdl), SIZE);
            assert_null(MmGetMdlVirtualAddress(mdl));
            assert_false(mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
            PVOID address = MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, NormalPagePriority);
            assert_non_null(address);
            assert_ptr_equal(mdl->MappedSystemVa, address);
            assert_null(MmGetMdlVirtualAddress(mdl));
            assert_true(mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
            if (unmap)
                MmUnmapLockedPages(address, mdl);
        }
        MmFreePagesFromMdl(mdl); /* unmaps */
        ExFreePool(mdl);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_name_is_one_more_reference),
        fltsim_unit_test(a_duplicate_has_the_access_and_the_attributes_asked_for),
        fltsim_unit_test(no_handle_is_none_to_close),
        fltsim_unit_test(a_link_tells_its_target_if_it_fits),
        fltsim_unit_test(an_event_by_name_is_made_once_and_signalled),
        fltsim_unit_test(a_notify_routine_is_removed_as_often_as_it_was_set),
        fltsim_unit_test(an_irp_begins_behind_its_last_location),
        fltsim_unit_test(an_mdl_hangs_on_its_irp_and_knows_its_pool),
        fltsim_unit_test(pages_without_an_address_get_one_when_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
