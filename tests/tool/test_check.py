"""`fltsim check` and `fltsim build` on small drivers: what they find, what they say, how they exit. Prints TAP.

usage: test_check.py FLTSIM
"""
import json
import os
import sys
import tempfile

from harness import (CANCEL, CANCELLED, RESOURCE, NAME, CRASH, ONCE, INSTANCES, check, device, driver, fltsim, main,
                     port, rules_of, test, tests, write)

WRONG = [
    ('pool-leak', dict(pre=ONCE + "ExAllocatePoolWithTag(NonPagedPool, 32, 'kael');")),
    ('double-free', dict(pre=ONCE + "{ PVOID p = ExAllocatePoolWithTag(NonPagedPool, 32, 'kael');"
                             "ExFreePoolWithTag(p, 'kael'); ExFreePoolWithTag(p, 'kael'); }")),
    ('pool-use-after-free', dict(pre=ONCE + "{ PULONG p = ExAllocatePoolWithTag(NonPagedPool, 32, 'kael');"
                                     "ExFreePoolWithTag(p, 'kael'); *p = 1; }")),
    ('pool-corruption', dict(pre=ONCE + "{ PUCHAR p = ExAllocatePoolWithTag(NonPagedPool, 32, 'kael'); p[32] = 1;"
                                 "ExFreePoolWithTag(p, 'kael'); }")),
    ('pool-corruption', dict(entry='wcscat(RegistryPath->Buffer, L"\\\\Instances");')),
    ('pool-use-after-free', dict(globals='static PWSTR Kept;', entry='Kept = RegistryPath->Buffer;',
                                 pre=ONCE + 'if (*Kept) DbgPrint("x");')),
    ('pool-wrong-tag', dict(pre=ONCE + "{ PVOID p = ExAllocatePoolWithTag(NonPagedPool, 32, 'kael');"
                                "ExFreePoolWithTag(p, 'laek'); }")),
    ('context-leak', dict(pre=ONCE + "{ PFLT_CONTEXT c; FltAllocateContext(Filter, FLT_STREAM_CONTEXT, 64, NonPagedPool, &c); }")),
    ('context-over-release', dict(pre=ONCE + "{ PFLT_CONTEXT c; if (NT_SUCCESS(FltAllocateContext(Filter, FLT_STREAM_CONTEXT,"
                                      "64, NonPagedPool, &c))) { FltReleaseContext(c); FltReleaseContext(c); } }")),
    ('context-use-after-free', dict(pre=ONCE + "{ PULONG c; if (NT_SUCCESS(FltAllocateContext(Filter, FLT_STREAM_CONTEXT,"
                                        "64, NonPagedPool, (PFLT_CONTEXT *)&c))) { FltReleaseContext(c); *c = 1; } }")),
    ('context-in-pre-create', dict(pre=ONCE + "{ PFLT_CONTEXT c; if (NT_SUCCESS(FltAllocateContext(Filter, FLT_STREAM_CONTEXT,"
                                       "64, NonPagedPool, &c))) { FltSetStreamContext(FltObjects->Instance,"
                                       "FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, c, NULL);"
                                       "FltReleaseContext(c); } }")),
    ('filter-reference-leak', dict(pre=ONCE + 'FltObjectReference(Filter);')),
    ('instance-reference-leak', dict(pre=ONCE + 'FltObjectReference(FltObjects->Instance);')),
    ('volume-reference-leak', dict(pre=ONCE + 'FltObjectReference(FltObjects->Volume);')),
    ('unload-deadlock', dict(pre=ONCE + 'FltUnregisterFilter(Filter);')),
    ('name-info-leak', dict(pre=ONCE + "{ PFLT_FILE_NAME_INFORMATION n; FltGetFileNameInformation(Data,"
                                "FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &n); }")),
    ('handle-leak', dict(entry="{ HANDLE h; OBJECT_ATTRIBUTES a; InitializeObjectAttributes(&a, RegistryPath,"
                               "OBJ_KERNEL_HANDLE, NULL, NULL); ZwOpenKey(&h, KEY_READ, &a); }")),
    ('object-leak', dict(pre=ONCE + 'ObReferenceObject(FltObjects->FileObject);', major='IRP_MJ_WRITE')),
    ('paged-object', dict(pre=RESOURCE % 'PagedPool')),
    ('cancelled-open-file', dict(globals=CANCEL % dict(status=''), pre='return FLT_PREOP_SYNCHRONIZE;', post='Cancel')),
    ('bad-callback-status', dict(pre='return (FLT_PREOP_CALLBACK_STATUS)77;')),
    ('missing-post-callback', dict(pre='return FLT_PREOP_SUCCESS_WITH_CALLBACK;')),
    ('callback-data-not-dirty', dict(pre='Data->Iopb->Parameters.Create.Options |= FILE_WRITE_THROUGH;')),
    ('pended-not-completed', dict(pre='return FLT_PREOP_PENDING;')),
    ('irql-too-high', dict(pre=ONCE + "{ KIRQL old; PFLT_FILE_NAME_INFORMATION n; KeRaiseIrql(DISPATCH_LEVEL, &old);"
                               "if (NT_SUCCESS(FltGetFileNameInformation(Data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &n)))"
                               "FltReleaseFileNameInformation(n); KeLowerIrql(old); }")),
    ('deadlock', dict(globals='KEVENT Event;', entry='KeInitializeEvent(&Event, NotificationEvent, FALSE);',
                      pre='KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL);')),
    ('unhandled-exception', dict(pre=ONCE + 'ExRaiseStatus(STATUS_ACCESS_DENIED);')),
    ('host-routine', dict(globals='void abort(void);', pre=ONCE + 'abort();')),
    ('host-routine', dict(globals='int fork(void);', pre=ONCE + 'fork();')),
    ('breakpoint', dict(pre=ONCE + 'DbgBreakPoint();')),
    ('crash', dict(pre=ONCE + CRASH)),
    ('bugcheck', dict(pre=ONCE + 'KeBugCheckEx(0xE2, 1, 2, 3, 4);')),
    ('endless-loop', dict(pre=ONCE + 'for (;;) { }')),
    ('timer-or-dpc-left', dict(
        globals='static KTIMER Timer; static KDPC Dpc; VOID Due(PKDPC D, PVOID A, PVOID B, PVOID C) { }',
        entry='{ LARGE_INTEGER due = { .QuadPart = -10000 }; KeInitializeTimer(&Timer); KeInitializeDpc(&Dpc, Due, NULL);'
              'KeSetTimerEx(&Timer, due, 10, &Dpc); }')),
    ('load-failed', dict(entry='if (RegistryPath) return STATUS_UNSUCCESSFUL;')),
]

