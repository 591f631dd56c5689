"""How much memory do many readers of a large file take?"""

from weirbench import load
from weirbench.report import Section, mebibytes
from weirbench.weir import file_path

READERS = 64
# DESIGN: at most this above idle.
BUDGET = 64 * 2**20

TEXT = """
Resident memory of a server that has just started and given one page and one file (the kernel's high-water mark) above what it
was before, while {readers} clients read a wheel of {size:,} bytes that is held: as fast as they can, and slowly (64 KiB, a
pause of 20 ms, and so on). Then the same of a wheel that Weir does not hold yet.
"""


def run(bench):
    warm, cold = bench.tree.big[0], bench.tree.big[1]
    section = Section("memory", "Memory under readers", TEXT.format(readers=READERS, size=warm.size))
    there = bench.nginx.put(warm.name, (bench.tree.root / "files" / warm.name).read_bytes())
    for what, file, slow in (("fast readers", warm, False), ("slow readers", warm, True), ("readers, cold", cold, False)):
        pace = {"pause": 0.02, "chunk": 65_536} if slow else {}
        with bench.fresh.copy(bench.home / f"memory-{what.replace(' ', '-')}").serve() as weir:
            weir.get(file_path(weir, "heavy", warm.name))
            idle, grown = weir.memory(), _growth(bench, weir, file_path(weir, "heavy", file.name), file, pace)
        beside = f"nginx: +{mebibytes(_growth(bench, bench.nginx, there, warm, pace))}" if file is warm else "–"
        section.add(f"{READERS} {what}", f"{mebibytes(idle)} + {mebibytes(grown)}", beside,
                    budget=f"≤ + {mebibytes(BUDGET)}", holds=grown <= BUDGET)
    return section


def _growth(bench, server, path, file, pace):
    before = server.memory()
    with load.Sampler(server) as memory:
        got = load.crowd(server.port, path, READERS, file.size, file.sha256, **pace)
    if got.problems:
        bench.problem(f"{server.name}: {len(got.problems)} of {READERS} readers: {got.problems[0]}")
    return max(0, memory.most - before)
