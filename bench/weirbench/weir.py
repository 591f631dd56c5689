"""Weir as people run it: the default policy, accounting on, advisories where the machine has them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from weirbench.server import Server, free_port

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
PYPI_PAGE = {"Accept": SIMPLE_JSON}
NPM_PAGE = {"Accept": "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"}

_CONFIG = """
feeds.sync = false
upstream.pypi.url = "{pypi}"
upstream.npm.url = "{npm}"
{more}
"""


class Place:
    """A data directory that can be served from, copied, and thrown away."""

    def __init__(self, binary: Path, home: Path, upstream: str):
        self.binary, self.home, self.data, self.upstream = binary, home, home / "data", upstream
        self.data.mkdir(parents=True)
        self.configure()

    def configure(self, far=None, more=""):
        """Sets the upstream and whatever else."""
        base = far or self.upstream
        config = _CONFIG.format(pypi=f"{base}/simple/", npm=f"{base}/npm/", more=more)
        (self.data / "weir.toml").write_text(config)

    def import_advisories(self, source: Path):
        """Real ones beside the checkout, or one written here. Returns what was imported, for the page."""
        folders = [source / name for name in ("pypi", "npm-node-wg", "crates.io", "malicious-ossf", "kev")]
        present = [folder for folder in folders if folder.is_dir()]
        if not present:
            record = self.home / "advisory.json"
            record.write_text(json.dumps(_ADVISORY))
            present = [record]
        for path in present:
            subprocess.run(
                [self.binary, "--data", self.data, "feeds", "import", path], check=True, env=environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        status = subprocess.run(
            [self.binary, "--data", self.data, "feeds", "status"], env=environment(), capture_output=True, text=True,
        )
        return status.stdout

    def copy(self, home: Path, far=None, more=""):
        """The same place again, to be used up."""
        other = object.__new__(Place)
        other.binary, other.home, other.data, other.upstream = self.binary, home, home / "data", self.upstream
        shutil.copytree(self.data, other.data, ignore=shutil.ignore_patterns("lock"))
        other.configure(far, more)
        return other

    def serve(self, wait="/healthz", headers=None):
        """A running Weir; `first_answer` is how many seconds it took until `wait` was answered."""
        port = free_port()
        command = [self.binary, "--data", self.data, "serve", "--listen", f"127.0.0.1:{port}"]
        server = Server("weir", command, port, self.home / "weir.log", environment())
        try:
            server.first_answer = server.wait(wait, headers)
        except BaseException:
            server.stop()
            raise
        return server


def page_path(name):
    return f"/dev/pypi/simple/{name}/"


def packument_path(name):
    return f"/dev/npm/{name}"


def file_path(server, package, file):
    """The path of a file as Weir's page names it."""
    status, _, body = server.get(page_path(package), PYPI_PAGE)
    if status != 200:
        raise RuntimeError(f"the page of {package} is answered with {status}")
    url = next(entry["url"] for entry in json.loads(body)["files"] if entry["filename"] == file)
    return "/" + url.split("://", 1)[-1].split("/", 1)[1] if "://" in url else url


def environment():
    """The machine's own settings and proxies have no place here."""
    def foreign(name):
        return name.upper().startswith("WEIR_") or name.upper().endswith("_PROXY")
    return {name: value for name, value in os.environ.items() if not foreign(name)}


_ADVISORY = {
    "id": "BENCH-1", "modified": "2026-01-01T00:00:00Z",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [{"package": {"ecosystem": "PyPI", "name": "django"},
                  "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2.0"}, {"fixed": "3.2.0"}]}]}],
}
