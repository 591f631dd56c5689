"""Does a cache limit hold under load, and what does it cost? More wheels than fit are read by many at once."""

import threading
import time

from weirbench import load
from weirbench.report import Section, mebibytes
from weirbench.weir import file_path

LIMIT_MIB = 96
READERS = 8
SECONDS = {True: 30, False: 8}
# What may lie beside the limit: files on their way, and those that are read while they are evicted.
SLACK = 2.0

TEXT = """
`[cache] limit-mib = {limit}`; {readers} clients read {count} wheels of {size:,} bytes in turn ({all_mib:.0f} MiB together) for
{seconds} s, so that every few reads one is evicted and fetched again (the upstream gives each at 36 MB/s). Each client hashes
all it gets. *On disk* is the most that the store's files came to at any moment, spool and running transfers included.
"""


def run(bench):
    files = bench.tree.big
    seconds = SECONDS[bench.plan.rounds > 2]
    section = Section("eviction", "Cache limit under load", TEXT.format(
        limit=LIMIT_MIB, readers=READERS, count=len(files), size=files[0].size,
        all_mib=sum(file.size for file in files) / 2**20, seconds=seconds,
    ))
    place = bench.fresh.copy(bench.home / "eviction", more=f"cache.limit-mib = {LIMIT_MIB}")
    with place.serve() as weir:
        paths = [file_path(weir, "heavy", file.name) for file in files]
        idle, reads, problems, most = weir.memory(), [], [], 0
        until = time.monotonic() + seconds

        def reader(number):
            turn = number
            while time.monotonic() < until:
                file, path = files[turn % len(files)], paths[turn % len(files)]
                got = load.crowd(weir.port, path, 1, file.size, file.sha256)
                reads.append(got.whole)
                problems.extend(got.problems)
                turn += 5  # coprime to the number of wheels: each reader comes by all of them

        threads = [threading.Thread(target=reader, args=(number,)) for number in range(READERS)]
        with load.Sampler(weir, 0.2) as memory:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                most = max(most, _size(place.data))
                time.sleep(0.2)
        fetches = sum(bench.upstream.count(f"/throttled/{file.name}") for file in files)
    for problem in problems[:3]:
        bench.problem(f"eviction: {problem}")
    if most > LIMIT_MIB * 2**20 * SLACK + READERS * files[0].size:
        bench.problem(f"eviction: {mebibytes(most)} on disk with a limit of {LIMIT_MIB} MiB")
    section.add("whole, right files", f"{sum(reads)} of {len(reads)} ({sum(reads) * files[0].size / seconds / 1e6:.0f} MB/s)",
                budget="all", holds=sum(reads) == len(reads))
    section.add("fetched from upstream", f"{fetches}")
    section.add("on disk at most", mebibytes(most), budget=f"{LIMIT_MIB} MiB and what is on its way")
    section.add("memory above idle", mebibytes(max(0, memory.most - idle)))
    return section


def _size(data):
    """Bytes of all blobs and spools; files come and go while this looks."""
    total = 0
    for path in (data / "blobs").rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            pass
    return total
