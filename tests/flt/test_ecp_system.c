/* The system's own extra create parameters, attached to an open as their owners attach them: a filter finds each, with
 * what it says, and lets it be. */
#include <initguid.h>

#include "../conformance/stage.h"

#include <stdio.h>

static WCHAR shareName[] = L"share", exportName[] = L"export";
static UNICODE_STRING share = {10, 12, shareName}, alias = {12, 14, exportName};
static OPEN_REPARSE_LIST openReparse;
static LONGLONG fileSize = 4096;

static union {
    PREFETCH_OPEN_ECP_CONTEXT prefetch;
    OPLOCK_KEY_ECP_CONTEXT key;
    DUAL_OPLOCK_KEY_ECP_CONTEXT keys;
    SRV_OPEN_ECP_CONTEXT srv;
    NFS_OPEN_ECP_CONTEXT nfs;
    NETWORK_OPEN_ECP_CONTEXT network;
    NETWORK_OPEN_ECP_CONTEXT_V0 network0;
    NETWORK_APP_INSTANCE_ECP_CONTEXT instance;
    NETWORK_APP_INSTANCE_VERSION_ECP_CONTEXT version;
    CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT down;
    CSV_QUERY_FILE_REVISION_ECP_CONTEXT revision;
    CSV_QUERY_FILE_REVISION_ECP_CONTEXT_FILE_ID_128 revision128;
    CSV_SET_HANDLE_PROPERTIES_ECP_CONTEXT properties;
    RKF_BYPASS_ECP_CONTEXT bypass;
    OPEN_REPARSE_LIST reparse;
    IO_STOP_ON_SYMLINK_FILTER_ECP_v0 symlink;
    IO_DEVICE_HINT_ECP_CONTEXT hint;
    CREATE_REDIRECTION_ECP_CONTEXT redirection;
    ECP_OPEN_PARAMETERS parameters;
    ATOMIC_CREATE_ECP_CONTEXT atomic;
    FLT_CREATEFILE_TARGET_ECP_CONTEXT target;
    UCHAR bytes[1];
} data, answer;

/* What the owner fills in. */
static void fill_prefetch(void) { data.prefetch.Context = &data; }
static void fill_key(void) { data.key.OplockKey = (GUID){1, 2, 3, {4}}; }
static void fill_keys(void)
{
    data.keys = (DUAL_OPLOCK_KEY_ECP_CONTEXT){.TargetOplockKey = {1, 2, 3, {4}}, .TargetOplockKeySet = TRUE};
}
static void fill_srv(void)
{
    data.srv = (SRV_OPEN_ECP_CONTEXT){.ShareName = &share, .OplockFinalState = TRUE,
                                      .Version = SRV_OPEN_ECP_CONTEXT_VERSION_2, .InstanceType = SrvInstanceTypePrimary};
}
static void fill_nfs(void) { data.nfs.ExportAlias = &alias; }
static void fill_network(void)
{
    data.network = (NETWORK_OPEN_ECP_CONTEXT){.Size = sizeof data.network};
    data.network.in.Location = NetworkOpenLocationRemote;
    data.network.in.Flags = NETWORK_OPEN_ECP_IN_FLAG_DISABLE_OPLOCKS;
}
static void fill_network0(void)
{
    data.network0 = (NETWORK_OPEN_ECP_CONTEXT_V0){.Size = sizeof data.network0};
    data.network0.in.Integrity = NetworkOpenIntegritySigned;
}
static void fill_instance(void)
{
    data.instance = (NETWORK_APP_INSTANCE_ECP_CONTEXT){.Size = sizeof data.instance, .AppInstanceID = {5, 6, 7, {8}}};
}
static void fill_version(void)
{
    data.version = (NETWORK_APP_INSTANCE_VERSION_ECP_CONTEXT){.Size = sizeof data.version, .VersionLow = 9};
}
static void fill_down(void)
{
    data.down = (CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT){.Version = CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT_V1,
                                                  .FileType = CsvCsvFsInternalFileObject, .SourceNodeId = 1,
                                                  .DestinationNodeId = 2};
}
static void fill_properties(void)
{
    data.properties = (CSV_SET_HANDLE_PROPERTIES_ECP_CONTEXT){.Size = sizeof data.properties, .PauseTimeoutInSeconds = 10};
}
static void fill_reparse(void)
{
    InitializeListHead(&openReparse.OpenReparseList);
    data.reparse = openReparse;
}
static void fill_redirection(void)
{
    data.redirection = (CREATE_REDIRECTION_ECP_CONTEXT){.Size = sizeof data.redirection,
                                                        .Flags = CREATE_REDIRECTION_FLAGS_SERVICED_FROM_LAYER};
}
static void fill_parameters(void)
{
    data.parameters = (ECP_OPEN_PARAMETERS){.Size = sizeof data.parameters,
                                            .Flags = ECP_OPEN_PARAMETERS_FLAG_OPEN_FOR_READ};
}
static void fill_atomic(void)
{
    data.atomic = (ATOMIC_CREATE_ECP_CONTEXT){.Size = sizeof data.atomic, .InFlags = ATOMIC_CREATE_ECP_IN_FLAG_EOF_SPECIFIED,
                                              .FileSize = fileSize};
}
static void fill_nothing(void) {}

