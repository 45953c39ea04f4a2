#!/usr/bin/env python3
"""Check src/api.tsv, the table of WDK routines, against the library, the headers and the tests.

usage: api.py LIBRARY [--update [ROUTINES.tsv]] [--untested] [--doubtful]

A row: name, state (absent, partial, done), the file that has it, the header where its contract is, its test.
Every WDK symbol that the library exports has a row that is partial or done, in a file of src/; a macro or an inline
function has its header for a file; an absent one has none. What is done has a test that calls it, and tests that name
each status in statuses.tsv, which holds what the documentation gives. unreachable.tsv says which statuses the simulator
never has a reason to give, and, with a status of *, what a partial routine that is tested lacks.
--update adds the rows that are missing, and moves up what has earned it; only a * moves a row down. With a list of
routines (columns: name, kind, documented_returns) it also adds these, and writes statuses.tsv anew.
--untested prints the statuses that keep routines from being done. --doubtful prints those of routines that are done
whose name stands in a test of the routine, but nowhere near it: from a table or a helper, one hopes.
"""
import csv
import functools
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, 'src', 'api.tsv')
STATUSES = os.path.join(ROOT, 'tests', 'tidy', 'statuses.tsv')
UNREACHABLE = os.path.join(ROOT, 'tests', 'tidy', 'unreachable.tsv')
STATES = ('absent', 'partial', 'done')
OURS = re.compile(r'fltsim_|_init$|_fini$|__|_edata|_end$|sched_|verify_|trace_|plat_|fault_|sim_')


def nm(*args):
    """File and name of each symbol; where several files are given, nm heads each one's with its path."""
    out = subprocess.run(('nm',) + args, capture_output=True, text=True).stdout
    strip = 1 if sys.platform == 'darwin' else 0
    file = args[-1]
    for line in out.splitlines():
        words = line.split()
        if len(words) >= 3 and words[-2] in 'TDBRVWSGi':
            yield file, words[-1][strip:]
        elif line.endswith(':'):
            file = line[:-1]


def exported(library):
    return {name for _, name in nm('-g' if sys.platform == 'darwin' else '-D', '--defined-only', library)
            if not OURS.match(name)}


def homes(library):
    """The source file of every symbol, from the names that Meson gives to object files."""
    found = {}
    folder = library + '.p'
    if not os.path.isdir(folder):
        base = os.path.basename(library).split('.')
        for entry in os.listdir(os.path.dirname(library)):
            if entry.startswith(base[0] + '.') and entry.endswith('.p') and 'internal' not in entry:
                folder = os.path.join(os.path.dirname(library), entry)
    objects = [os.path.join(folder, entry) for entry in sorted(os.listdir(folder)) if entry.endswith('.o')]
    for path, name in nm('--defined-only', *objects):
        found.setdefault(name, re.sub(r'^src_([a-z]+)_', r'src/\1/', os.path.basename(path)[:-2]))
    return found


@functools.lru_cache(None)
def texts(folder, endings):
    found = {}
    for directory, _, files in sorted(os.walk(os.path.join(ROOT, folder))):
        for name in sorted(files):
            if name.endswith(endings):
                path = os.path.join(directory, name)
                found[os.path.relpath(path, ROOT)] = open(path, encoding='utf-8', errors='replace').read()
    return found


@functools.lru_cache(None)
def words(folder, endings):
    return {path: set(re.findall(r'\w+', text)) for path, text in texts(folder, endings).items()}


