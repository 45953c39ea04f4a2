/* Power settings: the machine is plugged in, awake, with its lid open, and stays so. */
#include "io/power_setting.h"

#include "iop.h"

#include "fault/fault.h"

#include <string.h>

struct setting {
    GUID id;
    ULONG value;
};

static const struct setting settings[] = {
    {{0x5d3e9a59, 0xe9d5, 0x4b00, {0xa6, 0xbd, 0xff, 0x34, 0xff, 0x51, 0x65, 0x48}}, 0},   /* ACDC_POWER_SOURCE: AC */
    {{0x02731015, 0x4510, 0x4526, {0x99, 0xe6, 0xe5, 0xa1, 0x7e, 0xbd, 0x1a, 0xea}}, 1},   /* MONITOR_POWER_ON */
    {{0x6fe69556, 0x704a, 0x47a0, {0x8f, 0x24, 0xc2, 0x8d, 0x93, 0x6f, 0xda, 0x47}}, 1},   /* CONSOLE_DISPLAY_STATE: on */
    {{0xba3e0f4d, 0xb817, 0x4094, {0xa2, 0xd1, 0xd5, 0x63, 0x79, 0xe6, 0xa0, 0xf3}}, 1},   /* LIDSWITCH_STATE_CHANGE: open */
    {{0xa7ad8041, 0xb45a, 0x4cae, {0x87, 0xa3, 0xee, 0xcb, 0xb4, 0x68, 0xa9, 0xe1}}, 100}, /* BATTERY_PERCENTAGE_REMAINING */
    {{0x98a7f580, 0x01f7, 0x48aa, {0x9c, 0x0f, 0x44, 0x35, 0x2c, 0x29, 0xe5, 0xc0}}, 0},   /* SYSTEM_AWAYMODE: none */
    {{0xe00958c0, 0xc213, 0x4ace, {0xac, 0x77, 0xfe, 0xcc, 0xed, 0x2e, 0xee, 0xa5}}, 0},   /* POWER_SAVING_STATUS: off */
};

struct registration {
    struct registration *next; /* registrations */
    PPOWER_SETTING_CALLBACK callback;
    const void *site;
};

static struct registration *registrations; /* the machine's */
static struct sched_lock lock;

static const struct setting *Find(LPCGUID id)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (!memcmp(&settings[i].id, id, sizeof *id))
            return &settings[i];
    return NULL;
}

/* With the setting's value as it is; of a setting that the machine has not, nothing is ever heard. */
NTSTATUS PoRegisterPowerSettingCallback(PDEVICE_OBJECT DeviceObject, LPCGUID SettingGuid, PPOWER_SETTING_CALLBACK Callback,
                                        PVOID Context, PVOID *Handle)
{
    API_ENTER(PoRegisterPowerSettingCallback, SettingGuid, SCHED_WRITE);
    const struct setting *setting = Find(SettingGuid);
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct registration *fresh = sim_alloc(sizeof *fresh);
    *fresh = (struct registration){.callback = Callback, .site = VERIFY_CALLER};
    sched_lock(&lock);
    fresh->next = registrations;
    registrations = fresh;
    sched_unlock(&lock);
    if (Handle)
        *Handle = fresh;
    ULONG value = setting ? setting->value : 0;
    if (setting)
        Callback(SettingGuid, &value, sizeof value, Context);
    return STATUS_SUCCESS;
}

static bool IsWanted(const struct registration *at, const void *handle, const char *driver)
{
    if (handle)
        return at == handle;
    return !driver || verify_is_driver_code((const void *)(ULONG_PTR)at->callback, driver);
}

/* NULL: there is none. */
static struct registration *Take(const void *handle, const char *driver)
{
    struct registration *found = NULL;
    sched_lock(&lock);
    for (struct registration **link = &registrations; *link && !found; link = found ? link : &(*link)->next) {
        if (!IsWanted(*link, handle, driver))
            continue;
        found = *link;
        *link = found->next;
    }
    sched_unlock(&lock);
    return found;
}

NTSTATUS PoUnregisterPowerSettingCallback(PVOID Handle)
{
    API_ENTER(PoUnregisterPowerSettingCallback, Handle, SCHED_WRITE);
    struct registration *found = Handle ? Take(Handle, NULL) : NULL;
    if (!found)
        return STATUS_INVALID_PARAMETER;
    sim_free(found);
    return STATUS_SUCCESS;
}

void IopReportPowerSettings(const char *driver)
{
    struct registration *found;
    while ((found = Take(NULL, driver))) {
        struct verify_violation *v =
            verify_begin(VERIFY_CALLBACK_REGISTERED, "A callback for a power setting is still registered.");
        verify_routine(v, "routine", (const void *)(ULONG_PTR)found->callback);
        verify_site(v, "registered by", found->site);
        verify_end(v);
        sim_free(found);
    }
}

void IopForgetPowerSettings(void) { registrations = NULL; }
