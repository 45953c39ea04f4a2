"""`fltsim check` and `fltsim build` as a stranger uses them: what is wrong before and around the runs, loads that fail,
loops that wait. Prints TAP.

usage: test_command.py FLTSIM
"""
import json
import os
import subprocess
import sys
import tempfile

from harness import FLTSIM, ONCE, check, driver, fltsim, main, rules_of, test, write

OPEN_KEY = ('{ HANDLE h; UNICODE_STRING n = RTL_CONSTANT_STRING(L"\\\\Registry\\\\Machine\\\\None"); OBJECT_ATTRIBUTES a;'
            'InitializeObjectAttributes(&a, &n, OBJ_KERNEL_HANDLE, NULL, NULL);\n'
            'status = ZwOpenKey(&h, KEY_READ, &a); if (!NT_SUCCESS(status)) return status; }')


@test
def a_load_that_fails_names_the_routine_that_failed_with_its_line():
    register = driver().replace('FLT_REGISTRATION_VERSION', '7')
    for name, source, text in [
            ('wrong.c', driver(entry=OPEN_KEY), 'ZwOpenKey answered STATUS_OBJECT_NAME_NOT_FOUND in DriverEntry (wrong.c:'),
            ('wrong.c', register, 'FltRegisterFilter answered STATUS_INVALID_PARAMETER in DriverEntry (wrong.c:'),
            ('wrong.cpp', register.replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry'),
             'FltRegisterFilter answered STATUS_INVALID_PARAMETER in DriverEntry (wrong.cpp:')]:
        result = check({name: source})
        assert result.returncode == 1 and 'load-failed' in result.stdout and text in result.stdout, result.stdout + result.stderr
        assert 'run 2' not in result.stdout, result.stdout


@test
def a_load_that_fails_of_the_drivers_own_accord_names_no_routine():
    result = check({'wrong.c': driver(entry='if (RegistryPath) return STATUS_UNSUCCESSFUL;')})
    assert result.returncode == 1 and 'load-failed' in result.stdout and 'history' not in result.stdout, result.stdout


OUTLIVES = (r'''
static WORK_QUEUE_ITEM Item;
static VOID Later(PVOID Context)
{
    LARGE_INTEGER pause = {.QuadPart = -30000000};
    KeDelayExecutionThread(KernelMode, FALSE, &pause);
}
''')


@test
def code_that_runs_when_its_driver_has_unloaded_is_named():
    for backend in 'coop', 'native':
        result = check({'wrong.c': driver(globals=OUTLIVES, end='ExInitializeWorkItem(&Item, Later, NULL);'
                                          'ExQueueWorkItem(&Item, DelayedWorkQueue);')}, '--backend', backend)
        assert result.returncode == 1 and 'which has unloaded' in result.stdout, result.stdout
        assert 'bug check 0xCE' in result.stdout and 'in Later (wrong.c:' in result.stdout, result.stdout


SPIN = [
    # before the loop, the loop (on a line of its own), what the report says of it
    ('', 'while (!Flag) YieldProcessor();', 'for what does not come'),
    ('KIRQL old; KeRaiseIrql(DISPATCH_LEVEL, &old);', 'while (InterlockedCompareExchange(&Flag, 1, 1) == 0) YieldProcessor();',
     'at IRQL 2, for'),
    ('LARGE_INTEGER none = {0};', 'while (KeReadStateEvent(&Event) == 0) KeDelayExecutionThread(KernelMode, FALSE, &none);',
     'for what does not come'),
    ('LARGE_INTEGER none = {0};', 'while (KeWaitForSingleObject(&Event, Executive, KernelMode, FALSE, &none)) { }',
     'for the notification event at'),
    ('ExAcquireSpinLockShared(&Lock);', 'ExAcquireSpinLockExclusiveAtDpcLevel(&Lock);', 'for the reader-writer spin lock at'),
    ('', 'while (InterlockedCompareExchange(&Flag, 1, 1) == 0) { }', 'for the variable at'),
]
# Nothing is called there: the clock has to interrupt it.
SILENT_SPIN = ('', 'while (!Flag) { }', 'got nowhere for a long time')
SPINS = 'static volatile LONG Flag; static KEVENT Event; static EX_SPIN_LOCK Lock;'


def spin(before, loop, after=''):
    return driver(globals=SPINS, entry='KeInitializeEvent(&Event, NotificationEvent, FALSE);',
                  pre=ONCE + '{ ' + before + '\n/* the loop */ ' + loop + after + ' }')


