/* Software tracing (WPP) without its preprocessor. A driver includes a header that WPP would have generated for each of its
 * sources (`driver.tmh`); include/spellings.py --driver makes one that includes this and turns each trace function of the
 * driver's own configuration into nothing. Nothing is traced. */
#ifndef FLTSIM_WDK_NT_WPP_H
#define FLTSIM_WDK_NT_WPP_H

#define WPP_INIT_TRACING(...) ((void)0)
#define WPP_CLEANUP(...) ((void)0)
#define WPP_SYSTEMCONTROL(...) ((void)0)
#define WPP_SYSTEMCONTROL2(...) ((void)0)
#define WPP_ENABLED(...) 0
#define WPP_LEVEL_ENABLED(...) 0
#define WPP_FLAG_ENABLED(...) 0
#define DoTraceMessage(...) ((void)0)
#define DoDebugTrace(...) ((void)0)

#endif