# Bugs on ways that only some programs, or only failing allocations, take.
HIDDEN = [
    ('a name that was released', 'pool-use-after-free', dict(
        pre=NAME % 'FltReleaseFileNameInformation(n); c = n->Name.Buffer[0];')),
    ('an allocation that fails', 'crash', dict(
        pre="{ PULONG p = ExAllocatePoolWithTag(NonPagedPool, 32, 'kael'); *p = 1; ExFreePoolWithTag(p, 'kael'); }")),
    ('a load that fails half way', 'pool-leak', dict(
        globals='static PVOID Table;', unload="ExFreePoolWithTag(Table, 'elbT');",
        entry="{ PVOID first; if (!(Table = ExAllocatePoolWithTag(NonPagedPool, 64, 'elbT'))) return STATUS_NO_MEMORY;"
              "if (!(first = ExAllocatePoolWithTag(NonPagedPool, 16, 'tsrf'))) return STATUS_NO_MEMORY;"
              "ExFreePoolWithTag(first, 'tsrf'); }")),
    ('a name that the driver looks for', 'crash', dict(
        globals='static const UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\\\vault\\\\secret.bin");',
        pre='if (RtlEqualUnicodeString(&FltObjects->FileObject->FileName, &Name, TRUE)) ' + CRASH)),
    ('an open in a transaction', 'crash', dict(pre='if (FltObjects->Transaction) ' + CRASH)),
    ('an allocation that fails in a transaction', 'crash', dict(
        pre="if (FltObjects->Transaction) { PULONG p = ExAllocatePoolWithTag(NonPagedPool, 32, 'kael'); *p = 1;"
            "ExFreePoolWithTag(p, 'kael'); }")),
    ('a context that cannot be set', 'context-leak', dict(
        major='IRP_MJ_WRITE',
        pre="{ PFLT_CONTEXT c; if (NT_SUCCESS(FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, &c)) ||"
            "(NT_SUCCESS(FltAllocateContext(Filter, FLT_STREAM_CONTEXT, 64, NonPagedPool, &c)) &&"
            "NT_SUCCESS(FltSetStreamContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, c,"
            "NULL)))) FltReleaseContext(c); }")),
    ('a context that another thread set first', 'context-leak', dict(
        major='IRP_MJ_WRITE',
        pre="{ PFLT_CONTEXT c, other; NTSTATUS s = FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, &c);"
            "if (s == STATUS_NOT_FOUND && (s = FltAllocateContext(Filter, FLT_STREAM_CONTEXT, 64, NonPagedPool, &c)) == 0)"
            "FltSetStreamContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, c, &other);"
            "if (NT_SUCCESS(s)) FltReleaseContext(c); }")),
    ('an open by a second program', 'crash', dict(
        pre='if (strstr(PsGetProcessImageFileName(PsGetCurrentProcess()), "notepad")) ' + CRASH)),
    ('a change of a directory', 'crash', dict(
        major='IRP_MJ_DIRECTORY_CONTROL',
        pre='if (Data->Iopb->MinorFunction == IRP_MN_NOTIFY_CHANGE_DIRECTORY) ' + CRASH)),
    ('a query by name', 'crash', dict(major='IRP_MJ_NETWORK_QUERY_OPEN', pre=CRASH)),
    ('a device that is asked to go', 'crash', dict(major='IRP_MJ_PNP', pre=CRASH)),
    ('a snapshot of the volume', 'crash', dict(
        major='IRP_MJ_DEVICE_CONTROL',
        pre='if (Data->Iopb->Parameters.DeviceIoControl.Common.IoControlCode == IOCTL_VOLSNAP_FLUSH_AND_HOLD_WRITES) ' + CRASH)),
    ('a copy that is left to the disk', 'crash', dict(
        entry='{ ULONG both = 3; RtlWriteRegistryValue(RTL_REGISTRY_ABSOLUTE, RegistryPath->Buffer, L"SupportedFeatures",'
              'REG_DWORD, &both, sizeof both); }',
        major='IRP_MJ_FILE_SYSTEM_CONTROL',
        pre='if (Data->Iopb->Parameters.FileSystemControl.Common.FsControlCode == FSCTL_OFFLOAD_WRITE) ' + CRASH)),
    ('a watch of the folder above one that the driver looks for', 'crash', dict(
        globals='static const UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\\\vault\\\\secrets"),'
                'Above = RTL_CONSTANT_STRING(L"\\\\vault");',
        major='IRP_MJ_DIRECTORY_CONTROL',
        pre='if (Data->Iopb->MinorFunction == IRP_MN_NOTIFY_CHANGE_DIRECTORY && Name.Length &&'
            'RtlEqualUnicodeString(&FltObjects->FileObject->FileName, &Above, TRUE)) ' + CRASH)),
    ('a name that a filter above asks for', 'crash', dict(
        globals='static NTSTATUS Generate(PFLT_INSTANCE I, PFILE_OBJECT F, PFLT_CALLBACK_DATA D, FLT_FILE_NAME_OPTIONS O,'
                'PBOOLEAN C, PFLT_NAME_CONTROL N) { ' + CRASH + ' return STATUS_NOT_SUPPORTED; }',
        registration=', .GenerateFileNameCallback = Generate')),
    ('a request that a filter above sends on from another thread', 'crash', dict(
        major='IRP_MJ_WRITE', pre='if (Data->RequestorMode == UserMode && PsGetCurrentThread() != Data->Thread) ' + CRASH)),
    ('a read that a filter above makes', 'crash', dict(
        major='IRP_MJ_READ', pre='if (Data->Flags & FLTFL_CALLBACK_DATA_GENERATED_IO) ' + CRASH)),
    ('a buffer that a filter above put there', 'crash', dict(
        major='IRP_MJ_READ',
        pre='if (Data->RequestorMode == UserMode && Data->Iopb->Parameters.Read.MdlAddress &&'
            '(ULONG_PTR)Data->Iopb->Parameters.Read.ReadBuffer == (ULONG_PTR)MmGetMdlVirtualAddress('
            'Data->Iopb->Parameters.Read.MdlAddress) && !(Data->Iopb->IrpFlags & IRP_PAGING_IO) &&'
            'Data->Iopb->Parameters.Read.MdlAddress->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) ' + CRASH)),
    ('an open that a filter above cancels', 'crash', dict(
        major='IRP_MJ_CLEANUP', pre='if (FltObjects->FileObject->Flags & FO_FILE_OPEN_CANCELLED) ' + CRASH)),
    ('an open that a filter below refuses', 'crash', dict(
        pre='return FLT_PREOP_SUCCESS_WITH_CALLBACK;', post='After',
        globals='static FLT_POSTOP_CALLBACK_STATUS After(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS O, PVOID C,'
                'FLT_POST_OPERATION_FLAGS F) { if (Data->IoStatus.Status == STATUS_VIRUS_INFECTED) ' + CRASH +
                ' return FLT_POSTOP_FINISHED_PROCESSING; }')),
    ('an assertion that does not hold', 'pool-leak', dict(
        pre=ONCE + "{ NT_ASSERT(Filter == NULL); ExAllocatePoolWithTag(NonPagedPool, 32, 'kael'); }")),
    ('a message from a program', 'crash', port(CRASH)),
    ('a message that brings back what the driver said', 'crash', port(
        'if (InLength >= 12 && ((PULONG)In)[0] == 2 && ((PULONG)In)[2] == 0x5EC12E7) ' + CRASH,
        pre='if (Client) { ' + ONCE + '{ ULONG said[4] = {0, 0, 0x5EC12E7}, reply, length = sizeof reply;'
            'FltSendMessage(Filter, &Client, said, sizeof said, &reply, &length, NULL); } }')),
    ('a message with an open file', 'crash', port(
        '{ PFILE_OBJECT f; if (InLength >= 16 && ((PULONG)In)[0] == 3 && NT_SUCCESS(ObReferenceObjectByHandle('
        '((PHANDLE)In)[1], 0, *IoFileObjectType, UserMode, (PVOID *)&f, NULL))) ' + CRASH + ' }')),
    ('a request to a control device', 'crash', device(CRASH)),
]

