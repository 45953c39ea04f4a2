#include "cm/callback.h"
#include "cm/key_object.h"

#include "sim/machine.h"

static const char *const first_keys[] = {
    "MACHINE", "MACHINE\\SYSTEM", "MACHINE\\SYSTEM\\CurrentControlSet", "MACHINE\\SYSTEM\\CurrentControlSet\\Services",
    "MACHINE\\SYSTEM\\CurrentControlSet\\Control", "MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager",
    "MACHINE\\SOFTWARE", "USER", "USER\\.DEFAULT",
};

static void add_key(struct cm_key *root, const char *path)
{
    WCHAR buffer[128];
    UNICODE_STRING name = {0, sizeof buffer, buffer}, left;

    for (; *path; path++)
        buffer[name.Length / sizeof(WCHAR)] = (WCHAR)*path, name.Length += sizeof(WCHAR);
    struct cm_key *parent = CmpWalk(root, name, &left);
    CmpAddChild(parent, &left);
}

bool CmpStart(void)
{
    static const UNICODE_STRING registry = RTL_CONSTANT_STRING(u"REGISTRY"), path = RTL_CONSTANT_STRING(u"\\REGISTRY");
    struct cm_key parent = {0};
    struct cm_key_object *object;

    machine->cm = sim_alloc(sizeof *machine->cm);
    machine->cm->root = CmpAddChild(&parent, &registry);
    machine->cm->root->parent = NULL;
    for (size_t i = 0; i < sizeof first_keys / sizeof *first_keys; i++)
        add_key(machine->cm->root, first_keys[i]);

    if (!CmpCreateKeyType())
        return false;
    machine->cm->root->opens++;
    if (!NT_SUCCESS(CmpCreateKeyObject(machine->cm->root, &object)))
        return false;
    NTSTATUS status = ObpInsertName(object, NULL, &path, OBJ_CASE_INSENSITIVE | OBJ_PERMANENT);
    machine->cm->root_object = object;
    return NT_SUCCESS(status);
}

void CmpStop(void)
{
    if (!sched_is_dead())
        CmpReportDriver(NULL);
    ObpRemoveName(machine->cm->root_object);
    ObpDereference(machine->cm->root_object);
    CmpFreeKey(machine->cm->root);
    sim_free(machine->cm);
    machine->cm = NULL;
}
