#include "tool/workload.h"

#include <stdio.h>
#include <string.h>

static bool count_entry(const char *name, ULONG attributes, uint64_t size, void *context)
{
    ++*(unsigned *)context;
    return true;
}

static bool first_entry(const char *name, ULONG attributes, uint64_t size, void *context)
{
    ++*(unsigned *)context;
    return false;
}

static void enumerate_with(struct workload *w, HANDLE folder, FILE_INFORMATION_CLASS kind)
{
    _Alignas(8) char buffer[512];
    IO_STATUS_BLOCK iosb;
    BOOLEAN restart = TRUE;
    NTSTATUS status;

    do {
        status = NtQueryDirectoryFile(folder, NULL, NULL, NULL, &iosb, buffer, sizeof buffer, kind, FALSE, NULL, restart);
        restart = FALSE;
        w->operations++;
    } while (status == STATUS_SUCCESS);
    workload_expect(w, "enumerate to the end", status, STATUS_NO_MORE_FILES);
}

void workload_directories(struct workload *w)
{
    static const FILE_INFORMATION_CLASS kinds[] = {FileDirectoryInformation, FileFullDirectoryInformation,
                                                   FileBothDirectoryInformation, FileNamesInformation,
                                                   FileIdBothDirectoryInformation, FileIdFullDirectoryInformation};
    char name[64];
    unsigned count = 0;

    workload_expect(w, "make a directory", fltsim_make_directory(workload_path(w, "many")), STATUS_SUCCESS);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "many\\file %02d.%s", i, i % 2 ? "txt" : "doc");
        workload_close(w, workload_open(w, name,
                                        &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE},
                                        STATUS_SUCCESS));
    }
    HANDLE folder = workload_open(w, "many", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, STATUS_SUCCESS);
    if (folder) {
        workload_expect(w, "enumerate", fltsim_enumerate(folder, NULL, count_entry, &count), STATUS_SUCCESS);
        if (count != 42)
            workload_expect(w, "enumerate: another number of entries than were made", STATUS_DATA_ERROR,
                            STATUS_SUCCESS);
        workload_expect(w, "enumerate one", fltsim_enumerate(folder, NULL, first_entry, &count), STATUS_SUCCESS);
        for (size_t i = 0; i < (w->is_ntfs ? sizeof kinds / sizeof *kinds : 4); i++)
            enumerate_with(w, folder, kinds[i]);
    }
    workload_close(w, folder);

    count = 0;
    folder = workload_open(w, "many", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, STATUS_SUCCESS);
    if (folder)
        workload_expect(w, "enumerate *.TXT", fltsim_enumerate(folder, "*.TXT", count_entry, &count), STATUS_SUCCESS);
    workload_close(w, folder);
    folder = workload_open(w, "many", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, STATUS_SUCCESS);
    if (folder)
        workload_expect(w, "enumerate what is not there", fltsim_enumerate(folder, "nothing*", count_entry, &count),
                        STATUS_NO_SUCH_FILE);
    workload_close(w, folder);
}

void workload_attributes(struct workload *w)
{
    static const struct {
        FILE_INFORMATION_CLASS kind;
        bool ntfs_only;
    } queries[] = {
        {FileBasicInformation, false},       {FileStandardInformation, false}, {FileInternalInformation, false},
        {FileEaInformation, false},          {FileNameInformation, false},     {FilePositionInformation, false},
        {FileNetworkOpenInformation, false}, {FileAllInformation, false},      {FileAttributeTagInformation, true},
        {FileStreamInformation, true},
    };
    _Alignas(8) char buffer[2048];
    HANDLE file = workload_open(w, "attributes",
                                &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | FILE_WRITE_ATTRIBUTES,
                                                      .disposition = FILE_OPEN_IF},
                                STATUS_SUCCESS);
    if (!file)
        return;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        if (w->is_ntfs || !queries[i].ntfs_only)
            workload_expect(w, "query information", fltsim_query(file, queries[i].kind, buffer, sizeof buffer),
                            STATUS_SUCCESS);
    workload_expect(w, "query into a small buffer", fltsim_query(file, FileBasicInformation, buffer, 4),
                    STATUS_INFO_LENGTH_MISMATCH);

    FILE_BASIC_INFORMATION basic = {.LastWriteTime.QuadPart = 132000000000000000LL,
                                    .FileAttributes = FILE_ATTRIBUTE_HIDDEN};
    workload_expect(w, "set attributes and times", fltsim_set(file, FileBasicInformation, &basic, sizeof basic),
                    STATUS_SUCCESS);
    if (workload_expect(w, "query attributes", fltsim_query(file, FileBasicInformation, &basic, sizeof basic),
                        STATUS_SUCCESS) &&
        !(basic.FileAttributes & FILE_ATTRIBUTE_HIDDEN))
        workload_expect(w, "query attributes: not what was set", STATUS_DATA_ERROR, STATUS_SUCCESS);
    FILE_POSITION_INFORMATION position = {.CurrentByteOffset.QuadPart = 10};
    workload_expect(w, "set the position", fltsim_set(file, FilePositionInformation, &position, sizeof position),
                    STATUS_SUCCESS);
    workload_close(w, file);
}

/* As a disk checker does. */
static void lock_the_volume(struct workload *w)
{
    HANDLE volume = workload_open(w, "", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, STATUS_SUCCESS);
    workload_close(w, volume);
    volume = workload_open(w, "", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE}, STATUS_SUCCESS);
    if (!volume)
        return;
    workload_expect(w, "lock the volume", fltsim_fsctl(volume, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, NULL),
                    STATUS_SUCCESS);
    workload_expect(w, "unlock the volume", fltsim_fsctl(volume, FSCTL_UNLOCK_VOLUME, NULL, 0, NULL, 0, NULL),
                    STATUS_SUCCESS);
    workload_close(w, volume);
}

void workload_volume(struct workload *w)
{
    static const FS_INFORMATION_CLASS queries[] = {FileFsVolumeInformation, FileFsSizeInformation,
                                                   FileFsDeviceInformation, FileFsAttributeInformation,
                                                   FileFsFullSizeInformation};
    _Alignas(8) char buffer[512];
    HANDLE root = workload_open(w, "\\", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, STATUS_SUCCESS);

    if (!root)
        return;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        workload_expect(w, "query the volume", fltsim_query_volume(root, queries[i], buffer, sizeof buffer),
                        STATUS_SUCCESS);
    workload_expect(w, "is the volume mounted",
                    fltsim_fsctl(root, FSCTL_IS_VOLUME_MOUNTED, NULL, 0, NULL, 0, NULL), STATUS_SUCCESS);
    workload_close(w, root);
    lock_the_volume(w);
}