def wrong_driver(rule, parts):
    def run():
        code, rules, result = rules_of({'wrong.c': driver(**parts)})
        assert code == 1 and rules and rule in rules, '%s, exit %d\n%s%s' % (rules, code, result.stdout, result.stderr)
        return result
    tests.append(('a driver that breaks %s is told so' % rule, run))


for rule, parts in WRONG:
    wrong_driver(rule, parts)


def hidden_bug(where, rule, parts):
    def run():
        code, rules, result = rules_of({'wrong.c': driver(**parts)})
        assert code == 1 and rules and rule in rules, '%s, exit %d\n%s%s' % (rules, code, result.stdout, result.stderr)
        return result
    tests.append(('a bug behind %s is found' % where, run))


for where, rule, parts in HIDDEN:
    hidden_bug(where, rule, parts)


@test
def a_client_port_that_stays_is_laid_to_the_driver():
    parts = port()
    parts['globals'] = parts['globals'].replace('FltCloseClientPort(Filter, &Client);', '')
    code, rules, result = rules_of({'wrong.c': driver(**parts)})
    assert rules == ['client-port-left'], result.stdout + result.stderr


@test
def an_answer_that_a_driver_sends_from_within_a_command_finds_a_receiver():
    say = 'if (Client) { ULONG said[4] = {0}, reply, length = sizeof reply; FltSendMessage(Filter, &Client, said, sizeof said, %s, NULL); }'
    parts = port(say % 'NULL, NULL', pre=ONCE + say % '&reply, &length')
    for backend in 'coop', 'native':
        code, rules, result = rules_of({'right.c': driver(**parts)}, '--backend', backend)
        assert code == 0 and rules == [], result.stdout + result.stderr


