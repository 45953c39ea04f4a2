"""Runs the Meson tests of a build folder and closes with the line "N passed, N failed, N skipped".

usage: test.py BUILD SANITIZER SUITE [NAME...]
"""
import json
import os
import subprocess
import sys

build, sanitizer, suite, names = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
command = ['meson', 'test', '-C', build, '--no-rebuild', '--print-errorlogs']
if sanitizer != 'none':
    command += ['--timeout-multiplier', '10']
if suite:
    command += ['--suite', suite]
if sanitizer == 'thread':
    command += ['--no-suite', 'coop']
if names:
    known = json.loads(subprocess.run(['meson', 'introspect', '--tests', build], capture_output=True, check=True).stdout)
    chosen = [t['name'] for t in known if any(n in t['name'] for n in names)]
    if not chosen:
        sys.exit('tests/run: no test has a name that contains ' + ' or '.join(names))
    command += chosen

env = dict(os.environ)
env.setdefault('ASAN_OPTIONS', 'detect_stack_use_after_return=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:'
               'handle_sigill=0:allow_user_segv_handler=1')
env.setdefault('UBSAN_OPTIONS', 'halt_on_error=1:print_stacktrace=1')
env.setdefault('TSAN_OPTIONS', 'halt_on_error=1:second_deadlock_stack=1:handle_segv=0')
code = subprocess.run(command, env=env).returncode

passed = failed = skipped = 0
log = os.path.join(build, 'meson-logs', 'testlog.json')
try:
    with open(log) as lines:
        for line in lines:
            result = json.loads(line)['result']
            passed += result in ('OK', 'EXPECTEDFAIL')
            skipped += result == 'SKIP'
            failed += result not in ('OK', 'EXPECTEDFAIL', 'SKIP')
except OSError:
    failed += 1
print('%d passed, %d failed, %d skipped' % (passed, failed, skipped), flush=True)
sys.exit(code or bool(failed) or not passed)
