#include "sim/machine.h"
#include "sim/misuse.h"
#include "sim/service.h"

#ifdef FLTSIM_CRYPTO
#include "bcrypt/bcryptp.h"
#endif
#include "cm/callback.h"
#include "etw/etwp.h"
#include "ex/pool.h"
#include "flt/fltp.h"
#include "fsrtl/fsrtlp.h"
#include "io/iop.h"
#include "io/power_setting.h"
#include "net/net.h"
#include "ob/object.h"
#include "plat/file.h"
#include "plat/module.h"
#include "ps/psp.h"
#include "verify/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fltsim_driver {
    struct fltsim_driver *next; // drivers, or haunted
    char *name;
    UNICODE_STRING service; // the same
    PDRIVER_INITIALIZE entry;
    struct plat_module *module;
    PDRIVER_OBJECT object;
    char *altitude, *instance; /* what a driver without an INF is given unless it writes its own; or NULL */
    bool given;
};

static struct fltsim_driver *drivers; /* belongs to the machine; sim_unload_drivers empties it */
static struct sched_lock drivers_lock;
static struct fltsim_driver *haunted; /* gone, with a thread left that still waits for what lies in the module */

static NTSTATUS refuse(NTSTATUS status, const char *format, const char *a, const char *b)
{
    fprintf(stderr, "fltsim_load: ");
    fprintf(stderr, format, a, b);
    fputc('\n', stderr);
    return status;
}

/* ---- what the service says ---- */

enum { LONGEST_NAME = 240 };

static NTSTATUS describe(const struct fltsim_driver_options *options, struct sim_inf *inf, const char **name)
{
    char *error;

    *inf = (struct sim_inf){0};
    if (!options || !options->entry == !options->module)
        return refuse(STATUS_INVALID_PARAMETER, "give either an entry or a module%s%s", "", "");
    if (options->name && (!*options->name || strlen(options->name) > LONGEST_NAME || strchr(options->name, '\\')))
        return refuse(STATUS_INVALID_PARAMETER, "the name \"%.40s\"%s is no service name: 1 to 240 bytes, no backslash",
                      options->name, strlen(options->name) > 40 ? "..." : "");
    if (options->instance && !options->altitude)
        return refuse(STATUS_INVALID_PARAMETER, "the instance \"%s\" is without its altitude: give both%s", options->instance, "");
    if (options->altitude && !sim_altitude_is_valid(options->altitude))
        return refuse(STATUS_INVALID_PARAMETER, "the altitude \"%s\" is not a decimal number such as 370020%s",
                      options->altitude, "");
    if (options->inf) {
        if (!sim_inf_read(options->inf, inf, &error)) {
            NTSTATUS status = refuse(plat_file_exists(options->inf) ? STATUS_INVALID_PARAMETER : STATUS_OBJECT_NAME_NOT_FOUND,
                                     "%s%s", error, "");
            sim_inf_free_error(error);
            return status;
        }
        *name = options->name ? options->name : inf->service;
        return STATUS_SUCCESS;
    }
    *name = options->name ? options->name : "driver";
    inf->start = 3;
    inf->type = 2;
    return STATUS_SUCCESS;
}

/* ---- the image ---- */

static NTSTATUS open_image(struct fltsim_driver *driver, const struct fltsim_driver_options *options)
{
    char error[512];

    driver->entry = options->entry;
    if (!options->module)
        return STATUS_SUCCESS;
    driver->module = plat_module_open(options->module, error, sizeof error);
    if (!driver->module) {
        size_t length = strlen(options->module);
        bool says_it = !strncmp(error, options->module, length) && error[length] == ':';
        return refuse(plat_file_exists(options->module) ? STATUS_INVALID_IMAGE_FORMAT : STATUS_OBJECT_NAME_NOT_FOUND, "%s: %s",
                      options->module, says_it ? error + length + strspn(error + length, ": ") : error);
    }
    driver->entry = (PDRIVER_INITIALIZE)plat_module_symbol(driver->module, "DriverEntry");
    if (!driver->entry)
        return refuse(STATUS_INVALID_IMAGE_FORMAT, "%s defines no DriverEntry (a C++ driver says extern \"C\")%s",
                      options->module, "");
    return STATUS_SUCCESS;
}

static struct fltsim_driver *find_driver(PCUNICODE_STRING service)
{
    struct fltsim_driver *driver;
    sched_lock(&drivers_lock);
    for (driver = drivers; driver; driver = driver->next)
        if (RtlEqualUnicodeString(&driver->service, service, TRUE))
            break;
    sched_unlock(&drivers_lock);
    return driver;
}

