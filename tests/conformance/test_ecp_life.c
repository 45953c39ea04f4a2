/* The life of an extra create parameter across a create: who attaches it, times how the create ends. Each row of the
 * table is a test; it says how often the cleanup callback ran when the create had ended, and in all. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <stdio.h>
#include <string.h>

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define ATTACHES(X)                                                                                                    \
    X(CALLER, "the caller's")                                                                                          \
    X(AIMED, "the caller's, aimed below the upper filter")                                                             \
    X(NEW, "the upper filter's new list")                                                                              \
    X(LOOKASIDE, "the upper filter's new list, from a lookaside list")                                                 \
    X(THREE, "three on the upper filter's new list")                                                                   \
    X(IN_CALLERS, "the upper filter's on the caller's list")                                                           \
    X(LOWER, "the lower filter's new list")                                                                            \
    X(LATE, "the upper filter's new list, set in its post-callback")

#define ENDS(X)                                                                                                        \
    X(OPENED, "opened")                                                                                                \
    X(NOT_FOUND, "not found by the file system")                                                                       \
    X(SHARED, "refused by the file system")                                                                            \
    X(NO_DEVICE, "no such device")                                                                                     \
    X(UPPER_FAILS, "completed by the upper filter")                                                                    \
    X(LOWER_FAILS, "completed by the lower filter")                                                                    \
    X(UPPER_CANCELS, "opened, and cancelled by the upper filter")                                                      \
    X(LOWER_CANCELS, "opened, and cancelled by the lower filter")                                                      \
    X(UPPER_REPARSES, "reparsed by the upper filter")                                                                  \
    X(LOWER_REPARSES, "reparsed by the lower filter")                                                                  \
    X(SYMLINK, "through a symbolic link")                                                                              \
    X(MOUNT, "through a mount point to another volume")                                                                \
    X(LOOP, "lost in a loop of links")                                                                                 \
    X(PENDED, "pended by the lower filter, then opened")                                                               \
    X(PENDED_FAILS, "pended by the lower filter, then completed")                                                      \
    X(REISSUED, "failed, and reissued by the lower filter")                                                            \
    X(TAKEN, "opened, taken off and freed in the upper filter's post-callback")                                        \
    X(TAKEN_BELOW, "opened, taken off and freed in the lower filter's pre-callback")                                   \
    X(KEPT, "through a symbolic link, kept and set again by the upper filter")                                         \
    X(DETACHED, "opened while the upper filter detaches")                                                              \
    X(GONE, "opened after the upper filter, which asked for no callback, has gone")

#define ID(id, text) id,
enum attach { ATTACHES(ID) };
enum end { ENDS(ID) };
#undef ID
#define WORDS(id, text) text,
static const char *const attaches[] = {ATTACHES(WORDS)}, *const ends[] = {ENDS(WORDS)};
#undef WORDS

struct row {
    enum attach attach;
    enum end end;
    NTSTATUS status;
    int upper, lower; /* how often each saw a try of the create */
    int found;        /* how often the lower filter found the parameter in its pre-callback */
    int ended, all;   /* cleanup callbacks: as the create has ended, and in all */
};