@functools.lru_cache(None)
def declared():
    """name -> (header, whether it is a macro or an inline function there)"""
    found = {}
    for path, text in texts('include/wdk', '.h').items():
        text = re.sub(r'/\*.*?\*/|//[^\n]*', '', text, flags=re.S).replace('\\\n', ' ')
        for service in re.findall(r'^FLTSIM_(?:NT_)?SERVICE\((\w+)', text, re.M):
            for prefix in ('Zw', 'Nt'):
                found.setdefault(prefix + service, (path, False))
        for name in re.findall(r'^(?!\s|#|typedef)[^\n;{}()]*?\b(\w+)\s*\([^;{}]*\)[^;{}]*;', text, re.M):
            found.setdefault(name, (path, False))
        for name in re.findall(r'^extern[^\n;]*?\b(\w+);', text, re.M):
            found.setdefault(name, (path, False))
    for path, text in texts('include/wdk', '.h').items():
        for name in re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', text, re.M):
            found.setdefault(name, (path, True))
        for name in re.findall(r'^(?:static |FLTSIM_INLINE|FORCEINLINE)[^\n;(]*?\b(\w+)\(', text, re.M):
            found.setdefault(name, (path, True))
    return found


def test_of(name, room):
    def rank(path):
        return (not os.path.basename(path).startswith('test_'), not path.startswith('tests/%s/' % room),
                not path.startswith('tests/conformance/'), path)
    called = [path for path, known in words('tests', ('.c', '.cpp')).items() if name in known]
    return min(called, key=rank) if called else '-'


def lines(path):
    with open(path) as f:
        return [line.rstrip('\n').split('\t') for line in f if line.strip() and not line.startswith('#')]


def read_list(listing):
    """name -> the statuses that its page gives"""
    with open(listing) as f:
        return {row['name']: [s for s in row['documented_returns'].split() if s not in ('STATUS_SUCCESS', 'STATUS_BLOCK')] # (the end of IO_STATUS_BLOCK)
                for row in csv.DictReader(f, delimiter='\t')
                if row['kind'] in ('routine', 'wdk func', 'wdk macro/func')}


def write_statuses(listing):
    with open(STATUSES, 'w') as out:
        out.write('# What the documentation gives as return statuses, STATUS_SUCCESS aside. Written by api.py --update.\n')
        for name, statuses in sorted(read_list(listing).items()):
            if statuses:
                out.write('%s\t%s\n' % (name, ' '.join(statuses)))


@functools.lru_cache(None)
def documented():
    return {name: statuses.split() for name, statuses in lines(STATUSES)}


@functools.lru_cache(None)
def unreachable():
    """(routine, status or *) -> why"""
    return {(name, status): why for name, status, why in lines(UNREACHABLE)}


def untested(name):
    known = [names for names in words('tests', ('.c', '.cpp')).values() if name in names]
    return [s for s in documented().get(name, [])
            if (name, s) not in unreachable() and not any(s in names for names in known)]


def is_near(name, status, text):
    """Does the status stand within some lines of the routine?"""
    return any(re.search(r'\b%s\b' % status, text[max(0, m.start() - 250):m.end() + 400])
               for m in re.finditer(r'\b%s\b' % name, text))


def doubtful(name):
    known = [text for text in texts('tests', ('.c', '.cpp')).values() if name in text]
    return [s for s in documented().get(name, [])
            if (name, s) not in unreachable() and not any(is_near(name, s, text) for text in known)]


def read_table():
    if not os.path.exists(TABLE):
        return {}
    rows = {}
    for line in open(TABLE):
        if line.strip() and not line.startswith('#'):
            cells = line.rstrip('\n').split('\t')
            if len(cells) != 5:
                sys.exit('src/api.tsv: not five columns: ' + line)
            if cells[0] in rows:
                sys.exit('src/api.tsv: twice: ' + cells[0])
            rows[cells[0]] = cells[1:]
    return rows


def mechanical(name, symbols, files):
    header, inline = declared().get(name, ('-', False))
    if header == '-' and re.match(r'Rtl\w+(Add|Sub|Mult)$|Rtl\w+To(U?)(Long|Short|Int|Char|Byte|WCHAR)\w*$', name):
        header, inline = 'include/wdk/ntintsafe.h', True  # a family that macros make
    if name in symbols:
        source = files.get(name, '-')
        test = test_of(name, source.split('/')[1] if source.startswith('src/') else '')
        done = test != '-' and not untested(name) and (name, '*') not in unreachable()
        return ['done' if done else 'partial', source, header, test]
    if inline:
        test = test_of(name, '')
        return ['done', header, header, test]
    return ['absent', '-', header, '-']