@test
def drivers_that_do_all_this_right_are_clean():
    for parts in (port(), device(), dict(pre=RESOURCE % 'NonPagedPool'),
                  dict(pre=NAME % 'c = n->Name.Buffer[0]; FltReleaseFileNameInformation(n);'),
                  dict(globals=CANCEL % dict(status=CANCELLED), pre='return FLT_PREOP_SYNCHRONIZE;', post='Cancel')):
        code, rules, result = rules_of({'right.c': driver(**parts)})
        assert code == 0 and rules == [], result.stdout + result.stderr


@test
def a_driver_that_breaks_nothing_is_clean():
    code, rules, result = rules_of({'right.c': driver()})
    assert code == 0 and rules == [], result.stdout + result.stderr


@test
def the_drivers_of_the_lessons_are_clean():
    examples = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'examples')
    lessons = sorted(name for name in os.listdir(examples) if name[0].isdigit())
    assert lessons
    for lesson in lessons:
        result = fltsim('check', os.path.join(examples, lesson))
        assert result.returncode == 0, lesson + result.stdout


@test
def a_driver_without_an_inf_gets_a_default_altitude_and_the_report_says_so():
    result = check({'right.c': driver()})
    assert result.returncode == 0 and 'altitude 370000 by default' in result.stdout, result.stdout


@test
def a_driver_that_writes_its_own_instances_key_is_served_from_that():
    source = driver(globals='#include <ntstrsafe.h>\n' + INSTANCES, entry='WriteInstances(RegistryPath);')
    for backend in 'coop', 'native':
        result = check({'right.c': source}, '--backend', backend)
        assert result.returncode == 0 and 'writes its Instances key itself\n' in result.stdout, result.stdout
        assert 'instance: Mine at 415342' in result.stdout and 'at 370000' not in result.stdout, result.stdout
    result = check({'right.c': source}, '--altitude', '370020')
    assert '--altitude does not apply' in result.stdout, result.stdout


@test
def a_driver_that_knows_cluster_volumes_gets_one():
    knows = """{ FLT_FILESYSTEM_TYPE type;
        if (NT_SUCCESS(FltGetFileSystemType(FltObjects->Volume, &type)) && type == FLT_FSTYPE_CSVFS) { %s } }"""
    wrong = ONCE + "ExAllocatePoolWithTag(NonPagedPool, 32, 'kael');"
    result = check({'wrong.c': driver(pre=knows % wrong)})
    assert result.returncode == 1 and ': pool-leak' in result.stdout, result.stdout + result.stderr
    assert 'HarddiskVolume3' in result.stdout, result.stdout
    result = check({'right.c': driver()})
    assert result.returncode == 0 and 'HarddiskVolume3' not in result.stdout, result.stdout
    result = check({'right.c': driver()}, '--csvfs')
    assert result.returncode == 0 and 'HarddiskVolume3' in result.stdout, result.stdout


