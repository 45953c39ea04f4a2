/* Volumes that a test makes: a disk, its drive letter, its mount. */
#include <fltsim/fltsim.h>

#include "cc/ccp.h"
#include "io/iop.h"
#include "memfs/disk.h"
#include "ob/object.h"
#include "sim/machine.h"
#include "sim/misuse.h"
#include "sim/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fltsim_volume {
    struct fltsim_volume *next; /* volumes */
    PDEVICE_OBJECT disk;
    char device_name[64];
    char dos_name[4];
    char guid_name[64];
    const struct fltsim_legacy *below; /* attached at the mount; NULL: none */
};

static struct fltsim_volume *volumes; /* the machine's; sim_dismount_volumes empties it */
static struct sched_lock volumes_lock;

static NTSTATUS link_name(const char *prefix, const char *name, const char *target)
{
    char text[96];
    snprintf(text, sizeof text, "%s%s", prefix, name);
    UNICODE_STRING link = sim_unicode(text), device = target ? sim_unicode(target) : (UNICODE_STRING){0};
    NTSTATUS status = target ? ObpCreateLink(&link, &device) : ObpDeleteLink(&link);
    sim_free(link.Buffer);
    sim_free(device.Buffer);
    return status;
}

static bool letter_taken(char letter)
{
    bool taken = false;
    sched_lock(&volumes_lock);
    for (struct fltsim_volume *v = volumes; v; v = v->next)
        taken |= v->dos_name[0] == letter;
    sched_unlock(&volumes_lock);
    return taken;
}

static char choose_letter(char wanted)
{
    if (wanted >= 'a' && wanted <= 'z')
        wanted = (char)(wanted - 32);
    if (wanted)
        return !letter_taken(wanted) ? wanted : 0;
    for (char letter = 'C'; letter <= 'Z'; letter++)
        if (!letter_taken(letter))
            return letter;
    return 0;
}

static bool label_fits(const struct fltsim_volume_options *options)
{
    if (!options->label)
        return true;
    UNICODE_STRING label = sim_unicode(options->label);
    bool fits = label.Length <= (options->kind == FLTSIM_FAT ? 11 * sizeof(WCHAR) : MAXIMUM_VOLUME_LABEL_LENGTH);
    sim_free(label.Buffer);
    return fits;
}

static NTSTATUS name_volume(struct fltsim_volume *volume, char letter)
{
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[256];
    } name;
    ULONG length;
    NTSTATUS status = ObQueryNameString(volume->disk, &name.info, sizeof name, &length);
    if (!NT_SUCCESS(status))
        return status;
    trace_utf8((const uint16_t *)name.info.Name.Buffer, name.info.Name.Length, volume->device_name,
               sizeof volume->device_name);
    snprintf(volume->dos_name, sizeof volume->dos_name, "%c:", letter);
    const char *digits = strpbrk(volume->device_name, "0123456789");
    snprintf(volume->guid_name, sizeof volume->guid_name, "Volume{5e3f7a10-0000-0000-0000-%012lu}",
             digits ? (unsigned long)strtoul(digits, NULL, 10) : 0ul);
    status = link_name("\\??\\", volume->dos_name, volume->device_name);
    if (!NT_SUCCESS(status))
        return status;
    status = link_name("\\??\\", volume->guid_name, volume->device_name);
    if (!NT_SUCCESS(status))
        link_name("\\??\\", volume->dos_name, NULL);
    return status;
}

static NTSTATUS mount_now(struct fltsim_volume *volume)
{
    PVPB vpb;
    NTSTATUS status = IopMountVolume(volume->disk, &vpb);
    if (NT_SUCCESS(status))
        IopDereferenceVpb(vpb);
    return status;
}

static void unname(struct fltsim_volume *volume)
{
    link_name("\\??\\", volume->dos_name, NULL);
    link_name("\\??\\", volume->guid_name, NULL);
    sched_lock(&volumes_lock);
    for (struct fltsim_volume **at = &volumes; *at; at = &(*at)->next) {
        if (*at == volume) {
            *at = volume->next;
            break;
        }
    }
    sched_unlock(&volumes_lock);
}

static const char *wrong_option(const struct fltsim_volume_options *options)
{
    char letter = (char)(options->letter | 32);
    if ((unsigned)options->kind > FLTSIM_CSVFS)
        return "the kind is none of enum fltsim_volume_kind";
    if ((unsigned)options->completion > FLTSIM_COMPLETE_CHOICE)
        return "the completion is none of enum fltsim_completion";
    if (options->letter && (letter < 'a' || letter > 'z'))
        return "the letter is none from A to Z";
    if (options->clustered && options->kind != FLTSIM_NTFS)
        return "only an NTFS volume can be clustered: it is the one beneath a CSVFS volume";
    if (options->size > INT64_MAX)
        return "no disk has that size";
    return label_fits(options) ? NULL : "the label is longer than 32 characters (FAT: 11)";
}

