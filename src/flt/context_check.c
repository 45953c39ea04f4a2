/* Contexts that a driver passes in: is it one, may it be used so, and if not, what is reported. */
#include "core.h"
#include "context.h"

#include "trace/trace.h"

static const struct {
    const char *Text, *InRoutine, *Set;
} names[] = {{"volume", "Volume", "FltSetVolumeContext"},
             {"instance", "Instance", "FltSetInstanceContext"},
             {"file", "File", "FltSetFileContext"},
             {"stream", "Stream", "FltSetStreamContext"},
             {"stream handle", "StreamHandle", "FltSetStreamHandleContext"},
             {"transaction", "Transaction", "FltSetTransactionContext"},
             {"section", "Section", "FltCreateSectionForDataScan"}};

const char *FltpContextTypeName(FLT_CONTEXT_TYPE Type)
{
    int index = FltpContextTypeIndex(Type);
    return index < 0 ? "unknown" : names[index].Text;
}

const char *FltpContextTypeInRoutines(FLT_CONTEXT_TYPE Type)
{
    int index = FltpContextTypeIndex(Type);
    return index < 0 ? "" : names[index].InRoutine;
}

const char *FltpSetRoutine(FLT_CONTEXT_TYPE Type) { return names[FltpContextTypeIndex(Type)].Set; }

const char *FltpContextRoutine(const char *Verb, FLT_CONTEXT_TYPE Type, char Text[64])
{
    snprintf(Text, 64, "Flt%s%sContext", Verb, FltpContextTypeInRoutines(Type));
    return Text;
}

struct verify_violation *FltpBeginContextReport(enum verify_rule Rule, PFLTP_CONTEXT Context, const char *Format, ...)
{
    char name[64], what[400];
    va_list arguments;
    PFLT_FILTER filter = Context->Filter;

    va_start(arguments, Format);
    vsnprintf(what, sizeof what, Format, arguments);
    va_end(arguments);
    return verify_begin(Rule, "%s context %p (%zu bytes) of filter \"%s\" %s.", FltpContextTypeName(Context->Type),
                        FltpDriverPart(Context), (size_t)Context->Size, FltpText(&filter->Name, name, sizeof name), what);
}

/* ---- one that is gone -------------------------------------------------------------------------------------------------- */

_Noreturn void FltpReportGoneContext(PFLT_CONTEXT Pointer, const FLTP_CONTEXT *Context, const char *Routine,
                                     const void *Site)
{
    bool release = !strncmp(Routine, "FltRelease", strlen("FltRelease"));
    bool known = Context->Magic == FLTP_CONTEXT_FREED_MAGIC || Context->Magic == FLTP_CONTEXT_MAGIC;
    bool linked = known && Context->State == FLTP_CONTEXT_LINKED;
    enum verify_rule rule = release ? VERIFY_CONTEXT_OVER_RELEASE : VERIFY_CONTEXT_USE_AFTER_FREE;
    struct verify_violation *v;

    if (!known)
        v = verify_begin_fatal(rule, "%s of %p, which is no context (any more).", Routine, Pointer);
    else
        v = verify_begin_fatal(rule, "%s of %s %s context %p%s.", Routine,
                               Context->Type == FLT_INSTANCE_CONTEXT ? "an" : "a", FltpContextTypeName(Context->Type), Pointer,
                               known && Context->Enlisted ? " of which only the references of its link and its enlistment are left;"
                                                            " those go with the transaction"
                               : linked ? " of which only the link's reference is left; that goes with the link"
                                        : " whose last reference is gone");
    if (known)
        verify_ledger_print(v, &Context->Ledger);
    verify_site(v, "this call", Site);
    verify_end_bugcheck(v, 0xF5, release ? 0x6D : 0x6E, (uint64_t)(uintptr_t)Pointer, (uint64_t)(uintptr_t)Context, 0);
}

_Noreturn void FltpReportNullContext(const char *Routine, const void *Site)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_BAD_FLT_OBJECT, "%s was given NULL instead of a context.", Routine);
    verify_site(v, "called by", Site);
    verify_end_bugcheck(v, 0x50, 0, 0, (uintptr_t)Site, 0);
}

void FltpCheckForDeadContext(PFLT_CONTEXT Pointer, const char *Routine, const void *Site)
{
    const FLTP_CONTEXT *dead = FltpFindDeadContext(Pointer);
    if (dead)
        FltpReportGoneContext(Pointer, dead, Routine, Site);
}

/* ---- somebody else's ---------------------------------------------------------------------------------------------------- */

void __attribute__((noinline)) FltpReportCaller(PFLT_FILTER Owner, PFLT_OBJECT Object, PFLTP_CONTEXT Context,
                                                const char *Routine, const void *Site)
{
    char name[64], text[200];
    struct verify_violation *v;

    if (!verify_first_time("context-from-other-filter", Site))
        return;
    const char *caller = verify_other_driver(Site, FltpText(&Owner->Name, name, sizeof name));
    if (!*caller)
        return;
    if (Context)
        v = FltpBeginContextReport(VERIFY_CONTEXT_FROM_OTHER_FILTER, Context, "was given to %s by another driver, \"%s\"",
                                   Routine, caller);
    else
        v = verify_begin(VERIFY_CONTEXT_FROM_OTHER_FILTER, "%s was given %s by another driver, \"%s\".", Routine,
                         FltpDescribe(Object, text, sizeof text), caller);
    if (Context)
        verify_ledger_print(v, &Context->Ledger);
    verify_site(v, "this call", Site);
    if (v)
        verify_blame(v, caller);
    verify_end(v);
}