bool sim_is_driver(const struct fltsim_driver *wanted)
{
    const struct fltsim_driver *driver;
    sched_lock(&drivers_lock);
    for (driver = drivers; driver && driver != wanted; driver = driver->next)
        continue;
    sched_unlock(&drivers_lock);
    return driver != NULL;
}

PDRIVER_INITIALIZE sim_find_image(PCUNICODE_STRING service)
{
    struct fltsim_driver *driver = find_driver(service);
    return driver ? driver->entry : NULL;
}

bool sim_give_instances(PCUNICODE_STRING service)
{
    struct fltsim_driver *driver = find_driver(service);
    if (!driver || !driver->altitude)
        return false;
    sim_service_give_instances(driver->name, driver->instance, driver->altitude);
    driver->given = true;
    return true;
}

bool fltsim_wrote_instances(const struct fltsim_driver *driver)
{
    SIM_NEED_DRIVER(driver);
    return driver->altitude && !driver->given && driver->object && FltpFilterFromDriver(driver->object);
}

bool fltsim_given_instances(const struct fltsim_driver *driver)
{
    SIM_NEED_DRIVER(driver);
    return driver->given;
}

static PDRIVER_OBJECT find_driver_object(const char *name)
{
    static const char *const folders[] = {"\\FileSystem\\", "\\Driver\\"};
    char path[320];
    PVOID object = NULL;

    for (size_t i = 0; i < 2 && !object; i++) {
        snprintf(path, sizeof path, "%s%s", folders[i], name);
        UNICODE_STRING full = sim_unicode(path);
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, &full, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, NULL, NULL);
        if (!NT_SUCCESS(ObpLookup(&attributes, *IoDriverObjectType, KernelMode, 0, NULL, &object)))
            object = NULL;
        sim_free(full.Buffer);
    }
    if (object)
        ObpDereference(object); /* the namespace's own reference keeps it until it is unloaded */
    return object;
}

/* ---- load and unload ---- */

static void link_driver(struct fltsim_driver *driver)
{
    sched_lock(&drivers_lock);
    driver->next = drivers;
    drivers = driver;
    sched_unlock(&drivers_lock);
}

static void unlink_driver(struct fltsim_driver *driver)
{
    sched_lock(&drivers_lock);
    struct fltsim_driver **at = &drivers;
    while (*at != driver)
        at = &(*at)->next;
    *at = driver->next;
    sched_unlock(&drivers_lock);
}

static void forget(struct fltsim_driver *driver)
{
    unlink_driver(driver);
    KiReportDriver(driver->name);
    ObpReportDriver(driver->name);
    bool left = PspReportDriver(driver->name);
    CmpReportDriver(driver->name);
    IopReportPowerSettings(driver->name);
#ifdef FLTSIM_CRYPTO
    BCryptpReportDriver(driver->name);
#endif
    EtwpReportDriver(driver->name);
    FsRtlpReportDriver(driver->name);
    NetpReportDriver(driver->name);
    ExpReportDriver(driver->name);
    sim_service_remove(driver->name);
    verify_unregister_driver(driver->name);
    sim_free(driver->name);
    sim_free(driver->service.Buffer);
    sim_free(driver->altitude);
    sim_free(driver->instance);
    if (left) {
        driver->next = haunted;
        haunted = driver;
        return;
    }
    plat_module_close(driver->module);
    sim_free(driver);
}

static NTSTATUS start(struct fltsim_driver *driver)
{
    UNICODE_STRING path = sim_service_path(driver->name);
    NTSTATUS status = ZwLoadDriver(&path);
    sim_free(path.Buffer);
    if (NT_SUCCESS(status)) {
        driver->object = find_driver_object(driver->name);
        return status;
    }
    FltpDriverFailed(&driver->service);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && !driver->altitude && !sim_service_has_instances(driver->name))
        refuse(status, "%s: DriverEntry answered STATUS_OBJECT_NAME_NOT_FOUND, as FltRegisterFilter does for a service without "
                       "an Instances key: give an INF, or an altitude%s", driver->name, "");
    return status;
}

