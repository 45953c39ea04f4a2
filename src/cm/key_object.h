/* Key objects: what a registry handle stands for. */
#ifndef FLTSIM_CM_KEY_OBJECT_H
#define FLTSIM_CM_KEY_OBJECT_H

#include "cm/cmp.h"
#include "ob/object.h"

extern POBJECT_TYPE CmpKeyType;

bool CmpCreateKeyType(void);
/* A key object for `key`, which the caller has pinned with the lock held: opens was counted. */
NTSTATUS CmpCreateKeyObject(struct cm_key *key, struct cm_key_object **object);
NTSTATUS CmpReferenceKey(HANDLE handle, ACCESS_MASK access, struct cm_key_object **object);

#endif
