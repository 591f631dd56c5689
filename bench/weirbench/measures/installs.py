"""How long does a real client take? pip and npm install a set, warm, and for the first time from an upstream far away."""

import json
import shutil
import statistics
import subprocess
import time

from weirbench import tools
from weirbench.relay import Relay
from weirbench.report import Section
from weirbench.weir import environment

# DESIGN: warm beside nginx, warm beside direct, first time beside direct.
WARM, DIRECT, FIRST = 1.10, 1.00, 1.15
# Seconds of a round trip to the upstream, in the rows that say so: a registry on the same continent.
ROUND_TRIP = 0.020
PATIENCE = 300

TEXT = """
`pip install` of {pypi} packages ({pypi_mb:.0f} MB) into an empty folder and `npm ci` of {npm} packages, without the client's
own cache. *Warm*: Weir has everything; beside it the same from nginx with the files on disk. *Far*: the upstream is {trip:.0f} ms
away (a relay holds each request back), beside it the client straight at that upstream. The client's own work, which is the
same on both sides, is most of the time.
"""


def run(bench):
    files = [bench.tree.files[f"{name.replace('-', '_')}-2.0.0-py3-none-any.whl"] for name in bench.tree.pypi_set]
    section = Section("installs", "Installs", TEXT.format(
        pypi=len(files), pypi_mb=sum(file.size for file in files) / 1e6, npm=len(bench.tree.npm_set), trip=ROUND_TRIP * 1e3,
    ))
    counter = iter(range(10**6))

    def fresh():
        """An empty Weir in front of the far upstream, for one install."""
        return bench.fresh.copy(bench.home / f"install-{next(counter)}", far=bench.tree.far).serve()

    with Relay(bench.tree.far_port, bench.upstream.port, ROUND_TRIP):
        for client, install, weir_path, direct_path, peer in (
            ("pip install", _pip(bench), "/dev/pypi/simple/", "/simple/", "devpi"),
            ("npm ci", _npm(bench), "/dev/npm/", "/npm/", "verdaccio"),
        ):
            if install is None:
                section.add(client, "–", "the client cannot be installed")
                continue
            try:
                _rows(bench, section, client, install, weir_path, direct_path, peer, fresh)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                bench.problem(f"{client}: {error}")
    return section


def _rows(bench, section, client, install, weir_path, direct_path, peer, fresh):
    warm, far = bench.weir.url + weir_path, bench.tree.far + direct_path
    install(warm)
    pairs = bench.in_turns(lambda: install(warm), lambda: install(bench.upstream.url + direct_path))
    _row(section, f"{client}, warm", pairs, "nginx", WARM)
    pairs = bench.in_turns(lambda: install(warm), lambda: install(far))
    _row(section, f"{client}, warm, far", pairs, "direct", DIRECT)
    pairs = bench.in_turns(lambda: _with(fresh(), lambda weir: install(weir.url + weir_path)), lambda: install(far))
    _row(section, f"{client}, first time, far", pairs, "direct", FIRST)
    other = bench.peers.get(peer)
    if other and other.server:
        theirs = other.server.url + other.index
        install(theirs)
        pairs = bench.in_turns(lambda: install(warm), lambda: install(theirs))
        _row(section, f"{client}, warm", pairs, other.server.name, None)
    elif other:
        section.add(f"{client}, warm", "–", f"{peer}: {other.why_not}")


def _row(section, what, pairs, peer, at_most):
    ratios = [ours / theirs for ours, theirs in pairs]
    middle = statistics.median(ratios)
    ours, theirs = (statistics.median(side) for side in zip(*pairs))
    section.add(what, f"{ours:.2f} s", f"{peer}: {theirs:.2f} s", f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                f"≤ {at_most:.2f}" if at_most else "–", middle <= at_most if at_most else None)


def _with(server, work):
    with server:
        return work(server)


def _pip(bench):
    """Installs the Python set from an index, and tells how long it took."""
    try:
        python = tools.pip()
    except tools.Missing:
        return None
    target, names = bench.home / "pip-target", bench.tree.pypi_set

    def install(index):
        return _timed(target, [
            python, "-m", "pip", "--isolated", "install", "-q", "--disable-pip-version-check", "--no-cache-dir", "--no-compile",
            "--no-input", "--only-binary", ":all:", "--target", target, "--index-url", index, *names[:3],
        ], len(names), lambda: len(list(target.glob("*.dist-info"))))
    return install


def _npm(bench):
    """Installs the npm set from a registry, and tells how long it took."""
    npm = shutil.which("npm")
    if not npm:
        return None
    project, cache = bench.home / "npm-project", bench.home / "npm-cache"
    project.mkdir(exist_ok=True)
    tops = {name: "^2.0.0" for name, _, _ in bench.tree.npm_set[:3]}
    (project / "package.json").write_text(json.dumps({"name": "bench", "version": "1.0.0", "dependencies": tops}))
    # Without addresses, as lock files are with `omit-lockfile-registry-resolved`: they are good for any registry.
    packages = {"": {"name": "bench", "version": "1.0.0", "dependencies": tops}}
    for name, needs, integrity in bench.tree.npm_set:
        packages[f"node_modules/{name}"] = {"version": "2.0.0", "integrity": integrity, "dependencies": needs}
    lock = {"name": "bench", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": packages}
    (project / "package-lock.json").write_text(json.dumps(lock))

    def install(registry):
        shutil.rmtree(project / "node_modules", ignore_errors=True)
        return _timed(cache, [
            npm, "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", cache, "--registry", registry,
            "--userconfig", bench.home / "npmrc-user", "--globalconfig", bench.home / "npmrc-global", "--prefix", project, "--replace-registry-host", "never",
        ], len(packages) - 1, lambda: len(list((project / "node_modules").glob("bench-*"))))
    return install


def _timed(clear, command, expected, count):
    shutil.rmtree(clear, ignore_errors=True)
    foreign = ("PIP_", "NPM_CONFIG_", "npm_config_")
    clean = {name: value for name, value in environment().items() if not name.startswith(foreign)}
    began = time.monotonic()
    ran = subprocess.run([str(part) for part in command], env=clean, capture_output=True, text=True, timeout=PATIENCE)
    taken = time.monotonic() - began
    if ran.returncode or count() != expected:
        raise RuntimeError(f"{command[0]} failed or installed {count()} of {expected}:\n{(ran.stderr + ran.stdout)[-1500:]}")
    return taken
