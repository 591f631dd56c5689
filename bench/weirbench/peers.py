"""How are devpi and Verdaccio run? Each as its documentation says, as a mirror of the same upstream."""

import base64
import json
import subprocess
import urllib.request
from dataclasses import dataclass

from weirbench import tools
from weirbench.server import Server, free_port
from weirbench.weir import environment


@dataclass
class Peer:
    """A peer that runs, or why it does not."""

    server: Server | None
    why_not: str = ""
    version: str = ""
    index: str = ""
    first_answer: float = 0.0
    idle: int = 0


def devpi(home, upstream):
    """devpi with `root/pypi` as a mirror of the upstream."""
    binaries = tools.devpi()
    data, port = home / "data", free_port()
    home.mkdir(parents=True)
    settings = {"type": "mirror", "mirror_url": f"{upstream}/simple/", "mirror_cache_expiry": 3600}
    subprocess.run([binaries / "devpi-init", "--serverdir", data, "--no-root-pypi"], check=True, capture_output=True)
    command = [binaries / "devpi-server", "--serverdir", data, "--host", "127.0.0.1", "--port", port]
    server = Server("devpi", command, port, home / "out.log", environment())
    try:
        first_answer = server.wait("/+api")
        _devpi_mirror(server, settings)
    except BaseException:
        server.stop()
        raise
    return Peer(server, version=tools.DEVPI.split("==")[1], index="/root/mirror/+simple/", first_answer=first_answer)


def _devpi_mirror(server, settings):
    """Makes the mirror index, as `devpi login root` and `devpi index -c` do."""
    def put(path, body, token=None):
        request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        request.method = "POST" if path == "/+login" else "PUT"
        if token:
            request.add_header("X-Devpi-Auth", base64.b64encode(f"root:{token}".encode()).decode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    token = put("/+login", {"user": "root", "password": ""})["result"]["password"]
    put("/root/mirror", settings, token)


def verdaccio(home, upstream):
    """Verdaccio with the upstream as its only uplink."""
    node, program = tools.verdaccio()
    home.mkdir(parents=True)
    port, config = free_port(), home / "config.yaml"
    config.write_text(_VERDACCIO.format(home=home, upstream=upstream))
    command = [node, program, "--config", config, "--listen", f"127.0.0.1:{port}"]
    server = Server("Verdaccio", command, port, home / "out.log", environment())
    first_answer = server.wait("/-/ping")
    return Peer(server, version=tools.VERDACCIO, index="/", first_answer=first_answer)


KNOWN = {"devpi": devpi, "verdaccio": verdaccio}


def start(stack, make, home, upstream):
    """A running peer, or why there is none."""
    try:
        peer = make(home, upstream)
    except (tools.Missing, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        return Peer(None, str(error).strip().splitlines()[0][:200])
    stack.enter_context(peer.server)
    peer.idle = peer.server.memory()
    return peer


_VERDACCIO = """
storage: {home}/storage
uplinks:
  upstream:
    url: {upstream}/npm/
    maxage: 60m
packages:
  '**':
    access: $all
    proxy: upstream
log: {{ type: stdout, format: pretty, level: warn }}
"""
