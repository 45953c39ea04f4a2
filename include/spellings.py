#!/usr/bin/env python3
"""Make the headers that stand for others: other spellings of the WDK's, and the C++ library's behind the WDK's macros.

usage: spellings.py WDK_DIR OUT             from WDK_DIR/spellings.txt and WDK_DIR/cxx.txt
       spellings.py WDK_DIR OUT --install   OUT is below Meson's install prefix
       spellings.py --driver SOURCE_DIR OUT make what SOURCE_DIR's own #include lines spell in another case, or with
                                            backslashes, than the files have; and empty WPP headers (*.tmh)

Where a file system does not tell case apart there is nothing to make for a spelling: the one header answers to all.
"""
import os
import re
import sys

# Where a driver's own go, below OUT: deep enough for names that begin with ../
BELOW = 'up/up/up/up'
SOURCES = ('.c', '.cpp', '.cc', '.cxx', '.h', '.hpp', '.hxx', '.inl', '.inc')


def case_sensitive(directory):
    probe = os.path.join(directory, 'fltsim-CaseProbe')
    open(probe, 'w').close()
    try:
        return not os.path.exists(os.path.join(directory, 'fltsim-caseprobe'))
    finally:
        os.unlink(probe)


def write(path, text):
    if os.path.exists(path) and open(path).read() == text:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)


def make_wdk(wdk, out):
    for name in open(os.path.join(wdk, 'cxx.txt')).read().split():
        write(os.path.join(out, name),
              '#include <nt/std_begin.h>\n#include_next <%s>\n#include <nt/std_end.h>\n' % name)
    if not case_sensitive(out):
        return
    for line in open(os.path.join(wdk, 'spellings.txt')):
        target, *spellings = line.split('#')[0].split() or ['']
        for spelling in spellings:
            write(os.path.join(out, spelling), '#include <%s>\n' % target)


def find(directory, parts):
    """The file that a path names when case does not count, or None."""
    if not parts:
        return directory
    if parts[0] in ('.', '..'):
        return find(os.path.normpath(os.path.join(directory, parts[0])), parts[1:])
    if os.path.isdir(directory):
        for entry in os.listdir(directory):
            if entry.lower() == parts[0].lower():
                found = find(os.path.join(directory, entry), parts[1:])
                if found:
                    return found
    return None


def wpp_header(texts):
    """What WPP would have generated for tracing: nothing for each function that the driver configures."""
    functions = {f for text in texts for f in re.findall(r'\bFUNC\s+(\w+)\s*[({]', text)}
    return '#include <nt/wpp.h>\n' + ''.join('#undef %s\n#define %s(...) ((void)0)\n' % (f, f) for f in sorted(functions))


def make_driver(source, out):
    source = os.path.abspath(source)
    files = [os.path.join(d, f) for d, _, fs in os.walk(source) for f in fs if f.lower().endswith(SOURCES)]
    folders = sorted({os.path.dirname(f) for f in files}, key=len)
    texts = {path: open(path, encoding='utf-8', errors='replace').read() for path in files}
    for path, text in texts.items():
        for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', text, re.M):
            if os.path.exists(os.path.join(os.path.dirname(path), name)):
                continue
            if '\\' not in name and any(os.path.exists(os.path.join(d, name)) for d in folders):
                continue
            if name.endswith('.tmh'):
                write(os.path.join(out, BELOW, name), wpp_header(texts.values()))
                continue
            parts = [p for p in re.split(r'[\\/]', name) if p]
            for directory in [os.path.dirname(path)] + folders:
                target = find(directory, parts)
                if target and os.path.isfile(target):
                    for spelled in {name, name.replace('\\', '/')}:  # clang turns the slashes round, gcc does not
                        path_of = os.path.normpath(os.path.join(out, BELOW, spelled))
                        if path_of.startswith(os.path.abspath(out) + os.sep):
                            write(path_of, '#include "%s"\n' % target)
                    break


def main():
    args = sys.argv[1:]
    if args[0] == '--driver':
        source, out = args[1:]
        out = os.path.abspath(out)
        os.makedirs(os.path.join(out, BELOW), exist_ok=True)
        return make_driver(source, out)
    wdk, out = args[:2]
    if '--install' in args:
        out = os.path.join(os.environ['MESON_INSTALL_DESTDIR_PREFIX'], out)
    os.makedirs(out, exist_ok=True)
    make_wdk(wdk, out)


main()
