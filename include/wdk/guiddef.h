#ifndef FLTSIM_WDK_GUIDDEF_TYPES
#define FLTSIM_WDK_GUIDDEF_TYPES

#include <nt/types.h>

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
    unsigned int Data1;
    unsigned short Data2;
    unsigned short Data3;
    unsigned char Data4[8];
} GUID;
#endif

typedef GUID *PGUID, *LPGUID;
typedef const GUID *LPCGUID;
typedef GUID IID, *LPIID, CLSID, *LPCLSID, UUID, FMTID, *LPFMTID;

#ifdef __cplusplus
extern "C++" {
#define REFGUID const GUID &
#define REFIID const IID &
#define REFCLSID const IID &
#define REFFMTID const IID &
inline int InlineIsEqualGUID(REFGUID a, REFGUID b)
{
    return !memcmp(&a, &b, sizeof(GUID));
}
inline int IsEqualGUID(REFGUID a, REFGUID b)
{
    return !memcmp(&a, &b, sizeof(GUID));
}
#ifndef FLTSIM_GUID_OPERATORS
#define FLTSIM_GUID_OPERATORS
inline bool operator==(REFGUID a, REFGUID b)
{
    return IsEqualGUID(a, b) != 0;
}
inline bool operator!=(REFGUID a, REFGUID b)
{
    return !(a == b);
}
#endif
}
#else
#define REFGUID const GUID *
#define REFIID const IID *
#define REFCLSID const IID *
#define REFFMTID const IID *
#define InlineIsEqualGUID(a, b) (!memcmp((a), (b), sizeof(GUID)))
#define IsEqualGUID(a, b) (!memcmp((a), (b), sizeof(GUID)))
#endif
#define IsEqualIID(a, b) IsEqualGUID(a, b)
#define IsEqualCLSID(a, b) IsEqualGUID(a, b)

#ifdef __cplusplus
#define FLTSIM_EXTERN_GUID extern "C" const
#define FLTSIM_DEFINED_GUID extern "C" const
#else
#define FLTSIM_EXTERN_GUID extern const
#define FLTSIM_DEFINED_GUID const
#endif

#endif

/* Outside the guard: including <initguid.h> turns declarations into definitions from there on. */
#undef DEFINE_GUID
#ifdef INITGUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                               \
    FLTSIM_EXTERN_GUID GUID name __attribute__((weak));                                            \
    FLTSIM_DEFINED_GUID GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) FLTSIM_EXTERN_GUID GUID name
#endif
#undef DEFINE_OLEGUID
#define DEFINE_OLEGUID(name, l, w1, w2) DEFINE_GUID(name, l, w1, w2, 0xC0, 0, 0, 0, 0, 0, 0, 0x46)
