"""Runs the command blocks of a README as a new user would, and fails where one fails.

In a ```console block, a line that begins with `$ ` is a command, lines after it are its output (shown, not compared: it
has dates and ids in it). A comment line `<!-- fails: TEXT -->` before a block says that its last command must fail and
print TEXT; `<!-- prints: TEXT -->` that it must succeed and print TEXT. A command that ends in ` serve` is started in the
background and waited for until it listens; it is stopped at the end. A here-document ends in END. `<!-- skip: WHY -->` leaves a block out.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time


def blocks(text):
    pattern = re.compile(r"((?:<!-- \w+: .*? -->\n)*)```console\n(.*?)```", re.S)
    for comments, body in pattern.findall(text):
        marks = dict(re.findall(r"<!-- (\w+): (.*?) -->", comments))
        commands, here = [], False
        for line in body.splitlines():
            if here:
                commands[-1] += "\n" + line
                here = line != "END"
            elif line.startswith("$ "):
                commands.append(line[2:])
                here = line.endswith("<<'END'")
        yield marks, commands


def main(path):
    home = tempfile.mkdtemp(prefix="weir-readme-")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_FIND_LINKS", "WEIR_"))}
    environment.update(HOME_FOR_README=home)
    server, ran = None, 0
    try:
        for marks, commands in blocks(open(path, encoding="utf-8").read()):
            if "skip" in marks:
                print(f"-- left out ({marks['skip']}): {commands}")
                continue
            for at, command in enumerate(commands):
                print(f"$ {command}", flush=True)
                ran += 1
                if command.endswith(" serve"):
                    log = open(os.path.join(home, "serve.log"), "w+", encoding="utf-8")
                    server = subprocess.Popen(
                        command.split(), env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                    )
                    wait(server, log.name)
                    continue
                done = subprocess.run(
                    ["bash", "-c", command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    text=True, timeout=1800,
                )
                print(done.stdout[-4000:], flush=True)
                last = at == len(commands) - 1
                expected = marks.get("fails") or marks.get("prints")
                if last and "fails" in marks:
                    assert done.returncode != 0, f"`{command}` should fail"
                else:
                    assert done.returncode == 0, f"`{command}` ended with {done.returncode}"
                if last and expected:
                    assert expected in done.stdout, f"`{command}` should print `{expected}`"
    finally:
        if server is not None and server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=60)
    print(f"readme: {ran} passed, 0 failed")


def wait(server, log):
    for _ in range(1800):
        text = open(log, encoding="utf-8").read()
        if "listening on http://" in text:
            print(text, flush=True)
            return
        assert server.poll() is None, f"serve ended early:\n{text}"
        time.sleep(0.5)
    raise AssertionError("serve does not listen")


if __name__ == "__main__":
    main(sys.argv[1])
