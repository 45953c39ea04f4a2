/* The program's end of a communication port: what fltlib.dll does. */
#include <fltsim/fltsim.h>

#include "flt/port.h"
#include "sim/misuse.h"
#include "sim/service.h"

/* Of what the Filter Manager copies; what fltsim_send gives is the driver's to probe. More than a message can be is left to
 * the port to refuse. */
static bool is_bad(const void *buffer, size_t length) { return length && !buffer; }
static ULONG cut(size_t length) { return length > MAXULONG ? MAXULONG : (ULONG)length; }

bool fltsim_port_name(struct fltsim_driver *driver, unsigned index, char name[FLTSIM_PORT_NAME])
{
    SIM_NEED_DRIVER(driver);
    PDRIVER_OBJECT object = fltsim_driver_object(driver);
    PFLT_FILTER filter = object ? FltpFilterFromDriver(object) : NULL;
    return filter && FltpServerPortName(filter, index, name);
}

NTSTATUS fltsim_connect(const char *port, const void *context, size_t context_length, HANDLE *handle)
{
    SIM_NEED_MACHINE();
    SIM_NEED(port && handle, "%s is NULL", port ? "handle" : "port");
    *handle = NULL;
    if (is_bad(context, context_length))
        return STATUS_ACCESS_VIOLATION;
    UNICODE_STRING name = sim_unicode(port);
    NTSTATUS status = FltpConnectPort(&name, context, cut(context_length), handle);
    sim_free(name.Buffer);
    return status;
}

NTSTATUS fltsim_send(HANDLE port, const void *in, size_t in_length, void *out, size_t out_length, size_t *done)
{
    ULONG returned = 0;
    SIM_NEED_MACHINE();
    NTSTATUS status = FltpSendToFilter(port, in, cut(in_length), out, cut(out_length), &returned);
    if (done)
        *done = returned;
    return status;
}

NTSTATUS fltsim_get_message(HANDLE port, void *message, size_t length, int timeout, size_t *done)
{
    LARGE_INTEGER due = {.QuadPart = -10000LL * timeout};
    ULONG returned = 0;
    SIM_NEED_MACHINE();
    NTSTATUS status = STATUS_ACCESS_VIOLATION;
    if (!is_bad(message, length))
        status = FltpGetMessage(port, message, cut(length), timeout < 0 ? NULL : &due, &returned);
    if (done)
        *done = returned;
    return status;
}

NTSTATUS fltsim_reply(HANDLE port, const void *reply, size_t length)
{
    SIM_NEED_MACHINE();
    return is_bad(reply, length) ? STATUS_ACCESS_VIOLATION : FltpReplyMessage(port, reply, cut(length));
}
