#!/usr/bin/env python3
"""Compares the WDK surface with mingw-w64's ddk headers: structure layouts, enumerators, macro values.

Both are compiled, ours by the host's compiler and theirs by mingw-w64's; layouts and enumerators are read out of the
debug information, macro values out of an array of all the names that both have. What differs on purpose stands in
layout-differences.txt, a reason each; a line there that is not needed any more is an error too.

usage: layout.py INCLUDE_WDK DIFFERENCES CC MINGW_CC
"""
import os
import re
import subprocess
import sys
import tempfile

OURS = '#include <ntifs.h>\n#include <fltKernel.h>\n#include <ntimage.h>\n'
THEIRS = ('#define NTDDI_VERSION 0x0A000008\n#define _WIN32_WINNT 0x0A00\n#define WINVER 0x0A00\n'
          '#include <ntifs.h>\n#include <ntimage.h>\n')


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, errors='replace')
    if done.returncode:
        raise SystemExit('%s\n%s' % (' '.join(command), done.stderr[:3000]))
    return done.stdout


class Compiler:
    def __init__(self, folder, name, prefix, command, objdump):
        self.folder, self.name, self.prefix, self.command, self.objdump = folder, name, prefix, command, objdump

    def path(self, kind):
        return os.path.join(self.folder, self.name + kind)

    def write(self, text):
        with open(self.path('.c'), 'w') as f:
            f.write(self.prefix + text)

    def debug_information(self):
        self.write('int nothing;\n')
        run(self.command + ['-gdwarf-5', '-fno-eliminate-unused-debug-types', '-c', self.path('.c'), '-o', self.path('.o')])
        return run([self.objdump, '--dwarf=info', self.path('.o')])

    def macros(self):
        self.write('')
        found = {}
        for line in run(self.command + ['-dM', '-E', self.path('.c')]).splitlines():
            m = re.match(r'#define (\w+) (.+)', line)
            if m and not m.group(1).startswith('_'):
                found[m.group(1)] = m.group(2)
        return found

    def values(self, names):
        """The value of each name that is an integer constant. What is none is left out, error by error."""
        names = list(names)
        for _ in range(6):
            self.write(''.join('static const struct { char n[sizeof "%s"]; long long v; } v_%s __attribute__((used)) = '
                               '{"%s", (long long)(%s)};\n' % (n, n, n, n) for n in names))
            done = subprocess.run(self.command + ['-w', '-fmax-errors=0', '-S', '-o', self.path('.s'), self.path('.c')],
                                  capture_output=True, text=True)
            if done.returncode == 0:
                return parse_assembly(self.path('.s'))
            base = self.prefix.count('\n')
            own = re.escape(os.path.basename(self.path('.c')))
            bad = {int(n) - base - 1 for n in re.findall(own + r':(\d+):\d+: (?:error|note)', done.stderr)}
            names = [n for i, n in enumerate(names) if i not in bad]
        raise SystemExit('values do not settle:\n' + done.stderr[:2000])


def parse_assembly(path):
    """v_NAME: .ascii/.string, padding, .quad VALUE."""
    values, name = {}, None
    for line in open(path):
        m = re.match(r'v_(\w+):', line)
        if m:
            name = m.group(1)
            continue
        m = re.match(r'\s+\.quad\s+(-?\d+)\s*$', line)
        if m and name:
            values[name] = int(m.group(1)) & 0xFFFFFFFFFFFFFFFF
            name = None
    return values


class Entry:
    __slots__ = ('tag', 'attributes', 'children')

    def __init__(self, tag):
        self.tag, self.attributes, self.children = tag, {}, []


def parse_entries(text):
    entries, stack, entry = {}, [], None
    for line in text.splitlines():
        m = re.match(r'\s*<(\w+)><(\w+)>: Abbrev Number: (\d+)(?: \((\w+)\))?', line)
        if m:
            depth, offset = int(m.group(1), 16), int(m.group(2), 16)
            if not m.group(4):
                continue
            entry = Entry(m.group(4)[7:])
            entries[offset] = entry
            del stack[depth:]
            if stack:
                stack[-1].children.append(entry)
            stack.append(entry)
            continue
        m = re.match(r'\s*<\w+>\s+DW_AT_(\w+)\s*:\s*(.*)', line)
        if m and entry is not None:
            value = m.group(2).strip()
            if value.startswith('(indirect') or value.startswith('(alt'):
                value = value.split('): ', 1)[1]
            entry.attributes[m.group(1)] = re.sub(r'^\(data\d?\)\s*', '', value)
    return entries


def number(text):
    text = text.split()[0]
    return int(text, 16) if text.startswith('0x') else int(text)


