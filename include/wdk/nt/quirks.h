// Where a published driver's declaration and definition differ in a way that MSVC lets pass (its warning C4028) and no
// option of gcc or clang does. Each entry makes the two agree, and touches nothing else.
#ifndef FLTSIM_WDK_NT_QUIRKS_H
#define FLTSIM_WDK_NT_QUIRKS_H

// The minispy sample declares this cleanup callback with a PFLT_CONTEXT and defines it with its own context type: the
// declaration gets the type of the definition.
struct _MINISPY_TRANSACTION_CONTEXT;
#define SpyDeleteTxfContext(First, Second) SpyDeleteTxfContext(FLTSIM_QUIRK_FIRST(First), Second)
#define FLTSIM_QUIRK_FIRST(First) FLTSIM_QUIRK_FIRST_(First)
#define FLTSIM_QUIRK_FIRST_(First) FLTSIM_QUIRK_SPY_##First
#define FLTSIM_QUIRK_SPY_PFLT_CONTEXT struct _MINISPY_TRANSACTION_CONTEXT *
#define FLTSIM_QUIRK_SPY_PMINISPY_TRANSACTION_CONTEXT struct _MINISPY_TRANSACTION_CONTEXT *

#endif
