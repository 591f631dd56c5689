"""How is a server started, watched and ended? Only what was started here is ended, by its own process id."""

import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

# How long a server may take to answer for the first time; devpi takes ten seconds.
PATIENCE = 90


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that listens on loopback, and its memory."""

    def __init__(self, name, command, port, log: Path, environment=None):
        self.name, self.port, self.log = name, port, log
        self.began = time.monotonic()
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=environment, start_new_session=True,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def wait(self, path="/", headers=None):
        """Waits until `path` is answered, by whatever status below 500, and tells after how many seconds it was."""
        while True:
            try:
                if self.get(path, headers, timeout=PATIENCE)[0] < 500:
                    return time.monotonic() - self.began
            except (OSError, http.client.HTTPException):
                pass
            if self.process.poll() is not None or time.monotonic() - self.began > PATIENCE:
                raise RuntimeError(f"{self.name} does not answer:\n{self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.001)

    def get(self, path, headers=None, timeout=60):
        """Status, headers and body of one GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def tree(self):
        """Its process id, and those of its children."""
        found = [self.process.pid]
        for pid in found:
            children = Path(f"/proc/{pid}/task/{pid}/children")
            found += [int(child) for child in children.read_text().split()] if children.exists() else []
        return found

    def memory(self, what="VmRSS"):
        """Resident memory in bytes, of all its processes. `VmHWM` is the most since `forget_peak`."""
        return sum(_status(pid, what) for pid in self.tree())

    def cpu(self):
        """Seconds of processor time that its processes have used so far."""
        ticks = 0
        for pid in self.tree():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return ticks / os.sysconf("SC_CLK_TCK")

    def forget_peak(self):
        for pid in self.tree():
            try:
                Path(f"/proc/{pid}/clear_refs").write_text("5")
            except OSError:
                pass

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def _status(pid, what):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(what + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
