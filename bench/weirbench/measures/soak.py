"""Does memory stay flat? Half an hour of everything that people do, at a moderate rate, with memory read every ten seconds."""

import json
import random
import statistics
import threading
import time

from weirbench import load
from weirbench.report import Section, mebibytes
from weirbench.weir import NPM_PAGE, PYPI_PAGE, file_path, packument_path, page_path

# Requests in a second, by so many clients; what a few hundred developers and their CI do.
RATE, CLIENTS = 60, 12
SAMPLE = 10
# Less than the wheels that are asked for, so that some are evicted and fetched again.
LIMIT_MIB = 160
# Growth in an hour that is still called flat, after the first third: less than a hundredth of a small machine's memory.
FLAT = 8 * 2**20

TEXT = """
{minutes:.0f} minutes at {rate} requests/s by {clients} clients: pages of {packages} packages in three codings (more than fit
in the memory for pages), a packument of 2,000 versions, wheels from 1 kB to 300 kB, an 18 MB wheel now and then, conditional requests,
ranges, names that do not exist, files that are refused, transfers that the client gives up, explanations, and `feeds import` of
the same advisories every five minutes. `[cache] limit-mib = {limit}`. Resident memory every {sample} s; the slope is that of a
straight line through the last two thirds.
"""


def run(bench, minutes=30):
    section = Section("soak", "Memory over time", TEXT.format(
        minutes=minutes, rate=RATE, clients=CLIENTS, packages=len(bench.tree.soak), limit=LIMIT_MIB, sample=SAMPLE))
    place = bench.fresh.copy(bench.home / "soak", more=f"cache.limit-mib = {LIMIT_MIB}")
    outcomes, samples = {}, []
    with place.serve() as weir:
        idle, until = weir.memory(), time.monotonic() + minutes * 60
        work = _Work(bench, weir)
        clients = [threading.Thread(target=work.client, args=(seed, until, outcomes)) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        began, imported = time.monotonic(), 0
        while (now := time.monotonic()) < until:
            samples.append((now - began, weir.memory(), weir.memory("RssAnon")))
            if (now - began) // 300 > imported:
                imported += 1
                place.import_advisories(bench.advisories)
            time.sleep(min(SAMPLE, max(0.0, until - time.monotonic())))
        for client in clients:
            client.join()
    for what, count in sorted(outcomes.items()):
        if what.startswith("wrong"):
            bench.problem(f"soak: {count} times {what}")
    steady = [sample for sample in samples if sample[0] >= minutes * 20]
    slope = _slope(steady) * 3600
    done = sum(outcomes.values())
    section.add("idle, after the start", mebibytes(idle))
    section.add("median of the last two thirds", mebibytes(statistics.median(size for _, size, _ in steady)))
    section.add("most", mebibytes(max(size for _, size, _ in samples)))
    section.add("slope", f"{slope / 2**20:+.1f} MiB an hour", budget=f"≤ {mebibytes(FLAT)} an hour", holds=slope <= FLAT)
    section.add("requests", f"{done:,} ({done / minutes / 60:.0f}/s)")
    told = ", ".join(f"{what} {count:,}" for what, count in sorted(outcomes.items(), key=lambda item: -item[1]))
    minute = [samples[at] for at in range(0, len(samples), max(1, round(60 / SAMPLE) * 2))]
    section.after = (f"Answers: {told}.\n\n```text\n{_spark([size for _, size, _ in samples])}\n```\n\n"
                     "| Minute | Resident | of it anonymous |\n|---|---|---|\n"
                     + "\n".join(f"| {at / 60:.0f} | {mebibytes(size)} | {mebibytes(anon)} |" for at, size, anon in minute))
    return section


class _Work:
    """What one request of the mix is."""

    def __init__(self, bench, weir):
        self.weir, self.tree = weir, bench.tree
        # As many as were asked for by each path, found once: a client knows them from the page.
        self.files = [
            (file_path(weir, name, f"{name.replace('-', '_')}-2.0.0-py3-none-any.whl"),
             bench.tree.files[f"{name.replace('-', '_')}-2.0.0-py3-none-any.whl"]) for name in bench.tree.soak
        ]
        self.big = [(file_path(weir, "heavy", file.name), file) for file in bench.tree.big]
        self.refused = _refused(weir, bench.tree.page)
        self.kinds = [
            (40, self.page), (20, self.wheel), (12, self.unchanged), (5, self.packument), (5, self.part), (5, self.absent),
            (5, self.refusal), (3, self.explain), (3, self.given_up), (1, self.large),
        ]

    def client(self, seed, until, outcomes):
        """Asks at its share of the rate until it is time."""
        dice = random.Random(seed)
        weights = [weight for weight, _ in self.kinds]
        next_at = time.monotonic() + dice.random()
        while next_at < until:
            time.sleep(max(0.0, next_at - time.monotonic()))
            next_at += CLIENTS / RATE
            kind = dice.choices(self.kinds, weights)[0][1]
            try:
                told = kind(dice)
            except Exception as error:
                told = f"wrong: {kind.__name__}: {type(error).__name__}: {error}"
            outcomes[told] = outcomes.get(told, 0) + 1

    def page(self, dice):
        return self._status(page_path(dice.choice(self.tree.soak)), 200, "page", {**PYPI_PAGE, **_coding(dice)})

    def packument(self, dice):
        return self._status(packument_path(self.tree.packument), 200, "packument", {**NPM_PAGE, **_coding(dice)})

    def wheel(self, dice):
        return self._whole(*dice.choice(self.files), "wheel")

    def large(self, dice):
        return self._whole(*dice.choice(self.big), "large wheel")

    def unchanged(self, dice):
        path = page_path(dice.choice(self.tree.soak))
        tag = self.weir.get(path, PYPI_PAGE)[1].get("etag", "")
        return self._status(path, 304, "not modified", {**PYPI_PAGE, "If-None-Match": tag})

    def part(self, dice):
        path, file = dice.choice(self.files)
        return self._status(path, 206, "range", {"Range": f"bytes=0-{file.size // 2}"})

    def absent(self, dice):
        return self._status(page_path(f"absent-{dice.randrange(50)}"), 404, "absent")

    def refusal(self, _):
        return self._status(self.refused, 403, "refused")

    def explain(self, dice):
        decision = self.weir.get(self.refused)[1].get("weir-decision", "")
        return self._status(f"/d/{decision}", 200, "explanation", {"Accept": "text/html"} if dice.random() < 0.5 else {})

    def given_up(self, dice):
        path, _ = dice.choice(self.big)
        with load.socket.create_connection(("127.0.0.1", self.weir.port), timeout=30) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            connection.recv(65_536)
        return "given up"

    def _whole(self, path, file, what):
        got = load.crowd(self.weir.port, path, 1, file.size, file.sha256)
        return what if got.whole else f"wrong: {what}: {got.problems}"

    def _status(self, path, expected, what, headers=None):
        status, _, _ = self.weir.get(path, headers)
        return what if status == expected else f"wrong: {what} was answered with {status}"


def _refused(weir, package):
    """The path of a file that the page shows as refused."""
    files = json.loads(weir.get(page_path(package), PYPI_PAGE)[2])["files"]
    file = next((entry["filename"] for entry in files if entry["yanked"]), None)
    if not file:
        raise RuntimeError(f"nothing of {package} is refused: are there advisories?")
    return file_path(weir, package, file)


def _coding(dice):
    return {"Accept-Encoding": dice.choice(("gzip", "gzip, zstd", "identity"))}


def _slope(samples):
    """Bytes in a second, by least squares."""
    if len(samples) < 2:
        return 0.0
    at, sizes = [sample[0] for sample in samples], [sample[1] for sample in samples]
    middle, level = statistics.mean(at), statistics.mean(sizes)
    return sum((x - middle) * (y - level) for x, y in zip(at, sizes)) / sum((x - middle) ** 2 for x in at)


def _spark(sizes):
    bars, most = "▁▂▃▄▅▆▇█", max(sizes)
    sizes = sizes[:: max(1, -(-len(sizes) // 90))]
    return "".join(bars[min(7, int(size / most * 8))] for size in sizes) + f"  0 to {mebibytes(most)}"
