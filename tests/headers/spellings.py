#!/usr/bin/env python3
"""A driver that spells every header its own way compiles: the WDK's names, its own in another case or with backslashes, and
the headers of software tracing.

usage: spellings.py SPELLINGS_SCRIPT WDK_FOLDER SPELLINGS_FOLDER CC [FLAGS...]
"""
import os
import subprocess
import sys
import tempfile

script, wdk, spelled, cc, flags = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]

FILES = {
    'src/driver.c': r'''
#include "FltKernel.h"
#include <Ntstrsafe.h>
#include <fltkernel.h>
#include "..\Inc\Public.h"
#include "LOCAL.H"
#include "Trace.h"
#include "driver.tmh"
LONG f(PFLT_INSTANCE instance)
{
    TraceEvents(TRACE_LEVEL_ERROR, FLAG, "%p", instance);
    return PUBLIC_CONSTANT + LOCAL_CONSTANT;
}
''',
    'src/Local.h': '#define LOCAL_CONSTANT 1\n',
    'src/trace.h': '// begin_wpp config\n// FUNC TraceEvents(LEVEL, FLAGS, MSG, ...);\n// end_wpp\n',
    'inc/public.h': '#define PUBLIC_CONSTANT 2\n',
}

with tempfile.TemporaryDirectory() as folder:
    for name, text in FILES.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
    out = os.path.join(folder, 'out')
    subprocess.run([sys.executable, script, '--driver', folder, out], check=True)
    subprocess.run([cc, '-std=gnu11', '-Werror', '-fsyntax-only'] + flags +
                   ['-I' + wdk, '-I' + spelled, '-I' + os.path.join(out, 'up/up/up/up'), 'driver.c'],
                   cwd=os.path.join(folder, 'src'), check=True)