@test
def dump_shows_the_objects_before_the_unload():
    result = check({'right.c': driver()}, '--dump')
    assert result.returncode == 0, result.stdout + result.stderr
    for text in ('objects of run 1,', 'FLT_FILTER: ', '[02000000] Filter', '(1)', 'PointerCount             : 0x00000001',
                 'FLT_VOLUME: ', 'FLT_FSTYPE_NTFS', 'FLT_INSTANCE: ', 'FilterUnload', 'Unload (right.c:'):
        assert text in result.stdout, (text, result.stdout)
    assert 'FLT_FILTER' not in check({'right.c': driver()}).stdout


@test
def reference_histories_are_kept_unless_told_otherwise():
    files = {'wrong.c': driver(pre=ONCE + 'FltObjectReference(Filter);')}
    history = 'still out] FltObjectReference Pre (wrong.c:'
    with_ledgers, without = check(files), check(files, '--no-ledgers')
    assert with_ledgers.returncode == 1 and history in with_ledgers.stdout, with_ledgers.stdout
    assert without.returncode == 1 and 'still out' not in without.stdout, without.stdout
    assert 'filter-reference-leak' in without.stdout, without.stdout


@test
def the_same_seed_is_the_same_report():
    files = {'right.c': driver(pre=ONCE + "ExAllocatePoolWithTag(NonPagedPool, 32, 'kael');")}
    one, two = (rules_of(files, '--seed', '7')[1] for _ in range(2))
    assert one == two and one


@test
def loops_end_on_native_threads_and_at_dispatch_level_too():
    raised = '{ KIRQL old; KeRaiseIrql(DISPATCH_LEVEL, &old); for (;;) { } }'
    for parts in (dict(entry='for (;;) { }'), dict(pre=ONCE + raised), dict(unload=raised)):
        result = check({'wrong.c': driver(**parts)}, '--backend', 'native', '--timeout', '1')
        assert result.returncode == 1 and ': endless-loop' in result.stdout, result.stdout + result.stderr
        assert '(wrong.c:' in result.stdout, result.stdout


@test
def a_crash_shows_the_line_of_the_driver():
    result = check({'wrong.c': driver(pre=ONCE + '*(volatile ULONG *)16 = 1;')}, '--timeout', '3')
    assert 'Pre (' in result.stdout and 'wrong.c:' in result.stdout, result.stdout


@test
def a_crash_in_a_routine_without_a_frame_is_laid_to_its_caller():
    output = check({'leaf.c': driver(pre='{ volatile size_t n = wcslen((const WCHAR *)(ULONG_PTR)16); (void)n; }')}).stdout
    assert 'called from Pre (leaf.c:' in output and 'crash [fltsim]' not in output, output


@test
def a_thread_that_waits_for_freed_memory_is_laid_to_the_driver():
    parts = dict(globals='static PKEVENT Event; static VOID Waits(PVOID c) { KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL); }',
                 begin='{ HANDLE h; Event = ExAllocatePoolWithTag(NonPagedPool, sizeof *Event, \'tnvE\'); if (Event) {'
                       'KeInitializeEvent(Event, NotificationEvent, FALSE);'
                       'if (NT_SUCCESS(PsCreateSystemThread(&h, 0, NULL, NULL, NULL, Waits, NULL))) ZwClose(h); } }',
                 end='if (Event) { ExFreePoolWithTag(Event, \'tnvE\'); Event = NULL; }')
    output = check({'wrong.c': driver(**parts)}).stdout
    assert ': thread-left-running' in output and 'crash [fltsim]' not in output, output


@test
def a_crash_within_a_routine_of_the_system_names_the_routine():
    output = check({'wrong.c': driver(pre='FltReleaseFileNameInformation(NULL);')}).stdout
    assert 'FltReleaseFileNameInformation' in output and 'sched_point' not in output, output


@test
def a_driver_may_answer_a_command_by_a_message_to_the_same_program():
    ask = ('{ ULONG said[4] = {1, 2, 3, 4}, reply[4], length = sizeof reply; if (Client)'
           'FltSendMessage(Filter, &Client, said, sizeof said, reply, &length, NULL); }')
    for backend in ['coop', 'native']:
        code, rules, result = rules_of({'right.c': driver(**port(ask, pre=ask))}, '--backend', backend)
        assert code == 0, '%s: %s\n%s%s' % (backend, rules, result.stdout, result.stderr)


