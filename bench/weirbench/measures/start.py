"""What does Weir cost before it does anything, and what does the first answer of a large document cost?"""

import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from weirbench.report import Section, mebibytes, milliseconds
from weirbench.weir import NPM_PAGE, PYPI_PAGE, packument_path, page_path

# DESIGN's budgets: seconds, bytes, bytes, seconds, microseconds.
START, IDLE, BINARY, RENDER, DECISION = 0.3, 40 * 2**20, 60_000_000, 0.020, 2.0
ROUNDS = 7
# Seconds for the bench of the policy, which is built first.
PATIENCE = 900
ROOT = Path(__file__).resolve().parents[3]

TEXT = """
*First answer*: from the start of the process until a package's page, which was kept by an earlier run, has been received.
*Idle*: resident memory a second after the start, all advisories loaded. *Cold document*: the first request for the page after
a start, which reads the kept upstream document, parses it, matches advisories, judges all releases and renders; upstream is
not asked. Medians of {rounds}.
"""


def run(bench):
    section = Section("start", "Start, idle, cold document", TEXT.format(rounds=ROUNDS))
    place = bench.fresh.copy(bench.home / "start")
    page, packument = page_path(bench.tree.page), packument_path(bench.tree.packument)
    with place.serve() as weir:
        weir.get(page, PYPI_PAGE)
        weir.get(packument, NPM_PAGE)
    starts, idle, cold, small = [], [], [], []
    for _ in range(ROUNDS):
        with place.serve(page, PYPI_PAGE) as weir:
            starts.append(weir.first_answer)
        with place.serve() as weir:
            time.sleep(1)
            idle.append(weir.memory())
            cold.append(_timed(bench, weir, packument, NPM_PAGE))
            small.append(_timed(bench, weir, page, PYPI_PAGE))
    first = statistics.median(starts)
    others = _peers(bench)
    section.add("start to first answer", milliseconds(first), "; ".join(f"{n}: {s:.1f} s" for n, s, _ in others) or "–",
                budget="≤ 0.3 s", holds=first <= START)
    resident = statistics.median(idle)
    section.add("idle memory", mebibytes(resident), "; ".join(f"{n}: {mebibytes(m)}" for n, _, m in others) or "–",
                budget="≤ 40 MiB", holds=resident <= IDLE)
    size = bench.binary.stat().st_size
    section.add("binary", f"{size / 1e6:.1f} MB", budget="≤ 60 MB", holds=size <= BINARY)
    section.add("cold document, npm, 2,000 versions", milliseconds(statistics.median(cold)), budget="≤ 20 ms",
                holds=statistics.median(cold) <= RENDER)
    section.add("cold document, PyPI, 840 files", milliseconds(statistics.median(small)))
    decisions, why_not = _decision(bench)
    for name, time_taken in decisions:
        section.add(f"policy decision: {name}", f"{time_taken:.2f} µs", budget="≤ 2 µs", holds=time_taken <= DECISION)
    if why_not:
        # The rows above took their time; they are not lost with this one.
        section.add("policy decision", "–", why_not, budget="≤ 2 µs")
    return section


def _timed(bench, weir, path, headers):
    began = time.monotonic()
    status, _, body = weir.get(path, {**headers, "Accept-Encoding": "identity"})
    taken = time.monotonic() - began
    if status != 200 or not body:
        bench.problem(f"{path} is answered with {status} after a start")
    return taken


def _peers(bench):
    """Name, seconds to the first answer and idle memory of each peer that can be had."""
    found = []
    if bench.plan.peers:
        for peer in bench.peers.values():
            if peer.server:
                found.append((peer.server.name, peer.first_answer, peer.idle))
    return found


def _decision(bench):
    """The lines of `cargo bench -p weir-policy -- judge,`, and why there are none."""
    if not bench.plan.peers:
        return [], None
    if not shutil.which("cargo"):
        return [], "there is no cargo"
    command = ["cargo", "bench", "-q", "-p", "weir-policy", "--", "judge,"]
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return [], f"`cargo bench` took more than {PATIENCE} s"
    found = re.findall(r"^(judge, .*?) +([\d.]+) µs", ran.stdout, re.M)
    return [(name.strip(), float(micros)) for name, micros in found], None if found else "`cargo bench` failed"