class Types:
    def __init__(self, text):
        self.entries = parse_entries(text)
        self.structures, self.enumerators = {}, {}
        for entry in self.entries.values():
            if entry.tag in ('structure_type', 'union_type') and 'byte_size' in entry.attributes:
                if 'name' in entry.attributes:
                    self.structures.setdefault(entry.attributes['name'], entry)
            elif entry.tag == 'typedef' and 'type' in entry.attributes:
                target = self.target(entry)
                if target and target.tag in ('structure_type', 'union_type') and 'name' not in target.attributes:
                    self.structures.setdefault(entry.attributes['name'], target)
            elif entry.tag == 'enumeration_type':
                for child in entry.children:
                    if child.tag == 'enumerator':
                        value = number(child.attributes['const_value'])
                        self.enumerators[child.attributes['name']] = value & 0xFFFFFFFF

    def target(self, entry):
        text = entry.attributes.get('type')
        return self.entries.get(int(text.strip('<>'), 16)) if text else None

    def plain(self, entry):
        while entry is not None and entry.tag in ('typedef', 'const_type', 'volatile_type'):
            entry = self.target(entry)
        return entry

    def size(self, entry):
        entry = self.plain(entry)
        if entry is None:
            return 0
        if entry.tag == 'array_type':
            count = 1
            for child in entry.children:
                if child.tag == 'subrange_type':
                    bound = child.attributes.get('upper_bound', child.attributes.get('count'))
                    if bound is None:
                        return 0
                    count *= number(bound) + (1 if 'upper_bound' in child.attributes else 0)
            return count * self.size(self.target(entry))
        return number(entry.attributes.get('byte_size', '0'))

    def members(self, entry, base=0):
        found = {}
        for child in entry.children:
            if child.tag != 'member':
                continue
            a = child.attributes
            at = base * 8 + (number(a['data_bit_offset']) if 'data_bit_offset' in a else
                             8 * number(a.get('data_member_location', '0')))
            bits = number(a['bit_size']) if 'bit_size' in a else 8 * self.size(self.target(child))
            if 'name' in a:
                found[a['name']] = (at, bits)
            else:
                found.update(self.members(self.plain(self.target(child)), at // 8))
        return found


def compare_structures(ours, theirs, report):
    for name in sorted(set(ours.structures) & set(theirs.structures)):
        a, b = ours.structures[name], theirs.structures[name]
        short = name.lstrip('_')
        if number(a.attributes['byte_size']) != number(b.attributes['byte_size']):
            report(short, 'size %s, theirs %s' % (number(a.attributes['byte_size']), number(b.attributes['byte_size'])))
        left, right = ours.members(a), theirs.members(b)
        for member in sorted(set(left) & set(right)):
            if left[member] != right[member]:
                report('%s.%s' % (short, member), 'at bit %d, %d bits; theirs at %d, %d'
                       % (left[member] + right[member]))
    return len(set(ours.structures) & set(theirs.structures))


def compare_values(left, right, report):
    both = sorted(set(left) & set(right))
    for name in both:
        if left[name] & 0xFFFFFFFF != right[name] & 0xFFFFFFFF:
            report(name, '0x%x, theirs 0x%x' % (left[name], right[name]))
    return len(both)


def main():
    include, differences, cc, mingw = sys.argv[1:5]
    known = {}
    for line in open(differences):
        line = line.split('#')[0].strip()
        if line:
            known[line] = False
    complaints = []

    def report(name, text):
        if name in known:
            known[name] = True
        else:
            complaints.append('%s: %s' % (name, text))

    with tempfile.TemporaryDirectory() as folder:
        ours = Compiler(folder, 'ours', OURS, [cc, '-std=gnu11', '-fshort-wchar', '-fms-extensions', '-I' + include], 'objdump')
        ddk = run([mingw, '-print-sysroot']).strip()
        paths = [p for p in (ddk + '/include/ddk', '/usr/share/mingw-w64/include/ddk', '/usr/x86_64-w64-mingw32/include/ddk')
                 if os.path.isdir(p)]
        theirs = Compiler(folder, 'theirs', THEIRS, [mingw] + ['-I' + p for p in paths],
                          os.path.basename(mingw).replace('gcc', 'objdump')) # not beside a gcc that ccache stands for
        if not paths:
            print('no ddk headers')
            raise SystemExit(77)
        a, b = Types(ours.debug_information()), Types(theirs.debug_information())
        structures = compare_structures(a, b, report)
        enumerators = compare_values(a.enumerators, b.enumerators, report)
        names = sorted(set(ours.macros()) & set(theirs.macros()))
        values = compare_values(ours.values(names), theirs.values(names), report)
    print('%d structures, %d enumerators, %d macros compared' % (structures, enumerators, values))
    complaints += ['%s: listed as a difference, but there is none' % n for n, seen in known.items() if not seen]
    for line in complaints:
        print(line)
    raise SystemExit(1 if complaints else 0)


if __name__ == '__main__':
    main()
