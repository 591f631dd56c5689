"""What all measures share: the servers that run, how long to measure, and what went wrong."""

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from weirbench import nginx, peers, upstream, weir
from weirbench.server import free_port


@dataclass
class Plan:
    """How much is measured."""

    connections: tuple
    seconds: int
    rounds: int
    stampede: int
    peers: bool


SHORT = Plan(connections=(16, 512), seconds=2, rounds=2, stampede=50, peers=False)
FULL = Plan(connections=(1, 16, 64, 512), seconds=3, rounds=3, stampede=200, peers=True)
# The same without devpi and Verdaccio.
ALONE = Plan(connections=(1, 16, 64, 512), seconds=3, rounds=3, stampede=200, peers=False)


@dataclass
class Bench:
    """Servers that are up for the whole run."""

    plan: Plan
    binary: Path
    home: Path
    tree: upstream.Tree
    upstream: nginx.Upstream
    nginx: nginx.Plain
    place: weir.Place
    fresh: weir.Place
    weir: object
    versions: dict
    advisories: Path
    peers: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    def problem(self, text):
        """Something that is wrong whatever the machine: it fails the run."""
        self.problems.append(text)
        print(f"  problem: {text}", flush=True)

    def in_turns(self, ours, theirs):
        """Measures both sides, in turns and in alternating order."""
        pairs = []
        for turn in range(self.plan.rounds):
            first, second = (ours, theirs) if turn % 2 == 0 else (theirs, ours)
            a, b = first(), second()
            pairs.append((a, b) if turn % 2 == 0 else (b, a))
        return pairs


def open_bench(plan, binary, advisories, stack: ExitStack):
    """Starts what every measure needs; `stack` ends it."""
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-")))
    # Of the binary as it is now: a build in the meantime does not change what is measured.
    own = home / "weir-binary"
    shutil.copy(binary, own)
    port = free_port()
    tree = upstream.make(home / "tree", f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}/far")
    source = stack.enter_context(nginx.Upstream(home / "upstream", tree.root, port))
    plain = stack.enter_context(nginx.Plain(home / "nginx", source.url))
    fresh = weir.Place(own, home / "fresh", source.url)
    told = fresh.import_advisories(advisories)
    place = fresh.copy(home / "weir")
    running = stack.enter_context(place.serve())
    versions = {"Weir": _version([own, "--version"]), "nginx": _version(["nginx", "-v"]), "wrk": _version(["wrk", "-v"])}
    bench = Bench(plan, own, home, tree, source, plain, place, fresh, running, versions, advisories)
    if plan.peers:
        bench.peers = {name: peers.start(stack, make, home / name, source.url) for name, make in peers.KNOWN.items()}
        versions |= {peer.server.name: peer.version for peer in bench.peers.values() if peer.server}
    print(f"advisories: {told.strip()}", flush=True)
    return bench


def _version(command):
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    line = (ran.stdout + ran.stderr).strip().splitlines()[0]
    words = line.replace("/", " ").split()
    return next((word for word in words if word[0].isdigit()), line)
