#!/usr/bin/env python3
"""Writes the table that prints statuses by name, from the one list in include/wdk/nt/status.h."""
import re
import sys


def main(source, target):
    names = {}
    for line in open(source, encoding="utf-8"):
        match = re.match(r"#define (\w+) \(\(NTSTATUS\)(0x[0-9A-Fa-f]+)L?\)", line)
        if match:
            names.setdefault(int(match.group(2), 16), match.group(1))
    with open(target, "w", encoding="utf-8") as out:
        out.write("static const struct { uint32_t value; const char *name; } statuses[] = {\n")
        for value in sorted(names):
            out.write('    {0x%08Xu, "%s"},\n' % (value, names[value]))
        out.write("};\n")


main(sys.argv[1], sys.argv[2])
