/* Operations that have no room beside a data scan's section: the filter that scans is told, and the operation waits. */
#include "stage.h"

static HANDLE handle, section;
static PVOID object;
static PFLT_CONTEXT context;
static LONG told, sawStatus;
static bool closes; /* in the notification */
static PVOID view;

static void close_section(void)
{
    succeeds(ZwClose(section));
    ObDereferenceObject(object);
    succeeds(FltCloseSectionForDataScan(context));
}

static NTSTATUS FLTAPI conflict(PFLT_INSTANCE instance, PFLT_CONTEXT section_context, PFLT_CALLBACK_DATA data)
{
    assert_ptr_equal(instance, stage.instance);
    assert_ptr_equal(section_context, context);
    assert_non_null(data);
    assert_true(KeGetCurrentIrql() <= APC_LEVEL);
    InterlockedIncrement(&told);
    if (closes && view)
        succeeds(ZwUnmapViewOfSection(ZwCurrentProcess(), view));
    if (closes)
        close_section();
    return STATUS_SUCCESS;
}

static NTSTATUS entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    registration.SectionNotificationCallback = conflict;
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    stage.driverObject = driverObject;
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

/* A file of three pages, which the filter scans. */
static void scan(enum fltsim_volume_kind kind)
{
    static char pages[3 * 4096];
    OBJECT_ATTRIBUTES kernel;
    stage_mount(kind);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = entry, .altitude = "370000"}, &stage.driver));
    told = 0;
    closes = false;
    view = NULL;
    handle = stage_open("C:\\file");
    succeeds(fltsim_write(handle, pages, sizeof pages, 0, NULL));
    InitializeObjectAttributes(&kernel, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(FltRegisterForDataScan(stage.instance));
    succeeds(FltAllocateContext(stage.filter, FLT_SECTION_CONTEXT, 32, PagedPool, &context));
    succeeds(FltCreateSectionForDataScan(stage.instance, stage_file(handle), context, SECTION_MAP_READ, &kernel, NULL,
                                         PAGE_READONLY, SEC_COMMIT, 0, &section, &object, NULL));
}

static void end(void)
{
    FltReleaseContext(context);
    succeeds(fltsim_close(handle));
}

/* ---- what conflicts -------------------------------------------------------------------------------------------------- */

static NTSTATUS truncate_file(void) { return fltsim_set_size(handle, 4096); }

static NTSTATUS overwrite_as(ULONG disposition, const char *path, HANDLE root)
{
    HANDLE other;
    NTSTATUS status = fltsim_open(
        path, &(struct fltsim_open){.access = GENERIC_WRITE, .share = 7, .disposition = disposition, .root = root}, &other);
    if (NT_SUCCESS(status))
        succeeds(fltsim_close(other));
    return status;
}

static NTSTATUS overwrite(void) { return overwrite_as(FILE_OVERWRITE, "C:\\file", NULL); }
static NTSTATUS supersede(void) { return overwrite_as(FLTSIM_SUPERSEDE, "C:\\FILE", NULL); }

static NTSTATUS overwrite_relative(void)
{
    HANDLE root;
    succeeds(fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &root));
    NTSTATUS status = overwrite_as(FILE_OVERWRITE, "file", root);
    succeeds(fltsim_close(root));
    return status;
}

/* As a filter issues it. */
static NTSTATUS truncate_below(void)
{
    FILE_END_OF_FILE_INFORMATION information = {.EndOfFile.QuadPart = 4096};
    return FltSetInformationFile(stage.instance, stage_file(handle), &information, sizeof information,
                                 FileEndOfFileInformation);
}

static NTSTATUS (*const conflicts[])(void) = {truncate_file, overwrite, supersede, overwrite_relative, truncate_below};
#define CONFLICTS (sizeof conflicts / sizeof *conflicts)

