/* Creates as parts of the system make them: each with the extra create parameter by which filters know it. */
#include <initguid.h>

#include "tool/workload.h"

#include <string.h>

enum { AF_INET_OF_WINDOWS = 2 };

static const WCHAR share_name[] = {'s', 'h', 'a', 'r', 'e'};
static UNICODE_STRING share = {sizeof share_name, sizeof share_name, (PWSTR)(ULONG_PTR)share_name};
static union {
    USHORT family;
    UCHAR bytes[128]; /* a SOCKADDR_STORAGE */
} client = {.family = AF_INET_OF_WINDOWS};

static union {
    PREFETCH_OPEN_ECP_CONTEXT prefetch;
    SRV_OPEN_ECP_CONTEXT srv;
    NFS_OPEN_ECP_CONTEXT nfs;
    NETWORK_OPEN_ECP_CONTEXT network;
    OPLOCK_KEY_ECP_CONTEXT key;
    DUAL_OPLOCK_KEY_ECP_CONTEXT keys;
    CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT down;
    CSV_QUERY_FILE_REVISION_ECP_CONTEXT revision;
    ECP_OPEN_PARAMETERS purpose;
    CREATE_REDIRECTION_ECP_CONTEXT redirection;
} data;

static void fill_prefetch(void) { data.prefetch.Context = &data; }

static void fill_srv(void)
{
    data.srv = (SRV_OPEN_ECP_CONTEXT){.ShareName = &share,
                                      .SocketAddress = (struct sockaddr_storage *)&client,
                                      .OplockFinalState = TRUE,
                                      .Version = SRV_OPEN_ECP_CONTEXT_VERSION_2,
                                      .InstanceType = SrvInstanceTypePrimary};
}

static void fill_nfs(void)
{
    data.nfs = (NFS_OPEN_ECP_CONTEXT){.ExportAlias = &share, .ClientSocketAddress = (struct sockaddr_storage *)&client};
}

static void fill_network(void) { data.network.Size = sizeof data.network; }
static void fill_key(void) { data.key.OplockKey = (GUID){1, 2, 3, {4}}; }

static void fill_keys(void)
{
    data.keys.TargetOplockKey = (GUID){1, 2, 3, {4}};
    data.keys.TargetOplockKeySet = TRUE;
}

static void fill_down(void) { data.down.Version = CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT_V1; }
static void fill_nothing(void) {}

static void fill_purpose(void)
{
    data.purpose = (ECP_OPEN_PARAMETERS){.Size = sizeof data.purpose, .Flags = ECP_OPEN_PARAMETERS_FLAG_OPEN_FOR_READ};
}

static void fill_redirection(void) { data.redirection.Size = sizeof data.redirection; }

static const struct {
    const GUID *type;
    ULONG size;
    void (*fill)(void);
} parameters[] = {
    {&GUID_ECP_PREFETCH_OPEN, sizeof data.prefetch, fill_prefetch},
    {&GUID_ECP_SRV_OPEN, sizeof data.srv, fill_srv},
    {&GUID_ECP_NFS_OPEN, sizeof data.nfs, fill_nfs},
    {&GUID_ECP_NETWORK_OPEN_CONTEXT, sizeof data.network, fill_network},
    {&GUID_ECP_OPLOCK_KEY, sizeof data.key, fill_key},
    {&GUID_ECP_DUAL_OPLOCK_KEY, sizeof data.keys, fill_keys},
    {&GUID_ECP_CSV_DOWN_LEVEL_OPEN, sizeof data.down, fill_down},
    {&GUID_ECP_CSV_QUERY_FILE_REVISION, sizeof data.revision, fill_nothing},
    {&GUID_ECP_OPEN_PARAMETERS, sizeof data.purpose, fill_purpose},
    {&GUID_ECP_CREATE_REDIRECTION, sizeof data.redirection, fill_redirection},
};
enum { COUNT = sizeof parameters / sizeof *parameters };

void workload_system_opens(struct workload *w)
{
    for (size_t i = 0; i < 2 * COUNT; i++) {
        memset(&data, 0, sizeof data);
        parameters[i / 2].fill();
        struct fltsim_ecp ecp = {.type = parameters[i / 2].type, .data = &data, .size = parameters[i / 2].size,
                                 .user_mode = i % 2}; /* and once as a program could send it */
        struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .ecps = &ecp, .ecp_count = 1};
        HANDLE file = workload_open(w, "\\Users\\alice\\letter.txt", &open, STATUS_SUCCESS);
        char byte;
        if (file && workload_expect(w, "read", fltsim_read(file, &byte, 1, 0, NULL), STATUS_SUCCESS))
            workload_expect(w, "write", fltsim_write(file, &byte, 1, 0, NULL), STATUS_SUCCESS);
        workload_close(w, file);
    }
}

/* A file that programs on this node open, change and open again while the cluster's nodes take over from each other. */
void workload_cluster(struct workload *w)
{
    static const struct fltsim_open both = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    CSV_CONTROL_PARAM ask = {.Operation = CsvControlQueryFileRevision};
    CSV_QUERY_FILE_REVISION revision;
    if (!w->is_csvfs)
        return;
    for (int round = 0; round < 6; round++) {
        HANDLE file = workload_open(w, "shared", &both, STATUS_SUCCESS);
        char byte = (char)round;
        if (!file)
            continue;
        if (round % 2)
            workload_expect(w, "write", fltsim_write(file, &byte, 1, round, NULL), STATUS_SUCCESS);
        workload_expect(w, "ask for the revision",
                        fltsim_fsctl(file, FSCTL_CSV_CONTROL, &ask, sizeof ask, &revision, sizeof revision, NULL),
                        STATUS_SUCCESS);
        if (round == 3)
            fltsim_fail_over(w->volume);
        workload_close(w, file);
    }
}