static const struct system {
    const char *name;
    const GUID *type;
    ULONG size;
    void (*fill)(void);
} systems[] = {
    {"the prefetcher's", &GUID_ECP_PREFETCH_OPEN, sizeof data.prefetch, fill_prefetch},
    {"an oplock key", &GUID_ECP_OPLOCK_KEY, sizeof data.key, fill_key},
    {"two oplock keys", &GUID_ECP_DUAL_OPLOCK_KEY, sizeof data.keys, fill_keys},
    {"SRV's", &GUID_ECP_SRV_OPEN, sizeof data.srv, fill_srv},
    {"the NFS server's", &GUID_ECP_NFS_OPEN, sizeof data.nfs, fill_nfs},
    {"a network open's", &GUID_ECP_NETWORK_OPEN_CONTEXT, sizeof data.network, fill_network},
    {"a network open's, of Windows Vista", &GUID_ECP_NETWORK_OPEN_CONTEXT, sizeof data.network0, fill_network0},
    {"an application instance", &GUID_ECP_NETWORK_APP_INSTANCE, sizeof data.instance, fill_instance},
    {"an application instance's version", &GUID_ECP_NETWORK_APP_INSTANCE_VERSION, sizeof data.version, fill_version},
    {"CSVFS' open below", &GUID_ECP_CSV_DOWN_LEVEL_OPEN, sizeof data.down, fill_down},
    {"a question for the file's revision", &GUID_ECP_CSV_QUERY_FILE_REVISION, sizeof data.revision, fill_nothing},
    {"a question for the file's revision, with a long ID", &GUID_ECP_CSV_QUERY_FILE_REVISION_FILE_ID_128,
     sizeof data.revision128, fill_nothing},
    {"a CSV handle's properties", &GUID_ECP_CSV_SET_HANDLE_PROPERTIES, sizeof data.properties, fill_properties},
    {"the Resume Key Filter's", &GUID_ECP_RKF_BYPASS, sizeof data.bypass, fill_nothing},
    {"reparse points to open", &ECP_TYPE_OPEN_REPARSE_GUID, sizeof data.reparse, fill_reparse},
    {"symbolic links to stop at", &ECP_TYPE_IO_STOP_ON_SYMLINK_FILTER_GUID, sizeof data.symlink, fill_nothing},
    {"a device hint", &GUID_ECP_IO_DEVICE_HINT, sizeof data.hint, fill_nothing},
    {"a question for redirection", &GUID_ECP_CREATE_REDIRECTION, sizeof data.redirection, fill_redirection},
    {"an open's purpose", &GUID_ECP_OPEN_PARAMETERS, sizeof data.parameters, fill_parameters},
    {"an atomic create", &GUID_ECP_ATOMIC_CREATE, sizeof data.atomic, fill_atomic},
    {"a container's", &ECP_TYPE_CLFS_CREATE_CONTAINER, sizeof data.redirection, fill_redirection},
    {"cloud files' attribution", &GUID_ECP_CLOUDFILES_ATTRIBUTION, 8, fill_nothing},
    {"a target's adjustment", &GUID_ECP_FLT_CREATEFILE_TARGET, sizeof data.target, fill_nothing},
};
enum { COUNT = sizeof systems / sizeof *systems };

static const struct system *now;
static bool fromUser;