@test
def a_thread_that_looks_for_ever_for_what_does_not_come_is_shown_with_its_line():
    for number, (before, loop, text) in enumerate(SPIN):
        source = spin(before, loop)
        line = 'Pre (wrong.c:%d)' % (source[:source.index('/* the loop */')].count('\n') + 1)
        for backend in ('coop', 'native') if not number else ('coop',) if number % 2 else ('native',):
            result = check({'wrong.c': source}, '--backend', backend)
            assert result.returncode == 1 and ': endless-loop [' in result.stdout, result.stdout + result.stderr
            assert line in result.stdout and text in result.stdout, (line, text, result.stdout)
            assert 'run 1: ' in result.stdout and 'did not get to its end' in result.stdout, result.stdout


@test
def a_thread_that_spins_for_ever_without_a_call_is_shown_with_its_line():
    before, loop, text = SILENT_SPIN
    source = spin(before, loop)
    line = '(wrong.c:%d)' % (source[:source.index('/* the loop */')].count('\n') + 1)
    for backend in 'coop', 'native':
        result = check({'wrong.c': source}, '--backend', backend, '--timeout', '1')
        assert result.returncode == 1 and ': endless-loop [' in result.stdout, result.stdout + result.stderr
        assert line in result.stdout and text in result.stdout, (line, result.stdout)


LOCK = 'static volatile LONG Mine; static LONG Users;'
# A lock of the driver's own making is held across a create below: others spin for it meanwhile.
OWN_LOCK = ("{ OBJECT_ATTRIBUTES a; IO_STATUS_BLOCK io; HANDLE h; UNICODE_STRING n = RTL_CONSTANT_STRING(L\"\\\\??\\\\C:\\\\\");"
            "InitializeObjectAttributes(&a, &n, OBJ_KERNEL_HANDLE, NULL, NULL);"
            "while (InterlockedCompareExchange(&Mine, 1, 0)) { }"
            "Users++; LARGE_INTEGER pause = {.QuadPart = -10000}; KeDelayExecutionThread(KernelMode, FALSE, &pause);"
            "if (NT_SUCCESS(FltCreateFile(Filter, FltObjects->Instance, &h, FILE_READ_ATTRIBUTES, &a, &io, NULL, 0, 7, FILE_OPEN,"
            "0, NULL, 0, 0))) FltClose(h);"
            "%s }")


@test
def a_lock_of_ones_own_making_whose_holder_waits_is_no_endless_loop_and_one_that_is_kept_is():
    for backend in 'coop', 'native':
        right = driver(globals=LOCK, pre='if (Users < 200) ' +
                       OWN_LOCK % 'InterlockedExchange(&Mine, 0);')
        code, rules, result = rules_of({'right.c': right}, '--backend', backend)
        assert code == 0 and rules == [], result.stdout + result.stderr
        wrong = driver(globals=LOCK, pre='if (Users < 200) ' +
                       OWN_LOCK % 'if (Users < 50) InterlockedExchange(&Mine, 0);')
        code, rules, result = rules_of({'wrong.c': wrong}, '--backend', backend)
        assert code == 1 and 'endless-loop' in rules and 'Pre (wrong.c:' in result.stdout, result.stdout + result.stderr


@test
def a_thread_that_looks_until_another_has_done_it_is_none_of_that():
    setter = ('VOID Setter(PVOID Unused) { LARGE_INTEGER pause = {.QuadPart = -500000}; KeDelayExecutionThread(KernelMode,'
              'FALSE, &pause); Flag = 1; KeSetEvent(&Event, 0, FALSE); PsTerminateSystemThread(0); }')
    begin = ('{ HANDLE thread; if (NT_SUCCESS(PsCreateSystemThread(&thread, 0, NULL, NULL, NULL, Setter, NULL)))'
             'ZwClose(thread); }')
    for before, loop, text in SPIN[:1] + SPIN[2:4] + SPIN[5:] + [SILENT_SPIN]:
        source = spin(before + begin, loop).replace('static FLT_PREOP', setter + '\nstatic FLT_PREOP', 1)
        for backend in 'coop', 'native':
            code, rules, result = rules_of({'right.c': source}, '--backend', backend)
            assert code == 0 and rules == [], result.stdout + result.stderr


INF = ('[Version]\nSignature="$Windows NT$"\n[DefaultInstall.Services]\nAddService=%%Name%%,,S\n[S]\n'
       'ServiceBinary=%%12%%\\%(sys)s.sys\nAddReg=R\n[R]\nHKR,Instances,DefaultInstance,0,I\n'
       'HKR,Instances\\I,Altitude,0,%(altitude)s\nHKR,Instances\\I,Flags,0x10001,0\n[Strings]\nName="service"\n')


