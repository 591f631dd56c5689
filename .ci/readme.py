"""Runs the command blocks of a README as a new user would, and fails where one fails.

    python3 .ci/readme.py README.md [--debug]

In a ```console block, a line that begins with `$ ` is a command, lines after it are its output (shown, not compared: it
has dates and ids in it). A here-document begins with <<'END' and ends in END. A comment line before a block:

    <!-- skip: WHY -->      leaves the block out
    <!-- prints: TEXT -->   its last command must succeed and print TEXT
    <!-- fails: TEXT -->    its last command must fail and print TEXT

A command that ends in ` serve` is started in the background, waited for until it listens, and stopped at the end, with
everything that it started and nothing else. All other commands run in one shell, so that `cd` and `export` last.

Everything happens in a fresh folder under the target directory, from which cargo finds the workspace and in which `target`
leads to the target directory: a `weir-data` that is in the checkout stays as it is. `--debug` builds without --release.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Settings of the machine's own package managers, and of a Weir that it may have, are not the reader's.
FOREIGN = ("PIP_", "UV_", "NPM_CONFIG_", "YARN_", "CARGO_REGISTR", "CARGO_SOURCE_", "WEIR_", "PYTHON", "VIRTUAL_ENV")
PATIENCE = 1800


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


class Shell:
    """One bash for all commands. Each is a file that it reads, so that none can eat the next."""

    def __init__(self, home, environment):
        self.script = home / "command"
        self.end = f"--{os.getpid()}-{time.monotonic_ns()}--"
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=home, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )

    def run(self, command):
        self.script.write_text(command + "\n", encoding="utf-8")
        self.process.stdin.write(f"source '{self.script}' </dev/null; printf '\\n%s %s\\n' '{self.end}' $?\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.startswith(self.end):
                return int(line.split()[1]), "".join(printed).rstrip("\n")
            printed.append(line)
        raise AssertionError(f"`{command}` ended the shell:\n" + "".join(printed))


def serve(command, home, environment):
    log = home / "serve.log"
    with log.open("w", encoding="utf-8") as out:
        server = subprocess.Popen(
            command.split(), cwd=home, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        text = log.read_text(encoding="utf-8")
        if "listening on http://" in text:
            # The token is shown once, to the one who started it; a log of this run is not the place.
            print(re.sub(r"weir_[0-9a-f]{12}_[0-9a-f]{64}", "weir_…", text), flush=True)
            return server
        if server.poll() is not None:
            raise AssertionError(f"`{command}` ended early:\n{text}")
        time.sleep(0.2)
    stop(server)
    raise AssertionError(f"`{command}` does not listen")


def stop(process):
    """Stops a process and what it started: they are a group of their own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main(path, debug):
    root = Path(path).resolve().parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).resolve()
    (root / "target").mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="readme-", dir=root / "target"))
    (home / "target").symlink_to(target)
    (home / "tmp").mkdir()
    environment = {
        key: value for key, value in os.environ.items() if not key.upper().startswith(FOREIGN) or key == "PYTHONPATH"
    }
    environment |= {
        "CARGO_TARGET_DIR": str(target), "TMPDIR": str(home / "tmp"), "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "npm_config_userconfig": str(home / "npmrc"), "npm_config_cache": str(home / "npm-cache"),
        "npm_config_update_notifier": "false",
    }
    server, shell, ran = None, Shell(home, environment), 0
    try:
        for marks, commands in blocks(Path(path).read_text(encoding="utf-8")):
            if "skip" in marks:
                print(f"-- left out ({marks['skip']}): {'; '.join(commands)}\n")
                continue
            for at, command in enumerate(commands):
                print(f"$ {command}", flush=True)
                if debug:
                    command = command.replace(" --release", "").replace("target/release", "target/debug")
                ran += 1
                if command.endswith(" serve"):
                    assert server is None, "one `serve` is enough"
                    server = serve(command, home, environment)
                    continue
                code, printed = shell.run(command)
                print(printed[-4000:] + "\n", flush=True)
                expected = {} if at < len(commands) - 1 else marks
                if "fails" in expected:
                    assert code != 0, f"`{command}` should fail"
                else:
                    assert code == 0, f"`{command}` ended with {code}"
                for text in (expected.get("fails"), expected.get("prints")):
                    assert text is None or text in printed, f"`{command}` should print `{text}`"
        assert ran, f"{path} has no commands"
    except AssertionError as error:
        log = home / "serve.log"
        if log.exists():
            print("-- the end of the server's log:\n" + log.read_text(encoding="utf-8")[-4000:])
        print(f"{path}: {error}")
        print(f"readme: {max(ran - 1, 0)} passed, 1 failed")
        return 1
    finally:
        for process in (server, shell.process):
            if process is not None:
                stop(process)
        shutil.rmtree(home, ignore_errors=True)
    print(f"readme: {ran} passed, 0 failed")
    return 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.exit(main(arguments[0] if arguments else "README.md", "--debug" in sys.argv))
