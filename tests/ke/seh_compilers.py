#!/usr/bin/env python3
"""Structured exceptions under each compiler, language and optimization level that a driver may be built with.

usage: seh_compilers.py ROOT BUILD LIBRARY
"""
import itertools
import os
import shutil
import subprocess
import sys
import tempfile

COMPILERS = {'c': {'gcc': 'gcc', 'clang': 'clang'}, 'c++': {'gcc': 'g++', 'clang': 'clang++'}}
SOURCES = (('test_seh.c', 'c'), ('test_seh_cpp.cpp', 'c++'), ('test_seh_classes.cpp', 'c++'))
LEVELS = ('-O0', '-O2')


def driver_flags(root, compiler, language):
    for line in open(os.path.join(root, 'src', 'tool', 'driver_flags.txt'), encoding='utf-8'):
        words = line.split()
        if (len(words) > 3 and words[0] != '#' and '(' not in words[0] and words[1] in ('any', compiler)
                and words[2] in ('any', language)):
            yield words[0]


def attempt(program, command):
    """What is wrong, or None."""
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        return made.stderr
    for backend in 'coop', 'native':
        ran = subprocess.run([program], capture_output=True, text=True, timeout=60,
                             env=dict(os.environ, FLTSIM_BACKEND=backend))
        if ran.returncode:
            return f'{backend}: ended with {ran.returncode}\n{ran.stdout}{ran.stderr}'
    return None


def main(root, build, library):
    include = os.path.join(root, 'include')
    number = 0
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for (source, language), compiler, level in itertools.product(SOURCES, ('gcc', 'clang'), LEVELS):
            number += 1
            name = f'{source} {compiler} {level}'
            driver = COMPILERS[language][compiler]
            if not shutil.which(driver):
                print(f'ok {number} - {name} # SKIP no {driver}', flush=True)
                continue
            program = os.path.join(folder, 'program')
            wrong = attempt(program, [
                driver, level, *driver_flags(root, compiler, language), '-I', include, '-I', os.path.join(include, 'wdk'),
                '-I', os.path.join(build, 'include', 'wdk-spellings'), os.path.join(root, 'tests', 'ke', source),
                '-o', program, library, '-lcmocka', '-Wl,-rpath,' + os.path.dirname(library)])
            print(f'{"not " if wrong else ""}ok {number} - {name}', flush=True)
            failed |= bool(wrong)
            for line in (wrong or '').splitlines():
                print('# ' + line, flush=True)
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