@test
def a_driver_that_refuses_processes_is_not_blamed_for_more():
    globals_ = ('static VOID Refuse(PEPROCESS p, HANDLE id, PPS_CREATE_NOTIFY_INFO info)\n'
                '{ if (info) info->CreationStatus = STATUS_ACCESS_DENIED; }\n')
    code, rules, result = rules_of({'main.c': driver(
        globals=globals_, begin='PsSetCreateProcessNotifyRoutineEx(Refuse, FALSE);',
        end='PsSetCreateProcessNotifyRoutineEx(Refuse, TRUE);')})
    assert code == 0, result.stdout + result.stderr


@test
def the_altitude_that_a_template_leaves_open_is_taken_as_the_default_and_reported():
    inf = ('[Version]\nSignature="$Windows NT$"\n[DefaultInstall.Services]\nAddService=x,,S\n[S]\nAddReg=R\n[R]\n'
           'HKR,Instances,DefaultInstance,0,I\nHKR,Instances\\I,Altitude,0,_TODO_Change_Altitude_appropriately_\n'
           'HKR,Instances\\I,Flags,0x10001,0\n')
    result = check({'main.c': driver(), 'x.inf': inf})
    assert result.returncode == 0 and 'x.inf:9: the altitude is still' in result.stdout, result.stdout + result.stderr


@test
def an_event_that_stays_open_is_laid_to_the_driver():
    code, rules, result = rules_of({'main.c': driver(
        globals='static HANDLE Event; static UNICODE_STRING Name = RTL_CONSTANT_STRING(L"\\\\BaseNamedObjects\\\\Mine");',
        entry='IoCreateNotificationEvent(&Name, &Event);')})
    assert code == 1 and rules == ['handle-leak'] and 'DriverEntry' in result.stdout, result.stdout


@test
def a_thread_that_outlives_its_driver_is_the_only_finding():
    """It waits for what lies in the module, which the machine looks at once more when it stops."""
    parts = dict(globals='static KEVENT Event; static VOID Wait(PVOID p) { KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, NULL); }',
                 begin='{ HANDLE h; KeInitializeEvent(&Event, NotificationEvent, FALSE);'
                       'if (NT_SUCCESS(PsCreateSystemThread(&h, THREAD_ALL_ACCESS, NULL, NULL, NULL, Wait, NULL))) ZwClose(h); }')
    for backend in ['coop', 'native']:
        code, rules, result = rules_of({'main.c': driver(**parts)}, '--backend', backend)
        assert code == 1 and set(rules) == {'thread-left-running'}, result.stdout


@test
def a_thread_that_waits_for_freed_memory_does_not_crash_the_machine_as_it_stops():
    parts = dict(globals='static PKEVENT Event; static VOID Wait(PVOID p) { KeWaitForSingleObject(Event, Executive, KernelMode, FALSE, NULL); }',
                 begin="{ HANDLE h; if ((Event = ExAllocatePoolWithTag(NonPagedPool, sizeof *Event, 'nevE')) == NULL) return STATUS_SUCCESS;"
                       'KeInitializeEvent(Event, NotificationEvent, FALSE);'
                       'if (NT_SUCCESS(PsCreateSystemThread(&h, THREAD_ALL_ACCESS, NULL, NULL, NULL, Wait, NULL))) ZwClose(h); }',
                 end="if (Event) ExFreePoolWithTag(Event, 'nevE');")
    for backend in ['coop', 'native']:
        code, rules, result = rules_of({'main.c': driver(**parts)}, '--backend', backend)
        assert code == 1 and 'thread-left-running' in rules and 'crash' not in rules, result.stdout


@test
def a_wait_for_ever_is_a_deadlock_though_a_thread_of_the_driver_polls():
    poll = ('static VOID Poll(PVOID p) { LARGE_INTEGER a_while = {.QuadPart = -10000}; while (Filter) '
            'KeDelayExecutionThread(KernelMode, FALSE, &a_while); }')
    parts = dict(globals=poll, pre=ONCE + '{ HANDLE h; if (NT_SUCCESS(PsCreateSystemThread(&h, THREAD_ALL_ACCESS, NULL, NULL, NULL, '
                 'Poll, NULL))) ZwClose(h); return FLT_PREOP_PENDING; }')
    result = check({'wrong.c': driver(**parts)}, '--timeout', '20')
    assert result.returncode == 1 and ': deadlock' in result.stdout, result.stdout + result.stderr
    assert 'others sleep and look again' in result.stdout and ': pended-not-completed' in result.stdout, result.stdout


@test
def what_writes_beside_a_small_system_buffer_is_laid_to_the_driver():
    control = ('PUCHAR p = Irp->AssociatedIrp.SystemBuffer; PIO_STACK_LOCATION s = IoGetCurrentIrpStackLocation(Irp);'
               'ULONG n = max(s->Parameters.DeviceIoControl.InputBufferLength, s->Parameters.DeviceIoControl.OutputBufferLength);'
               'if (p && n % 16) p[n] = 0;')
    code, rules, result = rules_of({'main.c': driver(**device(control))})
    assert code == 1 and rules == ['pool-corruption'], result.stdout
    violation = json.loads(result.stdout)['violations'][0]
    assert violation['driver'] != 'fltsim' and 'Dispatch (main.c:' in violation['history'][1], violation


