/* Software tracing (WPP) without its preprocessor. A driver includes a header that WPP would have generated for each of its
 * sources (`driver.tmh`); `fltsim build` and include/spellings.py --driver make one that includes this and turns each trace
 * function of the driver's own configuration into nothing. Nothing is traced: no flag is ever enabled, at no level.
 * The driver's WPP_CONTROL_GUIDS stand before its first .tmh; their flags are enumerators here as there, WPP_BIT_<flag>. */
#ifndef FLTSIM_WDK_NT_WPP_H
#define FLTSIM_WDK_NT_WPP_H

#include <nt/types.h>

#define WPP_DEFINE_CONTROL_GUID(Name, Guid, Bits) Bits
#define WPP_DEFINE_BIT(Name) WPP_BIT_##Name,
#ifdef WPP_CONTROL_GUIDS
enum fltsim_wpp_flags { WPP_CONTROL_GUIDS fltsim_wpp_end };
#endif

struct fltsim_wpp_control {
    UCHAR Level;
    ULONG Flags[1];
    ULONG64 Logger;
};
static const struct fltsim_wpp_control fltsim_wpp_control __attribute__((__unused__)) = {0, {0}, 0};

#define WPP_INIT_TRACING(...) ((void)0)
#define WPP_CLEANUP(...) ((void)0)
#define WPP_SYSTEMCONTROL(...) ((void)0)
#define WPP_SYSTEMCONTROL2(...) ((void)0)
#define WPP_CONTROL(Bit) fltsim_wpp_control
#define WPP_ENABLED(...) 0
#define WPP_LEVEL_ENABLED(...) 0
#define WPP_FLAG_ENABLED(...) 0
/* With the comma behind it, as WPP's own: it is the first of a trace function's arguments. */
#define WPP_LEVEL_LOGGER(Flag) (WPP_CONTROL(WPP_BIT_##Flag).Logger),
#define WPP_FLAG_LOGGER(Flag) (WPP_CONTROL(WPP_BIT_##Flag).Logger),
#define WPP_LOGGER(...) (fltsim_wpp_control.Logger),
#define WPP_RECORDER_INITIALIZE(...) ((void)0)
#ifndef DoTraceMessage
#define DoTraceMessage(...) ((void)0)
#endif
#ifndef DoDebugTrace
#define DoDebugTrace(...) ((void)0)
#endif

#endif
