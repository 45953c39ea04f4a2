"""Small drivers from which the tests of the command are made, and what runs them. Prints TAP.

usage, of a test that has this: test_x.py FLTSIM
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

FLTSIM = sys.argv[1]

DRIVER = r'''
#include <fltKernel.h>
PFLT_FILTER Filter;
%(globals)s
static FLT_PREOP_CALLBACK_STATUS Pre(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    %(pre)s
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
static NTSTATUS Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    %(end)s
    FltUnregisterFilter(Filter);
    %(unload)s
    return STATUS_SUCCESS;
}
static const FLT_CONTEXT_REGISTRATION Contexts[] = {
    { FLT_STREAM_CONTEXT, 0, NULL, 64, 'tset' },
    { FLT_CONTEXT_END }
};
static const FLT_OPERATION_REGISTRATION Operations[] = {
    { %(major)s, 0, Pre, %(post)s },
    { IRP_MJ_OPERATION_END }
};
static const FLT_REGISTRATION Registration = {
    sizeof(FLT_REGISTRATION), FLT_REGISTRATION_VERSION, 0, Contexts, Operations, Unload%(registration)s
};
NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;
    %(entry)s
    status = FltRegisterFilter(DriverObject, &Registration, &Filter);
    if (!NT_SUCCESS(status))
        return status;
    %(begin)s
    status = FltStartFiltering(Filter);
    if (!NT_SUCCESS(status)) {
        %(end)s
        FltUnregisterFilter(Filter);
    }
    return status;
}
'''

PORT = r'''
static PFLT_PORT Server, Client;
static NTSTATUS Connect(PFLT_PORT Port, PVOID Cookie, PVOID Context, ULONG Size, PVOID *Own)
{
    Client = Port;
    return STATUS_SUCCESS;
}
static VOID Disconnect(PVOID Own) { FltCloseClientPort(Filter, &Client); }
static NTSTATUS Message(PVOID Own, PVOID In, ULONG InLength, PVOID Out, ULONG OutLength, PULONG Done)
{
    *Done = 0;
    %(message)s
    return STATUS_SUCCESS;
}
static VOID OpenPort(VOID)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Port");
    PSECURITY_DESCRIPTOR security;
    OBJECT_ATTRIBUTES attributes;
    if (!NT_SUCCESS(FltBuildDefaultSecurityDescriptor(&security, FLT_PORT_ALL_ACCESS)))
        return;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, security);
    FltCreateCommunicationPort(Filter, &Server, &attributes, NULL, Connect, Disconnect, Message, 1);
    FltFreeSecurityDescriptor(security);
}
static VOID ClosePort(VOID)
{
    if (Server)
        FltCloseCommunicationPort(Server);
}
'''

DEVICE = r'''
static PDEVICE_OBJECT Device;
static NTSTATUS Dispatch(PDEVICE_OBJECT Object, PIRP Irp)
{
    if (IoGetCurrentIrpStackLocation(Irp)->MajorFunction == IRP_MJ_DEVICE_CONTROL &&
        IoGetCurrentIrpStackLocation(Irp)->Parameters.DeviceIoControl.IoControlCode ==
            CTL_CODE(FILE_DEVICE_UNKNOWN, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS)) {
        %(control)s
    }
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}
static VOID MakeDevice(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\Device\\Control");
    for (int i = 0; i <= IRP_MJ_DEVICE_CONTROL; i++)
        Driver->MajorFunction[i] = Dispatch;
    if (NT_SUCCESS(IoCreateDevice(Driver, 0, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &Device)))
        Device->Flags &= ~DO_DEVICE_INITIALIZING;
}
static VOID DropDevice(VOID)
{
    if (Device)
        IoDeleteDevice(Device);
}
'''
# Takes its successful creates back, and says so or not.
CANCEL = r'''
static FLT_POSTOP_CALLBACK_STATUS Cancel(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID Context,
                                         FLT_POST_OPERATION_FLAGS Flags)
{
    static LONG count;
    if (NT_SUCCESS(Data->IoStatus.Status) && Data->IoStatus.Status != STATUS_REPARSE &&
        InterlockedIncrement(&count) %% 50 == 0) {
        FltCancelFileOpen(FltObjects->Instance, FltObjects->FileObject);
        %(status)s
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}
'''
CANCELLED = 'Data->IoStatus.Status = STATUS_ACCESS_DENIED; Data->IoStatus.Information = 0;'
RESOURCE = ("{ PERESOURCE r = ExAllocatePoolWithTag(%s, sizeof *r, 'rseR'); if (r) { ExInitializeResourceLite(r);"
            "ExDeleteResourceLite(r); ExFreePoolWithTag(r, 'rseR'); } }")
NAME = ("{ PFLT_FILE_NAME_INFORMATION n; WCHAR c = 0; if (NT_SUCCESS(FltGetFileNameInformation(Data, FLT_FILE_NAME_OPENED |"
        "FLT_FILE_NAME_QUERY_DEFAULT, &n))) { c = n->Name.Buffer[0]; %s } if (c == 1) return FLT_PREOP_DISALLOW_FASTIO; }")
CRASH = '*(volatile ULONG *)16 = 1;'


def port(message='', **more):
    return dict(globals=PORT % dict(message=message), begin='OpenPort();', end='ClosePort();', **more)


def device(control=''):
    return dict(globals=DEVICE % dict(control=control), begin='MakeDevice(DriverObject);', end='DropDevice();')


def driver(**parts):
    return DRIVER % {**dict(globals='', pre='', unload='', entry='', begin='', end='', post='NULL', major='IRP_MJ_CREATE', registration=''),
                     **parts}


def write(folder, name, content):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as out:
        out.write(content if isinstance(content, bytes) else content.encode())


def fltsim(*arguments):
    return subprocess.run([FLTSIM, *arguments], capture_output=True, text=True, timeout=120)


def check(files, *options):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            write(folder, name, content)
        return fltsim('check', *options, folder)


def rules_of(files, *options):
    result = check(files, '--json', '--timeout', '1', *options)
    try:
        return result.returncode, [v['rule'] for v in json.loads(result.stdout)['violations']], result
    except (ValueError, KeyError):
        return result.returncode, None, result


ONCE = 'static LONG done; if (InterlockedIncrement(&done) == 20) '

INSTANCES = r'''
static NTSTATUS Write(PUNICODE_STRING Path, PCWSTR Below, PCWSTR Name, ULONG Type, PVOID Data, ULONG Size)
{
    WCHAR path[200];
    RtlStringCbPrintfW(path, sizeof path, L"%wZ\\%s", Path, Below);
    RtlCreateRegistryKey(RTL_REGISTRY_ABSOLUTE, path);
    return RtlWriteRegistryValue(RTL_REGISTRY_ABSOLUTE, path, Name, Type, Data, Size);
}
static NTSTATUS WriteInstances(PUNICODE_STRING Path)
{
    WCHAR name[] = L"Mine", altitude[] = L"415342";
    ULONG flags = 0;
    Write(Path, L"Instances", L"DefaultInstance", REG_SZ, name, sizeof name);
    Write(Path, L"Instances\\Mine", L"Altitude", REG_SZ, altitude, sizeof altitude);
    return Write(Path, L"Instances\\Mine", L"Flags", REG_DWORD, &flags, sizeof flags);
}
'''

tests = []


def test(function):
    tests.append((function.__name__.replace('_', ' '), function))
    return function


def outcome(function):
    try:
        function()
    except Exception as error:
        return str(error) or repr(error)
    return None


def main():
    print('1..%d' % len(tests), flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, error in enumerate(pool.map(outcome, [function for name, function in tests]), 1):
            print('%s %d - %s' % ('ok' if error is None else 'not ok', number, tests[number - 1][0]))
            print(''.join('# %s\n' % line for line in (error or '').splitlines()), end='', flush=True)
            failed += error is not None
    return failed != 0