@test
def a_cancelled_open_in_a_pre_create_is_laid_to_the_driver():
    code, rules, result = rules_of({'main.c': driver(pre=ONCE + 'FltCancelFileOpen(FltObjects->Instance, FltObjects->FileObject);')})
    assert code == 1 and rules == ['file-object-used-before-create'], result.stdout
    assert 'main.c:' in result.stdout and '[fltsim]' not in result.stdout, result.stdout


@test
def a_call_at_too_high_an_irql_is_reported_once():
    code, rules, result = rules_of({'main.c': driver(pre=ONCE + '''{ KIRQL old; ANSI_STRING ansi;
        UNICODE_STRING text = RTL_CONSTANT_STRING(L"x"); KeRaiseIrql(DISPATCH_LEVEL, &old);
        if (NT_SUCCESS(RtlUnicodeStringToAnsiString(&ansi, &text, TRUE))) RtlFreeAnsiString(&ansi);
        KeLowerIrql(old); }''')})
    assert code == 1 and set(rules) == {'irql-too-high'} and '"driver": "fltsim"' not in result.stdout, result.stdout


@test
def a_driver_that_reads_a_file_of_settings_as_it_loads_gets_one():
    entry = '''{ UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\\\??\\\\C:\\\\Settings\\\\mine.cfg"); OBJECT_ATTRIBUTES attributes; HANDLE file;
        IO_STATUS_BLOCK iosb; CHAR text[8]; LARGE_INTEGER zero = { 0 };
        InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
        status = ZwCreateFile(&file, GENERIC_READ | SYNCHRONIZE, &attributes, &iosb, NULL, 0, FILE_SHARE_READ, FILE_OPEN,
                              FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
        if (!NT_SUCCESS(status)) return status;
        status = ZwReadFile(file, NULL, NULL, NULL, &iosb, text, sizeof text, &zero, NULL);
        ZwClose(file); if (!NT_SUCCESS(status)) return status; }'''
    for backend in ['coop', 'native']:
        result = check({'main.c': driver(entry=entry)}, '--backend', backend)
        assert result.returncode == 0 and 'OBJECT_PATH_NOT_FOUND until there were files' in result.stdout, result.stdout
    elsewhere = entry.replace('\\\\??\\\\C:', '\\\\Device\\\\HarddiskVolume3')
    result = check({'main.c': driver(entry=elsewhere)})
    assert elsewhere != entry and result.returncode == 0 and 'until there were files' in result.stdout, result.stdout
    result = check({'main.c': driver(entry=entry.replace('C:', 'X:'))})
    assert result.returncode == 1 and 'load-failed' in result.stdout, result.stdout


@test
def the_routine_that_failed_the_load_is_named_though_the_driver_declares_others_itself():
    globals_ = 'NTSTATUS NTAPI RtlSystemTimeToLocalTime(PLARGE_INTEGER, PLARGE_INTEGER);'
    entry = ('{ LARGE_INTEGER a = {0}; PEPROCESS p; RtlSystemTimeToLocalTime(&a, &a); status = PsLookupProcessByProcessId((HANDLE)3, &p);'
             'if (!NT_SUCCESS(status)) return status; }')
    output = check({'main.c': driver(globals=globals_, entry=entry)}).stdout
    assert 'load-failed' in output and 'PsLookupProcessByProcessId answered' in output, output


@test
def a_driver_that_cannot_be_unloaded_is_blamed_for_nothing_that_it_leaves():
    globals_ = 'static VOID Note(HANDLE p, HANDLE id, BOOLEAN made) {}\n'
    source = driver(globals=globals_, begin="PsSetCreateProcessNotifyRoutine(Note, FALSE); ExAllocatePoolWithTag(PagedPool, 9, 'kael');")
    for backend in ['coop', 'native']:
        code, rules, result = rules_of({'main.c': source.replace('Operations, Unload', 'Operations, NULL')}, '--backend', backend)
        assert code == 0, result.stdout + result.stderr
        code, rules, result = rules_of({'main.c': source}, '--backend', backend)
        assert code == 1 and 'callback-left-registered' in rules and 'pool-leak' in rules, result.stdout + result.stderr


MALFORMED = '[Version]\n[DefaultInstall.Services]\nAddService = x\n'


@test
def a_malformed_inf_is_shown_by_file_and_line_and_the_check_goes_on_without_it():
    result = check({'main.c': driver(), 'main.inf': MALFORMED})
    assert result.returncode == 1 and 'bad-inf' in result.stdout and 'main.inf:3:' in result.stdout, result.stdout
    assert 'altitude 370000' in result.stdout and '1 violation\n' in result.stdout, result.stdout
    assert check({'main.c': driver(), 'main.inf': MALFORMED}, '--altitude', '40000').returncode == 1


