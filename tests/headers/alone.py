#!/usr/bin/env python3
"""Each public header compiles alone: as C11 and as C++17, with the flags of driver code. What drivers and tests include
is compiled with every compiler at hand, and as the library includes it; the parts under wdk/nt with gcc only.

usage: alone.py INCLUDE_DIR [FLAGS OF DRIVER CODE...]
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys

WARNINGS = ['-Wall', '-Wextra', '-Werror', '-Wno-unknown-pragmas', '-Wno-unknown-warning-option', '-Wno-pragma-pack']
# Act by being included, need something before them, or refuse.
FRAGMENTS = {'wdk/nt/std_begin.h', 'wdk/nt/std_end.h', 'wdk/poppack.h', 'wdk/windows.h', 'wdk/winternl.h'}


def headers(include):
    found = []
    for folder, _, files in os.walk(include):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), include).replace(os.sep, '/')
            if name.endswith('.h') and path not in FRAGMENTS:
                found.append(path)
    return sorted(found)


def configurations(driver_flags):
    driver = driver_flags or ['-fshort-wchar', '-fms-extensions']
    for compiler, language, standard in (('gcc', 'c', '-std=gnu11'), ('clang', 'c', '-std=gnu11'),
                                         ('g++', 'c++', '-std=gnu++17'), ('clang++', 'c++', '-std=gnu++17')):
        if shutil.which(compiler):
            yield [compiler, '-x', language, standard] + driver
    if shutil.which('gcc'):
        yield ['gcc', '-x', 'c', '-std=gnu11', '-DFLTSIM_LIBRARY', '-fms-extensions']


def compile_alone(command, include, header):
    # The packing that a pshpack header begins is ended again.
    text = '#include <%s>\n' % (header[4:] if header.startswith('wdk/') else header)
    if 'pshpack' in header:
        text += '#include <poppack.h>\n'
    command = command + WARNINGS + ['-fsyntax-only', '-I' + include, '-I' + os.path.join(include, 'wdk'), '-']
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return None if done.returncode == 0 else '%s\n  %s\n%s' % (header, ' '.join(command), done.stderr[:1500])


def main():
    include, driver_flags = sys.argv[1], sys.argv[2:]
    jobs = [(c, include, h) for c in configurations(driver_flags) for h in headers(include)
            if not h.startswith('wdk/nt/') or c[0] in ('gcc', 'g++') and '-DFLTSIM_LIBRARY' not in c]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        failures = [f for f in pool.map(lambda job: compile_alone(*job), jobs) if f]
    print('%d compilations, %d failures' % (len(jobs), len(failures)))
    for failure in failures:
        print(failure)
    raise SystemExit(1 if failures else 0)


if __name__ == '__main__':
    main()
