/* The program's end of a communication port: what fltlib.dll does. */
#include <fltsim/fltsim.h>

#include "flt/port.h"
#include "sim/service.h"

bool fltsim_port_name(struct fltsim_driver *driver, unsigned index, char name[FLTSIM_PORT_NAME])
{
    PDRIVER_OBJECT object = fltsim_driver_object(driver);
    PFLT_FILTER filter = object ? FltpFilterFromDriver(object) : NULL;
    return filter && FltpServerPortName(filter, index, name);
}

NTSTATUS fltsim_connect(const char *port, const void *context, size_t context_length, HANDLE *handle)
{
    UNICODE_STRING name = sim_unicode(port);
    NTSTATUS status = FltpConnectPort(&name, context, (ULONG)context_length, handle);
    sim_free(name.Buffer);
    return status;
}

NTSTATUS fltsim_send(HANDLE port, const void *in, size_t in_length, void *out, size_t out_length, size_t *done)
{
    ULONG returned;
    NTSTATUS status = FltpSendToFilter(port, in, (ULONG)in_length, out, (ULONG)out_length, &returned);
    if (done)
        *done = returned;
    return status;
}

NTSTATUS fltsim_get_message(HANDLE port, void *message, size_t length, int timeout, size_t *done)
{
    LARGE_INTEGER due = {.QuadPart = -10000LL * timeout};
    ULONG returned;
    NTSTATUS status = FltpGetMessage(port, message, (ULONG)length, timeout < 0 ? NULL : &due, &returned);
    if (done)
        *done = returned;
    return status;
}

NTSTATUS fltsim_reply(HANDLE port, const void *reply, size_t length)
{
    return FltpReplyMessage(port, reply, (ULONG)length);
}
