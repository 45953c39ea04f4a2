/* Reading a driver's INF: the service it installs and the registry values that go with it.
 *
 * Read are UTF-8, UTF-16 with a byte order mark, and the ANSI code page (1252); [Strings] and its language variants;
 * [DefaultInstall*.Services] with AddService; the service's section with its AddReg. Other sections are ignored. */
#ifndef FLTSIM_SIM_INF_H
#define FLTSIM_SIM_INF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One value under the service's key. */
struct sim_inf_value {
    char *key;  /* below the service key: "Instances\\My Instance"; "" is the service key itself */
    char *name; /* "Altitude"; "" is the default value; NULL: only the key (FLG_ADDREG_KEYONLY) */
    uint32_t type; /* REG_SZ, REG_DWORD ... */
    uint32_t number;       /* of a REG_DWORD */
    char *text;            /* of the string types, UTF-8; REG_MULTI_SZ: parts separated by '\n' */
    unsigned char *binary; /* of REG_BINARY */
    size_t size;           /* of binary */
    unsigned line;         /* where it stands */
};

struct sim_inf {
    char *service; /* "nullFilter" */
    char *display_name;
    char *binary; /* "nullFilter.sys" without its folder */
    char *group;
    uint32_t start;
    uint32_t type;
    struct sim_inf_value *values;
    size_t count;
    char *remarks; /* what was read otherwise than written, a line each: "file:line: ..."; or NULL */
};

/* What Visual Studio's template leaves to the author, "_TODO_Change_Altitude_appropriately_", is read as this. */
#define SIM_INF_DEFAULT_ALTITUDE "370000"

/* False: *error is "file:line: what is wrong, and the rule", to be freed with sim_inf_free_error; *inf is empty. */
bool sim_inf_read(const char *path, struct sim_inf *inf, char **error);
/* The same on text in memory; `path` is only for messages. */
bool sim_inf_parse(const char *path, const void *bytes, size_t size, struct sim_inf *inf, char **error);
void sim_inf_free(struct sim_inf *inf);
void sim_inf_free_error(char *error);

/* An altitude as documented: a decimal number of any length, perhaps with a fraction. */
bool sim_altitude_is_valid(const char *text);

#endif
