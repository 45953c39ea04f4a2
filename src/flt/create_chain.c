/* Creates that are issued from within creates: on one thread, or by the work that a create queued or by the thread that it
 * started, for which it mostly waits. What such work inherits is a copy: the creates may be over before it runs. */
#include "flt/create_chain.h"

#include "ke/thread.h"
#include "verify/verify.h"

/* How often one instance may be on the way to a create as the one that issued it. Whoever aims is there once. */
enum { FLTP_MAX_MEETINGS = 8, FLTP_MAX_CREATE_DEPTH = 64 };

/* Shared by all threads of a chain. */
struct create_end {
    LONG References;
    bool Endless;
};

struct create_trail {
    LONG References;
    struct create_trail *Outer;
    struct create_end *End;
    PFLT_INSTANCE Issuer;  /* an address: it may be gone */
    PFLT_INSTANCE Current; /* likewise: whose callback went on from here */
    unsigned Depth;
    bool Aimed, Post;
    bool Across; /* issued by work that the one outside queued */
    const char *Driver;
    char Filter[64], Thread[48];
    char Path[200];
};

/* ---- what work inherits ---- */

static struct create_end *ReferenceEnd(struct create_end *End)
{
    __atomic_add_fetch(&End->References, 1, __ATOMIC_RELAXED);
    return End;
}

static void DropEnd(struct create_end *End)
{
    if (End && __atomic_sub_fetch(&End->References, 1, __ATOMIC_ACQ_REL) == 0)
        sim_free(End);
}

static struct create_trail *ReferenceTrail(struct create_trail *Trail)
{
    if (Trail)
        __atomic_add_fetch(&Trail->References, 1, __ATOMIC_RELAXED);
    return Trail;
}

void FltpDropCreates(void *Origin)
{
    struct create_trail *trail = Origin;
    while (trail && __atomic_sub_fetch(&trail->References, 1, __ATOMIC_ACQ_REL) == 0) {
        struct create_trail *outer = trail->Outer;
        DropEnd(trail->End);
        sim_free(trail);
        trail = outer;
    }
}

static const char *PathOf(const struct create_frame *Frame, char *Text, size_t Size)
{
    return FltpText(&Frame->File->FileName, Text, Size);
}

static struct create_end *EndOf(struct create_frame *Frame)
{
    struct create_frame *outermost = Frame->Outermost;
    if (!outermost->End) {
        outermost->End = sim_alloc(sizeof *outermost->End);
        outermost->End->References = 1;
    }
    return outermost->End;
}

static void DescribeCurrent(struct create_trail *Trail, PFLT_INSTANCE Instance)
{
    Trail->Current = Instance;
    if (!Instance)
        return;
    FltpText(&Instance->Filter->Name, Trail->Filter, sizeof Trail->Filter);
    Trail->Driver = verify_driver_of(Instance->Filter->RegisteredAt);
}

static struct create_trail *CopyFrame(struct create_frame *Frame)
{
    struct create_trail *trail = sim_alloc(sizeof *trail);
    *trail = (struct create_trail){.References = 1,
                                   .End = ReferenceEnd(EndOf(Frame)),
                                   .Issuer = Frame->Issuer,
                                   .Depth = Frame->Depth,
                                   .Aimed = Frame->Target != NULL,
                                   .Post = Frame->Op && Frame->Op->Flags & FLTP_OP_IN_POST,
                                   .Across = !Frame->Outer && Frame->Trail};
    PathOf(Frame, trail->Path, sizeof trail->Path);
    snprintf(trail->Thread, sizeof trail->Thread, "%s", KiCurrentThread()->name);
    DescribeCurrent(trail, Frame->Op ? Frame->Op->Current : NULL);
    return trail;
}

/* A DPC only borrows the thread. */
void *FltpCaptureCreates(void)
{
    PKTHREAD thread = KiCurrentThread();
    struct create_trail *first = NULL, **link = &first;
    if (__builtin_expect(!thread->flt && !thread->origin, 1) || thread->irql >= DISPATCH_LEVEL)
        return NULL;
    for (struct create_frame *frame = thread->flt; frame; frame = frame->Outer) {
        *link = CopyFrame(frame);
        link = &(*link)->Outer;
    }
    *link = ReferenceTrail(thread->origin);
    return first;
}

/* ---- the report ---- */

static void DescribeIssuer(struct verify_violation *V, const char *Filter, bool Post, const char *Before, const char *After)
{
    if (*Filter)
        verify_history(V, "    %sfilter %s%s in its %s-create callback for the next one", Before, Filter, After,
                       Post ? "post" : "pre");
    else
        verify_history(V, "    issued by a driver below, for the next one");
}

static void DescribeStep(struct verify_violation *V, unsigned Depth, const char *Path, bool Aimed)
{
    verify_history(V, "%2u. create of \"%s\"%s", Depth, Path, Aimed ? ", aimed" : "");
}

static void DescribeAcross(struct verify_violation *V, const struct create_trail *Outer, const char *Thread)
{
    char before[100];
    snprintf(before, sizeof before, "issued on thread \"%s\" by work that ", Thread);
    DescribeIssuer(V, Outer->Filter, Outer->Post, before, " queued");
}

static void DescribeTrail(struct verify_violation *V, const struct create_trail *Trail)
{
    for (; Trail; Trail = Trail->Outer) {
        DescribeStep(V, Trail->Depth, Trail->Path, Trail->Aimed);
        if (Trail->Outer && Trail->Across)
            DescribeAcross(V, Trail->Outer, Trail->Thread);
        else if (Trail->Outer)
            DescribeIssuer(V, Trail->Outer->Filter, Trail->Outer->Post, "issued by ", "");
    }
}

