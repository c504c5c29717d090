"""Runs the command lines of a JSON list one after the other, and prints for each how it ended, what it wrote to stderr,
the most memory that it had (KiB) and how long it took (s)."""
import json
import os
import subprocess
import sys
import time

answers = []
for command in json.load(sys.stdin):
    begun = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    errors = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    answers.append({"code": code, "errors": errors, "memory": usage.ru_maxrss, "seconds": time.monotonic() - begun})
json.dump(answers, sys.stdout)
