/* TDI: the macros fill requests in; there is no transport to send them to. */
#include <ntifs.h>
#include <tdikrnl.h>
#include <fltsim/cmocka.h>

static PIRP irp;
static FILE_OBJECT file;

static NTSTATUS done(PDEVICE_OBJECT object, PIRP request, PVOID context) { return STATUS_MORE_PROCESSING_REQUIRED; }

static PIO_STACK_LOCATION filled(UCHAR minor)
{
    PIO_STACK_LOCATION location = IoGetNextIrpStackLocation(irp);
    assert_int_equal(location->MajorFunction, IRP_MJ_INTERNAL_DEVICE_CONTROL);
    assert_int_equal(location->MinorFunction, minor);
    assert_ptr_equal(location->FileObject, &file);
    return location;
}

static void a_request_stands_in_the_next_location(void)
{
    MDL mdl;
    TDI_CONNECTION_INFORMATION peer = {.RemoteAddressLength = sizeof(TA_IP_ADDRESS)};

    irp = IoAllocateIrp(2, FALSE);
    TdiBuildSetEventHandler(irp, NULL, &file, NULL, NULL, TDI_EVENT_RECEIVE, done, &peer);
    TDI_REQUEST_KERNEL_SET_EVENT *event = (void *)&filled(TDI_SET_EVENT_HANDLER)->Parameters;
    assert_int_equal(event->EventType, TDI_EVENT_RECEIVE);
    assert_ptr_equal(event->EventHandler, done);
    assert_ptr_equal(event->EventContext, &peer);
    assert_null(IoGetNextIrpStackLocation(irp)->CompletionRoutine);

    TdiBuildSend(irp, NULL, &file, done, &peer, &mdl, TDI_SEND_EXPEDITED, 100);
    TDI_REQUEST_KERNEL_SEND *send = (void *)&filled(TDI_SEND)->Parameters;
    assert_int_equal(send->SendLength, 100);
    assert_int_equal(send->SendFlags, TDI_SEND_EXPEDITED);
    assert_ptr_equal(irp->MdlAddress, &mdl);
    assert_ptr_equal(IoGetNextIrpStackLocation(irp)->CompletionRoutine, done);
    assert_ptr_equal(IoGetNextIrpStackLocation(irp)->Context, &peer);

    TdiBuildConnect(irp, NULL, &file, NULL, NULL, NULL, &peer, NULL);
    assert_ptr_equal(((TDI_REQUEST_KERNEL *)&filled(TDI_CONNECT)->Parameters)->RequestConnectionInformation, &peer);
    TdiBuildSendDatagram(irp, NULL, &file, NULL, NULL, &mdl, 7, &peer);
    assert_ptr_equal(((TDI_REQUEST_KERNEL_SENDDG *)&filled(TDI_SEND_DATAGRAM)->Parameters)->SendDatagramInformation, &peer);
    TdiBuildAssociateAddress(irp, NULL, &file, NULL, NULL, (HANDLE)8);
    assert_ptr_equal(((TDI_REQUEST_KERNEL_ASSOCIATE *)&filled(TDI_ASSOCIATE_ADDRESS)->Parameters)->AddressHandle, (HANDLE)8);
    TdiBuildDisassociateAddress(irp, NULL, &file, NULL, NULL);
    filled(TDI_DISASSOCIATE_ADDRESS);
    irp->MdlAddress = NULL;
    IoFreeIrp(irp);
}

static void there_is_no_transport(void)
{
    static const WCHAR *const names[] = {u"\\Device\\Tcp", u"\\Device\\Udp", u"\\Device\\Tcp6", u"\\Device\\RawIp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        UNICODE_STRING name;
        PFILE_OBJECT opened;
        PDEVICE_OBJECT transport;
        RtlInitUnicodeString(&name, names[i]);
        assert_int_equal(IoGetDeviceObjectPointer(&name, FILE_READ_DATA, &opened, &transport),
                         STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_request_stands_in_the_next_location),
        fltsim_unit_test(there_is_no_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
