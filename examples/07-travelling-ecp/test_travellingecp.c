/* Lesson 07's driver on a simulated machine. */
#include <initguid.h>

#include <fltKernel.h>
#include <fltsim/cmocka.h>

#include <string.h>

DRIVER_INITIALIZE DriverEntry;

extern struct {
    PFLT_FILTER Filter;
    volatile LONG Written, Found, Acknowledged, Gone, Refused;
} Globals;

static const GUID ticketType = {0x5b3b9d6e, 0x3f0a, 0x4a51, {0x8f, 0x52, 0x07, 0xb1, 0xf2, 0xf5, 0xc7, 0x07}};
static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

/* The driver's default instance, and a second one below it. */
static void start(void)
{
    memset(&Globals, 0, sizeof Globals);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = DriverEntry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_attach(driver, volume, "Below", "340070"), STATUS_SUCCESS);
}

static NTSTATUS open_file(const char *path, struct fltsim_ecp *ecp)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open(path, &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF,
                                                              .ecps = ecp, .ecp_count = ecp ? 1 : 0}, &handle);
    if (NT_SUCCESS(status))
        fltsim_close(handle);
    return status;
}

static void a_ticket_travels_down_is_acknowledged_and_goes_with_the_create(void)
{
    start();
    assert_int_equal(open_file("C:\\file", NULL), STATUS_SUCCESS);
    assert_int_equal(Globals.Written, 1);
    assert_int_equal(Globals.Found, 1);
    assert_int_equal(Globals.Acknowledged, 1);
    assert_int_equal(Globals.Gone, 1);
}

static void without_a_filter_below_nobody_acknowledges_it(void)
{
    start();
    assert_int_equal(fltsim_detach(driver, volume, "Below"), STATUS_SUCCESS);
    assert_int_equal(open_file("C:\\file", NULL), STATUS_SUCCESS);
    assert_int_equal(Globals.Acknowledged, 0);
    assert_int_equal(Globals.Gone, 1);
}

static void a_create_that_fails_takes_its_ticket_along(void)
{
    start();
    assert_int_equal(open_file("C:\\no such folder\\file", NULL), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_int_equal(Globals.Written, 1);
    assert_int_equal(Globals.Gone, 1);
}

/* The SMB server opens a file for a client: the ticket joins the server's parameter on the server's list. */
static void the_openers_own_parameters_stay_as_they_are(void)
{
    SRV_OPEN_ECP_CONTEXT srv = {.OplockFinalState = TRUE};
    struct fltsim_ecp ecp = {.type = &GUID_ECP_SRV_OPEN, .data = &srv, .size = sizeof srv};
    start();
    assert_int_equal(open_file("C:\\file", &ecp), STATUS_SUCCESS);
    assert_int_equal(Globals.Acknowledged, 1);
    assert_int_equal(Globals.Gone, 1);
    assert_false(ecp.removed);
    assert_true(srv.OplockFinalState);
}

static void a_ticket_that_a_program_made_up_is_refused(void)
{
    UCHAR forged[16] = {1};
    struct fltsim_ecp ecp = {.type = &ticketType, .data = forged, .size = sizeof forged, .user_mode = true};
    start();
    assert_int_equal(open_file("C:\\file", &ecp), STATUS_SUCCESS);
    assert_true(Globals.Refused > 0);
    assert_int_equal(Globals.Found, 0);
    assert_false(ecp.acknowledged);
}

/* A name that leads to another name is tried again: the list that a filter set belongs to one try. */
static void each_try_of_a_create_has_a_ticket_of_its_own(void)
{
    union {
        REPARSE_DATA_BUFFER data;
        UCHAR bytes[96];
    } link = {.data = {.ReparseTag = IO_REPARSE_TAG_SYMLINK}};
    static const WCHAR target[] = u"\\??\\C:\\file";
    HANDLE handle;
    start();
    assert_int_equal(open_file("C:\\file", NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\link", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    memcpy(link.data.SymbolicLinkReparseBuffer.PathBuffer, target, sizeof target);
    link.data.SymbolicLinkReparseBuffer.SubstituteNameLength = sizeof target - sizeof(WCHAR);
    link.data.SymbolicLinkReparseBuffer.PrintNameOffset = sizeof target;
    link.data.ReparseDataLength = 12 + sizeof target + sizeof(WCHAR);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, &link,
                                  REPARSE_DATA_BUFFER_HEADER_SIZE + link.data.ReparseDataLength, NULL, 0, NULL),
                     STATUS_SUCCESS);
    fltsim_close(handle);
    Globals.Written = Globals.Gone = Globals.Acknowledged = 0;
    assert_int_equal(open_file("C:\\link", NULL), STATUS_SUCCESS);
    assert_int_equal(Globals.Written, 2);
    assert_int_equal(Globals.Acknowledged, 2);
    assert_int_equal(Globals.Gone, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_ticket_travels_down_is_acknowledged_and_goes_with_the_create),
        fltsim_unit_test(without_a_filter_below_nobody_acknowledges_it),
        fltsim_unit_test(a_create_that_fails_takes_its_ticket_along),
        fltsim_unit_test(the_openers_own_parameters_stay_as_they_are),
        fltsim_unit_test(a_ticket_that_a_program_made_up_is_refused),
        fltsim_unit_test(each_try_of_a_create_has_a_ticket_of_its_own),
    };
    return cmocka_run_group_tests_name("lesson 07", tests, NULL, NULL);
}
