#!/usr/bin/env python3
"""Make forwarding headers for the other spellings of the WDK's header names.

usage: spellings.py LIST DIR        (--install DIR: below Meson's install prefix)
Each line of LIST is a header's file name and then its other spellings. Where a file system does not tell case
apart there is nothing to make: the one header answers to all.
"""
import os
import sys


def case_sensitive(directory):
    probe = os.path.join(directory, 'fltsim-CaseProbe')
    open(probe, 'w').close()
    try:
        return not os.path.exists(os.path.join(directory, 'fltsim-caseprobe'))
    finally:
        os.unlink(probe)


def main():
    args = sys.argv[1:]
    if args[0] == '--install':
        args = [args[1], os.path.join(os.environ['MESON_INSTALL_DESTDIR_PREFIX'], args[2])]
    names, directory = args
    os.makedirs(directory, exist_ok=True)
    if not case_sensitive(directory):
        return
    with open(names) as f:
        for line in f:
            target, *spellings = line.split('#')[0].split() or ['']
            for spelling in spellings:
                text = '#include <%s>\n' % target
                path = os.path.join(directory, spelling)
                if os.path.exists(path) and open(path).read() == text:
                    continue
                with open(path, 'w') as out:
                    out.write(text)


main()
