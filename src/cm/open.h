/* Opening the keys that routines name by where they are. */
#ifndef FLTSIM_CM_OPEN_H
#define FLTSIM_CM_OPEN_H

#include <ntifs.h>

#include <stdbool.h>

/* RelativeTo and Path as in RtlQueryRegistryValues. `create` makes what is missing. With RTL_REGISTRY_HANDLE the handle
 * is the caller's; CmpCloseRelative knows. */
NTSTATUS CmpOpenRelative(ULONG RelativeTo, PCWSTR Path, bool create, PHANDLE key);
void CmpCloseRelative(ULONG RelativeTo, HANDLE key);
/* Opens, or creates, every component of a path below a key or (NULL) an absolute path. */
NTSTATUS CmpOpenPath(HANDLE root, PCUNICODE_STRING path, bool create, PHANDLE key);

#endif