NTSTATUS fltsim_load(const struct fltsim_driver_options *options, struct fltsim_driver **result)
{
    struct fltsim_driver *unwanted;
    struct sim_inf inf;
    const char *name;

    SIM_NEED_MACHINE();
    if (!result)
        result = &unwanted;
    *result = NULL;
    KiWatchFaults();
    NTSTATUS status = describe(options, &inf, &name);
    if (!NT_SUCCESS(status))
        return status;
    if (options->group) {
        free(inf.group);
        inf.group = strdup(options->group);
    }
    if (!sim_service_install(name, &inf)) {
        refuse(STATUS_OBJECT_NAME_COLLISION, "a service named \"%s\" is installed already%s", name, "");
        sim_inf_free(&inf);
        return STATUS_OBJECT_NAME_COLLISION;
    }

    struct fltsim_driver *driver = sim_alloc(sizeof *driver);
    driver->name = sim_strdup(name);
    driver->service = sim_unicode(name);
    if (options->altitude)
        driver->altitude = sim_strdup(options->altitude);
    if (options->instance)
        driver->instance = sim_strdup(options->instance);
    link_driver(driver);
    sim_inf_free(&inf);
    status = open_image(driver, options);
    if (NT_SUCCESS(status))
        verify_register_driver(driver->name, (const void *)driver->entry);
    if (NT_SUCCESS(status) && !options->no_start)
        status = start(driver);
    if (!NT_SUCCESS(status)) {
        forget(driver);
        return status;
    }
    *result = driver;
    return status;
}

/* As soon as what goes on is over. */
static enum iop_driver_state state_of(const struct fltsim_driver *driver)
{
    LARGE_INTEGER tick = {.QuadPart = -10000};
    if (!driver->object || find_driver_object(driver->name) != driver->object)
        return IOP_DRIVER_GONE;
    enum iop_driver_state state;
    while ((state = IopDriverState(driver->object)) == IOP_DRIVER_LEAVES)
        KeDelayExecutionThread(KernelMode, FALSE, &tick);
    return state;
}

static NTSTATUS unload(struct fltsim_driver *driver, bool mandatory)
{
    NTSTATUS status = STATUS_SUCCESS;

    if (!driver->object) /* it may have been started since it was installed */
        driver->object = find_driver_object(driver->name);
    if (state_of(driver) == IOP_DRIVER_HERE) { /* else another driver unloaded it, or it waited for a file to be closed */
        status = FltpUnloadFilter(driver->object, mandatory);
        if (status == STATUS_FLT_FILTER_NOT_FOUND) {
            UNICODE_STRING path = sim_service_path(driver->name);
            status = ZwUnloadDriver(&path);
            sim_free(path.Buffer);
        }
    }
    if (NT_SUCCESS(status) && state_of(driver) == IOP_DRIVER_WAITS)
        return STATUS_DEVICE_BUSY;
    if (NT_SUCCESS(status))
        forget(driver);
    return status;
}

NTSTATUS fltsim_unload(struct fltsim_driver *driver)
{
    SIM_NEED_DRIVER(driver);
    return unload(driver, false);
}

NTSTATUS fltsim_unload_mandatory(struct fltsim_driver *driver)
{
    SIM_NEED_DRIVER(driver);
    return unload(driver, true);
}

/* One that refuses and is linked into the test is taken for unloaded, so that what it left is reported. */
bool sim_unload_drivers(void)
{
    struct fltsim_driver *next;
    bool all = true;

    for (struct fltsim_driver *driver = drivers; driver; driver = next) {
        next = driver->next;
        NTSTATUS status = unload(driver, true);
        if (status == STATUS_DEVICE_BUSY) {
            IopUnloadThoughOpen(driver->object);
            status = unload(driver, true);
        }
        if (NT_SUCCESS(status))
            continue;
        if (driver->module)
            all = false;
        else
            forget(driver);
    }
    return all;
}

void sim_forget_drivers(void)
{
    while (drivers) {
        struct fltsim_driver *driver = drivers;
        drivers = driver->next;
        plat_module_close(driver->module);
    }
    while (haunted) {
        struct fltsim_driver *driver = haunted;
        haunted = driver->next;
        plat_module_close(driver->module);
        sim_free(driver);
    }
}

/* One that was only installed may have been started since (FltLoadFilter, ZwLoadDriver). */
PDRIVER_OBJECT fltsim_driver_object(struct fltsim_driver *driver)
{
    SIM_NEED_DRIVER(driver);
    if (!driver->object)
        driver->object = find_driver_object(driver->name);
    return driver->object;
}

const char *fltsim_driver_name(const struct fltsim_driver *driver)
{
    SIM_NEED_DRIVER(driver);
    return driver->name;
}
