/* Frames: one row of minifilters in each device stack. A legacy filter that attached above a row closes it to higher
 * altitudes; a filter that comes later, and belongs above, opens another row on top of the legacy filter. */
#include "flt/core.h"

static PFLTP_FRAME TopFrame(void) { return CONTAINING_RECORD(FltGlobals.Frames.Flink, FLTP_FRAME, Link); }

static bool LegacyAbove(PFLTP_FRAME Frame)
{
    for (PLIST_ENTRY link = Frame->Volumes.Flink; link != &Frame->Volumes; link = link->Flink) {
        PFLT_VOLUME volume = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
        PDEVICE_OBJECT above = volume->DeviceObject->AttachedDevice;
        if (above && above->DriverObject != FltGlobals.DriverObject)
            return true;
    }
    return false;
}

/* The highest altitude that a closed frame takes. */
static void Close(PFLTP_FRAME Frame)
{
    Frame->Frozen = true;
    if (!IsListEmpty(&Frame->Filters)) {
        PFLT_FILTER first = CONTAINING_RECORD(Frame->Filters.Flink, struct _FLT_FILTER, Base.PrimaryLink);
        Frame->High = FltpCopyString(&first->DefaultAltitude);
    }
}

static bool Takes(PFLTP_FRAME Frame, PCUNICODE_STRING Altitude)
{
    return !Frame->Frozen || (Frame->High.Length && FltpCompareAltitudes(Altitude, &Frame->High) <= 0);
}

/* Its volumes stand on top of each stack that the frame below is in. */
static void AttachVolumes(PFLTP_FRAME Frame, PFLTP_FRAME Below)
{
    PFLT_VOLUME volume;
    for (PLIST_ENTRY link = Below->Volumes.Flink; link != &Below->Volumes; link = link->Flink) {
        PFLT_VOLUME lower = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
        bool control = lower->Flags & FLTP_VOLUME_CONTROL;
        if (NT_SUCCESS(FltpCreateVolume(Frame, lower->FileSystemDevice, lower->DiskDevice, control, &volume))) {
            volume->FileSystemType = lower->FileSystemType;
            volume->Flags |= lower->Flags & FLTP_VOLUME_SETUP_DONE;
        }
    }
}

/* Where a filter of that altitude belongs; filters register one after another. */
PFLTP_FRAME FltpFrameFor(PCUNICODE_STRING Altitude)
{
    PFLTP_FRAME top = TopFrame();

    if (!top->Frozen && LegacyAbove(top))
        Close(top);
    for (PLIST_ENTRY link = FltGlobals.Frames.Blink; link != &FltGlobals.Frames; link = link->Blink) {
        PFLTP_FRAME frame = CONTAINING_RECORD(link, FLTP_FRAME, Link);
        if (Takes(frame, Altitude))
            return frame;
    }
    PFLTP_FRAME frame = sim_alloc(sizeof *frame);
    frame->FrameId = top->FrameId + 1;
    InitializeListHead(&frame->Filters);
    InitializeListHead(&frame->Volumes);
    sched_lock(&FltGlobals.Lock);
    InsertHeadList(&FltGlobals.Frames, &frame->Link);
    sched_unlock(&FltGlobals.Lock);
    AttachVolumes(frame, top);
    return frame;
}

void FltpFreeFrames(void)
{
    while (!IsListEmpty(&FltGlobals.Frames)) {
        PFLTP_FRAME frame = CONTAINING_RECORD(RemoveHeadList(&FltGlobals.Frames), FLTP_FRAME, Link);
        FltpFreeString(&frame->High);
        if (frame != &FltGlobals.FrameZero)
            sim_free(frame);
    }
}
