/* A filter that uses what is another filter's, or, when the name of the opened file begins with "own", its own. What it
 * does with it is the rest of the name; behind a dash stands the context that it does it to, in hexadecimal. */
#include <fltKernel.h>

static PFLT_FILTER filter;

DRIVER_INITIALIZE DriverEntry;

struct use {
    PCFLT_RELATED_OBJECTS objects;
    PFLT_INSTANCE instance; /* the other's, or its own */
    PFLT_FILTER filter;
    PFLT_CONTEXT context;
};

static void get(const struct use *use)
{
    PFLT_CONTEXT context;
    FltGetStreamContext(use->instance, use->objects->FileObject, &context);
}

static void get_several(const struct use *use)
{
    FLT_RELATED_OBJECTS objects = {.Size = sizeof objects,
                                   .Filter = use->filter,
                                   .Volume = use->objects->Volume,
                                   .Instance = use->instance,
                                   .FileObject = use->objects->FileObject};
    FLT_RELATED_CONTEXTS contexts;
    FltGetContexts(&objects, FLT_STREAM_CONTEXT | FLT_STREAMHANDLE_CONTEXT, &contexts);
    FltReleaseContexts(&contexts);
}

static void get_of_instance(const struct use *use)
{
    PFLT_CONTEXT context;
    FltGetInstanceContext(use->instance, &context);
}

static void get_of_volume(const struct use *use)
{
    PFLT_CONTEXT context;
    FltGetVolumeContext(use->filter, use->objects->Volume, &context);
}

static void drop(const struct use *use) { FltDeleteStreamHandleContext(use->instance, use->objects->FileObject, NULL); }
static void scan(const struct use *use) { FltRegisterForDataScan(use->instance); }

static void allocate(const struct use *use)
{
    PFLT_CONTEXT context;
    FltAllocateContext(use->filter, FLT_FILE_CONTEXT, 1, NonPagedPool, &context); /* nobody registers that */
}

static void reference(const struct use *use) { FltReferenceContext(use->context); }
static void release(const struct use *use) { FltReleaseContext(use->context); }
static void delete(const struct use *use) { FltDeleteContext(use->context); }

static const struct {
    const WCHAR *name;
    void (*act)(const struct use *use);
} acts[] = {
    {L"get", get},           {L"several", get_several}, {L"instance", get_of_instance}, {L"volume", get_of_volume},
    {L"drop", drop},         {L"scan", scan},           {L"allocate", allocate},        {L"reference", reference},
    {L"release", release},   {L"delete", delete},
};

static BOOLEAN take(PCUNICODE_STRING name, PUSHORT at, const WCHAR *word)
{
    USHORT i = *at;
    for (; *word; word++, i++)
        if (i >= name->Length / sizeof(WCHAR) || name->Buffer[i] != *word)
            return FALSE;
    *at = i;
    return TRUE;
}

static PFLT_CONTEXT given(PCUNICODE_STRING name, USHORT at)
{
    ULONG_PTR value = 0;
    for (; at < name->Length / sizeof(WCHAR); at++)
        value = value * 16 + (ULONG_PTR)(name->Buffer[at] <= L'9' ? name->Buffer[at] - L'0' : name->Buffer[at] - L'a' + 10);
    return (PFLT_CONTEXT)value;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI post(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                              FLT_POST_OPERATION_FLAGS flags)
{
    PCUNICODE_STRING name = &objects->FileObject->FileName;
    struct use use = {objects, objects->Instance, filter, NULL};
    PFLT_INSTANCE lower = NULL;
    USHORT at = 1;
    (void)data;
    (void)context;
    (void)flags;
    if (!take(name, &at, L"own") && NT_SUCCESS(FltGetLowerInstance(objects->Instance, &lower))) {
        use.instance = lower;
        FltGetFilterFromInstance(lower, &use.filter);
    }
    for (ULONG i = 0; i < ARRAYSIZE(acts); i++)
        if (take(name, &at, acts[i].name)) {
            use.context = take(name, &at, L"-") ? given(name, at) : NULL;
            acts[i].act(&use);
            break;
        }
    if (lower) {
        FltObjectDereference(use.filter);
        FltObjectDereference(lower);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    (void)flags;
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, NULL, post, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = unload};
    (void)path;
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}