/* Innermost first: each create, and the filter whose callback for the one behind it issued it. */
static void DescribeChain(struct verify_violation *V, const struct create_frame *Frame)
{
    char path[200], filter[100];
    for (; Frame; Frame = Frame->Outer) {
        DescribeStep(V, Frame->Depth, PathOf(Frame, path, sizeof path), Frame->Target != NULL);
        if (Frame->Outer)
            DescribeIssuer(V, Frame->Issuer ? FltpText(&Frame->Issuer->Filter->Name, filter, sizeof filter) : "",
                           Frame->Outer->Op && Frame->Outer->Op->Flags & FLTP_OP_IN_POST, "issued by ", "");
        if (!Frame->Outer && Frame->Trail) {
            DescribeAcross(V, Frame->Trail, KiCurrentThread()->name);
            DescribeTrail(V, Frame->Trail);
        }
    }
}

static const char *IssuerName(const struct create_frame *Frame, char *Text, size_t Size)
{
    return Frame->Outer ? FltpText(&Frame->Issuer->Filter->Name, Text, Size) : Frame->Trail->Filter;
}

static void ReportRecursion(const struct create_frame *Frame, unsigned Meetings)
{
    char filter[100];
    struct verify_violation *v =
        Meetings ? verify_begin(VERIFY_CREATE_RECURSION,
                                "Filter %s issued a create from within its own create %u times over: the creates are %u deep.",
                                IssuerName(Frame, filter, sizeof filter), Meetings, Frame->Depth)
                 : verify_begin(VERIFY_CREATE_RECURSION, "Creates were issued from within creates, %u deep.", Frame->Depth);
    DescribeChain(v, Frame);
    if (Frame->Issuer)
        verify_blame(v, Frame->Outer ? verify_driver_of(Frame->Issuer->Filter->RegisteredAt) : Frame->Trail->Driver);
    verify_end(v);
}

/* ---- is there an end? ---- */

static unsigned CountMeetings(const struct create_frame *Frame)
{
    unsigned count = 0;
    for (const struct create_frame *at = Frame; at; at = at->Outer)
        count += at->Issuer == Frame->Issuer;
    for (const struct create_trail *at = Frame->Outermost->Trail; at; at = at->Outer)
        count += at->Issuer == Frame->Issuer;
    return Frame->Issuer ? count : 0;
}

static bool WasFoundEndless(const struct create_frame *Outermost)
{
    return Outermost->Endless || (Outermost->End && __atomic_load_n(&Outermost->End->Endless, __ATOMIC_RELAXED));
}

/* A create that has an end meets nobody that often. */
static bool IsEndless(const struct create_frame *Frame)
{
    struct create_frame *outermost = Frame->Outermost;
    if (WasFoundEndless(outermost))
        return true;
    unsigned meetings = CountMeetings(Frame);
    if (meetings <= FLTP_MAX_MEETINGS && Frame->Depth <= FLTP_MAX_CREATE_DEPTH)
        return false;
    outermost->Endless = true;
    if (outermost->End)
        __atomic_store_n(&outermost->End->Endless, true, __ATOMIC_RELAXED);
    if (verify_first_time("create-recursion", Frame->Issuer))
        ReportRecursion(Frame, meetings > FLTP_MAX_MEETINGS ? meetings : 0);
    return true;
}

/* The same create in another frame is no other create. */
static struct create_frame *OuterOf(PIRP Irp)
{
    struct create_frame *outer = KiCurrentThread()->flt;
    while (outer && outer->Irp == Irp)
        outer = outer->Outer;
    return outer;
}

static void FollowTrail(struct create_frame *Frame, const struct create_trail *Trail)
{
    Frame->Trail = Trail;
    Frame->Depth = Trail->Depth + 1;
    Frame->Issuer = Trail->Current;
    Frame->End = ReferenceEnd(Trail->End);
}

bool FltpBeginCreate(struct create_frame *Frame, PIRP Irp, PFLT_INSTANCE Target)
{
    PKTHREAD thread = KiCurrentThread();
    *Frame = (struct create_frame){.Outer = OuterOf(Irp), .Irp = Irp, .Target = Target, .Depth = 1};
    Frame->File = IoGetCurrentIrpStackLocation(Irp)->FileObject;
    Frame->Outermost = Frame->Outer ? Frame->Outer->Outermost : Frame;
    if (Frame->Outer) {
        Frame->Depth = Frame->Outer->Depth + 1;
        Frame->Issuer = Frame->Outer->Op ? Frame->Outer->Op->Current : NULL;
    } else if (__builtin_expect(thread->origin != NULL, 0)) {
        FollowTrail(Frame, thread->origin);
    }
    return __builtin_expect(Frame->Depth == 1, 1) || !IsEndless(Frame);
}

void FltpEndCreate(struct create_frame *Frame)
{
    if (__builtin_expect(Frame->End != NULL, 0))
        DropEnd(Frame->End);
}

bool FltpIsBeingCreated(PFILE_OBJECT FileObject)
{
    for (const struct create_frame *at = KiCurrentThread()->flt; at; at = at->Outer)
        if (at->Op && at->Op->Iopb.TargetFileObject == FileObject)
            return !(at->Op->Flags & (FLTP_OP_IN_POST | FLTP_OP_SENT));
    return false;
}
