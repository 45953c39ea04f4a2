/* Taking file names apart. */
#include "name.h"

#include "fault/fault.h"

static UNICODE_STRING Part(PCUNICODE_STRING name, size_t from, size_t to)
{
    if (from >= to)
        return (UNICODE_STRING){0};
    USHORT bytes = (USHORT)((to - from) * sizeof(WCHAR));
    return (UNICODE_STRING){.Buffer = name->Buffer + from, .Length = bytes, .MaximumLength = bytes};
}

struct parts {
    size_t end, final, stream, extension; /* places in the name; stream, extension == end: none */
};

/* `from`: where the path begins, after the volume and share. */
static struct parts Split(PCUNICODE_STRING name, size_t from)
{
    struct parts p = {.end = name->Length / sizeof(WCHAR)};
    p.final = p.end;
    while (p.final > from && name->Buffer[p.final - 1] != u'\\')
        p.final--;
    p.stream = p.final;
    while (p.stream < p.end && name->Buffer[p.stream] != u':')
        p.stream++;
    p.extension = p.stream;
    while (p.extension > p.final && name->Buffer[p.extension - 1] != u'.')
        p.extension--;
    if (p.extension == p.final)
        p.extension = p.stream; /* no period */
    return p;
}

NTSTATUS FltParseFileName(PCUNICODE_STRING FileName, PUNICODE_STRING Extension, PUNICODE_STRING Stream,
                          PUNICODE_STRING FinalComponent)
{
    API_IRQL(FltParseFileName);
    struct parts p = Split(FileName, 0);
    if (Extension)
        *Extension = Part(FileName, p.extension, p.stream);
    if (Stream)
        *Stream = Part(FileName, p.stream, p.end);
    if (FinalComponent)
        *FinalComponent = Part(FileName, p.final, p.end);
    return STATUS_SUCCESS;
}

NTSTATUS FltParseFileNameInformation(PFLT_FILE_NAME_INFORMATION FileNameInformation)
{
    API_ENTER(FltParseFileNameInformation, FileNameInformation, SCHED_WRITE);
    PFLT_FILE_NAME_INFORMATION info = FileNameInformation;
    PFLTP_NAME block = CONTAINING_RECORD(info, FLTP_NAME, Info);
    size_t volume = block->VolumeLength / sizeof(WCHAR);
    struct parts p = Split(&info->Name, volume);
    if (info->Format != FLT_FILE_NAME_SHORT) {
        info->Volume = Part(&info->Name, 0, volume);
        info->ParentDir = Part(&info->Name, volume, p.final);
        info->Stream = Part(&info->Name, p.stream, p.end);
    }
    info->Extension = Part(&info->Name, p.extension, p.stream);
    info->FinalComponent = Part(&info->Name, p.final, p.end);
    info->NamesParsed = FLTFL_FILE_NAME_PARSED_FINAL_COMPONENT | FLTFL_FILE_NAME_PARSED_EXTENSION |
                        FLTFL_FILE_NAME_PARSED_STREAM | FLTFL_FILE_NAME_PARSED_PARENT_DIR;
    return STATUS_SUCCESS;
}

NTSTATUS FltCheckAndGrowNameControl(PFLT_NAME_CONTROL NameCtrl, USHORT NewSize)
{
    API_IRQL(FltCheckAndGrowNameControl);
    if (NewSize <= NameCtrl->Name.MaximumLength)
        return STATUS_SUCCESS;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    NameCtrl->Name.Buffer = sim_realloc(NameCtrl->Name.Buffer, NewSize);
    NameCtrl->Name.MaximumLength = NewSize;
    return STATUS_SUCCESS;
}
