"""src/README.md walks one create through the code: is each function where the page says? usage: walk.py ROOT"""
import os
import re
import sys

root = sys.argv[1]
wrong = []
rows = 0
for line in open(os.path.join(root, 'src/README.md'), encoding='utf-8'):
    match = re.search(r'\| `(\w+)` \| `([\w/.]+)` \|$', line.rstrip())
    if not match:
        continue
    rows += 1
    function, path = match.groups()
    try:
        text = open(os.path.join(root, 'src', path), encoding='utf-8').read()
    except OSError:
        wrong.append('src/%s: there is no such file' % path)
        continue
    if not re.search(r'^[A-Za-z][\w \t*]*\b%s\(' % function, text, re.M):
        wrong.append('src/%s does not define %s' % (path, function))
if rows < 20:
    wrong.append('src/README.md has only %d steps that name a function and its file' % rows)
for text in wrong:
    print('src/README.md: ' + text)
print('%d steps' % rows)
sys.exit(bool(wrong))
