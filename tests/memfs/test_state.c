/* Control codes about volumes: state that is kept, boot sectors; and what is so anyway. */
#include "unit.h"

static NTSTATUS control(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length)
{
    return fltsim_fsctl(handle, code, in, in_length, out, out_length, NULL);
}

static NTSTATUS set_state(HANDLE volume, ULONG mask, ULONG flags, ULONG version)
{
    FILE_FS_PERSISTENT_VOLUME_INFORMATION info = {.VolumeFlags = flags, .FlagMask = mask, .Version = version};
    return control(volume, FSCTL_SET_PERSISTENT_VOLUME_STATE, &info, sizeof info, NULL, 0);
}

static ULONG state_of(HANDLE volume, ULONG mask)
{
    FILE_FS_PERSISTENT_VOLUME_INFORMATION info = {.FlagMask = mask, .Version = 1};
    assert_int_equal(control(volume, FSCTL_QUERY_PERSISTENT_VOLUME_STATE, &info, sizeof info, &info, sizeof info), STATUS_SUCCESS);
    return info.VolumeFlags;
}

static void a_volume_may_go_without_short_names(void **state)
{
    enum { SHORT = PERSISTENT_VOLUME_STATE_SHORT_NAME_CREATION_DISABLED, SCRUB = PERSISTENT_VOLUME_STATE_VOLUME_SCRUB_DISABLED };
    unit_start(FLTSIM_NTFS);
    HANDLE volume = open_for("", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    make_file("\\A long name.text", "1");
    assert_int_equal(status_of_open("\\ALONGN~1.TEX"), STATUS_SUCCESS);
    assert_int_equal(set_state(volume, SHORT | SCRUB, SHORT | SCRUB, 1), STATUS_SUCCESS);
    make_file("\\Another long name.text", "2");
    assert_int_equal(status_of_open("\\ANOTHE~1.TEX"), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(status_of_open("\\ALONGN~1.TEX"), STATUS_SUCCESS); /* it has one still */
    assert_int_equal(set_state(volume, SCRUB, 0, 1), STATUS_SUCCESS);
    assert_int_equal(control(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0), STATUS_SUCCESS);
    close_it(volume);
    fltsim_sleep(10);
    volume = open_for("", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(state_of(volume, SHORT | SCRUB), SHORT);
    assert_int_equal(state_of(volume, SCRUB), 0);
    assert_int_equal(set_state(volume, SHORT, 0, 1), STATUS_SUCCESS);
    make_file("\\Third long name.text", "3");
    assert_int_equal(status_of_open("\\THIRDL~1.TEX"), STATUS_SUCCESS);
    close_it(volume);
    unit_stop();
}

static void wrong_states_are_refused(void **state)
{
    FILE_FS_PERSISTENT_VOLUME_INFORMATION info = {.FlagMask = 1, .Version = 1};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0), file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(set_state(volume, 1, 1, 2), STATUS_NOT_SUPPORTED);
    assert_int_equal(set_state(volume, 0x80000000, 0, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_state(volume, PERSISTENT_VOLUME_STATE_DEV_VOLUME, 0, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_state(file, 1, 1, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(volume, FSCTL_SET_PERSISTENT_VOLUME_STATE, &info, sizeof info - 1, NULL, 0), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_QUERY_PERSISTENT_VOLUME_STATE, &info, sizeof info, &info, sizeof info - 1),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(state_of(volume, PERSISTENT_VOLUME_STATE_DEV_VOLUME | PERSISTENT_VOLUME_STATE_TRUSTED_VOLUME), 0);
    close_it(volume);
    close_it(file);
    unit_stop();
    unit_start_with((struct fltsim_volume_options){.read_only = true});
    volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(set_state(volume, 1, 1, 1), STATUS_MEDIA_WRITE_PROTECTED);
    close_it(volume);
    unit_stop();
}

static void boot_sectors_are_where_the_kind_has_them(void **state)
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        BOOT_AREA_INFO info;
        FSCTL_QUERY_FAT_BPB_BUFFER bpb;
        unit_start_with((struct fltsim_volume_options){.kind = kind, .size = 1 << 20});
        make_file("\\f", "x");
        HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0), file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
        assert_int_equal(control(volume, FSCTL_GET_BOOT_AREA_INFO, NULL, 0, &info, sizeof info), STATUS_SUCCESS);
        assert_int_equal(info.BootSectorCount, 2);
        assert_int_equal(info.BootSectors[0].Offset.QuadPart, 0);
        assert_int_equal(info.BootSectors[1].Offset.QuadPart, kind == FLTSIM_NTFS ? (1 << 20) - 512 : 6 * 512);
        assert_int_equal(control(volume, FSCTL_GET_BOOT_AREA_INFO, NULL, 0, &info, sizeof info - 1), STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(control(file, FSCTL_GET_BOOT_AREA_INFO, NULL, 0, &info, sizeof info), STATUS_INVALID_PARAMETER);
        assert_int_equal(control(volume, FSCTL_QUERY_FAT_BPB, NULL, 0, &bpb, sizeof bpb),
                         kind == FLTSIM_FAT ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST);
        if (kind == FLTSIM_FAT) {
            assert_int_equal(bpb.First0x24BytesOfBootSector[0x0C], 2); /* 512 */
            assert_int_equal(bpb.First0x24BytesOfBootSector[0x0D], 8);
            assert_int_equal(bpb.First0x24BytesOfBootSector[0x21], 8); /* 2048 sectors */
            assert_int_equal(control(volume, FSCTL_QUERY_FAT_BPB, NULL, 0, &bpb, sizeof bpb - 1), STATUS_BUFFER_TOO_SMALL);
        }
        close_it(volume);
        close_it(file);
        unit_stop();
    }
}

static void what_is_so_anyway_is_granted_to_whom_it_is_due(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE writer = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0), reader = open_for("\\f", GENERIC_READ, FILE_OPEN, 0),
           volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(control(writer, FSCTL_SET_ZERO_ON_DEALLOCATION, NULL, 0, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(control(reader, FSCTL_SET_ZERO_ON_DEALLOCATION, NULL, 0, NULL, 0), STATUS_ACCESS_DENIED);
    assert_int_equal(control(volume, FSCTL_SET_ZERO_ON_DEALLOCATION, NULL, 0, NULL, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(reader, FSCTL_MARK_AS_SYSTEM_HIVE, NULL, 0, NULL, 0), STATUS_ACCESS_DENIED); /* a program */
    IO_STATUS_BLOCK iosb;
    assert_int_equal(ZwFsControlFile(reader, NULL, NULL, NULL, &iosb, FSCTL_MARK_AS_SYSTEM_HIVE, NULL, 0, NULL, 0),
                     STATUS_SUCCESS);
    close_it(writer);
    close_it(reader);
    close_it(volume);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_may_go_without_short_names),
        cmocka_unit_test(wrong_states_are_refused),
        cmocka_unit_test(boot_sectors_are_where_the_kind_has_them),
        cmocka_unit_test(what_is_so_anyway_is_granted_to_whom_it_is_due),
    };
    return cmocka_run_group_tests_name("memfs/state", tests, NULL, NULL);
}