static const struct row rows[] = {
    {CALLER, OPENED, STATUS_SUCCESS, 1, 1, 1, 0, 1},
    {CALLER, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 1, 0, 1},
    {CALLER, SHARED, STATUS_SHARING_VIOLATION, 1, 1, 1, 0, 1},
    {CALLER, NO_DEVICE, STATUS_OBJECT_PATH_NOT_FOUND, 0, 0, 0, 0, 1},
    {CALLER, UPPER_FAILS, STATUS_ACCESS_DENIED, 1, 0, 0, 0, 1},
    {CALLER, LOWER_FAILS, STATUS_ACCESS_DENIED, 1, 1, 1, 0, 1},
    {CALLER, UPPER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 0, 1},
    {CALLER, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 0, 1},
    {CALLER, UPPER_REPARSES, STATUS_SUCCESS, 2, 1, 1, 0, 1},
    {CALLER, LOWER_REPARSES, STATUS_SUCCESS, 2, 2, 2, 0, 1},
    {CALLER, SYMLINK, STATUS_SUCCESS, 2, 2, 2, 0, 1},
    {CALLER, MOUNT, STATUS_SUCCESS, 2, 2, 2, 0, 1},
    {CALLER, LOOP, STATUS_REPARSE_POINT_NOT_RESOLVED, 32, 32, 32, 0, 1},
    {CALLER, PENDED, STATUS_SUCCESS, 1, 1, 1, 0, 1},
    {CALLER, PENDED_FAILS, STATUS_ACCESS_DENIED, 1, 1, 1, 0, 1},
    {CALLER, REISSUED, STATUS_SUCCESS, 1, 1, 1, 0, 1},
    {CALLER, TAKEN_BELOW, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {CALLER, DETACHED, STATUS_SUCCESS, 1, 1, 1, 0, 1},
    {CALLER, GONE, STATUS_SUCCESS, 1, 1, 1, 0, 1},

    {AIMED, OPENED, STATUS_SUCCESS, 0, 1, 1, 0, 1},
    {AIMED, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 0, 1, 1, 0, 1},
    {AIMED, SHARED, STATUS_SHARING_VIOLATION, 0, 1, 1, 0, 1},
    {AIMED, NO_DEVICE, STATUS_OBJECT_PATH_NOT_FOUND, 0, 0, 0, 0, 1},
    {AIMED, LOWER_FAILS, STATUS_ACCESS_DENIED, 0, 1, 1, 0, 1},
    {AIMED, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 0, 1, 1, 0, 1},
    {AIMED, LOWER_REPARSES, STATUS_SUCCESS, 0, 2, 2, 0, 1},
    {AIMED, SYMLINK, STATUS_SUCCESS, 0, 2, 2, 0, 1},
    {AIMED, MOUNT, STATUS_MOUNT_POINT_NOT_RESOLVED, 0, 1, 1, 0, 1},
    {AIMED, LOOP, STATUS_REPARSE_POINT_NOT_RESOLVED, 0, 32, 32, 0, 1},
    {AIMED, PENDED, STATUS_SUCCESS, 0, 1, 1, 0, 1},
    {AIMED, PENDED_FAILS, STATUS_ACCESS_DENIED, 0, 1, 1, 0, 1},
    {AIMED, REISSUED, STATUS_SUCCESS, 0, 1, 1, 0, 1},
    {AIMED, TAKEN_BELOW, STATUS_SUCCESS, 0, 1, 1, 1, 1},

    {NEW, OPENED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {NEW, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 1, 1, 1},
    {NEW, SHARED, STATUS_SHARING_VIOLATION, 1, 1, 1, 1, 1},
    {NEW, UPPER_FAILS, STATUS_ACCESS_DENIED, 1, 0, 0, 1, 1},
    {NEW, LOWER_FAILS, STATUS_ACCESS_DENIED, 1, 1, 1, 1, 1},
    {NEW, UPPER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 1, 1},
    {NEW, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 1, 1},
    {NEW, UPPER_REPARSES, STATUS_SUCCESS, 2, 1, 1, 2, 2},
    {NEW, LOWER_REPARSES, STATUS_SUCCESS, 2, 2, 2, 2, 2},
    {NEW, SYMLINK, STATUS_SUCCESS, 2, 2, 2, 2, 2},
    {NEW, MOUNT, STATUS_SUCCESS, 2, 2, 2, 2, 2},
    {NEW, LOOP, STATUS_REPARSE_POINT_NOT_RESOLVED, 32, 32, 32, 32, 32},
    {NEW, PENDED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {NEW, PENDED_FAILS, STATUS_ACCESS_DENIED, 1, 1, 1, 1, 1},
    {NEW, REISSUED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {NEW, TAKEN, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {NEW, TAKEN_BELOW, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {NEW, KEPT, STATUS_SUCCESS, 2, 2, 2, 1, 1},
    {NEW, DETACHED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {NEW, GONE, STATUS_SUCCESS, 1, 1, 1, 1, 1},

    {LOOKASIDE, OPENED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {LOOKASIDE, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 1, 1, 1},
    {LOOKASIDE, UPPER_FAILS, STATUS_ACCESS_DENIED, 1, 0, 0, 1, 1},
    {LOOKASIDE, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 1, 1},
    {LOOKASIDE, UPPER_REPARSES, STATUS_SUCCESS, 2, 1, 1, 2, 2},
    {LOOKASIDE, SYMLINK, STATUS_SUCCESS, 2, 2, 2, 2, 2},
    {LOOKASIDE, MOUNT, STATUS_SUCCESS, 2, 2, 2, 2, 2},
    {LOOKASIDE, LOOP, STATUS_REPARSE_POINT_NOT_RESOLVED, 32, 32, 32, 32, 32},
    {LOOKASIDE, PENDED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {LOOKASIDE, REISSUED, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {LOOKASIDE, TAKEN, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {LOOKASIDE, TAKEN_BELOW, STATUS_SUCCESS, 1, 1, 1, 1, 1},
    {LOOKASIDE, KEPT, STATUS_SUCCESS, 2, 2, 2, 1, 1},
    {LOOKASIDE, DETACHED, STATUS_SUCCESS, 1, 1, 1, 1, 1},

    {THREE, OPENED, STATUS_SUCCESS, 1, 1, 1, 3, 3},
    {THREE, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 1, 3, 3},
    {THREE, LOWER_FAILS, STATUS_ACCESS_DENIED, 1, 1, 1, 3, 3},
    {THREE, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 3, 3},
    {THREE, LOWER_REPARSES, STATUS_SUCCESS, 2, 2, 2, 6, 6},
    {THREE, SYMLINK, STATUS_SUCCESS, 2, 2, 2, 6, 6},
    {THREE, PENDED, STATUS_SUCCESS, 1, 1, 1, 3, 3},
    {THREE, GONE, STATUS_SUCCESS, 1, 1, 1, 3, 3},

    {IN_CALLERS, OPENED, STATUS_SUCCESS, 1, 1, 1, 1, 2},
    {IN_CALLERS, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 1, 1, 2},
    {IN_CALLERS, SHARED, STATUS_SHARING_VIOLATION, 1, 1, 1, 1, 2},
    {IN_CALLERS, UPPER_FAILS, STATUS_ACCESS_DENIED, 1, 0, 0, 1, 2},
    {IN_CALLERS, LOWER_FAILS, STATUS_ACCESS_DENIED, 1, 1, 1, 1, 2},
    {IN_CALLERS, UPPER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 1, 2},
    {IN_CALLERS, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 1, 1, 2},
    {IN_CALLERS, UPPER_REPARSES, STATUS_SUCCESS, 2, 1, 1, 1, 2},
    {IN_CALLERS, LOWER_REPARSES, STATUS_SUCCESS, 2, 2, 2, 1, 2},
    {IN_CALLERS, SYMLINK, STATUS_SUCCESS, 2, 2, 2, 1, 2},
    {IN_CALLERS, MOUNT, STATUS_SUCCESS, 2, 2, 2, 1, 2},
    {IN_CALLERS, LOOP, STATUS_REPARSE_POINT_NOT_RESOLVED, 32, 32, 32, 1, 2},
    {IN_CALLERS, PENDED, STATUS_SUCCESS, 1, 1, 1, 1, 2},
    {IN_CALLERS, REISSUED, STATUS_SUCCESS, 1, 1, 1, 1, 2},
    {IN_CALLERS, TAKEN, STATUS_SUCCESS, 1, 1, 1, 1, 2},
    {IN_CALLERS, TAKEN_BELOW, STATUS_SUCCESS, 1, 1, 1, 1, 2},
    {IN_CALLERS, DETACHED, STATUS_SUCCESS, 1, 1, 1, 1, 2},
    {IN_CALLERS, GONE, STATUS_SUCCESS, 1, 1, 1, 1, 2},

    {LOWER, OPENED, STATUS_SUCCESS, 1, 1, 0, 1, 1},
    {LOWER, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 0, 1, 1},
    {LOWER, UPPER_FAILS, STATUS_ACCESS_DENIED, 1, 0, 0, 0, 0},
    {LOWER, LOWER_FAILS, STATUS_ACCESS_DENIED, 1, 1, 0, 1, 1},
    {LOWER, UPPER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 0, 1, 1},
    {LOWER, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 0, 1, 1},
    {LOWER, SYMLINK, STATUS_SUCCESS, 2, 2, 0, 2, 2},
    {LOWER, MOUNT, STATUS_SUCCESS, 2, 2, 0, 2, 2},
    {LOWER, PENDED, STATUS_SUCCESS, 1, 1, 0, 1, 1},
    {LOWER, PENDED_FAILS, STATUS_ACCESS_DENIED, 1, 1, 0, 1, 1},
    {LOWER, REISSUED, STATUS_SUCCESS, 1, 1, 0, 1, 1},
    {LOWER, TAKEN, STATUS_SUCCESS, 1, 1, 0, 1, 1}, /* by the upper filter, in its post-callback */

    {LATE, OPENED, STATUS_SUCCESS, 1, 1, 0, 1, 1},
    {LATE, NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND, 1, 1, 0, 1, 1},
    {LATE, LOWER_FAILS, STATUS_ACCESS_DENIED, 1, 1, 0, 1, 1},
    {LATE, LOWER_CANCELS, STATUS_VIRUS_INFECTED, 1, 1, 0, 1, 1},
    {LATE, SYMLINK, STATUS_SUCCESS, 2, 2, 0, 2, 2},
};

/* ---- the parameters ------------------------------------------------------------------------------------------------ */

enum role { UPPER_FILTER, LOWER_FILTER };
enum { CALLERS_TYPE, FILTERS_TYPE, TYPES = 4, LIVE = 0x6576694c };

struct parameter {
    ULONG live;
    ULONG type;
};

static const GUID types[TYPES] = {{0x11, 1, 2, {3}}, {0x22, 1, 2, {3}}, {0x33, 1, 2, {3}}, {0x44, 1, 2, {3}}};

static const struct row *row;
static PFLT_FILTER filters[2];
static PFLT_INSTANCE instances[2]; /* on C: */
static struct fltsim_driver *drivers[2];
static struct fltsim_volume *volumes[2];
static PAGED_LOOKASIDE_LIST lookaside;
static bool armed, reparsed, expectsLookaside;
static int tries[2], found, cleaned, nextOfList;
static PVOID kept;
static PFLT_CALLBACK_DATA pended;
static KEVENT isPended;
static PECP_LIST callers;

static VOID cleanup(PVOID context, LPCGUID type)
{
    struct parameter *parameter = context;
    assert_int_equal(parameter->live, LIVE);
    assert_true(IsEqualGUID(type, &types[parameter->type]));
    if (row->attach == THREE) { /* in the order of insertion */
        assert_int_equal(parameter->type, FILTERS_TYPE + nextOfList);
        nextOfList = (nextOfList + 1) % 3;
    }
    parameter->live = 0;
    cleaned++;
}

static PVOID allocate(PFLT_FILTER filter, ULONG type)
{
    struct parameter *parameter;
    NTSTATUS status = row->attach == LOOKASIDE
                          ? FltAllocateExtraCreateParameterFromLookasideList(filter, &types[type], sizeof *parameter, 0,
                                                                             cleanup, &lookaside, (PVOID *)&parameter)
                          : FltAllocateExtraCreateParameter(filter, &types[type], sizeof *parameter, 0, cleanup, 'efiL',
                                                            (PVOID *)&parameter);
    assert_int_equal(status, STATUS_SUCCESS);
    *parameter = (struct parameter){LIVE, type};
    return parameter;
}

static PECP_LIST list_of(PFLT_FILTER filter, PFLT_CALLBACK_DATA data)
{
    PECP_LIST list;
    assert_int_equal(FltGetEcpListFromCallbackData(filter, data, &list), STATUS_SUCCESS);
    return list;
}

static PVOID find(PFLT_FILTER filter, PFLT_CALLBACK_DATA data, ULONG type)
{
    PECP_LIST list = list_of(filter, data);
    PVOID context = NULL;
    if (list)
        FltFindExtraCreateParameter(filter, list, &types[type], &context, NULL);
    return context;
}

static void attach(PFLT_FILTER filter, PFLT_CALLBACK_DATA data)
{
    PECP_LIST list = list_of(filter, data);
    PVOID again = kept;
    kept = NULL;
    if (list && find(filter, data, FILTERS_TYPE))
        return; /* it is the caller's list: there since the try before */
    assert_int_equal(list != NULL, row->attach == IN_CALLERS);
    if (!list) {
        assert_int_equal(FltAllocateExtraCreateParameterList(filter, 0, &list), STATUS_SUCCESS);
        assert_int_equal(FltSetEcpListIntoCallbackData(filter, data, list), STATUS_SUCCESS);
    }
    for (ULONG i = 0; i < (row->attach == THREE ? 3u : 1u); i++)
        assert_int_equal(FltInsertExtraCreateParameter(filter, list, again ? again : allocate(filter, FILTERS_TYPE + i)),
                         STATUS_SUCCESS);
}

static void take_off(PFLT_FILTER filter, PFLT_CALLBACK_DATA data, ULONG type, bool keep)
{
    PVOID context;
    assert_int_equal(FltRemoveExtraCreateParameter(filter, list_of(filter, data), &types[type], &context, NULL),
                     STATUS_SUCCESS);
    if (keep)
        kept = context;
    else
        FltFreeExtraCreateParameter(filter, context);
}

/* ---- the filters --------------------------------------------------------------------------------------------------- */

static bool attaches_before(enum role role)
{
    switch (row->attach) {
    case NEW:
    case LOOKASIDE:
    case THREE:
    case IN_CALLERS:
        return role == UPPER_FILTER;
    case LOWER:
        return role == LOWER_FILTER;
    default:
        return false;
    }
}

static ULONG type_of_row(void) { return row->attach == CALLER || row->attach == AIMED ? CALLERS_TYPE : FILTERS_TYPE; }

static FLT_PREOP_CALLBACK_STATUS complete(PFLT_CALLBACK_DATA data, NTSTATUS status, ULONG_PTR information)
{
    data->IoStatus.Status = status;
    data->IoStatus.Information = information;
    return FLT_PREOP_COMPLETE;
}

static FLT_PREOP_CALLBACK_STATUS reparse(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    static const WCHAR target[] = L"\\??\\C:\\plain";
    reparsed = true;
    assert_int_equal(IoReplaceFileObjectName(objects->FileObject, (PWSTR)target, sizeof target - sizeof(WCHAR)),
                     STATUS_SUCCESS);
    return complete(data, STATUS_REPARSE, IO_REPARSE);
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    enum role role = objects->Filter == filters[LOWER_FILTER] ? LOWER_FILTER : UPPER_FILTER;
    if (!armed)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    tries[role]++;
    PVOID parameter = role == LOWER_FILTER ? find(objects->Filter, data, type_of_row()) : NULL;
    if (parameter) {
        found++;
        assert_int_equal(((struct parameter *)parameter)->live, LIVE);
        assert_false(FltIsEcpFromUserMode(objects->Filter, parameter));
        FltAcknowledgeEcp(objects->Filter, parameter);
    }
    if (attaches_before(role))
        attach(objects->Filter, data);
    if (role == UPPER_FILTER) {
        if (row->end == UPPER_FAILS)
            return complete(data, STATUS_ACCESS_DENIED, 0);
        if (row->end == GONE)
            return FLT_PREOP_SUCCESS_NO_CALLBACK;
        return row->end == UPPER_REPARSES && !reparsed ? reparse(data, objects) : FLT_PREOP_SUCCESS_WITH_CALLBACK;
    }
    switch (row->end) {
    case LOWER_FAILS:
        return complete(data, STATUS_ACCESS_DENIED, 0);
    case LOWER_REPARSES:
        if (!reparsed)
            return reparse(data, objects);
        break;
    case TAKEN_BELOW:
        take_off(objects->Filter, data, type_of_row(), false);
        break;
    case PENDED:
    case PENDED_FAILS:
    case DETACHED:
    case GONE:
        pended = data;
        KeSetEvent(&isPended, IO_NO_INCREMENT, FALSE);
        return FLT_PREOP_PENDING;
    default:
        break;
    }
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static void cancel(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (!NT_SUCCESS(data->IoStatus.Status))
        return;
    FltCancelFileOpen(objects->Instance, objects->FileObject);
    data->IoStatus.Status = STATUS_VIRUS_INFECTED;
    data->IoStatus.Information = 0;
}

static void reissue(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    assert_int_equal(data->IoStatus.Status, STATUS_OBJECT_NAME_NOT_FOUND);
    data->Iopb->Parameters.Create.Options = FILE_CREATE << 24 | (data->Iopb->Parameters.Create.Options & 0xffffff);
    FltSetCallbackDataDirty(data);
    FltReissueSynchronousIo(objects->Instance, data);
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI post(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                              FLT_POST_OPERATION_FLAGS flags)
{
    enum role role = objects->Filter == filters[LOWER_FILTER] ? LOWER_FILTER : UPPER_FILTER;
    if (!armed || flags & FLTFL_POST_OPERATION_DRAINING)
        return FLT_POSTOP_FINISHED_PROCESSING;
    if (row->attach != LATE && row->end != TAKEN_BELOW) /* what hangs on a create is there till it ends */
        assert_non_null(find(objects->Filter, data, type_of_row()));
    if (row->attach == LATE && role == UPPER_FILTER)
        attach(objects->Filter, data);
    if (row->end == (role == UPPER_FILTER ? UPPER_CANCELS : LOWER_CANCELS))
        cancel(data, objects);
    if (row->end == REISSUED && role == LOWER_FILTER)
        reissue(data, objects);
    if (row->end == TAKEN && role == UPPER_FILTER)
        take_off(objects->Filter, data, FILTERS_TYPE, false);
    if (row->end == KEPT && role == UPPER_FILTER && data->IoStatus.Status == STATUS_REPARSE)
        take_off(objects->Filter, data, FILTERS_TYPE, true);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS FLTAPI setup(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_SETUP_FLAGS flags, DEVICE_TYPE type,
                             FLT_FILESYSTEM_TYPE fileSystem)
{
    enum role role = objects->Filter == filters[UPPER_FILTER] ? UPPER_FILTER : LOWER_FILTER;
    if (!instances[role])
        instances[role] = objects->Instance;
    return STATUS_SUCCESS;
}

static NTSTATUS FLTAPI query_teardown(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS flags)
{
    return STATUS_SUCCESS;
}

static NTSTATUS unload(enum role role)
{
    FltUnregisterFilter(filters[role]);
    if (role == UPPER_FILTER && expectsLookaside)
        FltDeleteExtraCreateParameterLookasideList(filters[role], &lookaside, 0);
    return STATUS_SUCCESS;
}

static NTSTATUS FLTAPI unload_upper(FLT_FILTER_UNLOAD_FLAGS flags) { return unload(UPPER_FILTER); }
static NTSTATUS FLTAPI unload_lower(FLT_FILTER_UNLOAD_FLAGS flags) { return unload(LOWER_FILTER); }

static NTSTATUS start(PDRIVER_OBJECT driver, enum role role)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, pre, post, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                           .Version = FLT_REGISTRATION_VERSION,
                                           .OperationRegistration = operations,
                                           .FilterUnloadCallback = role == UPPER_FILTER ? unload_upper : unload_lower,
                                           .InstanceSetupCallback = setup,
                                           .InstanceQueryTeardownCallback = query_teardown};
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filters[role]);
    return NT_SUCCESS(status) ? FltStartFiltering(filters[role]) : status;
}

static NTSTATUS enter_upper(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    NTSTATUS status = start(driver, UPPER_FILTER);
    expectsLookaside = row->attach == LOOKASIDE;
    if (NT_SUCCESS(status) && expectsLookaside)
        FltInitExtraCreateParameterLookasideList(filters[UPPER_FILTER], &lookaside, 0, sizeof(struct parameter), 'efiL');
    return status;
}

static NTSTATUS enter_lower(PDRIVER_OBJECT driver, PUNICODE_STRING path) { return start(driver, LOWER_FILTER); }

/* ---- the stage ------------------------------------------------------------------------------------------------------ */

static HANDLE open_plainly(const char *path, ULONG options, ULONG share)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                             .disposition = FILE_OPEN_IF,
                                                             .options = options,
                                                             .share = share}, &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void make_link(const char *path, ULONG options, ULONG tag, const WCHAR *target)
{
    union {
        REPARSE_DATA_BUFFER data;
        UCHAR bytes[128];
    } buffer = {.data = {.ReparseTag = tag}};
    bool link = tag == IO_REPARSE_TAG_SYMLINK;
    WCHAR *path_buffer = link ? buffer.data.SymbolicLinkReparseBuffer.PathBuffer
                              : buffer.data.MountPointReparseBuffer.PathBuffer;
    USHORT bytes = 0;
    for (; target[bytes / sizeof(WCHAR)]; bytes += sizeof(WCHAR))
        path_buffer[bytes / sizeof(WCHAR)] = target[bytes / sizeof(WCHAR)];
    buffer.data.SymbolicLinkReparseBuffer.SubstituteNameLength = bytes;
    buffer.data.SymbolicLinkReparseBuffer.PrintNameOffset = (USHORT)(bytes + sizeof(WCHAR));
    buffer.data.ReparseDataLength = (USHORT)((link ? 12 : 8) + bytes + 2 * sizeof(WCHAR));
    HANDLE handle = open_plainly(path, options, 0);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, &buffer,
                                  REPARSE_DATA_BUFFER_HEADER_SIZE + buffer.data.ReparseDataLength, NULL, 0, NULL),
                     STATUS_SUCCESS);
    fltsim_close(handle);
}

static void set_stage(void)
{
    armed = reparsed = false;
    tries[0] = tries[1] = found = cleaned = nextOfList = 0;
    kept = NULL;
    pended = NULL;
    callers = NULL;
    memset(instances, 0, sizeof instances);
    KeInitializeEvent(&isPended, SynchronizationEvent, FALSE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = (char)('C' + i)}, &volumes[i]),
                         STATUS_SUCCESS);
    fltsim_close(open_plainly("C:\\plain", 0, 0));
    fltsim_close(open_plainly("D:\\plain", 0, 0));
    make_link("C:\\link", 0, IO_REPARSE_TAG_SYMLINK, L"\\??\\C:\\plain");
    make_link("C:\\loop", 0, IO_REPARSE_TAG_SYMLINK, L"\\??\\C:\\loop");
    make_link("C:\\mount", FILE_DIRECTORY_FILE, IO_REPARSE_TAG_MOUNT_POINT, L"\\??\\D:\\");
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "upper", .entry = enter_upper,
                                                                 .altitude = "370000"}, &drivers[UPPER_FILTER]),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "lower", .entry = enter_lower,
                                                                 .altitude = "360000"}, &drivers[LOWER_FILTER]),
                     STATUS_SUCCESS);
}

static const WCHAR *path_of_row(void)
{
    switch (row->end) {
    case NOT_FOUND:
    case REISSUED:
        return L"\\??\\C:\\nothing";
    case NO_DEVICE:
        return L"\\??\\Z:\\plain";
    case SYMLINK:
    case KEPT:
        return L"\\??\\C:\\link";
    case MOUNT:
        return L"\\??\\C:\\mount\\plain";
    case LOOP:
        return L"\\??\\C:\\loop";
    case UPPER_REPARSES:
    case LOWER_REPARSES:
        return L"\\??\\C:\\elsewhere";
    default:
        return L"\\??\\C:\\plain";
    }
}

static bool caller_has_list(void) { return row->attach == CALLER || row->attach == AIMED || row->attach == IN_CALLERS; }

static NTSTATUS create(void)
{
    IO_DRIVER_CREATE_CONTEXT context;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    NTSTATUS status;

    IoInitializeDriverCreateContext(&context);
    context.ExtraCreateParameter = callers;
    RtlInitUnicodeString(&name, path_of_row());
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (row->attach == AIMED)
        status = FltCreateFileEx2(filters[UPPER_FILTER], instances[UPPER_FILTER], &handle, NULL, GENERIC_READ | SYNCHRONIZE,
                                  &attributes, &iosb, NULL, 0, FILE_SHARE_VALID_FLAGS, FILE_OPEN,
                                  FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0, &context);
    else
        status = IoCreateFileEx(&handle, GENERIC_READ | SYNCHRONIZE, &attributes, &iosb, NULL, 0, FILE_SHARE_VALID_FLAGS,
                                FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, CreateFileTypeNone, NULL, 0, &context);
    if (NT_SUCCESS(status))
        ZwClose(handle);
    return status;
}

static NTSTATUS created;

static int create_on_thread(void *unused)
{
    created = create();
    return 0;
}

static int detach_on_thread(void *unused) { return fltsim_detach(drivers[UPPER_FILTER], volumes[0], NULL); }

/* A second thread makes the create, which the lower filter pends; this one lets it go on. */
static NTSTATUS create_pended(void)
{
    struct fltsim_thread *thread = fltsim_thread_create(NULL, create_on_thread, NULL);
    KeWaitForSingleObject(&isPended, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(cleaned, 0); /* it is under way */
    struct fltsim_thread *detaching = row->end == DETACHED ? fltsim_thread_create(NULL, detach_on_thread, NULL) : NULL;
    fltsim_yield();
    if (row->end == GONE)
        assert_int_equal(fltsim_unload(drivers[UPPER_FILTER]), STATUS_SUCCESS);
    if (row->end == PENDED_FAILS)
        pended->IoStatus.Status = STATUS_ACCESS_DENIED;
    FltCompletePendedPreOperation(
        pended, row->end == PENDED_FAILS ? FLT_PREOP_COMPLETE : FLT_PREOP_SUCCESS_WITH_CALLBACK, NULL);
    fltsim_thread_join(thread);
    if (detaching)
        assert_int_equal(fltsim_thread_join(detaching), STATUS_SUCCESS);
    return created;
}

static void give_caller_a_list(void)
{
    assert_int_equal(FltAllocateExtraCreateParameterList(filters[LOWER_FILTER], 0, &callers), STATUS_SUCCESS);
    assert_int_equal(FltInsertExtraCreateParameter(filters[LOWER_FILTER], callers,
                                                   allocate(filters[LOWER_FILTER], CALLERS_TYPE)),
                     STATUS_SUCCESS);
}

static void free_callers_list(void)
{
    PVOID own = NULL, filters_own = NULL;
    FltFindExtraCreateParameter(filters[LOWER_FILTER], callers, &types[CALLERS_TYPE], &own, NULL);
    FltFindExtraCreateParameter(filters[LOWER_FILTER], callers, &types[FILTERS_TYPE], &filters_own, NULL);
    assert_null(filters_own); /* what filters added went with the create */
    assert_int_equal(own != NULL, !(row->end == TAKEN_BELOW && type_of_row() == CALLERS_TYPE));
    if (own && type_of_row() == CALLERS_TYPE) /* the lower filter acknowledges what it finds */
        assert_int_equal(FltIsEcpAcknowledged(filters[LOWER_FILTER], own), row->found > 0);
    FltFreeExtraCreateParameterList(filters[LOWER_FILTER], callers);
}

static void play(void *argument)
{
    HANDLE exclusive = NULL;
    row = argument;
    set_stage();
    if (caller_has_list())
        give_caller_a_list();
    if (row->end == SHARED)
        exclusive = open_plainly("C:\\plain", 0, FLTSIM_SHARE_NONE);
    armed = true;
    bool pends = row->end == PENDED || row->end == PENDED_FAILS || row->end == DETACHED || row->end == GONE;
    NTSTATUS status = pends ? create_pended() : create();
    armed = false;
    if (status != row->status)
        print_error("the create answered %s, not %s\n", fltsim_status_name(status), fltsim_status_name(row->status));
    assert_int_equal(status, row->status);
    assert_int_equal(tries[UPPER_FILTER], row->upper);
    assert_int_equal(tries[LOWER_FILTER], row->lower);
    assert_int_equal(found, row->found);
    assert_int_equal(cleaned, row->ended);
    if (callers)
        free_callers_list();
    if (exclusive)
        fltsim_close(exclusive);
    if (row->end != GONE)
        assert_int_equal(fltsim_unload(drivers[UPPER_FILTER]), STATUS_SUCCESS);
    assert_int_equal(cleaned, row->all);
}

static void run_row(void **state)
{
    fltsim_abandon();
    assert_true(fltsim_start(NULL));
    fltsim_try(play, *state);
    assert_int_equal(fltsim_stop(NULL), 0);
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof *rows };
    static struct CMUnitTest tests[COUNT];
    static char names[COUNT][160];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "%s: %s", attaches[rows[i].attach], ends[rows[i].end]);
        tests[i] = (struct CMUnitTest){names[i], run_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
