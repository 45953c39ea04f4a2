/* File names: the blocks that drivers hold, the cache, and how a name is put together.
 *
 * A block is made for one instance (its name providers are those below it) and is never changed but by parsing. It
 * lives while somebody holds it: drivers (Held), the cache, an operation. */
#ifndef FLTSIM_FLT_NAME_H
#define FLTSIM_FLT_NAME_H

#include "fltp.h"
#include "verify/api.h"

#define FLTP_NAME_MAGIC 0x656d616eu       /* "name" */
#define FLTP_NAME_FREED_MAGIC 0x656e6f67u /* "gone" */

typedef struct _FLTP_NAME {
    LIST_ENTRY Live;         /* shard's list */
    ULONG Magic;
    volatile LONG Total;     /* everybody's references */
    volatile LONG Held;      /* drivers' */
    USHORT VolumeLength;     /* bytes of Info.Name that name the volume */
    UCHAR Shard;
    PFLT_FILTER Filter;      /* who asked; NULL: nobody's instance */
    const void *Site;
    struct verify_ledger Ledger;
    WCHAR *Own;              /* pool that Info.Name stands in instead of Text; NULL: none */
    const void *ReleaseSite; /* who released it last */
    FLT_FILE_NAME_INFORMATION Info;
    WCHAR Text[];
} FLTP_NAME, *PFLTP_NAME;

/* What a driver is given of the name; the caller's reference goes over to it. Under special pool each answer is a block
 * of its own, so that who looks at it after its release is caught; else it is the name itself. */
PFLTP_NAME FltpNameForDriver(PFLTP_NAME Name, const void *Site);

/* A growing text; Units is sim_alloc'd. */
typedef struct _FLTP_TEXT {
    WCHAR *Units;
    size_t Count, Capacity;
} FLTP_TEXT, *PFLTP_TEXT;

void FltpAppendUnits(PFLTP_TEXT Text, const WCHAR *Units, size_t Count);
static inline void FltpAppendString(PFLTP_TEXT Text, PCUNICODE_STRING String)
{
    FltpAppendUnits(Text, String->Buffer, String->Length / sizeof(WCHAR));
}
void FltpFreeText(PFLTP_TEXT Text);
/* Points into the text. */
UNICODE_STRING FltpTextString(const FLTP_TEXT *Text, size_t From, size_t To);

/* One question. */
typedef struct _FLTP_NAME_REQUEST {
    PFLT_INSTANCE Instance;  /* whoever asks; NULL: nobody's, asked from the top */
    PFLT_VOLUME Volume;
    PFILE_OBJECT File;
    PFLT_CALLBACK_DATA Data; /* NULL: outside of an operation */
    FLT_FILE_NAME_OPTIONS Options;
    ULONG Format;
    bool Opened;             /* the file system knows the file object */
    bool Cacheable;          /* no provider said no */
    LONG64 Generation;       /* of the volume's cache, as the question began */
} FLTP_NAME_REQUEST, *PFLTP_NAME_REQUEST;

/* name.c */
PFLTP_NAME FltpCreateName(PFLTP_NAME_REQUEST Request, const FLTP_TEXT *Text, const void *Site);
void FltpReferenceName(PFLTP_NAME Name);  /* the cache's, an operation's */
void FltpDereferenceName(PFLTP_NAME Name);
void FltpHoldName(PFLTP_NAME Name, const char *Event, const void *Site); /* a driver's */

/* name_cache.c */
LONG64 FltpNameGeneration(PFLT_VOLUME Volume);
PFLTP_NAME FltpFindCachedName(PFLTP_NAME_REQUEST Request); /* referenced, or NULL */
void FltpCacheName(PFLTP_NAME_REQUEST Request, PFLTP_NAME Name);
void FltpForgetFileNames(PFLT_VOLUME Volume, PFILE_OBJECT FileObject, PFLT_INSTANCE Instance); /* NULL: any */

/* name_build.c: the name in the request's format, without cache. */
NTSTATUS FltpBuildName(PFLTP_NAME_REQUEST Request, PFLTP_TEXT Name);
/* The opened name of a file object that is open. */
NTSTATUS FltpQueryOpenedName(PFLTP_NAME_REQUEST Request, PFILE_OBJECT File, PFLTP_TEXT Name);

/* name_normalize.c */
NTSTATUS FltpNormalizeName(PFLTP_NAME_REQUEST Request, PFLT_INSTANCE Provider, PFLTP_TEXT Name);

/* name_io.c: below the request's instance. */
NTSTATUS FltpQueryNameBelow(PFLTP_NAME_REQUEST Request, PFILE_OBJECT File, FILE_INFORMATION_CLASS Class,
                            PFLTP_TEXT Name);
NTSTATUS FltpOpenBelow(PFLTP_NAME_REQUEST Request, PUNICODE_STRING Path, HANDLE Root, ULONG Options, PHANDLE Handle,
                       PFILE_OBJECT *File);
/* The name that the directory has for `Component`. STATUS_NO_SUCH_FILE: none. */
NTSTATUS FltpFindInDirectory(PFLTP_NAME_REQUEST Request, PFILE_OBJECT Directory, PUNICODE_STRING Component,
                             PFLTP_TEXT Found);

#endif
