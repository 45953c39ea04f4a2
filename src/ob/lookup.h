/* Walking the namespace. Private to ob. */
#ifndef FLTSIM_OB_LOOKUP_H
#define FLTSIM_OB_LOOKUP_H

#include "ob/state.h"

/* With the names locked. */
struct ob_name *ObpFindName(PVOID directory, const WCHAR *text, size_t length);
/* Are they whole, and the name neither too long nor missing? */
NTSTATUS ObpCheckAttributes(PCOBJECT_ATTRIBUTES attributes);
/* The directory that a new name goes into, referenced, and its last component (part of `path`). root: a directory
 * object or NULL. */
NTSTATUS ObpLookupParent(PVOID root, PCUNICODE_STRING path, ULONG attributes, PVOID *directory, UNICODE_STRING *last);
void ObpSetLinkTarget(PVOID object, PCUNICODE_STRING target);

#endif
