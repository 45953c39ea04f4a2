/* Files from their first write to their last close, on both kinds of volume. */
#include "unit.h"

static void lives(enum fltsim_volume_kind kind)
{
    unit_start(kind);
    make_file("\\a.txt", "hello");
    expect_text("\\a.txt", "hello");
    assert_int_equal(fltsim_delete(at("\\a.txt")), STATUS_SUCCESS);
    assert_int_equal(status_of_open("\\a.txt"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

static void a_file_lives_and_goes(void **state)
{
    lives(FLTSIM_NTFS);
    lives(FLTSIM_FAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_lives_and_goes),
    };
    return cmocka_run_group_tests_name("memfs/file", tests, NULL, NULL);
}