static void look(PFLT_CALLBACK_DATA callback, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    PVOID context;
    ULONG size;
    succeeds(FltGetEcpListFromCallbackData(stage.filter, callback, &list));
    assert_non_null(list);
    succeeds(FltFindExtraCreateParameter(stage.filter, list, now->type, &context, &size));
    assert_int_equal(size, now->size);
    assert_memory_equal(context, data.bytes, size);
    assert_int_equal(FltIsEcpFromUserMode(stage.filter, context), fromUser);
    assert_false(FltIsEcpAcknowledged(stage.filter, context));
    if (fromUser)
        FltAcknowledgeEcp(stage.filter, context);
}

static void open_with(bool user)
{
    HANDLE handle;
    fromUser = user;
    answer = data;
    struct fltsim_ecp ecp = {.type = now->type, .data = &answer, .size = now->size, .user_mode = user};
    stage_watch(IRP_MJ_CREATE, look, NULL);
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.disposition = FILE_OPEN_IF, .ecps = &ecp, .ecp_count = 1}, &handle));
    stage_saw();
    assert_int_equal(ecp.acknowledged, user);
    assert_false(ecp.removed);
    assert_memory_equal(&answer, &data, now->size);
    fltsim_close(handle);
}

static void play(void *argument)
{
    now = argument;
    stage_set();
    memset(&data, 0, sizeof data);
    now->fill();
    open_with(false);
    open_with(true);
}

static void a_filter_finds_it(void **state)
{
    fltsim_abandon();
    assert_true(fltsim_start(NULL));
    fltsim_try(play, *state);
    assert_int_equal(fltsim_stop(NULL), 0);
}

/* The file system below answers in the parameter, as CSVFS does with a file's revision. */
static void answer_revision(PFLT_CALLBACK_DATA callback, PCFLT_RELATED_OBJECTS objects)
{
    CSV_QUERY_FILE_REVISION_ECP_CONTEXT *revision;
    PECP_LIST list;
    succeeds(FltGetEcpListFromCallbackData(stage.filter, callback, &list));
    succeeds(FltFindExtraCreateParameter(stage.filter, list, &GUID_ECP_CSV_QUERY_FILE_REVISION, (PVOID *)&revision, NULL));
    revision->FileRevision[1] = 7;
    FltAcknowledgeEcp(stage.filter, revision);
}

static void what_is_answered_comes_back(void)
{
    CSV_QUERY_FILE_REVISION_ECP_CONTEXT revision = {0};
    struct fltsim_ecp ecps[] = {
        {.type = &GUID_ECP_CSV_QUERY_FILE_REVISION, .data = &revision, .size = sizeof revision},
        {.type = &GUID_ECP_PREFETCH_OPEN, .size = sizeof(PREFETCH_OPEN_ECP_CONTEXT)},
    };
    HANDLE handle;
    stage_set();
    stage_watch(IRP_MJ_CREATE, answer_revision, NULL);
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.disposition = FILE_OPEN_IF, .ecps = ecps, .ecp_count = 2}, &handle));
    stage_saw();
    assert_int_equal(revision.FileRevision[1], 7);
    assert_true(ecps[0].acknowledged);
    assert_false(ecps[1].acknowledged);
    fltsim_close(handle);
}

static void two_of_a_type_are_refused(void)
{
    struct fltsim_ecp ecps[] = {{.type = &GUID_ECP_SRV_OPEN, .size = 8}, {.type = &GUID_ECP_SRV_OPEN, .size = 8}};
    HANDLE handle;
    stage_set();
    answers(STATUS_INVALID_PARAMETER,
            fltsim_open("C:\\f", &(struct fltsim_open){.disposition = FILE_OPEN_IF, .ecps = ecps, .ecp_count = 2}, &handle));
}

int main(void)
{
    static struct CMUnitTest tests[COUNT + 2];
    static char names[COUNT][96];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "a filter finds %s", systems[i].name);
        tests[i] = (struct CMUnitTest){names[i], a_filter_finds_it, NULL, NULL, (void *)(uintptr_t)&systems[i]};
    }
    tests[COUNT] = (struct CMUnitTest)fltsim_unit_test(what_is_answered_comes_back);
    tests[COUNT + 1] = (struct CMUnitTest)fltsim_unit_test(two_of_a_type_are_refused);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