def update(rows, symbols, files, listing):
    listed = set(read_list(listing)) if listing else set()
    for name in sorted(symbols | listed | set(rows)):
        new = mechanical(name, symbols, files)
        old = rows.get(name)
        if old is None:
            rows[name] = new
            continue
        state = new[0] if (name, '*') in unreachable() else max(old[0], new[0], key=STATES.index)
        rows[name] = [state] + new[1:3] + [new[3] if new[3] != '-' else old[3]]
    with open(TABLE, 'w') as out:
        out.write('# Every WDK routine: name, state, the file that has it, where its contract is, its test.\n')
        out.write('# absent: not there, a link-time error. partial: some documented behaviour is missing or untested.\n')
        out.write('# done: behaves as documented, and the test says so. tests/tidy/api.py checks this table.\n')
        for name in sorted(rows):
            out.write('\t'.join([name] + rows[name]) + '\n')


def check(rows, symbols, files):
    wrong = []
    if 'BCryptOpenAlgorithmProvider' not in symbols:  # a build without libcrypto
        rows = {name: row for name, row in rows.items() if not row[1].startswith('src/bcrypt/')}
    for name in sorted(symbols - set(rows)):
        wrong.append('%s is exported and has no row' % name)
    for name, (state, source, header, test) in rows.items():
        if state not in STATES:
            wrong.append('%s: no state is called %s' % (name, state))
        if state == 'absent':
            if name in symbols:
                wrong.append('%s is absent and yet exported, from %s' % (name, files.get(name)))
            continue
        if source.startswith('src/') and name not in symbols:
            wrong.append('%s is %s and not exported' % (name, state))
        if source.startswith('src/') and files.get(name, source) != source:
            wrong.append('%s is in %s, not in %s' % (name, files[name], source))
        if not source.startswith('src/') and not os.path.exists(os.path.join(ROOT, source)):
            wrong.append('%s: there is no %s' % (name, source))
        if header != '-' and not os.path.exists(os.path.join(ROOT, header)):
            wrong.append('%s: there is no header %s' % (name, header))
        if state == 'done' and source.startswith('src/'):
            known = words('tests', ('.c', '.cpp')).get(test)
            if known is None:
                wrong.append('%s is done and there is no test %s' % (name, test))
            elif name not in known:
                wrong.append('%s is done and %s does not call it' % (name, test))
            for status in untested(name):
                wrong.append('%s is done and no test gets %s from it' % (name, status))
            if (name, '*') in unreachable():
                wrong.append('%s is done and unreachable.tsv says what it lacks' % name)
    for (name, status), why in unreachable().items():
        if name not in rows or (status != '*' and status not in documented().get(name, [])) or len(why) < 10:
            wrong.append('unreachable.tsv: %s does not give %s, or no reason stands there' % (name, status))
    return wrong


def main():
    args = sys.argv[1:]
    if not args:
        sys.exit(__doc__)
    symbols, files, rows = exported(args[0]), homes(args[0]), read_table()
    listing = args[2] if len(args) > 2 else None
    if '--untested' in args:
        for name in sorted(rows):
            if rows[name][0] == 'partial' and rows[name][1].startswith('src/'):
                print(name, ' '.join(untested(name)) if test_of(name, '') != '-' else 'is not named by any test')
        return
    if '--doubtful' in args:
        for name in sorted(rows):
            if rows[name][0] == 'done' and doubtful(name):
                print(name, ' '.join(doubtful(name)))
        return
    if '--update' in args:
        if listing:
            write_statuses(listing)
        return update(rows, symbols, files, listing)
    wrong = check(rows, symbols, files)
    print('\n'.join(wrong[:60]))
    if len(wrong) > 60:
        print('and %d more' % (len(wrong) - 60))
    counts = {s: sum(r[0] == s for r in rows.values()) for s in STATES}
    print('%d done, %d partial, %d absent' % (counts['done'], counts['partial'], counts['absent']))
    sys.exit(bool(wrong))


main()
