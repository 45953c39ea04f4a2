/* Lesson 01's driver on a simulated machine. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

#include <string.h>

DRIVER_INITIALIZE DriverEntry;

/* The driver's own globals: a unit test is linked with the driver and may look. */
extern struct {
    PFLT_FILTER Filter;
    volatile LONG Creates;
    volatile LONG BytesRead;
} Globals;

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static void start(void)
{
    Globals.Creates = Globals.BytesRead = 0;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = DriverEntry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
}

static HANDLE open_file(const char *path, ULONG disposition)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(path,
                                 &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                       .disposition = disposition},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void it_attaches_to_a_volume_that_is_mounted_already(void)
{
    start();
    fltsim_close(open_file("C:\\hello.txt", FILE_CREATE));
    assert_int_equal(Globals.Creates, 1);
}

static void it_attaches_to_a_volume_that_comes_later(void)
{
    struct fltsim_volume *later;

    start();
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'E'}, &later), STATUS_SUCCESS);
    LONG before = Globals.Creates;
    fltsim_close(open_file("E:\\hello.txt", FILE_CREATE));
    assert_int_equal(Globals.Creates - before, 1);
}

static void a_create_that_fails_is_not_counted(void)
{
    HANDLE handle;

    start();
    assert_int_equal(fltsim_open("C:\\missing.txt", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(Globals.Creates, 0);
}

static void the_bytes_that_programs_read_are_counted(void)
{
    char text[32];
    size_t done;

    start();
    HANDLE handle = open_file("C:\\hello.txt", FILE_CREATE);
    assert_int_equal(fltsim_write(handle, "hello, filter", 13, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, sizeof text, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 13);
    assert_int_equal(Globals.BytesRead, 13);
    fltsim_close(handle);
}

static void it_stays_out_once_it_is_detached(void)
{
    start();
    assert_int_equal(fltsim_detach(driver, volume, NULL), STATUS_SUCCESS);
    fltsim_close(open_file("C:\\hello.txt", FILE_CREATE));
    assert_int_equal(Globals.Creates, 0);
    assert_int_equal(fltsim_attach(driver, volume, NULL, NULL), STATUS_SUCCESS);
    fltsim_close(open_file("C:\\hello.txt", FILE_OPEN));
    assert_int_equal(Globals.Creates, 1);
}

static void it_unloads(void)
{
    start();
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    fltsim_close(open_file("C:\\hello.txt", FILE_CREATE));
    assert_int_equal(Globals.Creates, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(it_attaches_to_a_volume_that_is_mounted_already),
        fltsim_unit_test(it_attaches_to_a_volume_that_comes_later),
        fltsim_unit_test(a_create_that_fails_is_not_counted),
        fltsim_unit_test(the_bytes_that_programs_read_are_counted),
        fltsim_unit_test(it_stays_out_once_it_is_detached),
        fltsim_unit_test(it_unloads),
    };
    return cmocka_run_group_tests_name("lesson 01", tests, NULL, NULL);
}