void __attribute__((noinline)) FltpReportInstanceCaller(PFLT_INSTANCE Instance, const char *Routine, const void *Site)
{
    FltpCheckLive(Instance, Routine, Site);
    FltpReportCaller(Instance->Filter, &Instance->Base, NULL, Routine, Site);
}

/* ---- one that may not be used so ------------------------------------------------------------------------------------- */

void FltpReportContextPool(PFLTP_CONTEXT Context, const char *Routine, const void *Site)
{
    if (!verify_first_time(Routine, Site))
        return;
    struct verify_violation *v = FltpBeginContextReport(VERIFY_CONTEXT_PAGED_AT_DISPATCH, Context,
                                                        "is in paged pool, and %s was called at DISPATCH_LEVEL", Routine);
    verify_site(v, "allocated by", Context->Site);
    verify_ledger_print(v, &Context->Ledger);
    verify_site(v, "this call", Site);
    verify_end(v);
}

/* The bug is in the code that calls, whoever allocated. */
static void EndReport(struct verify_violation *v, PFLTP_CONTEXT context, const char *label, const void *site)
{
    verify_ledger_print(v, &context->Ledger);
    verify_site(v, label, site);
    if (v)
        verify_blame(v, verify_driver_of(site));
    verify_end(v);
}

void FltpReportSet(enum verify_rule Rule, PFLTP_CONTEXT Context, const char *Routine, const char *Why, const void *Site)
{
    EndReport(FltpBeginContextReport(Rule, Context, "was given to %s%s", Routine, Why), Context, "set by", Site);
}

void FltpReportSectionDeleted(PFLTP_CONTEXT Context, const void *Site)
{
    bool linked = Context->State == FLTP_CONTEXT_LINKED;
    EndReport(FltpBeginContextReport(VERIFY_CONTEXT_WRONG_TYPE, Context, "was given to FltDeleteContext: %s",
                                     linked ? "FltCloseSectionForDataScan closes the section and takes it off the stream"
                                            : "no section was made with it, and FltReleaseContext is all it takes"),
              Context, "this call", Site);
}

void FltpReportUnfit(PFLTP_CONTEXT Context, FLT_CONTEXT_TYPE Type, PFLT_INSTANCE Instance, const char *Routine,
                     const void *Site)
{
    char what[200], owner[64];
    if (Context->Type != Type) {
        FltpReportSet(VERIFY_CONTEXT_WRONG_TYPE, Context, Routine, "", Site);
        return;
    }
    snprintf(what, sizeof what, " with an instance of filter \"%s\"", FltpText(&Instance->Filter->Name, owner, sizeof owner));
    FltpReportSet(VERIFY_CONTEXT_FROM_OTHER_FILTER, Context, Routine, what, Site);
}

void __attribute__((noinline)) FltpReportInstance(PFLT_INSTANCE Instance, PFILE_OBJECT File, const char *Verb,
                                                  FLT_CONTEXT_TYPE Type, const void *Site)
{
    char text[64];
    FltpCheckInstanceCaller(Instance, FltpContextRoutine(Verb, Type, text), Site);
    if (FltpIsOnOtherVolume(Instance, File))
        FltpReportOtherVolume(Instance, File, FltpContextRoutine(Verb, Type, text), Site);
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */

void FltpReportOtherVolume(PFLT_INSTANCE Instance, PFILE_OBJECT File, const char *Routine, const void *Site)
{
    char text[200], name[100] = "another volume";
    PFLT_VOLUME volume = FltpVolumeFromDevice(File->Vpb->DeviceObject);

    if (!verify_first_time("context-wrong-instance", Site))
        return;
    if (volume)
        FltpText(&volume->Name, name, sizeof name);
    struct verify_violation *v =
        verify_begin(VERIFY_CONTEXT_WRONG_INSTANCE, "%s was given %s and a file on %s.", Routine,
                     FltpDescribe(&Instance->Base, text, sizeof text), name);
    verify_site(v, "this call", Site);
    verify_end(v);
}

void FltpCheckPreCreate(PFILE_OBJECT File, const char *Verb, FLT_CONTEXT_TYPE Type, const void *Site)
{
    char routine[64];

    if (!File || File->FsContext || !FltpIsBeingCreated(File) || !verify_first_time("context-in-pre-create", Site))
        return;
    struct verify_violation *v =
        verify_begin(VERIFY_CONTEXT_IN_PRE_CREATE, "%s was called before the file was opened: its create is still on its "
                     "way down.", FltpContextRoutine(Verb, Type, routine));
    verify_site(v, "this call", Site);
    verify_end(v);
}
