#include "sim/machine.h"
#include "sim/misuse.h"

#include "flt/context.h"
#include "trace/trace.h"

#include <string.h>

static void append(char *text, size_t size, const char *format, const char *a, const char *b)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, format, a, b);
}

/* "operations: IRP_MJ_CREATE (pre, post), ..." over as many lines as it takes. */
static void describe_operations(PFLT_FILTER filter, void (*line)(const char *, void *), void *context)
{
    char text[160] = "operations:";

    for (const FLT_OPERATION_REGISTRATION *o = filter->Operations; o && o->MajorFunction != IRP_MJ_OPERATION_END; o++) {
        if (strlen(text) > 100) {
            line(text, context);
            strcpy(text, "           ");
        }
        append(text, sizeof text, " %s%s", trace_major(o->MajorFunction),
               o->PreOperation && o->PostOperation ? " (pre, post)"
               : o->PreOperation                   ? " (pre)"
                                                   : " (post)");
    }
    line(text, context);
}

static void describe_contexts(PFLT_FILTER filter, void (*line)(const char *, void *), void *context)
{
    char text[400] = "contexts:";
    const FLT_CONTEXT_REGISTRATION *entry = filter->Registration.ContextRegistration;

    if (!entry || entry->ContextType == FLT_CONTEXT_END)
        return;
    for (; entry->ContextType != FLT_CONTEXT_END; entry++)
        append(text, sizeof text, " %s%s", FltpContextTypeName(entry->ContextType),
               entry->Size == FLT_VARIABLE_SIZED_CONTEXTS ? " (variable size)" : "");
    line(text, context);
}

static void describe_callbacks(PFLT_FILTER filter, void (*line)(const char *, void *), void *context)
{
    const FLT_REGISTRATION *r = &filter->Registration;
    char text[400] = "callbacks:";

    append(text, sizeof text, "%s%s", r->FilterUnloadCallback ? " unload" : " no unload (the filter cannot be unloaded: nothing is said of what it would leave behind)", "");
    append(text, sizeof text, "%s%s", r->InstanceSetupCallback ? " setup" : "",
           r->InstanceQueryTeardownCallback ? " query-teardown" : "");
    append(text, sizeof text, "%s%s", r->InstanceTeardownStartCallback ? " teardown-start" : "",
           r->InstanceTeardownCompleteCallback ? " teardown-complete" : "");
    append(text, sizeof text, "%s%s", r->GenerateFileNameCallback ? " generate-name" : "",
           r->NormalizeNameComponentCallback ? " normalize-name" : "");
    line(text, context);
}

static void describe_instances(PFLT_FILTER filter, void (*line)(const char *, void *), void *context)
{
    PFLT_INSTANCE *instances;
    ULONG count = FltpSnapshotInstances(NULL, filter, &instances);

    for (ULONG i = 0; i < count; i++) {
        char text[400], name[128], altitude[128], volume[128];
        snprintf(text, sizeof text, "instance: %s at %s on %s",
                 trace_utf8(instances[i]->Name.Buffer, instances[i]->Name.Length, name, sizeof name),
                 trace_utf8(instances[i]->Altitude.Buffer, instances[i]->Altitude.Length, altitude, sizeof altitude),
                 trace_utf8(instances[i]->Volume->Name.Buffer, instances[i]->Volume->Name.Length, volume,
                            sizeof volume));
        line(text, context);
    }
    if (!count)
        line("instance: none attached", context);
    FltpFreeObjects(instances, count);
}

void fltsim_describe(struct fltsim_driver *driver, void (*line)(const char *text, void *context), void *context)
{
    SIM_NEED_DRIVER(driver);
    PDRIVER_OBJECT object = fltsim_driver_object(driver);
    PFLT_FILTER filter = object ? FltpFilterFromDriver(object) : NULL;

    if (!filter) {
        line("it registered no minifilter", context);
        return;
    }
    describe_operations(filter, line, context);
    describe_contexts(filter, line, context);
    describe_callbacks(filter, line, context);
    describe_instances(filter, line, context);
}

void fltsim_each_operation(struct fltsim_driver *driver,
                           void (*visit)(const char *major, unsigned long pre, unsigned long post, void *context),
                           void *context)
{
    SIM_NEED_DRIVER(driver);
    PDRIVER_OBJECT object = fltsim_driver_object(driver);
    PFLT_FILTER filter = object ? FltpFilterFromDriver(object) : NULL;

    if (!filter)
        return;
    for (const FLT_OPERATION_REGISTRATION *o = filter->Operations; o && o->MajorFunction != IRP_MJ_OPERATION_END; o++) {
        const FLTP_OPERATION_COUNT *count = &filter->Counts[FLTP_SLOT(o->MajorFunction)];
        visit(trace_major(o->MajorFunction), (unsigned long)count->Pre, (unsigned long)count->Post, context);
    }
}