@test
def a_malformed_inf_that_is_named_is_an_error():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', driver())
        write(folder, 'main.inf', MALFORMED)
        for json_ in [[], ['--json']]:
            result = fltsim('check', '--inf', os.path.join(folder, 'main.inf'), *json_, folder)
            assert result.returncode == 2 and 'main.inf:3:' in result.stderr, result.stderr
        assert 'main.inf:3:' in json.loads(result.stdout)['error'], result.stdout


@test
def an_inf_without_instances_is_a_finding_and_the_check_goes_on_with_a_default_one():
    inf = '[Version]\n[DefaultInstall.Services]\nAddService = x,,S\n[S]\nServiceType = 1\n'
    code, rules, result = rules_of({'main.c': driver(), 'main.inf': inf})
    assert code == 1 and rules == ['bad-inf'], result.stdout + result.stderr
    own = driver(globals='#include <ntstrsafe.h>\n' + INSTANCES, entry='WriteInstances(RegistryPath);')
    code, rules, result = rules_of({'main.c': own, 'main.inf': inf})
    assert code == 0 and not rules, result.stdout + result.stderr


@test
def an_inf_that_is_named_and_missing_is_an_error():
    result = check({'main.c': driver()}, '--inf', '/nowhere.inf')
    assert result.returncode == 2 and '/nowhere.inf' in result.stderr, result.stderr


@test
def a_bad_altitude_is_an_error():
    result = check({'main.c': driver()}, '--altitude', 'high')
    assert result.returncode == 2 and 'decimal number' in result.stderr, result.stderr


@test
def usage_errors_exit_2_and_say_what_is_wrong():
    for arguments, text in [((), 'usage'), (('fly',), 'no command fly'), (('check',), 'needs the path'),
                            (('check', '--seed', 'x', '.'), '--seed takes a number'),
                            (('check', '--backend', 'green', '.'), 'coop or native'),
                            (('check', '--what', '.'), 'no option --what'), (('check', '--inf'), '--inf needs'),
                            (('check', '/no/such/folder'), 'no such file or folder'),
                            (('build', '.'), 'build needs -o')]:
        result = fltsim(*arguments)
        assert result.returncode == 2 and text in result.stderr, (arguments, result.returncode, result.stderr)


def scenario(text, *options):
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', driver())
        write(folder, 'test.scenario', text)
        return fltsim('check', '--scenario', os.path.join(folder, 'test.scenario'), *options, folder)


@test
def a_scenario_runs_and_its_expectations_hold():
    result = scenario('mount C: ntfs dispatch\nload\nopen f C:\\a.txt read write create\nwrite f 0 "some text"\n'
                      'threads 3\n  open g C:\\a.txt read\n  read g 0 9 "some text"\n  close g\nend\n'
                      'open x C:\\b.txt expect STATUS_OBJECT_NAME_NOT_FOUND\nclose f\nunload\n')
    assert result.returncode == 0, result.stdout + result.stderr


@test
def an_expectation_that_does_not_hold_is_a_violation_with_its_line():
    result = scenario('mount C: ntfs\nload\nopen f C:\\a.txt read\n')
    assert result.returncode == 1 and 'test.scenario:3:' in result.stdout, result.stdout + result.stderr


@test
def a_program_of_a_scenario_holds_its_image_until_it_ends():
    result = scenario('mount C: ntfs\nload\nprocess p C:\\dir\\a.exe\nas p\nopen f C:\\a.txt write create\n'
                      'write f 0 "no program"\nclose f\nas test\nprocess q C:\\a.txt expect STATUS_INVALID_IMAGE_NOT_MZ\n'
                      'as q expect STATUS_INVALID_CID\ndelete C:\\dir\\a.exe expect STATUS_CANNOT_DELETE\nexit p\n'
                      'delete C:\\dir\\a.exe\nprocess p C:\\dir\\a.exe\ndismount C:\nunload\n')
    assert result.returncode == 0, result.stdout + result.stderr


@test
def a_bad_line_of_a_scenario_is_shown_and_nothing_runs():
    for line, text in [('fly C:', 'no command "fly"'), ('mount 7 ntfs', 'no drive letter'), ('mount C: zfs', 'none of'),
                       ('read f zero 1', 'no number'), ('open f', 'open takes'), ('close f now', 'no more than'),
                       ('mkdir C:\\x expect STATUS_MAYBE', 'name of a status'), ('threads 2\nclose f', 'has no end'),
                       ('end', 'end without'), ('write f 0 "text', 'not closed')]:
        result = scenario('mount C: ntfs\n' + line + '\n')
        assert result.returncode == 2 and 'test.scenario:2: ' in result.stderr and text in result.stderr, (line, result.stderr)


sys.exit(main())
