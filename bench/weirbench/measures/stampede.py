"""What happens when many ask at once for a wheel that Weir does not have? One fetch, and everyone gets the whole of it."""

import statistics

from weirbench import load
from weirbench.report import Section, mebibytes
from weirbench.weir import file_path

TEXT = """
{clients} clients ask at the same moment for a wheel of {size:,} bytes that Weir does not hold. The upstream gives it at
36 MB/s and counts how often it is asked; each client hashes what it gets. Beside it: the same clients at nginx with the file
on its disk (what moving and hashing that many bytes takes here), at nginx as a caching proxy, and one client straight at the
upstream.
"""


def run(bench):
    clients = bench.plan.stampede
    files = bench.tree.big[1 : 1 + bench.plan.rounds]
    section = Section("stampede", "Cold stampede", TEXT.format(clients=clients, size=files[0].size))
    walls, held, proxied, directs, growth, fetches = [], [], [], [], [], []
    for number, file in enumerate(files):
        upstream_path = f"/throttled/{file.name}"
        directs.append(load.crowd(bench.upstream.port, upstream_path, 1, file.size, file.sha256).seconds)
        before = bench.upstream.count(upstream_path)
        with bench.fresh.copy(bench.home / f"stampede-{number}").serve() as weir:
            path, idle = file_path(weir, "heavy", file.name), weir.memory()
            with load.Sampler(weir) as memory:
                got = load.crowd(weir.port, path, clients, file.size, file.sha256)
        walls.append(got.seconds)
        growth.append(memory.most - idle)
        fetches.append(bench.upstream.count(upstream_path) - before)
        if got.problems:
            bench.problem(f"stampede: {len(got.problems)} of {clients} did not get {file.name}: {got.problems[0]}")
        if fetches[-1] != 1:
            bench.problem(f"stampede: {fetches[-1]} fetches of {file.name}")
        there = bench.nginx.put(file.name, (bench.tree.root / "files" / file.name).read_bytes())
        held.append(load.crowd(bench.nginx.port, there, clients, file.size, file.sha256).seconds)
        proxied.append(load.crowd(bench.nginx.proxy, upstream_path, clients, file.size, file.sha256).seconds)
    wall = statistics.median(walls)
    section.add("upstream fetches", ", ".join(map(str, fetches)), budget="1", holds=set(fetches) == {1})
    section.add(f"all {clients} have the whole, right bytes", f"{wall:.1f} s",
                f"nginx, file on disk: {statistics.median(held):.1f} s",
                f"{statistics.median(a / b for a, b in zip(walls, held)):.2f}")
    section.add("the same, cold on both sides", f"{wall:.1f} s", f"nginx, caching proxy: {statistics.median(proxied):.1f} s",
                f"{statistics.median(a / b for a, b in zip(walls, proxied)):.2f}")
    section.add("one direct download", "–", f"upstream: {statistics.median(directs):.1f} s")
    section.add("memory above idle, peak", mebibytes(max(growth)))
    return section
