"""How is a result written down? As rows: Weir, who stands beside it, the ratio, the budget, and whether it holds."""

import os
import re
import statistics
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path


@dataclass
class Row:
    """One measure. `ratio` is Weir's value by the other's, or the value itself where the budget is absolute."""

    what: str
    weir: str
    beside: str = "–"
    ratio: str = "–"
    budget: str = "–"
    holds: bool | None = None

    def cells(self):
        verdict = {True: "holds", False: "**misses**", None: "–"}[self.holds]
        return [self.what, self.weir, self.beside, self.ratio, self.budget, verdict]


@dataclass
class Section:
    """What one measure found. `key` marks its place in the document; `text` says how it was measured."""

    key: str
    title: str
    text: str
    rows: list = field(default_factory=list)
    after: str = ""

    def add(self, *cells, **named):
        self.rows.append(Row(*cells, **named))

    def markdown(self):
        head = ["What", "Weir", "Beside it", "Ratio", "Budget", "Verdict"]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(row.cells()) + " |" for row in self.rows]
        after = f"\n\n{self.after.strip()}" if self.after else ""
        return f"## {self.title}\n\n{self.text.strip()}\n\n" + "\n".join(lines) + after

    def print(self):
        print(f"\n{self.title}", flush=True)
        cells = [row.cells() for row in self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(6)] if cells else []
        for row in cells:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)
        if self.after:
            print("\n" + self.after.strip(), flush=True)


def ratio_row(what, pairs, show, peer, at_least=None, at_most=None, value=lambda load: load.rate):
    """A row of two sides measured in turns: medians of each side, and the median of the ratios of neighbours."""
    ratios = [value(ours) / value(theirs) for ours, theirs in pairs if value(theirs)]
    if not ratios:
        ours = _median_of([pair[0] for pair in pairs], value)
        seconds = max(pair[1].seconds for pair in pairs)
        return Row(what, show(ours), f"{peer}: no answer within {seconds:.0f} s")
    middle = statistics.median(ratios)
    holds, budget = None, "–"
    if at_least is not None:
        holds, budget = middle >= at_least, f"≥ {at_least:.2f}"
    if at_most is not None:
        holds, budget = middle <= at_most, f"≤ {at_most:.2f}"
    ours = _median_of([pair[0] for pair in pairs], value)
    theirs = _median_of([pair[1] for pair in pairs], value)
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return Row(what, show(ours), f"{peer}: {show(theirs)}", f"{_short(middle)}{spread}", budget, holds)


def rate(load):
    """Requests a second with the latencies that half and 99 % of them stay within."""
    return f"{load.rate:,.0f}/s{_rest(load)}"


def megabytes(load):
    return f"{load.megabytes:,.0f} MB/s{_rest(load)}"


def _rest(load):
    cost = f"{load.cost * 1e6:,.0f} µs" if load.cost < 0.001 else milliseconds(load.cost)
    return f"; p50 {milliseconds(load.p50)}, p99 {milliseconds(load.p99)}; CPU {cost}"


def milliseconds(seconds):
    return f"{seconds * 1e3:.{2 if seconds < 0.01 else 1 if seconds < 0.1 else 0}f} ms"


def mebibytes(count):
    return f"{count / 2**20:.1f} MiB"


def document(path: Path, section, versions):
    """Puts a section into the document, in its place; the others stay as they are."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = dict(re.findall(r"<!-- section: ([a-z-]+) -->\n(.*?)\n<!-- end -->", text, re.S))
    kept[section.key] = f"{section.markdown()}\n\n{_when(versions)}"
    ordered = [key for key in ORDER if key in kept]
    body = "\n\n".join(f"<!-- section: {key} -->\n{kept[key]}\n<!-- end -->" for key in ordered)
    path.write_text(_HEAD + "\n" + body + "\n", encoding="utf-8")


def machine():
    """The size of the machine, without its name."""
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) / 2**20
    return f"{os.cpu_count()} cores, {memory:.0f} GiB"


def _when(versions):
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"Measured on {date.today().isoformat()}: {machine()}; {named}."


def _median_of(loads, value):
    return sorted(loads, key=value)[(len(loads) - 1) // 2]


def _short(ratio):
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


ORDER = ("pages", "artifacts", "stampede", "memory", "start", "cran", "installs", "eviction", "soak")

_HEAD = """<!-- Written by bench/run; each section by the run that measured it. -->

# Benchmarks

Weir beside nginx, devpi and Verdaccio: the same bytes, on one machine, over loopback, in one run. `bench/run` makes this page
([how](../../bench/README.md)).

**Ratios are what counts.** The load generator shares the cores with the servers, and other work may run on the machine, so
that absolute figures are of little use elsewhere. Weir and its peer are therefore measured in turns (A B, B A, A B), the ratio
is taken of neighbours, and the table gives the median of the ratios with the smallest and largest. A budget is what Weir
promises itself; a row without one is there to know. *p50* and *p99* are latencies; *CPU* is the server's processor time for one
request, the figure that other work on the machine changes least.

Weir runs with the policy of its first start, real advisories imported, and every request recorded. Peers apply no policy.
nginx serves files from disk with `sendfile` and writes no log: it is the limit, not a competitor.
"""
