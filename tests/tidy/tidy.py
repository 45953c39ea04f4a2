#!/usr/bin/env python3
"""The rules of the house that a script can see: who may include whom, where the operating system is, how long a file is.

usage: tidy.py [SOURCE_ROOT]
"""
import os
import re
import sys

ROOT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# A request goes io -> flt -> memfs through device objects, never by calling each other; all stand on the floor; the
# instruments are called by every room. What is not listed here is an arrow that runs the wrong way.
FLOOR = {'rtl', 'ke', 'ex', 'ob', 'mm', 'ps', 'se', 'cm', 'cc', 'bcrypt', 'etw'}
INSTRUMENTS = {'verify', 'fault', 'trace', 'sched', 'plat', 'sim'}
MAY_INCLUDE = {
    'plat': set(),
    'sched': {'plat'},
    'trace': {'plat', 'sched', 'sim'},
    'fault': {'plat', 'sched', 'sim', 'trace'},
    'verify': {'plat', 'sched', 'sim', 'trace', 'ke'},
    **{room: FLOOR | INSTRUMENTS for room in FLOOR},
    'fsrtl': FLOOR | INSTRUMENTS,
    'net': FLOOR | INSTRUMENTS,
    'io': FLOOR | INSTRUMENTS | {'fsrtl'},
    'flt': FLOOR | INSTRUMENTS | {'fsrtl', 'io'},
    'memfs': INSTRUMENTS - {'plat'},
    'sim': FLOOR | INSTRUMENTS | {'fsrtl', 'net', 'io', 'flt', 'memfs'},
    'tool': {'plat', 'sim', 'trace', 'verify', 'fault'},
}

# Arrows that run the wrong way for a reason.
EXCEPTIONS = {
    ('src/memfs/driver.c', 'io/iop.h'): 'the room loads its own driver, as the I/O manager loads its built-in ones',
    ('src/memfs/driver.c', 'ob/object.h'): 'likewise',
}

# Only src/plat includes the operating system's. These are the language's, ours, and the list macros.
STANDARD = re.compile(r'(assert|ctype|errno|float|inttypes|limits|math|setjmp|stdalign|stdarg|stdatomic|stdbool|stddef|'
                      r'stdint|stdio|stdlib|stdnoreturn|string|uchar|wchar|wctype|uthash|utlist|utarray|cmocka)\.h$|'
                      r'nt/|fltsim/|sanitizer/')

# Files longer than the limit, and what they may have at most: the numbers only go down. Tables (.inc) have none.
LIMIT = 800
RATCHET = {
    'include/wdk/nt/status.h': 1383,
}

MARK = re.compile(r'\b(TODO|FIXME|HACK|XXX)\b')
CODE = ('.c', '.h', '.cpp', '.hpp', '.py', '.inc', '.S', '.build')


def files(*folders):
    for folder in folders:
        for directory, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(names):
                if name.endswith(CODE):
                    path = os.path.join(directory, name)
                    yield os.path.relpath(path, ROOT), open(path, encoding='utf-8', errors='replace').read()


def included(text):
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if m:
            yield number, m[1], m[2]


def wrong_arrows(path, text):
    room = path.split('/')[1]
    if room not in MAY_INCLUDE:
        yield '%s: tests/tidy does not know the room %s' % (path, room)
        return
    for number, kind, name in included(text):
        other = name.split('/')[0] if '/' in name else room
        if kind == '"' and other in MAY_INCLUDE and other != room and other not in MAY_INCLUDE[room] \
                and (path, name) not in EXCEPTIONS:
            yield '%s:%d: %s may not include %s' % (path, number, room, name)


def operating_system(path, text):
    if path.startswith('src/plat/'):
        return
    ours = set(os.listdir(os.path.join(ROOT, 'include/wdk')))
    for number, kind, name in included(text):
        if kind == '<' and not STANDARD.match(name) and name not in ours:
            yield '%s:%d: only src/plat includes <%s>' % (path, number, name)


def too_long(path, text):
    lines, most = text.count('\n'), RATCHET.get(path, LIMIT)
    if lines > most and not path.endswith('.inc'):
        yield '%s: %d lines, at most %d' % (path, lines, most)


def marks(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if MARK.search(line) and not path.startswith('tests/tidy/'):
            yield '%s:%d: %s' % (path, number, MARK.search(line)[0])


def main():
    wrong = []
    for path, text in files('src'):
        if path.endswith(('.c', '.h', '.inc')):
            wrong += wrong_arrows(path, text)
            wrong += operating_system(path, text)
    for path, text in files('src', 'include', 'tests', 'examples'):
        wrong += too_long(path, text)
        wrong += marks(path, text)
    print('\n'.join(wrong) or 'tidy')
    sys.exit(bool(wrong))


main()
