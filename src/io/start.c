/* The room's start and stop: object types and the lists. */
#include "iop.h"

#include "io/power_setting.h"

#include "ps/process.h"

struct io_state *io;

/* What drivers see: pointers to the types. */
POBJECT_TYPE *IoFileObjectType, *IoDeviceObjectType, *IoDriverObjectType;

static const GENERIC_MAPPING file_mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                                             FILE_ALL_ACCESS};

static void CreateTypes(void)
{
    io->file_type = ObpCreateType(&(struct ob_type_info){
        .name = "File",
        .close = IopCloseFile,
        .delete = IopDeleteFile,
        .parse = IopParseFile,
        .query_name = IopQueryFileName,
        .mapping = file_mapping,
        .valid_access = FILE_ALL_ACCESS,
        .wait = offsetof(FILE_OBJECT, Event),
    });
    io->device_type = ObpCreateType(&(struct ob_type_info){
        .name = "Device",
        .delete = IopDeleteDevice,
        .parse = IopParseDevice,
        .mapping = file_mapping,
        .valid_access = FILE_ALL_ACCESS,
        .wait = OB_NO_WAIT,
    });
    io->driver_type = ObpCreateType(&(struct ob_type_info){
        .name = "Driver",
        .delete = IopDeleteDriver,
        .mapping = file_mapping,
        .valid_access = FILE_ALL_ACCESS,
        .wait = OB_NO_WAIT,
    });
    IoFileObjectType = &io->file_type;
    IoDeviceObjectType = &io->device_type;
    IoDriverObjectType = &io->driver_type;
}

bool IopStart(void)
{
    static unsigned generation;
    io = machine->io = sim_alloc(sizeof *io);
    io->generation = ++generation;
    InitializeListHead(&io->drivers);
    InitializeListHead(&io->fs_listeners);
    InitializeListHead(&io->reinitialize);
    InitializeListHead(&io->shutdown);
    for (unsigned i = 0; i < IOP_FS_KINDS; i++)
        InitializeListHead(&io->file_systems[i]);
    KeInitializeSpinLock(&io->cancel_lock);
    KeInitializeSpinLock(&io->vpb_lock);
    ExInitializeResourceLite(&io->database);
    CreateTypes();
    PspThreadEnds = IopCancelThreadIo;
    return true;
}

void IopStop(void)
{
    bool dead = sched_is_dead();
    if (!dead)
        ExDeleteResourceLite(&io->database);
    IopStopIrps(dead);
    if (dead)
        IopForgetPowerSettings();
    else
        IopReportPowerSettings(NULL);
    sim_free(io);
    io = machine->io = NULL;
}
