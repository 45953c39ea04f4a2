#!/usr/bin/env python3
"""Each public header compiles alone with the flags of driver code: as C11 with gcc, and, where drivers and tests include it, as
C++17 with clang (without clang: with g++). All of them in one file, in order and in reverse, compile with every compiler at
hand in both languages, and as the library includes them.

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


def included(headers):
    # The packing that a pshpack header begins is ended again.
    return ''.join('#include <%s>\n%s' % (h[4:] if h.startswith('wdk/') else h, '#include <poppack.h>\n' * ('pshpack' in h))
                   for h in headers)


def compile_them(command, include, headers):
    command = command + WARNINGS + ['-fsyntax-only', '-I' + include, '-I' + os.path.join(include, 'wdk'), '-']
    done = subprocess.run(command, input=included(headers), capture_output=True, text=True)
    name = headers[0] if len(headers) == 1 else 'all headers, from %s to %s' % (headers[0], headers[-1])
    return None if done.returncode == 0 else '%s\n  %s\n%s' % (name, ' '.join(command), done.stderr[:1500])


def main():
    include, driver_flags = sys.argv[1], sys.argv[2:]
    found, commands = headers(include), list(configurations(driver_flags))
    outer = [h for h in found if not h.startswith('wdk/nt/')]
    jobs = [(commands[0], [h]) for h in found]
    cpp = [c for c in commands if 'c++' in c]
    if cpp:
        jobs += [(cpp[-1], [h]) for h in outer]
    jobs += [(c, order) for c in commands for order in (found, found[::-1])]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        failures = [f for f in pool.map(lambda job: compile_them(job[0], include, job[1]), jobs) if f]
    print('%d compilations, %d failures' % (len(jobs), len(failures)))
    for failure in failures:
        print(failure)
    raise SystemExit(1 if failures else 0)


if __name__ == '__main__':
    main()