NTSTATUS fltsim_mount(const struct fltsim_volume_options *options, struct fltsim_volume **result)
{
    struct fltsim_volume_options resolved = options ? *options : (struct fltsim_volume_options){0};
    struct fltsim_volume *unwanted;
    SIM_NEED_MACHINE();
    if (!result)
        result = &unwanted;
    *result = NULL;
    const char *wrong = wrong_option(&resolved);
    if (wrong) {
        fprintf(stderr, "fltsim_mount: %s\n", wrong);
        return STATUS_INVALID_PARAMETER;
    }
    resolved.letter = choose_letter(resolved.letter);
    if (!resolved.letter)
        return STATUS_OBJECT_NAME_COLLISION;
    struct fltsim_volume *volume = sim_alloc(sizeof *volume);
    NTSTATUS status = MemfsCreateDisk(&resolved, &volume->disk);
    if (!NT_SUCCESS(status)) {
        sim_free(volume);
        return status;
    }
    status = name_volume(volume, resolved.letter);
    if (!NT_SUCCESS(status)) {
        MemfsDeleteDisk(volume->disk);
        sim_free(volume);
        return status;
    }
    volume->below = resolved.legacy;
    sched_lock(&volumes_lock);
    volume->next = volumes;
    volumes = volume;
    sched_unlock(&volumes_lock);
    if (!resolved.not_mounted)
        status = mount_now(volume);
    if (!NT_SUCCESS(status)) {
        unname(volume);
        MemfsDeleteDisk(volume->disk);
        sim_free(volume);
        return status;
    }
    *result = volume;
    return status;
}

bool sim_is_volume(const struct fltsim_volume *wanted)
{
    const struct fltsim_volume *volume;
    sched_lock(&volumes_lock);
    for (volume = volumes; volume && volume != wanted; volume = volume->next)
        continue;
    sched_unlock(&volumes_lock);
    return volume != NULL;
}

static USHORT follow(PCUNICODE_STRING name, USHORT at, const char *text)
{
    for (; *text; text++, at++)
        if (at >= name->Length / sizeof(WCHAR) || (name->Buffer[at] | 32) != (*text | 32))
            return 0;
    return at;
}

/* How many characters of the name are the volume's; 0: it leads elsewhere. */
static USHORT volume_part(const struct fltsim_volume *volume, PCUNICODE_STRING name)
{
    USHORT prefix = follow(name, 0, "\\??\\"), at = 0;
    if (prefix && !(at = follow(name, prefix, volume->dos_name)))
        at = follow(name, prefix, volume->guid_name);
    if (!prefix)
        at = follow(name, 0, volume->device_name);
    return at && at < name->Length / sizeof(WCHAR) && name->Buffer[at] == '\\' ? at : 0;
}

PDEVICE_OBJECT sim_find_disk(PCUNICODE_STRING name, PUNICODE_STRING rest)
{
    PDEVICE_OBJECT disk = NULL;
    sched_lock(&volumes_lock);
    for (struct fltsim_volume *at = volumes; at && !disk; at = at->next) {
        USHORT length = volume_part(at, name);
        if (!length)
            continue;
        disk = at->disk;
        ObpReference(disk);
        rest->Buffer = name->Buffer + length;
        rest->Length = rest->MaximumLength = (USHORT)(name->Length - length * sizeof(WCHAR));
    }
    sched_unlock(&volumes_lock);
    return disk;
}

void sim_volume_mounted(PDEVICE_OBJECT device, PDEVICE_OBJECT disk)
{
    const struct fltsim_legacy *below = NULL;
    sched_lock(&volumes_lock);
    for (struct fltsim_volume *at = volumes; at; at = at->next)
        if (at->disk == disk)
            below = at->below;
    sched_unlock(&volumes_lock);
    if (below)
        sim_attach_legacy(device, below, NULL);
}

NTSTATUS fltsim_dismount(struct fltsim_volume *volume)
{
    SIM_NEED_VOLUME(volume);
    unname(volume);
    IopForbidMount(volume->disk);
    MemfsEject(volume->disk);
    MemfsDeleteDisk(volume->disk);
    sim_free(volume);
    return STATUS_SUCCESS;
}

void sim_dismount_volumes(void)
{
    while (volumes) {
        struct fltsim_volume *volume = volumes;
        unname(volume);
        IopForbidMount(volume->disk);
        MemfsDismount(volume->disk);
        MemfsDeleteDisk(volume->disk);
        sim_free(volume);
    }
    MemfsDrain();
    /* The cache keeps the file object of a stream that it has still to write back, or to give up. */
    for (unsigned i = 0; i < 8 && MemfsHasVolumes(); i++) {
        CcpLazyPass();
        MemfsDrain();
    }
    if (MemfsHasVolumes()) { /* somebody keeps file objects */
        ObpDeleteLeaked(*IoFileObjectType, MemfsIsOurs);
        MemfsDrain();
    }
}

/* After a fatal end: the memory goes wholesale. */
void sim_forget_volumes(void) { volumes = NULL; }

void fltsim_fail_over(struct fltsim_volume *volume)
{
    SIM_NEED_VOLUME(volume);
    MemfsClusterForgets(volume->disk);
}

void fltsim_trim(struct fltsim_volume *volume)
{
    SIM_NEED_VOLUME(volume);
    MemfsTrim(volume->disk);
}

const char *fltsim_volume_device_name(const struct fltsim_volume *volume)
{
    SIM_NEED_VOLUME(volume);
    return volume->device_name;
}

const char *fltsim_volume_dos_name(const struct fltsim_volume *volume)
{
    SIM_NEED_VOLUME(volume);
    return volume->dos_name;
}

PDEVICE_OBJECT fltsim_volume_device(const struct fltsim_volume *volume)
{
    SIM_NEED_VOLUME(volume);
    PVPB vpb = volume->disk->Vpb;
    return IopAttached(vpb && (vpb->Flags & VPB_MOUNTED) ? vpb->DeviceObject : volume->disk);
}