static void note_status(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { sawStatus = data->IoStatus.Status; }

static void who_scans_is_told_and_closes(void)
{
    for (size_t i = 0; i < 2 * CONFLICTS; i++) {
        uint64_t size;
        scan(i < CONFLICTS ? FLTSIM_NTFS : FLTSIM_FAT);
        closes = true;
        sawStatus = -1;
        NTSTATUS (*conflict_of)(void) = conflicts[i % CONFLICTS];
        stage_watch(conflict_of == truncate_file ? IRP_MJ_SET_INFORMATION : IRP_MJ_CREATE, NULL, note_status);
        succeeds(conflict_of());
        assert_int_equal(told, 1);
        if (conflict_of != truncate_below) { /* no filter sees what the file system answered first */
            stage_saw();
            assert_int_equal(sawStatus, STATUS_SUCCESS);
        }
        succeeds(fltsim_get_size(handle, &size));
        assert_int_equal(size, conflict_of == truncate_file || conflict_of == truncate_below ? 4096 : 0);
        end();
        succeeds(fltsim_unload(stage.driver));
        succeeds(fltsim_dismount(stage.volume));
    }
}

static LONG done;

static int do_truncate(void *argument)
{
    NTSTATUS status = truncate_file();
    InterlockedIncrement(&done);
    return status;
}

static void the_operation_waits_until_the_section_is_closed(void)
{
    scan(FLTSIM_NTFS);
    done = 0;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, do_truncate, NULL);
    fltsim_sleep(50);
    assert_int_equal(InterlockedOr(&told, 0), 1);
    assert_int_equal(InterlockedOr(&done, 0), 0);
    close_section();
    succeeds(fltsim_thread_join(thread));
    assert_int_equal(told, 1);
    end();
}

static void an_unbuffered_write_waits_for_views(void)
{
    static _Alignas(4096) char sector[512] = "new";
    HANDLE raw;
    PVOID base = NULL;
    SIZE_T size = 0;
    LARGE_INTEGER start = {.QuadPart = 0};
    scan(FLTSIM_NTFS);
    succeeds(fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .share = 7,
                                                           .options = FILE_NO_INTERMEDIATE_BUFFERING}, &raw));
    succeeds(ZwMapViewOfSection(section, ZwCurrentProcess(), &base, 0, 0, &start, &size, ViewUnmap, 0, PAGE_READONLY));
    assert_int_equal(*(volatile char *)base, 0);
    view = base;
    closes = true;
    succeeds(fltsim_write(raw, sector, sizeof sector, 0, NULL));
    assert_int_equal(told, 1);
    succeeds(fltsim_close(raw));
    end();
}

static void what_leaves_the_section_alone_is_not_told(void)
{
    HANDLE other;
    char byte;
    scan(FLTSIM_NTFS);
    succeeds(fltsim_read(handle, &byte, 1, 0, NULL));
    succeeds(fltsim_write(handle, "x", 1, 0, NULL));
    succeeds(fltsim_set_size(handle, 5 * 4096));
    succeeds(fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_READ, .share = 7}, &other));
    succeeds(fltsim_close(other));
    other = stage_open("C:\\other");
    succeeds(fltsim_write(other, "other", 5, 0, NULL));
    succeeds(fltsim_set_size(other, 0));
    succeeds(fltsim_close(other));
    assert_int_equal(told, 0);
    close_section();
    end();
}

static void a_programs_own_view_is_not_waited_for(void)
{
    struct fltsim_view view;
    scan(FLTSIM_NTFS);
    closes = true;
    succeeds(fltsim_map(handle, false, 0, &view));
    answers(STATUS_USER_MAPPED_FILE, truncate_file()); /* the scan is gone, the view is not */
    assert_int_equal(told, 1);
    answers(STATUS_USER_MAPPED_FILE, truncate_file());
    answers(STATUS_USER_MAPPED_FILE, overwrite());
    assert_int_equal(told, 1);
    succeeds(fltsim_unmap(&view));
    succeeds(truncate_file());
    end();
}

static void an_instance_that_goes_ends_its_scans(void)
{
    scan(FLTSIM_NTFS);
    done = 0;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, do_truncate, NULL);
    fltsim_sleep(50);
    assert_int_equal(InterlockedOr(&done, 0), 0);
    succeeds(ZwClose(section));
    ObDereferenceObject(object);
    FltReleaseContext(context);
    succeeds(fltsim_detach(stage.driver, stage.volume, NULL));
    succeeds(fltsim_thread_join(thread));
    assert_int_equal(stage.cleanups, 1);
    succeeds(fltsim_close(handle));
}

/* ---- at once --------------------------------------------------------------------------------------------------------- */

enum { ROUNDS = 60 };

