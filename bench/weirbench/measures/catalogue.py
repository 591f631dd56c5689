"""What does a conda channel of conda-forge's size cost?"""

import os
import random
import statistics
import subprocess
import time

from weirbench import load
from weirbench.report import Section, mebibytes, milliseconds

RECORDS, NAMES = 400_000, 24_000
# Budgets: seconds, seconds, bytes.
COLD, WARM, PEAK = 1.5, 0.005, 400 * 2**20
ROUNDS = 5

TEXT = """
A generated channel of {records:,} records and {size}, as large as conda-forge's linux-64, served by nginx as `repodata.json.zst`
({packed}). *First*: the first request of all, with the fetch, the cutting and the first page; upstream is a file on this
machine. *Cold*: the first request after a start, from what is kept: the table is read, every record is parsed and judged, the
page written and sent. *Warm*: the same request again with the client's tag, and without. *Peak*: the kernel's high-water mark of
resident memory from the start of the process to its end. The client reads the page to its end. Medians of {rounds}.
"""

POLICY = """
[stage.dev]
license = { deny = ["AGPL-3.0-only"] }
minimum-age = { days = 3 }
denied = ["pkg:conda/package-00042@<2"]
"""

PATH = "/dev/conda/conda-forge/linux-64/repodata.json.zst"


def run(bench):
    plain, packed = _channel(bench.tree.root / "conda-forge" / "linux-64")
    place = bench.fresh.copy(bench.home / "catalogue", more=f'upstream.conda.url = "{bench.tree.base}/conda-forge/"')
    (place.data / "policy.toml").write_text(POLICY)
    text = TEXT.format(records=RECORDS, size=mebibytes(plain), packed=mebibytes(packed), rounds=ROUNDS)
    section = Section("catalogue", "A channel of 400,000 records", text)
    with place.serve() as weir:
        with load.Sampler(weir) as memory:
            first, size, _ = _timed(bench, weir)
        first_peak = memory.most
    colds, warms, tags, peaks = [], [], [], []
    for _ in range(ROUNDS):
        with place.serve() as weir:
            with load.Sampler(weir) as memory:
                cold, _, tag = _timed(bench, weir)
                colds.append(cold)
                warms.append(_timed(bench, weir)[0])
                tags.append(_timed(bench, weir, {"If-None-Match": tag})[0])
            peaks.append(memory.most)
    cold, warm, tag, peak = (statistics.median(values) for values in (colds, warms, tags, peaks))
    section.add("first, with fetch and cutting", f"{first:.2f} s, peak {mebibytes(first_peak)}")
    section.add("cold: judge and write", f"{cold:.2f} s", budget=f"≤ {COLD} s", holds=cold <= COLD)
    section.add("warm, until the page begins", milliseconds(tag), budget="≤ 5 ms", holds=tag <= WARM)
    section.add(f"warm, the whole page ({mebibytes(size)})", milliseconds(warm))
    packed_file = bench.tree.root / "conda-forge" / "linux-64" / "repodata.json.zst"
    unpack, read, pack = _limits(packed_file)
    section.add("beside: `zstd -dc` of the page alone", f"{unpack:.2f} s")
    section.add("beside: the same and `zstd -1` again, nothing judged", f"{pack:.2f} s")
    section.add("beside: the same and Python's `json.loads`", f"{read:.2f} s")
    section.add("peak", mebibytes(peak), budget=f"≤ {mebibytes(PEAK)}", holds=max(peak, first_peak) <= PEAK)
    return section


def _timed(bench, weir, headers=None):
    began = time.monotonic()
    status, answer, body = weir.get(PATH, headers, timeout=300)
    took = time.monotonic() - began
    if status not in (200, 304):
        bench.problem(f"catalogue: {PATH} answered {status}")
    return took, len(body), answer.get("etag")


def _limits(packed):
    """What others need to unpack the page; to unpack and parse it; to unpack and pack it. In seconds."""
    python = "import json, sys; json.loads(sys.stdin.buffer.read())"

    def timed(command):
        began = time.monotonic()
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, env={**os.environ, "P": str(packed), "READ": python})
        return time.monotonic() - began

    return (
        timed('zstd -dcq "$P" > /dev/null'),
        timed('zstd -dcq "$P" | python3 -c "$READ"'),
        timed('zstd -dcq "$P" | zstd -1 -cq > /dev/null'),
    )


def _channel(place):
    """Writes the channel. Returns its size, plain and packed, in bytes."""
    place.mkdir(parents=True, exist_ok=True)
    numbers = random.Random(20261001)
    plain = place / "repodata.json"
    licenses = ["MIT", "BSD-3-Clause", "Apache-2.0", "GPL-3.0-or-later", "LGPL-2.1-only", "AGPL-3.0-only"]
    with plain.open("w") as out:
        out.write('{"info":{"subdir":"linux-64"},"packages":{},"packages.conda":{')
        separator = ""
        for at in range(RECORDS):
            name, number = f"package-{at * NAMES // RECORDS:05}", at % (RECORDS // NAMES + 1)
            version, build = f"{1 + number // 4}.{number % 4}.0", f"py31{number % 4}h{numbers.getrandbits(28):07x}_0"
            depends = ",".join(
                f'"package-{numbers.randrange(NAMES):05} >={numbers.randrange(9)}.{numbers.randrange(20)},<{numbers.randrange(9, 20)}.0a0"'
                for _ in range(8)
            )
            sha256, md5 = f"{numbers.getrandbits(256):064x}", f"{numbers.getrandbits(128):032x}"
            out.write(
                f'{separator}"{name}-{version}-{build}.conda":{{"build":"{build}","build_number":0,"depends":[{depends}],'
                f'"indexed_timestamp":{1_600_000_000_000 + at * 100_000},"license":"{licenses[numbers.randrange(60) % 6 if numbers.randrange(10) == 0 else at % 5]}",'
                f'"md5":"{md5}","name":"{name}","sha256":"{sha256}","size":{numbers.randrange(10**4, 10**8)},'
                f'"subdir":"linux-64","timestamp":{1_600_000_000_000 + at * 100_000},"version":"{version}"}}'
            )
            separator = ","
        out.write('},"removed":[],"repodata_version":1}')
    subprocess.run(["zstd", "-q", "-f", "-3", plain, "-o", f"{plain}.zst"], check=True)
    size = plain.stat().st_size
    plain.unlink()
    return size, (place / "repodata.json.zst").stat().st_size
