"""`fltsim build` and the first step of `fltsim check`: which sources are a driver's, and what makes them compile. Prints TAP.

usage: test_build.py FLTSIM
"""
import os
import shutil
import sys
import tempfile

from harness import NAME, check, driver, fltsim, main, rules_of, test, write


@test
def headers_in_the_wrong_letter_case_and_with_backslashes_are_found():
    source = driver(globals='#include "..\\Inc\\COMMON.H"\n#include "Sub/other.h"\nLONG Both = COMMON + OTHER;')
    files = {'Driver/Main.c': source.replace('<fltKernel.h>', '<FltKernel.h>'), 'inc/common.h': '#define COMMON 1\n',
             'Driver/sub/Other.h': '#define OTHER 2\n'}
    code, rules, result = rules_of(files)
    assert code == 0, result.stderr


@test
def sources_in_utf16_and_the_ansi_code_page_are_built():
    files = {'main.c': driver(globals='#include "text.h"\nWCHAR Name[] = NAME;').encode('utf-16'),
             'text.h': '/* J\xfcrgen */\n#define NAME L"\xe9t\xe9"\n'.encode('latin-1')}
    code, rules, result = rules_of(files)
    assert code == 0, result.stderr


@test
def what_msvc_takes_and_this_compiler_does_not_is_tried_with_others():
    globals_ = '\n'.join(['typedef unsigned  __int64 size_t;', 'typedef __int64 ptrdiff_t;', 'typedef long long ptrdiff_t;',
                          'typedef NTSTATUS (*QUERY)(HANDLE, PROCESSINFOCLASS, PVOID, ULONG, PULONG);',
                          'QUERY ZwQueryInformationProcess;', 'void Print(void) { KdPrint(("x"), 1); }',
                          'template <class T> struct List { typedef T *Link; Link First(); };',
                          'template <class T> List<T>::Link List<T>::First() { return 0; }'])
    files = {'main.cpp': driver(globals=globals_).replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry')}
    code, rules, result = rules_of(files)
    assert code == 0, result.stderr


@test
def a_cpp_driver_has_the_operators_that_it_defines_and_no_others():
    own = ('void *__cdecl operator new(size_t n) { return ExAllocatePoolWithTag(NonPagedPool, n, \'wen \'); }\n'
           'void __cdecl operator delete[](void *p, size_t) { ExFreePool(p); }\n'
           'void *__cdecl operator new[](size_t n) { return ExAllocatePoolWithTag(NonPagedPool, n, \'wen \'); }\n')
    source = driver(globals=own, pre='delete[] (new char[3]);').replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry')
    code, rules, result = rules_of({'main.cpp': source})
    assert code == 0, result.stdout + result.stderr
    result = check({'main.cpp': source.replace('delete[] (new char[3]);', 'delete new int;')})
    assert result.returncode == 2 and 'operator delete(void*' in result.stderr, result.stdout + result.stderr


@test
def what_msvc_takes_and_no_other_compiler_is_put_right_in_a_copy():
    globals_ = '\n'.join(['enum _HERE { Here };', 'EXTERN_C static LONG Twice(LONG x);', 'EXTERN_C static LONG Twice(LONG x) { return 2 * x; }',
                          'extern "C"\nstatic LONG Half(LONG x) { return x / 2; }',
                          'struct Copied { enum _NOWHERE Reason; enum _HERE Here; int enum_x; };', 'enum class _THERE { There };',
                          'static LONG Of(_THERE x) { return (LONG)x; }',
                          'typedef unsigned long DWORD;', 'typedef long *  PNUMBER;', 'LONG Number; PNUMBER Where = &Number;',
                          'static_assert(sizeof(DWORD) == 4, "as on Windows");',
                          '#define LOG(format, ...) DbgPrint((format), __VA_ARGS__)',
                          'inline void *__cdecl operator new(unsigned __int64 n) { return ExAllocatePoolWithTag(PagedPool, n, 1); }',
                          'inline void __cdecl operator delete(void *p, unsigned __int64) { ExFreePool(p); }'])
    source = driver(globals=globals_, pre='LOG("none\\n"); LOG("%d\\n", (int)(Twice(2) + Half(2))); delete new int;')
    files = {'main.cpp': source.replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry'),
             'other.c': 'typedef void(__cdecl *ROUTINE)(void);\nROUTINE __stdcall Routine(void) { return 0; }\n'}
    for compiler in ['gcc', 'clang']:
        if shutil.which(compiler):
            code, rules, result = rules_of(files, '--cc', compiler)
            assert code == 0, result.stdout + result.stderr


@test
def casts_that_are_assigned_to_mean_what_they_do_in_msvc():
    globals_ = '\n'.join(['typedef struct { PVOID At; } PLACE;', '#define NAME(x) DbgPrint("%s" ## x, "n")',
                          'static LONG64 Old(PVOID p) { return InterlockedExchange64(p, 5i64 + 0x10ui16); }'])
    pre = '\n'.join(['UCHAR bytes[8] = {1, 2, 3, 4}; PVOID p = bytes; PLACE place; ULONG n = 0; LONG64 big = 4;', 'NAME("x");',
                     '(PUCHAR)p = (PUCHAR)p + 1;', '(PUCHAR)p += 1;', 'n = *((PUCHAR)p)++;', 'place.At = p;',
                     'if (n == 3) (PUCHAR)place.At += 2; else (PUCHAR)place.At -= 9;',
                     'LONG64 wide = 0; *(&(ULONG)wide) = 5; if (wide != 5 || Old(&(LONG64)wide) != 5) FltReleaseContext(NULL);',
                     'if (n != 3 || p != bytes + 3 || place.At != bytes + 5 || Old(&big) != 4 || big != 21) FltReleaseContext(NULL);'])
    for compiler in ['gcc', 'clang']:
        if shutil.which(compiler):
            code, rules, result = rules_of({'main.c': driver(globals=globals_, pre=pre)}, '--cc', compiler)
            assert code == 0, result.stdout + result.stderr


@test
def names_and_literals_as_only_msvc_has_them_are_put_right_in_cpp():
    globals_ = '\n'.join(['template <class T> struct Base { T Value; };', 'const enum class KIND { One = 1, };',
                          'struct Own : Base<LONG> { typedef typename Base<LONG> Up; LONG Get() { return Up::Value; } };',
                          'static_assert(sizeof(1ui64) == 8 && sizeof(0x1ui8) <= 4 && (LONG)KIND::One == 1, "");'])
    source = driver(globals=globals_).replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry')
    code, rules, result = rules_of({'main.cpp': source})
    assert code == 0, result.stdout + result.stderr


@test
def names_of_microsofts_headers_are_there_where_drivers_find_them():
    globals_ = ('#include <stdlib.h>\nstatic_assert(_MAX_PATH + _MAX_DRIVE + _MAX_DIR + _MAX_FNAME + _MAX_EXT == 260 + 3 + 3 * 256, "");\n'
                'static PIMAGE_NT_HEADERS32 Of(PIMAGE_NT_HEADERS x) { return (PIMAGE_NT_HEADERS32)x; }\n'
                'struct Two { union { struct { int A; } DUMMYSTRUCTNAME; int B; } DUMMYUNIONNAME; struct { int C; } DUMMYSTRUCTNAME2; };\n'
                'static_assert(DPFLTR_ACPI_ID == 24 && DPFLTR_FASTFAT_ID == 33 && TYPE_ALIGNMENT(ULONG64) == 8 && TYPE_ALIGNMENT(char) == 1 && MAX_UNICODE_STACK_BUFFER_LENGTH == 256, "");\n'
                'static int First(struct Two *x) { return x->A + x->C; }\n'
                '#include <ntimage.h>\nstatic_assert(FIELD_OFFSET(IMAGE_NT_HEADERS32, OptionalHeader) == 24, "");\n')
    pre = 'struct Two two = {0}; if (Of(NULL) || First(&two)) FltReleaseContext(NULL);'
    code, rules, result = rules_of({'main.c': driver(globals=globals_.replace('static_assert', '_Static_assert'), pre=pre)})
    assert code == 0, result.stdout + result.stderr


@test
def what_the_message_compiler_writes_defines_its_variables():
    header = ('EXTERN_C __declspec(selectany) DECLSPEC_CACHEALIGN ULONG EnableBits[1];\n'
              'EXTERN_C __declspec(selectany) REGHANDLE Handle = (REGHANDLE)0;\nextern DECLSPEC_SELECTANY LONG Count;\n')
    pre = 'if (EnableBits[0] || Handle || ++Count < 1) FltReleaseContext(NULL);'
    for name in 'main.c', 'main.cpp':
        source = driver(globals='#include "events.h"', pre=pre)
        if name == 'main.cpp':
            source = source.replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry')
        code, rules, result = rules_of({name: source, 'events.h': header, 'other.c': '#include <ntddk.h>\n#include "events.h"\n'
                                        'ULONG Other(void) { return EnableBits[0] + Count; }\n'})
        assert code == 0, result.stdout + result.stderr


@test
def a_second_driverentry_is_refused_as_windows_linker_does():
    result = check({'one.c': driver(), 'two.c': driver()})
    assert result.returncode == 2 and 'one.c defines DriverEntry' in result.stderr, result.stdout + result.stderr
    assert 'two.c defines DriverEntry' in result.stderr and 'name the sources of one driver' in result.stderr, result.stderr
    result = check({'one.c': driver(), 'two.c': '#if 0\n' + driver() + '\n#endif\n'})
    assert result.returncode == 0, result.stdout + result.stderr


@test
def a_driver_whose_debug_messages_do_not_compile_is_built_without_them():
    source = driver(globals='#if DBG\n#define LOG(x) DbgPrint x\n#else\n#define LOG(x)\n#endif\n', pre='LOG(("%d", Gone)); Other();')
    result = check({'main.c': source, 'other.c': '#include <ntddk.h>\nC_ASSERT(!DBG);\nvoid Other(void) {}\n'})
    assert result.returncode == 0 and 'main.c compiles with DBG=0 only' in result.stderr, result.stdout + result.stderr
    result = check({'main.c': source.replace('Other()', 'Neither')})
    assert result.returncode == 2 and "'Gone'" in result.stderr.replace('\u2018', "'").replace('\u2019', "'"), result.stderr


@test
def the_macros_and_conditions_of_project_files_are_understood():
    source = driver(globals='#include "one.h"\n#include <deep/two.h>\n#include <deep\\three.h>\n#include <string.h>\n'
                            'C_ASSERT(ONE + TWO + THREE + SHEET == 10); size_t (*Length)(const char *) = strlen;')
    project = ('<Project><Import Project="$(SolutionDir)sheets\\all.props" /><PropertyGroup><Own>$(Root)\\inc</Own></PropertyGroup>'
               '<ItemDefinitionGroup><ClCompile><AdditionalIncludeDirectories Condition="\'$(Platform)\'==\'x64\'">'
               '$(Own);$(Unknown)\\inc;%(AdditionalIncludeDirectories)</AdditionalIncludeDirectories></ClCompile></ItemDefinitionGroup>'
               '<ItemGroup><ClCompile Include="..\\src\\main.c" /><ClCompile Include="..\\src\\other.c" /></ItemGroup></Project>')
    sheet = ('<Project><PropertyGroup Label="UserMacros"><Root Condition="true">$(ProjectDir)..\\..\\..\\..\\..</Root></PropertyGroup>'
             '<ItemDefinitionGroup><ClCompile><PreprocessorDefinitions>SHEET=4;%(PreprocessorDefinitions)</PreprocessorDefinitions>'
             '</ClCompile></ItemDefinitionGroup></Project>')
    files = {'a/b/c/driver/aold/driver.vcxproj': '<Project><ItemGroup><ClCompile Include="..\\src\\main.c" /></ItemGroup></Project>',
             'a/b/c/driver/src/other.c': '#include <ntddk.h>\n',
             '.git/HEAD': 'ref: x\n', 'a/b/all.sln': '', 'a/b/c/driver/src/main.c': source, 'a/b/c/driver/build/driver.vcxproj': project,
             'a/b/sheets/all.props': sheet, 'inc/one.h': '#define ONE 1\n', 'inc/deep/two.h': '#define TWO 2\n',
             'a/wrong/one.h': '#error the project says another folder\n', 'inc/deep/string.h': '#error not that of the C library\n',
             'inc/deep/Three.h': '#define THREE 3\n'}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            write(folder, name, content)
        result = fltsim('check', os.path.join(folder, 'a/b/c/driver/src'))
        assert result.returncode == 0, result.stdout + result.stderr


@test
def a_callback_status_can_be_negative():
    globals_ = 'static FLT_PREOP_CALLBACK_STATUS Decide(VOID) { return (FLT_PREOP_CALLBACK_STATUS)-1; }'
    for name, source in [('main.c', driver(globals=globals_, pre='if (Decide() >= 0) return Decide();')),
                         ('main.cpp', driver(globals=globals_, pre='if (Decide() >= 0) return Decide();')
                          .replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry'))]:
        code, rules, result = rules_of({name: source})
        assert code == 0, result.stdout + result.stderr


@test
def an_operator_new_that_answers_null_constructs_nothing():
    globals_ = ('struct Thing { int a; Thing() : a(1) {} };\nvoid *operator new(size_t n) { return nullptr; }\n'
                'void operator delete(void *p, size_t) {}\n')
    source = driver(globals=globals_, pre='if (new Thing) DbgBreakPoint();')
    code, rules, result = rules_of({'main.cpp': source.replace('NTSTATUS DriverEntry', 'extern "C" NTSTATUS DriverEntry')},
                                   '--cc', 'gcc')
    assert code == 0, result.stdout + result.stderr


@test
def a_shared_header_is_found_though_it_includes_what_nobody_has():
    files = {'a/driver/main.c': driver(globals='#include <far.h>\nULONG Far = FAR_AWAY;'),
             'lib/far.h': '#define FAR_AWAY 1\n#ifdef OTHERS\n#include "one.h"\n#include "two.h"\n#endif\n'}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            write(folder, name, content)
        result = fltsim('check', os.path.join(folder, 'a', 'driver'))
        assert result.returncode == 0, result.stdout + result.stderr


@test
def a_header_of_the_tree_hides_none_of_the_wdk():
    files = {'driver/main.c': driver(globals='#include <mine.h>\n#include <ntintsafe.h>\nULONG Mine = MINE;'),
             'other/include/mine.h': '#define MINE 1\n', 'other/include/ntintsafe.h': '#error "for programs"\n'}
    code, rules, result = rules_of(files)
    assert code == 0, result.stdout + result.stderr


@test
def what_only_clang_takes_is_compiled_with_clang():
    if not shutil.which('clang'):
        return
    files = {'main.c': driver(globals='int Twice(int x); static int Twice(int x) { return 2 * x; }', pre='Twice(2);')}
    code, rules, result = rules_of(files)
    assert code == 0, result.stderr


@test
def user_mode_programs_in_the_same_tree_are_left_out():
    files = {'filter/main.c': driver(), 'user/tool.c': '#include <windows.h>\nint main(void) { return 0; }\n',
             'user/helper.c': '#include "tool.h"\nint x = MAX_PATH_IN_TOOL;\n', 'user/tool.h': '#include <windows.h>\n'}
    code, rules, result = rules_of(files)
    assert code == 0, result.stderr


@test
def a_routine_that_is_missing_everywhere_is_named_with_the_line_that_needs_it():
    files = {'main.c': driver(globals='NTSTATUS NTAPI HelperOfMine(ULONG x);', entry='HelperOfMine(1);')}
    result = check(files)
    assert result.returncode == 2 and 'HelperOfMine' in result.stderr and 'main.c:' in result.stderr, result.stderr
    result = check(files, '--trap-missing')
    assert result.returncode == 1 and 'HelperOfMine was called' in result.stdout, (result.stdout, result.stderr)


@test
def a_missing_routine_of_the_system_ends_the_run_that_calls_it():
    files = {'main.c': driver(globals='NTSTATUS NTAPI ZwNoSuchRoutine(ULONG x);',
                              entry='if (RegistryPath->Length > 2000) ZwNoSuchRoutine(1);')}
    result = check(files)
    assert result.returncode == 0 and 'ZwNoSuchRoutine' in result.stdout and 'main.c:' in result.stdout, result.stdout
    files['main.c'] = files['main.c'].replace('> 2000', '> 2')
    result = check(files)
    assert result.returncode == 1 and 'ZwNoSuchRoutine was called' in result.stdout, (result.stdout, result.stderr)
    assert 'DriverEntry (main.c:' in result.stdout, result.stdout
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', files['main.c'])
        built = fltsim('build', '-o', os.path.join(folder, 'main.so'), folder)
        assert built.returncode == 2 and 'ZwNoSuchRoutine' in built.stderr, built.stderr


@test
def a_syntax_error_is_shown_by_file_and_line():
    result = check({'main.c': driver(entry='this is no C;')})
    assert result.returncode == 2 and 'main.c:' in result.stderr and 'error' in result.stderr, result.stderr


PROJECT = '<Project><ItemGroup>%s</ItemGroup></Project>'


@test
def a_static_library_that_the_project_refers_to_is_built_along():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'drivers/one/main.c', '#include <fltKernel.h>\n#include <lib.h>\n' + driver(entry='LibraryCall();'))
        write(folder, 'drivers/one/one.vcxproj', PROJECT % (
            '<ClCompile Include="main.c" /><ProjectReference Include="..\\..\\lib\\lib.vcxproj" />'))
        write(folder, 'drivers/two/two.c', driver())
        write(folder, 'drivers/two/two.inf', '[Version]\n')
        write(folder, 'lib/lib.h', 'void LibraryCall(void);\n')
        write(folder, 'lib/lib.c', '#include <ntddk.h>\n#include "lib.h"\nvoid LibraryCall(void) { }\n')
        write(folder, 'lib/unused.c', '#include <ntddk.h>\nthis does not compile\n')
        write(folder, 'lib/lib.vcxproj', '<ConfigurationType>StaticLibrary</ConfigurationType>' + PROJECT % (
            '<ClCompile Include="lib.c" /><ClCompile Include="unused.c" />'))
        result = fltsim('check', os.path.join(folder, 'drivers', 'one'))
        assert result.returncode == 0, result.stdout + result.stderr
        assert 'unused.c does not compile' in result.stderr and 'left out' in result.stderr, result.stderr
        assert 'altitude 370000 by default' in result.stdout, result.stdout


@test
def a_project_that_names_driver_entry_as_entry_point_may_have_it_under_its_cpp_name():
    project = '<EntryPointSymbol>DriverEntry</EntryPointSymbol>' + PROJECT % '<ClCompile Include="main.cpp" />'
    code, rules, result = rules_of({'main.cpp': driver(), 'main.vcxproj': project})
    assert code == 0, result.stdout + result.stderr
    result = check({'main.cpp': driver(), 'main.vcxproj': project.replace('>DriverEntry<', '>GsDriverEntry<')})
    assert result.returncode == 2 and 'extern "C"' in result.stderr, result.stdout + result.stderr


@test
def a_project_says_which_of_the_sources_in_its_folder_are_the_driver():
    files = {'old.c': driver(), 'new.c': driver(globals='int Help(int x);', entry='Help(1);'), 'help.c': 'int Help(int x) { return x; }\n',
             'tool.c': '#include <windows.h>\nint main(void) { return 0; }\n',
             'new.vcxproj': PROJECT % '<ClCompile Include="new.c" /><ClCompile Include="help.c" />'}
    code, rules, result = rules_of(files)
    assert code == 0, result.stdout + result.stderr
    result = check({**files, 'old.vcxproj': PROJECT % '<ClCompile Include="old.c" />'})
    assert result.returncode == 2 and 'defines DriverEntry' in result.stderr, result.stdout + result.stderr


@test
def the_folder_that_is_asked_for_has_the_driver_not_the_copy_below_it():
    copy = driver(entry='this is no C;')
    code, rules, result = rules_of({'main.c': driver(entry='Other();', globals='void Other(void);'), 'copy/main.c': copy,
                                    'other.c': '#include <ntddk.h>\nvoid Other(void) {}\n'})
    assert code == 0, result.stdout + result.stderr


@test
def a_project_names_the_trace_header_and_the_trace_functions():
    project = ('<ClCompile><PreprocessorDefinitions>RUN_WPP;WPPFILE=%s;%%(PreprocessorDefinitions)</PreprocessorDefinitions>'
               '<WppTraceFunction>Trace{FLAGS=ALL}(LEVEL, MSG, ...);</WppTraceFunction></ClCompile>' + PROJECT %
               '<ClCompile Include="main.c" /><ClCompile Include="second.c" />')
    files = {'main.c': driver(globals='#include "trace.h"\n#ifndef RUN_WPP\n#error\n#endif', entry='Trace(1, "loaded %d", Gone);'),
             'second.c': '#include <ntddk.h>\n#include "trace.h"\nvoid Second(void) { Trace(2, "second"); }\n',
             'trace.h': '#include WPPFILE\n'}
    for name in ['"%(Filename).tmh"', '&quot;%(Filename).tmh&quot;']:
        code, rules, result = rules_of({**files, 'main.vcxproj': project % name})
        assert code == 0, result.stdout + result.stderr


@test
def an_enumeration_may_be_used_before_the_header_that_defines_it():
    files = {'main.c': driver(globals='#include "use.h"\n#include "define.h"\nstatic enum _KIND Kind = First; struct Use U = {Second};\n'
                                      'C_ASSERT(sizeof(struct Use) == 4);', pre='if (Kind == U.Kind) return FLT_PREOP_SUCCESS_NO_CALLBACK;'),
             'use.h': 'typedef enum _KIND KIND;\nstruct Use { KIND Kind; };\n',
             'define.h': 'typedef enum _KIND {\n    First,\n    Second\n} KIND, *PKIND;\n'}
    for name in ['main.c', 'main.cpp']:
        source = files['main.c'].replace('NTSTATUS DriverEntry', '#ifdef __cplusplus\nextern "C"\n#endif\nNTSTATUS DriverEntry')
        code, rules, result = rules_of({name: source, **{n: files[n] for n in ('use.h', 'define.h')}})
        assert code == 0, '%s: %s%s' % (name, result.stdout, result.stderr)


@test
def what_windows_headers_allow_in_c_is_allowed():
    globals_ = '\n'.join(['#include <crtdefs.h>', 'static_assert(sizeof(LONG) == 4, "32 bits");',
                          'struct Shared { unsigned long A, B : 3; long int C; struct { USHORT D; } DUMMYSTRUCTNAME;',
                          '    union { long E; double F; } DUMMYUNIONNAME; /* long */ long long G; };',
                          'C_ASSERT(sizeof(struct Shared) == 32);', 'C_ASSERT(sizeof(((struct Shared *)0)->E) == 4);'])
    globals_ += '\n#include <intrin.h>\nstatic int HighestLeaf(void) { int r[4] = {0};\n#ifdef __cpuid\n__cpuid(r, 0);\n#endif\nreturn r[0]; }'
    source = driver(globals=globals_, pre='if (HighestLeaf() < 0) return FLT_PREOP_COMPLETE;', entry='OBJECT_ATTRIBUTES a; InitializeObjectAttributes(&a, NULL, 0, NULL, NULL) (void)a;')
    code, rules, result = rules_of({'main.c': source})
    assert code == 0, result.stdout + result.stderr


@test
def of_two_drivers_below_one_folder_none_is_guessed():
    result = check({'a/a.c': driver(), 'b/b.c': driver()})
    assert result.returncode == 2 and 'several drivers' in result.stderr, result.stderr


@test
def build_makes_a_module_that_check_takes():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', driver())
        module = os.path.join(folder, 'main.so')
        built = fltsim('build', '-o', module, os.path.join(folder, 'main.c'))
        assert built.returncode == 0, built.stderr
        result = fltsim('check', module)
        assert result.returncode == 0, result.stdout + result.stderr


@test
def build_with_v_prints_the_command_lines_and_passes_options_through():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'main.c', driver(globals='LONG Level = LEVEL;'))
        built = fltsim('build', '-v', '-DLEVEL=3', '-std=gnu17', '-o', os.path.join(folder, 'main.so'), folder)
        assert built.returncode == 0 and '-DLEVEL=3' in built.stderr and '-std=gnu17' in built.stderr, built.stderr


@test
def a_folder_without_a_driver_is_an_error():
    result = check({'main.c': 'int main(void) { return 0; }\n'})
    assert result.returncode == 2 and 'DriverEntry' in result.stderr, result.stderr


sys.exit(main())