def inf_of(files, path):
    """The INF that a check of path, below a folder with the files, takes; and the result."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            write(folder, name, content)
        result = fltsim('check', '--json', os.path.join(folder, path))
        report = json.loads(result.stdout)
        return os.path.basename(report.get('inf', '')), '\n'.join(report.get('remarks', [])), result


@test
def the_inf_is_the_one_that_names_the_driver():
    a, b = INF % dict(sys='alpha', altitude='370010'), (INF % dict(sys='Beta', altitude='370020')).encode('utf-16')
    for files, path, want in [
            ({'alpha.c': driver(), 'beta.c': driver(), 'one.inf': a, 'two.inf': b}, 'beta.c', 'two.inf'),
            ({'alpha.c': driver(), 'beta.c': driver(), 'one.inf': a, 'two.inf': b}, 'alpha.c', 'one.inf'),
            ({'alpha.c': driver(), 'beta.c': driver(), 'alpha.inf': a}, 'beta.c', ''),     # another's
            ({'gamma.c': driver(), 'one.inf': a}, 'gamma.c', 'one.inf'),                   # nobody else's
            ({'gamma.c': driver(), 'client/one.inf': a, 'server/one.inf': a}, '.', 'one.inf'),   # one, twice
            ({'beta/main.c': driver(), 'beta/one.inf': a, 'beta/two.inf': b}, 'beta', 'two.inf')]:
        found, remarks, result = inf_of(files, path)
        assert result.returncode == 0 and found == want, (found, want, result.stdout, result.stderr)


@test
def of_several_infs_that_do_not_name_the_driver_none_is_guessed():
    a, b = (INF % dict(sys=name, altitude='370010') for name in ('alpha', 'beta'))
    found, remarks, result = inf_of({'gamma.c': driver(), 'one.inf': a, 'two.inf': b}, 'gamma.c')
    assert result.returncode == 0 and not found, result.stdout
    assert 'one.inf' in remarks and 'two.inf' in remarks and '--inf' in remarks, remarks


@test
def what_cannot_be_loaded_is_no_driver():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'garbage.so', 'no module\n')
        write(folder, 'cpp/main.cpp', driver())
        write(folder, 'static/main.c', driver().replace('NTSTATUS DriverEntry', 'static NTSTATUS DriverEntry'))
        for path, text in [('garbage.so', 'it cannot be loaded: '), ('cpp', 'extern "C"'), ('static', 'not static')]:
            result = fltsim('check', os.path.join(folder, path))
            assert result.returncode == 2 and text in result.stderr, (path, result.returncode, result.stdout, result.stderr)


@test
def whatever_goes_wrong_json_is_json():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'good/good.c', driver())
        write(folder, 'bad/bad.c', 'this is no C; NTSTATUS DriverEntry(void) { FltRegisterFilter(0, 0, 0); }')
        write(folder, 'empty/readme.txt', '')
        write(folder, 'no.so', 'no module\n')
        write(folder, 'bad.scenario', 'fly\n')
        good = os.path.join(folder, 'good')
        for arguments in [('check',), ('check', '--what', good), ('check', '--seed', 'x', good), ('check', folder + '/none'),
                          ('check', folder + '/bad'), ('check', folder + '/empty'), ('check', folder + '/no.so'),
                          ('check', '--scenario', folder + '/bad.scenario', good), ('check', '--altitude', 'x', good),
                          ('check', '--inf', '/none.inf', good), ('check', '--cc', 'nosuchcompiler', good), ('build', good),
                          ('build', '-o', folder + '/none/x.so', good), ('rules', 'path'),
                          ('check', '--backend', 'native', '--choices', 'next:1', good)]:
            result = fltsim(*arguments, '--json')
            assert result.returncode == 2 and json.loads(result.stdout)['error'], (arguments, result.stdout, result.stderr)
        result = fltsim('build', '--json', '-o', folder + '/x.so', good)
        assert result.returncode == 0 and json.loads(result.stdout)['module'] == folder + '/x.so', result.stdout
        assert any(rule['rule'] == 'pool-leak' for rule in json.loads(fltsim('rules', '--json').stdout))


@test
def what_is_wrong_with_the_command_line_is_named_and_nothing_is_made():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'good/good.c', driver())
        write(folder, 'other/other.c', driver())
        write(folder, 'one.scenario', 'mount C: ntfs\nload\nunload\n')
        good, module = os.path.join(folder, 'good'), os.path.join(folder, 'x.so')
        assert fltsim('build', '-o', module, good).returncode == 0
        for arguments, text in [
                (('check', '--choices', 'hello world', good), 'choices is no string of fltsim_choices, from " world" on'),
                (('check', '--name', 'a\\b', good), '--name takes a service\'s name'),
                (('check', '--name', '', good), '--name takes a service\'s name'),
                (('check', '-o', folder + '/y.so', good), '-o goes with: fltsim build'),
                (('build', '-o', folder + '/y.so', '--scenario', folder + '/one.scenario', good), '--scenario goes with: fltsim check'),
                (('build', '-o', folder + '/y.so', module), 'is a module already'),
                (('rules', '--seed', '3'), '--seed goes with: fltsim check'),
                (('rules', '--cc', 'gcc'), '--cc goes with: fltsim check, fltsim build'),
                (('check', ''), '"": there is no such file or folder'),
                (('check', '--inf', folder, good), 'the file cannot be read: Is a directory'),
                (('check', '--inf', '/dev/zero', good), 'it has more than 16 MB')]:
            result = fltsim(*arguments)
            assert result.returncode == 2 and text in result.stderr, (arguments, result.returncode, result.stdout, result.stderr)
            result = fltsim(*arguments, '--json')
            assert result.returncode == 2 and text in json.loads(result.stdout)['error'], (arguments, result.stdout)
            assert not os.path.exists(folder + '/y.so'), arguments


@test
def a_trace_leaves_json_on_its_own():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'good.c', driver())
        write(folder, 'one.scenario', 'mount C: ntfs\nload\nunload\n')
        result = fltsim('check', '--json', '--trace', '--scenario', folder + '/one.scenario', folder)
        assert result.returncode == 0 and json.loads(result.stdout)['driver'], result.stdout[:500]
        assert 'IRP_MJ_FILE_SYSTEM_CONTROL' in result.stderr, result.stderr[:500]


@test
def each_line_of_a_scenario_that_is_answered_otherwise_is_a_finding():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', driver())
        write(folder, 'a.scenario', 'mount C: ntfs\nload\nopen f C:\\a\nopen g C:\\b\nrepeat 3\nopen h C:\\c\nend\nunload\n')
        result = fltsim('check', '--scenario', os.path.join(folder, 'a.scenario'), folder)
        assert result.returncode == 1 and '3 violations' in result.stdout, result.stdout
        for line in 3, 4, 6:
            assert 'a.scenario:%d: open answered STATUS_OBJECT_NAME_NOT_FOUND' % line in result.stdout, (line, result.stdout)


@test
def a_scenario_that_asks_for_too_much_is_told_so():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', driver())
        for text, code, said in [('mount C: ntfs\nopen f C:\\a expect\n', 2, 'expect takes the name of a status'),
                                 ('mount C: ntfs\nfill f 0 99999999999999999999\n', 2, 'is no number'),
                                 ('load now\n', 2, 'load takes nothing more'),
                                 ('mount C: ntfs\nopen f C:\\a create write\nfill f 0 99999999999\n', 1,
                                  'fill answered STATUS_INSUFFICIENT_RESOURCES'),
                                 ('\ufeffmount C: ntfs\nload\nunload\n', 0, 'clean')]:
            write(folder, 'a.scenario', text)
            result = fltsim('check', '--scenario', os.path.join(folder, 'a.scenario'), folder)
            assert result.returncode == code and said in result.stdout + result.stderr, (text, result.stdout, result.stderr)


@test
def a_driver_that_ends_the_process_is_reported():
    result = check({'wrong.c': driver(globals='void _exit(int);', pre=ONCE + '_exit(0);')})
    assert result.returncode == 1 and 'violation 1 of 1: host-routine' in result.stdout, result.stdout
    assert '_exit was called' in result.stdout and 'called by Pre (wrong.c:' in result.stdout, result.stdout


@test
def a_driver_that_ends_the_process_behind_its_back_is_reported():
    default = '-2' if sys.platform == 'darwin' else '0'  # RTLD_DEFAULT
    result = check({'wrong.c': driver(globals='void *dlsym(void *, const char *);', pre=ONCE + '((void (*)(int))dlsym('
                                      '(void *)%s, "_exit"))(0);' % default)})
    assert result.returncode == 1 and 'violation 1 of 1: crash' in result.stdout and 'as exit() does' in result.stdout, result.stdout


@test
def behind_two_dashes_everything_is_a_path():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, '-v/main.c', driver())
        result = subprocess.run([os.path.abspath(FLTSIM), 'check', '--', '-v'], capture_output=True, text=True, timeout=120, cwd=folder)
        assert result.returncode == 0, result.stdout + result.stderr


@test
def an_illegal_instruction_is_not_a_call_through_a_bad_pointer():
    result = check({'wrong.c': driver(pre=ONCE + '__builtin_trap();')})
    assert result.returncode == 1 and 'in Pre (wrong.c:' in result.stdout and 'no code' not in result.stdout, result.stdout


sys.exit(main())
