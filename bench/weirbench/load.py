"""How is load made? wrk where counting is enough; threads of our own where every byte is checked."""

import hashlib
import json
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

# wrk prints for people; this prints its numbers. Latencies are in microseconds.
_SCRIPT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests":%d,"bytes":%d,"microseconds":%d,"p50":%d,"p99":%d,"failed":%d}\\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass
class Load:
    """What wrk measured."""

    requests: int
    bytes: int
    seconds: float
    p50: float
    p99: float
    failed: int
    cpu: float

    @property
    def cost(self):
        """Seconds of the server's processor time for a request: what other work on the machine changes least."""
        return self.cpu / self.requests if self.requests else 0.0

    @property
    def rate(self):
        """Requests in a second."""
        return self.requests / self.seconds

    @property
    def megabytes(self):
        """10⁶ bytes in a second."""
        return self.bytes / self.seconds / 1e6


def wrk(server, path, connections, seconds, headers=None):
    """Keeps `connections` to a server busy for `seconds`. Latencies in seconds."""
    url, used = server.url + path, server.cpu()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT)
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name]
        for name, value in (headers or {}).items():
            command += ["-H", f"{name}: {value}"]
        out = subprocess.run([*command, url], check=True, capture_output=True, text=True, timeout=seconds + 90).stdout
    found = json.loads(out.split("RESULT ", 1)[1])
    return Load(
        found["requests"], found["bytes"], found["microseconds"] / 1e6, found["p50"] / 1e6, found["p99"] / 1e6,
        found["failed"], server.cpu() - used,
    )


@dataclass
class Crowd:
    """What many readers of one file got."""

    seconds: float
    whole: int
    problems: list


def crowd(port, path, readers, size, sha256, pause=0.0, chunk=262_144):
    """`readers` ask for one file at the same moment and hash all that they get. With `pause` they read slowly: so many
    seconds between two chunks."""
    gate = threading.Barrier(readers + 1)
    results = [None] * readers

    def reader(index):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
                gate.wait()
                results[index] = _read(connection, path, size, sha256, pause, chunk)
        except Exception as error:  # a reader that fails is a result, not the end of the run
            results[index] = f"{type(error).__name__}: {error}"
            gate.abort()

    threads = [threading.Thread(target=reader, args=(index,), daemon=True) for index in range(readers)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    problems = [result for result in results if result is not None]
    return Crowd(time.monotonic() - began, readers - len(problems), problems)


def _read(connection, path, size, sha256, pause, chunk):
    """None if the whole file came with the right bytes, else what is wrong."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(65_536)
        if not more:
            return f"ended within the head: {head[:200]!r}"
        head += more
    head, body = head.split(b"\r\n\r\n", 1)
    status = head.split(b"\r\n", 1)[0].decode(errors="replace")
    if " 200" not in status:
        return status
    hashed, count, buffer = hashlib.sha256(body), len(body), bytearray(chunk)
    while count < size:
        if pause:
            time.sleep(pause)
        got = connection.recv_into(buffer)
        if not got:
            return f"ended after {count} of {size} bytes"
        hashed.update(memoryview(buffer)[:got])
        count += got
    return None if hashed.hexdigest() == sha256 else "other bytes"


class Sampler:
    """Watches a server's memory while something goes on."""

    def __init__(self, server, interval=0.02):
        self.server, self.interval, self.most = server, interval, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(self.interval):
            self.most = max(self.most, self.server.memory())

    def __enter__(self):
        self.server.forget_peak()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        # The kernel's own high-water mark misses nothing between two samples.
        self.most = max(self.most, self.server.memory("VmHWM"))