static int scan_again_and_again(void *argument)
{
    PFILE_OBJECT file = argument;
    for (int i = 0; i < ROUNDS; i++) {
        OBJECT_ATTRIBUTES kernel;
        HANDLE own;
        PVOID ownObject;
        PFLT_CONTEXT fresh;
        InitializeObjectAttributes(&kernel, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        succeeds(FltAllocateContext(stage.filter, FLT_SECTION_CONTEXT, 32, PagedPool, &fresh));
        NTSTATUS status = FltCreateSectionForDataScan(stage.instance, file, fresh, SECTION_MAP_READ, &kernel, NULL,
                                                      PAGE_READONLY, SEC_COMMIT, 0, &own, &ownObject, NULL);
        if (NT_SUCCESS(status)) {
            fltsim_yield();
            succeeds(ZwClose(own));
            ObDereferenceObject(ownObject);
            succeeds(FltCloseSectionForDataScan(fresh));
        } else {
            answers(STATUS_END_OF_FILE, status);
        }
        FltReleaseContext(fresh);
        fltsim_yield();
    }
    return 0;
}

static int truncate_again_and_again(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        succeeds(fltsim_set_size(handle, i % 2 ? 3 * 4096 : 4096));
        fltsim_yield();
    }
    return 0;
}

static int overwrite_again_and_again(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        succeeds(overwrite());
        fltsim_yield();
    }
    return 0;
}

static NTSTATUS FLTAPI only_count(PFLT_INSTANCE instance, PFLT_CONTEXT section_context, PFLT_CALLBACK_DATA data)
{
    InterlockedIncrement(&told);
    return STATUS_SUCCESS;
}

static NTSTATUS counting_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    registration.SectionNotificationCallback = only_count;
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

static void nothing_fails_while_scans_come_and_go(void)
{
    int (*const bodies[])(void *) = {scan_again_and_again, truncate_again_and_again, overwrite_again_and_again};
    struct fltsim_thread *threads[3];
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = counting_entry, .altitude = "370000"},
                         &stage.driver));
    fltsim_shuffle(7);
    handle = stage_open("C:\\file");
    succeeds(fltsim_set_size(handle, 4096));
    succeeds(FltRegisterForDataScan(stage.instance));
    for (size_t i = 0; i < 3; i++)
        threads[i] = fltsim_thread_create(NULL, bodies[i], stage_file(handle));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    assert_int_equal(stage.cleanups, ROUNDS);
    succeeds(fltsim_close(handle));
}

static void a_scan_that_nobody_closes_keeps_no_volume(void)
{
    scan(FLTSIM_NTFS);
    succeeds(ZwClose(section));
    ObDereferenceObject(object);
    end();
    assert_int_equal(stage.cleanups, 0);
    succeeds(fltsim_dismount(stage.volume));
    assert_int_equal(stage.cleanups, 1);
}

static void the_mode_is_set_and_reset_in_turn(void)
{
    SET_PURGE_FAILURE_MODE_INPUT input = {.Flags = SET_PURGE_FAILURE_MODE_DISABLED};
    scan(FLTSIM_NTFS);
    close_section();
    end();
    HANDLE file = stage_open("C:\\other");
    answers(STATUS_INVALID_PARAMETER, fltsim_fsctl(file, FSCTL_SET_PURGE_FAILURE_MODE, &input, sizeof input, NULL, 0, NULL));
    input.Flags = SET_PURGE_FAILURE_MODE_ENABLED;
    succeeds(fltsim_fsctl(file, FSCTL_SET_PURGE_FAILURE_MODE, &input, sizeof input, NULL, 0, NULL));
    answers(STATUS_INVALID_PARAMETER, fltsim_fsctl(file, FSCTL_SET_PURGE_FAILURE_MODE, &input, 2, NULL, 0, NULL));
    input.Flags = SET_PURGE_FAILURE_MODE_DISABLED;
    succeeds(fltsim_fsctl(file, FSCTL_SET_PURGE_FAILURE_MODE, &input, sizeof input, NULL, 0, NULL));
    input.Flags = 3;
    answers(STATUS_INVALID_PARAMETER, fltsim_fsctl(file, FSCTL_SET_PURGE_FAILURE_MODE, &input, sizeof input, NULL, 0, NULL));
    succeeds(fltsim_close(file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(who_scans_is_told_and_closes),
        fltsim_unit_test(the_operation_waits_until_the_section_is_closed),
        fltsim_unit_test(an_unbuffered_write_waits_for_views),
        fltsim_unit_test(what_leaves_the_section_alone_is_not_told),
        fltsim_unit_test(a_programs_own_view_is_not_waited_for),
        fltsim_unit_test(an_instance_that_goes_ends_its_scans),
        fltsim_unit_test(nothing_fails_while_scans_come_and_go),
        fltsim_unit_test(a_scan_that_nobody_closes_keeps_no_volume),
        fltsim_unit_test(the_mode_is_set_and_reset_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
